//! The controller of a KRaft cluster (KIP-500, 631): what changes in the cluster is decided here and nowhere else.
//!
//! [`QuorumController`] runs on every voter of the quorum. While another one is active it only replays what is committed.
//! The active one works in the order *decide → records → replay*: a decision takes the state by `&`, gives records and a
//! response; the records are replayed on the speculative image at once and handed out to be appended; the response leaves
//! when they are committed.
//!
//! - `quorum_controller`: events, claiming and renouncing leadership, responses that wait for a commit.
//! - `cluster_control`: registration, heartbeats, fencing, controlled shutdown. `broker_heartbeat_manager` has the sessions.
//! - `replication_control`: topics, partitions, leaders, ISR; `partition_change_builder` elects and shrinks,
//!   `partition_reassignment` says when a reassignment is complete, `replica_placer` chooses replicas.
//! - `configuration_control`, `client_quota_control`, `scram_control`, `feature_control`,
//!   `producer_id_control`: the rest.
//!
//! # Architecture Invariant
//! A decision never changes anything: it may be thrown away until its records are appended. State that is not in the
//! metadata log (sessions) is of this node alone and begins anew with each claim.

mod broker_heartbeat_manager;
mod client_quota_control;
mod cluster_control;
mod configuration_control;
mod decision;
mod feature_control;
mod partition_change_builder;
mod partition_reassignment;
mod producer_id_control;
mod quorum_controller;
pub(crate) mod replica_placer;
mod replication_control;
mod request;
mod scram_control;
#[cfg(test)]
mod tests;

pub use configuration_control::{altered_configs, check_changes, check_keys, check_loggers};
pub use decision::{ApiError, ControllerConfig, ControllerRequestContext};
pub use quorum_controller::{ControllerOutput, QuorumController};
pub use replication_control::invalid_topic_name;
pub use request::{ControllerRequest, ControllerResponse};
