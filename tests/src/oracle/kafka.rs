//! Apache Kafka: fetched from Maven once, its nodes started and stopped, its tools run in one JVM.

use super::normalize::Places;
use super::ready::wait_for_brokers;
use super::table::Shape;
use super::{Cluster, LIMIT, Raw, Tools, ours};
use broker_core::config::Properties;
use broker_core::config::playground::playground_properties;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// The release we compare with.
pub const VERSION: &str = "4.3.0";
/// What its distribution logs with.
const LOG4J_VERSION: &str = "2.25.3";
/// Longest a node may take to start or to stop.
const NODE_LIMIT: Duration = Duration::from_mins(2);
/// What a node logs when it serves.
const STARTED: &str = "Kafka Server started";
/// Features that exist and that our controllers do not finalize.
const FEATURES: [&str; 4] = ["eligible.leader.replicas.version", "group.version", "share.version", "streams.version"];

/// Tools by the names of their scripts.
const MAIN_CLASSES: [(&str, &str); 20] = [
    ("kafka-broker-api-versions.sh", "org.apache.kafka.tools.BrokerApiVersionsCommand"),
    ("kafka-cluster.sh", "org.apache.kafka.tools.ClusterTool"),
    ("kafka-configs.sh", "kafka.admin.ConfigCommand"),
    ("kafka-console-consumer.sh", "org.apache.kafka.tools.consumer.ConsoleConsumer"),
    ("kafka-console-producer.sh", "org.apache.kafka.tools.ConsoleProducer"),
    ("kafka-consumer-groups.sh", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"),
    ("kafka-consumer-perf-test.sh", "org.apache.kafka.tools.ConsumerPerformance"),
    ("kafka-delete-records.sh", "org.apache.kafka.tools.DeleteRecordsCommand"),
    ("kafka-dump-log.sh", "org.apache.kafka.tools.DumpLogSegments"),
    ("kafka-features.sh", "org.apache.kafka.tools.FeatureCommand"),
    ("kafka-get-offsets.sh", "org.apache.kafka.tools.GetOffsetShell"),
    ("kafka-groups.sh", "org.apache.kafka.tools.GroupsCommand"),
    ("kafka-leader-election.sh", "org.apache.kafka.tools.LeaderElectionCommand"),
    ("kafka-log-dirs.sh", "org.apache.kafka.tools.LogDirsCommand"),
    ("kafka-metadata-quorum.sh", "org.apache.kafka.tools.MetadataQuorumCommand"),
    ("kafka-producer-perf-test.sh", "org.apache.kafka.tools.ProducerPerformance"),
    ("kafka-reassign-partitions.sh", "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"),
    ("kafka-storage.sh", "kafka.tools.StorageTool"),
    ("kafka-topics.sh", "org.apache.kafka.tools.TopicCommand"),
    ("kafka-transactions.sh", "org.apache.kafka.tools.TransactionsCommand"),
];

/// Kafka's jars and how a JVM is told of them.
#[derive(Clone, Debug)]
pub struct Distribution {
    jars: PathBuf,
    folder: PathBuf,
}

impl Distribution {
    /// The jars below `folder`, fetched by Maven if they are not there yet.
    pub fn fetched(folder: &Path) -> io::Result<Self> {
        let jars = folder.join(format!("kafka-{VERSION}"));
        let complete = jars.join("complete");
        if !complete.is_file() {
            fs::create_dir_all(folder)?;
            fs::write(folder.join("pom.xml"), pom())?;
            let mut maven = Command::new("mvn");
            maven.args(["--quiet", "--batch-mode", "dependency:copy-dependencies"]);
            maven.arg(format!("-DoutputDirectory={}", jars.display())).current_dir(folder);
            if !maven.status()?.success() {
                return Err(io::Error::other("Maven did not fetch Apache Kafka"));
            }
            fs::write(complete, "")?;
        }
        fs::write(folder.join("tools.properties"), logging("WARN", "SYSTEM_ERR"))?;
        fs::write(folder.join("node.properties"), logging("INFO", "SYSTEM_OUT"))?;
        Ok(Self { jars, folder: folder.to_owned() })
    }

    fn java(&self, logging: &str, options: &[&str]) -> Command {
        let mut java = Command::new("java");
        java.args(options).arg(format!("-Dlog4j2.configurationFile={}", self.folder.join(logging).display()));
        // The scripts leave both to the machine; golden files must not depend on it.
        java.args(["-Dfile.encoding=UTF-8", "-Duser.timezone=UTC"]).env("LC_ALL", "C.UTF-8");
        java.arg("-cp").arg(self.jars.join("*"));
        java
    }
}

fn pom() -> String {
    let dependency = |(group, artifact, version)| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>\n"
        )
    };
    let dependencies: String = [
        ("org.apache.kafka", "kafka_2.13", VERSION),
        ("org.apache.kafka", "kafka-tools", VERSION),
        ("org.apache.logging.log4j", "log4j-core", LOG4J_VERSION),
        ("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J_VERSION),
    ]
    .map(dependency)
    .concat();
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n<modelVersion>4.0.0</modelVersion>\n\
         <groupId>playground</groupId><artifactId>oracle</artifactId><version>1</version>\n\
         <dependencies>\n{dependencies}</dependencies>\n</project>\n"
    )
}

/// What `config/tools-log4j2.yaml` of the distribution says, without needing a parser of YAML.
fn logging(level: &str, target: &str) -> String {
    format!(
        "rootLogger.level={level}\nrootLogger.appenderRef.console.ref=console\nappender.console.type=Console\n\
         appender.console.name=console\nappender.console.target={target}\n\
         appender.console.layout.type=PatternLayout\nappender.console.layout.pattern=[%d] %p %m (%c)%n\n"
    )
}

/// A fresh cluster of Apache Kafka; gone when dropped.
#[derive(Debug)]
pub struct KafkaCluster {
    places: Places,
    folder: PathBuf,
    distribution: Distribution,
    nodes: Vec<Child>,
}

impl KafkaCluster {
    /// Formats and starts one below `folder` and waits until it has all its brokers.
    pub fn start(tools: &mut KafkaTools, shape: Shape, port: u16, folder: &Path) -> io::Result<Self> {
        let log_dirs = super::log_dirs(shape, |name| folder.join(format!("log-{name}")).display().to_string());
        let mut cluster = Self {
            places: super::places(port, &log_dirs, log_dirs[0][0].clone()),
            folder: folder.to_owned(),
            distribution: tools.distribution.clone(),
            nodes: Vec::new(),
        };
        let mut starting = Vec::new();
        for (id, log_dirs) in (0..shape.nodes).zip(&log_dirs) {
            let file = cluster.file(id, "properties");
            fs::write(&file, server_properties(id, shape.nodes, port, &log_dirs.join(","))?)?;
            format(tools, &file, folder)?;
            let (node, started) = cluster.node(id)?;
            cluster.nodes.push(node);
            starting.push(started);
        }
        for (id, started) in (0..shape.nodes).zip(&starting) {
            cluster.wait(id, started)?;
        }
        for broker in &cluster.places.brokers {
            wait_for_brokers(broker, shape.nodes)?;
        }
        Ok(cluster)
    }

    fn file(&self, id: u16, extension: &str) -> PathBuf {
        self.folder.join(format!("server-{id}.{extension}"))
    }

    /// Starts the process of a node; what is told of when it serves.
    fn node(&self, id: u16) -> io::Result<(Child, Receiver<()>)> {
        let mut java = self.distribution.java("node.properties", &["-Xmx512m", "-XX:+UseSerialGC"]);
        java.arg("kafka.Kafka").arg(self.file(id, "properties")).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = java.stderr(fs::File::create(self.file(id, "err"))?).spawn()?;
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("a stream was not piped"))?;
        Ok((child, watch(stdout, self.file(id, "log"))))
    }

    fn wait(&self, id: u16, started: &Receiver<()>) -> io::Result<()> {
        started.recv_timeout(NODE_LIMIT).map_err(|_| {
            io::Error::other(format!("node {id} of Apache Kafka did not start, see {}", self.folder.display()))
        })
    }
}

impl Cluster for KafkaCluster {
    fn places(&self) -> &Places {
        &self.places
    }

    fn kill(&mut self, id: u16) -> io::Result<()> {
        let node = self.nodes.get_mut(usize::from(id));
        let node = node.ok_or_else(|| io::Error::other(format!("there is no node {id}")))?;
        node.kill().and_then(|()| node.wait()).map(|_| ())
    }

    fn start_again(&mut self, id: u16) -> io::Result<()> {
        let (node, started) = self.node(id)?;
        if let Some(ended) = self.nodes.get_mut(usize::from(id)) {
            *ended = node;
        }
        self.wait(id, &started)
    }
}

impl Drop for KafkaCluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            if let Err(error) = node.kill().and_then(|()| node.wait()) {
                eprintln!("{error}");
            }
        }
    }
}

fn server_properties(id: u16, nodes: u16, port: u16, log_dirs: &str) -> io::Result<String> {
    let text = playground_properties(i32::from(id), nodes);
    let mut properties = Properties::parse(&text).map_err(|error| io::Error::other(error.to_string()))?;
    let controller = |id: u16| port + super::CONTROLLER_PORTS + id;
    let voters: Vec<String> = (0..nodes).map(|id| format!("{id}@localhost:{}", controller(id))).collect();
    let client = format!("PLAINTEXT://localhost:{}", port + id);
    properties.set("controller.quorum.voters", voters.join(","));
    properties.set("listeners", format!("{client},CONTROLLER://localhost:{}", controller(id)));
    properties.set("advertised.listeners", client);
    properties.set("log.dirs", log_dirs.to_owned());
    Ok(properties.iter().fold(String::new(), |mut text, property| {
        let _infallible = writeln!(text, "{}={}", property.key, property.value);
        text
    }))
}

fn format(tools: &mut KafkaTools, properties: &Path, folder: &Path) -> io::Result<()> {
    // Any id will do; a cluster sees no other.
    const CLUSTER_ID: &str = "4L6g3nShT-eMCtK--X86sw";
    let mut words = ["kafka-storage.sh", "format", "-t", CLUSTER_ID, "-c"].map(str::to_owned).to_vec();
    words.push(properties.display().to_string());
    words.extend(FEATURES.iter().flat_map(|feature| ["--feature".to_owned(), format!("{feature}=0")]));
    let raw = tools.run(&words, &[], folder)?;
    if raw.code == Some(0) { Ok(()) } else { Err(io::Error::other(format!("a node was not formatted: {raw:?}"))) }
}

/// Copies a node's log into a file; tells when it says that it has started.
fn watch(stdout: impl Read + Send + 'static, file: PathBuf) -> Receiver<()> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || -> io::Result<()> {
        let mut file = fs::File::create(file)?;
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            if line.contains(STARTED) {
                let _nobody_waits = sender.send(());
            }
            writeln!(file, "{line}")?;
        }
        Ok(())
    });
    receiver
}

/// Kafka's tools, all in one JVM or each in its own.
#[derive(Debug)]
pub struct KafkaTools {
    distribution: Distribution,
    separate: bool,
    runner: Option<Runner>,
}

impl KafkaTools {
    /// `separate`: a JVM for each command, as the scripts do, which is slow.
    pub fn new(distribution: Distribution, separate: bool) -> Self {
        Self { distribution, separate, runner: None }
    }
}

impl Tools for KafkaTools {
    fn run(&mut self, words: &[String], input: &[u8], folder: &Path) -> io::Result<Raw> {
        if self.separate {
            return ours::run(&mut self.program(words, folder)?, input);
        }
        let (class, arguments) = main_class(words)?;
        let runner = match &mut self.runner {
            Some(runner) => runner,
            empty => empty.insert(Runner::start(&self.distribution)?),
        };
        let raw = runner.run(class, arguments, input)?;
        if raw.code.is_none() {
            self.runner = None;
        }
        Ok(raw)
    }

    fn program(&self, words: &[String], folder: &Path) -> io::Result<Command> {
        let (class, arguments) = main_class(words)?;
        let mut java = self.distribution.java("tools.properties", &["-Xmx256m"]);
        java.arg(class).args(arguments).current_dir(folder);
        Ok(java)
    }
}

/// The main class of a tool and its arguments.
fn main_class(words: &[String]) -> io::Result<(&'static str, &[String])> {
    let script = words.first().map_or("", String::as_str);
    let class = MAIN_CLASSES.iter().find(|(name, _)| *name == script).map(|(_, class)| *class);
    let class = class.ok_or_else(|| io::Error::other(format!("there is no tool `{script}`")))?;
    Ok((class, words.get(1..).unwrap_or_default()))
}

/// The JVM of `ToolRunner.java`; gone when dropped.
#[derive(Debug)]
struct Runner {
    child: Child,
    commands: ChildStdin,
    answers: Receiver<io::Result<Raw>>,
}

impl Runner {
    fn start(distribution: &Distribution) -> io::Result<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join("oracle").join("ToolRunner.java");
        let mut java = distribution.java("tools.properties", &["-Xmx512m", "-Djava.security.manager=allow"]);
        let log = fs::File::create(distribution.folder.join("tool-runner.log"))?;
        let mut child = java.arg(source).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let (Some(commands), Some(mut stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("a stream was not piped"));
        };
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            loop {
                let answer = read_answer(&mut stdout);
                let is_last = answer.is_err();
                if sender.send(answer).is_err() || is_last {
                    return;
                }
            }
        });
        Ok(Self { child, commands, answers })
    }

    fn run(&mut self, class: &str, arguments: &[String], input: &[u8]) -> io::Result<Raw> {
        let mut frame = Vec::new();
        let count = arguments.len() as u32 + 1;
        frame.extend_from_slice(&count.to_be_bytes());
        let words = [class].into_iter().chain(arguments.iter().map(String::as_str)).map(str::as_bytes);
        for bytes in words.chain([input]) {
            frame.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
            frame.extend_from_slice(bytes);
        }
        self.commands.write_all(&frame)?;
        self.commands.flush()?;
        self.answers.recv_timeout(LIMIT).unwrap_or_else(|_| Ok(Raw::default()))
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("{error}");
        }
    }
}

fn read_answer(stdout: &mut impl Read) -> io::Result<Raw> {
    let mut number = || -> io::Result<[u8; 4]> {
        let mut bytes = [0; 4];
        stdout.read_exact(&mut bytes)?;
        Ok(bytes)
    };
    let code = i32::from_be_bytes(number()?);
    let mut streams = [Vec::new(), Vec::new()];
    for stream in &mut streams {
        let mut length = [0; 4];
        stdout.read_exact(&mut length)?;
        let length = u64::from(u32::from_be_bytes(length));
        if stdout.take(length).read_to_end(stream)? as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let [output, error] = streams;
    Ok(Raw { output, error, code: Some(code) })
}
