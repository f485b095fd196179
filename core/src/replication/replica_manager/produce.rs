//! Produce: append to the logs this broker leads, and answer when the request's acks are met.

use super::transactions::VerifiedProduce;
use super::unpacking::Unpacked;
use super::{Output, ReplicaManager, Response, store_of};
use crate::ids::{CONSUMER_OFFSETS_TOPIC, Offset, TRANSACTION_STATE_TOPIC, TopicPartition};
use crate::log::storage::StoreQueue;
use crate::log::{AppendError, AppendInfo, AppendOrigin, TransactionContext, VerificationGuard};
use crate::protocol::messages::produce_request::PartitionProduceData;
use crate::protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, PartitionProduceResponse, TopicProduceResponse,
};
use crate::protocol::messages::{ProduceRequest, ProduceResponse};
use crate::protocol::{ErrorCode, Records};
use crate::purgatory::OperationId;
use crate::record::validate::{Rejection, Validated, check_produce_records};
use crate::text::Str;
use crate::time::{Duration, Now};
use alloc::vec::Vec;

/// `client.id` of who may write to internal topics.
const ADMIN_CLIENT_ID: &str = "__admin_client";
/// Topics that only coordinators write to.
const INTERNAL_TOPICS: [&str; 3] = [CONSUMER_OFFSETS_TOPIC, TRANSACTION_STATE_TOPIC, "__share_group_state"];

/// What a Produce request does not say itself.
#[derive(Clone, Debug, Default)]
pub struct ProduceContext {
    /// `client.id` of the request header.
    pub client_id: Option<Str>,
    /// Version of the request.
    pub version: i16,
}

/// How a partition's part of a Produce request is appended.
struct ClientTerms<'a> {
    acks: i16,
    context: &'a ProduceContext,
    guard: VerificationGuard,
    validated: Option<Result<Validated, Rejection>>,
}

/// How records are appended.
pub(super) struct AppendTerms<'a> {
    /// -1 where enough replicas have to be in sync.
    pub(super) acks: i16,
    pub(super) origin: AppendOrigin,
    pub(super) context: &'a TransactionContext,
    /// What is known of them already.
    pub(super) validated: Option<Result<Validated, Rejection>>,
}

/// A Produce whose acks are not met yet.
#[derive(Clone, Debug)]
pub(super) struct DelayedProduce {
    token: u64,
    /// Complete but for what is pending.
    response: ProduceResponse,
    pending: Vec<PendingProduce>,
}

#[derive(Clone, Debug)]
struct PendingProduce {
    partition: TopicPartition,
    /// Where its result is in the response: topic and partition.
    place: (usize, usize),
    until: Until,
}

/// What an append waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// acks=all: the high watermark is here.
    Committed(Offset),
    /// acks=1 where every append is flushed: the leader's log is stored up to here.
    Stored(Offset),
}

/// Whether only coordinators write to a topic.
pub(super) fn is_internal(topic: &Str) -> bool {
    INTERNAL_TOPICS.iter().any(|&internal| *topic == internal)
}

impl ReplicaManager {
    /// Takes a Produce request; the answer comes as an [`Output`] with `token`, at once or when its acks are met.
    pub fn append_records(
        &mut self,
        now: Now,
        stores: &mut [StoreQueue],
        request: ProduceRequest,
        context: &ProduceContext,
        token: u64,
    ) {
        if let Some((request, verified)) = self.verify_produce(now, request, context, token, now.monotonic) {
            self.unpack(now, stores, request, context.clone(), verified, token);
        }
    }

    /// Takes it once it is known which of its transactional batches belong to their transaction, and its compressed ones were
    /// unpacked.
    pub(super) fn append_unpacked(
        &mut self,
        now: Now,
        stores: &mut [StoreQueue],
        request: ProduceRequest,
        context: &ProduceContext,
        verified: &VerifiedProduce,
        mut unpacked: Unpacked,
        token: u64,
    ) {
        let acks = request.acks;
        let mut pending = Vec::new();
        let mut response = ProduceResponse::default();
        for (topic_place, topic) in request.topic_data.into_iter().enumerate() {
            let mut results = Vec::with_capacity(topic.partition_data.len());
            let name = self.topic_name(topic.topic_id, &topic.name);
            for (place, data) in topic.partition_data.into_iter().enumerate() {
                let appended = name.clone().map_err(|code| AppendError::new(code, "")).and_then(|name| {
                    let partition = TopicPartition { topic: name, partition: data.index };
                    let guard = verified.guard(&partition)?;
                    let validated = unpacked.remove(&(topic_place, place));
                    let terms = ClientTerms { acks, context, guard, validated };
                    self.append_of_client(now, stores, &partition, &data, terms).map(|appended| (partition, appended))
                });
                if let Ok((partition, info)) = &appended {
                    pending.extend(self.until(partition, info.last_offset + 1, acks).map(|until| PendingProduce {
                        partition: partition.clone(),
                        place: (topic_place, place),
                        until,
                    }));
                }
                results.push(self.produce_result(
                    &name.clone().unwrap_or_default(),
                    data.index,
                    appended.map(|(_, info)| info),
                ));
            }
            response.responses.push(TopicProduceResponse {
                name: topic.name,
                topic_id: topic.topic_id,
                partition_responses: results,
            });
        }
        let produce = DelayedProduce { token, response, pending };
        if acks == 0 {
            self.outputs.push_back(produce.without_acks());
        } else if produce.pending.is_empty() {
            self.respond_produce(produce);
        } else {
            self.watch_produce(now, produce, request.timeout_ms);
        }
        self.settle(now);
        // What was appended may be more than memory shall hold.
        self.logs.tick(now, stores);
    }

    fn watch_produce(&mut self, now: Now, produce: DelayedProduce, timeout_ms: i32) {
        let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or_default());
        let keys: Vec<_> = produce.pending.iter().map(|pending| pending.partition.clone()).collect();
        let partitions = keys.clone();
        let id = self.produces.watch(produce, keys, now.monotonic + timeout);
        // What a single replica commits, and what was committed before, is answered at once.
        for partition in &partitions {
            self.try_complete_produce(id, partition);
        }
    }

    /// Appends to one partition for a client.
    fn append_of_client(
        &mut self,
        now: Now,
        stores: &mut [StoreQueue],
        partition: &TopicPartition,
        data: &PartitionProduceData,
        terms: ClientTerms<'_>,
    ) -> Result<AppendInfo, AppendError> {
        let ClientTerms { acks, context, guard, validated } = terms;
        if !(-1..=1).contains(&acks) {
            return Err(AppendError::new(ErrorCode::InvalidRequiredAcks, ""));
        }
        if is_internal(&partition.topic)
            && context.client_id.as_ref().is_none_or(|client_id| *client_id != ADMIN_CLIENT_ID)
        {
            return Err(AppendError::new(
                ErrorCode::InvalidTopicException,
                alloc::format!("Cannot append to internal topic {}", partition.topic),
            ));
        }
        let bytes = data.records.as_ref().map(Records::to_bytes).unwrap_or_default();
        check_produce_records(context.version, &bytes)?;
        let verified = self.partitions.get(partition).is_some_and(|hosted| hosted.settings.verify_transactions);
        let transaction = TransactionContext { guard, verified, ..TransactionContext::default() };
        let terms = AppendTerms { acks, origin: AppendOrigin::Client, context: &transaction, validated };
        self.append(now, stores, partition, &bytes, terms)
    }

    /// Appends to a partition this broker leads; the high watermark moves where that is enough for it.
    pub(super) fn append(
        &mut self,
        now: Now,
        stores: &mut [StoreQueue],
        partition: &TopicPartition,
        records: &[u8],
        terms: AppendTerms<'_>,
    ) -> Result<AppendInfo, AppendError> {
        let refused = |code| AppendError::new(code, "");
        let (hosted, _) = self.led(partition).map_err(refused)?;
        if terms.acks == -1
            && let Some(text) = hosted.partition.not_enough_replicas(hosted.settings.min_in_sync_replicas)
        {
            return Err(AppendError::new(ErrorCode::NotEnoughReplicas, text));
        }
        let leader_epoch = hosted.partition.assignment.leader_epoch;
        let log = self.logs.log_mut(partition).ok_or_else(|| refused(ErrorCode::KafkaStorageError))?;
        let store = store_of(stores, log.directory()).map_err(refused)?;
        let how = (terms.origin, terms.context);
        let info = log.append_validated(now, records, leader_epoch, how, terms.validated, store)?;
        if !info.duplicate {
            self.advance_high_watermark(now, partition);
            // Followers may read it at once, whatever the high watermark does.
            self.touch(partition);
        }
        Ok(info)
    }

    /// What an append up to `end` waits for; `None` where it is done at once.
    pub(super) fn until(&self, partition: &TopicPartition, end: Offset, acks: i16) -> Option<Until> {
        match acks {
            -1 => Some(Until::Committed(end)),
            1 if self.partitions.get(partition).is_some_and(|hosted| hosted.settings.flush_every_append) => {
                Some(Until::Stored(end))
            }
            _ => None,
        }
    }

    /// What came of waiting: `None` while it goes on.
    pub(super) fn check_until(&self, partition: &TopicPartition, until: Until) -> Option<Result<(), ErrorCode>> {
        let (hosted, log) = match self.led(partition) {
            Ok(led) => led,
            Err(error) => return Some(Err(error)),
        };
        match until {
            Until::Stored(end) => (log.recovery_point() >= end).then_some(Ok(())),
            Until::Committed(end) if log.high_watermark() < end => None,
            Until::Committed(_) => {
                let enough = hosted.partition.leadership().is_some_and(|leadership| {
                    let required = hosted.partition.effective_min_isr(hosted.settings.min_in_sync_replicas);
                    leadership.state.maximal_isr_size() >= required
                });
                Some(if enough { Ok(()) } else { Err(ErrorCode::NotEnoughReplicasAfterAppend) })
            }
        }
    }

    /// Answers a waiting Produce where nothing of it is pending any more, now that something happened to `partition`.
    pub(super) fn try_complete_produce(&mut self, id: OperationId, partition: &TopicPartition) {
        let Some(produce) = self.produces.operation(id) else { return };
        let outcomes: Vec<_> = produce
            .pending
            .iter()
            .filter(|pending| pending.partition == *partition)
            .filter_map(|pending| Some((pending.place, self.check_until(&pending.partition, pending.until)?)))
            .collect();
        let Some(produce) = self.produces.operation_mut(id) else { return };
        for (place, outcome) in outcomes {
            produce.pending.retain(|pending| pending.place != place);
            if let Err(error) = outcome {
                produce.set_error(place, error);
            }
        }
        if produce.pending.is_empty()
            && let Some(produce) = self.produces.complete(id)
        {
            self.respond_produce(produce);
        }
    }

    /// Its time is over: what is still pending timed out.
    pub(super) fn expire_produce(&mut self, mut produce: DelayedProduce) {
        for pending in core::mem::take(&mut produce.pending) {
            produce.set_error(pending.place, ErrorCode::RequestTimedOut);
        }
        self.respond_produce(produce);
    }

    fn respond_produce(&mut self, produce: DelayedProduce) {
        let response = Response::Produce(produce.response);
        self.outputs.push_back(Output::Respond { token: produce.token, response });
    }

    fn produce_result(
        &self,
        topic: &Str,
        index: i32,
        appended: Result<AppendInfo, AppendError>,
    ) -> PartitionProduceResponse {
        let refused = match appended {
            Ok(info) => {
                return PartitionProduceResponse {
                    index,
                    base_offset: info.first_offset,
                    log_append_time_ms: info.append_time,
                    log_start_offset: info.log_start_offset,
                    ..PartitionProduceResponse::default()
                };
            }
            Err(refused) => refused,
        };
        let mut current_leader = LeaderIdAndEpoch::default();
        if refused.code == ErrorCode::NotLeaderOrFollower {
            let partition = TopicPartition { topic: topic.clone(), partition: index };
            if let Some((leader_id, leader_epoch)) = self.current_leader(&partition) {
                current_leader = LeaderIdAndEpoch { leader_id, leader_epoch };
            }
        }
        PartitionProduceResponse {
            index,
            error_code: refused.code.code(),
            base_offset: -1,
            record_errors: refused
                .record_errors
                .into_iter()
                .map(|record| BatchIndexAndErrorMessage {
                    batch_index: record.batch_index,
                    batch_index_error_message: Some(record.message.into()),
                })
                .collect(),
            error_message: refused.is_told.then(|| refused.message.into()),
            current_leader,
            ..PartitionProduceResponse::default()
        }
    }
}

impl DelayedProduce {
    fn set_error(&mut self, (topic, partition): (usize, usize), error: ErrorCode) {
        let result =
            self.response.responses.get_mut(topic).and_then(|topic| topic.partition_responses.get_mut(partition));
        if let Some(result) = result {
            result.error_code = error.code();
        }
    }

    /// acks=0: there is no answer, so an error can only be told by closing the connection.
    fn without_acks(self) -> Output {
        let failed = |result: &PartitionProduceResponse| result.error_code != ErrorCode::None.code();
        let token = self.token;
        if self.response.responses.iter().flat_map(|topic| &topic.partition_responses).any(failed) {
            Output::CloseConnection { token }
        } else {
            Output::NoResponse { token }
        }
    }
}
