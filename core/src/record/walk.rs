//! [`RecordWalk`]: the records of a compressed batch, one after the other, while it is decompressed; [`PassedRecord`]: what is
//! read of them. A walk may write them anew, as a batch has them whose offsets count from 0.
//!
//! **Architecture Invariant:** no more than one piece of the [`Decompressor`] is held, and what a codec looks back (128 MiB is the
//! most that a frame of zstd may), however large a record or a batch is; and a walk can pause between any two pieces: nobody
//! has to do more in one turn than it wants to.

use super::compression::Decompressor;
use super::fields::{Cursor, put_head};
use super::{BatchHeader, RecordError, RecordView};
use crate::ids::Offset;
use alloc::vec::Vec;

/// No field before a key or value takes more: attributes, timestamp, offset and the length of the key.
const LONGEST_HEAD: usize = 1 + 10 + 5 + 5;

/// What is kept of a record that was passed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PassedRecord {
    /// Its index in the batch.
    pub index: i32,
    /// From the batch's base timestamp.
    pub timestamp_delta: i64,
    /// From the batch's base offset.
    pub offset_delta: i32,
    /// Bytes of its key; `None` for null.
    pub key_size: Option<usize>,
    /// Bytes of its value; `None` for null.
    pub value_size: Option<usize>,
    /// The first bytes of its key, as many as the walk was to keep.
    pub key: Vec<u8>,
}

impl PassedRecord {
    /// Its offset in the batch of this header.
    pub const fn offset(&self, header: &BatchHeader) -> Offset {
        header.base_offset.saturating_add(self.offset_delta as i64)
    }

    /// Of a record that is there as a whole; its key is not kept.
    pub(super) fn of(record: &RecordView<'_>) -> Self {
        Self {
            index: record.index,
            timestamp_delta: record.timestamp_delta,
            offset_delta: record.offset_delta,
            key_size: record.key.map(<[u8]>::len),
            value_size: record.value.map(<[u8]>::len),
            key: Vec::new(),
        }
    }
}

/// Where a walk came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Walked {
    /// The next record.
    Record(PassedRecord),
    /// As far as it was to go in this turn.
    Paused,
    /// Behind the last record.
    Ended,
}

/// The next field of a record.
#[derive(Clone, Copy, Debug)]
enum Field {
    Length,
    Head,
    Value,
    HeaderCount,
    HeaderKey,
    HeaderValue,
}

/// Walks the records of a compressed batch.
#[derive(Clone, Debug)]
pub struct RecordWalk {
    decompressor: Decompressor,
    /// The piece that was decompressed, and what was left of the one before.
    piece: Vec<u8>,
    /// How much of it was read.
    at: usize,
    /// There are no more pieces.
    is_last: bool,
    field: Field,
    /// Bytes of the record that were not read yet.
    left: usize,
    /// Those of them that are passed over.
    passing: usize,
    headers: i32,
    record: PassedRecord,
    count: i32,
    /// Bytes of a key to keep.
    keep: usize,
    copy: Option<CopiedRecords>,
}

/// Of a walk that writes records anew.
#[derive(Clone, Debug)]
struct CopiedRecords {
    header: BatchHeader,
    /// What their timestamps count from: the one of the first.
    base_timestamp: i64,
    /// What was written since this was taken.
    bytes: Vec<u8>,
    /// What a byte takes from the budget.
    effort: usize,
}

impl RecordWalk {
    /// Of the batch with this header. `keep` bytes of each key are kept.
    ///
    /// # Errors
    /// [`RecordError::UnknownCompression`].
    pub fn new(header: &BatchHeader, keep: usize) -> Result<Self, RecordError> {
        Ok(Self {
            decompressor: Decompressor::new(header.compression()?),
            piece: Vec::new(),
            at: 0,
            is_last: false,
            field: Field::Length,
            left: 0,
            passing: 0,
            headers: 0,
            record: PassedRecord::default(),
            count: header.records_count,
            keep,
            copy: None,
        })
    }

    /// The same, of which the records are written anew ([`Self::take_copy`]): offsets count from 0, timestamps from the first. Each
    /// of their bytes takes `effort` more from the budget.
    ///
    /// # Errors
    /// [`RecordError::UnknownCompression`].
    pub(super) fn copying(header: &BatchHeader, effort: usize) -> Result<Self, RecordError> {
        let copy = CopiedRecords { header: *header, base_timestamp: 0, bytes: Vec::new(), effort };
        Ok(Self { copy: Some(copy), ..Self::new(header, 0)? })
    }

    /// What was written anew since the last call, where it is `least` bytes at least.
    pub(super) fn take_copy(&mut self, least: usize) -> Option<Vec<u8>> {
        self.copy.as_mut().filter(|copy| copy.bytes.len() >= least).map(|copy| core::mem::take(&mut copy.bytes))
    }

    /// Goes on to the next record. `section` is what is behind the header of the batch, always the same. Pauses when as many bytes
    /// were decompressed, or written, as `budget` has, which becomes less by them; the last piece may be more.
    ///
    /// # Errors
    /// Where the batch cannot be decompressed or a record is malformed. Nothing comes after that.
    pub fn next(&mut self, section: &[u8], budget: &mut usize) -> Result<Walked, RecordError> {
        loop {
            self.pass(budget);
            if self.copy.is_some() && *budget == 0 {
                return Ok(Walked::Paused);
            }
            let is_whole = self.passing == 0 && (self.is_last || self.available() >= self.needed());
            if !is_whole && !self.is_last {
                if *budget == 0 {
                    return Ok(Walked::Paused);
                }
                self.pull(section, budget)?;
            } else if !is_whole {
                return Err(self.invalid("field longer than its record"));
            } else if self.record.index >= self.count {
                return if self.available() == 0 {
                    Ok(Walked::Ended)
                } else {
                    Err(self.invalid("bytes after the last record"))
                };
            } else if let Some(record) = self.read(budget)? {
                return Ok(Walked::Record(record));
            }
        }
    }

    /// Passes over what of a key or value is there.
    fn pass(&mut self, budget: &mut usize) {
        let mut count = self.passing.min(self.available());
        if let Some(copy) = &self.copy {
            count = count.min(budget.div_ceil(copy.effort));
        }
        let passed = self.piece.get(self.at..self.at + count).unwrap_or_default();
        if let Some(copy) = &mut self.copy {
            copy.put(passed, budget);
        }
        if matches!(self.field, Field::Value) {
            // What lies before the value is the key.
            let wanted = passed.len().min(self.keep - self.record.key.len());
            self.record.key.extend_from_slice(passed.get(..wanted).unwrap_or_default());
        }
        self.at += count;
        self.passing -= count;
        self.left -= count;
    }

    const fn available(&self) -> usize {
        self.piece.len() - self.at
    }

    /// Bytes that the next field needs at most, behind the last record one to know of.
    fn needed(&self) -> usize {
        match self.field {
            Field::Length => 5,
            _ => LONGEST_HEAD.min(self.left),
        }
    }

    fn pull(&mut self, section: &[u8], budget: &mut usize) -> Result<(), RecordError> {
        self.piece.drain(..self.at);
        self.at = 0;
        match self.decompressor.piece(section, &mut self.piece, usize::MAX)? {
            Some(count) => *budget = budget.saturating_sub(count.max(1)),
            None => self.is_last = true,
        }
        Ok(())
    }

    const fn invalid(&self, reason: &'static str) -> RecordError {
        RecordError::InvalidRecord { index: self.record.index, reason }
    }

    /// Reads a field; answers the record where it was its last.
    fn read(&mut self, budget: &mut usize) -> Result<Option<PassedRecord>, RecordError> {
        let there = self.piece.get(self.at..).unwrap_or_default();
        let is_length = matches!(self.field, Field::Length);
        let rest = if is_length { there } else { there.get(..self.left).unwrap_or(there) };
        let mut cursor = Cursor { rest, index: self.record.index };
        let before = cursor.rest.len();
        // What is copied as it is.
        let mut from = 0;
        let mut passing = None;
        match self.field {
            Field::Length => {
                let length = usize::try_from(cursor.varint()?);
                self.left = length.map_err(|_| cursor.invalid("negative record length"))?;
                self.field = Field::Head;
            }
            Field::Head => {
                cursor.take(1)?;
                self.record.timestamp_delta = cursor.varlong()?;
                self.record.offset_delta = cursor.varint()?;
                from = before - cursor.rest.len();
                if let Some(copy) = &mut self.copy {
                    copy.begin(&self.record, self.left - from).ok_or(cursor.invalid("record too long"))?;
                }
                passing = usize::try_from(cursor.varint()?).ok();
                self.record.key_size = passing;
                self.field = Field::Value;
            }
            Field::Value => {
                passing = usize::try_from(cursor.varint()?).ok();
                self.record.value_size = passing;
                self.field = Field::HeaderCount;
            }
            Field::HeaderCount => {
                self.headers = cursor.varint()?;
                if self.headers < 0 {
                    return Err(cursor.invalid("negative number of headers"));
                }
                self.field = Field::HeaderKey;
            }
            Field::HeaderKey => {
                let length = usize::try_from(cursor.varint()?);
                passing = Some(length.map_err(|_| cursor.invalid("null header key"))?);
                self.field = Field::HeaderValue;
            }
            Field::HeaderValue => {
                passing = usize::try_from(cursor.varint()?).ok();
                self.headers -= 1;
                self.field = Field::HeaderKey;
            }
        }
        let taken = before - cursor.rest.len();
        if let Some(copy) = self.copy.as_mut().filter(|_| !is_length) {
            copy.put(there.get(from..taken).unwrap_or_default(), budget);
        }
        self.at += taken;
        if is_length {
            return Ok(None);
        }
        self.left -= taken;
        self.passing = passing.unwrap_or_default();
        if self.passing > self.left {
            return Err(self.invalid("field longer than its record"));
        }
        if self.headers > 0 || !matches!(self.field, Field::HeaderKey) {
            return Ok(None);
        }
        if self.left > self.passing {
            return Err(self.invalid("bytes after the last header"));
        }
        self.field = Field::Length;
        let next = PassedRecord { index: self.record.index + 1, ..PassedRecord::default() };
        Ok(Some(core::mem::replace(&mut self.record, next)))
    }
}

impl CopiedRecords {
    /// Writes what a record begins with before its `fields` bytes of key, value and headers; `None` where it would be too long.
    fn begin(&mut self, record: &PassedRecord, fields: usize) -> Option<()> {
        let timestamp = self.header.timestamp_at(record.timestamp_delta);
        if record.index == 0 {
            self.base_timestamp = timestamp;
        }
        put_head(&mut self.bytes, timestamp.wrapping_sub(self.base_timestamp), record.index, fields)
    }

    fn put(&mut self, bytes: &[u8], budget: &mut usize) {
        self.bytes.extend_from_slice(bytes);
        *budget = budget.saturating_sub(bytes.len().saturating_mul(self.effort));
    }
}

/// The first bytes, up to `keep`, of the key of the first record of a batch: where `bytes`, the batch or what there is of it, tell
/// it within `limit` bytes that are unpacked. `None` also where it has no key.
pub fn first_key(header: &BatchHeader, bytes: &[u8], keep: usize, limit: usize) -> Option<Vec<u8>> {
    let section = bytes.get(super::HEADER_LENGTH..)?;
    let mut budget = limit;
    match RecordWalk::new(header, keep).ok()?.next(section, &mut budget) {
        Ok(Walked::Record(record)) => record.key_size.map(|_| record.key),
        _ => None,
    }
}
