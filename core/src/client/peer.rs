//! One broker as a client sees it: its connection, the versions it speaks, what waits for it.

use crate::ids::ConnectionId;
use crate::ids::NodeId;
use crate::protocol::{ApiKey, Request, encode_request};
use crate::rng::Rng;
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Duration, Instant};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;

/// `reconnect.backoff.ms`.
const RECONNECT_BACKOFF: Duration = Duration::from_millis(50);
/// `reconnect.backoff.max.ms`.
const RECONNECT_BACKOFF_MAX: Duration = Duration::from_secs(1);

/// A request of any type, kept until its version is known.
///
/// Architecture Invariant: the content never changes, so that a clone of the client shares it.
#[derive(Clone)]
pub(super) struct AnyRequest {
    pub(super) key: ApiKey,
    /// Versions we can encode.
    pub(super) versions: (i16, i16),
    content: Arc<dyn Encode + Send + Sync>,
}

trait Encode {
    fn encode(&self, version: i16, correlation_id: i32, client_id: &Str) -> Vec<Bytes>;
}

impl<R: Request> Encode for R {
    fn encode(&self, version: i16, correlation_id: i32, client_id: &Str) -> Vec<Bytes> {
        encode_request(version, correlation_id, Some(client_id), self)
    }
}

impl AnyRequest {
    /// `max_version` where the content does not fit later versions.
    pub(super) fn new<R: Request + Send + Sync + 'static>(request: R, max_version: Option<i16>) -> Self {
        let (min, max) = (*R::VERSIONS.start(), *R::VERSIONS.end());
        let versions = (min, max_version.map_or(max, |cap| max.min(cap)));
        Self { key: R::KEY, versions, content: Arc::new(request) }
    }

    pub(super) fn encode(&self, version: i16, correlation_id: i32, client_id: &Str) -> Vec<Bytes> {
        self.content.encode(version, correlation_id, client_id)
    }
}

impl fmt::Debug for AnyRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyRequest").field("key", &self.key).field("versions", &self.versions).finish_non_exhaustive()
    }
}

/// Why a request was sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Why {
    ApiVersions,
    Metadata,
    Caller(u64),
}

/// A request that waits for its connection.
#[derive(Clone, Debug)]
pub(super) struct Queued {
    pub(super) request: AnyRequest,
    pub(super) why: Why,
    /// Given up then if still not sent.
    pub(super) deadline: Instant,
    /// For the answer, counted from when it is sent.
    pub(super) timeout: Duration,
    pub(super) is_answered: bool,
}

/// A request that was sent.
#[derive(Clone, Debug)]
pub(super) struct InFlight {
    pub(super) correlation_id: i32,
    pub(super) version: i16,
    pub(super) why: Why,
    pub(super) deadline: Instant,
}

/// Whom we know a broker as: by its place in `bootstrap.servers`, or by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PeerId {
    Bootstrap(usize),
    Node(NodeId),
}

impl PeerId {
    pub(super) fn node(self) -> Option<NodeId> {
        match self {
            Self::Node(node) => Some(node),
            Self::Bootstrap(_) => None,
        }
    }
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// None.
    Idle,
    /// Asked for; given up at the deadline.
    Connecting { connection: ConnectionId, deadline: Instant },
    /// Open; the broker was asked what it speaks.
    Greeting { connection: ConnectionId },
    /// Requests go out.
    Ready { connection: ConnectionId },
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) host: Str,
    pub(super) port: u16,
    pub(super) link: Link,
    /// Failures to connect since the last success.
    failures: u32,
    /// No new connection before that.
    pub(super) retry_at: Instant,
    /// Over a quota: nothing more is sent before that (KIP-219).
    pub(super) throttled_until: Option<Instant>,
    /// To be connected although nothing waits.
    pub(super) is_wanted: bool,
    /// By API key: lowest and highest version the broker takes.
    pub(super) versions: SortedMap<i16, (i16, i16)>,
    pub(super) queue: VecDeque<Queued>,
    pub(super) in_flight: VecDeque<InFlight>,
}

impl Peer {
    pub(super) fn new(host: Str, port: u16) -> Self {
        Self {
            host,
            port,
            link: Link::Idle,
            failures: 0,
            retry_at: Instant::ZERO,
            throttled_until: None,
            is_wanted: false,
            versions: SortedMap::new(),
            queue: VecDeque::new(),
            in_flight: VecDeque::new(),
        }
    }

    pub(super) fn connection(&self) -> Option<ConnectionId> {
        match self.link {
            Link::Idle => None,
            Link::Connecting { connection, .. } | Link::Greeting { connection } | Link::Ready { connection } => {
                Some(connection)
            }
        }
    }

    /// A request would be sent now.
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.link, Link::Ready { .. }) && self.throttled_until.is_none()
    }

    /// Sent and to be sent.
    pub(super) fn load(&self) -> usize {
        self.queue.len() + self.in_flight.len()
    }

    pub(super) fn can_connect(&self, now: Instant) -> bool {
        self.link == Link::Idle && self.retry_at <= now
    }

    /// The broker answered what it speaks.
    pub(super) fn greeted(&mut self, connection: ConnectionId, versions: SortedMap<i16, (i16, i16)>) {
        self.versions = versions;
        self.failures = 0;
        self.link = Link::Ready { connection };
    }

    /// The connection is gone or never came; the next one waits, the longer the more failed.
    pub(super) fn lost(&mut self, now: Instant, rng: &mut Rng) {
        let base = (RECONNECT_BACKOFF * (1 << self.failures.min(10))).min(RECONNECT_BACKOFF_MAX);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = now + jittered(base, rng);
        self.link = Link::Idle;
    }

    /// The highest version that both sides have.
    pub(super) fn common_version(&self, request: &AnyRequest) -> Option<i16> {
        let (min, max) = *self.versions.get(&request.key.code())?;
        let version = max.min(request.versions.1);
        (version >= min.max(request.versions.0)).then_some(version)
    }

    /// The first deadline of what waits here.
    pub(super) fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        let connecting = match self.link {
            Link::Connecting { deadline, .. } => Some((deadline, "socket.connection.setup.timeout")),
            _ => None,
        };
        let reconnect = (self.link == Link::Idle && (self.is_wanted || !self.queue.is_empty()))
            .then_some((self.retry_at, "reconnect"));
        let throttled = self.throttled_until.map(|until| (until, "client throttled"));
        let queued = self.queue.iter().map(|queued| (queued.deadline, "request.timeout"));
        let sent = self.in_flight.iter().map(|sent| (sent.deadline, "request.timeout"));
        connecting
            .into_iter()
            .chain(reconnect)
            .chain(throttled)
            .chain(queued)
            .chain(sent)
            .min_by_key(|deadline| deadline.0)
    }
}

/// Up to 20 % more or less, so that clients do not come back all at once.
pub(super) fn jittered(base: Duration, rng: &mut Rng) -> Duration {
    base * (80 + rng.below(41) as u32) / 100
}
