//! `WriteTxnMarkers` under way: one marker for each partition is written by who owns the partition's records, and the
//! request is answered once the last of them is replicated.

use super::broker::Broker;
use super::inbound::Token;
use crate::ids::{CONSUMER_OFFSETS_TOPIC, PartitionIndex, ProducerId, TopicPartition};
use crate::protocol::ErrorCode;
use crate::protocol::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use crate::protocol::messages::{WriteTxnMarkersRequest, WriteTxnMarkersResponse};
use crate::replication::replica_manager::TransactionMarker;
use crate::sorted::SortedMap;
use alloc::vec::Vec;

/// The requests that are not answered yet, and their markers.
#[derive(Clone, Debug, Default)]
pub(super) struct TxnMarkers {
    next_id: u64,
    requests: SortedMap<Token, WritingMarkers>,
    markers: SortedMap<u64, Place>,
}

#[derive(Clone, Debug)]
struct WritingMarkers {
    response: WriteTxnMarkersResponse,
    left: usize,
}

/// To what the outcome of a marker belongs.
#[derive(Clone, Debug)]
struct Place {
    token: Token,
    producer_id: ProducerId,
    partition: TopicPartition,
}

impl Broker {
    /// Writes the markers of a request.
    pub(super) fn write_txn_markers(&mut self, token: Token, request: &WriteTxnMarkersRequest) {
        let mut markers = Vec::new();
        for marker in &request.markers {
            let content = TransactionMarker {
                producer_id: marker.producer_id,
                producer_epoch: marker.producer_epoch,
                coordinator_epoch: marker.coordinator_epoch,
                committed: marker.transaction_result,
                transaction_version: marker.transaction_version,
            };
            for topic in &marker.topics {
                let partitions = topic.partition_indexes.iter();
                markers.extend(
                    partitions.map(|&partition| (TopicPartition { topic: topic.name.clone(), partition }, content)),
                );
            }
        }
        let mut writing = WritingMarkers { response: WriteTxnMarkersResponse::default(), left: markers.len() };
        for (partition, marker) in &markers {
            // The answer has the order of the request, not that of the outcomes.
            writing.set(marker.producer_id, partition, ErrorCode::None);
        }
        self.txn_markers.requests.insert(token, writing);
        if markers.is_empty() {
            return self.maybe_answer_txn_markers(token);
        }
        for (partition, marker) in markers {
            let marker_id = self.txn_markers.next_id;
            self.txn_markers.next_id += 1;
            let place = Place { token, producer_id: marker.producer_id, partition: partition.clone() };
            self.txn_markers.markers.insert(marker_id, place);
            if partition.topic == CONSUMER_OFFSETS_TOPIC {
                self.complete_group_transaction(&partition, &marker, marker_id);
            } else {
                self.append_txn_marker(&partition, &marker, marker_id);
            }
        }
    }

    /// Appends a marker to a log this broker leads; its outcome comes to [`Self::txn_marker_written`].
    pub(super) fn append_txn_marker(&mut self, partition: &TopicPartition, marker: &TransactionMarker, marker_id: u64) {
        let (now, timeout) = (self.now, self.config.network.request_timeout);
        self.replica_manager.append_marker(now, &mut self.stores, partition, marker, timeout, marker_id);
    }

    /// A marker is written, or will not be.
    pub(super) fn txn_marker_written(&mut self, marker_id: u64, error: ErrorCode) {
        let Some(place) = self.txn_markers.markers.remove(&marker_id) else { return };
        let Some(writing) = self.txn_markers.requests.get_mut(&place.token) else { return };
        writing.set(place.producer_id, &place.partition, error);
        writing.left -= 1;
        self.maybe_answer_txn_markers(place.token);
    }

    fn maybe_answer_txn_markers(&mut self, token: Token) {
        if self.txn_markers.requests.get(&token).is_some_and(|writing| writing.left == 0)
            && let Some(written) = self.txn_markers.requests.remove(&token)
        {
            self.respond::<WriteTxnMarkersRequest>(token, &written.response);
        }
    }
}

impl WritingMarkers {
    /// Sets an outcome: a producer, a topic and a partition are each named once.
    fn set(&mut self, producer_id: ProducerId, partition: &TopicPartition, error: ErrorCode) {
        let markers = &mut self.response.markers;
        let marker = entry(
            markers,
            |marker| marker.producer_id == producer_id,
            || WritableTxnMarkerResult { producer_id, topics: Vec::new() },
        );
        let topic = entry(
            &mut marker.topics,
            |topic: &WritableTxnMarkerTopicResult| topic.name == partition.topic,
            || WritableTxnMarkerTopicResult { name: partition.topic.clone(), partitions: Vec::new() },
        );
        let partition_index: PartitionIndex = partition.partition;
        let result = entry(
            &mut topic.partitions,
            |result: &WritableTxnMarkerPartitionResult| result.partition_index == partition_index,
            || WritableTxnMarkerPartitionResult { partition_index, error_code: 0 },
        );
        result.error_code = error.code();
    }
}

/// The item that is the one, added where there is none.
fn entry<T>(items: &mut Vec<T>, is_it: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> &mut T {
    let index = items.iter().position(is_it).unwrap_or_else(|| {
        items.push(new());
        items.len() - 1
    });
    &mut items[index]
}
