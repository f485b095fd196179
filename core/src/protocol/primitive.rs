//! What [`super::Reader`] and [`super::Writer`] agree on.

/// Kafka's longest string, in bytes, in every encoding.
pub(super) const MAX_STRING: usize = 0x7fff;

/// Of a length that is not compact.
#[derive(Clone, Copy)]
pub(super) enum Width {
    Short,
    Long,
}

/// Elements of arrays that are no structs, with the signatures of those that are.
#[allow(clippy::trivially_copy_pass_by_ref)]
pub(super) mod element {
    use crate::ids::Uuid;
    use crate::protocol::{Reader, Writer};
    use crate::text::Str;

    pub(in crate::protocol) fn read_int8(reader: &mut Reader, _version: i16) -> i8 {
        reader.int8()
    }

    pub(in crate::protocol) fn read_int32(reader: &mut Reader, _version: i16) -> i32 {
        reader.int32()
    }

    pub(in crate::protocol) fn read_int64(reader: &mut Reader, _version: i16) -> i64 {
        reader.int64()
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

    pub(in crate::protocol) fn write_int64(value: &i64, writer: &mut Writer, _version: i16) {
        writer.int64(*value);
    }

    pub(in crate::protocol) fn write_uuid(value: &Uuid, writer: &mut Writer, _version: i16) {
        writer.uuid(*value);
    }

    pub(in crate::protocol) fn write_string(value: &Str, writer: &mut Writer, _version: i16) {
        writer.string(value);
    }
}
