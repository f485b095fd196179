use super::super::scripted_broker::{Asked, ScriptedCluster};
use super::*;
use crate::client::{ClientInput, Producer, ProducerConfig, ProducerEvent, ProducerRecord, SendError};
use crate::protocol::Request;
use crate::protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use crate::protocol::messages::find_coordinator_response::Coordinator;
use crate::protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use crate::protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use crate::protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    EndTxnRequest, EndTxnResponse, FindCoordinatorRequest, FindCoordinatorResponse, InitProducerIdRequest,
    InitProducerIdResponse, ProduceRequest, ProduceResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use crate::record::RecordBatch;
use crate::rng::Rng;
use crate::time::Now;
use alloc::string::{String, ToString};
use alloc::vec;
use bytes::Bytes;

/// A producer and a broker that coordinates its transactions: what it was asked is written down, in words.
struct Stage {
    producer: Producer,
    cluster: ScriptedCluster,
    now: u64,
    log: Vec<String>,
    /// Answered next to requests of an API, by its key.
    errors: Vec<(i16, ErrorCode)>,
    epoch: i16,
    /// How long partitions that are added make the producer wait.
    throttle_time_ms: i32,
}

impl Stage {
    fn new(transaction_version: i16) -> Self {
        let mut cluster = ScriptedCluster::new(1, &[("orders", &[(1, 0), (1, 0)])]);
        cluster.transaction_version = transaction_version;
        cluster.max_versions.insert(InitProducerIdRequest::KEY.code(), 5);
        let config = ProducerConfig {
            bootstrap: vec![(Str::from("broker"), 9092)],
            transactional_id: Some(Str::from("tx")),
            ..ProducerConfig::default()
        };
        let producer = Producer::new(config, 0, Rng::new(1));
        Self { producer, cluster, now: 0, log: Vec::new(), errors: Vec::new(), epoch: -1, throttle_time_ms: 0 }
    }

    /// Initialized, its log forgotten.
    fn ready(transaction_version: i16) -> Self {
        let mut stage = Self::new(transaction_version);
        let now = stage.now();
        stage.producer.init_transactions(now).expect("not done yet");
        stage.run();
        assert_eq!(stage.outcomes(), [(TransactionOperation::InitTransactions, Ok(()))]);
        stage.log.clear();
        stage
    }

    /// In a transaction.
    fn begun(transaction_version: i16) -> Self {
        let mut stage = Self::ready(transaction_version);
        stage.producer.begin_transaction().expect("ready");
        stage
    }

    fn now(&self) -> Now {
        Now { monotonic: Instant::from_micros(self.now), wall_ms: (self.now / 1000) as i64 }
    }

    fn send(&mut self, partition: i32, value: &str) -> Result<u64, SendError> {
        let record = ProducerRecord {
            topic: Str::from("orders"),
            partition: Some(partition),
            value: Some(Bytes::copy_from_slice(value.as_bytes())),
            ..ProducerRecord::default()
        };
        let now = self.now();
        self.producer.send(now, record)
    }

    fn end(&mut self, is_commit: bool) -> Result<(), TransactionError> {
        let now = self.now();
        if is_commit { self.producer.commit_transaction(now) } else { self.producer.abort_transaction(now) }
    }

    fn outcomes(&mut self) -> Vec<TransactionOutcome> {
        core::iter::from_fn(|| self.producer.poll_transaction()).collect()
    }

    fn events(&mut self) -> Vec<ProducerEvent> {
        core::iter::from_fn(|| self.producer.poll_event()).collect()
    }

    fn error_for<R: Request>(&mut self) -> ErrorCode {
        let at = self.errors.iter().position(|error| error.0 == R::KEY.code());
        at.map_or(ErrorCode::None, |at| self.errors.remove(at).1)
    }

    /// Answers all for two seconds.
    fn run(&mut self) {
        self.run_for(2000);
    }

    fn run_for(&mut self, millis: u64) {
        let end = self.now + millis * 1000;
        loop {
            self.settle();
            let next = self.producer.next_deadline().map_or(end, |next| next.0.as_micros());
            if next >= end {
                break;
            }
            self.now = self.now.max(next);
            let now = self.now();
            self.producer.tick(now);
        }
        self.now = end;
    }

    fn settle(&mut self) {
        let now = self.now();
        loop {
            while let Some(output) = self.producer.poll_output() {
                if let Some(input) = self.cluster.take(output) {
                    self.producer.handle(now, input);
                }
            }
            if self.cluster.asked.is_empty() {
                return;
            }
            for asked in core::mem::take(&mut self.cluster.asked) {
                let input = self.answer(&asked);
                self.producer.handle(now, input);
            }
        }
    }

    fn note(&mut self, asked: &Asked, text: &str) {
        self.log.push(format!("v{} {text}", asked.header.api_version));
    }

    fn answer(&mut self, asked: &Asked) -> ClientInput {
        if asked.is::<FindCoordinatorRequest>() {
            let request: FindCoordinatorRequest = asked.decode();
            let error_code = self.error_for::<FindCoordinatorRequest>().code();
            self.note(asked, &format!("find {} {}", request.key_type, request.coordinator_keys[0]));
            let host = Str::from("broker");
            let key = request.coordinator_keys[0].clone();
            let found = Coordinator { key, node_id: 1, host, port: 9092, error_code, ..Default::default() };
            let response = FindCoordinatorResponse { coordinators: vec![found], ..Default::default() };
            return asked.answer::<FindCoordinatorRequest>(&response);
        }
        if asked.is::<InitProducerIdRequest>() {
            let request: InitProducerIdRequest = asked.decode();
            let error = self.error_for::<InitProducerIdRequest>();
            let (id, timeout) = (request.transactional_id.unwrap_or_default(), request.transaction_timeout_ms);
            self.note(asked, &format!("init {id} {timeout} {} {}", request.producer_id, request.producer_epoch));
            self.epoch += i16::from(!error.is_error());
            let (error_code, producer_epoch) = (error.code(), self.epoch);
            let response = InitProducerIdResponse { error_code, producer_id: 7, producer_epoch, ..Default::default() };
            return asked.answer::<InitProducerIdRequest>(&response);
        }
        if asked.is::<AddPartitionsToTxnRequest>() {
            return self.answer_partitions(asked);
        }
        if asked.is::<AddOffsetsToTxnRequest>() {
            let request: AddOffsetsToTxnRequest = asked.decode();
            let error_code = self.error_for::<AddOffsetsToTxnRequest>().code();
            self.note(asked, &format!("add offsets of {} {}", request.group_id, request.producer_epoch));
            let response = AddOffsetsToTxnResponse { error_code, ..Default::default() };
            return asked.answer::<AddOffsetsToTxnRequest>(&response);
        }
        if asked.is::<TxnOffsetCommitRequest>() {
            return self.answer_offsets(asked);
        }
        if asked.is::<EndTxnRequest>() {
            let request: EndTxnRequest = asked.decode();
            let error = self.error_for::<EndTxnRequest>();
            self.note(asked, &format!("end {} {}", request.committed, request.producer_epoch));
            let is_v2 = asked.header.api_version >= 5 && !error.is_error();
            self.epoch += i16::from(is_v2);
            let (producer_id, producer_epoch) = if is_v2 { (7, self.epoch) } else { (-1, -1) };
            let response =
                EndTxnResponse { error_code: error.code(), producer_id, producer_epoch, ..Default::default() };
            return asked.answer::<EndTxnRequest>(&response);
        }
        self.answer_produce(asked)
    }

    fn answer_partitions(&mut self, asked: &Asked) -> ClientInput {
        let request: AddPartitionsToTxnRequest = asked.decode();
        let error = self.error_for::<AddPartitionsToTxnRequest>();
        let topics = request.v3_and_below_topics.iter();
        let names = topics.map(|topic| format!("{} {:?}", topic.name, topic.partitions)).collect::<Vec<_>>().join(" ");
        self.note(asked, &format!("add {names} {}", request.v3_and_below_producer_epoch));
        let results = request.v3_and_below_topics.into_iter().map(|topic| AddPartitionsToTxnTopicResult {
            name: topic.name,
            results_by_partition: topic
                .partitions
                .into_iter()
                .map(|partition_index| AddPartitionsToTxnPartitionResult {
                    partition_index,
                    partition_error_code: error.code(),
                })
                .collect(),
        });
        let response = AddPartitionsToTxnResponse {
            throttle_time_ms: self.throttle_time_ms,
            results_by_topic_v3_and_below: results.collect(),
            ..Default::default()
        };
        asked.answer::<AddPartitionsToTxnRequest>(&response)
    }

    fn answer_offsets(&mut self, asked: &Asked) -> ClientInput {
        let request: TxnOffsetCommitRequest = asked.decode();
        let error = self.error_for::<TxnOffsetCommitRequest>();
        self.note(asked, &format!("commit offsets of {} {}", request.group_id, request.producer_epoch));
        let topics = request.topics.into_iter().map(|topic| TxnOffsetCommitResponseTopic {
            name: topic.name,
            partitions: topic
                .partitions
                .into_iter()
                .map(|partition| TxnOffsetCommitResponsePartition {
                    partition_index: partition.partition_index,
                    error_code: error.code(),
                })
                .collect(),
        });
        let response = TxnOffsetCommitResponse { topics: topics.collect(), ..Default::default() };
        asked.answer::<TxnOffsetCommitRequest>(&response)
    }

    fn answer_produce(&mut self, asked: &Asked) -> ClientInput {
        let request: ProduceRequest = asked.decode();
        let error = self.error_for::<ProduceRequest>();
        let id = request.transactional_id.clone().unwrap_or_default();
        let mut responses = Vec::new();
        for topic in request.topic_data {
            let mut partitions = Vec::new();
            for data in topic.partition_data {
                let bytes = data.records.map(|records| records.to_bytes()).unwrap_or_default();
                let batch = RecordBatch::parse(&bytes).expect("whole batches");
                assert!(batch.is_transactional(), "a batch of a transaction");
                let values = batch.iter().expect("readable").map(|record| record.expect("whole").value);
                let values = values.map(|value| String::from_utf8(value.unwrap_or_default().to_vec()).expect("text"));
                let values = values.collect::<Vec<_>>().join(",");
                let (epoch, sequence) = (batch.producer_epoch, batch.base_sequence);
                self.note(asked, &format!("produce {id} {} {values} {epoch} {sequence}", data.index));
                partitions.push(PartitionProduceResponse {
                    index: data.index,
                    error_code: error.code(),
                    log_append_time_ms: -1,
                    ..Default::default()
                });
            }
            responses.push(TopicProduceResponse {
                topic_id: topic.topic_id,
                name: topic.name,
                partition_responses: partitions,
            });
        }
        asked.answer::<ProduceRequest>(&ProduceResponse { responses, ..Default::default() })
    }
}

fn group() -> ConsumerGroupMetadata {
    let group_id = Str::from("g");
    ConsumerGroupMetadata { group_id, generation_id: 3, member_id: Str::from("m"), group_instance_id: None }
}

fn offsets() -> SortedMap<TopicPartition, TransactionalOffset> {
    let offset = TransactionalOffset { offset: 5, leader_epoch: -1, metadata: Str::default() };
    [(TopicPartition::new("orders", 0), offset)].into_iter().collect()
}

fn messages(error: &TransactionError) -> Vec<&str> {
    core::iter::successors(Some(error), |error| error.cause.as_deref()).map(|error| &*error.message).collect()
}

const COMMITTED: TransactionOutcome = (TransactionOperation::CommitTransaction, Ok(()));
const ABORTED: TransactionOutcome = (TransactionOperation::AbortTransaction, Ok(()));

#[test]
fn the_first_version_adds_partitions_before_it_writes() {
    let mut stage = Stage::begun(1);
    for (partition, value) in [(0, "a"), (1, "b"), (0, "c")] {
        stage.send(partition, value).expect("open");
    }
    stage.end(true).expect("open");
    stage.run();
    assert_eq!(stage.outcomes(), [COMMITTED]);
    stage.producer.begin_transaction().expect("ready again");
    stage.send(0, "d").expect("open");
    stage.end(true).expect("open");
    stage.run();
    assert_eq!(
        stage.log,
        [
            "v3 add orders [0, 1] 0",
            "v11 produce tx 0 a,c 0 0",
            "v11 produce tx 1 b 0 0",
            "v4 end true 0",
            "v3 add orders [0] 0",
            "v11 produce tx 0 d 0 2",
            "v4 end true 0"
        ]
    );
}

#[test]
fn the_second_version_adds_by_writing_and_counts_epochs_up() {
    let mut stage = Stage::begun(2);
    for partition in [0, 1] {
        stage.send(partition, "a").expect("open");
    }
    stage.end(true).expect("open");
    stage.run();
    stage.producer.begin_transaction().expect("ready again");
    stage.send(0, "b").expect("open");
    stage.end(false).expect("open");
    stage.run();
    assert_eq!(stage.outcomes(), [COMMITTED, ABORTED]);
    let log: Vec<&str> = stage.log.iter().map(String::as_str).collect();
    assert_eq!(
        log,
        ["v13 produce tx 0 a 0 0", "v13 produce tx 1 a 0 0", "v5 end true 0", "v5 end false 1"],
        "what was not sent before the abort never is"
    );
    let aborted = |event: &ProducerEvent| matches!(event, ProducerEvent::Aborted { ids, error, .. } if ids[..] == [2] && error.message == "Failing batch since transaction was aborted");
    assert!(stage.events().iter().any(aborted));
}

#[test]
fn initializing_finds_the_coordinator_and_tries_again() {
    let mut stage = Stage::new(2);
    stage.errors = vec![
        (FindCoordinatorRequest::KEY.code(), ErrorCode::CoordinatorNotAvailable),
        (InitProducerIdRequest::KEY.code(), ErrorCode::NotCoordinator),
        (InitProducerIdRequest::KEY.code(), ErrorCode::CoordinatorLoadInProgress),
        (InitProducerIdRequest::KEY.code(), ErrorCode::ConcurrentTransactions),
    ];
    let now = stage.now();
    stage.producer.init_transactions(now).expect("not done yet");
    stage.run();
    assert_eq!(stage.outcomes(), [(TransactionOperation::InitTransactions, Ok(()))]);
    let init = "v5 init tx 60000 -1 -1";
    assert_eq!(stage.log, ["v6 find 1 tx", "v6 find 1 tx", init, "v6 find 1 tx", init, init, init]);
}

#[test]
fn calls_out_of_turn_throw_what_kafka_throws() {
    let mut stage = Stage::new(2);
    let illegal = |state: &str, next: &str| {
        let message = format!("TransactionalId tx: Invalid transition attempted from state {state} to state {next}");
        Err(TransactionError::illegal_state(message))
    };
    assert_eq!(stage.producer.begin_transaction(), illegal("UNINITIALIZED", "IN_TRANSACTION"));
    assert_eq!(stage.end(true), illegal("UNINITIALIZED", "COMMITTING_TRANSACTION"));
    let Err(SendError::Transaction(error)) = stage.send(1, "a") else { panic!("sent") };
    let message = "Cannot add partition orders-1 to transaction before completing a call to initTransactions";
    assert_eq!(error, TransactionError::illegal_state(message));

    let mut stage = Stage::ready(2);
    assert_eq!(stage.end(false), illegal("READY", "ABORTING_TRANSACTION"));
    let Err(SendError::Transaction(error)) = stage.send(1, "a") else { panic!("sent") };
    let message = "Cannot add partition orders-1 to transaction while in state  READY";
    assert_eq!(error, TransactionError::illegal_state(message));
    let now = stage.now();
    assert_eq!(stage.producer.init_transactions(now), illegal("READY", "INITIALIZING"));
    let error = stage.producer.send_offsets_to_transaction(now, offsets(), group());
    let message = "Cannot send offsets if a transaction is not in progress (currentState= READY)";
    assert_eq!(error, Err(TransactionError::illegal_state(message)));

    let error = stage.producer.send_offsets_to_transaction(now, SortedMap::new(), group());
    let done = (TransactionOperation::SendOffsetsToTransaction, Ok(()));
    assert_eq!((error, stage.producer.poll_transaction()), (Ok(()), Some(done)), "of no offsets nobody is asked");
    let nobody = ConsumerGroupMetadata { member_id: Str::default(), ..group() };
    let error = stage.producer.send_offsets_to_transaction(now, offsets(), nobody).expect_err("a generation of nobody");
    let message = "Passed in group metadata GroupMetadata(groupId = g, generationId = 3, memberId = , groupInstanceId = ) \
                   has generationId > 0 but the member.id is unknown";
    assert_eq!((error.kind, &*error.message), (TransactionErrorKind::IllegalArgument, message));

    let config = ProducerConfig { transactional_id: None, ..ProducerConfig::default() };
    let mut producer = Producer::new(config, 0, Rng::new(1));
    let message = "Transactional method invoked on a non-transactional producer.";
    assert_eq!(producer.init_transactions(now), Err(TransactionError::illegal_state(message)));
}

#[test]
fn nothing_is_sent_to_a_broker_before_its_throttle_time_is_over() {
    let mut stage = Stage::begun(1);
    stage.throttle_time_ms = 700;
    stage.send(0, "a").expect("open");
    stage.end(true).expect("open");
    stage.run_for(600);
    assert_eq!(stage.log, ["v3 add orders [0] 0"]);
    stage.run_for(200);
    assert_eq!(stage.log[1..], ["v11 produce tx 0 a 0 0", "v4 end true 0"]);
    assert_eq!(stage.outcomes(), [COMMITTED]);
}

#[test]
fn an_empty_transaction_asks_nobody() {
    for version in [1, 2] {
        let mut stage = Stage::begun(version);
        stage.end(true).expect("open");
        stage.run();
        assert_eq!((stage.outcomes(), stage.log.len()), (vec![COMMITTED], 0));
    }
}

#[test]
fn offsets_go_to_the_coordinator_of_the_group() {
    for version in [1, 2] {
        let mut stage = Stage::begun(version);
        stage.errors = vec![
            (TxnOffsetCommitRequest::KEY.code(), ErrorCode::NotCoordinator),
            (TxnOffsetCommitRequest::KEY.code(), ErrorCode::CoordinatorLoadInProgress),
        ];
        let now = stage.now();
        stage.producer.send_offsets_to_transaction(now, offsets(), group()).expect("open");
        stage.run();
        stage.end(true).expect("open");
        stage.run();
        assert_eq!(stage.outcomes(), [(TransactionOperation::SendOffsetsToTransaction, Ok(())), COMMITTED]);
        let (commit, end) = match version {
            1 => ("v4 commit offsets of g 0", "v4 end true 0"),
            _ => ("v5 commit offsets of g 0", "v5 end true 0"),
        };
        let mut expected = vec!["v6 find 0 g", commit, "v6 find 0 g", commit, commit, end];
        if version == 1 {
            expected.insert(0, "v4 add offsets of g 0");
        }
        assert_eq!(stage.log, expected);
    }
}

#[test]
fn a_member_of_another_generation_can_only_abort() {
    let mut stage = Stage::begun(2);
    stage.errors = vec![(TxnOffsetCommitRequest::KEY.code(), ErrorCode::IllegalGeneration)];
    let now = stage.now();
    stage.producer.send_offsets_to_transaction(now, offsets(), group()).expect("open");
    stage.run();
    let outcomes = stage.outcomes();
    let [(TransactionOperation::SendOffsetsToTransaction, Err(error))] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!(error.kind, TransactionErrorKind::CommitFailed);
    let message = "Transaction offset Commit failed due to consumer group metadata mismatch: ";
    assert!(error.message.starts_with(message));
    let error = stage.end(true).expect_err("only abort");
    assert_eq!(messages(&error)[0], "Cannot execute transactional method because we are in an error state");
    stage.end(false).expect("an abort is allowed");
    stage.run();
    assert_eq!(stage.outcomes(), [ABORTED]);
    stage.producer.begin_transaction().expect("and all is well");
}

#[test]
fn a_failed_batch_makes_the_transaction_abortable_and_the_next_begins_with_a_new_epoch() {
    for version in [1, 2] {
        let mut stage = Stage::begun(version);
        stage.errors = vec![(ProduceRequest::KEY.code(), ErrorCode::InvalidRecord)];
        stage.send(0, "bad").expect("open");
        stage.run();
        let Err(SendError::Transaction(error)) = stage.send(0, "more") else { panic!("sent") };
        let cause = ErrorCode::InvalidRecord.message();
        let wrapped = "Cannot execute transactional method because we are in an error state";
        assert_eq!(messages(&error), [wrapped, cause]);
        assert!(stage.end(true).is_err());
        stage.end(false).expect("an abort is allowed");
        stage.run();
        stage.producer.begin_transaction().expect("ready");
        stage.send(0, "good").expect("open");
        stage.end(true).expect("open");
        stage.run();
        assert_eq!(stage.outcomes(), [ABORTED, COMMITTED]);
        let log = stage.log.join("\n");
        if version == 1 {
            assert!(log.contains("v4 end false 0\nv5 init tx 60000 7 0\n"), "{log}");
        } else {
            assert!(log.contains("v5 end false 0\nv13 produce"), "{log}");
        }
        assert!(log.contains("produce tx 0 good 1 0"), "{log}");
    }
}

#[test]
fn a_record_that_no_request_can_hold_makes_the_transaction_abortable() {
    let mut stage = Stage::begun(2);
    let large = "x".repeat(2 << 20);
    for _ in 0..2 {
        assert!(matches!(stage.send(0, &large), Err(SendError::RecordTooLarge { .. })));
    }
    let error = stage.end(true).expect_err("only abort");
    let cause = error.cause.expect("the record").message;
    assert!(cause.ends_with("which is the value of the max.request.size configuration."), "{cause}");
}

#[test]
fn a_fenced_producer_is_at_its_end() {
    for error in [ErrorCode::ProducerFenced, ErrorCode::InvalidProducerEpoch] {
        let mut stage = Stage::begun(2);
        stage.errors = vec![(EndTxnRequest::KEY.code(), error)];
        stage.send(0, "a").expect("open");
        stage.end(true).expect("open");
        stage.run();
        let fenced = TransactionError::api(ErrorCode::ProducerFenced);
        assert_eq!(stage.outcomes(), [(TransactionOperation::CommitTransaction, Err(fenced))]);
        let message = "Producer with transactionalId 'tx' and (producerId=7, epoch=0) has been fenced by another producer with the same transactionalId";
        assert_eq!(stage.end(false).expect_err("at its end").message, message);
        assert!(stage.producer.begin_transaction().is_err());
    }
}

#[test]
fn an_old_epoch_at_the_leader_can_be_aborted() {
    let mut stage = Stage::begun(2);
    stage.errors = vec![(ProduceRequest::KEY.code(), ErrorCode::InvalidProducerEpoch)];
    stage.send(0, "a").expect("open");
    stage.end(true).expect("open");
    stage.run();
    let outcomes = stage.outcomes();
    assert!(
        matches!(&outcomes[..], [(TransactionOperation::CommitTransaction, Err(error))] if error.kind == TransactionErrorKind::Api(ErrorCode::InvalidProducerEpoch)),
        "{outcomes:?}"
    );
    let message =
        "Producer with transactionalId 'tx' and (producerId=7, epoch=0) attempted to produce with an old epoch";
    assert_eq!(stage.producer.begin_transaction().expect_err("only abort").message, message);
    stage.end(false).expect("an abort is allowed");
    stage.run();
    assert_eq!(stage.outcomes(), [ABORTED]);
}

#[test]
fn transactions_still_being_completed_are_waited_for() {
    for (version, key) in [(1, AddPartitionsToTxnRequest::KEY), (2, ProduceRequest::KEY)] {
        let mut stage = Stage::begun(version);
        stage.errors = vec![(key.code(), ErrorCode::ConcurrentTransactions); 2];
        stage.send(0, "a").expect("open");
        stage.end(true).expect("open");
        stage.run();
        assert_eq!(stage.outcomes(), [COMMITTED], "{:?}", stage.log);
        assert_eq!(stage.log.iter().filter(|line| !line.contains("end")).count(), if version == 1 { 4 } else { 3 });
    }
}

#[test]
fn partitions_that_cannot_be_added_are_named() {
    let mut stage = Stage::begun(1);
    stage.errors = vec![(AddPartitionsToTxnRequest::KEY.code(), ErrorCode::OperationNotAttempted)];
    stage.send(0, "a").expect("open");
    stage.run();
    let error = stage.end(true).expect_err("only abort");
    let cause = "Could not add partitions to transaction due to errors: {orders-0=OPERATION_NOT_ATTEMPTED}";
    assert_eq!(messages(&error)[1], cause);
    let aborted = stage.events();
    assert!(matches!(&aborted[..], [ProducerEvent::Aborted { error, .. }] if error.message == cause), "{aborted:?}");
}

#[test]
fn a_call_that_takes_too_long_is_told_and_can_be_made_again() {
    let mut stage = Stage::new(2);
    stage.cluster.refused_ports = vec![9092];
    let now = stage.now();
    stage.producer.init_transactions(now).expect("not done yet");
    stage.run_for(61_000);
    let late = TransactionError::timed_out(60_000, "InitProducerId");
    assert_eq!(stage.outcomes(), [(TransactionOperation::InitTransactions, Err(late))]);
    assert_eq!(
        late_message(&stage.producer.begin_transaction()),
        "Cannot attempt operation `beginTransaction` because the previous call to `initTransactions` timed out and must be retried"
    );
    stage.cluster.refused_ports.clear();
    let now = stage.now();
    stage.producer.init_transactions(now).expect("goes on");
    stage.run_for(10_000);
    assert_eq!(stage.outcomes(), [(TransactionOperation::InitTransactions, Ok(()))]);
}

fn late_message(result: &Result<(), TransactionError>) -> String {
    result.as_ref().map_or_else(|error| error.message.clone(), |()| "nothing".to_string())
}
