//! gzip (RFC 1952), as Java's `GZIPOutputStream` writes and `GZIPInputStream` reads it.

use super::{CORRUPT, Compression, Compressor, ENDS_EARLY, Output, Reason, array, take};
use alloc::boxed::Box;
use alloc::vec::Vec;
use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, compress_to_output as deflate, create_comp_flags_from_zip_params,
};
use miniz_oxide::inflate::TINFLStatus;
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
const ZLIB_LEVEL: i32 = 6;
/// Bytes that deflate may look back.
const WINDOW: usize = 32 << 10;

/// A compressor of this level, 1 to 9, or [`DEFAULT_LEVEL`] (`compression.gzip.level`).
pub fn compressor(level: i32) -> Compressor {
    Compressor { codec: Compression::Gzip, level }
}

/// Zlib's level that stands for a level.
fn zlib_level(level: i32) -> i32 {
    if level < 0 { ZLIB_LEVEL } else { level.min(9) }
}

/// How much longer deflate takes for a byte than inflate does, as wasm in V8.
pub(super) fn effort(level: i32) -> usize {
    match zlib_level(level) {
        0..=3 => 2,
        4..=6 => 6,
        _ => 16,
    }
}

/// What is kept of a stream that is being written.
#[derive(Clone)]
pub(super) struct Writer {
    deflater: Box<CompressorOxide>,
    crc: u32,
    length: u32,
}

impl Writer {
    pub(super) fn begin(level: i32, output: &mut Vec<u8>) -> Self {
        output.extend([MAGIC[0], MAGIC[1], DEFLATE, 0, 0, 0, 0, 0, 0, UNKNOWN_SYSTEM]);
        let flags = create_comp_flags_from_zip_params(zlib_level(level), 0, 0);
        Self { deflater: Box::new(CompressorOxide::new(flags)), crc: 0, length: 0 }
    }

    pub(super) fn write(&mut self, piece: &[u8], output: &mut Vec<u8>) {
        self.crc = crc32(self.crc, piece);
        self.length = self.length.wrapping_add(piece.len() as u32);
        self.deflate(piece, TDEFLFlush::None, output);
    }

    pub(super) fn end(mut self, output: &mut Vec<u8>) {
        self.deflate(&[], TDEFLFlush::Finish, output);
        output.extend(self.crc.to_le_bytes());
        output.extend(self.length.to_le_bytes());
    }

    /// All of a piece is taken at once, for all that comes out is.
    fn deflate(&mut self, piece: &[u8], flush: TDEFLFlush, output: &mut Vec<u8>) {
        deflate(&mut self.deflater, piece, flush, |bytes| {
            output.extend_from_slice(bytes);
            true
        });
    }
}

/// How far a gzip stream is read.
#[derive(Clone, Default)]
pub(super) struct Reader {
    member: Option<Member>,
    /// A whole member was read.
    is_begun: bool,
}

/// The member of a stream that is being read.
#[derive(Clone)]
struct Member {
    decoder: Box<DecompressorOxide>,
    /// What came out last; the decoder looks back in it.
    window: Vec<u8>,
    /// Where in it the next byte goes.
    at: usize,
    crc: u32,
    length: u32,
}

impl Reader {
    /// Puts the next piece out, of no more than [`WINDOW`] bytes, and answers how many; `None` at the end. Members may follow
    /// each other; what is no member behind the first is not looked at, as in Java.
    pub(super) fn piece(&mut self, rest: &mut &[u8], output: &mut Output<'_>) -> Result<Option<usize>, Reason> {
        let mut member = match self.member.take() {
            Some(member) => member,
            None if self.is_begun && !rest.starts_with(&MAGIC) => return Ok(None),
            None => Member::begin(rest)?,
        };
        let (status, taken, count) = inflate(&mut member.decoder, rest, &mut member.window, member.at, 0);
        take(rest, taken)?;
        let piece = member.window.get(member.at..member.at + count).unwrap_or_default();
        output.put(piece)?;
        member.crc = crc32(member.crc, piece);
        member.length = member.length.wrapping_add(count as u32);
        member.at = (member.at + count) % WINDOW;
        match status {
            TINFLStatus::Done => member.end(rest)?,
            TINFLStatus::HasMoreOutput => self.member = Some(member),
            TINFLStatus::FailedCannotMakeProgress | TINFLStatus::NeedsMoreInput => return Err(ENDS_EARLY),
            _ => return Err(CORRUPT),
        }
        self.is_begun = true;
        Ok(Some(count))
    }
}

impl Member {
    fn begin(rest: &mut &[u8]) -> Result<Self, Reason> {
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
        Ok(Self { decoder: Box::default(), window: alloc::vec![0; WINDOW], at: 0, crc: 0, length: 0 })
    }

    fn end(&self, rest: &mut &[u8]) -> Result<(), Reason> {
        let trailer = (u32::from_le_bytes(array(rest)?), u32::from_le_bytes(array(rest)?));
        if trailer == (self.crc, self.length) { Ok(()) } else { Err("corrupt gzip trailer") }
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

/// The CRC of some bytes, whose own is `crc`, and these behind them.
fn crc32(crc: u32, bytes: &[u8]) -> u32 {
    let half = |crc: u32, bits: u8| (crc >> 4) ^ HALVES[((crc ^ u32::from(bits)) & 15) as usize];
    !bytes.iter().fold(!crc, |crc, byte| half(half(crc, *byte), byte >> 4))
}
