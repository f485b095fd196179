//! Leaders killed and stopped while a producer runs with `acks=all`.

use crate::{Done, TOPIC, expect_each_once, numbered};
use broker_tests::browser::{Order, Page};
use std::time::Duration;

/// What a failover may take: the playground's session of three seconds, and what a busy machine adds.
const FAILOVER: Duration = Duration::from_secs(12);

fn leader(page: &Page) -> Result<i32, String> {
    page.partitions(TOPIC)?.first().map(|partition| partition.leader).ok_or_else(|| "no partition".to_owned())
}

#[test]
fn another_replica_leads_and_nothing_acknowledged_is_lost() -> Done {
    let page = Page::open()?;
    page.create_topic(TOPIC, 3, 3)?;
    page.produce(numbered(2000, 200))?;
    page.wait_for_acknowledged(300)?;
    let killed = leader(&page)?;
    page.kill(killed)?;
    let (new, took) = page.until_within(FAILOVER, "another leader", || {
        let rows = page.partitions(TOPIC)?;
        let all_led = rows.iter().all(|row| row.leader >= 0 && row.leader != killed);
        Ok((rows.len() == 3 && all_led).then(|| rows[0].leader))
    })?;
    println!("broker {killed} was killed, broker {new} leads after {took:?}");
    let before = page.acknowledged()?;
    page.wait_for_acknowledged(before + 100)?;

    page.start(killed)?;
    page.wait_for_brokers(&[0, 1, 2])?;
    page.produced(Duration::from_mins(1))?;
    page.wait_until_whole(TOPIC)?;
    assert_eq!(page.acknowledged()?, 2000);
    assert_eq!(expect_each_once(&page.read_topic(TOPIC)?)?, 2000);
    page.expect_no_complaint()
}

fn one(value: &'static str) -> Order<'static> {
    Order { topic: TOPIC, key: "", value, partition: "0", count: 1, rate: 0 }
}

/// Creates a topic of one partition and produces its first record: a producer gets its id from the controller, and shall have
/// it before that is gone. Answers the leader.
fn leader_of_one_record(page: &Page) -> Result<i32, String> {
    page.create_topic(TOPIC, 1, 3)?;
    page.produce(one("0"))?;
    page.produced(Duration::from_secs(30))?;
    page.wait_until_whole(TOPIC)?;
    leader(page)
}

#[test]
fn without_a_quorum_the_isr_stays_and_a_producer_times_out() -> Done {
    let page = Page::open()?;
    let survivor = leader_of_one_record(&page)?;
    let others: Vec<i32> = (0..3).filter(|id| *id != survivor).collect();
    for id in &others {
        page.kill(*id)?;
    }
    page.produce(one("1"))?;
    // `request.timeout.ms` is 30 seconds, as Kafka's; the producer tries again within `delivery.timeout.ms`.
    let timed_out = || Ok(page.producer_error()?.contains("REQUEST_TIMED_OUT").then_some(()));
    let ((), took) = page.until("REQUEST_TIMED_OUT", timed_out)?;
    assert!(took > Duration::from_secs(20), "timed out after {took:?}");
    let row = page.partitions(TOPIC)?.remove(0);
    assert_eq!((row.leader, row.in_sync_replicas.len()), (survivor, 3), "nobody is left who could change the ISR");
    assert_eq!(page.active_controller()?, None);

    for id in &others {
        page.start(*id)?;
    }
    page.produced(Duration::from_mins(1))?;
    page.wait_until_whole(TOPIC)?;
    assert_eq!(expect_each_once(&page.read_topic(TOPIC)?)?, 2);
    page.expect_no_complaint()
}

#[test]
fn stopped_one_after_the_other_leaves_too_few_replicas() -> Done {
    let page = Page::open()?;
    let survivor = leader_of_one_record(&page)?;
    let others: Vec<i32> = (0..3).filter(|id| *id != survivor).collect();
    for (stopped, id) in others.iter().enumerate() {
        page.stop(*id)?;
        page.until("the ISR without it", || {
            let rows = page.partitions(TOPIC)?;
            Ok(rows.first().is_some_and(|row| row.in_sync_replicas.len() == 2 - stopped).then_some(()))
        })?;
    }
    page.produce(one("1"))?;
    page.until("NOT_ENOUGH_REPLICAS", || Ok(page.producer_error()?.contains("NOT_ENOUGH_REPLICAS").then_some(())))?;

    for id in &others {
        page.start(*id)?;
    }
    page.produced(Duration::from_mins(1))?;
    page.wait_until_whole(TOPIC)?;
    assert_eq!(expect_each_once(&page.read_topic(TOPIC)?)?, 2);
    page.expect_no_complaint()
}
