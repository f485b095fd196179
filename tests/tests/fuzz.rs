//! Bytes nobody should send: every request the listeners serve, whole, cut short and changed, and plain noise, given to
//! a node on an accepted connection. It never panics, never ends itself, never allocates far beyond the frame, and
//! serves the next client.

#[path = "codec/fixtures.rs"]
mod fixtures;

use broker_core::config::playground::playground_properties;
use broker_core::config::{BrokerConfig, Properties};
use broker_core::event::Event;
use broker_core::ids::ConnectionId;
use broker_core::log::memory_disk::MemoryDisk;
use broker_core::node::{Input, MetaProperties, Node, Output};
use broker_core::protocol::api_versions::{ReleaseLine, served_apis};
use broker_core::protocol::messages::{ApiVersionsRequest, MetadataRequest, visit_requests};
use broker_core::protocol::{ApiKey, Request, RequestVisitor, encode_request};
use broker_core::rng::Rng;
use broker_core::text::Str;
use broker_core::time::{Instant, Now};
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

/// How much the process may grow beyond where it began, all tests of this file together: one length taken on trust is
/// more than this at once.
const MAY_GROW: u64 = 512 << 20;

/// The largest address space this process had, in bytes; `None` where the system does not tell.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? << 10)
}

/// One node alone, controller and broker, whose disks and network are these fields.
#[derive(Clone)]
struct Alone {
    node: Node,
    disks: Vec<MemoryDisk>,
    now: Instant,
    until: Option<Instant>,
    pending: VecDeque<Input>,
    next_connection: u64,
    sent: Vec<(ConnectionId, Bytes)>,
    closed: Vec<ConnectionId>,
    ended: Option<Event>,
}

impl Alone {
    fn start(seed: u64) -> Self {
        let properties = Properties::parse(&playground_properties(0, 1)).expect("our own");
        let config = BrokerConfig::from_properties(&properties).expect("our own");
        let mut rng = Rng::new(seed);
        let mut disks = Vec::new();
        let mut directories = Vec::new();
        for path in &config.log_dirs {
            let cluster_id = Str::from_static("ZnV6emVkLWNsdXN0ZXItMQ");
            let meta = MetaProperties { cluster_id, node_id: 0, directory_id: rng.uuid() };
            let mut disk = MemoryDisk::default();
            disk.apply(&[meta.format()]);
            directories.push(disk.listing(path.clone()));
            disks.push(disk);
        }
        let mut alone = Self {
            node: Node::new(config, seed),
            disks,
            now: Instant::ZERO,
            until: None,
            pending: VecDeque::new(),
            next_connection: 2,
            sent: Vec::new(),
            closed: Vec::new(),
            ended: None,
        };
        alone.give(Input::Start { directories });
        // Its own quorum, its own registration: a second is plenty.
        alone.run_until(Instant::from_millis(3_000));
        alone
    }

    fn give(&mut self, input: Input) {
        self.pending.push_back(input);
        while let Some(input) = self.pending.pop_front() {
            let now = Now { monotonic: self.now, wall_ms: 1_767_225_600_000 + self.now.as_millis() as i64 };
            self.node.handle(now, input);
            loop {
                match self.node.poll_output() {
                    Output::Wait { until, .. } => {
                        self.until = until;
                        break;
                    }
                    output => self.carry_out(output),
                }
            }
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Store { directory, ticket, commands } => {
                self.disks[directory].apply(&commands);
                self.pending.push_back(Input::Stored { directory, ticket });
            }
            Output::Load { directory, ticket, range } => {
                self.pending.push_back(match self.disks[directory].read(&range) {
                    Some(bytes) => Input::Loaded { ticket, bytes },
                    None => Input::LoadFailed { ticket, reason: Str::from_static("not there") },
                });
            }
            Output::Send { connection, bytes } => match other_end(connection) {
                Some(connection) => self.pending.push_back(Input::Frame { connection, bytes: join(&bytes) }),
                None => self.sent.push((connection, join(&bytes))),
            },
            Output::Connect { connection, port, .. } => self.connect(connection, port),
            Output::Close { connection } => match other_end(connection) {
                Some(connection) => self.pending.push_back(Input::Closed { connection }),
                None => self.closed.push(connection),
            },
            Output::Event(event @ (Event::Fatal { .. } | Event::Stopped)) => self.ended = Some(event),
            Output::Event(_) | Output::Taken { .. } | Output::Wait { .. } => {}
        }
    }

    /// Only to itself: the other end has an even number of its own.
    fn connect(&mut self, connection: ConnectionId, port: u16) {
        let listener = match port {
            9092 => "PLAINTEXT",
            19092 => "CONTROLLER",
            _ => return self.pending.push_back(Input::ConnectFailed { connection }),
        };
        let accepted = ConnectionId(connection.0 + OWN);
        let (listener, peer) = (Str::from(listener), Str::from_static("127.0.0.1"));
        self.pending.push_back(Input::Accepted { connection: accepted, listener, peer });
        self.pending.push_back(Input::Connected { connection });
    }

    fn run_until(&mut self, end: Instant) {
        while let Some(until) = self.until.filter(|until| *until <= end) {
            self.now = self.now.max(until);
            self.until = None;
            self.give(Input::Timeout);
        }
        self.now = end;
    }

    fn accept(&mut self, listener: &str) -> ConnectionId {
        let connection = ConnectionId(self.next_connection);
        self.next_connection += 2;
        let (listener, peer) = (Str::from(listener), Str::from_static("127.0.0.1"));
        self.give(Input::Accepted { connection, listener, peer });
        connection
    }

    /// Whether a new client is answered.
    fn serves(&mut self, listener: &str) -> bool {
        let connection = self.accept(listener);
        let request = encode_request(0, 7, None, &ApiVersionsRequest::default());
        self.give(Input::Frame { connection, bytes: join(&request) });
        self.sent.iter().any(|(to, _)| *to == connection)
    }
}

/// The other end of a node's way to itself.
fn other_end(connection: ConnectionId) -> Option<ConnectionId> {
    match connection.0 {
        number if number % 2 == 1 => Some(ConnectionId(number + OWN)),
        number if number >= OWN => Some(ConnectionId(number - OWN)),
        _ => None,
    }
}

/// Both ends of a node's way to itself are told apart by this.
const OWN: u64 = 1_000_000_001;

fn join(parts: &[Bytes]) -> Bytes {
    let mut whole = BytesMut::new();
    for part in parts {
        whole.extend_from_slice(part);
    }
    whole.freeze()
}

/// The first flexible version of each request.
#[derive(Default)]
struct Flexible(Vec<(ApiKey, Option<i16>)>);

impl RequestVisitor for Flexible {
    fn visit<R: Request>(&mut self) {
        self.0.push((R::KEY, R::FLEXIBLE_FROM));
    }
}

/// Kafka's own bytes of every request, with a header before.
fn requests() -> Vec<(String, Bytes)> {
    let mut flexible = Flexible::default();
    visit_requests(&mut flexible);
    let mut found = Vec::new();
    for ((name, version, variant), body) in fixtures::load() {
        let Some(api) = name.strip_suffix("Request") else { continue };
        let Some((key, flexible_from)) = flexible.0.iter().find(|(key, _)| key.name() == api) else { continue };
        let mut frame = BytesMut::new();
        frame.extend_from_slice(&key.code().to_be_bytes());
        frame.extend_from_slice(&version.to_be_bytes());
        frame.extend_from_slice(&[0, 0, 0, 9, 0, 4]);
        frame.extend_from_slice(b"fuzz");
        if flexible_from.is_some_and(|from| version >= from) && *key != ApiKey::ControlledShutdown {
            frame.extend_from_slice(&[0]);
        }
        frame.extend_from_slice(&body);
        found.push((format!("{name} {version} {variant}"), frame.freeze()));
    }
    found
}

/// Cuts, flips, overwrites with what lengths are afraid of, repeats or fills up.
fn mutated(rng: &mut Rng, frame: &Bytes) -> Bytes {
    let mut bytes = frame.to_vec();
    for _ in 0..=rng.below(3) {
        let length = bytes.len().max(1) as u64;
        let at = rng.below(length) as usize;
        match rng.below(6) {
            0 => bytes.truncate(at),
            1 if !bytes.is_empty() => bytes[at] ^= 1 << rng.below(8),
            2 => {
                let frightening: [&[u8]; 5] =
                    [&[0x7f, 0xff, 0xff, 0xff], &[0xff; 4], &[0x80, 0, 0, 0], &[0xff, 0xff, 0xff, 0xff, 0x0f], &[0; 8]];
                for (place, byte) in bytes.iter_mut().skip(at).zip(frightening[rng.below(5) as usize]) {
                    *place = *byte;
                }
            }
            3 => bytes.extend(noise(rng, 16)),
            4 => {
                let repeated = bytes[at..].to_vec();
                bytes.extend(repeated);
            }
            _ if !bytes.is_empty() => bytes[at] = rng.below(256) as u8,
            _ => {}
        }
    }
    bytes.into()
}

fn noise(rng: &mut Rng, most: u64) -> Vec<u8> {
    (0..rng.below(most)).map(|_| rng.below(256) as u8).collect()
}

/// Gives a frame and checks what may not happen.
fn give(alone: &mut Alone, what: &str, listener: &str, bytes: &Bytes) {
    let connection = alone.accept(listener);
    alone.give(Input::Frame { connection, bytes: bytes.clone() });
    assert_eq!(alone.ended, None, "{what} on {listener}: {bytes:?}");
    alone.give(Input::Closed { connection });
}

#[test]
fn every_api_that_is_served_has_a_frame_here() {
    let frames = requests();
    for api in served_apis(ReleaseLine::V4_3) {
        let name = format!("{}Request {} ", api.key.name(), api.max_version);
        assert!(frames.iter().any(|(frame, _)| frame.starts_with(&name)), "{name}");
    }
}

#[test]
fn bytes_behind_a_request_are_left_alone() {
    let mut alone = Alone::start(40);
    let connection = alone.accept("PLAINTEXT");
    let mut bytes = BytesMut::from(&join(&encode_request(12, 7, None, &MetadataRequest::default()))[..]);
    bytes.extend_from_slice(&[0; 3]);
    alone.give(Input::Frame { connection, bytes: bytes.freeze() });
    assert!(alone.sent.iter().any(|(to, _)| *to == connection));
}

#[test]
fn no_frame_ends_a_node_or_makes_it_allocate_beyond_it() {
    let seed = 41;
    println!("seed {seed}");
    let mut rng = Rng::new(seed);
    let fresh = Alone::start(seed);
    let before = peak();
    for listener in ["PLAINTEXT", "CONTROLLER"] {
        assert!(fresh.clone().serves(listener), "{listener} does not answer yet");
        for (what, frame) in requests() {
            let mut alone = fresh.clone();
            give(&mut alone, &what, listener, &frame);
            let cut = rng.below(frame.len() as u64) as usize;
            give(&mut alone, &what, listener, &frame.slice(..cut));
            for _ in 0..12 {
                let bytes = mutated(&mut rng, &frame);
                give(&mut alone, &format!("{what}, changed"), listener, &bytes);
            }
            // Whatever it made of them, time goes on for it.
            alone.run_until(Instant::from_millis(4_000));
            assert_eq!(alone.ended, None, "{what} on {listener}");
            assert!(alone.serves(listener), "{what}: nobody is served on {listener} any more");
            let grown = peak().zip(before).map_or(0, |(now, before)| now.saturating_sub(before));
            assert!(grown < MAY_GROW, "{what} on {listener}: the process grew by {grown} bytes");
        }
    }
}

#[test]
fn noise_closes_a_connection_and_nothing_else() {
    let seed = 42;
    println!("seed {seed}");
    let mut rng = Rng::new(seed);
    let mut alone = Alone::start(seed);
    for _ in 0..3_000 {
        let listener = if rng.chance(1, 2) { "PLAINTEXT" } else { "CONTROLLER" };
        let bytes = Bytes::from(noise(&mut rng, 300));
        give(&mut alone, "noise", listener, &bytes);
    }
    assert!(alone.serves("PLAINTEXT") && alone.serves("CONTROLLER"));
    assert!(!alone.closed.is_empty());
}
