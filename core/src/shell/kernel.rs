//! [`Kernel`]: processes, terminals, files, and who runs next.
//!
//! # Architecture Invariant
//! Nothing runs but in [`Kernel::run`], which its machine calls after every input; a process goes on only where what it wrote is
//! read, so nobody's output grows without end. No waker takes part: whoever waits is asked again in every round.

use super::distribution;
use super::file_system::{FileSystem, absolute};
use super::machine::{Awaits, MachineOutput, Report};
use super::process::{BROKEN_PIPE, Code, Execute, Process, ProcessId, ProcessView, Script, Signal, Start};
use super::screen::{Screen, Typed};
use super::stream::{Chunk, Sink, Source, TERMINAL_SHIFT, TerminalId};
use crate::cli::file::{FileAnswer, FileError, FileRequest};
use crate::cli::process::ProcessRequest;
use crate::cli::server::ServerRequest;
use crate::cli::{Environment, Program, ProgramInput, ProgramOutput};
use crate::client::{ClientInput, ClientOutput};
use crate::ids::ConnectionId;
use crate::rng::Rng;
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use core::cell::{RefCell, RefMut};
use core::future::poll_fn;
use core::task::{Context, Poll, Waker};

/// Rounds in one go; a machine that is busy for longer lets its host take a breath.
const ROUNDS: usize = 64;
/// Processes there may be.
const MOST_PROCESSES: usize = 256;
/// What a program is told in one round.
const INPUTS_A_ROUND: usize = 64;

/// See the module. A clone is the same.
#[derive(Clone)]
pub(super) struct Kernel(Rc<RefCell<State>>);

/// All of it.
pub(super) struct State {
    pub(super) now: Now,
    pub(super) rng: Rng,
    pub(super) files: FileSystem,
    pub(super) processes: SortedMap<ProcessId, Process>,
    pub(super) screens: SortedMap<TerminalId, Screen>,
    pub(super) outputs: VecDeque<MachineOutput>,
    /// Whose connection it is, by the machine's number.
    pub(super) connections: SortedMap<ConnectionId, ProcessId>,
    /// Who asked for files that are elsewhere, by ticket.
    asked: SortedMap<u64, Asker>,
    answers: SortedMap<u64, Result<FileAnswer, FileError>>,
    utc_offset_minutes: i32,
    last_process: u32,
    last_ticket: u64,
    next_connection: u64,
    /// Something changed that others may wait for.
    pub(super) stirred: bool,
}

impl Kernel {
    pub(super) fn new(now: Now, seed: u64, utc_offset_minutes: i32, files: FileSystem) -> Self {
        Self(Rc::new(RefCell::new(State {
            now,
            rng: Rng::new(seed),
            files,
            processes: SortedMap::new(),
            screens: SortedMap::new(),
            outputs: VecDeque::new(),
            connections: SortedMap::new(),
            asked: SortedMap::new(),
            answers: SortedMap::new(),
            utc_offset_minutes,
            last_process: 0,
            last_ticket: 0,
            // Ids of what a program opens are odd.
            next_connection: 1,
            stirred: false,
        })))
    }

    /// Everything, for as long as nothing else of this kernel is called.
    pub(super) fn state(&self) -> RefMut<'_, State> {
        self.0.borrow_mut()
    }

    pub(super) fn now(&self) -> Now {
        self.state().now
    }

    // Processes.

    /// Starts a program.
    pub(super) fn execute(&self, start: Start, Execute { tool, arguments, columns }: Execute) -> ProcessId {
        let state = &mut *self.state();
        let environment = Environment { columns_variable: columns, ..state.environment(&start, tool.name) };
        let program = Program::of(state.now, tool, arguments, &environment);
        state.add(start, |_| Code::Program(Box::new(program)))
    }

    /// Makes a process that runs a script run a program as soon as the script ends, as `exec` does.
    pub(super) fn replace(&self, id: ProcessId, start: Start, Execute { tool, arguments, columns }: Execute) {
        let state = &mut *self.state();
        let environment = Environment { columns_variable: columns, ..state.environment(&start, tool.name) };
        let program = Program::of(state.now, tool, arguments, &environment);
        if let Some(process) = state.processes.get_mut(&id) {
            let parent = process.start.parent;
            process.start = Start { parent, ..start };
            process.becomes = Some(Box::new(program));
        }
    }

    /// Starts a script; `code` is told its process.
    pub(super) fn script(&self, start: Start, code: impl FnOnce(ProcessId) -> Script) -> ProcessId {
        self.state().add(start, |id| Code::Script(code(id)))
    }

    /// Waits for the end of a process and forgets it; its exit code.
    pub(super) async fn wait(&self, id: ProcessId) -> i32 {
        poll_fn(|_| self.reap(id).map_or(Poll::Pending, Poll::Ready)).await
    }

    /// The exit code of a process that is over, which is then forgotten; that of one that never was is 127.
    pub(super) fn reap(&self, id: ProcessId) -> Option<i32> {
        let state = &mut *self.state();
        let Some(process) = state.processes.get(&id) else { return Some(127) };
        let code = process.exit?;
        state.processes.remove(&id);
        Some(code)
    }

    /// Tells every process of a group.
    pub(super) fn signal_group(&self, group: ProcessId, signal: Signal) {
        let state = self.state();
        let members = state.processes.iter().filter(|(_, process)| process.group == group && process.exit.is_none());
        let members = members.map(|(id, _)| *id).collect::<Vec<_>>();
        drop(state);
        for id in members {
            self.signal(id, signal);
        }
    }

    /// Tells a process; false where there is none that runs.
    pub(super) fn signal(&self, id: ProcessId, signal: Signal) -> bool {
        self.state().signal(id, signal)
    }

    /// All that runs, and what nobody has waited for.
    pub(super) fn views(&self) -> Vec<ProcessView> {
        let state = self.state();
        let view = |(id, process): (&ProcessId, &Process)| ProcessView {
            id: *id,
            group: process.group,
            parent: process.start.parent,
            terminal: process.start.terminal,
            command: process.start.command.clone(),
            started_ms: process.started_ms,
            exit: process.exit,
        };
        state.processes.iter().map(view).collect()
    }

    /// There are too many processes: whoever starts more of them is stopped.
    pub(super) fn is_crowded(&self) -> bool {
        self.state().processes.len() > MOST_PROCESSES
    }

    /// It has ended, whatever of its code still runs.
    pub(super) fn is_over(&self, id: ProcessId) -> bool {
        self.state().processes.get(&id).is_none_or(|process| process.exit.is_some())
    }

    /// It is the shell of a terminal.
    pub(super) fn is_shell(&self, id: ProcessId) -> bool {
        self.state().screens.values().any(|screen| screen.shell == id)
    }

    /// Its group has the keyboard of its terminal.
    pub(super) fn is_in_foreground(&self, id: ProcessId) -> bool {
        let state = self.state();
        let process = state.processes.get(&id);
        let screen = process.and_then(|process| state.screens.get(&process.start.terminal));
        process.zip(screen).is_some_and(|(process, screen)| process.group == screen.foreground)
    }

    /// What `ps` shows of a process from here on.
    pub(super) fn set_command(&self, id: ProcessId, command: &str) {
        if let Some(process) = self.state().processes.get_mut(&id) {
            process.start.command = String::from(command);
        }
    }

    /// From where the paths of a process are seen from here on.
    pub(super) fn set_directory(&self, id: ProcessId, directory: &Str) {
        if let Some(process) = self.state().processes.get_mut(&id) {
            process.start.working_directory = directory.clone();
        }
    }

    /// Minutes by which the local time is ahead of UTC.
    pub(super) fn utc_offset_minutes(&self) -> i32 {
        self.state().utc_offset_minutes
    }

    // Streams.

    /// Writes once there is room; false where nobody reads it any more, or the file has no room.
    pub(super) async fn write(&self, sink: &Sink, bytes: &[u8]) -> bool {
        poll_fn(|_| if self.state().is_full(sink) { Poll::Pending } else { Poll::Ready(()) }).await;
        self.state().write(sink, bytes)
    }

    /// The next line with its end, for this process; nothing at the end.
    pub(super) async fn read_line(&self, id: ProcessId, source: &Source) -> Option<Bytes> {
        self.chunk(id, source, true).await
    }

    /// Everything to the end.
    pub(super) async fn read_all(&self, id: ProcessId, source: &Source) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(bytes) = self.chunk(id, source, false).await {
            all.extend_from_slice(&bytes);
        }
        all
    }

    async fn chunk(&self, id: ProcessId, source: &Source, is_line: bool) -> Option<Bytes> {
        poll_fn(|_| match self.state().read(id, source, is_line) {
            Chunk::Bytes(bytes) => Poll::Ready(Some(bytes)),
            Chunk::End => Poll::Ready(None),
            Chunk::Later => Poll::Pending,
        })
        .await
    }

    /// What is typed next at a terminal, for its shell: `Err` for Ctrl-C.
    pub(super) async fn typed(&self, id: ProcessId, terminal: TerminalId) -> Result<Typed, ()> {
        poll_fn(|_| {
            let state = &mut *self.state();
            let Some(screen) = state.screens.get_mut(&terminal) else { return Poll::Ready(Ok(Typed::End)) };
            if core::mem::take(&mut screen.is_interrupted) {
                return Poll::Ready(Err(()));
            }
            if let Some(question) = screen.question.take() {
                return Poll::Ready(Ok(Typed::Asked(question)));
            }
            let typed = if screen.foreground == id { screen.take_typed() } else { None };
            state.stirred |= typed.is_some();
            typed.map_or(Poll::Pending, |typed| Poll::Ready(Ok(typed)))
        })
        .await
    }

    /// Ctrl-C was typed since the last time; for the shell that runs a list of commands.
    pub(super) fn is_interrupted(&self, terminal: TerminalId) -> bool {
        self.state().screens.get(&terminal).is_some_and(|screen| screen.is_interrupted)
    }

    /// Whose keyboard it is.
    pub(super) fn set_foreground(&self, terminal: TerminalId, group: ProcessId) {
        let state = &mut *self.state();
        if let Some(screen) = state.screens.get_mut(&terminal) {
            screen.foreground = group;
        }
        state.stirred = true;
    }

    // Files and time.

    /// Asks for files; paths are seen from `working_directory`.
    pub(super) async fn ask_files(
        &self,
        id: ProcessId,
        working_directory: &str,
        request: FileRequest,
    ) -> Result<FileAnswer, FileError> {
        let ticket = {
            let state = &mut *self.state();
            let request = resolved(working_directory, request);
            match state.ask(Asker::Process(id), request) {
                Asked::Answered(answer) => return answer,
                Asked::Elsewhere(ticket) => ticket,
            }
        };
        poll_fn(|_| self.state().answers.remove(&ticket).map_or(Poll::Pending, Poll::Ready)).await
    }

    /// Lets others run: for whoever would go on for ever.
    pub(super) async fn pause(&self) {
        let mut is_first = true;
        poll_fn(|_| {
            if core::mem::replace(&mut is_first, false) {
                self.state().stirred = true;
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Lets so much time go by.
    pub(super) async fn sleep(&self, id: ProcessId, duration: Duration) {
        let until = self.now().monotonic + duration;
        poll_fn(|_| {
            let state = &mut *self.state();
            if state.now.monotonic >= until {
                return Poll::Ready(());
            }
            if let Some(process) = state.processes.get_mut(&id) {
                process.deadline = Some(until);
            }
            Poll::Pending
        })
        .await;
    }

    /// Tells the page.
    pub(super) fn report(&self, report: Report) {
        self.state().outputs.push_back(MachineOutput::Report(report));
    }

    // Who runs.

    /// Runs whoever can, until nobody can or it took long enough; true where somebody still could.
    pub(super) fn run(&self) -> bool {
        for _ in 0..ROUNDS {
            let ids: Vec<ProcessId> = {
                let mut state = self.state();
                state.stirred = false;
                state.processes.keys().copied().collect()
            };
            for id in ids {
                self.step(id);
            }
            if !self.state().stirred {
                return false;
            }
        }
        true
    }

    fn step(&self, id: ProcessId) {
        let mut state = self.state();
        let Some(process) = state.processes.get_mut(&id).filter(|process| process.exit.is_none()) else { return };
        match core::mem::replace(&mut process.code, Code::Taken) {
            Code::Program(mut program) => {
                let id = state.step_program(id, &mut program);
                state.put_back(id, Code::Program(program));
            }
            Code::Script(mut script) => {
                process.deadline = None;
                process.reads_keyboard = false;
                drop(state);
                match script.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(code) => {
                        drop(script);
                        self.state().script_ended(id, code);
                    }
                    Poll::Pending => self.state().put_back(id, Code::Script(script)),
                }
            }
            Code::Taken => {}
        }
    }
}

/// Who asks the file system.
#[derive(Clone, Copy, Debug)]
enum Asker {
    Process(ProcessId),
    /// The host, by its own ticket.
    Host(u64),
}

/// What became of a question to the file system.
enum Asked {
    Answered(Result<FileAnswer, FileError>),
    Elsewhere(u64),
}

impl State {
    fn environment(&mut self, start: &Start, tool: &str) -> Environment {
        let called_as = start.command.split(' ').next().filter(|word| word.ends_with(tool)).unwrap_or_default();
        let called_as = if called_as.contains('/') { String::from(called_as) } else { distribution::script(tool) };
        Environment {
            called_as,
            seed: self.rng.next_u64(),
            utc_offset_minutes: self.utc_offset_minutes,
            is_interactive: matches!(start.input, Source::Keyboard(_)),
            ..Environment::default()
        }
    }

    pub(super) fn add(&mut self, start: Start, code: impl FnOnce(ProcessId) -> Code) -> ProcessId {
        self.last_process += 1;
        let id = ProcessId(self.last_process);
        let ignored = self.processes.get(&start.parent).map_or(0, |parent| parent.ignored);
        let process = Process { ignored, ..Process::new(start, id, self.now.wall_ms, Code::Taken) };
        self.processes.insert(id, process);
        let code = code(id);
        self.put_back(id, code);
        self.stirred = true;
        id
    }

    /// Somebody killed it meanwhile, or it goes on later.
    fn put_back(&mut self, id: ProcessId, code: Code) {
        if let Some(process) = self.processes.get_mut(&id).filter(|process| process.exit.is_none()) {
            process.code = code;
        }
    }

    /// A script came to its end, or to the program that takes its place.
    fn script_ended(&mut self, id: ProcessId, code: i32) {
        match self.processes.get_mut(&id).and_then(|process| process.becomes.take()) {
            Some(program) => {
                if let Some(process) = self.processes.get_mut(&id) {
                    process.caught = 0;
                }
                self.put_back(id, Code::Program(program));
                self.stirred = true;
            }
            None => self.end(id, code),
        }
    }

    /// Tells a process; false where there is none that runs.
    pub(super) fn signal(&mut self, id: ProcessId, signal: Signal) -> bool {
        let Some(process) = self.processes.get_mut(&id).filter(|process| process.exit.is_none()) else { return false };
        let bit = 1 << signal.number();
        if signal != Signal::Kill && process.ignored & bit != 0 {
            return true;
        }
        match (&process.code, signal) {
            (Code::Script(_) | Code::Taken, _) if signal != Signal::Kill && process.caught & bit != 0 => {
                process.arrived.push_back(signal);
            }
            (Code::Program(_), Signal::Interrupt) => process.inputs.push_front(ProgramInput::Interrupt),
            (Code::Program(_), Signal::Terminate | Signal::Hangup | Signal::Quit) => {
                process.is_terminated = true;
                process.inputs.push_front(ProgramInput::Terminate);
            }
            (Code::Taken, _) if signal != Signal::Kill && process.is_server => self.stop_adopted(id),
            _ => self.end(id, signal.exit_code()),
        }
        self.stirred = true;
        true
    }

    /// A process is over: its streams and connections end with it.
    pub(super) fn end(&mut self, id: ProcessId, code: i32) {
        let Some(process) = self.processes.get_mut(&id).filter(|process| process.exit.is_none()) else { return };
        // A program takes SIGTERM for an interrupt: its exit code is that of what it was told.
        let is_terminated = process.is_terminated && code == Signal::Interrupt.exit_code();
        process.exit = Some(if is_terminated { Signal::Terminate.exit_code() } else { code });
        process.code = Code::Taken;
        process.deadline = None;
        process.inputs.clear();
        (process.start.input, process.start.output, process.start.error) =
            (Source::Nothing, Sink::Nothing, Sink::Nothing);
        for connection in core::mem::take(&mut process.connections).into_values() {
            self.connections.remove(&connection);
            self.outputs.push_back(MachineOutput::Client(ClientOutput::Close { connection }));
        }
        if core::mem::take(&mut process.is_server) {
            // What ends before its broker has ended was killed.
            self.outputs.push_back(MachineOutput::Server { process: id, request: ServerRequest::Kill });
        }
        let (terminal, parent) = (process.start.terminal, process.start.parent);
        if self.screens.get(&terminal).is_some_and(|screen| screen.shell == id) {
            self.outputs.push_back(MachineOutput::Report(Report::Ended(terminal)));
        }
        // Nobody is left who would ask how it ended, or how those it had started ended.
        let is_asked_for = self.processes.get(&parent).is_some_and(|parent| parent.exit.is_none());
        if !self.screens.contains_key(&terminal) || !is_asked_for {
            self.processes.remove(&id);
        }
        self.processes.retain(|_, process| process.exit.is_none() || process.start.parent != id);
        self.stirred = true;
    }

    /// Takes what a program wants and tells it what there is for it; the process that it is then.
    fn step_program(&mut self, mut id: ProcessId, program: &mut Program) -> ProcessId {
        let mut has_timed_out = false;
        for _ in 0..INPUTS_A_ROUND {
            if !self.take_outputs(&mut id, program) {
                break;
            }
            let Some(input) = self.next_input(id, program, !has_timed_out) else { break };
            // Who pauses leaves it to others, and to the host: what comes with time alone is no reason for another round.
            let is_timeout = matches!(input, ProgramInput::Timeout);
            program.handle(self.now, input);
            has_timed_out |= is_timeout;
            self.stirred |= !is_timeout;
        }
        id
    }

    /// Carries out what a program wants; false where it is over, or waits until what it wrote is read.
    fn take_outputs(&mut self, of: &mut ProcessId, program: &mut Program) -> bool {
        loop {
            let id = *of;
            let Some(process) = self.processes.get(&id) else { return false };
            let (output, error) = (process.start.output.clone(), process.start.error.clone());
            let is_interrupt =
                matches!(process.inputs.front(), Some(ProgramInput::Interrupt | ProgramInput::Terminate));
            if !is_interrupt && self.is_behind(&process.start) {
                return false;
            }
            match program.poll_output() {
                ProgramOutput::StandardOutput(bytes) => {
                    if !self.write(&output, &bytes) {
                        self.end(id, BROKEN_PIPE);
                        return false;
                    }
                }
                ProgramOutput::StandardError(bytes) => drop(self.write(&error, &bytes)),
                ProgramOutput::Client(wanted) => self.client_wants(id, wanted),
                ProgramOutput::File(request) => {
                    let request = self.processes.get(&id).map_or_else(
                        || request.clone(),
                        |process| resolved(&process.start.working_directory, request.clone()),
                    );
                    if let Asked::Answered(answer) = self.ask(Asker::Process(id), request) {
                        program.handle(self.now, ProgramInput::File(answer));
                    }
                }
                ProgramOutput::Process(ProcessRequest::List) => {
                    program.handle(self.now, ProgramInput::Processes(self.running()));
                }
                ProgramOutput::Process(ProcessRequest::Terminate(other)) => {
                    self.signal(ProcessId(other), Signal::Terminate);
                }
                ProgramOutput::Server(request) => self.server_asked(id, request),
                ProgramOutput::Detach { output } => *of = self.detach(id, &output),
                ProgramOutput::Exit(code) => {
                    self.end(id, code);
                    return false;
                }
                ProgramOutput::Wait { until, .. } => {
                    if let Some(process) = self.processes.get_mut(&id) {
                        process.deadline = until;
                    }
                    return true;
                }
            }
        }
    }

    /// What a program is to be told next.
    fn next_input(&mut self, id: ProcessId, program: &Program, may_time_out: bool) -> Option<ProgramInput> {
        let now = self.now.monotonic;
        let process = self.processes.get_mut(&id)?;
        if let Some(input) = process.inputs.pop_front() {
            if let ProgramInput::Client(ClientInput::Frame { connection, .. }) = &input
                && let Some(connection) = process.connections.get(connection)
            {
                self.outputs.push_back(MachineOutput::Taken { connection: *connection });
            }
            return Some(input);
        }
        if program.wants_input() && !process.is_input_ended {
            let source = process.start.input.clone();
            match self.read(id, &source, matches!(source, Source::Keyboard(_))) {
                Chunk::Bytes(bytes) => return Some(ProgramInput::StandardInput(bytes)),
                Chunk::End => {
                    self.processes.get_mut(&id)?.is_input_ended = true;
                    return Some(ProgramInput::EndOfInput);
                }
                Chunk::Later => {}
            }
        }
        let process = self.processes.get_mut(&id)?;
        process.deadline.take_if(|deadline| may_time_out && *deadline <= now).map(|_| ProgramInput::Timeout)
    }

    fn client_wants(&mut self, id: ProcessId, wanted: ClientOutput) {
        let Some(process) = self.processes.get_mut(&id) else { return };
        let output = match wanted {
            ClientOutput::Connect { connection, host, port } => {
                let number =
                    ConnectionId((u64::from(process.start.terminal.0) << TERMINAL_SHIFT) | self.next_connection);
                self.next_connection += 2;
                process.connections.insert(connection, number);
                self.connections.insert(number, id);
                ClientOutput::Connect { connection: number, host, port }
            }
            ClientOutput::Send { connection, bytes } => match process.connections.get(&connection) {
                Some(number) => ClientOutput::Send { connection: *number, bytes },
                None => return,
            },
            ClientOutput::Close { connection } => match process.connections.remove(&connection) {
                Some(number) => {
                    self.connections.remove(&number);
                    ClientOutput::Close { connection: number }
                }
                None => return,
            },
        };
        self.outputs.push_back(MachineOutput::Client(output));
    }

    /// Something happened on a connection, by the machine's number.
    pub(super) fn client_heard(&mut self, input: ClientInput) {
        let number = match &input {
            ClientInput::Connected { connection }
            | ClientInput::ConnectFailed { connection }
            | ClientInput::Closed { connection }
            | ClientInput::Frame { connection, .. } => *connection,
            ClientInput::Timeout => return,
        };
        let Some(id) = self.connections.get(&number).copied() else {
            if matches!(input, ClientInput::Frame { .. }) {
                self.outputs.push_back(MachineOutput::Taken { connection: number });
            }
            return;
        };
        let Some(process) = self.processes.get_mut(&id) else { return };
        let Some(connection) = process.connections.iter().find(|(_, other)| **other == number).map(|(own, _)| *own)
        else {
            return;
        };
        let input = match input {
            ClientInput::Connected { .. } => ClientInput::Connected { connection },
            ClientInput::Frame { bytes, .. } => ClientInput::Frame { connection, bytes },
            ended => {
                process.connections.remove(&connection);
                self.connections.remove(&number);
                match ended {
                    ClientInput::ConnectFailed { .. } => ClientInput::ConnectFailed { connection },
                    _ => ClientInput::Closed { connection },
                }
            }
        };
        process.inputs.push_back(ProgramInput::Client(input));
    }

    /// The host tells of files that are elsewhere.
    pub(super) fn files_answered(&mut self, ticket: u64, answer: Result<FileAnswer, FileError>) {
        let id = match self.asked.remove(&ticket) {
            Some(Asker::Process(id)) => id,
            Some(Asker::Host(ticket)) => {
                return self.outputs.push_back(MachineOutput::Report(Report::Files { ticket, answer }));
            }
            None => return,
        };
        match self.processes.get_mut(&id) {
            Some(process) if matches!(process.code, Code::Program(_)) => {
                process.inputs.push_back(ProgramInput::File(answer));
            }
            Some(_) => drop(self.answers.insert(ticket, answer)),
            None => {}
        }
    }

    /// The host asks for files, of which some are its own: the answer is [`Report::Files`].
    pub(super) fn host_asks(&mut self, ticket: u64, request: FileRequest) {
        if let Asked::Answered(answer) = self.ask(Asker::Host(ticket), request) {
            self.outputs.push_back(MachineOutput::Report(Report::Files { ticket, answer }));
        }
    }

    fn ask(&mut self, asker: Asker, request: FileRequest) -> Asked {
        let path = match &request {
            FileRequest::Read(path)
            | FileRequest::List(path)
            | FileRequest::Status(path)
            | FileRequest::Below(path)
            | FileRequest::MakeDirectory(path)
            | FileRequest::Remove(path)
            | FileRequest::Write { path, .. }
            | FileRequest::SetModified { path, .. } => path,
            FileRequest::Rename { from, to } => {
                if self.files.is_elsewhere(from) {
                    from
                } else {
                    to
                }
            }
        };
        if matches!(request, FileRequest::Below(_)) || !self.files.is_elsewhere(path) {
            return Asked::Answered(self.files.answer(self.now.wall_ms, &request));
        }
        self.last_ticket += 1;
        self.asked.insert(self.last_ticket, asker);
        self.outputs.push_back(MachineOutput::AskFiles { ticket: self.last_ticket, request });
        Asked::Elsewhere(self.last_ticket)
    }

    /// Somebody has yet to read what a process wrote.
    fn is_behind(&self, of: &Start) -> bool {
        self.is_full(&of.output) || self.is_full(&of.error)
    }

    pub(super) fn is_full(&self, sink: &Sink) -> bool {
        match sink {
            Sink::Nothing | Sink::File(_) => false,
            Sink::Pipe(writer) => writer.is_full(),
            Sink::Screen(terminal) => self.screens.get(terminal).is_some_and(Screen::is_full),
        }
    }

    /// Writes, however much it is; false where nobody reads it any more, or the file has no room.
    pub(super) fn write(&mut self, sink: &Sink, bytes: &[u8]) -> bool {
        self.stirred |= !bytes.is_empty();
        match sink {
            Sink::Nothing => true,
            Sink::Pipe(writer) => writer.write(bytes),
            Sink::File(path) => {
                let content = Bytes::copy_from_slice(bytes);
                let request = FileRequest::Write { path: path.clone(), content, append: true };
                self.files.answer(self.now.wall_ms, &request).is_ok()
            }
            Sink::Screen(terminal) => {
                if let Some(screen) = self.screens.get_mut(terminal) {
                    screen.print(bytes);
                }
                true
            }
        }
    }

    /// Reads for a process: what is typed only where the terminal is its own at this time.
    fn read(&mut self, id: ProcessId, source: &Source, is_line: bool) -> Chunk {
        let chunk = match source {
            Source::Nothing => Chunk::End,
            Source::Pipe(reader) if is_line => reader.read_line(),
            Source::Pipe(reader) => reader.read(),
            Source::Keyboard(terminal) => {
                let group = self.processes.get(&id).map(|process| process.group);
                match self.screens.get_mut(terminal) {
                    None => Chunk::End,
                    Some(screen) if group == Some(screen.foreground) => screen.read(),
                    Some(_) => Chunk::Later,
                }
            }
        };
        self.stirred |= matches!(chunk, Chunk::Bytes(_));
        if matches!((&chunk, source), (Chunk::Later, Source::Keyboard(_)))
            && let Some(process) = self.processes.get_mut(&id)
        {
            process.reads_keyboard = true;
        }
        chunk
    }

    /// Who would take what is typed at a terminal.
    pub(super) fn awaits(&self, terminal: TerminalId) -> Option<Awaits> {
        let screen = self.screens.get(&terminal)?;
        if screen.foreground == screen.shell {
            return Some(if screen.is_prompted { Awaits::Command } else { Awaits::Nothing });
        }
        let reads = self.processes.values().any(|process| {
            process.group == screen.foreground
                && matches!(process.start.input, Source::Keyboard(_))
                && match &process.code {
                    Code::Program(program) => program.wants_input() && !process.is_input_ended,
                    Code::Script(_) => process.reads_keyboard,
                    Code::Taken => false,
                }
        });
        Some(if reads { Awaits::Input } else { Awaits::Nothing })
    }

    /// When somebody wants to be woken. Who waits until what it wrote is read is not told of the time before that.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let wakes = |process: &&Process| process.exit.is_none() && !self.is_behind(&process.start);
        self.processes.values().filter(wakes).filter_map(|process| process.deadline).min()
    }
}

/// The request with absolute paths.
fn resolved(working_directory: &str, request: FileRequest) -> FileRequest {
    let absolute = |path: &str| absolute(working_directory, path);
    match request {
        FileRequest::Read(path) => FileRequest::Read(absolute(&path)),
        FileRequest::Write { path, content, append } => FileRequest::Write { path: absolute(&path), content, append },
        FileRequest::List(path) => FileRequest::List(absolute(&path)),
        FileRequest::Status(path) => FileRequest::Status(absolute(&path)),
        FileRequest::Below(path) => FileRequest::Below(absolute(&path)),
        FileRequest::MakeDirectory(path) => FileRequest::MakeDirectory(absolute(&path)),
        FileRequest::Remove(path) => FileRequest::Remove(absolute(&path)),
        FileRequest::Rename { from, to } => FileRequest::Rename { from: absolute(&from), to: absolute(&to) },
        FileRequest::SetModified { path, modified_ms } => {
            FileRequest::SetModified { path: absolute(&path), modified_ms }
        }
    }
}
