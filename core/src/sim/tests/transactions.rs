//! The transaction coordinator of a whole cluster, asked by hand.

use super::{all_running, cluster, run_until};
use crate::ids::{ConnectionId, NodeId};
use crate::protocol::messages as m;
use crate::protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use crate::protocol::messages::create_topics_request::CreatableTopic;
use crate::protocol::messages::describe_producers_request::TopicRequest;
use crate::protocol::messages::describe_transactions_response::TransactionState;
use crate::protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use crate::protocol::{ErrorCode, Request, decode_response, encode_request};
use crate::record::BatchBuilder;
use crate::sim::cluster::{ClientArrival, Cluster, Step};
use crate::text::Str;
use crate::time::Duration;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use bytes::Bytes;
extern crate std;
use std::println;

const ID: &str = "payments";
const CLIENT: u32 = 0;

/// A cluster, and somebody who asks one thing at a time, each on a connection of its own.
struct World {
    cluster: Cluster,
    connections: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut cluster = cluster(seed, 3);
        run_until(&mut cluster, Duration::from_secs(10), all_running);
        let mut world = Self { cluster, connections: 0 };
        let topic =
            CreatableTopic { name: "orders".into(), num_partitions: 3, replication_factor: 3, ..Default::default() };
        let request = m::CreateTopicsRequest { topics: vec![topic], timeout_ms: 5000, ..Default::default() };
        let created = world.ask(0, 7, &request).expect("an answer");
        assert_eq!(created.topics[0].error_code, 0);
        world
    }

    /// The next thing that happens to the client, within the time in which the cluster gets over a loss.
    fn arrival(&mut self) -> Option<ClientArrival> {
        let end = self.cluster.now().monotonic + Duration::from_secs(10);
        while self.cluster.next_at().is_some_and(|at| at <= end) {
            if let Step::Client(CLIENT, arrival) = self.cluster.step() {
                return Some(arrival);
            }
        }
        None
    }

    /// Asks a broker; `None` where it does not answer.
    fn ask<R: Request>(&mut self, broker: NodeId, version: i16, request: &R) -> Option<R::Response> {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        self.cluster.client_connect(CLIENT, connection, &"localhost".into(), 9092 + broker as u16);
        let answer = loop {
            match self.arrival() {
                Some(ClientArrival::Connected { connection: this, accepted: true }) if this == connection => {
                    let frame = encode_request(version, 7, Some(&"by-hand".into()), request);
                    self.cluster.client_send(CLIENT, connection, &frame);
                }
                Some(ClientArrival::Frame { connection: this, bytes }) if this == connection => break Some(bytes),
                Some(
                    ClientArrival::Connected { connection: this, .. } | ClientArrival::Closed { connection: this },
                ) if this == connection => {
                    break None;
                }
                // Of a broker that was asked before, and has died since.
                Some(_) => {}
                None => break None,
            }
        };
        if answer.is_none() {
            let at = self.cluster.now().monotonic.as_millis();
            println!("{at} ms: no answer to {} {version} from {broker}", R::NAME);
        }
        self.cluster.client_close(CLIENT, connection);
        let decode = |bytes: Bytes| decode_response::<R>(version, &bytes).expect("a response").1;
        answer.map(decode)
    }

    /// The coordinator of `ID`, asking until there is one.
    fn coordinator(&mut self, asked: NodeId) -> NodeId {
        let request =
            m::FindCoordinatorRequest { key_type: 1, coordinator_keys: vec![ID.into()], ..Default::default() };
        for _ in 0..100 {
            if let Some(found) = self.ask(asked, 6, &request)
                && found.coordinators[0].error_code == 0
            {
                return found.coordinators[0].node_id;
            }
            self.pause();
        }
        panic!("no coordinator");
    }

    fn pause(&mut self) {
        let end = self.cluster.now().monotonic + Duration::from_millis(100);
        while self.cluster.next_at().is_some_and(|at| at <= end) {
            self.cluster.step();
        }
        self.cluster.advance_to(end);
    }

    /// Begins as a new producer, coming again as long as that helps.
    fn init(&mut self, coordinator: NodeId) -> (ErrorCode, i64, i16) {
        let request = m::InitProducerIdRequest {
            transactional_id: Some(ID.into()),
            transaction_timeout_ms: 60_000,
            producer_id: -1,
            producer_epoch: -1,
            ..Default::default()
        };
        for _ in 0..100 {
            if let Some(answer) = self.ask(coordinator, 5, &request) {
                let error = ErrorCode::from_code(answer.error_code).expect("a known error");
                if error != ErrorCode::CoordinatorLoadInProgress && error != ErrorCode::NotCoordinator {
                    return (error, answer.producer_id, answer.producer_epoch);
                }
            }
            self.pause();
        }
        panic!("no producer id");
    }

    fn add(&mut self, coordinator: NodeId, producer: (ErrorCode, i64, i16), partitions: &[i32]) {
        let topic = AddPartitionsToTxnTopic { name: "orders".into(), partitions: partitions.to_vec() };
        let request = m::AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: ID.into(),
            v3_and_below_producer_id: producer.1,
            v3_and_below_producer_epoch: producer.2,
            v3_and_below_topics: vec![topic],
            ..Default::default()
        };
        let answer = self.ask(coordinator, 3, &request).expect("an answer");
        let results = &answer.results_by_topic_v3_and_below[0].results_by_partition;
        assert!(results.iter().all(|result| result.partition_error_code == 0), "{results:?}");
    }

    fn end(
        &mut self,
        coordinator: NodeId,
        version: i16,
        producer: (ErrorCode, i64, i16),
        committed: bool,
    ) -> (i64, i16) {
        let request = m::EndTxnRequest {
            transactional_id: ID.into(),
            producer_id: producer.1,
            producer_epoch: producer.2,
            committed,
        };
        let answer = self.ask(coordinator, version, &request).expect("an answer");
        assert_eq!(answer.error_code, 0);
        (answer.producer_id, answer.producer_epoch)
    }

    fn describe(&mut self, coordinator: NodeId) -> TransactionState {
        let request = m::DescribeTransactionsRequest { transactional_ids: vec![ID.into()] };
        let Some(mut answer) = self.ask(coordinator, 0, &request) else {
            for (at, node, event) in self.cluster.take_events() {
                println!("{} ms, node {node}: {event:?}", at.as_millis());
            }
            panic!("no answer");
        };
        answer.transaction_states.remove(0)
    }

    /// Writes a record of a transaction to a partition of `orders`, as a client of version 2 of the protocol does.
    fn produce(&mut self, producer: (ErrorCode, i64, i16), partition: i32) -> ErrorCode {
        let mut batch = BatchBuilder::new(0).with_producer(producer.1, producer.2, 0).transactional();
        batch.append(1, None, Some(b"paid"), &[]);
        let data = PartitionProduceData { index: partition, records: Some(batch.build().into()) };
        let topic = TopicProduceData { name: "orders".into(), partition_data: vec![data], ..Default::default() };
        let request = m::ProduceRequest {
            transactional_id: Some(ID.into()),
            acks: -1,
            timeout_ms: 2000,
            topic_data: vec![topic],
        };
        for attempt in 0..100 {
            let answer = self.ask(attempt % 3, 12, &request);
            let code = answer.map(|answer| answer.responses[0].partition_responses[0].error_code);
            match code.and_then(ErrorCode::from_code) {
                None | Some(ErrorCode::NotLeaderOrFollower | ErrorCode::ConcurrentTransactions) => {}
                Some(error) => return error,
            }
            if attempt % 3 == 2 {
                self.pause();
            }
        }
        panic!("no leader");
    }

    /// How many of these partitions of `orders` have an open transaction.
    fn open_transactions(&mut self, partitions: &[i32]) -> usize {
        let is_open = |world: &mut Self, partition: i32| {
            let topic = TopicRequest { name: "orders".into(), partition_indexes: vec![partition] };
            let request = m::DescribeProducersRequest { topics: vec![topic] };
            for attempt in 0..30 {
                if let Some(answer) = world.ask(attempt % 3, 0, &request)
                    && let found = &answer.topics[0].partitions[0]
                    && found.error_code == 0
                {
                    return found.active_producers.iter().any(|producer| producer.current_txn_start_offset >= 0);
                }
                world.pause();
            }
            panic!("no leader");
        };
        partitions.iter().filter(|partition| is_open(self, **partition)).count()
    }

    /// Waits until a transaction is in this state.
    fn await_state(&mut self, coordinator: NodeId, state: &str) {
        let mut last = Str::default();
        for _ in 0..50 {
            last = self.describe(coordinator).transaction_state;
            if last == *state {
                return;
            }
            self.pause();
        }
        panic!("{last} instead of {state}");
    }
}

#[test]
fn a_new_coordinator_knows_the_open_transaction_and_tells_its_end() {
    for seed in 0..3 {
        let mut world = World::new(seed);
        // Asking for it creates `__transaction_state`.
        let first = world.coordinator(0);
        let producer = world.init(first);
        assert_eq!((producer.0, producer.2), (ErrorCode::None, 0));
        world.add(first, producer, &[0, 2]);
        world.cluster.kill(first);
        let second = loop {
            let asked = (first + 1) % 3;
            match world.coordinator(asked) {
                found if found != first => break found,
                _ => world.pause(),
            }
        };
        // Somebody else begins: the open transaction ends first.
        world.cluster.set_tap(true);
        assert_eq!(world.init(second).0, ErrorCode::ConcurrentTransactions);
        let state = world.describe(second);
        assert!(["PrepareAbort", "CompleteAbort"].contains(&&*state.transaction_state), "{state:?}");
        assert_eq!((state.producer_id, state.producer_epoch), (producer.1, 1));
        for _ in 0..5 {
            world.pause();
        }
        let frames = world.cluster.take_frames();
        let markers = frames.iter().filter(|(_, frame)| frame.contains("WriteTxnMarkers")).count();
        assert!(markers > 0, "seed {seed}: {frames:?}");
        // The broker that is gone led one of its partitions, or will be replaced as the leader of it.
        world.await_state(second, "CompleteAbort");
        assert_eq!(world.init(second), (ErrorCode::None, producer.1, 2));
        assert_eq!(world.open_transactions(&[0, 1, 2]), 0);
    }
}

#[test]
fn a_transaction_begins_by_what_is_written_and_ends_in_all_its_partitions() {
    for (seed, committed) in [(5, true), (6, false)] {
        let mut world = World::new(seed);
        let coordinator = world.coordinator(2);
        let mut producer = world.init(coordinator);
        for round in 0..3 {
            for partition in 0..3 {
                assert_eq!(world.produce(producer, partition), ErrorCode::None, "round {round}, partition {partition}");
            }
            assert_eq!(world.describe(coordinator).transaction_state, "Ongoing");
            assert_eq!(world.open_transactions(&[0, 1, 2]), 3);
            if round == 1 {
                // Whoever leads a partition after this one has to be told.
                world.cluster.kill((coordinator + 1) % 3);
            }
            let (producer_id, producer_epoch) = world.end(coordinator, 5, producer, committed);
            assert_eq!((producer_id, producer_epoch), (producer.1, producer.2 + 1));
            world.await_state(coordinator, if committed { "CompleteCommit" } else { "CompleteAbort" });
            assert_eq!(world.open_transactions(&[0, 1, 2]), 0, "round {round}");
            // What comes late from the transaction before is not taken for part of the next.
            assert_ne!(world.produce(producer, 0), ErrorCode::None);
            producer = (ErrorCode::None, producer_id, producer_epoch);
        }
    }
}

#[test]
fn what_needs_no_markers_is_over_at_once() {
    let mut world = World::new(3);
    let coordinator = world.coordinator(1);
    let producer = world.init(coordinator);
    // Nothing was sent: an abort bumps the epoch, and that is all.
    let next = world.end(coordinator, 5, producer, false);
    assert_eq!(next, (producer.1, 1));
    world.await_state(coordinator, "CompleteAbort");
    // Nothing is left of the topic.
    let next = (ErrorCode::None, next.0, next.1);
    world.add(coordinator, next, &[0, 1, 2]);
    let deletion =
        m::DeleteTopicsRequest { topic_names: vec!["orders".into()], timeout_ms: 5000, ..Default::default() };
    assert_eq!(world.ask(coordinator, 5, &deletion).expect("an answer").responses[0].error_code, 0);
    world.pause();
    world.end(coordinator, 4, next, true);
    world.await_state(coordinator, "CompleteCommit");
    let listed = world.ask(coordinator, 2, &m::ListTransactionsRequest { duration_filter: -1, ..Default::default() });
    let listed = listed.expect("an answer").transaction_states;
    let shown = listed.iter().map(|state| format!("{} {}", state.transactional_id, state.transaction_state));
    assert_eq!(shown.collect::<vec::Vec<String>>(), ["payments CompleteCommit"]);
}
