//! Offsets committed inside transactions: pending until the marker, and what then becomes of them.

use super::*;
use crate::ids::ProducerId;
use crate::protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use crate::protocol::messages::{TxnOffsetCommitRequest, TxnOffsetCommitResponse};
use crate::record::control::{ControlRecordType, control_type};
use crate::replication::replica_manager::TransactionMarker;

const PRODUCER: ProducerId = 7;
const OTHER: ProducerId = 8;
/// Of the verification of every transaction.
const GUARD: VerificationGuard = VerificationGuard::new(5);

fn request(producer_id: ProducerId, topic: &str, offsets: &[(i32, Offset)]) -> TxnOffsetCommitRequest {
    let partition = |(partition_index, committed_offset): &(i32, Offset)| TxnOffsetCommitRequestPartition {
        partition_index: *partition_index,
        committed_offset: *committed_offset,
        ..Default::default()
    };
    let partitions = offsets.iter().map(partition).collect();
    let topic = TxnOffsetCommitRequestTopic { name: Str::from(topic), partitions };
    TxnOffsetCommitRequest {
        transactional_id: Str::from("copier"),
        group_id: Str::from(GROUP),
        producer_id,
        producer_epoch: 3,
        generation_id: -1,
        topics: vec![topic],
        ..Default::default()
    }
}

impl Bench {
    fn send_in_transaction(
        &mut self,
        api_version: i16,
        request: TxnOffsetCommitRequest,
        verified: Result<VerificationGuard, ErrorCode>,
    ) -> u64 {
        self.tokens += 1;
        let context = RequestContext { client_id: Str::from("app"), client_host: Str::from("/127.0.0.1"), api_version };
        let (now, token) = (self.now(), self.tokens);
        self.coordinator.commit_transactional_offsets(now, token, &context, request, verified, &Topics);
        self.drain();
        token
    }

    fn txn_answer(&mut self, token: u64) -> TxnOffsetCommitResponse {
        match self.answers.remove(&token) {
            Some(GroupResponse::TxnOffsetCommit(answer)) => answer,
            other => panic!("{other:?}"),
        }
    }

    /// The one error of the answer to a request for one partition.
    fn ask_in_transaction(&mut self, request: TxnOffsetCommitRequest) -> ErrorCode {
        let token = self.send_in_transaction(4, request, Ok(GUARD));
        error_of(self.txn_answer(token).topics[0].partitions[0].error_code)
    }

    fn commit_in_transaction(&mut self, producer_id: ProducerId, partition: i32, offset: Offset) {
        let error = self.ask_in_transaction(request(producer_id, TOPIC, &[(partition, offset)]));
        assert_eq!(error, ErrorCode::None);
    }

    fn send_end(&mut self, producer_id: ProducerId, committed: bool) -> u64 {
        self.tokens += 1;
        let marker = TransactionMarker {
            producer_id,
            producer_epoch: 3,
            coordinator_epoch: 11,
            committed,
            transaction_version: 2,
        };
        self.coordinator.complete_transaction(self.now(), self.tokens, partition_for(GROUP, 50), &marker);
        self.drain();
        self.tokens
    }

    fn ended(&mut self, token: u64) -> ErrorCode {
        match self.answers.remove(&token) {
            Some(GroupResponse::CompleteTransaction(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    fn end(&mut self, producer_id: ProducerId, committed: bool) -> ErrorCode {
        let token = self.send_end(producer_id, committed);
        self.ended(token)
    }

    /// The offset of a partition, or that it is not stable.
    fn stable(&mut self, partition: i32) -> Result<Offset, ErrorCode> {
        let GroupResponse::OffsetFetch(answer) = self.ask(9, GroupRequest::OffsetFetch(fetch(partition, true))) else {
            panic!()
        };
        let partition = &answer.groups[0].topics[0].partitions[0];
        match error_of(partition.error_code) {
            ErrorCode::None => Ok(partition.committed_offset),
            error => Err(error),
        }
    }

    fn last_batch(&self) -> &RecordBatch {
        self.logs[&partition_for(GROUP, 50)].last().expect("a batch")
    }
}

const UNSTABLE: Result<Offset, ErrorCode> = Err(ErrorCode::UnstableOffsetCommit);

#[test]
fn a_committed_transaction_moves_the_offset_when_it_ends() {
    let mut bench = Bench::new();
    assert_eq!(bench.commit("", -1, 0, 5), ErrorCode::None);
    bench.commit_in_transaction(PRODUCER, 0, 9);
    let batch = bench.last_batch();
    assert_eq!((batch.producer_id, batch.producer_epoch, batch.base_sequence), (PRODUCER, 3, 0));
    assert!(batch.is_transactional() && !batch.is_control());
    assert_eq!(bench.appended_with, (GUARD, 0));
    assert_eq!((bench.committed(0), bench.stable(0)), (5, UNSTABLE));
    assert_eq!((bench.committed(1), bench.stable(1)), (-1, Ok(-1)));
    assert_eq!(bench.end(PRODUCER, true), ErrorCode::None);
    assert_eq!(control_type(bench.last_batch()), Some(ControlRecordType::Commit));
    assert_eq!(bench.appended_with, (VerificationGuard::SENTINEL, 2));
    assert_eq!((bench.committed(0), bench.stable(0)), (9, Ok(9)));
}

#[test]
fn an_aborted_transaction_leaves_the_offset_as_it_was() {
    let mut bench = Bench::new();
    assert_eq!(bench.commit("", -1, 0, 5), ErrorCode::None);
    bench.commit_in_transaction(PRODUCER, 0, 9);
    bench.commit_in_transaction(PRODUCER, 1, 2);
    assert_eq!(bench.end(PRODUCER, false), ErrorCode::None);
    assert_eq!(control_type(bench.last_batch()), Some(ControlRecordType::Abort));
    assert_eq!((bench.stable(0), bench.stable(1)), (Ok(5), Ok(-1)));
    // Of a transaction without offsets the marker is written all the same.
    let end = bench.log_end_offset(13);
    assert_eq!((bench.end(OTHER, true), bench.log_end_offset(13)), (ErrorCode::None, end + 1));
}

#[test]
fn the_last_commit_of_a_transaction_counts() {
    let mut bench = Bench::new();
    bench.commit_in_transaction(PRODUCER, 0, 9);
    bench.commit_in_transaction(PRODUCER, 0, 8);
    assert_eq!((bench.end(PRODUCER, true), bench.stable(0)), (ErrorCode::None, Ok(8)));
}

#[test]
fn of_a_plain_and_a_transactional_commit_the_later_record_counts() {
    for (plain_first, committed, expected) in [(true, true, 9), (false, true, 5), (true, false, 5), (false, false, 5)] {
        let mut bench = Bench::new();
        if plain_first {
            assert_eq!(bench.commit("", -1, 0, 5), ErrorCode::None);
        }
        bench.commit_in_transaction(PRODUCER, 0, 9);
        if !plain_first {
            assert_eq!(bench.commit("", -1, 0, 5), ErrorCode::None);
        }
        assert_eq!((bench.committed(0), bench.stable(0)), (5, UNSTABLE));
        let mut open = Bench { coordinator: bench.successor(), ..Bench::new() };
        assert_eq!((open.committed(0), open.stable(0)), (5, UNSTABLE));
        assert_eq!(bench.end(PRODUCER, committed), ErrorCode::None);
        assert_eq!(bench.stable(0), Ok(expected), "{plain_first} {committed}");
        bench.coordinator = bench.successor();
        assert_eq!(bench.stable(0), Ok(expected), "{plain_first} {committed}, replayed");
    }
}

#[test]
fn producers_do_not_end_each_others_transactions() {
    let mut bench = Bench::new();
    bench.commit_in_transaction(PRODUCER, 0, 9);
    bench.commit_in_transaction(OTHER, 0, 20);
    bench.commit_in_transaction(OTHER, 1, 30);
    assert_eq!(bench.end(OTHER, true), ErrorCode::None);
    assert_eq!((bench.committed(0), bench.stable(0), bench.stable(1)), (20, UNSTABLE, Ok(30)));
    // The record of the other was the later one, though its transaction ended first.
    assert_eq!(bench.end(PRODUCER, true), ErrorCode::None);
    assert_eq!((bench.stable(0), bench.stable(1)), (Ok(20), Ok(30)));
}

#[test]
fn all_offsets_of_a_group_are_fetched_but_for_those_in_doubt() {
    let mut bench = Bench::new();
    assert_eq!(bench.commit("", -1, 0, 5), ErrorCode::None);
    assert_eq!(bench.commit("", -1, 1, 6), ErrorCode::None);
    bench.commit_in_transaction(PRODUCER, 1, 9);
    bench.commit_in_transaction(PRODUCER, 2, 9);
    for (require_stable, expected) in
        [(false, [(0, 5, 0), (1, 6, 0)]), (true, [(0, 5, 0), (1, -1, ErrorCode::UnstableOffsetCommit.code())])]
    {
        let group = OffsetFetchRequestGroup { group_id: Str::from(GROUP), topics: None, ..Default::default() };
        let request = OffsetFetchRequest { groups: vec![group], require_stable, ..Default::default() };
        let GroupResponse::OffsetFetch(answer) = bench.ask(9, GroupRequest::OffsetFetch(request)) else { panic!() };
        let partitions = answer.groups[0].topics[0].partitions.iter();
        let found: Vec<_> = partitions.map(|one| (one.partition_index, one.committed_offset, one.error_code)).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn a_member_commits_in_its_own_generation_whatever_the_group_does() {
    let mut bench = Bench::new();
    let (leader, follower, generation_id) = bench.stable_pair();
    let by = |member_id: &str, instance: Option<&str>, generation_id| TxnOffsetCommitRequest {
        member_id: Str::from(member_id),
        group_instance_id: instance.map(Str::from),
        generation_id,
        ..request(PRODUCER, TOPIC, &[(0, 9)])
    };
    for (member_id, instance, generation, error) in [
        (leader.as_str(), None, generation_id, ErrorCode::None),
        (leader.as_str(), None, generation_id - 1, ErrorCode::IllegalGeneration),
        (leader.as_str(), None, -1, ErrorCode::IllegalGeneration),
        ("nobody", None, generation_id, ErrorCode::UnknownMemberId),
        ("", None, generation_id, ErrorCode::UnknownMemberId),
        ("", Some("i"), -1, ErrorCode::UnknownMemberId),
        // Before version 3 a producer does not say for whom it commits.
        ("", None, -1, ErrorCode::None),
    ] {
        assert_eq!(bench.ask_in_transaction(by(member_id, instance, generation)), error, "{member_id} {generation}");
    }
    let (leaves, joins) = (bench.leave(&follower, None), bench.send_join(&leader, None));
    assert_eq!((leaves, bench.joined(joins).error_code), (ErrorCode::None, 0));
    assert_eq!(bench.commit(&leader, generation_id + 1, 0, 9), ErrorCode::RebalanceInProgress);
    assert_eq!(bench.ask_in_transaction(by(&leader, None, generation_id + 1)), ErrorCode::None);
    let elsewhere = TxnOffsetCommitRequest { group_id: Str::from("none"), ..by("m", None, 4) };
    assert_eq!(bench.ask_in_transaction(elsewhere), ErrorCode::IllegalGeneration);
    let nowhere = TxnOffsetCommitRequest { group_id: Str::default(), ..by("", None, -1) };
    assert_eq!(bench.ask_in_transaction(nowhere), ErrorCode::InvalidGroupId);
}

#[test]
fn a_static_member_is_fenced_by_its_successor() {
    let mut bench = Bench::new();
    let token = bench.send_join("", Some("one"));
    bench.pass(Duration::from_secs(6));
    let member_id = bench.joined(token).member_id;
    for (member_id, error) in [(member_id, ErrorCode::None), (Str::from("old"), ErrorCode::FencedInstanceId)] {
        let commit = TxnOffsetCommitRequest {
            member_id,
            group_instance_id: Some(Str::from("one")),
            generation_id: 1,
            ..request(PRODUCER, TOPIC, &[(0, 9)])
        };
        assert_eq!(bench.ask_in_transaction(commit), error);
    }
}

#[test]
fn unknown_partitions_are_told_first_whatever_becomes_of_the_others() {
    let mut bench = Bench::new();
    let codes = |answer: &TxnOffsetCommitResponse| -> Vec<(i32, ErrorCode)> {
        let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|one| (one.partition_index, error_of(one.error_code))).collect()
    };
    let mut commit = request(PRODUCER, TOPIC, &[(0, 9), (4, 9), (1, 9)]);
    commit.topics[0].partitions[2].committed_metadata = Some(Str::from("x".repeat(4_097)));
    let token = bench.send_in_transaction(5, commit.clone(), Ok(GUARD));
    let answer = bench.txn_answer(token);
    let too_large = (1, ErrorCode::OffsetMetadataTooLarge);
    let unknown = (4, ErrorCode::UnknownTopicOrPartition);
    assert_eq!(codes(&answer), [unknown, (0, ErrorCode::None), too_large]);
    // What the transaction's coordinator says, and what the log says.
    for (verified, refuses, error) in [
        (Err(ErrorCode::InvalidProducerEpoch), None, ErrorCode::InvalidProducerEpoch),
        (Err(ErrorCode::NetworkException), None, ErrorCode::CoordinatorLoadInProgress),
        (Err(ErrorCode::NotLeaderOrFollower), None, ErrorCode::NotCoordinator),
        (Ok(GUARD), Some(ErrorCode::NotEnoughReplicas), ErrorCode::CoordinatorNotAvailable),
        (Ok(GUARD), Some(ErrorCode::InvalidTxnState), ErrorCode::InvalidTxnState),
    ] {
        bench.refuses = refuses;
        let token = bench.send_in_transaction(5, commit.clone(), verified);
        assert_eq!(codes(&bench.txn_answer(token)), [unknown, (0, error), (1, error)]);
    }
    let token = bench.send_in_transaction(5, request(PRODUCER, "none", &[(0, 9)]), Err(ErrorCode::InvalidTxnState));
    assert_eq!(codes(&bench.txn_answer(token)), [(0, ErrorCode::UnknownTopicOrPartition)]);
}

#[test]
fn a_loading_coordinator_is_none_for_old_producers() {
    let mut bench = Bench::new();
    bench.coordinator.resigned(bench.now(), 13);
    assert_eq!(bench.ask_in_transaction(request(PRODUCER, TOPIC, &[(0, 9)])), ErrorCode::NotCoordinator);
    bench.coordinator.elected(bench.now(), 13, 3);
    for (api_version, error) in [(1, ErrorCode::CoordinatorNotAvailable), (2, ErrorCode::CoordinatorLoadInProgress)] {
        let token = bench.send_in_transaction(api_version, request(PRODUCER, TOPIC, &[(0, 9)]), Ok(GUARD));
        assert_eq!(error_of(bench.txn_answer(token).topics[0].partitions[0].error_code), error);
    }
}

#[test]
fn a_transaction_that_is_open_while_the_partition_moves_goes_on() {
    for committed in [true, false] {
        let mut bench = Bench::new();
        bench.commit_in_transaction(PRODUCER, 0, 9);
        bench.commit_in_transaction(OTHER, 1, 4);
        assert_eq!(bench.end(OTHER, true), ErrorCode::None);
        bench.coordinator = bench.successor();
        assert_eq!((bench.stable(0), bench.stable(1), bench.committed(0)), (UNSTABLE, Ok(4), -1));
        bench.commit_in_transaction(PRODUCER, 2, 7);
        assert_eq!(bench.end(PRODUCER, committed), ErrorCode::None);
        let expected = if committed { (Ok(9), Ok(7)) } else { (Ok(-1), Ok(-1)) };
        assert_eq!((bench.stable(0), bench.stable(2)), expected);
        bench.coordinator = bench.successor();
        assert_eq!((bench.stable(0), bench.stable(2)), expected);
    }
}

#[test]
fn a_marker_counts_when_it_is_replicated() {
    let mut bench = Bench::new();
    assert_eq!(bench.commit("", -1, 0, 5), ErrorCode::None);
    bench.holds = true;
    let commit = bench.send_in_transaction(5, request(PRODUCER, TOPIC, &[(0, 9)]), Ok(GUARD));
    assert!(!bench.answers.contains_key(&commit));
    // Pending already: it may be that the producer never hears of what is in the log.
    let doubtful = bench.send(9, GroupRequest::OffsetFetch(fetch(0, true)));
    let end = bench.send_end(PRODUCER, true);
    let settled = bench.send(9, GroupRequest::OffsetFetch(fetch(0, true)));
    assert!([doubtful, end, settled].iter().all(|token| !bench.answers.contains_key(token)));
    assert_eq!(bench.committed(0), 5);
    bench.replicate();
    assert_eq!(bench.ended(end), ErrorCode::None);
    for (token, error) in [(doubtful, ErrorCode::UnstableOffsetCommit), (settled, ErrorCode::None)] {
        let Some(GroupResponse::OffsetFetch(answer)) = bench.answers.remove(&token) else { panic!() };
        assert_eq!(error_of(answer.groups[0].topics[0].partitions[0].error_code), error);
    }
    assert_eq!(bench.committed(0), 9);
    // A new leader that has the marker, but not yet from everybody.
    bench.coordinator = bench.successor_from(|bench, partition| bench.log_end_offset(partition) - 1);
    assert_eq!(bench.committed(0), 5);
    bench.replicate();
    assert_eq!(bench.committed(0), 9);
}

#[test]
fn a_marker_that_cannot_be_written_leaves_the_transaction_open() {
    let mut bench = Bench::new();
    bench.commit_in_transaction(PRODUCER, 0, 9);
    for error in [ErrorCode::NotEnoughReplicas, ErrorCode::InvalidProducerEpoch, ErrorCode::NotLeaderOrFollower] {
        bench.refuses = Some(error);
        assert_eq!((bench.end(PRODUCER, true), bench.stable(0)), (error, UNSTABLE));
    }
    bench.refuses = None;
    bench.holds = true;
    let token = bench.send_end(PRODUCER, true);
    bench.pass(Duration::from_secs(6));
    assert_eq!(bench.ended(token), ErrorCode::RequestTimedOut);
    bench.replicate();
    assert_eq!(bench.committed(0), 9);
}

#[test]
fn a_commit_that_cannot_be_written_is_not_pending() {
    let mut bench = Bench::new();
    bench.refuses = Some(ErrorCode::InvalidProducerEpoch);
    assert_eq!(bench.ask_in_transaction(request(PRODUCER, TOPIC, &[(0, 9)])), ErrorCode::InvalidProducerEpoch);
    bench.refuses = None;
    assert_eq!((bench.stable(0), bench.state()), (Ok(-1), "none"));
}

#[test]
fn a_coordinator_that_resigned_sends_markers_to_the_next_leader() {
    let mut bench = Bench::new();
    bench.holds = true;
    let commit = bench.send_in_transaction(5, request(PRODUCER, TOPIC, &[(0, 9)]), Ok(GUARD));
    let end = bench.send_end(PRODUCER, true);
    bench.coordinator.resigned(bench.now(), 13);
    bench.drain();
    assert_eq!(error_of(bench.txn_answer(commit).topics[0].partitions[0].error_code), ErrorCode::NotCoordinator);
    assert_eq!(bench.ended(end), ErrorCode::NotLeaderOrFollower);
    assert_eq!(bench.end(PRODUCER, true), ErrorCode::NotLeaderOrFollower);
    bench.coordinator.elected(bench.now(), 13, 3);
    assert_eq!(bench.end(PRODUCER, true), ErrorCode::NotLeaderOrFollower);
}

#[test]
fn a_group_lives_as_long_as_a_transaction_has_offsets_of_it() {
    for committed in [true, false] {
        let mut bench = Bench::new();
        bench.commit_in_transaction(PRODUCER, 1, 4);
        assert_eq!((bench.state(), bench.commit("", -1, 0, 5)), ("Empty", ErrorCode::None));
        bench.commit_in_transaction(OTHER, 0, 6);
        bench.pass(Duration::from_hours(8 * 24));
        assert_eq!((bench.state(), bench.committed(0), bench.stable(1)), ("Empty", 5, UNSTABLE));
        assert_eq!(bench.end(OTHER, false), ErrorCode::None);
        bench.pass(Duration::from_mins(10));
        assert_eq!((bench.state(), bench.committed(0), bench.stable(1)), ("Empty", -1, UNSTABLE));
        // The time of an offset is that of its commit, not of the transaction's end.
        assert_eq!(bench.end(PRODUCER, committed), ErrorCode::None);
        assert_eq!(bench.stable(1), Ok(if committed { 4 } else { -1 }));
        bench.pass(Duration::from_mins(10));
        assert_eq!((bench.state(), bench.stable(1)), ("none", Ok(-1)));
        assert!(bench.successor().views().is_empty());
    }
}

#[test]
fn what_is_deleted_does_not_come_back_with_the_marker() {
    type Deletion = fn(&mut Bench);
    let delete_group: Deletion = |bench| assert_eq!(bench.delete_group(), ErrorCode::None);
    let delete_offset: Deletion = |bench| {
        let partitions = vec![OffsetDeleteRequestPartition { partition_index: 0 }];
        let topics = vec![OffsetDeleteRequestTopic { name: Str::from(TOPIC), partitions }];
        let request = OffsetDeleteRequest { group_id: Str::from(GROUP), topics };
        bench.ask(0, GroupRequest::OffsetDelete(request));
    };
    let delete_topic: Deletion = |bench| {
        bench.coordinator.topics_deleted(bench.now(), &[(Str::from(TOPIC), Uuid::from_u128(77))]);
        bench.drain();
    };
    for (delete, left, state) in [(delete_group, -1, "none"), (delete_offset, 8, "Empty"), (delete_topic, -1, "Empty")]
    {
        for plain in [true, false] {
            let mut bench = Bench::new();
            if plain {
                assert_eq!(bench.commit("", -1, 0, 5), ErrorCode::None);
            }
            bench.commit_in_transaction(PRODUCER, 0, 9);
            bench.commit_in_transaction(OTHER, 0, 7);
            bench.commit_in_transaction(OTHER, 1, 8);
            delete(&mut bench);
            assert_eq!((bench.stable(0), bench.state()), (Ok(-1), state));
            assert_eq!((bench.end(PRODUCER, true), bench.end(OTHER, true)), (ErrorCode::None, ErrorCode::None));
            assert_eq!((bench.stable(0), bench.stable(1)), (Ok(-1), Ok(left)));
            bench.coordinator = bench.successor();
            assert_eq!((bench.stable(0), bench.stable(1), bench.state()), (Ok(-1), Ok(left), state));
        }
    }
}

/// Producers and consumers that commit, end and delete at random while writes fail and partitions move: a successor knows
/// what the coordinator knows, open transactions included.
#[test]
fn random_transactions_survive_every_move() {
    for seed in 0..60 {
        let mut rng = Rng::new(seed);
        let mut bench = Bench::new();
        for _ in 0..200 {
            let (producer_id, partition) = (PRODUCER + rng.below(3) as ProducerId, rng.below(4) as i32);
            match rng.below(9) {
                0..=2 => {
                    let request = request(producer_id, TOPIC, &[(partition, rng.below(1_000) as Offset)]);
                    bench.send_in_transaction(5, request, Ok(GUARD));
                }
                3 | 4 => {
                    bench.send_end(producer_id, rng.chance(1, 2));
                }
                5 => {
                    let request = commit("", -1, partition, rng.below(1_000) as Offset);
                    bench.send(9, GroupRequest::OffsetCommit(request));
                }
                6 => {
                    bench.send(9, GroupRequest::OffsetFetch(fetch(partition, true)));
                }
                7 => {
                    bench.holds = rng.chance(1, 3);
                    bench.refuses = rng.chance(1, 6).then_some(ErrorCode::NotEnoughReplicas);
                    bench.replicate();
                }
                _ if rng.chance(1, 4) => {
                    let request = DeleteGroupsRequest { groups_names: vec![Str::from(GROUP)] };
                    bench.send(2, GroupRequest::DeleteGroups(request));
                }
                _ => bench.pass(Duration::from_millis(rng.below(3_000))),
            }
        }
        (bench.holds, bench.refuses) = (false, None);
        bench.replicate();
        bench.pass(Duration::from_secs(10));
        let unanswered: Vec<u64> = (1..=bench.tokens).filter(|token| !bench.answers.contains_key(token)).collect();
        assert!(unanswered.is_empty(), "seed {seed}: {unanswered:?} of {}", bench.tokens);
        let mut successor = Bench { coordinator: bench.successor(), millis: bench.millis, ..Bench::new() };
        assert_eq!(successor.coordinator.views(), bench.coordinator.views(), "seed {seed}");
        for partition in 0..4 {
            assert_eq!(successor.stable(partition), bench.stable(partition), "seed {seed} {partition}");
        }
    }
}
