//! A transaction is all or nothing: its records share one fate in all partitions, and that is what its program was told. No
//! replica shows what comes after the begin of one without an end as stable. What a pipe reads it writes once.

use super::Moved;
use crate::ids::{NodeId, Offset};
use crate::sim::history::{History, PartitionId, RecordId};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;

/// A transaction of a program: its producer's number on the network, and the how manieth.
pub type TransactionId = (u32, u64);

/// What is known of transactions.
#[derive(Clone, Debug, Default)]
pub(super) struct Transactions {
    /// Of which each record is part.
    of_record: BTreeMap<RecordId, TransactionId>,
    /// Whether it was committed, by what is in the logs, and by what the program was told.
    fates: BTreeMap<TransactionId, bool>,
    told: BTreeMap<TransactionId, bool>,
    /// Records the program was told are written, of which nobody has seen the end yet.
    undecided: BTreeSet<RecordId>,
    /// Where a pipe read what it wrote.
    sources: BTreeMap<RecordId, (PartitionId, Offset)>,
    piped: BTreeSet<(PartitionId, Offset)>,
    committed: u64,
    /// Where each replica's log ended, in which life of its node, and whether it was cut in that life.
    ends: BTreeMap<(NodeId, PartitionId), (u32, Offset, bool)>,
}

impl Transactions {
    /// A record is written in a transaction; a pipe's with where it was read.
    pub(super) fn writes(&mut self, record: RecordId, of: TransactionId, source: Option<(PartitionId, Offset)>) {
        self.of_record.insert(record, of);
        if let Some(source) = source {
            self.sources.insert(record, source);
        }
    }

    /// A record of a transaction is acknowledged.
    pub(super) fn is_written(&mut self, record: RecordId) {
        let is_decided = self.of_record.get(&record).is_some_and(|of| self.fates.contains_key(of));
        if self.of_record.contains_key(&record) && !is_decided {
            self.undecided.insert(record);
        }
    }

    /// A program is told how its transaction ended.
    pub(super) fn told(&mut self, id: TransactionId, is_commit: bool) -> Result<(), String> {
        self.told.insert(id, is_commit);
        self.check(id)
    }

    pub(super) fn committed(&self) -> u64 {
        self.committed
    }

    /// How many pairs of records read and written by pipes there are.
    pub(super) fn piped(&self) -> u64 {
        self.piped.len() as u64
    }

    /// The first record of a partition that a pipe had to take and did not.
    pub(super) fn first_unpiped(&self, history: &History, id: PartitionId) -> Option<Offset> {
        let committed = history.committed(id)?;
        let mut from = 0;
        while let Some(offset) = committed.first_visible(from, committed.end(), true) {
            if !self.piped.contains(&(id, offset)) {
                return Some(offset);
            }
            from = offset + 1;
        }
        None
    }

    fn check(&self, id: TransactionId) -> Result<(), String> {
        match (self.fates.get(&id), self.told.get(&id)) {
            (Some(fate), Some(told)) if fate != told => {
                Err(format!("transaction {id:?} is committed: {fate}; its program was told {told}"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn node_moved(&mut self, history: &mut History, moved: &Moved<'_>) -> Result<(), String> {
        for (partition, record, is_commit) in history.take_decided() {
            self.undecided.remove(&record);
            let Some(&id) = self.of_record.get(&record) else { continue };
            let fate = *self.fates.entry(id).or_insert(is_commit);
            if fate != is_commit {
                return Err(format!(
                    "transaction {id:?} is committed: {fate}; {record:?} in {partition:?}: {is_commit}"
                ));
            }
            self.check(id)?;
            self.committed += u64::from(is_commit);
            if let Some(source) = self.sources.get(&record).filter(|_| is_commit)
                && !self.piped.insert(*source)
            {
                return Err(format!("{source:?} is piped twice, the second time as {record:?}"));
            }
        }
        for (id, _, log) in moved.replicas() {
            let Some(committed) = history.committed(id).filter(|_| !history.is_unclean(id)) else { continue };
            let (high_watermark, stable) = (log.high_watermark(), log.last_stable_offset());
            let now = (moved.incarnation, log.log_end_offset());
            let before = self.ends.get(&(moved.node, id)).filter(|before| before.0 == now.0);
            let was_cut = before.is_some_and(|before| before.2 || before.1 > now.1);
            self.ends.insert((moved.node, id), (now.0, now.1, was_cut));
            // A log that was opened again, or cut, has forgotten which markers were not replicated before, as in Kafka: also
            // those above its high watermark that nobody will ever commit.
            let has_forgotten = moved.incarnation > 1 || was_cut;
            if has_forgotten && high_watermark < log.log_end_offset() {
                continue;
            }
            let first = committed.first_unstable(high_watermark).filter(|first| *first >= log.log_start_offset());
            // What its leader knew to be over and cleaned, a follower behind it never had.
            let is_gone = |first: Offset| {
                log.config().compact && log.batches(first, first + 1, |range| moved.stored(log, range)).is_empty()
            };
            if let Some(first) = first.filter(|first| *first < stable && !is_gone(*first)) {
                let of = log.topic_partition();
                return Err(format!("node {}, {of}: stable up to {stable}, but {first} is in doubt", moved.node));
            }
        }
        Ok(())
    }

    /// Records that were acknowledged, of which no end was seen.
    pub(super) fn undecided(&self) -> Option<&RecordId> {
        self.undecided.first()
    }
}
