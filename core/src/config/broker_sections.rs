//! The typed values of a broker, by the part that reads them.

use super::quota_config::{QuotaWindow, QuotaWindows};
use super::value::Values;
use crate::time::Duration;

/// The metadata quorum (`controller.quorum.*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumConfig {
    /// Wait for votes; up to as much again is added at random.
    pub election_timeout: Duration,
    /// A follower without a fetch for this long starts an election.
    pub fetch_timeout: Duration,
    /// Longest pause after a lost election.
    pub election_backoff_max: Duration,
    /// Wait for an answer.
    pub request_timeout: Duration,
    /// Pause before a request is tried again.
    pub retry_backoff: Duration,
    /// Bytes of one fetch.
    pub fetch_max_bytes: i32,
}

impl QuorumConfig {
    pub(super) fn of(values: &Values) -> Self {
        Self {
            election_timeout: values.millis("controller.quorum.election.timeout.ms"),
            fetch_timeout: values.millis("controller.quorum.fetch.timeout.ms"),
            election_backoff_max: values.millis("controller.quorum.election.backoff.max.ms"),
            request_timeout: values.millis("controller.quorum.request.timeout.ms"),
            retry_backoff: values.millis("controller.quorum.retry.backoff.ms"),
            fetch_max_bytes: values.int("controller.quorum.fetch.max.bytes"),
        }
    }
}

/// The metadata log (`metadata.*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataLogConfig {
    /// Size of a segment in bytes.
    pub segment_bytes: i32,
    /// Age at which a segment is closed, in milliseconds.
    pub segment_ms: i64,
    /// Bytes of new records after which a snapshot is written.
    pub max_record_bytes_between_snapshots: i64,
    /// Longest time between snapshots; zero for no such limit.
    pub max_snapshot_interval: Duration,
    /// How often an idle controller appends a no-op record; zero for never.
    pub max_idle_interval: Duration,
    /// Bytes up to which old segments and snapshots are kept; -1 for no limit.
    pub max_retention_bytes: i64,
}

impl MetadataLogConfig {
    pub(super) fn of(values: &Values) -> Self {
        Self {
            segment_bytes: values.int("metadata.log.segment.bytes"),
            segment_ms: values.long("metadata.log.segment.ms"),
            max_record_bytes_between_snapshots: values.long("metadata.log.max.record.bytes.between.snapshots"),
            max_snapshot_interval: values.millis("metadata.log.max.snapshot.interval.ms"),
            max_idle_interval: values.millis("metadata.max.idle.interval.ms"),
            max_retention_bytes: values.long("metadata.max.retention.bytes"),
        }
    }
}

/// How a broker registers, stays alive and stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleConfig {
    /// `broker.heartbeat.interval.ms`.
    pub heartbeat_interval: Duration,
    /// `broker.session.timeout.ms`.
    pub session_timeout: Duration,
    /// `controlled.shutdown.enable`.
    pub controlled_shutdown_enable: bool,
}

impl LifecycleConfig {
    pub(super) fn of(values: &Values) -> Self {
        Self {
            heartbeat_interval: values.millis("broker.heartbeat.interval.ms"),
            session_timeout: values.millis("broker.session.timeout.ms"),
            controlled_shutdown_enable: values.boolean("controlled.shutdown.enable"),
        }
    }
}

/// What the controller decides for topics that leave it open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDefaults {
    /// `num.partitions`.
    pub num_partitions: i32,
    /// `default.replication.factor`.
    pub default_replication_factor: i32,
    /// `auto.create.topics.enable`.
    pub auto_create_topics_enable: bool,
    /// `delete.topic.enable`.
    pub delete_topic_enable: bool,
    /// `auto.leader.rebalance.enable`.
    pub auto_leader_rebalance_enable: bool,
    /// `leader.imbalance.check.interval.seconds`.
    pub leader_imbalance_check_interval: Duration,
    /// `unclean.leader.election.interval.ms`.
    pub unclean_leader_election_interval: Duration,
}

impl TopicDefaults {
    pub(super) fn of(values: &Values) -> Self {
        let imbalance_seconds = values.long("leader.imbalance.check.interval.seconds");
        Self {
            num_partitions: values.int("num.partitions"),
            default_replication_factor: values.int("default.replication.factor"),
            auto_create_topics_enable: values.boolean("auto.create.topics.enable"),
            delete_topic_enable: values.boolean("delete.topic.enable"),
            auto_leader_rebalance_enable: values.boolean("auto.leader.rebalance.enable"),
            leader_imbalance_check_interval: Duration::from_secs(u64::try_from(imbalance_seconds).unwrap_or(0)),
            unclean_leader_election_interval: values.millis("unclean.leader.election.interval.ms"),
        }
    }
}

/// Followers and in-sync replicas (`replica.*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicationConfig {
    /// `replica.lag.time.max.ms`.
    pub lag_time_max: Duration,
    /// `replica.fetch.max.bytes`, for one partition.
    pub fetch_max_bytes: i32,
    /// `replica.fetch.min.bytes`.
    pub fetch_min_bytes: i32,
    /// `replica.fetch.wait.max.ms`.
    pub fetch_wait_max: Duration,
    /// `replica.fetch.backoff.ms`.
    pub fetch_backoff: Duration,
    /// `replica.fetch.response.max.bytes`.
    pub fetch_response_max_bytes: i32,
    /// `replica.socket.timeout.ms`.
    pub socket_timeout: Duration,
    /// `replica.high.watermark.checkpoint.interval.ms`.
    pub high_watermark_checkpoint_interval: Duration,
}

impl ReplicationConfig {
    pub(super) fn of(values: &Values) -> Self {
        Self {
            lag_time_max: values.millis("replica.lag.time.max.ms"),
            fetch_max_bytes: values.int("replica.fetch.max.bytes"),
            fetch_min_bytes: values.int("replica.fetch.min.bytes"),
            fetch_wait_max: values.millis("replica.fetch.wait.max.ms"),
            fetch_backoff: values.millis("replica.fetch.backoff.ms"),
            fetch_response_max_bytes: values.int("replica.fetch.response.max.bytes"),
            socket_timeout: values.millis("replica.socket.timeout.ms"),
            high_watermark_checkpoint_interval: values.millis("replica.high.watermark.checkpoint.interval.ms"),
        }
    }
}

/// Connections and requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkConfig {
    /// `request.timeout.ms` of the broker's own requests.
    pub request_timeout: Duration,
    /// `fetch.max.bytes`: most bytes of one fetch response.
    pub fetch_max_bytes: i32,
    /// `max.incremental.fetch.session.cache.slots`.
    pub max_incremental_fetch_session_cache_slots: i32,
    /// `max.request.partition.size.limit`.
    pub max_request_partition_size_limit: i32,
    /// What rates are taken over.
    pub quota_windows: QuotaWindows,
}

impl NetworkConfig {
    pub(super) fn of(values: &Values) -> Self {
        Self {
            request_timeout: values.millis("request.timeout.ms"),
            fetch_max_bytes: values.int("fetch.max.bytes"),
            max_incremental_fetch_session_cache_slots: values.int("max.incremental.fetch.session.cache.slots"),
            max_request_partition_size_limit: values.int("max.request.partition.size.limit"),
            quota_windows: QuotaWindows {
                client: quota_window(values, "quota.window.num", "quota.window.size.seconds"),
                controller: quota_window(values, "controller.quota.window.num", "controller.quota.window.size.seconds"),
                replication: quota_window(
                    values,
                    "replication.quota.window.num",
                    "replication.quota.window.size.seconds",
                ),
            },
        }
    }
}

fn quota_window(values: &Values, samples: &str, seconds: &str) -> QuotaWindow {
    let [samples, seconds] = [samples, seconds].map(|name| u32::try_from(values.int(name)).unwrap_or(1).max(1));
    QuotaWindow { samples, sample_ms: u64::from(seconds) * 1000 }
}

/// What a log manager does for all logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfigDefaults {
    /// `log.retention.check.interval.ms`.
    pub retention_check_interval: Duration,
    /// `log.initial.task.delay.ms`.
    pub initial_task_delay: Duration,
    /// `producer.id.expiration.ms`.
    pub producer_id_expiration: Duration,
    /// `transaction.partition.verification.enable`.
    pub transaction_partition_verification_enable: bool,
    /// `add.partitions.to.txn.retry.backoff.ms`.
    pub add_partitions_to_txn_retry_backoff: Duration,
    /// `add.partitions.to.txn.retry.backoff.max.ms`.
    pub add_partitions_to_txn_retry_backoff_max: Duration,
    /// `log.cleaner.enable`.
    pub cleaner_enable: bool,
    /// `log.cleaner.backoff.ms`.
    pub cleaner_backoff: Duration,
    /// Bytes of keys the cleaner remembers: `log.cleaner.dedupe.buffer.size`, as full as `log.cleaner.io.buffer.load.factor` says.
    pub cleaner_buffer_bytes: u64,
    /// `log.cleaner.io.max.bytes.per.second`, a whole number.
    pub cleaner_bytes_per_second: u64,
}

impl LogConfigDefaults {
    pub(super) fn of(values: &Values) -> Self {
        Self {
            retention_check_interval: values.millis("log.retention.check.interval.ms"),
            initial_task_delay: values.millis("log.initial.task.delay.ms"),
            producer_id_expiration: values.millis("producer.id.expiration.ms"),
            transaction_partition_verification_enable: values.boolean("transaction.partition.verification.enable"),
            add_partitions_to_txn_retry_backoff: values.millis("add.partitions.to.txn.retry.backoff.ms"),
            add_partitions_to_txn_retry_backoff_max: values.millis("add.partitions.to.txn.retry.backoff.max.ms"),
            cleaner_enable: values.boolean("log.cleaner.enable"),
            cleaner_backoff: values.millis("log.cleaner.backoff.ms"),
            cleaner_buffer_bytes: u64::try_from(values.long("log.cleaner.dedupe.buffer.size"))
                .unwrap_or_default()
                .saturating_mul(values.scaled("log.cleaner.io.buffer.load.factor", 3).min(1000))
                / 1000,
            cleaner_bytes_per_second: values.scaled("log.cleaner.io.max.bytes.per.second", 0),
        }
    }
}

/// Groups and their offsets (`group.*`, `offsets.*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// `group.min.session.timeout.ms`.
    pub min_session_timeout: Duration,
    /// `group.max.session.timeout.ms`.
    pub max_session_timeout: Duration,
    /// `group.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay: Duration,
    /// `group.max.size`.
    pub max_size: i32,
    /// `offsets.topic.num.partitions`.
    pub offsets_topic_num_partitions: i32,
    /// `offsets.topic.replication.factor`.
    pub offsets_topic_replication_factor: i16,
    /// `offsets.topic.segment.bytes`.
    pub offsets_topic_segment_bytes: i32,
    /// `offsets.retention.minutes`.
    pub offsets_retention: Duration,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check_interval: Duration,
    /// `offsets.commit.timeout.ms`.
    pub offsets_commit_timeout: Duration,
    /// `offset.metadata.max.bytes`.
    pub offset_metadata_max_bytes: i32,
}

impl GroupConfig {
    pub(super) fn of(values: &Values) -> Self {
        let retention_minutes = u64::try_from(values.long("offsets.retention.minutes")).unwrap_or(0);
        Self {
            min_session_timeout: values.millis("group.min.session.timeout.ms"),
            max_session_timeout: values.millis("group.max.session.timeout.ms"),
            initial_rebalance_delay: values.millis("group.initial.rebalance.delay.ms"),
            max_size: values.int("group.max.size"),
            offsets_topic_num_partitions: values.int("offsets.topic.num.partitions"),
            offsets_topic_replication_factor: values.int("offsets.topic.replication.factor") as i16,
            offsets_topic_segment_bytes: values.int("offsets.topic.segment.bytes"),
            offsets_retention: Duration::from_secs(retention_minutes * 60),
            offsets_retention_check_interval: values.millis("offsets.retention.check.interval.ms"),
            offsets_commit_timeout: values.millis("offsets.commit.timeout.ms"),
            offset_metadata_max_bytes: values.int("offset.metadata.max.bytes"),
        }
    }
}

/// Transactional ids and their transactions (`transaction.*`, `transactional.*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionConfig {
    /// `transactional.id.expiration.ms`.
    pub transactional_id_expiration: Duration,
    /// `transaction.max.timeout.ms`.
    pub max_timeout_ms: i32,
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`.
    pub abort_timed_out_interval: Duration,
    /// `transaction.remove.expired.transaction.cleanup.interval.ms`.
    pub remove_expired_interval: Duration,
    /// `transaction.state.log.num.partitions`.
    pub state_log_num_partitions: i32,
    /// `transaction.state.log.replication.factor`.
    pub state_log_replication_factor: i16,
    /// `transaction.state.log.min.isr`.
    pub state_log_min_isr: i32,
    /// `transaction.state.log.segment.bytes`.
    pub state_log_segment_bytes: i32,
}

impl TransactionConfig {
    pub(super) fn of(values: &Values) -> Self {
        Self {
            transactional_id_expiration: values.millis("transactional.id.expiration.ms"),
            max_timeout_ms: values.int("transaction.max.timeout.ms"),
            abort_timed_out_interval: values.millis("transaction.abort.timed.out.transaction.cleanup.interval.ms"),
            remove_expired_interval: values.millis("transaction.remove.expired.transaction.cleanup.interval.ms"),
            state_log_num_partitions: values.int("transaction.state.log.num.partitions"),
            state_log_replication_factor: values.int("transaction.state.log.replication.factor") as i16,
            state_log_min_isr: values.int("transaction.state.log.min.isr"),
            state_log_segment_bytes: values.int("transaction.state.log.segment.bytes"),
        }
    }
}
