//! Everything the page knows, as signals.
//!
//! # Architecture Invariant
//! Only this folder knows [`Cluster`]: what it reports goes into signals ([`Store::hear`]), what people do goes out of
//! [`actions`].

mod actions;
mod events;
mod picture;
mod traffic;

pub(crate) use actions::Draft;
pub(crate) use events::{Line, What};
pub(crate) use picture::{Picture, Process};
pub(crate) use traffic::{Track, Traffic};

use crate::bridge::{Acknowledged, SwitchReport};
use crate::bridge::{BrokerReport, ClientsCommand, ClientsReport, ClientsView, RecordView, Refusal, SwitchCommand};
use crate::cluster::{Cluster, News};
use crate::ui::messages::{Language, Messages};
use broker_core::sorted::SortedMap;
use leptos::prelude::*;
use picture::Broker;
use std::collections::VecDeque;
use std::time::Duration;
use wasm_bindgen::JsValue;

/// How the page stands to the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Workers come up.
    #[default]
    Starting,
    /// This tab has the cluster.
    Here,
    /// Another tab has it.
    OtherTab,
    /// Another tab took it.
    GivenAway,
}

/// What is selected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Selection {
    /// Nothing: the first steps.
    #[default]
    Nothing,
    /// A broker.
    Broker(i32),
    /// A topic.
    Topic(String),
    /// A partition.
    Partition(String, i32),
    /// A consumer.
    Consumer(u32),
    /// The form of a new topic.
    NewTopic,
    /// The form of a new consumer.
    NewConsumer,
}

/// What came of something asked for; shown where it was asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Outcome {
    /// Nothing was asked.
    #[default]
    None,
    /// On its way.
    Waiting,
    /// Done.
    Done(Acknowledged),
    /// Records to look at.
    Records(Vec<RecordView>),
    /// Kafka's error.
    Refused(Refusal),
}

/// What the page knows. A copy is the same.
#[derive(Clone, Copy)]
pub(crate) struct Store {
    cluster: StoredValue<Option<Cluster>, LocalStorage>,
    /// What is asked for outlives the button that asked.
    owner: StoredValue<Owner>,
    tickets: StoredValue<SortedMap<u32, RwSignal<Outcome>>>,
    numbers: StoredValue<(u32, u32, u64)>,
    brokers: RwSignal<SortedMap<i32, Broker>>,
    keys: RwSignal<Vec<String>>,
    /// The whole cluster, put together.
    pub(crate) picture: Memo<Picture>,
    /// The page's own clients.
    pub(crate) clients: RwSignal<ClientsView>,
    /// How the page stands to the cluster.
    pub(crate) phase: RwSignal<Phase>,
    /// Why nothing is saved, if so.
    pub(crate) not_saved: RwSignal<Option<String>>,
    /// What happened, oldest first.
    pub(crate) events: RwSignal<VecDeque<Line>>,
    /// Frames a second.
    pub(crate) traffic: RwSignal<Traffic>,
    /// Playground time, in milliseconds since the Unix epoch.
    pub(crate) wall_ms: RwSignal<i64>,
    /// The page's own clock, ticking while something counts down.
    pub(crate) tick: RwSignal<f64>,
    /// What is selected.
    pub(crate) selection: RwSignal<Selection>,
    /// The page's language.
    pub(crate) language: RwSignal<Language>,
    /// `light`, `dark`, or the system's.
    pub(crate) theme: RwSignal<Option<&'static str>>,
    /// The steps are shown where nothing is selected.
    pub(crate) steps: RwSignal<bool>,
    /// Something to say aloud.
    pub(crate) spoken: RwSignal<String>,
    /// Who has been killed since the page was loaded.
    pub(crate) has_killed: RwSignal<bool>,
}

/// `broker.session.timeout.ms` of the playground.
pub(crate) const SESSION_MS: f64 = 3000.0;
/// How often nodes are asked for what they show.
const LOOK: Duration = Duration::from_millis(250);
/// Lines kept.
const LINES: usize = 500;

impl Store {
    /// Begins to take part, and provides itself to all components.
    pub(crate) fn begin(module: JsValue, script: String) -> Self {
        let brokers = RwSignal::new(SortedMap::new());
        let store = Self {
            cluster: StoredValue::new_local(None),
            owner: StoredValue::new(Owner::current().unwrap_or_default()),
            tickets: StoredValue::new(SortedMap::new()),
            numbers: StoredValue::new((0, 0, 0)),
            brokers,
            keys: RwSignal::new(Vec::new()),
            picture: Memo::new(move |_| brokers.with(Picture::of)),
            clients: RwSignal::default(),
            phase: RwSignal::default(),
            not_saved: RwSignal::new(None),
            events: RwSignal::default(),
            traffic: RwSignal::default(),
            wall_ms: RwSignal::new(0),
            tick: RwSignal::new(0.0),
            selection: RwSignal::default(),
            language: RwSignal::new(Language::preferred()),
            theme: RwSignal::new(actions::remembered_theme()),
            steps: RwSignal::new(actions::remembered("steps").is_none()),
            spoken: RwSignal::default(),
            has_killed: RwSignal::new(false),
        };
        provide_context(store);
        let cluster = Cluster::new(module, script, move |news| store.hear(news));
        store.cluster.set_value(Some(cluster));
        set_interval(move || store.look(), LOOK);
        store
    }

    /// The store of this page.
    pub(crate) fn get() -> Self {
        expect_context()
    }

    /// The words of the page's language.
    pub(crate) fn words(&self) -> &'static Messages {
        self.language.get().messages()
    }

    /// The colour of a key, 1 to 6 in order of appearance; 0 without one.
    pub(crate) fn key_colour(&self, key: Option<&str>) -> usize {
        let Some(key) = key else { return 0 };
        self.keys.with(|keys| keys.iter().position(|known| known == key).map_or(0, |at| at % 6 + 1))
    }

    /// Why a broker failed.
    pub(crate) fn reason(&self, id: i32) -> Option<String> {
        self.brokers.with(|all| all.get(&id).and_then(|broker| broker.reason.clone()))
    }

    /// What a broker last said of itself.
    pub(crate) fn node(&self, id: i32) -> Option<broker_core::node::NodeView> {
        self.brokers.with(|all| all.get(&id).and_then(|broker| broker.view.clone()))
    }

    /// Asks everybody for what they show, unless nobody looks.
    fn look(&self) {
        self.traffic.update(Traffic::settle);
        if document().hidden() || self.phase.get_untracked() != Phase::Here {
            return;
        }
        let counts_down = |broker: &Broker| matches!(broker.process, Process::Killed(_) | Process::PoweredOff(_));
        if self.brokers.with_untracked(|all| all.values().any(counts_down)) {
            self.tick.set(now());
        }
        let living = self.brokers.with_untracked(|all| {
            all.iter().filter(|(_, broker)| broker.process.lives()).map(|(id, _)| *id).collect::<Vec<_>>()
        });
        self.with_cluster(|cluster| {
            cluster.switch(&SwitchCommand::TakeSeen);
            for id in living {
                cluster.look(id);
            }
        });
        self.tell_clients(&ClientsCommand::TakeView);
    }

    fn with_cluster(&self, act: impl FnOnce(&Cluster)) {
        if let Some(cluster) = self.cluster.get_value() {
            act(&cluster);
        }
    }

    fn hear(&self, news: News) {
        match news {
            News::OtherTab => self.phase.set(Phase::OtherTab),
            News::GivenAway => {
                self.phase.set(Phase::GivenAway);
                self.brokers.set(SortedMap::new());
                self.clients.set(ClientsView::default());
            }
            News::NothingSaved { reason } => self.not_saved.set(Some(reason)),
            News::Ready(remembered) => {
                self.phase.set(Phase::Here);
                let known = remembered.get("brokers").map_or("0,1,2", String::as_str);
                let mut ids: Vec<i32> = known.split(',').filter_map(|id| id.parse().ok()).collect();
                if ids.is_empty() {
                    ids = vec![0, 1, 2];
                }
                for id in ids {
                    self.start_broker(id);
                }
            }
            News::Switch(SwitchReport::Seen(seen)) => self.traffic.update(|traffic| traffic.saw(&seen)),
            News::Switch(SwitchReport::Time(lease)) => self.wall_ms.set(lease.wall_ms),
            News::Switch(SwitchReport::Panicked(reason)) => self.failed("switch", &reason),
            News::WorkerFailed { worker, reason } => self.failed(&worker, &reason),
            News::Broker(id, report) => self.hear_broker(id, report),
            News::Clients(report) => self.hear_clients(report),
        }
    }

    fn failed(&self, worker: &str, reason: &str) {
        if let Some(id) = worker.strip_prefix("broker ").and_then(|id| id.parse::<i32>().ok()) {
            self.note_broker(id, |broker| {
                broker.process = Process::Failed;
                broker.reason = Some(reason.to_owned());
            });
        }
        self.note(What::WorkerFailed { worker: worker.to_owned(), reason: reason.to_owned() });
    }

    fn note_broker(&self, id: i32, change: impl FnOnce(&mut Broker)) {
        self.brokers.update(|all| all.get_mut(&id).into_iter().for_each(change_once(change)));
    }

    fn hear_broker(&self, id: i32, report: BrokerReport) {
        match report {
            BrokerReport::View(None) => {}
            BrokerReport::View(Some(view)) => {
                self.learn_keys(&view);
                let counter = self.count();
                let same =
                    self.brokers.with_untracked(|all| all.get(&id).is_some_and(|b| b.view.as_ref() == Some(&view)));
                let started =
                    self.brokers.with_untracked(|all| all.get(&id).is_some_and(|b| b.process == Process::Starting));
                if !same || (started && &*view.state == "RUNNING") {
                    self.note_broker(id, |broker| {
                        if broker.process == Process::Starting && &*view.state == "RUNNING" {
                            broker.process = Process::Running;
                        }
                        broker.view = Some(view);
                        broker.heard = counter;
                    });
                }
            }
            BrokerReport::Event { wall_ms, event } => self.add(Line::new(wall_ms, Some(id), What::Node(event))),
            BrokerReport::Ended => self.note_broker(id, |broker| {
                // One that starts is the next process already: the one before it, killed, has only now written all it had.
                broker.process = match broker.process {
                    Process::Stopping => Process::Stopped,
                    Process::Running => Process::Failed,
                    other => other,
                };
            }),
            BrokerReport::Refused { reason } | BrokerReport::Panicked(reason) => {
                self.failed(&format!("broker {id}"), &reason);
            }
            BrokerReport::NotSaved { directory, reason } => self.not_saved.set(Some(format!("{directory}: {reason}"))),
        }
    }

    fn hear_clients(&self, report: ClientsReport) {
        match report {
            ClientsReport::View(view) => {
                if self.clients.with_untracked(|known| *known != view) {
                    self.clients.set(view);
                }
            }
            ClientsReport::Answer { ticket, result } => {
                self.answer(ticket, result.map_or_else(Outcome::Refused, Outcome::Done));
            }
            ClientsReport::Records { ticket, result } => {
                self.answer(ticket, result.map_or_else(Outcome::Refused, Outcome::Records));
            }
            ClientsReport::Panicked(reason) => self.failed("clients", &reason),
        }
    }

    fn answer(&self, ticket: u32, outcome: Outcome) {
        let mut asked = None;
        self.tickets.update_value(|tickets| asked = tickets.remove(&ticket));
        if let Outcome::Refused(refusal) = &outcome {
            self.spoken.set(format!("{}: {}", refusal.name, refusal.message));
        }
        if let Some(signal) = asked {
            let _ = signal.try_set(outcome);
        }
    }

    fn learn_keys(&self, view: &broker_core::node::NodeView) {
        let tails = view.replicas.iter().flat_map(|replica| &replica.tail).filter_map(|record| record.key.as_deref());
        let mut new: Vec<String> = Vec::new();
        self.keys.with_untracked(|keys| {
            for key in tails {
                // A producer with a new key for every record would fill this for ever.
                if keys.len() + new.len() < 4096 && !keys.iter().chain(&new).any(|known| known == key) {
                    new.push(key.to_owned());
                }
            }
        });
        if !new.is_empty() {
            self.keys.update(|keys| keys.extend(new));
        }
    }

    fn count(&self) -> u64 {
        let mut counted = 0;
        self.numbers.update_value(|(_, _, counter)| {
            *counter += 1;
            counted = *counter;
        });
        counted
    }

    fn note(&self, what: What) {
        self.add(Line::new(self.wall_ms.get_untracked(), None, what));
    }

    fn add(&self, line: Line) {
        if line.is_heard() {
            self.spoken.set(line.words(self.language.get_untracked()));
        }
        self.events.update(|lines| {
            if let Some(last) = lines.back_mut().filter(|last| last.what == line.what && last.who == line.who) {
                last.times += 1;
                last.wall_ms = line.wall_ms;
                return;
            }
            lines.push_back(line);
            if lines.len() > LINES {
                lines.pop_front();
            }
        });
    }
}

/// `Iterator::for_each` over an option with a closure that may run once.
fn change_once<T>(change: impl FnOnce(&mut T)) -> impl FnMut(&mut T) {
    let mut change = Some(change);
    move |value| {
        if let Some(change) = change.take() {
            change(value);
        }
    }
}

/// The page's own clock, in milliseconds.
pub(crate) fn now() -> f64 {
    js_sys::Date::now()
}
