//! [`Trace`]: what happened last, for whoever has to find out why.

use super::client::ClientEvent;
use super::fault::Fault;
use crate::event::Event;
use crate::ids::NodeId;
use crate::text::Str;
use crate::time::Instant;
use alloc::collections::VecDeque;
use alloc::string::String;
use core::fmt;

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A node told of it.
    Node(NodeId, Event),
    /// A fault, or what put one right.
    Fault(Fault),
    /// The program of a client did something.
    Program(Str, String),
    /// A client told its program.
    Client(Str, ClientEvent),
    /// A frame arrived.
    Frame(String),
    /// A new phase of the run.
    Phase(&'static str),
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(id, event) => write!(formatter, "node {id}: {event:?}"),
            Self::Fault(fault) => write!(formatter, "fault: {fault:?}"),
            Self::Program(name, what) => write!(formatter, "{name}: {what}"),
            Self::Client(name, event) => write_client_event(formatter, name, event),
            Self::Frame(what) => write!(formatter, "frame: {what}"),
            Self::Phase(phase) => write!(formatter, "--- {phase}"),
        }
    }
}

/// As debug output has it, without the records' bytes.
fn write_client_event(formatter: &mut fmt::Formatter<'_>, name: &Str, event: &ClientEvent) -> fmt::Result {
    use crate::client::ConsumerEvent;
    match event {
        ClientEvent::Transaction(outcome) => write!(formatter, "{name}: {outcome:?}"),
        ClientEvent::Producer(event) => write!(formatter, "{name}: {event:?}"),
        ClientEvent::Consumer(ConsumerEvent::Records { partition, records, high_watermark }) => {
            let first = records.first().map(|record| record.offset);
            let last = records.last().map(|record| record.offset);
            write!(formatter, "{name}: records of {partition}: {first:?}..={last:?} below {high_watermark}")
        }
        ClientEvent::Consumer(event) => write!(formatter, "{name}: {event:?}"),
        ClientEvent::Admin(request, Ok(_)) => write!(formatter, "{name}: request {request} was answered"),
        ClientEvent::Admin(request, Err(error)) => write!(formatter, "{name}: request {request} failed: {error:?}"),
    }
}

/// The last entries, or all.
#[derive(Clone, Debug)]
pub struct Trace {
    entries: VecDeque<(Instant, Entry)>,
    capacity: usize,
}

impl Trace {
    /// Keeps `capacity` entries.
    pub const fn new(capacity: usize) -> Self {
        Self { entries: VecDeque::new(), capacity }
    }

    /// Something happened.
    pub fn push(&mut self, at: Instant, entry: Entry) {
        if self.entries.len() >= self.capacity {
            self.entries.pop_front();
        }
        self.entries.push_back((at, entry));
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, entry) in &self.entries {
            let micros = at.as_micros();
            writeln!(formatter, "{:>6}.{:03} ms  {entry}", micros / 1000, micros % 1000)?;
        }
        Ok(())
    }
}
