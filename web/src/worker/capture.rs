//! Frames the switch saw going by, for the picture: headers, and what a glance tells; the newest few thousand.

use super::glance::{Frame, Glance, client_id, client_number, glance};
use super::link::{CLIENTS, Endpoint, TERMINALS};
use broker_core::shell::TERMINAL_SHIFT;
use broker_core::sorted::SortedMap;
use broker_core::time::Instant;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How many frames are remembered until somebody asks.
const REMEMBERED: usize = 4096;
/// Requests without an answer a connection may have before the oldest is forgotten (`acks=0` is never answered).
const PENDING: usize = 64;

/// Frames looked at until somebody asks; of more only headers are read, and the picture shows but a few of those.
const GLANCES: usize = 256;

/// A request without an answer: correlation id, key, version, the client's number.
type Pending = (i32, i16, i16, i32);

/// A frame that passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenFrame {
    /// When, in microseconds of playground time.
    pub time_us: u64,
    /// Its connection, by the switch's own number.
    pub connection: u64,
    /// Who sent it.
    pub from: Endpoint,
    /// To whom.
    pub to: Endpoint,
    /// True for a request, false for a response.
    pub request: bool,
    /// Key of the API; -1 for a response to nothing remembered.
    pub api_key: i16,
    /// Version of the API.
    pub api_version: i16,
    /// Pairs a response with its request on the connection.
    pub correlation_id: i32,
    /// Bytes, without the length prefix.
    pub size: u32,
    /// The client at one end. Of the page: a producer's number, a consumer's number below zero, 0 for any other. Of a
    /// terminal: the terminal's number.
    pub client: i32,
    /// `client_id` of a request somebody looked at; else empty.
    pub client_id: String,
    /// What a glance told; `None` where nobody looked.
    pub glance: Option<Glance>,
}

/// What was seen since it was last taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Oldest first.
    pub frames: Vec<SeenFrame>,
    /// How many older ones nobody took in time.
    pub missed: u64,
}

/// Where a frame passes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passage {
    /// By the switch's own number.
    pub(super) connection: u64,
    /// The connection as its client numbers it.
    pub(super) asker: u64,
    /// Who sent it.
    pub(super) from: Endpoint,
    /// To whom.
    pub(super) to: Endpoint,
    /// It is a request.
    pub(super) request: bool,
}

/// The memory of the switch.
#[derive(Default)]
pub struct Capture {
    frames: VecDeque<SeenFrame>,
    missed: u64,
    /// By connection: requests not answered yet.
    pending: SortedMap<u64, VecDeque<Pending>>,
    looked: usize,
}

impl Capture {
    /// Takes what was seen since the last time.
    pub fn take(&mut self) -> Seen {
        self.looked = 0;
        Seen { frames: self.frames.drain(..).collect(), missed: std::mem::take(&mut self.missed) }
    }

    /// A frame passes.
    pub(super) fn frame(&mut self, now: Instant, passage: Passage, frame: &dyn Frame) {
        let Passage { connection, asker, from, to, request } = passage;
        let mut head = [0; 8];
        frame.read(0, &mut head);
        let short = |at: usize| i16::from_be_bytes([head[at], head[at + 1]]);
        let int = |at: usize| i32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let pending = self.pending.entry(connection).or_default();
        let (correlation_id, api_key, api_version, client) = if request {
            let client = match from {
                CLIENTS => client_number(frame),
                TERMINALS => i32::try_from(asker >> TERMINAL_SHIFT).unwrap_or(0),
                _ => 0,
            };
            let request = (int(4), short(0), short(2), client);
            if pending.len() == PENDING {
                pending.pop_front();
            }
            pending.push_back(request);
            request
        } else {
            let id = int(0);
            // Answers come in order: what was asked before this one is never answered.
            let at = pending.iter().position(|(asked, ..)| *asked == id);
            at.and_then(|at| pending.drain(..=at).next_back()).unwrap_or((id, -1, -1, 0))
        };
        self.looked += 1;
        let looks = self.looked <= GLANCES;
        let glance = looks.then(|| glance(frame, request, api_key, api_version));
        let client_id = if looks && request { client_id(frame) } else { String::new() };
        if self.frames.len() == REMEMBERED {
            self.frames.pop_front();
            self.missed += 1;
        }
        let time_us = now.as_micros();
        self.frames.push_back(SeenFrame {
            time_us,
            connection,
            from,
            to,
            request,
            api_key,
            api_version,
            correlation_id,
            size: frame.size(),
            client,
            client_id,
            glance,
        });
    }

    /// A connection ended.
    pub(super) fn closed(&mut self, connection: u64) {
        self.pending.remove(&connection);
    }
}
