//! What a transaction coordinator can be told, with Kafka's defaults.

use crate::config::BrokerConfig;
use crate::ids::PartitionIndex;
use crate::time::Duration;

/// The broker configs of the transaction coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionConfig {
    /// `transactional.id.expiration.ms`
    pub transactional_id_expiration: Duration,
    /// `transaction.max.timeout.ms`
    pub max_timeout_ms: i32,
    /// `transaction.state.log.num.partitions`; at least 1.
    pub log_partitions: PartitionIndex,
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`
    pub abort_timed_out_interval: Duration,
    /// `transaction.remove.expired.transaction.cleanup.interval.ms`
    pub remove_expired_interval: Duration,
    /// `request.timeout.ms`: how long the removal of expired ids waits for its replication.
    pub request_timeout: Duration,
    /// `offsets.topic.num.partitions`, while `__consumer_offsets` does not exist; at least 1.
    pub offsets_topic_partitions: PartitionIndex,
}

impl TransactionConfig {
    /// As a broker is configured.
    pub fn new(broker: &BrokerConfig) -> Self {
        let transactions = &broker.transactions;
        Self {
            transactional_id_expiration: transactions.transactional_id_expiration,
            max_timeout_ms: transactions.max_timeout_ms,
            log_partitions: transactions.state_log_num_partitions.max(1),
            abort_timed_out_interval: transactions.abort_timed_out_interval,
            remove_expired_interval: transactions.remove_expired_interval,
            request_timeout: broker.network.request_timeout,
            offsets_topic_partitions: broker.groups.offsets_topic_num_partitions.max(1),
        }
    }
}

impl Default for TransactionConfig {
    fn default() -> Self {
        Self {
            transactional_id_expiration: Duration::from_hours(7 * 24),
            max_timeout_ms: 900_000,
            log_partitions: 50,
            abort_timed_out_interval: Duration::from_secs(10),
            remove_expired_interval: Duration::from_hours(1),
            request_timeout: Duration::from_secs(30),
            offsets_topic_partitions: 50,
        }
    }
}
