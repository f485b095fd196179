//! What a producer does of transactions.

use super::{Producer, ProducerEvent, ProducerRecord, SendError};
use crate::client::transactions::{
    ConsumerGroupMetadata, TransactionError, TransactionManager, TransactionOutcome, TransactionalOffset,
};
use crate::ids::{PartitionIndex, TopicPartition};
use crate::protocol::ErrorCode;
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::Now;
use alloc::vec::Vec;

/// Transactions. What Kafka's producer blocks for is told later, as [`Producer::poll_transaction`] has it.
impl Producer {
    /// Finds the coordinator and a producer id; aborts what an earlier producer with this `transactional.id` left open.
    ///
    /// # Errors
    /// What Kafka's producer throws before it asks.
    pub fn init_transactions(&mut self, now: Now) -> Result<(), TransactionError> {
        self.transactional()?.init_transactions(now.monotonic)?;
        self.flow(now);
        Ok(())
    }

    /// Begins a transaction; nobody is asked for that.
    ///
    /// # Errors
    /// What Kafka's producer throws where none can begin.
    pub fn begin_transaction(&mut self) -> Result<(), TransactionError> {
        let features = self.network.features();
        self.transactional()?.begin_transaction(&features)
    }

    /// Sends what is buffered and commits the transaction.
    ///
    /// # Errors
    /// What Kafka's producer throws where none is open, or it can only be aborted.
    pub fn commit_transaction(&mut self, now: Now) -> Result<(), TransactionError> {
        self.end_transaction(now, true)
    }

    /// Gives up what is not sent yet and aborts the transaction.
    ///
    /// # Errors
    /// What Kafka's producer throws where none is open.
    pub fn abort_transaction(&mut self, now: Now) -> Result<(), TransactionError> {
        self.end_transaction(now, false)
    }

    fn end_transaction(&mut self, now: Now, is_commit: bool) -> Result<(), TransactionError> {
        let features = self.network.features();
        self.transactional()?.end_transaction(now.monotonic, is_commit, &features)?;
        self.flow(now);
        Ok(())
    }

    /// Commits a group's offsets with the transaction; of no offsets it is done at once.
    ///
    /// # Errors
    /// What Kafka's producer throws where none is open, or of a generation without a member.
    pub fn send_offsets_to_transaction(
        &mut self,
        now: Now,
        offsets: SortedMap<TopicPartition, TransactionalOffset>,
        group: ConsumerGroupMetadata,
    ) -> Result<(), TransactionError> {
        group.check()?;
        self.transactional()?.send_offsets(now.monotonic, offsets, group)?;
        self.flow(now);
        Ok(())
    }

    /// What the calls above came to, in their order.
    pub fn poll_transaction(&mut self) -> Option<TransactionOutcome> {
        self.transactions.as_mut()?.poll_outcome()
    }

    fn transactional(&mut self) -> Result<&mut TransactionManager, TransactionError> {
        self.transactions.as_mut().ok_or_else(TransactionError::not_transactional)
    }

    /// That a transaction is open for a record.
    pub(super) fn check_transaction(&mut self, record: &ProducerRecord) -> Result<(), SendError> {
        let mut at = TopicPartition { topic: record.topic.clone(), partition: record.partition.unwrap_or_default() };
        if self.transactional().and_then(|ours| ours.check_send(&at)).is_ok() {
            return Ok(());
        }
        // The exception names the partition.
        at.partition = self.partition_for(record, 0).unwrap_or(at.partition);
        self.transactional().and_then(|ours| ours.check_send(&at)).map_err(SendError::Transaction)
    }

    /// Does what the transaction's state asks for; answers whether a request went out.
    pub(super) fn transact(&mut self, now: Now) -> bool {
        let Some(transactions) = &mut self.transactions else { return false };
        transactions.tick(now.monotonic);
        self.is_flushing |= transactions.is_completing();
        if let Some(error) = transactions.why_unsent_fails() {
            let is_fatal = transactions.has_fatal_error();
            self.abort_unsent(is_fatal, &error);
        }
        let queues = self.accumulator.queues.values();
        let has_incomplete = !self.parked.is_empty() || queues.into_iter().any(|queue| !queue.batches.is_empty());
        let Some(transactions) = &mut self.transactions else { return false };
        transactions.send_next(now, &mut self.network, has_incomplete)
    }

    /// Gives up what was never sent; `all`: and what was.
    fn abort_unsent(&mut self, all: bool, error: &TransactionError) {
        let mut aborted: Vec<(Str, PartitionIndex, Vec<u64>)> = Vec::new();
        for (at, queue) in &mut self.accumulator.queues {
            let batches = if all { queue.take_all() } else { queue.take_undrained() };
            aborted.extend(batches.into_iter().map(|batch| (at.topic.clone(), at.partition, batch.record_ids)));
        }
        let parked = core::mem::take(&mut self.parked).into_iter();
        aborted.extend(parked.map(|parked| (parked.record.topic, -1, alloc::vec![parked.id])));
        for (topic, partition, ids) in aborted {
            self.events.push_back(ProducerEvent::Aborted { ids, topic, partition, error: error.clone() });
        }
    }

    /// In a transaction a sequence in doubt ends in an abort: the epoch is the coordinator's.
    pub(super) fn lose_doubtful_sequences(&mut self) {
        let mut lost = Vec::new();
        for (at, queue) in &mut self.accumulator.queues {
            if queue.needs_new_epoch && queue.in_flight() == 0 {
                lost.extend(queue.take_all().into_iter().map(|batch| (at.clone(), batch.record_ids)));
                if let Some(transactions) = &mut self.transactions {
                    transactions.sequences_lost();
                }
            }
        }
        for (at, ids) in lost {
            self.fail(at.topic, at.partition, ids, ErrorCode::OutOfOrderSequenceNumber, None);
        }
    }
}
