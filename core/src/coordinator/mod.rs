//! Coordinators: state kept in the records of an internal topic, by the leader of each of its partitions.

pub mod group;
pub mod transaction;

use crate::ids::PartitionIndex;
use crate::protocol::{ErrorCode, Message, encode_message};
use bytes::{BufMut, Bytes, BytesMut};

/// The partition of an internal topic that keeps a group or a transactional id, of `partitions` (at least 1).
pub fn partition_for(id: &str, partitions: PartitionIndex) -> PartitionIndex {
    let hash = id.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // The one number without a positive counterpart counts as 0, as for Kafka.
    hash.checked_abs().unwrap_or(0) % partitions.max(1)
}

/// What a client is told where a write failed: the log's errors mean nothing to it, the coordinator's do.
fn write_error(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::UnknownTopicOrPartition
        | ErrorCode::NotEnoughReplicas
        | ErrorCode::NotEnoughReplicasAfterAppend
        | ErrorCode::RequestTimedOut => ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError => ErrorCode::NotCoordinator,
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge | ErrorCode::InvalidFetchSize => {
            ErrorCode::UnknownServerError
        }
        other => other,
    }
}

/// A key or value of a coordinator's record: an int16 type or version, and the fields.
fn with_prefix<M: Message>(prefix: i16, message: &M, version: i16) -> Bytes {
    let body = encode_message(message, version);
    let mut bytes = BytesMut::with_capacity(2 + body.len());
    bytes.put_i16(prefix);
    bytes.put_slice(&body);
    bytes.freeze()
}
