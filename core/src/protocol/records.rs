//! [`Records`]: the bytes of record batches inside a message.

use super::message::join;
use alloc::vec::Vec;
use bytes::Bytes;

/// A run of record batches, as shared slices that are sent one after the other. The codec looks at none of them.
#[derive(Clone, Debug, Default)]
pub struct Records {
    parts: Vec<Bytes>,
}

impl Records {
    /// No bytes.
    pub const EMPTY: Self = Self { parts: Vec::new() };

    /// The slices.
    pub fn parts(&self) -> &[Bytes] {
        &self.parts
    }

    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }

    /// True without a byte.
    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(Bytes::is_empty)
    }

    /// The slices as one; copies nothing if there is one.
    pub fn to_bytes(&self) -> Bytes {
        join(self.parts.clone())
    }
}

impl From<Bytes> for Records {
    fn from(bytes: Bytes) -> Self {
        Self { parts: if bytes.is_empty() { Vec::new() } else { alloc::vec![bytes] } }
    }
}

impl From<Vec<Bytes>> for Records {
    fn from(parts: Vec<Bytes>) -> Self {
        Self { parts }
    }
}

// Equal bytes are equal records, however they are cut.
impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.parts.iter().flatten().eq(other.parts.iter().flatten())
    }
}

impl Eq for Records {}
