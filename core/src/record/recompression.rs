//! [`Recompression`]: the records of a batch written anew in another codec, in turns.
//!
//! **Architecture Invariant:** nothing is held but the batch as it came, what was compressed of it up to now, and a piece between
//! the two.

use super::compression::stream::CompressionStream;
use super::compression::{Compressor, MAX_UNCOMPRESSED};
use super::walk::{RecordWalk, Walked};
use super::{BatchBuilder, BatchHeader, NO_TIMESTAMP, RecordError};
use alloc::vec::Vec;
use bytes::Bytes;

/// Bytes that are compressed at once, unless there are no more in this turn.
const PIECE: usize = 16 << 10;

/// Compresses the records of a batch anew while it is walked.
#[derive(Clone, Debug)]
pub(super) struct Recompression {
    header: BatchHeader,
    walk: RecordWalk,
    stream: CompressionStream,
    /// The batch as it comes to be.
    builder: BatchBuilder,
    /// The most bytes that it may have.
    most: usize,
    /// Bytes of it that were let go, because it has more.
    gone: usize,
    negative_timestamp: Option<i64>,
}

/// What came of it.
pub(super) enum Recompressed {
    Batch(Bytes),
    /// It would have so many bytes.
    TooLarge(usize),
    /// A record has a timestamp that none may have.
    NegativeTimestamp(i64),
}

impl Recompression {
    /// Of the batch with this header, to one of no more than `most` bytes, nor than [`MAX_UNCOMPRESSED`].
    ///
    /// # Errors
    /// [`RecordError::UnknownCompression`].
    pub(super) fn new(header: &BatchHeader, compressor: Compressor, most: u64) -> Result<Self, RecordError> {
        let walk = RecordWalk::copying(header, compressor.effort())?;
        let mut builder = BatchBuilder::new(0)
            .with_producer(header.producer_id, header.producer_epoch, header.base_sequence)
            .in_codec(compressor.codec());
        if header.is_transactional() {
            builder = builder.transactional();
        }
        let stream = compressor.begin(builder.buffer());
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(MAX_UNCOMPRESSED);
        Ok(Self { header: *header, walk, stream, builder, most, gone: 0, negative_timestamp: None })
    }

    /// Goes on to the next record, as [`RecordWalk::next`].
    pub(super) fn next(&mut self, section: &[u8], budget: &mut usize) -> Result<Walked, RecordError> {
        let walked = self.walk.next(section, budget)?;
        let is_record = matches!(walked, Walked::Record(_));
        if let Walked::Record(record) = &walked {
            let timestamp = self.header.timestamp_at(record.timestamp_delta);
            if timestamp < NO_TIMESTAMP {
                self.negative_timestamp.get_or_insert(timestamp);
            }
            self.builder.note(timestamp);
        }
        if let Some(piece) = self.walk.take_copy(if is_record { PIECE } else { 1 }) {
            self.stream.write(&piece, self.builder.buffer());
            self.let_go();
        }
        Ok(walked)
    }

    /// What came of it, behind the last record.
    pub(super) fn end(mut self) -> Recompressed {
        if let Some(timestamp) = self.negative_timestamp {
            return Recompressed::NegativeTimestamp(timestamp);
        }
        let stream = self.stream;
        stream.end(self.builder.buffer());
        let size = self.gone + self.builder.size();
        if size > self.most { Recompressed::TooLarge(size) } else { Recompressed::Batch(self.builder.build()) }
    }

    /// Of a batch that gets too large only its size is of interest.
    fn let_go(&mut self) {
        let buffer = self.builder.buffer();
        if self.gone > 0 || buffer.len() > self.most {
            self.gone += buffer.len();
            *buffer = Vec::new();
        }
    }
}
