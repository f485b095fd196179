//! `CreatePartitions`.

use super::super::decision::{ApiError, ControllerResult, Decision};
use super::MAX_PARTITIONS_PER_BATCH;
use super::create_topics::{check_quota, take_partitions};
use crate::ids::PartitionIndex;
use crate::metadata::{MetadataRecord, PartitionRegistration, TopicImage};
use crate::protocol::ErrorCode;
use crate::protocol::messages::create_partitions_request::{CreatePartitionsAssignment, CreatePartitionsTopic};
use crate::protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use crate::protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};
use crate::quota::ControllerMutationQuota;
use crate::rng::Rng;
use alloc::format;
use alloc::vec::Vec;

impl Decision<'_> {
    /// Adds partitions to the topics where that is possible.
    pub(in crate::controller) fn create_partitions(
        self,
        request: &CreatePartitionsRequest,
        rng: &mut Rng,
        quota: &mut ControllerMutationQuota,
    ) -> ControllerResult<CreatePartitionsResponse> {
        let mut records = Vec::new();
        let mut results: Vec<CreatePartitionsTopicResult> = Vec::new();
        let mut partitions_left = MAX_PARTITIONS_PER_BATCH;
        for topic in &request.topics {
            if results.iter().any(|result| result.name == topic.name) {
                continue;
            }
            let named_twice = request.topics.iter().filter(|other| other.name == topic.name).count() > 1;
            let outcome = if named_twice {
                Err(ApiError::new(ErrorCode::InvalidRequest, "Duplicate topic name."))
            } else {
                self.add_partitions(topic, &mut partitions_left, rng, quota)
            };
            let error = outcome.map(|mut new| records.append(&mut new)).err();
            results.push(CreatePartitionsTopicResult {
                name: topic.name.clone(),
                error_code: error.as_ref().map_or(0, ApiError::code),
                error_message: error.map(|error| error.text()),
            });
        }
        if request.validate_only {
            records.clear();
        }
        ControllerResult::new(records, CreatePartitionsResponse { results, ..Default::default() })
    }

    fn add_partitions(
        self,
        request: &CreatePartitionsTopic,
        partitions_left: &mut usize,
        rng: &mut Rng,
        quota: &mut ControllerMutationQuota,
    ) -> Result<Vec<MetadataRecord>, ApiError> {
        let topic = self.image.topics.by_name(&request.name).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let current = topic.partitions.len() as i32;
        let additional = request.count.saturating_sub(current);
        if additional <= 0 {
            let message = if additional == 0 {
                format!("Topic already has {current} partition(s).")
            } else {
                let (name, count) = (&request.name, request.count);
                format!("The topic {name} currently has {current} partition(s); {count} would not be an increase.")
            };
            return Err(ApiError::new(ErrorCode::InvalidPartitions, message));
        }
        let additional = additional as usize;
        if let Some(assignments) = request.assignments.as_ref().filter(|list| list.len() != additional) {
            let message = format!(
                "Attempted to add {additional} additional partition(s), but only {} assignment(s) were specified.",
                assignments.len()
            );
            return Err(ApiError::new(ErrorCode::InvalidReplicaAssignment, message));
        }
        check_quota(quota, additional)?;
        take_partitions(additional, partitions_left)?;
        let replication_factor = topic.partition(0).map_or(0, |partition| partition.replicas.len());
        let partitions = match &request.assignments {
            Some(assignments) => self.assigned_partitions(topic, assignments, replication_factor)?,
            None => self.place_partitions(additional, replication_factor, rng)?,
        };
        let first = current as PartitionIndex;
        let records = partitions.into_iter().zip(first..);
        Ok(records.map(|(partition, index)| MetadataRecord::Partition(partition.to_record(topic.id, index))).collect())
    }

    fn assigned_partitions(
        self,
        topic: &TopicImage,
        assignments: &[CreatePartitionsAssignment],
        replication_factor: usize,
    ) -> Result<Vec<PartitionRegistration>, ApiError> {
        let first = topic.partitions.len() as PartitionIndex;
        let partitions = assignments.iter().zip(first..).map(|(assignment, index)| {
            self.check_manual_assignment(&assignment.broker_ids, Some(replication_factor))?;
            self.manual_partition(index, &assignment.broker_ids)
        });
        partitions.collect()
    }
}
