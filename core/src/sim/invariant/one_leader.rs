//! In one leader epoch a partition has one leader.

use super::Moved;
use crate::ids::NodeId;
use crate::sim::history::PartitionId;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

/// Who led in each epoch.
#[derive(Clone, Debug, Default)]
pub(super) struct OneLeader {
    leaders: BTreeMap<(PartitionId, i32), NodeId>,
}

impl OneLeader {
    pub(super) fn node_moved(&mut self, moved: &Moved<'_>) -> Result<(), String> {
        for (id, partition, _) in moved.replicas() {
            if !partition.is_leader() {
                continue;
            }
            let epoch = partition.assignment.leader_epoch;
            let leader = *self.leaders.entry((id, epoch)).or_insert(moved.node);
            if leader != moved.node {
                let of = &partition.topic_partition;
                return Err(format!("{of} is led by {leader} and by {} in epoch {epoch}", moved.node));
            }
        }
        Ok(())
    }
}
