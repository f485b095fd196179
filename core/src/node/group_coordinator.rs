//! The group coordinator at work: its partitions are loaded when this broker comes to lead them, its records appended to them.

use super::broker::Broker;
use super::inbound::Token;
use crate::coordinator::group::{GroupOutput, GroupRequest, GroupResponse, RequestContext};
use crate::ids::{CONSUMER_OFFSETS_TOPIC, LeaderEpoch, Offset, PartitionIndex, TopicPartition};
use crate::log::VerificationGuard;
use crate::protocol::{ErrorCode, messages as m};
use crate::record::Batches;
use crate::replication::replica_manager::{
    LoadingRead, TransactionMarker, TransactionSupportedOperation, TransactionVerification,
};
use crate::sorted::SortedMap;
use crate::time::Instant;
use alloc::vec;

/// Bytes read in one slice while a partition is loaded.
const LOAD_SLICE: usize = 1 << 20;

/// Partitions of `__consumer_offsets` that are being loaded: how far, and in which epoch.
#[derive(Clone, Debug, Default)]
pub(super) struct GroupLoading {
    partitions: SortedMap<PartitionIndex, Loading>,
}

#[derive(Clone, Debug)]
struct Loading {
    next_offset: Offset,
    /// A cold range is on its way.
    waiting: bool,
}

impl GroupLoading {
    /// At once, as long as a partition has more to read.
    pub(super) fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        let more = self.partitions.values().any(|loading| !loading.waiting);
        more.then_some((Instant::ZERO, "load groups and offsets"))
    }
}

impl Broker {
    /// Gives a request to the group coordinator.
    pub(super) fn ask_groups(&mut self, token: Token, who: RequestContext, request: GroupRequest) {
        let image = self.image.clone();
        self.groups.handle(self.now, token, who, request, &image);
    }

    /// Commits offsets inside a transaction, once its coordinator said that it knows of them.
    pub(super) fn commit_transactional_offsets(
        &mut self,
        token: Token,
        who: RequestContext,
        request: m::TxnOffsetCommitRequest,
    ) {
        let image = self.image.clone();
        let Some(partition) = self.groups.partition_to_verify(&request, &image) else {
            let verified = Ok(VerificationGuard::SENTINEL);
            return self.groups.commit_transactional_offsets(self.now, token, &who, request, verified, &image);
        };
        let verification = TransactionVerification {
            transactional_id: request.transactional_id.clone(),
            producer_id: request.producer_id,
            producer_epoch: request.producer_epoch,
            partitions: vec![TopicPartition::new(CONSUMER_OFFSETS_TOPIC, partition)],
            operation: TransactionSupportedOperation::of_txn_offset_commit(who.api_version),
        };
        self.verifying_offsets.insert(token, (who, request));
        self.replica_manager.verify_local(self.now, verification, token);
    }

    /// The coordinator of a transaction said whether offsets may be committed inside it.
    pub(super) fn offsets_verified(&mut self, token: Token, verified: Result<VerificationGuard, ErrorCode>) {
        if let Some((who, request)) = self.verifying_offsets.remove(&token) {
            let image = self.image.clone();
            self.groups.commit_transactional_offsets(self.now, token, &who, request, verified, &image);
        }
    }

    /// This broker leads a partition now, or in a new epoch.
    pub(super) fn became_leader(&mut self, partition: &TopicPartition, leader_epoch: LeaderEpoch) {
        if partition.topic != CONSUMER_OFFSETS_TOPIC {
            return;
        }
        let index = partition.partition;
        self.groups.elected(self.now, index, leader_epoch);
        let log = self.replica_manager.logs().log(partition);
        let next_offset = log.map_or(0, crate::log::UnifiedLog::log_start_offset);
        self.group_loading.partitions.insert(index, Loading { next_offset, waiting: false });
    }

    /// This broker leads a partition no longer.
    pub(super) fn stopped_leading(&mut self, partition: &TopicPartition) {
        if partition.topic == CONSUMER_OFFSETS_TOPIC {
            self.group_loading.partitions.remove(&partition.partition);
            self.groups.resigned(self.now, partition.partition);
        }
    }

    /// A partition this broker leads is replicated up to here.
    pub(super) fn high_watermark_advanced(&mut self, partition: &TopicPartition, high_watermark: Offset) {
        if partition.topic == CONSUMER_OFFSETS_TOPIC {
            self.groups.high_watermark_advanced(self.now, partition.partition, high_watermark);
        }
    }

    /// Ends a transaction in a partition of `__consumer_offsets`; its outcome comes to `txn_marker_written` with `marker_id`.
    pub(super) fn complete_group_transaction(
        &mut self,
        partition: &TopicPartition,
        marker: &TransactionMarker,
        marker_id: u64,
    ) {
        if self.replica_manager.is_online(partition) {
            self.groups.complete_transaction(self.now, marker_id, partition.partition, marker);
        } else {
            self.txn_marker_written(marker_id, ErrorCode::UnknownTopicOrPartition);
        }
    }

    /// A cold range of a partition can be read now.
    pub(super) fn loaded_for_reading(&mut self, partition: &TopicPartition) {
        if partition.topic == CONSUMER_OFFSETS_TOPIC
            && let Some(loading) = self.group_loading.partitions.get_mut(&partition.partition)
        {
            loading.waiting = false;
        }
    }

    /// Reads the next slice of one partition that is being loaded; true where something moved.
    pub(super) fn load_groups(&mut self) -> bool {
        let due = self.group_loading.partitions.iter().find(|(_, loading)| !loading.waiting);
        let Some((&index, loading)) = due else { return false };
        let partition = TopicPartition::new(CONSUMER_OFFSETS_TOPIC, index);
        let next_offset = loading.next_offset;
        match self.replica_manager.read_for_loading(&partition, next_offset, LOAD_SLICE) {
            Ok(LoadingRead::Records { records, high_watermark, log_end_offset }) => {
                let bytes = records.to_bytes();
                let last = Batches::new(bytes.clone()).flatten().last().map(|batch| batch.last_offset());
                self.groups.replay(self.now, index, &bytes);
                if let Some(last) = last.filter(|last| last + 1 < log_end_offset) {
                    self.group_loading_at(index, last + 1);
                } else {
                    self.group_loading.partitions.remove(&index);
                    self.groups.loaded(self.now, index, high_watermark);
                }
            }
            Ok(LoadingRead::Loading) => {
                if let Some(loading) = self.group_loading.partitions.get_mut(&index) {
                    loading.waiting = true;
                }
            }
            // It is led elsewhere already; the coordinator hears of that by itself.
            Err(_) => {
                self.group_loading.partitions.remove(&index);
            }
        }
        true
    }

    fn group_loading_at(&mut self, index: PartitionIndex, next_offset: Offset) {
        if let Some(loading) = self.group_loading.partitions.get_mut(&index) {
            loading.next_offset = next_offset;
        }
    }

    /// Carries out what the coordinator wants.
    pub(super) fn group_output(&mut self, output: GroupOutput) {
        match output {
            GroupOutput::Append { partition, append_id, batch, guard, transaction_version } => {
                let partition = TopicPartition::new(CONSUMER_OFFSETS_TOPIC, partition);
                // One batch with base offset 0: its last offset is what comes on top of where the log put it.
                let last_offset = Batches::new(batch.clone()).flatten().last().map_or(0, |batch| batch.last_offset());
                let (now, stores) = (self.now, &mut self.stores);
                let result = self
                    .replica_manager
                    .append_local_transactional(now, stores, &partition, &batch, guard, transaction_version)
                    .map(|base_offset| base_offset + last_offset)
                    .map_err(|refused| refused.code);
                self.groups.append_result(now, append_id, result);
            }
            GroupOutput::Respond { token, response } => self.respond_group(token, &response),
            GroupOutput::Event(event) => self.event(event),
        }
    }

    fn respond_group(&mut self, token: Token, response: &GroupResponse) {
        match response {
            GroupResponse::JoinGroup(response) => self.respond::<m::JoinGroupRequest>(token, response),
            GroupResponse::SyncGroup(response) => self.respond::<m::SyncGroupRequest>(token, response),
            GroupResponse::Heartbeat(response) => self.respond::<m::HeartbeatRequest>(token, response),
            GroupResponse::LeaveGroup(response) => self.respond::<m::LeaveGroupRequest>(token, response),
            GroupResponse::OffsetCommit(response) => self.respond::<m::OffsetCommitRequest>(token, response),
            GroupResponse::OffsetFetch(response) => self.respond::<m::OffsetFetchRequest>(token, response),
            GroupResponse::OffsetDelete(response) => self.respond::<m::OffsetDeleteRequest>(token, response),
            GroupResponse::DescribeGroups(response) => self.respond::<m::DescribeGroupsRequest>(token, response),
            GroupResponse::ListGroups(response) => self.respond::<m::ListGroupsRequest>(token, response),
            GroupResponse::DeleteGroups(response) => self.respond::<m::DeleteGroupsRequest>(token, response),
            GroupResponse::TxnOffsetCommit(response) => self.respond::<m::TxnOffsetCommitRequest>(token, response),
            // Its token is that of a marker.
            GroupResponse::CompleteTransaction(error) => self.txn_marker_written(token, *error),
        }
    }
}
