//! A cluster, clients that note what their library complains about, and waiting for things.

use broker_tests::oracle::ready;
use broker_tests::tcp::{ClusterOptions, Ports, TcpCluster, free_ports};
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

/// Longest any step may take, on a machine that has much else to do.
pub(crate) const LIMIT: Duration = Duration::from_mins(3);
/// What nobody tells is looked at this often.
const PAUSE: Duration = Duration::from_millis(10);
/// Kafka's own time-outs: the playground's are shorter, and on a loaded machine leaders would change by themselves.
const PROPERTIES: &str = "controller.quorum.election.timeout.ms=1000\ncontroller.quorum.fetch.timeout.ms=2000\n\
                          broker.session.timeout.ms=9000\n";

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
    _ports: Ports,
}

impl Running {
    /// Path of a file that node 0 stored.
    pub(crate) fn file(&self, path: &str) -> String {
        self.data.path().join("tmp/kafka-logs-0").join(path).display().to_string()
    }

    /// Waits until every broker knows of all, and every replica of every partition is in sync: killing the next node before would
    /// leave a partition with too few, and what node 0 stored might not be all.
    pub(crate) fn wait_for_replicas(&self) {
        ready::wait_for_replicas(&self.addresses()).expect("all are in sync");
        ready::wait_for_metadata(&self.addresses()).expect("all know of it");
    }

    fn addresses(&self) -> Vec<String> {
        self.cluster.bootstrap_servers().split(',').map(str::to_owned).collect()
    }
}

/// Three brokers that all know of three: librdkafka gives up what it asks of a broker that is missing in another's
/// metadata, and each broker learns of the others when its own log of the metadata has them. Each test has a hundred
/// ports and twice that of its own.
pub(crate) fn start(from: u16) -> Running {
    let ports = free_ports(from, 3).expect("free ports");
    let port = ports.first;
    let data = tempfile::tempdir().expect("a folder for the log directories");
    let options = ClusterOptions {
        brokers: 3,
        port,
        data: data.path().to_owned(),
        properties: PROPERTIES.to_owned(),
        seed: u64::from(from),
        verbose: false,
    };
    println!("seed {from}, port {port}");
    let running = Running { cluster: TcpCluster::start(&options).expect("free ports"), data, _ports: ports };
    running.wait_for_replicas();
    running
}

/// Looks again and again until something is so.
pub(crate) fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < LIMIT, "no {what}");
        std::thread::sleep(PAUSE);
    }
}

pub(crate) fn config(running: &Running) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", running.cluster.bootstrap_servers());
    config.set_log_level(RDKafkaLogLevel::Info);
    // It complains of a broker that does not say within ten seconds what it supports.
    config.set("api.version.request.timeout.ms", "120000");
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
    // The controller answers before every broker knows of it, and clients ask any.
    ready::wait_for_metadata(&running.addresses()).expect("all know of it");
}

/// A topic's configs, by key; `None` while the broker that is asked cannot say.
pub(crate) fn describe_topic(running: &Running, name: &str) -> Option<BTreeMap<String, String>> {
    let admin: AdminClient<DefaultClientContext> = config(running).create().expect("an admin client");
    let results = block_on(admin.describe_configs([&ResourceSpecifier::Topic(name)], &AdminOptions::new()));
    let described = results.ok()?.pop()?.ok()?;
    Some(described.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect())
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
    config.set("group.id", group).set("auto.offset.reset", "earliest");
    for (key, value) in settings {
        config.set(*key, *value);
    }
    let watched = Watched::default();
    (config.create_with_context(watched.clone()).expect("a consumer"), watched)
}

/// The partition of a topic that `broker` leads.
pub(crate) fn partition_led_by(running: &Running, topic: &str, broker: i32) -> i32 {
    let consumer: BaseConsumer = config(running).create().expect("a client");
    let mut led = None;
    wait("leaders that are spread over the brokers", || {
        let Ok(metadata) = consumer.fetch_metadata(Some(topic), LIMIT) else { return false };
        let mut partitions = metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions);
        led = partitions.find(|partition| partition.leader() == broker).map(rdkafka::metadata::MetadataPartition::id);
        led.is_some()
    });
    led.expect("it was waited for")
}
