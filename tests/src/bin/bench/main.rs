//! The figures of the playground, measured in the page in headless Chromium. Run by `cargo xtask bench`, which builds and
//! serves the page.

mod terminal;

use broker_tests::browser::{Browser, Page, address};
use serde_json::Value;
use std::process::ExitCode;
use std::time::Duration;

type Result<T> = std::result::Result<T, String>;

/// The topic of the page's first step: three partitions, three replicas.
const TOPIC: &str = "first-topic";

/// Each record by itself, a few together, and Kafka's default.
const LINGER_MS: [u32; 3] = [0, 2, 5];

/// A load as `playground.load` of the page takes it.
struct Load {
    topic: &'static str,
    records: u32,
    size: u32,
    rate: u32,
    linger_ms: u32,
    batch_size: u32,
    consume: bool,
}

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<()> {
    let browser = Browser::open(1440, 900)?;
    // The browser's own start is not the page's.
    std::thread::sleep(Duration::from_secs(3));
    browser.goto(&address()?)?;
    start_up(&browser, "first visit: navigation to a ready cluster")?;
    create_topic(&browser)?;
    browser.run("window.longest = 0; new PerformanceObserver(list => { for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration); }).observe({ type: 'longtask' });")?;
    // The browser compiles what runs often once more.
    let warm_up =
        Load { topic: TOPIC, records: 2000, size: 100, rate: 500, linger_ms: 0, batch_size: 16_384, consume: false };
    run(&browser, &warm_up)?;
    for linger_ms in LINGER_MS {
        let measured = run(&browser, &paced(TOPIC, linger_ms))?;
        let what = format!("1,000 records/s of 1 KiB, linger.ms={linger_ms}");
        row(&format!("{what}: acknowledged"), &span(&measured, "ack_p50", "ack_p99"));
        row(&format!("{what}: consumed"), &span(&measured, "consumed_p50", "consumed_p99"));
    }
    for (size, records) in [(1024, 60_000), (100, 400_000)] {
        let load = Load { topic: TOPIC, records, size, rate: 0, linger_ms: 5, batch_size: 131_072, consume: false };
        let a_second = records_a_second(&browser, &load)?;
        row(
            &format!("produce {size} B, acks=all, RF 3, durable"),
            &format!("{a_second:.0} records/s, {:.1} MB/s", a_second * f64::from(size) / 1e6),
        );
    }
    row(
        "longest task of the main thread meanwhile",
        &format!("{:.0} ms", browser.run("return window.longest")?.as_f64().unwrap_or_default()),
    );
    failover(&browser)?;
    browser.reload()?;
    start_up(&browser, "reload: navigation to a ready cluster")?;
    terminal::measure(&Page { browser })
}

/// How long it took from the navigation, and from the arrival of the wasm, until the page says that all brokers are up.
fn start_up(browser: &Browser, what: &str) -> Result<()> {
    let ready = browser.run_async(
        "const look = () => {
            const heads = [...document.querySelectorAll('.broker-head, th')].filter(head => /\\b(up|가동)/.test(head.innerText));
            if (heads.length < 3) return requestAnimationFrame(look);
            const wasm = performance.getEntriesByType('resource').find(entry => entry.name.endsWith('.wasm'));
            done([performance.now(), performance.now() - (wasm ? wasm.responseEnd : 0)]);
        }; look();",
    )?;
    let [all, since] = [0, 1].map(|index| ready[index].as_f64().unwrap_or_default());
    row(what, &format!("{all:.0} ms, {since:.0} ms after the wasm's arrival"));
    Ok(())
}

fn create_topic(browser: &Browser) -> Result<()> {
    browser.wait(&format!(
        "[...document.querySelectorAll('button')].some(button => button.innerText.includes('{TOPIC}'))"
    ))?;
    browser.run(&format!(
        "[...document.querySelectorAll('button')].find(button => button.innerText.includes('{TOPIC}')).click()"
    ))?;
    browser.wait(&format!("[...document.querySelectorAll('th, td')].some(cell => cell.innerText.includes('{TOPIC}'))"))
}

/// Kills brokers, one after the other, until one led: the longest time without an acknowledgement tells.
fn failover(browser: &Browser) -> Result<()> {
    for broker in 0..3 {
        let load = Load {
            topic: "failover",
            records: 10_000,
            size: 100,
            rate: 1000,
            linger_ms: 0,
            batch_size: 16_384,
            consume: false,
        };
        browser.run(&format!("window.loaded = {}", load.script()))?;
        browser.wait("document.body.innerText.includes('failover')")?;
        let head =
            format!("[...document.querySelectorAll('th')].find(head => head.innerText.includes('broker {broker}'))");
        let press = |word: &str| {
            format!("[...{head}.querySelectorAll('button')].find(button => button.innerText.trim() === '{word}')")
        };
        browser.run(&format!("{}.click()", press("Kill")))?;
        let measured = parse(&browser.run_async("window.loaded.then(done)")?)?;
        let gap = number(&measured, "longest_gap") / 1e6;
        browser.wait(&press("Start"))?;
        browser.run(&format!("{}.click()", press("Start")))?;
        browser.wait(&press("Kill"))?;
        if gap > 0.5 {
            row(
                "leader killed: next acknowledged record after",
                &format!("{gap:.2} s, {} records given up", number(&measured, "failed")),
            );
            return Ok(());
        }
    }
    Err("no broker led the topic".into())
}

impl Load {
    fn script(&self) -> String {
        let Self { topic, records, size, rate, linger_ms, batch_size, consume } = self;
        format!("playground.load('{topic}', {records}, {size}, {rate}, -1, {linger_ms}, {batch_size}, {consume})")
    }
}

/// A thousand records a second for ten seconds, and somebody who reads them.
fn paced(topic: &'static str, linger_ms: u32) -> Load {
    Load { topic, records: 10_000, size: 1024, rate: 1000, linger_ms, batch_size: 16_384, consume: true }
}

fn run(browser: &Browser, load: &Load) -> Result<Value> {
    parse(&browser.run_async(&format!("{}.then(done)", load.script()))?)
}

fn records_a_second(browser: &Browser, load: &Load) -> Result<f64> {
    let measured = run(browser, load)?;
    Ok(number(&measured, "acknowledged") / (number(&measured, "micros") / 1e6))
}

fn parse(measured: &Value) -> Result<Value> {
    let text = measured.as_str().ok_or_else(|| format!("no measurement: {measured}"))?;
    serde_json::from_str(text).map_err(|error| format!("{text}: {error}"))
}

fn number(measured: &Value, name: &str) -> f64 {
    measured[name].as_f64().unwrap_or_default()
}

fn span(measured: &Value, p50: &str, p99: &str) -> String {
    format!("p50 {:.1} ms, p99 {:.1} ms", number(measured, p50) / 1e3, number(measured, p99) / 1e3)
}

fn row(what: &str, figure: &str) {
    println!("{what:<52} {figure}");
}
