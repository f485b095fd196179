//! `AlterPartitionReassignments` and `ListPartitionReassignments` (KIP-455).

use super::super::decision::{ApiError, ControllerResult, Decision};
use super::super::partition_reassignment::{PartitionReassignment, without};
use super::{BrokerChange, Place};
use crate::ids::NodeId;
use crate::metadata::MetadataRecord;
use crate::protocol::ErrorCode;
use crate::protocol::messages::alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
use crate::protocol::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use crate::protocol::messages::list_partition_reassignments_response::{
    OngoingPartitionReassignment, OngoingTopicReassignment,
};
use crate::protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse,
};
use alloc::format;
use alloc::vec::Vec;

impl Decision<'_> {
    /// Begins, replaces or cancels reassignments.
    pub(in crate::controller) fn alter_partition_reassignments(
        self,
        request: &AlterPartitionReassignmentsRequest,
    ) -> ControllerResult<AlterPartitionReassignmentsResponse> {
        let mut records = Vec::new();
        let mut responses = Vec::new();
        for topic in &request.topics {
            let partitions = topic.partitions.iter().map(|wanted| {
                let outcome = self.reassign(topic, wanted, request.allow_replication_factor_change);
                let error = outcome.map(|record| records.extend(record)).err();
                ReassignablePartitionResponse {
                    partition_index: wanted.partition_index,
                    error_code: error.as_ref().map_or(0, ApiError::code),
                    error_message: error.map(|error| error.text()),
                }
            });
            responses.push(ReassignableTopicResponse { name: topic.name.clone(), partitions: partitions.collect() });
        }
        let response = AlterPartitionReassignmentsResponse {
            allow_replication_factor_change: request.allow_replication_factor_change,
            responses,
            ..Default::default()
        };
        ControllerResult::new(records, response)
    }

    /// The reassignments under way of the partitions named, or of all.
    pub(in crate::controller) fn list_partition_reassignments(
        self,
        request: &ListPartitionReassignmentsRequest,
    ) -> ListPartitionReassignmentsResponse {
        let mut topics = Vec::new();
        for topic in self.image.topics.iter() {
            let wanted = |index| {
                request.topics.as_ref().is_none_or(|names| {
                    names.iter().any(|entry| entry.name == topic.name && entry.partition_indexes.contains(&index))
                })
            };
            let moving = topic.partitions().filter(|&(index, partition)| partition.is_reassigning() && wanted(index));
            let partitions: Vec<_> = moving
                .map(|(partition_index, partition)| OngoingPartitionReassignment {
                    partition_index,
                    replicas: partition.replicas.clone(),
                    adding_replicas: partition.adding_replicas.clone(),
                    removing_replicas: partition.removing_replicas.clone(),
                })
                .collect();
            if !partitions.is_empty() {
                topics.push(OngoingTopicReassignment { name: topic.name.clone(), partitions });
            }
        }
        ListPartitionReassignmentsResponse { topics, ..Default::default() }
    }

    fn reassign(
        self,
        topic: &ReassignableTopic,
        wanted: &ReassignablePartition,
        allow_replication_factor_change: bool,
    ) -> Result<Option<MetadataRecord>, ApiError> {
        let index = wanted.partition_index;
        let unknown = |message| ApiError::new(ErrorCode::UnknownTopicOrPartition, message);
        let known = self.image.topics.by_name(&topic.name);
        let known = known.ok_or_else(|| unknown(format!("Unable to find a topic named {}.", topic.name)))?;
        let partition = known.partition(index);
        let partition =
            partition.ok_or_else(|| unknown(format!("Unable to find partition {}:{index}.", topic.name)))?;
        match &wanted.replicas {
            None => self.cancel_reassignment((known, index, partition)),
            Some(target) => self.begin_reassignment((known, index, partition), target, allow_replication_factor_change),
        }
    }

    fn begin_reassignment(
        self,
        (topic, index, partition): Place<'_>,
        target: &[NodeId],
        allow_replication_factor_change: bool,
    ) -> Result<Option<MetadataRecord>, ApiError> {
        self.check_manual_assignment(target, None)?;
        let settled = without(&partition.replicas, &partition.adding_replicas).len();
        if !allow_replication_factor_change && target.len() != settled {
            let message = format!("The replication factor is changed from {settled} to {}", target.len());
            return Err(ApiError::new(ErrorCode::InvalidReplicationFactor, message));
        }
        let reassignment = PartitionReassignment::new(partition, target);
        let mut builder = self.builder(topic, index, partition);
        builder.target_replicas = reassignment.replicas;
        builder.target_adding = reassignment.adding;
        builder.target_removing = reassignment.removing;
        Ok(self.build(builder, partition, BrokerChange::NONE))
    }

    /// Back to the replicas from before, unless none of them is in sync any more.
    fn cancel_reassignment(self, (topic, index, partition): Place<'_>) -> Result<Option<MetadataRecord>, ApiError> {
        if !partition.is_reassigning() {
            return Err(ErrorCode::NoReassignmentInProgress.into());
        }
        let isr = without(&partition.isr, &partition.adding_replicas);
        if isr.is_empty() && !self.unclean_leader_election_enabled(&topic.name) {
            let message = format!(
                "Unable to revert partition assignment for {}:{index} because it would require an unclean leader \
                 election.",
                topic.name
            );
            return Err(ApiError::new(ErrorCode::InvalidReplicaAssignment, message));
        }
        let mut builder = self.builder(topic, index, partition);
        builder.target_isr = isr;
        builder.target_replicas = without(&partition.replicas, &partition.adding_replicas);
        builder.target_adding = Vec::new();
        builder.target_removing = Vec::new();
        Ok(self.build(builder, partition, BrokerChange::NONE))
    }
}
