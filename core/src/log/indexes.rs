//! The sparse indexes of a segment, in Kafka's byte formats.

use crate::ids::Offset;
use alloc::vec::Vec;
use bytes::Bytes;

/// Bytes of an entry of a `.index` file: relative offset and position, both int32.
pub const OFFSET_ENTRY_BYTES: usize = 8;
/// Bytes of an entry of a `.timeindex` file: timestamp int64, relative offset int32.
pub const TIME_ENTRY_BYTES: usize = 12;

/// What the names of a segment's indexes end with.
pub const INDEX_SUFFIXES: [&str; 2] = [".index", ".timeindex"];

/// Where batches of a segment begin in its file: about one entry each `index.interval.bytes`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OffsetIndex {
    /// Last offset of a batch, from the segment's base, and the batch's position.
    entries: Vec<(u32, u32)>,
}

impl OffsetIndex {
    /// Adds the batch at `position` that ends with `relative_offset`.
    pub fn append(&mut self, relative_offset: u32, position: u32) {
        self.entries.push((relative_offset, position));
    }

    /// A position at or before the batch that holds `relative_offset`, the nearest known; 0 where none is.
    pub fn lookup(&self, relative_offset: u32) -> u32 {
        let after = self.entries.partition_point(|&(offset, _)| offset <= relative_offset);
        after.checked_sub(1).and_then(|index| self.entries.get(index)).map_or(0, |&(_, position)| position)
    }

    /// The largest position at or below `position` that an entry names; 0 where none does.
    pub fn position_before(&self, position: u64) -> u64 {
        let after = self.entries.partition_point(|&(_, entry)| u64::from(entry) <= position);
        after.checked_sub(1).and_then(|index| self.entries.get(index)).map_or(0, |&(_, entry)| u64::from(entry))
    }

    /// The relative offset of the first entry at or behind file position `position`; `None` where there is none.
    pub fn offset_from(&self, position: u64) -> Option<u32> {
        let before = self.entries.partition_point(|&(_, entry)| u64::from(entry) < position);
        self.entries.get(before).map(|&(offset, _)| offset)
    }

    /// Removes the entries at or after file position `size`.
    pub fn truncate(&mut self, size: u64) {
        self.entries.retain(|&(_, position)| u64::from(position) < size);
    }

    /// Bytes of its file.
    pub const fn size(&self) -> u64 {
        (self.entries.len() * OFFSET_ENTRY_BYTES) as u64
    }

    /// The entries: relative offset and position.
    pub fn entries(&self) -> &[(u32, u32)] {
        &self.entries
    }

    /// The bytes of its file.
    pub fn encode(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(self.entries.len() * OFFSET_ENTRY_BYTES);
        for (offset, position) in &self.entries {
            bytes.extend_from_slice(&offset.to_be_bytes());
            bytes.extend_from_slice(&position.to_be_bytes());
        }
        Bytes::from(bytes)
    }

    /// Reads a file; `None` where it cannot be the index of a segment of `log_size` bytes.
    pub fn decode(bytes: &[u8], log_size: u64) -> Option<Self> {
        let (chunks, rest) = bytes.as_chunks::<OFFSET_ENTRY_BYTES>();
        let mut entries: Vec<(u32, u32)> = Vec::with_capacity(chunks.len());
        for &[a, b, c, d, e, f, g, h] in chunks {
            let entry = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
            if u64::from(entry.1) >= log_size
                || entries.last().is_some_and(|last| last.0 >= entry.0 || last.1 >= entry.1)
            {
                return None;
            }
            entries.push(entry);
        }
        rest.is_empty().then_some(Self { entries })
    }
}

/// The largest timestamp so far at some points of a segment, and the offset that has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeIndex {
    entries: Vec<(i64, u32)>,
}

impl TimeIndex {
    /// Adds an entry, where its timestamp is above the last one's.
    pub fn maybe_append(&mut self, timestamp: i64, relative_offset: u32) {
        if self.entries.last().is_none_or(|&(last, offset)| last < timestamp && offset <= relative_offset) {
            self.entries.push((timestamp, relative_offset));
        }
    }

    /// The largest entry with a timestamp at or below `timestamp`: the relative offset from where to search.
    pub fn lookup(&self, timestamp: i64) -> u32 {
        let after = self.entries.partition_point(|&(entry, _)| entry <= timestamp);
        after.checked_sub(1).and_then(|index| self.entries.get(index)).map_or(0, |&(_, offset)| offset)
    }

    /// The last entry: the largest timestamp and its offset.
    pub fn last(&self) -> Option<(i64, u32)> {
        self.entries.last().copied()
    }

    /// The first entry's timestamp.
    pub fn first(&self) -> Option<i64> {
        self.entries.first().map(|&(timestamp, _)| timestamp)
    }

    /// Removes the entries of relative offsets at or after `relative_offset`.
    pub fn truncate(&mut self, relative_offset: u32) {
        self.entries.retain(|&(_, offset)| offset < relative_offset);
    }

    /// Bytes of its file.
    pub const fn size(&self) -> u64 {
        (self.entries.len() * TIME_ENTRY_BYTES) as u64
    }

    /// The bytes of its file.
    pub fn encode(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(self.entries.len() * TIME_ENTRY_BYTES);
        for (timestamp, offset) in &self.entries {
            bytes.extend_from_slice(&timestamp.to_be_bytes());
            bytes.extend_from_slice(&offset.to_be_bytes());
        }
        Bytes::from(bytes)
    }

    /// Reads a file; `None` where its entries do not ascend.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (chunks, rest) = bytes.as_chunks::<TIME_ENTRY_BYTES>();
        let mut entries: Vec<(i64, u32)> = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            let (timestamp, offset) = chunk.split_first_chunk::<8>()?;
            let entry = (i64::from_be_bytes(*timestamp), u32::from_be_bytes(*offset.first_chunk::<4>()?));
            if entries.last().is_some_and(|last| last.0 >= entry.0 || last.1 > entry.1) {
                return None;
            }
            entries.push(entry);
        }
        rest.is_empty().then_some(Self { entries })
    }
}

/// The offset of a segment's file name and a suffix: `00000000000000000042.index`.
pub fn file_name(offset: Offset, suffix: &str) -> alloc::string::String {
    alloc::format!("{offset:020}{suffix}")
}
