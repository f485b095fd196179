//! Markers: to whom they go, and what comes of each answer.

use super::*;

fn prepared(transactional_id: &str, bench: &mut Bench, partitions: &[i32]) -> Producer {
    let producer = bench.init(transactional_id);
    bench.add(transactional_id, producer, partitions);
    bench.end(5, transactional_id, producer, true)
}

#[test]
fn markers_for_one_broker_go_together_once_it_answered() {
    let mut bench = Bench::new();
    prepared("a", &mut bench, &[0, 1]);
    prepared("b", &mut bench, &[0, 2]);
    prepared("c", &mut bench, &[2]);
    assert_eq!(
        shown(&bench.markers),
        ["0: 1000/1 commit epoch 5 tv 2 orders[0]", "1: 1000/1 commit epoch 5 tv 2 orders[1]"]
    );
    let (_, request_id, request) = bench.markers.remove(0);
    bench.markers.clear();
    bench.answer_markers(request_id, Some(&answered(&request, ErrorCode::None)));
    let mut lines = shown(&bench.markers);
    lines.sort();
    assert_eq!(lines, ["0: 1001/1 commit epoch 5 tv 2 orders[0, 2]", "0: 1002/1 commit epoch 5 tv 2 orders[2]"]);
    assert_eq!(bench.markers.len(), 1, "one request");
    bench.write_markers();
    assert_eq!(
        [bench.state("a"), bench.state("b"), bench.state("c")],
        ["PrepareCommit", "CompleteCommit", "CompleteCommit"]
    );
}

#[test]
fn what_failed_goes_to_whoever_leads_then() {
    for error in [
        Some(ErrorCode::NotLeaderOrFollower),
        Some(ErrorCode::UnknownTopicOrPartition),
        Some(ErrorCode::NotEnoughReplicas),
        Some(ErrorCode::NotEnoughReplicasAfterAppend),
        Some(ErrorCode::RequestTimedOut),
        Some(ErrorCode::KafkaStorageError),
        None,
    ] {
        let mut bench = Bench::new();
        prepared(ID, &mut bench, &[0]);
        let (_, request_id, request) = bench.markers.remove(0);
        bench.cluster.leaders[0] = MarkerDestination::Leader(7);
        let response = error.map(|error| answered(&request, error));
        bench.answer_markers(request_id, response.as_ref());
        assert!(bench.markers.is_empty(), "{error:?} is tried again after a while");
        bench.pass(Duration::from_millis(100));
        assert_eq!(shown(&bench.markers), ["7: 1000/1 commit epoch 5 tv 2 orders[0]"], "{error:?}");
        bench.write_markers();
        assert_eq!(bench.state(ID), "CompleteCommit");
    }
}

#[test]
fn a_partition_without_a_leader_is_waited_for_and_one_that_is_gone_is_not() {
    let mut bench = Bench::new();
    bench.cluster.leaders = vec![MarkerDestination::Unknown, MarkerDestination::Gone, MarkerDestination::Gone];
    prepared(ID, &mut bench, &[0, 1, 2]);
    bench.pass(Duration::from_secs(1));
    assert_eq!((bench.state(ID).as_str(), bench.markers.len()), ("PrepareCommit", 0));
    bench.cluster.leaders[0] = MarkerDestination::Leader(1);
    bench.pass(Duration::from_millis(100));
    assert_eq!(shown(&bench.markers), ["1: 1000/1 commit epoch 5 tv 2 orders[0]"]);
    bench.write_markers();
    assert_eq!(bench.state(ID), "CompleteCommit");
    // With nothing left to tell, it is over at once.
    let mut bench = Bench::new();
    bench.cluster.leaders[3] = MarkerDestination::Gone;
    prepared(ID, &mut bench, &[3]);
    assert_eq!(bench.state(ID), "CompleteCommit");
}

#[test]
fn a_coordinator_that_is_fenced_sends_no_more() {
    for error in [ErrorCode::TransactionCoordinatorFenced, ErrorCode::InvalidProducerEpoch] {
        let mut bench = Bench::new();
        prepared(ID, &mut bench, &[0, 1]);
        let (_, request_id, request) = bench.markers.remove(0);
        bench.answer_markers(request_id, Some(&answered(&request, error)));
        bench.write_markers();
        bench.pass(Duration::from_secs(5));
        assert_eq!((bench.state(ID).as_str(), bench.markers.len()), ("PrepareCommit", 0));
    }
}

#[test]
fn markers_end_with_the_leadership() {
    let mut bench = Bench::new();
    prepared(ID, &mut bench, &[0]);
    let partition = partition_for(ID, 50);
    bench.coordinator.resigned(bench.now(), partition);
    bench.coordinator.elected(bench.now(), partition, 6);
    for batch in bench.logs[&partition].clone() {
        bench.coordinator.replay(bench.now(), partition, batch.bytes());
    }
    bench.coordinator.loaded(bench.now(), partition, bench.log_end_offset(partition));
    bench.drain();
    // The answer to what was sent in the epoch before says nothing of this one; its broker is free after it.
    let (_, request_id, request) = bench.markers.remove(0);
    assert!(bench.markers.is_empty());
    bench.answer_markers(request_id, Some(&answered(&request, ErrorCode::None)));
    assert_eq!(bench.state(ID), "PrepareCommit");
    assert_eq!(shown(&bench.markers), ["0: 1000/1 commit epoch 6 tv 2 orders[0]"]);
    bench.write_markers();
    assert_eq!(bench.state(ID), "CompleteCommit");
}

#[test]
fn the_end_is_written_again_until_it_is() {
    let mut bench = Bench::new();
    prepared(ID, &mut bench, &[0]);
    bench.refuses = Some(ErrorCode::NotEnoughReplicas);
    bench.write_markers();
    bench.pass(Duration::from_secs(3));
    assert_eq!(bench.state(ID), "PrepareCommit");
    assert_eq!(bench.init(ID).0, ErrorCode::ConcurrentTransactions);
    bench.refuses = None;
    bench.pass(Duration::from_millis(100));
    assert_eq!((bench.state(ID).as_str(), bench.markers.len()), ("CompleteCommit", 0));
}
