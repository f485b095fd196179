//! The order of Java's hash maps: where Kafka walks one, what it prints or answers has that order.

use crate::ids::TopicPartition;
use crate::sorted::sort_by_key;
use alloc::vec::Vec;

/// Sorts items as a `java.util.HashMap` with them as its only keys would be walked; `hash` is an item's hash code.
///
/// The map was made for `expected` keys (16 where nobody said) and has grown by puts. Keys of one bucket keep their order.
pub(crate) fn hash_map_order<T>(items: &mut Vec<T>, expected: usize, hash: impl Fn(&T) -> u32) {
    // A table doubles whenever it is fuller than three quarters.
    let mut buckets = expected.next_power_of_two();
    while items.len() > buckets * 3 / 4 {
        buckets *= 2;
    }
    // The map folds the upper half of a hash code into the lower.
    sort_by_key(items, |item| {
        let hash = hash(item);
        (hash ^ (hash >> 16)) as usize & (buckets - 1)
    });
}

/// `String.hashCode`, over UTF-16 units.
pub(crate) fn string_hash(text: &str) -> u32 {
    text.encode_utf16().fold(0, |hash, unit| 31_u32.wrapping_mul(hash).wrapping_add(u32::from(unit)))
}

/// `TopicPartition.hashCode`.
pub(crate) fn topic_partition_hash(at: &TopicPartition) -> u32 {
    let partition = 31_u32.wrapping_add(at.partition as u32);
    31_u32.wrapping_mul(partition).wrapping_add(string_hash(&at.topic))
}

#[cfg(test)]
mod tests {
    use super::{hash_map_order, string_hash};
    use alloc::vec::Vec;

    #[test]
    fn keys_are_walked_as_java_walks_them() {
        // Seen on Apache Kafka 4.3: `kafka-topics.sh --describe` walks a map of these names, filled by walking another.
        let expected = ["first-topic", "assigned", "with.period", "three-partitions", "with_underscore", "compacted"];
        let mut names = Vec::from(expected);
        names.sort_unstable();
        hash_map_order(&mut names, 16, |name| string_hash(name));
        hash_map_order(&mut names, expected.len(), |name| string_hash(name));
        assert_eq!(names, expected);
    }
}
