//! Zstandard frames (RFC 8878).

use super::stream::Blocks;
use super::{CORRUPT, Compression, Compressor, Output, Reason, TOO_LARGE, take};
use alloc::boxed::Box;
use alloc::vec::Vec;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// Bytes that a frame may look back, those of the reference library (`ZSTD_WINDOWLOG_LIMIT_DEFAULT`). No more of them are held
/// than were decompressed.
const MAX_WINDOW: u64 = 1 << 27;
/// Bytes that a block may stand for.
const MAX_BLOCK: usize = 128 << 10;
/// The header of every frame that is written: the magic; neither size nor checksum; a window of 128 KiB.
const FRAME_HEADER: [u8; 6] = [0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3];
/// The header of a block of no bytes that is stored as it is, and the last.
const EMPTY_LAST_BLOCK: [u8; 3] = [1, 0, 0];

/// The compressor. Every level of `compression.zstd.level` is about the reference library's 1: it is the one there is.
pub fn compressor() -> Compressor {
    Compressor { codec: Compression::Zstd, level: 0 }
}

/// One frame for all. The library writes none piece by piece, but blocks that look back at nothing before them, repeat no table
/// and no offset of the one before: so a frame of each block is written, and of that the block is taken.
pub(super) fn begin_blocks(output: &mut Vec<u8>) -> Blocks {
    output.extend(FRAME_HEADER);
    Blocks::new(
        MAX_BLOCK,
        |block, output| {
            // It sees the end only behind a full block.
            let blocks = blocks_of(block);
            output.extend_from_slice(blocks.strip_suffix(&EMPTY_LAST_BLOCK).unwrap_or(&blocks));
        },
        |rest, output| output.extend(blocks_of(rest)),
    )
}

/// The blocks of a frame of these bytes, the last of which says that it is.
fn blocks_of(bytes: &[u8]) -> Vec<u8> {
    let mut frame = compress_to_vec(bytes, CompressionLevel::Fastest);
    debug_assert!(frame.starts_with(&FRAME_HEADER), "another header: {:x?}", frame.get(..10));
    frame.drain(..FRAME_HEADER.len().min(frame.len()));
    frame
}

/// How far frames are read, one behind the other.
#[derive(Default)]
pub(super) struct Reader {
    decoder: Option<Box<FrameDecoder>>,
    /// Blocks of the frame that were decoded.
    blocks: usize,
    /// Bytes of the frame that were read.
    taken: usize,
}

/// A decoder cannot be copied: the copy reads its frame again, up to where it was.
impl Clone for Reader {
    fn clone(&self) -> Self {
        Self { decoder: None, ..*self }
    }
}

impl Reader {
    /// How much of what was taken is to be read again: by a copy.
    pub(super) fn reread(&mut self) -> usize {
        if self.decoder.is_some() { 0 } else { core::mem::take(&mut self.taken) }
    }

    /// Puts out what the next block gives, and answers how many bytes that may be; `None` at the end. A checksum in a frame is
    /// passed over: the batch has one of its own.
    pub(super) fn piece(&mut self, rest: &mut &[u8], output: &mut Output<'_>) -> Result<Option<usize>, Reason> {
        if rest.is_empty() && self.decoder.is_none() {
            return Ok(None);
        }
        let before = rest.len();
        let mut decoder = match self.decoder.take() {
            Some(decoder) => decoder,
            None => match begin(rest, self.blocks)? {
                Some(decoder) => decoder,
                None => return Ok(Some(0)),
            },
        };
        if self.blocks == 0 && decoder.content_size() > output.room() as u64 {
            return Err(TOO_LARGE);
        }
        if let Some(decompressed) = block(&mut decoder, rest)? {
            output.put(&decompressed)?;
        }
        if decoder.is_finished() {
            *self = Self::default();
        } else {
            self.blocks += 1;
            self.taken += before - rest.len();
            self.decoder = Some(decoder);
        }
        Ok(Some(MAX_BLOCK))
    }
}

/// A decoder of the frame at the front, behind so many of its blocks; `None` where the frame is one to skip, which it is then.
fn begin(rest: &mut &[u8], blocks: usize) -> Result<Option<Box<FrameDecoder>>, Reason> {
    let mut decoder = Box::new(FrameDecoder::new());
    decoder.set_max_window_size(MAX_WINDOW);
    match decoder.init(&mut *rest) {
        Ok(()) => {}
        Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
            take(rest, length as usize)?;
            return Ok(None);
        }
        Err(_) => return Err(CORRUPT),
    }
    for _ in 0..blocks {
        block(&mut decoder, rest)?;
    }
    Ok(Some(decoder))
}

/// Decodes a block and gives what no later block looks back at. No more is held than that, and a block.
fn block(decoder: &mut FrameDecoder, rest: &mut &[u8]) -> Result<Option<Vec<u8>>, Reason> {
    decoder.decode_blocks(&mut *rest, BlockDecodingStrategy::UptoBlocks(1)).map_err(|_| CORRUPT)?;
    Ok(decoder.collect())
}
