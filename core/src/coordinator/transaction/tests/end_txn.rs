//! `EndTxn`: every state, with and without bumped epochs; and transactions that took too long.

use super::*;

/// A producer whose id is in `state`, and its current epoch. Everything but the first two was ended with `api_version`.
fn in_state(state: &str, api_version: i16) -> (Bench, Producer) {
    let mut bench = Bench::new();
    let mut producer = bench.init(ID);
    if state == "Empty" {
        return (bench, producer);
    }
    bench.add(ID, producer, &[0]);
    if state != "Ongoing" {
        let ended = bench.end(api_version, ID, producer, state.ends_with("Commit"));
        if api_version >= 5 {
            producer = ended;
        }
    }
    if state.starts_with("Complete") {
        bench.write_markers();
    }
    assert_eq!(bench.state(ID), state);
    bench.markers.clear();
    (bench, producer)
}

const STATES: [&str; 6] = ["Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort"];

#[test]
fn every_state_answers_an_end_that_keeps_the_epoch() {
    use ErrorCode::{ConcurrentTransactions as Concurrent, InvalidTxnState as Invalid, None as Fine};
    let commit = [Invalid, Fine, Concurrent, Concurrent, Fine, Invalid];
    let abort = [Invalid, Fine, Concurrent, Concurrent, Invalid, Fine];
    for (index, state) in STATES.into_iter().enumerate() {
        for (committed, expected) in [(true, commit[index]), (false, abort[index])] {
            let (mut bench, producer) = in_state(state, 4);
            assert_eq!(bench.end(4, ID, producer, committed), (expected, -1, -1), "{state} {committed}");
        }
    }
}

#[test]
fn every_state_answers_an_end_that_bumps_the_epoch() {
    use ErrorCode::{
        ConcurrentTransactions as Concurrent, InvalidTxnState as Invalid, None as Fine, ProducerFenced as Fenced,
    };
    // Commit and abort with the current epoch, and the same with the one before it: a retry.
    let answers = [
        ("Empty", [Invalid, Fine, Fenced, Fenced]),
        ("Ongoing", [Fine, Fine, Fenced, Fenced]),
        ("PrepareCommit", [Concurrent; 4]),
        ("PrepareAbort", [Concurrent; 4]),
        ("CompleteCommit", [Invalid, Fine, Fine, Invalid]),
        ("CompleteAbort", [Invalid, Fine, Invalid, Fine]),
    ];
    for (state, expected) in answers {
        for (case, expected) in expected.into_iter().enumerate() {
            let (mut bench, mut producer) = in_state(state, 5);
            let is_retry = case >= 2;
            let current = producer.2;
            producer.2 -= i16::from(is_retry);
            let (error, producer_id, epoch) = bench.end(5, ID, producer, case % 2 == 0);
            assert_eq!(error, expected, "{state} {case}");
            let next = match (error, is_retry) {
                (Fine, false) => (1000, current + 1),
                (Fine, true) => (1000, current),
                _ => (-1, -1),
            };
            assert_eq!((producer_id, epoch), next, "{state} {case}");
        }
    }
}

#[test]
fn an_abort_of_nothing_is_over_at_once() {
    let (mut bench, producer) = in_state("Empty", 5);
    let next = bench.end(5, ID, producer, false);
    assert_eq!(next, (ErrorCode::None, 1000, 1));
    assert_eq!((bench.state(ID).as_str(), bench.markers.len()), ("CompleteAbort", 0));
    assert_eq!(bench.add(ID, producer, &[0]), ErrorCode::ProducerFenced);
    assert_eq!(bench.add(ID, next, &[0]), ErrorCode::None);
}

#[test]
fn only_the_current_producer_ends_a_transaction() {
    for (api_version, producer_id, producer_epoch, error) in [
        (5, 999, 0, ErrorCode::InvalidProducerIdMapping),
        (5, 1000, 1, ErrorCode::ProducerFenced),
        (4, 999, 0, ErrorCode::InvalidProducerIdMapping),
        (4, 1000, 1, ErrorCode::ProducerFenced),
        (1, 1000, 1, ErrorCode::InvalidProducerEpoch),
    ] {
        let (mut bench, _) = in_state("Ongoing", 5);
        let producer = (ErrorCode::None, producer_id, producer_epoch);
        assert_eq!(bench.end(api_version, ID, producer, true).0, error, "{api_version} {producer_id}");
    }
    let mut bench = Bench::new();
    assert_eq!(bench.end(5, "unknown", (ErrorCode::None, 1, 0), true).0, ErrorCode::InvalidProducerIdMapping);
    assert_eq!(bench.end(5, "", (ErrorCode::None, 1, 0), true).0, ErrorCode::InvalidRequest);
}

#[test]
fn a_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced() {
    for transaction_version in [0, 2] {
        let mut bench = Bench::new();
        bench.cluster.transaction_version = transaction_version;
        let producer = bench.init(ID);
        bench.add(ID, producer, &[0]);
        // Looked for every ten seconds.
        bench.pass(Duration::from_secs(69));
        assert_eq!(bench.state(ID), "Ongoing");
        bench.pass(Duration::from_secs(1));
        assert_eq!(shown(&bench.markers), [format!("0: 1000/1 abort epoch 5 tv {transaction_version} orders[0]")]);
        assert_eq!(bench.end(5, ID, producer, true).0, ErrorCode::ConcurrentTransactions);
        bench.write_markers();
        assert_eq!(bench.state(ID), "CompleteAbort");
        assert_eq!(bench.add(ID, producer, &[0]), ErrorCode::ProducerFenced);
        bench.pass(Duration::from_mins(10));
        assert!(bench.markers.is_empty());
    }
}

#[test]
fn an_abort_after_the_time_out_that_is_not_written_is_tried_again() {
    let mut bench = Bench::new();
    let producer = bench.init(ID);
    bench.add(ID, producer, &[0]);
    bench.refuses = Some(ErrorCode::NotEnoughReplicas);
    bench.pass(Duration::from_secs(75));
    assert_eq!(bench.state(ID), "Ongoing");
    bench.refuses = None;
    bench.pass(Duration::from_secs(10));
    assert_eq!(shown(&bench.markers), ["0: 1000/1 abort epoch 5 tv 2 orders[0]"]);
}
