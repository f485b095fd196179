//! Clients and replicas that have quotas, on virtual time.

use super::{all_running, cluster, one_partition, run_until};
use crate::client::admin::{Admin, AdminConfig, AdminRequest};
use crate::client::consumer::AutoOffsetReset;
use crate::client::{Consumer, ConsumerConfig, ConsumerEvent, Producer, ProducerConfig, ProducerEvent, ProducerRecord};
use crate::event::Event;
use crate::ids::{NodeId, TopicPartition};
use crate::protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use crate::protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use crate::protocol::messages::{AlterClientQuotasRequest, IncrementalAlterConfigsRequest};
use crate::rng::Rng;
use crate::sim::client::{Client, ClientEvent, ClientProcess};
use crate::sim::cluster::{Cluster, Step};
use crate::sorted::SortedSet;
use crate::text::Str;
use crate::time::Duration;
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
extern crate std;
use std::println;

const TOPIC: &str = "orders";
/// Bytes of a record's value.
const VALUE: usize = 1000;
/// Records a producer of these tests has under way at any time.
const UNDER_WAY: usize = 100;

fn bootstrap() -> Vec<(Str, u16)> {
    (0..3).map(|id| ("localhost".into(), 9092 + id)).collect()
}

/// A cluster and its clients.
struct World {
    cluster: Cluster,
    clients: Vec<ClientProcess>,
    /// Records each client has had acknowledged or has read.
    records: Vec<u64>,
    /// Answers of admins.
    answers: usize,
    /// Producers go on.
    is_producing: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut cluster = cluster(seed, 3);
        run_until(&mut cluster, Duration::from_secs(10), all_running);
        Self { cluster, clients: Vec::new(), records: Vec::new(), answers: 0, is_producing: true }
    }

    fn join(&mut self, name: &'static str, client: Client) -> usize {
        let number = self.clients.len();
        self.clients.push(ClientProcess { number: number as u32, name: name.into(), client });
        self.records.push(0);
        self.settle(number);
        number
    }

    fn producer(&mut self, name: &'static str, acks: i16) -> usize {
        let bootstrap = bootstrap();
        let config = ProducerConfig { client_id: name.into(), bootstrap, acks, ..ProducerConfig::default() };
        self.join(name, Client::Producer(Box::new(Producer::new(config, 1, Rng::new(7)))))
    }

    fn consumer(&mut self, name: &'static str) -> usize {
        let bootstrap = bootstrap();
        let auto_offset_reset = AutoOffsetReset::Earliest;
        let config = ConsumerConfig { client_id: name.into(), bootstrap, auto_offset_reset, ..Default::default() };
        let mut consumer = Consumer::new(config, 1, Rng::new(7));
        consumer.assign(vec![TopicPartition::new(TOPIC, 0)]);
        self.join(name, Client::Consumer(Box::new(consumer)))
    }

    /// Asks, and waits for the answer.
    fn administer(&mut self, request: impl Into<AdminRequest>) {
        let config = AdminConfig { bootstrap: bootstrap(), ..AdminConfig::default() };
        let mut admin = Admin::new(config, 1, Rng::new(7));
        admin.submit(self.cluster.now(), request);
        let wanted = self.answers + 1;
        self.join("admin", Client::Admin(Box::new(admin)));
        self.run(Duration::from_secs(20), |world| world.answers == wanted);
    }

    fn settle(&mut self, number: usize) {
        let now = self.cluster.now();
        if let Client::Producer(producer) = &mut self.clients[number].client {
            while self.is_producing && producer.unfinished() < UNDER_WAY {
                let value = Some(Bytes::from(vec![b'x'; VALUE]));
                let record = ProducerRecord {
                    topic: TOPIC.into(),
                    partition: Some(0),
                    key: None,
                    value,
                    headers: Vec::new(),
                    timestamp: None,
                };
                producer.send(now, record).expect("there is room");
            }
        }
        for event in self.clients[number].settle(&mut self.cluster) {
            match event {
                ClientEvent::Producer(ProducerEvent::Delivered { ids, .. }) => self.records[number] += ids.len() as u64,
                ClientEvent::Producer(ProducerEvent::Failed { error, .. }) => panic!("{error:?}"),
                ClientEvent::Consumer(ConsumerEvent::Records { records, .. }) => {
                    self.records[number] += records.len() as u64;
                }
                ClientEvent::Admin(_, answer) => {
                    answer.unwrap_or_else(|error| panic!("{error:?}"));
                    self.answers += 1;
                }
                _ => {}
            }
        }
    }

    /// Runs until `done`; answers how long that took, at most `limit`.
    fn run(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> Duration {
        let began = self.cluster.now().monotonic;
        let end = began + limit;
        while !done(self) {
            if self.cluster.next_at().is_none_or(|at| at > end) {
                self.cluster.advance_to(end);
                break;
            }
            if let Step::Client(number, arrival) = self.cluster.step() {
                let number = number as usize;
                self.clients[number].handle(&self.cluster, arrival);
                self.settle(number);
            }
        }
        self.cluster.now().monotonic.since(began)
    }

    fn create_topic(&mut self, replicas: &[NodeId]) {
        self.administer(one_partition(TOPIC, replicas));
    }

    fn set_quota(&mut self, client_id: &str, key: &str, value: f64) {
        let entity = vec![EntityData { entity_type: "client-id".into(), entity_name: Some(client_id.into()) }];
        let ops = vec![OpData { key: key.into(), value, remove: false }];
        self.administer(AlterClientQuotasRequest { entries: vec![EntryData { entity, ops }], validate_only: false });
    }

    fn set_config(&mut self, resource_type: i8, name: &str, key: &str, value: &str) {
        let config = AlterableConfig { name: key.into(), config_operation: 0, value: Some(value.into()) };
        let resource = AlterConfigsResource { resource_type, resource_name: name.into(), configs: vec![config] };
        self.administer(IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false });
    }

    /// Bytes a second that a client has had between then and now.
    fn rate(&self, client: usize, before: u64, time: Duration) -> f64 {
        (self.records[client] - before) as f64 * VALUE as f64 / time.as_secs_f64()
    }
}

#[test]
fn producers_and_consumers_are_as_fast_as_their_quotas_allow() {
    const RATE: f64 = 20_000.0;
    for seed in 0..3 {
        let mut world = World::new(seed);
        world.create_topic(&[0, 1, 2]);
        world.set_quota("slow-producer", "producer_byte_rate", RATE);
        world.set_quota("slow-consumer", "consumer_byte_rate", RATE);
        let clients = [world.producer("slow-producer", -1), world.producer("quick-producer", -1)];
        let clients = [clients[0], clients[1], world.consumer("slow-consumer"), world.consumer("quick-consumer")];
        // What a client may have at once after silence is over by then.
        let lead_in = Duration::from_secs(15);
        world.run(lead_in, |_| false);
        let before = world.records.clone();
        world.cluster.take_events();
        let time = world.run(Duration::from_secs(30), |_| false);
        let rates = clients.map(|client| world.rate(client, before[client], time));
        println!("seed {seed}: {rates:?}");
        let throttled = |event| match event {
            Event::ClientThrottled { client_id, quota, throttle_ms: 1.. } => Some((client_id, quota)),
            _ => None,
        };
        let told = world.cluster.take_events().into_iter().filter_map(|(_, _, event)| throttled(event));
        let told: SortedSet<_> = told.collect();
        let expected = [("slow-consumer", "consumer_byte_rate"), ("slow-producer", "producer_byte_rate")];
        assert!(told.iter().map(|(client, quota)| (&**client, &**quota)).eq(expected), "seed {seed}: {told:?}");
        for slow in [rates[0], rates[2]] {
            assert!((RATE * 0.4..RATE * 1.25).contains(&slow), "seed {seed}: {slow} bytes a second");
        }
        for quick in [rates[1], rates[3]] {
            assert!(quick > 5.0 * RATE, "seed {seed}: {quick} bytes a second without a quota");
        }
    }
}

#[test]
fn a_throttled_replica_catches_up_as_fast_as_either_side_allows() {
    const RATE: u64 = 100_000;
    /// Bytes that are missing on the follower.
    const BEHIND: u64 = 4_000_000;
    /// What a follower can have had before it died, and one full answer before anybody is over a rate.
    const AT_ONCE: u64 = 2 * (1_048_576 + 100_000);
    for (side, key) in [("leader", "*"), ("follower", "0:1"), ("neither", "")] {
        let mut world = World::new(5);
        world.create_topic(&[0, 1]);
        world.set_config(2, TOPIC, "min.insync.replicas", "1");
        if side != "neither" {
            world.set_config(2, TOPIC, &alloc::format!("{side}.replication.throttled.replicas"), key);
            world.set_config(4, "", &alloc::format!("{side}.replication.throttled.rate"), &alloc::format!("{RATE}"));
        }
        world.cluster.kill(1);
        let producer = world.producer("producer", 1);
        world.run(Duration::from_mins(10), |world| world.records[producer] * VALUE as u64 >= BEHIND);
        world.is_producing = false;
        world.run(Duration::from_secs(20), |_| false);
        world.cluster.start(1);
        let in_sync = |world: &World| {
            let views = world.cluster.running().filter_map(|(_, node)| node.view());
            let topics = views.flat_map(|view| view.topics).filter(|topic| topic.name == TOPIC);
            topics.flat_map(|topic| topic.partitions).any(|partition| partition.in_sync_replicas.len() == 2)
        };
        let took = world.run(Duration::from_mins(5), in_sync);
        println!("{side}: {took:?}");
        let least = Duration::from_secs((BEHIND - AT_ONCE) / RATE);
        match side {
            "neither" => assert!(took < Duration::from_secs(10), "{took:?}"),
            _ => assert!((least..least * 3).contains(&took), "{side}: {took:?}, at least {least:?}"),
        }
    }
}
