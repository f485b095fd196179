//! Brokers killed and powered off at random while a producer runs: nothing acknowledged is missing.

use crate::{Done, TOPIC, expect_each_once, numbered};
use broker_core::rng::Rng;
use broker_tests::browser::Page;
use std::time::{Duration, Instant, SystemTime};

/// Ends of processes in all.
const CRASHES: u32 = 100;
/// Another seed, or one that failed.
const SEED: &str = "PLAYGROUND_SEED";

#[test]
fn a_hundred_crashes_lose_nothing_acknowledged() -> Done {
    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok());
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seed = seed.unwrap_or(since.as_secs());
    println!("{SEED}={seed}");
    let mut rng = Rng::new(seed);
    let page = Page::open()?;
    page.create_topic(TOPIC, 3, 3)?;
    page.produce(numbered(1_000_000, 25))?;
    let began = Instant::now();
    let mut crashes = 0;
    while crashes < CRASHES {
        crashes += round(&page, &mut rng).map_err(|error| format!("after {crashes} crashes: {error}"))?;
    }
    println!("{crashes} crashes in {:?}", began.elapsed());
    page.stop_producing()?;
    let answer = page.produced(Duration::from_mins(1))?;
    page.wait_until_whole(TOPIC)?;
    let records = expect_each_once(&page.read_topic(TOPIC)?)?;
    // Whatever was on its way has been acknowledged too.
    assert!(answer.starts_with(&format!("{records} records")), "{records} lie there, of {answer}");
    page.expect_no_complaint()
}

/// One to three brokers end at once and start again, some of them twice; waits until all is in sync, and the producer went on.
fn round(page: &Page, rng: &mut Rng) -> Result<u32, String> {
    let mut ids = vec![0, 1, 2];
    let number = 1 + rng.below(3) as usize;
    while ids.len() > number {
        ids.remove(rng.below(ids.len() as u64) as usize);
    }
    let before = page.acknowledged()?;
    let mut crashes = crash(page, rng, &ids)?;
    // Now in the midst of what they do at their start.
    ids.retain(|_| rng.below(2) == 0);
    crashes += crash(page, rng, &ids)?;
    page.wait_for_brokers(&[0, 1, 2])?;
    page.until("all replicas in sync", || {
        let in_sync = page.partitions(TOPIC)?.iter().all(|row| row.leader >= 0 && row.in_sync_replicas.len() == 3);
        Ok(in_sync.then_some(()))
    })?;
    page.wait_for_acknowledged(before + 1)?;
    Ok(crashes)
}

fn crash(page: &Page, rng: &mut Rng, ids: &[i32]) -> Result<u32, String> {
    for id in ids {
        if rng.below(2) == 0 { page.kill(*id)? } else { page.power_off(*id)? }
    }
    for id in ids {
        page.start(*id)?;
    }
    Ok(ids.len() as u32)
}
