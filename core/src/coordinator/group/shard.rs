//! [`Shard`]: the groups and offsets of one partition of `__consumer_offsets`, and the writes on their way.

use super::admin;
use super::classic::{ClassicGroup, ClassicGroupState};
use super::offset_fetch;
use super::offsets::{OffsetAndMetadata, OffsetStore};
use super::records::{self, GroupRecord, Replayed};
use super::request::{GroupRequest, GroupResponse, RequestContext, TopicLookup};
use super::turn::{Turn, Write, WriteAction, WriteProgress, response_error};
use super::{complete_transaction, txn_offset_commit};
use crate::event::Event;
use crate::ids::{CONSUMER_OFFSETS_TOPIC, LeaderEpoch, Offset, ProducerId, TopicPartition};
use crate::protocol::ErrorCode;
use crate::record::control::{ControlRecordType, control_type};
use crate::record::{Batches, NO_PRODUCER_ID, Record, RecordBatch};
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Instant, Now};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;

/// State of one partition.
#[derive(Clone, Debug)]
pub(super) struct Shard {
    leader_epoch: LeaderEpoch,
    loading: bool,
    pub(super) groups: SortedMap<Str, ClassicGroup>,
    pub(super) offsets: OffsetStore,
    /// In the order they were begun.
    writes: VecDeque<Write>,
    /// The last offset written, -1 for none.
    last_written: Offset,
    /// Everything below is replicated to the ISR.
    high_watermark: Offset,
    pub(super) next_expiration: Option<Instant>,
}

impl Shard {
    /// A partition just elected.
    pub(super) fn loading(leader_epoch: LeaderEpoch) -> Self {
        Self {
            leader_epoch,
            loading: true,
            groups: SortedMap::new(),
            offsets: OffsetStore::default(),
            writes: VecDeque::new(),
            last_written: -1,
            high_watermark: 0,
            next_expiration: None,
        }
    }

    pub(super) const fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
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

    /// Answers a request for one group.
    pub(super) fn handle(
        &mut self,
        turn: &mut Turn<'_>,
        token: u64,
        context: &RequestContext,
        request: &GroupRequest,
        topics: &dyn TopicLookup,
    ) {
        match request {
            GroupRequest::JoinGroup(request) => self.join_group(turn, token, context, request),
            GroupRequest::SyncGroup(request) => self.sync_group(turn, token, context, request),
            GroupRequest::Heartbeat(request) => self.heartbeat(turn, token, request),
            GroupRequest::LeaveGroup(request) => self.leave_group(turn, token, context, request),
            GroupRequest::OffsetCommit(request) => self.commit_offsets(turn, token, context, request, topics),
            GroupRequest::OffsetDelete(request) => self.delete_offsets(turn, token, request, topics),
            GroupRequest::OffsetFetch(_)
            | GroupRequest::DescribeGroups(_)
            | GroupRequest::ListGroups(_)
            | GroupRequest::DeleteGroups(_) => {}
        }
    }

    /// Takes over batches of the log while loading; later its own writes are the only truth.
    pub(super) fn replay(&mut self, turn: &mut Turn<'_>, bytes: &Bytes) {
        if !self.loading {
            return;
        }
        for batch in Batches::new(bytes.clone()) {
            match batch {
                Ok(batch) => self.replay_batch(turn, &batch),
                Err(error) => skipped(turn, self.last_written + 1, &format!("{error:?}")),
            }
        }
    }

    fn replay_batch(&mut self, turn: &mut Turn<'_>, batch: &RecordBatch) {
        let base_offset = batch.base_offset;
        self.last_written = self.last_written.max(batch.last_offset());
        if batch.is_control() {
            match control_type(batch) {
                Some(ControlRecordType::Commit) => self.offsets.end_transaction(base_offset, batch.producer_id, true),
                Some(ControlRecordType::Abort) => self.offsets.end_transaction(base_offset, batch.producer_id, false),
                _ => {}
            }
            return;
        }
        let records = match batch.iter() {
            Ok(records) => records,
            Err(error) => return skipped(turn, base_offset, &format!("{error:?}")),
        };
        for record in records {
            match record {
                Ok(record) => self.replay_record(turn, batch.producer_id, &record),
                Err(error) => skipped(turn, base_offset, &format!("{error:?}")),
            }
        }
    }

    fn replay_record(&mut self, turn: &mut Turn<'_>, producer_id: ProducerId, record: &Record) {
        let Some(key) = &record.key else { return skipped(turn, record.offset, "a record without a key") };
        match records::decode(key, record.value.as_ref()) {
            Ok(Replayed::Offset { group_id, topic, partition, value }) => {
                self.apply_offset(turn, record.offset, producer_id, (&group_id, &topic, partition), value);
            }
            Ok(Replayed::Group { group_id, value: Some(value) }) => {
                let group = records::group_from_record(group_id.clone(), value, turn.now);
                self.groups.insert(group_id, group);
            }
            Ok(Replayed::Group { group_id, value: None }) => {
                self.groups.remove(&group_id);
            }
            Ok(Replayed::Other) => {}
            Err(error) => skipped(turn, record.offset, &format!("{error}")),
        }
    }

    /// Everything was replayed, the log being replicated up to `high_watermark`: every member has its whole session from
    /// now. What is beyond counts as written only, as it would have for the former leader.
    pub(super) fn loaded(&mut self, turn: &mut Turn<'_>, high_watermark: Offset) {
        if !self.loading {
            return;
        }
        self.loading = false;
        self.advance(turn, high_watermark);
        self.next_expiration = Some(turn.now.monotonic + turn.config.offsets_retention_check_interval);
        let with_offsets: Vec<Str> = self.offsets.group_ids().cloned().collect();
        for group_id in with_offsets {
            self.ensure_group(&group_id, turn.now);
        }
        for group in self.groups.values_mut() {
            let member_ids: Vec<Str> = group.members.keys().cloned().collect();
            for member_id in &member_ids {
                group.restart_session(turn, member_id);
            }
            if group.members.len() > turn.config.max_size {
                let reason = format!("Freshly-loaded group {} is over capacity", group.group_id);
                group.prepare_rebalance(turn, &reason);
            }
        }
    }

    /// Answers everything that waits: somebody else is the coordinator now.
    pub(super) fn unload(&mut self, turn: &mut Turn<'_>) {
        self.loading = false;
        while let Some(write) = self.writes.pop_front() {
            self.finish(turn, write, Err(ErrorCode::NotCoordinator));
        }
        for group in self.groups.values_mut() {
            group.transition_to(ClassicGroupState::Dead, turn.now);
            for (member_id, member) in &mut group.members {
                let (join, sync) = (member.awaiting_join.take(), member.awaiting_sync.take());
                turn.fail_waiters(join, sync, member_id, ErrorCode::NotCoordinator);
            }
        }
        // What the failed writes began anew nobody waits for, but for what is answered here too.
        for write in core::mem::take(&mut turn.new_writes) {
            self.finish(turn, write, Err(ErrorCode::NotCoordinator));
        }
    }

    /// The group, made where it is not there.
    pub(super) fn ensure_group(&mut self, group_id: &Str, now: Now) {
        if !self.groups.contains_key(group_id) {
            let group_id = group_id.detached();
            self.groups.insert(group_id.clone(), ClassicGroup::new(group_id, now));
        }
    }

    /// The log took a write, or not.
    pub(super) fn append_result(&mut self, turn: &mut Turn<'_>, append_id: u64, result: Result<Offset, ErrorCode>) {
        let Some(index) = self.writes.iter().position(|write| write.append_id == append_id) else { return };
        match result {
            Ok(last_offset) => {
                self.last_written = self.last_written.max(last_offset);
                let Some(write) = self.writes.get_mut(index) else { return };
                write.progress = WriteProgress::Replicating(last_offset);
                let records = core::mem::take(&mut write.records);
                let producer_id = write.producer_id;
                if let WriteAction::CompleteTransaction { producer_id, committed, .. } = write.action {
                    self.offsets.end_transaction(last_offset, producer_id, committed);
                }
                let base_offset = last_offset + 1 - records.len() as Offset;
                for (at, record) in (base_offset..).zip(&records) {
                    self.apply(turn, at, producer_id, record);
                }
                self.finish_replicated(turn);
            }
            Err(error) => {
                if let Some(write) = self.writes.remove(index) {
                    self.finish(turn, write, Err(error));
                }
            }
        }
    }

    /// The high watermark is at `high_watermark` now; it never goes back. A write whose time was over before is in the
    /// state of the group all the same, so what comes late still counts.
    pub(super) fn advance(&mut self, turn: &mut Turn<'_>, high_watermark: Offset) {
        if high_watermark > self.high_watermark {
            self.high_watermark = high_watermark;
            self.offsets.advance(high_watermark);
            self.finish_replicated(turn);
        }
    }

    /// Ends what waited for records below the high watermark.
    fn finish_replicated(&mut self, turn: &mut Turn<'_>) {
        let high_watermark = self.high_watermark;
        let is_done =
            |write: &Write| matches!(write.progress, WriteProgress::Replicating(offset) if offset < high_watermark);
        while let Some(index) = self.writes.iter().position(is_done) {
            if let Some(write) = self.writes.remove(index) {
                self.finish(turn, write, Ok(()));
            }
        }
    }

    /// The offset up to which replication has to come for everything written to be replicated; `None` where it is.
    pub(super) fn unreplicated(&self) -> Option<Offset> {
        (self.last_written >= self.high_watermark).then_some(self.last_written)
    }

    /// What a written record changes. A group's own state went ahead of its record, all but its end.
    fn apply(&mut self, turn: &mut Turn<'_>, at: Offset, producer_id: ProducerId, record: &GroupRecord) {
        match records::decode(&record.key, record.value.as_ref()) {
            Ok(Replayed::Offset { group_id, topic, partition, value }) => {
                self.apply_offset(turn, at, producer_id, (&group_id, &topic, partition), value);
            }
            Ok(Replayed::Group { group_id, value: None }) => self.apply_group_tombstone(turn, &group_id),
            Ok(Replayed::Group { .. } | Replayed::Other) | Err(_) => {}
        }
    }

    /// An offset makes its group where there is none; a removal is nobody's, whatever batch it is in.
    fn apply_offset(
        &mut self,
        turn: &Turn<'_>,
        at: Offset,
        producer_id: ProducerId,
        (group_id, topic, partition): (&Str, &Str, i32),
        value: Option<OffsetAndMetadata>,
    ) {
        if value.is_some() {
            self.ensure_group(group_id, turn.now);
        }
        match value {
            Some(value) if producer_id != NO_PRODUCER_ID => {
                self.offsets.replay_pending(at, producer_id, group_id, topic, partition, value);
            }
            value => self.offsets.replay(at, group_id, topic, partition, value),
        }
    }

    fn apply_group_tombstone(&mut self, turn: &mut Turn<'_>, group_id: &Str) {
        let Some(group) = self.groups.get(group_id) else { return };
        if group.is_unused() {
            self.groups.remove(group_id);
        } else {
            // Somebody came while the record was on its way.
            turn.append(vec![records::new_group_metadata(group_id, turn.now)], WriteAction::Background);
        }
    }

    fn finish(&mut self, turn: &mut Turn<'_>, write: Write, result: Result<(), ErrorCode>) {
        let failure = result.err();
        let error = failure.map(response_error);
        match write.action {
            WriteAction::Background => {}
            WriteAction::CreateGroup(group_id) => {
                if let Some(error) = error {
                    self.group_not_created(turn, &group_id, error);
                }
            }
            WriteAction::StoreAssignment(store) => self.assignment_stored(turn, &store, error),
            WriteAction::ReplaceStaticMember(replacement) => self.static_member_replaced(turn, *replacement, error),
            WriteAction::CommitOffsets { token, mut response } => {
                if let Some(error) = error {
                    super::offset_commit::fail(&mut response, error);
                }
                turn.respond(token, GroupResponse::OffsetCommit(response));
            }
            WriteAction::CommitTransactionalOffsets { token, mut response } => {
                if let Some(error) = error {
                    txn_offset_commit::fail(&mut response, error);
                }
                turn.respond(token, GroupResponse::TxnOffsetCommit(response));
            }
            // What the log says is what a transaction coordinator expects.
            WriteAction::CompleteTransaction { token, .. } => {
                turn.respond(token, complete_transaction::response(failure));
            }
            WriteAction::DeleteOffsets { token, mut response } => {
                if let Some(error) = error {
                    response = admin::offset_delete_error(error);
                }
                turn.respond(token, GroupResponse::OffsetDelete(response));
            }
            WriteAction::DeleteGroup(slot) => turn.fill_deletion(slot, error.unwrap_or(ErrorCode::None)),
            WriteAction::FetchOffsets { slot, group } => {
                let group = match error {
                    None => group,
                    Some(error) => offset_fetch::write_error(group.group_id, error),
                };
                turn.fill_offsets(slot, group);
            }
        }
    }

    fn group_not_created(&mut self, turn: &mut Turn<'_>, group_id: &Str, error: ErrorCode) {
        if let Some(mut group) = self.groups.remove(group_id) {
            for (member_id, member) in &mut group.members {
                let (join, sync) = (member.awaiting_join.take(), member.awaiting_sync.take());
                turn.fail_waiters(join, sync, member_id, error);
            }
            if self.offsets.has_group(group_id) {
                self.ensure_group(group_id, turn.now);
            }
        }
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now.monotonic;
        for group in self.groups.values_mut() {
            if group.next_deadline().is_some_and(|(deadline, _)| deadline <= now) {
                group.tick(turn);
            }
        }
        while let Some(index) = self.writes.iter().position(|write| write.deadline <= now) {
            if let Some(write) = self.writes.remove(index) {
                self.finish(turn, write, Err(ErrorCode::RequestTimedOut));
            }
        }
        if self.next_expiration.is_some_and(|deadline| deadline <= now) {
            self.next_expiration = Some(now + turn.config.offsets_retention_check_interval);
            self.expire(turn);
        }
    }

    /// When [`Self::tick`] has something to do.
    pub(super) fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        if self.loading {
            return None;
        }
        let groups = self.groups.values().filter_map(ClassicGroup::next_deadline);
        let writes = self.writes.iter().map(|write| (write.deadline, "group records to be replicated"));
        groups.chain(writes).chain(self.next_expiration.map(|deadline| (deadline, "check for expired offsets"))).min()
    }
}

fn skipped(turn: &mut Turn<'_>, offset: Offset, reason: &str) {
    let partition = TopicPartition::new(CONSUMER_OFFSETS_TOPIC, turn.partition);
    turn.event(Event::RecordSkipped { partition, offset, reason: Str::from(String::from(reason)) });
}
