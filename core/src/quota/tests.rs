//! Whose quota counts for whom, and how long clients wait.

use super::*;
use crate::config::quota_config::{CONNECTION_CREATION_RATE, QuotaWindow};
use crate::metadata::{
    ClientQuotaEntity, ClientQuotasImage, MetadataDelta, MetadataImage, Provenance, QuotaEntityType,
};
use crate::text::Str;
use crate::time::Instant;
use alloc::format;
use alloc::vec::Vec;

const WINDOW: QuotaWindow = QuotaWindow { samples: 11, sample_ms: 1000 };

/// `user=alice client-id=*`: a star stands for all others.
fn entity(text: &str) -> ClientQuotaEntity {
    ClientQuotaEntity::new(text.split(' ').filter_map(|part| {
        let (kind, name) = part.split_once('=')?;
        Some((QuotaEntityType::from_name(kind)?, (name != "*").then(|| Str::from(name))))
    }))
}

fn quotas(set: &[(&str, f64)]) -> ClientQuotasImage {
    let mut delta = MetadataDelta::new(&MetadataImage::default());
    for (whose, value) in set {
        let record = entity(whose).record(&Str::from_static(PRODUCER_BYTE_RATE), Some(*value));
        delta.replay(&record).unwrap_or_else(|error| panic!("{error}"));
    }
    delta.apply(Provenance::EMPTY).client_quotas.as_ref().clone()
}

fn client(user: &'static str, client_id: &'static str) -> QuotaClient {
    QuotaClient { user: user.into(), client_id: client_id.into() }
}

/// The order of `ClientQuotaManager`'s own documentation.
const BY_PRECEDENCE: [&str; 8] = [
    "user=alice client-id=c1",
    "user=alice client-id=*",
    "user=alice",
    "user=* client-id=c1",
    "user=* client-id=*",
    "user=*",
    "client-id=c1",
    "client-id=*",
];

#[test]
fn the_most_specific_quota_counts() {
    for (first, strongest) in BY_PRECEDENCE.iter().enumerate() {
        let set: Vec<(&str, f64)> =
            BY_PRECEDENCE.iter().enumerate().skip(first).map(|(at, whose)| (*whose, (at + 1) as f64)).collect();
        let manager = ClientQuotaManager::new(PRODUCER_BYTE_RATE, WINDOW);
        let most = manager.max_value_in_window(&quotas(&set), &client("alice", "c1"));
        assert_eq!(most, Some(10.0 * (first + 1) as f64), "{strongest}");
    }
    let other = ClientQuotaManager::new(CONSUMER_BYTE_RATE, WINDOW);
    assert_eq!(other.max_value_in_window(&quotas(&[("user=alice", 1.0)]), &client("alice", "c1")), None);
}

#[test]
fn clients_are_counted_apart_or_together_as_their_quota_says() {
    // Quota, then who produces 6,000 bytes each, and whether the second has to wait with 1,000 a second.
    for (whose, one, other, waits) in [
        ("user=alice", ("alice", "c1"), ("alice", "c2"), true),
        ("user=*", ("alice", "c1"), ("alice", "c2"), true),
        ("user=*", ("alice", "c1"), ("bob", "c1"), false),
        ("user=alice client-id=*", ("alice", "c1"), ("alice", "c2"), false),
        ("client-id=*", ("alice", "c1"), ("bob", "c1"), true),
        ("client-id=*", ("alice", "c1"), ("alice", "c2"), false),
        ("client-id=c1", ("alice", "c1"), ("alice", "c2"), false),
    ] {
        let quotas = quotas(&[(whose, 1000.0)]);
        let mut manager = ClientQuotaManager::new(PRODUCER_BYTE_RATE, WINDOW);
        let now = Instant::from_millis(5000);
        assert_eq!(manager.record(&quotas, &client(one.0, one.1), 6000.0, now), 0, "{whose}: 6,000 in 10 s are few");
        let wait = manager.record(&quotas, &client(other.0, other.1), 6000.0, now);
        assert_eq!(wait > 0, waits, "{whose}: {one:?} and {other:?}, {wait} ms");
    }
}

#[test]
fn the_wait_is_as_long_as_the_excess_takes() {
    let quotas = quotas(&[("client-id=c1", 1000.0)]);
    let mut manager = ClientQuotaManager::new(PRODUCER_BYTE_RATE, WINDOW);
    let client = client("ANONYMOUS", "c1");
    let now = Instant::from_millis(1000);
    assert_eq!(manager.record(&quotas, &client, 10_000.0, now), 0);
    assert_eq!(manager.record(&quotas, &client, 5000.0, now), 5000);
    manager.unrecord(&quotas, &client, 5000.0, now);
    assert_eq!(manager.record(&quotas, &client, 0.0, now), 0);
    assert_eq!(manager.record(&ClientQuotasImage::default(), &client, 1e9, now), 0, "without quotas nobody waits");
}

#[test]
fn an_address_that_connects_too_often_is_not_counted_for_it() {
    let of_key = |set: &[(&str, f64)]| {
        let mut delta = MetadataDelta::new(&MetadataImage::default());
        for (whose, value) in set {
            let record = entity(whose).record(&Str::from_static(CONNECTION_CREATION_RATE), Some(*value));
            delta.replay(&record).unwrap_or_else(|error| panic!("{error}"));
        }
        delta.apply(Provenance::EMPTY).client_quotas.as_ref().clone()
    };
    let here = Str::from_static("127.0.0.1");
    for (set, allowed) in [
        (&[("ip=127.0.0.1", 1.0)][..], 10),
        (&[("ip=localhost", 1.0)], 10),
        (&[("ip=*", 1.0)], 10),
        (&[("ip=*", 1.0), ("ip=127.0.0.1", 2.0)], 20),
        (&[("ip=10.0.0.1", 1.0)], 100),
        (&[], 100),
    ] {
        let quotas = of_key(set);
        let mut manager = ConnectionQuotas::new(WINDOW);
        let now = Instant::from_millis(1000);
        let waits: Vec<u64> = (0..100).map(|_| manager.record(&quotas, &here, now)).collect();
        assert_eq!(waits.iter().filter(|wait| **wait == 0).count(), allowed, "{set:?}");
        assert_eq!(waits.iter().position(|wait| *wait > 0).unwrap_or(100), allowed, "{set:?}");
        assert_eq!(manager.record(&quotas, &here, Instant::from_millis(13_000)), 0, "{set:?}: all is forgotten");
    }
}

#[test]
fn replicas_are_throttled_as_topic_and_broker_say() {
    use crate::ids::TopicPartition;
    use crate::metadata::{ConfigResourceType, MetadataRecord};
    use crate::protocol::messages::ConfigRecord;
    let config = |kind: ConfigResourceType, name: &str, key: &str, value: &str| {
        MetadataRecord::Config(ConfigRecord {
            resource_type: kind.code(),
            resource_name: name.into(),
            name: key.into(),
            value: Some(value.into()),
        })
    };
    const REPLICAS: &str = "leader.replication.throttled.replicas";
    for (replicas, rate, throttled) in [
        ("0:1", Some("1000"), [true, false]),
        ("0:1, 1:1", Some("1000"), [true, true]),
        ("0:2,1:1", Some("1000"), [false, true]),
        ("*", Some("1000"), [true, true]),
        ("", Some("1000"), [false, false]),
        ("*", None, [false, false]),
    ] {
        let mut delta = MetadataDelta::new(&MetadataImage::default());
        let topic = config(ConfigResourceType::Topic, "moving", REPLICAS, replicas);
        let broker =
            rate.map(|rate| config(ConfigResourceType::Broker, "1", "leader.replication.throttled.rate", rate));
        for record in [Some(topic), broker].into_iter().flatten() {
            delta.replay(&record).unwrap_or_else(|error| panic!("{error}"));
        }
        let image = delta.apply(Provenance::EMPTY);
        let mut manager = ReplicationQuotaManager::of_leader(1, WINDOW);
        manager.update(&image);
        let found = [0, 1].map(|index| manager.is_throttled(&image, &TopicPartition::new("moving", index)));
        assert_eq!(found, throttled, "{replicas} at {rate:?}");
        let now = Instant::from_millis(1000);
        manager.record(900, now);
        assert!(!manager.is_exceeded(now), "{}", format!("{rate:?}"));
        manager.record(900, now);
        assert_eq!(manager.is_exceeded(now), rate.is_some());
        assert!(!manager.is_exceeded(Instant::from_millis(3000)), "two seconds later there is room again");
    }
}
