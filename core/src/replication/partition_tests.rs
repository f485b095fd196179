use super::*;
use alloc::vec;

const LAG: Duration = Duration::from_secs(30);
const LOCAL: NodeId = 1;

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn standing(broker_epoch: BrokerEpoch) -> BrokerStanding {
    BrokerStanding { broker_epoch, fenced: false, in_controlled_shutdown: false }
}

fn brokers() -> BrokerStandings {
    [(1, standing(10)), (2, standing(20)), (3, standing(30))].into()
}

fn assignment(leader: NodeId, leader_epoch: LeaderEpoch, partition_epoch: i32, isr: &[NodeId]) -> Assignment {
    Assignment { leader, leader_epoch, partition_epoch, replicas: vec![1, 2, 3], isr: isr.to_vec() }
}

fn context(brokers: &BrokerStandings, millis: u64, min_in_sync_replicas: usize) -> IsrContext<'_> {
    IsrContext { now: at(millis), lag_time_max: LAG, min_in_sync_replicas, brokers }
}

fn partition() -> Partition {
    Partition::new(TopicPartition::new("t", 0), Uuid::from_u128(77), LOCAL)
}

/// A leader since time 0 whose log ended at 5 then.
fn leader(isr: &[NodeId]) -> Partition {
    let mut partition = partition();
    let became = partition.make_leader(at(0), assignment(LOCAL, 3, 7, isr), 5);
    assert_eq!(became, Some(BecameLeader { new_leader: true, new_epoch: true }));
    partition
}

fn fetched(partition: &mut Partition, millis: u64, follower: NodeId, offset: Offset, leader_end: Offset) {
    let fetch = FollowerFetch { fetch_offset: offset, log_start_offset: 0, broker_epoch: i64::from(follower) * 10 };
    partition.follower_fetched(at(millis), follower, &fetch, leader_end).unwrap();
}

#[test]
fn the_high_watermark_is_the_least_that_counts() {
    // name, ISR, min ISR, log end offset, counted, follower 2 and 3 (at 100 ms, caught up or not), expected
    type Case =
        (&'static str, &'static [NodeId], usize, Offset, Offset, Option<Offset>, Option<Offset>, Option<Offset>);
    let cases: [Case; 8] = [
        ("all in sync", &[1, 2, 3], 2, 10, 10, Some(8), Some(9), Some(8)),
        ("a member not heard of yet", &[1, 2, 3], 2, 10, 10, Some(8), None, None),
        ("one outside lags", &[1, 2], 2, 10, 10, Some(8), Some(1), Some(8)),
        ("one outside is about to join", &[1, 2], 2, 10, 10, Some(10), Some(7), Some(7)),
        ("the leader's log is not stored yet", &[1, 2], 2, 10, 6, Some(10), None, Some(6)),
        ("ISR below the minimum", &[1], 2, 10, 10, Some(10), Some(10), None),
        ("alone and enough", &[1], 1, 10, 10, None, None, Some(10)),
        ("minimum above the replicas", &[1, 2, 3], 5, 10, 10, Some(10), Some(10), Some(10)),
    ];
    let brokers = brokers();
    for (name, isr, min_isr, end, counted, second, third, expected) in cases {
        let mut partition = leader(isr);
        if let Some(offset) = second {
            fetched(&mut partition, 100, 2, offset, end);
        }
        if let Some(offset) = third {
            // "About to join" was caught up when it fetched all of a shorter log just before.
            if name.contains("about to join") {
                fetched(&mut partition, 90, 3, 7, 7);
            }
            fetched(&mut partition, 100, 3, offset, end);
        }
        let found = partition.high_watermark_candidate(&context(&brokers, 100, min_isr), end, counted);
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn a_fenced_follower_that_is_caught_up_does_not_hold_the_high_watermark() {
    let mut brokers = brokers();
    let mut partition = leader(&[1, 2]);
    fetched(&mut partition, 100, 2, 10, 10);
    fetched(&mut partition, 100, 3, 7, 7);
    assert_eq!(partition.high_watermark_candidate(&context(&brokers, 100, 1), 10, 10), Some(7));
    brokers.get_mut(&3).unwrap().fenced = true;
    assert_eq!(partition.high_watermark_candidate(&context(&brokers, 100, 1), 10, 10), Some(10));
}

#[test]
fn who_may_join_the_isr() {
    // name, fetch offset, high watermark, broker epoch in the fetch, fenced, shutting down, may join
    let cases = [
        ("caught up", 6, 6, 20, false, false, true),
        ("below the high watermark", 5, 6, 20, false, false, false),
        ("below the epoch's start", 4, 4, 20, false, false, false),
        ("without a broker epoch", 6, 6, -1, false, false, true),
        ("of an earlier life", 6, 6, 19, false, false, false),
        ("fenced", 6, 6, 20, true, false, false),
        ("shutting down", 6, 6, 20, false, true, false),
    ];
    for (name, offset, high_watermark, broker_epoch, fenced, in_controlled_shutdown, expected) in cases {
        let mut brokers = brokers();
        brokers.insert(2, BrokerStanding { broker_epoch: 20, fenced, in_controlled_shutdown });
        let mut partition = leader(&[1, 3]);
        let fetch = FollowerFetch { fetch_offset: offset, log_start_offset: 0, broker_epoch };
        partition.follower_fetched(at(50), 2, &fetch, 6).unwrap();
        assert_eq!(partition.should_expand(&context(&brokers, 50, 1), 2, high_watermark), expected, "{name}");
    }
}

#[test]
fn who_falls_out_of_the_isr() {
    let brokers = brokers();
    let mut partition = leader(&[1, 2, 3]);
    fetched(&mut partition, 1000, 2, 8, 8);
    fetched(&mut partition, 1000, 3, 7, 8);
    // Follower 3 had time since the leader was elected at 0; 2 since it had everything at 1000.
    for (millis, end, expected) in [
        (30_000, 8, vec![]),
        (30_001, 8, vec![3]),
        (1_000_000, 8, vec![3]),
        (31_000, 9, vec![3]),
        (31_001, 9, vec![2, 3]),
    ] {
        assert_eq!(partition.out_of_sync_replicas(&context(&brokers, millis, 1), end), expected, "{millis} {end}");
    }
    partition.propose_shrink(vec![3], ProposalId(1));
    assert_eq!(partition.out_of_sync_replicas(&context(&brokers, 1_000_000, 1), 9), Vec::<NodeId>::new());
}

#[test]
fn a_pending_expand_holds_the_high_watermark() {
    let brokers = brokers();
    let mut partition = leader(&[1, 2]);
    fetched(&mut partition, 100, 2, 10, 10);
    fetched(&mut partition, 100, 3, 8, 8);
    let item = partition.propose_expand(3, ProposalId(4)).unwrap();
    assert_eq!(item.new_isr, vec![(1, -1), (2, 20), (3, 30)]);
    assert_eq!((item.leader_epoch, item.partition_epoch), (3, 7));
    // Long after it was caught up it still counts, as it may be in the ISR by now.
    let late = 100 + 60_000;
    assert_eq!(partition.high_watermark_candidate(&context(&brokers, late, 1), 10, 10), Some(8));
    assert!(!partition.should_expand(&context(&brokers, late, 1), 3, 8));
}

#[test]
fn what_the_controller_answers_decides() {
    let altered = |leader_epoch, partition_epoch| {
        Ok(AlteredPartition { leader: LOCAL, leader_epoch, isr: vec![1, 2, 3], partition_epoch })
    };
    let committed = AlterOutcome::Committed { isr: vec![1, 2, 3] };
    let cases = [
        (1, altered(3, 8), committed, vec![1, 2, 3], None),
        (1, altered(3, 6), AlterOutcome::Ignored, vec![1, 2], Some(ProposalId(1))),
        (1, altered(4, 8), AlterOutcome::Ignored, vec![1, 2], Some(ProposalId(1))),
        (9, altered(3, 8), AlterOutcome::Ignored, vec![1, 2], Some(ProposalId(1))),
        (1, Err(ErrorCode::IneligibleReplica), AlterOutcome::RolledBack, vec![1, 2], None),
        (1, Err(ErrorCode::OperationNotAttempted), AlterOutcome::RolledBack, vec![1, 2], None),
        (1, Err(ErrorCode::InvalidUpdateVersion), AlterOutcome::AwaitMetadata, vec![1, 2], Some(ProposalId(1))),
        (1, Err(ErrorCode::NewLeaderElected), AlterOutcome::AwaitMetadata, vec![1, 2], Some(ProposalId(1))),
        (1, Err(ErrorCode::NotController), AlterOutcome::Retry, vec![1, 2], Some(ProposalId(1))),
    ];
    for (proposal, answer, outcome, isr, pending) in cases {
        let mut partition = leader(&[1, 2]);
        partition.propose_expand(3, ProposalId(1));
        assert_eq!(partition.proposal_answered(ProposalId(proposal), answer.clone()), outcome, "{answer:?}");
        assert_eq!(partition.in_sync_replicas(), isr, "{answer:?}");
        assert_eq!(partition.leadership().unwrap().state.pending(), pending, "{answer:?}");
    }
}

#[test]
fn newer_metadata_ends_a_proposal_and_older_changes_nothing() {
    let mut partition = leader(&[1, 2]);
    partition.propose_expand(3, ProposalId(1));
    assert_eq!(partition.make_leader(at(1), assignment(LOCAL, 3, 6, &[1]), 9), None);
    partition.make_leader(at(1), assignment(LOCAL, 3, 7, &[1, 2]), 9).unwrap();
    assert_eq!(partition.leadership().unwrap().state.pending(), Some(ProposalId(1)));
    let became = partition.make_leader(at(1), assignment(LOCAL, 3, 8, &[1, 2, 3]), 9).unwrap();
    assert_eq!(became, BecameLeader { new_leader: false, new_epoch: false });
    let leadership = partition.leadership().unwrap();
    assert_eq!((leadership.state.pending(), leadership.epoch_start_offset), (None, 5));
    let became = partition.make_leader(at(1), assignment(LOCAL, 4, 9, &[1, 2, 3]), 9).unwrap();
    assert_eq!(became, BecameLeader { new_leader: false, new_epoch: true });
    assert_eq!(partition.leadership().unwrap().epoch_start_offset, 9);
}

#[test]
fn following_starts_anew_for_a_new_leader_or_epoch_only() {
    let mut partition = leader(&[1, 2]);
    let steps = [
        (assignment(2, 4, 8, &[1, 2]), Some(BecameFollower { was_leader: true, new_epoch: true })),
        (assignment(2, 4, 9, &[2]), Some(BecameFollower { was_leader: false, new_epoch: false })),
        (assignment(3, 5, 10, &[2]), Some(BecameFollower { was_leader: false, new_epoch: true })),
        (assignment(2, 4, 8, &[1, 2]), None),
    ];
    for (assignment, expected) in steps {
        assert_eq!(partition.make_follower(assignment.clone()), expected, "{assignment:?}");
    }
}

#[test]
fn leader_epochs_of_requests_are_checked() {
    let partition = leader(&[1]);
    for (requested, expected) in
        [(-1, Ok(())), (3, Ok(())), (2, Err(ErrorCode::FencedLeaderEpoch)), (4, Err(ErrorCode::UnknownLeaderEpoch))]
    {
        assert_eq!(partition.check_leader_epoch(requested), expected);
    }
}

#[test]
fn fetches_of_strangers_and_of_an_earlier_life_are_refused() {
    let mut partition = leader(&[1, 2]);
    let fetch = |broker_epoch| FollowerFetch { fetch_offset: 5, log_start_offset: 0, broker_epoch };
    assert_eq!(partition.follower_fetched(at(1), 4, &fetch(-1), 5), Err(ErrorCode::NotLeaderOrFollower));
    assert_eq!(partition.follower_fetched(at(1), 2, &fetch(20), 5), Ok(true));
    assert_eq!(partition.follower_fetched(at(1), 2, &fetch(20), 5), Ok(false));
    assert_eq!(partition.follower_fetched(at(1), 2, &fetch(19), 5), Err(ErrorCode::NotLeaderOrFollower));
    partition.make_follower(assignment(2, 4, 8, &[2]));
    assert_eq!(partition.follower_fetched(at(1), 2, &fetch(20), 5), Err(ErrorCode::NotLeaderOrFollower));
}

#[test]
fn too_few_in_sync_replicas_are_worded_as_kafka_does() {
    let partition = leader(&[1]);
    assert_eq!(partition.not_enough_replicas(1), None);
    assert_eq!(
        partition.not_enough_replicas(2).unwrap().clone(),
        "The size of the current ISR : 1 is insufficient to satisfy the min.isr requirement of 2 for partition t-0, \
         live replica(s) broker.id are : [1]"
    );
}

#[test]
fn the_low_watermark_waits_for_live_replicas_only() {
    let mut brokers = brokers();
    let mut partition = leader(&[1, 2, 3]);
    for (follower, log_start_offset) in [(2, 4), (3, 2)] {
        let fetch = FollowerFetch { fetch_offset: 5, log_start_offset, broker_epoch: -1 };
        partition.follower_fetched(at(1), follower, &fetch, 5).unwrap();
    }
    assert_eq!(partition.low_watermark(5, &brokers), 2);
    brokers.get_mut(&3).unwrap().fenced = true;
    assert_eq!(partition.low_watermark(5, &brokers), 4);
    brokers.remove(&2);
    assert_eq!(partition.low_watermark(5, &brokers), 5);
}
