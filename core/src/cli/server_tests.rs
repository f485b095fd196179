//! `kafka-server-start.sh` and `kafka-server-stop.sh`: command lines and files, what is printed, asked and logged. What is printed
//! was compared with Apache Kafka 4.3.0.

use super::file::{FileAnswer, FileError, FileRequest, FileStatus};
use super::process::{ProcessRequest, ProcessStatus};
use super::server::{ServerEvent, ServerRequest};
use super::{Environment, Program, ProgramInput, ProgramOutput};
use crate::config::{BrokerConfig, Properties};
use crate::event::Event;
use crate::time::{Instant, Now};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;

const PROPERTIES: &str = "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@localhost:9093\n\
    listeners=PLAINTEXT://:9092,CONTROLLER://localhost:9093\ncontroller.listener.names=CONTROLLER\nlog.dirs=/a,/b";

/// A program with its files, and what it did.
struct Bench {
    program: Program,
    files: Vec<(String, String)>,
    processes: Vec<ProcessStatus>,
    output: String,
    error: String,
    requests: Vec<ServerRequest>,
    terminated: Vec<u32>,
    detached: Option<String>,
    exit: Option<i32>,
}

fn now() -> Now {
    // 2026-01-02 03:04:05,678 in UTC.
    Now { monotonic: Instant::from_millis(1), wall_ms: 1_767_323_045_678 }
}

fn meta(cluster: &str, node: i32, directory: &str) -> String {
    format!("version=1\ncluster.id={cluster}\nnode.id={node}\ndirectory.id={directory}\n")
}

const ONE: &str = "MzxcXMCcSQqAyAlnFdqysA";
const TWO: &str = "3kzzPv8JQoWdDM1yKH2AUQ";

fn formatted() -> Vec<(&'static str, String)> {
    alloc::vec![
        ("s.properties", PROPERTIES.to_owned()),
        ("/a/meta.properties", meta("abc", 1, ONE)),
        ("/b/meta.properties", meta("abc", 1, TWO)),
    ]
}

impl Bench {
    fn start(line: &str, files: &[(&str, String)], processes: &[(u32, &str)]) -> Self {
        let mut words = line.split(' ').map(ToString::to_string);
        let called_as = words.next().unwrap_or_default();
        let name = called_as.rsplit('/').next().unwrap_or_default().to_owned();
        let environment = Environment { called_as, ..Environment::default() };
        let processes = processes.iter().map(|(id, command)| ProcessStatus { id: *id, command: (*command).into() });
        let mut bench = Self {
            program: Program::start(now(), &name, words.collect(), &environment).expect("a tool"),
            files: files.iter().map(|(path, content)| ((*path).to_owned(), content.clone())).collect(),
            processes: processes.collect(),
            output: String::new(),
            error: String::new(),
            requests: Vec::new(),
            terminated: Vec::new(),
            detached: None,
            exit: None,
        };
        bench.drain();
        bench
    }

    fn tell(&mut self, input: ProgramInput) {
        self.program.handle(now(), input);
        self.drain();
    }

    fn happened(&mut self, event: Event) {
        self.tell(ProgramInput::Server(ServerEvent::Happened(event)));
    }

    fn drain(&mut self) {
        loop {
            match self.program.poll_output() {
                ProgramOutput::StandardOutput(bytes) => self.output += &String::from_utf8_lossy(&bytes),
                ProgramOutput::StandardError(bytes) => self.error += &String::from_utf8_lossy(&bytes),
                ProgramOutput::File(request) => {
                    let answer = self.answer(&request);
                    self.program.handle(now(), ProgramInput::File(answer));
                }
                ProgramOutput::Process(ProcessRequest::List) => {
                    self.program.handle(now(), ProgramInput::Processes(self.processes.clone()));
                }
                ProgramOutput::Process(ProcessRequest::Terminate(id)) => self.terminated.push(id),
                ProgramOutput::Server(request) => self.requests.push(request),
                ProgramOutput::Detach { output } => self.detached = Some(output.to_string()),
                ProgramOutput::Client(other) => panic!("{other:?}"),
                ProgramOutput::Exit(code) => return self.exit = Some(code),
                ProgramOutput::Wait { .. } => return,
            }
        }
    }

    fn answer(&mut self, request: &FileRequest) -> Result<FileAnswer, FileError> {
        match request {
            FileRequest::Read(path) | FileRequest::Status(path) => {
                let found = self.files.iter().find(|(known, _)| *known == **path).ok_or(FileError::NotFound)?;
                Ok(match request {
                    FileRequest::Read(_) => FileAnswer::Content(Bytes::from(found.1.clone())),
                    _ => FileAnswer::Status(FileStatus {
                        name: "".into(),
                        is_directory: true,
                        is_executable: false,
                        length: 0,
                        modified_ms: 0,
                    }),
                })
            }
            FileRequest::Below(path) => {
                let prefix = format!("{path}/");
                let found = self.files.iter().filter(|(known, _)| known.starts_with(&prefix));
                Ok(FileAnswer::Files(found.map(|(path, text)| (path.as_str().into(), text.clone().into())).collect()))
            }
            FileRequest::Write { path, content, append: true } => {
                let text = String::from_utf8_lossy(content).into_owned();
                match self.files.iter_mut().find(|(known, _)| *known == **path) {
                    Some(file) => file.1 += &text,
                    None => self.files.push((path.to_string(), text)),
                }
                Ok(FileAnswer::Done)
            }
            FileRequest::MakeDirectory(_) => Err(FileError::Exists),
            other => panic!("{other:?}"),
        }
    }

    /// What it printed, without time stamps.
    fn lines(&self) -> Vec<&str> {
        self.output.lines().map(|line| line.strip_prefix("[2026-01-02 03:04:05,678] ").unwrap_or(line)).collect()
    }
}

#[test]
fn the_script_and_the_main_class_have_a_usage_each() {
    for (line, output, error, exit) in [
        (
            "bin/kafka-server-start.sh",
            "USAGE: bin/kafka-server-start.sh [-daemon] server.properties [--override property=value]*\n",
            "",
            1,
        ),
        ("kafka-server-start.sh x --help", "", "USAGE: java [options] kafka.Kafka server.properties [--override", 1),
        ("kafka-server-start.sh --version", "4.3.0\n", "", 0),
        ("kafka-server-start.sh s.properties a b", "", "Found non argument parameters: a,b\nOption  ", 1),
    ] {
        let bench = Bench::start(line, &formatted(), &[]);
        assert_eq!((&*bench.output, bench.exit), (output, Some(exit)), "{line}");
        assert!(bench.error.starts_with(error), "{line}: {}", bench.error);
        assert!(bench.requests.is_empty(), "{line}");
    }
}

#[test]
fn what_cannot_start_says_why_in_kafkas_words() {
    const CONFIG: &str = "org.apache.kafka.common.config.ConfigException: ";
    for (arguments, thrown) in [
        ("nothing.properties", "java.nio.file.NoSuchFileException: nothing.properties".to_owned()),
        ("--override", "java.nio.file.NoSuchFileException: --override".to_owned()),
        (
            "s.properties --override",
            "joptsimple.OptionMissingRequiredArgumentException: Option override requires an argument".to_owned(),
        ),
        ("s.properties --bogus x", "joptsimple.UnrecognizedOptionException: bogus is not a recognized option".to_owned()),
        (
            "zk.properties",
            format!("{CONFIG}Missing required configuration \"process.roles\" which has no default value."),
        ),
        (
            "s.properties --override num.partitions=x",
            format!("{CONFIG}Invalid value x for configuration num.partitions: Not a number of type INT"),
        ),
        (
            "s.properties --override listeners=PLAINTEXT",
            "java.lang.IllegalArgumentException: Error creating broker listeners from '[PLAINTEXT]': Unable to parse PLAINTEXT \
             to a broker endpoint\nCaused by: org.apache.kafka.common.KafkaException: Unable to parse PLAINTEXT to a broker \
             endpoint"
                .to_owned(),
        ),
        (
            "s.properties --override node.id=2",
            "java.lang.IllegalArgumentException: requirement failed: If process.roles contains the 'controller' role, the node \
             id 2 must be included in the set of voters controller.quorum.voters=Set(1)"
                .to_owned(),
        ),
        (
            "s.properties --override log.dirs=/c,/d",
            "java.lang.RuntimeException: No readable meta.properties files found.".to_owned(),
        ),
    ] {
        let mut files = formatted();
        files.push(("zk.properties", "broker.id=0\nlog.dirs=/tmp/kafka-logs\nzookeeper.connect=localhost:2181\n".to_owned()));
        let bench = Bench::start(&format!("bin/kafka-server-start.sh {arguments}"), &files, &[]);
        let expected = format!("ERROR Exiting Kafka due to fatal exception (kafka.Kafka$)\n{thrown}");
        assert_eq!((bench.lines().join("\n"), bench.exit), (expected, Some(1)), "{arguments}");
        assert!(bench.requests.is_empty() && bench.error.is_empty(), "{arguments}: {}", bench.error);
        let logged = bench.files.iter().find(|(path, _)| path == "bin/../logs/server.log");
        assert_eq!(logged.map(|(_, text)| &**text), Some(&*bench.output), "{arguments}");
    }
}

#[test]
fn log_directories_must_be_this_nodes_and_one_clusters() {
    let none = String::new;
    for (a, b, printed) in [
        (
            meta("abc", 1, ONE),
            none(),
            "No `meta.properties` found in /b (have you run `kafka-storage.sh` to format the directory?)",
        ),
        (
            meta("abc", 1, ONE),
            meta("xyz", 1, TWO),
            "Invalid cluster.id in: /b/meta.properties. Expected abc, but read xyz",
        ),
        (
            meta("abc", 1, ONE),
            meta("abc", 2, TWO),
            "Stored node id 2 doesn't match previous node id 1 in /b/meta.properties. If you moved your data, make sure your \
             configured node id matches. If you intend to create a new node, you should remove all data in your data \
             directories.",
        ),
        (
            meta("abc", 1, ONE),
            meta("abc", 1, ONE),
            "Duplicate directory ID Optional[MzxcXMCcSQqAyAlnFdqysA] found. It was the ID of /a, but also of /b",
        ),
        (
            meta("abc", 1, "AAAAAAAAAAAAAAAAAAAAAQ"),
            none(),
            "Invalid reserved directory ID AAAAAAAAAAAAAAAAAAAAAQ found in /a",
        ),
        ("node.id=1\ncluster.id=abc\n".to_owned(), none(), "Error: node ID not found in /a"),
        (none(), none(), "No readable meta.properties files found."),
    ] {
        let mut files = alloc::vec![("s.properties", PROPERTIES.to_owned())];
        files.extend(
            [("/a/meta.properties", a), ("/b/meta.properties", b)].into_iter().filter(|file| !file.1.is_empty()),
        );
        let bench = Bench::start("kafka-server-start.sh s.properties", &files, &[]);
        let thrown = format!("java.lang.RuntimeException: {printed}");
        assert_eq!(bench.lines(), ["ERROR Exiting Kafka due to fatal exception (kafka.Kafka$)", &*thrown]);
        assert_eq!(bench.exit, Some(1));
    }
}

#[test]
fn a_file_that_cannot_be_read_is_told_and_another_looked_for() {
    let mut files = formatted();
    files[1].1 = "version=1\nnode.id=x\ncluster.id=abc\n".to_owned();
    let bench = Bench::start("kafka-server-start.sh s.properties --override log.dirs=/a", &files, &[]);
    assert_eq!(
        bench.lines(),
        [
            "ERROR Error while reading meta.properties file /a/meta.properties \
             (org.apache.kafka.metadata.properties.MetaPropertiesEnsemble)",
            "java.lang.RuntimeException: Unable to read node.id as a base-10 number.",
            "Caused by: java.lang.NumberFormatException: For input string: \"x\"",
            "ERROR Exiting Kafka due to fatal exception (kafka.Kafka$)",
            "java.lang.RuntimeException: No readable meta.properties files found.",
        ]
    );
}

#[test]
fn metadata_outside_its_directory_is_found() {
    let mut files = formatted();
    files.push(("/b/__cluster_metadata-0", String::new()));
    let bench = Bench::start("kafka-server-start.sh s.properties", &files, &[]);
    assert_eq!(
        bench.lines().last(),
        Some(
            &"org.apache.kafka.common.KafkaException: Found unexpected metadata location in data directory \
              `/b/__cluster_metadata-0` (the configured metadata directory is /a)."
        )
    );
}

#[test]
fn the_broker_gets_the_properties_with_every_override_and_its_files() {
    let line = "kafka-server-start.sh s.properties --override num.partitions=3 --override=broker.rack=a\\b \
                --override odd:key=x --override num.partitions=4 --override empty";
    let bench = Bench::start(line, &formatted(), &[]);
    let [ServerRequest::Start { path, properties, overrides, files }] = bench.requests.as_slice() else {
        panic!("{:?} {}", bench.requests, bench.output)
    };
    assert_eq!(&**path, "s.properties");
    let read = Properties::parse(&format!("{properties}{overrides}")).expect("properties");
    for (key, value) in
        [("num.partitions", "4"), ("broker.rack", "a\\b"), ("odd:key", "x"), ("empty", ""), ("node.id", "1")]
    {
        assert_eq!(read.value(key).map(|value| &**value), Some(value), "{key}");
    }
    assert_eq!(BrokerConfig::from_properties(&read).expect("a configuration").log_dirs, ["/a", "/b"]);
    let paths: Vec<&str> = files.iter().map(|(path, _)| &**path).collect();
    assert_eq!(paths, ["/a/meta.properties", "/b/meta.properties"]);
    assert_eq!(files[1].1, meta("abc", 1, TWO));
    assert_eq!((bench.exit, bench.detached), (None, None));
}

#[test]
fn what_happens_is_logged_until_a_signal_ends_it() {
    for (signal, name, exit) in [(ProgramInput::Interrupt, "SIGINT", 130), (ProgramInput::Terminate, "SIGTERM", 143)] {
        let mut bench = Bench::start("bin/kafka-server-start.sh s.properties", &formatted(), &[]);
        bench.happened(Event::ControllerElected { quorum_epoch: 2 });
        bench.happened(Event::Registered { broker_epoch: 15 });
        bench.happened(Event::Started);
        bench.happened(Event::Unfenced);
        bench.happened(Event::Unfenced);
        bench.tell(signal);
        bench.tell(ProgramInput::Interrupt);
        assert_eq!(bench.requests[1..], [ServerRequest::Stop]);
        bench.happened(Event::Stopped);
        assert_eq!(bench.exit, None);
        bench.tell(ProgramInput::Server(ServerEvent::Ended));
        assert_eq!(bench.exit, Some(exit));
        let terminating = format!(
            "INFO Terminating process due to signal {name} (org.apache.kafka.common.utils.LoggingSignalHandler)"
        );
        assert_eq!(
            bench.lines(),
            [
                "INFO [ControllerServer id=1] Starting controller (kafka.server.ControllerServer)",
                "INFO [BrokerServer id=1] Transition from SHUTDOWN to STARTING (kafka.server.BrokerServer)",
                "INFO [BrokerServer id=1] Starting broker (kafka.server.BrokerServer)",
                "INFO [RaftManager id=1] Completed transition to Leader(epoch=2) (org.apache.kafka.raft.QuorumState)",
                "INFO [BrokerLifecycleManager id=1] Successfully registered broker 1 with broker epoch 15 \
                 (org.apache.kafka.server.BrokerLifecycleManager)",
                "INFO Awaiting socket connections on localhost:9093. (kafka.network.DataPlaneAcceptor)",
                "INFO [BrokerLifecycleManager id=1] The broker has caught up. Transitioning from STARTING to RECOVERY. \
                 (org.apache.kafka.server.BrokerLifecycleManager)",
                "INFO [BrokerLifecycleManager id=1] The broker has been unfenced. Transitioning from RECOVERY to RUNNING. \
                 (org.apache.kafka.server.BrokerLifecycleManager)",
                "INFO Awaiting socket connections on 0.0.0.0:9092. (kafka.network.DataPlaneAcceptor)",
                "INFO [BrokerServer id=1] Transition from STARTING to STARTED (kafka.server.BrokerServer)",
                "INFO [KafkaRaftServer nodeId=1] Kafka Server started (kafka.server.KafkaRaftServer)",
                "INFO [BrokerLifecycleManager id=1] The broker has been unfenced. Transitioning from RECOVERY to RUNNING. \
                 (org.apache.kafka.server.BrokerLifecycleManager)",
                &*terminating,
                "INFO [BrokerServer id=1] Transition from STARTED to SHUTTING_DOWN (kafka.server.BrokerServer)",
                "INFO [BrokerServer id=1] shutting down (kafka.server.BrokerServer)",
                "INFO [BrokerLifecycleManager id=1] Beginning controlled shutdown. \
                 (org.apache.kafka.server.BrokerLifecycleManager)",
                "INFO [BrokerServer id=1] shut down completed (kafka.server.BrokerServer)",
                "INFO [BrokerServer id=1] Transition from SHUTTING_DOWN to SHUTDOWN (kafka.server.BrokerServer)",
                "INFO [ControllerServer id=1] shutting down (kafka.server.ControllerServer)",
            ]
        );
        let controller = bench.files.iter().find(|(path, _)| path == "bin/../logs/controller.log");
        let expected = "[2026-01-02 03:04:05,678] INFO [QuorumController id=1] Becoming the active controller at epoch 2. \
                        (org.apache.kafka.controller.QuorumController)\n";
        assert_eq!(controller.map(|(_, text)| &**text), Some(expected));
    }
}

#[test]
fn the_exit_code_tells_how_it_ended() {
    let fatal = || Event::Fatal { reason: "the disk is gone".into() };
    let cases: [(&[Event], i32, &str); 4] = [
        (&[], 137, "Starting broker"),
        (&[Event::Stopped], 143, "INFO [ControllerServer id=1] shutting down"),
        (&[fatal()], 1, "java.lang.RuntimeException: the disk is gone"),
        (&[Event::Unfenced, fatal()], 1, "ERROR Encountered fatal fault: the disk is gone"),
    ];
    for (events, exit, last) in cases {
        let mut bench = Bench::start("kafka-server-start.sh s.properties", &formatted(), &[]);
        for event in events {
            bench.happened(event.clone());
        }
        assert_eq!(bench.exit, None, "{events:?}");
        bench.tell(ProgramInput::Server(ServerEvent::Ended));
        assert_eq!(bench.exit, Some(exit), "{events:?}");
        assert!(bench.lines().last().is_some_and(|line| line.contains(last)), "{events:?}: {}", bench.output);
    }
    let mut bench = Bench::start("kafka-server-start.sh s.properties", &formatted(), &[]);
    let reason = "org.apache.kafka.common.KafkaException: Socket server failed to bind to localhost:9092: Address already in use.";
    bench.tell(ProgramInput::Server(ServerEvent::Refused(reason.into())));
    assert_eq!(bench.exit, Some(1));
    assert_eq!(bench.lines()[3..], ["ERROR Exiting Kafka due to fatal exception (kafka.Kafka$)", reason]);
}

#[test]
fn a_daemon_writes_beside_the_distribution() {
    let bench = Bench::start("./bin/kafka-server-start.sh -daemon s.properties", &formatted(), &[]);
    assert_eq!(bench.detached.as_deref(), Some("./bin/../logs/kafkaServer.out"));
    assert_eq!((bench.requests.len(), bench.exit), (1, None));
    let bench = Bench::start("./bin/kafka-server-start.sh -daemon", &[], &[]);
    assert!(bench.error.starts_with("USAGE: java [options] kafka.Kafka"), "{}", bench.error);
    assert!(bench.detached.is_some() && bench.exit == Some(1));
}

#[test]
fn stop_finds_the_servers_among_the_processes() {
    let processes = [
        (3, "-bash"),
        (5, "java kafka.Kafka one.properties --override node.id=9"),
        (6, "bin/kafka-console-consumer.sh kafka.Kafka x"),
        (7, "java kafka.Kafka two.properties"),
    ];
    let files = [
        ("one.properties", "# node.id\nprocess.roles=broker\nnode.id=1\n".to_owned()),
        ("two.properties", "process.roles=controller\nnode.id=2\n".to_owned()),
    ];
    let both = "When both node-id and process-role are provided, the value for node-id will take precedence\n";
    for (arguments, terminated, output) in [
        ("", &[5, 7][..], ""),
        (" --node-id=2", &[7], ""),
        (" --process-role=broker", &[5], ""),
        (" --process-role=broker --node-id=2", &[7], both),
        (" --node-id=4", &[], ""),
    ] {
        let bench = Bench::start(&format!("bin/kafka-server-stop.sh{arguments}"), &files, &processes);
        assert_eq!((&*bench.terminated, &*bench.output, bench.exit), (terminated, output, Some(0)), "{arguments}");
    }
    let bench = Bench::start("bin/kafka-server-stop.sh", &files, &processes[..1]);
    assert_eq!((&*bench.output, bench.exit), ("No kafka server to stop\n", Some(1)));
}
