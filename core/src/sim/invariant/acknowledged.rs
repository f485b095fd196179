//! A record acknowledged with acks=all is committed, at the offset that was told. What is committed never changes and every
//! new leader has it, as other invariants say; so it survives.

use crate::client::ProducerEvent;
use crate::sim::history::{History, RecordId};
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;

/// Who waits for all replicas.
#[derive(Clone, Debug, Default)]
pub(super) struct Acknowledged {
    durable: BTreeSet<u32>,
    count: u64,
}

impl Acknowledged {
    pub(super) fn expect_durable(&mut self, client: u32) {
        self.durable.insert(client);
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn told(&mut self, history: &History, client: u32, event: &ProducerEvent) -> Result<(), String> {
        let ProducerEvent::Delivered { ids, topic, partition, base_offset, .. } = event else { return Ok(()) };
        if !self.durable.contains(&client) {
            return Ok(());
        }
        let lasting = history.partition_id(topic, *partition);
        for (index, &number) in ids.iter().enumerate() {
            let record = RecordId { client, number };
            let Some(place) = history.place(record) else {
                return Err(format!("{record:?} is acknowledged in {topic}-{partition} and not committed"));
            };
            let Some(lasting) = lasting else { continue };
            let offset = base_offset + index as i64;
            if place.0 != lasting || (*base_offset >= 0 && place.1 != offset) {
                return Err(format!(
                    "{record:?} is acknowledged at {offset} of {lasting:?} and committed at {place:?}"
                ));
            }
        }
        self.count += ids.len() as u64;
        Ok(())
    }
}
