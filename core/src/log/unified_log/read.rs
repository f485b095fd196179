//! Reading: records from an offset, offsets from a timestamp, and what is kept in memory for it.

use super::super::indexes::file_name;
use super::super::segment::{Cold, TimestampAndOffset};
use super::super::storage::FileRange;
use super::super::transaction_index::AbortedTransaction;
use super::UnifiedLog;
use crate::ids::Offset;
use crate::protocol::{ErrorCode, Records};
use crate::record::{Batches, RecordBatch};
use crate::time::{Duration, Instant};
use alloc::vec::Vec;
use bytes::Bytes;

/// How long what was loaded for a request waits for it to read.
const PIN: Duration = Duration::from_secs(30);
/// The most that one load asks for.
const LOAD_BYTES: u64 = 1024 * 1024;

/// What a read answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Read {
    /// Whole batches; the first holds the offset asked for, so records before it may come first. Empty where nothing is
    /// there to be read yet.
    Data {
        /// The batches, shared with the log.
        records: Records,
    },
    /// This range has to be loaded first; pass it to [`UnifiedLog::loaded`] and read again.
    Cold(FileRange),
}

impl UnifiedLog {
    /// Reads whole batches from the one that holds `start_offset`, of one segment, up to `max_bytes` and below
    /// `max_offset_exclusive`. With `min_one_message` the first batch comes even where it is larger.
    ///
    /// # Errors
    /// `OFFSET_OUT_OF_RANGE` below the log start or above the log end.
    pub fn read(
        &mut self,
        start_offset: Offset,
        max_bytes: usize,
        max_offset_exclusive: Offset,
        min_one_message: bool,
    ) -> Result<Read, ErrorCode> {
        if start_offset < self.log_start_offset() || start_offset > self.log_end_offset() {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        if start_offset >= max_offset_exclusive.min(self.log_end_offset()) {
            return Ok(Read::Data { records: Records::EMPTY });
        }
        let limits = Limits { max_bytes: max_bytes as u64, max_offset_exclusive, min_one_message };
        for index in self.segment_of(start_offset)..self.segments.len() {
            match self.read_segment(index, start_offset, &limits) {
                Ok(None) => {}
                Ok(Some(records)) => return Ok(Read::Data { records }),
                Err(Cold(range)) => return Ok(Read::Cold(range)),
            }
        }
        Ok(Read::Data { records: Records::EMPTY })
    }

    /// Reads from one segment; `None` where it holds nothing at or after `start_offset`.
    fn read_segment(&mut self, index: usize, start_offset: Offset, limits: &Limits) -> Result<Option<Records>, Cold> {
        let use_clock = self.use_clock;
        let next_base = self.segments.get(index + 1).map(|next| next.base_offset);
        let Some(segment) = self.segments.get_mut(index) else { return Ok(None) };
        let found = segment.find(start_offset).map_err(|Cold(range)| {
            // Not only the chunk in which to search: what the request may read with it.
            let end = range.range.start + limits.max_bytes.min(LOAD_BYTES);
            segment.cold(segment.cache.cold_at(range.range.start, end))
        })?;
        let Some((from, first)) = found else { return Ok(None) };
        let end_of_allowed = if next_base.is_some_and(|base| base <= limits.max_offset_exclusive) {
            segment.size()
        } else {
            segment.find(limits.max_offset_exclusive)?.map_or(segment.size(), |(position, _)| position)
        };
        let first_end = from + first.size() as u64;
        let mut limit = end_of_allowed.min(from.saturating_add(limits.max_bytes));
        if first_end > end_of_allowed || (first_end > limit && !limits.min_one_message) {
            return Ok(Some(Records::EMPTY));
        }
        limit = limit.max(first_end);
        let end = segment.batch_end_before(from, limit);
        let parts = segment.cache.read(from..end, use_clock).map_err(|range| segment.cold(range))?;
        Ok(Some(Records::from(parts)))
    }

    /// The aborted transactions that a `read_committed` consumer has to know of to read `records`, which were read from
    /// `start_offset` on. Some more may be among them: where the records end is known as well as the offset index does.
    pub fn aborted_transactions(&self, start_offset: Offset, records: &Records) -> Vec<AbortedTransaction> {
        let mut found = Vec::new();
        if records.is_empty() {
            return found;
        }
        // The segment read from is the first one that holds something at or after the offset.
        let mut index = self.segment_of(start_offset);
        let mut indexed = None;
        while let Some(segment) = self.segments.get(index) {
            match segment.find(start_offset) {
                Ok(None) => index += 1,
                Ok(Some((position, _))) => {
                    let relative = segment.offset_index.offset_from(position + records.len() as u64);
                    indexed = relative.map(|relative| segment.base_offset + i64::from(relative));
                    break;
                }
                Err(_) => break,
            }
        }
        let next_base = self.segments.get(index + 1).map(|next| next.base_offset);
        let upper_bound = indexed.or(next_base).unwrap_or(self.log_end_offset());
        for segment in self.segments.get(index..).unwrap_or_default() {
            if segment.transactions.collect(start_offset, upper_bound, &mut found) {
                break;
            }
        }
        found
    }

    /// The batches that hold offsets from `from` on, below `to`, to look at; `stored` reads what is not in memory.
    pub(crate) fn batches(
        &self,
        from: Offset,
        to: Offset,
        stored: impl Fn(&FileRange) -> Option<Bytes>,
    ) -> Vec<RecordBatch> {
        let mut found = Vec::new();
        for segment in &self.segments[self.segment_of(from)..] {
            if segment.base_offset >= to {
                break;
            }
            let mut position = match segment.find(from) {
                Ok(Some((position, _))) => position,
                Ok(None) => continue,
                Err(_) => 0,
            };
            while position < segment.size() {
                let chunk = segment.chunk_at(position).or_else(|Cold(range)| stored(&range).ok_or(()));
                let Ok(chunk) = chunk else { return found };
                let whole = Batches::new(chunk.clone()).map_while(Result::ok);
                found.extend(
                    whole.filter(|batch| batch.header().last_offset() >= from && batch.header().base_offset < to),
                );
                position += chunk.len() as u64;
            }
        }
        found
    }

    /// The first record at or after the log start with a timestamp at or above `timestamp`.
    pub fn offset_for_timestamp(&self, timestamp: i64) -> Result<Option<TimestampAndOffset>, Cold> {
        for segment in &self.segments {
            if segment.max_timestamp() >= timestamp
                && let Some(found) = segment.offset_for_timestamp(timestamp, self.log_start_offset())?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The first record with the largest timestamp (`ListOffsets` with timestamp -3, KIP-734); as in Kafka that may be one
    /// below the log start, as long as its segment is there.
    pub fn offset_of_max_timestamp(&self) -> Result<Option<TimestampAndOffset>, Cold> {
        let newest = self.segments.iter().map(super::LogSegment::max_timestamp).max().unwrap_or(-1);
        match self.segments.iter().find(|segment| newest >= 0 && segment.max_timestamp() == newest) {
            Some(segment) => segment.offset_for_timestamp(newest, segment.base_offset),
            None => Ok(None),
        }
    }

    /// Takes a range that was loaded. It stays in memory until it is read once, or some time has passed.
    ///
    /// Nothing happens where the log has changed so that the range is no more.
    pub fn loaded(&mut self, now: Instant, range: &FileRange, bytes: &Bytes) {
        let use_clock = self.use_clock;
        if let Some(segment) = self.segments.iter_mut().find(|segment| segment.file == range.file) {
            segment.cache.loaded(&range.range, bytes, use_clock, now + PIN);
            return;
        }
        let directory = self.directory_name.clone();
        for (&offset, snapshot) in &mut self.snapshots {
            let path = alloc::format!("{directory}/{}", file_name(offset, ".snapshot"));
            if range.file == path.as_str() && snapshot.length == bytes.len() as u64 {
                snapshot.bytes = Some(bytes.clone());
            }
        }
    }

    /// Use clock of the chunk to evict first; `None` where nothing may be evicted.
    ///
    /// Whole segments below both the high watermark and the last producer snapshot may, so a log can always be truncated to
    /// its high watermark and its producer state rebuilt without loading.
    pub fn coldest(&self, now: Instant) -> Option<u64> {
        let evictable = self.evictable_segments();
        self.segments.iter().take(evictable).filter_map(|segment| segment.cache.coldest(u64::MAX, now)).min()
    }

    /// Drops one chunk last used at `last_used`; answers its bytes.
    pub fn evict(&mut self, last_used: u64, now: Instant) -> u64 {
        let evictable = self.evictable_segments();
        for segment in self.segments.iter_mut().take(evictable) {
            let bytes = segment.cache.evict(last_used, u64::MAX, now);
            if bytes > 0 {
                return bytes;
            }
        }
        0
    }

    fn evictable_segments(&self) -> usize {
        let last_snapshot = self.snapshots.last_key_value().map_or(0, |(&offset, _)| offset);
        let limit = self.high_watermark().min(last_snapshot);
        // A segment ends where the next begins; the active one is never evicted.
        self.segments.partition_point(|segment| segment.base_offset <= limit).saturating_sub(1)
    }
}

/// How far a read may go.
struct Limits {
    max_bytes: u64,
    max_offset_exclusive: Offset,
    min_one_message: bool,
}
