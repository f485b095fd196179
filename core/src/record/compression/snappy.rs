//! snappy in the framing of xerial's Java library, which Kafka writes, or raw, as some clients do.

use super::stream::Blocks;
use super::{CORRUPT, Compression, Compressor, Output, Reason, TOO_LARGE, array, take};
use alloc::vec::Vec;
use snap::raw::{Decoder, Encoder, decompress_len};

/// Before the blocks: the magic, then the version and the oldest version that can read it.
const HEADER: [u8; 16] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
const MAGIC_LENGTH: usize = 8;
/// Bytes of a block before it is compressed (`SnappyOutputStream.DEFAULT_BLOCK_SIZE`).
const BLOCK: usize = 32 << 10;
/// No byte of snappy stands for more than this: three of them copy 64 bytes at most.
const MAX_RATIO: usize = 22;

/// The compressor; snappy has no levels.
pub fn compressor() -> Compressor {
    Compressor { codec: Compression::Snappy, level: 0 }
}

pub(super) fn begin_blocks(output: &mut Vec<u8>) -> Blocks {
    output.extend(HEADER);
    Blocks::new(BLOCK, write_block, |rest, output| {
        if !rest.is_empty() {
            write_block(rest, output);
        }
    })
}

fn write_block(block: &[u8], output: &mut Vec<u8>) {
    // It fails only for blocks of 4 GiB.
    let compressed = Encoder::new().compress_vec(block).unwrap_or_default();
    output.extend((compressed.len() as u32).to_be_bytes());
    output.extend(compressed);
}

/// Puts the next block out and answers how many bytes; `None` at the end. What is raw is one block.
pub(super) fn piece(rest: &mut &[u8], is_first: bool, output: &mut Output<'_>) -> Result<Option<usize>, Reason> {
    // Streams may be put behind each other, each with its header.
    if rest.starts_with(&HEADER[..MAGIC_LENGTH]) {
        take(rest, HEADER.len())?;
        return Ok(Some(0));
    }
    if is_first {
        return block(core::mem::take(rest), output).map(Some);
    }
    if rest.is_empty() {
        return Ok(None);
    }
    let length = usize::try_from(i32::from_be_bytes(array(rest)?)).map_err(|_| CORRUPT)?;
    block(take(rest, length)?, output).map(Some)
}

fn block(bytes: &[u8], output: &mut Output<'_>) -> Result<usize, Reason> {
    let length = decompress_len(bytes).map_err(|_| CORRUPT)?;
    if length > output.room() {
        return Err(TOO_LARGE);
    }
    // What a block says of itself is believed only as far as its bytes could go.
    if length > bytes.len().saturating_mul(MAX_RATIO) {
        return Err(CORRUPT);
    }
    let begin = output.bytes.len();
    output.bytes.resize(begin + length, 0);
    let target = output.bytes.get_mut(begin..).unwrap_or_default();
    Decoder::new().decompress(bytes, target).map_err(|_| CORRUPT)
}
