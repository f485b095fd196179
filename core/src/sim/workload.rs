//! What the programs of the clients do: write, read in groups that change, create and delete topics.

use super::client::{Client, ClientProcess};
use super::history::RecordId;
use super::plan::{DISKS, log_dir};
use crate::client::admin::{Admin, AdminConfig, AdminRequest};
use crate::client::assignor::Assignor;
use crate::client::consumer::AutoOffsetReset;
use crate::client::{Consumer, ConsumerConfig, Producer, ProducerConfig, ProducerRecord};
use crate::ids::{NodeId, PartitionIndex};
use crate::protocol::messages::alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic};
use crate::protocol::messages::create_partitions_request::CreatePartitionsTopic;
use crate::protocol::messages::create_topics_request::CreatableTopic;
use crate::protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use crate::protocol::messages::delete_topics_request::DeleteTopicState;
use crate::protocol::messages::{
    AlterReplicaLogDirsRequest, CreatePartitionsRequest, CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest,
};
use crate::rng::Rng;
use crate::text::Str;
use crate::time::Duration;
use alloc::boxed::Box;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;

/// Topics that live through the whole run, and the partitions they begin with.
pub const LASTING_TOPICS: [(&str, PartitionIndex); 2] = [("orders", 2), ("payments", 3)];
/// Topics that come and go.
const PASSING_TOPICS: [&str; 3] = ["passing-0", "passing-1", "passing-2"];
/// The most partitions a topic is raised to.
const MOST_PARTITIONS: PartitionIndex = 5;
/// How long a client waits for an answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How often clients ask for metadata though nothing is wrong.
const METADATA_MAX_AGE: Duration = Duration::from_secs(3);

/// Makes clients, and what they write.
#[derive(Clone, Debug)]
pub struct Workload {
    rng: Rng,
    bootstrap: Vec<(Str, u16)>,
    next_client: u32,
}

impl Workload {
    /// Clients that find the cluster at `bootstrap`.
    pub fn new(rng: Rng, bootstrap: Vec<(Str, u16)>) -> Self {
        Self { rng, bootstrap, next_client: 0 }
    }

    /// A producer; idempotent where `acks` is -1.
    pub fn producer(&mut self, acks: i16) -> ClientProcess {
        let config = ProducerConfig {
            client_id: self.client_id("producer"),
            bootstrap: self.bootstrap.clone(),
            acks,
            linger: Duration::from_millis(self.rng.below(10)),
            request_timeout: REQUEST_TIMEOUT,
            max_block: Duration::from_secs(10),
            metadata_max_age: METADATA_MAX_AGE,
            ..ProducerConfig::default()
        };
        let name = config.client_id.clone();
        self.process(name, Client::Producer(Box::new(Producer::new(config, 1, self.rng.clone()))))
    }

    /// A consumer of `group`, which reads the lasting topics from their beginning.
    pub fn consumer(&mut self, group: &Str, assignors: &[Assignor]) -> ClientProcess {
        let config = ConsumerConfig {
            client_id: self.client_id("consumer"),
            bootstrap: self.bootstrap.clone(),
            group_id: Some(group.clone()),
            assignors: assignors.to_vec(),
            auto_offset_reset: AutoOffsetReset::Earliest,
            auto_commit_interval: Duration::from_millis(300 + self.rng.below(2_000)),
            session_timeout: Duration::from_secs(3),
            heartbeat_interval: Duration::from_millis(500),
            max_poll_interval: Duration::from_secs(10),
            request_timeout: REQUEST_TIMEOUT,
            metadata_max_age: METADATA_MAX_AGE,
            allow_auto_create_topics: false,
            ..ConsumerConfig::default()
        };
        let name = config.client_id.clone();
        let mut consumer = Consumer::new(config, 1, self.rng.clone());
        consumer.subscribe(LASTING_TOPICS.iter().map(|(topic, _)| Str::from_static(topic)).collect());
        self.process(name, Client::Consumer(Box::new(consumer)))
    }

    /// An admin.
    pub fn admin(&mut self) -> ClientProcess {
        let config = AdminConfig {
            client_id: self.client_id("admin"),
            bootstrap: self.bootstrap.clone(),
            request_timeout: REQUEST_TIMEOUT,
            metadata_max_age: METADATA_MAX_AGE,
            ..AdminConfig::default()
        };
        let name = config.client_id.clone();
        self.process(name, Client::Admin(Box::new(Admin::new(config, 1, self.rng.clone()))))
    }

    /// How many records a program writes at once: mostly a few.
    pub fn burst(&mut self) -> u64 {
        let most = if self.rng.chance(1, 10) { 60 } else { 6 };
        1 + self.rng.below(most)
    }

    /// A record, mostly for a lasting topic where it is not said which.
    pub fn record(&mut self, id: RecordId, to: Option<(&'static str, PartitionIndex)>) -> ProducerRecord {
        let lasting = LASTING_TOPICS[self.rng.below(LASTING_TOPICS.len() as u64) as usize].0;
        let topic = if self.rng.chance(1, 12) { self.passing() } else { lasting };
        let key = self.rng.chance(2, 3).then(|| Bytes::from(format!("key-{}", self.rng.below(20))));
        ProducerRecord {
            topic: Str::from_static(to.map_or(topic, |to| to.0)),
            partition: to.map(|to| to.1),
            key,
            value: Some(id.to_value(self.rng.below(300) as usize)),
            headers: Vec::new(),
            timestamp: None,
        }
    }

    /// The request that creates the lasting topics.
    pub fn create_lasting(&self, replicas: i16) -> AdminRequest {
        let topics = LASTING_TOPICS.iter().map(|(name, partitions)| creatable(name, *partitions, replicas)).collect();
        CreateTopicsRequest { topics, timeout_ms: 5_000, ..Default::default() }.into()
    }

    /// A request of an admin who changes topics.
    pub fn administer(&mut self, replicas: i16) -> AdminRequest {
        let name = self.passing();
        match self.rng.below(6) {
            0 | 1 => {
                let topics = vec![creatable(name, 1 + self.rng.below(3) as i32, replicas)];
                CreateTopicsRequest { topics, timeout_ms: 5_000, ..Default::default() }.into()
            }
            2 | 3 => {
                let topic = DeleteTopicState { name: Some(Str::from_static(name)), ..Default::default() };
                let topics = vec![topic];
                DeleteTopicsRequest { topics, timeout_ms: 5_000, ..Default::default() }.into()
            }
            4 => {
                // Up to the high watermark.
                let partition = DeleteRecordsPartition { partition_index: 0, offset: -1 };
                let topic = DeleteRecordsTopic { name: Str::from_static(name), partitions: vec![partition] };
                DeleteRecordsRequest { topics: vec![topic], timeout_ms: 5_000 }.into()
            }
            _ => {
                let (name, fewest) = LASTING_TOPICS[self.rng.below(2) as usize];
                let count = fewest + 1 + self.rng.below((MOST_PARTITIONS - fewest) as u64) as i32;
                let topic = CreatePartitionsTopic { name: Str::from_static(name), count, ..Default::default() };
                let topics = vec![topic];
                CreatePartitionsRequest { topics, timeout_ms: 5_000, ..Default::default() }.into()
            }
        }
    }

    /// A request to move a replica to a disk of its node, and the node.
    pub fn move_replica(&mut self, brokers: u16) -> (NodeId, AdminRequest) {
        let node = self.rng.below(u64::from(brokers)) as NodeId;
        let (name, partitions) = LASTING_TOPICS[self.rng.below(2) as usize];
        let partitions = vec![self.rng.below(partitions as u64) as PartitionIndex];
        let topics = vec![AlterReplicaLogDirTopic { name: Str::from_static(name), partitions }];
        let path = log_dir(node, DISKS[self.rng.below(2) as usize]).into();
        (node, AlterReplicaLogDirsRequest { dirs: vec![AlterReplicaLogDir { path, topics }] }.into())
    }

    fn passing(&mut self) -> &'static str {
        PASSING_TOPICS[self.rng.below(PASSING_TOPICS.len() as u64) as usize]
    }

    fn client_id(&self, kind: &str) -> Str {
        format!("{kind}-{}", self.next_client).into()
    }

    fn process(&mut self, name: Str, client: Client) -> ClientProcess {
        let number = self.next_client;
        self.next_client += 1;
        // The client's own chance is a copy of ours from here on; ours goes on elsewhere.
        self.rng = self.rng.fork();
        ClientProcess { number, name, client }
    }
}

fn creatable(name: &'static str, num_partitions: i32, replication_factor: i16) -> CreatableTopic {
    CreatableTopic { name: Str::from_static(name), num_partitions, replication_factor, ..Default::default() }
}
