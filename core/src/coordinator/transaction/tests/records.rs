//! Records of `__transaction_state`, and what a new leader makes of them.

use super::*;

fn hex(bytes: Option<&Bytes>) -> String {
    bytes.map_or(String::from("null"), |bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[test]
fn the_finalized_version_says_how_much_is_written() {
    // Type 0, "payments"; version, producer id 1000, epoch 0, 60 s, Empty, no partitions, the time, no start.
    let time = format!("{WALL_MS:016x}ffffffffffffffff");
    let fields = format!("00000000000003e80000{:08x}00", 60_000);
    for (transaction_version, value) in [
        (0, format!("0000{fields}ffffffff{time}")),
        // Tagged: the producer id before, the client's version; those at their defaults are left out.
        (1, format!("0001{fields}00{time}010008{:016x}", 1000)),
        (2, format!("0001{fields}00{time}010008{:016x}", 1000)),
    ] {
        let mut bench = Bench::new();
        bench.cluster.transaction_version = transaction_version;
        bench.init(ID);
        let [record] = &bench.written(ID)[..] else { panic!("one record") };
        assert_eq!(hex(record.key.as_ref()), "000000087061796d656e7473");
        assert_eq!(hex(record.value.as_ref()), value, "transaction.version {transaction_version}");
    }
}

#[test]
fn a_new_leader_goes_on_where_the_last_one_was() {
    let mut first = Bench::new();
    let producer = first.init(ID);
    first.add(ID, producer, &[0, 1]);
    let mut second = first.successor(6);
    assert_eq!(second.state(ID), "Ongoing");
    assert_eq!(second.add(ID, producer, &[2]), ErrorCode::None);
    assert_eq!(second.end(5, ID, producer, true), (ErrorCode::None, 1000, 1));
    second.write_markers();
    let mut third = second.successor(7);
    assert_eq!(third.state(ID), "CompleteCommit");
    // The answer might have been lost: the same again is no other transaction.
    assert_eq!(third.end(5, ID, producer, true), (ErrorCode::None, 1000, 1));
    assert!(third.markers.is_empty());
    assert_eq!(third.init(ID), (ErrorCode::None, 1000, 2));
}

#[test]
fn a_new_leader_sends_the_markers_of_what_was_decided() {
    for (committed, outcome, end) in [(true, "commit", "CompleteCommit"), (false, "abort", "CompleteAbort")] {
        let mut first = Bench::new();
        let producer = first.init(ID);
        first.add(ID, producer, &[0, 1]);
        first.end(5, ID, producer, committed);
        // One of two brokers wrote its marker; who leads next cannot know.
        let (_, request_id, request) = first.markers.remove(0);
        first.answer_markers(request_id, Some(&answered(&request, ErrorCode::None)));

        let mut second = first.successor(6);
        assert_eq!(
            shown(&second.markers),
            [
                format!("0: 1000/1 {outcome} epoch 6 tv 2 orders[0]"),
                format!("1: 1000/1 {outcome} epoch 6 tv 2 orders[1]")
            ]
        );
        assert_eq!(second.init(ID).0, ErrorCode::ConcurrentTransactions);
        second.write_markers();
        assert_eq!(second.state(ID), end);
    }
}

#[test]
fn an_id_is_not_served_while_its_partition_loads_or_is_led_elsewhere() {
    let mut bench = Bench::idle();
    let partition = partition_for(ID, 50);
    assert_eq!(bench.init(ID).0, ErrorCode::NotCoordinator);
    bench.coordinator.elected(bench.now(), partition, 1);
    assert_eq!(bench.init(ID).0, ErrorCode::CoordinatorLoadInProgress);
    assert_eq!(bench.state(ID), "CoordinatorLoadInProgress");
    bench.coordinator.loaded(bench.now(), partition, 0);
    bench.holds = true;
    let token = bench.send(5, init(ID, -1, -1));
    bench.coordinator.resigned(bench.now(), partition);
    bench.drain();
    assert_eq!(bench.inited(token).0, ErrorCode::NotCoordinator);
    assert_eq!(bench.state(ID), "NotCoordinator");
    assert_eq!(bench.coordinator.next_deadline(), None);
}

#[test]
fn what_cannot_be_read_is_skipped() {
    let mut bench = Bench::idle();
    let partition = partition_for(ID, 50);
    bench.coordinator.elected(bench.now(), partition, 1);
    let mut batch = crate::record::BatchBuilder::new(0);
    let key: &[u8] = b"\0\0\0\x08payments";
    for (key, value) in [
        (None, None),
        // A type and a version of the future, a state that is never written, a value cut short.
        (Some(&b"\0\x09"[..]), None),
        (Some(key), Some(&b"\0\x07"[..])),
        (
            Some(key),
            Some(&b"\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\x01\x06\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"[..]),
        ),
        (Some(key), Some(&b"\0\0\0"[..])),
    ] {
        batch.append(0, key, value, &[]);
    }
    bench.coordinator.replay(bench.now(), partition, &batch.build());
    bench.coordinator.loaded(bench.now(), partition, 5);
    bench.drain();
    assert_eq!(bench.events.len(), 5, "{:?}", bench.events);
    assert_eq!(bench.state(ID), "TransactionalIdNotFound");
}
