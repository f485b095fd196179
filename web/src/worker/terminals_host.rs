//! The worker of the terminals: [`Terminals`] on a host, and the page's commands.

use super::host::Host;
use super::program::Program;
use super::terminals::Terminals;
use crate::bridge::{TerminalsCommand, TerminalsReport};
use crate::post_message::pause;
use broker_core::node::{Input, Output};
use broker_core::time::Now;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;
use web_sys::MessagePort;

/// The worker.
pub struct TerminalsWorker {
    host: RefCell<Option<Rc<Host<Reporting>>>>,
    /// What the page said before the machine ran.
    early: RefCell<Vec<TerminalsCommand>>,
    report: fn(TerminalsReport),
}

/// What a machine is made with, once the time is known.
struct Start {
    seed: u64,
    utc_offset_minutes: i32,
    kept: Vec<(String, Vec<u8>)>,
}

/// Tells the page whatever the machine has to say before it waits.
struct Reporting {
    start: Option<Start>,
    terminals: Option<Terminals>,
    report: fn(TerminalsReport),
}

impl Program for Reporting {
    fn handle(&mut self, now: Now, input: Input) {
        if let Some(Start { seed, utc_offset_minutes, kept }) = self.start.take() {
            self.terminals = Some(Terminals::new(now, seed, utc_offset_minutes, kept));
        }
        if let Some(terminals) = &mut self.terminals {
            terminals.handle(now, input);
        }
    }

    fn poll_output(&mut self) -> Output {
        let never = Output::Wait { until: None, reason: "start" };
        let Some(terminals) = &mut self.terminals else { return never };
        let output = terminals.poll_output();
        if matches!(output, Output::Wait { .. }) {
            while let Some(report) = terminals.poll_report() {
                (self.report)(report);
            }
        }
        output
    }
}

impl TerminalsWorker {
    /// A worker without a machine yet. `report` tells the page.
    pub fn new(report: fn(TerminalsReport)) -> Rc<Self> {
        Rc::new(Self { host: RefCell::default(), early: RefCell::default(), report })
    }

    /// Carries out what the page says; the port comes with [`TerminalsCommand::Start`].
    pub fn command(self: &Rc<Self>, command: TerminalsCommand, port: Option<MessagePort>) {
        let command = match (command, port) {
            (TerminalsCommand::Start { seed, utc_offset_minutes, kept }, Some(port)) => {
                return self.start(Start { seed, utc_offset_minutes, kept }, port);
            }
            (command, _) => command,
        };
        let host = self.host.borrow().clone();
        match host {
            Some(host) => {
                host.act(|program, now| {
                    if let Some(terminals) = &mut program.terminals {
                        terminals.command(now, command);
                    }
                });
            }
            None => self.early.borrow_mut().push(command),
        }
    }

    fn start(self: &Rc<Self>, start: Start, port: MessagePort) {
        let Ok(host) = Host::new(port, |_, _| {}, || {}) else { return };
        let worker = Rc::clone(self);
        spawn_local(async move {
            while !host.has_time() {
                pause().await;
            }
            let program = Reporting { start: Some(start), terminals: None, report: worker.report };
            host.start(program, Vec::new(), Vec::new(), Vec::new());
            *worker.host.borrow_mut() = Some(host);
            for command in worker.early.take() {
                worker.command(command, None);
            }
        });
    }
}
