//! Whole runs of every scenario: `cargo xtask sim --scenario NAME --seed S` repeats one.

extern crate std;

use crate::rng::Rng;
use crate::sim::plan::{Plan, Scenario};
use crate::sim::simulation::{Simulation, Summary};
use alloc::vec::Vec;
use std::println;

/// Seeds that found something once, and what.
const KEPT: [(Scenario, u64, &str); 3] = [
    (Scenario::Transactions, 105, "offsets of a next transaction were taken before the marker of the one before"),
    (Scenario::Transactions, 108, "the same of records"),
    (Scenario::StaticMembers, 129, "a store asked for at a process's end left its disk one answer behind for ever"),
];

fn run(scenario: Scenario, seed: u64) -> Summary {
    println!("--scenario {} --seed {seed}", scenario.name());
    match Simulation::of(seed, scenario, false).run() {
        Ok((summary, _)) => summary,
        Err(failure) => panic!("{failure}"),
    }
}

/// What all seeds together did.
fn total(scenario: Scenario, seeds: core::ops::Range<u64>, what: fn(&Summary) -> u64) -> u64 {
    let summaries: Vec<Summary> = seeds.map(|seed| run(scenario, seed)).collect();
    assert!(summaries.iter().any(|summary| summary.acknowledged > 0), "the workload works");
    summaries.iter().map(what).sum()
}

#[test]
fn controllers_and_brokers_apart_survive_faults() {
    assert!(total(Scenario::SeparateRoles, 1..13, |summary| summary.faults) > 0);
}

#[test]
fn acknowledged_records_survive_failing_disks() {
    assert!(total(Scenario::FailingDisks, 1..17, |summary| summary.failed_directories) > 10);
}

#[test]
fn acknowledged_records_survive_emptied_disks() {
    assert!(total(Scenario::EmptiedDisks, 1..9, |summary| summary.emptied_directories) > 2);
}

#[test]
fn nodes_that_were_away_go_on_from_snapshots_of_the_metadata() {
    assert!(total(Scenario::MetadataSnapshots, 1..7, |summary| summary.metadata_snapshots) > 3);
}

#[test]
fn deleted_records_stay_deleted_and_readers_go_on_after_them() {
    assert!(total(Scenario::Retention, 1..17, |summary| summary.skipped) > 0);
}

#[test]
fn replicas_become_equal_after_unclean_elections() {
    assert!(total(Scenario::UncleanElection, 1..13, |summary| summary.unclean_elections) > 3);
}

#[test]
fn static_members_come_back_and_duplicates_are_fenced() {
    let restarted_and_fenced = |summary: &Summary| summary.restarted_members.min(summary.fenced_members);
    assert!(total(Scenario::StaticMembers, 1..13, restarted_and_fenced) > 5);
}

#[test]
fn transactions_are_all_or_nothing_and_pipes_write_once() {
    assert!(total(Scenario::Transactions, 1..17, |summary| summary.piped.min(summary.transactional)) > 100);
}

#[test]
fn the_last_record_of_each_key_survives_cleaning_under_faults() {
    assert!(total(Scenario::Compaction, 1..25, |summary| summary.cleaned) > 100);
}

#[test]
fn static_members_that_come_back_in_time_cause_no_rebalance() {
    for seed in 0..4 {
        println!("seed {seed}");
        let mut plan = Plan::draw(&mut Rng::new(seed));
        plan.only_restart_members();
        let first: u32 = plan.groups.iter().map(|group| group.members).max().unwrap_or_default();
        match Simulation::planned(seed, plan, false).run() {
            Ok((summary, _)) => {
                assert!(summary.restarted_members > 3, "members restart: {summary:?}");
                // Each of the first may come by itself, and so does the last, when the faults are over.
                assert!(summary.generation <= first as i32 + 2, "{summary:?}");
            }
            Err(failure) => panic!("{failure}"),
        }
    }
}

#[test]
fn seeds_that_found_something_find_nothing_any_more() {
    for (scenario, seed, what) in KEPT {
        println!("{what}");
        run(scenario, seed);
    }
}
