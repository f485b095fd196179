//! Finalized features: which optional behaviour the whole cluster agreed on.

use super::records::MetadataRecord;
use crate::protocol::messages::FeatureLevelRecord;
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::vec::Vec;

/// Name of the feature that counts the versions of the metadata records themselves.
pub const METADATA_VERSION: &str = "metadata.version";
/// Name of the feature that turns eligible leader replicas on (KIP-966).
pub const ELIGIBLE_LEADER_REPLICAS_VERSION: &str = "eligible.leader.replicas.version";
/// Name of the feature that says how transactions are told (KIP-890): from 1 on records have tagged fields, from 2 on every
/// end of a transaction bumps the epoch.
pub const TRANSACTION_VERSION: &str = "transaction.version";

/// Name of the feature that lets the log say who votes in the quorum (KIP-853). The quorum keeps its level, not the metadata.
pub const KRAFT_VERSION: &str = "kraft.version";

/// The features this release line implements: name, lowest and highest level. `kraft_version` is the highest of
/// kraft.version: 1 for a node that takes the voters from the log.
pub fn supported_features(kraft_version: i16) -> [(&'static str, i16, i16); 3] {
    [(METADATA_VERSION, 7, 30), (KRAFT_VERSION, 0, kraft_version), (TRANSACTION_VERSION, 0, 2)]
}

/// The finalized feature levels; a level of 0 is the same as absence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeaturesImage {
    finalized: SortedMap<Str, i16>,
}

impl FeaturesImage {
    /// The finalized level of `feature`; 0 where it is not finalized.
    pub fn level(&self, feature: &str) -> i16 {
        self.finalized.get(feature).copied().unwrap_or(0)
    }

    /// The finalized metadata version; 0 before the bootstrap records.
    pub fn metadata_version(&self) -> i16 {
        self.level(METADATA_VERSION)
    }

    /// Whether eligible leader replicas are kept (KIP-966).
    pub fn eligible_leader_replicas_enabled(&self) -> bool {
        self.level(ELIGIBLE_LEADER_REPLICAS_VERSION) > 0
    }

    /// All finalized features with their levels, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Str, i16)> {
        self.finalized.iter().map(|(name, &level)| (name, level))
    }

    pub(super) fn replay(&mut self, record: &FeatureLevelRecord) {
        if record.feature_level == 0 {
            self.finalized.remove(&record.name);
        } else {
            self.finalized.insert(record.name.detached(), record.feature_level);
        }
    }

    /// The metadata version comes first: it decides how the records after it are read.
    pub(super) fn write(&self, records: &mut Vec<MetadataRecord>) {
        let metadata_version = self.finalized.iter().filter(|(name, _)| **name == METADATA_VERSION);
        let others = self.finalized.iter().filter(|(name, _)| **name != METADATA_VERSION);
        records.extend(metadata_version.chain(others).map(|(name, &feature_level)| {
            MetadataRecord::FeatureLevel(FeatureLevelRecord { name: name.clone(), feature_level })
        }));
    }
}
