//! [`History`]: what the cluster has committed, as the first replica to commit it had it. The measure of every other replica
//! and of every client.

use crate::ids::{Offset, PartitionIndex, Uuid};
use crate::record::RecordBatch;
use crate::text::Str;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

/// A partition by its topic's id: a topic made anew under the same name is another.
pub type PartitionId = (Uuid, PartitionIndex);

/// A record of the workload: which client wrote it, and the how manieth of that client it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordId {
    /// The producer's number.
    pub client: u32,
    /// The record's id there.
    pub number: u64,
}

/// Bytes of an id in a record's value; padding follows.
const ID_BYTES: usize = 12;

impl RecordId {
    /// A record's value with this id and some padding.
    pub fn to_value(self, padding: usize) -> Bytes {
        let mut value = Vec::with_capacity(ID_BYTES + padding);
        value.extend_from_slice(&self.client.to_be_bytes());
        value.extend_from_slice(&self.number.to_be_bytes());
        value.resize(ID_BYTES + padding, b'.');
        value.into()
    }

    /// The id in a record's value; `None` where it is none of the workload's.
    pub fn of_value(value: &[u8]) -> Option<Self> {
        let (client, rest) = value.split_first_chunk::<4>()?;
        let number = rest.first_chunk::<8>()?;
        Some(Self { client: u32::from_be_bytes(*client), number: u64::from_be_bytes(*number) })
    }
}

/// What identifies a batch: the same on every replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    base_offset: Offset,
    next_offset: Offset,
    leader_epoch: i32,
    crc: u32,
}

impl Mark {
    fn of(batch: &RecordBatch) -> Self {
        let header = batch.header();
        Self {
            base_offset: header.base_offset,
            next_offset: header.next_offset(),
            leader_epoch: header.partition_leader_epoch,
            crc: header.crc,
        }
    }
}

/// One partition's committed batches.
#[derive(Clone, Debug, Default)]
pub struct Committed {
    batches: Vec<Mark>,
    records: BTreeMap<Offset, RecordId>,
    end: Offset,
}

impl Committed {
    /// The offset after the last committed record.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// The workload's record at an offset.
    pub fn record(&self, offset: Offset) -> Option<RecordId> {
        self.records.get(&offset).copied()
    }
}

/// Everything committed so far.
#[derive(Clone, Debug, Default)]
pub struct History {
    partitions: BTreeMap<PartitionId, Committed>,
    /// Ids of the topics that live through the whole run.
    topic_ids: BTreeMap<Str, Uuid>,
    /// Where each record is; of several copies the last.
    places: BTreeMap<RecordId, (PartitionId, Offset)>,
    /// The last record of each idempotent producer in each partition, and its producer's epoch.
    last_of: BTreeMap<(u32, PartitionId), (i16, u64)>,
    idempotent: BTreeSet<u32>,
    records: u64,
}

impl History {
    /// Names a topic that is never deleted.
    pub fn name_topic(&mut self, name: Str, id: Uuid) {
        self.topic_ids.entry(name).or_insert(id);
    }

    /// The partition of a topic that is never deleted, once it was seen.
    pub fn partition_id(&self, topic: &str, partition: PartitionIndex) -> Option<PartitionId> {
        self.topic_ids.get(topic).map(|id| (*id, partition))
    }

    /// Records of this client are never written twice.
    pub fn expect_once(&mut self, client: u32) {
        self.idempotent.insert(client);
    }

    /// What is committed of a partition.
    pub fn committed(&self, partition: PartitionId) -> Option<&Committed> {
        self.partitions.get(&partition)
    }

    /// The end of what is committed of a partition.
    pub fn end(&self, partition: PartitionId) -> Offset {
        self.partitions.get(&partition).map_or(0, |committed| committed.end)
    }

    /// All partitions of topics that are never deleted.
    pub fn lasting(&self) -> impl Iterator<Item = (&Str, PartitionIndex, &Committed)> {
        self.topic_ids.iter().flat_map(|(name, id)| {
            let partitions = self.partitions.range((*id, 0)..=(*id, PartitionIndex::MAX));
            partitions.map(move |(key, committed)| (name, key.1, committed))
        })
    }

    /// Where a record was committed.
    pub fn place(&self, record: RecordId) -> Option<(PartitionId, Offset)> {
        self.places.get(&record).copied()
    }

    /// Records committed so far.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// A replica has this batch below its high watermark: the first time it is noted, then it must be the same.
    pub fn commit(&mut self, partition: PartitionId, batch: &RecordBatch) -> Result<(), String> {
        let mark = Mark::of(batch);
        let committed = self.partitions.entry(partition).or_default();
        if mark.base_offset < committed.end {
            let index = committed.batches.partition_point(|known| known.base_offset < mark.base_offset);
            return match committed.batches.get(index) {
                Some(known) if *known == mark => Ok(()),
                known => Err(format!("it has {mark:?} where {known:?} was committed")),
            };
        }
        // A log begins where its first replica to commit begins: after a snapshot, or at 0.
        if mark.base_offset > committed.end && !committed.batches.is_empty() {
            return Err(format!("it committed {mark:?}, after {} nothing was committed", committed.end));
        }
        committed.batches.push(mark);
        committed.end = mark.next_offset;
        self.records += u64::from(batch.header().records_count.unsigned_abs());
        self.note_records(partition, batch)
    }

    fn note_records(&mut self, partition: PartitionId, batch: &RecordBatch) -> Result<(), String> {
        let Ok(records) = batch.iter() else { return Ok(()) };
        for record in records.map_while(Result::ok) {
            let Some(id) = record.value.as_deref().and_then(RecordId::of_value) else { continue };
            if let Some(committed) = self.partitions.get_mut(&partition) {
                committed.records.insert(record.offset, id);
            }
            let earlier = self.places.insert(id, (partition, record.offset));
            if !self.idempotent.contains(&id.client) {
                continue;
            }
            // A topic that was deleted and made anew gets what its deleted one had not acknowledged.
            if let Some(earlier) = earlier.filter(|earlier| earlier.0 == partition) {
                return Err(format!("{id:?} is committed twice: at {earlier:?} and {:?}", (partition, record.offset)));
            }
            // Only within one epoch: a broker that knows nothing of a producer takes any sequence, so where it refused the
            // first batch it may take the second, and the first comes after it in a new epoch. Kafka's does too.
            let epoch = batch.header().producer_epoch;
            let last = self.last_of.insert((id.client, partition), (epoch, id.number));
            if last.is_some_and(|last| last.0 == epoch && last.1 > id.number) {
                return Err(format!("{id:?} is committed at {} after a later one, {last:?}", record.offset));
            }
        }
        Ok(())
    }
}
