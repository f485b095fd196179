//! The group coordinator: consumer groups and committed offsets, kept in the partitions of `__consumer_offsets` that
//! this broker leads.
//!
//! [`GroupCoordinator`] holds one shard per led partition; a shard's steps are spread over the modules here by request.
//! The node appends what [`GroupOutput::Append`] asks for and says when it is written and when it is replicated.
//!
//! Offsets committed inside a transaction are pending until the transaction's marker is in the same log: the coordinator
//! writes both, so that what they change is decided by their order there, now and when a successor replays it.
//!
//! # Architecture Invariant
//! What a client is told about stored state (a commit, an assignment) is told only after its record is replicated, so a
//! new leader of the partition, replaying it, knows of everything a client was told.

mod admin;
mod classic;
mod complete_transaction;
mod config;
pub mod consumer_protocol;
mod coordinator;
mod expiration;
mod gather;
mod heartbeat;
mod join_group;
mod leave_group;
mod offset_commit;
mod offset_fetch;
mod offsets;
mod pending_offsets;
mod records;
mod request;
mod shard;
mod static_member;
mod sync_group;
mod topics;
mod turn;
mod txn_offset_commit;
mod view;

#[cfg(test)]
mod tests;

pub use classic::ClassicGroupState;
pub use config::GroupConfig;
pub use coordinator::{GroupCoordinator, GroupOutput};
pub use request::{GroupRequest, GroupResponse, RequestContext, TopicLookup};
pub use view::{GroupMemberView, GroupView};
