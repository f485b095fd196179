//! What the kernel does for servers: brokers that run for a process, and processes without a terminal.

use super::distribution;
use super::file_system::absolute;
use super::kernel::State;
use super::machine::MachineOutput;
use super::process::{Code, Process, ProcessId, Signal, Start};
use super::stream::{Sink, Source, TerminalId};
use crate::cli::ProgramInput;
use crate::cli::file::FileRequest;
use crate::cli::process::ProcessStatus;
use crate::cli::server::{ServerEvent, ServerRequest};
use crate::text::Str;
use alloc::format;
use alloc::vec::Vec;
use bytes::Bytes;

impl State {
    /// A program wants something of its broker.
    pub(super) fn server_asked(&mut self, id: ProcessId, mut request: ServerRequest) {
        let Some(process) = self.processes.get_mut(&id) else { return };
        if let ServerRequest::Start { path, .. } = &mut request {
            *path = absolute(&process.start.working_directory, path);
            process.is_server = true;
            // The script makes way for Java, and that is what `ps` shows from then on.
            let words = process.start.command.split(' ').skip(1).filter(|word| *word != "-daemon");
            process.start.command =
                words.fold(format!("java {MAIN_CLASS}"), |command, word| format!("{command} {word}"));
        }
        self.outputs.push_back(MachineOutput::Server { process: id, request });
    }

    /// The host tells of a process's broker.
    pub(super) fn server_told(&mut self, id: ProcessId, event: ServerEvent) {
        let Some(process) = self.processes.get_mut(&id).filter(|process| process.exit.is_none()) else { return };
        if matches!(event, ServerEvent::Refused(_) | ServerEvent::Ended) {
            process.is_server = false;
        }
        if matches!(process.code, Code::Taken) && !process.is_server {
            return self.end(id, Signal::Terminate.exit_code());
        }
        process.inputs.push_back(ProgramInput::Server(event));
        self.stirred = true;
    }

    /// A broker that its host started by itself is a process here too: it is seen, and takes signals.
    pub(super) fn adopt(&mut self, configuration: &str) -> ProcessId {
        let start = Start {
            command: format!("java {MAIN_CLASS} {configuration}"),
            terminal: TerminalId::NONE,
            // Nobody asks how it ends.
            parent: ProcessId(0),
            group: None,
            input: Source::Nothing,
            output: Sink::Nothing,
            error: Sink::Nothing,
            working_directory: Str::from_static(distribution::KAFKA),
        };
        let id = self.add(start, |_| Code::Taken);
        if let Some(process) = self.processes.get_mut(&id) {
            process.is_server = true;
        }
        id
    }

    /// Stops a broker whose terminal is gone: what it still logs is shown nowhere. False where the process has none.
    pub(super) fn stop_unheard(&mut self, id: ProcessId) -> bool {
        let Some(process) = self.processes.get_mut(&id).filter(|process| process.is_server) else { return false };
        (process.start.output, process.start.error) = (Sink::Nothing, Sink::Nothing);
        self.signal(id, Signal::Terminate)
    }

    /// SIGTERM for a broker that has no program: its host stops it, and tells of its end.
    pub(super) fn stop_adopted(&mut self, id: ProcessId) {
        self.outputs.push_back(MachineOutput::Server { process: id, request: ServerRequest::Stop });
    }

    /// A program goes on as another process, without a terminal; who waits for the one it was sees it end with 0.
    pub(super) fn detach(&mut self, id: ProcessId, output: &str) -> ProcessId {
        let Some(process) = self.processes.get(&id) else { return id };
        let path = absolute(&process.start.working_directory, output);
        let start = Start {
            command: process.start.command.clone(),
            terminal: TerminalId::NONE,
            // Nobody asks how it ends.
            parent: ProcessId(0),
            group: None,
            input: Source::Nothing,
            output: Sink::File(path.clone()),
            error: Sink::File(path.clone()),
            working_directory: process.start.working_directory.clone(),
        };
        let emptied = FileRequest::Write { path, content: Bytes::new(), append: false };
        // Where there is no room for it, there is none for what is added either.
        drop(self.files.answer(self.now.wall_ms, &emptied));
        let daemon = self.add(start, |_| Code::Taken);
        self.end(id, 0);
        daemon
    }

    /// What runs, as `ps` shows it.
    pub(super) fn running(&self) -> Vec<ProcessStatus> {
        let running = self.processes.iter().filter(|(_, process)| process.exit.is_none());
        let status = |(id, process): (&ProcessId, &Process)| ProcessStatus {
            id: id.0,
            command: Str::from(&*process.start.command),
        };
        running.map(status).collect()
    }
}

/// Kafka's main class, by which its scripts find a server among the processes.
const MAIN_CLASS: &str = "kafka.Kafka";
