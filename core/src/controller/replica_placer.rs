//! Chooses replicas for new partitions (KIP-631): striped over racks and brokers, unfenced ones first.

use crate::ids::NodeId;
use crate::metadata::ClusterImage;
use crate::rng::Rng;
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::format;
use alloc::vec::Vec;

/// Places `partitions` partitions with `replication_factor` replicas each; the first replica is always unfenced.
///
/// # Errors
/// Kafka's text where the brokers do not suffice.
pub(super) fn place(
    cluster: &ClusterImage,
    partitions: usize,
    replication_factor: usize,
    rng: &mut Rng,
) -> Result<Vec<Vec<NodeId>>, Str> {
    place_on(&usable_brokers(cluster), partitions, replication_factor, rng)
}

fn usable_brokers(cluster: &ClusterImage) -> Vec<UsableBroker<'_>> {
    let usable = cluster.brokers().filter_map(|broker| {
        let shutting_down = broker.in_controlled_shutdown && !broker.fenced;
        let all_cordoned = !broker.log_dirs.is_empty()
            && broker.log_dirs.iter().all(|directory| broker.cordoned_log_dirs.contains(directory));
        let broker = UsableBroker { id: broker.id, rack: broker.rack.as_ref(), fenced: broker.fenced };
        (!shutting_down && !all_cordoned).then_some(broker)
    });
    usable.collect()
}

/// A broker that may get replicas.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UsableBroker<'a> {
    pub(crate) id: NodeId,
    pub(crate) rack: Option<&'a Str>,
    pub(crate) fenced: bool,
}

/// As [`place`], on these brokers.
pub(crate) fn place_on(
    brokers: &[UsableBroker<'_>],
    partitions: usize,
    replication_factor: usize,
    rng: &mut Rng,
) -> Result<Vec<Vec<NodeId>>, Str> {
    let mut racks = RackList::new(brokers, rng);
    (0..partitions).map(|_| racks.place(replication_factor, rng)).collect()
}

/// Brokers of one kind in one rack. Each round starts one further, so that successive partitions rotate.
#[derive(Clone, Debug, Default)]
struct BrokerList {
    brokers: Vec<NodeId>,
    round: usize,
    index: usize,
    offset: usize,
}

impl BrokerList {
    fn start_anywhere(&mut self, rng: &mut Rng) {
        self.offset = rng.below(self.brokers.len() as u64) as usize;
    }

    /// The next broker of this round; none twice in one.
    fn next(&mut self, round: usize) -> Option<NodeId> {
        let count = self.brokers.len();
        if count == 0 {
            return None;
        }
        if self.round != round {
            self.round = round;
            self.index = 0;
            self.offset = (self.offset + 1) % count;
        }
        let position = (self.index < count).then_some((self.index + self.offset) % count)?;
        self.index += 1;
        self.brokers.get(position).copied()
    }
}

/// The brokers of one rack.
#[derive(Clone, Debug, Default)]
struct Rack {
    unfenced: BrokerList,
    fenced: BrokerList,
}

impl Rack {
    fn next(&mut self, round: usize) -> Option<NodeId> {
        self.unfenced.next(round).or_else(|| self.fenced.next(round))
    }
}

/// The racks in the order they are visited.
struct RackList {
    racks: Vec<Rack>,
    brokers: usize,
    unfenced_brokers: usize,
    round: usize,
    offset: usize,
}

impl RackList {
    fn new(usable: &[UsableBroker<'_>], rng: &mut Rng) -> Self {
        // Ordered by name, brokers without a rack first: `None` sorts so.
        let mut by_name: SortedMap<Option<&Str>, Rack> = SortedMap::new();
        let (mut brokers, mut unfenced_brokers) = (0, 0);
        for broker in usable {
            let rack = by_name.entry(broker.rack).or_default();
            brokers += 1;
            unfenced_brokers += usize::from(!broker.fenced);
            let list = if broker.fenced { &mut rack.fenced } else { &mut rack.unfenced };
            list.brokers.push(broker.id);
        }
        let mut racks: Vec<Rack> = by_name.into_values().collect();
        for rack in &mut racks {
            rack.fenced.start_anywhere(rng);
            rack.unfenced.start_anywhere(rng);
        }
        let offset = rng.below(racks.len() as u64) as usize;
        Self { racks, brokers, unfenced_brokers, round: 0, offset }
    }

    fn place(&mut self, replication_factor: usize, rng: &mut Rng) -> Result<Vec<NodeId>, Str> {
        if self.unfenced_brokers == 0 {
            let message = "All brokers are currently fenced, or have all their log directories cordoned.";
            return Err(Str::from_static(message));
        }
        if replication_factor > self.brokers {
            return Err(Str::from(format!(
                "The target replication factor of {replication_factor} cannot be reached because only {} broker(s) are \
                 registered or some brokers have all their log directories cordoned.",
                self.brokers
            )));
        }
        // As many partitions as unfenced brokers use up the rotation: another order keeps the gaps between leader and
        // followers from repeating.
        if self.round == self.unfenced_brokers && self.unfenced_brokers > 1 {
            self.shuffle(rng);
            self.round = 0;
        }
        let count = self.racks.len();
        self.offset %= count;
        let (leader_rack, leader) = self.next_leader().unwrap_or((0, crate::ids::NO_NODE));
        let mut replicas = alloc::vec![leader];
        // The leader's rack is passed over once, in its turn.
        let mut passed_over = false;
        let mut rack = self.offset;
        // Each broker is given once a round and there are enough, so a few turns of the racks always do.
        for _ in 0..count * (self.brokers + 1) {
            if replicas.len() == replication_factor {
                break;
            }
            if rack == leader_rack && !passed_over {
                passed_over = true;
            } else {
                replicas.extend(self.racks.get_mut(rack).and_then(|rack| rack.next(self.round)));
            }
            rack = (rack + 1) % count;
        }
        self.round += 1;
        self.offset += 1;
        Ok(replicas)
    }

    /// The next unfenced broker, and its rack.
    fn next_leader(&mut self) -> Option<(usize, NodeId)> {
        let count = self.racks.len();
        let round = self.round;
        (0..count).map(|step| (self.offset + step) % count).find_map(|index| {
            let leader = self.racks.get_mut(index)?.unfenced.next(round)?;
            Some((index, leader))
        })
    }

    fn shuffle(&mut self, rng: &mut Rng) {
        rng.shuffle(&mut self.racks);
        for rack in &mut self.racks {
            rng.shuffle(&mut rack.fenced.brokers);
            rng.shuffle(&mut rack.unfenced.brokers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Uuid;
    use crate::metadata::{MetadataDelta, MetadataImage, MetadataRecord};
    use crate::protocol::messages::RegisterBrokerRecord;
    use crate::sorted::SortedSet;
    use alloc::vec;

    fn cluster(brokers: &[(NodeId, Option<&str>, bool)]) -> MetadataImage {
        let mut delta = MetadataDelta::new(&MetadataImage::default());
        for &(broker_id, rack, fenced) in brokers {
            let record = RegisterBrokerRecord {
                broker_id,
                rack: rack.map(Str::from),
                fenced,
                log_dirs: vec![Uuid::from_u128(100 + broker_id as u128)],
                ..Default::default()
            };
            assert_eq!(delta.replay(&MetadataRecord::RegisterBroker(record)), Ok(()));
        }
        delta.apply(crate::metadata::Provenance::EMPTY)
    }

    #[test]
    fn racks_take_turns_and_their_brokers_rotate() {
        let racks = [(0, "a"), (1, "a"), (2, "a"), (10, "b"), (11, "b"), (12, "b"), (20, "c"), (21, "c"), (22, "c")];
        let brokers: Vec<_> = racks.iter().map(|&(id, rack)| (id, Some(rack), false)).collect();
        let image = cluster(&brokers);
        let mut racks = RackList::new(&usable_brokers(&image.cluster), &mut Rng::new(1));
        racks.offset = 0;
        for rack in &mut racks.racks {
            rack.unfenced.offset = 0;
        }
        let placed: Vec<_> = (0..3).map(|_| racks.place(3, &mut Rng::new(1))).collect();
        assert_eq!(placed, [Ok(vec![0, 10, 20]), Ok(vec![11, 21, 1]), Ok(vec![22, 2, 12])]);
    }

    #[test]
    fn a_partition_never_has_a_broker_twice_and_its_leader_is_unfenced() {
        for seed in 0..300 {
            let mut rng = Rng::new(seed);
            let count = 1 + rng.below(7) as NodeId;
            let mut brokers: Vec<_> = (0..count)
                .map(|id| (id, [None, Some("a"), Some("b")][rng.below(3) as usize], rng.chance(1, 3)))
                .collect();
            brokers[0].2 = false;
            let factor = 1 + rng.below(count as u64) as usize;
            let image = cluster(&brokers);
            let placed = place(&image.cluster, 20, factor, &mut rng).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
            for replicas in placed {
                let different: SortedSet<_> = replicas.iter().collect();
                assert_eq!((different.len(), replicas.len()), (factor, factor), "seed {seed}: {replicas:?}");
                assert!(image.cluster.is_unfenced(replicas[0]), "seed {seed}: {replicas:?}");
            }
        }
    }

    #[test]
    fn leaders_are_spread_evenly() {
        let image = cluster(&[(0, None, false), (1, None, false), (2, None, false)]);
        for seed in 0..20 {
            let placed = place(&image.cluster, 12, 2, &mut Rng::new(seed)).unwrap_or_default();
            for broker in 0..3 {
                assert_eq!(placed.iter().filter(|replicas| replicas[0] == broker).count(), 4, "seed {seed}");
            }
        }
    }
}
