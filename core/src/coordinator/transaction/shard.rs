//! [`Shard`]: the transactional ids of one partition of `__transaction_state`, and the writes on their way.

use super::coordinator::TransactionOutput;
use super::markers::Completion;
use super::metadata::{Fields, TransactionMetadata};
use super::records::{self, Replayed};
use super::state::TransactionState;
use super::turn::{EndAsker, Then, Turn, Write, WriteAction};
use crate::coordinator::write_error;
use crate::event::{Event, TransactionEnder};
use crate::ids::{LeaderEpoch, Offset, TRANSACTION_STATE_TOPIC, TopicPartition};
use crate::protocol::ErrorCode;
use crate::record::{Batches, Record, RecordBatch};
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::Instant;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;
use bytes::Bytes;

/// State of one partition.
#[derive(Clone, Debug)]
pub(super) struct Shard {
    /// The coordinator epoch of its markers.
    pub(super) leader_epoch: LeaderEpoch,
    loading: bool,
    pub(super) transactions: SortedMap<Str, TransactionMetadata>,
    /// Transactions whose outcome is decided, until it is in all partitions.
    pub(super) completions: SortedMap<Str, Completion>,
    /// In the order they were begun.
    writes: VecDeque<Write>,
    /// Everything below is replicated to the ISR.
    high_watermark: Offset,
}

impl Shard {
    /// A partition just elected.
    pub(super) fn loading(leader_epoch: LeaderEpoch) -> Self {
        Self {
            leader_epoch,
            loading: true,
            transactions: SortedMap::new(),
            completions: SortedMap::new(),
            writes: VecDeque::new(),
            high_watermark: 0,
        }
    }

    pub(super) const fn is_loading(&self) -> bool {
        self.loading
    }

    pub(super) fn has_write(&self, append_id: u64) -> bool {
        self.writes.iter().any(|write| write.append_id == append_id)
    }

    pub(super) fn take_writes(&mut self, writes: Vec<Write>) {
        self.writes.extend(writes);
    }

    /// Takes over batches of the log while loading; later its own writes are the only truth.
    pub(super) fn replay(&mut self, turn: &mut Turn<'_>, bytes: &Bytes) {
        if !self.loading {
            return;
        }
        for batch in Batches::new(bytes.clone()) {
            match batch {
                Ok(batch) if batch.is_control() => {}
                Ok(batch) => self.replay_batch(turn, &batch),
                Err(error) => skipped(turn, -1, &format!("{error:?}")),
            }
        }
    }

    fn replay_batch(&mut self, turn: &mut Turn<'_>, batch: &RecordBatch) {
        let base_offset = batch.base_offset;
        let records = match batch.iter() {
            Ok(records) => records,
            Err(error) => return skipped(turn, base_offset, &format!("{error:?}")),
        };
        for record in records {
            match record {
                Ok(record) => self.replay_record(turn, &record),
                Err(error) => skipped(turn, base_offset, &format!("{error:?}")),
            }
        }
    }

    fn replay_record(&mut self, turn: &mut Turn<'_>, record: &Record) {
        let Some(key) = &record.key else { return skipped(turn, record.offset, "a record without a key") };
        match records::decode(key, record.value.as_ref()) {
            Ok(Replayed::Transaction(transactional_id, Some(fields))) => {
                self.transactions.insert(transactional_id, TransactionMetadata::new(fields));
            }
            Ok(Replayed::Transaction(transactional_id, None)) => {
                self.transactions.remove(&transactional_id);
            }
            Ok(Replayed::Other) => skipped(turn, record.offset, "an unknown type or version"),
            Err(error) => skipped(turn, record.offset, &format!("{error}")),
        }
    }

    /// Everything was replayed, the log being replicated up to `high_watermark`: what was decided goes on.
    pub(super) fn loaded(&mut self, turn: &mut Turn<'_>, high_watermark: Offset) {
        if !self.loading {
            return;
        }
        self.loading = false;
        self.high_watermark = self.high_watermark.max(high_watermark);
        for (transactional_id, metadata) in &mut self.transactions {
            if metadata.now.state.is_prepared() {
                let next = metadata.prepare_complete(turn.now.wall_ms);
                let completion = Completion::new(next, metadata.now.partitions.clone());
                self.completions.insert(transactional_id.clone(), completion);
            }
        }
    }

    /// Answers everything that waits: somebody else is the coordinator now.
    pub(super) fn unload(&mut self, turn: &mut Turn<'_>) {
        while let Some(write) = self.writes.pop_front() {
            self.finish(turn, write, Err(ErrorCode::NotCoordinator));
        }
        self.completions.clear();
    }

    /// The log took a write, or not.
    pub(super) fn append_result(&mut self, turn: &mut Turn<'_>, append_id: u64, result: Result<Offset, ErrorCode>) {
        let Some(index) = self.writes.iter().position(|write| write.append_id == append_id) else { return };
        match result {
            Ok(last_offset) => {
                if let Some(write) = self.writes.get_mut(index) {
                    write.written = Some(last_offset);
                }
                self.finish_replicated(turn);
            }
            Err(error) => {
                if let Some(write) = self.writes.remove(index) {
                    self.finish(turn, write, Err(write_error(error)));
                }
            }
        }
    }

    /// The high watermark is at `high_watermark` now; it never goes back.
    pub(super) fn advance(&mut self, turn: &mut Turn<'_>, high_watermark: Offset) {
        if high_watermark > self.high_watermark {
            self.high_watermark = high_watermark;
            self.finish_replicated(turn);
        }
    }

    /// Ends what waited for records below the high watermark.
    fn finish_replicated(&mut self, turn: &mut Turn<'_>) {
        let high_watermark = self.high_watermark;
        let is_done = |write: &Write| write.written.is_some_and(|offset| offset < high_watermark);
        while let Some(index) = self.writes.iter().position(is_done) {
            if let Some(write) = self.writes.remove(index) {
                self.finish(turn, write, Ok(()));
            }
        }
    }

    /// Gives up writes that were not replicated in time.
    pub(super) fn expire_writes(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now.monotonic;
        while let Some(index) = self.writes.iter().position(|write| write.deadline <= now) {
            if let Some(write) = self.writes.remove(index) {
                self.finish(turn, write, Err(write_error(ErrorCode::RequestTimedOut)));
            }
        }
    }

    fn finish(&mut self, turn: &mut Turn<'_>, write: Write, result: Result<(), ErrorCode>) {
        match (write.action, result) {
            (WriteAction::Step { transactional_id, next, then }, Ok(())) => {
                self.step_written(turn, &transactional_id, next, then);
            }
            (WriteAction::Step { transactional_id, then, .. }, Err(error)) => {
                self.step_failed(turn, &transactional_id, then, error);
            }
            (WriteAction::Forget(transactional_ids), result) => {
                for transactional_id in &transactional_ids {
                    if result.is_ok() {
                        self.transactions.remove(transactional_id);
                    } else if let Some(metadata) = self.transactions.get_mut(transactional_id) {
                        metadata.pending_state = None;
                    }
                }
            }
        }
    }

    fn step_written(&mut self, turn: &mut Turn<'_>, transactional_id: &Str, next: Fields, then: Then) {
        let Some(metadata) = self.transactions.get_mut(transactional_id) else {
            return respond_error(turn, then, ErrorCode::NotCoordinator);
        };
        metadata.complete_transition_to(next);
        match then {
            Then::InitProducerId(asker) => {
                turn.respond_init(asker, Ok((metadata.now.producer_id, metadata.now.producer_epoch)));
            }
            Then::AddPartitions(slot) => turn.fill(slot, ErrorCode::None),
            Then::AddOffsets(asker) => turn.respond_add_offsets(asker, ErrorCode::None),
            Then::SendMarkers { end, .. } => {
                let next = metadata.prepare_complete(turn.now.wall_ms);
                turn.outputs.push_back(TransactionOutput::Event(Event::TransactionEnded {
                    transactional_id: transactional_id.clone(),
                    committed: next.state == TransactionState::CompleteCommit,
                    partitions: metadata.now.partitions.len(),
                    by: match end {
                        EndAsker::EndTxn(_) => TransactionEnder::Producer,
                        EndAsker::InitProducerId(_) => TransactionEnder::Successor,
                        EndAsker::Timeout => TransactionEnder::Timeout,
                    },
                }));
                // The producer need not wait for the markers: what it begins next waits for them.
                turn.respond_end(end, Ok((next.producer_id, next.producer_epoch)));
                let completion = Completion::new(next, metadata.now.partitions.clone());
                self.completions.insert(transactional_id.clone(), completion);
            }
            Then::Complete => {
                self.completions.remove(transactional_id);
            }
        }
    }

    fn step_failed(&mut self, turn: &mut Turn<'_>, transactional_id: &Str, then: Then, error: ErrorCode) {
        if matches!(then, Then::Complete) {
            // All markers are written, so this has to be in the end; unless it is another's to write.
            match self.completions.get_mut(transactional_id) {
                Some(completion) if error == ErrorCode::CoordinatorNotAvailable => {
                    return completion.retry(turn.now.monotonic);
                }
                _ => self.completions.remove(transactional_id),
            };
        }
        if let Some(metadata) = self.transactions.get_mut(transactional_id) {
            metadata.pending_state = None;
            metadata.has_failed_epoch_fence |= matches!(then, Then::SendMarkers { fences: true, .. });
        }
        respond_error(turn, then, error);
    }

    /// When something of this shard is due, and what.
    pub(super) fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        if self.loading {
            return None;
        }
        let writes = self.writes.iter().map(|write| (write.deadline, "transaction records to be replicated"));
        let markers = self.completions.values().filter_map(Completion::next_deadline);
        writes.chain(markers.map(|at| (at, "send transaction markers again"))).min()
    }
}

fn respond_error(turn: &mut Turn<'_>, then: Then, error: ErrorCode) {
    match then {
        Then::InitProducerId(asker) => turn.respond_init(asker, Err(error)),
        Then::AddPartitions(slot) => turn.fill(slot, error),
        Then::AddOffsets(asker) => turn.respond_add_offsets(asker, error),
        Then::SendMarkers { end, .. } => turn.respond_end(end, Err(error)),
        Then::Complete => {}
    }
}

fn skipped(turn: &mut Turn<'_>, offset: Offset, reason: &str) {
    let partition = TopicPartition::new(TRANSACTION_STATE_TOPIC, turn.partition);
    turn.outputs.push_back(TransactionOutput::Event(Event::RecordSkipped {
        partition,
        offset,
        reason: Str::from(reason),
    }));
}
