//! The nodes of the cluster as they registered.

use super::partition::{DIRECTORY_MIGRATING, DIRECTORY_UNASSIGNED};
use super::records::MetadataRecord;
use crate::ids::{BrokerEpoch, NodeId, Uuid};
use crate::protocol::messages::register_broker_record::{BrokerEndpoint, BrokerFeature};
use crate::protocol::messages::register_controller_record::{ControllerEndpoint, ControllerFeature};
use crate::protocol::messages::{RegisterBrokerRecord, RegisterControllerRecord};
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// One listener of a node, as others reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Name of the listener, as in `advertised.listeners`.
    pub name: Str,
    /// Host name or address.
    pub host: Str,
    /// Port.
    pub port: u16,
    /// 0 PLAINTEXT, 1 SSL, 2 `SASL_PLAINTEXT`, 3 `SASL_SSL`.
    pub security_protocol: i16,
}

/// The versions of a feature a node supports, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionRange {
    /// Lowest.
    pub min: i16,
    /// Highest.
    pub max: i16,
}

/// A broker as it registered, and what the controller decided about it since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerRegistration {
    /// Its `node.id`.
    pub id: NodeId,
    /// Its broker epoch: offset of the record that registered this incarnation.
    pub epoch: BrokerEpoch,
    /// Drawn anew at each start of the process.
    pub incarnation_id: Uuid,
    /// Its listeners, in the order it named them.
    pub listeners: Vec<Endpoint>,
    /// Features it supports.
    pub features: SortedMap<Str, VersionRange>,
    /// Its `broker.rack`.
    pub rack: Option<Str>,
    /// Fenced: it may not lead, is in no ISR, and clients are not told of it.
    pub fenced: bool,
    /// It asked to stop and its leaderships are moving away.
    pub in_controlled_shutdown: bool,
    /// Ids of its online log directories.
    pub log_dirs: Vec<Uuid>,
    /// Those of them that take no new replicas.
    pub cordoned_log_dirs: Vec<Uuid>,
}

impl BrokerRegistration {
    /// Neither fenced nor shutting down: it may lead and join an ISR.
    pub fn is_active(&self) -> bool {
        !self.fenced && !self.in_controlled_shutdown
    }

    /// The endpoint of the listener called `name`.
    pub fn endpoint(&self, name: &str) -> Option<&Endpoint> {
        self.listeners.iter().find(|endpoint| endpoint.name == *name)
    }

    /// Whether log directory `directory` is online. A replica that has no directory yet is not in an offline one, and a
    /// broker that named no directories has none that could be missed.
    pub fn has_online_directory(&self, directory: Uuid) -> bool {
        matches!(directory, DIRECTORY_MIGRATING | DIRECTORY_UNASSIGNED)
            || self.log_dirs.is_empty()
            || self.log_dirs.contains(&directory)
    }

    /// Where a new replica on this broker goes: its only log directory, or one it will choose and report.
    pub fn default_directory(&self) -> Uuid {
        match self.log_dirs.as_slice() {
            [] => DIRECTORY_MIGRATING,
            [only] => *only,
            _ => DIRECTORY_UNASSIGNED,
        }
    }

    pub(super) fn from_record(record: &RegisterBrokerRecord) -> Self {
        let listeners = record.end_points.iter().map(|endpoint| Endpoint {
            name: endpoint.name.detached(),
            host: endpoint.host.detached(),
            port: endpoint.port,
            security_protocol: endpoint.security_protocol,
        });
        let features = record.features.iter().map(|feature| {
            let range = VersionRange { min: feature.min_supported_version, max: feature.max_supported_version };
            (feature.name.detached(), range)
        });
        Self {
            id: record.broker_id,
            epoch: record.broker_epoch,
            incarnation_id: record.incarnation_id,
            listeners: listeners.collect(),
            features: features.collect(),
            rack: record.rack.as_ref().map(Str::detached),
            fenced: record.fenced,
            in_controlled_shutdown: record.in_controlled_shutdown,
            log_dirs: record.log_dirs.clone(),
            cordoned_log_dirs: record.cordoned_log_dirs.clone().unwrap_or_default(),
        }
    }

    fn to_record(&self) -> RegisterBrokerRecord {
        let endpoints = self.listeners.iter().map(|endpoint| BrokerEndpoint {
            name: endpoint.name.clone(),
            host: endpoint.host.clone(),
            port: endpoint.port,
            security_protocol: endpoint.security_protocol,
        });
        let features = self.features.iter().map(|(name, range)| BrokerFeature {
            name: name.clone(),
            min_supported_version: range.min,
            max_supported_version: range.max,
        });
        RegisterBrokerRecord {
            broker_id: self.id,
            is_migrating_zk_broker: false,
            incarnation_id: self.incarnation_id,
            broker_epoch: self.epoch,
            end_points: endpoints.collect(),
            features: features.collect(),
            rack: self.rack.clone(),
            fenced: self.fenced,
            in_controlled_shutdown: self.in_controlled_shutdown,
            log_dirs: self.log_dirs.clone(),
            cordoned_log_dirs: (!self.cordoned_log_dirs.is_empty()).then(|| self.cordoned_log_dirs.clone()),
        }
    }
}

/// A controller as it registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerRegistration {
    /// Its `node.id`.
    pub id: NodeId,
    /// Drawn anew at each start of the process.
    pub incarnation_id: Uuid,
    /// Its listeners, in the order it named them.
    pub listeners: Vec<Endpoint>,
    /// Features it supports.
    pub features: SortedMap<Str, VersionRange>,
}

impl ControllerRegistration {
    pub(super) fn from_record(record: &RegisterControllerRecord) -> Self {
        let listeners = record.end_points.iter().map(|endpoint| Endpoint {
            name: endpoint.name.detached(),
            host: endpoint.host.detached(),
            port: endpoint.port,
            security_protocol: endpoint.security_protocol,
        });
        let features = record.features.iter().map(|feature| {
            let range = VersionRange { min: feature.min_supported_version, max: feature.max_supported_version };
            (feature.name.detached(), range)
        });
        Self {
            id: record.controller_id,
            incarnation_id: record.incarnation_id,
            listeners: listeners.collect(),
            features: features.collect(),
        }
    }

    fn to_record(&self) -> RegisterControllerRecord {
        let endpoints = self.listeners.iter().map(|endpoint| ControllerEndpoint {
            name: endpoint.name.clone(),
            host: endpoint.host.clone(),
            port: endpoint.port,
            security_protocol: endpoint.security_protocol,
        });
        let features = self.features.iter().map(|(name, range)| ControllerFeature {
            name: name.clone(),
            min_supported_version: range.min,
            max_supported_version: range.max,
        });
        RegisterControllerRecord {
            controller_id: self.id,
            incarnation_id: self.incarnation_id,
            zk_migration_ready: false,
            end_points: endpoints.collect(),
            features: features.collect(),
        }
    }
}

/// All registered nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterImage {
    brokers: SortedMap<NodeId, Arc<BrokerRegistration>>,
    controllers: SortedMap<NodeId, Arc<ControllerRegistration>>,
}

impl ClusterImage {
    /// The registration of broker `id`, fenced or not.
    pub fn broker(&self, id: NodeId) -> Option<&BrokerRegistration> {
        self.brokers.get(&id).map(Arc::as_ref)
    }

    /// All registered brokers, by id.
    pub fn brokers(&self) -> impl ExactSizeIterator<Item = &BrokerRegistration> {
        self.brokers.values().map(Arc::as_ref)
    }

    /// Whether broker `id` is registered and not fenced (it may be shutting down).
    pub fn is_unfenced(&self, id: NodeId) -> bool {
        self.broker(id).is_some_and(|broker| !broker.fenced)
    }

    /// Whether broker `id` is registered, not fenced and not shutting down.
    pub fn is_active(&self, id: NodeId) -> bool {
        self.broker(id).is_some_and(BrokerRegistration::is_active)
    }

    /// The registration of controller `id`.
    pub fn controller(&self, id: NodeId) -> Option<&ControllerRegistration> {
        self.controllers.get(&id).map(Arc::as_ref)
    }

    /// All registered controllers, by id.
    pub fn controllers(&self) -> impl ExactSizeIterator<Item = &ControllerRegistration> {
        self.controllers.values().map(Arc::as_ref)
    }

    pub(super) fn insert_broker(&mut self, registration: BrokerRegistration) {
        self.brokers.insert(registration.id, Arc::new(registration));
    }

    pub(super) fn broker_mut(&mut self, id: NodeId) -> Option<&mut BrokerRegistration> {
        self.brokers.get_mut(&id).map(Arc::make_mut)
    }

    pub(super) fn remove_broker(&mut self, id: NodeId) {
        self.brokers.remove(&id);
    }

    pub(super) fn insert_controller(&mut self, registration: ControllerRegistration) {
        self.controllers.insert(registration.id, Arc::new(registration));
    }

    pub(super) fn write(&self, records: &mut Vec<MetadataRecord>) {
        records.extend(
            self.controllers().map(|registration| MetadataRecord::RegisterController(registration.to_record())),
        );
        records.extend(self.brokers().map(|registration| MetadataRecord::RegisterBroker(registration.to_record())));
    }
}
