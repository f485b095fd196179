//! What a button does and what its line does at a terminal is the same.

use crate::Done;
use broker_tests::browser::{Order, Page};

const BOOTSTRAP: &str = "--bootstrap-server localhost:9092";

/// The line that the open sheet or form offers, as it was shown first.
fn line(page: &Page) -> Result<String, String> {
    let shown = "return document.querySelector('.inspector .command code')?.textContent ?? ''";
    let look = || Ok(page.browser.run(shown)?.as_str().filter(|line| !line.is_empty()).map(str::to_owned));
    page.until("a line to copy", look).map(|(line, _)| line)
}

/// A topic as `--describe` tells of it, without what no two topics share.
fn described(page: &Page, topic: &str) -> Result<Vec<String>, String> {
    let text = page.run_command(0, &format!("kafka-topics.sh {BOOTSTRAP} --describe --topic {topic}"))?;
    let first = text.lines().next().unwrap_or_default();
    let words = first.split_whitespace().skip_while(|word| *word != "PartitionCount:");
    Ok(words.map(str::to_owned).chain([text.lines().count().to_string()]).collect())
}

#[test]
fn a_topic_is_the_same_by_button_and_by_its_line() -> Done {
    let page = Page::open()?;
    page.wait_for_brokers(&[0, 1, 2])?;
    let configs = "retention.ms=86400000 min.insync.replicas=1";
    page.create_topic_with("by.button", 3, 2, configs)?;
    // The form keeps what was typed; its line is what it did.
    page.click("th.corner button")?;
    let create = line(&page)?;
    assert!(create.contains("--topic by.button --partitions 3 --replication-factor 2"), "{create}");
    page.click(".inspector form button[type=submit]")?;
    let refused = page.until("the refusal", || {
        let text = page.text(".inspector .answer.err")?;
        Ok((!text.is_empty()).then_some(text))
    })?;
    assert!(refused.0.contains("already exists"), "{}", refused.0);

    page.show_terminals()?;
    let again = page.run_command(0, &create)?;
    assert!(again.contains("Topic 'by.button' already exists."), "{again}");
    let created = page.run_command(0, &create.replace("by.button", "by.line"))?;
    assert!(created.ends_with("Created topic by.line.\n"), "{created}");
    assert_eq!(described(&page, "by.button")?, described(&page, "by.line")?);

    let fewer = page.change_partitions("by.button", 2)?;
    let alter = line(&page)?;
    assert!(alter.ends_with(r"--alter --topic 'by\.button' --partitions 2"), "{alter}");
    let printed = page.run_command(0, &alter)?;
    let why = "The topic by.button currently has 3 partition(s); 2 would not be an increase.";
    assert!(fewer.contains(why) && printed.contains(why), "{fewer}\n{printed}");
    page.expect_no_complaint()
}

#[test]
fn a_record_is_the_same_by_button_and_by_its_line() -> Done {
    let page = Page::open()?;
    page.wait_for_brokers(&[0, 1, 2])?;
    page.create_topic("records", 3, 3)?;
    page.produce(Order {
        topic: "records",
        key: "it's {n}",
        value: "a \"b\" $c {n}",
        partition: "",
        count: 4,
        rate: 0,
    })?;
    page.wait_for_acknowledged(4)?;
    page.click(".producer .name")?;
    let produce = line(&page)?;
    page.show_terminals()?;
    page.run_command(0, &produce)?;
    let records = page.read_topic("records")?;
    let of = |index: usize| {
        let mut all: Vec<_> = records.iter().map(|one| (one.partition, one.key.clone(), one.value.clone())).collect();
        all.sort();
        all.chunks(2).filter_map(|pair| pair.get(index).cloned()).collect::<Vec<_>>()
    };
    assert_eq!(records.len(), 8, "{produce}\n{records:?}");
    assert_eq!(of(0), of(1), "{produce}");
    page.expect_no_complaint()
}
