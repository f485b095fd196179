//! librdkafka against a cluster of ours on loopback sockets: what real clients see.

use broker_tests::tcp::{ClusterOptions, End, TcpCluster};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_mins(1);

/// What was acknowledged: partition, offset, value; and what failed.
#[derive(Clone, Default)]
struct Deliveries(Arc<Mutex<Outcome>>);

#[derive(Default)]
struct Outcome {
    acknowledged: Vec<(i32, i64, String)>,
    failed: Vec<String>,
}

impl rdkafka::ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let mut outcome = self.0.lock().expect("no test panics while it holds this");
        match result {
            Ok(message) => {
                let value = text(message.payload());
                outcome.acknowledged.push((message.partition(), message.offset(), value));
            }
            Err((error, _)) => outcome.failed.push(error.to_string()),
        }
    }
}

fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}

struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park_timeout(Duration::from_millis(100)),
        }
    }
}

struct Running {
    cluster: TcpCluster,
    _data: tempfile::TempDir,
}

fn start(port: u16) -> Running {
    let data = tempfile::tempdir().expect("a folder for the log directories");
    let options = ClusterOptions {
        brokers: 3,
        port,
        data: data.path().to_owned(),
        properties: String::new(),
        seed: u64::from(port),
        verbose: false,
    };
    println!("seed {port}");
    Running { cluster: TcpCluster::start(&options).expect("free ports"), _data: data }
}

fn config(running: &Running) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", running.cluster.bootstrap_servers());
    config.set_log_level(RDKafkaLogLevel::Error);
    config
}

fn create_topic(running: &Running, name: &str, partitions: i32) {
    let admin: AdminClient<DefaultClientContext> = config(running).create().expect("an admin client");
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(3));
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
    let started = Instant::now();
    // Right after the start brokers may not be unfenced yet, which Kafka answers with INVALID_REPLICATION_FACTOR.
    loop {
        let results = block_on(admin.create_topics([&topic], &options)).expect("an answer");
        match &results[..] {
            [Ok(_)] => return,
            [Err((_, rdkafka::types::RDKafkaErrorCode::InvalidReplicationFactor))] if started.elapsed() < LIMIT => {
                std::thread::yield_now();
            }
            other => panic!("{other:?}"),
        }
    }
}

fn producer(running: &Running, deliveries: &Deliveries, settings: &[(&str, &str)]) -> ThreadedProducer<Deliveries> {
    let mut config = config(running);
    for (key, value) in settings {
        config.set(*key, *value);
    }
    config.create_with_context(deliveries.clone()).expect("a producer")
}

/// Reads until `done` is satisfied by all values seen.
fn read(consumer: &BaseConsumer, mut done: impl FnMut(&[(i32, i64, String)]) -> bool) -> Vec<(i32, i64, String)> {
    let mut seen = Vec::new();
    let started = Instant::now();
    while !done(&seen) {
        assert!(started.elapsed() < LIMIT, "only {} records were read", seen.len());
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => seen.push((message.partition(), message.offset(), text(message.payload()))),
            Some(Err(error)) => panic!("{error}"),
            None => {}
        }
    }
    seen
}

fn consumer(running: &Running, group: &str) -> BaseConsumer {
    let mut config = config(running);
    config.set("group.id", group).set("auto.offset.reset", "earliest").set("session.timeout.ms", "6000");
    config.create().expect("a consumer")
}

#[test]
fn records_of_every_acks_are_read_back_in_order() {
    let running = start(31000);
    create_topic(&running, "acks", 1);
    let mut expected = Vec::new();
    for settings in [
        &[("acks", "0")][..],
        &[("acks", "1")][..],
        &[("acks", "all")][..],
        &[("acks", "all"), ("enable.idempotence", "true")][..],
    ] {
        let deliveries = Deliveries::default();
        let producer = producer(&running, &deliveries, settings);
        for number in 0..50 {
            let value = format!("{settings:?} {number}");
            producer.send(BaseRecord::<(), str>::to("acks").payload(&value)).expect("room in the queue");
            expected.push(value);
        }
        producer.flush(LIMIT).expect("all records are acknowledged");
        let outcome = deliveries.0.lock().expect("not poisoned");
        assert_eq!(outcome.failed, Vec::<String>::new());
        assert_eq!(outcome.acknowledged.len(), 50);
    }
    let consumer = consumer(&running, "order");
    consumer.subscribe(&["acks"]).expect("a subscription");
    let seen = read(&consumer, |seen| seen.len() >= expected.len());
    assert_eq!(seen.into_iter().map(|(_, _, value)| value).collect::<Vec<_>>(), expected);
}

#[test]
fn our_partitioner_puts_keys_where_librdkafkas_murmur2_does() {
    let running = start(32000);
    create_topic(&running, "keys", 3);
    let deliveries = Deliveries::default();
    let producer = producer(&running, &deliveries, &[("partitioner", "murmur2")]);
    let keys: Vec<String> = (0..40).map(|number| format!("key-{number}")).collect();
    for key in &keys {
        producer.send(BaseRecord::to("keys").key(key).payload(key)).expect("room in the queue");
    }
    producer.flush(LIMIT).expect("all records are acknowledged");
    for (partition, _, key) in &deliveries.0.lock().expect("not poisoned").acknowledged {
        assert_eq!(broker_core::client::partitioner::partition_for_key(key.as_bytes(), 3), *partition, "{key}");
    }
}

#[test]
fn a_group_of_three_shares_the_partitions_and_reads_every_record_once() {
    let running = start(33000);
    create_topic(&running, "shared", 6);
    let deliveries = Deliveries::default();
    let producer = producer(&running, &deliveries, &[("acks", "all")]);
    for number in 0..600 {
        let value = number.to_string();
        let record = BaseRecord::<(), str>::to("shared").payload(&value).partition(number % 6);
        producer.send(record).expect("room in the queue");
    }
    producer.flush(LIMIT).expect("all records are acknowledged");
    let consumers: Vec<BaseConsumer> = (0..3).map(|_| consumer(&running, "three")).collect();
    for consumer in &consumers {
        consumer.subscribe(&["shared"]).expect("a subscription");
    }
    let mut seen = Vec::new();
    let started = Instant::now();
    let settled = |consumers: &[BaseConsumer]| {
        let counts = consumers.iter().map(|consumer| consumer.assignment().map_or(0, |list| list.count()));
        counts.eq([2, 2, 2])
    };
    while !(settled(&consumers) && seen.iter().collect::<BTreeSet<_>>().len() == 600) {
        assert!(started.elapsed() < LIMIT, "{} of 600 records were read", seen.len());
        for consumer in &consumers {
            match consumer.poll(Duration::from_millis(20)) {
                Some(Ok(message)) => seen.push(text(message.payload())),
                Some(Err(error)) => panic!("{error}"),
                None => {}
            }
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_or_twice_when_leaders_are_killed_under_load() {
    let mut running = start(34000);
    create_topic(&running, "failover", 3);
    let deliveries = Deliveries::default();
    let settings = [("acks", "all"), ("enable.idempotence", "true"), ("linger.ms", "5")];
    let producer = producer(&running, &deliveries, &settings);
    let acknowledged = |deliveries: &Deliveries| deliveries.0.lock().expect("not poisoned").acknowledged.len();
    let mut sent = 0;
    for round in 0..3 {
        let mut produce_until = |running_count: usize| {
            let started = Instant::now();
            while acknowledged(&deliveries) < running_count {
                assert!(started.elapsed() < LIMIT, "no record is acknowledged any more in round {round}");
                if sent < acknowledged(&deliveries) + 200 {
                    let value = sent.to_string();
                    producer.send(BaseRecord::<(), str>::to("failover").payload(&value)).expect("room in the queue");
                    sent += 1;
                } else {
                    std::thread::yield_now();
                }
            }
        };
        let before = acknowledged(&deliveries);
        produce_until(before + 500);
        running.cluster.end(round, End::Kill).expect("the node runs");
        let at_kill = acknowledged(&deliveries);
        // More than can be in flight, so leaders after the kill must have taken some.
        produce_until(at_kill + 700);
        running.cluster.restart(round).expect("its ports are free again");
        let at_restart = acknowledged(&deliveries);
        produce_until(at_restart + 500);
        wait_for_full_isr(&running, "failover");
    }
    producer.flush(LIMIT).expect("all records are acknowledged");
    let outcome = deliveries.0.lock().expect("not poisoned");
    assert_eq!(outcome.failed, Vec::<String>::new());
    let expected: BTreeSet<String> = (0..sent).map(|number| number.to_string()).collect();
    let consumer = consumer(&running, "after");
    consumer.subscribe(&["failover"]).expect("a subscription");
    let seen = read(&consumer, |seen| seen.len() >= expected.len());
    let values: BTreeSet<String> = seen.iter().map(|(_, _, value)| value.clone()).collect();
    assert_eq!(values.len(), seen.len(), "a record was stored twice");
    assert_eq!(values, expected);
}

/// Waits until every replica is back in the ISR: killing the next node before would leave a partition with too few.
fn wait_for_full_isr(running: &Running, topic: &str) {
    let consumer: BaseConsumer = config(running).create().expect("a client");
    let started = Instant::now();
    loop {
        let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).expect("metadata");
        let partitions = metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions);
        if partitions.map(|partition| partition.isr().len()).all(|size| size == 3) {
            return;
        }
        assert!(started.elapsed() < LIMIT, "a replica did not come back");
        std::thread::yield_now();
    }
}
