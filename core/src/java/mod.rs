//! What Java does in its own way and Kafka prints or answers: the order of hash maps, decimal fractions, random numbers.

mod double;

pub(crate) use double::Double;

use crate::ids::TopicPartition;
use crate::sorted::sort_by_key;
use alloc::format;
use alloc::string::{String, ToString};
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

/// `Double.toString`.
pub(crate) fn double(value: f64) -> String {
    Double::parse(&format!("{value}")).map_or_else(|| "NaN".to_string(), |double| double.to_string())
}

/// `%.Nf` of `java.util.Formatter`: the shortest digits that tell a number from its neighbours, rounded half up.
pub(crate) fn fixed(value: f64, places: usize) -> String {
    if value.is_nan() {
        return "NaN".to_string();
    }
    if value.is_infinite() {
        return (if value < 0.0 { "-Infinity" } else { "Infinity" }).to_string();
    }
    let shortest = format!("{}", value.abs());
    let (whole, fraction) = shortest.split_once('.').unwrap_or((&shortest, ""));
    let mut digits: Vec<u8> =
        whole.bytes().chain(fraction.bytes().chain(core::iter::repeat(b'0')).take(places)).collect();
    if fraction.as_bytes().get(places).is_some_and(|next| *next >= b'5') {
        let nines = digits.iter().rev().take_while(|digit| **digit == b'9').count();
        let kept = digits.len() - nines;
        digits.iter_mut().skip(kept).for_each(|digit| *digit = b'0');
        match kept.checked_sub(1).and_then(|at| digits.get_mut(at)) {
            Some(digit) => *digit += 1,
            None => digits.insert(0, b'1'),
        }
    }
    let point = digits.len() - places;
    let mut text = String::from(if value < 0.0 { "-" } else { "" });
    for (at, digit) in digits.into_iter().enumerate() {
        if at == point {
            text.push('.');
        }
        text.push(char::from(digit));
    }
    text
}

/// `java.util.SplittableRandom`.
#[derive(Clone, Debug)]
pub(crate) struct SplittableRandom(u64);

impl SplittableRandom {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    #[allow(clippy::inline_always, reason = "a call takes as long as the rest of a letter")]
    #[inline(always)]
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 33)).wrapping_mul(0x62a9_d9ed_7997_05f5);
        ((mixed ^ (mixed >> 28)).wrapping_mul(0xcb24_d0a5_c88c_35b3) >> 32) as u32
    }

    /// `nextInt(bound)`; the bound is at least 1 and within an `int`.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        let mut drawn = self.next();
        if bound.is_power_of_two() {
            return drawn & (bound - 1);
        }
        loop {
            drawn >>= 1;
            let found = drawn % bound;
            // The last, incomplete run of the bound would favour its beginning.
            if drawn - found <= i32::MAX as u32 - (bound - 1) {
                return found;
            }
            drawn = self.next();
        }
    }

    /// So many letters from `A` to `Z`, each by `nextInt(26)`.
    pub(crate) fn letters(&mut self, count: usize) -> Vec<u8> {
        const BOUND: u32 = 26;
        // Finds the quotient of any 31 bits; a division takes longer than all the rest.
        const RECIPROCAL: u64 = (1_u64 << 35).div_ceil(BOUND as u64);
        let mut random = self.clone();
        let mut letters = alloc::vec![0; count];
        for letter in &mut letters {
            loop {
                let drawn = random.next() >> 1;
                let quotient = ((u64::from(drawn) * RECIPROCAL) >> 35) as u32;
                let run = quotient * BOUND;
                if run <= i32::MAX as u32 - (BOUND - 1) {
                    *letter = b'A' + (drawn - run) as u8;
                    break;
                }
            }
        }
        *self = random;
        letters
    }
}

#[cfg(test)]
mod tests {
    use super::{SplittableRandom, fixed, hash_map_order, string_hash};
    use alloc::vec::Vec;

    #[test]
    fn fractions_are_rounded_as_javas_formatter_rounds() {
        for (value, places, text) in [
            (0.0, 2, "0.00"),
            (0.125, 2, "0.13"),
            (0.005, 2, "0.01"),
            (9.999, 2, "10.00"),
            (99.95, 1, "100.0"),
            (1234.5678, 4, "1234.5678"),
            (-0.25, 1, "-0.3"),
            (8.156_607_6, 6, "8.156608"),
            (1e-7, 6, "0.000000"),
            (f64::NAN, 2, "NaN"),
            (f64::INFINITY, 4, "Infinity"),
            (3.0, 0, "3."),
        ] {
            assert_eq!(fixed(value, places).trim_end_matches('.'), text.trim_end_matches('.'), "{value} {places}");
        }
    }

    #[test]
    fn random_numbers_are_javas() {
        // What Apache Kafka's producer-perf-test sent first.
        let mut random = SplittableRandom::new(0);
        assert_eq!(random.letters(10), b"YQHHNEBSEP");
        assert_eq!(random.letters(20), b"DNSEIFGAMSUJXKOLTXSP");
        let mut same = random.clone();
        let divided: Vec<u8> = (0..100_000).map(|_| b'A' + same.below(26) as u8).collect();
        assert_eq!(random.letters(divided.len()), divided);
    }

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
