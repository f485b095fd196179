//! [`GroupCoordinator`]: finds the shard of each request and gathers answers for several groups.

use super::admin;
use super::complete_transaction;
use super::config::GroupConfig;
use super::gather::{Gathers, Parts};
use super::offset_fetch::{self, FetchGroup};
use super::request::{GroupRequest, GroupResponse, RequestContext, TopicLookup};
use super::shard::Shard;
use super::turn::{Turn, response_error};
use super::txn_offset_commit::TxnCommit;
use super::view::GroupView;
use crate::coordinator::partition_for;
use crate::event::Event;
use crate::ids::{CONSUMER_OFFSETS_TOPIC, LeaderEpoch, Offset, PartitionIndex, TopicPartition, Uuid};
use crate::java::{hash_map_order, topic_partition_hash};
use crate::log::VerificationGuard;
use crate::protocol::ErrorCode;
use crate::protocol::messages::delete_groups_response::{DeletableGroupResult, DeleteGroupsResponse};
use crate::protocol::messages::offset_fetch_response::{OffsetFetchResponse, OffsetFetchResponseGroup};
use crate::protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, DescribeGroupsResponse, HeartbeatResponse, ListGroupsRequest,
    ListGroupsResponse, OffsetFetchRequest, TxnOffsetCommitRequest,
};
use crate::replication::replica_manager::TransactionMarker;
use crate::rng::Rng;
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Instant, Now};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

/// What the coordinator wants from its node.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupOutput {
    /// Append this to the partition of `__consumer_offsets` as its leader, then say so.
    Append {
        /// The partition.
        partition: PartitionIndex,
        /// To be given back with the result.
        append_id: u64,
        /// One batch of format 2, base offset 0.
        batch: Bytes,
        /// Of the verification that preceded a batch of a client's transaction.
        guard: VerificationGuard,
        /// `TransactionVersion` of a marker, 0 for other batches.
        transaction_version: i8,
    },
    /// Answer a request.
    Respond {
        /// The request's token.
        token: u64,
        /// Its answer.
        response: GroupResponse,
    },
    /// Something happened.
    Event(Event),
}

/// The coordinator of all groups whose partition this broker leads.
///
/// Requests are answered by [`GroupOutput::Respond`], each token exactly once; members whose time is up are found by
/// [`GroupCoordinator::tick`].
#[derive(Clone, Debug)]
pub struct GroupCoordinator {
    shared: Shared,
    shards: SortedMap<PartitionIndex, Shard>,
}

/// What the steps of all shards use.
#[derive(Clone, Debug)]
struct Shared {
    config: GroupConfig,
    rng: Rng,
    gathers: Gathers,
    outputs: VecDeque<GroupOutput>,
    next_append_id: u64,
}

impl GroupCoordinator {
    /// A coordinator without partitions.
    pub fn new(config: GroupConfig, rng: Rng) -> Self {
        let shared = Shared { config, rng, gathers: Gathers::default(), outputs: VecDeque::new(), next_append_id: 0 };
        Self { shared, shards: SortedMap::new() }
    }

    /// This broker leads a partition of `__consumer_offsets` now. Its log is to be fed to [`Self::replay`], then
    /// [`Self::loaded`]; until then its groups answer `COORDINATOR_LOAD_IN_PROGRESS`.
    pub fn elected(&mut self, now: Now, partition: PartitionIndex, leader_epoch: LeaderEpoch) {
        match self.shards.get(&partition) {
            Some(shard) if shard.leader_epoch() >= leader_epoch => return,
            Some(_) => self.resigned(now, partition),
            None => {}
        }
        self.shards.insert(partition, Shard::loading(leader_epoch));
    }

    /// Takes over whole batches of a partition being loaded; what cannot be read is skipped with an event.
    pub fn replay(&mut self, now: Now, partition: PartitionIndex, records: &Bytes) {
        self.step(now, partition, |shard, turn| shard.replay(turn, records));
    }

    /// The log of a partition, replicated up to `high_watermark`, was replayed to its end: its groups are served from now on.
    pub fn loaded(&mut self, now: Now, partition: PartitionIndex, high_watermark: Offset) {
        self.step(now, partition, |shard, turn| shard.loaded(turn, high_watermark));
    }

    /// The high watermark of a partition moved: what was written below it is told to who waits.
    pub fn high_watermark_advanced(&mut self, now: Now, partition: PartitionIndex, high_watermark: Offset) {
        self.step(now, partition, |shard, turn| shard.advance(turn, high_watermark));
    }

    /// Topics were deleted: the offsets committed for them go too.
    pub fn topics_deleted(&mut self, now: Now, topics: &[(Str, Uuid)]) {
        let partitions: Vec<PartitionIndex> = self.shards.keys().copied().collect();
        for partition in partitions {
            self.step(now, partition, |shard, turn| shard.topics_deleted(turn, topics));
        }
    }

    /// This broker does not lead the partition any more. Everything that waits there is answered `NOT_COORDINATOR`.
    pub fn resigned(&mut self, now: Now, partition: PartitionIndex) {
        self.step(now, partition, Shard::unload);
        self.shards.remove(&partition);
    }

    /// Answers a request, now or later. `token` comes back with the answer.
    #[expect(clippy::needless_pass_by_value, reason = "a request is handed over")]
    pub fn handle(
        &mut self,
        now: Now,
        token: u64,
        context: RequestContext,
        request: GroupRequest,
        topics: &dyn TopicLookup,
    ) {
        let partitions = self.partitions(topics);
        match &request {
            GroupRequest::DescribeGroups(describe) => self.describe_groups(token, &context, describe, partitions),
            GroupRequest::ListGroups(list) => self.list_groups(token, list),
            GroupRequest::DeleteGroups(delete) => self.delete_groups(now, token, &context, delete, partitions),
            GroupRequest::OffsetFetch(fetch) => self.fetch_offsets(now, token, &context, fetch, partitions, topics),
            _ => self.handle_one(now, token, &context, &request, partitions, topics),
        }
    }

    /// The partition that has to belong to the transaction of a `TxnOffsetCommit`; `None` where the request is answered
    /// whatever its transaction is.
    pub fn partition_to_verify(
        &self,
        request: &TxnOffsetCommitRequest,
        topics: &dyn TopicLookup,
    ) -> Option<PartitionIndex> {
        let is_any_known = request.topics.iter().any(|topic| {
            let known = 0..topics.partition_count(&topic.name).unwrap_or(0);
            topic.partitions.iter().any(|partition| known.contains(&partition.partition_index))
        });
        let is_asked = is_any_known && !request.group_id.is_empty();
        is_asked.then(|| partition_for(&request.group_id, self.partitions(topics)))
    }

    /// Answers a `TxnOffsetCommit`, now or later. `verified` is what came of asking the transaction's coordinator whether
    /// the group's partition is part of the transaction (KIP-890): what to append with, or an error, which ends the request.
    pub fn commit_transactional_offsets(
        &mut self,
        now: Now,
        token: u64,
        context: &RequestContext,
        request: TxnOffsetCommitRequest,
        verified: Result<VerificationGuard, ErrorCode>,
        topics: &dyn TopicLookup,
    ) {
        let partitions = self.partitions(topics);
        let commit = TxnCommit::new(request, context.api_version, topics);
        if let Some(response) = commit.answered() {
            return self.respond(token, response);
        }
        let partition = partition_for(&commit.request.group_id, partitions);
        let guard = match (verified, self.unavailable_at(partition)) {
            _ if commit.request.group_id.is_empty() => Err(ErrorCode::InvalidGroupId),
            (Err(error), _) => Err(response_error(error)),
            (Ok(_), Some(error)) => Err(error),
            (Ok(guard), None) => Ok(guard),
        };
        match guard {
            Err(error) => self.respond(token, commit.failed(error)),
            Ok(guard) => self.step(now, partition, |shard, turn| {
                shard.commit_transactional_offsets(turn, token, commit, guard, topics);
            }),
        }
    }

    /// Writes the end of a transaction that committed offsets to a partition, and answers
    /// [`GroupResponse::CompleteTransaction`] when that is replicated. `token` is not that of a request, which may have
    /// several markers, but of this one alone.
    pub fn complete_transaction(
        &mut self,
        now: Now,
        token: u64,
        partition: PartitionIndex,
        marker: &TransactionMarker,
    ) {
        match self.unavailable_at(partition) {
            Some(error) => {
                self.respond(token, complete_transaction::response(Some(error)));
            }
            None => self.step(now, partition, |_, turn| Shard::complete_transaction(turn, token, marker)),
        }
    }

    fn partitions(&self, topics: &dyn TopicLookup) -> PartitionIndex {
        topics.partition_count(CONSUMER_OFFSETS_TOPIC).unwrap_or(self.shared.config.offsets_topic_partitions)
    }

    /// The log took what [`GroupOutput::Append`] asked for, its last record at this offset, or refused it.
    pub fn append_result(&mut self, now: Now, append_id: u64, result: Result<Offset, ErrorCode>) {
        if let Some(partition) = self.partition_of(append_id) {
            self.step(now, partition, |shard, turn| shard.append_result(turn, append_id, result));
        }
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Now) {
        let due = |(_, shard): &(&PartitionIndex, &Shard)| {
            shard.next_deadline().is_some_and(|(deadline, _)| deadline <= now.monotonic)
        };
        let due: Vec<PartitionIndex> = self.shards.iter().filter(due).map(|(partition, _)| *partition).collect();
        for partition in due {
            self.step(now, partition, Shard::tick);
        }
    }

    /// When [`Self::tick`] has something to do, and what.
    pub fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        self.shards.values().filter_map(Shard::next_deadline).min()
    }

    /// The next output, in order.
    pub fn poll_output(&mut self) -> Option<GroupOutput> {
        self.shared.outputs.pop_front()
    }

    /// All groups as they are, by partition and group id.
    pub fn views(&self) -> Vec<GroupView> {
        self.shards.values().flat_map(Shard::views).collect()
    }

    fn partition_of(&self, append_id: u64) -> Option<PartitionIndex> {
        self.shards.iter().find(|(_, shard)| shard.has_write(append_id)).map(|(partition, _)| *partition)
    }

    /// One step of one shard; nothing where this broker does not lead it.
    fn step(&mut self, now: Now, partition: PartitionIndex, step: impl FnOnce(&mut Shard, &mut Turn<'_>)) {
        let Some(shard) = self.shards.get_mut(&partition) else { return };
        let mut turn = Turn {
            now,
            config: &self.shared.config,
            rng: &mut self.shared.rng,
            gathers: &mut self.shared.gathers,
            outputs: &mut self.shared.outputs,
            next_append_id: &mut self.shared.next_append_id,
            partition,
            new_writes: Vec::new(),
        };
        step(shard, &mut turn);
        let new_writes = turn.new_writes;
        shard.take_writes(new_writes);
    }

    /// Why nothing can be said of the group.
    fn unavailable(&self, group_id: &str, partitions: PartitionIndex) -> Option<ErrorCode> {
        self.unavailable_at(partition_for(group_id, partitions))
    }

    fn unavailable_at(&self, partition: PartitionIndex) -> Option<ErrorCode> {
        match self.shards.get(&partition) {
            None => Some(ErrorCode::NotCoordinator),
            Some(shard) if shard.is_loading() => Some(ErrorCode::CoordinatorLoadInProgress),
            Some(_) => None,
        }
    }

    fn respond(&mut self, token: u64, response: GroupResponse) {
        self.shared.outputs.push_back(GroupOutput::Respond { token, response });
    }

    fn handle_one(
        &mut self,
        now: Now,
        token: u64,
        context: &RequestContext,
        request: &GroupRequest,
        partitions: PartitionIndex,
        topics: &dyn TopicLookup,
    ) {
        let Some(group_id) = request.group_id() else { return };
        let error = if group_id.is_empty() && request.needs_group_id() {
            Some(ErrorCode::InvalidGroupId)
        } else {
            self.unavailable(group_id, partitions)
        };
        match (error, request) {
            (None, _) => {
                let partition = partition_for(group_id, partitions);
                self.step(now, partition, |shard, turn| shard.handle(turn, token, context, request, topics));
            }
            // The member lives as long as nobody knows better.
            (Some(ErrorCode::CoordinatorLoadInProgress), GroupRequest::Heartbeat(_)) => {
                self.respond(token, GroupResponse::Heartbeat(HeartbeatResponse::default()));
            }
            (Some(error), _) => {
                if let Some(response) = request.error_response(context.api_version, error) {
                    self.respond(token, response);
                }
            }
        }
    }

    fn describe_groups(
        &mut self,
        token: u64,
        context: &RequestContext,
        request: &DescribeGroupsRequest,
        partitions: PartitionIndex,
    ) {
        let describe = |group_id: &Str| match self.unavailable(group_id, partitions) {
            Some(error) => admin::described_error(group_id, error),
            None => match self.shards.get(&partition_for(group_id, partitions)) {
                Some(shard) => shard.describe(group_id, context.api_version),
                None => admin::described_error(group_id, ErrorCode::NotCoordinator),
            },
        };
        let groups = request.groups.iter().map(describe).collect();
        let response = DescribeGroupsResponse { groups, ..DescribeGroupsResponse::default() };
        self.respond(token, GroupResponse::DescribeGroups(response));
    }

    fn list_groups(&mut self, token: u64, request: &ListGroupsRequest) {
        let mut response = ListGroupsResponse::default();
        if self.shards.values().any(Shard::is_loading) {
            response.error_code = ErrorCode::CoordinatorLoadInProgress.code();
        } else {
            // Kafka walks a hash map of its shards.
            let mut shards: Vec<(TopicPartition, &Shard)> = (self.shards.iter())
                .map(|(partition, shard)| (TopicPartition::new(CONSUMER_OFFSETS_TOPIC, *partition), shard))
                .collect();
            hash_map_order(&mut shards, 16, |(at, _)| topic_partition_hash(at));
            response.groups = shards.iter().flat_map(|(_, shard)| shard.list(request)).collect();
        }
        self.respond(token, GroupResponse::ListGroups(response));
    }

    fn delete_groups(
        &mut self,
        now: Now,
        token: u64,
        context: &RequestContext,
        request: &DeleteGroupsRequest,
        partitions: PartitionIndex,
    ) {
        let result = |group_id: &Str| DeletableGroupResult { group_id: group_id.clone(), ..Default::default() };
        let results = request.groups_names.iter().map(result).collect();
        let parts = Parts::DeleteGroups(DeleteGroupsResponse { results, ..DeleteGroupsResponse::default() });
        let gather = self.shared.gathers.begin(token, context.api_version, parts);
        for (index, group_id) in request.groups_names.iter().enumerate() {
            let slot = Gathers::slot(gather, index);
            if let Some(error) = self.unavailable(group_id, partitions) {
                let finished = self.shared.gathers.fill_deletion(slot, error);
                self.respond_gathered(finished);
            } else {
                let partition = partition_for(group_id, partitions);
                self.step(now, partition, |shard, turn| shard.delete_group(turn, slot, group_id));
            }
        }
        let finished = self.shared.gathers.finished(gather);
        self.respond_gathered(finished);
    }

    fn fetch_offsets(
        &mut self,
        now: Now,
        token: u64,
        context: &RequestContext,
        request: &OffsetFetchRequest,
        partitions: PartitionIndex,
        topics: &dyn TopicLookup,
    ) {
        let fetches = offset_fetch::groups_of(request, context.api_version, topics);
        let place = |fetch: &FetchGroup| OffsetFetchResponseGroup {
            group_id: fetch.group_id.clone(),
            ..OffsetFetchResponseGroup::default()
        };
        let groups = fetches.iter().map(place).collect();
        let parts = Parts::OffsetFetch(OffsetFetchResponse { groups, ..OffsetFetchResponse::default() });
        let gather = self.shared.gathers.begin(token, context.api_version, parts);
        for (index, fetch) in fetches.into_iter().enumerate() {
            let slot = Gathers::slot(gather, index);
            if let Some(error) = self.unavailable(&fetch.group_id, partitions) {
                let finished = self.shared.gathers.fill_offsets(slot, fetch.error(error));
                self.respond_gathered(finished);
            } else {
                let partition = partition_for(&fetch.group_id, partitions);
                self.step(now, partition, |shard, turn| {
                    shard.fetch_offsets(turn, slot, fetch, request.require_stable, topics);
                });
            }
        }
        let finished = self.shared.gathers.finished(gather);
        self.respond_gathered(finished);
    }

    fn respond_gathered(&mut self, finished: Option<(u64, GroupResponse)>) {
        if let Some((token, response)) = finished {
            self.respond(token, response);
        }
    }
}
