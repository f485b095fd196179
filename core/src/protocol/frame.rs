//! Frames on a byte stream: an int32 length, then so many bytes.

use bytes::{Buf, Bytes, BytesMut};
use core::fmt;

const PREFIX: usize = 4;

/// The length prefix of a frame that is sent in these parts.
pub fn frame_prefix(parts: &[Bytes]) -> Bytes {
    let length: usize = parts.iter().map(Bytes::len).sum();
    Bytes::copy_from_slice(&(length as i32).to_be_bytes())
}

/// Cuts a byte stream into frames, as its chunks come.
///
/// Frames inside a chunk share it; only one that spans chunks is put together in memory, which grows with the bytes that
/// really came and never with what a length prefix claims.
#[derive(Clone, Debug)]
pub struct FrameSplitter {
    /// Longest frame taken, in bytes (`socket.request.max.bytes`).
    max_size: i32,
    /// The start of a frame whose rest is still to come.
    partial: BytesMut,
    /// What came after it.
    chunk: Bytes,
}

/// A length prefix nobody sends in earnest; the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Longer than allowed.
    TooLarge {
        /// As the prefix says.
        size: i32,
        /// Longest allowed.
        max_size: i32,
    },
    /// Below zero.
    Negative {
        /// As the prefix says.
        size: i32,
    },
}

impl FrameSplitter {
    /// Takes frames of up to `max_size` bytes.
    pub fn new(max_size: i32) -> Self {
        Self { max_size, partial: BytesMut::new(), chunk: Bytes::new() }
    }

    /// Adds the next bytes of the stream. Take every frame with [`FrameSplitter::next_frame`] before the next push: what
    /// is left is copied.
    pub fn push(&mut self, chunk: Bytes) {
        if !self.chunk.is_empty() {
            self.partial.extend_from_slice(&self.chunk);
        }
        self.chunk = chunk;
    }

    /// Bytes that wait for the rest of their frame.
    pub fn pending(&self) -> usize {
        self.partial.len() + self.chunk.len()
    }

    /// The next whole frame without its prefix; `None` until more bytes come. After an error the stream is of no use.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        if self.partial.is_empty() {
            let Some(size) = self.checked_size(&self.chunk)? else { return Ok(None) };
            if self.chunk.len() - PREFIX < size {
                return Ok(None);
            }
            self.chunk.advance(PREFIX);
            return Ok(Some(self.chunk.split_to(size)));
        }
        self.fill_partial(PREFIX);
        let Some(size) = self.checked_size(&self.partial)? else { return Ok(None) };
        self.fill_partial(PREFIX + size);
        if self.partial.len() < PREFIX + size {
            return Ok(None);
        }
        self.partial.advance(PREFIX);
        let frame = self.partial.split_to(size).freeze();
        if self.partial.is_empty() {
            // Lets go of the allocation, which the frame now owns.
            self.partial = BytesMut::new();
        }
        Ok(Some(frame))
    }

    /// Moves bytes from the chunk until the partial frame has `wanted`, or none are left.
    fn fill_partial(&mut self, wanted: usize) {
        let missing = wanted.saturating_sub(self.partial.len()).min(self.chunk.len());
        self.partial.extend_from_slice(&self.chunk.split_to(missing));
    }

    fn checked_size(&self, bytes: &[u8]) -> Result<Option<usize>, FrameError> {
        let Some(prefix) = bytes.first_chunk::<PREFIX>() else { return Ok(None) };
        let size = i32::from_be_bytes(*prefix);
        if size > self.max_size {
            return Err(FrameError::TooLarge { size, max_size: self.max_size });
        }
        usize::try_from(size).map(Some).map_err(|_| FrameError::Negative { size })
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { size, max_size } => write!(f, "Invalid receive (size = {size} larger than {max_size})"),
            Self::Negative { size } => write!(f, "Invalid receive (size = {size})"),
        }
    }
}

impl core::error::Error for FrameError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use alloc::string::ToString;
    use alloc::vec;
    use alloc::vec::Vec;

    /// The frames as a stream, each with its prefix.
    fn stream(frames: &[Vec<u8>]) -> Vec<u8> {
        let mut out = Vec::new();
        for frame in frames {
            out.extend_from_slice(&frame_prefix(&[Bytes::copy_from_slice(frame)]));
            out.extend_from_slice(frame);
        }
        out
    }

    fn drain(splitter: &mut FrameSplitter, into: &mut Vec<Vec<u8>>) {
        while let Some(frame) = splitter.next_frame().unwrap() {
            into.push(frame.to_vec());
        }
    }

    #[test]
    fn frames_come_out_whole_however_the_stream_is_cut() {
        let seed = 11;
        let mut rng = Rng::new(seed);
        for round in 0..200 {
            let frames: Vec<Vec<u8>> =
                (0..rng.below(6)).map(|index| vec![index as u8; rng.below(40) as usize]).collect();
            let bytes = stream(&frames);
            let mut splitter = FrameSplitter::new(100);
            let (mut got, mut at) = (Vec::new(), 0);
            while at < bytes.len() {
                let end = bytes.len().min(at + 1 + rng.below(50) as usize);
                splitter.push(Bytes::copy_from_slice(&bytes[at..end]));
                at = end;
                // Some pushes come before the frames of the last one were taken.
                if rng.chance(3, 4) {
                    drain(&mut splitter, &mut got);
                }
            }
            drain(&mut splitter, &mut got);
            assert_eq!(got, frames, "seed {seed} round {round}");
            assert_eq!(splitter.pending(), 0);
        }
    }

    #[test]
    fn a_frame_inside_a_chunk_is_not_copied() {
        let chunk = Bytes::from(stream(&[vec![1; 1000], vec![2; 3]]));
        let mut splitter = FrameSplitter::new(2000);
        splitter.push(chunk.clone());
        let first = splitter.next_frame().unwrap().unwrap();
        assert_eq!(first.as_ptr(), chunk[4..].as_ptr());
        assert_eq!(splitter.next_frame().unwrap().unwrap(), [2; 3][..]);
        assert_eq!(splitter.next_frame().unwrap(), None);
    }

    #[test]
    fn impossible_prefixes_are_refused_with_kafkas_texts() {
        for (size, text) in [
            (101, Some("Invalid receive (size = 101 larger than 100)")),
            (i32::MAX, Some("Invalid receive (size = 2147483647 larger than 100)")),
            (-1, Some("Invalid receive (size = -1)")),
            (100, None),
        ] {
            for pieces in [1, 2] {
                let mut splitter = FrameSplitter::new(100);
                for piece in size.to_be_bytes().chunks(4 / pieces) {
                    splitter.push(Bytes::copy_from_slice(piece));
                }
                let answer = splitter.next_frame().map_err(|error| error.to_string());
                assert_eq!(answer.err().as_deref(), text);
                // Whatever the prefix claims, only what came is kept.
                assert!(splitter.partial.capacity() < 100);
            }
        }
    }
}
