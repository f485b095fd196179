//! Transactions as the leader of a partition sees them: markers that end them, and batches that begin them only once their
//! coordinator said that it knows of it (KIP-890).

use super::produce::{AppendTerms, Until};
use super::{Output, ReplicaManager};
use crate::ids::{Offset, ProducerId, TopicPartition};
use crate::log::storage::StoreQueue;
use crate::log::{AppendError, AppendOrigin, TransactionContext, UnifiedLog, VerificationGuard};
use crate::protocol::ErrorCode;
use crate::protocol::messages::describe_producers_response::{PartitionResponse, ProducerState};
use crate::protocol::messages::{ProduceRequest, produce_request::PartitionProduceData};
use crate::purgatory::OperationId;
use crate::record::BatchHeader;
use crate::record::control::end_transaction_marker;
use crate::replication::replica_manager::ProduceContext;
use crate::sorted::{SortedMap, SortedSet};
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::vec::Vec;

/// First version of Produce whose clients know `TRANSACTION_ABORTABLE`.
const GENERIC_ERROR_FROM: i16 = 11;
/// First version of Produce that adds its partitions to the transaction.
const ADD_PARTITION_FROM: i16 = 12;

/// The marker that ends a transaction of a producer in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionMarker {
    /// The producer.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: i16,
    /// Epoch of the coordinator: the leader epoch of its partition.
    pub coordinator_epoch: i32,
    /// It commits; else it aborts.
    pub committed: bool,
    /// `TransactionVersion` of the transaction; from 2 on the marker has an epoch of its own.
    pub transaction_version: i8,
}

/// A marker that is not replicated yet.
#[derive(Clone, Debug)]
pub(super) struct DelayedMarker {
    marker_id: u64,
    partition: TopicPartition,
    end: Offset,
}

/// What the client that began a transaction understands (Kafka's `TransactionSupportedOperation`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionSupportedOperation {
    /// The errors of the first versions.
    DefaultError,
    /// `TRANSACTION_ABORTABLE` too.
    GenericErrorSupported,
    /// Its partitions are added to the transaction, which it does not do itself (transaction version 2).
    AddPartition,
}

impl TransactionSupportedOperation {
    /// What the client of a Produce request of this version understands.
    pub const fn of_produce(version: i16) -> Self {
        if version >= ADD_PARTITION_FROM {
            Self::AddPartition
        } else if version >= GENERIC_ERROR_FROM {
            Self::GenericErrorSupported
        } else {
            Self::DefaultError
        }
    }

    /// What the client of a `TxnOffsetCommit` request of this version understands.
    pub const fn of_txn_offset_commit(version: i16) -> Self {
        match version {
            ..=3 => Self::DefaultError,
            4 => Self::GenericErrorSupported,
            5.. => Self::AddPartition,
        }
    }

    /// The producer's epoch is raised with every transaction.
    pub const fn supports_epoch_bump(self) -> bool {
        matches!(self, Self::AddPartition)
    }
}

/// A question to the coordinator of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionVerification {
    /// The transaction's name.
    pub transactional_id: Str,
    /// Its producer.
    pub producer_id: ProducerId,
    /// The producer's epoch.
    pub producer_epoch: i16,
    /// The partitions that are to belong to it.
    pub partitions: Vec<TopicPartition>,
    /// What the client understands; decides whether the partitions are added or only looked for.
    pub operation: TransactionSupportedOperation,
}

/// A Produce that waits for the coordinator of its transaction.
#[derive(Clone, Debug)]
pub(super) struct VerifyingProduce {
    request: ProduceRequest,
    context: ProduceContext,
    token: u64,
    verified: VerifiedProduce,
    /// When the coordinator was first asked.
    started: Instant,
    /// When it is asked again; `None` while it is being asked.
    retry_at: Option<Instant>,
}

/// What a coordinator of this node is to append, waiting for the same.
#[derive(Clone, Debug)]
pub(super) struct VerifyingLocal {
    pub(super) token: u64,
    pub(super) partition: TopicPartition,
    pub(super) guard: VerificationGuard,
}

/// What is known of a Produce before it is appended.
#[derive(Clone, Debug, Default)]
pub(super) struct VerifiedProduce {
    /// Why nothing of it is appended.
    refused: Option<AppendError>,
    /// Partitions that are not appended to.
    errors: SortedMap<TopicPartition, ErrorCode>,
    guards: SortedMap<TopicPartition, VerificationGuard>,
    epoch_bump: bool,
}

impl VerifiedProduce {
    /// The guard to append to `partition` with, or why not to.
    pub(super) fn guard(&self, partition: &TopicPartition) -> Result<VerificationGuard, AppendError> {
        if let Some(refused) = &self.refused {
            return Err(refused.clone());
        }
        match self.errors.get(partition) {
            Some(&error) => Err(self.refusal(error)),
            None => Ok(self.guards.get(partition).copied().unwrap_or_default()),
        }
    }

    /// What a client makes the right thing of: older ones do not repeat a Produce for the errors of a coordinator.
    fn refusal(&self, error: ErrorCode) -> AppendError {
        let retriable = match error {
            ErrorCode::InvalidTxnState => {
                return AppendError::told(error, "Partition was not added to the transaction");
            }
            ErrorCode::NetworkException
            | ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NotCoordinator => true,
            ErrorCode::ConcurrentTransactions => !self.epoch_bump,
            _ => false,
        };
        if !retriable {
            return AppendError::new(error, "");
        }
        let name = error.name();
        AppendError::told(
            ErrorCode::NotEnoughReplicas,
            alloc::format!(
                "Unable to verify the partition has been added to the transaction. Underlying error: {name}"
            ),
        )
    }
}

impl ReplicaManager {
    /// Appends the marker that ends a transaction; [`Output::MarkerWritten`] with `marker_id` follows, at once or when it is
    /// replicated, or was not within `timeout`.
    pub fn append_marker(
        &mut self,
        now: Now,
        stores: &mut [StoreQueue],
        partition: &TopicPartition,
        marker: &TransactionMarker,
        timeout: Duration,
        marker_id: u64,
    ) {
        let TransactionMarker { producer_id, producer_epoch, coordinator_epoch, committed, .. } = *marker;
        let context = TransactionContext { transaction_version: marker.transaction_version, ..Default::default() };
        let batch = end_transaction_marker(now.wall_ms, producer_id, producer_epoch, coordinator_epoch, committed);
        let appended = if self.is_online(partition) {
            let terms = AppendTerms { acks: -1, origin: AppendOrigin::Coordinator, context: &context, validated: None };
            self.append(now, stores, partition, &batch, terms)
        } else {
            Err(AppendError::new(ErrorCode::UnknownTopicOrPartition, ""))
        };
        match appended {
            Ok(info) => {
                let delayed = DelayedMarker { marker_id, partition: partition.clone(), end: info.last_offset + 1 };
                let id = self.markers.watch(delayed, [partition.clone()], now.monotonic + timeout);
                self.try_complete_marker(id);
            }
            Err(refused) => self.marker_written(marker_id, refused.code),
        }
        self.settle(now);
    }

    /// Tells of a marker whose fate is known now.
    pub(super) fn try_complete_marker(&mut self, id: OperationId) {
        let Some(marker) = self.markers.operation(id) else { return };
        let Some(outcome) = self.check_until(&marker.partition, Until::Committed(marker.end)) else { return };
        if let Some(marker) = self.markers.complete(id) {
            self.marker_written(marker.marker_id, outcome.err().unwrap_or(ErrorCode::None));
        }
    }

    /// Its time is over.
    pub(super) fn expire_marker(&mut self, marker: &DelayedMarker) {
        self.marker_written(marker.marker_id, ErrorCode::RequestTimedOut);
    }

    fn marker_written(&mut self, marker_id: u64, error: ErrorCode) {
        self.outputs.push_back(Output::MarkerWritten { marker_id, error });
    }

    /// Asks the coordinator of a transaction whether what a Produce begins belongs to it. Gives the request back where
    /// there is nothing to ask, with what is known of it.
    pub(super) fn verify_produce(
        &mut self,
        now: Now,
        request: ProduceRequest,
        context: &ProduceContext,
        token: u64,
        started: Instant,
    ) -> Option<(ProduceRequest, VerifiedProduce)> {
        let operation = TransactionSupportedOperation::of_produce(context.version);
        let mut verified = VerifiedProduce { epoch_bump: operation.supports_epoch_bump(), ..Default::default() };
        let batches = self.transactional_batches(&request);
        let producers: SortedSet<(ProducerId, i16)> =
            batches.iter().map(|(_, batch)| (batch.producer_id, batch.producer_epoch)).collect();
        let Some(&(producer_id, producer_epoch)) = producers.first() else { return Some((request, verified)) };
        let Some(transactional_id) = request.transactional_id.clone() else {
            verified.refused = Some(AppendError::new(ErrorCode::TransactionalIdAuthorizationFailed, ""));
            return Some((request, verified));
        };
        if producers.len() > 1 {
            let text = "Transactional records contained more than one producer ID";
            verified.refused = Some(AppendError::told(ErrorCode::InvalidProducerIdMapping, text));
            return Some((request, verified));
        }
        for (partition, batch) in batches {
            let at = (producer_epoch, batch.base_sequence);
            match self.start_verification(now, &partition, producer_id, at, operation) {
                Ok(Some(guard)) => {
                    verified.guards.insert(partition, guard);
                }
                Ok(None) => {}
                Err(error) => {
                    verified.errors.insert(partition, error);
                }
            }
        }
        if verified.guards.is_empty() {
            return Some((request, verified));
        }
        let partitions = verified.guards.keys().cloned().collect();
        let verification =
            TransactionVerification { transactional_id, producer_id, producer_epoch, partitions, operation };
        let verification_id = self.next_id();
        let context = context.clone();
        let waiting = VerifyingProduce { request, context, token, verified, started, retry_at: None };
        self.verifying.insert(verification_id, waiting);
        self.outputs.push_back(Output::VerifyTransaction { verification_id, verification });
        None
    }

    /// The coordinator answered a question, or could not: the partitions that are no part of the transaction, and why.
    pub fn transaction_verified(
        &mut self,
        now: Now,
        stores: &mut [StoreQueue],
        verification_id: u64,
        errors: &[(TopicPartition, ErrorCode)],
    ) {
        if let Some(waiting) = self.verifying_local.remove(&verification_id) {
            return self.take_local_verification(&waiting, errors);
        }
        let Some(mut waiting) = self.verifying.remove(&verification_id) else { return };
        if self.may_retry(now, &waiting, errors) {
            waiting.retry_at = Some(now.monotonic + self.config.given.log.add_partitions_to_txn_retry_backoff);
            self.verifying.insert(verification_id, waiting);
            return;
        }
        let VerifyingProduce { request, context, token, mut verified, .. } = waiting;
        verified.errors.extend(errors.iter().cloned());
        self.unpack(now, stores, request, context, verified, token);
    }

    /// A producer whose epoch is raised with every transaction begins the next while the markers of the last are still being
    /// written: that is over soon, and not for the producer to wait for.
    fn may_retry(&self, now: Now, waiting: &VerifyingProduce, errors: &[(TopicPartition, ErrorCode)]) -> bool {
        let limit = self.config.given.log.add_partitions_to_txn_retry_backoff_max;
        let limit = limit.min(self.config.given.network.request_timeout);
        waiting.verified.epoch_bump
            && errors.iter().any(|(_, error)| *error == ErrorCode::ConcurrentTransactions)
            && now.monotonic < waiting.started + limit
    }

    /// When a coordinator is asked again.
    pub(super) fn next_verification(&self) -> Option<Instant> {
        self.verifying.values().filter_map(|waiting| waiting.retry_at).min()
    }

    /// Asks coordinators again.
    pub(super) fn retry_verifications(&mut self, now: Now, stores: &mut [StoreQueue]) {
        let is_due = |(_, waiting): &(&u64, &VerifyingProduce)| waiting.retry_at.is_some_and(|at| at <= now.monotonic);
        let due: Vec<u64> = self.verifying.iter().filter(is_due).map(|(&id, _)| id).collect();
        for id in due {
            let Some(waiting) = self.verifying.remove(&id) else { continue };
            let VerifyingProduce { request, context, token, started, .. } = waiting;
            if let Some((request, verified)) = self.verify_produce(now, request, &context, token, started) {
                self.unpack(now, stores, request, context, verified, token);
            }
        }
    }

    /// The producers of a partition there is a replica of here (`DescribeProducers`, KIP-664).
    pub fn active_producers(&self, partition: &TopicPartition) -> PartitionResponse {
        let partition_index = partition.partition;
        match self.hosted(partition) {
            Ok((_, log)) => {
                PartitionResponse { partition_index, active_producers: producer_states(log), ..Default::default() }
            }
            Err(error) => PartitionResponse { partition_index, error_code: error.code(), ..Default::default() },
        }
    }

    /// A guard where a partition has no transaction of the producer open and is to ask for it.
    pub(super) fn start_verification(
        &mut self,
        now: Now,
        partition: &TopicPartition,
        producer_id: ProducerId,
        epoch_and_sequence: (i16, i32),
        operation: TransactionSupportedOperation,
    ) -> Result<Option<VerificationGuard>, ErrorCode> {
        let (hosted, _) = self.led(partition)?;
        if !hosted.settings.verify_transactions {
            return Ok(None);
        }
        let fresh = VerificationGuard::new(self.next_id());
        let log = self.logs.log_mut(partition).ok_or(ErrorCode::KafkaStorageError)?;
        log.start_verification(now, producer_id, epoch_and_sequence, operation.supports_epoch_bump(), fresh)
    }

    /// The first batch of each partition, of those that are of a transaction. There is but one, which is checked later.
    fn transactional_batches(&self, request: &ProduceRequest) -> Vec<(TopicPartition, BatchHeader)> {
        let of_transaction = |data: &PartitionProduceData| {
            let header = BatchHeader::parse(&data.records.as_ref()?.to_bytes()).ok()?;
            (header.has_producer_id() && header.is_transactional()).then_some(header)
        };
        let mut found = Vec::new();
        for topic in &request.topic_data {
            // Of a topic that is unknown nothing is appended.
            let Ok(name) = self.topic_name(topic.topic_id, &topic.name) else { continue };
            let batches = topic.partition_data.iter().filter_map(|data| Some((data.index, of_transaction(data)?)));
            found
                .extend(batches.map(|(partition, header)| (TopicPartition { topic: name.clone(), partition }, header)));
        }
        found
    }
}

fn producer_states(log: &UnifiedLog) -> Vec<ProducerState> {
    let producers = log.producer_state().producers().iter();
    let states = producers.map(|(&producer_id, entry)| ProducerState {
        producer_id,
        producer_epoch: i32::from(entry.producer_epoch),
        last_sequence: entry.last_sequence(),
        last_timestamp: entry.last_timestamp,
        coordinator_epoch: entry.coordinator_epoch,
        current_txn_start_offset: entry.current_txn_first_offset.unwrap_or(-1),
    });
    states.collect()
}
