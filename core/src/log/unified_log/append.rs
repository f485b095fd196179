//! Appending: what a leader checks and assigns, what a follower takes as it is.

use super::super::indexes::file_name;
use super::super::producer_state::BatchMetadata;
use super::super::segment::LogSegment;
use super::super::storage::{StoreCommand, StoreQueue};
use super::super::transaction_index::AbortedTransaction;
use super::super::verification::TransactionContext;
use super::{SnapshotFile, UnifiedLog};
use crate::ids::{LeaderEpoch, NO_EPOCH, Offset};
use crate::protocol::ErrorCode;
use crate::record::batch::{stamp, stamp_time};
use crate::record::validate::{ClientBatchCheck, Rejection, Validated, compress_own_batch, validate_client_batch};
use crate::record::{BatchHeader, Compression, NO_TIMESTAMP, RecordError, TimestampType};
use crate::time::Now;
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

/// Why an append was refused; nothing of it is in the log.
pub type AppendError = Rejection;

/// Who appends, which decides what is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOrigin {
    /// A Produce request: everything is checked.
    Client,
    /// A coordinator of this node, or of transactions: its batches are taken at their word, but for what they say of producers.
    Coordinator,
    /// The KRaft leader: its batches already have offsets and epoch.
    RaftLeader,
}

/// What an append did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendInfo {
    /// Offset of the first record; -1 where nothing was appended.
    pub first_offset: Offset,
    /// Offset of the last record; -1 where nothing was appended.
    pub last_offset: Offset,
    /// The append time where the topic has `LogAppendTime`, else -1; of a duplicate the largest timestamp of what is in the log.
    pub append_time: i64,
    /// Log start offset of the partition.
    pub log_start_offset: Offset,
    /// True where the batch was in the log already and the offsets are its old ones.
    pub duplicate: bool,
    /// Leader epoch of the last batch appended; -1 where none was.
    pub last_leader_epoch: LeaderEpoch,
    /// Bytes appended.
    pub bytes: usize,
}

impl UnifiedLog {
    /// Appends whole batches as the leader: checks them, assigns offsets from the log end on, stamps the leader epoch.
    pub fn append_as_leader(
        &mut self,
        now: Now,
        records: &[u8],
        leader_epoch: LeaderEpoch,
        origin: AppendOrigin,
        store: &mut StoreQueue,
    ) -> Result<AppendInfo, AppendError> {
        self.append_transactional(now, records, leader_epoch, origin, &TransactionContext::default(), store)
    }

    /// The same for batches of which `context` says how they stand to their transaction.
    pub fn append_transactional(
        &mut self,
        now: Now,
        records: &[u8],
        leader_epoch: LeaderEpoch,
        origin: AppendOrigin,
        context: &TransactionContext,
        store: &mut StoreQueue,
    ) -> Result<AppendInfo, AppendError> {
        self.append_validated(now, records, leader_epoch, (origin, context), None, store)
    }

    /// The check of the batch that a client wants appended, where it is compressed or is to be, so that it is not to be done at
    /// once. `None` where that is not so, or it is refused before that.
    pub fn client_batch_check(&self, now: Now, records: &[u8]) -> Option<ClientBatchCheck> {
        let header = BatchHeader::parse(records).ok()?;
        let is_in_turns = self.is_checked_in_turns(&header)
            && header.base_offset == 0
            && header.size() as u64 <= self.config.max_message_bytes;
        if !is_in_turns {
            return None;
        }
        ClientBatchCheck::new(&header, &self.config.rules(), &self.topic_partition, now.wall_ms).ok()
    }

    /// Whether a batch is compressed, or is to be.
    pub(crate) fn is_checked_in_turns(&self, header: &BatchHeader) -> bool {
        header.compression().is_ok_and(|source| {
            source != Compression::None || self.config.compression.codec(source) != Compression::None
        })
    }

    /// Appends as [`Self::append_transactional`]; `validated` is what came of [`Self::client_batch_check`], where that was done.
    pub fn append_validated(
        &mut self,
        now: Now,
        records: &[u8],
        leader_epoch: LeaderEpoch,
        (origin, context): (AppendOrigin, &TransactionContext),
        validated: Option<Result<Validated, Rejection>>,
        store: &mut StoreQueue,
    ) -> Result<AppendInfo, AppendError> {
        let checked = self.check_leader_append(now, records, leader_epoch, (origin, context), validated)?;
        let first_offset = self.log_end_offset;
        if let Some(duplicate) = checked.duplicate {
            return Ok(AppendInfo {
                first_offset: duplicate.first_offset(),
                last_offset: duplicate.last_offset,
                append_time: duplicate.timestamp,
                duplicate: true,
                ..self.appended_nothing()
            });
        }
        if checked.last_offset < first_offset {
            return Ok(self.appended_nothing());
        }
        let records = checked.records;
        self.maybe_roll(now, records.len() as u64, checked.last_offset, checked.max_timestamp, store);
        let assign = origin != AppendOrigin::RaftLeader;
        self.append_run(first_offset, &records, store, |copy| {
            if assign {
                stamp_batches(copy, first_offset, leader_epoch, checked.append_time, &checked.wrong_timestamps);
            }
        });
        Ok(AppendInfo {
            first_offset,
            last_offset: self.log_end_offset - 1,
            append_time: checked.append_time.unwrap_or(NO_TIMESTAMP),
            last_leader_epoch: leader_epoch,
            bytes: records.len(),
            ..self.appended_nothing()
        })
    }

    /// Appends what a leader answered to a Fetch, as it is. A batch cut off at the end is left out; batches of an epoch
    /// above `leader_epoch`, and all after them, too.
    ///
    /// # Errors
    /// `CORRUPT_MESSAGE` where a batch is damaged; what comes before it is not appended either. `OFFSET_OUT_OF_RANGE`
    /// (Kafka has no code for it: the fetcher fails) where offsets do not ascend or begin below the log end.
    pub fn append_as_follower(
        &mut self,
        now: Now,
        records: &[u8],
        leader_epoch: LeaderEpoch,
        store: &mut StoreQueue,
    ) -> Result<AppendInfo, AppendError> {
        let whole = self.check_follower_append(records, leader_epoch)?;
        let mut info = self.appended_nothing();
        let mut rest = whole;
        while let Ok(first) = BatchHeader::parse(rest) {
            self.maybe_roll(now, first.size() as u64, first.last_offset(), first.max_timestamp, store);
            // All that fits the active segment goes in at once.
            let active = self.active();
            let mut run = first.size();
            let mut last = first;
            while let Ok(next) = BatchHeader::parse(&rest[run..]) {
                let bytes = (run + next.size()) as u64;
                if active.should_roll(&self.config, bytes, next.last_offset(), next.max_timestamp, now.wall_ms) {
                    break;
                }
                run += next.size();
                last = next;
            }
            let (taken, after) = rest.split_at(run);
            self.append_run(first.base_offset, taken, store, |_| ());
            if info.first_offset < 0 {
                info.first_offset = first.base_offset;
            }
            info.last_offset = last.last_offset();
            info.last_leader_epoch = last.partition_leader_epoch;
            info.bytes += run;
            rest = after;
        }
        Ok(info)
    }

    /// Begins a new segment at the log end, unless the active one is empty. Indexes and producer snapshot are stored.
    pub fn roll(&mut self, now: Now, store: &mut StoreQueue) {
        if self.active().size() == 0 && self.active().base_offset == self.log_end_offset {
            return;
        }
        let closed = self.active_mut();
        closed.cache.seal();
        closed.store_indexes(store);
        self.take_producer_snapshot(store);
        let segment = LogSegment::new(&self.directory_name, self.log_end_offset, now.wall_ms);
        segment.create_files(store);
        self.segments.push(segment);
    }

    /// Stores the producer state as of the log end offset.
    pub fn take_producer_snapshot(&mut self, store: &mut StoreQueue) {
        let bytes = self.producers.encode();
        let file = self.path(&file_name(self.log_end_offset, ".snapshot"));
        store.push(StoreCommand::Replace { file, bytes: bytes.clone() });
        self.snapshots.insert(self.log_end_offset, SnapshotFile { length: bytes.len() as u64, bytes: Some(bytes) });
    }

    fn maybe_roll(&mut self, now: Now, bytes: u64, last_offset: Offset, max_timestamp: i64, store: &mut StoreQueue) {
        if self.active().should_roll(&self.config, bytes, last_offset, max_timestamp, now.wall_ms) {
            self.roll(now, store);
        }
    }

    /// Copies `records`, whole batches, to the active segment and takes note of them.
    fn append_run(&mut self, first: Offset, records: &[u8], store: &mut StoreQueue, stamp: impl FnOnce(&mut [u8])) {
        let use_clock = self.use_clock;
        let active = self.segments.len() - 1;
        let segment = &mut self.segments[active];
        let mut position = segment.size();
        let bytes = segment.cache.append(first, records, use_clock, stamp);
        let mut epochs_changed = false;
        let mut completed = Vec::new();
        let mut rest: &[u8] = &bytes;
        while let Ok(header) = BatchHeader::parse(rest) {
            segment.note(&header, position, &self.config);
            if self.epochs.latest_epoch().is_none_or(|latest| header.partition_leader_epoch > latest) {
                epochs_changed |= self.epochs.assign(header.partition_leader_epoch, header.base_offset);
            }
            if let Some(transaction) = self.producers.update(&header, rest) {
                completed.push((transaction, self.producers.last_stable_offset(&transaction)));
                self.producers.complete(&transaction);
            }
            if header.is_transactional() {
                self.verifications.clear(header.producer_id);
            }
            self.log_end_offset = header.next_offset();
            position += header.size() as u64;
            rest = &rest[header.size()..];
        }
        let ticket = store.append(&segment.file, bytes);
        for (transaction, last_stable_offset) in completed.into_iter().filter(|(transaction, _)| transaction.aborted) {
            segment.note_aborted(AbortedTransaction::new(&transaction, last_stable_offset), store);
        }
        if epochs_changed {
            self.store_epochs(store);
        }
        self.note_unstored(ticket, self.log_end_offset);
    }

    const fn appended_nothing(&self) -> AppendInfo {
        AppendInfo {
            first_offset: -1,
            last_offset: -1,
            append_time: NO_TIMESTAMP,
            log_start_offset: self.log_start_offset,
            duplicate: false,
            last_leader_epoch: NO_EPOCH,
            bytes: 0,
        }
    }

    fn check_leader_append<'a>(
        &self,
        now: Now,
        records: &'a [u8],
        leader_epoch: LeaderEpoch,
        (origin, context): (AppendOrigin, &TransactionContext),
        validated: Option<Result<Validated, Rejection>>,
    ) -> Result<Checked<'a>, AppendError> {
        let mut checked = self.check_batches(now, records, leader_epoch, origin, validated)?;
        if checked.records.len() as u64 > self.config.segment_bytes {
            return Err(Rejection::new(
                ErrorCode::RecordListTooLarge,
                format!(
                    "Message batch size is {} bytes in append to partition {}, which exceeds the maximum configured \
                     segment size of {}.",
                    checked.records.len(),
                    self.topic_partition,
                    self.config.segment_bytes
                ),
            ));
        }
        if origin == AppendOrigin::RaftLeader {
            return Ok(checked);
        }
        let mut offset = self.log_end_offset;
        let mut rest: &[u8] = &checked.records;
        while let Ok(header) = BatchHeader::parse(rest) {
            if origin == AppendOrigin::Client {
                checked.duplicate = self.producers.duplicate_of(&header);
                if checked.duplicate.is_some() {
                    break;
                }
            }
            self.check_transaction(&header, rest, offset, origin, context)?;
            offset += i64::from(header.last_offset_delta) + 1;
            rest = &rest[header.size()..];
        }
        Ok(checked)
    }

    /// Checks the batches themselves, and compresses them as the topic wants.
    fn check_batches<'a>(
        &self,
        now: Now,
        records: &'a [u8],
        leader_epoch: LeaderEpoch,
        origin: AppendOrigin,
        mut validated: Option<Result<Validated, Rejection>>,
    ) -> Result<Checked<'a>, AppendError> {
        let append_time = (self.config.message_timestamp_type == TimestampType::LogAppendTime
            && origin != AppendOrigin::RaftLeader)
            .then_some(now.wall_ms);
        let mut checked = Checked {
            records: Cow::Borrowed(records),
            last_offset: self.log_end_offset - 1,
            max_timestamp: NO_TIMESTAMP,
            append_time,
            wrong_timestamps: Vec::new(),
            duplicate: None,
        };
        let mut rest = records;
        let mut position = 0;
        while !rest.is_empty() {
            let header = BatchHeader::parse(rest).map_err(|error| corrupt(&error))?;
            let (batch, after) = rest.split_at(header.size());
            let valid = match origin {
                AppendOrigin::RaftLeader => {
                    self.check_raft_batch(&header, checked.last_offset + 1, leader_epoch)?;
                    Validated { max_timestamp: header.max_timestamp, rebuilt: None }
                }
                AppendOrigin::Coordinator => {
                    compress_own_batch(&header, batch, &self.config.rules(), &self.topic_partition)?
                }
                AppendOrigin::Client => self.check_client_batch(&header, batch, now, validated.take())?,
            };
            let mut size = batch.len();
            if let Some(rebuilt) = valid.rebuilt {
                size = rebuilt.len();
                let before = checked.records.get(..position).unwrap_or_default();
                checked.records = Cow::Owned(if before.is_empty() && after.is_empty() {
                    rebuilt.into()
                } else {
                    [before, &rebuilt, after].concat()
                });
            } else if origin == AppendOrigin::Client
                && append_time.is_none()
                && (valid.max_timestamp != header.max_timestamp || header.timestamp_type() != TimestampType::CreateTime)
            {
                checked.wrong_timestamps.push((position, valid.max_timestamp));
            }
            checked.max_timestamp = checked.max_timestamp.max(append_time.unwrap_or(valid.max_timestamp));
            checked.last_offset += i64::from(header.last_offset_delta) + 1;
            position += size;
            rest = after;
        }
        Ok(checked)
    }

    fn check_client_batch(
        &self,
        header: &BatchHeader,
        batch: &[u8],
        now: Now,
        validated: Option<Result<Validated, Rejection>>,
    ) -> Result<Validated, AppendError> {
        let partition = &self.topic_partition;
        if header.base_offset != 0 {
            return Err(Rejection::new(
                ErrorCode::InvalidRecord,
                format!(
                    "The baseOffset of the record batch in the append to {partition} should be 0, but it is {}",
                    header.base_offset
                ),
            ));
        }
        if header.size() as u64 > self.config.max_message_bytes {
            return Err(Rejection::new(
                ErrorCode::MessageTooLarge,
                format!(
                    "The record batch size in the append to {partition} is {} bytes which exceeds the maximum \
                     configured value of {}).",
                    header.size(),
                    self.config.max_message_bytes
                ),
            ));
        }
        if header.check_crc(batch).is_err() {
            return Err(self.wrong_crc(header));
        }
        validated.unwrap_or_else(|| validate_client_batch(header, batch, &self.config.rules(), partition, now.wall_ms))
    }

    /// Checks epoch, sequence and transaction of a producer's batch that would get `offset`.
    fn check_transaction(
        &self,
        header: &BatchHeader,
        batch: &[u8],
        offset: Offset,
        origin: AppendOrigin,
        context: &TransactionContext,
    ) -> Result<(), AppendError> {
        let id = header.producer_id;
        if context.verified
            && header.has_producer_id()
            && header.is_transactional()
            && !header.is_control()
            && !self.producers.has_ongoing_transaction(id, header.producer_epoch)
            && !self.verifications.is_verified(id, context.guard)
        {
            return Err(Rejection::new(
                ErrorCode::InvalidTxnState,
                "Record was not part of an ongoing transaction".to_string(),
            ));
        }
        let (is_client, verification) = (origin == AppendOrigin::Client, self.verifications.of(id));
        self.producers.check(header, batch, offset, &self.topic_partition, is_client, context, verification)
    }

    fn check_raft_batch(
        &self,
        header: &BatchHeader,
        offset: Offset,
        leader_epoch: LeaderEpoch,
    ) -> Result<(), AppendError> {
        if header.partition_leader_epoch != leader_epoch {
            return Err(Rejection::new(
                ErrorCode::InvalidRecord,
                format!(
                    "Append from Raft leader did not set the batch epoch correctly, expected {leader_epoch} but the \
                     batch has {}",
                    header.partition_leader_epoch
                ),
            ));
        }
        if header.base_offset != offset {
            return Err(self.out_of_order(header.base_offset, offset));
        }
        Ok(())
    }

    /// The whole batches of `records` that are to be appended.
    fn check_follower_append<'a>(&self, records: &'a [u8], leader_epoch: LeaderEpoch) -> Result<&'a [u8], AppendError> {
        let mut next_offset = self.log_end_offset;
        let mut position = 0;
        while position < records.len() {
            let batch = &records[position..];
            let header = match BatchHeader::parse(batch) {
                Ok(header) => header,
                Err(RecordError::Incomplete { .. }) => break,
                Err(error) => return Err(corrupt(&error)),
            };
            // A leader deposed in between may have answered with records of its successor (KAFKA-18723).
            if header.partition_leader_epoch > leader_epoch {
                break;
            }
            if header.check_crc(batch).is_err() {
                return Err(self.wrong_crc(&header));
            }
            if header.base_offset < next_offset || header.last_offset_delta < 0 {
                return Err(self.out_of_order(header.base_offset, next_offset));
            }
            next_offset = header.next_offset();
            position += header.size();
        }
        Ok(&records[..position])
    }

    fn wrong_crc(&self, header: &BatchHeader) -> AppendError {
        let message =
            format!("Record is corrupt (stored crc = {}) in topic partition {}.", header.crc, self.topic_partition);
        Rejection::new(ErrorCode::CorruptMessage, message)
    }

    fn out_of_order(&self, offset: Offset, expected: Offset) -> AppendError {
        Rejection::new(
            ErrorCode::OffsetOutOfRange,
            format!(
                "Unexpected offset in append to {}. First offset {offset} is less than the next offset {expected}. \
                 Log start offset = {}",
                self.topic_partition, self.log_start_offset
            ),
        )
    }
}

/// What the checks of a leader's append found.
struct Checked<'a> {
    /// What is to be appended: the batches as they came, but for those compressed anew.
    records: Cow<'a, [u8]>,
    last_offset: Offset,
    max_timestamp: i64,
    append_time: Option<i64>,
    /// Where a batch begins whose header does not have type and largest timestamp of its records, and that timestamp.
    wrong_timestamps: Vec<(usize, i64)>,
    duplicate: Option<BatchMetadata>,
}

fn corrupt(error: &RecordError) -> AppendError {
    Rejection::new(ErrorCode::CorruptMessage, error.to_string())
}

/// Stamps the batches of an append, the first with `first_offset`.
fn stamp_batches(
    records: &mut [u8],
    first_offset: Offset,
    leader_epoch: LeaderEpoch,
    append_time: Option<i64>,
    wrong_timestamps: &[(usize, i64)],
) {
    let mut offset = first_offset;
    let mut position = 0;
    while let Some(rest) = records.get_mut(position..) {
        let Ok(header) = BatchHeader::parse(rest) else { break };
        let batch = &mut rest[..header.size()];
        stamp(batch, offset, leader_epoch);
        if let Some(time) = append_time {
            stamp_time(batch, TimestampType::LogAppendTime, time);
        } else if let Some(&(_, timestamp)) = wrong_timestamps.iter().find(|(at, _)| *at == position) {
            stamp_time(batch, TimestampType::CreateTime, timestamp);
        }
        offset += i64::from(header.last_offset_delta) + 1;
        position += header.size();
    }
}
