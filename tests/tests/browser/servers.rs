//! A cluster of one's own from files: edited, formatted, started, interrupted; and the mistakes one makes on the way.

use crate::Done;
use broker_tests::browser::Page;

const VOTERS: &str = "0@localhost:19092,1@localhost:19093,2@localhost:19094";

/// What a tutorial has one write for the broker of this id.
fn properties(id: u16) -> String {
    format!(
        "process.roles=broker,controller\nnode.id={id}\ncontroller.quorum.voters={VOTERS}\n\
         listeners=PLAINTEXT://localhost:{},CONTROLLER://localhost:{}\ncontroller.listener.names=CONTROLLER\n\
         log.dirs=/tmp/own-logs-{id}\nbroker.session.timeout.ms=3000\nbroker.heartbeat.interval.ms=300\n",
        9092 + id,
        19092 + id
    )
}

#[test]
fn a_cluster_from_nothing_loses_a_broker_and_gets_it_back() -> Done {
    let page = Page::open()?;
    page.show_terminals()?;
    // The ports are those of the brokers that are there.
    page.run_command(0, "kill -9 $(jps | grep Kafka | cut -d' ' -f1)")?;
    page.until("nobody to be left", || Ok((page.run_command(0, "jps | grep -c Kafka")? == "0\n").then_some(())))?;
    let cluster_id = page.run_command(0, "./bin/kafka-storage.sh random-uuid")?;
    let mut terminals = Vec::new();
    for id in 0..3 {
        let file = format!("config/server{}.properties", 9092 + id);
        page.run_command(0, &format!("cp config/server.properties {file}"))?;
        page.run_command(0, &format!("nano {file}"))?;
        page.edit(&properties(id))?;
        let formatted =
            page.run_command(0, &format!("./bin/kafka-storage.sh format -t {} -c {file}", cluster_id.trim()))?;
        assert!(formatted.contains(&format!("Formatting metadata directory /tmp/own-logs-{id} ")), "{formatted}");
        let terminal = page.open_terminal()?;
        page.enter(terminal, &format!("./bin/kafka-server-start.sh {file}"))?;
        terminals.push(terminal);
    }
    for terminal in &terminals {
        page.until_screen(*terminal, "Kafka Server started (kafka.server.KafkaRaftServer)")?;
    }
    let bootstrap = "--bootstrap-server localhost:9092";
    let create = "./bin/kafka-topics.sh --create --topic first-rep --partitions 3 --replication-factor 3";
    page.until("three brokers to be there", || {
        let answer = page.run_command(0, &format!("{create} {bootstrap}"))?;
        Ok((answer.contains("Created topic") || answer.contains("already exists")).then_some(()))
    })?;
    let describe = format!("./bin/kafka-topics.sh --describe --topic first-rep {bootstrap}");
    let in_sync = |page: &Page| -> Result<Vec<usize>, String> {
        let described = page.run_command(0, &describe)?;
        let lines = described.lines().filter(|line| line.contains("Partition: "));
        Ok(lines
            .filter_map(|line| Some(line.split("Isr: ").nth(1)?.split_whitespace().next()?.split(',').count()))
            .collect())
    };
    page.until("all replicas to be in sync", || Ok((in_sync(&page)? == [3, 3, 3]).then_some(())))?;
    let files = page.run_command(0, "ls /tmp/own-logs-2/first-rep-0")?;
    for name in ["00000000000000000000.log", "leader-epoch-checkpoint", "partition.metadata"] {
        assert!(files.lines().any(|line| line == name), "{files}");
    }

    page.interrupt(terminals[2])?;
    page.until_screen(terminals[2], "shut down completed (kafka.server.BrokerServer)")?;
    page.wait_for_prompt(terminals[2])?;
    page.until("two to be left", || Ok((in_sync(&page)? == [2, 2, 2]).then_some(())))?;
    page.enter(terminals[2], "./bin/kafka-server-start.sh config/server9094.properties")?;
    page.until("it to be back in sync", || Ok((in_sync(&page)? == [3, 3, 3]).then_some(())))?;
    page.expect_no_complaint()
}

#[test]
fn a_mistake_ends_in_kafkas_own_message() -> Done {
    let page = Page::open()?;
    page.show_terminals()?;
    let start = |file: &str| format!("./bin/kafka-server-start.sh {file}");
    page.run_command(0, "mkdir -p wrong && cp config/server.properties wrong/base.properties")?;
    let written = |name: &str, text: &str| {
        let lines: Vec<&str> = text.lines().collect();
        let words = lines.iter().map(|line| format!("'{line}'")).collect::<Vec<_>>().join(" ");
        format!("printf '%s\\n' {words} > wrong/{name}.properties")
    };
    let own = properties(0).replace("9092", "9592").replace("9093", "9593").replace("9094", "9594");
    let cases = [
        ("no-roles", "broker.id=0\nlog.dirs=/tmp/w1\nzookeeper.connect=localhost:2181".to_owned(), "process.roles"),
        (
            "bad-number",
            own.replace("node.id=0", "node.id=zero"),
            "Invalid value zero for configuration broker.id: Not a number of type INT",
        ),
        ("unformatted", own.replace("own-logs", "never"), "No readable meta.properties files found."),
        ("no-file", String::new(), "java.nio.file.NoSuchFileException: wrong/absent.properties"),
    ];
    for (name, text, message) in cases {
        let file = if text.is_empty() { "absent" } else { name };
        if !text.is_empty() {
            page.run_command(0, &written(name, &text))?;
        }
        let said = page.run_command(0, &start(&format!("wrong/{file}.properties")))?;
        assert!(said.contains(message), "{name}: {said}");
    }
    // A broker of the page has the port and, of another, the directory.
    let standing = own.replace(
        "controller.quorum.voters=0@localhost:19592,1@localhost:19593,2@localhost:19594",
        "controller.quorum.voters=0@localhost:19592",
    );
    for (name, text, message) in [
        (
            "port",
            standing.replace("localhost:9592", "localhost:9093").replace("own-logs-0", "w-port"),
            "Socket server failed to bind to localhost:9093: Address already in use.",
        ),
        (
            "directory",
            standing
                .replace("own-logs-0", "kafka-logs-1")
                .replace("node.id=0", "node.id=1")
                .replace("voters=0@", "voters=1@"),
            "Failed to acquire lock on file .lock in /tmp/kafka-logs-1.",
        ),
    ] {
        page.run_command(0, &written(name, &text))?;
        page.run_command(
            0,
            &format!(
                "./bin/kafka-storage.sh format -t $(./bin/kafka-storage.sh random-uuid) -c wrong/{name}.properties"
            ),
        )?;
        let said = page.run_command(0, &start(&format!("wrong/{name}.properties")))?;
        assert!(said.contains(message), "{name}: {said}");
    }
    for (command, message) in [
        (
            "./bin/kafka-storage.sh format -t bad -c wrong/port.properties",
            "Invalid cluster.id in: /tmp/w-port/meta.properties. Expected bad, but read ",
        ),
        (
            "./bin/zookeeper-server-start.sh ./config/zookeeper.properties",
            "bash: ./bin/zookeeper-server-start.sh: No such file or directory",
        ),
        (
            "./bin/kafka-topics.sh --create --topic t --replication-factor 5 --bootstrap-server localhost:9092",
            "Unable to replicate the partition 5 time(s): The target replication factor of 5 cannot be reached because only 3 broker(s) are registered",
        ),
        ("kafka-topics.sh --list", "--bootstrap-server must be specified"),
    ] {
        let said = page.run_command(0, command)?;
        assert!(said.contains(message), "{command}: {said}");
    }
    page.expect_no_complaint()
}
