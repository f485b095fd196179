//! gzip (RFC 1952), as Java's `GZIPOutputStream` writes and `GZIPInputStream` reads it.

use super::{CORRUPT, Compression, Compressor, ENDS_EARLY, Output, Reason, TOO_LARGE, array, take};
use alloc::boxed::Box;
use alloc::vec::Vec;
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress as inflate};

const MAGIC: [u8; 2] = [0x1f, 0x8b];
const DEFLATE: u8 = 8;
/// Flags of the header: what is in it.
const HEADER_CRC: u8 = 0x02;
const EXTRA: u8 = 0x04;
const NAME: u8 = 0x08;
const COMMENT: u8 = 0x10;
/// What Java 16 and later write: an unknown system.
const UNKNOWN_SYSTEM: u8 = 255;
/// Stands for zlib's own choice of a level, which is [`ZLIB_LEVEL`].
pub const DEFAULT_LEVEL: i32 = -1;
const ZLIB_LEVEL: u8 = 6;
/// Bytes of output that there is room for at first.
const FIRST_ROOM: usize = 1 << 12;

/// A compressor of this level, 1 to 9, or [`DEFAULT_LEVEL`] (`compression.gzip.level`).
pub fn compressor(level: i32) -> Compressor {
    Compressor { codec: Compression::Gzip, level, compress }
}

fn compress(records: &[u8], level: i32) -> Vec<u8> {
    let level = u8::try_from(level).map_or(ZLIB_LEVEL, |level| level.min(9));
    let mut bytes = alloc::vec![MAGIC[0], MAGIC[1], DEFLATE, 0, 0, 0, 0, 0, 0, UNKNOWN_SYSTEM];
    bytes.extend(compress_to_vec(records, level));
    bytes.extend(crc32(records).to_le_bytes());
    bytes.extend((records.len() as u32).to_le_bytes());
    bytes
}

/// Members may follow each other; what is no member behind the first is not looked at, as in Java.
pub(super) fn decompress(bytes: &[u8], output: &mut Output) -> Result<(), Reason> {
    let mut rest = bytes;
    loop {
        member(&mut rest, output)?;
        if !rest.starts_with(&MAGIC) {
            return Ok(());
        }
    }
}

fn member(rest: &mut &[u8], output: &mut Output) -> Result<(), Reason> {
    let [first, second, method, flags, ..] = array::<10>(rest)?;
    if [first, second] != MAGIC || method != DEFLATE {
        return Err("not in gzip format");
    }
    if flags & EXTRA != 0 {
        let length = u16::from_le_bytes(array(rest)?);
        take(rest, length.into())?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let length = rest.iter().position(|byte| *byte == 0).ok_or(ENDS_EARLY)?;
            take(rest, length + 1)?;
        }
    }
    if flags & HEADER_CRC != 0 {
        take(rest, 2)?;
    }
    let begin = output.bytes.len();
    deflated(rest, output)?;
    let content = output.bytes.get(begin..).unwrap_or_default();
    let crc = u32::from_le_bytes(array(rest)?);
    let length = u32::from_le_bytes(array(rest)?);
    if crc != crc32(content) || length != content.len() as u32 {
        return Err("corrupt gzip trailer");
    }
    Ok(())
}

/// One stream of deflate (RFC 1951). The room for it doubles, so it is never much more than what comes out.
fn deflated(rest: &mut &[u8], output: &mut Output) -> Result<(), Reason> {
    let mut decoder = Box::<DecompressorOxide>::default();
    let begin = output.bytes.len();
    let most = output.room();
    let (mut room, mut written) = (FIRST_ROOM.min(most), 0);
    loop {
        output.bytes.resize(begin + room, 0);
        let target = output.bytes.get_mut(begin..).unwrap_or_default();
        let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (status, taken, more) = inflate(&mut decoder, rest, target, written, flags);
        take(rest, taken)?;
        written += more;
        match status {
            TINFLStatus::Done => {
                output.bytes.truncate(begin + written);
                return Ok(());
            }
            TINFLStatus::HasMoreOutput if room < most => room = (room * 2).min(most),
            TINFLStatus::HasMoreOutput => return Err(TOO_LARGE),
            TINFLStatus::FailedCannotMakeProgress | TINFLStatus::NeedsMoreInput => return Err(ENDS_EARLY),
            _ => return Err(CORRUPT),
        }
    }
}

/// What each half byte does to a CRC-32.
const HALVES: [u32; 16] = {
    let mut table = [0; 16];
    let mut half = 0;
    while half < 16 {
        let mut crc = half as u32;
        let mut bit = 0;
        while bit < 4 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[half] = crc;
        half += 1;
    }
    table
};

fn crc32(bytes: &[u8]) -> u32 {
    let half = |crc: u32, bits: u8| (crc >> 4) ^ HALVES[((crc ^ u32::from(bits)) & 15) as usize];
    !bytes.iter().fold(u32::MAX, |crc, byte| half(half(crc, *byte), byte >> 4))
}
