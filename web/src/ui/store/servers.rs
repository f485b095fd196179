//! Brokers, and what they are started with: a `server.properties` of the machine's files. The page's own buttons and
//! `kafka-server-start.sh` come to the same start.

use super::picture::Broker;
use super::{Process, Store, What};
use crate::bridge::{BrokerCommand, BrokerReport, BrokerStart, ServerNews, ServerRequest, TerminalsCommand};
use broker_core::cli::file::{FileError, FileRequest};
use broker_core::config::playground::playground_properties;
use broker_core::config::{BrokerConfig, Properties};
use broker_core::sorted::SortedMap;
use leptos::prelude::*;

/// The nodes of the quorum: those with lower ids; further nodes are brokers only.
const VOTERS: i32 = 3;
/// Under which the properties of a broker are remembered that a terminal started, before its id.
const SERVER: &str = "server.";
/// Workers whose node id another worker has already; the process in the machine is added. They have no place on the stage: no
/// cluster takes two of the same id.
const SECOND: i32 = 1000;

impl Store {
    /// Starts a broker, known or new, as it was last started.
    pub(crate) fn start_broker(self, id: i32) {
        let known = self.brokers.with_untracked(|all| all.get(&id).map(|broker| broker.properties.clone()));
        let remembered = known.filter(|text| !text.is_empty()).or_else(|| self.remembered_server(id));
        let own = properties(id);
        let properties = remembered.unwrap_or_else(|| own.clone());
        let is_formatted = properties != own;
        if self.begin_broker(id, BrokerStart { properties, is_formatted, ..BrokerStart::default() }) {
            self.adopt(id);
        }
    }

    /// A broker more.
    pub(crate) fn add_broker(self) {
        let next = self.brokers.with_untracked(|all| all.keys().next_back().map_or(0, |last| last + 1));
        self.start_broker(next);
    }

    /// A process of the machine wants a broker started or ended.
    pub(super) fn server_wants(self, process: u32, request: ServerRequest) {
        match request {
            ServerRequest::Start { properties, files } => {
                let parsed = Properties::parse(&properties).and_then(|parsed| BrokerConfig::from_properties(&parsed));
                match parsed {
                    Ok(config) => {
                        let start = BrokerStart { properties, is_formatted: true, files, ..BrokerStart::default() };
                        self.start_server(process, config.node_id, start);
                    }
                    Err(error) => self.tell_server(process, ServerNews::Refused(error.to_string())),
                }
            }
            ServerRequest::Stop => self.each_server(process, Self::stop),
            ServerRequest::Kill => self.each_server(process, |store, worker| {
                store.forget_server(worker);
                store.kill(worker);
            }),
        }
    }

    /// Passes on what a broker reports to the process that started it; true where nobody else is concerned.
    pub(super) fn server_hears(self, worker: i32, report: &BrokerReport) -> bool {
        let process = self.servers.with_value(|servers| servers.get(&worker).copied());
        if let Some(process) = process {
            let news = match report {
                BrokerReport::Event { event, .. } => Some(ServerNews::Happened(event.clone())),
                BrokerReport::Refused { reason } | BrokerReport::Panicked(reason) => {
                    Some(ServerNews::Refused(reason.clone()))
                }
                BrokerReport::Ended => Some(ServerNews::Ended),
                BrokerReport::View(_) | BrokerReport::NotSaved { .. } | BrokerReport::Files { .. } => None,
            };
            if let Some(news) = news {
                self.tell_server(process, news);
            }
            if *report == BrokerReport::Ended {
                self.forget_server(worker);
            }
        }
        worker >= SECOND
    }

    /// The process in the machine that started a broker is killed with it.
    pub(super) fn kill_server(self, worker: i32) {
        if let Some(process) = self.servers.with_value(|servers| servers.get(&worker).copied()) {
            self.forget_server(worker);
            self.tell_terminals(&TerminalsCommand::Kill(process));
        }
    }

    /// Every broker that runs becomes a process of the machine that has just begun.
    pub(super) fn adopt_all(self) {
        let living = self.brokers.with_untracked(|all| {
            all.iter().filter(|(_, broker)| broker.process.lives()).map(|(id, _)| *id).collect::<Vec<_>>()
        });
        self.servers.update_value(SortedMap::clear);
        for id in living {
            self.adopt(id);
        }
    }

    fn adopt(self, broker: i32) {
        if !self.terminals.with_untracked(Vec::is_empty) {
            self.tell_terminals(&TerminalsCommand::Adopt { broker, configuration: configuration(broker) });
        }
    }

    /// The machine tells which process a broker is.
    pub(super) fn adopted(self, broker: i32, process: u32) {
        let lives = self.brokers.with_untracked(|all| all.get(&broker).is_some_and(|known| known.process.lives()));
        if lives {
            self.servers.update_value(|servers| {
                servers.insert(broker, process);
            });
        } else {
            self.tell_terminals(&TerminalsCommand::Kill(process));
        }
    }

    fn start_server(self, process: u32, id: i32, start: BrokerStart) {
        let is_taken = self.brokers.with_untracked(|all| all.get(&id).is_some_and(|broker| broker.process.lives()));
        let worker = if is_taken { SECOND + process as i32 } else { id };
        self.servers.update_value(|servers| {
            servers.insert(worker, process);
        });
        if is_taken {
            return self.with_cluster(|cluster| cluster.start_broker(worker, BrokerStart { seed: seed(), ..start }));
        }
        self.with_cluster(|cluster| cluster.remember(&format!("{SERVER}{id}"), Some(start.properties.clone())));
        self.begin_broker(id, start);
    }

    /// False where it runs already.
    fn begin_broker(self, id: i32, start: BrokerStart) -> bool {
        if self.brokers.with_untracked(|all| all.get(&id).is_some_and(|broker| broker.process.lives())) {
            return false;
        }
        self.brokers.update(|all| {
            let broker = all.entry(id).or_insert(Broker {
                process: Process::Starting,
                view: None,
                reason: None,
                heard: 0,
                properties: String::new(),
            });
            broker.process = Process::Starting;
            broker.properties.clone_from(&start.properties);
            broker.reason = None;
        });
        self.note(What::Starting(id));
        self.tell_directories();
        let ids = self.brokers.with_untracked(|all| all.keys().map(ToString::to_string).collect::<Vec<_>>().join(","));
        self.with_cluster(|cluster| {
            cluster.remember("brokers", Some(ids));
            cluster.start_broker(id, BrokerStart { seed: seed(), ..start });
        });
        true
    }

    /// Tells the machine which directories are those of brokers.
    pub(super) fn tell_directories(self) {
        let directories = self.brokers.with_untracked(|all| all.values().flat_map(directories).collect());
        self.tell_terminals(&TerminalsCommand::Elsewhere(directories));
    }

    /// A process of the machine asks for files of a log directory.
    pub(super) fn ask_log_directory(self, ticket: u64, request: FileRequest) {
        let path = match &request {
            FileRequest::Read(path)
            | FileRequest::List(path)
            | FileRequest::Status(path)
            | FileRequest::MakeDirectory(path)
            | FileRequest::Remove(path)
            | FileRequest::Write { path, .. }
            | FileRequest::SetModified { path, .. }
            | FileRequest::Below(path)
            | FileRequest::Rename { from: path, .. } => path.to_string(),
        };
        let holds = |directory: &String| {
            path.strip_prefix(directory.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let found = self.brokers.with_untracked(|all| {
            let mut found = None;
            for (id, broker) in all {
                if let Some(directory) = directories(broker).into_iter().find(holds) {
                    let lives = broker.process.lives();
                    // Of two that name it the living one has it.
                    if found.is_none() || lives {
                        found = Some((lives.then_some(*id), directory));
                    }
                }
            }
            found
        });
        match found {
            Some((broker, directory)) => self.with_cluster(|cluster| {
                cluster.files(broker, &BrokerCommand::Files { ticket, directory, request });
            }),
            None => self.tell_terminals(&TerminalsCommand::Files { ticket, answer: Err(FileError::NotFound) }),
        }
    }

    fn remembered_server(self, id: i32) -> Option<String> {
        self.remembered_servers.with_value(|all| all.get(&id).cloned())
    }

    /// Takes what is remembered of servers, before the first of them starts.
    pub(super) fn remember_servers(self, remembered: &SortedMap<String, String>) {
        let servers = remembered.iter().filter_map(|(name, text)| {
            let id = name.strip_prefix(SERVER)?.parse().ok()?;
            Some((id, text.clone()))
        });
        self.remembered_servers.set_value(servers.collect());
    }

    fn each_server(self, process: u32, act: impl Fn(Self, i32)) {
        let workers = self.servers.with_value(|servers| {
            servers.iter().filter(|(_, other)| **other == process).map(|(worker, _)| *worker).collect::<Vec<_>>()
        });
        for worker in workers {
            act(self, worker);
        }
    }

    fn forget_server(self, worker: i32) {
        self.servers.update_value(|servers| {
            servers.remove(&worker);
        });
    }

    fn tell_server(self, process: u32, news: ServerNews) {
        self.tell_terminals(&TerminalsCommand::Server { process, news });
    }
}

/// Where the `server.properties` of a broker of the page lies.
fn configuration(id: i32) -> String {
    format!("config/playground/server-{id}.properties")
}

/// The log directories of a broker.
fn directories(broker: &Broker) -> Vec<String> {
    let directories = broker.setting("log.dirs").or_else(|| broker.setting("log.dir")).unwrap_or_default();
    directories.split(',').map(|directory| directory.trim().to_owned()).filter(|path| !path.is_empty()).collect()
}

fn seed() -> u64 {
    (js_sys::Math::random() * 9e15) as u64
}

/// `server.properties` of a node: the first three are the quorum, later ones are brokers only.
fn properties(id: i32) -> String {
    let text = playground_properties(id, VOTERS as u16);
    if id < VOTERS {
        return text;
    }
    let controller = format!(",CONTROLLER://localhost:{}", 19092 + id);
    text.replace("process.roles=broker,controller", "process.roles=broker")
        .replace(
            "# Broker and controller at once, as every node of this playground.",
            "# A broker only: the quorum has its three voters.",
        )
        .replace(&controller, "")
}
