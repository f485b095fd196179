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
        // A topic may be deleted in the very step in which its records are committed: nobody sees them then.
        let Some(lasting) = history.partition_id(topic, *partition) else { return Ok(()) };
        let committed = history.committed(lasting);
        for (index, &number) in ids.iter().enumerate() {
            let record = RecordId { client, number };
            let offset = base_offset + index as i64;
            // A duplicate's offset may not be known any more.
            let is_deleted = committed.is_some_and(|committed| *base_offset >= 0 && offset < committed.start());
            let is_there = match committed {
                _ if is_deleted || history.is_unclean(lasting) => true,
                Some(committed) if *base_offset >= 0 => committed.record(offset) == Some(record),
                _ => history.place(record).is_some_and(|place| place.0 == lasting),
            };
            if !is_there {
                let place = history.place(record);
                return Err(format!(
                    "{record:?} is acknowledged at {offset} of {topic}-{partition}, it is at {place:?}"
                ));
            }
        }
        self.count += ids.len() as u64;
        Ok(())
    }
}
