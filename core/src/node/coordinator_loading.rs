//! Partitions of coordinators: they are loaded when this broker comes to lead them, and their coordinators hear what becomes
//! of them.

use super::broker::Broker;
use crate::ids::{CONSUMER_OFFSETS_TOPIC, LeaderEpoch, Offset, TRANSACTION_STATE_TOPIC, TopicPartition};
use crate::record::Batches;
use crate::replication::replica_manager::LoadingRead;
use crate::sorted::SortedMap;
use crate::time::Instant;
use bytes::Bytes;

/// Bytes read in one slice while a partition is loaded.
const LOAD_SLICE: usize = 1 << 20;

/// Partitions that are being loaded, and how far.
#[derive(Clone, Debug, Default)]
pub(super) struct CoordinatorLoading {
    partitions: SortedMap<TopicPartition, Loading>,
}

#[derive(Clone, Debug)]
struct Loading {
    next_offset: Offset,
    /// A cold range is on its way.
    waiting: bool,
}

impl CoordinatorLoading {
    /// At once, as long as a partition has more to read.
    pub(super) fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        let more = self.partitions.values().any(|loading| !loading.waiting);
        more.then_some((Instant::ZERO, "load what a coordinator knows"))
    }
}

impl Broker {
    /// This broker leads a partition now, or in a new epoch.
    pub(super) fn became_leader(&mut self, partition: &TopicPartition, leader_epoch: LeaderEpoch) {
        match &*partition.topic {
            CONSUMER_OFFSETS_TOPIC => self.groups.elected(self.now, partition.partition, leader_epoch),
            TRANSACTION_STATE_TOPIC => self.transactions.elected(self.now, partition.partition, leader_epoch),
            _ => return,
        }
        let log = self.replica_manager.logs().log(partition);
        let next_offset = log.map_or(0, crate::log::UnifiedLog::log_start_offset);
        self.coordinator_loading.partitions.insert(partition.clone(), Loading { next_offset, waiting: false });
    }

    /// This broker leads a partition no longer.
    pub(super) fn stopped_leading(&mut self, partition: &TopicPartition) {
        self.coordinator_loading.partitions.remove(partition);
        match &*partition.topic {
            CONSUMER_OFFSETS_TOPIC => self.groups.resigned(self.now, partition.partition),
            TRANSACTION_STATE_TOPIC => self.transactions.resigned(self.now, partition.partition),
            _ => {}
        }
    }

    /// A partition this broker leads is replicated up to here.
    pub(super) fn high_watermark_advanced(&mut self, partition: &TopicPartition, high_watermark: Offset) {
        let (now, index) = (self.now, partition.partition);
        match &*partition.topic {
            CONSUMER_OFFSETS_TOPIC => self.groups.high_watermark_advanced(now, index, high_watermark),
            TRANSACTION_STATE_TOPIC => self.transactions.high_watermark_advanced(now, index, high_watermark),
            _ => {}
        }
    }

    /// A cold range of a partition can be read now.
    pub(super) fn loaded_for_reading(&mut self, partition: &TopicPartition) {
        if let Some(loading) = self.coordinator_loading.partitions.get_mut(partition) {
            loading.waiting = false;
        }
    }

    /// Reads the next slice of one partition that is being loaded; true where something moved.
    pub(super) fn load_coordinators(&mut self) -> bool {
        let due = self.coordinator_loading.partitions.iter().find(|(_, loading)| !loading.waiting);
        let Some((partition, loading)) = due else { return false };
        let (partition, next_offset) = (partition.clone(), loading.next_offset);
        match self.replica_manager.read_for_loading(&partition, next_offset, LOAD_SLICE) {
            Ok(LoadingRead::Records { records, high_watermark, log_end_offset }) => {
                let bytes = records.to_bytes();
                let last = Batches::new(bytes.clone()).flatten().last().map(|batch| batch.last_offset());
                self.coordinator_replays(&partition, &bytes);
                if let Some(last) = last.filter(|last| last + 1 < log_end_offset) {
                    if let Some(loading) = self.coordinator_loading.partitions.get_mut(&partition) {
                        loading.next_offset = last + 1;
                    }
                } else {
                    self.coordinator_loading.partitions.remove(&partition);
                    self.coordinator_loaded(&partition, high_watermark);
                }
            }
            Ok(LoadingRead::Loading) => {
                if let Some(loading) = self.coordinator_loading.partitions.get_mut(&partition) {
                    loading.waiting = true;
                }
            }
            // It is led elsewhere already; the coordinator hears of that by itself.
            Err(_) => {
                self.coordinator_loading.partitions.remove(&partition);
            }
        }
        true
    }

    fn coordinator_replays(&mut self, partition: &TopicPartition, bytes: &Bytes) {
        if partition.topic == CONSUMER_OFFSETS_TOPIC {
            self.groups.replay(self.now, partition.partition, bytes);
        } else {
            self.transactions.replay(self.now, partition.partition, bytes);
        }
    }

    fn coordinator_loaded(&mut self, partition: &TopicPartition, high_watermark: Offset) {
        if partition.topic == CONSUMER_OFFSETS_TOPIC {
            self.groups.loaded(self.now, partition.partition, high_watermark);
        } else {
            self.transactions.loaded(self.now, partition.partition, high_watermark);
        }
    }

    /// Appends what a coordinator wants kept, all replicas in sync being asked for; answers the offset of its last record.
    pub(super) fn append_for_coordinator(
        &mut self,
        partition: &TopicPartition,
        batch: &Bytes,
    ) -> Result<Offset, crate::protocol::ErrorCode> {
        // One batch with base offset 0: its last offset is what comes on top of where the log put it.
        let last_offset = Batches::new(batch.clone()).flatten().last().map_or(0, |batch| batch.last_offset());
        let (now, stores) = (self.now, &mut self.stores);
        let appended = self.replica_manager.append_local(now, stores, partition, batch, -1);
        appended.map(|base_offset| base_offset + last_offset).map_err(|refused| refused.code)
    }
}
