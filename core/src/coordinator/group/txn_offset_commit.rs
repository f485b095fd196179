//! `TxnOffsetCommit`: offsets committed inside a transaction (KIP-98), by members of their group only (KIP-447).

use super::offset_commit::is_metadata_too_large;
use super::offsets::OffsetAndMetadata;
use super::records;
use super::request::{GroupResponse, TopicLookup};
use super::shard::Shard;
use super::turn::{Turn, WriteAction};
use crate::ids::Uuid;
use crate::log::VerificationGuard;
use crate::protocol::ErrorCode;
use crate::protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use crate::protocol::messages::{TxnOffsetCommitRequest, TxnOffsetCommitResponse};
use crate::text::Str;
use alloc::vec;
use alloc::vec::Vec;

/// The first version whose clients may hear that a coordinator loads: those before could die of it (KAFKA-7296).
const LOADING_FROM: i16 = 2;

/// A request whose unknown partitions are answered already.
#[derive(Clone, Debug)]
pub(super) struct TxnCommit {
    /// What is left of it.
    pub(super) request: TxnOffsetCommitRequest,
    /// So far, with the unknown partitions.
    response: TxnOffsetCommitResponse,
    api_version: i16,
}

impl TxnCommit {
    /// Sorts the partitions of a request into those that exist and those that do not.
    pub(super) fn new(mut request: TxnOffsetCommitRequest, api_version: i16, topics: &dyn TopicLookup) -> Self {
        let mut response = TxnOffsetCommitResponse::default();
        for topic in &mut request.topics {
            let known = 0..topics.partition_count(&topic.name).unwrap_or(0);
            topic.partitions.retain(|partition| {
                let index = partition.partition_index;
                if !known.contains(&index) {
                    put(&mut response, &topic.name, index, ErrorCode::UnknownTopicOrPartition);
                }
                known.contains(&index)
            });
        }
        request.topics.retain(|topic| !topic.partitions.is_empty());
        Self { request, response, api_version }
    }

    /// The answer where no partition is left, so that no coordinator has a say.
    pub(super) fn answered(&self) -> Option<GroupResponse> {
        self.request.topics.is_empty().then(|| GroupResponse::TxnOffsetCommit(self.response.clone()))
    }

    /// The answer where none of what is left could be committed.
    pub(super) fn failed(mut self, error: ErrorCode) -> GroupResponse {
        let error = match error {
            ErrorCode::CoordinatorLoadInProgress if self.api_version < LOADING_FROM => {
                ErrorCode::CoordinatorNotAvailable
            }
            error => error,
        };
        for topic in &self.request.topics {
            for partition in &topic.partitions {
                put(&mut self.response, &topic.name, partition.partition_index, error);
            }
        }
        GroupResponse::TxnOffsetCommit(self.response)
    }
}

fn put(response: &mut TxnOffsetCommitResponse, topic: &Str, partition_index: i32, error: ErrorCode) {
    let partition = TxnOffsetCommitResponsePartition { partition_index, error_code: error.code() };
    if let Some(place) = response.topics.iter_mut().find(|place| place.name == *topic) {
        place.partitions.push(partition);
    } else {
        let partitions = vec![partition];
        response.topics.push(TxnOffsetCommitResponseTopic { name: topic.clone(), partitions });
    }
}

/// Turns the answer of a commit that could not be written into an error, but for what was no partition anyway.
pub(super) fn fail(response: &mut TxnOffsetCommitResponse, error: ErrorCode) {
    for partition in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
        if partition.error_code != ErrorCode::UnknownTopicOrPartition.code() {
            partition.error_code = error.code();
        }
    }
}

impl Shard {
    /// Writes the offsets as part of their producer's transaction. Members keep no session alive by it.
    pub(super) fn commit_transactional_offsets(
        &mut self,
        turn: &mut Turn<'_>,
        token: u64,
        commit: TxnCommit,
        guard: VerificationGuard,
        topics: &dyn TopicLookup,
    ) {
        if let Err(error) = self.validate_transactional_commit(&commit.request) {
            return turn.respond(token, commit.failed(error));
        }
        let TxnCommit { request, mut response, .. } = commit;
        let mut records = Vec::new();
        for topic in &request.topics {
            let topic_id = topics.topic_id(&topic.name).unwrap_or(Uuid::ZERO);
            for partition in &topic.partitions {
                let metadata = partition.committed_metadata.clone().unwrap_or_default();
                let index = partition.partition_index;
                if is_metadata_too_large(turn.config, &metadata) {
                    put(&mut response, &topic.name, index, ErrorCode::OffsetMetadataTooLarge);
                    continue;
                }
                let offset = OffsetAndMetadata {
                    committed_offset: partition.committed_offset,
                    leader_epoch: partition.committed_leader_epoch,
                    metadata,
                    commit_timestamp_ms: turn.now.wall_ms,
                    expire_timestamp_ms: None,
                    topic_id,
                    record_offset: -1,
                };
                records.push(records::offset_commit(&request.group_id, &topic.name, index, &offset));
                put(&mut response, &topic.name, index, ErrorCode::None);
            }
        }
        if records.is_empty() {
            turn.respond(token, GroupResponse::TxnOffsetCommit(response));
        } else {
            let producer = (request.producer_id, request.producer_epoch);
            let action = WriteAction::CommitTransactionalOffsets { token, response };
            turn.append_transactional(producer, guard, records, action);
        }
    }

    fn validate_transactional_commit(&self, request: &TxnOffsetCommitRequest) -> Result<(), ErrorCode> {
        let (member_id, instance) = (&request.member_id, request.group_instance_id.as_ref());
        match self.groups.get(&request.group_id) {
            Some(group) => group.validate_commit(member_id, instance, request.generation_id, true),
            // A producer whose consumer assigns itself: the offsets make the group.
            None if request.generation_id < 0 => Ok(()),
            None => Err(ErrorCode::IllegalGeneration),
        }
    }
}
