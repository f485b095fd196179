//! `EndTxn`: a transaction commits or aborts; and the same where the coordinator ends one itself.

use super::metadata::{EPOCH_BUMP_VERSION, Fields, TransactionMetadata};
use super::request::ProducerIdSource;
use super::shard::Shard;
use super::state::TransactionState;
use super::turn::{EndAsker, NO_PRODUCER, ProducerIdAndEpoch, Then, Turn};
use crate::ids::ProducerId;
use crate::protocol::ErrorCode;
use crate::record::{NO_PRODUCER_EPOCH, NO_PRODUCER_ID};
use crate::text::Str;

/// Which transaction ends, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending<'a> {
    pub(super) transactional_id: &'a Str,
    pub(super) producer_id: ProducerId,
    pub(super) producer_epoch: i16,
    pub(super) commit: bool,
    /// False where the coordinator fences a producer: the epoch is then already the next.
    pub(super) is_from_client: bool,
    /// The level of `transaction.version` to end it by.
    pub(super) transaction_version: i16,
}

/// What an ending comes to.
enum Outcome {
    /// This is to be written.
    Write(Fields),
    /// It was done before.
    Done(ProducerIdAndEpoch),
}

impl<'a> Ending<'a> {
    /// The coordinator aborts the transaction of a producer it has fenced.
    pub(super) const fn of_fenced(transactional_id: &'a Str, fence: &Fields, transaction_version: i16) -> Self {
        let (producer_id, producer_epoch) = (fence.producer_id, fence.producer_epoch);
        Self {
            transactional_id,
            producer_id,
            producer_epoch,
            commit: false,
            is_from_client: false,
            transaction_version,
        }
    }

    const fn prepared(&self) -> TransactionState {
        if self.commit { TransactionState::PrepareCommit } else { TransactionState::PrepareAbort }
    }
}

impl Shard {
    /// Ends a transaction, or says why not.
    pub(super) fn end_transaction(
        &mut self,
        turn: &mut Turn<'_>,
        ending: &Ending<'_>,
        asker: EndAsker,
        producer_ids: &mut dyn ProducerIdSource,
    ) {
        let now_ms = turn.now.wall_ms;
        let Some(metadata) = self.transactions.get_mut(ending.transactional_id) else {
            return turn.respond_end(asker, Err(ErrorCode::InvalidProducerIdMapping));
        };
        let fences = metadata.is_fencing();
        let outcome = if ending.transaction_version >= EPOCH_BUMP_VERSION {
            decide_with_epoch_bump(metadata, ending, now_ms, producer_ids)
        } else {
            decide(metadata, ending, now_ms)
        };
        match outcome {
            Ok(Outcome::Write(next)) => {
                turn.write_step(ending.transactional_id, next, Then::SendMarkers { end: asker, fences });
            }
            Ok(Outcome::Done(producer)) => turn.respond_end(asker, Ok(producer)),
            Err(error) => turn.respond_end(asker, Err(error)),
        }
    }
}

/// Without KIP-890: the producer keeps its epoch.
fn decide(metadata: &mut TransactionMetadata, ending: &Ending<'_>, now_ms: i64) -> Result<Outcome, ErrorCode> {
    let fences = metadata.is_fencing();
    let current = metadata.now.producer_epoch;
    if metadata.now.producer_id != ending.producer_id {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    if (ending.is_from_client && ending.producer_epoch != current) || ending.producer_epoch < current {
        return Err(ErrorCode::ProducerFenced);
    }
    if metadata.is_pending() && !fences {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    let done = || Ok(Outcome::Done(NO_PRODUCER));
    match (metadata.now.state, ending.commit) {
        (TransactionState::Ongoing, _) => {
            if fences && !ending.commit {
                metadata.pending_state = None;
                metadata.now.producer_epoch = ending.producer_epoch;
                metadata.now.last_producer_epoch = NO_PRODUCER_EPOCH;
            }
            let prepared = ending.prepared();
            Ok(Outcome::Write(metadata.prepare_abort_or_commit(prepared, 0, NO_PRODUCER_ID, false, now_ms)))
        }
        (TransactionState::CompleteCommit, true) | (TransactionState::CompleteAbort, false) => done(),
        (TransactionState::PrepareCommit, true) | (TransactionState::PrepareAbort, false) => {
            Err(ErrorCode::ConcurrentTransactions)
        }
        (TransactionState::Dead | TransactionState::PrepareEpochFence, _) => Err(ErrorCode::UnknownServerError),
        _ => Err(ErrorCode::InvalidTxnState),
    }
}

/// With KIP-890: the end of a transaction bumps the epoch, so the epoch tells a retry from the end of the next transaction.
fn decide_with_epoch_bump(
    metadata: &mut TransactionMetadata,
    ending: &Ending<'_>,
    now_ms: i64,
    producer_ids: &mut dyn ProducerIdSource,
) -> Result<Outcome, ErrorCode> {
    let fences = metadata.is_fencing();
    let current = metadata.now.producer_epoch;
    let is_current = ending.producer_epoch == current;
    let is_retry_after_bump = !fences && i32::from(ending.producer_epoch) + 1 == i32::from(current);
    let is_retry_after_rotation = !fences
        && metadata.now.previous_producer_id == ending.producer_id
        && ending.producer_epoch == i16::MAX - 1
        && current == 0;
    let is_retry = is_retry_after_bump || is_retry_after_rotation;
    let is_valid_epoch = if fences {
        (!ending.is_from_client || is_current) && ending.producer_epoch >= current
    } else {
        match metadata.now.state {
            TransactionState::PrepareCommit | TransactionState::PrepareAbort => is_retry_after_bump,
            TransactionState::CompleteCommit | TransactionState::CompleteAbort => is_retry || is_current,
            _ => is_current,
        }
    };
    if metadata.is_pending() && !fences {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    if metadata.now.producer_id != ending.producer_id && !is_retry_after_rotation {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    if !is_valid_epoch {
        return Err(ErrorCode::ProducerFenced);
    }
    let without_partitions = match (metadata.now.state, ending.commit) {
        (TransactionState::Ongoing, _) => false,
        (TransactionState::CompleteCommit, true) | (TransactionState::CompleteAbort, false) if is_retry => {
            return Ok(Outcome::Done((metadata.now.producer_id, current)));
        }
        // An abort of nothing bumps the epoch all the same: the producer might have sent what the coordinator has not heard of.
        (TransactionState::CompleteCommit, false) if !is_retry => true,
        (TransactionState::CompleteAbort | TransactionState::Empty, false) => true,
        (TransactionState::PrepareCommit, true) | (TransactionState::PrepareAbort, false) => {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        (TransactionState::Dead | TransactionState::PrepareEpochFence, _) => {
            return Err(ErrorCode::UnknownServerError);
        }
        _ => return Err(ErrorCode::InvalidTxnState),
    };
    let next_producer_id = if metadata.is_epoch_exhausted() {
        producer_ids.generate_producer_id().ok_or(ErrorCode::CoordinatorLoadInProgress)
    } else {
        Ok(NO_PRODUCER_ID)
    };
    if fences && !ending.commit {
        metadata.pending_state = None;
    }
    let (prepared, version) = (ending.prepared(), ending.transaction_version);
    let next = metadata.prepare_abort_or_commit(prepared, version, next_producer_id?, without_partitions, now_ms);
    Ok(Outcome::Write(next))
}
