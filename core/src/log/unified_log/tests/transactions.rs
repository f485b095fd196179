//! Transactions in a log: what is stable, what was aborted, what is refused; and that all of it comes back.

use super::super::super::loader::{LoadContext, LogLoader};
use super::super::super::transaction_index::AbortedTransaction;
use super::super::super::verification::{TransactionContext, VerificationGuard};
use super::*;
use crate::ids::ProducerId;
use crate::protocol::Records;
use crate::record::control::end_transaction_marker;
use alloc::string::ToString;
use alloc::vec;

fn transactional(producer_id: ProducerId, epoch: i16, sequence: i32) -> Bytes {
    let mut builder = BatchBuilder::new(0).with_producer(producer_id, epoch, sequence).transactional();
    builder.append(WALL, None, Some(b"v"), &[]);
    builder.build()
}

fn plain(producer_id: ProducerId, epoch: i16, sequence: i32) -> Bytes {
    let mut builder = BatchBuilder::new(0).with_producer(producer_id, epoch, sequence);
    builder.append(WALL, None, Some(b"v"), &[]);
    builder.build()
}

impl Fixture {
    fn begin(&mut self, producer_id: ProducerId, epoch: i16, sequence: i32) -> Offset {
        self.client(&transactional(producer_id, epoch, sequence)).unwrap().first_offset
    }

    fn end(&mut self, producer_id: ProducerId, epoch: i16, committed: bool) -> Offset {
        self.marker((producer_id, epoch, 1), committed, 0).unwrap().first_offset
    }

    fn marker(
        &mut self,
        (producer_id, epoch, coordinator_epoch): (ProducerId, i16, i32),
        committed: bool,
        transaction_version: i8,
    ) -> Result<AppendInfo, AppendError> {
        let marker = end_transaction_marker(WALL, producer_id, epoch, coordinator_epoch, committed);
        let context = TransactionContext { transaction_version, ..TransactionContext::default() };
        self.log.append_transactional(now(), &marker, 3, AppendOrigin::Coordinator, &context, &mut self.store)
    }

    fn aborted(&self, from: Offset, to: Offset) -> Vec<(ProducerId, Offset, Offset)> {
        let mut found = Vec::new();
        for segment in &self.log.segments {
            segment.transactions.collect(from, to, &mut found);
        }
        found.iter().map(|it: &AbortedTransaction| (it.producer_id, it.first_offset, it.last_offset)).collect()
    }

    fn index_files(&self) -> Vec<(String, usize)> {
        let files = self.disk.files().filter(|(path, _)| path.ends_with(".txnindex"));
        files.map(|(path, content)| (path.rsplit_once('/').unwrap().1.to_string(), content.len())).collect()
    }

    /// The same log as the next start finds it.
    fn reloaded(&mut self, high_watermark: Offset) -> UnifiedLog {
        self.sync();
        let context = LoadContext {
            topic_partition: self.log.topic_partition().clone(),
            directory: 0,
            directory_name: self.log.directory_name().clone(),
            config: self.log.config.clone(),
            log_start_offset: None,
            high_watermark: Some(high_watermark),
        };
        let files = self
            .disk
            .files()
            .map(|(path, content)| (FilePath::from(path.rsplit_once('/').unwrap().1), content.len() as u64));
        let mut loader = LogLoader::new(context, files.collect(), now());
        while let Some(range) = loader.next_range() {
            loader.loaded(&self.disk.read(&range).unwrap());
        }
        let mut store = StoreQueue::default();
        let (log, _) = loader.finish(&mut store);
        if let Some((_, commands)) = store.take() {
            self.disk.apply(&commands);
        }
        log
    }
}

#[test]
fn markers_take_offsets_and_are_no_records() {
    let mut fixture = Fixture::new(LogConfig::default());
    let records = |fixture: &Fixture| (fixture.log.records(), fixture.log.log_end_offset());
    fixture.client(&batch(&["a", "b", "c"])).unwrap();
    fixture.begin(1, 0, 0);
    fixture.end(1, 0, true);
    fixture.begin(1, 0, 1);
    fixture.end(1, 0, false);
    assert_eq!(records(&fixture), (Some(5), 7));
    assert_eq!(fixture.reloaded(7).records(), Some(5));
    fixture.log.maybe_increment_high_watermark(7);
    // Where the log begins: inside a batch, behind it, at a marker, behind that, at its end.
    for (start, left) in [(1, 4), (3, 2), (4, 1), (5, 1), (7, 0)] {
        let mut store = StoreQueue::default();
        fixture.log.increment_log_start_offset(start, &mut store).unwrap();
        assert_eq!(fixture.log.records(), Some(left), "from {start}");
    }
}

#[test]
fn records_are_counted_through_cuts_and_are_not_known_where_only_indexes_were_read() {
    let mut fixture = Fixture::new(LogConfig::default());
    fixture.client(&batch(&["a", "b", "c"])).unwrap();
    fixture.begin(1, 0, 0);
    fixture.end(1, 0, true);
    fixture.client(&batch(&["d", "e"])).unwrap();
    for (cut, records) in [(6, 4), (5, 4), (4, 4), (3, 3), (1, 0)] {
        let mut store = StoreQueue::default();
        fixture.log.truncate_to(now(), cut, &mut store).unwrap();
        assert_eq!(fixture.log.records(), Some(records), "cut at {cut}");
    }
    let size = batch(&["a"]).len() as u64;
    let mut fixture = Fixture::new(LogConfig { segment_bytes: size, ..LogConfig::default() });
    for _ in 0..3 {
        fixture.client(&batch(&["a"])).unwrap();
    }
    assert_eq!(fixture.log.records(), Some(3));
    assert_eq!(fixture.reloaded(3).records(), None);
}

#[test]
fn the_last_stable_offset_stops_before_what_is_undecided_or_not_replicated() {
    let mut fixture = Fixture::new(LogConfig::default());
    let stable = |fixture: &mut Fixture, high_watermark| {
        fixture.log.maybe_increment_high_watermark(high_watermark);
        fixture.log.last_stable_offset()
    };
    fixture.client(&batch(&["a", "b"])).unwrap();
    assert_eq!(stable(&mut fixture, 2), 2);
    assert_eq!((fixture.begin(1, 0, 0), fixture.begin(2, 0, 0)), (2, 3));
    assert_eq!(fixture.begin(1, 0, 1), 4);
    assert_eq!(stable(&mut fixture, 5), 2);
    assert_eq!(fixture.end(1, 0, true), 5);
    assert_eq!(stable(&mut fixture, 5), 2, "the marker is not replicated");
    assert_eq!(stable(&mut fixture, 6), 3, "the other producer's is open");
    assert_eq!(fixture.end(2, 0, false), 6);
    assert_eq!(stable(&mut fixture, 7), 7);
    assert_eq!(fixture.aborted(0, 7), [(2, 3, 6)]);
    // A marker without a transaction changes nothing.
    assert_eq!(fixture.end(2, 0, false), 7);
    assert_eq!(stable(&mut fixture, 8), 8);
    assert_eq!(fixture.aborted(0, 8).len(), 1);
}

#[test]
fn what_was_deleted_of_an_open_transaction_is_stable() {
    let mut fixture = Fixture::new(LogConfig::default());
    fixture.begin(1, 0, 0);
    fixture.client(&batch(&["a", "b"])).unwrap();
    fixture.log.maybe_increment_high_watermark(3);
    assert_eq!(fixture.log.last_stable_offset(), 0);
    fixture.log.increment_log_start_offset(2, &mut fixture.store).unwrap();
    assert_eq!(fixture.log.last_stable_offset(), 2);
}

#[test]
fn an_index_of_transactions_is_there_once_one_was_aborted() {
    let mut fixture = Fixture::new(small_segments());
    fixture.begin(1, 0, 0);
    fixture.end(1, 0, true);
    fixture.sync();
    assert_eq!(fixture.index_files(), []);
    fixture.begin(1, 0, 1);
    fill(&mut fixture, 30);
    fixture.end(1, 0, false);
    fixture.sync();
    let base = fixture.log.segments().last().unwrap().0;
    let expected = (alloc::format!("{base:020}.txnindex"), 34);
    assert_eq!(fixture.index_files(), [expected]);
    let content = fixture.disk.file(&alloc::format!("first-topic-0/{base:020}.txnindex")).unwrap();
    let numbers: Vec<i64> = content[2..].as_chunks::<8>().0.iter().map(|it| i64::from_be_bytes(*it)).collect();
    assert_eq!((&content[..2], numbers), (&[0, 0][..], vec![1, 2, 30, 31]));
    fixture.log.truncate_to(now(), 30, &mut fixture.store).unwrap();
    fixture.sync();
    assert_eq!(fixture.index_files(), [(alloc::format!("{base:020}.txnindex"), 0)]);
    assert_eq!(fixture.log.producer_state().first_unstable_offset(), Some(2), "the transaction is open again");
    fixture.log.delete_files(&mut fixture.store);
    fixture.sync();
    assert_eq!(fixture.disk.files().count(), 0);
}

#[test]
fn markers_of_fenced_producers_and_coordinators_are_refused() {
    let mut fixture = Fixture::new(LogConfig::default());
    fixture.begin(9, 5, 0);
    fixture.marker((9, 5, 7), true, 0).unwrap();
    fixture.begin(9, 5, 1);
    // Producer epoch, coordinator epoch, transaction version: the error.
    let epoch = |text: &str| Err((ErrorCode::InvalidProducerEpoch, text.to_string()));
    for (producer_epoch, coordinator_epoch, version, expected) in [
        (
            4,
            7,
            0,
            epoch("Epoch of producer 9 at offset 3 in first-topic-0 is 4, which is < the last seen epoch 5 (TV0)"),
        ),
        (
            4,
            7,
            2,
            epoch("Epoch of producer 9 at offset 3 in first-topic-0 is 4, which is <= the last seen epoch 5 (TV2)"),
        ),
        (
            5,
            7,
            2,
            epoch("Epoch of producer 9 at offset 3 in first-topic-0 is 5, which is <= the last seen epoch 5 (TV2)"),
        ),
        (
            6,
            6,
            2,
            Err((
                ErrorCode::TransactionCoordinatorFenced,
                "Invalid coordinator epoch for producerId 9 at offset 3 in partition first-topic-0: 6 (zombie), 7 \
                 (current)"
                    .to_string(),
            )),
        ),
        (6, 7, 2, Ok(3)),
        // The same once more, as a coordinator does that lost the answer.
        (6, 8, 2, Ok(4)),
        (6, 8, 1, Ok(5)),
    ] {
        let result = fixture.marker((9, producer_epoch, coordinator_epoch), true, version);
        let result = result.map(|info| info.first_offset).map_err(|error| (error.code, error.message));
        assert_eq!(result, expected, "{producer_epoch} {coordinator_epoch} {version}");
    }
    // The marker brought a new epoch, whose sequences begin with 0.
    assert_eq!(fixture.client(&transactional(9, 6, 2)).unwrap_err().code, ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(fixture.begin(9, 6, 0), 6);
}

#[test]
fn records_outside_the_open_transaction_are_refused() {
    let mut fixture = Fixture::new(LogConfig::default());
    fixture.begin(9, 0, 0);
    let error = fixture.client(&plain(9, 0, 1)).unwrap_err();
    let text = "Expected transactional write from producer 9 at offset (offset=1, segment=[-1:-1]) in partition \
                first-topic-0";
    assert_eq!((error.code, error.message.as_str()), (ErrorCode::InvalidTxnState, text));
    assert_eq!(fixture.log.log_end_offset(), 1);
    assert_eq!(fixture.end(9, 0, true), 1);
    assert_eq!(fixture.client(&plain(9, 0, 1)).unwrap().first_offset, 2);
}

#[test]
fn a_late_verification_lets_nothing_in() {
    let mut fixture = Fixture::new(LogConfig::default());
    let append = |fixture: &mut Fixture, guard, sequence| {
        let context = TransactionContext { guard, verified: true, transaction_version: 0 };
        let batch = transactional(9, 0, sequence);
        let store = &mut fixture.store;
        let appended = fixture.log.append_transactional(now(), &batch, 3, AppendOrigin::Client, &context, store);
        appended.map(|info| info.first_offset).map_err(|error| error.code)
    };
    let start = |fixture: &mut Fixture, sequence, fresh| {
        let guard = VerificationGuard::new(fresh);
        fixture.log.start_verification(now(), 9, (0, sequence), false, guard).expect("its epoch is the newest")
    };
    assert_eq!(append(&mut fixture, VerificationGuard::SENTINEL, 0), Err(ErrorCode::InvalidTxnState));
    let first = start(&mut fixture, 1, 1).unwrap();
    assert_eq!(start(&mut fixture, 0, 2), Some(first), "one verification at a time");
    assert_eq!(append(&mut fixture, first, 1), Err(ErrorCode::OutOfOrderSequenceNumber), "0 was seen");
    assert_eq!(append(&mut fixture, first, 0), Ok(0));
    assert_eq!(start(&mut fixture, 1, 3), None, "the transaction is open");
    assert_eq!(append(&mut fixture, VerificationGuard::SENTINEL, 1), Ok(1));
    // It is aborted; the answer to the question of another transaction comes.
    fixture.end(9, 0, false);
    assert_eq!(append(&mut fixture, first, 2), Err(ErrorCode::InvalidTxnState));
    let second = start(&mut fixture, 2, 4).unwrap();
    fixture.end(9, 0, false);
    assert_eq!(append(&mut fixture, second, 2), Err(ErrorCode::InvalidTxnState), "a marker ends it too");
    let third = start(&mut fixture, 2, 5).unwrap();
    assert_eq!(append(&mut fixture, third, 2), Ok(4));
}

#[test]
fn a_transaction_of_the_epoch_before_lets_nothing_of_the_next_in() {
    let mut fixture = Fixture::new(LogConfig::default());
    fixture.begin(9, 1, 0);
    // Its coordinator counted the epoch up, and its marker is still on its way.
    let guard = VerificationGuard::new(1);
    let start = |fixture: &mut Fixture, epoch| fixture.log.start_verification(now(), 9, (epoch, 0), true, guard);
    assert_eq!(start(&mut fixture, 1), Ok(None), "it goes on");
    assert_eq!(start(&mut fixture, 2), Ok(Some(guard)), "the coordinator has to be asked");
    assert_eq!(start(&mut fixture, 0), Err(ErrorCode::InvalidProducerEpoch));
    let context = TransactionContext { guard: VerificationGuard::SENTINEL, verified: true, transaction_version: 0 };
    let (batch, origin) = (transactional(9, 2, 0), AppendOrigin::Client);
    let error = fixture.log.append_transactional(now(), &batch, 3, origin, &context, &mut fixture.store).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidTxnState);
}

#[test]
fn transactions_with_bumped_epochs_begin_with_sequence_0() {
    let mut fixture = Fixture::new(LogConfig::default());
    let guard = VerificationGuard::new(1);
    assert_eq!(fixture.log.start_verification(now(), 9, (0, 3), true, guard), Ok(Some(guard)));
    let context = TransactionContext { guard, verified: true, transaction_version: 0 };
    let (batch, origin) = (transactional(9, 0, 3), AppendOrigin::Client);
    let error = fixture.log.append_transactional(now(), &batch, 3, origin, &context, &mut fixture.store).unwrap_err();
    let text = "Invalid sequence number for producer 9 at offset 0 in partition first-topic-0: 3 (incoming seq. \
                number). Expected sequence 0 for transactions v2 idempotent producer with no existing state.";
    assert_eq!((error.code, error.message.as_str()), (ErrorCode::OutOfOrderSequenceNumber, text));
}

#[test]
fn a_reader_is_told_of_the_aborted_transactions_of_its_range() {
    let mut fixture = Fixture::new(small_segments());
    let mut expected = Vec::new();
    for round in 0..40 {
        let first = fixture.begin(7, 0, round);
        let last = fixture.end(7, 0, round % 2 == 0);
        expected.extend((round % 2 == 1).then_some((7, first, last)));
        fixture.client(&batch(&["between"])).unwrap();
    }
    fixture.sync();
    let end = fixture.log.log_end_offset();
    fixture.log.maybe_increment_high_watermark(end);
    assert!(fixture.log.segments().count() > 3);
    for from in 0..end {
        let Read::Data { records } = fixture.log.read(from, 250, end, true).unwrap() else { panic!("cold") };
        let last = Batches::new(records.to_bytes()).flatten().last().unwrap().last_offset();
        let told = fixture.log.aborted_transactions(from, &records);
        let told: Vec<_> = told.iter().map(|it| (it.producer_id, it.first_offset, it.last_offset)).collect();
        let needed: Vec<_> = expected.iter().filter(|it| it.2 >= from && it.1 <= last).collect();
        assert!(needed.iter().all(|it| told.contains(it)), "{from}: {told:?} without some of {needed:?}");
        assert!(told.iter().all(|it| it.2 >= from && it.1 < last + 20), "{from} to {last}: {told:?}");
        assert!(told.windows(2).all(|pair| pair[0].2 < pair[1].2));
    }
    assert_eq!(fixture.log.aborted_transactions(0, &Records::EMPTY), []);
}

/// A log of several segments with transactions of three producers, open ones among them.
fn busy() -> Fixture {
    let mut fixture = Fixture::new(small_segments());
    let mut sequences = [0; 3];
    for round in 0..45 {
        let producer = round % 3;
        fixture.begin(producer as i64, 0, sequences[producer]);
        sequences[producer] += 1;
        // The second waits long with its markers.
        if producer != 1 || round % 5 == 0 {
            fixture.end(producer as i64, 0, round % 4 == 0);
        }
    }
    fixture.log.maybe_increment_high_watermark(70);
    fixture.sync();
    fixture
}

#[test]
fn transactions_are_found_again_after_a_start() {
    let mut fixture = busy();
    let end = fixture.log.log_end_offset();
    fixture.log.maybe_increment_high_watermark(end);
    let (aborted, files) = (fixture.aborted(0, end), fixture.disk.clone());
    assert!(aborted.len() > 10 && fixture.log.segments().count() > 4);
    for damage in ["", ".snapshot", ".index", ".txnindex", "cut .txnindex"] {
        fixture.disk = files.clone();
        let paths: Vec<_> = files.files().map(|(path, _)| path.clone()).collect();
        for file in paths {
            if damage == "cut .txnindex" && file.ends_with(".txnindex") {
                fixture.disk.file_mut(&file).unwrap().pop();
            } else if damage == ".txnindex" && file.ends_with(damage) {
                // Only that of the active segment is known to be missing.
                let base = fixture.log.segments().last().unwrap().0;
                if file.contains(&alloc::format!("{base:020}")) {
                    fixture.disk.apply(&[StoreCommand::Delete { file }]);
                }
            } else if !damage.is_empty() && file.ends_with(damage) {
                fixture.disk.apply(&[StoreCommand::Delete { file }]);
            }
        }
        let loaded = fixture.reloaded(end);
        assert_eq!(loaded.last_stable_offset(), fixture.log.last_stable_offset(), "{damage}");
        assert_eq!(
            loaded.producer_state().first_unstable_offset(),
            fixture.log.producer_state().first_unstable_offset()
        );
        for (loaded, before) in loaded.segments.iter().zip(&fixture.log.segments) {
            assert_eq!(loaded.transactions, before.transactions, "{damage}");
        }
        for (path, content) in files.files().filter(|(path, _)| path.ends_with(".txnindex")) {
            assert_eq!(fixture.disk.file(path), Some(content), "{damage}: {path}");
        }
    }
}

#[test]
fn a_follower_and_a_truncated_log_come_to_the_same_transactions() {
    let leader = busy();
    let end = leader.log.log_end_offset();
    let bytes: Vec<u8> =
        leader.disk.files().filter(|(path, _)| path.ends_with(".log")).flat_map(|(_, it)| it.to_vec()).collect();
    let mut follower = Fixture::new(small_segments());
    follower.log.append_as_follower(now(), &bytes, 3, &mut follower.store).unwrap();
    follower.log.maybe_increment_high_watermark(70);
    assert_eq!(follower.aborted(0, end), leader.aborted(0, end));
    assert_eq!(follower.log.last_stable_offset(), leader.log.last_stable_offset());
    for target in (0..end).rev().step_by(3) {
        follower.log.truncate_to(now(), target, &mut follower.store).unwrap();
        follower.sync();
        let mut fresh = Fixture::new(small_segments());
        let mut rest = &bytes[..];
        while let Ok(header) = crate::record::BatchHeader::parse(rest) {
            if header.base_offset >= target {
                break;
            }
            fresh.log.append_as_follower(now(), &rest[..header.size()], 3, &mut fresh.store).unwrap();
            rest = &rest[header.size()..];
        }
        fresh.log.maybe_increment_high_watermark(target.min(70));
        assert_eq!(follower.log.log_end_offset(), target);
        assert_eq!(follower.aborted(0, end), fresh.aborted(0, end), "{target}");
        let unstable = |log: &UnifiedLog| log.producer_state().first_unstable_offset();
        assert_eq!(unstable(&follower.log), unstable(&fresh.log), "{target}");
        for (path, content) in follower.disk.files().filter(|(path, _)| path.ends_with(".txnindex")) {
            assert_eq!(content.len() % 34, 0, "{path}");
        }
    }
}
