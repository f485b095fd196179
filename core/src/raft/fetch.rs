//! Fetch (1) of the metadata log: how followers and observers replicate, and by their offsets acknowledge.

use super::metadata_log::{Continuation, OffsetAndEpoch, TruncationRefused};
use super::quorum_state::State;
use super::snapshot::{FetchingSnapshot, SnapshotId};
use super::voter_set::ReplicaKey;
use super::{FIRST_BOOTSTRAP_SERVER, RaftClient, RaftRequest, RaftResponse, RequestKind};
use crate::ids::{CLUSTER_METADATA_TOPIC, NO_NODE, NodeId, Uuid};
use crate::log::Read;
use crate::log::storage::{FileRange, StoreQueue};
use crate::protocol::messages::fetch_request::{FetchPartition, FetchTopic, ReplicaState};
use crate::protocol::messages::fetch_response::{
    EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData,
    SnapshotId as FetchSnapshotId,
};
use crate::protocol::messages::{FetchRequest, FetchResponse};
use crate::protocol::{ErrorCode, Records};
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

/// A fetch whose answer waits for records, a higher high watermark, or the end of its wait.
#[derive(Clone, Debug)]
pub(super) struct ParkedFetch {
    token: u64,
    request: FetchRequest,
    /// Then it is answered without records.
    pub(super) deadline: Instant,
}

/// What can be said to a fetch now.
enum Outcome {
    /// This.
    Answer(PartitionData),
    /// Nothing new.
    Wait(PartitionData),
    /// The records have to be loaded first.
    Cold(FileRange),
}

impl RaftClient {
    /// Fetches from `leader`, once all there is is stored: the offset asked for acknowledges what is before it.
    pub(super) fn send_fetch(&mut self, leader: NodeId, now: Instant) {
        // The ticket of `quorum-state` is waited for by the message itself, that of the log here.
        if !self.log.is_stored() || !self.is_ready(leader, RequestKind::Fetch, now) {
            return;
        }
        let local = self.quorum.local();
        let partition = FetchPartition {
            partition: 0,
            current_leader_epoch: self.quorum.epoch(),
            fetch_offset: self.log.log_end_offset(),
            last_fetched_epoch: self.log.last_fetched_epoch(),
            log_start_offset: self.log.log_start_offset(),
            partition_max_bytes: self.config.fetch_max_bytes,
            replica_directory_id: local.directory_id,
            high_watermark: self.log.high_watermark(),
        };
        let topic = FetchTopic {
            topic: Str::from_static(CLUSTER_METADATA_TOPIC),
            topic_id: Uuid::METADATA_TOPIC,
            partitions: vec![partition],
        };
        let request = FetchRequest {
            cluster_id: Some(self.config.cluster_id.clone()),
            replica_state: ReplicaState { replica_id: local.id, replica_epoch: -1 },
            max_wait_ms: self.config.fetch_max_wait.as_millis() as i32,
            min_bytes: 0,
            max_bytes: self.config.fetch_max_bytes,
            topics: vec![topic],
            ..FetchRequest::default()
        };
        self.send(leader, RequestKind::Fetch, false, RaftRequest::Fetch(request));
    }

    /// Asks any voter or bootstrap server, to learn from its answer who leads.
    pub(super) fn fetch_from_anyone(&mut self, now: Instant) {
        let servers = self.config.bootstrap_servers.len() as NodeId;
        let mut nodes = self.quorum.other_voters();
        nodes.extend((0..servers).map(|index| FIRST_BOOTSTRAP_SERVER - index));
        if nodes.iter().any(|node| self.requests.is_under_way(*node, RequestKind::Fetch)) {
            return;
        }
        let ready: Vec<NodeId> =
            nodes.into_iter().filter(|node| self.is_ready(*node, RequestKind::Fetch, now)).collect();
        let chosen = self.rng.below(ready.len() as u64) as usize;
        if let Some(node) = ready.get(chosen) {
            self.send_fetch(*node, now);
        }
    }

    /// Remembers where the leader listens that an answer names. With fixed voters it is known.
    fn learn_leader(&mut self, leader: NodeId, response: &FetchResponse) {
        let endpoint = response.node_endpoints.iter().find(|endpoint| endpoint.node_id == leader);
        let Some(endpoint) = endpoint.filter(|_| leader >= 0 && !self.voter_history.is_fixed()) else { return };
        if let Ok(port) = u16::try_from(endpoint.port) {
            self.quorum.leader_told(leader, endpoint.host.detached(), port);
        }
    }

    pub(super) fn handle_fetch_request(&mut self, now: Now, token: u64, request: FetchRequest) {
        let Some(partition) = self.check_fetch_request(&request) else {
            let error_code = match self.check_cluster_id(request.cluster_id.as_ref()) {
                Err(error) => error,
                Ok(()) => ErrorCode::InvalidRequest,
            };
            let response = FetchResponse { error_code: error_code.code(), ..FetchResponse::default() };
            return self.respond(token, RaftResponse::Fetch(response));
        };
        let partition = partition.clone();
        let replica_id = request.replica_state.replica_id;
        let is_accepted = self.leader_only_error(partition.current_leader_epoch).is_none();
        let continuation = self.log.continuation(partition.fetch_offset, partition.last_fetched_epoch);
        if is_accepted && replica_id >= 0 {
            self.note_fetch(now, replica_id, &partition, continuation == Continuation::Valid);
        }
        let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
        let parked = ParkedFetch { token, request, deadline: now.monotonic + wait };
        self.answer_or_park(parked, now);
    }

    fn check_fetch_request<'a>(&self, request: &'a FetchRequest) -> Option<&'a FetchPartition> {
        self.check_cluster_id(request.cluster_id.as_ref()).ok()?;
        let [topic] = request.topics.as_slice() else { return None };
        let [partition] = topic.partitions.as_slice() else { return None };
        let is_valid = topic.topic_id == Uuid::METADATA_TOPIC
            && partition.partition == 0
            && partition.fetch_offset >= 0
            && partition.last_fetched_epoch >= 0
            && partition.current_leader_epoch >= 0
            && request.max_wait_ms >= 0;
        is_valid.then_some(partition)
    }

    /// A replica that still diverges, or needs a snapshot, lives; but its offset acknowledges nothing.
    fn note_fetch(&mut self, now: Now, replica_id: NodeId, partition: &FetchPartition, is_valid: bool) {
        let leader_end = self.log.log_end_offset();
        let fetch_timeout = self.config.fetch_timeout;
        let Some(leader) = self.quorum.leader_mut() else { return };
        let key = ReplicaKey::new(replica_id, partition.replica_directory_id);
        if is_valid {
            leader.fetched(now, key, partition.fetch_offset, leader_end, fetch_timeout);
        } else {
            leader.voter_was_heard(key, now.monotonic, fetch_timeout);
        }
    }

    fn answer_or_park(&mut self, parked: ParkedFetch, now: Now) {
        match self.fetch_outcome(&parked.request) {
            Outcome::Wait(partition) if parked.deadline <= now.monotonic => self.answer_fetch(parked.token, partition),
            Outcome::Answer(partition) => self.answer_fetch(parked.token, partition),
            Outcome::Wait(_) => self.parked_fetches.push(parked),
            Outcome::Cold(range) => {
                self.request_load(range);
                self.parked_fetches.push(parked);
            }
        }
    }

    /// Answers the fetches that have waited enough.
    pub(super) fn complete_fetches(&mut self, now: Now) {
        for parked in core::mem::take(&mut self.parked_fetches) {
            self.answer_or_park(parked, now);
        }
    }

    /// Why a request that only the leader of `epoch` may answer is refused here.
    pub(super) fn leader_only_error(&self, epoch: i32) -> Option<ErrorCode> {
        match epoch.cmp(&self.quorum.epoch()) {
            _ if self.is_shutting_down() => Some(ErrorCode::BrokerNotAvailable),
            core::cmp::Ordering::Less => Some(ErrorCode::FencedLeaderEpoch),
            core::cmp::Ordering::Greater => Some(ErrorCode::UnknownLeaderEpoch),
            core::cmp::Ordering::Equal if self.quorum.leader().is_none() => Some(ErrorCode::NotLeaderOrFollower),
            core::cmp::Ordering::Equal => None,
        }
    }

    fn fetch_outcome(&mut self, request: &FetchRequest) -> Outcome {
        let Some(partition) = self.check_fetch_request(request) else {
            return Outcome::Answer(self.fetch_partition(ErrorCode::InvalidRequest));
        };
        if let Some(error) = self.leader_only_error(partition.current_leader_epoch) {
            return Outcome::Answer(self.fetch_partition(error));
        }
        let mut answer = self.fetch_partition(ErrorCode::None);
        match self.log.continuation(partition.fetch_offset, partition.last_fetched_epoch) {
            Continuation::Valid => {}
            Continuation::Diverging(end) => {
                answer.diverging_epoch = EpochEndOffset { epoch: end.epoch, end_offset: end.end_offset };
                return Outcome::Answer(answer);
            }
            Continuation::Snapshot(id) => {
                answer.snapshot_id = FetchSnapshotId { end_offset: id.end_offset, epoch: id.epoch };
                return Outcome::Answer(answer);
            }
        }
        let max_bytes = usize::try_from(partition.partition_max_bytes.min(request.max_bytes)).unwrap_or(0);
        let log_end_offset = self.log.log_end_offset();
        match self.log.read(partition.fetch_offset, max_bytes, log_end_offset) {
            Ok(Read::Data { records }) => answer.records = Some(records),
            Ok(Read::Cold(range)) => return Outcome::Cold(range),
            Err(error) => return Outcome::Answer(self.fetch_partition(error)),
        }
        // A follower that tells its high watermark (version 18) is told at once of a higher one.
        let has_news = answer.records.as_ref().is_some_and(|records| !records.is_empty())
            || answer.high_watermark > partition.high_watermark;
        if has_news { Outcome::Answer(answer) } else { Outcome::Wait(answer) }
    }

    fn fetch_partition(&self, error: ErrorCode) -> PartitionData {
        let leader_id = self.quorum.leader_id().unwrap_or(NO_NODE);
        PartitionData {
            partition_index: 0,
            error_code: error.code(),
            // Unknown until something of this epoch is committed: what was before is not this leader's to say.
            high_watermark: self.quorum.leader().and_then(|leader| leader.high_watermark).unwrap_or(-1),
            log_start_offset: self.log.log_start_offset(),
            current_leader: LeaderIdAndEpoch { leader_id, leader_epoch: self.quorum.epoch() },
            records: Some(Records::EMPTY),
            ..PartitionData::default()
        }
    }

    fn answer_fetch(&mut self, token: u64, partition: PartitionData) {
        let topic = FetchableTopicResponse {
            topic: Str::from_static(CLUSTER_METADATA_TOPIC),
            topic_id: Uuid::METADATA_TOPIC,
            partitions: vec![partition],
        };
        let endpoint = |(node_id, host, port)| NodeEndpoint { node_id, host, port: i32::from(port), rack: None };
        let response = FetchResponse {
            responses: vec![topic],
            node_endpoints: self.leader_address().map(endpoint).into_iter().collect(),
            ..FetchResponse::default()
        };
        self.respond(token, RaftResponse::Fetch(response));
    }

    pub(super) fn handle_fetch_response(
        &mut self,
        now: Now,
        from: NodeId,
        response: &FetchResponse,
        store: &mut StoreQueue,
    ) {
        let partition = response.responses.first().and_then(|topic| topic.partitions.first());
        let Some(partition) = partition.filter(|_| response.error_code == ErrorCode::None.code()) else {
            return self.requests.pause(from, RequestKind::Fetch, now.monotonic);
        };
        let leader = Some(partition.current_leader.leader_id).filter(|leader| *leader >= 0);
        let epoch = partition.current_leader.leader_epoch;
        self.learn_leader(partition.current_leader.leader_id, response);
        self.observe_epoch(now, leader, epoch, store);
        if partition.error_code != ErrorCode::None.code() {
            return self.requests.pause(from, RequestKind::Fetch, now.monotonic);
        }
        // Only the answer of the leader followed now, to where the log ends now, says anything about it.
        let is_current = matches!(self.quorum.state(), State::Follower(state) if state.leader == from);
        if !is_current || epoch != self.quorum.epoch() {
            return;
        }
        self.take_fetched(now, from, partition, store);
    }

    fn take_fetched(&mut self, now: Now, from: NodeId, partition: &PartitionData, store: &mut StoreQueue) {
        let diverging = &partition.diverging_epoch;
        let snapshot = &partition.snapshot_id;
        if diverging.epoch >= 0 && diverging.end_offset >= 0 {
            let end = OffsetAndEpoch { end_offset: diverging.end_offset, epoch: diverging.epoch };
            match self.log.truncate_to_end_offset(now, end, store) {
                Ok(end_offset) => {
                    self.voter_history.truncated(end_offset);
                    self.voters_changed();
                }
                Err(TruncationRefused::Cold(range)) => {
                    // The next fetch diverges again; by then it may be loaded.
                    self.request_load(range);
                    self.requests.pause(from, RequestKind::Fetch, now.monotonic);
                }
                Err(TruncationRefused::BelowHighWatermark { end_offset, high_watermark }) => {
                    return self.fail(&format!(
                        "Attempted to truncate to offset {end_offset}, which is below the current high watermark \
                         {high_watermark}"
                    ));
                }
            }
        } else if snapshot.epoch >= 0 && snapshot.end_offset >= 0 {
            let id = SnapshotId { end_offset: snapshot.end_offset, epoch: snapshot.epoch };
            self.begin_snapshot(from, id, now.monotonic);
        } else {
            let records = partition.records.as_ref().map(Records::to_bytes).unwrap_or_default();
            if !records.is_empty() && self.log.append_as_follower(now, &records, self.quorum.epoch(), store).is_err() {
                // Damaged on its way, or an answer to an older fetch: ask again.
                return self.requests.pause(from, RequestKind::Fetch, now.monotonic);
            }
            self.note_voters(&records);
            self.raise_high_watermark(partition.high_watermark);
        }
        self.note_successful_fetch(now.monotonic);
    }

    /// Begins to fetch a snapshot, unless it is of something this replica has.
    fn begin_snapshot(&mut self, from: NodeId, id: SnapshotId, now: Instant) {
        if id.end_offset <= self.log.high_watermark() {
            // Nothing committed here can be missing there; the answer is of another time.
            return self.requests.pause(from, RequestKind::Fetch, now);
        }
        if let Some(follower) = self.quorum.follower_mut() {
            follower.fetching_snapshot = Some(FetchingSnapshot { id, bytes: Vec::new() });
        }
    }

    pub(super) fn note_successful_fetch(&mut self, now: Instant) {
        let fetch_timeout = self.config.fetch_timeout;
        if let Some(follower) = self.quorum.follower_mut() {
            follower.fetched(now, fetch_timeout);
        }
    }
}
