//! How a classic group rebalances: begin, collect the joins, hand out the generation, and what time does to each phase.

use super::group::{ClassicGroup, ClassicGroupState, JoinTimer};
use crate::coordinator::group::records;
use crate::coordinator::group::turn::{Turn, WriteAction};
use crate::event::Event;
use crate::protocol::ErrorCode;
use crate::protocol::messages::join_group_response::JoinGroupResponse;
use crate::protocol::messages::sync_group_response::SyncGroupResponse;
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

impl ClassicGroup {
    /// Something changed for which members must join again; where they already do, perhaps all are there now.
    pub(in super::super) fn prepare_rebalance_or_complete_join(&mut self, turn: &mut Turn<'_>, reason: &str) {
        if self.state.can_become(ClassicGroupState::PreparingRebalance) {
            self.prepare_rebalance(turn, reason);
        } else {
            self.maybe_complete_join(turn);
        }
    }

    /// Ends the current generation.
    pub(in super::super) fn prepare_rebalance(&mut self, turn: &mut Turn<'_>, reason: &str) {
        if self.state == ClassicGroupState::CompletingRebalance {
            self.reset_assignment(turn, ErrorCode::RebalanceInProgress);
        }
        self.sync_deadline = None;
        let is_first = self.state == ClassicGroupState::Empty;
        turn.event(Event::GroupRebalancing { group: self.group_id.clone(), reason: Str::from(reason) });
        self.transition_to(ClassicGroupState::PreparingRebalance, turn.now);
        if is_first {
            let delay = turn.config.initial_rebalance_delay;
            let remaining = self.rebalance_timeout().saturating_sub(delay);
            self.join_timer = Some(JoinTimer::Initial { deadline: turn.now.monotonic + delay, delay, remaining });
        } else if self.has_all_members_joined() {
            self.complete_join(turn);
        } else {
            self.await_rejoins(turn);
        }
    }

    /// Completes the phase of joining where nobody is missing; the first one always takes its delay.
    pub(in super::super) fn maybe_complete_join(&mut self, turn: &mut Turn<'_>) {
        if self.state == ClassicGroupState::PreparingRebalance
            && self.previous_state != ClassicGroupState::Empty
            && self.has_all_members_joined()
        {
            self.complete_join(turn);
        }
    }

    fn await_rejoins(&mut self, turn: &Turn<'_>) {
        let deadline = turn.now.monotonic + self.rebalance_timeout();
        self.join_timer = Some(JoinTimer::Completion { deadline });
    }

    /// Hands out the next generation to all who joined; dynamic members that did not are out.
    fn complete_join(&mut self, turn: &mut Turn<'_>) {
        self.join_timer = None;
        let missing = |member: &&super::Member| member.awaiting_join.is_none() && member.group_instance_id.is_none();
        let missing: Vec<Str> = self.members.values().filter(missing).map(|member| member.member_id.clone()).collect();
        for member_id in &missing {
            self.remove(member_id);
        }
        if !self.members.is_empty() && !self.elect_joined_leader() {
            // Only static members are left and none is here: wait until their sessions end or one joins.
            self.await_rejoins(turn);
            return;
        }
        self.init_next_generation(turn.now);
        if self.state == ClassicGroupState::Empty {
            turn.event(Event::GroupEmpty { group: self.group_id.clone(), generation_id: self.generation_id });
            turn.append(alloc::vec![records::group_metadata(self, &SortedMap::new())], WriteAction::Background);
            return;
        }
        let member_ids: Vec<Str> = self.members.keys().cloned().collect();
        for member_id in &member_ids {
            let response = self.join_response(member_id);
            self.answer_join(turn, member_id, response);
            self.restart_session(turn, member_id);
            if let Some(member) = self.members.get_mut(member_id) {
                member.is_new = false;
            }
        }
        self.pending_sync = member_ids.into_iter().collect();
        self.sync_deadline = Some(turn.now.monotonic + self.rebalance_timeout());
    }

    /// Answers a member's waiting `JoinGroup`, if there is one.
    pub(in super::super) fn answer_join(&mut self, turn: &mut Turn<'_>, member_id: &Str, response: JoinGroupResponse) {
        if let Some(waiter) = self.members.get_mut(member_id).and_then(|member| member.awaiting_join.take()) {
            turn.respond_join(waiter, response);
        }
    }

    /// From now on the member has its whole session time-out again.
    pub(in super::super) fn restart_session(&mut self, turn: &Turn<'_>, member_id: &Str) {
        if let Some(member) = self.members.get_mut(member_id) {
            member.session_deadline = Some(turn.now.monotonic + member.session_timeout());
        }
    }

    /// Gives everybody its assignment and answers all who wait for it.
    pub(in super::super) fn set_assignment(&mut self, turn: &mut Turn<'_>, assignments: &SortedMap<Str, Bytes>) {
        for (member_id, member) in &mut self.members {
            member.assignment = assignments.get(member_id).cloned().unwrap_or_default();
        }
        self.propagate_assignment(turn, ErrorCode::None);
        self.transition_to(ClassicGroupState::Stable, turn.now);
        turn.event(Event::GroupStable {
            group: self.group_id.clone(),
            generation_id: self.generation_id,
            members: self.members.len(),
        });
    }

    /// Takes everybody's assignment and tells all who wait for one that there is none.
    pub(in super::super) fn reset_assignment(&mut self, turn: &mut Turn<'_>, error: ErrorCode) {
        for member in self.members.values_mut() {
            member.assignment = Bytes::new();
        }
        self.propagate_assignment(turn, error);
    }

    fn propagate_assignment(&mut self, turn: &mut Turn<'_>, error: ErrorCode) {
        let told = |field: &Option<Str>| if error == ErrorCode::None { field.clone() } else { None };
        let (protocol_type, protocol_name) = (told(&self.protocol_type), told(&self.protocol_name));
        for member in self.members.values_mut() {
            if let Some(waiter) = member.awaiting_sync.take() {
                // Its session may have run out unnoticed while the request was parked.
                member.session_deadline = Some(turn.now.monotonic + member.session_timeout());
                let response = SyncGroupResponse {
                    error_code: error.code(),
                    protocol_type: protocol_type.clone(),
                    protocol_name: protocol_name.clone(),
                    assignment: member.assignment.clone(),
                    ..SyncGroupResponse::default()
                };
                turn.respond_sync(waiter, response);
            }
        }
    }

    /// Takes a member out and answers what of it waits with `error`.
    pub(in super::super) fn drop_member(&mut self, turn: &mut Turn<'_>, member_id: &Str, error: ErrorCode) {
        if let Some(member) = self.remove(member_id) {
            turn.fail_waiters(member.awaiting_join, member.awaiting_sync, &Str::default(), error);
        }
    }

    /// After members were taken out: the rest must rebalance, or is now complete.
    pub(in super::super) fn members_left(&mut self, turn: &mut Turn<'_>, reason: &str) {
        match self.state {
            ClassicGroupState::Dead | ClassicGroupState::Empty => {}
            ClassicGroupState::Stable | ClassicGroupState::CompletingRebalance => {
                self.prepare_rebalance_or_complete_join(turn, reason);
            }
            ClassicGroupState::PreparingRebalance => self.maybe_complete_join(turn),
        }
    }

    /// Does what is due.
    pub(in super::super) fn tick(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now.monotonic;
        let unused = |(_, deadline): &(&Str, &crate::time::Instant)| **deadline <= now;
        let unused: Vec<Str> = self.pending_members.iter().filter(unused).map(|(id, _)| id.clone()).collect();
        for member_id in unused {
            self.pending_members.remove(&member_id);
            self.maybe_complete_join(turn);
        }
        let due = |member: &&super::Member| member.session_deadline.is_some_and(|deadline| deadline <= now);
        let due: Vec<Str> = self.members.values().filter(due).map(|member| member.member_id.clone()).collect();
        for member_id in due {
            self.session_ended(turn, &member_id);
        }
        if self.sync_deadline.is_some_and(|deadline| deadline <= now) {
            self.sync_phase_ended(turn);
        }
        if let Some(timer) = self.join_timer
            && timer.deadline() <= now
        {
            self.join_phase_ended(turn, timer);
        }
    }

    fn session_ended(&mut self, turn: &mut Turn<'_>, member_id: &Str) {
        let now = turn.now.monotonic;
        let Some(member) = self.members.get_mut(member_id) else { return };
        // An earlier one of the same tick may have completed a phase and restarted this session.
        if member.session_deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        member.session_deadline = None;
        if member.is_kept_by_its_request() {
            return;
        }
        turn.event(Event::MemberExpired { group: self.group_id.clone(), member: member_id.clone() });
        self.drop_member(turn, member_id, ErrorCode::UnknownMemberId);
        self.members_left(turn, &format!("removing member {member_id} on heartbeat expiration"));
    }

    fn sync_phase_ended(&mut self, turn: &mut Turn<'_>) {
        self.sync_deadline = None;
        let missing = core::mem::take(&mut self.pending_sync);
        let in_rebalance = matches!(self.state, ClassicGroupState::CompletingRebalance | ClassicGroupState::Stable);
        if missing.is_empty() || !in_rebalance {
            return;
        }
        for member_id in &missing {
            self.drop_member(turn, member_id, ErrorCode::UnknownMemberId);
        }
        let names = missing.iter().map(Str::as_str).collect::<Vec<_>>().join(", ");
        self.prepare_rebalance(turn, &format!("Removing [{names}] on pending sync request expiration"));
    }

    fn join_phase_ended(&mut self, turn: &mut Turn<'_>, timer: JoinTimer) {
        match timer {
            JoinTimer::Initial { delay, remaining, .. } if self.new_member_added && !remaining.is_zero() => {
                self.new_member_added = false;
                let next_delay = turn.config.initial_rebalance_delay.min(remaining);
                self.join_timer = Some(JoinTimer::Initial {
                    deadline: turn.now.monotonic + next_delay,
                    delay: next_delay,
                    remaining: remaining.saturating_sub(delay),
                });
            }
            JoinTimer::Initial { .. } | JoinTimer::Completion { .. } => self.complete_join(turn),
        }
    }
}

/// A reason as a client gave it, in Kafka's words where it gave none.
pub(in super::super) fn client_reason(reason: Option<&Str>) -> String {
    reason
        .filter(|reason| !reason.is_empty())
        .map_or_else(|| String::from("not provided"), |reason| format!("{reason}"))
}
