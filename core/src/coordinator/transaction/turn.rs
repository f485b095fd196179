//! [`Turn`]: what one step of a shard works with, the writes it asks for, and to whom they are told.

use super::config::TransactionConfig;
use super::coordinator::TransactionOutput;
use super::gather::{Gathers, Slot};
use super::metadata::Fields;
use super::records;
use super::request::TransactionResponse;
use crate::ids::{Offset, PartitionIndex, ProducerId};
use crate::protocol::ErrorCode;
use crate::protocol::messages::{AddOffsetsToTxnResponse, EndTxnResponse, InitProducerIdResponse};
use crate::record::{BatchBuilder, NO_PRODUCER_EPOCH, NO_PRODUCER_ID};
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// A producer and its epoch, as a response tells them.
pub(super) type ProducerIdAndEpoch = (ProducerId, i16);

/// Neither, as responses with an error have it.
pub(super) const NO_PRODUCER: ProducerIdAndEpoch = (NO_PRODUCER_ID, NO_PRODUCER_EPOCH);

/// One step of one shard: the time, what may be used, and where answers and writes go.
pub(super) struct Turn<'a> {
    pub(super) now: Now,
    pub(super) config: &'a TransactionConfig,
    /// The finalized level of `transaction.version`, as last heard.
    pub(super) transaction_version: i16,
    pub(super) gathers: &'a mut Gathers,
    pub(super) outputs: &'a mut VecDeque<TransactionOutput>,
    pub(super) next_append_id: &'a mut u64,
    /// The partition of `__transaction_state`.
    pub(super) partition: PartitionIndex,
    /// Writes begun in this turn; the shard takes them over at its end.
    pub(super) new_writes: Vec<Write>,
}

/// A request that is owed one answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) token: u64,
    pub(super) api_version: i16,
}

/// Something that happens once what was written is replicated.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) append_id: u64,
    pub(super) action: WriteAction,
    /// When the wait for replication ends with an error.
    pub(super) deadline: Instant,
    /// Offset of the last record, once the log has it.
    pub(super) written: Option<Offset>,
}

/// What a write changes.
#[derive(Clone, Debug)]
pub(super) enum WriteAction {
    /// The step of a transactional id, and who hears of it.
    Step { transactional_id: Str, next: Fields, then: Then },
    /// Ids that expired.
    Forget(Vec<Str>),
}

/// What follows a step.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    /// The producer gets its id and epoch.
    InitProducerId(Asker),
    /// One transaction of an `AddPartitionsToTxn` is answered.
    AddPartitions(Slot),
    /// `AddOffsetsToTxn` is answered.
    AddOffsets(Asker),
    /// Markers go out. A step that only `fences` a producer is its own undoing where it cannot be written.
    SendMarkers { end: EndAsker, fences: bool },
    /// The transaction is over.
    Complete,
}

/// Who wants a transaction to end.
#[derive(Clone, Copy, Debug)]
pub(super) enum EndAsker {
    /// Its producer.
    EndTxn(Asker),
    /// Another producer with the same id: told to come again.
    InitProducerId(Asker),
    /// The coordinator itself: it took too long.
    Timeout,
}

impl Turn<'_> {
    pub(super) fn respond(&mut self, token: u64, response: TransactionResponse) {
        self.outputs.push_back(TransactionOutput::Respond { token, response });
    }

    /// Answers `InitProducerId`.
    pub(super) fn respond_init(&mut self, asker: Asker, result: Result<ProducerIdAndEpoch, ErrorCode>) {
        self.respond(asker.token, init_response(asker.api_version, result));
    }

    /// Answers `AddOffsetsToTxn`.
    pub(super) fn respond_add_offsets(&mut self, asker: Asker, error: ErrorCode) {
        self.respond(asker.token, add_offsets_response(asker.api_version, error));
    }

    /// Answers one transaction of an `AddPartitionsToTxn`.
    pub(super) fn fill(&mut self, slot: Slot, error: ErrorCode) {
        if let Some((token, response)) = self.gathers.fill_all(slot, error) {
            self.respond(token, response);
        }
    }

    /// Answers whoever wanted a transaction to end.
    pub(super) fn respond_end(&mut self, end: EndAsker, result: Result<ProducerIdAndEpoch, ErrorCode>) {
        match end {
            EndAsker::EndTxn(asker) => self.respond(asker.token, end_response(asker.api_version, result)),
            EndAsker::InitProducerId(asker) => {
                let error = result.err().unwrap_or(ErrorCode::ConcurrentTransactions);
                self.respond_init(asker, Err(error));
            }
            EndAsker::Timeout => {}
        }
    }

    /// Asks for a step to be written. Like Kafka's, it waits for its replication as long as a transaction may take.
    pub(super) fn write_step(&mut self, transactional_id: &Str, next: Fields, then: Then) {
        let key = records::key(transactional_id);
        let value = records::value(&next, self.transaction_version);
        let timeout = Duration::from_millis(u64::try_from(next.timeout_ms).unwrap_or(0));
        let mut batch = BatchBuilder::new(0);
        batch.append(self.now.wall_ms, Some(&key), Some(&value), &[]);
        let transactional_id = transactional_id.detached();
        self.append(batch, timeout, WriteAction::Step { transactional_id, next, then });
    }

    /// Asks for ids to be removed from the log, all in one batch.
    pub(super) fn write_tombstones(&mut self, transactional_ids: Vec<Str>) {
        let mut batch = BatchBuilder::new(0);
        for transactional_id in &transactional_ids {
            batch.append(self.now.wall_ms, Some(&records::key(transactional_id)), None, &[]);
        }
        self.append(batch, self.config.request_timeout, WriteAction::Forget(transactional_ids));
    }

    fn append(&mut self, batch: BatchBuilder, timeout: Duration, action: WriteAction) {
        let append_id = *self.next_append_id;
        *self.next_append_id += 1;
        let output = TransactionOutput::Append { partition: self.partition, append_id, batch: batch.build() };
        self.outputs.push_back(output);
        let deadline = self.now.monotonic + timeout;
        self.new_writes.push(Write { append_id, action, deadline, written: None });
    }
}

/// What clients before KIP-588 are told instead of `PRODUCER_FENCED`, which they do not know.
pub(super) fn known_error(api_version: i16, first_with_fenced: i16, error: ErrorCode) -> ErrorCode {
    if api_version < first_with_fenced && error == ErrorCode::ProducerFenced {
        ErrorCode::InvalidProducerEpoch
    } else {
        error
    }
}

pub(super) fn init_response(api_version: i16, result: Result<ProducerIdAndEpoch, ErrorCode>) -> TransactionResponse {
    let (producer_id, producer_epoch) = result.unwrap_or(NO_PRODUCER);
    let error_code = result.err().map_or(0, |error| known_error(api_version, 4, error).code());
    let response = InitProducerIdResponse { error_code, producer_id, producer_epoch, ..Default::default() };
    TransactionResponse::InitProducerId(response)
}

pub(super) fn end_response(api_version: i16, result: Result<ProducerIdAndEpoch, ErrorCode>) -> TransactionResponse {
    // Before version 5 the epoch stays what the producer knows.
    let told = result.ok().filter(|_| api_version >= 5);
    let (producer_id, producer_epoch) = told.unwrap_or(NO_PRODUCER);
    let error_code = result.err().map_or(0, |error| known_error(api_version, 2, error).code());
    let response = EndTxnResponse { error_code, producer_id, producer_epoch, ..Default::default() };
    TransactionResponse::EndTxn(response)
}

pub(super) fn add_offsets_response(api_version: i16, error: ErrorCode) -> TransactionResponse {
    let error_code = known_error(api_version, 2, error).code();
    TransactionResponse::AddOffsetsToTxn(AddOffsetsToTxnResponse { error_code, ..Default::default() })
}
