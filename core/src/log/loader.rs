//! [`LogLoader`]: makes a [`UnifiedLog`] of the files of one partition directory, range by range.
//!
//! Closed segments are known by their index files, which are stored with the roll: where they are there, the segment is whole.
//! The active segment is read and every batch checked; what follows the last whole, correct one is cut off. Producer
//! state is that of the last snapshot and of the batches since, leader epochs those of their file and of the batches
//! read. Where a file is missing or malformed, as many segments are read as it takes to do without. The transaction index of
//! a segment that is read is what its batches say; only of the others it is that of their file.

use super::cache::CHUNK_BYTES;
use super::checkpoint::decode_partition_metadata;
use super::indexes::{INDEX_SUFFIXES, OffsetIndex, TimeIndex};
use super::leader_epoch_cache::{LEADER_EPOCH_CHECKPOINT, LeaderEpochCache};
use super::log_config::LogConfig;
use super::producer_state::ProducerStateManager;
use super::segment::LogSegment;
use super::storage::{FilePath, FileRange, StoreCommand, StoreQueue};
use super::transaction_index::{AbortedTransaction, TRANSACTION_INDEX_SUFFIX, TransactionIndex};
use super::unified_log::{LoadedLog, PARTITION_METADATA, SnapshotFile, UnifiedLog};
use crate::ids::{Offset, TopicPartition, Uuid};
use crate::record::{BatchHeader, RecordError};
use crate::sorted::SortedMap;
use crate::time::Now;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;
use bytes::Bytes;

/// The most that is read and checked at once.
const SLICE: u64 = 1024 * 1024;
/// Suffixes of files that a crash left behind.
const LEFTOVERS: [&str; 3] = [".deleted", ".cleaned", ".swap"];

/// What loading found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Bytes at the end that were no whole, correct batch, and are cut off.
    pub discarded_bytes: u64,
}

/// Where a log belongs, and what the checkpoints of its directory say of it.
#[derive(Clone, Debug)]
pub struct LoadContext {
    /// Its partition.
    pub topic_partition: TopicPartition,
    /// Index of its log directory.
    pub directory: usize,
    /// Name of its own directory below that.
    pub directory_name: FilePath,
    /// Its configs, as far as they are known when a node starts.
    pub config: LogConfig,
    /// From the log start checkpoint.
    pub log_start_offset: Option<Offset>,
    /// From the high watermark checkpoint.
    pub high_watermark: Option<Offset>,
}

/// What is read next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Metadata,
    Epochs,
    /// Transaction index of the segment of this base offset.
    Transactions(Offset),
    /// The last producer snapshot.
    Snapshot,
    /// Index of the segment of this base offset.
    Index(Offset),
    TimeIndex(Offset),
    /// Its batches, from `scanned` on.
    Scan(Offset),
}

/// Loads one log. Ask [`LogLoader::next_range`], give the bytes to [`LogLoader::loaded`], until nothing is asked for; then
/// [`LogLoader::finish`].
#[derive(Clone, Debug)]
pub struct LogLoader {
    context: LoadContext,
    now: Now,
    directory_name: FilePath,
    /// Files of the partition's directory that are not dealt with yet, by name.
    files: SortedMap<FilePath, u64>,
    steps: VecDeque<Step>,
    /// Base offset and bytes of the files of segments not begun yet.
    waiting: SortedMap<Offset, u64>,
    snapshots: SortedMap<Offset, SnapshotFile>,
    /// As their files have them, by base offset; only those that make sense.
    transactions: SortedMap<Offset, TransactionIndex>,
    commands: Vec<StoreCommand>,
    topic_id: Uuid,
    epochs: Option<LeaderEpochCache>,
    /// As their file has them.
    epochs_stored: Option<LeaderEpochCache>,
    producers: ProducerStateManager,
    /// Producer state is that of this offset.
    producers_at: Offset,
    /// Segments from here on are read.
    scan_from: Offset,
    offset_index: OffsetIndex,
    segments: Vec<LogSegment>,
    scanned: u64,
    /// What a slice has to hold at least: a batch can be larger than [`SLICE`].
    needed: u64,
    next_offset: Offset,
    report: LoadReport,
}

impl LogLoader {
    /// Begins to load the log with `files`, the names and lengths in its directory.
    pub fn new(context: LoadContext, files: SortedMap<FilePath, u64>, now: Now) -> Self {
        let mut loader = Self {
            directory_name: context.directory_name.clone(),
            context,
            now,
            files,
            steps: VecDeque::new(),
            waiting: SortedMap::new(),
            snapshots: SortedMap::new(),
            transactions: SortedMap::new(),
            commands: Vec::new(),
            topic_id: Uuid::ZERO,
            epochs: None,
            epochs_stored: None,
            producers: ProducerStateManager::default(),
            producers_at: 0,
            scan_from: 0,
            offset_index: OffsetIndex::default(),
            segments: Vec::new(),
            scanned: 0,
            needed: 0,
            next_offset: 0,
            report: LoadReport::default(),
        };
        loader.sort_files();
        loader.plan_first();
        loader
    }

    /// The partition it loads.
    pub const fn topic_partition(&self) -> &TopicPartition {
        &self.context.topic_partition
    }

    /// The range it needs next; `None` where all is read.
    pub fn next_range(&mut self) -> Option<FileRange> {
        loop {
            let step = *self.steps.front()?;
            let (file, range) = match step {
                Step::Metadata => self.whole(PARTITION_METADATA.into()),
                Step::Epochs => self.whole(LEADER_EPOCH_CHECKPOINT.into()),
                Step::Transactions(base) => self.whole(format!("{base:020}{TRANSACTION_INDEX_SUFFIX}").into()),
                Step::Snapshot => {
                    let last = self.snapshots.last_key_value();
                    let (offset, length) = last.map_or((0, 0), |(&offset, snapshot)| (offset, snapshot.length));
                    (format!("{offset:020}.snapshot").into(), 0..length)
                }
                Step::Index(base) => self.whole(format!("{base:020}.index").into()),
                Step::TimeIndex(base) => self.whole(format!("{base:020}.timeindex").into()),
                Step::Scan(base) => {
                    let length = self.waiting.get(&base).copied().unwrap_or_default();
                    let end = length.min(self.scanned.saturating_add(SLICE.max(self.needed)));
                    (format!("{base:020}.log").into(), self.scanned..end)
                }
            };
            if range.is_empty() {
                // Nothing to read: an empty file is as good as its bytes.
                self.loaded(&Bytes::new());
                continue;
            }
            return Some(FileRange { file: format!("{}/{file}", self.directory_name).into(), range });
        }
    }

    /// Takes the bytes of the range asked for.
    pub fn loaded(&mut self, bytes: &Bytes) {
        let Some(step) = self.steps.pop_front() else { return };
        match step {
            Step::Metadata => self.topic_id = decode_partition_metadata(bytes).unwrap_or_default(),
            Step::Epochs => {
                self.epochs = LeaderEpochCache::decode(bytes);
                self.epochs_stored = self.epochs.clone();
            }
            Step::Transactions(base) => self.take_transactions(base, bytes),
            Step::Snapshot => self.take_snapshot(bytes),
            Step::Index(base) => self.take_index(base, bytes),
            Step::TimeIndex(base) => self.take_time_index(base, bytes),
            Step::Scan(base) => self.scan(base, bytes),
        }
        if self.steps.is_empty() {
            self.plan_next_segment();
        }
    }

    /// The log, where nothing is asked for any more. What has to be repaired is stored.
    pub fn finish(mut self, store: &mut StoreQueue) -> (UnifiedLog, LoadReport) {
        for command in self.commands.drain(..) {
            store.push(command);
        }
        // The epochs of deleted records go from their file at once, the log start itself is noted now and then. Deleted records
        // that come back without their epochs would mislead followers about where to cut; Kafka leaves that gap.
        let first_epoch = self.epochs_stored.as_ref().and_then(|epochs| epochs.entries().first());
        let start = self.context.log_start_offset.max(first_epoch.map(|entry| entry.start_offset));
        if self.segments.is_empty() {
            let base = start.unwrap_or_default();
            let segment = LogSegment::new(&self.directory_name, base, self.now.wall_ms);
            segment.create_files(store);
            self.segments.push(segment);
            self.next_offset = base;
        } else if let Some(active) = self.segments.last()
            && INDEX_SUFFIXES.iter().any(|suffix| self.length(active.base_offset, suffix) != Some(0))
        {
            // Those of a clean shutdown would not be true for long.
            active.empty_indexes(store);
        }
        self.settle_transactions(store);
        let end = self.next_offset;
        if end < self.producers_at {
            // Damage before the last producer snapshot: what it says is not true of the log that is left.
            self.producers.clear();
        }
        let first = self.segments.first().map_or(0, |first| first.base_offset);
        let log_start_offset = start.unwrap_or(first).max(first);
        let loaded = LoadedLog {
            segments: self.segments,
            log_start_offset: log_start_offset.min(end),
            log_end_offset: end,
            high_watermark: self.context.high_watermark.unwrap_or_default(),
            epochs: self.epochs.unwrap_or_default(),
            producers: self.producers,
            snapshots: self.snapshots,
        };
        let LoadContext { topic_partition, directory, config, .. } = self.context;
        let place = (directory, self.directory_name);
        let mut log = UnifiedLog::from_loaded(topic_partition, self.topic_id, place, config, loaded);
        log.after_load(self.now, log_start_offset, self.epochs_stored.as_ref(), store);
        (log, self.report)
    }

    /// Takes the segments and snapshots out of the list of files, and notes what is to be removed.
    fn sort_files(&mut self) {
        let names: Vec<FilePath> = self.files.keys().cloned().collect();
        for name in names {
            let length = self.files.get(&name).copied().unwrap_or_default();
            if LEFTOVERS.iter().any(|suffix| name.ends_with(suffix)) {
                self.delete(&name);
            } else if let Some(base) = offset_of(&name, ".log") {
                self.waiting.insert(base, length);
            } else if let Some(offset) = offset_of(&name, ".snapshot") {
                self.snapshots.insert(offset, SnapshotFile { length, bytes: None });
            }
        }
        for name in self.files.keys().cloned().collect::<Vec<_>>() {
            let base =
                [".index", ".timeindex", TRANSACTION_INDEX_SUFFIX].iter().find_map(|suffix| offset_of(&name, suffix));
            if base.is_some_and(|base| !self.waiting.contains_key(&base)) {
                self.delete(&name);
            }
        }
    }

    /// What decides how much is to be read: the small files.
    fn plan_first(&mut self) {
        let active = self.waiting.last_key_value().map_or(0, |(&base, _)| base);
        let later: Vec<Offset> = self.snapshots.keys().copied().filter(|&offset| offset > active).collect();
        for offset in later {
            self.remove_snapshot(offset);
        }
        if self.files.contains_key(PARTITION_METADATA) {
            self.steps.push_back(Step::Metadata);
        }
        if self.files.contains_key(LEADER_EPOCH_CHECKPOINT) {
            self.steps.push_back(Step::Epochs);
        }
        let transactions = self.files.keys().filter_map(|name| offset_of(name, TRANSACTION_INDEX_SUFFIX));
        self.steps.extend(transactions.map(Step::Transactions));
        if !self.snapshots.is_empty() {
            self.steps.push_back(Step::Snapshot);
        }
        if self.steps.is_empty() {
            self.plan_next_segment();
        }
    }

    fn take_transactions(&mut self, base: Offset, bytes: &Bytes) {
        if let Some(index) = TransactionIndex::decode(bytes, base) {
            self.transactions.insert(base, index);
            return;
        }
        // It is made anew of the batches, with the producer state as it was where they begin.
        let file = format!("{}/{base:020}{TRANSACTION_INDEX_SUFFIX}", self.directory_name).into();
        self.commands.push(StoreCommand::Replace { file, bytes: Bytes::new() });
        let later: Vec<Offset> = self.snapshots.keys().copied().filter(|&offset| offset > base).collect();
        for offset in later {
            self.remove_snapshot(offset);
        }
    }

    fn take_snapshot(&mut self, bytes: &Bytes) {
        let Some((&offset, _)) = self.snapshots.last_key_value() else { return };
        if let Some(producers) = ProducerStateManager::decode(bytes) {
            self.producers = producers;
            self.producers_at = offset;
            if let Some(snapshot) = self.snapshots.get_mut(&offset) {
                snapshot.bytes = Some(bytes.clone());
            }
            return;
        }
        self.remove_snapshot(offset);
        if !self.snapshots.is_empty() {
            self.steps.push_front(Step::Snapshot);
        }
    }

    /// Begins with the oldest segment that waits.
    fn plan_next_segment(&mut self) {
        let Some((&base, _)) = self.waiting.first_key_value() else { return };
        if self.segments.is_empty() {
            self.scan_from = if self.epochs.is_some() { self.producers_at } else { base };
        }
        let is_active = self.waiting.len() == 1;
        // The segment that holds an offset is the one before the next that begins at or below it.
        let next = self.waiting.keys().nth(1).copied();
        let is_read = next.is_none_or(|next| next > self.scan_from);
        let has_indexes = INDEX_SUFFIXES.iter().all(|suffix| self.length(base, suffix).is_some());
        if has_indexes && !is_active && !is_read {
            self.steps.extend([Step::Index(base), Step::TimeIndex(base)]);
        } else {
            self.begin_scan(base);
        }
    }

    fn begin_scan(&mut self, base: Offset) {
        self.steps.clear();
        let mut segment = LogSegment::new(&self.directory_name, base, self.now.wall_ms);
        // What ended before the producer snapshot is not found again.
        segment.transactions = self.transactions.get(&base).cloned().unwrap_or_default();
        segment.transactions.keep_below(self.producers_at);
        self.segments.push(segment);
        self.scanned = 0;
        self.needed = 0;
        self.next_offset = base;
        self.steps.push_back(Step::Scan(base));
    }

    fn take_index(&mut self, base: Offset, bytes: &Bytes) {
        match OffsetIndex::decode(bytes, self.waiting.get(&base).copied().unwrap_or_default()) {
            Some(index) => self.offset_index = index,
            None => self.begin_scan(base),
        }
    }

    fn take_time_index(&mut self, base: Offset, bytes: &Bytes) {
        let Some(time_index) = TimeIndex::decode(bytes) else { return self.begin_scan(base) };
        let length = self.waiting.remove(&base).unwrap_or_default();
        let offset_index = core::mem::take(&mut self.offset_index);
        let mut segment = LogSegment::new(&self.directory_name, base, self.now.wall_ms);
        // A chunk begins where an index entry says that a batch does. The entry has that batch's last offset; as the chunk's
        // first one it is a bound, which is all that a search needs.
        let (mut start, mut first) = (0, base);
        for &(relative, position) in offset_index.entries() {
            if u64::from(position) >= start + CHUNK_BYTES as u64 {
                segment.cache.push_cold(first, u64::from(position) - start);
                (start, first) = (u64::from(position), base + i64::from(relative));
            }
        }
        if length > start {
            segment.cache.push_cold(first, length - start);
        }
        segment.set_indexes(offset_index, time_index);
        segment.transactions = self.transactions.get(&base).cloned().unwrap_or_default();
        self.segments.push(segment);
    }

    /// Checks the batches of a slice.
    fn scan(&mut self, base: Offset, bytes: &Bytes) {
        let length = self.waiting.get(&base).copied().unwrap_or_default();
        let at_end = self.scanned + bytes.len() as u64 >= length;
        let mut run_start = 0;
        let mut run_base = self.next_offset;
        let mut position = 0;
        let fault = loop {
            let rest = &bytes[position..];
            if rest.is_empty() {
                break false;
            }
            match self.checked(rest) {
                Ok(header) => {
                    if run_start == position {
                        run_base = header.base_offset;
                    }
                    self.note(&header, rest, self.scanned + position as u64);
                    position += header.size();
                    if position - run_start >= CHUNK_BYTES {
                        self.keep(run_base, &bytes[run_start..position]);
                        run_start = position;
                    }
                }
                Err(RecordError::Incomplete { .. }) if !at_end => {
                    // A corrupt length asks for no more than the file has.
                    self.needed = rest.first_chunk::<12>().map_or(SLICE, |head| {
                        let [.., a, b, c, d] = *head;
                        u64::from(u32::from_be_bytes([a, b, c, d])) + 12
                    });
                    break false;
                }
                Err(_) => break true,
            }
        };
        self.keep(run_base, &bytes[run_start..position]);
        self.scanned += position as u64;
        if fault {
            self.cut(base, length);
        } else if at_end {
            self.end_segment(base);
        } else {
            self.steps.push_front(Step::Scan(base));
        }
    }

    fn checked(&self, rest: &[u8]) -> Result<BatchHeader, RecordError> {
        let header = BatchHeader::parse(rest)?;
        header.check_crc(rest)?;
        if header.base_offset < self.next_offset || header.last_offset_delta < 0 {
            return Err(RecordError::InvalidRecord { index: 0, reason: "offsets do not ascend" });
        }
        Ok(header)
    }

    fn note(&mut self, header: &BatchHeader, bytes: &[u8], position: u64) {
        if let Some(segment) = self.segments.last_mut() {
            segment.note(header, position, &self.context.config);
        }
        let epochs = self.epochs.get_or_insert_default();
        if epochs.latest_epoch().is_none_or(|latest| header.partition_leader_epoch > latest) {
            epochs.assign(header.partition_leader_epoch, header.base_offset);
        }
        if header.base_offset >= self.producers_at
            && let Some(completed) = self.producers.update(header, bytes)
        {
            let last_stable_offset = self.producers.last_stable_offset(&completed);
            self.producers.complete(&completed);
            if let Some(segment) = self.segments.last_mut().filter(|_| completed.aborted) {
                segment.transactions.note(AbortedTransaction::new(&completed, last_stable_offset));
            }
        }
        self.next_offset = header.next_offset();
    }

    /// Keeps batches of the active segment in memory, and where those of others are.
    fn keep(&mut self, base_offset: Offset, run: &[u8]) {
        let is_active = self.waiting.len() == 1;
        let Some(segment) = self.segments.last_mut().filter(|_| !run.is_empty()) else { return };
        if is_active {
            segment.cache.push_warm(base_offset, Bytes::copy_from_slice(run), 0);
        } else {
            segment.cache.push_cold(base_offset, run.len() as u64);
        }
    }

    /// The segment ends with a batch that is not whole or not correct: it is cut there, and what follows it goes.
    fn cut(&mut self, base: Offset, length: u64) {
        self.report.discarded_bytes += length - self.scanned;
        if let Some(segment) = self.segments.last_mut() {
            segment.transactions.keep_below(self.next_offset);
        }
        let path = format!("{}/{base:020}.log", self.directory_name).into();
        self.commands.push(StoreCommand::Truncate { file: path, length: self.scanned });
        self.waiting.remove(&base);
        for name in INDEX_SUFFIXES.map(|suffix| format!("{base:020}{suffix}").into()) {
            if self.files.contains_key(&name) {
                self.delete(&name);
            }
        }
        for (later, bytes) in core::mem::take(&mut self.waiting) {
            self.report.discarded_bytes += bytes;
            let transactions = self.length(later, TRANSACTION_INDEX_SUFFIX).map(|_| TRANSACTION_INDEX_SUFFIX);
            for suffix in [".log", ".index", ".timeindex"].into_iter().chain(transactions) {
                self.delete(&format!("{later:020}{suffix}").into());
            }
        }
    }

    /// Brings the files of the transaction indexes into line with what was read.
    fn settle_transactions(&mut self, store: &mut StoreQueue) {
        for segment in &mut self.segments {
            let file = segment.path(TRANSACTION_INDEX_SUFFIX);
            let name = format!("{:020}{TRANSACTION_INDEX_SUFFIX}", segment.base_offset);
            let emptied = TransactionIndex::default();
            let stored = self.files.contains_key(name.as_str());
            let stored = stored.then(|| self.transactions.get(&segment.base_offset).unwrap_or(&emptied));
            segment.transactions.settle(stored, &file, store);
        }
    }

    /// A closed segment that was read because its indexes are missing gets them.
    fn end_segment(&mut self, base: Offset) {
        self.waiting.remove(&base);
        if self.waiting.is_empty() {
            return;
        }
        if let Some(segment) = self.segments.last_mut() {
            let mut indexes = StoreQueue::default();
            segment.cache.seal();
            segment.store_indexes(&mut indexes);
            self.commands.extend(indexes.take().map(|(_, commands)| commands).unwrap_or_default());
        }
    }

    fn whole(&self, name: FilePath) -> (FilePath, core::ops::Range<u64>) {
        let length = self.files.get(&name).copied().unwrap_or_default();
        (name, 0..length)
    }

    fn remove_snapshot(&mut self, offset: Offset) {
        self.snapshots.remove(&offset);
        self.delete(&format!("{offset:020}.snapshot").into());
    }

    /// Bytes of a segment's file; `None` where there is none.
    fn length(&self, base: Offset, suffix: &str) -> Option<u64> {
        self.files.get(format!("{base:020}{suffix}").as_str()).copied()
    }

    fn delete(&mut self, name: &FilePath) {
        self.files.remove(name);
        let file = format!("{}/{name}", self.directory_name).into();
        self.commands.push(StoreCommand::Delete { file });
    }
}

/// The offset in a file name of twenty digits and `suffix`.
fn offset_of(name: &str, suffix: &str) -> Option<Offset> {
    let digits = name.strip_suffix(suffix)?;
    (digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}
