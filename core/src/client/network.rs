//! [`Network`]: what a [`super::NetworkClient`] is inside: connections, versions, correlation ids, time-outs, metadata. Requests are
//! of no type here, and their purposes numbers: this code is there once for all kinds of clients.

use super::network_client::{
    Answer, ClusterFeatures, NetworkConfig, Notice, RequestFailed, RequestOptions, SOFTWARE_NAME, Target,
};
use super::peer::{AnyRequest, InFlight, Link, Peer, PeerId, Queued, Why, jittered};
use super::{ClientInput, ClientOutput, ClusterMetadata, quorum_metadata};
use crate::ids::{ConnectionId, NodeId};
use crate::protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use crate::protocol::messages::metadata_response::MetadataResponseTopic;
use crate::protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use crate::protocol::{ErrorCode, Request, decode_response};
use crate::rng::Rng;
use crate::sorted::{SortedMap, SortedSet};
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

/// `socket.connection.setup.timeout.ms`.
const CONNECTION_SETUP_TIMEOUT: Duration = Duration::from_secs(10);
/// `retry.backoff.ms`, between two questions for metadata.
const METADATA_BACKOFF: Duration = Duration::from_millis(100);
/// `retry.backoff.max.ms`.
const METADATA_BACKOFF_MAX: Duration = Duration::from_secs(1);
/// The version of `ApiVersions` tried first.
const FIRST_API_VERSIONS: i16 = 4;
/// As many notices are kept for somebody who asks for them.
const MAX_NOTICES: usize = 64;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Network {
    config: NetworkConfig,
    max_in_flight: usize,
    next_connection: ConnectionId,
    next_correlation_id: i32,
    rng: Rng,
    peers: SortedMap<PeerId, Peer>,
    connections: SortedMap<ConnectionId, PeerId>,
    /// Requests for whoever is reachable first.
    for_any: VecDeque<Queued>,
    /// True until the first metadata, and again when no broker of the metadata is reachable.
    is_bootstrapping: bool,
    metadata: ClusterMetadata,
    features: ClusterFeatures,
    refresh: Refresh,
    answers: VecDeque<Answer<u64>>,
    outputs: VecDeque<ClientOutput>,
    /// Bounded: most programs never ask.
    notices: VecDeque<Notice>,
    /// Why there will never be metadata.
    fatal: Option<(ErrorCode, Str)>,
}

/// When to ask for metadata, and for which topics.
#[derive(Clone, Debug)]
struct Refresh {
    topics: SortedSet<Str>,
    all_topics: bool,
    is_wanted: bool,
    is_asked: bool,
    /// A topic was added after the question in flight.
    is_outdated: bool,
    not_before: Instant,
    last: Instant,
    failures: u32,
}

impl Network {
    /// A client that asks for metadata at its first tick. Its connections get ids from `first_connection` on.
    pub(super) fn new(config: NetworkConfig, first_connection: u64, rng: Rng) -> Self {
        let bootstrap = config.bootstrap.iter().enumerate();
        let peers = bootstrap.map(|(index, (host, port))| (PeerId::Bootstrap(index), Peer::new(host.clone(), *port)));
        let refresh = Refresh {
            topics: SortedSet::new(),
            all_topics: false,
            is_wanted: true,
            is_asked: false,
            is_outdated: false,
            not_before: Instant::ZERO,
            last: Instant::ZERO,
            failures: 0,
        };
        Self {
            peers: peers.collect(),
            config,
            max_in_flight: 100,
            next_connection: ConnectionId(first_connection),
            next_correlation_id: 0,
            rng,
            connections: SortedMap::new(),
            for_any: VecDeque::new(),
            is_bootstrapping: true,
            metadata: ClusterMetadata::default(),
            features: ClusterFeatures::default(),
            refresh,
            answers: VecDeque::new(),
            outputs: VecDeque::new(),
            notices: VecDeque::new(),
            fatal: None,
        }
    }

    /// `max.in.flight.requests.per.connection`, 100 unless told; later requests wait in order.
    pub(super) fn set_max_in_flight(&mut self, max_in_flight: usize) {
        self.max_in_flight = max_in_flight.max(1);
    }

    /// The cluster as last heard of.
    pub(super) fn metadata(&self) -> &ClusterMetadata {
        &self.metadata
    }

    /// The features of the cluster as the newest answer of a broker has them.
    pub(super) fn features(&self) -> ClusterFeatures {
        self.features
    }

    /// Its cluster is the quorum of controllers.
    pub(super) fn is_for_controllers(&self) -> bool {
        self.config.is_for_controllers
    }

    /// Why there will never be metadata: the servers to begin with are of the wrong kind.
    pub(super) fn fatal(&self) -> Option<&(ErrorCode, Str)> {
        self.fatal.as_ref()
    }

    /// For leaders learnt from other answers (KIP-951).
    pub(super) fn metadata_mut(&mut self) -> &mut ClusterMetadata {
        &mut self.metadata
    }

    /// True while metadata is to be asked for or is being asked for.
    pub(super) fn is_metadata_pending(&self) -> bool {
        self.refresh.is_wanted || self.refresh.is_asked
    }

    /// Keeps metadata of this topic from now on.
    pub(super) fn want_topic(&mut self, topic: &Str) {
        if !self.refresh.topics.contains(topic) {
            self.refresh.topics.insert(topic.detached());
            self.refresh.wants_more();
        }
    }

    /// Keeps metadata of these topics and no others.
    pub(super) fn want_only_topics(&mut self, topics: &SortedSet<Str>) {
        let has_new = !topics.is_subset(&self.refresh.topics);
        self.refresh.topics = topics.iter().map(Str::detached).collect();
        if has_new {
            self.refresh.wants_more();
        }
    }

    /// Keeps metadata of every topic, for subscriptions by pattern.
    pub(super) fn want_all_topics(&mut self, all_topics: bool) {
        if all_topics && !self.refresh.all_topics {
            self.refresh.wants_more();
        }
        self.refresh.all_topics = all_topics;
    }

    /// Asks for metadata soon: not before the retry backoff after the last time.
    pub(super) fn refresh_metadata(&mut self) {
        self.refresh.is_wanted = true;
    }

    /// A broker that was named outside the metadata, as a coordinator or a new leader.
    pub(super) fn learn_broker(&mut self, now: Now, node: NodeId, host: &Str, port: u16) {
        let id = PeerId::Node(node);
        match self.peers.get(&id) {
            Some(peer) if peer.host == *host && peer.port == port => return,
            Some(_) => self.drop_connection(now.monotonic, id, true),
            None => {}
        }
        self.peers.insert(id, Peer::new(host.detached(), port));
    }

    /// True where a request to this broker would be sent at once.
    pub(super) fn is_ready(&self, node: NodeId) -> bool {
        self.peers
            .get(&PeerId::Node(node))
            .is_some_and(|peer| peer.is_ready() && peer.queue.is_empty() && peer.in_flight.len() < self.max_in_flight)
    }

    /// Requests to this broker that are not answered yet, sent or not.
    pub(super) fn in_flight(&self, node: NodeId) -> usize {
        self.peers.get(&PeerId::Node(node)).map_or(0, Peer::load)
    }

    /// Opens a connection to this broker as soon as its backoff allows.
    pub(super) fn connect(&mut self, now: Now, node: NodeId) {
        if let Some(peer) = self.peers.get_mut(&PeerId::Node(node))
            && peer.link == Link::Idle
        {
            peer.is_wanted = true;
            self.pump(now.monotonic);
        }
    }

    /// A broker answered that this client is over its quota: nothing more is sent there for so many milliseconds.
    pub(super) fn throttle(&mut self, now: Now, node: NodeId, throttle_ms: i32) {
        let wait = u64::try_from(throttle_ms).unwrap_or_default();
        if let Some(peer) = self.peers.get_mut(&PeerId::Node(node)).filter(|_| wait > 0) {
            peer.throttled_until = Some(now.monotonic + Duration::from_millis(wait));
        }
    }

    /// Until when a broker's word holds that this client waits for its quota, the longest of all; `None` where none said so.
    pub(super) fn throttled_until(&self) -> Option<Instant> {
        self.peers.values().filter_map(|peer| peer.throttled_until).max()
    }

    /// Sends a request; the answer names the ticket.
    pub(super) fn send(&mut self, now: Now, to: Target, request: AnyRequest, ticket: u64, options: RequestOptions) {
        let timeout = options.timeout.unwrap_or(self.config.request_timeout);
        let queued = Queued {
            request,
            why: Why::Caller(ticket),
            deadline: now.monotonic + timeout,
            timeout,
            is_answered: options.is_answered,
        };
        match to {
            Target::Any => self.for_any.push_back(queued),
            Target::Node(node) => {
                if let Some(peer) = self.peers.get_mut(&PeerId::Node(node)) {
                    peer.queue.push_back(queued);
                } else {
                    self.refresh.is_wanted = true;
                    self.conclude(now.monotonic, Some(node), None, queued.why, Err(RequestFailed::Disconnected));
                }
            }
        }
        self.pump(now.monotonic);
    }

    /// What the host tells.
    pub(super) fn handle(&mut self, now: Now, input: ClientInput) {
        match input {
            ClientInput::Connected { connection } => self.connected(now, connection),
            ClientInput::Frame { connection, bytes } => self.received(now, connection, bytes),
            ClientInput::ConnectFailed { connection } | ClientInput::Closed { connection } => {
                if let Some(id) = self.connections.get(&connection).copied() {
                    self.note_lost(id);
                    self.drop_connection(now.monotonic, id, false);
                    self.refresh.is_wanted = true;
                }
            }
            ClientInput::Timeout => {}
        }
        self.tick(now);
    }

    /// Gives up what is late, and does what is due.
    pub(super) fn tick(&mut self, now: Now) {
        for peer in self.peers.values_mut() {
            peer.throttled_until = peer.throttled_until.filter(|until| *until > now.monotonic);
        }
        self.expire(now);
        self.ask_for_metadata(now.monotonic);
        self.pump(now.monotonic);
    }

    /// When [`Network::tick`] is due next, and what for.
    pub(super) fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        let metadata = (!self.refresh.is_asked).then(|| (self.metadata_due(), "metadata"));
        let for_any = self.for_any.iter().map(|queued| (queued.deadline, "request.timeout")).min();
        // While a candidate connects, its own deadline is the one; else the next that may be tried.
        let candidates = || self.candidates().filter_map(|id| self.peers.get(&id));
        let retry = (!self.for_any.is_empty() && candidates().all(|peer| peer.link == Link::Idle))
            .then(|| candidates().map(|peer| (peer.retry_at, "reconnect")).min())
            .flatten();
        let peers = self.peers.values().filter_map(Peer::next_deadline);
        metadata.into_iter().chain(for_any).chain(retry).chain(peers).min_by_key(|deadline| deadline.0)
    }

    /// The next warning; the oldest are lost where nobody asks.
    pub(super) fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// The next answer.
    pub(super) fn poll_answer(&mut self) -> Option<Answer<u64>> {
        self.answers.pop_front()
    }

    /// What the host is to do next.
    pub(super) fn poll_output(&mut self) -> Option<ClientOutput> {
        self.outputs.pop_front()
    }

    /// Closes every connection; what waits is answered [`RequestFailed::Disconnected`].
    pub(super) fn close(&mut self, now: Now) {
        let open: Vec<PeerId> = self.connections.values().copied().collect();
        for id in open {
            self.drop_connection(now.monotonic, id, true);
        }
    }
}

impl Refresh {
    fn wants_more(&mut self) {
        self.is_wanted = true;
        self.is_outdated = self.is_asked;
        self.not_before = Instant::ZERO;
    }
}

/// Connections.
impl Network {
    /// Those who may take a request for anybody.
    fn candidates(&self) -> impl Iterator<Item = PeerId> + '_ {
        let known = &self.metadata.brokers;
        self.peers.keys().copied().filter(move |id| match id {
            PeerId::Bootstrap(_) => self.is_bootstrapping,
            PeerId::Node(node) => !self.is_bootstrapping && known.contains_key(node),
        })
    }

    /// Connects and sends as far as possible now.
    fn pump(&mut self, now: Instant) {
        while !self.for_any.is_empty() {
            let Some(id) = self.least_loaded() else {
                self.connect_to_any(now);
                break;
            };
            if let (Some(peer), Some(queued)) = (self.peers.get_mut(&id), self.for_any.pop_front()) {
                peer.queue.push_back(queued);
            }
            self.send_queued(now, id);
        }
        let ids: Vec<PeerId> = self.peers.keys().copied().collect();
        for id in ids {
            let Some(peer) = self.peers.get(&id) else { continue };
            let is_spare = matches!(id, PeerId::Bootstrap(_)) && !self.is_bootstrapping && peer.load() == 0;
            if (peer.is_wanted || !peer.queue.is_empty()) && peer.can_connect(now) {
                self.open(now, id);
            } else if peer.is_ready() && !peer.queue.is_empty() {
                self.send_queued(now, id);
            } else if is_spare && let Some(connection) = peer.connection() {
                self.connections.remove(&connection);
                self.outputs.push_back(ClientOutput::Close { connection });
                if let Some(peer) = self.peers.get_mut(&id) {
                    peer.link = Link::Idle;
                }
            }
        }
    }

    fn least_loaded(&self) -> Option<PeerId> {
        let ready = self.candidates().filter_map(|id| Some((self.peers.get(&id)?, id)));
        ready
            .filter(|(peer, _)| peer.is_ready() && peer.load() < self.max_in_flight)
            .min_by_key(|(peer, _)| peer.load())
            .map(|(_, id)| id)
    }

    /// Opens one connection where none of the candidates has or gets one; goes back to the bootstrap servers where no
    /// broker can be tried now (`metadata.recovery.strategy=rebootstrap`).
    fn connect_to_any(&mut self, now: Instant) {
        let candidates: Vec<PeerId> = self.candidates().collect();
        let links = || candidates.iter().filter_map(|id| self.peers.get(id));
        if links().any(|peer| peer.link != Link::Idle) {
            return;
        }
        let mut open: Vec<PeerId> = candidates.clone();
        open.retain(|id| self.peers.get(id).is_some_and(|peer| peer.can_connect(now)));
        if open.is_empty() && !self.is_bootstrapping {
            self.is_bootstrapping = true;
            self.refresh.is_wanted = true;
            return self.connect_to_any(now);
        }
        let drawn = self.rng.below(open.len() as u64) as usize;
        if let Some(id) = open.get(drawn) {
            self.open(now, *id);
        }
    }

    fn open(&mut self, now: Instant, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let connection = self.next_connection;
        self.next_connection = ConnectionId(connection.0 + 1);
        peer.is_wanted = false;
        peer.link = Link::Connecting { connection, deadline: now + CONNECTION_SETUP_TIMEOUT };
        self.connections.insert(connection, id);
        self.outputs.push_back(ClientOutput::Connect { connection, host: peer.host.clone(), port: peer.port });
    }

    fn connected(&mut self, now: Now, connection: ConnectionId) {
        let Some(peer) = self.connections.get(&connection).and_then(|id| self.peers.get_mut(id)) else { return };
        peer.link = Link::Greeting { connection };
        self.ask_versions(now.monotonic, connection, FIRST_API_VERSIONS);
    }

    fn ask_versions(&mut self, now: Instant, connection: ConnectionId, version: i16) {
        let request = ApiVersionsRequest {
            client_software_name: Str::from_static(SOFTWARE_NAME),
            client_software_version: Str::from_static(env!("CARGO_PKG_VERSION")),
        };
        let bytes = AnyRequest::new(request, None).encode(version, self.next_correlation_id, &self.config.client_id);
        let deadline = now + self.config.request_timeout;
        self.sent(connection, version, Why::ApiVersions, deadline, bytes);
    }

    /// Remembers a request that goes out under the next correlation id.
    fn sent(&mut self, connection: ConnectionId, version: i16, why: Why, deadline: Instant, bytes: Vec<Bytes>) {
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id = correlation_id.checked_add(1).unwrap_or(0);
        if let Some(peer) = self.connections.get(&connection).and_then(|id| self.peers.get_mut(id)) {
            peer.in_flight.push_back(InFlight { correlation_id, version, why, deadline });
            self.outputs.push_back(ClientOutput::Send { connection, bytes });
        }
    }

    fn send_queued(&mut self, now: Instant, id: PeerId) {
        while let Some(peer) = self.peers.get_mut(&id) {
            let Link::Ready { connection } = peer.link else { return };
            if peer.throttled_until.is_some() || peer.in_flight.len() >= self.max_in_flight {
                return;
            }
            let Some(queued) = peer.queue.pop_front() else { return };
            let Some(version) = peer.common_version(&queued.request) else {
                self.conclude(now, id.node(), None, queued.why, Err(RequestFailed::UnsupportedVersion));
                continue;
            };
            let bytes = queued.request.encode(version, self.next_correlation_id, &self.config.client_id);
            if queued.is_answered {
                self.sent(connection, version, queued.why, now + queued.timeout, bytes);
            } else {
                self.next_correlation_id = self.next_correlation_id.checked_add(1).unwrap_or(0);
                self.outputs.push_back(ClientOutput::Send { connection, bytes });
                self.conclude(now, id.node(), Some(version), queued.why, Ok(Bytes::new()));
            }
        }
    }

    fn received(&mut self, now: Now, connection: ConnectionId, bytes: Bytes) {
        let Some(id) = self.connections.get(&connection).copied() else { return };
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let correlation_id = bytes.first_chunk::<4>().map(|id| i32::from_be_bytes(*id));
        // Brokers answer in order; anything else is no Kafka broker.
        let is_next = peer.in_flight.front().map(|sent| sent.correlation_id) == correlation_id;
        let next = if is_next { peer.in_flight.pop_front() } else { None };
        let Some(sent) = next else {
            return self.drop_connection(now.monotonic, id, true);
        };
        if let Why::ApiVersions = sent.why {
            return self.greeted(now, id, connection, sent.version, &bytes);
        }
        self.conclude(now.monotonic, id.node(), Some(sent.version), sent.why, Ok(bytes));
    }

    fn greeted(&mut self, now: Now, id: PeerId, connection: ConnectionId, version: i16, bytes: &Bytes) {
        let error = bytes.get(4..6).and_then(|code| code.first_chunk::<2>()).map(|code| i16::from_be_bytes(*code));
        let body_version = if error == Some(ErrorCode::UnsupportedVersion.code()) { 0 } else { version };
        let decoded = decode_response::<ApiVersionsRequest>(body_version, bytes);
        let Ok((_, response)) = decoded else {
            return self.drop_connection(now.monotonic, id, true);
        };
        let versions = ranges(&response);
        match ErrorCode::from_code(response.error_code) {
            Some(ErrorCode::None) => {
                if response.finalized_features_epoch > self.features.epoch {
                    let mut finalized = response.finalized_features.iter();
                    let transactions = finalized.find(|feature| &*feature.name == "transaction.version");
                    self.features = ClusterFeatures {
                        epoch: response.finalized_features_epoch,
                        transaction_version: transactions.map_or(0, |feature| feature.max_version_level),
                    };
                }
                if let Some(peer) = self.peers.get_mut(&id) {
                    peer.greeted(connection, versions);
                }
            }
            Some(ErrorCode::UnsupportedVersion) if version > 0 => {
                let highest = versions.get(&ApiVersionsRequest::KEY.code()).map_or(0, |range| range.1);
                self.ask_versions(now.monotonic, connection, highest.clamp(0, version - 1));
            }
            _ => self.drop_connection(now.monotonic, id, true),
        }
    }

    fn note(&mut self, notice: Notice) {
        if self.notices.len() == MAX_NOTICES {
            self.notices.pop_front();
        }
        self.notices.push_back(notice);
    }

    fn note_lost(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get(&id) else { return };
        if matches!(peer.link, Link::Connecting { .. }) {
            let node = match id {
                PeerId::Node(node) => node,
                PeerId::Bootstrap(index) => -1 - index as NodeId,
            };
            self.note(Notice::NotEstablished { node, host: peer.host.clone(), port: peer.port });
        }
    }

    /// Forgets a connection, and fails what was sent or was to be sent over it. `close`: the host does not know yet.
    fn drop_connection(&mut self, now: Instant, id: PeerId, close: bool) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if let Some(connection) = peer.connection() {
            self.connections.remove(&connection);
            if close {
                self.outputs.push_back(ClientOutput::Close { connection });
            }
        }
        peer.lost(now, &mut self.rng);
        let sent = core::mem::take(&mut peer.in_flight).into_iter().map(|sent| {
            let failed = if sent.deadline <= now { RequestFailed::TimedOut } else { RequestFailed::Disconnected };
            (Some(sent.version), sent.why, failed)
        });
        let queued =
            core::mem::take(&mut peer.queue).into_iter().map(|queued| (None, queued.why, RequestFailed::Disconnected));
        let lost: Vec<_> = sent.chain(queued).collect();
        for (version, why, failed) in lost {
            self.conclude(now, id.node(), version, why, Err(failed));
        }
    }

    fn expire(&mut self, now: Now) {
        let at = now.monotonic;
        let ids: Vec<PeerId> = self.peers.keys().copied().collect();
        for id in ids {
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            let is_unanswered = peer.in_flight.iter().any(|sent| sent.deadline <= at);
            if is_unanswered || matches!(peer.link, Link::Connecting { deadline, .. } if deadline <= at) {
                self.note_lost(id);
                self.drop_connection(now.monotonic, id, true);
                self.refresh.is_wanted = true;
            } else {
                let late = take_late(&mut peer.queue, at);
                self.give_up(at, id.node(), late);
            }
        }
        let late = take_late(&mut self.for_any, at);
        self.give_up(at, None, late);
    }

    fn give_up(&mut self, now: Instant, node: Option<NodeId>, late: Vec<Queued>) {
        for queued in late {
            self.conclude(now, node, None, queued.why, Err(RequestFailed::TimedOut));
        }
    }

    fn conclude(
        &mut self,
        now: Instant,
        node: Option<NodeId>,
        version: Option<i16>,
        why: Why,
        result: Result<Bytes, RequestFailed>,
    ) {
        match why {
            Why::ApiVersions => {}
            Why::Metadata => self.metadata_answered(now, version.zip(result.ok()).as_ref()),
            Why::Caller(purpose) => self.answers.push_back(Answer { purpose, node, version, result }),
        }
    }
}

/// Metadata.
impl Network {
    fn metadata_due(&self) -> Instant {
        if self.refresh.is_wanted { self.refresh.not_before } else { self.refresh.last + self.config.metadata_max_age }
    }

    fn ask_for_metadata(&mut self, now: Instant) {
        if self.refresh.is_asked || self.metadata_due() > now {
            return;
        }
        let topic = |name: &Str| MetadataRequestTopic { name: Some(name.clone()), ..Default::default() };
        let topics = (!self.refresh.all_topics).then(|| self.refresh.topics.iter().map(topic).collect());
        let request = MetadataRequest {
            topics,
            allow_auto_topic_creation: self.config.allow_auto_topic_creation,
            ..Default::default()
        };
        let timeout = self.config.request_timeout;
        self.refresh.is_asked = true;
        self.refresh.is_outdated = false;
        let request = if self.config.is_for_controllers {
            AnyRequest::new(quorum_metadata::question(), None)
        } else {
            AnyRequest::new(request, None)
        };
        self.for_any.push_front(Queued {
            request,
            why: Why::Metadata,
            deadline: now + timeout,
            timeout,
            is_answered: true,
        });
    }

    fn metadata_answered(&mut self, now: Instant, answer: Option<&(i16, Bytes)>) {
        self.refresh.is_asked = false;
        let response = answer.and_then(|(version, frame)| {
            if self.config.is_for_controllers {
                quorum_metadata::answer(*version, frame)
            } else {
                decode_response::<MetadataRequest>(*version, frame).ok()
            }
        });
        if self.config.is_for_controllers
            && let Some((error, message)) =
                answer.and_then(|(version, frame)| quorum_metadata::refusal(*version, frame))
        {
            self.note(Notice::WrongKind { error, message: message.clone() });
            self.fatal = Some((error, message));
        }
        let Some((correlation_id, response)) =
            response.filter(|(_, response)| response.error_code == ErrorCode::None.code())
        else {
            // Unreadable, unreachable, or told to begin anew (REBOOTSTRAP_REQUIRED): the bootstrap servers know.
            self.is_bootstrapping |= answer.is_some();
            self.refresh.failures = self.refresh.failures.saturating_add(1);
            self.metadata_later(now);
            return;
        };
        let is_incomplete = self.metadata.update(&response);
        if response.topics.iter().any(|topic| topic.error_code != ErrorCode::None.code()) {
            let errors = |topic: &MetadataResponseTopic| {
                let error = ErrorCode::from_code(topic.error_code).filter(|error| error.is_error())?;
                Some((topic.name.clone()?.detached(), error))
            };
            let topics: Vec<_> = response.topics.iter().filter_map(errors).collect();
            if !topics.is_empty() {
                self.note(Notice::MetadataErrors { correlation_id, topics });
            }
        }
        self.refresh.last = now;
        self.refresh.failures = if is_incomplete { self.refresh.failures.saturating_add(1) } else { 0 };
        self.metadata_later(now);
        if self.refresh.is_outdated {
            self.refresh.not_before = now;
        }
        self.refresh.is_wanted = is_incomplete || self.refresh.is_outdated;
        if !self.metadata.brokers.is_empty() {
            self.is_bootstrapping = false;
            self.match_peers(now);
        }
    }

    fn metadata_later(&mut self, now: Instant) {
        let doubled = 1 << self.refresh.failures.saturating_sub(1).min(10);
        let backoff = (METADATA_BACKOFF * doubled).min(METADATA_BACKOFF_MAX);
        self.refresh.not_before = now + jittered(backoff, &mut self.rng);
        self.refresh.is_wanted = true;
    }

    /// A peer for each broker; one that moved is connected anew, one that left is forgotten once idle.
    fn match_peers(&mut self, now: Instant) {
        let brokers: Vec<_> = self.metadata.brokers.iter().map(|(node, at)| (*node, at.clone())).collect();
        for (node, at) in brokers {
            let id = PeerId::Node(node);
            let known = self.peers.get(&id).map(|peer| peer.host == at.host && peer.port == at.port);
            if known == Some(false) {
                self.drop_connection(now, id, true);
            }
            if known != Some(true) {
                self.peers.insert(id, Peer::new(at.host, at.port));
            }
        }
        let brokers = &self.metadata.brokers;
        self.peers.retain(|id, peer| match id {
            PeerId::Bootstrap(_) => true,
            PeerId::Node(node) => brokers.contains_key(node) || peer.link != Link::Idle || peer.load() > 0,
        });
    }
}

fn ranges(response: &ApiVersionsResponse) -> SortedMap<i16, (i16, i16)> {
    response.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version))).collect()
}

fn take_late(queue: &mut VecDeque<Queued>, now: Instant) -> Vec<Queued> {
    if queue.iter().all(|queued| queued.deadline > now) {
        return Vec::new();
    }
    let (late, kept) = core::mem::take(queue).into_iter().partition(|queued| queued.deadline <= now);
    *queue = kept;
    let late: VecDeque<Queued> = late;
    late.into()
}
