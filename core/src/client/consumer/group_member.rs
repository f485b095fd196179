//! Membership in a classic group: find the coordinator, join, sync, heartbeat, and again.

use super::config::{ConsumerConfig, millis};
use super::membership_payload::{decode_assignment, decode_subscription, encode_assignment, encode_subscription};
use super::subscription::PartitionState;
use super::{Closing, CommitReason, Consumer, ConsumerEvent, MemberState, Purpose, error_of};
use crate::client::assignor::{Assignor, RebalanceProtocol, Subscription};
use crate::client::{Answer, RequestOptions, Target};
use crate::ids::{NodeId, TopicPartition};
use crate::protocol::ErrorCode;
use crate::protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use crate::protocol::messages::heartbeat_request::HeartbeatRequest;
use crate::protocol::messages::join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol};
use crate::protocol::messages::join_group_response::JoinGroupResponse;
use crate::protocol::messages::leave_group_request::{LeaveGroupRequest, MemberIdentity};
use crate::protocol::messages::sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment};
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

/// Type of groups of consumers.
const PROTOCOL_TYPE: &str = "consumer";
/// How long a leader waits for the metadata of topics only other members want.
const ASSIGN_WAIT: Duration = Duration::from_secs(1);
/// Beyond the rebalance time-out, how long a `JoinGroup` may take.
const JOIN_GRACE: Duration = Duration::from_secs(5);
const NO_GENERATION: i32 = -1;

/// A member's state.
#[derive(Clone, Debug)]
pub(super) struct GroupMember {
    state: MemberState,
    generation_id: i32,
    member_id: Str,
    is_leader: bool,
    protocol_name: Option<Str>,
    coordinator: Option<NodeId>,
    lookup_in_flight: bool,
    next_lookup: Instant,
    /// Counts joins, so that answers of an earlier one are known.
    round: u64,
    next_join: Instant,
    /// Why it has to join again.
    rejoin_reason: Option<&'static str>,
    next_heartbeat: Instant,
    heartbeat_in_flight: bool,
    /// The last assignment and its generation: the memory of sticky assignors.
    last_assignment: (Vec<TopicPartition>, i32),
    /// Generation and member id of the last time it got an assignment.
    joined: (i32, Str),
    /// Partition counts the leader assigned by; other counts make it rejoin.
    assigned_counts: SortedMap<Str, i32>,
    /// All members' subscriptions, while the leader waits for metadata until a time.
    gathered: Option<(SortedMap<Str, Subscription>, Instant)>,
}

impl Default for GroupMember {
    fn default() -> Self {
        Self {
            state: MemberState::Unjoined,
            generation_id: NO_GENERATION,
            member_id: Str::default(),
            is_leader: false,
            protocol_name: None,
            coordinator: None,
            lookup_in_flight: false,
            next_lookup: Instant::ZERO,
            round: 0,
            next_join: Instant::ZERO,
            rejoin_reason: None,
            next_heartbeat: Instant::ZERO,
            heartbeat_in_flight: false,
            last_assignment: (Vec::new(), NO_GENERATION),
            joined: (NO_GENERATION, Str::default()),
            assigned_counts: SortedMap::new(),
            gathered: None,
        }
    }
}

impl GroupMember {
    /// Generation and member id of the last time it got an assignment; a member that lost its place since still says so.
    pub(super) const fn joined(&self) -> &(i32, Str) {
        &self.joined
    }

    pub(super) const fn state(&self) -> MemberState {
        self.state
    }

    pub(super) const fn generation_id(&self) -> i32 {
        self.generation_id
    }

    pub(super) const fn member_id(&self) -> &Str {
        &self.member_id
    }

    pub(super) const fn is_leader(&self) -> bool {
        self.is_leader
    }

    pub(super) const fn protocol_name(&self) -> Option<&Str> {
        self.protocol_name.as_ref()
    }

    pub(super) const fn coordinator(&self) -> Option<NodeId> {
        self.coordinator
    }

    /// Where requests to the coordinator go: over a connection of their own, since a broker answers in order and a fetch
    /// or a join may take long.
    pub(super) fn coordinator_target(&self) -> Option<Target> {
        self.coordinator.map(|node| Target::Node(coordinator_connection(node)))
    }

    /// Joins again when it can.
    pub(super) fn rejoin(&mut self, reason: &'static str) {
        self.rejoin_reason = Some(reason);
    }

    /// The program takes events: it may come back if it was gone. Answers whether it was.
    pub(super) fn polled(&mut self) -> bool {
        let is_back = self.state == MemberState::PollExpired;
        if is_back {
            self.state = MemberState::Unjoined;
        }
        is_back
    }

    /// Finds the coordinator anew, not before `at`.
    pub(super) fn forget_coordinator(&mut self, at: Instant) {
        self.coordinator = None;
        self.next_lookup = at;
    }

    pub(super) fn deadlines(&self, config: &ConsumerConfig, into: &mut Vec<(Instant, &'static str)>) {
        if config.group_id.is_none() {
            return;
        }
        into.push((self.next_lookup, "find coordinator"));
        into.push((self.next_join, "join group"));
        into.extend(self.gathered.as_ref().map(|(_, until)| (*until, "assign")));
        if matches!(self.state, MemberState::Syncing | MemberState::Stable) {
            into.push((self.next_heartbeat, "heartbeat"));
        }
    }

    fn join_again(&mut self, at: Instant) {
        self.state = MemberState::Unjoined;
        self.next_join = at;
        self.gathered = None;
    }
}

impl Consumer {
    /// Asks any broker for the group's coordinator, where it is unknown and wanted.
    pub(super) fn find_coordinator_when_needed(&mut self, now: Now) {
        let Some(group_id) = self.config.group_id.clone() else { return };
        let is_wanted = !self.topics.is_empty() || !self.assignment.partitions.is_empty();
        let member = &mut self.member;
        if member.coordinator.is_some()
            || member.lookup_in_flight
            || member.next_lookup > now.monotonic
            || !is_wanted
            || member.state == MemberState::Failed
        {
            return;
        }
        member.lookup_in_flight = true;
        let request =
            FindCoordinatorRequest { key: group_id.clone(), key_type: 0, coordinator_keys: alloc::vec![group_id] };
        self.network.send(now, Target::Any, request, Purpose::FindCoordinator);
    }

    pub(super) fn coordinator_answered(&mut self, now: Now, answer: &Answer<Purpose>) {
        self.member.lookup_in_flight = false;
        self.member.next_lookup = self.retry_at(now);
        let Ok(response) = answer.decode::<FindCoordinatorRequest>() else { return };
        // Since version 4 the answer is a list of as many as were asked for.
        let (code, node, host, port) = match response.coordinators.first() {
            Some(found) => (error_of(found.error_code), found.node_id, &found.host, found.port),
            None => (error_of(response.error_code), response.node_id, &response.host, response.port),
        };
        match code {
            ErrorCode::None => {
                // A port outside 16 bits is nobody's; connecting to 0 fails like any unreachable broker.
                let port = u16::try_from(port).unwrap_or(0);
                self.network.learn_broker(now, coordinator_connection(node), host, port);
                self.member.coordinator = Some(node);
            }
            code if code.is_retriable() => {}
            code => self.fail(code),
        }
    }

    /// Joins, assigns or heartbeats, as the state wants it.
    pub(super) fn advance_membership(&mut self, now: Now) {
        if self.topics.is_empty() || self.member.coordinator.is_none() {
            return;
        }
        self.watch_partition_counts();
        match self.member.state {
            MemberState::Unjoined if self.member.next_join <= now.monotonic => self.prepare_join(now),
            MemberState::Stable if self.member.rejoin_reason.is_some() => self.prepare_join(now),
            MemberState::Assigning => self.assign_when_metadata_is_there(now),
            MemberState::Stable | MemberState::Syncing => self.heartbeat_when_due(now),
            _ => {}
        }
    }

    /// The leader alone looks after new partitions.
    fn watch_partition_counts(&mut self) {
        let member = &self.member;
        if member.state != MemberState::Stable || !member.is_leader || member.rejoin_reason.is_some() {
            return;
        }
        let counts = partition_counts(self, member.assigned_counts.keys());
        if counts.iter().any(|(topic, count)| member.assigned_counts.get(topic) != Some(count)) {
            self.member.rejoin("cached metadata has changed");
        }
    }

    /// Commits first, so that the next owner begins where we stopped.
    fn prepare_join(&mut self, now: Now) {
        self.member.state = MemberState::PreparingJoin;
        let is_member = self.member.generation_id != NO_GENERATION;
        let commits =
            is_member && self.config.enable_auto_commit && self.send_commit(now, CommitReason::BeforeJoin, None);
        if !commits {
            self.join(now);
        }
    }

    /// Gives up what has to be given up, then joins.
    pub(super) fn join(&mut self, now: Now) {
        let is_cooperative = self.config.rebalance_protocol() == RebalanceProtocol::Cooperative;
        let keeps = |partition: &TopicPartition| is_cooperative && self.topics.contains(&partition.topic);
        let gone: Vec<_> = self.assignment.list().into_iter().filter(|partition| !keeps(partition)).collect();
        self.revoke(gone);
        let (Some(target), Some(group_id)) = (self.member.coordinator_target(), self.config.group_id.clone()) else {
            return self.member.join_again(self.retry_at(now));
        };
        let reason = self.member.rejoin_reason.take().map(Str::from);
        self.member.state = MemberState::Joining;
        self.member.round += 1;
        self.member.is_leader = false;
        let request = JoinGroupRequest {
            group_id,
            session_timeout_ms: millis(self.config.session_timeout),
            rebalance_timeout_ms: millis(self.config.max_poll_interval),
            member_id: self.member.member_id.clone(),
            group_instance_id: self.config.group_instance_id.clone(),
            protocol_type: Str::from(PROTOCOL_TYPE),
            protocols: self.config.assignors.iter().map(|assignor| self.protocol(*assignor)).collect(),
            reason,
        };
        // The coordinator answers when all members are there, or the rebalance time-out is over.
        let timeout = (self.config.max_poll_interval + JOIN_GRACE).max(self.config.request_timeout);
        let options = RequestOptions { timeout: Some(timeout), ..Default::default() };
        self.network.send_with(now, target, request, Purpose::Join { round: self.member.round }, options);
    }

    fn protocol(&self, assignor: Assignor) -> JoinGroupRequestProtocol {
        let (last_assignment, last_generation) = &self.member.last_assignment;
        let subscription = Subscription {
            topics: self.topics.clone(),
            user_data: assignor.user_data(last_assignment, *last_generation),
            owned_partitions: self.assignment.list(),
            generation_id: self.member.generation_id,
            group_instance_id: self.config.group_instance_id.clone(),
        };
        JoinGroupRequestProtocol { name: Str::from(assignor.name()), metadata: encode_subscription(&subscription) }
    }

    pub(super) fn join_answered(&mut self, now: Now, round: u64, answer: &Answer<Purpose>) {
        if round != self.member.round || self.member.state != MemberState::Joining {
            return;
        }
        let Ok(response) = answer.decode::<JoinGroupRequest>() else { return self.coordinator_lost(now) };
        match error_of(response.error_code) {
            ErrorCode::None => self.joined(now, &response),
            ErrorCode::MemberIdRequired => {
                self.member.member_id = response.member_id.detached();
                self.join(now);
            }
            code => self.membership_error(now, code),
        }
    }

    fn joined(&mut self, now: Now, response: &JoinGroupResponse) {
        let member = &mut self.member;
        member.generation_id = response.generation_id;
        member.member_id = response.member_id.detached();
        member.protocol_name = response.protocol_name.as_ref().map(Str::detached);
        member.is_leader = response.leader == response.member_id;
        member.next_heartbeat = now.monotonic + self.config.heartbeat_interval;
        if !member.is_leader || response.skip_assignment {
            return self.sync(now, Vec::new());
        }
        let mut gathered = SortedMap::new();
        for other in &response.members {
            let instance = other.group_instance_id.as_ref().map(Str::detached);
            match decode_subscription(&other.metadata, instance) {
                Ok(subscription) => {
                    subscription.topics.iter().for_each(|topic| self.network.want_topic(&topic.detached()));
                    gathered.insert(other.member_id.detached(), subscription);
                }
                Err(error) => {
                    let message = format!("subscription of member {} is malformed: {error}", other.member_id);
                    self.error(ErrorCode::UnknownServerError, message);
                }
            }
        }
        self.member.state = MemberState::Assigning;
        self.member.gathered = Some((gathered, now.monotonic + ASSIGN_WAIT));
    }

    fn assign_when_metadata_is_there(&mut self, now: Now) {
        let Some((subscriptions, until)) = &self.member.gathered else { return };
        let topics: Vec<&Str> = subscriptions.values().flat_map(|member| &member.topics).collect();
        let counts = partition_counts(self, topics.iter().copied());
        let is_complete = topics.iter().all(|topic| counts.contains_key(*topic));
        if !is_complete && now.monotonic < *until {
            return;
        }
        let chosen = self.member.protocol_name.as_ref().and_then(|name| Assignor::from_name(name));
        let Some(assignor) = chosen.filter(|assignor| self.config.assignors.contains(assignor)) else {
            return self.fail(ErrorCode::InconsistentGroupProtocol);
        };
        let known = |topic: &&Str| ((*topic).clone(), counts.get(*topic).copied().unwrap_or(0));
        let assigned_counts = topics.iter().map(known).collect();
        let assignments = assignor.assign(&counts, subscriptions).into_iter().map(|(member_id, partitions)| {
            SyncGroupRequestAssignment { member_id, assignment: encode_assignment(&partitions) }
        });
        let assignments = assignments.collect();
        self.member.assigned_counts = assigned_counts;
        self.member.gathered = None;
        self.sync(now, assignments);
    }

    fn sync(&mut self, now: Now, assignments: Vec<SyncGroupRequestAssignment>) {
        let (Some(target), Some(group_id)) = (self.member.coordinator_target(), self.config.group_id.clone()) else {
            return self.member.join_again(self.retry_at(now));
        };
        let member = &mut self.member;
        member.state = MemberState::Syncing;
        let request = SyncGroupRequest {
            group_id,
            generation_id: member.generation_id,
            member_id: member.member_id.clone(),
            group_instance_id: self.config.group_instance_id.clone(),
            protocol_type: Some(Str::from(PROTOCOL_TYPE)),
            protocol_name: member.protocol_name.clone(),
            assignments,
        };
        self.network.send(now, target, request, Purpose::Sync { round: member.round });
    }

    pub(super) fn sync_answered(&mut self, now: Now, round: u64, answer: &Answer<Purpose>) {
        if round != self.member.round || self.member.state != MemberState::Syncing {
            return;
        }
        let Ok(response) = answer.decode::<SyncGroupRequest>() else { return self.coordinator_lost(now) };
        match error_of(response.error_code) {
            ErrorCode::None => match decode_assignment(&response.assignment) {
                Ok(partitions) => self.install(now, partitions),
                Err(error) => {
                    self.error(ErrorCode::UnknownServerError, format!("malformed assignment: {error}"));
                    self.member.join_again(self.retry_at(now));
                }
            },
            code => self.membership_error(now, code),
        }
    }

    /// Takes an assignment. What a cooperative member has to give up it gives up now, and joins again so that others get it.
    fn install(&mut self, now: Now, assigned: Vec<TopicPartition>) {
        let revoked: Vec<_> =
            self.assignment.list().into_iter().filter(|partition| !assigned.contains(partition)).collect();
        let (generation_id, member_id) = (self.member.generation_id, self.member.member_id.clone());
        self.member.state = MemberState::Stable;
        self.member.next_heartbeat = now.monotonic + self.config.heartbeat_interval;
        self.member.last_assignment = (assigned.clone(), generation_id);
        self.member.joined = (generation_id, member_id.clone());
        let leader = self.member.is_leader;
        self.events.push_back(ConsumerEvent::Rejoined { generation_id, member_id, leader });
        if !revoked.is_empty() {
            if self.config.enable_auto_commit {
                self.send_commit(now, CommitReason::Revoked, Some(&revoked));
            }
            self.revoke(revoked);
            self.member.rejoin("need to revoke partitions and re-join");
        }
        let start = self.start_position();
        let added: Vec<_> =
            assigned.into_iter().filter(|partition| !self.assignment.partitions.contains_key(partition)).collect();
        for partition in &added {
            self.network.want_topic(&partition.topic);
            self.assignment.partitions.insert(partition.clone(), PartitionState::new(start));
        }
        self.events.push_back(ConsumerEvent::Assigned(added));
        self.next_auto_commit.get_or_insert(now.monotonic + self.config.auto_commit_interval);
    }

    fn heartbeat_when_due(&mut self, now: Now) {
        let (Some(target), Some(group_id)) = (self.member.coordinator_target(), self.config.group_id.clone()) else {
            return;
        };
        if self.member.heartbeat_in_flight || self.member.next_heartbeat > now.monotonic {
            return;
        }
        self.member.heartbeat_in_flight = true;
        self.member.next_heartbeat = now.monotonic + self.config.heartbeat_interval;
        let request = HeartbeatRequest {
            group_id,
            generation_id: self.member.generation_id,
            member_id: self.member.member_id.clone(),
            group_instance_id: self.config.group_instance_id.clone(),
        };
        self.network.send(now, target, request, Purpose::Heartbeat { round: self.member.round });
    }

    pub(super) fn heartbeat_answered(&mut self, now: Now, round: u64, answer: &Answer<Purpose>) {
        self.member.heartbeat_in_flight = false;
        if round != self.member.round || !matches!(self.member.state, MemberState::Syncing | MemberState::Stable) {
            return;
        }
        let Ok(response) = answer.decode::<HeartbeatRequest>() else {
            return self.member.forget_coordinator(self.retry_at(now));
        };
        match error_of(response.error_code) {
            ErrorCode::None | ErrorCode::CoordinatorLoadInProgress => {}
            // While it syncs, the answer of the sync will say so.
            ErrorCode::RebalanceInProgress if self.member.state == MemberState::Syncing => {}
            ErrorCode::RebalanceInProgress => self.member.rejoin("group is already rebalancing"),
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => {
                self.member.forget_coordinator(self.retry_at(now));
            }
            code => self.membership_error(now, code),
        }
    }

    /// What every error of group requests means for the membership.
    pub(super) fn membership_error(&mut self, now: Now, code: ErrorCode) {
        let retry_at = self.retry_at(now);
        match code {
            ErrorCode::UnknownMemberId => {
                self.member.member_id = Str::default();
                self.lose_membership(retry_at);
            }
            ErrorCode::IllegalGeneration => self.lose_membership(retry_at),
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => self.coordinator_lost(now),
            ErrorCode::RebalanceInProgress => self.member.join_again(Instant::ZERO),
            code if code.is_retriable() => self.member.join_again(retry_at),
            code => self.fail(code),
        }
    }

    fn coordinator_lost(&mut self, now: Now) {
        let retry_at = self.retry_at(now);
        self.member.forget_coordinator(retry_at);
        self.member.join_again(retry_at);
    }

    fn lose_membership(&mut self, retry_at: Instant) {
        self.member.generation_id = NO_GENERATION;
        self.member.is_leader = false;
        self.member.join_again(retry_at);
        if !self.topics.is_empty() && !self.assignment.partitions.is_empty() {
            self.assignment.partitions.clear();
            self.fetcher.clear();
            self.events.push_back(ConsumerEvent::Lost);
        }
    }

    /// Gives up for good.
    fn fail(&mut self, code: ErrorCode) {
        self.error(code, code.message().to_string());
        self.lose_membership(Instant::ZERO);
        self.member.state = MemberState::Failed;
    }

    fn revoke(&mut self, gone: Vec<TopicPartition>) {
        if gone.is_empty() {
            return;
        }
        for partition in &gone {
            self.assignment.partitions.remove(partition);
            self.fetcher.forget(partition);
        }
        self.events.push_back(ConsumerEvent::Revoked(gone));
    }

    /// `max.poll.interval.ms` is over.
    pub(super) fn poll_expired(&mut self, now: Now) {
        self.poll_deadline = None;
        if self.topics.is_empty() || self.member.generation_id == NO_GENERATION {
            return;
        }
        self.send_leave(now, "consumer poll timeout has expired.");
        self.member.member_id = Str::default();
        self.lose_membership(Instant::ZERO);
        self.member.state = MemberState::PollExpired;
    }

    /// The second half of closing.
    pub(super) fn leave(&mut self, now: Now, until: Instant) {
        self.closing = Closing::Leaving { until };
        if !self.send_leave(now, "the consumer is being closed") {
            self.closed(now);
        }
    }

    /// A static member does not leave: it is expected back within its session. Answers whether a request was sent.
    fn send_leave(&mut self, now: Now, reason: &str) -> bool {
        let member_id = self.member.member_id.clone();
        let is_dynamic = self.config.group_instance_id.is_none() && !member_id.is_empty();
        let (Some(target), Some(group_id), true) =
            (self.member.coordinator_target(), self.config.group_id.clone(), is_dynamic)
        else {
            return false;
        };
        let identity =
            MemberIdentity { member_id: member_id.clone(), group_instance_id: None, reason: Some(Str::from(reason)) };
        let request = LeaveGroupRequest { group_id, member_id, members: alloc::vec![identity] };
        self.network.send(now, target, request, Purpose::Leave);
        true
    }
}

/// The number under which the network client knows a node in its role as coordinator; brokers' ids are small.
const fn coordinator_connection(node: NodeId) -> NodeId {
    NodeId::MAX - node.saturating_abs()
}

/// Partition counts of those topics that are known to exist.
fn partition_counts<'a>(consumer: &Consumer, topics: impl Iterator<Item = &'a Str>) -> SortedMap<Str, i32> {
    let metadata = consumer.network.metadata();
    topics.filter_map(|topic| Some((topic.clone(), metadata.partition_count(topic)?))).collect()
}
