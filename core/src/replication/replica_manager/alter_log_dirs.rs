//! Moving replicas between the log directories of this broker (KIP-113, KIP-858): what Kafka's `ReplicaManager.alterReplicaLogDirs`
//! decides and its `ReplicaAlterLogDirsThread` carries out.
//!
//! A future log is filled from the current one, a piece at a time. Once it has all of it the controller is told of its
//! directory; once that is committed, and it has caught up again, it takes the current log's place. A move that ends after the
//! controller was told, and before that, tells it of the current log's directory again.

use super::storage::LoadPurpose;
use super::{Output, ReplicaManager, store_of};
use crate::event::Event;
use crate::ids::{Offset, TopicPartition};
use crate::log::Cold;
use crate::log::log_manager::{Copied, CopyError, future_directory_name_length, newness};
use crate::log::storage::StoreQueue;
use crate::metadata::LocalPartition;
use crate::protocol::ErrorCode;
use crate::protocol::messages::alter_replica_log_dirs_response::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult,
};
use crate::protocol::messages::{
    AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse, AssignReplicasToDirsResponse,
};
use crate::replication::RequestFailed;
use crate::replication::replica_fetcher::truncation_for;
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::vec::Vec;

/// The most that is copied between two inputs (`replica.fetch.max.bytes`): a slice of work, which no client feels.
const COPY_BYTES: usize = 1024 * 1024;
/// Copied batches that may be on their way to storage; more would only fill memory.
const MAX_UNSTORED: usize = 4;
/// Bytes of a directory's name that file systems take.
const MAX_DIRECTORY_NAME: usize = 255;
/// The rate that moves keep, in bytes a second.
const RATE: &str = "replica.alter.log.dirs.io.max.bytes.per.second";
/// How long a move pauses after what should not happen (`replica.fetch.backoff.ms`).
const BACKOFF: Duration = Duration::from_secs(1);

/// How far the controller knows of a future log (Kafka's `ReassignmentState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Promotion {
    /// It was not told.
    None,
    /// It is being told.
    Queued,
    /// The new directory is committed.
    Accepted,
}

/// A partition whose log moves. The logs themselves are the log manager's.
#[derive(Clone, Debug)]
struct LogDirMove {
    promotion: Promotion,
    /// The future log may have what the current one has not; cut it before it is filled on.
    diverged: bool,
    /// The current log was cut to here meanwhile.
    truncated_to: Option<Offset>,
    /// Bytes are being loaded.
    is_loading: bool,
    retry_at: Option<Instant>,
}

/// All moves.
#[derive(Clone, Debug, Default)]
pub(super) struct LogDirMoves {
    moves: SortedMap<TopicPartition, LogDirMove>,
    /// The partition that was copied last; the next one comes first.
    last: Option<TopicPartition>,
    /// The rate allows the next piece from here on.
    not_before: Option<Instant>,
}

impl LogDirMoves {
    fn begin(&mut self, partition: &TopicPartition) {
        self.moves.insert(
            partition.clone(),
            LogDirMove {
                promotion: Promotion::None,
                diverged: true,
                truncated_to: None,
                is_loading: false,
                retry_at: None,
            },
        );
    }

    /// The current log was cut: its move's future log follows before anything else (Kafka's `markPartitionsForTruncation`).
    pub(super) fn current_truncated(&mut self, partition: &TopicPartition, offset: Offset) {
        if let Some(one) = self.moves.get_mut(partition) {
            one.diverged = true;
            one.truncated_to = Some(one.truncated_to.map_or(offset, |before| before.min(offset)));
        }
    }

    /// What a move waited for is in memory.
    pub(super) fn loaded(&mut self, partition: &TopicPartition) {
        if let Some(one) = self.moves.get_mut(partition) {
            one.is_loading = false;
        }
    }

    /// What a move waited for cannot be had now.
    pub(super) fn retry_later(&mut self, now: Now, partition: &TopicPartition) {
        if let Some(one) = self.moves.get_mut(partition) {
            one.is_loading = false;
            one.retry_at = Some(now.monotonic + BACKOFF);
        }
    }

    /// The partitions that move, the one after the last first.
    fn in_turn(&self) -> Vec<TopicPartition> {
        let (before, after): (Vec<_>, Vec<_>) =
            self.moves.keys().cloned().partition(|one| self.last.as_ref() >= Some(one));
        after.into_iter().chain(before).collect()
    }
}

impl ReplicaManager {
    /// Begins to move replicas to other log directories, or ends moves. A replica that is not there yet will be created where
    /// it was asked for; the answer for it is `REPLICA_NOT_AVAILABLE` all the same.
    pub fn alter_replica_log_dirs(
        &mut self,
        now: Now,
        stores: &mut [StoreQueue],
        request: &AlterReplicaLogDirsRequest,
    ) -> AlterReplicaLogDirsResponse {
        // Named twice, the last one counts.
        let mut wanted: SortedMap<TopicPartition, &Str> = SortedMap::new();
        for directory in &request.dirs {
            for topic in &directory.topics {
                for &index in &topic.partitions {
                    wanted.insert(TopicPartition::new(topic.name.clone(), index), &directory.path);
                }
            }
        }
        let mut topics: SortedMap<Str, Vec<AlterReplicaLogDirPartitionResult>> = SortedMap::new();
        for (partition, path) in wanted {
            let error = self.alter_replica_log_dir(now, stores, &partition, path).err().unwrap_or(ErrorCode::None);
            topics.entry(partition.topic).or_default().push(AlterReplicaLogDirPartitionResult {
                partition_index: partition.partition,
                error_code: error.code(),
            });
        }
        self.settle(now);
        let result = |(topic_name, partitions)| AlterReplicaLogDirTopicResult { topic_name, partitions };
        AlterReplicaLogDirsResponse { results: topics.into_iter().map(result).collect(), ..Default::default() }
    }

    fn alter_replica_log_dir(
        &mut self,
        now: Now,
        stores: &mut [StoreQueue],
        partition: &TopicPartition,
        path: &str,
    ) -> Result<(), ErrorCode> {
        if future_directory_name_length(partition) > MAX_DIRECTORY_NAME {
            return Err(ErrorCode::InvalidTopicException);
        }
        let directory = self.logs.directory_at(path).ok_or(ErrorCode::LogDirNotFound)?;
        if !self.logs.is_online(directory) {
            return Err(ErrorCode::KafkaStorageError);
        }
        if self.logs.is_cordoned(directory) {
            return Err(ErrorCode::InvalidReplicaAssignment);
        }
        if let Some(hosted) = self.partitions.get(partition) {
            if hosted.offline {
                return Err(ErrorCode::KafkaStorageError);
            }
            if self.logs.future(partition).is_some_and(|future| future.directory() != directory) {
                self.end_move(now, partition);
                self.logs.delete_future(partition, stores);
            }
        }
        self.logs.prefer_directory(partition, directory);
        let current = match self.hosted(partition) {
            Ok((_, log)) => log.directory(),
            Err(ErrorCode::NotLeaderOrFollower) => return Err(ErrorCode::ReplicaNotAvailable),
            Err(error) => return Err(error),
        };
        if current != directory && self.logs.future(partition).is_none() {
            let unique_id = self.rng.uuid();
            self.logs.create_future(now, partition, unique_id, directory, stores)?;
            self.moves.begin(partition);
        }
        Ok(())
    }

    /// The directory of this broker that metadata names for a replica.
    pub(super) fn assigned_directory(&self, local: &LocalPartition) -> Option<usize> {
        let assigned = local.registration.directory(self.config.broker);
        self.config.directory_ids.iter().position(|id| *id == assigned)
    }

    /// Brings the logs of a partition that a start found in line with its metadata. A future log in the directory that metadata
    /// names takes the current one's place: the broker ended between the two (Kafka's
    /// `LogManager.recoverAbandonedFutureLogs`). Where the current one has more, which Kafka does not look at, the move goes
    /// on instead.
    pub(super) fn recover_future(
        &mut self,
        partition: &TopicPartition,
        assigned: Option<usize>,
        stores: &mut [StoreQueue],
    ) {
        self.logs.settle_duplicates(partition, assigned, stores);
        let Some(future) = self.logs.future(partition) else { return };
        let is_assigned = assigned == Some(future.directory());
        let has_all = self.logs.log(partition).is_none_or(|current| newness(future) >= newness(current));
        if is_assigned && has_all {
            self.logs.replace_current_with_future(partition, stores);
        }
    }

    /// Goes on with a move that a start found under way.
    pub(super) fn resume_move(&mut self, partition: &TopicPartition) {
        let (current, future) = (self.logs.log(partition), self.logs.future(partition));
        if current.is_some_and(|current| future.is_some_and(|future| future.directory() != current.directory())) {
            self.moves.begin(partition);
        }
    }

    /// Tells the controller where a replica is, unless it knows, or the replica moves: then it is told, or knows, of where the
    /// replica will be, and that shall stay the last word.
    pub(super) fn notify_assigned_directory(&mut self, now: Now, local: &LocalPartition) {
        let promotion = self.moves.moves.get(&local.partition).map(|one| one.promotion);
        if promotion.is_some_and(|promotion| promotion != Promotion::None) {
            return;
        }
        let assigned = local.registration.directory(self.config.broker);
        let id_of = |log: Option<&crate::log::UnifiedLog>| {
            log.and_then(|log| self.config.directory_ids.get(log.directory()).copied())
        };
        let Some(current) = id_of(self.logs.log(&local.partition)) else { return };
        if current != assigned && id_of(self.logs.future(&local.partition)) != Some(assigned) {
            self.assignments.submit(now.monotonic, (local.topic_id, local.partition.partition), current);
        }
    }

    /// Forgets the move of a partition that is deleted.
    pub(super) fn forget_move(&mut self, partition: &TopicPartition) {
        self.moves.moves.remove(partition);
    }

    /// Ends a move. Where the controller may know of the new directory, from now or from before a start, it is told of the old
    /// one again.
    fn end_move(&mut self, now: Now, partition: &TopicPartition) {
        let Some(ended) = self.moves.moves.remove(partition) else { return };
        let Some(topic_id) = self.partitions.get(partition).map(|hosted| hosted.partition.topic_id) else { return };
        let Some(log) = self.logs.log(partition) else { return };
        let Some(&directory) = self.config.directory_ids.get(log.directory()) else { return };
        let registration = self.image.topics.partition(topic_id, partition.partition);
        let is_known = registration.is_some_and(|known| known.directory(self.config.broker) == directory);
        if ended.promotion != Promotion::None || !is_known {
            self.assignments.submit(now.monotonic, (topic_id, partition.partition), directory);
        }
    }

    /// A directory failed: what moves to it, or from it, moves no more.
    pub(super) fn end_moves_of_directory(&mut self, now: Now, directory: usize) {
        let is_there = |log: Option<&crate::log::UnifiedLog>| log.is_some_and(|log| log.directory() == directory);
        let ended: Vec<TopicPartition> = (self.moves.moves.keys())
            .filter(|partition| is_there(self.logs.log(partition)) || is_there(self.logs.future(partition)))
            .cloned()
            .collect();
        for partition in ended {
            self.end_move(now, &partition);
        }
    }

    /// The controller answered what it was told of directories.
    pub fn assign_replicas_to_dirs_response(
        &mut self,
        now: Now,
        request_id: u64,
        response: Result<AssignReplicasToDirsResponse, RequestFailed>,
    ) {
        for ((topic_id, index), directory) in self.assignments.response(now.monotonic, request_id, response) {
            let Some(name) = self.image.topics.name_of(topic_id) else { continue };
            let partition = TopicPartition { topic: name.clone(), partition: index };
            let future = self.logs.future(&partition).map(crate::log::UnifiedLog::directory);
            let is_future = future.and_then(|future| self.config.directory_ids.get(future)) == Some(&directory);
            if let Some(one) = self.moves.moves.get_mut(&partition).filter(|one| one.promotion == Promotion::Queued)
                && is_future
            {
                one.promotion = Promotion::Accepted;
            }
        }
        self.settle(now);
    }

    pub(super) fn send_assignments(&mut self, now: Now) {
        let (topics, broker) = (&self.image.topics, self.config.broker);
        let request_id = self.next_id;
        let request =
            self.assignments.next_request(now.monotonic, (broker, self.broker_epoch), request_id, |(id, index)| {
                topics.partition(id, index).is_some_and(|registration| registration.replicas.contains(&broker))
            });
        if let Some(request) = request {
            self.next_id += 1;
            self.outputs.push_back(Output::SendAssignReplicasToDirs { request_id, request });
        }
    }

    /// When [`Self::advance_moves`] has something to do that nothing else will wake it for.
    pub(super) fn next_copy(&self) -> Option<Instant> {
        let due = self.moves.moves.iter().filter_map(|(partition, one)| self.copy_due(partition, one)).min()?;
        Some(self.moves.not_before.map_or(due, |at| at.max(due)))
    }

    fn copy_due(&self, partition: &TopicPartition, one: &LogDirMove) -> Option<Instant> {
        let (current, future) = (self.logs.log(partition)?, self.logs.future(partition)?);
        if future.unstored_batches() >= MAX_UNSTORED {
            return None;
        }
        let is_behind = one.diverged || future.log_end_offset() != current.log_end_offset();
        let has_news = match one.promotion {
            Promotion::Queued => is_behind,
            Promotion::None | Promotion::Accepted => is_behind || !self.logs.is_being_replaced(partition),
        };
        (has_news && !one.is_loading).then(|| one.retry_at.unwrap_or(Instant::ZERO))
    }

    /// Copies on, and lets future logs that have caught up take their places.
    pub(super) fn advance_moves(&mut self, now: Now, stores: &mut [StoreQueue]) {
        if self.moves.moves.is_empty() || self.moves.not_before.is_some_and(|at| at > now.monotonic) {
            return;
        }
        self.moves.not_before = None;
        let rate = self.alter_log_dirs_rate();
        let mut budget = rate.map_or(COPY_BYTES, |rate| COPY_BYTES.min(usize::try_from(rate).unwrap_or(COPY_BYTES)));
        for partition in self.moves.in_turn() {
            let copied = self.advance_move(now, stores, &partition, budget);
            budget = budget.saturating_sub(copied);
            if let Some(rate) = rate.filter(|_| copied > 0) {
                let pause = Duration::from_micros((copied as u64).saturating_mul(1_000_000) / rate.max(1));
                let from = self.moves.not_before.unwrap_or(now.monotonic);
                self.moves.not_before = Some(from + pause);
            }
            if copied > 0 {
                self.moves.last = Some(partition);
            }
            if budget == 0 {
                break;
            }
        }
    }

    /// The rate of this broker, in bytes a second; `None` where there is no limit.
    fn alter_log_dirs_rate(&self) -> Option<u64> {
        let value = self.image.configs.broker_value(self.config.broker, RATE)?;
        value.parse::<i64>().ok().and_then(|rate| u64::try_from(rate).ok())
    }

    /// One step of a move; answers how many bytes were copied.
    fn advance_move(
        &mut self,
        now: Now,
        stores: &mut [StoreQueue],
        partition: &TopicPartition,
        max_bytes: usize,
    ) -> usize {
        let is_full = self.logs.future(partition).is_some_and(|future| future.unstored_batches() >= MAX_UNSTORED);
        let Some(one) = self.moves.moves.get_mut(partition) else { return 0 };
        if is_full || one.is_loading || one.retry_at.is_some_and(|at| at > now.monotonic) {
            return 0;
        }
        one.retry_at = None;
        if one.diverged {
            let truncated_to = one.truncated_to;
            if let Err(Cold(range)) = self.truncate_future(now, stores, partition, truncated_to) {
                self.await_load(partition);
                self.load(partition.clone(), range, LoadPurpose::Future);
                return 0;
            }
            if let Some(one) = self.moves.moves.get_mut(partition) {
                one.diverged = false;
                one.truncated_to = None;
            }
        }
        match self.logs.copy_to_future(now, partition, max_bytes, stores) {
            Ok(Copied::Bytes(bytes)) => bytes,
            Ok(Copied::Everything) => {
                self.caught_up(now, stores, partition);
                0
            }
            Err(CopyError::Cold(range)) => {
                self.await_load(partition);
                self.load(partition.clone(), range, LoadPurpose::Copy);
                0
            }
            Err(CopyError::Refused(_)) => {
                self.moves.retry_later(now, partition);
                0
            }
        }
    }

    /// Cuts a future log to what it has in common with the current one: below `truncated_to`, where the current one was cut
    /// there, and by its leader epochs, as a follower is cut by its leader's.
    fn truncate_future(
        &mut self,
        now: Now,
        stores: &mut [StoreQueue],
        partition: &TopicPartition,
        truncated_to: Option<Offset>,
    ) -> Result<(), Cold> {
        let Some((current, future)) = self.logs.current_and_future(partition) else { return Ok(()) };
        let Ok(store) = store_of(stores, future.directory()) else { return Ok(()) };
        let end = current.log_end_offset();
        future.truncate_to(now, truncated_to.map_or(end, |offset| offset.min(end)), store)?;
        // Each round goes back by an epoch at least.
        for _ in 0..=future.leader_epoch_cache().entries().len() {
            if future.log_end_offset() == future.log_start_offset() {
                break;
            }
            let Some(epoch) = future.latest_epoch() else {
                return future.truncate_to(now, future.high_watermark(), store);
            };
            let known = current.end_offset_for_epoch(epoch);
            let known = (known.leader_epoch, known.end_offset);
            let truncation = truncation_for(known, future.log_end_offset(), future.high_watermark(), |epoch| {
                let end = future.end_offset_for_epoch(epoch);
                (end.leader_epoch, end.end_offset)
            });
            future.truncate_to(now, truncation.offset, store)?;
            if truncation.complete {
                break;
            }
        }
        Ok(())
    }

    fn await_load(&mut self, partition: &TopicPartition) {
        if let Some(one) = self.moves.moves.get_mut(partition) {
            one.is_loading = true;
        }
    }

    /// The future log has all that the current one has (Kafka's `maybePromoteFutureReplica`).
    fn caught_up(&mut self, now: Now, stores: &mut [StoreQueue], partition: &TopicPartition) {
        // Until the last move's new name is stored a crash goes back to before it, and metadata has to name the directory whose
        // log has what was committed since.
        if self.logs.is_being_replaced(partition) {
            return;
        }
        let Some(hosted) = self.partitions.get(partition) else { return };
        let topic_id = hosted.partition.topic_id;
        let directory = self.logs.future(partition).and_then(|log| self.config.directory_ids.get(log.directory()));
        let Some(one) = self.moves.moves.get_mut(partition) else { return };
        match (one.promotion, directory) {
            (Promotion::None, Some(&directory)) => {
                one.promotion = Promotion::Queued;
                self.assignments.submit(now.monotonic, (topic_id, partition.partition), directory);
            }
            (Promotion::Queued, Some(_)) => {}
            _ => self.promote_future(stores, partition),
        }
    }

    /// The future log takes the current one's place.
    fn promote_future(&mut self, stores: &mut [StoreQueue], partition: &TopicPartition) {
        self.moves.moves.remove(partition);
        let path = |manager: &Self| {
            let directory = manager.logs.log(partition).and_then(|log| manager.logs.directory(log.directory()));
            directory.map(|(path, _)| path.clone()).unwrap_or_default()
        };
        let from = path(self);
        self.logs.replace_current_with_future(partition, stores);
        let to = path(self);
        if from != to {
            self.outputs.push_back(Output::Event(Event::ReplicaMoved { partition: partition.clone(), from, to }));
        }
        self.supersede_loads(partition);
        let (Some(hosted), Some(log)) = (self.partitions.get(partition), self.logs.log(partition)) else { return };
        // A follower that waited for the other directory waits for this one, or no more.
        let is_stored = hosted.settings.counted_offset(log) >= log.log_end_offset();
        if let Some(fetcher) = self.fetcher_of(partition) {
            if is_stored {
                fetcher.stored(partition);
            } else {
                fetcher.await_stored(partition.clone());
            }
        }
        self.touch(partition);
    }
}
