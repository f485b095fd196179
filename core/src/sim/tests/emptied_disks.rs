//! Nodes whose log directories are formatted anew while they are away.

use super::{all_running, ask, one_partition, run_until};
use crate::event::Event;
use crate::ids::{NodeId, TopicPartition};
use crate::metadata::PartitionRegistration;
use crate::protocol::messages::ProduceRequest;
use crate::protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use crate::record::BatchBuilder;
use crate::sim::cluster::Cluster;
use crate::time::Duration;
use alloc::vec;

const LIMIT: Duration = Duration::from_mins(1);
const TOPIC: &str = "orders";
/// Records of the topic.
const RECORDS: i64 = 3;

/// Three nodes, and a topic with a few records, led by the first of its replicas.
fn cluster(seed: u64, replicas: &[NodeId]) -> Cluster {
    let mut cluster = super::cluster(seed, 3);
    run_until(&mut cluster, LIMIT, all_running);
    assert_eq!(ask(&mut cluster, 9092, 7, &one_partition(TOPIC, replicas)).topics[0].error_code, 0);
    let leader = replicas[0];
    run_until(&mut cluster, LIMIT, |cluster| log_end(cluster, leader) == Some(0));
    let mut batch = BatchBuilder::new(0);
    for _ in 0..RECORDS {
        batch.append(1, None, Some(b"paid"), &[]);
    }
    let data = PartitionProduceData { index: 0, records: Some(batch.build().into()) };
    let topic = TopicProduceData { name: TOPIC.into(), partition_data: vec![data], ..Default::default() };
    let request = ProduceRequest { transactional_id: None, acks: 1, timeout_ms: 2000, topic_data: vec![topic] };
    let answer = ask(&mut cluster, 9092 + leader as u16, 12, &request);
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
    cluster
}

/// As the newest image of a running node has it.
fn partition(cluster: &Cluster) -> Option<PartitionRegistration> {
    let images = cluster.running().filter_map(|(_, node)| Some(node.parts()?.image));
    images.max_by_key(|image| image.provenance.offset)?.topics.by_name(TOPIC)?.partition(0).cloned()
}

fn log_end(cluster: &Cluster, id: NodeId) -> Option<i64> {
    let parts = cluster.nodes().get(&id)?.node()?.parts()?;
    Some(parts.replica_manager.logs().log(&TopicPartition::new(TOPIC, 0))?.log_end_offset())
}

#[test]
fn a_broker_that_comes_back_empty_leaves_the_isr_and_is_caught_up_in_its_new_directory() {
    for seed in 0..3 {
        let mut cluster = cluster(seed, &[0, 1, 2]);
        let directory = partition(&cluster).expect("it is there").directory(1);
        cluster.kill(1);
        cluster.format_disk(1, 0);
        cluster.take_events();
        cluster.start(1);
        let is_back = |cluster: &Cluster| {
            all_running(cluster)
                && partition(cluster).is_some_and(|found| found.isr.len() == 3 && found.directory(1) != directory)
        };
        run_until(&mut cluster, LIMIT, is_back);
        assert_eq!(log_end(&cluster, 1), Some(RECORDS));
        let left = cluster.take_events().into_iter().any(|(_, _, event)| match event {
            Event::InSyncReplicasChanged { partition, to, .. } => partition.topic == *TOPIC && !to.contains(&1),
            _ => false,
        });
        assert!(left, "seed {seed}: it was never taken for one that has everything");
    }
}

/// As in Kafka without eligible leader replicas: what it held is lost. Where it is unfenced before its new directory is known it
/// leads only once somebody balances leaders, every five minutes.
#[test]
fn a_replica_that_was_alone_in_the_isr_leads_with_nothing() {
    let mut cluster = cluster(4, &[1]);
    let epoch = partition(&cluster).expect("it is there").leader_epoch;
    cluster.kill(1);
    cluster.format_disk(1, 0);
    cluster.start(1);
    let leads = |cluster: &Cluster| {
        all_running(cluster)
            && partition(cluster).is_some_and(|found| found.leader == 1 && found.leader_epoch > epoch)
            && log_end(cluster, 1).is_some()
    };
    run_until(&mut cluster, Duration::from_secs(330), leads);
    assert_eq!((partition(&cluster).map(|found| found.isr), log_end(&cluster, 1)), (Some(vec![1]), Some(0)));
}
