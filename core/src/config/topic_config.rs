//! The configuration of a topic: its own overrides over the brokers' defaults.

use super::broker_config::{BrokerConfig, Overrides};
use super::table::{topic_key, topic_keys};
use super::value::{Value, Values};
use super::{ConfigError, table};
use crate::record::Compression;
use crate::record::compression::TargetCompression;
use alloc::format;

/// Checks one override, with Kafka's own text where it is wrong or unknown.
pub fn validate_topic_config(name: &str, value: &str) -> Result<Value, ConfigError> {
    match topic_key(name) {
        Some(key) => key.parse(value),
        None => Err(ConfigError::of(name, format!("Unknown topic config name: {name}"))),
    }
}

/// Checks all overrides of a topic on a node with these defaults, as Kafka does: names first, then values, then how they go
/// together.
///
/// # Errors
/// What is wrong first.
pub fn validate_topic_configs(broker: &BrokerConfig, overrides: &Overrides) -> Result<(), ConfigError> {
    for (name, value) in overrides.iter().filter(|(name, _)| topic_key(name).is_none()) {
        validate_topic_config(name, value)?;
    }
    let values = parsed(broker.topic_values(), overrides)?;
    check_compaction_lags(&values)?;
    if values.boolean("remote.storage.enable") {
        // Whoever set it is told more of it by Kafka only where brokers have another storage.
        let message = "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log \
                       storage.";
        return Err(ConfigError::of("remote.storage.enable", message));
    }
    Ok(())
}

/// Checks that overrides of a topic go together with Kafka's own defaults, as tools do that know no broker's.
///
/// # Errors
/// An override that is unknown or wrong, or two that contradict each other.
pub fn validate_topic_configs_alone(overrides: &Overrides) -> Result<(), ConfigError> {
    check_compaction_lags(&parsed(Values::defaults(topic_keys()), overrides)?)
}

/// What `overrides` make of these values.
fn parsed(mut values: Values, overrides: &Overrides) -> Result<Values, ConfigError> {
    for (name, value) in overrides {
        let parsed = validate_topic_config(name, value)?;
        // Known, or validating would have failed.
        if let Some(key) = topic_key(name) {
            values.set(key.name, parsed);
        }
    }
    Ok(values)
}

fn check_compaction_lags(values: &Values) -> Result<(), ConfigError> {
    let (least, most) = (values.long("min.compaction.lag.ms"), values.long("max.compaction.lag.ms"));
    if least > most {
        let message =
            format!("conflict topic config setting min.compaction.lag.ms ({least}) > max.compaction.lag.ms ({most})");
        return Err(ConfigError::of("min.compaction.lag.ms", message));
    }
    Ok(())
}

/// What happens to old segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Old records of a key make way for newer ones.
    pub compact: bool,
    /// Old segments are deleted.
    pub delete: bool,
}

/// `message.timestamp.type` of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's clock.
    CreateTime,
    /// The broker's clock.
    LogAppendTime,
}

/// The effective configuration of a topic. Numbers are Kafka's: milliseconds, bytes, -1 for no limit.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicConfig {
    /// `cleanup.policy`.
    pub cleanup_policy: CleanupPolicy,
    /// `compression.type`, with the level of that codec.
    pub compression: TargetCompression,
    /// `delete.retention.ms`.
    pub delete_retention_ms: i64,
    /// `flush.messages`; 1 makes every acknowledged record durable.
    pub flush_messages: i64,
    /// `index.interval.bytes`.
    pub index_interval_bytes: i32,
    /// `max.compaction.lag.ms`.
    pub max_compaction_lag_ms: i64,
    /// `max.message.bytes`.
    pub max_message_bytes: i32,
    /// `message.timestamp.type`.
    pub message_timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub message_timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub message_timestamp_after_max_ms: i64,
    /// `min.cleanable.dirty.ratio`, in millionths.
    pub min_cleanable_dirty_millionths: u64,
    /// `min.compaction.lag.ms`.
    pub min_compaction_lag_ms: i64,
    /// `min.insync.replicas`.
    pub min_insync_replicas: i32,
    /// `retention.bytes`; -1 for no limit.
    pub retention_bytes: i64,
    /// `retention.ms`; -1 for no limit.
    pub retention_ms: i64,
    /// `segment.bytes`.
    pub segment_bytes: i32,
    /// `segment.index.bytes`.
    pub segment_index_bytes: i32,
    /// `segment.ms`.
    pub segment_ms: i64,
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election_enable: bool,
}

impl TopicConfig {
    /// Kafka's defaults with nothing set on brokers or topic.
    pub fn kafka_defaults() -> Self {
        Self::of(&Values::defaults(topic_keys()))
    }

    /// What `overrides` make of the defaults of `broker`.
    ///
    /// # Errors
    /// The first override that is unknown or wrong, or two that contradict each other.
    pub fn effective(broker: &BrokerConfig, overrides: &Overrides) -> Result<Self, ConfigError> {
        let values = parsed(broker.topic_values(), overrides)?;
        check_compaction_lags(&values)?;
        Ok(Self::of(&values))
    }

    pub(super) fn of(values: &Values) -> Self {
        let policy = values.list("cleanup.policy").unwrap_or_default();
        let has = |name: &str| policy.iter().any(|entry| *entry == *name);
        Self {
            cleanup_policy: CleanupPolicy { compact: has("compact"), delete: has("delete") },
            compression: target_compression(values),
            delete_retention_ms: values.long("delete.retention.ms"),
            flush_messages: values.long("flush.messages"),
            index_interval_bytes: values.int("index.interval.bytes"),
            max_compaction_lag_ms: values.long("max.compaction.lag.ms"),
            max_message_bytes: values.int("max.message.bytes"),
            message_timestamp_type: match values.text("message.timestamp.type") {
                Some(text) if text == *"LogAppendTime" => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            },
            message_timestamp_before_max_ms: values.long("message.timestamp.before.max.ms"),
            message_timestamp_after_max_ms: values.long("message.timestamp.after.max.ms"),
            min_cleanable_dirty_millionths: values.scaled("min.cleanable.dirty.ratio", 6),
            min_compaction_lag_ms: values.long("min.compaction.lag.ms"),
            min_insync_replicas: values.int("min.insync.replicas"),
            retention_bytes: values.long("retention.bytes"),
            retention_ms: values.long("retention.ms"),
            segment_bytes: values.int("segment.bytes"),
            segment_index_bytes: values.int("segment.index.bytes"),
            segment_ms: values.long("segment.ms"),
            unclean_leader_election_enable: values.boolean("unclean.leader.election.enable"),
        }
    }
}

fn target_compression(values: &Values) -> TargetCompression {
    let (codec, level) = match values.text("compression.type") {
        Some(text) if text == *"uncompressed" => (Compression::None, 0),
        Some(text) if text == *"gzip" => (Compression::Gzip, values.int("compression.gzip.level")),
        Some(text) if text == *"snappy" => (Compression::Snappy, 0),
        Some(text) if text == *"lz4" => (Compression::Lz4, values.int("compression.lz4.level")),
        Some(text) if text == *"zstd" => (Compression::Zstd, values.int("compression.zstd.level")),
        _ => return TargetCompression::Producer,
    };
    TargetCompression::Codec(codec, level)
}

impl BrokerConfig {
    /// The values topics have where they override nothing.
    pub(super) fn topic_values(&self) -> Values {
        let mut values = Values::defaults(topic_keys());
        for key in topic_keys() {
            let synonyms = table::broker_synonyms(key.name);
            let Some((index, value)) = synonyms
                .iter()
                .enumerate()
                .map(|(index, synonym)| (index, self.value(synonym)))
                .find(|(_, value)| **value != Value::Unset)
            else {
                continue;
            };
            // Weaker synonyms are in hours (and minutes); `log.flush.scheduler.interval.ms` is in milliseconds.
            let unit = match synonyms.get(index).and_then(|name| name.rsplit('.').next()) {
                Some("hours") => 3_600_000,
                Some("minutes") => 60_000,
                _ => 1,
            };
            let value = match value {
                Value::Number(number) => Value::Number(number.saturating_mul(unit)),
                other => other.clone(),
            };
            values.set(key.name, value);
        }
        // Kafka takes every negative retention of a broker as "no limit".
        if values.long("retention.ms") < 0 {
            values.set("retention.ms", Value::Number(-1));
        }
        values
    }
}
