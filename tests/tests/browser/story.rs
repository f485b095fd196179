//! The first story: topic, records with keys, groups, more partitions. Once by mouse, once by keyboard alone.

use crate::{Done, TOPIC};
use broker_tests::browser::{Order, Page};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Where Kafka's partitioner puts `user-0` to `user-9` among three partitions: computed by another program, which was checked
/// with the vectors of Kafka's own `UtilsTest`.
const PARTITIONS: [i32; 10] = [1, 2, 2, 2, 1, 1, 2, 2, 0, 2];

fn ten(value: &'static str) -> Order<'static> {
    Order { topic: TOPIC, key: "user-{n}", value, partition: "", count: 10, rate: 0 }
}

#[test]
fn records_with_keys_lie_where_kafka_puts_them() -> Done {
    let page = Page::open()?;
    page.create_topic(TOPIC, 3, 3)?;
    page.produce(ten("hello {n}"))?;
    assert_eq!(page.produced(Duration::from_secs(30))?, "10 records: 1 in 0, 3 in 1, 6 in 2");
    let records = page.read_topic(TOPIC)?;
    let places: BTreeMap<&str, i32> = records.iter().map(|record| (record.key.as_str(), record.partition)).collect();
    assert_eq!(records.len(), 10);
    for (number, partition) in PARTITIONS.iter().enumerate() {
        assert_eq!(places.get(format!("user-{number}").as_str()), Some(partition), "user-{number}");
    }
    page.expect_no_complaint()
}

#[test]
fn groups_get_every_record_once_and_partitions_only_grow() -> Done {
    let page = Page::open()?;
    page.create_topic(TOPIC, 3, 3)?;
    page.produce(ten("hello {n}"))?;
    page.produced(Duration::from_secs(30))?;
    for group in ["group1", "group1", "group2"] {
        page.add_consumer(group, TOPIC)?;
    }
    all_received(&page, 10)?;
    page.until("two members to share three partitions", || {
        let owners: BTreeSet<String> = page.owners(TOPIC, "group1")?.into_iter().map(|(owner, _)| owner).collect();
        Ok((owners.len() == 2 && !owners.contains("nobody")).then_some(()))
    })?;
    page.produce(ten("again {n}"))?;
    all_received(&page, 20)?;
    each_value_once(&page, &[1, 2])?;
    each_value_once(&page, &[3])?;

    for _ in 0..2 {
        page.add_consumer("group1", TOPIC)?;
    }
    page.until("one of four members to be idle", || {
        let members = page.members("group1")?;
        let idle = members.iter().filter(|member| member.ends_with(" idle")).count();
        Ok((members.len() == 4 && idle == 1).then_some(()))
    })?;

    page.change_partitions(TOPIC, 6)?;
    page.until("six partitions", || Ok((page.partitions(TOPIC)?.len() == 6).then_some(())))?;
    let refused = page.change_partitions(TOPIC, 3)?;
    assert!(refused.contains("INVALID_PARTITIONS"), "{refused}");
    assert_eq!(page.partitions(TOPIC)?.len(), 6);
    page.until("the idle member to get a partition", || {
        let owners: BTreeSet<String> = page.owners(TOPIC, "group1")?.into_iter().map(|(owner, _)| owner).collect();
        Ok((owners.len() == 4).then_some(()))
    })?;
    page.expect_no_complaint()
}

/// Waits until `group1` (consumers 1 and 2) and `group2` (consumer 3) have received so many records, and not one more.
fn all_received(page: &Page, count: u64) -> Done {
    page.until(&format!("{count} records in each group"), || {
        let received = page.received()?;
        let of = |consumer: u32| received.get(&consumer).copied().unwrap_or(0);
        let (first, second) = (of(1) + of(2), of(3));
        if first > count || second > count {
            return Err(format!("more than {count} records: {received:?}"));
        }
        Ok((first == count && second == count).then_some(()))
    })
    .map(drop)
}

fn each_value_once(page: &Page, consumers: &[u32]) -> Done {
    let mut values = Vec::new();
    for consumer in consumers {
        values.extend(page.received_records(*consumer)?.into_iter().map(|record| (record.partition, record.offset)));
    }
    let different: BTreeSet<_> = values.iter().collect();
    assert_eq!((values.len(), different.len()), (20, 20), "{values:?}");
    Ok(())
}

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const HOME: &str = "\u{e011}";
const RIGHT: &str = "\u{e014}";

#[test]
fn the_first_steps_by_keyboard_alone() -> Done {
    let page = Page::open()?;
    for (button, done) in [
        ("Create first-topic", "true"),
        (
            "Send 10 records to first-topic",
            "document.querySelector('.steps').textContent.includes('10 records: 1, 3, 6')",
        ),
        (
            "Add a consumer of first-topic to group1",
            "document.querySelector('.steps').textContent.includes('10 records received')",
        ),
        ("Kill broker", "document.querySelector('th.broker.hatched')"),
    ] {
        let ready = format!(
            "[...document.querySelectorAll('.steps button')].some(one => one.textContent.startsWith('{button}') && one.ariaDisabled !== 'true')"
        );
        page.browser.wait(&ready)?;
        focus(&page, TAB, button)?;
        page.browser.press(ENTER)?;
        page.browser.wait(done)?;
        page.until("the topic", || Ok((page.partitions(TOPIC)?.len() == 3).then_some(())))?;
    }
    let down = page.browser.run("return Number(document.querySelector('th.broker.hatched').dataset.broker)")?;
    page.until("another leader", || {
        let leader = page.partitions(TOPIC)?.first().map(|partition| i64::from(partition.leader));
        Ok(leader.filter(|leader| *leader >= 0 && Some(*leader) != down.as_i64()))
    })?;
    // The grid is one stop of the tab key; within it the arrows walk.
    reach(&page, TAB, "a button of the grid", "document.activeElement?.closest('.grid button')")?;
    page.browser.press(HOME)?;
    let start = format!("document.activeElement?.closest('[data-broker=\"{down}\"] .buttons')");
    reach(&page, RIGHT, "the broker's Start", &start)?;
    page.browser.press(ENTER)?;
    page.wait_for_brokers(&[0, 1, 2])?;
    page.wait_until_whole(TOPIC)?;
    page.expect_no_complaint()
}

/// Presses a key until a button has the focus whose name begins so.
fn focus(page: &Page, key: &str, name: &str) -> Done {
    reach(page, key, name, &format!("document.activeElement?.textContent.trim().startsWith('{name}')"))
}

/// Presses a key until the focus is where a script says.
fn reach(page: &Page, key: &str, place: &str, is_there: &str) -> Done {
    for _ in 0..80 {
        page.browser.press(key)?;
        // The grid hands the focus on in a task of its own, before this one.
        let arrived = page.browser.run_async(&format!("setTimeout(() => done(Boolean({is_there})))"))?;
        if arrived.as_bool() == Some(true) {
            return Ok(());
        }
    }
    Err(format!("no key reached {place}"))
}
