//! The APIs that the active controller decides. On a node that is not it, the controller itself says `NOT_CONTROLLER`.

use super::{RequestContext, body};
use crate::controller::{ControllerRequest, ControllerRequestContext};
use crate::node::broker::Broker;
use crate::node::inbound::Answer;
use crate::protocol::{ApiKey, DecodeError, Reader};
use crate::quota::QuotaClient;

pub(super) fn handle(broker: &mut Broker, context: &RequestContext, reader: &mut Reader) -> Result<(), DecodeError> {
    let request = match context.api_key {
        ApiKey::CreateTopics => ControllerRequest::CreateTopics(body(reader, context)?),
        ApiKey::DeleteTopics => ControllerRequest::DeleteTopics(body(reader, context)?),
        ApiKey::CreatePartitions => ControllerRequest::CreatePartitions(body(reader, context)?),
        ApiKey::ElectLeaders => ControllerRequest::ElectLeaders(body(reader, context)?),
        ApiKey::IncrementalAlterConfigs => ControllerRequest::IncrementalAlterConfigs(body(reader, context)?),
        ApiKey::AlterConfigs => ControllerRequest::AlterConfigs(body(reader, context)?),
        ApiKey::AlterClientQuotas => ControllerRequest::AlterClientQuotas(body(reader, context)?),
        ApiKey::AlterUserScramCredentials => ControllerRequest::AlterUserScramCredentials(body(reader, context)?),
        ApiKey::AlterPartition => ControllerRequest::AlterPartition(body(reader, context)?),
        ApiKey::AlterPartitionReassignments => ControllerRequest::AlterPartitionReassignments(body(reader, context)?),
        ApiKey::ListPartitionReassignments => ControllerRequest::ListPartitionReassignments(body(reader, context)?),
        ApiKey::AssignReplicasToDirs => ControllerRequest::AssignReplicasToDirs(body(reader, context)?),
        ApiKey::AllocateProducerIds => ControllerRequest::AllocateProducerIds(body(reader, context)?),
        ApiKey::BrokerRegistration => ControllerRequest::BrokerRegistration(body(reader, context)?),
        ApiKey::BrokerHeartbeat => ControllerRequest::BrokerHeartbeat(body(reader, context)?),
        ApiKey::UnregisterBroker => ControllerRequest::UnregisterBroker(body(reader, context)?),
        ApiKey::UpdateFeatures => ControllerRequest::UpdateFeatures(body(reader, context)?),
        ApiKey::ControllerRegistration => ControllerRequest::ControllerRegistration(body(reader, context)?),
        other => return Err(DecodeError::UnexpectedApiKey { api_key: other.code() }),
    };
    let client = QuotaClient::anonymous(context.client_id.clone());
    // A broker that sent a request on has looked at it.
    let is_direct = !matches!(broker.inbound.owed(context.token), Some(Answer::Envelope { .. }));
    let asked = ControllerRequestContext { client, version: context.version, is_direct };
    broker.ask_own_controller(context.token, request, &asked);
    Ok(())
}
