use super::*;
use crate::ids::{NO_NODE, NodeId, TopicPartition, Uuid};
use crate::protocol::ErrorCode;
use crate::protocol::messages::{self as m, client_quota_record::EntityData, register_broker_record::BrokerEndpoint};
use crate::rng::Rng;
use crate::scram::ScramMechanism;
use crate::text::Str;
use alloc::vec::Vec;
use alloc::{format, vec};
use bytes::Bytes;

const FOO: Uuid = Uuid::from_u128(100);
const BAR: Uuid = Uuid::from_u128(200);

fn broker(broker_id: NodeId, fenced: bool) -> MetadataRecord {
    MetadataRecord::RegisterBroker(m::RegisterBrokerRecord {
        broker_id,
        incarnation_id: Uuid::from_u128(1000 + broker_id as u128),
        broker_epoch: 10 + i64::from(broker_id),
        end_points: vec![BrokerEndpoint {
            name: Str::from_static("PLAINTEXT"),
            host: Str::from(format!("broker-{broker_id}")),
            port: 9092,
            security_protocol: 0,
        }],
        fenced,
        log_dirs: vec![Uuid::from_u128(5000 + broker_id as u128)],
        ..Default::default()
    })
}

fn topic(name: &'static str, topic_id: Uuid) -> MetadataRecord {
    MetadataRecord::Topic(m::TopicRecord { name: Str::from_static(name), topic_id })
}

fn partition(topic_id: Uuid, partition_id: i32, replicas: &[NodeId]) -> MetadataRecord {
    MetadataRecord::Partition(m::PartitionRecord {
        partition_id,
        topic_id,
        replicas: replicas.to_vec(),
        isr: replicas.to_vec(),
        leader: replicas[0],
        leader_epoch: 0,
        partition_epoch: 0,
        directories: replicas.iter().map(|&id| Uuid::from_u128(5000 + id as u128)).collect(),
        ..Default::default()
    })
}

fn change(topic_id: Uuid, partition_id: i32) -> m::PartitionChangeRecord {
    m::PartitionChangeRecord { topic_id, partition_id, ..Default::default() }
}

fn config(kind: ConfigResourceType, resource: &'static str, name: &'static str, value: Option<&str>) -> MetadataRecord {
    MetadataRecord::Config(m::ConfigRecord {
        resource_type: kind.code(),
        resource_name: Str::from_static(resource),
        name: Str::from_static(name),
        value: value.map(Str::from),
    })
}

fn feature(name: &'static str, feature_level: i16) -> MetadataRecord {
    MetadataRecord::FeatureLevel(m::FeatureLevelRecord { name: Str::from_static(name), feature_level })
}

fn quota(kind: &'static str, name: &'static str, key: &'static str, value: Option<f64>) -> MetadataRecord {
    let part = EntityData { entity_type: kind.into(), entity_name: (!name.is_empty()).then(|| name.into()) };
    MetadataRecord::ClientQuota(m::ClientQuotaRecord {
        entity: vec![part],
        key: key.into(),
        value: value.unwrap_or_default(),
        remove: value.is_none(),
    })
}

fn credential(name: &'static str, mechanism: i8) -> MetadataRecord {
    MetadataRecord::UserScramCredential(m::UserScramCredentialRecord {
        name: name.into(),
        mechanism,
        salt: Bytes::from_static(b"salt"),
        stored_key: Bytes::from_static(b"stored"),
        server_key: Bytes::from_static(b"server"),
        iterations: 4096,
    })
}

fn without_credential(name: &'static str, mechanism: i8) -> MetadataRecord {
    MetadataRecord::RemoveUserScramCredential(m::RemoveUserScramCredentialRecord { name: name.into(), mechanism })
}

fn replay_on(image: &MetadataImage, records: &[MetadataRecord]) -> MetadataDelta {
    let mut delta = MetadataDelta::new(image);
    for record in records {
        delta.replay(record).unwrap_or_else(|error| panic!("{record:?}: {error}"));
    }
    delta
}

fn image_of(records: &[MetadataRecord]) -> MetadataImage {
    let provenance = Provenance { offset: records.len() as i64 - 1, epoch: 1, timestamp_ms: 5 };
    replay_on(&MetadataImage::default(), records).apply(provenance)
}

fn sample() -> MetadataImage {
    image_of(&[
        feature("metadata.version", 30),
        broker(0, false),
        broker(1, false),
        broker(2, true),
        topic("foo", FOO),
        partition(FOO, 0, &[0, 1]),
        partition(FOO, 1, &[1, 2]),
        topic("bar", BAR),
        partition(BAR, 0, &[2, 0]),
        config(ConfigResourceType::Topic, "foo", "retention.ms", Some("1000")),
    ])
}

#[test]
fn a_frame_begins_with_version_id_and_record_version() {
    let empty_tags = 0;
    for (record, bytes) in [
        (MetadataRecord::NoOp(m::NoOpRecord::default()), vec![1, 20, 0, empty_tags]),
        (feature("a", 2), vec![1, 12, 0, 2, b'a', 0, 2, empty_tags]),
        (
            MetadataRecord::RemoveTopic(m::RemoveTopicRecord { topic_id: FOO }),
            [&[1, 9, 0][..], &FOO.as_u128().to_be_bytes(), &[empty_tags]].concat(),
        ),
    ] {
        assert_eq!(record.encode(), bytes, "{}", record.name());
        assert_eq!(MetadataRecord::decode(&Bytes::from(bytes)), Ok(record));
    }
}

#[test]
fn bytes_that_are_no_record_are_refused() {
    for (bytes, error) in [
        (&[][..], RecordError::Frame),
        (&[1, 20], RecordError::Frame),
        (&[0x80, 0x80, 0x80, 0x80, 0x80, 1], RecordError::Frame),
        (&[0xff, 0xff, 0xff, 0xff, 0x7f, 1, 1], RecordError::Frame),
        (&[0, 20, 0, 0], RecordError::FrameVersion(0)),
        (&[2, 20, 0, 0], RecordError::FrameVersion(2)),
        (&[1, 6, 0, 0], RecordError::UnknownRecord(6)),
        (&[1, 0x80, 0x01, 0, 0], RecordError::UnknownRecord(128)),
        (&[1, 20, 1, 0], RecordError::UnsupportedVersion { record: "NoOpRecord", version: 1 }),
    ] {
        assert_eq!(MetadataRecord::decode(&Bytes::from_static(bytes)), Err(error), "{bytes:?}");
    }
    for bytes in [&[1, 9, 0, 7][..], &[1, 20, 0, 0, 0], &[1, 2, 0, 0x7f]] {
        let result = MetadataRecord::decode(&Bytes::from_static(bytes));
        assert!(matches!(result, Err(RecordError::Body { .. })), "{bytes:?}: {result:?}");
    }
}

#[test]
fn a_partition_change_touches_only_what_it_names() {
    let before = sample().topics.partition(FOO, 0).cloned().unwrap();
    for (record, expected) in [
        (change(FOO, 0), PartitionRegistration { partition_epoch: 1, ..before.clone() }),
        (
            m::PartitionChangeRecord { leader: 1, isr: Some(vec![1]), ..change(FOO, 0) },
            PartitionRegistration { leader: 1, leader_epoch: 1, partition_epoch: 1, isr: vec![1], ..before.clone() },
        ),
        (
            m::PartitionChangeRecord { leader: NO_NODE, ..change(FOO, 0) },
            PartitionRegistration { leader: NO_NODE, leader_epoch: 1, partition_epoch: 1, ..before.clone() },
        ),
        (
            m::PartitionChangeRecord { leader_recovery_state: 1, ..change(FOO, 0) },
            PartitionRegistration {
                leader_recovery_state: LeaderRecoveryState::Recovering,
                partition_epoch: 1,
                ..before.clone()
            },
        ),
        (
            m::PartitionChangeRecord {
                replicas: Some(vec![0, 1, 2]),
                adding_replicas: Some(vec![2]),
                ..change(FOO, 0)
            },
            PartitionRegistration {
                replicas: vec![0, 1, 2],
                directories: vec![DIRECTORY_MIGRATING; 3],
                adding_replicas: vec![2],
                partition_epoch: 1,
                ..before.clone()
            },
        ),
    ] {
        assert_eq!(before.merge(&record), Some(expected), "{record:?}");
    }
    assert_eq!(before.merge(&m::PartitionChangeRecord { leader_recovery_state: 7, ..change(FOO, 0) }), None);
}

#[test]
fn records_that_do_not_fit_are_refused_and_change_nothing() {
    let image = sample();
    let stale = |broker_id, broker_epoch| {
        MetadataRecord::BrokerRegistrationChange(m::BrokerRegistrationChangeRecord {
            broker_id,
            broker_epoch,
            fenced: 1,
            ..Default::default()
        })
    };
    for (record, error) in [
        (topic("foo", Uuid::from_u128(300)), ReplayError::DuplicateTopic("foo".into())),
        (topic("new", FOO), ReplayError::DuplicateTopic("new".into())),
        (partition(Uuid::from_u128(300), 0, &[1]), ReplayError::UnknownTopic(Uuid::from_u128(300))),
        (MetadataRecord::PartitionChange(change(FOO, 9)), ReplayError::UnknownPartition(FOO, 9)),
        (
            MetadataRecord::RemoveTopic(m::RemoveTopicRecord { topic_id: Uuid::from_u128(300) }),
            ReplayError::UnknownTopic(Uuid::from_u128(300)),
        ),
        (stale(7, 17), ReplayError::UnknownBroker(7)),
        (stale(1, 12), ReplayError::BrokerEpoch { broker: 1, expected: 11, found: 12 }),
        (
            MetadataRecord::ClearElr(m::ClearElrRecord { topic_name: "new".into() }),
            ReplayError::UnknownTopicName("new".into()),
        ),
        (
            MetadataRecord::AccessControlEntry(m::AccessControlEntryRecord::default()),
            ReplayError::Unsupported("AccessControlEntryRecord"),
        ),
        (quota("planet", "earth", "producer_byte_rate", Some(1.0)), ReplayError::UnknownQuotaEntity("planet".into())),
        (
            credential("alice", 3),
            ReplayError::UnknownValue { record: "UserScramCredentialRecord", field: "Mechanism", value: 3 },
        ),
        (without_credential("alice", 1), ReplayError::UnknownScramCredential("alice".into())),
    ] {
        let mut delta = MetadataDelta::new(&image);
        assert_eq!(delta.replay(&record), Err(error));
        assert_eq!(*delta.changes(), Changes::default());
        assert_eq!(*delta.image(), image);
    }
}

#[test]
fn a_deleted_topic_takes_its_configs_and_changes_along() {
    let image = sample();
    let delta = replay_on(
        &image,
        &[
            MetadataRecord::PartitionChange(m::PartitionChangeRecord { leader: 1, ..change(FOO, 0) }),
            MetadataRecord::RemoveTopic(m::RemoveTopicRecord { topic_id: FOO }),
            topic("brief", Uuid::from_u128(300)),
            MetadataRecord::RemoveTopic(m::RemoveTopicRecord { topic_id: Uuid::from_u128(300) }),
        ],
    );
    let changes = delta.changes();
    assert_eq!(changes.deleted_topics.keys().copied().collect::<Vec<_>>(), [FOO]);
    assert!(changes.created_topics.is_empty() && changes.partitions.is_empty());
    assert!(changes.configs.contains(&ConfigResource::topic("foo")));
    let after = delta.apply(image.provenance);
    assert_eq!(after.topics.iter().map(|topic| &*topic.name).collect::<Vec<_>>(), ["bar"]);
    assert_eq!(after.configs.iter().count(), 0);
    assert!(image.topics.by_name("foo").is_some(), "the old image stays as it was");
}

#[test]
fn local_changes_name_what_a_broker_must_do() {
    let image = sample();
    let delta = replay_on(
        &image,
        &[
            MetadataRecord::PartitionChange(m::PartitionChangeRecord {
                leader: 1,
                isr: Some(vec![1]),
                ..change(FOO, 0)
            }),
            MetadataRecord::PartitionChange(m::PartitionChangeRecord { replicas: Some(vec![1]), ..change(FOO, 1) }),
            MetadataRecord::RemoveTopic(m::RemoveTopicRecord { topic_id: BAR }),
        ],
    );
    let names = |list: &[LocalPartition]| -> Vec<_> {
        list.iter().map(|local| (format!("{}", local.partition), local.new_leader_epoch)).collect()
    };
    for (broker, deletes, leaders, followers) in [
        (0, vec![("bar", 0)], vec![], vec![("foo-0".into(), true)]),
        (1, vec![], vec![("foo-0".into(), true), ("foo-1".into(), false)], vec![]),
        (2, vec![("bar", 0), ("foo", 1)], vec![], vec![]),
        (3, vec![], vec![], vec![]),
    ] {
        let changes = delta.local_changes(broker);
        let deleted: Vec<_> = deletes.into_iter().map(|(name, index)| TopicPartition::new(name, index)).collect();
        assert_eq!(
            changes.deletes.iter().map(|(partition, _)| partition.clone()).collect::<Vec<_>>(),
            deleted,
            "{broker}"
        );
        assert_eq!(names(&changes.leaders), leaders, "{broker}");
        assert_eq!(names(&changes.followers), followers, "{broker}");
    }
}

#[test]
fn clients_see_only_leaders_they_can_reach() {
    let image = sample();
    let plain = "PLAINTEXT";
    let seen = |topic, listener| -> Vec<_> {
        let described = image.describe_topic(topic, listener).unwrap_or_default();
        described.into_iter().map(|one| (one.error, one.leader, one.offline_replicas)).collect()
    };
    assert_eq!(seen("foo", plain), [(ErrorCode::None, 0, vec![]), (ErrorCode::None, 1, vec![2])]);
    assert_eq!(seen("bar", plain), [(ErrorCode::LeaderNotAvailable, -1, vec![2])]);
    assert_eq!(seen("foo", "OTHER")[0], (ErrorCode::ListenerNotFound, -1, vec![0, 1]));
    assert_eq!(image.describe_topic("none", plain), None);
    assert_eq!(image.alive_brokers(plain).map(|(broker, _)| broker.id).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(image.alive_endpoint(1, plain).map(|endpoint| &*endpoint.host), Some("broker-1"));
    assert_eq!(image.alive_endpoint(2, plain), None);
    assert_eq!(image.topics.led_by(0).count(), 1);
    assert_eq!(image.topics.hosted_by(2).count(), 2);
}

#[test]
fn a_topic_config_falls_back_to_its_brokers() {
    let image = replay_on(
        &sample(),
        &[
            config(ConfigResourceType::Broker, "", "log.retention.ms", Some("7")),
            config(ConfigResourceType::Broker, "", "log.segment.bytes", Some("8")),
            config(ConfigResourceType::Broker, "1", "log.segment.bytes", Some("9")),
        ],
    )
    .apply(Provenance::EMPTY);
    for (topic, key, node, broker_key, value) in [
        ("foo", "retention.ms", 1, Some("log.retention.ms"), Some("1000")),
        ("bar", "retention.ms", 1, Some("log.retention.ms"), Some("7")),
        ("bar", "segment.bytes", 0, Some("log.segment.bytes"), Some("8")),
        ("bar", "segment.bytes", 1, Some("log.segment.bytes"), Some("9")),
        ("bar", "segment.bytes", 1, None, None),
    ] {
        let found = image.topic_config(&topic.into(), key, node, broker_key).map(|value| &**value);
        assert_eq!(found, value, "{topic} {key} {node}");
    }
}

#[test]
fn credentials_come_and_go_one_by_one() {
    let image = replay_on(&sample(), &[credential("alice", 1), credential("alice", 2), credential("bob", 2)]);
    let image = image.apply(Provenance::EMPTY);
    let mechanisms = |image: &MetadataImage, user| {
        image.scram.of(user).map(|credentials| credentials.keys().copied().collect::<Vec<_>>())
    };
    assert_eq!(mechanisms(&image, "alice"), Some(vec![ScramMechanism::Sha256, ScramMechanism::Sha512]));
    let delta = replay_on(&image, &[without_credential("alice", 1), without_credential("bob", 2)]);
    assert!(delta.changes().scram);
    let image = delta.apply(Provenance::EMPTY);
    assert_eq!(mechanisms(&image, "alice"), Some(vec![ScramMechanism::Sha512]));
    assert_eq!(image.scram.users().collect::<Vec<_>>(), ["alice"]);
    let shown = format!("{:?}", image.scram);
    assert!(!shown.contains("stored") && shown.contains("alice"), "{shown}");
}

fn random_record(rng: &mut Rng, image: &MetadataImage) -> MetadataRecord {
    let topic_id = Uuid::from_u128(100 + u128::from(rng.below(4)));
    let known = image.topics.by_id(topic_id).is_some();
    let names = ["a", "b", "c", "d"];
    let keys = ["retention.ms", "cleanup.policy"];
    match rng.below(12) {
        0 => broker(rng.below(4) as NodeId, rng.chance(1, 2)),
        1 if !known => topic(names[(topic_id.as_u128() - 100) as usize], topic_id),
        2 if known && rng.chance(1, 4) => MetadataRecord::RemoveTopic(m::RemoveTopicRecord { topic_id }),
        3 if known => partition(topic_id, rng.below(3) as i32, &[0, 1, 2]),
        4 if image.topics.partition(topic_id, 0).is_some() => {
            let leader = rng.below(4) as NodeId - 2;
            let isr = Some((0..=rng.below(3) as NodeId).collect());
            MetadataRecord::PartitionChange(m::PartitionChangeRecord { leader, isr, ..change(topic_id, 0) })
        }
        5 => config(
            if rng.chance(1, 2) { ConfigResourceType::Topic } else { ConfigResourceType::Broker },
            names[rng.below(4) as usize],
            keys[rng.below(2) as usize],
            rng.chance(2, 3).then_some("1"),
        ),
        6 => feature(["metadata.version", "group.version"][rng.below(2) as usize], rng.below(3) as i16),
        7 => MetadataRecord::ProducerIds(m::ProducerIdsRecord {
            broker_id: 1,
            broker_epoch: 1,
            next_producer_id: rng.below(5) as i64 * 1000,
        }),
        8 => quota(
            ["user", "client-id"][rng.below(2) as usize],
            ["", "a"][rng.below(2) as usize],
            ["producer_byte_rate", "consumer_byte_rate"][rng.below(2) as usize],
            rng.chance(2, 3).then(|| rng.below(3) as f64 + 1.0),
        ),
        9 => credential(["alice", "bob"][rng.below(2) as usize], rng.below(2) as i8 + 1),
        10 if image.scram.credential("alice", ScramMechanism::Sha256).is_some() => without_credential("alice", 1),
        _ => MetadataRecord::RegisterController(m::RegisterControllerRecord {
            controller_id: rng.below(3) as NodeId,
            incarnation_id: rng.uuid(),
            ..Default::default()
        }),
    }
}

#[test]
fn a_snapshot_rebuilds_the_image_it_was_made_of() {
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let mut image = MetadataImage::default();
        for offset in 0..60 {
            let record = random_record(&mut rng, &image);
            let decoded = MetadataRecord::decode(&record.encode());
            assert_eq!(decoded.as_ref(), Ok(&record), "seed {seed}");
            let delta = replay_on(&image, &[record]);
            image = delta.apply(Provenance { offset, epoch: 1, timestamp_ms: offset });
        }
        let rebuilt = replay_on(&MetadataImage::default(), &image.to_records()).apply(image.provenance);
        assert_eq!(rebuilt, image, "seed {seed}");
    }
}
