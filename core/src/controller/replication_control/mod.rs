//! Topics, partitions, leaders and in-sync replicas.

mod alter_partition;
mod alter_partition_reassignments;
mod assign_replicas_to_dirs;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod elect_leaders;
mod manual_assignment;
mod topic_name;

pub use topic_name::invalid_topic_name;

use super::decision::Decision;
use super::partition_change_builder::{Election, PartitionChangeBuilder};
use super::partition_reassignment::without;
use crate::ids::{NO_NODE, NodeId, PartitionIndex, Uuid};
use crate::metadata::{MetadataRecord, PartitionRegistration, TopicImage};
use crate::protocol::messages::BrokerRegistrationChangeRecord;
use crate::text::Str;
use alloc::vec;
use alloc::vec::Vec;

/// Partitions one request may touch (`MAX_PARTITIONS_PER_BATCH`).
pub(super) const MAX_PARTITIONS_PER_BATCH: usize = 10_000;
/// The first `metadata.version` with cordoned log directories, 4.3-IV0.
const FIRST_WITH_CORDONED_DIRECTORIES: i16 = 30;
/// Elections of one round of preferred leader balancing.
const MAX_ELECTIONS_PER_IMBALANCE: usize = 1_000;

/// A partition as the walks over an image give it.
type Place<'a> = (&'a TopicImage, PartitionIndex, &'a PartitionRegistration);

/// What changed about the brokers, as far as partitions care. Its records are not replayed yet, so it overrides what the
/// image says.
#[derive(Clone, Copy)]
struct BrokerChange {
    /// Leaves every ISR and leads nothing.
    remove: NodeId,
    /// May lead although the image still has it fenced.
    add: NodeId,
    /// Leaves every ISR and ELR: it may have lost records.
    unclean_shutdown: NodeId,
}

impl BrokerChange {
    const NONE: Self = Self { remove: NO_NODE, add: NO_NODE, unclean_shutdown: NO_NODE };
}

impl<'a> Decision<'a> {
    /// Fences a broker: its partitions get other leaders, it leaves the ISRs.
    pub(super) fn fence_broker(self, broker: NodeId, records: &mut Vec<MetadataRecord>) {
        let change = BrokerChange { remove: broker, ..BrokerChange::NONE };
        self.update_leaders_and_isrs(change, self.with_isr_member(broker), records);
        self.change_registration(broker, records, |record| record.fenced = 1);
    }

    /// Unfences a broker; partitions without a leader may get one.
    pub(super) fn unfence_broker(self, broker: NodeId, records: &mut Vec<MetadataRecord>) {
        self.change_registration(broker, records, |record| record.fenced = -1);
        let change = BrokerChange { add: broker, ..BrokerChange::NONE };
        let leaderless = self.image.topics.all_partitions().filter(|(_, _, partition)| !partition.has_leader());
        self.update_leaders_and_isrs(change, leaderless, records);
    }

    /// Begins a controlled shutdown, or goes on with it: leaderships move away.
    pub(super) fn begin_controlled_shutdown(self, broker: NodeId, records: &mut Vec<MetadataRecord>) {
        if self.image.cluster.broker(broker).is_some_and(|registration| !registration.in_controlled_shutdown) {
            self.change_registration(broker, records, |record| record.in_controlled_shutdown = 1);
        }
        let change = BrokerChange { remove: broker, ..BrokerChange::NONE };
        self.update_leaders_and_isrs(change, self.with_isr_member(broker), records);
    }

    /// Takes a broker out of the ISRs (and, where it may have lost records, ELRs) its last incarnation was in.
    pub(super) fn shut_down_incarnation(self, broker: NodeId, clean: bool, records: &mut Vec<MetadataRecord>) {
        if clean {
            let change = BrokerChange { remove: broker, ..BrokerChange::NONE };
            self.update_leaders_and_isrs(change, self.with_isr_member(broker), records);
        } else {
            let change = BrokerChange { unclean_shutdown: broker, ..BrokerChange::NONE };
            let touched = self.image.topics.all_partitions().filter(move |(_, _, partition)| {
                partition.isr.contains(&broker) || partition.eligible_leader_replicas.contains(&broker)
            });
            self.update_leaders_and_isrs(change, touched, records);
        }
    }

    /// Log directories of a broker failed: replicas in them leave their ISRs.
    pub(super) fn directories_offline(self, broker: NodeId, offline: &[Uuid], records: &mut Vec<MetadataRecord>) {
        let Some(registration) = self.image.cluster.broker(broker) else { return };
        let failed: Vec<Uuid> =
            registration.log_dirs.iter().copied().filter(|directory| offline.contains(directory)).collect();
        // A broker without any directory stops by itself, so the last one never goes.
        let remaining: Vec<Uuid> =
            registration.log_dirs.iter().copied().filter(|directory| !failed.contains(directory)).collect();
        if failed.is_empty() || remaining.is_empty() {
            return;
        }
        let change = BrokerChange { remove: broker, ..BrokerChange::NONE };
        let lost =
            self.with_isr_member(broker).filter(|(_, _, partition)| failed.contains(&partition.directory(broker)));
        self.update_leaders_and_isrs(change, lost, records);
        self.change_registration(broker, records, |record| record.log_dirs = remaining);
    }

    /// Tells which log directories of a broker take nothing new (KIP-1066).
    pub(super) fn directories_cordoned(self, broker: NodeId, cordoned: &[Uuid], records: &mut Vec<MetadataRecord>) {
        let is_news = self.image.cluster.broker(broker).is_some_and(|known| known.cordoned_log_dirs != cordoned);
        if is_news && self.image.features.metadata_version() >= FIRST_WITH_CORDONED_DIRECTORIES {
            self.change_registration(broker, records, |record| record.cordoned_log_dirs = Some(cordoned.to_vec()));
        }
    }

    /// Gives partitions their preferred leaders back, where those can lead.
    pub(super) fn balance_leaders(self) -> Vec<MetadataRecord> {
        let imbalanced = self.imbalanced_partitions();
        let records = imbalanced.filter_map(|place| self.elect(place, Election::Preferred));
        records.take(MAX_ELECTIONS_PER_IMBALANCE).collect()
    }

    /// Whether there is any partition [`Self::balance_leaders`] could help.
    pub(super) fn imbalanced_partitions(self) -> impl Iterator<Item = Place<'a>> {
        let partitions = self.image.topics.all_partitions();
        partitions.filter(move |(_, _, partition)| {
            !partition.has_preferred_leader() && self.image.cluster.is_active(partition.preferred_leader())
        })
    }

    /// Elects leaders that may lack records for leaderless partitions of topics that allow it.
    pub(super) fn elect_unclean_leaders(self) -> Vec<MetadataRecord> {
        let leaderless = self.image.topics.all_partitions().filter(|(_, _, partition)| !partition.has_leader());
        let allowed = leaderless.filter(|(topic, _, _)| self.unclean_leader_election_enabled(&topic.name));
        allowed.filter_map(|place| self.elect(place, Election::Unclean)).collect()
    }

    /// Whether an unclean leader may be elected for `topic` (`unclean.leader.election.enable`).
    pub(super) fn unclean_leader_election_enabled(self, topic: &Str) -> bool {
        match self.topic_override(topic, "unclean.leader.election.enable") {
            Some(value) => value.eq_ignore_ascii_case("true"),
            None => self.config.node.topic_defaults.unclean_leader_election_enable,
        }
    }

    /// The record of one election, if it changes anything.
    fn elect(self, (topic, index, partition): Place<'a>, election: Election) -> Option<MetadataRecord> {
        let mut builder = self.builder(topic, index, partition);
        builder.election = election;
        self.build(builder, partition, BrokerChange::NONE)
    }

    /// A builder for this partition, with the settings of its topic.
    fn builder(
        self,
        topic: &TopicImage,
        index: PartitionIndex,
        partition: &'a PartitionRegistration,
    ) -> PartitionChangeBuilder<'a> {
        let elr_enabled = self.image.features.eligible_leader_replicas_enabled();
        let min_isr = if elr_enabled { self.min_in_sync_replicas(&topic.name) } else { 1 };
        let mut builder = PartitionChangeBuilder::new(partition, topic.id, index, min_isr, elr_enabled);
        if self.unclean_leader_election_enabled(&topic.name) {
            builder.election = Election::Unclean;
        }
        builder
    }

    fn build(
        self,
        builder: PartitionChangeBuilder<'_>,
        partition: &PartitionRegistration,
        change: BrokerChange,
    ) -> Option<MetadataRecord> {
        let acceptable = |replica: NodeId| {
            let Some(registration) = self.image.cluster.broker(replica) else { return false };
            replica != change.remove
                && replica != change.unclean_shutdown
                && (replica == change.add || registration.is_active())
                && registration.has_online_directory(partition.directory(replica))
        };
        let directory = |replica: NodeId| self.default_directory(replica);
        builder.build(&acceptable, &directory).map(MetadataRecord::PartitionChange)
    }

    /// Where a new replica on this broker goes.
    fn default_directory(self, broker: NodeId) -> Uuid {
        let registration = self.image.cluster.broker(broker);
        registration.map_or(crate::metadata::DIRECTORY_LOST, crate::metadata::BrokerRegistration::default_directory)
    }

    fn with_isr_member(self, broker: NodeId) -> impl Iterator<Item = Place<'a>> {
        self.image.topics.all_partitions().filter(move |(_, _, partition)| partition.isr.contains(&broker))
    }

    fn update_leaders_and_isrs(
        self,
        change: BrokerChange,
        partitions: impl Iterator<Item = Place<'a>>,
        records: &mut Vec<MetadataRecord>,
    ) {
        for (topic, index, partition) in partitions {
            let mut builder = self.builder(topic, index, partition);
            builder.target_isr = without(&partition.isr, &[change.remove, change.unclean_shutdown]);
            if change.unclean_shutdown != NO_NODE {
                builder.unclean_shutdown_replicas = vec![change.unclean_shutdown];
            }
            records.extend(self.build(builder, partition, change));
        }
    }

    fn change_registration(
        self,
        broker: NodeId,
        records: &mut Vec<MetadataRecord>,
        set: impl FnOnce(&mut BrokerRegistrationChangeRecord),
    ) {
        if let Some(registration) = self.image.cluster.broker(broker) {
            let mut record = BrokerRegistrationChangeRecord {
                broker_id: broker,
                broker_epoch: registration.epoch,
                ..Default::default()
            };
            set(&mut record);
            records.push(MetadataRecord::BrokerRegistrationChange(record));
        }
    }
}
