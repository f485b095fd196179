//! [`TransactionCoordinator`]: finds the shard of each request, knows when transactions are looked through, and which
//! requests to other brokers are on their way.

use super::config::TransactionConfig;
use super::describe;
use super::end_txn::Ending;
use super::gather::{BATCHED_SINCE, Gathers, transactions_of};
use super::init_producer_id::expected;
use super::markers::Requests;
use super::metadata::EPOCH_BUMP_VERSION;
use super::request::{ClusterLookup, ProducerIdSource, TransactionRequest, TransactionResponse};
use super::shard::Shard;
use super::turn::{Asker, EndAsker, Turn, add_offsets_response, end_response, init_response};
use crate::coordinator::partition_for;
use crate::event::Event;
use crate::ids::{
    CONSUMER_OFFSETS_TOPIC, LeaderEpoch, NodeId, Offset, PartitionIndex, TRANSACTION_STATE_TOPIC, TopicPartition,
};
use crate::protocol::ErrorCode;
use crate::protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTransaction;
use crate::protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, DescribeTransactionsRequest, DescribeTransactionsResponse,
    EndTxnRequest, InitProducerIdRequest, WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Instant, Now};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

/// What the coordinator wants from its node.
#[derive(Clone, Debug, PartialEq)]
pub enum TransactionOutput {
    /// Append this to the partition of `__transaction_state` as its leader, with acks=all, then say so.
    Append {
        /// The partition.
        partition: PartitionIndex,
        /// To be given back with the result.
        append_id: u64,
        /// One batch of format 2, base offset 0.
        batch: Bytes,
    },
    /// Answer a request.
    Respond {
        /// The request's token.
        token: u64,
        /// Its answer.
        response: TransactionResponse,
    },
    /// Send this to a broker, then say what it answered.
    SendMarkers {
        /// The broker; it may be this one.
        to: NodeId,
        /// To be given back with the answer.
        request_id: u64,
        /// The markers.
        request: WriteTxnMarkersRequest,
    },
    /// Something happened.
    Event(Event),
}

/// The coordinator of all transactional ids whose partition this broker leads.
///
/// Requests are answered by [`TransactionOutput::Respond`], each token exactly once. Whatever was done with it,
/// [`TransactionCoordinator::send_markers`] is to be called before the outputs are drained.
#[derive(Clone, Debug)]
pub struct TransactionCoordinator {
    shared: Shared,
    requests: Requests,
    shards: SortedMap<PartitionIndex, Shard>,
    next_abort: Option<Instant>,
    next_removal: Option<Instant>,
}

/// What the steps of all shards use.
#[derive(Clone, Debug)]
struct Shared {
    config: TransactionConfig,
    transaction_version: i16,
    gathers: Gathers,
    outputs: VecDeque<TransactionOutput>,
    next_append_id: u64,
}

impl TransactionCoordinator {
    /// A coordinator without partitions.
    pub fn new(config: TransactionConfig) -> Self {
        let shared = Shared {
            config,
            transaction_version: 0,
            gathers: Gathers::default(),
            outputs: VecDeque::new(),
            next_append_id: 0,
        };
        let (requests, shards) = (Requests::default(), SortedMap::new());
        Self { shared, requests, shards, next_abort: None, next_removal: None }
    }

    /// This broker leads a partition of `__transaction_state` now. Its log is to be fed to [`Self::replay`], then
    /// [`Self::loaded`]; until then its ids answer `COORDINATOR_LOAD_IN_PROGRESS`.
    pub fn elected(&mut self, now: Now, partition: PartitionIndex, leader_epoch: LeaderEpoch) {
        match self.shards.get(&partition) {
            Some(shard) if shard.leader_epoch >= leader_epoch => return,
            Some(_) => self.resigned(now, partition),
            None => {}
        }
        self.shards.insert(partition, Shard::loading(leader_epoch));
        // Both go round as long as there is something to look through.
        self.next_abort.get_or_insert(now.monotonic + self.shared.config.abort_timed_out_interval);
        self.next_removal.get_or_insert(now.monotonic + self.shared.config.remove_expired_interval);
    }

    /// Takes over whole batches of a partition being loaded; what cannot be read is skipped with an event.
    pub fn replay(&mut self, now: Now, partition: PartitionIndex, records: &Bytes) {
        self.step(now, partition, |shard, turn| shard.replay(turn, records));
    }

    /// The log of a partition, replicated up to `high_watermark`, was replayed to its end: its ids are served from now on.
    pub fn loaded(&mut self, now: Now, partition: PartitionIndex, high_watermark: Offset) {
        self.step(now, partition, |shard, turn| shard.loaded(turn, high_watermark));
    }

    /// The high watermark of a partition moved: what was written below it is told to who waits.
    pub fn high_watermark_advanced(&mut self, now: Now, partition: PartitionIndex, high_watermark: Offset) {
        self.step(now, partition, |shard, turn| shard.advance(turn, high_watermark));
    }

    /// This broker does not lead the partition any more. Everything that waits there is answered `NOT_COORDINATOR`, and no
    /// markers go out for it.
    pub fn resigned(&mut self, now: Now, partition: PartitionIndex) {
        self.step(now, partition, Shard::unload);
        self.shards.remove(&partition);
        if self.shards.is_empty() {
            (self.next_abort, self.next_removal) = (None, None);
        }
    }

    /// Answers a request, now or later. `token` comes back with the answer.
    pub fn handle(
        &mut self,
        now: Now,
        token: u64,
        api_version: i16,
        request: TransactionRequest,
        cluster: &dyn ClusterLookup,
        producer_ids: &mut dyn ProducerIdSource,
    ) {
        self.shared.transaction_version = cluster.transaction_version();
        let partitions = cluster.partition_count(TRANSACTION_STATE_TOPIC).unwrap_or(self.shared.config.log_partitions);
        let asker = Asker { token, api_version };
        match request {
            TransactionRequest::InitProducerId(request) => {
                self.init_producer_id(now, asker, &request, partitions, producer_ids);
            }
            TransactionRequest::AddPartitionsToTxn(request) => {
                self.add_partitions(now, asker, request, partitions, cluster);
            }
            TransactionRequest::AddOffsetsToTxn(request) => self.add_offsets(now, asker, &request, partitions, cluster),
            TransactionRequest::EndTxn(request) => self.end_txn(now, asker, &request, partitions, producer_ids),
            TransactionRequest::DescribeTransactions(request) => self.describe(token, &request, partitions),
            TransactionRequest::ListTransactions(request) => {
                let mut response = describe::list(self.shards.values(), &request, now.wall_ms);
                if self.shards.values().any(Shard::is_loading) {
                    response = Default::default();
                    response.error_code = ErrorCode::CoordinatorLoadInProgress.code();
                }
                self.respond(token, TransactionResponse::ListTransactions(response));
            }
        }
    }

    /// The log took what [`TransactionOutput::Append`] asked for, its last record at this offset, or refused it.
    pub fn append_result(&mut self, now: Now, append_id: u64, result: Result<Offset, ErrorCode>) {
        let writer = self.shards.iter().find(|(_, shard)| shard.has_write(append_id));
        if let Some((&partition, _)) = writer {
            self.step(now, partition, |shard, turn| shard.append_result(turn, append_id, result));
        }
    }

    /// A broker answered [`TransactionOutput::SendMarkers`]; `None` where the request was lost.
    pub fn markers_answered(&mut self, now: Now, request_id: u64, response: Option<&WriteTxnMarkersResponse>) {
        let shards = &mut self.shards;
        self.requests.answered(request_id, response, |answer| {
            if let Some(shard) = shards.get_mut(&answer.coordinator.0) {
                shard.marker_answered(now.monotonic, &answer);
            }
        });
    }

    /// Sends markers that may go, and writes the end of transactions that have all of them.
    pub fn send_markers(&mut self, now: Now, cluster: &dyn ClusterLookup) {
        if self.shards.values().all(|shard| shard.completions.is_empty()) {
            return;
        }
        self.shared.transaction_version = cluster.transaction_version();
        let mut requests = core::mem::take(&mut self.requests);
        for partition in self.partitions() {
            self.step(now, partition, |shard, turn| shard.collect_markers(turn, cluster, &mut requests));
        }
        while let Some((to, request_id, request)) = requests.next_request() {
            self.shared.outputs.push_back(TransactionOutput::SendMarkers { to, request_id, request });
        }
        self.requests = requests;
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Now, cluster: &dyn ClusterLookup, producer_ids: &mut dyn ProducerIdSource) {
        let is_due = |deadline: &mut Option<Instant>, interval| {
            let due = deadline.is_some_and(|at| at <= now.monotonic);
            if due {
                *deadline = Some(now.monotonic + interval);
            }
            due
        };
        let aborts = is_due(&mut self.next_abort, self.shared.config.abort_timed_out_interval);
        let removes = is_due(&mut self.next_removal, self.shared.config.remove_expired_interval);
        let late = self.shards.values().any(|shard| shard.next_deadline().is_some_and(|(at, _)| at <= now.monotonic));
        if !aborts && !removes && !late {
            return;
        }
        self.shared.transaction_version = cluster.transaction_version();
        for partition in self.partitions() {
            self.step(now, partition, |shard, turn| {
                if shard.is_loading() {
                    return;
                }
                shard.expire_writes(turn);
                if aborts {
                    shard.abort_timed_out(turn, producer_ids);
                }
                if removes {
                    shard.remove_expired(turn);
                }
            });
        }
    }

    /// When [`Self::tick`] or [`Self::send_markers`] has something to do, and what.
    pub fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        let shards = self.shards.values().filter_map(Shard::next_deadline);
        let aborts = self.next_abort.map(|at| (at, "look for transactions that took too long"));
        let removals = self.next_removal.map(|at| (at, "look for expired transactional ids"));
        shards.chain(aborts).chain(removals).min()
    }

    /// The next output, in order.
    pub fn poll_output(&mut self) -> Option<TransactionOutput> {
        self.shared.outputs.pop_front()
    }

    fn partitions(&self) -> Vec<PartitionIndex> {
        self.shards.keys().copied().collect()
    }

    /// One step of one shard; nothing where this broker does not lead it.
    fn step(&mut self, now: Now, partition: PartitionIndex, step: impl FnOnce(&mut Shard, &mut Turn<'_>)) {
        let Some(shard) = self.shards.get_mut(&partition) else { return };
        let mut turn = Turn {
            now,
            config: &self.shared.config,
            transaction_version: self.shared.transaction_version,
            gathers: &mut self.shared.gathers,
            outputs: &mut self.shared.outputs,
            next_append_id: &mut self.shared.next_append_id,
            partition,
            new_writes: Vec::new(),
        };
        step(shard, &mut turn);
        let new_writes = turn.new_writes;
        shard.take_writes(new_writes);
    }

    /// The partition that keeps a transactional id, or why nothing can be said of it.
    fn shard_of(&self, transactional_id: &str, partitions: PartitionIndex) -> Result<PartitionIndex, ErrorCode> {
        if transactional_id.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        let partition = partition_for(transactional_id, partitions);
        match self.shards.get(&partition) {
            None => Err(ErrorCode::NotCoordinator),
            Some(shard) if shard.is_loading() => Err(ErrorCode::CoordinatorLoadInProgress),
            Some(_) => Ok(partition),
        }
    }

    fn respond(&mut self, token: u64, response: TransactionResponse) {
        self.shared.outputs.push_back(TransactionOutput::Respond { token, response });
    }

    fn init_producer_id(
        &mut self,
        now: Now,
        asker: Asker,
        request: &InitProducerIdRequest,
        partitions: PartitionIndex,
        producer_ids: &mut dyn ProducerIdSource,
    ) {
        let transactional_id = request.transactional_id.clone().unwrap_or_default();
        let is_timeout_valid = (1..=self.shared.config.max_timeout_ms).contains(&request.transaction_timeout_ms);
        let shard = expected(request).and_then(|_| {
            if !transactional_id.is_empty() && !is_timeout_valid {
                return Err(ErrorCode::InvalidTransactionTimeout);
            }
            self.shard_of(&transactional_id, partitions)
        });
        match shard {
            Ok(partition) => self.step(now, partition, |shard, turn| {
                shard.init_producer_id(turn, asker, &transactional_id, request, producer_ids);
            }),
            Err(error) => self.respond(asker.token, init_response(asker.api_version, Err(error))),
        }
    }

    fn add_partitions(
        &mut self,
        now: Now,
        asker: Asker,
        request: AddPartitionsToTxnRequest,
        partitions: PartitionIndex,
        cluster: &dyn ClusterLookup,
    ) {
        let transactions = transactions_of(asker.api_version, request);
        self.shared.gathers.begin(asker.token, asker.api_version, &transactions);
        for (index, transaction) in transactions.iter().enumerate() {
            let slot = Gathers::slot(asker.token, index);
            let finished = if has_unknown_partition(transaction, cluster) {
                self.shared.gathers.fill(slot, |topic, partition| {
                    let is_known = exists(cluster, &topic.name, partition);
                    if is_known { ErrorCode::OperationNotAttempted } else { ErrorCode::UnknownTopicOrPartition }
                })
            } else {
                match self.shard_of(&transaction.transactional_id, partitions) {
                    Err(error) => self.shared.gathers.fill_all(slot, error),
                    Ok(partition) => {
                        self.step(now, partition, |shard, turn| {
                            if transaction.verify_only {
                                shard.verify_partitions(turn, slot, transaction);
                            } else {
                                let is_broker = asker.api_version >= BATCHED_SINCE;
                                let version = if is_broker { EPOCH_BUMP_VERSION } else { 0 };
                                shard.add_partitions(turn, slot, transaction, version);
                            }
                        });
                        None
                    }
                }
            };
            if let Some((token, response)) = finished {
                self.respond(token, response);
            }
        }
        if transactions.is_empty()
            && let Some((token, response)) = self.shared.gathers.finished(asker.token)
        {
            self.respond(token, response);
        }
    }

    fn add_offsets(
        &mut self,
        now: Now,
        asker: Asker,
        request: &AddOffsetsToTxnRequest,
        partitions: PartitionIndex,
        cluster: &dyn ClusterLookup,
    ) {
        let offsets =
            cluster.partition_count(CONSUMER_OFFSETS_TOPIC).unwrap_or(self.shared.config.offsets_topic_partitions);
        let group = TopicPartition::new(CONSUMER_OFFSETS_TOPIC, partition_for(&request.group_id, offsets));
        match self.shard_of(&request.transactional_id, partitions) {
            Ok(partition) => {
                self.step(now, partition, |shard, turn| shard.add_offsets(turn, asker, request, group));
            }
            Err(error) => self.respond(asker.token, add_offsets_response(asker.api_version, error)),
        }
    }

    fn end_txn(
        &mut self,
        now: Now,
        asker: Asker,
        request: &EndTxnRequest,
        partitions: PartitionIndex,
        producer_ids: &mut dyn ProducerIdSource,
    ) {
        let partition = match self.shard_of(&request.transactional_id, partitions) {
            Ok(partition) => partition,
            Err(error) => return self.respond(asker.token, end_response(asker.api_version, Err(error))),
        };
        let ending = Ending {
            transactional_id: &request.transactional_id,
            producer_id: request.producer_id,
            producer_epoch: request.producer_epoch,
            commit: request.committed,
            is_from_client: true,
            // Only a client that speaks it asks so.
            transaction_version: if asker.api_version > 4 { EPOCH_BUMP_VERSION } else { 0 },
        };
        self.step(now, partition, |shard, turn| {
            shard.end_transaction(turn, &ending, EndAsker::EndTxn(asker), producer_ids);
        });
    }

    fn describe(&mut self, token: u64, request: &DescribeTransactionsRequest, partitions: PartitionIndex) {
        let describe = |transactional_id: &Str| match self.shard_of(transactional_id, partitions) {
            Err(error) => describe::described_error(transactional_id, error),
            Ok(partition) => match self.shards.get(&partition) {
                Some(shard) => shard.describe(transactional_id),
                None => describe::described_error(transactional_id, ErrorCode::NotCoordinator),
            },
        };
        let transaction_states = request.transactional_ids.iter().map(describe).collect();
        let response = DescribeTransactionsResponse { transaction_states, ..Default::default() };
        self.respond(token, TransactionResponse::DescribeTransactions(response));
    }
}

fn exists(cluster: &dyn ClusterLookup, topic: &str, partition: PartitionIndex) -> bool {
    cluster.partition_count(topic).is_some_and(|count| (0..count).contains(&partition))
}

fn has_unknown_partition(transaction: &AddPartitionsToTxnTransaction, cluster: &dyn ClusterLookup) -> bool {
    let mut topics = transaction.topics.iter();
    topics.any(|topic| topic.partitions.iter().any(|&partition| !exists(cluster, &topic.name, partition)))
}
