//! Dynamic configurations of topics, brokers, groups and client metrics: `IncrementalAlterConfigs`, `AlterConfigs`, and the checks of both.

use super::decision::{ApiError, ControllerResult, Decision};
use super::replication_control::invalid_topic_name;
use crate::config::key::{ConfigKey, ValueType};
use crate::config::table::{broker_key, broker_synonyms, topic_key};
use crate::config::{
    BrokerConfig, DynamicConfigs, Overrides, validate_client_metrics_configs, validate_group_configs,
    validate_topic_configs,
};
use crate::ids::NodeId;
use crate::metadata::{ConfigResource, ConfigResourceType, MetadataImage, MetadataRecord};
use crate::protocol::ErrorCode;
use crate::protocol::messages as m;
use crate::protocol::messages::incremental_alter_configs_request::AlterableConfig;
use crate::text::Str;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What to do with one key; the numbers are those of `IncrementalAlterConfigs` (KIP-339).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AlterOperation {
    Set = 0,
    Delete = 1,
    Append = 2,
    Subtract = 3,
}

impl AlterOperation {
    fn from_code(code: i8) -> Option<Self> {
        [Self::Set, Self::Delete, Self::Append, Self::Subtract].into_iter().find(|operation| *operation as i8 == code)
    }
}

impl Decision<'_> {
    /// Changes some keys of each resource; a resource with an error is left as it is.
    pub(super) fn incremental_alter_configs(
        self,
        request: &m::IncrementalAlterConfigsRequest,
    ) -> ControllerResult<m::IncrementalAlterConfigsResponse> {
        use m::incremental_alter_configs_response::AlterConfigsResourceResponse;
        let named: Vec<_> = request.resources.iter().map(|one| (one.resource_type, &one.resource_name)).collect();
        let mut records = Vec::new();
        let responses = told_once(&named).map(|place| &request.resources[place]).map(|wanted| {
            let outcome = named_once(wanted.resource_type, &wanted.resource_name, &named).and_then(|resource| {
                if resource.kind == ConfigResourceType::BrokerLogger {
                    return check_loggers(self.config.node.node_id, &resource.name, &wanted.configs);
                }
                let altered = self.altered(&resource, &wanted.configs)?;
                self.write_configs(&resource, &altered, &mut records);
                Ok(())
            });
            let error = outcome.err();
            AlterConfigsResourceResponse {
                error_code: error.as_ref().map_or(0, ApiError::code),
                error_message: error.map(|error| error.text()),
                resource_type: wanted.resource_type,
                resource_name: wanted.resource_name.clone(),
            }
        });
        let responses = responses.collect();
        if request.validate_only {
            records.clear();
        }
        ControllerResult::new(records, m::IncrementalAlterConfigsResponse { responses, ..Default::default() })
    }

    /// Replaces all keys of each resource.
    pub(super) fn alter_configs(self, request: &m::AlterConfigsRequest) -> ControllerResult<m::AlterConfigsResponse> {
        use m::alter_configs_response::AlterConfigsResourceResponse;
        let named: Vec<_> = request.resources.iter().map(|one| (one.resource_type, &one.resource_name)).collect();
        let mut records = Vec::new();
        let responses = told_once(&named).map(|place| &request.resources[place]).map(|wanted| {
            let outcome = named_once(wanted.resource_type, &wanted.resource_name, &named).and_then(|resource| {
                if resource.kind == ConfigResourceType::BrokerLogger {
                    let message = "Unexpected resource type BROKER_LOGGER.";
                    return Err(ApiError::new(ErrorCode::InvalidRequest, message));
                }
                check_keys(wanted.configs.iter().map(|config| (config.name.as_str(), config.value.is_some())))?;
                let given = wanted.configs.iter();
                let given = given.filter_map(|config| Some((config.name.clone(), config.value.clone()?)));
                let altered: Overrides = given.collect();
                self.check_configs(&resource, &altered)?;
                Ok((altered, resource))
            });
            let error = outcome.map(|(altered, resource)| self.write_configs(&resource, &altered, &mut records)).err();
            AlterConfigsResourceResponse {
                error_code: error.as_ref().map_or(0, ApiError::code),
                error_message: error.map(|error| error.text()),
                resource_type: wanted.resource_type,
                resource_name: wanted.resource_name.clone(),
            }
        });
        let responses = responses.collect();
        if request.validate_only {
            records.clear();
        }
        ControllerResult::new(records, m::AlterConfigsResponse { responses, ..Default::default() })
    }

    /// What the topic, this node or all brokers dynamically say about a topic's key.
    pub(super) fn topic_override(self, topic: &Str, key: &str) -> Option<Str> {
        let broker_key = broker_synonyms(key).first().copied();
        self.image.topic_config(topic, key, self.config.node.node_id, broker_key).cloned()
    }

    /// `min.insync.replicas` of a topic.
    pub(super) fn min_in_sync_replicas(self, topic: &Str) -> usize {
        let own = self.topic_override(topic, "min.insync.replicas").and_then(|value| value.parse().ok());
        own.unwrap_or_else(|| usize::try_from(self.config.node.topic_defaults.min_insync_replicas).unwrap_or(1))
    }

    /// This node's configuration with what was set dynamically.
    pub(super) fn node_config(self) -> Arc<BrokerConfig> {
        let dynamic = self.image.configs.dynamic(self.config.node.node_id);
        if dynamic == DynamicConfigs::default() {
            return self.config.node.clone();
        }
        // What is in the image was checked before it got there.
        self.config.node.with_dynamic(dynamic).map_or_else(|_| self.config.node.clone(), Arc::new)
    }

    /// All overrides of `resource` after the changes, checked.
    fn altered(self, resource: &ConfigResource, changes: &[AlterableConfig]) -> Result<Overrides, ApiError> {
        let altered = altered_configs(self.image, resource, changes, false)?;
        self.check_configs(resource, &altered)?;
        Ok(altered)
    }

    /// Checks what a resource would have; that there is such a resource, Kafka checks last.
    fn check_configs(self, resource: &ConfigResource, overrides: &Overrides) -> Result<(), ApiError> {
        const LONGEST_VALUE: usize = 32_767;
        if self.is_direct && resource.kind == ConfigResourceType::Broker {
            self.check_cordoned(resource, overrides)?;
        }
        if overrides.values().any(|value| value.encode_utf16().count() > LONGEST_VALUE) {
            let message =
                "The configuration value cannot be added because it exceeds the maximum value size of 32767 bytes.";
            return Err(ApiError::new(ErrorCode::InvalidConfig, message));
        }
        let name = &resource.name;
        let refused = |message: &str| Err(ApiError::new(ErrorCode::InvalidRequest, message));
        match resource.kind {
            ConfigResourceType::Topic => {
                if name.is_empty() {
                    return refused("Default topic resources are not allowed.");
                }
                if let Some(message) = invalid_topic_name(name) {
                    return Err(ApiError::new(ErrorCode::InvalidTopicException, message));
                }
                self.check_topic_configs(overrides)?;
                if self.image.topics.id_of(name).is_none() {
                    let message = format!("The topic '{name}' does not exist.");
                    return Err(ApiError::new(ErrorCode::UnknownTopicOrPartition, message));
                }
                Ok(())
            }
            ConfigResourceType::Group if name.is_empty() => refused("Default group resources are not allowed."),
            ConfigResourceType::Group => validate_group_configs(&self.node_config(), overrides)
                .map_err(|error| ApiError::new(ErrorCode::InvalidConfig, error.message)),
            ConfigResourceType::ClientMetrics => validate_client_metrics_configs(name, overrides)
                .map_err(|(error, mistake)| ApiError::new(error, mistake.message)),
            _ => self.check_broker_name(name),
        }
    }

    /// The values are checked by the broker that was asked, with its own file. A controller that is asked itself does not know
    /// it: it lets fewer directories be cordoned, not others, and anything else be set.
    fn check_broker_name(self, name: &Str) -> Result<(), ApiError> {
        let mistake = |message: &str| ApiError::new(ErrorCode::InvalidRequest, message);
        if !name.is_empty() {
            let id: NodeId = name.parse().map_err(|_| mistake("Unable to parse broker name as a base 10 number."))?;
            if id < 0 {
                return Err(mistake("Invalid negative broker ID."));
            }
            if self.image.cluster.broker(id).is_none() {
                let message = format!("No node with id {id} found.");
                return Err(ApiError::new(ErrorCode::BrokerIdNotRegistered, message));
            }
        }
        Ok(())
    }

    fn check_cordoned(self, resource: &ConfigResource, altered: &Overrides) -> Result<(), ApiError> {
        const KEY: &str = "cordoned.log.dirs";
        let list = |value: &Str| -> Vec<String> { value.trim().split(',').map(|one| one.trim().into()).collect() };
        let now = self.image.configs.value(resource, KEY).map(list).unwrap_or_default();
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

    /// Checks overrides of a topic.
    pub(super) fn check_topic_configs(self, overrides: &Overrides) -> Result<(), ApiError> {
        validate_topic_configs(&self.node_config(), overrides)
            .map_err(|error| ApiError::new(ErrorCode::InvalidConfig, error.message))
    }

    /// The records from what `resource` has to `altered`.
    fn write_configs(self, resource: &ConfigResource, altered: &Overrides, records: &mut Vec<MetadataRecord>) {
        let mut write = |name: &Str, value: Option<&Str>| {
            records.push(MetadataRecord::Config(m::ConfigRecord {
                resource_type: resource.kind.code(),
                resource_name: resource.name.clone(),
                name: name.clone(),
                value: value.cloned(),
            }));
        };
        for (name, _) in self.image.configs.of(resource).filter(|(name, _)| !altered.contains_key(*name)) {
            write(name, None);
        }
        for (name, value) in altered {
            if self.image.configs.value(resource, name) != Some(value) {
                write(name, Some(value));
            }
        }
    }
}

/// All overrides of `resource` after the changes; whether they make sense is not checked. `is_broker` where a broker asks, who
/// says it in other words.
///
/// # Errors
/// The changes are no changes to make, in Kafka's words.
pub fn altered_configs(
    image: &MetadataImage,
    resource: &ConfigResource,
    changes: &[AlterableConfig],
    is_broker: bool,
) -> Result<Overrides, ApiError> {
    check_changes(changes)?;
    let current = image.configs.of(resource);
    let mut altered: Overrides = current.map(|(name, value)| (name.clone(), value.clone())).collect();
    for change in changes {
        let Some(operation) = AlterOperation::from_code(change.config_operation) else {
            let message = format!("Unknown operations type {}", change.config_operation);
            return Err(ApiError::new(ErrorCode::InvalidRequest, message));
        };
        let value = change.value.clone().unwrap_or_default();
        let value = match operation {
            AlterOperation::Set => value,
            AlterOperation::Delete => {
                altered.remove(&change.name);
                continue;
            }
            AlterOperation::Append | AlterOperation::Subtract => {
                let key = listed(resource, &change.name, operation, is_broker)?;
                let default = || Str::from(key.default_value().print().unwrap_or_default());
                let current = image.configs.value(resource, &change.name).cloned().unwrap_or_else(default);
                altered_list(&current, &value, operation)
            }
        };
        altered.insert(change.name.clone(), value);
    }
    Ok(altered)
}

/// Checks that each key is named once and has a value where it needs one.
///
/// # Errors
/// In Kafka's words.
pub fn check_changes(changes: &[AlterableConfig]) -> Result<(), ApiError> {
    check_keys(changes.iter().map(|change| {
        (change.name.as_str(), change.value.is_some() || change.config_operation == AlterOperation::Delete as i8)
    }))
}

/// Checks changes to log levels of the node with this id, which has no loggers.
///
/// # Errors
/// As Kafka says it of loggers that it does not have.
pub fn check_loggers(node_id: NodeId, name: &Str, changes: &[AlterableConfig]) -> Result<(), ApiError> {
    let refused = |message: String| Err(ApiError::new(ErrorCode::InvalidRequest, message));
    match name.parse::<NodeId>() {
        Err(_) => return refused(format!("Node id must be an integer, but it is: {name}")),
        Ok(id) if id != node_id => {
            return refused(format!("Unexpected node id. Expected {node_id}, but received {id}"));
        }
        Ok(_) => {}
    }
    let Some(change) = changes.first() else { return Ok(()) };
    let code = change.config_operation;
    match AlterOperation::from_code(code) {
        Some(AlterOperation::Set | AlterOperation::Delete) => {
            Err(ApiError::new(ErrorCode::InvalidConfig, format!("Logger {} does not exist!", change.name)))
        }
        Some(AlterOperation::Append) => {
            refused("APPEND operation is not allowed for the BROKER_LOGGER resource".into())
        }
        Some(AlterOperation::Subtract) => {
            refused("SUBTRACT operation is not allowed for the BROKER_LOGGER resource".into())
        }
        None => refused(format!("Unknown operation type {code} is not allowed for the BROKER_LOGGER resource")),
    }
}

/// The same of keys of which each comes with whether it has what it needs.
///
/// # Errors
/// In Kafka's words.
pub fn check_keys<'a>(keys: impl Iterator<Item = (&'a str, bool)> + Clone) -> Result<(), ApiError> {
    check_named_once(keys.clone().map(|(name, _)| name).collect())?;
    let missing: Vec<&str> = keys.filter(|(_, is_given)| !is_given).map(|(name, _)| name).collect();
    check_values_given(&missing)
}

/// A key whose value is a list.
fn listed(
    resource: &ConfigResource,
    name: &str,
    operation: AlterOperation,
    is_broker: bool,
) -> Result<&'static ConfigKey, ApiError> {
    let is_topic = resource.kind == ConfigResourceType::Topic;
    let key = if is_topic { topic_key(name) } else { broker_key(name) };
    let is_append = operation == AlterOperation::Append;
    let message = match key {
        Some(key) if key.value_type == ValueType::List => return Ok(key),
        None if is_broker => format!("Unknown config name: {name}"),
        Some(_) if is_broker => {
            let word = if is_append { "append" } else { "subtract" };
            format!("Config value {word} is not allowed for config key: {name}")
        }
        _ => {
            let word = if is_append { "APPEND" } else { "SUBTRACT" };
            format!("Can't {word} to key {name} because its type is not LIST.")
        }
    };
    Err(ApiError::new(ErrorCode::InvalidConfig, message))
}

/// A list with entries added or taken away. Without an override the list it starts from is the default's.
fn altered_list(current: &Str, value: &Str, operation: AlterOperation) -> Str {
    let entries = |list: &Str| -> Vec<String> {
        list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(String::from).collect()
    };
    let mut list = entries(current);
    for entry in entries(value) {
        match operation {
            AlterOperation::Append if !list.contains(&entry) => list.push(entry),
            AlterOperation::Subtract => list.retain(|other| *other != entry),
            _ => {}
        }
    }
    Str::from(list.join(","))
}

/// The places of resources that are answered for: one that is named again is answered for once, where it is named again, and
/// what the controller refuses at once comes first.
fn told_once(named: &[(i8, &Str)]) -> impl Iterator<Item = usize> {
    let mut told = Vec::new();
    let mut rest = Vec::new();
    for (place, one) in named.iter().enumerate() {
        let before = named.iter().take(place).filter(|other| *other == one).count();
        let is_refused = before == 1 || ConfigResourceType::from_code(one.0).is_none();
        let is_alone = named.iter().filter(|other| *other == one).count() == 1;
        if is_refused {
            told.push(place);
        } else if is_alone {
            rest.push(place);
        }
    }
    told.extend(rest);
    told.into_iter()
}

/// The resource, if it is of a known kind and the request names it once. What a broker asks for was checked for that already.
fn named_once(code: i8, name: &Str, named: &[(i8, &Str)]) -> Result<ConfigResource, ApiError> {
    let Some(kind) = ConfigResourceType::from_code(code) else {
        return Err(ApiError::new(ErrorCode::UnsupportedVersion, format!("Unknown resource type {code}.")));
    };
    if named.iter().filter(|other| **other == (code, name)).count() > 1 {
        return Err(ApiError::new(ErrorCode::InvalidRequest, "Duplicate resource."));
    }
    Ok(ConfigResource { kind, name: name.clone() })
}

fn check_named_once(mut keys: Vec<&str>) -> Result<(), ApiError> {
    let count = keys.len();
    keys.sort_unstable();
    keys.dedup();
    if keys.len() == count {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::InvalidRequest, "Error due to duplicate config keys"))
}

fn check_values_given(missing: &[&str]) -> Result<(), ApiError> {
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("Null value not supported for : {}", missing.join(", "));
    Err(ApiError::new(ErrorCode::InvalidRequest, message))
}
