//! [`BatchBuilder`]: writes one batch.

use super::batch::{
    ATTRIBUTES, COMPRESSION_MASK, CONTROL_BIT, LOG_APPEND_TIME_BIT, LOG_OVERHEAD, MAGIC, TRANSACTIONAL_BIT,
};
use super::fields::{put_varint, put_varlong, varlong_size};
use super::{
    Compression, Compressor, HEADER_LENGTH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, NO_TIMESTAMP, crc32c,
};
use crate::ids::{LeaderEpoch, NO_EPOCH, Offset, ProducerId};
use crate::text::Str;
use alloc::vec::Vec;
use bytes::Bytes;

/// Builds one batch of magic 2, record by record. Offsets of its records are consecutive.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    buffer: Vec<u8>,
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
    attributes: i16,
    base_timestamp: i64,
    max_timestamp: i64,
    producer_id: ProducerId,
    producer_epoch: i16,
    base_sequence: i32,
    count: i32,
}

impl BatchBuilder {
    /// An empty batch that begins at `base_offset`; clients begin at 0 and the leader assigns.
    pub fn new(base_offset: Offset) -> Self {
        Self {
            buffer: alloc::vec![0; HEADER_LENGTH],
            base_offset,
            leader_epoch: NO_EPOCH,
            attributes: 0,
            base_timestamp: NO_TIMESTAMP,
            max_timestamp: NO_TIMESTAMP,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            base_sequence: NO_SEQUENCE,
            count: 0,
        }
    }

    /// Sets the leader epoch.
    #[must_use]
    pub const fn with_leader_epoch(mut self, leader_epoch: LeaderEpoch) -> Self {
        self.leader_epoch = leader_epoch;
        self
    }

    /// Makes it a batch of an idempotent producer.
    #[must_use]
    pub const fn with_producer(mut self, producer_id: ProducerId, producer_epoch: i16, base_sequence: i32) -> Self {
        self.producer_id = producer_id;
        self.producer_epoch = producer_epoch;
        self.base_sequence = base_sequence;
        self
    }

    /// Makes it part of a transaction.
    #[must_use]
    pub const fn transactional(mut self) -> Self {
        self.attributes |= TRANSACTIONAL_BIT;
        self
    }

    /// Makes it a control batch.
    #[must_use]
    pub const fn control(mut self) -> Self {
        self.attributes |= CONTROL_BIT;
        self
    }

    /// Marks its timestamps as set by the leader.
    #[must_use]
    pub const fn log_append_time(mut self) -> Self {
        self.attributes |= LOG_APPEND_TIME_BIT;
        self
    }

    /// Compresses the records there are. They are all: none may be added behind them.
    #[must_use]
    pub fn compressed(mut self, compressor: &Compressor) -> Self {
        let records = compressor.compress(self.buffer.get(HEADER_LENGTH..).unwrap_or_default());
        self.buffer.truncate(HEADER_LENGTH);
        self.buffer.extend(records);
        self.in_codec(compressor.codec())
    }

    /// Adds a record. Headers are in the order given.
    pub fn append(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(Str, Option<Bytes>)],
    ) {
        if self.count == 0 {
            self.base_timestamp = timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let timestamp_delta = timestamp.wrapping_sub(self.base_timestamp);
        let size = self.body_size(timestamp_delta, key, value, headers);
        let buffer = &mut self.buffer;
        put_varint(buffer, size as i32);
        buffer.push(0);
        put_varlong(buffer, timestamp_delta);
        put_varint(buffer, self.count);
        put_nullable(buffer, key);
        put_nullable(buffer, value);
        put_varint(buffer, headers.len() as i32);
        for (name, content) in headers {
            put_nullable(buffer, Some(name.bytes()));
            put_nullable(buffer, content.as_deref());
        }
        self.count += 1;
    }

    /// Takes note of the next record, which is put into [`Self::buffer`] compressed.
    pub(super) fn note(&mut self, timestamp: i64) {
        if self.count == 0 {
            self.base_timestamp = timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.count += 1;
    }

    /// Says that what is put behind the header is compressed with this codec.
    #[must_use]
    pub(super) const fn in_codec(mut self, codec: Compression) -> Self {
        self.attributes = (self.attributes & !COMPRESSION_MASK) | codec as i16;
        self
    }

    /// The batch so far, with room for the header at its begin.
    pub(super) const fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Bytes the batch would have with one more such record.
    pub fn size_with(
        &self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(Str, Option<Bytes>)],
    ) -> usize {
        let base = if self.count == 0 { timestamp } else { self.base_timestamp };
        let body = self.body_size(timestamp.wrapping_sub(base), key, value, headers);
        self.buffer.len() + varlong_size(body as i64) + body
    }

    /// Bytes of a batch of this record alone, as Kafka's producer estimates them: with all numbers at their longest.
    pub fn size_upper_bound(
        &self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(Str, Option<Bytes>)],
    ) -> usize {
        // Length, attributes, timestamp and offset: 5, 1, 10 and 5 bytes (`DefaultRecord.MAX_RECORD_OVERHEAD`).
        const LONGEST_OVERHEAD: usize = 21;
        // Attributes, and timestamp and offset where these are small.
        let shortest_overhead = 2 + varlong_size(i64::from(self.count));
        let body = self.body_size(0, key, value, headers);
        HEADER_LENGTH + LONGEST_OVERHEAD + body - shortest_overhead
    }

    /// Bytes of the batch so far.
    pub const fn size(&self) -> usize {
        self.buffer.len()
    }

    /// Records so far.
    pub const fn count(&self) -> i32 {
        self.count
    }

    /// True where no record was added.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The finished batch, with its CRC.
    pub fn build(self) -> Bytes {
        let mut bytes = self.buffer;
        let length = (bytes.len() - LOG_OVERHEAD) as i32;
        bytes[0..8].copy_from_slice(&self.base_offset.to_be_bytes());
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.leader_epoch.to_be_bytes());
        bytes[16] = MAGIC as u8;
        bytes[21..23].copy_from_slice(&self.attributes.to_be_bytes());
        bytes[23..27].copy_from_slice(&(self.count - 1).max(0).to_be_bytes());
        bytes[27..35].copy_from_slice(&self.base_timestamp.to_be_bytes());
        bytes[35..43].copy_from_slice(&self.max_timestamp.to_be_bytes());
        bytes[43..51].copy_from_slice(&self.producer_id.to_be_bytes());
        bytes[51..53].copy_from_slice(&self.producer_epoch.to_be_bytes());
        bytes[53..57].copy_from_slice(&self.base_sequence.to_be_bytes());
        bytes[57..61].copy_from_slice(&self.count.to_be_bytes());
        let crc = crc32c(&bytes[ATTRIBUTES..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        Bytes::from(bytes)
    }

    fn body_size(
        &self,
        timestamp_delta: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(Str, Option<Bytes>)],
    ) -> usize {
        let mut size = 1 + varlong_size(timestamp_delta) + varlong_size(i64::from(self.count));
        size += nullable_size(key) + nullable_size(value) + varlong_size(headers.len() as i64);
        for (name, content) in headers {
            size += nullable_size(Some(name.bytes())) + nullable_size(content.as_deref());
        }
        size
    }
}

fn put_nullable(buffer: &mut Vec<u8>, field: Option<&[u8]>) {
    put_varint(buffer, field.map_or(-1, |field| field.len() as i32));
    buffer.extend_from_slice(field.unwrap_or_default());
}

fn nullable_size(field: Option<&[u8]>) -> usize {
    field.map_or(1, |field| varlong_size(field.len() as i64) + field.len())
}
