//! What happened, for the trace a host may show. Typed facts, no prose: a page words them in its reader's language.

use crate::ids::{BrokerEpoch, LeaderEpoch, NodeId, Offset, TopicPartition};
use crate::text::Str;
use alloc::vec::Vec;

/// How much a host wants to hear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventLevel {
    /// Nothing.
    Off,
    /// What changes the picture: elections, ISR, members, failures.
    #[default]
    Info,
    /// Also what explains it: time-outs, truncations, retries.
    Debug,
}

/// Who ended a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum TransactionEnder {
    /// Its producer.
    Producer,
    /// Another producer that took its transactional id.
    Successor,
    /// Its coordinator: it was open longer than its time-out.
    Timeout,
}

/// Why segments of a log were deleted (`SegmentDeletionReason`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum RetentionCause {
    /// Their newest record is older than `retention.ms`.
    Time,
    /// The log is larger than `retention.bytes`.
    Size,
    /// They lie below the log start offset, which `DeleteRecords` or the leader raised.
    LogStart,
}

/// One thing that happened on one node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Event {
    /// The node finished recovery and its listeners answer.
    Started,
    /// The broker of this node registered with the active controller.
    Registered {
        /// Its new broker epoch.
        broker_epoch: BrokerEpoch,
    },
    /// The controller lets the broker of this node lead. Beside the active controller's own word for it, which is told there.
    Unfenced,
    /// This node became the active controller.
    ControllerElected {
        /// Epoch of the quorum.
        quorum_epoch: i32,
    },
    /// This node stopped being the active controller.
    ControllerResigned {
        /// Epoch it led.
        quorum_epoch: i32,
    },
    /// (Active controller) a broker was unfenced: it may lead.
    BrokerUnfenced {
        /// The broker.
        broker: NodeId,
    },
    /// (Active controller) a broker was fenced.
    BrokerFenced {
        /// The broker.
        broker: NodeId,
        /// True when its session ran out, false when it asked.
        session_expired: bool,
    },
    /// (Active controller) a broker began a controlled shutdown.
    ControlledShutdown {
        /// The broker.
        broker: NodeId,
    },
    /// (Active controller) a partition got another leader, or none.
    LeaderChanged {
        /// The partition.
        partition: TopicPartition,
        /// The leader before; -1 for none.
        from: NodeId,
        /// The leader now; -1 for none.
        to: NodeId,
        /// Its leader epoch now.
        leader_epoch: LeaderEpoch,
        /// The ISR before.
        in_sync_replicas_before: Vec<NodeId>,
        /// The ISR now.
        in_sync_replicas: Vec<NodeId>,
    },
    /// (Active controller) the ISR of a partition changed while its leader stayed.
    InSyncReplicasChanged {
        /// The partition.
        partition: TopicPartition,
        /// Before.
        from: Vec<NodeId>,
        /// Now.
        to: Vec<NodeId>,
    },
    /// (Active controller) a partition's replicas are on other brokers now: a reassignment is complete.
    ReplicasReassigned {
        /// The partition.
        partition: TopicPartition,
        /// Its brokers before, ascending.
        from: Vec<NodeId>,
        /// Its brokers now, the preferred leader first.
        to: Vec<NodeId>,
    },
    /// (Active controller) a topic was created.
    TopicCreated {
        /// Its name.
        topic: Str,
        /// Number of partitions.
        partitions: i32,
        /// Replicas of each.
        replication_factor: i32,
    },
    /// (Active controller) a topic was deleted.
    TopicDeleted {
        /// Its name.
        topic: Str,
    },
    /// A replica on this node is in another log directory now.
    ReplicaMoved {
        /// The partition.
        partition: TopicPartition,
        /// Path of the log directory before.
        from: Str,
        /// Path of the log directory now.
        to: Str,
    },
    /// A client of this node was over its quota and was told to wait; so long its connection is not read.
    ClientThrottled {
        /// Its `client.id`; may be empty.
        client_id: Str,
        /// The quota: `producer_byte_rate`, `consumer_byte_rate`, `controller_mutation_rate`.
        quota: Str,
        /// For how long, in milliseconds: more than 0.
        throttle_ms: i32,
    },
    /// A replica on this node cut its log.
    Truncated {
        /// The partition.
        partition: TopicPartition,
        /// Log end offset before.
        from: Offset,
        /// Log end offset now.
        to: Offset,
    },
    /// A replica on this node deleted its oldest segments.
    SegmentsDeleted {
        /// The partition.
        partition: TopicPartition,
        /// How many.
        segments: usize,
        /// Their bytes.
        bytes: u64,
        /// Where the log begins now.
        log_start_offset: Offset,
        /// Why.
        cause: RetentionCause,
    },
    /// A log was recovered after an unclean stop.
    LogRecovered {
        /// The partition.
        partition: TopicPartition,
        /// Log end offset after recovery.
        log_end_offset: Offset,
        /// Bytes at the end that were no whole, correct batch.
        discarded_bytes: u64,
    },
    /// A log directory failed and is offline.
    LogDirectoryOffline {
        /// Its path.
        path: Str,
    },
    /// (Coordinator) a group began to rebalance.
    GroupRebalancing {
        /// The group.
        group: Str,
        /// Why, in Kafka's words.
        reason: Str,
    },
    /// (Coordinator) a group is stable again.
    GroupStable {
        /// The group.
        group: Str,
        /// Its generation.
        generation_id: i32,
        /// Number of members.
        members: usize,
    },
    /// (Coordinator) a group has no members any more.
    GroupEmpty {
        /// The group.
        group: Str,
        /// Its generation.
        generation_id: i32,
    },
    /// (Coordinator) how a transaction ends is decided; its partitions are told.
    TransactionEnded {
        /// Its transactional id.
        transactional_id: Str,
        /// True where it is committed, false where it is aborted.
        committed: bool,
        /// Number of partitions in it.
        partitions: usize,
        /// Who wanted it.
        by: TransactionEnder,
    },
    /// (Coordinator) a member's session ran out.
    MemberExpired {
        /// The group.
        group: Str,
        /// The member.
        member: Str,
    },
    /// (Coordinator) a stored record could not be read and was left out.
    RecordSkipped {
        /// The partition it is stored in.
        partition: TopicPartition,
        /// Its offset, or that of its batch.
        offset: Offset,
        /// What was wrong with it.
        reason: Str,
    },
    /// A client's connection was closed because of what it sent.
    BadRequest {
        /// What was wrong with it.
        reason: Str,
    },
    /// The node refuses to start, or stops, for this reason; the text is Kafka's where Kafka has one.
    Fatal {
        /// Why.
        reason: Str,
    },
    /// The controlled shutdown is done; the host may end the worker.
    Stopped,
}
