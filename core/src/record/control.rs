//! Control records: their keys, and the marker that ends a transaction.

use super::{BatchBuilder, RecordBatch};
use crate::ids::{LeaderEpoch, Offset, ProducerId};
use bytes::Bytes;

/// What a control record says (int16 in its key).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlRecordType {
    /// A transaction was aborted.
    Abort = 0,
    /// A transaction was committed.
    Commit = 1,
    /// KRaft: a leader was elected (`LeaderChangeMessage`).
    LeaderChange = 2,
    /// KRaft: first record of a snapshot.
    SnapshotHeader = 3,
    /// KRaft: last record of a snapshot.
    SnapshotFooter = 4,
    /// KRaft: the finalized kraft.version (KIP-853).
    KraftVersion = 5,
    /// KRaft: the voter set (KIP-853).
    KraftVoters = 6,
}

impl ControlRecordType {
    /// From its number; `None` for one to be skipped.
    pub const fn from_code(code: i16) -> Option<Self> {
        Some(match code {
            0 => Self::Abort,
            1 => Self::Commit,
            2 => Self::LeaderChange,
            3 => Self::SnapshotHeader,
            4 => Self::SnapshotFooter,
            5 => Self::KraftVersion,
            6 => Self::KraftVoters,
            _ => return None,
        })
    }

    /// The key of such a record: version 0, then the number.
    pub const fn key(self) -> [u8; 4] {
        [0, 0, 0, self as u8]
    }

    /// Reads a key; `None` where it is too short or of an unknown type, which readers skip.
    pub fn from_key(key: &[u8]) -> Option<Self> {
        let [_, _, high, low] = *key.first_chunk::<4>()?;
        Self::from_code(i16::from_be_bytes([high, low]))
    }
}

/// The type of a control batch, from its first record; `None` for other batches and unknown types.
pub fn control_type(batch: &RecordBatch) -> Option<ControlRecordType> {
    if !batch.is_control() {
        return None;
    }
    let first = batch.header().records(batch.bytes()).ok()?.next()?.ok()?;
    ControlRecordType::from_key(first.key?)
}

/// A KRaft control batch with one record.
pub fn control_batch(
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
    timestamp: i64,
    kind: ControlRecordType,
    value: &[u8],
) -> Bytes {
    let mut builder = BatchBuilder::new(base_offset).with_leader_epoch(leader_epoch).control();
    builder.append(timestamp, Some(&kind.key()), Some(value), &[]);
    builder.build()
}

/// The batch that ends a transaction of `producer_id`.
pub fn end_transaction_marker(
    timestamp: i64,
    producer_id: ProducerId,
    producer_epoch: i16,
    coordinator_epoch: i32,
    committed: bool,
) -> Bytes {
    let kind = if committed { ControlRecordType::Commit } else { ControlRecordType::Abort };
    let mut value = [0; 6];
    value[2..].copy_from_slice(&coordinator_epoch.to_be_bytes());
    let mut builder =
        BatchBuilder::new(0).with_producer(producer_id, producer_epoch, super::NO_SEQUENCE).transactional().control();
    builder.append(timestamp, Some(&kind.key()), Some(&value), &[]);
    builder.build()
}

/// The coordinator epoch in the value of an end-of-transaction marker.
pub fn marker_coordinator_epoch(value: &[u8]) -> Option<i32> {
    Some(i32::from_be_bytes(*value.get(2..)?.first_chunk::<4>()?))
}
