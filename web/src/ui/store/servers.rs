//! Brokers, and what they are started with: a `server.properties` of the machine's files. The page's own buttons and
//! `kafka-server-start.sh` come to the same start.

use super::picture::Broker;
use super::{Process, Store, What};
use crate::bridge::{
    BrokerCommand, BrokerReport, BrokerStart, Kept, ServerNews, ServerRequest, TerminalsCommand, pack_text, unpack_text,
};
use broker_core::cli::file::{FileError, FileRequest};
use broker_core::config::playground::{BROKERS, playground_file, playground_properties};
use broker_core::config::{BrokerConfig, Properties};
use broker_core::shell::KAFKA;
use broker_core::sorted::SortedMap;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// Under which it is remembered what a broker was started with that a terminal started, before its id.
const SERVER: &str = "server.";
/// Under which every log directory is remembered that a broker ever had, one in a line.
const DIRECTORIES: &str = "directories";
/// Workers whose node id another worker has already; the process in the machine is added. They have no place on the stage: no
/// cluster takes two of the same id.
const SECOND: i32 = 1000;

/// What a broker is started with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Launch {
    /// Its `server.properties` in the machine; absolute.
    path: String,
    /// That file's text as long as nobody changed it: files that a new machine has are not kept.
    unchanged: String,
    /// What was given beside it, as further lines.
    overrides: String,
    /// Whoever started it has formatted its directories, or forgot to; else the page does.
    is_formatted: bool,
}

impl Launch {
    /// The page's own.
    fn own(id: i32) -> Self {
        Self {
            path: format!("{KAFKA}/{}", playground_file(id)),
            unchanged: playground_properties(id, BROKERS),
            overrides: String::new(),
            is_formatted: false,
        }
    }

    /// Its path as one writes it in Kafka's folder.
    fn short_path(&self) -> &str {
        self.path.strip_prefix(KAFKA).map_or(&*self.path, |rest| rest.trim_start_matches('/'))
    }
}

impl Store {
    /// Starts a broker, known or new, with its file as that is now.
    pub(crate) fn start_broker(self, id: i32) {
        let launch = self.launch(id);
        let file = self.cluster.get_value().and_then(|cluster| cluster.kept_file(&launch.path));
        let text = match file {
            None => Some(launch.unchanged.clone()),
            Some(Kept(node)) => {
                node.and_then(|node| node.content).map(|content| String::from_utf8_lossy(&content).into())
            }
        };
        let Some(text) = text else {
            self.enter(id, String::new());
            return self.refused(id, format!("java.nio.file.NoSuchFileException: {}", launch.short_path()));
        };
        let properties = text + &launch.overrides;
        // Another id in it makes it another broker.
        let config = Properties::parse(&properties).and_then(|parsed| BrokerConfig::from_properties(&parsed));
        let asked = id;
        let id = config.map_or(id, |config| config.node_id);
        if id != asked {
            self.remember_launch(id, launch.clone());
        }
        let is_formatted = launch.is_formatted;
        if self.begin_broker(id, BrokerStart { properties, is_formatted, ..BrokerStart::default() }) {
            self.adopt(id, &launch);
        }
    }

    /// A broker more: its file is written, and it is started with that.
    pub(crate) fn add_broker(self) {
        let next = self.brokers.with_untracked(|all| all.keys().next_back().map_or(0, |last| last + 1));
        let launch = self.launch(next);
        self.with_cluster(|cluster| {
            let is_there =
                cluster.kept_file(&launch.path).map_or(next < i32::from(BROKERS), |Kept(node)| node.is_some());
            if !is_there {
                cluster.lay_file(&launch.path, &launch.unchanged, self.wall_now());
            }
        });
        self.start_broker(next);
    }

    /// Where the `server.properties` of a broker lies, as one writes it in Kafka's folder.
    pub(crate) fn properties_path(self, id: i32) -> String {
        self.launch(id).short_path().to_owned()
    }

    /// Opens the `server.properties` of a broker in the editor.
    pub(crate) fn edit_properties(self, id: i32) {
        self.tab.set("terminal");
        if self.terminals.with_untracked(Vec::is_empty) {
            self.open_terminal();
        }
        self.edit(self.launch(id).path);
    }

    fn launch(self, id: i32) -> Launch {
        self.launches.with_value(|all| all.get(&id).cloned()).unwrap_or_else(|| Launch::own(id))
    }

    /// A process of the machine wants a broker started or ended.
    pub(super) fn server_wants(self, process: u32, request: ServerRequest) {
        match request {
            ServerRequest::Start { path, properties: unchanged, overrides, files } => {
                let properties = format!("{unchanged}{overrides}");
                let launch = Launch { path, unchanged, overrides, is_formatted: true };
                let parsed = Properties::parse(&properties).and_then(|parsed| BrokerConfig::from_properties(&parsed));
                match parsed {
                    Ok(config) => {
                        let start = BrokerStart { properties, is_formatted: true, files, ..BrokerStart::default() };
                        self.start_server(process, config.node_id, launch, start);
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
            self.adopt(id, &self.launch(id));
        }
    }

    fn adopt(self, broker: i32, launch: &Launch) {
        if !self.terminals.with_untracked(Vec::is_empty) {
            let configuration = launch.short_path().to_owned();
            self.tell_terminals(&TerminalsCommand::Adopt { broker, configuration });
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

    fn start_server(self, process: u32, id: i32, launch: Launch, start: BrokerStart) {
        let is_taken = self.brokers.with_untracked(|all| all.get(&id).is_some_and(|broker| broker.process.lives()));
        let worker = if is_taken { SECOND + process as i32 } else { id };
        self.servers.update_value(|servers| {
            servers.insert(worker, process);
        });
        if is_taken {
            return self.with_cluster(|cluster| cluster.start_broker(worker, BrokerStart { seed: seed(), ..start }));
        }
        self.remember_launch(id, launch);
        self.begin_broker(id, start);
    }

    fn remember_launch(self, id: i32, launch: Launch) {
        self.with_cluster(|cluster| cluster.remember(&format!("{SERVER}{id}"), Some(pack_text(&launch))));
        self.launches.update_value(|all| drop(all.insert(id, launch)));
    }

    /// False where it runs already.
    fn begin_broker(self, id: i32, start: BrokerStart) -> bool {
        if self.brokers.with_untracked(|all| all.get(&id).is_some_and(|broker| broker.process.lives())) {
            return false;
        }
        self.enter(id, start.properties.clone());
        self.note(What::Starting(id));
        self.tell_directories();
        let ids = self.brokers.with_untracked(|all| all.keys().map(ToString::to_string).collect::<Vec<_>>().join(","));
        self.with_cluster(|cluster| {
            cluster.remember("brokers", Some(ids));
            cluster.start_broker(id, BrokerStart { seed: seed(), ..start });
        });
        true
    }

    /// A broker that is being started has its place among the others.
    fn enter(self, id: i32, properties: String) {
        self.brokers.update(|all| {
            let broker = all.entry(id).or_insert(Broker {
                process: Process::Starting,
                view: None,
                reason: None,
                heard: 0,
                properties: String::new(),
            });
            broker.process = Process::Starting;
            broker.properties = properties;
            broker.reason = None;
        });
    }

    /// Tells the machine which directories are those of brokers; they are remembered, for a file may name others the next time.
    pub(super) fn tell_directories(self) {
        let now = self.brokers.with_untracked(|all| all.values().flat_map(directories).collect::<Vec<_>>());
        let mut is_new = false;
        self.directories.update_value(|known| {
            for directory in now {
                if !known.contains(&directory) {
                    known.push(directory);
                    is_new = true;
                }
            }
        });
        let all = self.directories.get_value();
        if is_new {
            self.with_cluster(|cluster| cluster.remember(DIRECTORIES, Some(all.join("\n"))));
        }
        self.tell_terminals(&TerminalsCommand::Elsewhere(all));
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
        let earlier = || self.directories.with_value(|all| all.iter().find(|one| holds(one)).cloned());
        match found.or_else(|| Some((None, earlier()?))) {
            Some((broker, directory)) => self.with_cluster(|cluster| {
                cluster.files(broker, &BrokerCommand::Files { ticket, directory, request });
            }),
            None => self.tell_terminals(&TerminalsCommand::Files { ticket, answer: Err(FileError::NotFound) }),
        }
    }

    /// Takes what is remembered of servers, before the first of them starts.
    pub(super) fn remember_servers(self, remembered: &SortedMap<String, String>) {
        let servers = remembered.iter().filter_map(|(name, text)| {
            let id = name.strip_prefix(SERVER)?.parse().ok()?;
            Some((id, unpack_text(text)?))
        });
        self.launches.set_value(servers.collect());
        let directories = remembered.get(DIRECTORIES).map(|text| text.lines().map(ToOwned::to_owned).collect());
        self.directories.set_value(directories.unwrap_or_default());
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

/// The log directories of a broker.
pub(super) fn directories(broker: &Broker) -> Vec<String> {
    let directories = broker.setting("log.dirs").or_else(|| broker.setting("log.dir")).unwrap_or_default();
    directories.split(',').map(|directory| directory.trim().to_owned()).filter(|path| !path.is_empty()).collect()
}

fn seed() -> u64 {
    (js_sys::Math::random() * 9e15) as u64
}
