//! `kafka-dump-log.sh`: what the files of a log hold (`org.apache.kafka.tools.DumpLogSegments`). Indexes and snapshots of
//! producers are in `index`, decoders in `decoder`.

mod decoder;
mod index;
mod message_json;

pub(super) use decoder::transaction_record;
pub(super) use message_json::Schemas;

use super::arguments::jopt::{OptionSpec, Options, flag, value};
use super::failure::{Exception, Failure};
use super::file::FileError;
use super::terminal::Terminal;
use crate::java::{hash_map_order, string_hash};
use crate::record::batch::LOG_OVERHEAD;
use crate::record::{
    BatchHeader, ControlRecordType, NO_SEQUENCE, NO_TIMESTAMP, RecordError, RecordView, TimestampType, control,
};
use crate::sorted::SortedMap;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt::Write as _;
use decoder::Decoder;

/// The decoder of texts, which is the default.
pub(super) const STRING_DECODER: &str = "org.apache.kafka.tools.api.StringDecoder";

const OPTIONS: [OptionSpec; 15] = [
    flag("print-data-log", "Prints the content of records too; any decoder does so by itself."),
    flag("verify-index-only", "Compares indexes with their log and prints nothing of them."),
    flag("index-sanity-check", "Checks indexes as a broker does at its start, and prints nothing of them."),
    value("files", "String: file1, file2, ...", "REQUIRED: the files, with commas."),
    value("max-message-size", "Integer: size", "Bytes of the largest message.").or("5242880"),
    value("max-bytes", "Integer: size", "Reads no more bytes of a log.").or("2147483647"),
    flag("deep-iteration", "Shows records, not only batches; --print-data-log does so by itself."),
    value("value-decoder-class", "String", "The class that reads values.").optional().or(STRING_DECODER),
    value("key-decoder-class", "String", "The class that reads keys.").optional().or(STRING_DECODER),
    flag("offsets-decoder", "Records are those of __consumer_offsets."),
    flag("transaction-log-decoder", "Records are those of __transaction_state."),
    flag("cluster-metadata-decoder", "Records are those of __cluster_metadata."),
    flag("remote-log-metadata-decoder", "Records are those of __remote_log_metadata."),
    flag("share-group-state-decoder", "Records are those of __share_group_state."),
    flag("skip-record-metadata", "Leaves out what surrounds a record's content, and control records."),
];
/// Options that make records be printed.
const PRINTING: [&str; 8] = [
    "print-data-log",
    "offsets-decoder",
    "transaction-log-decoder",
    "cluster-metadata-decoder",
    "remote-log-metadata-decoder",
    "value-decoder-class",
    "key-decoder-class",
    "share-group-state-decoder",
];
/// Bytes before a batch's magic, and it.
const UP_TO_MAGIC: usize = 17;
/// The shortest length a batch of any magic can have.
const SHORTEST: i32 = 14;
/// So much is printed at once.
const FLUSH_AT: usize = 1 << 16;

/// The tool.
pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let options = Options::parse(&OPTIONS, &terminal.arguments())?;
    let help = "This tool helps to parse a log file and dump its contents to the console, useful for debugging a seemingly \
                corrupt log segment.";
    options.print_help_or_version(&terminal, help)?;
    options.require(&terminal, &["files"])?;
    let mut dump = Dump {
        terminal: &terminal,
        prints_content: options.count(&PRINTING) > 0,
        is_deep: options.has("deep-iteration"),
        skips_metadata: options.has("skip-record-metadata"),
        is_sanity_check: options.has("index-sanity-check"),
        verifies_only: options.has("verify-index-only"),
        out: String::new(),
        gaps: Vec::new(),
        mismatches: Vec::new(),
        time_index: TimeIndexFaults::default(),
    };
    dump.is_deep |= dump.prints_content;
    for path in options.value("files")?.unwrap_or_default().split(',') {
        let path = java_path(path);
        dump.line(&format!("Dumping {path}"));
        let ended = dump.file(&options, &path).await;
        dump.flush();
        ended?;
    }
    dump.tell_faults();
    Ok(())
}

/// A path as `java.io.File` writes it.
fn java_path(text: &str) -> String {
    let mut path = String::new();
    for letter in text.chars() {
        if letter != '/' || !path.ends_with('/') {
            path.push(letter);
        }
    }
    if path.len() > 1 && path.ends_with('/') {
        path.pop();
    }
    path
}

/// What was found wrong in a file: its path, and pairs of numbers.
pub(super) type Faults<T> = Vec<(String, T)>;

/// What is wrong with time indexes.
#[derive(Default)]
pub(super) struct TimeIndexFaults {
    pub(super) mismatched: Faults<Vec<(i64, i64)>>,
    pub(super) out_of_order: Faults<Vec<(i64, i64)>>,
    pub(super) not_found: Faults<Vec<(i64, i64)>>,
}

/// The entry of a file.
pub(super) fn of_file<'a, T: Default>(faults: &'a mut Faults<T>, path: &str) -> &'a mut T {
    let at = faults.iter().position(|(other, _)| other == path).unwrap_or_else(|| {
        faults.push((path.to_owned(), T::default()));
        faults.len() - 1
    });
    &mut faults[at].1
}

pub(super) struct Dump<'a> {
    pub(super) terminal: &'a Terminal,
    prints_content: bool,
    is_deep: bool,
    skips_metadata: bool,
    pub(super) is_sanity_check: bool,
    pub(super) verifies_only: bool,
    out: String,
    gaps: Faults<SortedMap<i64, i64>>,
    pub(super) mismatches: Faults<SortedMap<i64, i64>>,
    pub(super) time_index: TimeIndexFaults,
}

impl Dump<'_> {
    pub(super) fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn flush(&mut self) {
        self.terminal.print_bytes(core::mem::take(&mut self.out).into_bytes());
    }

    /// Lets out what has gathered.
    pub(super) async fn breathe(&mut self) {
        if self.out.len() >= FLUSH_AT {
            self.flush();
            self.terminal.pause().await;
        }
    }

    pub(super) async fn read(&self, path: &str) -> Result<Bytes, Exception> {
        self.terminal.file(path).await.map_err(|error| match error {
            FileError::NotFound => Exception::new("java.nio.file.NoSuchFileException", path),
            FileError::Denied => Exception::new("java.nio.file.AccessDeniedException", path),
            other => Exception::new("java.io.IOException", other.to_string()),
        })
    }

    async fn file(&mut self, options: &Options, path: &str) -> Result<(), Failure> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let suffix = name.rfind('.').and_then(|at| name.get(at..)).unwrap_or_default();
        match suffix {
            ".log" | ".checkpoint" => self.log(options, path, name).await,
            ".index" => self.offset_index(path, name, options.number("max-message-size")?.unwrap_or(i32::MAX)).await,
            ".timeindex" => self.time_index(path, name).await,
            ".snapshot" => self.producer_snapshot(path).await,
            ".txnindex" => self.transaction_index(path, name).await,
            _ => {
                self.flush();
                self.terminal.error_line(&format!("Ignoring unknown file {path}"));
                Ok(())
            }
        }
    }

    async fn log(&mut self, options: &Options, path: &str, name: &str) -> Result<(), Failure> {
        let decoder = Decoder::of(options)?;
        let max_bytes = options.number::<i32>("max-bytes")?.unwrap_or(i32::MAX);
        if name == "bootstrap.checkpoint" {
            self.line("KRaft bootstrap snapshot");
        } else if name.ends_with(".checkpoint") {
            let (end_offset, epoch) = snapshot_id(name)?;
            self.line(&format!("Snapshot end offset: {end_offset}, epoch: {epoch}"));
        } else {
            self.line(&format!("Log starting offset: {}", start_offset(name)?));
        }
        let content = self.read(path).await?;
        let Ok(most) = usize::try_from(max_bytes) else {
            return Err(Exception::illegal_argument(format!("Invalid size: {max_bytes}")).into());
        };
        let content = content.slice(..content.len().min(most));
        let (mut position, mut last_offset) = (0, -1);
        while let Some(header) = next_batch(&content, position, path)? {
            let end = position + header.size();
            let batch = content.get(position..end).unwrap_or_default();
            self.batch(&header, batch, position);
            if self.is_deep {
                self.records(&header, batch, path, &mut last_offset, &decoder)?;
            }
            self.breathe().await;
            position = end;
        }
        let left = content.len() - position;
        if left > 0 && max_bytes == i32::MAX {
            self.line(&format!("Found {left} invalid bytes at the end of {name}"));
        }
        Ok(())
    }

    fn batch(&mut self, header: &BatchHeader, batch: &[u8], position: usize) {
        let codec = header.compression().map_or("none", crate::record::Compression::name);
        let line = format!(
            "baseOffset: {} lastOffset: {} count: {} baseSequence: {} lastSequence: {} producerId: {} producerEpoch: {} \
             partitionLeaderEpoch: {} isTransactional: {} isControl: {} deleteHorizonMs: {} position: {position} {}: {} \
             size: {} magic: 2 compresscodec: {codec} crc: {} isvalid: {}",
            header.base_offset,
            header.last_offset(),
            header.records_count,
            header.base_sequence,
            header.last_sequence(),
            header.producer_id,
            header.producer_epoch,
            header.partition_leader_epoch,
            header.is_transactional(),
            header.is_control(),
            optional_long(header.delete_horizon_ms()),
            timestamp_type(header),
            header.max_timestamp,
            header.size(),
            header.crc,
            header.check_crc(batch).is_ok(),
        );
        self.line(&line);
    }

    fn records(
        &mut self,
        header: &BatchHeader,
        batch: &[u8],
        path: &str,
        last_offset: &mut i64,
        decoder: &Decoder,
    ) -> Result<(), Failure> {
        let uncompressed = header.uncompressed(batch).map_err(|error| of_record(&error))?;
        let mut records = header.views(&uncompressed).peekable();
        while let Some(record) = records.next() {
            // Kafka's reader looks behind the last record before it gives it.
            if let (Ok(_), Some(Err(error))) = (&record, records.peek())
                && matches!(error, RecordError::InvalidRecord { index, .. } if *index == header.records_count)
            {
                return Err(of_record(error).into());
            }
            let record = record.map_err(|error| of_record(&error))?;
            let offset = header.base_offset.saturating_add(i64::from(record.offset_delta));
            if offset != last_offset.saturating_add(1) {
                of_file(&mut self.gaps, path).insert(*last_offset, offset);
            }
            *last_offset = offset;
            if !self.skips_metadata {
                self.record_metadata(header, &record, offset)?;
                if header.is_control() {
                    let shown = control_record(&record, decoder)?;
                    self.out.push_str(&shown);
                }
            }
            if self.prints_content && !header.is_control() {
                let parsed = decoder.parse(&record, offset)?;
                let mut prefix = if self.skips_metadata { "| " } else { " " };
                if let Some(key) = parsed.key {
                    self.out.extend([prefix, "key: ", &key]);
                    prefix = " ";
                }
                if let Some(value) = parsed.value {
                    self.out.extend([prefix, "payload: ", &value]);
                }
            }
            self.out.push('\n');
        }
        Ok(())
    }

    fn record_metadata(&mut self, header: &BatchHeader, record: &RecordView<'_>, offset: i64) -> Result<(), Exception> {
        let size = |bytes: Option<&[u8]>| bytes.map_or(-1, |bytes| bytes.len() as i64);
        let sequence = match header.base_sequence {
            none if none < 0 => NO_SEQUENCE,
            // Sequences wrap from the largest int32 to 0.
            base => ((i64::from(base) + i64::from(record.offset_delta)) & 0x7fff_ffff) as i32,
        };
        let mut keys = Vec::new();
        for header in record.headers() {
            let (key, _) = header.map_err(|error| of_record(&error))?;
            keys.push(String::from_utf8_lossy(key).into_owned());
        }
        // Writing to a String cannot fail.
        let _ = write!(
            self.out,
            "| offset: {offset} {}: {} keySize: {} valueSize: {} sequence: {sequence} headerKeys: [{}]",
            timestamp_type(header),
            header.timestamp_of(record),
            size(record.key),
            size(record.value),
            keys.join(",")
        );
        Ok(())
    }

    /// What was found wrong, behind all files.
    fn tell_faults(&mut self) {
        let by_path = |faults: &mut Faults<_>| hash_map_order(faults, 16, |(path, _)| string_hash(path));
        by_path(&mut self.mismatches);
        by_path(&mut self.gaps);
        for (path, pairs) in &self.mismatches {
            self.terminal.error_line(&format!("Mismatches in :{path}"));
            for (index, log) in pairs.iter().rev() {
                self.terminal.error_line(&format!("  Index offset: {index}, log offset: {log}"));
            }
        }
        let faults = core::mem::take(&mut self.time_index);
        for (mut files, head, indent, first, second) in [
            (faults.mismatched, "Found timestamp mismatch in :", "  ", "Index timestamp", "log timestamp"),
            (
                faults.out_of_order,
                "Found out of order timestamp in :",
                "  ",
                "Index timestamp",
                "Previously indexed timestamp",
            ),
            (
                faults.not_found,
                "The following indexed offsets are not found in :",
                "",
                "Indexed offset",
                "found log offset",
            ),
        ] {
            hash_map_order(&mut files, 16, |(path, _)| string_hash(path));
            for (path, pairs) in files {
                self.terminal.error_line(&format!("{head}{path}"));
                for (one, other) in pairs {
                    self.terminal.error_line(&format!("{indent}{first}: {one}, {second}: {other}"));
                }
            }
        }
        for (path, pairs) in &self.gaps {
            self.terminal.error_line(&format!("Non-consecutive offsets in {path}"));
            for (before, after) in pairs {
                self.terminal.error_line(&format!("  {before} is followed by {after}"));
            }
        }
    }
}

/// The batch at a position; `None` where no whole one is left.
///
/// # Errors
/// Kafka's exception for what can be no batch.
pub(super) fn next_batch(content: &[u8], position: usize, path: &str) -> Result<Option<BatchHeader>, Exception> {
    let rest = content.get(position..).unwrap_or_default();
    let length = rest.get(8..LOG_OVERHEAD).and_then(<[u8]>::first_chunk::<4>).map(|bytes| i32::from_be_bytes(*bytes));
    let Some(length) = length.filter(|_| rest.len() > UP_TO_MAGIC) else { return Ok(None) };
    let too_small = || {
        let message =
            format!("Found record size {length} smaller than minimum record overhead ({SHORTEST}) in file {path}.");
        Exception::new("org.apache.kafka.common.errors.CorruptRecordException", message)
    };
    if length < SHORTEST {
        return Err(too_small());
    }
    if length as usize > rest.len() - LOG_OVERHEAD {
        return Ok(None);
    }
    match BatchHeader::parse(rest) {
        Ok(header) => Ok(Some(header)),
        Err(RecordError::Incomplete { .. }) => Ok(None),
        Err(RecordError::InvalidLength(_)) => Err(too_small()),
        Err(error) => Err(of_record(&error)),
    }
}

/// The largest timestamp of a batch's records.
pub(super) fn max_timestamp(header: &BatchHeader, batch: &[u8]) -> Result<i64, Exception> {
    let mut max = NO_TIMESTAMP;
    let uncompressed = header.uncompressed(batch).map_err(|error| of_record(&error))?;
    for record in header.views(&uncompressed) {
        max = max.max(header.timestamp_of(&record.map_err(|error| of_record(&error))?));
    }
    Ok(max)
}

/// Kafka's exception for bytes that are no record.
fn of_record(error: &RecordError) -> Exception {
    match error {
        RecordError::InvalidRecord { reason: "bytes after the last record", .. } => Exception::new(
            "org.apache.kafka.common.InvalidRecordException",
            "Incorrect declared batch size, records still remaining in file",
        ),
        RecordError::InvalidRecord { .. } => {
            Exception::new("org.apache.kafka.common.InvalidRecordException", "Found invalid record structure")
        }
        RecordError::Decompression { .. } => {
            Exception::new("org.apache.kafka.common.KafkaException", "Failed to decompress record stream")
        }
        RecordError::UnknownCompression(_) => Exception::illegal_argument(error.to_string()),
        _ => Exception::new("java.lang.UnsupportedOperationException", error.to_string()),
    }
}

fn control_record(record: &RecordView<'_>, decoder: &Decoder) -> Result<String, Exception> {
    let key = record.key.unwrap_or_default();
    let Some([_, _, high, low]) = key.first_chunk::<4>() else {
        let message = format!(
            "Invalid value size found for control record key. Must have at least 4 bytes, but found only {}",
            key.len()
        );
        return Err(Exception::new("org.apache.kafka.common.InvalidRecordException", message));
    };
    let code = i16::from_be_bytes([*high, *low]);
    let value = record.value.unwrap_or_default();
    let json = |head: &str, name: &str| {
        let json = decoder.schemas.json_of(name, &Bytes::copy_from_slice(value), 0);
        let unread = || Exception::new("org.apache.kafka.common.InvalidRecordException", format!("No {name}"));
        Ok(format!(" {head} {}", json.ok_or_else(unread)?))
    };
    match ControlRecordType::from_code(code) {
        Some(kind @ (ControlRecordType::Abort | ControlRecordType::Commit)) => {
            let name = if kind == ControlRecordType::Abort { "ABORT" } else { "COMMIT" };
            let epoch = control::marker_coordinator_epoch(value)
                .ok_or_else(|| Exception::new("java.nio.BufferUnderflowException", ""))?;
            Ok(format!(" endTxnMarker: {name} coordinatorEpoch: {epoch}"))
        }
        Some(ControlRecordType::LeaderChange) => json("LeaderChange:", "LeaderChangeMessage"),
        Some(ControlRecordType::SnapshotHeader) => json("SnapshotHeader", "SnapshotHeaderRecord"),
        Some(ControlRecordType::SnapshotFooter) => json("SnapshotFooter", "SnapshotFooterRecord"),
        Some(ControlRecordType::KraftVersion) => json("KRaftVersion", "KRaftVersionRecord"),
        Some(ControlRecordType::KraftVoters) => json("KRaftVoters", "VotersRecord"),
        None => Ok(format!(" controlType: UNKNOWN({code})")),
    }
}

const fn timestamp_type(header: &BatchHeader) -> &'static str {
    match header.timestamp_type() {
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    }
}

/// As Java shows an `OptionalLong`.
pub(super) fn optional_long(value: Option<i64>) -> String {
    value.map_or("OptionalLong.empty".to_string(), |value| format!("OptionalLong[{value}]"))
}

/// The offset that a file's name begins with.
pub(super) fn start_offset(name: &str) -> Result<i64, Exception> {
    let text = name.split('.').next().unwrap_or_default();
    number(text)
}

fn number<T: core::str::FromStr>(text: &str) -> Result<T, Exception> {
    let none = |_| Exception::new("java.lang.NumberFormatException", format!("For input string: \"{text}\""));
    text.parse().map_err(none)
}

/// End offset and epoch in the name of a snapshot: `00000000000000000010-0000000001.checkpoint`.
fn snapshot_id(name: &str) -> Result<(i64, i32), Exception> {
    let part = |from: usize, to: usize| {
        name.get(from..to).ok_or_else(|| {
            let message = format!("begin {from}, end {to}, length {}", name.len());
            Exception::new("java.lang.StringIndexOutOfBoundsException", message)
        })
    };
    Ok((number(part(0, 20)?)?, number(part(21, 31)?)?))
}
