//! What administrators ask: describe, list and delete groups, delete offsets.

use super::classic::{ClassicGroup, ClassicGroupState, Member};
use super::gather::Slot;
use super::offsets::ReadLevel;
use super::records::{self, GroupRecord};
use super::request::{GroupResponse, TopicLookup};
use super::shard::Shard;
use super::turn::{Turn, WriteAction};
use crate::protocol::ErrorCode;
use crate::protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use crate::protocol::messages::list_groups_response::ListedGroup;
use crate::protocol::messages::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use crate::protocol::messages::{ListGroupsRequest, OffsetDeleteRequest, OffsetDeleteResponse};
use crate::text::Str;
use alloc::format;
use alloc::vec::Vec;

/// The first version of `DescribeGroups` that says a group is not there.
const NOT_FOUND_FROM: i16 = 6;
/// Type of all groups here, as tools print it.
const GROUP_TYPE: &str = "classic";

/// A group that could not be described.
pub(super) fn described_error(group_id: &Str, error: ErrorCode) -> DescribedGroup {
    DescribedGroup { group_id: group_id.clone(), error_code: error.code(), ..DescribedGroup::default() }
}

/// The answer where no offset could be deleted.
pub(super) fn offset_delete_error(error: ErrorCode) -> OffsetDeleteResponse {
    OffsetDeleteResponse { error_code: error.code(), ..OffsetDeleteResponse::default() }
}

impl Shard {
    pub(super) fn describe(&self, group_id: &Str, api_version: i16) -> DescribedGroup {
        if let Some(group) = self.groups.get(group_id) {
            return group.describe();
        }
        let mut described = described_error(group_id, ErrorCode::None);
        described.group_state = Str::from_static(ClassicGroupState::Dead.name());
        if api_version >= NOT_FOUND_FROM {
            described.error_code = ErrorCode::GroupIdNotFound.code();
            described.error_message = Some(Str::from(format!("Group {group_id} not found.")));
        }
        described
    }

    /// Groups in one of the states and of one of the types asked for; no filter, all.
    pub(super) fn list(&self, request: &ListGroupsRequest) -> Vec<ListedGroup> {
        let passes =
            |filter: &[Str], value: &str| filter.is_empty() || filter.iter().any(|one| one.eq_ignore_ascii_case(value));
        let listed = self.groups.values().filter(|group| {
            passes(&request.states_filter, group.state.name()) && passes(&request.types_filter, GROUP_TYPE)
        });
        let listed = listed.map(|group| ListedGroup {
            group_id: group.group_id.clone(),
            protocol_type: group.protocol_type.clone().unwrap_or_default(),
            group_state: Str::from_static(group.state.name()),
            group_type: Str::from_static(GROUP_TYPE),
        });
        listed.collect()
    }

    pub(super) fn delete_group(&mut self, turn: &mut Turn<'_>, slot: Slot, group_id: &Str) {
        match self.groups.get(group_id).map(|group| group.state) {
            None | Some(ClassicGroupState::Dead) => turn.fill_deletion(slot, ErrorCode::GroupIdNotFound),
            Some(ClassicGroupState::Empty) => {
                let mut records = self.tombstones(group_id);
                records.push(records::group_tombstone(group_id));
                if let Some(group) = self.groups.get_mut(group_id) {
                    group.pending_members.clear();
                }
                turn.append(records, WriteAction::DeleteGroup(slot));
            }
            Some(_) => turn.fill_deletion(slot, ErrorCode::NonEmptyGroup),
        }
    }

    fn tombstones(&self, group_id: &Str) -> Vec<GroupRecord> {
        let committed = self.offsets.offsets_of(group_id, ReadLevel::Written).into_iter();
        let committed = committed.map(|(topic, partition, _)| (topic, partition));
        // A partition that has both needs no second one.
        let pending = self.offsets.pending.partitions_of(group_id).into_iter();
        let pending = pending.filter(|(topic, partition)| {
            self.offsets.offset(group_id, topic, *partition, ReadLevel::Written).is_none()
        });
        let partitions = committed.chain(pending);
        partitions.map(|(topic, partition)| records::offset_tombstone(group_id, topic, partition)).collect()
    }

    pub(super) fn delete_offsets(
        &mut self,
        turn: &mut Turn<'_>,
        token: u64,
        request: &OffsetDeleteRequest,
        topics: &dyn TopicLookup,
    ) {
        let group = match self.groups.get(&request.group_id) {
            None => Err(ErrorCode::GroupIdNotFound),
            Some(group) => group.validate_offset_delete().map(|()| group),
        };
        let group = match group {
            Ok(group) => group,
            Err(error) => return turn.respond(token, GroupResponse::OffsetDelete(offset_delete_error(error))),
        };
        let mut records = Vec::new();
        let mut response = OffsetDeleteResponse::default();
        for topic in &request.topics {
            let count = topics.partition_count(&topic.name).unwrap_or(0);
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition in &topic.partitions {
                let index = partition.partition_index;
                let error = if !(0..count).contains(&index) {
                    ErrorCode::UnknownTopicOrPartition
                } else if group.is_subscribed_to(&topic.name) {
                    ErrorCode::GroupSubscribedToTopic
                } else {
                    let group_id = &request.group_id;
                    if self.offsets.offset(group_id, &topic.name, index, ReadLevel::Written).is_some()
                        || self.offsets.pending.contains(group_id, &topic.name, index)
                    {
                        records.push(records::offset_tombstone(&request.group_id, &topic.name, index));
                    }
                    ErrorCode::None
                };
                partitions.push(OffsetDeleteResponsePartition { partition_index: index, error_code: error.code() });
            }
            response.topics.push(OffsetDeleteResponseTopic { name: topic.name.clone(), partitions });
        }
        if records.is_empty() {
            turn.respond(token, GroupResponse::OffsetDelete(response));
        } else {
            turn.append(records, WriteAction::DeleteOffsets { token, response });
        }
    }
}

impl ClassicGroup {
    /// Subscriptions and assignments are shown only where they are settled.
    fn describe(&self) -> DescribedGroup {
        let is_stable = self.state == ClassicGroupState::Stable;
        let protocol = self.protocol_name.clone().unwrap_or_default();
        let member = |member: &Member| DescribedGroupMember {
            member_id: member.member_id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            member_metadata: if is_stable { member.metadata(&protocol) } else { bytes::Bytes::new() },
            member_assignment: if is_stable { member.assignment.clone() } else { bytes::Bytes::new() },
        };
        DescribedGroup {
            group_id: self.group_id.clone(),
            group_state: Str::from_static(self.state.name()),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol_data: if is_stable { protocol.clone() } else { Str::default() },
            members: self.members.values().map(member).collect(),
            ..DescribedGroup::default()
        }
    }

    /// Only of consumers is it known what they still read.
    fn validate_offset_delete(&self) -> Result<(), ErrorCode> {
        let is_consumer =
            self.protocol_type.as_ref().is_some_and(|kind| *kind == super::classic::CONSUMER_PROTOCOL_TYPE);
        match self.state {
            ClassicGroupState::Dead => Err(ErrorCode::GroupIdNotFound),
            ClassicGroupState::Empty => Ok(()),
            _ if is_consumer => Ok(()),
            _ => Err(ErrorCode::NonEmptyGroup),
        }
    }
}
