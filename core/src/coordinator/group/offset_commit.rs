//! `OffsetCommit`: who may commit, and what.

use super::classic::{ClassicGroup, ClassicGroupState};
use super::config::GroupConfig;
use super::offsets::OffsetAndMetadata;
use super::records;
use super::request::{GroupResponse, RequestContext, TopicLookup};
use super::shard::Shard;
use super::turn::{Turn, WriteAction};
use crate::ids::Uuid;
use crate::protocol::ErrorCode;
use crate::protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use crate::protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use crate::protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};
use crate::text::Str;
use alloc::vec::Vec;

/// The first version that names topics by id.
const TOPIC_IDS_FROM: i16 = 10;
/// The first version that knows of groups that are not there.
const GROUP_ID_NOT_FOUND_FROM: i16 = 9;

/// The answer where nothing could be committed.
pub(super) fn error_response(request: &OffsetCommitRequest, error: ErrorCode) -> OffsetCommitResponse {
    let partition = |partition: &OffsetCommitRequestPartition| OffsetCommitResponsePartition {
        partition_index: partition.partition_index,
        error_code: error.code(),
    };
    let topic = |topic: &OffsetCommitRequestTopic| OffsetCommitResponseTopic {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partitions: topic.partitions.iter().map(partition).collect(),
    };
    OffsetCommitResponse { topics: request.topics.iter().map(topic).collect(), ..OffsetCommitResponse::default() }
}

/// True where a consumer's text is longer than `offset.metadata.max.bytes`, which Java counts in UTF-16 units.
pub(super) fn is_metadata_too_large(config: &GroupConfig, metadata: &str) -> bool {
    metadata.encode_utf16().count() > config.offset_metadata_max_bytes
}

/// Turns what would have been a success into an error.
pub(super) fn fail(response: &mut OffsetCommitResponse, error: ErrorCode) {
    for partition in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
        if partition.error_code == ErrorCode::None.code() {
            partition.error_code = error.code();
        }
    }
}

impl Shard {
    pub(super) fn commit_offsets(
        &mut self,
        turn: &mut Turn<'_>,
        token: u64,
        context: &RequestContext,
        request: &OffsetCommitRequest,
        topics: &dyn TopicLookup,
    ) {
        if let Err(error) = self.validate_commit(context.api_version, request) {
            return turn.respond(token, GroupResponse::OffsetCommit(error_response(request, error)));
        }
        if let Some(group) = self.groups.get_mut(&request.group_id) {
            group.restart_session(turn, &request.member_id);
        }
        let mut commit = Commit { turn, request, topics, records: Vec::new() };
        let response = OffsetCommitResponse {
            topics: request.topics.iter().map(|topic| commit.topic(topic, context.api_version)).collect(),
            ..OffsetCommitResponse::default()
        };
        let records = commit.records;
        if records.is_empty() {
            turn.respond(token, GroupResponse::OffsetCommit(response));
        } else {
            turn.append(records, WriteAction::CommitOffsets { token, response });
        }
    }

    fn validate_commit(&self, api_version: i16, request: &OffsetCommitRequest) -> Result<(), ErrorCode> {
        match self.groups.get(&request.group_id) {
            Some(group) => {
                let (member_id, instance) = (&request.member_id, request.group_instance_id.as_ref());
                group.validate_commit(member_id, instance, request.generation_id_or_member_epoch, false)
            }
            // A consumer that assigns itself, or an administrator: the offsets make the group.
            None if request.generation_id_or_member_epoch < 0 => Ok(()),
            None if api_version >= GROUP_ID_NOT_FOUND_FROM => Err(ErrorCode::GroupIdNotFound),
            None => Err(ErrorCode::IllegalGeneration),
        }
    }
}

impl ClassicGroup {
    /// Whether the sender may commit. Inside a transaction it may at any time, and old clients do not say who they are.
    pub(super) fn validate_commit(
        &self,
        member_id: &Str,
        group_instance_id: Option<&Str>,
        generation_id: i32,
        transactional: bool,
    ) -> Result<(), ErrorCode> {
        if self.state == ClassicGroupState::Dead {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        if generation_id < 0 && self.state == ClassicGroupState::Empty {
            return Ok(());
        }
        if generation_id < 0 && member_id.is_empty() && group_instance_id.is_none() {
            return if transactional { Ok(()) } else { Err(ErrorCode::UnknownMemberId) };
        }
        self.validate_member(member_id, group_instance_id)?;
        if generation_id != self.generation_id {
            return Err(ErrorCode::IllegalGeneration);
        }
        if !transactional && self.state == ClassicGroupState::CompletingRebalance {
            return Err(ErrorCode::RebalanceInProgress);
        }
        Ok(())
    }
}

/// One request whose sender may commit.
struct Commit<'a, 'turn> {
    turn: &'a Turn<'turn>,
    request: &'a OffsetCommitRequest,
    topics: &'a dyn TopicLookup,
    records: Vec<records::GroupRecord>,
}

impl Commit<'_, '_> {
    fn topic(&mut self, topic: &OffsetCommitRequestTopic, api_version: i16) -> OffsetCommitResponseTopic {
        let (name, topic_id) = if api_version >= TOPIC_IDS_FROM {
            (self.topics.topic_name(topic.topic_id), topic.topic_id)
        } else {
            (Some(topic.name.clone()), self.topics.topic_id(&topic.name).unwrap_or(Uuid::ZERO))
        };
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in &topic.partitions {
            let result = match &name {
                Some(name) => self.partition(name, topic_id, partition),
                None => Err(ErrorCode::UnknownTopicId),
            };
            partitions.push(OffsetCommitResponsePartition {
                partition_index: partition.partition_index,
                error_code: result.err().unwrap_or(ErrorCode::None).code(),
            });
        }
        OffsetCommitResponseTopic { name: topic.name.clone(), topic_id: topic.topic_id, partitions }
    }

    fn partition(
        &mut self,
        topic: &Str,
        topic_id: Uuid,
        partition: &OffsetCommitRequestPartition,
    ) -> Result<(), ErrorCode> {
        let count = self.topics.partition_count(topic).unwrap_or(0);
        if !(0..count).contains(&partition.partition_index) {
            return Err(ErrorCode::UnknownTopicOrPartition);
        }
        let metadata = partition.committed_metadata.clone().unwrap_or_default();
        if is_metadata_too_large(self.turn.config, &metadata) {
            return Err(ErrorCode::OffsetMetadataTooLarge);
        }
        let now_ms = self.turn.now.wall_ms;
        let retention_ms = self.request.retention_time_ms;
        let offset = OffsetAndMetadata {
            committed_offset: partition.committed_offset,
            leader_epoch: partition.committed_leader_epoch,
            metadata,
            commit_timestamp_ms: now_ms,
            expire_timestamp_ms: (retention_ms >= 0).then(|| now_ms.saturating_add(retention_ms)),
            topic_id,
            record_offset: -1,
        };
        let index = partition.partition_index;
        self.records.push(records::offset_commit(&self.request.group_id, topic, index, &offset));
        Ok(())
    }
}
