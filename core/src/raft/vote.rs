//! Vote (52): asking for votes and pre-votes, and giving them.

use super::quorum_state::State;
use super::request_manager::SentRequest;
use super::voter_set::ReplicaKey;
use super::{RaftClient, RaftRequest, RaftResponse, RequestKind};
use crate::ids::{CLUSTER_METADATA_TOPIC, NO_NODE, NodeId, Uuid};
use crate::log::storage::StoreQueue;
use crate::protocol::ErrorCode;
use crate::protocol::messages::vote_request::{PartitionData as VoteRequestPartition, TopicData as VoteRequestTopic};
use crate::protocol::messages::vote_response::{NodeEndpoint, PartitionData, TopicData};
use crate::protocol::messages::{VoteRequest, VoteResponse};
use crate::text::Str;
use crate::time::{Instant, Now};
use alloc::vec;

impl RaftClient {
    pub(super) fn send_vote_request(&mut self, to: NodeId, pre_vote: bool, now: Instant) {
        if !self.is_ready(to, RequestKind::Vote, now) {
            return;
        }
        let local = self.quorum.local();
        let voter_directory_id = self.quorum.voters().voter(to).map_or(Uuid::ZERO, |voter| voter.key.directory_id);
        let partition = VoteRequestPartition {
            partition_index: 0,
            replica_epoch: self.quorum.epoch(),
            replica_id: local.id,
            replica_directory_id: local.directory_id,
            voter_directory_id,
            last_offset_epoch: self.log.last_fetched_epoch(),
            last_offset: self.log.log_end_offset(),
            pre_vote,
        };
        let topic =
            VoteRequestTopic { topic_name: Str::from_static(CLUSTER_METADATA_TOPIC), partitions: vec![partition] };
        let request =
            VoteRequest { cluster_id: Some(self.config.cluster_id.clone()), voter_id: to, topics: vec![topic] };
        self.send(to, RequestKind::Vote, pre_vote, RaftRequest::Vote(request));
    }

    pub(super) fn handle_vote_request(&mut self, now: Now, token: u64, request: &VoteRequest, store: &mut StoreQueue) {
        let response = match self.judge_vote_request(now, request, store) {
            Ok((error, vote_granted)) => self.vote_response(error, vote_granted),
            Err(error) => VoteResponse { error_code: error.code(), ..VoteResponse::default() },
        };
        self.respond(token, RaftResponse::Vote(response));
    }

    /// Answers the partition's error and whether the vote is granted; `Err` where the request as a whole is refused.
    fn judge_vote_request(
        &mut self,
        now: Now,
        request: &VoteRequest,
        store: &mut StoreQueue,
    ) -> Result<(ErrorCode, bool), ErrorCode> {
        self.check_cluster_id(request.cluster_id.as_ref())?;
        let [topic] = request.topics.as_slice() else { return Err(ErrorCode::InvalidRequest) };
        let [partition] = topic.partitions.as_slice() else { return Err(ErrorCode::InvalidRequest) };
        if topic.topic_name != CLUSTER_METADATA_TOPIC || partition.partition_index != 0 {
            return Err(ErrorCode::InvalidRequest);
        }
        let (epoch, last_epoch) = (partition.replica_epoch, partition.last_offset_epoch);
        // A candidate raised its epoch above all it has; one that only asks may have a record of its epoch.
        let last_epoch_is_possible = if partition.pre_vote { last_epoch <= epoch } else { last_epoch < epoch };
        if partition.last_offset < 0 || last_epoch < 0 || partition.replica_id < 0 || !last_epoch_is_possible {
            return Ok((ErrorCode::InvalidRequest, false));
        }
        if epoch < self.quorum.epoch() {
            return Ok((ErrorCode::FencedLeaderEpoch, false));
        }
        if epoch > self.quorum.epoch() {
            self.observe_epoch(now, None, epoch, store);
        }
        if !self.is_addressed(request.voter_id, partition.voter_directory_id) {
            return Ok((ErrorCode::InvalidVoterKey, false));
        }
        let candidate = ReplicaKey::new(partition.replica_id, partition.replica_directory_id);
        let own_log = (self.log.last_fetched_epoch(), self.log.log_end_offset());
        let log_is_up_to_date = (last_epoch, partition.last_offset) >= own_log;
        let granted = self.quorum.can_grant_vote(&candidate, log_is_up_to_date, partition.pre_vote);
        if granted && !partition.pre_vote && self.quorum.election().voted.is_none() {
            let outcome = self.quorum.vote(candidate, now.monotonic, store);
            self.permitted(outcome);
        }
        Ok((ErrorCode::None, granted))
    }

    /// True where a request for voter `voter_id` with directory `directory_id` means this replica; -1 and zero mean anyone.
    pub(super) fn is_addressed(&self, voter_id: NodeId, directory_id: Uuid) -> bool {
        let local = self.quorum.local();
        voter_id == NO_NODE || local.matches(&ReplicaKey::new(voter_id, directory_id))
    }

    /// Requests without a cluster id pass, as in Kafka.
    pub(super) fn check_cluster_id(&self, cluster_id: Option<&Str>) -> Result<(), ErrorCode> {
        if cluster_id.is_none_or(|cluster_id| *cluster_id == self.config.cluster_id) {
            Ok(())
        } else {
            Err(ErrorCode::InconsistentClusterId)
        }
    }

    fn vote_response(&self, error: ErrorCode, vote_granted: bool) -> VoteResponse {
        let partition = PartitionData {
            partition_index: 0,
            error_code: error.code(),
            leader_id: self.quorum.leader_id().unwrap_or(NO_NODE),
            leader_epoch: self.quorum.epoch(),
            vote_granted,
        };
        let topic = TopicData { topic_name: Str::from_static(CLUSTER_METADATA_TOPIC), partitions: vec![partition] };
        let node_endpoints = self
            .leader_address()
            .map(|(node_id, host, port)| NodeEndpoint { node_id, host, port })
            .into_iter()
            .collect();
        VoteResponse { error_code: ErrorCode::None.code(), topics: vec![topic], node_endpoints }
    }

    pub(super) fn handle_vote_response(
        &mut self,
        now: Now,
        from: NodeId,
        sent: SentRequest,
        response: &VoteResponse,
        store: &mut StoreQueue,
    ) {
        let partition = response.topics.first().and_then(|topic| topic.partitions.first());
        let Some(partition) = partition.filter(|_| response.error_code == ErrorCode::None.code()) else {
            return self.requests.pause(from, RequestKind::Vote, now.monotonic);
        };
        let leader = Some(partition.leader_id).filter(|leader| *leader >= 0);
        self.observe_epoch(now, leader, partition.leader_epoch, store);
        if sent.epoch != self.quorum.epoch() {
            return;
        }
        // Any error in the same epoch means that there will be no vote.
        let granted = partition.vote_granted && partition.error_code == ErrorCode::None.code();
        match self.quorum.state_mut() {
            State::Prospective(state) if sent.pre_vote => {
                state.election.record(from, granted);
            }
            State::Candidate(state) if !sent.pre_vote && state.backoff_deadline.is_none() => {
                state.election.record(from, granted);
            }
            _ => {}
        }
    }
}
