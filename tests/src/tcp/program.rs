//! A tool of `broker_core::cli` as a process of this machine: real sockets, standard streams, files and Ctrl-C.

use super::broker::ignore_interrupt;
use super::connection::{Connection, READ_SIZE, Received, resolve};
use super::files::answer;
use broker_core::cli::process::ProcessRequest;
use broker_core::cli::server::{ServerEvent, ServerRequest};
use broker_core::cli::{Environment, Program, ProgramInput, ProgramOutput};
use broker_core::client::{ClientInput, ClientOutput};
use broker_core::ids::ConnectionId;
use broker_core::text::Str;
use broker_core::time::{Instant, Now};
use bytes::Bytes;
use mio::{Events, Poll, Token, Waker};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Read, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const WAKER: Token = Token(usize::MAX);

/// Runs a tool to its end; its exit code. `None` where there is no tool of this name.
///
/// # Errors
/// Standard output or the event loop fails.
pub fn run_tool(name: &str, arguments: Vec<String>) -> io::Result<Option<i32>> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    let (sender, inputs) = channel();
    let started = std::time::Instant::now();
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
    let is_interactive = io::stdin().is_terminal();
    let environment = Environment {
        seed,
        is_interactive,
        columns_variable: std::env::var("COLUMNS").ok(),
        is_host_known: |host| resolve(host, 0).is_ok(),
        ..Environment::default()
    };
    let Some(program) = Program::start(now(started), name, arguments, &environment) else { return Ok(None) };
    read_standard_input(sender.clone(), Arc::clone(&waker));
    let interrupted = move || {
        let _is_over = sender.send(ProgramInput::Interrupt);
        let _is_over = waker.wake();
    };
    ctrlc::set_handler(interrupted).map_err(io::Error::other)?;
    let buffer = vec![0; READ_SIZE];
    Host { poll, program, started, connections: BTreeMap::new(), until: None, buffer }.run(&inputs).map(Some)
}

/// Reading blocks, so a thread does it; it ends with the process.
fn read_standard_input(sender: Sender<ProgramInput>, waker: Arc<Waker>) {
    std::thread::spawn(move || {
        let mut buffer = vec![0; READ_SIZE];
        loop {
            let count = io::stdin().read(&mut buffer).unwrap_or(0);
            let input = match count {
                0 => ProgramInput::EndOfInput,
                count => ProgramInput::StandardInput(Bytes::copy_from_slice(&buffer[..count])),
            };
            if sender.send(input).and(Ok(())).is_err() || waker.wake().is_err() || count == 0 {
                return;
            }
        }
    });
}

struct Host {
    poll: Poll,
    program: Program,
    started: std::time::Instant,
    connections: BTreeMap<ConnectionId, Connection>,
    until: Option<Instant>,
    buffer: Vec<u8>,
}

impl Host {
    fn run(mut self, inputs: &Receiver<ProgramInput>) -> io::Result<i32> {
        let mut events = Events::with_capacity(256);
        loop {
            if let Some(code) = self.drain()? {
                return Ok(code);
            }
            let timeout = self.until.map(|until| until.since(now(self.started).monotonic));
            // A deadline that is less than a millisecond away would spin.
            self.poll
                .poll(&mut events, timeout.map(|left| left.max(Duration::from_millis(1))))
                .or_else(ignore_interrupt)?;
            for event in &events {
                if event.token() != WAKER {
                    self.ready(ConnectionId(event.token().0 as u64));
                }
            }
            while let Ok(input) = inputs.try_recv() {
                self.tell(input);
            }
            if self.until.is_some_and(|until| until <= now(self.started).monotonic) {
                self.until = None;
                self.tell(ProgramInput::Timeout);
            }
        }
    }

    fn tell(&mut self, input: ProgramInput) {
        self.program.handle(now(self.started), input);
    }

    /// Carries out what the program wants; its exit code once it is over.
    fn drain(&mut self) -> io::Result<Option<i32>> {
        loop {
            match self.program.poll_output() {
                ProgramOutput::Client(output) => self.carry_out(output),
                ProgramOutput::StandardOutput(bytes) => io::stdout().write_all(&bytes)?,
                ProgramOutput::StandardError(bytes) => io::stderr().write_all(&bytes)?,
                // Of the machine of the playground; a process here has neither.
                ProgramOutput::Process(ProcessRequest::List) => self.tell(ProgramInput::Processes(Vec::new())),
                ProgramOutput::Server(ServerRequest::Start { .. }) => {
                    let reason = Str::from_static("There are no brokers for this program to start.");
                    self.tell(ProgramInput::Server(ServerEvent::Refused(reason)));
                }
                ProgramOutput::Process(ProcessRequest::Terminate(_))
                | ProgramOutput::Server(ServerRequest::Stop | ServerRequest::Kill)
                | ProgramOutput::Detach { .. } => {}
                ProgramOutput::File(request) => self.tell(ProgramInput::File(answer(&request))),
                ProgramOutput::Exit(code) => {
                    io::stdout().flush()?;
                    return Ok(Some(code));
                }
                ProgramOutput::Wait { until, .. } => {
                    io::stdout().flush()?;
                    self.until = until;
                    return Ok(None);
                }
            }
        }
    }

    fn carry_out(&mut self, output: ClientOutput) {
        match output {
            ClientOutput::Connect { connection, host, port } => {
                match Connection::open(self.poll.registry(), connection, &host, port) {
                    Ok(open) => {
                        self.connections.insert(connection, open);
                    }
                    Err(_) => self.tell(ProgramInput::Client(ClientInput::ConnectFailed { connection })),
                }
            }
            ClientOutput::Send { connection, bytes } => {
                if let Some(open) = self.connections.get_mut(&connection) {
                    open.send(bytes);
                    self.ready(connection);
                }
            }
            ClientOutput::Close { connection } => self.forget(connection),
        }
    }

    fn ready(&mut self, connection: ConnectionId) {
        let Some(open) = self.connections.get_mut(&connection) else { return };
        match open.progress(&mut self.buffer) {
            Received::Frames { connected, frames, closed } => {
                if connected {
                    self.tell(ProgramInput::Client(ClientInput::Connected { connection }));
                }
                for bytes in frames {
                    // A client takes every frame at once.
                    if let Some(open) = self.connections.get_mut(&connection) {
                        open.taken();
                    }
                    self.tell(ProgramInput::Client(ClientInput::Frame { connection, bytes }));
                }
                if closed {
                    self.forget(connection);
                    self.tell(ProgramInput::Client(ClientInput::Closed { connection }));
                }
            }
            Received::Refused => {
                self.forget(connection);
                self.tell(ProgramInput::Client(ClientInput::ConnectFailed { connection }));
            }
        }
    }

    fn forget(&mut self, connection: ConnectionId) {
        if let Some(mut open) = self.connections.remove(&connection) {
            open.finish(self.poll.registry());
        }
    }
}

fn now(started: std::time::Instant) -> Now {
    let monotonic = Instant::from_micros(started.elapsed().as_micros() as u64);
    let wall_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
    Now { monotonic, wall_ms }
}
