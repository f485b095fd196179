//! [`CompressionStream`]: compresses what comes a piece after the other, in the blocks of each codec's format, so that nobody has
//! to hold the records as a whole, and the work can be done in turns.

use super::gzip;
use alloc::vec::Vec;
use core::fmt;

/// Compresses the records of one batch; begun by [`Compressor::begin`](super::Compressor::begin).
#[derive(Clone)]
pub struct CompressionStream {
    pub(super) writer: Writer,
}

/// Where the codec is.
#[derive(Clone)]
pub(super) enum Writer {
    Plain,
    Gzip(gzip::Writer),
    Blocks(Blocks),
}

impl fmt::Debug for CompressionStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CompressionStream")
    }
}

impl CompressionStream {
    /// Takes the next piece and puts behind `output` what comes out already.
    pub fn write(&mut self, piece: &[u8], output: &mut Vec<u8>) {
        match &mut self.writer {
            Writer::Plain => output.extend_from_slice(piece),
            Writer::Gzip(writer) => writer.write(piece, output),
            Writer::Blocks(blocks) => blocks.write(piece, output),
        }
    }

    /// Puts behind `output` what is left: there are no more pieces.
    pub fn end(self, output: &mut Vec<u8>) {
        match self.writer {
            Writer::Plain => {}
            Writer::Gzip(writer) => writer.end(output),
            Writer::Blocks(blocks) => (blocks.end)(&blocks.rest, output),
        }
    }
}

/// Of a codec whose blocks know nothing of each other.
#[derive(Clone)]
pub(super) struct Blocks {
    /// Bytes of a block before it is compressed.
    size: usize,
    /// Compresses a block that is full.
    block: fn(&[u8], &mut Vec<u8>),
    /// Compresses what is left, less than a block and maybe nothing, and ends the stream.
    end: fn(&[u8], &mut Vec<u8>),
    /// What is no full block yet.
    rest: Vec<u8>,
}

impl Blocks {
    pub(super) const fn new(size: usize, block: fn(&[u8], &mut Vec<u8>), end: fn(&[u8], &mut Vec<u8>)) -> Self {
        Self { size, block, end, rest: Vec::new() }
    }

    fn write(&mut self, mut piece: &[u8], output: &mut Vec<u8>) {
        if !self.rest.is_empty() {
            let (front, behind) = piece.split_at(piece.len().min(self.size - self.rest.len()));
            self.rest.extend_from_slice(front);
            piece = behind;
            if self.rest.len() < self.size {
                return;
            }
            (self.block)(&self.rest, output);
            self.rest.clear();
        }
        let mut blocks = piece.chunks_exact(self.size);
        for block in &mut blocks {
            (self.block)(block, output);
        }
        self.rest.extend_from_slice(blocks.remainder());
    }
}
