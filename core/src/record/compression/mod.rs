//! What the records of a batch are compressed with: one block behind the header, in the formats that Kafka's own classes
//! write (`org.apache.kafka.common.compress`), a file for each codec.

pub mod gzip;
pub mod lz4;
pub mod snappy;
pub mod stream;
#[cfg(test)]
mod tests;
pub mod zstd;

use super::RecordError;
use alloc::vec::Vec;
use core::fmt;
use stream::{CompressionStream, Writer};

/// Bytes that the records of one batch may have uncompressed where they are held as a whole, 64 MiB: a few kilobytes of zeros from
/// anyone must not fill the memory. Kafka has no such limit: its clients read them as a stream.
pub const MAX_UNCOMPRESSED: usize = 64 << 20;

/// Configurations of clients that do not do here what they do in Kafka, and what they do.
pub const DEVIATIONS: [(&str, &str); 3] = [
    ("compression.lz4.level", "Checked as in Kafka. Every level compresses fast, as Kafka's default does."),
    ("compression.zstd.level", "Checked as in Kafka. Every level compresses about as well as Kafka's level 1."),
    (
        "compression.type",
        "A batch whose records have more than 64 MiB uncompressed is not read by clients here, and brokers refuse what has as much after they compressed it anew.",
    ),
];

/// How the records of a batch are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// snappy, in xerial blocks or raw.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard (KIP-110).
    Zstd,
}

impl Compression {
    /// All of them; each one's index is its number in the attributes of a batch.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// Kafka's name of the codec.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The records that `bytes` are compressed from.
    ///
    /// # Errors
    /// [`RecordError::Decompression`] where they are damaged, or would have more than [`MAX_UNCOMPRESSED`] bytes.
    pub fn decompress(self, bytes: &[u8]) -> Result<Vec<u8>, RecordError> {
        self.decompress_within(bytes, MAX_UNCOMPRESSED)
    }

    /// The same, for no more than `limit` bytes.
    pub(super) fn decompress_within(self, bytes: &[u8], limit: usize) -> Result<Vec<u8>, RecordError> {
        let mut decompressed = Vec::new();
        let mut decompressor = Decompressor::new(self);
        while decompressor.piece(bytes, &mut decompressed, limit)?.is_some() {}
        Ok(decompressed)
    }
}

/// Decompresses a piece after the other, so that nobody has to hold more, and the work can be done in turns.
#[derive(Clone)]
pub struct Decompressor {
    codec: Compression,
    /// How much was read.
    at: usize,
    reader: Reader,
}

/// Where the codec is.
#[derive(Clone)]
enum Reader {
    Plain,
    Gzip(gzip::Reader),
    Lz4(lz4::Reader),
    Zstd(zstd::Reader),
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.codec.name(), self.at)
    }
}

impl Decompressor {
    /// One that stands before the first byte.
    pub fn new(codec: Compression) -> Self {
        let reader = match codec {
            Compression::None | Compression::Snappy => Reader::Plain,
            Compression::Gzip => Reader::Gzip(gzip::Reader::default()),
            Compression::Lz4 => Reader::Lz4(lz4::Reader::default()),
            Compression::Zstd => Reader::Zstd(zstd::Reader::default()),
        };
        Self { codec, at: 0, reader }
    }

    /// Puts the next piece of `bytes`, always the same, behind `decompressed`, which never gets more than `limit` bytes. Answers
    /// for how many bytes that was work, or `None` at the end. A piece is a block of the codec's format: 32 KiB of gzip, of Java's
    /// snappy and of what is not compressed, 128 KiB of zstd, 4 MiB of lz4 at most; snappy of other clients is one block.
    ///
    /// # Errors
    /// [`RecordError::Decompression`] where they are damaged, or there would be more than `limit`.
    pub fn piece(
        &mut self,
        bytes: &[u8],
        decompressed: &mut Vec<u8>,
        limit: usize,
    ) -> Result<Option<usize>, RecordError> {
        if let Reader::Zstd(reader) = &mut self.reader {
            self.at -= reader.reread().min(self.at);
        }
        let mut rest = bytes.get(self.at..).unwrap_or_default();
        let (is_first, mut output) = (self.at == 0, Output { bytes: decompressed, limit });
        let piece = match (&mut self.reader, self.codec) {
            (Reader::Gzip(reader), _) => reader.piece(&mut rest, &mut output),
            (Reader::Lz4(reader), _) => reader.piece(&mut rest, &mut output),
            (Reader::Zstd(reader), _) => reader.piece(&mut rest, &mut output),
            (Reader::Plain, Compression::Snappy) => snappy::piece(&mut rest, is_first, &mut output),
            (Reader::Plain, _) if rest.is_empty() => Ok(None),
            (Reader::Plain, _) => {
                let count = rest.len().min(PLAIN_PIECE);
                take(&mut rest, count).and_then(|piece| output.put(piece)).map(|()| Some(count))
            }
        };
        self.at = bytes.len() - rest.len();
        piece.map_err(|reason| RecordError::Decompression { codec: self.codec, reason })
    }
}

/// What a producer compresses its batches with. Made by the file of each codec.
#[derive(Clone, Copy, Debug)]
pub struct Compressor {
    codec: Compression,
    level: i32,
}

impl Compressor {
    /// Its codec.
    pub const fn codec(&self) -> Compression {
        self.codec
    }

    /// The records of a batch, compressed.
    pub fn compress(&self, records: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut stream = self.begin(&mut bytes);
        stream.write(records, &mut bytes);
        stream.end(&mut bytes);
        bytes
    }

    /// Begins to compress records that come piece by piece, behind what is in `output`.
    pub fn begin(&self, output: &mut Vec<u8>) -> CompressionStream {
        let writer = match self.codec {
            Compression::None => Writer::Plain,
            Compression::Gzip => Writer::Gzip(gzip::Writer::begin(self.level, output)),
            Compression::Snappy => Writer::Blocks(snappy::begin_blocks(output)),
            Compression::Lz4 => Writer::Blocks(lz4::begin_blocks(output)),
            Compression::Zstd => Writer::Blocks(zstd::begin_blocks(output)),
        };
        CompressionStream { writer }
    }

    /// How many times as long it takes for a byte as gzip takes to decompress one, at least once, as wasm in V8.
    pub fn effort(&self) -> usize {
        match self.codec {
            Compression::None | Compression::Snappy => 1,
            Compression::Gzip => gzip::effort(self.level),
            Compression::Lz4 => 2,
            Compression::Zstd => 3,
        }
    }
}

/// `compression.type` of a topic: what its leader stores records with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetCompression {
    /// What the producer chose.
    #[default]
    Producer,
    /// This codec, at the level of its `compression.*.level`.
    Codec(Compression, i32),
}

impl TargetCompression {
    /// The codec for records that were sent in `source`.
    pub const fn codec(self, source: Compression) -> Compression {
        match self {
            Self::Producer => source,
            Self::Codec(codec, _) => codec,
        }
    }

    /// The compressor of that; where the producer chose, at the codec's own level.
    pub fn compressor(self, source: Compression) -> Compressor {
        let (codec, level) = match self {
            Self::Producer => (source, gzip::DEFAULT_LEVEL),
            Self::Codec(codec, level) => (codec, level),
        };
        Compressor { codec, level }
    }
}

/// Bytes of a piece of what is not compressed.
const PLAIN_PIECE: usize = 32 << 10;

/// Why bytes cannot be decompressed.
type Reason = &'static str;

const ENDS_EARLY: Reason = "the compressed bytes end early";
const CORRUPT: Reason = "the compressed bytes are damaged";
/// The reason where there would be more than the limit.
pub(super) const TOO_LARGE: Reason = "there are more bytes than may be held";

/// What was decompressed so far; never more than its limit.
struct Output<'a> {
    bytes: &'a mut Vec<u8>,
    limit: usize,
}

impl Output<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        if bytes.len() > self.room() {
            return Err(TOO_LARGE);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    const fn room(&self) -> usize {
        self.limit.saturating_sub(self.bytes.len())
    }
}

/// Takes `count` bytes off the front.
fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], Reason> {
    let (taken, behind) = rest.split_at_checked(count).ok_or(ENDS_EARLY)?;
    *rest = behind;
    Ok(taken)
}

/// Takes `N` bytes off the front.
fn array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Reason> {
    let (taken, behind) = rest.split_first_chunk::<N>().ok_or(ENDS_EARLY)?;
    *rest = behind;
    Ok(*taken)
}
