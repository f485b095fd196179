//! For `cargo xtask profile`: visits a page that counts the calls of its functions, as different people come to it, and prints three
//! lines with a number for each function: how often any of those called it who only looked, how often the first terminal with
//! a tutorial's first lines, and how often a busy cluster did.

use broker_tests::browser::{Browser, Page};
use std::process::ExitCode;
use std::time::Duration;

/// Width and height of the window, and the browser's language.
const VISITORS: [(u32, u32, &str); 4] = [(1440, 900, "en"), (1440, 900, "ko"), (390, 844, "en"), (1000, 700, "en")];
/// How often each of them comes alone: no two starts are the same, elections are lost and won again.
const ALONE: usize = 3;
/// How often they come all at once: to each of them the machine is a slow one.
const AT_ONCE: usize = 2;
/// What a cluster does all the time is seen in this.
const LOOKS_FOR: Duration = Duration::from_secs(6);
/// What it does once a minute is seen in this; the first visitor stays so long.
const LOOKS_LONG: Duration = Duration::from_secs(75);
/// Loads of a busy cluster, as `playground.load` takes them: many records in a batch, and one in a request.
const LOADS: [&str; 2] =
    ["'busy', 100000, 100, 0, -1, 5, 131072, true", "'busy', 5000, 1024, 1000, -1, 0, 16384, true"];
/// Workers answer within this: they are idle.
const ANSWER_MILLISECONDS: u32 = 2_000;

/// What a tutorial begins with, once a terminal asks for a line.
const FIRST_LINES: [&str; 5] = [
    "ls",
    "./bin/kafka-topics.sh --create --topic first-topic --bootstrap-server localhost:9092",
    "./bin/kafka-topics.sh --describe --topic first-topic --bootstrap-server localhost:9092",
    "echo hello | ./bin/kafka-console-producer.sh --topic first-topic --bootstrap-server localhost:9092",
    "./bin/kafka-console-consumer.sh --topic first-topic --from-beginning --max-messages 1 --bootstrap-server localhost:9092",
];

fn main() -> ExitCode {
    match looked().and_then(|looked| Ok([looked, terminal()?, busy()?])) {
        Ok(all) => {
            for calls in all {
                println!("{}", calls.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn looked() -> Result<Vec<u32>, String> {
    let mut all = Vec::new();
    let mut add = |called: Vec<u32>| {
        all.resize(called.len(), 0);
        all.iter_mut().zip(called).for_each(|(all, called)| *all = called.max(*all));
    };
    let alone = VISITORS.iter().cycle().take(VISITORS.len() * ALONE);
    for (visit, visitor) in alone.enumerate() {
        add(look(*visitor, if visit == 0 { LOOKS_LONG } else { LOOKS_FOR })?);
    }
    for _ in 0..AT_ONCE {
        let visits = VISITORS.map(|visitor| std::thread::spawn(move || look(visitor, LOOKS_FOR)));
        for visit in visits {
            add(visit.join().map_err(|_| "a visit panicked")??);
        }
    }
    Ok(all)
}

fn look((width, height, language): (u32, u32, &str), time: Duration) -> Result<Vec<u32>, String> {
    let page = Page::visit(Browser::open_in(width, height, language)?)?;
    std::thread::sleep(time);
    calls(&page)
}

fn terminal() -> Result<Vec<u32>, String> {
    let page = Page::visit(Browser::open(1440, 900)?)?;
    page.show_terminals()?;
    for line in FIRST_LINES {
        page.run_command(0, line)?;
    }
    calls(&page)
}

fn busy() -> Result<Vec<u32>, String> {
    let page = Page::visit(Browser::open(1440, 900)?)?;
    page.create_topic("busy", 3, 3)?;
    for load in LOADS {
        page.browser.run_async(&format!("playground.load({load}).then(done)"))?;
    }
    calls(&page)
}

fn calls(page: &Page) -> Result<Vec<u32>, String> {
    let calls = page.browser.run_async(&format!("calls({ANSWER_MILLISECONDS}).then(done)"))?;
    let calls = calls.as_str().ok_or("the page does not tell what was called")?;
    calls.split(' ').map(|number| number.parse().map_err(|_| format!("not a number: {number}"))).collect()
}
