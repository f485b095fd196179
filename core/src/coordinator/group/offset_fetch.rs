//! `OffsetFetch`: reads committed offsets, of one group or several.

use super::gather::Slot;
use super::offsets::{OffsetAndMetadata, ReadLevel};
use super::request::TopicLookup;
use super::shard::Shard;
use super::turn::{Turn, WriteAction};
use crate::ids::Uuid;
use crate::protocol::ErrorCode;
use crate::protocol::messages::offset_fetch_request::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use crate::protocol::messages::offset_fetch_response::{
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use crate::text::Str;
use alloc::vec;
use alloc::vec::Vec;

/// The first version with several groups.
const SEVERAL_GROUPS_FROM: i16 = 8;
/// The first version that names topics by id.
const TOPIC_IDS_FROM: i16 = 10;
/// The first version with an error of the whole group.
const GROUP_ERROR_FROM: i16 = 2;

/// What is asked of one group.
#[derive(Clone, Debug)]
pub(super) struct FetchGroup {
    pub(super) group_id: Str,
    api_version: i16,
    /// `None` for everything the group committed.
    topics: Option<Vec<FetchTopic>>,
    /// Names and ids of the topics of a fetch of everything, where ids are asked for.
    known: Vec<(Str, Uuid)>,
}

/// One topic asked for; no name where its id is not known.
#[derive(Clone, Debug)]
struct FetchTopic {
    name: Option<Str>,
    topic_id: Uuid,
    partitions: Vec<i32>,
}

/// The groups of a request of any version.
pub(super) fn groups_of(request: &OffsetFetchRequest, api_version: i16, topics: &dyn TopicLookup) -> Vec<FetchGroup> {
    let single = |topic: &OffsetFetchRequestTopic| FetchTopic {
        name: Some(topic.name.clone()),
        topic_id: Uuid::ZERO,
        partitions: topic.partition_indexes.clone(),
    };
    let named = |topic: &OffsetFetchRequestTopics| FetchTopic {
        name: if api_version >= TOPIC_IDS_FROM { topics.topic_name(topic.topic_id) } else { Some(topic.name.clone()) },
        topic_id: topic.topic_id,
        partitions: topic.partition_indexes.clone(),
    };
    let group = |group: &OffsetFetchRequestGroup| FetchGroup {
        group_id: group.group_id.clone(),
        api_version,
        topics: group.topics.as_ref().map(|topics| topics.iter().map(named).collect()),
        known: Vec::new(),
    };
    if api_version >= SEVERAL_GROUPS_FROM {
        return request.groups.iter().map(group).collect();
    }
    let topics = request.topics.as_ref().map(|topics| topics.iter().map(single).collect());
    vec![FetchGroup { group_id: request.group_id.clone(), api_version, topics, known: Vec::new() }]
}

/// A gathered response as its version has it: before several groups there were, the only one's fields are its own.
pub(super) fn flat_response(mut response: OffsetFetchResponse, api_version: i16) -> OffsetFetchResponse {
    if api_version >= SEVERAL_GROUPS_FROM {
        return response;
    }
    let Some(group) = response.groups.pop() else { return response };
    let partition = |partition: OffsetFetchResponsePartitions| OffsetFetchResponsePartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
    };
    let topic = |topic: OffsetFetchResponseTopics| OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic.partitions.into_iter().map(partition).collect(),
    };
    OffsetFetchResponse {
        error_code: group.error_code,
        topics: group.topics.into_iter().map(topic).collect(),
        ..OffsetFetchResponse::default()
    }
}

/// The answer where what had to be replicated first could not be. Consumers know `NOT_COORDINATOR` of old, but not
/// `COORDINATOR_NOT_AVAILABLE`.
pub(super) fn write_error(group_id: Str, error: ErrorCode) -> OffsetFetchResponseGroup {
    let error = if error == ErrorCode::CoordinatorNotAvailable { ErrorCode::NotCoordinator } else { error };
    OffsetFetchResponseGroup { group_id, topics: Vec::new(), error_code: error.code() }
}

impl FetchGroup {
    /// The answer where nothing can be read.
    pub(super) fn error(&self, error: ErrorCode) -> OffsetFetchResponseGroup {
        let topics = match &self.topics {
            Some(topics) if self.api_version < GROUP_ERROR_FROM => {
                topics.iter().map(|topic| topic.response(|partition| no_offset(partition, error))).collect()
            }
            _ => Vec::new(),
        };
        let group_id = self.group_id.clone();
        OffsetFetchResponseGroup { group_id, topics, error_code: error.code() }
    }
}

impl FetchTopic {
    fn response(&self, read: impl Fn(i32) -> OffsetFetchResponsePartitions) -> OffsetFetchResponseTopics {
        OffsetFetchResponseTopics {
            name: self.name.clone().unwrap_or_default(),
            topic_id: self.topic_id,
            partitions: self.partitions.iter().map(|partition| read(*partition)).collect(),
        }
    }
}

impl Shard {
    /// Reads what is replicated, or, where the answer must be stable, what is written, to be told when it is replicated.
    /// Stable answers leave out what an open transaction may change (KIP-447).
    pub(super) fn fetch_offsets(
        &mut self,
        turn: &mut Turn<'_>,
        slot: Slot,
        mut request: FetchGroup,
        require_stable: bool,
        topics: &dyn TopicLookup,
    ) {
        if request.topics.is_none() && request.api_version >= TOPIC_IDS_FROM {
            let written = self.offsets.offsets_of(&request.group_id, ReadLevel::Written);
            let mut names: Vec<Str> = written.into_iter().map(|(topic, _, _)| topic.clone()).collect();
            names.dedup();
            request.known =
                names.into_iter().filter_map(|name| Some((name.clone(), topics.topic_id(&name)?))).collect();
        }
        let level = if require_stable { ReadLevel::Written } else { ReadLevel::Replicated };
        let group = self.read_offsets(&request, level);
        match self.unreplicated() {
            Some(offset) if require_stable => {
                turn.after_replication(offset, WriteAction::FetchOffsets { slot, group });
            }
            _ => turn.fill_offsets(slot, group),
        }
    }

    fn read_offsets(&self, request: &FetchGroup, level: ReadLevel) -> OffsetFetchResponseGroup {
        let group_id = request.group_id.clone();
        let topics = match &request.topics {
            Some(topics) => topics.iter().map(|topic| self.read_topic(&group_id, topic, level)).collect(),
            None => self.read_all(request, level),
        };
        OffsetFetchResponseGroup { group_id, topics, error_code: ErrorCode::None.code() }
    }

    /// True where a stable answer cannot be given yet.
    fn is_unstable(&self, group_id: &str, topic: &Str, partition: i32, level: ReadLevel) -> bool {
        level == ReadLevel::Written && self.offsets.pending.contains(group_id, topic, partition)
    }

    fn read_topic(&self, group_id: &str, topic: &FetchTopic, level: ReadLevel) -> OffsetFetchResponseTopics {
        topic.response(|partition| {
            let Some(name) = &topic.name else { return no_offset(partition, ErrorCode::UnknownTopicId) };
            if self.is_unstable(group_id, name, partition, level) {
                return no_offset(partition, ErrorCode::UnstableOffsetCommit);
            }
            match self.offsets.offset(group_id, name, partition, level) {
                Some(offset) if !offset.is_of_another(topic.topic_id) => committed(partition, offset),
                _ => no_offset(partition, ErrorCode::None),
            }
        })
    }

    fn read_all(&self, request: &FetchGroup, level: ReadLevel) -> Vec<OffsetFetchResponseTopics> {
        let mut topics: Vec<OffsetFetchResponseTopics> = Vec::new();
        for (name, partition, offset) in self.offsets.offsets_of(&request.group_id, level) {
            let topic_id = request.known.iter().find(|(known, _)| known == name).map(|(_, topic_id)| *topic_id);
            if topic_id.is_none() && request.api_version >= TOPIC_IDS_FROM {
                continue;
            }
            if topics.last().is_none_or(|topic| topic.name != *name) {
                let topic_id = topic_id.unwrap_or(Uuid::ZERO);
                topics.push(OffsetFetchResponseTopics { name: name.clone(), topic_id, partitions: Vec::new() });
            }
            if let Some(topic) = topics.last_mut() {
                topic.partitions.push(if self.is_unstable(&request.group_id, name, partition, level) {
                    no_offset(partition, ErrorCode::UnstableOffsetCommit)
                } else {
                    committed(partition, offset)
                });
            }
        }
        topics
    }
}

fn committed(partition_index: i32, offset: &OffsetAndMetadata) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: offset.committed_offset,
        committed_leader_epoch: offset.leader_epoch,
        metadata: Some(offset.metadata.clone()),
        error_code: ErrorCode::None.code(),
    }
}

fn no_offset(partition_index: i32, error: ErrorCode) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: -1,
        committed_leader_epoch: -1,
        metadata: Some(Str::default()),
        error_code: error.code(),
    }
}
