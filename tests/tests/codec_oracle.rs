//! The codec against Apache Kafka's own classes (bytes they wrote, committed) and against the kafka-protocol crate.

mod codec;

use broker_core::protocol::messages::{visit_messages, visit_requests};
use broker_core::protocol::{
    Message, MessageVisitor, Request, RequestVisitor, decode_message, encode_message, encode_request, encode_response,
};
use broker_core::rng::Rng;
use bytes::{Bytes, BytesMut};
use codec::descriptor::{self, MessageSchema};
use codec::fill::{Variant, fill};
use codec::fixtures::{self, Fixtures};
use kafka_protocol::messages::{ApiKey, RequestKind, ResponseKind};

/// Runs over every message type with Kafka's bytes at hand.
struct AgainstKafka {
    fixtures: Fixtures,
    compared: usize,
}

impl MessageVisitor for AgainstKafka {
    fn visit<M: Message + PartialEq + std::fmt::Debug>(&mut self) {
        for version in M::VERSIONS {
            for variant in ["default", "full", "null"] {
                let what = format!("{} version {version} {variant}", M::NAME);
                let theirs = self.fixtures.remove(&(M::NAME.to_owned(), version, variant.to_owned()));
                let theirs = theirs.unwrap_or_else(|| panic!("no fixture for {what}"));
                let decoded: M = decode_message(&theirs, version).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_eq!(encode_message(&decoded, version), theirs, "{what}");
                if variant == "default" {
                    assert_eq!(decoded, M::default(), "{what}");
                    assert_eq!(encode_message(&M::default(), version), theirs, "{what}");
                }
                self.compared += 1;
            }
        }
    }
}

#[test]
fn kafkas_own_bytes_decode_and_encode_again() {
    let mut run = AgainstKafka { fixtures: fixtures::load(), compared: 0 };
    visit_messages(&mut run);
    assert!(run.fixtures.is_empty(), "fixtures without a message: {:?}", run.fixtures.keys().collect::<Vec<_>>());
    assert!(run.compared > 1400, "{}", run.compared);
}

#[test]
fn messages_filled_from_the_descriptor_are_kafkas_bytes() {
    let fixtures = fixtures::load();
    for message in descriptor::messages() {
        for version in message.first..=message.last {
            for (variant, name) in [(Variant::Full, "full"), (Variant::Null, "null")] {
                let theirs = &fixtures[&(message.name().to_owned(), version, name.to_owned())];
                let ours = fill(&message, version, variant);
                assert_eq!(&ours[..], &theirs[..], "{} version {version} {name}", message.name());
            }
        }
    }
}

/// Decodes and encodes again with the kafka-protocol crate; `None` where it lacks the message or the version.
fn through_the_crate(message: &MessageSchema, version: i16, bytes: &Bytes) -> Option<Bytes> {
    let (is_request, is_response) = (message.name().ends_with("Request"), message.name().ends_with("Response"));
    let key = ApiKey::try_from(message.api_key?).ok()?;
    let known = key.valid_versions();
    // It lists these last versions but cannot read them.
    let is_unreadable =
        matches!((key, version), (ApiKey::InitProducerId, 6) | (ApiKey::OffsetCommit | ApiKey::OffsetFetch, 10));
    if !(is_request || is_response) || is_unreadable || !(known.min..=known.max).contains(&version) {
        return None;
    }
    let mut input = bytes.clone();
    let mut output = BytesMut::new();
    let what = format!("{} version {version}", message.name());
    if is_request {
        let decoded = RequestKind::decode(key, &mut input, version).unwrap_or_else(|error| panic!("{what}: {error}"));
        decoded.encode(&mut output, version).unwrap_or_else(|error| panic!("{what}: {error}"));
    } else {
        let decoded = ResponseKind::decode(key, &mut input, version).unwrap_or_else(|error| panic!("{what}: {error}"));
        decoded.encode(&mut output, version).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    assert!(input.is_empty(), "{what}: the crate left bytes");
    Some(output.freeze())
}

/// Encodes with our types what the crate is to read.
struct AgainstTheCrate {
    schemas: Vec<MessageSchema>,
    compared: usize,
}

impl MessageVisitor for AgainstTheCrate {
    fn visit<M: Message + PartialEq + std::fmt::Debug>(&mut self) {
        let schema = self.schemas.iter().find(|schema| schema.name() == M::NAME).expect("a schema for each message");
        for version in M::VERSIONS {
            for variant in [Variant::Full, Variant::Null] {
                let filled: M = decode_message(&Bytes::from(fill(schema, version, variant)), version).unwrap();
                let ours = encode_message(&filled, version);
                let Some(theirs) = through_the_crate(schema, version, &ours) else { continue };
                assert_eq!(theirs, ours, "{} version {version} {variant:?}", M::NAME);
                assert_eq!(decode_message::<M>(&theirs, version).unwrap(), filled);
                self.compared += 1;
            }
        }
    }
}

#[test]
fn the_crate_reads_and_writes_what_we_write() {
    let mut run = AgainstTheCrate { schemas: descriptor::messages(), compared: 0 };
    visit_messages(&mut run);
    assert!(run.compared > 700, "{}", run.compared);
}

/// Compares the header versions, by the bytes that headers take.
struct Headers(usize);

impl RequestVisitor for Headers {
    fn visit<R: Request>(&mut self) {
        let key = ApiKey::try_from(R::KEY.code()).expect("the crate knows the key");
        let length = |parts: Vec<Bytes>| parts.iter().map(Bytes::len).sum::<usize>();
        for version in R::VERSIONS {
            let request = length(encode_request(version, 1, None, &R::default()));
            let header = request - encode_message(&R::default(), version).len();
            assert_eq!(header, if key.request_header_version(version) == 2 { 11 } else { 10 }, "{}", R::NAME);
            let response = length(encode_response::<R>(version, 1, &R::Response::default()));
            let header = response - encode_message(&R::Response::default(), version).len();
            assert_eq!(header, if key.response_header_version(version) == 1 { 5 } else { 4 }, "{}", R::NAME);
            self.0 += 1;
        }
    }
}

#[test]
fn the_crate_has_the_same_headers() {
    let mut headers = Headers(0);
    visit_requests(&mut headers);
    assert!(headers.0 > 150, "{}", headers.0);
}

/// Decodes damaged messages: every answer is a message or a typed error.
struct Damaged {
    schemas: Vec<MessageSchema>,
    rng: Rng,
    decoded: usize,
    refused: usize,
}

impl Damaged {
    fn take<M: Message>(&mut self, bytes: &Bytes, version: i16) {
        match decode_message::<M>(bytes, version) {
            // What was understood can be written, and is then understood as the same bytes for ever.
            Ok(message) => {
                let once = encode_message(&message, version);
                let again = decode_message::<M>(&once, version).expect("what we wrote we can read");
                assert_eq!(encode_message(&again, version), once, "{} version {version}", M::NAME);
                self.decoded += 1;
            }
            Err(_) => self.refused += 1,
        }
    }
}

impl MessageVisitor for Damaged {
    fn visit<M: Message + PartialEq + std::fmt::Debug>(&mut self) {
        let schema = self.schemas.iter().find(|schema| schema.name() == M::NAME).expect("a schema for each message");
        let schema = schema.clone();
        for version in M::VERSIONS {
            let whole = fill(&schema, version, Variant::Full);
            for end in 0..whole.len() {
                assert!(decode_message::<M>(&Bytes::copy_from_slice(&whole[..end]), version).is_err());
            }
            let mut longer = whole.clone();
            longer.push(0);
            assert!(decode_message::<M>(&Bytes::from(longer), version).is_err(), "{} version {version}", M::NAME);
            for _ in 0..40 {
                let mut bytes = whole.clone();
                for _ in 0..=self.rng.below(3) {
                    if bytes.is_empty() {
                        break;
                    }
                    let at = self.rng.below(bytes.len() as u64) as usize;
                    bytes[at] = match self.rng.below(4) {
                        0 => 0xff,
                        1 => 0,
                        2 => bytes[at] ^ (1 << self.rng.below(8)),
                        _ => self.rng.below(256) as u8,
                    };
                }
                self.take::<M>(&Bytes::from(bytes), version);
            }
        }
    }
}

#[test]
fn damaged_messages_are_refused_or_read_but_never_panic() {
    let seed = std::env::var("CODEC_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_260_725);
    println!("CODEC_SEED={seed}");
    let mut run = Damaged { schemas: descriptor::messages(), rng: Rng::new(seed), decoded: 0, refused: 0 };
    visit_messages(&mut run);
    println!("{} decoded, {} refused", run.decoded, run.refused);
    assert!(run.decoded > 1000 && run.refused > 1000);
}
