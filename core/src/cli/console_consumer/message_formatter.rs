//! How the console consumer makes lines of records: Kafka's message formatters.

use crate::cli::dump_log::{Schemas, transaction_record};
use crate::cli::failure::Exception;
use crate::config::Properties;
use crate::ids::TopicPartition;
use crate::record::Record;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;

/// How the bytes of a key or value are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deserializer {
    /// As they are.
    Bytes,
    Integer,
    Long,
    Short,
    Double,
}

impl Deserializer {
    fn named(class: &str) -> Result<Self, Exception> {
        match class.rsplit('.').next().unwrap_or_default() {
            "StringDeserializer" | "ByteArrayDeserializer" | "BytesDeserializer" => Ok(Self::Bytes),
            "IntegerDeserializer" => Ok(Self::Integer),
            "LongDeserializer" => Ok(Self::Long),
            "ShortDeserializer" => Ok(Self::Short),
            "DoubleDeserializer" => Ok(Self::Double),
            _ => Err(Exception::new("java.lang.ClassNotFoundException", class)),
        }
    }

    fn write(self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Exception> {
        let wrong = |name: &str, count: usize| {
            Exception::new(
                "org.apache.kafka.common.errors.SerializationException",
                format!("Size of data received by {name} is not {count}"),
            )
        };
        let text = match self {
            Self::Bytes => {
                out.extend_from_slice(bytes);
                return Ok(());
            }
            Self::Integer => {
                let bytes = bytes.try_into().map_err(|_| wrong("IntegerDeserializer", 4))?;
                i32::from_be_bytes(bytes).to_string()
            }
            Self::Long => {
                let bytes = bytes.try_into().map_err(|_| wrong("LongDeserializer", 8))?;
                i64::from_be_bytes(bytes).to_string()
            }
            Self::Short => {
                let bytes = bytes.try_into().map_err(|_| wrong("ShortDeserializer", 2))?;
                i16::from_be_bytes(bytes).to_string()
            }
            Self::Double => {
                let bytes = bytes.try_into().map_err(|_| wrong("DoubleDeserializer", 8))?;
                format!("{:?}", f64::from_be_bytes(bytes))
            }
        };
        out.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// See the module.
pub(super) enum MessageFormatter {
    /// `NoOpMessageFormatter`.
    Nothing,
    /// `DefaultMessageFormatter`, and `LoggingMessageFormatter`, which logs beside it at a level nobody shows.
    Default(Format),
    /// `TransactionLogMessageFormatter`: the records of `__transaction_state`, one behind the other.
    TransactionLog(Box<Schemas>),
}

/// What a line has.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one of Kafka's print.* properties")]
pub(super) struct Format {
    timestamp: bool,
    partition: bool,
    offset: bool,
    delivery: bool,
    epoch: bool,
    headers: bool,
    key: bool,
    value: bool,
    separator: String,
    line_separator: String,
    headers_separator: String,
    null_literal: String,
    key_deserializer: Deserializer,
    value_deserializer: Deserializer,
    headers_deserializer: Deserializer,
}

impl MessageFormatter {
    /// The formatter of this class.
    ///
    /// # Errors
    /// There is no such class here.
    pub(super) fn new(class: &str, properties: &Properties) -> Result<Self, Exception> {
        match class.rsplit('.').next().unwrap_or_default() {
            "NoOpMessageFormatter" => Ok(Self::Nothing),
            "DefaultMessageFormatter" | "LoggingMessageFormatter" => Ok(Self::Default(Format::new(properties)?)),
            "TransactionLogMessageFormatter" => Ok(Self::TransactionLog(Box::new(Schemas::new()))),
            _ => Err(Exception::new("java.lang.ClassNotFoundException", class)),
        }
    }

    /// Adds the line of a record.
    ///
    /// # Errors
    /// A key or value is not what its deserializer reads.
    pub(super) fn write(&self, at: &TopicPartition, record: &Record, out: &mut Vec<u8>) -> Result<(), Exception> {
        match self {
            Self::Nothing => Ok(()),
            Self::Default(format) => format.write(at, record, out),
            Self::TransactionLog(schemas) => {
                let (key, value) = (record.key.as_deref(), record.value.as_deref());
                out.extend_from_slice(transaction_record(schemas, key, value, record.offset)?.as_bytes());
                Ok(())
            }
        }
    }
}

impl Format {
    fn new(properties: &Properties) -> Result<Self, Exception> {
        let is_set =
            |key, default| properties.value(key).map_or(default, |value| value.trim().eq_ignore_ascii_case("true"));
        let text = |key, default: &str| properties.value(key).map_or(default.to_string(), ToString::to_string);
        let deserializer =
            |key| properties.value(key).map_or(Ok(Deserializer::Bytes), |class| Deserializer::named(class));
        Ok(Self {
            timestamp: is_set("print.timestamp", false),
            partition: is_set("print.partition", false),
            offset: is_set("print.offset", false),
            delivery: is_set("print.delivery", false),
            epoch: is_set("print.epoch", false),
            headers: is_set("print.headers", false),
            key: is_set("print.key", false),
            value: is_set("print.value", true),
            separator: text("key.separator", "\t"),
            line_separator: text("line.separator", "\n"),
            headers_separator: text("headers.separator", ","),
            null_literal: text("null.literal", "null"),
            key_deserializer: deserializer("key.deserializer")?,
            value_deserializer: deserializer("value.deserializer")?,
            headers_deserializer: deserializer("headers.deserializer")?,
        })
    }

    fn write(&self, at: &TopicPartition, record: &Record, out: &mut Vec<u8>) -> Result<(), Exception> {
        let mut parts: Vec<Vec<u8>> = Vec::new();
        if self.timestamp {
            let text = if record.timestamp < 0 {
                "NO_TIMESTAMP".to_string()
            } else {
                format!("CreateTime:{}", record.timestamp)
            };
            parts.push(text.into_bytes());
        }
        if self.partition {
            parts.push(format!("Partition:{}", at.partition).into_bytes());
        }
        if self.offset {
            parts.push(format!("Offset:{}", record.offset).into_bytes());
        }
        if self.delivery {
            parts.push(b"Delivery:NOT_PRESENT".to_vec());
        }
        if self.epoch {
            parts.push(b"Epoch:NOT_PRESENT".to_vec());
        }
        if self.headers {
            let mut part = Vec::new();
            for (index, (key, value)) in record.headers.iter().enumerate() {
                if index > 0 {
                    part.extend_from_slice(self.headers_separator.as_bytes());
                }
                part.extend_from_slice(key.as_bytes());
                part.push(b':');
                self.field(value.as_ref(), self.headers_deserializer, &mut part)?;
            }
            parts.push(if part.is_empty() { b"NO_HEADERS".to_vec() } else { part });
        }
        for (is_shown, field, deserializer) in
            [(self.key, &record.key, self.key_deserializer), (self.value, &record.value, self.value_deserializer)]
        {
            if is_shown {
                let mut part = Vec::new();
                self.field(field.as_ref(), deserializer, &mut part)?;
                parts.push(part);
            }
        }
        // Of a record of which nothing is shown there is no line either.
        if parts.is_empty() {
            return Ok(());
        }
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(self.separator.as_bytes());
            }
            out.extend_from_slice(part);
        }
        out.extend_from_slice(self.line_separator.as_bytes());
        Ok(())
    }

    fn field(&self, bytes: Option<&Bytes>, deserializer: Deserializer, out: &mut Vec<u8>) -> Result<(), Exception> {
        if let Some(bytes) = bytes {
            return deserializer.write(bytes, out);
        }
        out.extend_from_slice(self.null_literal.as_bytes());
        Ok(())
    }
}
