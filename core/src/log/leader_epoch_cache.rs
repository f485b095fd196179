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

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(entries: &[(LeaderEpoch, Offset)]) -> LeaderEpochCache {
        let mut cache = LeaderEpochCache::default();
        for &(epoch, start_offset) in entries {
            cache.assign(epoch, start_offset);
        }
        cache
    }

    fn pairs(cache: &LeaderEpochCache) -> Vec<(LeaderEpoch, Offset)> {
        cache.entries().iter().map(|entry| (entry.epoch, entry.start_offset)).collect()
    }

    #[test]
    fn an_epoch_ends_where_the_next_known_one_begins() {
        let log = cache(&[(2, 10), (4, 20), (7, 35)]);
        for (requested, answer) in [
            (-1, (-1, -1)),
            (0, (0, 10)),
            (1, (1, 10)),
            (2, (2, 20)),
            (3, (2, 20)),
            (4, (4, 35)),
            (6, (4, 35)),
            (7, (7, 50)),
            (8, (-1, -1)),
        ] {
            let end = log.end_offset_for(requested, 50);
            assert_eq!((end.leader_epoch, end.end_offset), answer, "{requested}");
        }
        assert!(cache(&[]).end_offset_for(0, 50).is_undefined());
    }

    #[test]
    fn entries_that_contradict_a_new_one_go() {
        for (assigned, expected) in [
            ((7, 40), &[(2, 10), (4, 20), (7, 35)][..]),
            ((7, 30), &[(2, 10), (4, 20), (7, 30)]),
            ((8, 20), &[(2, 10), (8, 20)]),
            ((3, 40), &[(2, 10), (3, 40)]),
            ((9, 5), &[(9, 5)]),
            ((-1, 60), &[(2, 10), (4, 20), (7, 35)]),
        ] {
            let mut log = cache(&[(2, 10), (4, 20), (7, 35)]);
            log.assign(assigned.0, assigned.1);
            assert_eq!(pairs(&log), expected, "{assigned:?}");
        }
    }

    #[test]
    fn truncation_at_either_end() {
        for (offset, from_end, from_start) in [
            (10, &[][..], &[(2, 10), (4, 20), (7, 35)][..]),
            (11, &[(2, 10)], &[(2, 11), (4, 20), (7, 35)]),
            (20, &[(2, 10)], &[(4, 20), (7, 35)]),
            (34, &[(2, 10), (4, 20)], &[(4, 34), (7, 35)]),
            (99, &[(2, 10), (4, 20), (7, 35)], &[(7, 99)]),
            (5, &[], &[(2, 10), (4, 20), (7, 35)]),
        ] {
            let mut log = cache(&[(2, 10), (4, 20), (7, 35)]);
            log.truncate_from_end(offset);
            assert_eq!(pairs(&log), from_end, "end {offset}");
            let mut log = cache(&[(2, 10), (4, 20), (7, 35)]);
            log.truncate_from_start(offset);
            assert_eq!(pairs(&log), from_start, "start {offset}");
        }
    }

    #[test]
    fn its_file_is_kafkas() {
        let log = cache(&[(2, 10), (4, 20)]);
        assert_eq!(log.encode(), "0\n2\n2 10\n4 20\n");
        assert_eq!(LeaderEpochCache::decode(log.encode().as_bytes()), Some(log));
        for bad in ["", "1\n0\n", "0\n2\n1 1\n", "0\n1\nx 1\n", "0\n1\n1\n"] {
            assert_eq!(LeaderEpochCache::decode(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
