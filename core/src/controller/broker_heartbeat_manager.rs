//! Sessions of brokers: who was heard of when, how far each has replayed, who is on its way out.

use crate::ids::{BrokerEpoch, NodeId, Offset};
use crate::sorted::SortedMap;
use crate::time::{Duration, Instant};

/// What the active controller remembers of one broker between its heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BrokerHeartbeatState {
    /// Incarnation the session is of.
    epoch: BrokerEpoch,
    /// When it was last heard of.
    last_contact: Instant,
    /// How far it had replayed then; -1 where unknown.
    metadata_offset: Offset,
    /// While it shuts down: the offset everybody must have replayed before it may stop.
    controlled_shutdown_offset: Option<Offset>,
}

/// The sessions of all brokers. In no log: a new active controller begins with full sessions of all unfenced brokers.
#[derive(Clone, Debug, Default)]
pub(super) struct BrokerHeartbeatManager {
    session_timeout: Duration,
    brokers: SortedMap<NodeId, BrokerHeartbeatState>,
}

impl BrokerHeartbeatManager {
    pub(super) fn new(session_timeout: Duration) -> Self {
        Self { session_timeout, brokers: SortedMap::new() }
    }

    /// Begins or renews the session of this incarnation.
    pub(super) fn touch(&mut self, broker: NodeId, epoch: BrokerEpoch, now: Instant) {
        if let Some(state) = self.brokers.get_mut(&broker).filter(|state| state.epoch == epoch) {
            state.last_contact = now;
            return;
        }
        let state =
            BrokerHeartbeatState { epoch, last_contact: now, metadata_offset: -1, controlled_shutdown_offset: None };
        self.brokers.insert(broker, state);
    }

    /// Notes how far a broker has replayed.
    pub(super) fn set_metadata_offset(&mut self, broker: NodeId, offset: Offset) {
        if let Some(state) = self.brokers.get_mut(&broker) {
            state.metadata_offset = offset;
        }
    }

    /// Notes the last offset of what moves a broker's leaderships away.
    pub(super) fn set_controlled_shutdown_offset(&mut self, broker: NodeId, offset: Offset) {
        if let Some(state) = self.brokers.get_mut(&broker) {
            state.controlled_shutdown_offset = Some(offset);
        }
    }

    /// The broker was fenced: a controlled shutdown, if any, is over.
    pub(super) fn fenced(&mut self, broker: NodeId) {
        if let Some(state) = self.brokers.get_mut(&broker) {
            state.controlled_shutdown_offset = None;
        }
    }

    /// Ends the session of a broker.
    pub(super) fn remove(&mut self, broker: NodeId) {
        self.brokers.remove(&broker);
    }

    /// Whether this incarnation was heard of within the session timeout.
    pub(super) fn has_valid_session(&self, broker: NodeId, epoch: BrokerEpoch, now: Instant) -> bool {
        self.brokers
            .get(&broker)
            .is_some_and(|state| state.epoch == epoch && now < state.last_contact + self.session_timeout)
    }

    /// The offset this broker's shutdown waits for, while it shuts down.
    pub(super) fn controlled_shutdown_offset(&self, broker: NodeId) -> Option<Offset> {
        self.brokers.get(&broker)?.controlled_shutdown_offset
    }

    /// How far a broker has replayed; -1 where unknown.
    pub(super) fn metadata_offset(&self, broker: NodeId) -> Offset {
        self.brokers.get(&broker).map_or(-1, |state| state.metadata_offset)
    }

    /// When a broker's session ends, of those that have one.
    pub(super) fn session_end(&self, broker: NodeId) -> Option<Instant> {
        self.brokers.get(&broker).map(|state| state.last_contact + self.session_timeout)
    }
}
