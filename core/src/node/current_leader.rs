//! Who asked the wrong broker for a partition is told the right one and where it listens, so that it need not ask for
//! metadata first (KIP-951).

use super::broker::Broker;
use super::inbound::{Answer, Token};
use crate::ids::{NodeId, Uuid};
use crate::metadata::{Endpoint, PartitionRegistration};
use crate::protocol::ErrorCode;
use crate::protocol::messages::{FetchResponse, ProduceResponse, fetch_response, produce_response};
use crate::sorted::sort;
use crate::text::Str;
use alloc::vec::Vec;

impl Broker {
    /// Adds to the refusals of a Produce who leads now.
    pub(super) fn name_leaders_of_produce(&self, token: Token, response: &mut ProduceResponse) {
        let mut leaders = Vec::new();
        for topic in &mut response.responses {
            for partition in &mut topic.partition_responses {
                if partition.error_code != ErrorCode::NotLeaderOrFollower.code() {
                    continue;
                }
                if let Some(known) = self.registration(&topic.name, topic.topic_id, partition.index) {
                    partition.current_leader.leader_id = known.leader;
                    partition.current_leader.leader_epoch = known.leader_epoch;
                    leaders.push(known.leader);
                }
            }
        }
        let endpoint = |(node_id, endpoint, rack): (NodeId, &Endpoint, Option<Str>)| produce_response::NodeEndpoint {
            node_id,
            host: endpoint.host.clone(),
            port: i32::from(endpoint.port),
            rack,
        };
        response.node_endpoints = self.endpoints_for(token, leaders).into_iter().map(endpoint).collect();
    }

    /// Adds to the answers of a Fetch where the leaders they name are reached.
    pub(super) fn name_leaders_of_fetch(&self, token: Token, response: &mut FetchResponse) {
        let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
        let leaders = partitions.map(|partition| partition.current_leader.leader_id).collect();
        let endpoint = |(node_id, endpoint, rack): (NodeId, &Endpoint, Option<Str>)| fetch_response::NodeEndpoint {
            node_id,
            host: endpoint.host.clone(),
            port: i32::from(endpoint.port),
            rack,
        };
        response.node_endpoints = self.endpoints_for(token, leaders).into_iter().map(endpoint).collect();
    }

    fn registration(&self, name: &Str, topic_id: Uuid, index: i32) -> Option<&PartitionRegistration> {
        let topics = &self.image.topics;
        let name = if topic_id == Uuid::ZERO { name } else { topics.name_of(topic_id)? };
        topics.by_name(name)?.partition(index)
    }

    /// Each leader once, as reached on the listener the request came to.
    fn endpoints_for(&self, token: Token, mut leaders: Vec<NodeId>) -> Vec<(NodeId, &Endpoint, Option<Str>)> {
        leaders.retain(|leader| *leader >= 0);
        sort(&mut leaders);
        leaders.dedup();
        if leaders.is_empty() {
            return Vec::new();
        }
        let Some(Answer::Client(asked)) = self.inbound.owed(token) else { return Vec::new() };
        let Some(inbound) = self.inbound.connection(asked.connection) else { return Vec::new() };
        let reached = |leader: NodeId| {
            let rack = self.image.cluster.broker(leader).and_then(|broker| broker.rack.clone());
            Some((leader, self.image.alive_endpoint(leader, &inbound.listener)?, rack))
        };
        leaders.into_iter().filter_map(reached).collect()
    }
}
