//! [`Reader`] and [`Writer`]: the primitive types, tag buffers and arrays.
//!
//! Both know whether the message is flexible, so that generated code calls one function per field. A reader that met a
//! fault keeps it, reads zeros and empties from then on, and is asked once at the end ([`Reader::fault`]): the generated
//! code stays straight, which is most of its size.

use super::{DecodeError, Records};
use crate::ids::Uuid;
use crate::text::Str;
use alloc::vec::Vec;
use bytes::Bytes;

/// Kafka's longest string, in bytes, in every encoding.
const MAX_STRING: usize = 0x7fff;

/// Slices of at least so many bytes go out by reference.
const BY_REFERENCE: usize = 512;

/// Reads primitives from a frame, within its bounds.
#[derive(Clone, Debug)]
pub struct Reader {
    frame: Bytes,
    position: usize,
    flexible: bool,
    fault: Option<DecodeError>,
}

/// A tagged field whose value comes next.
#[derive(Debug)]
pub struct Tag {
    /// Its number.
    pub id: u32,
    end: usize,
}

impl Reader {
    /// A reader at the start of `frame`, not flexible yet.
    pub fn new(frame: Bytes) -> Self {
        Self { frame, position: 0, flexible: false, fault: None }
    }

    /// Compact lengths and tag buffers from here on, or not.
    pub fn set_flexible(&mut self, flexible: bool) {
        self.flexible = flexible;
    }

    /// The first thing that went wrong.
    pub fn fault(&self) -> Result<(), DecodeError> {
        match &self.fault {
            Some(fault) => Err(fault.clone()),
            None => Ok(()),
        }
    }

    /// Wants that nothing went wrong and no byte is left.
    pub fn finish(&mut self) -> Result<(), DecodeError> {
        self.fault()?;
        match self.remaining() {
            0 => Ok(()),
            count => Err(DecodeError::TrailingBytes { offset: self.position, count }),
        }
    }

    /// Bytes left.
    pub fn remaining(&self) -> usize {
        self.frame.len() - self.position
    }

    /// Bytes read.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The bytes that are left, shared.
    pub fn rest(&self) -> Bytes {
        self.frame.slice(self.position..)
    }

    /// One byte, zero for false.
    pub fn bool(&mut self) -> bool {
        self.fixed::<1>() != [0]
    }

    /// One byte.
    pub fn int8(&mut self) -> i8 {
        i8::from_be_bytes(self.fixed())
    }

    /// Two bytes, big-endian like all below.
    pub fn int16(&mut self) -> i16 {
        i16::from_be_bytes(self.fixed())
    }

    /// Four bytes.
    pub fn int32(&mut self) -> i32 {
        i32::from_be_bytes(self.fixed())
    }

    /// Eight bytes.
    pub fn int64(&mut self) -> i64 {
        i64::from_be_bytes(self.fixed())
    }

    /// Two bytes.
    pub fn uint16(&mut self) -> u16 {
        u16::from_be_bytes(self.fixed())
    }

    /// Four bytes.
    pub fn uint32(&mut self) -> u32 {
        u32::from_be_bytes(self.fixed())
    }

    /// Eight bytes.
    pub fn float64(&mut self) -> f64 {
        f64::from_be_bytes(self.fixed())
    }

    /// Sixteen bytes.
    pub fn uuid(&mut self) -> Uuid {
        Uuid::from_u128(u128::from_be_bytes(self.fixed()))
    }

    /// LEB128, at most five bytes.
    pub fn unsigned_varint(&mut self) -> u32 {
        let offset = self.position;
        let value = self.leb128(5);
        u32::try_from(value).unwrap_or_else(|_| self.fail(DecodeError::VarintTooLong { offset }))
    }

    /// Zig-zag LEB128, at most five bytes.
    pub fn varint(&mut self) -> i32 {
        let value = self.unsigned_varint();
        (value >> 1) as i32 ^ -((value & 1) as i32)
    }

    /// Zig-zag LEB128, at most ten bytes.
    pub fn varlong(&mut self) -> i64 {
        let value = self.leb128(10);
        (value >> 1) as i64 ^ -((value & 1) as i64)
    }

    /// A string.
    pub fn string(&mut self) -> Str {
        self.nullable_string(false).unwrap_or_default()
    }

    /// A string that is null, if `allowed`.
    pub fn nullable_string(&mut self, allowed: bool) -> Option<Str> {
        let offset = self.position;
        let length = self.length(allowed, Width::Short)?;
        if length > MAX_STRING {
            return self.fail(DecodeError::InvalidLength { offset, length: length as i64 });
        }
        match Str::from_utf8(self.slice(length)) {
            Some(text) => Some(text),
            None => self.fail(DecodeError::InvalidUtf8 { offset }),
        }
    }

    /// Bytes, shared with the frame.
    pub fn bytes(&mut self) -> Bytes {
        self.nullable_bytes(false).unwrap_or_default()
    }

    /// Bytes that are null, if `allowed`.
    pub fn nullable_bytes(&mut self, allowed: bool) -> Option<Bytes> {
        let length = self.length(allowed, Width::Long)?;
        Some(self.slice(length))
    }

    /// Record batches, shared with the frame.
    pub fn records(&mut self) -> Records {
        Records::from(self.bytes())
    }

    /// Record batches that are null, if `allowed`.
    pub fn nullable_records(&mut self, allowed: bool) -> Option<Records> {
        self.nullable_bytes(allowed).map(Records::from)
    }

    /// An array of which no element takes less than `minimal` bytes.
    pub fn array<T>(&mut self, minimal: usize, version: i16, element: fn(&mut Self, i16) -> T) -> Vec<T> {
        self.nullable_array(false, minimal, version, element).unwrap_or_default()
    }

    /// An array that is null, if `allowed`.
    ///
    /// The count is believed only as far as the bytes that are left could hold so many elements, and the first
    /// allocation is never larger than those bytes: an element's struct may be larger than its encoding, so the vector
    /// grows with what was really read.
    pub fn nullable_array<T>(
        &mut self,
        allowed: bool,
        minimal: usize,
        version: i16,
        element: fn(&mut Self, i16) -> T,
    ) -> Option<Vec<T>> {
        let count = self.count(allowed, minimal)?;
        let mut items = Vec::with_capacity(count.min(self.remaining() / size_of::<T>().max(1)));
        for _ in 0..count {
            items.push(element(self, version));
            if self.fault.is_some() {
                break;
            }
        }
        Some(items)
    }

    /// A struct behind a byte that says whether it is null.
    pub fn nullable_struct<T>(&mut self, version: i16, read: fn(&mut Self, i16) -> T) -> Option<T> {
        (self.int8() >= 0 && self.fault.is_none()).then(|| read(self, version))
    }

    /// How many tagged fields follow; none unless flexible.
    pub fn tag_count(&mut self) -> u32 {
        if self.flexible { self.unsigned_varint() } else { 0 }
    }

    /// The next of `left` tagged fields.
    pub fn next_tag(&mut self, left: &mut u32) -> Option<Tag> {
        *left = left.checked_sub(1)?;
        let id = self.unsigned_varint();
        let size = self.unsigned_varint() as usize;
        if self.fault.is_some() {
            return None;
        }
        if size > self.remaining() {
            return self.fail(DecodeError::Truncated { offset: self.position });
        }
        Some(Tag { id, end: self.position + size })
    }

    /// Wants that the value of `tag` took all its bytes.
    pub fn end_tag(&mut self, tag: &Tag) {
        if self.fault.is_none() && self.position != tag.end {
            self.fail::<()>(DecodeError::TagSizeMismatch { offset: self.position, tag: tag.id });
        }
    }

    /// Skips the value of a tag that nobody knows.
    pub fn skip_tag(&mut self, tag: &Tag) {
        self.position = tag.end;
    }

    /// Skips a tag buffer.
    pub fn skip_tags(&mut self) {
        let mut left = self.tag_count();
        while let Some(tag) = self.next_tag(&mut left) {
            self.skip_tag(&tag);
        }
    }

    /// Keeps the first fault and lets every later read find the frame's end.
    fn fail<T: Default>(&mut self, fault: DecodeError) -> T {
        if self.fault.is_none() {
            self.fault = Some(fault);
        }
        self.position = self.frame.len();
        T::default()
    }

    fn fixed<const N: usize>(&mut self) -> [u8; N] {
        let bytes = self.frame.get(self.position..).and_then(<[u8]>::first_chunk::<N>).copied();
        let Some(bytes) = bytes else {
            let offset = self.position;
            self.fail::<()>(DecodeError::Truncated { offset });
            return [0; N];
        };
        self.position += N;
        bytes
    }

    fn slice(&mut self, length: usize) -> Bytes {
        if length > self.remaining() {
            return self.fail(DecodeError::Truncated { offset: self.position });
        }
        let start = self.position;
        self.position += length;
        self.frame.slice(start..self.position)
    }

    fn leb128(&mut self, longest: usize) -> u64 {
        let offset = self.position;
        let mut value = 0u64;
        for index in 0..longest {
            let [byte] = self.fixed();
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if index == 9 && bits > 1 {
                break;
            }
            value |= bits << (7 * index);
            if byte & 0x80 == 0 {
                return value;
            }
        }
        self.fail(DecodeError::VarintTooLong { offset })
    }

    /// A length or count; `None` for null, which is a fault unless `allowed`.
    fn length(&mut self, allowed: bool, width: Width) -> Option<usize> {
        let offset = self.position;
        let length = match (self.flexible, width) {
            (true, _) => i64::from(self.unsigned_varint()) - 1,
            (false, Width::Short) => i64::from(self.int16()),
            (false, Width::Long) => i64::from(self.int32()),
        };
        match usize::try_from(length) {
            _ if self.fault.is_some() => None,
            Ok(length) => Some(length),
            Err(_) if allowed => None,
            Err(_) => self.fail(DecodeError::NullNotAllowed { offset }),
        }
    }

    fn count(&mut self, allowed: bool, minimal: usize) -> Option<usize> {
        let offset = self.position;
        let count = self.length(allowed, Width::Long)?;
        if count > self.remaining() / minimal.max(1) {
            return self.fail(DecodeError::InvalidLength { offset, length: count as i64 });
        }
        Some(count)
    }
}

/// Of a length that is not compact.
#[derive(Clone, Copy)]
enum Width {
    Short,
    Long,
}

/// Writes primitives; large slices are kept by reference, so a frame comes out in parts.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    parts: Vec<Bytes>,
    buffer: Vec<u8>,
    flexible: bool,
    open_tags: u32,
}

/// Where the count of an open tag buffer is.
#[derive(Debug)]
pub struct Tags(usize);

/// Where the value of an open tagged field begins.
#[derive(Clone, Copy, Debug)]
pub struct OpenTag(usize);

impl Writer {
    /// An empty writer, not flexible yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Compact lengths and tag buffers from here on, or not.
    pub fn set_flexible(&mut self, flexible: bool) {
        self.flexible = flexible;
    }

    /// Bytes written.
    pub fn len(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum::<usize>() + self.buffer.len()
    }

    /// True before the first byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was written, to be sent one part after the other.
    pub fn into_parts(mut self) -> Vec<Bytes> {
        self.flush();
        self.parts
    }

    /// One byte.
    pub fn bool(&mut self, value: bool) {
        self.buffer.push(u8::from(value));
    }

    /// One byte.
    pub fn int8(&mut self, value: i8) {
        self.buffer.push(value as u8);
    }

    /// Two bytes, big-endian like all below.
    pub fn int16(&mut self, value: i16) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    /// Four bytes.
    pub fn int32(&mut self, value: i32) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    /// Eight bytes.
    pub fn int64(&mut self, value: i64) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    /// Two bytes.
    pub fn uint16(&mut self, value: u16) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    /// Four bytes.
    pub fn uint32(&mut self, value: u32) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    /// Eight bytes.
    pub fn float64(&mut self, value: f64) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    /// Sixteen bytes.
    pub fn uuid(&mut self, value: Uuid) {
        self.buffer.extend_from_slice(&value.as_u128().to_be_bytes());
    }

    /// LEB128.
    pub fn unsigned_varint(&mut self, value: u32) {
        self.leb128(u64::from(value));
    }

    /// Zig-zag LEB128.
    pub fn varint(&mut self, value: i32) {
        self.leb128(u64::from((value << 1 ^ value >> 31) as u32));
    }

    /// Zig-zag LEB128.
    pub fn varlong(&mut self, value: i64) {
        self.leb128((value << 1 ^ value >> 63) as u64);
    }

    /// Bytes as they are, without a length.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// A string. One beyond 32767 bytes cannot be written, as in Kafka, and is cut there.
    pub fn string(&mut self, text: &Str) {
        self.nullable_string(Some(text), false);
    }

    /// A string that may be null; where null is not `allowed` it is written as empty.
    pub fn nullable_string(&mut self, text: Option<&Str>, allowed: bool) {
        let text = text.map(|text| cut(text));
        self.length(text.map(str::len), allowed, Width::Short);
        self.raw(text.unwrap_or_default().as_bytes());
    }

    /// Bytes.
    pub fn bytes(&mut self, bytes: &Bytes) {
        self.nullable_bytes(Some(bytes), false);
    }

    /// Bytes that may be null; where null is not `allowed` they are written as empty.
    pub fn nullable_bytes(&mut self, bytes: Option<&Bytes>, allowed: bool) {
        self.length(bytes.map(Bytes::len), allowed, Width::Long);
        if let Some(bytes) = bytes {
            self.share(bytes);
        }
    }

    /// Record batches.
    pub fn records(&mut self, records: &Records) {
        self.nullable_records(Some(records), false);
    }

    /// Record batches that may be null; where null is not `allowed` they are written as empty.
    pub fn nullable_records(&mut self, records: Option<&Records>, allowed: bool) {
        self.length(records.map(Records::len), allowed, Width::Long);
        for part in records.map(Records::parts).unwrap_or_default() {
            self.share(part);
        }
    }

    /// An array.
    pub fn array<T>(&mut self, items: &[T], version: i16, element: fn(&T, &mut Self, i16)) {
        self.nullable_array(Some(items), false, version, element);
    }

    /// An array that may be null; where null is not `allowed` it is written as empty.
    pub fn nullable_array<T>(
        &mut self,
        items: Option<&[T]>,
        allowed: bool,
        version: i16,
        element: fn(&T, &mut Self, i16),
    ) {
        self.length(items.map(<[T]>::len), allowed, Width::Long);
        for item in items.unwrap_or_default() {
            element(item, self, version);
        }
    }

    /// The byte before a struct that may be null; answers `present`.
    pub fn present(&mut self, present: bool) -> bool {
        self.int8(if present { 1 } else { -1 });
        present
    }

    /// An empty tag buffer, if flexible.
    pub fn no_tags(&mut self) {
        if self.flexible {
            self.buffer.push(0);
        }
    }

    /// Opens a tag buffer, if flexible; it needs no end. Kafka has far less than 128 tags in a struct, so its count
    /// takes one byte.
    pub fn begin_tags(&mut self) -> Option<Tags> {
        self.no_tags();
        self.flexible.then(|| Tags(self.buffer.len() - 1))
    }

    /// Begins a tagged field; tags go in ascending order.
    pub fn begin_tag(&mut self, tags: &Tags, tag: u32) -> OpenTag {
        // Nothing was shared since the buffer was opened (see `share`), so positions hold.
        if let Some(count) = self.buffer.get_mut(tags.0) {
            *count += 1;
        }
        self.unsigned_varint(tag);
        self.open_tags += 1;
        OpenTag(self.buffer.len())
    }

    /// Ends a tagged field: puts its size in front of it.
    pub fn end_tag(&mut self, tag: OpenTag) {
        self.open_tags -= 1;
        let end = self.buffer.len();
        self.unsigned_varint((end - tag.0) as u32);
        let size_bytes = self.buffer.len() - end;
        if let Some(value) = self.buffer.get_mut(tag.0..) {
            value.rotate_right(size_bytes);
        }
    }

    /// Large slices by reference, but not inside a tagged field, whose size is put in front afterwards.
    fn share(&mut self, bytes: &Bytes) {
        if bytes.len() < BY_REFERENCE || self.open_tags > 0 {
            self.raw(bytes);
        } else {
            self.flush();
            self.parts.push(bytes.clone());
        }
    }

    fn flush(&mut self) {
        if !self.buffer.is_empty() {
            self.parts.push(Bytes::from(core::mem::take(&mut self.buffer)));
        }
    }

    fn leb128(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.buffer.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.buffer.push(value as u8);
    }

    fn length(&mut self, length: Option<usize>, allowed: bool, width: Width) {
        let length = if allowed { length } else { Some(length.unwrap_or(0)) };
        match (self.flexible, width) {
            (true, _) => self.unsigned_varint(length.map_or(0, |length| length as u32 + 1)),
            (false, Width::Short) => self.int16(length.map_or(-1, |length| length as i16)),
            (false, Width::Long) => self.int32(length.map_or(-1, |length| length as i32)),
        }
    }
}

/// `text` up to the longest string there is.
fn cut(text: &str) -> &str {
    if text.len() <= MAX_STRING {
        return text;
    }
    text.get(..text.floor_char_boundary(MAX_STRING)).unwrap_or_default()
}

/// Elements of arrays that are no structs, with the signatures of those that are.
#[allow(clippy::trivially_copy_pass_by_ref)]
pub(super) mod element {
    use super::{Reader, Str, Uuid, Writer};

    pub(in crate::protocol) fn read_int8(reader: &mut Reader, _version: i16) -> i8 {
        reader.int8()
    }

    pub(in crate::protocol) fn read_int32(reader: &mut Reader, _version: i16) -> i32 {
        reader.int32()
    }

    pub(in crate::protocol) fn read_uuid(reader: &mut Reader, _version: i16) -> Uuid {
        reader.uuid()
    }

    pub(in crate::protocol) fn read_string(reader: &mut Reader, _version: i16) -> Str {
        reader.string()
    }

    pub(in crate::protocol) fn write_int8(value: &i8, writer: &mut Writer, _version: i16) {
        writer.int8(*value);
    }

    pub(in crate::protocol) fn write_int32(value: &i32, writer: &mut Writer, _version: i16) {
        writer.int32(*value);
    }

    pub(in crate::protocol) fn write_uuid(value: &Uuid, writer: &mut Writer, _version: i16) {
        writer.uuid(*value);
    }

    pub(in crate::protocol) fn write_string(value: &Str, writer: &mut Writer, _version: i16) {
        writer.string(value);
    }
}
