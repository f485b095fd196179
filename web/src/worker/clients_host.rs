//! The clients' worker: [`Clients`] on a host, and the page's commands.

use super::clients::Clients;
use super::host::Host;
use super::program::Program;
use crate::bridge::{ClientsCommand, ClientsReport};
use crate::post_message::pause;
use broker_core::node::{Input, Output};
use broker_core::time::Now;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;
use web_sys::MessagePort;

/// The worker.
pub struct ClientsWorker {
    host: RefCell<Option<Rc<Host<Reporting>>>>,
    /// What the page said before the clients ran.
    early: RefCell<Vec<ClientsCommand>>,
    report: fn(ClientsReport),
}

/// Tells the page whatever the clients have to say before it waits.
struct Reporting {
    clients: Clients,
    report: fn(ClientsReport),
}

impl Program for Reporting {
    fn handle(&mut self, now: Now, input: Input) {
        self.clients.handle(now, input);
    }

    fn poll_output(&mut self) -> Output {
        let output = self.clients.poll_output();
        if matches!(output, Output::Wait { .. }) {
            while let Some(report) = self.clients.poll_report() {
                (self.report)(report);
            }
        }
        output
    }
}

impl ClientsWorker {
    /// A worker without clients yet. `report` tells the page.
    pub fn new(report: fn(ClientsReport)) -> Rc<Self> {
        Rc::new(Self { host: RefCell::default(), early: RefCell::default(), report })
    }

    /// Carries out what the page says; the port comes with [`ClientsCommand::Start`].
    pub fn command(self: &Rc<Self>, command: ClientsCommand, port: Option<MessagePort>) {
        if let (ClientsCommand::Start { seed }, Some(port)) = (&command, port) {
            return self.start(*seed, port);
        }
        let host = self.host.borrow().clone();
        match host {
            Some(host) => {
                host.act(|program, now| program.clients.command(now, command));
            }
            None => self.early.borrow_mut().push(command),
        }
    }

    fn start(self: &Rc<Self>, seed: u64, port: MessagePort) {
        let Ok(host) = Host::new(port, |_, _| {}, || {}) else { return };
        let worker = Rc::clone(self);
        spawn_local(async move {
            while !host.has_time() {
                pause().await;
            }
            let program = Reporting { clients: Clients::new(seed), report: worker.report };
            host.start(program, Vec::new(), Vec::new(), Vec::new());
            *worker.host.borrow_mut() = Some(host);
            for command in worker.early.take() {
                worker.command(command, None);
            }
        });
    }
}
