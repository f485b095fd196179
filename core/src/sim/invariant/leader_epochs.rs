//! Leader epochs only rise along a log, and none is later than the replica's own: also where an unclean election lost records.

use super::Moved;
use crate::ids::{LeaderEpoch, NodeId};
use crate::sim::history::PartitionId;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

/// The epochs of each replica's log that were looked at: its length and the last one.
#[derive(Clone, Debug, Default)]
pub(super) struct LeaderEpochs {
    seen: BTreeMap<(NodeId, PartitionId), (usize, Option<LeaderEpoch>)>,
}

impl LeaderEpochs {
    pub(super) fn node_moved(&mut self, moved: &Moved<'_>) -> Result<(), String> {
        for (id, partition, log) in moved.replicas() {
            let entries = log.leader_epoch_cache().entries();
            let now = (entries.len(), entries.last().map(|entry| entry.epoch));
            if self.seen.insert((moved.node, id), now) == Some(now) {
                continue;
            }
            let of = || format!("node {}, {}", moved.node, log.topic_partition());
            let is_later = |pair: &[crate::log::leader_epoch_cache::EpochEntry]| {
                pair[0].epoch < pair[1].epoch && pair[0].start_offset < pair[1].start_offset
            };
            if !entries.windows(2).all(is_later) {
                return Err(format!("{}: epochs are not in order: {entries:?}", of()));
            }
            let own = partition.assignment.leader_epoch;
            if now.1.is_some_and(|last| last > own) {
                return Err(format!("{}: records of epoch {:?}, the replica is in {own}", of(), now.1));
            }
        }
        Ok(())
    }
}
