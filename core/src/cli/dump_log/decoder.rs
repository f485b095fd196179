//! What `kafka-dump-log.sh` shows of a record's key and value.

use super::STRING_DECODER;
use super::message_json::Schemas;
use crate::cli::arguments::jopt::Options;
use crate::cli::failure::Exception;
use crate::protocol::Reader;
use crate::record::RecordView;
use alloc::format;
use alloc::string::{String, ToString};
use bytes::Bytes;

/// How records are read.
enum Kind {
    Plain { key: Plain, value: Plain },
    Coordinator(Log),
    ClusterMetadata,
    RemoteLogMetadata,
}

/// Kafka's decoders of plain bytes.
#[derive(Clone, Copy)]
enum Plain {
    Text,
    Int,
    Long,
}

/// The coordinators' logs; types of keys are their own in each.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Log {
    Offsets,
    Transactions,
    ShareState,
}

impl Log {
    /// Whose key this is.
    fn of(schema: &str) -> Self {
        if schema.starts_with("TransactionLog") {
            Self::Transactions
        } else if schema.starts_with("ShareSnapshot") || schema.starts_with("ShareUpdate") {
            Self::ShareState
        } else {
            Self::Offsets
        }
    }
}

/// What is shown of a record.
pub(super) struct Parsed {
    pub(super) key: Option<String>,
    pub(super) value: Option<String>,
}

pub(super) struct Decoder {
    pub(super) schemas: Schemas,
    kind: Kind,
}

impl Decoder {
    /// The decoder that is asked for.
    pub(super) fn of(options: &Options) -> Result<Self, Exception> {
        let kind = if options.has("offsets-decoder") {
            Kind::Coordinator(Log::Offsets)
        } else if options.has("transaction-log-decoder") {
            Kind::Coordinator(Log::Transactions)
        } else if options.has("cluster-metadata-decoder") {
            Kind::ClusterMetadata
        } else if options.has("remote-log-metadata-decoder") {
            Kind::RemoteLogMetadata
        } else if options.has("share-group-state-decoder") {
            Kind::Coordinator(Log::ShareState)
        } else {
            let value = plain(options.value("value-decoder-class")?)?;
            Kind::Plain { key: plain(options.value("key-decoder-class")?)?, value }
        };
        Ok(Self { schemas: Schemas::new(), kind })
    }

    /// Key and value of a record.
    pub(super) fn parse(&self, record: &RecordView<'_>, offset: i64) -> Result<Parsed, Exception> {
        match self.kind {
            Kind::Plain { key, value } => Ok(Parsed { key: key.shown(record.key)?, value: value.shown(record.value)? }),
            Kind::Coordinator(log) => self.coordinator(log, record, offset),
            Kind::ClusterMetadata => {
                let shown = self.cluster_metadata(record.value);
                let shown = shown.unwrap_or_else(|error| format!("Error at {offset}, skipping. {error}"));
                Ok(Parsed { key: None, value: Some(shown) })
            }
            Kind::RemoteLogMetadata => {
                // Nothing here writes such records, so whatever is read is none.
                let shown = format!("Error at offset {offset}, skipping. Record should have an apiKey, version");
                Ok(Parsed { key: None, value: Some(shown) })
            }
        }
    }

    fn coordinator(&self, log: Log, record: &RecordView<'_>, offset: i64) -> Result<Parsed, Exception> {
        let Some(key) = record.key else {
            let message = format!(
                "Failed to decode message at offset {offset} using the specified decoder (message had a missing key)"
            );
            return Err(Exception::new("java.lang.RuntimeException", message));
        };
        let only_key = |text| Ok(Parsed { key: Some(text), value: None });
        match self.coordinator_record(log, key, record.value) {
            Ok(parsed) => Ok(parsed),
            Err(Unread::Type(kind)) => only_key(format!("Unknown record type {kind} at offset {offset}, skipping.")),
            Err(Unread::Other(error)) => only_key(format!("Error at offset {offset}, skipping. {error}")),
        }
    }

    fn coordinator_record(&self, log: Log, key: &[u8], value: Option<&[u8]>) -> Result<Parsed, Unread> {
        let record = read_record(&self.schemas, log, key, value)?;
        let value = record
            .value
            .map_or("<DELETE>".to_string(), |(version, data)| format!("{{\"version\":\"{version}\",\"data\":{data}}}"));
        Ok(Parsed {
            key: Some(format!("{{\"type\":\"{}\",\"data\":{}}}", record.kind, record.key)),
            value: Some(value),
        })
    }

    fn cluster_metadata(&self, value: Option<&[u8]>) -> Result<String, String> {
        let mut reader = Reader::new(Bytes::copy_from_slice(value.unwrap_or_default()));
        let mut number = |entity: &str| {
            let number = reader.unsigned_varint();
            reader.fault().map_err(|_| format!("Error while reading {entity}"))?;
            i16::try_from(number).map_err(|_| format!("Value for {entity} was too large."))
        };
        match number("frame version")? {
            0 => {
                return Err("Could not deserialize metadata record with frame version 0. Note that upgrades from the \
                            preview release of KRaft in 2.8 to newer versions are not supported."
                    .to_string());
            }
            1 => {}
            other => {
                return Err(format!(
                    "Could not deserialize metadata record due to unknown frame version {other}(only frame version 1 is \
                     supported)"
                ));
            }
        }
        let (kind, version) = (number("type")?, number("version")?);
        let schema = self.schemas.find(|schema| schema.api_key == Some(kind) && schema.name.ends_with("Record"));
        let schema = schema.ok_or_else(|| {
            format!("org.apache.kafka.common.errors.UnsupportedVersionException: Unknown metadata id {kind}")
        })?;
        let json = self.schemas.json(schema, &reader.rest(), version);
        let json = json.ok_or_else(|| format!("Failed to deserialize record with type {kind}"))?;
        if json.left > 0 {
            return Err(format!("Found {} byte(s) of garbage after {kind}", json.left));
        }
        let name = upper_snake_case(&schema.name);
        Ok(format!("{{\"type\":\"{name}\",\"version\":{version},\"data\":{}}}", json.text))
    }
}

/// A record of a coordinator's log.
struct CoordinatorRecord {
    kind: i16,
    /// As JSON.
    key: String,
    /// Its version, and what it says as JSON; nothing in a tombstone.
    value: Option<(i16, String)>,
}

fn read_record(schemas: &Schemas, log: Log, key: &[u8], value: Option<&[u8]>) -> Result<CoordinatorRecord, Unread> {
    let (kind, rest) = prefix(key, "key")?;
    let of_type = |role: &str| {
        let is_wanted = |name: &str, api_key| name.ends_with(role) && api_key == Some(kind) && Log::of(name) == log;
        schemas.find(|schema| is_wanted(&schema.name, schema.api_key)).ok_or(Unread::Type(kind))
    };
    let unread = |version: i16, part: &str| {
        let reason = "the bytes end too early or say what they cannot";
        let message = format!("Could not read record with version {version} from {part}'s buffer due to: {reason}.");
        Unread::Other(message)
    };
    let key = schemas.json(of_type("Key")?, &rest, 0).ok_or_else(|| unread(kind, "key"))?.text;
    let Some(value) = value else {
        return Ok(CoordinatorRecord { kind, key, value: None });
    };
    let schema = of_type("Value")?;
    let (version, rest) = prefix(value, "value")?;
    if !schema.has_version(version) {
        return Err(Unread::Other(format!("Found an unknown record version {version} for {kind} type")));
    }
    let data = schemas.json(schema, &rest, version).ok_or_else(|| unread(version, "value"))?.text;
    Ok(CoordinatorRecord { kind, key, value: Some((version, data)) })
}

/// What Kafka's `TransactionLogMessageFormatter` writes of a record; nothing of a type that it does not know.
///
/// # Errors
/// The record cannot be read; `offset` is its.
pub(in crate::cli) fn transaction_record(
    schemas: &Schemas,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    offset: i64,
) -> Result<String, Exception> {
    let Some(key) = key else { return Ok(String::new()) };
    match read_record(schemas, Log::Transactions, key, value) {
        Ok(CoordinatorRecord { kind, key, value }) => {
            let value = value
                .map_or("null".to_string(), |(version, data)| format!("{{\"version\":{version},\"data\":{data}}}"));
            Ok(format!("{{\"key\":{{\"type\":{kind},\"data\":{key}}},\"value\":{value}}}"))
        }
        Err(Unread::Type(_)) => Ok(String::new()),
        Err(Unread::Other(error)) => {
            let message = format!("Could not read record at offset {offset} due to: {error}");
            Err(Exception::new("java.lang.RuntimeException", message))
        }
    }
}

/// Why a coordinator's record is not shown.
enum Unread {
    Type(i16),
    Other(String),
}

/// The int16 before a key or a value.
fn prefix(bytes: &[u8], part: &str) -> Result<(i16, Bytes), Unread> {
    let Some((head, rest)) = bytes.split_first_chunk::<2>() else {
        return Err(Unread::Other(format!("Could not read version from {part}'s buffer.")));
    };
    Ok((i16::from_be_bytes(*head), Bytes::copy_from_slice(rest)))
}

fn plain(class: Option<&str>) -> Result<Plain, Exception> {
    match class.unwrap_or(STRING_DECODER) {
        STRING_DECODER => Ok(Plain::Text),
        "org.apache.kafka.tools.api.IntegerDecoder" => Ok(Plain::Int),
        "org.apache.kafka.tools.api.LongDecoder" => Ok(Plain::Long),
        class => {
            let cause = Exception::new("java.lang.ClassNotFoundException", class);
            Err(Exception::new("java.lang.RuntimeException", "Failed to load decoder class").because(&cause))
        }
    }
}

impl Plain {
    fn shown(self, bytes: Option<&[u8]>) -> Result<Option<String>, Exception> {
        let Some(bytes) = bytes else { return Ok(None) };
        let too_short = || Exception::new("java.nio.BufferUnderflowException", "");
        Ok(Some(match self {
            Self::Text => String::from_utf8_lossy(bytes).into_owned(),
            Self::Int => i32::from_be_bytes(*bytes.first_chunk::<4>().ok_or_else(too_short)?).to_string(),
            Self::Long => i64::from_be_bytes(*bytes.first_chunk::<8>().ok_or_else(too_short)?).to_string(),
        }))
    }
}

/// `NoOpRecord` as `NO_OP_RECORD`.
fn upper_snake_case(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
    }
    text
}
