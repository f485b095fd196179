//! Indexes and snapshots of producers, as `kafka-dump-log.sh` shows them.

use super::{Dump, max_timestamp, next_batch, of_file, optional_long, start_offset};
use crate::cli::failure::{Exception, Failure};
use crate::log::indexes::{OFFSET_ENTRY_BYTES, TIME_ENTRY_BYTES};
use crate::log::producer_state::BatchMetadata;
use crate::protocol::Reader;
use crate::record::{BatchHeader, NO_TIMESTAMP, crc32c};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt::Write;

const CORRUPT_INDEX: &str = "org.apache.kafka.storage.internals.log.CorruptIndexException";
/// Bytes of an entry of a `.txnindex` file.
const ABORTED_BYTES: usize = 34;
/// Bytes of an entry of a `.snapshot` file.
const PRODUCER_BYTES: usize = 46;

/// A file beside `path`, of the same segment.
fn beside(path: &str, name: &str, suffix: &str) -> String {
    let folder = path.strip_suffix(name).unwrap_or_default();
    format!("{folder}{}{suffix}", name.split('.').next().unwrap_or_default())
}

/// Offset and position of each whole entry of a `.index`.
fn offset_entries(content: &[u8], base_offset: i64) -> Vec<(i64, i32)> {
    let entry = |entry: &[u8; OFFSET_ENTRY_BYTES]| {
        let mut reader = Reader::new(Bytes::copy_from_slice(entry));
        (base_offset.wrapping_add(i64::from(reader.int32())), reader.int32())
    };
    content.as_chunks::<OFFSET_ENTRY_BYTES>().0.iter().map(entry).collect()
}

/// Timestamp and offset of each whole entry of a `.timeindex`.
fn time_entries(content: &[u8], base_offset: i64) -> Vec<(i64, i64)> {
    let entry = |entry: &[u8; TIME_ENTRY_BYTES]| {
        let mut reader = Reader::new(Bytes::copy_from_slice(entry));
        (reader.int64(), base_offset.wrapping_add(i64::from(reader.int32())))
    };
    content.as_chunks::<TIME_ENTRY_BYTES>().0.iter().map(entry).collect()
}

/// The bytes of a log from a position that an index names.
fn from_position(log: &[u8], position: i32, path: &str) -> Result<usize, Exception> {
    match usize::try_from(position) {
        Err(_) => {
            let size = log.len();
            let file = format!("FileRecords(size={size}, file={path}, start=0, end=2147483647)");
            Err(Exception::illegal_argument(format!("Invalid position: {position} in read from {file}")))
        }
        Ok(at) if at > log.len() => {
            let size = log.len();
            let file = format!("FileRecords(size={size}, file={path}, start=0, end=2147483647)");
            Err(Exception::illegal_argument(format!("Slice from position {position} exceeds end position of {file}")))
        }
        Ok(at) => Ok(at),
    }
}

impl Dump<'_> {
    /// Reads an index; Kafka's tool creates one that is not there, and then does not like it.
    async fn index(&self, path: &str) -> Result<Bytes, Exception> {
        let missing = |_| Exception::illegal_argument("Invalid max index size: -1");
        self.terminal.file(path).await.map_err(missing)
    }

    pub(super) async fn offset_index(&mut self, path: &str, name: &str, max_size: i32) -> Result<(), Failure> {
        let base_offset = start_offset(name)?;
        let log_path = beside(path, name, ".log");
        let log = self.read(&log_path).await?;
        let content = self.index(path).await?;
        let entries = offset_entries(&content, base_offset);
        let Some(last) = entries.last() else {
            self.line(&format!("{path} is empty."));
            return Ok(());
        };
        if self.is_sanity_check {
            let corrupt = |message| Err(Exception::new(CORRUPT_INDEX, message).into());
            if last.0 < base_offset {
                return corrupt(format!(
                    "Corrupt index found, index file {path} has non-zero size but the last offset is {} which is less than \
                     the base offset {base_offset}",
                    last.0
                ));
            }
            if content.len() % OFFSET_ENTRY_BYTES != 0 {
                return corrupt(format!(
                    "Index file {path} is corrupt, found {} bytes which is neither positive nor a multiple of \
                     {OFFSET_ENTRY_BYTES}",
                    content.len()
                ));
            }
            self.line(&format!("{path} passed sanity check."));
            return Ok(());
        }
        for (at, (offset, position)) in entries.iter().enumerate() {
            // Preallocated and never filled.
            if *offset == base_offset && at > 0 {
                return Ok(());
            }
            let begin = from_position(&log, *position, &log_path)?;
            let end = begin.saturating_add(usize::try_from(max_size).unwrap_or_default()).min(log.len());
            let batch = next_batch(log.get(..end).unwrap_or_default(), begin, &log_path)?;
            let batch = batch.ok_or_else(|| Exception::new("java.util.NoSuchElementException", ""))?;
            if batch.last_offset() != *offset {
                of_file(&mut self.mismatches, path).insert(*offset, batch.last_offset());
            }
            if !self.verifies_only {
                self.line(&format!("offset: {offset} position: {position}"));
            }
            self.breathe().await;
        }
        Ok(())
    }

    pub(super) async fn time_index(&mut self, path: &str, name: &str) -> Result<(), Failure> {
        let base_offset = start_offset(name)?;
        let log_path = beside(path, name, ".log");
        let log = self.read(&log_path).await?;
        let offsets = offset_entries(&self.index(&beside(path, name, ".index")).await?, base_offset);
        let content = self.index(path).await?;
        let entries = time_entries(&content, base_offset);
        if self.is_sanity_check {
            check_time_index(path, &content, &entries, base_offset)?;
            self.line(&format!("{path} passed sanity check."));
            return Ok(());
        }
        let mut previous = NO_TIMESTAMP;
        for (at, (timestamp, offset)) in entries.iter().copied().enumerate() {
            if offset == base_offset && at > 0 {
                return Ok(());
            }
            let before = offsets.partition_point(|entry| entry.0 <= offset).checked_sub(1);
            let position = before.and_then(|at| offsets.get(at)).map_or(0, |entry| entry.1);
            let begin = from_position(&log, position, &log_path)?;
            match batch_that_ends_at_or_after(&log, begin, offset, &log_path)? {
                Some((header, batch)) if header.last_offset() == offset => {
                    let max = max_timestamp(&header, batch)?;
                    if max != timestamp {
                        of_file(&mut self.time_index.mismatched, path).push((timestamp, max));
                    }
                    if previous >= timestamp {
                        of_file(&mut self.time_index.out_of_order, path).push((timestamp, previous));
                    }
                }
                found => {
                    let last = found.map_or(-1, |(header, _)| header.last_offset());
                    of_file(&mut self.time_index.not_found, path).push((offset, last));
                }
            }
            if !self.verifies_only {
                self.line(&format!("timestamp: {timestamp} offset: {offset}"));
            }
            self.breathe().await;
            previous = timestamp;
        }
        Ok(())
    }

    pub(super) async fn producer_snapshot(&mut self, path: &str) -> Result<(), Failure> {
        let content = self.read(path).await?;
        match producers(&content) {
            Ok(lines) => lines.iter().for_each(|line| self.line(line)),
            Err(message) => self.terminal.error_line(&message),
        }
        Ok(())
    }

    pub(super) async fn transaction_index(&mut self, path: &str, name: &str) -> Result<(), Failure> {
        start_offset(name)?;
        // One that is not there has nothing to show.
        let content = self.terminal.file(path).await.unwrap_or_default();
        for entry in content.as_chunks::<ABORTED_BYTES>().0 {
            let mut reader = Reader::new(Bytes::copy_from_slice(entry));
            let version = reader.int16();
            if version > 0 {
                let message = format!(
                    "Unexpected aborted transaction version {version} in transaction index {path}, current version is 0"
                );
                return Err(Exception::new("org.apache.kafka.common.KafkaException", message).into());
            }
            self.line(&format!(
                "version: {version} producerId: {} firstOffset: {} lastOffset: {} lastStableOffset: {}",
                reader.int64(),
                reader.int64(),
                reader.int64(),
                reader.int64()
            ));
        }
        Ok(())
    }
}

fn check_time_index(path: &str, content: &[u8], entries: &[(i64, i64)], base_offset: i64) -> Result<(), Exception> {
    if let (Some(first), Some(last)) = (entries.first(), entries.last()) {
        let head = format!("Corrupt time index found, time index file ({path}) has non-zero size but the last");
        if last.0 < first.0 {
            let message = format!("{head} timestamp is {} which is less than the first timestamp {}", last.0, first.0);
            return Err(Exception::new(CORRUPT_INDEX, message));
        }
        if last.1 < base_offset {
            let message = format!("{head} offset is {} which is less than the first offset {base_offset}", last.1);
            return Err(Exception::new(CORRUPT_INDEX, message));
        }
    }
    if content.len().is_multiple_of(TIME_ENTRY_BYTES) {
        return Ok(());
    }
    let message = format!(
        "Time index file {path} is corrupt, found {} bytes which is neither positive nor a multiple of {TIME_ENTRY_BYTES}",
        content.len()
    );
    Err(Exception::new(CORRUPT_INDEX, message))
}

/// The first batch from a position on that holds an offset, or comes behind it.
fn batch_that_ends_at_or_after<'a>(
    log: &'a [u8],
    mut position: usize,
    offset: i64,
    path: &str,
) -> Result<Option<(BatchHeader, &'a [u8])>, Exception> {
    while let Some(header) = next_batch(log, position, path)? {
        let end = position + header.size();
        if header.last_offset() >= offset {
            return Ok(Some((header, log.get(position..end).unwrap_or_default())));
        }
        position = end;
    }
    Ok(None)
}

/// A line for each producer of a `.snapshot`, in the order of the file, or what is wrong with it.
fn producers(content: &Bytes) -> Result<Vec<String>, String> {
    let mut reader = Reader::new(content.clone());
    let invalid = |reason: &str| format!("Snapshot failed schema validation: {reason}");
    let version = reader.int16();
    if reader.fault().is_ok() && version != 1 {
        return Err(invalid(&format!("Snapshot contained an unknown file version {version}")));
    }
    let stored = reader.uint32();
    let computed = crc32c(content.get(6..).unwrap_or_default());
    let count = reader.int32();
    reader.fault().map_err(|_| invalid("null"))?;
    if i64::from(count) > reader.remaining() as i64 {
        let left = reader.remaining();
        let reason =
            format!("Tried to allocate a collection of size {count}, but there are only {left} bytes remaining.");
        return Err(invalid(&reason));
    }
    if count < 0 {
        return Err(invalid("non-nullable field producerEntries was serialized as null"));
    }
    if reader.remaining() < count as usize * PRODUCER_BYTES {
        return Err(invalid("null"));
    }
    if stored != computed {
        return Err(format!(
            "Snapshot is corrupt (CRC is no longer valid). Stored crc: {stored}. Computed crc: {computed}"
        ));
    }
    Ok((0..count).map(|_| producer(&mut reader)).collect())
}

fn producer(reader: &mut Reader) -> String {
    let (id, epoch) = (reader.int64(), reader.int16());
    let (last_sequence, last_offset, offset_delta) = (reader.int32(), reader.int64(), reader.int32());
    let (timestamp, coordinator_epoch, first_offset) = (reader.int64(), reader.int32(), reader.int64());
    let open = optional_long((first_offset >= 0).then_some(first_offset));
    let mut line = format!(
        "producerId: {id} producerEpoch: {epoch} coordinatorEpoch: {coordinator_epoch} currentTxnFirstOffset: {open} \
         lastTimestamp: {timestamp}"
    );
    if last_offset >= 0 {
        let batch = BatchMetadata { last_sequence, last_offset, offset_delta, timestamp };
        // A string takes whatever is written to it.
        let _ = write!(
            line,
            " firstSequence: {} lastSequence: {last_sequence} lastOffset: {last_offset} offsetDelta: {offset_delta} \
             timestamp: {timestamp}",
            batch.first_sequence()
        );
    }
    line
}
