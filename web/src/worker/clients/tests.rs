//! The clients against one broker that answers by script, over the real codec.

use super::*;
use broker_core::protocol::api_versions::{Listener, ReleaseLine, listed_apis};
use broker_core::protocol::messages::create_topics_response::{CreatableTopicResult, CreateTopicsResponse};
use broker_core::protocol::messages::fetch_response::{FetchResponse, FetchableTopicResponse, PartitionData};
use broker_core::protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use broker_core::protocol::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use broker_core::protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, CreateTopicsRequest, FetchRequest, ListOffsetsRequest, MetadataRequest,
};
use broker_core::protocol::{
    ApiKey, Records, Request, RequestHeader, decode_request, decode_request_header, encode_response,
};
use broker_core::record::BatchBuilder;
use bytes::Bytes;

/// Topic `orders` has one partition, and in it the offsets from 3 on: `key-3`, `value-3` …
struct OneBroker {
    end: i64,
    /// Codes it answers `CreateTopics` with, then none.
    create_errors: VecDeque<ErrorCode>,
    created: Vec<String>,
}

const BEGIN: i64 = 3;

impl OneBroker {
    fn answer(&mut self, frame: &Bytes) -> Bytes {
        let (header, _) = decode_request_header(frame).expect("a header");
        match ApiKey::from_code(header.api_key) {
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
                let offset = asked::<FetchRequest>(frame).topics[0].partitions[0].fetch_offset;
                respond::<FetchRequest>(&header, &fetched(offset))
            }
            other => panic!("nobody asks {other:?}"),
        }
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
            partitions: if is_known { vec![partition] } else { Vec::new() },
            ..Default::default()
        }
    };
    let names = request.topics.iter().flatten().filter_map(|topic| topic.name.clone());
    MetadataResponse { brokers: vec![broker], topics: names.map(topic).collect(), ..Default::default() }
}

/// The batch that holds the offset: two records, the first of them even.
fn fetched(offset: i64) -> FetchResponse {
    let base = offset - offset % 2;
    let mut batch = BatchBuilder::new(base);
    for offset in base..base + 2 {
        let (key, value) = (format!("key-{offset}"), format!("value-{offset}"));
        batch.append(1000 + offset, Some(key.as_bytes()), Some(value.as_bytes()), &[]);
    }
    let records = Some(Records::from(batch.build()));
    let topic = FetchableTopicResponse {
        topic: "orders".into(),
        partitions: vec![PartitionData { records, ..Default::default() }],
        ..Default::default()
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
        let broker = OneBroker { end, create_errors: VecDeque::new(), created: Vec::new() };
        Self { clients: Clients::new(1), broker, now: Now::default() }
    }

    /// Says something, and lets time pass until there is a report.
    fn report(&mut self, command: ClientsCommand) -> ClientsReport {
        self.clients.command(self.now, command);
        for _ in 0..1000 {
            if let Some(report) = self.clients.poll_report() {
                return report;
            }
            let answer = match self.clients.poll_output() {
                Output::Connect { connection, port: 9092, .. } => Input::Connected { connection },
                Output::Connect { connection, .. } => Input::ConnectFailed { connection },
                Output::Send { connection, bytes } => {
                    Input::Frame { connection, bytes: self.broker.answer(&bytes.concat().into()) }
                }
                Output::Wait { until, .. } => {
                    self.now.monotonic = until.expect("something is due").max(self.now.monotonic);
                    Input::Timeout
                }
                _ => continue,
            };
            self.clients.handle(self.now, answer);
        }
        panic!("nothing was reported until {:?}", self.now);
    }
}

fn create(name: &str) -> ClientsCommand {
    ClientsCommand::CreateTopic { ticket: 7, name: name.into(), partitions: 3, replication_factor: -1 }
}

#[test]
fn a_topic_is_created_or_kafka_says_why_not() {
    use crate::bridge::Acknowledged;
    for (errors, expected) in [
        (vec![], Ok(Acknowledged::Done)),
        (vec![ErrorCode::RequestTimedOut], Ok(Acknowledged::Done)),
        (vec![ErrorCode::TopicAlreadyExists], Err(refusal(ErrorCode::TopicAlreadyExists, None))),
    ] {
        let mut world = World::new(BEGIN);
        world.broker.create_errors = errors.clone().into();
        let report = world.report(create("first-topic"));
        assert_eq!(report, ClientsReport::Answer { ticket: 7, result: expected }, "{errors:?}");
        assert!(world.broker.created.iter().all(|name| name == "first-topic"));
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
