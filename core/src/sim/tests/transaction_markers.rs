//! Transactions in the logs of a cluster, over the wire: batches, markers, and who reads only what was committed.

use super::{all_running, ask, one_partition, run_until};
use crate::config::playground::playground_properties;
use crate::config::{BrokerConfig, Properties};
use crate::ids::{NodeId, Offset, ProducerId};
use crate::protocol::messages as m;
use crate::protocol::messages::describe_producers_request::TopicRequest;
use crate::protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use crate::protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use crate::protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use crate::protocol::messages::write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic};
use crate::protocol::{ErrorCode, Records};
use crate::record::{BatchBuilder, Batches};
use crate::sim::cluster::{Cluster, Options, Step};
use crate::time::Duration;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

const TOPIC: &str = "orders";
const LIMIT: Duration = Duration::from_secs(30);

/// Three nodes that do not ask the coordinators of transactions, of which the topic's partition is on all, led by node 0.
fn cluster(seed: u64) -> Cluster {
    let mut cluster = Cluster::new(seed, Options::default());
    for id in 0..3 {
        let text = format!("{}\ntransaction.partition.verification.enable=false\n", playground_properties(id, 3));
        let properties = Properties::parse(&text).expect("our own properties");
        cluster.add_node(BrokerConfig::from_properties(&properties).expect("our own properties"));
        cluster.start(id);
    }
    run_until(&mut cluster, LIMIT, all_running);
    let created = ask(&mut cluster, 9092, 7, &one_partition(TOPIC, &[0, 1, 2]));
    assert_eq!(created.topics[0].error_code, 0);
    rest(&mut cluster);
    cluster
}

/// Lets what was told spread.
fn rest(cluster: &mut Cluster) {
    let until = cluster.now().monotonic + Duration::from_secs(2);
    while cluster.now().monotonic < until {
        assert_ne!(cluster.step(), Step::Idle);
    }
}

fn port(id: NodeId) -> u16 {
    9092 + id as u16
}

fn produce(cluster: &mut Cluster, producer_id: ProducerId, epoch: i16, sequence: i32) -> (i16, Offset) {
    let mut builder = BatchBuilder::new(0).with_producer(producer_id, epoch, sequence).transactional();
    builder.append(cluster.now().wall_ms, None, Some(b"v"), &[]);
    let partition_data = vec![PartitionProduceData { index: 0, records: Some(Records::from(builder.build())) }];
    let request = m::ProduceRequest {
        transactional_id: Some(format!("of {producer_id}").into()),
        acks: -1,
        timeout_ms: 10_000,
        topic_data: vec![TopicProduceData { name: TOPIC.into(), partition_data, ..Default::default() }],
    };
    let response = ask(cluster, port(0), 12, &request);
    let result = &response.responses[0].partition_responses[0];
    (result.error_code, result.base_offset)
}

fn end(cluster: &mut Cluster, id: NodeId, producers: &[(ProducerId, i16, bool)], partitions: &[i32]) -> Vec<Vec<i16>> {
    let marker = |&(producer_id, producer_epoch, transaction_result): &(ProducerId, i16, bool)| WritableTxnMarker {
        producer_id,
        producer_epoch,
        transaction_result,
        topics: vec![WritableTxnMarkerTopic { name: TOPIC.into(), partition_indexes: partitions.to_vec() }],
        coordinator_epoch: 3,
        transaction_version: 2,
    };
    let request = m::WriteTxnMarkersRequest { markers: producers.iter().map(marker).collect() };
    let response = ask(cluster, port(id), 2, &request);
    let asked: Vec<ProducerId> = producers.iter().map(|producer| producer.0).collect();
    assert_eq!(response.markers.iter().map(|marker| marker.producer_id).collect::<Vec<_>>(), asked);
    let results = response.markers.iter().map(|marker| &marker.topics[0].partitions);
    results.map(|partitions| partitions.iter().map(|partition| partition.error_code).collect()).collect()
}

/// Last stable offset, offsets of the batches, producers of aborted transactions.
fn fetch(cluster: &mut Cluster, id: NodeId, isolation_level: i8) -> (Offset, Vec<Offset>, Vec<ProducerId>) {
    let partition = FetchPartition { partition: 0, partition_max_bytes: 1 << 20, ..Default::default() };
    let request = m::FetchRequest {
        max_bytes: 1 << 20,
        isolation_level,
        session_epoch: -1,
        topics: vec![FetchTopic { topic: TOPIC.into(), partitions: vec![partition], ..Default::default() }],
        ..Default::default()
    };
    let response = ask(cluster, port(id), 12, &request);
    let data = &response.responses[0].partitions[0];
    assert_eq!(data.error_code, 0);
    let batches = Batches::new(data.records.clone().unwrap_or_default().to_bytes());
    let offsets = batches.flatten().map(|batch| batch.header().base_offset).collect();
    let aborted = data.aborted_transactions.iter().flatten().map(|aborted| aborted.producer_id).collect();
    (data.last_stable_offset, offsets, aborted)
}

fn leader(cluster: &mut Cluster) -> NodeId {
    let topic = m::metadata_request::MetadataRequestTopic { name: Some(TOPIC.into()), ..Default::default() };
    let request = m::MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
    ask(cluster, port(0), 12, &request).topics[0].partitions[0].leader_id
}

fn latest(cluster: &mut Cluster, id: NodeId, isolation_level: i8) -> Offset {
    let partition = ListOffsetsPartition { timestamp: -1, current_leader_epoch: -1, ..Default::default() };
    let topics = vec![ListOffsetsTopic { name: TOPIC.into(), partitions: vec![partition] }];
    let request = m::ListOffsetsRequest { replica_id: -1, isolation_level, topics, timeout_ms: 1000 };
    ask(cluster, port(id), 10, &request).topics[0].partitions[0].offset
}

#[test]
fn transactions_end_with_markers_and_survive_a_power_cut() {
    let mut cluster = cluster(11);
    assert_eq!((produce(&mut cluster, 7, 0, 0), produce(&mut cluster, 8, 0, 0)), ((0, 0), (0, 1)));
    assert_eq!((latest(&mut cluster, 0, 0), latest(&mut cluster, 0, 1)), (2, 0));
    assert_eq!(fetch(&mut cluster, 0, 1), (0, vec![], vec![]));
    // One ends, the other does not; markers that cannot be are refused each for itself.
    let not_here = ErrorCode::UnknownTopicOrPartition.code();
    let stale = ErrorCode::InvalidProducerEpoch.code();
    assert_eq!(
        end(&mut cluster, 0, &[(7, 1, false), (8, 0, true)], &[0, 5]),
        [vec![0, not_here], vec![stale, not_here]]
    );
    assert_eq!(end(&mut cluster, 1, &[(8, 1, true)], &[0]), [[ErrorCode::NotLeaderOrFollower.code()]]);
    assert_eq!(fetch(&mut cluster, 0, 1), (1, vec![0], vec![7]));
    // Of transaction version 2: the marker raised the epoch.
    assert_eq!(produce(&mut cluster, 7, 0, 1), (stale, -1));
    assert_eq!(produce(&mut cluster, 7, 1, 0), (0, 3));
    let describe =
        m::DescribeProducersRequest { topics: vec![TopicRequest { name: TOPIC.into(), partition_indexes: vec![0] }] };
    let described = ask(&mut cluster, port(0), 0, &describe);
    let states: Vec<_> = described.topics[0].partitions[0]
        .active_producers
        .iter()
        .map(|it| {
            (it.producer_id, it.producer_epoch, it.last_sequence, it.coordinator_epoch, it.current_txn_start_offset)
        })
        .collect();
    assert_eq!(states, [(7, 1, 0, 3, 3), (8, 0, 0, -1, 1)]);
    rest(&mut cluster);
    for id in 0..3 {
        cluster.power_off(id);
    }
    for id in 0..3 {
        cluster.start(id);
    }
    run_until(&mut cluster, LIMIT, all_running);
    rest(&mut cluster);
    let leader = leader(&mut cluster);
    assert_eq!(end(&mut cluster, leader, &[(8, 1, true), (7, 2, false)], &[0]), [[0], [0]]);
    rest(&mut cluster);
    for id in 0..3 {
        assert_eq!(fetch(&mut cluster, id, 1), (6, vec![0, 1, 2, 3, 4, 5], vec![7, 7]), "node {id}");
    }
    assert_eq!(latest(&mut cluster, leader, 1), 6);
    let disk = cluster.nodes()[&2].disks()[0].stored();
    let index = disk.files().find(|(path, _)| path.ends_with("orders-0/00000000000000000000.txnindex"));
    assert_eq!(index.map(|(_, content)| content.len()), Some(68));
}
