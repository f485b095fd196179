//! [`Plan`]: what kind of cluster and trouble a seed stands for.

use super::cluster::Options;
use super::fault::FaultRules;
use super::network::Latency;
use crate::client::assignor::Assignor;
use crate::config::playground::parsed_playground_properties;
use crate::config::{BrokerConfig, Properties};
use crate::ids::NodeId;
use crate::rng::Rng;
use crate::text::Str;
use crate::time::Duration;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// How a run goes.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Nodes, each broker and controller.
    pub brokers: u16,
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
    /// Groups: name, assignors, members at the begin.
    pub groups: Vec<(Str, Vec<Assignor>, u32)>,
    /// Replicas are moved between the disks of their nodes.
    pub moves: bool,
    changes: Vec<(Str, Str)>,
    two_disks: bool,
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
        let two_disks = rng.chance(1, 4);
        if !flushed {
            changes.push(property("log.flush.interval.messages", i64::MAX));
        }
        let assignors = Assignor::ALL[rng.below(4) as usize];
        let calm = [800, 2_000, 10_000][rng.below(3) as usize];
        let mut options = Options::default();
        options.latency = Latency { max_micros: calm, ..options.latency };
        Self {
            brokers,
            replicas: replicas as i16,
            chaos: Duration::from_secs(6 + rng.below(8)),
            longest_pause: [30_000, 150_000, 400_000][rng.below(3) as usize],
            fault_one_in: [0, 8, 8, 15, 15, 30][rng.below(6) as usize],
            faults: FaultRules {
                power: flushed,
                longest_absence: Duration::from_millis([300, 1_500, 5_000][rng.below(3) as usize]),
            },
            options,
            groups: vec![
                (Str::from_static("readers"), vec![assignors], 1 + rng.below(3) as u32),
                (Str::from_static("auditors"), vec![Assignor::Range, Assignor::CooperativeSticky], 1),
            ],
            moves: false,
            changes,
            two_disks,
        }
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
        self.two_disks = true;
    }

    /// The configuration of a node.
    pub fn config(&self, id: NodeId) -> Result<BrokerConfig, String> {
        let mut properties: Properties = parsed_playground_properties(id, self.brokers, &self.changes);
        if self.two_disks {
            properties.set("log.dirs", DISKS.map(|disk| log_dir(id, disk)).join(","));
        }
        BrokerConfig::from_properties(&properties).map_err(|error| format!("{error:?}"))
    }
}

/// Names of a node's disks, where it has two.
pub const DISKS: [&str; 2] = ["a", "b"];

/// The log directory on a disk.
pub fn log_dir(id: NodeId, disk: &str) -> String {
    format!("/var/lib/kafka/{id}/{disk}")
}

fn property(key: &'static str, value: i64) -> (Str, Str) {
    (Str::from_static(key), format!("{value}").into())
}
