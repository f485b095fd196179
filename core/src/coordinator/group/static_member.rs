//! A static member that comes back under its instance id: it takes over the old one's place.

use super::classic::rebalance::client_reason;
use super::classic::{ClassicGroup, ClassicGroupState, Member, Waiter};
use super::join_group::Join;
use super::records;
use super::shard::Shard;
use super::turn::{Turn, WriteAction};
use crate::protocol::ErrorCode;
use crate::protocol::messages::join_group_response::JoinGroupResponse;
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::boxed::Box;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;

/// The first version in which a leader can be told not to assign.
const SKIP_ASSIGNMENT_FROM: i16 = 9;

/// A replacement in a stable group whose record is on its way.
#[derive(Clone, Debug)]
pub(super) struct StaticReplacement {
    group_id: Str,
    /// To be put back where the record cannot be written.
    old: Member,
    new_member_id: Str,
    waiter: Waiter,
    response: JoinGroupResponse,
}

impl ClassicGroup {
    /// The member `old_member_id` is `new_member_id` from now on. A stable group stays so, if the protocol does.
    pub(super) fn replace_static_member(
        &mut self,
        turn: &mut Turn<'_>,
        join: &Join<'_>,
        old_member_id: &Str,
        new_member_id: Str,
    ) {
        let old_leader = self.leader_or_empty();
        let Some(mut old) = self.members.get(old_member_id).cloned() else { return };
        self.rename_member(old_member_id, &new_member_id);
        if let Some(member) = self.members.get_mut(&new_member_id) {
            let (join, sync) = (member.awaiting_join.take(), member.awaiting_sync.take());
            turn.fail_waiters(join, sync, old_member_id, ErrorCode::FencedInstanceId);
        }
        (old.awaiting_join, old.awaiting_sync) = (None, None);
        self.restart_session(turn, &new_member_id);
        self.update_member(turn, join, &new_member_id);
        let keeps_generation = self.state == ClassicGroupState::Stable && self.select_protocol() == self.protocol_name;
        if !keeps_generation {
            let reason = format!(
                "Updating metadata for static member {new_member_id} with instance id {}; client reason: {}",
                old.group_instance_id.as_deref().unwrap_or("null"),
                client_reason(join.request.reason.as_ref())
            );
            return self.prepare_rebalance_or_complete_join(turn, &reason);
        }
        if let Some(member) = self.members.get_mut(&new_member_id) {
            member.awaiting_join = None;
        }
        let mut response = self.join_response(&new_member_id);
        if join.context.api_version >= SKIP_ASSIGNMENT_FROM {
            response.skip_assignment = self.is_leader(&new_member_id);
        } else {
            // Naming the old leader keeps the client from assigning.
            response.leader = old_leader;
            response.members = Vec::new();
        }
        let assigned = self.members.iter().map(|(id, member)| (id.clone(), member.assignment.clone()));
        let assignments: SortedMap<Str, Bytes> = assigned.collect();
        let record = records::group_metadata(self, &assignments);
        let group_id = self.group_id.clone();
        let replacement = StaticReplacement { group_id, old, new_member_id, waiter: join.waiter, response };
        turn.append(vec![record], WriteAction::ReplaceStaticMember(Box::new(replacement)));
    }

    fn rename_member(&mut self, from: &Str, to: &Str) {
        let Some(mut member) = self.members.remove(from) else { return };
        if self.is_leader(from) {
            self.leader_id = Some(to.clone());
        }
        if self.pending_sync.remove(from) {
            self.pending_sync.insert(to.clone());
        }
        if let Some(instance) = &member.group_instance_id {
            self.static_members.insert(instance.clone(), to.clone());
        }
        member.member_id = to.clone();
        self.members.insert(to.clone(), member);
    }
}

impl Shard {
    /// The record of a replacement is replicated, or could not be.
    pub(super) fn static_member_replaced(
        &mut self,
        turn: &mut Turn<'_>,
        replacement: StaticReplacement,
        error: Option<ErrorCode>,
    ) {
        let StaticReplacement { group_id, old, new_member_id, waiter, response } = replacement;
        let Some(error) = error else { return turn.respond_join(waiter, response) };
        if let Some(group) = self.groups.get_mut(&group_id)
            && group.members.contains_key(&new_member_id)
        {
            let old_member_id = old.member_id.clone();
            group.rename_member(&new_member_id, &old_member_id);
            if let Some(member) = group.members.get_mut(&old_member_id) {
                member.protocols = old.protocols;
                member.rebalance_timeout_ms = old.rebalance_timeout_ms;
                member.session_timeout_ms = old.session_timeout_ms;
            }
            group.restart_session(turn, &old_member_id);
        }
        turn.fail_join(waiter, &Str::default(), error);
    }
}
