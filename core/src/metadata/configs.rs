//! Dynamic configurations: what `kafka-configs` set on topics, brokers, the cluster, groups and client metrics.

use super::records::MetadataRecord;
use crate::config::{DynamicConfigs, Overrides};
use crate::ids::NodeId;
use crate::protocol::messages::ConfigRecord;
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What a configuration belongs to; the numbers are the wire's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i8)]
pub enum ConfigResourceType {
    /// A topic.
    Topic = 2,
    /// A broker, or with an empty name the default of all brokers.
    Broker = 4,
    /// The log levels of a broker; never in the image.
    BrokerLogger = 8,
    /// A client metrics subscription.
    ClientMetrics = 16,
    /// A consumer or share group.
    Group = 32,
}

impl ConfigResourceType {
    /// The type with this wire number.
    pub fn from_code(code: i8) -> Option<Self> {
        [Self::Topic, Self::Broker, Self::BrokerLogger, Self::ClientMetrics, Self::Group]
            .into_iter()
            .find(|kind| kind.code() == code)
    }

    /// Its wire number.
    pub fn code(self) -> i8 {
        self as i8
    }
}

/// One thing that has configurations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigResource {
    /// What it is.
    pub kind: ConfigResourceType,
    /// Topic name, broker id in decimal, group id, name of a subscription; empty for the cluster-wide default of brokers.
    pub name: Str,
}

impl ConfigResource {
    /// The configurations of a topic.
    pub fn topic(name: impl Into<Str>) -> Self {
        Self { kind: ConfigResourceType::Topic, name: name.into() }
    }

    /// The configurations of a group.
    pub fn group(name: impl Into<Str>) -> Self {
        Self { kind: ConfigResourceType::Group, name: name.into() }
    }

    /// The configurations of a subscription of client metrics.
    pub fn client_metrics(name: impl Into<Str>) -> Self {
        Self { kind: ConfigResourceType::ClientMetrics, name: name.into() }
    }

    /// The configurations of a broker, or (with an empty name) of all brokers.
    pub fn broker(name: impl Into<Str>) -> Self {
        Self { kind: ConfigResourceType::Broker, name: name.into() }
    }
}

/// All dynamic configurations. Only overrides are here; defaults are in [`crate::config`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigurationsImage {
    resources: SortedMap<ConfigResource, Arc<SortedMap<Str, Str>>>,
}

impl ConfigurationsImage {
    /// The overrides of `resource`, by key.
    pub fn of(&self, resource: &ConfigResource) -> impl Iterator<Item = (&Str, &Str)> {
        self.resources.get(resource).into_iter().flat_map(|configs| configs.iter())
    }

    /// One override of `resource`.
    pub fn value(&self, resource: &ConfigResource, key: &str) -> Option<&Str> {
        self.resources.get(resource)?.get(key)
    }

    /// One override of a topic.
    pub fn topic_value(&self, topic: &Str, key: &str) -> Option<&Str> {
        self.value(&ConfigResource::topic(topic.clone()), key)
    }

    /// One override for all brokers (`kafka-configs --entity-default`).
    pub fn cluster_default(&self, key: &str) -> Option<&Str> {
        self.value(&ConfigResource::broker(Str::default()), key)
    }

    /// One override of a broker, or else of all brokers.
    pub fn broker_value(&self, broker: NodeId, key: &str) -> Option<&Str> {
        self.value(&ConfigResource::broker(format!("{broker}")), key).or_else(|| self.cluster_default(key))
    }

    /// All overrides of `resource`.
    pub fn overrides(&self, resource: &ConfigResource) -> Overrides {
        self.of(resource).map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// What is set on a broker while it runs.
    pub fn dynamic(&self, broker: NodeId) -> DynamicConfigs {
        DynamicConfigs {
            broker: self.overrides(&ConfigResource::broker(format!("{broker}"))),
            cluster_default: self.overrides(&ConfigResource::broker(Str::default())),
        }
    }

    /// Every resource that has overrides, with them.
    pub fn iter(&self) -> impl Iterator<Item = (&ConfigResource, &SortedMap<Str, Str>)> {
        self.resources.iter().map(|(resource, configs)| (resource, configs.as_ref()))
    }

    pub(super) fn replay(&mut self, resource: &ConfigResource, record: &ConfigRecord) {
        match &record.value {
            Some(value) => {
                let configs = self.resources.entry(resource.clone()).or_default();
                Arc::make_mut(configs).insert(record.name.detached(), value.detached());
            }
            None => {
                if let Some(configs) = self.resources.get_mut(resource) {
                    Arc::make_mut(configs).remove(&record.name);
                    if configs.is_empty() {
                        self.resources.remove(resource);
                    }
                }
            }
        }
    }

    /// Forgets the overrides of `resource`; answers whether there were any.
    pub(super) fn remove(&mut self, resource: &ConfigResource) -> bool {
        self.resources.remove(resource).is_some()
    }

    pub(super) fn contains(&self, resource: &ConfigResource) -> bool {
        self.resources.contains_key(resource)
    }

    pub(super) fn write(&self, records: &mut Vec<MetadataRecord>) {
        for (resource, configs) in self.iter() {
            records.extend(configs.iter().map(|(name, value)| {
                MetadataRecord::Config(ConfigRecord {
                    resource_type: resource.kind.code(),
                    resource_name: resource.name.clone(),
                    name: name.clone(),
                    value: Some(value.clone()),
                })
            }));
        }
    }
}
