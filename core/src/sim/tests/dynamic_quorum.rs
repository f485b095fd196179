//! Quorums whose voters are in the log, formatted as `kafka-storage.sh` does: no node has `controller.quorum.voters`.

use super::{all_running, run_until};
use crate::config::{BrokerConfig, Properties};
use crate::ids::{NodeId, Uuid};
use crate::log::storage::StoreCommand;
use crate::protocol::Request;
use crate::protocol::messages::{ApiVersionsRequest, DescribeQuorumRequest, describe_quorum_request};
use crate::raft::snapshot::{SnapshotId, read_snapshot, stored_snapshots, write_bootstrap_snapshot};
use crate::raft::voter_set::{ReplicaKey, Voter, VoterEndpoint};
use crate::sim::cluster::{Cluster, Options};
use crate::text::Str;
use crate::time::Duration;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
extern crate std;
use std::println;

const LISTENER: Str = Str::from_static("CONTROLLER");

fn directory_id(id: NodeId) -> Uuid {
    Uuid::from_u128(1000 + id as u128)
}

/// `config/server.properties` with other ports; a broker alone listens to no controllers.
fn config(id: NodeId, roles: &str, bootstrap: &str) -> BrokerConfig {
    let (client, controller) = (9000 + id, 19000 + id);
    let listeners = match roles {
        "broker" => format!("PLAINTEXT://localhost:{client}"),
        _ => format!("PLAINTEXT://localhost:{client},CONTROLLER://localhost:{controller}"),
    };
    let text = format!(
        "process.roles={roles}\nnode.id={id}\ncontroller.quorum.bootstrap.servers={bootstrap}\nlisteners={listeners}\n\
         advertised.listeners={listeners}\ncontroller.listener.names=CONTROLLER\nlog.dirs=/var/lib/kafka/{id}\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
         metadata.log.max.record.bytes.between.snapshots=2000\nmetadata.max.retention.bytes=1\n\
         offsets.topic.replication.factor=1\n"
    );
    let properties = Properties::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    BrokerConfig::from_properties(&properties).unwrap_or_else(|error| panic!("{error}"))
}

/// The checkpoint of `--initial-controllers`; `--standalone` is one of them.
fn checkpoint(voters: &[NodeId]) -> StoreCommand {
    let voter = |id: &NodeId| Voter {
        key: ReplicaKey::new(*id, directory_id(*id)),
        endpoints: vec![VoterEndpoint { listener: LISTENER, host: "localhost".into(), port: 19000 + *id as u16 }],
    };
    let voters: Vec<Voter> = voters.iter().map(voter).collect();
    let file = SnapshotId { end_offset: 0, epoch: 0 }.path();
    StoreCommand::Replace { file, bytes: write_bootstrap_snapshot(7, 1, &voters, &LISTENER) }
}

/// Combined nodes 1.. that vote, then brokers alone, which know only the bootstrap servers.
fn cluster(seed: u64, voters: NodeId, brokers: NodeId) -> Cluster {
    formatted_cluster(seed, voters, brokers, &[])
}

/// As [`cluster`], with more files where a voter's metadata is.
pub(super) fn formatted_cluster(seed: u64, voters: NodeId, brokers: NodeId, more: &[StoreCommand]) -> Cluster {
    println!("seed {seed}");
    let mut cluster = Cluster::new(seed, Options::default());
    let ids: Vec<NodeId> = (1..=voters).collect();
    let bootstrap = ids.iter().map(|id| format!("localhost:{}", 19000 + id)).collect::<Vec<_>>().join(",");
    for id in 1..=voters + brokers {
        let is_voter = id <= voters;
        let roles = if is_voter { "broker,controller" } else { "broker" };
        let files = if is_voter { [&[checkpoint(&ids)], more].concat() } else { Vec::new() };
        cluster.add_formatted_node(config(id, roles, &bootstrap), vec![(directory_id(id), files)]);
    }
    start(&mut cluster);
    cluster
}

pub(super) fn start(cluster: &mut Cluster) {
    let ids: Vec<NodeId> = cluster.nodes().keys().copied().collect();
    for id in ids {
        cluster.start(id);
    }
}

/// The ids of the snapshots a node holds, the newest one's voters, and whether its log begins at 0.
fn snapshots(cluster: &Cluster, id: NodeId) -> (Vec<SnapshotId>, Vec<NodeId>, i16) {
    let disk = cluster.nodes()[&id].disks()[0].stored();
    let found: Vec<SnapshotId> =
        stored_snapshots(&disk.listing("data").files).iter().map(|snapshot| snapshot.id).collect();
    let Some(bytes) = found.last().and_then(|latest| disk.file(&latest.path())) else { return (found, Vec::new(), -1) };
    let contents = read_snapshot(&Bytes::copy_from_slice(bytes)).expect("a snapshot of ours");
    let voters = contents.voters.map(|voters| voters.ids().collect());
    (found, voters.unwrap_or_default(), contents.kraft_version.unwrap_or(-1))
}

/// Every node holds a snapshot it wrote itself or got from the leader.
pub(super) fn all_have_snapshots(cluster: &Cluster) -> bool {
    all_running(cluster)
        && cluster.nodes().keys().all(|id| snapshots(cluster, *id).0.iter().any(|snapshot| snapshot.end_offset > 0))
}

const LIMIT: Duration = Duration::from_mins(1);

#[test]
fn a_standalone_node_becomes_the_leader_and_runs() {
    for seed in 0..10 {
        let mut cluster = cluster(seed, 1, 0);
        run_until(&mut cluster, LIMIT, all_running);
        let (_, node) = cluster.running().next().expect("it runs");
        let quorum = node.view().expect("it stands").quorum;
        assert_eq!((quorum.leader, quorum.is_active_controller), (Some(1), true));
    }
}

/// What a client of node `id` is answered.
pub(super) fn ask<R: Request>(cluster: &mut Cluster, id: NodeId, version: i16, request: &R) -> R::Response {
    super::ask(cluster, 9000 + id as u16, version, request)
}

#[test]
fn clients_are_told_of_kraft_version_and_of_the_voters() {
    let mut cluster = cluster(7, 3, 1);
    run_until(&mut cluster, LIMIT, all_running);
    for id in 1..=4 {
        let versions = ask(
            &mut cluster,
            id,
            4,
            &ApiVersionsRequest { client_software_name: "test".into(), client_software_version: "1".into() },
        );
        let supported = versions.supported_features.iter().find(|feature| feature.name == "kraft.version");
        assert_eq!(supported.map(|feature| (feature.min_version, feature.max_version)), Some((0, 1)), "node {id}");
        let finalized = versions.finalized_features.iter().find(|feature| feature.name == "kraft.version");
        assert_eq!(finalized.map(|feature| feature.max_version_level), Some(1), "node {id}");
        let partitions = vec![describe_quorum_request::PartitionData { partition_index: 0 }];
        let topics = vec![describe_quorum_request::TopicData { topic_name: "__cluster_metadata".into(), partitions }];
        let quorum = ask(&mut cluster, id, 2, &DescribeQuorumRequest { topics });
        let voters = quorum.topics[0].partitions[0].current_voters.iter();
        let voters: Vec<_> = voters.map(|voter| (voter.replica_id, voter.replica_directory_id)).collect();
        assert_eq!(voters, [1, 2, 3].map(|id| (id, directory_id(id))));
        let observers: Vec<_> =
            quorum.topics[0].partitions[0].observers.iter().map(|observer| observer.replica_id).collect();
        assert_eq!(observers, [4]);
        assert_eq!(quorum.nodes.len(), 3);
    }
}

#[test]
fn initial_controllers_elect_one_of_them() {
    for seed in 0..10 {
        let mut cluster = cluster(seed, 3, 0);
        run_until(&mut cluster, LIMIT, all_running);
    }
}

#[test]
fn a_broker_that_knows_only_bootstrap_servers_joins() {
    for seed in 0..10 {
        let mut cluster = cluster(seed, 3, 1);
        run_until(&mut cluster, LIMIT, all_running);
        // It follows the leaders that come after the first.
        let leader = cluster.running().find_map(|(_, node)| node.view()?.quorum.leader).expect("they have a leader");
        cluster.kill(leader);
        run_until(&mut cluster, LIMIT, |cluster| {
            cluster
                .running()
                .all(|(_, node)| node.view().is_some_and(|view| view.quorum.leader.is_some_and(|next| next != leader)))
        });
        cluster.start(leader);
        run_until(&mut cluster, LIMIT, all_running);
    }
}

#[test]
fn voters_are_known_after_power_cuts_before_and_after_the_first_snapshot() {
    for (seed, voters) in [(1, 1), (2, 3), (3, 1), (4, 3)] {
        let mut cluster = cluster(seed, voters, 1);
        let all: Vec<NodeId> = cluster.nodes().keys().copied().collect();
        run_until(&mut cluster, LIMIT, all_running);
        for id in &all {
            cluster.power_off(*id);
        }
        start(&mut cluster);
        run_until(&mut cluster, Duration::from_mins(10), all_have_snapshots);
        for id in &all {
            let (found, named, kraft_version) = snapshots(&cluster, *id);
            assert!(found.iter().all(|snapshot| snapshot.end_offset > 0), "the first checkpoint is gone: {found:?}");
            assert_eq!((named, kraft_version), ((1..=voters).collect(), 1), "node {id}");
        }
        for id in &all {
            cluster.power_off(*id);
        }
        start(&mut cluster);
        run_until(&mut cluster, LIMIT, all_running);
    }
}

#[test]
fn a_broker_that_joins_late_gets_the_voters_with_a_snapshot() {
    let mut cluster = cluster(5, 1, 0);
    run_until(&mut cluster, Duration::from_mins(10), all_have_snapshots);
    cluster.add_formatted_node(config(2, "broker", "localhost:19001"), vec![(directory_id(2), Vec::new())]);
    cluster.start(2);
    run_until(&mut cluster, LIMIT, all_running);
    assert_eq!(snapshots(&cluster, 2).1, [1], "it has a snapshot that names the voter");
}

#[test]
fn a_voter_that_lost_its_disk_is_not_the_voter() {
    let mut cluster = cluster(6, 3, 0);
    run_until(&mut cluster, LIMIT, all_running);
    cluster.kill(3);
    // Formatted anew, with another directory id, as with --no-initial-controllers.
    let config = config(3, "broker,controller", "localhost:19001,localhost:19002");
    cluster.add_formatted_node(config, vec![(Uuid::from_u128(7777), Vec::new())]);
    cluster.start(3);
    run_until(&mut cluster, LIMIT, all_running);
    let leader = cluster.running().find_map(|(_, node)| node.view()?.quorum.leader).expect("they have a leader");
    let other = 3 - leader;
    cluster.kill(other);
    // Only the leader is left of three voters: it may not go on, whatever the third node acknowledges.
    let resigned = |cluster: &Cluster| {
        cluster.running().all(|(_, node)| node.view().is_some_and(|view| !view.quorum.is_active_controller))
    };
    run_until(&mut cluster, LIMIT, resigned);
    let until = cluster.now().monotonic + Duration::from_secs(20);
    while cluster.now().monotonic < until {
        cluster.step();
        assert!(resigned(&cluster), "a replica with another directory does not vote");
    }
    cluster.start(other);
    run_until(&mut cluster, LIMIT, |cluster| !resigned(cluster));
}
