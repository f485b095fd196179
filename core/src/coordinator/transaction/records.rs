//! The records of `__transaction_state`: an int16 type and the transactional id, an int16 version and what is known of it.

use super::metadata::Fields;
use super::state::TransactionState;
use crate::coordinator::with_prefix;
use crate::ids::{PartitionIndex, TopicPartition};
use crate::protocol::messages::TransactionLogKey;
use crate::protocol::messages::transaction_log_value::{PartitionsSchema, TransactionLogValue};
use crate::protocol::{DecodeError, Message, Reader};
use crate::record::NO_PRODUCER_EPOCH;
use crate::sorted::SortedSet;
use crate::text::Str;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;

const TRANSACTION_LOG: i16 = 0;

/// A record read back.
#[derive(Clone, Debug)]
pub(super) enum Replayed {
    /// A transactional id; `None` where it was forgotten.
    Transaction(Str, Option<Fields>),
    /// Of a type or version that this release does not know.
    Other,
}

/// The key of a transactional id.
pub(super) fn key(transactional_id: &Str) -> Bytes {
    with_prefix(TRANSACTION_LOG, &TransactionLogKey { transactional_id: transactional_id.clone() }, 0)
}

/// The value of a transactional id. `transaction_version`: the finalized level, which says how much may be written.
pub(super) fn value(fields: &Fields, transaction_version: i16) -> Bytes {
    let mut value = TransactionLogValue {
        producer_id: fields.producer_id,
        producer_epoch: fields.producer_epoch,
        transaction_timeout_ms: fields.timeout_ms,
        transaction_status: fields.state as i8,
        transaction_partitions: (fields.state != TransactionState::Empty).then(|| by_topic(&fields.partitions)),
        transaction_last_update_timestamp_ms: fields.last_update_ms,
        transaction_start_timestamp_ms: fields.start_ms,
        ..TransactionLogValue::default()
    };
    let version = i16::from(transaction_version >= 1);
    if version >= 1 {
        value.previous_producer_id = fields.previous_producer_id;
        value.next_producer_id = fields.next_producer_id;
        value.client_transaction_version = fields.client_transaction_version;
    }
    with_prefix(version, &value, version)
}

fn by_topic(partitions: &SortedSet<TopicPartition>) -> Vec<PartitionsSchema> {
    let mut topics: Vec<PartitionsSchema> = Vec::new();
    for partition in partitions {
        match topics.last_mut() {
            Some(last) if last.topic == partition.topic => last.partition_ids.push(partition.partition),
            _ => topics
                .push(PartitionsSchema { topic: partition.topic.clone(), partition_ids: vec![partition.partition] }),
        }
    }
    topics
}

/// Reads a record.
pub(super) fn decode(key: &Bytes, value: Option<&Bytes>) -> Result<Replayed, DecodeError> {
    let mut reader = Reader::new(key.clone());
    let record_type = reader.int16();
    reader.fault()?;
    if record_type != TRANSACTION_LOG {
        return Ok(Replayed::Other);
    }
    let transactional_id = TransactionLogKey::decode(&mut reader, 0)?.transactional_id.detached();
    let Some(value) = value else { return Ok(Replayed::Transaction(transactional_id, None)) };
    let mut reader = Reader::new(value.clone());
    let version = reader.int16();
    reader.fault()?;
    if !TransactionLogValue::VERSIONS.contains(&version) {
        return Ok(Replayed::Other);
    }
    let value = TransactionLogValue::decode(&mut reader, version)?;
    let known = TransactionState::from_id(value.transaction_status);
    // The two others are never written.
    let Some(state) = known.filter(|state| state.is_expiration_allowed() || state.is_prepared() || is_ongoing(*state))
    else {
        return Ok(Replayed::Other);
    };
    Ok(Replayed::Transaction(transactional_id, Some(fields(&value, state))))
}

fn is_ongoing(state: TransactionState) -> bool {
    state == TransactionState::Ongoing
}

fn fields(value: &TransactionLogValue, state: TransactionState) -> Fields {
    let mut partitions = SortedSet::new();
    for topic in value.transaction_partitions.iter().flatten() {
        let name = topic.topic.detached();
        partitions
            .extend(topic.partition_ids.iter().map(|&index: &PartitionIndex| TopicPartition::new(name.clone(), index)));
    }
    Fields {
        producer_id: value.producer_id,
        previous_producer_id: value.previous_producer_id,
        next_producer_id: value.next_producer_id,
        producer_epoch: value.producer_epoch,
        last_producer_epoch: NO_PRODUCER_EPOCH,
        timeout_ms: value.transaction_timeout_ms,
        state,
        partitions,
        start_ms: value.transaction_start_timestamp_ms,
        last_update_ms: value.transaction_last_update_timestamp_ms,
        client_transaction_version: value.client_transaction_version,
    }
}
