//! [`Simulation`]: one run. A cluster from a seed works under faults; then the faults stop, and it must heal.

use super::client::{Client, ClientEvent, ClientProcess};
use super::cluster::{ClientArrival, Cluster, HEALING, Step};
use super::fault::FaultSchedule;
use super::history::RecordId;
use super::invariant::{Invariants, Violation};
use super::plan::Plan;
use super::trace::{Entry, Trace};
use super::workload::{LASTING_TOPICS, Workload};
use crate::client::{ConsumerEvent, ProducerEvent};
use crate::config::playground::FIRST_BROKER_PORT;
use crate::event::Event;
use crate::ids::{CONSUMER_OFFSETS_TOPIC, NodeId, PartitionIndex, Uuid};
use crate::rng::Rng;
use crate::text::Str;
use crate::time::{Duration, Instant};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

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
}

impl Simulation {
    /// The run of a seed, not begun. `everything`: the trace keeps all there is, frames too.
    pub fn new(seed: u64, everything: bool) -> Self {
        let plan = Plan::draw(&mut Rng::new(seed));
        Self::planned(seed, plan, everything)
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
            workload: Workload::new(rng.fork(), bootstrap),
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
        for id in 0..NodeId::from(self.plan.brokers) {
            let config = self.plan.config(id).map_err(|what| Violation { invariant: "plan", what })?;
            self.cluster.add_node(config);
            self.cluster.start(id);
        }
        for (topic, _) in LASTING_TOPICS {
            self.invariants.expect_topic(Str::from_static(topic));
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
            for _ in 0..self.plan.groups[group].2 {
                self.add_member(group)?;
            }
        }
        Ok(())
    }

    fn has_topics(&self) -> bool {
        let mut running = self.cluster.running();
        running.all(|(_, node)| {
            node.parts().is_some_and(|parts| {
                LASTING_TOPICS.iter().all(|(topic, _)| parts.image.topics.by_name(topic).is_some())
            })
        })
    }

    /// One thing of the workload, or a fault.
    fn act(&mut self) -> Result<(), Violation> {
        let at = self.cluster.now().monotonic;
        for fault in self.faults.recover(&mut self.cluster) {
            self.trace.push(at, Entry::Fault(fault));
            self.look_at_all()?;
        }
        let one_in = self.plan.fault_one_in;
        if one_in > 0 && self.rng.chance(1, one_in) {
            let fault = self.faults.strike(&mut self.cluster);
            self.trace.push(at, Entry::Fault(fault));
            return self.look_at_all();
        }
        match self.rng.below(40) {
            0 => self.change_members(),
            1 => self.administer(),
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
        let is_lasting = LASTING_TOPICS.iter().any(|(topic, _)| written.topic == *topic);
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
        let is_admin = |process: &&ClientProcess| matches!(process.client, Client::Admin(_));
        let Some(admin) = self.clients.values().find(is_admin) else { return Ok(()) };
        let (number, name) = (admin.number, admin.name.clone());
        self.trace.push(self.cluster.now().monotonic, Entry::Program(name, format!("{request:?}")));
        self.with_client(number, |client, now| {
            if let Client::Admin(admin) = client {
                admin.submit(now, request);
            }
        })
    }

    fn move_replica(&mut self) -> Result<(), Violation> {
        let (node, request) = self.workload.move_replica(self.plan.brokers);
        let is_admin = |process: &&ClientProcess| matches!(process.client, Client::Admin(_));
        let Some(admin) = self.clients.values().find(is_admin) else { return Ok(()) };
        let (number, name) = (admin.number, admin.name.clone());
        self.trace.push(self.cluster.now().monotonic, Entry::Program(name, format!("{request:?} of node {node}")));
        self.with_client(number, |client, now| {
            if let Client::Admin(admin) = client {
                admin.submit_to(now, node, request);
            }
        })
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

    /// A consumer comes, or one goes, in order or not.
    fn change_members(&mut self) -> Result<(), Violation> {
        let consumers: Vec<u32> = self
            .clients
            .values()
            .filter(|process| process.consumer().is_some())
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
                self.say(number, "is killed");
                self.clients.remove(&number);
                self.cluster.client_kill(number);
                Ok(())
            }
            (_, None) => Ok(()),
        }
    }

    fn say(&mut self, number: u32, what: &str) {
        let Some(process) = self.clients.get(&number) else { return };
        self.trace.push(self.cluster.now().monotonic, Entry::Program(process.name.clone(), what.into()));
    }

    fn add_member(&mut self, group: usize) -> Result<(), Violation> {
        let (name, assignors, _) = self.plan.groups[group].clone();
        let process = self.workload.consumer(&name, &assignors);
        self.invariants.expect_member(process.number, name);
        self.add(process).map(|_| ())
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
            let checked = self.invariants.client_told(process, &event);
            if let ClientEvent::Producer(ProducerEvent::Delivered { ids, .. } | ProducerEvent::Failed { ids, .. }) =
                &event
            {
                for id in ids {
                    self.outstanding.remove(&RecordId { client: number, number: *id });
                }
            }
            self.trace.push(at, Entry::Client(process.name.clone(), event));
            checked?;
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
            Step::Client(number, arrival) => self.client_moves(number, arrival),
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
            if done(self) {
                return Ok(took);
            }
            if took > limit {
                return Err(Violation { invariant: name, what: self.complaints().join("; ") });
            }
            self.run_for(GLANCE)?;
            // A node that was told to stop before the faults were over stops only now.
            if self.is_healing && self.cluster.running().count() < self.cluster.nodes().len() {
                self.faults.end(&mut self.cluster);
            }
        }
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
            for (topic, partitions) in LASTING_TOPICS {
                (0..partitions).try_for_each(|partition| self.write_one(number, Some((topic, partition))))?;
            }
        }
        let more = self.run_until("healing", HEALING, |this| this.complaints().is_empty())?;
        Ok(took + more)
    }

    /// What is not as it must be once all is well.
    fn complaints(&self) -> Vec<String> {
        let mut complaints = self.sick_nodes();
        if !complaints.is_empty() {
            return complaints;
        }
        complaints.extend(self.unequal_replicas());
        if let Some(first) = self.outstanding.first() {
            complaints.push(format!("{} records are still on their way, {first:?} first", self.outstanding.len()));
        }
        if complaints.is_empty() && !self.invariants.is_all_consumed() {
            complaints.push("a group has not read everything".into());
            let views = self.clients.values().filter_map(|process| Some((process.number, process.consumer()?.view())));
            complaints.extend(views.map(|(number, view)| format!("consumer-{number}: {view:?}")));
        }
        complaints
    }

    /// Nodes that are not up, brokers that are fenced, ISRs that are not full.
    fn sick_nodes(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (id, process) in self.cluster.nodes() {
            let Some(parts) = process.node().and_then(crate::node::Node::parts) else {
                complaints.push(format!("node {id} does not run"));
                continue;
            };
            if !parts.unfenced {
                complaints.push(format!("broker {id} takes itself for fenced"));
            }
            for broker in parts.image.cluster.brokers().filter(|broker| !broker.is_active()) {
                complaints.push(format!("broker {} is not active for node {id}", broker.id));
            }
            for (topic, index, partition) in parts.image.topics.all_partitions() {
                if partition.leader < 0 || partition.isr.len() != partition.replicas.len() {
                    let (leader, isr) = (partition.leader, &partition.isr);
                    complaints.push(format!("{}-{index} has leader {leader} and ISR {isr:?} on node {id}", topic.name));
                }
            }
        }
        complaints
    }

    /// Replicas that are not where the metadata says, or not equal to the others.
    fn unequal_replicas(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut ends = BTreeMap::new();
        for (id, node) in self.cluster.running() {
            let Some(parts) = node.parts() else { continue };
            let hosted: Vec<_> = parts.replica_manager.hosted_logs().collect();
            let expected = parts.image.topics.hosted_by(id).count();
            if hosted.len() != expected {
                complaints.push(format!("node {id} has {} replicas, not {expected}", hosted.len()));
            }
            let misplaced = parts.replica_manager.misplaced();
            complaints.extend(misplaced.iter().map(|of| format!("{of} on node {id} is not in its directory")));
            // Consumers commit all the time, so the offsets topic does not come to rest.
            let resting = hosted.into_iter().filter(|hosted| hosted.0.topic_partition.topic != CONSUMER_OFFSETS_TOPIC);
            for (partition, log) in resting {
                let here = (log.high_watermark(), log.log_end_offset());
                let first = *ends.entry((partition.topic_id, partition.topic_partition.clone())).or_insert(here);
                if here.0 != here.1 || here != first {
                    let of = &partition.topic_partition;
                    complaints.push(format!("{of} on node {id} has high watermark and end {here:?}, not {first:?}"));
                }
            }
        }
        complaints
    }
}
