//! [`Turn`]: what one step of a shard works with, and the writes it asks for.

use super::classic::Waiter;
use super::config::GroupConfig;
use super::coordinator::GroupOutput;
use super::gather::{Gathers, Slot};
use super::records::GroupRecord;
use super::request::GroupResponse;
use super::static_member::StaticReplacement;
use super::sync_group::AssignmentStore;
use crate::coordinator::write_error;
use crate::event::Event;
use crate::ids::{Offset, ProducerId};
use crate::log::VerificationGuard;
use crate::protocol::ErrorCode;
use crate::protocol::messages::join_group_response::JoinGroupResponse;
use crate::protocol::messages::offset_commit_response::OffsetCommitResponse;
use crate::protocol::messages::offset_delete_response::OffsetDeleteResponse;
use crate::protocol::messages::offset_fetch_response::OffsetFetchResponseGroup;
use crate::protocol::messages::sync_group_response::SyncGroupResponse;
use crate::protocol::messages::txn_offset_commit_response::TxnOffsetCommitResponse;
use crate::record::{BatchBuilder, NO_PRODUCER_EPOCH, NO_PRODUCER_ID};
use crate::rng::Rng;
use crate::text::Str;
use crate::time::{Instant, Now};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

/// One step of one shard: the time, what may be used, and where answers and writes go.
pub(super) struct Turn<'a> {
    pub(super) now: Now,
    pub(super) config: &'a GroupConfig,
    pub(super) rng: &'a mut Rng,
    pub(super) gathers: &'a mut Gathers,
    pub(super) outputs: &'a mut VecDeque<GroupOutput>,
    pub(super) next_append_id: &'a mut u64,
    /// The partition of `__consumer_offsets`.
    pub(super) partition: i32,
    /// Writes begun in this turn; the shard takes them over at its end.
    pub(super) new_writes: Vec<Write>,
}

/// Something that happens once what was written is replicated.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) append_id: u64,
    pub(super) records: Vec<GroupRecord>,
    /// Whose transaction the records are part of; [`NO_PRODUCER_ID`] for none.
    pub(super) producer_id: ProducerId,
    pub(super) action: WriteAction,
    /// When the wait for replication ends with an error.
    pub(super) deadline: Instant,
    pub(super) progress: WriteProgress,
}

/// How far a write got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteProgress {
    /// The log did not answer yet.
    Appending,
    /// The log has it; done once the high watermark is beyond this offset.
    Replicating(Offset),
}

/// What to do after a write.
#[derive(Clone, Debug)]
pub(super) enum WriteAction {
    /// Nobody waits; what could not be written is tried again by itself.
    Background,
    /// A group's first record; its joins fail where it cannot be written.
    CreateGroup(Str),
    StoreAssignment(AssignmentStore),
    ReplaceStaticMember(Box<StaticReplacement>),
    CommitOffsets {
        token: u64,
        response: OffsetCommitResponse,
    },
    CommitTransactionalOffsets {
        token: u64,
        response: TxnOffsetCommitResponse,
    },
    /// The marker that ends a transaction.
    CompleteTransaction {
        token: u64,
        producer_id: ProducerId,
        committed: bool,
    },
    DeleteOffsets {
        token: u64,
        response: OffsetDeleteResponse,
    },
    DeleteGroup(Slot),
    /// Writes nothing: answers with offsets as they were written, when they are replicated.
    FetchOffsets {
        slot: Slot,
        group: OffsetFetchResponseGroup,
    },
}

impl Turn<'_> {
    pub(super) fn event(&mut self, event: Event) {
        self.outputs.push_back(GroupOutput::Event(event));
    }

    pub(super) fn respond(&mut self, token: u64, response: GroupResponse) {
        self.outputs.push_back(GroupOutput::Respond { token, response });
    }

    pub(super) fn respond_join(&mut self, waiter: Waiter, mut response: JoinGroupResponse) {
        // Nullable only since version 7.
        if waiter.api_version < 7 && response.protocol_name.is_none() {
            response.protocol_name = Some(Str::default());
        }
        self.respond(waiter.token, GroupResponse::JoinGroup(response));
    }

    pub(super) fn respond_sync(&mut self, waiter: Waiter, response: SyncGroupResponse) {
        self.respond(waiter.token, GroupResponse::SyncGroup(response));
    }

    /// Answers a `JoinGroup` with an error.
    pub(super) fn fail_join(&mut self, waiter: Waiter, member_id: &Str, error: ErrorCode) {
        let response =
            JoinGroupResponse { error_code: error.code(), member_id: member_id.clone(), ..Default::default() };
        self.respond_join(waiter, response);
    }

    /// Answers a `SyncGroup` with an error.
    pub(super) fn fail_sync(&mut self, waiter: Waiter, error: ErrorCode) {
        self.respond_sync(waiter, SyncGroupResponse { error_code: error.code(), ..SyncGroupResponse::default() });
    }

    /// Answers what waited of one member.
    pub(super) fn fail_waiters(
        &mut self,
        join: impl IntoIterator<Item = Waiter>,
        sync: impl IntoIterator<Item = Waiter>,
        member_id: &Str,
        error: ErrorCode,
    ) {
        for waiter in join {
            self.fail_join(waiter, member_id, error);
        }
        for waiter in sync {
            self.fail_sync(waiter, error);
        }
    }

    /// Asks for records to be appended to the shard's partition, all in one batch.
    pub(super) fn append(&mut self, records: Vec<GroupRecord>, action: WriteAction) {
        let producer = (NO_PRODUCER_ID, NO_PRODUCER_EPOCH);
        self.append_transactional(producer, VerificationGuard::SENTINEL, records, action);
    }

    /// The same as part of the transaction of a producer, given by id and epoch, which was verified with `guard`.
    pub(super) fn append_transactional(
        &mut self,
        producer: (ProducerId, i16),
        guard: VerificationGuard,
        records: Vec<GroupRecord>,
        action: WriteAction,
    ) {
        // As Kafka's coordinators: always a sequence, also of no producer.
        let mut batch = BatchBuilder::new(0).with_producer(producer.0, producer.1, 0);
        if producer.0 != NO_PRODUCER_ID {
            batch = batch.transactional();
        }
        for record in &records {
            batch.append(self.now.wall_ms, Some(&record.key), record.value.as_deref(), &[]);
        }
        let (append_id, partition, batch) = (self.draw_append_id(), self.partition, batch.build());
        self.outputs.push_back(GroupOutput::Append { partition, append_id, batch, guard, transaction_version: 0 });
        self.push_write(append_id, producer.0, records, action, WriteProgress::Appending);
    }

    /// Asks for the marker of a transaction's end to be appended to the shard's partition.
    pub(super) fn append_marker(&mut self, batch: Bytes, transaction_version: i8, action: WriteAction) {
        let (append_id, partition, guard) = (self.draw_append_id(), self.partition, VerificationGuard::SENTINEL);
        self.outputs.push_back(GroupOutput::Append { partition, append_id, batch, guard, transaction_version });
        self.push_write(append_id, NO_PRODUCER_ID, Vec::new(), action, WriteProgress::Appending);
    }

    /// Does `action` once everything up to `offset` (inclusive) is replicated.
    pub(super) fn after_replication(&mut self, offset: Offset, action: WriteAction) {
        let append_id = self.draw_append_id();
        self.push_write(append_id, NO_PRODUCER_ID, Vec::new(), action, WriteProgress::Replicating(offset));
    }

    fn draw_append_id(&mut self) -> u64 {
        let append_id = *self.next_append_id;
        *self.next_append_id += 1;
        append_id
    }

    fn push_write(
        &mut self,
        append_id: u64,
        producer_id: ProducerId,
        records: Vec<GroupRecord>,
        action: WriteAction,
        progress: WriteProgress,
    ) {
        let deadline = self.now.monotonic + self.config.commit_timeout;
        self.new_writes.push(Write { append_id, records, producer_id, action, deadline, progress });
    }

    /// Puts in one group's part of a `DeleteGroups` response.
    pub(super) fn fill_deletion(&mut self, slot: Slot, error: ErrorCode) {
        if let Some((token, response)) = self.gathers.fill_deletion(slot, error) {
            self.respond(token, response);
        }
    }

    /// Puts in one group's part of an `OffsetFetch` response.
    pub(super) fn fill_offsets(&mut self, slot: Slot, group: OffsetFetchResponseGroup) {
        if let Some((token, response)) = self.gathers.fill_offsets(slot, group) {
            self.respond(token, response);
        }
    }
}

/// What a client is told where its write failed.
pub(super) fn response_error(error: ErrorCode) -> ErrorCode {
    match error {
        // The transaction coordinator could not be asked about the transaction.
        ErrorCode::NetworkException => ErrorCode::CoordinatorLoadInProgress,
        other => write_error(other),
    }
}
