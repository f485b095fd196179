//! What a page may know of a broker's replicas.

use super::ReplicaManager;
use crate::ids::{LeaderEpoch, NodeId, Offset, TopicPartition};
use crate::log::UnifiedLog;
use crate::replication::partition::Partition;
use crate::text::Str;
use crate::time::{Duration, Instant};
use alloc::vec::Vec;

/// One replica as its broker sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionView {
    /// Which partition.
    pub partition: TopicPartition,
    /// This broker leads it.
    pub is_leader: bool,
    /// The leader; -1 for none.
    pub leader: NodeId,
    /// Its epoch.
    pub leader_epoch: LeaderEpoch,
    /// The ISR as this broker knows it.
    pub in_sync_replicas: Vec<NodeId>,
    /// The ISR asked for, while an answer is awaited.
    pub proposed_isr: Option<Vec<NodeId>>,
    /// Its log directory failed.
    pub offline: bool,
    /// First offset that can be read.
    pub log_start_offset: Offset,
    /// Everything below is committed.
    pub high_watermark: Offset,
    /// Offset the next record gets.
    pub log_end_offset: Offset,
    /// Everything below is stored.
    pub recovery_point: Offset,
    /// Bytes of the log.
    pub size: u64,
    /// Its records, without the markers of transactions; `None` where that is not known.
    pub records: Option<u64>,
    /// The followers, where this broker leads.
    pub followers: Vec<FollowerView>,
}

/// A follower as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowerView {
    /// The broker.
    pub broker: NodeId,
    /// Its log end offset; -1 before its first fetch.
    pub log_end_offset: Offset,
    /// Records it lacks.
    pub lag: Offset,
    /// Time since it had everything; `None` where it never had.
    pub behind_for: Option<Duration>,
}

impl ReplicaManager {
    /// All replicas of this broker, by partition.
    pub fn view(&self, now: Instant) -> Vec<PartitionView> {
        self.partitions.keys().filter_map(|partition| self.partition_view(now, partition)).collect()
    }

    /// Every replica of this broker and its log, without those whose directory failed.
    pub(crate) fn hosted_logs(&self) -> impl Iterator<Item = (&Partition, &UnifiedLog)> {
        (self.partitions.iter())
            .filter(|(_, hosted)| !hosted.offline)
            .filter_map(|(name, hosted)| Some((&hosted.partition, self.logs.log(name)?)))
    }

    /// The replicas that move, or are in another log directory than metadata says.
    pub(crate) fn misplaced(&self) -> Vec<TopicPartition> {
        let assigned = |partition: &Partition| {
            let topic = self.image.topics.partition(partition.topic_id, partition.topic_partition.partition);
            topic.map(|registration| registration.directory(self.config.broker))
        };
        let is_misplaced = |(partition, log): &(&Partition, &UnifiedLog)| {
            self.logs.future(&partition.topic_partition).is_some()
                || self.config.directory_ids.get(log.directory()).copied() != assigned(partition)
        };
        self.hosted_logs().filter(is_misplaced).map(|(partition, _)| partition.topic_partition.clone()).collect()
    }

    /// One replica.
    pub fn partition_view(&self, now: Instant, partition: &TopicPartition) -> Option<PartitionView> {
        let hosted = self.partitions.get(partition)?;
        let log = self.logs.log(partition);
        let leadership = hosted.partition.leadership();
        let log_end_offset = log.map_or(-1, crate::log::UnifiedLog::log_end_offset);
        let followers = leadership.into_iter().flat_map(|leadership| &leadership.remote_replicas);
        Some(PartitionView {
            partition: partition.clone(),
            is_leader: hosted.partition.is_leader(),
            leader: hosted.partition.assignment.leader,
            leader_epoch: hosted.partition.assignment.leader_epoch,
            in_sync_replicas: hosted.partition.in_sync_replicas().to_vec(),
            proposed_isr: leadership
                .filter(|leadership| leadership.state.pending().is_some())
                .map(|leadership| leadership.state.proposed_isr()),
            offline: hosted.offline,
            log_start_offset: log.map_or(-1, crate::log::UnifiedLog::log_start_offset),
            high_watermark: log.map_or(-1, crate::log::UnifiedLog::high_watermark),
            log_end_offset,
            recovery_point: log.map_or(-1, crate::log::UnifiedLog::recovery_point),
            size: log.map_or(0, crate::log::UnifiedLog::size),
            records: log.and_then(crate::log::UnifiedLog::records),
            followers: followers
                .map(|(&broker, state)| FollowerView {
                    broker,
                    log_end_offset: state.log_end_offset,
                    lag: log_end_offset - state.log_end_offset.max(0),
                    behind_for: state.last_caught_up_time.map(|then| now.since(then)),
                })
                .collect(),
        })
    }

    /// Size and offset lag of every replica by log directory, for `DescribeLogDirs`.
    pub fn log_directories(&self) -> Vec<LogDirectoryView> {
        let mut directories = Vec::new();
        while let Some((path, online)) = self.logs.directory(directories.len()) {
            let index = directories.len();
            let view = |(partition, log): (&TopicPartition, &UnifiedLog), is_future| {
                let current = self.logs.log(partition);
                // Kafka's lags: of a future replica how far it is behind the current one, of a current one how far its end
                // is behind what it knows to be committed; -1 where there is no current one.
                let offset_lag = current.map_or(-1, |current| {
                    let end = log.log_end_offset();
                    if is_future { current.log_end_offset() - end } else { (current.high_watermark() - end).max(0) }
                });
                ReplicaView { partition: partition.clone(), size: log.size(), offset_lag, is_future }
            };
            let is_here = |log: &UnifiedLog| log.directory() == index;
            let current = self.logs.logs().filter(|(_, log)| is_here(log)).map(|replica| view(replica, false));
            let future = self.logs.futures().filter(|(_, log)| is_here(log)).map(|replica| view(replica, true));
            directories.push(LogDirectoryView {
                path: path.clone(),
                online,
                cordoned: self.logs.is_cordoned(index),
                replicas: current.chain(future).collect(),
            });
        }
        directories
    }
}

/// A log directory and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDirectoryView {
    /// Its path.
    pub path: Str,
    /// It did not fail.
    pub online: bool,
    /// It takes nothing new (KIP-1066).
    pub cordoned: bool,
    /// Its replicas, the current ones first.
    pub replicas: Vec<ReplicaView>,
}

/// A replica in a log directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaView {
    /// Of which partition.
    pub partition: TopicPartition,
    /// Bytes of its log.
    pub size: u64,
    /// How many offsets it is behind, as `DescribeLogDirs` tells it.
    pub offset_lag: Offset,
    /// It is to take the place of the current one.
    pub is_future: bool,
}
