//! In one quorum epoch there is one leader, and no node's epoch goes back, not even over a restart.

use super::Moved;
use crate::ids::{NodeId, Uuid};
use crate::sim::history::History;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

/// Who led in each epoch, and where each node is.
#[derive(Clone, Debug, Default)]
pub(super) struct QuorumLeader {
    leaders: BTreeMap<i32, NodeId>,
    epochs: BTreeMap<NodeId, (u32, i32)>,
}

impl QuorumLeader {
    pub(super) fn node_moved(&mut self, history: &History, moved: &Moved<'_>) -> Result<(), String> {
        let quorum = moved.parts.raft.quorum();
        let (node, epoch) = (moved.node, quorum.epoch());
        if quorum.leader().is_some() {
            let leader = *self.leaders.entry(epoch).or_insert(node);
            if leader != node {
                return Err(format!("{leader} and {node} lead in epoch {epoch}"));
            }
        }
        let seen = self.epochs.entry(node).or_insert((moved.incarnation, epoch));
        // What was not stored when the power went was not told to anybody.
        if seen.0 == moved.incarnation && seen.1 > epoch {
            return Err(format!("node {node} went back from epoch {} to {epoch}", seen.1));
        }
        *seen = (moved.incarnation, epoch);
        let (seen, committed) = (moved.parts.image.provenance.offset, history.end((Uuid::METADATA_TOPIC, 0)));
        if seen >= committed.max(moved.parts.raft.high_watermark()) {
            return Err(format!("node {node} lives by metadata up to {seen}, only {committed} are committed"));
        }
        Ok(())
    }
}
