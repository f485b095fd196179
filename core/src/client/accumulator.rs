//! Records on their way: per partition the batches that are being filled, wait, or are at the broker.

use crate::ids::{NodeId, PartitionIndex, ProducerId, TopicPartition};
use crate::record::{BatchBuilder, Compressor, HEADER_LENGTH, RecordBatch};
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Duration, Instant};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

/// So many batches of one producer and partition a broker knows again (`ProducerStateEntry.NUM_BATCHES_TO_RETAIN`): no more follow
/// one that is unanswered, or nobody could tell whether it was written. Kafka's producer limits what is under way on a connection,
/// and so goes on with a new leader while an old one owes an answer.
const BATCHES_A_BROKER_KNOWS: u64 = 5;

/// So much more than a ratio promises a compressed batch is taken to have (`COMPRESSION_RATE_ESTIMATION_FACTOR`).
const ESTIMATION_FACTOR: f32 = 1.05;
/// Steps of a topic's ratio, to the better and to the worse (`CompressionRatioEstimator`).
const IMPROVING_STEP: f32 = 0.005;
const DETERIORATE_STEP: f32 = 0.05;

/// A record as the application gives it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProducerRecord {
    /// Topic.
    pub topic: Str,
    /// Partition; chosen by key or stickily where `None`.
    pub partition: Option<PartitionIndex>,
    /// Key.
    pub key: Option<Bytes>,
    /// Value; `None` deletes the key in compacted topics.
    pub value: Option<Bytes>,
    /// Headers, in order.
    pub headers: Vec<(Str, Option<Bytes>)>,
    /// Milliseconds since the Unix epoch; now where `None`.
    pub timestamp: Option<i64>,
}

/// Id and epoch of an idempotent producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProducerIdentity {
    pub(super) producer_id: ProducerId,
    pub(super) producer_epoch: i16,
}

/// How far a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BatchState {
    /// Takes records, or is full; sent not before that (after a failure).
    Waiting { not_before: Instant },
    /// Sent, with this sequence.
    InFlight { base_sequence: Option<i32> },
}

/// Records that are sent and acknowledged together.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) id: u64,
    /// Ids of its records, in order.
    pub(super) record_ids: Vec<u64>,
    builder: BatchBuilder,
    /// Of its compressed size to the size of its records, as expected when it began; `None` where it is not compressed.
    ratio: Option<f32>,
    pub(super) max_timestamp: i64,
    pub(super) created: Instant,
    pub(super) attempts: u32,
    /// Takes no more records.
    is_closed: bool,
    pub(super) base_sequence: Option<i32>,
    /// How many batches of its partition got a sequence before it.
    place: u64,
    pub(super) state: BatchState,
}

impl Batch {
    fn new(id: u64, created: Instant, ratio: Option<f32>) -> Self {
        Self {
            id,
            record_ids: Vec::new(),
            builder: BatchBuilder::new(0),
            ratio,
            max_timestamp: -1,
            created,
            attempts: 0,
            is_closed: false,
            base_sequence: None,
            place: 0,
            state: BatchState::Waiting { not_before: Instant::ZERO },
        }
    }

    pub(super) fn count(&self) -> i32 {
        self.builder.count()
    }

    pub(super) fn size(&self) -> usize {
        self.builder.size()
    }

    /// Bytes it will have when it is sent, as far as one can tell.
    fn estimated_size(&self) -> usize {
        let records = self.builder.size() - HEADER_LENGTH;
        let estimated = |ratio| (records as f32 * ratio * ESTIMATION_FACTOR) as usize;
        HEADER_LENGTH + self.ratio.map_or(records, estimated)
    }

    /// The new record is counted as it is: how it compresses is not known yet.
    fn fits(&self, record: &ProducerRecord, timestamp: i64, batch_size: usize) -> bool {
        let size = || {
            let with =
                self.builder.size_with(timestamp, record.key.as_deref(), record.value.as_deref(), &record.headers);
            self.estimated_size() + with - self.builder.size()
        };
        !self.is_closed && (self.builder.is_empty() || size() <= batch_size)
    }

    fn append(&mut self, record_id: u64, record: &ProducerRecord, timestamp: i64) {
        self.builder.append(timestamp, record.key.as_deref(), record.value.as_deref(), &record.headers);
        self.record_ids.push(record_id);
        self.max_timestamp = self.max_timestamp.max(timestamp);
    }

    /// The bytes to be sent.
    fn encode(
        &self,
        identity: Option<ProducerIdentity>,
        compressor: Option<&Compressor>,
        is_transactional: bool,
    ) -> Bytes {
        let mut builder = self.builder.clone();
        if is_transactional {
            builder = builder.transactional();
        }
        if let Some(compressor) = compressor {
            builder = builder.compressed(compressor);
        }
        match (identity, self.base_sequence) {
            (Some(identity), Some(sequence)) => {
                builder.with_producer(identity.producer_id, identity.producer_epoch, sequence).build()
            }
            _ => builder.build(),
        }
    }

    /// Two batches of half the records each, with the same sequences in all; `None` for a single record.
    fn split(&self, second_id: u64) -> Option<(Self, Self)> {
        let batch = RecordBatch::parse(&self.encode(None, None, false)).ok()?;
        let records: Vec<_> = batch.iter().ok()?.collect::<Result<_, _>>().ok()?;
        let half = records.len() / 2;
        if half == 0 {
            return None;
        }
        let mut halves = (Self::new(self.id, self.created, self.ratio), Self::new(second_id, self.created, self.ratio));
        for (index, (record, record_id)) in records.iter().zip(&self.record_ids).enumerate() {
            let into = if index < half { &mut halves.0 } else { &mut halves.1 };
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            into.builder.append(record.timestamp, key, value, &record.headers);
            into.record_ids.push(*record_id);
            into.max_timestamp = into.max_timestamp.max(record.timestamp);
        }
        for into in [&mut halves.0, &mut halves.1] {
            into.is_closed = true;
            into.attempts = self.attempts;
            into.place = self.place;
        }
        halves.0.base_sequence = self.base_sequence;
        halves.1.base_sequence = self.base_sequence.map(|base| add_sequence(base, half as i32));
        Some(halves)
    }
}

/// The batches of one partition, oldest first, until each is acknowledged or given up.
///
/// Architecture Invariant: with sequences, batches that have one stand before those that have none, and their sequences
/// follow each other without a gap: that is what keeps the order over retries.
#[derive(Clone, Debug, Default)]
pub(super) struct PartitionQueue {
    pub(super) batches: VecDeque<Batch>,
    /// Under which the sequences here count.
    identity: Option<ProducerIdentity>,
    next_sequence: i32,
    next_place: u64,
    /// The broker may have another idea of the sequence: begin anew under a new epoch once nothing is in flight.
    pub(super) needs_new_epoch: bool,
}

impl PartitionQueue {
    pub(super) fn find(&mut self, batch_id: u64) -> Option<&mut Batch> {
        self.batches.iter_mut().find(|batch| batch.id == batch_id)
    }

    pub(super) fn is_first(&self, batch_id: u64) -> bool {
        self.batches.front().is_some_and(|batch| batch.id == batch_id)
    }

    /// Takes a batch that is done, or given up.
    pub(super) fn remove(&mut self, batch_id: u64) -> Option<Batch> {
        let index = self.batches.iter().position(|batch| batch.id == batch_id)?;
        self.batches.remove(index)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.batches.iter().filter(|batch| matches!(batch.state, BatchState::InFlight { .. })).count()
    }

    /// Takes a batch that the broker refused. Those behind it move up in the sequence; where an earlier attempt may have
    /// been written after all, the sequence begins anew.
    pub(super) fn refuse(&mut self, batch_id: u64) -> Option<Batch> {
        let index = self.batches.iter().position(|batch| batch.id == batch_id)?;
        let batch = self.batches.remove(index)?;
        if batch.base_sequence.is_some() {
            let behind = self.batches.iter_mut().skip(index).filter_map(|batch| batch.base_sequence.as_mut());
            for sequence in behind.chain([&mut self.next_sequence]) {
                *sequence = sequence.wrapping_sub(batch.count()) & i32::MAX;
            }
            self.needs_new_epoch |= batch.attempts > 1;
        }
        Some(batch)
    }

    /// Counts from 0 under this identity, beginning with the oldest batch that had a sequence.
    pub(super) fn begin_anew(&mut self, identity: ProducerIdentity) {
        self.needs_new_epoch = false;
        self.identity = Some(identity);
        self.next_sequence = 0;
        for batch in &mut self.batches {
            if batch.base_sequence.is_some() {
                batch.base_sequence = Some(self.next_sequence);
                self.next_sequence = add_sequence(self.next_sequence, batch.builder.count());
            }
        }
    }

    /// Takes the batches that are not sent, and never were with a sequence.
    pub(super) fn take_undrained(&mut self) -> VecDeque<Batch> {
        let (undrained, kept) =
            core::mem::take(&mut self.batches).into_iter().partition(|batch| batch.base_sequence.is_none());
        self.batches = kept;
        undrained
    }

    /// Takes all batches, and forgets what their sequences were.
    pub(super) fn take_all(&mut self) -> VecDeque<Batch> {
        (self.needs_new_epoch, self.identity) = (false, None);
        core::mem::take(&mut self.batches)
    }

    /// Puts a batch's two halves in its place; false where it has but one record.
    pub(super) fn split(&mut self, batch_id: u64, second_id: u64) -> bool {
        let Some(index) = self.batches.iter().position(|batch| batch.id == batch_id) else { return false };
        let Some((first, second)) = self.batches.get(index).and_then(|batch| batch.split(second_id)) else {
            return false;
        };
        self.batches[index] = first;
        self.batches.insert(index + 1, second);
        true
    }

    /// The batch that may be sent next, if any may.
    fn sendable(&self, now: Instant, identity: Option<ProducerIdentity>, is_muted: bool) -> Option<usize> {
        let index = self.batches.iter().position(|batch| matches!(batch.state, BatchState::Waiting { .. }))?;
        let batch = self.batches.get(index)?;
        if self.needs_new_epoch || matches!(batch.state, BatchState::Waiting { not_before } if not_before > now) {
            return None;
        }
        let in_flight = self.in_flight();
        if is_muted && in_flight > 0 {
            return None;
        }
        if let Some(identity) = identity {
            // A retry goes out only as the oldest; sequences of an older epoch end before those of the next begin.
            let is_late = batch.base_sequence.is_some() && index > 0;
            let is_stale = self.identity.is_some_and(|ours| ours != identity) && index > 0;
            let begun = self.batches.front().filter(|oldest| oldest.base_sequence.is_some());
            let window = begun.map_or(0, |oldest| self.next_place - oldest.place);
            let is_fresh = batch.base_sequence.is_none();
            if is_late || is_stale || (is_fresh && window >= BATCHES_A_BROKER_KNOWS) {
                return None;
            }
        }
        Some(index)
    }

    /// True where a batch is worth a request: full, lingered, retried, or flushed.
    fn is_due(&self, index: usize, now: Instant, linger: Duration, is_flushing: bool) -> bool {
        let Some(batch) = self.batches.get(index) else { return false };
        let is_full = batch.is_closed || self.batches.len() > index + 1;
        is_flushing || is_full || batch.attempts > 0 || batch.created + linger <= now
    }

    /// Marks a batch as sent; gives it its sequence where it has none. Answers the identity to write into it.
    fn mark_sent(&mut self, index: usize, identity: Option<ProducerIdentity>) -> Option<ProducerIdentity> {
        // A retry keeps the identity it was first sent with, by which the broker knows it again.
        let is_fresh = self.batches.front().is_some_and(|batch| batch.base_sequence.is_none());
        if let Some(identity) = identity
            && self.identity != Some(identity)
            && is_fresh
        {
            self.begin_anew(identity);
        }
        let batch = self.batches.get_mut(index)?;
        if identity.is_some() && batch.base_sequence.is_none() {
            batch.base_sequence = Some(self.next_sequence);
            self.next_sequence = add_sequence(self.next_sequence, batch.builder.count());
            batch.place = self.next_place;
            self.next_place += 1;
        }
        batch.is_closed = true;
        batch.attempts = batch.attempts.saturating_add(1);
        batch.state = BatchState::InFlight { base_sequence: batch.base_sequence };
        identity.and(self.identity)
    }
}

/// A batch as it was sent.
#[derive(Clone, Debug)]
pub(super) struct SentBatch {
    pub(super) partition: TopicPartition,
    pub(super) batch_id: u64,
}

/// How batches are filled.
#[derive(Clone, Copy, Debug)]
pub(super) struct AppendRules {
    pub(super) now: Instant,
    pub(super) batch_size: usize,
    /// Batches will be compressed.
    pub(super) is_compressed: bool,
}

/// What became of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Appended {
    /// It began a new batch.
    pub(super) began: bool,
    /// By so many bytes what will be sent has grown, as far as one can tell.
    pub(super) size: usize,
}

/// What decides which batches go now.
#[derive(Clone, Copy, Debug)]
pub(super) struct DrainRules {
    pub(super) now: Instant,
    pub(super) linger: Duration,
    pub(super) identity: Option<ProducerIdentity>,
    /// Batches are parts of transactions.
    pub(super) is_transactional: bool,
    /// One batch of a partition at a time (`max.in.flight.requests.per.connection=1`).
    pub(super) is_muted: bool,
    pub(super) is_flushing: bool,
    pub(super) max_request_size: usize,
    pub(super) compressor: Option<Compressor>,
}

/// All batches of a producer.
#[derive(Clone, Debug, Default)]
pub(super) struct Accumulator {
    pub(super) queues: SortedMap<TopicPartition, PartitionQueue>,
    next_batch_id: u64,
    /// How well the batches of a topic compress; 1 where none was sent yet.
    ratios: SortedMap<Str, f32>,
}

impl Accumulator {
    /// True where a batch is being filled and takes this record no more.
    pub(super) fn is_full(
        &self,
        to: &TopicPartition,
        record: &ProducerRecord,
        timestamp: i64,
        batch_size: usize,
    ) -> bool {
        let open = self.queues.get(to).and_then(|queue| queue.batches.back());
        open.is_some_and(|batch| !batch.fits(record, timestamp, batch_size))
    }

    /// Puts a record into the open batch, or into a new one.
    pub(super) fn append(
        &mut self,
        to: &TopicPartition,
        record_id: u64,
        record: &ProducerRecord,
        timestamp: i64,
        rules: &AppendRules,
    ) -> Appended {
        let id = self.new_batch_id();
        let ratio = rules.is_compressed.then(|| self.ratios.get(&to.topic).copied().unwrap_or(1.0));
        let queue = self.queues.entry(to.clone()).or_default();
        let has_room = queue.batches.back().is_some_and(|batch| batch.fits(record, timestamp, rules.batch_size));
        if !has_room {
            if let Some(full) = queue.batches.back_mut() {
                full.is_closed = true;
            }
            queue.batches.push_back(Batch::new(id, rules.now, ratio));
        }
        let mut size = 0;
        if let Some(batch) = queue.batches.back_mut() {
            let before = if has_room { batch.estimated_size() } else { 0 };
            batch.append(record_id, record, timestamp);
            size = batch.estimated_size() - before;
        }
        Appended { began: !has_room, size }
    }

    /// Believes no longer that the batches of a topic get smaller: one was too large.
    pub(super) fn forget_ratio(&mut self, topic: &Str) {
        self.ratios.remove(topic);
    }

    pub(super) fn new_batch_id(&mut self) -> u64 {
        self.next_batch_id += 1;
        self.next_batch_id
    }

    pub(super) fn queued_batches(&self, partition: &TopicPartition) -> u32 {
        self.queues.get(partition).map_or(0, |queue| queue.batches.len() as u32)
    }

    /// Partitions with a batch that is due and may be sent.
    pub(super) fn due(&self, rules: &DrainRules) -> Vec<TopicPartition> {
        let is_due = |queue: &PartitionQueue| {
            let index = queue.sendable(rules.now, rules.identity, rules.is_muted);
            index.is_some_and(|index| queue.is_due(index, rules.now, rules.linger, rules.is_flushing))
        };
        self.queues.iter().filter(|(_, queue)| is_due(queue)).map(|(partition, _)| partition.clone()).collect()
    }

    /// The next batch of each of these partitions, lingered or not: the request goes out anyway. At most one request's
    /// worth.
    pub(super) fn drain(&mut self, partitions: &[TopicPartition], rules: &DrainRules) -> Vec<(SentBatch, Bytes)> {
        let (mut drained, mut size) = (Vec::new(), 0);
        for partition in partitions {
            let Some(queue) = self.queues.get_mut(partition) else { continue };
            let Some(index) = queue.sendable(rules.now, rules.identity, rules.is_muted) else { continue };
            size += queue.batches.get(index).map_or(0, Batch::estimated_size);
            if size > rules.max_request_size && !drained.is_empty() {
                break;
            }
            let identity = queue.mark_sent(index, rules.identity);
            if let Some(batch) = queue.batches.get(index) {
                let sent = SentBatch { partition: partition.clone(), batch_id: batch.id };
                let bytes = batch.encode(identity, rules.compressor.as_ref(), rules.is_transactional);
                if batch.ratio.is_some() && batch.attempts == 1 {
                    let ratio = (bytes.len() - HEADER_LENGTH) as f32 / (batch.size() - HEADER_LENGTH) as f32;
                    let known = self.ratios.entry(partition.topic.clone()).or_insert(1.0);
                    *known = next_ratio(*known, ratio);
                }
                drained.push((sent, bytes));
            }
        }
        drained
    }

    /// Takes the batches that are older than `delivery.timeout.ms`.
    pub(super) fn take_expired(&mut self, now: Instant, timeout: Duration) -> Vec<(TopicPartition, Batch)> {
        let mut expired = Vec::new();
        for (partition, queue) in &mut self.queues {
            while queue.batches.front().is_some_and(|batch| batch.created + timeout <= now) {
                let Some(batch) = queue.batches.pop_front() else { break };
                // It may have been written: only a new epoch makes sure of the sequence.
                queue.needs_new_epoch |= batch.base_sequence.is_some();
                expired.push((partition.clone(), batch));
            }
        }
        expired
    }

    /// When something here is due by itself, after `after`.
    pub(super) fn next_deadline(
        &self,
        after: Instant,
        linger: Duration,
        delivery_timeout: Duration,
    ) -> Option<(Instant, &'static str)> {
        let deadlines = self.queues.values().flat_map(|queue| {
            // Batches stand in the order in which they began, those that were sent before those that never were.
            let batches = &queue.batches;
            let expires = batches.front().map(|oldest| (oldest.created + delivery_timeout, "delivery.timeout"));
            // What was due and still is here waits for an answer, not for time.
            let is_past = |batch: &Batch| batch.attempts > 0 || batch.created + linger <= after;
            let lingers = batches.get(batches.partition_point(is_past)).map(|batch| (batch.created + linger, "linger"));
            let sent = batches.iter().take_while(|batch| batch.attempts > 0);
            let retries = sent.filter_map(move |batch| match batch.state {
                BatchState::Waiting { not_before } if not_before > after => Some((not_before, "retry")),
                BatchState::Waiting { .. } | BatchState::InFlight { .. } => None,
            });
            retries.chain(lingers).chain(expires)
        });
        deadlines.min_by_key(|deadline| deadline.0)
    }
}

/// What is expected of a topic's next batch after one of this ratio.
fn next_ratio(known: f32, seen: f32) -> f32 {
    if seen > known { (known + DETERIORATE_STEP).max(seen) } else { (known - IMPROVING_STEP).max(seen) }
}

/// Sequences wrap from the largest to 0.
fn add_sequence(sequence: i32, count: i32) -> i32 {
    sequence.wrapping_add(count) & i32::MAX
}

/// Partitions by the broker that leads them.
pub(super) type ByLeader = SortedMap<NodeId, Vec<TopicPartition>>;
