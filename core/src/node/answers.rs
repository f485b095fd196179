//! What other nodes answered, and what this node's parts answer: from a typed response to whom it is for.

use super::broker::{Broker, Purpose};
use super::channels::Sent;
use super::handlers::granted_producer_id;
use super::inbound::{Answer, Token};
use crate::config::quota_config::CONTROLLER_MUTATION_RATE;
use crate::controller::ControllerResponse;
use crate::protocol::messages as m;
use crate::protocol::{ApiKey, DecodeError, ErrorCode, Request, decode_response};
use crate::raft::{RaftResponse, RequestFailed as RaftRequestFailed};
use crate::replication::RequestFailed;
use crate::replication::replica_manager::FetcherResponse;
use bytes::Bytes;

/// Decodes the answer to a request of this node and gives it to who asked.
pub(super) fn take(broker: &mut Broker, sent: &Sent<Purpose>, frame: &Bytes) -> Result<(), DecodeError> {
    match &sent.purpose {
        Purpose::Raft { to, request_id } => {
            let response = raft_response(sent, frame)?;
            let store = &mut broker.stores[broker.metadata_directory];
            broker.raft.handle_response(broker.now, *to, *request_id, Ok(response), store);
        }
        Purpose::Replica { leader, request_id } => {
            let response = match sent.api_key {
                ApiKey::Fetch => FetcherResponse::Fetch(body::<m::FetchRequest>(sent, frame)?),
                _ => FetcherResponse::ListOffsets(body::<m::ListOffsetsRequest>(sent, frame)?),
            };
            broker.replica_manager.fetch_response(broker.now, &mut broker.stores, *leader, *request_id, Ok(response));
        }
        Purpose::AlterPartition { request_id } => {
            let response = body::<m::AlterPartitionRequest>(sent, frame)?;
            broker.replica_manager.alter_partition_response(broker.now, *request_id, Ok(response));
        }
        Purpose::AssignReplicasToDirs { request_id } => {
            let response = body::<m::AssignReplicasToDirsRequest>(sent, frame)?;
            broker.replica_manager.assign_replicas_to_dirs_response(broker.now, *request_id, Ok(response));
        }
        Purpose::Register => {
            let response = body::<m::BrokerRegistrationRequest>(sent, frame)?;
            let now = broker.now.monotonic;
            let change = broker.lifecycle.as_mut().and_then(|lifecycle| lifecycle.registered(now, &response));
            broker.lifecycle_changed(change);
        }
        Purpose::Heartbeat => {
            let response = body::<m::BrokerHeartbeatRequest>(sent, frame)?;
            let now = broker.now.monotonic;
            let change = broker.lifecycle.as_mut().and_then(|lifecycle| lifecycle.heartbeat_answered(now, &response));
            broker.lifecycle_changed(change);
        }
        Purpose::RegisterController => {
            let response = body::<m::ControllerRegistrationRequest>(sent, frame)?;
            let registered = response.error_code == ErrorCode::None.code();
            broker.controller_registration_answered(registered);
        }
        Purpose::Forward(forward) => {
            let response = body::<m::EnvelopeRequest>(sent, frame)?;
            broker.forward_answered(forward.clone(), response);
        }
        Purpose::WriteTxnMarkers { request_id } => {
            let response = body::<m::WriteTxnMarkersRequest>(sent, frame)?;
            broker.transactions.markers_answered(broker.now, *request_id, Some(&response));
        }
        Purpose::AddPartitionsToTxn { to, questions } => {
            let response = body::<m::AddPartitionsToTxnRequest>(sent, frame)?;
            broker.transactions_answered(*to, questions.clone(), Some(response));
        }
        Purpose::AllocateProducerIds => {
            let response = body::<m::AllocateProducerIdsRequest>(sent, frame)?;
            if response.error_code == ErrorCode::None.code() {
                for (token, id) in broker.producer_ids.block(response.producer_id_start, response.producer_id_len) {
                    granted_producer_id(broker, token, id);
                }
            } else {
                broker.producer_ids.failed(broker.now.monotonic);
            }
        }
    }
    Ok(())
}

fn body<R: Request>(sent: &Sent<Purpose>, frame: &Bytes) -> Result<R::Response, DecodeError> {
    decode_response::<R>(sent.version, frame).map(|(_, response)| response)
}

fn raft_response(sent: &Sent<Purpose>, frame: &Bytes) -> Result<RaftResponse, DecodeError> {
    Ok(match sent.api_key {
        ApiKey::Vote => RaftResponse::Vote(body::<m::VoteRequest>(sent, frame)?),
        ApiKey::BeginQuorumEpoch => RaftResponse::BeginQuorumEpoch(body::<m::BeginQuorumEpochRequest>(sent, frame)?),
        ApiKey::EndQuorumEpoch => RaftResponse::EndQuorumEpoch(body::<m::EndQuorumEpochRequest>(sent, frame)?),
        ApiKey::FetchSnapshot => RaftResponse::FetchSnapshot(body::<m::FetchSnapshotRequest>(sent, frame)?),
        ApiKey::DescribeQuorum => RaftResponse::DescribeQuorum(body::<m::DescribeQuorumRequest>(sent, frame)?),
        _ => RaftResponse::Fetch(body::<m::FetchRequest>(sent, frame)?),
    })
}

impl Broker {
    /// A request of this node got no answer.
    pub(super) fn request_failed(&mut self, purpose: Purpose) {
        let now = self.now;
        match purpose {
            Purpose::Raft { to, request_id } => {
                let store = &mut self.stores[self.metadata_directory];
                let failed = Err(RaftRequestFailed::Disconnected);
                self.raft.handle_response(now, to, request_id, failed, store);
            }
            Purpose::Replica { leader, request_id } => {
                let stores = &mut self.stores;
                self.replica_manager.fetch_response(now, stores, leader, request_id, Err(RequestFailed));
            }
            Purpose::AlterPartition { request_id } => {
                self.replica_manager.alter_partition_response(now, request_id, Err(RequestFailed));
            }
            Purpose::AssignReplicasToDirs { request_id } => {
                self.replica_manager.assign_replicas_to_dirs_response(now, request_id, Err(RequestFailed));
            }
            Purpose::Register | Purpose::Heartbeat => {
                if let Some(lifecycle) = self.lifecycle.as_mut() {
                    lifecycle.failed(now.monotonic);
                }
            }
            Purpose::RegisterController => self.controller_registration_answered(false),
            Purpose::Forward(forward) => self.forward_again(forward),
            Purpose::AllocateProducerIds => self.producer_ids.failed(now.monotonic),
            Purpose::WriteTxnMarkers { request_id } => self.transactions.markers_answered(now, request_id, None),
            Purpose::AddPartitionsToTxn { to, questions } => self.transactions_answered(to, questions, None),
        }
    }
}

/// Sends what KRaft answers.
pub(super) fn respond_raft(broker: &mut Broker, token: Token, response: &RaftResponse) {
    match response {
        RaftResponse::Vote(response) => broker.respond::<m::VoteRequest>(token, response),
        RaftResponse::BeginQuorumEpoch(response) => broker.respond::<m::BeginQuorumEpochRequest>(token, response),
        RaftResponse::EndQuorumEpoch(response) => broker.respond::<m::EndQuorumEpochRequest>(token, response),
        RaftResponse::Fetch(response) => broker.respond::<m::FetchRequest>(token, response),
        RaftResponse::FetchSnapshot(response) => broker.respond::<m::FetchSnapshotRequest>(token, response),
        RaftResponse::DescribeQuorum(response) => broker.respond::<m::DescribeQuorumRequest>(token, response),
    }
}

/// Sends what this node's controller answers. Where it is not the active one, an envelope says so itself, that its sender
/// looks elsewhere.
pub(super) fn respond_controller(
    broker: &mut Broker,
    token: Token,
    response: &ControllerResponse,
    not_controller: bool,
) {
    if not_controller && let Some(Answer::Envelope { envelope, .. }) = broker.inbound.owed(token).cloned() {
        broker.inbound.settle(token);
        let response = m::EnvelopeResponse { error_code: ErrorCode::NotController.code(), ..Default::default() };
        return broker.respond::<m::EnvelopeRequest>(envelope, &response);
    }
    if let Some(Answer::Client(asked)) = broker.inbound.owed(token) {
        let (connection, client_id) = (asked.connection, asked.client_id.clone());
        broker.throttle(connection, client_id, CONTROLLER_MUTATION_RATE, response.throttle_ms());
    }
    use ControllerResponse as C;
    match response {
        C::BrokerRegistration(response) => broker.respond::<m::BrokerRegistrationRequest>(token, response),
        C::BrokerHeartbeat(response) => broker.respond::<m::BrokerHeartbeatRequest>(token, response),
        C::UnregisterBroker(response) => broker.respond::<m::UnregisterBrokerRequest>(token, response),
        C::UpdateFeatures(response) => broker.respond::<m::UpdateFeaturesRequest>(token, response),
        C::ControllerRegistration(response) => broker.respond::<m::ControllerRegistrationRequest>(token, response),
        C::AllocateProducerIds(response) => broker.respond::<m::AllocateProducerIdsRequest>(token, response),
        C::AlterPartition(response) => broker.respond::<m::AlterPartitionRequest>(token, response),
        C::AssignReplicasToDirs(response) => broker.respond::<m::AssignReplicasToDirsRequest>(token, response),
        C::CreateTopics(response) => broker.respond::<m::CreateTopicsRequest>(token, response),
        C::DeleteTopics(response) => broker.respond::<m::DeleteTopicsRequest>(token, response),
        C::CreatePartitions(response) => broker.respond::<m::CreatePartitionsRequest>(token, response),
        C::ElectLeaders(response) => broker.respond::<m::ElectLeadersRequest>(token, response),
        C::IncrementalAlterConfigs(response) => broker.respond::<m::IncrementalAlterConfigsRequest>(token, response),
        C::AlterConfigs(response) => broker.respond::<m::AlterConfigsRequest>(token, response),
        C::AlterClientQuotas(response) => broker.respond::<m::AlterClientQuotasRequest>(token, response),
        C::AlterUserScramCredentials(response) => {
            broker.respond::<m::AlterUserScramCredentialsRequest>(token, response);
        }
        C::AlterPartitionReassignments(response) => {
            broker.respond::<m::AlterPartitionReassignmentsRequest>(token, response);
        }
        C::ListPartitionReassignments(response) => {
            broker.respond::<m::ListPartitionReassignmentsRequest>(token, response);
        }
    }
}
