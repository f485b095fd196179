//! Connections between processes, as TCP has them: ordered each, reset when a process ends, silent while a link is cut.

use crate::ids::ConnectionId;
use crate::rng::Rng;
use crate::text::Str;
use crate::time::{Duration, Instant};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use bytes::Bytes;

/// A process of the simulation: a node or a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProcessId {
    /// A node, by `node.id`.
    Node(i32),
    /// A client, by number.
    Client(u32),
}

/// One life of a process: what is addressed to an earlier life is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Life {
    /// The process.
    pub process: ProcessId,
    /// Counts its starts.
    pub incarnation: u32,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct End {
    /// Whose.
    pub life: Life,
    /// The name that process knows the connection by.
    pub connection: ConnectionId,
}

/// What arrives at an end.
#[derive(Clone, Debug)]
pub enum Arrival {
    /// A connection was opened to a listener of this process.
    Accepted {
        /// The listener's name.
        listener: Str,
    },
    /// The connection this process asked for stands.
    Connected,
    /// It was refused.
    Refused,
    /// A frame.
    Frame(Bytes),
    /// The other end closed, or its process ended.
    Closed,
}

/// An arrival and its time.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// When.
    pub at: Instant,
    /// Where.
    pub to: End,
    /// What.
    pub what: Arrival,
}

/// How long messages take, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    /// Shortest.
    pub min_micros: u64,
    /// Usual longest.
    pub max_micros: u64,
    /// One message in so many takes up to ten times longer; 0 for none.
    pub slow_one_in: u64,
}

impl Latency {
    fn draw(self, rng: &mut Rng) -> Duration {
        let span = self.max_micros.saturating_sub(self.min_micros) + 1;
        let mut micros = self.min_micros + rng.below(span);
        if self.slow_one_in > 0 && rng.chance(1, self.slow_one_in) {
            micros *= 1 + rng.below(10);
        }
        Duration::from_micros(micros)
    }
}

#[derive(Clone, Debug)]
struct Direction {
    to: End,
    /// Nothing arrives before what was sent before it.
    not_before: Instant,
    /// Sent while the link was cut; leaves when it is repaired, as TCP sends again.
    held: VecDeque<Arrival>,
    /// Its sender closed it: once nothing is held, it is forgotten.
    closed: bool,
}

/// Connections that were accepted are numbered from here on, those a process opened below.
pub(super) const FIRST_ACCEPTED: u64 = 1 << 32;

/// All connections and who listens where.
#[derive(Clone, Debug)]
pub struct Network {
    latency: Latency,
    listeners: BTreeMap<(Str, u16), (Life, Str)>,
    directions: BTreeMap<End, Direction>,
    cut: BTreeSet<(ProcessId, ProcessId)>,
    next_accepted: u64,
}

impl Network {
    /// A network without connections.
    pub fn new(latency: Latency) -> Self {
        Self {
            latency,
            listeners: BTreeMap::new(),
            directions: BTreeMap::new(),
            cut: BTreeSet::new(),
            next_accepted: FIRST_ACCEPTED,
        }
    }

    /// How long messages take from now on.
    pub fn set_latency(&mut self, latency: Latency) {
        self.latency = latency;
    }

    /// A process listens at `host:port`; false where somebody does already.
    pub fn bind(&mut self, life: Life, name: Str, host: Str, port: u16) -> bool {
        if self.listeners.contains_key(&(host.clone(), port)) {
            return false;
        }
        self.listeners.insert((host, port), (life, name));
        true
    }

    /// A process opens a connection.
    pub fn connect(&mut self, now: Instant, rng: &mut Rng, from: End, host: &Str, port: u16) -> Vec<Delivery> {
        let at = now + self.latency.draw(rng);
        let Some((life, listener)) = self.listeners.get(&(host.clone(), port)).cloned() else {
            return alloc::vec![Delivery { at, to: from, what: Arrival::Refused }];
        };
        let to = End { life, connection: ConnectionId(self.next_accepted) };
        self.next_accepted += 2;
        self.directions.insert(from, Direction { to, not_before: at, held: VecDeque::new(), closed: false });
        self.directions.insert(to, Direction { to: from, not_before: at, held: VecDeque::new(), closed: false });
        // The SYN goes out, the answer comes back; a cut link holds both.
        let mut deliveries = self.transmit(now, rng, from, Arrival::Accepted { listener });
        deliveries.extend(self.transmit(at, rng, to, Arrival::Connected));
        deliveries
    }

    /// A process sends a frame.
    pub fn send(&mut self, now: Instant, rng: &mut Rng, from: End, frame: Bytes) -> Vec<Delivery> {
        self.transmit(now, rng, from, Arrival::Frame(frame))
    }

    /// A process closes a connection.
    pub fn close(&mut self, now: Instant, rng: &mut Rng, from: End) -> Vec<Delivery> {
        let deliveries = self.transmit(now, rng, from, Arrival::Closed);
        if let Some(direction) = self.directions.get_mut(&from) {
            direction.closed = true;
        }
        self.forget_if_done(from);
        deliveries
    }

    /// The ends of all connections between two processes.
    pub fn ends_between(&self, one: ProcessId, other: ProcessId) -> Vec<End> {
        let between = |from: &End, to: &End| pair(from.life.process, to.life.process) == pair(one, other);
        self.directions.iter().filter(|(from, direction)| between(from, &direction.to)).map(|(from, _)| *from).collect()
    }

    /// The other end of a connection learns that it broke; what was held is lost. To be called for both ends.
    pub fn reset(&mut self, now: Instant, rng: &mut Rng, from: End) -> Vec<Delivery> {
        if let Some(direction) = self.directions.get_mut(&from) {
            direction.held.clear();
        }
        self.close(now, rng, from)
    }

    /// A process ended: all its connections are reset, its listeners are free.
    pub fn end_life(&mut self, now: Instant, rng: &mut Rng, life: Life) -> Vec<Delivery> {
        self.listeners.retain(|_, (owner, _)| *owner != life);
        let ends: Vec<End> = self.directions.keys().filter(|end| end.life == life).copied().collect();
        ends.into_iter().flat_map(|end| self.close(now, rng, end)).collect()
    }

    /// Silences the link between two processes.
    pub fn cut(&mut self, one: ProcessId, other: ProcessId) {
        self.cut.insert(pair(one, other));
    }

    /// True where the link is silent.
    pub fn is_cut(&self, one: ProcessId, other: ProcessId) -> bool {
        self.cut.contains(&pair(one, other))
    }

    /// Repairs the link; what was held leaves now.
    pub fn repair(&mut self, now: Instant, rng: &mut Rng, one: ProcessId, other: ProcessId) -> Vec<Delivery> {
        self.cut.remove(&pair(one, other));
        let mut deliveries = Vec::new();
        let ends: Vec<End> = self.directions.keys().copied().collect();
        for from in ends {
            let Some(direction) = self.directions.get_mut(&from) else { continue };
            if pair(from.life.process, direction.to.life.process) != pair(one, other) {
                continue;
            }
            let held = core::mem::take(&mut direction.held);
            for what in held {
                deliveries.extend(self.transmit(now, rng, from, what));
            }
            self.forget_if_done(from);
        }
        deliveries
    }

    /// Repairs everything.
    pub fn repair_all(&mut self, now: Instant, rng: &mut Rng) -> Vec<Delivery> {
        let cut: Vec<_> = self.cut.iter().copied().collect();
        cut.into_iter().flat_map(|(one, other)| self.repair(now, rng, one, other)).collect()
    }

    fn transmit(&mut self, now: Instant, rng: &mut Rng, from: End, what: Arrival) -> Vec<Delivery> {
        let cut = &self.cut;
        let Some(direction) = self.directions.get_mut(&from) else { return Vec::new() };
        if cut.contains(&pair(from.life.process, direction.to.life.process)) || !direction.held.is_empty() {
            direction.held.push_back(what);
            return Vec::new();
        }
        let at = (now + self.latency.draw(rng)).max(direction.not_before + Duration::from_micros(1));
        direction.not_before = at;
        alloc::vec![Delivery { at, to: direction.to, what }]
    }

    fn forget_if_done(&mut self, from: End) {
        if self.directions.get(&from).is_some_and(|direction| direction.closed && direction.held.is_empty()) {
            self.directions.remove(&from);
        }
    }
}

fn pair(one: ProcessId, other: ProcessId) -> (ProcessId, ProcessId) {
    if one <= other { (one, other) } else { (other, one) }
}
