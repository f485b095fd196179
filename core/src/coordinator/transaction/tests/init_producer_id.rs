//! `InitProducerId`: epochs, fences, and producers that go on.

use super::*;

fn again(bench: &mut Bench, producer_id: ProducerId, producer_epoch: i16) -> Producer {
    let token = bench.send(5, init(ID, producer_id, producer_epoch));
    bench.inited(token)
}

/// A coordinator that knows `ID` with producer 77 at this epoch, in this state.
fn known(state: i8, producer_epoch: i16, partitions: &[i32]) -> Bench {
    use crate::protocol::messages::transaction_log_value::{PartitionsSchema, TransactionLogValue};
    let value = TransactionLogValue {
        producer_id: 77,
        previous_producer_id: 77,
        producer_epoch,
        transaction_timeout_ms: 60_000,
        transaction_status: state,
        transaction_partitions: Some(vec![PartitionsSchema {
            topic: Str::from("orders"),
            partition_ids: partitions.to_vec(),
        }]),
        transaction_last_update_timestamp_ms: WALL_MS,
        transaction_start_timestamp_ms: WALL_MS,
        client_transaction_version: 2,
        ..Default::default()
    };
    let mut bench = Bench::idle();
    let mut batch = crate::record::BatchBuilder::new(0);
    let value = crate::coordinator::with_prefix(1, &value, 1);
    batch.append(WALL_MS, Some(b"\0\0\0\x08payments"), Some(&value), &[]);
    bench.logs.insert(partition_for(ID, 50), vec![RecordBatch::parse(&batch.build()).expect("a batch")]);
    bench.successor(9)
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (transactional_id, timeout_ms, producer_id, producer_epoch, error) in [
        ("", 60_000, -1, -1, ErrorCode::InvalidRequest),
        (ID, 0, -1, -1, ErrorCode::InvalidTransactionTimeout),
        (ID, 900_001, -1, -1, ErrorCode::InvalidTransactionTimeout),
        (ID, 900_000, -1, -1, ErrorCode::None),
        (ID, 60_000, 5, -1, ErrorCode::InvalidRequest),
        (ID, 60_000, -1, 5, ErrorCode::InvalidRequest),
    ] {
        let mut bench = Bench::new();
        let request = InitProducerIdRequest {
            transactional_id: Some(Str::from(transactional_id)),
            transaction_timeout_ms: timeout_ms,
            producer_id,
            producer_epoch,
            ..Default::default()
        };
        let token = bench.send(5, TransactionRequest::InitProducerId(request));
        assert_eq!(bench.inited(token).0, error, "{transactional_id} {timeout_ms} {producer_id} {producer_epoch}");
    }
}

#[test]
fn each_producer_gets_an_epoch_of_its_own() {
    let mut bench = Bench::new();
    let first = bench.init(ID);
    let second = bench.init(ID);
    assert_eq!((first, second), ((ErrorCode::None, 1000, 0), (ErrorCode::None, 1000, 1)));
    assert_eq!(bench.add(ID, first, &[0]), ErrorCode::ProducerFenced);
    assert_eq!(bench.end(5, ID, first, true).0, ErrorCode::ProducerFenced);
    // Clients that do not know the error are told the one before it.
    assert_eq!(bench.end(1, ID, first, true).0, ErrorCode::InvalidProducerEpoch);
    assert_eq!(bench.add(ID, second, &[0]), ErrorCode::None);
}

#[test]
fn without_a_block_of_producer_ids_the_client_comes_again() {
    let mut bench = Bench::new();
    bench.ids.exhausted = true;
    assert_eq!(bench.init(ID).0, ErrorCode::CoordinatorLoadInProgress);
    assert_eq!(bench.state(ID), "TransactionalIdNotFound");
}

#[test]
fn an_open_transaction_is_aborted_before_the_next_producer_begins() {
    for (transaction_version, fenced_epoch) in [(2, 1), (1, 1), (0, 1)] {
        let mut bench = Bench::new();
        bench.cluster.transaction_version = transaction_version;
        let producer = bench.init(ID);
        bench.add(ID, producer, &[1]);
        assert_eq!(bench.init(ID).0, ErrorCode::ConcurrentTransactions);
        let version = if transaction_version == 2 { 2 } else { 0 };
        assert_eq!(shown(&bench.markers), [format!("1: 1000/{fenced_epoch} abort epoch 5 tv {version} orders[1]")]);
        assert_eq!(bench.init(ID).0, ErrorCode::ConcurrentTransactions);
        bench.write_markers();
        // The epoch of the fence is nobody's.
        assert_eq!(bench.init(ID), (ErrorCode::None, 1000, fenced_epoch + 1));
        assert_eq!(bench.end(5, ID, producer, true).0, ErrorCode::ProducerFenced);
    }
}

#[test]
fn a_fence_that_was_not_written_is_not_put_on_top_of_itself() {
    for transaction_version in [0, 2] {
        let mut bench = Bench::new();
        bench.cluster.transaction_version = transaction_version;
        let producer = bench.init(ID);
        bench.add(ID, producer, &[1]);
        for _ in 0..3 {
            bench.refuses = Some(ErrorCode::NotEnoughReplicas);
            assert_eq!(bench.init(ID).0, ErrorCode::CoordinatorNotAvailable);
        }
        bench.refuses = None;
        assert_eq!(bench.init(ID).0, ErrorCode::ConcurrentTransactions);
        bench.write_markers();
        assert_eq!(bench.init(ID), (ErrorCode::None, 1000, 2), "transaction.version {transaction_version}");
    }
}

#[test]
fn a_producer_goes_on_with_the_next_epoch_unless_another_came() {
    let mut bench = Bench::new();
    let producer = bench.init(ID);
    assert_eq!(again(&mut bench, 1000, 0), (ErrorCode::None, 1000, 1));
    // It did not hear the answer and asks again: the same.
    assert_eq!(again(&mut bench, 1000, 0), (ErrorCode::None, 1000, 1));
    assert_eq!(again(&mut bench, 1000, 1), (ErrorCode::None, 1000, 2));
    assert_eq!(again(&mut bench, 1000, 0).0, ErrorCode::ProducerFenced);
    assert_eq!(again(&mut bench, 999, 2).0, ErrorCode::ProducerFenced);
    // Another one begins: whoever was before is out, with any epoch.
    assert_eq!(bench.init(ID), (ErrorCode::None, 1000, 3));
    assert_eq!(again(&mut bench, 1000, 2).0, ErrorCode::ProducerFenced);
    assert_eq!(again(&mut bench, producer.1, producer.2).0, ErrorCode::ProducerFenced);
    // An id nobody knows any more is simply new.
    let token = bench.send(5, init("other", 5, 5));
    assert_eq!(bench.inited(token), (ErrorCode::None, 1001, 0));
}

#[test]
fn exhausted_epochs_make_a_new_producer_id() {
    let mut bench = known(4, i16::MAX - 2, &[]);
    assert_eq!(bench.init(ID), (ErrorCode::None, 77, i16::MAX - 1));
    assert_eq!(bench.init(ID), (ErrorCode::None, 1000, 0));
    // With the epoch it was given, and again when it did not hear of the new id.
    let mut bench = known(4, i16::MAX - 1, &[]);
    assert_eq!(again(&mut bench, 77, i16::MAX - 1), (ErrorCode::None, 1000, 0));
    assert_eq!(again(&mut bench, 77, i16::MAX - 1), (ErrorCode::None, 1000, 0));
}

#[test]
fn ending_a_transaction_with_the_last_epoch_makes_a_new_producer_id() {
    let mut bench = known(1, i16::MAX - 1, &[0]);
    let producer = (ErrorCode::None, 77, i16::MAX - 1);
    assert_eq!(bench.end(5, ID, producer, true), (ErrorCode::None, 1000, 0));
    assert_eq!(shown(&bench.markers), ["0: 77/32767 commit epoch 9 tv 2 orders[0]"]);
    // A new coordinator in the middle of it knows the next id too.
    let mut next = bench.successor(10);
    assert_eq!(shown(&next.markers), ["0: 77/32767 commit epoch 10 tv 2 orders[0]"]);
    for bench in [&mut bench, &mut next] {
        bench.write_markers();
        assert_eq!(bench.end(5, ID, producer, true), (ErrorCode::None, 1000, 0), "a retry");
        assert_eq!(bench.add(ID, (ErrorCode::None, 1000, 0), &[0]), ErrorCode::None);
    }
}
