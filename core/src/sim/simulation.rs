//! [`Simulation`]: one run. A cluster from a seed works under faults; then the faults stop, and it must heal.
//!
//! # Code map
//! - here: the phases, and how processes move.
//! - `members`: consumers come and go; `programs`: transactions and pipes.
//! - `health`: what is not as it must be in the end.

mod health;
mod members;
mod programs;

use super::client::{Client, ClientEvent, ClientProcess};
use super::cluster::{ClientArrival, Cluster, HEALING, Step};
use super::fault::{Fault, FaultSchedule};
use super::history::RecordId;
use super::invariant::{Invariants, Violation};
use super::plan::{Plan, Scenario};
use super::trace::{Entry, Trace};
use super::workload::Workload;
use crate::client::admin::AdminRequest;
use crate::client::{ConsumerEvent, ProducerEvent};
use crate::config::playground::FIRST_BROKER_PORT;
use crate::event::Event;
use crate::ids::{NodeId, PartitionIndex, Uuid};
use crate::rng::Rng;
use crate::text::Str;
use crate::time::{Duration, Instant};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::vec::Vec;
use core::fmt;
use members::Members;
use programs::Programs;

/// Entries of the trace that a failure shows.
const TAIL: usize = 300;
/// More steps than this in one moment, and time stands still.
const MOST_STEPS_AT_ONCE: u32 = 20_000;
/// How long a cluster may take until its first topics are there.
const BEGINNING: Duration = Duration::from_secs(20);
/// How often it is asked whether the cluster is where it should be.
const GLANCE: Duration = Duration::from_millis(100);

const BEGINNING_PHASE: &str = "beginning";

/// What never happens in a cluster that is left alone.
fn disturbs(event: &Event) -> bool {
    match event {
        Event::BrokerFenced { .. }
        | Event::ControllerResigned { .. }
        | Event::Truncated { .. }
        | Event::BadRequest { .. }
        | Event::RecordSkipped { .. }
        | Event::Fatal { .. } => true,
        Event::InSyncReplicasChanged { from, to, .. } => to.len() < from.len(),
        _ => false,
    }
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Things that happened.
    pub steps: u64,
    /// Faults.
    pub faults: u64,
    /// Records that producers were told are on all replicas.
    pub acknowledged: u64,
    /// Records that consumers got.
    pub consumed: u64,
    /// Replicas that came into another directory of their node.
    pub moved: u64,
    /// Elections of a leader that was not in sync.
    pub unclean_elections: u64,
    /// Log directories that went offline.
    pub failed_directories: u64,
    /// Log directories that were emptied.
    pub emptied_directories: u64,
    /// Partitions of which then nobody else was in sync.
    pub lost_partitions: u64,
    /// Times a node got a snapshot of the metadata instead of its log.
    pub metadata_snapshots: u64,
    /// Times a consumer found that what it would read next was deleted.
    pub skipped: u64,
    /// Replicas of compacted topics that were cleaned.
    pub cleaned: u64,
    /// Records committed in transactions.
    pub transactional: u64,
    /// Records that pipes read, and wrote.
    pub piped: u64,
    /// Static members that came back under their name.
    pub restarted_members: u64,
    /// Consumers that were fenced by a duplicate.
    pub fenced_members: u64,
    /// The highest generation of any group.
    pub generation: i32,
    /// Virtual time.
    pub took: Duration,
    /// Virtual time from the end of the faults until all was well.
    pub healed_in: Duration,
}

/// A run that went wrong.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Repeats it.
    pub seed: u64,
    /// What does not hold.
    pub violation: Violation,
    /// What happened before.
    pub trace: Trace,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "seed {}: {}", self.seed, self.violation)?;
        write!(formatter, "{}seed {}: {}", self.trace, self.seed, self.violation)
    }
}

/// One run. See the module.
#[derive(Clone, Debug)]
pub struct Simulation {
    seed: u64,
    plan: Plan,
    rng: Rng,
    cluster: Cluster,
    clients: BTreeMap<u32, ClientProcess>,
    /// Next record's number of each producer.
    written: BTreeMap<u32, u64>,
    /// Records for lasting topics of which no producer has told yet what became of them.
    outstanding: BTreeSet<RecordId>,
    workload: Workload,
    faults: FaultSchedule,
    invariants: Invariants,
    trace: Trace,
    steps: u64,
    at_once: (Instant, u32),
    is_healing: bool,
    phase: &'static str,
    /// Directories of replicas, where they move.
    places: BTreeMap<(NodeId, Uuid, PartitionIndex), usize>,
    moved: u64,
    failed_directories: u64,
    emptied_directories: u64,
    members: Members,
    programs: Programs,
}

impl Simulation {
    /// The run of a seed, not begun. `everything`: the trace keeps all there is, frames too.
    pub fn new(seed: u64, everything: bool) -> Self {
        let plan = Plan::draw(&mut Rng::new(seed));
        Self::planned(seed, plan, everything)
    }

    /// The run of a seed in a scenario.
    pub fn of(seed: u64, scenario: Scenario, everything: bool) -> Self {
        Self::planned(seed, Plan::draw_scenario(seed, scenario), everything)
    }

    /// A run with another plan than its seed's.
    pub fn planned(seed: u64, plan: Plan, everything: bool) -> Self {
        // Not the generator of the plan's draws again, whatever the plan.
        let mut rng = Rng::new(!seed);
        let bootstrap = (0..plan.brokers).map(|id| (Str::from_static("localhost"), FIRST_BROKER_PORT + id)).collect();
        let mut cluster = Cluster::new(rng.next_u64(), plan.options.clone());
        cluster.set_tap(everything);
        Self {
            seed,
            workload: Workload::new(rng.fork(), bootstrap, plan.topics.clone()),
            faults: FaultSchedule::new(plan.faults, plan.options.latency),
            plan,
            rng,
            cluster,
            clients: BTreeMap::new(),
            written: BTreeMap::new(),
            outstanding: BTreeSet::new(),
            invariants: Invariants::default(),
            trace: Trace::new(if everything { usize::MAX } else { TAIL }),
            steps: 0,
            at_once: (Instant::ZERO, 0),
            is_healing: false,
            phase: "",
            places: BTreeMap::new(),
            moved: 0,
            failed_directories: 0,
            emptied_directories: 0,
            members: Members::default(),
            programs: Programs::default(),
        }
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Result<(Summary, Trace), Box<Failure>> {
        match self.phases() {
            Ok(healed_in) => Ok((self.summary(healed_in), self.trace)),
            Err(violation) => Err(Box::new(Failure { seed: self.seed, violation, trace: self.trace })),
        }
    }

    fn summary(&self, healed_in: Duration) -> Summary {
        Summary {
            steps: self.steps,
            faults: self.faults.happened(),
            acknowledged: self.invariants.acknowledged(),
            consumed: self.invariants.consumed(),
            moved: self.moved,
            unclean_elections: self.invariants.history.unclean_elections(),
            failed_directories: self.failed_directories,
            emptied_directories: self.emptied_directories,
            lost_partitions: self.invariants.history.lost_partitions(),
            metadata_snapshots: self.invariants.snapshots(),
            skipped: self.invariants.skipped(),
            cleaned: self.cleaned_logs(),
            transactional: self.invariants.in_transactions().0,
            piped: self.invariants.in_transactions().1,
            restarted_members: self.members.restarted(),
            fenced_members: self.members.fenced(),
            generation: self.invariants.highest_generation(),
            took: self.cluster.now().monotonic.since(Instant::ZERO),
            healed_in,
        }
    }

    fn phases(&mut self) -> Result<Duration, Violation> {
        self.begin()?;
        self.phase("work and faults");
        let end = self.cluster.now().monotonic + self.plan.chaos;
        while self.cluster.now().monotonic < end {
            let pause = Duration::from_micros(1 + self.rng.below(self.plan.longest_pause));
            self.run_for(pause)?;
            self.act()?;
        }
        self.phase("healing");
        self.heal()
    }

    /// Starts the nodes, creates the topics, then the clients.
    fn begin(&mut self) -> Result<(), Violation> {
        self.phase(BEGINNING_PHASE);
        let ids: Vec<NodeId> = self.plan.nodes().collect();
        for id in ids {
            let config = self.plan.config(id).map_err(|what| Violation { invariant: "plan", what })?;
            self.cluster.add_node(config);
            self.cluster.start(id);
        }
        for topic in &self.plan.topics {
            self.invariants.expect_topic(Str::from_static(topic.name));
            if topic.is_lossy {
                self.invariants.history.expect_losses(Str::from_static(topic.name));
            }
        }
        // With fewer brokers than replicas no topic could be created.
        self.run_until("beginning", BEGINNING, |this| this.sick_nodes().is_empty())?;
        let admin = self.workload.admin();
        let request = self.workload.create_lasting(self.plan.replicas);
        let number = self.add(admin)?;
        self.with_client(number, |client, now| {
            if let Client::Admin(admin) = client {
                admin.submit(now, request);
            }
        })?;
        self.run_until("beginning", BEGINNING, Self::has_topics)?;
        for acks in [-1, -1, 1, 0] {
            let process = self.workload.producer(acks);
            if acks == -1 {
                self.invariants.history.expect_once(process.number);
                self.invariants.expect_durable(process.number);
            }
            self.written.insert(process.number, 0);
            self.add(process)?;
        }
        for group in 0..self.plan.groups.len() {
            for _ in 0..self.plan.groups[group].members {
                self.add_member(group)?;
            }
        }
        self.begin_programs()
    }

    fn has_topics(&self) -> bool {
        let mut running = self.cluster.running();
        running.all(|(_, node)| {
            node.parts().is_some_and(|parts| {
                self.plan.topics.iter().all(|topic| parts.image.topics.by_name(topic.name).is_some())
            })
        })
    }

    /// One thing of the workload, or a fault.
    fn act(&mut self) -> Result<(), Violation> {
        let at = self.cluster.now().monotonic;
        for fault in self.faults.recover(&mut self.cluster) {
            self.trace.push(at, Entry::Fault(fault));
            if let Fault::FormatDisk(id, _) = fault {
                self.emptied_directories += 1;
                self.invariants.was_emptied(id);
            }
            self.look_at_all()?;
        }
        let one_in = self.plan.fault_one_in;
        if one_in > 0 && self.rng.chance(1, one_in) {
            let fault = self.faults.strike(&mut self.cluster);
            self.trace.push(at, Entry::Fault(fault));
            return self.look_at_all();
        }
        self.drive_members()?;
        self.drive_programs()?;
        match self.rng.below(40) {
            0 if self.plan.changes_around => self.change_members(),
            1 if self.plan.changes_around => self.administer(),
            0..=5 if self.members.may_restart() => self.restart_member(),
            2..=3 if self.plan.deletes_records => self.delete_records(),
            2..=5 if self.plan.moves => self.move_replica(),
            _ => self.write(),
        }
    }

    fn write(&mut self) -> Result<(), Violation> {
        let producers: Vec<u32> = self.written.keys().copied().collect();
        let Some(&number) = producers.get(self.rng.below(producers.len() as u64) as usize) else { return Ok(()) };
        let burst = self.workload.burst();
        (0..burst).try_for_each(|_| self.write_one(number, None))
    }

    /// A producer's program writes a record.
    fn write_one(&mut self, client: u32, to: Option<(&'static str, PartitionIndex)>) -> Result<(), Violation> {
        let record = RecordId { client, number: self.written.get(&client).copied().unwrap_or_default() };
        let written = self.workload.record(record, to);
        let is_lasting = self.plan.topics.iter().any(|topic| written.topic == *topic.name);
        let mut is_taken = false;
        // Not told before it is taken, for the producer may tell of its end at once.
        if is_lasting {
            self.outstanding.insert(record);
        }
        self.with_client(client, |client, now| {
            if let Client::Producer(producer) = client {
                is_taken = producer.send(now, written).is_ok();
            }
        })?;
        if is_taken {
            self.written.insert(client, record.number + 1);
        } else {
            self.outstanding.remove(&record);
        }
        Ok(())
    }

    fn administer(&mut self) -> Result<(), Violation> {
        let request = self.workload.administer(self.plan.replicas);
        self.ask(None, request)
    }

    fn delete_records(&mut self) -> Result<(), Violation> {
        let history = &self.invariants.history;
        let ends: Vec<_> = history.lasting().map(|(topic, index, of)| (topic.clone(), index, of.end())).collect();
        match self.workload.delete_records(&ends) {
            Some(request) => self.ask(None, request),
            None => Ok(()),
        }
    }

    /// The admin's program asks something, of this node or of whom it concerns.
    fn ask(&mut self, node: Option<NodeId>, request: AdminRequest) -> Result<(), Violation> {
        let is_admin = |process: &&ClientProcess| matches!(process.client, Client::Admin(_));
        let Some(admin) = self.clients.values().find(is_admin) else { return Ok(()) };
        let (number, name) = (admin.number, admin.name.clone());
        let of = node.map_or_else(Default::default, |node| format!(" of node {node}"));
        self.trace.push(self.cluster.now().monotonic, Entry::Program(name, format!("{request:?}{of}")));
        self.with_client(number, |client, now| {
            if let Client::Admin(admin) = client {
                match node {
                    Some(node) => admin.submit_to(now, node, request),
                    None => admin.submit(now, request),
                };
            }
        })
    }

    fn move_replica(&mut self) -> Result<(), Violation> {
        let (node, request) = self.workload.move_replica(self.plan.brokers);
        self.ask(Some(node), request)
    }

    /// Counts the replicas of a node that are in another directory than before.
    fn note_places(&mut self, id: NodeId) {
        let Some(parts) = self.cluster.nodes().get(&id).and_then(|process| process.node()?.parts()) else { return };
        for (partition, log) in parts.replica_manager.hosted_logs() {
            let place = self.places.entry((id, partition.topic_id, partition.topic_partition.partition));
            let before = core::mem::replace(place.or_insert(log.directory()), log.directory());
            self.moved += u64::from(before != log.directory());
        }
    }

    fn say(&mut self, number: u32, what: &str) {
        let Some(process) = self.clients.get(&number) else { return };
        self.trace.push(self.cluster.now().monotonic, Entry::Program(process.name.clone(), what.into()));
    }

    /// A client's process starts.
    fn add(&mut self, process: ClientProcess) -> Result<u32, Violation> {
        let number = process.number;
        self.clients.insert(number, process);
        self.say(number, "starts");
        self.client_moves(number, ClientArrival::Timeout)?;
        Ok(number)
    }

    /// The program of a client does something with it.
    fn with_client(
        &mut self,
        number: u32,
        action: impl FnOnce(&mut Client, crate::time::Now),
    ) -> Result<(), Violation> {
        let now = self.cluster.now();
        if let Some(process) = self.clients.get_mut(&number) {
            action(&mut process.client, now);
        }
        self.client_settles(number)
    }

    fn client_moves(&mut self, number: u32, arrival: ClientArrival) -> Result<(), Violation> {
        if let Some(process) = self.clients.get_mut(&number) {
            process.handle(&self.cluster, arrival);
        }
        self.client_settles(number)
    }

    fn client_settles(&mut self, number: u32) -> Result<(), Violation> {
        let at = self.cluster.now().monotonic;
        let Some(process) = self.clients.get_mut(&number) else { return Ok(()) };
        let events = process.settle(&mut self.cluster);
        let mut is_closed = false;
        for event in events {
            is_closed |= matches!(event, ClientEvent::Consumer(ConsumerEvent::Closed));
            let Some(process) = self.clients.get(&number) else { return Ok(()) };
            let checked = self.invariants.client_told(process, &event);
            if let ClientEvent::Producer(
                ProducerEvent::Delivered { ids, .. }
                | ProducerEvent::Failed { ids, .. }
                | ProducerEvent::Aborted { ids, .. },
            ) = &event
            {
                for id in ids {
                    self.outstanding.remove(&RecordId { client: number, number: *id });
                }
            }
            self.trace.push(at, Entry::Client(process.name.clone(), event.clone()));
            checked?;
            self.members.told(number, &event);
            self.program_is_told(number, event);
        }
        if is_closed {
            self.clients.remove(&number);
            self.cluster.client_kill(number);
        }
        Ok(())
    }

    /// Lets virtual time pass.
    fn run_for(&mut self, time: Duration) -> Result<(), Violation> {
        let until = self.cluster.now().monotonic + time;
        while self.cluster.next_at().is_some_and(|at| at <= until) {
            self.step()?;
        }
        self.cluster.advance_to(until);
        Ok(())
    }

    fn step(&mut self) -> Result<(), Violation> {
        self.steps += 1;
        let step = self.cluster.step();
        self.take_cluster_events()?;
        let now = self.cluster.now().monotonic;
        self.at_once = if self.at_once.0 == now { (now, self.at_once.1 + 1) } else { (now, 0) };
        if self.at_once.1 > MOST_STEPS_AT_ONCE {
            let what = format!("{step:?} again and again at {} us", now.as_micros());
            return Err(Violation { invariant: "time_passes", what });
        }
        match step {
            Step::Node(id) => {
                if self.plan.moves {
                    self.note_places(id);
                }
                self.invariants.node_moved(&self.cluster, id)
            }
            Step::Client(number, arrival) => {
                self.client_moves(number, arrival)?;
                self.react()
            }
            Step::Idle | Step::Nobody => Ok(()),
        }
    }

    fn look_at_all(&mut self) -> Result<(), Violation> {
        self.take_cluster_events()?;
        let ids: Vec<NodeId> = self.cluster.nodes().keys().copied().collect();
        ids.into_iter().try_for_each(|id| self.invariants.node_moved(&self.cluster, id))
    }

    fn take_cluster_events(&mut self) -> Result<(), Violation> {
        for (at, frame) in self.cluster.take_frames() {
            self.trace.push(at, Entry::Frame(frame));
        }
        let is_calm = self.plan.fault_one_in == 0 && self.phase != BEGINNING_PHASE;
        let mut result = Ok(());
        for (at, node, event) in self.cluster.take_events() {
            self.failed_directories += u64::from(matches!(event, Event::LogDirectoryOffline { .. }));
            if is_calm && disturbs(&event) {
                let what = format!("without a fault node {node} told {event:?}");
                result = Err(Violation { invariant: "calm", what });
            }
            self.trace.push(at, Entry::Node(node, event));
        }
        result
    }

    fn phase(&mut self, name: &'static str) {
        self.phase = name;
        self.trace.push(self.cluster.now().monotonic, Entry::Phase(name));
    }

    fn run_until(
        &mut self,
        name: &'static str,
        limit: Duration,
        done: impl Fn(&Self) -> bool,
    ) -> Result<Duration, Violation> {
        let began = self.cluster.now().monotonic;
        loop {
            let took = self.cluster.now().monotonic.since(began);
            if done(self) || self.may_hang() {
                return Ok(took);
            }
            if took > limit {
                return Err(Violation { invariant: name, what: self.complaints().join("; ") });
            }
            self.run_for(GLANCE)?;
            if self.is_healing {
                self.drive_members()?;
                self.drive_programs()?;
            }
            // A node that was told to stop before the faults were over stops only now.
            if self.is_healing && self.cluster.running().count() < self.cluster.nodes().len() {
                self.faults.end(&mut self.cluster);
            }
        }
    }

    /// Where a coordinator forgot a transaction with a log directory nobody ever ends it: nothing comes to rest then.
    fn may_hang(&self) -> bool {
        self.plan.pipes > 0 && self.invariants.history.lost_partitions() > 0
    }

    /// Faults are over: one more record for every partition, then everything must come to rest.
    fn heal(&mut self) -> Result<Duration, Violation> {
        self.is_healing = true;
        self.faults.end(&mut self.cluster);
        self.look_at_all()?;
        for group in 0..self.plan.groups.len() {
            // A group whose last member was killed still has to read on.
            self.add_member(group)?;
        }
        let took = self.run_until("healing", HEALING, |this| this.sick_nodes().is_empty())?;
        let producers: Vec<u32> = self.written.keys().copied().collect();
        for number in producers {
            let topics = self.plan.topics.iter().filter(|topic| topic.is_written);
            let topics: Vec<_> = topics.map(|topic| (topic.name, topic.partitions)).collect();
            for (topic, partitions) in topics {
                (0..partitions).try_for_each(|partition| self.write_one(number, Some((topic, partition))))?;
            }
        }
        let more = self.run_until("healing", HEALING, |this| this.complaints().is_empty())?;
        Ok(took + more)
    }
}
