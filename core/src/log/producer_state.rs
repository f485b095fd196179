//! [`ProducerStateManager`]: what a partition knows of its idempotent producers and their transactions (KIP-98), and its
//! snapshot file.

use super::verification::{TransactionContext, Verification};
use crate::ids::{Offset, ProducerId, TopicPartition};
use crate::protocol::ErrorCode;
use crate::record::control::{self, ControlRecordType};
use crate::record::validate::Rejection;
use crate::record::{BatchHeader, NO_PRODUCER_EPOCH, NO_SEQUENCE, crc32c};
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

    fn take_epoch(&mut self, producer_epoch: i16) {
        if self.producer_epoch != producer_epoch {
            self.producer_epoch = producer_epoch;
            self.batches.clear();
        }
    }

    fn add(&mut self, header: &BatchHeader) {
        self.take_epoch(header.producer_epoch);
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

/// A transaction that a marker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompletedTransaction {
    /// Its producer.
    pub producer_id: ProducerId,
    /// Offset of its first record.
    pub first_offset: Offset,
    /// Offset of its marker.
    pub last_offset: Offset,
    /// It was aborted, not committed.
    pub aborted: bool,
}

/// The marker that ends a transaction, as its batch says it.
#[derive(Clone, Copy, Debug)]
struct Marker {
    coordinator_epoch: i32,
    aborts: bool,
    timestamp: i64,
}

impl Marker {
    /// Reads a control batch; `None` where it is no such marker, or was emptied by compaction.
    fn of(header: &BatchHeader, bytes: &[u8]) -> Option<Self> {
        let record = header.records(bytes).ok()?.next()?.ok()?;
        let aborts = match ControlRecordType::from_key(record.key?)? {
            ControlRecordType::Abort => true,
            ControlRecordType::Commit => false,
            _ => return None,
        };
        let coordinator_epoch = control::marker_coordinator_epoch(record.value?)?;
        Some(Self { coordinator_epoch, aborts, timestamp: header.timestamp_of(&record) })
    }
}

/// All producers of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProducerStateManager {
    producers: SortedMap<ProducerId, ProducerStateEntry>,
    /// Open transactions: first offset and producer.
    ongoing: SortedMap<Offset, ProducerId>,
    /// Ended ones that consumers do not know to be so yet: first offset and that of the marker.
    unreplicated: SortedMap<Offset, Offset>,
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

    /// First offset of a transaction that is open, or whose end is not replicated yet; `None` where there is no such.
    pub fn first_unstable_offset(&self) -> Option<Offset> {
        let first_of = |offsets: Option<&Offset>| offsets.copied();
        let ongoing = first_of(self.ongoing.first_key_value().map(|(offset, _)| offset));
        let unreplicated = first_of(self.unreplicated.first_key_value().map(|(offset, _)| offset));
        ongoing.into_iter().chain(unreplicated).min()
    }

    /// What the last stable offset is once the marker of `completed` is replicated.
    pub fn last_stable_offset(&self, completed: &CompletedTransaction) -> Offset {
        let mut others = self.ongoing.iter().filter(|(_, producer)| **producer != completed.producer_id);
        others.next().map_or(completed.last_offset + 1, |(&first, _)| first)
    }

    /// True where a producer has a transaction open, in whatever epoch.
    fn has_open_transaction(&self, producer_id: ProducerId) -> bool {
        self.producers.get(&producer_id).is_some_and(|entry| entry.current_txn_first_offset.is_some())
    }

    /// True where a producer has a transaction open in this epoch. One of an epoch before has ended for its coordinator, and
    /// only waits for its marker: what comes with the next epoch is not part of it.
    pub fn has_ongoing_transaction(&self, producer_id: ProducerId, epoch: i16) -> bool {
        self.has_open_transaction(producer_id) && self.epoch_of(producer_id) == Some(epoch)
    }

    /// The epoch last seen of a producer.
    pub fn epoch_of(&self, producer_id: ProducerId) -> Option<i16> {
        self.producers.get(&producer_id).map(|entry| entry.producer_epoch)
    }

    /// Everything below `high_watermark` is replicated, so that transactions that ended there are stable.
    pub fn high_watermark_advanced(&mut self, high_watermark: Offset) {
        if !self.unreplicated.is_empty() {
            self.unreplicated.retain(|_, last_offset| *last_offset >= high_watermark);
        }
    }

    /// Checks a batch that would get `offset`, and whose producer's transaction is in `verification`. Who is no client has no
    /// sequences.
    pub fn check(
        &self,
        header: &BatchHeader,
        bytes: &[u8],
        offset: Offset,
        partition: &TopicPartition,
        is_client: bool,
        context: &TransactionContext,
        verification: Option<&Verification>,
    ) -> Result<(), Rejection> {
        let check = BatchCheck { header, offset, partition, entry: self.producers.get(&header.producer_id) };
        if !header.has_producer_id() {
            return Ok(());
        }
        if header.is_control() {
            let Some(marker) = Marker::of(header, bytes) else { return Ok(()) };
            check.epoch(context.transaction_version)?;
            return check.coordinator_epoch(marker.coordinator_epoch);
        }
        check.epoch(NO_TRANSACTION_VERSION)?;
        if is_client {
            check.sequence(verification)?;
        }
        if self.has_open_transaction(header.producer_id) && !header.is_transactional() {
            return Err(Rejection::new(
                ErrorCode::InvalidTxnState,
                format!(
                    "Expected transactional write from producer {} at offset (offset={offset}, segment=[-1:-1]) in \
                     partition {partition}",
                    header.producer_id
                ),
            ));
        }
        Ok(())
    }

    /// Takes note of a batch that was appended; `bytes` is the batch. Answers the transaction that it ended: give it to
    /// [`Self::complete`].
    pub fn update(&mut self, header: &BatchHeader, bytes: &[u8]) -> Option<CompletedTransaction> {
        if !header.has_producer_id() {
            return None;
        }
        let producer_id = header.producer_id;
        if header.is_control() {
            let marker = Marker::of(header, bytes)?;
            let entry = self.producers.entry(producer_id).or_insert_with(ProducerStateEntry::empty);
            entry.take_epoch(header.producer_epoch);
            entry.coordinator_epoch = marker.coordinator_epoch;
            entry.last_timestamp = marker.timestamp;
            let first_offset = entry.current_txn_first_offset.take()?;
            let (last_offset, aborted) = (header.base_offset, marker.aborts);
            return Some(CompletedTransaction { producer_id, first_offset, last_offset, aborted });
        }
        let entry = self.producers.entry(producer_id).or_insert_with(ProducerStateEntry::empty);
        entry.add(header);
        if header.is_transactional() && entry.current_txn_first_offset.is_none() {
            entry.current_txn_first_offset = Some(header.base_offset);
            self.ongoing.insert(header.base_offset, producer_id);
        }
        None
    }

    /// A transaction is no longer open; it stays unstable until its marker is replicated.
    pub fn complete(&mut self, completed: &CompletedTransaction) {
        self.ongoing.remove(&completed.first_offset);
        self.unreplicated.insert(completed.first_offset, completed.last_offset);
    }

    /// Forgets the producers without an open transaction that wrote nothing for `expiration_ms`.
    pub fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        self.producers.retain(|_, entry| {
            entry.current_txn_first_offset.is_some() || now_ms.saturating_sub(entry.last_timestamp) < expiration_ms
        });
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
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
        let (mut producers, mut ongoing) = (SortedMap::new(), SortedMap::new());
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
            if let Some(offset) = current_txn_first_offset {
                ongoing.insert(offset, id);
            }
            let entry = ProducerStateEntry {
                producer_epoch,
                batches,
                coordinator_epoch,
                last_timestamp,
                current_txn_first_offset,
            };
            producers.insert(id, entry);
        }
        fields.0.is_empty().then_some(Self { producers, ongoing, unreplicated: SortedMap::new() })
    }
}

/// `TransactionVersion.TV_UNKNOWN`, as the text of an error has it.
const NO_TRANSACTION_VERSION: i8 = -1;

/// A batch that is to be appended and what is known of its producer.
struct BatchCheck<'a> {
    header: &'a BatchHeader,
    offset: Offset,
    partition: &'a TopicPartition,
    entry: Option<&'a ProducerStateEntry>,
}

impl BatchCheck<'_> {
    /// An epoch may not go back. A marker of transaction version 2 has to bring a new one, as the coordinator raises it with
    /// every transaction, unless it repeats one that ended its transaction, or there is no higher epoch.
    fn epoch(&self, transaction_version: i8) -> Result<(), Rejection> {
        let epoch = self.header.producer_epoch;
        let current = self.entry.map_or(NO_PRODUCER_EPOCH, |entry| entry.producer_epoch);
        let bumps = transaction_version >= 2;
        let repeats = bumps
            && epoch == current
            && (epoch == i16::MAX || self.entry.is_none_or(|entry| entry.current_txn_first_offset.is_none()));
        if epoch > current || (!bumps && epoch == current) || repeats {
            return Ok(());
        }
        let Self { offset, partition, .. } = self;
        let (id, comparison) = (self.header.producer_id, if bumps { "<=" } else { "<" });
        Err(Rejection::new(
            ErrorCode::InvalidProducerEpoch,
            format!(
                "Epoch of producer {id} at offset {offset} in {partition} is {epoch}, which is {comparison} the last \
                 seen epoch {current} (TV{transaction_version})"
            ),
        ))
    }

    /// A coordinator that was replaced may not end a transaction any more.
    fn coordinator_epoch(&self, coordinator_epoch: i32) -> Result<(), Rejection> {
        let current = self.entry.map_or(-1, |entry| entry.coordinator_epoch);
        if coordinator_epoch >= current {
            return Ok(());
        }
        let Self { offset, partition, .. } = self;
        Err(Rejection::new(
            ErrorCode::TransactionCoordinatorFenced,
            format!(
                "Invalid coordinator epoch for producerId {} at offset {offset} in partition {partition}: \
                 {coordinator_epoch} (zombie), {current} (current)",
                self.header.producer_id
            ),
        ))
    }

    fn sequence(&self, verification: Option<&Verification>) -> Result<(), Rejection> {
        let Self { offset, partition, .. } = self;
        let (id, epoch, sequence) = (self.header.producer_id, self.header.producer_epoch, self.header.base_sequence);
        let out_of_order = |message| Err(Rejection::new(ErrorCode::OutOfOrderSequenceNumber, message));
        let has_batches = self.entry.is_some_and(|entry| !entry.batches.is_empty());
        if verification.is_some_and(|it| it.supports_epoch_bump) && sequence != 0 && !has_batches {
            return out_of_order(format!(
                "Invalid sequence number for producer {id} at offset {offset} in partition {partition}: {sequence} \
                 (incoming seq. number). Expected sequence 0 for transactions v2 idempotent producer with no existing \
                 state."
            ));
        }
        if let Some(lowest) = verification.map(|it| it.lowest_sequence).filter(|&lowest| sequence > lowest) {
            return out_of_order(format!(
                "Out of order sequence number for producer {id} at offset {offset} in partition {partition}: \
                 {sequence} (incoming seq. number), {lowest} (earliest seen sequence)"
            ));
        }
        // Any sequence may begin where nothing is known: the state may have gone with old records.
        let Some(entry) = self.entry.filter(|entry| entry.producer_epoch != NO_PRODUCER_EPOCH) else { return Ok(()) };
        let current = entry.producer_epoch;
        if epoch != current {
            if sequence == 0 {
                return Ok(());
            }
            return out_of_order(format!(
                "Invalid sequence number for new epoch of producer {id}at offset {offset} in partition {partition}: \
                 {epoch} (request epoch), {sequence} (seq. number), {current} (current producer epoch)"
            ));
        }
        let last = entry.last_sequence();
        if sequence == next_sequence(last) {
            return Ok(());
        }
        out_of_order(format!(
            "Out of order sequence number for producer {id} at offset {offset} in partition {partition}: {sequence} \
             (incoming seq. number), {last} (current end sequence number)"
        ))
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
