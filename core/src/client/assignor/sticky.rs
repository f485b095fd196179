//! What both sticky assignors share: who claims to own what, which algorithm fits, and the cooperative adjustment.

use super::{GroupAssignment, Subscription, constrained, general};
use crate::ids::TopicPartition;
use crate::sorted::{SortedMap, SortedSet};
use crate::text::Str;
use alloc::vec::Vec;
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Generation of a member that names none.
const NO_GENERATION: i32 = -1;

/// `sticky`'s user data: what the member had, and in which generation (version 1 of its format).
pub fn sticky_user_data(assignment: &[TopicPartition], generation_id: i32) -> Bytes {
    let mut by_topic: SortedMap<&Str, Vec<i32>> = SortedMap::new();
    for partition in assignment {
        by_topic.entry(&partition.topic).or_default().push(partition.partition);
    }
    let mut bytes = BytesMut::new();
    bytes.put_i32(by_topic.len() as i32);
    for (topic, partitions) in by_topic {
        bytes.put_i16(topic.len() as i16);
        bytes.put_slice(topic.as_bytes());
        bytes.put_i32(partitions.len() as i32);
        for partition in partitions {
            bytes.put_i32(partition);
        }
    }
    bytes.put_i32(generation_id);
    bytes.freeze()
}

/// `cooperative-sticky`'s user data: the generation, for leaders that do not read it from the subscription.
pub fn cooperative_user_data(generation_id: i32) -> Bytes {
    Bytes::copy_from_slice(&generation_id.to_be_bytes())
}

pub(super) fn assign(
    partition_counts: &SortedMap<Str, i32>,
    subscriptions: &SortedMap<Str, Subscription>,
    cooperative: bool,
) -> GroupAssignment {
    let claims = Claims::read(partition_counts, subscriptions, cooperative);
    let mut assignment = if all_subscriptions_equal(subscriptions) {
        constrained::assign(partition_counts, &claims)
    } else {
        general::assign(partition_counts, subscriptions, &claims)
    };
    if cooperative {
        withhold_what_others_own(&mut assignment, &claims);
    }
    assignment
}

/// Who says to own what, conflicts resolved.
pub(super) struct Claims {
    /// Per member what it owns and may keep; every member has an entry.
    pub(super) owned: GroupAssignment,
    /// For a partition claimed in several generations, who had it in the latest generation before the valid one.
    pub(super) earlier_owners: SortedMap<TopicPartition, Str>,
    /// All who claim a partition in the highest generation it is claimed in. More than one: nobody may keep it.
    pub(super) claimants: SortedMap<TopicPartition, Vec<Str>>,
}

impl Claims {
    fn read(
        partition_counts: &SortedMap<Str, i32>,
        subscriptions: &SortedMap<Str, Subscription>,
        cooperative: bool,
    ) -> Self {
        let mut by_generation: SortedMap<TopicPartition, SortedMap<i32, Vec<Str>>> = SortedMap::new();
        for (member, subscription) in subscriptions {
            let (generation, partitions) =
                if cooperative { cooperative_memory(subscription) } else { sticky_memory(subscription) };
            for partition in partitions.into_iter().collect::<SortedSet<_>>() {
                let count = partition_counts.get(&partition.topic).copied().unwrap_or(0);
                if (0..count).contains(&partition.partition) {
                    let claimants = by_generation.entry(partition).or_default().entry(generation).or_default();
                    claimants.push(member.clone());
                }
            }
        }
        let mut claims = Self {
            owned: subscriptions.keys().map(|member| (member.clone(), Vec::new())).collect(),
            earlier_owners: SortedMap::new(),
            claimants: SortedMap::new(),
        };
        for (partition, mut generations) in by_generation {
            let Some((_, claimants)) = generations.pop_last() else { continue };
            if let Some((_, earlier)) = generations.pop_last()
                && let Some(earlier) = earlier.into_iter().next()
            {
                claims.earlier_owners.insert(partition.clone(), earlier);
            }
            if let [owner] = claimants.as_slice()
                && let Some(owned) = claims.owned.get_mut(owner)
            {
                owned.push(partition.clone());
            }
            claims.claimants.insert(partition, claimants);
        }
        claims
    }
}

/// The eager assignor remembers in its user data, since its members hold nothing while they join.
fn sticky_memory(subscription: &Subscription) -> (i32, Vec<TopicPartition>) {
    let memory = subscription.user_data.clone().and_then(read_sticky_user_data);
    memory.unwrap_or((NO_GENERATION, Vec::new()))
}

fn cooperative_memory(subscription: &Subscription) -> (i32, Vec<TopicPartition>) {
    let from_user_data = || subscription.user_data.clone().and_then(|mut bytes| bytes.try_get_i32().ok());
    let generation = match subscription.generation_id {
        NO_GENERATION => from_user_data().unwrap_or(NO_GENERATION),
        generation => generation,
    };
    (generation, subscription.owned_partitions.clone())
}

/// `None` where the bytes are not of the format; version 0 of it ends before the generation.
fn read_sticky_user_data(mut bytes: Bytes) -> Option<(i32, Vec<TopicPartition>)> {
    let mut partitions = Vec::new();
    for _ in 0..bytes.try_get_i32().ok()? {
        let length = usize::try_from(bytes.try_get_i16().ok()?).ok()?;
        if length > bytes.remaining() {
            return None;
        }
        let topic = Str::from_utf8(bytes.split_to(length))?;
        for _ in 0..bytes.try_get_i32().ok()? {
            partitions.push(TopicPartition { topic: topic.clone(), partition: bytes.try_get_i32().ok()? });
        }
    }
    Some((bytes.try_get_i32().unwrap_or(NO_GENERATION), partitions))
}

fn all_subscriptions_equal(subscriptions: &SortedMap<Str, Subscription>) -> bool {
    let topics = |subscription: &Subscription| subscription.topics.iter().cloned().collect::<SortedSet<_>>();
    let mut sets = subscriptions.values().map(topics);
    sets.next().is_none_or(|first| sets.all(|set| set == first))
}

/// Takes from its new owner every partition that somebody else still holds: the holder sees that it lost it, gives it up and
/// rejoins, and only the rebalance after that hands it over.
fn withhold_what_others_own(assignment: &mut GroupAssignment, claims: &Claims) {
    for (member, partitions) in assignment {
        partitions.retain(|partition| {
            claims.claimants.get(partition).is_none_or(|claimants| claimants.iter().all(|claimant| claimant == member))
        });
    }
}
