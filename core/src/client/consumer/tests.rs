//! Consumers against scripted brokers, over the real codec.

mod world;

use super::fetched::read_records;
use super::*;
use crate::client::assignor::Assignor;
use crate::protocol::ApiKey;
use crate::protocol::messages::fetch_response::AbortedTransaction;
use crate::record::RecordBatch;
use crate::record::compression::{gzip, lz4, snappy, zstd};
use crate::record::control::end_transaction_marker;
use alloc::vec;
use bytes::Bytes;
use world::{World, batch, config};

const ORDERS: &[(&str, &[(i32, i32)])] = &[("orders", &[(1, 3), (2, 3)])];

fn orders(partition: i32) -> TopicPartition {
    TopicPartition::new("orders", partition)
}

fn alone() -> World {
    let mut world = World::new(vec![config()], ORDERS);
    world.append(("orders", 0), &["a", "b"]);
    world.append(("orders", 1), &["c"]);
    world
}

#[test]
fn joins_reads_from_the_start_commits_and_leaves() {
    let mut world = alone();
    world.subscribe(0, &["orders"]);
    world.run(1000);
    assert_eq!(world.values(0), ["a", "b", "c"]);
    assert_eq!(world.told(0), ["generation 1 leader", "assigned orders-0 orders-1"]);
    let view = world.consumers[0].view();
    assert_eq!((view.state, view.generation_id, view.coordinator), (MemberState::Stable, 1, Some(2)));
    assert_eq!(view.partitions[0].position, Some(2));
    assert_eq!(view.partitions[0].lag, Some(0));

    world.run(5000);
    assert_eq!(world.told(0), ["committed orders-0@2 orders-1@1"]);
    assert!(world.seen.contains(&"heartbeat"));
    world.append(("orders", 0), &["d"]);
    world.run(10);
    assert_eq!(world.values(0), ["d"]);
    let now = world.now();
    world.consumers[0].close(now);
    world.run(10);
    assert_eq!(world.told(0), ["committed orders-0@3 orders-1@1", "closed"]);
    assert_eq!(world.committed[&orders(0)], 3);
    assert!(world.members.is_empty());
    assert!(world.cluster.connections.is_empty());
    world.run(600_000);
    assert!(world.cluster.connections.is_empty(), "a closed consumer does not connect again");
    assert_eq!(world.consumers[0].next_deadline(), None);
}

#[test]
fn begins_where_the_group_committed_also_with_old_brokers() {
    for offset_fetch in [1, 7, 9] {
        let mut world = alone();
        world.cluster.max_versions.insert(ApiKey::OffsetFetch.code(), offset_fetch);
        world.cluster.max_versions.insert(ApiKey::Fetch.code(), 12);
        world.committed.insert(orders(0), 1);
        world.subscribe(0, &["orders"]);
        world.run(1000);
        assert_eq!(world.values(0), ["b", "c"], "OffsetFetch {offset_fetch}");
    }
}

#[test]
fn without_a_committed_offset_the_policy_decides() {
    for (policy, values, told) in [
        (AutoOffsetReset::Earliest, vec!["a", "b", "c", "new"], 0),
        (AutoOffsetReset::Latest, vec!["new"], 0),
        (AutoOffsetReset::None, vec![], 2),
    ] {
        let mut world = World::new(vec![ConsumerConfig { auto_offset_reset: policy, ..config() }], ORDERS);
        world.append(("orders", 0), &["a", "b"]);
        world.append(("orders", 1), &["c"]);
        world.subscribe(0, &["orders"]);
        world.run(1000);
        world.append(("orders", 0), &["new"]);
        world.run(100);
        assert_eq!(world.values(0), values, "{policy:?}");
        let errors = world.told(0).iter().filter(|event| event.starts_with("error")).count();
        assert_eq!(errors, told, "{policy:?}");
    }
}

#[test]
fn errors_of_group_requests_are_overcome() {
    use ErrorCode as E;
    for (key, code) in [
        (ApiKey::FindCoordinator, E::CoordinatorNotAvailable),
        (ApiKey::JoinGroup, E::CoordinatorLoadInProgress),
        (ApiKey::JoinGroup, E::NotCoordinator),
        (ApiKey::JoinGroup, E::UnknownMemberId),
        (ApiKey::SyncGroup, E::RebalanceInProgress),
        (ApiKey::SyncGroup, E::UnknownMemberId),
        (ApiKey::SyncGroup, E::IllegalGeneration),
        (ApiKey::SyncGroup, E::NotCoordinator),
        (ApiKey::OffsetFetch, E::CoordinatorLoadInProgress),
        (ApiKey::OffsetFetch, E::NotCoordinator),
        (ApiKey::OffsetFetch, E::UnstableOffsetCommit),
        (ApiKey::ListOffsets, E::NotLeaderOrFollower),
        (ApiKey::ListOffsets, E::LeaderNotAvailable),
        (ApiKey::Fetch, E::NotLeaderOrFollower),
        (ApiKey::Fetch, E::FencedLeaderEpoch),
        (ApiKey::Fetch, E::UnknownLeaderEpoch),
        (ApiKey::Fetch, E::UnknownTopicId),
        (ApiKey::Fetch, E::OffsetOutOfRange),
    ] {
        let mut world = alone();
        world.fail_next(key.code(), code);
        world.subscribe(0, &["orders"]);
        world.run(2000);
        let mut values = world.values(0);
        values.sort();
        assert_eq!(values, ["a", "b", "c"], "{key:?} {code:?}");
        assert_eq!(world.consumers[0].view().state, MemberState::Stable, "{key:?} {code:?}");
        assert!(!world.told(0).iter().any(|event| event.starts_with("error")), "{key:?} {code:?}");
    }
}

#[test]
fn a_member_thrown_out_loses_its_partitions_and_comes_back() {
    for (key, code) in [
        (ApiKey::Heartbeat, ErrorCode::UnknownMemberId),
        (ApiKey::Heartbeat, ErrorCode::IllegalGeneration),
        (ApiKey::OffsetCommit, ErrorCode::UnknownMemberId),
        (ApiKey::OffsetCommit, ErrorCode::IllegalGeneration),
    ] {
        let mut world = alone();
        let place = |world: &World| {
            let group = world.consumers[0].group_metadata().expect("it has a group");
            (group.generation_id, group.member_id.is_empty())
        };
        assert_eq!(place(&world), (-1, true));
        world.subscribe(0, &["orders"]);
        world.run(1000);
        assert_eq!(place(&world), (1, false));
        world.told(0);
        world.fail_next(key.code(), code);
        world.run(5500);
        assert_eq!(place(&world), (2, false));
        let told = world.told(0);
        let lost = told.iter().position(|event| event == "lost").expect("lost");
        assert_eq!(told[lost + 1..lost + 3], ["generation 2 leader", "assigned orders-0 orders-1"], "{key:?} {code:?}");
    }
}

#[test]
fn what_cannot_be_overcome_is_told_once() {
    for (key, code) in [
        (ApiKey::JoinGroup, ErrorCode::InconsistentGroupProtocol),
        (ApiKey::JoinGroup, ErrorCode::GroupMaxSizeReached),
        (ApiKey::SyncGroup, ErrorCode::FencedInstanceId),
        (ApiKey::FindCoordinator, ErrorCode::GroupAuthorizationFailed),
    ] {
        let mut world = alone();
        world.fail_next(key.code(), code);
        world.subscribe(0, &["orders"]);
        world.run(5000);
        assert_eq!(world.told(0), [alloc::format!("error {}", code.name())]);
        assert_eq!(world.consumers[0].view().state, MemberState::Failed);
    }
}

fn two(assignors: &[Assignor], millis: u64) -> World {
    let member = || ConsumerConfig { assignors: assignors.to_vec(), ..config() };
    let mut world = World::new(vec![member(), member()], ORDERS);
    world.append(("orders", 0), &["a", "b"]);
    world.append(("orders", 1), &["c"]);
    world.subscribe(0, &["orders"]);
    world.run(1000);
    assert_eq!(world.told(0), ["generation 1 leader", "assigned orders-0 orders-1"]);
    world.subscribe(1, &["orders"]);
    world.run(millis);
    world
}

#[test]
fn an_eager_group_gives_everything_up_and_shares_again() {
    let mut world = two(&[Assignor::Range, Assignor::CooperativeSticky], 3500);
    assert!(world.values(1).is_empty(), "what was committed is not read again");
    assert_eq!(
        world.told(0),
        ["committed orders-0@2 orders-1@1", "revoked orders-0 orders-1", "generation 2 leader", "assigned orders-0"]
    );
    assert_eq!(world.told(1), ["generation 2", "assigned orders-1"]);
}

#[test]
fn a_cooperative_group_keeps_what_stays_and_moves_the_rest_in_a_second_round() {
    let mut world = two(&[Assignor::CooperativeSticky], 8000);
    assert!(world.values(1).is_empty(), "what was committed is not read again");
    let mut first = world.told(0);
    first.retain(|event| !event.starts_with("committed"));
    assert_eq!(first[0], "generation 2 leader");
    assert!(first[1].starts_with("revoked orders-"), "{first:?}");
    assert_eq!(first[2..], ["assigned ", "generation 3 leader", "assigned "]);
    let mut second = world.told(1);
    second.retain(|event| !event.starts_with("committed"));
    assert_eq!(second[..3], ["generation 2", "assigned ", "generation 3"]);
    assert_eq!(second[3].strip_prefix("assigned "), first[1].strip_prefix("revoked "));

    let now = world.now();
    world.consumers[1].close(now);
    world.run(4000);
    assert_eq!(world.consumers[0].view().partitions.len(), 2);
}

#[test]
fn assigned_by_hand_it_needs_no_group_and_obeys_seeks() {
    let lone = ConsumerConfig { group_id: None, ..config() };
    let mut world = World::new(vec![lone], ORDERS);
    world.append(("orders", 0), &["a", "b", "c"]);
    world.append(("orders", 0), &["d"]);
    world.consumers[0].assign(vec![orders(0)]);
    assert_eq!(world.consumers[0].group_metadata(), None);
    world.run(1000);
    assert_eq!(world.values(0), ["a", "b", "c", "d"]);
    world.events[0].clear();
    world.consumers[0].seek(&orders(0), 2);
    // The fetch for the old position waits at the broker; new data ends it.
    world.append(("orders", 0), &["e"]);
    world.run(100);
    assert_eq!(world.values(0), ["c", "d", "e"], "the batch begins before the position");
    assert!(world.seen.iter().all(|name| *name == "list offsets"));
    let now = world.now();
    world.consumers[0].commit(now);
    world.run(1);
    assert_eq!(world.told(0), ["error INVALID_GROUP_ID"]);
}

#[test]
fn follows_a_partition_to_its_new_leader_and_the_group_to_its_new_coordinator() {
    let mut world = alone();
    world.subscribe(0, &["orders"]);
    world.run(1000);
    world.events[0].clear();
    world.coordinator = 1;
    world.cluster.topics.insert(Str::from("orders"), vec![(1, 3), (1, 4)]);
    for closed in world.cluster.break_connections(9093) {
        world.deliver(closed);
    }
    world.cluster.refused_ports.push(9093);
    world.append(("orders", 1), &["moved"]);
    world.run(10_000);
    assert_eq!(world.values(0), ["moved"]);
    let view = world.consumers[0].view();
    assert_eq!((view.coordinator, view.generation_id, view.state), (Some(1), 1, MemberState::Stable));
    assert_eq!(world.committed[&orders(1)], 2);
}

#[test]
fn the_leader_rejoins_when_partitions_are_added() {
    let mut world = World::new(vec![ConsumerConfig { metadata_max_age: Duration::from_secs(5), ..config() }], ORDERS);
    world.subscribe(0, &["orders"]);
    world.run(1000);
    world.cluster.topics.insert(Str::from("orders"), vec![(1, 3), (2, 3), (1, 0)]);
    world.run(6000);
    assert_eq!(world.consumers[0].view().partitions.len(), 3);
}

#[test]
fn records_come_in_portions_and_only_taken_ones_are_committed() {
    let slow = ConsumerConfig { max_poll_records: 2, max_poll_interval: Duration::from_secs(20), ..config() };
    let mut world = World::new(vec![slow], &[("orders", &[(1, 3)])]);
    world.append(("orders", 0), &["a", "b", "c"]);
    world.subscribe(0, &["orders"]);
    world.polls = false;
    world.run(1000);
    let mut taken = None;
    while taken.is_none() {
        taken = match world.consumers[0].poll_event() {
            Some(ConsumerEvent::Records { records, .. }) => Some(records.len()),
            _ => None,
        };
    }
    assert_eq!(taken, Some(2));
    world.run(6000);
    assert_eq!(world.committed[&orders(0)], 2);
    assert_eq!(world.consumers[0].view().partitions[0].lag, Some(1));
    world.run(20_000);
    assert_eq!(world.consumers[0].view().state, MemberState::PollExpired);
    assert!(world.seen.contains(&"leave"));
    world.polls = true;
    world.run(1000);
    assert_eq!(world.values(0), ["c"]);
}

fn marker(offset: Offset, committed: bool) -> bytes::Bytes {
    let marker = RecordBatch::parse(&end_transaction_marker(1000, 7, 0, 0, committed)).expect("a batch");
    marker.stamped(offset, 3, None).bytes().clone()
}

#[test]
fn committed_reads_leave_out_aborted_transactions_and_nobody_sees_markers() {
    for (isolation_level, values) in [
        (IsolationLevel::ReadCommitted, vec!["kept", "end"]),
        (IsolationLevel::ReadUncommitted, vec!["gone", "kept", "end"]),
    ] {
        let mut world = World::new(vec![ConsumerConfig { isolation_level, ..config() }], &[("orders", &[(1, 3)])]);
        let log = vec![
            batch(0, &["gone"]).with_producer(7, 0, 0).transactional().build(),
            batch(1, &["kept"]).with_producer(8, 0, 0).transactional().build(),
            marker(2, false),
            batch(3, &["end"]).with_producer(7, 0, 1).transactional().build(),
            marker(4, true),
        ];
        world.logs.insert(orders(0), log);
        world.aborted = vec![AbortedTransaction { producer_id: 7, first_offset: 0 }];
        world.subscribe(0, &["orders"]);
        world.run(1000);
        assert_eq!(world.values(0), values);
        assert_eq!(world.consumers[0].view().partitions[0].position, Some(5), "behind the marker");
    }
}

#[test]
fn compressed_batches_are_read_as_any_others_and_a_few_bytes_do_not_fill_the_memory() {
    let mut world = World::new(vec![config()], &[("orders", &[(1, 3)])]);
    let log = vec![
        batch(0, &["a", "b"]).compressed(&gzip::compressor(-1)).build(),
        batch(2, &["c"]).build(),
        batch(3, &["d"]).compressed(&snappy::compressor()).build(),
        batch(4, &["e"]).compressed(&lz4::compressor()).build(),
        batch(5, &["f"]).compressed(&zstd::compressor()).build(),
    ];
    world.logs.insert(orders(0), log);
    world.consumers[0].assign(vec![orders(0)]);
    world.consumers[0].seek(&orders(0), 1);
    world.run(1000);
    assert_eq!(world.values(0), ["b", "c", "d", "e", "f"]);

    // 33 MiB each: the third one waits for the next fetch.
    let zeros = "0".repeat(33 << 20);
    let bomb = RecordBatch::parse(&batch(6, &[&zeros]).compressed(&zstd::compressor()).build()).expect("a batch");
    assert!(bomb.size() < 100_000);
    let bytes =
        Bytes::from((6..9).flat_map(|offset| bomb.stamped(offset, 3, None).bytes().to_vec()).collect::<Vec<u8>>());
    let fetched = read_records(bytes, 6, 3, IsolationLevel::ReadUncommitted, &[]).expect("readable");
    assert_eq!((fetched.records.len(), fetched.next_offset), (2, 8));
}

#[test]
fn a_damaged_batch_is_an_error_and_what_is_before_it_is_read() {
    let mut world = World::new(vec![config()], &[("orders", &[(1, 3)])]);
    world.append(("orders", 0), &["a"]);
    let mut damaged = Vec::from(&batch(1, &["b"]).build()[..]);
    if let Some(last) = damaged.last_mut() {
        *last ^= 1;
    }
    world.logs.entry(orders(0)).or_default().push(damaged.into());
    world.subscribe(0, &["orders"]);
    world.run(1500);
    assert_eq!(world.values(0), ["a"]);
    let told = world.told(0);
    assert!(told.iter().filter(|event| *event == "error CORRUPT_MESSAGE").count() >= 1, "{told:?}");
    assert_eq!(world.consumers[0].view().partitions[0].position, Some(1));
}
