//! [`Plan`]: what kind of cluster and trouble a seed stands for; [`Scenario`]: what it is about.

use super::cluster::Options;
use super::fault::FaultRules;
use super::network::Latency;
use crate::client::assignor::Assignor;
use crate::config::playground::{FIRST_BROKER_PORT, FIRST_CONTROLLER_PORT, deviations, parsed_playground_properties};
use crate::config::{BrokerConfig, Properties};
use crate::ids::{NodeId, PartitionIndex};
use crate::rng::Rng;
use crate::text::Str;
use crate::time::Duration;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// What a run is about, beside faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Combined nodes, producers, groups that change, topics that come and go.
    Faults,
    /// Three controllers, and brokers beside them.
    SeparateRoles,
    /// Disks fail; nodes go on with those that are left.
    FailingDisks,
    /// Disks are lost with all they held; nodes come back with empty ones.
    EmptiedDisks,
    /// Snapshots of the metadata all the time, and no log before them: who was away gets one.
    MetadataSnapshots,
    /// Records are deleted by size, by time, and by request.
    Retention,
    /// Topics with unclean leader election, which may lose records.
    UncleanElection,
    /// Static members, which come back under their name, and duplicates of them.
    StaticMembers,
    /// Transactions, and pipes that read, write and commit offsets in one.
    Transactions,
    /// A compacted topic of few keys, and the coordinators' topics, all cleaned all the time.
    Compaction,
    /// Several of the others at once.
    Mixed,
}

impl Scenario {
    /// Every scenario.
    pub const ALL: [Self; 11] = [
        Self::Faults,
        Self::SeparateRoles,
        Self::FailingDisks,
        Self::EmptiedDisks,
        Self::MetadataSnapshots,
        Self::Retention,
        Self::UncleanElection,
        Self::StaticMembers,
        Self::Transactions,
        Self::Compaction,
        Self::Mixed,
    ];

    /// The scenario of a seed: every other one is plain.
    pub const fn of(seed: u64) -> Self {
        if seed.is_multiple_of(2) {
            return Self::Faults;
        }
        match seed / 2 % 10 {
            0 => Self::SeparateRoles,
            1 => Self::FailingDisks,
            2 => Self::Retention,
            3 => Self::UncleanElection,
            4 => Self::StaticMembers,
            5 => Self::Transactions,
            6 => Self::MetadataSnapshots,
            7 => Self::Mixed,
            8 => Self::Compaction,
            _ => Self::EmptiedDisks,
        }
    }

    /// What it is called on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Faults => "faults",
            Self::SeparateRoles => "separate-roles",
            Self::FailingDisks => "failing-disks",
            Self::EmptiedDisks => "emptied-disks",
            Self::MetadataSnapshots => "metadata-snapshots",
            Self::Retention => "retention",
            Self::UncleanElection => "unclean-election",
            Self::StaticMembers => "static-members",
            Self::Transactions => "transactions",
            Self::Compaction => "compaction",
            Self::Mixed => "mixed",
        }
    }

    /// The scenario of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == name)
    }
}

/// A topic that lives through the whole run.
#[derive(Clone, Debug)]
pub struct LastingTopic {
    /// Its name.
    pub name: &'static str,
    /// The partitions it begins with.
    pub partitions: PartitionIndex,
    /// Its own configs.
    pub configs: Vec<(&'static str, String)>,
    /// Producers without transactions write to it.
    pub is_written: bool,
    /// An unclean election may lose what is committed in it.
    pub is_lossy: bool,
    /// `cleanup.policy` has `compact`, so every record has a key.
    pub is_compacted: bool,
}

/// A group of consumers.
#[derive(Clone, Debug)]
pub struct GroupPlan {
    /// `group.id`.
    pub name: Str,
    /// `partition.assignment.strategy`.
    pub assignors: Vec<Assignor>,
    /// Members at the begin.
    pub members: u32,
    /// They have a `group.instance.id`.
    pub is_static: bool,
    /// `isolation.level` is `read_committed`.
    pub read_committed: bool,
}

/// How a run goes.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Nodes that are brokers, each a controller too unless there are separate ones.
    pub brokers: u16,
    /// Nodes that are controllers only.
    pub controllers: u16,
    /// Topics that live through the whole run.
    pub topics: Vec<LastingTopic>,
    /// Replicas of every topic.
    pub replicas: i16,
    /// How long work and faults go on.
    pub chaos: Duration,
    /// Longest pause between two things the workload or the faults do, in microseconds.
    pub longest_pause: u64,
    /// One in so many of these is a fault; 0 for none.
    pub fault_one_in: u64,
    /// Which faults.
    pub faults: FaultRules,
    /// Times of network and disks.
    pub options: Options,
    /// Groups.
    pub groups: Vec<GroupPlan>,
    /// Replicas are moved between the disks of their nodes.
    pub moves: bool,
    /// Records of lasting topics are deleted by request.
    pub deletes_records: bool,
    /// Programs that write in transactions.
    pub transactors: u32,
    /// Programs that read, write and commit offsets in one transaction.
    pub pipes: u32,
    /// Members come and go, topics too.
    pub changes_around: bool,
    changes: Vec<(Str, Str)>,
    disks: usize,
}

impl Plan {
    /// The plan of a seed.
    pub fn draw(rng: &mut Rng) -> Self {
        let brokers = [1, 3, 3, 3, 3, 3, 4, 5][rng.below(8) as usize];
        let replicas = brokers.min(3);
        let flushed = rng.chance(3, 4);
        let mut changes = vec![
            property("offsets.topic.num.partitions", 2),
            property("group.min.session.timeout.ms", 1_000),
            property("replica.lag.time.max.ms", [1_500, 4_000, 30_000][rng.below(3) as usize]),
            property("replica.socket.timeout.ms", 5_000),
            property("log.roll.ms", [700, 5_000, 604_800_000][rng.below(3) as usize]),
            property("metadata.log.max.record.bytes.between.snapshots", [3_000, 20_971_520][rng.below(2) as usize]),
        ];
        if rng.chance(1, 4) {
            changes.push(property("min.insync.replicas", 1));
        }
        if rng.chance(1, 4) {
            changes.push(property("leader.imbalance.check.interval.seconds", 2));
        }
        let disks = if rng.chance(1, 4) { 2 } else { 1 };
        if !flushed {
            changes.push(property("log.flush.interval.messages", i64::MAX));
        }
        let assignors = Assignor::ALL[rng.below(4) as usize];
        let calm = [800, 2_000, 10_000][rng.below(3) as usize];
        let mut options = Options::default();
        options.latency = Latency { max_micros: calm, ..options.latency };
        Self {
            brokers,
            controllers: 0,
            topics: [("orders", 2), ("payments", 3)].map(|(name, partitions)| lasting(name, partitions)).into(),
            replicas: replicas as i16,
            chaos: Duration::from_secs(6 + rng.below(8)),
            longest_pause: [30_000, 150_000, 400_000][rng.below(3) as usize],
            fault_one_in: [0, 8, 8, 15, 15, 30][rng.below(6) as usize],
            faults: FaultRules {
                power: flushed,
                longest_absence: Duration::from_millis([300, 1_500, 5_000][rng.below(3) as usize]),
                disk_one_in: 0,
                format_one_in: 0,
            },
            options,
            groups: vec![
                group("readers", vec![assignors], 1 + rng.below(3) as u32),
                group("auditors", vec![Assignor::Range, Assignor::CooperativeSticky], 1),
            ],
            moves: false,
            deletes_records: false,
            transactors: 0,
            pipes: 0,
            changes_around: true,
            changes,
            disks,
        }
    }

    /// The plan of a seed in a scenario.
    pub fn draw_scenario(seed: u64, scenario: Scenario) -> Self {
        let mut plan = Self::draw(&mut Rng::new(seed));
        // Another generator than that of the draws before, so that those stay the seed's.
        let mut rng = Rng::new(seed ^ 0x5ce7_a810);
        let is_separate = scenario != Scenario::Faults && rng.chance(1, 4);
        match scenario {
            Scenario::Faults | Scenario::SeparateRoles => {}
            Scenario::FailingDisks => plan.fail_disks(&mut rng),
            Scenario::EmptiedDisks => plan.empty_disks(&mut rng),
            Scenario::MetadataSnapshots => plan.take_snapshots(&mut rng),
            Scenario::Retention => plan.delete_records(&mut rng),
            Scenario::UncleanElection => plan.elect_uncleanly(&mut rng),
            Scenario::StaticMembers => plan.name_members(),
            Scenario::Transactions => plan.transact(&mut rng),
            Scenario::Compaction => plan.compact(&mut rng),
            Scenario::Mixed => plan.mix(&mut rng),
        }
        if is_separate || scenario == Scenario::SeparateRoles {
            plan.controllers = 3;
        }
        plan
    }

    /// Nodes have two or three disks, which fail. Without a flush of every append a disk would take acknowledged records with it.
    fn fail_disks(&mut self, rng: &mut Rng) {
        self.disks = 2 + rng.below(2) as usize;
        self.flush_everything();
        self.faults.disk_one_in = 2 + rng.below(4);
        self.fault_one_in = self.fault_one_in.clamp(4, 12);
        self.moves = rng.chance(1, 3);
    }

    /// Nodes come back with empty disks, of which they have one or several. With one node alone nobody else has anything.
    fn empty_disks(&mut self, rng: &mut Rng) {
        self.brokers = self.brokers.max(3);
        self.replicas = 3;
        self.disks = 1 + rng.below(3) as usize;
        if self.disks > 1 && rng.chance(1, 2) {
            self.flush_everything();
            self.faults.disk_one_in = 3 + rng.below(4);
        }
        self.faults.format_one_in = 1 + rng.below(3);
        // Who was left alone in an ISR may lead once its new directory is known, but nobody is elected for that: only where
        // leaders are balanced, every five minutes by default, somebody looks.
        self.changes.push(property("leader.imbalance.check.interval.seconds", 2));
        self.fault_one_in = self.fault_one_in.clamp(4, 15);
        self.chaos = Duration::from_secs(10 + rng.below(10));
    }

    /// Each node writes a snapshot after a few records, and keeps no log before it. Most runs have their disks emptied too: then
    /// a node knows nothing but what it is sent.
    fn take_snapshots(&mut self, rng: &mut Rng) {
        self.changes.push(property(
            "metadata.log.max.record.bytes.between.snapshots",
            [150, 500, 2_000][rng.below(3) as usize],
        ));
        self.changes.push(property("metadata.max.retention.bytes", 1));
        if rng.chance(2, 3) {
            self.empty_disks(rng);
        }
        self.fault_one_in = self.fault_one_in.clamp(4, 15);
    }

    fn delete_records(&mut self, rng: &mut Rng) {
        self.deletes_records = true;
        self.changes.push(property("log.roll.ms", [300, 1_000][rng.below(2) as usize]));
        self.changes.push(property("log.retention.check.interval.ms", [150, 700][rng.below(2) as usize]));
        self.changes.push(property("log.initial.task.delay.ms", 500));
        let (by_time, by_size) = (rng.below(3), rng.below(3));
        for (topic, kind) in self.topics.iter_mut().zip([by_time, by_size]) {
            if kind != 0 {
                topic.configs.push(("retention.ms", format!("{}", 600 + rng.below(3_000))));
            }
            if kind != 1 {
                topic.configs.push(("retention.bytes", format!("{}", 500 + rng.below(8_000))));
            }
        }
    }

    /// A topic that may lose records, and absences long enough for that.
    fn elect_uncleanly(&mut self, rng: &mut Rng) {
        let mut topic = lasting("sensors", 2);
        topic.configs.push(("unclean.leader.election.enable", "true".into()));
        topic.configs.push(("min.insync.replicas", "1".into()));
        topic.is_lossy = true;
        self.topics.push(topic);
        self.changes.push(property("replica.lag.time.max.ms", [1_500, 4_000][rng.below(2) as usize]));
        self.changes.push(property("broker.session.timeout.ms", 1_500));
        self.faults.longest_absence = Duration::from_secs(4 + rng.below(6));
        self.fault_one_in = [6, 10][rng.below(2) as usize];
        self.chaos = Duration::from_secs(15 + rng.below(10));
    }

    fn name_members(&mut self) {
        for group in &mut self.groups {
            group.is_static = true;
        }
        self.groups[0].members = 3;
    }

    fn transact(&mut self, rng: &mut Rng) {
        let mut topic = lasting("ledger", 2);
        topic.is_written = false;
        self.topics.push(topic);
        self.groups[1].read_committed = true;
        self.transactors = 1 + rng.below(2) as u32;
        self.pipes = 1 + rng.below(2) as u32;
        self.changes.push(property("transaction.state.log.num.partitions", 2));
        self.changes.push(property("transaction.abort.timed.out.transaction.cleanup.interval.ms", 1_000));
    }

    /// Closed segments are cleaned soon after, some with a buffer that holds few keys.
    fn compact(&mut self, rng: &mut Rng) {
        let mut topic = lasting("profiles", 2);
        topic.configs.push(("cleanup.policy", ["compact", "compact,delete"][rng.below(2) as usize].into()));
        topic.configs.push(("min.cleanable.dirty.ratio", ["0", "0.3"][rng.below(2) as usize].into()));
        topic.configs.push(("segment.ms", format!("{}", [80, 300, 1_500][rng.below(3) as usize])));
        topic.is_compacted = true;
        self.topics.push(topic);
        // Of the coordinators' topics. A consumer gets one segment at a time, so that of small ones it would be behind for long.
        self.changes.push(property("log.roll.ms", [500, 1_500][rng.below(2) as usize]));
        self.changes.push(property("log.cleaner.backoff.ms", [20, 150, 1_000][rng.below(3) as usize]));
        self.changes.push(property("log.cleaner.delete.retention.ms", [0, 700, 86_400_000][rng.below(3) as usize]));
        if rng.chance(1, 3) {
            self.changes.push((Str::from_static("log.cleaner.io.buffer.load.factor"), "0.001".into()));
        }
        if rng.chance(1, 4) {
            self.changes.push((Str::from_static("log.cleaner.io.max.bytes.per.second"), "20000".into()));
        }
        match rng.below(5) {
            0 | 1 => self.transact(rng),
            2 => self.empty_disks(rng),
            3 => self.fail_disks(rng),
            _ => {}
        }
        self.moves = self.disks > 1 && rng.chance(1, 2);
        if self.fault_one_in == 0 {
            self.fault_one_in = 12;
        }
        self.chaos += Duration::from_secs(5);
    }

    /// What is about disks with what is about clients.
    fn mix(&mut self, rng: &mut Rng) {
        match rng.below(3) {
            0 => self.fail_disks(rng),
            1 => self.empty_disks(rng),
            _ => self.take_snapshots(rng),
        }
        if rng.chance(2, 3) {
            self.transact(rng);
        } else {
            self.delete_records(rng);
        }
        if rng.chance(1, 3) {
            self.name_members();
        }
        self.moves = self.disks > 1 && rng.chance(1, 3);
    }

    fn flush_everything(&mut self) {
        self.changes.push(property("log.flush.interval.messages", 1));
        self.faults.power = true;
    }

    /// Static members alone come and go, each for less than its session's time, and nothing else happens.
    #[cfg(test)]
    pub(super) fn only_restart_members(&mut self) {
        self.name_members();
        self.fault_one_in = 0;
        self.changes_around = false;
    }

    /// Kafka's default: nothing waits for the disk. With power cuts all the same, acknowledged records are lost.
    #[cfg(test)]
    pub(super) fn lose_what_is_not_flushed(&mut self) {
        self.changes.push(property("log.flush.interval.messages", i64::MAX));
        self.faults.power = true;
    }

    /// Every node has two disks, and replicas move between them.
    #[cfg(test)]
    pub(super) fn move_replicas(&mut self) {
        self.moves = true;
        self.disks = 2;
    }

    /// The nodes.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        let controllers = (0..self.controllers).map(|index| FIRST_CONTROLLER + NodeId::from(index));
        (0..NodeId::from(self.brokers)).chain(controllers)
    }

    /// The configuration of a node.
    pub fn config(&self, id: NodeId) -> Result<BrokerConfig, String> {
        let mut properties: Properties = if id < FIRST_CONTROLLER {
            parsed_playground_properties(id, self.brokers, &self.changes)
        } else {
            self.controller_properties(id)
        };
        if self.controllers > 0 {
            let voters = self.nodes().filter(|node| *node >= FIRST_CONTROLLER);
            let voters: Vec<String> =
                voters.map(|node| format!("{node}@localhost:{}", controller_port(node))).collect();
            properties.set("controller.quorum.voters", voters.join(","));
            if id < FIRST_CONTROLLER {
                let client = i64::from(FIRST_BROKER_PORT) + i64::from(id);
                properties.set("process.roles", "broker");
                properties.set("listeners", format!("PLAINTEXT://localhost:{client}"));
            }
        }
        if self.disks > 1 && id < FIRST_CONTROLLER {
            let disks: Vec<String> = DISKS[..self.disks].iter().map(|disk| log_dir(id, disk)).collect();
            properties.set("log.dirs", disks.join(","));
        }
        BrokerConfig::from_properties(&properties).map_err(|error| format!("{error:?}"))
    }

    fn controller_properties(&self, id: NodeId) -> Properties {
        let mut properties = Properties::default();
        for (key, value) in [
            ("process.roles", "controller".into()),
            ("node.id", format!("{id}")),
            ("listeners", format!("CONTROLLER://localhost:{}", controller_port(id))),
            ("controller.listener.names", "CONTROLLER".into()),
            ("listener.security.protocol.map", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT".into()),
            ("log.dirs", format!("/var/lib/kafka/{id}")),
        ] {
            properties.set(key, value);
        }
        for deviation in deviations(self.brokers) {
            properties.set(deviation.key, deviation.playground);
        }
        for (key, value) in &self.changes {
            properties.set(key.clone(), value.clone());
        }
        properties
    }
}

/// The first node that is a controller only.
const FIRST_CONTROLLER: NodeId = 100;

fn controller_port(id: NodeId) -> i64 {
    i64::from(FIRST_CONTROLLER_PORT) + i64::from(id)
}

fn lasting(name: &'static str, partitions: PartitionIndex) -> LastingTopic {
    LastingTopic { name, partitions, configs: Vec::new(), is_written: true, is_lossy: false, is_compacted: false }
}

fn group(name: &'static str, assignors: Vec<Assignor>, members: u32) -> GroupPlan {
    GroupPlan { name: Str::from_static(name), assignors, members, is_static: false, read_committed: false }
}

/// Names of a node's disks, as many as it has.
pub const DISKS: [&str; 3] = ["a", "b", "c"];

/// The log directory on a disk.
pub fn log_dir(id: NodeId, disk: &str) -> String {
    format!("/var/lib/kafka/{id}/{disk}")
}

fn property(key: &'static str, value: i64) -> (Str, Str) {
    (Str::from_static(key), format!("{value}").into())
}
