//! Logs that move to another log directory of the node (KIP-113). A *future* log is filled beside the current one and takes
//! its place once it has all of it.
//!
//! The directories are stored apart, so nothing makes both halves of that step one: the future log's new name is stored in one,
//! the current log's end in the other. The log whose place was taken is deleted only after the new name is stored. A crash in
//! between leaves two current logs, where Kafka does not start any more; here the one that has more counts. A move that was
//! given up for another may leave two future logs; the one in the directory that the metadata names counts, for what it has may
//! be committed.

use super::super::storage::{FileRange, StoreQueue, Ticket};
use super::super::unified_log::{Read, UnifiedLog};
use super::LogManager;
use crate::ids::{LeaderEpoch, Offset, TopicPartition, Uuid};
use crate::protocol::ErrorCode;
use crate::sorted::SortedMap;
use crate::time::Now;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

/// How the name of a future log's directory ends.
pub(super) const FUTURE_SUFFIX: &str = "-future";

/// A log whose place was taken.
#[derive(Clone, Debug)]
pub(super) struct Replaced {
    log: UnifiedLog,
    until: Until,
}

/// When a log whose place was taken may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// This batch of the other log's directory is stored.
    Stored { directory: usize, ticket: Ticket },
    /// Now.
    Now,
    /// With its partition: the other log's directory failed, and what it stored is not known.
    Deleted,
}

/// What [`LogManager::copy_to_future`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copied {
    /// It copied so many bytes; there may be more.
    Bytes(usize),
    /// The future log has all that the current one has.
    Everything,
}

/// Why a future log is not filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyError {
    /// This range of the current log has to be loaded first.
    Cold(FileRange),
    /// A log is gone, or refuses.
    Refused(ErrorCode),
}

/// Bytes of the name of a future log's directory: `topic-partition.uniqueId-future` (Kafka's `LocalLog.logFutureDirName`).
pub fn future_directory_name_length(partition: &TopicPartition) -> usize {
    future_directory_name(partition, Uuid::ZERO).len()
}

fn future_directory_name(partition: &TopicPartition, unique_id: Uuid) -> alloc::string::String {
    format!("{partition}.{:032x}{FUTURE_SUFFIX}", unique_id.as_u128())
}

impl LogManager {
    /// The log that is to take the place of a partition's current one.
    pub fn future(&self, partition: &TopicPartition) -> Option<&UnifiedLog> {
        self.futures.get(partition)
    }

    /// The same, to change.
    pub fn future_mut(&mut self, partition: &TopicPartition) -> Option<&mut UnifiedLog> {
        self.futures.get_mut(partition)
    }

    /// All of them, by partition.
    pub fn futures(&self) -> impl Iterator<Item = (&TopicPartition, &UnifiedLog)> {
        self.futures.iter()
    }

    /// Current and future log of a partition that moves; a use of the current one.
    pub fn current_and_future(&mut self, partition: &TopicPartition) -> Option<(&mut UnifiedLog, &mut UnifiedLog)> {
        self.use_clock += 1;
        let (current, future) = (self.logs.get_mut(partition)?, self.futures.get_mut(partition)?);
        current.set_use_clock(self.use_clock);
        future.set_use_clock(self.use_clock);
        Some((current, future))
    }

    /// Index of the directory that `log.dirs` names so.
    pub fn directory_at(&self, path: &str) -> Option<usize> {
        self.directories.iter().position(|directory| directory.path == path)
    }

    /// Notes where a partition's log is to be created, unless one of its logs is there already (Kafka's
    /// `LogManager.maybeUpdatePreferredLogDir`). Nothing of it survives the node.
    pub fn prefer_directory(&mut self, partition: &TopicPartition, directory: usize) {
        let is_there = |log: Option<&UnifiedLog>| log.is_some_and(|log| log.directory() == directory);
        if !is_there(self.log(partition)) && !is_there(self.future(partition)) {
            self.preferred.insert(partition.clone(), directory);
        }
    }

    /// Creates the log that is to take the place of a partition's current one, in `directory`; `unique_id` is part of its
    /// name.
    ///
    /// # Errors
    /// `KAFKA_STORAGE_ERROR` where any directory is offline: the partition may have a future log there. `NOT_LEADER_OR_FOLLOWER`
    /// where there is no current log.
    pub fn create_future(
        &mut self,
        now: Now,
        partition: &TopicPartition,
        unique_id: Uuid,
        directory: usize,
        stores: &mut [StoreQueue],
    ) -> Result<(), ErrorCode> {
        if self.directories.iter().any(|directory| !directory.online) {
            return Err(ErrorCode::KafkaStorageError);
        }
        let current = self.logs.get(partition).ok_or(ErrorCode::NotLeaderOrFollower)?;
        let store = stores.get_mut(directory).ok_or(ErrorCode::KafkaStorageError)?;
        let (topic_id, config) = (current.topic_id(), current.config().clone());
        let name = future_directory_name(partition, unique_id).into();
        let start = current.log_start_offset();
        let future = UnifiedLog::create_in(name, partition.clone(), topic_id, directory, config, start, now, store);
        self.futures.insert(partition.clone(), future);
        self.preferred.remove(partition);
        Ok(())
    }

    /// Deletes the log that was to take a partition's place; answers whether there was one.
    pub fn delete_future(&mut self, partition: &TopicPartition, stores: &mut [StoreQueue]) -> bool {
        let Some(future) = self.futures.remove(partition) else { return false };
        if let Some(store) = stores.get_mut(future.directory()) {
            future.delete_files(store);
        }
        self.checkpoints_stale = true;
        true
    }

    /// True where a log of the partition waits for its end: until then no other may get its name.
    pub fn is_being_replaced(&self, partition: &TopicPartition) -> bool {
        self.replaced.iter().any(|replaced| replaced.log.topic_partition() == partition)
    }

    /// Copies whole batches to a future log from its end on, at least one and at most `max_bytes`; its high watermark and log
    /// start offset follow those of the current one.
    ///
    /// # Errors
    /// What has to be loaded first, or why it cannot be.
    pub fn copy_to_future(
        &mut self,
        now: Now,
        partition: &TopicPartition,
        max_bytes: usize,
        stores: &mut [StoreQueue],
    ) -> Result<Copied, CopyError> {
        let (current, future) =
            self.current_and_future(partition).ok_or(CopyError::Refused(ErrorCode::NotLeaderOrFollower))?;
        let store = stores.get_mut(future.directory()).ok_or(CopyError::Refused(ErrorCode::KafkaStorageError))?;
        let start = current.log_start_offset();
        if future.log_end_offset() < start {
            future.truncate_fully_and_start_at(now, start, store);
        }
        let (from, end) = (future.log_end_offset(), current.log_end_offset());
        let copied = if from < end {
            let read = current.read(from, max_bytes, end, true).map_err(CopyError::Refused)?;
            let records = match read {
                Read::Data { records } => records.to_bytes(),
                Read::Cold(range) => return Err(CopyError::Cold(range)),
            };
            future.start_with(now, &records, start, store);
            let appended = future.append_as_follower(now, &records, LeaderEpoch::MAX, store);
            appended.map_err(|refused| CopyError::Refused(refused.code))?;
            if future.log_end_offset() == from {
                return Err(CopyError::Refused(ErrorCode::CorruptMessage));
            }
            Copied::Bytes(records.len())
        } else {
            Copied::Everything
        };
        future.maybe_increment_high_watermark(current.high_watermark());
        let start = start.min(future.high_watermark());
        future.increment_log_start_offset(start, store).map_err(CopyError::Refused)?;
        Ok(copied)
    }

    /// Makes the future log of a partition the current one (Kafka's `LogManager.replaceCurrentWithFutureLog`). The current
    /// one, where there is one, is deleted once that is stored. Answers whether there was a future log.
    pub fn replace_current_with_future(&mut self, partition: &TopicPartition, stores: &mut [StoreQueue]) -> bool {
        let Some(mut future) = self.futures.remove(partition) else { return false };
        let directory = future.directory();
        if let Some(store) = stores.get_mut(directory) {
            if let Some(current) = self.logs.remove(partition) {
                let ticket = future.replace(&current, store);
                self.replaced.push(Replaced { log: current, until: Until::Stored { directory, ticket } });
            } else {
                future.rename(partition.to_string().into(), store);
            }
        }
        self.logs.insert(partition.clone(), future);
        self.checkpoints_stale = true;
        true
    }

    /// Deletes the logs of a partition that are of another topic than `topic_id`: one of the same name that was deleted while
    /// this broker was down, or the directory was that they are in. However new they are, nothing of them counts.
    pub fn delete_other_topics(&mut self, partition: &TopicPartition, topic_id: Uuid, stores: &mut [StoreQueue]) {
        let is_other = |log: &UnifiedLog| log.topic_partition() == partition && log.topic_id() != topic_id;
        let mut gone = Vec::new();
        if self.logs.get(partition).is_some_and(is_other) {
            self.delete_replaced(partition, stores);
            gone.extend(self.logs.remove(partition));
        }
        if self.futures.get(partition).is_some_and(is_other) {
            gone.extend(self.futures.remove(partition));
        }
        while let Some(index) = self.duplicates.iter().position(is_other) {
            gone.push(self.duplicates.swap_remove(index));
        }
        for log in gone {
            self.checkpoints_stale = true;
            if let Some(store) = stores.get_mut(log.directory()) {
                log.delete_files(store);
            }
        }
    }

    /// Decides between several logs of a partition that a crash left. Of current logs the newest counts, of equals the one in
    /// `directory`; of future logs the one in `directory`, else the newest. The others are deleted.
    pub fn settle_duplicates(
        &mut self,
        partition: &TopicPartition,
        directory: Option<usize>,
        stores: &mut [StoreQueue],
    ) {
        let is_there = |log: &UnifiedLog| directory == Some(log.directory());
        while let Some(index) = self.duplicates.iter().position(|log| log.topic_partition() == partition) {
            let other = self.duplicates.swap_remove(index);
            let is_future = is_future(&other);
            let logs = if is_future { &mut self.futures } else { &mut self.logs };
            let counts = logs.get(partition).is_none_or(|known| {
                if is_future && is_there(&other) != is_there(known) {
                    return is_there(&other);
                }
                (newness(&other), is_there(&other)) > (newness(known), is_there(known))
            });
            let gone = if counts { logs.insert(partition.clone(), other) } else { Some(other) };
            if let Some(gone) = gone
                && let Some(store) = stores.get_mut(gone.directory())
            {
                gone.delete_files(store);
            }
            self.checkpoints_stale = true;
        }
    }

    /// Partitions of more than one current log, or more than one future log.
    pub fn duplicates(&self) -> impl Iterator<Item = &TopicPartition> {
        self.duplicates.iter().map(UnifiedLog::topic_partition)
    }

    /// Takes a log that was loaded.
    pub(super) fn take_loaded(&mut self, log: UnifiedLog) {
        let logs = if is_future(&log) { &mut self.futures } else { &mut self.logs };
        if logs.contains_key(log.topic_partition()) {
            self.duplicates.push(log);
        } else {
            logs.insert(log.topic_partition().clone(), log);
        }
    }

    /// Everything of a directory that is still stored there, by partition.
    pub(super) fn in_directory(&self, directory: usize) -> SortedMap<&TopicPartition, &UnifiedLog> {
        let replaced = self.replaced.iter().map(|replaced| &replaced.log);
        let all = replaced.chain(&self.duplicates).chain(self.futures.values()).chain(self.logs.values());
        all.filter(|log| log.directory() == directory).map(|log| (log.topic_partition(), log)).collect()
    }

    /// A batch of a directory is stored.
    pub(super) fn stored_future(&mut self, stored_in: usize, up_to: Ticket) {
        for log in self.futures.values_mut().filter(|log| log.directory() == stored_in) {
            log.stored(up_to);
        }
        for replaced in &mut self.replaced {
            if let Until::Stored { directory, ticket } = replaced.until
                && directory == stored_in
                && ticket <= up_to
            {
                replaced.until = Until::Now;
            }
        }
    }

    /// Deletes the logs whose successors are stored.
    pub(super) fn delete_stored_replaced(&mut self, stores: &mut [StoreQueue]) {
        self.delete_replaced_where(stores, |replaced| replaced.until == Until::Now);
    }

    pub(super) fn delete_replaced(&mut self, partition: &TopicPartition, stores: &mut [StoreQueue]) {
        self.delete_replaced_where(stores, |replaced| replaced.log.topic_partition() == partition);
    }

    fn delete_replaced_where(&mut self, stores: &mut [StoreQueue], gone: impl Fn(&Replaced) -> bool) {
        for index in (0..self.replaced.len()).rev() {
            if self.replaced.get(index).is_some_and(&gone) {
                let Replaced { log, .. } = self.replaced.swap_remove(index);
                if let Some(store) = stores.get_mut(log.directory()) {
                    log.delete_files(store);
                }
                self.checkpoints_stale = true;
            }
        }
    }

    /// A directory failed.
    pub(super) fn forget_futures(&mut self, failed: usize) {
        self.futures.retain(|_, log| log.directory() != failed);
        self.duplicates.retain(|log| log.directory() != failed);
        self.replaced.retain(|replaced| replaced.log.directory() != failed);
        for replaced in &mut self.replaced {
            if matches!(replaced.until, Until::Stored { directory, .. } if directory == failed) {
                replaced.until = Until::Deleted;
            }
        }
    }
}

fn is_future(log: &UnifiedLog) -> bool {
    log.directory_name().ends_with(FUTURE_SUFFIX)
}

/// Orders logs of one partition: of a later leader epoch, then longer.
pub(crate) fn newness(log: &UnifiedLog) -> (Option<LeaderEpoch>, Offset) {
    (log.latest_epoch(), log.log_end_offset())
}
