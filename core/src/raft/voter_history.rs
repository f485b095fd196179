//! Who votes, and the level of kraft.version, as snapshots and control records of the log say it (KIP-853).

use super::snapshot::{SnapshotContents, SnapshotId};
use super::voter_set::VoterSet;
use crate::ids::Offset;
use crate::protocol::decode_message;
use crate::protocol::messages::{KRaftVersionRecord, VotersRecord};
use crate::record::{Batches, ControlRecordType, RecordError};
use crate::text::Str;
use alloc::format;
use alloc::vec::Vec;
use bytes::Bytes;

/// Offset under which `controller.quorum.voters` and the checkpoint a quorum begins with are kept: before all of the log.
const BEFORE_THE_LOG: Offset = -1;

/// The voters and the level by the offset of the record that set them. A record counts from its append on, committed or
/// not, and no longer once it is cut off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VoterHistory {
    is_fixed: bool,
    voters: Vec<(Offset, VoterSet)>,
    kraft_versions: Vec<(Offset, i16)>,
}

impl VoterHistory {
    /// The voters of `controller.quorum.voters`, whatever a log says: kraft.version 0.
    pub fn fixed(voters: VoterSet) -> Self {
        Self { is_fixed: true, voters: alloc::vec![(BEFORE_THE_LOG, voters)], kraft_versions: Vec::new() }
    }

    /// True for the voters of `controller.quorum.voters`.
    pub fn is_fixed(&self) -> bool {
        self.is_fixed
    }

    /// The voters now; `None` where nothing says who they are.
    pub fn voters(&self) -> Option<&VoterSet> {
        self.voters.last().map(|(_, voters)| voters)
    }

    /// The finalized level of kraft.version.
    pub fn kraft_version(&self) -> i16 {
        self.kraft_versions.last().map_or(0, |(_, level)| *level)
    }

    /// What a snapshot that ends at `end_offset` has to carry on; `None` where the voters are not the log's matter.
    pub fn at(&self, end_offset: Offset) -> Option<(i16, &VoterSet)> {
        if self.is_fixed {
            return None;
        }
        let (_, voters) = self.voters.iter().rev().find(|(offset, _)| *offset < end_offset)?;
        let level = self.kraft_versions.iter().rev().find(|(offset, _)| *offset < end_offset);
        Some((level.map_or(0, |(_, level)| *level), voters))
    }

    /// True where only the checkpoint the quorum began with names the voters: others cannot fetch that, so a leader writes
    /// its content to the log.
    pub fn is_only_in_checkpoint(&self) -> bool {
        !self.is_fixed && self.voters.last().is_some_and(|(offset, _)| *offset == BEFORE_THE_LOG)
    }

    /// A snapshot takes the place of all before its end.
    pub fn loaded(&mut self, id: SnapshotId, contents: &SnapshotContents) {
        if self.is_fixed {
            return;
        }
        let offset = id.end_offset - 1;
        self.voters = contents.voters.iter().map(|voters| (offset, voters.clone())).collect();
        self.kraft_versions = contents.kraft_version.iter().map(|level| (offset, *level)).collect();
    }

    /// Takes note of what was appended; answers the offset after its last whole batch.
    pub fn appended(&mut self, records: &Bytes) -> Result<Option<Offset>, Str> {
        let mut next_offset = None;
        for batch in Batches::new(records.clone()) {
            let damaged = |error: RecordError| Str::from(format!("a batch of the metadata log is damaged: {error:?}"));
            let batch = batch.map_err(damaged)?;
            next_offset = Some(batch.header().next_offset());
            if self.is_fixed || !batch.is_control() {
                continue;
            }
            for record in batch.iter().map_err(damaged)? {
                let record = record.map_err(damaged)?;
                let kind = record.key.as_ref().and_then(|key| ControlRecordType::from_key(key));
                self.record(record.offset, kind, &record.value.unwrap_or_default())?;
            }
        }
        Ok(next_offset)
    }

    fn record(&mut self, offset: Offset, kind: Option<ControlRecordType>, value: &Bytes) -> Result<(), Str> {
        let malformed = |what: &str| Str::from(format!("the {what} at offset {offset} cannot be read"));
        match kind {
            Some(ControlRecordType::KraftVersion) => {
                let record: KRaftVersionRecord =
                    decode_message(value, 0).map_err(|_| malformed("KRaftVersionRecord"))?;
                if self.kraft_versions.last().is_none_or(|(known, _)| *known < offset) {
                    self.kraft_versions.push((offset, record.kraft_version));
                }
            }
            Some(ControlRecordType::KraftVoters) => {
                let record: VotersRecord = decode_message(value, 0).map_err(|_| malformed("VotersRecord"))?;
                if self.voters.last().is_none_or(|(known, _)| *known < offset) {
                    self.voters.push((offset, VoterSet::from_record(&record)));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The log was cut: what was written from `end_offset` on never was.
    pub fn truncated(&mut self, end_offset: Offset) {
        self.voters.retain(|(offset, _)| *offset < end_offset);
        self.kraft_versions.retain(|(offset, _)| *offset < end_offset);
    }

    /// A snapshot holds everything before `end_offset`, so only the last word before it is of use.
    pub fn forget_before(&mut self, end_offset: Offset) {
        let last = |offsets: &mut dyn Iterator<Item = Offset>| offsets.filter(|offset| *offset < end_offset).last();
        let voters = last(&mut self.voters.iter().map(|(offset, _)| *offset));
        let level = last(&mut self.kraft_versions.iter().map(|(offset, _)| *offset));
        self.voters.retain(|(offset, _)| voters.is_none_or(|kept| *offset >= kept));
        self.kraft_versions.retain(|(offset, _)| level.is_none_or(|kept| *offset >= kept));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::encode_message;
    use crate::raft::snapshot::{read_snapshot, write_snapshot};
    use crate::record::BatchBuilder;

    fn set(ids: &str) -> VoterSet {
        VoterSet::parse(ids, &Str::from_static("CONTROLLER")).unwrap()
    }

    fn records(base_offset: Offset, level: i16, voters: &VoterSet) -> Bytes {
        let mut builder = BatchBuilder::new(base_offset).with_leader_epoch(1).control();
        let level = encode_message(&KRaftVersionRecord { version: 0, kraft_version: level }, 0);
        builder.append(0, Some(&ControlRecordType::KraftVersion.key()), Some(&level), &[]);
        let voters = encode_message(&voters.to_record(), 0);
        builder.append(0, Some(&ControlRecordType::KraftVoters.key()), Some(&voters), &[]);
        builder.build()
    }

    #[test]
    fn records_count_from_their_append_until_they_are_cut_off() {
        let (one, two) = (set("1@a:1"), set("1@a:1,2@b:1"));
        let mut history = VoterHistory::default();
        assert_eq!((history.voters(), history.kraft_version(), history.at(100)), (None, 0, None));
        assert_eq!(history.appended(&records(3, 1, &one)), Ok(Some(5)));
        assert_eq!(history.appended(&records(9, 1, &two)), Ok(Some(11)));
        assert_eq!((history.voters(), history.kraft_version()), (Some(&two), 1));
        for (end_offset, expect) in [(4, None), (5, Some(&one)), (10, Some(&one)), (11, Some(&two))] {
            assert_eq!(history.at(end_offset).map(|(_, voters)| voters), expect, "{end_offset}");
        }
        history.truncated(10);
        assert_eq!(history.voters(), Some(&one));
        history.forget_before(8);
        assert_eq!(history.at(8), Some((1, &one)));
        history.truncated(4);
        assert_eq!((history.voters(), history.kraft_version()), (None, 1));
    }

    #[test]
    fn snapshots_carry_the_voters_on() {
        let two = set("1@a:1,2@b:1");
        for (id, is_only_in_checkpoint) in
            [(SnapshotId { end_offset: 0, epoch: 0 }, true), (SnapshotId { end_offset: 7, epoch: 2 }, false)]
        {
            let bytes = write_snapshot(id, 5, 6, Some((1, &two)), &[Bytes::from_static(b"record")]);
            let mut history = VoterHistory::default();
            history.loaded(id, &read_snapshot(&bytes).unwrap());
            assert_eq!((history.voters(), history.kraft_version()), (Some(&two), 1));
            assert_eq!(history.is_only_in_checkpoint(), is_only_in_checkpoint, "{id}");
        }
    }

    #[test]
    fn fixed_voters_stay_whatever_the_log_says() {
        let one = set("1@a:1");
        let mut history = VoterHistory::fixed(one.clone());
        history.appended(&records(0, 1, &set("2@b:1"))).unwrap();
        assert_eq!((history.voters(), history.kraft_version(), history.at(9)), (Some(&one), 0, None));
        assert!(!history.is_only_in_checkpoint());
    }

    #[test]
    fn malformed_voters_are_not_passed_over() {
        let mut builder = BatchBuilder::new(4).control();
        builder.append(0, Some(&ControlRecordType::KraftVoters.key()), Some(b"\0"), &[]);
        let refused = VoterHistory::default().appended(&builder.build());
        assert_eq!(refused, Err(Str::from_static("the VotersRecord at offset 4 cannot be read")));
    }
}
