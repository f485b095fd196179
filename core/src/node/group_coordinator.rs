//! The group coordinator at work: its records are appended to its partitions, its answers sent.

use super::broker::Broker;
use super::inbound::Token;
use crate::coordinator::group::{GroupOutput, GroupRequest, GroupResponse, RequestContext};
use crate::ids::{CONSUMER_OFFSETS_TOPIC, TopicPartition};
use crate::log::VerificationGuard;
use crate::protocol::{ErrorCode, messages as m};
use crate::record::Batches;
use crate::replication::replica_manager::{TransactionMarker, TransactionSupportedOperation, TransactionVerification};
use alloc::vec;

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
