//! The clients against one broker that answers by script, over the real codec.

use super::*;
use crate::bridge::Acknowledged;
use broker_core::cli::{NewTopic, TopicChange};
use broker_core::ids::Uuid;
use broker_core::protocol::api_versions::{Listener, ReleaseLine, listed_apis};
use broker_core::protocol::messages::create_topics_response::{CreatableTopicResult, CreateTopicsResponse};
use broker_core::protocol::messages::fetch_response::{FetchResponse, FetchableTopicResponse, PartitionData};
use broker_core::protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use broker_core::protocol::messages::metadata_request::MetadataRequestTopic;
use broker_core::protocol::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use broker_core::protocol::messages::produce_response::{
    PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use broker_core::protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, CreateTopicsRequest, FetchRequest, InitProducerIdRequest,
    InitProducerIdResponse, ListOffsetsRequest, MetadataRequest, ProduceRequest,
};
use broker_core::protocol::{
    ApiKey, Records, Request, RequestHeader, decode_request, decode_request_header, encode_response,
};
use broker_core::record::{BatchBuilder, RecordBatch};
use bytes::Bytes;

/// Topic `orders` has one partition, and in it the offsets from 3 on: `key-3`, `value-3` …
struct OneBroker {
    end: i64,
    /// Codes it answers `CreateTopics` with, then none.
    create_errors: VecDeque<ErrorCode>,
    created: Vec<String>,
    /// What was produced, as text.
    produced: Vec<String>,
}

const ORDERS: Uuid = Uuid::from_u128(77);
const BEGIN: i64 = 3;

impl OneBroker {
    /// `None` where it waits for more to come.
    fn answer(&mut self, frame: &Bytes) -> Option<Bytes> {
        let (header, _) = decode_request_header(frame).expect("a header");
        Some(match ApiKey::from_code(header.api_key) {
            Some(ApiKey::ApiVersions) => {
                let api_keys = listed_apis(ReleaseLine::V4_3, Listener::Broker);
                respond::<ApiVersionsRequest>(&header, &ApiVersionsResponse { api_keys, ..Default::default() })
            }
            Some(ApiKey::Metadata) => respond::<MetadataRequest>(&header, &metadata(&asked::<MetadataRequest>(frame))),
            Some(ApiKey::CreateTopics) => {
                let name = asked::<CreateTopicsRequest>(frame).topics[0].name.clone();
                let code = self.create_errors.pop_front().unwrap_or_default();
                self.created.push(name.as_str().to_owned());
                let result = CreatableTopicResult { name, error_code: code.code(), ..Default::default() };
                respond::<CreateTopicsRequest>(
                    &header,
                    &CreateTopicsResponse { topics: vec![result], ..Default::default() },
                )
            }
            Some(ApiKey::ListOffsets) => {
                let timestamp = asked::<ListOffsetsRequest>(frame).topics[0].partitions[0].timestamp;
                let offset = if timestamp == -2 { BEGIN } else { self.end };
                let partition = ListOffsetsPartitionResponse { offset, ..Default::default() };
                let topic = ListOffsetsTopicResponse { name: "orders".into(), partitions: vec![partition] };
                respond::<ListOffsetsRequest>(
                    &header,
                    &ListOffsetsResponse { topics: vec![topic], ..Default::default() },
                )
            }
            Some(ApiKey::Fetch) => {
                let offset = asked::<FetchRequest>(frame).topics.first()?.partitions[0].fetch_offset;
                if offset >= self.end {
                    return None;
                }
                respond::<FetchRequest>(&header, &fetched(offset, self.end))
            }
            Some(ApiKey::InitProducerId) => {
                let response = InitProducerIdResponse { producer_id: 1000, ..Default::default() };
                respond::<InitProducerIdRequest>(&header, &response)
            }
            Some(ApiKey::Produce) => respond::<ProduceRequest>(&header, &self.append(&asked::<ProduceRequest>(frame))),
            other => panic!("nobody asks {other:?}"),
        })
    }

    fn append(&mut self, request: &ProduceRequest) -> ProduceResponse {
        let partition = &request.topic_data[0].partition_data[0];
        let records = partition.records.as_ref().expect("records").to_bytes();
        let batch = RecordBatch::parse(&records).expect("a batch");
        let base_offset = self.end;
        for record in batch.iter().expect("not compressed") {
            let view = record_view(&"orders".into(), partition.index, &record.expect("a record"));
            self.produced.push(format!("{}={}", view.key.unwrap_or_default(), view.value.unwrap_or_default()));
            self.end += 1;
        }
        let partition = PartitionProduceResponse { base_offset, ..Default::default() };
        let topic =
            TopicProduceResponse { name: "orders".into(), topic_id: ORDERS, partition_responses: vec![partition] };
        ProduceResponse { responses: vec![topic], ..Default::default() }
    }
}

fn asked<R: Request>(frame: &Bytes) -> R {
    decode_request::<R>(frame).expect("a request").1
}

fn respond<R: Request>(header: &RequestHeader, response: &R::Response) -> Bytes {
    encode_response::<R>(header.api_version, header.correlation_id, response).concat().into()
}

fn metadata(request: &MetadataRequest) -> MetadataResponse {
    let broker = MetadataResponseBroker { node_id: 1, host: "localhost".into(), port: 9092, rack: None };
    let topic = |name: Str| {
        let is_known = name == "orders";
        let partition = MetadataResponsePartition { leader_id: 1, ..Default::default() };
        MetadataResponseTopic {
            error_code: if is_known { 0 } else { ErrorCode::UnknownTopicOrPartition.code() },
            name: Some(name),
            topic_id: if is_known { ORDERS } else { Uuid::ZERO },
            partitions: if is_known { vec![partition] } else { Vec::new() },
            ..Default::default()
        }
    };
    let named = |topics: &Vec<MetadataRequestTopic>| topics.iter().filter_map(|topic| topic.name.clone()).collect();
    let names: Vec<Str> = request.topics.as_ref().map_or_else(|| vec!["orders".into()], named);
    MetadataResponse { brokers: vec![broker], topics: names.into_iter().map(topic).collect(), ..Default::default() }
}

/// The batch that holds the offset: two records, the first of them even.
fn fetched(offset: i64, high_watermark: i64) -> FetchResponse {
    let base = offset - offset % 2;
    let mut batch = BatchBuilder::new(base);
    for offset in base..base + 2 {
        let (key, value) = (format!("key-{offset}"), format!("value-{offset}"));
        batch.append(1000 + offset, Some(key.as_bytes()), Some(value.as_bytes()), &[]);
    }
    let records = Some(Records::from(batch.build()));
    let topic = FetchableTopicResponse {
        topic: "orders".into(),
        topic_id: ORDERS,
        partitions: vec![PartitionData { records, high_watermark, ..Default::default() }],
    };
    FetchResponse { responses: vec![topic], ..Default::default() }
}

struct World {
    clients: Clients,
    broker: OneBroker,
    now: Now,
}

impl World {
    fn new(end: i64) -> Self {
        let broker = OneBroker { end, create_errors: VecDeque::new(), created: Vec::new(), produced: Vec::new() };
        Self { clients: Clients::new(1), broker, now: Now::default() }
    }

    /// Says something, and lets time pass until there is a report.
    fn report(&mut self, command: ClientsCommand) -> ClientsReport {
        self.clients.command(self.now, command);
        for _ in 0..1000 {
            if let Some(report) = self.clients.poll_report() {
                return report;
            }
            self.step();
        }
        panic!("nothing was reported until {:?}", self.now);
    }

    fn step(&mut self) {
        let answer = match self.clients.poll_output() {
            Output::Connect { connection, port: 9092, .. } => Some(Input::Connected { connection }),
            Output::Connect { connection, .. } => Some(Input::ConnectFailed { connection }),
            Output::Send { connection, bytes } => {
                let answer = self.broker.answer(&bytes.concat().into());
                answer.map(|bytes| Input::Frame { connection, bytes })
            }
            Output::Wait { until, .. } => {
                self.now.monotonic = until.expect("something is due").max(self.now.monotonic);
                Some(Input::Timeout)
            }
            _ => None,
        };
        if let Some(answer) = answer {
            self.clients.handle(self.now, answer);
        }
    }

    fn view(&mut self) -> ClientsView {
        let ClientsReport::View(view) = self.report(ClientsCommand::TakeView) else { panic!("no view") };
        view
    }
}

fn create(topic: &str, partitions: i32) -> TopicChange {
    TopicChange::Create(NewTopic { topic: topic.into(), partitions: Some(partitions), ..NewTopic::default() })
}

fn change(change: TopicChange) -> ClientsCommand {
    ClientsCommand::ChangeTopic { ticket: 7, bootstrap: "localhost:9092".into(), change }
}

#[test]
fn a_topic_is_created_or_kafka_says_why_not() {
    for (errors, expected) in [
        (vec![], Ok(Acknowledged::Done)),
        (vec![ErrorCode::NotController], Ok(Acknowledged::Done)),
        (vec![ErrorCode::TopicAlreadyExists], Err(refusal(ErrorCode::TopicAlreadyExists, None))),
    ] {
        let mut world = World::new(BEGIN);
        world.broker.create_errors = errors.clone().into();
        let report = world.report(change(create("first-topic", 3)));
        assert_eq!(report, ClientsReport::Answer { ticket: 7, result: expected }, "{errors:?}");
        assert!(world.broker.created.iter().all(|name| name == "first-topic"));
        assert_eq!(world.clients.members.len(), 1, "the desk alone is left");
    }
}

#[test]
fn what_kafkas_tool_refuses_by_itself_is_refused_in_its_words() {
    let gone = TopicChange::Delete { topic: "gone".into(), if_exists: false };
    let with_config = TopicChange::Create(NewTopic {
        topic: "t".into(),
        configs: vec![("retention.ms".into(), "abc".into())],
        ..NewTopic::default()
    });
    let not_a_number = "Invalid value abc for configuration retention.ms: Not a number of type LONG";
    let cases = [
        (create("t", 0), "IllegalArgumentException", "The partitions must be greater than 0"),
        (gone, "IllegalArgumentException", "Topic 'gone' does not exist as expected"),
        (with_config, "ConfigException", not_a_number),
    ];
    for (asked, name, message) in cases {
        let mut world = World::new(BEGIN);
        let refusal = Refusal { name: name.into(), message: message.into() };
        assert_eq!(world.report(change(asked)), ClientsReport::Answer { ticket: 7, result: Err(refusal) });
        assert_eq!(world.broker.created, [""; 0]);
    }
}

#[test]
fn records_are_read_from_an_offset_or_the_newest() {
    for (end, from, limit, expected) in [
        (9, None, 4, 5..9),
        (9, Some(4), 2, 4..6),
        (9, Some(0), 100, 3..9),
        (9, Some(9), 5, 9..9),
        (BEGIN, None, 5, 0..0),
    ] {
        let mut world = World::new(end);
        let browse = ClientsCommand::Browse { ticket: 8, topic: "orders".into(), partition: 0, from, limit };
        let ClientsReport::Records { ticket: 8, result: Ok(records) } = world.report(browse) else {
            panic!("no records from {from:?}")
        };
        let offsets: Vec<i64> = records.iter().map(|record| record.offset).collect();
        assert_eq!(offsets, expected.collect::<Vec<_>>(), "from {from:?} to {end}");
        for record in records {
            assert_eq!(record.key, Some(format!("key-{}", record.offset)));
            assert_eq!(record.timestamp, 1000 + record.offset);
        }
    }
}

#[test]
fn what_does_not_exist_is_said_at_once() {
    for (topic, partition) in [("nothing", 0), ("orders", 1)] {
        let mut world = World::new(9);
        let browse = ClientsCommand::Browse { ticket: 9, topic: topic.into(), partition, from: None, limit: 5 };
        let unknown = refusal(ErrorCode::UnknownTopicOrPartition, None);
        assert_eq!(world.report(browse), ClientsReport::Records { ticket: 9, result: Err(unknown) }, "{topic}");
        assert!(world.now.monotonic < Instant::from_millis(5000), "{topic}: {:?}", world.now);
    }
}

#[test]
fn records_are_produced_at_their_rate_and_counted() {
    for (rate, within_ms) in [(0.0, 0..1000), (2.0, 1000..2500)] {
        let mut world = World::new(10);
        let report = world.report(ClientsCommand::Produce {
            ticket: 4,
            draft: Draft {
                producer: 1,
                acks: -1,
                topic: "orders".into(),
                key: Some("k{n}".into()),
                value: "{n} of 3".into(),
                count: 3,
                rate,
                ..Draft::default()
            },
        });
        let produced = Acknowledged::Produced { partitions: vec![(0, 3, 12)] };
        assert_eq!(report, ClientsReport::Answer { ticket: 4, result: Ok(produced) });
        assert_eq!(world.broker.produced, ["k0=0 of 3", "k1=1 of 3", "k2=2 of 3"]);
        let took = world.now.monotonic.as_millis();
        assert!(within_ms.contains(&took), "{took} ms at rate {rate}");
        let view = world.view();
        assert_eq!((view.producers[0].acknowledged, view.producers[0].outstanding), (3, 0));
        world.clients.command(world.now, ClientsCommand::RemoveProducer { producer: 1 });
        assert_eq!(world.view().producers, []);
    }
}

#[test]
fn a_consumer_of_its_own_reads_and_remembers_the_newest() {
    let mut world = World::new(30);
    world.clients.command(
        world.now,
        ClientsCommand::AddConsumer { consumer: 3, group: None, topics: vec!["orders".into()], from_beginning: true },
    );
    for _ in 0..500 {
        world.step();
        if world.view().consumers[0].received == 27 {
            break;
        }
    }
    let view = world.view().consumers.remove(0);
    assert_eq!((view.received, view.state.as_str()), (27, "alone"), "{view:?}");
    assert_eq!(view.assignment, [("orders".into(), 0, 30, 0)]);
    let newest: Vec<i64> = view.newest.iter().map(|record| record.offset).collect();
    assert_eq!(newest, (10..30).collect::<Vec<_>>());
    world.clients.command(world.now, ClientsCommand::RemoveConsumer { consumer: 3 });
    for _ in 0..20 {
        world.step();
    }
    assert_eq!(world.view().consumers, []);
}
