//! [`MetadataImage`]: everything a node knows about its cluster at one offset.

use super::client_quotas::ClientQuotasImage;
use super::cluster::ClusterImage;
use super::configs::ConfigurationsImage;
use super::features::FeaturesImage;
use super::producer_ids::ProducerIdsImage;
use super::scram::ScramImage;
use super::topics::TopicsImage;
use alloc::sync::Arc;

/// Where an image comes from: the last change it contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// Offset of the last record contained; -1 for the empty image.
    pub offset: i64,
    /// Epoch of the controller that wrote it; -1 for the empty image.
    pub epoch: i32,
    /// Append time of that record, milliseconds since the Unix epoch; -1 where unknown.
    pub timestamp_ms: i64,
}

impl Provenance {
    /// Of an image that contains nothing.
    pub const EMPTY: Self = Self { offset: -1, epoch: -1, timestamp_ms: -1 };
}

impl Default for Provenance {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// The cluster at one offset. Immutable: a new one comes from [`super::MetadataDelta::apply`].
///
/// Cloning costs a few reference counts; parts that did not change are shared between images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetadataImage {
    /// The last change contained.
    pub provenance: Provenance,
    /// Finalized features.
    pub features: Arc<FeaturesImage>,
    /// Brokers and controllers.
    pub cluster: Arc<ClusterImage>,
    /// Topics and their partitions.
    pub topics: Arc<TopicsImage>,
    /// Dynamic configurations.
    pub configs: Arc<ConfigurationsImage>,
    /// Quotas of clients.
    pub client_quotas: Arc<ClientQuotasImage>,
    /// Producer ids handed out so far.
    pub producer_ids: Arc<ProducerIdsImage>,
    /// Credentials of users.
    pub scram: Arc<ScramImage>,
}

impl MetadataImage {
    /// True where nothing was ever replayed into it, wherever it stands in the log.
    pub fn is_empty(&self) -> bool {
        Self { provenance: Provenance::EMPTY, ..self.clone() } == Self::default()
    }

    /// True where `other` describes the same cluster, whatever its provenance.
    pub fn same_cluster(&self, other: &Self) -> bool {
        self.features == other.features
            && self.cluster == other.cluster
            && self.topics == other.topics
            && self.configs == other.configs
            && self.client_quotas == other.client_quotas
            && self.producer_ids == other.producer_ids
            && self.scram == other.scram
    }
}
