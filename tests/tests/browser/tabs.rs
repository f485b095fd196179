//! Who owns the cluster, and where its data may go.

use crate::{Done, TOPIC};
use broker_tests::browser::{Browser, Order, Page, address};
use serde_json::json;
use std::time::Duration;

fn one() -> Order<'static> {
    Order { topic: TOPIC, key: "k", value: "0", partition: "", count: 1, rate: 0 }
}

#[test]
fn the_cluster_goes_to_the_tab_that_asks_for_it() -> Done {
    let page = Page::open()?;
    page.create_topic(TOPIC, 1, 3)?;
    page.produce(one())?;
    page.produced(Duration::from_secs(30))?;

    let first = page.browser.open_tab()?;
    page.browser.goto(&address()?)?;
    notice(&page, "Another tab of this browser runs the cluster")?;
    take_over(&page)?;

    page.browser.switch_tab(&first)?;
    notice(&page, "The cluster moved to another tab")?;
    take_over(&page)
}

#[test]
fn a_waiting_tab_gets_the_cluster_of_one_that_closes() -> Done {
    let page = Page::open()?;
    page.create_topic(TOPIC, 1, 3)?;
    page.produce(one())?;
    page.produced(Duration::from_secs(30))?;

    let first = page.browser.open_tab()?;
    let second = page.browser.tab()?;
    page.browser.goto(&address()?)?;
    notice(&page, "Another tab of this browser runs the cluster")?;
    page.browser.switch_tab(&first)?;
    page.browser.close_tab(&second)?;
    has_all(&page)
}

fn notice(page: &Page, words: &str) -> Done {
    page.until(words, || Ok(page.text(".notice")?.contains(words).then_some(()))).map(drop)
}

fn take_over(page: &Page) -> Done {
    page.click(".notice button")?;
    has_all(page)
}

/// The cluster runs here, with its one record.
fn has_all(page: &Page) -> Done {
    page.wait_for_brokers(&[0, 1, 2])?;
    page.wait_until_whole(TOPIC)?;
    assert_eq!(page.read_topic(TOPIC)?.len(), 1);
    page.expect_no_complaint()
}

#[test]
fn without_storage_the_page_says_so_and_works() -> Done {
    let page = Page { browser: Browser::open_without_storage(1440, 900)? };
    page.browser.goto(&address()?)?;
    page.wait_for_brokers(&[0, 1, 2])?;
    page.until("the page to say so", || Ok((page.text(".saved")? == "Not saved").then_some(())))?;
    page.create_topic(TOPIC, 3, 3)?;
    page.produce(one())?;
    page.produced(Duration::from_secs(30))?;
    page.kill(1)?;
    page.start(1)?;
    page.wait_for_brokers(&[0, 1, 2])?;
    page.wait_until_whole(TOPIC)?;
    assert_eq!(page.read_topic(TOPIC)?.len(), 1);
    page.expect_no_complaint()
}

#[test]
fn full_storage_ends_brokers_and_loses_nothing() -> Done {
    let page = Page::open()?;
    page.create_topic(TOPIC, 1, 3)?;
    page.produce(one())?;
    page.produced(Duration::from_secs(30))?;
    page.expect_no_complaint()?;

    let address = address()?;
    let origin = address.trim_end_matches('/');
    let command = "Storage.overrideQuotaForOrigin";
    page.browser.debugger(command, &json!({ "origin": origin, "quotaSize": 1 }))?;
    // More than the files of the journals have been given so far.
    let value = format!("{{n}} {}", "x".repeat(3000));
    page.produce(Order { key: "k", value: &value, count: 1000, rate: 100, ..one() })?;
    // As Kafka halts a node that cannot write its metadata log, which lies in the same directory.
    page.until("a broker to end of it", || {
        let events = page.text(".events")?;
        let told = events.contains("Error while writing the metadata log") && events.contains("Quota");
        Ok((told && page.broker_state(0)? == "failed").then_some(()))
    })?;
    // Without a size it is as it was.
    page.browser.debugger(command, &json!({ "origin": origin }))?;
    for id in 0..3 {
        page.start(id)?;
    }
    page.wait_for_brokers(&[0, 1, 2])?;
    page.produced(Duration::from_mins(1))?;
    page.wait_until_whole(TOPIC)?;
    assert_eq!(page.read_topic(TOPIC)?.len(), 1001);
    assert_eq!(page.console_complaints()?, Vec::<String>::new());
    Ok(())
}
