use super::super::scripted_broker::{Asked, ScriptedCluster, topic_id};
use super::*;
use crate::protocol::messages::InitProducerIdResponse;
use crate::protocol::messages::produce_response::{BatchIndexAndErrorMessage, TopicProduceResponse};
use crate::record::compression::gzip;
use crate::record::{Compression, Compressor, RecordBatch};
use alloc::vec;
use bytes::Bytes;

/// A broker's log of one partition: values, and what it remembers of producers.
#[derive(Default)]
struct Log {
    values: Vec<Bytes>,
    batches: Vec<RecordBatch>,
    epoch: i16,
    next_sequence: i32,
    /// First sequence, last sequence, base offset.
    last_batches: Vec<(i32, i32, i64)>,
}

impl Log {
    fn append(&mut self, bytes: &Bytes) -> (ErrorCode, i64) {
        let batch = RecordBatch::parse(bytes).expect("clients send whole batches");
        batch.check_crc().expect("with their CRC");
        let (first, last, epoch) = (batch.base_sequence, batch.header().last_sequence(), batch.producer_epoch);
        let base_offset = self.values.len() as i64;
        if batch.header().has_producer_id() {
            let known =
                self.last_batches.iter().find(|known| epoch == self.epoch && (known.0, known.1) == (first, last));
            if let Some(known) = known {
                return (ErrorCode::None, known.2);
            }
            match epoch - self.epoch {
                ..0 => return (ErrorCode::InvalidProducerEpoch, -1),
                0 if first != self.next_sequence => return (ErrorCode::OutOfOrderSequenceNumber, -1),
                1.. if first != 0 => return (ErrorCode::OutOfOrderSequenceNumber, -1),
                0 => {}
                _ => self.last_batches.clear(),
            }
            self.epoch = epoch;
            self.next_sequence = last + 1;
            self.last_batches.push((first, last, base_offset));
            if self.last_batches.len() > 5 {
                self.last_batches.remove(0);
            }
        }
        for record in batch.iter().expect("decompressed") {
            self.values.push(record.expect("whole records").value.unwrap_or_default());
        }
        self.batches.push(batch);
        (ErrorCode::None, base_offset)
    }
}

struct Stage {
    producer: Producer,
    cluster: ScriptedCluster,
    logs: SortedMap<(Str, i32), Log>,
    now: u64,
}

impl Stage {
    fn new(config: ProducerConfig, cluster: ScriptedCluster, seed: u64) -> Self {
        let bootstrap = vec![(Str::from("broker"), 9092)];
        let producer = Producer::new(ProducerConfig { bootstrap, ..config }, 0, Rng::new(seed));
        Self { producer, cluster, logs: SortedMap::new(), now: 0 }
    }

    fn now(&self) -> Now {
        Now { monotonic: Instant::from_micros(self.now), wall_ms: (self.now / 1000) as i64 }
    }

    fn send(&mut self, topic: &str, key: Option<&str>, value: &str) -> Result<u64, SendError> {
        let record = ProducerRecord {
            topic: Str::from(topic),
            key: key.map(|key| Bytes::copy_from_slice(key.as_bytes())),
            value: Some(Bytes::copy_from_slice(value.as_bytes())),
            ..Default::default()
        };
        let now = self.now();
        self.producer.send(now, record)
    }

    /// Moves frames until quiet; Produce requests wait in the cluster.
    fn settle(&mut self) {
        let now = self.now();
        loop {
            while let Some(output) = self.producer.poll_output() {
                if let Some(input) = self.cluster.take(output) {
                    self.producer.handle(now, input);
                }
            }
            let asked = self.cluster.take_asked::<InitProducerIdRequest>();
            if asked.is_empty() {
                return;
            }
            for asked in asked {
                let response = InitProducerIdResponse { producer_id: 77, ..Default::default() };
                self.producer.handle(now, asked.answer::<InitProducerIdRequest>(&response));
            }
        }
    }

    /// Goes to the next deadline.
    fn step(&mut self) {
        if let Some((deadline, _)) = self.producer.next_deadline() {
            self.now = self.now.max(deadline.as_micros());
            let now = self.now();
            self.producer.tick(now);
        }
        self.settle();
    }

    /// Steps until `millis`.
    fn run_until(&mut self, millis: u64) {
        self.settle();
        let mut steps = 0;
        while self.producer.next_deadline().is_some_and(|next| next.0 <= Instant::from_millis(millis)) {
            self.step();
            steps += 1;
            assert!(steps < 2000, "deadlines pass without moving on: {:?}", self.producer.next_deadline());
        }
        self.now = self.now.max(millis * 1000);
    }

    /// Appends a request's batches as the leader, or fails them with an error.
    fn respond(&mut self, asked: &Asked, error: Option<ErrorCode>) -> ClientInput {
        let request: ProduceRequest = asked.decode();
        let has_ids = asked.header.api_version >= 13;
        let responses = request.topic_data.into_iter().map(|topic| {
            let names: Vec<Str> = self.cluster.topics.keys().cloned().collect();
            let name = if has_ids {
                names.into_iter().find(|name| topic_id(name) == topic.topic_id)
            } else {
                Some(topic.name)
            };
            let name = name.expect("a known topic");
            let partitions = topic.partition_data.into_iter().map(|data| {
                let bytes = data.records.map(|records| records.to_bytes()).unwrap_or_default();
                let log = self.logs.entry((name.clone(), data.index)).or_default();
                let (error, base_offset) = error.map_or_else(|| log.append(&bytes), |error| (error, -1));
                PartitionProduceResponse {
                    index: data.index,
                    error_code: error.code(),
                    base_offset,
                    log_append_time_ms: -1,
                    ..Default::default()
                }
            });
            TopicProduceResponse {
                topic_id: topic.topic_id,
                partition_responses: partitions.collect(),
                name: name.clone(),
            }
        });
        asked.answer::<ProduceRequest>(&ProduceResponse { responses: responses.collect(), ..Default::default() })
    }

    /// Answers what waits.
    fn answer_all(&mut self, error: Option<ErrorCode>) -> usize {
        self.settle();
        let asked = self.cluster.take_asked::<ProduceRequest>();
        for asked in &asked {
            let input = self.respond(asked, error);
            let now = self.now();
            self.producer.handle(now, input);
        }
        self.settle();
        asked.len()
    }

    fn events(&mut self) -> Vec<ProducerEvent> {
        core::iter::from_fn(|| self.producer.poll_event()).collect()
    }

    fn values(&self, topic: &str, partition: i32) -> Vec<&str> {
        let log = self.logs.get(&(Str::from(topic), partition));
        let values = log.into_iter().flat_map(|log| &log.values);
        values.map(|value| core::str::from_utf8(value).expect("text")).collect()
    }
}

fn one_partition() -> ScriptedCluster {
    ScriptedCluster::new(2, &[("orders", &[(1, 0)])])
}

fn delivered(event: &ProducerEvent) -> Option<(&[u64], i64)> {
    if let ProducerEvent::Delivered { ids, base_offset, .. } = event { Some((ids, *base_offset)) } else { None }
}

#[test]
fn records_linger_into_one_batch() {
    let mut stage = Stage::new(ProducerConfig::default(), one_partition(), 1);
    stage.run_until(10);
    for value in ["a", "b", "c"] {
        stage.send("orders", None, value).expect("taken");
    }
    stage.run_until(14);
    assert_eq!(stage.answer_all(None), 0, "5 ms are not over");
    stage.run_until(16);
    let asked = stage.cluster.asked.clone();
    assert_eq!((asked.len(), asked[0].header.api_version, asked[0].port), (1, 13, 9092));
    stage.answer_all(None);
    let events = stage.events();
    assert_eq!(events.iter().map(delivered).collect::<Vec<_>>(), [Some((&[0, 1, 2][..], 0))]);
    assert_eq!(stage.values("orders", 0), ["a", "b", "c"]);
    assert_eq!(stage.producer.unfinished(), 0);
}

#[test]
fn keys_choose_partitions_as_in_java() {
    let cluster = ScriptedCluster::new(2, &[("orders", &[(1, 0), (2, 0), (1, 0)])]);
    let mut stage = Stage::new(ProducerConfig::default(), cluster, 1);
    for key in ["foobar", "key1", "key2", "abc"] {
        stage.send("orders", Some(key), key).expect("taken");
    }
    stage.run_until(100);
    while stage.answer_all(None) > 0 {}
    assert_eq!(stage.values("orders", 0), ["foobar", "abc"]);
    assert_eq!(stage.values("orders", 2), ["key1", "key2"]);
}

#[test]
fn topics_without_ids_are_named() {
    let mut cluster = one_partition();
    cluster.max_versions.insert(3, 9);
    let mut stage = Stage::new(ProducerConfig::default(), cluster, 1);
    stage.send("orders", None, "a").expect("taken");
    stage.run_until(100);
    assert_eq!(stage.cluster.asked[0].header.api_version, 12);
    stage.answer_all(None);
    assert_eq!(stage.values("orders", 0), ["a"]);
}

#[test]
fn unanswered_produce_is_delivered_once_sent() {
    let config = ProducerConfig { acks: 0, ..Default::default() };
    let mut stage = Stage::new(config, one_partition(), 1);
    stage.send("orders", None, "a").expect("taken");
    stage.run_until(100);
    assert_eq!(stage.events().iter().map(delivered).collect::<Vec<_>>(), [Some((&[0][..], -1))]);
}

#[test]
fn order_and_exactly_once_survive_random_failures() {
    for seed in 0..400 {
        let mut rng = Rng::new(seed);
        // What is given up may be lost or doubled; here nothing is.
        let delivery_timeout = Duration::from_hours(24);
        let config = ProducerConfig { batch_size: 100, linger: Duration::ZERO, delivery_timeout, ..Default::default() };
        let mut stage = Stage::new(config, one_partition(), seed);
        let mut sent = Vec::new();
        let mut leader = (1, 0);
        for round in 0..4000 {
            if sent.len() < 150 && rng.chance(2, 3) {
                let value = alloc::format!("{:04}", sent.len());
                if stage.send("orders", None, &value).is_ok() {
                    sent.push(value);
                }
            }
            stage.settle();
            match rng.below(12) {
                0 if sent.len() < 150 => {
                    // Written, but the answer is lost.
                    for asked in stage.cluster.take_asked::<ProduceRequest>() {
                        stage.respond(&asked, None);
                    }
                    for input in stage.cluster.break_connections(9091 + leader.0 as u16) {
                        let now = stage.now();
                        stage.producer.handle(now, input);
                    }
                }
                1 if sent.len() < 150 => {
                    leader = (3 - leader.0, leader.1 + 1);
                    stage.cluster.topics.insert(Str::from("orders"), vec![leader]);
                    stage.answer_all(Some(ErrorCode::NotLeaderOrFollower));
                }
                2 if sent.len() < 150 => {
                    let asked = stage.cluster.take_asked::<ProduceRequest>();
                    for (index, asked) in asked.iter().enumerate() {
                        let error = (index == 0).then_some(ErrorCode::NotEnoughReplicas);
                        let input = stage.respond(asked, error);
                        let now = stage.now();
                        stage.producer.handle(now, input);
                    }
                }
                3..=7 => {
                    stage.answer_all(None);
                }
                _ => stage.step(),
            }
            if sent.len() == 150 && stage.producer.unfinished() == 0 {
                break;
            }
            assert!(round < 3999, "seed {seed}: {} unfinished", stage.producer.unfinished());
        }
        assert_eq!(stage.values("orders", 0), sent, "seed {seed}");
        let ids: usize = stage.events().iter().filter_map(delivered).map(|(ids, _)| ids.len()).sum();
        assert_eq!(ids, 150, "seed {seed}");
    }
}

#[test]
fn a_refused_batch_fails_and_those_behind_it_move_up() {
    let config = ProducerConfig { batch_size: 1, linger: Duration::ZERO, ..Default::default() };
    let mut stage = Stage::new(config, one_partition(), 1);
    stage.run_until(10);
    for value in ["a", "b", "c"] {
        stage.send("orders", None, value).expect("taken");
    }
    stage.settle();
    let asked = stage.cluster.take_asked::<ProduceRequest>();
    assert_eq!(asked.len(), 3);
    for (asked, error) in asked.iter().zip([Some(ErrorCode::InvalidRecord), None, None]) {
        let input = stage.respond(asked, error);
        let now = stage.now();
        stage.producer.handle(now, input);
    }
    for until in 1..20 {
        stage.run_until(until * 100);
        stage.answer_all(None);
    }
    assert_eq!(stage.values("orders", 0), ["b", "c"]);
    let failed = |event: &ProducerEvent| matches!(event, ProducerEvent::Failed { ids, error: ErrorCode::InvalidRecord, .. } if ids[..] == [0]);
    assert_eq!(stage.events().iter().filter(|event| failed(event)).count(), 1);
}

#[test]
fn each_record_of_a_refused_batch_hears_what_was_wrong_with_it() {
    let wrong = |batch_index, text: &str| BatchIndexAndErrorMessage {
        batch_index,
        batch_index_error_message: Some(Str::from(text)),
    };
    let bystander = Some(PART_OF_REFUSED_BATCH);
    let (invalid, late) = (ErrorCode::InvalidRecord, ErrorCode::InvalidTimestamp);
    for (error, record_errors, expected) in [
        (late, vec![wrong(1, "late")], [(late, bystander), (late, Some("late")), (late, bystander)]),
        (
            late,
            vec![wrong(0, "late"), wrong(2, "no key")],
            [(invalid, Some("late")), (invalid, bystander), (invalid, Some("no key"))],
        ),
        (ErrorCode::CorruptMessage, Vec::new(), [(ErrorCode::CorruptMessage, Some("all")); 3]),
    ] {
        let config = ProducerConfig { retries: 0, ..Default::default() };
        let mut stage = Stage::new(config, one_partition(), 1);
        for value in ["a", "b", "c"] {
            stage.send("orders", None, value).expect("taken");
        }
        stage.run_until(20);
        let asked = stage.cluster.take_asked::<ProduceRequest>();
        let request: ProduceRequest = asked[0].decode();
        let partition_responses = vec![PartitionProduceResponse {
            error_code: error.code(),
            record_errors,
            error_message: Some(Str::from("all")),
            ..Default::default()
        }];
        let topic = &request.topic_data[0];
        let (name, topic_id) = (topic.name.clone(), topic.topic_id);
        let responses = vec![TopicProduceResponse { name, topic_id, partition_responses }];
        let input = asked[0].answer::<ProduceRequest>(&ProduceResponse { responses, ..Default::default() });
        let now = stage.now();
        stage.producer.handle(now, input);
        let mut told = Vec::new();
        for event in stage.events() {
            if let ProducerEvent::Failed { ids, error, message, .. } = event {
                told.extend(ids.into_iter().map(|_| (error, message.clone())));
            }
        }
        assert_eq!(told, expected.map(|(error, message)| (error, message.map(Str::from))));
    }
}

/// A batch of three records was too large, and its parts are there.
fn after_a_split(config: ProducerConfig) -> Stage {
    let mut stage = Stage::new(config, one_partition(), 1);
    for value in ["a", "b", "c"] {
        stage.send("orders", None, value).expect("taken");
    }
    stage.run_until(20);
    assert_eq!(stage.answer_all(Some(ErrorCode::MessageTooLarge)), 1);
    for until in 1..20 {
        stage.run_until(until * 100);
        stage.answer_all(None);
    }
    assert_eq!(stage.values("orders", 0), ["a", "b", "c"]);
    stage
}

#[test]
fn a_batch_too_large_for_the_topic_is_split() {
    let mut stage = after_a_split(ProducerConfig::default());
    let ids: Vec<_> = stage.events().iter().filter_map(delivered).map(|(ids, _)| ids.to_vec()).collect();
    assert_eq!(ids, [vec![0], vec![1, 2]]);
}

#[test]
fn compressed_batches_take_more_records_the_better_they_compress() {
    let line = "the same line again and again, which compresses well";
    let counts = |compression: Option<Compressor>| {
        let config =
            ProducerConfig { batch_size: 1000, linger: Duration::from_secs(1), compression, ..Default::default() };
        let mut stage = Stage::new(config, one_partition(), 1);
        for _ in 0..2000 {
            stage.send("orders", None, line).expect("taken");
            stage.answer_all(None);
        }
        stage.run_until(2000);
        stage.answer_all(None);
        let values = stage.values("orders", 0);
        assert!(values.len() == 2000 && values.iter().all(|value| *value == line));
        let batches = &stage.logs[&(Str::from("orders"), 0)].batches;
        let codec = compression.map_or(Compression::None, |compression| compression.codec());
        assert!(batches.iter().all(|batch| batch.compression() == Ok(codec)));
        // The last one lingered.
        batches[..batches.len() - 1].iter().map(|batch| batch.records_count).collect::<Vec<_>>()
    };
    let (plain, gzip) = (counts(None), counts(Some(gzip::compressor(-1))));
    assert!(plain.iter().all(|count| *count == plain[0]), "{plain:?}");
    assert!(gzip[0] <= plain[0] && gzip.is_sorted() && gzip[gzip.len() - 1] > plain[0] * 3 / 2, "{plain:?} {gzip:?}");
}

#[test]
fn a_compressed_batch_too_large_for_the_topic_is_split_into_compressed_ones() {
    let config = ProducerConfig { compression: Some(gzip::compressor(-1)), ..Default::default() };
    let stage = after_a_split(config);
    let batches = &stage.logs[&(Str::from("orders"), 0)].batches;
    assert!(batches.iter().all(|batch| batch.compression() == Ok(Compression::Gzip)));
    assert_eq!(batches.iter().map(|batch| batch.records_count).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn delivery_times_out_and_the_next_record_goes_out_under_a_new_epoch() {
    let mut stage = Stage::new(ProducerConfig::default(), one_partition(), 1);
    stage.send("orders", None, "lost").expect("taken");
    stage.run_until(119_000);
    stage.cluster.asked.clear();
    stage.run_until(121_000);
    let failed = ErrorCode::RequestTimedOut;
    assert!(
        stage.events().iter().any(|event| matches!(event, ProducerEvent::Failed { error, .. } if *error == failed))
    );
    stage.cluster.asked.clear();
    stage.send("orders", None, "next").expect("taken");
    for until in 1..100 {
        stage.run_until(121_000 + until * 500);
        stage.answer_all(None);
    }
    assert_eq!(stage.values("orders", 0), ["next"]);
    assert_eq!(stage.logs[&(Str::from("orders"), 0)].epoch, 1);
}

#[test]
fn a_topic_that_never_appears_fails_after_max_block() {
    let mut stage = Stage::new(ProducerConfig::default(), one_partition(), 1);
    stage.send("nowhere", None, "a").expect("taken");
    stage.run_until(59_000);
    assert_eq!(stage.events(), []);
    stage.run_until(61_000);
    let error = ErrorCode::UnknownTopicOrPartition;
    let failed =
        ProducerEvent::Failed { ids: vec![0], topic: Str::from("nowhere"), partition: -1, error, message: None };
    assert_eq!(stage.events(), [failed]);
}

#[test]
fn memory_and_record_size_are_bounded() {
    let config = ProducerConfig { buffer_memory: 300, max_request_size: 250, ..Default::default() };
    let mut stage = Stage::new(config, one_partition(), 1);
    let large = "x".repeat(250);
    assert!(matches!(stage.send("orders", None, &large), Err(SendError::RecordTooLarge { max_request_size: 250, .. })));
    assert_eq!(stage.send("orders", None, &large[..100]), Ok(0));
    assert_eq!(stage.send("orders", None, &large[..100]), Err(SendError::BufferExhausted));
    stage.run_until(20);
    stage.answer_all(None);
    assert_eq!(stage.send("orders", None, &large[..100]), Ok(1));
}
