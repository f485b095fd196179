//! `Heartbeat`: a member is alive, and learns whether it has to rejoin.

use super::classic::ClassicGroupState;
use super::request::GroupResponse;
use super::shard::Shard;
use super::turn::Turn;
use crate::protocol::ErrorCode;
use crate::protocol::messages::{HeartbeatRequest, HeartbeatResponse};

impl Shard {
    pub(super) fn heartbeat(&mut self, turn: &mut Turn<'_>, token: u64, request: &HeartbeatRequest) {
        let error = self.take_heartbeat(turn, request).err().unwrap_or(ErrorCode::None);
        let response = HeartbeatResponse { error_code: error.code(), ..HeartbeatResponse::default() };
        turn.respond(token, GroupResponse::Heartbeat(response));
    }

    fn take_heartbeat(&mut self, turn: &Turn<'_>, request: &HeartbeatRequest) -> Result<(), ErrorCode> {
        let group = self.groups.get_mut(&request.group_id).ok_or(ErrorCode::UnknownMemberId)?;
        if group.state == ClassicGroupState::Dead {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        group.validate_member(&request.member_id, request.group_instance_id.as_ref())?;
        if request.generation_id != group.generation_id {
            return Err(ErrorCode::IllegalGeneration);
        }
        group.restart_session(turn, &request.member_id);
        match group.state {
            ClassicGroupState::PreparingRebalance => Err(ErrorCode::RebalanceInProgress),
            _ => Ok(()),
        }
    }
}
