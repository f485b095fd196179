//! Mistakes at a terminal, known by what Kafka and the shell print of them.

/// A mistake that is known by what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// A file or a script of Kafka before 4.
    ZooKeeper,
    /// An option that tools had before they spoke to brokers.
    OldOption,
    /// No broker was named.
    NoBootstrap,
    /// Nobody listens there.
    NobodyListens,
    /// Nobody listens anywhere.
    NoBroker,
    /// Fewer brokers than replicas.
    TooFewBrokers,
    /// A log directory that was never formatted.
    Unformatted,
    /// Another process has the port.
    PortTaken,
    /// Another process has the log directory.
    DirectoryTaken,
    /// A log directory of another cluster.
    OtherCluster,
    /// A log directory of another node.
    OtherNode,
    /// A topic that is not there.
    NoTopic,
    /// Fewer replicas in sync than the topic wants.
    NotEnoughReplicas,
    /// A topic has no such config.
    NoTopicConfig,
    /// A config does not take that value.
    WrongValue,
    /// Servers to begin with that are not written as such.
    WrongBootstrap,
    /// A record without a key for a compacted topic.
    NoKey,
    /// A group whose offsets are to be set has members.
    GroupIsActive,
    /// A file that is not there.
    NoFile,
    /// There is no network.
    NoNetwork,
    /// There is no such program.
    NoProgram,
}

/// What is printed, each with the mistake behind it; the first that is found counts.
const SIGNS: [(&str, Mistake); 28] = [
    ("zookeeper-server-start.sh: No such file", Mistake::ZooKeeper),
    ("zookeeper-server-start.sh: command not found", Mistake::ZooKeeper),
    ("zookeeper-shell.sh: No such file", Mistake::ZooKeeper),
    ("Missing required configuration \"process.roles\"", Mistake::ZooKeeper),
    ("zookeeper is not a recognized option", Mistake::OldOption),
    ("broker-list is not a recognized option", Mistake::OldOption),
    ("Missing required argument \"[bootstrap-server]\"", Mistake::NoBootstrap),
    ("Missing required option(s) [bootstrap-server]", Mistake::NoBootstrap),
    ("--bootstrap-server must be specified", Mistake::NoBootstrap),
    ("could not be established. Node may not be available.", Mistake::NobodyListens),
    ("Unable to replicate the partition", Mistake::TooFewBrokers),
    ("No readable meta.properties files found", Mistake::Unformatted),
    ("have you run `kafka-storage.sh` to format", Mistake::Unformatted),
    ("Address already in use", Mistake::PortTaken),
    ("Failed to acquire lock on file .lock", Mistake::DirectoryTaken),
    ("Invalid cluster.id in", Mistake::OtherCluster),
    ("doesn't match previous node id", Mistake::OtherNode),
    ("NOT_ENOUGH_REPLICAS", Mistake::NotEnoughReplicas),
    ("Unknown topic config name", Mistake::NoTopicConfig),
    ("Exception: Invalid value ", Mistake::WrongValue),
    ("Invalid url in bootstrap.servers", Mistake::WrongBootstrap),
    ("Compacted topic cannot accept message without key", Mistake::NoKey),
    ("does not exist as expected", Mistake::NoTopic),
    ("Assignments can only be reset if the group", Mistake::GroupIsActive),
    ("java.nio.file.NoSuchFileException", Mistake::NoFile),
    ("ailure in name resolution", Mistake::NoNetwork),
    ("Could not resolve host", Mistake::NoNetwork),
    ("command not found", Mistake::NoProgram),
];

/// Programs that would fetch something.
const NETWORK: [&str; 7] = ["apt", "apt-get", "brew", "docker", "git", "ssh", "sudo"];

/// Looks for a mistake in what a command prints, line by line.
#[derive(Debug, Default)]
pub struct Lookout {
    /// Servers that did not answer.
    refused: Vec<String>,
}

impl Lookout {
    /// The mistake that a line tells of, behind those before it. That one server of several does not answer is none: a client
    /// asks the next one, and this one again only where it has to.
    pub fn see(&mut self, line: &str) -> Option<Mistake> {
        let mistake = mistake_in(line)?;
        if mistake != Mistake::NobodyListens {
            return Some(mistake);
        }
        let server = line.split("Connection to node ").nth(1)?;
        let is_known = self.refused.iter().any(|known| known == server);
        if !is_known {
            self.refused.push(server.to_owned());
        }
        is_known.then_some(mistake)
    }
}

/// The mistake that a line tells of by itself.
fn mistake_in(line: &str) -> Option<Mistake> {
    let (_, mistake) = SIGNS.iter().find(|(sign, _)| line.contains(sign))?;
    let is_of_network = || NETWORK.iter().any(|program| line.contains(&format!("{program}: ")));
    Some(if *mistake == Mistake::NoProgram && is_of_network() { Mistake::NoNetwork } else { *mistake })
}

/// The line with the option of today in the place of `--zookeeper host:port` or `--broker-list host:port`.
pub fn with_bootstrap(entered: &str, bootstrap: &str) -> Option<String> {
    let mut is_value = false;
    let mut found = false;
    let mut words: Vec<String> = Vec::new();
    for word in entered.split(' ') {
        let old = ["--zookeeper", "--broker-list"].into_iter().find(|option| word.starts_with(option));
        match old {
            Some(option) => {
                words.push(format!("--bootstrap-server {bootstrap}"));
                (is_value, found) = (word == option, true);
            }
            // It was the old option's.
            None if is_value => is_value = false,
            None => words.push(word.to_owned()),
        }
    }
    found.then(|| words.join(" "))
}

/// The file that a broker was to start with.
pub fn configuration(entered: &str) -> Option<&str> {
    let mut words = entered.split_whitespace().skip_while(|word| !word.ends_with("kafka-server-start.sh"));
    words.next()?;
    words.find(|word| !word.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::{Lookout, Mistake, configuration, mistake_in, with_bootstrap};

    #[test]
    fn a_mistake_is_known_by_what_is_printed() {
        for (line, mistake) in [
            ("bash: ./bin/zookeeper-server-start.sh: No such file or directory", Some(Mistake::ZooKeeper)),
            ("bash: docker: command not found", Some(Mistake::NoNetwork)),
            ("bash: kafka-topic.sh: command not found", Some(Mistake::NoProgram)),
            ("zookeeper is not a recognized option", Some(Mistake::OldOption)),
            (
                "org.apache.kafka.common.config.ConfigException: Invalid value soon for configuration linger.ms: Not a number of type LONG",
                Some(Mistake::WrongValue),
            ),
            (
                "Caused by: org.apache.kafka.common.errors.InvalidConfigurationException: Unknown topic config name: retention",
                Some(Mistake::NoTopicConfig),
            ),
            ("Created topic first-topic.", None),
        ] {
            assert_eq!(mistake_in(line), mistake, "{line}");
        }
    }

    #[test]
    fn a_server_that_does_not_answer_is_a_mistake_once_it_is_asked_again() {
        let line = |node: i32, port: u16| {
            format!(
                "[2026-11-27 14:37:38,765] WARN [AdminClient clientId=adminclient-1] Connection to node {node} \
                 (localhost/127.0.0.1:{port}) could not be established. Node may not be available. (org.apache.kafka.clients.NetworkClient)"
            )
        };
        let mut lookout = Lookout::default();
        let seen = [line(-1, 9092), line(-2, 9093), line(-1, 9092)].map(|line| lookout.see(&line));
        assert_eq!(seen, [None, None, Some(Mistake::NobodyListens)]);
    }

    #[test]
    fn an_old_option_becomes_that_of_today() {
        for (entered, today) in [
            (
                "./bin/kafka-topics.sh --create --zookeeper localhost:2181 --topic a",
                Some("./bin/kafka-topics.sh --create --bootstrap-server localhost:9092 --topic a"),
            ),
            (
                "kafka-topics.sh --list --zookeeper=localhost:2181",
                Some("kafka-topics.sh --list --bootstrap-server localhost:9092"),
            ),
            (
                "kafka-console-producer.sh --broker-list localhost:9092,localhost:9093 --topic a",
                Some("kafka-console-producer.sh --bootstrap-server localhost:9092 --topic a"),
            ),
            ("kafka-topics.sh --list", None),
        ] {
            assert_eq!(with_bootstrap(entered, "localhost:9092").as_deref(), today);
        }
    }

    #[test]
    fn the_file_of_a_broker_is_found() {
        assert_eq!(
            configuration("./bin/kafka-server-start.sh -daemon a.properties --override a=b"),
            Some("a.properties")
        );
        assert_eq!(configuration("kafka-topics.sh"), None);
    }
}
