//! Tests of the whole coordinator, against a log that takes everything and replicates at once unless told otherwise, and
//! brokers that answer markers when told to.

use super::*;
use crate::coordinator::partition_for;
use crate::event::{Event, TransactionEnder};
use crate::ids::{CONSUMER_OFFSETS_TOPIC, NodeId, Offset, PartitionIndex, ProducerId, TopicPartition};
use crate::protocol::ErrorCode;
use crate::protocol::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use crate::protocol::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use crate::protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, DescribeTransactionsRequest, EndTxnRequest,
    InitProducerIdRequest, ListTransactionsRequest, WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};
use crate::record::{Record, RecordBatch};
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;

const ID: &str = "payments";
const WALL_MS: i64 = 1_700_000_000_000;

mod admin;
mod end_txn;
mod init_producer_id;
mod markers;
mod records;

/// The topic `orders` of four partitions, led by brokers 0, 1, 0, 1 until told otherwise.
#[derive(Clone, Debug)]
struct Cluster {
    transaction_version: i16,
    leaders: Vec<MarkerDestination>,
}

impl ClusterLookup for Cluster {
    fn partition_count(&self, topic: &str) -> Option<PartitionIndex> {
        (topic == "orders").then_some(4)
    }
    fn transaction_version(&self) -> i16 {
        self.transaction_version
    }
    fn marker_destination(&self, partition: &TopicPartition) -> MarkerDestination {
        match &*partition.topic {
            "orders" => self.leaders[partition.partition as usize],
            CONSUMER_OFFSETS_TOPIC => MarkerDestination::Leader(2),
            _ => MarkerDestination::Gone,
        }
    }
}

/// Ids from 1000 on; none where the block is used up.
#[derive(Clone, Debug)]
struct Ids {
    next: ProducerId,
    exhausted: bool,
}

impl ProducerIdSource for Ids {
    fn generate_producer_id(&mut self) -> Option<ProducerId> {
        self.next += 1;
        (!self.exhausted).then_some(self.next - 1)
    }
}

/// A coordinator that leads all partitions, their logs, the answers so far, and the markers not answered yet.
struct Bench {
    coordinator: TransactionCoordinator,
    cluster: Cluster,
    ids: Ids,
    millis: u64,
    tokens: u64,
    logs: SortedMap<PartitionIndex, Vec<RecordBatch>>,
    answers: SortedMap<u64, TransactionResponse>,
    markers: Vec<(NodeId, u64, WriteTxnMarkersRequest)>,
    events: Vec<Event>,
    /// What is written now is not replicated yet.
    holds: bool,
    refuses: Option<ErrorCode>,
}

impl Bench {
    fn new() -> Self {
        Self::leading(TransactionConfig::default())
    }

    fn leading(config: TransactionConfig) -> Self {
        let mut bench = Self::with(config);
        for partition in 0..50 {
            bench.coordinator.elected(bench.now(), partition, 5);
            bench.coordinator.loaded(bench.now(), partition, 0);
        }
        bench
    }

    fn idle() -> Self {
        Self::with(TransactionConfig::default())
    }

    fn with(config: TransactionConfig) -> Self {
        let leader = MarkerDestination::Leader;
        Self {
            coordinator: TransactionCoordinator::new(config),
            cluster: Cluster { transaction_version: 2, leaders: vec![leader(0), leader(1), leader(0), leader(1)] },
            ids: Ids { next: 1000, exhausted: false },
            millis: 0,
            tokens: 0,
            logs: SortedMap::new(),
            answers: SortedMap::new(),
            markers: Vec::new(),
            events: Vec::new(),
            holds: false,
            refuses: None,
        }
    }

    /// A coordinator elected after this one, that read its log.
    fn successor(&self, leader_epoch: i32) -> Self {
        let mut next =
            Self { cluster: self.cluster.clone(), ids: self.ids.clone(), millis: self.millis, ..Self::idle() };
        next.logs = self.logs.clone();
        for partition in 0..50 {
            next.coordinator.elected(next.now(), partition, leader_epoch);
            for batch in next.logs.get(&partition).into_iter().flatten() {
                next.coordinator.replay(next.now(), partition, batch.bytes());
            }
            next.coordinator.loaded(next.now(), partition, next.log_end_offset(partition));
        }
        next.drain();
        next
    }

    fn now(&self) -> Now {
        Now { monotonic: Instant::from_millis(self.millis), wall_ms: WALL_MS + self.millis as i64 }
    }

    /// Goes on in time, stopping at each deadline.
    fn pass(&mut self, duration: Duration) {
        let end = self.millis + duration.as_millis() as u64;
        while let Some((deadline, _)) = self.coordinator.next_deadline().filter(|(at, _)| at.as_millis() <= end) {
            self.millis = self.millis.max(deadline.as_millis());
            self.coordinator.tick(self.now(), &self.cluster, &mut self.ids);
            self.drain();
        }
        self.millis = end;
    }

    fn drain(&mut self) {
        loop {
            self.coordinator.send_markers(self.now(), &self.cluster);
            let Some(output) = self.coordinator.poll_output() else { return };
            match output {
                TransactionOutput::Append { partition, append_id, batch } => self.append(partition, append_id, &batch),
                TransactionOutput::Respond { token, response } => {
                    assert!(self.answers.insert(token, response).is_none(), "token {token} was answered twice");
                }
                TransactionOutput::SendMarkers { to, request_id, request } => {
                    self.markers.push((to, request_id, request));
                }
                TransactionOutput::Event(event) => self.events.push(event),
            }
        }
    }

    fn append(&mut self, partition: PartitionIndex, append_id: u64, batch: &Bytes) {
        if let Some(error) = self.refuses {
            return self.coordinator.append_result(self.now(), append_id, Err(error));
        }
        let log = self.logs.entry(partition).or_default();
        let base_offset = log.last().map_or(0, |batch| batch.last_offset() + 1);
        let batch = RecordBatch::parse(batch).expect("a batch").stamped(base_offset, 0, None);
        let last_offset: Offset = batch.last_offset();
        log.push(batch);
        self.coordinator.append_result(self.now(), append_id, Ok(last_offset));
        if !self.holds {
            self.coordinator.high_watermark_advanced(self.now(), partition, last_offset + 1);
        }
    }

    fn log_end_offset(&self, partition: PartitionIndex) -> Offset {
        self.logs.get(&partition).and_then(|log| log.last()).map_or(0, |batch| batch.last_offset() + 1)
    }

    /// The followers have everything now.
    fn replicate(&mut self) {
        self.holds = false;
        for partition in 0..50 {
            self.coordinator.high_watermark_advanced(self.now(), partition, self.log_end_offset(partition));
        }
        self.drain();
    }

    /// The records of an id, oldest first.
    fn written(&self, transactional_id: &str) -> Vec<Record> {
        let log = self.logs.get(&partition_for(transactional_id, 50)).into_iter().flatten();
        log.flat_map(|batch| batch.iter().expect("readable").map(|record| record.expect("a record"))).collect()
    }

    fn send(&mut self, api_version: i16, request: TransactionRequest) -> u64 {
        self.tokens += 1;
        let (now, token) = (self.now(), self.tokens);
        self.coordinator.handle(now, token, api_version, request, &self.cluster, &mut self.ids);
        self.drain();
        token
    }

    fn answer(&mut self, token: u64) -> TransactionResponse {
        self.answers.remove(&token).expect("an answer")
    }

    /// Begins as a new producer; answers with error, id and epoch.
    fn init(&mut self, transactional_id: &str) -> Producer {
        let token = self.send(5, init(transactional_id, -1, -1));
        self.inited(token)
    }

    fn inited(&mut self, token: u64) -> Producer {
        let TransactionResponse::InitProducerId(response) = self.answer(token) else { panic!("another response") };
        (error_of(response.error_code), response.producer_id, response.producer_epoch)
    }

    /// Adds partitions of `orders` as their leader does, with version 2 of the protocol.
    fn add(&mut self, transactional_id: &str, producer: Producer, partitions: &[i32]) -> ErrorCode {
        let token = self.send(5, add(&[(transactional_id, producer, partitions, false)]));
        let TransactionResponse::AddPartitionsToTxn(response) = self.answer(token) else { panic!("another response") };
        error_of(response.results_by_transaction[0].topic_results[0].results_by_partition[0].partition_error_code)
    }

    fn end(&mut self, api_version: i16, transactional_id: &str, producer: Producer, committed: bool) -> Producer {
        let token = self.send(api_version, end(transactional_id, producer, committed));
        self.ended(token)
    }

    fn ended(&mut self, token: u64) -> Producer {
        let TransactionResponse::EndTxn(response) = self.answer(token) else { panic!("another response") };
        (error_of(response.error_code), response.producer_id, response.producer_epoch)
    }

    /// All brokers write the markers they were sent.
    fn write_markers(&mut self) {
        while let Some((_, request_id, request)) = self.markers.pop() {
            self.answer_markers(request_id, Some(&answered(&request, ErrorCode::None)));
        }
    }

    fn answer_markers(&mut self, request_id: u64, response: Option<&WriteTxnMarkersResponse>) {
        self.coordinator.markers_answered(self.now(), request_id, response);
        self.drain();
    }

    fn state(&mut self, transactional_id: &str) -> String {
        let request = DescribeTransactionsRequest { transactional_ids: vec![transactional_id.into()] };
        let token = self.send(0, TransactionRequest::DescribeTransactions(request));
        let TransactionResponse::DescribeTransactions(response) = self.answer(token) else { panic!("another") };
        let state = &response.transaction_states[0];
        match error_of(state.error_code) {
            ErrorCode::None => String::from(&*state.transaction_state),
            error => format!("{error:?}"),
        }
    }
}

/// Error, producer id, producer epoch.
type Producer = (ErrorCode, ProducerId, i16);

fn error_of(code: i16) -> ErrorCode {
    ErrorCode::from_code(code).expect("a known error")
}

fn init(transactional_id: &str, producer_id: ProducerId, producer_epoch: i16) -> TransactionRequest {
    TransactionRequest::InitProducerId(InitProducerIdRequest {
        transactional_id: Some(Str::from(transactional_id)),
        transaction_timeout_ms: 60_000,
        producer_id,
        producer_epoch,
        ..Default::default()
    })
}

/// What leaders of partitions ask: id, producer, partitions of `orders`, whether it is only a question.
fn add(transactions: &[(&str, Producer, &[i32], bool)]) -> TransactionRequest {
    let transaction = |(id, producer, partitions, verify_only): &(&str, Producer, &[i32], bool)| {
        let topic = AddPartitionsToTxnTopic { name: Str::from("orders"), partitions: partitions.to_vec() };
        AddPartitionsToTxnTransaction {
            transactional_id: Str::from(*id),
            producer_id: producer.1,
            producer_epoch: producer.2,
            verify_only: *verify_only,
            topics: vec![topic],
        }
    };
    let transactions = transactions.iter().map(transaction).collect();
    TransactionRequest::AddPartitionsToTxn(AddPartitionsToTxnRequest { transactions, ..Default::default() })
}

fn end(transactional_id: &str, producer: Producer, committed: bool) -> TransactionRequest {
    TransactionRequest::EndTxn(EndTxnRequest {
        transactional_id: Str::from(transactional_id),
        producer_id: producer.1,
        producer_epoch: producer.2,
        committed,
    })
}

/// The answer of a broker to all markers of a request.
fn answered(request: &WriteTxnMarkersRequest, error: ErrorCode) -> WriteTxnMarkersResponse {
    let markers = request.markers.iter().map(|marker| WritableTxnMarkerResult {
        producer_id: marker.producer_id,
        topics: (marker.topics.iter())
            .map(|topic| WritableTxnMarkerTopicResult {
                name: topic.name.clone(),
                partitions: (topic.partition_indexes.iter())
                    .map(|&partition_index| WritableTxnMarkerPartitionResult {
                        partition_index,
                        error_code: error.code(),
                    })
                    .collect(),
            })
            .collect(),
    });
    WriteTxnMarkersResponse { markers: markers.collect() }
}

/// Markers as text: broker, then id, epoch, outcome, coordinator epoch, version and partitions of each.
fn shown(markers: &[(NodeId, u64, WriteTxnMarkersRequest)]) -> Vec<String> {
    let mut lines = Vec::new();
    for (to, _, request) in markers {
        for marker in &request.markers {
            let topics: Vec<String> =
                marker.topics.iter().map(|topic| format!("{}{:?}", topic.name, topic.partition_indexes)).collect();
            let outcome = if marker.transaction_result { "commit" } else { "abort" };
            lines.push(format!(
                "{to}: {}/{} {outcome} epoch {} tv {} {}",
                marker.producer_id,
                marker.producer_epoch,
                marker.coordinator_epoch,
                marker.transaction_version,
                topics.join(" ")
            ));
        }
    }
    lines
}

#[test]
fn a_transaction_begins_commits_and_is_over() {
    let mut bench = Bench::new();
    assert_eq!(bench.state(ID), "TransactionalIdNotFound");
    let producer = bench.init(ID);
    assert_eq!(producer, (ErrorCode::None, 1000, 0));
    assert_eq!(bench.state(ID), "Empty");
    assert_eq!(bench.add(ID, producer, &[0, 1, 2]), ErrorCode::None);
    assert_eq!(bench.state(ID), "Ongoing");

    // The producer gets its next epoch before any marker is written.
    let next = bench.end(5, ID, producer, true);
    assert_eq!(next, (ErrorCode::None, 1000, 1));
    assert_eq!(bench.state(ID), "PrepareCommit");
    assert_eq!(
        shown(&bench.markers),
        ["0: 1000/1 commit epoch 5 tv 2 orders[0, 2]", "1: 1000/1 commit epoch 5 tv 2 orders[1]"]
    );
    // What it begins next waits for them.
    assert_eq!(bench.add(ID, next, &[3]), ErrorCode::ConcurrentTransactions);
    assert_eq!(bench.init(ID).0, ErrorCode::ConcurrentTransactions);
    bench.write_markers();
    assert_eq!(bench.state(ID), "CompleteCommit");
    assert_eq!(bench.add(ID, next, &[3]), ErrorCode::None);
    assert_eq!(bench.end(5, ID, next, false), (ErrorCode::None, 1000, 2));
    assert_eq!(shown(&bench.markers), ["1: 1000/2 abort epoch 5 tv 2 orders[3]"]);
    bench.write_markers();
    assert_eq!(bench.state(ID), "CompleteAbort");
    let ended = |committed, partitions| Event::TransactionEnded {
        transactional_id: ID.into(),
        committed,
        partitions,
        by: TransactionEnder::Producer,
    };
    assert_eq!(bench.events, [ended(true, 3), ended(false, 1)]);
}

#[test]
fn nothing_is_told_before_it_is_replicated() {
    let mut bench = Bench::new();
    bench.holds = true;
    let token = bench.send(5, init(ID, -1, -1));
    assert!(bench.answers.is_empty());
    assert_eq!(bench.init(ID).0, ErrorCode::ConcurrentTransactions);
    bench.replicate();
    let producer = bench.inited(token);
    assert_eq!(producer, (ErrorCode::None, 1000, 0));
    bench.add(ID, producer, &[0]);
    bench.holds = true;
    let token = bench.send(5, end(ID, producer, true));
    assert_eq!((bench.answers.len(), bench.markers.len()), (0, 0));
    bench.replicate();
    assert_eq!(bench.ended(token), (ErrorCode::None, 1000, 1));
    assert_eq!(bench.markers.len(), 1);
}

#[test]
fn offsets_add_the_partition_of_their_group() {
    let mut bench = Bench::new();
    let producer = bench.init(ID);
    let request = AddOffsetsToTxnRequest {
        transactional_id: Str::from(ID),
        producer_id: producer.1,
        producer_epoch: producer.2,
        group_id: Str::from("billing"),
    };
    let token = bench.send(4, TransactionRequest::AddOffsetsToTxn(request));
    let TransactionResponse::AddOffsetsToTxn(response) = bench.answer(token) else { panic!("another response") };
    assert_eq!(error_of(response.error_code), ErrorCode::None);
    // A client that asks so keeps its epoch.
    assert_eq!(bench.end(4, ID, producer, true), (ErrorCode::None, -1, -1));
    let group = partition_for("billing", 50);
    assert_eq!(shown(&bench.markers), [format!("2: 1000/0 commit epoch 5 tv 0 __consumer_offsets[{group}]")]);
}

#[test]
fn one_request_adds_and_asks_for_several_transactions() {
    let mut bench = Bench::new();
    let (a, b) = (bench.init("a"), bench.init("b"));
    bench.add("b", b, &[1]);
    bench.holds = true;
    let transactions: [(&str, Producer, &[i32], bool); 4] = [
        ("a", a, &[0, 3], false),
        ("b", b, &[1, 2], true),
        ("a", (ErrorCode::None, 7, 0), &[0], true),
        ("b", b, &[2, 9], false),
    ];
    let token = bench.send(5, add(&transactions));
    assert!(bench.answers.is_empty(), "the first of them is not replicated");
    bench.replicate();
    let TransactionResponse::AddPartitionsToTxn(response) = bench.answer(token) else { panic!("another response") };
    let told: Vec<(String, Vec<ErrorCode>)> = (response.results_by_transaction.iter())
        .map(|result| {
            let partitions = result.topic_results.iter().flat_map(|topic| &topic.results_by_partition);
            let errors = partitions.map(|partition| error_of(partition.partition_error_code)).collect();
            (format!("{}", result.transactional_id), errors)
        })
        .collect();
    let expected: [(&str, &[ErrorCode]); 4] = [
        ("a", &[ErrorCode::None, ErrorCode::None]),
        ("b", &[ErrorCode::None, ErrorCode::TransactionAbortable]),
        ("a", &[ErrorCode::InvalidProducerIdMapping]),
        ("b", &[ErrorCode::OperationNotAttempted, ErrorCode::UnknownTopicOrPartition]),
    ];
    assert_eq!(told, expected.map(|(id, errors)| (String::from(id), errors.to_vec())));
}

#[test]
fn a_write_that_fails_leaves_everything_as_it_was() {
    for (refused, told) in [
        (ErrorCode::NotEnoughReplicas, ErrorCode::CoordinatorNotAvailable),
        (ErrorCode::NotLeaderOrFollower, ErrorCode::NotCoordinator),
        (ErrorCode::MessageTooLarge, ErrorCode::UnknownServerError),
    ] {
        let mut bench = Bench::new();
        let producer = bench.init(ID);
        bench.refuses = Some(refused);
        assert_eq!(bench.init(ID).0, told);
        assert_eq!(bench.add(ID, producer, &[0]), told);
        bench.refuses = None;
        assert_eq!(bench.add(ID, producer, &[0]), ErrorCode::None, "{refused:?}");
        bench.refuses = Some(refused);
        assert_eq!(bench.end(5, ID, producer, true), (told, -1, -1));
        assert_eq!((bench.state(ID).as_str(), bench.markers.len()), ("Ongoing", 0));
    }
}

#[test]
fn a_write_waits_for_its_replication_as_long_as_a_transaction_may_take() {
    let mut bench = Bench::new();
    bench.holds = true;
    let token = bench.send(5, init(ID, -1, -1));
    bench.pass(Duration::from_secs(59));
    assert!(bench.answers.is_empty());
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.inited(token).0, ErrorCode::CoordinatorNotAvailable);
}
