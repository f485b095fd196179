//! Every key of Kafka 4.3's `server.properties` and of its topics: type, default, range, who may change it, meaning.
//!
//! Types, defaults and ranges are those of Apache Kafka 4.3.0's own definitions; the sentences are ours.

mod broker;
mod topic;
mod unused;

use super::key::{ConfigKey, DefaultValue, UpdateMode, Valid, ValueType};

pub use topic::broker_synonyms;

/// Every key a broker or controller knows, sorted by name within each of the two tables it comes from.
pub fn broker_keys() -> impl Iterator<Item = &'static ConfigKey> {
    broker::KEYS.iter().chain(unused::KEYS)
}

/// The key `name` of `server.properties`.
pub fn broker_key(name: &str) -> Option<&'static ConfigKey> {
    find(broker::KEYS, name).or_else(|| find(unused::KEYS, name))
}

/// The key `name` that is set on running brokers alone, in no file (`org.apache.kafka.server.config.QuotaConfig`).
pub fn dynamic_key(name: &str) -> Option<&'static ConfigKey> {
    find(broker::DYNAMIC_KEYS, name)
}

/// Every key of a topic, sorted by name.
pub fn topic_keys() -> impl Iterator<Item = &'static ConfigKey> {
    topic::KEYS.iter()
}

/// The key `name` of a topic.
pub fn topic_key(name: &str) -> Option<&'static ConfigKey> {
    find(topic::KEYS, name)
}

fn find(keys: &'static [ConfigKey], name: &str) -> Option<&'static ConfigKey> {
    let index = keys.binary_search_by(|key| key.name.cmp(name)).ok()?;
    keys.get(index)
}

const REQUIRED: DefaultValue = DefaultValue::Required;
const UNSET: DefaultValue = DefaultValue::Unset;
const MAX_INT: DefaultValue = DefaultValue::Text("2147483647");
const MAX_LONG: DefaultValue = DefaultValue::Text("9223372036854775807");
const MAX_DOUBLE: DefaultValue = DefaultValue::Text("1.7976931348623157E308");
const ACTED_ON: bool = true;
const READ: bool = false;

const fn of(text: &'static str) -> DefaultValue {
    DefaultValue::Text(text)
}

const fn key(
    name: &'static str,
    value_type: ValueType,
    default: DefaultValue,
    valid: Valid,
    update_mode: UpdateMode,
    acted_on: bool,
    documentation: &'static str,
) -> ConfigKey {
    ConfigKey { name, value_type, default, valid, update_mode, acted_on, internal: false, documentation }
}

impl ConfigKey {
    const fn internal(mut self) -> Self {
        self.internal = true;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn tables_are_sorted_and_disjoint() {
        for keys in [broker::KEYS, broker::DYNAMIC_KEYS, unused::KEYS, topic::KEYS] {
            for pair in keys.windows(2) {
                assert!(pair[0].name < pair[1].name, "{} before {}", pair[0].name, pair[1].name);
            }
        }
        assert!(unused::KEYS.iter().all(|key| find(broker::KEYS, key.name).is_none()));
    }

    #[test]
    fn every_default_passes_its_own_check() {
        for key in broker_keys().chain(topic_keys()) {
            // Kafka's own defaults of the voters and of a few lists are empty, which only setting them forbids.
            if let DefaultValue::Text(text) = key.default {
                assert!(key.parse(text).is_ok(), "{}: {:?}", key.name, key.parse(text));
            }
        }
    }

    #[test]
    fn topic_synonyms_are_broker_keys() {
        for key in topic_keys() {
            for synonym in broker_synonyms(key.name) {
                assert!(broker_key(synonym).is_some(), "{synonym}");
            }
        }
        assert_eq!(
            broker_synonyms("retention.ms"),
            ["log.retention.ms", "log.retention.minutes", "log.retention.hours"]
        );
    }

    #[test]
    fn a_broker_key_acts_like_the_topic_key_it_stands_for() {
        for key in topic_keys() {
            for synonym in broker_synonyms(key.name) {
                let acts = broker_key(synonym).map(|broker| broker.acted_on);
                assert_eq!(acts, Some(key.acted_on), "{synonym} and {}", key.name);
            }
        }
    }

    #[test]
    fn a_key_acted_on_has_a_sentence_of_its_own() {
        let mut sentences: Vec<&str> =
            broker::KEYS.iter().filter(|key| key.acted_on).map(|key| key.documentation).collect();
        let count = sentences.len();
        sentences.sort_unstable();
        sentences.dedup();
        assert_eq!(sentences.len(), count);
    }
}
