//! The log `__cluster_metadata-0` with the rules the quorum has for it, and its snapshots.
//!
//! **Architecture Invariant**: what is below the high watermark is never removed at the end, and the log starts either at 0
//! or at the end of a snapshot that is kept.

use super::snapshot::{SnapshotId, StoredSnapshot, control_batch_of, quorum_records, write_snapshot};
use super::voter_set::VoterSet;
use super::{AppendError, SnapshotRefused};
use crate::ids::Offset;
use crate::log::storage::{FileRange, StoreCommand, StoreQueue, Ticket};
use crate::log::{self, AppendOrigin, Cold, Read, UnifiedLog};
use crate::protocol::encode_message;
use crate::protocol::messages::LeaderChangeMessage;
use crate::record::{BatchBuilder, ControlRecordType};
use crate::sorted::SortedMap;
use crate::time::{Instant, Now};
use alloc::vec;
use bytes::Bytes;

/// An offset and the epoch of the record before it.
pub type OffsetAndEpoch = SnapshotId;

/// How another replica's log, which ends at some offset with some epoch, continues with this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuation {
    /// It is the beginning of this one.
    Valid,
    /// It has something this one has not; here the two may still be equal.
    Diverging(OffsetAndEpoch),
    /// This one begins later; the snapshot fills the gap.
    Snapshot(SnapshotId),
}

/// Why the log was not truncated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TruncationRefused {
    /// It would remove committed records.
    BelowHighWatermark {
        /// Where the log would have ended.
        end_offset: Offset,
        /// The high watermark.
        high_watermark: Offset,
    },
    /// This range has to be loaded first: after a start less is known to be committed than is in memory.
    Cold(FileRange),
}

/// The metadata log of one replica.
#[derive(Clone, Debug)]
pub struct MetadataLog {
    log: UnifiedLog,
    /// Snapshots on disk and the bytes of their files.
    snapshots: SortedMap<SnapshotId, u64>,
    /// The latest one's bytes, once they are known; pieces of it are given to followers.
    latest_bytes: Option<Bytes>,
}

impl MetadataLog {
    /// The log after a start. Where it ends before the latest snapshot it is emptied, to go on after it.
    pub fn new(mut log: UnifiedLog, snapshots: &[StoredSnapshot], now: Now, store: &mut StoreQueue) -> Self {
        let mut config = log.config().clone();
        // Only a snapshot frees the log before it.
        config.delete = false;
        config.compact = false;
        log.update_config(config);
        let snapshots = snapshots.iter().map(|snapshot| (snapshot.id, snapshot.length)).collect();
        let mut this = Self { log, snapshots, latest_bytes: None };
        if let Some(latest) = this.latest_snapshot() {
            let last_epoch = this.log.latest_epoch().unwrap_or(0);
            if (last_epoch, this.log_end_offset()) < (latest.epoch, latest.end_offset) {
                this.log.truncate_fully_and_start_at(now, latest.end_offset, store);
            }
            // Only what is committed gets into a snapshot.
            this.log.maybe_increment_high_watermark(latest.end_offset);
            this.delete_older_snapshots(latest, store);
            this.restore_log_start(latest, store);
        }
        this
    }

    /// A segment may begin before the log did, and then a recovered log does too. But of what was given up the epochs are not
    /// known any more, so it is given up again.
    fn restore_log_start(&mut self, latest: SnapshotId, store: &mut StoreQueue) {
        let first_known = self.log.leader_epoch_cache().entries().first().map(|entry| entry.start_offset);
        if first_known.unwrap_or(self.log_end_offset()) > self.log_start_offset() {
            // Refused only above the high watermark, where no snapshot ends.
            let _ = self.log.increment_log_start_offset(latest.end_offset, store);
        }
    }

    /// The log below, to look at.
    pub(crate) fn unified_log(&self) -> &UnifiedLog {
        &self.log
    }

    /// First offset that can be read.
    pub fn log_start_offset(&self) -> Offset {
        self.log.log_start_offset()
    }

    /// Offset the next record gets.
    pub fn log_end_offset(&self) -> Offset {
        self.log.log_end_offset()
    }

    /// End of what is known to be committed and is here.
    pub fn high_watermark(&self) -> Offset {
        self.log.high_watermark()
    }

    /// End of what is stored.
    pub fn durable_end_offset(&self) -> Offset {
        self.log.recovery_point()
    }

    /// True where nothing waits to be stored.
    pub fn is_stored(&self) -> bool {
        self.durable_end_offset() == self.log_end_offset()
    }

    /// Epoch of the last record, of the latest snapshot where there is none after it, 0 where there is nothing at all.
    pub fn last_fetched_epoch(&self) -> i32 {
        self.log.latest_epoch().or_else(|| self.latest_snapshot().map(|latest| latest.epoch)).unwrap_or(0)
    }

    /// The latest snapshot.
    pub fn latest_snapshot(&self) -> Option<SnapshotId> {
        self.snapshots.keys().next_back().copied()
    }

    /// File of the latest snapshot, where its content is not in memory.
    pub fn cold_snapshot(&self) -> Option<(SnapshotId, FileRange)> {
        let (id, length) = self.snapshots.iter().next_back()?;
        let range = FileRange { file: id.path(), range: 0..*length };
        self.latest_bytes.is_none().then_some((*id, range))
    }

    /// Bytes of snapshot `id`, where it is the latest and in memory.
    pub fn snapshot_bytes(&self, id: SnapshotId) -> Option<&Bytes> {
        self.latest_bytes.as_ref().filter(|_| self.latest_snapshot() == Some(id))
    }

    /// Takes the loaded bytes of the latest snapshot.
    pub fn snapshot_loaded(&mut self, bytes: Bytes) {
        self.latest_bytes = Some(bytes);
    }

    /// Raises the high watermark, never above the log end offset; answers whether it moved.
    pub fn update_high_watermark(&mut self, offset: Offset) -> bool {
        self.log.maybe_increment_high_watermark(offset)
    }

    /// `ticket` and all before it are stored.
    pub fn stored(&mut self, ticket: Ticket) {
        self.log.stored(ticket);
    }

    /// Takes a range of the log that was loaded.
    pub fn loaded(&mut self, now: Instant, range: &FileRange, bytes: &Bytes) {
        self.log.loaded(now, range, bytes);
    }

    /// Appends `records` as one batch of `epoch`; answers the offset of the last.
    pub fn append_records(
        &mut self,
        epoch: i32,
        now: Now,
        records: &[Bytes],
        max_batch_bytes: usize,
        store: &mut StoreQueue,
    ) -> Result<Offset, AppendError> {
        let mut builder = BatchBuilder::new(self.log_end_offset()).with_leader_epoch(epoch);
        for record in records {
            if builder.size_with(now.wall_ms, None, Some(record), &[]) > max_batch_bytes {
                return Err(AppendError::TooLarge);
            }
            builder.append(now.wall_ms, None, Some(record), &[]);
        }
        if builder.is_empty() {
            return Err(AppendError::Empty);
        }
        self.append_batch(epoch, now, &builder.build(), store)
    }

    /// Appends the records a leader begins `epoch` with: that it leads, and who votes where `quorum` says so. Answers the
    /// batch.
    pub fn append_leader_change(
        &mut self,
        epoch: i32,
        now: Now,
        message: &LeaderChangeMessage,
        quorum: Option<(i16, &VoterSet)>,
        store: &mut StoreQueue,
    ) -> Result<Bytes, AppendError> {
        let mut records = vec![(ControlRecordType::LeaderChange, encode_message(message, message.version))];
        if let Some((kraft_version, voters)) = quorum {
            records.extend(quorum_records(kraft_version, voters));
        }
        let batch = control_batch_of(self.log_end_offset(), epoch, now.wall_ms, &records);
        self.append_batch(epoch, now, &batch, store).map(|_| batch)
    }

    fn append_batch(
        &mut self,
        epoch: i32,
        now: Now,
        batch: &Bytes,
        store: &mut StoreQueue,
    ) -> Result<Offset, AppendError> {
        let info = self.log.append_as_leader(now, batch, epoch, AppendOrigin::RaftLeader, store);
        info.map(|info| info.last_offset).map_err(|_| AppendError::TooLarge)
    }

    /// Appends what the leader of `epoch` answered to a fetch from the log end offset.
    pub fn append_as_follower(
        &mut self,
        now: Now,
        records: &[u8],
        epoch: i32,
        store: &mut StoreQueue,
    ) -> Result<(), log::AppendError> {
        self.log.append_as_follower(now, records, epoch, store).map(drop)
    }

    /// Reads whole batches from `offset`, below `limit`; at least one where there is one.
    pub fn read(
        &mut self,
        offset: Offset,
        max_bytes: usize,
        limit: Offset,
    ) -> Result<Read, crate::protocol::ErrorCode> {
        self.log.read(offset, max_bytes, limit, true)
    }

    /// Where `epoch` ends here: its end, or that of the largest epoch below it that is here.
    pub fn end_offset_for_epoch(&self, epoch: i32) -> OffsetAndEpoch {
        let end = self.log.end_offset_for_epoch(epoch);
        if end.is_undefined() {
            return OffsetAndEpoch { end_offset: self.log_end_offset(), epoch: self.last_fetched_epoch() };
        }
        match self.latest_snapshot() {
            // All that is left of the epoch is the snapshot the log starts after.
            Some(latest) if latest.end_offset == end.end_offset && end.leader_epoch == epoch => latest,
            _ => OffsetAndEpoch { end_offset: end.end_offset, epoch: end.leader_epoch },
        }
    }

    /// How a log that ends at `offset` with a record of `epoch` continues with this one.
    pub fn continuation(&self, offset: Offset, epoch: i32) -> Continuation {
        let start = self.log_start_offset();
        if start == 0 && offset == 0 && epoch == 0 {
            return Continuation::Valid;
        }
        if let Some(snapshot) = self.latest_snapshot() {
            if offset == snapshot.end_offset && epoch == snapshot.epoch {
                return Continuation::Valid;
            }
            // Who has an older epoch beyond our start, or another at it, has nothing committed there, so a snapshot harms
            // nothing. Who has this epoch and more of it is cut first: it may have the snapshot already.
            let epoch_at_start = self.epoch_at_start(snapshot);
            let is_before = offset < start || (offset == start && epoch != epoch_at_start);
            if start > 0 && (is_before || epoch < epoch_at_start) {
                return Continuation::Snapshot(snapshot);
            }
        }
        let end = self.end_offset_for_epoch(epoch);
        if end.epoch != epoch || end.end_offset < offset { Continuation::Diverging(end) } else { Continuation::Valid }
    }

    /// Epoch of the record before the first one; where that is not known any more, the first one's own.
    fn epoch_at_start(&self, latest: SnapshotId) -> i32 {
        if latest.end_offset == self.log_start_offset() {
            return latest.epoch;
        }
        let first = self.log.leader_epoch_cache().entries().first();
        first.map_or(latest.epoch, |entry| entry.epoch)
    }

    /// Cuts what diverges from the leader, whose log has `end.epoch` up to `end.end_offset`. Answers the new log end offset.
    pub fn truncate_to_end_offset(
        &mut self,
        now: Now,
        end: OffsetAndEpoch,
        store: &mut StoreQueue,
    ) -> Result<Offset, TruncationRefused> {
        let local = self.end_offset_for_epoch(end.epoch);
        let cut = if end.epoch == 0 {
            end.end_offset
        } else if local.epoch == end.epoch {
            local.end_offset.min(end.end_offset)
        } else {
            local.end_offset
        };
        let cut = cut.min(self.log_end_offset());
        let high_watermark = self.high_watermark();
        if cut < high_watermark {
            return Err(TruncationRefused::BelowHighWatermark { end_offset: cut, high_watermark });
        }
        self.log.truncate_to(now, cut, store).map_err(|Cold(range)| TruncationRefused::Cold(range))?;
        Ok(self.log_end_offset())
    }

    /// Writes a snapshot of the state after all records below `id.end_offset`; times are those of the last record contained
    /// and of the writing.
    pub fn create_snapshot(
        &mut self,
        id: SnapshotId,
        (last_contained_log_timestamp, written_ms): (i64, i64),
        quorum: Option<(i16, &VoterSet)>,
        records: &[Bytes],
        store: &mut StoreQueue,
    ) -> Result<(), SnapshotRefused> {
        if id.end_offset > self.high_watermark() {
            return Err(SnapshotRefused::NotCommitted);
        }
        if self.latest_snapshot().is_some_and(|latest| latest.end_offset >= id.end_offset) {
            return Err(SnapshotRefused::Exists);
        }
        if id.end_offset <= 0 || self.continuation(id.end_offset, id.epoch) != Continuation::Valid {
            return Err(SnapshotRefused::UnknownEpoch);
        }
        let bytes = write_snapshot(id, last_contained_log_timestamp, written_ms, quorum, records);
        self.keep_snapshot(id, bytes, store);
        Ok(())
    }

    /// Takes a whole snapshot from the leader: the log becomes empty and goes on after it.
    pub fn install_snapshot(&mut self, now: Now, id: SnapshotId, bytes: Bytes, store: &mut StoreQueue) {
        self.keep_snapshot(id, bytes, store);
        self.log.truncate_fully_and_start_at(now, id.end_offset, store);
    }

    fn keep_snapshot(&mut self, id: SnapshotId, bytes: Bytes, store: &mut StoreQueue) {
        store.push(StoreCommand::Replace { file: id.path(), bytes: bytes.clone() });
        self.snapshots.insert(id, bytes.len() as u64);
        self.latest_bytes = Some(bytes);
        self.delete_older_snapshots(id, store);
    }

    /// Batches of store commands are all or nothing, so the newer one is there when the older are gone.
    fn delete_older_snapshots(&mut self, than: SnapshotId, store: &mut StoreQueue) {
        while let Some((&oldest, _)) = self.snapshots.first_key_value() {
            if oldest >= than {
                break;
            }
            self.snapshots.remove(&oldest);
            store.push(StoreCommand::Delete { file: oldest.path() });
        }
    }

    /// Gives up the log before the latest snapshot where the log is larger than `max_bytes`.
    pub fn delete_before_latest_snapshot(&mut self, now: Now, max_bytes: u64, store: &mut StoreQueue) {
        let Some(latest) = self.latest_snapshot() else { return };
        if self.log.size() <= max_bytes {
            return;
        }
        // Refused only above the high watermark, where no snapshot ends.
        if self.log.increment_log_start_offset(latest.end_offset, store) == Ok(true) {
            self.log.roll(now, store);
            self.log.delete_retention(now, store);
        }
    }
}
