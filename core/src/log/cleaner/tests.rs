//! Logs of a manager, cleaned turn by turn.

mod random;

use super::*;
use crate::ids::{Offset, TopicPartition, Uuid};
use crate::log::log_manager::{CleaningOutput, LogManager, LogManagerConfig};
use crate::log::memory_disk::MemoryDisk;
use crate::log::storage::StoreQueue;
use crate::log::{AppendOrigin, LogConfig, Read, UnifiedLog};
use crate::record::compression::TargetCompression;
use crate::record::control::end_transaction_marker;
use crate::record::{BatchBuilder, Batches, Compression, RecordBatch};
use crate::time::{Instant, Now};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;

const WALL: i64 = 1_700_000_000_000;
/// Time enough for a pass.
const LONG: u64 = 20_000;

fn partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

/// Every batch is a segment of its own, and everything dirty is cleaned.
fn config() -> LogConfig {
    LogConfig {
        compact: true,
        delete: false,
        segment_bytes: 100_000,
        segment_ms: 50,
        index_interval_bytes: 100,
        min_cleanable_dirty_millionths: 0,
        delete_retention_ms: 100_000,
        ..LogConfig::default()
    }
}

/// Key, value.
type Pair<'a> = (&'a str, Option<&'a str>);

struct Stage {
    manager: LogManager,
    stores: Vec<StoreQueue>,
    disk: MemoryDisk,
    millis: u64,
    cleaner: CleanerConfig,
    /// Ranges loaded for the cleaner.
    loads: usize,
}

impl Stage {
    fn new(config: &LogConfig) -> Self {
        let mut stage = Self::open(MemoryDisk::default(), 0, CleanerConfig::default(), config);
        let (now, config) = (stage.now(), config.clone());
        stage.manager.log_or_create(now, &partition(), Uuid::from_u128(9), None, config, &mut stage.stores).unwrap();
        stage.sync();
        stage
    }

    /// A start on what is on a disk.
    fn open(mut disk: MemoryDisk, millis: u64, cleaner: CleanerConfig, config: &LogConfig) -> Self {
        let now = Now { monotonic: Instant::from_millis(millis), wall_ms: WALL + millis as i64 };
        let manager_config = LogManagerConfig { default_log: config.clone(), cleaner, ..LogManagerConfig::default() };
        let mut manager = LogManager::new(now, manager_config, &[disk.listing("/logs")]);
        let mut stores = alloc::vec![StoreQueue::default()];
        while !manager.is_loaded() {
            if let Some(request) = manager.next_load(now, &mut stores) {
                let bytes = disk.read(&request.range).unwrap();
                manager.load_done(request.id, &bytes, &mut stores);
            }
        }
        while let Some((ticket, commands)) = stores[0].take() {
            disk.apply(&commands);
            manager.stored(0, ticket);
        }
        Self { manager, stores, disk, millis, cleaner, loads: 0 }
    }

    /// A crash after everything is stored, and a start.
    fn restart(&mut self, config: &LogConfig) {
        let disk = core::mem::take(&mut self.disk);
        *self = Self { loads: self.loads, ..Self::open(disk, self.millis, self.cleaner, config) };
        let end = self.log().log_end_offset();
        self.log().maybe_increment_high_watermark(end);
    }

    fn now(&self) -> Now {
        Now { monotonic: Instant::from_millis(self.millis), wall_ms: WALL + self.millis as i64 }
    }

    fn log(&mut self) -> &mut UnifiedLog {
        self.manager.log_mut(&partition()).unwrap()
    }

    fn sync(&mut self) {
        while let Some((ticket, commands)) = self.stores[0].take() {
            self.disk.apply(&commands);
            self.manager.stored(0, ticket);
        }
    }

    /// One turn of the node: a tick, and what it wants loaded and stored.
    fn turn(&mut self) {
        let now = self.now();
        self.manager.tick(now, &mut self.stores);
        while let Some(output) = self.manager.poll_cleaning() {
            if let CleaningOutput::Load { partition, range } = output {
                self.sync();
                let bytes = self.disk.read(&range).unwrap();
                self.manager.log_mut(&partition).unwrap().loaded(now.monotonic, &range, &bytes);
                self.manager.cleaning_loaded();
                self.loads += 1;
            }
        }
        self.sync();
    }

    /// Time passes; what is due is done.
    fn wait(&mut self, millis: u64) {
        let end = self.millis + millis;
        while self.millis < end {
            self.turn();
            let next = self.manager.next_deadline().map_or(end, |(at, _)| at.as_micros().div_ceil(1000));
            self.millis = next.clamp(self.millis + 1, end);
        }
        self.turn();
    }

    fn append(&mut self, origin: AppendOrigin, batch: &[u8]) {
        // A segment is closed where the next one is old enough.
        self.millis += 100;
        let now = self.now();
        let log = self.manager.log_mut(&partition()).unwrap();
        log.append_as_leader(now, batch, 3, origin, &mut self.stores[0]).unwrap();
        let end = log.log_end_offset();
        log.maybe_increment_high_watermark(end);
        self.sync();
    }

    fn builder(&self, pairs: &[Pair<'_>]) -> BatchBuilder {
        self.fill(BatchBuilder::new(0), pairs)
    }

    fn fill(&self, mut builder: BatchBuilder, pairs: &[Pair<'_>]) -> BatchBuilder {
        for (key, value) in pairs {
            let time = WALL + self.millis as i64 + 100;
            builder.append(time, Some(key.as_bytes()), value.map(str::as_bytes), &[]);
        }
        builder
    }

    fn put(&mut self, pairs: &[Pair<'_>]) {
        let batch = self.builder(pairs).build();
        self.append(AppendOrigin::Client, &batch);
    }

    fn put_compressed(&mut self, codec: Compression, pairs: &[Pair<'_>]) {
        let compressor = TargetCompression::Producer.compressor(codec);
        let batch = self.builder(pairs).compressed(&compressor).build();
        self.append(AppendOrigin::Client, &batch);
    }

    fn transactional(&mut self, producer: i64, sequence: i32, pairs: &[Pair<'_>]) {
        let builder = BatchBuilder::new(0).with_producer(producer, 0, sequence).transactional();
        let batch = self.fill(builder, pairs).build();
        self.append(AppendOrigin::Client, &batch);
    }

    fn end(&mut self, producer: i64, committed: bool) {
        let marker = end_transaction_marker(WALL + self.millis as i64 + 100, producer, 0, 5, committed);
        self.append(AppendOrigin::Coordinator, &marker);
    }

    fn batches(&mut self) -> Vec<RecordBatch> {
        let (disk, start) = (self.disk.clone(), self.log().log_start_offset());
        let end = self.log().log_end_offset();
        let batches = self.log().batches(start, end, |range| disk.read(range));
        for batch in &batches {
            batch.check_crc().unwrap();
        }
        batches
    }

    /// Everything in the log, as `offset key=value`, in order; what is no record is left out.
    fn records(&mut self) -> Vec<String> {
        let mut found = Vec::new();
        for batch in self.batches().iter().filter(|batch| !batch.is_control()) {
            for record in batch.iter().unwrap() {
                let record = record.unwrap();
                let text = |field: &Option<Bytes>| {
                    field.as_ref().map_or("-".to_string(), |bytes| String::from_utf8_lossy(bytes).to_string())
                };
                found.push(format!("{} {}={}", record.offset, text(&record.key), text(&record.value)));
            }
        }
        found
    }

    /// Files of the log, but for those that every log has.
    fn segments(&self) -> Vec<String> {
        let names = self.disk.files().filter_map(|(path, _)| path.strip_prefix("t-0/"));
        names.filter(|name| name.contains(".log")).map(|name| name.trim_start_matches('0').to_string()).collect()
    }

    fn checkpoint(&self) -> Option<String> {
        self.disk
            .file(crate::log::checkpoint::CLEANER_CHECKPOINT)
            .map(|bytes| String::from_utf8_lossy(bytes).to_string())
    }
}

#[test]
fn the_last_record_of_each_key_is_left_at_its_offset_and_the_active_segment_is_not_cleaned() {
    let mut stage = Stage::new(&config());
    stage.put(&[("a", Some("1")), ("b", Some("2")), ("a", Some("3"))]);
    stage.put(&[("b", Some("4")), ("c", Some("5"))]);
    stage.put(&[("a", Some("6"))]);
    stage.put(&[("c", Some("7")), ("c", Some("8"))]);
    stage.wait(LONG);
    assert_eq!(stage.records(), ["3 b=4", "4 c=5", "5 a=6", "6 c=7", "7 c=8"]);
    assert_eq!(stage.segments(), [".log", "6.log"], "closed segments are put together");
    assert_eq!(stage.checkpoint().as_deref(), Some("0\n1\nt 0 6\n"));
    let ends: Vec<_> = stage.batches().iter().map(|batch| (batch.base_offset, batch.last_offset())).collect();
    assert_eq!(ends, [(3, 4), (5, 5), (6, 7)], "batches keep their range");
    // Again, with what has become old in between.
    stage.put(&[("d", Some("9"))]);
    stage.wait(LONG);
    assert_eq!(stage.records(), ["3 b=4", "5 a=6", "7 c=8", "8 d=9"]);
    stage.restart(&config());
    assert_eq!(stage.records(), ["3 b=4", "5 a=6", "7 c=8", "8 d=9"]);
    assert_eq!(stage.log().cleaner_checkpoint(), Some(8));
}

#[test]
fn batches_stay_compressed_as_they_were() {
    for codec in Compression::ALL {
        let mut stage = Stage::new(&config());
        let long = "x".repeat(300);
        stage.put_compressed(codec, &[("a", Some("1")), ("b", Some(&long)), ("c", Some("3"))]);
        stage.put_compressed(codec, &[("a", Some("4"))]);
        stage.put_compressed(codec, &[("z", Some("5"))]);
        stage.wait(LONG);
        assert_eq!(stage.records(), [format!("1 b={long}"), "2 c=3".into(), "3 a=4".into(), "4 z=5".into()]);
        assert!(stage.batches().iter().all(|batch| batch.compression() == Ok(codec)), "{codec:?}");
    }
}

#[test]
fn reads_within_a_gap_begin_behind_it_and_times_are_found_over_it() {
    let mut stage = Stage::new(&config());
    for _ in 0..20 {
        stage.put(&[("a", Some("old"))]);
    }
    stage.put(&[("a", Some("new"))]);
    stage.put(&[("b", Some("active"))]);
    let time = WALL + stage.millis as i64;
    stage.wait(LONG);
    assert_eq!(stage.records(), ["20 a=new", "21 b=active"]);
    for from in [0, 7, 19, 20] {
        let Read::Data { records } = stage.log().read(from, 1 << 20, 30, true).unwrap() else { panic!("cold") };
        let first = Batches::new(records.to_bytes()).next().unwrap().unwrap();
        assert_eq!(first.base_offset, 20, "{from}");
    }
    assert_eq!(stage.log().offset_for_timestamp(WALL).unwrap().map(|found| found.offset), Some(20));
    assert_eq!(stage.log().offset_for_timestamp(time).unwrap().map(|found| found.offset), Some(21));
    assert_eq!(stage.log().log_start_offset(), 0);
}

#[test]
fn a_tombstone_stays_for_delete_retention_and_goes_then() {
    let mut stage = Stage::new(&config());
    stage.put(&[("a", Some("1")), ("b", Some("2"))]);
    stage.put(&[("a", None)]);
    stage.put(&[("z", Some("3"))]);
    stage.wait(LONG);
    assert_eq!(stage.records(), ["1 b=2", "2 a=-", "3 z=3"]);
    let horizon = stage.batches()[1].delete_horizon_ms().unwrap();
    let begun = horizon - config().delete_retention_ms;
    assert!((WALL..WALL + stage.millis as i64).contains(&begun), "{begun}");
    stage.put(&[("z", Some("4"))]);
    stage.wait(LONG);
    assert_eq!(stage.records(), ["1 b=2", "2 a=-", "3 z=3", "4 z=4"], "its time is not over");
    assert_eq!(stage.batches()[1].delete_horizon_ms(), Some(horizon), "which is not set anew");
    stage.wait(100_000);
    stage.put(&[("z", Some("5"))]);
    stage.wait(LONG);
    assert_eq!(stage.records(), ["1 b=2", "4 z=4", "5 z=5"]);
}

#[test]
fn the_last_batch_of_a_producer_stays_without_a_record() {
    let mut stage = Stage::new(&config());
    let batch = stage.fill(BatchBuilder::new(0).with_producer(7, 0, 0), &[("a", Some("1")), ("a", Some("2"))]).build();
    stage.append(AppendOrigin::Client, &batch);
    stage.put(&[("a", Some("3"))]);
    stage.put(&[("z", Some("4"))]);
    stage.wait(LONG);
    assert_eq!(stage.records(), ["2 a=3", "3 z=4"]);
    let first = stage.batches()[0].clone();
    assert_eq!((first.producer_id, first.last_offset(), first.last_sequence(), first.records_count), (7, 1, 1, 0));
    stage.restart(&config());
    let batch = stage.fill(BatchBuilder::new(0).with_producer(7, 0, 2), &[("b", Some("5"))]).build();
    stage.append(AppendOrigin::Client, &batch);
    stage.put(&[("z", Some("6"))]);
    stage.wait(LONG);
    assert_eq!(stage.batches()[0].base_offset, 2, "once the producer wrote again its old batch goes");
}

#[test]
fn the_last_batch_of_a_pass_stays_so_that_nobody_waits_before_the_end() {
    let mut stage = Stage::new(&config());
    stage.put(&[("a", None)]);
    stage.wait(LONG);
    let now = stage.now();
    stage.manager.log_mut(&partition()).unwrap().roll(now, &mut stage.stores[0]);
    stage.wait(LONG);
    stage.log().update_config(LogConfig { max_compaction_lag_ms: 1, ..config() });
    stage.wait(200_000);
    let batches = stage.batches();
    assert_eq!(batches.iter().map(|batch| (batch.base_offset, batch.last_offset())).collect::<Vec<_>>(), [(0, 0)]);
    assert_eq!(stage.log().log_end_offset(), 1);
}

#[test]
fn aborted_records_go_and_their_marker_some_time_later() {
    let mut stage = Stage::new(&config());
    stage.put(&[("a", Some("0"))]);
    stage.transactional(7, 0, &[("a", Some("1")), ("b", Some("2"))]);
    stage.end(7, false);
    stage.transactional(7, 2, &[("a", Some("4"))]);
    stage.end(7, true);
    stage.put(&[("a", Some("6"))]);
    stage.put(&[("z", Some("7"))]);
    stage.wait(LONG);
    // The last batch of the producer is the committed one, empty.
    assert_eq!(stage.records(), ["6 a=6", "7 z=7"]);
    let kinds = |stage: &mut Stage| -> Vec<(Offset, i32, bool)> {
        let batches = stage.batches();
        batches.iter().map(|batch| (batch.base_offset, batch.records_count, batch.is_control())).collect()
    };
    assert_eq!(
        kinds(&mut stage),
        [(3, 1, true), (4, 0, false), (5, 1, true), (6, 1, false), (7, 1, false)],
        "markers stay for readers on their way"
    );
    stage.wait(110_000);
    stage.put(&[("z", Some("8"))]);
    stage.wait(110_000);
    assert!(stage.log().aborted_between(0, 100).is_empty(), "nothing aborted is left to tell of");
    stage.put(&[("z", Some("9"))]);
    stage.wait(LONG);
    let left = kinds(&mut stage);
    assert_eq!(
        left[..2],
        [(4, 0, false), (5, 1, true)],
        "the abort marker is gone, the other one has a batch: {left:?}"
    );
    stage.restart(&config());
    assert_eq!(stage.log().last_stable_offset(), stage.log().log_end_offset(), "no transaction is open");
}

#[test]
fn an_open_transaction_is_not_cleaned_nor_what_is_behind_it() {
    let mut stage = Stage::new(&config());
    stage.put(&[("a", Some("0"))]);
    stage.put(&[("a", Some("1"))]);
    stage.transactional(7, 0, &[("b", Some("2"))]);
    stage.put(&[("a", Some("3"))]);
    stage.put(&[("a", Some("4"))]);
    stage.put(&[("z", Some("5"))]);
    stage.wait(LONG);
    assert_eq!(stage.records(), ["1 a=1", "2 b=2", "3 a=3", "4 a=4", "5 z=5"]);
    stage.end(7, false);
    stage.put(&[("z", Some("7"))]);
    stage.wait(LONG);
    assert_eq!(stage.records(), ["4 a=4", "5 z=5", "7 z=7"]);
}

#[test]
fn records_younger_than_the_lag_stay_and_overdue_ones_are_cleaned_in_a_clean_log() {
    let lag = LogConfig { min_compaction_lag_ms: 60_000, ..config() };
    let mut stage = Stage::new(&lag);
    stage.put(&[("a", Some("1"))]);
    stage.put(&[("a", Some("2"))]);
    stage.put(&[("z", Some("3"))]);
    stage.wait(LONG);
    assert_eq!(stage.records().len(), 3);
    stage.wait(60_000);
    assert_eq!(stage.records(), ["1 a=2", "2 z=3"]);

    let mostly_clean = LogConfig { min_cleanable_dirty_millionths: 1_000_000, ..config() };
    let mut stage = Stage::new(&mostly_clean);
    stage.put(&[("a", Some("1"))]);
    stage.put(&[("a", Some("2"))]);
    stage.put(&[("z", Some("3"))]);
    stage.wait(LONG);
    assert_eq!(stage.records().len(), 3, "a ratio has to be exceeded");
    stage.log().update_config(LogConfig { max_compaction_lag_ms: 30_000, ..mostly_clean });
    stage.wait(60_000);
    assert_eq!(stage.records(), ["1 a=2", "2 z=3"]);
}

#[test]
fn keys_that_do_not_fit_are_cleaned_in_another_pass() {
    let mut stage = Stage::new(&config());
    stage.cleaner.buffer_bytes = 400;
    stage.manager.set_cleaner_config(stage.cleaner);
    for round in 0..3 {
        for key in 0..30 {
            stage.put(&[(&format!("key-{key}"), Some(&format!("{round}")))]);
        }
    }
    stage.put(&[("z", Some("z"))]);
    stage.wait(LONG);
    let records = stage.records();
    assert_eq!(records.len(), 31, "{records:?}");
    assert!(records.iter().all(|record| record.ends_with("=2") || record.ends_with("=z")), "{records:?}");
    assert_eq!(stage.log().cleaner_checkpoint(), Some(90));
}

#[test]
fn a_long_log_is_cleaned_in_turns_and_what_is_cold_is_loaded() {
    let mut stage = Stage::new(&LogConfig { segment_bytes: 1 << 20, ..config() });
    let value = "v".repeat(20_000);
    for index in 0..100 {
        stage.put(&[(&format!("{}", index % 40), Some(&value))]);
    }
    let (now, config) = (stage.now(), stage.log().config().clone());
    for _ in 0..10 {
        let last = stage.log().coldest(now.monotonic);
        if let Some(last) = last {
            stage.log().evict(last, now.monotonic);
        }
    }
    let before = stage.millis;
    let mut turns = 0;
    while stage.log().cleaner_checkpoint().is_none() {
        let step = stage.manager.next_deadline().unwrap().0.as_micros().div_ceil(1000);
        stage.millis = step.max(stage.millis);
        let read = stage.log().size();
        stage.turn();
        turns += u32::from(stage.log().size() <= read);
        assert!(stage.millis < before + 60_000, "it comes to an end");
    }
    assert!(turns > 10, "{turns}");
    assert!(stage.loads > 0);
    assert_eq!(stage.records().len(), 41);
    stage.restart(&config);
    assert_eq!(stage.records().len(), 41);
}

#[test]
fn a_pass_ends_where_its_log_is_cut_deleted_or_not_compacted_any_more() {
    for what in ["truncated", "deleted", "policy", "restart"] {
        let mut stage = Stage::new(&config());
        let value = "v".repeat(30_000);
        for index in 0..60 {
            stage.put(&[(&format!("{}", index % 20), Some(&value))]);
        }
        let is_under_way = |stage: &Stage| stage.segments().iter().any(|name| name.ends_with(".cleaned"));
        while !is_under_way(&stage) {
            stage.millis += 5;
            stage.turn();
        }
        let now = stage.now();
        match what {
            "truncated" => {
                let log = stage.manager.log_mut(&partition()).unwrap();
                log.truncate_to(now, 50, &mut stage.stores[0]).unwrap();
            }
            "deleted" => assert!(stage.manager.delete_log(&partition(), &mut stage.stores)),
            "policy" => stage.log().update_config(LogConfig { compact: false, ..config() }),
            _ => stage.restart(&config()),
        }
        stage.turn();
        assert!(!is_under_way(&stage), "{what}: {:?}", stage.segments());
        if what == "truncated" {
            stage.wait(LONG);
            assert_eq!(stage.log().log_end_offset(), 50);
            assert_eq!(stage.log().cleaner_checkpoint(), Some(50), "it is cleaned after all");
        }
    }
}

#[test]
fn a_checkpoint_goes_back_with_a_truncation() {
    let mut stage = Stage::new(&config());
    for _ in 0..5 {
        stage.put(&[("a", Some("1"))]);
    }
    stage.wait(LONG);
    assert_eq!(stage.log().cleaner_checkpoint(), Some(4));
    let now = stage.now();
    stage.manager.log_mut(&partition()).unwrap().truncate_to(now, 2, &mut stage.stores[0]).unwrap();
    stage.turn();
    assert_eq!(stage.checkpoint().as_deref(), Some("0\n1\nt 0 2\n"));
}

#[test]
fn a_policy_of_both_deletes_old_segments_too_and_without_a_cleaner_nothing_happens() {
    let both = LogConfig { delete: true, retention_ms: Some(40_000), ..config() };
    let mut stage = Stage::new(&both);
    stage.put(&[("a", Some("1")), ("b", Some("2"))]);
    stage.put(&[("a", Some("3"))]);
    stage.put(&[("z", Some("4"))]);
    stage.wait(LONG);
    assert_eq!(stage.records(), ["1 b=2", "2 a=3", "3 z=4"]);
    stage.wait(60_000);
    assert_eq!(stage.records(), Vec::<String>::new());
    assert_eq!(stage.log().log_start_offset(), 4);

    let mut stage = Stage::new(&both);
    stage.cleaner.enable = false;
    stage.manager.set_cleaner_config(stage.cleaner);
    stage.put(&[("a", Some("1"))]);
    stage.put(&[("a", Some("2"))]);
    stage.put(&[("z", Some("3"))]);
    stage.wait(1_000_000);
    assert_eq!(stage.records().len(), 3);
}

#[test]
fn a_damaged_log_is_left_as_it_is() {
    let mut stage = Stage::new(&config());
    stage.put_compressed(Compression::Gzip, &[("a", Some("1"))]);
    stage.put(&[("a", Some("2"))]);
    stage.put(&[("z", Some("3"))]);
    // As if it had been damaged after it was checked.
    let mut batch = stage.builder(&[("a", Some("4"))]).build().to_vec();
    batch[22] |= 1;
    let crc = crate::record::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    stage.append(AppendOrigin::Coordinator, &batch);
    stage.put(&[("z", Some("5"))]);
    stage.wait(LONG);
    assert_eq!(stage.log().cleaner_checkpoint(), None);
    assert_eq!(stage.log().segments().count(), 5);
}
