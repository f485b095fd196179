use super::messages::*;
use super::*;
use alloc::vec;
use bytes::Bytes;

fn joined(parts: &[Bytes]) -> Bytes {
    Records::from(parts.to_vec()).to_bytes()
}

#[test]
fn a_request_comes_back_with_its_header() {
    let batches = Records::from(vec![Bytes::from(vec![7; 2000]), Bytes::from_static(b"tail")]);
    for version in ProduceRequest::VERSIONS {
        let mut request = ProduceRequest { acks: -1, timeout_ms: 30_000, ..Default::default() };
        let partition = produce_request::PartitionProduceData { index: 3, records: Some(batches.clone()) };
        let mut topic = produce_request::TopicProduceData { partition_data: vec![partition], ..Default::default() };
        if version < 13 {
            topic.name = "orders".into();
        } else {
            topic.topic_id = crate::ids::Uuid::METADATA_TOPIC;
        }
        request.topic_data.push(topic);
        let parts = encode_request(version, 42, Some(&"me".into()), &request);
        let frame = joined(&parts);
        let (header, decoded) = decode_request::<ProduceRequest>(&frame).unwrap();
        assert_eq!(header.correlation_id, 42);
        assert_eq!(header.client_id, Some("me".into()));
        assert_eq!(decoded, request, "version {version}");
    }
}

struct Defaults(usize);

impl MessageVisitor for Defaults {
    fn visit<M: Message + PartialEq + core::fmt::Debug>(&mut self) {
        for version in M::VERSIONS {
            let bytes = encode_message(&M::default(), version);
            let decoded: M = decode_message(&bytes, version).unwrap();
            let again = encode_message(&decoded, version);
            assert_eq!(again, bytes, "{} version {version}", M::NAME);
            self.0 += 1;
        }
    }
}

#[test]
fn defaults_come_back_in_every_version() {
    let mut defaults = Defaults(0);
    visit_messages(&mut defaults);
    assert!(defaults.0 > 300, "{}", defaults.0);
}
