//! The event loop of a worker that has a program: the only caller of its `handle` and `poll_output`.
//!
//! # Architecture Invariant
//! Inputs are handled one at a time, each drained to its `Wait`; whatever completes meanwhile queues as a further input. What
//! a run wants sent leaves as one message.

use super::disk::Disk;
use super::link::{FromSwitch, ToSwitch, WINDOW, pack, unpack};
use super::program::Program;
use super::windows::{Leaving, Windows};
use crate::buffers::{concat, to_bytes};
use crate::clock::{Clock, Lease, host_us};
use crate::indexed_db::Completion;
use crate::post_message::{Immediate, Port, Timer};
use broker_core::event::Event;
use broker_core::ids::ConnectionId;
use broker_core::log::storage::{FileRange, LogDirectory, Ticket};
use broker_core::node::{Input, Output};
use broker_core::sorted::SortedMap;
use broker_core::text::Str;
use broker_core::time::{Instant, Now};
use bytes::Bytes;
use js_sys::ArrayBuffer;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use wasm_bindgen::JsValue;
use web_sys::MessagePort;

/// A program and what it runs on.
pub struct Host<P> {
    program: RefCell<Option<P>>,
    disks: RefCell<Vec<Disk>>,
    /// Their paths.
    directories: RefCell<Vec<String>>,
    inbox: RefCell<VecDeque<Input>>,
    running: Cell<bool>,
    windows: RefCell<Windows>,
    outbox: RefCell<Outbox>,
    port: Port,
    clock: RefCell<Option<Clock>>,
    until: Cell<Option<Instant>>,
    /// The real time the timer is set to, in microseconds.
    alarm: Cell<Option<u64>>,
    timer: Timer,
    immediate: Immediate,
    on_event: Box<dyn Fn(Now, Event)>,
    on_idle: Box<dyn Fn()>,
    /// Who waits for bytes or a write that the program did not ask for, by ticket.
    visitors: RefCell<SortedMap<Ticket, Visitor>>,
}

/// What somebody else does with what came of a disk.
pub type Visitor = Box<dyn FnOnce(Result<Bytes, Str>)>;

/// Tickets from here on are not the program's.
const VISITORS: u64 = 1 << 62;

#[derive(Default)]
struct Outbox {
    messages: Vec<ToSwitch>,
    frames: Vec<ArrayBuffer>,
    bytes: u64,
}

impl<P: Program + 'static> Host<P> {
    /// A host with its port to the switch. `on_event` hears of events; `on_idle` is called when, after [`Host::kill`], the last
    /// write is over.
    pub fn new(
        port: MessagePort,
        on_event: impl Fn(Now, Event) + 'static,
        on_idle: impl Fn() + 'static,
    ) -> Result<Rc<Self>, JsValue> {
        let slot: Rc<RefCell<Weak<Self>>> = Rc::default();
        let (ringing, waking, hearing) = (Rc::clone(&slot), Rc::clone(&slot), Rc::clone(&slot));
        let immediate = Immediate::new(move || this(&waking).iter().for_each(|host| host.woken()))?;
        let timer = Timer::new(move || this(&ringing).iter().for_each(|host| host.alarm_rang()));
        let port = Port::new(port, move |packed, frames| {
            if let Some(host) = this(&hearing) {
                host.switch_says(&packed, &frames);
            }
        });
        let host = Rc::new(Self {
            program: RefCell::new(None),
            disks: RefCell::default(),
            directories: RefCell::default(),
            inbox: RefCell::default(),
            running: Cell::new(false),
            windows: RefCell::default(),
            outbox: RefCell::default(),
            port,
            clock: RefCell::new(None),
            until: Cell::new(None),
            alarm: Cell::new(None),
            timer,
            immediate,
            on_event: Box::new(on_event),
            on_idle: Box::new(on_idle),
            visitors: RefCell::default(),
        });
        *slot.borrow_mut() = Rc::downgrade(&host);
        Ok(host)
    }

    /// True once the switch told the time: only then may a program start.
    pub fn has_time(&self) -> bool {
        self.clock.borrow().is_some()
    }

    /// Starts a program on these disks. Its listeners take connections at once.
    pub fn start(self: &Rc<Self>, program: P, disks: Vec<Disk>, directories: Vec<LogDirectory>, listen: Vec<ToSwitch>) {
        *self.directories.borrow_mut() = directories.iter().map(|known| known.path.to_string()).collect();
        *self.disks.borrow_mut() = disks;
        *self.program.borrow_mut() = Some(program);
        self.inbox.borrow_mut().push_back(Input::Start { directories });
        self.run();
        // One that refused to start is gone already.
        if self.program.borrow().is_some() {
            self.outbox.borrow_mut().messages.extend(listen);
            self.flush();
        }
    }

    /// What a disk calls back with.
    pub fn completed(self: &Rc<Self>, directory: usize) -> Rc<dyn Fn(Completion)> {
        let host = Rc::downgrade(self);
        Rc::new(move |completion| {
            let Some(host) = host.upgrade() else { return };
            let Some(completion) = host.visited(completion) else { return };
            host.input(match completion {
                Completion::Stored { ticket } => Input::Stored { directory, ticket },
                Completion::StoreFailed { ticket, reason } => Input::StoreFailed { directory, ticket, reason },
                Completion::Loaded { ticket, bytes } => Input::Loaded { ticket, bytes },
                Completion::LoadFailed { ticket, reason } => Input::LoadFailed { ticket, reason },
                Completion::Idle => return host.check_gone(),
            });
        })
    }

    /// Reads a file for somebody else.
    pub fn read(&self, directory: usize, range: FileRange, done: Visitor) {
        let mut visitors = self.visitors.borrow_mut();
        let ticket = Ticket(visitors.last_key_value().map_or(VISITORS, |(last, _)| last.0 + 1));
        visitors.insert(ticket, done);
        drop(visitors);
        if let Some(disk) = self.disks.borrow().get(directory) {
            disk.load(ticket, range);
        }
    }

    /// The directories of the running program, each with what it holds.
    pub fn directory(&self, path: &str) -> Option<(usize, LogDirectory)> {
        let disks = self.disks.borrow();
        let at = self.directories.borrow().iter().position(|known| known == path)?;
        Some((at, disks.get(at)?.listing(path)))
    }

    /// Gives somebody else what was theirs; anything else comes back.
    fn visited(&self, completion: Completion) -> Option<Completion> {
        let (ticket, result) = match completion {
            Completion::Loaded { ticket, bytes } if ticket.0 >= VISITORS => (ticket, Ok(bytes)),
            Completion::LoadFailed { ticket, reason } if ticket.0 >= VISITORS => (ticket, Err(reason)),
            other => return Some(other),
        };
        if let Some(visitor) = self.visitors.borrow_mut().remove(&ticket) {
            visitor(result);
        }
        None
    }

    /// Gives the program an input.
    pub fn input(&self, input: Input) {
        if self.program.borrow().is_some() {
            self.inbox.borrow_mut().push_back(input);
        }
        self.run();
    }

    /// Lets somebody work on the program, then carries out what it wants. `None` where there is no program.
    pub fn act<T>(&self, action: impl FnOnce(&mut P, Now) -> T) -> Option<T> {
        let now = self.now()?;
        let within = self.running.replace(true);
        let done = self.program.borrow_mut().as_mut().map(|program| action(program, now));
        self.drain();
        self.running.set(within);
        self.run();
        done
    }

    /// Looks at the program.
    pub fn view<T>(&self, look: impl FnOnce(&P) -> T) -> Option<T> {
        self.program.borrow().as_ref().map(look)
    }

    /// The time; `None` before the switch told it.
    pub fn now(&self) -> Option<Now> {
        self.clock.borrow_mut().as_mut().map(|clock| clock.now(host_us()))
    }

    /// The process is gone: program and connections at once; what it gave to its disks is still written.
    pub fn kill(&self) {
        *self.program.borrow_mut() = None;
        self.inbox.borrow_mut().clear();
        *self.windows.borrow_mut() = Windows::default();
        self.until.set(None);
        self.timer.clear();
        // What the process wrote to its sockets is under way.
        self.flush();
        self.port.post(&pack(&[ToSwitch::Gone]), &[]);
        self.check_idle();
    }

    fn check_idle(&self) {
        if self.program.borrow().is_none() && self.disks.borrow().iter().all(Disk::is_idle) {
            let disks = std::mem::take(&mut *self.disks.borrow_mut());
            disks.iter().for_each(Disk::close);
            (self.on_idle)();
        }
    }

    fn switch_says(&self, packed: &[u8], frames: &[ArrayBuffer]) {
        let mut frames = frames.iter();
        for message in unpack(packed) {
            self.switch_said(message, &mut frames);
        }
        self.run();
    }

    fn switch_said<'a>(&self, message: FromSwitch, frames: &mut impl Iterator<Item = &'a ArrayBuffer>) {
        let input = match message {
            FromSwitch::Lease(lease) => return self.leased(lease),
            FromSwitch::Credit { connection, bytes } => {
                let leaving = self.windows.borrow_mut().credit(connection, bytes);
                return self.leave(connection, leaving);
            }
            FromSwitch::Frame { connection } => {
                let Some(frame) = frames.next() else { return };
                if !self.windows.borrow().is_open(connection) {
                    return;
                }
                self.windows.borrow_mut().received(connection, u64::from(frame.byte_length()));
                Input::Frame { connection: ConnectionId(connection), bytes: to_bytes(frame) }
            }
            FromSwitch::Accepted { connection, listener } => {
                self.windows.borrow_mut().open(connection);
                let peer = Str::from_static("127.0.0.1");
                Input::Accepted { connection: ConnectionId(connection), listener: listener.into(), peer }
            }
            FromSwitch::Connected { connection } => Input::Connected { connection: ConnectionId(connection) },
            FromSwitch::Refused { connection } => {
                self.windows.borrow_mut().closed(connection);
                Input::ConnectFailed { connection: ConnectionId(connection) }
            }
            FromSwitch::AddressInUse { host, port } => {
                let reason = format!(
                    "org.apache.kafka.common.KafkaException: Socket server failed to bind to {host}:{port}: Address already in use."
                );
                if let Some(now) = self.now() {
                    (self.on_event)(now, Event::Fatal { reason: reason.into() });
                }
                return;
            }
            FromSwitch::Closed { connection } => {
                // Not told where the node closed it already.
                let open = self.windows.borrow().is_open(connection);
                self.windows.borrow_mut().closed(connection);
                if !open {
                    return;
                }
                Input::Closed { connection: ConnectionId(connection) }
            }
        };
        if self.program.borrow().is_some() {
            self.inbox.borrow_mut().push_back(input);
        }
    }

    fn leased(&self, lease: Lease) {
        let mut clock = self.clock.borrow_mut();
        match clock.as_mut() {
            Some(clock) => clock.follow(lease, host_us()),
            None => *clock = Some(Clock::new(lease, host_us())),
        }
        drop(clock);
        self.arm();
    }

    /// Handles every input that waits; whoever calls while it runs has queued what it wants.
    fn run(&self) {
        if self.running.replace(true) {
            return;
        }
        loop {
            let Some(input) = self.inbox.borrow_mut().pop_front() else { break };
            if let Some(now) = self.now()
                && let Some(program) = self.program.borrow_mut().as_mut()
            {
                program.handle(now, input);
            }
            self.drain();
        }
        self.running.set(false);
        self.flush();
        self.arm();
        self.check_gone();
    }

    fn check_gone(&self) {
        if self.program.borrow().is_none() && !self.disks.borrow().is_empty() {
            self.check_idle();
        }
    }

    /// Carries out what the program wants, up to its `Wait`.
    fn drain(&self) {
        loop {
            let output = match self.program.borrow_mut().as_mut() {
                Some(program) => program.poll_output(),
                None => return,
            };
            match output {
                Output::Wait { until, .. } => return self.until.set(until),
                output => self.carry_out(output),
            }
        }
    }

    fn carry_out(&self, output: Output) {
        match output {
            Output::Connect { connection: ConnectionId(connection), host, port } => {
                self.windows.borrow_mut().open(connection);
                let host = host.as_str().to_owned();
                self.outbox.borrow_mut().messages.push(ToSwitch::Connect { connection, host, port });
            }
            Output::Send { connection: ConnectionId(connection), bytes } => {
                let leaving = self.windows.borrow_mut().send(connection, bytes);
                self.leave(connection, leaving);
            }
            Output::Taken { connection: ConnectionId(connection) } => {
                let taken = self.windows.borrow_mut().taken(connection);
                let credit = taken.map(|bytes| ToSwitch::Credit { connection, bytes });
                self.outbox.borrow_mut().messages.extend(credit);
            }
            Output::Close { connection: ConnectionId(connection) } => {
                let leaving = self.windows.borrow_mut().close(connection);
                self.leave(connection, leaving);
            }
            Output::Store { directory, ticket, commands } => {
                // What goes to others first: they work while this is written.
                self.flush();
                if let Some(disk) = self.disks.borrow().get(directory) {
                    disk.store(ticket, commands);
                }
            }
            Output::Load { directory, ticket, range } => {
                if let Some(disk) = self.disks.borrow().get(directory) {
                    disk.load(ticket, range);
                }
            }
            Output::Event(event) => {
                if let Some(now) = self.now() {
                    (self.on_event)(now, event);
                }
            }
            Output::Wait { .. } => {}
        }
    }

    fn leave(&self, connection: u64, leaving: Leaving) {
        let mut outbox = self.outbox.borrow_mut();
        for frame in leaving.frames {
            let frame = concat(&frame).buffer();
            outbox.bytes += u64::from(frame.byte_length());
            outbox.messages.push(ToSwitch::Send { connection });
            outbox.frames.push(frame);
        }
        if leaving.close {
            outbox.messages.push(ToSwitch::Close { connection });
        }
        let full = outbox.bytes >= WINDOW;
        drop(outbox);
        if full {
            self.flush();
        }
    }

    fn flush(&self) {
        let outbox = std::mem::take(&mut *self.outbox.borrow_mut());
        if !outbox.messages.is_empty() {
            self.port.post(&pack(&outbox.messages), &outbox.frames);
        }
    }

    /// Sets the timer for what the program waits for. A timer that rings earlier is left alone: ringing is cheap.
    fn arm(&self) {
        let (Some(until), Some(now)) = (self.until.get(), self.now()) else { return };
        let delay = self.clock.borrow().as_ref().and_then(|clock| clock.delay(now, until));
        let Some(delay) = delay else { return };
        if delay.is_zero() {
            return self.immediate.call();
        }
        let due = host_us() + delay.as_micros() as u64;
        if self.alarm.get().is_none_or(|set| due < set) {
            self.alarm.set(Some(due));
            self.timer.set((delay.as_micros() as f64 / 1000.0).ceil());
        }
    }

    fn alarm_rang(&self) {
        self.alarm.set(None);
        self.woken();
    }

    /// Tells the program that its time has come, if it has.
    fn woken(&self) {
        let (Some(until), Some(now)) = (self.until.get(), self.now()) else { return };
        if until > now.monotonic {
            return self.arm();
        }
        self.until.set(None);
        self.input(Input::Timeout);
    }
}

fn this<T>(slot: &RefCell<Weak<T>>) -> Option<Rc<T>> {
    slot.borrow().upgrade()
}
