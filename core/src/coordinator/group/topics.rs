//! The metadata image answers what the coordinator asks of topics.

use super::request::TopicLookup;
use crate::ids::{PartitionIndex, Uuid};
use crate::metadata::MetadataImage;
use crate::text::Str;

impl TopicLookup for MetadataImage {
    fn partition_count(&self, topic: &str) -> Option<PartitionIndex> {
        let topic = self.topics.by_name(topic)?;
        Some(PartitionIndex::try_from(topic.partitions.len()).unwrap_or(PartitionIndex::MAX))
    }

    fn topic_id(&self, topic: &str) -> Option<Uuid> {
        self.topics.id_of(topic)
    }

    fn topic_name(&self, topic_id: Uuid) -> Option<Str> {
        self.topics.name_of(topic_id).cloned()
    }
}
