//! Throttles of `kafka-reassign-partitions.sh`: configs of topics and brokers that keep moves from taking all there is.

use super::execution;
use super::json::joined;
use crate::cli::cluster::describe_cluster;
use crate::cli::failure::{Exception, Failure, thrown};
use crate::cli::terminal::Terminal;
use crate::ids::{NodeId, TopicPartition};
use crate::java::{hash_map_order, string_hash};
use crate::protocol::messages::IncrementalAlterConfigsRequest;
use crate::protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use crate::protocol::messages::list_partition_reassignments_response::OngoingPartitionReassignment;
use crate::sorted::SortedMap;
use crate::sorted::sort;
use crate::text::Str;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Types of resources, operations on configs.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const SET: i8 = 0;
const DELETE: i8 = 1;

const LEADER_RATE: &str = "leader.replication.throttled.rate";
const FOLLOWER_RATE: &str = "follower.replication.throttled.rate";
const LOG_DIRS_RATE: &str = "replica.alter.log.dirs.io.max.bytes.per.second";
const LEADER_REPLICAS: &str = "leader.replication.throttled.replicas";
const FOLLOWER_REPLICAS: &str = "follower.replication.throttled.replicas";

/// From where to where a partition moves.
struct Move {
    sources: Vec<NodeId>,
    destinations: Vec<NodeId>,
}

/// Sets configs of one resource, or deletes those without a value.
async fn alter(
    terminal: &Terminal,
    resource_type: i8,
    name: &str,
    configs: &[(&'static str, Option<&str>)],
) -> Result<(), Exception> {
    let config = |(name, value): &(&'static str, Option<&str>)| AlterableConfig {
        name: Str::from_static(name),
        config_operation: if value.is_some() { SET } else { DELETE },
        value: value.map(Str::from),
    };
    let resource = AlterConfigsResource {
        resource_type,
        resource_name: Str::from(name),
        configs: configs.iter().map(config).collect(),
    };
    let resources = alloc::vec![resource];
    let request = IncrementalAlterConfigsRequest { resources, ..IncrementalAlterConfigsRequest::default() };
    for response in terminal.ask(request).await.map_err(|cause| execution(&cause))?.responses {
        thrown(response.error_code, response.error_message.as_deref()).map_err(|cause| execution(&cause))?;
    }
    Ok(())
}

/// Removes every throttle that a reassignment of these partitions may have left.
pub(super) async fn clear_throttles(
    terminal: &Terminal,
    partitions: &[(TopicPartition, Vec<NodeId>)],
) -> Result<(), Failure> {
    let cluster = describe_cluster(terminal, false).await?;
    let mut brokers: Vec<NodeId> = cluster.brokers.iter().map(|broker| broker.broker_id).collect();
    brokers.extend(partitions.iter().flat_map(|(_, replicas)| replicas));
    sort(&mut brokers);
    brokers.dedup();
    hash_map_order(&mut brokers, 16, |id| *id as u32);
    let plural = if brokers.len() == 1 { "" } else { "s" };
    terminal.line(&format!("Clearing broker-level throttles on broker{plural} {}", joined(&brokers, ",")));
    let rates = [(LEADER_RATE, None), (FOLLOWER_RATE, None), (LOG_DIRS_RATE, None)];
    for broker in brokers {
        alter(terminal, BROKER, &broker.to_string(), &rates).await?;
    }
    let mut topics: Vec<Str> = partitions.iter().map(|(at, _)| at.topic.clone()).collect();
    sort(&mut topics);
    topics.dedup();
    hash_map_order(&mut topics, 16, |topic| string_hash(topic));
    let plural = if topics.len() == 1 { "" } else { "s" };
    terminal.line(&format!("Clearing topic-level throttles on topic{plural} {}", joined(&topics, ",")));
    for topic in topics {
        alter(terminal, TOPIC, &topic, &[(LEADER_REPLICAS, None), (FOLLOWER_REPLICAS, None)]).await?;
    }
    Ok(())
}

/// Limits what moves between brokers, of all that moves and is to move.
pub(super) async fn throttle_brokers(
    terminal: &Terminal,
    ongoing: &SortedMap<TopicPartition, OngoingPartitionReassignment>,
    proposed: &SortedMap<TopicPartition, Vec<NodeId>>,
    current: &SortedMap<TopicPartition, Vec<NodeId>>,
    rate: i64,
) -> Result<(), Failure> {
    let moves = moves(ongoing, proposed, current);
    let mut topics: SortedMap<Str, (Vec<String>, Vec<String>)> = SortedMap::new();
    let mut brokers: Vec<NodeId> = Vec::new();
    for (at, one) in &moves {
        let (leaders, followers) = topics.entry(at.topic.clone()).or_default();
        leaders.extend(one.sources.iter().map(|id| format!("{}:{id}", at.partition)));
        let new = one.destinations.iter().filter(|id| !one.sources.contains(id));
        followers.extend(new.map(|id| format!("{}:{id}", at.partition)));
        brokers.extend(one.sources.iter().chain(&one.destinations));
    }
    for (topic, (mut leaders, mut followers)) in topics {
        sort(&mut leaders);
        sort(&mut followers);
        let (leaders, followers) = (leaders.join(","), followers.join(","));
        let configs = [(LEADER_REPLICAS, Some(leaders.as_str())), (FOLLOWER_REPLICAS, Some(followers.as_str()))];
        alter(terminal, TOPIC, &topic, &configs).await?;
    }
    sort(&mut brokers);
    brokers.dedup();
    let text = rate.to_string();
    for broker in brokers {
        let rates = [(LEADER_RATE, Some(text.as_str())), (FOLLOWER_RATE, Some(text.as_str()))];
        alter(terminal, BROKER, &broker.to_string(), &rates).await?;
    }
    terminal.line(&format!("The inter-broker throttle limit was set to {rate} B/s"));
    Ok(())
}

/// Limits what moves between the log directories of these brokers.
pub(super) async fn throttle_log_dirs(
    terminal: &Terminal,
    brokers: impl Iterator<Item = NodeId>,
    rate: i64,
) -> Result<(), Failure> {
    let mut brokers: Vec<NodeId> = brokers.collect();
    sort(&mut brokers);
    brokers.dedup();
    let text = rate.to_string();
    for broker in brokers {
        alter(terminal, BROKER, &broker.to_string(), &[(LOG_DIRS_RATE, Some(text.as_str()))]).await?;
    }
    terminal.line(&format!("The replica-alter-dir throttle limit was set to {rate} B/s"));
    Ok(())
}

fn moves(
    ongoing: &SortedMap<TopicPartition, OngoingPartitionReassignment>,
    proposed: &SortedMap<TopicPartition, Vec<NodeId>>,
    current: &SortedMap<TopicPartition, Vec<NodeId>>,
) -> SortedMap<TopicPartition, Move> {
    let without = |all: &[NodeId], some: &[NodeId]| all.iter().filter(|id| !some.contains(id)).copied().collect();
    let mut moves: SortedMap<TopicPartition, Move> = SortedMap::new();
    for (at, partition) in ongoing {
        let sources = without(&partition.replicas, &partition.adding_replicas);
        moves.insert(at.clone(), Move { sources, destinations: partition.adding_replicas.clone() });
    }
    for (at, replicas) in proposed {
        let sources = match moves.remove(at) {
            Some(under_way) => under_way.sources,
            None => current.get(at).cloned().unwrap_or_default(),
        };
        let destinations = without(replicas, &sources);
        moves.insert(at.clone(), Move { sources, destinations });
    }
    moves
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_partition_that_moves_already_keeps_its_sources() {
        let at = |partition| TopicPartition::new("t", partition);
        let under_way = OngoingPartitionReassignment {
            replicas: vec![3, 1, 2],
            adding_replicas: vec![3],
            removing_replicas: vec![2],
            ..OngoingPartitionReassignment::default()
        };
        let ongoing: SortedMap<_, _> = [(at(0), under_way.clone()), (at(2), under_way)].into_iter().collect();
        let proposed: SortedMap<_, _> = [(at(0), vec![4, 1]), (at(1), vec![2, 3])].into_iter().collect();
        let current: SortedMap<_, _> = [(at(0), vec![3, 1, 2]), (at(1), vec![1, 2])].into_iter().collect();
        let moves = moves(&ongoing, &proposed, &current);
        let of = |partition| moves.get(&at(partition)).map(|one| (one.sources.clone(), one.destinations.clone()));
        assert_eq!(of(0), Some((vec![1, 2], vec![4])));
        assert_eq!(of(1), Some((vec![1, 2], vec![3])));
        assert_eq!(of(2), Some((vec![1, 2], vec![3])));
    }
}
