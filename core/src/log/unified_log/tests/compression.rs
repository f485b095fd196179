//! What a leader makes of compressed batches, and what it compresses itself.

use super::*;
use crate::log::TransactionContext;
use crate::record::compression::{TargetCompression, gzip, lz4, snappy, zstd};
use crate::record::{BatchHeader, Compression, Compressor, Record};
use alloc::vec;

const CODECS: [Compression; 5] = Compression::ALL;

pub(super) fn sent_in(codec: Compression, builder: BatchBuilder) -> Bytes {
    let compressor: Compressor = match codec {
        Compression::None => return builder.build(),
        Compression::Gzip => gzip::compressor(-1),
        Compression::Snappy => snappy::compressor(),
        Compression::Lz4 => lz4::compressor(),
        Compression::Zstd => zstd::compressor(),
    };
    builder.compressed(&compressor).build()
}

fn some_records() -> BatchBuilder {
    let mut builder = BatchBuilder::new(0).with_producer(7, 2, 0).transactional();
    let header = [("name".into(), Some(Bytes::from_static(b"content"))), ("name".into(), None)];
    builder.append(WALL + 5, Some(b"a"), Some(&[b'x'; 500]), &header);
    builder.append(WALL + 9, None, None, &[]);
    builder.append(WALL, Some(b""), Some(&[b'x'; 500]), &[]);
    builder
}

fn topic(compression: TargetCompression) -> LogConfig {
    LogConfig { compression, ..LogConfig::default() }
}

/// What is stored: header and records of its only batch.
fn stored(fixture: &mut Fixture) -> (BatchHeader, Vec<Record>) {
    let Read::Data { records } = fixture.log.read(0, 1 << 20, Offset::MAX, true).unwrap() else { panic!("cold") };
    let batch = RecordBatch::parse(&records.to_bytes()).unwrap();
    batch.check_crc().unwrap();
    assert_eq!(batch.bytes().len(), records.len());
    (*batch.header(), batch.iter().unwrap().map(Result::unwrap).collect())
}

#[test]
fn the_leader_stores_in_the_codec_of_the_topic_and_changes_nothing_else() {
    let plain = RecordBatch::parse(&some_records().build()).unwrap();
    let records: Vec<Record> = plain.iter().unwrap().map(Result::unwrap).collect();
    for source in CODECS {
        let targets = CODECS.map(|codec| TargetCompression::Codec(codec, 3));
        for target in targets.into_iter().chain([TargetCompression::Producer]) {
            let mut fixture = Fixture::new(topic(target));
            let batch = sent_in(source, some_records());
            fixture.client(&batch).unwrap();
            let (header, found) = stored(&mut fixture);
            assert_eq!(header.compression(), Ok(target.codec(source)), "{source:?} {target:?}");
            assert_eq!(found, records, "{source:?} {target:?}");
            assert_eq!((header.max_timestamp, header.partition_leader_epoch), (WALL + 9, 3));
            assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (7, 2, 0));
            assert!(header.is_transactional() && header.timestamp_type() == TimestampType::CreateTime);
            let is_as_sent = header.size() == batch.len() && header.crc == BatchHeader::parse(&batch).unwrap().crc;
            assert_eq!(is_as_sent, target.codec(source) == source, "{source:?} {target:?}");
            assert!(fixture.client(&batch).unwrap().duplicate);
        }
    }
}

/// Records of all sizes, none at all among them.
fn many_records() -> BatchBuilder {
    let mut builder = BatchBuilder::new(0).with_producer(7, 2, 0);
    for number in 0..300_i64 {
        let value: Vec<u8> = (0..number * number % 5_003).map(|at| ((at * number) >> 5) as u8).collect();
        let header = [("name".into(), (number % 3 > 0).then(|| Bytes::copy_from_slice(&value[..value.len().min(90)])))];
        let key = (number % 7 > 0).then(|| number.to_be_bytes());
        let headers = &header[..(number % 2) as usize];
        builder.append(WALL - number * 40, key.as_ref().map(|key| &key[..]), Some(&value), headers);
    }
    builder
}

#[test]
fn what_is_checked_in_turns_is_appended_as_what_is_checked_at_once() {
    let fixture = |target| Fixture::new(LogConfig { max_message_bytes: 4 << 20, ..topic(target) });
    for source in CODECS {
        for target in CODECS.map(|codec| TargetCompression::Codec(codec, 1)) {
            let batch = sent_in(source, many_records());
            let mut at_once = fixture(target);
            at_once.client(&batch).unwrap();
            let mut in_turns = fixture(target);
            let check = in_turns.log.client_batch_check(now(), &batch);
            assert_eq!(check.is_none(), (source, target.codec(source)) == (Compression::None, Compression::None));
            let (mut validated, mut turns) = (None, 0);
            if let Some(mut check) = check {
                while validated.is_none() {
                    validated = check.go_on(&batch, &mut 40_000);
                    // Nodes can be copied at any time.
                    check = check.clone();
                    turns += 1;
                }
                assert!(turns > 5, "{source:?} {target:?}: {turns}");
            }
            let how = (AppendOrigin::Client, &TransactionContext::default());
            in_turns.log.append_validated(now(), &batch, 3, how, validated, &mut in_turns.store).unwrap();
            let (header, records) = stored(&mut in_turns);
            assert_eq!((header, &records), (stored(&mut at_once).0, &stored(&mut at_once).1));
            let sent = RecordBatch::parse(&batch).unwrap();
            assert_eq!(records, sent.iter().unwrap().map(Result::unwrap).collect::<Vec<_>>());
        }
    }
}

#[test]
fn what_is_to_be_compressed_anew_is_checked_as_any_other() {
    let config = |codec| LogConfig { compact: true, ..topic(TargetCompression::Codec(codec, 1)) };
    for (source, target) in [(Compression::None, Compression::Zstd), (Compression::Lz4, Compression::None)] {
        let refused = |builder: BatchBuilder| {
            let error = Fixture::new(config(target)).client(&sent_in(source, builder)).unwrap_err();
            (error.code, error.record_errors.len())
        };
        let mut builder = BatchBuilder::new(0);
        builder.append(-5, Some(b"k"), Some(b"v"), &[]);
        assert_eq!(refused(builder.clone()), (ErrorCode::UnknownServerError, 0));
        // What is wrong with records comes first.
        builder.append(WALL, None, Some(b"v"), &[]);
        assert_eq!(refused(builder), (ErrorCode::InvalidRecord, 1));
    }
}

#[test]
fn markers_of_transactions_are_never_compressed() {
    let mut fixture = Fixture::new(topic(TargetCompression::Codec(Compression::Gzip, -1)));
    fixture.client(&sent_in(Compression::None, some_records())).unwrap();
    let marker = crate::record::control::end_transaction_marker(WALL, 7, 2, 0, true);
    let info = fixture.log.append_as_leader(now(), &marker, 3, AppendOrigin::Coordinator, &mut fixture.store).unwrap();
    let Read::Data { records } = fixture.log.read(info.first_offset, 1 << 20, Offset::MAX, true).unwrap() else {
        panic!("cold")
    };
    let header = BatchHeader::parse(&records.to_bytes()).unwrap();
    assert!(header.is_control() && header.compression() == Ok(Compression::None));
}

#[test]
fn what_a_coordinator_writes_gets_the_codec_of_the_topic_too() {
    let mut fixture = Fixture::new(topic(TargetCompression::Codec(Compression::Zstd, 3)));
    fixture.log.append_as_leader(now(), &batch(&["a", "b"]), 3, AppendOrigin::Coordinator, &mut fixture.store).unwrap();
    let (header, records) = stored(&mut fixture);
    assert_eq!((header.compression(), records.len(), records[1].offset), (Ok(Compression::Zstd), 2, 1));
}

#[test]
fn the_append_time_holds_for_what_was_compressed_anew() {
    let config = LogConfig {
        message_timestamp_type: TimestampType::LogAppendTime,
        ..topic(TargetCompression::Codec(Compression::Lz4, 9))
    };
    for source in [Compression::None, Compression::Lz4, Compression::Gzip] {
        let mut fixture = Fixture::new(config.clone());
        let mut builder = BatchBuilder::new(0);
        builder.append(5, None, Some(b"old"), &[]);
        builder.append(90, None, Some(b"older"), &[]);
        assert_eq!(fixture.client(&sent_in(source, builder)).unwrap().append_time, WALL);
        let (header, records) = stored(&mut fixture);
        assert_eq!((header.timestamp_type(), header.max_timestamp), (TimestampType::LogAppendTime, WALL));
        assert_eq!((header.compression(), header.base_timestamp), (Ok(Compression::Lz4), 5));
        assert!(records.iter().all(|record| record.timestamp == WALL));
    }
}

#[test]
fn a_batch_that_grows_too_large_is_refused_as_kafka_refuses_it() {
    let config = LogConfig { max_message_bytes: 200, ..topic(TargetCompression::Codec(Compression::None, 0)) };
    let mut builder = BatchBuilder::new(0);
    builder.append(WALL, None, Some(&[b'x'; 500]), &[]);
    let error = Fixture::new(config).client(&sent_in(Compression::Gzip, builder)).unwrap_err();
    let text = "Message batch size is 570 bytes in append topartition first-topic-0 which exceeds the maximum configured size of 200.";
    assert_eq!((error.code, &*error.message), (ErrorCode::MessageTooLarge, text));
}

#[test]
fn how_large_it_would_be_is_known_without_it_being_held() {
    let config = LogConfig { max_message_bytes: 5_000, ..topic(TargetCompression::Codec(Compression::None, 0)) };
    let mut builder = BatchBuilder::new(0);
    builder.append(WALL, None, Some(&vec![b'x'; 1_000_000]), &[]);
    builder.append(WALL, None, Some(&vec![b'x'; 1_000_000]), &[]);
    let size = builder.size();
    let error = Fixture::new(config).client(&sent_in(Compression::Gzip, builder)).unwrap_err();
    assert_eq!(error.code, ErrorCode::MessageTooLarge);
    assert!(error.message.starts_with(&alloc::format!("Message batch size is {size} bytes ")), "{}", error.message);
}

/// A batch whose offset deltas are not those of its places; the CRC is right.
fn with_wrong_deltas(codec: Compression) -> Bytes {
    let mut builder = BatchBuilder::new(0);
    builder.append(WALL, None, Some(b"a"), &[]);
    builder.append(WALL, None, Some(b"b"), &[]);
    let mut bytes = builder.build().to_vec();
    // Of the second record, which is as long as the first: length, attributes, timestamp and offset.
    let second = 61 + (bytes.len() - 61) / 2;
    bytes[second + 3] = 10;
    if codec != Compression::None {
        return recompressed(bytes);
    }
    let crc = crate::record::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    Bytes::from(bytes)
}

/// A batch with its records in gzip, and the CRC of that.
fn recompressed(mut bytes: Vec<u8>) -> Bytes {
    let records = gzip::compressor(-1).compress(&bytes[61..]);
    bytes.truncate(61);
    bytes.extend(records);
    bytes[22] = 1;
    let length = bytes.len() as u32 - 12;
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    let crc = crate::record::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    Bytes::from(bytes)
}

#[test]
fn offsets_inside_a_compressed_batch_are_counted_anew_where_they_are_wrong() {
    let mut fixture = Fixture::new(LogConfig::default());
    fixture.client(&with_wrong_deltas(Compression::Gzip)).unwrap();
    let (header, records) = stored(&mut fixture);
    let offsets: Vec<_> = records.iter().map(|record| record.offset).collect();
    assert_eq!((header.compression(), offsets), (Ok(Compression::Gzip), vec![0, 1]));
}

#[test]
fn they_are_counted_anew_in_turns_too() {
    let fixture = Fixture::new(LogConfig::default());
    let mut builder = BatchBuilder::new(0);
    builder.append(WALL, None, Some(&vec![b'x'; 300_000]), &[]);
    builder.append(WALL, None, Some(b"y"), &[]);
    let mut bytes = builder.build().to_vec();
    // Of the last record: length, attributes, timestamp and offset, then key, value and headers.
    let last = bytes.len() - 8;
    assert_eq!(bytes[last..], [14, 0, 0, 2, 1, 2, b'y', 0]);
    bytes[last + 3] = 10;
    let batch = recompressed(bytes);
    let mut check = fixture.log.client_batch_check(now(), &batch).unwrap();
    let (mut turns, mut validated) = (0, None);
    while validated.is_none() {
        (turns, validated) = (turns + 1, check.go_on(&batch, &mut 40_000));
    }
    assert!(turns > 20, "{turns}");
    let rebuilt = RecordBatch::parse(&validated.unwrap().unwrap().rebuilt.unwrap()).unwrap();
    assert_eq!((rebuilt.check_crc(), rebuilt.compression()), (Ok(()), Ok(Compression::Gzip)));
    let offsets: Vec<_> = rebuilt.iter().unwrap().map(|record| record.unwrap().offset).collect();
    assert_eq!(offsets, [0, 1]);
}

#[test]
fn offsets_inside_a_batch_that_nobody_compresses_are_believed_as_kafka_does() {
    let mut fixture = Fixture::new(LogConfig::default());
    let info = fixture.client(&with_wrong_deltas(Compression::None)).unwrap();
    assert_eq!((info.first_offset, info.last_offset), (0, 1));
}

#[test]
fn records_inside_a_compressed_batch_are_checked() {
    let compacted = LogConfig { compact: true, ..LogConfig::default() };
    let of = |timestamps: &[i64], is_keyed: bool| {
        let mut builder = BatchBuilder::new(0);
        for timestamp in timestamps {
            builder.append(*timestamp, is_keyed.then_some(&b"k"[..]), Some(b"v"), &[]);
        }
        builder
    };
    let far = WALL + 3_600_001;
    let no_key = "Compacted topic cannot accept message without key in topic partition first-topic-0";
    let late = alloc::format!(
        "Timestamp {far} of message with offset 1 is out of range. The timestamp should be within [{}, {}]",
        WALL.wrapping_sub(i64::MAX),
        WALL + 3_600_000
    );
    for codec in [Compression::None, Compression::Gzip] {
        for (builder, config, code, index, message) in [
            (of(&[WALL], false), &compacted, ErrorCode::InvalidRecord, 0, no_key),
            (of(&[WALL, far], true), &compacted, ErrorCode::InvalidTimestamp, 1, &*late),
        ] {
            let error = Fixture::new(config.clone()).client(&sent_in(codec, builder)).unwrap_err();
            let told = &error.record_errors[0];
            assert_eq!((error.code, told.batch_index, &*told.message), (code, index, message), "{codec:?}");
            assert_eq!(error.record_errors.len(), 1);
        }
        // Keyless and too late at once: Kafka looks at the key first, and says "timestamp" if there is one such record.
        let mixed = {
            let mut builder = of(&[WALL], false);
            builder.append(far, Some(b"k"), Some(b"v"), &[]);
            builder
        };
        let error = Fixture::new(compacted.clone()).client(&sent_in(codec, mixed)).unwrap_err();
        assert_eq!((error.code, error.record_errors.len()), (ErrorCode::InvalidTimestamp, 2));
    }
}

#[test]
fn who_sends_append_times_is_refused_where_the_topic_has_them_and_corrected_where_not() {
    let stamped = |codec| {
        let mut builder = BatchBuilder::new(0).log_append_time();
        builder.append(WALL - 7, None, Some(b"v"), &[]);
        sent_in(codec, builder)
    };
    let append_times = LogConfig { message_timestamp_type: TimestampType::LogAppendTime, ..LogConfig::default() };
    for (codec, record) in [
        (
            Compression::None,
            alloc::format!("DefaultRecord(offset=0, timestamp={}, key=0 bytes, value=1 bytes)", WALL - 7),
        ),
        (
            Compression::Gzip,
            alloc::format!("PartialDefaultRecord(offset=0, timestamp={}, key=-1 bytes, value=1 bytes)", WALL - 7),
        ),
    ] {
        let error = Fixture::new(append_times.clone()).client(&stamped(codec)).unwrap_err();
        let text = alloc::format!(
            "Invalid timestamp type in message {record}. Producer should not set timestamp type to LogAppendTime."
        );
        assert_eq!((error.code, &*error.record_errors[0].message), (ErrorCode::InvalidTimestamp, &*text));
        let mut fixture = Fixture::new(LogConfig::default());
        fixture.client(&stamped(codec)).unwrap();
        let (header, _) = stored(&mut fixture);
        assert_eq!((header.timestamp_type(), header.max_timestamp), (TimestampType::CreateTime, WALL - 7));
    }
}

#[test]
fn compressed_records_that_cannot_be_read_are_refused() {
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = sent_in(Compression::Gzip, some_records()).to_vec();
        change(&mut bytes);
        let crc = crate::record::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        bytes
    };
    for (bytes, code) in [
        // No gzip.
        (with(&|bytes| bytes[61] = 0), ErrorCode::UnknownServerError),
        // No codec has this number.
        (with(&|bytes| bytes[22] |= 7), ErrorCode::UnknownServerError),
        // It says that there are more records than there are, and fewer.
        (with(&|bytes| (bytes[26], bytes[60]) = (3, 4)), ErrorCode::InvalidRecord),
        (with(&|bytes| (bytes[26], bytes[60]) = (1, 2)), ErrorCode::InvalidRecord),
        (with(&|bytes| bytes[60] = 2), ErrorCode::InvalidRecord),
    ] {
        let mut fixture = Fixture::new(LogConfig::default());
        assert_eq!(fixture.client(&bytes).unwrap_err().code, code);
        assert_eq!(fixture.log.log_end_offset(), 0);
    }
}

#[test]
fn the_header_gets_the_largest_timestamp_of_compressed_records() {
    let mut bytes = sent_in(Compression::Snappy, some_records()).to_vec();
    crate::record::batch::stamp_time(&mut bytes, TimestampType::CreateTime, WALL + 1_000_000);
    let mut fixture = Fixture::new(LogConfig::default());
    fixture.client(&bytes).unwrap();
    assert_eq!(stored(&mut fixture).0.max_timestamp, WALL + 9);
}
