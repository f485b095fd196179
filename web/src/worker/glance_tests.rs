//! Glances at frames as the protocol writes them.

use super::*;
use broker_core::ids::Uuid;
use broker_core::protocol::messages::fetch_response::{FetchResponse, FetchableTopicResponse, PartitionData};
use broker_core::protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use broker_core::protocol::messages::produce_response::{
    PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use broker_core::protocol::messages::vote_response::VoteResponse;
use broker_core::protocol::messages::{fetch_request::FetchRequest, vote_request::VoteRequest};
use broker_core::protocol::{encode_request, encode_response};
use broker_core::record::BatchBuilder;
use broker_core::record::compression::{gzip, lz4, snappy, zstd};
use broker_core::record::control::end_transaction_marker;
use broker_core::text::Str;
use bytes::Bytes;

fn batch(keys: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new(0);
    for key in keys {
        builder.append(7, Some(key.as_bytes()), Some(b"value"), &[]);
    }
    builder.build()
}

fn frame(parts: &[Bytes]) -> Vec<u8> {
    parts.concat()
}

fn produce(batches: &[Bytes]) -> Vec<u8> {
    let data = |(index, records): (usize, &Bytes)| PartitionProduceData {
        index: index as i32,
        records: Some(records.clone().into()),
    };
    let topic = TopicProduceData {
        topic_id: Uuid::default(),
        partition_data: batches.iter().enumerate().map(data).collect(),
        ..Default::default()
    };
    let request = ProduceRequest { acks: -1, timeout_ms: 1, topic_data: vec![topic], ..Default::default() };
    frame(&encode_request(13, 5, Some(&Str::from_static("p3")), &request))
}

fn fetched(topic_id: Uuid, error_code: i16, records: &[Bytes]) -> Vec<u8> {
    let partition =
        PartitionData { error_code, records: Some(Bytes::from(records.concat()).into()), ..Default::default() };
    let topic = FetchableTopicResponse { topic_id, partitions: vec![partition], ..Default::default() };
    let response = FetchResponse { responses: vec![topic], ..Default::default() };
    frame(&encode_response::<FetchRequest>(17, 5, &response))
}

#[test]
fn a_produce_request_tells_its_records_and_the_key_of_a_single_one() {
    let one = produce(&[batch(&["user-1"])]);
    let seen = glance(&one, true, 0, 13);
    assert_eq!(seen, Glance { records: 1, key: Some("user-1".into()), ..Glance::default() });
    assert_eq!((client_number(&one), &*client_id(&one)), (3, "p3"));
    let several = glance(&produce(&[batch(&["a", "b"]), batch(&["c"])]), true, 0, 13);
    assert_eq!(several, Glance { records: 3, ..Glance::default() });
    let many = vec![batch(&["a"]); 40];
    assert!(glance(&produce(&many), true, 0, 13).more);
}

#[test]
fn the_key_of_a_small_compressed_record_is_told_too() {
    let compressors = [gzip::compressor(-1), snappy::compressor(), lz4::compressor(), zstd::compressor()];
    for compressor in compressors {
        let sent = |key: &str, value: &[u8]| {
            let mut builder = BatchBuilder::new(0);
            builder.append(7, Some(key.as_bytes()), Some(value), &[]);
            produce(&[builder.compressed(&compressor).build()])
        };
        let seen = |key: &str, value: &[u8]| glance(&sent(key, value), true, 0, 13);
        let known = Glance { records: 1, key: Some("user-1".into()), ..Glance::default() };
        assert_eq!(seen("user-1", b"value"), known, "{compressor:?}");
        let unknown = Glance { records: 1, ..Glance::default() };
        assert_eq!(seen(&"k".repeat(65), b"value"), unknown, "{compressor:?}");
        let mut state = 1_u32;
        let noise = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let noise: Vec<u8> = (0..8192).map(noise).collect();
        assert_eq!(seen("user-1", &noise), unknown, "{compressor:?}: too large to look into");
    }
}

#[test]
fn a_fetch_answered_with_nothing_is_quiet_and_one_with_records_is_not() {
    let id = Uuid::from_u128(9);
    assert!(glance(&fetched(id, 0, &[]), false, 1, 17).quiet);
    let seen = glance(&fetched(id, 0, &[batch(&["a", "b"]), batch(&["c"])]), false, 1, 17);
    assert_eq!(seen, Glance { records: 3, ..Glance::default() });
    let failed = glance(&fetched(id, 6, &[]), false, 1, 17);
    assert_eq!((failed.error, failed.quiet), (6, false));
}

#[test]
fn the_end_of_a_transaction_is_no_record() {
    let id = Uuid::from_u128(9);
    let marker = end_transaction_marker(7, 1, 0, 0, true);
    let alone = glance(&fetched(id, 0, std::slice::from_ref(&marker)), false, 1, 17);
    assert_eq!(alone, Glance { markers: 1, ..Glance::default() });
    let behind = glance(&fetched(id, 0, &[batch(&["a"]), marker]), false, 1, 17);
    assert_eq!((behind.records, behind.markers, behind.key.as_deref()), (1, 1, Some("a")));
}

#[test]
fn no_op_records_of_the_metadata_log_are_quiet() {
    let record = |value: &[u8]| {
        let mut builder = BatchBuilder::new(0);
        builder.append(7, None, Some(value), &[]);
        builder.build()
    };
    let id = Uuid::from_u128(1);
    let no_op = glance(&fetched(id, 0, &[record(&NO_OP), record(&NO_OP)]), false, 1, 17);
    assert_eq!((no_op.quiet, no_op.metadata, no_op.records), (true, true, 2));
    let other = glance(&fetched(id, 0, &[record(&NO_OP), record(&[1, 2, 0, 0])]), false, 1, 17);
    assert_eq!((other.quiet, other.records), (false, 2));
}

#[test]
fn responses_tell_their_error() {
    let partition = PartitionProduceResponse { error_code: 19, ..Default::default() };
    let topic = TopicProduceResponse { partition_responses: vec![partition], ..Default::default() };
    let response = ProduceResponse { responses: vec![topic], ..Default::default() };
    let refused = frame(&encode_response::<ProduceRequest>(13, 5, &response));
    assert_eq!(glance(&refused, false, 0, 13).error, 19);
    let vote = VoteResponse { error_code: 74, ..Default::default() };
    assert_eq!(glance(&frame(&encode_response::<VoteRequest>(2, 5, &vote)), false, 52, 2).error, 74);
}

#[test]
fn a_torn_frame_tells_nothing() {
    let whole = produce(&[batch(&["user-1"])]);
    for length in 8..whole.len() {
        let torn = whole[..length].to_vec();
        glance(&torn, true, 0, 13);
        client_id(&torn);
        glance(&torn, false, 1, 17);
        glance(&torn, false, 0, 13);
    }
}
