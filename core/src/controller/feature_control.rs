//! Finalized features: the first records of a cluster.

use super::decision::Decision;
use crate::metadata::MetadataRecord;
use crate::protocol::messages::{BeginTransactionRecord, EndTransactionRecord, FeatureLevelRecord};
use crate::text::Str;
use alloc::vec::Vec;

impl Decision<'_> {
    /// The records a cluster begins with; none where it has begun. Without them nobody could read any other record.
    pub(super) fn bootstrap(self) -> Vec<MetadataRecord> {
        if self.image.features.metadata_version() != 0 {
            return Vec::new();
        }
        let name = Some(Str::from_static("Bootstrap records"));
        let mut records = Vec::new();
        records.push(MetadataRecord::BeginTransaction(BeginTransactionRecord { name }));
        records.extend(self.config.bootstrap_features.iter().map(|(name, feature_level)| {
            MetadataRecord::FeatureLevel(FeatureLevelRecord { name: name.clone(), feature_level: *feature_level })
        }));
        records.push(MetadataRecord::EndTransaction(EndTransactionRecord::default()));
        records
    }
}
