//! A classic group: its state table, its members and what follows from them. Nothing here answers or stores.

use super::member::{Member, MemberProtocol};
use crate::coordinator::group::consumer_protocol;
use crate::protocol::ErrorCode;
use crate::protocol::messages::join_group_response::{JoinGroupResponse, JoinGroupResponseMember};
use crate::sorted::{SortedMap, SortedSet};
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::vec::Vec;

/// Protocol type of consumers; others (Connect's workers) keep their own format in metadata and assignment.
pub(in super::super) const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

/// State of a classic group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClassicGroupState {
    /// No members; offsets may remain.
    Empty,
    /// Collecting `JoinGroup` requests.
    PreparingRebalance,
    /// Everybody joined; waiting for the leader's assignment.
    CompletingRebalance,
    /// Everybody can have its assignment.
    Stable,
    /// Removed.
    Dead,
}

impl ClassicGroupState {
    /// All.
    pub const ALL: [Self; 5] =
        [Self::Empty, Self::PreparingRebalance, Self::CompletingRebalance, Self::Stable, Self::Dead];

    /// As responses and tools print it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }

    /// The states from which this one can be entered.
    pub const fn valid_previous_states(self) -> &'static [Self] {
        match self {
            Self::PreparingRebalance => &[Self::Stable, Self::CompletingRebalance, Self::Empty],
            Self::Empty | Self::CompletingRebalance => &[Self::PreparingRebalance],
            Self::Stable => &[Self::CompletingRebalance],
            Self::Dead => &Self::ALL,
        }
    }

    /// True where a group in this state can go to `next`.
    pub fn can_become(self, next: Self) -> bool {
        next.valid_previous_states().contains(&self)
    }
}

/// What ends the phase of joining.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum JoinTimer {
    /// The first rebalance of an empty group waits a little for more members.
    Initial {
        deadline: Instant,
        /// Length of this wait.
        delay: Duration,
        /// How much longer it may be prolonged.
        remaining: Duration,
    },
    /// Everybody else had their time to rejoin.
    Completion { deadline: Instant },
}

impl JoinTimer {
    pub(in super::super) const fn deadline(&self) -> Instant {
        match self {
            Self::Initial { deadline, .. } | Self::Completion { deadline } => *deadline,
        }
    }
}

/// A group. Members are walked by member id, so the same requests always give the same leader.
#[derive(Clone, Debug)]
pub(in super::super) struct ClassicGroup {
    pub(in super::super) group_id: Str,
    pub(in super::super) generation_id: i32,
    /// `None` for a group that only stores offsets.
    pub(in super::super) protocol_type: Option<Str>,
    pub(in super::super) protocol_name: Option<Str>,
    pub(in super::super) leader_id: Option<Str>,
    pub(in super::super) state: ClassicGroupState,
    pub(in super::super) previous_state: ClassicGroupState,
    /// Wall time of the last transition, in milliseconds; `None` for unknown (old records).
    pub(in super::super) state_since_ms: Option<i64>,
    pub(in super::super) members: SortedMap<Str, Member>,
    /// Instance id to member id.
    pub(in super::super) static_members: SortedMap<Str, Str>,
    /// Ids given out with `MEMBER_ID_REQUIRED`, and until when they may be used.
    pub(in super::super) pending_members: SortedMap<Str, Instant>,
    /// Members that did not send `SyncGroup` in this generation yet.
    pub(in super::super) pending_sync: SortedSet<Str>,
    pub(in super::super) sync_deadline: Option<Instant>,
    pub(in super::super) join_timer: Option<JoinTimer>,
    /// Somebody joined since the initial delay was last prolonged.
    pub(in super::super) new_member_added: bool,
    /// Topics the members subscribe to; `None` where that is not known (no consumers, or unreadable subscriptions).
    pub(in super::super) subscribed_topics: Option<SortedSet<Str>>,
}

impl ClassicGroup {
    /// A group without members, as made by a first join or a first committed offset.
    pub(in super::super) fn new(group_id: Str, now: Now) -> Self {
        Self {
            group_id,
            generation_id: 0,
            protocol_type: None,
            protocol_name: None,
            leader_id: None,
            state: ClassicGroupState::Empty,
            previous_state: ClassicGroupState::Dead,
            state_since_ms: Some(now.wall_ms),
            members: SortedMap::new(),
            static_members: SortedMap::new(),
            pending_members: SortedMap::new(),
            pending_sync: SortedSet::new(),
            sync_deadline: None,
            join_timer: None,
            new_member_added: false,
            subscribed_topics: None,
        }
    }

    /// Goes to `next`, which the table must allow.
    pub(in super::super) fn transition_to(&mut self, next: ClassicGroupState, now: Now) {
        debug_assert!(self.state.can_become(next), "{} from {:?} to {next:?}", self.group_id, self.state);
        self.previous_state = self.state;
        self.state = next;
        self.state_since_ms = Some(now.wall_ms);
    }

    pub(in super::super) fn is_leader(&self, member_id: &str) -> bool {
        self.leader_id.as_ref().is_some_and(|leader| *leader == *member_id)
    }

    pub(in super::super) fn leader_or_empty(&self) -> Str {
        self.leader_id.clone().unwrap_or_default()
    }

    /// Whether the request of an existing member is its own.
    pub(in super::super) fn validate_member(
        &self,
        member_id: &Str,
        group_instance_id: Option<&Str>,
    ) -> Result<(), ErrorCode> {
        match group_instance_id.map(|instance| self.static_members.get(instance)) {
            None if self.members.contains_key(member_id) => Ok(()),
            None | Some(None) => Err(ErrorCode::UnknownMemberId),
            Some(Some(current)) if current == member_id => Ok(()),
            Some(Some(_)) => Err(ErrorCode::FencedInstanceId),
        }
    }

    /// Whether one more may join: it needs the group's type and one protocol that everybody has.
    pub(in super::super) fn supports_protocols(&self, protocol_type: &Str, protocols: &[MemberProtocol]) -> bool {
        if self.state == ClassicGroupState::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_ref() == Some(protocol_type)
            && protocols.iter().any(|protocol| self.members.values().all(|member| member.supports(&protocol.name)))
    }

    /// Adds a member; the first one decides the protocol type and leads.
    pub(in super::super) fn add(&mut self, member: Member, protocol_type: &Str) {
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type.clone());
        }
        self.leader_id.get_or_insert_with(|| member.member_id.clone());
        if let Some(instance) = &member.group_instance_id {
            self.static_members.insert(instance.clone(), member.member_id.clone());
        }
        self.pending_members.remove(&member.member_id);
        self.members.insert(member.member_id.clone(), member);
    }

    /// Takes a member, or a pending one's id, out.
    pub(in super::super) fn remove(&mut self, member_id: &Str) -> Option<Member> {
        self.pending_members.remove(member_id);
        self.received_sync_from(member_id);
        let member = self.members.remove(member_id)?;
        if let Some(instance) = &member.group_instance_id {
            self.static_members.remove(instance);
        }
        if self.is_leader(member_id) {
            self.leader_id = self.members.keys().next().cloned();
        }
        Some(member)
    }

    pub(in super::super) fn received_sync_from(&mut self, member_id: &Str) {
        self.pending_sync.remove(member_id);
        if self.pending_sync.is_empty() {
            self.sync_deadline = None;
        }
    }

    pub(in super::super) fn has_all_members_joined(&self) -> bool {
        self.pending_members.is_empty() && self.members.values().all(|member| member.awaiting_join.is_some())
    }

    /// The longest time any member takes for a rebalance.
    pub(in super::super) fn rebalance_timeout(&self) -> Duration {
        self.members.values().map(Member::rebalance_timeout).max().unwrap_or_default()
    }

    /// Lets a member that rejoined lead, the old leader if it did. False where none rejoined.
    pub(in super::super) fn elect_joined_leader(&mut self) -> bool {
        let joined = |member: &&Member| member.awaiting_join.is_some();
        let leader = self.leader_id.as_ref().and_then(|leader| self.members.get(leader));
        if leader.as_ref().is_some_and(joined) {
            return true;
        }
        match self.members.values().find(joined) {
            Some(member) => {
                self.leader_id = Some(member.member_id.clone());
                true
            }
            None => false,
        }
    }

    /// The protocol with most votes; each member votes for its first one that all support. The earlier vote breaks a tie.
    pub(in super::super) fn select_protocol(&self) -> Option<Str> {
        let common = |protocol: &&MemberProtocol| self.members.values().all(|member| member.supports(&protocol.name));
        let mut votes: Vec<(&Str, usize)> = Vec::new();
        for member in self.members.values() {
            let Some(choice) = member.protocols.iter().find(common) else { continue };
            match votes.iter_mut().find(|(protocol, _)| **protocol == choice.name) {
                Some((_, count)) => *count += 1,
                None => votes.push((&choice.name, 1)),
            }
        }
        votes.iter().rev().max_by_key(|(_, count)| *count).map(|(protocol, _)| (*protocol).clone())
    }

    /// Begins the next generation: completing where there are members, empty where not.
    pub(in super::super) fn init_next_generation(&mut self, now: Now) {
        self.generation_id = self.generation_id.wrapping_add(1);
        self.pending_sync.clear();
        self.sync_deadline = None;
        self.protocol_name = self.select_protocol();
        self.subscribed_topics = self.compute_subscribed_topics();
        let next =
            if self.members.is_empty() { ClassicGroupState::Empty } else { ClassicGroupState::CompletingRebalance };
        self.transition_to(next, now);
    }

    pub(in super::super) fn compute_subscribed_topics(&self) -> Option<SortedSet<Str>> {
        if self.protocol_type.as_ref().is_none_or(|protocol_type| *protocol_type != CONSUMER_PROTOCOL_TYPE) {
            return None;
        }
        let mut topics = SortedSet::new();
        if let Some(protocol) = &self.protocol_name {
            for member in self.members.values() {
                let subscription = consumer_protocol::decode_subscription(&member.metadata(protocol))?;
                topics.extend(subscription.topics.iter().map(Str::detached));
            }
        }
        Some(topics)
    }

    /// Where the subscriptions cannot be read, every topic counts as subscribed.
    pub(in super::super) fn is_subscribed_to(&self, topic: &Str) -> bool {
        let is_consumer = self.protocol_type.as_ref().is_some_and(|kind| *kind == CONSUMER_PROTOCOL_TYPE);
        self.subscribed_topics.as_ref().map_or(is_consumer, |topics| topics.contains(topic))
    }

    /// What a member that is through the barrier is told; only the leader learns of the others.
    pub(in super::super) fn join_response(&self, member_id: &Str) -> JoinGroupResponse {
        JoinGroupResponse {
            generation_id: self.generation_id,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader_or_empty(),
            member_id: member_id.clone(),
            members: if self.is_leader(member_id) { self.join_response_members() } else { Vec::new() },
            ..JoinGroupResponse::default()
        }
    }

    pub(in super::super) fn join_response_members(&self) -> Vec<JoinGroupResponseMember> {
        let protocol = self.protocol_name.clone().unwrap_or_default();
        let member = |member: &Member| JoinGroupResponseMember {
            member_id: member.member_id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            metadata: member.metadata(&protocol),
        };
        self.members.values().map(member).collect()
    }

    /// The next time something of this group runs out, and what.
    pub(in super::super) fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        let sessions =
            self.members.values().filter_map(|member| Some((member.session_deadline?, "group member session")));
        let pending = self.pending_members.values().map(|deadline| (*deadline, "group member id to be used"));
        let join = self.join_timer.map(|timer| (timer.deadline(), "group join phase"));
        let sync = self.sync_deadline.map(|deadline| (deadline, "group sync phase"));
        sessions.chain(pending).chain(join).chain(sync).min()
    }
}

#[cfg(test)]
mod tests {
    use super::ClassicGroupState::{self, CompletingRebalance, Dead, Empty, PreparingRebalance, Stable};

    #[test]
    fn states_follow_kafkas_table() {
        let allowed = [
            (Empty, PreparingRebalance),
            (PreparingRebalance, Empty),
            (PreparingRebalance, CompletingRebalance),
            (CompletingRebalance, Stable),
            (CompletingRebalance, PreparingRebalance),
            (Stable, PreparingRebalance),
        ];
        for from in ClassicGroupState::ALL {
            for to in ClassicGroupState::ALL {
                assert_eq!(from.can_become(to), to == Dead || allowed.contains(&(from, to)), "{from:?} to {to:?}");
            }
        }
    }
}
