//! [`Gathers`]: `AddPartitionsToTxn` of several transactions is answered once each of them is.

use super::request::TransactionResponse;
use super::turn::known_error;
use crate::protocol::ErrorCode;
use crate::protocol::messages::AddPartitionsToTxnResponse;
use crate::protocol::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use crate::protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult,
};
use crate::sorted::SortedMap;
use alloc::vec;
use alloc::vec::Vec;

/// The first version that brokers send, for several transactions at once.
pub(super) const BATCHED_SINCE: i16 = 4;

/// The place of one transaction in the answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    token: u64,
    index: usize,
}

/// Requests not answered yet, by token.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathers {
    open: SortedMap<u64, Gather>,
}

#[derive(Clone, Debug)]
struct Gather {
    api_version: i16,
    transactions: Vec<AddPartitionsToTxnTransaction>,
    results: Vec<Option<AddPartitionsToTxnResult>>,
}

/// The transactions of a request: one, where it comes from a client.
pub(super) fn transactions_of(
    api_version: i16,
    request: AddPartitionsToTxnRequest,
) -> Vec<AddPartitionsToTxnTransaction> {
    if api_version >= BATCHED_SINCE {
        return request.transactions;
    }
    vec![AddPartitionsToTxnTransaction {
        transactional_id: request.v3_and_below_transactional_id,
        producer_id: request.v3_and_below_producer_id,
        producer_epoch: request.v3_and_below_producer_epoch,
        verify_only: false,
        topics: request.v3_and_below_topics,
    }]
}

impl Gathers {
    /// Begins to gather; each transaction has the slot of its index.
    pub(super) fn begin(&mut self, token: u64, api_version: i16, transactions: &[AddPartitionsToTxnTransaction]) {
        let gather =
            Gather { api_version, transactions: transactions.to_vec(), results: vec![None; transactions.len()] };
        self.open.insert(token, gather);
    }

    pub(super) const fn slot(token: u64, index: usize) -> Slot {
        Slot { token, index }
    }

    /// All partitions of a transaction are answered with the same error, or none.
    pub(super) fn fill_all(&mut self, slot: Slot, error: ErrorCode) -> Option<(u64, TransactionResponse)> {
        self.fill(slot, |_, _| error)
    }

    /// Each partition is answered with an error of its own, in the order of the request.
    pub(super) fn fill(
        &mut self,
        slot: Slot,
        mut error_of: impl FnMut(&AddPartitionsToTxnTopic, i32) -> ErrorCode,
    ) -> Option<(u64, TransactionResponse)> {
        let gather = self.open.get_mut(&slot.token)?;
        let transaction = gather.transactions.get(slot.index)?;
        let mut topic_results = Vec::with_capacity(transaction.topics.len());
        for topic in &transaction.topics {
            let mut result = |&partition: &i32| AddPartitionsToTxnPartitionResult {
                partition_index: partition,
                partition_error_code: known_error(gather.api_version, 2, error_of(topic, partition)).code(),
            };
            let results_by_partition = topic.partitions.iter().map(&mut result).collect();
            topic_results.push(AddPartitionsToTxnTopicResult { name: topic.name.clone(), results_by_partition });
        }
        let transactional_id = transaction.transactional_id.clone();
        if let Some(result) = gather.results.get_mut(slot.index) {
            *result = Some(AddPartitionsToTxnResult { transactional_id, topic_results });
        }
        self.finished(slot.token)
    }

    /// The answer, where nothing is missing in it.
    pub(super) fn finished(&mut self, token: u64) -> Option<(u64, TransactionResponse)> {
        if self.open.get(&token)?.results.iter().any(Option::is_none) {
            return None;
        }
        let gather = self.open.remove(&token)?;
        let mut results: Vec<AddPartitionsToTxnResult> = gather.results.into_iter().flatten().collect();
        let response = if gather.api_version >= BATCHED_SINCE {
            AddPartitionsToTxnResponse { results_by_transaction: results, ..Default::default() }
        } else {
            let results_by_topic_v3_and_below = results.pop().map(|result| result.topic_results).unwrap_or_default();
            AddPartitionsToTxnResponse { results_by_topic_v3_and_below, ..Default::default() }
        };
        Some((token, TransactionResponse::AddPartitionsToTxn(response)))
    }
}
