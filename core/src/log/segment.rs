//! [`LogSegment`]: one file of a log, its indexes and its bytes in memory.

use super::cache::SegmentCache;
use super::indexes::{INDEX_SUFFIXES, OFFSET_ENTRY_BYTES, OffsetIndex, TIME_ENTRY_BYTES, TimeIndex, file_name};
use super::log_config::LogConfig;
use super::storage::{FilePath, FileRange, StoreCommand, StoreQueue, Ticket};
use super::transaction_index::{AbortedTransaction, TRANSACTION_INDEX_SUFFIX, TransactionIndex};
use crate::ids::Offset;
use crate::record::walk::{RecordWalk, Walked};
use crate::record::{BatchHeader, NO_TIMESTAMP, RecordError};
use alloc::format;
use alloc::vec::Vec;
use bytes::Bytes;
use core::ops::Range;

/// How deep into a segment its records are counted anew where the log begins inside it.
const COUNTED_BYTES: u64 = 256 << 10;

/// Why a log cannot answer yet: this range of a file is to be loaded first (`UnifiedLog::loaded`), then asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cold(pub FileRange);

/// A timestamp and the offset that has it, with the epoch that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampAndOffset {
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// The offset.
    pub offset: Offset,
    /// Leader epoch of its batch.
    pub leader_epoch: i32,
}

/// A run of batches of a log, in one file.
#[derive(Clone, Debug)]
pub struct LogSegment {
    /// Offset its file is named after; no record in it is below.
    pub base_offset: Offset,
    /// When it was created, wall milliseconds.
    pub created_ms: i64,
    /// Path of its `.log` file.
    pub file: FilePath,
    directory: FilePath,
    first_timestamp: Option<i64>,
    max_timestamp: i64,
    offset_of_max_timestamp: Offset,
    /// Its records but for the markers of transactions; `None` where only its indexes were read.
    records: Option<u64>,
    pub(super) offset_index: OffsetIndex,
    pub(super) time_index: TimeIndex,
    pub(super) transactions: TransactionIndex,
    bytes_since_index_entry: u64,
    pub(super) cache: SegmentCache,
}

impl LogSegment {
    /// An empty segment in the partition directory `directory`.
    pub fn new(directory: &FilePath, base_offset: Offset, created_ms: i64) -> Self {
        Self {
            base_offset,
            created_ms,
            file: format!("{directory}/{}", file_name(base_offset, ".log")).into(),
            directory: directory.clone(),
            first_timestamp: None,
            max_timestamp: NO_TIMESTAMP,
            offset_of_max_timestamp: base_offset,
            records: Some(0),
            offset_index: OffsetIndex::default(),
            time_index: TimeIndex::default(),
            transactions: TransactionIndex::default(),
            bytes_since_index_entry: 0,
            cache: SegmentCache::default(),
        }
    }

    /// Path of its file with another suffix.
    pub fn path(&self, suffix: &str) -> FilePath {
        format!("{}/{}", self.directory, file_name(self.base_offset, suffix)).into()
    }

    /// Bytes of its file.
    pub fn size(&self) -> u64 {
        self.cache.size()
    }

    /// Largest timestamp of its records; -1 where it has none.
    pub const fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// Its records at or after `start`, without control records. `None` where that was not counted: it was opened by its indexes,
    /// or `start` lies deep inside it.
    pub fn records_from(&self, start: Offset) -> Option<u64> {
        if start <= self.base_offset || self.records == Some(0) {
            return self.records;
        }
        let mut position = 0;
        let mut below = Some(0_u64);
        let found = self.walk(0, |header, _| {
            position += header.size() as u64;
            if header.base_offset >= start || position > COUNTED_BYTES {
                below = below.filter(|_| header.base_offset >= start);
                return true;
            }
            let is_whole = i64::from(header.records_count) == header.last_offset() - header.base_offset + 1;
            let count = match records_of(header) {
                cut if header.last_offset() >= start && cut > 0 => is_whole.then(|| start.abs_diff(header.base_offset)),
                whole => Some(whole),
            };
            below = below.zip(count).map(|(below, count)| below + count);
            false
        });
        self.records?.checked_sub(found.ok().and(below)?)
    }

    /// Timestamp of its first batch; of a segment opened by its indexes the first that they tell.
    pub(super) fn first_batch_timestamp(&self) -> Option<i64> {
        self.first_timestamp.or_else(|| self.time_index.first())
    }

    /// Where a search for `offset` begins.
    pub(super) fn position_before(&self, offset: Offset) -> u64 {
        let index = u64::from(self.offset_index.lookup(self.relative(offset)));
        index.max(self.cache.position_before(offset))
    }

    /// What retention by time goes by.
    pub const fn largest_timestamp(&self) -> i64 {
        if self.max_timestamp >= 0 { self.max_timestamp } else { self.created_ms }
    }

    /// Last offset of the batch with the largest timestamp.
    pub const fn offset_of_max_timestamp(&self) -> Offset {
        self.offset_of_max_timestamp
    }

    /// True where a new segment has to begin before `bytes` more, up to `last_offset` and `max_timestamp`, are added.
    pub fn should_roll(
        &self,
        config: &LogConfig,
        bytes: u64,
        last_offset: Offset,
        max_timestamp: i64,
        now_ms: i64,
    ) -> bool {
        let size = self.size();
        if last_offset - self.base_offset > i64::from(i32::MAX) || size + bytes > u64::from(u32::MAX >> 1) {
            return true;
        }
        if size == 0 {
            return false;
        }
        let age = match self.first_timestamp {
            Some(first) if max_timestamp >= 0 => max_timestamp.saturating_sub(first),
            _ => now_ms.saturating_sub(self.created_ms),
        };
        size + bytes > config.segment_bytes
            || age > config.segment_ms.saturating_sub(config.segment_jitter_ms)
            || self.offset_index.size() + OFFSET_ENTRY_BYTES as u64 > config.segment_index_bytes
            || self.time_index.size() + TIME_ENTRY_BYTES as u64 > config.segment_index_bytes
    }

    /// Takes a batch at `position` into indexes and timestamps; its bytes go into the cache apart.
    pub fn note(&mut self, header: &BatchHeader, position: u64, config: &LogConfig) {
        if header.max_timestamp > self.max_timestamp {
            self.max_timestamp = header.max_timestamp;
            self.offset_of_max_timestamp = header.last_offset();
        }
        self.records = self.records.map(|records| records + records_of(header));
        if self.first_timestamp.is_none() {
            self.first_timestamp = Some(header.max_timestamp).filter(|&timestamp| timestamp >= 0);
        }
        if self.bytes_since_index_entry > config.index_interval_bytes {
            self.offset_index.append(self.relative(header.last_offset()), position as u32);
            self.time_index.maybe_append(self.max_timestamp, self.relative(self.offset_of_max_timestamp));
            self.bytes_since_index_entry = 0;
        }
        self.bytes_since_index_entry += header.size() as u64;
    }

    /// Stores its files, all of them empty: what is in the indexes stays in memory as long as it takes records. The ticket is that
    /// of the last.
    pub fn create_files(&self, store: &mut StoreQueue) -> Ticket {
        self.empty_indexes(store);
        store.push(StoreCommand::Replace { file: self.file.clone(), bytes: Bytes::new() })
    }

    /// What the index files say will not hold: it takes records (again).
    pub fn empty_indexes(&self, store: &mut StoreQueue) {
        for suffix in INDEX_SUFFIXES {
            store.push(StoreCommand::Replace { file: self.path(suffix), bytes: Bytes::new() });
        }
    }

    /// Takes note of a transaction whose marker was appended to it, of which consumers have to know where it was aborted.
    pub fn note_aborted(&mut self, aborted: AbortedTransaction, store: &mut StoreQueue) {
        let file = self.path(TRANSACTION_INDEX_SUFFIX);
        self.transactions.append(aborted, &file, store);
    }

    /// Sets the aborted transactions that are left of those of `replaced`, a segment with the same files.
    pub(super) fn replace_transactions(
        &mut self,
        replaced: &Self,
        kept: &[AbortedTransaction],
        store: &mut StoreQueue,
    ) {
        for transaction in kept {
            self.transactions.note(*transaction);
        }
        let file = self.path(TRANSACTION_INDEX_SUFFIX);
        let stored = Some(&replaced.transactions).filter(|stored| stored.has_file());
        self.transactions.settle(stored, &file, store);
    }

    /// Forgets the aborted transactions whose marker is at or after `offset`.
    pub fn truncate_transactions(&mut self, offset: Offset, store: &mut StoreQueue) {
        let file = self.path(TRANSACTION_INDEX_SUFFIX);
        self.transactions.truncate(offset, &file, store);
    }

    /// Writes the indexes, as is done when it takes no more records.
    pub fn store_indexes(&mut self, store: &mut StoreQueue) {
        if self.max_timestamp >= 0 {
            self.time_index.maybe_append(self.max_timestamp, self.relative(self.offset_of_max_timestamp));
        }
        store.push(StoreCommand::Replace { file: self.path(".index"), bytes: self.offset_index.encode() });
        store.push(StoreCommand::Replace { file: self.path(".timeindex"), bytes: self.time_index.encode() });
    }

    /// Sets what its index files say, where they were read instead of its batches.
    pub fn set_indexes(&mut self, offset_index: OffsetIndex, time_index: TimeIndex) {
        if let Some((timestamp, relative)) = time_index.last() {
            self.max_timestamp = timestamp;
            self.offset_of_max_timestamp = self.base_offset + i64::from(relative);
        }
        self.offset_index = offset_index;
        self.time_index = time_index;
        self.records = None;
    }

    /// Gives its files the partition directory `directory`.
    pub fn rename(&mut self, directory: &FilePath, store: &mut StoreQueue) {
        let before = self.paths();
        self.directory = directory.clone();
        for (file, to) in before.into_iter().zip(self.paths()) {
            store.push(StoreCommand::Rename { file, to });
        }
        self.file = self.path(".log");
    }

    /// Removes its files.
    pub fn delete_files(&self, store: &mut StoreQueue) {
        for file in self.paths() {
            store.push(StoreCommand::Delete { file });
        }
    }

    /// Paths of all files it has.
    fn paths(&self) -> Vec<FilePath> {
        let transactions = self.transactions.has_file().then_some(TRANSACTION_INDEX_SUFFIX);
        [".log", ".index", ".timeindex"].into_iter().chain(transactions).map(|suffix| self.path(suffix)).collect()
    }

    /// Position and header of the first batch that ends at or after `offset`.
    pub fn find(&self, offset: Offset) -> Result<Option<(u64, BatchHeader)>, Cold> {
        self.walk(self.position_before(offset), |header, _| header.last_offset() >= offset)
    }

    /// Position and header of the first batch from `start` on that satisfies `wanted`.
    pub fn walk(
        &self,
        start: u64,
        mut wanted: impl FnMut(&BatchHeader, &[u8]) -> bool,
    ) -> Result<Option<(u64, BatchHeader)>, Cold> {
        let mut position = start;
        while position < self.size() {
            let chunk = self.chunk_at(position)?;
            let mut rest: &[u8] = &chunk;
            while !rest.is_empty() {
                let header = match BatchHeader::parse(rest) {
                    Ok(header) => header,
                    Err(error) => return Ok(Self::damaged(&error)),
                };
                if wanted(&header, rest) {
                    return Ok(Some((position, header)));
                }
                position += header.size() as u64;
                rest = &rest[header.size()..];
            }
        }
        Ok(None)
    }

    /// The end of the last whole batch at or before `limit`, where `start` at or before it is the begin of one. Where that
    /// lies in a cold chunk, the begin of the chunk.
    pub fn batch_end_before(&self, start: u64, limit: u64) -> u64 {
        if limit >= self.size() {
            return self.size();
        }
        let begin = start.max(self.offset_index.position_before(limit)).max(self.cache.chunk_start(limit));
        let mut end = begin;
        let walked = self.walk(begin, |header, _| {
            let next = end + header.size() as u64;
            if next <= limit {
                end = next;
            }
            next >= limit
        });
        if walked.is_err() { self.cache.chunk_start(limit).max(start) } else { end }
    }

    /// First record at or after `from` with a timestamp at or above `timestamp`.
    pub fn offset_for_timestamp(&self, timestamp: i64, from: Offset) -> Result<Option<TimestampAndOffset>, Cold> {
        let searched = from.max(self.base_offset + i64::from(self.time_index.lookup(timestamp)));
        let Some((mut position, _)) = self.find(searched)? else { return Ok(None) };
        loop {
            let mut found = None;
            let hit = self.walk(position, |header, bytes| {
                if header.max_timestamp < timestamp || header.last_offset() < from {
                    return false;
                }
                found = first_record(header, bytes, timestamp, from);
                true
            })?;
            match (hit, found) {
                (None, _) => return Ok(None),
                (Some(_), Some(found)) => return Ok(Some(found)),
                // The record that has the batch's largest timestamp lies before `from`.
                (Some((at, header)), None) => position = at + header.size() as u64,
            }
        }
    }

    /// Cuts it to `size` bytes. Indexes, timestamps and index files follow.
    ///
    /// # Errors
    /// What has to be loaded first; nothing is changed then.
    pub fn truncate(&mut self, size: u64, config: &LogConfig) -> Result<(), Cold> {
        let mut rebuilt = Self::new(&self.directory, self.base_offset, self.created_ms);
        rebuilt.first_timestamp = self.first_timestamp.filter(|_| size > 0);
        // Entries before the cut stay; only what lies after the last of them is walked again.
        rebuilt.offset_index = self.offset_index.clone();
        rebuilt.offset_index.truncate(size);
        let kept = rebuilt.offset_index.entries().last().copied();
        rebuilt.time_index = self.time_index.clone();
        rebuilt.time_index.truncate(kept.map_or(0, |(relative, _)| relative + 1));
        if let Some((timestamp, relative)) = rebuilt.time_index.last() {
            rebuilt.max_timestamp = timestamp;
            rebuilt.offset_of_max_timestamp = self.base_offset + i64::from(relative);
        }
        let from = kept.map_or(0, |(_, position)| u64::from(position));
        let mut position = from;
        self.walk(from, |header, _| {
            if position >= size {
                return true;
            }
            rebuilt.note(header, position, config);
            position += header.size() as u64;
            false
        })?;
        let mut cut = 0;
        let walked = self.walk(size, |header, _| {
            cut += records_of(header);
            false
        });
        rebuilt.records = self.records.filter(|_| walked.is_ok()).and_then(|records| records.checked_sub(cut));
        // The cut lies inside the chunk before it; make sure that one is there.
        if size > 0 {
            self.chunk_at(size - 1)?;
        }
        rebuilt.transactions = core::mem::take(&mut self.transactions);
        rebuilt.cache = core::mem::take(&mut self.cache);
        rebuilt.cache.truncate(size);
        *self = rebuilt;
        Ok(())
    }

    /// The warm bytes from `position` to the end of their chunk.
    pub fn chunk_at(&self, position: u64) -> Result<Bytes, Cold> {
        self.cache.chunk_at(position).map_err(|range| self.cold(range))
    }

    /// Names a range of this segment's file.
    pub fn cold(&self, range: Range<u64>) -> Cold {
        Cold(FileRange { file: self.file.clone(), range })
    }

    fn relative(&self, offset: Offset) -> u32 {
        u32::try_from(offset.saturating_sub(self.base_offset).max(0)).unwrap_or(u32::MAX)
    }

    /// Batches were checked when they were appended, recovered or loaded; one that no longer parses ends what can be read.
    fn damaged(error: &RecordError) -> Option<(u64, BatchHeader)> {
        debug_assert!(false, "a batch in memory is damaged: {error}");
        None
    }
}

/// Records of a batch, the markers of transactions and other control records left out.
fn records_of(header: &BatchHeader) -> u64 {
    if header.is_control() { 0 } else { u64::from(header.records_count.max(0).unsigned_abs()) }
}

/// The first record of a batch that qualifies; of one that cannot be decompressed, its first offset.
fn first_record(header: &BatchHeader, bytes: &[u8], timestamp: i64, from: Offset) -> Option<TimestampAndOffset> {
    let leader_epoch = header.partition_leader_epoch;
    let unknown =
        TimestampAndOffset { timestamp: header.max_timestamp, offset: header.base_offset.max(from), leader_epoch };
    let (Ok(mut walk), Ok(section)) = (RecordWalk::new(header, 0), header.section(bytes)) else { return Some(unknown) };
    let mut all = usize::MAX;
    loop {
        let record = match walk.next(section, &mut all) {
            Ok(Walked::Record(record)) => record,
            Ok(_) | Err(RecordError::InvalidRecord { .. }) => return None,
            Err(_) => return Some(unknown),
        };
        let (offset, time) = (record.offset(header), header.timestamp_at(record.timestamp_delta));
        if time >= timestamp && offset >= from {
            return Some(TimestampAndOffset { timestamp: time, offset, leader_epoch });
        }
    }
}
