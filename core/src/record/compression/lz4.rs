//! LZ4 in its frame format, as `Lz4BlockOutputStream` writes and `Lz4BlockInputStream` reads it: independent blocks, no
//! dictionary, and nothing is read behind the first frame.

use super::stream::Blocks;
use super::{CORRUPT, Compression, Compressor, Output, Reason, array, take};
use alloc::vec::Vec;
use lz4_flex::block::{compress as compress_block, decompress_into};
use twox_hash::XxHash32;

const MAGIC: [u8; 4] = 0x184d_2204_u32.to_le_bytes();
/// Flags of a frame.
const VERSION_MASK: u8 = 0xc0;
const VERSION: u8 = 0x40;
const INDEPENDENT_BLOCKS: u8 = 0x20;
const BLOCK_CHECKSUMS: u8 = 0x10;
const CONTENT_SIZE: u8 = 0x08;
const RESERVED: u8 = 0x03;
/// The number that stands for blocks of 64 KiB; each of the next three is four times as much.
const BLOCKS_OF_64_KIB: u8 = 4;
const BLOCK: usize = 64 << 10;
/// Marks a block that is stored as it is.
const INCOMPRESSIBLE: u32 = 1 << 31;

/// The compressor. Every level of `compression.lz4.level` is the fast one, which is what Kafka takes for its default, 9.
pub fn compressor() -> Compressor {
    Compressor { codec: Compression::Lz4, level: 0 }
}

pub(super) fn begin_blocks(output: &mut Vec<u8>) -> Blocks {
    let descriptor = [VERSION | INDEPENDENT_BLOCKS, BLOCKS_OF_64_KIB << 4];
    output.extend(MAGIC);
    output.extend(descriptor);
    output.push(header_checksum(&descriptor));
    Blocks::new(BLOCK, block, end)
}

fn block(block: &[u8], output: &mut Vec<u8>) {
    let compressed = compress_block(block);
    if compressed.len() < block.len() {
        output.extend((compressed.len() as u32).to_le_bytes());
        output.extend(compressed);
    } else {
        output.extend((block.len() as u32 | INCOMPRESSIBLE).to_le_bytes());
        output.extend_from_slice(block);
    }
}

fn end(rest: &[u8], output: &mut Vec<u8>) {
    if !rest.is_empty() {
        block(rest, output);
    }
    output.extend([0; 4]);
}

/// Of flags, block size and content size; without the magic, which Kafka once took in and no longer does (KAFKA-3160).
fn header_checksum(descriptor: &[u8]) -> u8 {
    (XxHash32::oneshot(0, descriptor) >> 8) as u8
}

/// How far a frame is read.
#[derive(Clone, Copy, Default)]
pub(super) enum Reader {
    #[default]
    Before,
    Within {
        has_checksums: bool,
        /// The most bytes of a block.
        largest: usize,
    },
    Behind,
}

impl Reader {
    /// Puts the next block out and answers how many bytes; `None` at the end.
    pub(super) fn piece(&mut self, rest: &mut &[u8], output: &mut Output<'_>) -> Result<Option<usize>, Reason> {
        let (has_checksums, largest) = match *self {
            Self::Before => {
                *self = Self::begin(rest)?;
                return Ok(Some(0));
            }
            Self::Within { has_checksums, largest } => (has_checksums, largest),
            Self::Behind => return Ok(None),
        };
        let length = u32::from_le_bytes(array(rest)?);
        if length == 0 {
            // A checksum of all content may follow; Kafka does not look at it either.
            *self = Self::Behind;
            return Ok(None);
        }
        let stored = take(rest, (length & !INCOMPRESSIBLE) as usize)?;
        if stored.len() > largest {
            return Err("an lz4 block is larger than its frame allows");
        }
        if has_checksums && u32::from_le_bytes(array(rest)?) != XxHash32::oneshot(0, stored) {
            return Err("the checksum of an lz4 block does not match");
        }
        if length & INCOMPRESSIBLE != 0 {
            output.put(stored)?;
            return Ok(Some(stored.len()));
        }
        let mut decompressed = alloc::vec![0; largest];
        let count = decompress_into(stored, &mut decompressed).map_err(|_| CORRUPT)?;
        output.put(decompressed.get(..count).unwrap_or_default())?;
        Ok(Some(count))
    }

    /// Reads the header of a frame.
    fn begin(rest: &mut &[u8]) -> Result<Self, Reason> {
        if array(rest)? != MAGIC {
            return Err("not in lz4's frame format");
        }
        let from_descriptor = *rest;
        let [flags, block] = array(rest)?;
        if flags & VERSION_MASK != VERSION || flags & RESERVED != 0 {
            return Err("an unknown kind of lz4 frame");
        }
        if flags & INDEPENDENT_BLOCKS == 0 {
            return Err("lz4 blocks that depend on each other are not supported");
        }
        let size = (block >> 4).checked_sub(BLOCKS_OF_64_KIB).filter(|size| *size <= 3 && block & 0x8f == 0);
        let largest = BLOCK << (2 * size.ok_or(CORRUPT)?);
        if flags & CONTENT_SIZE != 0 {
            take(rest, 8)?;
        }
        let descriptor = from_descriptor.get(..from_descriptor.len() - rest.len()).unwrap_or_default();
        if array(rest)? != [header_checksum(descriptor)] {
            return Err("the header of the lz4 frame is damaged");
        }
        Ok(Self::Within { has_checksums: flags & BLOCK_CHECKSUMS != 0, largest })
    }
}
