//! Three replica managers on virtual time: what a client sees, what survives.

mod alter_log_dirs;
mod cluster;
mod local_append;
mod random;
mod transactions;
mod unpacking;

use super::*;
use crate::event::Event;
use crate::protocol::messages as m;
use crate::record::BatchBuilder;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use cluster::{Cluster, TOPIC_ID, tp};

/// Every append flushed, as the playground does.
const FLUSHED: &[(&str, &str)] = &[];
/// Kafka's default: nothing waits for storage.
const UNFLUSHED: &[(&str, &str)] = &[("log.flush.interval.messages", "9223372036854775807")];

fn batch(values: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new(0);
    for value in values {
        builder.append(1_700_000_000_000, None, Some(value.as_bytes()), &[]);
    }
    builder.build()
}

fn idempotent(sequence: i32, value: &str) -> Bytes {
    let mut builder = BatchBuilder::new(0).with_producer(9, 0, sequence);
    builder.append(1_700_000_000_000, None, Some(value.as_bytes()), &[]);
    builder.build()
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what may not be there yet")]
fn ok(offset: Offset) -> Option<(ErrorCode, Offset, Option<Str>)> {
    Some((ErrorCode::None, offset, None))
}

#[test]
fn acks_all_waits_for_every_in_sync_replica_to_store() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    cluster.produce(0, -1, 5000, batch(&["a", "b"]), 1);
    assert_eq!(cluster.produced(1), None);
    cluster.run_millis(20);
    assert_eq!(cluster.produced(1), ok(0));
    assert_eq!((cluster.log(0).high_watermark(), cluster.log(0).log_end_offset()), (2, 2));
    for id in 0..3 {
        assert_eq!(cluster.log(id).recovery_point(), 2, "broker {id}");
    }
    // Followers learn the high watermark with the next answer.
    cluster.run_millis(600);
    assert_eq!([1, 2].map(|id| cluster.log(id).high_watermark()), [2, 2]);
}

#[test]
fn acks_all_waits_while_a_follower_does_not_store() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    cluster.hold_storage.insert(2);
    cluster.produce(0, -1, 1000, batch(&["a"]), 1);
    cluster.run_millis(500);
    assert_eq!((cluster.produced(1), cluster.log(2).log_end_offset()), (None, 1));
    cluster.run_millis(501);
    assert_eq!(cluster.produced(1), Some((ErrorCode::RequestTimedOut, 0, None)));
    // The data stays, and is committed once the follower stored it.
    cluster.hold_storage.clear();
    cluster.run_millis(20);
    assert_eq!(cluster.log(0).high_watermark(), 1);
}

#[test]
fn acks_1_waits_for_the_leaders_disk_where_appends_are_flushed() {
    for (changes, waits) in [(FLUSHED, true), (UNFLUSHED, false)] {
        let mut cluster = Cluster::new(1, changes);
        cluster.run_millis(600);
        cluster.hold_storage.insert(0);
        cluster.produce(0, 1, 5000, batch(&["a"]), 1);
        assert_eq!(cluster.produced(1), if waits { None } else { ok(0) });
        cluster.run_millis(20);
        cluster.hold_storage.clear();
        cluster.run_millis(5);
        assert_eq!(cluster.produced(1), if waits { ok(0) } else { None });
    }
}

#[test]
fn followers_may_have_what_the_leader_has_not_stored_but_it_is_not_committed() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    cluster.hold_storage.insert(0);
    cluster.produce(0, -1, 5000, batch(&["a"]), 1);
    cluster.run_millis(50);
    assert_eq!([1, 2].map(|id| cluster.log(id).log_end_offset()), [1, 1]);
    assert_eq!((cluster.log(0).high_watermark(), cluster.produced(1)), (0, None));
    cluster.hold_storage.clear();
    cluster.run_millis(5);
    assert_eq!((cluster.log(0).high_watermark(), cluster.produced(1)), (1, ok(0)));
}

#[test]
fn acks_0_is_never_answered_and_an_error_closes_the_connection() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.told.clear();
    cluster.produce(0, 0, 5000, batch(&["a"]), 1);
    cluster.produce(1, 0, 5000, batch(&["a"]), 2);
    cluster.run_millis(50);
    assert!(cluster.told.iter().any(|(_, output)| matches!(output, Output::NoResponse { token: 1 })));
    assert!(cluster.told.iter().any(|(_, output)| matches!(output, Output::CloseConnection { token: 2 })));
    assert_eq!((cluster.answer(1), cluster.answer(2)), (None, None));
}

#[test]
fn what_a_produce_is_refused_for() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    let two = Bytes::from([batch(&["a"]), batch(&["b"])].concat());
    let mut corrupt = batch(&["a"]).to_vec();
    *corrupt.last_mut().unwrap() ^= 1;
    let cases = [
        (0, 2, batch(&["a"]), ErrorCode::InvalidRequiredAcks),
        (1, 1, batch(&["a"]), ErrorCode::NotLeaderOrFollower),
        (0, 1, two, ErrorCode::InvalidRecord),
        (0, 1, Bytes::new(), ErrorCode::InvalidRecord),
        (0, 1, Bytes::from(corrupt), ErrorCode::CorruptMessage),
    ];
    for (token, (broker, acks, records, error)) in cases.into_iter().enumerate() {
        cluster.produce(broker, acks, 5000, records, token as u64);
        let found = cluster.produced(token as u64).unwrap();
        assert_eq!((found.0, found.1), (error, -1), "case {token}");
    }
    assert_eq!(cluster.log(0).log_end_offset(), 0);
}

#[test]
fn a_follower_tells_a_client_who_leads() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.elect(2, &[0, 1, 2]);
    cluster.produce(1, 1, 5000, batch(&["a"]), 1);
    let Some(Response::Produce(response)) = cluster.answer(1) else { panic!() };
    let leader = &response.responses[0].partition_responses[0].current_leader;
    assert_eq!((leader.leader_id, leader.leader_epoch), (2, 1));
}

#[test]
fn a_lagging_follower_leaves_the_isr_and_comes_back() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    cluster.power_off(2);
    cluster.produce(0, -1, 100_000, batch(&["a"]), 1);
    cluster.run_millis(20_000);
    assert_eq!((cluster.registration().isr, cluster.produced(1)), (vec![0, 1, 2], None));
    cluster.run_millis(25_000);
    assert_eq!(cluster.registration().isr, [0, 1]);
    assert_eq!(cluster.produced(1), ok(0));
    cluster.start(2);
    cluster.run_millis(3000);
    assert_eq!(cluster.registration().isr, [0, 1, 2]);
    assert_eq!(cluster.log(2).log_end_offset(), 1);
    assert_eq!(cluster.manager(0).partition_view(cluster.now, &tp()).unwrap().in_sync_replicas, [0, 1, 2]);
}

#[test]
fn an_isr_change_is_asked_for_until_the_controller_answers() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    cluster.controller_down = true;
    cluster.power_off(2);
    cluster.produce(0, -1, 100_000, batch(&["a"]), 1);
    cluster.run_millis(50_000);
    let view = cluster.manager(0).partition_view(cluster.now, &tp()).unwrap();
    assert_eq!((view.in_sync_replicas, view.proposed_isr), (vec![0, 1, 2], Some(vec![0, 1])));
    assert_eq!(cluster.produced(1), None);
    cluster.controller_down = false;
    cluster.run_millis(100);
    assert_eq!((cluster.registration().isr, cluster.produced(1)), (vec![0, 1], ok(0)));
}

#[test]
fn too_few_in_sync_replicas_refuse_acks_all_only() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    cluster.elect(0, &[0]);
    // Followers fetch on, but may not come back while the controller is away.
    cluster.controller_down = true;
    cluster.produce(0, -1, 5000, batch(&["a"]), 1);
    assert_eq!(cluster.produced(1), Some((ErrorCode::NotEnoughReplicas, -1, None)));
    cluster.produce(0, 1, 5000, batch(&["b"]), 2);
    cluster.run_millis(20);
    assert_eq!((cluster.produced(2), cluster.log(0).high_watermark()), (ok(0), 0));
}

#[test]
fn an_isr_that_shrinks_while_a_produce_waits_does_not_acknowledge_it() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    cluster.power_off(1);
    cluster.power_off(2);
    cluster.produce(0, -1, 60_000, batch(&["a"]), 1);
    cluster.run_millis(50_000);
    assert_eq!((cluster.registration().isr, cluster.log(0).high_watermark()), (vec![0], 0));
    cluster.run_millis(11_000);
    assert_eq!(cluster.produced(1).map(|found| found.0), Some(ErrorCode::RequestTimedOut));
}

#[test]
fn a_new_leader_makes_the_old_one_truncate() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    cluster.produce(0, -1, 5000, batch(&["kept"]), 1);
    cluster.run_millis(700);
    // Nobody hears broker 0 any more; it goes on writing.
    for follower in [1, 2] {
        cluster.cut.extend([(follower, 0), (0, follower)]);
    }
    cluster.run_millis(1000);
    cluster.produce(0, 1, 5000, batch(&["lost", "lost"]), 2);
    cluster.run_millis(50);
    assert_eq!(cluster.produced(2), ok(1));
    cluster.elect(1, &[1, 2]);
    cluster.cut.clear();
    cluster.produce(1, -1, 5000, batch(&["new"]), 3);
    cluster.run_millis(3000);
    assert_eq!(cluster.produced(3), ok(1));
    let truncated = Event::Truncated { partition: tp(), from: 3, to: 1 };
    assert!(cluster.told.iter().any(|(id, output)| *id == 0 && matches!(output, Output::Event(e) if *e == truncated)));
    for id in 0..3 {
        let values = cluster.values(id, 2);
        assert_eq!(values, [(0, Bytes::from("kept")), (1, Bytes::from("new"))], "broker {id}");
    }
    assert_eq!(cluster.registration().isr.len(), 3);
}

#[test]
fn a_leader_that_wrote_nothing_in_its_epoch_follows_the_next_one() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    cluster.produce(0, -1, 5000, batch(&["a"]), 1);
    cluster.run_millis(700);
    for leader in [1, 2, 0, 1] {
        cluster.elect(leader, &[0, 1, 2]);
        cluster.run_millis(30);
    }
    cluster.produce(1, -1, 5000, batch(&["b"]), 2);
    cluster.run_millis(1500);
    assert_eq!(cluster.produced(2), ok(1));
    assert_eq!([0, 1, 2].map(|id| cluster.log(id).log_end_offset()), [2, 2, 2]);
}

#[test]
fn a_produce_that_waits_at_a_leader_that_loses_its_role_is_told() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    cluster.hold_storage.insert(1);
    cluster.produce(0, -1, 60_000, batch(&["a"]), 1);
    cluster.run_millis(10);
    cluster.elect(1, &[0, 1, 2]);
    assert_eq!(cluster.produced(1).map(|found| found.0), Some(ErrorCode::NotLeaderOrFollower));
}

#[test]
fn a_power_cut_takes_only_what_was_not_stored() {
    for (changes, survives) in [(FLUSHED, true), (UNFLUSHED, false)] {
        let mut cluster = Cluster::new(1, changes);
        cluster.run_millis(600);
        cluster.hold_storage.extend([0, 1, 2]);
        cluster.produce(0, 1, 5000, batch(&["a"]), 1);
        let acknowledged_at_once = cluster.produced(1).is_some();
        assert_eq!(acknowledged_at_once, !survives);
        if survives {
            cluster.hold_storage.clear();
            cluster.run_millis(50);
            assert_eq!(cluster.produced(1), ok(0));
        }
        for id in 0..3 {
            cluster.power_off(id);
        }
        cluster.hold_storage.clear();
        for id in 0..3 {
            cluster.start(id);
        }
        cluster.run_millis(3000);
        assert_eq!(cluster.log(0).log_end_offset(), i64::from(survives));
    }
}

#[test]
fn a_batch_sent_twice_is_appended_once() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    for (token, sequence, expected) in [(1, 0, ok(0)), (2, 1, ok(1)), (3, 0, ok(0)), (4, 1, ok(1))] {
        cluster.produce(0, -1, 5000, idempotent(sequence, "v"), token);
        cluster.run_millis(50);
        assert_eq!(cluster.produced(token), expected, "sequence {sequence}");
    }
    cluster.produce(0, -1, 5000, idempotent(3, "v"), 5);
    assert_eq!(cluster.produced(5).map(|found| found.0), Some(ErrorCode::OutOfOrderSequenceNumber));
    // The next leader knows the producer from the log.
    cluster.run_millis(700);
    cluster.elect(1, &[0, 1, 2]);
    cluster.produce(1, -1, 5000, idempotent(1, "v"), 6);
    cluster.run_millis(2000);
    assert_eq!(cluster.produced(6), ok(1));
    assert_eq!(cluster.log(1).log_end_offset(), 2);
}

#[test]
fn a_consumer_waits_for_committed_records() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    cluster.consume(0, 0, 1, 1);
    cluster.hold_storage.insert(1);
    cluster.produce(0, 1, 5000, batch(&["a"]), 2);
    cluster.run_millis(100);
    assert_eq!(cluster.consumed(1), None);
    cluster.hold_storage.clear();
    cluster.run_millis(20);
    let (error, high_watermark, records) = cluster.consumed(1).unwrap();
    assert_eq!((error, high_watermark, records.is_empty()), (ErrorCode::None, 1, false));
    // min.bytes: one batch is not enough, two are.
    let one = records.len() as i32;
    cluster.consume(0, 1, one + 1, 3);
    cluster.produce(0, -1, 5000, batch(&["b"]), 4);
    cluster.run_millis(50);
    assert_eq!(cluster.consumed(3), None);
    cluster.produce(0, -1, 5000, batch(&["c"]), 5);
    cluster.run_millis(50);
    assert_eq!(cluster.consumed(3).map(|found| found.2.len() as i32), Some(2 * one));
    // And at the latest when its time is over.
    cluster.consume(0, 3, 1, 6);
    cluster.run_millis(499);
    assert_eq!(cluster.consumed(6), None);
    cluster.run_millis(1);
    assert_eq!(cluster.consumed(6).map(|found| (found.0, found.2.len())), Some((ErrorCode::None, 0)));
    cluster.consume(0, 9, 1, 7);
    assert_eq!(cluster.consumed(7).map(|found| found.0), Some(ErrorCode::OffsetOutOfRange));
}

#[test]
fn a_consumer_may_read_committed_records_from_a_follower() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    cluster.produce(0, -1, 5000, batch(&["a"]), 1);
    cluster.run_millis(300);
    cluster.consume(2, 0, 1, 2);
    cluster.run_millis(100);
    // It has the record, but does not know yet that it is committed.
    assert_eq!((cluster.log(2).log_end_offset(), cluster.consumed(2)), (1, None));
    cluster.run_millis(200);
    assert_eq!(cluster.consumed(2).map(|found| (found.0, found.1)), Some((ErrorCode::None, 1)));
}

#[test]
fn a_follower_far_behind_starts_at_the_leaders_start() {
    // Batches of two records: a start between them, and one within.
    for start in [8, 7] {
        let mut cluster = Cluster::new(1, FLUSHED);
        cluster.run_millis(600);
        cluster.power_off(2);
        cluster.elect(0, &[0, 1]);
        for token in 0..5 {
            cluster.produce(0, -1, 5000, batch(&["a", "b"]), token);
            cluster.run_millis(30);
        }
        cluster.act(0, |manager, stores, now| {
            let request = delete_request(start);
            manager.delete_records(now, stores, &request, 50);
        });
        cluster.run_millis(1000);
        cluster.start(2);
        cluster.run_millis(4000);
        assert_eq!((cluster.log(2).log_start_offset(), cluster.log(2).log_end_offset()), (start, 10));
        assert_eq!(cluster.registration().isr, [0, 1, 2], "with a start at {start}");
    }
}

#[test]
fn a_follower_cut_within_the_batch_its_leader_starts_in_begins_with_that_batch() {
    for kept in [0, 2] {
        let mut cluster = Cluster::new(1, FLUSHED);
        cluster.run_millis(600);
        for record in 0..kept {
            cluster.produce(0, -1, 5000, batch(&["shared"]), record);
            cluster.run_millis(100);
        }
        for id in [1, 2] {
            cluster.power_off(id);
        }
        // Nobody else will ever have these.
        for _ in 0..5 {
            cluster.produce(0, 1, 5000, batch(&["lost"]), 10);
            cluster.run_millis(10);
        }
        cluster.power_off(0);
        cluster.start(1);
        cluster.start(2);
        cluster.elect(1, &[1, 2]);
        cluster.run_millis(1500);
        cluster.produce(1, -1, 5000, batch(&["a", "b", "c"]), 11);
        cluster.run_millis(700);
        let (start, end) = (kept as Offset + 1, kept as Offset + 3);
        cluster.act(1, |manager, stores, now| manager.delete_records(now, stores, &delete_request(start), 12));
        cluster.start(0);
        cluster.run_millis(5000);
        assert_eq!((cluster.log(0).log_start_offset(), cluster.log(0).log_end_offset()), (start, end), "{kept}");
        assert_eq!(cluster.registration().isr, [1, 2, 0]);
    }
}

fn delete_request(offset: Offset) -> m::DeleteRecordsRequest {
    use m::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
    let partitions = vec![DeleteRecordsPartition { partition_index: 0, offset }];
    m::DeleteRecordsRequest {
        topics: vec![DeleteRecordsTopic { name: Str::from_static("t"), partitions }],
        timeout_ms: 5000,
    }
}

#[test]
fn deleting_records_waits_for_every_live_replica() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    cluster.produce(0, -1, 5000, batch(&["a", "b", "c"]), 1);
    cluster.run_millis(700);
    for (token, offset) in [(2, 2), (3, 9)] {
        cluster.act(0, |manager, stores, now| manager.delete_records(now, stores, &delete_request(offset), token));
    }
    let result = |response| match response {
        Some(Response::DeleteRecords(response)) => {
            let result: m::delete_records_response::DeleteRecordsPartitionResult =
                response.topics[0].partitions[0].clone();
            Some((ErrorCode::from_code(result.error_code).unwrap(), result.low_watermark))
        }
        _ => None,
    };
    assert_eq!(result(cluster.answer(3)), Some((ErrorCode::OffsetOutOfRange, -1)));
    assert_eq!(result(cluster.answer(2)), None);
    cluster.run_millis(1100);
    assert_eq!(result(cluster.answer(2)), Some((ErrorCode::None, 2)));
    assert_eq!([0, 1, 2].map(|id| cluster.log(id).log_start_offset()), [2, 2, 2]);
}

#[test]
fn offsets_are_listed_by_position_and_time() {
    use m::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    cluster.hold_storage.insert(1);
    cluster.produce(0, 1, 5000, batch(&["a", "b"]), 1);
    cluster.run_millis(50);
    // timestamp, replica id, expected error, offset
    let cases = [
        (-1, -1, ErrorCode::None, 0),
        (-1, -2, ErrorCode::None, 2),
        (-1, 1, ErrorCode::None, 2),
        (-2, -1, ErrorCode::None, 0),
        (-4, -1, ErrorCode::None, 0),
        (-5, -1, ErrorCode::None, -1),
        (-3, 1, ErrorCode::None, 0),
        (1_700_000_000_000, 1, ErrorCode::None, 0),
        (1_700_000_000_000, -1, ErrorCode::None, -1),
        (1_700_000_000_001, 1, ErrorCode::None, -1),
    ];
    for (timestamp, replica_id, error, offset) in cases {
        let partitions =
            vec![ListOffsetsPartition { partition_index: 0, timestamp, ..ListOffsetsPartition::default() }];
        let request = m::ListOffsetsRequest {
            replica_id,
            topics: vec![ListOffsetsTopic { name: Str::from_static("t"), partitions }],
            ..m::ListOffsetsRequest::default()
        };
        cluster.act(0, |manager, _, now| manager.list_offsets(now, request, ListOffsetsContext { version: 10 }, 9));
        let Some(Response::ListOffsets(response)) = cluster.answer(9) else { panic!() };
        let found = &response.topics[0].partitions[0];
        assert_eq!((found.error_code, found.offset), (error.code(), offset), "{timestamp} as {replica_id}");
    }
}

#[test]
fn a_coordinators_append_is_told_when_it_is_committed() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    let mut appended = None;
    cluster.act(0, |manager, stores, now| {
        appended = Some(manager.append_local(now, stores, &tp(), &batch(&["a"]), -1));
    });
    assert_eq!(appended, Some(Ok(0)));
    let is_told = |cluster: &Cluster| {
        let advanced = |output: &Output| matches!(output, Output::HighWatermarkAdvanced { offset: 1, .. });
        cluster.told.iter().any(|(id, output)| *id == 0 && advanced(output))
    };
    assert!(!is_told(&cluster));
    cluster.run_millis(30);
    assert!(is_told(&cluster));
    let read = cluster.manager_mut(0).read_for_loading(&tp(), 0, 1000);
    assert!(matches!(read, Ok(LoadingRead::Records { high_watermark: 1, log_end_offset: 1, .. })));
}

#[test]
fn a_deleted_topic_leaves_nothing_and_its_requests_end() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    cluster.hold_storage.insert(1);
    cluster.produce(0, -1, 5000, batch(&["a"]), 1);
    cluster.consume(0, 0, 1, 2);
    cluster.change(&[crate::metadata::MetadataRecord::RemoveTopic(m::RemoveTopicRecord { topic_id: TOPIC_ID })]);
    assert_eq!(cluster.produced(1).map(|found| found.0), Some(ErrorCode::UnknownTopicOrPartition));
    assert_eq!(cluster.consumed(2).map(|found| found.0), Some(ErrorCode::UnknownTopicOrPartition));
    cluster.hold_storage.clear();
    cluster.run_millis(2000);
    for id in 0..3 {
        assert!(cluster.manager(id).view(cluster.now).is_empty());
        assert!(cluster.brokers[&id].disk.files().all(|(path, _)| !path.starts_with("t-0/")), "broker {id}");
    }
}

#[test]
fn what_is_not_in_memory_is_loaded_for_who_asks() {
    use m::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
    let mut cluster = Cluster::new(1, &[("log.segment.bytes", "1048576")]);
    cluster.run_millis(600);
    let large = "x".repeat(300_000);
    for token in 0..10 {
        cluster.produce(0, -1, 5000, batch(&[&large]), token);
        cluster.run_millis(100);
        assert_eq!(cluster.produced(token), ok(token as Offset));
    }
    // Recovery leaves all but the active segment on the disk.
    cluster.power_off(0);
    cluster.elect(1, &[1, 2]);
    cluster.start(0);
    cluster.run_millis(3000);
    cluster.elect(0, &[0, 1, 2]);
    cluster.run_millis(1500);
    cluster.consume(0, 1, 1, 20);
    assert_eq!(cluster.consumed(20), None);
    cluster.run_millis(5);
    let (error, high_watermark, records) = cluster.consumed(20).unwrap();
    assert_eq!((error, high_watermark), (ErrorCode::None, 10));
    assert!(records.len() > 300_000);
    // Where it cannot be loaded, that is the answer.
    let path = "t-0/00000000000000000003.log";
    let broker = cluster.brokers.get_mut(&0).unwrap();
    broker.disk.file_mut(path).unwrap().clear();
    cluster.consume(0, 4, 1, 21);
    cluster.run_millis(5);
    assert_eq!(cluster.consumed(21).map(|found| found.0), Some(ErrorCode::KafkaStorageError));
    let partitions = vec![ListOffsetsPartition { timestamp: 0, ..ListOffsetsPartition::default() }];
    let request = m::ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic { name: Str::from_static("t"), partitions }],
        ..m::ListOffsetsRequest::default()
    };
    cluster.act(0, |manager, _, now| manager.list_offsets(now, request, ListOffsetsContext { version: 10 }, 22));
    cluster.run_millis(5);
    assert!(matches!(cluster.answer(22), Some(Response::ListOffsets(_))));
}

#[test]
fn a_duplicate_in_a_request_of_several_partitions_does_not_wait() {
    let mut cluster = Cluster::new(1, FLUSHED);
    let second = m::PartitionRecord {
        partition_id: 1,
        topic_id: TOPIC_ID,
        replicas: vec![0],
        isr: vec![0],
        leader: 0,
        leader_epoch: 0,
        partition_epoch: 0,
        directories: vec![Uuid::ZERO],
        ..Default::default()
    };
    cluster.change(&[crate::metadata::MetadataRecord::Partition(second)]);
    cluster.run_millis(600);
    for token in [1, 2] {
        let partition_data = [0, 1]
            .map(|index| m::produce_request::PartitionProduceData { index, records: Some(idempotent(0, "v").into()) });
        let request = m::ProduceRequest {
            acks: -1,
            timeout_ms: 5000,
            topic_data: vec![m::produce_request::TopicProduceData {
                topic_id: TOPIC_ID,
                partition_data: partition_data.into(),
                ..Default::default()
            }],
            ..Default::default()
        };
        let context = ProduceContext { client_id: None, version: 13 };
        cluster.act(0, |manager, stores, now| manager.append_records(now, stores, request, &context, token));
        cluster.run_millis(50);
        assert_eq!(cluster.produced(token), ok(0), "request {token}");
    }
}

#[test]
fn changed_configs_reach_the_logs_and_the_minimum_isr() {
    use crate::metadata::MetadataRecord;
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    cluster.controller_down = true;
    cluster.elect(0, &[0]);
    cluster.produce(0, -1, 5000, batch(&["a"]), 1);
    assert_eq!(cluster.produced(1).map(|found| found.0), Some(ErrorCode::NotEnoughReplicas));
    for (name, value) in [("min.insync.replicas", "1"), ("max.message.bytes", "100")] {
        cluster.change(&[MetadataRecord::Config(m::ConfigRecord {
            resource_type: 2,
            resource_name: Str::from_static("t"),
            name: Str::from_static(name),
            value: Some(value.into()),
        })]);
    }
    cluster.produce(0, -1, 5000, batch(&["a"]), 2);
    cluster.run_millis(700);
    assert_eq!(cluster.produced(2), ok(0));
    cluster.produce(0, -1, 5000, batch(&[&"x".repeat(100)]), 3);
    assert_eq!(cluster.produced(3).map(|found| found.0), Some(ErrorCode::MessageTooLarge));
}

#[test]
fn a_failed_directory_takes_its_replicas_offline() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    cluster.act(0, |manager, _, now| manager.store_failed(now, 0));
    cluster.produce(0, 1, 5000, batch(&["a"]), 1);
    assert_eq!(cluster.produced(1).map(|found| found.0), Some(ErrorCode::KafkaStorageError));
    let stopped = |(_, output): &(NodeId, Output)| matches!(output, Output::StoppedLeading { leader_epoch: None, .. });
    assert!(cluster.told.iter().any(stopped));
    assert!(cluster.manager(0).view(cluster.now)[0].offline);
}

#[test]
fn an_unclean_leader_makes_others_lose_what_was_committed() {
    let mut cluster = Cluster::new(1, &[("min.insync.replicas", "1")]);
    cluster.run_millis(600);
    cluster.produce(0, -1, 5000, batch(&["a"]), 1);
    cluster.run_millis(700);
    cluster.power_off(2);
    cluster.elect(0, &[0, 1]);
    cluster.produce(0, -1, 5000, batch(&["lost"]), 2);
    cluster.run_millis(700);
    assert_eq!(cluster.produced(2), ok(1));
    assert_eq!([0, 1].map(|id| cluster.log(id).high_watermark()), [2, 2]);
    cluster.power_off(0);
    cluster.power_off(1);
    cluster.start(2);
    cluster.elect(2, &[2]);
    cluster.produce(2, -1, 5000, batch(&["new", "new"]), 3);
    cluster.run_millis(700);
    for id in [0, 1] {
        cluster.start(id);
    }
    cluster.run_millis(3000);
    let expected = ["a", "new", "new"].map(Bytes::from);
    for id in 0..3 {
        let values: Vec<Bytes> = cluster.values(id, 3).into_iter().map(|(_, value)| value).collect();
        assert_eq!((values, cluster.log(id).high_watermark()), (expected.to_vec(), 3), "broker {id}");
    }
    assert_eq!(cluster.registration().isr.len(), 3);
}
