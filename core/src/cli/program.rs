//! [`Program`]: a tool that runs.

use super::failure::Failure;
use super::file::{FileAnswer, FileError, FileRequest};
use super::process::{ProcessRequest, ProcessStatus};
use super::server::{ServerEvent, ServerRequest};
use super::terminal::Terminal;
use super::topics::TopicChange;
use super::{Run, TOOLS, Tool};
use crate::client::{ClientInput, ClientOutput};
use crate::protocol::ErrorCode;
use crate::text::Str;
use crate::time::{Instant, Now};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;
use core::task::{Context, Poll, Waker};

/// The exit code of a process that SIGINT ended.
const INTERRUPTED: i32 = 130;
/// The exit code of a process that SIGTERM ended.
const TERMINATED: i32 = 143;

/// What surrounds a program.
#[derive(Clone, Debug)]
pub struct Environment {
    /// For its random numbers.
    pub seed: u64,
    /// Minutes by which the local time is ahead of UTC, for time stamps of log lines.
    pub utc_offset_minutes: i32,
    /// How wide the screen is that standard output goes to; `None` where it goes into a file or to another program.
    pub columns: Option<u16>,
    /// The environment variable `COLUMNS`: how wide some tools take the screen to be for what they print of their arguments.
    pub columns_variable: Option<String>,
    /// Standard input is a keyboard: a console producer shows its prompt.
    pub is_interactive: bool,
    /// The path by which it was called, as a script sees it in `$0`; empty where only its name is known.
    pub called_as: String,
    /// Whether a name of a host resolves to an address.
    pub is_host_known: fn(&str) -> bool,
}

impl Default for Environment {
    /// Not interactive, in UTC, and only this machine is known.
    fn default() -> Self {
        let is_host_known = |host: &str| matches!(host, "localhost" | "127.0.0.1" | "::1");
        Self {
            seed: 0,
            utc_offset_minutes: 0,
            columns: None,
            columns_variable: None,
            is_interactive: false,
            called_as: String::new(),
            is_host_known,
        }
    }
}

/// What a host tells a program.
#[derive(Clone, Debug, PartialEq)]
pub enum ProgramInput {
    /// Something of its connections.
    Client(ClientInput),
    /// Bytes on standard input.
    StandardInput(Bytes),
    /// Standard input has ended.
    EndOfInput,
    /// The answer to [`ProgramOutput::File`].
    File(Result<FileAnswer, FileError>),
    /// The answer to [`ProcessRequest::List`].
    Processes(Vec<ProcessStatus>),
    /// Something of its broker.
    Server(ServerEvent),
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// A deadline came.
    Timeout,
}

/// What a program wants of its host.
#[derive(Clone, Debug, PartialEq)]
pub enum ProgramOutput {
    /// Something of its connections.
    Client(ClientOutput),
    /// Bytes for standard output.
    StandardOutput(Bytes),
    /// Bytes for standard error.
    StandardError(Bytes),
    /// Something of the file system; the answer is [`ProgramInput::File`], and the program waits for it.
    File(FileRequest),
    /// Something of other processes.
    Process(ProcessRequest),
    /// Something of the broker that runs for it.
    Server(ServerRequest),
    /// It goes on behind the back of who started it, who sees it end with 0: without input, in a process group of its own,
    /// and what it prints is added to this file, which is empty to begin with. A host that has no such thing goes on as before.
    Detach {
        /// The file.
        output: Str,
    },
    /// It is over; its exit code. Nothing follows: the host closes the connections that are left, as an operating system does.
    Exit(i32),
    /// Nothing more until an input, or until then.
    Wait {
        /// When [`ProgramInput::Timeout`] is due; `None` for never.
        until: Option<Instant>,
        /// What for.
        reason: &'static str,
    },
}

/// A tool that runs. Told by [`Program::handle`]; asked by [`Program::poll_output`] until it waits or is over.
pub struct Program {
    terminal: Terminal,
    run: Option<Run>,
    uncaught: Option<Uncaught>,
}

/// An exception that ended a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncaught {
    /// Kafka's error, where the exception stands for one.
    pub error: Option<ErrorCode>,
    /// The exception's class, in full.
    pub class: String,
    /// Its message.
    pub message: String,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("is_over", &self.run.is_none()).finish_non_exhaustive()
    }
}

impl Program {
    /// Starts the tool of this name; `None` where there is none.
    pub fn start(now: Now, name: &str, arguments: Vec<String>, environment: &Environment) -> Option<Self> {
        let tool = TOOLS.iter().find(|tool| tool.name == name)?;
        Some(Self::of(now, tool, arguments, environment))
    }

    /// Starts this one.
    pub(crate) fn of(now: Now, tool: &Tool, arguments: Vec<String>, environment: &Environment) -> Self {
        Self::running(Terminal::new(now, arguments, environment), tool.run)
    }

    /// Changes a topic, by the code of `kafka-topics.sh`; what that would catch and print is [`Program::uncaught`].
    pub fn change_topic(now: Now, change: TopicChange, bootstrap_server: String, environment: &Environment) -> Self {
        let terminal = Terminal::new(now, Vec::new(), environment);
        Self::running(terminal, |terminal| Box::pin(change.run(terminal, bootstrap_server)))
    }

    fn running(terminal: Terminal, code: impl FnOnce(Terminal) -> Run) -> Self {
        let run = code(terminal.clone());
        let mut program = Self { terminal, run: Some(run), uncaught: None };
        program.go_on();
        program
    }

    /// The exception that ended it, where its code did not catch it.
    pub fn uncaught(&self) -> Option<&Uncaught> {
        self.uncaught.as_ref()
    }

    /// Its code awaits standard input: who has some may give it. A host may also give it at any other time.
    pub fn wants_input(&self) -> bool {
        self.run.is_some() && self.terminal.wants_input()
    }

    /// What the host tells.
    pub fn handle(&mut self, now: Now, input: ProgramInput) {
        if self.run.is_none() {
            return;
        }
        let is_signal = matches!(input, ProgramInput::Interrupt | ProgramInput::Terminate);
        self.terminal.heard(now, input);
        if is_signal && !self.terminal.is_interrupt_awaited() {
            return self.end(INTERRUPTED);
        }
        self.go_on();
    }

    /// What the host is to do next.
    pub fn poll_output(&mut self) -> ProgramOutput {
        self.terminal.poll_output()
    }

    fn go_on(&mut self) {
        let Some(run) = &mut self.run else { return };
        self.terminal.forget_what_is_awaited();
        match run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => self.end(0),
            Poll::Ready(Err(Failure::Exit(code))) => self.end(code),
            Poll::Ready(Err(Failure::Thrown(exception))) => {
                // Nobody caught it: what the JVM says then.
                self.terminal.error_line(&alloc::format!("Exception in thread \"main\" {exception}"));
                let error = exception.error();
                self.uncaught = Some(Uncaught { error, class: exception.class, message: exception.message });
                self.end(1);
            }
        }
    }

    fn end(&mut self, code: i32) {
        self.run = None;
        // A JVM runs its hooks for both signals, and then ends by the one it got.
        let is_terminated = code == INTERRUPTED && self.terminal.is_terminated();
        self.terminal.end(if is_terminated { TERMINATED } else { code });
    }
}
