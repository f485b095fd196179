//! Encodes messages filled by the rule of `fixtures/codec/README.md`, straight from the descriptor: neither our generated
//! code nor anybody else's takes part, so the bytes judge both.

use super::descriptor::{FieldSchema, Kind, MessageSchema};

/// What a filled message holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// Every field, nothing null, two elements in every array.
    Full,
    /// Null wherever the version allows it, other arrays empty.
    Null,
}

/// The body of `message` in `version`.
pub(crate) fn fill(message: &MessageSchema, version: i16, variant: Variant) -> Vec<u8> {
    let mut filler = Filler { message, version, variant, flexible: message.is_flexible(version), out: Vec::new() };
    filler.fields(0, 0);
    filler.out
}

struct Filler<'a> {
    message: &'a MessageSchema,
    version: i16,
    variant: Variant,
    flexible: bool,
    out: Vec<u8>,
}

impl<'a> Filler<'a> {
    fn fields(&mut self, index: usize, salt: u32) {
        let message: &'a MessageSchema = self.message;
        let present = || message.structs[index].fields.iter().filter(|field| field.exists_in(self.version));
        let plain: Vec<&FieldSchema> = present().filter(|field| field.tag.is_none()).collect();
        let is_full = self.variant == Variant::Full;
        let mut tagged: Vec<&FieldSchema> = present()
            .filter(|field| field.tag.is_some() && (is_full || !(field.is_array || field.is_nullable_in(self.version))))
            .collect();
        tagged.sort_by_key(|field| field.tag);
        for field in plain {
            self.field(field, salt);
        }
        if !self.flexible {
            return;
        }
        self.varint(tagged.len() as u32);
        for field in tagged {
            let outer = std::mem::take(&mut self.out);
            self.field(field, salt);
            let value = std::mem::replace(&mut self.out, outer);
            self.varint(field.tag.unwrap());
            self.varint(value.len() as u32);
            self.out.extend(value);
        }
    }

    fn field(&mut self, field: &FieldSchema, salt: u32) {
        let is_null = self.variant == Variant::Null && field.is_nullable_in(self.version);
        if field.is_array {
            let count = if self.variant == Variant::Full { 2 } else { 0 };
            self.length((!is_null).then_some(count), 4);
            for index in 0..count as u32 {
                self.one(field, salt.wrapping_mul(4).wrapping_add(index + 1));
            }
        } else if is_null {
            match field.kind {
                Kind::Struct(_) => self.out.push(0xff),
                Kind::String => self.length(None, 2),
                _ => self.length(None, 4),
            }
        } else {
            if matches!(field.kind, Kind::Struct(_)) && field.is_nullable_in(self.version) {
                self.out.push(1);
            }
            self.one(field, salt);
        }
    }

    fn one(&mut self, field: &FieldSchema, salt: u32) {
        let name = field.name.to_lowercase();
        let n = number(&name, salt);
        let wide = u64::from(n) << 32 | u64::from(n);
        match field.kind {
            Kind::Struct(index) => self.fields(index, salt),
            Kind::Bool => self.out.push(u8::from(field.tag.is_some() || n & 1 == 1)),
            Kind::Int8 => self.out.push(n as u8),
            Kind::Int16 | Kind::Uint16 => self.out.extend((n as u16).to_be_bytes()),
            Kind::Int32 | Kind::Uint32 => self.out.extend(n.to_be_bytes()),
            Kind::Int64 => self.out.extend(wide.to_be_bytes()),
            Kind::Float64 => self.out.extend(f64::from(n as i32).to_be_bytes()),
            Kind::Uuid => {
                self.out.extend(wide.to_be_bytes());
                self.out.extend((!wide).to_be_bytes());
            }
            Kind::String => {
                let text = format!("{}{}", &name[..name.len().min(3)], n & 255);
                self.length(Some(text.len()), 2);
                self.out.extend(text.as_bytes());
            }
            Kind::Bytes | Kind::Records => {
                self.length(Some(4), 4);
                self.out.extend(n.to_be_bytes());
            }
        }
    }

    fn length(&mut self, length: Option<usize>, width: usize) {
        if self.flexible {
            self.varint(length.map_or(0, |length| length as u32 + 1));
        } else {
            let length = length.map_or(-1, |length| length as i32);
            self.out.extend(&length.to_be_bytes()[4 - width..]);
        }
    }

    fn varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }
}

/// FNV-1a of the name, mixed with where in the arrays the field is.
fn number(name: &str, salt: u32) -> u32 {
    let hash = name.bytes().fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash ^ salt.wrapping_mul(0x9e37_79b1)
}
