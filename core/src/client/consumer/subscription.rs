//! The partitions a consumer has now, and how far it is in each.

use super::config::AutoOffsetReset;
use crate::ids::{LeaderEpoch, NO_EPOCH, Offset, TopicPartition};
use crate::sorted::SortedMap;
use crate::time::Instant;
use alloc::vec::Vec;

/// Where a partition's next record is, or how that is being found out.
///
/// The number of the asking request tells its answer from that of an earlier one, sent before the partition was revoked
/// and given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// The group's committed offset has to be asked for.
    NeedsCommitted,
    /// It has been asked for.
    AwaitsCommitted { request: u64 },
    /// An end of the log has to be asked for.
    NeedsReset(AutoOffsetReset),
    /// It has been asked for.
    AwaitsReset { to: AutoOffsetReset, request: u64 },
    /// The next record's offset, and the leader epoch of the last one seen.
    At { offset: Offset, leader_epoch: LeaderEpoch },
    /// No offset and `auto.offset.reset` is none: only a seek helps.
    Lost,
}

/// One partition of the assignment.
#[derive(Clone, Copy, Debug)]
pub(super) struct PartitionState {
    pub(super) position: Position,
    pub(super) committed: Option<Offset>,
    pub(super) high_watermark: Option<Offset>,
    /// No request about it before this time.
    pub(super) not_before: Instant,
}

impl PartitionState {
    pub(super) const fn new(position: Position) -> Self {
        Self { position, committed: None, high_watermark: None, not_before: Instant::ZERO }
    }

    /// The position, where it is known.
    pub(super) const fn offset(&self) -> Option<Offset> {
        match self.position {
            Position::At { offset, .. } => Some(offset),
            _ => None,
        }
    }
}

/// The assignment.
#[derive(Clone, Debug, Default)]
pub(super) struct Assignment {
    pub(super) partitions: SortedMap<TopicPartition, PartitionState>,
}

impl Assignment {
    /// All partitions, sorted.
    pub(super) fn list(&self) -> Vec<TopicPartition> {
        self.partitions.keys().cloned().collect()
    }

    /// Moves a partition's position to `offset`.
    pub(super) fn move_to(&mut self, partition: &TopicPartition, offset: Offset, leader_epoch: LeaderEpoch) {
        if let Some(state) = self.partitions.get_mut(partition) {
            state.position = Position::At { offset, leader_epoch };
        }
    }

    /// Where no offset is known any more: what the policy says. False where it says that this is an error.
    pub(super) fn reset(&mut self, partition: &TopicPartition, policy: AutoOffsetReset) -> bool {
        let Some(state) = self.partitions.get_mut(partition) else { return true };
        let recoverable = policy != AutoOffsetReset::None;
        state.position = if recoverable { Position::NeedsReset(policy) } else { Position::Lost };
        recoverable
    }

    /// Leaves a partition alone until `until`.
    pub(super) fn back_off(&mut self, partition: &TopicPartition, until: Instant) {
        if let Some(state) = self.partitions.get_mut(partition) {
            state.not_before = until;
        }
    }

    /// Known positions, of these partitions or of all.
    pub(super) fn positions(&self, only: Option<&[TopicPartition]>) -> Vec<(TopicPartition, Offset, LeaderEpoch)> {
        let wanted = |partition: &TopicPartition| only.is_none_or(|only| only.contains(partition));
        let known = self.partitions.iter().filter(|(partition, _)| wanted(partition));
        known
            .filter_map(|(partition, state)| match state.position {
                Position::At { offset, leader_epoch } => Some((partition.clone(), offset, leader_epoch)),
                _ => None,
            })
            .collect()
    }

    /// Partitions that may be asked about now and whose position `wanted` accepts.
    pub(super) fn ready(&self, now: Instant, wanted: fn(&Position) -> bool) -> Vec<TopicPartition> {
        let ready = self.partitions.iter().filter(|(_, state)| state.not_before <= now && wanted(&state.position));
        ready.map(|(partition, _)| partition.clone()).collect()
    }
}

/// A position for a seek: nothing is known of the record before it.
pub(super) const fn sought(offset: Offset) -> Position {
    Position::At { offset, leader_epoch: NO_EPOCH }
}
