//! The metadata of a node only goes forward, all nodes are told the same, and an ISR contains the leader.

use super::Moved;
use crate::ids::{BrokerEpoch, LeaderEpoch, NO_NODE, NodeId, Offset};
use crate::metadata::{MetadataImage, PartitionRegistration, TopicImage};
use crate::sim::history::{History, PartitionId};
use crate::text::Str;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What one partition epoch says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    leader: NodeId,
    leader_epoch: LeaderEpoch,
    isr: Vec<NodeId>,
    replicas: Vec<NodeId>,
    eligible: Vec<NodeId>,
}

/// What was seen of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Metadata {
    said: BTreeMap<(PartitionId, i32), Said>,
    /// By node: its life, the end of its image, each partition's epochs.
    images: BTreeMap<NodeId, (u32, Offset)>,
    epochs: BTreeMap<(NodeId, PartitionId), (u32, i32, LeaderEpoch)>,
    broker_epochs: BTreeMap<(NodeId, NodeId), (u32, BrokerEpoch)>,
    lasting: BTreeSet<Str>,
    /// Brokers that lost a log directory, and the epoch each had, until it is seen to have registered again.
    emptied: BTreeMap<NodeId, BrokerEpoch>,
}

impl Metadata {
    pub(super) fn expect_topic(&mut self, topic: Str) {
        self.lasting.insert(topic);
    }

    /// A broker has lost a log directory.
    pub(super) fn was_emptied(&mut self, broker: NodeId) {
        let epochs = self.broker_epochs.iter().filter(|((_, of), _)| *of == broker).map(|(_, (_, epoch))| *epoch);
        self.emptied.insert(broker, epochs.max().unwrap_or(-1));
    }

    pub(super) fn node_moved(&mut self, history: &mut History, moved: &Moved<'_>) -> Result<(), String> {
        let image = moved.parts.image;
        let offset = image.provenance.offset;
        let seen = self.images.entry(moved.node).or_insert((moved.incarnation, -1));
        if *seen == (moved.incarnation, offset) {
            return Ok(());
        }
        if seen.0 == moved.incarnation && seen.1 > offset {
            return Err(format!("node {}: the image went back from {} to {offset}", moved.node, seen.1));
        }
        *seen = (moved.incarnation, offset);
        for broker in image.cluster.brokers() {
            let key = (moved.node, broker.id);
            let seen = self.broker_epochs.entry(key).or_insert((moved.incarnation, broker.epoch));
            if seen.0 == moved.incarnation && seen.1 > broker.epoch {
                return Err(format!("broker {} went back from epoch {} to {}", broker.id, seen.1, broker.epoch));
            }
            *seen = (moved.incarnation, broker.epoch);
        }
        self.emptied.retain(|broker, before| {
            let is_back = image.cluster.broker(*broker).is_some_and(|registered| registered.epoch > *before);
            if is_back {
                note_lost_partitions(history, image, *broker);
            }
            !is_back
        });
        for topic in image.topics.iter() {
            if self.lasting.contains(&topic.name) {
                history.name_topic(topic.name.clone(), topic.id);
            }
            for (index, partition) in topic.partitions() {
                self.check(history, moved, topic, index, partition)?;
            }
        }
        Ok(())
    }

    fn check(
        &mut self,
        history: &mut History,
        moved: &Moved<'_>,
        topic: &TopicImage,
        index: i32,
        partition: &PartitionRegistration,
    ) -> Result<(), String> {
        let id = (topic.id, index);
        let of = || format!("{}-{index} on node {}", topic.name, moved.node);
        let now = (moved.incarnation, partition.partition_epoch, partition.leader_epoch);
        let seen = self.epochs.insert((moved.node, id), now);
        if seen == Some(now) {
            return Ok(());
        }
        if let Some(seen) = seen.filter(|seen| seen.0 == moved.incarnation)
            && (seen.1 > partition.partition_epoch || seen.2 > partition.leader_epoch)
        {
            return Err(format!("{}: epochs went back from {seen:?} to {now:?}", of()));
        }
        let isr = &partition.isr;
        if partition.leader != NO_NODE && !isr.contains(&partition.leader) {
            return Err(format!("{}: the leader {} is not in the ISR {isr:?}", of(), partition.leader));
        }
        if isr.is_empty() || isr.iter().any(|member| !partition.replicas.contains(member)) {
            return Err(format!("{}: the ISR {isr:?} is no part of {:?}", of(), partition.replicas));
        }
        let said = Said {
            leader: partition.leader,
            leader_epoch: partition.leader_epoch,
            isr: isr.clone(),
            replicas: partition.replicas.clone(),
            eligible: partition.eligible_leader_replicas.clone(),
        };
        if !self.said.contains_key(&(id, partition.partition_epoch)) {
            self.check_election(history, topic, id, partition)?;
        }
        let first = self.said.entry((id, partition.partition_epoch)).or_insert_with(|| said.clone());
        if *first != said {
            return Err(format!("{}: {said:?}, another node was told {first:?}", of()));
        }
        Ok(())
    }

    /// Who becomes the leader was in sync, or is eligible as it was, but for topics with unclean elections.
    fn check_election(
        &self,
        history: &mut History,
        topic: &TopicImage,
        id: PartitionId,
        partition: &PartitionRegistration,
    ) -> Result<(), String> {
        let before = self.said.range((id, 0)..(id, partition.partition_epoch)).next_back();
        let Some((&(_, epoch), before)) = before else { return Ok(()) };
        let leader = partition.leader;
        let is_next = epoch + 1 == partition.partition_epoch;
        let is_clean = leader == NO_NODE || before.isr.contains(&leader) || before.eligible.contains(&leader);
        // Several changes may come at once: who led in between, nobody saw.
        let is_certain = is_clean && (is_next || !history.is_lossy(&topic.name));
        if is_certain || before.leader_epoch == partition.leader_epoch {
            return Ok(());
        }
        if history.is_lossy(&topic.name) {
            history.elected_uncleanly(id);
        } else if is_next {
            let (name, isr) = (&topic.name, &before.isr);
            return Err(format!("{name}-{}: {leader} becomes the leader, the ISR was {isr:?}", id.1));
        }
        Ok(())
    }
}

/// The registration of a new incarnation takes the broker out of every ISR that has another member: then that one has what is
/// committed. Where it stays alone it will lead with what it has.
fn note_lost_partitions(history: &mut History, image: &MetadataImage, broker: NodeId) {
    for (topic, index, partition) in image.topics.hosted_by(broker) {
        if partition.isr == [broker] {
            history.lose(&topic.name, (topic.id, index));
        }
    }
}
