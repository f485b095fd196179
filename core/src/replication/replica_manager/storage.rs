//! What storage says: appended batches are durable, ranges are loaded, a directory failed.

use super::fetch::DelayedFetch;
use super::offsets::DelayedListOffsets;
use super::{Output, ReplicaManager};
use crate::ids::{LeaderEpoch, Offset, TopicPartition, Uuid};
use crate::log::Read;
use crate::log::log_manager::CleaningOutput;
use crate::log::storage::{FileRange, StoreQueue, Ticket};
use crate::protocol::{ErrorCode, Records};
use crate::time::Now;
use bytes::Bytes;

/// A load under way: which log it is for, and what goes on once it is there.
#[derive(Clone, Debug)]
pub(super) struct PendingLoad {
    partition: TopicPartition,
    range: FileRange,
    /// The log as it was: bytes of another are not taken. `None` where another log took its place.
    incarnation: Option<(Uuid, LeaderEpoch)>,
    purpose: LoadPurpose,
}

/// What goes on once a range is loaded.
#[derive(Clone, Debug)]
pub(super) enum LoadPurpose {
    /// A Fetch is read again.
    Fetch(DelayedFetch),
    /// A `ListOffsets` is looked up again.
    ListOffsets(DelayedListOffsets),
    /// A coordinator reads on.
    Reading,
    /// A follower fetches again, and truncates then.
    Follower,
    /// The current log of a partition that moves is copied on.
    Copy,
    /// The future log of a partition is truncated then.
    Future,
    /// The log cleaner reads on.
    Cleaning,
}

/// What a coordinator reads of its log.
#[derive(Clone, Debug, PartialEq)]
pub enum LoadingRead {
    /// Whole batches; empty at the end of the log.
    Records {
        /// The batches; the first may begin before the offset asked for.
        records: Records,
        /// High watermark now.
        high_watermark: Offset,
        /// Where to stop.
        log_end_offset: Offset,
    },
    /// It is being loaded; [`Output::LoadedForReading`] follows.
    Loading,
}

impl ReplicaManager {
    /// The batch `ticket` of a directory is durable, and all before it.
    pub fn stored(&mut self, now: Now, directory: usize, ticket: Ticket) {
        for partition in self.logs.stored(directory, ticket) {
            let (Some(hosted), Some(log)) = (self.partitions.get(&partition), self.logs.log(&partition)) else {
                continue;
            };
            if !hosted.settings.flush_every_append {
                continue;
            }
            if hosted.partition.is_leader() {
                self.advance_high_watermark(now, &partition);
                self.touch(&partition);
            } else if log.recovery_point() >= log.log_end_offset()
                && let Some(fetcher) = self.fetchers.get_mut(&hosted.partition.assignment.leader)
            {
                fetcher.stored(&partition);
            }
        }
        self.settle(now);
    }

    /// A directory could not be written: its replicas are offline until the broker starts again.
    pub fn store_failed(&mut self, now: Now, directory: usize) {
        self.end_moves_of_directory(now, directory);
        for partition in self.logs.store_failed(directory) {
            let Some(hosted) = self.partitions.get_mut(&partition) else { continue };
            hosted.offline = true;
            if hosted.partition.is_leader() {
                self.outputs.push_back(Output::StoppedLeading { partition: partition.clone(), leader_epoch: None });
            }
            self.stop_fetching(&partition);
            self.alter_partitions.forget(&partition);
            self.touch(&partition);
        }
        self.settle(now);
    }

    /// What a load asked for is here.
    pub fn loaded(&mut self, now: Now, load_id: u64, bytes: &Bytes) {
        let Some(load) = self.loads.remove(&load_id) else { return };
        let incarnation = self.incarnation(&load.partition);
        let log = match load.purpose {
            LoadPurpose::Future => self.logs.future_mut(&load.partition),
            _ => self.logs.log_mut(&load.partition),
        };
        if let Some(log) = log.filter(|_| load.incarnation.is_some() && load.incarnation == incarnation) {
            log.loaded(now.monotonic, &load.range, bytes);
        }
        match load.purpose {
            LoadPurpose::Fetch(fetch) => self.answer_fetch(now, fetch),
            LoadPurpose::ListOffsets(list) => self.answer_list_offsets(list),
            LoadPurpose::Reading => {
                self.outputs.push_back(Output::LoadedForReading { partition: load.partition });
            }
            LoadPurpose::Follower => {
                if let Some(state) = self.fetcher_of(&load.partition).and_then(|f| f.state_mut(&load.partition)) {
                    state.retry_at = None;
                }
            }
            LoadPurpose::Copy | LoadPurpose::Future => self.moves.loaded(&load.partition),
            LoadPurpose::Cleaning => self.logs.cleaning_loaded(),
        }
        self.settle(now);
    }

    /// What a load asked for cannot be read.
    pub fn load_failed(&mut self, now: Now, load_id: u64) {
        let Some(load) = self.loads.remove(&load_id) else { return };
        match load.purpose {
            LoadPurpose::Fetch(fetch) => self.fail_cold_fetch(now, fetch),
            LoadPurpose::ListOffsets(list) => self.fail_cold_list_offsets(&list),
            // The reader asks again and gets its error then, the fetcher after its back-off.
            LoadPurpose::Reading => {
                self.outputs.push_back(Output::LoadedForReading { partition: load.partition });
            }
            LoadPurpose::Follower => {}
            LoadPurpose::Copy | LoadPurpose::Future => self.moves.retry_later(now, &load.partition),
            LoadPurpose::Cleaning => self.logs.cleaning_load_failed(now),
        }
        self.settle(now);
    }

    /// Reads a partition this broker leads for a coordinator that builds its state, up to the log end.
    pub fn read_for_loading(
        &mut self,
        partition: &TopicPartition,
        offset: Offset,
        max_bytes: usize,
    ) -> Result<LoadingRead, ErrorCode> {
        self.led(partition)?;
        let log = self.logs.log_mut(partition).ok_or(ErrorCode::KafkaStorageError)?;
        let (high_watermark, log_end_offset) = (log.high_watermark(), log.log_end_offset());
        match log.read(offset, max_bytes, log_end_offset, true)? {
            Read::Data { records } => Ok(LoadingRead::Records { records, high_watermark, log_end_offset }),
            Read::Cold(range) => {
                self.load(partition.clone(), range, LoadPurpose::Reading);
                Ok(LoadingRead::Loading)
            }
        }
    }

    /// Does what the cleaner of the logs wants.
    pub(super) fn serve_cleaner(&mut self, stores: &mut [StoreQueue]) {
        while let Some(wanted) = self.logs.poll_cleaning() {
            match wanted {
                CleaningOutput::Load { partition, range } if self.partitions.contains_key(&partition) => {
                    self.load(partition, range, LoadPurpose::Cleaning);
                }
                // The log of a partition that is not (yet) a replica of this broker.
                CleaningOutput::Load { .. } => self.logs.abort_cleaning(stores),
                CleaningOutput::Replaced(partition) => self.supersede_loads(&partition),
            }
        }
    }

    /// Asks for a range of a log.
    pub(super) fn load(&mut self, partition: TopicPartition, range: FileRange, purpose: LoadPurpose) {
        let incarnation = self.incarnation(&partition);
        let log = match purpose {
            LoadPurpose::Future => self.logs.future(&partition),
            _ => self.logs.log(&partition),
        };
        let Some(directory) = log.map(crate::log::UnifiedLog::directory).filter(|_| incarnation.is_some()) else {
            return;
        };
        let load_id = self.next_id();
        self.outputs.push_back(Output::Load { load_id, directory, range: range.clone() });
        self.loads.insert(load_id, PendingLoad { partition, range, incarnation, purpose });
    }

    /// Another log takes the place of the current one, or other segments: what is being loaded is not of it.
    pub(super) fn supersede_loads(&mut self, partition: &TopicPartition) {
        for load in self.loads.values_mut().filter(|load| load.partition == *partition) {
            load.incarnation = None;
        }
    }

    /// A log is only cut in a new leader epoch, and only made anew for a new topic.
    fn incarnation(&self, partition: &TopicPartition) -> Option<(Uuid, LeaderEpoch)> {
        let hosted = self.partitions.get(partition)?;
        Some((hosted.partition.topic_id, hosted.partition.assignment.leader_epoch))
    }
}
