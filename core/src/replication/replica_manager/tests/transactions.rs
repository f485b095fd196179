//! Transactions: verified before they begin, ended by markers, read by who wants only what was committed.

use super::*;
use crate::ids::ProducerId;
use crate::protocol::Records;
use crate::protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use crate::protocol::messages::fetch_response::AbortedTransaction;
use crate::protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use crate::quota::QuotaClient;
use crate::record::Batches;
use crate::time::Duration;
use alloc::string::String;

const TIMEOUT: Duration = Duration::from_secs(30);

fn transactional(producer_id: ProducerId, epoch: i16, sequence: i32) -> Bytes {
    let mut builder = BatchBuilder::new(0).with_producer(producer_id, epoch, sequence).transactional();
    builder.append(1_700_000_000_000, None, Some(b"v"), &[]);
    builder.build()
}

fn marker(producer_id: ProducerId, producer_epoch: i16, committed: bool) -> TransactionMarker {
    TransactionMarker { producer_id, producer_epoch, coordinator_epoch: 1, committed, transaction_version: 0 }
}

fn request(transactional_id: Option<&'static str>, batches: &[Bytes]) -> m::ProduceRequest {
    let data = |(index, batch): (usize, &Bytes)| PartitionProduceData {
        index: index as i32,
        records: Some(Records::from(batch.clone())),
    };
    m::ProduceRequest {
        transactional_id: transactional_id.map(Str::from_static),
        acks: -1,
        timeout_ms: 5000,
        topic_data: vec![TopicProduceData {
            topic_id: TOPIC_ID,
            partition_data: batches.iter().enumerate().map(data).collect(),
            ..Default::default()
        }],
    }
}

/// A Fetch's error, last stable offset, offsets of its batches and aborted transactions.
type Committed = (i16, Offset, Vec<Offset>, Option<Vec<(ProducerId, Offset)>>);

impl Cluster {
    fn produce_in(&mut self, transactional_id: Option<&'static str>, version: i16, batches: &[Bytes], token: u64) {
        let request = request(transactional_id, batches);
        self.act(0, |manager, stores, now| {
            manager.append_records(now, stores, request, &ProduceContext { client_id: None, version }, token);
        });
    }

    /// The question to a coordinator, if one was asked; it is told once.
    fn asked_coordinator(&mut self) -> Option<(u64, TransactionVerification)> {
        let index = self.told.iter().position(|(_, output)| matches!(output, Output::VerifyTransaction { .. }))?;
        match self.told.remove(index).1 {
            Output::VerifyTransaction { verification_id, verification } => Some((verification_id, verification)),
            _ => None,
        }
    }

    fn coordinator_answers(&mut self, id: u64, error: ErrorCode) {
        let errors = [(tp(), error)];
        let errors = if error == ErrorCode::None { &[] } else { &errors[..] };
        self.act(0, |manager, stores, now| manager.transaction_verified(now, stores, id, errors));
    }

    fn write_marker(&mut self, id: NodeId, partition: &TopicPartition, marker: &TransactionMarker, marker_id: u64) {
        self.act(id, |manager, stores, now| {
            manager.append_marker(now, stores, partition, marker, TIMEOUT, marker_id);
        });
    }

    fn written(&self, id: u64) -> Option<ErrorCode> {
        self.told.iter().find_map(|(_, output)| match output {
            Output::MarkerWritten { marker_id, error } if *marker_id == id => Some(*error),
            _ => None,
        })
    }

    fn consume_as(&mut self, id: NodeId, isolation_level: i8, fetch_offset: Offset, token: u64) {
        let partition = FetchPartition { fetch_offset, partition_max_bytes: 1 << 20, ..FetchPartition::default() };
        let request = m::FetchRequest {
            max_wait_ms: 500,
            min_bytes: 1,
            isolation_level,
            topics: vec![FetchTopic { topic_id: TOPIC_ID, partitions: vec![partition], ..FetchTopic::default() }],
            ..m::FetchRequest::default()
        };
        let context = FetchRequestContext { version: 13, client: QuotaClient::default() };
        self.act(id, |manager, _, now| manager.fetch(now, &request, context, token));
    }

    fn committed(&mut self, token: u64) -> Option<Committed> {
        let Response::Fetch(response) = self.answer(token)? else { panic!("not a Fetch") };
        let data = response.responses[0].partitions[0].clone();
        let batches = Batches::new(data.records.unwrap_or_default().to_bytes());
        let offsets = batches.flatten().map(|batch| batch.header().base_offset).collect();
        let aborted = data.aborted_transactions.map(|aborted| {
            aborted
                .iter()
                .map(|&AbortedTransaction { producer_id, first_offset, .. }| (producer_id, first_offset))
                .collect()
        });
        Some((data.error_code, data.last_stable_offset, offsets, aborted))
    }
}

#[test]
fn a_transaction_begins_once_its_coordinator_knows_of_the_partition() {
    use TransactionSupportedOperation::{AddPartition, DefaultError, GenericErrorSupported};
    for (version, operation) in [(10, DefaultError), (11, GenericErrorSupported), (13, AddPartition)] {
        let mut cluster = Cluster::new(1, FLUSHED);
        cluster.run_millis(600);
        // Without topic ids, which old versions do not know, the topic has its name.
        let name = |mut request: m::ProduceRequest| {
            request.topic_data[0].name = Str::from_static("t");
            request.topic_data[0].topic_id = Uuid::ZERO;
            request
        };
        let first = name(request(Some("one"), &[transactional(7, 2, 0)]));
        let context = ProduceContext { client_id: None, version };
        cluster.act(0, |manager, stores, now| manager.append_records(now, stores, first, &context, 1));
        let (id, verification) = cluster.asked_coordinator().unwrap();
        let expected = TransactionVerification {
            transactional_id: Str::from_static("one"),
            producer_id: 7,
            producer_epoch: 2,
            partitions: vec![tp()],
            operation,
        };
        assert_eq!(verification, expected);
        cluster.run_millis(100);
        assert_eq!((cluster.log(0).log_end_offset(), cluster.produced(1)), (0, None));
        cluster.coordinator_answers(id, ErrorCode::None);
        cluster.run_millis(50);
        assert_eq!(cluster.produced(1), ok(0));
        // The transaction is open: there is nothing more to ask.
        let second = name(request(Some("one"), &[transactional(7, 2, 1)]));
        cluster.act(0, |manager, stores, now| manager.append_records(now, stores, second, &context, 2));
        cluster.run_millis(50);
        assert_eq!((cluster.asked_coordinator(), cluster.produced(2)), (None, ok(1)));
    }
}

#[test]
fn what_a_coordinator_says_against_a_transaction_becomes_what_a_producer_understands() {
    let unable = |name| {
        alloc::format!("Unable to verify the partition has been added to the transaction. Underlying error: {name}")
    };
    for (version, error, told, text) in [
        (
            13,
            ErrorCode::InvalidTxnState,
            ErrorCode::InvalidTxnState,
            "Partition was not added to the transaction".into(),
        ),
        (13, ErrorCode::NetworkException, ErrorCode::NotEnoughReplicas, unable("NETWORK_EXCEPTION")),
        (13, ErrorCode::NotCoordinator, ErrorCode::NotEnoughReplicas, unable("NOT_COORDINATOR")),
        (11, ErrorCode::ConcurrentTransactions, ErrorCode::NotEnoughReplicas, unable("CONCURRENT_TRANSACTIONS")),
        (13, ErrorCode::InvalidProducerEpoch, ErrorCode::InvalidProducerEpoch, String::new()),
        (13, ErrorCode::TransactionAbortable, ErrorCode::TransactionAbortable, String::new()),
    ] {
        let mut cluster = Cluster::new(1, FLUSHED);
        cluster.produce_in(Some("one"), version, &[transactional(7, 0, 0)], 1);
        let (id, _) = cluster.asked_coordinator().unwrap();
        cluster.coordinator_answers(id, error);
        let text = (!text.is_empty()).then(|| Str::from(text));
        assert_eq!(cluster.produced(1), Some((told, -1, text)), "{error:?} to version {version}");
        assert_eq!(cluster.log(0).log_end_offset(), 0);
    }
}

#[test]
fn a_coordinator_that_is_ending_the_last_transaction_is_asked_again_for_a_while() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    cluster.produce_in(Some("one"), 12, &[transactional(7, 0, 0)], 1);
    let mut asked = 0;
    while let Some((id, _)) = cluster.asked_coordinator() {
        asked += 1;
        assert_eq!(cluster.produced(1), None);
        cluster.coordinator_answers(id, ErrorCode::ConcurrentTransactions);
        cluster.run_millis(20);
    }
    assert_eq!((asked, cluster.produced(1)), (6, Some((ErrorCode::ConcurrentTransactions, -1, None))));
    cluster.produce_in(Some("one"), 12, &[transactional(7, 0, 0)], 2);
    for answer in [ErrorCode::ConcurrentTransactions, ErrorCode::None] {
        let (id, _) = cluster.asked_coordinator().unwrap();
        cluster.coordinator_answers(id, answer);
        cluster.run_millis(50);
    }
    assert_eq!(cluster.produced(2), ok(0));
}

#[test]
fn an_answer_that_comes_after_the_transaction_ended_lets_nothing_in() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    cluster.produce_in(Some("one"), 11, &[transactional(7, 0, 0)], 1);
    let (id, _) = cluster.asked_coordinator().unwrap();
    cluster.write_marker(0, &tp(), &marker(7, 0, false), 1);
    cluster.coordinator_answers(id, ErrorCode::None);
    assert_eq!(cluster.produced(1), Some((ErrorCode::InvalidTxnState, -1, None)));
    // The client's next try asks anew.
    cluster.produce_in(Some("one"), 11, &[transactional(7, 0, 0)], 2);
    let (id, _) = cluster.asked_coordinator().unwrap();
    cluster.coordinator_answers(id, ErrorCode::None);
    cluster.run_millis(50);
    assert_eq!(cluster.produced(2), ok(1));
}

#[test]
fn transactions_without_a_name_or_of_two_producers_are_refused() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.produce_in(None, 13, &[transactional(7, 0, 0)], 1);
    assert_eq!(cluster.produced(1), Some((ErrorCode::TransactionalIdAuthorizationFailed, -1, None)));
    cluster.produce_in(Some("one"), 13, &[transactional(7, 0, 0), transactional(8, 0, 0)], 2);
    let text = Str::from_static("Transactional records contained more than one producer ID");
    assert_eq!(cluster.produced(2), Some((ErrorCode::InvalidProducerIdMapping, -1, Some(text))));
    // Records outside a transaction may come with a name.
    cluster.run_millis(600);
    cluster.produce_in(Some("one"), 13, &[batch(&["a"])], 3);
    cluster.run_millis(50);
    assert_eq!((cluster.asked_coordinator(), cluster.produced(3)), (None, ok(0)));
}

#[test]
fn nothing_is_asked_where_verification_is_off() {
    let mut cluster = Cluster::new(1, &[("transaction.partition.verification.enable", "false")]);
    cluster.run_millis(600);
    cluster.produce_in(Some("one"), 11, &[transactional(7, 0, 5)], 1);
    cluster.run_millis(50);
    assert_eq!((cluster.asked_coordinator(), cluster.produced(1)), (None, ok(0)));
}

#[test]
fn a_marker_is_written_when_it_is_replicated() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    cluster.cut.insert((2, 0));
    cluster.write_marker(0, &tp(), &marker(7, 0, true), 1);
    cluster.run_millis(200);
    assert_eq!(cluster.written(1), None);
    cluster.cut.clear();
    cluster.run_millis(2000);
    assert_eq!(cluster.written(1), Some(ErrorCode::None));
    for (id, partition, marker, error) in [
        (1, tp(), marker(7, 0, true), ErrorCode::NotLeaderOrFollower),
        (0, TopicPartition::new("t", 9), marker(7, 0, true), ErrorCode::UnknownTopicOrPartition),
        (0, TopicPartition::new("u", 0), marker(7, 0, true), ErrorCode::UnknownTopicOrPartition),
        (
            0,
            tp(),
            TransactionMarker { coordinator_epoch: 0, ..marker(7, 0, true) },
            ErrorCode::TransactionCoordinatorFenced,
        ),
        (0, tp(), marker(7, -1, true), ErrorCode::InvalidProducerEpoch),
    ] {
        cluster.told.clear();
        cluster.write_marker(id, &partition, &marker, 2);
        assert_eq!(cluster.written(2), Some(error), "{partition} at {id}");
    }
    // Nobody is left to replicate it.
    for id in [1, 2] {
        cluster.power_off(id);
    }
    cluster.write_marker(0, &tp(), &marker(7, 0, true), 3);
    cluster.run_millis(5000);
    assert_eq!(cluster.written(3), None);
    cluster.run_millis(26_000);
    assert_eq!(cluster.written(3), Some(ErrorCode::RequestTimedOut));
    cluster.run_millis(30_000);
    cluster.write_marker(0, &tp(), &marker(7, 0, true), 4);
    assert_eq!(cluster.written(4), Some(ErrorCode::NotEnoughReplicas));
}

#[test]
fn a_read_committed_consumer_waits_for_the_end_of_a_transaction_at_a_leader_and_at_a_follower() {
    let mut cluster = Cluster::new(1, &[("transaction.partition.verification.enable", "false")]);
    cluster.run_millis(600);
    cluster.produce_in(Some("one"), 13, &[transactional(7, 0, 0)], 1);
    cluster.produce_in(Some("two"), 13, &[transactional(8, 0, 0)], 2);
    cluster.produce_in(None, 13, &[batch(&["a"])], 3);
    cluster.run_millis(600);
    cluster.consume_as(0, 0, 0, 10);
    assert_eq!(cluster.committed(10), Some((0, 0, vec![0, 1, 2], None)), "read_uncommitted sees all");
    cluster.consume_as(0, 1, 0, 11);
    cluster.run_millis(200);
    assert_eq!(cluster.committed(11), None);
    cluster.write_marker(0, &tp(), &marker(7, 0, false), 1);
    cluster.run_millis(50);
    // Offsets 0 and the marker at 3, but 1 is of a transaction that is open.
    assert_eq!(cluster.committed(11), Some((0, 1, vec![0], Some(vec![(7, 0)]))));
    cluster.run_millis(600);
    cluster.consume_as(1, 1, 0, 12);
    assert_eq!(cluster.committed(12), Some((0, 1, vec![0], Some(vec![(7, 0)]))));
    cluster.consume_as(0, 1, 1, 13);
    cluster.write_marker(0, &tp(), &marker(8, 0, true), 2);
    cluster.run_millis(50);
    let Some((0, 5, offsets, Some(aborted))) = cluster.committed(13) else { panic!("an answer") };
    assert_eq!((offsets, aborted), (vec![1, 2, 3, 4], vec![(7, 0)]));
    cluster.consume_as(0, 1, 4, 14);
    assert_eq!(cluster.committed(14), Some((0, 5, vec![4], Some(Vec::new()))), "what was aborted lies before");
    // A leader that starts anew knows all of it.
    cluster.run_millis(600);
    cluster.power_off(0);
    cluster.start(0);
    cluster.elect(0, &[0, 1, 2]);
    cluster.run_millis(1500);
    cluster.consume_as(0, 1, 0, 15);
    assert_eq!(cluster.committed(15), Some((0, 5, vec![0, 1, 2, 3, 4], Some(vec![(7, 0)]))));
}

#[test]
fn the_producers_of_a_partition_are_described_by_any_replica() {
    let mut cluster = Cluster::new(1, &[("transaction.partition.verification.enable", "false")]);
    cluster.run_millis(600);
    cluster.produce_in(Some("one"), 13, &[transactional(7, 3, 0)], 1);
    cluster.produce_in(None, 13, &[idempotent(4, "a")], 2);
    cluster.write_marker(0, &tp(), &marker(7, 3, true), 1);
    cluster.produce_in(Some("one"), 13, &[transactional(7, 3, 1)], 3);
    cluster.run_millis(600);
    for id in 0..3 {
        let described = cluster.manager(id).active_producers(&tp());
        let states: Vec<_> = described
            .active_producers
            .iter()
            .map(|state| {
                (
                    state.producer_id,
                    state.producer_epoch,
                    state.last_sequence,
                    state.coordinator_epoch,
                    state.current_txn_start_offset,
                )
            })
            .collect();
        assert_eq!((described.error_code, states), (0, vec![(7, 3, 1, 1, 3), (9, 0, 4, -1, -1)]), "{id}");
    }
    let unknown = cluster.manager(0).active_producers(&TopicPartition::new("t", 3));
    assert_eq!(unknown.error_code, ErrorCode::UnknownTopicOrPartition.code());
}
