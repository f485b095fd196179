//! Taking away: truncation at the end, deletion at the start.

use super::super::indexes::file_name;
use super::super::leader_epoch_cache::{LEADER_EPOCH_CHECKPOINT, LeaderEpochCache};
use super::super::producer_state::ProducerStateManager;
use super::super::segment::{Cold, LogSegment};
use super::super::storage::{FilePath, FileRange, StoreCommand, StoreQueue, Ticket};
use super::{PARTITION_METADATA, UnifiedLog};
use crate::event::RetentionCause;
use crate::ids::Offset;
use crate::protocol::ErrorCode;
use crate::record::BatchHeader;
use crate::time::Now;
use alloc::string::ToString;
use alloc::vec::Vec;

/// Segments that retention deleted from the start of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletedSegments {
    /// Why.
    pub cause: RetentionCause,
    /// How many; at least one.
    pub segments: usize,
    /// Bytes they had.
    pub bytes: u64,
}

impl UnifiedLog {
    /// Removes everything from `offset` on; a batch that holds it goes whole. At or above the log end only leader epochs
    /// that begin there go.
    /// The high watermark follows where it was above.
    ///
    /// # Errors
    /// What has to be loaded first, which can only be asked for below the high watermark; nothing is changed then.
    pub fn truncate_to(&mut self, now: Now, offset: Offset, store: &mut StoreQueue) -> Result<(), Cold> {
        if offset >= self.log_end_offset {
            // An epoch assigned at the log end, in which nothing was written, may still contradict the leader's.
            if self.epochs.truncate_from_end(offset) {
                self.store_epochs(store);
            }
            return Ok(());
        }
        if offset < self.segments.first().map_or(0, |first| first.base_offset) {
            self.truncate_fully_and_start_at(now, offset.max(0), store);
            return Ok(());
        }
        let index = self.segment_of(offset);
        let segment = &self.segments[index];
        let (size, end) = match segment.find(offset)? {
            Some((position, header)) => (position, offset.min(header.base_offset)),
            None => (segment.size(), offset),
        };
        let producers = self.producers_at(end)?;
        let config = self.config.clone();
        let was_active = index + 1 == self.segments.len();
        let cut = size < segment.size();
        let segment = &mut self.segments[index];
        segment.truncate(size, &config)?;
        if cut {
            store.push(StoreCommand::Truncate { file: segment.file.clone(), length: size });
        }
        if !was_active {
            segment.empty_indexes(store);
        }
        for removed in self.segments.drain(index + 1..) {
            removed.delete_files(store);
        }
        self.remove_snapshots(|snapshot| snapshot > end, store);
        self.segments[index].truncate_transactions(end, store);
        self.cut_at(end);
        self.producers = producers;
        if self.epochs.truncate_from_end(end) {
            self.store_epochs(store);
        }
        self.end_at(end);
        self.producers.high_watermark_advanced(self.high_watermark);
        Ok(())
    }

    /// Removes everything and begins anew at `offset`, as a follower does whose leader has nothing it could continue, or
    /// a KRaft replica that took a snapshot.
    pub fn truncate_fully_and_start_at(&mut self, now: Now, offset: Offset, store: &mut StoreQueue) {
        for removed in self.segments.drain(..) {
            removed.delete_files(store);
        }
        self.remove_snapshots(|_| true, store);
        let segment = LogSegment::new(&self.directory_name, offset, now.wall_ms);
        let ticket = segment.create_files(store);
        self.segments.push(segment);
        self.cut_at(offset);
        self.producers.clear();
        self.epochs.clear();
        self.store_epochs(store);
        self.checkpoints_stale |= offset < self.high_watermark;
        self.log_start_offset = offset;
        self.end_at(offset);
        self.high_watermark = offset;
        self.note_unstored(ticket, offset);
    }

    /// Begins a log of which nothing counts where the batch begins that holds its end: the log it is copied from starts within
    /// one, at `source_start`, after its records before were deleted (Kafka's `UnexpectedAppendOffsetException`).
    ///
    /// Kafka does so only for a log that starts where it ends. One that was cut at that very offset, for it had other records
    /// before it, it takes for failed until the next leader epoch; but all it has was deleted, so it may begin anew as well.
    pub fn start_with(&mut self, now: Now, records: &[u8], source_start: Offset, store: &mut StoreQueue) {
        let end = self.log_end_offset;
        if let Ok(first) = BatchHeader::parse(records)
            && (self.log_start_offset == end || source_start >= end)
            && (first.base_offset..=first.last_offset()).contains(&end)
            && first.base_offset < end
        {
            self.truncate_fully_and_start_at(now, first.base_offset, store);
        }
    }

    /// Brings what was read from several files into line, as the last step of loading.
    pub(in super::super) fn after_load(
        &mut self,
        now: Now,
        log_start_offset: Offset,
        epochs_stored: Option<&LeaderEpochCache>,
        store: &mut StoreQueue,
    ) {
        let end = self.log_end_offset;
        self.epochs.truncate_from_end(end);
        self.epochs.truncate_from_start(self.log_start_offset);
        if epochs_stored != Some(&self.epochs) {
            self.store_epochs(store);
        }
        self.remove_snapshots(|snapshot| snapshot > end, store);
        if log_start_offset > end {
            // What was cut off is below the log start: there is nothing left to keep.
            self.truncate_fully_and_start_at(now, log_start_offset, store);
        }
    }

    /// Stores what lets the next start do without reading: indexes of the active segment and producer state.
    pub fn close(&mut self, store: &mut StoreQueue) {
        self.active_mut().store_indexes(store);
        self.take_producer_snapshot(store);
    }

    /// Removes all its files.
    pub fn delete_files(&self, store: &mut StoreQueue) {
        for segment in &self.segments {
            segment.delete_files(store);
        }
        for &offset in self.snapshots.keys() {
            store.push(StoreCommand::Delete { file: self.path(&file_name(offset, ".snapshot")) });
        }
        for name in [LEADER_EPOCH_CHECKPOINT, PARTITION_METADATA] {
            store.push(StoreCommand::Delete { file: self.path(name) });
        }
    }

    /// Takes the place of `current`, whose whole content it has: gets its name, its leader epochs (also those that nothing was
    /// written in) and its high watermark. Answers the ticket with which that is stored.
    pub(in super::super) fn replace(&mut self, current: &Self, store: &mut StoreQueue) -> Ticket {
        let ticket = self.rename(current.topic_partition.to_string().into(), store);
        self.epochs = current.epochs.clone();
        self.epochs.truncate_from_start(self.log_start_offset);
        self.store_epochs(store);
        self.maybe_increment_high_watermark(current.high_watermark);
        self.use_clock = current.use_clock;
        self.cleaner_checkpoint = current.cleaner_checkpoint;
        self.verifications = current.verifications.clone();
        self.checkpoints_stale = true;
        ticket
    }

    /// Gives its directory another name; answers the ticket with which that is stored.
    pub(in super::super) fn rename(&mut self, name: FilePath, store: &mut StoreQueue) -> Ticket {
        let mut names: Vec<FilePath> = [LEADER_EPOCH_CHECKPOINT, PARTITION_METADATA].map(FilePath::from_static).into();
        names.extend(self.snapshots.keys().map(|&offset| file_name(offset, ".snapshot").into()));
        let before: Vec<FilePath> = names.iter().map(|file| self.path(file)).collect();
        self.directory_name = name;
        self.cuts += 1;
        for (file, name) in before.into_iter().zip(&names) {
            store.push(StoreCommand::Rename { file, to: self.path(name) });
        }
        for segment in &mut self.segments {
            segment.rename(&self.directory_name, store);
        }
        store.next_ticket()
    }

    /// Raises the log start offset, as `DeleteRecords` or a leader's does; answers whether it moved.
    ///
    /// # Errors
    /// `OFFSET_OUT_OF_RANGE` above the high watermark.
    pub fn increment_log_start_offset(&mut self, offset: Offset, store: &mut StoreQueue) -> Result<bool, ErrorCode> {
        if offset > self.high_watermark {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        if offset <= self.log_start_offset {
            return Ok(false);
        }
        self.log_start_offset = offset;
        if self.epochs.truncate_from_start(offset) {
            self.store_epochs(store);
        }
        Ok(true)
    }

    /// Deletes the oldest segments that retention does not keep; answers what went, by cause.
    pub fn delete_retention(&mut self, now: Now, store: &mut StoreQueue) -> Vec<DeletedSegments> {
        let mut deleted = Vec::new();
        if self.config.delete {
            if let Some(retention_ms) = self.config.retention_ms {
                deleted.extend(self.delete_while(RetentionCause::Time, now, store, |_, segment, _| {
                    now.wall_ms.saturating_sub(segment.largest_timestamp()) > retention_ms
                }));
            }
            if let Some(retention_bytes) = self.config.retention_bytes {
                deleted.extend(self.delete_while(RetentionCause::Size, now, store, |log, segment, _| {
                    log.size().saturating_sub(retention_bytes) >= segment.size()
                }));
            }
        }
        deleted.extend(self.delete_while(RetentionCause::LogStart, now, store, |log, _, next| {
            next.is_some_and(|base| base <= log.log_start_offset)
        }));
        deleted
    }

    /// Deletes segments from the oldest on, as long as `deletable` says so of the log, the segment and the base offset of the
    /// next, and their records are committed. Where that is all of them, a new one begins first.
    fn delete_while(
        &mut self,
        cause: RetentionCause,
        now: Now,
        store: &mut StoreQueue,
        deletable: impl Fn(&Self, &LogSegment, Option<Offset>) -> bool,
    ) -> Option<DeletedSegments> {
        let mut deleted = DeletedSegments { cause, segments: 0, bytes: 0 };
        while let Some(oldest) = self.segments.first() {
            let next = self.segments.get(1).map(|next| next.base_offset);
            let end = next.unwrap_or(self.log_end_offset);
            let empty_and_last = next.is_none() && oldest.size() == 0;
            if empty_and_last || end > self.high_watermark || !deletable(self, oldest, next) {
                break;
            }
            if next.is_none() {
                self.roll(now, store);
            }
            self.cuts += 1;
            let removed = self.segments.remove(0);
            removed.delete_files(store);
            // One at the new start stays: recovery begins with it.
            self.remove_snapshots(|snapshot| snapshot < end, store);
            self.log_start_offset = self.log_start_offset.max(end);
            if self.epochs.truncate_from_start(self.log_start_offset) {
                self.store_epochs(store);
            }
            deleted.segments += 1;
            deleted.bytes += removed.size();
        }
        (deleted.segments > 0).then_some(deleted)
    }

    /// Nothing is left from here on: nothing of that is cleaned, and whoever works on the segments begins anew.
    fn cut_at(&mut self, offset: Offset) {
        self.cuts += 1;
        if let Some(at) = self.cleaner_checkpoint.as_mut().filter(|at| **at > offset) {
            *at = offset;
            self.checkpoints_stale = true;
        }
    }

    /// Sets the log end, and what may not lie beyond it.
    fn end_at(&mut self, end: Offset) {
        self.log_end_offset = end;
        self.checkpoints_stale |= end < self.high_watermark;
        self.high_watermark = self.high_watermark.min(end);
        self.log_start_offset = self.log_start_offset.min(end);
        self.recovery_point = self.recovery_point.min(end);
        // Until the cut is stored, the files beyond it hold what was cut: those tickets promise nothing there.
        for (_, stored_end) in &mut self.unstored {
            *stored_end = end.min(*stored_end);
        }
    }

    /// The producer state as of `end`, from the last snapshot at or before it and the batches since.
    fn producers_at(&self, end: Offset) -> Result<ProducerStateManager, Cold> {
        if self.producers.producers().is_empty() {
            return Ok(ProducerStateManager::default());
        }
        let mut state = ProducerStateManager::default();
        let mut from = self.segments.first().map_or(0, |first| first.base_offset);
        if let Some((&offset, snapshot)) = self.snapshots.range(..=end).next_back() {
            let Some(bytes) = &snapshot.bytes else {
                let file = self.path(&file_name(offset, ".snapshot"));
                return Err(Cold(FileRange { file, range: 0..snapshot.length }));
            };
            // A damaged snapshot counts as none.
            if let Some(decoded) = ProducerStateManager::decode(bytes) {
                state = decoded;
                from = from.max(offset);
            }
        }
        for segment in self.segments.get(self.segment_of(from)..).unwrap_or_default() {
            let Some((start, _)) = segment.find(from)? else { continue };
            let past_end = |header: &BatchHeader| header.base_offset >= end;
            let stopped = segment.walk(start, |header, bytes| {
                if !past_end(header)
                    && let Some(completed) = state.update(header, bytes)
                {
                    state.complete(&completed);
                }
                past_end(header)
            })?;
            if stopped.is_some() {
                break;
            }
        }
        Ok(state)
    }

    pub(super) fn remove_snapshots(&mut self, gone: impl Fn(Offset) -> bool, store: &mut StoreQueue) {
        let removed: Vec<Offset> = self.snapshots.keys().copied().filter(|&offset| gone(offset)).collect();
        for offset in removed {
            self.snapshots.remove(&offset);
            store.push(StoreCommand::Delete { file: self.path(&file_name(offset, ".snapshot")) });
        }
    }
}
