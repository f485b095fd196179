//! Our tools on our cluster print what Kafka's tools print on Kafka (`cargo xtask oracle cli --record` wrote that down).
//! `ONLY=topics` plays the files with that in their name.

use broker_tests::oracle::differences::{Known, known_differences};
use broker_tests::oracle::ours::{OurCluster, OurTools};
use broker_tests::oracle::table::{Scenario, scenarios};
use broker_tests::oracle::{Way, play};
use broker_tests::tcp::free_port;
use std::io;
use std::path::PathBuf;

/// Below the ports that are handed to whoever connects, and apart from those of other tests.
const FIRST_PORT: u16 = 25_000;
/// A scenario's ports, and those it looks for when some are taken.
const PORTS: usize = 210;

#[test]
fn our_tools_print_what_kafkas_print() {
    let known = known_differences().expect("a list of known differences");
    let only = std::env::var("ONLY").unwrap_or_default();
    let mut scenarios = scenarios().expect("golden files");
    scenarios.retain(|scenario| scenario.name.contains(&only));
    let known = &known;
    let differences: Vec<String> = std::thread::scope(|scope| {
        let ports = (FIRST_PORT..).step_by(PORTS);
        let playing: Vec<_> = scenarios
            .iter()
            .zip(ports)
            .map(|(scenario, port)| scope.spawn(move || differences(scenario, port, known)))
            .collect();
        let ended = playing.into_iter().zip(&scenarios);
        ended
            .flat_map(|(playing, scenario)| match playing.join() {
                Ok(Ok(differences)) => differences,
                Ok(Err(error)) => vec![format!("{}: {error}", scenario.name)],
                Err(_) => vec![format!("{}: panicked", scenario.name)],
            })
            .collect()
    });
    let count: usize = scenarios.iter().map(|scenario| scenario.commands().count()).sum();
    assert!(
        differences.is_empty(),
        "{} differences in {count} command lines:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

/// What is printed otherwise and not known, and what is known and no longer so.
fn differences(scenario: &Scenario, port: u16, known: &[Known]) -> io::Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let (files, data) = (folder.path().join("files"), folder.path().join("data"));
    std::fs::create_dir_all(&files)?;
    let cluster = OurCluster::start(scenario.nodes, free_port(port, scenario.nodes)?, &data)?;
    let tools = OurTools::at(PathBuf::from(env!("CARGO_BIN_EXE_kafka-tools")));
    let mut tools = tools.ok_or_else(|| io::Error::other("kafka-tools is not built"))?;
    let printed = play(scenario, &cluster.places, &files, &mut tools)?;
    let is_known = |line: &str| {
        known.iter().any(|one| one.scenario == scenario.name && one.line == line && one.ways.contains(&Way::OURS))
    };
    let tools_there: Vec<&str> = broker_core::cli::tools().collect();
    let mut found = Vec::new();
    for (command, printed) in scenario.commands().zip(printed) {
        // A tool that is not there yet is absent, not different.
        if !tools_there.iter().any(|tool| command.line.split(' ').next() == Some(tool)) {
            continue;
        }
        let (name, line) = (&scenario.name, &command.line);
        match (command.expected == printed, is_known(line)) {
            (false, false) => found.push(format!(
                "{name}\n$ {line}\nKafka's:\n{}ours:\n{}",
                command.expected.format(),
                printed.format()
            )),
            (true, true) => found.push(format!("{name}\n$ {line}\nis listed as a difference, and is none")),
            _ => {}
        }
    }
    Ok(found)
}
