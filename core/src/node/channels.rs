//! Connections this node opens to other nodes, one per peer and purpose, as Kafka keeps them apart: the quorum's, the replica
//! fetchers', those to transaction coordinators, those for markers of transactions, and the one to the active controller. Like
//! Kafka's, those to controllers first ask for `ApiVersions`; the others know what the brokers of their release speak.

use super::Output;
use crate::ids::{ConnectionId, NodeId};
use crate::protocol::messages::ApiVersionsRequest;
use crate::protocol::{ApiKey, ErrorCode, Request, decode_response, encode_request};
use crate::rng::Rng;
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Duration, Instant};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

/// A peer and what it is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Channel {
    /// The quorum: Vote, `BeginQuorumEpoch`, Fetch of the metadata log …
    Raft(NodeId),
    /// Fetching from the leaders on that broker.
    Replica(NodeId),
    /// Markers of transactions for the leaders on that broker.
    TransactionMarkers(NodeId),
    /// What leaders of partitions ask the transaction coordinators on that broker.
    AddPartitionsToTxn(NodeId),
    /// What a broker sends to the active controller.
    Controller,
}

/// Where a peer listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// Host.
    pub(super) host: Str,
    /// Port.
    pub(super) port: u16,
}

/// A request that was sent and what to do with its answer.
#[derive(Clone, Debug)]
pub(super) struct Sent<P> {
    /// Its API.
    pub(super) api_key: ApiKey,
    /// Its version.
    pub(super) version: i16,
    /// What the sender wants to remember.
    pub(super) purpose: P,
    correlation_id: i32,
    deadline: Instant,
}

/// To what an answer belongs.
#[derive(Clone, Debug)]
pub(super) enum Answered<P> {
    /// To this request.
    Request(Sent<P>),
    /// To the `ApiVersions` a connection begins with.
    Greeting,
    /// To nothing, or it makes no sense: the connection is of no use any more.
    Nothing,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Connecting,
    /// It stands; the answer to `ApiVersions`, sent with this correlation id, is to come.
    Greeting(i32),
    Ready,
}

#[derive(Clone, Debug)]
struct Open<P> {
    endpoint: Endpoint,
    connection: Option<ConnectionId>,
    progress: Progress,
    unsent: VecDeque<Vec<Bytes>>,
    in_flight: VecDeque<Sent<P>>,
    next_correlation_id: i32,
    failures: u32,
    not_before: Instant,
}

/// All of them. `P` is what a sender remembers of a request.
#[derive(Clone, Debug)]
pub(super) struct Channels<P> {
    client_id: Str,
    open: SortedMap<Channel, Open<P>>,
    connections: SortedMap<ConnectionId, Channel>,
    next_connection: u64,
}

/// `reconnect.backoff.ms` and its maximum, as the brokers' own clients have them.
const RECONNECT_BACKOFF: Duration = Duration::from_millis(50);
const RECONNECT_BACKOFF_MAX: Duration = Duration::from_secs(1);
/// The version in which `ApiVersions` is asked for.
const API_VERSIONS: i16 = 4;

impl<P> Channels<P> {
    /// No connection yet; `client_id` names the node in its requests.
    pub(super) fn new(client_id: Str) -> Self {
        Self { client_id, open: SortedMap::new(), connections: SortedMap::new(), next_connection: 1 }
    }

    /// Sends a request, connecting first where needed. One that cannot be answered by `deadline` fails.
    pub(super) fn send<R: Request>(
        &mut self,
        channel: Channel,
        endpoint: &Endpoint,
        version: i16,
        request: &R,
        purpose: P,
        deadline: Instant,
    ) {
        let client_id = self.client_id.clone();
        let open = self.open.entry(channel).or_insert_with(|| Open::new(endpoint.clone()));
        if open.endpoint != *endpoint && open.connection.is_none() {
            open.endpoint = endpoint.clone();
        }
        let correlation_id = open.take_correlation_id();
        open.unsent.push_back(encode_request::<R>(version, correlation_id, Some(&client_id), request));
        open.in_flight.push_back(Sent { api_key: R::KEY, version, purpose, correlation_id, deadline });
    }

    /// The channel's connection is up or under way to this endpoint; anything else must be closed first.
    pub(super) fn endpoint(&self, channel: Channel) -> Option<&Endpoint> {
        self.open.get(&channel).map(|open| &open.endpoint)
    }

    /// Opens connections that are wanted and writes what waits on open ones.
    pub(super) fn flush(&mut self, now: Instant, outputs: &mut VecDeque<Output>) {
        for (channel, open) in &mut self.open {
            if open.unsent.is_empty() {
                continue;
            }
            match open.connection {
                None if now >= open.not_before => {
                    let connection = ConnectionId(self.next_connection);
                    self.next_connection += 2;
                    open.connection = Some(connection);
                    self.connections.insert(connection, *channel);
                    let Endpoint { host, port } = open.endpoint.clone();
                    outputs.push_back(Output::Connect { connection, host, port });
                }
                Some(connection) if open.progress == Progress::Ready => {
                    outputs.extend(open.unsent.drain(..).map(|bytes| Output::Send { connection, bytes }));
                }
                _ => {}
            }
        }
    }

    /// A connection stands, if it is one of these.
    pub(super) fn connected(&mut self, connection: ConnectionId, outputs: &mut VecDeque<Output>) {
        let Some(channel) = self.connections.get(&connection) else { return };
        let Some(open) = self.open.get_mut(channel) else { return };
        open.failures = 0;
        open.progress = Progress::Ready;
        if matches!(channel, Channel::Raft(_) | Channel::Controller) {
            let correlation_id = open.take_correlation_id();
            open.progress = Progress::Greeting(correlation_id);
            let request = ApiVersionsRequest {
                client_software_name: Str::from_static("broker-playground"),
                client_software_version: Str::from_static(env!("CARGO_PKG_VERSION")),
            };
            let bytes = encode_request(API_VERSIONS, correlation_id, Some(&self.client_id), &request);
            outputs.push_back(Output::Send { connection, bytes });
        }
    }

    /// A connection was refused or broke: its channel's requests fail, in order.
    pub(super) fn lost(&mut self, now: Instant, rng: &mut Rng, connection: ConnectionId) -> Option<Vec<Sent<P>>> {
        let channel = self.connections.remove(&connection)?;
        let open = self.open.get_mut(&channel)?;
        Some(open.fail(now, rng))
    }

    /// An answer came.
    pub(super) fn answer(&mut self, connection: ConnectionId, frame: &Bytes) -> Answered<P> {
        let Some(open) = self.connections.get(&connection).and_then(|channel| self.open.get_mut(channel)) else {
            return Answered::Nothing;
        };
        let Some(correlation_id) = frame.first_chunk().map(|bytes| i32::from_be_bytes(*bytes)) else {
            return Answered::Nothing;
        };
        if open.progress == Progress::Greeting(correlation_id) {
            // Nodes of one release speak the same versions, so there is nothing to choose by it.
            return match decode_response::<ApiVersionsRequest>(API_VERSIONS, frame) {
                Ok((_, response)) if response.error_code == ErrorCode::None.code() => {
                    open.progress = Progress::Ready;
                    Answered::Greeting
                }
                _ => Answered::Nothing,
            };
        }
        let sent = open.in_flight.pop_front_if(|sent| sent.correlation_id == correlation_id);
        sent.map_or(Answered::Nothing, Answered::Request)
    }

    /// True where the connection is one of these.
    pub(super) fn owns(&self, connection: ConnectionId) -> bool {
        self.connections.contains_key(&connection)
    }

    /// Closes a channel, for example because its peer is no longer the one wanted; answers what fails by it.
    pub(super) fn close(
        &mut self,
        now: Instant,
        rng: &mut Rng,
        channel: Channel,
        outputs: &mut VecDeque<Output>,
    ) -> Vec<Sent<P>> {
        let Some(open) = self.open.get_mut(&channel) else { return Vec::new() };
        if let Some(connection) = open.connection {
            self.connections.remove(&connection);
            outputs.push_back(Output::Close { connection });
        }
        let failed = open.fail(now, rng);
        // Closed on purpose, so the next peer need not wait.
        open.not_before = now;
        open.failures = 0;
        failed
    }

    /// Closes channels whose oldest request is overdue; answers what fails by it.
    pub(super) fn expire(&mut self, now: Instant, rng: &mut Rng, outputs: &mut VecDeque<Output>) -> Vec<Sent<P>> {
        let overdue: Vec<Channel> = (self.open.iter())
            .filter(|(_, open)| open.in_flight.iter().any(|sent| sent.deadline <= now))
            .map(|(channel, _)| *channel)
            .collect();
        overdue.into_iter().flat_map(|channel| self.close(now, rng, channel, outputs)).collect()
    }

    /// The next deadline: a request's, or the end of a reconnect backoff.
    pub(super) fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        let requests = (self.open.values())
            .flat_map(|open| &open.in_flight)
            .map(|sent| (sent.deadline, "a request to another node times out"));
        let reconnects = (self.open.values())
            .filter(|open| open.connection.is_none() && !open.unsent.is_empty())
            .map(|open| (open.not_before, "reconnect to another node"));
        requests.chain(reconnects).min_by_key(|(at, _)| *at)
    }
}

impl<P> Open<P> {
    fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            connection: None,
            progress: Progress::Connecting,
            unsent: VecDeque::new(),
            in_flight: VecDeque::new(),
            next_correlation_id: 0,
            failures: 0,
            not_before: Instant::ZERO,
        }
    }

    fn take_correlation_id(&mut self) -> i32 {
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id = self.next_correlation_id.wrapping_add(1) & i32::MAX;
        correlation_id
    }

    fn fail(&mut self, now: Instant, rng: &mut Rng) -> Vec<Sent<P>> {
        let backoff = RECONNECT_BACKOFF.saturating_mul(1 << self.failures.min(5)).min(RECONNECT_BACKOFF_MAX);
        // 20 % jitter each way, so that peers of a dead node do not come back in step.
        let jittered = backoff.mul_f64(0.8 + 0.4 * rng.below(1000) as f64 / 1000.0);
        self.failures = self.failures.saturating_add(1);
        self.not_before = now + jittered;
        self.connection = None;
        self.progress = Progress::Connecting;
        self.unsent.clear();
        self.in_flight.drain(..).collect()
    }
}
