//! [`Pass`]: one cleaning of one log, in turns.

use super::CleanerConfig;
use super::offset_map::OffsetMap;
use super::transactions::CleanedTransactions;
use crate::ids::{Offset, TopicPartition, Uuid};
use crate::log::cache::CHUNK_BYTES;
use crate::log::segment::{Cold, LogSegment};
use crate::log::storage::{FilePath, FileRange, StoreCommand, StoreQueue, Ticket};
use crate::log::unified_log::CleanableOffsets;
use crate::log::{AbortedTransaction, LogConfig, UnifiedLog};
use crate::record::compression::{Decompressor, MAX_UNCOMPRESSED};
use crate::record::{BatchHeader, Compression, RecordError, RecordView};
use crate::time::Now;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

/// What the name of a file ends with that is being written.
const CLEANED_SUFFIX: &str = ".log.cleaned";

/// So much of a group stays in memory; the rest is loaded when somebody reads it, as of any closed segment.
const WARM_BYTES: u64 = 4 << 20;

/// Why a pass cannot go on now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::log) enum Stop {
    /// This range has to be loaded first.
    Cold(FileRange),
    /// A batch cannot be read. The log is not cleaned until the next start, as in Kafka.
    Damaged,
}

impl From<Cold> for Stop {
    fn from(cold: Cold) -> Self {
        Self::Cold(cold.0)
    }
}

impl From<RecordError> for Stop {
    fn from(_: RecordError) -> Self {
        Self::Damaged
    }
}

/// One cleaning of one log.
#[derive(Clone, Debug)]
pub(in crate::log) struct Pass {
    partition: TopicPartition,
    /// What the log was when the pass began.
    topic_id: Uuid,
    directory_name: FilePath,
    directory: usize,
    cuts: u64,
    first_dirty: Offset,
    /// A segment begins here that is not cleaned.
    first_uncleanable: Offset,
    begun_ms: i64,
    map: OffsetMap,
    transactions: CleanedTransactions,
    /// The segment that is read, where in it, and as much of the batch there as is unpacked.
    base: Offset,
    position: u64,
    unpacking: Option<(Decompressor, Vec<u8>)>,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    /// Keys of the dirty section are remembered.
    Map,
    /// Segments are copied: the groups to come, by base offsets, the present one first; its segments to come; what is written.
    Clean { groups: VecDeque<Vec<Offset>>, rest: VecDeque<Offset>, cleaned: Option<Box<Cleaned>> },
}

/// A group of segments as far as it is cleaned.
#[derive(Clone, Debug)]
struct Cleaned {
    segment: LogSegment,
    file: FilePath,
    /// What comes behind what is in the segment's cache, and the offset where that begins.
    pending: Vec<u8>,
    pending_base: Offset,
    transactions: Vec<AbortedTransaction>,
}

impl Cleaned {
    fn new(log: &UnifiedLog, group: &[Offset], store: &mut StoreQueue) -> Option<Self> {
        let (first, last) = (log.segment(*group.first()?)?, log.segment(*group.last()?)?);
        let segment = LogSegment::new(log.directory_name(), first.base_offset, last.created_ms);
        let file = segment.path(CLEANED_SUFFIX);
        store.push(StoreCommand::Replace { file: file.clone(), bytes: Bytes::new() });
        Some(Self { segment, file, pending: Vec::new(), pending_base: 0, transactions: Vec::new() })
    }

    fn put(&mut self, batch: &[u8], config: &LogConfig) -> Result<(), Stop> {
        let header = BatchHeader::parse(batch)?;
        if self.pending.is_empty() {
            self.pending_base = header.base_offset;
        }
        self.segment.note(&header, self.segment.size() + self.pending.len() as u64, config);
        self.pending.extend_from_slice(batch);
        Ok(())
    }

    /// Hands over what is pending; the ticket with which it is stored.
    fn flush(&mut self, store: &mut StoreQueue) -> Option<Ticket> {
        if self.pending.is_empty() {
            return None;
        }
        let bytes = Bytes::from(core::mem::take(&mut self.pending));
        let cache = &mut self.segment.cache;
        if cache.size() < WARM_BYTES {
            // Used longest ago: nobody has asked for it yet.
            cache.push_warm(self.pending_base, bytes.clone(), 0);
        } else {
            cache.push_cold(self.pending_base, bytes.len() as u64);
        }
        Some(store.append(&self.file, bytes))
    }
}

/// What becomes of a batch.
enum Kept {
    Nothing,
    Unchanged,
    Changed(Vec<u8>),
}

/// What a turn did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::log) struct Turn {
    /// The pass is over.
    pub(in crate::log) is_done: bool,
    /// Segments of the log were replaced.
    pub(in crate::log) replaced: bool,
    /// The next turn begins once this is stored.
    pub(in crate::log) awaits: Option<Ticket>,
}

impl Pass {
    /// Begins to clean `log` where `offsets` say.
    pub(in crate::log) fn new(now: Now, log: &UnifiedLog, offsets: &CleanableOffsets, config: &CleanerConfig) -> Self {
        let mut transactions = CleanedTransactions::default();
        transactions.add(log.aborted_between(offsets.first_dirty, offsets.first_uncleanable));
        let first = log.segment_holding(offsets.first_dirty);
        Self {
            partition: log.topic_partition().clone(),
            topic_id: log.topic_id(),
            directory_name: log.directory_name().clone(),
            directory: log.directory(),
            cuts: log.cuts(),
            first_dirty: offsets.first_dirty,
            first_uncleanable: offsets.first_uncleanable,
            begun_ms: now.wall_ms,
            map: OffsetMap::new(config.buffer_bytes, offsets.first_dirty - 1),
            transactions,
            base: first.base_offset,
            position: first.position_before(offsets.first_dirty),
            unpacking: None,
            stage: Stage::Map,
        }
    }

    /// Which log it cleans.
    pub(in crate::log) const fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// Index of its log directory.
    pub(in crate::log) const fn directory(&self) -> usize {
        self.directory
    }

    /// The log is what it was when the pass began, but for appends, and is to be cleaned.
    pub(in crate::log) fn is_of(&self, log: &UnifiedLog) -> bool {
        log.config().compact
            && log.topic_id() == self.topic_id
            && log.directory() == self.directory
            && *log.directory_name() == self.directory_name
            && log.cuts() == self.cuts
    }

    /// Where the next pass begins, once this one is over.
    pub(in crate::log) const fn end_offset(&self) -> Offset {
        self.map.latest_offset() + 1
    }

    /// It got further than the last.
    pub(in crate::log) const fn has_progress(&self) -> bool {
        self.end_offset() > self.first_dirty
    }

    /// Gives it up: deletes what was not finished.
    pub(in crate::log) fn abort(self, store: &mut StoreQueue) {
        if let Stage::Clean { cleaned: Some(cleaned), .. } = self.stage {
            store.push(StoreCommand::Delete { file: cleaned.file });
        }
    }

    /// A turn, as far as `budget` bytes go.
    ///
    /// # Errors
    /// Why it cannot go on now.
    pub(in crate::log) fn go_on(
        &mut self,
        log: &mut UnifiedLog,
        budget: &mut usize,
        store: &mut StoreQueue,
    ) -> Result<Turn, Stop> {
        if !matches!(self.stage, Stage::Map) {
            return self.clean_on(log, budget, store);
        }
        if self.map_on(log, budget)? {
            self.begin_cleaning(log);
        } else {
            log.release_before(self.base, self.position);
        }
        Ok(Turn::default())
    }

    /// Remembers keys; true once all of the section are, or no more fit.
    fn map_on(&mut self, log: &mut UnifiedLog, budget: &mut usize) -> Result<bool, Stop> {
        while *budget > 0 {
            let segment = log.segment(self.base).ok_or(Stop::Damaged)?;
            if self.position >= segment.size() {
                // Behind its last batch there may be a gap.
                log.release_before(self.base, self.position);
                let next = log.next_base(self.base);
                self.map.update_latest_offset(next.min(self.first_uncleanable) - 1);
                if next >= self.first_uncleanable {
                    return Ok(true);
                }
                (self.base, self.position) = (next, 0);
                continue;
            }
            let chunk = segment.chunk_at(self.position)?;
            let mut rest: &[u8] = &chunk;
            while !rest.is_empty() && *budget > 0 {
                let header = BatchHeader::parse(rest)?;
                let Some(records) = self.unpack(&header, rest, budget)? else { return Ok(false) };
                if !self.map_batch(&header, rest, &records)? {
                    return Ok(true);
                }
                self.position += header.size() as u64;
                rest = rest.get(header.size()..).unwrap_or_default();
            }
        }
        Ok(false)
    }

    /// Remembers the keys of a batch; false where they do not fit.
    fn map_batch(&mut self, header: &BatchHeader, bytes: &[u8], records: &[u8]) -> Result<bool, Stop> {
        if header.is_control() {
            self.transactions.on_control(header, bytes, None);
        } else if !self.transactions.on_batch(header) {
            for record in header.views(records) {
                let record = record?;
                let offset = offset_of(header, &record);
                if let Some(key) = record.key.filter(|_| offset >= self.first_dirty)
                    && !self.map.put(key, offset)
                {
                    return Ok(false);
                }
            }
        }
        if header.last_offset() >= self.first_dirty {
            self.map.update_latest_offset(header.last_offset());
        }
        Ok(true)
    }

    fn begin_cleaning(&mut self, log: &UnifiedLog) {
        let groups = log.group_segments(self.end_offset(), self.first_uncleanable);
        self.transactions = CleanedTransactions::default();
        self.unpacking = None;
        self.stage = Stage::Clean { groups, rest: VecDeque::new(), cleaned: None };
    }

    /// Copies on.
    fn clean_on(&mut self, log: &mut UnifiedLog, budget: &mut usize, store: &mut StoreQueue) -> Result<Turn, Stop> {
        let mut turn = Turn::default();
        let stage = core::mem::replace(&mut self.stage, Stage::Map);
        let Stage::Clean { mut groups, mut rest, mut cleaned } = stage else { return Ok(turn) };
        let result = self.clean_groups(log, budget, store, (&mut groups, &mut rest, &mut cleaned), &mut turn);
        self.stage = Stage::Clean { groups, rest, cleaned };
        result.map(|()| turn)
    }

    fn clean_groups(
        &mut self,
        log: &mut UnifiedLog,
        budget: &mut usize,
        store: &mut StoreQueue,
        (groups, rest, cleaned): (&mut VecDeque<Vec<Offset>>, &mut VecDeque<Offset>, &mut Option<Box<Cleaned>>),
        turn: &mut Turn,
    ) -> Result<(), Stop> {
        while *budget > 0 {
            let Some(group) = groups.front() else {
                turn.is_done = true;
                return Ok(());
            };
            let output = if let Some(output) = cleaned {
                output
            } else {
                rest.extend(group);
                self.begin_segment(log, rest);
                cleaned.insert(Box::new(Cleaned::new(log, group, store).ok_or(Stop::Damaged)?))
            };
            let segment = log.segment(self.base).ok_or(Stop::Damaged)?;
            if self.position < segment.size() {
                let chunk = segment.chunk_at(self.position)?;
                self.clean_chunk(log, &chunk, budget, output)?;
                log.release_before(self.base, self.position);
                if output.pending.len() >= CHUNK_BYTES {
                    // The next turn has to wait for it: storing may be slower than cleaning.
                    turn.awaits = output.flush(store);
                    return Ok(());
                }
            } else if !self.begin_segment(log, rest) {
                output.flush(store);
                if let Some(done) = cleaned.take() {
                    let Cleaned { mut segment, file, transactions, .. } = *done;
                    segment.cache.seal();
                    log.replace_segments(segment, &transactions, group, file, store);
                }
                groups.pop_front();
                turn.replaced = true;
                turn.is_done = groups.is_empty();
                return Ok(());
            }
        }
        Ok(())
    }

    /// Goes on to the next segment of a group; false where there is none.
    fn begin_segment(&mut self, log: &UnifiedLog, rest: &mut VecDeque<Offset>) -> bool {
        let Some(base) = rest.pop_front() else { return false };
        (self.base, self.position) = (base, 0);
        // Of all that overlap the segment, for its transaction index is made anew.
        self.transactions.add(log.aborted_between(base, log.next_base(base)));
        true
    }

    fn clean_chunk(
        &mut self,
        log: &UnifiedLog,
        chunk: &[u8],
        budget: &mut usize,
        output: &mut Cleaned,
    ) -> Result<(), Stop> {
        let mut rest = chunk;
        while !rest.is_empty() && *budget > 0 && output.pending.len() < CHUNK_BYTES {
            let header = BatchHeader::parse(rest)?;
            let (batch, after) = rest.split_at_checked(header.size()).ok_or(Stop::Damaged)?;
            let Some(records) = self.unpack(&header, batch, budget)? else { return Ok(()) };
            match self.filter(log, &header, batch, &records, &mut output.transactions)? {
                Kept::Nothing => {}
                Kept::Unchanged => output.put(batch, log.config())?,
                Kept::Changed(changed) => {
                    *budget = budget.saturating_sub(changed.len());
                    output.put(&changed, log.config())?;
                }
            }
            self.position += header.size() as u64;
            rest = after;
        }
        Ok(())
    }

    /// What is to stay of a batch.
    fn filter(
        &mut self,
        log: &UnifiedLog,
        header: &BatchHeader,
        batch: &[u8],
        records: &[u8],
        kept_transactions: &mut Vec<AbortedTransaction>,
    ) -> Result<Kept, Stop> {
        let is_control = header.is_control();
        let is_past_horizon = header.delete_horizon_ms().is_some_and(|horizon| horizon <= self.begun_ms);
        // A marker is kept for a while after the last of its transaction is gone, for readers that are on their way to it.
        let can_discard = if is_control {
            self.transactions.on_control(header, batch, Some(kept_transactions))
        } else {
            self.transactions.on_batch(header)
        };
        let discards = can_discard && (!is_control || is_past_horizon);
        // The first keeps sequence and epoch of the producer known, the other where the log goes on.
        let stays_empty = log.is_last_of_producer(header) || header.next_offset() == self.first_uncleanable;
        if discards && !stays_empty {
            return Ok(Kept::Nothing);
        }
        let mut retained = Vec::new();
        let mut has_tombstones = false;
        for record in header.views(records).take_while(|_| !discards) {
            let record = record?;
            if is_control || self.retains(header, &record, is_past_horizon) {
                has_tombstones |= record.value.is_none();
                retained.push(record);
            }
        }
        if retained.is_empty() {
            return Ok(if stays_empty { Kept::Changed(header.emptied(batch)) } else { Kept::Nothing });
        }
        let begins_horizon = (has_tombstones || (can_discard && is_control)) && header.delete_horizon_ms().is_none();
        if retained.len() as i64 == i64::from(header.records_count) && !begins_horizon {
            return Ok(Kept::Unchanged);
        }
        let begun = self.begun_ms.saturating_add(log.config().delete_retention_ms);
        let horizon = if begins_horizon { Some(begun) } else { header.delete_horizon_ms() };
        Ok(Kept::Changed(header.retain(batch, &retained, horizon)?))
    }

    /// A record is the last of its key, and no tombstone whose time is over; or it is behind what the map has.
    fn retains(&self, header: &BatchHeader, record: &RecordView<'_>, is_past_horizon: bool) -> bool {
        let offset = offset_of(header, record);
        if offset > self.map.latest_offset() {
            return true;
        }
        let Some(key) = record.key else { return false };
        self.map.get(key).is_none_or(|last| offset >= last) && (record.value.is_some() || !is_past_horizon)
    }

    /// The records of a batch, uncompressed; `None` where the budget is used up before.
    fn unpack<'a>(
        &mut self,
        header: &BatchHeader,
        bytes: &'a [u8],
        budget: &mut usize,
    ) -> Result<Option<Cow<'a, [u8]>>, Stop> {
        let section = header.section(bytes)?;
        let codec = header.compression()?;
        if codec == Compression::None {
            *budget = budget.saturating_sub(header.size());
            return Ok(Some(Cow::Borrowed(section)));
        }
        let (mut decompressor, mut records) =
            self.unpacking.take().unwrap_or_else(|| (Decompressor::new(codec), Vec::new()));
        while *budget > 0 {
            match decompressor.piece(section, &mut records, MAX_UNCOMPRESSED)? {
                Some(count) => *budget = budget.saturating_sub(count.max(1)),
                None => return Ok(Some(Cow::Owned(records))),
            }
        }
        self.unpacking = Some((decompressor, records));
        Ok(None)
    }
}

const fn offset_of(header: &BatchHeader, record: &RecordView<'_>) -> Offset {
    header.base_offset.saturating_add(record.offset_delta as i64)
}
