//! `DescribeTransactions` and `ListTransactions` (KIP-664).

use super::metadata::TransactionMetadata;
use super::shard::Shard;
use super::state::TransactionState;
use crate::protocol::ErrorCode;
use crate::protocol::messages::ListTransactionsRequest;
use crate::protocol::messages::describe_transactions_response::{TopicData, TransactionState as Described};
use crate::protocol::messages::list_transactions_response::{ListTransactionsResponse, TransactionState as Listed};
use crate::text::Str;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use regex_lite::Regex;

impl Shard {
    /// What is known of one transactional id.
    pub(super) fn describe(&self, transactional_id: &Str) -> Described {
        let known = self.transactions.get(transactional_id);
        let Some(metadata) = known.filter(|metadata| metadata.now.state != TransactionState::Dead) else {
            return described_error(transactional_id, ErrorCode::TransactionalIdNotFound);
        };
        let fields = &metadata.now;
        let mut topics: Vec<TopicData> = Vec::new();
        for partition in &fields.partitions {
            match topics.last_mut() {
                Some(last) if last.topic == partition.topic => last.partitions.push(partition.partition),
                _ => topics.push(TopicData { topic: partition.topic.clone(), partitions: vec![partition.partition] }),
            }
        }
        Described {
            error_code: ErrorCode::None.code(),
            transactional_id: transactional_id.clone(),
            transaction_state: Str::from_static(fields.state.name()),
            transaction_timeout_ms: fields.timeout_ms,
            transaction_start_time_ms: fields.start_ms,
            producer_id: fields.producer_id,
            producer_epoch: fields.producer_epoch,
            topics,
        }
    }
}

/// An id of which nothing can be said.
pub(super) fn described_error(transactional_id: &Str, error: ErrorCode) -> Described {
    let (error_code, transactional_id) = (error.code(), transactional_id.clone());
    Described { error_code, transactional_id, ..Described::default() }
}

/// The transactions of all shards that a request asks for.
pub(super) fn list<'a>(
    shards: impl Iterator<Item = &'a Shard>,
    request: &ListTransactionsRequest,
    now_ms: i64,
) -> ListTransactionsResponse {
    let (known, unknown): (Vec<&Str>, Vec<&Str>) =
        request.state_filters.iter().partition(|name| TransactionState::from_name(name).is_some());
    let mut response = ListTransactionsResponse {
        unknown_state_filters: unknown.into_iter().cloned().collect(),
        ..ListTransactionsResponse::default()
    };
    let pattern = match request.transactional_id_pattern.as_deref() {
        // It has to match the whole id.
        Some(pattern) if !pattern.is_empty() => match Regex::new(&format!("^(?:{pattern})$")) {
            Ok(regex) => Some(regex),
            Err(_) => {
                let error_code = ErrorCode::InvalidRegularExpression.code();
                return ListTransactionsResponse { error_code, ..ListTransactionsResponse::default() };
            }
        },
        _ => None,
    };
    let is_wanted = |transactional_id: &Str, metadata: &TransactionMetadata| {
        let fields = &metadata.now;
        (request.producer_id_filters.is_empty() || request.producer_id_filters.contains(&fields.producer_id))
            && (request.state_filters.is_empty() || known.iter().any(|name| ***name == *fields.state.name()))
            // An id without a transaction yet counts as one that began before all time, as for Kafka.
            && (request.duration_filter < 0 || now_ms.saturating_sub(fields.start_ms) > request.duration_filter)
            && pattern.as_ref().is_none_or(|pattern| pattern.is_match(transactional_id))
    };
    for (transactional_id, metadata) in shards.flat_map(|shard| &shard.transactions) {
        if is_wanted(transactional_id, metadata) {
            response.transaction_states.push(Listed {
                transactional_id: transactional_id.clone(),
                producer_id: metadata.now.producer_id,
                transaction_state: Str::from_static(metadata.now.state.name()),
            });
        }
    }
    response
}
