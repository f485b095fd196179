//! [`Consumer`]: reads topics, alone or as a member of a classic group.
//!
//! # Code map
//! - [`config`](ConsumerConfig): settings and their defaults; [`event`](ConsumerEvent): what the program is told.
//! - `subscription`: the assignment and the position in each partition.
//! - `group_member`: coordinator, join, sync, heartbeats; `membership_payload`: what members tell each other.
//! - `offsets`: committed offsets, ends of logs, commits.
//! - `fetcher`: one fetch in flight per leader; `fetched`: records out of what came back.
//!
//! # Architecture Invariant
//! A position moves only when the program takes the records ([`Consumer::poll_event`]), so a commit never covers records
//! nobody saw. Every answer is matched with the state that asked for it; a late one changes nothing.

mod config;
mod event;
mod fetched;
mod fetcher;
mod group_member;
mod membership_payload;
mod offsets;
mod subscription;
#[cfg(test)]
mod tests;

pub use config::{AutoOffsetReset, ConsumerConfig, IsolationLevel};
pub use event::{ConsumerEvent, ConsumerView, MemberState, PartitionView};

use super::network_client::Notice;
use super::transactions::ConsumerGroupMetadata;
use super::{Answer, ClientInput, ClientOutput, ClusterMetadata, NetworkClient, NetworkConfig};
use crate::ids::{Offset, TopicPartition, Uuid};
use crate::protocol::ErrorCode;
use crate::rng::Rng;
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use fetcher::Fetcher;
use group_member::GroupMember;
pub(crate) use membership_payload::decode_assignment;
use subscription::{Assignment, PartitionState, Position};

/// How long [`Consumer::close`] tries to commit and to leave.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a request was sent: comes back with its answer.
#[derive(Clone, Debug)]
enum Purpose {
    FindCoordinator,
    Join { round: u64 },
    Sync { round: u64 },
    Heartbeat { round: u64 },
    Leave,
    Commit { reason: CommitReason, generation_id: i32, offsets: Vec<(TopicPartition, Offset)> },
    Committed { request: u64 },
    EndOfLog { request: u64 },
    Fetch { topics: Vec<(Uuid, Str)>, offsets: SortedMap<TopicPartition, Offset> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CommitReason {
    Asked,
    Interval,
    BeforeJoin,
    Revoked,
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    No,
    Committing { until: Instant },
    Leaving { until: Instant },
    Done,
}

/// A consumer. See the module's documentation.
#[derive(Clone, Debug)]
pub struct Consumer {
    config: ConsumerConfig,
    network: NetworkClient<Purpose>,
    /// Topics subscribed to; empty where partitions were assigned by hand.
    topics: Vec<Str>,
    assignment: Assignment,
    member: GroupMember,
    fetcher: Fetcher,
    events: VecDeque<ConsumerEvent>,
    closing: Closing,
    next_request: u64,
    /// Somebody asked for a commit and none has been answered since; not before this time.
    commit_wanted: Option<Instant>,
    next_auto_commit: Option<Instant>,
    /// Until when somebody has to take the records that wait.
    poll_deadline: Option<Instant>,
    /// State changed outside `handle` and `tick`: there may be something to send.
    stirred: bool,
    last_now: Instant,
}

impl Consumer {
    /// A consumer that has not begun. Its connections are numbered from `first_connection`.
    pub fn new(config: ConsumerConfig, first_connection: u64, rng: Rng) -> Self {
        let network_config = NetworkConfig {
            client_id: config.client_id.clone(),
            bootstrap: config.bootstrap.clone(),
            request_timeout: config.request_timeout,
            metadata_max_age: config.metadata_max_age,
            allow_auto_topic_creation: config.allow_auto_create_topics,
            is_for_controllers: false,
        };
        Self {
            config,
            network: NetworkClient::new(network_config, first_connection, rng),
            topics: Vec::new(),
            assignment: Assignment::default(),
            member: GroupMember::default(),
            fetcher: Fetcher::default(),
            events: VecDeque::new(),
            closing: Closing::No,
            next_request: 0,
            commit_wanted: None,
            next_auto_commit: None,
            poll_deadline: None,
            stirred: false,
            last_now: Instant::ZERO,
        }
    }

    /// Reads `topics` as a member of the group; a change makes it rejoin.
    pub fn subscribe(&mut self, topics: Vec<Str>) {
        if self.config.group_id.is_none() {
            let message = "To use the group management or offset commit APIs, you must provide a valid group.id in the \
                           consumer configuration.";
            return self.error(ErrorCode::InvalidGroupId, message.to_string());
        }
        for topic in &topics {
            self.network.want_topic(topic);
        }
        if self.topics != topics {
            self.topics = topics;
            self.member.rejoin("the subscription changed");
        }
        self.stirred = true;
    }

    /// Reads `partitions` without a group's say.
    pub fn assign(&mut self, partitions: Vec<TopicPartition>) {
        self.topics.clear();
        let start = self.start_position();
        let mut old = core::mem::take(&mut self.assignment.partitions);
        for partition in partitions {
            self.network.want_topic(&partition.topic);
            let state = old.remove(&partition).unwrap_or(PartitionState::new(start));
            self.assignment.partitions.insert(partition, state);
        }
        self.fetcher.retain(&self.assignment);
        self.stirred = true;
    }

    /// Goes on at `offset`. No effect on a partition that is not assigned.
    pub fn seek(&mut self, partition: &TopicPartition, offset: Offset) {
        if let Some(state) = self.assignment.partitions.get_mut(partition) {
            state.position = subscription::sought(offset);
            state.not_before = Instant::ZERO;
        }
        self.fetcher.forget(partition);
        self.stirred = true;
    }

    /// Commits all positions; [`ConsumerEvent::Committed`] or an error follows.
    pub fn commit(&mut self, now: Now) {
        self.commit_wanted = Some(Instant::ZERO);
        self.advance(now);
    }

    /// Commits (with auto commit), leaves the group, and ends with [`ConsumerEvent::Closed`].
    pub fn close(&mut self, now: Now) {
        if self.closing == Closing::No {
            let until = now.monotonic + CLOSE_TIMEOUT.min(self.config.request_timeout);
            self.fetcher.clear();
            let commits = self.config.enable_auto_commit && self.send_commit(now, CommitReason::Close, None);
            self.closing = Closing::Committing { until };
            if !commits {
                self.leave(now, until);
            }
        }
        self.advance(now);
    }

    /// Takes what the host says.
    pub fn handle(&mut self, now: Now, input: ClientInput) {
        if self.closing != Closing::Done {
            self.network.handle(now, input);
            self.advance(now);
        }
    }

    /// Does what is due. Nothing once it is closed: it must not connect again.
    pub fn tick(&mut self, now: Now) {
        if self.closing != Closing::Done {
            self.network.tick(now);
            self.advance(now);
        }
    }

    /// When [`Consumer::tick`] has to be called next, and why. Not later than at once after events were taken.
    pub fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        if self.closing == Closing::Done {
            return None;
        }
        if self.stirred {
            return Some((self.last_now, "consumer changed"));
        }
        // What is due by now was done by now, or waits for something else than time.
        let own = self.own_deadlines().into_iter().filter(|(at, _)| *at > self.last_now);
        own.chain(self.network.next_deadline()).min_by_key(|deadline| deadline.0)
    }

    /// Next thing for the host to do.
    pub fn poll_output(&mut self) -> Option<ClientOutput> {
        self.network.poll_output()
    }

    /// What Kafka's client would warn of in its log.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.network.poll_notice()
    }

    /// Next event. Taking records moves the position behind them.
    pub fn poll_event(&mut self) -> Option<ConsumerEvent> {
        self.stirred |= self.member.polled();
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        if self.member.state() == MemberState::PreparingJoin || self.closing != Closing::No {
            return None;
        }
        let (partition, chunk) = self.fetcher.take(&self.assignment, self.config.max_poll_records)?;
        self.assignment.move_to(&partition, chunk.next_offset, chunk.leader_epoch);
        self.stirred = true;
        self.poll_deadline = None;
        let high_watermark = chunk.high_watermark;
        Some(ConsumerEvent::Records { partition, records: chunk.records, high_watermark })
    }

    /// The cluster as it last heard of it.
    pub fn metadata(&self) -> &ClusterMetadata {
        self.network.metadata()
    }

    /// Who it is in its group, for offsets that are committed in a transaction (`groupMetadata`); `None` without a `group.id`. It
    /// changes with every assignment, so it is asked for each time.
    pub fn group_metadata(&self) -> Option<ConsumerGroupMetadata> {
        let (generation_id, member_id) = self.member.joined().clone();
        let group_instance_id = self.config.group_instance_id.clone();
        Some(ConsumerGroupMetadata {
            group_id: self.config.group_id.clone()?,
            generation_id,
            member_id,
            group_instance_id,
        })
    }

    /// Its state, for tools.
    pub fn view(&self) -> ConsumerView {
        let partitions = self.assignment.partitions.iter().map(|(partition, state)| PartitionView {
            partition: partition.clone(),
            position: state.offset(),
            committed: state.committed,
            high_watermark: state.high_watermark,
            lag: state.high_watermark.zip(state.offset()).map(|(end, position)| (end - position).max(0)),
            buffered_records: self.fetcher.buffered(partition),
        });
        let state = match self.closing {
            Closing::No => self.member.state(),
            Closing::Committing { .. } | Closing::Leaving { .. } => MemberState::Leaving,
            Closing::Done => MemberState::Closed,
        };
        ConsumerView {
            state,
            generation_id: self.member.generation_id(),
            member_id: self.member.member_id().clone(),
            leader: self.member.is_leader(),
            protocol_name: self.member.protocol_name().cloned(),
            coordinator: self.member.coordinator(),
            subscription: self.topics.clone(),
            partitions: partitions.collect(),
            throttled_until: self.network.throttled_until(),
        }
    }

    fn own_deadlines(&self) -> Vec<(Instant, &'static str)> {
        let mut deadlines = Vec::new();
        match self.closing {
            Closing::No => {}
            Closing::Done => return deadlines,
            Closing::Committing { until } | Closing::Leaving { until } => deadlines.push((until, "close")),
        }
        self.member.deadlines(&self.config, &mut deadlines);
        let partitions = self.assignment.partitions.values().map(|state| (state.not_before, "partition backoff"));
        deadlines.extend(partitions.chain(self.fetcher.deadlines()));
        deadlines.extend(self.next_auto_commit.map(|at| (at, "auto commit")));
        deadlines.extend(self.commit_wanted.map(|at| (at, "commit")));
        deadlines.extend(self.poll_deadline.map(|at| (at, "max.poll.interval.ms")));
        deadlines
    }

    /// Takes answers, then does whatever has become possible.
    fn advance(&mut self, now: Now) {
        self.last_now = now.monotonic;
        self.stirred = false;
        // A request can fail at once, so answers may follow from what is sent; every failure backs off, so this ends.
        loop {
            while let Some(answer) = self.network.poll_answer() {
                self.answered(now, &answer);
            }
            self.send_what_is_possible(now);
            match self.network.poll_answer() {
                Some(answer) => self.answered(now, &answer),
                None => break,
            }
        }
    }

    fn send_what_is_possible(&mut self, now: Now) {
        match self.closing {
            Closing::No => {}
            Closing::Done => return,
            Closing::Committing { until } | Closing::Leaving { until } => {
                if now.monotonic >= until {
                    self.closed(now);
                }
                return;
            }
        }
        self.watch_poll_interval(now);
        self.find_coordinator_when_needed(now);
        self.advance_membership(now);
        self.ask_for_offsets(now);
        self.commit_when_due(now);
        self.send_fetches(now);
    }

    fn answered(&mut self, now: Now, answer: &Answer<Purpose>) {
        match answer.purpose.clone() {
            Purpose::FindCoordinator => self.coordinator_answered(now, answer),
            Purpose::Join { round } => self.join_answered(now, round, answer),
            Purpose::Sync { round } => self.sync_answered(now, round, answer),
            Purpose::Heartbeat { round } => self.heartbeat_answered(now, round, answer),
            Purpose::Leave => {
                if self.closing != Closing::No {
                    self.closed(now);
                }
            }
            Purpose::Commit { reason, generation_id, offsets } => {
                self.commit_answered(now, reason, generation_id, &offsets, answer);
            }
            Purpose::Committed { request } => self.committed_answered(now, request, answer),
            Purpose::EndOfLog { request } => self.end_of_log_answered(now, request, answer),
            Purpose::Fetch { topics, offsets } => self.fetch_answered(now, &topics, &offsets, answer),
        }
    }

    /// A program that takes no records is no use to its group: it leaves, and joins again once records are taken.
    fn watch_poll_interval(&mut self, now: Now) {
        if self.fetcher.is_empty() {
            self.poll_deadline = None;
        } else if self.poll_deadline.is_none() {
            self.poll_deadline = Some(now.monotonic + self.config.max_poll_interval);
        } else if self.poll_deadline.is_some_and(|deadline| deadline <= now.monotonic) {
            self.poll_expired(now);
        }
    }

    /// Where reading a new partition begins.
    fn start_position(&self) -> Position {
        if self.config.group_id.is_some() {
            Position::NeedsCommitted
        } else {
            Position::NeedsReset(self.config.auto_offset_reset)
        }
    }

    fn number_request(&mut self) -> u64 {
        self.next_request += 1;
        self.next_request
    }

    fn closed(&mut self, now: Now) {
        if self.closing == Closing::Done {
            return;
        }
        self.closing = Closing::Done;
        self.network.close(now);
        self.assignment.partitions.clear();
        self.events.push_back(ConsumerEvent::Closed);
    }

    fn error(&mut self, code: ErrorCode, message: String) {
        self.events.push_back(ConsumerEvent::Error { code, message });
    }

    fn retry_at(&self, now: Now) -> Instant {
        now.monotonic + self.config.retry_backoff
    }
}

/// The error a code stands for; a code we do not know is the unknown error.
fn error_of(code: i16) -> ErrorCode {
    ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError)
}
