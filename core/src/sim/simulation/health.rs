//! What is not as it must be once all is well.

use super::Simulation;
use crate::ids::{CONSUMER_OFFSETS_TOPIC, NodeId, Offset, TopicPartition, Uuid};
use crate::log::UnifiedLog;
use crate::log::storage::FileRange;
use crate::replication::partition::Partition;
use crate::sim::history::PartitionId;
use crate::sim::workload::PIPED_TOPICS;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

impl Simulation {
    /// What is not as it must be once all is well.
    pub(super) fn complaints(&self) -> Vec<String> {
        let mut complaints = self.sick_nodes();
        if !complaints.is_empty() {
            return complaints;
        }
        complaints.extend(self.unequal_replicas());
        if let Some(first) = self.outstanding.first() {
            complaints.push(format!("{} records are still on their way, {first:?} first", self.outstanding.len()));
        }
        if self.plan.pipes > 0 {
            complaints.extend(self.invariants.unfinished_transactions(&PIPED_TOPICS));
            complaints.extend(self.busy_programs());
        }
        complaints.extend(self.duplicate_members());
        if complaints.is_empty() {
            complaints.extend(self.unread_after_losses());
            complaints.extend(self.lost_keys());
        }
        if complaints.is_empty() && !self.invariants.is_all_consumed() {
            complaints.push("a group has not read everything".into());
            let views = self.clients.values().filter_map(|process| Some((process.number, process.consumer()?.view())));
            complaints.extend(views.map(|(number, view)| format!("consumer-{number}: {view:?}")));
        }
        complaints
    }

    /// Nodes that are not up, brokers that are fenced, ISRs that are not full.
    pub(super) fn sick_nodes(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (id, process) in self.cluster.nodes() {
            let Some(parts) = process.node().and_then(crate::node::Node::parts) else {
                complaints.push(format!("node {id} does not run"));
                continue;
            };
            if !parts.unfenced && i64::from(*id) < i64::from(self.plan.brokers) {
                complaints.push(format!("broker {id} takes itself for fenced"));
            }
            for broker in parts.image.cluster.brokers().filter(|broker| !broker.is_active()) {
                complaints.push(format!("broker {} is not active for node {id}", broker.id));
            }
            for (topic, index, partition) in parts.image.topics.all_partitions() {
                if partition.leader < 0 || partition.isr.len() != partition.replicas.len() {
                    let (leader, isr) = (partition.leader, &partition.isr);
                    complaints.push(format!("{}-{index} has leader {leader} and ISR {isr:?} on node {id}", topic.name));
                }
            }
        }
        complaints
    }

    /// Replicas that are not where the metadata says, or not equal to the others.
    fn unequal_replicas(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut ends = BTreeMap::new();
        for (id, node) in self.cluster.running() {
            let Some(parts) = node.parts() else { continue };
            let hosted: Vec<_> = parts.replica_manager.hosted_logs().collect();
            let expected = parts.image.topics.hosted_by(id).count();
            if hosted.len() != expected {
                complaints.push(format!("node {id} has {} replicas, not {expected}", hosted.len()));
            }
            let misplaced = parts.replica_manager.misplaced();
            complaints.extend(misplaced.iter().map(|of| format!("{of} on node {id} is not in its directory")));
            // Consumers commit all the time, so the offsets topic does not come to rest.
            let resting = hosted.into_iter().filter(|hosted| hosted.0.topic_partition.topic != CONSUMER_OFFSETS_TOPIC);
            for (partition, log) in resting {
                let here = (log.high_watermark(), log.log_end_offset());
                let first = *ends.entry((partition.topic_id, partition.topic_partition.clone())).or_insert(here);
                let unlike = (self.followers_start(partition, log))
                    .or_else(|| self.first_difference(id, partition.topic_id, log));
                complaints.extend(unlike.map(|what| format!("node {id}: {what}")));
                if here.0 != here.1 || here != first {
                    let of = &partition.topic_partition;
                    complaints.push(format!("{of} on node {id} has high watermark and end {here:?}, not {first:?}"));
                }
            }
        }
        complaints
    }

    /// A follower that begins before its leader.
    fn followers_start(&self, partition: &Partition, log: &UnifiedLog) -> Option<String> {
        let (_, leader) = self.cluster.running().find(|(id, _)| *id == partition.assignment.leader)?;
        let leading = leader.parts()?.replica_manager.logs().log(&partition.topic_partition)?.log_start_offset();
        let (of, start) = (&partition.topic_partition, log.log_start_offset());
        (start < leading).then(|| format!("{of} begins at {start}, its leader's at {leading}"))
    }

    /// Where a replica of a partition that lost records differs from one of the others.
    fn first_difference(&self, id: NodeId, topic_id: Uuid, log: &UnifiedLog) -> Option<String> {
        let of = log.topic_partition();
        if !self.invariants.history.is_unclean((topic_id, of.partition)) {
            return None;
        }
        let marks = |id: NodeId, log: &UnifiedLog, from| {
            let disks = self.cluster.nodes().get(&id)?.disks();
            let stored = |range: &FileRange| disks.get(log.directory())?.read(range);
            let batches = log.batches(from, log.log_end_offset(), stored);
            Some(batches.iter().map(|batch| (batch.header().base_offset, batch.header().crc)).collect::<Vec<_>>())
        };
        self.cluster.running().find_map(|(other, node)| {
            let there = node.parts()?.replica_manager.logs().log(of)?;
            let from = log.log_start_offset().max(there.log_start_offset());
            let (here, there) = (marks(id, log, from)?, marks(other, there, from)?);
            let differs = here.iter().zip(&there).find(|(here, there)| here != there);
            differs.map(|pair| format!("{of} differs from that of node {other}: {pair:?}"))
        })
    }

    /// Replicas of compacted topics without the last record of some key, or with one that was never committed there.
    fn lost_keys(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (id, node) in self.cluster.running() {
            let (Some(parts), Some(process)) = (node.parts(), self.cluster.nodes().get(&id)) else { continue };
            for (partition, log) in parts.replica_manager.hosted_logs().filter(|(_, log)| log.config().compact) {
                let of = (partition.topic_id, partition.topic_partition.partition);
                let history = &self.invariants.history;
                let Some(committed) = history.committed(of).filter(|_| !history.is_unclean(of)) else { continue };
                let stored = |range: &FileRange| process.disks().get(log.directory())?.read(range);
                let batches = log.batches(log.log_start_offset(), log.high_watermark(), stored);
                let wrong = batches.iter().find_map(|batch| committed.check(batch).err());
                complaints.extend(wrong.map(|what| format!("node {id}, {}: {what}", log.topic_partition())));
                let there: BTreeSet<Offset> = batches
                    .iter()
                    .flat_map(|batch| batch.iter().into_iter().flatten().flatten())
                    .map(|record| record.offset)
                    .collect();
                let lost = committed.lasting_records().find(|offset| {
                    (log.log_start_offset()..log.high_watermark()).contains(offset) && !there.contains(offset)
                });
                complaints.extend(lost.map(|lost| {
                    let key = format!("node {id}, {}: the last record of its key at {lost}", log.topic_partition());
                    format!("{key} is gone, it is cleaned up to {:?}", log.cleaner_checkpoint())
                }));
            }
        }
        complaints
    }

    /// Partitions that were cleaned, each replica counted.
    pub(super) fn cleaned_logs(&self) -> u64 {
        let parts = self.cluster.running().filter_map(|(_, node)| node.parts());
        let logs = parts.flat_map(|parts| parts.replica_manager.hosted_logs());
        logs.filter(|(_, log)| log.cleaner_checkpoint().is_some()).count() as u64
    }

    /// Lasting partitions with unclean elections that some group has not read to their present end.
    fn unread_after_losses(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (topic, index, _) in self.invariants.history.lasting() {
            let is_unclean = |id: &PartitionId| self.invariants.history.is_unclean(*id);
            let Some(id) = self.invariants.history.partition_id(topic, index).filter(is_unclean) else { continue };
            let name = TopicPartition::new(topic.clone(), index);
            let end = (self.cluster.running())
                .find_map(|(_, node)| Some(node.parts()?.replica_manager.logs().log(&name)?.log_end_offset()));
            for group in &self.plan.groups {
                let is_there = self.clients.values().any(|process| {
                    let member = self.invariants.members().get(&process.number);
                    member.is_some_and(|member| member.group == group.name)
                        && process.consumer().is_some_and(|consumer| {
                            let view = consumer.view();
                            view.partitions.iter().any(|of| of.partition == name && of.position == end)
                        })
                });
                if !is_there {
                    complaints.push(format!("{} is not at {end:?} of {name} ({id:?})", group.name));
                }
            }
        }
        complaints
    }
}
