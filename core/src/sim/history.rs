//! [`History`]: what the cluster has committed, as the first replica to commit it had it. The measure of every other replica
//! and of every client.

use super::keys::Keys;
use crate::ids::{CONSUMER_OFFSETS_TOPIC, Offset, PartitionIndex, ProducerId, Uuid};
use crate::record::RecordBatch;
use crate::record::control::{ControlRecordType, control_type};
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
    /// From and to of what was committed and deleted in one step, unseen; a replica that deletes it later may show it yet.
    unseen: Vec<(Offset, Offset)>,
    /// The highest log start offset any replica had.
    start: Offset,
    /// Transactions that have not ended, and those that have, in the order of their ends.
    open: BTreeMap<ProducerId, OpenTransaction>,
    ended: Vec<EndedTransaction>,
    /// Records of transactions that were aborted.
    aborted: BTreeSet<Offset>,
    /// Of a compacted topic.
    keys: Option<Keys>,
}

/// A transaction without an end, as far as it is committed.
#[derive(Clone, Debug)]
struct OpenTransaction {
    first_offset: Offset,
    epoch: i16,
    offsets: Vec<Offset>,
}

/// Where a transaction began, and where its marker is.
#[derive(Clone, Copy, Debug)]
struct EndedTransaction {
    first_offset: Offset,
    marker: Offset,
}

impl Committed {
    /// Takes what nobody saw when it was committed; false where it was seen, or is not committed.
    fn see(&mut self, mark: Mark) -> bool {
        let was_unseen = self.unseen.iter().any(|(from, to)| *from <= mark.base_offset && mark.next_offset <= *to);
        let at = self.batches.partition_point(|known| known.base_offset < mark.base_offset);
        if was_unseen && self.batches.get(at).is_none_or(|known| known.base_offset >= mark.next_offset) {
            self.batches.insert(at, mark);
            return true;
        }
        false
    }

    /// The offset after the last committed record.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// The highest log start offset any replica had: what is before may be gone.
    pub fn start(&self) -> Offset {
        self.start
    }

    /// The first of the workload's records in a range that a reader has to get: deleted ones not, and with
    /// `read_committed` neither those of transactions that were aborted nor of such without an end.
    pub fn first_visible(&self, from: Offset, to: Offset, read_committed: bool) -> Option<Offset> {
        let from = from.max(self.start);
        if from >= to {
            return None;
        }
        let is_seen = |offset: Offset| (!read_committed || self.counts(offset)) && !self.may_be_cleaned(offset);
        self.records.range(from..to).map(|(offset, _)| *offset).find(|offset| is_seen(*offset))
    }

    /// The cleaner of a compacted topic may have taken the record at this offset: it was aborted, or its key has a later one.
    fn may_be_cleaned(&self, offset: Offset) -> bool {
        self.keys
            .as_ref()
            .is_some_and(|keys| self.aborted.contains(&offset) || keys.later(offset).any(|later| self.counts(later)))
    }

    /// The records of a compacted topic that no cleaner may take: the last of each key, unless it is a tombstone.
    pub fn lasting_records(&self) -> impl Iterator<Item = Offset> {
        let all = self.keys.iter().flat_map(Keys::all);
        all.filter_map(|offsets| offsets.iter().rev().find(|offset| self.counts(**offset)).copied())
            .filter(|offset| *offset >= self.start && self.keys.as_ref().is_some_and(|keys| keys.has_value(*offset)))
    }

    /// A batch is one that was committed, or what a cleaner left of such.
    pub fn check(&self, batch: &RecordBatch) -> Result<(), String> {
        let mark = Mark::of(batch);
        let index = self.batches.partition_point(|known| known.base_offset < mark.base_offset);
        match self.batches.get(index) {
            Some(known) if *known == mark => Ok(()),
            known => self
                .check_cleaned(known, batch)
                .map_err(|what| format!("it has {mark:?} where {known:?} was committed: {what}")),
        }
    }

    /// What a cleaner left of the batch that was committed: the same range, and no record that was not in it.
    fn check_cleaned(&self, known: Option<&Mark>, batch: &RecordBatch) -> Result<(), String> {
        let (mark, Some(keys)) = (Mark::of(batch), &self.keys) else { return Err("it is not compacted".into()) };
        if known.map(|known| Mark { crc: mark.crc, ..*known }) != Some(mark) {
            return Err("its range is another".into());
        }
        if batch.is_control() { Ok(()) } else { keys.check(batch) }
    }

    /// A record at this offset is of no transaction, or of one that was committed.
    pub fn counts(&self, offset: Offset) -> bool {
        !self.aborted.contains(&offset) && !self.open.values().any(|open| open.offsets.binary_search(&offset).is_ok())
    }

    /// Where the oldest transaction begins below `high_watermark` that has no end there.
    pub fn first_unstable(&self, high_watermark: Offset) -> Option<Offset> {
        let open = self.open.values().map(|open| open.first_offset);
        let ended = self.ended.iter().rev().take_while(|ended| ended.marker >= high_watermark);
        open.chain(ended.map(|ended| ended.first_offset)).filter(|first| *first < high_watermark).min()
    }

    /// Transactions without an end.
    pub fn open_transactions(&self) -> usize {
        self.open.len()
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
    /// Epoch and last sequence of each idempotent producer in each partition, and the offset of that.
    sequences: BTreeMap<(PartitionId, ProducerId), (i16, i32, Offset)>,
    /// Where each record of an idempotent producer's is: by partition, with the epoch it was written in.
    once: BTreeMap<(RecordId, PartitionId), (i16, Offset)>,
    idempotent: BTreeSet<u32>,
    records: u64,
    /// Topics whose elections may be unclean, and the partitions in which there was one: nothing is certain there.
    lossy: BTreeSet<Str>,
    unclean: BTreeMap<PartitionId, u32>,
    /// Partitions of which nobody was in sync but a replica that had been emptied.
    lost: BTreeSet<PartitionId>,
    has_lost_groups: bool,
    /// Records whose transaction ended since somebody asked, and whether it was committed.
    decided: Vec<(PartitionId, RecordId, bool)>,
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

    /// Unclean elections may happen in this topic.
    pub fn expect_losses(&mut self, topic: Str) {
        self.lossy.insert(topic);
    }

    /// Unclean elections may happen in this topic.
    pub fn is_lossy(&self, topic: &Str) -> bool {
        self.lossy.contains(topic)
    }

    /// A partition was given a leader that was not in sync.
    pub fn elected_uncleanly(&mut self, partition: PartitionId) {
        *self.unclean.entry(partition).or_default() += 1;
    }

    /// The last member of an ISR came back empty. Without eligible leader replicas Kafka lets it lead as it is, so nothing is
    /// certain in this partition any more; where it is one of a coordinator's, nothing of its groups either.
    pub fn lose(&mut self, topic: &Str, partition: PartitionId) {
        self.lost.insert(partition);
        self.has_lost_groups |= *topic == CONSUMER_OFFSETS_TOPIC;
    }

    /// How many partitions were lost with a log directory.
    pub fn lost_partitions(&self) -> u64 {
        self.lost.len() as u64
    }

    /// Groups and their offsets may have been lost with a log directory.
    pub fn has_lost_groups(&self) -> bool {
        self.has_lost_groups
    }

    /// What was committed may be lost, by an unclean election or with a log directory.
    pub fn is_unclean(&self, partition: PartitionId) -> bool {
        self.unclean.contains_key(&partition) || self.lost.contains(&partition)
    }

    /// How many unclean elections there were.
    pub fn unclean_elections(&self) -> u64 {
        self.unclean.values().map(|count| u64::from(*count)).sum()
    }

    /// Records whose transaction ended since the last call, and whether it was committed.
    pub fn take_decided(&mut self) -> Vec<(PartitionId, RecordId, bool)> {
        core::mem::take(&mut self.decided)
    }

    /// Partitions with a transaction that has no end.
    pub fn open_transactions(&self) -> impl Iterator<Item = (PartitionId, usize)> {
        let open = self.partitions.iter().map(|(id, committed)| (*id, committed.open_transactions()));
        open.filter(|(_, open)| *open > 0)
    }

    /// A replica's log begins here.
    pub fn starts_at(&mut self, partition: PartitionId, start: Offset) {
        let committed = self.partitions.entry(partition).or_default();
        committed.start = committed.start.max(start);
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

    /// Where a record was committed; of several copies the last.
    pub fn place(&self, record: RecordId) -> Option<(PartitionId, Offset)> {
        self.places.get(&record).copied()
    }

    /// Records committed so far.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// A log begins at `start`, where a batch begins: what is before it was committed, even where it was deleted in the step
    /// that committed it.
    pub fn begin_at(&mut self, partition: PartitionId, start: Offset) {
        let committed = self.partitions.entry(partition).or_default();
        if start > committed.end {
            committed.unseen.push((committed.end, start));
            committed.end = start;
            // Nobody saw the batches in between, so the next sequence is anybody's guess, and which transactions ended.
            committed.open.clear();
            self.sequences.retain(|(of, _), _| *of != partition);
        }
    }

    /// A replica has this batch below its high watermark: the first time it is noted, then it must be the same.
    /// `has_sequences`: producers wrote it, not a coordinator, which counts nothing.
    /// `is_compacted`: cleaners may have left less of it.
    pub fn commit(
        &mut self,
        partition: PartitionId,
        batch: &RecordBatch,
        has_sequences: bool,
        is_compacted: bool,
    ) -> Result<(), String> {
        let mark = Mark::of(batch);
        let committed = self.partitions.entry(partition).or_default();
        if is_compacted {
            committed.keys.get_or_insert_default();
        }
        if mark.base_offset < committed.end {
            if committed.see(mark) {
                return Ok(());
            }
            return committed.check(batch);
        }
        if mark.base_offset > committed.end {
            return Err(format!("it committed {mark:?}, after {} nothing was committed", committed.end));
        }
        committed.batches.push(mark);
        committed.end = mark.next_offset;
        self.records += u64::from(batch.header().records_count.unsigned_abs());
        if batch.is_control() {
            return self.note_marker(partition, batch);
        }
        if let Some(keys) = &mut committed.keys {
            keys.note(batch);
        }
        if has_sequences {
            self.note_sequence(partition, batch)?;
        }
        self.note_records(partition, batch)?;
        self.note_transaction(partition, batch)
    }

    /// Within an epoch sequences follow each other; a new epoch begins at 0. A follower that began after the last records of
    /// a producer, for those were deleted, knows nothing of it: as the leader it takes any sequence.
    fn note_sequence(&mut self, partition: PartitionId, batch: &RecordBatch) -> Result<(), String> {
        let header = batch.header();
        if header.producer_id < 0 {
            return Ok(());
        }
        let start = self.partitions.get(&partition).map_or(0, Committed::start);
        let now = (header.producer_epoch, header.last_sequence(), header.last_offset());
        let last = self.sequences.insert((partition, header.producer_id), now);
        let Some(last) = last.filter(|last| last.2 >= start) else { return Ok(()) };
        let expected = if last.0 == header.producer_epoch { last.1.wrapping_add(1) & i32::MAX } else { 0 };
        if last.0 > header.producer_epoch || header.base_sequence != expected {
            let (id, epoch, base) = (header.producer_id, header.producer_epoch, header.base_sequence);
            return Err(format!("producer {id} in epoch {epoch}: {base} at {} follows {last:?}", header.base_offset));
        }
        Ok(())
    }

    /// What is written in a transaction waits for its end.
    fn note_transaction(&mut self, partition: PartitionId, batch: &RecordBatch) -> Result<(), String> {
        let header = batch.header();
        if !batch.is_transactional() {
            return Ok(());
        }
        let Some(committed) = self.partitions.get_mut(&partition) else { return Ok(()) };
        let (first_offset, epoch) = (header.base_offset, header.producer_epoch);
        let new = OpenTransaction { first_offset, epoch, offsets: Vec::new() };
        let open = committed.open.entry(header.producer_id).or_insert(new);
        if open.epoch != epoch {
            let (id, before) = (header.producer_id, open.epoch);
            return Err(format!("producer {id} writes in epoch {epoch}, its transaction is of epoch {before}"));
        }
        open.offsets.extend(header.base_offset..header.next_offset());
        Ok(())
    }

    /// A transaction ends here.
    fn note_marker(&mut self, partition: PartitionId, batch: &RecordBatch) -> Result<(), String> {
        let header = batch.header();
        let is_commit = match control_type(batch) {
            Some(ControlRecordType::Commit) => true,
            Some(ControlRecordType::Abort) => false,
            _ => return Ok(()),
        };
        let Some(committed) = self.partitions.get_mut(&partition) else { return Ok(()) };
        // A partition that joined the transaction and got nothing of it gets a marker all the same.
        let Some(open) = committed.open.remove(&header.producer_id) else { return Ok(()) };
        if header.producer_epoch < open.epoch {
            let (id, epoch) = (header.producer_id, header.producer_epoch);
            return Err(format!("epoch {epoch} of producer {id} ends its transaction of epoch {}", open.epoch));
        }
        committed.ended.push(EndedTransaction { first_offset: open.first_offset, marker: header.base_offset });
        if !is_commit {
            committed.aborted.extend(&open.offsets);
        }
        let records = open.offsets.iter().filter_map(|offset| committed.records.get(offset));
        self.decided.extend(records.map(|record| (partition, *record, is_commit)));
        Ok(())
    }

    fn note_records(&mut self, partition: PartitionId, batch: &RecordBatch) -> Result<(), String> {
        let Ok(records) = batch.iter() else { return Ok(()) };
        let start = self.partitions.get(&partition).map_or(0, Committed::start);
        for record in records.map_while(Result::ok) {
            let Some(id) = record.value.as_deref().and_then(RecordId::of_value) else { continue };
            if let Some(committed) = self.partitions.get_mut(&partition) {
                committed.records.insert(record.offset, id);
            }
            self.places.insert(id, (partition, record.offset));
            if !self.idempotent.contains(&id.client) {
                continue;
            }
            // Only within one epoch, as in Kafka: a broker that knows nothing of a producer takes any sequence, so where it
            // refused the first batch it may take the second. The first then needs a new epoch, and in it a batch whose
            // answer was lost is written again (KIP-360). Nor does it know a producer whose records were all deleted.
            let epoch = batch.header().producer_epoch;
            let before = self.once.insert((id, partition), (epoch, record.offset));
            if before.is_some_and(|before| before.0 == epoch && before.1 >= start) {
                return Err(format!(
                    "{id:?} is committed twice in epoch {epoch}, the second time at {}",
                    record.offset
                ));
            }
        }
        Ok(())
    }
}
