//! The workers of this page: starts and ends them, connects them with the switch, and passes on what they report.
//!
//! # Architecture Invariant
//! Only this file creates or ends a worker, and the switch hears of every end: from the worker itself when it was stopped or
//! killed, from here when it was terminated.

use crate::bridge::{
    BrokerCommand, BrokerReport, BrokerStart, ClientsCommand, ClientsReport, Kept, KeptNode, Role, SwitchCommand,
    SwitchReport, TerminalsCommand, TerminalsReport, pack, pack_text, unpack, unpack_text,
};
use crate::clock::Lease;
use crate::indexed_db::{OpeningSettings, Settings, delete_database};
use crate::ownership::Ownership;
use crate::post_message::{WorkerHandle, channel, dismiss_workers};
use crate::worker::link::{CLIENTS, Endpoint, TERMINALS};
use broker_core::rng::Rng;
use broker_core::sorted::SortedMap;
use broker_core::text::Str;
use std::cell::RefCell;
use std::rc::{Rc, Weak};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

/// What the page hears.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// Another tab owns the cluster. This one waits until that is closed, or [`Cluster::ask_for_ownership`].
    OtherTab,
    /// This tab owns the cluster; the switch runs. What was remembered, by name.
    Ready(SortedMap<String, String>),
    /// Nothing is remembered: the browser gives the page no storage.
    NothingSaved {
        /// The browser's reason.
        reason: String,
    },
    /// Another tab asked for the cluster; all workers here are gone.
    GivenAway,
    /// A broker's.
    Broker(i32, BrokerReport),
    /// The switch's.
    Switch(SwitchReport),
    /// The clients'.
    Clients(ClientsReport),
    /// The terminals'.
    Terminals(TerminalsReport),
    /// A worker died of a fault of ours, or never started.
    WorkerFailed {
        /// Its name.
        worker: String,
        /// What it said.
        reason: String,
    },
}

/// What workers are made of.
#[derive(Clone, Debug)]
pub struct Program {
    /// The compiled parts of the wasm, those that the page has. As it is when a worker starts that gets it.
    pub module: JsValue,
    /// The address of its `worker.js`.
    pub worker_script: String,
}

/// All workers. A clone is the same.
#[derive(Clone)]
pub struct Cluster(Rc<Shared>);

struct Shared {
    this: Weak<Self>,
    program: Program,
    ownership: Ownership,
    /// Asked for as soon as there is a page: the browser takes its time.
    opening: RefCell<Option<OpeningSettings>>,
    state: RefCell<State>,
    news: Box<dyn Fn(News)>,
}

#[derive(Default)]
struct State {
    settings: Option<Settings>,
    switch: Option<WorkerHandle>,
    clients: Option<WorkerHandle>,
    terminals: Option<WorkerHandle>,
    /// Reads log directories on which no broker runs.
    disks: Option<WorkerHandle>,
    /// Files of the terminals that are not as a new machine has them: by path, what they said of them.
    files: SortedMap<String, Vec<u8>>,
    /// What empty log directories are formatted for.
    cluster_id: String,
    brokers: SortedMap<i32, Broker>,
    incarnations: u64,
}

struct Broker {
    worker: WorkerHandle,
    incarnation: u64,
    /// Its disk is this worker's memory: it must not be terminated.
    in_memory: bool,
    running: bool,
    /// Killed, and still writing: what to start once that is over.
    killed: bool,
    restart: Option<BrokerStart>,
}

const SETTINGS: &str = "playground";
const CLOCK: &str = "clock";
/// Under which a file of the terminals is remembered, before its path.
const FILE: &str = "file:";
/// The ticket of an answer that nobody waits for.
const NOBODY: u32 = 0;
/// Under which the cluster id is remembered.
pub const CLUSTER_ID: &str = "cluster.id";

impl Cluster {
    /// Takes part in the ownership, and tells by `news` when it has it.
    pub fn new(program: Program, news: impl Fn(News) + 'static) -> Self {
        let shared = Rc::new_cyclic(|this: &Weak<Shared>| {
            let asked = this.clone();
            Shared {
                this: this.clone(),
                program,
                ownership: Ownership::new(move || asked.upgrade().iter().for_each(|this| this.give_away())),
                opening: RefCell::new(Some(Settings::begin(SETTINGS))),
                state: RefCell::default(),
                news: Box::new(news),
            }
        });
        let cluster = Self(shared);
        cluster.claim();
        cluster
    }

    /// Asks the tab that owns the cluster to let go.
    pub fn ask_for_ownership(&self) {
        self.0.ownership.ask();
    }

    /// After [`News::GivenAway`]: waits for the cluster again.
    pub fn claim(&self) {
        let shared = Rc::clone(&self.0);
        spawn_local(async move {
            if !shared.ownership.try_claim().await {
                dismiss_workers();
                (shared.news)(News::OtherTab);
                shared.ownership.claim().await;
            }
            shared.begin().await;
        });
    }

    /// Starts a broker's process; nothing happens while it runs.
    pub fn start_broker(&self, id: i32, start: BrokerStart) {
        self.0.report_failure("broker", self.0.start_broker(id, start));
    }

    /// SIGTERM.
    pub fn stop(&self, id: i32) {
        self.0.tell_broker(id, &BrokerCommand::Stop);
    }

    /// SIGKILL.
    pub fn kill(&self, id: i32) {
        if let Some(broker) = self.0.state.borrow_mut().brokers.get_mut(&id) {
            broker.killed = true;
        }
        self.0.tell_broker(id, &BrokerCommand::Kill);
    }

    /// Power off: whatever was not stored is gone.
    pub fn power_off(&self, id: i32) {
        self.0.power_off(id);
    }

    /// Asks a broker for its view; at most once an animation frame.
    pub fn look(&self, id: i32) {
        self.0.tell_broker(id, &BrokerCommand::TakeView);
    }

    /// Deletes what a broker stored; it must not run.
    pub async fn wipe(&self, id: i32, databases: Vec<String>) -> Result<(), Str> {
        // One that keeps its disk in memory is still there.
        let kept = self.0.state.borrow_mut().brokers.remove(&id);
        if let Some(broker) = kept {
            broker.worker.terminate();
        }
        for name in databases {
            delete_database(&name).await?;
        }
        Ok(())
    }

    /// Ends all workers and deletes what the cluster of this page ever stored, `databases` of brokers among it. The page is
    /// to be loaded again after that.
    pub async fn delete_everything(&self, databases: Vec<String>) -> Result<(), Str> {
        let state = self.0.state.take();
        let workers = state.brokers.into_values().map(|broker| broker.worker);
        workers.chain(state.switch).chain(state.terminals).chain(state.disks).for_each(|worker| worker.terminate());
        if let Some(settings) = state.settings {
            for (name, _) in settings.all().await? {
                settings.set(&name, None).await?;
            }
        }
        for name in databases {
            delete_database(&name).await?;
        }
        Ok(())
    }

    /// Tells the switch.
    pub fn switch(&self, command: &SwitchCommand) {
        self.0.tell_switch(command, None);
    }

    /// Tells the clients.
    pub fn clients(&self, command: &ClientsCommand) {
        self.0.report_failure("clients", self.0.tell_clients(command));
    }

    /// Tells the terminals; the first of them starts their worker.
    pub fn terminals(&self, command: &TerminalsCommand) {
        self.0.report_failure("terminals", self.0.tell_terminals(command));
    }

    /// A file of the machine that is not as a new machine has it.
    pub fn kept_file(&self, path: &str) -> Option<Kept> {
        self.0.state.borrow().files.get(path).and_then(|packed| unpack(packed))
    }

    /// Lays a file that a new machine does not have.
    pub fn lay_file(&self, path: &str, content: &str, modified_ms: i64) {
        let content = content.as_bytes().to_vec();
        let node = KeptNode { content: Some(content.clone()), is_executable: false, modified_ms };
        self.0.keep(path.to_owned(), pack(&Kept(Some(node))));
        if self.0.state.borrow().terminals.is_some() {
            self.terminals(&TerminalsCommand::WriteFile { ticket: NOBODY, path: path.to_owned(), content });
        }
    }

    /// Asks for files of a log directory: the broker that runs on it, or a worker of its own. The answer is
    /// [`BrokerReport::Files`].
    pub fn files(&self, broker: Option<i32>, command: &BrokerCommand) {
        let known = broker.filter(|id| self.0.state.borrow().brokers.contains_key(id));
        match known {
            Some(id) => self.0.tell_broker(id, command),
            None => self.0.report_failure("disks", self.0.tell_disks(command)),
        }
    }

    /// Remembers a value by name over reloads; `None` forgets it.
    pub fn remember(&self, name: &str, value: Option<String>) {
        self.0.remember(name, value);
    }
}

impl Shared {
    /// This tab owns the cluster: the switch comes up.
    async fn begin(&self) {
        let mut remembered = SortedMap::new();
        let opening = self.opening.take().unwrap_or_else(|| Settings::begin(SETTINGS));
        match opening.finish().await {
            Ok(settings) => {
                remembered = settings.all().await.unwrap_or_default().into_iter().collect();
                self.state.borrow_mut().settings = Some(settings);
            }
            Err(reason) => (self.news)(News::NothingSaved { reason: reason.as_str().to_owned() }),
        }
        let files = remembered.iter().filter_map(|(name, text)| {
            let path = name.strip_prefix(FILE)?;
            Some((path.to_owned(), unpack_text(text)?))
        });
        self.state.borrow_mut().files = files.collect();
        let floor = remembered.get(CLOCK).and_then(|text| read_lease(text));
        let floor = floor.unwrap_or(Lease { monotonic_us: 0, wall_ms: 0, rate: 1.0 });
        let begun = self.spawn_switch(floor);
        self.report_failure("switch", begun);
        let begun = self.spawn_clients();
        self.report_failure("clients", begun);
        let cluster_id = remembered.entry(CLUSTER_ID.to_owned()).or_insert_with(|| {
            let chosen = Rng::new(random_seed()).uuid().to_string();
            self.remember(CLUSTER_ID, Some(chosen.clone()));
            chosen
        });
        self.state.borrow_mut().cluster_id.clone_from(cluster_id);
        (self.news)(News::Ready(remembered));
        dismiss_workers();
    }

    fn spawn_switch(&self, floor: Lease) -> Result<(), JsValue> {
        let this = self.this.clone();
        let hear = move |shared: &Self, report: SwitchReport| {
            match &report {
                SwitchReport::Time(lease) => shared.remember(CLOCK, Some(write_lease(lease))),
                SwitchReport::Panicked(reason) => {
                    let reason = reason.clone();
                    return (shared.news)(News::WorkerFailed { worker: "switch".to_owned(), reason });
                }
                SwitchReport::Seen(_) => {}
            }
            (shared.news)(News::Switch(report));
        };
        let worker = self.spawn(
            "switch",
            &Role::Switch { floor },
            move |packed| {
                if let (Some(shared), Some(report)) = (this.upgrade(), unpack(packed)) {
                    hear(&shared, report);
                }
            },
            |_| {},
        )?;
        self.state.borrow_mut().switch = Some(worker);
        Ok(())
    }

    fn spawn_clients(&self) -> Result<(), JsValue> {
        let (heard, failed) = (self.this.clone(), self.this.clone());
        let worker = self.spawn(
            "clients",
            &Role::Clients,
            move |packed| {
                if let (Some(shared), Some(report)) = (heard.upgrade(), unpack(packed)) {
                    shared.clients_report(report);
                }
            },
            move |_| failed.upgrade().iter().for_each(|shared| shared.clients_are_gone()),
        )?;
        let (here, there) = channel()?;
        let incarnation = self.next_incarnation();
        self.tell_switch(&SwitchCommand::Attach { endpoint: CLIENTS, incarnation }, Some(&there));
        worker.post(&pack(&ClientsCommand::Start { seed: random_seed() }), Some(&here))?;
        self.state.borrow_mut().clients = Some(worker);
        Ok(())
    }

    fn clients_report(&self, report: ClientsReport) {
        if let ClientsReport::Panicked(reason) = report {
            self.clients_are_gone();
            return (self.news)(News::WorkerFailed { worker: "clients".to_owned(), reason });
        }
        (self.news)(News::Clients(report));
    }

    /// They died of a fault of ours; the next command starts others. Not sooner: it may be their start that failed.
    fn clients_are_gone(&self) {
        if let Some(worker) = self.state.borrow_mut().clients.take() {
            worker.terminate();
        }
    }

    fn tell_clients(&self, command: &ClientsCommand) -> Result<(), JsValue> {
        let state = self.state.borrow();
        let is_gone = state.clients.is_none() && state.switch.is_some();
        drop(state);
        if is_gone && *command != ClientsCommand::TakeView {
            self.spawn_clients()?;
        }
        match &self.state.borrow().clients {
            Some(clients) => clients.post(&pack(command), None),
            None => Ok(()),
        }
    }

    fn spawn_terminals(&self) -> Result<(), JsValue> {
        let (heard, failed) = (self.this.clone(), self.this.clone());
        let worker = self.spawn(
            "terminals",
            &Role::Terminals,
            move |packed| {
                if let (Some(shared), Some(report)) = (heard.upgrade(), unpack(packed)) {
                    shared.terminals_report(report);
                }
            },
            move |_| failed.upgrade().iter().for_each(|shared| shared.terminals_are_gone()),
        )?;
        let (here, there) = channel()?;
        let incarnation = self.next_incarnation();
        self.tell_switch(&SwitchCommand::Attach { endpoint: TERMINALS, incarnation }, Some(&there));
        let kept = self.state.borrow().files.iter().map(|(path, node)| (path.clone(), node.clone())).collect();
        let utc_offset_minutes = -js_sys::Date::new_0().get_timezone_offset() as i32;
        let start = TerminalsCommand::Start { seed: random_seed(), utc_offset_minutes, kept };
        worker.post(&pack(&start), Some(&here))?;
        self.state.borrow_mut().terminals = Some(worker);
        Ok(())
    }

    fn tell_disks(&self, command: &BrokerCommand) -> Result<(), JsValue> {
        if self.state.borrow().disks.is_none() {
            let heard = self.this.clone();
            let worker = self.spawn(
                "disks",
                &Role::Broker,
                move |packed| {
                    if let (Some(shared), Some(report @ BrokerReport::Files { .. })) = (heard.upgrade(), unpack(packed))
                    {
                        (shared.news)(News::Broker(-1, report));
                    }
                },
                |_| {},
            )?;
            self.state.borrow_mut().disks = Some(worker);
        }
        match &self.state.borrow().disks {
            Some(disks) => disks.post(&pack(command), None),
            None => Ok(()),
        }
    }

    fn terminals_report(&self, report: TerminalsReport) {
        match report {
            TerminalsReport::Panicked(reason) => {
                self.terminals_are_gone();
                (self.news)(News::WorkerFailed { worker: "terminals".to_owned(), reason });
            }
            TerminalsReport::Keep { path, node } => self.keep(path, node),
            report => (self.news)(News::Terminals(report)),
        }
    }

    fn keep(&self, path: String, node: Vec<u8>) {
        self.remember(&format!("{FILE}{path}"), Some(pack_text(&node)));
        self.state.borrow_mut().files.insert(path, node);
    }

    /// They died of a fault of ours; the next that is opened starts others.
    fn terminals_are_gone(&self) {
        if let Some(worker) = self.state.borrow_mut().terminals.take() {
            worker.terminate();
        }
    }

    fn tell_terminals(&self, command: &TerminalsCommand) -> Result<(), JsValue> {
        let state = self.state.borrow();
        let is_first = state.terminals.is_none() && state.switch.is_some();
        drop(state);
        if is_first && matches!(command, TerminalsCommand::Open { .. }) {
            self.spawn_terminals()?;
        }
        match &self.state.borrow().terminals {
            Some(terminals) => terminals.post(&pack(command), None),
            None => Ok(()),
        }
    }

    fn start_broker(&self, id: i32, mut start: BrokerStart) -> Result<(), JsValue> {
        let mut state = self.state.borrow_mut();
        if start.cluster_id.is_empty() && !start.is_formatted {
            start.cluster_id.clone_from(&state.cluster_id);
        }
        if let Some(broker) = state.brokers.get_mut(&id).filter(|broker| broker.running) {
            broker.restart = broker.killed.then_some(start);
            return Ok(());
        }
        let known = state.brokers.remove(&id);
        drop(state);
        let incarnation = self.next_incarnation();
        let kept = known.filter(|broker| broker.in_memory);
        let worker = match kept {
            Some(broker) => broker.worker,
            None => self.spawn_broker(id)?,
        };
        let (here, there) = channel()?;
        self.tell_switch(&SwitchCommand::Attach { endpoint: id, incarnation }, Some(&there));
        worker.post(&pack(&BrokerCommand::Start(start)), Some(&here))?;
        let broker = Broker { worker, incarnation, in_memory: false, running: true, killed: false, restart: None };
        self.state.borrow_mut().brokers.insert(id, broker);
        Ok(())
    }

    fn spawn_broker(&self, id: i32) -> Result<WorkerHandle, JsValue> {
        let (heard, failed) = (self.this.clone(), self.this.clone());
        self.spawn(
            &format!("broker {id}"),
            &Role::Broker,
            move |packed| {
                if let (Some(shared), Some(report)) = (heard.upgrade(), unpack(packed)) {
                    shared.broker_reports(id, report);
                }
            },
            move |_| failed.upgrade().iter().for_each(|shared| shared.power_off(id)),
        )
    }

    fn broker_reports(&self, id: i32, report: BrokerReport) {
        let mut state = self.state.borrow_mut();
        match &report {
            BrokerReport::NotSaved { .. } => {
                state.brokers.entry(id).and_modify(|broker| broker.in_memory = true);
            }
            BrokerReport::Ended => {
                let Some(broker) = state.brokers.get_mut(&id) else { return };
                broker.running = false;
                let (incarnation, restart) = (broker.incarnation, broker.restart.take());
                if !broker.in_memory {
                    state.brokers.remove(&id);
                }
                drop(state);
                self.detach(id, incarnation);
                (self.news)(News::Broker(id, report));
                if let Some(start) = restart {
                    self.report_failure(&format!("broker {id}"), self.start_broker(id, start));
                }
                return;
            }
            BrokerReport::Panicked(reason) => {
                let reason = reason.clone();
                drop(state);
                self.power_off(id);
                return (self.news)(News::WorkerFailed { worker: format!("broker {id}"), reason });
            }
            BrokerReport::Event { .. }
            | BrokerReport::View(_)
            | BrokerReport::Refused { .. }
            | BrokerReport::Files { .. } => {}
        }
        drop(state);
        (self.news)(News::Broker(id, report));
    }

    fn tell_broker(&self, id: i32, command: &BrokerCommand) {
        if let Some(broker) = self.state.borrow().brokers.get(&id) {
            let _ = broker.worker.post(&pack(command), None);
        }
    }

    fn power_off(&self, id: i32) {
        let mut state = self.state.borrow_mut();
        let Some(broker) = state.brokers.get_mut(&id).filter(|broker| broker.running) else { return };
        if broker.in_memory {
            drop(state);
            return self.tell_broker(id, &BrokerCommand::Kill);
        }
        broker.worker.terminate();
        let incarnation = broker.incarnation;
        state.brokers.remove(&id);
        drop(state);
        self.detach(id, incarnation);
        (self.news)(News::Broker(id, BrokerReport::Ended));
    }

    fn detach(&self, endpoint: Endpoint, incarnation: u64) {
        self.tell_switch(&SwitchCommand::Detach { endpoint, incarnation }, None);
    }

    fn tell_switch(&self, command: &SwitchCommand, port: Option<&web_sys::MessagePort>) {
        if let Some(switch) = &self.state.borrow().switch {
            let _ = switch.post(&pack(command), port);
        }
    }

    /// Another tab wants the cluster: for the brokers that is a power cut.
    fn give_away(&self) {
        let state = self.state.take();
        let workers = state.brokers.into_values().map(|broker| broker.worker);
        let all = workers.chain(state.switch).chain(state.clients).chain(state.terminals).chain(state.disks);
        all.for_each(|worker| worker.terminate());
        self.ownership.release();
        (self.news)(News::GivenAway);
    }

    fn remember(&self, name: &str, value: Option<String>) {
        let Some(settings) = self.state.borrow().settings.clone() else { return };
        let name = name.to_owned();
        let this = self.this.clone();
        spawn_local(async move {
            if let (Err(reason), Some(shared)) = (settings.set(&name, value.as_deref()).await, this.upgrade()) {
                // Said once: what is remembered is a comfort, not the cluster's data.
                if shared.state.borrow_mut().settings.take().is_some() {
                    (shared.news)(News::NothingSaved { reason: reason.as_str().to_owned() });
                }
            }
        });
    }

    fn next_incarnation(&self) -> u64 {
        let mut state = self.state.borrow_mut();
        state.incarnations += 1;
        state.incarnations
    }

    fn spawn(
        &self,
        name: &str,
        role: &Role,
        mut on_message: impl FnMut(&[u8]) + 'static,
        failed: impl Fn(&str) + 'static,
    ) -> Result<WorkerHandle, JsValue> {
        let this = self.this.clone();
        let worker = name.to_owned();
        WorkerHandle::spawn(
            &self.program.worker_script,
            name,
            &self.program.module,
            &pack(role),
            move |packed| on_message(&packed),
            move |reason| {
                failed(&reason);
                if let Some(shared) = this.upgrade() {
                    (shared.news)(News::WorkerFailed { worker: worker.clone(), reason });
                }
            },
        )
    }

    fn report_failure(&self, worker: &str, done: Result<(), JsValue>) {
        if let Err(error) = done {
            (self.news)(News::WorkerFailed { worker: worker.to_owned(), reason: format!("{error:?}") });
        }
    }
}

/// A number of the browser's; 52 bits of it are random.
fn random_seed() -> u64 {
    js_sys::Math::random().to_bits()
}

fn write_lease(lease: &Lease) -> String {
    format!("{} {} {}m", lease.monotonic_us, lease.wall_ms, (lease.rate * 1000.0) as u32)
}

fn read_lease(text: &str) -> Option<Lease> {
    let mut parts = text.split(' ');
    // Reports come once a second: whatever was shown after the last one lies below this.
    let monotonic_us = parts.next()?.parse::<u64>().ok()? + 2_000_000;
    let wall_ms = parts.next()?.parse().ok()?;
    // A page that was paused and is loaded again runs.
    let thousandths = parts.next().and_then(|rate| rate.strip_suffix('m')?.parse::<u16>().ok());
    let rate = thousandths.filter(|rate| *rate > 0).map_or(1.0, |rate| f32::from(rate) / 1000.0);
    Some(Lease { monotonic_us, wall_ms, rate })
}
