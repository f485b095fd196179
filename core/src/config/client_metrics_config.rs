//! Subscriptions of client metrics, as `kafka-configs.sh --client-metrics` sets them
//! (`org.apache.kafka.server.metrics.ClientMetricsConfigs`, KIP-714).

use super::broker_config::Overrides;
use super::key::{ConfigKey, DefaultValue, UpdateMode, Valid, ValueType};
use super::{ConfigError, Value};
use crate::protocol::ErrorCode;
use alloc::format;
use regex_lite::Regex;

const INTERVAL: &str = "interval.ms";
const MATCH: &str = "match";
/// Milliseconds a client may be asked to wait between two pushes.
const INTERVAL_RANGE: core::ops::RangeInclusive<i64> = 100..=3_600_000;
/// What a client can be matched by.
const MATCHED: [&str; 6] = [
    "client_instance_id",
    "client_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
];

/// Every key of a subscription.
pub(super) static KEYS: [ConfigKey; 3] = [
    key(INTERVAL, ValueType::Int, "300000", "How often a client pushes its metrics."),
    key(MATCH, ValueType::List, "", "Which clients: what they are matched by and a pattern each."),
    key("metrics", ValueType::List, "", "Prefixes of the metrics that are wanted."),
];

const fn key(
    name: &'static str,
    value_type: ValueType,
    default: &'static str,
    documentation: &'static str,
) -> ConfigKey {
    ConfigKey {
        name,
        value_type,
        default: DefaultValue::Text(default),
        valid: Valid::Any,
        update_mode: UpdateMode::Cluster,
        acted_on: false,
        internal: false,
        documentation,
    }
}

/// Checks all that is set on a subscription, with Kafka's own error and text where something is wrong or unknown.
pub fn validate_client_metrics_configs(name: &str, overrides: &Overrides) -> Result<(), (ErrorCode, ConfigError)> {
    let refused =
        |error: ErrorCode, key: &str, message: alloc::string::String| Err((error, ConfigError::of(key, message)));
    if name.is_empty() {
        return refused(ErrorCode::InvalidRequest, "", "Subscription name can't be empty".into());
    }
    for key in overrides.keys() {
        if !KEYS.iter().any(|known| *known.name == **key) {
            return refused(ErrorCode::InvalidRequest, key, format!("Unknown client metrics configuration: {key}"));
        }
    }
    for key in &KEYS {
        let Some(text) = overrides.get(key.name) else { continue };
        match key.parse(text).map_err(|error| (ErrorCode::InvalidConfig, error))? {
            Value::Number(interval) if key.name == INTERVAL && !INTERVAL_RANGE.contains(&interval) => {
                let message = format!(
                    "Invalid value {interval} for interval.ms, interval must be between 100 and 3600000 (1 hour)"
                );
                return refused(ErrorCode::InvalidRequest, INTERVAL, message);
            }
            Value::List(patterns) if key.name == MATCH => {
                if let Some(pattern) = patterns.iter().find(|pattern| !is_pattern(pattern)) {
                    let message = format!("Illegal client matching pattern: {pattern}");
                    return refused(ErrorCode::InvalidConfig, MATCH, message);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// `client_id=c.*` and the like.
fn is_pattern(text: &str) -> bool {
    text.split_once('=').is_some_and(|(matched, pattern)| {
        MATCHED.contains(&matched.trim()) && !pattern.contains('=') && Regex::new(pattern.trim()).is_ok()
    })
}
