//! What must always hold, each in its own file: observers that look at whatever moved after every step.
//!
//! They keep what they saw and look only at what is new, so that a step costs microseconds. What is committed is noted once,
//! in [`History`]; everything else is measured against it.

mod acknowledged;
mod committed_log;
mod committed_offset;
mod consumed;
mod group_owner;
mod high_watermark;
mod leader_completeness;
mod metadata;
mod one_leader;
mod quorum_leader;

use super::client::{ClientEvent, ClientProcess};
use super::cluster::Cluster;
use super::disk::Disk;
use super::history::{History, PartitionId};
use crate::ids::{NodeId, TopicPartition};
use crate::log::UnifiedLog;
use crate::log::storage::FileRange;
use crate::node::Parts;
use crate::replication::partition::Partition;
use crate::text::Str;
use alloc::collections::BTreeMap;
use alloc::string::String;
use bytes::Bytes;
use core::fmt;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What does not hold, as the file is named.
    pub invariant: &'static str,
    /// How it does not.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.invariant, self.what)
    }
}

/// A node right after it moved.
struct Moved<'a> {
    node: NodeId,
    incarnation: u32,
    parts: Parts<'a>,
    disks: &'a [Disk],
}

impl Moved<'_> {
    /// Bytes of a log's file that are not in its memory.
    fn stored(&self, log: &UnifiedLog, range: &FileRange) -> Option<Bytes> {
        self.disks.get(log.directory())?.read(range)
    }

    /// Every replica and its log.
    fn replicas(&self) -> impl Iterator<Item = (PartitionId, &Partition, &UnifiedLog)> {
        self.parts.replica_manager.hosted_logs().map(|(partition, log)| {
            let id = (partition.topic_id, partition.topic_partition.partition);
            (id, partition, log)
        })
    }
}

/// A consumer of a group after it told something.
struct Told<'a> {
    process: &'a ClientProcess,
    group: &'a Str,
    event: &'a crate::client::ConsumerEvent,
}

/// A partition as a group's member sees it.
type GroupPartition = (Str, TopicPartition);

/// All invariants.
#[derive(Clone, Debug, Default)]
pub struct Invariants {
    /// What is committed.
    pub history: History,
    committed_log: committed_log::CommittedLog,
    high_watermark: high_watermark::HighWatermark,
    one_leader: one_leader::OneLeader,
    leader_completeness: leader_completeness::LeaderCompleteness,
    quorum_leader: quorum_leader::QuorumLeader,
    metadata: metadata::Metadata,
    acknowledged: acknowledged::Acknowledged,
    consumed: consumed::Consumed,
    committed_offset: committed_offset::CommittedOffset,
    group_owner: group_owner::GroupOwner,
    /// Which group each consumer is in.
    groups: BTreeMap<u32, Str>,
}

impl Invariants {
    /// A producer whose records all replicas must have once they are acknowledged.
    pub fn expect_durable(&mut self, client: u32) {
        self.acknowledged.expect_durable(client);
    }

    /// A consumer of a group.
    pub fn expect_member(&mut self, client: u32, group: Str) {
        self.groups.insert(client, group);
    }

    /// A topic that lives through the whole run.
    pub fn expect_topic(&mut self, topic: Str) {
        self.metadata.expect_topic(topic);
    }

    /// Looks at a node that moved.
    pub fn node_moved(&mut self, cluster: &Cluster, id: NodeId) -> Result<(), Violation> {
        let Some(process) = cluster.nodes().get(&id) else { return Ok(()) };
        let Some(parts) = process.node().and_then(crate::node::Node::parts) else { return Ok(()) };
        let moved = Moved { node: id, incarnation: process.incarnation(), parts, disks: process.disks() };
        named("metadata", self.metadata.node_moved(&mut self.history, &moved))?;
        named("quorum_leader", self.quorum_leader.node_moved(&self.history, &moved))?;
        named("one_leader", self.one_leader.node_moved(&moved))?;
        named("leader_completeness", self.leader_completeness.node_moved(&self.history, &moved))?;
        named("high_watermark", self.high_watermark.node_moved(&moved))?;
        named("committed_log", self.committed_log.node_moved(&mut self.history, &moved))
    }

    /// Looks at what a client told.
    pub fn client_told(&mut self, process: &ClientProcess, event: &ClientEvent) -> Result<(), Violation> {
        match event {
            ClientEvent::Producer(event) => {
                named("acknowledged", self.acknowledged.told(&self.history, process.number, event))
            }
            ClientEvent::Consumer(event) => {
                let Some(group) = self.groups.get(&process.number) else { return Ok(()) };
                let told = Told { process, group, event };
                named("consumed", self.consumed.told(&self.history, &told))?;
                named("committed_offset", self.committed_offset.told(&self.history, &told))?;
                named("group_owner", self.group_owner.told(&told))
            }
            ClientEvent::Admin(..) => Ok(()),
        }
    }

    /// Whether every group has read everything that is committed.
    pub fn is_all_consumed(&self) -> bool {
        self.consumed.is_complete(&self.history, &self.groups.values())
    }

    /// How many records acknowledged to durable producers were checked.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.count()
    }

    /// How many records consumers got.
    pub fn consumed(&self) -> u64 {
        self.consumed.count()
    }
}

fn named(invariant: &'static str, result: Result<(), String>) -> Result<(), Violation> {
    result.map_err(|what| Violation { invariant, what })
}
