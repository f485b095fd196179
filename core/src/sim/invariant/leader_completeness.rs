//! Whoever becomes the leader of a partition, or of the quorum, has everything that is committed.

use super::Moved;
use crate::ids::{NodeId, Uuid};
use crate::sim::history::{History, PartitionId};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

/// The newest leader of each partition.
#[derive(Clone, Debug, Default)]
pub(super) struct LeaderCompleteness {
    newest: BTreeMap<PartitionId, (i32, NodeId)>,
}

impl LeaderCompleteness {
    pub(super) fn node_moved(&mut self, history: &History, moved: &Moved<'_>) -> Result<(), String> {
        for (id, partition, log) in moved.replicas() {
            if partition.is_leader() {
                let epoch = partition.assignment.leader_epoch;
                self.check(history, moved.node, id, epoch, log.log_end_offset())?;
            }
        }
        if moved.parts.raft.quorum().leader().is_some() {
            let log = moved.parts.raft.log();
            let epoch = moved.parts.raft.quorum().epoch();
            self.check(history, moved.node, (Uuid::METADATA_TOPIC, 0), epoch, log.log_end_offset())?;
        }
        Ok(())
    }

    /// Older leaders that have not heard of the newest may lack what it committed.
    fn check(
        &mut self,
        history: &History,
        node: NodeId,
        id: PartitionId,
        epoch: i32,
        log_end_offset: i64,
    ) -> Result<(), String> {
        let newest = self.newest.entry(id).or_insert((epoch, node));
        if epoch > newest.0 {
            *newest = (epoch, node);
        }
        let committed = if history.is_unclean(id) { 0 } else { history.end(id) };
        if newest.1 == node && newest.0 == epoch && log_end_offset < committed {
            return Err(format!(
                "node {node} leads {id:?} in epoch {epoch} up to {log_end_offset}, but {committed} is committed"
            ));
        }
        Ok(())
    }
}
