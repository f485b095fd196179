//! The cluster as data: an immutable image, the records that change it, and the delta between two images.
//!
//! ```text
//! MetadataRecord … ──replay──▶ MetadataDelta ──apply──▶ MetadataImage ──to_records──▶ MetadataRecord …
//! ```
//!
//! A broker keeps one [`MetadataImage`] and answers every question about the cluster from it. When records are committed,
//! a [`MetadataDelta`] is built over the image; it knows what changed, so that a broker can become leader or follower
//! (see [`MetadataDelta::local_changes`]), and gives the next image. A snapshot is the image turned back into records.
//!
//! **Architecture Invariant.** An image does not know who filled it. Offsets and epochs appear only in
//! [`Provenance`]; whether records of the KRaft log or another controller's requests were replayed is decided outside.

mod client_quotas;
mod cluster;
mod configs;
mod delta;
mod features;
mod image;
mod local_changes;
mod partition;
mod producer_ids;
mod query;
mod records;
mod snapshot;
#[cfg(test)]
mod tests;
mod topics;

pub use client_quotas::{ClientQuotaEntity, ClientQuotasImage, QuotaEntityType};
pub use cluster::{BrokerRegistration, ClusterImage, ControllerRegistration, Endpoint, VersionRange};
pub use configs::{ConfigResource, ConfigResourceType, ConfigurationsImage};
pub use delta::{Changes, MetadataDelta, ReplayError};
pub use features::{
    ELIGIBLE_LEADER_REPLICAS_VERSION, FeaturesImage, KRAFT_VERSION, METADATA_VERSION, TRANSACTION_VERSION,
    supported_features,
};
pub use image::{MetadataImage, Provenance};
pub use local_changes::{LocalPartition, LocalReplicaChanges};
pub use partition::{
    DIRECTORY_LOST, DIRECTORY_MIGRATING, DIRECTORY_UNASSIGNED, LEADER_UNCHANGED, LeaderRecoveryState,
    PartitionRegistration,
};
pub use producer_ids::ProducerIdsImage;
pub use query::PartitionDescription;
pub use records::{MetadataRecord, RecordError};
pub use topics::{TopicImage, TopicsImage};
