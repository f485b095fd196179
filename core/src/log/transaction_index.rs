//! [`TransactionIndex`]: the aborted transactions that end in a segment (KIP-98), in the format of its `.txnindex` file.

use super::producer_state::CompletedTransaction;
use super::storage::{FilePath, StoreCommand, StoreQueue};
use crate::ids::{Offset, ProducerId};
use alloc::vec::Vec;
use bytes::Bytes;

/// What the name of the file ends with.
pub const TRANSACTION_INDEX_SUFFIX: &str = ".txnindex";
/// Bytes of an entry: version int16, then producer id, first, last and last stable offset, all int64.
pub const ABORTED_TRANSACTION_BYTES: usize = 34;
/// The only version there is.
const VERSION: i16 = 0;

/// A transaction that was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Its producer.
    pub producer_id: ProducerId,
    /// Offset of its first record.
    pub first_offset: Offset,
    /// Offset of the marker that aborted it.
    pub last_offset: Offset,
    /// The last stable offset once the marker is committed; it never goes down from entry to entry.
    pub last_stable_offset: Offset,
}

impl AbortedTransaction {
    /// A transaction that a marker aborted, and the last stable offset once that is committed.
    pub const fn new(completed: &CompletedTransaction, last_stable_offset: Offset) -> Self {
        let CompletedTransaction { producer_id, first_offset, last_offset, .. } = *completed;
        Self { producer_id, first_offset, last_offset, last_stable_offset }
    }

    fn encode(&self) -> [u8; ABORTED_TRANSACTION_BYTES] {
        let mut bytes = [0; ABORTED_TRANSACTION_BYTES];
        bytes[..2].copy_from_slice(&VERSION.to_be_bytes());
        let fields = [self.producer_id, self.first_offset, self.last_offset, self.last_stable_offset];
        for (target, field) in bytes[2..].as_chunks_mut::<8>().0.iter_mut().zip(fields) {
            *target = field.to_be_bytes();
        }
        bytes
    }

    fn decode(bytes: &[u8; ABORTED_TRANSACTION_BYTES]) -> Option<Self> {
        let (version, fields) = bytes.split_first_chunk::<2>()?;
        let [producer_id, first_offset, last_offset, last_stable_offset] = *fields.as_chunks::<8>().0 else {
            return None;
        };
        (i16::from_be_bytes(*version) == VERSION).then_some(Self {
            producer_id: i64::from_be_bytes(producer_id),
            first_offset: i64::from_be_bytes(first_offset),
            last_offset: i64::from_be_bytes(last_offset),
            last_stable_offset: i64::from_be_bytes(last_stable_offset),
        })
    }
}

/// The aborted transactions whose marker is in one segment, in the order of their markers.
///
/// Its file is there only once there was an entry; where all of them are cut off it stays, empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransactionIndex {
    entries: Vec<AbortedTransaction>,
    has_file: bool,
}

impl TransactionIndex {
    /// Reads a file; `None` where it cannot be the index of a segment that begins at `base_offset`.
    pub fn decode(bytes: &[u8], base_offset: Offset) -> Option<Self> {
        let (chunks, rest) = bytes.as_chunks::<ABORTED_TRANSACTION_BYTES>();
        let mut entries: Vec<AbortedTransaction> = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            let entry = AbortedTransaction::decode(chunk)?;
            let follows = entries.last().is_none_or(|last| last.last_offset < entry.last_offset);
            if entry.last_offset < base_offset || !follows {
                return None;
            }
            entries.push(entry);
        }
        rest.is_empty().then_some(Self { entries, has_file: true })
    }

    /// The bytes of its file.
    pub fn encode(&self) -> Bytes {
        let entries: Vec<[u8; ABORTED_TRANSACTION_BYTES]> =
            self.entries.iter().map(AbortedTransaction::encode).collect();
        Bytes::from(entries.concat())
    }

    /// The entries.
    pub fn entries(&self) -> &[AbortedTransaction] {
        &self.entries
    }

    /// True where there is a file.
    pub const fn has_file(&self) -> bool {
        self.has_file
    }

    /// Adds an entry to the end, and to `file`.
    pub fn append(&mut self, entry: AbortedTransaction, file: &FilePath, store: &mut StoreQueue) {
        store.append(file, Bytes::copy_from_slice(&entry.encode()));
        self.note(entry);
        self.has_file = true;
    }

    /// Adds an entry that was found in the log; [`Self::settle`] brings the file into line.
    pub fn note(&mut self, entry: AbortedTransaction) {
        self.entries.push(entry);
    }

    /// Forgets the transactions whose marker is at or after `offset`; [`Self::settle`] brings the file into line.
    pub fn keep_below(&mut self, offset: Offset) {
        self.entries.retain(|entry| entry.last_offset < offset);
    }

    /// Stores what was found in the log, where `stored`, as its file had it, is not the same.
    pub fn settle(&mut self, stored: Option<&Self>, file: &FilePath, store: &mut StoreQueue) {
        self.has_file = stored.is_some() || !self.entries.is_empty();
        if self.entries != stored.map_or(&[][..], Self::entries) {
            store.push(StoreCommand::Replace { file: file.clone(), bytes: self.encode() });
        }
    }

    /// Removes the transactions whose marker is at or after `offset`.
    pub fn truncate(&mut self, offset: Offset, file: &FilePath, store: &mut StoreQueue) {
        let kept = self.entries.partition_point(|entry| entry.last_offset < offset);
        if kept < self.entries.len() {
            self.entries.truncate(kept);
            let length = (kept * ABORTED_TRANSACTION_BYTES) as u64;
            store.push(StoreCommand::Truncate { file: file.clone(), length });
        }
    }

    /// Adds to `found` the transactions that have records from `from` on and below `to`; true where no later segment can
    /// have another.
    pub fn collect(&self, from: Offset, to: Offset, found: &mut Vec<AbortedTransaction>) -> bool {
        for entry in &self.entries {
            if entry.last_offset >= from && entry.first_offset < to {
                found.push(*entry);
            }
            // What ends later began at or above this.
            if entry.last_stable_offset >= to {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const FILE: FilePath = FilePath::from_static("first-topic-0/00000000000000000010.txnindex");

    fn aborted(producer_id: ProducerId, first: Offset, last: Offset, stable: Offset) -> AbortedTransaction {
        AbortedTransaction { producer_id, first_offset: first, last_offset: last, last_stable_offset: stable }
    }

    fn index(entries: &[AbortedTransaction]) -> (TransactionIndex, StoreQueue) {
        let (mut index, mut store) = (TransactionIndex::default(), StoreQueue::default());
        for entry in entries {
            index.append(*entry, &FILE, &mut store);
        }
        (index, store)
    }

    #[test]
    fn a_file_is_read_as_it_was_written_and_refused_where_it_makes_no_sense() {
        let (index, _) = index(&[aborted(9, 5, 12, 11), aborted(8, 11, 14, 15)]);
        let bytes = index.encode();
        assert_eq!(bytes.len(), 68);
        assert_eq!(bytes[..10], [0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
        assert_eq!(TransactionIndex::decode(&bytes, 10), Some(index));
        assert_eq!(TransactionIndex::decode(&bytes, 13), None, "an entry before the segment");
        assert_eq!(TransactionIndex::decode(&bytes[..67], 10), None, "half an entry");
        let mut later = bytes.to_vec();
        later[1] = 1;
        assert_eq!(TransactionIndex::decode(&later, 10), None, "a later version");
        assert_eq!(
            TransactionIndex::decode(&bytes.slice(34..).iter().chain(&bytes).copied().collect::<Vec<_>>(), 10),
            None
        );
    }

    #[test]
    fn transactions_that_overlap_a_range_are_found_and_the_search_ends_where_none_can_follow() {
        let (index, _) = index(&[aborted(9, 5, 12, 11), aborted(8, 11, 14, 15), aborted(7, 16, 18, 19)]);
        for (from, to, expected, done) in [
            (0, 5, vec![], true),
            (0, 6, vec![9], true),
            (12, 13, vec![9, 8], true),
            (13, 16, vec![8], true),
            (13, 17, vec![8, 7], true),
            (15, 40, vec![7], false),
            (19, 40, vec![], false),
        ] {
            let mut found = Vec::new();
            let ended = index.collect(from, to, &mut found);
            let ids: Vec<ProducerId> = found.iter().map(|entry| entry.producer_id).collect();
            assert_eq!((ids, ended), (expected, done), "{from} to {to}");
        }
    }

    #[test]
    fn truncation_cuts_the_file_after_the_last_entry_that_stays() {
        let (mut index, mut store) = index(&[aborted(9, 5, 12, 11), aborted(8, 11, 14, 15)]);
        store.take();
        index.truncate(15, &FILE, &mut store);
        assert!(store.is_empty());
        index.truncate(14, &FILE, &mut store);
        let cut = StoreCommand::Truncate { file: FILE, length: 34 };
        assert_eq!(store.take().map(|(_, commands)| commands), Some(vec![cut]));
        assert_eq!(index.entries(), [aborted(9, 5, 12, 11)]);
        assert!(index.has_file());
    }
}
