//! `IncrementalAlterConfigs` and `AlterConfigs` before they are forwarded: a broker itself refuses what is no request to make,
//! and what is to be set on it by what its own file says (Kafka's `ConfigAdminManager`). The controller gets the rest; the answer
//! has both.

use super::{RequestContext, body};
use crate::config::Overrides;
use crate::controller::{ApiError, altered_configs, check_changes, check_keys, check_loggers};
use crate::ids::NodeId;
use crate::metadata::{ConfigResource, ConfigResourceType};
use crate::node::broker::Broker;
use crate::node::inbound::{Answer, Token};
use crate::protocol::messages as m;
use crate::protocol::{ApiKey, DecodeError, ErrorCode, Reader, Request, decode_response, encode_request};
use crate::text::Str;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};

/// What a request of which only a part was forwarded is answered with.
#[derive(Clone, Debug)]
pub(in crate::node) struct Altering {
    resources: Vec<Altered>,
}

/// A resource of it, in the order of the request.
#[derive(Clone, Debug)]
struct Altered {
    resource_type: i8,
    resource_name: Str,
    /// Error and text; `None` where the controller is to say.
    outcome: Option<(i16, Option<Str>)>,
}

/// What is told of a resource, in the order that both responses have it in: error, text, type and name.
type Told = (i16, Option<Str>, i8, Str);

/// What is left to be forwarded, if anything, and who answers for the rest.
type Rest = (Option<Bytes>, Altering);

/// Takes one of both requests: forwards `frame`, where all of it is for the controller, else what is.
pub(super) fn handle(
    broker: &mut Broker,
    context: &RequestContext,
    reader: &mut Reader,
    frame: &Bytes,
) -> Result<(), DecodeError> {
    let (rest, altering) = match context.api_key {
        ApiKey::AlterConfigs => replacing(broker, context, body(reader, context)?),
        _ => incremental(broker, context, body(reader, context)?),
    };
    if altering.resources.iter().all(|resource| resource.outcome.is_none()) && rest.is_some() {
        broker.forward_frame(context.token, frame.clone(), None);
    } else if let Some(rest) = rest {
        broker.forward_frame(context.token, rest, Some(altering));
    } else {
        respond(broker, context.token, context.api_key, &altering);
    }
    Ok(())
}

/// The controller answered what was forwarded; false where that is no answer.
pub(in crate::node) fn answered(broker: &mut Broker, token: Token, mut altering: Altering, data: &Bytes) -> bool {
    let Some(Answer::Client(asked)) = broker.inbound.owed(token) else { return true };
    let (api_key, version) = (asked.api_key, asked.version);
    let told = match api_key {
        ApiKey::AlterConfigs => decode_response::<m::AlterConfigsRequest>(version, data).map(|(_, response)| {
            let told = response.responses.into_iter();
            altering.told(told.map(|one| (one.error_code, one.error_message, one.resource_type, one.resource_name)));
        }),
        _ => decode_response::<m::IncrementalAlterConfigsRequest>(version, data).map(|(_, response)| {
            let told = response.responses.into_iter();
            altering.told(told.map(|one| (one.error_code, one.error_message, one.resource_type, one.resource_name)));
        }),
    };
    if told.is_ok() {
        respond(broker, token, api_key, &altering);
    }
    told.is_ok()
}

impl Altering {
    fn told(&mut self, told: impl Iterator<Item = Told>) {
        for (error_code, message, resource_type, resource_name) in told {
            let asked = self.resources.iter_mut().filter(|one| one.outcome.is_none());
            let is_it = |one: &&mut Altered| one.resource_type == resource_type && one.resource_name == resource_name;
            asked.filter(is_it).for_each(|one| one.outcome = Some((error_code, message.clone())));
        }
    }
}

impl Altered {
    fn new(resource_type: i8, resource_name: &Str, outcome: Option<Result<(), ApiError>>) -> Self {
        let told = |outcome: Result<(), ApiError>| {
            outcome.map_or_else(|error| (error.code(), Some(error.text())), |()| (0, None))
        };
        Self { resource_type, resource_name: resource_name.clone(), outcome: outcome.map(told) }
    }

    /// Where the controller did not say, Kafka does not know either.
    fn told(&self) -> Told {
        let unknown = ErrorCode::UnknownServerError;
        let outcome = self.outcome.clone();
        let (code, text) = outcome.unwrap_or_else(|| (unknown.code(), Some(Str::from_static(unknown.message()))));
        (code, text, self.resource_type, self.resource_name.clone())
    }
}

fn respond(broker: &mut Broker, token: Token, api_key: ApiKey, altering: &Altering) {
    let told = altering.resources.iter().map(Altered::told);
    if api_key == ApiKey::AlterConfigs {
        use m::alter_configs_response::AlterConfigsResourceResponse as Row;
        let row = |(error_code, error_message, resource_type, resource_name): Told| Row {
            error_code,
            error_message,
            resource_type,
            resource_name,
        };
        let response = m::AlterConfigsResponse { responses: told.map(row).collect(), ..Default::default() };
        broker.respond::<m::AlterConfigsRequest>(token, &response);
    } else {
        use m::incremental_alter_configs_response::AlterConfigsResourceResponse as Row;
        let row = |(error_code, error_message, resource_type, resource_name): Told| Row {
            error_code,
            error_message,
            resource_type,
            resource_name,
        };
        let response = m::IncrementalAlterConfigsResponse { responses: told.map(row).collect(), ..Default::default() };
        broker.respond::<m::IncrementalAlterConfigsRequest>(token, &response);
    }
}

/// Leaves of the resources of a request those that are not decided here; whether there are any.
fn retain_undecided<T>(resources: &mut Vec<T>, decided: &[Altered]) -> bool {
    let mut places = decided.iter();
    resources.retain(|_| places.next().is_none_or(|one| one.outcome.is_none()));
    !resources.is_empty()
}

fn incremental(broker: &Broker, context: &RequestContext, mut request: m::IncrementalAlterConfigsRequest) -> Rest {
    let named: Vec<_> = request.resources.iter().map(|one| (one.resource_type, one.resource_name.clone())).collect();
    let outcome = |wanted: &m::incremental_alter_configs_request::AlterConfigsResource| {
        let checked = resource(&named, wanted.resource_type, &wanted.resource_name).and_then(|resource| {
            check_changes(&wanted.configs)?;
            match kind(wanted.resource_type)? {
                ConfigResourceType::BrokerLogger => {
                    check_loggers(broker.config.node_id, &resource, &wanted.configs).map(|()| true)
                }
                ConfigResourceType::Broker => {
                    check_name(broker, &resource)?;
                    let place = ConfigResource { kind: ConfigResourceType::Broker, name: resource.clone() };
                    let altered = altered_configs(&broker.image, &place, &wanted.configs, true)?;
                    check(broker, &resource, altered).map(|()| false)
                }
                _ => Ok(false),
            }
        });
        Altered::new(wanted.resource_type, &wanted.resource_name, decided(checked))
    };
    let resources: Vec<Altered> = request.resources.iter().map(outcome).collect();
    let rest = retain_undecided(&mut request.resources, &resources).then(|| frame(broker, context, &request));
    (rest, Altering { resources })
}

fn replacing(broker: &Broker, context: &RequestContext, mut request: m::AlterConfigsRequest) -> Rest {
    let named: Vec<_> = request.resources.iter().map(|one| (one.resource_type, one.resource_name.clone())).collect();
    let outcome = |wanted: &m::alter_configs_request::AlterConfigsResource| {
        let checked = resource(&named, wanted.resource_type, &wanted.resource_name).and_then(|resource| {
            check_keys(wanted.configs.iter().map(|config| (config.name.as_str(), config.value.is_some())))?;
            match kind(wanted.resource_type)? {
                ConfigResourceType::BrokerLogger => Err(unknown_type(wanted.resource_type)),
                ConfigResourceType::Broker => {
                    check_name(broker, &resource)?;
                    let given = wanted.configs.iter();
                    let given = given.filter_map(|config| Some((config.name.clone(), config.value.clone()?)));
                    check(broker, &resource, given.collect()).map(|()| false)
                }
                _ => Ok(false),
            }
        });
        Altered::new(wanted.resource_type, &wanted.resource_name, decided(checked))
    };
    let resources: Vec<Altered> = request.resources.iter().map(outcome).collect();
    let rest = retain_undecided(&mut request.resources, &resources).then(|| frame(broker, context, &request));
    (rest, Altering { resources })
}

/// What is decided here: all errors, and what the broker did itself.
fn decided(checked: Result<bool, ApiError>) -> Option<Result<(), ApiError>> {
    match checked {
        Ok(false) => None,
        Ok(true) => Some(Ok(())),
        Err(error) => Some(Err(error)),
    }
}

/// The same request with what is left of it.
fn frame<R: Request>(broker: &Broker, context: &RequestContext, request: &R) -> Bytes {
    let correlation_id = match broker.inbound.owed(context.token) {
        Some(Answer::Client(asked)) => asked.correlation_id,
        _ => 0,
    };
    let mut frame = BytesMut::new();
    for part in encode_request::<R>(context.version, correlation_id, context.client_id.as_ref(), request) {
        frame.extend_from_slice(&part);
    }
    frame.freeze()
}

/// Name of a resource that the request names once.
fn resource(named: &[(i8, Str)], code: i8, name: &Str) -> Result<Str, ApiError> {
    if named.iter().filter(|(other, named)| *other == code && named == name).count() > 1 {
        return Err(ApiError::new(ErrorCode::InvalidRequest, "Each resource must appear at most once."));
    }
    Ok(name.clone())
}

fn kind(code: i8) -> Result<ConfigResourceType, ApiError> {
    ConfigResourceType::from_code(code).ok_or_else(|| unknown_type(code))
}

fn unknown_type(code: i8) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, format!("Unknown resource type {code}"))
}

/// Only this broker can check what is to be set on it; an empty name stands for all brokers.
fn check_name(broker: &Broker, name: &Str) -> Result<(), ApiError> {
    let refused = |message: String| Err(ApiError::new(ErrorCode::InvalidRequest, message));
    let id = broker.config.node_id;
    match name.parse::<NodeId>() {
        _ if name.is_empty() => Ok(()),
        Err(_) => refused(format!("Node id must be an integer, but it is: {name}")),
        Ok(named) if named != id => refused(format!("Unexpected broker id, expected {id}, but received {name}")),
        Ok(_) => Ok(()),
    }
}

/// Checks all that would be set on this broker, or with an empty name on all.
fn check(broker: &Broker, name: &Str, altered: Overrides) -> Result<(), ApiError> {
    let now = broker.image.configs.dynamic(broker.config.node_id);
    let mut then = now.clone();
    *(if name.is_empty() { &mut then.cluster_default } else { &mut then.broker }) = altered;
    broker
        .config
        .validate_change(now, then, !name.is_empty())
        .map_err(|error| ApiError::new(ErrorCode::InvalidRequest, String::from(error.message.as_str())))
}
