//! [`LeaderEpochCache`]: where each leader epoch of a log begins (KIP-101, KIP-279), and its file.

use crate::ids::{LeaderEpoch, NO_EPOCH, Offset};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

/// Name of its file in the partition's directory.
pub const LEADER_EPOCH_CHECKPOINT: &str = "leader-epoch-checkpoint";
/// No offset (`UNDEFINED_EPOCH_OFFSET`).
pub const UNDEFINED_OFFSET: Offset = -1;

/// A leader epoch and the first offset it wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEntry {
    /// The epoch.
    pub epoch: LeaderEpoch,
    /// Its first offset.
    pub start_offset: Offset,
}

/// Answer to "where does this epoch end": epoch and exclusive end, (-1, -1) where it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEndOffset {
    /// The largest known epoch at or below the one asked for; the one asked for where none is.
    pub leader_epoch: LeaderEpoch,
    /// Offset after its last record.
    pub end_offset: Offset,
}

impl EpochEndOffset {
    /// The log cannot tell.
    pub const UNDEFINED: Self = Self { leader_epoch: NO_EPOCH, end_offset: UNDEFINED_OFFSET };

    /// True where the log cannot tell.
    pub fn is_undefined(&self) -> bool {
        *self == Self::UNDEFINED
    }
}

/// The epochs of one log, ascending in epoch and start offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaderEpochCache {
    entries: Vec<EpochEntry>,
}

impl LeaderEpochCache {
    /// Notes that `epoch` begins at `start_offset`. Entries that contradict it (a later epoch, or a later start) go. Answers
    /// whether anything changed.
    pub fn assign(&mut self, epoch: LeaderEpoch, start_offset: Offset) -> bool {
        if epoch < 0 || start_offset < 0 {
            return false;
        }
        if let Some(last) = self.entries.last() {
            if last.epoch == epoch && last.start_offset <= start_offset {
                return false;
            }
            self.entries.retain(|entry| entry.epoch < epoch && entry.start_offset < start_offset);
        }
        self.entries.push(EpochEntry { epoch, start_offset });
        true
    }

    /// The latest epoch.
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|entry| entry.epoch)
    }

    /// All entries, ascending.
    pub fn entries(&self) -> &[EpochEntry] {
        &self.entries
    }

    /// The epoch that wrote `offset`.
    pub fn epoch_for_offset(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.entries.partition_point(|entry| entry.start_offset <= offset);
        after.checked_sub(1).and_then(|index| self.entries.get(index)).map(|entry| entry.epoch)
    }

    /// Where `requested` ends in a log with this `log_end_offset`.
    pub fn end_offset_for(&self, requested: LeaderEpoch, log_end_offset: Offset) -> EpochEndOffset {
        let Some(latest) = self.latest_epoch() else { return EpochEndOffset::UNDEFINED };
        if requested < 0 || requested > latest {
            return EpochEndOffset::UNDEFINED;
        }
        if requested == latest {
            return EpochEndOffset { leader_epoch: requested, end_offset: log_end_offset };
        }
        let higher = self.entries.partition_point(|entry| entry.epoch <= requested);
        let Some(next) = self.entries.get(higher) else { return EpochEndOffset::UNDEFINED };
        let floor = higher.checked_sub(1).and_then(|index| self.entries.get(index));
        EpochEndOffset { leader_epoch: floor.map_or(requested, |entry| entry.epoch), end_offset: next.start_offset }
    }

    /// Removes the epochs that begin at or after `end_offset`; answers whether any did.
    pub fn truncate_from_end(&mut self, end_offset: Offset) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.start_offset < end_offset);
        self.entries.len() != before
    }

    /// Removes the epochs that end at or before `start_offset`; the one it lies in begins there now. Answers whether
    /// anything changed.
    pub fn truncate_from_start(&mut self, start_offset: Offset) -> bool {
        let after = self.entries.partition_point(|entry| entry.start_offset <= start_offset);
        let Some(index) = after.checked_sub(1) else { return false };
        let changed = index > 0 || self.entries[index].start_offset < start_offset;
        self.entries.drain(..index);
        if let Some(first) = self.entries.first_mut() {
            first.start_offset = start_offset;
        }
        changed
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// The text of its file.
    pub fn encode(&self) -> String {
        let mut text = alloc::format!("0\n{}\n", self.entries.len());
        for entry in &self.entries {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{} {}", entry.epoch, entry.start_offset);
        }
        text
    }

    /// Reads its file; `None` where it is malformed.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut lines = core::str::from_utf8(bytes).ok()?.lines();
        if lines.next()?.trim() != "0" {
            return None;
        }
        let count: usize = lines.next()?.trim().parse().ok()?;
        let mut cache = Self::default();
        for _ in 0..count {
            let mut fields = lines.next()?.split_ascii_whitespace();
            let entry = EpochEntry { epoch: fields.next()?.parse().ok()?, start_offset: fields.next()?.parse().ok()? };
            cache.assign(entry.epoch, entry.start_offset);
        }
        Some(cache)
    }
}
