//! Brokers and controllers: registration, heartbeats, the states between fenced and gone.

use super::decision::{ApiError, ControllerResult, Decision};
use crate::ids::{NodeId, Uuid};
use crate::metadata::{BrokerRegistration, METADATA_VERSION, MetadataRecord};
use crate::protocol::ErrorCode;
use crate::protocol::messages as m;
use crate::protocol::messages::broker_registration_request::Feature;
use crate::protocol::messages::register_broker_record::{BrokerEndpoint, BrokerFeature};
use crate::protocol::messages::register_controller_record::{ControllerEndpoint, ControllerFeature};
use crate::sorted::sort;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

/// What a broker is to the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BrokerControlState {
    /// It may not lead.
    Fenced,
    /// It may.
    Unfenced,
    /// Its leaderships are moving away.
    ControlledShutdown,
    /// It may stop now, and is fenced.
    ShutdownNow,
}

impl BrokerControlState {
    fn is_fenced(self) -> bool {
        matches!(self, Self::Fenced | Self::ShutdownNow)
    }
}

/// A heartbeat that was understood: what to answer and what to remember.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HeartbeatDecision {
    pub(super) response: m::BrokerHeartbeatResponse,
    pub(super) current: BrokerControlState,
    pub(super) next: BrokerControlState,
}

impl Decision<'_> {
    /// Registers a broker. Its epoch is the offset of the record, so each incarnation's is larger than the last one's.
    pub(super) fn register_broker(
        self,
        request: &m::BrokerRegistrationRequest,
    ) -> Result<ControllerResult<m::BrokerRegistrationResponse>, ApiError> {
        let existing = self.image.cluster.broker(request.broker_id);
        let same_incarnation = existing.filter(|broker| broker.incarnation_id == request.incarnation_id);
        self.check_registration(request, existing)?;
        let mut record = registration_record(request);
        match same_incarnation {
            Some(broker) => {
                record.broker_epoch = broker.epoch;
                record.fenced = broker.fenced;
                record.in_controlled_shutdown = broker.in_controlled_shutdown;
            }
            None => record.broker_epoch = self.next_offset,
        }
        let broker_epoch = record.broker_epoch;
        let mut records = vec![MetadataRecord::RegisterBroker(record)];
        if let (Some(broker), None) = (existing, same_incarnation) {
            let detects_unclean = self.image.features.eligible_leader_replicas_enabled();
            let clean = !detects_unclean || request.previous_broker_epoch == broker.epoch;
            self.shut_down_incarnation(broker.id, clean, &mut records);
        }
        let response = m::BrokerRegistrationResponse { broker_epoch, ..Default::default() };
        Ok(ControllerResult::new(records, response))
    }

    /// Takes a heartbeat of a broker's present incarnation.
    pub(super) fn broker_heartbeat(
        self,
        request: &m::BrokerHeartbeatRequest,
    ) -> Result<ControllerResult<HeartbeatDecision>, ApiError> {
        let broker = self.current_broker(request.broker_id, request.broker_epoch)?;
        let current = self.broker_state(broker);
        // The epoch is where its registration is in the log: only beyond it does the broker know that it exists.
        let caught_up = request.current_metadata_offset >= broker.epoch;
        let next = self.next_state(broker.id, current, request, caught_up);
        let mut records = Vec::new();
        if next != current {
            match next {
                BrokerControlState::Fenced | BrokerControlState::ShutdownNow => {
                    self.fence_broker(broker.id, &mut records);
                }
                BrokerControlState::Unfenced => self.unfence_broker(broker.id, &mut records),
                BrokerControlState::ControlledShutdown => self.begin_controlled_shutdown(broker.id, &mut records),
            }
        }
        self.directories_offline(broker.id, &request.offline_log_dirs, &mut records);
        if let Some(cordoned) = &request.cordoned_log_dirs {
            self.directories_cordoned(broker.id, cordoned, &mut records);
        }
        let response = m::BrokerHeartbeatResponse {
            is_caught_up: caught_up,
            is_fenced: next.is_fenced(),
            should_shut_down: next == BrokerControlState::ShutdownNow,
            ..Default::default()
        };
        Ok(ControllerResult::new(records, HeartbeatDecision { response, current, next }))
    }

    /// Forgets a broker for good.
    pub(super) fn unregister_broker(self, broker_id: NodeId) -> Result<Vec<MetadataRecord>, ApiError> {
        let Some(broker) = self.image.cluster.broker(broker_id) else {
            let message = format!("Broker ID {broker_id} is not currently registered");
            return Err(ApiError::new(ErrorCode::BrokerIdNotRegistered, message));
        };
        let mut records = Vec::new();
        let clean = !self.image.features.eligible_leader_replicas_enabled();
        self.shut_down_incarnation(broker_id, clean, &mut records);
        let record = m::UnregisterBrokerRecord { broker_id, broker_epoch: broker.epoch };
        records.push(MetadataRecord::UnregisterBroker(record));
        Ok(records)
    }

    /// The brokers whose session ended although they are not fenced.
    pub(super) fn stale_brokers(self) -> Vec<NodeId> {
        let unfenced = self.image.cluster.brokers().filter(|broker| !broker.fenced);
        let stale =
            unfenced.filter(|broker| !self.heartbeats.has_valid_session(broker.id, broker.epoch, self.now.monotonic));
        stale.map(|broker| broker.id).collect()
    }

    fn check_registration(
        self,
        request: &m::BrokerRegistrationRequest,
        existing: Option<&BrokerRegistration>,
    ) -> Result<(), ApiError> {
        let expected = &self.config.cluster_id;
        if request.cluster_id != *expected {
            let message = format!("Expected cluster ID {expected}, but got cluster ID {}", request.cluster_id);
            return Err(ApiError::new(ErrorCode::InconsistentClusterId, message));
        }
        // Not even a controlled shutdown ends the session: whoever comes back waits for its end.
        let taken = existing.is_some_and(|broker| {
            broker.incarnation_id != request.incarnation_id
                && self.heartbeats.has_valid_session(broker.id, broker.epoch, self.now.monotonic)
        });
        if taken {
            let message = "Another broker is registered with that broker id. If the broker was recently restarted this \
                           should self-resolve once the heartbeat manager expires the broker's session.";
            return Err(ApiError::new(ErrorCode::DuplicateBrokerRegistration, message));
        }
        if request.is_migrating_zk_broker {
            let message = "Controller does not support registering ZK brokers.";
            return Err(ApiError::new(ErrorCode::BrokerIdNotRegistered, message));
        }
        self.check_directories(request)?;
        self.check_features(&request.features)
    }

    fn check_directories(self, request: &m::BrokerRegistrationRequest) -> Result<(), ApiError> {
        let refused = |message: &str| Err(ApiError::new(ErrorCode::InvalidRegistration, message));
        let directories = &request.log_dirs;
        if directories.is_empty() {
            return refused("No directories specified in request");
        }
        if directories.iter().any(|directory| is_reserved_directory(*directory)) {
            return refused("Reserved directory ID in request");
        }
        let mut sorted = directories.clone();
        sort(&mut sorted);
        sorted.dedup();
        if sorted.len() != directories.len() {
            return refused("Duplicate directory ID in request");
        }
        let others = self.image.cluster.brokers().filter(|broker| broker.id != request.broker_id);
        for broker in others {
            if let Some(directory) = broker.log_dirs.iter().find(|directory| directories.contains(directory)) {
                return refused(&format!("Broker {} is already registered with directory {directory}", broker.id));
            }
        }
        Ok(())
    }

    /// A broker must support every finalized feature at its level; one it does not name it supports only at 0.
    fn check_features(self, supported: &[Feature]) -> Result<(), ApiError> {
        if !supported.iter().any(|feature| feature.name == *METADATA_VERSION) {
            let message = "Request features do not contain 'metadata.version'";
            return Err(ApiError::new(ErrorCode::InvalidRegistration, message));
        }
        for (name, level) in self.image.features.iter() {
            let range = supported.iter().find(|feature| feature.name == *name);
            let (min, max) = range.map_or((0, 0), |range| (range.min_supported_version, range.max_supported_version));
            if !(min..=max).contains(&level) {
                let message = format!(
                    "Unable to register because the broker does not support finalized version {level} of {name}. The \
                     broker wants a version between {min} and {max}, inclusive."
                );
                return Err(ApiError::new(ErrorCode::UnsupportedVersion, message));
            }
        }
        Ok(())
    }

    fn broker_state(self, broker: &BrokerRegistration) -> BrokerControlState {
        if broker.fenced {
            BrokerControlState::Fenced
        } else if self.heartbeats.controlled_shutdown_offset(broker.id).is_some() {
            BrokerControlState::ControlledShutdown
        } else {
            BrokerControlState::Unfenced
        }
    }

    fn next_state(
        self,
        broker: NodeId,
        current: BrokerControlState,
        request: &m::BrokerHeartbeatRequest,
        caught_up: bool,
    ) -> BrokerControlState {
        use BrokerControlState::{ControlledShutdown, Fenced, ShutdownNow, Unfenced};
        let leads = || self.image.topics.led_by(broker).next().is_some();
        match current {
            Fenced if request.want_shut_down => ShutdownNow,
            Fenced if !request.want_fence && caught_up => Unfenced,
            Fenced => Fenced,
            Unfenced if request.want_fence && request.want_shut_down => ShutdownNow,
            Unfenced if request.want_fence => Fenced,
            Unfenced if request.want_shut_down && leads() => ControlledShutdown,
            Unfenced if request.want_shut_down => ShutdownNow,
            Unfenced => Unfenced,
            ControlledShutdown if leads() => ControlledShutdown,
            ControlledShutdown => {
                let offset = self.heartbeats.controlled_shutdown_offset(broker).unwrap_or(-1);
                if offset <= self.lowest_active_offset() { ShutdownNow } else { ControlledShutdown }
            }
            ShutdownNow => ShutdownNow,
        }
    }

    /// How far the active broker that lags most has replayed: the others know already who leads now.
    fn lowest_active_offset(self) -> i64 {
        let brokers = self
            .image
            .cluster
            .brokers()
            .filter(|broker| !broker.fenced && self.heartbeats.controlled_shutdown_offset(broker.id).is_none());
        brokers.map(|broker| self.heartbeats.metadata_offset(broker.id)).min().unwrap_or(i64::MAX)
    }
}

/// Notes the endpoints and features of a controller.
pub(super) fn register_controller(request: &m::ControllerRegistrationRequest) -> Vec<MetadataRecord> {
    let endpoints = request.listeners.iter().map(|listener| ControllerEndpoint {
        name: listener.name.clone(),
        host: listener.host.clone(),
        port: listener.port,
        security_protocol: listener.security_protocol,
    });
    let features = request.features.iter().map(|feature| ControllerFeature {
        name: feature.name.clone(),
        min_supported_version: feature.min_supported_version,
        max_supported_version: feature.max_supported_version,
    });
    vec![MetadataRecord::RegisterController(m::RegisterControllerRecord {
        controller_id: request.controller_id,
        incarnation_id: request.incarnation_id,
        zk_migration_ready: request.zk_migration_ready,
        end_points: endpoints.collect(),
        features: features.collect(),
    })]
}

/// The ids below 100 are Kafka's own.
fn is_reserved_directory(directory: Uuid) -> bool {
    directory.as_u128() < 100
}

fn registration_record(request: &m::BrokerRegistrationRequest) -> m::RegisterBrokerRecord {
    let endpoints = request.listeners.iter().map(|listener| BrokerEndpoint {
        name: listener.name.clone(),
        host: listener.host.clone(),
        port: listener.port,
        security_protocol: listener.security_protocol,
    });
    let features = request.features.iter().map(|feature| BrokerFeature {
        name: feature.name.clone(),
        min_supported_version: feature.min_supported_version,
        max_supported_version: feature.max_supported_version,
    });
    m::RegisterBrokerRecord {
        broker_id: request.broker_id,
        incarnation_id: request.incarnation_id,
        end_points: endpoints.collect(),
        features: features.collect(),
        rack: request.rack.clone(),
        fenced: true,
        log_dirs: request.log_dirs.clone(),
        ..Default::default()
    }
}
