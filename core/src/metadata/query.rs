//! Questions that request handlers ask of an image.

use super::cluster::{BrokerRegistration, Endpoint};
use super::image::MetadataImage;
use super::partition::PartitionRegistration;
use crate::ids::{LeaderEpoch, NO_NODE, NodeId, PartitionIndex};
use crate::protocol::ErrorCode;
use crate::text::Str;
use alloc::vec::Vec;

/// A partition as `Metadata` and `DescribeTopicPartitions` responses tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionDescription {
    /// `NONE`, `LEADER_NOT_AVAILABLE`, or `LISTENER_NOT_FOUND` where the leader has no such listener.
    pub error: ErrorCode,
    /// Index of the partition.
    pub partition: PartitionIndex,
    /// The leader, -1 where there is none that can be reached.
    pub leader: NodeId,
    /// Its epoch.
    pub leader_epoch: LeaderEpoch,
    /// All replicas.
    pub replicas: Vec<NodeId>,
    /// In-sync replicas.
    pub isr: Vec<NodeId>,
    /// Eligible leader replicas.
    pub eligible_leader_replicas: Vec<NodeId>,
    /// Last known eligible leader replicas.
    pub last_known_elr: Vec<NodeId>,
    /// Replicas whose broker is gone or fenced, lacks the listener, or lost the replica's directory.
    pub offline_replicas: Vec<NodeId>,
}

impl MetadataImage {
    /// The brokers clients may be told of, with their endpoint of `listener`: unfenced, and having that listener.
    pub fn alive_brokers<'a>(
        &'a self,
        listener: &'a str,
    ) -> impl Iterator<Item = (&'a BrokerRegistration, &'a Endpoint)> + 'a {
        let unfenced = self.cluster.brokers().filter(|broker| !broker.fenced);
        unfenced.filter_map(move |broker| Some((broker, broker.endpoint(listener)?)))
    }

    /// Where broker `id` is reached, if it is unfenced and has `listener`.
    pub fn alive_endpoint(&self, id: NodeId, listener: &str) -> Option<&Endpoint> {
        self.cluster.broker(id).filter(|broker| !broker.fenced)?.endpoint(listener)
    }

    /// The partitions of `topic` as a client on `listener` may see them, by index; `None` where there is no such topic.
    pub fn describe_topic(&self, topic: &str, listener: &str) -> Option<Vec<PartitionDescription>> {
        let topic = self.topics.by_name(topic)?;
        Some(topic.partitions().map(|(index, partition)| self.describe_partition(index, partition, listener)).collect())
    }

    /// One partition as a client on `listener` may see it.
    pub fn describe_partition(
        &self,
        index: PartitionIndex,
        partition: &PartitionRegistration,
        listener: &str,
    ) -> PartitionDescription {
        let reachable = self.alive_endpoint(partition.leader, listener).is_some();
        let error = if reachable {
            ErrorCode::None
        } else if self.cluster.is_unfenced(partition.leader) {
            ErrorCode::ListenerNotFound
        } else {
            ErrorCode::LeaderNotAvailable
        };
        let offline = partition.replicas.iter().copied().filter(|&id| self.is_replica_offline(id, partition, listener));
        PartitionDescription {
            error,
            partition: index,
            leader: if reachable { partition.leader } else { NO_NODE },
            leader_epoch: partition.leader_epoch,
            replicas: partition.replicas.clone(),
            isr: partition.isr.clone(),
            eligible_leader_replicas: partition.eligible_leader_replicas.clone(),
            last_known_elr: partition.last_known_elr.clone(),
            offline_replicas: offline.collect(),
        }
    }

    /// The value of topic config `key` where something overrides its default: the topic, then broker `node`
    /// (under `broker_key`, Kafka's `log.…` counterpart), then all brokers.
    pub fn topic_config(&self, topic: &Str, key: &str, node: NodeId, broker_key: Option<&str>) -> Option<&Str> {
        let of_brokers = |broker_key| self.configs.broker_value(node, broker_key);
        self.configs.topic_value(topic, key).or_else(|| broker_key.and_then(of_brokers))
    }

    fn is_replica_offline(&self, id: NodeId, partition: &PartitionRegistration, listener: &str) -> bool {
        self.cluster.broker(id).is_none_or(|broker| {
            broker.fenced
                || broker.endpoint(listener).is_none()
                || !broker.has_online_directory(partition.directory(id))
        })
    }
}
