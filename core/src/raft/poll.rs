//! The round of work every input ends with: time-outs of the state, requests to be sent, what is committed now.

use super::quorum_state::{IllegalTransition, State};
use super::{RaftClient, RaftOutput, RequestKind};
use crate::ids::NodeId;
use crate::log::storage::StoreQueue;
use crate::time::{Instant, Now};
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use bytes::Bytes;

/// Changes of state one input may cause in a row; more would be a circle. A single voter needs three.
const MOST_CHANGES: u32 = 8;

impl RaftClient {
    /// Does all that can be done now.
    pub(super) fn poll(&mut self, now: Now, store: &mut StoreQueue) {
        self.last_poll = now.monotonic;
        for _ in 0..MOST_CHANGES {
            if self.failed {
                return;
            }
            match self.poll_state(now, store) {
                Ok(true) => {}
                Ok(false) => break,
                Err(illegal) => return self.fail(&illegal.to_string()),
            }
        }
        self.poll_shutdown(now.monotonic);
        self.update_leader_high_watermark();
        self.complete_fetches(now);
        self.report_leader();
        self.deliver_commits();
        self.report_activation();
    }

    /// Takes the outcome of a transition; a refused one ends this replica.
    pub(super) fn permitted(&mut self, outcome: Result<(), IllegalTransition>) -> bool {
        match outcome {
            Ok(()) => true,
            Err(illegal) => {
                self.fail(&illegal.to_string());
                false
            }
        }
    }

    /// When the state wants to be looked at. An observer without leader, or whose leader is silent, asks whenever a pause
    /// ends, and a shutdown starts no election; neither waits for the state's own deadline.
    pub(super) fn state_deadline(&self) -> Option<(Instant, &'static str)> {
        let deadline = self.quorum.deadline()?;
        let is_waiting = match self.quorum.state() {
            State::Follower(_) => !self.quorum.is_voter() || self.is_shutting_down(),
            State::Unattached(_) | State::Resigned(_) => self.is_shutting_down(),
            _ => false,
        };
        (!is_waiting || deadline.0 > self.last_poll).then_some(deadline)
    }

    pub(super) fn is_shutting_down(&self) -> bool {
        self.shutdown_deadline.is_some()
    }

    /// Lets the state act on the time; answers true where it became another.
    fn poll_state(&mut self, now: Now, store: &mut StoreQueue) -> Result<bool, IllegalTransition> {
        match self.quorum.state() {
            State::Unattached(_) => self.poll_unattached(now.monotonic, store),
            State::Prospective(_) => self.poll_prospective(now.monotonic, store),
            State::Candidate(_) => self.poll_candidate(now, store),
            State::Leader(_) => Ok(self.poll_leader(now, store)),
            State::Follower(_) => self.poll_follower(now.monotonic, store),
            State::Resigned(_) => self.poll_resigned(now.monotonic, store),
        }
    }

    fn poll_unattached(&mut self, now: Instant, store: &mut StoreQueue) -> Result<bool, IllegalTransition> {
        if !self.quorum.is_voter() {
            self.fetch_from_anyone(now);
            return Ok(false);
        }
        // Alone there is nobody to wait for.
        let alone = self.quorum.voters().is_only_voter(self.quorum.local().id);
        if !self.is_shutting_down() && (alone || self.quorum.deadline().is_some_and(|(at, _)| at <= now)) {
            self.quorum.seek_pre_votes(now, store)?;
            return Ok(true);
        }
        Ok(false)
    }

    fn poll_prospective(&mut self, now: Instant, store: &mut StoreQueue) -> Result<bool, IllegalTransition> {
        let State::Prospective(state) = self.quorum.state() else { return Ok(false) };
        let (epoch, leader) = (state.epoch, state.leader);
        if state.election.is_vote_granted() {
            self.quorum.seek_votes(now, store)?;
            return Ok(true);
        }
        if state.election.is_vote_rejected() || state.election_deadline <= now {
            match leader {
                Some(leader) => self.quorum.follow(epoch, leader, now, store)?,
                None => self.quorum.unattach(epoch, now, store)?,
            }
            return Ok(true);
        }
        for voter in state.election.unrecorded_voters() {
            self.send_vote_request(voter, true, now);
        }
        Ok(false)
    }

    fn poll_candidate(&mut self, now: Now, store: &mut StoreQueue) -> Result<bool, IllegalTransition> {
        let State::Candidate(state) = self.quorum.state() else { return Ok(false) };
        if state.election.is_vote_granted() {
            self.become_leader(now, store)?;
            return Ok(true);
        }
        if let Some(backoff_deadline) = state.backoff_deadline {
            if backoff_deadline > now.monotonic {
                return Ok(false);
            }
            self.quorum.seek_pre_votes(now.monotonic, store)?;
            return Ok(true);
        }
        if state.election.is_vote_rejected() || state.election_deadline <= now.monotonic {
            self.quorum.back_off(now.monotonic);
            return Ok(true);
        }
        for voter in state.election.unrecorded_voters() {
            self.send_vote_request(voter, false, now.monotonic);
        }
        Ok(false)
    }

    fn become_leader(&mut self, now: Now, store: &mut StoreQueue) -> Result<(), IllegalTransition> {
        self.quorum.lead(self.log.log_end_offset(), now.monotonic, store)?;
        let Some(leader) = self.quorum.leader() else { return Ok(()) };
        let message = super::quorum_epoch::leader_change(self.quorum.voters(), self.config.node_id, leader);
        let epoch = leader.epoch;
        // Who has not that checkpoint learns of the voters by the log.
        let only_here = self.voter_history.is_only_in_checkpoint();
        let quorum = only_here.then(|| self.voter_history.at(self.log.log_end_offset())).flatten();
        match self.log.append_leader_change(epoch, now, &message, quorum, store) {
            Ok(batch) => self.note_voters(&batch),
            Err(error) => self.fail(&format!("the LeaderChange record could not be appended: {error:?}")),
        }
        Ok(())
    }

    /// Takes note of voters among records just appended.
    pub(super) fn note_voters(&mut self, records: &Bytes) {
        match self.voter_history.appended(records) {
            Ok(_) => self.voters_changed(),
            Err(reason) => self.fail(&reason),
        }
    }

    fn poll_leader(&mut self, now: Now, store: &mut StoreQueue) -> bool {
        let fetch_timeout = self.config.fetch_timeout;
        let shutting_down = self.is_shutting_down();
        let Some(leader) = self.quorum.leader_mut() else { return false };
        let lost_majority = leader.check_quorum_deadline().is_some_and(|at| at <= now.monotonic);
        if lost_majority || shutting_down {
            self.resign_leadership(now, store);
            return true;
        }
        if leader.begin_quorum_epoch_deadline <= now.monotonic {
            leader.remind_silent_voters(now.monotonic, fetch_timeout);
        }
        let silent: Vec<NodeId> = leader.begin_quorum_epoch_to.iter().copied().collect();
        for voter in silent {
            self.send_begin_quorum_epoch(voter, now.monotonic);
        }
        false
    }

    pub(super) fn resign_leadership(&mut self, now: Now, store: &mut StoreQueue) {
        let outcome = self.quorum.resign(now.monotonic, store);
        self.permitted(outcome);
    }

    fn poll_follower(&mut self, now: Instant, store: &mut StoreQueue) -> Result<bool, IllegalTransition> {
        let State::Follower(state) = self.quorum.state() else { return Ok(false) };
        let timed_out = state.fetch_timed_out(now);
        if timed_out && self.quorum.is_voter() && !self.is_shutting_down() {
            self.quorum.seek_pre_votes(now, store)?;
            return Ok(true);
        }
        let leader = state.leader;
        if state.fetching_snapshot.is_some() {
            self.send_fetch_snapshot(leader, now);
        } else if timed_out && !self.quorum.is_voter() {
            // The leader may be gone; any voter knows the next one.
            self.fetch_from_anyone(now);
        } else {
            self.send_fetch(leader, now);
        }
        Ok(false)
    }

    fn poll_resigned(&mut self, now: Instant, store: &mut StoreQueue) -> Result<bool, IllegalTransition> {
        let State::Resigned(state) = self.quorum.state() else { return Ok(false) };
        if state.election_deadline <= now && !self.is_shutting_down() {
            // It cannot lead this epoch again, nor follow anybody in it.
            let next_epoch = state.epoch.saturating_add(1);
            self.quorum.unattach(next_epoch, now, store)?;
            return Ok(true);
        }
        let voters: Vec<NodeId> = state.unacknowledged_voters.iter().copied().collect();
        for voter in voters {
            self.send_end_quorum_epoch(voter, now);
        }
        Ok(false)
    }

    fn poll_shutdown(&mut self, now: Instant) {
        let Some(deadline) = self.shutdown_deadline else { return };
        let local = self.quorum.local().id;
        let is_replaced = self.quorum.other_voters().is_empty()
            || !self.quorum.is_voter()
            || self.quorum.leader_id().is_some_and(|leader| leader != local);
        if !self.shutdown_reported && (is_replaced || deadline <= now) {
            self.shutdown_reported = true;
            self.outputs.push_back(RaftOutput::ShutdownComplete);
        }
    }

    fn update_leader_high_watermark(&mut self) {
        let durable_end = self.log.durable_end_offset();
        let Some(leader) = self.quorum.leader_mut() else { return };
        if let Some(high_watermark) = leader.update_high_watermark(durable_end) {
            self.raise_high_watermark(high_watermark);
        }
    }

    /// Notes that all below `offset` is committed, as far as it is here.
    pub(super) fn raise_high_watermark(&mut self, offset: i64) {
        if self.log.update_high_watermark(offset) {
            self.outputs.push_back(RaftOutput::HighWatermark(self.log.high_watermark()));
        }
    }

    fn report_leader(&mut self) {
        let current = self.leader_and_epoch();
        if self.reported_leader != Some(current) {
            self.reported_leader = Some(current);
            let (leader, epoch) = current;
            self.outputs.push_back(RaftOutput::LeaderChanged { leader, epoch });
        }
    }

    /// The controller may act once it has seen everything committed before its own epoch began.
    fn report_activation(&mut self) {
        let Some(leader) = self.quorum.leader() else { return };
        let epoch = leader.epoch;
        if self.activated_epoch != Some(epoch) && self.listener.next_offset() > leader.epoch_start_offset {
            self.activated_epoch = Some(epoch);
            self.outputs.push_back(RaftOutput::LeaderActivated { epoch });
        }
    }

    /// Acts on the leader and epoch another replica told. A leader that cannot be is taken as none.
    pub(super) fn observe_epoch(&mut self, now: Now, leader: Option<NodeId>, epoch: i32, store: &mut StoreQueue) {
        let leader = leader.filter(|leader| self.quorum.may_lead(*leader));
        let known = self.quorum.leader_id();
        let outcome = match leader {
            Some(leader) if epoch > self.quorum.epoch() || (epoch == self.quorum.epoch() && known.is_none()) => {
                self.quorum.follow(epoch, leader, now.monotonic, store)
            }
            None if epoch > self.quorum.epoch() => self.quorum.unattach(epoch, now.monotonic, store),
            _ => Ok(()),
        };
        self.permitted(outcome);
    }

    pub(super) fn is_ready(&self, to: NodeId, kind: RequestKind, now: Instant) -> bool {
        self.requests.is_ready(to, kind, now)
    }
}
