//! `AlterPartition`: a leader proposes another ISR (KIP-497, 841, 903).

use super::super::decision::{ControllerResult, Decision};
use super::BrokerChange;
use crate::ids::{NodeId, PartitionIndex};
use crate::metadata::{LEADER_UNCHANGED, LeaderRecoveryState, MetadataRecord, PartitionRegistration, TopicImage};
use crate::protocol::ErrorCode;
use crate::protocol::messages::alter_partition_request::{self, BrokerState};
use crate::protocol::messages::alter_partition_response::{self, TopicData};
use crate::protocol::messages::{AlterPartitionRequest, AlterPartitionResponse};
use crate::sorted::sort;
use alloc::vec::Vec;

impl<'a> Decision<'a> {
    /// Takes the proposals that are current and possible.
    pub(in crate::controller) fn alter_partition(
        self,
        request: &AlterPartitionRequest,
    ) -> ControllerResult<AlterPartitionResponse> {
        if let Err(error) = self.current_broker(request.broker_id, request.broker_epoch) {
            let response = AlterPartitionResponse { error_code: error.code(), ..Default::default() };
            return ControllerResult::new(Vec::new(), response);
        }
        let mut records = Vec::new();
        let mut topics = Vec::new();
        for wanted in &request.topics {
            let topic = self.image.topics.by_id(wanted.topic_id);
            let answers = wanted.partitions.iter().map(|proposal| {
                let outcome = match topic {
                    Some(topic) => self.alter_one(request.broker_id, topic, proposal, &mut records),
                    None => Err(ErrorCode::UnknownTopicId),
                };
                match outcome {
                    Ok(state) => describe(proposal.partition_index, &state),
                    Err(error) => alter_partition_response::PartitionData {
                        partition_index: proposal.partition_index,
                        error_code: error.code(),
                        ..Default::default()
                    },
                }
            });
            topics.push(TopicData { topic_id: wanted.topic_id, partitions: answers.collect() });
        }
        ControllerResult::new(records, AlterPartitionResponse { topics, ..Default::default() })
    }

    /// The state of the partition after the proposal, or why it is refused.
    fn alter_one(
        self,
        broker: NodeId,
        topic: &'a TopicImage,
        proposal: &alter_partition_request::PartitionData,
        records: &mut Vec<MetadataRecord>,
    ) -> Result<PartitionRegistration, ErrorCode> {
        let index = proposal.partition_index;
        let partition = topic.partition(index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let members = proposed_members(proposal);
        let recovery_state = check_proposal(broker, partition, proposal, &members)?;
        if members.iter().any(|member| !self.may_join_isr(member)) {
            return Err(ErrorCode::IneligibleReplica);
        }
        let mut builder = self.builder(topic, index, partition);
        builder.target_isr = members.iter().map(|member| member.broker_id).collect();
        builder.target_leader_recovery_state = recovery_state;
        let Some(MetadataRecord::PartitionChange(record)) = self.build(builder, partition, BrokerChange::NONE) else {
            return Ok(partition.clone());
        };
        let after = partition.merge(&record).ok_or(ErrorCode::UnknownServerError)?;
        let leader_moved = record.leader != LEADER_UNCHANGED && record.leader != broker;
        records.push(MetadataRecord::PartitionChange(record));
        // The record counts even so: the proposal completed a reassignment that takes the leader away.
        if leader_moved { Err(ErrorCode::NewLeaderElected) } else { Ok(after) }
    }

    /// An epoch of -1 is of a request older than version 3: it only names the broker.
    fn may_join_isr(self, member: &BrokerState) -> bool {
        self.image.cluster.broker(member.broker_id).is_some_and(|registration| {
            registration.is_active() && (member.broker_epoch == -1 || member.broker_epoch == registration.epoch)
        })
    }
}

/// The new ISR, whichever field of the request's version has it.
fn proposed_members(proposal: &alter_partition_request::PartitionData) -> Vec<BrokerState> {
    if proposal.new_isr.is_empty() {
        return proposal.new_isr_with_epochs.clone();
    }
    proposal.new_isr.iter().map(|&broker_id| BrokerState { broker_id, broker_epoch: -1 }).collect()
}

/// Checks that the sender leads the partition as it is now and proposes a possible ISR; the order of checks is Kafka's.
fn check_proposal(
    broker: NodeId,
    partition: &PartitionRegistration,
    proposal: &alter_partition_request::PartitionData,
    members: &[BrokerState],
) -> Result<LeaderRecoveryState, ErrorCode> {
    // A sender that knows more than we do has heard of a newer controller.
    if proposal.leader_epoch > partition.leader_epoch || proposal.partition_epoch > partition.partition_epoch {
        return Err(ErrorCode::NotController);
    }
    if proposal.leader_epoch < partition.leader_epoch {
        return Err(ErrorCode::FencedLeaderEpoch);
    }
    if broker != partition.leader {
        return Err(ErrorCode::InvalidRequest);
    }
    if proposal.partition_epoch < partition.partition_epoch {
        return Err(ErrorCode::InvalidUpdateVersion);
    }
    let mut ids: Vec<NodeId> = members.iter().map(|member| member.broker_id).collect();
    sort(&mut ids);
    let unique = ids.windows(2).all(|pair| pair.first() != pair.last());
    if !unique || !ids.iter().all(|id| partition.replicas.contains(id)) || !ids.contains(&partition.leader) {
        return Err(ErrorCode::InvalidRequest);
    }
    let state = LeaderRecoveryState::from_code(proposal.leader_recovery_state).ok_or(ErrorCode::InvalidRequest)?;
    let recovering = state == LeaderRecoveryState::Recovering;
    let recovered = partition.leader_recovery_state == LeaderRecoveryState::Recovered;
    if recovering && (ids.len() > 1 || recovered) {
        return Err(ErrorCode::InvalidRequest);
    }
    Ok(state)
}

fn describe(index: PartitionIndex, state: &PartitionRegistration) -> alter_partition_response::PartitionData {
    alter_partition_response::PartitionData {
        partition_index: index,
        error_code: ErrorCode::None.code(),
        leader_id: state.leader,
        leader_epoch: state.leader_epoch,
        isr: state.isr.clone(),
        leader_recovery_state: state.leader_recovery_state.code(),
        partition_epoch: state.partition_epoch,
    }
}
