use super::super::memory_disk::MemoryDisk;
use super::super::storage::StoreQueue;
use super::*;
use crate::event::RetentionCause;
use crate::protocol::ErrorCode;
use crate::record::batches::Batches;
use crate::record::compression::gzip;
use crate::record::{BatchBuilder, RecordBatch, TimestampType};
use crate::time::Instant;
use alloc::string::String;
use alloc::vec::Vec;

mod compression;
mod tail;
mod transactions;

const WALL: i64 = 1_700_000_000_000;

fn now() -> Now {
    Now { monotonic: Instant::from_millis(1), wall_ms: WALL }
}

/// A log with its disk; everything appended is stored at once.
struct Fixture {
    log: UnifiedLog,
    store: StoreQueue,
    disk: MemoryDisk,
}

impl Fixture {
    fn new(config: LogConfig) -> Self {
        let mut store = StoreQueue::default();
        let log = UnifiedLog::create(
            TopicPartition::new("first-topic", 0),
            Uuid::from_u128(77),
            0,
            config,
            0,
            now(),
            &mut store,
        );
        Self { log, store, disk: MemoryDisk::default() }
    }

    fn sync(&mut self) {
        while let Some((ticket, commands)) = self.store.take() {
            self.disk.apply(&commands);
            self.log.stored(ticket);
        }
    }

    fn client(&mut self, batch: &[u8]) -> Result<AppendInfo, AppendError> {
        self.log.append_as_leader(now(), batch, 3, AppendOrigin::Client, &mut self.store)
    }

    fn values(&mut self, from: Offset, max_bytes: usize) -> Vec<(Offset, String)> {
        loop {
            match self.log.read(from, max_bytes, Offset::MAX, true).unwrap() {
                Read::Cold(range) => {
                    let bytes = self.disk.read(&range).unwrap();
                    self.log.loaded(now().monotonic, &range, &bytes);
                }
                Read::Data { records } => return values(&records.to_bytes()),
            }
        }
    }
}

fn values(bytes: &Bytes) -> Vec<(Offset, String)> {
    let mut found = Vec::new();
    for batch in Batches::new(bytes.clone()) {
        let batch = batch.unwrap();
        batch.check_crc().unwrap();
        for record in batch.iter().unwrap() {
            let record = record.unwrap();
            found.push((record.offset, String::from_utf8(record.value.unwrap().to_vec()).unwrap()));
        }
    }
    found
}

fn batch(values: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new(0);
    for value in values {
        builder.append(WALL, None, Some(value.as_bytes()), &[]);
    }
    builder.build()
}

fn idempotent(producer_epoch: i16, base_sequence: i32, count: usize) -> Bytes {
    let mut builder = BatchBuilder::new(0).with_producer(9, producer_epoch, base_sequence);
    for _ in 0..count {
        builder.append(WALL, None, Some(b"v"), &[]);
    }
    builder.build()
}

#[test]
fn a_leader_assigns_offsets_and_epoch_and_stores_what_it_serves() {
    let mut fixture = Fixture::new(LogConfig::default());
    for (values, first, last) in [(&["a"][..], 0, 0), (&["b", "c", "d"], 1, 3), (&["e"], 4, 4)] {
        let info = fixture.client(&batch(values)).unwrap();
        assert_eq!((info.first_offset, info.last_offset, info.append_time), (first, last, -1));
    }
    assert_eq!(fixture.log.log_end_offset(), 5);
    assert_eq!(fixture.log.recovery_point(), 0);
    fixture.sync();
    assert_eq!(fixture.log.recovery_point(), 5);
    let Read::Data { records } = fixture.log.read(0, 1 << 20, 5, true).unwrap() else { panic!("cold") };
    let file = fixture.disk.file("first-topic-0/00000000000000000000.log").unwrap();
    assert_eq!(&records.to_bytes()[..], file);
    assert_eq!(fixture.disk.file("first-topic-0/leader-epoch-checkpoint").unwrap(), b"0\n1\n3 0\n");
    assert_eq!(
        fixture.disk.file("first-topic-0/partition.metadata").unwrap(),
        alloc::format!("version: 0\ntopic_id: {}", Uuid::from_u128(77)).as_bytes()
    );
    let first = RecordBatch::parse(&Bytes::copy_from_slice(file)).unwrap();
    assert_eq!((first.base_offset, first.partition_leader_epoch), (0, 3));
}

#[test]
fn reads_begin_with_the_batch_that_holds_the_offset_and_end_with_a_whole_one() {
    let mut fixture = Fixture::new(LogConfig::default());
    for values in [&["a"][..], &["b", "c"], &["d"]] {
        fixture.client(&batch(values)).unwrap();
    }
    let size = batch(&["a"]).len();
    let pair = batch(&["a", "b"]).len();
    let all = [(0, "a"), (1, "b"), (2, "c"), (3, "d")];
    // From, most bytes, limit, at least one batch: first and after the last offset that comes.
    for (from, max_bytes, limit, min_one, expected) in [
        (0, 1 << 20, 4, true, 0..4),
        (0, 1, 4, true, 0..1),
        (0, 1, 4, false, 0..0),
        (0, size, 4, false, 0..1),
        (0, size + 1, 4, false, 0..1),
        (0, size + pair, 4, false, 0..3),
        (1, 1 << 20, 4, true, 1..4),
        (2, 1 << 20, 4, true, 1..4),
        (0, 1 << 20, 3, true, 0..3),
        (0, 1 << 20, 1, true, 0..1),
        (0, 1 << 20, 0, true, 0..0),
        (3, 1 << 20, 3, true, 0..0),
        (4, 1 << 20, 4, true, 0..0),
    ] {
        let Read::Data { records } = fixture.log.read(from, max_bytes, limit, min_one).unwrap() else { panic!("cold") };
        let expected: Vec<(Offset, String)> =
            all[expected].iter().map(|&(offset, value)| (offset, value.into())).collect();
        assert_eq!(values(&records.to_bytes()), expected, "{from} {max_bytes} {limit} {min_one}");
    }
    for from in [-1, 5] {
        assert_eq!(fixture.log.read(from, 1, 4, true), Err(ErrorCode::OffsetOutOfRange));
    }
}

#[test]
fn bad_batches_of_clients_are_refused_with_kafkas_words() {
    let config = LogConfig { max_message_bytes: 200, compact: true, ..LogConfig::default() };
    let keyed = |timestamp: i64, value: &[u8]| {
        let mut builder = BatchBuilder::new(0);
        builder.append(timestamp, Some(b"k"), Some(value), &[]);
        builder
    };
    let damaged = |position: usize, change: &dyn Fn(&mut u8)| {
        let mut bytes = keyed(WALL, b"v").build().to_vec();
        change(&mut bytes[position]);
        bytes
    };
    let far = WALL + 3_600_001;
    let crc = RecordBatch::parse(&keyed(WALL, b"v").build()).unwrap().crc;
    let control = {
        let mut builder = BatchBuilder::new(0).control();
        builder.append(WALL, Some(b"k"), None, &[]);
        builder.build().to_vec()
    };
    for (bytes, code, message) in [
        (
            keyed(WALL, &[b'x'; 200]).build().to_vec(),
            ErrorCode::MessageTooLarge,
            "The record batch size in the append to first-topic-0 is 271 bytes which exceeds the maximum configured value of 200).".into(),
        ),
        (
            damaged(69, &|byte| *byte ^= 1),
            ErrorCode::CorruptMessage,
            alloc::format!("Record is corrupt (stored crc = {crc}) in topic partition first-topic-0."),
        ),
        (
            damaged(7, &|byte| *byte = 5),
            ErrorCode::InvalidRecord,
            "The baseOffset of the record batch in the append to first-topic-0 should be 0, but it is 5".into(),
        ),
        (control, ErrorCode::InvalidRecord, "Clients are not allowed to write control records in topic partition first-topic-0".into()),
        (
            keyed(far, b"v").build().to_vec(),
            ErrorCode::InvalidTimestamp,
            "One or more records have been rejected due to invalid timestamp".into(),
        ),
        (
            batch(&["no key"]).to_vec(),
            ErrorCode::InvalidRecord,
            "One or more records have been rejected due to 1 record errors in total, and only showing the first three errors at most: [RecordError(batchIndex=0, message='Compacted topic cannot accept message without key in topic partition first-topic-0')]".into(),
        ),
    ] {
        let mut fixture = Fixture::new(config.clone());
        let error = fixture.client(&bytes).unwrap_err();
        assert_eq!((error.code, error.message), (code, message));
        assert_eq!(fixture.log.log_end_offset(), 0);
    }
}

#[test]
fn log_append_time_is_stamped_with_a_new_crc() {
    let config = LogConfig { message_timestamp_type: TimestampType::LogAppendTime, ..LogConfig::default() };
    let mut fixture = Fixture::new(config);
    let mut builder = BatchBuilder::new(0);
    builder.append(5, None, Some(b"old"), &[]);
    let info = fixture.client(&builder.build()).unwrap();
    assert_eq!(info.append_time, WALL);
    let Read::Data { records } = fixture.log.read(0, 100, 1, true).unwrap() else { panic!("cold") };
    let stored = RecordBatch::parse(&records.to_bytes()).unwrap();
    stored.check_crc().unwrap();
    assert_eq!((stored.timestamp_type(), stored.max_timestamp), (TimestampType::LogAppendTime, WALL));
    assert_eq!(stored.iter().unwrap().next().unwrap().unwrap().timestamp, WALL);
}

#[test]
fn idempotent_producers_are_held_to_their_sequences() {
    let mut fixture = Fixture::new(LogConfig::default());
    // Epoch, first sequence, records: first offset and whether it is a duplicate, or the error.
    for (epoch, sequence, count, expected) in [
        (2, 7, 2, Ok((0, false))),
        (2, 9, 3, Ok((2, false))),
        (2, 7, 2, Ok((0, true))),
        (2, 9, 3, Ok((2, true))),
        (
            2,
            13,
            1,
            Err((
                ErrorCode::OutOfOrderSequenceNumber,
                "Out of order sequence number for producer 9 at offset 5 in partition first-topic-0: 13 (incoming seq. number), 11 (current end sequence number)",
            )),
        ),
        (
            1,
            12,
            1,
            Err((
                ErrorCode::InvalidProducerEpoch,
                "Epoch of producer 9 at offset 5 in first-topic-0 is 1, which is < the last seen epoch 2 (TV-1)",
            )),
        ),
        (
            3,
            12,
            1,
            Err((
                ErrorCode::OutOfOrderSequenceNumber,
                "Invalid sequence number for new epoch of producer 9at offset 5 in partition first-topic-0: 3 (request epoch), 12 (seq. number), 2 (current producer epoch)",
            )),
        ),
        (3, 0, 1, Ok((5, false))),
        (3, 1, 1, Ok((6, false))),
        (3, 2, 1, Ok((7, false))),
        (3, 3, 1, Ok((8, false))),
        (3, 4, 1, Ok((9, false))),
        (3, 5, 1, Ok((10, false))),
        (3, 1, 1, Ok((6, true))),
        (
            3,
            0,
            1,
            Err((
                ErrorCode::OutOfOrderSequenceNumber,
                "Out of order sequence number for producer 9 at offset 11 in partition first-topic-0: 0 (incoming seq. number), 5 (current end sequence number)",
            )),
        ),
    ] {
        let result = fixture.client(&idempotent(epoch, sequence, count));
        match expected {
            Ok(expected) => {
                let info = result.unwrap();
                assert_eq!((info.first_offset, info.duplicate), expected, "{epoch} {sequence}");
            }
            Err((code, message)) => {
                let error = result.unwrap_err();
                assert_eq!((error.code, error.message.as_str()), (code, message));
            }
        }
    }
}

#[test]
fn a_follower_appends_as_is_and_leaves_out_what_is_cut_off_or_of_a_later_epoch() {
    let mut leader = Fixture::new(LogConfig::default());
    for (epoch, value) in [(1, "a"), (1, "b"), (4, "c")] {
        leader.log.append_as_leader(now(), &batch(&[value]), epoch, AppendOrigin::Client, &mut leader.store).unwrap();
    }
    let Read::Data { records } = leader.log.read(0, 1 << 20, 3, true).unwrap() else { panic!("cold") };
    let bytes = records.to_bytes();
    let one = bytes.len() / 3;
    for (length, epoch, end) in
        [(bytes.len(), 4, 3), (bytes.len(), 3, 2), (bytes.len() - 1, 4, 2), (one + 30, 4, 1), (10, 4, 0)]
    {
        let mut follower = Fixture::new(LogConfig::default());
        follower.log.append_as_follower(now(), &bytes[..length], epoch, &mut follower.store).unwrap();
        assert_eq!(follower.log.log_end_offset(), end, "{length} {epoch}");
    }
    let mut follower = Fixture::new(LogConfig::default());
    follower.log.append_as_follower(now(), &bytes, 4, &mut follower.store).unwrap();
    assert_eq!(follower.log.leader_epoch_cache(), leader.log.leader_epoch_cache());
    let error = follower.log.append_as_follower(now(), &bytes, 4, &mut follower.store).unwrap_err();
    assert_eq!(error.code, ErrorCode::OffsetOutOfRange);
}

/// Segments of about ten batches of one record, with an index entry every few.
fn small_segments() -> LogConfig {
    LogConfig { segment_bytes: 800, index_interval_bytes: 200, ..LogConfig::default() }
}

fn fill(fixture: &mut Fixture, count: usize) {
    for index in fixture.log.log_end_offset()..count as i64 {
        fixture.client(&batch(&[&alloc::format!("value {index:03}")])).unwrap();
    }
    fixture.sync();
    fixture.log.maybe_increment_high_watermark(count as i64);
}

#[test]
fn evicted_chunks_are_read_back_as_they_were() {
    let mut fixture = Fixture::new(small_segments());
    fill(&mut fixture, 100);
    let before: Vec<_> = (0..100).map(|offset| fixture.values(offset, 300)).collect();
    let mut evicted = 0;
    while let Some(coldest) = fixture.log.coldest(now().monotonic) {
        evicted += fixture.log.evict(coldest, now().monotonic);
    }
    assert_eq!(evicted + fixture.log.warm_bytes(), fixture.log.size());
    let active = fixture.log.segments().last().unwrap().1;
    assert_eq!(fixture.log.warm_bytes(), active, "only the active segment stays");
    let after: Vec<_> = (0..100).map(|offset| fixture.values(offset, 300)).collect();
    assert_eq!(before, after);
}

#[test]
fn retention_deletes_the_oldest_committed_segments() {
    let mut fixture = Fixture::new(LogConfig { retention_bytes: Some(2000), ..small_segments() });
    fill(&mut fixture, 100);
    let bases: Vec<Offset> = fixture.log.segments().map(|(base, _)| base).collect();
    let size = fixture.log.size();
    let deleted = fixture.log.delete_retention(now(), &mut fixture.store);
    let [DeletedSegments { cause: RetentionCause::Size, segments: deleted, bytes }] = deleted[..] else {
        panic!("{deleted:?}")
    };
    assert_eq!(fixture.log.size(), size - bytes);
    fixture.sync();
    assert!(deleted > 3 && fixture.log.size() >= 2000 && fixture.log.size() < 2000 + 800);
    assert_eq!(fixture.log.log_start_offset(), bases[deleted]);
    assert_eq!(fixture.log.leader_epoch_cache().entries()[0].start_offset, bases[deleted]);
    assert!(fixture.disk.file("first-topic-0/00000000000000000000.log").is_none());
    // By time everything goes, and a new segment begins at the end.
    fixture.log.update_config(LogConfig { retention_ms: Some(1), ..small_segments() });
    let later = Now { wall_ms: WALL + 10, ..now() };
    let deleted = fixture.log.delete_retention(later, &mut fixture.store);
    assert_eq!(deleted.iter().map(|deleted| deleted.cause).collect::<Vec<_>>(), [RetentionCause::Time]);
    assert_eq!((fixture.log.log_start_offset(), fixture.log.log_end_offset(), fixture.log.size()), (100, 100, 0));
}

#[test]
fn truncation_forgets_what_lies_beyond() {
    for target in [0, 1, 9, 10, 11, 55, 99, 100] {
        let mut fixture = Fixture::new(small_segments());
        fill(&mut fixture, 100);
        fixture.log.assign_epoch_start_offset(8, 100, &mut fixture.store);
        fixture.log.truncate_to(now(), target, &mut fixture.store).unwrap();
        fixture.sync();
        assert_eq!(fixture.log.log_end_offset(), target);
        assert_eq!((fixture.log.high_watermark(), fixture.log.recovery_point()), (target, target));
        assert_eq!(fixture.log.latest_epoch(), Some(3).filter(|_| target > 0), "nothing was written in epoch 8");
        let stored: Vec<u8> = fixture
            .disk
            .files()
            .filter(|(path, _)| path.ends_with(".log"))
            .flat_map(|(_, content)| content.to_vec())
            .collect();
        assert_eq!(values(&Bytes::from(stored)).len(), target as usize);
        fill(&mut fixture, 120);
        assert_eq!(fixture.values(target.min(5), 1 << 20).first().unwrap().0, target.min(5));
        assert_eq!(fixture.log.log_end_offset(), 120);
    }
}

#[test]
fn timestamps_find_records_inside_compressed_batches() {
    let mut fixture = Fixture::new(LogConfig::default());
    for first in [10, 40] {
        let mut builder = BatchBuilder::new(0);
        for timestamp in [first, first + 20, first + 10] {
            builder.append(WALL + timestamp, None, Some(b"v"), &[]);
        }
        fixture.client(&builder.compressed(&gzip::compressor(-1)).build()).unwrap();
    }
    for (timestamp, expected) in
        [(0, Some((10, 0))), (15, Some((30, 1))), (31, Some((40, 3))), (60, Some((60, 4))), (61, None)]
    {
        let found = fixture.log.offset_for_timestamp(WALL + timestamp).unwrap();
        assert_eq!(found.map(|found| (found.timestamp - WALL, found.offset)), expected, "{timestamp}");
    }
    let newest = fixture.log.offset_of_max_timestamp().unwrap().unwrap();
    assert_eq!((newest.timestamp - WALL, newest.offset), (60, 4));
}

#[test]
fn timestamps_find_the_first_record_at_or_after_them() {
    let mut fixture = Fixture::new(small_segments());
    for index in 0..60 {
        let mut builder = BatchBuilder::new(0);
        builder.append(WALL + index * 20, None, Some(b"a"), &[]);
        builder.append(WALL + index * 20 + 10, None, Some(b"b"), &[]);
        fixture.client(&builder.build()).unwrap();
    }
    for (timestamp, expected) in
        [(0, Some(0)), (1, Some(1)), (10, Some(1)), (11, Some(2)), (605, Some(61)), (1190, Some(119)), (1191, None)]
    {
        let found = fixture.log.offset_for_timestamp(WALL + timestamp).unwrap();
        assert_eq!(found.map(|found| found.offset), expected, "{timestamp}");
    }
    assert_eq!(fixture.log.offset_of_max_timestamp().unwrap().unwrap().offset, 119);
}
