//! Clusters under faults, many seeds each.

use super::cluster::{Cluster, Weather};
use crate::time::{Duration, Instant};
use alloc::format;
use alloc::vec::Vec;
use bytes::Bytes;

/// Seeds per test; a failing one prints itself first.
const SEEDS: u64 = 200;

extern crate std;

impl Cluster {
    /// Appends a few records at a leader, where there is one.
    fn write(&mut self) -> bool {
        let leaders = self.active_leaders();
        let chosen = self.rng.below(leaders.len() as u64) as usize;
        let Some(&(leader, epoch)) = leaders.get(chosen) else { return false };
        let count = 1 + self.rng.below(3);
        let records: Vec<Bytes> =
            (0..count).map(|_| Bytes::from(format!("{epoch}:{:016x}", self.rng.next_u64()))).collect();
        self.with(leader, |client, now, queue| client.append(now, epoch, &records, queue))
            .is_some_and(|end| end.is_ok())
    }

    fn snapshot(&mut self) {
        let node = self.rng.below(self.nodes.len() as u64) as usize;
        let records = self.nodes[node].state.clone();
        self.with(node, |client, now, queue| {
            if let Some(id) = client.next_snapshot_id() {
                let _ = client.create_snapshot(now, id, &records, queue);
            }
        });
    }

    /// Something goes wrong; half the time with a leader. `longest` is how long a process stays away at most.
    fn fault(&mut self, longest: u64) {
        let count = self.nodes.len() as u64;
        let mut node = self.rng.below(count) as usize;
        let at_leader = self.rng.chance(1, 2);
        if let Some((_, leader)) = self.leaders.last_key_value().filter(|_| at_leader) {
            node = *leader;
        }
        let other = self.rng.below(count) as usize;
        match self.rng.below(12) {
            0..=2 => {
                // kill: what was handed to storage is still written.
                self.stop(node, usize::MAX);
                self.nodes[node].restart_at = Some(self.now + Duration::from_millis(self.rng.below(longest)));
            }
            3..=5 => {
                // power off: of it only what the disk had got to.
                let written = self.rng.below(self.nodes[node].unstored.len() as u64 + 1) as usize;
                self.stop(node, written);
                self.nodes[node].restart_at = Some(self.now + Duration::from_millis(self.rng.below(longest)));
            }
            6 => {
                self.with(node, |client, now, queue| client.shutdown(now, Duration::from_millis(700), queue));
            }
            7 => {
                self.with(node, |client, now, queue| {
                    let (_, epoch) = client.leader_and_epoch();
                    client.resign(now, epoch, queue);
                });
            }
            8 => {
                for peer in 0..self.nodes.len() {
                    self.cut.insert((node, peer));
                    self.cut.insert((peer, node));
                }
            }
            9 => {
                self.cut.insert((node, other));
            }
            10 => self.cut.clear(),
            _ => {
                let disk = if self.rng.chance(1, 2) { 40_000 } else { 2000 };
                self.weather = Weather { lost: self.rng.below(150), slow: self.rng.below(200), disk };
            }
        }
    }

    fn restart_due(&mut self, all: bool) {
        for node in 0..self.nodes.len() {
            if self.nodes[node].is_shutdown_complete && self.nodes[node].client.is_some() {
                self.stop(node, usize::MAX);
                self.nodes[node].restart_at = Some(self.now + Duration::from_millis(100));
            }
            let is_due = self.nodes[node].restart_at.is_some_and(|at| at <= self.now);
            if self.nodes[node].client.is_none() && (all || is_due) {
                self.start(node);
            }
        }
    }
}

fn survive_faults(seed: u64, voters: usize, observers: usize, pieces: i32) -> u32 {
    let mut cluster = Cluster::new(seed, voters, observers);
    for node in &mut cluster.nodes {
        node.config.fetch_max_bytes = pieces;
    }
    let end = Instant::from_millis(15_000);
    // Some runs are a storm: a fault every few moments, and short absences.
    let (calm, longest) = if seed.is_multiple_of(3) { (4, 300) } else { (20, 1500) };
    while cluster.now < end {
        let pause = Duration::from_millis(5 + cluster.rng.below(60));
        cluster.run_for(pause);
        cluster.restart_due(false);
        match cluster.rng.below(calm) {
            0 => cluster.fault(longest),
            1 => cluster.snapshot(),
            2..=3 => {}
            _ => {
                cluster.write();
            }
        }
    }
    cluster.cut.clear();
    cluster.weather = Weather::default();
    // A shutdown under way ends; then all run again.
    cluster.run_for(Duration::from_millis(800));
    cluster.restart_due(true);
    cluster.run_for(Duration::from_millis(200));
    cluster.restart_due(true);
    let leads = cluster.run_until(Duration::from_secs(8), |cluster| !cluster.active_leaders().is_empty());
    assert!(leads, "a leader is elected once the faults are over");
    assert!(cluster.write(), "the leader takes records");
    let same = cluster.run_until(Duration::from_secs(8), Cluster::has_converged);
    assert!(same, "all follow: {}", cluster.picture());
    cluster.assert_equal();
    cluster.snapshots_fetched
}

fn for_seeds(name: &str, first: u64, run: impl Fn(u64) -> u32) -> u32 {
    let mut fetched = 0;
    for seed in first..first + SEEDS {
        std::println!("{name}: seed {seed}");
        fetched += run(seed);
    }
    fetched
}

#[test]
fn three_voters_survive_faults() {
    assert!(for_seeds("three", 1, |seed| survive_faults(seed, 3, 1, 1 << 20)) > 0);
}

#[test]
fn five_voters_survive_faults() {
    for_seeds("five", 10_000, |seed| survive_faults(seed, 5, 1, 1 << 20));
}

#[test]
fn small_fetches_survive_faults() {
    assert!(for_seeds("small", 20_000, |seed| survive_faults(seed, 3, 2, 150)) > 0);
}

#[test]
fn two_voters_and_one_survive_faults() {
    for_seeds("one", 30_000, |seed| survive_faults(seed, 1, 1, 1 << 20));
    for_seeds("two", 40_000, |seed| survive_faults(seed, 2, 0, 1 << 20));
}

#[test]
fn a_calm_cluster_keeps_its_leader() {
    for seed in 0..20 {
        std::println!("calm: seed {seed}");
        let mut cluster = Cluster::new(seed, 3, 2);
        assert!(cluster.run_until(Duration::from_secs(5), |cluster| !cluster.active_leaders().is_empty()));
        let elected = cluster.active_leaders();
        for _ in 0..100 {
            assert!(cluster.write());
            cluster.run_for(Duration::from_millis(200));
            assert_eq!(cluster.active_leaders(), elected);
        }
        assert!(cluster.run_until(Duration::from_secs(1), Cluster::has_converged));
        cluster.assert_equal();
    }
}

#[test]
fn a_killed_leader_is_replaced_soon() {
    for seed in 0..50 {
        std::println!("killed: seed {seed}");
        let mut cluster = Cluster::new(seed, 3, 1);
        assert!(cluster.run_until(Duration::from_secs(5), Cluster::has_converged));
        let (leader, epoch) = cluster.active_leaders()[0];
        cluster.write();
        cluster.stop(leader, 0);
        let replaced = cluster
            .run_until(Duration::from_secs(4), |cluster| cluster.active_leaders().iter().any(|(_, new)| *new > epoch));
        assert!(replaced);
    }
}

#[test]
fn a_shutdown_hands_over_within_the_election_backoff() {
    for seed in 0..50 {
        std::println!("shutdown: seed {seed}");
        let mut cluster = Cluster::new(seed, 3, 1);
        assert!(cluster.run_until(Duration::from_secs(5), Cluster::has_converged));
        let (leader, epoch) = cluster.active_leaders()[0];
        cluster.with(leader, |client, now, queue| client.shutdown(now, Duration::from_secs(5), queue));
        // Neither an election timeout nor a fetch timeout has to pass.
        let replaced = cluster.run_until(Duration::from_millis(250), |cluster| {
            cluster.active_leaders().iter().any(|(_, new)| *new > epoch)
        });
        assert!(replaced);
        assert!(cluster.run_until(Duration::from_millis(250), |cluster| cluster.nodes[leader].is_shutdown_complete));
    }
}

#[test]
fn an_isolated_leader_steps_down_and_a_healed_voter_disturbs_nobody() {
    for seed in 0..30 {
        std::println!("isolated: seed {seed}");
        let mut cluster = Cluster::new(seed, 3, 0);
        assert!(cluster.run_until(Duration::from_secs(5), Cluster::has_converged));
        let (old, epoch) = cluster.active_leaders()[0];
        for peer in 0..3 {
            cluster.cut.insert((old, peer));
            cluster.cut.insert((peer, old));
        }
        cluster.run_for(Duration::from_secs(6));
        let leaders = cluster.active_leaders();
        assert_eq!(leaders.len(), 1, "the isolated one gave up");
        assert!(leaders[0].0 != old && leaders[0].1 > epoch);
        cluster.cut.clear();
        assert!(cluster.run_until(Duration::from_secs(6), Cluster::has_converged));
        assert_eq!(cluster.active_leaders(), leaders, "its return changes no leader");
        cluster.assert_equal();
    }
}
