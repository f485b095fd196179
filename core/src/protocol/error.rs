//! [`DecodeError`]: why bytes are no message.

use core::fmt;

/// Why bytes are no message. Offsets count from the first byte the reader was given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end inside a field.
    Truncated {
        /// Where the field begins.
        offset: usize,
    },
    /// A length or count that the rest of the frame cannot hold, or longer than Kafka's strings may be.
    InvalidLength {
        /// Where the length is.
        offset: usize,
        /// The length or count.
        length: i64,
    },
    /// Null where the version has no null.
    NullNotAllowed {
        /// Where the length is.
        offset: usize,
    },
    /// A string that is not UTF-8.
    InvalidUtf8 {
        /// Where its length is.
        offset: usize,
    },
    /// A varint beyond its type.
    VarintTooLong {
        /// Where it begins.
        offset: usize,
    },
    /// A tagged field whose value did not take the bytes announced.
    TagSizeMismatch {
        /// Where the value ended.
        offset: usize,
        /// The tag.
        tag: u32,
    },
    /// Bytes after the body.
    TrailingBytes {
        /// Where the body ended.
        offset: usize,
        /// How many follow.
        count: usize,
    },
    /// A version that the message does not have.
    UnsupportedVersion {
        /// The message.
        message: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// A request of another API than expected.
    UnexpectedApiKey {
        /// The API in the header.
        api_key: i16,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { offset } => write!(f, "the bytes end inside the field at byte {offset}"),
            Self::InvalidLength { offset, length } => write!(f, "impossible length {length} at byte {offset}"),
            Self::NullNotAllowed { offset } => write!(f, "null where none is allowed at byte {offset}"),
            Self::InvalidUtf8 { offset } => write!(f, "a string that is not UTF-8 at byte {offset}"),
            Self::VarintTooLong { offset } => write!(f, "varint too long at byte {offset}"),
            Self::TagSizeMismatch { offset, tag } => {
                write!(f, "the value of tagged field {tag} ended at byte {offset}, not where announced")
            }
            Self::TrailingBytes { offset, count } => {
                write!(f, "{count} bytes left behind the body's end at byte {offset}")
            }
            Self::UnsupportedVersion { message, version } => write!(f, "{message} has no version {version}"),
            Self::UnexpectedApiKey { api_key } => write!(f, "unexpected api key {api_key}"),
        }
    }
}

impl core::error::Error for DecodeError {}
