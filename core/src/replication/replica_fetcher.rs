//! [`ReplicaFetcher`]: what a follower wants from one leader, one request at a time.
//!
//! The fetcher decides what to ask and keeps the position of each partition; the logs, and what an answer does to them,
//! are with [`super::replica_manager`].

use super::fetch_session::FetchKey;
use super::fetch_session_handler::FetchSessionHandler;
use crate::ids::{BrokerEpoch, LeaderEpoch, NO_EPOCH, NodeId, Offset, TopicPartition, Uuid};
use crate::protocol::messages::fetch_request::{FetchPartition, ReplicaState};
use crate::protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use crate::protocol::messages::{FetchRequest, FetchResponse, ListOffsetsRequest};
use crate::sorted::{SortedMap, SortedSet};
use crate::text::Str;
use crate::time::{Duration, Instant};
use alloc::vec::Vec;

/// `ListOffsets` timestamp that asks for the end of the log.
pub const LATEST_TIMESTAMP: i64 = -1;
/// `ListOffsets` timestamp that asks for the start of the log.
pub const EARLIEST_TIMESTAMP: i64 = -2;

/// The `replica.fetch.*` configs, and who fetches.
#[derive(Clone, Debug)]
pub struct FetcherConfig {
    /// This broker.
    pub broker: NodeId,
    /// `replica.fetch.wait.max.ms`.
    pub wait_max: Duration,
    /// `replica.fetch.min.bytes`.
    pub min_bytes: i32,
    /// `replica.fetch.max.bytes`: of one partition.
    pub max_bytes: i32,
    /// `replica.fetch.response.max.bytes`.
    pub response_max_bytes: i32,
    /// `replica.fetch.backoff.ms`.
    pub backoff: Duration,
}

/// What a fetcher wants sent.
#[derive(Clone, Debug, PartialEq)]
pub enum FetcherRequest {
    /// Records.
    Fetch(FetchRequest),
    /// Where the leader's log ends or begins.
    ListOffsets(ListOffsetsRequest),
}

/// How far a follower is with one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchState {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// Epoch of the leader fetched from.
    pub leader_epoch: LeaderEpoch,
    /// The follower's log end offset.
    pub fetch_offset: Offset,
    /// Epoch of the last record before it; -1 for none.
    pub last_fetched_epoch: LeaderEpoch,
    /// The follower's log start offset.
    pub log_start_offset: Offset,
    /// What to ask next.
    pub stage: FetchStage,
    /// It had all that its leader has, as of the last answer.
    pub is_caught_up: bool,
    /// Not asked again before this time.
    pub retry_at: Option<Instant>,
}

/// What a partition needs from its leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchStage {
    /// Records from its log end offset.
    Fetching,
    /// It is out of the leader's range: where does the leader's log end?
    LatestOffset,
    /// It ends before the leader's log begins, perhaps: where does that begin?
    EarliestOffset,
    /// The leader refused its epoch: metadata will bring a newer one.
    Fenced,
}

/// Fetches from one leader.
#[derive(Clone, Debug)]
pub struct ReplicaFetcher {
    leader: NodeId,
    partitions: SortedMap<TopicPartition, FetchState>,
    session: FetchSessionHandler,
    /// The request under way and what it asked for, each with the state it was asked in.
    in_flight: Option<(u64, SortedMap<TopicPartition, FetchState>)>,
    /// Partitions whose appended records are not stored yet; no fetch before they are, where appends are flushed.
    unstored: SortedSet<TopicPartition>,
    retry_at: Option<Instant>,
    /// Where a full fetch begins, so that without a session no partition starves.
    rotation: usize,
}

impl ReplicaFetcher {
    /// A fetcher that has nothing to fetch from `leader` yet.
    pub fn new(leader: NodeId) -> Self {
        Self {
            leader,
            partitions: SortedMap::new(),
            session: FetchSessionHandler::new(),
            in_flight: None,
            unstored: SortedSet::new(),
            retry_at: None,
            rotation: 0,
        }
    }

    /// Whom it fetches from.
    pub fn leader(&self) -> NodeId {
        self.leader
    }

    /// True where it has nothing to fetch and waits for no answer.
    pub fn is_idle(&self) -> bool {
        self.partitions.is_empty() && self.in_flight.is_none()
    }

    /// Starts fetching a partition, or starts it anew.
    pub fn add(&mut self, partition: TopicPartition, state: FetchState) {
        self.unstored.remove(&partition);
        self.partitions.insert(partition, state);
    }

    /// Stops fetching a partition.
    pub fn remove(&mut self, partition: &TopicPartition) {
        self.partitions.remove(partition);
        self.unstored.remove(partition);
    }

    /// Where a partition is.
    pub fn state(&self, partition: &TopicPartition) -> Option<&FetchState> {
        self.partitions.get(partition)
    }

    /// Where a partition is, to move it on.
    pub fn state_mut(&mut self, partition: &TopicPartition) -> Option<&mut FetchState> {
        self.partitions.get_mut(partition)
    }

    /// Appended records of `partition` are on their way to storage: the next fetch waits for them.
    pub fn await_stored(&mut self, partition: TopicPartition) {
        self.unstored.insert(partition);
    }

    /// The partitions the next fetch waits for.
    pub fn unstored(&self) -> impl Iterator<Item = &TopicPartition> {
        self.unstored.iter()
    }

    /// The appended records of `partition` are stored.
    pub fn stored(&mut self, partition: &TopicPartition) {
        self.unstored.remove(partition);
    }

    /// Asks nothing of this leader for a while.
    pub fn back_off(&mut self, until: Instant) {
        self.retry_at = Some(until);
    }

    /// Asks nothing of those partitions before `until` that are behind their leader and `hold` names.
    pub fn hold_back(&mut self, until: Instant, hold: impl Fn(&TopicPartition) -> bool) {
        for (partition, state) in &mut self.partitions {
            if !state.is_caught_up && hold(partition) {
                state.retry_at = state.retry_at.max(Some(until));
            }
        }
    }

    /// Takes the answer to `request_id`; answers what was asked of partitions that are still where they were then, or
    /// `None` where the request is not the one under way.
    pub fn answered(&mut self, request_id: u64) -> Option<SortedMap<TopicPartition, FetchState>> {
        let (id, mut asked) = self.in_flight.take()?;
        if id != request_id {
            self.in_flight = Some((id, asked));
            return None;
        }
        asked.retain(|partition, state| self.partitions.get(partition) == Some(state));
        Some(asked)
    }

    /// Takes the session part of an answer; false where it holds nothing else.
    pub fn session_answered(&mut self, response: &FetchResponse) -> bool {
        self.session.handle_response(response)
    }

    /// No answer came.
    pub fn session_failed(&mut self) {
        self.session.handle_error();
    }

    /// When there may be something to ask; `None` while an answer or a ticket is awaited, or nothing is wanted.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.in_flight.is_some() || !self.unstored.is_empty() {
            return None;
        }
        let askable = self.partitions.values().filter(|state| state.stage != FetchStage::Fenced);
        let first = askable.map(|state| state.retry_at.unwrap_or(Instant::ZERO)).min()?;
        Some(first.max(self.retry_at.unwrap_or(Instant::ZERO)))
    }

    /// The next request where one is due; it counts as sent under `request_id`.
    pub fn next_request(
        &mut self,
        now: Instant,
        config: &FetcherConfig,
        broker_epoch: BrokerEpoch,
        request_id: u64,
    ) -> Option<FetcherRequest> {
        if self.next_deadline().is_none_or(|at| at > now) {
            return None;
        }
        self.retry_at = None;
        for (stage, timestamp) in
            [(FetchStage::LatestOffset, LATEST_TIMESTAMP), (FetchStage::EarliestOffset, EARLIEST_TIMESTAMP)]
        {
            let asked = self.ready(now, stage);
            if !asked.is_empty() {
                let request = list_offsets_request(config.broker, timestamp, &asked);
                self.in_flight = Some((request_id, asked));
                return Some(FetcherRequest::ListOffsets(request));
            }
        }
        let asked = self.ready(now, FetchStage::Fetching);
        if asked.is_empty() {
            return None;
        }
        let request = self.fetch_request(config, broker_epoch, &asked);
        self.in_flight = Some((request_id, asked));
        Some(FetcherRequest::Fetch(request))
    }

    fn ready(&self, now: Instant, stage: FetchStage) -> SortedMap<TopicPartition, FetchState> {
        self.partitions
            .iter()
            .filter(|(_, state)| state.stage == stage && state.retry_at.is_none_or(|at| at <= now))
            .map(|(partition, state)| (partition.clone(), state.clone()))
            .collect()
    }

    fn fetch_request(
        &mut self,
        config: &FetcherConfig,
        broker_epoch: BrokerEpoch,
        asked: &SortedMap<TopicPartition, FetchState>,
    ) -> FetchRequest {
        let mut wanted: Vec<_> = asked
            .iter()
            .map(|(partition, state)| {
                let key = FetchKey { topic_id: state.topic_id, topic: Str::default(), partition: partition.partition };
                (key, fetch_partition(partition.partition, state, config.max_bytes))
            })
            .collect();
        self.rotation = (self.rotation + 1) % wanted.len().max(1);
        wanted.rotate_left(self.rotation);
        let session = self.session.build(wanted);
        FetchRequest {
            // Versions before 15 carry the id alone.
            replica_id: config.broker,
            replica_state: ReplicaState { replica_id: config.broker, replica_epoch: broker_epoch },
            max_wait_ms: i32::try_from(config.wait_max.as_millis()).unwrap_or(i32::MAX),
            min_bytes: config.min_bytes,
            max_bytes: config.response_max_bytes,
            session_id: session.session_id,
            session_epoch: session.session_epoch,
            topics: session.topics,
            forgotten_topics_data: session.forgotten,
            ..FetchRequest::default()
        }
    }
}

fn fetch_partition(partition: i32, state: &FetchState, max_bytes: i32) -> FetchPartition {
    FetchPartition {
        partition,
        current_leader_epoch: state.leader_epoch,
        fetch_offset: state.fetch_offset,
        last_fetched_epoch: state.last_fetched_epoch,
        log_start_offset: state.log_start_offset,
        partition_max_bytes: max_bytes,
        ..FetchPartition::default()
    }
}

fn list_offsets_request(
    broker: NodeId,
    timestamp: i64,
    asked: &SortedMap<TopicPartition, FetchState>,
) -> ListOffsetsRequest {
    let mut topics: Vec<ListOffsetsTopic> = Vec::new();
    for (partition, state) in asked {
        let wanted = ListOffsetsPartition {
            partition_index: partition.partition,
            current_leader_epoch: state.leader_epoch,
            timestamp,
        };
        match topics.last_mut() {
            Some(topic) if topic.name == partition.topic => topic.partitions.push(wanted),
            _ => topics.push(ListOffsetsTopic { name: partition.topic.clone(), partitions: [wanted].into() }),
        }
    }
    ListOffsetsRequest { replica_id: broker, topics, ..ListOffsetsRequest::default() }
}

impl FetchState {
    /// A follower that has the log up to `fetch_offset` and fetches from a leader of `leader_epoch`.
    pub fn new(
        topic_id: Uuid,
        leader_epoch: LeaderEpoch,
        fetch_offset: Offset,
        last_fetched_epoch: Option<LeaderEpoch>,
        log_start_offset: Offset,
    ) -> Self {
        Self {
            topic_id,
            leader_epoch,
            fetch_offset,
            last_fetched_epoch: last_fetched_epoch.unwrap_or(NO_EPOCH),
            log_start_offset,
            stage: FetchStage::Fetching,
            is_caught_up: false,
            retry_at: None,
        }
    }
}

/// Where a follower's log must be cut to agree with its leader (KIP-595, KIP-101).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncation {
    /// The new log end offset.
    pub offset: Offset,
    /// False where the leader has to be asked again, with the epoch the log ends with then.
    pub complete: bool,
}

/// Decides where to cut.
///
/// `leader` is what the leader said of an epoch: the largest of its epochs at or below the one asked for, and where that
/// ends. `local_end_for` answers the same of the follower's own log, (-1, -1) where it cannot tell.
pub fn truncation_for(
    leader: (LeaderEpoch, Offset),
    log_end_offset: Offset,
    high_watermark: Offset,
    local_end_for: impl FnOnce(LeaderEpoch) -> (LeaderEpoch, Offset),
) -> Truncation {
    let (leader_epoch, leader_end) = leader;
    if leader_end < 0 {
        return Truncation { offset: high_watermark, complete: true };
    }
    if leader_epoch < 0 {
        return Truncation { offset: leader_end.min(log_end_offset), complete: true };
    }
    let (local_epoch, local_end) = local_end_for(leader_epoch);
    if local_end < 0 {
        // The follower has nothing at or below the leader's epoch.
        return Truncation { offset: leader_end.min(log_end_offset), complete: true };
    }
    if local_epoch != leader_epoch {
        return Truncation { offset: local_end.min(log_end_offset), complete: false };
    }
    Truncation { offset: local_end.min(leader_end).min(log_end_offset), complete: true }
}

#[cfg(test)]
#[path = "replica_fetcher_tests.rs"]
mod tests;
