//! [`Keys`]: the records of a compacted partition by their keys, as they were committed.

use crate::ids::Offset;
use crate::record::{Record, RecordBatch, crc32c};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use bytes::Bytes;

/// What is known of a record: its key, and a checksum of its value.
type Known = (Option<Bytes>, Option<u32>);

fn known(record: Record) -> Known {
    (record.key, record.value.map(|value| crc32c(&value)))
}

/// All records by offset, all offsets by key.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    records: BTreeMap<Offset, Known>,
    offsets: BTreeMap<Bytes, BTreeSet<Offset>>,
}

impl Keys {
    /// A batch is committed.
    pub(super) fn note(&mut self, batch: &RecordBatch) {
        for record in batch.iter().into_iter().flatten().map_while(Result::ok) {
            let (offset, known) = (record.offset, known(record));
            if let Some(key) = &known.0 {
                self.offsets.entry(key.clone()).or_default().insert(offset);
            }
            self.records.insert(offset, known);
        }
    }

    /// Every record of a batch is one that was committed there.
    pub(super) fn check(&self, batch: &RecordBatch) -> Result<(), String> {
        let records = batch.iter().map_err(|error| format!("{error}"))?;
        for record in records {
            let record = record.map_err(|error| format!("{error}"))?;
            let (offset, here) = (record.offset, known(record));
            let there = self.records.get(&offset);
            if there != Some(&here) {
                return Err(format!("{offset} is {here:?}, {there:?} was committed"));
            }
        }
        Ok(())
    }

    /// The later records of the key of the one at `offset`.
    pub(super) fn later(&self, offset: Offset) -> impl Iterator<Item = Offset> {
        let key = self.records.get(&offset).and_then(|known| known.0.as_ref());
        let offsets = key.and_then(|key| self.offsets.get(key));
        offsets.into_iter().flat_map(move |offsets| offsets.range(offset + 1..)).copied()
    }

    /// The offsets of each key.
    pub(super) fn all(&self) -> impl Iterator<Item = &BTreeSet<Offset>> {
        self.offsets.values()
    }

    /// The record at `offset` is no tombstone.
    pub(super) fn has_value(&self, offset: Offset) -> bool {
        self.records.get(&offset).is_some_and(|known| known.1.is_some())
    }
}
