//! [`ReplicaState`]: what a leader knows of one follower.

use crate::ids::{BrokerEpoch, Offset};
use crate::time::{Duration, Instant};

/// Log end offset of a follower that has not fetched since this leader was elected.
pub const UNKNOWN_OFFSET: Offset = -1;

/// What the follower's fetches told its leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaState {
    /// Its log end offset: the offset of its latest fetch. [`UNKNOWN_OFFSET`] before its first.
    pub log_end_offset: Offset,
    /// Its log start offset, as its latest fetch said.
    pub log_start_offset: Offset,
    /// Log end offset of the leader when the latest fetch was read.
    pub last_fetch_leader_log_end_offset: Offset,
    /// When it fetched last.
    pub last_fetch_time: Option<Instant>,
    /// The latest time at which it had everything the leader had then; `None` for never.
    pub last_caught_up_time: Option<Instant>,
    /// Its broker epoch, as its latest fetch said; -1 where that said none.
    pub broker_epoch: BrokerEpoch,
}

impl ReplicaState {
    /// A follower nobody has heard of yet.
    pub fn new() -> Self {
        Self {
            log_end_offset: UNKNOWN_OFFSET,
            log_start_offset: UNKNOWN_OFFSET,
            last_fetch_leader_log_end_offset: UNKNOWN_OFFSET,
            last_fetch_time: None,
            last_caught_up_time: None,
            broker_epoch: -1,
        }
    }

    /// Begins a leader epoch. Members of the ISR get `now` as the time they were last caught up, so that none is thrown
    /// out before it had the time to fetch. A leader that was none before forgets all offsets.
    pub fn reset(&mut self, now: Instant, leader_log_end_offset: Offset, new_leader: bool, in_sync: bool) {
        let then = in_sync.then_some(now);
        if new_leader {
            *self = Self { last_caught_up_time: then, ..Self::new() };
        } else {
            self.last_fetch_leader_log_end_offset = leader_log_end_offset;
            self.last_fetch_time = then;
            self.last_caught_up_time = then;
        }
    }

    /// Notes a fetch from `fetch_offset`, answered when the leader's log ended at `leader_log_end_offset`.
    pub fn fetched(&mut self, now: Instant, fetch: &FollowerFetch, leader_log_end_offset: Offset) {
        let caught_up = if fetch.fetch_offset >= leader_log_end_offset {
            Some(now)
        } else if fetch.fetch_offset >= self.last_fetch_leader_log_end_offset {
            // It has all the leader had when it fetched before.
            self.last_fetch_time
        } else {
            None
        };
        self.last_caught_up_time = self.last_caught_up_time.max(caught_up);
        self.log_end_offset = fetch.fetch_offset;
        self.log_start_offset = fetch.log_start_offset;
        self.last_fetch_leader_log_end_offset = leader_log_end_offset;
        self.last_fetch_time = Some(now);
        self.broker_epoch = fetch.broker_epoch;
    }

    /// True where the follower has all of the leader's log, or had all of it within `replica.lag.time.max.ms`.
    pub fn is_caught_up(&self, now: Instant, leader_log_end_offset: Offset, lag_time_max: Duration) -> bool {
        self.log_end_offset == leader_log_end_offset
            || self.last_caught_up_time.is_some_and(|then| now.since(then) <= lag_time_max)
    }
}

impl Default for ReplicaState {
    fn default() -> Self {
        Self::new()
    }
}

/// What one fetch of a follower tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerFetch {
    /// The offset it wants next: its log end offset.
    pub fetch_offset: Offset,
    /// Its log start offset.
    pub log_start_offset: Offset,
    /// Its broker epoch; -1 where it sent none.
    pub broker_epoch: BrokerEpoch,
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAG: Duration = Duration::from_secs(30);

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn fetch(fetch_offset: Offset) -> FollowerFetch {
        FollowerFetch { fetch_offset, log_start_offset: 0, broker_epoch: 5 }
    }

    #[test]
    fn caught_up_time_follows_the_fetches() {
        // (time, fetch offset, leader log end offset, last caught up)
        let fetches = [
            (10, 0, 5, None),      // behind, and nothing to compare with but "unknown"
            (20, 5, 8, Some(10)),  // has all the leader had at 10
            (30, 6, 9, Some(10)),  // has less than the leader had at 20
            (40, 9, 9, Some(40)),  // has all
            (50, 9, 12, Some(40)), // had all the leader had at 40, and that time counts
            (60, 9, 12, Some(40)), // still lacks what came
            (70, 12, 12, Some(70)),
        ];
        let mut state = ReplicaState::new();
        state.last_fetch_leader_log_end_offset = 5;
        for (time, offset, leader_end, expected) in fetches {
            state.fetched(at(time), &fetch(offset), leader_end);
            assert_eq!(state.last_caught_up_time, expected.map(at), "fetch at {time}");
            assert_eq!(state.log_end_offset, offset);
        }
    }

    #[test]
    fn an_equal_log_end_offset_is_caught_up_for_ever() {
        let mut state = ReplicaState::new();
        state.fetched(at(0), &fetch(5), 5);
        assert!(state.is_caught_up(at(1_000_000), 5, LAG));
        assert!(state.is_caught_up(at(30_000), 6, LAG));
        assert!(!state.is_caught_up(at(30_001), 6, LAG));
    }

    #[test]
    fn a_new_leader_forgets_offsets_and_gives_the_isr_time() {
        let mut in_sync = ReplicaState::new();
        in_sync.fetched(at(1), &fetch(5), 5);
        let mut other = in_sync.clone();
        in_sync.reset(at(100), 9, true, true);
        other.reset(at(100), 9, true, false);
        assert_eq!(in_sync.log_end_offset, UNKNOWN_OFFSET);
        assert!(in_sync.is_caught_up(at(30_100), 9, LAG));
        assert!(!other.is_caught_up(at(100), 9, LAG));
    }

    #[test]
    fn a_leader_elected_again_keeps_offsets() {
        let mut state = ReplicaState::new();
        state.fetched(at(1), &fetch(5), 5);
        state.reset(at(100), 9, false, true);
        assert_eq!((state.log_end_offset, state.last_caught_up_time), (5, Some(at(100))));
    }
}
