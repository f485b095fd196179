//! [`ClusterMetadata`]: the cluster as a client last heard of it.

use crate::ids::{LeaderEpoch, NO_EPOCH, NO_NODE, NodeId, PartitionIndex, Uuid};
use crate::protocol::ErrorCode;
use crate::protocol::messages::metadata_response::{
    MetadataResponse, MetadataResponsePartition, MetadataResponseTopic,
};
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::vec::Vec;

/// Brokers, topics and leaders. Old until the next answer; brokers tell when they disagree.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterMetadata {
    /// The cluster's id, once known.
    pub cluster_id: Option<Str>,
    /// A broker to which controller requests may go; `NO_NODE` where unknown.
    pub controller_id: NodeId,
    /// Live brokers.
    pub brokers: SortedMap<NodeId, BrokerEndpoint>,
    /// Topics that were asked for, by name; also those that have only an error.
    pub topics: SortedMap<Str, TopicInfo>,
}

/// Where a broker listens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrokerEndpoint {
    /// Its advertised host.
    pub host: Str,
    /// Its advertised port.
    pub port: u16,
    /// `broker.rack`.
    pub rack: Option<Str>,
}

/// A topic as last heard of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicInfo {
    /// Its id; `Uuid::ZERO` where brokers tell none.
    pub topic_id: Uuid,
    /// What the broker said instead of partitions; `None` where it is there.
    pub error: ErrorCode,
    /// True for Kafka's own topics.
    pub is_internal: bool,
    /// Partitions by index, from 0.
    pub partitions: SortedMap<PartitionIndex, PartitionInfo>,
}

/// A partition as last heard of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionInfo {
    /// Its leader; `NO_NODE` without one.
    pub leader: NodeId,
    /// Epoch of that leader; `NO_EPOCH` where brokers tell none.
    pub leader_epoch: LeaderEpoch,
    /// Replicas, the preferred leader first.
    pub replicas: Vec<NodeId>,
    /// Replicas in sync.
    pub in_sync_replicas: Vec<NodeId>,
    /// Replicas on brokers or disks that are gone.
    pub offline_replicas: Vec<NodeId>,
    /// What the broker said of it.
    pub error: ErrorCode,
}

impl ClusterMetadata {
    /// The leader of a partition with its epoch; `None` where none is known.
    pub fn leader(&self, topic: &str, partition: PartitionIndex) -> Option<(NodeId, LeaderEpoch)> {
        let info = self.partition(topic, partition)?;
        (info.leader != NO_NODE).then_some((info.leader, info.leader_epoch))
    }

    /// A partition.
    pub fn partition(&self, topic: &str, partition: PartitionIndex) -> Option<&PartitionInfo> {
        self.topics.get(topic)?.partitions.get(&partition)
    }

    /// Partitions of a topic; `None` where the topic is not known (yet).
    pub fn partition_count(&self, topic: &str) -> Option<i32> {
        self.topics.get(topic).filter(|info| !info.partitions.is_empty()).map(|info| info.partitions.len() as i32)
    }

    /// The id of a topic; `None` where unknown.
    pub fn topic_id(&self, topic: &str) -> Option<Uuid> {
        self.topics.get(topic).map(|info| info.topic_id).filter(|id| *id != Uuid::ZERO)
    }

    /// The name of a topic; `None` where unknown.
    pub fn topic_name(&self, topic_id: Uuid) -> Option<&Str> {
        self.topics.iter().find(|(_, info)| info.topic_id == topic_id).map(|(name, _)| name)
    }

    /// Takes what a leader said of its successor (`CurrentLeader` of Produce and Fetch answers, KIP-951), if that is newer.
    /// Answers whether it was.
    pub fn leader_changed(
        &mut self,
        topic: &str,
        partition: PartitionIndex,
        leader: NodeId,
        leader_epoch: LeaderEpoch,
    ) -> bool {
        let Some(info) = self.topics.get_mut(topic).and_then(|info| info.partitions.get_mut(&partition)) else {
            return false;
        };
        let is_newer = leader_epoch > info.leader_epoch && self.brokers.contains_key(&leader);
        if is_newer {
            info.leader = leader;
            info.leader_epoch = leader_epoch;
        }
        is_newer
    }

    /// Takes an answer to a question for all topics that are wanted. Answers whether a topic or partition has an error that
    /// another question may mend.
    pub(super) fn update(&mut self, response: &MetadataResponse) -> bool {
        self.cluster_id = response.cluster_id.as_ref().map(Str::detached);
        self.controller_id = response.controller_id;
        self.brokers = response
            .brokers
            .iter()
            .map(|broker| {
                let rack = broker.rack.as_ref().map(Str::detached);
                // A port outside 16 bits is nobody's; connecting to 0 fails like any unreachable broker.
                let port = u16::try_from(broker.port).unwrap_or(0);
                (broker.node_id, BrokerEndpoint { host: broker.host.detached(), port, rack })
            })
            .collect();
        let mut topics = SortedMap::new();
        let mut is_incomplete = false;
        for topic in &response.topics {
            let Some(name) = topic.name.as_ref().map(Str::detached) else { continue };
            let info = topic_info(topic, self.topics.get(&name));
            is_incomplete |=
                info.error.is_retriable() || info.partitions.values().any(|partition| partition.error.is_retriable());
            topics.insert(name, info);
        }
        self.topics = topics;
        is_incomplete
    }
}

fn topic_info(topic: &MetadataResponseTopic, known: Option<&TopicInfo>) -> TopicInfo {
    let error = ErrorCode::from_code(topic.error_code).unwrap_or(ErrorCode::UnknownServerError);
    // A topic made anew counts its epochs anew.
    let known = known.filter(|known| known.topic_id == topic.topic_id);
    let partitions = topic.partitions.iter().map(|partition| {
        let known = known.and_then(|known| known.partitions.get(&partition.partition_index));
        (partition.partition_index, partition_info(partition, known))
    });
    TopicInfo { topic_id: topic.topic_id, error, is_internal: topic.is_internal, partitions: partitions.collect() }
}

fn partition_info(partition: &MetadataResponsePartition, known: Option<&PartitionInfo>) -> PartitionInfo {
    // A broker that lags must not take us back to an older leader.
    if let Some(known) = known
        && partition.leader_epoch != NO_EPOCH
        && partition.leader_epoch < known.leader_epoch
    {
        return known.clone();
    }
    PartitionInfo {
        leader: partition.leader_id,
        leader_epoch: partition.leader_epoch,
        replicas: partition.replica_nodes.clone(),
        in_sync_replicas: partition.isr_nodes.clone(),
        offline_replicas: partition.offline_replicas.clone(),
        error: ErrorCode::from_code(partition.error_code).unwrap_or(ErrorCode::UnknownServerError),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn response(topic_id: u128, leader: NodeId, leader_epoch: LeaderEpoch, error: ErrorCode) -> MetadataResponse {
        let partition = MetadataResponsePartition { leader_id: leader, leader_epoch, ..Default::default() };
        let topic = MetadataResponseTopic {
            name: Some(Str::from("orders")),
            topic_id: Uuid::from_u128(topic_id),
            error_code: error.code(),
            partitions: vec![partition],
            ..Default::default()
        };
        MetadataResponse { topics: vec![topic], ..Default::default() }
    }

    #[test]
    fn a_lagging_broker_does_not_bring_back_an_old_leader() {
        for (topic_id, leader_epoch, leader) in [(7, 4, 1), (7, 6, 2), (7, -1, 2), (8, 0, 2)] {
            let mut metadata = ClusterMetadata::default();
            metadata.update(&response(7, 1, 5, ErrorCode::None));
            metadata.update(&response(topic_id, 2, leader_epoch, ErrorCode::None));
            let found = metadata.leader("orders", 0).map(|found| found.0);
            assert_eq!(found, Some(leader), "id {topic_id} epoch {leader_epoch}");
        }
    }

    #[test]
    fn only_errors_that_pass_ask_again() {
        for (error, again) in [
            (ErrorCode::None, false),
            (ErrorCode::LeaderNotAvailable, true),
            (ErrorCode::UnknownTopicOrPartition, true),
            (ErrorCode::InvalidTopicException, false),
        ] {
            assert_eq!(ClusterMetadata::default().update(&response(7, 1, 5, error)), again, "{error:?}");
        }
    }
}
