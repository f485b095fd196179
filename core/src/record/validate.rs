//! What a leader checks of records that a client sends (Kafka's `LogValidator` and `ProduceRequest`), with its texts.
//!
//! Offsets are not assigned here; the checks see the batch as the client sent it. The first failing check wins.

use super::compression::{TOO_LARGE, TargetCompression};
use super::recompression::{Recompressed, Recompression};
use super::walk::{PassedRecord, RecordWalk, Walked};
use super::{BatchHeader, Compression, NO_TIMESTAMP, RecordError, TimestampType};
use crate::ids::TopicPartition;
use crate::protocol::ErrorCode;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;
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
    /// Why, in Kafka's words.
    pub message: String,
    /// Clients are told the message too: most are of Kafka's log only.
    pub is_told: bool,
    /// The records at fault, where they are known.
    pub record_errors: Vec<RejectedRecord>,
}

impl Rejection {
    /// A refusal of which clients are told the error only.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), is_told: false, record_errors: Vec::new() }
    }

    /// A refusal of which clients are told more, but for the records at fault.
    pub fn told(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { is_told: true, ..Self::new(code, message) }
    }
}

/// What the topic asks of its records.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The topic has `compact` in `cleanup.policy`.
    pub compacted: bool,
    /// `compression.type` with its level.
    pub compression: TargetCompression,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub timestamp_after_max_ms: i64,
    /// `max.message.bytes`, for what is compressed anew.
    pub max_message_bytes: u64,
}

impl Rules {
    /// Whether a batch compressed like this is compressed anew.
    pub fn ask_for_another(&self, source: Compression) -> bool {
        self.compression.codec(source) != source
    }
}

/// What came of the checks of a batch.
#[derive(Clone, Debug)]
pub struct Validated {
    /// Largest timestamp of its records; of a coordinator's batch that may stay as it is, what its header says.
    pub max_timestamp: i64,
    /// The batch anew, with offsets from 0, where it cannot be appended in the bytes it came in.
    pub rebuilt: Option<Bytes>,
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

/// Checks header and records of one batch from a client, compressed or not, all at once. `bytes` is the batch; `now_ms` the
/// wall clock.
///
/// # Errors
/// As of [`ClientBatchCheck`].
pub fn validate_client_batch(
    header: &BatchHeader,
    bytes: &[u8],
    rules: &Rules,
    partition: &TopicPartition,
    now_ms: i64,
) -> Result<Validated, Rejection> {
    let mut check = ClientBatchCheck::new(header, rules, partition, now_ms)?;
    loop {
        let mut all = usize::MAX;
        if let Some(validated) = check.go_on(bytes, &mut all) {
            return validated;
        }
    }
}

/// The check of one batch from a client. What is compressed, or is to be, is walked in turns, and compressed anew while it is where
/// the topic wants another codec. Where its records turn out not to count their offsets from 0 it is walked once more for that.
///
/// # Errors
/// As Kafka refuses it; `MESSAGE_TOO_LARGE` also where what is compressed anew has more than
/// [`MAX_UNCOMPRESSED`](super::compression::MAX_UNCOMPRESSED) bytes, which Kafka would take.
#[derive(Clone, Debug)]
pub struct ClientBatchCheck {
    header: BatchHeader,
    rules: Rules,
    partition: TopicPartition,
    now_ms: i64,
    source: Compression,
    is_in_place: bool,
    /// What Kafka calls a record in its texts, which depends on how much of it was read.
    kind: &'static str,
    pass: Pass,
    max_timestamp: i64,
    faults: Vec<(ErrorCode, RejectedRecord)>,
}

/// How a batch is gone through, and where that is.
#[derive(Clone, Debug)]
enum Pass {
    /// At once: nobody compressed it and nobody will.
    AtOnce,
    Walk(Box<RecordWalk>),
    Recompression(Box<Recompression>),
}

impl ClientBatchCheck {
    /// Checks the header; the records follow with [`ClientBatchCheck::go_on`].
    pub fn new(
        header: &BatchHeader,
        rules: &Rules,
        partition: &TopicPartition,
        now_ms: i64,
    ) -> Result<Self, Rejection> {
        validate_header(header, partition)?;
        let (source, is_in_place) = plan(header, rules)?;
        let pass = match source {
            _ if !is_in_place => recompress(header, source, rules).map(Pass::Recompression),
            Compression::None => Ok(Pass::AtOnce),
            _ => RecordWalk::new(header, 0).map(Box::new).map(Pass::Walk),
        };
        let pass = pass.map_err(|error| unreadable(&error))?;
        Ok(Self {
            header: *header,
            rules: rules.clone(),
            partition: partition.clone(),
            now_ms,
            source,
            is_in_place,
            kind: if matches!(pass, Pass::Walk(_)) { "PartialDefaultRecord" } else { "DefaultRecord" },
            pass,
            max_timestamp: NO_TIMESTAMP,
            faults: Vec::new(),
        })
    }

    /// Checks on, as far as `budget` bytes that are unpacked go, which becomes less by them; `None` where there is more to do.
    /// `bytes` is the batch, always the same.
    pub fn go_on(&mut self, bytes: &[u8], budget: &mut usize) -> Option<Result<Validated, Rejection>> {
        self.check_on(bytes, budget).unwrap_or_else(|error| Some(Err(unreadable(&error))))
    }

    fn check_on(
        &mut self,
        bytes: &[u8],
        budget: &mut usize,
    ) -> Result<Option<Result<Validated, Rejection>>, RecordError> {
        let header = self.header;
        loop {
            let walked = match &mut self.pass {
                Pass::AtOnce => {
                    for record in header.views(header.section(bytes)?) {
                        self.look_at(&PassedRecord::of(&record?));
                    }
                    Walked::Ended
                }
                Pass::Walk(walk) => walk.next(header.section(bytes)?, budget)?,
                Pass::Recompression(recompression) => recompression.next(header.section(bytes)?, budget)?,
            };
            match walked {
                Walked::Record(record) => self.look_at(&record),
                Walked::Paused => return Ok(None),
                Walked::Ended if !self.faults.is_empty() => {
                    return Ok(Some(Err(summarize(core::mem::take(&mut self.faults)))));
                }
                Walked::Ended => match core::mem::replace(&mut self.pass, Pass::AtOnce) {
                    Pass::Walk(_) if !self.is_in_place => {
                        self.pass = Pass::Recompression(recompress(&header, self.source, &self.rules)?);
                    }
                    Pass::Recompression(recompression) => return Ok(Some(self.recompressed(recompression.end()))),
                    _ => return Ok(Some(Ok(Validated { max_timestamp: self.max_timestamp, rebuilt: None }))),
                },
            }
        }
    }

    fn recompressed(&self, recompressed: Recompressed) -> Result<Validated, Rejection> {
        let rebuilt = Some(rebuilt(recompressed, &self.rules, &self.partition)?);
        Ok(Validated { max_timestamp: self.max_timestamp, rebuilt })
    }

    fn look_at(&mut self, record: &PassedRecord) {
        let partition = &self.partition;
        let fault = if self.rules.compacted && record.key_size.is_none() {
            let message = format!("Compacted topic cannot accept message without key in topic partition {partition}");
            Some((ErrorCode::InvalidRecord, message))
        } else {
            self.timestamp_fault(record).map(|message| (ErrorCode::InvalidTimestamp, message))
        };
        if let Some((code, message)) = fault {
            self.faults.push((code, RejectedRecord { batch_index: record.index, message }));
        }
        self.max_timestamp = self.max_timestamp.max(self.header.timestamp_at(record.timestamp_delta));
        // Of records that nobody compresses Kafka believes the offsets.
        if self.source != Compression::None && record.offset_delta != record.index {
            self.is_in_place = false;
        }
    }

    /// What is wrong with the timestamp of `record`.
    fn timestamp_fault(&self, record: &PassedRecord) -> Option<String> {
        let (rules, now_ms, kind) = (&self.rules, self.now_ms, self.kind);
        let timestamp = self.header.timestamp_at(record.timestamp_delta);
        let offset = record.offset(&self.header);
        let (before, after) = (rules.timestamp_before_max_ms, rules.timestamp_after_max_ms);
        // Numbers wrap as Java's do: the default of `before` is the largest there is.
        if rules.timestamp_type == TimestampType::CreateTime && timestamp != NO_TIMESTAMP {
            let age = now_ms.wrapping_sub(timestamp);
            return (age > before || age.wrapping_neg() > after).then(|| {
                format!(
                    "Timestamp {timestamp} of message with offset {offset} is out of range. The timestamp should be \
                     within [{}, {}]",
                    now_ms.wrapping_sub(before),
                    now_ms.wrapping_add(after)
                )
            });
        }
        (self.header.timestamp_type() == TimestampType::LogAppendTime).then(|| {
            let absent = if kind == "DefaultRecord" { 0 } else { -1 };
            let size = |field: Option<usize>| field.map_or(absent, |bytes| bytes as i64);
            format!(
                "Invalid timestamp type in message {kind}(offset={offset}, timestamp={timestamp}, key={} bytes, \
                 value={} bytes). Producer should not set timestamp type to LogAppendTime.",
                size(record.key_size),
                size(record.value_size)
            )
        })
    }
}

/// Compresses one batch of a coordinator anew where the topic wants another codec; it is taken at its word else.
///
/// # Errors
/// Where it cannot be read, or gets too large.
pub fn compress_own_batch(
    header: &BatchHeader,
    bytes: &[u8],
    rules: &Rules,
    partition: &TopicPartition,
) -> Result<Validated, Rejection> {
    let (source, is_in_place) = plan(header, rules)?;
    let mut validated = Validated { max_timestamp: header.max_timestamp, rebuilt: None };
    if !is_in_place {
        let recompressed = compress_at_once(header, bytes, source, rules).map_err(|error| unreadable(&error))?;
        validated.rebuilt = Some(rebuilt(recompressed, rules, partition)?);
    }
    Ok(validated)
}

fn compress_at_once(
    header: &BatchHeader,
    bytes: &[u8],
    source: Compression,
    rules: &Rules,
) -> Result<Recompressed, RecordError> {
    let mut recompression = recompress(header, source, rules)?;
    let mut all = usize::MAX;
    while recompression.next(header.section(bytes)?, &mut all)? != Walked::Ended {}
    Ok(recompression.end())
}

fn recompress(header: &BatchHeader, source: Compression, rules: &Rules) -> Result<Box<Recompression>, RecordError> {
    let compressor = rules.compression.compressor(source);
    Recompression::new(header, compressor, rules.max_message_bytes).map(Box::new)
}

/// The batch that was compressed anew, unless it may not be. "topartition" is Kafka's.
fn rebuilt(recompressed: Recompressed, rules: &Rules, partition: &TopicPartition) -> Result<Bytes, Rejection> {
    match recompressed {
        Recompressed::Batch(batch) => Ok(batch),
        Recompressed::TooLarge(size) => Err(Rejection::new(
            ErrorCode::MessageTooLarge,
            format!(
                "Message batch size is {size} bytes in append topartition {partition} which exceeds the maximum \
                 configured size of {}.",
                rules.max_message_bytes
            ),
        )),
        Recompressed::NegativeTimestamp(timestamp) => {
            Err(Rejection::new(ErrorCode::UnknownServerError, format!("Invalid negative timestamp {timestamp}")))
        }
    }
}

/// How a batch is compressed, and whether it may stay so. Control records are not compressed.
fn plan(header: &BatchHeader, rules: &Rules) -> Result<(Compression, bool), Rejection> {
    let source = header.compression().map_err(|error| unreadable(&error))?;
    Ok((source, !rules.ask_for_another(source) || (source == Compression::None && header.is_control())))
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

/// Kafka's summary of the records at fault: one wrong timestamp among them makes it that of timestamps.
fn summarize(faults: Vec<(ErrorCode, RejectedRecord)>) -> Rejection {
    let is_of_time = faults.iter().any(|(code, _)| *code == ErrorCode::InvalidTimestamp);
    let record_errors: Vec<_> = faults.into_iter().map(|(_, record)| record).collect();
    if is_of_time {
        let message = "One or more records have been rejected due to invalid timestamp";
        return Rejection { record_errors, ..Rejection::told(ErrorCode::InvalidTimestamp, message) };
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
    Rejection { record_errors, ..Rejection::told(ErrorCode::InvalidRecord, message) }
}

/// What a client hears of records that cannot be read. Kafka has no error for bytes that do not decompress.
fn unreadable(error: &RecordError) -> Rejection {
    let code = match error {
        RecordError::Decompression { reason: TOO_LARGE, .. } => ErrorCode::MessageTooLarge,
        RecordError::Decompression { .. } | RecordError::UnknownCompression(_) => ErrorCode::UnknownServerError,
        _ => ErrorCode::InvalidRecord,
    };
    Rejection::new(code, error.to_string())
}
