//! KRaft: the replicated log `__cluster_metadata-0`, its leader elections and its snapshots (KIP-500, 595, 630, 996).
//!
//! [`RaftClient`] is one replica: a voter of the quorum, or an observer that only fetches. It sees no connection: requests
//! come in with a token and their answers leave with it, requests of its own leave with an id and their answers come back
//! with it. Every method ends in the same round of work, and everything to be done outside is taken by
//! [`RaftClient::poll_output`].
//!
//! - [`quorum_state`] has the state and the table of transitions; one file each for what is known in a state:
//!   [`unattached`], [`prospective`], [`candidate`], [`leader`], [`follower`], [`resigned`].
//! - One file per API holds what is asked, what is answered and what an answer does: `vote`, `quorum_epoch`, `fetch`,
//!   `fetch_snapshot`, `describe_quorum`; `poll` is the round of work.
//! - [`metadata_log`] and [`snapshot`] keep the data; [`listener`] says what is committed; [`voter_history`] who votes.
//!
//! # Architecture Invariant
//! Persist before send. A message leaves only after the `quorum-state` it may tell of is stored; a follower asks for more
//! only after what it has is stored, so its fetch offset acknowledges; a leader counts itself only up to what it has
//! stored. So whatever is committed is on the disks of a majority, and nobody votes twice in an epoch, whenever a power cut
//! comes.

use crate::ids::{NodeId, Offset, Uuid};
use crate::log::UnifiedLog;
use crate::log::storage::{FileRange, StoreQueue, Ticket};
use crate::protocol::messages;
use crate::rng::Rng;
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

pub mod candidate;
mod describe_quorum;
pub mod epoch_election;
mod fetch;
mod fetch_snapshot;
pub mod follower;
pub mod leader;
pub mod listener;
pub mod metadata_log;
mod poll;
pub mod prospective;
mod quorum_epoch;
pub mod quorum_state;
pub mod quorum_state_file;
pub mod request_manager;
pub mod resigned;
pub mod snapshot;
#[cfg(test)]
mod tests;
pub mod unattached;
mod vote;
pub mod voter_history;
pub mod voter_set;

use fetch::ParkedFetch;
use listener::Listener;
use metadata_log::MetadataLog;
use quorum_state::{ElectionTimeouts, QuorumState};
use quorum_state_file::QuorumStateData;
use request_manager::RequestManager;
use snapshot::{SnapshotId, StoredSnapshot};
use voter_history::VoterHistory;
use voter_set::{ReplicaKey, VoterSet};

/// The first bootstrap server's id; the next ones go down from it, as in Kafka.
const FIRST_BOOTSTRAP_SERVER: NodeId = -2;

/// What a replica is told at its start; the names are those of the configuration.
#[derive(Clone, Debug)]
pub struct RaftConfig {
    /// The cluster's id; requests with another are refused.
    pub cluster_id: Str,
    /// `node.id`.
    pub node_id: NodeId,
    /// Id of the metadata log directory, from its `meta.properties`.
    pub directory_id: Uuid,
    /// `controller.quorum.voters`. A node that is not among them is an observer.
    pub voters: VoterSet,
    /// What snapshot and log of this replica say of the voters, read before its start; then `voters` does not count. `None`
    /// with `controller.quorum.voters`.
    pub recorded_voters: Option<VoterHistory>,
    /// `controller.quorum.bootstrap.servers`: host and port of whom an observer may ask for the leader.
    pub bootstrap_servers: Vec<(Str, u16)>,
    /// `controller.quorum.election.timeout.ms`.
    pub election_timeout: Duration,
    /// `controller.quorum.fetch.timeout.ms`.
    pub fetch_timeout: Duration,
    /// `controller.quorum.election.backoff.max.ms`.
    pub election_backoff_max: Duration,
    /// `controller.quorum.retry.backoff.ms`.
    pub retry_backoff: Duration,
    /// How long a leader may hold a fetch of ours (500 ms in Kafka). Well below the fetch timeout.
    pub fetch_max_wait: Duration,
    /// Bytes wanted of a fetch and of a piece of a snapshot (8 MiB in Kafka).
    pub fetch_max_bytes: i32,
    /// Largest batch [`RaftClient::append`] takes (8 MiB in Kafka).
    pub max_batch_bytes: usize,
    /// `metadata.log.max.record.bytes.between.snapshots`.
    pub max_bytes_between_snapshots: u64,
    /// `metadata.log.max.snapshot.interval.ms`; zero for never.
    pub max_snapshot_interval: Duration,
    /// `metadata.max.retention.bytes`: a log larger than this loses what its latest snapshot contains.
    pub max_retention_bytes: u64,
}

impl RaftConfig {
    /// Kafka's defaults.
    pub fn new(cluster_id: Str, node_id: NodeId, directory_id: Uuid, voters: VoterSet) -> Self {
        Self {
            cluster_id,
            node_id,
            directory_id,
            voters,
            recorded_voters: None,
            bootstrap_servers: Vec::new(),
            election_timeout: Duration::from_secs(1),
            fetch_timeout: Duration::from_secs(2),
            election_backoff_max: Duration::from_secs(1),
            retry_backoff: Duration::from_millis(20),
            fetch_max_wait: Duration::from_millis(500),
            fetch_max_bytes: 8 * 1024 * 1024,
            max_batch_bytes: 8 * 1024 * 1024,
            max_bytes_between_snapshots: 20 * 1024 * 1024,
            max_snapshot_interval: Duration::from_hours(1),
            max_retention_bytes: 100 * 1024 * 1024,
        }
    }
}

/// A request of the quorum's APIs. The versions spoken are the newest: Vote 2, `BeginQuorumEpoch` 1, `EndQuorumEpoch` 1,
/// Fetch 18, `FetchSnapshot` 1, `DescribeQuorum` 2.
#[derive(Clone, Debug, PartialEq)]
pub enum RaftRequest {
    /// Asks for a vote or pre-vote.
    Vote(messages::VoteRequest),
    /// The leader makes itself known.
    BeginQuorumEpoch(messages::BeginQuorumEpochRequest),
    /// The leader gives up.
    EndQuorumEpoch(messages::EndQuorumEpochRequest),
    /// Asks for records, and acknowledges those before its offset.
    Fetch(messages::FetchRequest),
    /// Asks for a piece of a snapshot.
    FetchSnapshot(messages::FetchSnapshotRequest),
    /// Asks what the leader knows of the replicas.
    DescribeQuorum(messages::DescribeQuorumRequest),
}

/// The answer to a [`RaftRequest`], of the same kind.
#[derive(Clone, Debug, PartialEq)]
pub enum RaftResponse {
    /// To Vote.
    Vote(messages::VoteResponse),
    /// To `BeginQuorumEpoch`.
    BeginQuorumEpoch(messages::BeginQuorumEpochResponse),
    /// To `EndQuorumEpoch`.
    EndQuorumEpoch(messages::EndQuorumEpochResponse),
    /// To Fetch.
    Fetch(messages::FetchResponse),
    /// To `FetchSnapshot`.
    FetchSnapshot(messages::FetchSnapshotResponse),
    /// To `DescribeQuorum`.
    DescribeQuorum(messages::DescribeQuorumResponse),
}

/// Kinds of requests a replica sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestKind {
    /// Vote.
    Vote,
    /// `BeginQuorumEpoch`.
    BeginQuorumEpoch,
    /// `EndQuorumEpoch`.
    EndQuorumEpoch,
    /// Fetch.
    Fetch,
    /// `FetchSnapshot`.
    FetchSnapshot,
}

/// Why a request of ours has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFailed {
    /// The connection could not be made or broke.
    Disconnected,
    /// `controller.quorum.request.timeout.ms` passed.
    TimedOut,
}

/// What a replica wants done or known.
#[derive(Clone, Debug, PartialEq)]
pub enum RaftOutput {
    /// Send a request to a voter's controller listener. It must be answered by [`RaftClient::handle_response`] once, at the
    /// latest after the request timeout; until then no other of its kind goes to that node.
    Send {
        /// Node to send to, where [`RaftClient::endpoint`] says: a negative one is a bootstrap server.
        to: NodeId,
        /// Names it in the answer.
        request_id: u64,
        /// The request.
        request: RaftRequest,
    },
    /// Answer a request.
    Respond {
        /// As it came with [`RaftClient::handle_request`].
        token: u64,
        /// The answer.
        response: RaftResponse,
    },
    /// Read part of a file and give it to [`RaftClient::loaded`].
    Load {
        /// Names it in the answer.
        load_id: u64,
        /// The bytes wanted.
        range: FileRange,
    },
    /// Another epoch, or a leader became known or lost; `leader` may be this node.
    LeaderChanged {
        /// Leader of the epoch.
        leader: Option<NodeId>,
        /// The epoch.
        epoch: i32,
    },
    /// This node leads `epoch` and has got everything committed before it: it may act as active controller.
    LeaderActivated {
        /// Epoch it leads.
        epoch: i32,
    },
    /// A batch is committed. Batches come in order without gaps, each once in the life of the process.
    Committed {
        /// Offset of its first record.
        base_offset: Offset,
        /// Offset of its last record.
        last_offset: Offset,
        /// Epoch of the leader that wrote it.
        epoch: i32,
        /// When it was appended, milliseconds since the Unix epoch.
        append_timestamp: i64,
        /// Values of its records; none for a control batch, which concerns only the quorum.
        records: Vec<Bytes>,
    },
    /// A snapshot takes the place of everything before its end offset; what follows is committed after it.
    SnapshotLoaded {
        /// The snapshot.
        id: SnapshotId,
        /// Values of its records.
        records: Vec<Bytes>,
    },
    /// The high watermark rose.
    HighWatermark(Offset),
    /// [`RaftClient::shutdown`] is done: another node leads, or the wait for one was over.
    ShutdownComplete,
    /// The replica cannot go on without doing harm; it does nothing from now on.
    Fatal(Str),
}

/// Why [`RaftClient::append`] took nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendError {
    /// This node does not lead the epoch any more.
    NotLeader,
    /// The records do not fit into one batch of `max_batch_bytes`.
    TooLarge,
    /// There is no record.
    Empty,
}

/// Why [`RaftClient::create_snapshot`] made none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotRefused {
    /// Its end is not committed here yet.
    NotCommitted,
    /// A snapshot as new as it exists.
    Exists,
    /// The log has no record of this epoch just before its end.
    UnknownEpoch,
}

/// One replica of the metadata log.
#[derive(Clone, Debug)]
pub struct RaftClient {
    config: RaftConfig,
    quorum: QuorumState,
    voter_history: VoterHistory,
    log: MetadataLog,
    listener: Listener,
    requests: RequestManager,
    parked_fetches: Vec<ParkedFetch>,
    /// Outputs that tell nothing to others.
    outputs: VecDeque<RaftOutput>,
    /// Messages, each with the ticket that must be stored before it leaves. Tickets do not fall along the queue.
    messages: VecDeque<(Option<Ticket>, RaftOutput)>,
    stored: Option<Ticket>,
    reported_leader: Option<(Option<NodeId>, i32)>,
    /// Epoch whose [`RaftOutput::LeaderActivated`] is out.
    activated_epoch: Option<i32>,
    shutdown_deadline: Option<Instant>,
    shutdown_reported: bool,
    failed: bool,
    rng: Rng,
    last_poll: Instant,
}

impl RaftClient {
    /// A replica after a start. `log` is the recovered `__cluster_metadata-0`, `quorum_state` the content of its file, and
    /// `snapshots` the snapshots on disk ([`snapshot::stored_snapshots`]).
    ///
    /// A log that ends before the latest snapshot is emptied and goes on after it. Call [`RaftClient::tick`] then.
    pub fn new(
        mut config: RaftConfig,
        log: UnifiedLog,
        quorum_state: Option<QuorumStateData>,
        snapshots: &[StoredSnapshot],
        mut rng: Rng,
        now: Now,
        store: &mut StoreQueue,
    ) -> Self {
        let log = MetadataLog::new(log, snapshots, now, store);
        let timeouts = ElectionTimeouts {
            election_timeout: config.election_timeout,
            fetch_timeout: config.fetch_timeout,
            election_backoff_max: config.election_backoff_max,
        };
        let local = ReplicaKey::new(config.node_id, config.directory_id);
        let voter_history = config.recorded_voters.take().unwrap_or_else(|| VoterHistory::fixed(config.voters.clone()));
        let voters = voter_history.voters().cloned().unwrap_or_default();
        let epoch = log.last_fetched_epoch();
        let quorum = QuorumState::new(local, voters, timeouts, quorum_state, epoch, rng.fork(), now.monotonic);
        Self {
            quorum,
            voter_history,
            listener: Listener::new(&log, now.monotonic),
            log,
            requests: RequestManager::new(config.retry_backoff),
            config,
            parked_fetches: Vec::new(),
            outputs: VecDeque::new(),
            messages: VecDeque::new(),
            stored: None,
            reported_leader: None,
            activated_epoch: None,
            shutdown_deadline: None,
            shutdown_reported: false,
            failed: false,
            rng,
            last_poll: now.monotonic,
        }
    }

    /// A request came. Its answer leaves as [`RaftOutput::Respond`] with `token`, now or later.
    pub fn handle_request(&mut self, now: Now, token: u64, request: RaftRequest, store: &mut StoreQueue) {
        if self.failed {
            return;
        }
        match request {
            RaftRequest::Vote(request) => self.handle_vote_request(now, token, &request, store),
            RaftRequest::BeginQuorumEpoch(request) => self.handle_begin_quorum_epoch(now, token, &request, store),
            RaftRequest::EndQuorumEpoch(request) => self.handle_end_quorum_epoch(now, token, &request, store),
            RaftRequest::Fetch(request) => self.handle_fetch_request(now, token, request),
            RaftRequest::FetchSnapshot(request) => self.handle_fetch_snapshot_request(now, token, &request),
            RaftRequest::DescribeQuorum(request) => self.handle_describe_quorum_request(now, token, &request),
        }
        self.poll(now, store);
    }

    /// The answer to a request of ours came, or there will be none. An answer not waited for is dropped.
    pub fn handle_response(
        &mut self,
        now: Now,
        to: NodeId,
        request_id: u64,
        response: Result<RaftResponse, RequestFailed>,
        store: &mut StoreQueue,
    ) {
        if self.failed {
            return;
        }
        let failed = response.is_err();
        let Some(sent) = self.requests.completed(to, request_id, failed, now.monotonic) else { return };
        match (response, sent.kind) {
            (Ok(RaftResponse::Vote(response)), RequestKind::Vote) => {
                self.handle_vote_response(now, to, sent, &response, store);
            }
            (Ok(RaftResponse::BeginQuorumEpoch(response)), RequestKind::BeginQuorumEpoch) => {
                self.handle_begin_quorum_epoch_response(now, to, sent, &response, store);
            }
            (Ok(RaftResponse::EndQuorumEpoch(response)), RequestKind::EndQuorumEpoch) => {
                self.handle_end_quorum_epoch_response(now, to, sent, &response, store);
            }
            (Ok(RaftResponse::Fetch(response)), RequestKind::Fetch) => {
                self.handle_fetch_response(now, to, &response, store);
            }
            (Ok(RaftResponse::FetchSnapshot(response)), RequestKind::FetchSnapshot) => {
                self.handle_fetch_snapshot_response(now, to, &response, store);
            }
            // An answer of another kind is as good as none.
            (_, kind) => self.requests.pause(to, kind, now.monotonic),
        }
        self.poll(now, store);
    }

    /// All store commands of the metadata directory up to `ticket` are durable.
    pub fn stored(&mut self, now: Now, ticket: Ticket, store: &mut StoreQueue) {
        if self.failed {
            return;
        }
        self.stored = self.stored.max(Some(ticket));
        self.log.stored(ticket);
        self.poll(now, store);
    }

    /// The bytes a [`RaftOutput::Load`] asked for, or the host's reason why there are none. Where they are still needed then,
    /// this replica fails.
    pub fn loaded(&mut self, now: Now, load_id: u64, bytes: Result<Bytes, Str>, store: &mut StoreQueue) {
        if self.failed {
            return;
        }
        match bytes {
            Ok(bytes) => self.finish_load(now, load_id, &bytes),
            Err(reason) => self.fail_load(load_id, reason),
        }
        self.poll(now, store);
    }

    /// Does what is due. To be called at [`RaftClient::next_deadline`]; calling it earlier does no harm.
    pub fn tick(&mut self, now: Now, store: &mut StoreQueue) {
        if !self.failed {
            self.poll(now, store);
        }
    }

    /// When to call [`RaftClient::tick`], and why.
    pub fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        if self.failed {
            return None;
        }
        let parked = self.parked_fetches.iter().map(|parked| (parked.deadline, "quorum fetch max wait"));
        let paused = self.requests.next_deadline(self.last_poll).map(|at| (at, "quorum retry backoff"));
        let shutdown = self.shutdown_deadline.filter(|_| !self.shutdown_reported).map(|at| (at, "quorum shutdown"));
        let listener = self.listener.has_more().then_some((self.last_poll, "quorum commits"));
        let state = self.state_deadline();
        parked.chain(paused).chain(shutdown).chain(listener).chain(state).min()
    }

    /// Appends `records` as one atomic batch of `epoch`; answers the offset of the last. It is committed when
    /// [`RaftOutput::Committed`] brings it, or lost when another leader is elected before.
    pub fn append(
        &mut self,
        now: Now,
        epoch: i32,
        records: &[Bytes],
        store: &mut StoreQueue,
    ) -> Result<Offset, AppendError> {
        if self.failed || self.quorum.leader().is_none_or(|leader| leader.epoch != epoch) {
            return Err(AppendError::NotLeader);
        }
        let last_offset = self.log.append_records(epoch, now, records, self.config.max_batch_bytes, store)?;
        self.poll(now, store);
        Ok(last_offset)
    }

    /// Gives up leading `epoch`; nothing happens where this node does not lead it. The voters are told whom to elect.
    pub fn resign(&mut self, now: Now, epoch: i32, store: &mut StoreQueue) {
        if !self.failed && self.quorum.leader().is_some_and(|leader| leader.epoch == epoch) {
            self.resign_leadership(now, store);
            self.poll(now, store);
        }
    }

    /// Begins a controlled shutdown: a leader resigns, then waits at most `timeout` for another. It ends with
    /// [`RaftOutput::ShutdownComplete`].
    pub fn shutdown(&mut self, now: Now, timeout: Duration, store: &mut StoreQueue) {
        if self.shutdown_deadline.is_none() {
            self.shutdown_deadline = Some(now.monotonic + timeout);
            self.tick(now, store);
        }
    }

    /// The next thing to do; `None` once there is nothing left for now.
    pub fn poll_output(&mut self) -> Option<RaftOutput> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        if self.failed {
            return None;
        }
        let (barrier, _) = self.messages.front()?;
        if *barrier > self.stored {
            return None;
        }
        self.messages.pop_front().map(|(_, output)| output)
    }

    /// Makes a snapshot of the state after all records below `id.end_offset`, which must be committed here.
    /// Once it is stored, older snapshots go, and the log before it may.
    pub fn create_snapshot(
        &mut self,
        now: Now,
        id: SnapshotId,
        records: &[Bytes],
        store: &mut StoreQueue,
    ) -> Result<(), SnapshotRefused> {
        let times = (self.listener.last_append_timestamp(), now.wall_ms);
        let quorum = self.voter_history.at(id.end_offset);
        self.log.create_snapshot(id, times, quorum, records, store)?;
        self.voter_history.forget_before(id.end_offset);
        self.log.delete_before_latest_snapshot(now, self.config.max_retention_bytes, store);
        self.listener.snapshot_made(id, now.monotonic);
        self.poll(now, store);
        Ok(())
    }

    /// The id a snapshot of everything up to the last [`RaftOutput::Committed`] would have; `None` before the first.
    pub fn next_snapshot_id(&self) -> Option<SnapshotId> {
        self.listener.next_snapshot_id()
    }

    /// The latest snapshot.
    pub fn latest_snapshot(&self) -> Option<SnapshotId> {
        self.log.latest_snapshot()
    }

    /// True where enough was committed, or enough time passed, since the last snapshot.
    pub fn should_snapshot(&self, now: Instant) -> bool {
        self.listener.should_snapshot(now, self.config.max_bytes_between_snapshots, self.config.max_snapshot_interval)
    }

    /// Leader, where one is known, and epoch.
    pub fn leader_and_epoch(&self) -> (Option<NodeId>, i32) {
        (self.quorum.leader_id(), self.quorum.epoch())
    }

    /// The state in the quorum.
    pub fn quorum(&self) -> &QuorumState {
        &self.quorum
    }

    /// The finalized level of kraft.version: 1 where the log says who votes, 0 with `controller.quorum.voters`.
    pub fn kraft_version(&self) -> i16 {
        self.voter_history.kraft_version()
    }

    /// Where a node of the quorum listens for controllers.
    pub fn endpoint(&self, id: NodeId) -> Option<(Str, u16)> {
        if id < 0 {
            let index = usize::try_from(FIRST_BOOTSTRAP_SERVER.checked_sub(id)?).ok()?;
            return self.config.bootstrap_servers.get(index).cloned();
        }
        self.quorum.address(id).map(|(host, port)| (host.clone(), port))
    }

    /// The voters may be others now.
    fn voters_changed(&mut self) {
        if self.voter_history.is_fixed() {
            return;
        }
        let voters = self.voter_history.voters().cloned().unwrap_or_default();
        if voters != *self.quorum.voters() {
            self.quorum.set_voters(voters);
        }
    }

    /// The log.
    pub fn log(&self) -> &MetadataLog {
        &self.log
    }

    /// End (exclusive) of what is known to be committed.
    pub fn high_watermark(&self) -> Offset {
        self.log.high_watermark()
    }

    /// Queues a message; it leaves after the last change of `quorum-state` is stored.
    fn push_message(&mut self, output: RaftOutput) {
        let barrier = self.quorum.barrier();
        self.messages.push_back((barrier, output));
    }

    fn respond(&mut self, token: u64, response: RaftResponse) {
        self.push_message(RaftOutput::Respond { token, response });
    }

    fn send(&mut self, to: NodeId, kind: RequestKind, pre_vote: bool, request: RaftRequest) {
        let request_id = self.requests.sent(to, kind, self.quorum.epoch(), pre_vote);
        self.push_message(RaftOutput::Send { to, request_id, request });
    }

    fn fail(&mut self, reason: &str) {
        if !self.failed {
            self.failed = true;
            self.outputs.push_back(RaftOutput::Fatal(Str::from(reason)));
        }
    }
}
