//! Whole clusters.

mod configs;
mod dynamic_quorum;
mod emptied_disks;
mod failing_disks;
mod quotas;
mod scenarios;
mod scram;
mod seeds;
mod transaction_markers;
mod transactions;

use super::cluster::{ClientArrival, Cluster, Options, Step};
use crate::config::playground::playground_properties;
use crate::config::{BrokerConfig, Properties};
use crate::ids::{ConnectionId, NodeId};
use crate::protocol::messages::CreateTopicsRequest;
use crate::protocol::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic};
use crate::protocol::{Request, decode_response, encode_request};
use crate::time::{Duration, Instant};
extern crate std;
use std::println;

fn cluster(seed: u64, brokers: u16) -> Cluster {
    println!("seed {seed}");
    let mut cluster = Cluster::new(seed, Options::default());
    for id in 0..i32::from(brokers) {
        let properties = Properties::parse(&playground_properties(id, brokers)).expect("our own properties");
        cluster.add_node(BrokerConfig::from_properties(&properties).expect("our own properties"));
        cluster.start(id);
    }
    cluster
}

/// For a topic of one partition on these brokers, led by the first.
fn one_partition(topic: &str, replicas: &[NodeId]) -> CreateTopicsRequest {
    let assignment = CreatableReplicaAssignment { partition_index: 0, broker_ids: replicas.to_vec() };
    let topic = CreatableTopic {
        name: topic.into(),
        num_partitions: -1,
        replication_factor: -1,
        assignments: std::vec![assignment],
        ..Default::default()
    };
    CreateTopicsRequest { topics: std::vec![topic], timeout_ms: 5000, ..Default::default() }
}

/// Runs until `done`, at most `limit`; the time it took.
fn run_until(cluster: &mut Cluster, limit: Duration, done: impl Fn(&Cluster) -> bool) -> Duration {
    let began = cluster.now().monotonic;
    while !done(cluster) {
        assert_ne!(cluster.step(), Step::Idle, "nothing is left to happen");
        let took = cluster.now().monotonic.since(began);
        if took > limit {
            for (at, node, event) in cluster.take_events() {
                println!("{} ms, node {node}: {event:?}", at.as_millis());
            }
            panic!(
                "not done after {took:?}: {:#?}",
                cluster.running().map(|(_, node)| node.view()).collect::<std::vec::Vec<_>>()
            );
        }
    }
    cluster.now().monotonic.since(began)
}

/// What a client of the node that listens on `port` is answered.
fn ask<R: Request>(cluster: &mut Cluster, port: u16, version: i16, request: &R) -> R::Response {
    let (connection, client) = (ConnectionId(1), u32::from(port));
    cluster.client_connect(client, connection, &"localhost".into(), port);
    loop {
        match cluster.step() {
            Step::Client(_, ClientArrival::Connected { accepted: true, .. }) => {
                let frame = encode_request(version, 7, Some(&"client".into()), request);
                cluster.client_send(client, connection, &frame);
            }
            Step::Client(_, ClientArrival::Frame { bytes, .. }) => {
                cluster.client_kill(client);
                return decode_response::<R>(version, &bytes).expect("an answer").1;
            }
            Step::Client(_, other) => panic!("{other:?}"),
            Step::Idle => panic!("no answer"),
            Step::Node(_) | Step::Nobody => {}
        }
    }
}

fn all_running(cluster: &Cluster) -> bool {
    let views = cluster.running().map(|(_, node)| node.view());
    views.into_iter().all(|view| {
        view.is_some_and(|view| view.state == "RUNNING" && view.brokers.iter().all(|broker| !broker.fenced))
    }) && cluster.running().count() == cluster.nodes().len()
}

#[test]
fn three_nodes_elect_a_controller_and_all_brokers_are_unfenced() {
    for seed in 0..20 {
        let mut cluster = cluster(seed, 3);
        let took = run_until(&mut cluster, Duration::from_secs(10), all_running);
        println!("{took:?}");
        assert!(cluster.now().monotonic > Instant::ZERO);
    }
}

#[test]
fn a_killed_node_is_fenced_and_comes_back() {
    for seed in 0..10 {
        let mut cluster = cluster(seed, 3);
        run_until(&mut cluster, Duration::from_secs(10), all_running);
        cluster.kill(1);
        let fenced = |cluster: &Cluster| {
            cluster.running().all(|(_, node)| {
                node.view().is_some_and(|view| view.brokers.iter().any(|broker| broker.id == 1 && broker.fenced))
            })
        };
        let took = run_until(&mut cluster, Duration::from_secs(10), fenced);
        println!("fenced after {took:?}");
        cluster.start(1);
        run_until(&mut cluster, Duration::from_secs(20), all_running);
    }
}

#[test]
fn a_power_cut_of_the_whole_cluster_is_survived() {
    for seed in 0..10 {
        let mut cluster = cluster(seed, 3);
        run_until(&mut cluster, Duration::from_secs(10), all_running);
        (0..3).for_each(|id| cluster.power_off(id));
        (0..3).for_each(|id| cluster.start(id));
        run_until(&mut cluster, Duration::from_secs(20), all_running);
    }
}

#[test]
fn a_stopped_node_leaves_and_comes_back() {
    for seed in 0..10 {
        let mut cluster = cluster(seed, 3);
        run_until(&mut cluster, Duration::from_secs(10), all_running);
        cluster.stop(2);
        let gone = |cluster: &Cluster| cluster.running().count() == 2;
        run_until(&mut cluster, Duration::from_secs(20), gone);
        cluster.start(2);
        run_until(&mut cluster, Duration::from_secs(20), all_running);
    }
}
