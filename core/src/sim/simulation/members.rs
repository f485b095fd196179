//! Consumers come and go, in order or not; static ones come back under their names.

use super::Simulation;
use crate::client::ConsumerEvent;
use crate::protocol::ErrorCode;
use crate::sim::client::{Client, ClientEvent};
use crate::sim::invariant::{Member, Violation};
use crate::text::Str;
use crate::time::{Duration, Instant};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Well below `session.timeout.ms`.
const SHORT_ABSENCE_MS: u64 = 1_500;
/// Beyond it.
const LONG_ABSENCE_MS: u64 = 6_000;

/// Static members: who has which name, and who comes back when.
#[derive(Clone, Debug, Default)]
pub(super) struct Members {
    /// By consumer: its group in the plan and its name.
    names: BTreeMap<u32, (usize, Str)>,
    absent: Vec<(Instant, usize, Str)>,
    /// To be ended: somebody else has their name.
    fenced: Vec<u32>,
    restarted: u64,
    fenced_count: u64,
}

impl Members {
    pub(super) fn restarted(&self) -> u64 {
        self.restarted
    }

    pub(super) fn fenced(&self) -> u64 {
        self.fenced_count
    }

    /// There are static members.
    pub(super) fn may_restart(&self) -> bool {
        !self.names.is_empty()
    }

    /// A consumer told something.
    pub(super) fn told(&mut self, client: u32, event: &ClientEvent) {
        if let ClientEvent::Consumer(ConsumerEvent::Error { code: ErrorCode::FencedInstanceId, .. }) = event
            && self.names.contains_key(&client)
        {
            self.fenced.push(client);
        }
    }
}

impl Simulation {
    /// A consumer comes, or one goes, in order or not.
    pub(super) fn change_members(&mut self) -> Result<(), Violation> {
        let consumers: Vec<u32> = self
            .clients
            .values()
            .filter(|process| process.consumer().is_some() && !self.programs.owns(process.number))
            .map(|process| process.number)
            .collect();
        let chosen = consumers.get(self.rng.below(consumers.len() as u64) as usize).copied();
        match (self.rng.below(3), chosen) {
            (0, _) | (_, None) if consumers.len() < 6 => {
                let group = self.rng.below(self.plan.groups.len() as u64) as usize;
                self.add_member(group)
            }
            (1, Some(number)) => {
                self.say(number, "closes");
                self.with_client(number, |client, now| {
                    if let Client::Consumer(consumer) = client {
                        consumer.close(now);
                    }
                })
            }
            (_, Some(number)) => {
                self.end_client(number);
                Ok(())
            }
            (_, None) => Ok(()),
        }
    }

    /// A client's process is killed.
    pub(super) fn end_client(&mut self, number: u32) {
        self.say(number, "is killed");
        self.clients.remove(&number);
        self.cluster.client_kill(number);
    }

    /// Another member of a group; in a static one with the first name that nobody has.
    pub(super) fn add_member(&mut self, group: usize) -> Result<(), Violation> {
        if !self.plan.groups[group].is_static {
            return self.add_consumer(group, None);
        }
        let taken = |name: &Str| {
            let mut alive = self.members.names.iter().filter(|(client, _)| self.clients.contains_key(client));
            alive.any(|(_, (_, other))| other == name) || self.members.absent.iter().any(|(.., other)| other == name)
        };
        let names = (0..100_u32).map(|index| self.instance(group, index));
        let name = names.into_iter().find(|name| !taken(name));
        self.add_consumer(group, name)
    }

    fn instance(&self, group: usize, index: u32) -> Str {
        format!("{}-{index}", self.plan.groups[group].name).into()
    }

    fn add_consumer(&mut self, group: usize, instance: Option<Str>) -> Result<(), Violation> {
        let plan = self.plan.groups[group].clone();
        let process = self.workload.consumer(&plan, instance.as_ref());
        if let Some(instance) = &instance {
            self.members.names.insert(process.number, (group, instance.clone()));
        }
        let member = Member { group: plan.name, instance, read_committed: plan.read_committed };
        self.invariants.expect_member(process.number, member);
        self.add(process).map(|_| ())
    }

    /// A static member ends and comes back soon, mostly before its session is over; or another one comes under its name.
    pub(super) fn restart_member(&mut self) -> Result<(), Violation> {
        let alive = self.members.names.iter().filter(|(client, _)| self.clients.contains_key(client));
        let alive: Vec<(u32, usize, Str)> =
            alive.map(|(client, (group, name))| (*client, *group, name.clone())).collect();
        let chosen = self.rng.below(alive.len().max(1) as u64) as usize;
        let Some((client, group, name)) = alive.get(chosen).cloned() else { return Ok(()) };
        let is_wild = self.plan.changes_around;
        if is_wild && self.rng.chance(1, 5) {
            self.say(client, "gets a duplicate");
            return self.add_consumer(group, Some(name));
        }
        self.end_client(client);
        let longest = if is_wild && self.rng.chance(1, 5) { LONG_ABSENCE_MS } else { SHORT_ABSENCE_MS };
        let at = self.cluster.now().monotonic + Duration::from_millis(self.rng.below(longest));
        self.members.absent.push((at, group, name));
        Ok(())
    }

    /// Static members come back, fenced ones end.
    pub(super) fn drive_members(&mut self) -> Result<(), Violation> {
        for client in core::mem::take(&mut self.members.fenced) {
            if self.clients.contains_key(&client) {
                self.members.fenced_count += 1;
                self.end_client(client);
            }
        }
        let now = self.cluster.now().monotonic;
        let (due, absent) =
            core::mem::take(&mut self.members.absent).into_iter().partition(|(at, ..)| *at <= now || self.is_healing);
        self.members.absent = absent;
        for (_, group, name) in Vec::<(Instant, usize, Str)>::from_iter(due) {
            self.members.restarted += 1;
            self.add_consumer(group, Some(name))?;
        }
        Ok(())
    }

    /// Names that more than one consumer has: all but one of them must have been fenced.
    pub(super) fn duplicate_members(&self) -> Vec<String> {
        let mut count: BTreeMap<&Str, Vec<u32>> = BTreeMap::new();
        for (client, (_, name)) in self.members.names.iter().filter(|(client, _)| self.clients.contains_key(client)) {
            count.entry(name).or_default().push(*client);
        }
        let several = count.into_iter().filter(|(_, clients)| clients.len() > 1);
        several.map(|(name, clients)| format!("{clients:?} are all {name}")).collect()
    }
}
