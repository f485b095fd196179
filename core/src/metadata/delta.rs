//! [`MetadataDelta`]: an image, the records since, and what they changed.

use super::client_quotas::ClientQuotaEntity;
use super::cluster::{BrokerRegistration, ControllerRegistration};
use super::configs::{ConfigResource, ConfigResourceType};
use super::image::{MetadataImage, Provenance};
use super::partition::PartitionRegistration;
use super::records::MetadataRecord;
use super::topics::TopicImage;
use crate::ids::{BrokerEpoch, NodeId, PartitionIndex, Uuid};
use crate::protocol::messages as m;
use crate::scram::ScramMechanism;
use crate::sorted::{SortedMap, SortedSet};
use crate::text::Str;
use alloc::sync::Arc;
use core::fmt;

/// Why a record does not fit the image it is replayed on. The log of a sane controller never has such a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayError {
    /// It names a topic id nobody has.
    UnknownTopic(Uuid),
    /// It names a topic nobody has.
    UnknownTopicName(Str),
    /// It changes a partition that does not exist.
    UnknownPartition(Uuid, PartitionIndex),
    /// It creates a topic whose name or id is in use.
    DuplicateTopic(Str),
    /// It names a broker that is not registered.
    UnknownBroker(NodeId),
    /// It is about another incarnation of the broker.
    BrokerEpoch {
        /// The broker.
        broker: NodeId,
        /// Epoch of its registration.
        expected: BrokerEpoch,
        /// Epoch in the record.
        found: BrokerEpoch,
    },
    /// A configuration of a kind of thing that does not exist.
    UnknownConfigResource(i8),
    /// A quota of a kind of client that does not exist.
    UnknownQuotaEntity(Str),
    /// It takes a credential away that this user has not.
    UnknownScramCredential(Str),
    /// A field has a value without meaning.
    UnknownValue {
        /// The record.
        record: &'static str,
        /// Its field.
        field: &'static str,
        /// The value.
        value: i8,
    },
    /// The record belongs to a part of Kafka that is not built.
    Unsupported(&'static str),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl core::error::Error for ReplayError {}

/// What a delta changed. Ids and keys only: the old state is in [`MetadataDelta::base`], the new in [`MetadataDelta::image`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Topics that exist now and did not before.
    pub created_topics: SortedSet<Uuid>,
    /// Topics that existed before and do not now, as they were before.
    pub deleted_topics: SortedMap<Uuid, Arc<TopicImage>>,
    /// Partitions that were created or changed, of topics that exist now.
    pub partitions: SortedMap<Uuid, SortedSet<PartitionIndex>>,
    /// Brokers registered, changed or unregistered.
    pub brokers: SortedSet<NodeId>,
    /// Controllers registered.
    pub controllers: SortedSet<NodeId>,
    /// Resources with changed configurations.
    pub configs: SortedSet<ConfigResource>,
    /// Features with a changed level.
    pub features: SortedSet<Str>,
    /// Whether quotas of clients changed.
    pub client_quotas: bool,
    /// Whether credentials of users changed.
    pub scram: bool,
    /// Whether producer ids were handed out.
    pub producer_ids: bool,
}

/// Records replayed over an image.
#[derive(Clone, Debug)]
pub struct MetadataDelta {
    base: MetadataImage,
    next: MetadataImage,
    changes: Changes,
}

impl MetadataDelta {
    /// A delta over `image` that changes nothing yet.
    pub fn new(image: &MetadataImage) -> Self {
        Self { base: image.clone(), next: image.clone(), changes: Changes::default() }
    }

    /// Replays one record. On an error the delta is as it was before.
    pub fn replay(&mut self, record: &MetadataRecord) -> Result<(), ReplayError> {
        match record {
            MetadataRecord::RegisterBroker(record) => {
                Arc::make_mut(&mut self.next.cluster).insert_broker(BrokerRegistration::from_record(record));
                self.changes.brokers.insert(record.broker_id);
            }
            MetadataRecord::UnregisterBroker(record) => {
                self.checked_broker(record.broker_id, record.broker_epoch)?;
                Arc::make_mut(&mut self.next.cluster).remove_broker(record.broker_id);
            }
            MetadataRecord::BrokerRegistrationChange(record) => self.replay_registration_change(record)?,
            MetadataRecord::FenceBroker(record) => self.checked_broker(record.id, record.epoch)?.fenced = true,
            MetadataRecord::UnfenceBroker(record) => self.checked_broker(record.id, record.epoch)?.fenced = false,
            MetadataRecord::RegisterController(record) => {
                let registration = ControllerRegistration::from_record(record);
                Arc::make_mut(&mut self.next.cluster).insert_controller(registration);
                self.changes.controllers.insert(record.controller_id);
            }
            MetadataRecord::Topic(record) => self.replay_topic(record)?,
            MetadataRecord::RemoveTopic(record) => self.replay_remove_topic(record)?,
            MetadataRecord::Partition(record) => self.replay_partition(record)?,
            MetadataRecord::PartitionChange(record) => self.replay_partition_change(record)?,
            MetadataRecord::ClearElr(record) => self.replay_clear_elr(record)?,
            MetadataRecord::Config(record) => self.replay_config(record)?,
            MetadataRecord::FeatureLevel(record) => {
                Arc::make_mut(&mut self.next.features).replay(record);
                self.changes.features.insert(record.name.detached());
            }
            MetadataRecord::ClientQuota(record) => {
                let entity = ClientQuotaEntity::from_record(record).map_err(ReplayError::UnknownQuotaEntity)?;
                Arc::make_mut(&mut self.next.client_quotas).replay(entity, record);
                self.changes.client_quotas = true;
            }
            MetadataRecord::UserScramCredential(record) => {
                let mechanism = mechanism_of("UserScramCredentialRecord", record.mechanism)?;
                Arc::make_mut(&mut self.next.scram).replay(mechanism, record);
                self.changes.scram = true;
            }
            MetadataRecord::RemoveUserScramCredential(record) => {
                let mechanism = mechanism_of("RemoveUserScramCredentialRecord", record.mechanism)?;
                if self.next.scram.credential(&record.name, mechanism).is_none() {
                    return Err(ReplayError::UnknownScramCredential(record.name.clone()));
                }
                Arc::make_mut(&mut self.next.scram).remove(&record.name, mechanism);
                self.changes.scram = true;
            }
            MetadataRecord::ProducerIds(record) => {
                Arc::make_mut(&mut self.next.producer_ids).replay(record);
                self.changes.producer_ids = true;
            }
            // A transaction's records are always in one atomic batch here, so its brackets carry nothing.
            MetadataRecord::NoOp(_) | MetadataRecord::BeginTransaction(_) | MetadataRecord::EndTransaction(_) => {}
            MetadataRecord::AbortTransaction(_)
            | MetadataRecord::DelegationToken(_)
            | MetadataRecord::RemoveDelegationToken(_)
            | MetadataRecord::AccessControlEntry(_)
            | MetadataRecord::RemoveAccessControlEntry(_)
            | MetadataRecord::ZkMigrationState(_) => return Err(ReplayError::Unsupported(record.name())),
        }
        Ok(())
    }

    /// What the records replayed so far changed.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// The image before.
    pub fn base(&self) -> &MetadataImage {
        &self.base
    }

    /// The image so far, still with the provenance of the one before.
    pub fn image(&self) -> &MetadataImage {
        &self.next
    }

    /// The image after all records, which end at `provenance`.
    #[must_use]
    pub fn apply(self, provenance: Provenance) -> MetadataImage {
        MetadataImage { provenance, ..self.next }
    }

    /// The changed partitions of topics that exist now, with their state before, if any, and now.
    pub fn changed_partitions(
        &self,
    ) -> impl Iterator<Item = (&TopicImage, PartitionIndex, Option<&PartitionRegistration>, &PartitionRegistration)>
    {
        self.changes.partitions.iter().flat_map(move |(&id, indexes)| {
            indexes.iter().filter_map(move |&index| {
                let topic = self.next.topics.by_id(id)?;
                Some((topic, index, self.base.topics.partition(id, index), topic.partition(index)?))
            })
        })
    }

    /// The registration of `broker` in the next image, marked as changed.
    fn checked_broker(&mut self, broker: NodeId, epoch: BrokerEpoch) -> Result<&mut BrokerRegistration, ReplayError> {
        let known = self.next.cluster.broker(broker).ok_or(ReplayError::UnknownBroker(broker))?;
        if known.epoch != epoch {
            return Err(ReplayError::BrokerEpoch { broker, expected: known.epoch, found: epoch });
        }
        self.changes.brokers.insert(broker);
        Arc::make_mut(&mut self.next.cluster).broker_mut(broker).ok_or(ReplayError::UnknownBroker(broker))
    }

    fn replay_registration_change(&mut self, record: &m::BrokerRegistrationChangeRecord) -> Result<(), ReplayError> {
        let unknown =
            |field, value| ReplayError::UnknownValue { record: "BrokerRegistrationChangeRecord", field, value };
        let fenced = match record.fenced {
            -1 => Some(false),
            0 => None,
            1 => Some(true),
            other => return Err(unknown("Fenced", other)),
        };
        let in_controlled_shutdown = match record.in_controlled_shutdown {
            0 => false,
            1 => true,
            other => return Err(unknown("InControlledShutdown", other)),
        };
        let broker = self.checked_broker(record.broker_id, record.broker_epoch)?;
        if let Some(fenced) = fenced {
            broker.fenced = fenced;
        }
        broker.in_controlled_shutdown |= in_controlled_shutdown;
        if !record.log_dirs.is_empty() {
            broker.log_dirs.clone_from(&record.log_dirs);
        }
        if let Some(cordoned) = &record.cordoned_log_dirs {
            broker.cordoned_log_dirs.clone_from(cordoned);
        }
        Ok(())
    }

    fn replay_topic(&mut self, record: &m::TopicRecord) -> Result<(), ReplayError> {
        if !Arc::make_mut(&mut self.next.topics).insert(&record.name, record.topic_id) {
            return Err(ReplayError::DuplicateTopic(record.name.clone()));
        }
        self.changes.created_topics.insert(record.topic_id);
        Ok(())
    }

    fn replay_remove_topic(&mut self, record: &m::RemoveTopicRecord) -> Result<(), ReplayError> {
        let id = record.topic_id;
        let removed = Arc::make_mut(&mut self.next.topics).remove(id).ok_or(ReplayError::UnknownTopic(id))?;
        self.changes.created_topics.remove(&id);
        self.changes.partitions.remove(&id);
        if let Some(before) = self.base.topics.shared(id) {
            self.changes.deleted_topics.insert(id, before.clone());
        }
        // A topic takes its configurations with it; no record says so.
        let resource = ConfigResource::topic(removed.name.clone());
        if self.next.configs.contains(&resource) {
            Arc::make_mut(&mut self.next.configs).remove(&resource);
            self.changes.configs.insert(resource);
        }
        Ok(())
    }

    fn replay_partition(&mut self, record: &m::PartitionRecord) -> Result<(), ReplayError> {
        let registration = PartitionRegistration::from_record(record).ok_or(ReplayError::UnknownValue {
            record: "PartitionRecord",
            field: "LeaderRecoveryState",
            value: record.leader_recovery_state,
        })?;
        self.set_partition(record.topic_id, record.partition_id, registration)
    }

    fn replay_partition_change(&mut self, record: &m::PartitionChangeRecord) -> Result<(), ReplayError> {
        let (id, index) = (record.topic_id, record.partition_id);
        let topic = self.next.topics.by_id(id).ok_or(ReplayError::UnknownTopic(id))?;
        let before = topic.partition(index).ok_or(ReplayError::UnknownPartition(id, index))?;
        let after = before.merge(record).ok_or(ReplayError::UnknownValue {
            record: "PartitionChangeRecord",
            field: "LeaderRecoveryState",
            value: record.leader_recovery_state,
        })?;
        self.set_partition(id, index, after)
    }

    fn replay_clear_elr(&mut self, record: &m::ClearElrRecord) -> Result<(), ReplayError> {
        let of_one_topic = (!record.topic_name.is_empty()).then_some(&record.topic_name);
        if let Some(name) = of_one_topic.filter(|name| self.next.topics.id_of(name).is_none()) {
            return Err(ReplayError::UnknownTopicName(name.clone()));
        }
        let cleared: alloc::vec::Vec<_> = self
            .next
            .topics
            .all_partitions()
            .filter(|(topic, _, _)| of_one_topic.is_none_or(|name| topic.name == *name))
            .filter(|(_, _, partition)| {
                !partition.eligible_leader_replicas.is_empty() || !partition.last_known_elr.is_empty()
            })
            .map(|(topic, index, partition)| {
                let (eligible_leader_replicas, last_known_elr) = Default::default();
                (
                    topic.id,
                    index,
                    PartitionRegistration { eligible_leader_replicas, last_known_elr, ..partition.clone() },
                )
            })
            .collect();
        cleared.into_iter().try_for_each(|(id, index, partition)| self.set_partition(id, index, partition))
    }

    fn set_partition(
        &mut self,
        id: Uuid,
        index: PartitionIndex,
        registration: PartitionRegistration,
    ) -> Result<(), ReplayError> {
        let topic = Arc::make_mut(&mut self.next.topics).topic_mut(id).ok_or(ReplayError::UnknownTopic(id))?;
        topic.partitions.insert(index, Arc::new(registration));
        self.changes.partitions.entry(id).or_default().insert(index);
        Ok(())
    }

    fn replay_config(&mut self, record: &m::ConfigRecord) -> Result<(), ReplayError> {
        let kind = ConfigResourceType::from_code(record.resource_type)
            .ok_or(ReplayError::UnknownConfigResource(record.resource_type))?;
        let resource = ConfigResource { kind, name: record.resource_name.detached() };
        Arc::make_mut(&mut self.next.configs).replay(&resource, record);
        self.changes.configs.insert(resource);
        Ok(())
    }
}

fn mechanism_of(record: &'static str, code: i8) -> Result<ScramMechanism, ReplayError> {
    let unknown = ReplayError::UnknownValue { record, field: "Mechanism", value: code };
    ScramMechanism::from_code(code).ok_or(unknown)
}
