//! `ListConfigResources`: what has configurations, or could have some (KIP-714, 1142).

use super::RequestContext;
use crate::metadata::{ConfigResourceType, MetadataImage};
use crate::node::broker::Broker;
use crate::protocol::ErrorCode;
use crate::protocol::messages::ListConfigResourcesRequest;
use crate::protocol::messages::list_config_resources_response::{ConfigResource, ListConfigResourcesResponse};
use crate::text::Str;
use alloc::format;
use alloc::vec::Vec;

/// In the order in which Kafka lists them.
const LISTED: [ConfigResourceType; 5] = [
    ConfigResourceType::Group,
    ConfigResourceType::ClientMetrics,
    ConfigResourceType::BrokerLogger,
    ConfigResourceType::Broker,
    ConfigResourceType::Topic,
];

pub(super) fn handle(broker: &mut Broker, context: &RequestContext, request: &ListConfigResourcesRequest) {
    let asked = &request.resource_types;
    let is_wanted = |kind: &ConfigResourceType| match context.version {
        // Version 0 is of client metrics alone.
        0 => *kind == ConfigResourceType::ClientMetrics,
        _ => asked.is_empty() || asked.contains(&kind.code()),
    };
    let mut response = ListConfigResourcesResponse::default();
    if asked.iter().all(|code| LISTED.iter().any(|kind| kind.code() == *code)) {
        let wanted = LISTED.into_iter().filter(is_wanted);
        response.config_resources = wanted.flat_map(|kind| listed(&broker.image, &context.listener, kind)).collect();
    } else {
        response.error_code = ErrorCode::UnsupportedVersion.code();
    }
    broker.respond::<ListConfigResourcesRequest>(context.token, &response);
}

fn listed(image: &MetadataImage, listener: &str, kind: ConfigResourceType) -> Vec<ConfigResource> {
    let names: Vec<Str> = match kind {
        ConfigResourceType::Topic => image.topics.iter().map(|topic| topic.name.clone()).collect(),
        ConfigResourceType::Broker | ConfigResourceType::BrokerLogger => {
            image.alive_brokers(listener).map(|(broker, _)| format!("{}", broker.id).into()).collect()
        }
        ConfigResourceType::Group | ConfigResourceType::ClientMetrics => {
            let set = image.configs.iter().filter(|(resource, _)| resource.kind == kind);
            set.map(|(resource, _)| resource.name.clone()).collect()
        }
    };
    names.into_iter().map(|resource_name| ConfigResource { resource_name, resource_type: kind.code() }).collect()
}
