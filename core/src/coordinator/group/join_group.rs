//! `JoinGroup`: who may join, with which id, and whether that needs a rebalance.

use super::classic::member::{MemberProtocol, milliseconds};
use super::classic::rebalance::client_reason;
use super::classic::{ClassicGroup, ClassicGroupState, Member, Waiter};
use super::records;
use super::request::RequestContext;
use super::shard::Shard;
use super::turn::{Turn, WriteAction};
use crate::protocol::ErrorCode;
use crate::protocol::messages::JoinGroupRequest;
use crate::protocol::messages::join_group_request::JoinGroupRequestProtocol;
use crate::rng::Rng;
use crate::text::Str;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;

/// The first version in which a new member has to come again with the id it is given.
const MEMBER_ID_REQUIRED_FROM: i16 = 4;

/// A join, as its steps need it.
pub(super) struct Join<'a> {
    pub(super) waiter: Waiter,
    pub(super) context: &'a RequestContext,
    pub(super) request: &'a JoinGroupRequest,
    pub(super) protocols: Vec<MemberProtocol>,
}

impl Shard {
    pub(super) fn join_group(
        &mut self,
        turn: &mut Turn<'_>,
        token: u64,
        context: &RequestContext,
        request: &JoinGroupRequest,
    ) {
        let join = Join::new(token, context, request);
        let session_timeouts = turn.config.min_session_timeout_ms..=turn.config.max_session_timeout_ms;
        if !session_timeouts.contains(&request.session_timeout_ms) {
            return turn.fail_join(join.waiter, &request.member_id, ErrorCode::InvalidSessionTimeout);
        }
        let is_new_group = !self.groups.contains_key(&request.group_id);
        if is_new_group && !request.member_id.is_empty() {
            return turn.fail_join(join.waiter, &request.member_id, ErrorCode::UnknownMemberId);
        }
        self.ensure_group(&request.group_id, turn.now);
        let Some(group) = self.groups.get_mut(&request.group_id) else { return };
        if !group.has_room_for(&request.member_id, turn.config.max_size) {
            // Who has no place any more is not waited for either.
            group.remove(&request.member_id);
            turn.fail_join(join.waiter, &Str::default(), ErrorCode::GroupMaxSizeReached);
        } else if let Err(error) = group.join(turn, &join) {
            turn.fail_join(join.waiter, &request.member_id, error);
        }
        if is_new_group {
            let group_id = group.group_id.clone();
            let record = records::new_group_metadata(&group_id, turn.now);
            turn.append(vec![record], WriteAction::CreateGroup(group_id));
        }
    }
}

impl<'a> Join<'a> {
    fn new(token: u64, context: &'a RequestContext, request: &'a JoinGroupRequest) -> Self {
        let protocol = |protocol: &JoinGroupRequestProtocol| MemberProtocol {
            name: protocol.name.detached(),
            metadata: Bytes::copy_from_slice(&protocol.metadata),
        };
        let protocols = request.protocols.iter().map(protocol).collect();
        Self { waiter: Waiter { token, api_version: context.api_version }, context, request, protocols }
    }

    /// Version 0 knew only the session time-out.
    pub(super) const fn rebalance_timeout_ms(&self) -> i32 {
        if self.request.rebalance_timeout_ms < 0 {
            self.request.session_timeout_ms
        } else {
            self.request.rebalance_timeout_ms
        }
    }
}

impl ClassicGroup {
    /// Joins; an error is still to be answered, everything else is or will be.
    fn join(&mut self, turn: &mut Turn<'_>, join: &Join<'_>) -> Result<(), ErrorCode> {
        let request = join.request;
        if self.state == ClassicGroupState::Dead {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        if !self.supports_protocols(&request.protocol_type, &join.protocols) {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        match (&request.group_instance_id, request.member_id.is_empty()) {
            (Some(instance), true) => self.join_new_static_member(turn, join, &instance.detached()),
            (None, true) => self.join_new_dynamic_member(turn, join),
            (_, false) => self.join_known_member(turn, join)?,
        }
        Ok(())
    }

    /// While joining, those who already did count; otherwise the members.
    fn has_room_for(&self, member_id: &Str, max_size: usize) -> bool {
        match self.state {
            ClassicGroupState::Empty | ClassicGroupState::Dead => true,
            ClassicGroupState::PreparingRebalance => {
                let joined = self.members.values().filter(|member| member.awaiting_join.is_some()).count();
                let has_joined = self.members.get(member_id).is_some_and(|member| member.awaiting_join.is_some());
                has_joined || joined < max_size
            }
            ClassicGroupState::CompletingRebalance | ClassicGroupState::Stable => {
                self.members.contains_key(member_id) || self.members.len() < max_size
            }
        }
    }

    fn join_new_dynamic_member(&mut self, turn: &mut Turn<'_>, join: &Join<'_>) {
        let member_id = new_member_id(&join.context.client_id, turn.rng);
        if join.context.api_version >= MEMBER_ID_REQUIRED_FROM {
            let deadline = turn.now.monotonic + milliseconds(join.request.session_timeout_ms);
            self.pending_members.insert(member_id.clone(), deadline);
            turn.fail_join(join.waiter, &member_id, ErrorCode::MemberIdRequired);
        } else {
            self.add_member_and_rebalance(turn, join, member_id);
        }
    }

    fn join_new_static_member(&mut self, turn: &mut Turn<'_>, join: &Join<'_>, instance: &Str) {
        let member_id = new_member_id(instance, turn.rng);
        match self.static_members.get(instance).cloned() {
            Some(old_member_id) => self.replace_static_member(turn, join, &old_member_id, member_id),
            None => self.add_member_and_rebalance(turn, join, member_id),
        }
    }

    fn join_known_member(&mut self, turn: &mut Turn<'_>, join: &Join<'_>) -> Result<(), ErrorCode> {
        let request = join.request;
        let member_id = &request.member_id;
        if self.pending_members.contains_key(member_id) && request.group_instance_id.is_none() {
            self.add_member_and_rebalance(turn, join, member_id.detached());
            return Ok(());
        }
        self.validate_member(member_id, request.group_instance_id.as_ref())?;
        let is_same = self.members.get(member_id).is_some_and(|member| member.matches(&join.protocols));
        match self.state {
            ClassicGroupState::Empty | ClassicGroupState::Dead => return Err(ErrorCode::UnknownMemberId),
            // It did not get the answer, or lost it.
            ClassicGroupState::CompletingRebalance if is_same => {
                turn.respond_join(join.waiter, self.join_response(member_id));
            }
            ClassicGroupState::Stable if is_same && !self.is_leader(member_id) => {
                turn.respond_join(join.waiter, self.join_response(member_id));
            }
            _ => {
                let (who, does) = match self.state {
                    ClassicGroupState::Stable if self.is_leader(member_id) => ("Leader", "re-joining group during"),
                    ClassicGroupState::PreparingRebalance => ("Member", "is joining group during"),
                    _ => ("Updating metadata for member", "during"),
                };
                let reason = client_reason(request.reason.as_ref());
                let reason = format!("{who} {member_id} {does} {}; client reason: {reason}", self.state.name());
                self.update_member(turn, join, member_id);
                self.prepare_rebalance_or_complete_join(turn, &reason);
            }
        }
        Ok(())
    }

    /// Takes what a member says now; its request waits for the barrier. Its session goes on as it was: a new member that
    /// only asks again has not come through the barrier yet, and keeps the longer time of those.
    pub(super) fn update_member(&mut self, turn: &mut Turn<'_>, join: &Join<'_>, member_id: &Str) {
        let Some(member) = self.members.get_mut(member_id) else { return };
        member.protocols.clone_from(&join.protocols);
        member.rebalance_timeout_ms = join.rebalance_timeout_ms();
        member.session_timeout_ms = join.request.session_timeout_ms;
        if let Some(earlier) = member.awaiting_join.replace(join.waiter) {
            turn.fail_join(earlier, member_id, ErrorCode::RebalanceInProgress);
        }
    }

    fn add_member_and_rebalance(&mut self, turn: &mut Turn<'_>, join: &Join<'_>, member_id: Str) {
        let request = join.request;
        let instance = request.group_instance_id.as_ref().map(Str::detached);
        let reason = format!(
            "Adding new member {member_id} with group instance id {}; client reason: {}",
            instance.as_deref().unwrap_or("null"),
            client_reason(request.reason.as_ref())
        );
        let member = Member {
            member_id,
            group_instance_id: instance,
            client_id: join.context.client_id.detached(),
            client_host: join.context.client_host.detached(),
            rebalance_timeout_ms: join.rebalance_timeout_ms(),
            session_timeout_ms: request.session_timeout_ms,
            protocols: join.protocols.clone(),
            assignment: Bytes::new(),
            is_new: true,
            awaiting_join: Some(join.waiter),
            awaiting_sync: None,
            session_deadline: Some(turn.now.monotonic + turn.config.new_member_join_timeout),
        };
        self.add(member, &request.protocol_type.detached());
        if self.state == ClassicGroupState::PreparingRebalance && self.previous_state == ClassicGroupState::Empty {
            self.new_member_added = true;
        }
        self.prepare_rebalance_or_complete_join(turn, &reason);
    }
}

/// `prefix` (client id or instance id) and a random UUID in its usual form.
fn new_member_id(prefix: &Str, rng: &mut Rng) -> Str {
    let bits = rng.uuid().as_u128();
    let part = |from: u32, digits: u32| (bits >> from) & ((1 << (4 * digits)) - 1);
    let (first, second, third) = (part(96, 8), part(80, 4), part(64, 4));
    let (fourth, fifth) = (part(48, 4), part(0, 12));
    Str::from(format!("{prefix}-{first:08x}-{second:04x}-{third:04x}-{fourth:04x}-{fifth:012x}"))
}
