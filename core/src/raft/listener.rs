//! Telling this node what is committed: each batch once, in order, and the snapshot before them.

use super::metadata_log::MetadataLog;
use super::snapshot::{SnapshotId, read_snapshot};
use super::{RaftClient, RaftOutput};
use crate::ids::Offset;
use crate::log::Read;
use crate::log::storage::FileRange;
use crate::record::{Batches, RecordBatch, RecordError};
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::format;
use alloc::vec::Vec;
use bytes::Bytes;

/// Bytes of the log told in one call; the rest follows at once in the next, so that none takes long.
const BYTES_PER_CALL: usize = 256 * 1024;

/// How far this node has been told.
#[derive(Clone, Debug)]
pub struct Listener {
    next_offset: Offset,
    /// The snapshot it begins with is not loaded yet.
    needs_snapshot: bool,
    has_more: bool,
    last_epoch: Option<i32>,
    last_append_timestamp: i64,
    bytes_since_snapshot: u64,
    last_snapshot_at: Instant,
    loads: Vec<(u64, FileRange)>,
    /// Loads that failed. A file may go while it is being loaded; only one asked for again is missed.
    failed_loads: Vec<(FileRange, Str)>,
    next_load_id: u64,
}

impl Listener {
    pub(super) fn new(log: &MetadataLog, now: Instant) -> Self {
        // The checkpoint a quorum begins with holds no metadata.
        let latest = log.latest_snapshot().filter(|latest| latest.end_offset > 0);
        Self {
            next_offset: latest.map_or(log.log_start_offset(), |latest| latest.end_offset),
            needs_snapshot: latest.is_some(),
            has_more: false,
            last_epoch: latest.map(|latest| latest.epoch),
            last_append_timestamp: 0,
            bytes_since_snapshot: 0,
            last_snapshot_at: now,
            loads: Vec::new(),
            failed_loads: Vec::new(),
            next_load_id: 0,
        }
    }

    /// Everything below was told.
    pub fn next_offset(&self) -> Offset {
        self.next_offset
    }

    pub(super) fn has_more(&self) -> bool {
        self.has_more
    }

    pub(super) fn last_append_timestamp(&self) -> i64 {
        self.last_append_timestamp
    }

    pub(super) fn next_snapshot_id(&self) -> Option<SnapshotId> {
        let epoch = self.last_epoch.filter(|_| !self.needs_snapshot)?;
        Some(SnapshotId { end_offset: self.next_offset, epoch })
    }

    pub(super) fn should_snapshot(&self, now: Instant, max_bytes: u64, max_interval: Duration) -> bool {
        let is_due = !max_interval.is_zero() && now.since(self.last_snapshot_at) >= max_interval;
        self.bytes_since_snapshot >= max_bytes || (is_due && self.bytes_since_snapshot > 0)
    }

    pub(super) fn snapshot_made(&mut self, id: SnapshotId, now: Instant) {
        if id.end_offset == self.next_offset {
            self.bytes_since_snapshot = 0;
        }
        self.last_snapshot_at = now;
    }

    fn jump_to(&mut self, id: SnapshotId, last_append_timestamp: i64, now: Instant) {
        self.next_offset = id.end_offset;
        self.needs_snapshot = false;
        self.last_epoch = Some(id.epoch);
        self.last_append_timestamp = last_append_timestamp;
        self.bytes_since_snapshot = 0;
        self.last_snapshot_at = now;
    }
}

impl RaftClient {
    /// Tells what is committed and not told yet.
    pub(super) fn deliver_commits(&mut self) {
        self.listener.has_more = false;
        if self.failed {
            return;
        }
        if self.listener.needs_snapshot {
            if let Some((_, range)) = self.log.cold_snapshot() {
                self.request_load(range);
            }
            return;
        }
        let mut budget = BYTES_PER_CALL;
        while self.listener.next_offset < self.log.high_watermark() {
            if budget == 0 {
                self.listener.has_more = true;
                return;
            }
            let high_watermark = self.log.high_watermark();
            let records = match self.log.read(self.listener.next_offset, budget, high_watermark) {
                Ok(Read::Data { records }) => records,
                Ok(Read::Cold(range)) => return self.request_load(range),
                Err(error) => return self.fail(&format!("committed records cannot be read: {}", error.name())),
            };
            let before = self.listener.next_offset;
            budget = budget.saturating_sub(records.len());
            for part in records.parts() {
                for batch in Batches::new(part.clone()) {
                    match batch.and_then(|batch| self.deliver_batch(&batch)) {
                        Ok(()) => {}
                        Err(error) => return self.fail(&format!("a committed batch is damaged: {error:?}")),
                    }
                }
            }
            if self.listener.next_offset == before {
                return;
            }
        }
    }

    fn deliver_batch(&mut self, batch: &RecordBatch) -> Result<(), RecordError> {
        let header = batch.header();
        if header.last_offset() < self.listener.next_offset {
            return Ok(());
        }
        let mut records = Vec::new();
        if !header.is_control() {
            for record in batch.iter()? {
                let record = record?;
                if record.offset >= self.listener.next_offset {
                    records.push(record.value.unwrap_or_default());
                }
            }
        }
        self.listener.bytes_since_snapshot += header.size() as u64;
        self.listener.last_append_timestamp = header.max_timestamp;
        self.listener.last_epoch = Some(header.partition_leader_epoch);
        let base_offset = header.base_offset.max(self.listener.next_offset);
        self.listener.next_offset = header.next_offset();
        self.outputs.push_back(RaftOutput::Committed {
            base_offset,
            last_offset: header.last_offset(),
            epoch: header.partition_leader_epoch,
            append_timestamp: header.max_timestamp,
            records,
        });
        Ok(())
    }

    /// Asks for a range, once.
    pub(super) fn request_load(&mut self, range: FileRange) {
        let listener = &mut self.listener;
        if listener.loads.iter().any(|(_, pending)| *pending == range) {
            return;
        }
        if let Some((_, reason)) = listener.failed_loads.iter().find(|(failed, _)| *failed == range) {
            let reason = format!("{} cannot be read: {reason}", range.file);
            return self.fail(&reason);
        }
        let load_id = listener.next_load_id;
        listener.next_load_id += 1;
        listener.loads.push((load_id, range.clone()));
        self.outputs.push_back(RaftOutput::Load { load_id, range });
    }

    pub(super) fn fail_load(&mut self, load_id: u64, reason: Str) {
        let loads = &mut self.listener.loads;
        if let Some(index) = loads.iter().position(|(id, _)| *id == load_id) {
            let (_, range) = loads.swap_remove(index);
            self.listener.failed_loads.push((range, reason));
        }
    }

    pub(super) fn finish_load(&mut self, now: Now, load_id: u64, bytes: &Bytes) {
        let Some(index) = self.listener.loads.iter().position(|(id, _)| *id == load_id) else { return };
        let (_, range) = self.listener.loads.swap_remove(index);
        match SnapshotId::from_path(&range.file) {
            None => self.log.loaded(now.monotonic, &range, bytes),
            Some(id) if self.listener.needs_snapshot && self.log.latest_snapshot() == Some(id) => {
                self.log.snapshot_loaded(bytes.clone());
                self.tell_snapshot(now, id, bytes);
            }
            // A newer one was fetched meanwhile.
            Some(_) => {}
        }
    }

    /// Tells the content of a snapshot; it takes the place of everything told before.
    pub(super) fn tell_snapshot(&mut self, now: Now, id: SnapshotId, bytes: &Bytes) {
        match read_snapshot(bytes) {
            Ok(contents) => {
                self.listener.jump_to(id, contents.last_contained_log_timestamp, now.monotonic);
                self.outputs.push_back(RaftOutput::SnapshotLoaded { id, records: contents.records });
            }
            Err(error) => self.fail(&format!("snapshot {id} cannot be read: {error}")),
        }
    }
}
