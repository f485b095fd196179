//! The client-side assignors of classic groups: the group's leader runs one on everybody's subscription.
//!
//! - `range`: per topic, consecutive partitions.
//! - `roundrobin`: all partitions dealt in turn.
//! - `sticky`: balanced, then as few moves as possible; eager.
//! - `cooperative-sticky`: the same, in two rebalances: a partition changes hands only after its owner gave it up (KIP-429).

mod constrained;
mod general;
mod range;
mod round_robin;
mod sticky;
#[cfg(test)]
mod tests;

pub use sticky::{cooperative_user_data, sticky_user_data};

use crate::ids::{PartitionIndex, TopicPartition};
use crate::sorted::{SortedMap, sort_by};
use crate::text::Str;
use alloc::vec::Vec;
use bytes::Bytes;

/// What one member tells the leader (`ConsumerProtocolSubscription`, plus its static id from the group protocol).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subscription {
    /// Topics it wants.
    pub topics: Vec<Str>,
    /// The assignor's own bytes: the sticky ones keep their memory here.
    pub user_data: Option<Bytes>,
    /// What it holds while it rejoins; empty for eager assignors.
    pub owned_partitions: Vec<TopicPartition>,
    /// Generation in which it got `owned_partitions`; -1 for unknown.
    pub generation_id: i32,
    /// `group.instance.id` of a static member.
    pub group_instance_id: Option<Str>,
}

/// What a whole group gets: every member has an entry, perhaps an empty one.
pub type GroupAssignment = SortedMap<Str, Vec<TopicPartition>>;

/// Whether members give up everything before they rejoin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RebalanceProtocol {
    /// Revoke all, then join.
    Eager,
    /// Keep all, revoke after the assignment what moved, then join again.
    Cooperative,
}

/// An assignor, as in `partition.assignment.strategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assignor {
    /// `RangeAssignor`
    Range,
    /// `RoundRobinAssignor`
    RoundRobin,
    /// `StickyAssignor`
    Sticky,
    /// `CooperativeStickyAssignor`
    CooperativeSticky,
}

impl Assignor {
    /// All, in the order of their documentation.
    pub const ALL: [Self; 4] = [Self::Range, Self::RoundRobin, Self::Sticky, Self::CooperativeSticky];

    /// Its name in the group protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
            Self::Sticky => "sticky",
            Self::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// The Java class, as `partition.assignment.strategy` names it.
    pub const fn class_name(self) -> &'static str {
        match self {
            Self::Range => "org.apache.kafka.clients.consumer.RangeAssignor",
            Self::RoundRobin => "org.apache.kafka.clients.consumer.RoundRobinAssignor",
            Self::Sticky => "org.apache.kafka.clients.consumer.StickyAssignor",
            Self::CooperativeSticky => "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
        }
    }

    /// By protocol name or class name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|assignor| assignor.name() == name || assignor.class_name() == name)
    }

    /// The way members have to rejoin.
    pub const fn rebalance_protocol(self) -> RebalanceProtocol {
        match self {
            Self::CooperativeSticky => RebalanceProtocol::Cooperative,
            _ => RebalanceProtocol::Eager,
        }
    }

    /// What a member puts into its subscription's user data, from what it got last (empty and -1 before its first assignment).
    pub fn user_data(self, last_assignment: &[TopicPartition], generation_id: i32) -> Option<Bytes> {
        match self {
            Self::Range | Self::RoundRobin => None,
            Self::Sticky if generation_id < 0 => None,
            Self::Sticky => Some(sticky_user_data(last_assignment, generation_id)),
            Self::CooperativeSticky => Some(cooperative_user_data(generation_id)),
        }
    }

    /// Assigns every partition of the topics in `partition_counts` that somebody subscribes to. Subscribed topics that are
    /// not there do not exist (yet) and are assigned to nobody.
    pub fn assign(
        self,
        partition_counts: &SortedMap<Str, i32>,
        subscriptions: &SortedMap<Str, Subscription>,
    ) -> GroupAssignment {
        if subscriptions.is_empty() {
            return GroupAssignment::new();
        }
        let mut partition_counts = partition_counts.clone();
        partition_counts.retain(|topic, _| subscriptions.values().any(|member| member.topics.contains(topic)));
        match self {
            Self::Range => range::assign(&partition_counts, subscriptions),
            Self::RoundRobin => round_robin::assign(&partition_counts, subscriptions),
            Self::Sticky => sticky::assign(&partition_counts, subscriptions, false),
            Self::CooperativeSticky => sticky::assign(&partition_counts, subscriptions, true),
        }
    }
}

/// Members in the order assignors walk them: static ones by instance id, then the others by member id.
fn sorted_members(subscriptions: &SortedMap<Str, Subscription>) -> Vec<(&Str, &Subscription)> {
    let mut members: Vec<_> = subscriptions.iter().collect();
    sort_by(&mut members, |(left_id, left), (right_id, right)| {
        match (&left.group_instance_id, &right.group_instance_id) {
            (Some(left), Some(right)) => left.cmp(right),
            (Some(_), None) => core::cmp::Ordering::Less,
            (None, Some(_)) => core::cmp::Ordering::Greater,
            (None, None) => left_id.cmp(right_id),
        }
    });
    members
}

fn empty_assignment(subscriptions: &SortedMap<Str, Subscription>) -> GroupAssignment {
    subscriptions.keys().map(|member| (member.clone(), Vec::new())).collect()
}

fn partitions_of(topic: &Str, count: i32) -> impl Iterator<Item = TopicPartition> + '_ {
    (0..count).map(|partition: PartitionIndex| TopicPartition { topic: topic.clone(), partition })
}
