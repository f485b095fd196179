//! `DescribeQuorum` (55): what the leader knows of the replicas, as `kafka-metadata-quorum.sh` shows it.

use super::leader::ReplicaState as Replica;
use super::{RaftClient, RaftResponse};
use crate::ids::{CLUSTER_METADATA_TOPIC, NO_NODE, NodeId, Uuid};
use crate::protocol::ErrorCode;
use crate::protocol::messages::describe_quorum_response::{Listener, Node, PartitionData, ReplicaState, TopicData};
use crate::protocol::messages::{DescribeQuorumRequest, DescribeQuorumResponse};
use crate::text::Str;
use crate::time::Now;
use alloc::vec;
use alloc::vec::Vec;

impl RaftClient {
    pub(super) fn handle_describe_quorum_request(&mut self, now: Now, token: u64, request: &DescribeQuorumRequest) {
        let is_valid = match request.topics.as_slice() {
            [topic] => {
                topic.topic_name == CLUSTER_METADATA_TOPIC
                    && matches!(topic.partitions.as_slice(), [partition] if partition.partition_index == 0)
            }
            _ => false,
        };
        let partition = if !is_valid {
            refused(ErrorCode::UnknownTopicOrPartition)
        } else if self.quorum.leader().is_none() || self.is_shutting_down() {
            PartitionData {
                leader_id: self.quorum.leader_id().unwrap_or(NO_NODE),
                leader_epoch: self.quorum.epoch(),
                ..refused(ErrorCode::NotLeaderOrFollower)
            }
        } else {
            self.described_partition(now)
        };
        let topic = TopicData { topic_name: Str::from_static(CLUSTER_METADATA_TOPIC), partitions: vec![partition] };
        let node = |voter: &super::voter_set::Voter| Node {
            node_id: voter.key.id,
            listeners: voter
                .endpoints
                .iter()
                .map(|endpoint| Listener {
                    name: endpoint.listener.clone(),
                    host: endpoint.host.clone(),
                    port: endpoint.port,
                })
                .collect(),
        };
        let nodes: Vec<Node> = self.quorum.voters().iter().map(node).collect();
        let response = DescribeQuorumResponse { topics: vec![topic], nodes, ..DescribeQuorumResponse::default() };
        self.respond(token, RaftResponse::DescribeQuorum(response));
    }

    fn described_partition(&self, now: Now) -> PartitionData {
        let Some(leader) = self.quorum.leader() else { return refused(ErrorCode::NotLeaderOrFollower) };
        let local = self.quorum.local();
        let voter = |(id, replica): (NodeId, &Replica)| {
            if id == local.id {
                return ReplicaState {
                    replica_id: id,
                    replica_directory_id: local.directory_id,
                    log_end_offset: self.log.log_end_offset(),
                    last_fetch_timestamp: now.wall_ms,
                    last_caught_up_timestamp: now.wall_ms,
                };
            }
            described(id, replica.directory_id, replica)
        };
        PartitionData {
            leader_id: local.id,
            leader_epoch: leader.epoch,
            high_watermark: leader.high_watermark.unwrap_or(-1),
            current_voters: leader.voters().map(voter).collect(),
            observers: leader
                .observers(now.monotonic)
                .map(|(key, replica)| described(key.id, key.directory_id, replica))
                .collect(),
            ..PartitionData::default()
        }
    }
}

fn refused(error: ErrorCode) -> PartitionData {
    PartitionData {
        error_code: error.code(),
        error_message: Some(Str::from(error.message())),
        ..PartitionData::default()
    }
}

fn described(replica_id: NodeId, replica_directory_id: Uuid, replica: &Replica) -> ReplicaState {
    ReplicaState {
        replica_id,
        replica_directory_id,
        log_end_offset: replica.log_end_offset.unwrap_or(-1),
        last_fetch_timestamp: replica.last_fetch.map_or(-1, |at| at.wall_ms),
        last_caught_up_timestamp: replica.last_caught_up.map_or(-1, |at| at.wall_ms),
    }
}
