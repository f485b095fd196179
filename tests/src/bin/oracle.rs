//! Compares with Apache Kafka: `oracle cli --folder DIR [--record] [--only NAME] [--way WAY] [--separate]`. Without
//! `--record` every golden file is played in four ways, Kafka's tools and ours on Kafka and on our cluster, or in the
//! one way named ("ours on Kafka"). `--separate` gives each of Kafka's tools a JVM of its own.

use broker_tests::oracle::differences::known_differences;
use broker_tests::oracle::judge::{Verdict, judge};
use broker_tests::oracle::kafka::{Distribution, KafkaCluster, KafkaTools};
use broker_tests::oracle::ours::{OurCluster, OurTools};
use broker_tests::oracle::table::{Entry, Printed, Scenario, scenarios};
use broker_tests::oracle::{Cluster, Tools, Way, play};
use broker_tests::tcp::free_ports;
use lexopt::prelude::*;
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Below the ports that are handed to whoever connects.
const FIRST_PORT: u16 = 27_000;

#[derive(Default)]
struct Options {
    folder: PathBuf,
    record: bool,
    only: Option<String>,
    way: Option<Way>,
    separate: bool,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let options = options()?;
    let mut scenarios = scenarios()?;
    scenarios.retain(|scenario| options.only.as_ref().is_none_or(|only| scenario.name.contains(only.as_str())));
    if scenarios.is_empty() {
        return Err("no golden file has this name".into());
    }
    let distribution = Distribution::fetched(&options.folder)?;
    let mut host = Host {
        run: options.folder.join(format!("run-{}", std::process::id())),
        kafka_tools: KafkaTools::new(distribution, options.separate),
        our_tools: OurTools::at(std::env::current_exe()?.with_file_name("kafka-tools")),
    };
    let all_agree =
        if options.record { host.record(scenarios).map(|()| true) } else { host.compare(&scenarios, options.way) }?;
    Ok(if all_agree { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options::default();
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Value(what) if what == "cli" => {}
            Long("folder") => options.folder = PathBuf::from(arguments.value()?),
            Long("record") => options.record = true,
            Long("only") => options.only = Some(arguments.value()?.string()?),
            Long("way") => {
                let name = arguments.value()?.string()?;
                options.way = Some(Way::named(&name).ok_or_else(|| format!("there is no way `{name}`"))?);
            }
            Long("separate") => options.separate = true,
            other => return Err(other.unexpected().into()),
        }
    }
    if options.folder.as_os_str().is_empty() { Err("--folder is missing".into()) } else { Ok(options) }
}

struct Host {
    run: PathBuf,
    kafka_tools: KafkaTools,
    our_tools: Option<OurTools>,
}

impl Host {
    fn record(&mut self, scenarios: Vec<Scenario>) -> io::Result<()> {
        for mut scenario in scenarios {
            let start = Instant::now();
            let mut printed = self.play(&scenario, Way::KAFKA)?.into_iter();
            for entry in &mut scenario.entries {
                if let Entry::Command(command) = entry {
                    command.expected = printed.next().unwrap_or_default();
                    if command.expected.code.is_none() {
                        eprintln!("{}: did not end: {}", scenario.name, command.line);
                    }
                }
            }
            scenario.store()?;
            let count = scenario.commands().count();
            println!("{}: {count} commands in {:.0} s", scenario.name, start.elapsed().as_secs_f64());
        }
        Ok(())
    }

    /// Prints all that differs; true if every difference is known and none of the known is gone.
    fn compare(&mut self, scenarios: &[Scenario], only: Option<Way>) -> io::Result<bool> {
        let known = known_differences()?;
        let mut rows = Vec::new();
        let mut all_agree = true;
        for way in Way::ALL.into_iter().filter(|way| only.is_none_or(|only| only == *way)) {
            if way.our_tools && self.our_tools.is_none() {
                println!("skipped, kafka-tools is not built: {way}");
                continue;
            }
            for scenario in scenarios {
                let printed = self.play(scenario, way)?;
                let verdict = judge(scenario, way, &printed, &known);
                verdict.unknown.iter().chain(&verdict.gone).for_each(|text| println!("\n{text}"));
                all_agree &= verdict.is_good();
                rows.push((scenario, way, verdict));
            }
        }
        println!(
            "\n{:<34} {:<17} {:>6} {:>6} {:>6} {:>7} {:>5}",
            "", "", "agree", "known", "absent", "unknown", "gone"
        );
        for (scenario, way, verdict) in rows {
            let Verdict { agree, known, absent, .. } = verdict;
            let (unknown, gone) = (verdict.unknown.len(), verdict.gone.len());
            println!(
                "{:<34} {:<17} {agree:>6} {known:>6} {absent:>6} {unknown:>7} {gone:>5}",
                scenario.name,
                way.to_string()
            );
        }
        Ok(all_agree)
    }

    fn play(&mut self, scenario: &Scenario, way: Way) -> io::Result<Vec<Printed>> {
        let folder =
            self.run.join(scenario.name.replace(['/', '.'], "-")).join(way.to_string().replace([' ', '\''], "-"));
        let (files, data) = (folder.join("files"), folder.join("data"));
        std::fs::create_dir_all(&files)?;
        std::fs::create_dir_all(&data)?;
        let ports = free_ports(FIRST_PORT, scenario.shape.nodes)?;
        let (mut ours, mut kafkas);
        let cluster: &mut dyn Cluster = if way.our_cluster {
            ours = OurCluster::start(scenario.shape, ports.first, &data)?;
            &mut ours
        } else {
            kafkas = KafkaCluster::start(&mut self.kafka_tools, scenario.shape, ports.first, &data)?;
            &mut kafkas
        };
        let tools: &mut dyn Tools = match &mut self.our_tools {
            Some(tools) if way.our_tools => tools,
            _ => &mut self.kafka_tools,
        };
        play(scenario, cluster, &files, tools)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.run) {
            eprintln!("{}: {error}", self.run.display());
        }
    }
}
