//! [`Writer`]: the primitive types, tag buffers and arrays, written in parts.

use super::Records;
use super::primitive::{MAX_STRING, Width};
use crate::ids::Uuid;
use crate::text::Str;
use alloc::vec::Vec;
use bytes::Bytes;

/// Slices of at least so many bytes go out by reference.
const BY_REFERENCE: usize = 512;

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

// Most functions are kept out of line: each is called hundreds of times by generated code, and inlining them made the
// wasm of the messages a third larger.
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
    #[inline(never)]
    pub fn bool(&mut self, value: bool) {
        self.buffer.push(u8::from(value));
    }

    /// One byte.
    #[inline(never)]
    pub fn int8(&mut self, value: i8) {
        self.buffer.push(value as u8);
    }

    /// Two bytes, big-endian like all below.
    #[inline(never)]
    pub fn int16(&mut self, value: i16) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    /// Four bytes.
    #[inline(never)]
    pub fn int32(&mut self, value: i32) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    /// Eight bytes.
    #[inline(never)]
    pub fn int64(&mut self, value: i64) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    /// Two bytes.
    #[inline(never)]
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
    #[inline(never)]
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
    #[inline(never)]
    pub fn string(&mut self, text: &Str) {
        self.nullable_string(Some(text), false);
    }

    /// A string that may be null; where null is not `allowed` it is written as empty.
    #[inline(never)]
    pub fn nullable_string(&mut self, text: Option<&Str>, allowed: bool) {
        let text = text.map(|text| cut(text));
        self.length(text.map(str::len), allowed, Width::Short);
        self.raw(text.unwrap_or_default().as_bytes());
    }

    /// Bytes.
    #[inline(never)]
    pub fn bytes(&mut self, bytes: &Bytes) {
        self.nullable_bytes(Some(bytes), false);
    }

    /// Bytes that may be null; where null is not `allowed` they are written as empty.
    #[inline(never)]
    pub fn nullable_bytes(&mut self, bytes: Option<&Bytes>, allowed: bool) {
        self.length(bytes.map(Bytes::len), allowed, Width::Long);
        if let Some(bytes) = bytes {
            self.share(bytes);
        }
    }

    /// Record batches.
    #[inline(never)]
    pub fn records(&mut self, records: &Records) {
        self.nullable_records(Some(records), false);
    }

    /// Record batches that may be null; where null is not `allowed` they are written as empty.
    #[inline(never)]
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
    #[inline(never)]
    pub fn present(&mut self, present: bool) -> bool {
        self.int8(if present { 1 } else { -1 });
        present
    }

    /// An empty tag buffer, if flexible.
    #[inline(never)]
    pub fn no_tags(&mut self) {
        if self.flexible {
            self.buffer.push(0);
        }
    }

    /// Opens a tag buffer, if flexible; it needs no end. Kafka has far less than 128 tags in a struct, so its count
    /// takes one byte.
    #[inline(never)]
    pub fn begin_tags(&mut self) -> Option<Tags> {
        self.no_tags();
        self.flexible.then(|| Tags(self.buffer.len() - 1))
    }

    /// Begins a tagged field; tags go in ascending order.
    #[inline(never)]
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
    #[inline(never)]
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

    #[inline(never)]
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
