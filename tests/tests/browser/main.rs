//! End to end: the page in headless Chromium, its cluster driven as people do. Run by `cargo xtask test`, which builds and
//! serves the page. One module a topic; each test has a browser with an empty profile of its own.

mod crashes;
mod equivalence;
mod failover;
mod hosting;
mod parts;
mod phone;
mod reload;
mod servers;
mod story;
mod tabs;
mod terminal;

/// What a test ends in.
type Done = Result<(), String>;

use broker_tests::browser::{Order, Record};

/// The topic most tests use.
const TOPIC: &str = "first-topic";

/// Numbered records with numbered keys, spread by the partitioner.
fn numbered(count: u32, rate: u32) -> Order<'static> {
    Order { topic: TOPIC, key: "key-{n}", value: "{n}", partition: "", count, rate }
}

/// Fails unless the values are the numbers from 0 to some end, each once; answers how many they are.
fn expect_each_once(records: &[Record]) -> Result<usize, String> {
    let mut numbers: Vec<u64> = records.iter().filter_map(|record| record.value.parse().ok()).collect();
    numbers.sort_unstable();
    let twice: Vec<u64> = numbers.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    numbers.dedup();
    let end = numbers.last().map_or(0, |last| last + 1);
    let missing: Vec<u64> = (0..end).filter(|number| numbers.binary_search(number).is_err()).collect();
    if twice.is_empty() && missing.is_empty() && numbers.len() == records.len() {
        return Ok(numbers.len());
    }
    Err(format!("of {} records missing: {missing:?}; twice: {twice:?}", records.len()))
}
