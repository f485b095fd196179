//! A command that a button stands for: the code of Kafka's tool, on connections of its own, as if it were typed.

use super::{Client, Parameters};
use crate::bridge::{Acknowledged, ClientsReport, Refusal};
use broker_core::cli::{Environment, Program, ProgramInput, ProgramOutput, TopicChange, Uncaught};
use broker_core::client::{ClientInput, ClientOutput};
use broker_core::ids::ConnectionId;
use broker_core::time::{Instant, Now};

/// See the module.
pub(super) struct Tool {
    ticket: u32,
    program: Program,
    /// Added to the program's own numbers of connections.
    first_connection: u64,
    until: Option<Instant>,
    report: Option<ClientsReport>,
    is_over: bool,
}

impl Tool {
    /// Changes a topic; the answer names the ticket.
    pub(super) fn change_topic(
        now: Now,
        ticket: u32,
        change: TopicChange,
        bootstrap: String,
        parameters: Parameters,
    ) -> Self {
        let Parameters { first_connection, mut rng, .. } = parameters;
        let environment = Environment { seed: rng.next_u64(), ..Environment::default() };
        let program = Program::change_topic(now, change, bootstrap, &environment);
        Self { ticket, program, first_connection, until: Some(now.monotonic), report: None, is_over: false }
    }

    fn elsewhere(&self, connection: ConnectionId) -> ConnectionId {
        ConnectionId(connection.0 + self.first_connection)
    }

    fn here(&self, connection: ConnectionId) -> ConnectionId {
        ConnectionId(connection.0 - self.first_connection)
    }
}

impl Client for Tool {
    fn handle(&mut self, now: Now, input: ClientInput) {
        let input = match input {
            ClientInput::Connected { connection } => ClientInput::Connected { connection: self.here(connection) },
            ClientInput::ConnectFailed { connection } => {
                ClientInput::ConnectFailed { connection: self.here(connection) }
            }
            ClientInput::Frame { connection, bytes } => ClientInput::Frame { connection: self.here(connection), bytes },
            ClientInput::Closed { connection } => ClientInput::Closed { connection: self.here(connection) },
            ClientInput::Timeout => ClientInput::Timeout,
        };
        self.program.handle(now, ProgramInput::Client(input));
    }

    fn tick(&mut self, now: Now) {
        self.program.handle(now, ProgramInput::Timeout);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.until
    }

    fn poll_output(&mut self) -> Option<ClientOutput> {
        while !self.is_over {
            match self.program.poll_output() {
                ProgramOutput::Client(ClientOutput::Connect { connection, host, port }) => {
                    return Some(ClientOutput::Connect { connection: self.elsewhere(connection), host, port });
                }
                ProgramOutput::Client(ClientOutput::Send { connection, bytes }) => {
                    return Some(ClientOutput::Send { connection: self.elsewhere(connection), bytes });
                }
                ProgramOutput::Client(ClientOutput::Close { connection }) => {
                    return Some(ClientOutput::Close { connection: self.elsewhere(connection) });
                }
                ProgramOutput::Wait { until, .. } => {
                    self.until = until;
                    return None;
                }
                ProgramOutput::Exit(_) => {
                    let result = self.program.uncaught().map_or(Ok(Acknowledged::Done), |why| Err(refusal(why)));
                    self.report = Some(ClientsReport::Answer { ticket: self.ticket, result });
                    self.is_over = true;
                }
                // A button has no screen, and asks for nothing of a machine.
                _ => {}
            }
        }
        None
    }

    fn poll_report(&mut self) -> Option<ClientsReport> {
        self.report.take()
    }

    fn is_over(&self) -> bool {
        self.is_over
    }
}

/// Kafka's error by its name, or the exception that Kafka's tool throws by itself.
fn refusal(why: &Uncaught) -> Refusal {
    let class = why.class.rsplit('.').next().unwrap_or_default();
    let name = why.error.map_or(class, |error| error.name()).to_owned();
    let message = why.error.filter(|_| why.message.is_empty()).map_or(&*why.message, |error| error.message());
    Refusal { name, message: message.to_owned() }
}
