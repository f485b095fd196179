//! What the cleaner asks of a log, and how what it cleaned takes the place of segments.

use super::super::segment::LogSegment;
use super::super::storage::{FilePath, StoreCommand, StoreQueue};
use super::super::transaction_index::AbortedTransaction;
use super::UnifiedLog;
use crate::ids::Offset;
use crate::record::BatchHeader;
use crate::time::Now;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// The dirty section of a log that can be cleaned, and how dirty that makes it (Kafka's `LogToClean`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct CleanableOffsets {
    /// It begins here.
    pub(in super::super) first_dirty: Offset,
    /// The segment begins here that is not cleaned.
    pub(in super::super) first_uncleanable: Offset,
    /// Bytes of the dirty section.
    pub(in super::super) dirty_bytes: u64,
    /// Bytes of that and of what is before it.
    pub(in super::super) total_bytes: u64,
    /// A record of it is older than `max.compaction.lag.ms`.
    pub(in super::super) is_overdue: bool,
}

impl CleanableOffsets {
    /// How much of it is dirty, in millionths.
    pub(in super::super) fn dirty_millionths(&self) -> u64 {
        self.dirty_bytes.saturating_mul(1_000_000).checked_div(self.total_bytes).unwrap_or_default()
    }
}

impl UnifiedLog {
    /// Everything before was cleaned; `None` where nothing was.
    pub const fn cleaner_checkpoint(&self) -> Option<Offset> {
        self.cleaner_checkpoint
    }

    /// Everything before `offset` was cleaned.
    pub(in super::super) fn set_cleaner_checkpoint(&mut self, offset: Option<Offset>) {
        self.cleaner_checkpoint = offset;
    }

    /// How often segments were cut, deleted or moved: who works on them in turns begins anew then.
    pub(in super::super) const fn cuts(&self) -> u64 {
        self.cuts
    }

    /// What there is to clean.
    pub(in super::super) fn cleanable_offsets(&self, now: Now) -> CleanableOffsets {
        let (start, end) = (self.log_start_offset, self.log_end_offset);
        // A log that was cut or damaged may not have what was cleaned any more.
        let first_dirty = self.cleaner_checkpoint.filter(|at| (start..=end).contains(at)).unwrap_or(start);
        let active = self.segments.len() - 1;
        let dirty = self.segments.get(self.segment_of(first_dirty)..active).unwrap_or_default();
        let active_base = self.active().base_offset;
        let mut limit = self.last_stable_offset().min(active_base);
        if self.config.min_compaction_lag_ms > 0 {
            let youngest = now.wall_ms.saturating_sub(self.config.min_compaction_lag_ms);
            let too_young = dirty.iter().find(|segment| segment.largest_timestamp() > youngest);
            limit = limit.min(too_young.map_or(limit, |segment| segment.base_offset));
        }
        limit = limit.max(first_dirty);
        // A segment is cleaned as a whole.
        let first_uncleanable =
            if limit >= active_base { active_base } else { self.segments[self.segment_of(limit)].base_offset };
        let before = |offset: Offset| self.segments.iter().take_while(move |segment| segment.base_offset < offset);
        let dirty_from = self.segments[self.segment_of(first_dirty)].base_offset;
        let dirty_bytes =
            before(first_uncleanable).filter(|segment| segment.base_offset >= dirty_from).map(LogSegment::size).sum();
        let clean_bytes: u64 = before(first_dirty).map(LogSegment::size).sum();
        let oldest = dirty.iter().filter_map(LogSegment::first_batch_timestamp).filter(|&time| time > 0).min();
        let overdue = now.wall_ms.saturating_sub(self.config.max_compaction_lag_ms.max(0));
        CleanableOffsets {
            first_dirty,
            first_uncleanable,
            dirty_bytes,
            total_bytes: clean_bytes + dirty_bytes,
            is_overdue: oldest.is_some_and(|oldest| oldest < overdue),
        }
    }

    /// The segment with this base offset.
    pub(in super::super) fn segment(&self, base_offset: Offset) -> Option<&LogSegment> {
        let index = self.segments.binary_search_by_key(&base_offset, |segment| segment.base_offset).ok()?;
        self.segments.get(index)
    }

    /// What was loaded of the segment with this base offset before `position` was read.
    pub(in super::super) fn release_before(&mut self, base_offset: Offset, position: u64) {
        let index = self.segment_of(base_offset);
        self.segments[index].cache.release_before(position);
    }

    /// The segment that holds `offset`, or would.
    pub(in super::super) fn segment_holding(&self, offset: Offset) -> &LogSegment {
        &self.segments[self.segment_of(offset)]
    }

    /// Where the segment begins behind the one that begins at `base_offset`; the log end behind the last.
    pub(in super::super) fn next_base(&self, base_offset: Offset) -> Offset {
        let index = self.segments.partition_point(|segment| segment.base_offset <= base_offset);
        self.segments.get(index).map_or(self.log_end_offset, |next| next.base_offset)
    }

    /// The aborted transactions that overlap a range.
    pub(in super::super) fn aborted_between(&self, from: Offset, to: Offset) -> Vec<AbortedTransaction> {
        let mut found = Vec::new();
        for segment in self.segments.get(self.segment_of(from)..).unwrap_or_default() {
            if segment.transactions.collect(from, to, &mut found) {
                break;
            }
        }
        found
    }

    /// A batch has the last sequence that is known of its producer, or, where none is, its epoch.
    pub(in super::super) fn is_last_of_producer(&self, header: &BatchHeader) -> bool {
        let entry = self.producers.producers().get(&header.producer_id).filter(|_| header.has_producer_id());
        entry.is_some_and(|entry| match entry.batches.back() {
            Some(last) => last.last_offset == header.last_offset(),
            None => header.is_control() && header.producer_epoch == entry.producer_epoch,
        })
    }

    /// The segments that begin before `end`, in groups that fit one segment each; their base offsets.
    pub(in super::super) fn group_segments(&self, end: Offset, first_uncleanable: Offset) -> VecDeque<Vec<Offset>> {
        let mut groups: VecDeque<Vec<Offset>> = VecDeque::new();
        let (mut bytes, mut index, mut time_index) = (0, 0, 0);
        for segment in self.segments.iter().take_while(|segment| segment.base_offset < end) {
            let sizes = (segment.size(), segment.offset_index.size(), segment.time_index.size());
            (bytes, index, time_index) = (bytes + sizes.0, index + sizes.1, time_index + sizes.2);
            let last_offset = self.next_base(segment.base_offset).min(first_uncleanable) - 1;
            let most_index = self.config.segment_index_bytes;
            match groups.back_mut() {
                Some(group)
                    if bytes <= self.config.segment_bytes
                        && index <= most_index
                        && time_index <= most_index
                        && (sizes.0 == 0
                            || group.first().is_some_and(|first| last_offset - first <= Offset::from(i32::MAX))) =>
                {
                    group.push(segment.base_offset);
                }
                _ => {
                    groups.push_back(alloc::vec![segment.base_offset]);
                    (bytes, index, time_index) = sizes;
                }
            }
        }
        groups
    }

    /// Lets `cleaned`, whose batches are in `file`, take the place of the segments of these base offsets, which follow each
    /// other. All of it is stored at once.
    pub(in super::super) fn replace_segments(
        &mut self,
        mut cleaned: LogSegment,
        transactions: &[AbortedTransaction],
        group: &[Offset],
        file: FilePath,
        store: &mut StoreQueue,
    ) {
        let first = self.segments.partition_point(|segment| segment.base_offset < cleaned.base_offset);
        let all = first..first + group.len();
        let is_there = self
            .segments
            .get(all.clone())
            .is_some_and(|found| found.iter().zip(group).all(|(segment, base)| segment.base_offset == *base));
        if !is_there {
            store.push(StoreCommand::Delete { file });
            return;
        }
        let mut old = self.segments.drain(all);
        let Some(replaced) = old.next() else { return };
        for gone in old {
            gone.delete_files(store);
        }
        store.push(StoreCommand::Rename { file, to: cleaned.file.clone() });
        cleaned.store_indexes(store);
        cleaned.replace_transactions(&replaced, transactions, store);
        self.segments.insert(first, cleaned);
        let others = group.get(1..).unwrap_or_default();
        self.remove_snapshots(|snapshot| others.contains(&snapshot), store);
    }
}
