//! Below the high watermark all replicas of a partition are equal, the metadata log's too: batch by batch, byte by byte. Of a
//! compacted topic each has been cleaned by itself: what is there is what was committed there.

use super::Moved;
use crate::ids::{CONSUMER_OFFSETS_TOPIC, NodeId, Offset, Uuid};
use crate::log::UnifiedLog;
use crate::sim::history::{History, PartitionId};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

/// How far each replica was compared, in which life of its node.
#[derive(Clone, Debug, Default)]
pub(super) struct CommittedLog {
    compared: BTreeMap<(NodeId, PartitionId), (u32, Offset)>,
    /// Where the metadata log of each node ended, in which life of it.
    metadata_ends: BTreeMap<NodeId, (u32, Offset)>,
    /// Times such a log went on after that end.
    snapshots: u64,
}

impl CommittedLog {
    /// Times a node that ran got a snapshot of the metadata, for the log it wanted was gone.
    pub(super) fn snapshots(&self) -> u64 {
        self.snapshots
    }

    pub(super) fn node_moved(&mut self, history: &mut History, moved: &Moved<'_>) -> Result<(), String> {
        for (id, _, log) in moved.replicas() {
            self.compare(history, moved, id, log)?;
        }
        let metadata = moved.parts.raft.log();
        let now = (moved.incarnation, metadata.log_end_offset());
        let before = self.metadata_ends.insert(moved.node, now);
        let had_end = before.filter(|before| before.0 == moved.incarnation).map(|before| before.1);
        self.snapshots += u64::from(had_end.is_some_and(|end| end < metadata.log_start_offset()));
        self.compare(history, moved, (Uuid::METADATA_TOPIC, 0), metadata.unified_log())
    }

    fn compare(
        &mut self,
        history: &mut History,
        moved: &Moved<'_>,
        id: PartitionId,
        log: &UnifiedLog,
    ) -> Result<(), String> {
        history.starts_at(id, log.log_start_offset());
        let high_watermark = log.high_watermark();
        if history.is_unclean(id) {
            return Ok(());
        }
        // A node that starts is compared as a whole: its disk may have kept something else.
        let known = self.compared.entry((moved.node, id)).or_default();
        if known.0 != moved.incarnation {
            *known = (moved.incarnation, 0);
        }
        if known.1 >= high_watermark {
            return Ok(());
        }
        let from = known.1.max(log.log_start_offset());
        known.1 = high_watermark;
        let batches = log.batches(from, high_watermark, |range| moved.stored(log, range));
        // Records may be deleted up to the middle of a batch, which is then there as a whole.
        let first = batches.first().map_or(from, |batch| batch.header().base_offset);
        history.begin_at(id, first.min(log.log_start_offset()));
        for batch in batches {
            let has_sequences = log.topic_partition().topic != CONSUMER_OFFSETS_TOPIC;
            history.commit(id, &batch, has_sequences, log.config().compact).map_err(|what| {
                let offsets = (log.log_start_offset(), high_watermark, log.log_end_offset());
                format!(
                    "node {}, {} (start, high watermark, end: {offsets:?}): {what}",
                    moved.node,
                    log.topic_partition()
                )
            })?;
        }
        Ok(())
    }
}
