//! [`SegmentCache`]: the bytes of one segment, in chunks that can be dropped and loaded again.
//!
//! **Architecture Invariant:** chunks lie one after the other without gap or overlap, and each holds whole batches.

use crate::ids::Offset;
use crate::time::Instant;
use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};
use core::ops::Range;

/// Small appends are folded into one chunk when they come to this many bytes; larger ones are a chunk of their own.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// Room taken at first for small appends of a segment; it doubles up to [`CHUNK_BYTES`].
const FIRST_ROOM: usize = 2 * 1024;
/// Neighbours below this are copied into one slice when read, so that a frame does not become thousands of slices.
const SMALL_SLICE: usize = 2 * 1024;

/// Whole batches that are dropped and loaded together.
#[derive(Clone, Debug)]
struct Chunk {
    /// Where it begins in the file.
    position: u64,
    length: u64,
    /// Base offset of its first batch.
    base_offset: Offset,
    /// `None` where it is cold.
    bytes: Option<Bytes>,
    /// The log's use clock when it was last read or written.
    last_used: u64,
    /// Loaded for a request that has not read it yet; not evicted before this time.
    pinned_until: Option<Instant>,
}

impl Chunk {
    const fn end(&self) -> u64 {
        self.position + self.length
    }
}

/// The bytes of one segment as far as they are in memory.
#[derive(Clone, Debug, Default)]
pub struct SegmentCache {
    chunks: Vec<Chunk>,
    /// Index of the first chunk not folded yet; all from here on are small.
    unfolded: usize,
    /// Room for small appends, so that most of them allocate nothing.
    room: BytesMut,
    last_room: usize,
    warm_bytes: u64,
}

impl SegmentCache {
    /// Bytes of the segment.
    pub fn size(&self) -> u64 {
        self.chunks.last().map_or(0, Chunk::end)
    }

    /// Bytes in memory.
    pub const fn warm_bytes(&self) -> u64 {
        self.warm_bytes
    }

    /// Copies `bytes` to the end, lets `stamp` change the copy, and answers it.
    pub fn append(
        &mut self,
        base_offset: Offset,
        bytes: &[u8],
        last_used: u64,
        stamp: impl FnOnce(&mut [u8]),
    ) -> Bytes {
        let large = bytes.len() >= CHUNK_BYTES;
        let copy = if large {
            let mut copy = Vec::from(bytes);
            stamp(&mut copy);
            Bytes::from(copy)
        } else {
            if self.room.capacity() < bytes.len() {
                self.last_room = (self.last_room * 2).clamp(FIRST_ROOM, CHUNK_BYTES);
                self.room = BytesMut::with_capacity(self.last_room.max(bytes.len()));
            }
            self.room.extend_from_slice(bytes);
            let mut copy = self.room.split();
            stamp(&mut copy);
            copy.freeze()
        };
        self.push_warm(base_offset, copy.clone(), last_used);
        copy
    }

    /// Adds whole batches that are already in memory, as recovery reads them.
    pub fn push_warm(&mut self, base_offset: Offset, bytes: Bytes, last_used: u64) {
        let length = bytes.len() as u64;
        if bytes.len() >= CHUNK_BYTES {
            self.fold();
        }
        let position = self.size();
        let large = bytes.len() >= CHUNK_BYTES;
        self.warm_bytes += length;
        self.chunks.push(Chunk { position, length, base_offset, bytes: Some(bytes), last_used, pinned_until: None });
        if large {
            self.unfolded = self.chunks.len();
        } else if self
            .chunks
            .get(self.unfolded)
            .is_some_and(|first| position + length - first.position >= CHUNK_BYTES as u64)
        {
            self.fold();
        }
    }

    /// Adds a part of the file that is not in memory.
    pub fn push_cold(&mut self, base_offset: Offset, length: u64) {
        self.fold();
        let position = self.size();
        self.chunks.push(Chunk { position, length, base_offset, bytes: None, last_used: 0, pinned_until: None });
        self.unfolded = self.chunks.len();
    }

    /// No more will be appended: what is left of the small ones can be evicted too.
    pub fn seal(&mut self) {
        self.fold();
        self.room = BytesMut::new();
    }

    /// Makes one chunk of the small ones at the end.
    fn fold(&mut self) {
        let first = self.unfolded;
        let small = self.chunks.get(first..).unwrap_or_default();
        if let [head, _, ..] = small {
            let length: u64 = small.iter().map(|chunk| chunk.length).sum();
            let mut folded = Vec::with_capacity(length as usize);
            for bytes in small.iter().filter_map(|chunk| chunk.bytes.as_ref()) {
                folded.extend_from_slice(bytes);
            }
            let last_used = small.iter().map(|chunk| chunk.last_used).max().unwrap_or_default();
            let chunk = Chunk { length, last_used, bytes: Some(Bytes::from(folded)), ..head.clone() };
            self.chunks.truncate(first);
            self.chunks.push(chunk);
        }
        self.unfolded = self.chunks.len();
    }

    /// Where the last chunk begins whose first batch is at or before `offset`; 0 where none is.
    pub fn position_before(&self, offset: Offset) -> u64 {
        let after = self.chunks.partition_point(|chunk| chunk.base_offset <= offset);
        after.checked_sub(1).and_then(|index| self.chunks.get(index)).map_or(0, |chunk| chunk.position)
    }

    /// Where the last chunk begins that begins at or before `position`.
    pub fn chunk_start(&self, position: u64) -> u64 {
        self.chunks.get(self.index_at(position)).map_or(0, |chunk| chunk.position)
    }

    /// The bytes from `position` to the end of the chunk it lies in; empty at the end of the segment.
    ///
    /// # Errors
    /// The range of the file to load first.
    pub fn chunk_at(&self, position: u64) -> Result<Bytes, Range<u64>> {
        let Some(chunk) = self.chunks.get(self.index_at(position)) else { return Ok(Bytes::new()) };
        if position >= chunk.end() {
            return Ok(Bytes::new());
        }
        match &chunk.bytes {
            Some(bytes) => Ok(bytes.slice((position - chunk.position) as usize..)),
            None => Err(chunk.position..chunk.end()),
        }
    }

    /// The bytes of `range`, as far as they are warm from its start on; marks what it gives as used.
    ///
    /// # Errors
    /// The range of the file to load first, where the start is cold.
    pub fn read(&mut self, range: Range<u64>, last_used: u64) -> Result<Vec<Bytes>, Range<u64>> {
        let mut parts = Vec::new();
        let mut small: Vec<u8> = Vec::new();
        let first = self.index_at(range.start);
        for chunk in self.chunks.get_mut(first..).unwrap_or_default() {
            if chunk.position >= range.end {
                break;
            }
            let Some(bytes) = &chunk.bytes else {
                if chunk.position <= range.start {
                    return Err(self.cold_run(first, range.end));
                }
                break;
            };
            let from = range.start.saturating_sub(chunk.position).min(chunk.length) as usize;
            let to = (range.end - chunk.position).min(chunk.length) as usize;
            let slice = bytes.slice(from..to);
            chunk.last_used = last_used;
            chunk.pinned_until = None;
            if slice.len() < SMALL_SLICE {
                small.extend_from_slice(&slice);
            } else {
                if !small.is_empty() {
                    parts.push(Bytes::from(core::mem::take(&mut small)));
                }
                parts.push(slice);
            }
        }
        if !small.is_empty() {
            parts.push(Bytes::from(small));
        }
        Ok(parts)
    }

    /// Keeps what was loaded where it is still cold and wholly in `range`; pinned until it is read or `pinned_until`.
    pub fn loaded(&mut self, range: &Range<u64>, bytes: &Bytes, last_used: u64, pinned_until: Instant) {
        if range.end.checked_sub(range.start) != Some(bytes.len() as u64) {
            return;
        }
        let first = self.index_at(range.start);
        for chunk in self.chunks.get_mut(first..).unwrap_or_default() {
            if chunk.end() > range.end {
                break;
            }
            if chunk.bytes.is_none() && chunk.position >= range.start {
                let start = (chunk.position - range.start) as usize;
                // A copy, so that dropping one chunk frees its bytes even while its neighbours stay.
                let copy = Bytes::copy_from_slice(&bytes[start..start + chunk.length as usize]);
                self.warm_bytes += chunk.length;
                chunk.bytes = Some(copy);
            }
            chunk.last_used = last_used;
            chunk.pinned_until = Some(pinned_until);
        }
    }

    /// Cuts the segment to `size` bytes, the end of a batch. The chunk it cuts must be warm, or begin there.
    pub fn truncate(&mut self, size: u64) {
        self.room = BytesMut::new();
        while let Some(last) = self.chunks.last_mut() {
            if last.end() <= size {
                break;
            }
            if last.position >= size {
                if last.bytes.is_some() {
                    self.warm_bytes -= last.length;
                }
                self.chunks.pop();
                continue;
            }
            let keep = size - last.position;
            if let Some(bytes) = &mut last.bytes {
                self.warm_bytes -= last.length - keep;
                *bytes = bytes.slice(..keep as usize);
            }
            last.length = keep;
        }
        self.unfolded = self.chunks.len();
    }

    /// The use clock of the coldest chunk that may be dropped: warm, folded, not pinned, and before `limit`.
    pub fn coldest(&self, limit: u64, now: Instant) -> Option<u64> {
        self.evictable(limit, now).map(|(_, chunk)| chunk.last_used).min()
    }

    /// Drops one chunk last used at `last_used`; answers its bytes.
    pub fn evict(&mut self, last_used: u64, limit: u64, now: Instant) -> u64 {
        let Some((index, _)) = self.evictable(limit, now).find(|(_, chunk)| chunk.last_used == last_used) else {
            return 0;
        };
        let Some(chunk) = self.chunks.get_mut(index) else { return 0 };
        chunk.bytes = None;
        chunk.pinned_until = None;
        self.warm_bytes -= chunk.length;
        chunk.length
    }

    fn evictable(&self, limit: u64, now: Instant) -> impl Iterator<Item = (usize, &Chunk)> {
        self.chunks.iter().take(self.unfolded).enumerate().filter(move |(_, chunk)| {
            chunk.bytes.is_some() && chunk.end() <= limit && chunk.pinned_until.is_none_or(|until| until <= now)
        })
    }

    /// What was loaded before `position` was read: it may go, and first.
    pub fn release_before(&mut self, position: u64) {
        for chunk in self.chunks.iter_mut().take_while(|chunk| chunk.end() <= position) {
            if chunk.pinned_until.take().is_some() {
                chunk.last_used = 0;
            }
        }
    }

    /// Index of the last chunk that begins at or before `position`.
    fn index_at(&self, position: u64) -> usize {
        self.chunks.partition_point(|chunk| chunk.position <= position).saturating_sub(1)
    }

    /// The run of cold chunks that begins with the one at `position` and ends with the one before `end`.
    pub fn cold_at(&self, position: u64, end: u64) -> Range<u64> {
        self.cold_run(self.index_at(position), end)
    }

    /// The cold chunks from `first` on, up to the one that holds the byte before `end`.
    fn cold_run(&self, first: usize, end: u64) -> Range<u64> {
        let mut run: Option<Range<u64>> = None;
        for chunk in self.chunks.get(first..).unwrap_or_default() {
            if chunk.bytes.is_some() || chunk.position >= end {
                break;
            }
            run = Some(run.map_or(chunk.position, |run| run.start)..chunk.end());
        }
        run.unwrap_or(0..0)
    }
}
