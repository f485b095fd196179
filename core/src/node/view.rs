//! What a node shows of itself: plain data, pulled by a host at most once a frame, so that a hidden page queues nothing.

use super::broker::Broker;
use crate::ids::{BrokerEpoch, LeaderEpoch, NodeId, Offset, PartitionIndex};
use crate::log::TailMemory;
use crate::metadata::ConfigResource;
use crate::text::Str;
use crate::time::Instant;
use alloc::string::String;
use alloc::vec::Vec;

/// A node at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NodeView {
    /// `node.id`.
    pub node_id: NodeId,
    /// `cluster.id`; empty while the node starts.
    pub cluster_id: Str,
    /// Kafka's name of the broker's state: `STARTING`, `RECOVERY`, `RUNNING`, `PENDING_CONTROLLED_SHUTDOWN`, `SHUTTING_DOWN`.
    pub state: Str,
    /// Offset of its registration; -1 before it.
    pub broker_epoch: BrokerEpoch,
    /// True while it may not lead.
    pub fenced: bool,
    /// The metadata quorum as this node sees it.
    pub quorum: QuorumView,
    /// Brokers as this node's metadata has them.
    pub brokers: Vec<BrokerView>,
    /// Topics as this node's metadata has them, by name.
    pub topics: Vec<TopicView>,
    /// The replicas on this node.
    pub replicas: Vec<ReplicaView>,
    /// The groups this node coordinates.
    pub groups: Vec<GroupView>,
}

/// The metadata quorum as a node sees it.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct QuorumView {
    /// The leader, if one is known.
    pub leader: Option<NodeId>,
    /// Quorum epoch.
    pub epoch: i32,
    /// This node is the active controller.
    pub is_active_controller: bool,
    /// Committed end of the metadata log.
    pub high_watermark: Offset,
    /// End of the metadata log here.
    pub log_end_offset: Offset,
    /// The state's name: `Leader`, `Follower`, `Candidate` …
    pub state: Str,
}

/// A registered broker.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BrokerView {
    /// Its id.
    pub id: NodeId,
    /// Its broker epoch.
    pub epoch: BrokerEpoch,
    /// Fenced.
    pub fenced: bool,
    /// In controlled shutdown.
    pub in_controlled_shutdown: bool,
    /// `host:port` of its first listener.
    pub listener: Str,
}

/// A topic.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TopicView {
    /// Its name.
    pub name: Str,
    /// Its id, as Kafka prints it.
    pub id: Str,
    /// Internal to Kafka.
    pub internal: bool,
    /// What its configurations override, by key.
    pub configs: Vec<(Str, Str)>,
    /// Its partitions, by index.
    pub partitions: Vec<PartitionView>,
}

/// A partition as the metadata has it.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PartitionView {
    /// Its index.
    pub index: PartitionIndex,
    /// Its leader; -1 for none.
    pub leader: NodeId,
    /// The leader's epoch.
    pub leader_epoch: LeaderEpoch,
    /// Its replicas, the preferred leader first.
    pub replicas: Vec<NodeId>,
    /// Those in sync.
    pub in_sync_replicas: Vec<NodeId>,
}

/// A replica on this node.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ReplicaView {
    /// Topic name.
    pub topic: Str,
    /// Partition index.
    pub partition: PartitionIndex,
    /// It leads.
    pub is_leader: bool,
    /// The leader epoch this node knows.
    pub leader_epoch: LeaderEpoch,
    /// First offset.
    pub log_start_offset: Offset,
    /// Committed end.
    pub high_watermark: Offset,
    /// End.
    pub log_end_offset: Offset,
    /// End of what is stored.
    pub recovery_point: Offset,
    /// Bytes.
    pub size: u64,
    /// Its records, without the markers of transactions, which take offsets as well; `None` where that would have to be read.
    pub records: Option<u64>,
    /// Its newest records, oldest first: [`TAIL_RECORDS`] at most, none for internal topics. Those of compressed batches may come
    /// with later views: no view unpacks much.
    pub tail: Vec<TailRecord>,
}

/// How many records a [`ReplicaView`] shows.
pub const TAIL_RECORDS: usize = 12;

/// A record near the end of a log.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TailRecord {
    /// Its offset.
    pub offset: Offset,
    /// Its key, as text where it is; a replacement character stands for what is not.
    pub key: Option<Str>,
    /// It ends a transaction: nobody wrote it who produces, and nobody reads it who consumes.
    pub is_marker: bool,
}

/// A group and who is in it.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GroupView {
    /// `group.id`.
    pub group_id: Str,
    /// Kafka's name of its state.
    pub state: Str,
    /// Its generation.
    pub generation_id: i32,
    /// The assignor it settled on.
    pub protocol: Str,
    /// Its members.
    pub members: Vec<MemberView>,
    /// Committed offsets: topic, partition, offset.
    pub offsets: Vec<(Str, PartitionIndex, Offset)>,
}

/// A member of a group.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MemberView {
    /// Its id.
    pub member_id: Str,
    /// `client.id`.
    pub client_id: Str,
    /// Its address.
    pub client_host: Str,
    /// When it is put out unless it is heard of, in microseconds of the monotonic clock; `None` while its coordinator does
    /// not wait for it.
    pub session_deadline_us: Option<u64>,
    /// What it was assigned: topic, partition.
    pub assignment: Vec<(Str, PartitionIndex)>,
}

/// With more partitions than this no tails are read: a page shows them as bars.
const PARTITIONS_WITH_TAIL: usize = 64;

impl Broker {
    /// What this node shows of itself.
    pub(super) fn view(&self, memory: &mut TailMemory) -> NodeView {
        let (leader, epoch) = self.raft.leader_and_epoch();
        let state = self.lifecycle.as_ref().map_or("", |lifecycle| lifecycle.state().name());
        NodeView {
            node_id: self.config.node_id,
            cluster_id: self.cluster_id.clone(),
            state: state.into(),
            broker_epoch: self.lifecycle.as_ref().map_or(-1, super::broker_lifecycle::BrokerLifecycle::broker_epoch),
            fenced: self.lifecycle.as_ref().is_none_or(super::broker_lifecycle::BrokerLifecycle::is_fenced),
            quorum: QuorumView {
                leader,
                epoch,
                is_active_controller: self.is_active_controller(),
                high_watermark: self.raft.high_watermark(),
                log_end_offset: self.raft.log().log_end_offset(),
                state: alloc::format!("{:?}", self.raft.quorum().name()).into(),
            },
            brokers: self.broker_views(),
            topics: self.topic_views(),
            replicas: self.replica_views(memory),
            groups: self.group_views(),
        }
    }

    fn broker_views(&self) -> Vec<BrokerView> {
        let listener =
            |endpoint: &crate::metadata::Endpoint| alloc::format!("{}:{}", endpoint.host, endpoint.port).into();
        (self.image.cluster.brokers())
            .map(|broker| BrokerView {
                id: broker.id,
                epoch: broker.epoch,
                fenced: broker.fenced,
                in_controlled_shutdown: broker.in_controlled_shutdown,
                listener: broker.listeners.first().map(listener).unwrap_or_default(),
            })
            .collect()
    }

    fn topic_views(&self) -> Vec<TopicView> {
        (self.image.topics.iter())
            .map(|topic| TopicView {
                name: topic.name.clone(),
                id: alloc::format!("{}", topic.id).into(),
                internal: super::is_internal(&topic.name),
                configs: (self.image.configs.of(&ConfigResource::topic(topic.name.clone())))
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect(),
                partitions: (topic.partitions())
                    .map(|(index, partition)| PartitionView {
                        index,
                        leader: partition.leader,
                        leader_epoch: partition.leader_epoch,
                        replicas: partition.replicas.clone(),
                        in_sync_replicas: partition.isr.clone(),
                    })
                    .collect(),
            })
            .collect()
    }

    fn replica_views(&self, memory: &mut TailMemory) -> Vec<ReplicaView> {
        memory.begin();
        let views = self.replica_manager.view(self.now.monotonic);
        let shown =
            |view: &crate::replication::replica_manager::PartitionView| !super::is_internal(&view.partition.topic);
        let with_tails = views.iter().filter(|view| shown(view)).count() <= PARTITIONS_WITH_TAIL;
        (views.into_iter())
            .map(|view| ReplicaView {
                tail: if with_tails && shown(&view) {
                    self.tail(&view.partition, view.log_end_offset, memory)
                } else {
                    Vec::new()
                },
                topic: view.partition.topic,
                partition: view.partition.partition,
                is_leader: view.is_leader,
                leader_epoch: view.leader_epoch,
                log_start_offset: view.log_start_offset,
                high_watermark: view.high_watermark,
                log_end_offset: view.log_end_offset,
                recovery_point: view.recovery_point,
                size: view.size,
                records: view.records,
            })
            .collect()
    }

    fn group_views(&self) -> Vec<GroupView> {
        let place = |partition: crate::ids::TopicPartition| (partition.topic, partition.partition);
        (self.groups.views().into_iter())
            .map(|group| GroupView {
                group_id: group.group_id,
                state: group.state.into(),
                generation_id: group.generation_id,
                protocol: group.protocol.unwrap_or_default(),
                members: (group.members.into_iter())
                    .map(|member| MemberView {
                        member_id: member.member_id,
                        client_id: member.client_id,
                        client_host: member.client_host,
                        session_deadline_us: member.session_deadline.map(Instant::as_micros),
                        assignment: member.assignment.into_iter().map(place).collect(),
                    })
                    .collect(),
                offsets: (group.offsets.into_iter())
                    .map(|(partition, offset)| (partition.topic, partition.partition, offset))
                    .collect(),
            })
            .collect()
    }

    fn tail(
        &self,
        partition: &crate::ids::TopicPartition,
        log_end_offset: Offset,
        memory: &mut TailMemory,
    ) -> Vec<TailRecord> {
        let Some(log) = self.replica_manager.logs().log(partition) else { return Vec::new() };
        let records = log.tail(log_end_offset - TAIL_RECORDS as i64, memory);
        (records.into_iter())
            .map(|record| TailRecord {
                offset: record.offset,
                key: (record.key.filter(|_| !record.is_control))
                    .map(|key| String::from_utf8_lossy(&key).into_owned().into()),
                is_marker: record.is_control,
            })
            .collect()
    }
}
