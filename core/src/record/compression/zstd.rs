//! Zstandard frames (RFC 8878).

use super::{CORRUPT, Compression, Compressor, Output, Reason, TOO_LARGE, take};
use alloc::vec::Vec;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// Bytes that a frame may look back, those of the reference library (`ZSTD_WINDOWLOG_LIMIT_DEFAULT`). No more of them are held
/// than were decompressed.
const MAX_WINDOW: u64 = 1 << 27;

/// The compressor. Every level of `compression.zstd.level` is about the reference library's 1: it is the one there is.
pub fn compressor() -> Compressor {
    Compressor { codec: Compression::Zstd, level: 0, compress }
}

fn compress(records: &[u8], _: i32) -> Vec<u8> {
    compress_to_vec(records, CompressionLevel::Fastest)
}

/// Frames may follow each other. A checksum in a frame is passed over: the batch has one of its own.
pub(super) fn decompress(bytes: &[u8], output: &mut Output) -> Result<(), Reason> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_WINDOW);
        match decoder.init(&mut rest) {
            Ok(()) => frame(&mut decoder, &mut rest, output)?,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                take(&mut rest, length as usize)?;
            }
            Err(_) => return Err(CORRUPT),
        }
    }
    Ok(())
}

fn frame(decoder: &mut FrameDecoder, rest: &mut &[u8], output: &mut Output) -> Result<(), Reason> {
    if decoder.content_size() > output.room() as u64 {
        return Err(TOO_LARGE);
    }
    while !decoder.is_finished() {
        // A block is 128 KiB at most, so the limit is passed by no more than that and what a frame looks back.
        decoder.decode_blocks(&mut *rest, BlockDecodingStrategy::UptoBlocks(1)).map_err(|_| CORRUPT)?;
        if let Some(decompressed) = decoder.collect() {
            output.put(&decompressed)?;
        }
    }
    Ok(())
}
