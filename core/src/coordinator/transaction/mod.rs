//! The transaction coordinator: transactional ids, their producers' epochs and their transactions, kept in the partitions of
//! `__transaction_state` that this broker leads (KIP-98, 360, 588, 664, 890).
//!
//! [`TransactionCoordinator`] holds one shard per led partition; a shard's steps are spread over the modules here by request.
//! The node appends what [`TransactionOutput::Append`] asks for and says when it is written and when it is replicated; it
//! sends [`TransactionOutput::SendMarkers`] to other brokers and says what they answered.
//!
//! # Architecture Invariant
//! A transaction's outcome is decided by the record of its prepared state alone. It is told to its producer and to the
//! leaders of its partitions only after that record is replicated, and a new coordinator that finds it there goes on with it.

mod add_partitions;
mod config;
mod coordinator;
mod describe;
mod end_txn;
mod expiration;
mod gather;
mod init_producer_id;
mod lookup;
mod markers;
mod metadata;
mod records;
mod request;
mod shard;
mod state;
mod turn;

#[cfg(test)]
mod tests;

pub use config::TransactionConfig;
pub use coordinator::{TransactionCoordinator, TransactionOutput};
pub use request::{ClusterLookup, MarkerDestination, ProducerIdSource, TransactionRequest, TransactionResponse};
pub use state::TransactionState;
