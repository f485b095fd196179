//! Fetch, the serving side: what followers and consumers read, at once or when there is enough of it.

use super::storage::LoadPurpose;
use super::{Output, ReplicaManager, Response};
use crate::ids::{BrokerEpoch, NO_EPOCH, NodeId, Offset, TopicPartition, Uuid};
use crate::log::storage::FileRange;
use crate::log::{EpochEndOffset, Read, UnifiedLog};
use crate::protocol::messages::fetch_request::FetchPartition;
use crate::protocol::messages::fetch_response::{self, AbortedTransaction, LeaderIdAndEpoch, PartitionData};
use crate::protocol::messages::{FetchRequest, FetchResponse};
use crate::protocol::{ErrorCode, Records};
use crate::purgatory::OperationId;
use crate::quota::QuotaClient;
use crate::replication::fetch_session::{FetchContext, FetchKey, error_response};
use crate::replication::replica_state::FollowerFetch;
use crate::time::{Duration, Now};
use alloc::vec::Vec;

/// The replica id of a consumer.
const CONSUMER: NodeId = -1;
/// First version that names topics by id.
const TOPIC_IDS_FROM: i16 = 13;
/// First version that says who fetches as `ReplicaState`.
const REPLICA_STATE_FROM: i16 = 15;
/// First version whose consumers may read from followers (KIP-392).
const FOLLOWER_READS_FROM: i16 = 11;
/// First version that is told the leader with an error (KIP-951).
const CURRENT_LEADER_FROM: i16 = 16;

/// What a Fetch request does not say itself.
#[derive(Clone, Debug)]
pub struct FetchRequestContext {
    /// Version of the request.
    pub version: i16,
    /// Who asks; its quota bounds what it gets.
    pub client: QuotaClient,
}

/// Who fetches, and how much.
#[derive(Clone, Copy, Debug)]
struct FetchParams {
    /// The follower; -1 for a consumer, -2 for a debugging one.
    replica: NodeId,
    broker_epoch: BrokerEpoch,
    version: i16,
    read_committed: bool,
    min_bytes: usize,
    max_bytes: usize,
}

impl FetchParams {
    fn is_follower(&self) -> bool {
        self.replica >= 0
    }

    fn only_from_leader(&self) -> bool {
        self.is_follower() || self.version < FOLLOWER_READS_FROM
    }
}

/// A Fetch that waits: for data, or for a range to be loaded.
#[derive(Clone, Debug)]
pub(super) struct DelayedFetch {
    token: u64,
    params: FetchParams,
    client: QuotaClient,
    context: FetchContext,
    /// The partition each entry of `context` means.
    targets: Vec<Result<TopicPartition, ErrorCode>>,
}

/// What was read of all partitions of a Fetch.
struct ReadAll {
    results: Vec<(FetchKey, PartitionData)>,
    bytes: usize,
    /// An error or a diverging epoch: the answer does not wait.
    urgent: bool,
    cold: Option<(TopicPartition, FileRange)>,
}

/// What to do with a partition that is not in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnCold {
    Load,
    Fail,
}

impl ReplicaManager {
    /// Takes a Fetch request; the answer comes as an [`Output`] with `token`, at once or when there is enough to answer
    /// or its wait is over.
    pub fn fetch(&mut self, now: Now, request: &FetchRequest, context: FetchRequestContext, token: u64) {
        let uses_topic_ids = context.version >= TOPIC_IDS_FROM;
        let (replica, broker_epoch) = if context.version >= REPLICA_STATE_FROM {
            (request.replica_state.replica_id, request.replica_state.replica_epoch)
        } else {
            (request.replica_id, -1)
        };
        let max_bytes = usize::try_from(request.max_bytes.min(self.config.fetch_max_bytes)).unwrap_or_default();
        let max_bytes = if replica >= 0 { max_bytes } else { max_bytes.min(self.max_fetched_at_once(&context.client)) };
        let params = FetchParams {
            replica,
            broker_epoch,
            version: context.version,
            read_committed: request.isolation_level == 1,
            min_bytes: usize::try_from(request.min_bytes).unwrap_or_default().min(max_bytes),
            max_bytes,
        };
        match self.fetch_sessions.begin(now.monotonic, request, uses_topic_ids, params.is_follower()) {
            Err(error) => {
                let response = Response::Fetch(error_response(error));
                self.outputs.push_back(Output::Respond { token, response });
            }
            Ok(session) => {
                let targets = session.partitions.iter().map(|(key, _)| self.fetch_target(key)).collect();
                let fetch = DelayedFetch { token, params, client: context.client, context: session, targets };
                self.start_fetch(now, fetch, request.max_wait_ms);
            }
        }
        self.settle(now);
    }

    fn start_fetch(&mut self, now: Now, fetch: DelayedFetch, max_wait_ms: i32) {
        let read = self.read_all(now, &fetch, true, OnCold::Load);
        let wait = u64::try_from(max_wait_ms).unwrap_or_default();
        let enough = read.urgent || read.bytes >= fetch.params.min_bytes;
        if wait == 0 || fetch.targets.is_empty() || enough || read.cold.is_some() {
            self.finish_fetch(now, fetch, read);
            return;
        }
        let deadline = now.monotonic + Duration::from_millis(wait);
        let keys: Vec<TopicPartition> = fetch.targets.iter().flatten().cloned().collect();
        self.fetches.watch(fetch, keys, deadline);
    }

    /// Answers a waiting Fetch where what happened to `partition` is enough for it.
    pub(super) fn try_complete_fetch(&mut self, now: Now, id: OperationId, partition: &TopicPartition) {
        let Some(fetch) = self.fetches.operation(id) else { return };
        if !self.has_news(fetch, partition) {
            return;
        }
        let params = fetch.params;
        if self.is_held_back(now, &params, partition) {
            return;
        }
        let Some(fetch) = self.fetches.operation(id) else { return };
        if fetch.params.min_bytes > 1 {
            let fetch = fetch.clone();
            let read = self.read_all(now, &fetch, false, OnCold::Load);
            if !read.urgent && read.bytes < fetch.params.min_bytes && read.cold.is_none() {
                return;
            }
        }
        if let Some(fetch) = self.fetches.complete(id) {
            self.answer_fetch(now, fetch);
        }
    }

    /// True where `partition` has something for a waiting Fetch: records, or an error.
    fn has_news(&self, fetch: &DelayedFetch, partition: &TopicPartition) -> bool {
        let of_partition = |target: &Result<TopicPartition, ErrorCode>| target.as_ref() == Ok(partition);
        let Some(index) = fetch.targets.iter().position(of_partition) else { return false };
        let Some((key, wanted)) = fetch.context.partitions.get(index) else { return false };
        match self.readable(&fetch.params, key.topic_id, partition, wanted) {
            Err(_) => true,
            Ok(limit) => limit > wanted.fetch_offset,
        }
    }

    /// Reads again what waited, and answers with what there is.
    pub(super) fn answer_fetch(&mut self, now: Now, fetch: DelayedFetch) {
        let read = self.read_all(now, &fetch, false, OnCold::Load);
        self.finish_fetch(now, fetch, read);
    }

    /// What it needs cannot be loaded: answers with the error.
    pub(super) fn fail_cold_fetch(&mut self, now: Now, fetch: DelayedFetch) {
        let read = self.read_all(now, &fetch, false, OnCold::Fail);
        self.finish_fetch(now, fetch, read);
    }

    fn finish_fetch(&mut self, now: Now, fetch: DelayedFetch, mut read: ReadAll) {
        // Where something warm was read, that is answered and the cold partition comes first next time.
        if let Some((partition, range)) = read.cold.take().filter(|_| read.bytes == 0) {
            self.load(partition, range, LoadPurpose::Fetch(fetch));
            return;
        }
        let throttle_ms = self.record_fetched(now, &fetch, &read);
        let response = if throttle_ms > 0 {
            // Nothing is sent, so nothing was had.
            FetchResponse { throttle_time_ms: throttle_ms, ..self.fetch_sessions.throttled(&fetch.context) }
        } else {
            self.fetch_sessions.finish(now.monotonic, &fetch.context, read.results, &mut self.rng)
        };
        self.outputs.push_back(Output::Respond { token: fetch.token, response: Response::Fetch(response) });
    }

    /// What a consumer can be sent without having to wait for it in any case.
    fn max_fetched_at_once(&self, client: &QuotaClient) -> usize {
        let most = self.quotas.fetch.max_value_in_window(&self.image.client_quotas, client);
        most.map_or(usize::MAX, |most| most as usize)
    }

    /// Counts what an answer takes: of a follower its throttled replicas, of a consumer everything. Answers how many
    /// milliseconds the consumer must wait instead of getting it.
    fn record_fetched(&mut self, now: Now, fetch: &DelayedFetch, read: &ReadAll) -> i32 {
        if fetch.params.is_follower() {
            let targets = read.results.iter().zip(&fetch.targets);
            let throttled = targets.filter_map(|((_, data), target)| {
                let target = target.as_ref().ok()?;
                self.quotas.leader.is_throttled(&self.image, target).then(|| size_of(data))
            });
            let bytes = throttled.sum();
            self.quotas.leader.record(bytes, now.monotonic);
            return 0;
        }
        let quotas = &self.image.client_quotas;
        let bytes = read.results.iter().map(|(_, data)| size_of(data)).sum::<usize>() as f64;
        let throttle_ms = self.quotas.fetch.record(quotas, &fetch.client, bytes, now.monotonic);
        if throttle_ms > 0 {
            self.quotas.fetch.unrecord(quotas, &fetch.client, bytes, now.monotonic);
        }
        throttle_ms
    }

    /// True where a leader holds records of a throttled replica back: from a follower that is not in sync, beyond the rate.
    fn is_held_back(&mut self, now: Now, params: &FetchParams, partition: &TopicPartition) -> bool {
        params.is_follower()
            && self.quotas.leader.is_throttled(&self.image, partition)
            && self
                .partitions
                .get(partition)
                .is_some_and(|hosted| !hosted.partition.in_sync_replicas().contains(&params.replica))
            && self.quotas.leader.is_exceeded(now.monotonic)
    }

    fn fetch_target(&self, key: &FetchKey) -> Result<TopicPartition, ErrorCode> {
        let topic = self.topic_name(key.topic_id, &key.topic)?;
        Ok(TopicPartition { topic, partition: key.partition })
    }

    /// Reads all partitions in order. The first fetch of a follower tells its position, later looks do not.
    fn read_all(&mut self, now: Now, fetch: &DelayedFetch, first_look: bool, on_cold: OnCold) -> ReadAll {
        let mut all = ReadAll { results: Vec::with_capacity(fetch.targets.len()), bytes: 0, urgent: false, cold: None };
        for ((key, wanted), target) in fetch.context.partitions.iter().zip(&fetch.targets) {
            let params = &fetch.params;
            let mut result = match target {
                // What was unknown then may be known now.
                Err(_) => self.fetch_target(key).map_or_else(Err, |target| {
                    self.read_partition(now, params, key.topic_id, &target, wanted, &mut all, on_cold)
                }),
                Ok(target) => self.read_partition(now, params, key.topic_id, target, wanted, &mut all, on_cold),
            };
            if let (true, true, Ok(target)) = (first_look, params.is_follower(), target)
                && let Ok((data, log_end_offset)) = &result
                && data.diverging_epoch.epoch == NO_EPOCH
                && data.diverging_epoch.end_offset < 0
                && let Err(error) = self.note_follower(now, params, target, wanted, *log_end_offset)
            {
                result = Err(error);
            }
            let data = match result {
                Ok((data, _)) => data,
                Err(error) => self.fetch_error(params, key.partition, target, error),
            };
            all.urgent |= data.error_code != ErrorCode::None.code() || data.diverging_epoch.end_offset >= 0;
            all.bytes += data.records.as_ref().map_or(0, Records::len);
            all.results.push((key.clone(), data));
        }
        all
    }

    /// How far `params` may read `partition`, once leadership and epoch are checked.
    fn readable(
        &self,
        params: &FetchParams,
        topic_id: Uuid,
        partition: &TopicPartition,
        wanted: &FetchPartition,
    ) -> Result<Offset, ErrorCode> {
        let (hosted, log) = self.hosted(partition)?;
        if topic_id != Uuid::ZERO && hosted.partition.topic_id != topic_id {
            return Err(ErrorCode::UnknownTopicId);
        }
        hosted.partition.check_leader_epoch(wanted.current_leader_epoch)?;
        if params.only_from_leader() && !hosted.partition.is_leader() {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        Ok(match params.replica {
            CONSUMER if params.read_committed => log.last_stable_offset(),
            CONSUMER => log.high_watermark(),
            _ => log.log_end_offset(),
        })
    }

    /// Reads one partition within what is left of the response; answers the log end offset with it.
    fn read_partition(
        &mut self,
        now: Now,
        params: &FetchParams,
        topic_id: Uuid,
        partition: &TopicPartition,
        wanted: &FetchPartition,
        all: &mut ReadAll,
        on_cold: OnCold,
    ) -> Result<(PartitionData, Offset), ErrorCode> {
        let limit = self.readable(params, topic_id, partition, wanted)?;
        let log = self.logs.log_mut(partition).ok_or(ErrorCode::KafkaStorageError)?;
        let log_end_offset = log.log_end_offset();
        let mut data = PartitionData {
            partition_index: wanted.partition,
            high_watermark: log.high_watermark(),
            last_stable_offset: log.last_stable_offset(),
            log_start_offset: log.log_start_offset(),
            preferred_read_replica: -1,
            aborted_transactions: params.read_committed.then(Vec::new),
            records: Some(Records::EMPTY),
            ..PartitionData::default()
        };
        if wanted.last_fetched_epoch >= 0 {
            let end = log.end_offset_for_epoch(wanted.last_fetched_epoch);
            if end.is_undefined() {
                return Err(ErrorCode::OffsetOutOfRange);
            }
            if end.leader_epoch < wanted.last_fetched_epoch || end.end_offset < wanted.fetch_offset {
                data.diverging_epoch = diverging(end);
                return Ok((data, log_end_offset));
            }
        }
        if self.is_held_back(now, params, partition) {
            return Ok((data, log_end_offset));
        }
        let log = self.logs.log_mut(partition).ok_or(ErrorCode::KafkaStorageError)?;
        let partition_max = usize::try_from(wanted.partition_max_bytes).unwrap_or_default();
        let room = partition_max.min(params.max_bytes.saturating_sub(all.bytes));
        match log.read(wanted.fetch_offset, room, limit, all.bytes == 0)? {
            Read::Data { records } => {
                if params.read_committed {
                    data.aborted_transactions = Some(aborted_transactions(log, wanted.fetch_offset, &records));
                }
                data.records = Some(records);
            }
            Read::Cold(_) if on_cold == OnCold::Fail => return Err(ErrorCode::KafkaStorageError),
            Read::Cold(range) => {
                all.cold.get_or_insert((partition.clone(), range));
            }
        }
        Ok((data, log_end_offset))
    }

    /// Takes a follower's position from its fetch: the ISR may grow and the high watermark move.
    fn note_follower(
        &mut self,
        now: Now,
        params: &FetchParams,
        partition: &TopicPartition,
        wanted: &FetchPartition,
        log_end_offset: Offset,
    ) -> Result<(), ErrorCode> {
        let fetch = FollowerFetch {
            fetch_offset: wanted.fetch_offset,
            log_start_offset: wanted.log_start_offset,
            broker_epoch: params.broker_epoch,
        };
        let hosted = self.partitions.get_mut(partition).ok_or(ErrorCode::NotLeaderOrFollower)?;
        let moved = hosted.partition.follower_fetched(now.monotonic, params.replica, &fetch, log_end_offset)?;
        self.maybe_expand_isr(now, partition, params.replica);
        if moved {
            self.advance_high_watermark(now, partition);
        }
        for id in self.delete_records.check(partition) {
            self.try_complete_delete_records(id);
        }
        Ok(())
    }

    fn fetch_error(
        &self,
        params: &FetchParams,
        partition_index: i32,
        target: &Result<TopicPartition, ErrorCode>,
        error: ErrorCode,
    ) -> PartitionData {
        let mut current_leader = LeaderIdAndEpoch::default();
        if params.version >= CURRENT_LEADER_FROM
            && matches!(error, ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch)
            && let Some((leader_id, leader_epoch)) = target.as_ref().ok().and_then(|target| self.current_leader(target))
        {
            current_leader = LeaderIdAndEpoch { leader_id, leader_epoch };
        }
        PartitionData {
            partition_index,
            error_code: error.code(),
            high_watermark: -1,
            last_stable_offset: -1,
            log_start_offset: -1,
            preferred_read_replica: -1,
            current_leader,
            records: Some(Records::EMPTY),
            ..PartitionData::default()
        }
    }
}

/// What a partition takes of an answer, about: its records, and the fields around them in the newest version.
fn size_of(data: &PartitionData) -> usize {
    const FIELDS: usize = 44;
    const ABORTED: usize = 17;
    let aborted = data.aborted_transactions.as_ref().map_or(0, |aborted| aborted.len() * ABORTED);
    FIELDS + aborted + data.records.as_ref().map_or(0, Records::len)
}

/// What a consumer has to know to leave out what was aborted.
fn aborted_transactions(log: &UnifiedLog, fetch_offset: Offset, records: &Records) -> Vec<AbortedTransaction> {
    let found = log.aborted_transactions(fetch_offset, records).into_iter();
    found.map(|it| AbortedTransaction { producer_id: it.producer_id, first_offset: it.first_offset }).collect()
}

fn diverging(end: EpochEndOffset) -> fetch_response::EpochEndOffset {
    fetch_response::EpochEndOffset { epoch: end.leader_epoch, end_offset: end.end_offset }
}
