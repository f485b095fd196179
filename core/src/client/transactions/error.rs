//! What Kafka's producer throws for transactions, with what caused it.

use crate::ids::TopicPartition;
use crate::protocol::ErrorCode;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

/// The class of a [`TransactionError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionErrorKind {
    /// That of an error of the protocol.
    Api(ErrorCode),
    /// `KafkaException`.
    Kafka,
    /// `IllegalStateException`.
    IllegalState,
    /// `IllegalArgumentException`.
    IllegalArgument,
    /// `CommitFailedException`.
    CommitFailed,
    /// `TransactionAbortedException`, of records that an abort kept from being sent.
    Aborted,
}

/// An exception of Kafka's transactional producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionError {
    /// Its class.
    pub kind: TransactionErrorKind,
    /// Its message.
    pub message: String,
    /// What caused it.
    pub cause: Option<Box<Self>>,
}

impl TransactionError {
    pub(super) fn new(kind: TransactionErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), cause: None }
    }

    /// That of an error of the protocol, with Kafka's message for it.
    pub(in super::super) fn api(error: ErrorCode) -> Self {
        Self::new(TransactionErrorKind::Api(error), error.message())
    }

    pub(super) fn kafka(message: impl Into<String>) -> Self {
        Self::new(TransactionErrorKind::Kafka, message)
    }

    pub(super) fn illegal_state(message: impl Into<String>) -> Self {
        Self::new(TransactionErrorKind::IllegalState, message)
    }

    /// A batch that failed when its transaction was aborted.
    pub(in super::super) fn aborted() -> Self {
        Self::new(TransactionErrorKind::Aborted, "Failing batch since transaction was aborted")
    }

    pub(in super::super) fn not_transactional() -> Self {
        Self::illegal_state("Transactional method invoked on a non-transactional producer.")
    }

    pub(super) fn not_initialized(partition: &TopicPartition) -> Self {
        Self::illegal_state(format!(
            "Cannot add partition {partition} to transaction before completing a call to initTransactions"
        ))
    }

    pub(super) fn not_in_transaction(partition: &TopicPartition, state: &str) -> Self {
        Self::illegal_state(format!("Cannot add partition {partition} to transaction while in state  {state}"))
    }

    pub(super) fn still_pending(operation: &str, previous: &str) -> Self {
        Self::illegal_state(format!(
            "Cannot attempt operation `{operation}` because the previous call to `{previous}` timed out and must be retried"
        ))
    }

    pub(super) fn timed_out(max_block_ms: u128, awaited: &str) -> Self {
        let message = format!("Timeout expired after {max_block_ms}ms while awaiting {awaited}");
        Self::new(TransactionErrorKind::Api(ErrorCode::RequestTimedOut), message)
    }

    pub(super) fn group_authorization(group: &str) -> Self {
        let message = format!("Not authorized to access group: {group}");
        Self::new(TransactionErrorKind::Api(ErrorCode::GroupAuthorizationFailed), message)
    }

    pub(super) fn topic_authorization(topics: &[String]) -> Self {
        let message = format!("Not authorized to access topics: [{}]", topics.join(", "));
        Self::new(TransactionErrorKind::Api(ErrorCode::TopicAuthorizationFailed), message)
    }

    #[must_use]
    pub(super) fn because(mut self, cause: Self) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    /// What the next call throws where this was the last error: some classes stay, the others are wrapped.
    pub(super) fn for_the_next_call(&self, transactional_id: &str, producer: &str) -> Self {
        let who = format!("Producer with transactionalId '{transactional_id}' and {producer}");
        match self.kind {
            TransactionErrorKind::Api(ErrorCode::ProducerFenced) => {
                Self::new(self.kind, format!("{who} has been fenced by another producer with the same transactionalId"))
            }
            TransactionErrorKind::Api(ErrorCode::InvalidProducerEpoch) => {
                Self::new(self.kind, format!("{who} attempted to produce with an old epoch"))
            }
            TransactionErrorKind::IllegalState => Self::illegal_state(format!(
                "{who} cannot execute transactional method because of previous invalid state transition attempt"
            ))
            .because(self.clone()),
            _ => Self::kafka("Cannot execute transactional method because we are in an error state")
                .because(self.clone()),
        }
    }
}
