//! During one life of a node the high watermark of a replica only rises, and the offsets of its log are in order.

use super::Moved;
use crate::ids::{NodeId, Offset, Uuid};
use crate::log::UnifiedLog;
use crate::sim::history::{History, PartitionId};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

/// The highest seen.
#[derive(Clone, Debug, Default)]
pub(super) struct HighWatermark {
    seen: BTreeMap<(NodeId, PartitionId), (u32, Offset)>,
}

impl HighWatermark {
    pub(super) fn node_moved(&mut self, history: &History, moved: &Moved<'_>) -> Result<(), String> {
        for (id, _, log) in moved.replicas().filter(|(id, ..)| !history.is_unclean(*id)) {
            self.check(moved, id, log)?;
        }
        self.check(moved, (Uuid::METADATA_TOPIC, 0), moved.parts.raft.log().unified_log())
    }

    fn check(&mut self, moved: &Moved<'_>, id: PartitionId, log: &UnifiedLog) -> Result<(), String> {
        let (start, end) = (log.log_start_offset(), log.log_end_offset());
        let (high_watermark, recovery_point) = (log.high_watermark(), log.recovery_point());
        let of = || format!("node {}, {}", moved.node, log.topic_partition());
        if !(start <= high_watermark && high_watermark <= end && recovery_point <= end) {
            let offsets = format!("start {start}, high watermark {high_watermark}, stored {recovery_point}, end {end}");
            return Err(format!("{}: {offsets}", of()));
        }
        let seen = self.seen.entry((moved.node, id)).or_insert((moved.incarnation, high_watermark));
        if seen.0 == moved.incarnation && seen.1 > high_watermark {
            return Err(format!("{}: went back from {} to {high_watermark}", of(), seen.1));
        }
        *seen = (moved.incarnation, high_watermark);
        Ok(())
    }
}
