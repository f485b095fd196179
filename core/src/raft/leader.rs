//! Leader: what it knows of every replica, the high watermark rule, and whether it still has a majority.

use super::voter_set::{ReplicaKey, VoterSet};
use crate::ids::{NodeId, Offset, Uuid};
use crate::sorted::{SortedMap, SortedSet, sort_by_key};
use crate::time::{Duration, Instant, Now};
use alloc::vec::Vec;
use core::cmp::Reverse;

/// An observer that did not fetch for so long is forgotten.
const OBSERVER_SESSION: Duration = Duration::from_mins(5);

/// What the leader knows of one replica.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicaState {
    /// Directory it told in its fetches; before them the one it votes with, if that is known.
    pub directory_id: Uuid,
    /// Directory it votes with; zero where any will do.
    voter_directory_id: Uuid,
    /// Offset it fetched last, so all before it is stored there; `None` before its first fetch in this epoch.
    pub log_end_offset: Option<Offset>,
    /// Its last fetch.
    pub last_fetch: Option<Now>,
    /// When it was last known to have had everything.
    pub last_caught_up: Option<Now>,
    /// Leader's log end offset at its fetch before the last.
    last_fetch_leader_end: Offset,
    /// It answered `BeginQuorumEpoch`, or fetched, in this epoch.
    pub has_acknowledged_leader: bool,
}

impl ReplicaState {
    fn is_voter(&self, key: ReplicaKey) -> bool {
        ReplicaKey::new(key.id, self.voter_directory_id).matches(&key)
    }

    /// Notes a fetch from `fetch_offset`; answers true where the offset changed.
    fn fetched(&mut self, now: Now, fetch_offset: Offset, leader_end: Offset) -> bool {
        // Caught up now, or at the previous fetch where it now has what the log had then.
        if fetch_offset >= leader_end {
            self.last_caught_up = Some(now);
        } else if self.last_fetch.is_some() && fetch_offset >= self.last_fetch_leader_end {
            self.last_caught_up = self.last_fetch;
        }
        self.last_fetch = Some(now);
        self.last_fetch_leader_end = leader_end;
        self.has_acknowledged_leader = true;
        let changed = self.log_end_offset != Some(fetch_offset);
        self.log_end_offset = Some(fetch_offset);
        changed
    }
}

/// State of the leader of an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderState {
    /// Epoch.
    pub epoch: i32,
    /// Offset of the `LeaderChange` record. Nothing older counts as committed before this is: a majority may hold records
    /// of an old epoch and still lose them to a leader that never saw them.
    pub epoch_start_offset: Offset,
    /// Voters that elected it.
    pub granting_voters: Vec<NodeId>,
    /// High watermark found in this epoch; `None` until the `LeaderChange` record is committed.
    pub high_watermark: Option<Offset>,
    local: NodeId,
    voters: SortedMap<NodeId, ReplicaState>,
    observers: SortedMap<ReplicaKey, ReplicaState>,
    /// Voters that fetched since the check-quorum timer was last set.
    fetched_voters: SortedSet<NodeId>,
    check_quorum_deadline: Instant,
    /// When to look again for voters that do not fetch.
    pub begin_quorum_epoch_deadline: Instant,
    /// Voters to be sent `BeginQuorumEpoch`.
    pub begin_quorum_epoch_to: SortedSet<NodeId>,
}

impl LeaderState {
    /// A leader elected at `now`.
    pub fn new(
        voters: &VoterSet,
        local: NodeId,
        epoch: i32,
        epoch_start_offset: Offset,
        granting_voters: Vec<NodeId>,
        now: Instant,
        fetch_timeout: Duration,
    ) -> Self {
        let others: SortedSet<NodeId> = voters.ids().filter(|id| *id != local).collect();
        let replica =
            |directory_id| ReplicaState { directory_id, voter_directory_id: directory_id, ..ReplicaState::default() };
        Self {
            epoch,
            epoch_start_offset,
            granting_voters,
            high_watermark: None,
            local,
            voters: voters.iter().map(|voter| (voter.key.id, replica(voter.key.directory_id))).collect(),
            observers: SortedMap::new(),
            fetched_voters: SortedSet::new(),
            check_quorum_deadline: now + check_quorum_timeout(fetch_timeout),
            begin_quorum_epoch_deadline: now + fetch_timeout / 2,
            begin_quorum_epoch_to: others,
        }
    }

    /// Notes a fetch of another replica. Answers true where the high watermark may have changed.
    pub fn fetched(
        &mut self,
        now: Now,
        key: ReplicaKey,
        fetch_offset: Offset,
        leader_end: Offset,
        fetch_timeout: Duration,
    ) -> bool {
        if key.id == self.local {
            return false;
        }
        // With another directory it is not the voter: that one may have acknowledged what this one never had.
        let Some(replica) = self.voters.get_mut(&key.id).filter(|replica| replica.is_voter(key)) else {
            self.forget_lost_observers(now.monotonic);
            self.observers.entry(key).or_default().fetched(now, fetch_offset, leader_end);
            return false;
        };
        replica.directory_id = key.directory_id;
        let changed = replica.fetched(now, fetch_offset, leader_end);
        self.begin_quorum_epoch_to.remove(&key.id);
        self.voter_was_heard(key, now.monotonic, fetch_timeout);
        changed
    }

    /// A voter asked for part of a snapshot: it lives, though its log does not grow.
    pub fn voter_was_heard(&mut self, key: ReplicaKey, now: Instant, fetch_timeout: Duration) {
        if key.id == self.local || !self.voters.get(&key.id).is_some_and(|replica| replica.is_voter(key)) {
            return;
        }
        self.fetched_voters.insert(key.id);
        // With the leader itself this is a majority.
        if self.fetched_voters.len() >= self.voters.len() / 2 {
            self.fetched_voters.clear();
            self.check_quorum_deadline = now + check_quorum_timeout(fetch_timeout);
        }
    }

    /// A voter answered `BeginQuorumEpoch`.
    pub fn acknowledged(&mut self, id: NodeId) {
        self.begin_quorum_epoch_to.remove(&id);
        if let Some(replica) = self.voters.get_mut(&id) {
            replica.has_acknowledged_leader = true;
        }
    }

    /// Names the voters that have not fetched for half the fetch timeout; they will be told again who leads.
    pub fn remind_silent_voters(&mut self, now: Instant, fetch_timeout: Duration) {
        let interval = fetch_timeout / 2;
        for (id, replica) in &self.voters {
            let silent = replica.last_fetch.is_none_or(|last| now.since(last.monotonic) >= interval);
            if *id != self.local && (silent || !replica.has_acknowledged_leader) {
                self.begin_quorum_epoch_to.insert(*id);
            }
        }
        self.begin_quorum_epoch_deadline = now + interval;
    }

    /// When a leader without a majority steps down; `None` for a single voter.
    pub fn check_quorum_deadline(&self) -> Option<Instant> {
        (self.voters.len() > 1).then_some(self.check_quorum_deadline)
    }

    /// Finds the high watermark anew, where `local_end` is the end of what this leader has stored. Answers the new one
    /// where it rose.
    ///
    /// **Architecture Invariant**: it is the offset a majority has stored, counts only beyond the start of the epoch, and
    /// never goes back.
    pub fn update_high_watermark(&mut self, local_end: Offset) -> Option<Offset> {
        let mut ends: Vec<Offset> = self
            .voters
            .iter()
            .map(|(id, replica)| if *id == self.local { local_end } else { replica.log_end_offset.unwrap_or(-1) })
            .collect();
        sort_by_key(&mut ends, |end| Reverse(*end));
        let candidate = ends.get(ends.len() / 2).copied()?;
        if candidate <= self.epoch_start_offset || self.high_watermark.is_some_and(|current| candidate <= current) {
            return None;
        }
        self.high_watermark = Some(candidate);
        Some(candidate)
    }

    /// The other voters by what they have, best first; of equals the lower id first.
    pub fn successors(&self) -> Vec<NodeId> {
        let mut successors: Vec<(Reverse<Offset>, NodeId)> = self
            .voters
            .iter()
            .filter(|(id, _)| **id != self.local)
            .map(|(id, replica)| (Reverse(replica.log_end_offset.unwrap_or(-1)), *id))
            .collect();
        sort_by_key(&mut successors, |successor| *successor);
        successors.into_iter().map(|(_, id)| id).collect()
    }

    /// Voters by id, this leader among them (of itself it notes nothing here).
    pub fn voters(&self) -> impl Iterator<Item = (NodeId, &ReplicaState)> {
        self.voters.iter().map(|(id, replica)| (*id, replica))
    }

    /// Observers that fetched within the last five minutes, by key.
    pub fn observers(&self, now: Instant) -> impl Iterator<Item = (&ReplicaKey, &ReplicaState)> {
        self.observers.iter().filter(move |(_, replica)| is_recent(replica, now))
    }

    fn forget_lost_observers(&mut self, now: Instant) {
        self.observers.retain(|_, replica| is_recent(replica, now));
    }
}

fn is_recent(replica: &ReplicaState, now: Instant) -> bool {
    replica.last_fetch.is_some_and(|last| now.since(last.monotonic) < OBSERVER_SESSION)
}

/// How long a leader goes on without fetches from a majority: one and a half fetch timeouts, so that followers notice first.
fn check_quorum_timeout(fetch_timeout: Duration) -> Duration {
    fetch_timeout * 3 / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::voter_set::Voter;

    const FETCH_TIMEOUT: Duration = Duration::from_secs(1);

    fn key(id: NodeId) -> ReplicaKey {
        ReplicaKey::new(id, Uuid::ZERO)
    }

    fn at(millis: u64) -> Now {
        Now { monotonic: Instant::from_millis(millis), wall_ms: 1_000_000 + millis as i64 }
    }

    fn leader(voters: i32, epoch_start_offset: Offset) -> LeaderState {
        let set = VoterSet::new((0..voters).map(|id| Voter { key: key(id), endpoints: Vec::new() }));
        LeaderState::new(&set, 0, 5, epoch_start_offset, Vec::new(), Instant::ZERO, FETCH_TIMEOUT)
    }

    #[test]
    fn high_watermark_is_what_a_majority_has() {
        // (voters, epoch start, local end, fetch offsets of 1.., high watermark)
        for (voters, start, local, others, expect) in [
            (1, 10, 11, &[][..], Some(11)),
            (1, 10, 10, &[], None),
            (2, 10, 15, &[], None),
            (2, 10, 15, &[12], Some(12)),
            (2, 10, 11, &[12], Some(11)),
            (3, 10, 15, &[12], Some(12)),
            (3, 10, 15, &[12, 14], Some(14)),
            (3, 10, 15, &[9, 10], None),
            (3, 10, 15, &[11, 3], Some(11)),
            (3, 10, 5, &[11, 11], Some(11)),
            (4, 10, 20, &[15, 14], Some(14)),
            (5, 10, 20, &[19, 12, 11, 3], Some(12)),
        ] {
            let mut state = leader(voters, start);
            for (index, offset) in others.iter().enumerate() {
                state.fetched(at(1), key(index as i32 + 1), *offset, 20, FETCH_TIMEOUT);
            }
            assert_eq!(state.update_high_watermark(local), expect, "{voters} {start} {local} {others:?}");
            assert_eq!(state.update_high_watermark(local), None, "it did not rise again");
        }
    }

    #[test]
    fn high_watermark_never_goes_back() {
        let mut state = leader(3, 10);
        state.fetched(at(1), key(1), 15, 15, FETCH_TIMEOUT);
        assert_eq!(state.update_high_watermark(15), Some(15));
        state.fetched(at(2), key(1), 12, 15, FETCH_TIMEOUT);
        assert_eq!(state.update_high_watermark(15), None);
        assert_eq!(state.high_watermark, Some(15));
    }

    #[test]
    fn observers_do_not_count() {
        let mut state = leader(3, 10);
        assert!(!state.fetched(at(1), key(7), 15, 15, FETCH_TIMEOUT));
        assert_eq!(state.update_high_watermark(15), None);
        assert_eq!(state.observers(at(2).monotonic).count(), 1);
        assert_eq!(state.observers(at(300_001).monotonic).count(), 0);
    }

    #[test]
    fn a_majority_of_fetches_keeps_the_leader() {
        let mut state = leader(5, 0);
        assert_eq!(state.check_quorum_deadline(), Some(Instant::from_millis(1500)));
        state.fetched(at(100), key(1), 1, 1, FETCH_TIMEOUT);
        state.fetched(at(200), key(1), 1, 1, FETCH_TIMEOUT);
        state.fetched(at(250), key(9), 1, 1, FETCH_TIMEOUT);
        assert_eq!(state.check_quorum_deadline(), Some(Instant::from_millis(1500)), "one voter is no majority");
        state.fetched(at(300), key(2), 1, 1, FETCH_TIMEOUT);
        assert_eq!(state.check_quorum_deadline(), Some(Instant::from_millis(1800)));
        assert_eq!(leader(1, 0).check_quorum_deadline(), None);
    }

    #[test]
    fn silent_voters_are_reminded() {
        let mut state = leader(3, 0);
        assert_eq!(state.begin_quorum_epoch_to, SortedSet::from([1, 2]));
        state.acknowledged(1);
        state.fetched(at(100), key(2), 1, 1, FETCH_TIMEOUT);
        assert!(state.begin_quorum_epoch_to.is_empty());
        state.remind_silent_voters(at(500).monotonic, FETCH_TIMEOUT);
        assert_eq!(state.begin_quorum_epoch_to, SortedSet::from([1]), "1 never fetched, 2 did 400 ms ago");
    }

    #[test]
    fn caught_up_is_known_one_fetch_late() {
        let mut state = leader(3, 0);
        let caught_up = |state: &LeaderState| state.voters[&1].last_caught_up.map(|now| now.monotonic.as_millis());
        state.fetched(at(1), key(1), 5, 10, FETCH_TIMEOUT);
        assert_eq!(caught_up(&state), None);
        state.fetched(at(2), key(1), 10, 12, FETCH_TIMEOUT);
        assert_eq!(caught_up(&state), Some(1));
        state.fetched(at(3), key(1), 11, 20, FETCH_TIMEOUT);
        assert_eq!(caught_up(&state), Some(1));
        state.fetched(at(4), key(1), 20, 20, FETCH_TIMEOUT);
        assert_eq!(caught_up(&state), Some(4));
    }

    #[test]
    fn successors_are_ordered_by_what_they_have() {
        let mut state = leader(4, 0);
        state.fetched(at(1), key(2), 8, 10, FETCH_TIMEOUT);
        state.fetched(at(1), key(3), 9, 10, FETCH_TIMEOUT);
        assert_eq!(state.successors(), [3, 2, 1]);
    }
}
