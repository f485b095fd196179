//! A broker's worker: starts its process on its disks, and ends it as the page asks: stop, or kill. A power cut is
//! `Worker.terminate()` and needs nobody here.
//!
//! Each log directory is guarded by a Web Lock, as Kafka's `.lock` file does: a process that starts while the one before it
//! still writes waits for it.

use super::directory::{Look, look};
use super::disk::Disk;
use super::host::Host;
use super::link::ToSwitch;
use super::program::Program;
use crate::bridge::{BrokerCommand, BrokerReport, BrokerStart};
use crate::indexed_db::Completion;
use crate::locks::{self, Held};
use crate::post_message::{end_worker, pause, sleep};
use broker_core::cli::file::{FileAnswer, FileError, FileRequest};
use broker_core::event::Event;
use broker_core::log::TailMemory;
use broker_core::log::storage::{StoreCommand, Ticket};
use broker_core::node::Input;
use broker_core::text::Str;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use wasm_bindgen_futures::spawn_local;
use web_sys::MessagePort;

/// A process about to start.
pub struct Process<P> {
    /// Its program.
    pub program: P,
    /// Entries of `log.dirs`.
    pub log_directories: Vec<String>,
    /// What is written to each of them first, where the file it replaces is not there yet; may be shorter, for none.
    pub formatting: Vec<Vec<StoreCommand>>,
    /// Its listeners.
    pub listeners: Vec<ToSwitch>,
}

/// Makes a process of what the page says; or says why not, in Kafka's words.
pub type Launch<P> = fn(&BrokerStart) -> Result<Process<P>, String>;

/// The worker.
pub struct BrokerWorker<P> {
    this: Weak<Self>,
    launch: Launch<P>,
    host: RefCell<Option<Rc<Host<P>>>>,
    locks: RefCell<Vec<Held>>,
    in_memory: Cell<bool>,
    killed: Cell<bool>,
    /// What was unpacked to look at the node's logs.
    looks: RefCell<TailMemory>,
    report: Box<dyn Fn(BrokerReport)>,
}

impl<P: Program + 'static> BrokerWorker<P> {
    /// A worker without a process yet. `report` tells the page.
    pub fn new(launch: Launch<P>, report: impl Fn(BrokerReport) + 'static) -> Rc<Self> {
        Rc::new_cyclic(|this| Self {
            this: this.clone(),
            launch,
            host: RefCell::default(),
            locks: RefCell::default(),
            in_memory: Cell::new(false),
            killed: Cell::new(false),
            looks: RefCell::default(),
            report: Box::new(report),
        })
    }

    /// Carries out what the page says; the port comes with [`BrokerCommand::Start`].
    pub fn command(&self, command: &BrokerCommand, port: Option<MessagePort>) {
        match command {
            BrokerCommand::Start(start) => {
                if let Some(port) = port {
                    self.start(start, port);
                }
            }
            BrokerCommand::Stop => self.with_host(|host| host.input(Input::Shutdown)),
            BrokerCommand::Kill => {
                self.killed.set(true);
                self.with_host(Host::kill);
            }
            BrokerCommand::TakeView => {
                let memory = &mut *self.looks.borrow_mut();
                let view = self.host().and_then(|host| host.view(|program| program.view(memory)).flatten());
                (self.report)(BrokerReport::View(view));
            }
            BrokerCommand::Files { ticket, directory, request } => self.files(*ticket, directory, request),
        }
    }

    /// The running program's host.
    pub fn host(&self) -> Option<Rc<Host<P>>> {
        self.host.borrow().clone()
    }

    /// Answers a question about the files of a log directory: from the running process's disk, else from the directory itself.
    fn files(&self, ticket: u64, directory: &str, request: &FileRequest) {
        let this = self.this.clone();
        let answered = move |answer| {
            if let Some(this) = this.upgrade() {
                (this.report)(BrokerReport::Files { ticket, answer });
            }
        };
        let open = self.host().and_then(|host| host.directory(directory).map(|(at, listing)| (host, at, listing)));
        let Some((host, at, listing)) = open else {
            let (directory, request) = (directory.to_owned(), request.clone());
            return spawn_local(async move { answered(closed_directory(&directory, &request).await) });
        };
        let modified_ms = host.now().map_or(0, |now| now.wall_ms);
        match look(&listing, request, modified_ms, true) {
            Ok(Look::Load(range)) => host.read(
                at,
                range,
                Box::new(move |read| answered(read.map(FileAnswer::Content).map_err(FileError::Other))),
            ),
            Ok(Look::Answer(answer)) => answered(Ok(answer)),
            Ok(Look::Store(_)) => answered(Err(FileError::Denied)),
            Err(error) => answered(Err(error)),
        }
    }

    fn with_host(&self, action: impl FnOnce(&Host<P>)) {
        if let Some(host) = self.host() {
            action(&host);
        }
    }

    fn start(&self, start: &BrokerStart, port: MessagePort) {
        self.killed.set(false);
        let process = match (self.launch)(start) {
            Ok(process) => process,
            Err(reason) => {
                (self.report)(BrokerReport::Refused { reason });
                return self.ended();
            }
        };
        let (happened, idle) = (self.this.clone(), self.this.clone());
        let host = Host::new(
            port,
            move |now, event| happened.upgrade().iter().for_each(|this| this.happened(now.wall_ms, &event)),
            move || idle.upgrade().iter().for_each(|this| this.ended()),
        );
        let Ok(host) = host else { return self.ended() };
        *self.host.borrow_mut() = Some(Rc::clone(&host));
        let this = self.this.clone();
        spawn_local(async move {
            if let Some(this) = this.upgrade() {
                this.open_and_run(process, host).await;
            }
        });
    }

    /// Locks and opens the disks, then runs the program on them.
    async fn open_and_run(&self, process: Process<P>, host: Rc<Host<P>>) {
        let mut disks = Vec::new();
        let mut directories = Vec::new();
        for (index, path) in process.log_directories.iter().enumerate() {
            let Some(held) = self.lock(path).await else {
                (self.report)(BrokerReport::Refused { reason: locked(path) });
                disks.iter().for_each(Disk::close);
                return host.kill();
            };
            self.locks.borrow_mut().push(held);
            let (disk, denied) = Disk::open(path, host.completed(index)).await;
            if let Some(reason) = denied {
                self.in_memory.set(true);
                let reason = reason.as_str().to_owned();
                (self.report)(BrokerReport::NotSaved { directory: path.clone(), reason });
            }
            for command in process.formatting.get(index).into_iter().flatten() {
                format(&disk, path, command).await;
            }
            directories.push(disk.listing(path));
            disks.push(disk);
        }
        while !host.has_time() {
            pause().await;
        }
        if self.killed.get() {
            // Killed while it opened: the host has ended already.
            disks.iter().for_each(Disk::close);
            return;
        }
        host.start(process.program, disks, directories, process.listeners);
    }

    /// A process that was killed may still write: its lock is waited for, but not for ever.
    async fn lock(&self, path: &str) -> Option<Held> {
        let name = format!("log directory {path}");
        for _ in 0..LOCK_TRIES {
            if let Some(held) = locks::try_acquire(&name).await {
                return Some(held);
            }
            sleep(LOCK_PAUSE_MS).await;
        }
        None
    }

    fn happened(&self, wall_ms: i64, event: &Event) {
        (self.report)(BrokerReport::Event { wall_ms, event: event.clone() });
        if matches!(event, Event::Stopped | Event::Fatal { .. }) {
            self.with_host(Host::kill);
        }
    }

    fn ended(&self) {
        *self.host.borrow_mut() = None;
        for held in self.locks.take() {
            held.release();
        }
        (self.report)(BrokerReport::Ended);
        if !self.in_memory.get() {
            end_worker();
        }
    }
}

/// Answers a question about a directory on which no process of this worker runs.
async fn closed_directory(path: &str, request: &FileRequest) -> Result<FileAnswer, FileError> {
    let busy = || FileError::Other(Str::from_static("Device or resource busy"));
    let held = locks::try_acquire(&format!("log directory {path}")).await.ok_or_else(busy)?;
    let heard: Rc<RefCell<Option<Completion>>> = Rc::default();
    let hears = Rc::clone(&heard);
    let completed = move |completion| {
        if !matches!(completion, Completion::Idle) {
            *hears.borrow_mut() = Some(completion);
        }
    };
    let (disk, _) = Disk::open(path, Rc::new(completed)).await;
    let modified_ms = js_sys::Date::now() as i64;
    let answer = match look(&disk.listing(path), request, modified_ms, false) {
        Ok(Look::Answer(answer)) => Ok(answer),
        Err(error) => Err(error),
        Ok(wanted) => {
            match wanted {
                Look::Load(range) => disk.load(Ticket::default(), range),
                Look::Store(command) => disk.store(Ticket::default(), vec![command]),
                Look::Answer(_) => {}
            }
            while heard.borrow().is_none() {
                pause().await;
            }
            match heard.take() {
                Some(Completion::Loaded { bytes, .. }) => Ok(FileAnswer::Content(bytes)),
                Some(Completion::StoreFailed { reason, .. } | Completion::LoadFailed { reason, .. }) => {
                    Err(FileError::Other(reason))
                }
                _ => Ok(FileAnswer::Done),
            }
        }
    };
    while !disk.is_idle() {
        pause().await;
    }
    disk.close();
    held.release();
    answer
}

/// How often a lock is asked for, and how long between; Kafka asks once, but the end of a killed worker is not told at once.
const LOCK_TRIES: u32 = 30;
const LOCK_PAUSE_MS: f64 = 100.0;

/// Kafka's words for a directory that another process has.
fn locked(path: &str) -> String {
    format!(
        "org.apache.kafka.common.KafkaException: Failed to acquire lock on file .lock in {path}. A Kafka instance in another process or thread is using this directory."
    )
}

/// What `kafka-storage.sh format` does to a directory that was never formatted. Where the disk refuses, the directory stays as
/// it is, and the node says so.
async fn format(disk: &Disk, path: &str, command: &StoreCommand) {
    let StoreCommand::Replace { file, .. } = command else { return };
    if disk.listing(path).files.iter().any(|entry| entry.path == *file) {
        return;
    }
    disk.store(Ticket::default(), vec![command.clone()]);
    while !disk.is_idle() {
        pause().await;
    }
}
