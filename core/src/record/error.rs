//! What can be wrong with record bytes.

use super::Compression;
use core::fmt;

/// Why bytes are no batch or no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// Fewer bytes than the batch says it has; normal at the end of a Fetch response.
    Incomplete {
        /// Bytes there are.
        available: usize,
    },
    /// The batch length is below what a header needs.
    InvalidLength(i32),
    /// A magic other than 2.
    UnsupportedMagic(i8),
    /// The stored CRC-32C is not that of the bytes.
    InvalidCrc {
        /// As stored.
        stored: u32,
        /// As computed.
        computed: u32,
    },
    /// The records are compressed, so they cannot be walked as they are.
    Compressed(Compression),
    /// The records cannot be decompressed.
    Decompression {
        /// With what they should be.
        codec: Compression,
        /// What is wrong.
        reason: &'static str,
    },
    /// The compression bits name no codec.
    UnknownCompression(u8),
    /// A record inside the batch is malformed.
    InvalidRecord {
        /// Its index in the batch.
        index: i32,
        /// What is wrong.
        reason: &'static str,
    },
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete { available } => write!(f, "only {available} bytes of a batch"),
            Self::InvalidLength(length) => {
                write!(f, "Record size {length} is less than the minimum record overhead (14)")
            }
            Self::UnsupportedMagic(magic) => write!(f, "Invalid magic found in record: {magic}"),
            Self::InvalidCrc { stored, computed } => {
                write!(f, "Record is corrupt (stored crc = {stored}, computed crc = {computed})")
            }
            Self::Compressed(codec) => write!(f, "records are compressed with {}", codec.name()),
            Self::Decompression { codec, reason } => {
                write!(f, "records cannot be decompressed with {}: {reason}", codec.name())
            }
            Self::UnknownCompression(id) => write!(f, "Unknown compression type id: {id}"),
            Self::InvalidRecord { index, reason } => write!(f, "Invalid record {index}: {reason}"),
        }
    }
}

impl core::error::Error for RecordError {}
