//! Nodes as processes on simulated disks and a simulated network, moved one happening at a time.

use super::disk::{Disk, DiskLatency};
use super::network::{Arrival, Delivery, End, FIRST_ACCEPTED, Latency, Life, Network, ProcessId};
use crate::config::BrokerConfig;
use crate::event::Event;
use crate::ids::{NodeId, Uuid};
use crate::log::storage::{FileRange, StoreCommand, Ticket};
use crate::node::{Input, MetaProperties, Node, Output};
use crate::protocol::ApiKey;
use crate::rng::Rng;
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};

/// What a cluster of the simulation is made of.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long messages take.
    pub latency: Latency,
    /// How long stores and loads take.
    pub disk: DiskLatency,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            latency: Latency { min_micros: 50, max_micros: 2_000, slow_one_in: 50 },
            disk: DiskLatency { min_micros: 100, max_micros: 3_000, slow_factor: 40 },
        }
    }
}

/// Something that will happen at its time.
#[derive(Clone, Debug)]
enum Happening {
    Arrive { to: End, what: Arrival },
    BatchStored { life: Life, directory: usize },
    RangeLoaded { life: Life, directory: usize, ticket: Ticket, range: FileRange },
    Timer { life: Life, number: u64 },
    Resume { life: Life },
}

impl Happening {
    /// Whom it waits for, where that is paused.
    fn node(&self) -> Option<NodeId> {
        let process = match self {
            Self::Arrive { to, .. } => to.life.process,
            Self::BatchStored { life, .. } | Self::RangeLoaded { life, .. } | Self::Timer { life, .. } => life.process,
            Self::Resume { .. } => return None,
        };
        if let ProcessId::Node(id) = process { Some(id) } else { None }
    }
}

/// A node as a process.
#[derive(Clone, Debug)]
pub struct NodeProcess {
    config: BrokerConfig,
    incarnation: u32,
    node: Option<Node>,
    disks: Vec<Disk>,
    timer: u64,
    /// What waits for it while it is paused.
    held: Option<VecDeque<Happening>>,
}

impl NodeProcess {
    /// The running node, if it runs.
    pub fn node(&self) -> Option<&Node> {
        self.node.as_ref()
    }

    /// Counts its starts.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// One of its disks failed, whether it knows or not.
    pub fn has_failed_disk(&self) -> bool {
        self.disks.iter().any(Disk::has_failed)
    }

    /// Its disks, in the order of `log.dirs`.
    pub fn disks(&self) -> &[Disk] {
        &self.disks
    }
}

/// What one step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing is under way and nobody waits for a time: it stands still for ever.
    Idle,
    /// A node moved.
    Node(NodeId),
    /// Something arrived at a client, or its timer went off; the caller moves it.
    Client(u32, ClientArrival),
    /// It was addressed to a process that has ended.
    Nobody,
}

/// What a client's host learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientArrival {
    /// A connection stands, or was refused.
    Connected {
        /// The client's name of it.
        connection: crate::ids::ConnectionId,
        /// False where it was refused.
        accepted: bool,
    },
    /// A frame.
    Frame {
        /// Where.
        connection: crate::ids::ConnectionId,
        /// The frame.
        bytes: Bytes,
    },
    /// A connection ended.
    Closed {
        /// Which.
        connection: crate::ids::ConnectionId,
    },
    /// The time it waited for.
    Timeout,
}

/// The cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The only source of chance.
    pub rng: Rng,
    now: Instant,
    queue: BTreeMap<(Instant, u64), Happening>,
    next_number: u64,
    network: Network,
    nodes: BTreeMap<NodeId, NodeProcess>,
    client_timers: BTreeMap<u32, u64>,
    /// Ends of connections that were reset: what is still under way to them is lost.
    reset: BTreeSet<End>,
    options: Options,
    events: Vec<(Instant, NodeId, Event)>,
    /// What frames arrived, where somebody wants to know.
    tap: Option<Vec<(Instant, String)>>,
}

/// The id of every simulated cluster.
pub const CLUSTER_ID: &str = "c2ltdWxhdGVkLWNsdXN0ZQ";

/// The wall clock at the simulation's zero: 2026-01-01T00:00:00Z.
const WALL_ZERO_MS: i64 = 1_767_225_600_000;

impl Cluster {
    /// A cluster without nodes.
    pub fn new(seed: u64, options: Options) -> Self {
        Self {
            rng: Rng::new(seed),
            now: Instant::ZERO,
            queue: BTreeMap::new(),
            next_number: 0,
            network: Network::new(options.latency),
            nodes: BTreeMap::new(),
            client_timers: BTreeMap::new(),
            reset: BTreeSet::new(),
            options,
            events: Vec::new(),
            tap: None,
        }
    }

    /// The time.
    pub fn now(&self) -> Now {
        Now { monotonic: self.now, wall_ms: WALL_ZERO_MS + self.now.as_millis() as i64 }
    }

    /// Adds a node that does not run yet, on disks formatted for the cluster.
    pub fn add_node(&mut self, config: BrokerConfig) {
        let directories = config.log_dirs.iter().map(|_| (self.rng.uuid(), Vec::new())).collect();
        self.add_formatted_node(config, directories);
    }

    /// Adds a node that does not run yet, or formats one anew: for each of its log directories the id, and what it holds
    /// beside its `meta.properties`.
    pub fn add_formatted_node(&mut self, config: BrokerConfig, directories: Vec<(Uuid, Vec<StoreCommand>)>) {
        let mut disks = Vec::new();
        for (directory_id, mut commands) in directories {
            commands.push(formatted(config.node_id, directory_id));
            disks.push(Disk::formatted(self.options.disk, &commands));
        }
        let incarnation = self.nodes.get(&config.node_id).map_or(0, NodeProcess::incarnation);
        self.nodes.insert(config.node_id, NodeProcess { config, incarnation, node: None, disks, timer: 0, held: None });
    }

    /// All nodes, running or not.
    pub fn nodes(&self) -> &BTreeMap<NodeId, NodeProcess> {
        &self.nodes
    }

    /// The running nodes.
    pub fn running(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().filter_map(|(id, process)| process.node.as_ref().map(|node| (*id, node)))
    }

    /// What the nodes told since the last call.
    pub fn take_events(&mut self) -> Vec<(Instant, NodeId, Event)> {
        core::mem::take(&mut self.events)
    }

    /// Notes every frame that arrives, for [`Self::take_frames`].
    pub fn set_tap(&mut self, on: bool) {
        self.tap = on.then(Vec::new);
    }

    /// What frames arrived since the last call.
    pub fn take_frames(&mut self) -> Vec<(Instant, String)> {
        self.tap.as_mut().map(core::mem::take).unwrap_or_default()
    }

    /// Starts a node that does not run.
    pub fn start(&mut self, id: NodeId) {
        let seed = self.rng.next_u64();
        let Some(process) = self.nodes.get_mut(&id) else { return };
        if process.node.is_some() {
            return;
        }
        process.incarnation += 1;
        process.node = Some(Node::new(process.config.clone(), seed));
        let life = Life { process: ProcessId::Node(id), incarnation: process.incarnation };
        for listener in &process.config.listeners {
            self.network.bind(life, listener.listener.clone(), listener.host.clone(), listener.port);
        }
        let directories = (process.config.log_dirs.iter().zip(&process.disks))
            .map(|(path, disk)| disk.stored().listing(path.clone()))
            .collect();
        self.handle(id, Input::Start { directories });
    }

    /// `kill -9`: gone at once; what was handed to the disk still arrives there.
    pub fn kill(&mut self, id: NodeId) {
        self.end_process(id, Disk::process_killed);
    }

    /// The power goes: what is not on the disk is lost.
    pub fn power_off(&mut self, id: NodeId) {
        self.end_process(id, Disk::power_lost);
    }

    /// Controlled shutdown.
    pub fn stop(&mut self, id: NodeId) {
        if self.nodes.get(&id).is_some_and(|process| process.node.is_some()) {
            self.handle(id, Input::Shutdown);
        }
    }

    fn end_process(&mut self, id: NodeId, disks: fn(&mut Disk)) {
        let Some(process) = self.nodes.get_mut(&id) else { return };
        if process.node.take().is_none() {
            return;
        }
        process.disks.iter_mut().for_each(disks);
        // What waited for it finds nobody.
        for happening in process.held.take().unwrap_or_default() {
            self.push(self.now, happening);
        }
        let Some(process) = self.nodes.get_mut(&id) else { return };
        let life = Life { process: ProcessId::Node(id), incarnation: process.incarnation };
        let deliveries = self.network.end_life(self.now, &mut self.rng, life);
        self.schedule(deliveries);
    }

    /// A node does nothing for `time`, as a machine that swaps: what comes meanwhile waits, then all comes at once.
    pub fn pause(&mut self, id: NodeId, time: Duration) {
        let Some(process) = self.nodes.get_mut(&id) else { return };
        if process.node.is_none() || process.held.is_some() {
            return;
        }
        process.held = Some(VecDeque::new());
        let life = Life { process: ProcessId::Node(id), incarnation: process.incarnation };
        self.push(self.now + time, Happening::Resume { life });
    }

    /// Breaks every connection between two processes; what is under way on them is lost.
    pub fn reset(&mut self, one: ProcessId, other: ProcessId) {
        let ends = self.network.ends_between(one, other);
        self.reset.extend(ends.iter().copied());
        for end in ends {
            let deliveries = self.network.reset(self.now, &mut self.rng, end);
            self.schedule(deliveries);
        }
    }

    /// Makes the disks of a node slow, or quick again.
    pub fn set_slow_disk(&mut self, id: NodeId, slow: bool) {
        if let Some(process) = self.nodes.get_mut(&id) {
            process.disks.iter_mut().for_each(|disk| disk.set_slow(slow));
        }
    }

    /// A disk of a node fails, by its place in `log.dirs`.
    pub fn fail_disk(&mut self, id: NodeId, directory: usize) {
        if let Some(disk) = self.nodes.get_mut(&id).and_then(|process| process.disks.get_mut(directory)) {
            disk.fail();
        }
    }

    /// Puts the disks of a node that does not run right.
    pub fn repair_disks(&mut self, id: NodeId) {
        if let Some(process) = self.nodes.get_mut(&id).filter(|process| process.node.is_none()) {
            process.disks.iter_mut().for_each(Disk::repair);
        }
    }

    /// One log directory of a node that does not run is emptied and formatted anew, as `kafka-storage.sh format` does: the
    /// same cluster and node, another directory id.
    pub fn format_disk(&mut self, id: NodeId, directory: usize) {
        let directory_id = self.rng.uuid();
        let process = self.nodes.get_mut(&id).filter(|process| process.node.is_none());
        if let Some(disk) = process.and_then(|process| process.disks.get_mut(directory)) {
            disk.replace(&[formatted(id, directory_id)]);
        }
    }

    /// How long messages take from now on.
    pub fn set_latency(&mut self, latency: Latency) {
        self.network.set_latency(latency);
    }

    /// Silences a link.
    pub fn cut(&mut self, one: ProcessId, other: ProcessId) {
        self.network.cut(one, other);
    }

    /// Repairs every link.
    pub fn repair_all(&mut self) {
        let deliveries = self.network.repair_all(self.now, &mut self.rng);
        self.schedule(deliveries);
    }

    /// A client opens a connection.
    pub fn client_connect(&mut self, client: u32, connection: crate::ids::ConnectionId, host: &Str, port: u16) {
        let from = client_end(client, connection);
        let deliveries = self.network.connect(self.now, &mut self.rng, from, host, port);
        self.schedule(deliveries);
    }

    /// A client sends a frame.
    pub fn client_send(&mut self, client: u32, connection: crate::ids::ConnectionId, parts: &[Bytes]) {
        let from = client_end(client, connection);
        let deliveries = self.network.send(self.now, &mut self.rng, from, joined(parts));
        self.schedule(deliveries);
    }

    /// A client closes a connection.
    pub fn client_close(&mut self, client: u32, connection: crate::ids::ConnectionId) {
        let deliveries = self.network.close(self.now, &mut self.rng, client_end(client, connection));
        self.schedule(deliveries);
    }

    /// A client's process ends without a word.
    pub fn client_kill(&mut self, client: u32) {
        self.client_timers.remove(&client);
        let life = Life { process: ProcessId::Client(client), incarnation: 0 };
        let deliveries = self.network.end_life(self.now, &mut self.rng, life);
        self.schedule(deliveries);
    }

    /// A client wants to hear of a time; an earlier wish is forgotten.
    pub fn client_wait(&mut self, client: u32, until: Option<Instant>) {
        let number = self.next_number;
        self.client_timers.insert(client, number);
        if let Some(until) = until {
            let life = Life { process: ProcessId::Client(client), incarnation: 0 };
            self.push(until.max(self.now), Happening::Timer { life, number });
        }
    }

    /// When the next thing happens.
    pub fn next_at(&self) -> Option<Instant> {
        self.queue.keys().next().map(|(at, _)| *at)
    }

    /// Lets time pass without anything happening; not past what is queued.
    pub fn advance_to(&mut self, at: Instant) {
        self.now = self.now.max(self.next_at().map_or(at, |next| next.min(at)));
    }

    /// Does the next thing.
    pub fn step(&mut self) -> Step {
        let Some(((at, _), happening)) = self.queue.pop_first() else { return Step::Idle };
        self.now = self.now.max(at);
        let waits = happening.node().and_then(|id| self.nodes.get_mut(&id)?.held.as_mut());
        if let Some(held) = waits {
            held.push_back(happening);
            return Step::Nobody;
        }
        self.happen(happening)
    }

    fn happen(&mut self, happening: Happening) -> Step {
        match happening {
            Happening::Resume { life } => {
                let Some(id) = self.living_node(life) else { return Step::Nobody };
                let held = self.nodes.get_mut(&id).and_then(|process| process.held.take()).unwrap_or_default();
                for happening in held {
                    self.happen(happening);
                }
                Step::Node(id)
            }
            Happening::Arrive { to, what } => self.arrive(to, what),
            Happening::BatchStored { life, directory } => {
                let Some(id) = self.living_node(life) else { return Step::Nobody };
                let disk = self.nodes.get_mut(&id).and_then(|process| process.disks.get_mut(directory));
                let input = match disk.and_then(Disk::finish) {
                    Some(Ok(ticket)) => Input::Stored { directory, ticket },
                    Some(Err(ticket)) => {
                        Input::StoreFailed { directory, ticket, reason: Str::from_static("Input/output error") }
                    }
                    None => return Step::Nobody,
                };
                self.handle(id, input);
                Step::Node(id)
            }
            Happening::RangeLoaded { life, directory, ticket, range } => {
                let Some(id) = self.living_node(life) else { return Step::Nobody };
                let read = self.nodes.get(&id).and_then(|process| process.disks.get(directory)?.read(&range));
                self.handle(
                    id,
                    match read {
                        Some(bytes) => Input::Loaded { ticket, bytes },
                        None => Input::LoadFailed { ticket, reason: Str::from_static("no such range") },
                    },
                );
                Step::Node(id)
            }
            Happening::Timer { life, number } => match life.process {
                ProcessId::Node(id) => {
                    if self.living_node(life).is_none()
                        || self.nodes.get(&id).is_none_or(|process| process.timer != number)
                    {
                        return Step::Nobody;
                    }
                    self.handle(id, Input::Timeout);
                    Step::Node(id)
                }
                ProcessId::Client(client) if self.client_timers.get(&client) == Some(&number) => {
                    Step::Client(client, ClientArrival::Timeout)
                }
                ProcessId::Client(_) => Step::Nobody,
            },
        }
    }

    fn arrive(&mut self, to: End, what: Arrival) -> Step {
        let connection = to.connection;
        match &what {
            Arrival::Closed => {
                self.reset.remove(&to);
            }
            _ if self.reset.contains(&to) => return Step::Nobody,
            _ => {}
        }
        if let (Some(tap), Arrival::Frame(bytes)) = (self.tap.as_mut(), &what) {
            tap.push((self.now, frame_text(to, bytes)));
        }
        match to.life.process {
            ProcessId::Node(id) => {
                if self.living_node(to.life).is_none() {
                    // A process that is gone resets what still reaches it.
                    let deliveries = match what {
                        Arrival::Closed => Vec::new(),
                        _ => self.network.close(self.now, &mut self.rng, to),
                    };
                    self.schedule(deliveries);
                    return Step::Nobody;
                }
                self.handle(
                    id,
                    match what {
                        Arrival::Accepted { listener } => {
                            Input::Accepted { connection, listener, peer: Str::from_static("127.0.0.1") }
                        }
                        Arrival::Connected => Input::Connected { connection },
                        Arrival::Refused => Input::ConnectFailed { connection },
                        Arrival::Frame(bytes) => Input::Frame { connection, bytes },
                        Arrival::Closed => Input::Closed { connection },
                    },
                );
                Step::Node(id)
            }
            ProcessId::Client(client) => Step::Client(
                client,
                match what {
                    Arrival::Accepted { .. } => return Step::Nobody,
                    Arrival::Connected => ClientArrival::Connected { connection, accepted: true },
                    Arrival::Refused => ClientArrival::Connected { connection, accepted: false },
                    Arrival::Frame(bytes) => ClientArrival::Frame { connection, bytes },
                    Arrival::Closed => ClientArrival::Closed { connection },
                },
            ),
        }
    }

    fn living_node(&self, life: Life) -> Option<NodeId> {
        let ProcessId::Node(id) = life.process else { return None };
        let process = self.nodes.get(&id)?;
        (process.node.is_some() && process.incarnation == life.incarnation).then_some(id)
    }

    /// Hands an input over and carries out everything the node answers.
    fn handle(&mut self, id: NodeId, input: Input) {
        let now = self.now();
        let Some(process) = self.nodes.get_mut(&id) else { return };
        let life = Life { process: ProcessId::Node(id), incarnation: process.incarnation };
        let Some(node) = process.node.as_mut() else { return };
        node.handle(now, input);
        let mut outputs = Vec::new();
        loop {
            match node.poll_output() {
                Output::Wait { until, .. } => {
                    process.timer = self.next_number;
                    if let Some(until) = until {
                        let number = self.next_number;
                        self.push(until.max(self.now), Happening::Timer { life, number });
                    } else {
                        self.next_number += 1;
                    }
                    break;
                }
                output => outputs.push(output),
            }
        }
        for output in outputs {
            // What a process wants after its end nobody does: a store would never be answered, and each after it too early.
            if self.living_node(life).is_none() {
                break;
            }
            self.carry_out(id, life, output);
        }
    }

    fn carry_out(&mut self, id: NodeId, life: Life, output: Output) {
        let deliveries = match output {
            Output::Connect { connection, host, port } => {
                self.network.connect(self.now, &mut self.rng, End { life, connection }, &host, port)
            }
            Output::Send { connection, bytes } => {
                self.network.send(self.now, &mut self.rng, End { life, connection }, joined(&bytes))
            }
            Output::Close { connection } => self.network.close(self.now, &mut self.rng, End { life, connection }),
            Output::Store { directory, ticket, commands } => {
                let Some(process) = self.nodes.get_mut(&id) else { return };
                let Some(disk) = process.disks.get_mut(directory) else { return };
                let count = commands.len();
                let at = disk.begin(self.now, &mut self.rng, ticket, commands);
                if let Some(tap) = self.tap.as_mut() {
                    let done = at.as_micros();
                    tap.push((self.now, format!("Node({id}) stores {count} commands in {directory}, until {done} us")));
                }
                self.push(at, Happening::BatchStored { life, directory });
                return;
            }
            Output::Load { directory, ticket, range } => {
                let Some(process) = self.nodes.get_mut(&id) else { return };
                let Some(disk) = process.disks.get_mut(directory) else { return };
                let at = disk.occupy(self.now, &mut self.rng);
                self.push(at, Happening::RangeLoaded { life, directory, ticket, range });
                return;
            }
            Output::Event(event) => {
                let ended = matches!(event, Event::Stopped | Event::Fatal { .. });
                self.events.push((self.now, id, event));
                if ended {
                    self.kill(id);
                }
                return;
            }
            // The window is the host's; the simulated network has room.
            Output::Taken { .. } | Output::Wait { .. } => return,
        };
        self.schedule(deliveries);
    }

    fn schedule(&mut self, deliveries: Vec<Delivery>) {
        for Delivery { at, to, what } in deliveries {
            self.push(at, Happening::Arrive { to, what });
        }
    }

    fn push(&mut self, at: Instant, happening: Happening) {
        let number = self.next_number;
        self.next_number += 1;
        self.queue.insert((at, number), happening);
    }
}

/// What `kafka-storage.sh format` leaves in a log directory.
fn formatted(node_id: NodeId, directory_id: Uuid) -> StoreCommand {
    MetaProperties { cluster_id: Str::from_static(CLUSTER_ID), node_id, directory_id }.format()
}

/// A frame in one line. Connections that others opened carry requests, and only those are numbered so high.
fn frame_text(to: End, bytes: &Bytes) -> String {
    let number = |at: usize| bytes.get(at..at + 2).map_or(-1, |two| i16::from_be_bytes([two[0], two[1]]));
    let (process, connection, size) = (to.life.process, to.connection.0, bytes.len());
    if connection < FIRST_ACCEPTED {
        return format!("{process:?} on {connection}: answer {}, {size} bytes", number(2));
    }
    let api = ApiKey::from_code(number(0));
    format!("{process:?} on {connection}: {api:?} v{} number {}, {size} bytes", number(2), number(6))
}

fn client_end(client: u32, connection: crate::ids::ConnectionId) -> End {
    End { life: Life { process: ProcessId::Client(client), incarnation: 0 }, connection }
}

fn joined(parts: &[Bytes]) -> Bytes {
    match parts {
        [one] => one.clone(),
        parts => {
            let mut all = BytesMut::with_capacity(parts.iter().map(Bytes::len).sum());
            for part in parts {
                all.extend_from_slice(part);
            }
            all.freeze()
        }
    }
}

/// How long after a fault stops a healthy cluster may take to heal before a simulation calls it stuck.
pub const HEALING: Duration = Duration::from_secs(30);
