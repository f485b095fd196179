//! An image turned back into records.

use super::image::MetadataImage;
use super::records::MetadataRecord;
use alloc::vec::Vec;

impl MetadataImage {
    /// The records that, replayed on an empty image, rebuild this one exactly (but for its provenance).
    ///
    /// Features come first because they decide how the rest is read; topics before their configurations.
    pub fn to_records(&self) -> Vec<MetadataRecord> {
        let mut records = Vec::new();
        self.features.write(&mut records);
        self.cluster.write(&mut records);
        self.topics.write(&mut records);
        self.configs.write(&mut records);
        self.client_quotas.write(&mut records);
        self.producer_ids.write(&mut records);
        self.scram.write(&mut records);
        records
    }
}
