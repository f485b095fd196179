//! What people do: every action goes to the cluster from here.

use super::definitions::KILLED;
use super::servers::directories;
use super::{Outcome, Phase, Process, Selection, Store, What, now};
use crate::bridge::{Acknowledged, ClientsCommand, Draft, Refusal};
use crate::ui::messages::Language;
use crate::worker::disk::database_name;
use broker_core::cli::TopicChange;
use leptos::prelude::*;

impl Store {
    /// SIGTERM.
    pub(crate) fn stop(self, id: i32) {
        self.note_broker(id, |broker| broker.process = Process::Stopping);
        self.note(What::Stopping(id));
        self.with_cluster(|cluster| cluster.stop(id));
    }

    /// SIGKILL.
    pub(crate) fn kill(self, id: i32) {
        self.note_broker(id, |broker| broker.process = Process::Killed(now()));
        self.tick.set(now());
        self.tick_off(self.has_killed, KILLED);
        self.note(What::Killed(id));
        self.kill_server(id);
        self.with_cluster(|cluster| cluster.kill(id));
    }

    /// Power off.
    pub(crate) fn power_off(self, id: i32) {
        self.note_broker(id, |broker| broker.process = Process::PoweredOff(now()));
        self.tick.set(now());
        self.tick_off(self.has_killed, KILLED);
        self.note(What::PoweredOff(id));
        self.kill_server(id);
        self.with_cluster(|cluster| cluster.power_off(id));
    }

    /// Changes a topic; [`crate::commands::change_topic`] is the line that does the same.
    pub(crate) fn change_topic(self, change: TopicChange) -> RwSignal<Outcome> {
        let bootstrap = untrack(|| self.bootstrap());
        self.ask(|ticket| ClientsCommand::ChangeTopic { ticket, bootstrap, change })
    }

    /// Produces.
    pub(crate) fn produce(self, draft: Draft) -> RwSignal<Outcome> {
        self.remember_producer(&draft);
        self.ask(|ticket| ClientsCommand::Produce { ticket, draft })
    }

    /// Ends a producer and what it repeats.
    pub(crate) fn remove_producer(self, producer: u32) {
        self.tell_clients(&ClientsCommand::RemoveProducer { producer });
    }

    /// Adds a consumer.
    pub(crate) fn add_consumer(self, group: Option<String>, topics: Vec<String>, from_beginning: bool) {
        let highest =
            self.clients.with_untracked(|view| view.consumers.iter().map(|one| one.consumer).max().unwrap_or(0));
        let mut consumer = 0;
        self.numbers.update_value(|numbers| {
            numbers.consumer = highest.max(numbers.consumer) + 1;
            consumer = numbers.consumer;
        });
        self.begin_consumer(consumer, group, topics, from_beginning);
    }

    /// A consumer leaves.
    pub(crate) fn remove_consumer(self, consumer: u32) {
        self.forget_consumer(consumer);
        self.tell_clients(&ClientsCommand::RemoveConsumer { consumer });
        self.select(Selection::Nothing);
    }

    /// Reads records to look at.
    pub(crate) fn browse(self, topic: String, partition: i32, from: Option<i64>, limit: u32) -> RwSignal<Outcome> {
        self.ask(|ticket| ClientsCommand::Browse { ticket, topic, partition, from, limit })
    }

    /// Selects.
    pub(crate) fn select(self, what: Selection) {
        if self.selection.with_untracked(|known| *known != what) {
            self.selection.set(what);
        }
    }

    /// Selects, or lets go of what is selected already.
    pub(crate) fn toggle(self, what: Selection) {
        let is_selected = self.selection.with_untracked(|known| *known == what);
        self.selection.set(if is_selected { Selection::Nothing } else { what });
    }

    /// Speaks another language, and remembers.
    pub(crate) fn speak(self, language: Language) {
        self.language.set(language);
        remember("language", Some(language.tag()));
    }

    /// Another theme; `None` is the system's.
    pub(crate) fn set_theme(self, theme: Option<&'static str>) {
        self.theme.set(theme);
        remember("theme", theme);
    }

    /// Shows the steps, or closes them for good.
    pub(crate) fn show_steps(self, shown: bool) {
        self.steps.set(shown);
        remember("steps", (!shown).then_some("closed"));
        if shown {
            self.select(Selection::Nothing);
        }
    }

    /// Asks the other tab for the cluster, or waits for it again.
    pub(crate) fn take_over(self) {
        let given_away = self.phase.get_untracked() == Phase::GivenAway;
        self.with_cluster(|cluster| {
            if given_away {
                cluster.claim();
            }
            cluster.ask_for_ownership();
        });
    }

    /// Deletes what a broker that is down has stored.
    pub(crate) fn wipe(self, id: i32) -> RwSignal<Outcome> {
        let store = self;
        let outcome = self.owner.get_value().with(|| RwSignal::new(Outcome::Waiting));
        let directories = self.brokers.with_untracked(|all| all.get(&id).map(directories).unwrap_or_default());
        let names = directories.iter().map(|path| database_name(path)).collect();
        if let Some(cluster) = self.cluster.get_value() {
            wasm_bindgen_futures::spawn_local(async move {
                let wiped = cluster.wipe(id, names).await;
                let refused = |reason: broker_core::text::Str| {
                    Outcome::Refused(Refusal { name: "IndexedDB".to_owned(), message: reason.to_string() })
                };
                if wiped.is_ok() {
                    store.note_broker(id, |broker| broker.view = None);
                    store.note(What::Wiped(id));
                }
                let _ = outcome.try_set(wiped.map_or_else(refused, |()| Outcome::Done(Acknowledged::Done)));
            });
        }
        outcome
    }

    /// Deletes everything, and loads the page again.
    pub(crate) fn start_over(self) {
        let names = self.directories.with_value(|all| all.iter().map(|path| database_name(path)).collect());
        let store = self;
        self.phase.set(Phase::Starting);
        if let Some(cluster) = self.cluster.get_value() {
            wasm_bindgen_futures::spawn_local(async move {
                match cluster.delete_everything(names).await {
                    Ok(()) => drop(window().location().reload()),
                    Err(reason) => store.not_saved.set(Some(reason.to_string())),
                }
            });
        }
    }

    pub(super) fn tell_clients(self, command: &ClientsCommand) {
        self.with_cluster(|cluster| cluster.clients(command));
    }

    fn ask(self, command: impl FnOnce(u32) -> ClientsCommand) -> RwSignal<Outcome> {
        let outcome = self.owner.get_value().with(|| RwSignal::new(Outcome::Waiting));
        let ticket = self.next_ticket();
        self.tickets.update_value(|tickets| tickets.push((ticket, outcome)));
        self.tell_clients(&command(ticket));
        outcome
    }
}

/// What this browser remembers of the reader's wishes; nothing where it denies storage.
pub(super) fn remembered(name: &str) -> Option<String> {
    window().local_storage().ok()??.get_item(name).ok()?
}

/// The theme chosen before.
pub(super) fn remembered_theme() -> Option<&'static str> {
    match remembered("theme").as_deref() {
        Some("light") => Some("light"),
        Some("dark") => Some("dark"),
        _ => None,
    }
}

fn remember(name: &str, value: Option<&str>) {
    let Ok(Some(storage)) = window().local_storage() else { return };
    let _ = match value {
        Some(value) => storage.set_item(name, value),
        None => storage.remove_item(name),
    };
}
