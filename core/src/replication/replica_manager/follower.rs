//! Fetch, the asking side: what a leader's answer does to a follower's log.

use super::{Output, ReplicaManager, store_of};
use crate::event::Event;
use crate::ids::{NodeId, Offset, TopicPartition};
use crate::log::Cold;
use crate::log::storage::StoreQueue;
use crate::protocol::messages::fetch_response::PartitionData;
use crate::protocol::messages::{FetchResponse, ListOffsetsResponse};
use crate::protocol::{ErrorCode, Records};
use crate::replication::replica_fetcher::{FetchStage, FetchState, ReplicaFetcher, truncation_for};
use crate::replication::{RequestFailed, error_of};
use crate::sorted::SortedMap;
use crate::time::Now;

use super::storage::LoadPurpose;

/// A leader's answer.
#[derive(Clone, Debug, PartialEq)]
pub enum FetcherResponse {
    /// To a Fetch.
    Fetch(FetchResponse),
    /// To a `ListOffsets`.
    ListOffsets(ListOffsetsResponse),
}

type Asked = SortedMap<TopicPartition, FetchState>;

impl ReplicaManager {
    /// Takes what `leader` answered to `request_id`, or that it did not.
    pub fn fetch_response(
        &mut self,
        now: Now,
        stores: &mut [StoreQueue],
        leader: NodeId,
        request_id: u64,
        response: Result<FetcherResponse, RequestFailed>,
    ) {
        let backoff = now.monotonic + self.config.fetcher.backoff;
        let Some(fetcher) = self.fetchers.get_mut(&leader) else { return };
        let Some(asked) = fetcher.answered(request_id) else { return };
        match response {
            Err(RequestFailed) => {
                fetcher.session_failed();
                fetcher.back_off(backoff);
            }
            Ok(FetcherResponse::ListOffsets(response)) => self.take_offsets(now, stores, &asked, response),
            Ok(FetcherResponse::Fetch(response)) => {
                if fetcher.session_answered(&response) {
                    self.take_fetched(now, stores, &asked, response);
                } else if error_of(response.error_code) != ErrorCode::FetchSessionIdNotFound {
                    // A session that is gone is made anew at once; anything else waits.
                    fetcher.back_off(backoff);
                }
            }
        }
        self.fetchers.retain(|_, fetcher| !fetcher.is_idle());
        self.settle(now);
        // What was appended may be more than memory shall hold.
        self.logs.tick(now, stores);
    }

    pub(super) fn fetcher_of(&mut self, partition: &TopicPartition) -> Option<&mut ReplicaFetcher> {
        let leader = self.partitions.get(partition)?.partition.assignment.leader;
        self.fetchers.get_mut(&leader)
    }

    pub(super) fn send_fetches(&mut self, now: Now) {
        let held_back_until = now.monotonic + self.config.fetcher.backoff;
        let is_exceeded = self.quotas.follower.is_exceeded(now.monotonic);
        for (&to, fetcher) in &mut self.fetchers {
            let request_id = self.next_id;
            if is_exceeded && fetcher.next_deadline().is_some_and(|at| at <= now.monotonic) {
                let (quota, image) = (&self.quotas.follower, &self.image);
                fetcher.hold_back(held_back_until, |partition| quota.is_throttled(image, partition));
            }
            if let Some(request) =
                fetcher.next_request(now.monotonic, &self.config.fetcher, self.broker_epoch, request_id)
            {
                self.next_id += 1;
                self.outputs.push_back(Output::Send { to, request_id, request });
            }
        }
    }

    fn take_fetched(&mut self, now: Now, stores: &mut [StoreQueue], asked: &Asked, response: FetchResponse) {
        for topic in response.responses {
            let Some(name) = self.image.topics.name_of(topic.topic_id).cloned() else { continue };
            for data in topic.partitions {
                let partition = TopicPartition { topic: name.clone(), partition: data.partition_index };
                let Some(state) = asked.get(&partition).filter(|state| state.topic_id == topic.topic_id) else {
                    continue;
                };
                self.take_partition(now, stores, &partition, state, &data);
            }
        }
    }

    fn take_partition(
        &mut self,
        now: Now,
        stores: &mut [StoreQueue],
        partition: &TopicPartition,
        state: &FetchState,
        data: &PartitionData,
    ) {
        match error_of(data.error_code) {
            ErrorCode::None if data.diverging_epoch.end_offset >= 0 || data.diverging_epoch.epoch >= 0 => {
                let diverging = (data.diverging_epoch.epoch, data.diverging_epoch.end_offset);
                self.truncate_diverging(now, stores, partition, diverging);
            }
            ErrorCode::None => {
                if self.append_fetched(now, stores, partition, state, data).is_err() {
                    self.retry_later(now, partition);
                }
            }
            ErrorCode::OffsetOutOfRange => self.set_stage(partition, FetchStage::LatestOffset),
            ErrorCode::FencedLeaderEpoch => self.set_stage(partition, FetchStage::Fenced),
            _ => self.retry_later(now, partition),
        }
    }

    /// Appends what a leader sent, as it is, and takes over its high watermark and log start offset.
    fn append_fetched(
        &mut self,
        now: Now,
        stores: &mut [StoreQueue],
        partition: &TopicPartition,
        state: &FetchState,
        data: &PartitionData,
    ) -> Result<(), ErrorCode> {
        let hosted = self.partitions.get(partition).ok_or(ErrorCode::NotLeaderOrFollower)?;
        let log = self.logs.log_mut(partition).ok_or(ErrorCode::KafkaStorageError)?;
        let store = store_of(stores, log.directory())?;
        let records = data.records.as_ref().map(Records::to_bytes).unwrap_or_default();
        let before = log.log_end_offset();
        if !records.is_empty() {
            if self.quotas.follower.is_throttled(&self.image, partition) {
                self.quotas.follower.record(records.len(), now.monotonic);
            }
            log.start_with(now, &records, data.log_start_offset, store);
            log.append_as_follower(now, &records, state.leader_epoch, store).map_err(|refused| refused.code)?;
        }
        let committed = log.maybe_increment_high_watermark(data.high_watermark);
        // Above the own high watermark only until that has caught up.
        let start = data.log_start_offset.min(log.high_watermark());
        log.increment_log_start_offset(start, store)?;
        let end = log.log_end_offset();
        let unstored = end > before && hosted.settings.counted_offset(log) < end;
        self.refresh_state(partition);
        if let Some(state) = self.fetcher_of(partition).and_then(|fetcher| fetcher.state_mut(partition)) {
            state.is_caught_up = data.high_watermark <= end;
        }
        if unstored && let Some(fetcher) = self.fetcher_of(partition) {
            fetcher.await_stored(partition.clone());
        }
        if committed {
            // Consumers may read from a follower.
            self.touch(partition);
        }
        Ok(())
    }

    fn truncate_diverging(
        &mut self,
        now: Now,
        stores: &mut [StoreQueue],
        partition: &TopicPartition,
        leader: (i32, Offset),
    ) {
        let Some(log) = self.logs.log(partition) else { return };
        let truncation = truncation_for(leader, log.log_end_offset(), log.high_watermark(), |epoch| {
            let end = log.end_offset_for_epoch(epoch);
            (end.leader_epoch, end.end_offset)
        });
        self.truncate_replica(now, stores, partition, truncation.offset);
    }

    /// Cuts a follower's log; where that needs bytes that are not in memory they are loaded and the fetch, and with it
    /// the leader's answer, is repeated.
    fn truncate_replica(&mut self, now: Now, stores: &mut [StoreQueue], partition: &TopicPartition, offset: Offset) {
        let Some(log) = self.logs.log_mut(partition) else { return };
        let Ok(store) = store_of(stores, log.directory()) else { return };
        let from = log.log_end_offset();
        match log.truncate_to(now, offset, store) {
            Ok(()) => {
                self.truncated(partition, from);
                self.refresh_state(partition);
            }
            Err(Cold(range)) => {
                self.retry_later(now, partition);
                self.load(partition.clone(), range, LoadPurpose::Follower);
            }
        }
    }

    fn truncated(&mut self, partition: &TopicPartition, from: Offset) {
        let Some(to) = self.logs.log(partition).map(crate::log::UnifiedLog::log_end_offset) else { return };
        if to != from {
            self.moves.current_truncated(partition, to);
            let partition = partition.clone();
            self.outputs.push_back(Output::Event(Event::Truncated { partition, from, to }));
        }
    }

    /// Where the leader's log ends or begins, for a follower that was out of its range.
    fn take_offsets(&mut self, now: Now, stores: &mut [StoreQueue], asked: &Asked, response: ListOffsetsResponse) {
        for topic in response.topics {
            for data in topic.partitions {
                let partition = TopicPartition { topic: topic.name.clone(), partition: data.partition_index };
                let Some(state) = asked.get(&partition) else { continue };
                match (error_of(data.error_code), state.stage) {
                    (ErrorCode::None, FetchStage::LatestOffset) if data.offset < state.fetch_offset => {
                        // The leader has less: an unclean election.
                        self.truncate_replica(now, stores, &partition, data.offset);
                    }
                    (ErrorCode::None, FetchStage::LatestOffset) => {
                        self.set_stage(&partition, FetchStage::EarliestOffset);
                    }
                    (ErrorCode::None, _) => self.start_at_leaders_start(now, stores, &partition, data.offset),
                    (ErrorCode::FencedLeaderEpoch, _) => self.set_stage(&partition, FetchStage::Fenced),
                    _ => self.retry_later(now, &partition),
                }
            }
        }
    }

    fn start_at_leaders_start(
        &mut self,
        now: Now,
        stores: &mut [StoreQueue],
        partition: &TopicPartition,
        leader_start: Offset,
    ) {
        let Some(log) = self.logs.log_mut(partition) else { return };
        let Ok(store) = store_of(stores, log.directory()) else { return };
        let from = log.log_end_offset();
        if leader_start > from {
            log.truncate_fully_and_start_at(now, leader_start, store);
            self.truncated(partition, from);
        }
        self.refresh_state(partition);
    }

    /// Fetches on from the end of the log as it is now.
    fn refresh_state(&mut self, partition: &TopicPartition) {
        let Some(log) = self.logs.log(partition) else { return };
        let (fetch_offset, log_start_offset) = (log.log_end_offset(), log.log_start_offset());
        let epoch = log.latest_epoch();
        if let Some(state) = self.fetcher_of(partition).and_then(|fetcher| fetcher.state_mut(partition)) {
            *state = FetchState::new(state.topic_id, state.leader_epoch, fetch_offset, epoch, log_start_offset);
        }
    }

    fn set_stage(&mut self, partition: &TopicPartition, stage: FetchStage) {
        if let Some(state) = self.fetcher_of(partition).and_then(|fetcher| fetcher.state_mut(partition)) {
            state.stage = stage;
        }
    }

    fn retry_later(&mut self, now: Now, partition: &TopicPartition) {
        let retry_at = now.monotonic + self.config.fetcher.backoff;
        if let Some(state) = self.fetcher_of(partition).and_then(|fetcher| fetcher.state_mut(partition)) {
            state.retry_at = Some(retry_at);
        }
    }
}
