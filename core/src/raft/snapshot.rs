//! Snapshots of the metadata log: their names, their content, and one that is being fetched.
//!
//! A snapshot is a file of record batches like a segment, with offsets of its own from 0: a `SnapshotHeader` control batch,
//! the records of the whole state, a `SnapshotFooter` control batch. Without its footer it is no snapshot. Where the voters
//! are the log's matter, kraft.version and the voters follow the header in its batch.

use super::voter_set::{Voter, VoterEndpoint, VoterSet};
use crate::ids::{Offset, TopicPartition};
use crate::log::storage::FileEntry;
use crate::protocol::messages::{KRaftVersionRecord, SnapshotFooterRecord, SnapshotHeaderRecord, VotersRecord};
use crate::protocol::{decode_message, encode_message};
use crate::record::control::{control_batch, control_type};
use crate::record::{BatchBuilder, Batches, ControlRecordType, RecordError};
use crate::sorted::sort_by_key;
use crate::text::Str;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;

/// Folder of the metadata log below its log directory.
pub const METADATA_LOG_FOLDER: &str = "__cluster_metadata-0";
/// File below a log directory with the records that a cluster begins with; formatting writes it.
pub const BOOTSTRAP_CHECKPOINT: &str = "bootstrap.checkpoint";
/// Records are gathered into batches of about this many bytes.
const SNAPSHOT_BATCH_BYTES: usize = 64 * 1024;

/// Names a snapshot: it is the state after all records below `end_offset`, the last of which is of `epoch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotId {
    /// Offset after the last record contained.
    pub end_offset: Offset,
    /// Epoch of the last record contained.
    pub epoch: i32,
}

impl SnapshotId {
    /// Path of its file below the log directory.
    pub fn path(&self) -> Str {
        Str::from(format!("{METADATA_LOG_FOLDER}/{:020}-{:010}.checkpoint", self.end_offset, self.epoch))
    }

    /// The id in a path; `None` for any other file.
    pub fn from_path(path: &str) -> Option<Self> {
        let name = path.strip_prefix(METADATA_LOG_FOLDER)?.strip_prefix('/')?.strip_suffix(".checkpoint")?;
        let (end_offset, epoch) = name.split_once('-')?;
        let is_number = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(end_offset, 20) || !is_number(epoch, 10) {
            return None;
        }
        Some(Self { end_offset: end_offset.parse().ok()?, epoch: epoch.parse().ok()? })
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OffsetAndEpoch(offset={}, epoch={})", self.end_offset, self.epoch)
    }
}

/// A snapshot on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredSnapshot {
    /// Its id.
    pub id: SnapshotId,
    /// Bytes of its file.
    pub length: u64,
}

/// The snapshots among the files of a directory, oldest first.
pub fn stored_snapshots(files: &[FileEntry]) -> Vec<StoredSnapshot> {
    let snapshot =
        |file: &FileEntry| Some(StoredSnapshot { id: SnapshotId::from_path(&file.path)?, length: file.length });
    let mut snapshots: Vec<StoredSnapshot> = files.iter().filter_map(snapshot).collect();
    sort_by_key(&mut snapshots, |snapshot| snapshot.id);
    snapshots
}

/// A snapshot a follower fetches piece by piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchingSnapshot {
    /// Which.
    pub id: SnapshotId,
    /// What came so far; the next piece is asked for from its length on.
    pub bytes: Vec<u8>,
}

/// What a snapshot holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotContents {
    /// Append time of the last log record it contains, milliseconds since the Unix epoch.
    pub last_contained_log_timestamp: i64,
    /// The level of kraft.version, where it tells one.
    pub kraft_version: Option<i16>,
    /// The voters, where it names them.
    pub voters: Option<VoterSet>,
    /// Values of its records, in order.
    pub records: Vec<Bytes>,
}

/// Why bytes are no snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotError {
    /// A batch or record is broken.
    Record(RecordError),
    /// It does not begin with a header.
    NoHeader,
    /// It does not end with a footer, so it is not whole.
    NoFooter,
    /// A record without a value.
    NoValue,
    /// What it says of the voters cannot be read.
    NoQuorum,
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(error) => write!(f, "snapshot has a broken batch: {error:?}"),
            Self::NoHeader => f.write_str("snapshot has no header"),
            Self::NoFooter => f.write_str("snapshot has no footer"),
            Self::NoValue => f.write_str("snapshot has a record without value"),
            Self::NoQuorum => f.write_str("snapshot has voters that cannot be read"),
        }
    }
}

impl From<RecordError> for SnapshotError {
    fn from(error: RecordError) -> Self {
        Self::Record(error)
    }
}

/// The bytes of a snapshot with these record values. `written_ms` is the wall time it is written at; `quorum` the level of
/// kraft.version and the voters, where they are the log's matter.
pub fn write_snapshot(
    id: SnapshotId,
    last_contained_log_timestamp: i64,
    written_ms: i64,
    quorum: Option<(i16, &VoterSet)>,
    records: &[Bytes],
) -> Bytes {
    let header = SnapshotHeaderRecord { version: 0, last_contained_log_timestamp };
    let mut control = vec![(ControlRecordType::SnapshotHeader, encode_message(&header, 0))];
    if let Some((kraft_version, voters)) = quorum {
        control.extend(quorum_records(kraft_version, voters));
    }
    let mut bytes = Vec::from(&control_batch_of(0, id.epoch, written_ms, &control)[..]);
    let mut next_offset = control.len() as i64;
    let mut builder = BatchBuilder::new(next_offset).with_leader_epoch(id.epoch);
    for record in records {
        if !builder.is_empty() && builder.size() + record.len() > SNAPSHOT_BATCH_BYTES {
            let fresh = BatchBuilder::new(next_offset).with_leader_epoch(id.epoch);
            bytes.extend_from_slice(&core::mem::replace(&mut builder, fresh).build());
        }
        builder.append(written_ms, None, Some(record), &[]);
        next_offset += 1;
    }
    if !builder.is_empty() {
        bytes.extend_from_slice(&builder.build());
    }
    let footer = encode_message(&SnapshotFooterRecord { version: 0 }, 0);
    let kind = ControlRecordType::SnapshotFooter;
    bytes.extend_from_slice(&control_batch(next_offset, id.epoch, written_ms, kind, &footer));
    Bytes::from(bytes)
}

/// The control records that say who votes, as snapshots and the first leader of a quorum write them.
pub(super) fn quorum_records(kraft_version: i16, voters: &VoterSet) -> [(ControlRecordType, Bytes); 2] {
    let level = KRaftVersionRecord { version: 0, kraft_version };
    [
        (ControlRecordType::KraftVersion, encode_message(&level, 0)),
        (ControlRecordType::KraftVoters, encode_message(&voters.to_record(), 0)),
    ]
}

/// One batch of control records.
pub(super) fn control_batch_of(
    base_offset: Offset,
    epoch: i32,
    written_ms: i64,
    records: &[(ControlRecordType, Bytes)],
) -> Bytes {
    let mut builder = BatchBuilder::new(base_offset).with_leader_epoch(epoch).control();
    for (kind, value) in records {
        builder.append(written_ms, Some(&kind.key()), Some(value), &[]);
    }
    builder.build()
}

/// The bytes of the snapshot that a quorum begins with which may change (KIP-853): its voters and the level of kraft.version,
/// and nothing else. `listener` is the name of the voters' listener.
pub fn write_bootstrap_snapshot(written_ms: i64, kraft_version: i16, voters: &[Voter], listener: &Str) -> Bytes {
    let named = |at: &VoterEndpoint| VoterEndpoint { listener: listener.clone(), ..at.clone() };
    let voters =
        voters.iter().map(|voter| Voter { key: voter.key, endpoints: voter.endpoints.iter().map(named).collect() });
    let begin = SnapshotId { end_offset: 0, epoch: 0 };
    write_snapshot(begin, written_ms, written_ms, Some((kraft_version, &VoterSet::new(voters))), &[])
}

/// Reads a snapshot, every batch checked by its CRC.
pub fn read_snapshot(bytes: &Bytes) -> Result<SnapshotContents, SnapshotError> {
    let mut contents = None;
    let mut ended = false;
    let mut batches = Batches::new(bytes.clone());
    for batch in &mut batches {
        let batch = batch?;
        batch.check_crc()?;
        if ended {
            return Err(SnapshotError::NoFooter);
        }
        let mut records = batch.iter()?;
        if contents.is_none() {
            let value = match (control_type(&batch), records.next()) {
                (Some(ControlRecordType::SnapshotHeader), Some(record)) => record?.value,
                _ => return Err(SnapshotError::NoHeader),
            };
            let header: SnapshotHeaderRecord =
                decode_message(&value.unwrap_or_default(), 0).map_err(|_| SnapshotError::NoHeader)?;
            let last_contained_log_timestamp = header.last_contained_log_timestamp;
            contents = Some(SnapshotContents { last_contained_log_timestamp, ..SnapshotContents::default() });
        }
        let Some(contents) = &mut contents else { continue };
        for record in records {
            let record = record?;
            let value = record.value.ok_or(SnapshotError::NoValue)?;
            if !batch.is_control() {
                contents.records.push(value);
                continue;
            }
            match record.key.as_ref().and_then(|key| ControlRecordType::from_key(key)) {
                Some(ControlRecordType::SnapshotFooter) => ended = true,
                Some(ControlRecordType::KraftVersion) => {
                    let record: KRaftVersionRecord = decode_message(&value, 0).map_err(|_| SnapshotError::NoQuorum)?;
                    contents.kraft_version = Some(record.kraft_version);
                }
                Some(ControlRecordType::KraftVoters) => {
                    let record: VotersRecord = decode_message(&value, 0).map_err(|_| SnapshotError::NoQuorum)?;
                    contents.voters = Some(VoterSet::from_record(&record));
                }
                _ => {}
            }
        }
    }
    if !ended || batches.partial_bytes() > 0 {
        return Err(SnapshotError::NoFooter);
    }
    contents.ok_or(SnapshotError::NoHeader)
}

/// The partition whose log this is.
pub fn metadata_partition() -> TopicPartition {
    TopicPartition::new(Str::from_static(crate::ids::CLUSTER_METADATA_TOPIC), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: SnapshotId = SnapshotId { end_offset: 1234, epoch: 7 };

    #[test]
    fn names_are_kafkas() {
        assert_eq!(ID.path(), "__cluster_metadata-0/00000000000000001234-0000000007.checkpoint");
        assert_eq!(SnapshotId::from_path(&ID.path()), Some(ID));
        for path in [
            "",
            "__cluster_metadata-0/00000000000000000000.log",
            "__cluster_metadata-0/1234-7.checkpoint",
            "other-0/00000000000000001234-0000000007.checkpoint",
            "__cluster_metadata-0/00000000000000001234-0000000007.checkpoint.part",
            "__cluster_metadata-0/99999999999999999999-0000000007.checkpoint",
            "__cluster_metadata-0/-0000000000000001234-0000000007.checkpoint",
        ] {
            assert_eq!(SnapshotId::from_path(path), None, "{path}");
        }
    }

    #[test]
    fn files_are_sorted_by_age() {
        let ids = [SnapshotId { end_offset: 20, epoch: 1 }, SnapshotId { end_offset: 3, epoch: 1 }];
        let mut files: Vec<FileEntry> = ids.iter().map(|id| FileEntry { path: id.path(), length: 9 }).collect();
        files.push(FileEntry { path: Str::from_static("meta.properties"), length: 1 });
        let found: Vec<SnapshotId> = stored_snapshots(&files).iter().map(|snapshot| snapshot.id).collect();
        assert_eq!(found, [ids[1], ids[0]]);
    }

    #[test]
    fn content_returns() {
        for count in [0, 1, 3, 5000] {
            let records: Vec<Bytes> = (0..count).map(|number| Bytes::from(format!("record {number:040}"))).collect();
            let bytes = write_snapshot(ID, 55, 99, None, &records);
            let contents = read_snapshot(&bytes).unwrap();
            assert_eq!(
                contents,
                SnapshotContents { last_contained_log_timestamp: 55, records, ..SnapshotContents::default() }
            );
        }
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let bytes = write_snapshot(ID, 55, 99, None, &[Bytes::from_static(b"one"), Bytes::from_static(b"two")]);
        for length in 0..bytes.len() {
            assert!(read_snapshot(&bytes.slice(..length)).is_err(), "cut to {length}");
        }
        for position in 0..bytes.len() {
            let mut broken = bytes.to_vec();
            broken[position] ^= 0x40;
            // The CRC does not cover offsets and epochs, which do not matter here.
            let contents = read_snapshot(&Bytes::from(broken));
            assert!(contents.is_err() || contents == read_snapshot(&bytes), "flipped at {position}");
        }
        let twice = Bytes::from([bytes.to_vec(), bytes.to_vec()].concat());
        assert_eq!(read_snapshot(&twice), Err(SnapshotError::NoFooter));
    }
}
