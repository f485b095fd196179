//! Transactions that took too long, and transactional ids nobody used for long.

use super::end_txn::Ending;
use super::request::ProducerIdSource;
use super::shard::Shard;
use super::state::TransactionState;
use super::turn::{EndAsker, Turn};
use crate::text::Str;
use alloc::vec::Vec;

/// Bytes of transactional ids in one batch of tombstones, well below what a log takes.
const TOMBSTONES_A_BATCH: usize = 1 << 19;

impl Shard {
    /// Aborts transactions older than their time-out. Their producers are fenced: their epoch is not the current one any more.
    pub(super) fn abort_timed_out(&mut self, turn: &mut Turn<'_>, producer_ids: &mut dyn ProducerIdSource) {
        let now_ms = turn.now.wall_ms;
        let mut timed_out: Vec<Str> = Vec::new();
        for (transactional_id, metadata) in &self.transactions {
            let fields = &metadata.now;
            // A transaction that takes part in a two-phase commit has no end of its own (KIP-939).
            let is_two_phase = fields.timeout_ms == i32::MAX;
            let ends_ms = fields.start_ms.saturating_add(i64::from(fields.timeout_ms));
            if fields.state == TransactionState::Ongoing && !metadata.is_pending() && !is_two_phase && ends_ms < now_ms
            {
                timed_out.push(transactional_id.clone());
            }
        }
        for transactional_id in &timed_out {
            let Some(metadata) = self.transactions.get_mut(transactional_id) else { continue };
            let fence = metadata.prepare_fence_producer_epoch();
            let ending = Ending::of_fenced(transactional_id, &fence, turn.transaction_version);
            self.end_transaction(turn, &ending, EndAsker::Timeout, producer_ids);
        }
    }

    /// Forgets transactional ids that had no step for `transactional.id.expiration.ms`.
    pub(super) fn remove_expired(&mut self, turn: &mut Turn<'_>) {
        let expiration_ms = i64::try_from(turn.config.transactional_id_expiration.as_millis()).unwrap_or(i64::MAX);
        let before_ms = turn.now.wall_ms.saturating_sub(expiration_ms);
        let mut batch = Vec::new();
        let mut size = 0;
        for (transactional_id, metadata) in &mut self.transactions {
            let fields = &metadata.now;
            if metadata.is_pending() || !fields.state.is_expiration_allowed() || fields.last_update_ms > before_ms {
                continue;
            }
            metadata.prepare_dead();
            size += transactional_id.len();
            batch.push(transactional_id.clone());
            if size >= TOMBSTONES_A_BATCH {
                size = 0;
                turn.write_tombstones(core::mem::take(&mut batch));
            }
        }
        if !batch.is_empty() {
            turn.write_tombstones(batch);
        }
    }
}
