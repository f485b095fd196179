//! [`UnifiedLog`]: the log of one partition on one node.

mod append;
mod change;
mod clean;
mod read;
mod tail;
#[cfg(test)]
mod tests;

use super::checkpoint::encode_partition_metadata;
use super::leader_epoch_cache::{EpochEndOffset, LEADER_EPOCH_CHECKPOINT, LeaderEpochCache};
use super::log_config::LogConfig;
use super::producer_state::ProducerStateManager;
use super::segment::LogSegment;
use super::storage::{FilePath, StoreCommand, StoreQueue, Ticket};
use super::verification::{VerificationGuard, Verifications};
use crate::ids::{LeaderEpoch, Offset, ProducerId, TopicPartition, Uuid};
use crate::protocol::ErrorCode;
use crate::sorted::SortedMap;
use crate::time::Now;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;
use bytes::Bytes;

pub use append::{AppendError, AppendInfo, AppendOrigin};
pub use change::DeletedSegments;
pub(super) use clean::CleanableOffsets;
pub use read::Read;
pub use tail::{SeenRecord, TailMemory};

/// Name of the file with the topic id in a partition's directory.
pub const PARTITION_METADATA: &str = "partition.metadata";

/// A producer snapshot there is a file of.
#[derive(Clone, Debug)]
pub(super) struct SnapshotFile {
    pub(super) length: u64,
    /// `None` until it is loaded.
    pub(super) bytes: Option<Bytes>,
}

/// The log of one partition: segments, the last of them active, and the offsets that say what of it counts.
///
/// **Architecture Invariant:** `log_start_offset <= high_watermark <= log_end_offset` and
/// `recovery_point <= log_end_offset`; everything below the recovery point is stored.
#[derive(Clone, Debug)]
pub struct UnifiedLog {
    topic_partition: TopicPartition,
    topic_id: Uuid,
    /// Index of its log directory.
    directory: usize,
    /// Name of its directory below that, `topic-partition` once it is the partition's current log.
    directory_name: FilePath,
    pub(super) config: LogConfig,
    /// Ascending; never empty.
    pub(super) segments: Vec<LogSegment>,
    log_start_offset: Offset,
    log_end_offset: Offset,
    high_watermark: Offset,
    recovery_point: Offset,
    epochs: LeaderEpochCache,
    producers: ProducerStateManager,
    verifications: Verifications,
    snapshots: SortedMap<Offset, SnapshotFile>,
    /// What was handed to storage and is not answered yet: ticket and the end of what is stored with it.
    unstored: VecDeque<(Ticket, Offset)>,
    use_clock: u64,
    cleaner_checkpoint: Option<Offset>,
    cuts: u64,
    /// Log start or high watermark went back, so what the checkpoint files of its directory say is wrong.
    checkpoints_stale: bool,
}

/// What recovery found out about a log, from which a [`UnifiedLog`] is made.
#[derive(Clone, Debug)]
pub(super) struct LoadedLog {
    pub(super) segments: Vec<LogSegment>,
    pub(super) log_start_offset: Offset,
    pub(super) log_end_offset: Offset,
    pub(super) high_watermark: Offset,
    pub(super) epochs: LeaderEpochCache,
    pub(super) producers: ProducerStateManager,
    pub(super) snapshots: SortedMap<Offset, SnapshotFile>,
}

impl UnifiedLog {
    /// A new log that begins at `start_offset`; its files are created. `topic_id` is [`Uuid::ZERO`] where it has none.
    pub fn create(
        topic_partition: TopicPartition,
        topic_id: Uuid,
        directory: usize,
        config: LogConfig,
        start_offset: Offset,
        now: Now,
        store: &mut StoreQueue,
    ) -> Self {
        let name = FilePath::from(format!("{topic_partition}"));
        Self::create_in(name, topic_partition, topic_id, directory, config, start_offset, now, store)
    }

    /// The same in a directory of another name, for a log that is to take the place of one.
    pub(super) fn create_in(
        directory_name: FilePath,
        topic_partition: TopicPartition,
        topic_id: Uuid,
        directory: usize,
        config: LogConfig,
        start_offset: Offset,
        now: Now,
        store: &mut StoreQueue,
    ) -> Self {
        let segment = LogSegment::new(&directory_name, start_offset, now.wall_ms);
        let loaded = LoadedLog {
            segments: alloc::vec![segment],
            log_start_offset: start_offset,
            log_end_offset: start_offset,
            high_watermark: start_offset,
            epochs: LeaderEpochCache::default(),
            producers: ProducerStateManager::default(),
            snapshots: SortedMap::new(),
        };
        let log = Self::from_loaded(topic_partition, topic_id, (directory, directory_name), config, loaded);
        if topic_id != Uuid::ZERO {
            let bytes = encode_partition_metadata(topic_id);
            store.push(StoreCommand::Replace { file: log.path(PARTITION_METADATA), bytes });
        }
        log.active().create_files(store);
        log.store_epochs(store);
        log
    }

    /// A log as recovery found it in a log directory, under a name; all of it is stored.
    pub(super) fn from_loaded(
        topic_partition: TopicPartition,
        topic_id: Uuid,
        (directory, directory_name): (usize, FilePath),
        config: LogConfig,
        loaded: LoadedLog,
    ) -> Self {
        let mut log = Self {
            directory_name,
            topic_partition,
            topic_id,
            directory,
            config,
            segments: loaded.segments,
            log_start_offset: loaded.log_start_offset,
            log_end_offset: loaded.log_end_offset,
            high_watermark: loaded.high_watermark.clamp(loaded.log_start_offset, loaded.log_end_offset),
            recovery_point: loaded.log_end_offset,
            epochs: loaded.epochs,
            producers: loaded.producers,
            verifications: Verifications::default(),
            snapshots: loaded.snapshots,
            unstored: VecDeque::new(),
            use_clock: 0,
            cleaner_checkpoint: None,
            cuts: 0,
            checkpoints_stale: false,
        };
        log.producers.high_watermark_advanced(log.high_watermark);
        log
    }

    /// Which partition.
    pub const fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// Id of its topic; [`Uuid::ZERO`] where it has none.
    pub const fn topic_id(&self) -> Uuid {
        self.topic_id
    }

    /// Index of its log directory.
    pub const fn directory(&self) -> usize {
        self.directory
    }

    /// Name of its own directory below the log directory.
    pub const fn directory_name(&self) -> &FilePath {
        &self.directory_name
    }

    /// Its configs.
    pub const fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Changes its configs; they hold from the next append, roll or retention on.
    pub fn update_config(&mut self, config: LogConfig) {
        self.config = config;
    }

    /// First offset that can be read.
    pub const fn log_start_offset(&self) -> Offset {
        self.log_start_offset
    }

    /// Offset the next record gets.
    pub const fn log_end_offset(&self) -> Offset {
        self.log_end_offset
    }

    /// Its records, without the markers of transactions, which take offsets as well; `None` where that is not known without
    /// reading it all.
    pub fn records(&self) -> Option<u64> {
        self.segments.iter().map(|segment| segment.records_from(self.log_start_offset)).sum()
    }

    /// Everything below is committed.
    pub const fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// What a `read_committed` consumer may read: up to the high watermark, and before the first transaction that is open or whose
    /// end is not replicated.
    pub fn last_stable_offset(&self) -> Offset {
        let unstable = self.producers.first_unstable_offset();
        // A transaction whose first records are deleted is unstable from the log start on.
        unstable.map_or(self.high_watermark, |first| first.max(self.log_start_offset).min(self.high_watermark))
    }

    /// Everything below is stored.
    pub const fn recovery_point(&self) -> Offset {
        self.recovery_point
    }

    /// Raises the high watermark, never above the log end offset; answers whether it moved.
    pub fn maybe_increment_high_watermark(&mut self, offset: Offset) -> bool {
        let raised = offset.min(self.log_end_offset);
        let moved = raised > self.high_watermark;
        self.high_watermark = self.high_watermark.max(raised);
        if moved {
            self.producers.high_watermark_advanced(self.high_watermark);
        }
        moved
    }

    /// Where its leader epochs begin.
    pub const fn leader_epoch_cache(&self) -> &LeaderEpochCache {
        &self.epochs
    }

    /// The latest leader epoch that wrote to it, or was assigned.
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.latest_epoch()
    }

    /// Where `leader_epoch` ends in this log.
    pub fn end_offset_for_epoch(&self, leader_epoch: LeaderEpoch) -> EpochEndOffset {
        self.epochs.end_offset_for(leader_epoch, self.log_end_offset)
    }

    /// Notes that `leader_epoch` begins at `start_offset`: a new leader does so at its log end offset.
    pub fn assign_epoch_start_offset(
        &mut self,
        leader_epoch: LeaderEpoch,
        start_offset: Offset,
        store: &mut StoreQueue,
    ) {
        if self.epochs.assign(leader_epoch, start_offset) {
            self.store_epochs(store);
        }
    }

    /// Begins to verify a producer's transaction, with the guard `fresh`, or goes on with what was begun; `None` where it has a
    /// transaction open in this epoch, which needs no verification. The guard is for [`Self::append_transactional`].
    ///
    /// # Errors
    /// `INVALID_PRODUCER_EPOCH` where a newer epoch was seen.
    pub fn start_verification(
        &mut self,
        now: Now,
        producer_id: ProducerId,
        epoch_and_sequence: (i16, i32),
        supports_epoch_bump: bool,
        fresh: VerificationGuard,
    ) -> Result<Option<VerificationGuard>, ErrorCode> {
        let epoch = epoch_and_sequence.0;
        if self.producers.epoch_of(producer_id).is_some_and(|known| epoch < known) {
            return Err(ErrorCode::InvalidProducerEpoch);
        }
        if self.producers.has_ongoing_transaction(producer_id, epoch) {
            return Ok(None);
        }
        let now_ms = now.wall_ms;
        Ok(Some(self.verifications.start(producer_id, epoch_and_sequence, supports_epoch_bump, now_ms, fresh)))
    }

    /// What it knows of idempotent producers.
    pub const fn producer_state(&self) -> &ProducerStateManager {
        &self.producers
    }

    /// Forgets producers that wrote nothing for `producer.id.expiration.ms`.
    pub fn expire_producers(&mut self, now: Now) {
        self.producers.expire(now.wall_ms, self.config.producer_id_expiration_ms);
        self.verifications.expire(now.wall_ms, self.config.producer_id_expiration_ms);
    }

    /// The batch `ticket` of its directory is stored, and all before it. Answers whether the recovery point moved.
    pub fn stored(&mut self, ticket: Ticket) -> bool {
        let before = self.recovery_point;
        while let Some(&(first, end)) = self.unstored.front() {
            if first > ticket {
                break;
            }
            self.recovery_point = self.recovery_point.max(end);
            self.unstored.pop_front();
        }
        self.recovery_point != before
    }

    /// How many batches with appends of it are on their way to storage.
    pub fn unstored_batches(&self) -> usize {
        self.unstored.len()
    }

    /// Bytes of all its segments.
    pub fn size(&self) -> u64 {
        self.segments.iter().map(LogSegment::size).sum()
    }

    /// Bytes of it in memory.
    pub fn warm_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.cache.warm_bytes()).sum()
    }

    /// Its segments: base offset and size in bytes, ascending.
    pub fn segments(&self) -> impl Iterator<Item = (Offset, u64)> + '_ {
        self.segments.iter().map(|segment| (segment.base_offset, segment.size()))
    }

    /// Sets the clock that orders uses of chunks over all logs of a node.
    pub fn set_use_clock(&mut self, use_clock: u64) {
        self.use_clock = use_clock;
    }

    /// True once after log start or high watermark went back.
    pub(super) fn take_checkpoints_stale(&mut self) -> bool {
        core::mem::take(&mut self.checkpoints_stale)
    }

    /// Path of a file of its directory.
    fn path(&self, name: &str) -> FilePath {
        format!("{}/{name}", self.directory_name).into()
    }

    fn active(&self) -> &LogSegment {
        // `segments` is never empty: it is made with one and every removal leaves one.
        &self.segments[self.segments.len() - 1]
    }

    fn active_mut(&mut self) -> &mut LogSegment {
        let last = self.segments.len() - 1;
        &mut self.segments[last]
    }

    /// Index of the segment that would hold `offset`; the first where it is below all.
    fn segment_of(&self, offset: Offset) -> usize {
        self.segments.partition_point(|segment| segment.base_offset <= offset).saturating_sub(1)
    }

    /// Remembers that with `ticket` everything up to `end` is stored.
    fn note_unstored(&mut self, ticket: Ticket, end: Offset) {
        match self.unstored.back_mut() {
            Some(last) if last.0 == ticket => last.1 = end,
            _ => self.unstored.push_back((ticket, end)),
        }
    }

    fn store_epochs(&self, store: &mut StoreQueue) {
        let bytes = Bytes::from(self.epochs.encode().into_bytes());
        store.push(StoreCommand::Replace { file: self.path(LEADER_EPOCH_CHECKPOINT), bytes });
    }
}
