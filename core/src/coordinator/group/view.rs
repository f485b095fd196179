//! Groups as plain data, for whoever shows them.

use super::classic::{ClassicGroup, Member};
use super::consumer_protocol;
use super::offsets::ReadLevel;
use super::shard::Shard;
use crate::ids::{Offset, TopicPartition};
use crate::text::Str;
use crate::time::Instant;
use alloc::vec::Vec;

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// Its id.
    pub group_id: Str,
    /// Kafka's name of its state, `Stable`.
    pub state: &'static str,
    /// Its generation, 0 before the first.
    pub generation_id: i32,
    /// The assignor in use; `None` before the first generation.
    pub protocol: Option<Str>,
    /// Its members by id.
    pub members: Vec<GroupMemberView>,
    /// Replicated committed offsets (the next to read), by topic and partition.
    pub offsets: Vec<(TopicPartition, Offset)>,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMemberView {
    /// Its id.
    pub member_id: Str,
    /// `client.id`.
    pub client_id: Str,
    /// Its address, `/127.0.0.1`.
    pub client_host: Str,
    /// When it is put out unless it is heard of; `None` while the coordinator does not wait for it.
    pub session_deadline: Option<Instant>,
    /// What it may read; empty where it is no consumer's.
    pub assignment: Vec<TopicPartition>,
}

impl Shard {
    pub(super) fn views(&self) -> Vec<GroupView> {
        self.groups.values().map(|group| self.view(group)).collect()
    }

    fn view(&self, group: &ClassicGroup) -> GroupView {
        let offsets = self.offsets.offsets_of(&group.group_id, ReadLevel::Replicated).into_iter();
        let offset = |(topic, partition, offset): (&Str, i32, &super::offsets::OffsetAndMetadata)| {
            (TopicPartition::new(topic.clone(), partition), offset.committed_offset)
        };
        GroupView {
            group_id: group.group_id.clone(),
            state: group.state.name(),
            generation_id: group.generation_id,
            protocol: group.protocol_name.clone(),
            members: group.members.values().map(member_view).collect(),
            offsets: offsets.map(offset).collect(),
        }
    }
}

fn member_view(member: &Member) -> GroupMemberView {
    let assignment = consumer_protocol::decode_assignment(&member.assignment).unwrap_or_default();
    let partitions = assignment.assigned_partitions.into_iter().flat_map(|topic| {
        let name = topic.topic.detached();
        topic.partitions.into_iter().map(move |partition| TopicPartition::new(name.clone(), partition))
    });
    GroupMemberView {
        member_id: member.member_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        session_deadline: member.session_deadline,
        assignment: partitions.collect(),
    }
}
