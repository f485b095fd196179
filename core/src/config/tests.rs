use super::*;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

/// A file that Kafka 4.3 starts with; the cases below change lines of it. Their texts are what Kafka 4.3.0 answered.
const BASE: &str = "process.roles=broker,controller\n\
    node.id=1\n\
    controller.quorum.voters=1@localhost:9093\n\
    listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n\
    controller.listener.names=CONTROLLER\n\
    listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
    log.dirs=/tmp/x\n";

/// `BASE` with changes between semicolons: `key=value` sets, `-key` removes.
fn changed(changes: &str) -> Properties {
    let mut lines: Vec<String> = BASE.lines().map(String::from).collect();
    for change in changes.split(';').filter(|change| !change.is_empty()) {
        let key = change.strip_prefix('-').unwrap_or_else(|| change.split_once('=').unwrap().0);
        let is_key = |line: &String| line.split_once('=').unwrap().0 == key;
        if change.starts_with('-') {
            lines.retain(|line| !is_key(line));
        } else if let Some(line) = lines.iter_mut().find(|line| is_key(line)) {
            *line = change.into();
        } else {
            lines.push(change.into());
        }
    }
    Properties::parse(&lines.join("\n")).unwrap()
}

fn config(changes: &str) -> BrokerConfig {
    BrokerConfig::from_properties(&changed(changes)).unwrap_or_else(|error| panic!("{changes}: {error}"))
}

#[test]
fn a_key_tells_what_its_values_are_chosen_from() {
    for (name, choices) in [
        ("process.roles", &["broker", "controller"][..]),
        ("auto.create.topics.enable", &["true", "false"]),
        ("log.cleanup.policy", &["compact", "delete"]),
        ("num.partitions", &["1"]),
        ("node.id", &[]),
    ] {
        assert_eq!(table::broker_key(name).map(key::ConfigKey::choices).as_deref(), Some(choices), "{name}");
    }
}

#[test]
fn mistakes_are_answered_in_kafkas_words() {
    for case in include_str!("mistakes.txt").split("\n\n") {
        let (changes, expected) = case.trim().split_once('\n').unwrap();
        let error = BrokerConfig::from_properties(&changed(changes)).expect_err(changes);
        assert_eq!(error.message, expected.trim(), "{changes}");
        assert!(error.key.is_some(), "{changes}");
    }
}

#[test]
fn a_mistake_names_its_line() {
    let error = BrokerConfig::from_properties(&changed("num.partitions=x")).unwrap_err();
    assert_eq!((error.key.as_deref(), error.line), (Some("num.partitions"), Some(8)));
}

#[test]
fn addresses_are_derived_as_kafka_does() {
    let simple = config("-listener.security.protocol.map;listeners=PLAINTEXT://:9092,CONTROLLER://:9093");
    assert_eq!(simple.listeners.len(), 2);
    assert_eq!(simple.listeners[0].host, *"");
    assert_eq!(simple.advertised_listeners.len(), 1);
    assert_eq!((&*simple.advertised_listeners[0].host, simple.advertised_listeners[0].port), ("localhost", 9092));
    assert_eq!(simple.inter_broker_listener_name, *"PLAINTEXT");

    let controller = config("process.roles=controller;listeners=CONTROLLER://localhost:9093");
    assert!(controller.is_controller && !controller.is_broker && controller.advertised_listeners.is_empty());

    let broker = config("process.roles=broker;node.id=2;listeners=PLAINTEXT://localhost:9092");
    assert!(broker.is_broker && !broker.is_controller);

    let told =
        config("advertised.listeners=PLAINTEXT://h:19,CONTROLLER://h:9093;listeners=plaintext://:1,controller://:2");
    assert_eq!((&*told.advertised_listeners[0].host, told.advertised_listeners[0].port), ("h", 19));
    assert!(told.is_controller_listener("CONTROLLER"));

    let dynamic_quorum = config("-controller.quorum.voters;controller.quorum.bootstrap.servers=a:1,b:2");
    assert_eq!(dynamic_quorum.quorum_bootstrap_servers[1], HostAndPort { host: "b".into(), port: 2 });
    assert_eq!(config("-node.id;broker.id=1").node_id, 1);
}

#[test]
fn directories_follow_log_dirs_then_log_dir() {
    for (changes, dirs, metadata) in [
        ("", vec!["/tmp/x"], "/tmp/x"),
        ("-log.dirs", vec!["/tmp/kafka-logs"], "/tmp/kafka-logs"),
        ("-log.dirs;log.dir=/q, /r", vec!["/q", "/r"], "/q"),
        ("log.dirs=/a,/a", vec!["/a"], "/a"),
        ("metadata.log.dir=/m", vec!["/tmp/x"], "/m"),
    ] {
        let config = config(changes);
        assert_eq!(config.log_dirs, dirs, "{changes}");
        assert_eq!(config.metadata_log_dir, *metadata, "{changes}");
    }
}

#[test]
fn what_is_odd_is_told() {
    let properties = changed("zookeeper.connect=localhost:2181;num.io.threads=8");
    let warnings = BrokerConfig::warnings(&properties);
    assert_eq!(
        warnings,
        [
            ConfigWarning::Unknown { key: "zookeeper.connect".into(), line: 8 },
            ConfigWarning::NotActedOn { key: "num.io.threads".into(), line: 9 },
        ]
    );
    let twice = Properties::parse("node.id=1\nnode.id=2").unwrap();
    assert_eq!(BrokerConfig::warnings(&twice), [ConfigWarning::Repeated { key: "node.id".into(), line: 1 }]);
}

#[test]
fn the_defaults_are_kafkas() {
    let config = config("");
    assert_eq!(config.topic_defaults, TopicConfig::kafka_defaults());
    assert_eq!(config.quorum.election_timeout.as_millis(), 1000);
    assert_eq!(config.lifecycle.session_timeout.as_millis(), 9000);
    assert_eq!(config.replication.lag_time_max.as_millis(), 30_000);
    assert_eq!(config.groups.offsets_retention.as_secs(), 7 * 24 * 3600);
    assert_eq!(config.groups.offsets_topic_replication_factor, 3);
    assert_eq!(config.network.fetch_max_bytes, 57_671_680);
    assert_eq!(config.topics.num_partitions, 1);
}

/// Every section asks [`value::Values`] for its keys by text; a misspelt one would be silently zero.
#[test]
fn sections_name_only_keys_of_the_table() {
    for (source, keys) in [
        (include_str!("broker_sections.rs"), table::broker_key as fn(&str) -> Option<&'static key::ConfigKey>),
        (include_str!("topic_config.rs"), table::topic_key),
        (include_str!("broker_config.rs"), table::broker_key),
    ] {
        let mut asked = 0;
        for getter in ["millis(\"", "long(\"", "int(\"", "double(\"", "boolean(\"", "text(\"", "list(\"", "optional(\""]
        {
            for rest in source.split(&alloc::format!("values.{getter}")).skip(1) {
                let name = rest.split('"').next().unwrap();
                assert!(keys(name).is_some(), "{name}");
                asked += 1;
            }
        }
        assert!(asked > 3);
    }
}

#[test]
fn a_topic_overrides_what_the_broker_says() {
    let broker = config("log.retention.hours=1;log.segment.bytes=2097152;log.cleanup.policy=compact,delete");
    assert_eq!(broker.topic_defaults.retention_ms, 3_600_000);
    let overrides = Overrides::from([("segment.bytes".into(), "3000000".into()), ("cleanup.policy".into(), "".into())]);
    let topic = TopicConfig::effective(&broker, &overrides).unwrap();
    assert_eq!((topic.retention_ms, topic.segment_bytes), (3_600_000, 3_000_000));
    assert_eq!(topic.cleanup_policy, CleanupPolicy { compact: false, delete: false });
    assert_eq!(config("log.retention.ms=-2").topic_defaults.retention_ms, -1);
    assert_eq!(config("log.retention.minutes=2").topic_defaults.retention_ms, 120_000);
}

#[test]
fn topic_mistakes_are_answered_in_kafkas_words() {
    for (name, value, expected) in [
        ("foo.bar", "1", "Unknown topic config name: foo.bar"),
        ("retention.ms", "x", "Invalid value x for configuration retention.ms: Not a number of type LONG"),
        ("retention.ms", "-2", "Invalid value -2 for configuration retention.ms: Value must be at least -1"),
        (
            "cleanup.policy",
            "compact,foo",
            "Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete",
        ),
        (
            "compression.gzip.level",
            "0",
            "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1",
        ),
        (
            "compression.lz4.level",
            "99",
            "Invalid value 99 for configuration compression.lz4.level: Value must be no more than 17",
        ),
        (
            "min.cleanable.dirty.ratio",
            "2",
            "Invalid value 2.0 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
        ),
        (
            "min.cleanable.dirty.ratio",
            "-1",
            "Invalid value -1.0 for configuration min.cleanable.dirty.ratio: Value must be at least 0",
        ),
        (
            "preallocate",
            "x",
            "Invalid value x for configuration preallocate: Expected value to be either true or false",
        ),
        (
            "index.interval.bytes",
            "99999999999",
            "Invalid value 99999999999 for configuration index.interval.bytes: Not a number of type INT",
        ),
        (
            "leader.replication.throttled.replicas",
            "x",
            "Invalid value [x] for configuration leader.replication.throttled.replicas: leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
        ),
        (
            "file.delete.delay.ms",
            "",
            "Invalid value  for configuration file.delete.delay.ms: Not a number of type LONG",
        ),
    ] {
        assert_eq!(validate_topic_config(name, value).unwrap_err().message, *expected);
    }
    for (name, value) in [
        ("retention.ms", "-1"),
        ("cleanup.policy", ""),
        ("cleanup.policy", " delete , compact "),
        ("compression.gzip.level", "-1"),
        ("leader.replication.throttled.replicas", "1:2"),
        ("leader.replication.throttled.replicas", "*"),
        ("segment.bytes", " 2000000 "),
        ("retention.bytes", "-5"),
        ("preallocate", "TRUE"),
        ("min.cleanable.dirty.ratio", "1e-1"),
    ] {
        assert!(validate_topic_config(name, value).is_ok(), "{name}={value}");
    }
    let conflict = Overrides::from([
        ("min.compaction.lag.ms".into(), "100".into()),
        ("max.compaction.lag.ms".into(), "10".into()),
    ]);
    assert_eq!(
        TopicConfig::effective(&config(""), &conflict).unwrap_err().to_string(),
        "conflict topic config setting min.compaction.lag.ms (100) > max.compaction.lag.ms (10)"
    );
}

#[test]
fn dynamic_changes_are_checked_by_themselves() {
    let check = |pairs: &[(&str, &str)], per_broker| {
        let changed = pairs.iter().map(|(key, value)| (Str::from(*key), Str::from(*value))).collect();
        BrokerConfig::validate_dynamic(&changed, per_broker).map_err(|error| error.to_string())
    };
    assert_eq!(check(&[("log.dirs", "/x")], true).unwrap_err(), "Cannot update these configs dynamically: [log.dirs]");
    assert_eq!(
        check(&[("listeners", "PLAINTEXT://:1")], false).unwrap_err(),
        "Cannot update these configs at default cluster level, broker id must be specified: [listeners]"
    );
    assert_eq!(
        check(&[("num.io.threads", "0")], true).unwrap_err(),
        "Invalid value 0 for configuration num.io.threads: Value must be at least 1"
    );
    assert_eq!(check(&[("foo", "x"), ("log.retention.ms", "5")], false), Ok(()));
}

#[test]
fn dynamic_changes_are_checked_with_the_brokers_own_file() {
    let check = |key: &str, value: &str| {
        let then = DynamicConfigs { broker: [(Str::from(key), Str::from(value))].into(), ..Default::default() };
        let file = config("log.dirs=/a,/b");
        file.validate_change(DynamicConfigs::default(), then, true).map_err(|error| error.message.to_string())
    };
    let threads = |key: &str, value: &str, why: &str| {
        let text = format!(
            "Invalid value org.apache.kafka.common.config.ConfigException: {why} for configuration Invalid dynamic \
             configuration"
        );
        assert_eq!(check(key, value), Err(text), "{key}={value}");
    };
    let pool = "Dynamic thread count update validation failed for num.io.threads";
    threads("num.io.threads", "17", &format!("{pool}=17, value should not be greater than double the current value 8"));
    threads("num.io.threads", "3", &format!("{pool}=3, value should be at least half the current value 8"));
    threads(
        "log.cleaner.threads",
        "3",
        "Log cleaner threads cannot be increased to more than double the current value 1",
    );
    for (key, value) in
        [("num.io.threads", "16"), ("num.io.threads", "4"), ("cordoned.log.dirs", "/b"), ("cordoned.log.dirs", "*")]
    {
        assert_eq!(check(key, value), Ok(()), "{key}={value}");
    }
    let missing = "requirement failed: All entries in cordoned.log.dirs must be present in log.dirs or log.dir. Missing \
                   entries : /c";
    assert_eq!(check("cordoned.log.dirs", "/b,/c").unwrap_err(), missing);
    let star = "requirement failed: When cordoned.log.dirs is set to *, it must not contain other values";
    assert_eq!(check("cordoned.log.dirs", "/b,*").unwrap_err(), star);
}

#[test]
fn a_dynamic_value_counts_before_the_file() {
    let dynamic = DynamicConfigs {
        broker: Overrides::from([("log.retention.ms".into(), "5".into()), ("num.partitions".into(), "9".into())]),
        cluster_default: Overrides::from([
            ("log.retention.ms".into(), "7".into()),
            ("message.max.bytes".into(), "8".into()),
        ]),
    };
    let config = config("message.max.bytes=100").with_dynamic(dynamic).unwrap();
    assert_eq!(config.topic_defaults.retention_ms, 5);
    assert_eq!(config.topic_defaults.max_message_bytes, 8);
    assert_eq!(config.topics.num_partitions, 1, "num.partitions cannot change without a restart");
}

#[test]
fn of_what_was_set_without_a_check_that_counts_which_can() {
    let dynamic = DynamicConfigs {
        broker: Overrides::from([("log.retention.ms".into(), "soon".into()), ("message.max.bytes".into(), "9".into())]),
        cluster_default: Overrides::from([
            ("log.retention.ms".into(), "7".into()),
            ("log.cleaner.threads".into(), "none".into()),
            ("no.such.key".into(), "x".into()),
        ]),
    };
    let config = config("message.max.bytes=100").with_dynamic(dynamic).unwrap();
    assert_eq!(config.topic_defaults.retention_ms, 7);
    assert_eq!(config.topic_defaults.max_message_bytes, 9);
}

#[test]
fn describing_tells_sources_and_synonyms_as_kafka_does() {
    let broker = config("log.retention.hours=1;min.insync.replicas=2;my.own.key=secret");
    let overrides = Overrides::from([("min.insync.replicas".into(), "3".into())]);
    let rows = describe_topic(&broker, &overrides).unwrap();
    let row = |name: &str| rows.iter().find(|row| row.name == *name).unwrap();
    let in_sync = row("min.insync.replicas");
    let shown: Vec<_> =
        in_sync.synonyms.iter().map(|synonym| (synonym.value.as_deref().unwrap(), synonym.source)).collect();
    assert_eq!(
        shown,
        [("3", ConfigSource::DynamicTopic), ("2", ConfigSource::StaticBroker), ("1", ConfigSource::Default)]
    );
    assert_eq!((in_sync.value.as_deref(), in_sync.source), (Some("3"), ConfigSource::DynamicTopic));
    // Set only in hours: Kafka shows the value, but calls it a default without synonyms.
    let retention = row("retention.ms");
    assert_eq!((retention.value.as_deref(), retention.source), (Some("3600000"), ConfigSource::Default));
    assert!(retention.synonyms.is_empty());
    assert_eq!(row("segment.bytes").synonyms[0].name, *"log.segment.bytes");
    assert!(!rows.iter().any(|row| row.name == *"internal.segment.bytes"));

    let rows = describe_broker(&broker);
    let row = |name: &str| rows.iter().find(|row| row.name == *name).unwrap();
    assert!(row("my.own.key").sensitive && row("my.own.key").value.is_none());
    assert_eq!(row("log.retention.hours").source, ConfigSource::StaticBroker);
    assert!(row("log.dirs").read_only && !row("log.cleaner.threads").read_only);
    assert_eq!(row("log.cleaner.io.max.bytes.per.second").value.as_deref(), Some("1.7976931348623157E308"));
    assert_eq!(row("num.partitions").config_type, Some(key::ValueType::Int));
}

#[test]
fn every_playground_node_starts() {
    for brokers in 1..=9 {
        for node_id in 0..i32::from(brokers) {
            let text = playground::playground_properties(node_id, brokers);
            let properties = Properties::parse(&text).unwrap();
            let config = BrokerConfig::from_properties(&properties).unwrap();
            assert_eq!(BrokerConfig::warnings(&properties), []);
            assert_eq!(config.quorum_voters.len(), usize::from(brokers));
            assert_eq!(config.listeners[1].port, 19092 + node_id as u16);
            assert!(config.topic_defaults.min_insync_replicas <= i32::from(brokers));
        }
    }
}

#[test]
fn deviations_are_the_designs() {
    let rows: Vec<String> = playground::deviations(3)
        .iter()
        .map(|row| alloc::format!("{} {} -> {}", row.key, row.kafka, row.playground))
        .collect();
    assert_eq!(
        rows,
        [
            "controller.quorum.election.timeout.ms 1000 -> 300",
            "controller.quorum.fetch.timeout.ms 2000 -> 1000",
            "broker.heartbeat.interval.ms 2000 -> 300",
            "broker.session.timeout.ms 9000 -> 3000",
            "default.replication.factor 1 -> 3",
            "min.insync.replicas 1 -> 2",
            "log.flush.interval.messages 9223372036854775807 -> 1",
            "log.segment.bytes 1073741824 -> 16777216",
            "log.retention.bytes -1 -> 268435456",
            "group.initial.rebalance.delay.ms 3000 -> 0",
        ]
    );
    assert!(playground::deviations(1).iter().any(|row| row.key == "offsets.topic.replication.factor"));
}

#[test]
fn groups_are_described_by_the_keys_of_their_broker() {
    let broker = config("group.consumer.session.timeout.ms=50000");
    let rows = describe_group(&broker, &Overrides::new());
    assert_eq!(rows.len(), 17);
    let row = |name: &str| rows.iter().find(|row| row.name == *name).unwrap();
    let session = row("consumer.session.timeout.ms");
    assert_eq!((session.value.as_deref(), session.source), (Some("50000"), ConfigSource::StaticBroker));
    assert_eq!(session.synonyms[0].name, *"group.consumer.session.timeout.ms");
    let reset = row("share.auto.offset.reset");
    assert_eq!((reset.value.as_deref(), reset.source), (Some("latest"), ConfigSource::Default));

    let own: Overrides = [("consumer.session.timeout.ms".into(), "46000".into())].into_iter().collect();
    let rows = describe_group(&broker, &own);
    let session = rows.iter().find(|row| row.name == *"consumer.session.timeout.ms").unwrap();
    assert_eq!((session.value.as_deref(), session.source), (Some("46000"), ConfigSource::DynamicGroup));
    let sources: Vec<_> = session.synonyms.iter().map(|synonym| synonym.source).collect();
    assert_eq!(sources, [ConfigSource::DynamicGroup, ConfigSource::StaticBroker, ConfigSource::Default]);
}

#[test]
fn groups_are_bounded_by_their_broker() {
    let broker = config("group.share.max.heartbeat.interval.ms=6000");
    for (key, value, message) in [
        ("consumer.session.timeout.ms", "46000", None),
        ("no.such.config", "1", Some("Unknown group config name: no.such.config")),
        (
            "consumer.session.timeout.ms",
            "1",
            Some("consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms"),
        ),
        (
            "share.heartbeat.interval.ms",
            "6001",
            Some("share.heartbeat.interval.ms must be less than or equal to group.share.max.heartbeat.interval.ms"),
        ),
        (
            "streams.num.standby.replicas",
            "3",
            Some("streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas"),
        ),
        (
            "consumer.session.timeout.ms",
            "abc",
            Some("Invalid value abc for configuration consumer.session.timeout.ms: Not a number of type INT"),
        ),
    ] {
        let own: Overrides = [(key.into(), value.into())].into_iter().collect();
        let error = validate_group_configs(&broker, &own).err();
        assert_eq!(error.as_ref().map(|error| &*error.message), message, "{key}={value}");
    }
}
