//! `CreateTopics`.

use super::super::decision::{ApiError, ControllerResult, Decision};
use super::super::replica_placer;
use super::MAX_PARTITIONS_PER_BATCH;
use super::topic_name::{colliding_topic, invalid_topic_name};
use crate::config::{Overrides, describe_topic};
use crate::ids::{CLUSTER_METADATA_TOPIC, NodeId, PartitionIndex, Uuid};
use crate::metadata::{ConfigResource, MetadataRecord, PartitionRegistration};
use crate::protocol::ErrorCode;
use crate::protocol::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic};
use crate::protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use crate::protocol::messages::{ConfigRecord, CreateTopicsRequest, CreateTopicsResponse, TopicRecord};
use crate::quota::ControllerMutationQuota;
use crate::rng::Rng;
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::format;
use alloc::vec::Vec;

/// A topic that can be created.
struct NewTopic {
    records: Vec<MetadataRecord>,
    result: CreatableTopicResult,
}

impl Decision<'_> {
    /// Creates the topics that can be created; the others get their errors.
    pub(in crate::controller) fn create_topics(
        self,
        request: &CreateTopicsRequest,
        rng: &mut Rng,
        quota: &mut ControllerMutationQuota,
    ) -> ControllerResult<CreateTopicsResponse> {
        let mut records = Vec::new();
        let mut partitions_left = MAX_PARTITIONS_PER_BATCH;
        let mut answered: SortedMap<&Str, CreatableTopicResult> = SortedMap::new();
        for topic in &request.topics {
            let named_before = answered.contains_key(&topic.name);
            let outcome = if named_before {
                Err(ApiError::new(ErrorCode::InvalidRequest, "Duplicate topic name."))
            } else {
                self.create_topic(topic, &mut partitions_left, rng, quota)
            };
            let result = match outcome {
                Ok(new_topic) => {
                    records.push((&topic.name, new_topic.records));
                    new_topic.result
                }
                Err(error) => CreatableTopicResult {
                    name: topic.name.clone(),
                    error_code: error.code(),
                    error_message: Some(error.text()),
                    ..Default::default()
                },
            };
            if named_before {
                records.retain(|(name, _)| *name != &topic.name);
            }
            answered.insert(&topic.name, result);
        }
        let records =
            if request.validate_only { Vec::new() } else { records.into_iter().flat_map(|(_, list)| list).collect() };
        let response = CreateTopicsResponse { topics: answered.into_values().collect(), ..Default::default() };
        ControllerResult::new(records, response)
    }

    fn create_topic(
        self,
        topic: &CreatableTopic,
        partitions_left: &mut usize,
        rng: &mut Rng,
        quota: &mut ControllerMutationQuota,
    ) -> Result<NewTopic, ApiError> {
        self.check_new_name(&topic.name)?;
        let overrides = self.new_configs(topic)?;
        let partitions = if topic.assignments.is_empty() {
            self.place_new_topic(topic, partitions_left, rng)?
        } else {
            self.assign_new_topic(topic, partitions_left)?
        };
        check_quota(quota, partitions.len())?;
        let topic_id = rng.uuid();
        let mut records = Vec::with_capacity(partitions.len() + 1 + overrides.len());
        records.push(MetadataRecord::Topic(TopicRecord { name: topic.name.clone(), topic_id }));
        records.extend(overrides.iter().map(|(name, value)| {
            MetadataRecord::Config(ConfigRecord {
                resource_type: ConfigResource::topic(topic.name.clone()).kind.code(),
                resource_name: topic.name.clone(),
                name: name.clone(),
                value: Some(value.clone()),
            })
        }));
        let replication_factor = partitions.first().map_or(0, |partition| partition.replicas.len());
        let num_partitions = partitions.len() as i32;
        records.extend(
            partitions
                .into_iter()
                .zip(0..)
                .map(|(partition, index)| MetadataRecord::Partition(partition.to_record(topic_id, index))),
        );
        let result = CreatableTopicResult {
            name: topic.name.clone(),
            topic_id,
            num_partitions,
            replication_factor: replication_factor as i16,
            configs: Some(self.describe_new_configs(&overrides)),
            ..Default::default()
        };
        Ok(NewTopic { records, result })
    }

    fn check_new_name(self, name: &Str) -> Result<(), ApiError> {
        if *name == CLUSTER_METADATA_TOPIC {
            let message = format!("Creation of internal topic {CLUSTER_METADATA_TOPIC} is prohibited.");
            return Err(ApiError::new(ErrorCode::InvalidRequest, message));
        }
        if let Some(message) = invalid_topic_name(name) {
            return Err(ApiError::new(ErrorCode::InvalidTopicException, message));
        }
        if let Some(other) = colliding_topic(&self.image.topics, name) {
            let message = format!("Topic '{name}' collides with existing topic: {other}");
            return Err(ApiError::new(ErrorCode::InvalidTopicException, message));
        }
        if self.image.topics.id_of(name).is_some() {
            let message = format!("Topic '{name}' already exists.");
            return Err(ApiError::new(ErrorCode::TopicAlreadyExists, message));
        }
        Ok(())
    }

    /// Chooses the replicas of a topic whose request says only how many.
    fn place_new_topic(
        self,
        topic: &CreatableTopic,
        partitions_left: &mut usize,
        rng: &mut Rng,
    ) -> Result<Vec<PartitionRegistration>, ApiError> {
        let defaults = &self.config.node.topics;
        let replication_factor = match topic.replication_factor {
            -1 => usize::try_from(defaults.default_replication_factor).unwrap_or(0),
            factor => usize::try_from(factor).unwrap_or(0),
        };
        if replication_factor == 0 {
            let message = "Replication factor must be larger than 0, or -1 to use the default value.";
            return Err(ApiError::new(ErrorCode::InvalidReplicationFactor, message));
        }
        let partitions = match topic.num_partitions {
            -1 => usize::try_from(defaults.num_partitions).unwrap_or(0),
            count => usize::try_from(count).unwrap_or(0),
        };
        if partitions == 0 {
            let message = "Number of partitions was set to an invalid non-positive value.";
            return Err(ApiError::new(ErrorCode::InvalidPartitions, message));
        }
        take_partitions(partitions, partitions_left)?;
        self.place_partitions(partitions, replication_factor, rng)
    }

    /// Chooses replicas for new partitions.
    pub(super) fn place_partitions(
        self,
        partitions: usize,
        replication_factor: usize,
        rng: &mut Rng,
    ) -> Result<Vec<PartitionRegistration>, ApiError> {
        let refused = |why: &str| {
            let message = format!("Unable to replicate the partition {replication_factor} time(s): {why}");
            ApiError::new(ErrorCode::InvalidReplicationFactor, message)
        };
        let placed = replica_placer::place(&self.image.cluster, partitions, replication_factor, rng);
        let placed = placed.map_err(|why| refused(&why))?;
        let registrations = placed.into_iter().map(|replicas| self.new_partition(replicas));
        let all: Option<Vec<_>> = registrations.collect();
        all.ok_or_else(|| refused("All brokers are currently fenced or in controlled shutdown."))
    }

    /// Takes the replica lists of the request.
    fn assign_new_topic(
        self,
        topic: &CreatableTopic,
        partitions_left: &mut usize,
    ) -> Result<Vec<PartitionRegistration>, ApiError> {
        if topic.replication_factor != -1 {
            let message = "A manual partition assignment was specified, but replication factor was not set to -1.";
            return Err(ApiError::new(ErrorCode::InvalidRequest, message));
        }
        if topic.num_partitions != -1 {
            let message = "A manual partition assignment was specified, but numPartitions was not set to -1.";
            return Err(ApiError::new(ErrorCode::InvalidRequest, message));
        }
        take_partitions(topic.assignments.len(), partitions_left)?;
        let mut partitions: SortedMap<PartitionIndex, PartitionRegistration> = SortedMap::new();
        let mut replication_factor = None;
        for CreatableReplicaAssignment { partition_index, broker_ids } in &topic.assignments {
            if partitions.contains_key(partition_index) {
                let message = format!("Found multiple manual partition assignments for partition {partition_index}");
                return Err(ApiError::new(ErrorCode::InvalidReplicaAssignment, message));
            }
            self.check_manual_assignment(broker_ids, replication_factor)?;
            replication_factor = Some(broker_ids.len());
            let partition = self.manual_partition(*partition_index, broker_ids)?;
            partitions.insert(*partition_index, partition);
        }
        if !partitions.keys().copied().eq(0..partitions.len() as PartitionIndex) {
            let message = "partitions should be a consecutive 0-based integer sequence";
            return Err(ApiError::new(ErrorCode::InvalidReplicaAssignment, message));
        }
        Ok(partitions.into_values().collect())
    }

    /// A new partition with these replicas, of which at least one must be able to lead.
    pub(super) fn manual_partition(
        self,
        index: PartitionIndex,
        replicas: &[NodeId],
    ) -> Result<PartitionRegistration, ApiError> {
        self.new_partition(replicas.to_vec()).ok_or_else(|| {
            let message = format!(
                "All brokers specified in the manual partition assignment for partition {index} are fenced or in \
                 controlled shutdown."
            );
            ApiError::new(ErrorCode::InvalidReplicaAssignment, message)
        })
    }

    /// A new partition: its active replicas are in sync, the first of them leads. `None` where no replica is active.
    fn new_partition(self, replicas: Vec<NodeId>) -> Option<PartitionRegistration> {
        let active = replicas.iter().copied().filter(|&replica| self.image.cluster.is_active(replica));
        let isr: Vec<NodeId> = active.collect();
        let directories: Vec<Uuid> = replicas.iter().map(|&replica| self.default_directory(replica)).collect();
        let leader = *isr.first()?;
        Some(PartitionRegistration { replicas, directories, isr, leader, ..PartitionRegistration::default() })
    }

    /// The configurations asked for, checked.
    fn new_configs(self, topic: &CreatableTopic) -> Result<Overrides, ApiError> {
        let without_value: Vec<&str> =
            topic.configs.iter().filter(|config| config.value.is_none()).map(|config| config.name.as_str()).collect();
        if !without_value.is_empty() {
            let message = format!("Null value not supported for topic configs: {}", without_value.join(","));
            return Err(ApiError::new(ErrorCode::InvalidConfig, message));
        }
        let given = topic.configs.iter().filter_map(|config| Some((config.name.clone(), config.value.clone()?)));
        let overrides: Overrides = given.collect();
        self.check_topic_configs(&overrides)?;
        Ok(overrides)
    }

    fn describe_new_configs(self, overrides: &Overrides) -> Vec<CreatableTopicConfigs> {
        let described = describe_topic(&self.node_config(), overrides).unwrap_or_default();
        let rows = described.into_iter().map(|row| CreatableTopicConfigs {
            name: row.name,
            value: row.value,
            read_only: row.read_only,
            config_source: row.source.code(),
            is_sensitive: row.sensitive,
        });
        rows.collect()
    }
}

/// Refuses what is more than the client's quota of changes allows.
pub(super) fn check_quota(quota: &mut ControllerMutationQuota, partitions: usize) -> Result<(), ApiError> {
    if quota.record(partitions) { Ok(()) } else { Err(ErrorCode::ThrottlingQuotaExceeded.into()) }
}

/// Refuses what would make the batch too large.
pub(super) fn take_partitions(wanted: usize, partitions_left: &mut usize) -> Result<(), ApiError> {
    let Some(left) = partitions_left.checked_sub(wanted) else {
        let message = "Excessively large number of partitions per request.";
        return Err(ApiError::new(ErrorCode::PolicyViolation, message));
    };
    *partitions_left = left;
    Ok(())
}
