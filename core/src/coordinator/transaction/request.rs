//! The requests a transaction coordinator answers, typed, their answers, and what it asks of the node it is part of.

use crate::ids::{NodeId, PartitionIndex, ProducerId, TopicPartition};
use crate::protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    DescribeTransactionsRequest, DescribeTransactionsResponse, EndTxnRequest, EndTxnResponse, InitProducerIdRequest,
    InitProducerIdResponse, ListTransactionsRequest, ListTransactionsResponse,
};

/// Where the marker of a partition is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkerDestination {
    /// To this broker.
    Leader(NodeId),
    /// The partition has no leader that can be reached just now.
    Unknown,
    /// There is no such partition any more.
    Gone,
}

/// What the coordinator needs to know of the cluster; the metadata image answers it.
pub trait ClusterLookup {
    /// Number of partitions of a topic; `None` where it does not exist.
    fn partition_count(&self, topic: &str) -> Option<PartitionIndex>;
    /// The finalized level of `transaction.version`.
    fn transaction_version(&self) -> i16;
    /// Who leads a partition.
    fn marker_destination(&self, partition: &TopicPartition) -> MarkerDestination;
}

/// Where producer ids come from (Kafka's `ProducerIdManager`).
pub trait ProducerIdSource {
    /// An id nobody had before; `None` while the next block of them is on its way.
    fn generate_producer_id(&mut self) -> Option<ProducerId>;
}

/// A request to the coordinator of its transactional id (or ids).
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum TransactionRequest {
    InitProducerId(InitProducerIdRequest),
    AddPartitionsToTxn(AddPartitionsToTxnRequest),
    AddOffsetsToTxn(AddOffsetsToTxnRequest),
    EndTxn(EndTxnRequest),
    DescribeTransactions(DescribeTransactionsRequest),
    ListTransactions(ListTransactionsRequest),
}

/// The answer to a [`TransactionRequest`].
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum TransactionResponse {
    InitProducerId(InitProducerIdResponse),
    AddPartitionsToTxn(AddPartitionsToTxnResponse),
    AddOffsetsToTxn(AddOffsetsToTxnResponse),
    EndTxn(EndTxnResponse),
    DescribeTransactions(DescribeTransactionsResponse),
    ListTransactions(ListTransactionsResponse),
}
