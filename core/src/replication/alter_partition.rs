//! [`AlterPartitionManager`]: asks the controller for ISR changes, all waiting ones in one request, one at a time.

use super::partition_state::ProposalId;
use super::{RequestFailed, error_of};
use crate::ids::{BrokerEpoch, LeaderEpoch, NodeId, TopicPartition, Uuid};
use crate::protocol::ErrorCode;
use crate::protocol::messages::alter_partition_request::{BrokerState, PartitionData, TopicData};
use crate::protocol::messages::{AlterPartitionRequest, AlterPartitionResponse};
use crate::sorted::SortedMap;
use crate::time::{Duration, Instant};
use alloc::vec::Vec;

/// How long Kafka waits before it sends a failed `AlterPartition` again.
const RETRY_BACKOFF: Duration = Duration::from_millis(50);

/// One partition's wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterPartitionItem {
    /// Id of its topic.
    pub topic_id: Uuid,
    /// Which proposal of the partition this is.
    pub proposal: ProposalId,
    /// Epoch of the leader that asks.
    pub leader_epoch: LeaderEpoch,
    /// Partition epoch the wish is based on.
    pub partition_epoch: i32,
    /// The ISR wished for, each with the broker epoch its fetches carried, -1 for unknown. The leader's own is filled in
    /// when the request is built.
    pub new_isr: Vec<(NodeId, BrokerEpoch)>,
}

/// What the controller made of a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlteredPartition {
    /// The leader.
    pub leader: NodeId,
    /// Its epoch.
    pub leader_epoch: LeaderEpoch,
    /// The ISR now.
    pub isr: Vec<NodeId>,
    /// The partition epoch now.
    pub partition_epoch: i32,
}

/// The answer to one wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterPartitionAnswer {
    /// Which partition.
    pub partition: TopicPartition,
    /// Which of its proposals.
    pub proposal: ProposalId,
    /// What came of it.
    pub result: Result<AlteredPartition, ErrorCode>,
}

/// Wishes that wait and the one request under way.
#[derive(Clone, Debug, Default)]
pub struct AlterPartitionManager {
    waiting: SortedMap<TopicPartition, AlterPartitionItem>,
    in_flight: Option<u64>,
    /// What the request under way asked for.
    asked: SortedMap<(Uuid, i32), (TopicPartition, ProposalId)>,
    retry_at: Option<Instant>,
}

impl AlterPartitionManager {
    /// Wants `item` for `partition`; takes the place of an older wish of the same partition.
    pub fn submit(&mut self, partition: TopicPartition, item: AlterPartitionItem) {
        self.waiting.insert(partition, item);
    }

    /// Forgets a partition this broker no longer leads.
    pub fn forget(&mut self, partition: &TopicPartition) {
        self.waiting.remove(partition);
    }

    /// The next request where one is due; it counts as sent under `request_id`.
    pub fn next_request(
        &mut self,
        now: Instant,
        broker: NodeId,
        broker_epoch: BrokerEpoch,
        request_id: u64,
    ) -> Option<AlterPartitionRequest> {
        if self.in_flight.is_some() || self.waiting.is_empty() || self.retry_at.is_some_and(|at| at > now) {
            return None;
        }
        self.retry_at = None;
        self.in_flight = Some(request_id);
        self.asked.clear();
        let mut topics: SortedMap<Uuid, Vec<PartitionData>> = SortedMap::new();
        for (partition, item) in &self.waiting {
            self.asked.insert((item.topic_id, partition.partition), (partition.clone(), item.proposal));
            let state = |&(id, epoch): &(NodeId, BrokerEpoch)| BrokerState {
                broker_id: id,
                broker_epoch: if id == broker { broker_epoch } else { epoch },
            };
            topics.entry(item.topic_id).or_default().push(PartitionData {
                partition_index: partition.partition,
                leader_epoch: item.leader_epoch,
                new_isr: item.new_isr.iter().map(|(id, _)| *id).collect(),
                new_isr_with_epochs: item.new_isr.iter().map(state).collect(),
                partition_epoch: item.partition_epoch,
                // A leader that can ask has recovered: it sends RECOVERED (0), the default.
                ..PartitionData::default()
            });
        }
        let topics = topics.into_iter().map(|(topic_id, partitions)| TopicData { topic_id, partitions }).collect();
        Some(AlterPartitionRequest { broker_id: broker, broker_epoch, topics })
    }

    /// Takes the answer to `request_id`; what it does not answer is asked again after a while.
    pub fn response(
        &mut self,
        now: Instant,
        request_id: u64,
        response: Result<AlterPartitionResponse, RequestFailed>,
    ) -> Vec<AlterPartitionAnswer> {
        if self.in_flight != Some(request_id) {
            return Vec::new();
        }
        self.in_flight = None;
        let asked = core::mem::take(&mut self.asked);
        let answered = response.ok().filter(|response| response.error_code == ErrorCode::None.code());
        let mut answers = Vec::new();
        for topic in answered.iter().flat_map(|response| &response.topics) {
            for data in &topic.partitions {
                let Some((partition, proposal)) = asked.get(&(topic.topic_id, data.partition_index)) else { continue };
                if self.waiting.get(partition).is_some_and(|item| item.proposal == *proposal) {
                    self.waiting.remove(partition);
                }
                let result = match error_of(data.error_code) {
                    ErrorCode::None => Ok(AlteredPartition {
                        leader: data.leader_id,
                        leader_epoch: data.leader_epoch,
                        isr: data.isr.clone(),
                        partition_epoch: data.partition_epoch,
                    }),
                    error => Err(error),
                };
                answers.push(AlterPartitionAnswer { partition: partition.clone(), proposal: *proposal, result });
            }
        }
        if answers.is_empty() {
            self.retry_at = Some(now + RETRY_BACKOFF);
        }
        answers
    }

    /// Waits before asking again: the controller answered, but refused for a passing reason.
    pub fn back_off(&mut self, now: Instant) {
        self.retry_at = Some(now + RETRY_BACKOFF);
    }

    /// When to ask again.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.in_flight.is_some() || self.waiting.is_empty() { None } else { self.retry_at }
    }
}
