//! Loading the page again is a power cut of the whole cluster.

use crate::{Done, TOPIC, numbered};
use broker_tests::browser::Page;
use std::collections::BTreeSet;

#[test]
fn all_that_was_acknowledged_is_back_after_a_reload() -> Done {
    let page = Page::open()?;
    page.create_topic_with(TOPIC, 3, 3, "retention.ms=86400000 segment.bytes=1048576")?;
    page.change_partitions(TOPIC, 6)?;
    page.until("six partitions", || Ok((page.partitions(TOPIC)?.len() == 6).then_some(())))?;
    page.add_consumer("group1", TOPIC)?;
    page.produce(numbered(100_000, 200))?;
    let committed = |page: &Page| -> Result<i64, String> {
        Ok(page.owners(TOPIC, "group1")?.iter().map(|(_, committed)| (*committed).max(0)).sum())
    };
    page.until("offsets to be committed", || Ok((committed(&page)? > 200).then_some(())))?;
    page.wait_for_acknowledged(1000)?;
    let before = page.acknowledged()?;
    let committed_before = committed(&page)?;
    page.expect_no_complaint()?;

    page.browser.reload()?;
    page.wait_for_brokers(&[0, 1, 2])?;
    let rows = page.wait_until_whole(TOPIC)?;
    assert_eq!(rows.len(), 6);
    assert_eq!(page.topic_fact(TOPIC, "retention.ms")?.as_deref(), Some("86400000"));
    assert_eq!(page.topic_fact(TOPIC, "segment.bytes")?.as_deref(), Some("1048576"));
    // What was on its way when the power went may lie there or not, in any partition; nothing lies there twice.
    let found = page.read_topic(TOPIC)?;
    let records = found.iter().map(|record| &record.value).collect::<BTreeSet<_>>().len() as u64;
    assert_eq!(records, found.len() as u64, "a record lies there twice");
    assert!(records >= before, "{before} were acknowledged, {records} are left");
    assert_eq!(page.producer_field("Key")?, "key-{n}", "the form has what was last sent with it");
    // The consumer is back by itself, and goes on where it had committed.
    let committed_after = committed(&page)?;
    assert!(committed_after >= committed_before, "{committed_before} were committed, then {committed_after}");
    let most = records - committed_before as u64;
    page.until("the consumer to read the rest", || {
        let received = page.received()?.get(&1).copied();
        if received.is_some_and(|received| received > most) {
            return Err(format!("{received:?} received, of {records} with {committed_before} committed"));
        }
        let all_committed = u64::try_from(committed(&page)?).unwrap_or(0) == records;
        Ok((received.is_some() && all_committed).then_some(()))
    })?;
    page.expect_no_complaint()
}

#[test]
fn members_from_before_a_reload_are_told_from_those_after_it_and_steps_stay_done() -> Done {
    let page = Page::open()?;
    page.create_topic(TOPIC, 3, 3)?;
    page.produce(numbered(10, 0))?;
    page.add_consumer("group1", TOPIC)?;
    page.until("the records", || Ok((page.received()?.get(&1) == Some(&10)).then_some(())))?;
    page.kill(2)?;
    page.start(2)?;
    page.wait_for_brokers(&[0, 1, 2])?;
    page.browser.run("location.hash = ''")?;

    page.browser.reload()?;
    page.wait_for_brokers(&[0, 1, 2])?;
    page.wait_until_whole(TOPIC)?;
    // Both were called c1: the one that is gone keeps its place until its session ends, the other waits for that.
    page.until("both members", || {
        let members = page.members("group1")?;
        let gone = members.iter().filter(|one| one.starts_with("c1 gone · session ends in ")).count();
        Ok((members.len() == 2 && gone == 1).then_some(()))
    })?;
    let ticks = page.browser.run("return document.querySelectorAll('.steps .tick').length")?;
    assert_eq!(ticks.as_u64(), Some(4), "all four steps were done before");
    page.expect_no_complaint()
}
