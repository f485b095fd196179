//! What a group coordinator can be told, with Kafka's defaults.

use crate::config::BrokerConfig;
use crate::time::Duration;

/// The broker configs of the group coordinator, as numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// `group.min.session.timeout.ms`
    pub min_session_timeout_ms: i32,
    /// `group.max.session.timeout.ms`
    pub max_session_timeout_ms: i32,
    /// `group.initial.rebalance.delay.ms`
    pub initial_rebalance_delay: Duration,
    /// `group.max.size`
    pub max_size: usize,
    /// `offsets.topic.num.partitions`; at least 1.
    pub offsets_topic_partitions: i32,
    /// `offset.metadata.max.bytes`
    pub offset_metadata_max_bytes: usize,
    /// `offsets.retention.minutes`
    pub offsets_retention: Duration,
    /// `offsets.retention.check.interval.ms`
    pub offsets_retention_check_interval: Duration,
    /// `offsets.commit.timeout.ms`: how long any write of a coordinator waits for its replication.
    pub commit_timeout: Duration,
    /// How long a new member may wait in the join barrier before it counts as gone; no config in Kafka, five minutes.
    pub new_member_join_timeout: Duration,
}

impl GroupConfig {
    /// As a broker is configured.
    pub fn new(broker: &BrokerConfig) -> Self {
        let groups = &broker.groups;
        let milliseconds = |duration: Duration| i32::try_from(duration.as_millis()).unwrap_or(i32::MAX);
        Self {
            min_session_timeout_ms: milliseconds(groups.min_session_timeout),
            max_session_timeout_ms: milliseconds(groups.max_session_timeout),
            initial_rebalance_delay: groups.initial_rebalance_delay,
            max_size: usize::try_from(groups.max_size).unwrap_or(0),
            offsets_topic_partitions: groups.offsets_topic_num_partitions.max(1),
            offset_metadata_max_bytes: usize::try_from(groups.offset_metadata_max_bytes).unwrap_or(0),
            offsets_retention: groups.offsets_retention,
            offsets_retention_check_interval: groups.offsets_retention_check_interval,
            commit_timeout: groups.offsets_commit_timeout,
            ..Self::default()
        }
    }
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self {
            min_session_timeout_ms: 6_000,
            max_session_timeout_ms: 1_800_000,
            initial_rebalance_delay: Duration::from_secs(3),
            max_size: i32::MAX as usize,
            offsets_topic_partitions: 50,
            offset_metadata_max_bytes: 4_096,
            offsets_retention: Duration::from_hours(7 * 24),
            offsets_retention_check_interval: Duration::from_mins(10),
            commit_timeout: Duration::from_secs(5),
            new_member_join_timeout: Duration::from_mins(5),
        }
    }
}
