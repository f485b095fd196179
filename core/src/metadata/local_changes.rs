//! What a delta means for the replicas of one broker.

use super::delta::MetadataDelta;
use super::partition::PartitionRegistration;
use crate::ids::{NodeId, TopicPartition, Uuid};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A partition that this broker shall lead or follow from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalPartition {
    /// Which.
    pub partition: TopicPartition,
    /// Id of its topic.
    pub topic_id: Uuid,
    /// Its state now.
    pub registration: Arc<PartitionRegistration>,
    /// True where leader or leader epoch changed, false where only the rest of the registration did.
    pub new_leader_epoch: bool,
    /// True where this broker had no replica of it before.
    pub is_new: bool,
}

/// What a broker has to do with its replicas after a delta. Each list is ordered by topic id and partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalReplicaChanges {
    /// Replicas to stop and delete: the topic is gone or the replica moved away.
    pub deletes: Vec<(TopicPartition, Uuid)>,
    /// Partitions to lead.
    pub leaders: Vec<LocalPartition>,
    /// Partitions to follow, also those without a leader.
    pub followers: Vec<LocalPartition>,
}

impl LocalReplicaChanges {
    /// True where the broker has nothing to do.
    pub fn is_empty(&self) -> bool {
        self.deletes.is_empty() && self.leaders.is_empty() && self.followers.is_empty()
    }
}

impl MetadataDelta {
    /// What this delta means for the replicas on `broker`. Partitions whose registration is the same are left out.
    pub fn local_changes(&self, broker: NodeId) -> LocalReplicaChanges {
        let mut changes = LocalReplicaChanges::default();
        for (&topic_id, topic) in &self.changes().deleted_topics {
            let hosted = topic.partitions().filter(|(_, partition)| partition.replicas.contains(&broker));
            changes.deletes.extend(hosted.map(|(index, _)| (TopicPartition::new(topic.name.clone(), index), topic_id)));
        }
        for (topic, index, before, _) in self.changed_partitions() {
            let Some(registration) = topic.partitions.get(&index) else { continue };
            let partition = TopicPartition::new(topic.name.clone(), index);
            let before = before.filter(|before| before.replicas.contains(&broker));
            if !registration.replicas.contains(&broker) {
                if before.is_some() {
                    changes.deletes.push((partition, topic.id));
                }
                continue;
            }
            if before.is_some_and(|before| before == registration.as_ref()) {
                continue;
            }
            let local = LocalPartition {
                partition,
                topic_id: topic.id,
                registration: registration.clone(),
                new_leader_epoch: before.is_none_or(|before| before.leader_epoch != registration.leader_epoch),
                is_new: before.is_none(),
            };
            let list = if registration.leader == broker { &mut changes.leaders } else { &mut changes.followers };
            list.push(local);
        }
        changes
    }
}
