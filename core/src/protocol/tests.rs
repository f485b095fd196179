use super::messages::*;
use super::*;
use crate::ids::Uuid;
use crate::rng::Rng;
use crate::text::Str;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;

fn joined(parts: &[Bytes]) -> Bytes {
    Records::from(parts.to_vec()).to_bytes()
}

/// What `write` writes, flexible or not.
fn written(flexible: bool, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.set_flexible(flexible);
    write(&mut writer);
    joined(&writer.into_parts()).to_vec()
}

fn reader(flexible: bool, bytes: &[u8]) -> Reader {
    let mut reader = Reader::new(Bytes::copy_from_slice(bytes));
    reader.set_flexible(flexible);
    reader
}

#[test]
fn varints_are_leb128_and_zig_zag() {
    let unsigned: [(u32, &[u8]); 6] = [
        (0, &[0]),
        (127, &[0x7f]),
        (128, &[0x80, 1]),
        (300, &[0xac, 2]),
        (1 << 28, &[0x80, 0x80, 0x80, 0x80, 1]),
        (u32::MAX, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
    ];
    for (value, bytes) in unsigned {
        assert_eq!(written(true, |writer| writer.unsigned_varint(value)), bytes);
        assert_eq!(reader(true, bytes).unsigned_varint(), value);
    }
    for (value, bytes) in
        [(0, &[0][..]), (-1, &[1]), (1, &[2]), (-65, &[0x81, 1]), (i32::MIN, &[255, 255, 255, 255, 15])]
    {
        assert_eq!(written(true, |writer| writer.varint(value)), bytes);
        assert_eq!(reader(true, bytes).varint(), value);
    }
    for value in [0, -1, 1, 1 << 40, i64::MIN, i64::MAX] {
        let bytes = written(true, |writer| writer.varlong(value));
        assert_eq!(reader(true, &bytes).varlong(), value);
    }
    assert_eq!(written(true, |writer| writer.varlong(i64::MIN)).len(), 10);
}

#[test]
fn overlong_varints_are_refused() {
    type Read = fn(&mut Reader);
    let cases: [(&[u8], Read); 4] = [
        (&[0xff, 0xff, 0xff, 0xff, 0x10], |reader| _ = reader.unsigned_varint()),
        (&[0x80, 0x80, 0x80, 0x80, 0x80, 0], |reader| _ = reader.varint()),
        (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], |reader| _ = reader.varlong()),
        (&[0x80; 11], |reader| _ = reader.varlong()),
    ];
    for (bytes, read) in cases {
        let mut reader = reader(true, bytes);
        read(&mut reader);
        assert_eq!(reader.fault(), Err(DecodeError::VarintTooLong { offset: 0 }), "{bytes:?}");
    }
}

#[test]
fn lengths_are_plain_or_compact() {
    let text = Str::from("hé");
    assert_eq!(written(false, |writer| writer.string(&text)), b"\0\x03h\xc3\xa9");
    assert_eq!(written(true, |writer| writer.string(&text)), b"\x04h\xc3\xa9");
    assert_eq!(written(false, |writer| writer.nullable_string(None, true)), b"\xff\xff");
    assert_eq!(written(true, |writer| writer.nullable_string(None, true)), b"\0");
    // Null where there is none becomes empty.
    assert_eq!(written(true, |writer| writer.nullable_string(None, false)), b"\x01");
    assert_eq!(written(false, |writer| writer.bytes(&Bytes::from_static(b"ab"))), b"\0\0\0\x02ab");
    assert_eq!(written(true, |writer| writer.nullable_bytes(None, true)), b"\0");
    assert_eq!(written(false, |writer| writer.nullable_records(None, true)), [0xff; 4]);
    assert_eq!(reader(true, b"\x04h\xc3\xa9").string(), text);
    assert_eq!(reader(true, b"\0").nullable_string(true), None);
    assert_eq!(reader(false, b"\0\0\0\x02ab").bytes(), "ab");
}

#[test]
fn what_cannot_be_is_a_typed_error() {
    type Read = fn(&mut Reader);
    let too_long = written(true, |writer| writer.bytes(&Bytes::from(vec![b'a'; 0x8000])));
    let cases: [(bool, &[u8], Read, DecodeError); 9] = [
        (true, b"\0", |reader| _ = reader.string(), DecodeError::NullNotAllowed { offset: 0 }),
        (false, b"\xff\xff", |reader| _ = reader.string(), DecodeError::NullNotAllowed { offset: 0 }),
        (false, b"\0\x02\xc3\x28", |reader| _ = reader.string(), DecodeError::InvalidUtf8 { offset: 0 }),
        (false, b"\0\x03ab", |reader| _ = reader.string(), DecodeError::Truncated { offset: 2 }),
        (true, b"", |reader| _ = reader.bool(), DecodeError::Truncated { offset: 0 }),
        (true, &too_long, |reader| _ = reader.string(), DecodeError::InvalidLength { offset: 0, length: 0x8000 }),
        (true, b"\x01\x05\x7fab", Reader::skip_tags, DecodeError::Truncated { offset: 3 }),
        (true, b"\x05\0\0\0", |reader| _ = ints(reader), DecodeError::InvalidLength { offset: 0, length: 4 }),
        (
            false,
            b"\x7f\xff\xff\xff",
            |reader| _ = ints(reader),
            DecodeError::InvalidLength { offset: 0, length: i64::from(i32::MAX) },
        ),
    ];
    for (flexible, bytes, read, error) in cases {
        let mut reader = reader(flexible, bytes);
        read(&mut reader);
        assert_eq!(reader.fault(), Err(error.clone()), "{bytes:?}");
        // The first fault stays, and reading on is harmless.
        assert_eq!((reader.int64(), reader.string(), ints(&mut reader)), (0, Str::default(), Vec::new()));
        assert_eq!(reader.fault(), Err(error));
    }
}

fn ints(reader: &mut Reader) -> Vec<i32> {
    reader.array(4, 0, |reader, _| reader.int32())
}

#[test]
fn an_array_first_allocates_no_more_than_the_frame_holds() {
    // 1000 empty strings of one byte each, which take far more as structs.
    let strings = |reader: &mut Reader| -> Vec<Str> { reader.array(1, 0, |reader, _| reader.string()) };
    let mut bytes = written(true, |writer| writer.unsigned_varint(1001));
    bytes.extend([1; 1000]);
    assert_eq!(strings(&mut reader(true, &bytes)).len(), 1000);
    // The same with the first damaged: the vector kept its first size.
    bytes[2] = 0;
    let mut damaged = reader(true, &bytes);
    let capacity = strings(&mut damaged).capacity();
    assert!(damaged.fault().is_err());
    assert!(capacity * size_of::<Str>() <= bytes.len(), "{capacity}");
}

#[test]
fn long_strings_are_cut_at_a_character() {
    let long = Str::from(format!("{}é", "a".repeat(0x7ffe)));
    let bytes = written(true, |writer| writer.string(&long));
    assert_eq!(reader(true, &bytes).string().len(), 0x7ffe);
}

#[test]
fn tag_buffers_are_counted_sized_and_sorted() {
    let response = fetch_response::PartitionData {
        diverging_epoch: fetch_response::EpochEndOffset { epoch: 3, end_offset: 7 },
        snapshot_id: fetch_response::SnapshotId { end_offset: 9, epoch: 1 },
        ..Default::default()
    };
    let message = FetchResponse {
        responses: vec![fetch_response::FetchableTopicResponse { partitions: vec![response], ..Default::default() }],
        ..Default::default()
    };
    let bytes = encode_message(&message, 12);
    // Tag 0 and tag 2, thirteen bytes each, then the ends of topic and response.
    let tail = [
        &[2, 0, 13][..],
        &[0, 0, 0, 3],
        &[0, 0, 0, 0, 0, 0, 0, 7],
        &[0],
        &[2, 13],
        &[0, 0, 0, 0, 0, 0, 0, 9],
        &[0, 0, 0, 1],
        &[0],
        &[0, 0],
    ]
    .concat();
    assert_eq!(bytes[bytes.len() - tail.len()..], tail);
    assert_eq!(decode_message::<FetchResponse>(&bytes, 12).unwrap(), message);
}

#[test]
fn unknown_tags_are_skipped_and_sizes_of_known_ones_hold() {
    let known = encode_message(&BrokerHeartbeatRequest { broker_id: 1, ..Default::default() }, 2);
    let body = &known[..known.len() - 1];
    let with_tags = |tags: &[u8]| decode_message::<BrokerHeartbeatRequest>(&Bytes::from([body, tags].concat()), 2);
    // Tag 0 is a list of directories; tag 9 is from the future.
    let directory = [&[2, 0, 17, 2][..], &[5; 16], &[9, 3, 1, 2, 3]].concat();
    let decoded = with_tags(&directory).unwrap();
    assert_eq!(decoded.offline_log_dirs, [Uuid::from_u128(u128::from_be_bytes([5; 16]))]);
    let oversized = [&[1, 0, 18, 2][..], &[5; 16], &[0]].concat();
    let error = with_tags(&oversized).unwrap_err();
    assert!(matches!(error, DecodeError::TagSizeMismatch { tag: 0, .. }), "{error}");
    // A tag of a later version is as good as unknown.
    let earlier = [body, &[1, 1, 1, 0]].concat();
    let decoded: BrokerHeartbeatRequest = decode_message(&Bytes::from(earlier), 1).unwrap();
    assert_eq!(decoded.cordoned_log_dirs, None);
}

#[test]
fn a_request_comes_back_with_its_header_and_shares_its_records() {
    let batches = Records::from(vec![Bytes::from(vec![7; 2000]), Bytes::from_static(b"tail")]);
    for version in ProduceRequest::VERSIONS {
        let partition = produce_request::PartitionProduceData { index: 3, records: Some(batches.clone()) };
        let mut topic = produce_request::TopicProduceData { partition_data: vec![partition], ..Default::default() };
        if version < 13 {
            topic.name = "orders".into();
        } else {
            topic.topic_id = Uuid::METADATA_TOPIC;
        }
        let request = ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() };
        let parts = encode_request(version, 42, Some(&"me".into()), &request);
        assert_eq!(parts[1].as_ptr(), batches.parts()[0].as_ptr(), "large slices go out by reference");
        let frame = joined(&parts);
        let (header, decoded) = decode_request::<ProduceRequest>(&frame).unwrap();
        assert_eq!((header.correlation_id, header.client_id), (42, Some("me".into())));
        assert_eq!(decoded, request, "version {version}");
        let records = decoded.topic_data[0].partition_data[0].records.as_ref().unwrap();
        assert!(frame.as_ptr_range().contains(&records.parts()[0].as_ptr()), "records share the frame");
    }
}

#[test]
fn headers_are_kafkas() {
    let client = Str::from("me");
    let old = joined(&encode_request(3, 7, Some(&client), &HeartbeatRequest::default()));
    assert_eq!(old[..12], *b"\0\x0c\0\x03\0\0\0\x07\0\x02me");
    assert_eq!(old[12..14], [0, 0], "the body begins with an empty group id");
    // Flexible: the client id keeps its int16 length, then a tag buffer, then a compact string.
    let flexible = joined(&encode_request(4, 7, Some(&client), &HeartbeatRequest::default()));
    assert_eq!(flexible[..14], *b"\0\x0c\0\x04\0\0\0\x07\0\x02me\0\x01");
    let anonymous = joined(&encode_request(0, 7, None, &ApiVersionsRequest::default()));
    assert_eq!(anonymous[..], *b"\0\x12\0\0\0\0\0\x07\xff\xff");

    let heartbeat = joined(&encode_response::<HeartbeatRequest>(4, 7, &HeartbeatResponse::default()));
    assert_eq!(heartbeat[..], *b"\0\0\0\x07\0\0\0\0\0\0\0\0");
    // Header version 0 although the body is flexible.
    let versions = joined(&encode_response::<ApiVersionsRequest>(3, 7, &ApiVersionsResponse::default()));
    assert_eq!(versions[..], *b"\0\0\0\x07\0\0\x01\0\0\0\0\0");
    let (correlation_id, decoded) = decode_response::<ApiVersionsRequest>(3, &versions).unwrap();
    assert_eq!((correlation_id, decoded), (7, ApiVersionsResponse::default()));
}

#[test]
fn tagged_fields_in_a_request_header_are_skipped() {
    let frame = Bytes::from_static(b"\0\x0c\0\x04\0\0\0\x07\xff\xff\x01\x63\x02xy\x02g\0\0\0\x01\x02m\0\0");
    let (header, request) = decode_request::<HeartbeatRequest>(&frame).unwrap();
    assert_eq!(header.client_id, None);
    assert_eq!((request.group_id, request.generation_id, request.member_id), ("g".into(), 1, "m".into()));
}

#[test]
fn bytes_behind_a_body_and_unknown_versions_are_refused() {
    let mut frame = joined(&encode_request(1, 7, None, &HeartbeatRequest::default())).to_vec();
    frame.push(0);
    let error = decode_request::<HeartbeatRequest>(&Bytes::from(frame)).unwrap_err();
    assert_eq!(error, DecodeError::TrailingBytes { offset: 18, count: 1 });
    let error = decode_message::<HeartbeatRequest>(&Bytes::new(), 5).unwrap_err();
    assert_eq!(error, DecodeError::UnsupportedVersion { message: "HeartbeatRequest", version: 5 });
    let other = joined(&encode_request(1, 7, None, &SyncGroupRequest::default()));
    assert_eq!(decode_request::<HeartbeatRequest>(&other), Err(DecodeError::UnexpectedApiKey { api_key: 14 }));
    assert!(decode_request_header(&Bytes::from_static(b"\0\x0c\0")).is_err());
}

#[test]
fn records_are_equal_by_their_bytes() {
    let whole = Records::from(Bytes::from_static(b"abcd"));
    let cut = Records::from(vec![Bytes::from_static(b"ab"), Bytes::new(), Bytes::from_static(b"cd")]);
    assert_eq!(whole, cut);
    assert_eq!((cut.len(), cut.to_bytes()), (4, Bytes::from_static(b"abcd")));
    assert_ne!(whole, Records::EMPTY);
}

struct Defaults {
    checked: usize,
    rng: Rng,
}

impl MessageVisitor for Defaults {
    fn visit<M: Message + PartialEq + core::fmt::Debug>(&mut self) {
        for version in M::VERSIONS {
            let bytes = encode_message(&M::default(), version);
            assert_eq!(decode_message::<M>(&bytes, version), Ok(M::default()), "{} version {version}", M::NAME);
            for end in 0..bytes.len() {
                assert!(decode_message::<M>(&bytes.slice(..end), version).is_err(), "{} version {version}", M::NAME);
            }
            // Random bytes are a message or an error, never a panic.
            let noise: Vec<u8> =
                (0..self.rng.below(60)).map(|_| self.rng.below(256) as u8 >> self.rng.below(8)).collect();
            let _ = decode_message::<M>(&Bytes::from(noise), version);
            self.checked += 1;
        }
    }
}

#[test]
fn defaults_come_back_in_every_version() {
    for seed in 0..8 {
        let mut defaults = Defaults { checked: 0, rng: Rng::new(seed) };
        visit_messages(&mut defaults);
        assert_eq!(defaults.checked, 573, "seed {seed}");
    }
}

#[test]
fn errors_say_where() {
    let texts: Vec<String> = [
        DecodeError::Truncated { offset: 3 },
        DecodeError::UnsupportedVersion { message: "FetchRequest", version: 19 },
        DecodeError::TrailingBytes { offset: 8, count: 2 },
    ]
    .iter()
    .map(|error| format!("{error}"))
    .collect();
    assert_eq!(
        texts,
        [
            "the bytes end inside the field at byte 3",
            "FetchRequest has no version 19",
            "2 bytes left behind the body's end at byte 8"
        ]
    );
}
