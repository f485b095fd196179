//! The sticky algorithm where all members subscribe to the same topics: everybody keeps up to their share, the rest is dealt.

use super::sticky::Claims;
use super::{GroupAssignment, partitions_of};
use crate::ids::TopicPartition;
use crate::sorted::{SortedMap, SortedSet, sort_by};
use crate::text::Str;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

pub(super) fn assign(partition_counts: &SortedMap<Str, i32>, claims: &Claims) -> GroupAssignment {
    let partitions: Vec<TopicPartition> =
        partition_counts.iter().flat_map(|(topic, &count)| partitions_of(topic, count)).collect();
    let mut shares = Shares::new(partitions.len(), claims.owned.len());
    let mut kept = SortedSet::new();
    for (member, owned) in &claims.owned {
        let keep = shares.keep(member, owned);
        kept.extend(keep.iter().cloned());
        shares.assignment.insert(member.clone(), keep);
    }
    for partition in partitions {
        if !kept.contains(&partition) {
            shares.deal(partition);
        }
    }
    shares.assignment
}

/// Every member gets `minimum` partitions, and exactly `with_more` of them one more.
struct Shares {
    minimum: usize,
    maximum: usize,
    with_more: usize,
    members_at_maximum: usize,
    /// Members below the minimum, in turn.
    below_minimum: VecDeque<Str>,
    /// Members that have the minimum and may yet get one more.
    at_minimum: VecDeque<Str>,
    assignment: GroupAssignment,
}

impl Shares {
    fn new(partitions: usize, members: usize) -> Self {
        Self {
            minimum: partitions / members,
            maximum: partitions.div_ceil(members),
            with_more: partitions % members,
            members_at_maximum: 0,
            below_minimum: VecDeque::new(),
            at_minimum: VecDeque::new(),
            assignment: GroupAssignment::new(),
        }
    }

    /// What a member may keep of what it owned.
    fn keep(&mut self, member: &Str, owned: &[TopicPartition]) -> Vec<TopicPartition> {
        let mut keep = owned.to_vec();
        sort_by(&mut keep, |left, right| (left.partition, &left.topic).cmp(&(right.partition, &right.topic)));
        if keep.len() < self.minimum {
            self.below_minimum.push_back(member.clone());
        } else if keep.len() >= self.maximum && self.members_at_maximum < self.with_more {
            self.members_at_maximum += 1;
            keep.truncate(self.maximum);
        } else {
            keep.truncate(self.minimum);
            self.at_minimum.push_back(member.clone());
        }
        keep
    }

    /// Gives a free partition to whose turn it is: first round and round among those below the minimum.
    fn deal(&mut self, partition: TopicPartition) {
        let Some(member) = self.below_minimum.pop_front().or_else(|| self.at_minimum.pop_front()) else {
            return;
        };
        let Some(assigned) = self.assignment.get_mut(&member) else { return };
        assigned.push(partition);
        match assigned.len() {
            count if count < self.minimum => self.below_minimum.push_back(member),
            count if count == self.minimum => self.at_minimum.push_back(member),
            _ => self.members_at_maximum += 1,
        }
    }
}
