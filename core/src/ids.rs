//! Identifiers. Kafka's numeric ids keep their wire types under a name; ours are types of their own.

use crate::text::Str;
use alloc::string::String;
use core::fmt;

/// `node.id`: a broker, a controller or both.
pub type NodeId = i32;
/// Index of a partition in its topic.
pub type PartitionIndex = i32;
/// A record's position in its partition's log.
pub type Offset = i64;
/// Counts the leaders of one partition.
pub type LeaderEpoch = i32;
/// Offset of a broker's registration record.
pub type BrokerEpoch = i64;
/// Id of an idempotent or transactional producer.
pub type ProducerId = i64;

/// No leader, no node, unknown (`NO_LEADER`, `-1`).
pub const NO_NODE: NodeId = -1;
/// No or unknown epoch.
pub const NO_EPOCH: i32 = -1;

/// Name of the KRaft log's topic.
pub const CLUSTER_METADATA_TOPIC: &str = "__cluster_metadata";
/// Name of the internal topic with the groups' offsets.
pub const CONSUMER_OFFSETS_TOPIC: &str = "__consumer_offsets";
/// Name of the internal topic with the states of transactional ids.
pub const TRANSACTION_STATE_TOPIC: &str = "__transaction_state";

/// One connection at one host, never used again after it closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// A partition of a topic, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TopicPartition {
    /// Topic name.
    pub topic: Str,
    /// Partition index, from 0.
    pub partition: PartitionIndex,
}

impl TopicPartition {
    /// Partition `partition` of `topic`.
    pub fn new(topic: impl Into<Str>, partition: PartitionIndex) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// 128 bits, printed as Kafka does: URL-safe base64 without padding, 22 characters.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(u128);

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Uuid {
    /// All zero: no id.
    pub const ZERO: Self = Self(0);
    /// The topic id of `__cluster_metadata`.
    pub const METADATA_TOPIC: Self = Self(1);

    /// From its 128 bits, most significant first on the wire.
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    /// Its 128 bits.
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// True for the ids Kafka keeps for itself (`Uuid.RESERVED`).
    pub const fn is_reserved(self) -> bool {
        self.0 <= 1
    }

    /// Reads the text form; `None` where it is not 22 characters of the alphabet or has bits beyond 128.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 22 {
            return None;
        }
        let mut bits: u128 = 0;
        for (index, byte) in text.bytes().enumerate() {
            let digit = ALPHABET.iter().position(|&letter| letter == byte)? as u128;
            if index < 21 {
                bits = (bits << 6) | digit;
            } else {
                if digit & 0xf != 0 {
                    return None;
                }
                bits = (bits << 2) | (digit >> 4);
            }
        }
        Some(Self(bits))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(22);
        for digit in 0..21 {
            text.push(ALPHABET[(self.0 >> (122 - 6 * digit)) as usize & 63] as char);
        }
        text.push(ALPHABET[(self.0 << 4) as usize & 63] as char);
        f.write_str(&text)
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn uuid_text_is_kafkas() {
        for (bits, text) in [
            (0, "AAAAAAAAAAAAAAAAAAAAAA"),
            (1, "AAAAAAAAAAAAAAAAAAAAAQ"),
            (u128::MAX, "_____________________w"),
            (0x0123_4567_89ab_cdef_0123_4567_89ab_cdef, "ASNFZ4mrze8BI0VniavN7w"),
        ] {
            assert_eq!(Uuid::from_u128(bits).to_string(), text);
            assert_eq!(Uuid::parse(text), Some(Uuid::from_u128(bits)));
        }
    }

    #[test]
    fn bad_uuid_text_is_refused() {
        for text in ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAA+", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(Uuid::parse(text), None, "{text}");
        }
    }

    #[test]
    fn random_uuids_never_begin_with_a_dash() {
        let mut rng = crate::rng::Rng::new(7);
        for _ in 0..10_000 {
            assert!(!rng.uuid().to_string().starts_with('-'));
        }
    }
}
