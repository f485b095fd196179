//! Unattached: the epoch is known, its leader is not. May hold a vote.

use super::voter_set::ReplicaKey;
use crate::ids::NodeId;
use crate::time::Instant;

/// State of a replica that waits for a leader, or for the time to look for votes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnattachedState {
    /// Epoch.
    pub epoch: i32,
    /// Whom this replica gave its vote in `epoch`.
    pub voted: Option<ReplicaKey>,
    /// A voter becomes prospective then; `None` for an observer, which never does.
    pub election_deadline: Option<Instant>,
}

impl UnattachedState {
    /// Whether `candidate` gets this replica's word. A pre-vote binds nothing, so the vote held does not matter to it.
    pub fn can_grant_vote(&self, candidate: &ReplicaKey, log_is_up_to_date: bool, pre_vote: bool) -> bool {
        can_grant(self.voted, None, candidate, log_is_up_to_date, pre_vote)
    }
}

/// The rule unattached and prospective replicas share: a vote once given is repeated to the same candidate and refused to
/// every other; an epoch with a leader has no votes to give; else the candidate's log decides.
pub(super) fn can_grant(
    voted: Option<ReplicaKey>,
    leader: Option<NodeId>,
    candidate: &ReplicaKey,
    log_is_up_to_date: bool,
    pre_vote: bool,
) -> bool {
    if pre_vote {
        return log_is_up_to_date;
    }
    match voted {
        Some(voted) => voted.matches(candidate),
        None => leader.is_none() && log_is_up_to_date,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Uuid;

    #[test]
    fn a_vote_is_given_once() {
        let key = |id| ReplicaKey::new(id, Uuid::ZERO);
        // (voted, leader, up to date, pre-vote, granted to replica 2)
        for (voted, leader, up_to_date, pre_vote, expect) in [
            (None, None, true, false, true),
            (None, None, false, false, false),
            (None, Some(1), true, false, false),
            (Some(2), None, false, false, true),
            (Some(1), None, true, false, false),
            (None, None, true, true, true),
            (None, None, false, true, false),
            (Some(1), Some(1), true, true, true),
            (Some(1), None, false, true, false),
        ] {
            let granted = can_grant(voted.map(key), leader, &key(2), up_to_date, pre_vote);
            assert_eq!(granted, expect, "{voted:?} {leader:?} {up_to_date} {pre_vote}");
        }
    }
}
