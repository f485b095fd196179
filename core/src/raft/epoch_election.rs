//! The votes of one (pre-)election.

use super::voter_set::VoterSet;
use crate::ids::NodeId;
use crate::sorted::SortedMap;
use alloc::vec::Vec;

/// What a voter said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vote {
    Unrecorded,
    Granted,
    Rejected,
}

/// Counts the votes of one epoch; a voter's first word stands, but a rejection may still become a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochElection {
    votes: SortedMap<NodeId, Vote>,
}

impl EpochElection {
    /// No votes yet but that of `local` for itself.
    pub fn new(voters: &VoterSet, local: NodeId) -> Self {
        let vote = |id| if id == local { Vote::Granted } else { Vote::Unrecorded };
        Self { votes: voters.ids().map(|id| (id, vote(id))).collect() }
    }

    /// Notes the answer of `voter`; answers false where it is no voter. A grant is never taken back.
    pub fn record(&mut self, voter: NodeId, granted: bool) -> bool {
        let Some(vote) = self.votes.get_mut(&voter) else { return false };
        if granted {
            *vote = Vote::Granted;
        } else if *vote == Vote::Unrecorded {
            *vote = Vote::Rejected;
        }
        true
    }

    fn count(&self, wanted: Vote) -> usize {
        self.votes.values().filter(|vote| **vote == wanted).count()
    }

    fn majority(&self) -> usize {
        self.votes.len() / 2 + 1
    }

    /// True once a majority granted.
    pub fn is_vote_granted(&self) -> bool {
        self.count(Vote::Granted) >= self.majority()
    }

    /// True once a majority cannot be reached any more.
    pub fn is_vote_rejected(&self) -> bool {
        self.count(Vote::Granted) + self.count(Vote::Unrecorded) < self.majority()
    }

    /// Voters that granted, ascending.
    pub fn granting_voters(&self) -> Vec<NodeId> {
        self.with(Vote::Granted)
    }

    /// Voters that have not answered, ascending.
    pub fn unrecorded_voters(&self) -> Vec<NodeId> {
        self.with(Vote::Unrecorded)
    }

    fn with(&self, wanted: Vote) -> Vec<NodeId> {
        self.votes.iter().filter(|(_, vote)| **vote == wanted).map(|(id, _)| *id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Uuid;
    use crate::raft::voter_set::{ReplicaKey, Voter};

    #[test]
    fn majorities_decide() {
        // (voters, answers, granted, rejected)
        for (voters, answers, granted, rejected) in [
            (1, &[][..], true, false),
            (2, &[], false, false),
            (2, &[(1, true)], true, false),
            (2, &[(1, false)], false, true),
            (3, &[(1, false)], false, false),
            (3, &[(1, false), (2, false)], false, true),
            (3, &[(1, false), (2, true)], true, false),
            (3, &[(1, false), (1, true)], true, false),
            (3, &[(1, true), (1, false)], true, false),
            (3, &[(9, true)], false, false),
            (5, &[(1, true), (2, false), (3, false)], false, false),
            (5, &[(1, true), (2, false), (3, false), (4, false)], false, true),
        ] {
            let key = |id| ReplicaKey::new(id, Uuid::ZERO);
            let set = VoterSet::new((0..voters).map(|id| Voter { key: key(id), endpoints: Vec::new() }));
            let mut election = EpochElection::new(&set, 0);
            for (voter, vote) in answers {
                assert_eq!(election.record(*voter, *vote), set.contains(*voter));
            }
            assert_eq!(election.is_vote_granted(), granted, "{voters} {answers:?}");
            assert_eq!(election.is_vote_rejected(), rejected, "{voters} {answers:?}");
        }
    }
}
