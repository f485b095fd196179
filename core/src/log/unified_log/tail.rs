//! The newest records of a log, to look at: what a page draws of a replica.

use super::UnifiedLog;
use crate::ids::{Offset, TopicPartition};
use crate::record::walk::{RecordWalk, Walked};
use crate::record::{Batches, Compression, RecordBatch, RecordError};
use crate::sorted::SortedMap;
use alloc::vec::Vec;

/// A longer key is shown by its beginning, bytes.
const KEY_BYTES: usize = 1024;
/// The most that is unpacked between two calls of [`TailMemory::begin`], bytes: gzip takes 1.5 ms for it as wasm in V8.
const UNPACKED_BYTES: usize = 128 << 10;

/// What is seen of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRecord {
    /// Its offset.
    pub offset: Offset,
    /// Its key; of a long one the beginning.
    pub key: Option<Vec<u8>>,
    /// It is a control record.
    pub is_control: bool,
}

/// What looks at logs have unpacked, so that no batch is unpacked twice and no look does much: it is the looker's, for it says
/// nothing of a log.
#[derive(Clone, Debug, Default)]
pub struct TailMemory {
    batches: SortedMap<(TopicPartition, Offset), Unpacked>,
    budget: usize,
}

/// What is known of a compressed batch.
#[derive(Clone, Debug)]
struct Unpacked {
    /// Another batch may have taken its place.
    crc: u32,
    /// Records from this offset on are known.
    from: Offset,
    records: Vec<SeenRecord>,
    /// Where the look is, until it came to the end.
    walk: Option<RecordWalk>,
    /// The last round of looks had to do with it.
    is_used: bool,
}

impl TailMemory {
    /// A new round of looks, which may unpack some more; what the last round did not look at is forgotten.
    pub fn begin(&mut self) {
        self.budget = UNPACKED_BYTES;
        self.batches.retain(|_, batch| core::mem::take(&mut batch.is_used));
    }

    /// The records of a compressed batch from `start` on, as far as they are known.
    fn records(&mut self, partition: &TopicPartition, batch: &RecordBatch, start: Offset) -> Option<&[SeenRecord]> {
        let header = batch.header();
        let key = (partition.clone(), header.base_offset);
        let from = start.max(header.base_offset);
        if self.batches.get(&key).is_none_or(|known| known.crc != header.crc || known.from > from) {
            let walk = Some(RecordWalk::new(header, KEY_BYTES).ok()?);
            let unpacked = Unpacked { crc: header.crc, from, records: Vec::new(), walk, is_used: true };
            self.batches.insert(key.clone(), unpacked);
        }
        let known = self.batches.get_mut(&key)?;
        known.is_used = true;
        if known.go_on(batch, &mut self.budget).is_err() {
            // It will not become readable.
            known.walk = None;
        }
        Some(&known.records)
    }
}

impl Unpacked {
    fn go_on(&mut self, batch: &RecordBatch, budget: &mut usize) -> Result<(), RecordError> {
        let header = batch.header();
        let section = header.section(batch.bytes())?;
        while let Some(walk) = &mut self.walk {
            match walk.next(section, budget)? {
                Walked::Record(record) => {
                    let offset = record.offset(header);
                    if offset >= self.from {
                        let key = record.key_size.map(|_| record.key);
                        self.records.push(SeenRecord { offset, key, is_control: header.is_control() });
                    }
                }
                Walked::Ended => self.walk = None,
                Walked::Paused => break,
            }
        }
        Ok(())
    }
}

impl UnifiedLog {
    /// The newest records, from `start_offset` on, as far as they are in memory and known: compressed batches are unpacked little
    /// by little, over several rounds of `memory`.
    pub fn tail(&self, start_offset: Offset, memory: &mut TailMemory) -> Vec<SeenRecord> {
        let mut records = Vec::new();
        let start = start_offset.max(self.log_start_offset());
        for segment in self.segments.get(self.segment_of(start)..).unwrap_or_default() {
            let Ok(found) = segment.find(start) else { return records };
            let mut position = found.map_or(segment.size(), |(position, _)| position);
            while position < segment.size() {
                let Ok(chunk) = segment.chunk_at(position) else { return records };
                for batch in Batches::new(chunk.clone()) {
                    let Ok(batch) = batch else { return records };
                    self.look_at(&batch, start, memory, &mut records);
                }
                position += chunk.len() as u64;
            }
        }
        records
    }

    fn look_at(&self, batch: &RecordBatch, start: Offset, memory: &mut TailMemory, records: &mut Vec<SeenRecord>) {
        let header = batch.header();
        if header.compression() != Ok(Compression::None) {
            let known = memory.records(&self.topic_partition, batch, start).unwrap_or_default();
            records.extend(known.iter().filter(|record| record.offset >= start).cloned());
            return;
        }
        for record in header.records(batch.bytes()).into_iter().flatten().map_while(Result::ok) {
            let offset = header.base_offset.saturating_add(i64::from(record.offset_delta));
            if offset >= start {
                let key = record.key.map(|key| Vec::from(key.get(..KEY_BYTES).unwrap_or(key)));
                records.push(SeenRecord { offset, key, is_control: header.is_control() });
            }
        }
    }
}
