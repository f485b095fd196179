//! [`NetworkClient`]: sends requests to brokers and hands back what they answered.
//!
//! Its host opens connections and moves frames; the client above it decides what to send. In between it asks each broker
//! what it speaks, picks versions, matches answers, gives up in time, and keeps the metadata fresh.

use super::network::Network;
use super::peer::AnyRequest;
use super::{ClientInput, ClientOutput, ClusterMetadata};
use crate::ids::NodeId;
use crate::protocol::{DecodeError, ErrorCode, Request, decode_response};
use crate::rng::Rng;
use crate::sorted::{SortedMap, SortedSet};
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::vec::Vec;
use bytes::Bytes;

/// What this client calls its software (KIP-511).
pub(super) const SOFTWARE_NAME: &str = "broker-playground";

/// What a client is given once.
#[derive(Clone, Debug)]
pub struct NetworkConfig {
    /// `client.id`.
    pub client_id: Str,
    /// `bootstrap.servers`.
    pub bootstrap: Vec<(Str, u16)>,
    /// `request.timeout.ms`.
    pub request_timeout: Duration,
    /// `metadata.max.age.ms`.
    pub metadata_max_age: Duration,
    /// Whether asking for a topic may create it.
    pub allow_auto_topic_creation: bool,
    /// The bootstrap servers are controllers (`bootstrap.controllers`): the metadata is that of the quorum.
    pub is_for_controllers: bool,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To this broker. Answered [`RequestFailed::Disconnected`] at once where it is not known.
    Node(NodeId),
    /// To the broker with the least to do; waits until one is reachable.
    Any,
}

/// How a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestOptions {
    /// No later version than that, where the request's content does not fit one.
    pub max_version: Option<i16>,
    /// Other than the client's `request.timeout.ms`.
    pub timeout: Option<Duration>,
    /// False for what a broker never answers (Produce with `acks=0`): answered with no bytes once sent.
    pub is_answered: bool,
}

impl Default for RequestOptions {
    fn default() -> Self {
        Self { max_version: None, timeout: None, is_answered: true }
    }
}

/// Why no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFailed {
    /// The connection broke or never came; the broker may have acted all the same.
    Disconnected,
    /// `request.timeout.ms` passed; the connection was closed.
    TimedOut,
    /// The broker has no version of this API that we have. Nothing was sent.
    UnsupportedVersion,
}

/// What came of a request.
#[derive(Clone, Debug)]
pub struct Answer<P> {
    /// As given to [`NetworkClient::send`].
    pub purpose: P,
    /// Who was asked; `None` for a bootstrap server or where nobody was.
    pub node: Option<NodeId>,
    /// The version it was sent in; `None` where it never went out.
    pub version: Option<i16>,
    /// The response's frame.
    pub result: Result<Bytes, RequestFailed>,
}

/// Why an [`Answer`] has no response.
#[derive(Clone, Debug, PartialEq)]
pub enum AnswerError {
    /// None came.
    Failed(RequestFailed),
    /// It is not what the schema says.
    Malformed(DecodeError),
}

/// What Kafka's clients write to their log as a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A connection could not be opened.
    NotEstablished {
        /// Its id; -1, -2 … for bootstrap servers in their order.
        node: NodeId,
        /// Where it was to be.
        host: Str,
        /// Its port.
        port: u16,
    },
    /// The servers to begin with are brokers where controllers were meant: there will be no metadata.
    WrongKind {
        /// What they said.
        error: ErrorCode,
        /// In their words.
        message: Str,
    },
    /// The metadata has errors; most of them may mend themselves.
    MetadataErrors {
        /// The question's.
        correlation_id: i32,
        /// By topic.
        topics: Vec<(Str, ErrorCode)>,
    },
}

impl<P> Answer<P> {
    /// The response to a request of type `R`.
    pub fn decode<R: Request>(&self) -> Result<R::Response, AnswerError> {
        let bytes = self.result.as_ref().map_err(|failed| AnswerError::Failed(*failed))?;
        // What was answered was sent.
        decode_response::<R>(self.version.unwrap_or(0), bytes).map(|answer| answer.1).map_err(AnswerError::Malformed)
    }
}

/// What brokers said of the features that count in the cluster (KIP-584).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterFeatures {
    /// Of the finalized features, the highest seen; -1 before any.
    pub epoch: i64,
    /// Level of `transaction.version`; 0 where it is not finalized.
    pub transaction_version: i16,
}

impl Default for ClusterFeatures {
    fn default() -> Self {
        Self { epoch: -1, transaction_version: 0 }
    }
}

/// See the module. `P` is what the caller remembers of a request.
#[derive(Clone, Debug)]
pub struct NetworkClient<P> {
    network: Network,
    /// By ticket: what is not answered yet.
    purposes: SortedMap<u64, P>,
    next_ticket: u64,
}

impl<P> NetworkClient<P> {
    /// A client that asks for metadata at its first tick. Its connections get ids from `first_connection` on.
    pub fn new(config: NetworkConfig, first_connection: u64, rng: Rng) -> Self {
        let network = Network::new(config, first_connection, rng);
        Self { network, purposes: SortedMap::new(), next_ticket: 0 }
    }

    /// Sends a request, once connected. Requests to one broker keep their order.
    pub fn send<R: Request + Send + Sync + 'static>(&mut self, now: Now, to: Target, request: R, purpose: P) {
        self.send_with(now, to, request, purpose, RequestOptions::default());
    }

    /// As [`NetworkClient::send`], with other than the usual options.
    pub fn send_with<R: Request + Send + Sync + 'static>(
        &mut self,
        now: Now,
        to: Target,
        request: R,
        purpose: P,
        options: RequestOptions,
    ) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.purposes.insert(ticket, purpose);
        self.network.send(now, to, AnyRequest::new(request, options.max_version), ticket, options);
    }

    /// A broker answered that this client is over its quota: nothing more is sent there for so many milliseconds.
    pub fn throttle(&mut self, now: Now, node: NodeId, throttle_ms: i32) {
        self.network.throttle(now, node, throttle_ms);
    }

    /// Until when this client waits for its quota, as the broker said that lets it wait longest; `None` where none does.
    pub fn throttled_until(&self) -> Option<Instant> {
        self.network.throttled_until()
    }

    /// The next answer.
    pub fn poll_answer(&mut self) -> Option<Answer<P>> {
        let Answer { purpose: ticket, node, version, result } = self.network.poll_answer()?;
        // Each ticket is answered once.
        let purpose = self.purposes.remove(&ticket)?;
        Some(Answer { purpose, node, version, result })
    }

    /// `max.in.flight.requests.per.connection`, 100 unless told; later requests wait in order.
    pub fn set_max_in_flight(&mut self, max_in_flight: usize) {
        self.network.set_max_in_flight(max_in_flight);
    }

    /// The cluster as last heard of.
    pub fn metadata(&self) -> &ClusterMetadata {
        self.network.metadata()
    }

    /// The features of the cluster as the newest answer of a broker has them.
    pub fn features(&self) -> ClusterFeatures {
        self.network.features()
    }

    /// Its cluster is the quorum of controllers.
    pub fn is_for_controllers(&self) -> bool {
        self.network.is_for_controllers()
    }

    /// Why there will never be metadata: the servers to begin with are of the wrong kind.
    pub fn fatal(&self) -> Option<&(ErrorCode, Str)> {
        self.network.fatal()
    }

    /// For leaders learnt from other answers (KIP-951).
    pub fn metadata_mut(&mut self) -> &mut ClusterMetadata {
        self.network.metadata_mut()
    }

    /// True while metadata is to be asked for or is being asked for.
    pub fn is_metadata_pending(&self) -> bool {
        self.network.is_metadata_pending()
    }

    /// Keeps metadata of this topic from now on.
    pub fn want_topic(&mut self, topic: &Str) {
        self.network.want_topic(topic);
    }

    /// Keeps metadata of these topics and no others.
    pub fn want_only_topics(&mut self, topics: &SortedSet<Str>) {
        self.network.want_only_topics(topics);
    }

    /// Keeps metadata of every topic, for subscriptions by pattern.
    pub fn want_all_topics(&mut self, all_topics: bool) {
        self.network.want_all_topics(all_topics);
    }

    /// Asks for metadata soon: not before the retry backoff after the last time.
    pub fn refresh_metadata(&mut self) {
        self.network.refresh_metadata();
    }

    /// A broker that was named outside the metadata, as a coordinator or a new leader.
    pub fn learn_broker(&mut self, now: Now, node: NodeId, host: &Str, port: u16) {
        self.network.learn_broker(now, node, host, port);
    }

    /// True where a request to this broker would be sent at once.
    pub fn is_ready(&self, node: NodeId) -> bool {
        self.network.is_ready(node)
    }

    /// Requests to this broker that are not answered yet, sent or not.
    pub fn in_flight(&self, node: NodeId) -> usize {
        self.network.in_flight(node)
    }

    /// Opens a connection to this broker as soon as its backoff allows.
    pub fn connect(&mut self, now: Now, node: NodeId) {
        self.network.connect(now, node);
    }

    /// What the host tells.
    pub fn handle(&mut self, now: Now, input: ClientInput) {
        self.network.handle(now, input);
    }

    /// Gives up what is late, and does what is due.
    pub fn tick(&mut self, now: Now) {
        self.network.tick(now);
    }

    /// When [`NetworkClient::tick`] is due next, and what for.
    pub fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        self.network.next_deadline()
    }

    /// The next warning; the oldest are lost where nobody asks.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.network.poll_notice()
    }

    /// What the host is to do next.
    pub fn poll_output(&mut self) -> Option<ClientOutput> {
        self.network.poll_output()
    }

    /// Closes every connection; what waits is answered [`RequestFailed::Disconnected`].
    pub fn close(&mut self, now: Now) {
        self.network.close(now);
    }
}

#[cfg(test)]
#[path = "network_tests.rs"]
mod tests;
