//! Faults as verbs: what goes wrong, and with whom.

use super::cluster::Cluster;
use super::formatting::{Emptied, may_format};
use super::network::{Latency, ProcessId};
use crate::ids::{BrokerEpoch, NodeId};
use crate::time::{Duration, Instant};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Something that goes wrong, or is put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9`: what was handed to the disk still arrives there.
    Kill(NodeId),
    /// What is not on the disk is lost.
    PowerOff(NodeId),
    /// Every node's power goes: a reload of the page.
    PowerOffAll,
    /// Controlled shutdown.
    Stop(NodeId),
    /// A node that does not run is started.
    Start(NodeId),
    /// A link falls silent.
    Cut(ProcessId, ProcessId),
    /// All links of a node to other nodes fall silent.
    Isolate(NodeId),
    /// The connections of two processes break; what is under way on them is lost.
    Reset(ProcessId, ProcessId),
    /// A node does nothing for so many milliseconds.
    Pause(NodeId, u64),
    /// All links are repaired.
    Repair,
    /// A disk becomes slow.
    SlowDisk(NodeId),
    /// It is quick again.
    QuickDisk(NodeId),
    /// Messages take up to this many microseconds from now on.
    Delay(u64),
    /// A disk of a node, by its place in `log.dirs`, stores and reads nothing any more.
    FailDisk(NodeId, usize),
    /// The disks of a node that does not run are good again.
    RepairDisks(NodeId),
    /// A log directory of a node that does not run, by its place in `log.dirs`, is emptied and formatted anew.
    FormatDisk(NodeId, usize),
}

/// Which faults may happen, and how often.
#[derive(Clone, Copy, Debug)]
pub struct FaultRules {
    /// Without a flush of every append a power cut really loses records: then none happens.
    pub power: bool,
    /// Longest time a node stays away.
    pub longest_absence: Duration,
    /// One fault in so many is a failing disk, and the node restarts with the disk repaired; 0 for none.
    pub disk_one_in: u64,
    /// One start in so many is with log directories formatted anew, where that may be; 0 for none.
    pub format_one_in: u64,
}

/// Draws faults, and starts what they ended.
#[derive(Clone, Debug)]
pub struct FaultSchedule {
    rules: FaultRules,
    calm: Latency,
    starts: BTreeMap<NodeId, Instant>,
    /// When nodes with a failed disk are killed, to start with a good one.
    replacements: BTreeMap<NodeId, Instant>,
    /// When the network is repaired at the latest.
    repair_at: Option<Instant>,
    /// Brokers that lost a directory.
    emptied: Emptied,
    happened: u64,
}

impl FaultSchedule {
    /// Nothing has happened yet; `calm` is how long messages take without faults.
    pub fn new(rules: FaultRules, calm: Latency) -> Self {
        Self {
            rules,
            calm,
            starts: BTreeMap::new(),
            replacements: BTreeMap::new(),
            repair_at: None,
            emptied: Emptied::new(),
            happened: 0,
        }
    }

    /// How many faults there were.
    pub fn happened(&self) -> u64 {
        self.happened
    }

    /// A fault, carried out; what it was.
    pub fn strike(&mut self, cluster: &mut Cluster) -> Fault {
        let fault = self.draw(cluster);
        self.happened += 1;
        self.carry_out(cluster, fault);
        fault
    }

    /// Starts the nodes whose time away is over, and repairs the network in time.
    pub fn recover(&mut self, cluster: &mut Cluster) -> Vec<Fault> {
        let now = cluster.now().monotonic;
        let mut done = Vec::new();
        let down: Vec<NodeId> =
            cluster.nodes().iter().filter(|(_, process)| process.node().is_none()).map(|(id, _)| *id).collect();
        for id in down {
            // A stopped node ends in its own time; its absence counts from then.
            let absence = cluster.rng.below(self.rules.longest_absence.as_millis() as u64);
            let at = *self.starts.entry(id).or_insert(now + Duration::from_millis(absence));
            if at <= now {
                // Now and then it has to start without them.
                if self.rules.disk_one_in > 0 && cluster.rng.chance(2, 3) {
                    done.push(Fault::RepairDisks(id));
                }
                done.extend(self.draw_formatting(cluster, id));
                done.push(Fault::Start(id));
            }
        }
        let broken =
            cluster.nodes().iter().filter(|(_, process)| process.has_failed_disk() && process.node().is_some());
        let broken: Vec<NodeId> = broken.map(|(id, _)| *id).collect();
        for id in broken {
            let time = cluster.rng.below(2 * self.rules.longest_absence.as_millis() as u64);
            let at = *self.replacements.entry(id).or_insert(now + Duration::from_millis(time));
            if at <= now {
                done.push(Fault::Kill(id));
            }
        }
        if self.repair_at.is_some_and(|at| at <= now) {
            done.push(Fault::Repair);
        }
        for fault in &done {
            self.carry_out(cluster, *fault);
        }
        done
    }

    /// Which directories of a node that is about to start are formatted anew: all, or one of them.
    fn draw_formatting(&self, cluster: &mut Cluster, id: NodeId) -> Vec<Fault> {
        let one_in = self.rules.format_one_in;
        if one_in == 0 || !cluster.rng.chance(1, one_in) {
            return Vec::new();
        }
        let disks = cluster.nodes().get(&id).map_or(0, |process| process.disks().len());
        let all = cluster.rng.chance(1, 2);
        let only = cluster.rng.below(disks.max(1) as u64) as usize;
        let in_sync = cluster.rng.chance(1, 4);
        let mut chosen: Vec<usize> = (0..disks).filter(|directory| all || *directory == only).collect();
        chosen.retain(|directory| may_format(cluster, &self.emptied, id, *directory, in_sync));
        chosen.into_iter().map(|directory| Fault::FormatDisk(id, directory)).collect()
    }

    /// Everything is put right.
    pub fn end(&mut self, cluster: &mut Cluster) {
        let ids: Vec<NodeId> = cluster.nodes().keys().copied().collect();
        self.carry_out(cluster, Fault::Repair);
        cluster.set_latency(self.calm);
        for id in ids {
            self.carry_out(cluster, Fault::QuickDisk(id));
            if cluster.nodes().get(&id).is_some_and(super::cluster::NodeProcess::has_failed_disk) {
                self.carry_out(cluster, Fault::Kill(id));
                self.carry_out(cluster, Fault::RepairDisks(id));
            }
            self.carry_out(cluster, Fault::Start(id));
        }
    }

    fn draw(&self, cluster: &mut Cluster) -> Fault {
        let ids: Vec<NodeId> = cluster.nodes().keys().copied().collect();
        let rng = &mut cluster.rng;
        let node = ids.get(rng.below(ids.len() as u64) as usize).copied().unwrap_or_default();
        let other = ids.get(rng.below(ids.len() as u64) as usize).copied().unwrap_or_default();
        if self.rules.disk_one_in > 0 && rng.chance(1, self.rules.disk_one_in) {
            let disks = cluster.nodes().get(&node).map_or(1, |process| process.disks().len() as u64);
            // The first holds the metadata log, without which a node ends: mostly another fails.
            let directory = if disks < 2 || cluster.rng.chance(1, 5) { 0 } else { 1 + cluster.rng.below(disks - 1) };
            return Fault::FailDisk(node, directory as usize);
        }
        match rng.below(26) {
            4..=6 if self.rules.power => Fault::PowerOff(node),
            7 if self.rules.power => Fault::PowerOffAll,
            0..=7 => Fault::Kill(node),
            8..=9 => Fault::Stop(node),
            10..=11 if node != other => Fault::Cut(ProcessId::Node(node), ProcessId::Node(other)),
            12 => Fault::Cut(ProcessId::Node(node), ProcessId::Client(rng.below(8) as u32)),
            10..=13 => Fault::Isolate(node),
            14..=15 => Fault::SlowDisk(node),
            16 => Fault::QuickDisk(node),
            17 => Fault::Repair,
            18..=19 if node != other => Fault::Reset(ProcessId::Node(node), ProcessId::Node(other)),
            18..=21 => Fault::Reset(ProcessId::Node(node), ProcessId::Client(rng.below(10) as u32)),
            22 => Fault::Pause(node, 1 + rng.below(200)),
            23 => Fault::Pause(node, 1 + rng.below(6_000)),
            _ => Fault::Delay(if rng.chance(1, 2) { self.calm.max_micros } else { 1_000 + rng.below(60_000) }),
        }
    }

    fn carry_out(&mut self, cluster: &mut Cluster, fault: Fault) {
        match fault {
            Fault::Kill(id) => cluster.kill(id),
            Fault::PowerOff(id) => cluster.power_off(id),
            Fault::PowerOffAll => {
                let ids: Vec<NodeId> = cluster.nodes().keys().copied().collect();
                for id in ids {
                    cluster.power_off(id);
                }
            }
            Fault::Stop(id) => cluster.stop(id),
            Fault::Start(id) => {
                self.starts.remove(&id);
                self.replacements.remove(&id);
                cluster.start(id);
            }
            Fault::Cut(one, other) => {
                cluster.cut(one, other);
                self.repair_soon(cluster);
            }
            Fault::Isolate(id) => {
                let others: Vec<NodeId> = cluster.nodes().keys().copied().filter(|other| *other != id).collect();
                for other in others {
                    cluster.cut(ProcessId::Node(id), ProcessId::Node(other));
                }
                self.repair_soon(cluster);
            }
            Fault::Reset(one, other) => cluster.reset(one, other),
            Fault::Pause(id, millis) => cluster.pause(id, Duration::from_millis(millis)),
            Fault::Repair => {
                self.repair_at = None;
                cluster.repair_all();
            }
            Fault::SlowDisk(id) => cluster.set_slow_disk(id, true),
            Fault::QuickDisk(id) => cluster.set_slow_disk(id, false),
            Fault::FailDisk(id, directory) => cluster.fail_disk(id, directory),
            Fault::RepairDisks(id) => cluster.repair_disks(id),
            Fault::FormatDisk(id, directory) => {
                cluster.format_disk(id, directory);
                self.emptied.insert(id, newest_epoch(cluster, id));
            }
            Fault::Delay(max_micros) => cluster.set_latency(Latency { max_micros, ..self.calm }),
        }
    }

    fn repair_soon(&mut self, cluster: &mut Cluster) {
        let longest = 2 * self.rules.longest_absence.as_millis() as u64;
        let at = cluster.now().monotonic + Duration::from_millis(cluster.rng.below(longest));
        self.repair_at = Some(self.repair_at.map_or(at, |known| known.min(at)));
    }
}

/// The newest epoch of a broker that any running node knows; -1 where none does.
pub fn newest_epoch(cluster: &Cluster, id: NodeId) -> BrokerEpoch {
    let known = cluster.running().filter_map(|(_, node)| Some(node.parts()?.image.cluster.broker(id)?.epoch));
    known.max().unwrap_or(-1)
}
