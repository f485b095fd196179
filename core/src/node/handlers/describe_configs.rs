//! `DescribeConfigs`: of topics, of this broker, of all brokers' common settings, of groups and of client metrics.

use super::RequestContext;
use crate::config::{self, BrokerConfig, DescribedConfig};
use crate::ids::NodeId;
use crate::metadata::ConfigResource;
use crate::node::broker::Broker;
use crate::protocol::ErrorCode;
use crate::protocol::messages::DescribeConfigsRequest;
use crate::protocol::messages::describe_configs_request::DescribeConfigsResource;
use crate::protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// `ConfigResource.Type`.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

pub(super) fn handle(broker: &mut Broker, context: &RequestContext, request: &DescribeConfigsRequest) {
    let results = request.resources.iter().map(|resource| describe(broker, request, resource)).collect();
    let response = DescribeConfigsResponse { results, ..Default::default() };
    broker.respond::<DescribeConfigsRequest>(context.token, &response);
}

fn describe(
    broker: &Broker,
    request: &DescribeConfigsRequest,
    resource: &DescribeConfigsResource,
) -> DescribeConfigsResult {
    let rows = match resource.resource_type {
        TOPIC => topic(broker, &resource.resource_name),
        BROKER => this_broker(broker, &resource.resource_name),
        BROKER_LOGGER => loggers(broker, &resource.resource_name),
        CLIENT_METRICS => client_metrics(broker, &resource.resource_name),
        GROUP => group(broker, &resource.resource_name),
        other => Err((ErrorCode::InvalidRequest, format!("Unsupported resource type: {other}"))),
    };
    let mut result = DescribeConfigsResult {
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
        ..Default::default()
    };
    match rows {
        Ok(rows) => {
            let wanted = resource.configuration_keys.as_ref().filter(|keys| !keys.is_empty());
            result.error_message = None;
            result.configs = (rows.into_iter())
                .filter(|row| wanted.is_none_or(|keys| keys.contains(&row.name)))
                .map(|row| result_row(request, row))
                .collect();
        }
        Err((error, message)) => {
            result.error_code = error.code();
            result.error_message = Some(message.into());
        }
    }
    result
}

fn topic(broker: &Broker, name: &str) -> Result<Vec<DescribedConfig>, (ErrorCode, String)> {
    if broker.image.topics.by_name(name).is_none() {
        let error = ErrorCode::UnknownTopicOrPartition;
        return Err((error, error.message().into()));
    }
    let overrides = broker.image.configs.overrides(&ConfigResource::topic(name));
    config::describe_topic(&effective(broker), &overrides)
        .map_err(|error| (ErrorCode::InvalidConfig, format!("{error}")))
}

/// The broker's file with what is set while it runs over it. What makes no sense there counts as not set: the controller
/// refused it, so it can only come from another version's log.
fn effective(broker: &Broker) -> BrokerConfig {
    let dynamic = broker.image.configs.dynamic(broker.config.node_id);
    broker.config.with_dynamic(dynamic).unwrap_or_else(|_| broker.config.clone())
}

fn this_broker(broker: &Broker, name: &str) -> Result<Vec<DescribedConfig>, (ErrorCode, String)> {
    if name.is_empty() {
        return Ok(config::describe_broker_defaults(&effective(broker)));
    }
    let id = broker.config.node_id;
    if broker_id(name)? == id {
        return Ok(config::describe_broker(&effective(broker)));
    }
    refused(format!("Unexpected broker id, expected {id} or empty string, but received {name}"))
}

/// Nothing here logs by levels one could set.
fn loggers(broker: &Broker, name: &str) -> Result<Vec<DescribedConfig>, (ErrorCode, String)> {
    let id = broker.config.node_id;
    if name.is_empty() {
        refused("Broker id must not be empty".into())
    } else if broker_id(name)? == id {
        Ok(Vec::new())
    } else {
        refused(format!("Unexpected broker id, expected {id} but received {name}"))
    }
}

fn client_metrics(broker: &Broker, name: &str) -> Result<Vec<DescribedConfig>, (ErrorCode, String)> {
    if name.is_empty() {
        return refused("Client metrics subscription name must not be empty".into());
    }
    Ok(config::describe_client_metrics(&broker.image.configs.overrides(&ConfigResource::client_metrics(name))))
}

fn group(broker: &Broker, name: &str) -> Result<Vec<DescribedConfig>, (ErrorCode, String)> {
    if name.is_empty() {
        return refused("Group name must not be empty".into());
    }
    let overrides = broker.image.configs.overrides(&ConfigResource::group(name));
    Ok(config::describe_group(&effective(broker), &overrides))
}

fn broker_id(name: &str) -> Result<NodeId, (ErrorCode, String)> {
    name.parse().or_else(|_| refused(format!("Broker id must be an integer, but it is: {name}")))
}

fn refused<T>(message: String) -> Result<T, (ErrorCode, String)> {
    Err((ErrorCode::InvalidRequest, message))
}

fn result_row(request: &DescribeConfigsRequest, row: DescribedConfig) -> DescribeConfigsResourceResult {
    let synonyms = if request.include_synonyms { row.synonyms } else { Vec::new() };
    DescribeConfigsResourceResult {
        name: row.name,
        value: row.value,
        read_only: row.read_only,
        config_source: row.source.code(),
        is_sensitive: row.sensitive,
        synonyms: (synonyms.into_iter())
            .map(|synonym| DescribeConfigsSynonym {
                name: synonym.name,
                value: synonym.value,
                source: synonym.source.code(),
            })
            .collect(),
        config_type: row.config_type.map_or(0, |kind| kind as i8),
        documentation: row.documentation.filter(|_| request.include_documentation).map(Into::into),
    }
}
