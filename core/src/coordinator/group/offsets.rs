//! The committed offsets of a shard's groups, each as replicated and as last written.

use super::pending_offsets::PendingOffsets;
use crate::ids::{LeaderEpoch, Offset, ProducerId, Uuid};
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// An offset a group committed: the next record it wants to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OffsetAndMetadata {
    /// The next offset to read.
    pub(super) committed_offset: Offset,
    /// Leader epoch of the record before; -1 for unknown.
    pub(super) leader_epoch: LeaderEpoch,
    /// The consumer's own text.
    pub(super) metadata: Str,
    /// Wall time of the commit, in milliseconds.
    pub(super) commit_timestamp_ms: i64,
    /// Its own expiry, from old clients that asked for one.
    pub(super) expire_timestamp_ms: Option<i64>,
    /// Id of the topic; zero for unknown.
    pub(super) topic_id: Uuid,
    /// Where its record is in the log of `__consumer_offsets`; -1 before it is written.
    pub(super) record_offset: Offset,
}

impl OffsetAndMetadata {
    /// True where it was committed for an earlier topic of the same name; zero stands for an unknown id on either side.
    pub(super) fn is_of_another(&self, topic_id: Uuid) -> bool {
        self.topic_id != Uuid::ZERO && topic_id != Uuid::ZERO && self.topic_id != topic_id
    }
}

/// Which state of the offsets to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadLevel {
    /// What the high watermark covers: it will not be lost.
    Replicated,
    /// What was last written.
    Written,
}

type Partitions = SortedMap<i32, Versions>;
type Topics = SortedMap<Str, Partitions>;

/// Written but perhaps not yet replicated values come after the replicated one, in the log's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Versions {
    replicated: Option<OffsetAndMetadata>,
    written: VecDeque<(Offset, Option<OffsetAndMetadata>)>,
}

impl Versions {
    fn read(&self, level: ReadLevel) -> Option<&OffsetAndMetadata> {
        match (level, self.written.back()) {
            (ReadLevel::Written, Some((_, last))) => last.as_ref(),
            _ => self.replicated.as_ref(),
        }
    }
}

/// All offsets of one shard.
#[derive(Clone, Debug, Default)]
pub(super) struct OffsetStore {
    groups: SortedMap<Str, Topics>,
    /// Keys of what is written beyond the high watermark, in the log's order.
    unreplicated: VecDeque<(Offset, Str, Str, i32)>,
    high_watermark: Offset,
    /// Of transactions that are open as far as the log is written.
    pub(super) pending: PendingOffsets,
}

impl OffsetStore {
    /// Takes over a record written at `at`; `None` removes the offset, and with it what open transactions would make of it.
    pub(super) fn replay(
        &mut self,
        at: Offset,
        group_id: &Str,
        topic: &Str,
        partition: i32,
        value: Option<OffsetAndMetadata>,
    ) {
        if value.is_none() {
            self.pending.remove(group_id, topic, partition);
        }
        self.write(at, group_id, topic, partition, value.map(|value| OffsetAndMetadata { record_offset: at, ..value }));
    }

    /// Takes over a record written at `at` inside a transaction of `producer_id`.
    pub(super) fn replay_pending(
        &mut self,
        at: Offset,
        producer_id: ProducerId,
        group_id: &Str,
        topic: &Str,
        partition: i32,
        value: OffsetAndMetadata,
    ) {
        let value = OffsetAndMetadata { record_offset: at, ..value };
        self.pending.insert(producer_id, group_id, topic, partition, value);
    }

    /// Takes over the marker written at `at` that ends the transaction of `producer_id`. Of a committed one each offset
    /// counts from now on, unless the record of the one that counts is a later one: compaction, which knows no
    /// transactions, would keep that, and nobody must read another after it.
    pub(super) fn end_transaction(&mut self, at: Offset, producer_id: ProducerId, committed: bool) {
        for ended in self.pending.take(producer_id) {
            let current = self.offset(&ended.group_id, &ended.topic, ended.partition, ReadLevel::Written);
            if committed && current.is_none_or(|current| current.record_offset < ended.offset.record_offset) {
                self.write(at, &ended.group_id, &ended.topic, ended.partition, Some(ended.offset));
            }
        }
    }

    /// A value that holds once everything up to `at` is replicated.
    fn write(&mut self, at: Offset, group_id: &Str, topic: &Str, partition: i32, value: Option<OffsetAndMetadata>) {
        let topics = self.groups.entry(group_id.clone()).or_default();
        let versions = topics.entry(topic.clone()).or_default().entry(partition).or_default();
        versions.written.push_back((at, value));
        self.unreplicated.push_back((at, group_id.clone(), topic.clone(), partition));
        self.replicate();
    }

    /// Everything below `high_watermark` is replicated; it never goes back.
    pub(super) fn advance(&mut self, high_watermark: Offset) {
        self.high_watermark = self.high_watermark.max(high_watermark);
        self.replicate();
    }

    fn replicate(&mut self) {
        while let Some((at, group_id, topic, partition)) = self.unreplicated.pop_front() {
            if at >= self.high_watermark {
                self.unreplicated.push_front((at, group_id, topic, partition));
                return;
            }
            self.replicate_one(at, &group_id, &topic, partition);
        }
    }

    fn replicate_one(&mut self, at: Offset, group_id: &Str, topic: &Str, partition: i32) {
        let Some(topics) = self.groups.get_mut(group_id) else { return };
        let Some(partitions) = topics.get_mut(topic) else { return };
        let Some(versions) = partitions.get_mut(&partition) else { return };
        while let Some((written_at, value)) = versions.written.pop_front() {
            if written_at > at {
                versions.written.push_front((written_at, value));
                break;
            }
            versions.replicated = value;
        }
        if *versions == Versions::default() {
            partitions.remove(&partition);
        }
        if partitions.is_empty() {
            topics.remove(topic);
        }
        if topics.is_empty() {
            self.groups.remove(group_id);
        }
    }

    /// One offset.
    pub(super) fn offset(
        &self,
        group_id: &str,
        topic: &str,
        partition: i32,
        level: ReadLevel,
    ) -> Option<&OffsetAndMetadata> {
        self.groups.get(group_id)?.get(topic)?.get(&partition)?.read(level)
    }

    /// All offsets of a group, sorted by topic and partition.
    pub(super) fn offsets_of(&self, group_id: &str, level: ReadLevel) -> Vec<(&Str, i32, &OffsetAndMetadata)> {
        let topics = self.groups.get(group_id).into_iter().flatten();
        let partitions =
            topics.flat_map(|(topic, partitions)| partitions.iter().map(move |(index, value)| (topic, index, value)));
        partitions.filter_map(|(topic, index, versions)| Some((topic, *index, versions.read(level)?))).collect()
    }

    /// Groups and partitions with a written or pending offset of a topic, but for what was committed for another of its
    /// name.
    pub(super) fn offsets_of_topic(&self, topic: &str, topic_id: Uuid) -> Vec<(&Str, i32)> {
        let mut found = Vec::new();
        for (group_id, topics) in &self.groups {
            for (partition, versions) in topics.get(topic).into_iter().flatten() {
                if versions.read(ReadLevel::Written).is_some_and(|offset| !offset.is_of_another(topic_id)) {
                    found.push((group_id, *partition));
                }
            }
        }
        let pending = self.pending.of_topic(topic).filter(|(_, _, offset)| !offset.is_of_another(topic_id));
        found.extend(pending.map(|(group_id, partition, _)| (group_id, partition)));
        found
    }

    /// True where the group has any offset, be it pending.
    pub(super) fn has_group(&self, group_id: &str) -> bool {
        self.groups.contains_key(group_id) || self.pending.has_group(group_id)
    }

    /// Groups that have any offset.
    pub(super) fn group_ids(&self) -> impl Iterator<Item = &Str> {
        self.groups.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(committed_offset: Offset) -> OffsetAndMetadata {
        OffsetAndMetadata {
            committed_offset,
            leader_epoch: -1,
            metadata: Str::default(),
            commit_timestamp_ms: 0,
            expire_timestamp_ms: None,
            topic_id: Uuid::ZERO,
            record_offset: -1,
        }
    }

    #[test]
    fn reads_are_replicated_or_written() {
        let (group, topic) = (Str::from("g"), Str::from("t"));
        let mut store = OffsetStore::default();
        let read = |store: &OffsetStore, level| store.offset("g", "t", 0, level).map(|value| value.committed_offset);
        type Step = (Option<(Offset, Option<Offset>)>, Offset, Option<Offset>, Option<Offset>);
        let steps: &[Step] = &[
            (Some((5, Some(10))), 0, None, Some(10)),
            (Some((6, Some(20))), 6, Some(10), Some(20)),
            (None, 7, Some(20), Some(20)),
            (None, 3, Some(20), Some(20)),
            (Some((9, None)), 9, Some(20), None),
            (None, 10, None, None),
        ];
        for (record, high_watermark, replicated, written) in steps {
            if let Some((at, committed)) = record {
                store.replay(*at, &group, &topic, 0, committed.map(value));
            }
            store.advance(*high_watermark);
            assert_eq!(read(&store, ReadLevel::Replicated), *replicated, "{record:?} {high_watermark}");
            assert_eq!(read(&store, ReadLevel::Written), *written, "{record:?} {high_watermark}");
        }
        assert_eq!(store.group_ids().count(), 0);
        assert!(store.unreplicated.is_empty());
    }
}
