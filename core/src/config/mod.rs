//! `server.properties`, broker and topic configurations.
//!
//! [`table`] has a row for every key of Kafka 4.3: type, default, range, who may change it, meaning, and whether anything
//! here acts on it. [`BrokerConfig`] and [`TopicConfig`] are the typed values every part reads; mistakes are answered in
//! Kafka's own words.

mod broker_config;
mod broker_sections;
mod client_metrics_config;
mod describe;
mod endpoint;
mod group_config;
pub mod key;
pub mod playground;
mod properties;
pub mod quota_config;
pub mod table;
mod topic_config;
mod value;

pub use broker_config::{BrokerConfig, ConfigWarning, DynamicConfigs, Overrides};
pub use broker_sections::{
    GroupConfig, LifecycleConfig, LogConfigDefaults, MetadataLogConfig, NetworkConfig, QuorumConfig, ReplicationConfig,
    TopicDefaults, TransactionConfig,
};
pub use client_metrics_config::validate_client_metrics_configs;
pub use describe::{
    ConfigSource, ConfigSynonym, DescribedConfig, describe_broker, describe_broker_defaults, describe_client_metrics,
    describe_group, describe_topic,
};
pub use endpoint::{Endpoint, HostAndPort, QuorumVoter, SecurityProtocol};
pub use group_config::validate_group_configs;
pub use properties::{Properties, Property};
pub use topic_config::{
    CleanupPolicy, TimestampType, TopicConfig, validate_topic_config, validate_topic_configs,
    validate_topic_configs_alone,
};
pub use value::Value;

use crate::text::Str;
use core::fmt;

/// A mistake in a configuration, in Kafka's words where Kafka has some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The key it is about, where it is about one.
    pub key: Option<Str>,
    /// The line of the file that sets the key, from 1, where a file does.
    pub line: Option<u32>,
    /// The text.
    pub message: Str,
}

impl ConfigError {
    pub(crate) fn of(key: &str, message: impl Into<Str>) -> Self {
        Self { key: Some(Str::from(key)), line: None, message: message.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for ConfigError {}

#[cfg(test)]
mod tests;
