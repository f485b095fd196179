//! Replication of partitions: who leads, who follows, what counts as committed.
//!
//! - [`partition_state`], [`replica_state`]: the ISR and its pending change; what a leader knows of a follower.

pub mod partition_state;
pub mod replica_state;
