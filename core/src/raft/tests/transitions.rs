//! The table of transitions, every pair of state and change, and what each keeps.

use crate::ids::{NodeId, Uuid};
use crate::log::storage::StoreQueue;
use crate::raft::quorum_state::{ElectionTimeouts, QuorumState, State, StateName, Transition, is_permitted};
use crate::raft::quorum_state_file::QuorumStateData;
use crate::raft::voter_set::{ReplicaKey, Voter, VoterSet};
use crate::rng::Rng;
use crate::time::{Duration, Instant};
use alloc::vec::Vec;
use core::cmp::Ordering;

use StateName::{Candidate, Follower, Leader, Prospective, Resigned, Unattached};

const STATES: [StateName; 6] = [Unattached, Prospective, Candidate, Leader, Follower, Resigned];
const TRANSITIONS: [Transition; 7] = [
    Transition::Unattach,
    Transition::Vote,
    Transition::SeekPreVotes,
    Transition::SeekVotes,
    Transition::Lead,
    Transition::Follow,
    Transition::Resign,
];

/// Per state, in the order of [`STATES`], and change, in the order of [`TRANSITIONS`]: `=` in the same epoch, `>` to a higher
/// one, `*` either, `-` never.
const TABLE: [&str; 6] = [
    ">==--*-", // Unattached
    "*=->-*-", // Prospective
    ">-=-=*-", // Candidate
    ">---->=", // Leader
    ">-=-->-", // Follower
    ">---->-", // Resigned
];

#[test]
fn every_pair_is_allowed_or_refused() {
    for (state, row) in STATES.iter().zip(TABLE) {
        assert_eq!(row.len(), TRANSITIONS.len());
        for (transition, mark) in TRANSITIONS.iter().zip(row.chars()) {
            let same = is_permitted(*state, *transition, Ordering::Equal, true);
            let higher = is_permitted(*state, *transition, Ordering::Greater, true);
            let found = match (same, higher) {
                (true, true) => '*',
                (true, false) => '=',
                (false, true) => '>',
                (false, false) => '-',
            };
            assert_eq!(found, mark, "{state:?} {transition:?}");
            assert!(!is_permitted(*state, *transition, Ordering::Less, true), "no way back in epochs");
            for epoch in [Ordering::Equal, Ordering::Greater] {
                let observer = is_permitted(*state, *transition, epoch, false);
                let may = matches!(transition, Transition::Unattach | Transition::Follow);
                assert_eq!(observer, may && is_permitted(*state, *transition, epoch, true), "an observer only follows");
            }
        }
    }
}

const TIMEOUTS: ElectionTimeouts = ElectionTimeouts {
    election_timeout: Duration::from_millis(300),
    fetch_timeout: Duration::from_secs(1),
    election_backoff_max: Duration::from_millis(500),
};

fn key(id: NodeId) -> ReplicaKey {
    ReplicaKey::new(id, Uuid::ZERO)
}

fn quorum(local: NodeId, stored: Option<QuorumStateData>, log_epoch: i32) -> QuorumState {
    let voters = VoterSet::new((0..3).map(|id| Voter { key: key(id), endpoints: Vec::new() }));
    QuorumState::new(key(local), voters, TIMEOUTS, stored, log_epoch, Rng::new(1), Instant::ZERO)
}

/// A voter brought into the state by lawful steps, in epoch 5.
fn in_state(name: StateName) -> (QuorumState, StoreQueue) {
    let mut store = StoreQueue::default();
    let now = Instant::ZERO;
    let epoch = if matches!(name, Candidate | Leader | Resigned) { 4 } else { 5 };
    let mut quorum = quorum(0, Some(QuorumStateData { leader_epoch: epoch, ..QuorumStateData::default() }), 0);
    if name == Follower {
        quorum.follow(5, 1, now, &mut store).unwrap();
    } else if name != Unattached {
        quorum.seek_pre_votes(now, &mut store).unwrap();
        if name != Prospective {
            quorum.seek_votes(now, &mut store).unwrap();
        }
        if matches!(name, Leader | Resigned) {
            if let State::Candidate(state) = quorum.state_mut() {
                state.election.record(1, true);
            }
            quorum.lead(10, now, &mut store).unwrap();
        }
        if name == Resigned {
            quorum.resign(now, &mut store).unwrap();
        }
    }
    assert_eq!((quorum.name(), quorum.epoch()), (name, 5));
    (quorum, store)
}

#[test]
fn the_methods_obey_the_table() {
    let now = Instant::from_millis(10);
    for (state, row) in STATES.iter().zip(TABLE) {
        for (transition, mark) in TRANSITIONS.iter().zip(row.chars()) {
            for epoch in [4, 5, 6] {
                let (mut quorum, mut store) = in_state(*state);
                let before = quorum.state().clone();
                let outcome = match transition {
                    Transition::Unattach => quorum.unattach(epoch, now, &mut store),
                    Transition::Follow => quorum.follow(epoch, 1, now, &mut store),
                    // The others choose their epoch themselves.
                    Transition::Vote => quorum.vote(key(2), now, &mut store),
                    Transition::SeekPreVotes => quorum.seek_pre_votes(now, &mut store),
                    Transition::SeekVotes => quorum.seek_votes(now, &mut store),
                    Transition::Lead => {
                        if let State::Candidate(state) = quorum.state_mut() {
                            state.election.record(1, true);
                        }
                        quorum.lead(10, now, &mut store)
                    }
                    Transition::Resign => quorum.resign(now, &mut store),
                };
                let names_epoch = matches!(transition, Transition::Unattach | Transition::Follow);
                let allowed = match mark {
                    '*' => !names_epoch || epoch >= 5,
                    '=' => !names_epoch || epoch == 5,
                    '>' => !names_epoch || epoch > 5,
                    _ => false,
                };
                assert_eq!(outcome.is_ok(), allowed, "{state:?} {transition:?} {epoch}");
                if let Err(illegal) = outcome {
                    assert_eq!((illegal.from, illegal.epoch), (*state, 5));
                    assert_eq!(quorum.name(), before_name(&before), "a refused change changes nothing");
                }
            }
        }
    }
}

fn before_name(state: &State) -> StateName {
    match state {
        State::Unattached(_) => Unattached,
        State::Prospective(_) => Prospective,
        State::Candidate(_) => Candidate,
        State::Leader(_) => Leader,
        State::Follower(_) => Follower,
        State::Resigned(_) => Resigned,
    }
}

#[test]
fn a_start_goes_on_where_the_file_left_off() {
    let stored = |leader_id, leader_epoch, voted: Option<NodeId>| {
        Some(QuorumStateData { leader_id, leader_epoch, voted: voted.map(key) })
    };
    // (node, file, epoch of the log, state, epoch)
    for (node, file, log_epoch, state, epoch) in [
        (0, None, 0, Unattached, 0),
        (0, None, 3, Unattached, 3),
        (0, stored(Some(0), 5, Some(0)), 5, Resigned, 5),
        (0, stored(Some(1), 5, None), 5, Follower, 5),
        (0, stored(None, 5, Some(0)), 4, Candidate, 5),
        (0, stored(None, 5, Some(1)), 4, Unattached, 5),
        (0, stored(Some(1), 4, None), 5, Unattached, 5),
        (0, stored(Some(9), 5, None), 5, Unattached, 5),
        (7, stored(Some(7), 5, None), 5, Unattached, 5),
        (7, stored(Some(2), 5, None), 5, Follower, 5),
    ] {
        let quorum = quorum(node, file, log_epoch);
        assert_eq!((quorum.name(), quorum.epoch()), (state, epoch), "{node} {file:?} {log_epoch}");
    }
}

#[test]
fn votes_outlive_the_change_of_state_but_not_the_epoch() {
    let now = Instant::from_millis(10);
    let (mut quorum, mut store) = in_state(Unattached);
    quorum.vote(key(2), now, &mut store).unwrap();
    assert!(!quorum.can_grant_vote(&key(1), true, false), "voted for 2");
    assert!(quorum.can_grant_vote(&key(2), true, false));
    quorum.seek_pre_votes(now, &mut store).unwrap();
    assert_eq!(quorum.election().voted, Some(key(2)));
    quorum.unattach(5, now, &mut store).unwrap();
    assert_eq!(quorum.election().voted, Some(key(2)));
    quorum.follow(5, 1, now, &mut store).unwrap();
    assert_eq!(quorum.election().voted, Some(key(2)));
    quorum.unattach(6, now, &mut store).unwrap();
    assert_eq!(quorum.election().voted, None);
}

#[test]
fn a_lost_candidate_keeps_its_vote_for_itself() {
    let now = Instant::from_millis(10);
    let (mut quorum, mut store) = in_state(Candidate);
    quorum.seek_pre_votes(now, &mut store).unwrap();
    assert!(!quorum.can_grant_vote(&key(1), true, false), "it voted for itself in this epoch");
    assert!(quorum.can_grant_vote(&key(1), true, true), "a pre-vote binds nothing");
}

#[test]
fn only_what_an_election_must_not_forget_is_written() {
    let now = Instant::from_millis(10);
    let (mut quorum, mut store) = in_state(Follower);
    store.take();
    quorum.seek_pre_votes(now, &mut store).unwrap();
    assert!(store.is_empty(), "asking for pre-votes changes neither epoch, leader nor vote");
    quorum.seek_votes(now, &mut store).unwrap();
    let ticket = quorum.barrier().unwrap();
    assert_eq!(store.take().map(|(ticket, commands)| (ticket, commands.len())), Some((ticket, 1)));
}

#[test]
fn without_a_majority_nobody_leads() {
    let (mut quorum, mut store) = in_state(Candidate);
    assert!(quorum.lead(10, Instant::ZERO, &mut store).is_err());
}

#[test]
fn who_may_be_granted_what() {
    // (state, vote in the same epoch, pre-vote) to replica 2 with an up-to-date log
    for (state, vote, pre_vote) in [
        (Unattached, true, true),
        (Prospective, true, true),
        (Candidate, false, true),
        (Leader, false, false),
        (Follower, false, true),
        (Resigned, false, true),
    ] {
        let (quorum, _) = in_state(state);
        assert_eq!(quorum.can_grant_vote(&key(2), true, false), vote, "{state:?} vote");
        assert_eq!(quorum.can_grant_vote(&key(2), true, true), pre_vote, "{state:?} pre-vote");
        assert!(!quorum.can_grant_vote(&key(2), false, false), "{state:?} with an old log");
        assert!(!quorum.can_grant_vote(&key(2), false, true), "{state:?} with an old log");
    }
}

#[test]
fn timers_are_drawn_within_their_bounds() {
    for seed in 0..200 {
        let voters = VoterSet::new((0..3).map(|id| Voter { key: key(id), endpoints: Vec::new() }));
        let mut store = StoreQueue::default();
        let mut quorum = QuorumState::new(key(0), voters, TIMEOUTS, None, 0, Rng::new(seed), Instant::ZERO);
        let (at, _) = quorum.deadline().unwrap();
        assert!((300..600).contains(&at.as_millis()), "{at:?}");
        for _ in 0..12 {
            quorum.seek_pre_votes(Instant::ZERO, &mut store).unwrap();
            quorum.seek_votes(Instant::ZERO, &mut store).unwrap();
            quorum.back_off(Instant::ZERO);
            let (at, _) = quorum.deadline().unwrap();
            assert!((100..=500).contains(&at.as_millis()), "{at:?}");
        }
    }
}
