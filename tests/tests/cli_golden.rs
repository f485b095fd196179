//! Our tools on our cluster print what Kafka's tools print on Kafka (`cargo xtask oracle cli --record` wrote that down).
//! `ONLY=topics` plays the files with that in their name.

use broker_tests::oracle::differences::{Known, known_differences};
use broker_tests::oracle::judge::{Verdict, judge};
use broker_tests::oracle::ours::{OurCluster, OurTools};
use broker_tests::oracle::table::{Scenario, scenarios};
use broker_tests::oracle::{Way, play};
use broker_tests::tcp::free_ports;
use std::io;
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Below the ports that are handed to whoever connects, and apart from those of other tests.
const FIRST_PORT: u16 = 12_000;
/// A scenario's ports, and those it looks for when some are taken.
const PORTS: usize = 210;
/// Scenarios that are played at once; most of their time they wait.
const AT_ONCE: usize = 8;

#[test]
fn our_tools_print_what_kafkas_print() {
    let known = known_differences().expect("a list of known differences");
    let only = std::env::var("ONLY").unwrap_or_default();
    let mut scenarios = scenarios().expect("golden files");
    scenarios.retain(|scenario| scenario.name.contains(&only));
    // All at once their clusters would not leave each other time for what is to happen within seconds.
    let next = AtomicUsize::new(0);
    let take = || {
        let index = next.fetch_add(1, Ordering::Relaxed);
        scenarios.get(index).map(|scenario| (scenario, FIRST_PORT + (index * PORTS) as u16))
    };
    let play_on = || {
        let mut verdicts = Vec::new();
        while let Some((scenario, port)) = take() {
            let verdict = catch_unwind(|| played(scenario, port, &known));
            let verdict = verdict.unwrap_or_else(|_| Err(io::Error::other("panicked")));
            verdicts.push(verdict.map_err(|error| format!("{}: {error}", scenario.name)));
        }
        verdicts
    };
    let verdicts: Vec<Result<Verdict, String>> = std::thread::scope(|scope| {
        let playing: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(play_on)).collect();
        playing.into_iter().flat_map(|playing| playing.join().expect("panics are caught")).collect()
    });
    let (mut agree, mut wrong) = (0, Vec::new());
    for verdict in verdicts {
        match verdict {
            Ok(verdict) => {
                agree += verdict.agree;
                wrong.extend(verdict.unknown.into_iter().chain(verdict.gone));
            }
            Err(error) => wrong.push(error),
        }
    }
    assert!(wrong.is_empty(), "{agree} commands agree, these do not:\n{}", wrong.join("\n"));
    assert!(agree > 0, "nothing was compared");
}

fn played(scenario: &Scenario, port: u16, known: &[Known]) -> io::Result<Verdict> {
    let folder = tempfile::tempdir()?;
    let (files, data) = (folder.path().join("files"), folder.path().join("data"));
    std::fs::create_dir_all(&files)?;
    let ports = free_ports(port, scenario.shape.nodes)?;
    let mut cluster = OurCluster::start(scenario.shape, ports.first, &data)?;
    let tools = OurTools::at(PathBuf::from(env!("CARGO_BIN_EXE_kafka-tools")));
    let mut tools = tools.ok_or_else(|| io::Error::other("kafka-tools is not built"))?;
    let printed = play(scenario, &mut cluster, &files, &mut tools)?;
    Ok(judge(scenario, Way::OURS, &printed, known))
}
