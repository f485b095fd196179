//! `IncrementalAlterConfigs` before it is forwarded: a broker itself checks what is to be set on it, with its own file. All
//! else of this API is the controller's.

use super::{RequestContext, body};
use crate::config::Overrides;
use crate::controller::{ApiError, altered_configs};
use crate::ids::NodeId;
use crate::metadata::{ConfigResource, ConfigResourceType};
use crate::node::broker::Broker;
use crate::protocol::messages::IncrementalAlterConfigsRequest;
use crate::protocol::messages::incremental_alter_configs_response::{
    AlterConfigsResourceResponse, IncrementalAlterConfigsResponse,
};
use crate::protocol::{DecodeError, ErrorCode, Reader};
use crate::text::Str;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Answers where nothing of the request is left for the controller; false where something is, which then checks all of it.
pub(super) fn refuse(broker: &mut Broker, context: &RequestContext, reader: &mut Reader) -> Result<bool, DecodeError> {
    let request: IncrementalAlterConfigsRequest = body(reader, context)?;
    let is_broker = |code: i8| ConfigResourceType::from_code(code) == Some(ConfigResourceType::Broker);
    if !request.resources.iter().all(|resource| is_broker(resource.resource_type)) {
        return Ok(false);
    }
    let mut responses = Vec::new();
    for wanted in &request.resources {
        let resource = ConfigResource { kind: ConfigResourceType::Broker, name: wanted.resource_name.clone() };
        let checked = altered_configs(&broker.image, &resource, &wanted.configs).and_then(|altered| {
            if context.is_controller_listener {
                check_directly(broker, &resource, &altered)
            } else {
                check(broker, &resource.name, &altered)
            }
        });
        let Err(error) = checked else { return Ok(false) };
        responses.push(AlterConfigsResourceResponse {
            error_code: error.code(),
            error_message: Some(error.text()),
            resource_type: wanted.resource_type,
            resource_name: wanted.resource_name.clone(),
        });
    }
    if responses.is_empty() {
        return Ok(false);
    }
    let response = IncrementalAlterConfigsResponse { responses, ..Default::default() };
    broker.respond::<IncrementalAlterConfigsRequest>(context.token, &response);
    Ok(true)
}

/// A controller that is asked itself does not know a broker's directories: it lets fewer be cordoned, not others.
fn check_directly(broker: &Broker, resource: &ConfigResource, altered: &Overrides) -> Result<(), ApiError> {
    const KEY: &str = "cordoned.log.dirs";
    let list = |value: &Str| -> Vec<String> { value.trim().split(',').map(|one| one.trim().into()).collect() };
    let now = broker.image.configs.value(resource, KEY).map(list).unwrap_or_default();
    let then = altered.get(KEY).filter(|value| !value.trim().is_empty()).map(list).unwrap_or_default();
    if then.iter().all(|one| now.contains(one)) {
        return Ok(());
    }
    // With two spaces, as Kafka says it.
    let message = format!(
        "When updating {KEY} via controllers,  the new value must be a subset of the current configuration value."
    );
    Err(ApiError::new(ErrorCode::InvalidConfig, message))
}

/// Checks all that would be set on this broker, or with an empty name on all.
fn check(broker: &Broker, name: &Str, altered: &Overrides) -> Result<(), ApiError> {
    let refused = |message: String| ApiError::new(ErrorCode::InvalidRequest, message);
    let id = broker.config.node_id;
    if !name.is_empty() {
        let named: NodeId =
            name.parse().map_err(|_| refused(format!("Node id must be an integer, but it is: {name}")))?;
        if named != id {
            return Err(refused(format!("Unexpected broker id, expected {id}, but received {name}")));
        }
    }
    let now = broker.image.configs.dynamic(id);
    let mut then = now.clone();
    *(if name.is_empty() { &mut then.cluster_default } else { &mut then.broker }) = altered.clone();
    broker
        .config
        .validate_change(now, then, !name.is_empty())
        .map_err(|error| refused(String::from(error.message.as_str())))
}
