//! Candidate: raised the epoch, voted for itself, asks for votes.

use super::epoch_election::EpochElection;
use crate::time::Instant;

/// State of a voter that asks for votes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CandidateState {
    /// Epoch; this replica's own vote in it is its own.
    pub epoch: i32,
    /// The votes.
    pub election: EpochElection,
    /// Then the election counts as lost.
    pub election_deadline: Instant,
    /// Set once the election is lost: when to ask for pre-votes again.
    pub backoff_deadline: Option<Instant>,
}

impl CandidateState {
    /// When something is to be done next.
    pub fn deadline(&self) -> Instant {
        self.backoff_deadline.unwrap_or(self.election_deadline)
    }
}
