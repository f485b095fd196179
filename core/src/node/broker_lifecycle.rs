//! A broker's life as the controller sees it: registration, heartbeats, controlled shutdown (Kafka's `BrokerLifecycleManager`).

use crate::ids::{BrokerEpoch, NodeId, Offset, Uuid};
use crate::protocol::ErrorCode;
use crate::protocol::messages::broker_registration_request::{BrokerRegistrationRequest, Feature, Listener};
use crate::protocol::messages::{BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationResponse};
use crate::text::Str;
use crate::time::{Duration, Instant};
use alloc::vec::Vec;

/// Kafka's `BrokerState`, as far as a node has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BrokerState {
    /// Not registered yet.
    Starting,
    /// Registered, catching up with the metadata log.
    Recovery,
    /// Unfenced: it may lead.
    Running,
    /// Asks the controller to move its leaderships away.
    PendingControlledShutdown,
    /// The controller let it go; it stops.
    ShuttingDown,
}

impl BrokerState {
    /// Kafka's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "STARTING",
            Self::Recovery => "RECOVERY",
            Self::Running => "RUNNING",
            Self::PendingControlledShutdown => "PENDING_CONTROLLED_SHUTDOWN",
            Self::ShuttingDown => "SHUTTING_DOWN",
        }
    }
}

/// What the broker announces of itself.
#[derive(Clone, Debug)]
pub(super) struct Registration {
    pub(super) broker_id: NodeId,
    pub(super) cluster_id: Str,
    pub(super) incarnation_id: Uuid,
    pub(super) listeners: Vec<Listener>,
    pub(super) features: Vec<Feature>,
    pub(super) rack: Option<Str>,
    pub(super) log_dirs: Vec<Uuid>,
    /// From `.kafka_cleanshutdown`; -1 after an unclean stop.
    pub(super) previous_broker_epoch: BrokerEpoch,
}

/// What to send to the active controller.
#[derive(Clone, Debug)]
pub(super) enum LifecycleRequest {
    Register(BrokerRegistrationRequest),
    Heartbeat(BrokerHeartbeatRequest),
}

/// What an answer changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LifecycleChange {
    /// Registered with this epoch.
    Registered(BrokerEpoch),
    /// Fenced or unfenced by the controller.
    Fenced(bool),
    /// The controller allows the shutdown.
    ShutDown,
}

#[derive(Clone, Debug)]
pub(super) struct BrokerLifecycle {
    registration: Registration,
    heartbeat_interval: Duration,
    state: BrokerState,
    broker_epoch: BrokerEpoch,
    fenced: bool,
    in_flight: bool,
    next_at: Instant,
    failures: u32,
    /// The controller asked last was none, or not yet: the next attempt waits for news rather than for its time.
    controller_inactive: bool,
    offline_log_dirs: Vec<Uuid>,
    /// Nothing before there was one.
    cordoned_log_dirs: Option<Vec<Uuid>>,
    shutdown_deadline: Option<Instant>,
}

/// How long a broker waits for the controller to let it go.
const CONTROLLED_SHUTDOWN_TIMEOUT: Duration = Duration::from_mins(5);
const RESEND_BACKOFF: Duration = Duration::from_millis(100);
/// How soon a broker that caught up asks to be unfenced; Kafka's too, "so that we start up a bit quicker".
const CAUGHT_UP_DELAY: Duration = Duration::from_millis(10);

impl BrokerLifecycle {
    pub(super) fn new(now: Instant, registration: Registration, heartbeat_interval: Duration) -> Self {
        Self {
            registration,
            heartbeat_interval,
            state: BrokerState::Starting,
            broker_epoch: -1,
            fenced: true,
            in_flight: false,
            next_at: now,
            failures: 0,
            controller_inactive: false,
            offline_log_dirs: Vec::new(),
            cordoned_log_dirs: None,
            shutdown_deadline: None,
        }
    }

    pub(super) fn state(&self) -> BrokerState {
        self.state
    }

    /// -1 before the registration.
    pub(super) fn broker_epoch(&self) -> BrokerEpoch {
        self.broker_epoch
    }

    pub(super) fn is_fenced(&self) -> bool {
        self.fenced
    }

    /// A log directory failed: the controller hears of it with the next heartbeat, which leaves at once.
    pub(super) fn log_directory_failed(&mut self, now: Instant, directory: Uuid) {
        if !self.offline_log_dirs.contains(&directory) {
            self.offline_log_dirs.push(directory);
            self.next_at = now;
        }
    }

    /// These log directories take nothing new: as for [`Self::log_directory_failed`], the controller hears of it at once.
    pub(super) fn log_directories_cordoned(&mut self, now: Instant, directories: Vec<Uuid>) {
        if directories.as_slice() != self.cordoned_log_dirs.as_deref().unwrap_or_default() {
            self.cordoned_log_dirs = Some(directories);
            self.next_at = now;
        }
    }

    /// Asks for a controlled shutdown; true where there is nothing to wait for because the broker never registered.
    pub(super) fn begin_controlled_shutdown(&mut self, now: Instant) -> bool {
        if self.state == BrokerState::Starting {
            self.state = BrokerState::ShuttingDown;
            return true;
        }
        if self.state < BrokerState::PendingControlledShutdown {
            self.state = BrokerState::PendingControlledShutdown;
            self.next_at = now;
            self.shutdown_deadline = Some(now + CONTROLLED_SHUTDOWN_TIMEOUT);
        }
        false
    }

    /// The request that is due, if one is. `caught_up` is the last metadata offset this broker has applied.
    pub(super) fn poll(&mut self, now: Instant, caught_up: Offset) -> Option<LifecycleRequest> {
        if self.in_flight || now < self.next_at || self.state == BrokerState::ShuttingDown {
            return None;
        }
        self.in_flight = true;
        Some(if self.broker_epoch < 0 {
            LifecycleRequest::Register(self.register())
        } else {
            LifecycleRequest::Heartbeat(BrokerHeartbeatRequest {
                broker_id: self.registration.broker_id,
                broker_epoch: self.broker_epoch,
                current_metadata_offset: caught_up,
                want_fence: false,
                want_shut_down: self.state == BrokerState::PendingControlledShutdown,
                offline_log_dirs: self.offline_log_dirs.clone(),
                cordoned_log_dirs: self.cordoned_log_dirs.clone(),
            })
        })
    }

    fn register(&self) -> BrokerRegistrationRequest {
        let registration = self.registration.clone();
        BrokerRegistrationRequest {
            broker_id: registration.broker_id,
            cluster_id: registration.cluster_id,
            incarnation_id: registration.incarnation_id,
            listeners: registration.listeners,
            features: registration.features,
            rack: registration.rack,
            log_dirs: registration.log_dirs,
            previous_broker_epoch: registration.previous_broker_epoch,
            ..Default::default()
        }
    }

    /// The controller answered the registration.
    pub(super) fn registered(
        &mut self,
        now: Instant,
        response: &BrokerRegistrationResponse,
    ) -> Option<LifecycleChange> {
        if response.error_code != ErrorCode::None.code() {
            self.failed(now);
            self.controller_inactive = response.error_code == ErrorCode::NotController.code();
            return None;
        }
        self.succeeded(now);
        self.next_at = now;
        self.broker_epoch = response.broker_epoch;
        self.state = self.state.max(BrokerState::Recovery);
        Some(LifecycleChange::Registered(response.broker_epoch))
    }

    /// The controller answered a heartbeat.
    pub(super) fn heartbeat_answered(
        &mut self,
        now: Instant,
        response: &BrokerHeartbeatResponse,
    ) -> Option<LifecycleChange> {
        if response.error_code != ErrorCode::None.code() {
            self.failed(now);
            return None;
        }
        self.succeeded(now);
        if self.state == BrokerState::PendingControlledShutdown && response.should_shut_down {
            self.state = BrokerState::ShuttingDown;
            return Some(LifecycleChange::ShutDown);
        }
        let was_fenced = core::mem::replace(&mut self.fenced, response.is_fenced);
        if self.state < BrokerState::PendingControlledShutdown {
            self.state = if response.is_fenced { BrokerState::Recovery } else { BrokerState::Running };
        }
        if response.is_fenced && response.is_caught_up {
            // The controller unfences with the next heartbeat, which need not wait.
            self.next_at = now + CAUGHT_UP_DELAY.min(self.heartbeat_interval);
        }
        (was_fenced != response.is_fenced).then_some(LifecycleChange::Fenced(response.is_fenced))
    }

    /// The request was lost, or there is no active controller to send it to.
    pub(super) fn failed(&mut self, now: Instant) {
        self.in_flight = false;
        self.controller_inactive = false;
        let backoff = RESEND_BACKOFF.saturating_mul(1 << self.failures.min(6)).min(self.heartbeat_interval);
        self.failures = self.failures.saturating_add(1);
        self.next_at = now + backoff;
    }

    fn succeeded(&mut self, now: Instant) {
        self.in_flight = false;
        self.failures = 0;
        self.controller_inactive = false;
        self.next_at = now + self.heartbeat_interval;
    }

    /// There is another controller.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.failures = 0;
        self.next_at = self.next_at.min(now);
    }

    /// The metadata moved while this broker waits to be registered or unfenced: its controller is active, and should hear of
    /// it, or how far it is.
    pub(super) fn metadata_moved(&mut self, now: Instant) {
        if self.fenced && (self.controller_inactive || self.broker_epoch >= 0 && self.failures == 0) {
            self.controller_inactive = false;
            self.next_at = self.next_at.min(now);
        }
    }

    /// True once a controlled shutdown took longer than Kafka waits for it.
    pub(super) fn gave_up(&mut self, now: Instant) -> bool {
        let over = self.state == BrokerState::PendingControlledShutdown
            && self.shutdown_deadline.is_some_and(|deadline| now >= deadline);
        if over {
            self.state = BrokerState::ShuttingDown;
        }
        over
    }

    pub(super) fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        if self.in_flight || self.state == BrokerState::ShuttingDown {
            return self.shutdown_deadline.map(|at| (at, "controlled shutdown takes too long"));
        }
        Some((self.next_at, "heartbeat to the controller"))
    }
}
