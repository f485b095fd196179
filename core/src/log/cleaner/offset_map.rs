//! [`OffsetMap`]: the last offset of each key of a dirty section.

use crate::ids::Offset;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;

/// What an entry costs beside its key, bytes.
const ENTRY_BYTES: u64 = 48;

/// Keys and their last offsets, as many as fit.
#[derive(Clone, Debug)]
pub(super) struct OffsetMap {
    /// Keys come in no order, and there may be very many.
    offsets: BTreeMap<Box<[u8]>, Offset>,
    bytes: u64,
    most_bytes: u64,
    /// Everything up to here is in the map.
    latest_offset: Offset,
}

impl OffsetMap {
    /// An empty one for about `most_bytes` of keys, of a section that begins behind `latest_offset`.
    pub(super) fn new(most_bytes: u64, latest_offset: Offset) -> Self {
        Self { offsets: BTreeMap::new(), bytes: 0, most_bytes, latest_offset }
    }

    /// Notes that `key` has a record at `offset`, later than all before; false where it is full.
    pub(super) fn put(&mut self, key: &[u8], offset: Offset) -> bool {
        if let Some(known) = self.offsets.get_mut(key) {
            *known = offset;
            return true;
        }
        let bytes = self.bytes + key.len() as u64 + ENTRY_BYTES;
        // One key fits always, or nothing would ever be cleaned.
        if bytes > self.most_bytes && !self.offsets.is_empty() {
            return false;
        }
        self.bytes = bytes;
        self.offsets.insert(key.into(), offset);
        true
    }

    /// The last offset of a key.
    pub(super) fn get(&self, key: &[u8]) -> Option<Offset> {
        self.offsets.get(key).copied()
    }

    /// Everything up to this offset is in it.
    pub(super) const fn latest_offset(&self) -> Offset {
        self.latest_offset
    }

    /// Everything up to `offset` is in it.
    pub(super) fn update_latest_offset(&mut self, offset: Offset) {
        self.latest_offset = self.latest_offset.max(offset);
    }
}
