//! `BeginQuorumEpoch` (53) and `EndQuorumEpoch` (54): a leader makes itself known, and says that it gives up.

use super::follower::end_epoch_backoff;
use super::leader::LeaderState;
use super::quorum_state::State;
use super::request_manager::SentRequest;
use super::voter_set::{ReplicaKey, VoterSet};
use super::{RaftClient, RaftRequest, RaftResponse, RequestKind};
use crate::ids::{CLUSTER_METADATA_TOPIC, NO_NODE, NodeId, Uuid};
use crate::log::storage::StoreQueue;
use crate::protocol::ErrorCode;
use crate::protocol::messages::{
    BeginQuorumEpochRequest, BeginQuorumEpochResponse, EndQuorumEpochRequest, EndQuorumEpochResponse,
    LeaderChangeMessage, begin_quorum_epoch_request as begin_request, begin_quorum_epoch_response as begin_response,
    end_quorum_epoch_request as end_request, end_quorum_epoch_response as end_response, leader_change_message,
};
use crate::text::Str;
use crate::time::{Instant, Now};
use alloc::vec;
use alloc::vec::Vec;

/// The record a leader begins its epoch with. Kafka writes version 0, and reads no other: it is without directory ids.
pub(super) fn leader_change(voters: &VoterSet, local: NodeId, leader: &LeaderState) -> LeaderChangeMessage {
    let voter = |voter_id: NodeId| leader_change_message::Voter { voter_id, ..Default::default() };
    LeaderChangeMessage {
        version: 0,
        leader_id: local,
        voters: voters.ids().map(voter).collect(),
        granting_voters: leader.granting_voters.iter().copied().map(voter).collect(),
    }
}

impl RaftClient {
    pub(super) fn send_begin_quorum_epoch(&mut self, to: NodeId, now: Instant) {
        if !self.is_ready(to, RequestKind::BeginQuorumEpoch, now) {
            return;
        }
        let voter_directory_id = self.quorum.voters().voter(to).map_or(Uuid::ZERO, |voter| voter.key.directory_id);
        let partition = begin_request::PartitionData {
            partition_index: 0,
            voter_directory_id,
            leader_id: self.quorum.local().id,
            leader_epoch: self.quorum.epoch(),
        };
        let topic = begin_request::TopicData {
            topic_name: Str::from_static(CLUSTER_METADATA_TOPIC),
            partitions: vec![partition],
        };
        let endpoint = |(name, host, port)| begin_request::LeaderEndpoint { name, host, port };
        let request = BeginQuorumEpochRequest {
            cluster_id: Some(self.config.cluster_id.clone()),
            voter_id: to,
            topics: vec![topic],
            leader_endpoints: self.own_endpoints().into_iter().map(endpoint).collect(),
        };
        self.send(to, RequestKind::BeginQuorumEpoch, false, RaftRequest::BeginQuorumEpoch(request));
    }

    pub(super) fn send_end_quorum_epoch(&mut self, to: NodeId, now: Instant) {
        let State::Resigned(state) = self.quorum.state() else { return };
        if !self.is_ready(to, RequestKind::EndQuorumEpoch, now) {
            return;
        }
        let candidate = |id: &NodeId| end_request::ReplicaInfo {
            candidate_id: *id,
            candidate_directory_id: self.quorum.voters().voter(*id).map_or(Uuid::ZERO, |voter| voter.key.directory_id),
        };
        let partition = end_request::PartitionData {
            partition_index: 0,
            leader_id: self.quorum.local().id,
            leader_epoch: state.epoch,
            preferred_successors: state.preferred_successors.clone(),
            preferred_candidates: state.preferred_successors.iter().map(candidate).collect(),
        };
        let topic = end_request::TopicData {
            topic_name: Str::from_static(CLUSTER_METADATA_TOPIC),
            partitions: vec![partition],
        };
        let endpoint = |(name, host, port)| end_request::LeaderEndpoint { name, host, port };
        let request = EndQuorumEpochRequest {
            cluster_id: Some(self.config.cluster_id.clone()),
            topics: vec![topic],
            leader_endpoints: self.own_endpoints().into_iter().map(endpoint).collect(),
        };
        self.send(to, RequestKind::EndQuorumEpoch, false, RaftRequest::EndQuorumEpoch(request));
    }

    pub(super) fn handle_begin_quorum_epoch(
        &mut self,
        now: Now,
        token: u64,
        request: &BeginQuorumEpochRequest,
        store: &mut StoreQueue,
    ) {
        let response = match self.judge_begin_quorum_epoch(now, request, store) {
            Ok(error) => self.begin_quorum_epoch_response(error),
            Err(error) => BeginQuorumEpochResponse { error_code: error.code(), ..BeginQuorumEpochResponse::default() },
        };
        self.respond(token, RaftResponse::BeginQuorumEpoch(response));
    }

    fn judge_begin_quorum_epoch(
        &mut self,
        now: Now,
        request: &BeginQuorumEpochRequest,
        store: &mut StoreQueue,
    ) -> Result<ErrorCode, ErrorCode> {
        self.check_cluster_id(request.cluster_id.as_ref())?;
        let [topic] = request.topics.as_slice() else { return Err(ErrorCode::InvalidRequest) };
        let [partition] = topic.partitions.as_slice() else { return Err(ErrorCode::InvalidRequest) };
        if topic.topic_name != CLUSTER_METADATA_TOPIC || partition.partition_index != 0 {
            return Err(ErrorCode::InvalidRequest);
        }
        let (epoch, leader) = (partition.leader_epoch, partition.leader_id);
        if let Some(error) = self.leader_claim_error(epoch, leader) {
            return Ok(error);
        }
        // One that was asking for pre-votes has its leader back.
        let is_prospective = matches!(self.quorum.state(), State::Prospective(_)) && epoch == self.quorum.epoch();
        if is_prospective {
            let outcome = self.quorum.follow(epoch, leader, now.monotonic, store);
            self.permitted(outcome);
        } else {
            self.observe_epoch(now, Some(leader), epoch, store);
        }
        if self.is_addressed(request.voter_id, partition.voter_directory_id) {
            Ok(ErrorCode::None)
        } else {
            Ok(ErrorCode::InvalidVoterKey)
        }
    }

    /// What is wrong with `leader` saying that it leads or led `epoch`.
    fn leader_claim_error(&self, epoch: i32, leader: NodeId) -> Option<ErrorCode> {
        let own_epoch = self.quorum.epoch();
        if epoch < own_epoch {
            return Some(ErrorCode::FencedLeaderEpoch);
        }
        let is_possible = self.quorum.may_lead(leader);
        let is_consistent = epoch > own_epoch || self.quorum.leader_id().is_none_or(|known| known == leader);
        (!is_possible || !is_consistent).then_some(ErrorCode::InvalidRequest)
    }

    fn begin_quorum_epoch_response(&self, error: ErrorCode) -> BeginQuorumEpochResponse {
        let partition = begin_response::PartitionData {
            partition_index: 0,
            error_code: error.code(),
            leader_id: self.quorum.leader_id().unwrap_or(NO_NODE),
            leader_epoch: self.quorum.epoch(),
        };
        let topic_name = Str::from_static(CLUSTER_METADATA_TOPIC);
        let endpoint = |(node_id, host, port)| begin_response::NodeEndpoint { node_id, host, port };
        BeginQuorumEpochResponse {
            error_code: ErrorCode::None.code(),
            topics: vec![begin_response::TopicData { topic_name, partitions: vec![partition] }],
            node_endpoints: self.leader_address().map(endpoint).into_iter().collect(),
        }
    }

    pub(super) fn handle_end_quorum_epoch(
        &mut self,
        now: Now,
        token: u64,
        request: &EndQuorumEpochRequest,
        store: &mut StoreQueue,
    ) {
        let response = match self.judge_end_quorum_epoch(now, request, store) {
            Ok(error) => self.end_quorum_epoch_response(error),
            Err(error) => EndQuorumEpochResponse { error_code: error.code(), ..EndQuorumEpochResponse::default() },
        };
        self.respond(token, RaftResponse::EndQuorumEpoch(response));
    }

    fn judge_end_quorum_epoch(
        &mut self,
        now: Now,
        request: &EndQuorumEpochRequest,
        store: &mut StoreQueue,
    ) -> Result<ErrorCode, ErrorCode> {
        self.check_cluster_id(request.cluster_id.as_ref())?;
        let [topic] = request.topics.as_slice() else { return Err(ErrorCode::InvalidRequest) };
        let [partition] = topic.partitions.as_slice() else { return Err(ErrorCode::InvalidRequest) };
        if topic.topic_name != CLUSTER_METADATA_TOPIC || partition.partition_index != 0 {
            return Err(ErrorCode::InvalidRequest);
        }
        if let Some(error) = self.leader_claim_error(partition.leader_epoch, partition.leader_id) {
            return Ok(error);
        }
        self.observe_epoch(now, Some(partition.leader_id), partition.leader_epoch, store);
        let local = self.quorum.local();
        let is_local = |candidate: &end_request::ReplicaInfo| {
            local.matches(&ReplicaKey::new(candidate.candidate_id, candidate.candidate_directory_id))
        };
        let position = partition.preferred_candidates.iter().position(is_local);
        let successors = partition.preferred_candidates.len();
        let wait = end_epoch_backoff(position, successors, self.config.election_backoff_max);
        if let Some(follower) = self.quorum.follower_mut()
            && follower.leader == partition.leader_id
        {
            follower.fetch_deadline = now.monotonic + wait;
        }
        Ok(ErrorCode::None)
    }

    fn end_quorum_epoch_response(&self, error: ErrorCode) -> EndQuorumEpochResponse {
        let partition = end_response::PartitionData {
            partition_index: 0,
            error_code: error.code(),
            leader_id: self.quorum.leader_id().unwrap_or(NO_NODE),
            leader_epoch: self.quorum.epoch(),
        };
        let topic_name = Str::from_static(CLUSTER_METADATA_TOPIC);
        let endpoint = |(node_id, host, port)| end_response::NodeEndpoint { node_id, host, port };
        EndQuorumEpochResponse {
            error_code: ErrorCode::None.code(),
            topics: vec![end_response::TopicData { topic_name, partitions: vec![partition] }],
            node_endpoints: self.leader_address().map(endpoint).into_iter().collect(),
        }
    }

    pub(super) fn handle_begin_quorum_epoch_response(
        &mut self,
        now: Now,
        from: NodeId,
        sent: SentRequest,
        response: &BeginQuorumEpochResponse,
        store: &mut StoreQueue,
    ) {
        let partition = response.topics.first().and_then(|topic| topic.partitions.first());
        let Some(partition) = partition.filter(|_| response.error_code == ErrorCode::None.code()) else {
            return self.requests.pause(from, RequestKind::BeginQuorumEpoch, now.monotonic);
        };
        let leader = Some(partition.leader_id).filter(|leader| *leader >= 0);
        self.observe_epoch(now, leader, partition.leader_epoch, store);
        if partition.error_code != ErrorCode::None.code() {
            return self.requests.pause(from, RequestKind::BeginQuorumEpoch, now.monotonic);
        }
        if sent.epoch == self.quorum.epoch()
            && let Some(leader) = self.quorum.leader_mut()
        {
            leader.acknowledged(from);
        }
    }

    pub(super) fn handle_end_quorum_epoch_response(
        &mut self,
        now: Now,
        from: NodeId,
        sent: SentRequest,
        response: &EndQuorumEpochResponse,
        store: &mut StoreQueue,
    ) {
        let partition = response.topics.first().and_then(|topic| topic.partitions.first());
        let Some(partition) = partition.filter(|_| response.error_code == ErrorCode::None.code()) else {
            return self.requests.pause(from, RequestKind::EndQuorumEpoch, now.monotonic);
        };
        let leader = Some(partition.leader_id).filter(|leader| *leader >= 0);
        self.observe_epoch(now, leader, partition.leader_epoch, store);
        if partition.error_code != ErrorCode::None.code() {
            self.requests.pause(from, RequestKind::EndQuorumEpoch, now.monotonic);
        }
        if let State::Resigned(state) = self.quorum.state_mut()
            && sent.epoch == state.epoch
        {
            state.unacknowledged_voters.remove(&from);
        }
    }

    /// Where the leader listens, for answers that point to it.
    pub(super) fn leader_address(&self) -> Option<(NodeId, Str, u16)> {
        let leader = self.quorum.leader_id()?;
        let (host, port) = self.quorum.address(leader)?;
        Some((leader, host.clone(), port))
    }

    fn own_endpoints(&self) -> Vec<(Str, Str, u16)> {
        let voter = self.quorum.voters().voter(self.quorum.local().id);
        let endpoints = voter.map(|voter| voter.endpoints.as_slice()).unwrap_or_default();
        endpoints.iter().map(|endpoint| (endpoint.listener.clone(), endpoint.host.clone(), endpoint.port)).collect()
    }
}
