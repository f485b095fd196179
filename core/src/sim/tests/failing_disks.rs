//! Log directories that fail when their node starts.

use super::run_until;
use crate::event::Event;
use crate::ids::NodeId;
use crate::sim::cluster::{Cluster, Options};
use crate::sim::plan::{Plan, Scenario};
use crate::time::Duration;
extern crate std;
use std::println;

const LIMIT: Duration = Duration::from_mins(1);

/// Nodes with several log directories each.
fn cluster(seed: u64) -> Cluster {
    println!("seed {seed}");
    let mut plan = Plan::draw_scenario(seed, Scenario::FailingDisks);
    plan.controllers = 0;
    let mut cluster = Cluster::new(seed, Options::default());
    for id in plan.nodes() {
        cluster.add_node(plan.config(id).expect("our own properties"));
        cluster.start(id);
    }
    run_until(&mut cluster, LIMIT, super::all_running);
    cluster
}

fn online_directories(cluster: &Cluster, id: NodeId) -> Option<usize> {
    let (_, node) = cluster.running().next()?;
    Some(node.parts()?.image.cluster.broker(id)?.log_dirs.len())
}

#[test]
fn a_node_starts_without_the_directory_it_cannot_read_and_says_so() {
    for seed in [1, 2] {
        let mut cluster = cluster(seed);
        let id = *cluster.nodes().keys().next_back().expect("there are nodes");
        let disks = cluster.nodes()[&id].disks().len();
        cluster.kill(id);
        cluster.fail_disk(id, 1);
        cluster.start(id);
        let is_told =
            |cluster: &Cluster| online_directories(cluster, id) == Some(disks - 1) && super::all_running(cluster);
        run_until(&mut cluster, LIMIT, is_told);
        let events = cluster.take_events();
        let is_offline = |event: &Event| matches!(event, Event::LogDirectoryOffline { .. });
        assert!(events.iter().any(|(_, of, event)| *of == id && is_offline(event)), "its log says so");
        cluster.kill(id);
        cluster.repair_disks(id);
        cluster.start(id);
        let is_whole =
            |cluster: &Cluster| online_directories(cluster, id) == Some(disks) && super::all_running(cluster);
        run_until(&mut cluster, LIMIT, is_whole);
    }
}

#[test]
fn a_node_does_not_start_without_its_metadata_log() {
    let mut cluster = cluster(3);
    let id = *cluster.nodes().keys().next_back().expect("there are nodes");
    cluster.kill(id);
    cluster.take_events();
    // After meta.properties, while it reads its logs: it must not begin with an empty metadata log.
    for micros in [50, 300, 1_000, 3_000, 6_000] {
        cluster.start(id);
        let until = cluster.now().monotonic + Duration::from_micros(micros);
        while cluster.next_at().is_some_and(|at| at <= until) {
            cluster.step();
        }
        cluster.fail_disk(id, 0);
        run_until(&mut cluster, LIMIT, |cluster| cluster.nodes()[&id].node().is_none());
        let ends = cluster.take_events();
        assert!(ends.iter().any(|(_, of, event)| *of == id && matches!(event, Event::Fatal { .. })), "{micros}");
        cluster.repair_disks(id);
    }
    cluster.start(id);
    run_until(&mut cluster, LIMIT, super::all_running);
}
