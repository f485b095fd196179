//! [`CleanedTransactions`]: which records and markers of transactions a pass may drop (Kafka's `CleanedTransactionMetadata`).

use crate::ids::ProducerId;
use crate::log::AbortedTransaction;
use crate::record::BatchHeader;
use crate::record::control::ControlRecordType;
use crate::sorted::{SortedMap, SortedSet, sort_by_key};
use alloc::vec::Vec;

/// The transactions that are open where a pass reads. Everything it reads is decided, so an open one is known to be aborted or
/// it is committed.
#[derive(Clone, Debug, Default)]
pub(super) struct CleanedTransactions {
    /// Those that begin further on, the next one last.
    coming: Vec<AbortedTransaction>,
    /// Open ones that were aborted, and whether a batch of theirs is still in the log.
    aborted: SortedMap<ProducerId, (AbortedTransaction, bool)>,
    /// Producers of open ones that were committed and still have a batch in the log.
    committed: SortedSet<ProducerId>,
}

impl CleanedTransactions {
    /// Takes the aborted transactions that overlap what is read next.
    pub(super) fn add(&mut self, aborted: Vec<AbortedTransaction>) {
        self.coming.extend(aborted);
        sort_by_key(&mut self.coming, |transaction| core::cmp::Reverse(transaction.first_offset));
    }

    /// Reads a batch of records: true where its transaction was aborted.
    pub(super) fn on_batch(&mut self, header: &BatchHeader) -> bool {
        self.begin(header);
        if !header.is_transactional() {
            return false;
        }
        if let Some((_, is_there)) = self.aborted.get_mut(&header.producer_id) {
            *is_there = true;
            return true;
        }
        self.committed.insert(header.producer_id);
        false
    }

    /// Reads a control batch: true where it ends a transaction of which nothing else is left. An aborted one of which there is
    /// something stays in the transaction index: it goes into `kept`.
    pub(super) fn on_control(
        &mut self,
        header: &BatchHeader,
        bytes: &[u8],
        kept: Option<&mut Vec<AbortedTransaction>>,
    ) -> bool {
        self.begin(header);
        if header.records_count == 0 {
            // It was emptied by an earlier pass.
            return true;
        }
        let first = header.records(bytes).ok().and_then(|mut records| records.next()?.ok());
        match first.and_then(|record| ControlRecordType::from_key(record.key?)) {
            Some(ControlRecordType::Abort) => match self.aborted.remove(&header.producer_id) {
                Some((transaction, true)) => {
                    if let Some(kept) = kept {
                        kept.push(transaction);
                    }
                    false
                }
                _ => true,
            },
            Some(ControlRecordType::Commit) => !self.committed.remove(&header.producer_id),
            _ => false,
        }
    }

    fn begin(&mut self, header: &BatchHeader) {
        while let Some(next) = self.coming.pop_if(|next| next.first_offset <= header.last_offset()) {
            if !self.aborted.contains_key(&next.producer_id) {
                self.aborted.insert(next.producer_id, (next, false));
            }
        }
    }
}
