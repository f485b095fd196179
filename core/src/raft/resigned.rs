//! Resigned: led this epoch and gave up, or led it before a restart. Tells the voters, then waits for another leader.

use crate::ids::NodeId;
use crate::sorted::SortedSet;
use crate::time::Instant;
use alloc::vec::Vec;

/// State of a former leader in the epoch it led.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResignedState {
    /// Epoch.
    pub epoch: i32,
    /// Voters by how much of the log they have, best first, as `EndQuorumEpoch` names them; empty after a restart, where
    /// nothing is known of them.
    pub preferred_successors: Vec<NodeId>,
    /// Voters that have not yet acknowledged `EndQuorumEpoch`.
    pub unacknowledged_voters: SortedSet<NodeId>,
    /// Then it becomes unattached in the next epoch.
    pub election_deadline: Instant,
}

impl ResignedState {
    /// Whether a candidate gets this replica's word: a pre-vote where its log is as good, never a vote in the epoch it led.
    #[allow(clippy::unused_self, reason = "asked of every state alike")]
    pub fn can_grant_vote(&self, log_is_up_to_date: bool, pre_vote: bool) -> bool {
        pre_vote && log_is_up_to_date
    }
}
