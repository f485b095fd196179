//! The cluster simulator: `sim [--seeds N] [--seed S] [--scenario NAME] [--trace] [--keep-going]`. Runs seeds from S on,
//! prints what they did; ends at the first that fails, with what happened before and how to repeat it. Without a scenario
//! each seed has its own, every other one plain faults. `--trace` prints everything of every seed.

use broker_core::sim::plan::Scenario;
use broker_core::sim::simulation::{Simulation, Summary};
use lexopt::prelude::*;
use std::process::ExitCode;
use std::time::Instant;

/// What was asked for.
struct Arguments {
    first: u64,
    seeds: u64,
    scenario: Option<Scenario>,
    trace: bool,
    keep_going: bool,
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let arguments = arguments()?;
    let last = arguments.first + arguments.seeds - 1;
    println!("seeds {} to {last}", arguments.first);
    let began = Instant::now();
    let mut total = Summary::default();
    let (mut failed, mut slowest) = (Vec::new(), arguments.first);
    for seed in arguments.first..=last {
        let scenario = arguments.scenario.unwrap_or_else(|| Scenario::of(seed));
        match Simulation::of(seed, scenario, arguments.trace).run() {
            Ok((summary, trace)) => {
                if arguments.trace {
                    print!("{trace}");
                    println!("seed {seed}: {summary:?}");
                }
                if summary.healed_in > total.healed_in {
                    slowest = seed;
                }
                add(&mut total, &summary);
            }
            Err(failure) => {
                if arguments.keep_going {
                    println!("seed {}, {}: {}", failure.seed, scenario.name(), failure.violation);
                } else {
                    let name = scenario.name();
                    println!("{failure}\nto repeat it: cargo xtask sim --seed {seed} --scenario {name} --trace");
                }
                failed.push(seed);
                if !arguments.keep_going {
                    break;
                }
            }
        }
    }
    let took = began.elapsed().as_secs_f64();
    println!(
        "{} steps, {} faults, {} records acknowledged by all, {} consumed; {:.0} s of virtual time; healing took {:.1} s \
         at most (seed {slowest}); {:.1} seeds/s",
        total.steps,
        total.faults,
        total.acknowledged,
        total.consumed,
        total.took.as_secs_f64(),
        total.healed_in.as_secs_f64(),
        arguments.seeds as f64 / took,
    );
    println!(
        "{} directories failed, {} were emptied and took {} partitions along, {} unclean elections, {} deleted records skipped, {} static members came back and {} were \
         fenced, {} records in transactions, {} piped, {} nodes got a snapshot, {} replicas were cleaned",
        total.failed_directories,
        total.emptied_directories,
        total.lost_partitions,
        total.unclean_elections,
        total.skipped,
        total.restarted_members,
        total.fenced_members,
        total.transactional,
        total.piped,
        total.metadata_snapshots,
        total.cleaned,
    );
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("failed: {failed:?}");
    Ok(ExitCode::FAILURE)
}

fn add(total: &mut Summary, one: &Summary) {
    total.steps += one.steps;
    total.faults += one.faults;
    total.acknowledged += one.acknowledged;
    total.consumed += one.consumed;
    total.failed_directories += one.failed_directories;
    total.emptied_directories += one.emptied_directories;
    total.lost_partitions += one.lost_partitions;
    total.unclean_elections += one.unclean_elections;
    total.skipped += one.skipped;
    total.restarted_members += one.restarted_members;
    total.fenced_members += one.fenced_members;
    total.cleaned += one.cleaned;
    total.transactional += one.transactional;
    total.piped += one.piped;
    total.metadata_snapshots += one.metadata_snapshots;
    total.took += one.took;
    total.healed_in = total.healed_in.max(one.healed_in);
}

fn arguments() -> Result<Arguments, Box<dyn std::error::Error>> {
    let mut first = None;
    let (mut seeds, mut scenario) = (None, None);
    let (mut trace, mut keep_going) = (false, false);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("seed") => first = Some(arguments.value()?.parse()?),
            Long("seeds") => seeds = Some(arguments.value()?.parse::<u64>()?.max(1)),
            Long("scenario") => {
                let name = arguments.value()?.string()?;
                let names = Scenario::ALL.map(Scenario::name).join(", ");
                let named = Scenario::named(&name).ok_or_else(|| format!("{name} is none of {names}"))?;
                scenario = Some(named);
            }
            Long("trace") => trace = true,
            Long("keep-going") => keep_going = true,
            other => return Err(other.unexpected().into()),
        }
    }
    // One seed alone is to be repeated; without one, a hundred from 1 on.
    let seeds = seeds.unwrap_or(if first.is_some() { 1 } else { 100 });
    Ok(Arguments { first: first.unwrap_or(1), seeds, scenario, trace, keep_going })
}
