//! What a [`super::ReplicaManager`] takes from the broker's and the topics' configs.

use crate::config::{BrokerConfig, DynamicConfigs, LogConfigDefaults, TopicConfig};
use crate::ids::{NodeId, Uuid};
use crate::log::LogConfig;
use crate::metadata::{ConfigResource, MetadataImage};
use crate::record::TimestampType;
use crate::replication::replica_fetcher::FetcherConfig;
use crate::text::Str;
use crate::time::Duration;
use alloc::vec::Vec;

/// The broker's part.
#[derive(Clone, Debug)]
pub struct ReplicaManagerConfig {
    /// This broker.
    pub broker: NodeId,
    /// How it fetches from leaders.
    pub fetcher: FetcherConfig,
    /// `replica.lag.time.max.ms`.
    pub lag_time_max: Duration,
    /// `replica.high.watermark.checkpoint.interval.ms`.
    pub high_watermark_checkpoint_interval: Duration,
    /// `fetch.max.bytes`.
    pub fetch_max_bytes: i32,
    /// `max.incremental.fetch.session.cache.slots`.
    pub fetch_session_slots: usize,
    /// Ids of the log directories, in the order of `log.dirs`; none where the controller is not to know of them.
    pub directory_ids: Vec<Uuid>,
    /// What fetch session ids are drawn from.
    pub seed: u64,
    /// The whole, for what topics inherit.
    pub given: BrokerConfig,
}

impl ReplicaManagerConfig {
    /// What `config` says, of log directories with these ids; `seed` decides the ids of fetch sessions.
    pub fn new(config: &BrokerConfig, directory_ids: Vec<Uuid>, seed: u64) -> Self {
        let replication = &config.replication;
        Self {
            broker: config.node_id,
            fetcher: FetcherConfig {
                broker: config.node_id,
                wait_max: replication.fetch_wait_max,
                min_bytes: replication.fetch_min_bytes,
                max_bytes: replication.fetch_max_bytes,
                response_max_bytes: replication.fetch_response_max_bytes,
                backoff: replication.fetch_backoff,
            },
            lag_time_max: replication.lag_time_max,
            high_watermark_checkpoint_interval: replication.high_watermark_checkpoint_interval,
            fetch_max_bytes: config.network.fetch_max_bytes,
            fetch_session_slots: usize::try_from(config.network.max_incremental_fetch_session_cache_slots)
                .unwrap_or_default(),
            directory_ids,
            seed,
            given: config.clone(),
        }
    }

    /// The broker's configs in `image`, with what was set on it while it ran.
    pub fn in_image(&self, image: &MetadataImage) -> BrokerConfig {
        self.given.with_dynamic(image.configs.dynamic(self.broker)).unwrap_or_else(|_| self.given.clone())
    }

    /// The settings of `topic` in `image`. Overrides that make no sense count as not given: the controller refused them
    /// when they were set, so they can only come from another version's log.
    pub fn topic_settings(&self, image: &MetadataImage, topic: &Str) -> TopicSettings {
        let dynamic = image.configs.dynamic(self.broker);
        let changed = if dynamic == DynamicConfigs::default() { None } else { self.given.with_dynamic(dynamic).ok() };
        let broker = changed.as_ref().unwrap_or(&self.given);
        let topic = TopicConfig::effective(broker, &image.configs.overrides(&ConfigResource::topic(topic.clone())))
            .unwrap_or_else(|_| broker.topic_defaults.clone());
        TopicSettings::new(&topic, &broker.log)
    }
}

/// A topic's part.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicSettings {
    /// For its logs.
    pub log: LogConfig,
    /// `min.insync.replicas`.
    pub min_in_sync_replicas: usize,
    /// `flush.messages` is 1: nothing counts before it is stored.
    pub flush_every_append: bool,
    /// The broker's `transaction.partition.verification.enable`.
    pub verify_transactions: bool,
}

impl TopicSettings {
    /// What `topic` says, and the broker for all topics.
    pub fn new(topic: &TopicConfig, broker: &LogConfigDefaults) -> Self {
        let bytes = |value: i32| u64::try_from(value).unwrap_or_default();
        let log = LogConfig {
            segment_bytes: bytes(topic.segment_bytes),
            segment_ms: topic.segment_ms,
            segment_jitter_ms: 0,
            segment_index_bytes: bytes(topic.segment_index_bytes),
            index_interval_bytes: bytes(topic.index_interval_bytes),
            max_message_bytes: bytes(topic.max_message_bytes),
            retention_ms: (topic.retention_ms >= 0).then_some(topic.retention_ms),
            retention_bytes: u64::try_from(topic.retention_bytes).ok(),
            delete: topic.cleanup_policy.delete,
            compact: topic.cleanup_policy.compact,
            delete_retention_ms: topic.delete_retention_ms,
            min_cleanable_dirty_millionths: topic.min_cleanable_dirty_millionths,
            min_compaction_lag_ms: topic.min_compaction_lag_ms,
            max_compaction_lag_ms: topic.max_compaction_lag_ms,
            compression: topic.compression,
            message_timestamp_type: match topic.message_timestamp_type {
                crate::config::TimestampType::LogAppendTime => TimestampType::LogAppendTime,
                crate::config::TimestampType::CreateTime => TimestampType::CreateTime,
            },
            message_timestamp_before_max_ms: topic.message_timestamp_before_max_ms,
            message_timestamp_after_max_ms: topic.message_timestamp_after_max_ms,
            producer_id_expiration_ms: i64::try_from(broker.producer_id_expiration.as_millis()).unwrap_or(i64::MAX),
        };
        Self {
            log,
            min_in_sync_replicas: usize::try_from(topic.min_insync_replicas).unwrap_or(1),
            flush_every_append: topic.flush_messages <= 1,
            verify_transactions: broker.transaction_partition_verification_enable,
        }
    }
}
