//! Follower: fetches from the leader of the epoch.

use super::snapshot::FetchingSnapshot;
use super::voter_set::ReplicaKey;
use crate::ids::NodeId;
use crate::time::{Duration, Instant};

/// State of a voter or observer that knows its leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowerState {
    /// Epoch.
    pub epoch: i32,
    /// Its leader; never this replica.
    pub leader: NodeId,
    /// Whom this replica gave its vote in `epoch`.
    pub voted: Option<ReplicaKey>,
    /// Without a successful fetch until then, a voter becomes prospective and an observer asks any voter.
    pub fetch_deadline: Instant,
    /// True once a fetch from this leader succeeded; from then on pre-votes are refused.
    pub has_fetched_from_leader: bool,
    /// The snapshot being fetched because the leader's log begins after ours ends.
    pub fetching_snapshot: Option<FetchingSnapshot>,
}

impl FollowerState {
    /// Whether a candidate gets this replica's word: never a vote, for the epoch has a leader, and a pre-vote only while
    /// nothing shows that the leader is there.
    pub fn can_grant_vote(&self, log_is_up_to_date: bool, pre_vote: bool) -> bool {
        pre_vote && !self.has_fetched_from_leader && log_is_up_to_date
    }

    /// The leader answered a fetch.
    pub fn fetched(&mut self, now: Instant, fetch_timeout: Duration) {
        self.fetch_deadline = now + fetch_timeout;
        self.has_fetched_from_leader = true;
    }

    /// True where the leader has been silent for the fetch timeout.
    pub fn fetch_timed_out(&self, now: Instant) -> bool {
        now >= self.fetch_deadline
    }
}

/// How long a follower waits before it looks for votes after its leader ended the epoch. `position` is its place among the
/// leader's preferred successors, best first, `None` where it is not named; `backoff_max` bounds the wait.
///
/// The best waits not at all, each further one twice as long as the one before it.
pub fn end_epoch_backoff(position: Option<usize>, successors: usize, backoff_max: Duration) -> Duration {
    match position {
        None => backoff_max,
        Some(0) => Duration::ZERO,
        Some(position) => {
            let base = backoff_max.as_millis() as u64 >> (successors - 1).min(63);
            let wait = base.checked_shl(position as u32 - 1).unwrap_or(0);
            Duration::from_millis(wait).min(backoff_max)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn successors_wait_in_order() {
        let max = Duration::from_secs(1);
        for (position, successors, expect) in [
            (None, 2, 1000),
            (Some(0), 1, 0),
            (Some(0), 4, 0),
            (Some(1), 2, 500),
            (Some(1), 4, 125),
            (Some(2), 4, 250),
            (Some(3), 4, 500),
            (Some(70), 71, 0),
        ] {
            let wait = end_epoch_backoff(position, successors, max);
            assert_eq!(wait.as_millis(), expect, "{position:?} of {successors}");
        }
    }

    #[test]
    fn pre_votes_are_refused_once_the_leader_answered() {
        let mut state = FollowerState {
            epoch: 3,
            leader: 1,
            voted: None,
            fetch_deadline: Instant::from_millis(5),
            has_fetched_from_leader: false,
            fetching_snapshot: None,
        };
        assert!(state.can_grant_vote(true, true));
        assert!(!state.can_grant_vote(false, true));
        assert!(!state.can_grant_vote(true, false));
        assert!(state.fetch_timed_out(Instant::from_millis(5)));
        state.fetched(Instant::from_millis(5), Duration::from_millis(10));
        assert!(!state.can_grant_vote(true, true));
        assert!(!state.fetch_timed_out(Instant::from_millis(14)));
        assert!(state.fetch_timed_out(Instant::from_millis(15)));
    }
}
