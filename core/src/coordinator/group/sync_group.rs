//! `SyncGroup`: the leader brings the assignment, everybody takes its part.

use super::classic::{ClassicGroup, ClassicGroupState, Waiter};
use super::records;
use super::request::RequestContext;
use super::shard::Shard;
use super::turn::{Turn, WriteAction};
use crate::protocol::ErrorCode;
use crate::protocol::messages::{SyncGroupRequest, SyncGroupResponse};
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::format;
use alloc::vec;
use bytes::Bytes;

/// A generation's assignment whose record is on its way.
#[derive(Clone, Debug)]
pub(super) struct AssignmentStore {
    group_id: Str,
    generation_id: i32,
    assignments: SortedMap<Str, Bytes>,
}

impl Shard {
    pub(super) fn sync_group(
        &mut self,
        turn: &mut Turn<'_>,
        token: u64,
        context: &RequestContext,
        request: &SyncGroupRequest,
    ) {
        let waiter = Waiter { token, api_version: context.api_version };
        let Some(group) = self.groups.get_mut(&request.group_id) else {
            return turn.fail_sync(waiter, ErrorCode::UnknownMemberId);
        };
        match group.validate_sync(request) {
            Err(error) => turn.fail_sync(waiter, error),
            Ok(()) if group.state == ClassicGroupState::Stable => group.sync_stable(turn, waiter, &request.member_id),
            Ok(()) => group.await_assignment(turn, waiter, request),
        }
    }

    /// The record of an assignment is replicated, or could not be.
    pub(super) fn assignment_stored(&mut self, turn: &mut Turn<'_>, store: &AssignmentStore, error: Option<ErrorCode>) {
        let Some(group) = self.groups.get_mut(&store.group_id) else { return };
        // Another rebalance may have begun meanwhile; then nobody waits for this one.
        if group.state != ClassicGroupState::CompletingRebalance || group.generation_id != store.generation_id {
            return;
        }
        match error {
            None => group.set_assignment(turn, &store.assignments),
            Some(error) => {
                group.reset_assignment(turn, error);
                group.prepare_rebalance(turn, &format!("Error {} when storing group assignment", error.name()));
            }
        }
    }
}

impl ClassicGroup {
    fn validate_sync(&self, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
        if self.state == ClassicGroupState::Dead {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        self.validate_member(&request.member_id, request.group_instance_id.as_ref())?;
        if request.generation_id != self.generation_id {
            return Err(ErrorCode::IllegalGeneration);
        }
        let differs = |told: &Option<Str>, own: &Option<Str>| told.is_some() && told != own;
        if differs(&request.protocol_type, &self.protocol_type) || differs(&request.protocol_name, &self.protocol_name)
        {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        match self.state {
            ClassicGroupState::Empty | ClassicGroupState::Dead => Err(ErrorCode::UnknownMemberId),
            ClassicGroupState::PreparingRebalance => Err(ErrorCode::RebalanceInProgress),
            ClassicGroupState::CompletingRebalance | ClassicGroupState::Stable => Ok(()),
        }
    }

    fn sync_stable(&mut self, turn: &mut Turn<'_>, waiter: Waiter, member_id: &Str) {
        self.received_sync_from(member_id);
        let assignment = self.members.get(member_id).map(|member| member.assignment.clone()).unwrap_or_default();
        let response = SyncGroupResponse {
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            assignment,
            ..SyncGroupResponse::default()
        };
        turn.respond_sync(waiter, response);
    }

    fn await_assignment(&mut self, turn: &mut Turn<'_>, waiter: Waiter, request: &SyncGroupRequest) {
        let member_id = &request.member_id;
        self.received_sync_from(member_id);
        if let Some(member) = self.members.get_mut(member_id)
            && let Some(earlier) = member.awaiting_sync.replace(waiter)
        {
            turn.fail_sync(earlier, ErrorCode::RebalanceInProgress);
        }
        if !self.is_leader(member_id) {
            return;
        }
        // Members the leader left out get nothing, but an answer.
        let mut assignments: SortedMap<Str, Bytes> =
            self.members.keys().map(|member_id| (member_id.clone(), Bytes::new())).collect();
        for assigned in &request.assignments {
            if let Some(assignment) = assignments.get_mut(&assigned.member_id) {
                *assignment = Bytes::copy_from_slice(&assigned.assignment);
            }
        }
        let record = records::group_metadata(self, &assignments);
        let (group_id, generation_id) = (self.group_id.clone(), self.generation_id);
        let store = AssignmentStore { group_id, generation_id, assignments };
        turn.append(vec![record], WriteAction::StoreAssignment(store));
    }
}
