//! A cluster, clients that note what their library complains about, and waiting for things.

use broker_tests::tcp::{ClusterOptions, TcpCluster, free_port};
use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// Longest any step may take.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// What was acknowledged: partition, offset, value; and what failed.
#[derive(Clone, Default)]
pub(crate) struct Deliveries(Arc<Mutex<Outcome>>);

#[derive(Default)]
struct Outcome {
    acknowledged: Vec<(i32, i64, String)>,
    failed: Vec<Option<RDKafkaErrorCode>>,
    complaints: Complaints,
}

/// What librdkafka logged as a warning or worse, and errors it told of.
#[derive(Default, Debug)]
struct Complaints(Vec<String>);

impl Complaints {
    fn note(&mut self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if (level as i32) <= RDKafkaLogLevel::Warning as i32 {
            self.0.push(format!("{level:?} {facility}: {message}"));
        }
    }
}

/// The same for a consumer.
#[derive(Clone, Default)]
pub(crate) struct Watched(Arc<Mutex<Complaints>>);

impl ClientContext for Watched {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.lock().expect("not poisoned").note(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.lock().expect("not poisoned").0.push(format!("{error}: {reason}"));
    }
}

impl ConsumerContext for Watched {}

impl Watched {
    /// What was complained about so far.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.0.lock().expect("not poisoned").0.clone()
    }
}

impl Deliveries {
    /// Partition, offset and value of everything acknowledged.
    pub(crate) fn acknowledged(&self) -> Vec<(i32, i64, String)> {
        self.0.lock().expect("not poisoned").acknowledged.clone()
    }

    /// How much was acknowledged.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().expect("not poisoned").acknowledged.len()
    }

    /// Why records were not delivered.
    pub(crate) fn failed(&self) -> Vec<Option<RDKafkaErrorCode>> {
        self.0.lock().expect("not poisoned").failed.clone()
    }

    /// What was complained about so far.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.0.lock().expect("not poisoned").complaints.0.clone()
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.lock().expect("not poisoned").complaints.note(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.lock().expect("not poisoned").complaints.0.push(format!("{error}: {reason}"));
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let mut outcome = self.0.lock().expect("no test panics while it holds this");
        match result {
            Ok(message) => {
                let value = text(message.payload());
                outcome.acknowledged.push((message.partition(), message.offset(), value));
            }
            Err((error, _)) => outcome.failed.push(error.rdkafka_error_code()),
        }
    }
}

pub(crate) fn text(bytes: Option<&[u8]>) -> String {
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

pub(crate) struct Running {
    pub(crate) cluster: TcpCluster,
    data: tempfile::TempDir,
}

impl Running {
    /// Path of a file that node 0 stored.
    pub(crate) fn file(&self, path: &str) -> String {
        self.data.path().join("tmp/kafka-logs-0").join(path).display().to_string()
    }
}

/// How many brokers one broker's metadata has. A client of one fetch: with what it learns it would ask others.
fn brokers_known_to(address: &str) -> Option<usize> {
    let client: BaseConsumer = ClientConfig::new().set("bootstrap.servers", address).create().expect("a client");
    let metadata = client.fetch_metadata(None, Duration::from_secs(5)).ok()?;
    Some(metadata.brokers().len())
}

/// Three brokers that all know of three: librdkafka gives up what it asks of a broker that is missing in another's
/// metadata, and each broker learns of the others when its own log of the metadata has them. Each test has a hundred
/// ports and twice that of its own.
pub(crate) fn start(from: u16) -> Running {
    let port = free_port(from, 3).expect("free ports");
    let data = tempfile::tempdir().expect("a folder for the log directories");
    let options = ClusterOptions {
        brokers: 3,
        port,
        data: data.path().to_owned(),
        properties: String::new(),
        seed: u64::from(from),
        verbose: false,
    };
    println!("seed {from}, port {port}");
    let running = Running { cluster: TcpCluster::start(&options).expect("free ports"), data };
    for broker in running.cluster.bootstrap_servers().split(',') {
        wait("three brokers", || brokers_known_to(broker) == Some(3));
    }
    running
}

/// Looks again and again until something is so.
pub(crate) fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < LIMIT, "no {what}");
        std::thread::yield_now();
    }
}

pub(crate) fn config(running: &Running) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", running.cluster.bootstrap_servers());
    config.set_log_level(RDKafkaLogLevel::Info);
    config
}

pub(crate) fn create_topic(running: &Running, name: &str, partitions: i32) {
    create_topic_with(running, name, partitions, &[]);
}

pub(crate) fn create_topic_with(running: &Running, name: &str, partitions: i32, configs: &[(&str, &str)]) {
    let admin: AdminClient<DefaultClientContext> = config(running).create().expect("an admin client");
    let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(3));
    for (key, value) in configs {
        topic = topic.set(key, value);
    }
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
    let results = block_on(admin.create_topics([&topic], &options)).expect("an answer");
    assert!(matches!(&results[..], [Ok(_)]), "{results:?}");
}

/// A topic's configs, by key.
pub(crate) fn describe_topic(running: &Running, name: &str) -> BTreeMap<String, String> {
    let admin: AdminClient<DefaultClientContext> = config(running).create().expect("an admin client");
    let results = block_on(admin.describe_configs([&ResourceSpecifier::Topic(name)], &AdminOptions::new()));
    let described = results.expect("an answer").remove(0).expect("the topic is there");
    described.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect()
}

pub(crate) fn producer(
    running: &Running,
    deliveries: &Deliveries,
    settings: &[(&str, &str)],
) -> ThreadedProducer<Deliveries> {
    let mut config = config(running);
    for (key, value) in settings {
        config.set(*key, *value);
    }
    config.create_with_context(deliveries.clone()).expect("a producer")
}

/// Reads until `done` is satisfied by all values seen.
pub(crate) fn read(
    consumer: &BaseConsumer<Watched>,
    mut done: impl FnMut(&[(i32, i64, String)]) -> bool,
) -> Vec<(i32, i64, String)> {
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

/// A member of a group, and what it complains about.
pub(crate) fn consumer(running: &Running, group: &str, settings: &[(&str, &str)]) -> (BaseConsumer<Watched>, Watched) {
    let mut config = config(running);
    config.set("group.id", group).set("auto.offset.reset", "earliest").set("session.timeout.ms", "6000");
    for (key, value) in settings {
        config.set(*key, *value);
    }
    let watched = Watched::default();
    (config.create_with_context(watched.clone()).expect("a consumer"), watched)
}

/// Waits until every replica is back in the ISR: killing the next node before would leave a partition with too few.
pub(crate) fn wait_for_full_isr(running: &Running, topic: &str) {
    let consumer: BaseConsumer = config(running).create().expect("a client");
    wait("replica came back", || {
        let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).expect("metadata");
        let partitions = metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions);
        partitions.map(|partition| partition.isr().len()).all(|size| size == 3)
    });
}

/// The partition of a topic that `broker` leads.
pub(crate) fn partition_led_by(running: &Running, topic: &str, broker: i32) -> i32 {
    let consumer: BaseConsumer = config(running).create().expect("a client");
    let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).expect("metadata");
    let partitions = metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions);
    let led: Vec<i32> = partitions
        .filter(|partition| partition.leader() == broker)
        .map(rdkafka::metadata::MetadataPartition::id)
        .collect();
    *led.first().expect("leaders are spread over the brokers")
}
