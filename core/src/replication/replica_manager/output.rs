//! What a [`super::ReplicaManager`] tells its node.

use super::TransactionVerification;
use crate::event::Event;
use crate::ids::{LeaderEpoch, NodeId, Offset, TopicPartition};
use crate::log::VerificationGuard;
use crate::log::storage::FileRange;
use crate::protocol::ErrorCode;
use crate::protocol::messages::{
    AlterPartitionRequest, AssignReplicasToDirsRequest, DeleteRecordsResponse, FetchResponse, ListOffsetsResponse,
    ProduceResponse,
};
use crate::replication::replica_fetcher::FetcherRequest;

/// What a [`super::ReplicaManager`] tells its node.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send a request to another broker; the answer goes to `fetch_response`.
    Send {
        /// The broker.
        to: NodeId,
        /// Names the request in its answer.
        request_id: u64,
        /// The request.
        request: FetcherRequest,
    },
    /// Send an ISR change to the controller; the answer goes to `alter_partition_response`.
    SendAlterPartition {
        /// Names the request in its answer.
        request_id: u64,
        /// The request.
        request: AlterPartitionRequest,
    },
    /// Tell the controller in which log directories replicas are; the answer goes to `assign_replicas_to_dirs_response`.
    SendAssignReplicasToDirs {
        /// Names the request in its answer.
        request_id: u64,
        /// The request.
        request: AssignReplicasToDirsRequest,
    },
    /// Answer a client's request. The node fills in what depends on the listener (`node_endpoints`).
    Respond {
        /// As the node passed it.
        token: u64,
        /// The response.
        response: Response,
    },
    /// A Produce with acks=0 is done: nothing is sent, the next request may be taken.
    NoResponse {
        /// As the node passed it.
        token: u64,
    },
    /// A Produce with acks=0 failed: all that Kafka can do is to close the connection.
    CloseConnection {
        /// As the node passed it.
        token: u64,
    },
    /// This broker became the leader of a partition, or its leader epoch is new.
    BecameLeader {
        /// The partition.
        partition: TopicPartition,
        /// The leader epoch.
        leader_epoch: LeaderEpoch,
    },
    /// This broker no longer leads a partition, or has it no longer.
    StoppedLeading {
        /// The partition.
        partition: TopicPartition,
        /// The new leader epoch; `None` where the replica is deleted or its directory failed.
        leader_epoch: Option<LeaderEpoch>,
    },
    /// The high watermark of a partition this broker leads moved.
    HighWatermarkAdvanced {
        /// The partition.
        partition: TopicPartition,
        /// The high watermark now.
        offset: Offset,
    },
    /// Ask the coordinator of a transaction whether partitions belong to it; the answer goes to `transaction_verified`.
    VerifyTransaction {
        /// Names the question in its answer.
        verification_id: u64,
        /// The question.
        verification: TransactionVerification,
    },
    /// What `verify_local` asked is answered.
    LocalVerified {
        /// As the node passed it.
        token: u64,
        /// What to append with, or why not to.
        result: Result<VerificationGuard, ErrorCode>,
    },
    /// A marker of `append_marker` is replicated, or will not be.
    MarkerWritten {
        /// As the node passed it.
        marker_id: u64,
        /// [`ErrorCode::None`], or what became of it.
        error: ErrorCode,
    },
    /// Load part of a file; the answer goes to `loaded` or `load_failed`.
    Load {
        /// Names the load in its answer.
        load_id: u64,
        /// Index of the log directory.
        directory: usize,
        /// The bytes wanted.
        range: FileRange,
    },
    /// What `read_for_loading` found cold can be read now.
    LoadedForReading {
        /// The partition.
        partition: TopicPartition,
    },
    /// Something happened.
    Event(Event),
}

/// The response to a request that was given a token.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    /// To Produce.
    Produce(ProduceResponse),
    /// To Fetch.
    Fetch(FetchResponse),
    /// To `ListOffsets`.
    ListOffsets(ListOffsetsResponse),
    /// To `DeleteRecords`.
    DeleteRecords(DeleteRecordsResponse),
}
