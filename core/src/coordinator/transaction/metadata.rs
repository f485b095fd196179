//! [`TransactionMetadata`]: what is known of one transactional id, and the steps it takes.
//!
//! A step is prepared, written, and completed once its record is replicated. In between it is pending, and nobody else may
//! take one.

use super::state::TransactionState;
use crate::ids::{ProducerId, TopicPartition};
use crate::protocol::ErrorCode;
use crate::record::{NO_PRODUCER_EPOCH, NO_PRODUCER_ID};
use crate::sorted::SortedSet;

/// The level of `transaction.version` in which every end of a transaction bumps the epoch (KIP-890).
pub(super) const EPOCH_BUMP_VERSION: i16 = 2;

/// No transaction has begun.
pub(super) const NO_TIMESTAMP: i64 = -1;

/// A transactional id as its record has it. As the target of a step it is what will be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    /// The producer id in use.
    pub(super) producer_id: ProducerId,
    /// The one before this step; the same again after the next.
    pub(super) previous_producer_id: ProducerId,
    /// The one to use after this transaction, where the epochs are exhausted; -1 for none.
    pub(super) next_producer_id: ProducerId,
    pub(super) producer_epoch: i16,
    /// The epoch before, of a producer that was told the current one; -1 for none. Not in the record.
    pub(super) last_producer_epoch: i16,
    pub(super) timeout_ms: i32,
    pub(super) state: TransactionState,
    /// Those that wait for a marker.
    pub(super) partitions: SortedSet<TopicPartition>,
    /// Wall time in milliseconds; -1 where there was no transaction yet.
    pub(super) start_ms: i64,
    /// Wall time in milliseconds of the last step.
    pub(super) last_update_ms: i64,
    /// The level of `transaction.version` its client speaks.
    pub(super) client_transaction_version: i16,
}

/// What is known of one transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TransactionMetadata {
    pub(super) now: Fields,
    /// The state it is about to be in; a step is being written.
    pub(super) pending_state: Option<TransactionState>,
    /// A bumped epoch might not have reached the log: it was told to nobody, so the next fence need not bump it again.
    pub(super) has_failed_epoch_fence: bool,
}

/// True for the last epochs of a producer id: one is always left to fence it with.
pub(super) const fn is_epoch_exhausted(producer_epoch: i16) -> bool {
    producer_epoch >= i16::MAX - 1
}

impl TransactionMetadata {
    /// As read from the log.
    pub(super) const fn new(fields: Fields) -> Self {
        Self { now: fields, pending_state: None, has_failed_epoch_fence: false }
    }

    /// A transactional id nobody had before; its first step gives it epoch 0.
    pub(super) fn created(producer_id: ProducerId, timeout_ms: i32, now_ms: i64) -> Self {
        Self::new(Fields {
            producer_id,
            previous_producer_id: NO_PRODUCER_ID,
            next_producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            last_producer_epoch: NO_PRODUCER_EPOCH,
            timeout_ms,
            state: TransactionState::Empty,
            partitions: SortedSet::new(),
            start_ms: NO_TIMESTAMP,
            last_update_ms: now_ms,
            client_transaction_version: 0,
        })
    }

    pub(super) const fn is_pending(&self) -> bool {
        self.pending_state.is_some()
    }

    pub(super) fn is_fencing(&self) -> bool {
        self.pending_state == Some(TransactionState::PrepareEpochFence)
    }

    pub(super) const fn is_epoch_exhausted(&self) -> bool {
        is_epoch_exhausted(self.now.producer_epoch)
    }

    /// The producer before shall not go on. The answer's epoch is one nobody was told.
    pub(super) fn prepare_fence_producer_epoch(&mut self) -> Fields {
        let mut next = self.now.clone();
        if !self.has_failed_epoch_fence {
            next.producer_epoch = next.producer_epoch.saturating_add(1);
        }
        self.prepare(TransactionState::PrepareEpochFence, next)
    }

    /// The next epoch, for a producer that begins, or that goes on with the epoch it names (KIP-360).
    pub(super) fn prepare_increment_producer_epoch(
        &mut self,
        timeout_ms: i32,
        expected_epoch: Option<i16>,
        now_ms: i64,
    ) -> Result<Fields, ErrorCode> {
        let current = self.now.producer_epoch;
        if self.is_epoch_exhausted() {
            return Err(ErrorCode::UnknownServerError);
        }
        let (producer_epoch, last_producer_epoch) = match expected_epoch {
            None => (current + 1, NO_PRODUCER_EPOCH),
            Some(expected) if current == NO_PRODUCER_EPOCH || expected == current => (current + 1, current),
            // It asked before and did not hear the answer. Had another producer come, there were no last epoch.
            Some(expected) if expected == self.now.last_producer_epoch => (current, expected),
            Some(_) => return Err(ErrorCode::ProducerFenced),
        };
        let next = Fields { producer_epoch, last_producer_epoch, ..self.initialized(timeout_ms, now_ms) };
        Ok(self.prepare(TransactionState::Empty, next))
    }

    /// A new producer id, the epochs of the old one being exhausted.
    pub(super) fn prepare_producer_id_rotation(
        &mut self,
        producer_id: ProducerId,
        timeout_ms: i32,
        record_last_epoch: bool,
        now_ms: i64,
    ) -> Fields {
        let last_producer_epoch = if record_last_epoch { self.now.producer_epoch } else { NO_PRODUCER_EPOCH };
        let initialized = self.initialized(timeout_ms, now_ms);
        let next = Fields { producer_id, producer_epoch: 0, last_producer_epoch, ..initialized };
        self.prepare(TransactionState::Empty, next)
    }

    fn initialized(&self, timeout_ms: i32, now_ms: i64) -> Fields {
        Fields {
            timeout_ms,
            partitions: SortedSet::new(),
            start_ms: NO_TIMESTAMP,
            last_update_ms: now_ms,
            ..self.now.clone()
        }
    }

    /// Partitions join the transaction; the first of them begin it.
    pub(super) fn prepare_add_partitions(
        &mut self,
        added: &[TopicPartition],
        client_transaction_version: i16,
        now_ms: i64,
    ) -> Fields {
        let mut next = Fields { last_update_ms: now_ms, client_transaction_version, ..self.now.clone() };
        if next.state != TransactionState::Ongoing {
            next.start_ms = now_ms;
        }
        next.partitions.extend(added.iter().map(|partition| {
            // What is kept for long does not keep the request it came in.
            TopicPartition::new(partition.topic.detached(), partition.partition)
        }));
        self.prepare(TransactionState::Ongoing, next)
    }

    /// The outcome is decided. `without_partitions`: of a transaction that never began.
    pub(super) fn prepare_abort_or_commit(
        &mut self,
        state: TransactionState,
        client_transaction_version: i16,
        next_producer_id: ProducerId,
        without_partitions: bool,
        now_ms: i64,
    ) -> Fields {
        let mut next = self.now.clone();
        if client_transaction_version >= EPOCH_BUMP_VERSION {
            next.last_producer_epoch = next.producer_epoch;
            next.producer_epoch = next.producer_epoch.saturating_add(1);
        }
        if without_partitions {
            next.start_ms = now_ms;
        }
        next.next_producer_id = next_producer_id;
        next.last_update_ms = now_ms;
        next.client_transaction_version = client_transaction_version;
        self.prepare(state, next)
    }

    /// All markers are to be written.
    pub(super) fn prepare_complete(&mut self, now_ms: i64) -> Fields {
        // What was written to get here was written with the bumped epoch.
        self.has_failed_epoch_fence = false;
        let mut next = Fields { partitions: SortedSet::new(), last_update_ms: now_ms, ..self.now.clone() };
        if next.client_transaction_version >= EPOCH_BUMP_VERSION && next.next_producer_id != NO_PRODUCER_ID {
            next.producer_id = next.next_producer_id;
            next.producer_epoch = 0;
        }
        next.next_producer_id = NO_PRODUCER_ID;
        let state = match self.now.state {
            TransactionState::PrepareCommit => TransactionState::CompleteCommit,
            _ => TransactionState::CompleteAbort,
        };
        self.prepare(state, next)
    }

    /// The id is about to be forgotten.
    pub(super) fn prepare_dead(&mut self) {
        let next = self.now.clone();
        self.prepare(TransactionState::Dead, next);
    }

    fn prepare(&mut self, state: TransactionState, mut next: Fields) -> Fields {
        debug_assert!(self.pending_state.is_none(), "{state:?} while {:?} is pending", self.pending_state);
        debug_assert!(state.valid_previous_states().contains(&self.now.state), "{state:?} after {:?}", self.now.state);
        next.previous_producer_id = self.now.producer_id;
        next.state = state;
        self.pending_state = Some(state);
        next
    }

    /// The step is written and replicated.
    pub(super) fn complete_transition_to(&mut self, next: Fields) {
        self.now = next;
        self.pending_state = None;
    }
}
