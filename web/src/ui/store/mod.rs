//! Everything the page knows, as signals.
//!
//! # Architecture Invariant
//! Only this folder knows [`Cluster`]: what it reports goes into signals ([`Store::hear`]), what people do goes out of
//! [`actions`].

mod actions;
mod address;
mod definitions;
mod events;
mod hear;
mod picture;
mod servers;
mod terminals;
mod traffic;
mod transfer;

pub(crate) use events::{Line, What};
pub(crate) use picture::{Picture, Process, counted};
pub(crate) use terminals::{Completions, Terminal};
pub(crate) use traffic::{FLIGHT, FrameName, Load, Place, SeenFrame, Stream, Token, Track, Traffic, place};

use crate::bridge::{Acknowledged, ClientsCommand, ClientsView, Draft, RecordView, Refusal, SwitchCommand};
use crate::clock::Lease;
use crate::cluster::{Cluster, Program};
use crate::ui::messages::{Language, Messages};
use broker_core::node::MemberView;
use broker_core::sorted::SortedMap;
use leptos::prelude::*;
use picture::Broker;
use std::collections::VecDeque;
use std::time::Duration;

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
    /// A producer.
    Producer(u32),
    /// A group.
    Group(String),
    /// A frame.
    Frame(FrameName),
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

/// What is done with what a word may become.
type CompletionAnswer = Box<dyn FnOnce(Completions)>;
/// What is done with a file that was asked for.
type FileAnswer = Box<dyn FnOnce(Result<Option<Vec<u8>>, String>)>;

/// What the page knows. A copy is the same: there is one page, and its signals live as long as it does.
#[derive(Clone, Copy)]
pub(crate) struct Store(&'static Signals);

impl std::ops::Deref for Store {
    type Target = Signals;

    fn deref(&self) -> &Signals {
        self.0
    }
}

/// Everything in the store. A view holds a pointer to it, not forty handles.
pub(crate) struct Signals {
    cluster: StoredValue<Option<Cluster>, LocalStorage>,
    /// What is asked for outlives the button that asked.
    owner: StoredValue<Owner>,
    tickets: StoredValue<Vec<(u32, RwSignal<Outcome>)>>,
    numbers: StoredValue<Numbers>,
    /// Processes of the machine that started a broker, by its worker.
    servers: StoredValue<SortedMap<i32, u32>>,
    /// What brokers were started with that a terminal started, by id.
    launches: StoredValue<SortedMap<i32, servers::Launch>>,
    /// Every log directory that a broker ever had.
    directories: StoredValue<Vec<String>>,
    /// Who waits for what a word may become.
    completing: StoredValue<Option<(u32, CompletionAnswer)>, LocalStorage>,
    /// Who waits for a file, by ticket.
    file_answers: StoredValue<Vec<(u32, FileAnswer)>, LocalStorage>,
    /// The newest time the switch told, and when on the page's own clock.
    lease: StoredValue<Option<(Lease, f64)>>,
    brokers: RwSignal<SortedMap<i32, Broker>>,
    keys: RwSignal<Vec<String>>,
    /// The whole cluster, put together.
    pub(crate) picture: Memo<Picture>,
    /// Groups that have a column.
    pub(crate) shown_groups: Memo<Vec<String>>,
    /// A group that is to have one.
    pub(crate) pinned_group: RwSignal<Option<String>>,
    /// The page's own clients.
    pub(crate) clients: RwSignal<ClientsView>,
    /// Member ids of its consumers that have one, by their numbers.
    own_members: Memo<Vec<(u32, String)>>,
    /// What producers last sent.
    pub(crate) producers: RwSignal<Vec<Draft>>,
    /// How the page stands to the cluster.
    pub(crate) phase: RwSignal<Phase>,
    /// Why nothing is saved, if so.
    pub(crate) not_saved: RwSignal<Option<String>>,
    /// What happened, oldest first.
    pub(crate) events: RwSignal<VecDeque<Line>>,
    /// Frames on the lane.
    pub(crate) traffic: RwSignal<Traffic>,
    /// Playground time, in milliseconds since the Unix epoch.
    pub(crate) wall_ms: RwSignal<i64>,
    /// The page's own clock, ticking while something counts down.
    pub(crate) tick: RwSignal<f64>,
    /// What is selected.
    pub(crate) selection: RwSignal<Selection>,
    /// What the dock shows: `events`, `terminal`, `records`.
    pub(crate) tab: RwSignal<&'static str>,
    /// The terminals that are open.
    pub(crate) terminals: RwSignal<Vec<Terminal>>,
    /// What was typed at their prompts, oldest first.
    pub(crate) command_history: StoredValue<Vec<String>>,
    /// The file in the editor: its path, and what it holds or why it cannot be read.
    pub(crate) edited: RwSignal<Option<(String, Result<String, String>)>>,
    /// What was typed into forms that come and go.
    pub(crate) drafts: Drafts,
    /// The page's language.
    pub(crate) language: RwSignal<Language>,
    /// `light`, `dark`, or the system's.
    pub(crate) theme: RwSignal<Option<&'static str>>,
    /// The steps are shown where nothing is selected.
    pub(crate) steps: RwSignal<bool>,
    /// Something to say aloud.
    pub(crate) spoken: RwSignal<String>,
    /// A record was read here, also before the page was loaded again.
    pub(crate) has_read: RwSignal<bool>,
    /// A broker was killed here, also before the page was loaded again.
    pub(crate) has_killed: RwSignal<bool>,
}

#[derive(Default)]
struct Numbers {
    ticket: u32,
    consumer: u32,
    /// Counts what brokers said.
    heard: u64,
    line: u64,
    /// The picture is due with the next animation frame.
    drawing: bool,
    /// Brokers that were asked for what they show and have not answered.
    awaited: Vec<i32>,
    /// One of the others said what is not drawn yet.
    has_news: bool,
    /// Looks since nodes were asked.
    skipped: u32,
}

/// What was typed into forms that come and go with the selection.
#[derive(Clone, Copy)]
pub(crate) struct Drafts {
    /// A new topic: its name.
    pub(crate) topic: RwSignal<String>,
    /// Its partitions.
    pub(crate) partitions: RwSignal<String>,
    /// Its replicas.
    pub(crate) replication: RwSignal<String>,
    /// Its configurations, as `key=value` with spaces between, quoted as in a shell.
    pub(crate) configs: RwSignal<String>,
    /// A new consumer: its group.
    pub(crate) group: RwSignal<String>,
    /// Its topics.
    pub(crate) topics: RwSignal<String>,
    /// Where it begins.
    pub(crate) from: RwSignal<String>,
}

impl Drafts {
    fn new() -> Self {
        let text = |text: &str| RwSignal::new(text.to_owned());
        Self {
            topic: text("first-topic"),
            partitions: text("3"),
            replication: text("3"),
            configs: text(""),
            group: text("group1"),
            topics: text(""),
            from: text("beginning"),
        }
    }
}

/// How often nodes are asked for what they show.
const LOOK: Duration = Duration::from_millis(100);
/// Looks that are left out between two while the cluster is busy.
const LEFT_OUT: u32 = 2;

impl Store {
    /// Begins to take part, and provides itself to all components.
    pub(crate) fn begin(program: Program) -> Self {
        let brokers = RwSignal::new(SortedMap::new());
        let picture = Memo::new(move |_| brokers.with(Picture::of));
        let pinned_group = RwSignal::new(None::<String>);
        let clients = RwSignal::new(ClientsView::default());
        let signals = Signals {
            pinned_group,
            shown_groups: Memo::new(move |before: Option<&Vec<String>>| {
                let before = before.map_or(&[][..], Vec::as_slice);
                picture.with(|picture| pinned_group.with(|pinned| picture.group_columns(before, pinned.as_deref())))
            }),
            cluster: StoredValue::new_local(None),
            owner: StoredValue::new(Owner::current().unwrap_or_default()),
            tickets: StoredValue::new(Vec::new()),
            numbers: StoredValue::new(Numbers::default()),
            servers: StoredValue::default(),
            launches: StoredValue::default(),
            directories: StoredValue::default(),
            completing: StoredValue::new_local(None),
            file_answers: StoredValue::new_local(Vec::new()),
            lease: StoredValue::new(None),
            brokers,
            keys: RwSignal::new(Vec::new()),
            picture,
            clients,
            own_members: Memo::new(move |_| {
                clients.with(|clients| {
                    let known = clients.consumers.iter().filter(|one| !one.member_id.is_empty());
                    known.map(|one| (one.consumer, one.member_id.clone())).collect()
                })
            }),
            producers: RwSignal::default(),
            phase: RwSignal::default(),
            not_saved: RwSignal::new(None),
            events: RwSignal::default(),
            traffic: RwSignal::default(),
            wall_ms: RwSignal::new(0),
            tick: RwSignal::new(0.0),
            selection: RwSignal::default(),
            tab: RwSignal::new("events"),
            terminals: RwSignal::default(),
            command_history: StoredValue::default(),
            edited: RwSignal::default(),
            drafts: Drafts::new(),
            language: RwSignal::new(Language::preferred()),
            theme: RwSignal::new(actions::remembered_theme()),
            steps: RwSignal::new(actions::remembered("steps").is_none()),
            spoken: RwSignal::default(),
            has_read: RwSignal::new(false),
            has_killed: RwSignal::new(false),
        };
        let store = Self(Box::leak(Box::new(signals)));
        provide_context(store);
        store.follow_address();
        let cluster = Cluster::new(program, move |news| store.hear(news));
        crate::javascript::offer(&cluster);
        store.cluster.set_value(Some(cluster));
        set_interval(move || store.look(), LOOK);
        store
    }

    /// The store of this page.
    pub(crate) fn get() -> Self {
        expect_context()
    }

    /// The words of the page's language.
    pub(crate) fn words(self) -> &'static Messages {
        self.language.get().messages()
    }

    /// One of the words, for a view: the same type wherever it stands, so that it is compiled once.
    pub(crate) fn say(self, pick: fn(&'static Messages) -> &'static str) -> impl Fn() -> &'static str + Copy {
        move || pick(self.words())
    }

    /// The colour of a key, 1 to 6 in order of appearance; 0 without one.
    pub(crate) fn key_colour(self, key: Option<&str>) -> usize {
        let Some(key) = key else { return 0 };
        self.keys.with(|keys| keys.iter().position(|known| known == key).map_or(0, |at| at % 6 + 1))
    }

    /// The colour a key has at this moment.
    pub(crate) fn key_colour_now(self, key: Option<&str>) -> usize {
        untrack(|| self.key_colour(key))
    }

    /// Why a broker failed.
    pub(crate) fn reason(self, id: i32) -> Option<String> {
        self.brokers.with(|all| all.get(&id).and_then(|broker| broker.reason.clone()))
    }

    /// What a broker last said of itself.
    pub(crate) fn node(self, id: i32) -> Option<broker_core::node::NodeView> {
        self.brokers.with(|all| all.get(&id).and_then(|broker| broker.view.clone()))
    }

    /// A setting of a broker, from what it was started with.
    pub(crate) fn setting(self, id: i32, key: &str) -> Option<String> {
        self.brokers.with(|all| all.get(&id).and_then(|broker| broker.setting(key)))
    }

    /// `server.properties` of a broker, as it was last started with.
    pub(crate) fn properties(self, id: i32) -> String {
        self.brokers.with(|all| all.get(&id).map(|broker| broker.properties.clone()).unwrap_or_default())
    }

    /// Playground time now, in milliseconds since the Unix epoch; 0 before the switch told it.
    pub(crate) fn wall_now(self) -> i64 {
        let (lease, elapsed_ms) = self.leased();
        lease.map_or(0, |lease| lease.wall_ms + elapsed_ms)
    }

    /// Wall time at a moment of the monotonic clock, in milliseconds since the Unix epoch; `None` before the switch told the time.
    pub(crate) fn wall_at(self, monotonic_us: u64) -> Option<i64> {
        let (lease, _) = self.leased();
        let lease = lease?;
        let passed_us = monotonic_us.cast_signed() - lease.monotonic_us.cast_signed();
        Some(lease.wall_ms + passed_us.div_euclid(1000))
    }

    /// Whole seconds of playground time until this moment of its monotonic clock; for a view that counts them down.
    pub(crate) fn seconds_until(self, monotonic_us: u64) -> u64 {
        // Told once a second, which is when the number changes.
        let _ = self.wall_ms.get();
        let (lease, elapsed_ms) = self.leased();
        let now = lease.map_or(monotonic_us, |lease| lease.monotonic_us + elapsed_ms.unsigned_abs() * 1000);
        monotonic_us.saturating_sub(now).div_ceil(1_000_000)
    }

    /// That a client waits for its quota, and for how long; nothing where it does not, or no more.
    pub(crate) fn quota_note(self, until_us: Option<u64>) -> Option<String> {
        let seconds = self.seconds_until(until_us?);
        (seconds > 0).then(|| (self.words().waits_for_quota)(seconds))
    }

    /// The newest time the switch told, and the milliseconds of playground time since.
    fn leased(self) -> (Option<Lease>, i64) {
        let known = self.lease.get_value();
        (
            known.map(|(lease, _)| lease),
            known.map_or(0, |(lease, heard)| ((now() - heard) * f64::from(lease.rate)) as i64),
        )
    }

    /// A member that was one of the page's consumers and is none any more: that one has another member id by now, as it has
    /// after the page was loaded again.
    pub(crate) fn is_gone(self, member: &MemberView) -> bool {
        let number = consumer_number(&member.client_id);
        self.own_members.with(|all| all.iter().any(|(own, id)| Some(*own) == number && *id != *member.member_id))
    }

    /// Stops the picture of the lane, or lets it go on; the cluster does not mind.
    pub(crate) fn pause_lane(self) {
        self.traffic.update(|traffic| traffic.paused = !traffic.paused);
    }

    /// Shows frames of the background as well, or hides them.
    pub(crate) fn show_background(self) {
        self.traffic.update(|traffic| traffic.shows_background = !traffic.shows_background);
    }

    /// Asks everybody for what they show, unless nobody looks.
    fn look(self) {
        self.traffic.update(|traffic| traffic.settle(now()));
        if document().hidden() || self.phase.get_untracked() != Phase::Here {
            return;
        }
        let mut living = Vec::new();
        let mut counts_down = false;
        self.brokers.with_untracked(|all| {
            for (id, broker) in all {
                counts_down |= matches!(broker.process, Process::Killed(_) | Process::PoweredOff(_));
                if broker.process.lives() {
                    living.push(*id);
                }
            }
        });
        if counts_down {
            self.tick.set(now());
        }
        let is_busy = self.traffic.with_untracked(Traffic::is_busy);
        let mut skips = false;
        self.numbers.update_value(|numbers| {
            skips = is_busy && numbers.skipped < LEFT_OUT;
            numbers.skipped = if skips { numbers.skipped + 1 } else { 0 };
            if !skips {
                numbers.awaited.clone_from(&living);
            }
        });
        if skips {
            return;
        }
        self.draw_news();
        self.with_cluster(|cluster| {
            cluster.switch(&SwitchCommand::TakeSeen);
            for id in living {
                cluster.look(id);
            }
        });
        self.tell_clients(&ClientsCommand::TakeView);
    }

    /// This tab has the cluster.
    pub(crate) fn is_ready(self) -> bool {
        self.phase.get() == Phase::Here
    }

    /// Names an answer.
    fn next_ticket(self) -> u32 {
        let mut ticket = 0;
        self.numbers.update_value(|numbers| {
            numbers.ticket += 1;
            ticket = numbers.ticket;
        });
        ticket
    }

    fn with_cluster(self, act: impl FnOnce(&Cluster)) {
        if let Some(cluster) = self.cluster.get_value() {
            act(&cluster);
        }
    }
}

/// The number of the page's consumer with this client id.
pub(crate) fn consumer_number(client_id: &str) -> Option<u32> {
    client_id.strip_prefix('c').and_then(|number| number.parse().ok())
}

/// The page's own clock, in milliseconds.
pub(crate) fn now() -> f64 {
    js_sys::Date::now()
}
