//! Records of Kafka's own logs as JSON, the way Kafka's generated converters write it: any message the schema files have.

use crate::cli::base64;
use crate::protocol::{RECORDS_DESCRIPTOR, Reader};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt::Write as _;
use serde_json::Value;

/// Kinds of fields, as `build/descriptor.rs` numbers them; from here on they are structs.
const FIRST_STRUCT: u32 = 12;
/// How deep structs of a descriptor may hold each other.
const DEEPEST: u32 = 16;

/// A record's schema.
pub(in crate::cli) struct MessageSchema {
    pub(super) name: String,
    /// The type of a metadata record, the prefix of a key.
    pub(super) api_key: Option<i16>,
    versions: (i16, i16),
    flexible_from: Option<i16>,
    structs: Vec<Vec<Field>>,
}

struct Field {
    name: String,
    kind: u32,
    is_array: bool,
    versions: (i16, i16),
    nullable: Option<(i16, i16)>,
    tag: Option<u32>,
}

/// A record that was read.
pub(in crate::cli) struct Json {
    pub(super) text: String,
    /// Bytes behind it.
    pub(super) left: usize,
}

/// All schemas of records.
pub(in crate::cli) struct Schemas(Vec<MessageSchema>);

impl Schemas {
    pub(in crate::cli) fn new() -> Self {
        let mut reader = Reader::new(Bytes::from_static(RECORDS_DESCRIPTOR));
        // Magic and version of the format.
        reader.uint32();
        Self(many(&mut reader, message))
    }

    pub(super) fn find(&self, is_wanted: impl Fn(&MessageSchema) -> bool) -> Option<&MessageSchema> {
        self.0.iter().find(|schema| is_wanted(schema))
    }

    fn named(&self, name: &str) -> Option<&MessageSchema> {
        self.find(|schema| schema.name == name)
    }

    /// The JSON of a record of this name; `None` where the bytes are none.
    pub(super) fn json_of(&self, name: &str, bytes: &Bytes, version: i16) -> Option<String> {
        self.json(self.named(name)?, bytes, version).map(|json| json.text)
    }

    /// The JSON of a record; `None` where the bytes are none.
    pub(super) fn json(&self, schema: &MessageSchema, bytes: &Bytes, version: i16) -> Option<Json> {
        if !contains(schema.versions, version) {
            return None;
        }
        let mut reader = Reader::new(bytes.clone());
        let is_flexible = schema.flexible_from.is_some_and(|from| version >= from);
        reader.set_flexible(is_flexible);
        let mut work = Work { schemas: self, schema, version, is_flexible, reader, holds_members: false };
        let text = work.item(0, DEEPEST)?;
        work.reader.fault().ok()?;
        Some(Json { text, left: work.reader.remaining() })
    }
}

impl MessageSchema {
    pub(super) fn has_version(&self, version: i16) -> bool {
        contains(self.versions, version)
    }
}

fn contains(range: (i16, i16), version: i16) -> bool {
    (range.0..=range.1).contains(&version)
}

struct Work<'a> {
    schemas: &'a Schemas,
    schema: &'a MessageSchema,
    version: i16,
    is_flexible: bool,
    reader: Reader,
    /// A classic group of consumers: Kafka shows what its members told each other.
    holds_members: bool,
}

impl<'a> Work<'a> {
    /// A struct, its tagged fields where the schema has them.
    fn item(&mut self, index: usize, depth: u32) -> Option<String> {
        let fields: &'a [Field] = self.schema.structs.get(index)?;
        let depth = depth.checked_sub(1)?;
        let mut values = vec![None; fields.len()];
        for (field, value) in fields.iter().zip(&mut values) {
            if contains(field.versions, self.version) && field.tag.is_none() {
                *value = Some(self.field(field, depth)?);
            }
        }
        let mut left = self.reader.tag_count();
        while let Some(tag) = self.reader.next_tag(&mut left) {
            let known = fields.iter().position(|field| field.tag == Some(tag.id));
            match known.and_then(|at| Some((fields.get(at)?, values.get_mut(at)?))) {
                Some((field, value)) => {
                    *value = Some(self.field(field, depth)?);
                    self.reader.end_tag(&tag);
                }
                None => self.reader.skip_tag(&tag),
            }
        }
        self.reader.fault().ok()?;
        let mut text = String::from("{");
        for (field, value) in fields.iter().zip(values) {
            let Some(value) = value else { continue };
            let comma = if text.len() > 1 { "," } else { "" };
            // Writing to a String cannot fail.
            let _ = write!(text, "{comma}\"{}\":{value}", camel_case(&field.name));
        }
        text.push('}');
        Some(text)
    }

    fn field(&mut self, field: &Field, depth: u32) -> Option<String> {
        let may_be_null = field.nullable.is_some_and(|versions| contains(versions, self.version));
        if !field.is_array {
            return self.value(field, may_be_null, depth);
        }
        let count = if self.is_flexible {
            i64::from(self.reader.unsigned_varint()) - 1
        } else {
            i64::from(self.reader.int32())
        };
        if count < 0 {
            return may_be_null.then(|| "null".to_string());
        }
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(self.value(field, false, depth)?);
            self.reader.fault().ok()?;
        }
        Some(format!("[{}]", items.join(",")))
    }

    fn value(&mut self, field: &Field, may_be_null: bool, depth: u32) -> Option<String> {
        let reader = &mut self.reader;
        Some(match field.kind {
            0 => reader.bool().to_string(),
            1 => reader.int8().to_string(),
            2 => reader.int16().to_string(),
            3 => reader.int32().to_string(),
            4 => reader.int64().to_string(),
            5 => reader.uint16().to_string(),
            6 => reader.uint32().to_string(),
            7 => reader.float64().to_string(),
            8 => format!("\"{}\"", reader.uuid()),
            9 => {
                let text = reader.nullable_string(may_be_null);
                self.holds_members |= field.name == "protocolType" && text.as_deref() == Some("consumer");
                text.map_or("null".to_string(), |text| quoted(&text))
            }
            10 | 11 => match reader.nullable_bytes(may_be_null) {
                Some(bytes) => {
                    self.embedded(field, &bytes).unwrap_or_else(|| format!("\"{}\"", base64::encode(&bytes)))
                }
                None => "null".to_string(),
            },
            _ if may_be_null && reader.int8() < 0 => "null".to_string(),
            kind => self.item((kind - FIRST_STRUCT) as usize, depth)?,
        })
    }

    /// What a member of a classic group of consumers told, or was told.
    fn embedded(&self, field: &Field, bytes: &Bytes) -> Option<String> {
        let name = match field.name.as_str() {
            "subscription" if self.holds_members => "ConsumerProtocolSubscription",
            "assignment" if self.holds_members => "ConsumerProtocolAssignment",
            _ => return None,
        };
        let version = i16::from_be_bytes(*bytes.first_chunk::<2>()?);
        self.schemas.json_of(name, &bytes.slice(2..), version)
    }
}

/// `EndPoints` as `endPoints`.
fn camel_case(name: &str) -> String {
    let (first, rest) = name.split_at_checked(1).unwrap_or((name, ""));
    format!("{}{rest}", first.to_ascii_lowercase())
}

/// A text as JSON has it.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

// The descriptor: `build/descriptor.rs` documents it.

fn message(reader: &mut Reader) -> MessageSchema {
    let name = text(reader);
    let api_key = optional(reader);
    let versions = versions(reader);
    let flexible_from = optional(reader);
    let structs = many(reader, |reader| {
        text(reader);
        many(reader, field)
    });
    MessageSchema { name, api_key, versions, flexible_from, structs }
}

fn field(reader: &mut Reader) -> Field {
    let name = text(reader);
    let kind = reader.unsigned_varint();
    let flags = reader.unsigned_varint();
    Field {
        name,
        kind,
        is_array: flags & 1 != 0,
        versions: versions(reader),
        nullable: (flags & 2 != 0).then(|| versions(reader)),
        tag: (flags & 4 != 0).then(|| reader.unsigned_varint()),
    }
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
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::encode_message;
    use crate::protocol::messages::{GroupMetadataValue, PartitionRecord, group_metadata_value};

    #[test]
    fn records_are_written_as_kafkas_converters_write_them() {
        let schemas = Schemas::new();
        let mut record = PartitionRecord {
            partition_id: 1,
            replicas: vec![2, 3],
            isr: vec![3],
            leader: 3,
            leader_epoch: 4,
            partition_epoch: 5,
            ..PartitionRecord::default()
        };
        let check = |record: &PartitionRecord, tail: &str| {
            let json = schemas.json_of("PartitionRecord", &encode_message(record, 2), 2);
            let head = "{\"partitionId\":1,\"topicId\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"replicas\":[2,3],\"isr\":[3],\
                        \"removingReplicas\":[],\"addingReplicas\":[],\"leader\":3,";
            assert_eq!(json, Some(format!("{head}{tail}")));
        };
        check(&record, "\"leaderEpoch\":4,\"partitionEpoch\":5,\"directories\":[]}");
        record.eligible_leader_replicas = Some(vec![2]);
        record.leader_recovery_state = 1;
        check(
            &record,
            "\"leaderRecoveryState\":1,\"leaderEpoch\":4,\"partitionEpoch\":5,\"directories\":[],\
             \"eligibleLeaderReplicas\":[2]}",
        );
    }

    #[test]
    fn members_of_a_group_of_consumers_are_shown_and_others_are_base64() {
        let schemas = Schemas::new();
        let member = group_metadata_value::MemberMetadata {
            subscription: Bytes::from_static(b"\0\0\0\0\0\x01\0\x01t\xff\xff\xff\xff"),
            assignment: Bytes::from_static(b"\xfb\xff"),
            ..Default::default()
        };
        let mut value = GroupMetadataValue { protocol_type: "consumer".into(), ..Default::default() };
        value.members.push(member);
        let json = schemas.json_of("GroupMetadataValue", &encode_message(&value, 3), 3).unwrap();
        assert!(
            json.ends_with("\"subscription\":{\"topics\":[\"t\"],\"userData\":null},\"assignment\":\"+/8=\"}]}"),
            "{json}"
        );
        value.protocol_type = "connect".into();
        let json = schemas.json_of("GroupMetadataValue", &encode_message(&value, 3), 3).unwrap();
        assert!(json.contains("\"subscription\":\"AAAAAAABAAF0/////w==\""), "{json}");
    }

    #[test]
    fn garbage_is_no_record() {
        let schemas = Schemas::new();
        let record = PartitionRecord { replicas: vec![1, 2, 3], ..PartitionRecord::default() };
        let bytes = encode_message(&record, 2);
        for length in 0..bytes.len() {
            assert!(schemas.json_of("PartitionRecord", &bytes.slice(..length), 2).is_none(), "{length}");
        }
        for seed in 0..=u8::MAX {
            let noise: Vec<u8> = (0..64_u8).map(|at| at.wrapping_mul(seed).wrapping_add(seed)).collect();
            for schema in &schemas.0 {
                // It answers, whatever it is.
                let _ = schemas.json(schema, &Bytes::from(noise.clone()), schema.versions.1);
            }
        }
        assert!(schemas.json_of("PartitionRecord", &bytes, 99).is_none());
    }
}
