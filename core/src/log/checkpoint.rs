//! The small text files of a log directory, in Kafka's formats.

use crate::ids::{Offset, TopicPartition, Uuid};
use crate::sorted::SortedMap;
use alloc::format;
use alloc::string::String;
use bytes::Bytes;
use core::fmt::Write as _;

/// Up to where each log is stored.
pub const RECOVERY_POINT_CHECKPOINT: &str = "recovery-point-offset-checkpoint";
/// Where each log starts, for those that start inside a segment.
pub const LOG_START_CHECKPOINT: &str = "log-start-offset-checkpoint";
/// High watermark of each log.
pub const HIGH_WATERMARK_CHECKPOINT: &str = "replication-offset-checkpoint";
/// Up to where each compacted log is cleaned.
pub const CLEANER_CHECKPOINT: &str = "cleaner-offset-checkpoint";
/// Says that the directory was left in order, and by which broker epoch (KIP-966).
pub const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";

/// Writes an offset checkpoint.
pub fn encode_offsets<'a>(offsets: impl Iterator<Item = (&'a TopicPartition, Offset)>) -> Bytes {
    let mut count = 0;
    let mut lines = String::new();
    for (partition, offset) in offsets {
        count += 1;
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "{} {} {offset}", partition.topic, partition.partition);
    }
    Bytes::from(format!("0\n{count}\n{lines}").into_bytes())
}

/// Reads an offset checkpoint; `None` where it is malformed.
pub fn decode_offsets(bytes: &[u8]) -> Option<SortedMap<TopicPartition, Offset>> {
    let mut lines = core::str::from_utf8(bytes).ok()?.lines();
    if lines.next()?.trim() != "0" {
        return None;
    }
    let count: usize = lines.next()?.trim().parse().ok()?;
    let mut offsets = SortedMap::new();
    for _ in 0..count {
        let mut fields = lines.next()?.split_ascii_whitespace();
        let partition = TopicPartition::new(fields.next()?, fields.next()?.parse().ok()?);
        offsets.insert(partition, fields.next()?.parse().ok()?);
    }
    Some(offsets)
}

/// Writes `partition.metadata`.
pub fn encode_partition_metadata(topic_id: Uuid) -> Bytes {
    Bytes::from(format!("version: 0\ntopic_id: {topic_id}").into_bytes())
}

/// Reads the topic id of a `partition.metadata`; `None` where it is malformed.
pub fn decode_partition_metadata(bytes: &[u8]) -> Option<Uuid> {
    let mut lines = core::str::from_utf8(bytes).ok()?.lines();
    let version = lines.next()?.strip_prefix("version:")?.trim();
    let topic_id = lines.next()?.strip_prefix("topic_id:")?.trim();
    if version == "0" { Uuid::parse(topic_id) } else { None }
}

/// Writes `.kafka_cleanshutdown`.
pub fn encode_clean_shutdown(broker_epoch: i64) -> Bytes {
    Bytes::from(format!("{{\"version\":0,\"brokerEpoch\":{broker_epoch}}}").into_bytes())
}

/// The broker epoch in a `.kafka_cleanshutdown`; -1 where it has none, as Kafka reads older ones.
pub fn decode_clean_shutdown(bytes: &[u8]) -> i64 {
    let text = core::str::from_utf8(bytes).unwrap_or_default();
    let after = text.split_once("\"brokerEpoch\"").map_or("", |(_, after)| after).trim_start_matches([':', ' ']);
    let digits = after.split(|c: char| c != '-' && !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or(-1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_kafkas() {
        let partitions = [TopicPartition::new("a", 10), TopicPartition::new("b-c", 0)];
        let bytes = encode_offsets(partitions.iter().zip([7, 8]));
        assert_eq!(&bytes[..], b"0\n2\na 10 7\nb-c 0 8\n");
        assert_eq!(
            decode_offsets(&bytes).unwrap().into_iter().collect::<alloc::vec::Vec<_>>(),
            [(partitions[0].clone(), 7), (partitions[1].clone(), 8)]
        );
        for bad in ["", "1\n0\n", "0\n1\n", "0\n1\na b 1\n", "0\nx\n"] {
            assert_eq!(decode_offsets(bad.as_bytes()), None, "{bad:?}");
        }
        let id = Uuid::from_u128(5);
        assert_eq!(decode_partition_metadata(&encode_partition_metadata(id)), Some(id));
        assert_eq!(&encode_clean_shutdown(42)[..], br#"{"version":0,"brokerEpoch":42}"#);
        for (text, epoch) in
            [(r#"{"version":0,"brokerEpoch":42}"#, 42), (r#"{ "brokerEpoch" : 3 }"#, 3), ("", -1), ("{}", -1)]
        {
            assert_eq!(decode_clean_shutdown(text.as_bytes()), epoch, "{text}");
        }
    }
}
