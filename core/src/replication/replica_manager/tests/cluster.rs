//! Brokers wired directly on virtual time, each with a disk in memory; the test is their controller.

use super::super::*;
use crate::config::BrokerConfig;
use crate::config::playground::parsed_playground_properties;
use crate::log::log_manager::LogManagerConfig;
use crate::log::memory_disk::MemoryDisk;
use crate::log::storage::{StoreCommand, Ticket};
use crate::metadata::{MetadataDelta, MetadataRecord, Provenance};
use crate::protocol::Records;
use crate::protocol::messages as m;
use crate::protocol::messages::alter_partition_response::{PartitionData, TopicData};
use crate::protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use crate::protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use crate::replication::RequestFailed;
use crate::replication::replica_fetcher::FetcherRequest;
use crate::time::Duration;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;

pub(super) const TOPIC_ID: Uuid = Uuid::from_u128(0x77);

pub(super) fn tp() -> TopicPartition {
    TopicPartition::new("t", 0)
}

/// A broker that runs.
struct Process {
    manager: ReplicaManager,
    stores: Vec<StoreQueue>,
    /// Batches on their way to the disk.
    storing: VecDeque<(Instant, Ticket, Vec<StoreCommand>)>,
}

pub(super) struct Broker {
    process: Option<Process>,
    pub(super) disk: MemoryDisk,
    lives: u64,
}

enum Message {
    Request { from: NodeId, request_id: u64, request: FetcherRequest },
    Response { from: NodeId, request_id: u64, response: Result<FetcherResponse, RequestFailed> },
    Altered { request_id: u64, request: m::AlterPartitionRequest },
    Load { load_id: u64, range: crate::log::storage::FileRange },
}

/// What happened that a test may look at.
pub(super) type Told = Vec<(NodeId, Output)>;

pub(super) struct Cluster {
    pub(super) now: Instant,
    pub(super) brokers: SortedMap<NodeId, Broker>,
    pub(super) image: MetadataImage,
    pub(super) told: Told,
    pub(super) rng: Rng,
    changes: Vec<(Str, Str)>,
    /// Due time, order, receiver and its life.
    network: SortedMap<(Instant, u64), (NodeId, u64, Message)>,
    /// Requests that brokers work on: token to who asked.
    asked: SortedMap<u64, (NodeId, u64, NodeId, u64)>,
    next: u64,
    /// Links that lose everything.
    pub(super) cut: SortedSet<(NodeId, NodeId)>,
    /// Nobody hears the controller.
    pub(super) controller_down: bool,
    pub(super) store_latency: Duration,
    pub(super) hold_storage: SortedSet<NodeId>,
}

impl Cluster {
    /// Three brokers that know of topic `t`: one partition led by broker 0. `changes` go into `server.properties`.
    pub(super) fn new(seed: u64, changes: &[(&'static str, &str)]) -> Self {
        let mut cluster = Self {
            now: Instant::from_millis(1000),
            brokers: SortedMap::new(),
            image: MetadataImage::default(),
            told: Vec::new(),
            rng: Rng::new(seed),
            changes: changes.iter().map(|&(key, value)| (Str::from_static(key), Str::from(value))).collect(),
            network: SortedMap::new(),
            asked: SortedMap::new(),
            next: 1_000_000,
            cut: SortedSet::new(),
            controller_down: false,
            store_latency: Duration::from_millis(2),
            hold_storage: SortedSet::new(),
        };
        for id in 0..3 {
            cluster.brokers.insert(id, Broker { process: None, disk: MemoryDisk::default(), lives: 0 });
            cluster.start(id);
        }
        cluster.change(&[
            MetadataRecord::Topic(m::TopicRecord { name: Str::from_static("t"), topic_id: TOPIC_ID }),
            MetadataRecord::Partition(m::PartitionRecord {
                partition_id: 0,
                topic_id: TOPIC_ID,
                replicas: vec![0, 1, 2],
                isr: vec![0, 1, 2],
                leader: 0,
                leader_epoch: 0,
                partition_epoch: 0,
                directories: vec![Uuid::ZERO; 3],
                ..Default::default()
            }),
        ]);
        cluster
    }

    fn at(&self) -> Now {
        Now { monotonic: self.now, wall_ms: 1_700_000_000_000 + self.now.as_millis() as i64 }
    }

    /// Starts a broker on its disk: recovery, registration, metadata as it is.
    pub(super) fn start(&mut self, id: NodeId) {
        let now = self.at();
        let config =
            BrokerConfig::from_properties(&parsed_playground_properties(id, 3, &self.changes)).expect("our own file");
        let broker = self.brokers.get_mut(&id).expect("a broker");
        broker.lives += 1;
        let broker_epoch = i64::from(id) + 100 * broker.lives as i64;
        let mut stores = vec![StoreQueue::default()];
        let mut logs = LogManager::new(now, LogManagerConfig::default(), &[broker.disk.listing("/logs")]);
        while !logs.is_loaded() {
            let Some(load) = logs.next_load(now, &mut stores) else { continue };
            let bytes = broker.disk.read(&load.range).expect("a listed file");
            logs.load_done(load.id, &bytes, &mut stores);
        }
        let mut manager = ReplicaManager::new(now, ReplicaManagerConfig::new(&config, Vec::new(), 7), logs);
        manager.set_broker_epoch(broker_epoch);
        broker.process = Some(Process { manager, stores, storing: VecDeque::new() });
        self.change(&[MetadataRecord::RegisterBroker(m::RegisterBrokerRecord {
            broker_id: id,
            broker_epoch,
            incarnation_id: Uuid::from_u128(broker_epoch as u128),
            fenced: false,
            ..Default::default()
        })]);
        // It saw no delta yet but this one; what it needs is everything.
        let mut all = MetadataDelta::new(&MetadataImage::default());
        for record in self.image.to_records() {
            all.replay(&record).expect("an image's own records");
        }
        let image = self.image.clone();
        self.with(id, |process, now| process.manager.apply(now, &mut process.stores, &all, &image));
    }

    /// Ends a broker at once: what is not stored is lost.
    pub(super) fn power_off(&mut self, id: NodeId) {
        let Some(broker) = self.brokers.get_mut(&id) else { return };
        broker.process = None;
        let lost: Vec<_> = self.asked.iter().filter(|(_, asked)| asked.2 == id).map(|(&token, _)| token).collect();
        for token in lost {
            if let Some((from, life, _, request_id)) = self.asked.remove(&token) {
                self.send(from, life, Message::Response { from: id, request_id, response: Err(RequestFailed) });
            }
        }
    }

    pub(super) fn is_up(&self, id: NodeId) -> bool {
        self.brokers.get(&id).is_some_and(|broker| broker.process.is_some())
    }

    /// Commits records: every running broker hears of them.
    pub(super) fn change(&mut self, records: &[MetadataRecord]) {
        let mut delta = MetadataDelta::new(&self.image);
        for record in records {
            delta.replay(record).unwrap_or_else(|error| panic!("{record:?}: {error}"));
        }
        let provenance = Provenance { offset: self.image.provenance.offset + 1, epoch: 1, timestamp_ms: 0 };
        self.image = delta.clone().apply(provenance);
        let image = self.image.clone();
        for id in 0..3 {
            self.with(id, |process, now| process.manager.apply(now, &mut process.stores, &delta, &image));
        }
    }

    /// Makes `leader` lead with this ISR, in a new epoch; -1 for nobody.
    pub(super) fn elect(&mut self, leader: NodeId, isr: &[NodeId]) {
        self.change(&[MetadataRecord::PartitionChange(m::PartitionChangeRecord {
            topic_id: TOPIC_ID,
            partition_id: 0,
            isr: Some(isr.to_vec()),
            leader,
            ..Default::default()
        })]);
    }

    pub(super) fn registration(&self) -> crate::metadata::PartitionRegistration {
        self.image.topics.partition(TOPIC_ID, 0).expect("the partition").clone()
    }

    /// Does what a controller does with an ISR change, without its checks of brokers.
    fn alter(&mut self, request: &m::AlterPartitionRequest) -> m::AlterPartitionResponse {
        let data = &request.topics[0].partitions[0];
        let known = self.registration();
        let error = if data.leader_epoch != known.leader_epoch || request.broker_id != known.leader {
            ErrorCode::FencedLeaderEpoch
        } else if data.partition_epoch != known.partition_epoch {
            ErrorCode::InvalidUpdateVersion
        } else if data.new_isr_with_epochs.iter().any(|state| {
            self.image
                .cluster
                .broker(state.broker_id)
                .is_none_or(|broker| broker.fenced || (state.broker_epoch != -1 && state.broker_epoch != broker.epoch))
        }) {
            ErrorCode::IneligibleReplica
        } else {
            ErrorCode::None
        };
        let mut answer = PartitionData { error_code: error.code(), ..PartitionData::default() };
        if error == ErrorCode::None {
            self.change(&[MetadataRecord::PartitionChange(m::PartitionChangeRecord {
                topic_id: TOPIC_ID,
                partition_id: 0,
                isr: Some(data.new_isr.clone()),
                ..Default::default()
            })]);
            let now = self.registration();
            answer.leader_id = now.leader;
            answer.leader_epoch = now.leader_epoch;
            answer.partition_epoch = now.partition_epoch;
            answer.isr = now.isr;
        }
        let topics = vec![TopicData { topic_id: TOPIC_ID, partitions: vec![answer] }];
        m::AlterPartitionResponse { topics, ..Default::default() }
    }

    /// Acts on a broker that runs, then takes what it says.
    fn with<R>(&mut self, id: NodeId, act: impl FnOnce(&mut Process, Now) -> R) -> Option<R> {
        let now = self.at();
        let process = self.brokers.get_mut(&id)?.process.as_mut()?;
        let result = act(process, now);
        self.drain(id);
        Some(result)
    }

    pub(super) fn manager(&self, id: NodeId) -> &ReplicaManager {
        &self.brokers[&id].process.as_ref().expect("a running broker").manager
    }

    pub(super) fn manager_mut(&mut self, id: NodeId) -> &mut ReplicaManager {
        &mut self.brokers.get_mut(&id).and_then(|broker| broker.process.as_mut()).expect("a running broker").manager
    }

    pub(super) fn log(&self, id: NodeId) -> &UnifiedLog {
        self.manager(id).logs().log(&tp()).expect("a log")
    }

    fn send(&mut self, to: NodeId, life: u64, message: Message) {
        let due = self.now + Duration::from_micros(200 + self.rng.below(800));
        self.next += 1;
        self.network.insert((due, self.next), (to, life, message));
    }

    fn drain(&mut self, id: NodeId) {
        let life = self.brokers[&id].lives;
        while let Some(output) =
            self.brokers.get_mut(&id).and_then(|broker| broker.process.as_mut()?.manager.poll_output())
        {
            match output {
                Output::Send { to, request_id, request } => {
                    self.send_between(id, to, Message::Request { from: id, request_id, request });
                }
                Output::SendAlterPartition { request_id, request } => {
                    self.send(id, life, Message::Altered { request_id, request });
                }
                Output::Load { load_id, range, .. } => self.send(id, life, Message::Load { load_id, range }),
                Output::Respond { token, response } if self.asked.contains_key(&token) => {
                    let (to, life, _, request_id) = self.asked.remove(&token).expect("just seen");
                    let response = match response {
                        Response::Fetch(response) => FetcherResponse::Fetch(response),
                        Response::ListOffsets(response) => FetcherResponse::ListOffsets(response),
                        other => panic!("{other:?} to a fetcher"),
                    };
                    let message = if self.cut.contains(&(id, to)) {
                        Message::Response { from: id, request_id, response: Err(RequestFailed) }
                    } else {
                        Message::Response { from: id, request_id, response: Ok(response) }
                    };
                    self.send(to, life, message);
                }
                told => self.told.push((id, told)),
            }
        }
        let (now, latency) = (self.now, self.store_latency);
        if let Some(process) = self.brokers.get_mut(&id).and_then(|broker| broker.process.as_mut())
            && let Some((ticket, commands)) = process.stores[0].take()
        {
            process.storing.push_back((now + latency, ticket, commands));
        }
    }

    fn send_between(&mut self, from: NodeId, to: NodeId, message: Message) {
        let life = self.brokers.get(&to).map_or(0, |broker| broker.lives);
        if let Message::Request { request_id, .. } = message
            && (self.cut.contains(&(from, to)) || !self.is_up(to))
        {
            let own_life = self.brokers[&from].lives;
            self.send(from, own_life, Message::Response { from: to, request_id, response: Err(RequestFailed) });
            return;
        }
        self.send(to, life, message);
    }

    fn deliver(&mut self, to: NodeId, life: u64, message: Message) {
        let stale = !self.is_up(to) || self.brokers[&to].lives != life;
        match message {
            Message::Request { from, request_id, .. } if stale => {
                let own_life = self.brokers[&from].lives;
                self.send(from, own_life, Message::Response { from: to, request_id, response: Err(RequestFailed) });
            }
            _ if stale => {}
            Message::Request { from, request_id, request } => {
                self.next += 1;
                let token = self.next;
                let life = self.brokers[&from].lives;
                self.asked.insert(token, (from, life, to, request_id));
                self.with(to, |process, now| match &request {
                    FetcherRequest::Fetch(request) => {
                        process.manager.fetch(
                            now,
                            request,
                            FetchRequestContext { version: 17, client: QuotaClient::default() },
                            token,
                        );
                    }
                    FetcherRequest::ListOffsets(request) => {
                        let context = ListOffsetsContext { version: 10 };
                        process.manager.list_offsets(now, request.clone(), context, token);
                    }
                });
            }
            Message::Response { from, request_id, response } => {
                self.with(to, |process, now| {
                    process.manager.fetch_response(now, &mut process.stores, from, request_id, response);
                });
            }
            Message::Altered { request_id, request } => {
                let response = if self.controller_down { Err(RequestFailed) } else { Ok(self.alter(&request)) };
                self.with(to, |process, now| process.manager.alter_partition_response(now, request_id, response));
            }
            Message::Load { load_id, range } => {
                let bytes = self.brokers[&to].disk.read(&range);
                self.with(to, |process, now| match &bytes {
                    Some(bytes) => process.manager.loaded(now, load_id, bytes),
                    None => process.manager.load_failed(now, load_id),
                });
            }
        }
    }

    /// The next thing that happens, and when.
    fn next_due(&self) -> Option<(Instant, Due)> {
        let network = self.network.keys().next().map(|&(at, _)| (at, Due::Network));
        let running = self.brokers.iter().filter_map(|(&id, broker)| Some((id, broker.process.as_ref()?)));
        let brokers = running.flat_map(|(id, process)| {
            let stored = process.storing.front().map(|&(at, ..)| (at, Due::Stored(id)));
            let stored = stored.filter(|_| !self.hold_storage.contains(&id));
            let tick = process.manager.next_deadline().map(|(at, _)| (at, Due::Tick(id)));
            [stored, tick].into_iter().flatten()
        });
        network.into_iter().chain(brokers).min_by_key(|&(at, _)| at)
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut steps = 0;
        while let Some((at, due)) = self.next_due().filter(|&(at, _)| at <= end) {
            steps += 1;
            assert!(steps < 2_000_000, "no progress: {due:?} at {at:?}");
            self.now = self.now.max(at);
            match due {
                Due::Network => {
                    let Some((_, (to, life, message))) = self.network.pop_first() else { continue };
                    self.deliver(to, life, message);
                }
                Due::Stored(id) => {
                    let broker = self.brokers.get_mut(&id).expect("a broker");
                    let Some(process) = broker.process.as_mut() else { continue };
                    let Some((_, ticket, commands)) = process.storing.pop_front() else { continue };
                    broker.disk.apply(&commands);
                    self.with(id, |process, now| process.manager.stored(now, 0, ticket));
                }
                Due::Tick(id) => {
                    self.with(id, |process, now| process.manager.tick(now, &mut process.stores));
                }
            }
        }
        self.now = end;
    }

    pub(super) fn run_millis(&mut self, millis: u64) {
        self.run(Duration::from_millis(millis));
    }

    /// Sends a Produce to a broker.
    pub(super) fn produce(&mut self, id: NodeId, acks: i16, timeout_ms: i32, batch: Bytes, token: u64) {
        let request = m::ProduceRequest {
            acks,
            timeout_ms,
            topic_data: vec![TopicProduceData {
                topic_id: TOPIC_ID,
                partition_data: vec![PartitionProduceData { index: 0, records: Some(Records::from(batch)) }],
                ..Default::default()
            }],
            ..Default::default()
        };
        self.with(id, |process, now| {
            let context = ProduceContext { client_id: None, version: 13 };
            process.manager.append_records(now, &mut process.stores, request, &context, token);
        });
    }

    /// Sends a consumer's Fetch to a broker.
    pub(super) fn consume(&mut self, id: NodeId, fetch_offset: Offset, min_bytes: i32, token: u64) {
        let request = m::FetchRequest {
            max_wait_ms: 500,
            min_bytes,
            topics: vec![FetchTopic {
                topic_id: TOPIC_ID,
                partitions: vec![FetchPartition {
                    fetch_offset,
                    partition_max_bytes: 1 << 20,
                    ..FetchPartition::default()
                }],
                ..FetchTopic::default()
            }],
            ..m::FetchRequest::default()
        };
        self.with(id, |process, now| {
            process.manager.fetch(
                now,
                &request,
                FetchRequestContext { version: 13, client: QuotaClient::default() },
                token,
            );
        });
    }

    pub(super) fn act(&mut self, id: NodeId, act: impl FnOnce(&mut ReplicaManager, &mut [StoreQueue], Now)) {
        self.with(id, |process, now| act(&mut process.manager, &mut process.stores, now));
    }

    /// The answer with `token`, if it came; it is told once.
    pub(super) fn answer(&mut self, token: u64) -> Option<Response> {
        let index = self
            .told
            .iter()
            .position(|(_, output)| matches!(output, Output::Respond { token: answered, .. } if *answered == token))?;
        match self.told.remove(index).1 {
            Output::Respond { response, .. } => Some(response),
            _ => None,
        }
    }

    /// Error code, base offset and text of the Produce answered with `token`.
    pub(super) fn produced(&mut self, token: u64) -> Option<(ErrorCode, Offset, Option<Str>)> {
        let Response::Produce(response) = self.answer(token)? else { panic!("not a Produce") };
        let result = response.responses[0].partition_responses[0].clone();
        Some((ErrorCode::from_code(result.error_code).expect("a code"), result.base_offset, result.error_message))
    }

    /// Error code, high watermark and bytes of the Fetch answered with `token`.
    pub(super) fn consumed(&mut self, token: u64) -> Option<(ErrorCode, Offset, Bytes)> {
        let Response::Fetch(response) = self.answer(token)? else { panic!("not a Fetch") };
        let data = response.responses[0].partitions[0].clone();
        let records = data.records.unwrap_or_default().to_bytes();
        Some((ErrorCode::from_code(data.error_code).expect("a code"), data.high_watermark, records))
    }

    /// The values of a broker's log below `end`, with their offsets.
    pub(super) fn values(&mut self, id: NodeId, end: Offset) -> Vec<(Offset, Bytes)> {
        let log = self.manager_mut(id).logs_mut().log_mut(&tp()).expect("a log");
        let mut offset = log.log_start_offset();
        let mut values = Vec::new();
        while offset < end {
            let crate::log::Read::Data { records } = log.read(offset, 1 << 20, end, true).expect("in range") else {
                panic!("cold");
            };
            let mut next = offset;
            for batch in crate::record::Batches::new(records.to_bytes()) {
                let batch = batch.expect("a batch");
                for record in batch.iter().expect("uncompressed") {
                    let record = record.expect("a record");
                    if record.offset >= offset && record.offset < end {
                        values.push((record.offset, record.value.unwrap_or_default()));
                    }
                }
                next = batch.next_offset();
            }
            if next == offset {
                break;
            }
            offset = next;
        }
        values
    }
}

#[derive(Clone, Copy, Debug)]
enum Due {
    Network,
    Stored(NodeId),
    Tick(NodeId),
}
