//! Fetching: one request in flight per leader, for the partitions whose records were all taken.

use super::config::millis;
use super::fetched::{Fetched, read_records};
use super::subscription::{Assignment, PartitionState, Position};
use super::{Consumer, Purpose, error_of};
use crate::client::{Answer, RequestOptions, Target};
use crate::ids::{LeaderEpoch, NodeId, Offset, TopicPartition, Uuid};
use crate::protocol::ErrorCode;
use crate::protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use crate::protocol::messages::fetch_response::PartitionData;
use crate::record::Record;
use crate::sorted::{SortedMap, SortedSet};
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;

/// How long a partition rests after an error that trying again will hardly mend.
const ERROR_BACKOFF: Duration = Duration::from_secs(1);
/// From the next version on, topics are named by their ids.
const LAST_VERSION_WITH_NAMES: i16 = 12;

/// Fetches in flight and what they brought.
#[derive(Clone, Debug, Default)]
pub(super) struct Fetcher {
    in_flight: SortedSet<NodeId>,
    /// No request to a node before this time.
    not_before: SortedMap<NodeId, Instant>,
    buffers: SortedMap<TopicPartition, Buffer>,
    /// Partitions with a buffer, the next to be taken from first.
    turns: VecDeque<TopicPartition>,
}

/// Records of one partition not taken yet.
#[derive(Clone, Debug)]
struct Buffer {
    /// The position they follow; useless at any other.
    position: Offset,
    records: VecDeque<Record>,
    next_offset: Offset,
    leader_epoch: LeaderEpoch,
    high_watermark: Offset,
}

/// Records to hand out.
pub(super) struct Chunk {
    pub(super) records: Vec<Record>,
    pub(super) next_offset: Offset,
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) high_watermark: Offset,
}

impl Fetcher {
    /// At most `max_records` of the partition whose turn it is.
    pub(super) fn take(&mut self, assignment: &Assignment, max_records: usize) -> Option<(TopicPartition, Chunk)> {
        while let Some(partition) = self.turns.pop_front() {
            let Some(mut buffer) = self.buffers.remove(&partition) else { continue };
            let position = assignment.partitions.get(&partition).and_then(PartitionState::offset);
            if position != Some(buffer.position) {
                continue;
            }
            let count = buffer.records.len().min(max_records.max(1));
            let records: Vec<Record> = buffer.records.drain(..count).collect();
            let is_last = buffer.records.is_empty();
            let behind = records.last().map_or(buffer.next_offset, |record| record.offset + 1);
            let next_offset = if is_last { buffer.next_offset } else { behind };
            let (leader_epoch, high_watermark) = (buffer.leader_epoch, buffer.high_watermark);
            if !is_last {
                buffer.position = next_offset;
                self.buffers.insert(partition.clone(), buffer);
                self.turns.push_back(partition.clone());
            }
            return Some((partition, Chunk { records, next_offset, leader_epoch, high_watermark }));
        }
        None
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buffers.is_empty()
    }

    /// Records of a partition that wait.
    pub(super) fn buffered(&self, partition: &TopicPartition) -> usize {
        self.buffers.get(partition).map_or(0, |buffer| buffer.records.len())
    }

    /// Drops what waits of one partition.
    pub(super) fn forget(&mut self, partition: &TopicPartition) {
        self.buffers.remove(partition);
        self.turns.retain(|other| other != partition);
    }

    /// Drops what waits.
    pub(super) fn clear(&mut self) {
        self.buffers.clear();
        self.turns.clear();
    }

    /// Drops what waits of partitions no longer assigned.
    pub(super) fn retain(&mut self, assignment: &Assignment) {
        self.buffers.retain(|partition, _| assignment.partitions.contains_key(partition));
        self.turns.retain(|partition| assignment.partitions.contains_key(partition));
    }

    pub(super) fn deadlines(&self) -> impl Iterator<Item = (Instant, &'static str)> {
        self.not_before.values().map(|at| (*at, "fetch backoff"))
    }

    fn put(&mut self, partition: &TopicPartition, position: Offset, fetched: Fetched, high_watermark: Offset) {
        let Fetched { records, next_offset, leader_epoch, .. } = fetched;
        let buffer = Buffer { position, records: records.into(), next_offset, leader_epoch, high_watermark };
        self.buffers.insert(partition.clone(), buffer);
        self.turns.retain(|other| other != partition);
        self.turns.push_back(partition.clone());
    }
}

impl Consumer {
    /// Asks every leader that is not being asked already.
    pub(super) fn send_fetches(&mut self, now: Now) {
        self.fetcher.not_before.retain(|_, at| *at > now.monotonic);
        let ready = self.assignment.ready(now.monotonic, |position| matches!(position, Position::At { .. }));
        let wanted: Vec<_> =
            ready.into_iter().filter(|partition| !self.fetcher.buffers.contains_key(partition)).collect();
        for (node, partitions) in self.by_leader(now, wanted) {
            if !self.fetcher.in_flight.contains(&node) && !self.fetcher.not_before.contains_key(&node) {
                self.send_fetch(now, node, &partitions);
            }
        }
    }

    /// Partitions with their leader epochs, by leader. Those without a known leader wait for metadata.
    pub(super) fn by_leader(
        &mut self,
        now: Now,
        partitions: Vec<TopicPartition>,
    ) -> SortedMap<NodeId, Vec<(TopicPartition, LeaderEpoch)>> {
        let mut leaders: SortedMap<NodeId, Vec<_>> = SortedMap::new();
        for partition in partitions {
            match self.network.metadata().leader(&partition.topic, partition.partition) {
                Some((node, epoch)) => leaders.entry(node).or_default().push((partition, epoch)),
                None => self.retry_with_new_metadata(now, &partition),
            }
        }
        leaders
    }

    /// Leaves a partition alone for the backoff; its leader may be another by then.
    pub(super) fn retry_with_new_metadata(&mut self, now: Now, partition: &TopicPartition) {
        self.network.refresh_metadata();
        self.assignment.back_off(partition, self.retry_at(now));
    }

    fn send_fetch(&mut self, now: Now, node: NodeId, partitions: &[(TopicPartition, LeaderEpoch)]) {
        let mut topics: SortedMap<Str, FetchTopic> = SortedMap::new();
        let mut offsets = SortedMap::new();
        for (partition, leader_epoch) in partitions {
            let state = self.assignment.partitions.get(partition);
            let Some(offset) = state.and_then(PartitionState::offset) else { continue };
            let topic = topics.entry(partition.topic.clone()).or_insert_with(|| FetchTopic {
                topic: partition.topic.clone(),
                topic_id: self.network.metadata().topic_id(&partition.topic).unwrap_or_default(),
                ..Default::default()
            });
            topic.partitions.push(FetchPartition {
                partition: partition.partition,
                current_leader_epoch: *leader_epoch,
                fetch_offset: offset,
                partition_max_bytes: self.config.max_partition_fetch_bytes,
                ..Default::default()
            });
            offsets.insert(partition.clone(), offset);
        }
        let ids: Vec<(Uuid, Str)> = topics.values().map(|topic| (topic.topic_id, topic.topic.clone())).collect();
        let has_ids = ids.iter().all(|(id, _)| *id != Uuid::ZERO);
        let request = FetchRequest {
            max_wait_ms: millis(self.config.fetch_max_wait),
            min_bytes: self.config.fetch_min_bytes,
            max_bytes: self.config.fetch_max_bytes,
            isolation_level: self.config.isolation_level as i8,
            topics: topics.into_values().collect(),
            ..Default::default()
        };
        self.fetcher.in_flight.insert(node);
        let max_version = (!has_ids).then_some(LAST_VERSION_WITH_NAMES);
        let options = RequestOptions { max_version, ..Default::default() };
        self.network.send_with(now, Target::Node(node), request, Purpose::Fetch { topics: ids, offsets }, options);
    }

    pub(super) fn fetch_answered(
        &mut self,
        now: Now,
        topics: &[(Uuid, Str)],
        offsets: &SortedMap<TopicPartition, Offset>,
        answer: &Answer<Purpose>,
    ) {
        let Some(node) = answer.node else { return };
        self.fetcher.in_flight.remove(&node);
        let response = answer.decode::<FetchRequest>().ok();
        let Some(response) = response.filter(|response| response.error_code == ErrorCode::None.code()) else {
            self.fetcher.not_before.insert(node, self.retry_at(now));
            return self.network.refresh_metadata();
        };
        self.network.throttle(now, node, response.throttle_time_ms);
        for answered in response.responses {
            let is_it = |known: &&(Uuid, Str)| {
                if answer.version > Some(LAST_VERSION_WITH_NAMES) {
                    known.0 == answered.topic_id
                } else {
                    known.1 == answered.topic
                }
            };
            let Some((_, topic)) = topics.iter().find(is_it) else { continue };
            for data in answered.partitions {
                let partition = TopicPartition { topic: topic.clone(), partition: data.partition_index };
                if let Some(asked) = offsets.get(&partition) {
                    self.partition_answered(now, &partition, *asked, &data);
                }
            }
        }
    }

    fn partition_answered(&mut self, now: Now, partition: &TopicPartition, asked: Offset, data: &PartitionData) {
        let Some(state) = self.assignment.partitions.get_mut(partition) else { return };
        let Position::At { offset, leader_epoch } = state.position else { return };
        if offset != asked || self.fetcher.buffers.contains_key(partition) {
            return;
        }
        match error_of(data.error_code) {
            ErrorCode::None => {
                state.high_watermark = Some(data.high_watermark);
                self.records_answered(now, partition, (offset, leader_epoch), data);
            }
            ErrorCode::OffsetOutOfRange => {
                if !self.assignment.reset(partition, self.config.auto_offset_reset) {
                    let message = format!("Fetch position {offset} is out of range for partition {partition}");
                    self.error(ErrorCode::OffsetOutOfRange, message);
                }
            }
            code if is_about_leadership(code) => {
                let leader = &data.current_leader;
                let (topic, index) = (&partition.topic, partition.partition);
                let metadata = self.network.metadata_mut();
                let is_known = metadata.leader_changed(topic, index, leader.leader_id, leader.leader_epoch);
                if !is_known {
                    self.retry_with_new_metadata(now, partition);
                }
            }
            code => {
                self.assignment.back_off(partition, now.monotonic + ERROR_BACKOFF);
                self.error(code, format!("fetching {partition}: {}", code.message()));
            }
        }
    }

    fn records_answered(
        &mut self,
        now: Now,
        partition: &TopicPartition,
        (position, leader_epoch): (Offset, LeaderEpoch),
        data: &PartitionData,
    ) {
        let Some(records) = data.records.as_ref().filter(|records| !records.is_empty()) else { return };
        let aborted = data.aborted_transactions.as_deref().unwrap_or_default();
        match read_records(records.to_bytes(), position, leader_epoch, self.config.isolation_level, aborted) {
            Ok(fetched) if fetched.records.is_empty() => {
                self.assignment.move_to(partition, fetched.next_offset, fetched.leader_epoch);
            }
            Ok(fetched) => self.fetcher.put(partition, position, fetched, data.high_watermark),
            Err(error) => {
                self.assignment.back_off(partition, now.monotonic + ERROR_BACKOFF);
                let message =
                    format!("Record batch for partition {partition} at offset {position} is invalid: {error}");
                self.error(ErrorCode::CorruptMessage, message);
            }
        }
    }
}

/// Errors newer metadata mends.
fn is_about_leadership(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NotLeaderOrFollower
            | ErrorCode::ReplicaNotAvailable
            | ErrorCode::KafkaStorageError
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::UnknownLeaderEpoch
            | ErrorCode::OffsetNotAvailable
            | ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId
            | ErrorCode::InconsistentTopicId
            | ErrorCode::LeaderNotAvailable
    )
}
