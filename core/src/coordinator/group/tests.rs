//! Tests of the whole coordinator, against a log that takes everything and replicates at once unless told otherwise.

use super::consumer_protocol::{encode_assignment, encode_subscription};
use super::{GroupConfig, GroupCoordinator, GroupOutput, GroupRequest, GroupResponse, RequestContext, TopicLookup};
use crate::coordinator::partition_for;
use crate::event::Event;
use crate::ids::{Offset, PartitionIndex, Uuid};
use crate::log::VerificationGuard;
use crate::protocol::ErrorCode;
use crate::protocol::messages::consumer_protocol_assignment::TopicPartition as AssignedTopic;
use crate::protocol::messages::join_group_request::JoinGroupRequestProtocol;
use crate::protocol::messages::leave_group_request::MemberIdentity;
use crate::protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use crate::protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use crate::protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use crate::protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use crate::protocol::messages::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, DeleteGroupsRequest, DescribeGroupsRequest,
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest,
    OffsetDeleteRequest, OffsetFetchRequest, SyncGroupRequest, SyncGroupResponse,
};
use crate::record::RecordBatch;
use crate::rng::Rng;
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;

const GROUP: &str = "payments";
const TOPIC: &str = "orders";
const WALL_MS: i64 = 1_700_000_000_000;

mod replication;
mod transactions;

/// One topic of four partitions; `__consumer_offsets` as configured.
struct Topics;

impl TopicLookup for Topics {
    fn partition_count(&self, topic: &str) -> Option<PartitionIndex> {
        (topic == TOPIC).then_some(4)
    }
    fn topic_id(&self, topic: &str) -> Option<Uuid> {
        (topic == TOPIC).then_some(Uuid::from_u128(77))
    }
    fn topic_name(&self, topic_id: Uuid) -> Option<Str> {
        (topic_id == Uuid::from_u128(77)).then(|| Str::from(TOPIC))
    }
}

/// A coordinator that leads all partitions, their logs, and the answers so far.
struct Bench {
    coordinator: GroupCoordinator,
    millis: u64,
    tokens: u64,
    logs: SortedMap<PartitionIndex, Vec<RecordBatch>>,
    answers: SortedMap<u64, GroupResponse>,
    events: Vec<Event>,
    /// What is written now is not replicated yet.
    holds: bool,
    refuses: Option<ErrorCode>,
    /// What came with the last append.
    appended_with: (VerificationGuard, i8),
}

impl Bench {
    fn new() -> Self {
        Self::with(GroupConfig::default())
    }

    fn with(config: GroupConfig) -> Self {
        let mut bench = Self {
            coordinator: GroupCoordinator::new(config, Rng::new(5)),
            millis: 0,
            tokens: 0,
            logs: SortedMap::new(),
            answers: SortedMap::new(),
            events: Vec::new(),
            holds: false,
            refuses: None,
            appended_with: (VerificationGuard::SENTINEL, 0),
        };
        for partition in 0..50 {
            bench.coordinator.elected(bench.now(), partition, 0);
            bench.coordinator.loaded(bench.now(), partition, 0);
        }
        bench
    }

    fn now(&self) -> Now {
        Now { monotonic: Instant::from_millis(self.millis), wall_ms: WALL_MS + self.millis as i64 }
    }

    /// Goes on in time, stopping at each deadline.
    fn pass(&mut self, duration: Duration) {
        let end = self.millis + duration.as_millis() as u64;
        while let Some((deadline, _)) = self.coordinator.next_deadline().filter(|(at, _)| at.as_millis() <= end) {
            assert!(deadline.as_millis() >= self.millis || self.millis == 0, "{deadline:?} is past");
            self.millis = self.millis.max(deadline.as_millis());
            self.coordinator.tick(self.now());
            self.drain();
        }
        self.millis = end;
    }

    fn drain(&mut self) {
        while let Some(output) = self.coordinator.poll_output() {
            match output {
                GroupOutput::Append { partition, append_id, batch, guard, transaction_version } => {
                    self.appended_with = (guard, transaction_version);
                    self.append(partition, append_id, &batch);
                }
                GroupOutput::Respond { token, response } => {
                    assert!(self.answers.insert(token, response).is_none(), "token {token} was answered twice");
                }
                GroupOutput::Event(event) => self.events.push(event),
            }
        }
    }

    fn append(&mut self, partition: PartitionIndex, append_id: u64, batch: &Bytes) {
        if let Some(error) = self.refuses {
            return self.coordinator.append_result(self.now(), append_id, Err(error));
        }
        let log = self.logs.entry(partition).or_default();
        let base_offset = log.last().map_or(0, |batch| batch.last_offset() + 1);
        let batch = RecordBatch::parse(batch).expect("a batch").stamped(base_offset, 0, None);
        let last_offset: Offset = batch.last_offset();
        log.push(batch);
        self.coordinator.append_result(self.now(), append_id, Ok(last_offset));
        if !self.holds {
            self.coordinator.high_watermark_advanced(self.now(), partition, last_offset + 1);
        }
    }

    /// The followers have everything now.
    fn replicate(&mut self) {
        for partition in 0..50 {
            self.coordinator.high_watermark_advanced(self.now(), partition, self.log_end_offset(partition));
        }
        self.drain();
    }

    fn log_end_offset(&self, partition: PartitionIndex) -> Offset {
        self.logs.get(&partition).and_then(|log| log.last()).map_or(0, |batch| batch.last_offset() + 1)
    }

    fn send(&mut self, api_version: i16, request: GroupRequest) -> u64 {
        self.tokens += 1;
        let context = RequestContext { client_id: Str::from("app"), client_host: Str::from("/127.0.0.1"), api_version };
        self.coordinator.handle(self.now(), self.tokens, context, request, &Topics);
        self.drain();
        self.tokens
    }

    fn ask(&mut self, api_version: i16, request: GroupRequest) -> GroupResponse {
        let token = self.send(api_version, request);
        self.answers.get(&token).cloned().expect("an answer at once")
    }

    fn send_join(&mut self, member_id: &str, instance: Option<&str>) -> u64 {
        self.send(9, GroupRequest::JoinGroup(join(member_id, instance)))
    }

    /// Joins as a new client does: gets an id, comes again with it.
    fn enter(&mut self) -> (Str, u64) {
        let GroupResponse::JoinGroup(answer) = self.ask(9, GroupRequest::JoinGroup(join("", None))) else { panic!() };
        assert_eq!(error_of(answer.error_code), ErrorCode::MemberIdRequired);
        let token = self.send_join(&answer.member_id, None);
        (answer.member_id, token)
    }

    fn joined(&mut self, token: u64) -> JoinGroupResponse {
        match self.answers.remove(&token) {
            Some(GroupResponse::JoinGroup(answer)) => answer,
            other => panic!("{other:?}"),
        }
    }

    fn synced(&mut self, token: u64) -> SyncGroupResponse {
        match self.answers.remove(&token) {
            Some(GroupResponse::SyncGroup(answer)) => answer,
            other => panic!("{other:?}"),
        }
    }

    fn send_sync(&mut self, member_id: &str, generation_id: i32, assignments: &[(&Str, &[i32])]) -> u64 {
        let assigned = |(member_id, partitions): &(&Str, &[i32])| SyncGroupRequestAssignment {
            member_id: (*member_id).clone(),
            assignment: assignment(partitions),
        };
        let request = SyncGroupRequest {
            group_id: Str::from(GROUP),
            generation_id,
            member_id: Str::from(member_id),
            assignments: assignments.iter().map(assigned).collect(),
            ..Default::default()
        };
        self.send(5, GroupRequest::SyncGroup(request))
    }

    fn heartbeat(&mut self, member_id: &str, generation_id: i32) -> ErrorCode {
        let (group_id, member_id) = (Str::from(GROUP), Str::from(member_id));
        let request = HeartbeatRequest { group_id, generation_id, member_id, ..Default::default() };
        match self.ask(4, GroupRequest::Heartbeat(request)) {
            GroupResponse::Heartbeat(answer) => error_of(answer.error_code),
            other => panic!("{other:?}"),
        }
    }

    fn leave(&mut self, member_id: &str, instance: Option<&str>) -> ErrorCode {
        let group_instance_id = instance.map(Str::from);
        let members = vec![MemberIdentity { member_id: Str::from(member_id), group_instance_id, ..Default::default() }];
        let request = LeaveGroupRequest { group_id: Str::from(GROUP), members, ..Default::default() };
        match self.ask(5, GroupRequest::LeaveGroup(request)) {
            GroupResponse::LeaveGroup(answer) => error_of(answer.members[0].error_code),
            other => panic!("{other:?}"),
        }
    }

    fn commit(&mut self, member_id: &str, generation_id: i32, partition: i32, offset: Offset) -> ErrorCode {
        match self.ask(9, GroupRequest::OffsetCommit(commit(member_id, generation_id, partition, offset))) {
            GroupResponse::OffsetCommit(answer) => error_of(answer.topics[0].partitions[0].error_code),
            other => panic!("{other:?}"),
        }
    }

    fn committed(&mut self, partition: i32) -> Offset {
        match self.ask(9, GroupRequest::OffsetFetch(fetch(partition, false))) {
            GroupResponse::OffsetFetch(answer) => answer.groups[0].topics[0].partitions[0].committed_offset,
            other => panic!("{other:?}"),
        }
    }

    fn delete_group(&mut self) -> ErrorCode {
        let request = DeleteGroupsRequest { groups_names: vec![Str::from(GROUP)] };
        match self.ask(2, GroupRequest::DeleteGroups(request)) {
            GroupResponse::DeleteGroups(answer) => error_of(answer.results[0].error_code),
            other => panic!("{other:?}"),
        }
    }

    fn state(&self) -> &'static str {
        self.coordinator.views().iter().find(|group| group.group_id == GROUP).map_or("none", |group| group.state)
    }

    /// A stable group of two, the leader's id first.
    fn stable_pair(&mut self) -> (Str, Str, i32) {
        let ((first, join_first), (second, join_second)) = (self.enter(), self.enter());
        self.pass(Duration::from_secs(6));
        let (first_answer, second_answer) = (self.joined(join_first), self.joined(join_second));
        assert_eq!((first_answer.error_code, second_answer.error_code), (0, 0));
        let generation_id = first_answer.generation_id;
        let (leader, follower) = if first_answer.leader == first { (first, second) } else { (second, first) };
        let wait = self.send_sync(&follower, generation_id, &[]);
        assert!(!self.answers.contains_key(&wait));
        let lead = self.send_sync(&leader, generation_id, &[(&leader, &[0, 1]), (&follower, &[2, 3])]);
        assert_eq!(self.synced(wait).assignment, assignment(&[2, 3]));
        assert_eq!(self.synced(lead).assignment, assignment(&[0, 1]));
        assert_eq!(self.state(), "Stable");
        (leader, follower, generation_id)
    }

    /// What another broker knows that takes over all partitions now, everything being replicated.
    fn successor(&self) -> GroupCoordinator {
        self.successor_from(Self::log_end_offset)
    }

    /// The same where the high watermarks are these.
    fn successor_from(&self, high_watermark: impl Fn(&Self, PartitionIndex) -> Offset) -> GroupCoordinator {
        let mut successor = GroupCoordinator::new(GroupConfig::default(), Rng::new(6));
        for partition in 0..50 {
            successor.elected(self.now(), partition, 1);
            for batch in self.logs.get(&partition).into_iter().flatten() {
                successor.replay(self.now(), partition, batch.bytes());
            }
            successor.loaded(self.now(), partition, high_watermark(self, partition));
        }
        successor
    }
}

fn error_of(code: i16) -> ErrorCode {
    ErrorCode::from_code(code).expect("an error of Kafka's")
}

fn assignment(partitions: &[i32]) -> Bytes {
    let topic = AssignedTopic { topic: Str::from(TOPIC), partitions: partitions.to_vec() };
    encode_assignment(&ConsumerProtocolAssignment { assigned_partitions: vec![topic], user_data: None }, 3)
}

fn join(member_id: &str, instance: Option<&str>) -> JoinGroupRequest {
    let subscription = ConsumerProtocolSubscription { topics: vec![Str::from(TOPIC)], ..Default::default() };
    let metadata = encode_subscription(&subscription, 3);
    JoinGroupRequest {
        group_id: Str::from(GROUP),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        member_id: Str::from(member_id),
        group_instance_id: instance.map(Str::from),
        protocol_type: Str::from("consumer"),
        protocols: vec![JoinGroupRequestProtocol { name: Str::from("range"), metadata }],
        reason: None,
    }
}

fn commit(member_id: &str, generation_id: i32, partition: i32, offset: Offset) -> OffsetCommitRequest {
    let partition =
        OffsetCommitRequestPartition { partition_index: partition, committed_offset: offset, ..Default::default() };
    let topic = OffsetCommitRequestTopic { name: Str::from(TOPIC), partitions: vec![partition], ..Default::default() };
    OffsetCommitRequest {
        group_id: Str::from(GROUP),
        generation_id_or_member_epoch: generation_id,
        member_id: Str::from(member_id),
        topics: vec![topic],
        ..Default::default()
    }
}

fn fetch(partition: i32, require_stable: bool) -> OffsetFetchRequest {
    let topic =
        OffsetFetchRequestTopics { name: Str::from(TOPIC), partition_indexes: vec![partition], ..Default::default() };
    let group = OffsetFetchRequestGroup { group_id: Str::from(GROUP), topics: Some(vec![topic]), ..Default::default() };
    OffsetFetchRequest { groups: vec![group], require_stable, ..Default::default() }
}

#[test]
fn partitions_are_kafkas() {
    for (group_id, partition) in
        [("my-group", 12), ("group1", 40), ("test", 48), ("payments", 13), ("console-consumer-12345", 6)]
    {
        assert_eq!(partition_for(group_id, 50), partition, "{group_id}");
    }
}

#[test]
fn two_members_share_and_the_rest_takes_over_when_one_leaves() {
    let mut bench = Bench::new();
    let (leader, follower, generation_id) = bench.stable_pair();
    assert_eq!(generation_id, 1);
    assert_eq!(bench.heartbeat(&leader, 1), ErrorCode::None);
    assert_eq!(bench.heartbeat(&leader, 7), ErrorCode::IllegalGeneration);
    assert_eq!(bench.heartbeat("nobody", 1), ErrorCode::UnknownMemberId);
    assert_eq!(bench.leave(&leader, None), ErrorCode::None);
    assert_eq!(bench.state(), "PreparingRebalance");
    assert_eq!(bench.heartbeat(&follower, 1), ErrorCode::RebalanceInProgress);
    let token = bench.send_join(&follower, None);
    let answer = bench.joined(token);
    assert_eq!((answer.generation_id, answer.leader, answer.members.len()), (2, follower.clone(), 1));
    assert_eq!(bench.commit(&follower, 2, 0, 5), ErrorCode::RebalanceInProgress);
    let token = bench.send_sync(&follower, 2, &[(&follower, &[0, 1, 2, 3])]);
    assert_eq!(bench.synced(token).error_code, 0);
    let view = &bench.coordinator.views()[0];
    assert_eq!((view.state, view.members.len(), view.members[0].assignment.len()), ("Stable", 1, 4));
    assert_eq!(bench.leave(&follower, None), ErrorCode::None);
    assert_eq!(bench.state(), "Empty");
    assert_eq!(bench.leave(&follower, None), ErrorCode::UnknownMemberId);
}

#[test]
fn a_member_that_stays_silent_is_removed() {
    let mut bench = Bench::new();
    let (leader, follower, generation_id) = bench.stable_pair();
    bench.pass(Duration::from_secs(9));
    assert_eq!(bench.heartbeat(&follower, generation_id), ErrorCode::None);
    let (now, views) = (bench.now().monotonic, bench.coordinator.views());
    let left = |id: &Str| {
        let member = views[0].members.iter().find(|member| member.member_id == *id);
        member.and_then(|member| member.session_deadline).map(|deadline| deadline.since(now))
    };
    assert_eq!(left(&leader), Some(Duration::from_secs(1)));
    assert_eq!(left(&follower), Some(Duration::from_secs(10)));
    bench.pass(Duration::from_secs(2));
    assert!(bench.events.contains(&Event::MemberExpired { group: Str::from(GROUP), member: leader.clone() }));
    assert_eq!(bench.heartbeat(&leader, generation_id), ErrorCode::UnknownMemberId);
    assert_eq!(bench.heartbeat(&follower, generation_id), ErrorCode::RebalanceInProgress);
}

#[test]
fn a_static_member_comes_back_without_a_rebalance_and_fences_its_old_self() {
    let mut bench = Bench::new();
    let token = bench.send_join("", Some("one"));
    bench.pass(Duration::from_secs(6));
    let answer = bench.joined(token);
    let old = answer.member_id.clone();
    assert!(old.starts_with("one-"));
    let token = bench.send_sync(&old, 1, &[(&old, &[0])]);
    assert_eq!(bench.synced(token).error_code, 0);
    let token = bench.send_join("", Some("one"));
    let answer = bench.joined(token);
    assert_eq!((answer.error_code, answer.generation_id, answer.skip_assignment), (0, 1, true));
    assert_ne!(answer.member_id, old);
    assert_eq!(bench.state(), "Stable");
    assert_eq!(bench.leave(&old, Some("one")), ErrorCode::FencedInstanceId);
    let token = bench.send_sync(&answer.member_id, 1, &[]);
    assert_eq!(bench.synced(token).assignment, assignment(&[0]));
    let successor = bench.successor();
    assert_eq!(successor.views()[0].members[0].member_id, answer.member_id);
    assert_eq!(bench.leave("", Some("one")), ErrorCode::None);
    assert_eq!(bench.state(), "Empty");
}

#[test]
fn a_successor_that_replays_the_log_knows_the_same() {
    let mut bench = Bench::new();
    let (leader, _, generation_id) = bench.stable_pair();
    assert_eq!(bench.commit(&leader, generation_id, 0, 41), ErrorCode::None);
    assert_eq!(bench.commit(&leader, generation_id, 0, 42), ErrorCode::None);
    assert_eq!(bench.commit(&leader, generation_id, 9, 1), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(bench.successor().views(), bench.coordinator.views());
    bench.coordinator = bench.successor();
    assert_eq!(bench.heartbeat(&leader, generation_id), ErrorCode::None);
    assert_eq!((bench.committed(0), bench.committed(1)), (42, -1));
}

#[test]
fn answers_wait_for_replication() {
    let mut bench = Bench::new();
    bench.holds = true;
    let first = bench.send(9, GroupRequest::OffsetCommit(commit("", -1, 0, 5)));
    assert_eq!(bench.committed(0), -1);
    let stable = bench.send(9, GroupRequest::OffsetFetch(fetch(0, true)));
    assert!(!bench.answers.contains_key(&first) && !bench.answers.contains_key(&stable));
    bench.replicate();
    assert!(bench.answers.contains_key(&first) && bench.answers.contains_key(&stable));
    assert_eq!(bench.committed(0), 5);
    let second = bench.send(9, GroupRequest::OffsetCommit(commit("", -1, 0, 6)));
    bench.pass(Duration::from_secs(6));
    let Some(GroupResponse::OffsetCommit(answer)) = bench.answers.remove(&second) else { panic!() };
    let error = error_of(answer.topics[0].partitions[0].error_code);
    assert_eq!(error, ErrorCode::CoordinatorNotAvailable);
}

#[test]
fn an_assignment_that_cannot_be_stored_begins_a_rebalance() {
    let mut bench = Bench::new();
    let (member, token) = bench.enter();
    bench.pass(Duration::from_secs(6));
    assert_eq!(bench.joined(token).error_code, 0);
    bench.refuses = Some(ErrorCode::NotEnoughReplicas);
    let token = bench.send_sync(&member, 1, &[(&member, &[0])]);
    let error = error_of(bench.synced(token).error_code);
    assert_eq!((error, bench.state()), (ErrorCode::CoordinatorNotAvailable, "PreparingRebalance"));
}

#[test]
fn what_waits_is_told_when_the_partition_moves() {
    let mut bench = Bench::new();
    let (member, token) = bench.enter();
    bench.coordinator.resigned(bench.now(), partition_for(GROUP, 50));
    bench.drain();
    assert_eq!(error_of(bench.joined(token).error_code), ErrorCode::NotCoordinator);
    assert_eq!(bench.heartbeat(&member, 0), ErrorCode::NotCoordinator);
    bench.coordinator.elected(bench.now(), partition_for(GROUP, 50), 3);
    assert_eq!(bench.heartbeat(&member, 0), ErrorCode::None);
    assert_eq!(bench.commit(&member, 0, 0, 1), ErrorCode::CoordinatorLoadInProgress);
}

#[test]
fn administrators_list_describe_and_delete() {
    let mut bench = Bench::new();
    assert_eq!(bench.delete_group(), ErrorCode::GroupIdNotFound);
    let (leader, follower, generation_id) = bench.stable_pair();
    assert_eq!(bench.commit(&leader, generation_id, 0, 41), ErrorCode::None);
    assert_eq!(bench.delete_group(), ErrorCode::NonEmptyGroup);
    let request = OffsetDeleteRequest {
        group_id: Str::from(GROUP),
        topics: vec![OffsetDeleteRequestTopic {
            name: Str::from(TOPIC),
            partitions: vec![OffsetDeleteRequestPartition { partition_index: 0 }],
        }],
    };
    let delete_offset = |bench: &mut Bench| match bench.ask(0, GroupRequest::OffsetDelete(request.clone())) {
        GroupResponse::OffsetDelete(answer) => error_of(answer.topics[0].partitions[0].error_code),
        other => panic!("{other:?}"),
    };
    assert_eq!(delete_offset(&mut bench), ErrorCode::GroupSubscribedToTopic);
    let GroupResponse::ListGroups(list) = bench.ask(5, GroupRequest::ListGroups(ListGroupsRequest::default())) else {
        panic!()
    };
    assert_eq!((&list.groups[0].group_id, &list.groups[0].group_state), (&Str::from(GROUP), &Str::from("Stable")));
    let request = DescribeGroupsRequest { groups: vec![Str::from(GROUP), Str::from("none")], ..Default::default() };
    let GroupResponse::DescribeGroups(described) = bench.ask(6, GroupRequest::DescribeGroups(request)) else {
        panic!()
    };
    assert_eq!(described.groups[0].members.len(), 2);
    assert_eq!(error_of(described.groups[1].error_code), ErrorCode::GroupIdNotFound);
    assert_eq!((bench.leave(&leader, None), bench.leave(&follower, None)), (ErrorCode::None, ErrorCode::None));
    assert_eq!((bench.state(), bench.committed(0)), ("Empty", 41));
    assert_eq!(delete_offset(&mut bench), ErrorCode::None);
    assert_eq!(bench.committed(0), -1);
    assert_eq!((bench.delete_group(), bench.state()), (ErrorCode::None, "none"));
    assert!(bench.successor().views().is_empty());
}

#[test]
fn offsets_of_a_group_without_members_expire_after_a_week() {
    let mut bench = Bench::new();
    assert_eq!(bench.commit("", -1, 2, 9), ErrorCode::None);
    bench.pass(Duration::from_hours(6 * 24));
    assert_eq!(bench.committed(2), 9);
    bench.pass(Duration::from_hours(25));
    assert_eq!((bench.committed(2), bench.state()), (-1, "none"));
    assert!(bench.successor().views().is_empty());
}

#[test]
fn malformed_records_are_skipped_with_an_event() {
    for bytes in [&[1_u8, 2, 3][..], &[0xff; 100]] {
        let mut bench = Bench::new();
        bench.coordinator.elected(bench.now(), 13, 1);
        bench.coordinator.replay(bench.now(), 13, &Bytes::copy_from_slice(bytes));
        let mut batch = crate::record::BatchBuilder::new(0);
        batch.append(0, Some(bytes), Some(bytes), &[]);
        batch.append(0, Some(&[0, 2]), None, &[]);
        batch.append(0, None, None, &[]);
        bench.coordinator.replay(bench.now(), 13, &batch.build());
        bench.coordinator.loaded(bench.now(), 13, 0);
        bench.drain();
        assert!(bench.events.iter().any(|event| matches!(event, Event::RecordSkipped { .. })));
    }
}

/// Clients that do random things at random times: nothing panics, every request is answered once in the end, and a
/// successor knows each settled group as it is.
#[test]
fn random_members_never_lose_an_answer_or_a_stored_state() {
    for seed in 0..60 {
        let mut rng = Rng::new(seed);
        let mut bench = Bench::new();
        let mut known: Vec<(Str, i32)> = Vec::new();
        for _ in 0..300 {
            random_step(&mut rng, &mut bench, &mut known);
            for answer in bench.answers.values() {
                if let GroupResponse::JoinGroup(answer) = answer {
                    known.push((answer.member_id.clone(), answer.generation_id));
                }
            }
            if known.len() > 8 {
                known.drain(..known.len() - 8);
            }
        }
        bench.holds = false;
        bench.refuses = None;
        bench.replicate();
        bench.pass(Duration::from_mins(10));
        let unanswered: Vec<u64> = (1..=bench.tokens).filter(|token| !bench.answers.contains_key(token)).collect();
        assert!(unanswered.is_empty(), "seed {seed}: {unanswered:?} of {}", bench.tokens);
        assert!(["Empty", "none"].contains(&bench.state()), "seed {seed}: {}", bench.state());
        let offsets = |coordinator: &GroupCoordinator| -> Vec<_> {
            coordinator.views().into_iter().map(|view| (view.group_id, view.members, view.offsets)).collect()
        };
        assert_eq!(offsets(&bench.successor()), offsets(&bench.coordinator), "seed {seed}");
    }
}

fn random_step(rng: &mut Rng, bench: &mut Bench, known: &mut [(Str, i32)]) {
    let index = rng.below(known.len() as u64) as usize;
    let (member, generation_id) = known.get(index).cloned().unwrap_or_default();
    let instance = format!("i{}", rng.below(3));
    let instance: Option<String> = rng.chance(1, 4).then_some(instance);
    match rng.below(12) {
        0 => drop(bench.send(rng.below(10) as i16, GroupRequest::JoinGroup(join("", instance.as_deref())))),
        1 | 2 => drop(bench.send_join(&member, None)),
        3 | 4 => drop(bench.send_sync(&member, generation_id, &[(&member, &[0, 1])])),
        5 => drop(bench.heartbeat(&member, generation_id)),
        6 => drop(bench.leave(&member, instance.as_deref())),
        7 => {
            let partition = rng.below(4) as i32;
            let request = commit(&member, generation_id, partition, rng.below(1000) as Offset);
            bench.send(9, GroupRequest::OffsetCommit(request));
        }
        8 => drop(bench.send(9, GroupRequest::OffsetFetch(fetch(0, rng.chance(1, 2))))),
        9 => {
            bench.holds = rng.chance(1, 3);
            bench.refuses = rng.chance(1, 6).then_some(ErrorCode::NotEnoughReplicas);
            if rng.chance(1, 5) {
                bench.pass(Duration::from_secs(5));
            }
            bench.replicate();
        }
        10 if rng.chance(1, 5) => {
            let request = DeleteGroupsRequest { groups_names: vec![Str::from(GROUP), Str::from("other")] };
            bench.send(2, GroupRequest::DeleteGroups(request));
        }
        _ => bench.pass(Duration::from_millis(rng.below(5_000))),
    }
}
