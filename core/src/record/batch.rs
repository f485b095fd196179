//! [`BatchHeader`] and [`RecordBatch`]: one batch of magic 2.

use super::compression::MAX_UNCOMPRESSED;
use super::fields::{RecordView, RecordViews, Records};
use super::{Compression, NO_PRODUCER_ID, NO_SEQUENCE, RecordError, crc32c};
use crate::ids::{LeaderEpoch, Offset, ProducerId};
use alloc::borrow::Cow;
use alloc::vec::Vec;
use bytes::Bytes;

/// Bytes of the header before the first record.
pub const HEADER_LENGTH: usize = 61;
/// Bytes before those that the batch length counts.
pub const LOG_OVERHEAD: usize = 12;
/// The only magic this crate reads.
pub const MAGIC: i8 = 2;

const BASE_OFFSET: usize = 0;
const BATCH_LENGTH: usize = 8;
const LEADER_EPOCH: usize = 12;
const MAGIC_POSITION: usize = 16;
const CRC: usize = 17;
/// The CRC covers everything from here on.
pub(crate) const ATTRIBUTES: usize = 21;
const MAX_TIMESTAMP: usize = 35;
/// The shortest length of any magic.
const MINIMUM_LENGTH: i32 = 14;

pub(crate) const COMPRESSION_MASK: i16 = 0x07;
pub(crate) const LOG_APPEND_TIME_BIT: i16 = 0x08;
pub(crate) const TRANSACTIONAL_BIT: i16 = 0x10;
pub(crate) const CONTROL_BIT: i16 = 0x20;
pub(crate) const DELETE_HORIZON_BIT: i16 = 0x40;

/// What the timestamps of a batch mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimestampType {
    /// Set by the producer.
    #[default]
    CreateTime,
    /// Set by the leader when it appended; the same for every record of the batch.
    LogAppendTime,
}

/// The header of one batch, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record.
    pub base_offset: Offset,
    /// Bytes after the length field.
    pub batch_length: i32,
    /// Epoch of the leader that appended it; not covered by the CRC.
    pub partition_leader_epoch: LeaderEpoch,
    /// CRC-32C from the attributes on, as stored.
    pub crc: u32,
    /// Compression, timestamp type and flags.
    pub attributes: i16,
    /// Offset of the last record, from the base offset.
    pub last_offset_delta: i32,
    /// Timestamp that the records count from, or the delete horizon.
    pub base_timestamp: i64,
    /// Largest timestamp, or the append time.
    pub max_timestamp: i64,
    /// Id of an idempotent producer, or -1.
    pub producer_id: ProducerId,
    /// Epoch of that producer, or -1.
    pub producer_epoch: i16,
    /// Sequence of the first record, or -1.
    pub base_sequence: i32,
    /// Number of records.
    pub records_count: i32,
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`; the whole batch must be there. The CRC is not checked.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let incomplete = RecordError::Incomplete { available: bytes.len() };
        if bytes.len() <= MAGIC_POSITION {
            return Err(incomplete);
        }
        let batch_length = i32_at(bytes, BATCH_LENGTH);
        if batch_length < MINIMUM_LENGTH {
            return Err(RecordError::InvalidLength(batch_length));
        }
        let magic = bytes[MAGIC_POSITION] as i8;
        if magic != MAGIC {
            return Err(RecordError::UnsupportedMagic(magic));
        }
        let size = batch_length as usize + LOG_OVERHEAD;
        if size < HEADER_LENGTH {
            return Err(RecordError::InvalidLength(batch_length));
        }
        if bytes.len() < size {
            return Err(incomplete);
        }
        Ok(Self {
            base_offset: i64_at(bytes, BASE_OFFSET),
            batch_length,
            partition_leader_epoch: i32_at(bytes, LEADER_EPOCH),
            crc: i32_at(bytes, CRC) as u32,
            attributes: i16_at(bytes, ATTRIBUTES),
            last_offset_delta: i32_at(bytes, 23),
            base_timestamp: i64_at(bytes, 27),
            max_timestamp: i64_at(bytes, MAX_TIMESTAMP),
            producer_id: i64_at(bytes, 43),
            producer_epoch: i16_at(bytes, 51),
            base_sequence: i32_at(bytes, 53),
            records_count: i32_at(bytes, 57),
        })
    }

    /// Bytes of the whole batch.
    pub const fn size(&self) -> usize {
        self.batch_length as usize + LOG_OVERHEAD
    }

    /// Offset of the last record.
    pub const fn last_offset(&self) -> Offset {
        self.base_offset.saturating_add(self.last_offset_delta as i64)
    }

    /// Offset after the last record.
    pub const fn next_offset(&self) -> Offset {
        self.last_offset().saturating_add(1)
    }

    /// Sequence of the last record, or -1; wraps from the largest to 0.
    pub const fn last_sequence(&self) -> i32 {
        if self.base_sequence == NO_SEQUENCE {
            return NO_SEQUENCE;
        }
        ((self.base_sequence as i64 + self.last_offset_delta as i64) & 0x7fff_ffff) as i32
    }

    /// How the records are compressed.
    pub const fn compression(&self) -> Result<Compression, RecordError> {
        match self.attributes & COMPRESSION_MASK {
            0 => Ok(Compression::None),
            1 => Ok(Compression::Gzip),
            2 => Ok(Compression::Snappy),
            3 => Ok(Compression::Lz4),
            4 => Ok(Compression::Zstd),
            other => Err(RecordError::UnknownCompression(other as u8)),
        }
    }

    /// What the timestamps mean.
    pub const fn timestamp_type(&self) -> TimestampType {
        if self.attributes & LOG_APPEND_TIME_BIT == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// True where the batch belongs to a transaction.
    pub const fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL_BIT != 0
    }

    /// True for a batch of control records, which no application sees.
    pub const fn is_control(&self) -> bool {
        self.attributes & CONTROL_BIT != 0
    }

    /// When tombstones of this batch may go (milliseconds since the epoch), where cleaning has set it.
    pub const fn delete_horizon_ms(&self) -> Option<i64> {
        if self.attributes & DELETE_HORIZON_BIT == 0 { None } else { Some(self.base_timestamp) }
    }

    /// True where an idempotent producer wrote it.
    pub const fn has_producer_id(&self) -> bool {
        self.producer_id > NO_PRODUCER_ID
    }

    /// Checks the CRC against `bytes`, those this header was parsed from.
    pub fn check_crc(&self, bytes: &[u8]) -> Result<(), RecordError> {
        let covered = bytes.get(ATTRIBUTES..self.size()).ok_or(RecordError::Incomplete { available: bytes.len() })?;
        let computed = crc32c(covered);
        if computed == self.crc { Ok(()) } else { Err(RecordError::InvalidCrc { stored: self.crc, computed }) }
    }

    /// Walks the records in `bytes`, those this header was parsed from, without allocating.
    ///
    /// # Errors
    /// [`RecordError::Compressed`] where the batch is compressed: see [`BatchHeader::uncompressed`].
    pub fn records<'a>(&self, bytes: &'a [u8]) -> Result<RecordViews<'a>, RecordError> {
        match self.compression()? {
            Compression::None => Ok(self.views(self.section(bytes)?)),
            codec => Err(RecordError::Compressed(codec)),
        }
    }

    /// The records in `bytes`, those this header was parsed from, as they are uncompressed; [`BatchHeader::views`] walks them.
    pub fn uncompressed<'a>(&self, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, RecordError> {
        let section = self.section(bytes)?;
        match self.compression()? {
            Compression::None => Ok(Cow::Borrowed(section)),
            codec => codec.decompress(section).map(Cow::Owned),
        }
    }

    /// Walks records of this batch that are not compressed, or no longer.
    pub const fn views<'a>(&self, uncompressed: &'a [u8]) -> RecordViews<'a> {
        RecordViews::new(uncompressed, self.records_count)
    }

    /// What is behind the header, as it stands in `bytes`, those this header was parsed from.
    pub(crate) fn section<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8], RecordError> {
        bytes.get(HEADER_LENGTH..self.size()).ok_or(RecordError::Incomplete { available: bytes.len() })
    }

    /// Timestamp of a record of this batch.
    pub const fn timestamp_of(&self, record: &RecordView<'_>) -> i64 {
        self.timestamp_at(record.timestamp_delta)
    }

    /// Timestamp of a record of this batch with this delta.
    pub const fn timestamp_at(&self, timestamp_delta: i64) -> i64 {
        match self.timestamp_type() {
            TimestampType::CreateTime => self.base_timestamp.wrapping_add(timestamp_delta),
            TimestampType::LogAppendTime => self.max_timestamp,
        }
    }
}

/// Sets base offset and leader epoch of the batch at the start of `bytes`; neither is covered by the CRC.
///
/// Nothing happens where `bytes` is shorter than a header.
pub fn stamp(bytes: &mut [u8], base_offset: Offset, leader_epoch: LeaderEpoch) {
    if bytes.len() >= HEADER_LENGTH {
        bytes[BASE_OFFSET..8].copy_from_slice(&base_offset.to_be_bytes());
        bytes[LEADER_EPOCH..16].copy_from_slice(&leader_epoch.to_be_bytes());
    }
}

/// Sets timestamp type and maximum timestamp of the one batch that `bytes` is, and its CRC anew.
///
/// Nothing happens where `bytes` is shorter than a header.
pub fn stamp_time(bytes: &mut [u8], timestamp_type: TimestampType, max_timestamp: i64) {
    if bytes.len() < HEADER_LENGTH {
        return;
    }
    let mut attributes = i16_at(bytes, ATTRIBUTES) & !LOG_APPEND_TIME_BIT;
    if timestamp_type == TimestampType::LogAppendTime {
        attributes |= LOG_APPEND_TIME_BIT;
    }
    bytes[ATTRIBUTES..ATTRIBUTES + 2].copy_from_slice(&attributes.to_be_bytes());
    bytes[MAX_TIMESTAMP..MAX_TIMESTAMP + 8].copy_from_slice(&max_timestamp.to_be_bytes());
    let crc = crc32c(&bytes[ATTRIBUTES..]);
    bytes[CRC..CRC + 4].copy_from_slice(&crc.to_be_bytes());
}

/// One whole batch: its bytes, shared, and its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordBatch {
    header: BatchHeader,
    bytes: Bytes,
}

impl RecordBatch {
    /// The batch at the start of `bytes`; what follows it is not part of the view. The CRC is not checked.
    pub fn parse(bytes: &Bytes) -> Result<Self, RecordError> {
        let header = BatchHeader::parse(bytes)?;
        Ok(Self { bytes: bytes.slice(..header.size()), header })
    }

    /// Its header.
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// Its bytes.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Checks the CRC.
    pub fn check_crc(&self) -> Result<(), RecordError> {
        self.header.check_crc(&self.bytes)
    }

    /// Its records, keys and values shared with the batch, or with what was decompressed from it.
    ///
    /// # Errors
    /// Where it cannot be decompressed, at once; each item its own error where a record is malformed.
    #[expect(clippy::iter_not_returning_iterator, reason = "what cannot be decompressed has nothing to walk")]
    pub fn iter(&self) -> Result<Records, RecordError> {
        self.iter_within(MAX_UNCOMPRESSED)
    }

    /// The same, where its records have no more than `limit` bytes uncompressed.
    ///
    /// # Errors
    /// As of [`RecordBatch::iter`]; also where a compressed batch has more.
    pub fn iter_within(&self, limit: usize) -> Result<Records, RecordError> {
        let section = match self.header.compression()? {
            Compression::None => self.bytes.slice(HEADER_LENGTH..),
            codec => Bytes::from(codec.decompress_within(self.header.section(&self.bytes)?, limit)?),
        };
        Ok(Records::new(self.header, section))
    }

    /// A copy with offsets and leader epoch set, and the append time where the topic wants it.
    #[must_use]
    pub fn stamped(&self, base_offset: Offset, leader_epoch: LeaderEpoch, log_append_time: Option<i64>) -> Self {
        let mut bytes = Vec::from(&self.bytes[..]);
        stamp(&mut bytes, base_offset, leader_epoch);
        let mut header = self.header;
        header.base_offset = base_offset;
        header.partition_leader_epoch = leader_epoch;
        if let Some(time) = log_append_time {
            stamp_time(&mut bytes, TimestampType::LogAppendTime, time);
            header.attributes |= LOG_APPEND_TIME_BIT;
            header.max_timestamp = time;
            header.crc = i32_at(&bytes, CRC) as u32;
        }
        Self { header, bytes: Bytes::from(bytes) }
    }
}

impl core::ops::Deref for RecordBatch {
    type Target = BatchHeader;
    fn deref(&self) -> &BatchHeader {
        &self.header
    }
}

// Callers have checked the length; a short slice reads as zeros rather than panicking.
fn array_at<const N: usize>(bytes: &[u8], position: usize) -> [u8; N] {
    bytes.get(position..).and_then(|rest| rest.first_chunk::<N>()).copied().unwrap_or([0; N])
}

fn i16_at(bytes: &[u8], position: usize) -> i16 {
    i16::from_be_bytes(array_at(bytes, position))
}

fn i32_at(bytes: &[u8], position: usize) -> i32 {
    i32::from_be_bytes(array_at(bytes, position))
}

fn i64_at(bytes: &[u8], position: usize) -> i64 {
    i64::from_be_bytes(array_at(bytes, position))
}
