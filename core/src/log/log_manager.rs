//! [`LogManager`]: all logs of all log directories of a node.

mod cleaning;
mod future;
mod loading;
#[cfg(test)]
mod tests;

use super::checkpoint::{
    CLEAN_SHUTDOWN, CLEANER_CHECKPOINT, HIGH_WATERMARK_CHECKPOINT, LOG_START_CHECKPOINT, RECOVERY_POINT_CHECKPOINT,
    encode_clean_shutdown, encode_offsets,
};
use super::cleaner::CleanerConfig;
use super::log_config::LogConfig;
use super::storage::{FileRange, LogDirectory, StoreCommand, StoreQueue, Ticket};
use super::unified_log::{DeletedSegments, UnifiedLog};
use crate::apart::apart;
use crate::event::Event;
use crate::ids::{Offset, TopicPartition, Uuid};
use crate::protocol::ErrorCode;
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use cleaning::Cleaning;
use future::Replaced;
use loading::Loading;

pub use cleaning::CleaningOutput;
pub(crate) use future::newness;
pub use future::{Copied, CopyError, future_directory_name_length};

/// Uses of logs between two looks at the memory budget.
const BUDGET_CHECK: u64 = 16;
/// How often recovery points and log start offsets are written (`log.flush.offset.checkpoint.interval.ms`).
const CHECKPOINT_INTERVAL: Duration = Duration::from_mins(1);
/// How often expired producer ids are looked for (`producer.id.expiration.check.interval.ms`).
const PRODUCER_EXPIRATION_INTERVAL: Duration = Duration::from_mins(10);

/// What a node's configs say of all its logs.
#[derive(Clone, Debug)]
pub struct LogManagerConfig {
    /// Configs of logs whose topic is not known yet.
    pub default_log: LogConfig,
    /// `log.retention.check.interval.ms`.
    pub retention_check_interval: Duration,
    /// `log.initial.task.delay.ms`.
    pub initial_task_delay: Duration,
    /// Bytes of all logs that may be in memory.
    pub memory_budget: u64,
    /// The cleaner of compacted logs.
    pub cleaner: CleanerConfig,
}

impl Default for LogManagerConfig {
    fn default() -> Self {
        Self {
            default_log: LogConfig::default(),
            retention_check_interval: Duration::from_mins(5),
            initial_task_delay: Duration::from_secs(30),
            memory_budget: 64 * 1024 * 1024,
            cleaner: CleanerConfig::default(),
        }
    }
}

/// One entry of `log.dirs`.
#[derive(Clone, Debug)]
struct Directory {
    path: Str,
    online: bool,
    /// Takes nothing new (KIP-1066).
    cordoned: bool,
}

/// A range to load while the logs are opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadRequest {
    /// To be given back with the bytes; counted by the manager, not the host's ticket.
    pub id: u64,
    /// Index of the directory.
    pub directory: usize,
    /// What to read.
    pub range: FileRange,
}

/// All logs of a node, by partition. Give it the node's directories, carry out [`LogManager::next_load`] until
/// [`LogManager::is_loaded`], then use it.
///
/// The store queues are the node's, one for each directory, in the order of `log.dirs`.
#[derive(Clone, Debug)]
pub struct LogManager {
    config: LogManagerConfig,
    directories: Vec<Directory>,
    logs: SortedMap<TopicPartition, UnifiedLog>,
    /// Logs that are to take the place of the current ones, in other directories.
    futures: SortedMap<TopicPartition, UnifiedLog>,
    /// Logs whose place was taken, until that is stored.
    replaced: Vec<Replaced>,
    /// More logs of partitions than one current and one future, after a crash; which count is known with the metadata.
    duplicates: Vec<UnifiedLog>,
    /// Where a log goes that is not there yet.
    preferred: SortedMap<TopicPartition, usize>,
    loading: Loading,
    cleaning: Cleaning,
    previous_broker_epoch: Option<i64>,
    use_clock: u64,
    budget_checked: u64,
    /// What the checkpoint files say is wrong: they are written with the next tick.
    checkpoints_stale: bool,
    next_retention: Instant,
    next_checkpoint: Instant,
    next_producer_expiration: Instant,
    events: VecDeque<Event>,
}

impl LogManager {
    /// Begins to open what `directories` hold.
    pub fn new(now: Now, config: LogManagerConfig, directories: &[LogDirectory]) -> Self {
        let online = directories.iter().map(|directory| Directory {
            path: directory.path.clone(),
            online: true,
            cordoned: false,
        });
        Self {
            directories: online.collect(),
            logs: SortedMap::new(),
            futures: SortedMap::new(),
            replaced: Vec::new(),
            duplicates: Vec::new(),
            preferred: SortedMap::new(),
            loading: Loading::new(directories),
            cleaning: Cleaning::new(now, config.cleaner),
            previous_broker_epoch: None,
            use_clock: 0,
            budget_checked: 0,
            checkpoints_stale: false,
            next_retention: now.monotonic + config.initial_task_delay,
            next_checkpoint: now.monotonic + config.initial_task_delay,
            next_producer_expiration: now.monotonic + PRODUCER_EXPIRATION_INTERVAL,
            events: VecDeque::new(),
            config,
        }
    }

    /// The broker epoch of the last clean shutdown; -1 where not every directory was left cleanly and in the same epoch.
    pub fn previous_broker_epoch(&self) -> i64 {
        self.previous_broker_epoch.filter(|_| self.loading.all_clean()).unwrap_or(-1)
    }

    /// A log.
    pub fn log(&self, partition: &TopicPartition) -> Option<&UnifiedLog> {
        self.logs.get(partition)
    }

    /// A log, to change or to read from; counts as a use for what is evicted first.
    pub fn log_mut(&mut self, partition: &TopicPartition) -> Option<&mut UnifiedLog> {
        let log = self.logs.get_mut(partition)?;
        self.use_clock += 1;
        log.set_use_clock(self.use_clock);
        Some(log)
    }

    /// All current logs, by partition.
    pub fn logs(&self) -> impl Iterator<Item = (&TopicPartition, &UnifiedLog)> {
        self.logs.iter()
    }

    /// Takes a log out, for an owner of its own (the KRaft log).
    pub fn take_log(&mut self, partition: &TopicPartition) -> Option<UnifiedLog> {
        self.logs.remove(partition)
    }

    /// The log of a partition. Where there is none yet it is created in the directory that was asked for
    /// ([`Self::prefer_directory`]), else in `directory`, else in the online one with the fewest logs.
    ///
    /// # Errors
    /// `KAFKA_STORAGE_ERROR` where no directory is online.
    pub fn log_or_create(
        &mut self,
        now: Now,
        partition: &TopicPartition,
        topic_id: Uuid,
        directory: Option<usize>,
        config: LogConfig,
        stores: &mut [StoreQueue],
    ) -> Result<&mut UnifiedLog, ErrorCode> {
        if !self.logs.contains_key(partition) {
            let directory = self.preferred.remove(partition).or(directory);
            let directory = directory.filter(|&index| self.is_online(index)).or_else(|| self.emptiest());
            let directory = directory.ok_or(ErrorCode::KafkaStorageError)?;
            let store = stores.get_mut(directory).ok_or(ErrorCode::KafkaStorageError)?;
            let log = UnifiedLog::create(partition.clone(), topic_id, directory, config, 0, now, store);
            self.logs.insert(partition.clone(), log);
        }
        self.log_mut(partition).ok_or(ErrorCode::KafkaStorageError)
    }

    /// Deletes a log, the one that was to take its place, and their files; answers whether there was one.
    pub fn delete_log(&mut self, partition: &TopicPartition, stores: &mut [StoreQueue]) -> bool {
        self.delete_future(partition, stores);
        self.delete_replaced(partition, stores);
        let Some(log) = self.logs.remove(partition) else { return false };
        if let Some(store) = stores.get_mut(log.directory()) {
            log.delete_files(store);
        }
        // A topic of the same name must not begin with the offsets of this one.
        self.checkpoints_stale = true;
        true
    }

    /// Path of a directory, and whether it is online.
    pub fn directory(&self, index: usize) -> Option<(&Str, bool)> {
        self.directories.get(index).map(|directory| (&directory.path, directory.online))
    }

    /// True where the directory did not fail.
    pub fn is_online(&self, index: usize) -> bool {
        self.directories.get(index).is_some_and(|directory| directory.online)
    }

    /// True where some directory failed.
    pub fn has_offline_directory(&self) -> bool {
        self.directories.iter().any(|directory| !directory.online)
    }

    /// Lets these directories, and no others, take nothing new (`cordoned.log.dirs`, KIP-1066).
    pub fn cordon(&mut self, paths: &[Str]) {
        for directory in &mut self.directories {
            directory.cordoned = paths.contains(&directory.path);
        }
    }

    /// False for a directory that takes new logs.
    pub fn is_cordoned(&self, index: usize) -> bool {
        self.directories.get(index).is_some_and(|directory| directory.cordoned)
    }

    /// A batch of a directory is stored; answers the partitions whose recovery point moved.
    pub fn stored(&mut self, directory: usize, ticket: Ticket) -> Vec<TopicPartition> {
        let mut moved = Vec::new();
        for (partition, log) in &mut self.logs {
            if log.directory() == directory && log.stored(ticket) {
                moved.push(partition.clone());
            }
        }
        self.stored_future(directory, ticket);
        self.stored_cleaned(directory, ticket);
        moved
    }

    /// A directory failed: it goes offline and its logs are gone until the next start. Answers them.
    pub fn store_failed(&mut self, directory: usize) -> Vec<TopicPartition> {
        let Some(failed) = self.directories.get_mut(directory).filter(|failed| failed.online) else {
            return Vec::new();
        };
        failed.online = false;
        self.events.push_back(Event::LogDirectoryOffline { path: failed.path.clone() });
        let of_directory = self.logs.iter().filter(|(_, log)| log.directory() == directory);
        let lost: Vec<TopicPartition> = of_directory.map(|(partition, _)| partition.clone()).collect();
        for partition in &lost {
            self.logs.remove(partition);
        }
        self.forget_futures(directory);
        self.loading.forget(directory);
        lost
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Self::tick`] has something to do.
    pub fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        if !self.is_loaded() {
            return None;
        }
        [
            (self.next_retention, "log retention"),
            (self.next_checkpoint, "log checkpoint"),
            (self.next_producer_expiration, "producer id expiration"),
        ]
        .into_iter()
        .chain(self.next_cleaning().map(|at| (at, "log cleaner")))
        .min_by_key(|&(at, _)| at)
    }

    /// Does what is due: retention, checkpoints, expiration; and frees memory. To be called after every input and before
    /// what was queued is taken, so that a checkpoint that became wrong is replaced together with what made it so.
    pub fn tick(&mut self, now: Now, stores: &mut [StoreQueue]) {
        self.enforce_budget(now.monotonic);
        if !self.is_loaded() {
            return;
        }
        self.delete_stored_replaced(stores);
        for log in self.logs.values_mut().chain(self.futures.values_mut()) {
            self.checkpoints_stale |= log.take_checkpoints_stale();
        }
        if core::mem::take(&mut self.checkpoints_stale) {
            self.checkpoint_high_watermarks(stores);
            self.checkpoint_log_offsets(stores);
            self.checkpoint_cleaned(stores);
        }
        if self.next_retention <= now.monotonic {
            self.next_retention = now.monotonic + self.config.retention_check_interval;
            self.delete_old_segments(now, false, stores);
        }
        if self.is_cleaning_due(now.monotonic) {
            apart(|| self.clean(now, stores));
        }
        if self.next_checkpoint <= now.monotonic {
            self.next_checkpoint = now.monotonic + CHECKPOINT_INTERVAL;
            self.checkpoint_log_offsets(stores);
        }
        if self.next_producer_expiration <= now.monotonic {
            self.next_producer_expiration = now.monotonic + PRODUCER_EXPIRATION_INTERVAL;
            for log in self.logs.values_mut().chain(self.futures.values_mut()) {
                log.expire_producers(now);
            }
        }
    }

    /// Deletes what retention does not keep, of compacted logs or of the others: the cleaner does it for its own.
    fn delete_old_segments(&mut self, now: Now, compacted: bool, stores: &mut [StoreQueue]) {
        let all = self.logs.values_mut().chain(self.futures.values_mut());
        for log in all.filter(|log| log.config().compact == compacted) {
            let Some(store) = stores.get_mut(log.directory()) else { continue };
            for DeletedSegments { cause, segments, bytes } in log.delete_retention(now, store) {
                self.events.push_back(Event::SegmentsDeleted {
                    partition: log.topic_partition().clone(),
                    segments,
                    bytes,
                    log_start_offset: log.log_start_offset(),
                    cause,
                });
            }
        }
    }

    /// Writes `replication-offset-checkpoint` of each directory (every `replica.high.watermark.checkpoint.interval.ms`).
    pub fn checkpoint_high_watermarks(&self, stores: &mut [StoreQueue]) {
        self.checkpoint(HIGH_WATERMARK_CHECKPOINT, stores, |log| Some(log.high_watermark()));
    }

    /// Writes `recovery-point-offset-checkpoint` and `log-start-offset-checkpoint` of each directory.
    pub fn checkpoint_log_offsets(&self, stores: &mut [StoreQueue]) {
        self.checkpoint(RECOVERY_POINT_CHECKPOINT, stores, |log| Some(log.recovery_point()));
        self.checkpoint(LOG_START_CHECKPOINT, stores, |log| {
            // Kafka writes only those that the first segment's name does not tell.
            let first = log.segments().next().map_or(0, |(base, _)| base);
            Some(log.log_start_offset()).filter(|&start| start > first)
        });
    }

    /// Leaves everything in order: checkpoints, indexes, producer snapshots, and last the marker that says so.
    pub fn shut_down(&mut self, broker_epoch: i64, stores: &mut [StoreQueue]) {
        if !self.is_loaded() {
            return;
        }
        self.abort_cleaning(stores);
        for log in self.logs.values_mut().chain(self.futures.values_mut()) {
            if let Some(store) = stores.get_mut(log.directory()) {
                log.close(store);
            }
        }
        self.checkpoint_high_watermarks(stores);
        self.checkpoint_log_offsets(stores);
        for (directory, store) in self.directories.iter().zip(stores) {
            if directory.online {
                let bytes = encode_clean_shutdown(broker_epoch);
                store.push(StoreCommand::Replace { file: CLEAN_SHUTDOWN.into(), bytes });
            }
        }
    }

    /// Bytes of all logs in memory.
    pub fn warm_bytes(&self) -> u64 {
        self.logs.values().chain(self.futures.values()).map(UnifiedLog::warm_bytes).sum()
    }

    /// Drops the chunks used longest ago until the logs fit the budget, or nothing more may go.
    fn enforce_budget(&mut self, now: Instant) {
        if self.use_clock < self.budget_checked + BUDGET_CHECK {
            return;
        }
        self.budget_checked = self.use_clock;
        let mut warm = self.warm_bytes();
        while warm > self.config.memory_budget {
            let all = self.logs.values_mut().chain(self.futures.values_mut());
            let oldest = all.filter_map(|log| Some((log.coldest(now)?, log)));
            let Some((last_used, log)) = oldest.min_by_key(|&(last_used, _)| last_used) else { break };
            let freed = log.evict(last_used, now);
            if freed == 0 {
                break;
            }
            warm -= freed;
        }
    }

    fn checkpoint(
        &self,
        file: &'static str,
        stores: &mut [StoreQueue],
        offset: impl Fn(&UnifiedLog) -> Option<Offset>,
    ) {
        for (index, (directory, store)) in self.directories.iter().zip(stores).enumerate() {
            if !directory.online {
                continue;
            }
            let of_directory = self.in_directory(index);
            let bytes =
                encode_offsets(of_directory.iter().filter_map(|(partition, log)| Some((*partition, offset(log)?))));
            store.push(StoreCommand::Replace { file: Str::from_static(file), bytes });
        }
    }

    /// The online directory with the fewest logs, of those that are not cordoned if there are some; the first of equals.
    fn emptiest(&self) -> Option<usize> {
        let is_open = |directory: &Directory| directory.online && !directory.cordoned;
        let none_is_open = !self.directories.iter().any(is_open);
        let online = self.directories.iter().enumerate();
        let online = online.filter(|(_, directory)| is_open(directory) || directory.online && none_is_open);
        online
            .map(|(index, _)| index)
            .min_by_key(|&index| self.logs.values().filter(|log| log.directory() == index).count())
    }
}
