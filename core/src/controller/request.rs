//! The requests a controller answers, and their responses.

use super::decision::ApiError;
use super::scram_control::users_of;
use crate::protocol::messages as m;
use crate::text::Str;
use alloc::vec::Vec;

/// A request for the active controller, decoded.
#[derive(Clone, Debug, PartialEq)]
pub enum ControllerRequest {
    /// A broker started.
    BrokerRegistration(m::BrokerRegistrationRequest),
    /// A broker lives, and may want to be unfenced or to stop.
    BrokerHeartbeat(m::BrokerHeartbeatRequest),
    /// An operator removes a broker for good.
    UnregisterBroker(m::UnregisterBrokerRequest),
    /// An operator changes levels of features.
    UpdateFeatures(m::UpdateFeaturesRequest),
    /// A controller started.
    ControllerRegistration(m::ControllerRegistrationRequest),
    /// A broker wants a block of producer ids.
    AllocateProducerIds(m::AllocateProducerIdsRequest),
    /// A leader wants another ISR.
    AlterPartition(m::AlterPartitionRequest),
    /// A broker tells in which log directories its replicas are.
    AssignReplicasToDirs(m::AssignReplicasToDirsRequest),
    /// Create topics.
    CreateTopics(m::CreateTopicsRequest),
    /// Delete topics.
    DeleteTopics(m::DeleteTopicsRequest),
    /// Add partitions to topics.
    CreatePartitions(m::CreatePartitionsRequest),
    /// Elect leaders.
    ElectLeaders(m::ElectLeadersRequest),
    /// Change some configurations of some resources.
    IncrementalAlterConfigs(m::IncrementalAlterConfigsRequest),
    /// Replace all configurations of some resources.
    AlterConfigs(m::AlterConfigsRequest),
    /// Change quotas of clients.
    AlterClientQuotas(m::AlterClientQuotasRequest),
    /// Change credentials of users.
    AlterUserScramCredentials(m::AlterUserScramCredentialsRequest),
    /// Move replicas, or stop moving them.
    AlterPartitionReassignments(m::AlterPartitionReassignmentsRequest),
    /// Which replicas are being moved.
    ListPartitionReassignments(m::ListPartitionReassignmentsRequest),
}

/// The response to a [`ControllerRequest`], of the same kind.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "one per request, named as it")]
pub enum ControllerResponse {
    BrokerRegistration(m::BrokerRegistrationResponse),
    BrokerHeartbeat(m::BrokerHeartbeatResponse),
    UnregisterBroker(m::UnregisterBrokerResponse),
    UpdateFeatures(m::UpdateFeaturesResponse),
    ControllerRegistration(m::ControllerRegistrationResponse),
    AllocateProducerIds(m::AllocateProducerIdsResponse),
    AlterPartition(m::AlterPartitionResponse),
    AssignReplicasToDirs(m::AssignReplicasToDirsResponse),
    CreateTopics(m::CreateTopicsResponse),
    DeleteTopics(m::DeleteTopicsResponse),
    CreatePartitions(m::CreatePartitionsResponse),
    ElectLeaders(m::ElectLeadersResponse),
    IncrementalAlterConfigs(m::IncrementalAlterConfigsResponse),
    AlterConfigs(m::AlterConfigsResponse),
    AlterClientQuotas(m::AlterClientQuotasResponse),
    AlterUserScramCredentials(m::AlterUserScramCredentialsResponse),
    AlterPartitionReassignments(m::AlterPartitionReassignmentsResponse),
    ListPartitionReassignments(m::ListPartitionReassignmentsResponse),
}

impl ControllerResponse {
    /// Tells the client that it has to wait, where it does and the response can say so.
    pub(super) fn throttle(&mut self, throttle_ms: i32) {
        match self {
            Self::CreateTopics(response) => response.throttle_time_ms = throttle_ms,
            Self::DeleteTopics(response) => response.throttle_time_ms = throttle_ms,
            Self::CreatePartitions(response) => response.throttle_time_ms = throttle_ms,
            _ => {}
        }
    }

    /// How many milliseconds the client has to wait.
    pub fn throttle_ms(&self) -> i32 {
        match self {
            Self::CreateTopics(response) => response.throttle_time_ms,
            Self::DeleteTopics(response) => response.throttle_time_ms,
            Self::CreatePartitions(response) => response.throttle_time_ms,
            _ => 0,
        }
    }
}

impl ControllerRequest {
    /// The first version that is refused where its client is over its quota of changes to partitions (KIP-599); `None` for
    /// requests that change none.
    pub(super) fn strict_quota_since(&self) -> Option<i16> {
        match self {
            Self::CreateTopics(_) => Some(6),
            Self::DeleteTopics(_) => Some(5),
            Self::CreatePartitions(_) => Some(3),
            _ => None,
        }
    }

    /// The response that says `error` wherever this request's response can say it.
    pub fn error_response(&self, error: &ApiError) -> ControllerResponse {
        let error_code = error.code();
        let error_message = Some(error.text());
        match self {
            Self::BrokerRegistration(_) => ControllerResponse::BrokerRegistration(m::BrokerRegistrationResponse {
                error_code,
                ..Default::default()
            }),
            Self::BrokerHeartbeat(_) => {
                ControllerResponse::BrokerHeartbeat(m::BrokerHeartbeatResponse { error_code, ..Default::default() })
            }
            Self::UnregisterBroker(_) => ControllerResponse::UnregisterBroker(m::UnregisterBrokerResponse {
                error_code,
                error_message,
                ..Default::default()
            }),
            Self::UpdateFeatures(_) => ControllerResponse::UpdateFeatures(m::UpdateFeaturesResponse {
                error_code,
                error_message,
                ..Default::default()
            }),
            Self::ControllerRegistration(_) => {
                ControllerResponse::ControllerRegistration(m::ControllerRegistrationResponse {
                    error_code,
                    error_message,
                    ..Default::default()
                })
            }
            Self::AllocateProducerIds(_) => ControllerResponse::AllocateProducerIds(m::AllocateProducerIdsResponse {
                error_code,
                ..Default::default()
            }),
            Self::AlterPartition(_) => {
                ControllerResponse::AlterPartition(m::AlterPartitionResponse { error_code, ..Default::default() })
            }
            Self::AssignReplicasToDirs(_) => {
                ControllerResponse::AssignReplicasToDirs(m::AssignReplicasToDirsResponse {
                    error_code,
                    ..Default::default()
                })
            }
            Self::ElectLeaders(_) => {
                ControllerResponse::ElectLeaders(m::ElectLeadersResponse { error_code, ..Default::default() })
            }
            Self::AlterPartitionReassignments(_) => {
                ControllerResponse::AlterPartitionReassignments(m::AlterPartitionReassignmentsResponse {
                    error_code,
                    error_message,
                    ..Default::default()
                })
            }
            Self::ListPartitionReassignments(_) => {
                ControllerResponse::ListPartitionReassignments(m::ListPartitionReassignmentsResponse {
                    error_code,
                    error_message,
                    ..Default::default()
                })
            }
            Self::CreateTopics(_)
            | Self::DeleteTopics(_)
            | Self::CreatePartitions(_)
            | Self::IncrementalAlterConfigs(_)
            | Self::AlterConfigs(_)
            | Self::AlterClientQuotas(_)
            | Self::AlterUserScramCredentials(_) => self.error_response_by_item(error_code, error_message.as_ref()),
        }
    }

    /// For the responses that have no error of their own, only one for each thing asked for.
    fn error_response_by_item(&self, error_code: i16, error_message: Option<&Str>) -> ControllerResponse {
        match self {
            Self::DeleteTopics(request) => {
                use m::delete_topics_response::DeletableTopicResult;
                let by_name = request.topic_names.iter().map(|name| (Some(name.clone()), crate::ids::Uuid::ZERO));
                let by_state = request.topics.iter().map(|topic| (topic.name.clone(), topic.topic_id));
                let result = |(name, topic_id)| DeletableTopicResult {
                    name,
                    topic_id,
                    error_code,
                    error_message: error_message.cloned(),
                };
                let responses = by_name.chain(by_state).map(result).collect();
                ControllerResponse::DeleteTopics(m::DeleteTopicsResponse { responses, ..Default::default() })
            }
            Self::CreatePartitions(request) => {
                use m::create_partitions_response::CreatePartitionsTopicResult;
                let result = |name: &Str| CreatePartitionsTopicResult {
                    name: name.clone(),
                    error_code,
                    error_message: error_message.cloned(),
                };
                let results = request.topics.iter().map(|topic| result(&topic.name)).collect();
                ControllerResponse::CreatePartitions(m::CreatePartitionsResponse { results, ..Default::default() })
            }
            Self::IncrementalAlterConfigs(request) => {
                use m::incremental_alter_configs_response::AlterConfigsResourceResponse;
                let result = |resource: &m::incremental_alter_configs_request::AlterConfigsResource| {
                    AlterConfigsResourceResponse {
                        error_code,
                        error_message: error_message.cloned(),
                        resource_type: resource.resource_type,
                        resource_name: resource.resource_name.clone(),
                    }
                };
                let responses = request.resources.iter().map(result).collect();
                let response = m::IncrementalAlterConfigsResponse { responses, ..Default::default() };
                ControllerResponse::IncrementalAlterConfigs(response)
            }
            Self::AlterConfigs(request) => {
                use m::alter_configs_response::AlterConfigsResourceResponse;
                let result = |resource: &m::alter_configs_request::AlterConfigsResource| AlterConfigsResourceResponse {
                    error_code,
                    error_message: error_message.cloned(),
                    resource_type: resource.resource_type,
                    resource_name: resource.resource_name.clone(),
                };
                let responses = request.resources.iter().map(result).collect();
                ControllerResponse::AlterConfigs(m::AlterConfigsResponse { responses, ..Default::default() })
            }
            Self::AlterClientQuotas(request) => {
                use m::alter_client_quotas_response::{EntityData, EntryData};
                let entity = |part: &m::alter_client_quotas_request::EntityData| EntityData {
                    entity_type: part.entity_type.clone(),
                    entity_name: part.entity_name.clone(),
                };
                let result = |entry: &m::alter_client_quotas_request::EntryData| EntryData {
                    error_code,
                    error_message: error_message.cloned(),
                    entity: entry.entity.iter().map(entity).collect(),
                };
                let entries = request.entries.iter().map(result).collect();
                ControllerResponse::AlterClientQuotas(m::AlterClientQuotasResponse { entries, ..Default::default() })
            }
            Self::AlterUserScramCredentials(request) => {
                use m::alter_user_scram_credentials_response::AlterUserScramCredentialsResult;
                let results = users_of(request).into_iter().map(|user| AlterUserScramCredentialsResult {
                    user: user.clone(),
                    error_code,
                    error_message: error_message.cloned(),
                });
                let response =
                    m::AlterUserScramCredentialsResponse { results: results.collect(), ..Default::default() };
                ControllerResponse::AlterUserScramCredentials(response)
            }
            other => {
                use m::create_topics_response::CreatableTopicResult;
                let topics = if let Self::CreateTopics(request) = other { &request.topics[..] } else { &[] };
                let result = |name: &Str| CreatableTopicResult {
                    name: name.clone(),
                    error_code,
                    error_message: error_message.cloned(),
                    ..Default::default()
                };
                let topics: Vec<_> = topics.iter().map(|topic| result(&topic.name)).collect();
                ControllerResponse::CreateTopics(m::CreateTopicsResponse { topics, ..Default::default() })
            }
        }
    }
}
