//! During one life of a node the start of a replica's log only rises: what was deleted stays deleted.

use super::Moved;
use crate::ids::{NodeId, Offset};
use crate::sim::history::{History, PartitionId};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

/// The highest seen.
#[derive(Clone, Debug, Default)]
pub(super) struct LogStart {
    seen: BTreeMap<(NodeId, PartitionId), (u32, Offset)>,
}

impl LogStart {
    pub(super) fn node_moved(&mut self, history: &History, moved: &Moved<'_>) -> Result<(), String> {
        for (id, _, log) in moved.replicas() {
            let start = log.log_start_offset();
            let seen = self.seen.entry((moved.node, id)).or_insert((moved.incarnation, start));
            // Where a follower has less than an unclean leader deleted, it begins anew.
            if seen.0 == moved.incarnation && seen.1 > start && !history.is_unclean(id) {
                let of = log.topic_partition();
                return Err(format!("node {}, {of}: its start went back from {} to {start}", moved.node, seen.1));
            }
            *seen = (moved.incarnation, start);
        }
        Ok(())
    }
}
