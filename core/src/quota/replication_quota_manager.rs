//! [`ReplicationQuotaManager`]: how fast throttled replicas may be copied (`kafka.server.ReplicationQuotaManager`, KIP-73).

use super::rate::{Elapsed, Rate};
use crate::config::quota_config::QuotaWindow;
use crate::ids::{NodeId, TopicPartition};
use crate::metadata::MetadataImage;
use crate::time::Instant;

/// One side of replication on a broker.
#[derive(Clone, Debug)]
pub struct ReplicationQuotaManager {
    broker: NodeId,
    /// The broker's key with the rate.
    rate_key: &'static str,
    /// The topic's key with the replicas.
    replicas_key: &'static str,
    /// Bytes a second; without one nothing is throttled.
    bound: Option<f64>,
    rate: Rate,
}

impl ReplicationQuotaManager {
    /// What `broker` sends as a leader.
    pub fn of_leader(broker: NodeId, window: QuotaWindow) -> Self {
        Self::new(broker, window, "leader.replication.throttled.rate", "leader.replication.throttled.replicas")
    }

    /// What `broker` fetches as a follower.
    pub fn of_follower(broker: NodeId, window: QuotaWindow) -> Self {
        Self::new(broker, window, "follower.replication.throttled.rate", "follower.replication.throttled.replicas")
    }

    fn new(broker: NodeId, window: QuotaWindow, rate_key: &'static str, replicas_key: &'static str) -> Self {
        Self { broker, rate_key, replicas_key, bound: None, rate: Rate::new(window, Elapsed::Simple) }
    }

    /// Takes the rate that is set now.
    pub fn update(&mut self, image: &MetadataImage) {
        let set = image.configs.broker_value(self.broker, self.rate_key);
        self.bound = set.and_then(|rate| rate.parse::<u64>().ok()).map(|rate| rate as f64);
    }

    /// Counts bytes of a throttled replica.
    pub fn record(&mut self, bytes: usize, now: Instant) {
        if self.bound.is_some() {
            self.rate.record(bytes as f64, now);
        }
    }

    /// True where no more of throttled replicas may be copied now.
    pub fn is_exceeded(&mut self, now: Instant) -> bool {
        self.bound.is_some_and(|bound| self.rate.value(now) > bound)
    }

    /// True for a replica that its topic names as throttled, where there is a rate.
    pub fn is_throttled(&self, image: &MetadataImage, partition: &TopicPartition) -> bool {
        if self.bound.is_none() {
            return false;
        }
        let Some(replicas) = image.configs.topic_value(&partition.topic, self.replicas_key) else { return false };
        replicas.split(',').map(str::trim).any(|replica| {
            let is_this = |(index, broker): (&str, &str)| {
                index.trim().parse() == Ok(partition.partition) && broker.trim().parse() == Ok(self.broker)
            };
            replica == "*" || replica.split_once(':').is_some_and(is_this)
        })
    }
}
