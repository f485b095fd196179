//! `AddPartitionsToTxn` and `AddOffsetsToTxn`: partitions join a transaction; and the question whether they did.

use super::gather::Slot;
use super::metadata::{Fields, TransactionMetadata};
use super::shard::Shard;
use super::state::TransactionState;
use super::turn::{Asker, Then, Turn};
use crate::ids::{ProducerId, TopicPartition};
use crate::protocol::ErrorCode;
use crate::protocol::messages::AddOffsetsToTxnRequest;
use crate::protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTransaction;
use alloc::vec::Vec;

/// Partitions that shall join, and of which producer.
struct Addition<'a> {
    producer_id: ProducerId,
    producer_epoch: i16,
    partitions: &'a [TopicPartition],
    client_transaction_version: i16,
}

impl Shard {
    /// Adds partitions to a transaction, which begins by that.
    pub(super) fn add_partitions(
        &mut self,
        turn: &mut Turn<'_>,
        slot: Slot,
        transaction: &AddPartitionsToTxnTransaction,
        client_transaction_version: i16,
    ) {
        let addition = Addition {
            producer_id: transaction.producer_id,
            producer_epoch: transaction.producer_epoch,
            partitions: &partitions_of(transaction),
            client_transaction_version,
        };
        let metadata = self.transactions.get_mut(&transaction.transactional_id);
        match decide(metadata, &addition, turn.now.wall_ms) {
            Ok(Some(next)) => turn.write_step(&transaction.transactional_id, next, Then::AddPartitions(slot)),
            Ok(None) => turn.fill(slot, ErrorCode::None),
            Err(error) => turn.fill(slot, error),
        }
    }

    /// Adds a partition of `__consumer_offsets` to a transaction.
    pub(super) fn add_offsets(
        &mut self,
        turn: &mut Turn<'_>,
        asker: Asker,
        request: &AddOffsetsToTxnRequest,
        partition: TopicPartition,
    ) {
        let addition = Addition {
            producer_id: request.producer_id,
            producer_epoch: request.producer_epoch,
            partitions: &[partition],
            client_transaction_version: 0,
        };
        let metadata = self.transactions.get_mut(&request.transactional_id);
        match decide(metadata, &addition, turn.now.wall_ms) {
            Ok(Some(next)) => turn.write_step(&request.transactional_id, next, Then::AddOffsets(asker)),
            Ok(None) => turn.respond_add_offsets(asker, ErrorCode::None),
            Err(error) => turn.respond_add_offsets(asker, error),
        }
    }

    /// Says of each partition whether it is in the transaction. What is pending does not count: the log that asks checks
    /// once more when it appends.
    pub(super) fn verify_partitions(
        &self,
        turn: &mut Turn<'_>,
        slot: Slot,
        transaction: &AddPartitionsToTxnTransaction,
    ) {
        let metadata = self.transactions.get(&transaction.transactional_id);
        let finished = match metadata.ok_or(ErrorCode::InvalidProducerIdMapping).and_then(|metadata| {
            check_producer(metadata, transaction.producer_id, transaction.producer_epoch)?;
            if metadata.now.state.is_prepared() { Err(ErrorCode::ConcurrentTransactions) } else { Ok(metadata) }
        }) {
            Err(error) => turn.gathers.fill_all(slot, error),
            Ok(metadata) => turn.gathers.fill(slot, |topic, partition| {
                let partition = TopicPartition::new(topic.name.clone(), partition);
                let is_in = metadata.now.partitions.contains(&partition);
                if is_in { ErrorCode::None } else { ErrorCode::TransactionAbortable }
            }),
        };
        if let Some((token, response)) = finished {
            turn.respond(token, response);
        }
    }
}

fn partitions_of(transaction: &AddPartitionsToTxnTransaction) -> Vec<TopicPartition> {
    let topics = transaction.topics.iter();
    topics
        .flat_map(|topic| topic.partitions.iter().map(|&index| TopicPartition::new(topic.name.clone(), index)))
        .collect()
}

fn check_producer(
    metadata: &TransactionMetadata,
    producer_id: ProducerId,
    producer_epoch: i16,
) -> Result<(), ErrorCode> {
    if metadata.now.producer_id != producer_id {
        Err(ErrorCode::InvalidProducerIdMapping)
    } else if metadata.now.producer_epoch != producer_epoch {
        Err(ErrorCode::ProducerFenced)
    } else {
        Ok(())
    }
}

/// What is to be written; nothing where all of them are in the transaction already.
fn decide(
    metadata: Option<&mut TransactionMetadata>,
    addition: &Addition<'_>,
    now_ms: i64,
) -> Result<Option<Fields>, ErrorCode> {
    let metadata = metadata.ok_or(ErrorCode::InvalidProducerIdMapping)?;
    if metadata.is_pending() {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    check_producer(metadata, addition.producer_id, addition.producer_epoch)?;
    if metadata.now.state.is_prepared() {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    let known = &metadata.now.partitions;
    if metadata.now.state == TransactionState::Ongoing && addition.partitions.iter().all(|new| known.contains(new)) {
        return Ok(None);
    }
    Ok(Some(metadata.prepare_add_partitions(addition.partitions, addition.client_transaction_version, now_ms)))
}
