//! The sticky algorithm for members with different subscriptions: keep what is still wanted, give the free partitions to those
//! who have least, then move partitions one at a time while that makes the whole more even.

use super::sticky::Claims;
use super::{GroupAssignment, Subscription, partitions_of};
use crate::ids::TopicPartition;
use crate::sorted::{SortedMap, SortedSet, sort_by_key};
use crate::text::Str;
use alloc::vec::Vec;

pub(super) fn assign(
    partition_counts: &SortedMap<Str, i32>,
    subscriptions: &SortedMap<Str, Subscription>,
    claims: &Claims,
) -> GroupAssignment {
    let mut balance = Balance::new(partition_counts, subscriptions, claims);
    let had_something = balance.assignment.values().any(|assigned| !assigned.is_empty());
    let revocation_required = balance.drop_unwanted();
    let unassigned = balance.unassigned();
    for partition in &unassigned {
        balance.give_to_least_loaded(partition);
    }
    balance.fix_what_cannot_move();

    let before = balance.clone();
    // Nothing of the old has to go: see first whether moving only the new ones is enough.
    if !revocation_required {
        balance.even_out(&unassigned);
    }
    let all = balance.partitions.clone();
    let moved = balance.even_out(&all);
    if had_something && moved && balance.unevenness() >= before.unevenness() {
        balance = before;
    }
    balance.finish()
}

#[derive(Clone)]
struct Balance<'a> {
    /// Who may have a topic; only topics that exist.
    potential: SortedMap<&'a Str, Vec<&'a Str>>,
    /// How many partitions a member's topics have together.
    most: SortedMap<&'a Str, usize>,
    /// Partitions in order: those fewest members may have come first.
    partitions: Vec<TopicPartition>,
    /// The owner of each assigned partition.
    owners: SortedMap<TopicPartition, &'a Str>,
    assignment: SortedMap<&'a Str, SortedSet<TopicPartition>>,
    /// Members whose assignment cannot change any more, out of the play.
    fixed: SortedMap<&'a Str, SortedSet<TopicPartition>>,
    earlier_owners: SortedMap<&'a TopicPartition, &'a Str>,
    movements: Movements<'a>,
}

impl<'a> Balance<'a> {
    fn new(
        partition_counts: &'a SortedMap<Str, i32>,
        subscriptions: &'a SortedMap<Str, Subscription>,
        claims: &'a Claims,
    ) -> Self {
        let wants = |topic: &Str| {
            let members = subscriptions.iter().filter(|(_, subscription)| subscription.topics.contains(topic));
            members.map(|(member, _)| member).collect::<Vec<_>>()
        };
        let potential: SortedMap<_, _> = partition_counts.keys().map(|topic| (topic, wants(topic))).collect();
        let size = |topic: &Str| usize::try_from(partition_counts.get(topic).copied().unwrap_or(0)).unwrap_or(0);
        let most = subscriptions.iter().map(|(member, subscription)| {
            let topics: SortedSet<_> = subscription.topics.iter().collect();
            (member, topics.into_iter().map(size).sum())
        });
        let mut topics: Vec<&Str> = partition_counts.keys().collect();
        sort_by_key(&mut topics, |topic| (potential.get(topic).map_or(0, Vec::len), *topic));
        let partitions = topics.into_iter().flat_map(|topic| partitions_of(topic, size(topic) as i32)).collect();
        let mut owners = SortedMap::new();
        let mut assignment = SortedMap::new();
        for (member, owned) in &claims.owned {
            owners.extend(owned.iter().map(|partition| (partition.clone(), member)));
            assignment.insert(member, owned.iter().cloned().collect());
        }
        let most = most.collect();
        let earlier_owners = claims.earlier_owners.iter().collect();
        let movements = Movements::default();
        Self { potential, most, partitions, owners, assignment, fixed: SortedMap::new(), earlier_owners, movements }
    }

    /// Takes what members own but no longer subscribe to; true where there was any.
    fn drop_unwanted(&mut self) -> bool {
        let unwanted: Vec<_> = { self.owners.iter() }
            .filter(|(partition, owner)| !self.may_have(owner, &partition.topic))
            .map(|(partition, _)| partition.clone())
            .collect();
        for partition in &unwanted {
            self.take(partition);
        }
        !unwanted.is_empty()
    }

    fn may_have(&self, member: &Str, topic: &Str) -> bool {
        self.potential.get(topic).is_some_and(|members| members.contains(&member))
    }

    fn unassigned(&self) -> Vec<TopicPartition> {
        self.partitions.iter().filter(|partition| !self.owners.contains_key(*partition)).cloned().collect()
    }

    fn take(&mut self, partition: &TopicPartition) -> Option<&'a Str> {
        let owner = self.owners.remove(partition)?;
        self.assignment.get_mut(owner)?.remove(partition);
        Some(owner)
    }

    fn give(&mut self, partition: &TopicPartition, member: &'a Str) {
        self.owners.insert(partition.clone(), member);
        self.assignment.entry(member).or_default().insert(partition.clone());
    }

    fn load(&self, member: &Str) -> usize {
        self.assignment.get(member).map_or(0, SortedSet::len)
    }

    /// The member still in play that may have the topic and has least; by name where several have.
    fn least_loaded(&self, topic: &Str) -> Option<&'a Str> {
        let candidates = self.potential.get(topic)?.iter().copied();
        candidates
            .filter(|member| self.assignment.contains_key(member))
            .min_by_key(|member| (self.load(member), *member))
    }

    fn give_to_least_loaded(&mut self, partition: &TopicPartition) {
        if let Some(member) = self.least_loaded(&partition.topic) {
            self.give(partition, member);
        }
    }

    /// Leaves out partitions only one member may have, and members that can neither get nor lose anything.
    fn fix_what_cannot_move(&mut self) {
        let potential = &self.potential;
        let movable = |topic: &Str| potential.get(topic).is_some_and(|members| members.len() >= 2);
        self.partitions.retain(|partition| movable(&partition.topic));
        let stays = |(member, assigned): &(&&'a Str, &SortedSet<TopicPartition>)| {
            let full = self.most.get(**member).is_none_or(|&most| assigned.len() >= most);
            full && !assigned.iter().any(|partition| movable(&partition.topic))
        };
        let staying: Vec<&'a Str> = self.assignment.iter().filter(stays).map(|(member, _)| *member).collect();
        for member in staying {
            if let Some(assigned) = self.assignment.remove(member) {
                self.fixed.insert(member, assigned);
            }
        }
    }

    /// Moves partitions until none can be moved for a better balance; true where it moved any.
    fn even_out(&mut self, candidates: &[TopicPartition]) -> bool {
        let mut moved_any = false;
        loop {
            let mut moved = false;
            for partition in candidates {
                if self.is_balanced() {
                    break;
                }
                moved |= self.improve(partition);
            }
            moved_any |= moved;
            if !moved {
                return moved_any;
            }
        }
    }

    /// Moves one partition where its owner has at least two more than somebody else who may have it.
    fn improve(&mut self, partition: &TopicPartition) -> bool {
        let movable = self.potential.get(&partition.topic).is_some_and(|members| members.len() >= 2);
        let Some(owner) = self.owners.get(partition).copied().filter(|_| movable) else { return false };
        let load = self.load(owner);
        let earlier = self.earlier_owners.get(partition).copied().filter(|earlier| {
            self.assignment.contains_key(earlier)
                && self.may_have(earlier, &partition.topic)
                && load > self.load(earlier) + 1
        });
        let Some(target) = earlier.or_else(|| self.least_loaded(&partition.topic)) else { return false };
        if load <= self.load(target) + 1 {
            return false;
        }
        // Rather send back one that went the other way: then two partitions stay where they were.
        let actual = self.movements.instead_of(partition, owner, target);
        if self.owners.get(&actual).is_none_or(|actual_owner| *actual_owner != owner) {
            return false;
        }
        self.take(&actual);
        self.give(&actual, target);
        self.movements.moved(&actual, owner, target);
        true
    }

    fn is_balanced(&self) -> bool {
        let loads = || self.assignment.values().map(SortedSet::len);
        let (Some(least), Some(largest)) = (loads().min(), loads().max()) else { return true };
        if largest <= least + 1 {
            return true;
        }
        // Uneven, yet nobody could take anything from a member that has at least two more.
        !self.partitions.iter().any(|partition| {
            let Some(owner) = self.owners.get(partition) else { return false };
            let load = self.load(owner);
            self.least_loaded(&partition.topic).is_some_and(|member| load > self.load(member) + 1)
        })
    }

    /// Sum of the differences between any two members' loads.
    fn unevenness(&self) -> usize {
        let loads: Vec<usize> = self.assignment.values().map(SortedSet::len).collect();
        let pairs = loads
            .iter()
            .enumerate()
            .flat_map(|(index, left)| loads.iter().skip(index + 1).map(|right| left.abs_diff(*right)));
        pairs.sum()
    }

    fn finish(mut self) -> GroupAssignment {
        self.assignment.extend(core::mem::take(&mut self.fixed));
        let member =
            |(member, assigned): (&Str, SortedSet<TopicPartition>)| (member.clone(), assigned.into_iter().collect());
        self.assignment.into_iter().map(member).collect()
    }
}

/// What was moved in this run, per topic and pair of members, so that opposite moves cancel.
#[derive(Clone, Default)]
struct Movements<'a> {
    origin: SortedMap<TopicPartition, (&'a Str, &'a Str)>,
}

impl<'a> Movements<'a> {
    /// The partition to move from `from` to `to` in place of `partition`: one of its topic that came from `to` to `from`.
    fn instead_of(&self, partition: &TopicPartition, from: &Str, to: &Str) -> TopicPartition {
        // A partition that moved before counts from where it first was.
        let from = self.origin.get(partition).map_or(from, |(origin, _)| *origin);
        let opposite = self
            .origin
            .iter()
            .find(|(moved, (origin, target))| moved.topic == partition.topic && **origin == *to && **target == *from);
        opposite.map_or_else(|| partition.clone(), |(moved, _)| moved.clone())
    }

    fn moved(&mut self, partition: &TopicPartition, from: &'a Str, to: &'a Str) {
        let origin = self.origin.remove(partition).map_or(from, |(origin, _)| origin);
        if origin != to {
            self.origin.insert(partition.clone(), (origin, to));
        }
    }
}
