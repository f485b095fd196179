//! The end of a transaction that committed offsets here: its marker in the log, and what that makes of the offsets.

use super::request::GroupResponse;
use super::shard::Shard;
use super::turn::{Turn, WriteAction};
use crate::protocol::ErrorCode;
use crate::record::control::end_transaction_marker;
use crate::replication::replica_manager::TransactionMarker;

/// The answer for one marker.
pub(super) fn response(error: Option<ErrorCode>) -> GroupResponse {
    let error = match error {
        None => ErrorCode::None,
        // A transaction coordinator knows of leaders only: that this one is not ready yet.
        Some(ErrorCode::CoordinatorNotAvailable | ErrorCode::CoordinatorLoadInProgress | ErrorCode::NotCoordinator) => {
            ErrorCode::NotLeaderOrFollower
        }
        Some(error) => error,
    };
    GroupResponse::CompleteTransaction(error)
}

impl Shard {
    /// Writes the marker. The offsets of the transaction change once the log has it.
    pub(super) fn complete_transaction(turn: &mut Turn<'_>, token: u64, marker: &TransactionMarker) {
        let TransactionMarker { producer_id, producer_epoch, coordinator_epoch, committed, transaction_version } =
            *marker;
        let now_ms = turn.now.wall_ms;
        let batch = end_transaction_marker(now_ms, producer_id, producer_epoch, coordinator_epoch, committed);
        let action = WriteAction::CompleteTransaction { token, producer_id, committed };
        turn.append_marker(batch, transaction_version, action);
    }
}
