//! The switch: every connection passes here. Links between workers can be slowed, cut and repaired; frames are seen going by.
//!
//! Plain data, without ports or timers ([`switch_host`](super::switch_host) has those): frames are whatever `F` is, and only
//! their headers are read, and at a glance what the picture shows ([`glance`](super::glance)).
//!
//! # Architecture Invariant
//! What goes from one worker to another keeps its order, whatever it is: frames, closings, credits. Nothing is lost but with
//! its connection: a cut link holds what it carries, as TCP sends it again and again.

use super::capture::{Capture, Passage};
use super::link::{Endpoint, FromSwitch, ToSwitch};
use broker_core::sorted::SortedMap;
use broker_core::time::{Duration, Instant};
use std::collections::VecDeque;

pub use super::glance::Frame;

/// Something to hand to a worker.
#[derive(Debug, PartialEq)]
pub struct Delivery<F> {
    /// To whom.
    pub to: Endpoint,
    /// What.
    pub message: FromSwitch,
    /// The frame, with [`FromSwitch::Frame`].
    pub frame: Option<F>,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    endpoint: Endpoint,
    connection: u64,
}

struct Connection {
    number: u64,
    client: End,
    /// Known once it is accepted.
    server: Option<End>,
}

struct Listener {
    endpoint: Endpoint,
    host: String,
    name: String,
}

/// What a link carries.
enum Parcel<F> {
    /// A client asks for a connection.
    Knock { connection: u64, port: u16, host: String },
    /// Anything about a connection that stands.
    Message { connection: u64, message: FromSwitch, frame: Option<F> },
}

struct Link<F> {
    cut: bool,
    delay: Duration,
    held: VecDeque<(Instant, Parcel<F>)>,
}

/// The state of the switch.
pub struct Switch<F> {
    listeners: SortedMap<u16, Listener>,
    connections: SortedMap<u64, Connection>,
    ends: SortedMap<End, u64>,
    links: SortedMap<(Endpoint, Endpoint), Link<F>>,
    next_connection: u64,
    next_accepted: u64,
    deliveries: VecDeque<Delivery<F>>,
    /// Frames seen.
    pub capture: Capture,
}

impl<F: Frame> Default for Switch<F> {
    fn default() -> Self {
        Self {
            listeners: SortedMap::new(),
            connections: SortedMap::new(),
            ends: SortedMap::new(),
            links: SortedMap::new(),
            next_connection: 0,
            next_accepted: 2,
            deliveries: VecDeque::new(),
            capture: Capture::default(),
        }
    }
}

impl<F: Frame> Switch<F> {
    /// A worker said something; `frame` is the one a `Send` speaks of.
    pub fn handle(&mut self, now: Instant, from: Endpoint, message: ToSwitch, frame: Option<F>) {
        match message {
            ToSwitch::Listen { host, port, listener } => {
                if self.listeners.get(&port).is_some_and(|other| other.endpoint != from) {
                    let message = FromSwitch::AddressInUse { host, port };
                    return self.deliveries.push_back(Delivery { to: from, message, frame: None });
                }
                self.listeners.insert(port, Listener { endpoint: from, host, name: listener });
            }
            ToSwitch::Connect { connection, host, port } => self.connect(now, from, connection, host, port),
            ToSwitch::Send { connection } => {
                if let Some(frame) = frame {
                    self.send(now, End { endpoint: from, connection }, frame);
                }
            }
            ToSwitch::Close { connection } => self.close(now, End { endpoint: from, connection }),
            ToSwitch::Credit { connection, bytes } => {
                let credit = |connection| FromSwitch::Credit { connection, bytes };
                self.tell_peer(now, End { endpoint: from, connection }, credit, None);
            }
            ToSwitch::Gone => self.gone(now, from),
        }
    }

    /// A worker is gone: its connections break and its listeners refuse.
    pub fn gone(&mut self, now: Instant, endpoint: Endpoint) {
        self.listeners.retain(|_, listener| listener.endpoint != endpoint);
        let first = End { endpoint, connection: 0 };
        let last = End { endpoint, connection: u64::MAX };
        let ends: Vec<End> = self.ends.range(first..=last).map(|(end, _)| *end).collect();
        for end in ends {
            self.close(now, end);
        }
        for ((_, to), link) in &mut self.links {
            if *to == endpoint {
                // Who still knocks is refused in time.
                link.held.retain(|(_, parcel)| matches!(parcel, Parcel::Knock { .. }));
            }
        }
    }

    /// Cuts or repairs what goes from one worker to another.
    pub fn set_cut(&mut self, now: Instant, from: Endpoint, to: Endpoint, cut: bool) {
        self.link(from, to).cut = cut && from != to;
        self.tick(now);
    }

    /// Everything from one worker to another takes so long from now on.
    pub fn set_delay(&mut self, from: Endpoint, to: Endpoint, delay: Duration) {
        self.link(from, to).delay = if from == to { Duration::ZERO } else { delay };
    }

    /// When the next parcel that a link holds is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        let open = self.links.values().filter(|link| !link.cut);
        open.filter_map(|link| link.held.front().map(|(due, _)| *due)).min()
    }

    /// Delivers what is due.
    pub fn tick(&mut self, now: Instant) {
        let routes: Vec<(Endpoint, Endpoint)> = self.links.keys().copied().collect();
        for (from, to) in routes {
            loop {
                let link = self.link(from, to);
                if link.cut || link.held.front().is_none_or(|(due, _)| *due > now) {
                    break;
                }
                let Some((_, parcel)) = link.held.pop_front() else { break };
                self.arrive(now, to, parcel);
            }
        }
    }

    /// The next message for a worker.
    pub fn poll_delivery(&mut self) -> Option<Delivery<F>> {
        self.deliveries.pop_front()
    }

    fn connect(&mut self, now: Instant, from: Endpoint, connection: u64, host: String, port: u16) {
        let client = End { endpoint: from, connection };
        // A dead broker's machine answers too: with a refusal, over the link it would have used.
        let Some(listener) = self.listeners.get(&port) else { return self.refuse(client) };
        let to = listener.endpoint;
        let number = self.next_connection;
        self.next_connection += 1;
        self.connections.insert(number, Connection { number, client, server: None });
        self.ends.insert(client, number);
        self.carry(now, from, to, Parcel::Knock { connection: number, port, host });
    }

    fn refuse(&mut self, client: End) {
        let message = FromSwitch::Refused { connection: client.connection };
        self.deliveries.push_back(Delivery { to: client.endpoint, message, frame: None });
    }

    fn send(&mut self, now: Instant, from: End, frame: F) {
        let Some(connection) = self.ends.get(&from).and_then(|number| self.connections.get(number)) else { return };
        let Some(server) = connection.server else { return };
        let (request, to) =
            if connection.client == from { (true, server.endpoint) } else { (false, connection.client.endpoint) };
        let passage = Passage {
            connection: connection.number,
            asker: connection.client.connection,
            from: from.endpoint,
            to,
            request,
        };
        self.capture.frame(now, passage, &frame);
        self.tell_peer(now, from, |connection| FromSwitch::Frame { connection }, Some(frame));
    }

    fn close(&mut self, now: Instant, from: End) {
        self.tell_peer(now, from, |connection| FromSwitch::Closed { connection }, None);
        let Some(number) = self.ends.remove(&from) else { return };
        self.capture.closed(number);
        let Some(connection) = self.connections.get(&number) else { return };
        if connection.server.is_none() {
            // Not accepted yet: nobody has heard of it, nor shall.
            for link in self.links.values_mut() {
                link.held
                    .retain(|(_, parcel)| !matches!(parcel, Parcel::Knock { connection, .. } if *connection == number));
            }
        }
        let known = [Some(connection.client), connection.server].into_iter().flatten();
        if !known.into_iter().any(|end| self.ends.contains_key(&end)) {
            self.connections.remove(&number);
        }
    }

    /// Sends to the other end of a connection, if it stands and that end still knows it.
    fn tell_peer(&mut self, now: Instant, from: End, message: impl FnOnce(u64) -> FromSwitch, frame: Option<F>) {
        let Some(connection) = self.ends.get(&from).and_then(|number| self.connections.get(number)) else { return };
        let Some(server) = connection.server else { return };
        let peer = if connection.client == from { server } else { connection.client };
        let parcel = Parcel::Message { connection: connection.number, message: message(peer.connection), frame };
        self.carry(now, from.endpoint, peer.endpoint, parcel);
    }

    fn carry(&mut self, now: Instant, from: Endpoint, to: Endpoint, parcel: Parcel<F>) {
        let link = self.link(from, to);
        if link.cut || !link.delay.is_zero() || !link.held.is_empty() {
            let due = now + link.delay;
            link.held.push_back((due, parcel));
            return;
        }
        self.arrive(now, to, parcel);
    }

    fn arrive(&mut self, now: Instant, to: Endpoint, parcel: Parcel<F>) {
        match parcel {
            Parcel::Knock { connection, port, host } => self.accept(now, to, connection, port, &host),
            Parcel::Message { connection: number, message, frame } => {
                let Some(connection) = self.connections.get(&number) else { return };
                let end = [Some(connection.client), connection.server]
                    .into_iter()
                    .flatten()
                    .find(|end| end.endpoint == to && Some(end.connection) == connection_of(&message));
                // An end that closed wants nothing more.
                let Some(end) = end.filter(|end| self.ends.contains_key(end)) else { return };
                if matches!(message, FromSwitch::Closed { .. }) {
                    self.ends.remove(&end);
                    self.connections.remove(&number);
                }
                self.deliveries.push_back(Delivery { to, message, frame });
            }
        }
    }

    fn accept(&mut self, now: Instant, to: Endpoint, number: u64, port: u16, host: &str) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let client = connection.client;
        let listener = self.listeners.get(&port).filter(|listener| listener.endpoint == to && listener.serves(host));
        let Some(listener) = listener else {
            self.connections.remove(&number);
            self.ends.remove(&client);
            return self.refuse(client);
        };
        let server = End { endpoint: to, connection: self.next_accepted };
        self.next_accepted += 2;
        connection.server = Some(server);
        self.ends.insert(server, number);
        let accepted = FromSwitch::Accepted { connection: server.connection, listener: listener.name.clone() };
        self.deliveries.push_back(Delivery { to, message: accepted, frame: None });
        let connected = FromSwitch::Connected { connection: client.connection };
        self.carry(now, to, client.endpoint, Parcel::Message { connection: number, message: connected, frame: None });
    }

    fn link(&mut self, from: Endpoint, to: Endpoint) -> &mut Link<F> {
        let open = || Link { cut: false, delay: Duration::ZERO, held: VecDeque::new() };
        self.links.entry((from, to)).or_insert_with(open)
    }
}

impl Listener {
    fn serves(&self, host: &str) -> bool {
        self.host.is_empty() || self.host == "0.0.0.0" || self.host == host
    }
}

fn connection_of(message: &FromSwitch) -> Option<u64> {
    match message {
        FromSwitch::Accepted { connection, .. }
        | FromSwitch::Connected { connection }
        | FromSwitch::Refused { connection }
        | FromSwitch::Frame { connection }
        | FromSwitch::Closed { connection }
        | FromSwitch::Credit { connection, .. } => Some(*connection),
        FromSwitch::Lease(_) | FromSwitch::AddressInUse { .. } => None,
    }
}

#[cfg(test)]
#[path = "switch_tests.rs"]
mod tests;
