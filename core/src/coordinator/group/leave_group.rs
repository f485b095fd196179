//! `LeaveGroup`: members that go by themselves, or are removed by an administrator.

use super::classic::{ClassicGroup, ClassicGroupState};
use super::request::{GroupResponse, RequestContext};
use super::shard::Shard;
use super::turn::Turn;
use crate::protocol::ErrorCode;
use crate::protocol::messages::leave_group_request::MemberIdentity;
use crate::protocol::messages::leave_group_response::MemberResponse;
use crate::protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};
use crate::text::Str;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

/// The first version with several members.
const BATCHED_FROM: i16 = 3;

impl Shard {
    pub(super) fn leave_group(
        &mut self,
        turn: &mut Turn<'_>,
        token: u64,
        context: &RequestContext,
        request: &LeaveGroupRequest,
    ) {
        let is_batched = context.api_version >= BATCHED_FROM;
        let leaving = if is_batched {
            request.members.clone()
        } else {
            vec![MemberIdentity { member_id: request.member_id.clone(), ..MemberIdentity::default() }]
        };
        let members = match self.groups.get_mut(&request.group_id) {
            Some(group) if group.state == ClassicGroupState::Dead => {
                leaving.iter().map(|member| left(member, ErrorCode::CoordinatorNotAvailable)).collect()
            }
            Some(group) => group.leave(turn, &leaving),
            None => leaving.iter().map(|member| left(member, ErrorCode::UnknownMemberId)).collect(),
        };
        let response = if is_batched {
            LeaveGroupResponse { members, ..LeaveGroupResponse::default() }
        } else {
            let error_code = members.first().map_or(0, |member| member.error_code);
            LeaveGroupResponse { error_code, ..LeaveGroupResponse::default() }
        };
        turn.respond(token, GroupResponse::LeaveGroup(response));
    }
}

fn left(member: &MemberIdentity, error: ErrorCode) -> MemberResponse {
    MemberResponse {
        member_id: member.member_id.clone(),
        group_instance_id: member.group_instance_id.clone(),
        error_code: error.code(),
    }
}

impl ClassicGroup {
    fn leave(&mut self, turn: &mut Turn<'_>, leaving: &[MemberIdentity]) -> Vec<MemberResponse> {
        let mut gone: Vec<Str> = Vec::new();
        let mut responses = Vec::with_capacity(leaving.len());
        for identity in leaving {
            let result = self.leave_one(turn, identity);
            responses.push(left(identity, result.as_ref().err().copied().unwrap_or(ErrorCode::None)));
            gone.extend(result.ok());
        }
        if !gone.is_empty() {
            let names = gone.iter().map(Str::as_str).collect::<Vec<_>>().join(", ");
            self.members_left(turn, &format!("explicit `LeaveGroup` request for ({names}) members."));
        }
        responses
    }

    /// An administrator names a static member by its instance alone.
    fn leave_one(&mut self, turn: &mut Turn<'_>, identity: &MemberIdentity) -> Result<Str, ErrorCode> {
        let member_id = match &identity.group_instance_id {
            Some(instance) if identity.member_id.is_empty() => {
                self.static_members.get(instance).cloned().ok_or(ErrorCode::UnknownMemberId)?
            }
            _ => identity.member_id.clone(),
        };
        if self.pending_members.remove(&member_id).is_none() {
            self.validate_member(&member_id, identity.group_instance_id.as_ref())?;
            self.drop_member(turn, &member_id, ErrorCode::UnknownMemberId);
        }
        Ok(member_id)
    }
}
