//! Committed offsets, ends of logs, and commits.

use super::config::millis;
use super::membership_payload::by_topic;
use super::subscription::Position;
use super::{AutoOffsetReset, Closing, CommitReason, Consumer, ConsumerEvent, MemberState, Purpose, error_of};
use crate::client::{Answer, RequestOptions, Target};
use crate::ids::{LeaderEpoch, NodeId, Offset, TopicPartition};
use crate::protocol::ErrorCode;
use crate::protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use crate::protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use crate::protocol::messages::offset_fetch_request::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use crate::protocol::messages::offset_fetch_response::OffsetFetchResponse;
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

/// Special timestamps of `ListOffsets`.
const LATEST_TIMESTAMP: i64 = -1;
const EARLIEST_TIMESTAMP: i64 = -2;
/// `OffsetCommit` and `OffsetFetch` name topics up to here, and by id from the next version on.
const LAST_VERSION_WITH_NAMES: i16 = 9;
const BY_NAME: RequestOptions =
    RequestOptions { max_version: Some(LAST_VERSION_WITH_NAMES), timeout: None, is_answered: true };
/// How long to rest after an error that trying again will hardly mend.
const ERROR_BACKOFF: Duration = Duration::from_secs(1);

/// A partition's answer of `OffsetFetch`: its error, offset and leader epoch.
type Stored = (ErrorCode, Offset, LeaderEpoch);

impl Consumer {
    /// Asks where to begin in partitions without a position.
    pub(super) fn ask_for_offsets(&mut self, now: Now) {
        let wanted = self.assignment.ready(now.monotonic, |position| *position == Position::NeedsCommitted);
        if let (Some(target), false) = (self.member.coordinator_target(), wanted.is_empty()) {
            self.ask_for_committed(now, target, &wanted);
        }
        let wanted = self.assignment.ready(now.monotonic, |position| {
            matches!(position, Position::NeedsReset(AutoOffsetReset::Earliest | AutoOffsetReset::Latest))
        });
        for (node, partitions) in self.by_leader(now, wanted) {
            self.ask_for_end_of_log(now, node, partitions);
        }
        let hopeless = |position: &Position| *position == Position::NeedsReset(AutoOffsetReset::None);
        for partition in self.assignment.ready(now.monotonic, hopeless) {
            self.no_offset(&partition);
        }
    }

    fn ask_for_committed(&mut self, now: Now, target: Target, partitions: &[TopicPartition]) {
        let Some(group_id) = self.config.group_id.clone() else { return };
        let request = self.number_request();
        for partition in partitions {
            if let Some(state) = self.assignment.partitions.get_mut(partition) {
                state.position = Position::AwaitsCommitted { request };
            }
        }
        let topics = by_topic(partitions);
        // Up to version 7 one group, later many: each version writes its own fields.
        let old = topics.iter().map(|(name, partitions)| OffsetFetchRequestTopic {
            name: name.clone(),
            partition_indexes: partitions.clone(),
        });
        let new = topics.iter().map(|(name, partitions)| OffsetFetchRequestTopics {
            name: name.clone(),
            partition_indexes: partitions.clone(),
            ..Default::default()
        });
        let group =
            OffsetFetchRequestGroup { group_id: group_id.clone(), topics: Some(new.collect()), ..Default::default() };
        let message = OffsetFetchRequest {
            group_id,
            topics: Some(old.collect()),
            groups: alloc::vec![group],
            require_stable: true,
        };
        self.network.send_with(now, target, message, Purpose::Committed { request }, BY_NAME);
    }

    pub(super) fn committed_answered(&mut self, now: Now, request: u64, answer: &Answer<Purpose>) {
        let waiting = self.awaiting(Position::AwaitsCommitted { request });
        let Ok(response) = answer.decode::<OffsetFetchRequest>() else {
            self.member.forget_coordinator(self.retry_at(now));
            return waiting.iter().for_each(|partition| self.ask_again(partition, self.retry_at(now)));
        };
        let (group_code, stored) = stored_offsets(&response);
        for partition in waiting {
            let found = stored.get(&partition).copied().unwrap_or((ErrorCode::UnknownTopicOrPartition, -1, -1));
            let (code, offset, leader_epoch) = if group_code == ErrorCode::None { found } else { (group_code, -1, -1) };
            match code {
                ErrorCode::None if offset >= 0 => {
                    if let Some(state) = self.assignment.partitions.get_mut(&partition) {
                        state.committed = Some(offset);
                    }
                    self.assignment.move_to(&partition, offset, leader_epoch);
                }
                ErrorCode::None => {
                    if !self.assignment.reset(&partition, self.config.auto_offset_reset) {
                        self.no_offset(&partition);
                    }
                }
                code if code.is_retriable() => {
                    if matches!(code, ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable) {
                        self.member.forget_coordinator(self.retry_at(now));
                    }
                    self.ask_again(&partition, self.retry_at(now));
                }
                code => {
                    self.error(code, format!("committed offset of {partition}: {}", code.message()));
                    self.ask_again(&partition, now.monotonic + ERROR_BACKOFF);
                }
            }
        }
    }

    fn ask_again(&mut self, partition: &TopicPartition, at: Instant) {
        if let Some(state) = self.assignment.partitions.get_mut(partition) {
            state.position = Position::NeedsCommitted;
            state.not_before = at;
        }
    }

    fn no_offset(&mut self, partition: &TopicPartition) {
        self.assignment.reset(partition, AutoOffsetReset::None);
        let message = format!("Undefined offset with no reset policy for partitions: [{partition}]");
        self.error(ErrorCode::OffsetOutOfRange, message);
    }

    fn ask_for_end_of_log(&mut self, now: Now, node: NodeId, partitions: Vec<(TopicPartition, LeaderEpoch)>) {
        let request = self.number_request();
        let mut topics: SortedMap<Str, Vec<ListOffsetsPartition>> = SortedMap::new();
        for (partition, leader_epoch) in partitions {
            let Some(state) = self.assignment.partitions.get_mut(&partition) else { continue };
            let Position::NeedsReset(to) = state.position else { continue };
            state.position = Position::AwaitsReset { to, request };
            topics.entry(partition.topic).or_default().push(ListOffsetsPartition {
                partition_index: partition.partition,
                current_leader_epoch: leader_epoch,
                timestamp: if to == AutoOffsetReset::Earliest { EARLIEST_TIMESTAMP } else { LATEST_TIMESTAMP },
            });
        }
        let topics = topics.into_iter().map(|(name, partitions)| ListOffsetsTopic { name, partitions });
        let message = ListOffsetsRequest {
            replica_id: -1,
            isolation_level: self.config.isolation_level as i8,
            topics: topics.collect(),
            timeout_ms: millis(self.config.request_timeout),
        };
        self.network.send(now, Target::Node(node), message, Purpose::EndOfLog { request });
    }

    pub(super) fn end_of_log_answered(&mut self, now: Now, request: u64, answer: &Answer<Purpose>) {
        let mut ends = SortedMap::new();
        for topic in answer.decode::<ListOffsetsRequest>().map(|response| response.topics).unwrap_or_default() {
            for end in topic.partitions {
                let partition = TopicPartition { topic: topic.name.clone(), partition: end.partition_index };
                ends.insert(partition, (error_of(end.error_code), end.offset, end.leader_epoch));
            }
        }
        for to in [AutoOffsetReset::Earliest, AutoOffsetReset::Latest] {
            for partition in self.awaiting(Position::AwaitsReset { to, request }) {
                match ends.get(&partition) {
                    Some((ErrorCode::None, offset, leader_epoch)) if *offset >= 0 => {
                        self.assignment.move_to(&partition, *offset, *leader_epoch);
                    }
                    found => {
                        self.assignment.reset(&partition, to);
                        self.retry_with_new_metadata(now, &partition);
                        if let Some((code, ..)) = found.filter(|found| found.0.is_error() && !found.0.is_retriable()) {
                            self.assignment.back_off(&partition, now.monotonic + ERROR_BACKOFF);
                            self.error(*code, format!("end of {partition}: {}", code.message()));
                        }
                    }
                }
            }
        }
    }

    fn awaiting(&self, position: Position) -> Vec<TopicPartition> {
        let waiting = self.assignment.partitions.iter().filter(|(_, state)| state.position == position);
        waiting.map(|(partition, _)| partition.clone()).collect()
    }

    /// The commit that was asked for, and the one of `auto.commit.interval.ms`.
    pub(super) fn commit_when_due(&mut self, now: Now) {
        if self.commit_wanted.is_some_and(|at| at <= now.monotonic) {
            self.commit_asked(now);
        }
        if !self.config.enable_auto_commit || self.config.group_id.is_none() || self.assignment.partitions.is_empty() {
            return;
        }
        let due = *self.next_auto_commit.get_or_insert(now.monotonic + self.config.auto_commit_interval);
        if due <= now.monotonic {
            self.send_commit(now, CommitReason::Interval, None);
            self.next_auto_commit = Some(now.monotonic + self.config.auto_commit_interval);
        }
    }

    fn commit_asked(&mut self, now: Now) {
        if self.config.group_id.is_none() {
            self.commit_wanted = None;
            let message = "To use the group management or offset commit APIs, you must provide a valid group.id in the \
                           consumer configuration.";
            return self.error(ErrorCode::InvalidGroupId, message.to_string());
        }
        if self.send_commit(now, CommitReason::Asked, None) {
            self.commit_wanted = None;
        } else if self.assignment.positions(None).is_empty() {
            self.commit_wanted = None;
            self.events.push_back(ConsumerEvent::Committed(Vec::new()));
        }
        // Otherwise the coordinator is being looked for; once it is found this runs again.
    }

    /// Commits the positions of these partitions or of all. Answers whether a request was sent.
    pub(super) fn send_commit(&mut self, now: Now, reason: CommitReason, only: Option<&[TopicPartition]>) -> bool {
        let (Some(target), Some(group_id)) = (self.member.coordinator_target(), self.config.group_id.clone()) else {
            return false;
        };
        let positions = self.assignment.positions(only);
        if positions.is_empty() {
            return false;
        }
        let mut topics: SortedMap<Str, Vec<OffsetCommitRequestPartition>> = SortedMap::new();
        let mut offsets = Vec::new();
        for (partition, offset, leader_epoch) in positions {
            topics.entry(partition.topic.clone()).or_default().push(OffsetCommitRequestPartition {
                partition_index: partition.partition,
                committed_offset: offset,
                committed_leader_epoch: leader_epoch,
                ..Default::default()
            });
            offsets.push((partition, offset));
        }
        let topics = topics.into_iter().map(|(name, partitions)| OffsetCommitRequestTopic {
            name,
            partitions,
            ..Default::default()
        });
        let generation_id = self.member.generation_id();
        // Partitions assigned by hand are committed by nobody: no member, no generation.
        let member_id = if self.topics.is_empty() { Str::default() } else { self.member.member_id().clone() };
        let request = OffsetCommitRequest {
            group_id,
            generation_id_or_member_epoch: generation_id,
            member_id,
            group_instance_id: self.config.group_instance_id.clone().filter(|_| !self.topics.is_empty()),
            topics: topics.collect(),
            ..Default::default()
        };
        let purpose = Purpose::Commit { reason, generation_id, offsets };
        self.network.send_with(now, target, request, purpose, BY_NAME);
        true
    }

    pub(super) fn commit_answered(
        &mut self,
        now: Now,
        reason: CommitReason,
        generation_id: i32,
        offsets: &[(TopicPartition, Offset)],
        answer: &Answer<Purpose>,
    ) {
        let mut codes = SortedMap::new();
        let response = answer.decode::<OffsetCommitRequest>();
        for topic in response.as_ref().map(|response| &response.topics[..]).unwrap_or_default() {
            for partition in &topic.partitions {
                let key = TopicPartition { topic: topic.name.clone(), partition: partition.partition_index };
                codes.insert(key, error_of(partition.error_code));
            }
        }
        let code_of = |partition: &TopicPartition| codes.get(partition).copied().unwrap_or(ErrorCode::NotCoordinator);
        let (stored, failed): (Vec<_>, Vec<_>) =
            offsets.iter().cloned().partition(|(partition, _)| code_of(partition) == ErrorCode::None);
        for (partition, offset) in &stored {
            if let Some(state) = self.assignment.partitions.get_mut(partition) {
                state.committed = Some(*offset);
            }
        }
        if !stored.is_empty() {
            self.events.push_back(ConsumerEvent::Committed(stored));
        }
        if let Some((partition, _)) = failed.first() {
            let is_current = generation_id == self.member.generation_id();
            self.commit_failed(now, reason, code_of(partition), is_current);
        }
        match (reason, self.closing) {
            (CommitReason::BeforeJoin, Closing::No) if self.member.state() == MemberState::PreparingJoin => {
                self.join(now);
            }
            (CommitReason::Close, Closing::Committing { until }) => self.leave(now, until),
            _ => {}
        }
    }

    fn commit_failed(&mut self, now: Now, reason: CommitReason, code: ErrorCode, is_current: bool) {
        let is_of_membership =
            matches!(code, ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration | ErrorCode::FencedInstanceId);
        match code {
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => {
                self.member.forget_coordinator(self.retry_at(now));
            }
            ErrorCode::RebalanceInProgress if is_current && reason != CommitReason::BeforeJoin => {
                self.member.rejoin("offset commit failed since group is already rebalancing");
            }
            code if is_of_membership && is_current && self.closing == Closing::No && !self.topics.is_empty() => {
                self.membership_error(now, code);
            }
            _ => {}
        }
        let is_passing = matches!(
            code,
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable | ErrorCode::CoordinatorLoadInProgress
        );
        match reason {
            CommitReason::Asked if is_passing => self.commit_wanted = Some(self.retry_at(now)),
            CommitReason::Asked => self.error(code, format!("Offset commit failed: {}", code.message())),
            CommitReason::Interval | CommitReason::BeforeJoin | CommitReason::Revoked | CommitReason::Close => {
                if !code.is_retriable() && !is_of_membership {
                    self.error(code, format!("Offset commit failed: {}", code.message()));
                }
            }
        }
    }
}

/// The group's error and what is stored, from the answer's old or new fields.
fn stored_offsets(response: &OffsetFetchResponse) -> (ErrorCode, SortedMap<TopicPartition, Stored>) {
    let mut stored = SortedMap::new();
    let mut put = |topic: &Str, index: i32, code: i16, offset: Offset, epoch: LeaderEpoch| {
        stored.insert(TopicPartition { topic: topic.clone(), partition: index }, (error_of(code), offset, epoch));
    };
    for topic in &response.topics {
        for found in &topic.partitions {
            let (offset, epoch) = (found.committed_offset, found.committed_leader_epoch);
            put(&topic.name, found.partition_index, found.error_code, offset, epoch);
        }
    }
    let Some(group) = response.groups.first() else { return (error_of(response.error_code), stored) };
    for topic in &group.topics {
        for found in &topic.partitions {
            let (offset, epoch) = (found.committed_offset, found.committed_leader_epoch);
            put(&topic.name, found.partition_index, found.error_code, offset, epoch);
        }
    }
    (error_of(group.error_code), stored)
}
