//! What the generated code calls the types, and how few bytes they take.

use crate::schema::{Message, Type};

/// How a type that is no struct is named and how few bytes it can take.
pub(crate) struct Scalar {
    pub(crate) rust: &'static str,
    pub(crate) call: &'static str,
    /// Bytes in a version that is not flexible, and in one that is.
    sizes: (usize, usize),
}

impl Scalar {
    pub(crate) fn minimal(&self, message: &Message) -> usize {
        if message.flexible_from.is_some() { self.sizes.1 } else { self.sizes.0 }
    }
}

pub(crate) fn scalar(kind: &Type) -> Scalar {
    let (rust, call, sizes) = match kind {
        Type::Bool => ("bool", "bool", (1, 1)),
        Type::Int8 => ("i8", "int8", (1, 1)),
        Type::Int16 => ("i16", "int16", (2, 2)),
        Type::Int32 => ("i32", "int32", (4, 4)),
        Type::Int64 => ("i64", "int64", (8, 8)),
        Type::Uint16 => ("u16", "uint16", (2, 2)),
        Type::Uint32 => ("u32", "uint32", (4, 4)),
        Type::Float64 => ("f64", "float64", (8, 8)),
        Type::Uuid => ("Uuid", "uuid", (16, 16)),
        Type::String => ("Str", "string", (2, 1)),
        Type::Bytes => ("Bytes", "bytes", (4, 1)),
        Type::Records => ("Records", "records", (4, 1)),
        Type::Struct(_) => unreachable!("structs are no scalars"),
    };
    Scalar { rust, call, sizes }
}

/// The fewest bytes one element of an array of this struct takes in any version: what a count is checked against.
pub(crate) fn minimal_size(message: &Message, index: usize) -> usize {
    (message.versions.first..=message.versions.last)
        .filter_map(|version| {
            Some(size_at(message, index, version)).filter(|&size| size > usize::from(message.is_flexible(version)))
        })
        .min()
        .unwrap_or(1)
}

fn size_at(message: &Message, index: usize, version: i16) -> usize {
    let flexible = message.is_flexible(version);
    let fields = message.structs[index].fields.iter();
    let present = fields.filter(|field| field.tag.is_none() && field.versions.contains(version));
    let sizes = present.map(|field| match &field.kind {
        _ if field.array => {
            if flexible {
                1
            } else {
                4
            }
        }
        Type::Struct(_) if field.nullable.is_some() => 1,
        Type::Struct(inner) => size_at(message, *inner, version),
        kind if flexible => scalar(kind).sizes.1,
        kind => scalar(kind).sizes.0,
    });
    usize::from(flexible) + sizes.sum::<usize>()
}
