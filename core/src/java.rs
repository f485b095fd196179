//! The order of Java's hash maps: where Kafka walks one, what it prints or answers has that order.

/// Sorts items as a `java.util.HashMap` with them as its only keys would be walked; `key` is an item's key.
///
/// The map was made for `expected` keys (16 where nobody said) and has grown by puts. Keys of one bucket keep their order.
pub(crate) fn hash_map_order<T>(items: &mut [T], expected: usize, key: impl Fn(&T) -> &str) {
    // A table doubles whenever it is fuller than three quarters.
    let mut buckets = expected.next_power_of_two();
    while items.len() > buckets * 3 / 4 {
        buckets *= 2;
    }
    items.sort_by_key(|item| bucket(key(item), buckets));
}

fn bucket(key: &str, buckets: usize) -> usize {
    // `String.hashCode` counts UTF-16 units; `HashMap` folds its upper half into the lower.
    let hash = key.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    (hash ^ (hash >> 16)) as usize & (buckets - 1)
}

#[cfg(test)]
mod tests {
    use super::hash_map_order;

    #[test]
    fn keys_are_walked_as_java_walks_them() {
        // Seen on Apache Kafka 4.3: `kafka-topics.sh --describe` walks a map of these names, filled by walking another.
        let expected = ["first-topic", "assigned", "with.period", "three-partitions", "with_underscore", "compacted"];
        let mut names = expected;
        names.sort_unstable();
        hash_map_order(&mut names, 16, |name| name);
        hash_map_order(&mut names, expected.len(), |name| name);
        assert_eq!(names, expected);
    }
}
