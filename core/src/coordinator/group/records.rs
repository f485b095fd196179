//! The records of `__consumer_offsets`: an int16 type and the key's fields, an int16 version and the value's fields.

use super::classic::member::MemberProtocol;
use super::classic::{ClassicGroup, ClassicGroupState, Member};
use super::offsets::OffsetAndMetadata;
use crate::coordinator::with_prefix;
use crate::protocol::messages::group_metadata_value::{GroupMetadataValue, MemberMetadata};
use crate::protocol::messages::{GroupMetadataKey, OffsetCommitKey, OffsetCommitValue};
use crate::protocol::{DecodeError, Message, Reader};
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::Now;
use alloc::vec;
use bytes::Bytes;

const OFFSET_COMMIT: i16 = 1;
const GROUP_METADATA: i16 = 2;
/// What Kafka writes: later versions would be unreadable for brokers before 4.0.
const GROUP_METADATA_VERSION: i16 = 3;
const OFFSET_COMMIT_VERSION: i16 = 4;
/// The only version with an expiry of its own.
const OFFSET_COMMIT_WITH_EXPIRY_VERSION: i16 = 1;

/// A record to append; `value: None` is a tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GroupRecord {
    /// Type and key.
    pub(super) key: Bytes,
    /// Version and value.
    pub(super) value: Option<Bytes>,
}

/// A record read back.
#[derive(Clone, Debug)]
pub(super) enum Replayed {
    Offset {
        group_id: Str,
        topic: Str,
        partition: i32,
        value: Option<OffsetAndMetadata>,
    },
    Group {
        group_id: Str,
        value: Option<GroupMetadataValue>,
    },
    /// Of a kind of group that this broker does not have.
    Other,
}

/// The record of a committed offset.
pub(super) fn offset_commit(group_id: &Str, topic: &Str, partition: i32, offset: &OffsetAndMetadata) -> GroupRecord {
    let value = OffsetCommitValue {
        offset: offset.committed_offset,
        leader_epoch: offset.leader_epoch,
        metadata: offset.metadata.clone(),
        commit_timestamp: offset.commit_timestamp_ms,
        expire_timestamp: offset.expire_timestamp_ms.unwrap_or(-1),
        topic_id: offset.topic_id,
    };
    let version = match offset.expire_timestamp_ms {
        Some(_) => OFFSET_COMMIT_WITH_EXPIRY_VERSION,
        None => OFFSET_COMMIT_VERSION,
    };
    GroupRecord { value: Some(with_prefix(version, &value, version)), ..offset_tombstone(group_id, topic, partition) }
}

/// The record that removes an offset.
pub(super) fn offset_tombstone(group_id: &Str, topic: &Str, partition: i32) -> GroupRecord {
    let key = OffsetCommitKey { group: group_id.clone(), topic: topic.clone(), partition };
    GroupRecord { key: with_prefix(OFFSET_COMMIT, &key, 0), value: None }
}

/// The record of a classic group as it is now, its members with `assignments`.
pub(super) fn group_metadata(group: &ClassicGroup, assignments: &SortedMap<Str, Bytes>) -> GroupRecord {
    let protocol = group.protocol_name.clone().unwrap_or_default();
    let member = |member: &Member| MemberMetadata {
        member_id: member.member_id.clone(),
        group_instance_id: member.group_instance_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        rebalance_timeout: member.rebalance_timeout_ms,
        session_timeout: member.session_timeout_ms,
        subscription: member.metadata(&protocol),
        assignment: assignments.get(&member.member_id).cloned().unwrap_or_default(),
    };
    let value = GroupMetadataValue {
        protocol_type: group.protocol_type.clone().unwrap_or_default(),
        generation: group.generation_id,
        protocol: group.protocol_name.clone(),
        leader: group.leader_id.clone(),
        current_state_timestamp: group.state_since_ms.unwrap_or(-1),
        members: group.members.values().map(member).collect(),
    };
    let value = with_prefix(GROUP_METADATA_VERSION, &value, GROUP_METADATA_VERSION);
    GroupRecord { value: Some(value), ..group_tombstone(&group.group_id) }
}

/// The first record of a group somebody wants to join.
pub(super) fn new_group_metadata(group_id: &Str, now: Now) -> GroupRecord {
    group_metadata(&ClassicGroup::new(group_id.clone(), now), &SortedMap::new())
}

/// The record that removes a group.
pub(super) fn group_tombstone(group_id: &Str) -> GroupRecord {
    let key = GroupMetadataKey { group: group_id.clone() };
    GroupRecord { key: with_prefix(GROUP_METADATA, &key, 0), value: None }
}

/// Reads a record.
pub(super) fn decode(key: &Bytes, value: Option<&Bytes>) -> Result<Replayed, DecodeError> {
    let mut reader = Reader::new(key.clone());
    let record_type = reader.int16();
    reader.fault()?;
    Ok(match record_type {
        // Type 0 has the same key; its value is older than any version still readable.
        0 | OFFSET_COMMIT => {
            let key = OffsetCommitKey::decode(&mut reader, 0)?;
            Replayed::Offset {
                group_id: key.group.detached(),
                topic: key.topic.detached(),
                partition: key.partition,
                value: value.map(decode_offset).transpose()?,
            }
        }
        GROUP_METADATA => {
            let key = GroupMetadataKey::decode(&mut reader, 0)?;
            Replayed::Group { group_id: key.group.detached(), value: value.map(decode_value).transpose()? }
        }
        _ => Replayed::Other,
    })
}

/// The group a record tells of: stable where it has members, for only then it is written with any.
pub(super) fn group_from_record(group_id: Str, value: GroupMetadataValue, now: Now) -> ClassicGroup {
    let mut group = ClassicGroup::new(group_id, now);
    let protocol_type = value.protocol_type.detached();
    let protocol = value.protocol.map(|protocol| protocol.detached());
    for member in value.members {
        let subscription = MemberProtocol {
            name: protocol.clone().unwrap_or_default(),
            metadata: Bytes::copy_from_slice(&member.subscription),
        };
        let timeouts = (member.rebalance_timeout, member.session_timeout);
        let member = Member {
            member_id: member.member_id.detached(),
            group_instance_id: member.group_instance_id.map(|instance| instance.detached()),
            client_id: member.client_id.detached(),
            client_host: member.client_host.detached(),
            rebalance_timeout_ms: if timeouts.0 < 0 { timeouts.1 } else { timeouts.0 },
            session_timeout_ms: timeouts.1,
            protocols: vec![subscription],
            assignment: Bytes::copy_from_slice(&member.assignment),
            is_new: false,
            awaiting_join: None,
            awaiting_sync: None,
            session_deadline: None,
        };
        group.add(member, &protocol_type);
    }
    group.generation_id = value.generation;
    group.protocol_type = (!protocol_type.is_empty()).then_some(protocol_type);
    group.protocol_name = protocol;
    group.leader_id = value.leader.map(|leader| leader.detached()).filter(|_| !group.members.is_empty());
    group.state_since_ms = (value.current_state_timestamp >= 0).then_some(value.current_state_timestamp);
    if !group.members.is_empty() {
        group.state = ClassicGroupState::Stable;
    }
    group.subscribed_topics = group.compute_subscribed_topics();
    group
}

fn decode_offset(bytes: &Bytes) -> Result<OffsetAndMetadata, DecodeError> {
    let value: OffsetCommitValue = decode_value(bytes)?;
    Ok(OffsetAndMetadata {
        committed_offset: value.offset,
        leader_epoch: value.leader_epoch,
        metadata: value.metadata.detached(),
        commit_timestamp_ms: value.commit_timestamp,
        expire_timestamp_ms: (value.expire_timestamp >= 0).then_some(value.expire_timestamp),
        topic_id: value.topic_id,
        record_offset: -1,
    })
}

fn decode_value<M: Message>(bytes: &Bytes) -> Result<M, DecodeError> {
    let mut reader = Reader::new(bytes.clone());
    let version = reader.int16();
    reader.fault()?;
    M::decode(&mut reader, version)
}
