//! [`Batches`]: whole batches of a byte run, one after the other.

use super::{RecordBatch, RecordError};
use bytes::{Buf, Bytes};

/// Iterates the whole batches of a byte run. A batch cut off at the end is no error: iteration ends before it and
/// [`Batches::partial_bytes`] says how much of it there is.
#[derive(Clone, Debug)]
pub struct Batches {
    rest: Bytes,
    failed: bool,
}

impl Batches {
    /// The batches of `bytes`.
    pub const fn new(bytes: Bytes) -> Self {
        Self { rest: bytes, failed: false }
    }

    /// Bytes not yet passed; after the last item, those of a batch cut off or of what follows an error.
    pub const fn partial_bytes(&self) -> usize {
        self.rest.len()
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.rest.is_empty() {
            return None;
        }
        match RecordBatch::parse(&self.rest) {
            Ok(batch) => {
                self.rest.advance(batch.size());
                Some(Ok(batch))
            }
            Err(RecordError::Incomplete { .. }) => None,
            Err(error) => {
                // Where the next batch would begin is unknown now.
                self.failed = true;
                Some(Err(error))
            }
        }
    }
}
