//! Quotas: what clients and replication may have in a second, and who waits (`org.apache.kafka.server.quota`).
//!
//! [`QuotaManagers`] has one manager for each kind that brokers heed, a node its [`ConnectionQuotas`], a controller its
//! [`ControllerMutationQuotaManager`]. A manager keeps rates and nothing else: what is allowed is in the
//! metadata, and is looked up whenever something is counted.

mod client_quota_manager;
mod connection_quotas;
mod controller_mutation_quota_manager;
mod rate;
mod replication_quota_manager;
#[cfg(test)]
mod tests;

pub use client_quota_manager::{ClientQuotaManager, QuotaClient};
pub use connection_quotas::ConnectionQuotas;
pub use controller_mutation_quota_manager::{ControllerMutationQuota, ControllerMutationQuotaManager};
pub use rate::{Elapsed, Rate};
pub use replication_quota_manager::ReplicationQuotaManager;

use crate::config::quota_config::{CONSUMER_BYTE_RATE, PRODUCER_BYTE_RATE, QuotaWindows};
use crate::ids::NodeId;
use crate::metadata::MetadataImage;

/// All quotas that a broker heeds.
#[derive(Clone, Debug)]
pub struct QuotaManagers {
    /// `producer_byte_rate`.
    pub produce: ClientQuotaManager,
    /// `consumer_byte_rate`.
    pub fetch: ClientQuotaManager,
    /// `leader.replication.throttled.rate`.
    pub leader: ReplicationQuotaManager,
    /// `follower.replication.throttled.rate`.
    pub follower: ReplicationQuotaManager,
}

impl QuotaManagers {
    /// Of `broker`, with nothing counted yet.
    pub fn new(broker: NodeId, windows: QuotaWindows) -> Self {
        Self {
            produce: ClientQuotaManager::new(PRODUCER_BYTE_RATE, windows.client),
            fetch: ClientQuotaManager::new(CONSUMER_BYTE_RATE, windows.client),
            leader: ReplicationQuotaManager::of_leader(broker, windows.replication),
            follower: ReplicationQuotaManager::of_follower(broker, windows.replication),
        }
    }

    /// Takes what is set now.
    pub fn update(&mut self, image: &MetadataImage) {
        self.leader.update(image);
        self.follower.update(image);
    }
}
