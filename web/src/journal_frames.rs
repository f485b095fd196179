//! How a journal lies in two files. Plain data: says what to write where, and what of two files counts
//! ([`journal_file`](crate::journal_file) has the files).
//!
//! # Layout
//! A *frame* holds one value of the journal: its length, the CRC-32C of what follows that, the identity of the database it
//! belongs to, its key, then its bytes; numbers are little-endian. Frames follow each other from the first byte of a file,
//! with rising keys. The first that is none, or is another database's, or does not rise, ends them: what lies behind is from
//! earlier.
//!
//! # Architecture Invariant
//! A frame is overwritten only once its value is folded for good. While the values of one file are being folded, new ones go
//! to the other ([`TwoFiles::folding`], [`TwoFiles::folded`]).

use broker_core::record::crc32c;
use bytes::Bytes;
use std::ops::Range;

/// Bytes of a frame before its value.
pub const HEADER: usize = 4 + 4 + 8 + 8;

/// A frame found in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Key of the journal value.
    pub key: u64,
    /// Where in the file the value lies.
    pub value: Range<usize>,
}

/// Packs a value.
pub fn pack(identity: u64, key: u64, value: &[Bytes]) -> Vec<u8> {
    let length: usize = value.iter().map(Bytes::len).sum();
    let mut frame = Vec::with_capacity(HEADER + length);
    frame.extend_from_slice(&(length as u32).to_le_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(&identity.to_le_bytes());
    frame.extend_from_slice(&key.to_le_bytes());
    for slice in value {
        frame.extend_from_slice(slice);
    }
    let crc = crc32c(&frame[8..]).to_le_bytes();
    frame[4..8].copy_from_slice(&crc);
    frame
}

/// The frames of a file.
pub fn frames(file: &[u8], identity: u64) -> Vec<Frame> {
    let mut found: Vec<Frame> = Vec::new();
    let mut at = 0;
    while let Some(frame) = frame_at(file, at, identity) {
        if found.last().is_some_and(|last| last.key >= frame.key) {
            break;
        }
        at = frame.value.end;
        found.push(frame);
    }
    found
}

fn frame_at(file: &[u8], at: usize, identity: u64) -> Option<Frame> {
    let (length, rest) = file.get(at..)?.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    let checked = rest.get(..length.checked_add(HEADER - 8)?)?;
    let (owner, rest) = checked.split_first_chunk::<8>()?;
    let (key, _) = rest.split_first_chunk::<8>()?;
    let is_frame = u64::from_le_bytes(*owner) == identity && crc32c(checked) == u32::from_le_bytes(*crc);
    let start = at + HEADER;
    is_frame.then(|| Frame { key: u64::from_le_bytes(*key), value: start..start + length })
}

/// Which of the two files is written, and where each ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TwoFiles {
    current: usize,
    ends: [u64; 2],
}

impl TwoFiles {
    /// Goes on behind the newest frame of all. `found` are the frames of either file, `first` the oldest key that counts: a
    /// file without one is empty.
    pub fn open(found: [&[Frame]; 2], first: u64) -> Self {
        let newest = found.map(|frames| frames.last().filter(|last| last.key >= first));
        let ends = newest.map(|last| last.map_or(0, |last| last.value.end as u64));
        let current = usize::from(newest[1].map(|last| last.key) > newest[0].map(|last| last.key));
        Self { current, ends }
    }

    /// Where a frame of so many bytes goes: the file, and the position in it.
    pub fn place(&mut self, bytes: usize) -> (usize, u64) {
        let position = self.ends[self.current];
        self.ends[self.current] += bytes as u64;
        (self.current, position)
    }

    /// What was written so far is being folded.
    pub fn folding(&mut self) {
        self.current = 1 - self.current;
    }

    /// That is durable.
    pub fn folded(&mut self) {
        self.ends[1 - self.current] = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use broker_core::rng::Rng;

    const IDENTITY: u64 = 7;

    /// Two files, and what the database says of them.
    #[derive(Default)]
    struct Disk {
        files: [Vec<u8>; 2],
        first: u64,
    }

    impl Disk {
        fn write(&mut self, file: usize, position: u64, bytes: &[u8]) {
            let end = position as usize + bytes.len();
            let file = &mut self.files[file];
            file.resize(file.len().max(end), 0);
            file[position as usize..end].copy_from_slice(bytes);
        }

        fn open(&self) -> (TwoFiles, Vec<(u64, Vec<u8>)>) {
            let found = [0, 1].map(|file: usize| frames(&self.files[file], IDENTITY));
            let mut values = Vec::new();
            for (file, frames) in found.iter().enumerate() {
                let live = frames.iter().filter(|frame| frame.key >= self.first);
                values.extend(live.map(|frame| (frame.key, self.files[file][frame.value.clone()].to_vec())));
            }
            values.sort();
            (TwoFiles::open([&found[0], &found[1]], self.first), values)
        }
    }

    #[test]
    fn whenever_the_power_goes_all_that_was_written_and_not_folded_is_found() {
        for seed in 0..500 {
            println!("seed {seed}");
            let mut rng = Rng::new(seed);
            let mut disk = Disk::default();
            let (mut files, mut written) = (TwoFiles::default(), Vec::new());
            let (mut next_key, mut folding) = (0, None);
            for _ in 0..60 {
                match rng.below(10) {
                    0 if folding.is_none() => {
                        folding = Some(next_key);
                        files.folding();
                    }
                    1 | 2 => {
                        if let Some(first) = folding.take() {
                            disk.first = first;
                            written.retain(|(key, _)| *key >= first);
                            files.folded();
                        }
                    }
                    3 => {
                        // The last write is torn, perhaps; a fold under way is lost, or was done but not heard of.
                        if rng.below(2) == 0 {
                            // Bytes that lie nowhere yet: over its own like a torn frame would be whole.
                            let frame = pack(IDENTITY, next_key, &[rng.next_u64().to_le_bytes().to_vec().into()]);
                            let (file, position) = files.place(frame.len());
                            disk.write(file, position, &frame[..rng.below(frame.len() as u64) as usize]);
                        }
                        if let Some(first) = folding.take()
                            && rng.below(2) == 0
                        {
                            disk.first = first;
                            written.retain(|(key, _)| *key >= first);
                        }
                        let (opened, found) = disk.open();
                        assert_eq!(found, written);
                        files = opened;
                    }
                    _ => {
                        let value = vec![rng.below(256) as u8; rng.below(40) as usize];
                        let frame = pack(IDENTITY, next_key, &[Bytes::from(value.clone())]);
                        let (file, position) = files.place(frame.len());
                        disk.write(file, position, &frame);
                        written.push((next_key, value));
                        next_key += 1 + rng.below(3);
                    }
                }
            }
            assert_eq!(disk.open().1, written);
        }
    }

    #[test]
    fn what_is_damaged_or_anothers_ends_the_frames() {
        let one = pack(IDENTITY, 1, &[Bytes::from_static(b"one"), Bytes::from_static(b" more")]);
        let two = pack(IDENTITY, 2, &[Bytes::from_static(b"two")]);
        let both = [one.clone(), two.clone()].concat();
        let keys = |file: &[u8]| frames(file, IDENTITY).iter().map(|frame| frame.key).collect::<Vec<_>>();
        assert_eq!(keys(&both), [1, 2]);
        assert_eq!(frames(&both, IDENTITY)[0].value, HEADER..HEADER + 8);
        assert_eq!(keys(&[two, one.clone()].concat()), [2], "keys rise");
        assert_eq!(frames(&both, 8), [], "another database's");
        for length in 0..one.len() {
            assert_eq!(keys(&both[..length]), [0; 0]);
        }
        for byte in 0..one.len() {
            let mut damaged = both.clone();
            damaged[byte] ^= 1;
            assert!(!keys(&damaged).contains(&1), "byte {byte}");
        }
    }
}
