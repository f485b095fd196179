//! Consumers and a small cluster that answers over the real codec: one group, logs in memory, errors on order.

use super::super::*;
use crate::client::scripted_broker::{Asked, ScriptedCluster, topic_id};
use crate::ids::ConnectionId;
use crate::protocol::Request;
use crate::protocol::messages::fetch_response::{
    AbortedTransaction, FetchResponse, FetchableTopicResponse, PartitionData,
};
use crate::protocol::messages::find_coordinator_response::{Coordinator, FindCoordinatorResponse};
use crate::protocol::messages::join_group_response::{JoinGroupResponse, JoinGroupResponseMember};
use crate::protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use crate::protocol::messages::offset_commit_response::{
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use crate::protocol::messages::offset_fetch_response::{
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use crate::protocol::messages::{
    FetchRequest, FindCoordinatorRequest, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, LeaveGroupRequest,
    LeaveGroupResponse, ListOffsetsRequest, OffsetCommitRequest, OffsetFetchRequest, SyncGroupRequest,
    SyncGroupResponse,
};
use crate::record::{BatchBuilder, Record};
use crate::sorted::SortedSet;
use alloc::format;
use alloc::vec;
use bytes::Bytes;

pub(super) const GROUP: &str = "readers";

pub(super) struct World {
    pub(super) consumers: Vec<Consumer>,
    pub(super) events: Vec<Vec<ConsumerEvent>>,
    pub(super) cluster: ScriptedCluster,
    pub(super) logs: SortedMap<TopicPartition, Vec<Bytes>>,
    pub(super) log_start: Offset,
    pub(super) aborted: Vec<AbortedTransaction>,
    pub(super) committed: SortedMap<TopicPartition, Offset>,
    /// Errors to answer instead, by API key.
    pub(super) errors: SortedMap<i16, VecDeque<ErrorCode>>,
    /// Names of the group requests, in order.
    pub(super) seen: Vec<&'static str>,
    pub(super) millis: u64,
    /// False: nobody takes events.
    pub(super) polls: bool,
    pub(super) members: SortedSet<Str>,
    pub(super) generation_id: i32,
    is_preparing: bool,
    joins: SortedMap<Str, Asked>,
    syncs: SortedMap<Str, Asked>,
    assignments: SortedMap<Str, Bytes>,
    leader: Str,
    pub(super) coordinator: i32,
}

pub(super) fn config() -> ConsumerConfig {
    ConsumerConfig {
        bootstrap: vec![(Str::from("broker"), 9092)],
        group_id: Some(Str::from(GROUP)),
        auto_offset_reset: AutoOffsetReset::Earliest,
        ..Default::default()
    }
}

pub(super) fn batch(base_offset: Offset, values: &[&str]) -> BatchBuilder {
    let mut builder = BatchBuilder::new(base_offset).with_leader_epoch(3);
    for value in values {
        builder.append(1000, None, Some(value.as_bytes()), &[]);
    }
    builder
}

fn end_of(log: &[Bytes]) -> Offset {
    let last = log.last().and_then(|last| crate::record::RecordBatch::parse(last).ok());
    last.map_or(0, |batch| batch.header().next_offset())
}

impl World {
    pub(super) fn new(configs: Vec<ConsumerConfig>, topics: &[(&str, &[(i32, i32)])]) -> Self {
        let consumers: Vec<Consumer> = configs
            .into_iter()
            .enumerate()
            .map(|(index, config)| Consumer::new(config, 1000 * index as u64, Rng::new(7 + index as u64)))
            .collect();
        Self {
            events: vec![Vec::new(); consumers.len()],
            consumers,
            cluster: ScriptedCluster::new(2, topics),
            logs: SortedMap::new(),
            log_start: 0,
            aborted: Vec::new(),
            committed: SortedMap::new(),
            errors: SortedMap::new(),
            seen: Vec::new(),
            millis: 0,
            polls: true,
            members: SortedSet::new(),
            generation_id: 0,
            is_preparing: false,
            joins: SortedMap::new(),
            syncs: SortedMap::new(),
            assignments: SortedMap::new(),
            leader: Str::default(),
            coordinator: 2,
        }
    }

    pub(super) fn now(&self) -> Now {
        Now { monotonic: Instant::from_millis(self.millis), wall_ms: self.millis as i64 }
    }

    pub(super) fn append(&mut self, partition: (&str, i32), values: &[&str]) {
        let log = self.logs.entry(TopicPartition::new(partition.0, partition.1)).or_default();
        let next = end_of(log);
        log.push(batch(next, values).build());
    }

    pub(super) fn fail_next(&mut self, key: i16, code: ErrorCode) {
        self.errors.entry(key).or_default().push_back(code);
    }

    pub(super) fn subscribe(&mut self, consumer: usize, topics: &[&str]) {
        self.consumers[consumer].subscribe(topics.iter().map(|topic| Str::from(*topic)).collect());
    }

    /// Lets `millis` pass.
    pub(super) fn run(&mut self, millis: u64) {
        let until = self.millis + millis;
        let mut steps = 0;
        loop {
            self.settle();
            let next = self.consumers.iter().filter_map(Consumer::next_deadline).map(|next| next.0).min();
            let next = next.map_or(u64::MAX, |next| next.as_micros().div_ceil(1000)).max(self.millis);
            steps += 1;
            assert!(steps < 20_000, "time stands still: {:?}", self.consumers[0].next_deadline());
            if next > until {
                break;
            }
            self.millis = next;
        }
        self.millis = until;
    }

    /// Moves frames until nothing moves.
    fn settle(&mut self) {
        let mut is_moving = true;
        while is_moving {
            is_moving = false;
            for index in 0..self.consumers.len() {
                let now = self.now();
                self.consumers[index].tick(now);
                while let Some(output) = self.consumers[index].poll_output() {
                    if let ClientOutput::Send { connection, .. } = &output {
                        self.end_fetch(*connection);
                    }
                    if let Some(input) = self.cluster.take(output) {
                        self.consumers[index].handle(now, input);
                    }
                }
                while let Some(event) = self.polls.then(|| self.consumers[index].poll_event()).flatten() {
                    self.events[index].push(event);
                }
            }
            for asked in core::mem::take(&mut self.cluster.asked) {
                is_moving |= self.serve(asked);
            }
        }
    }

    pub(super) fn deliver(&mut self, input: ClientInput) {
        let connection = match &input {
            ClientInput::Frame { connection, .. } | ClientInput::Closed { connection } => connection.0,
            _ => return,
        };
        let now = self.now();
        self.consumers[connection as usize / 1000].handle(now, input);
    }

    fn answer<R: Request>(&mut self, asked: &Asked, response: &R::Response) {
        self.deliver(asked.answer::<R>(response));
    }

    /// False where the request goes on waiting.
    fn serve(&mut self, asked: Asked) -> bool {
        let error = self.errors.get_mut(&asked.header.api_key).and_then(VecDeque::pop_front);
        let error_code = error.unwrap_or(ErrorCode::None).code();
        let is_coordinator = asked.port == 9091 + self.coordinator as u16;
        if asked.is::<FindCoordinatorRequest>() {
            let (node_id, port) = (self.coordinator, 9091 + self.coordinator);
            let found = Coordinator { node_id, host: Str::from("broker"), port, error_code, ..Default::default() };
            let response = FindCoordinatorResponse { coordinators: vec![found], ..Default::default() };
            self.answer::<FindCoordinatorRequest>(&asked, &response);
        } else if asked.is::<JoinGroupRequest>() {
            assert!(is_coordinator);
            self.join(asked, error_code);
        } else if asked.is::<SyncGroupRequest>() {
            self.sync(asked, error_code);
        } else if asked.is::<HeartbeatRequest>() {
            self.seen.push("heartbeat");
            let rebalance = if self.is_preparing { ErrorCode::RebalanceInProgress.code() } else { 0 };
            let error_code = if error_code == 0 { rebalance } else { error_code };
            self.answer::<HeartbeatRequest>(&asked, &HeartbeatResponse { error_code, ..Default::default() });
        } else if asked.is::<LeaveGroupRequest>() {
            self.seen.push("leave");
            let request: LeaveGroupRequest = asked.decode();
            request.members.iter().for_each(|member| {
                self.members.remove(&member.member_id);
            });
            self.is_preparing = true;
            self.answer::<LeaveGroupRequest>(&asked, &LeaveGroupResponse::default());
        } else if asked.is::<OffsetFetchRequest>() {
            self.offset_fetch(&asked, error_code);
        } else if asked.is::<OffsetCommitRequest>() {
            self.offset_commit(&asked, error_code);
        } else if asked.is::<ListOffsetsRequest>() {
            self.list_offsets(&asked, error_code);
        } else {
            return self.fetch(asked, error_code, false);
        }
        true
    }

    /// A broker answers a connection's requests in order: the fetch that waits goes before the next request.
    fn end_fetch(&mut self, connection: ConnectionId) {
        let is_it = |asked: &Asked| asked.connection == connection && asked.is::<FetchRequest>();
        if let Some(index) = self.cluster.asked.iter().position(is_it) {
            let asked = self.cluster.asked.remove(index);
            self.fetch(asked, 0, true);
        }
    }

    fn join(&mut self, asked: Asked, error_code: i16) {
        self.seen.push("join");
        let request: JoinGroupRequest = asked.decode();
        let refuse = |error_code, member_id| JoinGroupResponse { error_code, member_id, ..Default::default() };
        if error_code != 0 {
            return self.answer::<JoinGroupRequest>(&asked, &refuse(error_code, Str::default()));
        }
        if request.member_id.is_empty() {
            let id = Str::from(format!("member-{}", asked.connection.0 / 1000));
            return self.answer::<JoinGroupRequest>(&asked, &refuse(ErrorCode::MemberIdRequired.code(), id));
        }
        self.is_preparing = true;
        self.members.insert(request.member_id.clone());
        self.joins.insert(request.member_id, asked);
        if !self.members.iter().all(|member| self.joins.contains_key(member)) {
            return;
        }
        self.is_preparing = false;
        self.generation_id += 1;
        self.assignments.clear();
        let joins = core::mem::take(&mut self.joins);
        let requests: SortedMap<Str, JoinGroupRequest> =
            joins.iter().map(|(member, asked)| (member.clone(), asked.decode())).collect();
        self.leader = requests.keys().next().cloned().unwrap_or_default();
        for (member_id, asked) in joins {
            let members = requests.iter().map(|(member_id, request)| JoinGroupResponseMember {
                member_id: member_id.clone(),
                metadata: request.protocols[0].metadata.clone(),
                ..Default::default()
            });
            let response = JoinGroupResponse {
                generation_id: self.generation_id,
                protocol_name: Some(requests[&member_id].protocols[0].name.clone()),
                leader: self.leader.clone(),
                members: if member_id == self.leader { members.collect() } else { Vec::new() },
                member_id,
                ..Default::default()
            };
            self.answer::<JoinGroupRequest>(&asked, &response);
        }
    }

    fn sync(&mut self, asked: Asked, error_code: i16) {
        self.seen.push("sync");
        let request: SyncGroupRequest = asked.decode();
        if error_code != 0 {
            let response = SyncGroupResponse { error_code, ..Default::default() };
            return self.answer::<SyncGroupRequest>(&asked, &response);
        }
        if request.member_id == self.leader {
            self.assignments =
                request.assignments.into_iter().map(|given| (given.member_id, given.assignment)).collect();
        }
        self.syncs.insert(request.member_id, asked);
        if self.assignments.is_empty() {
            return;
        }
        for (member, asked) in core::mem::take(&mut self.syncs) {
            let assignment = self.assignments.get(&member).cloned().unwrap_or_default();
            self.answer::<SyncGroupRequest>(&asked, &SyncGroupResponse { assignment, ..Default::default() });
        }
    }

    fn offset_fetch(&mut self, asked: &Asked, error_code: i16) {
        self.seen.push("offset fetch");
        let request: OffsetFetchRequest = asked.decode();
        let is_old = asked.header.api_version < 8;
        let stored = |name: &Str, index: i32| {
            self.committed.get(&TopicPartition::new(name.clone(), index)).copied().unwrap_or(-1)
        };
        let response = if is_old {
            let topics = request.topics.iter().flatten().map(|topic| OffsetFetchResponseTopic {
                name: topic.name.clone(),
                partitions: topic
                    .partition_indexes
                    .iter()
                    .map(|&partition_index| OffsetFetchResponsePartition {
                        partition_index,
                        committed_offset: stored(&topic.name, partition_index),
                        ..Default::default()
                    })
                    .collect(),
            });
            OffsetFetchResponse { topics: topics.collect(), error_code, ..Default::default() }
        } else {
            let topics = request.groups[0].topics.iter().flatten().map(|topic| OffsetFetchResponseTopics {
                name: topic.name.clone(),
                partitions: topic
                    .partition_indexes
                    .iter()
                    .map(|&partition_index| OffsetFetchResponsePartitions {
                        partition_index,
                        committed_offset: stored(&topic.name, partition_index),
                        ..Default::default()
                    })
                    .collect(),
                ..Default::default()
            });
            let group = OffsetFetchResponseGroup { group_id: Str::from(GROUP), topics: topics.collect(), error_code };
            OffsetFetchResponse { groups: vec![group], ..Default::default() }
        };
        self.answer::<OffsetFetchRequest>(asked, &response);
    }

    fn offset_commit(&mut self, asked: &Asked, error_code: i16) {
        self.seen.push("commit");
        let request: OffsetCommitRequest = asked.decode();
        let mut topics = Vec::new();
        for topic in request.topics {
            let mut partitions = Vec::new();
            for partition in topic.partitions {
                let key = TopicPartition::new(topic.name.clone(), partition.partition_index);
                if error_code == 0 {
                    self.committed.insert(key, partition.committed_offset);
                }
                let partition_index = partition.partition_index;
                partitions.push(OffsetCommitResponsePartition { partition_index, error_code });
            }
            topics.push(OffsetCommitResponseTopic { name: topic.name, partitions, ..Default::default() });
        }
        self.answer::<OffsetCommitRequest>(asked, &OffsetCommitResponse { topics, ..Default::default() });
    }

    fn list_offsets(&mut self, asked: &Asked, error_code: i16) {
        self.seen.push("list offsets");
        let request: ListOffsetsRequest = asked.decode();
        let end = |name: &Str, index: i32, timestamp: i64| match timestamp {
            -2 => self.log_start,
            _ => self.logs.get(&TopicPartition::new(name.clone(), index)).map_or(0, |log| end_of(log)),
        };
        let topics = request.topics.iter().map(|topic| ListOffsetsTopicResponse {
            name: topic.name.clone(),
            partitions: topic
                .partitions
                .iter()
                .map(|partition| ListOffsetsPartitionResponse {
                    partition_index: partition.partition_index,
                    error_code,
                    offset: end(&topic.name, partition.partition_index, partition.timestamp),
                    ..Default::default()
                })
                .collect(),
        });
        let response = ListOffsetsResponse { topics: topics.collect(), ..Default::default() };
        self.answer::<ListOffsetsRequest>(asked, &response);
    }

    /// Waits without data, as a broker does; for ever here, so that time passes only for the consumer's own deadlines.
    fn fetch(&mut self, asked: Asked, error_code: i16, at_once: bool) -> bool {
        let request: FetchRequest = asked.decode();
        let is_by_id = asked.header.api_version >= 13;
        let mut has_news = error_code != 0;
        let mut responses = Vec::new();
        for topic in &request.topics {
            let known = self
                .cluster
                .topics
                .keys()
                .find(|name| if is_by_id { topic_id(name) == topic.topic_id } else { **name == topic.topic });
            let name = known.cloned().unwrap_or_default();
            let mut partitions = Vec::new();
            for wanted in &topic.partitions {
                let data = self.fetch_partition(&name, wanted.partition, wanted.fetch_offset, error_code, asked.port);
                has_news |= data.error_code != 0 || data.records.as_ref().is_some_and(|records| !records.is_empty());
                partitions.push(data);
            }
            responses.push(FetchableTopicResponse { topic: name, topic_id: topic.topic_id, partitions });
        }
        if !has_news && !at_once {
            self.cluster.asked.push(asked);
            return false;
        }
        self.answer::<FetchRequest>(&asked, &FetchResponse { responses, ..Default::default() });
        true
    }

    fn fetch_partition(&self, name: &Str, index: i32, offset: Offset, error_code: i16, port: u16) -> PartitionData {
        let log = self.logs.get(&TopicPartition::new(name.clone(), index)).cloned().unwrap_or_default();
        let end = end_of(&log);
        let leader = self.cluster.topics.get(name).map_or(-1, |leaders| leaders[index as usize].0);
        let code = match error_code {
            0 if i32::from(port) != 9091 + leader => ErrorCode::NotLeaderOrFollower.code(),
            0 if offset > end || offset < self.log_start => ErrorCode::OffsetOutOfRange.code(),
            code => code,
        };
        let kept = log.iter().filter(|batch| {
            crate::record::RecordBatch::parse(batch).is_ok_and(|batch| batch.header().last_offset() >= offset)
        });
        let records: Vec<Bytes> = if code == 0 { kept.cloned().collect() } else { Vec::new() };
        PartitionData {
            partition_index: index,
            error_code: code,
            high_watermark: end,
            aborted_transactions: Some(self.aborted.clone()),
            records: Some(records.into()),
            ..Default::default()
        }
    }

    pub(super) fn values(&self, consumer: usize) -> Vec<String> {
        let mut values = Vec::new();
        for event in &self.events[consumer] {
            if let ConsumerEvent::Records { records, .. } = event {
                values.extend(records.iter().map(value_of));
            }
        }
        values
    }

    /// Events other than records, in short.
    pub(super) fn told(&mut self, consumer: usize) -> Vec<String> {
        let events = core::mem::take(&mut self.events[consumer]);
        let list =
            |partitions: &[TopicPartition]| partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let short = events.iter().filter_map(|event| match event {
            ConsumerEvent::Records { .. } => None,
            ConsumerEvent::Assigned(partitions) => Some(format!("assigned {}", list(partitions))),
            ConsumerEvent::Revoked(partitions) => Some(format!("revoked {}", list(partitions))),
            ConsumerEvent::Committed(offsets) => Some(format!(
                "committed {}",
                offsets.iter().map(|(partition, offset)| format!("{partition}@{offset}")).collect::<Vec<_>>().join(" ")
            )),
            ConsumerEvent::Rejoined { generation_id, leader, .. } => {
                Some(format!("generation {generation_id}{}", if *leader { " leader" } else { "" }))
            }
            ConsumerEvent::Error { code, .. } => Some(format!("error {}", code.name())),
            ConsumerEvent::Lost => Some("lost".to_string()),
            ConsumerEvent::Closed => Some("closed".to_string()),
        });
        short.collect()
    }
}

pub(super) fn value_of(record: &Record) -> String {
    String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned()
}
