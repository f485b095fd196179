//! Writes the descriptor: what the schema files say, in the compact form that tools read at run time.
//!
//! ```text
//! descriptor := 'K' 'S' 'D' 1            magic and format version
//!               count  message*
//! message    := name  key  first  last  flexible   (key and flexible + 1, 0 = none)
//!               count  struct*            the message itself first
//! struct     := name  count  field*
//! field      := name
//!               type                      0 bool, 1 int8, 2 int16, 3 int32, 4 int64, 5 uint16, 6 uint32, 7 float64,
//!                                         8 uuid, 9 string, 10 bytes, 11 records, 12 + n struct n of the message
//!               flags                     1 array, 2 may be null, 4 tagged
//!               first  last               versions; last 32767 = no end
//!               [first  last]             versions in which it may be null, if flag 2
//!               [tag]                     if flag 4
//! name       := length  UTF-8 bytes
//! ```
//! Every number is an unsigned varint.

use crate::schema::{Field, Message, Type, Versions};

pub(crate) fn write_descriptor(messages: &[Message]) -> Vec<u8> {
    let mut out = b"KSD\x01".to_vec();
    number(&mut out, messages.len() as u64);
    for message in messages {
        name(&mut out, message.name());
        optional(&mut out, message.api_key);
        versions(&mut out, message.versions);
        optional(&mut out, message.flexible_from);
        number(&mut out, message.structs.len() as u64);
        for item in &message.structs {
            name(&mut out, &item.name);
            number(&mut out, item.fields.len() as u64);
            for field in &item.fields {
                write_field(&mut out, field);
            }
        }
    }
    out
}

fn write_field(out: &mut Vec<u8>, field: &Field) {
    name(out, &field.name);
    number(out, type_code(&field.kind));
    let flags = u64::from(field.array) | u64::from(field.nullable.is_some()) << 1 | u64::from(field.tag.is_some()) << 2;
    number(out, flags);
    versions(out, field.versions);
    if let Some(nullable) = field.nullable {
        versions(out, nullable);
    }
    if let Some(tag) = field.tag {
        number(out, u64::from(tag));
    }
}

fn type_code(kind: &Type) -> u64 {
    match kind {
        Type::Bool => 0,
        Type::Int8 => 1,
        Type::Int16 => 2,
        Type::Int32 => 3,
        Type::Int64 => 4,
        Type::Uint16 => 5,
        Type::Uint32 => 6,
        Type::Float64 => 7,
        Type::Uuid => 8,
        Type::String => 9,
        Type::Bytes => 10,
        Type::Records => 11,
        Type::Struct(index) => 12 + *index as u64,
    }
}

fn versions(out: &mut Vec<u8>, versions: Versions) {
    number(out, versions.first as u64);
    number(out, versions.last as u64);
}

fn optional(out: &mut Vec<u8>, value: Option<i16>) {
    number(out, value.map_or(0, |value| value as u64 + 1));
}

fn name(out: &mut Vec<u8>, name: &str) {
    number(out, name.len() as u64);
    out.extend_from_slice(name.as_bytes());
}

fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
