//! What the cluster reports, put into signals.

use super::definitions::READ;
use super::events::{Line, What, put};
use super::{Outcome, Phase, Process, Store, now};
use crate::bridge::{BrokerReport, ClientsReport, ClientsView, SwitchReport, TerminalsCommand};
use crate::clock::Lease;
use crate::cluster::News;
use crate::ui::store::picture::Broker;
use broker_core::event::Event;
use broker_core::node::NodeView;
use broker_core::sorted::SortedMap;
use leptos::prelude::*;

/// Keys that have a colour; a producer with a new key for every record would fill this for ever.
const KEYS: usize = 4096;

impl Store {
    /// Everything the cluster tells comes in here.
    pub(super) fn hear(self, news: News) {
        match news {
            News::OtherTab => self.phase.set(Phase::OtherTab),
            News::GivenAway => {
                self.phase.set(Phase::GivenAway);
                self.brokers.set(SortedMap::new());
                self.clients.set(ClientsView::default());
                self.terminals.set(Vec::new());
            }
            News::NothingSaved { reason } => self.not_saved.set(Some(reason)),
            News::Ready(remembered) => {
                self.phase.set(Phase::Here);
                self.remember_servers(&remembered);
                let known = remembered.get("brokers").map_or("0,1,2", String::as_str);
                let mut ids: Vec<i32> = known.split(',').filter_map(|id| id.parse().ok()).collect();
                if ids.is_empty() {
                    ids = vec![0, 1, 2];
                }
                for id in ids {
                    self.start_broker(id);
                }
                self.begin_remembered(&remembered);
                self.begin_terminals(&remembered);
            }
            News::Switch(SwitchReport::Seen(seen)) => {
                if seen.frames.is_empty() {
                    return;
                }
                let mut keys = Vec::new();
                self.traffic.update(|traffic| keys = traffic.saw(&seen, now()));
                self.learn_keys(keys.iter().map(String::as_str));
            }
            News::Switch(SwitchReport::Time(lease)) => self.hear_time(lease),
            News::Switch(SwitchReport::Panicked(reason)) => self.failed("switch", &reason),
            News::WorkerFailed { worker, reason } => self.failed(&worker, &reason),
            News::Broker(id, report) => self.hear_broker(id, report),
            News::Clients(report) => self.hear_clients(report),
            News::Terminals(report) => self.hear_terminals(report),
        }
    }

    fn hear_time(self, lease: Lease) {
        let first = self.lease.with_value(Option::is_none);
        self.wall_ms.set(lease.wall_ms);
        if first {
            // What was noted before anybody knew the time happened just now.
            self.events.update(|lines| {
                lines.iter_mut().filter(|line| line.wall_ms == 0).for_each(|line| line.wall_ms = lease.wall_ms);
            });
        }
        self.lease.set_value(Some((lease, now())));
    }

    fn failed(self, worker: &str, reason: &str) {
        if let Some(id) = worker.strip_prefix("broker ").and_then(|id| id.parse::<i32>().ok()) {
            self.broker_failed(id, reason);
        }
        self.note(What::WorkerFailed { worker: worker.to_owned(), reason: reason.to_owned() });
    }

    /// A broker refused to start.
    pub(super) fn refused(self, broker: i32, reason: String) {
        self.broker_failed(broker, &reason);
        self.note(What::Refused { broker, reason });
    }

    fn broker_failed(self, id: i32, reason: &str) {
        self.note_broker(id, |broker| {
            broker.process = Process::Failed;
            broker.reason = Some(reason.to_owned());
        });
    }

    pub(super) fn note_broker(self, id: i32, change: impl FnOnce(&mut Broker)) {
        self.brokers.update(|all| {
            if let Some(broker) = all.get_mut(&id) {
                change(broker);
            }
        });
    }

    fn hear_broker(self, id: i32, report: BrokerReport) {
        if self.server_hears(id, &report) {
            return;
        }
        match report {
            // The controller tells of every broker that was unfenced.
            BrokerReport::View(None) | BrokerReport::Event { event: Event::Unfenced, .. } => {}
            BrokerReport::View(Some(view)) => self.hear_view(id, view),
            BrokerReport::Event { wall_ms, event } => {
                let starts =
                    |all: &SortedMap<i32, Broker>| all.get(&id).is_some_and(|it| it.process == Process::Starting);
                if self.brokers.with_untracked(starts) {
                    // What it does now is news: it may be up.
                    self.with_cluster(|cluster| cluster.look(id));
                }
                let mut line = Line::new(wall_ms, Some(id), What::Node(event));
                self.explain(&mut line);
                self.add(line);
            }
            BrokerReport::Ended => self.note_broker(id, |broker| {
                // One that starts is the next process already: the one before it, killed, has only now written all it had.
                broker.process = match broker.process {
                    Process::Stopping => Process::Stopped,
                    Process::Running => Process::Failed,
                    other => other,
                };
            }),
            BrokerReport::Refused { reason } => self.refused(id, reason),
            BrokerReport::Panicked(reason) => {
                self.failed(&format!("broker {id}"), &reason);
            }
            BrokerReport::Files { ticket, answer } => {
                self.tell_terminals(&TerminalsCommand::Files { ticket, answer });
            }
            BrokerReport::NotSaved { directory, reason } => self.not_saved.set(Some(format!("{directory}: {reason}"))),
        }
    }

    /// Views of all brokers are drawn together, with the next animation frame.
    fn hear_view(self, id: i32, view: NodeView) {
        self.learn_keys(
            view.replicas.iter().flat_map(|replica| &replica.tail).filter_map(|record| record.key.as_deref()),
        );
        let mut counter = 0;
        self.numbers.update_value(|numbers| {
            numbers.heard += 1;
            counter = numbers.heard;
        });
        let (mut changed, mut runs) = (false, false);
        self.brokers.update_untracked(|all| {
            let Some(broker) = all.get_mut(&id) else { return };
            runs = broker.process == Process::Starting && &*view.state == "RUNNING";
            if runs {
                broker.process = Process::Running;
            }
            changed = runs || broker.view.as_ref() != Some(&view);
            if changed {
                broker.view = Some(view);
                broker.heard = counter;
            }
        });
        let mut is_last = false;
        self.numbers.update_value(|numbers| {
            numbers.awaited.retain(|awaited| *awaited != id);
            numbers.has_news |= changed;
            is_last = numbers.awaited.is_empty();
        });
        // One picture of all brokers; who does not answer is waited for until the next look. That one is up waits for nobody.
        if is_last || runs {
            self.draw_news();
        }
    }

    /// Draws what brokers said with the next animation frame, if it is news.
    pub(super) fn draw_news(self) {
        let mut due = false;
        self.numbers.update_value(|numbers| {
            due = numbers.has_news && !numbers.drawing;
            numbers.drawing |= due;
        });
        if due {
            let store = self;
            request_animation_frame(move || {
                store.numbers.update_value(|numbers| (numbers.drawing, numbers.has_news) = (false, false));
                store.brokers.notify();
            });
        }
    }

    fn hear_clients(self, report: ClientsReport) {
        match report {
            ClientsReport::View(view) => {
                if view.consumers.iter().any(|one| one.received > 0) {
                    self.tick_off(self.has_read, READ);
                }
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
            ClientsReport::Measured { ticket, measured } => crate::javascript::measured(ticket, &measured),
            ClientsReport::Panicked(reason) => self.failed("clients", &reason),
        }
    }

    fn answer(self, ticket: u32, outcome: Outcome) {
        let mut asked = None;
        self.tickets.update_value(|tickets| {
            let at = tickets.iter().position(|(known, _)| *known == ticket);
            asked = at.map(|at| tickets.swap_remove(at).1);
        });
        if let Outcome::Refused(refusal) = &outcome {
            self.spoken.set(format!("{}: {}", refusal.name, refusal.message));
        }
        if let Some(signal) = asked {
            let _ = signal.try_set(outcome);
        }
    }

    fn learn_keys<'a>(self, seen: impl Iterator<Item = &'a str>) {
        let mut new: Vec<String> = Vec::new();
        self.keys.with_untracked(|keys| {
            for key in seen {
                if keys.len() + new.len() < KEYS && !keys.iter().chain(&new).any(|known| known == key) {
                    new.push(key.to_owned());
                }
            }
        });
        if !new.is_empty() {
            self.keys.update(|keys| keys.extend(new));
        }
    }

    /// What an event leaves out and the lines before it tell.
    fn explain(self, line: &mut Line) {
        if let What::Node(Event::BrokerUnfenced { .. }) = line.what {
            line.first_time = self.events.with_untracked(|lines| !lines.iter().any(|known| known.what == line.what));
        }
    }

    pub(super) fn note(self, what: What) {
        self.add(Line::new(self.wall_now(), None, what));
    }

    fn add(self, mut line: Line) {
        if line.is_heard() {
            self.spoken.set(line.words(self.language.get_untracked()));
        }
        self.numbers.update_value(|numbers| {
            numbers.line += 1;
            line.id = numbers.line;
        });
        self.events.update(|lines| put(lines, line));
    }
}
