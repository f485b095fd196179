//! Offsets committed inside transactions that are still open (KIP-98): they count once the transaction is committed.

use super::offsets::OffsetAndMetadata;
use crate::ids::ProducerId;
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::vec::Vec;

/// Topic, partition, and whose transaction it is: a partition may have a pending offset of each of several producers.
type Key = (Str, i32, ProducerId);

/// All pending offsets of one shard, by group; no group without any.
#[derive(Clone, Debug, Default)]
pub(super) struct PendingOffsets {
    groups: SortedMap<Str, SortedMap<Key, OffsetAndMetadata>>,
}

/// An offset whose transaction came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EndedOffset {
    pub(super) group_id: Str,
    pub(super) topic: Str,
    pub(super) partition: i32,
    pub(super) offset: OffsetAndMetadata,
}

impl PendingOffsets {
    /// Keeps an offset until its transaction ends, in the place of an earlier one of the same transaction.
    pub(super) fn insert(
        &mut self,
        producer_id: ProducerId,
        group_id: &Str,
        topic: &Str,
        partition: i32,
        offset: OffsetAndMetadata,
    ) {
        let offsets = self.groups.entry(group_id.clone()).or_default();
        offsets.insert((topic.clone(), partition, producer_id), offset);
    }

    /// Forgets what is pending for a partition, of all producers.
    pub(super) fn remove(&mut self, group_id: &Str, topic: &Str, partition: i32) {
        let Some(offsets) = self.groups.get_mut(group_id) else { return };
        offsets.retain(|(of_topic, of_partition, _), _| of_topic != topic || *of_partition != partition);
        if offsets.is_empty() {
            self.groups.remove(group_id);
        }
    }

    /// Takes out everything of one producer, sorted by group, topic and partition.
    pub(super) fn take(&mut self, producer_id: ProducerId) -> Vec<EndedOffset> {
        let mut ended = Vec::new();
        for (group_id, offsets) in &mut self.groups {
            offsets.retain(|(topic, partition, of), offset| {
                if *of == producer_id {
                    let (group_id, topic, offset) = (group_id.clone(), topic.clone(), offset.clone());
                    ended.push(EndedOffset { group_id, topic, partition: *partition, offset });
                }
                *of != producer_id
            });
        }
        self.groups.retain(|_, offsets| !offsets.is_empty());
        ended
    }

    /// True where a transaction with offsets of the group is open.
    pub(super) fn has_group(&self, group_id: &str) -> bool {
        self.groups.contains_key(group_id)
    }

    /// True where a transaction with an offset of the partition is open.
    pub(super) fn contains(&self, group_id: &str, topic: &Str, partition: i32) -> bool {
        let key = |producer_id| (topic.clone(), partition, producer_id);
        let offsets = self.groups.get(group_id);
        offsets.is_some_and(|offsets| offsets.range(key(ProducerId::MIN)..=key(ProducerId::MAX)).next().is_some())
    }

    /// The partitions of a group with something pending, each once, sorted.
    pub(super) fn partitions_of(&self, group_id: &str) -> Vec<(&Str, i32)> {
        let keys =
            self.groups.get(group_id).into_iter().flatten().map(|((topic, partition, _), _)| (topic, *partition));
        let mut partitions: Vec<(&Str, i32)> = keys.collect();
        partitions.dedup();
        partitions
    }

    /// Every pending offset of a topic, with its group and partition.
    pub(super) fn of_topic(&self, topic: &str) -> impl Iterator<Item = (&Str, i32, &OffsetAndMetadata)> {
        self.groups.iter().flat_map(move |(group_id, offsets)| {
            let offsets = offsets.iter().filter(move |((of_topic, _, _), _)| *of_topic == *topic);
            offsets.map(move |((_, partition, _), offset)| (group_id, *partition, offset))
        })
    }
}
