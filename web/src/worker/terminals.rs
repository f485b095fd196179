//! The terminals of the page: a [`Machine`] of the core as a [`Program`] of a worker. Plain data; `terminals_host` runs it.

use super::program::Program;
use crate::bridge::{self, Kept, KeptNode, ServerNews, TerminalsCommand, TerminalsReport, pack, unpack};
use broker_core::cli::file::{FileAnswer, FileError, FileRequest};
use broker_core::cli::server::{ServerEvent, ServerRequest};
use broker_core::client::{ClientInput, ClientOutput};
use broker_core::node::{Input, Output};
use broker_core::shell::{
    Awaits, Candidates, FileNode, Machine, MachineInput, MachineOutput, ProcessId, Report, TerminalId,
};
use broker_core::text::Str;
use broker_core::time::Now;
use bytes::Bytes;
use std::collections::VecDeque;

/// See the module.
#[derive(Debug)]
pub struct Terminals {
    machine: Machine,
    reports: VecDeque<TerminalsReport>,
}

impl Terminals {
    /// A machine with the files of Kafka's distribution and what was kept of them.
    pub fn new(now: Now, seed: u64, utc_offset_minutes: i32, kept: Vec<(String, Vec<u8>)>) -> Self {
        let restored = kept.into_iter().filter_map(|(path, packed)| {
            let Kept(node) = unpack(&packed)?;
            let node = node.map(|node| FileNode {
                content: node.content.map(Bytes::from),
                is_executable: node.is_executable,
                modified_ms: node.modified_ms,
            });
            Some((Str::from(path), node))
        });
        Self { machine: Machine::new(now, seed, utc_offset_minutes, restored.collect()), reports: VecDeque::new() }
    }

    /// Carries out what the page says.
    pub fn command(&mut self, now: Now, command: TerminalsCommand) {
        let terminal = |number| TerminalId(number);
        self.machine.handle(
            now,
            match command {
                TerminalsCommand::Open { terminal: number, credit } => {
                    MachineInput::Open { terminal: terminal(number), credit: credit as usize }
                }
                TerminalsCommand::Close(number) => MachineInput::Close(terminal(number)),
                TerminalsCommand::Line { terminal: number, text } => {
                    MachineInput::Line { terminal: terminal(number), text }
                }
                TerminalsCommand::EndOfInput(number) => MachineInput::EndOfInput(terminal(number)),
                TerminalsCommand::Interrupt(number) => MachineInput::Interrupt(terminal(number)),
                TerminalsCommand::Credit { terminal: number, bytes } => {
                    MachineInput::Credit { terminal: terminal(number), bytes: bytes as usize }
                }
                TerminalsCommand::ReadFile { ticket, path } => {
                    MachineInput::AskFiles { ticket: ticket.into(), request: FileRequest::Read(Str::from(path)) }
                }
                TerminalsCommand::WriteFile { ticket, path, content } => MachineInput::AskFiles {
                    ticket: ticket.into(),
                    request: FileRequest::Write { path: Str::from(path), content: Bytes::from(content), append: false },
                },
                TerminalsCommand::Server { process, news } => {
                    let event = match news {
                        ServerNews::Happened(event) => ServerEvent::Happened(event),
                        ServerNews::Refused(reason) => ServerEvent::Refused(Str::from(reason)),
                        ServerNews::Ended => ServerEvent::Ended,
                    };
                    MachineInput::Server { process: ProcessId(process), event }
                }
                TerminalsCommand::Complete { terminal: number, ticket, line, cursor } => MachineInput::Complete {
                    terminal: terminal(number),
                    ticket: ticket.into(),
                    line,
                    cursor: cursor as usize,
                },
                TerminalsCommand::Elsewhere(directories) => {
                    MachineInput::Elsewhere(directories.into_iter().map(Str::from).collect())
                }
                TerminalsCommand::Files { ticket, answer } => MachineInput::Files { ticket, answer },
                TerminalsCommand::Adopt { broker, configuration } => MachineInput::Adopt { broker, configuration },
                TerminalsCommand::Kill(process) => MachineInput::Kill(ProcessId(process)),
                // Its host's.
                TerminalsCommand::Start { .. } => return,
            },
        );
    }

    /// The next thing to tell the page.
    pub fn poll_report(&mut self) -> Option<TerminalsReport> {
        self.reports.pop_front()
    }
}

impl Program for Terminals {
    fn handle(&mut self, now: Now, input: Input) {
        let input = match input {
            Input::Connected { connection } => MachineInput::Client(ClientInput::Connected { connection }),
            Input::ConnectFailed { connection } => MachineInput::Client(ClientInput::ConnectFailed { connection }),
            Input::Closed { connection } => MachineInput::Client(ClientInput::Closed { connection }),
            Input::Frame { connection, bytes } => MachineInput::Client(ClientInput::Frame { connection, bytes }),
            _ => MachineInput::Timeout,
        };
        self.machine.handle(now, input);
    }

    fn poll_output(&mut self) -> Output {
        loop {
            match self.machine.poll_output() {
                MachineOutput::Client(ClientOutput::Connect { connection, host, port }) => {
                    return Output::Connect { connection, host, port };
                }
                MachineOutput::Client(ClientOutput::Send { connection, bytes }) => {
                    return Output::Send { connection, bytes };
                }
                MachineOutput::Client(ClientOutput::Close { connection }) => return Output::Close { connection },
                MachineOutput::Taken { connection } => return Output::Taken { connection },
                MachineOutput::Wait { until, reason } => return Output::Wait { until, reason },
                MachineOutput::Report(report) => self.reports.push_back(told(report)),
                MachineOutput::Keep((path, node)) => {
                    let node = Kept(node.map(|node| KeptNode {
                        content: node.content.map(|content| content.to_vec()),
                        is_executable: node.is_executable,
                        modified_ms: node.modified_ms,
                    }));
                    self.reports.push_back(TerminalsReport::Keep { path: path.to_string(), node: pack(&node) });
                }
                MachineOutput::AskFiles { ticket, request } => {
                    self.reports.push_back(TerminalsReport::AskFiles { ticket, request });
                }
                MachineOutput::Server { process: ProcessId(process), request } => {
                    let request = match request {
                        ServerRequest::Start { path, properties, overrides, files } => bridge::ServerRequest::Start {
                            path: path.to_string(),
                            properties: properties.to_string(),
                            overrides: overrides.to_string(),
                            files: files
                                .into_iter()
                                .map(|(path, content)| (path.to_string(), content.to_vec()))
                                .collect(),
                        },
                        ServerRequest::Stop => bridge::ServerRequest::Stop,
                        ServerRequest::Kill => bridge::ServerRequest::Kill,
                    };
                    self.reports.push_back(TerminalsReport::Server { process, request });
                }
            }
        }
    }
}

fn told(report: Report) -> TerminalsReport {
    match report {
        Report::Screen { terminal: TerminalId(terminal), bytes } => TerminalsReport::Screen { terminal, bytes },
        Report::Awaits { terminal: TerminalId(terminal), awaits } => {
            let awaits = match awaits {
                Awaits::Command => bridge::Awaits::Command,
                Awaits::Input => bridge::Awaits::Input,
                Awaits::Nothing => bridge::Awaits::Nothing,
            };
            TerminalsReport::Awaits { terminal, awaits }
        }
        Report::Command { terminal: TerminalId(terminal), text } => TerminalsReport::Command { terminal, text },
        Report::Edit { terminal: TerminalId(terminal), path } => TerminalsReport::Edit { terminal, path },
        Report::Download { path, .. } => TerminalsReport::Download { path },
        Report::Upload { directory, .. } => TerminalsReport::Upload { directory },
        Report::Files { ticket, answer } => {
            let result = match answer {
                Ok(FileAnswer::Content(content)) => Ok(Some(content.to_vec())),
                Ok(_) | Err(FileError::NotFound) => Ok(None),
                Err(error) => Err(error.to_string()),
            };
            TerminalsReport::File { ticket: ticket as u32, result }
        }
        Report::Completions { ticket, from, to, candidates } => {
            let (candidates, option) = match candidates {
                Candidates::Words(words) => (words, None),
                Candidates::ValueOf { option, files, .. } => (files, Some(option)),
            };
            TerminalsReport::Completions { ticket: ticket as u32, from: from as u32, to: to as u32, candidates, option }
        }
        Report::Adopted { broker, process: ProcessId(process) } => TerminalsReport::Adopted { broker, process },
        Report::Ended(TerminalId(terminal)) => TerminalsReport::Ended(terminal),
    }
}
