//! Connections others opened to this node, and the answers it owes on them.
//!
//! A connection's next request is taken only after its last was answered, as Kafka mutes a channel: the order of answers is
//! the order of requests, and a peer cannot make the node hold more than a window of frames.

use crate::ids::ConnectionId;
use crate::protocol::ApiKey;
use crate::sorted::{SortedMap, SortedSet};
use crate::text::Str;
use crate::time::Instant;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

/// Names an answer that is owed. Parts carry it without knowing what it stands for.
pub(super) type Token = u64;

/// An accepted connection.
#[derive(Clone, Debug)]
pub(super) struct Inbound {
    /// Name of the listener it came to.
    pub(super) listener: Str,
    /// The peer's address.
    pub(super) peer: Str,
    waiting: VecDeque<Bytes>,
    busy: bool,
}

/// To whom an answer goes.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// To the client that asked.
    Client(Asked),
    /// Into the Envelope whose own answer is `envelope` (KIP-590).
    Envelope {
        /// Token of the Envelope request.
        envelope: Token,
        /// The request inside.
        asked: Asked,
    },
    /// To the node itself: it asked one of its own parts.
    Itself,
}

/// What must be known of a request to answer it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Where it came.
    pub(super) connection: ConnectionId,
    /// Its number there.
    pub(super) correlation_id: i32,
    /// Its API.
    pub(super) api_key: ApiKey,
    /// Its version.
    pub(super) version: i16,
    /// What the client calls itself.
    pub(super) client_id: Option<Str>,
    /// Bytes of its frame.
    pub(super) request_bytes: usize,
}

/// All accepted connections.
#[derive(Clone, Debug, Default)]
pub(super) struct InboundConnections {
    connections: SortedMap<ConnectionId, Inbound>,
    answers: SortedMap<Token, Answer>,
    next_token: Token,
    ready: VecDeque<ConnectionId>,
    /// Connections whose clients are over their quota, by the end of their wait: busy till then.
    throttled: SortedSet<(Instant, ConnectionId)>,
    /// Connections that were one too many of their address, by when they are closed.
    refused: SortedSet<(Instant, ConnectionId)>,
}

impl InboundConnections {
    /// Somebody connected.
    pub(super) fn accepted(&mut self, connection: ConnectionId, listener: Str, peer: Str) {
        self.connections.insert(connection, Inbound { listener, peer, waiting: VecDeque::new(), busy: false });
    }

    /// Somebody connected too often: nothing of this connection is taken, and it is closed at `until` (KIP-612).
    pub(super) fn refused(&mut self, connection: ConnectionId, until: Instant) {
        self.refused.insert((until, connection));
    }

    /// The connection, while it is open.
    pub(super) fn connection(&self, connection: ConnectionId) -> Option<&Inbound> {
        self.connections.get(&connection)
    }

    /// A frame came; false where the connection is none of these.
    pub(super) fn frame(&mut self, connection: ConnectionId, bytes: Bytes) -> bool {
        let Some(inbound) = self.connections.get_mut(&connection) else { return false };
        inbound.waiting.push_back(bytes);
        if !inbound.busy {
            self.ready.push_back(connection);
        }
        true
    }

    /// The next request that may be handled now: of a listener that is `open`. The connection is busy until
    /// [`idle`](Self::idle).
    pub(super) fn next_request(&mut self, open: impl Fn(&Str) -> bool) -> Option<(ConnectionId, Bytes)> {
        for _ in 0..self.ready.len() {
            let connection = self.ready.pop_front()?;
            let Some(inbound) = self.connections.get_mut(&connection) else { continue };
            if inbound.busy {
                continue;
            }
            if !open(&inbound.listener) {
                self.ready.push_back(connection);
                continue;
            }
            if let Some(frame) = inbound.waiting.pop_front() {
                inbound.busy = true;
                return Some((connection, frame));
            }
        }
        None
    }

    /// The connection's request is answered, or needs no answer.
    pub(super) fn idle(&mut self, connection: ConnectionId) {
        if self.throttled.iter().any(|(_, throttled)| *throttled == connection) {
            return;
        }
        if let Some(inbound) = self.connections.get_mut(&connection) {
            inbound.busy = false;
            if !inbound.waiting.is_empty() {
                self.ready.push_back(connection);
            }
        }
    }

    /// No request of this connection is taken before `until`, whether it is answered or not (KIP-219).
    pub(super) fn throttle(&mut self, connection: ConnectionId, until: Instant) {
        self.throttled.insert((until, connection));
    }

    /// Goes on with connections that have waited long enough; answers those to be closed.
    pub(super) fn end_throttling(&mut self, now: Instant) -> Vec<ConnectionId> {
        while let Some((_, connection)) = self.throttled.first().copied().filter(|(until, _)| *until <= now) {
            self.throttled.pop_first();
            self.idle(connection);
        }
        let mut ended = Vec::new();
        while let Some((_, connection)) = self.refused.first().copied().filter(|(until, _)| *until <= now) {
            self.refused.pop_first();
            ended.push(connection);
        }
        ended
    }

    /// When [`end_throttling`](Self::end_throttling) is due.
    pub(super) fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        [&self.throttled, &self.refused]
            .into_iter()
            .filter_map(|waiting| Some((waiting.first()?.0, "client throttled")))
            .min()
    }

    /// Notes that an answer is owed.
    pub(super) fn owe(&mut self, answer: Answer) -> Token {
        let token = self.next_token;
        self.next_token += 1;
        self.answers.insert(token, answer);
        token
    }

    /// Takes what is known of an owed answer; `None` where the connection closed meanwhile.
    pub(super) fn settle(&mut self, token: Token) -> Option<Answer> {
        self.answers.remove(&token)
    }

    /// What is known of an owed answer.
    pub(super) fn owed(&self, token: Token) -> Option<&Answer> {
        self.answers.get(&token)
    }

    /// The connection is gone; what was owed on it is not owed any more.
    pub(super) fn closed(&mut self, connection: ConnectionId) -> bool {
        self.answers.retain(|_, answer| match answer {
            Answer::Client(asked) | Answer::Envelope { asked, .. } => asked.connection != connection,
            Answer::Itself => true,
        });
        self.refused.retain(|(_, refused)| *refused != connection);
        self.throttled.retain(|(_, throttled)| *throttled != connection);
        self.connections.remove(&connection).is_some()
    }
}
