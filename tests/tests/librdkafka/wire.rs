//! Frames by hand, where a library hides what brokers answer.

use super::support::{Running, create_topic, partition_led_by, start};
use broker_core::protocol::messages::describe_configs_request::DescribeConfigsResource;
use broker_core::protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use broker_core::protocol::messages::{DescribeConfigsRequest, ProduceRequest};
use broker_core::protocol::{ErrorCode, Records, Request, decode_response, encode_request, frame_prefix};
use broker_core::record::BatchBuilder;
use broker_core::text::Str;
use bytes::Bytes;
use std::io::{Read, Write};
use std::net::TcpStream;

/// Asks one broker on a connection of its own.
fn ask<R: Request>(address: &str, version: i16, request: &R) -> R::Response {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let parts = encode_request(version, 3, None, request);
    stream.write_all(&frame_prefix(&parts)).expect("it takes it");
    for part in &parts {
        stream.write_all(part).expect("it takes it");
    }
    let mut length = [0; 4];
    stream.read_exact(&mut length).expect("an answer");
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut frame).expect("the rest of it");
    decode_response::<R>(version, &Bytes::from(frame)).expect("what the schema says").1
}

fn address(running: &Running, broker: usize) -> String {
    running.cluster.bootstrap_servers().split(',').nth(broker).expect("three of them").to_owned()
}

#[test]
fn who_asks_the_wrong_broker_is_told_the_leader_and_where_it_listens() {
    let running = start(24_500);
    create_topic(&running, "elsewhere", 3);
    let (index, leader) = (partition_led_by(&running, "elsewhere", 2), address(&running, 2));
    let mut batch = BatchBuilder::new(0);
    batch.append(0, None, Some(b"x"), &[]);
    let data = PartitionProduceData { index, records: Some(Records::from(batch.build())) };
    let topic = TopicProduceData { name: Str::from("elsewhere"), partition_data: vec![data], ..Default::default() };
    let request = ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() };
    let refused = ask(&address(&running, 0), 12, &request);
    let partition = &refused.responses[0].partition_responses[0];
    assert_eq!(partition.error_code, ErrorCode::NotLeaderOrFollower.code());
    assert_eq!(partition.current_leader.leader_id, 2);
    let told: Vec<(i32, String)> =
        refused.node_endpoints.iter().map(|node| (node.node_id, format!("{}:{}", node.host, node.port))).collect();
    assert_eq!(told, [(2, leader)]);
}

#[test]
fn groups_have_configs_too() {
    let running = start(25_000);
    let describe = |resource_type: i8, name: &str| {
        let resource =
            DescribeConfigsResource { resource_type, resource_name: Str::from(name), configuration_keys: None };
        let request = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
        ask(&address(&running, 0), 4, &request).results.remove(0)
    };
    let group = describe(32, "any");
    assert_eq!((group.error_code, group.configs.len()), (0, 17));
    assert_eq!(describe(32, "").error_message.as_deref(), Some("Group name must not be empty"));
    assert_eq!(describe(4, "").error_code, 0);
    assert_eq!(describe(4, "x").error_message.as_deref(), Some("Broker id must be an integer, but it is: x"));
}
