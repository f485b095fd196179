//! A whole cluster and its clients in one thread on virtual time, from one seed: how faults are found, and kept.
//!
//! # Code map
//! - [`cluster`]: nodes as processes, moved one happening at a time; [`network`], [`disk`]: what they stand on.
//! - [`client`]: the real clients as processes beside them; [`workload`]: what their programs do.
//! - [`fault`]: what goes wrong, as verbs; [`formatting`]: when a disk may be emptied.
//! - [`history`]: what is committed; [`invariant`]: what must hold after every step, one file each.
//! - [`plan`]: what a seed stands for, by scenario: separate controllers, failing disks, emptied disks, retention, unclean
//!   elections, static members, transactions.
//! - [`simulation`]: one run: work under faults, then all must heal; [`trace`]: what happened last.

pub mod client;
pub mod cluster;
pub mod disk;
pub mod fault;
pub mod formatting;
pub mod history;
pub mod invariant;
mod keys;
pub mod network;
pub mod plan;
pub mod simulation;
pub mod trace;
pub mod workload;

#[cfg(test)]
mod tests;
