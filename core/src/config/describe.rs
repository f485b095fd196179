//! Rows of a `DescribeConfigs` response: every key with its value, where that comes from, and what it hides (KIP-226).

use super::broker_config::{BrokerConfig, Overrides};
use super::client_metrics_config;
use super::group_config::{broker_synonym, group_keys};
use super::key::{ConfigKey, UpdateMode, ValueType};
use super::table::{broker_key, broker_keys, broker_synonyms, dynamic_key, topic_keys};
use super::{ConfigError, Value, validate_topic_config};
use crate::java::{hash_map_order, string_hash};
use crate::sorted::sort_by_key;
use crate::text::Str;
use alloc::string::String;
use alloc::vec::Vec;

/// Where a value comes from; the numbers are those of `DescribeConfigs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// The topic's own override.
    DynamicTopic = 1,
    /// Set on one running broker.
    DynamicBroker = 2,
    /// Set on all running brokers.
    DynamicDefaultBroker = 3,
    /// `server.properties`.
    StaticBroker = 4,
    /// Kafka's default.
    Default = 5,
    /// Set on the subscription of client metrics.
    DynamicClientMetrics = 7,
    /// The group's own override.
    DynamicGroup = 8,
}

impl ConfigSource {
    /// Its number on the wire.
    pub const fn code(self) -> i8 {
        self as i8
    }
}

/// A value that counts, or would if stronger ones were taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The key that sets it.
    pub name: Str,
    /// The value; `None` where it is secret.
    pub value: Option<Str>,
    /// Where it is set.
    pub source: ConfigSource,
}

/// One key of a topic or broker.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribedConfig {
    /// Its name.
    pub name: Str,
    /// Its effective value; `None` where it has none or is secret.
    pub value: Option<Str>,
    /// True where it needs a restart to change.
    pub read_only: bool,
    /// Where the effective value comes from.
    pub source: ConfigSource,
    /// True where the value is secret.
    pub sensitive: bool,
    /// All values set for it, the strongest first.
    pub synonyms: Vec<ConfigSynonym>,
    /// Its type; `None` (0 on the wire) where the key is unknown.
    pub config_type: Option<ValueType>,
    /// What it does.
    pub documentation: Option<&'static str>,
}

/// Every key of a topic with these overrides on a broker.
///
/// # Errors
/// An override that is unknown or wrong; nothing that passed [`validate_topic_config`] is.
pub fn describe_topic(broker: &BrokerConfig, overrides: &Overrides) -> Result<Vec<DescribedConfig>, ConfigError> {
    let defaults = broker.topic_values();
    let mut rows = Vec::new();
    for key in topic_keys().filter(|key| !key.internal || overrides.contains_key(key.name)) {
        let own = overrides.get(key.name).map(|text| validate_topic_config(key.name, text)).transpose()?;
        let value = shown(own.as_ref().unwrap_or_else(|| defaults.value(key.name)));
        let mut synonyms = match broker_synonyms(key.name) {
            [] => Vec::new(),
            names @ [first, ..] => broker.synonyms(first, names),
        };
        if own.is_some() {
            let own = ConfigSynonym { name: key.name.into(), value: value.clone(), source: ConfigSource::DynamicTopic };
            synonyms.insert(0, own);
        }
        rows.push(row(key, value, synonyms));
    }
    hash_map_order(&mut rows, 16, |row| string_hash(&row.name));
    Ok(rows)
}

/// Every key of a broker, with those of its file that Kafka does not know.
pub fn describe_broker(broker: &BrokerConfig) -> Vec<DescribedConfig> {
    let mut rows: Vec<DescribedConfig> = broker_keys()
        .filter(|key| !key.internal || broker.given().contains_key(key.name))
        .map(|key| {
            let synonyms = broker.synonyms(key.name, related(key.name));
            let value = if key.is_sensitive() { None } else { shown(broker.value(key.name)) };
            row(key, value, synonyms)
        })
        .collect();
    let dynamic = broker.dynamic();
    let mut only_dynamic: Vec<&ConfigKey> =
        (dynamic.broker.keys().chain(dynamic.cluster_default.keys())).filter_map(|name| dynamic_key(name)).collect();
    sort_by_key(&mut only_dynamic, |key| key.name);
    only_dynamic.dedup_by_key(|key| key.name);
    rows.extend(only_dynamic.into_iter().map(|key| {
        let synonyms = broker.synonyms(key.name, &[]);
        let value = synonyms.first().and_then(|strongest| strongest.value.clone());
        row(key, value, synonyms)
    }));
    for (names, source) in [
        (&dynamic.broker, ConfigSource::DynamicBroker),
        (&dynamic.cluster_default, ConfigSource::DynamicDefaultBroker),
        (broker.given(), ConfigSource::StaticBroker),
    ] {
        for name in names.keys().filter(|name| broker_key(name).is_none() && dynamic_key(name).is_none()) {
            if !rows.iter().any(|row| row.name == *name) {
                rows.push(unknown(name, source, broker.synonyms(name, &[])));
            }
        }
    }
    hash_map_order(&mut rows, 16, |row| string_hash(&row.name));
    rows
}

/// What is set for all running brokers at once (`--entity-default`).
pub fn describe_broker_defaults(broker: &BrokerConfig) -> Vec<DescribedConfig> {
    let set = &broker.dynamic().cluster_default;
    let rows = set.iter().map(|(name, text)| {
        let key = broker_key(name).or_else(|| dynamic_key(name));
        let value = key.filter(|key| !key.is_sensitive()).map(|_| text.clone());
        let source = ConfigSource::DynamicDefaultBroker;
        let synonyms = alloc::vec![ConfigSynonym { name: name.clone(), value: value.clone(), source }];
        match key {
            Some(key) => row(key, value, synonyms),
            None => unknown(name, source, synonyms),
        }
    });
    rows.collect()
}

/// Kafka cannot know whether an unknown key holds a secret, so it hides the value.
fn unknown(name: &Str, source: ConfigSource, synonyms: Vec<ConfigSynonym>) -> DescribedConfig {
    DescribedConfig {
        name: name.clone(),
        value: None,
        read_only: true,
        source,
        sensitive: true,
        synonyms,
        config_type: None,
        documentation: None,
    }
}

/// Every key of a group with these overrides: what is not set is as the broker's own key of that meaning says.
pub fn describe_group(broker: &BrokerConfig, overrides: &Overrides) -> Vec<DescribedConfig> {
    let rows = group_keys().map(|key| {
        let of_broker = broker_synonym(key.name).and_then(|name| broker_key(&name));
        let default = || {
            let value = shown(&key.default_value());
            let source = ConfigSource::Default;
            (value.clone(), alloc::vec![ConfigSynonym { name: key.name.into(), value, source }])
        };
        let (mut value, mut synonyms) = of_broker.map_or_else(default, |of_broker| {
            (shown(broker.value(of_broker.name)), broker.synonyms(of_broker.name, &[]))
        });
        if let Some(own) = overrides.get(key.name) {
            value = Some(own.clone());
            let source = ConfigSource::DynamicGroup;
            synonyms.insert(0, ConfigSynonym { name: key.name.into(), value: value.clone(), source });
        }
        DescribedConfig { read_only: false, ..row(&key, value, synonyms) }
    });
    let mut rows: Vec<DescribedConfig> = rows.collect();
    hash_map_order(&mut rows, 16, |row| string_hash(&row.name));
    rows
}

/// Every key of a subscription of client metrics with these overrides; none of one that has none.
pub fn describe_client_metrics(overrides: &Overrides) -> Vec<DescribedConfig> {
    if overrides.is_empty() {
        return Vec::new();
    }
    let rows = client_metrics_config::KEYS.iter().map(|key| {
        let own = overrides.get(key.name).cloned();
        let source = ConfigSource::DynamicClientMetrics;
        let synonyms = own.iter().map(|own| ConfigSynonym { name: key.name.into(), value: Some(own.clone()), source });
        row(key, own.clone().or_else(|| shown(&key.default_value())), synonyms.collect())
    });
    rows.collect()
}

impl BrokerConfig {
    /// All values set for `name` under any of `names` (`name` itself where those are none), the strongest first. As in
    /// Kafka, what stands before the first value of `name` itself is left out.
    fn synonyms(&self, name: &str, names: &[&str]) -> Vec<ConfigSynonym> {
        let alone = [name];
        let names = if names.is_empty() { &alone[..] } else { names };
        let mut found: Vec<ConfigSynonym> = Vec::new();
        for (values, source) in [
            (&self.dynamic().broker, ConfigSource::DynamicBroker),
            (&self.dynamic().cluster_default, ConfigSource::DynamicDefaultBroker),
            (self.given(), ConfigSource::StaticBroker),
        ] {
            for &name in names {
                // `node.id` stands for `broker.id`, too.
                let stand_in = if name == "broker.id" { values.get("node.id") } else { None };
                if let Some(text) = values.get(name).or(stand_in) {
                    let key = broker_key(name).or_else(|| dynamic_key(name));
                    let secret = key.is_none_or(ConfigKey::is_sensitive);
                    let value = (!secret).then(|| text.clone());
                    found.push(ConfigSynonym { name: name.into(), value, source });
                }
            }
        }
        for &name in names {
            let default = broker_key(name).and_then(|key| shown(&key.default_value()));
            if default.is_some() {
                found.push(ConfigSynonym { name: name.into(), value: default, source: ConfigSource::Default });
            }
        }
        let first = found.iter().position(|synonym| synonym.name == *name).unwrap_or(found.len());
        found.drain(..first);
        found
    }
}

/// The keys that mean the same in other units, the strongest first; none where a key stands alone.
fn related(name: &str) -> &'static [&'static str] {
    const FAMILIES: [&[&str]; 4] = [
        &["log.retention.ms", "log.retention.minutes", "log.retention.hours"],
        &["log.roll.ms", "log.roll.hours"],
        &["log.roll.jitter.ms", "log.roll.jitter.hours"],
        &["log.flush.interval.ms", "log.flush.scheduler.interval.ms"],
    ];
    FAMILIES.into_iter().find(|family| family.contains(&name)).unwrap_or_default()
}

fn row(key: &ConfigKey, value: Option<Str>, synonyms: Vec<ConfigSynonym>) -> DescribedConfig {
    DescribedConfig {
        name: key.name.into(),
        value,
        read_only: key.update_mode == UpdateMode::ReadOnly,
        source: synonyms.first().map_or(ConfigSource::Default, |synonym| synonym.source),
        sensitive: key.is_sensitive(),
        synonyms,
        config_type: Some(key.value_type),
        documentation: Some(key.documentation),
    }
}

fn shown(value: &Value) -> Option<Str> {
    value.print().map(|text: String| Str::from(text))
}
