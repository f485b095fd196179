//! What the high watermark, time and deleted topics do to groups.

use super::*;

#[test]
fn a_high_watermark_that_comes_after_the_answer_still_counts() {
    let mut bench = Bench::new();
    bench.holds = true;
    let token = bench.send(9, GroupRequest::OffsetCommit(commit("", -1, 0, 5)));
    bench.pass(Duration::from_secs(6));
    let Some(GroupResponse::OffsetCommit(answer)) = bench.answers.remove(&token) else { panic!() };
    assert_eq!(error_of(answer.topics[0].partitions[0].error_code), ErrorCode::CoordinatorNotAvailable);
    assert_eq!(bench.committed(0), -1);
    // Nobody waits for it any more, but it is in the log.
    bench.replicate();
    assert_eq!(bench.committed(0), 5);
    let stable = bench.send(9, GroupRequest::OffsetFetch(fetch(0, true)));
    assert!(bench.answers.contains_key(&stable));
}

#[test]
fn one_advance_answers_everything_below_it() {
    let mut bench = Bench::new();
    bench.holds = true;
    let tokens: Vec<u64> =
        (0..3).map(|offset| bench.send(9, GroupRequest::OffsetCommit(commit("", -1, 0, offset)))).collect();
    let partition = partition_for(GROUP, 50);
    bench.coordinator.high_watermark_advanced(bench.now(), partition, 2);
    bench.drain();
    let answered: Vec<bool> = tokens.iter().map(|token| bench.answers.contains_key(token)).collect();
    assert_eq!((answered, bench.committed(0)), (vec![true, true, false], 1));
    // It never goes back.
    bench.coordinator.high_watermark_advanced(bench.now(), partition, 1);
    assert_eq!(bench.committed(0), 1);
}

#[test]
fn a_fetch_that_cannot_wait_longer_sends_the_consumer_to_look_for_its_coordinator() {
    let mut bench = Bench::new();
    bench.holds = true;
    bench.send(9, GroupRequest::OffsetCommit(commit("", -1, 0, 5)));
    let stable = bench.send(9, GroupRequest::OffsetFetch(fetch(0, true)));
    bench.pass(Duration::from_secs(6));
    let Some(GroupResponse::OffsetFetch(answer)) = bench.answers.remove(&stable) else { panic!() };
    assert_eq!(error_of(answer.groups[0].error_code), ErrorCode::NotCoordinator);
}

#[test]
fn what_a_new_leader_loads_beyond_the_high_watermark_is_not_read_yet() {
    let mut bench = Bench::new();
    assert_eq!(bench.commit("", -1, 0, 41), ErrorCode::None);
    assert_eq!(bench.commit("", -1, 0, 42), ErrorCode::None);
    bench.coordinator = bench.successor_from(|_, _| 1);
    assert_eq!(bench.committed(0), 41);
    let stable = bench.send(9, GroupRequest::OffsetFetch(fetch(0, true)));
    assert!(!bench.answers.contains_key(&stable));
    bench.replicate();
    assert!(bench.answers.contains_key(&stable));
    assert_eq!(bench.committed(0), 42);
}

#[test]
fn a_coordinator_that_serves_is_not_loaded_again() {
    let mut bench = Bench::new();
    let (leader, _, generation_id) = bench.stable_pair();
    let partition = partition_for(GROUP, 50);
    let old = bench.logs[&partition][0].clone();
    bench.coordinator.replay(bench.now(), partition, old.bytes());
    assert_eq!(bench.heartbeat(&leader, generation_id), ErrorCode::None);
}

#[test]
fn a_new_member_that_asks_again_keeps_its_time_at_the_barrier() {
    let mut bench = Bench::new();
    let (leader, follower, generation_id) = bench.stable_pair();
    let (new_member, first) = bench.enter();
    let second = bench.send_join(&new_member, None);
    assert_eq!(error_of(bench.joined(first).error_code), ErrorCode::RebalanceInProgress);
    // Longer than its session time-out, which only counts once it knows its id to send heartbeats with.
    for _ in 0..3 {
        bench.pass(Duration::from_secs(6));
        for member in [&leader, &follower] {
            assert_eq!(bench.heartbeat(member, generation_id), ErrorCode::RebalanceInProgress);
        }
    }
    assert!(!bench.answers.contains_key(&second));
    let others = [bench.send_join(&leader, None), bench.send_join(&follower, None)];
    let answer = bench.joined(second);
    assert_eq!((answer.error_code, answer.generation_id), (0, generation_id + 1));
    assert!(others.iter().all(|token| bench.answers.contains_key(token)));
}

#[test]
fn a_new_member_that_never_comes_through_the_barrier_is_gone_after_five_minutes() {
    let mut bench = Bench::with(GroupConfig { initial_rebalance_delay: Duration::from_mins(20), ..Default::default() });
    let token = bench.send(3, GroupRequest::JoinGroup(join("", None)));
    bench.pass(Duration::from_secs(299));
    assert!(!bench.answers.contains_key(&token));
    bench.pass(Duration::from_secs(2));
    assert_eq!(error_of(bench.joined(token).error_code), ErrorCode::UnknownMemberId);
}

#[test]
fn a_full_group_turns_new_members_away_and_does_not_wait_for_them() {
    let mut bench = Bench::with(GroupConfig { max_size: 2, ..Default::default() });
    let GroupResponse::JoinGroup(pending) = bench.ask(9, GroupRequest::JoinGroup(join("", None))) else { panic!() };
    let (leader, follower, generation_id) = bench.stable_pair();
    let token = bench.send_join(&pending.member_id, None);
    let answer = bench.joined(token);
    assert_eq!((error_of(answer.error_code), answer.member_id.as_str()), (ErrorCode::GroupMaxSizeReached, ""));
    assert_eq!(bench.heartbeat(&leader, generation_id), ErrorCode::None);
    assert_eq!(bench.leave(&leader, None), ErrorCode::None);
    let token = bench.send_join(&follower, None);
    assert_eq!(bench.joined(token).generation_id, generation_id + 1);
}

#[test]
fn offsets_of_a_deleted_topic_are_gone() {
    let mut bench = Bench::new();
    assert_eq!(bench.commit("", -1, 0, 41), ErrorCode::None);
    assert_eq!(bench.commit("", -1, 3, 42), ErrorCode::None);
    let delete = |bench: &mut Bench, topic: &str, id: u128| {
        bench.coordinator.topics_deleted(bench.now(), &[(Str::from(topic), Uuid::from_u128(id))]);
        bench.drain();
    };
    // An earlier topic of that name, and another one.
    delete(&mut bench, TOPIC, 76);
    delete(&mut bench, "payments", 77);
    assert_eq!((bench.committed(0), bench.committed(3)), (41, 42));
    delete(&mut bench, TOPIC, 77);
    assert_eq!((bench.committed(0), bench.committed(3)), (-1, -1));
    bench.coordinator = bench.successor();
    assert_eq!(bench.committed(0), -1);
}

#[test]
fn an_offset_of_an_earlier_topic_of_the_name_is_not_read_by_id() {
    let mut bench = Bench::new();
    assert_eq!(bench.commit("", -1, 0, 41), ErrorCode::None);
    // Committed with the id 77, then the log of a coordinator that knew the topic by another id.
    for (topic_id, offset) in [(77, 41), (78, -1)] {
        let topic = OffsetFetchRequestTopics {
            topic_id: Uuid::from_u128(topic_id),
            partition_indexes: vec![0],
            ..Default::default()
        };
        let group =
            OffsetFetchRequestGroup { group_id: Str::from(GROUP), topics: Some(vec![topic]), ..Default::default() };
        let request = OffsetFetchRequest { groups: vec![group], ..Default::default() };
        let context =
            RequestContext { client_id: Str::from("app"), client_host: Str::from("/127.0.0.1"), api_version: 10 };
        bench.tokens += 1;
        let topics = Renamed(topic_id);
        bench.coordinator.handle(bench.now(), bench.tokens, context, GroupRequest::OffsetFetch(request), &topics);
        bench.drain();
        let Some(GroupResponse::OffsetFetch(answer)) = bench.answers.get(&bench.tokens) else { panic!() };
        assert_eq!(answer.groups[0].topics[0].partitions[0].committed_offset, offset, "{topic_id}");
    }
}

/// The topic under another id.
struct Renamed(u128);

impl TopicLookup for Renamed {
    fn partition_count(&self, topic: &str) -> Option<PartitionIndex> {
        (topic == TOPIC).then_some(4)
    }
    fn topic_id(&self, topic: &str) -> Option<Uuid> {
        (topic == TOPIC).then_some(Uuid::from_u128(self.0))
    }
    fn topic_name(&self, topic_id: Uuid) -> Option<Str> {
        (topic_id == Uuid::from_u128(self.0)).then(|| Str::from(TOPIC))
    }
}
