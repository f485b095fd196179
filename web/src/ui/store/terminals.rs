//! The terminals of the page: which there are, what they are to show, who takes what is typed.

use super::{Store, What};
use crate::bridge::{Awaits, TerminalsCommand, TerminalsReport, pack_text, unpack_text};
use broker_core::sorted::SortedMap;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// Bytes of output that may be under way to the page for each terminal: more in one frame nobody reads, and on a machine with few
/// cores a program that never waits for the page takes the next frame's time.
const CREDIT: u32 = 64 * 1024;
/// Under which the terminals that are open are remembered.
const TERMINALS: &str = "terminals";
/// Commands the page remembers for the arrow keys.
const HISTORY: usize = 1000;
/// Where shells keep theirs.
const HISTORY_FILE: &str = concat!("/home", "/kafka/.bash_history");

/// A terminal. A copy is the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terminal {
    /// Its number.
    pub(crate) number: u32,
    /// Who takes what is typed.
    pub(crate) awaits: RwSignal<Awaits>,
    /// The command that runs; nothing at a prompt.
    pub(crate) command: RwSignal<String>,
    /// The command that was entered last.
    pub(crate) entered: StoredValue<String>,
    /// Counts what came to be shown.
    pub(crate) arrived: RwSignal<u32>,
    /// What ran here when the page was loaded again.
    pub(crate) lost: StoredValue<Option<String>>,
    waiting: StoredValue<Vec<u8>>,
}

/// A terminal, as it is remembered over a reload.
#[derive(Serialize, Deserialize)]
struct Remembered {
    number: u32,
    command: String,
}

/// What a word may become.
pub(crate) struct Completions {
    /// Letters before what is replaced.
    pub(crate) from: usize,
    /// Letters before what follows it.
    pub(crate) to: usize,
    /// By what.
    pub(crate) candidates: Vec<String>,
    /// It is the value of this option.
    pub(crate) option: Option<String>,
}

impl Terminal {
    /// Takes so many bytes of what is to be shown; true where there are more.
    pub(crate) fn take(self, limit: usize) -> (Vec<u8>, bool) {
        let (mut bytes, mut is_more) = (Vec::new(), false);
        self.waiting.update_value(|waiting| {
            let rest = waiting.split_off(limit.min(waiting.len()));
            is_more = !rest.is_empty();
            bytes = std::mem::replace(waiting, rest);
        });
        (bytes, is_more)
    }
}

impl Store {
    /// Opens a terminal more.
    pub(crate) fn open_terminal(self) {
        let number = self.terminals.with_untracked(|all| all.last().map_or(1, |last| last.number + 1));
        self.add_terminal(number, None);
        self.remember_terminals();
    }

    /// Closes one: what runs in it is killed.
    pub(crate) fn close_terminal(self, number: u32) {
        self.terminals.update(|all| all.retain(|terminal| terminal.number != number));
        self.tell_terminals(&TerminalsCommand::Close(number));
        self.remember_terminals();
    }

    /// Opens those that were open when the page was left.
    pub(super) fn begin_terminals(self, remembered: &SortedMap<String, String>) {
        let known = remembered.get(TERMINALS).and_then(|text| unpack_text::<Vec<Remembered>>(text));
        for Remembered { number, command } in known.into_iter().flatten() {
            self.add_terminal(number, Some(command).filter(|command| !command.is_empty()));
        }
        self.remember_terminals();
    }

    /// Types a command into a terminal that waits for one, a new one where none does.
    pub(crate) fn run_in_terminal(self, line: &str) {
        self.tab.set("terminal");
        let waits = |terminal: &&Terminal| terminal.awaits.get_untracked() == Awaits::Command;
        let free = self.terminals.with_untracked(|all| all.iter().find(waits).map(|terminal| terminal.number));
        let number = free.or_else(|| {
            self.open_terminal();
            self.terminals.with_untracked(|all| all.last().map(|last| last.number))
        });
        if let Some(terminal) = number {
            self.tell_terminals(&TerminalsCommand::Line { terminal, text: line.to_owned() });
        }
    }

    /// Puts a text into the clipboard; where the browser refuses it the text can still be selected.
    pub(crate) fn copy(text: &str) {
        let written = window().navigator().clipboard().write_text(text);
        wasm_bindgen_futures::spawn_local(async move {
            let _ = wasm_bindgen_futures::JsFuture::from(written).await;
        });
    }

    /// Says something to the worker of the terminals.
    pub(crate) fn tell_terminals(self, command: &TerminalsCommand) {
        self.with_cluster(|cluster| cluster.terminals(command));
    }

    /// What a worker of terminals tells.
    pub(super) fn hear_terminals(self, report: TerminalsReport) {
        match report {
            TerminalsReport::Screen { terminal, bytes } => {
                if let Some(terminal) = self.terminal(terminal) {
                    terminal.waiting.update_value(|waiting| waiting.extend_from_slice(&bytes));
                    terminal.arrived.update(|count| *count = count.wrapping_add(1));
                }
            }
            TerminalsReport::Awaits { terminal, awaits } => {
                if let Some(terminal) = self.terminal(terminal) {
                    terminal.awaits.set(awaits);
                    if awaits == Awaits::Command && !terminal.command.with_untracked(String::is_empty) {
                        terminal.command.set(String::new());
                        self.remember_terminals();
                    }
                }
            }
            TerminalsReport::Command { terminal: number, text } => {
                if let Some(terminal) = self.terminal(number) {
                    terminal.entered.set_value(text.clone());
                    terminal.command.set(text.clone());
                    self.remember_terminals();
                }
                if text.contains("kafka-") {
                    self.note(What::Command { terminal: number, line: text.clone() });
                }
                self.command_history.update_value(|history| {
                    if history.last() != Some(&text) {
                        history.push(text);
                    }
                    let excess = history.len().saturating_sub(HISTORY);
                    history.drain(..excess);
                });
            }
            TerminalsReport::File { ticket, result } => self.file_answered(ticket, result),
            TerminalsReport::Edit { path, .. } => self.edit(path),
            TerminalsReport::Download { path } => self.download(path),
            TerminalsReport::Upload { directory } => self.upload(directory),
            TerminalsReport::Ended(number) => self.close_terminal(number),
            TerminalsReport::Completions { ticket, from, to, candidates, option } => {
                let mut asked = None;
                self.completing.update_value(|completing| {
                    asked = completing.take_if(|(known, _)| *known == ticket);
                });
                if let Some((_, answer)) = asked {
                    answer(Completions { from: from as usize, to: to as usize, candidates, option });
                }
            }
            TerminalsReport::AskFiles { ticket, request } => self.ask_log_directory(ticket, request),
            TerminalsReport::Adopted { broker, process } => self.adopted(broker, process),
            TerminalsReport::Server { process, request } => self.server_wants(process, request),
            // The cluster's own.
            TerminalsReport::Keep { .. } | TerminalsReport::Panicked(_) => {}
        }
    }

    /// Asks for a file; `None` where it is not there.
    pub(crate) fn read_file(self, path: &str, answer: impl FnOnce(Result<Option<Vec<u8>>, String>) + 'static) {
        let ticket = self.file_ticket(answer);
        self.tell_terminals(&TerminalsCommand::ReadFile { ticket, path: path.to_owned() });
    }

    /// Writes a file.
    pub(crate) fn write_file(self, path: &str, content: Vec<u8>, answer: impl FnOnce(Result<(), String>) + 'static) {
        let ticket = self.file_ticket(move |result| answer(result.map(drop)));
        self.tell_terminals(&TerminalsCommand::WriteFile { ticket, path: path.to_owned(), content });
    }

    /// Names a question about a word; `answer` hears what it may become.
    pub(crate) fn complete(self, answer: impl FnOnce(Completions) + 'static) -> u32 {
        let ticket = self.next_ticket();
        // Who asks again wants no older answer.
        self.completing.set_value(Some((ticket, Box::new(answer))));
        ticket
    }

    /// What a command of the page names to begin with: a broker that runs.
    pub(crate) fn bootstrap(self) -> String {
        self.addresses().into_iter().next().unwrap_or_else(|| "localhost:9092".to_owned())
    }

    /// Where clients of the cluster find it: the listeners of its brokers that run.
    pub(crate) fn addresses(self) -> Vec<String> {
        let listeners = |broker: &super::picture::Broker| broker.setting("listeners").unwrap_or_default();
        let all = self.brokers.with(|all| {
            let living = all.values().filter(|broker| broker.process.lives());
            living.map(listeners).collect::<Vec<_>>().join(",")
        });
        let of_clients = all.split(',').filter(|one| !one.trim().starts_with("CONTROLLER"));
        of_clients.filter_map(|one| Some(one.split_once("://")?.1.to_owned())).collect()
    }

    /// Opens a file in the editor.
    pub(crate) fn edit(self, path: String) {
        let store = self;
        let opened = path.clone();
        self.read_file(&path, move |result| {
            let content = result.map(|content| String::from_utf8_lossy(&content.unwrap_or_default()).into_owned());
            store.edited.set(Some((opened, content)));
        });
    }

    fn add_terminal(self, number: u32, lost: Option<String>) {
        let is_first = self.terminals.with_untracked(Vec::is_empty);
        // It lives as long as the page: there are few.
        let terminal = self.owner.with_value(|owner| {
            owner.with(|| Terminal {
                number,
                awaits: RwSignal::default(),
                command: RwSignal::default(),
                entered: StoredValue::default(),
                arrived: RwSignal::default(),
                lost: StoredValue::new(lost),
                waiting: StoredValue::default(),
            })
        });
        self.terminals.update(|all| all.push(terminal));
        self.tell_terminals(&TerminalsCommand::Open { terminal: number, credit: CREDIT });
        if is_first {
            self.tell_directories();
            self.adopt_all();
            let store = self;
            self.read_file(HISTORY_FILE, move |result| {
                let text = result.ok().flatten().unwrap_or_default();
                let text = String::from_utf8_lossy(&text).into_owned();
                store.command_history.set_value(text.lines().map(ToOwned::to_owned).collect());
            });
        }
    }

    fn remember_terminals(self) {
        let all = self.terminals.with_untracked(|all| {
            let remembered =
                |terminal: &Terminal| Remembered { number: terminal.number, command: terminal.command.get_untracked() };
            all.iter().map(remembered).collect::<Vec<_>>()
        });
        self.with_cluster(|cluster| cluster.remember(TERMINALS, (!all.is_empty()).then(|| pack_text(&all))));
    }

    fn terminal(self, number: u32) -> Option<Terminal> {
        self.terminals.with_untracked(|all| all.iter().find(|terminal| terminal.number == number).copied())
    }

    fn file_ticket(self, answer: impl FnOnce(Result<Option<Vec<u8>>, String>) + 'static) -> u32 {
        let ticket = self.next_ticket();
        self.file_answers.update_value(|answers| answers.push((ticket, Box::new(answer))));
        ticket
    }

    fn file_answered(self, ticket: u32, result: Result<Option<Vec<u8>>, String>) {
        let mut found = None;
        self.file_answers.update_value(|answers| {
            if let Some(at) = answers.iter().position(|(known, _)| *known == ticket) {
                found = Some(answers.swap_remove(at).1);
            }
        });
        if let Some(answer) = found {
            answer(result);
        }
    }
}
