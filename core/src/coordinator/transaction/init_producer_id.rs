//! `InitProducerId`: a producer with a transactional id gets its producer id and an epoch nobody else has.

use super::end_txn::Ending;
use super::metadata::{Fields, TransactionMetadata, is_epoch_exhausted};
use super::request::ProducerIdSource;
use super::shard::Shard;
use super::state::TransactionState;
use super::turn::{Asker, EndAsker, Then, Turn};
use crate::protocol::ErrorCode;
use crate::protocol::messages::InitProducerIdRequest;
use crate::record::{NO_PRODUCER_EPOCH, NO_PRODUCER_ID};
use crate::text::Str;

/// The producer id and epoch a producer goes on from (KIP-360); `None` for one that begins.
pub(super) fn expected(request: &InitProducerIdRequest) -> Result<Option<(i64, i16)>, ErrorCode> {
    match (request.producer_id, request.producer_epoch) {
        (NO_PRODUCER_ID, NO_PRODUCER_EPOCH) => Ok(None),
        (NO_PRODUCER_ID, _) | (_, NO_PRODUCER_EPOCH) => Err(ErrorCode::InvalidRequest),
        expected => Ok(Some(expected)),
    }
}

impl Shard {
    /// Gives a producer its id and epoch, fencing whoever had one before.
    pub(super) fn init_producer_id(
        &mut self,
        turn: &mut Turn<'_>,
        asker: Asker,
        transactional_id: &Str,
        request: &InitProducerIdRequest,
        producer_ids: &mut dyn ProducerIdSource,
    ) {
        match self.prepare_init(turn, transactional_id, request, producer_ids) {
            Err(error) => turn.respond_init(asker, Err(error)),
            Ok(fence) if fence.state == TransactionState::PrepareEpochFence => {
                let ending = Ending::of_fenced(transactional_id, &fence, turn.transaction_version);
                self.end_transaction(turn, &ending, EndAsker::InitProducerId(asker), producer_ids);
            }
            Ok(next) => turn.write_step(transactional_id, next, Then::InitProducerId(asker)),
        }
    }

    fn prepare_init(
        &mut self,
        turn: &Turn<'_>,
        transactional_id: &Str,
        request: &InitProducerIdRequest,
        producer_ids: &mut dyn ProducerIdSource,
    ) -> Result<Fields, ErrorCode> {
        let now_ms = turn.now.wall_ms;
        let expected = expected(request)?;
        if !self.transactions.contains_key(transactional_id) {
            let producer_id = producer_ids.generate_producer_id().ok_or(ErrorCode::CoordinatorLoadInProgress)?;
            let created = TransactionMetadata::created(producer_id, request.transaction_timeout_ms, now_ms);
            self.transactions.insert(transactional_id.detached(), created);
        }
        let metadata = self.transactions.get_mut(transactional_id).ok_or(ErrorCode::UnknownServerError)?;
        if metadata.is_pending() {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        if !expected.is_none_or(|expected| may_go_on(metadata, expected)) {
            return Err(ErrorCode::ProducerFenced);
        }
        match metadata.now.state {
            TransactionState::PrepareAbort | TransactionState::PrepareCommit => Err(ErrorCode::ConcurrentTransactions),
            TransactionState::CompleteAbort | TransactionState::CompleteCommit | TransactionState::Empty => {
                let current = metadata.now.producer_epoch;
                let timeout_ms = request.transaction_timeout_ms;
                if metadata.is_epoch_exhausted() && expected.is_none_or(|(_, epoch)| epoch == current) {
                    let producer_id =
                        producer_ids.generate_producer_id().ok_or(ErrorCode::CoordinatorLoadInProgress)?;
                    let is_known = expected.is_some();
                    Ok(metadata.prepare_producer_id_rotation(producer_id, timeout_ms, is_known, now_ms))
                } else {
                    metadata.prepare_increment_producer_epoch(timeout_ms, expected.map(|(_, epoch)| epoch), now_ms)
                }
            }
            // This epoch is never told: the client comes again and gets the next.
            TransactionState::Ongoing => Ok(metadata.prepare_fence_producer_epoch()),
            TransactionState::Dead | TransactionState::PrepareEpochFence => Err(ErrorCode::UnknownServerError),
        }
    }
}

/// True where a producer may go on from this id and epoch: they are current, or nobody has any yet, or they were given up
/// for a new id that it never heard of.
fn may_go_on(metadata: &TransactionMetadata, (producer_id, producer_epoch): (i64, i16)) -> bool {
    metadata.now.producer_epoch == NO_PRODUCER_EPOCH
        || producer_id == metadata.now.producer_id
        || (producer_id == metadata.now.previous_producer_id && is_epoch_exhausted(producer_epoch))
}
