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
