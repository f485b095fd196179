//! `FetchSnapshot` (59): a follower whose log ends before the leader's begins takes a snapshot, piece by piece.

use super::quorum_state::State;
use super::snapshot::{SnapshotId, read_snapshot};
use super::voter_set::ReplicaKey;
use super::{RaftClient, RaftRequest, RaftResponse, RequestKind};
use crate::ids::{CLUSTER_METADATA_TOPIC, NO_NODE, NodeId};
use crate::log::storage::StoreQueue;
use crate::protocol::messages::fetch_snapshot_request::{
    PartitionSnapshot as RequestPartition, SnapshotId as RequestSnapshotId, TopicSnapshot as RequestTopic,
};
use crate::protocol::messages::fetch_snapshot_response::{
    LeaderIdAndEpoch, NodeEndpoint, PartitionSnapshot, SnapshotId as ResponseSnapshotId, TopicSnapshot,
};
use crate::protocol::messages::{FetchSnapshotRequest, FetchSnapshotResponse};
use crate::protocol::{ErrorCode, Records};
use crate::text::Str;
use crate::time::{Instant, Now};
use alloc::vec;
use bytes::Bytes;

/// No piece takes the snapshot beyond this: a size a peer tells is not trusted.
const LARGEST_SNAPSHOT: i64 = 256 * 1024 * 1024;

impl RaftClient {
    pub(super) fn send_fetch_snapshot(&mut self, leader: NodeId, now: Instant) {
        let State::Follower(state) = self.quorum.state() else { return };
        let Some(fetching) = &state.fetching_snapshot else { return };
        if !self.is_ready(leader, RequestKind::FetchSnapshot, now) {
            return;
        }
        let local = self.quorum.local();
        let partition = RequestPartition {
            partition: 0,
            current_leader_epoch: state.epoch,
            snapshot_id: RequestSnapshotId { end_offset: fetching.id.end_offset, epoch: fetching.id.epoch },
            position: fetching.bytes.len() as i64,
            replica_directory_id: local.directory_id,
        };
        let topic = RequestTopic { name: Str::from_static(CLUSTER_METADATA_TOPIC), partitions: vec![partition] };
        let request = FetchSnapshotRequest {
            cluster_id: Some(self.config.cluster_id.clone()),
            replica_id: local.id,
            max_bytes: self.config.fetch_max_bytes,
            topics: vec![topic],
        };
        self.send(leader, RequestKind::FetchSnapshot, false, RaftRequest::FetchSnapshot(request));
    }

    pub(super) fn handle_fetch_snapshot_request(&mut self, now: Now, token: u64, request: &FetchSnapshotRequest) {
        let response = match self.snapshot_piece(now, request) {
            Ok(partition) => self.fetch_snapshot_response(partition),
            Err(error) => FetchSnapshotResponse { error_code: error.code(), ..FetchSnapshotResponse::default() },
        };
        self.respond(token, RaftResponse::FetchSnapshot(response));
    }

    fn snapshot_piece(&mut self, now: Now, request: &FetchSnapshotRequest) -> Result<PartitionSnapshot, ErrorCode> {
        self.check_cluster_id(request.cluster_id.as_ref())?;
        let [topic] = request.topics.as_slice() else { return Err(ErrorCode::InvalidRequest) };
        let [partition] = topic.partitions.as_slice() else { return Err(ErrorCode::InvalidRequest) };
        let wanted = &partition.snapshot_id;
        let mut answer = PartitionSnapshot {
            index: partition.partition,
            snapshot_id: ResponseSnapshotId { end_offset: wanted.end_offset, epoch: wanted.epoch },
            current_leader: LeaderIdAndEpoch {
                leader_id: self.quorum.leader_id().unwrap_or(NO_NODE),
                leader_epoch: self.quorum.epoch(),
            },
            position: partition.position,
            ..PartitionSnapshot::default()
        };
        let mut refuse = |error: ErrorCode| {
            answer.error_code = error.code();
            Ok(answer.clone())
        };
        if topic.name != CLUSTER_METADATA_TOPIC || partition.partition != 0 {
            return refuse(ErrorCode::UnknownTopicOrPartition);
        }
        if let Some(error) = self.leader_only_error(partition.current_leader_epoch) {
            return refuse(error);
        }
        let id = SnapshotId { end_offset: wanted.end_offset, epoch: wanted.epoch };
        let Some(bytes) = self.log.snapshot_bytes(id) else { return refuse(ErrorCode::SnapshotNotFound) };
        let position = usize::try_from(partition.position).ok().filter(|position| *position < bytes.len());
        let Some(position) = position else { return refuse(ErrorCode::PositionOutOfRange) };
        let wanted_bytes = usize::try_from(request.max_bytes.min(self.config.fetch_max_bytes)).unwrap_or(0);
        let end = position.saturating_add(wanted_bytes).min(bytes.len());
        answer.size = bytes.len() as i64;
        answer.unaligned_records = Records::from(bytes.slice(position..end));
        let fetch_timeout = self.config.fetch_timeout;
        if let Some(leader) = self.quorum.leader_mut() {
            let key = ReplicaKey::new(request.replica_id, partition.replica_directory_id);
            leader.voter_was_heard(key, now.monotonic, fetch_timeout);
        }
        Ok(answer)
    }

    fn fetch_snapshot_response(&self, partition: PartitionSnapshot) -> FetchSnapshotResponse {
        let topic = TopicSnapshot { name: Str::from_static(CLUSTER_METADATA_TOPIC), partitions: vec![partition] };
        let endpoint = |(node_id, host, port)| NodeEndpoint { node_id, host, port };
        FetchSnapshotResponse {
            topics: vec![topic],
            node_endpoints: self.leader_address().map(endpoint).into_iter().collect(),
            ..FetchSnapshotResponse::default()
        }
    }

    pub(super) fn handle_fetch_snapshot_response(
        &mut self,
        now: Now,
        from: NodeId,
        response: &FetchSnapshotResponse,
        store: &mut StoreQueue,
    ) {
        let partition = response.topics.first().and_then(|topic| topic.partitions.first());
        let Some(partition) = partition.filter(|_| response.error_code == ErrorCode::None.code()) else {
            return self.requests.pause(from, RequestKind::FetchSnapshot, now.monotonic);
        };
        let leader = Some(partition.current_leader.leader_id).filter(|leader| *leader >= 0);
        let epoch = partition.current_leader.leader_epoch;
        self.observe_epoch(now, leader, epoch, store);
        if epoch != self.quorum.epoch() {
            return;
        }
        let error = ErrorCode::from_code(partition.error_code);
        let Some(follower) = self.quorum.follower_mut().filter(|follower| follower.leader == from) else { return };
        match error {
            Some(ErrorCode::None) => self.take_snapshot_piece(now, partition, store),
            // The leader has a newer one by now; the next fetch names it.
            Some(ErrorCode::SnapshotNotFound | ErrorCode::PositionOutOfRange) => follower.fetching_snapshot = None,
            _ => self.requests.pause(from, RequestKind::FetchSnapshot, now.monotonic),
        }
    }

    fn take_snapshot_piece(&mut self, now: Now, partition: &PartitionSnapshot, store: &mut StoreQueue) {
        let Some(follower) = self.quorum.follower_mut() else { return };
        let Some(fetching) = &mut follower.fetching_snapshot else { return };
        let id = SnapshotId { end_offset: partition.snapshot_id.end_offset, epoch: partition.snapshot_id.epoch };
        let piece = partition.unaligned_records.to_bytes();
        let end = fetching.bytes.len() as i64 + piece.len() as i64;
        let fits = id == fetching.id && partition.position == fetching.bytes.len() as i64;
        if !fits || piece.is_empty() || end > partition.size || partition.size > LARGEST_SNAPSHOT {
            // Not what was asked for: begin anew.
            follower.fetching_snapshot = None;
            return;
        }
        fetching.bytes.extend_from_slice(&piece);
        if end == partition.size {
            let bytes = Bytes::from(core::mem::take(&mut fetching.bytes));
            follower.fetching_snapshot = None;
            self.finish_snapshot(now, id, &bytes, store);
        }
        self.note_successful_fetch(now.monotonic);
    }

    fn finish_snapshot(&mut self, now: Now, id: SnapshotId, bytes: &Bytes, store: &mut StoreQueue) {
        let contents = read_snapshot(bytes).ok().filter(|_| id.end_offset > self.log.high_watermark());
        // Damaged on its way, or overtaken: the next fetch says what is needed.
        let Some(contents) = contents else { return };
        self.log.install_snapshot(now, id, bytes.clone(), store);
        self.voter_history.loaded(id, &contents);
        self.voters_changed();
        self.tell_snapshot(now, id, bytes);
        self.outputs.push_back(super::RaftOutput::HighWatermark(self.log.high_watermark()));
    }
}
