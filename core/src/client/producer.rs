//! [`Producer`]: batches records per partition and sends them to the leaders, in order, once each (idempotent) by default.

mod config;
mod refused;
mod transactional;

pub use config::ProducerConfig;
pub use refused::PART_OF_REFUSED_BATCH;

use super::accumulator::{Accumulator, AppendRules, BatchState, ByLeader, DrainRules, ProducerIdentity, SentBatch};
use super::network_client::{
    Answer, AnswerError, NetworkClient, NetworkConfig, Notice, RequestFailed, RequestOptions, Target,
};
use super::partitioner::{PartitionLoad, StickyPartitioner, partition_for_key};
use super::peer::jittered;
use super::transactions::{TransactionConfig, TransactionError, TransactionManager};
use super::{ClientInput, ClientOutput, ClusterMetadata};
use crate::ids::{NodeId, Offset, PartitionIndex, TopicPartition, Uuid};
use crate::protocol::messages::InitProducerIdRequest;
use crate::protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use crate::protocol::messages::produce_response::{PartitionProduceResponse, ProduceResponse};
use crate::protocol::{ErrorCode, Records};
use crate::rng::Rng;
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

pub use super::accumulator::ProducerRecord;

/// The first version of Produce that names topics by id.
const FIRST_WITH_TOPIC_IDS: i16 = 13;
/// The last version of Produce by which a partition does not become a part of the transaction by itself (KIP-890).
const LAST_OF_TRANSACTION_V1: i16 = 11;

/// Why a record was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    /// Larger than `max.request.size`.
    RecordTooLarge {
        /// Bytes of a batch with this record alone, at most.
        size: usize,
        /// `max.request.size`.
        max_request_size: usize,
    },
    /// `buffer.memory` is full; try again after the next event.
    BufferExhausted,
    /// No transaction is open for it, or it failed.
    Transaction(TransactionError),
}

/// What Kafka says of a record that no request can hold, sizes in bytes.
pub fn too_large(size: usize, max_request_size: usize) -> String {
    format!(
        "The message is {size} bytes when serialized which is larger than {max_request_size}, which is the value of the \
         max.request.size configuration."
    )
}

/// What became of records.
#[derive(Clone, Debug, PartialEq)]
pub enum ProducerEvent {
    /// A batch was acknowledged.
    Delivered {
        /// Its records, in order.
        ids: Vec<u64>,
        /// Topic.
        topic: Str,
        /// Partition.
        partition: PartitionIndex,
        /// Offset of the first; the others follow. -1 where the broker did not tell (`acks=0`, a known duplicate).
        base_offset: Offset,
        /// Milliseconds since the Unix epoch: the broker's time with `LogAppendTime`, else the batch's latest.
        timestamp: i64,
    },
    /// Records are given up and will never be sent again.
    Failed {
        /// Which.
        ids: Vec<u64>,
        /// Topic.
        topic: Str,
        /// Partition; -1 where none was chosen yet.
        partition: PartitionIndex,
        /// Why.
        error: ErrorCode,
        /// What the broker said of it; [`PART_OF_REFUSED_BATCH`] of records that were right themselves.
        message: Option<Str>,
    },
    /// Records were not sent, and never will be: their transaction is not going to be committed.
    Aborted {
        /// Which.
        ids: Vec<u64>,
        /// Topic.
        topic: Str,
        /// Partition; -1 where none was chosen yet.
        partition: PartitionIndex,
        /// Why.
        error: TransactionError,
    },
    /// A batch failed and will be sent again.
    Retrying {
        /// Topic.
        topic: Str,
        /// Partition.
        partition: PartitionIndex,
        /// Why.
        error: ErrorCode,
        /// How often it may still be sent again.
        attempts_left: u32,
        /// Of the request that failed; 0 where none was sent.
        correlation_id: i32,
    },
}

/// What a request was for.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    InitProducerId,
    Transaction,
    Produce { batches: Vec<SentBatch>, topic_ids: SortedMap<Str, Uuid> },
}

/// The producer id: fetched once, its epoch counted up here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identity {
    /// Without idempotence, or that of the transactions.
    Off,
    /// To be asked for.
    Wanted {
        not_before: Instant,
    },
    Asked,
    Known(ProducerIdentity),
}

/// A record whose topic is not known yet.
#[derive(Clone, Debug)]
struct Parked {
    id: u64,
    record: ProducerRecord,
    timestamp: i64,
    deadline: Instant,
    size: usize,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Producer {
    config: ProducerConfig,
    network: NetworkClient<Purpose>,
    rng: Rng,
    accumulator: Accumulator,
    sticky: SortedMap<Str, StickyPartitioner>,
    parked: VecDeque<Parked>,
    identity: Identity,
    transactions: Option<TransactionManager>,
    next_record_id: u64,
    is_flushing: bool,
    /// Records held; see [`unfinished`](Self::unfinished).
    unfinished: usize,
    /// Bytes held, as `buffer.memory` counts them.
    buffered_bytes: usize,
    /// Of the answer that is being looked at.
    correlation_id: i32,
    /// Time of the last call.
    now: Instant,
    events: VecDeque<ProducerEvent>,
}

impl Producer {
    /// A producer that connects when it has something to ask. Its connections get ids from `first_connection` on.
    pub fn new(config: ProducerConfig, first_connection: u64, mut rng: Rng) -> Self {
        let network = NetworkConfig {
            client_id: config.client_id.clone(),
            bootstrap: config.bootstrap.clone(),
            request_timeout: config.request_timeout,
            metadata_max_age: config.metadata_max_age,
            allow_auto_topic_creation: true,
            is_for_controllers: false,
        };
        let mut network = NetworkClient::new(network, first_connection, rng.fork());
        network.set_max_in_flight(config.max_in_flight);
        let is_idempotent = config.enable_idempotence && config.acks == -1 && config.max_in_flight <= 5;
        let transactions = config.transactional_id.clone().map(|transactional_id| {
            TransactionManager::new(TransactionConfig {
                transactional_id,
                timeout: config.transaction_timeout,
                retry_backoff: config.retry_backoff,
                max_block: config.max_block,
            })
        });
        let asks_itself = is_idempotent && transactions.is_none();
        let identity = if asks_itself { Identity::Wanted { not_before: Instant::ZERO } } else { Identity::Off };
        Self {
            transactions,
            config,
            network,
            rng,
            accumulator: Accumulator::default(),
            sticky: SortedMap::new(),
            parked: VecDeque::new(),
            identity,
            next_record_id: 0,
            is_flushing: false,
            unfinished: 0,
            buffered_bytes: 0,
            correlation_id: 0,
            now: Instant::ZERO,
            events: VecDeque::new(),
        }
    }

    /// Takes a record; events tell by its id what became of it.
    pub fn send(&mut self, now: Now, record: ProducerRecord) -> Result<u64, SendError> {
        let timestamp = record.timestamp.unwrap_or(now.wall_ms);
        let alone = crate::record::BatchBuilder::new(0);
        let size = alone.size_with(timestamp, record.key.as_deref(), record.value.as_deref(), &record.headers);
        let max_request_size = self.config.max_request_size;
        let most = alone.size_upper_bound(record.key.as_deref(), record.value.as_deref(), &record.headers);
        if most > max_request_size {
            if let Some(transactions) = &mut self.transactions {
                transactions.record_too_large(too_large(most, max_request_size));
            }
            return Err(SendError::RecordTooLarge { size: most, max_request_size });
        }
        if self.transactions.is_some() {
            self.check_transaction(&record)?;
        }
        if self.buffered_bytes + size > self.config.buffer_memory {
            return Err(SendError::BufferExhausted);
        }
        let id = self.next_record_id;
        self.next_record_id += 1;
        self.unfinished += 1;
        self.buffered_bytes += size;
        if !self.network.metadata().topics.contains_key(&record.topic) {
            self.network.want_topic(&record.topic);
            self.network.tick(now);
        }
        let deadline = now.monotonic + self.config.max_block;
        let parked = Parked { id, record, timestamp, deadline, size };
        if self.parked.is_empty()
            && let Some(partition) = self.partition_for(&parked.record, timestamp)
        {
            // Most records only join a batch: nothing else can be done for them now.
            let began = self.append(now.monotonic, &parked, partition);
            if began {
                self.flow(now);
            }
            return Ok(id);
        }
        // Those behind the first wait for what it waits for: looking at all of them for each would take its time squared.
        let is_first = self.parked.is_empty();
        self.parked.push_back(parked);
        if is_first {
            self.flow(now);
        }
        Ok(id)
    }

    /// Sends what is buffered without lingering, until nothing is left.
    pub fn flush(&mut self, now: Now) {
        self.is_flushing = true;
        self.flow(now);
    }

    /// Records neither delivered nor failed yet.
    pub fn unfinished(&self) -> usize {
        self.unfinished
    }

    /// Until when it waits for its quota; `None` where no broker said so.
    pub fn throttled_until(&self) -> Option<Instant> {
        self.network.throttled_until()
    }

    /// The cluster as last heard of.
    pub fn metadata(&self) -> &ClusterMetadata {
        self.network.metadata()
    }

    /// What the host tells.
    pub fn handle(&mut self, now: Now, input: ClientInput) {
        self.network.handle(now, input);
        self.flow(now);
    }

    /// Gives up what is late, and sends what is due.
    pub fn tick(&mut self, now: Now) {
        self.network.tick(now);
        self.flow(now);
    }

    /// When [`Producer::tick`] is due next, and what for.
    pub fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        let batches = self.accumulator.next_deadline(self.now, self.config.linger, self.config.delivery_timeout);
        let parked = self.parked.iter().map(|parked| (parked.deadline, "max.block")).min();
        let identity = match self.identity {
            Identity::Wanted { not_before } if not_before > self.now => Some((not_before, "retry")),
            _ => None,
        };
        let network = self.network.next_deadline();
        let transactions = self.transactions.as_ref().and_then(|transactions| transactions.next_deadline(self.now));
        [batches, parked, identity, transactions, network].into_iter().flatten().min_by_key(|deadline| deadline.0)
    }

    /// What became of records.
    pub fn poll_event(&mut self) -> Option<ProducerEvent> {
        self.events.pop_front()
    }

    /// What Kafka's client would warn of in its log.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.network.poll_notice()
    }

    /// What the host is to do next.
    pub fn poll_output(&mut self) -> Option<ClientOutput> {
        self.network.poll_output()
    }

    /// Closes the connections; what was not delivered stays, and is sent if the producer goes on.
    pub fn close(&mut self, now: Now) {
        self.network.close(now);
    }

    /// Counts what is held. Every way out of the batches leads through [`flow`](Self::flow), which ends with this.
    fn count(&mut self) {
        let (mut records, mut bytes) = (self.parked.len(), self.parked.iter().map(|parked| parked.size).sum());
        for batch in self.accumulator.queues.values().flat_map(|queue| &queue.batches) {
            records += batch.record_ids.len();
            bytes += batch.size();
        }
        (self.unfinished, self.buffered_bytes) = (records, bytes);
    }

    /// Does everything that can be done now.
    fn flow(&mut self, now: Now) {
        self.now = now.monotonic;
        loop {
            while let Some(answer) = self.network.poll_answer() {
                self.answered(now, answer);
            }
            self.place_parked(now.monotonic);
            self.expire(now.monotonic);
            self.ask_identity(now);
            self.renew_epochs();
            let asked = self.transact(now);
            // Sending to a broker that is gone is answered at once.
            if !self.drain(now) && !asked {
                break;
            }
        }
        self.count();
        self.is_flushing &= self.unfinished > 0;
    }
}

/// From records to batches.
impl Producer {
    /// Gives the records whose topic became known their partition, in order.
    fn place_parked(&mut self, now: Instant) {
        for parked in core::mem::take(&mut self.parked) {
            let topic = &parked.record.topic;
            let error = self.network.metadata().topics.get(topic).map_or(ErrorCode::None, |info| info.error);
            if error.is_error() && !error.is_retriable() {
                self.fail(parked.record.topic, -1, alloc::vec![parked.id], error, None);
            } else if let Some(partition) = self.partition_for(&parked.record, parked.timestamp) {
                self.append(now, &parked, partition);
            } else if parked.deadline <= now {
                let error = if error.is_error() { error } else { ErrorCode::RequestTimedOut };
                self.fail(parked.record.topic, -1, alloc::vec![parked.id], error, None);
            } else {
                // The topic, or a partition of it, may yet be created.
                self.network.refresh_metadata();
                self.parked.push_back(parked);
            }
        }
    }

    /// `None` while the topic, or the partition asked for, is not known.
    fn partition_for(&mut self, record: &ProducerRecord, timestamp: i64) -> Option<PartitionIndex> {
        let count = self.network.metadata().partition_count(&record.topic)?;
        if let Some(partition) = record.partition {
            return (0..count).contains(&partition).then_some(partition);
        }
        if let Some(key) = &record.key {
            return Some(partition_for_key(key, count));
        }
        let current = self.sticky_partition(&record.topic, count)?;
        let batch_size = self.config.batch_size;
        let to = TopicPartition { topic: record.topic.clone(), partition: current };
        if self.accumulator.is_full(&to, record, timestamp, batch_size) {
            // The open batch takes no more: a moment to change partition without breaking one off.
            self.sticky.entry(record.topic.clone()).or_default().appended(0, batch_size, true);
            return self.sticky_partition(&record.topic, count);
        }
        Some(current)
    }

    /// The partition for records without a key. Loads are looked at only to draw one: most records follow the one before.
    fn sticky_partition(&mut self, topic: &Str, count: i32) -> Option<PartitionIndex> {
        let current = self.sticky.get(topic).and_then(StickyPartitioner::current);
        if current.is_some_and(|current| (0..count).contains(&current)) {
            return current;
        }
        let loads = self.loads(topic);
        self.sticky.entry(topic.clone()).or_default().partition(&loads, &mut self.rng)
    }

    fn loads(&self, topic: &Str) -> Vec<PartitionLoad> {
        let partitions = self.network.metadata().topics.get(topic).into_iter().flat_map(|info| &info.partitions);
        let load = |(index, info): (&PartitionIndex, &super::metadata::PartitionInfo)| PartitionLoad {
            partition: *index,
            available: info.leader >= 0,
            queued_batches: self
                .accumulator
                .queued_batches(&TopicPartition { topic: topic.clone(), partition: *index }),
        };
        partitions.map(load).collect()
    }

    /// Answers whether a new batch began, with which the one before it is full.
    fn append(&mut self, now: Instant, parked: &Parked, partition: PartitionIndex) -> bool {
        let record = &parked.record;
        let to = TopicPartition { topic: record.topic.clone(), partition };
        let batch_size = self.config.batch_size;
        let rules = AppendRules { now, batch_size, is_compressed: self.config.compression.is_some() };
        let appended = self.accumulator.append(&to, parked.id, record, parked.timestamp, &rules);
        if let Some(transactions) = &mut self.transactions {
            transactions.add_partition(&to);
        }
        if record.partition.is_none()
            && record.key.is_none()
            && let Some(sticky) = self.sticky.get_mut(&record.topic)
        {
            sticky.appended(appended.size, batch_size, false);
        }
        appended.began
    }

    fn expire(&mut self, now: Instant) {
        for (partition, batch) in self.accumulator.take_expired(now, self.config.delivery_timeout) {
            self.fail(partition.topic, partition.partition, batch.record_ids, ErrorCode::RequestTimedOut, None);
        }
    }

    fn fail(&mut self, topic: Str, partition: PartitionIndex, ids: Vec<u64>, error: ErrorCode, message: Option<Str>) {
        self.note_failure(error);
        self.events.push_back(ProducerEvent::Failed { ids, topic, partition, error, message });
    }

    fn note_failure(&mut self, error: ErrorCode) {
        if let Some(transactions) = &mut self.transactions {
            transactions.records_failed(error);
        }
    }
}

/// From batches to requests.
impl Producer {
    fn known_identity(&self) -> Option<ProducerIdentity> {
        if let Some(transactions) = &self.transactions {
            return transactions.identity();
        }
        if let Identity::Known(identity) = self.identity { Some(identity) } else { None }
    }

    fn ask_identity(&mut self, now: Now) {
        let Identity::Wanted { not_before } = self.identity else { return };
        if not_before > now.monotonic {
            return;
        }
        self.identity = Identity::Asked;
        let request = InitProducerIdRequest {
            // Null, not the empty text that is the default: no transactions.
            transactional_id: None,
            transaction_timeout_ms: i32::MAX,
            producer_id: -1,
            producer_epoch: -1,
            ..Default::default()
        };
        self.network.send(now, Target::Any, request, Purpose::InitProducerId);
    }

    /// Counts the epoch up for partitions whose sequence is in doubt, once nothing of them is in flight.
    fn renew_epochs(&mut self) {
        if self.transactions.is_some() {
            return self.lose_doubtful_sequences();
        }
        let Some(mut identity) = self.known_identity() else { return };
        for queue in self.accumulator.queues.values_mut() {
            if !queue.needs_new_epoch || queue.in_flight() > 0 {
                continue;
            }
            let Some(producer_epoch) = identity.producer_epoch.checked_add(1) else {
                self.identity = Identity::Wanted { not_before: Instant::ZERO };
                return;
            };
            identity.producer_epoch = producer_epoch;
            queue.begin_anew(identity);
        }
        self.identity = Identity::Known(identity);
    }

    /// Sends one request to each leader with something due; answers whether any was sent.
    fn drain(&mut self, now: Now) -> bool {
        let identity = self.known_identity();
        if identity.is_none() && (self.identity != Identity::Off || self.transactions.is_some()) {
            return false;
        }
        let rules = DrainRules {
            now: now.monotonic,
            linger: self.config.linger,
            identity,
            is_transactional: self.transactions.is_some(),
            is_muted: self.config.max_in_flight == 1,
            is_flushing: self.is_flushing,
            max_request_size: self.config.max_request_size,
            compressor: self.config.compression,
        };
        let mut due = self.accumulator.due(&rules);
        self.keep_sendable(&mut due);
        let mut sent = false;
        for node in self.by_leader(&due).into_keys() {
            if !self.network.is_ready(node) {
                self.network.connect(now, node);
                continue;
            }
            let mut all: Vec<TopicPartition> = self.accumulator.queues.keys().cloned().collect();
            self.keep_sendable(&mut all);
            let led = self.by_leader(&all).remove(&node).unwrap_or_default();
            let drained = self.accumulator.drain(&led, &rules);
            if !drained.is_empty() {
                sent = true;
                self.produce(now, node, drained);
            }
        }
        sent
    }

    /// Leaves out partitions that are not a part of the transaction yet.
    fn keep_sendable(&self, partitions: &mut Vec<TopicPartition>) {
        if let Some(transactions) = &self.transactions {
            partitions.retain(|partition| transactions.may_send_to(partition));
        }
    }

    /// Asks for metadata where one has no leader.
    fn by_leader(&mut self, partitions: &[TopicPartition]) -> ByLeader {
        let mut by_leader = ByLeader::new();
        for at in partitions {
            match self.network.metadata().leader(&at.topic, at.partition) {
                Some((node, _)) => by_leader.entry(node).or_default().push(at.clone()),
                None => self.network.refresh_metadata(),
            }
        }
        by_leader
    }

    fn produce(&mut self, now: Now, node: NodeId, drained: Vec<(SentBatch, bytes::Bytes)>) {
        let mut topics: SortedMap<Str, Vec<PartitionProduceData>> = SortedMap::new();
        let mut batches = Vec::new();
        for (sent, bytes) in drained {
            let data = PartitionProduceData { index: sent.partition.partition, records: Some(Records::from(bytes)) };
            topics.entry(sent.partition.topic.clone()).or_default().push(data);
            batches.push(sent);
        }
        let metadata = self.network.metadata();
        let topic_ids: SortedMap<Str, Uuid> =
            topics.keys().map(|name| (name.clone(), metadata.topic_id(name).unwrap_or(Uuid::ZERO))).collect();
        let has_ids = topic_ids.values().all(|id| *id != Uuid::ZERO);
        let topic_data = topics.into_iter().map(|(name, partition_data)| TopicProduceData {
            topic_id: topic_ids.get(&name).copied().unwrap_or(Uuid::ZERO),
            name,
            partition_data,
        });
        let transactions = self.transactions.as_ref();
        let request = ProduceRequest {
            transactional_id: transactions.map(|transactions| transactions.transactional_id().clone()),
            acks: self.config.acks,
            timeout_ms: self.config.request_timeout.as_millis() as i32,
            topic_data: topic_data.collect(),
        };
        let is_v1 = transactions.is_some_and(|transactions| !transactions.is_v2());
        let options = RequestOptions {
            max_version: match (is_v1, has_ids) {
                (true, _) => Some(LAST_OF_TRANSACTION_V1),
                (false, true) => None,
                (false, false) => Some(FIRST_WITH_TOPIC_IDS - 1),
            },
            is_answered: self.config.acks != 0,
            ..Default::default()
        };
        let purpose = Purpose::Produce { batches, topic_ids };
        self.network.send_with(now, Target::Node(node), request, purpose, options);
    }
}

/// From answers to events.
impl Producer {
    fn answered(&mut self, now: Now, answer: Answer<Purpose>) {
        let frame = answer.result.as_ref().ok();
        let correlation_id = frame.and_then(|frame| frame.first_chunk::<4>().copied());
        self.correlation_id = correlation_id.map_or(0, i32::from_be_bytes);
        match &answer.purpose {
            Purpose::InitProducerId => self.identity_answered(now, &answer),
            Purpose::Transaction => {
                if let Some(transactions) = &mut self.transactions {
                    transactions.answered(now, &mut self.network, &answer);
                }
            }
            Purpose::Produce { .. } if self.config.acks == 0 && answer.result.is_ok() => {
                self.produced(now, answer.purpose, &ProduceResponse::default());
            }
            Purpose::Produce { batches, .. } => match answer.decode::<ProduceRequest>() {
                Ok(response) => {
                    if let Some(node) = answer.node {
                        self.network.throttle(now, node, response.throttle_time_ms);
                    }
                    self.produced(now, answer.purpose, &response);
                }
                Err(error) => {
                    for batch in batches {
                        self.batch_failed(now.monotonic, batch, error_of(&error), false, None);
                    }
                }
            },
        }
    }

    fn identity_answered(&mut self, now: Now, answer: &Answer<Purpose>) {
        let response = answer.decode::<InitProducerIdRequest>();
        if let (Some(node), Ok(response)) = (answer.node, &response) {
            self.network.throttle(now, node, response.throttle_time_ms);
        }
        let error = match &response {
            Ok(response) => ErrorCode::from_code(response.error_code).unwrap_or(ErrorCode::UnknownServerError),
            Err(error) => error_of(error),
        };
        self.identity = match response {
            Ok(response) if !error.is_error() => Identity::Known(ProducerIdentity {
                producer_id: response.producer_id,
                producer_epoch: response.producer_epoch,
            }),
            // The broker knows no producer ids: nothing to be sure of.
            _ if error == ErrorCode::UnsupportedVersion => Identity::Off,
            _ => Identity::Wanted { not_before: now.monotonic + jittered(self.config.retry_backoff, &mut self.rng) },
        };
        if error.is_error() && !error.is_retriable() && self.identity != Identity::Off {
            let queues = core::mem::take(&mut self.accumulator.queues);
            for (partition, queue) in queues {
                let ids = queue.batches.into_iter().flat_map(|batch| batch.record_ids).collect();
                self.fail(partition.topic, partition.partition, ids, error, None);
            }
        }
    }

    fn produced(&mut self, now: Now, purpose: Purpose, response: &ProduceResponse) {
        let Purpose::Produce { batches, topic_ids } = purpose else { return };
        for endpoint in &response.node_endpoints {
            if let Ok(port) = u16::try_from(endpoint.port) {
                self.network.learn_broker(now, endpoint.node_id, &endpoint.host, port);
            }
        }
        for sent in batches {
            let TopicPartition { topic, partition } = &sent.partition;
            let id = topic_ids.get(topic).copied().unwrap_or(Uuid::ZERO);
            let topics = response.responses.iter();
            let found = topics
                .filter(|answer| if answer.name.is_empty() { answer.topic_id == id } else { answer.name == *topic })
                .flat_map(|answer| &answer.partition_responses)
                .find(|answer| answer.index == *partition);
            let silent = PartitionProduceResponse { base_offset: -1, log_append_time_ms: -1, ..Default::default() };
            match found {
                Some(answer) => self.batch_answered(now.monotonic, &sent, answer),
                None if self.config.acks == 0 => self.batch_answered(now.monotonic, &sent, &silent),
                None => self.batch_failed(now.monotonic, &sent, ErrorCode::UnknownServerError, false, None),
            }
        }
    }

    fn batch_answered(&mut self, now: Instant, sent: &SentBatch, answer: &PartitionProduceResponse) {
        let error = ErrorCode::from_code(answer.error_code).unwrap_or(ErrorCode::UnknownServerError);
        // A duplicate was written by an attempt whose answer got lost.
        if error.is_error() && error != ErrorCode::DuplicateSequenceNumber {
            let TopicPartition { topic, partition } = &sent.partition;
            let (leader, epoch) = (answer.current_leader.leader_id, answer.current_leader.leader_epoch);
            let has_moved = self.network.metadata_mut().leader_changed(topic, *partition, leader, epoch);
            return self.batch_failed(now, sent, error, has_moved, Some(answer));
        }
        let queue = self.accumulator.queues.get_mut(&sent.partition);
        let Some(batch) = queue.and_then(|queue| queue.remove(sent.batch_id)) else { return };
        let stamped = answer.log_append_time_ms;
        self.events.push_back(ProducerEvent::Delivered {
            ids: batch.record_ids,
            topic: sent.partition.topic.clone(),
            partition: sent.partition.partition,
            base_offset: answer.base_offset,
            timestamp: if stamped >= 0 { stamped } else { batch.max_timestamp },
        });
    }

    /// Retries a batch or gives it up. `has_moved`: the new leader is known, no need to wait.
    fn batch_failed(
        &mut self,
        now: Instant,
        sent: &SentBatch,
        error: ErrorCode,
        has_moved: bool,
        answer: Option<&PartitionProduceResponse>,
    ) {
        let second_id = self.accumulator.new_batch_id();
        let Some(queue) = self.accumulator.queues.get_mut(&sent.partition) else { return };
        let is_first = queue.is_first(sent.batch_id);
        let Some(batch) = queue.find(sent.batch_id) else { return };
        let BatchState::InFlight { base_sequence } = batch.state else { return };
        let is_sequence_error = matches!(
            error,
            ErrorCode::OutOfOrderSequenceNumber | ErrorCode::UnknownProducerId | ErrorCode::InvalidProducerEpoch
        ) && base_sequence.is_some();
        let doubled = 1 << batch.attempts.saturating_sub(1).min(10);
        let backoff = (self.config.retry_backoff * doubled).min(self.config.retry_backoff_max);
        let wait = if has_moved { Duration::ZERO } else { jittered(backoff, &mut self.rng) };
        batch.state = BatchState::Waiting { not_before: now + wait };
        let attempts_left = self.config.retries.checked_sub(batch.attempts);
        let was_moved_up = base_sequence != batch.base_sequence;
        let is_final =
            self.transactions.is_some() && (error == ErrorCode::InvalidProducerEpoch || (is_first && !was_moved_up));
        if is_sequence_error && is_final {
            return self.refused(sent, error, answer);
        }
        if is_sequence_error {
            // Behind a batch that failed this is no wonder; as the oldest it means that the broker counts otherwise.
            queue.needs_new_epoch |= is_first && !was_moved_up;
        } else if error == ErrorCode::MessageTooLarge && queue.split(sent.batch_id, second_id) {
            // The halves are sent at once.
            self.accumulator.forget_ratio(&sent.partition.topic);
        } else if !error.is_retriable() || attempts_left.is_none() {
            return self.refused(sent, error, answer);
        } else if !has_moved {
            self.network.refresh_metadata();
        }
        let TopicPartition { topic, partition } = sent.partition.clone();
        let (attempts_left, correlation_id) = (attempts_left.unwrap_or(0), self.correlation_id);
        self.events.push_back(ProducerEvent::Retrying { topic, partition, error, attempts_left, correlation_id });
    }
}

fn error_of(error: &AnswerError) -> ErrorCode {
    match error {
        AnswerError::Failed(RequestFailed::Disconnected) => ErrorCode::NetworkException,
        AnswerError::Failed(RequestFailed::TimedOut) => ErrorCode::RequestTimedOut,
        AnswerError::Failed(RequestFailed::UnsupportedVersion) => ErrorCode::UnsupportedVersion,
        AnswerError::Malformed(_) => ErrorCode::CorruptMessage,
    }
}

#[cfg(test)]
#[path = "producer_tests.rs"]
mod tests;
