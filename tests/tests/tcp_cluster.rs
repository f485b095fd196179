//! The program `tcp_cluster`: its options, and the commands on its standard input.

use broker_tests::oracle::ready;
use broker_tests::tcp::free_ports;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_mins(3);
/// What nobody tells is looked at this often.
const PAUSE: Duration = Duration::from_millis(20);

struct Program {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    bootstrap_servers: String,
}

impl Program {
    fn start(port: u16, data: &Path, properties: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tcp_cluster"));
        command.args(["--brokers", "3", "--port", &port.to_string()]);
        command.arg("--data-dir").arg(data).arg("--properties").arg(properties);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program was built");
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().expect("piped")).lines();
        let bootstrap_servers = output.next().expect("a line").expect("text");
        Self { child, input, output, bootstrap_servers }
    }

    /// Says a line and answers what it says to that.
    fn say(&mut self, line: &str) -> String {
        let input = self.input.as_mut().expect("not ended yet");
        writeln!(input, "{line}").expect("it reads");
        self.output.next().expect("an answer").expect("text")
    }

    fn quit(mut self) {
        writeln!(self.input.take().expect("not ended yet"), "quit").expect("it reads");
        assert!(self.child.wait().expect("it ends").success());
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap_servers);
        config
    }

    /// Waits until these brokers, which are all that run, know of each other and of no other, and have every replica in sync where
    /// all run.
    fn wait_for_brokers(&self, ids: &[u16]) {
        let all: Vec<&str> = self.bootstrap_servers.split(',').collect();
        let addresses: Vec<String> = ids.iter().map(|id| all[usize::from(*id)].to_owned()).collect();
        if addresses.len() == all.len() {
            ready::wait_for_replicas(&addresses).expect("all are in sync");
        } else {
            ready::wait_for_fencing(&addresses).expect("the others are gone");
        }
        ready::wait_for_metadata(&addresses).expect("all know of it");
    }

    fn wait(&self, what: &str, mut done: impl FnMut() -> bool) {
        let started = Instant::now();
        while !done() {
            assert!(started.elapsed() < LIMIT, "no {what} at {}", self.bootstrap_servers);
            std::thread::sleep(PAUSE);
        }
    }

    fn produce(&self, value: &str) {
        let mut config = self.config();
        config.set("acks", "all");
        let producer: ThreadedProducer<DefaultProducerContext> = config.create().expect("a producer");
        producer.send(BaseRecord::<(), str>::to("kept").payload(value)).expect("room in the queue");
        producer.flush(LIMIT).expect("acknowledged");
    }

    /// Number of partitions of the topic, once the broker that is asked answers.
    fn partitions(&self) -> usize {
        let client: BaseConsumer = self.config().create().expect("a client");
        let mut count = 0;
        self.wait("metadata of the topic", || {
            let metadata = client.fetch_metadata(Some("kept"), Duration::from_secs(30));
            count = metadata.map_or(0, |metadata| metadata.topics().iter().map(|topic| topic.partitions().len()).sum());
            count > 0
        });
        count
    }

    /// Waits until the topic has so many records: each new leader has to learn its high watermark again.
    fn wait_for_records(&self, count: i64) {
        let client: BaseConsumer = self.config().create().expect("a client");
        let partitions = self.partitions() as i32;
        self.wait(&format!("{count} records"), || {
            let end = |partition| client.fetch_watermarks("kept", partition, Duration::from_secs(30)).ok();
            let ends: Option<Vec<i64>> = (0..partitions).map(|partition| Some(end(partition)?.1)).collect();
            let found = ends.map_or(0, |ends| ends.iter().sum());
            assert!(found <= count, "{found} records, not {count}");
            found == count
        });
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Where a test panicked; else it has ended.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[test]
fn nodes_end_in_every_way_and_come_back_with_what_they_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, properties) = (folder.path().join("data"), folder.path().join("own.properties"));
    std::fs::write(&properties, "num.partitions=5\n").expect("it is written");
    let ports = free_ports(19_000, 3).expect("free ports");
    let port = ports.first;
    let mut program = Program::start(port, &data, &properties);
    program.wait_for_brokers(&[0, 1, 2]);
    program.produce("first");
    assert_eq!(program.partitions(), 5);
    program.wait_for_records(1);
    for (ending, id) in [("kill", 0_u16), ("power-off", 1), ("stop", 2)] {
        assert_eq!(program.say(&format!("{ending} {id}")), "ok");
        assert!(TcpStream::connect(("127.0.0.1", port + id)).is_err(), "{ending} left a listener");
        let others: Vec<u16> = (0..3).filter(|other| *other != id).collect();
        program.wait_for_brokers(&others);
        assert_eq!(program.say(&format!("{ending} {id}")), format!("node {id} does not run"));
        assert_eq!(program.say(&format!("restart {id}")), "ok");
        program.wait_for_brokers(&[0, 1, 2]);
        program.produce(ending);
    }
    assert!(program.say("explode 1").contains("is none of: kill N, power-off N, stop N, restart N, quit"));
    assert_eq!(program.say("kill 7"), "node 7 does not run");
    program.wait_for_records(4);
    program.quit();
    // Another run on the same folder goes on where this one ended.
    let program = Program::start(port, &data, &properties);
    program.wait_for_brokers(&[0, 1, 2]);
    assert_eq!(program.partitions(), 5);
    program.wait_for_records(4);
    program.quit();
}
