//! Transactions of a producer (KIP-98, KIP-360, KIP-890): which state it is in, what is to be asked for that, and what came of it.
//!
//! # Code map
//! - here: the states and what moves them; one request at a time is under way.
//! - `requests`: how each is made, and what its answer means.
//! - `error`: Kafka's exceptions.

mod error;
mod requests;

pub use error::{TransactionError, TransactionErrorKind};

use super::accumulator::ProducerIdentity;
use super::network_client::ClusterFeatures;
use crate::ids::{LeaderEpoch, NodeId, Offset, TopicPartition};
use crate::protocol::ErrorCode;
use crate::sorted::{SortedMap, SortedSet};
use crate::text::Str;
use crate::time::{Duration, Instant};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use requests::{Kind, Queued};

/// The level of `transaction.version` from which on epochs are counted up by the coordinator with each transaction, and
/// partitions join by being written to.
const TRANSACTION_V2: i16 = 2;
/// The version of `InitProducerId` by which a producer can have its epoch counted up (KIP-360).
const FIRST_INIT_WITH_EPOCH: i16 = 3;

/// What a transactional producer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionOperation {
    /// Finds the coordinator and the producer's id, fencing off those with the same `transactional.id`.
    InitTransactions,
    /// Ends the transaction: its records count.
    CommitTransaction,
    /// Ends the transaction: its records do not count.
    AbortTransaction,
    /// Makes the offsets of a group part of the transaction.
    SendOffsetsToTransaction,
}

impl TransactionOperation {
    /// The method of Kafka's producer.
    pub fn name(self) -> &'static str {
        match self {
            Self::InitTransactions => "initTransactions",
            Self::CommitTransaction => "commitTransaction",
            Self::AbortTransaction => "abortTransaction",
            Self::SendOffsetsToTransaction => "sendOffsetsToTransaction",
        }
    }
}

/// What an operation came to.
pub type TransactionOutcome = (TransactionOperation, Result<(), TransactionError>);

/// An offset that a group commits in a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionalOffset {
    /// The next record to be read.
    pub offset: Offset,
    /// Of the record before it; -1 where not known.
    pub leader_epoch: LeaderEpoch,
    /// Anything.
    pub metadata: Str,
}

/// Who commits offsets in a transaction: `ConsumerGroupMetadata`. With that of [`Consumer::group_metadata`] the group's
/// coordinator refuses what a member commits that was put out of its group, or was replaced (KIP-447).
///
/// [`Consumer::group_metadata`]: crate::client::Consumer::group_metadata
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerGroupMetadata {
    /// `group.id`.
    pub group_id: Str,
    /// Generation, or epoch of the member; -1 where there is none.
    pub generation_id: i32,
    /// Member; empty where there is none.
    pub member_id: Str,
    /// `group.instance.id`.
    pub group_instance_id: Option<Str>,
}

impl ConsumerGroupMetadata {
    /// Of a group of which nothing but the name is known: its coordinator refuses nothing.
    pub const fn of_group(group_id: Str) -> Self {
        Self { group_id, generation_id: -1, member_id: Str::from_static(""), group_instance_id: None }
    }

    /// A generation has members.
    pub(super) fn check(&self) -> Result<(), TransactionError> {
        if self.generation_id <= 0 || !self.member_id.is_empty() {
            return Ok(());
        }
        let message = format!(
            "Passed in group metadata GroupMetadata(groupId = {}, generationId = {}, memberId = , groupInstanceId = {}) has \
             generationId > 0 but the member.id is unknown",
            self.group_id,
            self.generation_id,
            self.group_instance_id.as_deref().unwrap_or_default()
        );
        Err(TransactionError::new(TransactionErrorKind::IllegalArgument, message))
    }
}

/// How far a transactional producer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Uninitialized,
    Initializing,
    Ready,
    InTransaction,
    CommittingTransaction,
    AbortingTransaction,
    /// The transaction can only be aborted.
    AbortableError,
    /// Nothing can be done any more.
    FatalError,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Uninitialized => "UNINITIALIZED",
            Self::Initializing => "INITIALIZING",
            Self::Ready => "READY",
            Self::InTransaction => "IN_TRANSACTION",
            Self::CommittingTransaction => "COMMITTING_TRANSACTION",
            Self::AbortingTransaction => "ABORTING_TRANSACTION",
            Self::AbortableError => "ABORTABLE_ERROR",
            Self::FatalError => "FATAL_ERROR",
        }
    }

    fn may_become(self, next: Self) -> bool {
        match next {
            Self::Uninitialized => matches!(self, Self::Ready | Self::AbortableError),
            Self::Initializing => {
                matches!(self, Self::Uninitialized | Self::CommittingTransaction | Self::AbortingTransaction)
            }
            Self::Ready => {
                matches!(self, Self::Initializing | Self::CommittingTransaction | Self::AbortingTransaction)
            }
            Self::InTransaction => self == Self::Ready,
            Self::CommittingTransaction => self == Self::InTransaction,
            Self::AbortingTransaction => matches!(self, Self::InTransaction | Self::AbortableError),
            Self::AbortableError => matches!(
                self,
                Self::InTransaction | Self::CommittingTransaction | Self::AbortableError | Self::Initializing
            ),
            Self::FatalError => true,
        }
    }
}

/// An operation that is under way, or whose end nobody has heard of.
#[derive(Clone, Debug)]
struct Pending {
    operation: TransactionOperation,
    /// Somebody waits for it until then.
    awaited_until: Option<Instant>,
    result: Option<Result<(), TransactionError>>,
}

/// What a manager is given once.
#[derive(Clone, Debug)]
pub(super) struct TransactionConfig {
    /// `transactional.id`.
    pub(super) transactional_id: Str,
    /// `transaction.timeout.ms`.
    pub(super) timeout: Duration,
    /// `retry.backoff.ms`.
    pub(super) retry_backoff: Duration,
    /// `max.block.ms`: as long a call waits.
    pub(super) max_block: Duration,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct TransactionManager {
    config: TransactionConfig,
    state: State,
    /// Why the state is one of the errors.
    last_error: Option<TransactionError>,
    identity: Option<ProducerIdentity>,
    /// `transaction.version` is at least 2, as last looked at.
    is_v2: bool,
    /// The epoch of the finalized features that this was read of.
    features_epoch: i64,
    /// The coordinator may know of the transaction.
    is_started: bool,
    /// The epoch is to be counted up by `InitProducerId` once the transaction ended.
    needs_epoch_bump: bool,
    can_bump_epoch: bool,
    /// Partitions to be added, being added, and added to the transaction.
    new_partitions: SortedSet<TopicPartition>,
    pending_partitions: SortedSet<TopicPartition>,
    partitions: SortedSet<TopicPartition>,
    offsets: SortedMap<TopicPartition, TransactionalOffset>,
    /// By urgency; those of the same in their order.
    queue: Vec<Queued>,
    in_flight: Option<Queued>,
    coordinator: Option<NodeId>,
    group_coordinator: Option<NodeId>,
    pending: Option<Pending>,
    /// Until when somebody waits for offsets to be sent.
    offsets_awaited_until: Option<Instant>,
    outcomes: VecDeque<TransactionOutcome>,
}

impl TransactionManager {
    pub(super) fn new(config: TransactionConfig) -> Self {
        Self {
            config,
            state: State::Uninitialized,
            last_error: None,
            identity: None,
            is_v2: false,
            features_epoch: -1,
            is_started: false,
            needs_epoch_bump: false,
            can_bump_epoch: false,
            new_partitions: SortedSet::new(),
            pending_partitions: SortedSet::new(),
            partitions: SortedSet::new(),
            offsets: SortedMap::new(),
            queue: Vec::new(),
            in_flight: None,
            coordinator: None,
            group_coordinator: None,
            pending: None,
            offsets_awaited_until: None,
            outcomes: VecDeque::new(),
        }
    }

    pub(super) fn transactional_id(&self) -> &Str {
        &self.config.transactional_id
    }

    pub(super) fn identity(&self) -> Option<ProducerIdentity> {
        self.identity
    }

    pub(super) fn is_v2(&self) -> bool {
        self.is_v2
    }

    pub(super) fn poll_outcome(&mut self) -> Option<TransactionOutcome> {
        self.outcomes.pop_front()
    }

    /// All that is buffered is to be sent without lingering.
    pub(super) fn is_completing(&self) -> bool {
        matches!(self.state, State::CommittingTransaction | State::AbortingTransaction)
    }

    pub(super) fn has_fatal_error(&self) -> bool {
        self.state == State::FatalError
    }

    /// What was not sent yet fails with this, where the transaction will not be committed.
    pub(super) fn why_unsent_fails(&self) -> Option<TransactionError> {
        match self.state {
            State::AbortableError | State::AbortingTransaction => {
                Some(self.last_error.clone().unwrap_or_else(TransactionError::aborted))
            }
            State::FatalError => self.last_error.clone(),
            _ => None,
        }
    }

    /// Batches of this partition may go.
    pub(super) fn may_send_to(&self, partition: &TopicPartition) -> bool {
        self.state != State::FatalError && self.partitions.contains(partition)
    }

    // What the application calls.

    pub(super) fn init_transactions(&mut self, now: Instant) -> Result<(), TransactionError> {
        let operation = TransactionOperation::InitTransactions;
        if self.goes_on(now, operation)? {
            return Ok(());
        }
        self.fail_with_error()?;
        self.become_by_call(State::Initializing)?;
        self.await_operation(now, operation);
        self.enqueue(Kind::InitProducerId { before: None }, Some(operation));
        Ok(())
    }

    pub(super) fn begin_transaction(&mut self, features: &ClusterFeatures) -> Result<(), TransactionError> {
        self.throw_if_pending("beginTransaction")?;
        self.fail_with_error()?;
        self.become_by_call(State::InTransaction)?;
        // The application had the answer of `initTransactions` when Kafka's producer looks.
        self.read_features(features, true);
        Ok(())
    }

    /// Ends the transaction, once all that is buffered is sent.
    pub(super) fn end_transaction(
        &mut self,
        now: Instant,
        is_commit: bool,
        features: &ClusterFeatures,
    ) -> Result<(), TransactionError> {
        let operation =
            if is_commit { TransactionOperation::CommitTransaction } else { TransactionOperation::AbortTransaction };
        if self.goes_on(now, operation)? {
            return Ok(());
        }
        if is_commit || self.state != State::AbortableError {
            self.fail_with_error()?;
        }
        self.become_by_call(if is_commit { State::CommittingTransaction } else { State::AbortingTransaction })?;
        if !is_commit {
            self.new_partitions.clear();
        }
        self.await_operation(now, operation);
        let Some(identity) = self.identity else { return Ok(()) };
        let is_v2 = self.is_v2;
        self.read_features(features, false);
        let ends = (!self.needs_epoch_bump).then_some(operation);
        self.enqueue(Kind::EndTxn { is_commit, identity, is_v2 }, ends);
        if self.needs_epoch_bump {
            self.enqueue(Kind::InitProducerId { before: Some(identity) }, Some(operation));
        }
        Ok(())
    }

    pub(super) fn send_offsets(
        &mut self,
        now: Instant,
        offsets: SortedMap<TopicPartition, TransactionalOffset>,
        group: ConsumerGroupMetadata,
    ) -> Result<(), TransactionError> {
        let operation = TransactionOperation::SendOffsetsToTransaction;
        if offsets.is_empty() {
            self.outcomes.push_back((operation, Ok(())));
            return Ok(());
        }
        self.throw_if_pending(operation.name())?;
        self.fail_with_error()?;
        if self.state != State::InTransaction {
            return Err(TransactionError::illegal_state(format!(
                "Cannot send offsets if a transaction is not in progress (currentState= {})",
                self.state.name()
            )));
        }
        self.offsets_awaited_until = Some(now + self.config.max_block);
        if self.is_v2 {
            self.offsets.extend(offsets);
            self.is_started = true;
            self.enqueue(Kind::TxnOffsetCommit { group }, Some(operation));
        } else {
            self.enqueue(Kind::AddOffsets { offsets, group }, Some(operation));
        }
        Ok(())
    }

    /// A record may be sent there; answers what Kafka's producer throws where not.
    pub(super) fn check_send(&self, partition: &TopicPartition) -> Result<(), TransactionError> {
        self.fail_with_error()?;
        self.throw_if_pending("send")?;
        if self.identity.is_none() {
            return Err(TransactionError::not_initialized(partition));
        }
        if self.state != State::InTransaction {
            return Err(TransactionError::not_in_transaction(partition, self.state.name()));
        }
        Ok(())
    }

    /// A record was put into a batch for this partition.
    pub(super) fn add_partition(&mut self, partition: &TopicPartition) {
        if self.is_v2 {
            self.is_started = true;
            if !self.partitions.contains(partition) {
                self.partitions.insert(partition.clone());
            }
        } else if !self.partitions.contains(partition) && !self.pending_partitions.contains(partition) {
            self.new_partitions.insert(partition.clone());
        }
    }

    // What happens.

    /// Records were given up with this error.
    pub(super) fn records_failed(&mut self, error: ErrorCode) {
        let exception = TransactionError::api(error);
        match error {
            ErrorCode::ClusterAuthorizationFailed
            | ErrorCode::TransactionalIdAuthorizationFailed
            | ErrorCode::ProducerFenced
            | ErrorCode::UnsupportedVersion
            | ErrorCode::InvalidProducerIdMapping => self.fatal_error(exception),
            _ if error.is_retriable() || error == ErrorCode::InvalidTxnState => {
                let message = "Transaction Request was aborted after exhausting retries.";
                let kind = TransactionErrorKind::Api(ErrorCode::TransactionAbortable);
                self.records_lost(TransactionError::new(kind, message).because(exception));
            }
            _ => self.records_lost(exception),
        }
    }

    /// A record was not taken: no request could hold it.
    pub(super) fn record_too_large(&mut self, message: String) {
        let kind = TransactionErrorKind::Api(ErrorCode::MessageTooLarge);
        self.records_lost(TransactionError::new(kind, message));
    }

    /// Without some of its records a transaction can only be aborted.
    fn records_lost(&mut self, error: TransactionError) {
        self.needs_epoch_bump |= self.bumps_epoch_itself() && !self.is_completing();
        self.abortable_error(error);
    }

    /// Sequences of a partition are in doubt, and nothing of it is under way any more.
    pub(super) fn sequences_lost(&mut self) {
        const LOST: &str =
            "The client hasn't received acknowledgment for some previously sent messages and can no longer retry them.";
        if !self.can_bump_epoch && !self.is_v2 {
            return self.fatal_error(TransactionError::kafka(format!("{LOST} It isn't safe to continue.")));
        }
        self.needs_epoch_bump |= self.bumps_epoch_itself();
        if matches!(self.state, State::InTransaction | State::CommittingTransaction) {
            let message = format!("{LOST} It is safe to abort the transaction and continue.");
            self.abortable_error(TransactionError::kafka(message));
        }
    }

    /// Tells of calls that waited too long.
    pub(super) fn tick(&mut self, now: Instant) {
        let max_block_ms = self.config.max_block.as_millis();
        if let Some(pending) = self.pending.as_mut().filter(|pending| pending.awaited_until.is_some_and(|at| at <= now))
        {
            pending.awaited_until = None;
            let awaited = match pending.operation {
                TransactionOperation::CommitTransaction => "EndTxn(true)",
                TransactionOperation::AbortTransaction => "EndTxn(false)",
                _ => "InitProducerId",
            };
            self.outcomes.push_back((pending.operation, Err(TransactionError::timed_out(max_block_ms, awaited))));
        }
        if self.offsets_awaited_until.take_if(|at| *at <= now).is_some() {
            let awaited = if self.is_v2 { "TxnOffsetCommitHandler" } else { "AddOffsetsToTxn" };
            let error = TransactionError::timed_out(max_block_ms, awaited);
            self.outcomes.push_back((TransactionOperation::SendOffsetsToTransaction, Err(error)));
        }
    }

    /// When something here is due by itself, after `after`.
    pub(super) fn next_deadline(&self, after: Instant) -> Option<(Instant, &'static str)> {
        let retry = self.queue.first().filter(|_| self.in_flight.is_none()).map(|next| (next.not_before, "retry"));
        let retry = retry.filter(|retry| retry.0 > after);
        let awaited = self.pending.as_ref().and_then(|pending| pending.awaited_until);
        let awaited = [awaited, self.offsets_awaited_until].into_iter().flatten().map(|at| (at, "max.block"));
        awaited.chain(retry).min_by_key(|deadline| deadline.0)
    }

    // The pieces of it.

    /// `transaction.version` of the newest features that any broker told of.
    fn read_features(&mut self, features: &ClusterFeatures, is_initialization: bool) {
        if self.features_epoch >= features.epoch {
            return;
        }
        let was_v2 = core::mem::replace(&mut self.is_v2, features.transaction_version >= TRANSACTION_V2);
        self.features_epoch = features.epoch;
        // The coordinator must not take what is written from now on for a part of what was before.
        self.needs_epoch_bump |= !is_initialization && !was_v2 && self.is_v2;
    }

    fn bumps_epoch_itself(&self) -> bool {
        self.can_bump_epoch && !self.is_v2
    }

    /// An operation that timed out goes on being awaited; true where this is the same.
    fn goes_on(&mut self, now: Instant, operation: TransactionOperation) -> Result<bool, TransactionError> {
        if self.pending.as_ref().is_some_and(|pending| pending.operation != operation) {
            self.throw_if_pending(operation.name())?;
        }
        let max_block = self.config.max_block;
        let Some(pending) = &mut self.pending else { return Ok(false) };
        match pending.result.take() {
            Some(result) => {
                self.pending = None;
                self.outcomes.push_back((operation, result));
            }
            None => pending.awaited_until = Some(now + max_block),
        }
        Ok(true)
    }

    /// An operation is under way that the caller did not hear the end of.
    fn throw_if_pending(&self, operation: &str) -> Result<(), TransactionError> {
        match &self.pending {
            Some(pending) => Err(TransactionError::still_pending(operation, pending.operation.name())),
            None => Ok(()),
        }
    }

    fn await_operation(&mut self, now: Instant, operation: TransactionOperation) {
        let awaited_until = Some(now + self.config.max_block);
        self.pending = Some(Pending { operation, awaited_until, result: None });
    }

    /// An operation is over.
    fn conclude(&mut self, operation: TransactionOperation, result: Result<(), TransactionError>) {
        if operation == TransactionOperation::SendOffsetsToTransaction {
            if self.offsets_awaited_until.take().is_some() {
                self.outcomes.push_back((operation, result));
            }
            return;
        }
        let Some(pending) = self.pending.as_mut().filter(|pending| pending.operation == operation) else { return };
        if pending.awaited_until.is_some() {
            self.pending = None;
            self.outcomes.push_back((operation, result));
        } else if pending.result.is_none() {
            pending.result = Some(result);
        }
    }

    /// What a call throws after an error.
    fn fail_with_error(&self) -> Result<(), TransactionError> {
        if !matches!(self.state, State::AbortableError | State::FatalError) {
            return Ok(());
        }
        let (producer_id, epoch) =
            self.identity.map_or((-1, -1), |identity| (identity.producer_id, identity.producer_epoch));
        let producer = format!("(producerId={producer_id}, epoch={epoch})");
        let error = self.last_error.as_ref();
        Err(error.map_or_else(TransactionError::aborted, |error| {
            error.for_the_next_call(&self.config.transactional_id, &producer)
        }))
    }

    /// A call that the state does not allow changes nothing.
    fn become_by_call(&mut self, next: State) -> Result<(), TransactionError> {
        if !self.state.may_become(next) {
            return Err(self.invalid_transition(next));
        }
        self.state = next;
        self.last_error = None;
        Ok(())
    }

    /// What happens where the state does not allow it is the end.
    fn become_by_itself(&mut self, next: State) {
        match self.become_by_call(next) {
            Ok(()) => {}
            Err(error) => self.fatal_error(error),
        }
    }

    fn invalid_transition(&self, next: State) -> TransactionError {
        TransactionError::illegal_state(format!(
            "TransactionalId {}: Invalid transition attempted from state {} to state {}",
            self.config.transactional_id,
            self.state.name(),
            next.name()
        ))
    }

    fn fatal_error(&mut self, error: TransactionError) {
        self.state = State::FatalError;
        self.last_error = Some(error.clone());
        if let Some(operation) = self.pending.as_ref().map(|pending| pending.operation) {
            self.conclude(operation, Err(error));
        }
    }

    fn abortable_error(&mut self, error: TransactionError) {
        if matches!(self.state, State::AbortingTransaction | State::FatalError) {
            return;
        }
        if self.state.may_become(State::AbortableError) {
            self.state = State::AbortableError;
            self.last_error = Some(error);
        } else {
            let error = self.invalid_transition(State::AbortableError);
            self.fatal_error(error);
        }
    }

    /// A transaction ended, or never began.
    fn completed(&mut self) {
        self.become_by_itself(if self.needs_epoch_bump { State::Initializing } else { State::Ready });
        self.needs_epoch_bump = false;
        self.is_started = false;
        self.new_partitions.clear();
        self.pending_partitions.clear();
        self.partitions.clear();
        self.offsets.clear();
    }
}

#[cfg(test)]
mod tests;
