//! [`Machine`]: what a host has of the shell: terminals to type at, connections to bring, files to keep.

use super::completion::Question;
use super::distribution;
use super::file_system::{FileChange, FileSystem};
use super::interactive;
use super::kernel::Kernel;
use super::process::{ProcessId, Signal, Start};
use super::screen::{Screen, Typed};
use super::stream::{Sink, Source, TerminalId};
use crate::cli::file::{FileAnswer, FileError, FileRequest};
use crate::cli::server::{ServerEvent, ServerRequest};
use crate::client::{ClientInput, ClientOutput};
use crate::ids::ConnectionId;
use crate::text::Str;
use crate::time::{Instant, Now};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// What a host tells.
#[derive(Clone, Debug, PartialEq)]
pub enum MachineInput {
    /// A terminal with a shell.
    Open {
        /// Its number; one that is open stays as it is.
        terminal: TerminalId,
        /// Bytes of output its page takes before it grants more.
        credit: usize,
    },
    /// It is closed: what runs in it is killed.
    Close(TerminalId),
    /// A line was typed, or pasted; without its end.
    Line {
        /// Where.
        terminal: TerminalId,
        /// The line.
        text: String,
    },
    /// Ctrl-D on an empty line.
    EndOfInput(TerminalId),
    /// Ctrl-C.
    Interrupt(TerminalId),
    /// The page shows what it was given and takes so many bytes more.
    Credit {
        /// Which terminal.
        terminal: TerminalId,
        /// How many.
        bytes: usize,
    },
    /// Something happened on a connection.
    Client(ClientInput),
    /// Files that are elsewhere: the answer to [`MachineOutput::AskFiles`].
    Files {
        /// Which question.
        ticket: u64,
        /// The answer.
        answer: Result<FileAnswer, FileError>,
    },
    /// The page itself does something with files, as an editor does; the answer is [`Report::Files`]. Paths are absolute.
    AskFiles {
        /// Names the answer.
        ticket: u64,
        /// What.
        request: FileRequest,
    },
    /// What the word before the cursor may become; the answer is [`Report::Completions`].
    Complete {
        /// Where.
        terminal: TerminalId,
        /// Names the answer.
        ticket: u64,
        /// What was typed so far.
        line: String,
        /// Letters before the cursor.
        cursor: usize,
    },
    /// Directories whose files the host has: log directories of brokers.
    Elsewhere(Vec<Str>),
    /// Something of the broker that [`MachineOutput::Server`] started for a process. Ignored where that is over.
    Server {
        /// Which.
        process: ProcessId,
        /// What.
        event: ServerEvent,
    },
    /// The host started a broker by itself: it becomes a process; the answer is [`Report::Adopted`].
    Adopt {
        /// Names the answer.
        broker: i32,
        /// The path of its `server.properties`, as `ps` shows it.
        configuration: String,
    },
    /// SIGKILL for a process: whoever watches its broker killed that.
    Kill(ProcessId),
    /// A deadline came.
    Timeout,
}

/// What a machine wants of its host.
#[derive(Clone, Debug, PartialEq)]
pub enum MachineOutput {
    /// Something of its connections.
    Client(ClientOutput),
    /// The program took a frame off its connection: its sender may send more.
    Taken {
        /// Which.
        connection: ConnectionId,
    },
    /// To be shown.
    Report(Report),
    /// A question about files the host has; the answer is [`MachineInput::Files`].
    AskFiles {
        /// Names the answer.
        ticket: u64,
        /// With absolute paths.
        request: FileRequest,
    },
    /// Something of the broker that runs for a process, its first is [`ServerRequest::Start`]; the host tells of it by
    /// [`MachineInput::Server`].
    Server {
        /// Which.
        process: ProcessId,
        /// What.
        request: ServerRequest,
    },
    /// Something has changed that is to be there again after a restart.
    Keep(FileChange),
    /// Nothing more until an input, or until then.
    Wait {
        /// When [`MachineInput::Timeout`] is due; `None` for never.
        until: Option<Instant>,
        /// What for.
        reason: &'static str,
    },
}

/// Who takes what is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaits {
    /// The shell: a command.
    Command,
    /// A program.
    Input,
    /// Nobody, at this time.
    Nothing,
}

/// What a page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Bytes to show, with ANSI's sequences in them.
    Screen {
        /// Where.
        terminal: TerminalId,
        /// What.
        bytes: Vec<u8>,
    },
    /// Who takes what is typed has changed.
    Awaits {
        /// Where.
        terminal: TerminalId,
        /// Who.
        awaits: Awaits,
    },
    /// A command was given to the shell: for the history, and for who watches.
    Command {
        /// Where.
        terminal: TerminalId,
        /// As it was typed.
        text: String,
    },
    /// A file is to be edited; one that is not there is empty.
    Edit {
        /// Where that was asked for.
        terminal: TerminalId,
        /// Its path.
        path: String,
    },
    /// A file is to go to the visitor's own computer.
    Download {
        /// Where that was asked for.
        terminal: TerminalId,
        /// Its path.
        path: String,
    },
    /// Files of the visitor's own computer are to come here.
    Upload {
        /// Where that was asked for.
        terminal: TerminalId,
        /// Where to.
        directory: String,
    },
    /// What came of [`MachineInput::AskFiles`].
    Files {
        /// Which question.
        ticket: u64,
        /// The answer.
        answer: Result<FileAnswer, FileError>,
    },
    /// What came of [`MachineInput::Complete`].
    Completions {
        /// Which question.
        ticket: u64,
        /// Letters before what is replaced.
        from: usize,
        /// Letters before what follows it.
        to: usize,
        /// By what.
        candidates: Candidates,
    },
    /// A broker of the host's is this process.
    Adopted {
        /// As asked.
        broker: i32,
        /// Its process.
        process: ProcessId,
    },
    /// The shell has ended: the terminal is to be closed.
    Ended(TerminalId),
}

/// What a word may become, quoted as the shell needs it. A blank ends what is whole; what ends with `/` goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Candidates {
    /// One of these.
    Words(Vec<String>),
    /// The value of an option of a Kafka tool: who knows the cluster knows it; or a file.
    ValueOf {
        /// The tool's script.
        tool: &'static str,
        /// With its dashes.
        option: String,
        /// Files that begin so.
        files: Vec<String>,
    },
}

/// See the module. Told by [`Machine::handle`]; asked by [`Machine::poll_output`] until it waits.
pub struct Machine {
    kernel: Kernel,
    is_busy: bool,
}

impl core::fmt::Debug for Machine {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Machine").field("is_busy", &self.is_busy).finish_non_exhaustive()
    }
}

impl Machine {
    /// A machine with the distribution's files, and with what was kept of an earlier one. `seed` is for random numbers,
    /// `utc_offset_minutes` what the local time is ahead of UTC.
    pub fn new(now: Now, seed: u64, utc_offset_minutes: i32, kept: Vec<FileChange>) -> Self {
        let mut files = FileSystem::new();
        distribution::lay_out(now.wall_ms, &mut files);
        for change in kept {
            files.restore(change);
        }
        Self { kernel: Kernel::new(now, seed, utc_offset_minutes, files), is_busy: false }
    }

    /// What the host tells.
    pub fn handle(&mut self, now: Now, input: MachineInput) {
        self.kernel.state().now = now;
        match input {
            MachineInput::Open { terminal, credit } => self.open(terminal, credit),
            MachineInput::Close(terminal) => self.close(terminal),
            MachineInput::Line { terminal, text } => self.screen(terminal, |screen| screen.type_in(Typed::Line(text))),
            MachineInput::EndOfInput(terminal) => self.screen(terminal, |screen| screen.type_in(Typed::End)),
            MachineInput::Interrupt(terminal) => self.interrupt(terminal),
            MachineInput::Credit { terminal, bytes } => self.screen(terminal, |screen| screen.grant(bytes)),
            MachineInput::Client(input) => self.kernel.state().client_heard(input),
            MachineInput::Files { ticket, answer } => self.kernel.state().files_answered(ticket, answer),
            MachineInput::AskFiles { ticket, request } => {
                self.kernel.state().host_asks(ticket, request);
            }
            MachineInput::Complete { terminal, ticket, line, cursor } => {
                let state = &mut *self.kernel.state();
                if let Some(screen) = state.screens.get_mut(&terminal).filter(|screen| screen.is_prompted) {
                    screen.question = Some(Question { ticket, line, cursor });
                } else {
                    let candidates = Candidates::Words(Vec::new());
                    let report = Report::Completions { ticket, from: cursor, to: cursor, candidates };
                    state.outputs.push_back(MachineOutput::Report(report));
                }
            }
            MachineInput::Elsewhere(directories) => self.kernel.state().files.set_elsewhere(directories),
            MachineInput::Server { process, event } => self.kernel.state().server_told(process, event),
            MachineInput::Adopt { broker, configuration } => {
                let process = self.kernel.state().adopt(&configuration);
                self.kernel.report(Report::Adopted { broker, process });
            }
            MachineInput::Kill(process) => drop(self.kernel.signal(process, Signal::Kill)),
            MachineInput::Timeout => {}
        }
        self.is_busy = self.kernel.run();
    }

    /// What the host is to do next.
    pub fn poll_output(&mut self) -> MachineOutput {
        let state = &mut *self.kernel.state();
        if let Some(output) = state.outputs.pop_front() {
            if let MachineOutput::Report(Report::Command { terminal, .. }) = &output
                && let Some(screen) = state.screens.get_mut(terminal)
            {
                // A command that is over already leaves the prompt where it was, and the page is told all the same.
                screen.told = None;
            }
            return output;
        }
        for terminal in state.screens.keys().copied().collect::<Vec<_>>() {
            let awaits = state.awaits(terminal);
            let Some(screen) = state.screens.get_mut(&terminal) else { continue };
            let was_full = screen.is_full();
            if let Some(bytes) = screen.poll() {
                self.is_busy |= was_full;
                return MachineOutput::Report(Report::Screen { terminal, bytes });
            }
            if let Some(awaits) = awaits.filter(|_| screen.told != awaits) {
                screen.told = Some(awaits);
                return MachineOutput::Report(Report::Awaits { terminal, awaits });
            }
        }
        if let Some(change) = state.files.poll_change() {
            return MachineOutput::Keep(change);
        }
        if self.is_busy {
            return MachineOutput::Wait { until: Some(state.now.monotonic), reason: "processes" };
        }
        MachineOutput::Wait { until: state.next_deadline(), reason: "process" }
    }

    fn open(&self, terminal: TerminalId, credit: usize) {
        if self.kernel.state().screens.contains_key(&terminal) {
            return;
        }
        let screen = Screen::new(ProcessId(0), credit);
        self.kernel.state().screens.insert(terminal, screen);
        let start = Start {
            command: String::from("-bash"),
            terminal,
            parent: ProcessId(0),
            group: None,
            input: Source::Keyboard(terminal),
            output: Sink::Screen(terminal),
            error: Sink::Screen(terminal),
            working_directory: Str::from_static(distribution::KAFKA),
        };
        let kernel = self.kernel.clone();
        let shell = self.kernel.script(start, |id| Box::pin(interactive::run(kernel, id, terminal)));
        self.screen(terminal, |screen| (screen.shell, screen.foreground) = (shell, shell));
    }

    fn close(&self, terminal: TerminalId) {
        self.kernel.state().screens.remove(&terminal);
        let here = self.kernel.views().into_iter().filter(|process| process.terminal == terminal);
        for process in here {
            // SIGHUP ends most at once, and a broker by a controlled shutdown.
            if self.kernel.state().stop_unheard(process.id) {
                continue;
            }
            if !self.kernel.signal(process.id, Signal::Kill) {
                // Nobody is left who would ask how it ended.
                self.kernel.reap(process.id);
            }
        }
    }

    fn interrupt(&self, terminal: TerminalId) {
        self.screen(terminal, Screen::interrupt);
        let state = self.kernel.state();
        let group = state.screens.get(&terminal).filter(|screen| screen.foreground != screen.shell);
        let group = group.map(|screen| screen.foreground);
        drop(state);
        if let Some(group) = group {
            self.kernel.signal_group(group, Signal::Interrupt);
        }
    }

    fn screen(&self, terminal: TerminalId, act: impl FnOnce(&mut Screen)) {
        self.kernel.state().screens.get_mut(&terminal).map(act);
    }
}
