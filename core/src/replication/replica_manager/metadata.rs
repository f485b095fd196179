//! What a change of the cluster's metadata makes of this broker's replicas.

use super::{Hosted, Output, ReplicaManager, store_of};
use crate::ids::{CLUSTER_METADATA_TOPIC, NO_NODE, NodeId, TopicPartition, Uuid};
use crate::log::cleaner::CleanerConfig;
use crate::log::storage::StoreQueue;
use crate::metadata::{ConfigResourceType, DIRECTORY_UNASSIGNED, LocalPartition, MetadataDelta, MetadataImage};
use crate::replication::partition::{Assignment, BrokerStanding, Partition};
use crate::replication::replica_fetcher::{FetchState, ReplicaFetcher};
use crate::sorted::SortedSet;
use crate::time::Now;
use alloc::vec::Vec;

impl ReplicaManager {
    /// Takes over new metadata: deletes, leads and follows as `delta` says; `image` is the image after it.
    ///
    /// The first call after a start has to bring everything up to the present in one delta, as Kafka's loader does:
    /// a broker that lived through its past again would lead partitions it no longer leads.
    pub fn apply(&mut self, now: Now, stores: &mut [StoreQueue], delta: &MetadataDelta, image: &MetadataImage) {
        self.image = image.clone();
        if !delta.changes().brokers.is_empty() {
            self.take_standings();
        }
        // Before new replicas look for their places.
        if delta.changes().configs.iter().any(|resource| resource.kind == ConfigResourceType::Broker) {
            let config = self.config.in_image(image);
            self.logs.cordon(&config.cordoned_log_dirs);
            self.logs.set_cleaner_config(CleanerConfig::new(&config.log));
        }
        let changes = delta.local_changes(self.config.broker);
        for (partition, topic_id) in &changes.deletes {
            self.delete_replica(stores, partition, *topic_id);
        }
        for local in &changes.leaders {
            self.become_leader(now, stores, local);
        }
        for local in &changes.followers {
            self.become_follower(now, stores, local);
        }
        self.take_configs(now, delta);
        self.quotas.update(image);
        if !delta.changes().brokers.is_empty() {
            // A fenced follower no longer holds a high watermark, nor a deletion.
            self.advance_all_led(now);
        }
        self.drop_idle_fetchers();
        self.settle(now);
    }

    /// Deletes the logs of replicas that metadata does not assign to this broker (any more). Only to be called once
    /// [`Self::apply`] brought metadata up to the present.
    pub fn delete_stray_logs(&mut self, stores: &mut [StoreQueue]) {
        let current = self.logs.logs().map(|(partition, _)| partition);
        let future = self.logs.futures().map(|(partition, _)| partition);
        let strays: Vec<TopicPartition> = current
            .chain(future)
            .chain(self.logs.duplicates())
            .filter(|partition| partition.topic != CLUSTER_METADATA_TOPIC && !self.partitions.contains_key(partition))
            .cloned()
            .collect();
        for partition in strays {
            self.logs.settle_duplicates(&partition, None, stores);
            self.logs.delete_log(&partition, stores);
        }
    }

    fn take_standings(&mut self) {
        self.brokers = self
            .image
            .cluster
            .brokers()
            .map(|broker| {
                let standing = BrokerStanding {
                    broker_epoch: broker.epoch,
                    fenced: broker.fenced,
                    in_controlled_shutdown: broker.in_controlled_shutdown,
                };
                (broker.id, standing)
            })
            .collect();
    }

    fn advance_all_led(&mut self, now: Now) {
        let led: Vec<TopicPartition> = self
            .partitions
            .values()
            .filter(|hosted| hosted.partition.is_leader())
            .map(|hosted| hosted.partition.topic_partition.clone())
            .collect();
        for partition in led {
            self.advance_high_watermark(now, &partition);
            self.touch(&partition);
        }
    }

    fn delete_replica(&mut self, stores: &mut [StoreQueue], partition: &TopicPartition, topic_id: Uuid) {
        // A topic deleted and made anew in one delta has another id by now.
        if self.partitions.get(partition).is_none_or(|hosted| hosted.partition.topic_id != topic_id) {
            return;
        }
        if let Some(hosted) = self.partitions.remove(partition)
            && hosted.partition.is_leader()
        {
            self.outputs.push_back(Output::StoppedLeading { partition: partition.clone(), leader_epoch: None });
        }
        self.stop_fetching(partition);
        self.alter_partitions.forget(partition);
        self.forget_move(partition);
        self.logs.delete_log(partition, stores);
        self.touch(partition);
    }

    fn become_leader(&mut self, now: Now, stores: &mut [StoreQueue], local: &LocalPartition) {
        let partition = &local.partition;
        if !self.host(now, stores, local) {
            return;
        }
        let Some(hosted) = self.partitions.get_mut(partition) else { return };
        let Some(log) = self.logs.log_mut(partition) else { return };
        let assignment = assignment(local);
        let leader_epoch = assignment.leader_epoch;
        let log_end_offset = log.log_end_offset();
        let Some(became) = hosted.partition.make_leader(now.monotonic, assignment, log_end_offset) else { return };
        if became.new_epoch
            && let Ok(store) = store_of(stores, log.directory())
        {
            log.assign_epoch_start_offset(leader_epoch, log_end_offset, store);
        }
        self.stop_fetching(partition);
        if became.new_leader || became.new_epoch {
            self.outputs.push_back(Output::BecameLeader { partition: partition.clone(), leader_epoch });
        }
        self.advance_high_watermark(now, partition);
        self.touch(partition);
    }

    fn become_follower(&mut self, now: Now, stores: &mut [StoreQueue], local: &LocalPartition) {
        let partition = &local.partition;
        if !self.host(now, stores, local) {
            return;
        }
        let Some(hosted) = self.partitions.get_mut(partition) else { return };
        let assignment = assignment(local);
        let (leader, leader_epoch) = (assignment.leader, assignment.leader_epoch);
        let Some(became) = hosted.partition.make_follower(assignment) else { return };
        if became.was_leader {
            self.alter_partitions.forget(partition);
            let leader_epoch = Some(leader_epoch);
            self.outputs.push_back(Output::StoppedLeading { partition: partition.clone(), leader_epoch });
        }
        if became.new_epoch {
            self.stop_fetching(partition);
            self.start_fetching(partition, leader);
        }
        self.touch(partition);
    }

    /// Sees to it that the partition and its log exist; false where its directory is offline.
    fn host(&mut self, now: Now, stores: &mut [StoreQueue], local: &LocalPartition) -> bool {
        let partition = &local.partition;
        if self.partitions.get(partition).is_some_and(|hosted| hosted.partition.topic_id != local.topic_id) {
            let old = self.partitions.get(partition).map(|hosted| hosted.partition.topic_id);
            self.delete_replica(stores, partition, old.unwrap_or_default());
        }
        if !self.partitions.contains_key(partition) {
            let settings = self.config.topic_settings(&self.image, &partition.topic);
            self.logs.delete_other_topics(partition, local.topic_id, stores);
            let assigned = self.assigned_directory(local);
            self.recover_future(partition, assigned, stores);
            let offline = self.is_in_offline_directory(local, assigned) || {
                let log =
                    self.logs.log_or_create(now, partition, local.topic_id, assigned, settings.log.clone(), stores);
                log.map(|log| log.update_config(settings.log.clone())).is_err()
            };
            self.partitions.insert(
                partition.clone(),
                Hosted {
                    partition: Partition::new(partition.clone(), local.topic_id, self.config.broker),
                    settings,
                    offline,
                },
            );
            self.resume_move(partition);
        }
        self.notify_assigned_directory(now, local);
        self.partitions.get(partition).is_some_and(|hosted| !hosted.offline)
    }

    /// Its log may be in a directory that failed before it was read: an empty one in another would take its place in the ISR.
    fn is_in_offline_directory(&self, local: &LocalPartition, assigned: Option<usize>) -> bool {
        let is_assigned = local.registration.directory(self.config.broker) != DIRECTORY_UNASSIGNED;
        is_assigned
            && self.logs.log(&local.partition).is_none()
            && !assigned.is_some_and(|directory| self.logs.is_online(directory))
            && self.logs.has_offline_directory()
    }

    fn take_configs(&mut self, now: Now, delta: &MetadataDelta) {
        let changed = &delta.changes().configs;
        let of_broker = changed.iter().any(|resource| resource.kind == ConfigResourceType::Broker);
        let topics: SortedSet<_> = if of_broker {
            self.partitions.keys().map(|partition| partition.topic.clone()).collect()
        } else {
            let topics = changed.iter().filter(|resource| resource.kind == ConfigResourceType::Topic);
            topics.map(|resource| resource.name.clone()).collect()
        };
        let mut changed = Vec::new();
        for topic in topics {
            let settings = self.config.topic_settings(&self.image, &topic);
            let first = TopicPartition { topic: topic.clone(), partition: 0 };
            for (partition, hosted) in self.partitions.range_mut(first..) {
                if partition.topic != topic {
                    break;
                }
                if let Some(log) = self.logs.log_mut(partition) {
                    log.update_config(settings.log.clone());
                }
                if let Some(log) = self.logs.future_mut(partition) {
                    log.update_config(settings.log.clone());
                }
                hosted.settings = settings.clone();
                changed.push(partition.clone());
            }
        }
        // A smaller minimum ISR, or no flush any more, may let the high watermark go on.
        for partition in changed {
            self.advance_high_watermark(now, &partition);
            self.touch(&partition);
        }
    }

    /// Fetches `partition` from `leader` from the end of its log on, where there is a leader.
    pub(super) fn start_fetching(&mut self, partition: &TopicPartition, leader: NodeId) {
        let (Some(hosted), Some(log)) = (self.partitions.get(partition), self.logs.log(partition)) else { return };
        if leader == NO_NODE || leader == self.config.broker {
            return;
        }
        let state = FetchState::new(
            hosted.partition.topic_id,
            hosted.partition.assignment.leader_epoch,
            log.log_end_offset(),
            log.latest_epoch(),
            log.log_start_offset(),
        );
        let unstored = hosted.settings.counted_offset(log) < log.log_end_offset();
        let fetcher = self.fetchers.entry(leader).or_insert_with(|| ReplicaFetcher::new(leader));
        fetcher.add(partition.clone(), state);
        if unstored {
            fetcher.await_stored(partition.clone());
        }
    }

    pub(super) fn stop_fetching(&mut self, partition: &TopicPartition) {
        for fetcher in self.fetchers.values_mut() {
            fetcher.remove(partition);
        }
    }

    fn drop_idle_fetchers(&mut self) {
        self.fetchers.retain(|_, fetcher| !fetcher.is_idle());
    }
}

fn assignment(local: &LocalPartition) -> Assignment {
    let registration = &local.registration;
    Assignment {
        leader: registration.leader,
        leader_epoch: registration.leader_epoch,
        partition_epoch: registration.partition_epoch,
        replicas: registration.replicas.clone(),
        isr: registration.isr.clone(),
    }
}
