//! [`ProducerStateManager`]: what a partition knows of its idempotent producers (KIP-98), and its snapshot file.

use crate::ids::{Offset, ProducerId, TopicPartition};
use crate::protocol::ErrorCode;
use crate::record::validate::Rejection;
use crate::record::{BatchHeader, NO_PRODUCER_EPOCH, NO_SEQUENCE, control, crc32c};
use crate::sorted::SortedMap;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;
use bytes::Bytes;

/// Batches remembered of each producer, for finding duplicates.
const BATCHES_KEPT: usize = 5;
/// Version of the snapshot file.
const SNAPSHOT_VERSION: i16 = 1;
/// Bytes before the entries: version, CRC, number of entries.
const SNAPSHOT_HEADER: usize = 10;
const SNAPSHOT_ENTRY: usize = 46;

/// What is remembered of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchMetadata {
    /// Sequence of its last record.
    pub last_sequence: i32,
    /// Offset of its last record.
    pub last_offset: Offset,
    /// Its records minus one.
    pub offset_delta: i32,
    /// Its largest timestamp.
    pub timestamp: i64,
}

impl BatchMetadata {
    /// Sequence of its first record.
    pub const fn first_sequence(&self) -> i32 {
        // Sequences wrap from the largest int32 to 0.
        ((self.last_sequence as i64 - self.offset_delta as i64) & 0x7fff_ffff) as i32
    }

    /// Offset of its first record.
    pub const fn first_offset(&self) -> Offset {
        self.last_offset - self.offset_delta as i64
    }
}

/// One producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerStateEntry {
    /// Its epoch.
    pub producer_epoch: i16,
    /// Its last batches, oldest first; at most five.
    pub batches: VecDeque<BatchMetadata>,
    /// Epoch of the coordinator that wrote its last marker; -1 for none.
    pub coordinator_epoch: i32,
    /// Timestamp of its last batch or marker.
    pub last_timestamp: i64,
    /// First offset of its open transaction.
    pub current_txn_first_offset: Option<Offset>,
}

impl ProducerStateEntry {
    const fn empty() -> Self {
        Self {
            producer_epoch: NO_PRODUCER_EPOCH,
            batches: VecDeque::new(),
            coordinator_epoch: -1,
            last_timestamp: -1,
            current_txn_first_offset: None,
        }
    }

    /// Sequence of the last record; -1 where none is known.
    pub fn last_sequence(&self) -> i32 {
        self.batches.back().map_or(NO_SEQUENCE, |batch| batch.last_sequence)
    }

    /// The remembered batch that `header` repeats.
    pub fn duplicate_of(&self, header: &BatchHeader) -> Option<BatchMetadata> {
        if header.producer_epoch != self.producer_epoch {
            return None;
        }
        let (first, last) = (header.base_sequence, header.last_sequence());
        self.batches.iter().find(|batch| batch.first_sequence() == first && batch.last_sequence == last).copied()
    }

    fn add(&mut self, header: &BatchHeader) {
        if self.producer_epoch != header.producer_epoch {
            self.producer_epoch = header.producer_epoch;
            self.batches.clear();
        }
        if self.batches.len() == BATCHES_KEPT {
            self.batches.pop_front();
        }
        self.batches.push_back(BatchMetadata {
            last_sequence: header.last_sequence(),
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta,
            timestamp: header.max_timestamp,
        });
        self.last_timestamp = header.max_timestamp;
    }
}

/// All producers of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProducerStateManager {
    producers: SortedMap<ProducerId, ProducerStateEntry>,
}

impl ProducerStateManager {
    /// The producers, by id.
    pub const fn producers(&self) -> &SortedMap<ProducerId, ProducerStateEntry> {
        &self.producers
    }

    /// The batch that `header` repeats, if it is one of the last five of its producer.
    pub fn duplicate_of(&self, header: &BatchHeader) -> Option<BatchMetadata> {
        if !header.has_producer_id() {
            return None;
        }
        self.producers.get(&header.producer_id)?.duplicate_of(header)
    }

    /// Checks epoch and sequence of a client's batch that would get `offset`.
    pub fn check(&self, header: &BatchHeader, offset: Offset, partition: &TopicPartition) -> Result<(), Rejection> {
        if !header.has_producer_id() {
            return Ok(());
        }
        // Any sequence may begin where nothing is known: the state may have gone with old records.
        let Some(entry) = self.producers.get(&header.producer_id) else { return Ok(()) };
        let (id, epoch, sequence) = (header.producer_id, header.producer_epoch, header.base_sequence);
        let current = entry.producer_epoch;
        if epoch < current {
            return Err(Rejection::new(
                ErrorCode::InvalidProducerEpoch,
                format!(
                    "Epoch of producer {id} at offset {offset} in {partition} is {epoch}, which is < the last seen \
                     epoch {current} (TV-1)"
                ),
            ));
        }
        let out_of_order = |message| Err(Rejection::new(ErrorCode::OutOfOrderSequenceNumber, message));
        if epoch > current {
            if sequence != 0 && current != NO_PRODUCER_EPOCH {
                return out_of_order(format!(
                    "Invalid sequence number for new epoch of producer {id}at offset {offset} in partition \
                     {partition}: {epoch} (request epoch), {sequence} (seq. number), {current} (current producer \
                     epoch)"
                ));
            }
            return Ok(());
        }
        let last = entry.last_sequence();
        if sequence != next_sequence(last) {
            return out_of_order(format!(
                "Out of order sequence number for producer {id} at offset {offset} in partition {partition}: \
                 {sequence} (incoming seq. number), {last} (current end sequence number)"
            ));
        }
        Ok(())
    }

    /// Takes note of a batch that was appended; `bytes` is the batch.
    pub fn update(&mut self, header: &BatchHeader, bytes: &[u8]) {
        if !header.has_producer_id() {
            return;
        }
        let entry = self.producers.entry(header.producer_id).or_insert_with(ProducerStateEntry::empty);
        if header.is_control() {
            // The marker that ends a transaction: it carries no sequence.
            entry.producer_epoch = header.producer_epoch;
            entry.current_txn_first_offset = None;
            entry.last_timestamp = header.max_timestamp;
            let first = header.records(bytes).ok().and_then(|mut records| records.next()?.ok());
            if let Some(epoch) = first.and_then(|record| control::marker_coordinator_epoch(record.value?)) {
                entry.coordinator_epoch = epoch;
            }
            return;
        }
        entry.add(header);
        if header.is_transactional() && entry.current_txn_first_offset.is_none() {
            entry.current_txn_first_offset = Some(header.base_offset);
        }
    }

    /// Forgets the producers without an open transaction that wrote nothing for `expiration_ms`.
    pub fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        self.producers.retain(|_, entry| {
            entry.current_txn_first_offset.is_some() || now_ms.saturating_sub(entry.last_timestamp) < expiration_ms
        });
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.producers.clear();
    }

    /// The bytes of a `.snapshot` file. Only the last batch of each producer is kept in it.
    pub fn encode(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(SNAPSHOT_HEADER + self.producers.len() * SNAPSHOT_ENTRY);
        bytes.extend_from_slice(&SNAPSHOT_VERSION.to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&(self.producers.len() as i32).to_be_bytes());
        for (id, entry) in &self.producers {
            let last = entry.batches.back();
            bytes.extend_from_slice(&id.to_be_bytes());
            bytes.extend_from_slice(&entry.producer_epoch.to_be_bytes());
            bytes.extend_from_slice(&entry.last_sequence().to_be_bytes());
            bytes.extend_from_slice(&last.map_or(-1, |batch| batch.last_offset).to_be_bytes());
            bytes.extend_from_slice(&last.map_or(0, |batch| batch.offset_delta).to_be_bytes());
            bytes.extend_from_slice(&entry.last_timestamp.to_be_bytes());
            bytes.extend_from_slice(&entry.coordinator_epoch.to_be_bytes());
            bytes.extend_from_slice(&entry.current_txn_first_offset.unwrap_or(-1).to_be_bytes());
        }
        let crc = crc32c(&bytes[6..]);
        bytes[2..6].copy_from_slice(&crc.to_be_bytes());
        Bytes::from(bytes)
    }

    /// Reads a `.snapshot` file; `None` where version, CRC or length are wrong.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        if fields.i16()? != SNAPSHOT_VERSION || fields.i32()? as u32 != crc32c(fields.0) {
            return None;
        }
        let count = fields.i32()?;
        let mut producers = SortedMap::new();
        for _ in 0..count {
            let id = fields.i64()?;
            let producer_epoch = fields.i16()?;
            let (last_sequence, last_offset, offset_delta) = (fields.i32()?, fields.i64()?, fields.i32()?);
            let last_timestamp = fields.i64()?;
            let coordinator_epoch = fields.i32()?;
            let first_offset = fields.i64()?;
            let mut batches = VecDeque::new();
            if last_offset >= 0 {
                batches.push_back(BatchMetadata {
                    last_sequence,
                    last_offset,
                    offset_delta,
                    timestamp: last_timestamp,
                });
            }
            let current_txn_first_offset = (first_offset >= 0).then_some(first_offset);
            let entry = ProducerStateEntry {
                producer_epoch,
                batches,
                coordinator_epoch,
                last_timestamp,
                current_txn_first_offset,
            };
            producers.insert(id, entry);
        }
        fields.0.is_empty().then_some(Self { producers })
    }
}

const fn next_sequence(last: i32) -> i32 {
    if last == i32::MAX { 0 } else { last + 1 }
}

/// Reads big-endian fields off the front.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    fn i16(&mut self) -> Option<i16> {
        self.array().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }
}
