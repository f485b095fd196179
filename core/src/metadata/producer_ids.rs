//! Producer ids: which ids are not given to any broker yet.

use super::records::MetadataRecord;
use crate::ids::ProducerId;
use crate::protocol::messages::ProducerIdsRecord;
use alloc::vec::Vec;

/// The producer ids handed out so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProducerIdsImage {
    /// The first id of the next block; 0 where none was handed out.
    pub next_producer_id: ProducerId,
}

impl ProducerIdsImage {
    pub(super) fn replay(&mut self, record: &ProducerIdsRecord) {
        self.next_producer_id = record.next_producer_id;
    }

    pub(super) fn write(self, records: &mut Vec<MetadataRecord>) {
        if self.next_producer_id > 0 {
            records.push(MetadataRecord::ProducerIds(ProducerIdsRecord {
                broker_id: -1,
                broker_epoch: -1,
                next_producer_id: self.next_producer_id,
            }));
        }
    }
}
