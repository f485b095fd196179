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
mod leader_epochs;
mod log_start;
mod metadata;
mod one_leader;
mod quorum_leader;
mod transactions;

use super::client::{ClientEvent, ClientProcess};
use super::cluster::Cluster;
use super::disk::Disk;
use super::history::{History, PartitionId, RecordId};
use crate::client::ProducerEvent;
use crate::ids::{NodeId, Offset, TopicPartition};
use crate::log::UnifiedLog;
use crate::log::storage::FileRange;
use crate::node::Parts;
use crate::replication::partition::Partition;
use crate::text::Str;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;

pub use transactions::TransactionId;

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
    /// Its `group.instance.id`.
    instance: Option<&'a Str>,
    read_committed: bool,
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
    log_start: log_start::LogStart,
    leader_epochs: leader_epochs::LeaderEpochs,
    transactions: transactions::Transactions,
    /// Which group each consumer is in.
    groups: BTreeMap<u32, Member>,
}

/// A consumer of a group.
#[derive(Clone, Debug)]
pub struct Member {
    /// The group.
    pub group: Str,
    /// `group.instance.id`.
    pub instance: Option<Str>,
    /// `isolation.level` is `read_committed`.
    pub read_committed: bool,
}

impl Invariants {
    /// A producer whose records all replicas must have once they are acknowledged.
    pub fn expect_durable(&mut self, client: u32) {
        self.acknowledged.expect_durable(client);
    }

    /// A consumer of a group.
    pub fn expect_member(&mut self, client: u32, member: Member) {
        self.groups.insert(client, member);
    }

    /// A topic that lives through the whole run.
    pub fn expect_topic(&mut self, topic: Str) {
        self.metadata.expect_topic(topic);
    }

    /// A log directory of a broker was emptied.
    pub fn was_emptied(&mut self, broker: NodeId) {
        self.metadata.was_emptied(broker);
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
        named("high_watermark", self.high_watermark.node_moved(&self.history, &moved))?;
        named("log_start", self.log_start.node_moved(&self.history, &moved))?;
        named("leader_epochs", self.leader_epochs.node_moved(&moved))?;
        named("committed_log", self.committed_log.node_moved(&mut self.history, &moved))?;
        named("transactions", self.transactions.node_moved(&mut self.history, &moved))
    }

    /// Looks at what a client told.
    pub fn client_told(&mut self, process: &ClientProcess, event: &ClientEvent) -> Result<(), Violation> {
        match event {
            ClientEvent::Producer(event) => {
                if let ProducerEvent::Delivered { ids, .. } = event {
                    for number in ids {
                        self.transactions.is_written(RecordId { client: process.number, number: *number });
                    }
                }
                named("acknowledged", self.acknowledged.told(&self.history, process.number, event))
            }
            ClientEvent::Consumer(event) => {
                let Some(Member { group, instance, read_committed }) = self.groups.get(&process.number) else {
                    return Ok(());
                };
                let read_committed = *read_committed;
                let told = Told { process, group, instance: instance.as_ref(), read_committed, event };
                named("consumed", self.consumed.told(&self.history, &told))?;
                // What a coordinator forgot it does not hold to: groups begin again, in their first generation.
                if self.history.has_lost_groups() {
                    return Ok(());
                }
                named("committed_offset", self.committed_offset.told(&self.history, &told))?;
                named("group_owner", self.group_owner.told(&told))
            }
            ClientEvent::Admin(..) | ClientEvent::Transaction(_) => Ok(()),
        }
    }

    /// Whether every group has read everything that is committed.
    pub fn is_all_consumed(&self) -> bool {
        let mut groups: Vec<_> = self.groups.values().map(|member| (&member.group, member.read_committed)).collect();
        groups.sort_unstable();
        groups.dedup();
        groups.into_iter().all(|(group, committed)| self.consumed.is_complete(&self.history, group, committed))
    }

    /// What every consumer is told.
    pub fn members(&self) -> &BTreeMap<u32, Member> {
        &self.groups
    }

    /// A record is written in a transaction; a pipe's with where it was read.
    pub fn writes_in_transaction(
        &mut self,
        record: RecordId,
        of: TransactionId,
        source: Option<(PartitionId, Offset)>,
    ) {
        self.transactions.writes(record, of, source);
    }

    /// A program is told how its transaction ended.
    pub fn transaction_ended(&mut self, id: TransactionId, is_commit: bool) -> Result<(), Violation> {
        named("transactions", self.transactions.told(id, is_commit))
    }

    /// Records of lasting topics that no pipe has taken yet, transactions without an end.
    pub fn unfinished_transactions(&self, piped_topics: &[&str]) -> Vec<String> {
        let mut complaints = Vec::new();
        for (id, open) in self.history.open_transactions() {
            complaints.push(format!("{open} transactions are open in {id:?}"));
        }
        if let Some(record) = self.transactions.undecided() {
            complaints.push(format!("{record:?} was written in a transaction without an end"));
        }
        for (topic, partition, _) in self.history.lasting().filter(|(topic, ..)| piped_topics.contains(&&***topic)) {
            let id = self.history.partition_id(topic, partition);
            if let Some(offset) = id.and_then(|id| self.transactions.first_unpiped(&self.history, id)) {
                complaints.push(format!("no pipe has taken {offset} of {topic}-{partition}"));
            }
        }
        complaints
    }

    /// The highest generation of any group.
    pub fn highest_generation(&self) -> i32 {
        self.group_owner.highest_generation()
    }

    /// Times a consumer found that what it would read next was deleted.
    pub fn skipped(&self) -> u64 {
        self.consumed.skipped()
    }

    /// Records committed in transactions, and records that pipes took.
    pub fn in_transactions(&self) -> (u64, u64) {
        (self.transactions.committed(), self.transactions.piped())
    }

    /// How many records acknowledged to durable producers were checked.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.count()
    }

    /// Times a node that ran got a snapshot of the metadata, for the log it wanted was gone.
    pub fn snapshots(&self) -> u64 {
        self.committed_log.snapshots()
    }

    /// How many records consumers got.
    pub fn consumed(&self) -> u64 {
        self.consumed.count()
    }
}

fn named(invariant: &'static str, result: Result<(), String>) -> Result<(), Violation> {
    result.map_err(|what| Violation { invariant, what })
}
