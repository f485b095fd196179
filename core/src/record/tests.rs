use super::batch::stamp;
use super::control::{control_batch, control_type, end_transaction_marker, marker_coordinator_epoch};
use super::validate::check_produce_records;
use super::*;
use crate::protocol::ErrorCode;
use crate::rng::Rng;
use crate::text::Str;
use alloc::vec::Vec;
use bytes::Bytes;

fn sample() -> Bytes {
    let mut builder = BatchBuilder::new(10).with_leader_epoch(4).with_producer(9, 1, 5).transactional();
    builder.append(
        1000,
        Some(b"key"),
        Some(b"value"),
        &[("h".into(), Some(Bytes::from_static(b"1"))), ("h".into(), None)],
    );
    builder.append(990, None, None, &[]);
    builder.append(1200, Some(b""), Some(&[7; 300]), &[]);
    builder.build()
}

#[test]
fn a_built_batch_reads_back() {
    let batch = RecordBatch::parse(&sample()).unwrap();
    batch.check_crc().unwrap();
    assert_eq!((batch.base_offset, batch.last_offset(), batch.next_offset(), batch.records_count), (10, 12, 13, 3));
    assert_eq!((batch.base_timestamp, batch.max_timestamp), (1000, 1200));
    assert_eq!((batch.producer_id, batch.producer_epoch, batch.base_sequence, batch.last_sequence()), (9, 1, 5, 7));
    assert!(batch.is_transactional() && !batch.is_control() && batch.delete_horizon_ms().is_none());
    let records: Vec<Record> = batch.iter().unwrap().map(Result::unwrap).collect();
    let one = Bytes::from_static(b"1");
    assert_eq!(
        records[0],
        Record {
            offset: 10,
            timestamp: 1000,
            key: Some(Bytes::from_static(b"key")),
            value: Some(Bytes::from_static(b"value")),
            headers: alloc::vec![(Str::from("h"), Some(one)), (Str::from("h"), None)],
        }
    );
    assert_eq!((records[1].offset, records[1].timestamp, &records[1].key, &records[1].value), (11, 990, &None, &None));
    assert_eq!(records[2].key, Some(Bytes::new()));
}

#[test]
fn size_with_foretells_the_size() {
    let mut builder = BatchBuilder::new(0);
    for length in [0, 1, 62, 63, 64, 200, 8190, 8200] {
        let value = alloc::vec![1; length];
        let header = [(Str::from("name"), Some(Bytes::from_static(b"x")))];
        let expected = builder.size_with(length as i64 * 1000, Some(b"k"), Some(&value), &header);
        builder.append(length as i64 * 1000, Some(b"k"), Some(&value), &header);
        assert_eq!(builder.size(), expected);
    }
    assert_eq!(builder.size(), builder.build().len());
}

#[test]
fn stamping_keeps_the_crc_and_the_append_time_renews_it() {
    let mut bytes = sample().to_vec();
    stamp(&mut bytes, 77, 8);
    let stamped = RecordBatch::parse(&Bytes::from(bytes)).unwrap();
    stamped.check_crc().unwrap();
    assert_eq!((stamped.base_offset, stamped.partition_leader_epoch), (77, 8));
    let timed = stamped.stamped(78, 9, Some(5000));
    timed.check_crc().unwrap();
    assert_eq!(RecordBatch::parse(timed.bytes()).unwrap(), timed);
    assert!(timed.iter().unwrap().all(|record| record.unwrap().timestamp == 5000));
}

#[test]
fn sequences_wrap_from_the_largest_to_zero() {
    let mut builder = BatchBuilder::new(0).with_producer(1, 0, i32::MAX - 1);
    for _ in 0..3 {
        builder.append(0, None, None, &[]);
    }
    assert_eq!(RecordBatch::parse(&builder.build()).unwrap().last_sequence(), 0);
}

#[test]
fn a_run_ends_before_a_batch_that_is_cut_off() {
    let one = sample();
    let run = Bytes::from([&one[..], &one[..]].concat());
    for length in 0..=run.len() {
        let mut batches = Batches::new(run.slice(..length));
        assert_eq!(batches.by_ref().map(Result::unwrap).count(), length / one.len(), "{length}");
        assert_eq!(batches.partial_bytes(), length % one.len(), "{length}");
    }
}

#[test]
fn headers_that_cannot_be_are_typed_errors() {
    let changed = |position: usize, bytes: &[u8]| {
        let mut batch = sample().to_vec();
        batch[position..position + bytes.len()].copy_from_slice(bytes);
        RecordBatch::parse(&batch.into()).and_then(|batch| batch.iter().map(drop))
    };
    for (position, bytes, error) in [
        (8, &[0, 0, 0, 13][..], RecordError::InvalidLength(13)),
        (8, &[0, 0, 0, 48], RecordError::InvalidLength(48)),
        (8, &[255, 255, 255, 255], RecordError::InvalidLength(-1)),
        (8, &[127, 255, 255, 255], RecordError::Incomplete { available: sample().len() }),
        (16, &[1], RecordError::UnsupportedMagic(1)),
        (16, &[0], RecordError::UnsupportedMagic(0)),
        (22, &[4], RecordError::Decompression { codec: Compression::Zstd, reason: "the compressed bytes are damaged" }),
        (22, &[7], RecordError::UnknownCompression(7)),
    ] {
        assert_eq!(changed(position, bytes), Err(error), "{position} {bytes:?}");
    }
}

#[test]
fn damaged_bytes_never_panic() {
    let seed = 4;
    let mut rng = Rng::new(seed);
    let whole = sample();
    for _ in 0..20_000 {
        let mut bytes = whole.to_vec();
        for _ in 0..=rng.below(4) {
            let at = rng.below(bytes.len() as u64) as usize;
            bytes[at] = rng.next_u64() as u8;
        }
        bytes.truncate(rng.below(bytes.len() as u64 + 1) as usize);
        let bytes = Bytes::from(bytes);
        let _ = check_produce_records(9, &bytes);
        for batch in Batches::new(bytes).map_while(Result::ok) {
            let _ = (batch.check_crc(), control_type(&batch));
            if let Ok(records) = batch.iter() {
                assert!(records.count() <= whole.len(), "seed {seed}");
            }
        }
    }
}

#[test]
fn control_batches_say_what_they_are() {
    for kind in [0, 1, 2, 3, 4, 5, 6].map(|code| ControlRecordType::from_code(code).unwrap()) {
        let batch = RecordBatch::parse(&control_batch(5, 2, 100, kind, b"value")).unwrap();
        assert_eq!(control_type(&batch), Some(kind));
        assert!(batch.is_control() && !batch.is_transactional());
    }
    let marker = RecordBatch::parse(&end_transaction_marker(1, 7, 2, 13, false)).unwrap();
    assert_eq!(control_type(&marker), Some(ControlRecordType::Abort));
    let value = marker.iter().unwrap().next().unwrap().unwrap().value.unwrap();
    assert_eq!(marker_coordinator_epoch(&value), Some(13));
    assert_eq!(ControlRecordType::from_key(&[0, 0, 0, 9]), None);
    assert_eq!(ControlRecordType::from_key(&[0, 0]), None);
}

#[test]
fn a_produce_request_has_exactly_one_batch_a_partition() {
    let one = sample().to_vec();
    let two = [&one[..], &one[..]].concat();
    let with = |position: usize, byte: u8| {
        let mut bytes = one.clone();
        bytes[position] = byte;
        bytes
    };
    let text = |version, rest| alloc::format!("Produce requests with version {version} {rest}");
    for (version, bytes, expected) in [
        (9, one.clone(), None),
        (9, Vec::new(), Some((ErrorCode::InvalidRecord, text(9, "must have at least one record batch per partition")))),
        (
            3,
            two,
            Some((
                ErrorCode::InvalidRecord,
                text(3, "are only allowed to contain exactly one record batch per partition"),
            )),
        ),
        (
            9,
            with(16, 1),
            Some((
                ErrorCode::InvalidRecord,
                text(9, "are only allowed to contain record batches with magic version 2"),
            )),
        ),
        (
            6,
            with(22, 4),
            Some((ErrorCode::UnsupportedCompressionType, text(6, "are not allowed to use ZStandard compression"))),
        ),
        (7, with(22, 4), None),
    ] {
        let result = check_produce_records(version, &bytes).err();
        assert_eq!(result.map(|rejection| (rejection.code, rejection.message)), expected);
    }
}
