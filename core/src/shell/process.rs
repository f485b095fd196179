//! Processes: what runs, where it reads and writes.

use super::stream::{Sink, Source, TerminalId};
use crate::cli::{Program, ProgramInput, Tool};
use crate::ids::ConnectionId;
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;

/// Number of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProcessId(pub u32);

/// What ends a process from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// Ctrl-C: SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP, where it is sent by name.
    Hangup,
    /// SIGQUIT.
    Quit,
    /// SIGKILL, and SIGHUP of a terminal that closes, but for brokers.
    Kill,
}

impl Signal {
    /// Its number.
    pub(super) const fn number(self) -> u32 {
        match self {
            Self::Hangup => 1,
            Self::Interrupt => 2,
            Self::Quit => 3,
            Self::Kill => 9,
            Self::Terminate => 15,
        }
    }

    /// The exit code of a process that died of it.
    pub(super) const fn exit_code(self) -> i32 {
        128 + self.number() as i32
    }
}

/// The exit code of a process whose reader is gone.
pub(super) const BROKEN_PIPE: i32 = 141;

/// A script's code while it runs; its exit code at the end.
pub(super) type Script = Pin<Box<dyn Future<Output = i32>>>;

/// What a new process is made of.
#[derive(Clone)]
pub(super) struct Start {
    /// What `ps` shows.
    pub(super) command: String,
    /// Where it runs.
    pub(super) terminal: TerminalId,
    /// Who started it, and asks how it ended.
    pub(super) parent: ProcessId,
    /// The process group it joins; `None` for one of its own.
    pub(super) group: Option<ProcessId>,
    /// Standard input.
    pub(super) input: Source,
    /// Standard output.
    pub(super) output: Sink,
    /// Standard error.
    pub(super) error: Sink,
    /// From where its paths are seen; absolute.
    pub(super) working_directory: Str,
}

/// What a process runs.
pub(super) enum Code {
    /// A tool.
    Program(Box<Program>),
    /// Part of a shell.
    Script(Script),
    /// It is running at this moment, or over.
    Taken,
}

/// A process.
pub(super) struct Process {
    pub(super) start: Start,
    pub(super) group: ProcessId,
    pub(super) code: Code,
    /// When it was started, in milliseconds since the Unix epoch.
    pub(super) started_ms: i64,
    /// What it has not been told yet: it waits until what it wrote is read.
    pub(super) inputs: VecDeque<ProgramInput>,
    /// The program that takes its script's place once that ends.
    pub(super) becomes: Option<Box<Program>>,
    /// Signals, a bit each by number, that a script wants to hear of, and that do nothing.
    pub(super) caught: u32,
    pub(super) ignored: u32,
    /// Those caught that came.
    pub(super) arrived: VecDeque<Signal>,
    /// It was told to end by SIGTERM.
    pub(super) is_terminated: bool,
    /// It knows that its input has ended.
    pub(super) is_input_ended: bool,
    /// A script that waits for what is typed.
    pub(super) reads_keyboard: bool,
    /// When it wants to be woken.
    pub(super) deadline: Option<Instant>,
    /// Open connections: its own number of each, and the machine's.
    pub(super) connections: SortedMap<ConnectionId, ConnectionId>,
    /// A broker runs for it.
    pub(super) is_server: bool,
    /// Its exit code, once it is over.
    pub(super) exit: Option<i32>,
}

impl Process {
    pub(super) fn new(start: Start, id: ProcessId, started_ms: i64, code: Code) -> Self {
        Self {
            group: start.group.unwrap_or(id),
            start,
            code,
            started_ms,
            inputs: VecDeque::new(),
            becomes: None,
            caught: 0,
            ignored: 0,
            arrived: VecDeque::new(),
            is_terminated: false,
            is_input_ended: false,
            reads_keyboard: false,
            deadline: None,
            connections: SortedMap::new(),
            is_server: false,
            exit: None,
        }
    }
}

/// A program to be run: a tool and its arguments.
pub(super) struct Execute {
    pub(super) tool: &'static Tool,
    pub(super) arguments: Vec<String>,
    /// The variable `COLUMNS`, where it is exported.
    pub(super) columns: Option<String>,
}

/// A process as `ps` and `jobs` see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProcessView {
    pub(super) id: ProcessId,
    pub(super) group: ProcessId,
    pub(super) parent: ProcessId,
    pub(super) terminal: TerminalId,
    pub(super) command: String,
    pub(super) started_ms: i64,
    pub(super) exit: Option<i32>,
}
