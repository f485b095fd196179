//! A controller tells the active one of itself (Kafka's `ControllerRegistrationManager`).

use super::broker::{Broker, Purpose};
use crate::ids::Uuid;
use crate::protocol::messages::ControllerRegistrationRequest;
use crate::protocol::messages::controller_registration_request::{Feature, Listener};
use crate::time::{Duration, Instant};
use alloc::vec::Vec;

/// Whether the registration of this incarnation is in the metadata.
#[derive(Clone, Debug)]
pub(super) struct ControllerRegistration {
    incarnation_id: Uuid,
    in_flight: bool,
    registered: bool,
    not_before: Instant,
}

const RETRY_BACKOFF: Duration = Duration::from_millis(100);

impl ControllerRegistration {
    pub(super) fn new(incarnation_id: Uuid) -> Self {
        Self { incarnation_id, in_flight: false, registered: false, not_before: Instant::ZERO }
    }

    pub(super) fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        (!self.registered && !self.in_flight).then_some((self.not_before, "register the controller"))
    }
}

impl Broker {
    /// Registers this controller, once there is an active one to tell.
    pub(super) fn poll_controller_registration(&mut self) {
        let now = self.now.monotonic;
        let Some(registration) = self.controller_registration.as_mut() else { return };
        if registration.registered || registration.in_flight || now < registration.not_before {
            return;
        }
        registration.in_flight = true;
        let incarnation_id = registration.incarnation_id;
        let listeners = (self.config.listeners.iter())
            .filter(|endpoint| self.config.is_controller_listener(&endpoint.listener))
            .map(|endpoint| Listener {
                name: endpoint.listener.clone(),
                host: endpoint.host.clone(),
                port: endpoint.port,
                security_protocol: endpoint.security_protocol as i16,
            })
            .collect();
        let features: Vec<Feature> = (crate::metadata::supported_features(self.config.supported_kraft_version())
            .into_iter())
        .map(|(name, min, max)| Feature { name: name.into(), min_supported_version: min, max_supported_version: max })
        .collect();
        let request = ControllerRegistrationRequest {
            controller_id: self.config.node_id,
            incarnation_id,
            zk_migration_ready: false,
            listeners,
            features,
        };
        if !self.ask_controller(&request, Purpose::RegisterController) {
            self.controller_registration_answered(false);
        }
    }

    /// The active controller answered, or did not.
    pub(super) fn controller_registration_answered(&mut self, registered: bool) {
        let now = self.now.monotonic;
        if let Some(registration) = self.controller_registration.as_mut() {
            registration.in_flight = false;
            registration.registered = registered;
            registration.not_before = now + RETRY_BACKOFF;
        }
    }
}
