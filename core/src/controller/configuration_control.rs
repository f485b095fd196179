//! Dynamic configurations of topics, brokers, groups and client metrics: `IncrementalAlterConfigs`, `AlterConfigs`, and the checks of both.

use super::decision::{ApiError, ControllerResult, Decision};
use crate::config::key::ValueType;
use crate::config::table::{broker_key, broker_synonyms, topic_key};
use crate::config::{
    BrokerConfig, DynamicConfigs, Overrides, validate_client_metrics_configs, validate_group_configs,
    validate_topic_config,
};
use crate::ids::NodeId;
use crate::metadata::{ConfigResource, ConfigResourceType, MetadataRecord};
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
        let responses = request.resources.iter().map(|wanted| {
            let outcome = self
                .named_once(wanted.resource_type, &wanted.resource_name, &named)
                .and_then(|resource| Ok((self.altered(&resource, &wanted.configs)?, resource)));
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
        ControllerResult::new(records, m::IncrementalAlterConfigsResponse { responses, ..Default::default() })
    }

    /// Replaces all keys of each resource.
    pub(super) fn alter_configs(self, request: &m::AlterConfigsRequest) -> ControllerResult<m::AlterConfigsResponse> {
        use m::alter_configs_response::AlterConfigsResourceResponse;
        let named: Vec<_> = request.resources.iter().map(|one| (one.resource_type, &one.resource_name)).collect();
        let mut records = Vec::new();
        let responses = request.resources.iter().map(|wanted| {
            let outcome = self.named_once(wanted.resource_type, &wanted.resource_name, &named).and_then(|resource| {
                let keys = wanted.configs.iter();
                let missing: Vec<&str> =
                    keys.filter(|config| config.value.is_none()).map(|config| config.name.as_str()).collect();
                check_values_given(&missing)?;
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

    /// The resource, if it exists and the request names it once.
    fn named_once(self, code: i8, name: &Str, named: &[(i8, &Str)]) -> Result<ConfigResource, ApiError> {
        if named.iter().filter(|other| **other == (code, name)).count() > 1 {
            return Err(ApiError::new(ErrorCode::InvalidRequest, "Each resource must appear at most once."));
        }
        let refused = |message: String| Err(ApiError::new(ErrorCode::InvalidRequest, message));
        let kind = ConfigResourceType::from_code(code);
        let resource = kind.map(|kind| ConfigResource { kind, name: name.clone() });
        match resource {
            Some(resource) if kind == Some(ConfigResourceType::Topic) => {
                if name.is_empty() {
                    return refused("Default topic resources are not allowed.".into());
                }
                if self.image.topics.id_of(name).is_none() {
                    let message = format!("The topic '{name}' does not exist.");
                    return Err(ApiError::new(ErrorCode::UnknownTopicOrPartition, message));
                }
                Ok(resource)
            }
            Some(resource) if kind == Some(ConfigResourceType::Broker) => {
                if name.is_empty() {
                    return Ok(resource);
                }
                let Ok(id) = name.parse::<NodeId>() else {
                    return refused("Unable to parse broker name as a base 10 number.".into());
                };
                if id < 0 {
                    return refused("Invalid negative broker ID.".into());
                }
                if self.image.cluster.broker(id).is_none() {
                    let message = format!("No node with id {id} found.");
                    return Err(ApiError::new(ErrorCode::BrokerIdNotRegistered, message));
                }
                Ok(resource)
            }
            Some(resource) if kind == Some(ConfigResourceType::Group) => {
                if name.is_empty() {
                    return refused("Default group resources are not allowed.".into());
                }
                Ok(resource)
            }
            Some(resource) if kind == Some(ConfigResourceType::ClientMetrics) => Ok(resource),
            _ => refused(format!("Unknown resource type {code}")),
        }
    }

    /// All overrides of `resource` after the changes.
    fn altered(self, resource: &ConfigResource, changes: &[AlterableConfig]) -> Result<Overrides, ApiError> {
        let is_twice = |change: &&AlterableConfig| changes.iter().filter(|other| other.name == change.name).count() > 1;
        if changes.iter().any(|change| is_twice(&change)) {
            return Err(ApiError::new(ErrorCode::InvalidRequest, "Error due to duplicate config keys"));
        }
        let missing: Vec<&str> = changes
            .iter()
            .filter(|change| change.config_operation != AlterOperation::Delete as i8 && change.value.is_none())
            .map(|change| change.name.as_str())
            .collect();
        check_values_given(&missing)?;
        let current = self.image.configs.of(resource);
        let mut altered: Overrides = current.map(|(name, value)| (name.clone(), value.clone())).collect();
        let mut changed = Overrides::new();
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
                    self.altered_list(resource, &change.name, &value, operation)?
                }
            };
            altered.insert(change.name.clone(), value.clone());
            changed.insert(change.name.clone(), value);
        }
        // A broker's file has the rest of what its keys are checked with.
        self.check_configs(resource, if resource.kind == ConfigResourceType::Broker { &changed } else { &altered })?;
        Ok(altered)
    }

    /// A list with entries added or taken away. Without an override the list it starts from is the default's.
    fn altered_list(
        self,
        resource: &ConfigResource,
        name: &Str,
        value: &Str,
        operation: AlterOperation,
    ) -> Result<Str, ApiError> {
        let is_topic = resource.kind == ConfigResourceType::Topic;
        let key = if is_topic { topic_key(name) } else { broker_key(name) };
        let Some(key) = key.filter(|key| key.value_type == ValueType::List) else {
            let word = if operation == AlterOperation::Append { "APPEND" } else { "SUBTRACT" };
            let message = format!("Can't {word} to key {name} because its type is not LIST.");
            return Err(ApiError::new(ErrorCode::InvalidConfig, message));
        };
        let default = || Str::from(key.default_value().print().unwrap_or_default());
        let current = self.image.configs.value(resource, name).cloned().unwrap_or_else(default);
        let entries = |list: &Str| -> Vec<String> {
            list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(String::from).collect()
        };
        let mut list = entries(&current);
        for entry in entries(value) {
            match operation {
                AlterOperation::Append if !list.contains(&entry) => list.push(entry),
                AlterOperation::Subtract => list.retain(|other| *other != entry),
                _ => {}
            }
        }
        Ok(Str::from(list.join(",")))
    }

    fn check_configs(self, resource: &ConfigResource, overrides: &Overrides) -> Result<(), ApiError> {
        match resource.kind {
            ConfigResourceType::Topic => check_topic_configs(overrides),
            ConfigResourceType::Group => validate_group_configs(&self.node_config(), overrides)
                .map_err(|error| ApiError::new(ErrorCode::InvalidConfig, error.message)),
            ConfigResourceType::ClientMetrics => validate_client_metrics_configs(&resource.name, overrides)
                .map_err(|(error, mistake)| ApiError::new(error, mistake.message)),
            _ => BrokerConfig::validate_dynamic(overrides, !resource.name.is_empty())
                .map_err(|error| ApiError::new(ErrorCode::InvalidRequest, error.message)),
        }
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

fn check_values_given(missing: &[&str]) -> Result<(), ApiError> {
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("Null value not supported for : {}", missing.join(","));
    Err(ApiError::new(ErrorCode::InvalidRequest, message))
}

/// Checks overrides of a topic.
pub(super) fn check_topic_configs(overrides: &Overrides) -> Result<(), ApiError> {
    for (name, value) in overrides {
        validate_topic_config(name, value).map_err(|error| ApiError::new(ErrorCode::InvalidConfig, error.message))?;
    }
    Ok(())
}
