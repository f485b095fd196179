//! What a leader checks of records that a client sends (Kafka's `LogValidator` and `ProduceRequest`), with its texts.
//!
//! Offsets are not assigned here; the checks see the batch as the client sent it. The first failing check wins.

use super::{BatchHeader, Compression, NO_TIMESTAMP, RecordError, RecordView, TimestampType};
use crate::ids::TopicPartition;
use crate::protocol::ErrorCode;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write as _;

/// One record a Produce response names (`RecordErrors`, KIP-467).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRecord {
    /// Index of the record in its batch.
    pub batch_index: i32,
    /// What is wrong with it.
    pub message: String,
}

/// Why records are refused; nothing of them is appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The partition's error.
    pub code: ErrorCode,
    /// The partition's error message.
    pub message: String,
    /// The records at fault, where they are known.
    pub record_errors: Vec<RejectedRecord>,
}

impl Rejection {
    /// A refusal that names no record.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), record_errors: Vec::new() }
    }
}

/// What the topic asks of its records.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The topic has `compact` in `cleanup.policy`.
    pub compacted: bool,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub timestamp_after_max_ms: i64,
}

/// Checks the records of one partition of a Produce request of `version` (3 and later): exactly one batch of magic 2, and
/// zstd only from version 7 on.
pub fn check_produce_records(version: i16, records: &[u8]) -> Result<(), Rejection> {
    let invalid = |text: &str| {
        Rejection::new(ErrorCode::InvalidRecord, format!("Produce requests with version {version} {text}"))
    };
    let header = match BatchHeader::parse(records) {
        Ok(header) => header,
        Err(RecordError::UnsupportedMagic(_)) => {
            return Err(invalid("are only allowed to contain record batches with magic version 2"));
        }
        // An incomplete batch is none: Kafka's iterator does not see it.
        Err(RecordError::Incomplete { .. }) => {
            return Err(invalid("must have at least one record batch per partition"));
        }
        Err(error) => return Err(Rejection::new(ErrorCode::CorruptMessage, error.to_string())),
    };
    if version < 7 && header.compression() == Ok(Compression::Zstd) {
        return Err(Rejection::new(
            ErrorCode::UnsupportedCompressionType,
            format!("Produce requests with version {version} are not allowed to use ZStandard compression"),
        ));
    }
    match BatchHeader::parse(records.get(header.size()..).unwrap_or_default()) {
        Err(RecordError::Incomplete { .. }) => Ok(()),
        _ => Err(invalid("are only allowed to contain exactly one record batch per partition")),
    }
}

/// Checks header and records of one batch from a client. `bytes` is the batch; `now_ms` the wall clock.
///
/// Answers the largest timestamp of the records. The records of a compressed batch are not looked into: its header's word
/// is taken for them.
pub fn validate_client_batch(
    header: &BatchHeader,
    bytes: &[u8],
    rules: &Rules,
    partition: &TopicPartition,
    now_ms: i64,
) -> Result<i64, Rejection> {
    validate_header(header, partition)?;
    let compression = header.compression().map_err(malformed)?;
    if compression != Compression::None {
        if let Some(message) = timestamp_fault(header, None, rules, now_ms) {
            return Err(summarize(
                ErrorCode::InvalidTimestamp,
                alloc::vec![RejectedRecord { batch_index: 0, message }],
            ));
        }
        return Ok(header.max_timestamp);
    }
    let mut max_timestamp = NO_TIMESTAMP;
    let mut faults = Vec::new();
    let mut first_fault = None;
    for record in header.records(bytes).map_err(malformed)? {
        let record = record.map_err(malformed)?;
        if record.offset_delta != record.index {
            let message = format!(
                "Record offset delta {} does not match its position {} in the batch.",
                record.offset_delta, record.index
            );
            return Err(Rejection::new(ErrorCode::InvalidRecord, message));
        }
        max_timestamp = max_timestamp.max(header.timestamp_of(&record));
        let fault = if rules.compacted && record.key.is_none() {
            let message = format!("Compacted topic cannot accept message without key in topic partition {partition}");
            Some((ErrorCode::InvalidRecord, message))
        } else {
            timestamp_fault(header, Some(&record), rules, now_ms).map(|message| (ErrorCode::InvalidTimestamp, message))
        };
        if let Some((error, message)) = fault {
            first_fault.get_or_insert(error);
            faults.push(RejectedRecord { batch_index: record.index, message });
        }
    }
    first_fault.map_or(Ok(max_timestamp), |error| Err(summarize(error, faults)))
}

fn validate_header(header: &BatchHeader, partition: &TopicPartition) -> Result<(), Rejection> {
    let invalid = |fault: String| {
        Err(Rejection::new(ErrorCode::InvalidRecord, format!("{fault} in topic partition {partition}")))
    };
    let (first, last, count) = (header.base_offset, header.last_offset(), header.records_count);
    if last < first {
        return invalid(format!("Batch has an invalid offset range: [{first}, {last}]"));
    }
    if count <= 0 {
        return invalid(format!("Invalid reported count for record batch: {count}"));
    }
    if header.last_offset_delta != count - 1 {
        return invalid(format!("Inconsistent batch offset range [{first}, {last}] and count of records {count}"));
    }
    if header.is_control() {
        return invalid("Clients are not allowed to write control records".into());
    }
    if header.has_producer_id() && header.base_sequence < 0 {
        return invalid(format!(
            "Invalid sequence number {} in record batch with producerId {}",
            header.base_sequence, header.producer_id
        ));
    }
    Ok(())
}

/// What is wrong with the timestamp of `record`; of a compressed batch, whose records are not seen, with its largest.
fn timestamp_fault(
    header: &BatchHeader,
    record: Option<&RecordView<'_>>,
    rules: &Rules,
    now_ms: i64,
) -> Option<String> {
    if rules.timestamp_type == TimestampType::LogAppendTime {
        return None;
    }
    let timestamp = record.map_or(header.max_timestamp, |record| header.timestamp_of(record));
    let delta = record.map_or(header.last_offset_delta, |record| record.offset_delta);
    let offset = header.base_offset.saturating_add(i64::from(delta));
    if header.timestamp_type() == TimestampType::LogAppendTime {
        let size = |field: Option<Option<&[u8]>>| field.flatten().map_or(-1, |bytes| bytes.len() as i64);
        return Some(format!(
            "Invalid timestamp type in message DefaultRecord(offset={offset}, timestamp={timestamp}, key={} bytes, \
             value={} bytes). Producer should not set timestamp type to LogAppendTime.",
            size(record.map(|record| record.key)),
            size(record.map(|record| record.value))
        ));
    }
    let earliest = now_ms.saturating_sub(rules.timestamp_before_max_ms);
    let latest = now_ms.saturating_add(rules.timestamp_after_max_ms);
    if timestamp == NO_TIMESTAMP || (earliest..=latest).contains(&timestamp) {
        return None;
    }
    Some(format!(
        "Timestamp {timestamp} of message with offset {offset} is out of range. The timestamp should be within \
         [{earliest}, {latest}]"
    ))
}

/// Kafka's summary of the records at fault; the first one's error is the partition's.
fn summarize(code: ErrorCode, record_errors: Vec<RejectedRecord>) -> Rejection {
    if code == ErrorCode::InvalidTimestamp {
        let message = "One or more records have been rejected due to invalid timestamp";
        return Rejection { code, message: message.into(), record_errors };
    }
    let mut message = format!(
        "One or more records have been rejected due to {} record errors in total, and only showing the first three \
         errors at most: [",
        record_errors.len()
    );
    for (index, record) in record_errors.iter().take(3).enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ =
            write!(message, "{separator}RecordError(batchIndex={}, message='{}')", record.batch_index, record.message);
    }
    message.push(']');
    Rejection { code, message, record_errors }
}

fn malformed(error: RecordError) -> Rejection {
    Rejection::new(ErrorCode::InvalidRecord, error.to_string())
}
