//! Prospective: asks for pre-votes before it disturbs anybody with a higher epoch (KIP-996).

use super::epoch_election::EpochElection;
use super::unattached::can_grant;
use super::voter_set::ReplicaKey;
use crate::ids::NodeId;
use crate::time::Instant;

/// State of a voter that asks whether an election would have a chance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProspectiveState {
    /// Epoch; the same as before, for asking raises nothing.
    pub epoch: i32,
    /// The leader it lost sight of, to which it returns where the pre-vote is lost.
    pub leader: Option<NodeId>,
    /// Whom this replica gave its vote in `epoch`.
    pub voted: Option<ReplicaKey>,
    /// The pre-votes.
    pub election: EpochElection,
    /// Then the pre-vote counts as lost.
    pub election_deadline: Instant,
}

impl ProspectiveState {
    /// Whether `candidate` gets this replica's word.
    pub fn can_grant_vote(&self, candidate: &ReplicaKey, log_is_up_to_date: bool, pre_vote: bool) -> bool {
        can_grant(self.voted, self.leader, candidate, log_is_up_to_date, pre_vote)
    }
}
