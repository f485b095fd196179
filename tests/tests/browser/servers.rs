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
    let segment = [".index", ".log", ".timeindex"].map(|suffix| format!("00000000000000000000{suffix}"));
    for name in segment.iter().map(String::as_str).chain(["leader-epoch-checkpoint", "partition.metadata"]) {
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

#[test]
fn a_mistake_has_a_plain_line_under_it_that_says_what_to_do() -> Done {
    let page = Page::open()?;
    page.show_terminals()?;
    page.run_command(0, "printf 'broker.id=0\\nzookeeper.connect=localhost:2181\\n' > /tmp/old.properties")?;
    page.run_command(
        0,
        "sed 's/kafka-logs-0/never-formatted/' config/playground/server-0.properties > /tmp/new.properties",
    )?;
    let quorum = "./bin/kafka-metadata-quorum.sh --bootstrap-server localhost:9092 describe --replication";
    for (entered, words, offered) in [
        ("./bin/zookeeper-server-start.sh ./config/zookeeper.properties", "without ZooKeeper", quorum),
        ("./bin/kafka-server-start.sh /tmp/old.properties", "without ZooKeeper", quorum),
        (
            "./bin/kafka-topics.sh --list --zookeeper localhost:2181",
            "older Kafka",
            "./bin/kafka-topics.sh --list --bootstrap-server localhost:9092",
        ),
        (
            "kafka-topics.sh --list",
            "where a broker listens",
            "kafka-topics.sh --list --bootstrap-server localhost:9092",
        ),
        (
            "./bin/kafka-server-start.sh /tmp/new.properties",
            "not formatted",
            "./bin/kafka-storage.sh format -t $(./bin/kafka-storage.sh random-uuid) -c /tmp/new.properties",
        ),
        ("./bin/kafka-server-start.sh config/playground/server-1.properties", "Another", "jps -m"),
        (
            "kafka-topics.sh --create --topic t --replication-factor 5 --bootstrap-server localhost:9092",
            "Each replica needs a broker of its own",
            "",
        ),
        ("wget https://downloads.apache.org/kafka/4.3.0/kafka_2.13-4.3.0.tgz", "no network", ""),
        ("kafka-topic.sh --list", "no such program", "help"),
        ("echo hello", "", ""),
    ] {
        page.run_command(0, entered)?;
        page.until(&format!("the hint for `{entered}`"), || {
            let hint = page.hint(0)?;
            let is_it =
                if words.is_empty() { hint.is_empty() } else { hint.contains(words) && hint.ends_with(offered) };
            Ok(is_it.then_some(()))
        })?;
    }

    page.enter(0, "kafka-console-producer.sh --topic t --bootstrap-server localhost:9099")?;
    page.until("the hint beside a program that goes on", || {
        Ok(page.hint(0)?.ends_with("Brokers listen on: localhost:9092, localhost:9093, localhost:9094").then_some(()))
    })?;
    page.interrupt(0)?;
    page.wait_for_prompt(0)?;
    // A broker that is down listens nowhere.
    page.kill(0)?;
    page.enter(0, "kafka-console-producer.sh --topic t --bootstrap-server localhost:9092")?;
    page.until("the hint that names those that run", || {
        Ok(page.hint(0)?.ends_with("Brokers listen on: localhost:9093, localhost:9094").then_some(()))
    })?;
    page.interrupt(0)?;
    page.wait_for_prompt(0)?;
    page.start(0)?;
    page.wait_for_brokers(&[0, 1, 2])?;

    page.run_command(0, "./bin/zookeeper-server-start.sh ./config/zookeeper.properties")?;
    page.until("the hint", || Ok((!page.hint(0)?.is_empty()).then_some(())))?;
    page.take_hint(0)?;
    page.until_screen(0, "NodeId")?;
    page.wait_for_prompt(0)?;
    page.expect_no_complaint()
}

#[test]
fn a_broker_of_the_page_starts_with_its_file_as_it_is_then() -> Done {
    let page = Page::open()?;
    page.show_terminals()?;
    let described = |id: u16| -> Result<String, String> {
        let bootstrap = format!("--bootstrap-server localhost:{}", 9092 + id);
        let all = page.run_command(0, &format!("kafka-configs.sh {bootstrap} --describe --broker {id} --all"))?;
        Ok(all.lines().find(|line| line.trim_start().starts_with("num.partitions=")).unwrap_or_default().to_owned())
    };
    assert!(described(1)?.contains("num.partitions=1 "), "{}", described(1)?);
    page.run_command(0, "echo num.partitions=7 >> config/playground/server-1.properties")?;
    page.kill(1)?;
    page.start(1)?;
    page.wait_for_brokers(&[0, 1, 2])?;
    assert!(described(1)?.contains("STATIC_BROKER_CONFIG:num.partitions=7"), "{}", described(1)?);

    // A broker more has a file, like those before it.
    page.click("th.corner button:last-child")?;
    page.wait_for_brokers(&[0, 1, 2, 3])?;
    let file = page.run_command(0, "grep -v '^#' config/playground/server-3.properties | head -2")?;
    assert_eq!(file, "process.roles=broker\nnode.id=3\n");
    page.run_command(0, "echo num.partitions=5 >> config/playground/server-3.properties")?;
    let processes = page.run_command(0, "jps -m | grep -c 'Kafka config/playground/server-[0-3].properties'")?;
    assert_eq!(processes, "4\n");

    // Whatever the files say is what the page starts with after a power cut, too.
    page.browser.reload()?;
    page.wait_for_brokers(&[0, 1, 2, 3])?;
    page.show_terminals()?;
    for (id, partitions) in [(0, 1), (1, 7), (3, 5)] {
        page.until("the broker to answer", || {
            Ok(described(id)?.contains(&format!("num.partitions={partitions} ")).then_some(()))
        })?;
    }

    // One that is gone is missed in Java's words.
    page.run_command(0, "rm config/playground/server-2.properties")?;
    page.stop(2)?;
    // The button is deaf for a moment after its fellow was pressed.
    let start = "document.querySelector(\"th.broker[data-broker='2'] button.filled\")?.click()";
    page.until("the broker to fail", || {
        page.browser.run(start)?;
        Ok((page.broker_state(2)? == "failed").then_some(()))
    })?;
    page.click("[data-broker='2'] button.name")?;
    page.until("the reason", || {
        let reason = page.text(".inspector .answer.err")?;
        Ok((reason == "java.nio.file.NoSuchFileException: config/playground/server-2.properties").then_some(()))
    })?;
    page.expect_no_complaint()
}

#[test]
fn the_editor_completes_keys_and_their_values() -> Done {
    const TAB: &str = "\u{e004}";
    let page = Page::open()?;
    page.show_terminals()?;
    page.run_command(0, "nano /tmp/new.properties")?;
    page.until("the editor", || Ok(page.browser.find(".editor textarea").ok()))?;
    let area = page.browser.find(".editor textarea")?;
    page.browser.type_text(&area, &format!("process.ro{TAB}br{TAB},c{TAB}\nauto.cr{TAB}"))?;
    page.until("what was completed", || {
        let text = page.browser.run("return document.querySelector('.editor textarea').value")?;
        Ok((text.as_str() == Some("process.roles=broker,controller\nauto.create.topics.enable=")).then_some(()))
    })?;
    page.browser.type_text(&area, TAB)?;
    page.until("the values there are", || Ok((page.text(".editor .findings .data")? == "true  false").then_some(())))?;
    // Tab is no trap.
    page.browser.type_text(&area, TAB)?;
    page.until("the focus to go on", || {
        Ok(page.browser.run("return document.activeElement?.tagName !== 'TEXTAREA'")?.as_bool().filter(|left| *left))
    })?;
    page.expect_no_complaint()
}
