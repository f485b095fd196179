//! Which partition a record goes to: by key, or sticky while a batch fills (`BuiltInPartitioner`, KIP-480 and KIP-794).

use crate::ids::PartitionIndex;
use crate::rng::Rng;
use alloc::vec::Vec;

/// `MurmurHash2` with Kafka's seed, as the Java client hashes keys.
pub fn murmur2(data: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const MULTIPLIER: u32 = 0x5bd1_e995;
    const SHIFT: u32 = 24;

    let mut hash = SEED ^ data.len() as u32;
    let (blocks, tail) = data.as_chunks::<4>();
    for block in blocks {
        let mut mixed = u32::from_le_bytes(*block).wrapping_mul(MULTIPLIER);
        mixed ^= mixed >> SHIFT;
        hash = hash.wrapping_mul(MULTIPLIER) ^ mixed.wrapping_mul(MULTIPLIER);
    }
    if !tail.is_empty() {
        for (index, &byte) in tail.iter().enumerate() {
            hash ^= u32::from(byte) << (8 * index);
        }
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    (hash ^ (hash >> 15)) as i32
}

/// The partition of a record with a key: over all `partitions` of the topic, also those without a leader.
/// 0 where `partitions` is not positive.
pub fn partition_for_key(key: &[u8], partitions: i32) -> PartitionIndex {
    if partitions <= 0 { 0 } else { (murmur2(key) & i32::MAX) % partitions }
}

/// The partition of records without a key, one per topic: stays on a partition until a batch's worth of bytes went there.
#[derive(Clone, Debug, Default)]
pub struct StickyPartitioner {
    current: Option<PartitionIndex>,
    /// Bytes given to the current partition since it was chosen.
    produced_bytes: usize,
}

/// What a producer knows of one partition when a new sticky one is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionLoad {
    /// The partition.
    pub partition: PartitionIndex,
    /// True where it has a leader.
    pub available: bool,
    /// Batches waiting to be sent to it.
    pub queued_batches: u32,
}

impl StickyPartitioner {
    /// The partition for the next record, drawn now where none is current. `None` where the topic has no partition.
    pub fn partition(&mut self, loads: &[PartitionLoad], rng: &mut Rng) -> Option<PartitionIndex> {
        let still_there = self.current.filter(|current| loads.iter().any(|load| load.partition == *current));
        if still_there.is_none() {
            self.produced_bytes = 0;
            self.current = draw(loads, rng);
        }
        self.current
    }

    /// The partition of the record before, unless another is to be drawn.
    pub fn current(&self) -> Option<PartitionIndex> {
        self.current
    }

    /// Counts a record appended to the current partition. `batch_closed` says that its batch takes no more; only then,
    /// or when two batches' worth were written, another partition is drawn, so that no partition gets broken-off batches.
    pub fn appended(&mut self, bytes: usize, batch_size: usize, batch_closed: bool) {
        self.produced_bytes = self.produced_bytes.saturating_add(bytes);
        let enough = self.produced_bytes >= batch_size && batch_closed;
        if enough || self.produced_bytes >= batch_size.saturating_mul(2) {
            self.current = None;
        }
    }
}

/// Draws among the partitions with a leader (all of them where none has one), the shorter a queue the likelier.
fn draw(loads: &[PartitionLoad], rng: &mut Rng) -> Option<PartitionIndex> {
    let available: Vec<&PartitionLoad> = loads.iter().filter(|load| load.available).collect();
    let candidates = if available.is_empty() { loads.iter().collect() } else { available };
    let longest = candidates.iter().map(|load| u64::from(load.queued_batches)).max()?;
    let weight = |load: &PartitionLoad| longest + 1 - u64::from(load.queued_batches);
    let mut ticket = rng.below(candidates.iter().map(|load| weight(load)).sum());
    for load in candidates {
        if ticket < weight(load) {
            return Some(load.partition);
        }
        ticket -= weight(load);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sorted::SortedMap;

    #[test]
    fn murmur2_is_the_java_clients() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("abc", 479_470_107),
            ("", 275_646_681),
            ("a-little-bit-long-string", -985_981_536),
        ] {
            assert_eq!(murmur2(key.as_bytes()), hash, "{key:?}");
        }
    }

    #[test]
    fn keys_go_where_java_sends_them() {
        for (key, of_three, of_six) in [
            ("foobar", 0, Some(0)),
            ("abc", 0, Some(3)),
            ("key1", 2, Some(2)),
            ("key2", 2, Some(5)),
            ("user-1", 2, None),
        ] {
            assert_eq!(partition_for_key(key.as_bytes(), 3), of_three, "{key}");
            if let Some(of_six) = of_six {
                assert_eq!(partition_for_key(key.as_bytes(), 6), of_six, "{key}");
            }
        }
        assert_eq!(partition_for_key(b"abc", 0), 0);
    }

    fn loads(queues: &[(bool, u32)]) -> Vec<PartitionLoad> {
        let load = |(index, &(available, queued_batches))| PartitionLoad {
            partition: index as i32,
            available,
            queued_batches,
        };
        queues.iter().enumerate().map(load).collect()
    }

    #[test]
    fn sticky_changes_only_with_a_closed_batch_or_after_two() {
        let loads = loads(&[(true, 0), (true, 0), (true, 0)]);
        let mut rng = Rng::new(1);
        for (appends, changes) in [
            (vec_of(&[(99, false)]), false),
            (vec_of(&[(60, false), (60, false)]), false),
            (vec_of(&[(60, true)]), false),
            (vec_of(&[(60, false), (60, true)]), true),
            (vec_of(&[(100, false), (100, false)]), true),
        ] {
            let mut sticky = StickyPartitioner::default();
            sticky.partition(&loads, &mut rng);
            for (bytes, closed) in &appends {
                sticky.appended(*bytes, 100, *closed);
            }
            assert_eq!(sticky.current.is_none(), changes, "{appends:?}");
        }
    }

    fn vec_of(appends: &[(usize, bool)]) -> Vec<(usize, bool)> {
        appends.to_vec()
    }

    #[test]
    fn sticky_prefers_leaders_and_short_queues() {
        let mut rng = Rng::new(2);
        let mut drawn = SortedMap::new();
        for _ in 0..6000 {
            let partition = draw(&loads(&[(true, 0), (false, 0), (true, 4)]), &mut rng).expect("there are partitions");
            *drawn.entry(partition).or_insert(0) += 1;
        }
        assert_eq!(drawn.keys().copied().collect::<Vec<_>>(), [0, 2]);
        // Weights 5 and 1.
        assert!((4700..5300).contains(&drawn[&0]), "{drawn:?}");
        assert!(draw(&loads(&[(false, 0)]), &mut rng).is_some(), "leaderless ones where nothing else is there");
        assert!(draw(&[], &mut rng).is_none());
    }

    #[test]
    fn a_sticky_partition_that_vanished_is_left() {
        let mut rng = Rng::new(3);
        let mut sticky = StickyPartitioner { current: Some(7), produced_bytes: 50 };
        assert_eq!(sticky.partition(&loads(&[(true, 0)]), &mut rng), Some(0));
        assert_eq!(sticky.produced_bytes, 0);
    }
}
