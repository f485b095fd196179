//! A controller alone: its appends are committed when a test says so.

use super::*;
use crate::config::{BrokerConfig, Properties};
use crate::event::Event;
use crate::ids::{NO_NODE, NodeId, Offset, Uuid};
use crate::metadata::{MetadataDelta, MetadataImage, MetadataRecord, PartitionRegistration, Provenance};
use crate::protocol::ErrorCode;
use crate::protocol::messages as m;
use crate::protocol::messages::broker_registration_request::{Feature, Listener};
use crate::rng::Rng;
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use alloc::{format, vec};

mod claim;
mod features;
mod life_cycle;
mod quotas;
mod random;
mod scram;
mod topics;

/// A controller with a log that commits when told.
struct Harness {
    controller: QuorumController,
    now: Instant,
    /// Appended and not committed: base offset and records.
    uncommitted: VecDeque<(Offset, Vec<MetadataRecord>)>,
    /// Everything committed, in order.
    log: Vec<MetadataRecord>,
    responses: Vec<(u64, ControllerResponse)>,
    events: Vec<Event>,
    next_token: u64,
    /// Commit at once.
    automatic: bool,
}

fn config(changes: &str) -> ControllerConfig {
    let text = format!(
        "process.roles=broker,controller\nnode.id=0\ncontroller.quorum.voters=0@localhost:19092\n\
         listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:19092\ncontroller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n{changes}"
    );
    let properties = Properties::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    let node = BrokerConfig::from_properties(&properties).unwrap_or_else(|error| panic!("{error}"));
    ControllerConfig::new(Str::from_static("cluster"), Arc::new(node))
}

impl Harness {
    fn new() -> Self {
        Self::with("", 1)
    }

    fn with(changes: &str, seed: u64) -> Self {
        let mut harness = Self {
            controller: QuorumController::new(config(changes), Rng::new(seed)),
            now: Instant::from_millis(1000),
            uncommitted: VecDeque::new(),
            log: Vec::new(),
            responses: Vec::new(),
            events: Vec::new(),
            next_token: 0,
            automatic: true,
        };
        harness.controller.claim(harness.now(), 1, 0);
        harness.drain();
        harness
    }

    /// With brokers 0..count, registered and unfenced.
    fn with_brokers(count: NodeId) -> Self {
        let mut harness = Self::new();
        (0..count).for_each(|id| harness.start_broker(id));
        harness
    }

    fn now(&self) -> Now {
        Now { monotonic: self.now, wall_ms: 7 }
    }

    fn drain(&mut self) {
        loop {
            while let Some(output) = self.controller.poll_output() {
                match output {
                    ControllerOutput::Append { base_offset, records, .. } => {
                        self.uncommitted.push_back((base_offset, records));
                    }
                    ControllerOutput::Respond { token, response, .. } => self.responses.push((token, response)),
                    ControllerOutput::Event(event) => self.events.push(event),
                    ControllerOutput::Resign { .. } => panic!("resigned"),
                }
            }
            if !self.automatic || !self.commit_one() {
                return;
            }
        }
    }

    fn commit_one(&mut self) -> bool {
        let Some((base_offset, records)) = self.uncommitted.pop_front() else { return false };
        assert_eq!(base_offset, self.log.len() as Offset);
        // As the log keeps them.
        let records: Vec<_> = records.iter().map(|record| MetadataRecord::decode(&record.encode()).unwrap()).collect();
        self.log.extend(records.iter().cloned());
        let provenance = Provenance { offset: self.log.len() as Offset - 1, epoch: 1, timestamp_ms: 7 };
        self.controller.committed(provenance, &records).unwrap();
        true
    }

    fn send(&mut self, request: ControllerRequest) -> u64 {
        self.send_as(&ControllerRequestContext::default(), request)
    }

    fn send_as(&mut self, context: &ControllerRequestContext, request: ControllerRequest) -> u64 {
        self.next_token += 1;
        let now = self.now();
        self.controller.handle(now, self.next_token, request, context);
        self.drain();
        self.next_token
    }

    /// Sends and takes the response, which must be there.
    fn ask(&mut self, request: ControllerRequest) -> ControllerResponse {
        self.ask_as(&ControllerRequestContext::default(), request)
    }

    fn ask_as(&mut self, context: &ControllerRequestContext, request: ControllerRequest) -> ControllerResponse {
        let token = self.send_as(context, request);
        let position = self.responses.iter().position(|(other, _)| *other == token).expect("a response");
        self.responses.remove(position).1
    }

    fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        while let Some((at, _)) = self.controller.next_deadline().filter(|(at, _)| *at <= end) {
            self.now = self.now.max(at);
            let now = self.now();
            self.controller.tick(now);
            self.drain();
        }
        self.now = end;
    }

    fn image(&self) -> &MetadataImage {
        self.controller.image()
    }

    fn register(&mut self, id: NodeId) -> m::BrokerRegistrationResponse {
        let incarnation = Uuid::from_u128(1 << 100 | u128::from(self.next_token) << 8 | id as u128);
        match self.ask(ControllerRequest::BrokerRegistration(registration(id, incarnation))) {
            ControllerResponse::BrokerRegistration(response) => response,
            other => panic!("{other:?}"),
        }
    }

    fn heartbeat(&mut self, id: NodeId) -> m::BrokerHeartbeatResponse {
        self.heartbeat_with(id, |_| {})
    }

    fn heartbeat_with(
        &mut self,
        id: NodeId,
        change: impl FnOnce(&mut m::BrokerHeartbeatRequest),
    ) -> m::BrokerHeartbeatResponse {
        let broker_epoch = self.image().cluster.broker(id).map_or(-1, |broker| broker.epoch);
        let mut request = m::BrokerHeartbeatRequest {
            broker_id: id,
            broker_epoch,
            current_metadata_offset: self.log.len() as i64 - 1,
            ..Default::default()
        };
        change(&mut request);
        match self.ask(ControllerRequest::BrokerHeartbeat(request)) {
            ControllerResponse::BrokerHeartbeat(response) => response,
            other => panic!("{other:?}"),
        }
    }

    fn start_broker(&mut self, id: NodeId) {
        assert_eq!(self.register(id).error_code, 0);
        assert!(!self.heartbeat(id).is_fenced);
    }

    /// Lets the session of `id` end while the others live on.
    fn expire(&mut self, id: NodeId) {
        for _ in 0..2 {
            let brokers = self.image().cluster.brokers();
            let others: Vec<NodeId> = brokers.filter(|one| one.is_active() && one.id != id).map(|one| one.id).collect();
            for other in others {
                self.heartbeat(other);
            }
            self.advance(Duration::from_millis(4500));
        }
    }

    fn create(&mut self, name: &str, assignments: &[&[NodeId]]) {
        use m::create_topics_request::{CreatableReplicaAssignment, CreatableTopic};
        let assignments = assignments.iter().zip(0..).map(|(brokers, partition_index)| CreatableReplicaAssignment {
            partition_index,
            broker_ids: brokers.to_vec(),
        });
        let result = self.create_topic(CreatableTopic {
            name: name.into(),
            num_partitions: -1,
            replication_factor: -1,
            assignments: assignments.collect(),
            ..Default::default()
        });
        assert_eq!(result.error_code, 0, "{result:?}");
    }

    fn create_topic(
        &mut self,
        topic: m::create_topics_request::CreatableTopic,
    ) -> m::create_topics_response::CreatableTopicResult {
        let request = m::CreateTopicsRequest { topics: vec![topic], ..Default::default() };
        match self.ask(ControllerRequest::CreateTopics(request)) {
            ControllerResponse::CreateTopics(mut response) => response.topics.remove(0),
            other => panic!("{other:?}"),
        }
    }

    fn partition(&self, topic: &str, index: i32) -> PartitionRegistration {
        self.image().topics.by_name(topic).and_then(|topic| topic.partition(index)).cloned().expect("a partition")
    }

    /// Leader, leader epoch, ISR.
    fn state(&self, topic: &str, index: i32) -> (NodeId, i32, Vec<NodeId>) {
        let partition = self.partition(topic, index);
        (partition.leader, partition.leader_epoch, partition.isr)
    }
}

fn registration(broker_id: NodeId, incarnation_id: Uuid) -> m::BrokerRegistrationRequest {
    m::BrokerRegistrationRequest {
        broker_id,
        cluster_id: Str::from_static("cluster"),
        incarnation_id,
        listeners: vec![Listener {
            name: Str::from_static("PLAINTEXT"),
            host: Str::from_static("localhost"),
            port: 9092 + broker_id as u16,
            security_protocol: 0,
        }],
        features: crate::metadata::supported_features(1)
            .map(|(name, min_supported_version, max_supported_version)| Feature {
                name: Str::from_static(name),
                min_supported_version,
                max_supported_version,
            })
            .into(),
        log_dirs: vec![Uuid::from_u128(9000 + broker_id as u128)],
        ..Default::default()
    }
}
