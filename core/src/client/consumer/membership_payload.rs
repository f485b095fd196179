//! What members of a `consumer` group put into `JoinGroup` and `SyncGroup`: a version, then `ConsumerProtocolSubscription`
//! or `ConsumerProtocolAssignment`.

use crate::client::assignor::Subscription;
use crate::ids::TopicPartition;
use crate::protocol::messages::{consumer_protocol_assignment, consumer_protocol_subscription};
use crate::protocol::{DecodeError, Message, Reader, encode_message};
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::vec::Vec;
use bytes::Bytes;
use consumer_protocol_assignment::ConsumerProtocolAssignment;
use consumer_protocol_subscription::ConsumerProtocolSubscription;

/// A subscription in the newest version.
pub(super) fn encode_subscription(subscription: &Subscription) -> Bytes {
    let owned = by_topic(&subscription.owned_partitions);
    encode(&ConsumerProtocolSubscription {
        topics: subscription.topics.clone(),
        user_data: subscription.user_data.clone(),
        owned_partitions: owned
            .into_iter()
            .map(|(topic, partitions)| consumer_protocol_subscription::TopicPartition { topic, partitions })
            .collect(),
        generation_id: subscription.generation_id,
        rack_id: None,
    })
}

/// A member's subscription; of versions we do not know the part we know.
pub(super) fn decode_subscription(bytes: &Bytes, instance: Option<Str>) -> Result<Subscription, DecodeError> {
    let message: ConsumerProtocolSubscription = decode(bytes)?;
    let owned = message.owned_partitions.iter().flat_map(|owned| expand(&owned.topic, &owned.partitions));
    Ok(Subscription {
        owned_partitions: owned.collect(),
        topics: message.topics,
        user_data: message.user_data,
        generation_id: message.generation_id,
        group_instance_id: instance,
    })
}

/// An assignment in the newest version.
pub(super) fn encode_assignment(partitions: &[TopicPartition]) -> Bytes {
    let assigned = by_topic(partitions).into_iter();
    encode(&ConsumerProtocolAssignment {
        assigned_partitions: assigned
            .map(|(topic, partitions)| consumer_protocol_assignment::TopicPartition { topic, partitions })
            .collect(),
        user_data: None,
    })
}

/// The partitions of an assignment. No bytes at all are an empty one: the leader did not know of this member.
pub(crate) fn decode_assignment(bytes: &Bytes) -> Result<Vec<TopicPartition>, DecodeError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let message: ConsumerProtocolAssignment = decode(bytes)?;
    let assigned = message.assigned_partitions.iter();
    Ok(assigned.flat_map(|assigned| expand(&assigned.topic, &assigned.partitions)).collect())
}

/// Partitions grouped by topic, as most requests want them.
pub(super) fn by_topic(partitions: &[TopicPartition]) -> SortedMap<Str, Vec<i32>> {
    let mut topics: SortedMap<Str, Vec<i32>> = SortedMap::new();
    for partition in partitions {
        topics.entry(partition.topic.clone()).or_default().push(partition.partition);
    }
    topics
}

fn expand(topic: &Str, partitions: &[i32]) -> impl Iterator<Item = TopicPartition> {
    // Kept for as long as the assignment is; the frame must not be.
    let topic = topic.detached();
    partitions.iter().map(move |&partition| TopicPartition { topic: topic.clone(), partition })
}

fn encode<M: Message>(message: &M) -> Bytes {
    let version = *M::VERSIONS.end();
    let mut bytes = Vec::from(version.to_be_bytes());
    bytes.extend_from_slice(&encode_message(message, version));
    Bytes::from(bytes)
}

fn decode<M: Message>(bytes: &Bytes) -> Result<M, DecodeError> {
    let mut reader = Reader::new(bytes.clone());
    let version = reader.int16();
    reader.fault()?;
    M::decode(&mut reader, version.clamp(*M::VERSIONS.start(), *M::VERSIONS.end()))
}
