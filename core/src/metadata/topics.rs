//! Topics and their partitions, by name and by id.

use super::partition::PartitionRegistration;
use super::records::MetadataRecord;
use crate::ids::{NodeId, PartitionIndex, Uuid};
use crate::protocol::messages::TopicRecord;
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicImage {
    /// Its name.
    pub name: Str,
    /// Its id: another topic of the same name has another.
    pub id: Uuid,
    /// Its partitions.
    pub partitions: SortedMap<PartitionIndex, Arc<PartitionRegistration>>,
}

impl TopicImage {
    /// Partition `index`.
    pub fn partition(&self, index: PartitionIndex) -> Option<&PartitionRegistration> {
        self.partitions.get(&index).map(Arc::as_ref)
    }

    /// All partitions, by index.
    pub fn partitions(&self) -> impl ExactSizeIterator<Item = (PartitionIndex, &PartitionRegistration)> {
        self.partitions.iter().map(|(&index, partition)| (index, partition.as_ref()))
    }
}

/// All topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicsImage {
    by_id: SortedMap<Uuid, Arc<TopicImage>>,
    ids: SortedMap<Str, Uuid>,
}

impl TopicsImage {
    /// The topic with this id.
    pub fn by_id(&self, id: Uuid) -> Option<&TopicImage> {
        self.by_id.get(&id).map(Arc::as_ref)
    }

    /// The topic with this name.
    pub fn by_name(&self, name: &str) -> Option<&TopicImage> {
        self.by_id(self.id_of(name)?)
    }

    /// The id of the topic with this name.
    pub fn id_of(&self, name: &str) -> Option<Uuid> {
        self.ids.get(name).copied()
    }

    /// The name of the topic with this id, shared with the image.
    pub fn name_of(&self, id: Uuid) -> Option<&Str> {
        self.by_id(id).map(|topic| &topic.name)
    }

    /// One partition, by topic id.
    pub fn partition(&self, id: Uuid, index: PartitionIndex) -> Option<&PartitionRegistration> {
        self.by_id(id)?.partition(index)
    }

    /// All topics, by name.
    pub fn iter(&self) -> impl Iterator<Item = &TopicImage> {
        self.ids.values().filter_map(|&id| self.by_id(id))
    }

    /// Number of topics.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// True where there is no topic.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Every partition of every topic, by topic name and index.
    pub fn all_partitions(&self) -> impl Iterator<Item = (&TopicImage, PartitionIndex, &PartitionRegistration)> {
        self.iter().flat_map(|topic| topic.partitions().map(move |(index, partition)| (topic, index, partition)))
    }

    /// The partitions that `broker` leads.
    pub fn led_by(
        &self,
        broker: NodeId,
    ) -> impl Iterator<Item = (&TopicImage, PartitionIndex, &PartitionRegistration)> {
        self.all_partitions().filter(move |(_, _, partition)| partition.leader == broker)
    }

    /// The partitions that have a replica on `broker`.
    pub fn hosted_by(
        &self,
        broker: NodeId,
    ) -> impl Iterator<Item = (&TopicImage, PartitionIndex, &PartitionRegistration)> {
        self.all_partitions().filter(move |(_, _, partition)| partition.replicas.contains(&broker))
    }

    pub(super) fn shared(&self, id: Uuid) -> Option<&Arc<TopicImage>> {
        self.by_id.get(&id)
    }

    /// Adds a topic without partitions; answers false where name or id is in use.
    pub(super) fn insert(&mut self, name: &Str, id: Uuid) -> bool {
        if self.ids.contains_key(name) || self.by_id.contains_key(&id) {
            return false;
        }
        let name = name.detached();
        self.ids.insert(name.clone(), id);
        self.by_id.insert(id, Arc::new(TopicImage { name, id, partitions: SortedMap::new() }));
        true
    }

    pub(super) fn topic_mut(&mut self, id: Uuid) -> Option<&mut TopicImage> {
        self.by_id.get_mut(&id).map(Arc::make_mut)
    }

    pub(super) fn remove(&mut self, id: Uuid) -> Option<Arc<TopicImage>> {
        let topic = self.by_id.remove(&id)?;
        self.ids.remove(&topic.name);
        Some(topic)
    }

    pub(super) fn write(&self, records: &mut Vec<MetadataRecord>) {
        for topic in self.iter() {
            let record = TopicRecord { name: topic.name.clone(), topic_id: topic.id };
            records.push(MetadataRecord::Topic(record));
            records.extend(
                topic
                    .partitions()
                    .map(|(index, partition)| MetadataRecord::Partition(partition.to_record(topic.id, index))),
            );
        }
    }
}
