//! Markers: the outcome of a transaction is told to the leaders of its partitions, until each of them wrote it (Kafka's
//! `TransactionMarkerChannelManager`).
//!
//! One request a broker is on its way; what comes meanwhile goes together in the next.

use super::metadata::Fields;
use super::request::{ClusterLookup, MarkerDestination};
use super::shard::Shard;
use super::state::TransactionState;
use super::turn::{Then, Turn};
use crate::ids::{LeaderEpoch, NodeId, PartitionIndex, TopicPartition};
use crate::protocol::ErrorCode;
use crate::protocol::messages::WriteTxnMarkersResponse;
use crate::protocol::messages::write_txn_markers_request::{
    WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest,
};
use crate::sorted::{SortedMap, SortedSet};
use crate::text::Str;
use crate::time::{Duration, Instant};
use alloc::vec;
use alloc::vec::Vec;

/// How long what failed waits before it is tried again.
const RETRY_BACKOFF: Duration = Duration::from_millis(100);

/// A transaction whose outcome is on its way to its partitions.
#[derive(Clone, Debug)]
pub(super) struct Completion {
    /// What is written once all of them have it.
    next: Fields,
    /// Partitions whose marker is not on its way.
    unsent: SortedSet<TopicPartition>,
    not_before: Option<Instant>,
    /// The end is being written.
    is_writing: bool,
}

impl Completion {
    pub(super) const fn new(next: Fields, partitions: SortedSet<TopicPartition>) -> Self {
        Self { next, unsent: partitions, not_before: None, is_writing: false }
    }

    /// The end could not be written.
    pub(super) fn retry(&mut self, now: Instant) {
        self.is_writing = false;
        self.not_before = Some(now + RETRY_BACKOFF);
    }

    pub(super) const fn next_deadline(&self) -> Option<Instant> {
        self.not_before
    }
}

/// The marker of one transaction for the partitions of one broker.
#[derive(Clone, Debug)]
struct Entry {
    /// The partition of `__transaction_state`, and the epoch in which this broker leads it.
    coordinator: (PartitionIndex, LeaderEpoch),
    transactional_id: Str,
    marker: WritableTxnMarker,
    partitions: Vec<TopicPartition>,
}

/// Requests on their way, and those being put together.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests {
    next_id: u64,
    in_flight: SortedMap<u64, Request>,
    batches: SortedMap<NodeId, Vec<Entry>>,
}

#[derive(Clone, Debug)]
struct Request {
    to: NodeId,
    entries: Vec<Entry>,
}

/// What came of one marker.
pub(super) struct Answer<'a> {
    pub(super) coordinator: (PartitionIndex, LeaderEpoch),
    pub(super) transactional_id: &'a Str,
    /// With `None` where nothing was said of it.
    pub(super) partitions: Vec<(&'a TopicPartition, Option<ErrorCode>)>,
}

impl Requests {
    fn is_busy(&self, broker: NodeId) -> bool {
        self.in_flight.values().any(|request| request.to == broker)
    }

    /// The next request to send: to whom, and its id.
    pub(super) fn next_request(&mut self) -> Option<(NodeId, u64, WriteTxnMarkersRequest)> {
        let (to, entries) = self.batches.pop_first()?;
        self.next_id += 1;
        let markers = entries.iter().map(|entry| entry.marker.clone()).collect();
        self.in_flight.insert(self.next_id, Request { to, entries });
        Some((to, self.next_id, WriteTxnMarkersRequest { markers }))
    }

    /// Gives what was answered to `take`, marker by marker; no response where the request was lost.
    pub(super) fn answered(
        &mut self,
        request_id: u64,
        response: Option<&WriteTxnMarkersResponse>,
        mut take: impl FnMut(Answer<'_>),
    ) {
        let Some(request) = self.in_flight.remove(&request_id) else { return };
        for entry in &request.entries {
            let error_of = |partition: &TopicPartition| {
                let markers = response?.markers.iter().filter(|marker| marker.producer_id == entry.marker.producer_id);
                let mut topics = markers.flat_map(|marker| &marker.topics);
                let topic = topics.find(|topic| topic.name == partition.topic)?;
                let told = topic.partitions.iter().find(|told| told.partition_index == partition.partition)?;
                Some(ErrorCode::from_code(told.error_code).unwrap_or(ErrorCode::UnknownServerError))
            };
            take(Answer {
                coordinator: entry.coordinator,
                transactional_id: &entry.transactional_id,
                partitions: entry.partitions.iter().map(|partition| (partition, error_of(partition))).collect(),
            });
        }
    }
}

impl Shard {
    /// Puts markers that may go now into the batches of their brokers, and writes the end of transactions that have none left.
    pub(super) fn collect_markers(
        &mut self,
        turn: &mut Turn<'_>,
        cluster: &dyn ClusterLookup,
        requests: &mut Requests,
    ) {
        let now = turn.now.monotonic;
        for (transactional_id, completion) in &mut self.completions {
            if completion.is_writing || completion.not_before.is_some_and(|at| at > now) {
                continue;
            }
            completion.not_before = None;
            let Some(metadata) = self.transactions.get_mut(transactional_id) else { continue };
            let mut by_broker: SortedMap<NodeId, Vec<TopicPartition>> = SortedMap::new();
            let mut kept = SortedSet::new();
            for partition in core::mem::take(&mut completion.unsent) {
                match cluster.marker_destination(&partition) {
                    MarkerDestination::Leader(broker) if requests.is_busy(broker) => {
                        kept.insert(partition);
                    }
                    MarkerDestination::Leader(broker) => by_broker.entry(broker).or_default().push(partition),
                    MarkerDestination::Unknown => {
                        completion.not_before = Some(now + RETRY_BACKOFF);
                        kept.insert(partition);
                    }
                    // Nobody will ever read it.
                    MarkerDestination::Gone => {
                        metadata.now.partitions.remove(&partition);
                    }
                }
            }
            completion.unsent = kept;
            for (broker, partitions) in by_broker {
                let entry = Entry {
                    coordinator: (turn.partition, self.leader_epoch),
                    transactional_id: transactional_id.clone(),
                    marker: marker(&metadata.now, self.leader_epoch, &partitions),
                    partitions,
                };
                requests.batches.entry(broker).or_default().push(entry);
            }
            if metadata.now.partitions.is_empty() {
                completion.is_writing = true;
                turn.write_step(transactional_id, completion.next.clone(), Then::Complete);
            }
        }
    }

    /// A broker wrote a marker, or not.
    pub(super) fn marker_answered(&mut self, now: Instant, answer: &Answer<'_>) {
        if answer.coordinator.1 != self.leader_epoch {
            return;
        }
        let transactional_id = answer.transactional_id;
        let Some(metadata) = self.transactions.get_mut(transactional_id) else { return };
        let Some(completion) = self.completions.get_mut(transactional_id) else { return };
        for (partition, error) in &answer.partitions {
            match error {
                // Nothing of the transaction can be where markers are not known.
                Some(ErrorCode::None | ErrorCode::UnsupportedForMessageFormat | ErrorCode::UnsupportedVersion) => {
                    metadata.now.partitions.remove(*partition);
                }
                // Somebody else ended it: this coordinator has no say in it any more.
                Some(ErrorCode::InvalidProducerEpoch | ErrorCode::TransactionCoordinatorFenced) => {
                    self.completions.remove(transactional_id);
                    return;
                }
                _ => {
                    completion.unsent.insert((*partition).clone());
                    completion.not_before = Some(now + RETRY_BACKOFF);
                }
            }
        }
    }
}

fn marker(fields: &Fields, coordinator_epoch: LeaderEpoch, partitions: &[TopicPartition]) -> WritableTxnMarker {
    let mut topics: Vec<WritableTxnMarkerTopic> = Vec::new();
    for partition in partitions {
        match topics.last_mut() {
            Some(last) if last.name == partition.topic => last.partition_indexes.push(partition.partition),
            _ => topics.push(WritableTxnMarkerTopic {
                name: partition.topic.clone(),
                partition_indexes: vec![partition.partition],
            }),
        }
    }
    WritableTxnMarker {
        producer_id: fields.producer_id,
        producer_epoch: fields.producer_epoch,
        transaction_result: fields.state == TransactionState::PrepareCommit,
        topics,
        coordinator_epoch,
        transaction_version: fields.client_transaction_version as i8,
    }
}
