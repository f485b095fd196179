//! One node on real sockets: an event loop in a thread of its own.

use super::connection::{Connection, READ_SIZE, Received, resolve};
use super::disk::Disk;
use broker_core::config::BrokerConfig;
use broker_core::event::Event;
use broker_core::ids::{ConnectionId, NodeId};
use broker_core::node::{Input, Node, Output};
use broker_core::text::Str;
use broker_core::time::{Instant, Now};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How a running node is ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Controlled shutdown (SIGTERM).
    Stop,
    /// Gone at once (`kill -9`). Stores here are synchronous, so a power cut of the process is the same.
    Kill,
}

/// A node that runs in its own thread until it is ended or stops by itself.
#[derive(Debug)]
pub struct RunningBroker {
    ends: Sender<End>,
    waker: Arc<Waker>,
    thread: JoinHandle<io::Result<()>>,
}

/// What a node needs to start.
#[derive(Clone, Debug)]
pub struct BrokerSetup {
    /// Its properties.
    pub config: BrokerConfig,
    /// Folder below which its `log.dirs` lie.
    pub data: PathBuf,
    /// Seed of its chance.
    pub seed: u64,
    /// True: say what happens on standard error.
    pub verbose: bool,
}

const WAKER: Token = Token(0);
const FIRST_LISTENER: usize = 1;
/// Accepted connections get even numbers from here on; the node's own are odd.
const FIRST_ACCEPTED: u64 = 1 << 20;

impl RunningBroker {
    /// Binds the listeners and starts the thread.
    pub fn start(setup: BrokerSetup) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let (ends, ended) = channel();
        let host = Host::open(poll, setup)?;
        let thread = std::thread::Builder::new().name("broker".into()).spawn(move || host.run(&ended))?;
        Ok(Self { ends, waker, thread })
    }

    /// Ends the node and waits until its thread is gone.
    pub fn end(self, end: End) -> io::Result<()> {
        // A node that stopped by itself no longer listens to this, which is as good.
        let _already_gone = self.ends.send(end);
        self.waker.wake()?;
        self.thread.join().map_err(|_| io::Error::other("the broker's thread panicked"))?
    }

    /// True once the thread is gone.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }
}

struct Listener {
    name: Str,
    socket: TcpListener,
}

struct Host {
    poll: Poll,
    node: Node,
    id: NodeId,
    disks: Vec<Disk>,
    listeners: Vec<Listener>,
    connections: BTreeMap<ConnectionId, Connection>,
    inputs: VecDeque<Input>,
    next_accepted: u64,
    until: Option<Instant>,
    started: std::time::Instant,
    stopped: bool,
    verbose: bool,
    buffer: Vec<u8>,
}

impl Host {
    fn open(poll: Poll, setup: BrokerSetup) -> io::Result<Self> {
        let mut listeners = Vec::new();
        for (index, listener) in setup.config.listeners.iter().enumerate() {
            let host = if listener.host.is_empty() { "0.0.0.0" } else { listener.host.as_str() };
            let mut socket = TcpListener::bind(resolve(host, listener.port)?)?;
            poll.registry().register(&mut socket, Token(FIRST_LISTENER + index), Interest::READABLE)?;
            listeners.push(Listener { name: listener.listener.clone(), socket });
        }
        let disks =
            setup.config.log_dirs.iter().map(|name| Disk::open(&setup.data, name)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            poll,
            id: setup.config.node_id,
            node: Node::new(setup.config, setup.seed),
            disks,
            listeners,
            connections: BTreeMap::new(),
            inputs: VecDeque::new(),
            next_accepted: FIRST_ACCEPTED,
            until: None,
            started: std::time::Instant::now(),
            stopped: false,
            verbose: setup.verbose,
            buffer: vec![0; READ_SIZE],
        })
    }

    fn run(mut self, ended: &Receiver<End>) -> io::Result<()> {
        let directories = self.disks.iter().map(Disk::list).collect::<Result<_, _>>()?;
        self.inputs.push_back(Input::Start { directories });
        let mut events = Events::with_capacity(256);
        loop {
            self.drain();
            if self.stopped {
                return Ok(());
            }
            self.poll.poll(&mut events, self.timeout()).or_else(ignore_interrupt)?;
            for event in &events {
                match event.token() {
                    WAKER => {}
                    Token(index) if index < FIRST_LISTENER + self.listeners.len() => {
                        self.accept(index - FIRST_LISTENER)?;
                    }
                    Token(number) => self.ready(ConnectionId(number as u64)),
                }
            }
            match ended.try_recv() {
                Ok(End::Kill) => return Ok(()),
                Ok(End::Stop) => self.inputs.push_back(Input::Shutdown),
                Err(_) => {}
            }
            if self.until.is_some_and(|until| until <= self.now().monotonic) {
                self.until = None;
                self.inputs.push_back(Input::Timeout);
            }
        }
    }

    fn now(&self) -> Now {
        let monotonic = Instant::from_micros(self.started.elapsed().as_micros() as u64);
        let wall_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
        Now { monotonic, wall_ms }
    }

    fn timeout(&self) -> Option<Duration> {
        let now = self.now().monotonic;
        self.until.map(|until| until.since(now))
    }

    /// Hands every waiting input over and carries out what the node answers.
    fn drain(&mut self) {
        while let Some(input) = self.inputs.pop_front() {
            let now = self.now();
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
            Output::Connect { connection, host, port } => self.connect(connection, &host, port),
            Output::Send { connection, bytes } => {
                if let Some(open) = self.connections.get_mut(&connection) {
                    open.send(bytes);
                    self.ready(connection);
                }
            }
            Output::Taken { connection } => {
                if let Some(open) = self.connections.get_mut(&connection)
                    && open.taken()
                {
                    self.ready(connection);
                }
            }
            Output::Close { connection } => {
                if let Some(mut open) = self.connections.remove(&connection) {
                    open.finish(self.poll.registry());
                }
            }
            Output::Store { directory, ticket, commands } => {
                self.inputs.push_back(match self.disks[directory].store(&commands) {
                    Ok(()) => Input::Stored { directory, ticket },
                    Err(error) => Input::StoreFailed { directory, ticket, reason: error.to_string().into() },
                });
            }
            Output::Load { directory, ticket, range } => {
                self.inputs.push_back(match self.disks[directory].load(&range) {
                    Ok(bytes) => Input::Loaded { ticket, bytes },
                    Err(error) => Input::LoadFailed { ticket, reason: error.to_string().into() },
                });
            }
            Output::Event(event) => {
                if self.verbose {
                    eprintln!("broker {}: {event:?}", self.id);
                }
                self.stopped |= matches!(event, Event::Stopped | Event::Fatal { .. });
            }
            Output::Wait { .. } => {}
        }
    }

    fn connect(&mut self, connection: ConnectionId, host: &str, port: u16) {
        match Connection::open(self.poll.registry(), connection, host, port) {
            Ok(open) => {
                self.connections.insert(connection, open);
            }
            Err(_) => self.inputs.push_back(Input::ConnectFailed { connection }),
        }
    }

    fn accept(&mut self, listener: usize) -> io::Result<()> {
        loop {
            let (mut stream, peer) = match self.listeners[listener].socket.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // The peer gave up between its connect and this accept.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            let connection = ConnectionId(self.next_accepted);
            self.next_accepted += 2;
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, Token(connection.0 as usize), both)?;
            self.connections.insert(connection, Connection::accepted(stream));
            let listener = self.listeners[listener].name.clone();
            self.inputs.push_back(Input::Accepted { connection, listener, peer: peer.ip().to_string().into() });
        }
    }

    /// Reads and writes what a connection can take now.
    fn ready(&mut self, connection: ConnectionId) {
        let Some(open) = self.connections.get_mut(&connection) else { return };
        match open.progress(&mut self.buffer) {
            Received::Frames { connected, frames, closed } => {
                if connected {
                    self.inputs.push_back(Input::Connected { connection });
                }
                self.inputs.extend(frames.into_iter().map(|bytes| Input::Frame { connection, bytes }));
                if closed {
                    self.inputs.push_back(Input::Closed { connection });
                    self.forget(connection);
                }
            }
            Received::Refused => {
                self.inputs.push_back(Input::ConnectFailed { connection });
                self.forget(connection);
            }
        }
    }

    fn forget(&mut self, connection: ConnectionId) {
        if let Some(mut open) = self.connections.remove(&connection) {
            open.finish(self.poll.registry());
        }
    }
}

pub(super) fn ignore_interrupt(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) }
}
