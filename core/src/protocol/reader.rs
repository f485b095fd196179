//! [`Reader`]: the primitive types, tag buffers and arrays, read within a frame's bounds.

use super::primitive::{MAX_STRING, Width};
use super::{DecodeError, Records};
use crate::ids::Uuid;
use crate::text::Str;
use alloc::vec::Vec;
use bytes::Bytes;

/// Reads primitives from a frame, within its bounds.
///
/// It knows whether the message is flexible, so that generated code calls one function per field. A reader that met a
/// fault keeps it, reads zeros and empties from then on, and is asked once at the end ([`Reader::fault`]): the generated
/// code stays straight, which is most of its size.
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

// Most functions are kept out of line: each is called hundreds of times by generated code, and inlining them made the
// wasm of the messages a third larger.
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
    #[inline(never)]
    pub fn bool(&mut self) -> bool {
        self.fixed::<1>() != [0]
    }

    /// One byte.
    #[inline(never)]
    pub fn int8(&mut self) -> i8 {
        i8::from_be_bytes(self.fixed())
    }

    /// Two bytes, big-endian like all below.
    #[inline(never)]
    pub fn int16(&mut self) -> i16 {
        i16::from_be_bytes(self.fixed())
    }

    /// Four bytes.
    #[inline(never)]
    pub fn int32(&mut self) -> i32 {
        i32::from_be_bytes(self.fixed())
    }

    /// Eight bytes.
    #[inline(never)]
    pub fn int64(&mut self) -> i64 {
        i64::from_be_bytes(self.fixed())
    }

    /// Two bytes.
    #[inline(never)]
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
    #[inline(never)]
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
    #[inline(never)]
    pub fn string(&mut self) -> Str {
        self.nullable_string(false).unwrap_or_default()
    }

    /// A string that is null, if `allowed`.
    #[inline(never)]
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
    #[inline(never)]
    pub fn bytes(&mut self) -> Bytes {
        self.nullable_bytes(false).unwrap_or_default()
    }

    /// Bytes that are null, if `allowed`.
    #[inline(never)]
    pub fn nullable_bytes(&mut self, allowed: bool) -> Option<Bytes> {
        let length = self.length(allowed, Width::Long)?;
        Some(self.slice(length))
    }

    /// Record batches, shared with the frame.
    #[inline(never)]
    pub fn records(&mut self) -> Records {
        Records::from(self.bytes())
    }

    /// Record batches that are null, if `allowed`.
    #[inline(never)]
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
    #[inline(never)]
    pub fn tag_count(&mut self) -> u32 {
        if self.flexible { self.unsigned_varint() } else { 0 }
    }

    /// The next of `left` tagged fields.
    #[inline(never)]
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
    #[inline(never)]
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
    #[inline(never)]
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

    #[inline(never)]
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
    #[inline(never)]
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

    #[inline(never)]
    fn count(&mut self, allowed: bool, minimal: usize) -> Option<usize> {
        let offset = self.position;
        let count = self.length(allowed, Width::Long)?;
        if count > self.remaining() / minimal.max(1) {
            return self.fail(DecodeError::InvalidLength { offset, length: count as i64 });
        }
        Some(count)
    }
}
