//! What the cleaner of a compacted log leaves of a batch (`MemoryRecords.filterTo`): fewer records, at their offsets.

use super::batch::{
    ATTRIBUTES, COMPRESSION_MASK, CONTROL_BIT, DELETE_HORIZON_BIT, LOG_APPEND_TIME_BIT, TRANSACTIONAL_BIT,
};
use super::compression::TargetCompression;
use super::fields::put_head;
use super::{BatchHeader, Compression, HEADER_LENGTH, NO_TIMESTAMP, RecordError, RecordView, TimestampType, crc32c};
use alloc::vec::Vec;

impl BatchHeader {
    /// The batch that `bytes` begin with, those this header was parsed from, with no more than `records` of it, at least one.
    /// Offsets, producer, sequences and leader epoch stay, the last offset too. Tombstones and markers in it may go from
    /// `delete_horizon_ms` on, milliseconds since the epoch.
    ///
    /// # Errors
    /// [`RecordError::UnknownCompression`], [`RecordError::InvalidRecord`].
    pub fn retain(
        &self,
        bytes: &[u8],
        records: &[RecordView<'_>],
        delete_horizon_ms: Option<i64>,
    ) -> Result<Vec<u8>, RecordError> {
        let codec = self.compression()?;
        let times = || records.iter().map(|record| self.timestamp_of(record));
        let base = delete_horizon_ms.or_else(|| times().next()).unwrap_or(NO_TIMESTAMP);
        let max = match self.timestamp_type() {
            TimestampType::CreateTime => times().max().unwrap_or(NO_TIMESTAMP),
            TimestampType::LogAppendTime => self.max_timestamp,
        };
        let mut section = Vec::new();
        for (record, time) in records.iter().zip(times()) {
            let (delta, fields) = (time.wrapping_sub(base), record.fields());
            put_head(&mut section, delta, record.offset_delta, fields.len())
                .ok_or(RecordError::InvalidRecord { index: record.index, reason: "too long" })?;
            section.extend_from_slice(fields);
        }
        if codec != Compression::None {
            section = TargetCompression::Producer.compressor(codec).compress(&section);
        }
        let horizon = if delete_horizon_ms.is_some() { DELETE_HORIZON_BIT } else { 0 };
        let attributes = (self.attributes & !DELETE_HORIZON_BIT) | horizon;
        Ok(rewrite(bytes, attributes, (base, max), records.len() as i32, &section))
    }

    /// The same batch without a record: what keeps its producer's sequence known, or the end of the log.
    pub fn emptied(&self, bytes: &[u8]) -> Vec<u8> {
        let kept = LOG_APPEND_TIME_BIT | TRANSACTIONAL_BIT | CONTROL_BIT;
        debug_assert_eq!(kept & (COMPRESSION_MASK | DELETE_HORIZON_BIT), 0);
        rewrite(bytes, self.attributes & kept, (NO_TIMESTAMP, self.max_timestamp), 0, &[])
    }
}

/// A header like that of `bytes`, but for what is given, and `section` behind it.
fn rewrite(bytes: &[u8], attributes: i16, (base, max): (i64, i64), count: i32, section: &[u8]) -> Vec<u8> {
    let mut batch = Vec::with_capacity(HEADER_LENGTH + section.len());
    batch.extend_from_slice(bytes.get(..HEADER_LENGTH).unwrap_or_default());
    batch.resize(HEADER_LENGTH, 0);
    batch.extend_from_slice(section);
    let length = (batch.len() - super::batch::LOG_OVERHEAD) as i32;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    batch[21..23].copy_from_slice(&attributes.to_be_bytes());
    batch[27..35].copy_from_slice(&base.to_be_bytes());
    batch[35..43].copy_from_slice(&max.to_be_bytes());
    batch[57..61].copy_from_slice(&count.to_be_bytes());
    let crc = crc32c(&batch[ATTRIBUTES..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, Record, RecordBatch};
    use bytes::Bytes;

    fn batch(codec: Compression) -> Bytes {
        let mut builder = BatchBuilder::new(40).with_leader_epoch(3).with_producer(9, 1, 7);
        for (time, value) in [(100, Some(&b"a"[..])), (105, None), (90, Some(b"c"))] {
            builder.append(time, Some(b"key"), value, &[("h".into(), None)]);
        }
        builder.compressed(&TargetCompression::Producer.compressor(codec)).build()
    }

    fn filtered(codec: Compression, keep: &[usize], horizon: Option<i64>) -> (RecordBatch, Vec<Record>) {
        let bytes = batch(codec);
        let header = BatchHeader::parse(&bytes).unwrap();
        let section = header.uncompressed(&bytes).unwrap();
        let views: Vec<RecordView<'_>> = header.views(&section).map(Result::unwrap).collect();
        let views: Vec<RecordView<'_>> = keep.iter().map(|&index| views[index]).collect();
        let retained = header.retain(&bytes, &views, horizon).unwrap();
        let retained = RecordBatch::parse(&Bytes::from(retained)).unwrap();
        retained.check_crc().unwrap();
        let records = retained.iter().unwrap().map(Result::unwrap).collect();
        (retained, records)
    }

    #[test]
    fn records_that_stay_keep_offsets_and_times_and_the_batch_its_range_and_sequence() {
        for codec in Compression::ALL {
            let (batch, records) = filtered(codec, &[0, 2], None);
            assert_eq!((batch.base_offset, batch.last_offset(), batch.records_count), (40, 42, 2));
            assert_eq!((batch.base_sequence, batch.last_sequence(), batch.partition_leader_epoch), (7, 9, 3));
            assert_eq!((batch.base_timestamp, batch.max_timestamp), (100, 100));
            assert_eq!(batch.compression(), Ok(codec));
            let seen: Vec<_> = records.iter().map(|record| (record.offset, record.timestamp)).collect();
            assert_eq!(seen, [(40, 100), (42, 90)]);
            assert_eq!(records[1].headers.len(), 1);
        }
    }

    #[test]
    fn a_delete_horizon_takes_the_place_of_the_base_timestamp() {
        let (batch, records) = filtered(Compression::None, &[1], Some(86_400_000));
        assert_eq!(batch.delete_horizon_ms(), Some(86_400_000));
        assert_eq!((records[0].offset, records[0].timestamp, &records[0].value), (41, 105, &None));
        assert_eq!(batch.max_timestamp, 105);
    }

    #[test]
    fn an_emptied_batch_keeps_its_range_and_its_largest_timestamp() {
        for codec in Compression::ALL {
            let bytes = batch(codec);
            let header = BatchHeader::parse(&bytes).unwrap();
            let emptied = RecordBatch::parse(&Bytes::from(header.emptied(&bytes))).unwrap();
            emptied.check_crc().unwrap();
            assert_eq!((emptied.base_offset, emptied.last_offset(), emptied.records_count), (40, 42, 0));
            assert_eq!((emptied.base_timestamp, emptied.max_timestamp, emptied.last_sequence()), (-1, 105, 9));
            assert_eq!((emptied.size(), emptied.iter().unwrap().count()), (HEADER_LENGTH, 0));
        }
    }
}
