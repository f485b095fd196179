//! Whole runs: work under faults, then healing. A failing seed prints itself first; `cargo xtask sim --seed` repeats it.

extern crate std;

use crate::rng::Rng;
use crate::sim::plan::Plan;
use crate::sim::simulation::{Simulation, Summary};
use alloc::string::ToString;
use std::println;

/// Seeds that found something once, and what.
const KEPT: [(u64, &str); 5] = [
    (897, "a follower that had cut its log in a fetch session never heard the high watermark"),
    (1526, "records committed and deleted in one step are still seen on a follower"),
    (11_266, "deleted records came back after a crash without their epochs: a follower cut its log in the wrong place"),
    (13_537, "the same, where the follower kept records of an epoch that never was"),
    (13_815, "the same, where the follower never came back to the ISR"),
];

fn run(seed: u64) -> Summary {
    println!("seed {seed}");
    match Simulation::new(seed, false).run() {
        Ok((summary, _)) => summary,
        Err(failure) => panic!("{failure}"),
    }
}

/// In four parts, for as many threads.
fn run_all(seeds: core::ops::Range<u64>) {
    let acknowledged: u64 = seeds.map(|seed| run(seed).acknowledged).sum();
    assert!(acknowledged > 0, "the workload works");
}

#[test]
fn clusters_survive_faults_one() {
    run_all(1..51);
}

#[test]
fn clusters_survive_faults_two() {
    run_all(51..101);
}

#[test]
fn clusters_survive_faults_three() {
    run_all(101..151);
}

#[test]
fn clusters_survive_faults_four() {
    run_all(151..201);
}

#[test]
fn seeds_that_found_something_find_nothing_any_more() {
    for (seed, what) in KEPT {
        println!("{what}");
        run(seed);
    }
}

/// Replicas move between the directories of their nodes under work and faults: nothing acknowledged is lost, and in the end
/// every replica is equal to the others and where the metadata says.
#[test]
fn replicas_that_move_lose_nothing() {
    let moved = (0..50).map(|seed| {
        println!("seed {seed}");
        let mut plan = Plan::draw(&mut Rng::new(seed));
        plan.move_replicas();
        match Simulation::planned(seed, plan, false).run() {
            Ok((summary, _)) => summary.moved,
            Err(failure) => panic!("{failure}"),
        }
    });
    let moved: u64 = moved.sum();
    println!("{moved} moves");
    assert!(moved > 100, "replicas move");
}

#[test]
fn a_seed_runs_the_same_way_every_time() {
    for seed in [3, 4] {
        println!("seed {seed}");
        let traces = [(); 2].map(|()| {
            let (_, trace) = Simulation::new(seed, true).run().unwrap_or_else(|failure| panic!("{failure}"));
            trace.to_string()
        });
        assert!(traces[0] == traces[1]);
    }
}

/// What the invariants are worth: without a flush of every append a power cut of all brokers loses what was acknowledged.
#[test]
fn records_that_are_lost_are_missed() {
    let found = (0..60).find_map(|seed| {
        let mut plan = Plan::draw(&mut Rng::new(seed));
        plan.lose_what_is_not_flushed();
        Simulation::planned(seed, plan, false).run().err()
    });
    let failure = found.expect("some seed loses an acknowledged record");
    println!("seed {}: {}", failure.seed, failure.violation);
    assert!(["leader_completeness", "committed_log"].contains(&failure.violation.invariant), "{failure}");
}
