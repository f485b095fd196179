//! What a consumer tells the program that uses it.

use crate::ids::{NodeId, Offset, TopicPartition};
use crate::protocol::ErrorCode;
use crate::record::Record;
use crate::text::Str;
use crate::time::Instant;
use alloc::string::String;
use alloc::vec::Vec;

/// Something that happened, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum ConsumerEvent {
    /// Records of one partition, in the order of their offsets.
    Records {
        /// Where they are from.
        partition: TopicPartition,
        /// At most `max.poll.records`.
        records: Vec<Record>,
        /// As the leader's answer had it.
        high_watermark: Offset,
    },
    /// Partitions that came to it (for eager groups all it has).
    Assigned(Vec<TopicPartition>),
    /// Partitions it gave up; their offsets were committed before, where auto commit is on.
    Revoked(Vec<TopicPartition>),
    /// The group threw it out; all its partitions may be somebody else's already.
    Lost,
    /// Offsets the group coordinator has stored.
    Committed(Vec<(TopicPartition, Offset)>),
    /// A rebalance is over.
    Rejoined {
        /// The generation it is a member of.
        generation_id: i32,
        /// Its member id.
        member_id: Str,
        /// Whether it computed the assignment.
        leader: bool,
    },
    /// Something a program would get as an exception; the consumer goes on where it can.
    Error {
        /// Kafka's code.
        code: ErrorCode,
        /// What it is about.
        message: String,
    },
    /// The end: [`super::Consumer::close`] is done.
    Closed,
}

/// A consumer's state in its group, as it sees it itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemberState {
    /// Not in a group, or not yet.
    #[default]
    Unjoined,
    /// Commits before it gives its partitions up and joins.
    PreparingJoin,
    /// `JoinGroup` is on its way: all members gather.
    Joining,
    /// It leads and computes the assignment.
    Assigning,
    /// `SyncGroup` is on its way.
    Syncing,
    /// In the group, with an assignment.
    Stable,
    /// It left because nobody took its records for `max.poll.interval.ms`.
    PollExpired,
    /// The group does not take it; see the error event.
    Failed,
    /// Closing.
    Leaving,
    /// Closed.
    Closed,
}

/// One partition of a [`ConsumerView`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionView {
    /// Which.
    pub partition: TopicPartition,
    /// Offset of the next record the program gets; `None` while it is being found out.
    pub position: Option<Offset>,
    /// Last offset known to be committed.
    pub committed: Option<Offset>,
    /// As last heard from the leader.
    pub high_watermark: Option<Offset>,
    /// `high_watermark - position`
    pub lag: Option<i64>,
    /// Records fetched and not yet taken.
    pub buffered_records: usize,
}

/// A consumer's state for tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerView {
    /// State in the group.
    pub state: MemberState,
    /// Generation; -1 outside the group.
    pub generation_id: i32,
    /// Member id; empty before the coordinator gave one.
    pub member_id: Str,
    /// Whether it leads the group.
    pub leader: bool,
    /// The assignor the group chose.
    pub protocol_name: Option<Str>,
    /// The group's coordinator, where known.
    pub coordinator: Option<NodeId>,
    /// Topics subscribed to.
    pub subscription: Vec<Str>,
    /// The assignment.
    pub partitions: Vec<PartitionView>,
    /// Until when it waits for its quota; `None` where no broker said so.
    pub throttled_until: Option<Instant>,
}
