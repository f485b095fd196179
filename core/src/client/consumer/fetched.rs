//! Records out of what a leader sent.

use super::IsolationLevel;
use crate::ids::{LeaderEpoch, Offset, ProducerId};
use crate::protocol::messages::fetch_response::AbortedTransaction;
use crate::record::control::control_type;
use crate::record::{Batches, ControlRecordType, Record, RecordBatch, RecordError};
use crate::sorted::{SortedSet, sort_by_key};
use alloc::vec::Vec;
use bytes::Bytes;

/// Bytes of records, uncompressed, that one answer may bring: batches behind them are fetched again. A few megabytes of
/// compressed zeros must not fill the memory.
const MAX_UNCOMPRESSED: usize = 64 << 20;

/// What is behind a position.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    pub(super) records: Vec<Record>,
    /// Behind all batches read, also those without records for the program.
    pub(super) next_offset: Offset,
    pub(super) leader_epoch: LeaderEpoch,
    /// Bytes of its records, uncompressed.
    size: usize,
}

/// The records from `position` on. Batches begin before it, may be cut off at the end, and may be control batches or, for
/// committed reads, of aborted transactions.
///
/// # Errors
/// Where the batch at the position is damaged. One further behind ends the records before it; the next fetch finds it.
pub(super) fn read_records(
    bytes: Bytes,
    position: Offset,
    leader_epoch: LeaderEpoch,
    isolation_level: IsolationLevel,
    aborted: &[AbortedTransaction],
) -> Result<Fetched, RecordError> {
    let mut fetched = Fetched { records: Vec::new(), next_offset: position, leader_epoch, size: 0 };
    let mut filter = AbortedFilter::new(isolation_level, aborted);
    for batch in Batches::new(bytes) {
        if let Err(error) = batch.and_then(|batch| read_batch(&batch, position, &mut filter, &mut fetched)) {
            if fetched.next_offset > position {
                break;
            }
            return Err(error);
        }
        if fetched.size >= MAX_UNCOMPRESSED {
            break;
        }
    }
    Ok(fetched)
}

fn read_batch(
    batch: &RecordBatch,
    position: Offset,
    filter: &mut AbortedFilter,
    fetched: &mut Fetched,
) -> Result<(), RecordError> {
    let header = batch.header();
    if header.last_offset() < position {
        return Ok(());
    }
    batch.check_crc()?;
    if filter.passes(batch) {
        let records = batch.iter()?;
        fetched.size += records.uncompressed_size();
        let records: Result<Vec<Record>, RecordError> = records.collect();
        fetched.records.extend(records?.into_iter().filter(|record| record.offset >= position));
    }
    fetched.next_offset = header.next_offset();
    fetched.leader_epoch = header.partition_leader_epoch;
    Ok(())
}

/// Knows which producers' transactions are aborted at the batch just read.
struct AbortedFilter {
    is_active: bool,
    /// Not yet begun, by their first offset, last first.
    coming: Vec<AbortedTransaction>,
    open: SortedSet<ProducerId>,
}

impl AbortedFilter {
    fn new(isolation_level: IsolationLevel, aborted: &[AbortedTransaction]) -> Self {
        let mut coming = aborted.to_vec();
        sort_by_key(&mut coming, |transaction| core::cmp::Reverse(transaction.first_offset));
        Self { is_active: isolation_level == IsolationLevel::ReadCommitted, coming, open: SortedSet::new() }
    }

    fn passes(&mut self, batch: &RecordBatch) -> bool {
        let header = batch.header();
        while let Some(transaction) = self.coming.pop_if(|next| next.first_offset <= header.last_offset()) {
            self.open.insert(transaction.producer_id);
        }
        if header.is_control() {
            if control_type(batch) == Some(ControlRecordType::Abort) {
                self.open.remove(&header.producer_id);
            }
            return false;
        }
        !(self.is_active && header.is_transactional() && self.open.contains(&header.producer_id))
    }
}
