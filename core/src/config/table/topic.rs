//! Keys of a topic, and the broker's keys that are their defaults.

use super::{ACTED_ON, MAX_LONG, READ, UNSET, key, of};
use crate::config::key::{
    ConfigKey,
    UpdateMode::Topic,
    Valid::{Any, AtLeast, Between, BetweenOr, DoubleBetween, ListOrEmptyOf, OneOf, ThrottledReplicas},
    ValueType::{Boolean, Double, Int, List, Long, String},
};

/// The broker's keys a topic's key falls back to, the strongest first; none where a topic's key has no counterpart.
pub fn broker_synonyms(topic_key: &str) -> &'static [&'static str] {
    match SYNONYMS.binary_search_by(|(name, _)| (*name).cmp(topic_key)) {
        Ok(index) => SYNONYMS.get(index).map_or(&[], |(_, synonyms)| synonyms),
        Err(_) => &[],
    }
}

/// Name, type, default, range, scope, whether anything here acts on it, meaning. Sorted by name.
#[rustfmt::skip]
pub(super) static KEYS: &[ConfigKey] = &[
    key("cleanup.policy", List, of("delete"), ListOrEmptyOf(&["compact", "delete"]), Topic, ACTED_ON, "What happens to old segments: delete, compact, both or (empty) nothing."),
    key("compression.gzip.level", Int, of("-1"), BetweenOr(1, 9, -1), Topic, ACTED_ON, "Level of gzip where the broker compresses."),
    key("compression.lz4.level", Int, of("9"), Between(1, 17), Topic, READ, "Level of lz4 where the broker compresses: every level is a fast one."),
    key("compression.type", String, of("producer"), OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), Topic, ACTED_ON, "Codec the broker stores with; producer keeps what the producer chose."),
    key("compression.zstd.level", Int, of("3"), Between(-131_072, 22), Topic, READ, "Level of zstd where the broker compresses: every level is about 1."),
    key("delete.retention.ms", Long, of("86400000"), AtLeast(0), Topic, ACTED_ON, "How long delete markers of a compacted topic stay readable."),
    key("file.delete.delay.ms", Long, of("60000"), AtLeast(0), Topic, READ, "How long a deleted segment's file stays before it is removed."),
    key("flush.messages", Long, MAX_LONG, AtLeast(1), Topic, ACTED_ON, "Records after which the log is flushed; 1 makes every acknowledged record durable."),
    key("flush.ms", Long, MAX_LONG, AtLeast(0), Topic, READ, "Longest time a record stays unflushed."),
    key("follower.replication.throttled.replicas", List, of(""), ThrottledReplicas, Topic, ACTED_ON, "Replicas whose followers are throttled."),
    key("index.interval.bytes", Int, of("4096"), AtLeast(0), Topic, ACTED_ON, "Bytes of records between two entries of an index."),
    key("internal.segment.bytes", Int, UNSET, Any, Topic, READ, "For Kafka's own tests: not acted on.").internal(),
    key("leader.replication.throttled.replicas", List, of(""), ThrottledReplicas, Topic, ACTED_ON, "Replicas whose leaders are throttled."),
    key("local.retention.bytes", Long, of("-2"), AtLeast(-2), Topic, READ, "Size kept locally with tiered storage; -2 for retention.bytes."),
    key("local.retention.ms", Long, of("-2"), AtLeast(-2), Topic, READ, "Age kept locally with tiered storage; -2 for retention.ms."),
    key("max.compaction.lag.ms", Long, MAX_LONG, AtLeast(1), Topic, ACTED_ON, "Age after which a record is compacted even in a mostly clean log."),
    key("max.message.bytes", Int, of("1048588"), AtLeast(0), Topic, ACTED_ON, "Largest record batch the topic takes."),
    key("message.timestamp.after.max.ms", Long, of("3600000"), AtLeast(0), Topic, ACTED_ON, "How far in the future a record's timestamp may lie."),
    key("message.timestamp.before.max.ms", Long, MAX_LONG, AtLeast(0), Topic, ACTED_ON, "How far in the past a record's timestamp may lie."),
    key("message.timestamp.type", String, of("CreateTime"), OneOf(&["CreateTime", "LogAppendTime"]), Topic, ACTED_ON, "Whose clock a record's timestamp is: the producer's or the broker's."),
    key("min.cleanable.dirty.ratio", Double, of("0.5"), DoubleBetween("0", "1"), Topic, ACTED_ON, "Part of the log that must be dirty before it is compacted."),
    key("min.compaction.lag.ms", Long, of("0"), AtLeast(0), Topic, ACTED_ON, "Age before which a record is never compacted away."),
    key("min.insync.replicas", Int, of("1"), AtLeast(1), Topic, ACTED_ON, "Fewest replicas in sync for a write with acks=all to be taken."),
    key("preallocate", Boolean, of("false"), Any, Topic, READ, "Whether segment files get their full size at once."),
    key("remote.log.copy.disable", Boolean, of("false"), Any, Topic, READ, "Tiered storage: not acted on."),
    key("remote.log.delete.on.disable", Boolean, of("false"), Any, Topic, READ, "Tiered storage: not acted on."),
    key("remote.storage.enable", Boolean, of("false"), Any, Topic, READ, "Tiered storage: not acted on."),
    key("retention.bytes", Long, of("-1"), Any, Topic, ACTED_ON, "Size of a partition after which its oldest segments are deleted; -1 for no limit."),
    key("retention.ms", Long, of("604800000"), AtLeast(-1), Topic, ACTED_ON, "Age after which segments are deleted; -1 for never."),
    key("segment.bytes", Int, of("1073741824"), AtLeast(1_048_576), Topic, ACTED_ON, "Size at which a segment is closed and the next begun."),
    key("segment.index.bytes", Int, of("10485760"), AtLeast(4), Topic, ACTED_ON, "Largest size of an index file."),
    key("segment.jitter.ms", Long, of("0"), AtLeast(0), Topic, READ, "Random part taken off the age at which a segment is closed."),
    key("segment.ms", Long, of("604800000"), AtLeast(1), Topic, ACTED_ON, "Age at which a segment is closed."),
    key("unclean.leader.election.enable", Boolean, of("false"), Any, Topic, ACTED_ON, "Whether a replica outside the ISR may become leader when nobody else is left; loses records."),
];

static SYNONYMS: &[(&str, &[&str])] = &[
    ("cleanup.policy", &["log.cleanup.policy"]),
    ("compression.gzip.level", &["compression.gzip.level"]),
    ("compression.lz4.level", &["compression.lz4.level"]),
    ("compression.type", &["compression.type"]),
    ("compression.zstd.level", &["compression.zstd.level"]),
    ("delete.retention.ms", &["log.cleaner.delete.retention.ms"]),
    ("file.delete.delay.ms", &["log.segment.delete.delay.ms"]),
    ("flush.messages", &["log.flush.interval.messages"]),
    ("flush.ms", &["log.flush.interval.ms", "log.flush.scheduler.interval.ms"]),
    ("index.interval.bytes", &["log.index.interval.bytes"]),
    ("local.retention.bytes", &["log.local.retention.bytes"]),
    ("local.retention.ms", &["log.local.retention.ms"]),
    ("max.compaction.lag.ms", &["log.cleaner.max.compaction.lag.ms"]),
    ("max.message.bytes", &["message.max.bytes"]),
    ("message.timestamp.after.max.ms", &["log.message.timestamp.after.max.ms"]),
    ("message.timestamp.before.max.ms", &["log.message.timestamp.before.max.ms"]),
    ("message.timestamp.type", &["log.message.timestamp.type"]),
    ("min.cleanable.dirty.ratio", &["log.cleaner.min.cleanable.ratio"]),
    ("min.compaction.lag.ms", &["log.cleaner.min.compaction.lag.ms"]),
    ("min.insync.replicas", &["min.insync.replicas"]),
    ("preallocate", &["log.preallocate"]),
    ("retention.bytes", &["log.retention.bytes"]),
    ("retention.ms", &["log.retention.ms", "log.retention.minutes", "log.retention.hours"]),
    ("segment.bytes", &["log.segment.bytes"]),
    ("segment.index.bytes", &["log.index.size.max.bytes"]),
    ("segment.jitter.ms", &["log.roll.jitter.ms", "log.roll.jitter.hours"]),
    ("segment.ms", &["log.roll.ms", "log.roll.hours"]),
    ("unclean.leader.election.enable", &["unclean.leader.election.enable"]),
];
