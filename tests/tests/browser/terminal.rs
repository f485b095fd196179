//! The tutorial, typed: topics, producers, consumers and groups from the terminals of the page.

use crate::Done;
use broker_tests::browser::Page;

const BOOTSTRAP: &str = "--bootstrap-server localhost:9092";

/// What a consumer printed: the lines between the command and the end.
fn lines(screen: &str) -> Vec<&str> {
    screen.lines().filter(|line| line.starts_with("message ")).collect()
}

#[test]
fn lines_typed_into_a_producer_appear_in_a_consumer() -> Done {
    let page = Page::open()?;
    page.show_terminals()?;
    let created = page.run_command(0, &format!("./bin/kafka-topics.sh --create --topic first-topic {BOOTSTRAP}"))?;
    assert_eq!(created, "Created topic first-topic.\n");
    let described =
        page.run_command(0, &format!("./bin/kafka-topics.sh --describe --topic first-topic {BOOTSTRAP}"))?;
    assert!(
        described.starts_with("Topic: first-topic\tTopicId: ") || described.starts_with("Topic: first-topic "),
        "{described}"
    );
    assert_eq!(described.lines().count(), 2, "{described}");

    let consumer = page.open_terminal()?;
    page.enter(0, &format!("./bin/kafka-console-producer.sh --topic first-topic {BOOTSTRAP}"))?;
    page.until_screen(0, "\n>")?;
    page.enter(0, "message 1")?;
    page.enter(0, "message 2")?;
    page.enter(consumer, &format!("./bin/kafka-console-consumer.sh --topic first-topic --from-beginning {BOOTSTRAP}"))?;
    page.until_screen(consumer, "message 1\nmessage 2\n")?;
    page.enter(0, "message 3")?;
    page.until_screen(consumer, "message 3\n")?;
    page.interrupt(consumer)?;
    page.until_screen(consumer, "Processed a total of 3 messages\n")?;
    page.wait_for_prompt(consumer)?;
    page.interrupt(0)?;
    page.wait_for_prompt(0)?;
    page.expect_no_complaint()
}

#[test]
fn each_group_of_console_consumers_gets_each_record_once() -> Done {
    let page = Page::open()?;
    page.show_terminals()?;
    let topics = "./bin/kafka-topics.sh --create --topic first-rep --partitions 3 --replication-factor 3";
    page.run_command(0, &format!("{topics} {BOOTSTRAP}"))?;
    let groups = ["group1", "group1", "group2"];
    let mut consumers = Vec::new();
    for group in groups {
        let terminal = page.open_terminal()?;
        page.enter(
            terminal,
            &format!("./bin/kafka-console-consumer.sh --topic first-rep --group {group} {BOOTSTRAP}"),
        )?;
        consumers.push(terminal);
    }
    let describe = format!("./bin/kafka-consumer-groups.sh {BOOTSTRAP} --describe --group group1");
    page.until("two members with all partitions", || {
        let described = page.run_command(0, &describe)?;
        let owners: std::collections::BTreeSet<&str> = described
            .lines()
            .filter(|line| line.contains("first-rep"))
            .filter_map(|line| line.split_whitespace().nth(6))
            .collect();
        Ok((owners.len() == 2 && !owners.contains("-")).then_some(()))
    })?;
    page.run_command(
        0,
        &format!("for n in 1 2 3 4 5 6 7 8 9; do echo $n:message $n; done | ./bin/kafka-console-producer.sh --topic first-rep {BOOTSTRAP} --property parse.key=true --property key.separator=:"),
    )?;
    page.until("each group to have all", || {
        let read = |terminal: usize| Ok::<_, String>(lines(&page.screen(terminal)?).len());
        let (first, second, other) = (read(consumers[0])?, read(consumers[1])?, read(consumers[2])?);
        if first + second > 9 || other > 9 {
            return Err(format!("a record came twice: {first} + {second}, {other}"));
        }
        Ok((first + second == 9 && other == 9).then_some(()))
    })?;
    for terminal in &consumers {
        page.interrupt(*terminal)?;
        page.until_screen(*terminal, "Processed a total of ")?;
    }
    let reset = format!(
        "./bin/kafka-consumer-groups.sh {BOOTSTRAP} --group group1 --topic first-rep --reset-offsets --to-earliest"
    );
    let dry = page.run_command(0, &format!("{reset} --dry-run"))?;
    assert_eq!(dry.lines().filter(|line| line.trim_end().ends_with(" 0")).count(), 3, "{dry}");
    page.run_command(0, &format!("{reset} --execute"))?;
    let described = page.run_command(0, &describe)?;
    let lag: u64 = described
        .lines()
        .filter(|line| line.contains("first-rep"))
        .filter_map(|line| line.split_whitespace().nth(5)?.parse::<u64>().ok())
        .sum();
    assert_eq!(lag, 9, "{described}");
    page.expect_no_complaint()
}

#[test]
fn files_history_and_terminals_are_back_after_a_reload() -> Done {
    let page = Page::open()?;
    page.show_terminals()?;
    page.run_command(0, "echo 'a b' > notes.txt && mkdir -p kept/deep")?;
    page.enter(0, &format!("./bin/kafka-console-consumer.sh --topic first-topic {BOOTSTRAP}"))?;
    page.until("the consumer to run", || {
        Ok(page.text(".terminal header .title")?.contains("console-consumer").then_some(()))
    })?;
    page.browser.reload()?;
    page.wait_for_brokers(&[0, 1, 2])?;
    page.show_terminals()?;
    page.until("the power cut to be told of", || {
        Ok(page.text(".terminal .note")?.contains("kafka-console-consumer.sh").then_some(()))
    })?;
    assert_eq!(page.run_command(0, "cat notes.txt; ls -d kept/deep")?, "a b\nkept/deep\n");
    let history = page.run_command(0, "history")?;
    assert!(history.contains("mkdir -p kept/deep"), "{history}");
    page.expect_no_complaint()
}

#[test]
fn files_come_and_go() -> Done {
    let page = Page::open()?;
    page.show_terminals()?;
    let folder = std::env::temp_dir().join(format!("playground-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let allowed = serde_json::json!({ "behavior": "allow", "downloadPath": folder });
    page.browser.debugger("Browser.setDownloadBehavior", &allowed)?;

    // A log segment is that of the broker, byte by byte.
    let bootstrap = "--bootstrap-server localhost:9092";
    page.run_command(0, &format!("kafka-topics.sh {bootstrap} --create --topic kept --replication-factor 3"))?;
    page.run_command(0, &format!("echo hello | kafka-console-producer.sh {bootstrap} --topic kept --sync"))?;
    let segment = "/tmp/kafka-logs-0/kept-0/00000000000000000000.log";
    page.until("the record to be replicated", || {
        let found = page.run_command(0, &format!("grep -c hello {segment}"))?;
        Ok((found == "1\n").then_some(()))
    })?;
    let length = page.run_command(0, &format!("wc -c < {segment}"))?;
    page.run_command(0, &format!("sz {segment}"))?;
    let file = folder.join("00000000000000000000.log");
    let (bytes, _) = page.until("the download", || Ok(std::fs::read(&file).ok().filter(|bytes| !bytes.is_empty())))?;
    assert_eq!(format!("{}\n", bytes.len()), length);
    assert_eq!(
        (bytes.get(16), bytes.windows(5).any(|five| five == b"hello")),
        (Some(&2), true),
        "a batch of version 2"
    );

    page.run_command(0, "rz")?;
    let chooser = page.browser.find("body > input[type=file]")?;
    page.browser.type_text(&chooser, &file.display().to_string())?;
    page.until("the upload", || {
        Ok((page.run_command(0, &format!("diff 00000000000000000000.log {segment} && echo same"))? == "same\n")
            .then_some(()))
    })?;
    assert_eq!(page.run_command(0, "sz nothing")?, "sz: cannot open nothing: No such file or directory\n");
    std::fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
    page.expect_no_complaint()
}
