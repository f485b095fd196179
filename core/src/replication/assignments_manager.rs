//! [`AssignmentsManager`]: tells the controller in which log directory a replica is (KIP-858), all that wait in one request,
//! one at a time.

use super::{RequestFailed, error_of};
use crate::ids::{BrokerEpoch, NodeId, PartitionIndex, Uuid};
use crate::protocol::ErrorCode;
use crate::protocol::messages::assign_replicas_to_dirs_request::{DirectoryData, PartitionData, TopicData};
use crate::protocol::messages::{AssignReplicasToDirsRequest, AssignReplicasToDirsResponse};
use crate::sorted::SortedMap;
use crate::time::{Duration, Instant};
use alloc::vec::Vec;

/// How long what is told waits for more to tell, and for how long after a first failure nothing is.
const INITIAL_INTERVAL: Duration = Duration::from_millis(100);
/// The longest pause after failures.
const MAX_BACKOFF: Duration = Duration::from_secs(10);
/// The most partitions of one request.
const MAX_ASSIGNMENTS_PER_REQUEST: usize = 2250;

/// A partition, by the id of its topic.
pub type TopicIdPartition = (Uuid, PartitionIndex);

/// What waits to be told and the one request under way.
#[derive(Clone, Debug, Default)]
pub struct AssignmentsManager {
    ready: SortedMap<TopicIdPartition, Uuid>,
    in_flight: Option<u64>,
    /// What the request under way tells.
    sent: SortedMap<TopicIdPartition, Uuid>,
    /// When the next request is due.
    next_at: Option<Instant>,
    failures: u32,
}

impl AssignmentsManager {
    /// Wants the controller to know that the replica is in `directory`; takes the place of what waited to be told of it.
    pub fn submit(&mut self, now: Instant, partition: TopicIdPartition, directory: Uuid) {
        if self.ready.is_empty() && self.sent.get(&partition) == Some(&directory) {
            return;
        }
        self.ready.insert(partition, directory);
        self.schedule(now);
    }

    /// The next request where one is due; it counts as sent under `request_id`. What no longer `is_valid` is forgotten: its
    /// topic is gone, or this broker has no replica of it.
    pub fn next_request(
        &mut self,
        now: Instant,
        (broker_id, broker_epoch): (NodeId, BrokerEpoch),
        request_id: u64,
        is_valid: impl Fn(TopicIdPartition) -> bool,
    ) -> Option<AssignReplicasToDirsRequest> {
        if self.in_flight.is_some() || self.ready.is_empty() || self.next_at.is_some_and(|at| at > now) {
            return None;
        }
        self.next_at = None;
        self.sent.clear();
        while let Some((partition, directory)) = self.ready.pop_first() {
            if is_valid(partition) {
                self.sent.insert(partition, directory);
            }
            if self.sent.len() == MAX_ASSIGNMENTS_PER_REQUEST {
                self.schedule(now);
                break;
            }
        }
        if self.sent.is_empty() {
            return None;
        }
        self.in_flight = Some(request_id);
        let mut directories: SortedMap<Uuid, SortedMap<Uuid, Vec<PartitionData>>> = SortedMap::new();
        for (&(topic_id, partition_index), &directory) in &self.sent {
            let topics = directories.entry(directory).or_default();
            topics.entry(topic_id).or_default().push(PartitionData { partition_index });
        }
        let topics = |topics: SortedMap<Uuid, Vec<PartitionData>>| {
            topics.into_iter().map(|(topic_id, partitions)| TopicData { topic_id, partitions }).collect()
        };
        let directories = directories.into_iter().map(|(id, of)| DirectoryData { id, topics: topics(of) }).collect();
        Some(AssignReplicasToDirsRequest { broker_id, broker_epoch, directories })
    }

    /// Takes the answer to `request_id`: what the controller took note of. The rest is told again after a while, unless there
    /// is something newer to tell.
    pub fn response(
        &mut self,
        now: Instant,
        request_id: u64,
        response: Result<AssignReplicasToDirsResponse, RequestFailed>,
    ) -> Vec<(TopicIdPartition, Uuid)> {
        if self.in_flight != Some(request_id) {
            return Vec::new();
        }
        self.in_flight = None;
        let mut sent = core::mem::take(&mut self.sent);
        let answered = response.ok().filter(|response| response.error_code == ErrorCode::None.code());
        self.failures = if answered.is_some() { 0 } else { self.failures.saturating_add(1) };
        let mut taken = Vec::new();
        for topic in answered.iter().flat_map(|response| &response.directories).flat_map(|of| &of.topics) {
            for data in &topic.partitions {
                let partition = (topic.topic_id, data.partition_index);
                if error_of(data.error_code) == ErrorCode::None
                    && let Some(directory) = sent.remove(&partition)
                {
                    taken.push((partition, directory));
                }
            }
        }
        for (partition, directory) in sent {
            self.ready.entry(partition).or_insert(directory);
        }
        if !self.ready.is_empty() {
            self.next_at = None;
            self.schedule(now);
        }
        taken
    }

    /// When the next request is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.next_at.filter(|_| self.in_flight.is_none())
    }

    fn schedule(&mut self, now: Instant) {
        let interval = INITIAL_INTERVAL.saturating_mul(1 << self.failures.saturating_sub(1).min(7)).min(MAX_BACKOFF);
        self.next_at.get_or_insert(now + interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::messages::assign_replicas_to_dirs_response as r;

    const TOPIC: Uuid = Uuid::from_u128(5);
    const ONE: Uuid = Uuid::from_u128(101);
    const OTHER: Uuid = Uuid::from_u128(102);

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn next(manager: &mut AssignmentsManager, millis: u64, request_id: u64) -> Option<Vec<(Uuid, Vec<i32>)>> {
        let request = manager.next_request(at(millis), (1, 9), request_id, |(_, index)| index != 7)?;
        let indexes = |of: &DirectoryData| of.topics[0].partitions.iter().map(|one| one.partition_index).collect();
        Some(request.directories.iter().map(|of| (of.id, indexes(of))).collect())
    }

    fn answer(directory: Uuid, partitions: &[(i32, ErrorCode)]) -> AssignReplicasToDirsResponse {
        let partition = |&(partition_index, error): &(i32, ErrorCode)| r::PartitionData {
            partition_index,
            error_code: error.code(),
        };
        let topics =
            alloc::vec![r::TopicData { topic_id: TOPIC, partitions: partitions.iter().map(partition).collect() }];
        let directories = alloc::vec![r::DirectoryData { id: directory, topics }];
        AssignReplicasToDirsResponse { directories, ..Default::default() }
    }

    #[test]
    fn what_waits_is_told_in_one_request_and_what_is_refused_again() {
        let mut manager = AssignmentsManager::default();
        for (index, directory) in [(0, ONE), (1, OTHER), (2, ONE), (7, ONE)] {
            manager.submit(at(0), (TOPIC, index), directory);
        }
        assert_eq!(next(&mut manager, 99, 1), None);
        assert_eq!(manager.next_deadline(), Some(at(100)));
        assert_eq!(next(&mut manager, 100, 1), Some(alloc::vec![(ONE, [0, 2].into()), (OTHER, [1].into())]));
        assert_eq!(next(&mut manager, 500, 2), None, "one request at a time");
        let outcome = answer(ONE, &[(0, ErrorCode::None), (2, ErrorCode::NotLeaderOrFollower)]);
        assert_eq!(manager.response(at(500), 1, Ok(outcome)), [((TOPIC, 0), ONE)]);
        assert_eq!(next(&mut manager, 600, 2), Some(alloc::vec![(ONE, [2].into()), (OTHER, [1].into())]));
    }

    #[test]
    fn the_last_word_counts_and_pauses_grow() {
        let mut manager = AssignmentsManager::default();
        manager.submit(at(0), (TOPIC, 0), ONE);
        let mut now = 100;
        for (request_id, pause) in [(1, 100), (2, 200), (3, 400)] {
            assert!(next(&mut manager, now, request_id).is_some());
            assert_eq!(manager.response(at(now), request_id, Err(RequestFailed)), []);
            now += pause;
            assert_eq!(manager.next_deadline(), Some(at(now)));
        }
        assert!(next(&mut manager, now, 4).is_some());
        manager.submit(at(now), (TOPIC, 0), OTHER);
        assert_eq!(manager.response(at(now), 4, Err(RequestFailed)), []);
        assert_eq!(next(&mut manager, 10_000, 5), Some(alloc::vec![(OTHER, [0].into())]));
    }
}
