//! Configurations of groups, as `kafka-configs.sh --group` sets them (`org.apache.kafka.coordinator.group.GroupConfig`).

use super::broker_config::{BrokerConfig, Overrides};
use super::key::{ConfigKey, DefaultValue, UpdateMode, Valid, ValueType};
use super::table::broker_key;
use super::{ConfigError, Value};
use alloc::format;
use alloc::string::String;

/// Keys whose values a broker's own keys bound, and that those are defaults of: the same with `group.` before.
const OF_BROKERS: [&str; 14] = [
    "consumer.assignment.interval.ms",
    "consumer.heartbeat.interval.ms",
    "consumer.session.timeout.ms",
    "share.assignment.interval.ms",
    "share.delivery.count.limit",
    "share.heartbeat.interval.ms",
    "share.partition.max.record.locks",
    "share.record.lock.duration.ms",
    "share.session.timeout.ms",
    "streams.assignment.interval.ms",
    "streams.heartbeat.interval.ms",
    "streams.initial.rebalance.delay.ms",
    "streams.num.standby.replicas",
    "streams.session.timeout.ms",
];

/// Keys only groups have.
const OF_GROUPS: [ConfigKey; 3] = [
    own("share.auto.offset.reset", ValueType::String, "latest", Valid::Any, "Where a new share group begins to read."),
    own(
        "share.isolation.level",
        ValueType::String,
        "read_uncommitted",
        Valid::OneOf(&["read_committed", "read_uncommitted"]),
        "Which records of transactions a share group reads.",
    ),
    own(
        "share.renew.acknowledge.enable",
        ValueType::Boolean,
        "true",
        Valid::Any,
        "Whether members may renew their lock on a record.",
    ),
];

/// In the order in which Kafka checks them: a key, and whether it is checked only where it is set.
const BOUNDED: [(&str, bool); 13] = [
    ("consumer.heartbeat.interval.ms", false),
    ("consumer.session.timeout.ms", false),
    ("consumer.assignment.interval.ms", true),
    ("share.heartbeat.interval.ms", false),
    ("share.session.timeout.ms", false),
    ("share.record.lock.duration.ms", false),
    ("share.delivery.count.limit", false),
    ("share.partition.max.record.locks", false),
    ("share.assignment.interval.ms", true),
    ("streams.heartbeat.interval.ms", false),
    ("streams.session.timeout.ms", false),
    ("streams.num.standby.replicas", false),
    ("streams.assignment.interval.ms", true),
];

const fn own(
    name: &'static str,
    value_type: ValueType,
    default: &'static str,
    valid: Valid,
    documentation: &'static str,
) -> ConfigKey {
    ConfigKey {
        name,
        value_type,
        default: DefaultValue::Text(default),
        valid,
        update_mode: UpdateMode::Cluster,
        acted_on: false,
        internal: false,
        documentation,
    }
}

/// Every key of a group.
pub(super) fn group_keys() -> impl Iterator<Item = ConfigKey> {
    let of_brokers = OF_BROKERS.iter().filter_map(|name| {
        let key = broker_key(&broker_synonym(name)?)?;
        Some(ConfigKey { name, ..*key })
    });
    of_brokers.chain(OF_GROUPS)
}

/// The broker's key of the same meaning.
pub(super) fn broker_synonym(name: &str) -> Option<String> {
    OF_BROKERS.contains(&name).then(|| format!("group.{name}"))
}

/// Checks all that is set on a group, with Kafka's own text where something is wrong or unknown.
pub fn validate_group_configs(broker: &BrokerConfig, overrides: &Overrides) -> Result<(), ConfigError> {
    for name in overrides.keys() {
        if !group_keys().any(|key| *key.name == **name) {
            return Err(ConfigError::of(name, format!("Unknown group config name: {name}")));
        }
    }
    for key in group_keys() {
        if let Some(text) = overrides.get(key.name) {
            key.parse(text)?;
        }
    }
    let number = |name: &str| match overrides.get(name) {
        Some(text) => text.trim().parse::<i64>().unwrap_or_default(),
        None => of_broker(broker, &format!("group.{name}")).unwrap_or_default(),
    };
    let refused = |name: &str, relation: &str, other: &str| {
        Err(ConfigError::of(name, format!("{name} must be {relation} {other}")))
    };
    for (name, only_where_set) in BOUNDED {
        if only_where_set && !overrides.contains_key(name) {
            continue;
        }
        let [least, most] = ["min", "max"].map(|bound| bound_of(name, bound));
        if of_broker(broker, &least).is_some_and(|least| number(name) < least) {
            return refused(name, "greater than or equal to", &least);
        }
        if of_broker(broker, &most).is_some_and(|most| number(name) > most) {
            return refused(name, "less than or equal to", &most);
        }
    }
    for kind in ["consumer", "share", "streams"] {
        let [session, heartbeat] = ["session.timeout.ms", "heartbeat.interval.ms"].map(|rest| format!("{kind}.{rest}"));
        if number(&session) <= number(&heartbeat) {
            return refused(&session, "greater than", &heartbeat);
        }
    }
    Ok(())
}

/// The broker's key that bounds one of a group.
fn bound_of(name: &str, bound: &str) -> String {
    let (kind, rest) = name.split_once('.').unwrap_or((name, ""));
    format!("group.{kind}.{bound}.{}", rest.strip_prefix("num.").unwrap_or(rest))
}

fn of_broker(broker: &BrokerConfig, name: &str) -> Option<i64> {
    match broker_key(name).map(|key| broker.value(key.name)) {
        Some(Value::Number(number)) => Some(*number),
        _ => None,
    }
}
