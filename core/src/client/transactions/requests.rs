//! The requests of a transaction: one under way at a time, the most urgent first.

use super::{
    ConsumerGroupMetadata, FIRST_INIT_WITH_EPOCH, TransactionError, TransactionErrorKind, TransactionManager,
    TransactionOperation, TransactionalOffset,
};
use crate::client::accumulator::ProducerIdentity;
use crate::client::producer::Purpose;
use crate::client::{Answer, AnswerError, NetworkClient, RequestFailed, RequestOptions, Target};
use crate::ids::TopicPartition;
use crate::protocol::ErrorCode;
use crate::protocol::messages::add_partitions_to_txn_request::{AddPartitionsToTxnRequest, AddPartitionsToTxnTopic};
use crate::protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use crate::protocol::messages::{AddOffsetsToTxnRequest, EndTxnRequest, FindCoordinatorRequest, InitProducerIdRequest};
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Duration, Now};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The last version of `AddPartitionsToTxn` for clients; later ones are between brokers.
const ADD_PARTITIONS_OF_CLIENTS: i16 = 3;
/// The last versions without the second kind of transactions.
const END_TXN_V1: i16 = 4;
const TXN_OFFSET_COMMIT_V1: i16 = 4;
/// A transaction that is still being completed is soon done: wait no longer than that to begin the next.
const ADD_PARTITIONS_BACKOFF: Duration = Duration::from_millis(20);

/// What is asked.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    FindCoordinator {
        is_group: bool,
        key: Str,
    },
    /// `before`: the epoch of this is to be counted up.
    InitProducerId {
        before: Option<ProducerIdentity>,
    },
    AddPartitions,
    AddOffsets {
        offsets: SortedMap<TopicPartition, TransactionalOffset>,
        group: ConsumerGroupMetadata,
    },
    TxnOffsetCommit {
        group: ConsumerGroupMetadata,
    },
    EndTxn {
        is_commit: bool,
        identity: ProducerIdentity,
        is_v2: bool,
    },
}

impl Kind {
    /// The lower, the sooner.
    fn rank(&self) -> u8 {
        match self {
            Self::FindCoordinator { .. } => 0,
            Self::InitProducerId { before: None } => 1,
            Self::AddPartitions | Self::AddOffsets { .. } | Self::TxnOffsetCommit { .. } => 2,
            Self::EndTxn { .. } => 3,
            Self::InitProducerId { before: Some(_) } => 4,
        }
    }

    /// The first version of which a client heeds the throttle time.
    const fn first_that_throttles(&self) -> i16 {
        if matches!(self, Self::FindCoordinator { .. }) { 2 } else { 1 }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::FindCoordinator { .. } => "FIND_COORDINATOR",
            Self::InitProducerId { .. } => "INIT_PRODUCER_ID",
            Self::AddPartitions => "ADD_PARTITIONS_TO_TXN",
            Self::AddOffsets { .. } => "ADD_OFFSETS_TO_TXN",
            Self::TxnOffsetCommit { .. } => "TXN_OFFSET_COMMIT",
            Self::EndTxn { .. } => "END_TXN",
        }
    }
}

/// A request that waits, or was sent.
#[derive(Clone, Debug)]
pub(super) struct Queued {
    kind: Kind,
    /// Which call ends with it.
    operation: Option<TransactionOperation>,
    pub(super) not_before: crate::time::Instant,
}

/// What is sent.
impl TransactionManager {
    pub(super) fn enqueue(&mut self, kind: Kind, operation: Option<TransactionOperation>) {
        self.put(Queued { kind, operation, not_before: crate::time::Instant::ZERO });
    }

    fn put(&mut self, queued: Queued) {
        let rank = queued.kind.rank();
        let at = self.queue.iter().position(|other| other.kind.rank() > rank).unwrap_or(self.queue.len());
        self.queue.insert(at, queued);
    }

    /// Sends the next request, if any may go now; `has_incomplete`: records are not delivered yet. Answers whether one went.
    pub(in super::super) fn send_next(
        &mut self,
        now: Now,
        network: &mut NetworkClient<Purpose>,
        has_incomplete: bool,
    ) -> bool {
        while self.in_flight.is_none() {
            if !self.new_partitions.is_empty() {
                self.pending_partitions.extend(core::mem::take(&mut self.new_partitions));
                if !self.queue.iter().any(|queued| matches!(queued.kind, Kind::AddPartitions)) {
                    self.enqueue(Kind::AddPartitions, None);
                }
            }
            let Some(next) = self.queue.first() else { return false };
            let is_end = matches!(next.kind, Kind::EndTxn { .. });
            if (is_end && has_incomplete) || next.not_before > now.monotonic {
                return false;
            }
            let next = self.queue.remove(0);
            let is_harmless = matches!(next.kind, Kind::FindCoordinator { .. }) && !self.has_fatal_error();
            if let Some(error) = self.error().filter(|_| !is_harmless) {
                if let Some(operation) = next.operation {
                    self.conclude(operation, Err(error));
                }
                continue;
            }
            if is_end && !self.is_started {
                // Nothing that the coordinator knows of.
                self.completed();
                if let Some(operation) = next.operation {
                    self.conclude(operation, Ok(()));
                }
                continue;
            }
            let Some(target) = self.target(&next.kind) else {
                let kind = self.lookup(&next.kind);
                self.put(next);
                self.enqueue(kind, None);
                continue;
            };
            self.send(now, network, target, &next.kind);
            self.in_flight = Some(next);
            return true;
        }
        false
    }

    /// Why nothing more is asked for.
    fn error(&self) -> Option<TransactionError> {
        let is_error = matches!(self.state, super::State::AbortableError | super::State::FatalError);
        self.last_error.clone().filter(|_| is_error)
    }

    /// Who is asked; nobody where the coordinator is not known.
    fn target(&self, kind: &Kind) -> Option<Target> {
        match kind {
            Kind::FindCoordinator { .. } => Some(Target::Any),
            Kind::TxnOffsetCommit { .. } => self.group_coordinator.map(Target::Node),
            _ => self.coordinator.map(Target::Node),
        }
    }

    /// Forgets the coordinator that this kind is for; what is to be asked to know it again.
    fn lookup(&mut self, kind: &Kind) -> Kind {
        if let Kind::TxnOffsetCommit { group } = kind {
            self.group_coordinator = None;
            return Kind::FindCoordinator { is_group: true, key: group.group_id.clone() };
        }
        self.coordinator = None;
        Kind::FindCoordinator { is_group: false, key: self.config.transactional_id.clone() }
    }

    fn send(&self, now: Now, network: &mut NetworkClient<Purpose>, to: Target, kind: &Kind) {
        let transactional_id = self.config.transactional_id.clone();
        let of = |identity: Option<ProducerIdentity>| {
            identity.map_or((-1, -1), |identity| (identity.producer_id, identity.producer_epoch))
        };
        let (producer_id, producer_epoch) = of(self.identity);
        let at_most = |max_version: Option<i16>| RequestOptions { max_version, ..RequestOptions::default() };
        match kind {
            Kind::FindCoordinator { is_group, key } => {
                let request = FindCoordinatorRequest {
                    key: key.clone(),
                    key_type: i8::from(!is_group),
                    coordinator_keys: alloc::vec![key.clone()],
                };
                network.send(now, to, request, Purpose::Transaction);
            }
            Kind::InitProducerId { before } => {
                let (producer_id, producer_epoch) = of(*before);
                let request = InitProducerIdRequest {
                    transactional_id: Some(transactional_id),
                    transaction_timeout_ms: i32::try_from(self.config.timeout.as_millis()).unwrap_or(i32::MAX),
                    producer_id,
                    producer_epoch,
                    ..InitProducerIdRequest::default()
                };
                network.send(now, to, request, Purpose::Transaction);
            }
            Kind::AddPartitions => {
                let mut topics: SortedMap<Str, Vec<i32>> = SortedMap::new();
                for partition in &self.pending_partitions {
                    topics.entry(partition.topic.clone()).or_default().push(partition.partition);
                }
                let topics = topics.into_iter().map(|(name, partitions)| AddPartitionsToTxnTopic { name, partitions });
                let request = AddPartitionsToTxnRequest {
                    v3_and_below_transactional_id: transactional_id,
                    v3_and_below_producer_id: producer_id,
                    v3_and_below_producer_epoch: producer_epoch,
                    v3_and_below_topics: topics.collect(),
                    ..AddPartitionsToTxnRequest::default()
                };
                let options = at_most(Some(ADD_PARTITIONS_OF_CLIENTS));
                network.send_with(now, to, request, Purpose::Transaction, options);
            }
            Kind::AddOffsets { group, .. } => {
                let group_id = group.group_id.clone();
                let request = AddOffsetsToTxnRequest { transactional_id, producer_id, producer_epoch, group_id };
                network.send(now, to, request, Purpose::Transaction);
            }
            Kind::TxnOffsetCommit { group } => {
                let request = TxnOffsetCommitRequest {
                    transactional_id,
                    group_id: group.group_id.clone(),
                    producer_id,
                    producer_epoch,
                    generation_id: group.generation_id,
                    member_id: group.member_id.clone(),
                    group_instance_id: group.group_instance_id.clone(),
                    topics: self.offsets_by_topic(),
                };
                let options = at_most((!self.is_v2).then_some(TXN_OFFSET_COMMIT_V1));
                network.send_with(now, to, request, Purpose::Transaction, options);
            }
            Kind::EndTxn { is_commit, identity, is_v2 } => {
                let (producer_id, producer_epoch) = of(Some(*identity));
                let request = EndTxnRequest { transactional_id, producer_id, producer_epoch, committed: *is_commit };
                network.send_with(now, to, request, Purpose::Transaction, at_most((!is_v2).then_some(END_TXN_V1)));
            }
        }
    }

    fn offsets_by_topic(&self) -> Vec<TxnOffsetCommitRequestTopic> {
        let mut topics: SortedMap<Str, Vec<TxnOffsetCommitRequestPartition>> = SortedMap::new();
        for (at, offset) in &self.offsets {
            topics.entry(at.topic.clone()).or_default().push(TxnOffsetCommitRequestPartition {
                partition_index: at.partition,
                committed_offset: offset.offset,
                committed_leader_epoch: offset.leader_epoch,
                committed_metadata: Some(offset.metadata.clone()),
            });
        }
        topics.into_iter().map(|(name, partitions)| TxnOffsetCommitRequestTopic { name, partitions }).collect()
    }
}

/// What is answered. Each answer has the milliseconds for which nothing more is sent to its broker.
impl TransactionManager {
    /// Takes the answer of the request under way.
    pub(in super::super) fn answered(
        &mut self,
        now: Now,
        network: &mut NetworkClient<Purpose>,
        answer: &Answer<Purpose>,
    ) {
        let Some(asked) = self.in_flight.take() else { return };
        let answered = match asked.kind {
            Kind::FindCoordinator { .. } => self.coordinator_answered(now, network, &asked, answer),
            Kind::InitProducerId { .. } => self.producer_id_answered(now, &asked, answer),
            Kind::AddPartitions => self.partitions_answered(now, &asked, answer),
            Kind::AddOffsets { .. } => self.added_offsets_answered(now, &asked, answer),
            Kind::TxnOffsetCommit { .. } => self.offsets_answered(now, &asked, answer),
            Kind::EndTxn { .. } => self.end_answered(now, &asked, answer),
        };
        match answered {
            Ok(throttle_ms) if answer.version >= Some(asked.kind.first_that_throttles()) => {
                if let Some(node) = answer.node {
                    network.throttle(now, node, throttle_ms);
                }
            }
            // Up to then the broker itself waits before it reads on (KIP-219).
            Ok(_) => {}
            Err(AnswerError::Failed(RequestFailed::Disconnected | RequestFailed::TimedOut)) => {
                if matches!(asked.kind, Kind::FindCoordinator { .. }) {
                    self.retry(now, &asked);
                } else {
                    self.retry_elsewhere(now, &asked);
                }
            }
            Err(AnswerError::Failed(RequestFailed::UnsupportedVersion)) => {
                let kind = TransactionErrorKind::Api(ErrorCode::UnsupportedVersion);
                let message = format!("The node does not support {}", asked.kind.name());
                self.fatal(&asked, TransactionError::new(kind, message));
            }
            Err(AnswerError::Malformed(_)) => {
                let message = "Could not execute transactional request for unknown reasons";
                self.fatal(&asked, TransactionError::kafka(message));
            }
        }
    }

    fn coordinator_answered(
        &mut self,
        now: Now,
        network: &mut NetworkClient<Purpose>,
        asked: &Queued,
        answer: &Answer<Purpose>,
    ) -> Result<i32, AnswerError> {
        let response = answer.decode::<FindCoordinatorRequest>()?;
        let Kind::FindCoordinator { is_group, key } = &asked.kind else { return Ok(response.throttle_time_ms) };
        // Up to version 3 there is one, in fields of its own.
        let found = response.coordinators.first();
        let (code, node, host, port) = found
            .map_or((response.error_code, response.node_id, &response.host, response.port), |found| {
                (found.error_code, found.node_id, &found.host, found.port)
            });
        match error_of(code) {
            ErrorCode::None => {
                network.learn_broker(now, node, host, u16::try_from(port).unwrap_or_default());
                let coordinator = if *is_group { &mut self.group_coordinator } else { &mut self.coordinator };
                *coordinator = Some(node);
            }
            error if error.is_retriable() => self.retry(now, asked),
            error @ ErrorCode::TransactionalIdAuthorizationFailed => self.fatal(asked, TransactionError::api(error)),
            ErrorCode::GroupAuthorizationFailed => self.abortable(asked, TransactionError::group_authorization(key)),
            error @ ErrorCode::TransactionAbortable => self.abortable(asked, TransactionError::api(error)),
            error => {
                let message = found.map_or(&response.error_message, |found| &found.error_message);
                let kind = if *is_group { "GROUP" } else { "TRANSACTION" };
                let message = message.as_ref().map_or(error.message(), |message| &**message);
                self.fatal(
                    asked,
                    TransactionError::kafka(format!(
                        "Could not find a coordinator with type {kind} with key {key} due to unexpected error: {message}"
                    )),
                );
            }
        }
        Ok(response.throttle_time_ms)
    }

    fn producer_id_answered(&mut self, now: Now, asked: &Queued, answer: &Answer<Purpose>) -> Result<i32, AnswerError> {
        let response = answer.decode::<InitProducerIdRequest>()?;
        let what = "Unexpected error in InitProducerIdResponse; ";
        match error_of(response.error_code) {
            ErrorCode::None => {
                self.can_bump_epoch = answer.version >= Some(FIRST_INIT_WITH_EPOCH);
                let (producer_id, producer_epoch) = (response.producer_id, response.producer_epoch);
                self.identity = Some(ProducerIdentity { producer_id, producer_epoch });
                self.become_by_itself(super::State::Ready);
                self.done(asked);
            }
            error @ (ErrorCode::TransactionalIdAuthorizationFailed | ErrorCode::ClusterAuthorizationFailed) => {
                self.abortable(asked, TransactionError::api(error));
            }
            error @ (ErrorCode::InvalidTxnState
            | ErrorCode::InvalidProducerIdMapping
            | ErrorCode::UnknownProducerId) => {
                self.fatal(asked, TransactionError::kafka(format!("{what}{}", error.message())));
            }
            error => self.failed(now, asked, error, what),
        }
        Ok(response.throttle_time_ms)
    }

    fn partitions_answered(&mut self, now: Now, asked: &Queued, answer: &Answer<Purpose>) -> Result<i32, AnswerError> {
        let response = answer.decode::<AddPartitionsToTxnRequest>()?;
        let mut errors: SortedMap<TopicPartition, ErrorCode> = SortedMap::new();
        for topic in &response.results_by_topic_v3_and_below {
            for result in &topic.results_by_partition {
                let partition = TopicPartition::new(topic.name.clone(), result.partition_index);
                errors.insert(partition, error_of(result.partition_error_code));
            }
        }
        let (mut has_errors, mut unauthorized) = (false, Vec::new());
        for (partition, error) in &errors {
            match *error {
                ErrorCode::None => {}
                ErrorCode::TopicAuthorizationFailed => {
                    let topic = partition.topic.to_string();
                    if !unauthorized.contains(&topic) {
                        unauthorized.push(topic);
                    }
                }
                ErrorCode::ConcurrentTransactions if self.partitions.is_empty() => {
                    let wait = self.config.retry_backoff.min(ADD_PARTITIONS_BACKOFF);
                    self.put(Queued { not_before: now.monotonic + wait, ..asked.clone() });
                    return Ok(response.throttle_time_ms);
                }
                error if is_of_the_request(error) => {
                    self.failed(now, asked, error, "");
                    return Ok(response.throttle_time_ms);
                }
                _ => has_errors = true,
            }
        }
        for partition in errors.keys() {
            self.pending_partitions.remove(partition);
        }
        if !unauthorized.is_empty() {
            self.abortable(asked, TransactionError::topic_authorization(&unauthorized));
        } else if has_errors {
            let errors: Vec<String> = errors.iter().map(|(at, error)| format!("{at}={}", error.name())).collect();
            let errors = errors.join(", ");
            let message = format!("Could not add partitions to transaction due to errors: {{{errors}}}");
            self.abortable(asked, TransactionError::kafka(message));
        } else {
            self.partitions.extend(errors.into_keys());
            self.is_started = true;
        }
        Ok(response.throttle_time_ms)
    }

    fn added_offsets_answered(
        &mut self,
        now: Now,
        asked: &Queued,
        answer: &Answer<Purpose>,
    ) -> Result<i32, AnswerError> {
        let response = answer.decode::<AddOffsetsToTxnRequest>()?;
        let Kind::AddOffsets { offsets, group } = &asked.kind else { return Ok(response.throttle_time_ms) };
        match error_of(response.error_code) {
            ErrorCode::None => {
                self.offsets.extend(offsets.clone());
                self.is_started = true;
                self.enqueue(Kind::TxnOffsetCommit { group: group.clone() }, asked.operation);
            }
            ErrorCode::GroupAuthorizationFailed => {
                self.abortable(asked, TransactionError::group_authorization(&group.group_id));
            }
            error => self.failed(now, asked, error, "Unexpected error in AddOffsetsToTxnResponse: "),
        }
        Ok(response.throttle_time_ms)
    }

    fn offsets_answered(&mut self, now: Now, asked: &Queued, answer: &Answer<Purpose>) -> Result<i32, AnswerError> {
        let response = answer.decode::<TxnOffsetCommitRequest>()?;
        let Kind::TxnOffsetCommit { group } = &asked.kind else { return Ok(response.throttle_time_ms) };
        let mut has_moved = false;
        for topic in &response.topics {
            for result in &topic.partitions {
                let failure = match error_of(result.error_code) {
                    ErrorCode::None => {
                        self.offsets.remove(&TopicPartition::new(topic.name.clone(), result.partition_index));
                        continue;
                    }
                    ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator | ErrorCode::RequestTimedOut => {
                        has_moved = true;
                        continue;
                    }
                    error if error.is_retriable() => continue,
                    ErrorCode::GroupAuthorizationFailed => Ok(TransactionError::group_authorization(&group.group_id)),
                    error @ (ErrorCode::FencedInstanceId | ErrorCode::TransactionAbortable) => {
                        Ok(TransactionError::api(error))
                    }
                    error @ (ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration) => {
                        let message = format!(
                            "Transaction offset Commit failed due to consumer group metadata mismatch: {}",
                            error.message()
                        );
                        Ok(TransactionError::new(TransactionErrorKind::CommitFailed, message))
                    }
                    ErrorCode::InvalidProducerEpoch => Err(TransactionError::api(ErrorCode::ProducerFenced)),
                    error @ (ErrorCode::ProducerFenced
                    | ErrorCode::TransactionalIdAuthorizationFailed
                    | ErrorCode::UnsupportedForMessageFormat) => Err(TransactionError::api(error)),
                    error => {
                        let message = error.message();
                        let message = format!("Unexpected error in TxnOffsetCommitResponse: {message}");
                        Err(TransactionError::kafka(message))
                    }
                };
                self.offsets.clear();
                match failure {
                    Ok(error) => self.abortable(asked, error),
                    Err(error) => self.fatal(asked, error),
                }
                return Ok(response.throttle_time_ms);
            }
        }
        if self.offsets.is_empty() {
            self.done(asked);
        } else if has_moved {
            self.retry_elsewhere(now, asked);
        } else {
            self.retry(now, asked);
        }
        Ok(response.throttle_time_ms)
    }

    fn end_answered(&mut self, now: Now, asked: &Queued, answer: &Answer<Purpose>) -> Result<i32, AnswerError> {
        let response = answer.decode::<EndTxnRequest>()?;
        let is_abort = matches!(asked.kind, Kind::EndTxn { is_commit: false, .. });
        match error_of(response.error_code) {
            ErrorCode::None => {
                if response.producer_id != -1 {
                    let (producer_id, producer_epoch) = (response.producer_id, response.producer_epoch);
                    self.identity = Some(ProducerIdentity { producer_id, producer_epoch });
                }
                self.completed();
                self.done(asked);
            }
            error @ ErrorCode::TransactionAbortable if is_abort => {
                let error = TransactionError::api(error);
                self.fatal(asked, TransactionError::kafka("Failed to abort transaction").because(error));
            }
            error => self.failed(now, asked, error, "Unhandled error in EndTxnResponse: "),
        }
        Ok(response.throttle_time_ms)
    }

    /// What most requests' errors mean.
    fn failed(&mut self, now: Now, asked: &Queued, error: ErrorCode, what: &str) {
        match error {
            ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => self.retry_elsewhere(now, asked),
            error if error.is_retriable() => self.retry(now, asked),
            // Older coordinators answer the one where they mean the other.
            ErrorCode::InvalidProducerEpoch | ErrorCode::ProducerFenced => {
                self.fatal(asked, TransactionError::api(ErrorCode::ProducerFenced));
            }
            ErrorCode::UnknownProducerId if self.can_bump_epoch || self.is_v2 => {
                self.needs_epoch_bump |= self.bumps_epoch_itself();
                self.abortable(asked, TransactionError::api(error));
            }
            ErrorCode::TransactionalIdAuthorizationFailed
            | ErrorCode::InvalidTxnState
            | ErrorCode::InvalidProducerIdMapping
            | ErrorCode::UnknownProducerId => self.fatal(asked, TransactionError::api(error)),
            ErrorCode::TransactionAbortable => self.abortable(asked, TransactionError::api(error)),
            error => self.fatal(asked, TransactionError::kafka(format!("{what}{}", error.message()))),
        }
    }

    fn retry(&mut self, now: Now, asked: &Queued) {
        self.put(Queued { not_before: now.monotonic + self.config.retry_backoff, ..asked.clone() });
    }

    fn retry_elsewhere(&mut self, now: Now, asked: &Queued) {
        let kind = self.lookup(&asked.kind);
        self.enqueue(kind, None);
        self.retry(now, asked);
    }

    fn done(&mut self, asked: &Queued) {
        if let Some(operation) = asked.operation {
            self.conclude(operation, Ok(()));
        }
    }

    fn fatal(&mut self, asked: &Queued, error: TransactionError) {
        if let Some(operation) = asked.operation {
            self.conclude(operation, Err(error.clone()));
        }
        self.fatal_error(error);
    }

    fn abortable(&mut self, asked: &Queued, error: TransactionError) {
        if let Some(operation) = asked.operation {
            self.conclude(operation, Err(error.clone()));
        }
        self.abortable_error(error);
    }
}

/// Errors of a partition that concern the whole request of adding partitions.
fn is_of_the_request(error: ErrorCode) -> bool {
    let is_final = matches!(
        error,
        ErrorCode::InvalidProducerEpoch
            | ErrorCode::ProducerFenced
            | ErrorCode::TransactionalIdAuthorizationFailed
            | ErrorCode::InvalidTxnState
            | ErrorCode::InvalidProducerIdMapping
            | ErrorCode::UnknownProducerId
            | ErrorCode::TransactionAbortable
    );
    is_final || error.is_retriable()
}

fn error_of(code: i16) -> ErrorCode {
    ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError)
}
