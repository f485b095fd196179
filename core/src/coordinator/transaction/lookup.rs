//! What the metadata image says to a transaction coordinator.

use super::request::{ClusterLookup, MarkerDestination};
use crate::ids::{PartitionIndex, TopicPartition};
use crate::metadata::{MetadataImage, TRANSACTION_VERSION};

impl ClusterLookup for MetadataImage {
    fn partition_count(&self, topic: &str) -> Option<PartitionIndex> {
        let topic = self.topics.by_name(topic)?;
        Some(PartitionIndex::try_from(topic.partitions.len()).unwrap_or(PartitionIndex::MAX))
    }

    fn transaction_version(&self) -> i16 {
        self.features.level(TRANSACTION_VERSION)
    }

    fn marker_destination(&self, partition: &TopicPartition) -> MarkerDestination {
        let topic = self.topics.by_name(&partition.topic);
        match topic.and_then(|topic| topic.partition(partition.partition)) {
            None => MarkerDestination::Gone,
            Some(registration) if self.cluster.is_unfenced(registration.leader) => {
                MarkerDestination::Leader(registration.leader)
            }
            Some(_) => MarkerDestination::Unknown,
        }
    }
}
