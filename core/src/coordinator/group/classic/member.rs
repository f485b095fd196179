//! One member of a classic group.

use crate::text::Str;
use crate::time::{Duration, Instant};
use alloc::vec::Vec;
use bytes::Bytes;

/// A request that waits for its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Waiter {
    pub(in super::super) token: u64,
    pub(in super::super) api_version: i16,
}

/// A protocol a member supports, best first, with its metadata: for consumers an assignor and the subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct MemberProtocol {
    pub(in super::super) name: Str,
    pub(in super::super) metadata: Bytes,
}

/// A member and the requests of it that wait.
#[derive(Clone, Debug)]
#[expect(clippy::struct_field_names, reason = "Kafka says member id")]
pub(in super::super) struct Member {
    pub(in super::super) member_id: Str,
    pub(in super::super) group_instance_id: Option<Str>,
    pub(in super::super) client_id: Str,
    pub(in super::super) client_host: Str,
    pub(in super::super) rebalance_timeout_ms: i32,
    pub(in super::super) session_timeout_ms: i32,
    pub(in super::super) protocols: Vec<MemberProtocol>,
    pub(in super::super) assignment: Bytes,
    /// Did not yet get through a join barrier: it knows no member id to send heartbeats with.
    pub(in super::super) is_new: bool,
    pub(in super::super) awaiting_join: Option<Waiter>,
    pub(in super::super) awaiting_sync: Option<Waiter>,
    /// When it counts as gone; `None` while a request of it waits and the time ran out.
    pub(in super::super) session_deadline: Option<Instant>,
}

impl Member {
    /// True where `protocols` are what it already said, in the same order.
    pub(in super::super) fn matches(&self, protocols: &[MemberProtocol]) -> bool {
        self.protocols == protocols
    }

    pub(in super::super) fn supports(&self, protocol: &Str) -> bool {
        self.protocols.iter().any(|supported| supported.name == *protocol)
    }

    /// Its metadata for the protocol; empty where it does not support it.
    pub(in super::super) fn metadata(&self, protocol: &str) -> Bytes {
        let supported = self.protocols.iter().find(|supported| supported.name == *protocol);
        supported.map(|supported| supported.metadata.clone()).unwrap_or_default()
    }

    /// A waiting request keeps a member alive, but for a new one, whose client may be long gone.
    pub(in super::super) fn is_kept_by_its_request(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }

    pub(in super::super) fn rebalance_timeout(&self) -> Duration {
        milliseconds(self.rebalance_timeout_ms)
    }

    pub(in super::super) fn session_timeout(&self) -> Duration {
        milliseconds(self.session_timeout_ms)
    }
}

/// A time-out of the wire; negative ones are none at all.
pub(in super::super) fn milliseconds(milliseconds: i32) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
}
