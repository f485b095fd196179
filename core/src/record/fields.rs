//! The records inside a batch, and the variable-length integers they are written with.

use super::{BatchHeader, RecordError};
use crate::ids::Offset;
use crate::text::Str;
use alloc::vec::Vec;
use bytes::{Buf, Bytes};

/// One record, its fields shared with the batch it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its offset.
    pub offset: Offset,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// Key; `None` for null.
    pub key: Option<Bytes>,
    /// Value; `None` for null, a tombstone in compacted topics.
    pub value: Option<Bytes>,
    /// Headers in their order; keys may repeat.
    pub headers: Vec<(Str, Option<Bytes>)>,
}

impl Record {
    pub(super) fn from_view(view: &RecordView<'_>, header: &BatchHeader, batch: &Bytes) -> Result<Self, RecordError> {
        let mut headers = Vec::with_capacity(view.header_count.min(64) as usize);
        for pair in view.headers() {
            let (key, value) = pair?;
            let key = Str::from_utf8(batch.slice_ref(key))
                .ok_or(RecordError::InvalidRecord { index: view.index, reason: "header key is not UTF-8" })?;
            headers.push((key, value.map(|value| batch.slice_ref(value))));
        }
        Ok(Self {
            offset: header.base_offset.saturating_add(i64::from(view.offset_delta)),
            timestamp: header.timestamp_of(view),
            key: view.key.map(|key| batch.slice_ref(key)),
            value: view.value.map(|value| batch.slice_ref(value)),
            headers,
        })
    }
}

/// One record as it stands in a batch, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordView<'a> {
    /// Its index in the batch.
    pub index: i32,
    /// From the batch's base timestamp.
    pub timestamp_delta: i64,
    /// From the batch's base offset.
    pub offset_delta: i32,
    /// Key; `None` for null.
    pub key: Option<&'a [u8]>,
    /// Value; `None` for null.
    pub value: Option<&'a [u8]>,
    header_count: i32,
    headers: &'a [u8],
    fields: &'a [u8],
}

impl<'a> RecordView<'a> {
    /// Its headers.
    pub fn headers(&self) -> impl Iterator<Item = Result<(&'a [u8], Option<&'a [u8]>), RecordError>> {
        let mut cursor = Cursor { rest: self.headers, index: self.index };
        (0..self.header_count).map(move |_| cursor.header())
    }

    /// Key, value and headers as they are written.
    pub(super) const fn fields(&self) -> &'a [u8] {
        self.fields
    }

    fn parse(body: &'a [u8], index: i32) -> Result<Self, RecordError> {
        let mut cursor = Cursor { rest: body, index };
        cursor.take(1)?;
        let timestamp_delta = cursor.varlong()?;
        let offset_delta = cursor.varint()?;
        let fields = cursor.rest;
        let key = cursor.nullable()?;
        let value = cursor.nullable()?;
        let header_count = cursor.varint()?;
        if header_count < 0 {
            return Err(cursor.invalid("negative number of headers"));
        }
        let headers = cursor.rest;
        for _ in 0..header_count {
            cursor.header()?;
        }
        if !cursor.rest.is_empty() {
            return Err(cursor.invalid("bytes after the last header"));
        }
        Ok(Self { index, timestamp_delta, offset_delta, key, value, header_count, headers, fields })
    }
}

/// Walks the records of a batch, sharing them; ends after the first malformed one.
#[derive(Clone, Debug)]
pub struct Records {
    header: BatchHeader,
    /// Those not walked yet, uncompressed.
    rest: Bytes,
    index: i32,
    count: i32,
}

impl Records {
    pub(super) const fn new(header: BatchHeader, uncompressed: Bytes) -> Self {
        Self { rest: uncompressed, index: 0, count: header.records_count, header }
    }

    /// Bytes of the records not walked yet, uncompressed.
    pub const fn uncompressed_size(&self) -> usize {
        self.rest.len()
    }
}

impl Iterator for Records {
    type Item = Result<Record, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut views = RecordViews { rest: &self.rest, index: self.index, count: self.count };
        let record = views.next()?.and_then(|view| Record::from_view(&view, &self.header, &self.rest));
        let (index, count, left) = (views.index, views.count, views.rest.len());
        (self.index, self.count) = (index, count);
        self.rest.advance(self.rest.len() - left);
        Some(record)
    }
}

/// Walks the records of an uncompressed batch, borrowing them; ends after the first malformed one.
#[derive(Clone, Debug)]
pub struct RecordViews<'a> {
    rest: &'a [u8],
    index: i32,
    count: i32,
}

impl<'a> RecordViews<'a> {
    pub(super) const fn new(records: &'a [u8], count: i32) -> Self {
        Self { rest: records, index: 0, count }
    }

    fn read(&mut self) -> Result<RecordView<'a>, RecordError> {
        let mut cursor = Cursor { rest: self.rest, index: self.index };
        let length = cursor.varint()?;
        let Ok(length) = usize::try_from(length) else { return Err(cursor.invalid("negative record length")) };
        let body = cursor.take(length)?;
        self.rest = cursor.rest;
        RecordView::parse(body, self.index)
    }
}

impl<'a> Iterator for RecordViews<'a> {
    type Item = Result<RecordView<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.index >= self.count {
            if self.rest.is_empty() {
                return None;
            }
            self.rest = &[];
            return Some(Err(RecordError::InvalidRecord { index: self.index, reason: "bytes after the last record" }));
        }
        let result = self.read();
        if result.is_err() {
            self.count = self.index;
            self.rest = &[];
        } else {
            self.index += 1;
        }
        Some(result)
    }
}

/// Reads the fields of one record.
pub(super) struct Cursor<'a> {
    pub(super) rest: &'a [u8],
    /// Of the record in its batch.
    pub(super) index: i32,
}

impl<'a> Cursor<'a> {
    pub(super) const fn invalid(&self, reason: &'static str) -> RecordError {
        RecordError::InvalidRecord { index: self.index, reason }
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], RecordError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(self.invalid("field longer than its record"))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn varint(&mut self) -> Result<i32, RecordError> {
        // A varint of five bytes can exceed 32 bits; Kafka's reader refuses those.
        i32::try_from(self.zigzag(5)?).map_err(|_| self.invalid("varint out of range"))
    }

    pub(super) fn varlong(&mut self) -> Result<i64, RecordError> {
        self.zigzag(10)
    }

    fn zigzag(&mut self, longest: usize) -> Result<i64, RecordError> {
        let mut value: u64 = 0;
        for index in 0..longest {
            let Some(&byte) = self.rest.get(index) else { return Err(self.invalid("varint cut off")) };
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        Err(self.invalid("varint too long"))
    }

    fn nullable(&mut self) -> Result<Option<&'a [u8]>, RecordError> {
        let length = self.varint()?;
        match usize::try_from(length) {
            Ok(length) => Ok(Some(self.take(length)?)),
            Err(_) => Ok(None),
        }
    }

    fn header(&mut self) -> Result<(&'a [u8], Option<&'a [u8]>), RecordError> {
        let key = self.nullable()?.ok_or(self.invalid("null header key"))?;
        Ok((key, self.nullable()?))
    }
}

/// Writes what a record begins with before its `fields` bytes of key, value and headers; `None` where all is more than a length can
/// say.
pub(super) fn put_head(buffer: &mut Vec<u8>, timestamp_delta: i64, offset_delta: i32, fields: usize) -> Option<()> {
    let size = 1 + varlong_size(timestamp_delta) + varlong_size(i64::from(offset_delta)) + fields;
    put_varint(buffer, i32::try_from(size).ok()?);
    buffer.push(0);
    put_varlong(buffer, timestamp_delta);
    put_varint(buffer, offset_delta);
    Some(())
}

/// Writes a zigzag varint.
pub(super) fn put_varint(buffer: &mut Vec<u8>, value: i32) {
    put_varlong(buffer, i64::from(value));
}

/// Writes a zigzag varlong.
pub(super) fn put_varlong(buffer: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        buffer.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    buffer.push(rest as u8);
}

/// Bytes of a zigzag varlong.
pub(super) const fn varlong_size(value: i64) -> usize {
    let bits = 64 - (((value << 1) ^ (value >> 63)) as u64 | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}
