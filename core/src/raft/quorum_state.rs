//! The state of one replica in the quorum, and the only place where it changes.
//!
//! **Architecture Invariant**: no other code builds a [`State`]. Every change passes [`is_permitted`], and what an election
//! must never forget is queued for `quorum-state` in the same call; [`QuorumState::barrier`] names the ticket that must come
//! back before any message may tell others of the change.

use super::candidate::CandidateState;
use super::epoch_election::EpochElection;
use super::follower::FollowerState;
use super::leader::LeaderState;
use super::prospective::ProspectiveState;
use super::quorum_state_file::{QUORUM_STATE_FILE, QuorumStateData};
use super::resigned::ResignedState;
use super::unattached::UnattachedState;
use super::voter_set::{ReplicaKey, VoterSet};
use crate::ids::{NodeId, Offset};
use crate::log::storage::{StoreCommand, StoreQueue, Ticket};
use crate::rng::Rng;
use crate::text::Str;
use crate::time::{Duration, Instant};
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;

/// What a replica is in its epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Knows no leader.
    Unattached(UnattachedState),
    /// Asks for pre-votes.
    Prospective(ProspectiveState),
    /// Asks for votes.
    Candidate(CandidateState),
    /// Leads.
    Leader(LeaderState),
    /// Fetches from the leader.
    Follower(FollowerState),
    /// Led and gave up.
    Resigned(ResignedState),
}

/// The states by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StateName {
    /// [`State::Unattached`]
    Unattached,
    /// [`State::Prospective`]
    Prospective,
    /// [`State::Candidate`]
    Candidate,
    /// [`State::Leader`]
    Leader,
    /// [`State::Follower`]
    Follower,
    /// [`State::Resigned`]
    Resigned,
}

/// The changes there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transition {
    /// To unattached: a higher epoch was seen, or a pre-vote without a leader to return to was lost.
    Unattach,
    /// A vote is given; the state stays.
    Vote,
    /// To prospective: a time-out.
    SeekPreVotes,
    /// To candidate, in the next epoch: the pre-vote was won.
    SeekVotes,
    /// To leader: the election was won.
    Lead,
    /// To follower: somebody else leads.
    Follow,
    /// To resigned: the leader gives up.
    Resign,
}

/// A change that must not happen; a programming error of the caller, or of a peer that broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IllegalTransition {
    /// State before.
    pub from: StateName,
    /// Epoch before.
    pub epoch: i32,
    /// The change.
    pub transition: Transition,
    /// Epoch it would have led to.
    pub to_epoch: i32,
}

impl fmt::Display for IllegalTransition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Cannot {:?} to epoch {} from {:?} in epoch {}",
            self.transition, self.to_epoch, self.from, self.epoch
        )
    }
}

/// The table of transitions. `epoch` compares the epoch after with the epoch before.
pub fn is_permitted(from: StateName, transition: Transition, epoch: Ordering, is_voter: bool) -> bool {
    use StateName::{Candidate, Follower, Leader, Prospective, Unattached};
    match (transition, epoch) {
        (_, Ordering::Less) => false,
        // A higher epoch ends every state.
        (Transition::Unattach | Transition::Follow, Ordering::Greater) => true,
        (Transition::Unattach, Ordering::Equal) => from == Prospective,
        (Transition::Follow, Ordering::Equal) => matches!(from, Unattached | Prospective | Candidate),
        // Only voters do the rest.
        _ if !is_voter => false,
        (Transition::Vote, Ordering::Equal) => matches!(from, Unattached | Prospective),
        (Transition::SeekPreVotes, Ordering::Equal) => matches!(from, Unattached | Follower | Candidate),
        (Transition::SeekVotes, Ordering::Greater) => from == Prospective,
        (Transition::Lead, Ordering::Equal) => from == Candidate,
        (Transition::Resign, Ordering::Equal) => from == Leader,
        _ => false,
    }
}

/// Timers of elections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElectionTimeouts {
    /// `controller.quorum.election.timeout.ms`; the actual one is drawn from it up to twice it.
    pub election_timeout: Duration,
    /// `controller.quorum.fetch.timeout.ms`.
    pub fetch_timeout: Duration,
    /// `controller.quorum.election.backoff.max.ms`.
    pub election_backoff_max: Duration,
}

/// The replica's state, its voters and its timers.
#[derive(Clone, Debug)]
pub struct QuorumState {
    local: ReplicaKey,
    voters: VoterSet,
    /// The leader an answer named last and where it listens, for one that is not among the voters known here.
    told_leader: Option<(NodeId, Str, u16)>,
    timeouts: ElectionTimeouts,
    rng: Rng,
    state: State,
    /// Elections lost in a row, for the backoff.
    retries: u32,
    written: Option<QuorumStateData>,
    barrier: Option<Ticket>,
}

/// First step of the election backoff.
const ELECTION_BACKOFF_BASE: Duration = Duration::from_millis(100);

impl QuorumState {
    /// The state after a start: as `stored` says, or higher where the log has records of a higher epoch.
    ///
    /// Who led comes back resigned, so that it cannot lead the same epoch twice; who voted for itself goes on as candidate;
    /// who had a leader follows it.
    pub fn new(
        local: ReplicaKey,
        voters: VoterSet,
        timeouts: ElectionTimeouts,
        stored: Option<QuorumStateData>,
        log_epoch: i32,
        rng: Rng,
        now: Instant,
    ) -> Self {
        let unattached = UnattachedState { epoch: 0, voted: None, election_deadline: None };
        let state = State::Unattached(unattached);
        let told_leader = None;
        let (retries, written, barrier) = (0, stored, None);
        let mut quorum = Self { local, voters, told_leader, timeouts, rng, state, retries, written, barrier };
        let mut data = stored.unwrap_or_default();
        if data.leader_epoch < log_epoch {
            data = QuorumStateData { leader_id: None, leader_epoch: log_epoch, voted: None };
        }
        quorum.state = quorum.initial_state(&data, now);
        quorum
    }

    fn initial_state(&mut self, data: &QuorumStateData, now: Instant) -> State {
        let epoch = data.leader_epoch;
        let is_voter = self.is_voter();
        let election_deadline = self.election_deadline(now);
        match (data.leader_id, data.voted) {
            (Some(leader), _) if leader == self.local.id && is_voter => State::Resigned(ResignedState {
                epoch,
                preferred_successors: Vec::new(),
                unacknowledged_voters: self.voters.ids().filter(|id| *id != self.local.id).collect(),
                election_deadline,
            }),
            (Some(leader), voted) if leader != self.local.id && self.voters.contains(leader) => {
                State::Follower(self.follower(epoch, leader, voted, now))
            }
            (None, Some(voted)) if voted.matches(&self.local) && is_voter => State::Candidate(CandidateState {
                epoch,
                election: EpochElection::new(&self.voters, self.local.id),
                election_deadline,
                backoff_deadline: None,
            }),
            (_, voted) => {
                let election_deadline = is_voter.then_some(election_deadline);
                State::Unattached(UnattachedState { epoch, voted, election_deadline })
            }
        }
    }

    /// This replica.
    pub fn local(&self) -> ReplicaKey {
        self.local
    }

    /// The voters.
    pub fn voters(&self) -> &VoterSet {
        &self.voters
    }

    /// The log names other voters. The state stays: only a follower's log changes so.
    pub(super) fn set_voters(&mut self, voters: VoterSet) {
        self.voters = voters;
    }

    /// An answer said that `leader` leads and where it listens.
    pub(super) fn leader_told(&mut self, leader: NodeId, host: Str, port: u16) {
        self.told_leader = Some((leader, host, port));
    }

    /// True where `id` can be the leader of another: a voter, or one that an answer named with its address. Who has not yet
    /// got the log does not know the voters.
    pub fn may_lead(&self, id: NodeId) -> bool {
        id != self.local.id && (self.voters.contains(id) || self.told_leader.as_ref().is_some_and(|told| told.0 == id))
    }

    /// Where a voter, or the leader told, listens.
    pub fn address(&self, id: NodeId) -> Option<(&Str, u16)> {
        let endpoint = self.voters.voter(id).and_then(|voter| voter.endpoints.first());
        let told = self.told_leader.as_ref().filter(|told| told.0 == id);
        endpoint.map(|at| (&at.host, at.port)).or_else(|| told.map(|(_, host, port)| (host, *port)))
    }

    /// The other voters, ascending.
    pub fn other_voters(&self) -> Vec<NodeId> {
        self.voters.ids().filter(|id| *id != self.local.id).collect()
    }

    /// True where this replica votes; observers only fetch.
    pub fn is_voter(&self) -> bool {
        self.voters.contains_key(&self.local)
    }

    /// The timers.
    pub fn timeouts(&self) -> &ElectionTimeouts {
        &self.timeouts
    }

    /// The state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The state, to note what happens within it. What it is cannot be changed this way: only this file builds states.
    pub(super) fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    /// The name of the state.
    pub fn name(&self) -> StateName {
        match &self.state {
            State::Unattached(_) => StateName::Unattached,
            State::Prospective(_) => StateName::Prospective,
            State::Candidate(_) => StateName::Candidate,
            State::Leader(_) => StateName::Leader,
            State::Follower(_) => StateName::Follower,
            State::Resigned(_) => StateName::Resigned,
        }
    }

    /// The epoch.
    pub fn epoch(&self) -> i32 {
        match &self.state {
            State::Unattached(state) => state.epoch,
            State::Prospective(state) => state.epoch,
            State::Candidate(state) => state.epoch,
            State::Leader(state) => state.epoch,
            State::Follower(state) => state.epoch,
            State::Resigned(state) => state.epoch,
        }
    }

    /// The leader of the epoch, where one is known. A resigned one still is: nobody else can lead its epoch.
    pub fn leader_id(&self) -> Option<NodeId> {
        match &self.state {
            State::Unattached(_) | State::Candidate(_) => None,
            State::Prospective(state) => state.leader,
            State::Leader(_) | State::Resigned(_) => Some(self.local.id),
            State::Follower(state) => Some(state.leader),
        }
    }

    /// What is to be stored.
    pub fn election(&self) -> QuorumStateData {
        let voted = match &self.state {
            State::Unattached(state) => state.voted,
            State::Prospective(state) => state.voted,
            State::Follower(state) => state.voted,
            State::Candidate(_) | State::Leader(_) | State::Resigned(_) => Some(self.local),
        };
        QuorumStateData { leader_id: self.leader_id(), leader_epoch: self.epoch(), voted }
    }

    /// The leader's state, where this replica leads.
    pub fn leader(&self) -> Option<&LeaderState> {
        if let State::Leader(state) = &self.state { Some(state) } else { None }
    }

    /// The leader's state, to note what replicas do.
    pub fn leader_mut(&mut self) -> Option<&mut LeaderState> {
        if let State::Leader(state) = &mut self.state { Some(state) } else { None }
    }

    /// The follower's state, where this replica follows.
    pub fn follower_mut(&mut self) -> Option<&mut FollowerState> {
        if let State::Follower(state) = &mut self.state { Some(state) } else { None }
    }

    /// Whether `candidate` gets this replica's word.
    pub fn can_grant_vote(&self, candidate: &ReplicaKey, log_is_up_to_date: bool, pre_vote: bool) -> bool {
        if !self.is_voter() {
            return false;
        }
        match &self.state {
            State::Unattached(state) => state.can_grant_vote(candidate, log_is_up_to_date, pre_vote),
            State::Prospective(state) => state.can_grant_vote(candidate, log_is_up_to_date, pre_vote),
            State::Candidate(_) => pre_vote && log_is_up_to_date,
            State::Leader(_) => false,
            State::Follower(state) => state.can_grant_vote(log_is_up_to_date, pre_vote),
            State::Resigned(state) => state.can_grant_vote(log_is_up_to_date, pre_vote),
        }
    }

    /// The ticket of the last change of `quorum-state`: no message may leave before it is stored.
    pub fn barrier(&self) -> Option<Ticket> {
        self.barrier
    }

    /// When the state is to be looked at again, and why.
    pub fn deadline(&self) -> Option<(Instant, &'static str)> {
        match &self.state {
            State::Unattached(state) => Some((state.election_deadline?, "quorum election timeout")),
            State::Prospective(state) => Some((state.election_deadline, "quorum pre-vote timeout")),
            State::Candidate(state) => Some((state.deadline(), "quorum election timeout")),
            State::Leader(state) => {
                let reminder = (state.begin_quorum_epoch_deadline, "quorum begin epoch");
                let check = state.check_quorum_deadline().map(|at| (at, "quorum check"));
                Some(check.map_or(reminder, |check| check.min(reminder)))
            }
            State::Follower(state) => Some((state.fetch_deadline, "quorum fetch timeout")),
            State::Resigned(state) => Some((state.election_deadline, "quorum election timeout")),
        }
    }

    /// Unattached in `epoch`. What was left of a running timer is kept, so that a stream of higher epochs cannot keep this
    /// replica from ever standing itself.
    pub fn unattach(&mut self, epoch: i32, now: Instant, store: &mut StoreQueue) -> Result<(), IllegalTransition> {
        self.check(Transition::Unattach, epoch)?;
        let kept = match &self.state {
            State::Unattached(state) => state.election_deadline,
            State::Prospective(state) if epoch > state.epoch => Some(state.election_deadline),
            State::Candidate(state) => Some(state.election_deadline),
            State::Follower(state) => Some(state.fetch_deadline),
            State::Resigned(state) => Some(state.election_deadline),
            State::Prospective(_) | State::Leader(_) => None,
        };
        let election_deadline = kept.filter(|at| *at > now).unwrap_or_else(|| self.election_deadline(now));
        let voted = self.vote_in(epoch);
        let election_deadline = self.is_voter().then_some(election_deadline);
        self.enter(State::Unattached(UnattachedState { epoch, voted, election_deadline }), store);
        Ok(())
    }

    /// Gives this replica's vote of the epoch to `candidate`; [`QuorumState::can_grant_vote`] must have agreed.
    pub fn vote(
        &mut self,
        candidate: ReplicaKey,
        now: Instant,
        store: &mut StoreQueue,
    ) -> Result<(), IllegalTransition> {
        self.check(Transition::Vote, self.epoch())?;
        // Who just voted gives the candidate time to win.
        let deadline = self.election_deadline(now);
        let mut state = self.state.clone();
        match &mut state {
            State::Unattached(state) => {
                state.voted = Some(candidate);
                state.election_deadline = Some(deadline);
            }
            State::Prospective(state) => state.voted = Some(candidate),
            _ => return Err(self.illegal(Transition::Vote, self.epoch())),
        }
        self.enter(state, store);
        Ok(())
    }

    /// Prospective in the same epoch.
    pub fn seek_pre_votes(&mut self, now: Instant, store: &mut StoreQueue) -> Result<(), IllegalTransition> {
        let epoch = self.epoch();
        self.check(Transition::SeekPreVotes, epoch)?;
        let state = ProspectiveState {
            epoch,
            leader: self.leader_id(),
            voted: self.vote_in(epoch),
            election: EpochElection::new(&self.voters, self.local.id),
            election_deadline: self.election_deadline(now),
        };
        self.enter(State::Prospective(state), store);
        Ok(())
    }

    /// Candidate in the next epoch.
    pub fn seek_votes(&mut self, now: Instant, store: &mut StoreQueue) -> Result<(), IllegalTransition> {
        let epoch = self.epoch().saturating_add(1);
        self.check(Transition::SeekVotes, epoch)?;
        self.retries = self.retries.saturating_add(1);
        let state = CandidateState {
            epoch,
            election: EpochElection::new(&self.voters, self.local.id),
            election_deadline: self.election_deadline(now),
            backoff_deadline: None,
        };
        self.enter(State::Candidate(state), store);
        Ok(())
    }

    /// The candidate lost: it waits a while, the longer the more often it lost, before it asks again.
    pub fn back_off(&mut self, now: Instant) {
        // 2^retries steps at most, ten doublings at most.
        let bound = 2_u64 << self.retries.saturating_sub(1).min(10);
        let steps = 1 + self.rng.below(bound.saturating_sub(1));
        let wait = (ELECTION_BACKOFF_BASE * steps as u32).min(self.timeouts.election_backoff_max);
        if let State::Candidate(state) = &mut self.state {
            state.backoff_deadline = Some(now + wait);
        }
    }

    /// Leader of the epoch; its first record will be at `epoch_start_offset`.
    pub fn lead(
        &mut self,
        epoch_start_offset: Offset,
        now: Instant,
        store: &mut StoreQueue,
    ) -> Result<(), IllegalTransition> {
        let epoch = self.epoch();
        self.check(Transition::Lead, epoch)?;
        let State::Candidate(candidate) = &self.state else { return Err(self.illegal(Transition::Lead, epoch)) };
        if !candidate.election.is_vote_granted() {
            return Err(self.illegal(Transition::Lead, epoch));
        }
        let granting = candidate.election.granting_voters();
        let fetch_timeout = self.timeouts.fetch_timeout;
        let state =
            LeaderState::new(&self.voters, self.local.id, epoch, epoch_start_offset, granting, now, fetch_timeout);
        self.retries = 0;
        self.enter(State::Leader(state), store);
        Ok(())
    }

    /// Follower of `leader` in `epoch`.
    pub fn follow(
        &mut self,
        epoch: i32,
        leader: NodeId,
        now: Instant,
        store: &mut StoreQueue,
    ) -> Result<(), IllegalTransition> {
        self.check(Transition::Follow, epoch)?;
        if !self.may_lead(leader) {
            return Err(self.illegal(Transition::Follow, epoch));
        }
        let state = self.follower(epoch, leader, self.vote_in(epoch), now);
        self.retries = 0;
        self.enter(State::Follower(state), store);
        Ok(())
    }

    /// The leader gives up its epoch.
    pub fn resign(&mut self, now: Instant, store: &mut StoreQueue) -> Result<(), IllegalTransition> {
        let epoch = self.epoch();
        self.check(Transition::Resign, epoch)?;
        let State::Leader(leader) = &self.state else { return Err(self.illegal(Transition::Resign, epoch)) };
        let preferred_successors = leader.successors();
        let unacknowledged_voters = preferred_successors.iter().copied().collect();
        let election_deadline = self.election_deadline(now);
        let state = ResignedState { epoch, preferred_successors, unacknowledged_voters, election_deadline };
        self.enter(State::Resigned(state), store);
        Ok(())
    }

    fn follower(&self, epoch: i32, leader: NodeId, voted: Option<ReplicaKey>, now: Instant) -> FollowerState {
        FollowerState {
            epoch,
            leader,
            voted,
            fetch_deadline: now + self.timeouts.fetch_timeout,
            has_fetched_from_leader: false,
            fetching_snapshot: None,
        }
    }

    /// The vote given in `epoch`: votes of older epochs are void.
    fn vote_in(&self, epoch: i32) -> Option<ReplicaKey> {
        let election = self.election();
        election.voted.filter(|_| election.leader_epoch == epoch)
    }

    fn election_deadline(&mut self, now: Instant) -> Instant {
        let timeout = self.timeouts.election_timeout;
        now + timeout + Duration::from_micros(self.rng.below(timeout.as_micros() as u64))
    }

    fn illegal(&self, transition: Transition, to_epoch: i32) -> IllegalTransition {
        IllegalTransition { from: self.name(), epoch: self.epoch(), transition, to_epoch }
    }

    fn check(&self, transition: Transition, to_epoch: i32) -> Result<(), IllegalTransition> {
        if is_permitted(self.name(), transition, to_epoch.cmp(&self.epoch()), self.is_voter()) {
            Ok(())
        } else {
            Err(self.illegal(transition, to_epoch))
        }
    }

    fn enter(&mut self, state: State, store: &mut StoreQueue) {
        self.state = state;
        let data = self.election();
        if self.written != Some(data) {
            self.written = Some(data);
            let command = StoreCommand::Replace { file: Str::from_static(QUORUM_STATE_FILE), bytes: data.to_bytes() };
            self.barrier = Some(store.push(command));
        }
    }
}
