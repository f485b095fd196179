//! What the programs of the clients do: write, read in groups that change, create and delete topics.

use super::client::{Client, ClientProcess};
use super::history::RecordId;
use super::plan::{DISKS, GroupPlan, LastingTopic, log_dir};
use crate::client::admin::{Admin, AdminConfig, AdminRequest};
use crate::client::consumer::{AutoOffsetReset, IsolationLevel};
use crate::client::{Consumer, ConsumerConfig, Producer, ProducerConfig, ProducerRecord};
use crate::ids::{NodeId, Offset, PartitionIndex};
use crate::protocol::messages::alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic};
use crate::protocol::messages::create_partitions_request::CreatePartitionsTopic;
use crate::protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
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

/// Topics that come and go.
const PASSING_TOPICS: [&str; 3] = ["passing-0", "passing-1", "passing-2"];
/// Topics that pipes read.
pub const PIPED_TOPICS: [&str; 2] = ["orders", "payments"];
/// The topic that pipes write.
pub const PIPE_OUTPUT: &str = "ledger";
/// `transaction.timeout.ms`
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(4);
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
    topics: Vec<LastingTopic>,
    next_client: u32,
}

impl Workload {
    /// Clients that find the cluster at `bootstrap`.
    pub fn new(rng: Rng, bootstrap: Vec<(Str, u16)>, topics: Vec<LastingTopic>) -> Self {
        Self { rng, bootstrap, topics, next_client: 0 }
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

    /// A producer of transactions.
    pub fn transactional_producer(&mut self, transactional_id: &Str) -> ClientProcess {
        let config = ProducerConfig {
            client_id: self.client_id("transactor"),
            bootstrap: self.bootstrap.clone(),
            linger: Duration::from_millis(self.rng.below(10)),
            request_timeout: REQUEST_TIMEOUT,
            max_block: Duration::from_secs(10),
            metadata_max_age: METADATA_MAX_AGE,
            transactional_id: Some(transactional_id.clone()),
            transaction_timeout: TRANSACTION_TIMEOUT,
            ..ProducerConfig::default()
        };
        let name = config.client_id.clone();
        self.process(name, Client::Producer(Box::new(Producer::new(config, 1, self.rng.clone()))))
    }

    /// A consumer of a pipe: its offsets are committed in transactions.
    pub fn pipe_consumer(&mut self, group: &Str) -> ClientProcess {
        let config = ConsumerConfig {
            isolation_level: IsolationLevel::ReadCommitted,
            enable_auto_commit: false,
            max_poll_records: 20,
            ..self.consumer_config(group)
        };
        let topics = PIPED_TOPICS.iter().map(|topic| Str::from_static(topic)).collect();
        self.consumer_process(config, topics)
    }

    /// A consumer of a group, which reads the lasting topics from their beginning.
    pub fn consumer(&mut self, group: &GroupPlan, instance: Option<&Str>) -> ClientProcess {
        let interval = Duration::from_millis(300 + self.rng.below(2_000));
        let config = ConsumerConfig {
            assignors: group.assignors.clone(),
            auto_commit_interval: interval,
            group_instance_id: instance.cloned(),
            isolation_level: if group.read_committed {
                IsolationLevel::ReadCommitted
            } else {
                IsolationLevel::ReadUncommitted
            },
            ..self.consumer_config(&group.name)
        };
        let topics = self.topics.iter().map(|topic| Str::from_static(topic.name)).collect();
        self.consumer_process(config, topics)
    }

    fn consumer_process(&mut self, config: ConsumerConfig, topics: Vec<Str>) -> ClientProcess {
        let name = config.client_id.clone();
        let mut consumer = Consumer::new(config, 1, self.rng.clone());
        consumer.subscribe(topics);
        self.process(name, Client::Consumer(Box::new(consumer)))
    }

    fn consumer_config(&self, group: &Str) -> ConsumerConfig {
        ConsumerConfig {
            client_id: self.client_id("consumer"),
            bootstrap: self.bootstrap.clone(),
            group_id: Some(group.clone()),
            auto_offset_reset: AutoOffsetReset::Earliest,
            session_timeout: Duration::from_secs(3),
            heartbeat_interval: Duration::from_millis(500),
            max_poll_interval: Duration::from_secs(10),
            request_timeout: REQUEST_TIMEOUT,
            metadata_max_age: METADATA_MAX_AGE,
            allow_auto_create_topics: false,
            ..ConsumerConfig::default()
        }
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
        let lasting = self.written_topic();
        let topic = if self.rng.chance(1, 12) { self.passing() } else { lasting };
        let topic = to.map_or(topic, |to| to.0);
        let is_compacted = self.topics.iter().any(|known| known.name == topic && known.is_compacted);
        let key = (is_compacted || self.rng.chance(2, 3)).then(|| Bytes::from(format!("key-{}", self.rng.below(20))));
        ProducerRecord {
            topic: Str::from_static(topic),
            partition: to.map(|to| to.1),
            key,
            value: Some(id.to_value(self.rng.below(300) as usize)),
            headers: Vec::new(),
            timestamp: None,
        }
    }

    /// A record for a topic that is written to.
    pub fn lasting_record(&mut self, id: RecordId) -> ProducerRecord {
        let topic = Str::from_static(self.written_topic());
        let value = Some(id.to_value(self.rng.below(100) as usize));
        let is_compacted = self.topics.iter().any(|known| topic == *known.name && known.is_compacted);
        let key = is_compacted.then(|| Bytes::from(format!("key-{}", id.number % 20)));
        ProducerRecord { topic, partition: None, key, value, headers: Vec::new(), timestamp: None }
    }

    /// A topic that is written to without transactions.
    fn written_topic(&mut self) -> &'static str {
        let count = self.topics.iter().filter(|topic| topic.is_written).count();
        let chosen = self.rng.below(count as u64) as usize;
        self.topics.iter().filter(|topic| topic.is_written).nth(chosen).map_or("orders", |topic| topic.name)
    }

    /// The request that creates the lasting topics.
    pub fn create_lasting(&self, replicas: i16) -> AdminRequest {
        let config = |(name, value): &(&'static str, alloc::string::String)| CreatableTopicConfig {
            name: Str::from_static(name),
            value: Some(value.clone().into()),
        };
        let create = |topic: &LastingTopic| CreatableTopic {
            configs: topic.configs.iter().map(config).collect(),
            ..creatable(topic.name, topic.partitions, replicas)
        };
        let topics = self.topics.iter().map(create).collect();
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
                let (name, fewest) = self.old_topic();
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
        let (name, partitions) = self.old_topic();
        let partitions = vec![self.rng.below(partitions as u64) as PartitionIndex];
        let topics = vec![AlterReplicaLogDirTopic { name: Str::from_static(name), partitions }];
        let path = log_dir(node, DISKS[self.rng.below(2) as usize]).into();
        (node, AlterReplicaLogDirsRequest { dirs: vec![AlterReplicaLogDir { path, topics }] }.into())
    }

    /// One of the first two topics, and its first partitions.
    fn old_topic(&mut self) -> (&'static str, PartitionIndex) {
        let chosen = self.rng.below(2) as usize;
        self.topics.get(chosen).map_or(("orders", 1), |topic| (topic.name, topic.partitions))
    }

    /// A request to delete records of a lasting topic: all that are committed, or up to some offset.
    pub fn delete_records(&mut self, ends: &[(Str, PartitionIndex, Offset)]) -> Option<AdminRequest> {
        let (name, partition_index, end) = ends.get(self.rng.below(ends.len().max(1) as u64) as usize)?;
        // Past the end: that must be refused.
        let offset = if self.rng.chance(1, 4) { -1 } else { self.rng.below(*end as u64 + 3) as Offset };
        let partition = DeleteRecordsPartition { partition_index: *partition_index, offset };
        let topic = DeleteRecordsTopic { name: name.clone(), partitions: vec![partition] };
        Some(DeleteRecordsRequest { topics: vec![topic], timeout_ms: 5_000 }.into())
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
