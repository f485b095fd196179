//! Random faults; what must hold whatever happens.

extern crate std;

use super::super::*;
use super::cluster::Cluster;
use super::{FLUSHED, batch};
use alloc::format;
use alloc::vec::Vec;
use bytes::Bytes;

/// What the producer was told.
#[derive(Default)]
struct Sent {
    waiting: SortedMap<u64, Bytes>,
    /// Value to its offset.
    acknowledged: SortedMap<Bytes, Offset>,
}

impl Sent {
    fn take_answers(&mut self, cluster: &mut Cluster) {
        let tokens: Vec<u64> = self.waiting.keys().copied().collect();
        for token in tokens {
            let Some((error, offset, _)) = cluster.produced(token) else { continue };
            let value = self.waiting.remove(&token).expect("it waited");
            if error == ErrorCode::None {
                self.acknowledged.insert(value, offset);
            }
        }
    }
}

/// Elects as a controller does: the leader stays, else the first of the ISR that runs; nobody else.
fn elect(cluster: &mut Cluster) {
    let known = cluster.registration();
    let up: Vec<NodeId> = known.isr.iter().copied().filter(|&id| cluster.is_up(id)).collect();
    if up.is_empty() {
        if known.leader != -1 {
            cluster.elect(-1, &known.isr);
        }
    } else if !up.contains(&known.leader) {
        // Who is down leaves the ISR, as fencing does.
        cluster.elect(up[0], &up);
    }
}

fn run(seed: u64) {
    let mut cluster = Cluster::new(seed, FLUSHED);
    let mut rng = Rng::new(seed);
    let mut sent = Sent::default();
    cluster.run_millis(600);
    let mut down_since: SortedMap<NodeId, u32> = SortedMap::new();
    for step in 0..250_u32 {
        match rng.below(14) {
            0 if down_since.len() < 2 => {
                let id = rng.below(3) as NodeId;
                if cluster.is_up(id) {
                    cluster.power_off(id);
                    down_since.insert(id, step);
                }
            }
            1 => {
                if let Some((&id, _)) = down_since.iter().next() {
                    down_since.remove(&id);
                    cluster.start(id);
                }
            }
            2 => {
                let (from, to) = (rng.below(3) as NodeId, rng.below(3) as NodeId);
                cluster.cut.extend([(from, to), (to, from)]);
            }
            3 => cluster.cut.clear(),
            4 => {
                let known = cluster.registration();
                let other = known.isr[rng.below(known.isr.len() as u64) as usize];
                if cluster.is_up(other) {
                    cluster.elect(other, &known.isr);
                }
            }
            5 => {
                cluster.hold_storage.insert(rng.below(3) as NodeId);
            }
            6 => cluster.hold_storage.clear(),
            _ => {
                let leader = cluster.registration().leader;
                if cluster.is_up(leader) {
                    let value = format!("{step}");
                    cluster.produce(leader, -1, 3000, batch(&[&value]), u64::from(step));
                    sent.waiting.insert(u64::from(step), Bytes::from(value));
                }
            }
        }
        elect(&mut cluster);
        cluster.run_millis(rng.below(400));
        sent.take_answers(&mut cluster);
        check(&mut cluster, seed, step);
    }
    cluster.cut.clear();
    cluster.hold_storage.clear();
    for id in 0..3 {
        if !cluster.is_up(id) {
            cluster.start(id);
        }
    }
    elect(&mut cluster);
    cluster.run_millis(40_000);
    sent.take_answers(&mut cluster);
    let ends = [0, 1, 2].map(|id| cluster.log(id).log_end_offset());
    assert_eq!(ends, [ends[0]; 3], "seed {seed}: the logs end alike");
    let values: SortedMap<Offset, Bytes> = cluster.values(0, ends[0]).into_iter().collect();
    for id in [1, 2] {
        assert!(cluster.values(id, ends[0]).into_iter().eq(values.clone()), "seed {seed}: the logs are equal");
    }
    for (value, offset) in &sent.acknowledged {
        assert_eq!(values.get(offset), Some(value), "seed {seed}: acknowledged, so it is there");
    }
    assert!(sent.acknowledged.len() > 10, "seed {seed}: only {} acknowledged", sent.acknowledged.len());
}

/// Logs are equal below the smaller high watermark of any two.
fn check(cluster: &mut Cluster, seed: u64, step: u32) {
    let up: Vec<NodeId> = (0..3).filter(|&id| cluster.is_up(id)).collect();
    for pair in up.windows(2) {
        let (first, second) = (pair[0], pair[1]);
        let committed = cluster.log(first).high_watermark().min(cluster.log(second).high_watermark());
        let (left, right) = (cluster.values(first, committed), cluster.values(second, committed));
        assert_eq!(left, right, "seed {seed} step {step}: brokers {first} and {second} below {committed}");
    }
}

#[test]
fn whatever_fails_committed_records_stay_and_replicas_agree() {
    for seed in 0..60 {
        std::println!("seed {seed}");
        run(seed);
    }
}
