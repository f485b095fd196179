//! Reads the codec's descriptor; `core/build/descriptor.rs` documents its format.

use broker_core::protocol::{DESCRIPTOR, Reader};
use bytes::Bytes;

#[derive(Clone, Debug)]
pub(crate) struct MessageSchema {
    pub(crate) api_key: Option<i16>,
    pub(crate) first: i16,
    pub(crate) last: i16,
    pub(crate) flexible_from: Option<i16>,
    /// The message itself first.
    pub(crate) structs: Vec<StructSchema>,
}

#[derive(Clone, Debug)]
pub(crate) struct StructSchema {
    pub(crate) name: String,
    pub(crate) fields: Vec<FieldSchema>,
}

#[derive(Clone, Debug)]
pub(crate) struct FieldSchema {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) is_array: bool,
    pub(crate) versions: (i16, i16),
    pub(crate) nullable: Option<(i16, i16)>,
    pub(crate) tag: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint16,
    Uint32,
    Float64,
    Uuid,
    String,
    Bytes,
    Records,
    Struct(usize),
}

impl MessageSchema {
    pub(crate) fn name(&self) -> &str {
        &self.structs[0].name
    }

    pub(crate) fn is_flexible(&self, version: i16) -> bool {
        self.flexible_from.is_some_and(|from| version >= from)
    }
}

impl FieldSchema {
    pub(crate) fn exists_in(&self, version: i16) -> bool {
        (self.versions.0..=self.versions.1).contains(&version)
    }

    pub(crate) fn is_nullable_in(&self, version: i16) -> bool {
        self.nullable.is_some_and(|(first, last)| (first..=last).contains(&version))
    }
}

/// Every message there is.
pub(crate) fn messages() -> Vec<MessageSchema> {
    let mut reader = Reader::new(Bytes::from_static(DESCRIPTOR));
    assert_eq!(reader.uint32(), u32::from_be_bytes(*b"KSD\x01"), "magic and version");
    let messages = many(&mut reader, message);
    reader.finish().expect("the descriptor is read to its end");
    messages
}

fn message(reader: &mut Reader) -> MessageSchema {
    let name = text(reader);
    let api_key = optional(reader);
    let (first, last) = versions(reader);
    let flexible_from = optional(reader);
    let structs = many(reader, |reader| StructSchema { name: text(reader), fields: many(reader, field) });
    assert_eq!(structs[0].name, name);
    MessageSchema { api_key, first, last, flexible_from, structs }
}

fn field(reader: &mut Reader) -> FieldSchema {
    let name = text(reader);
    let kind = kind(reader.unsigned_varint());
    let flags = reader.unsigned_varint();
    FieldSchema {
        name,
        kind,
        is_array: flags & 1 != 0,
        versions: versions(reader),
        nullable: (flags & 2 != 0).then(|| versions(reader)),
        tag: (flags & 4 != 0).then(|| reader.unsigned_varint()),
    }
}

fn kind(code: u32) -> Kind {
    use Kind::{Bool, Bytes, Float64, Int8, Int16, Int32, Int64, Records, String, Struct, Uint16, Uint32, Uuid};
    let plain = [Bool, Int8, Int16, Int32, Int64, Uint16, Uint32, Float64, Uuid, String, Bytes, Records];
    plain.get(code as usize).copied().unwrap_or_else(|| Struct(code as usize - plain.len()))
}

fn many<T>(reader: &mut Reader, item: fn(&mut Reader) -> T) -> Vec<T> {
    let count = reader.unsigned_varint();
    (0..count).map(|_| item(reader)).collect()
}

fn versions(reader: &mut Reader) -> (i16, i16) {
    (reader.unsigned_varint() as i16, reader.unsigned_varint() as i16)
}

fn optional(reader: &mut Reader) -> Option<i16> {
    reader.unsigned_varint().checked_sub(1).map(|value| value as i16)
}

fn text(reader: &mut Reader) -> String {
    let length = reader.unsigned_varint();
    let bytes = (0..length).map(|_| reader.int8() as u8).collect();
    String::from_utf8(bytes).expect("names are UTF-8")
}
