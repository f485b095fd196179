//! Replication of partitions: who leads, who follows, what counts as committed.
//!
//! - [`replica_manager`]: all replicas of a broker, what a node talks to.
//! - [`partition`]: one replica's role, its in-sync replicas and its high watermark rule.
//! - [`partition_state`], [`replica_state`]: the ISR and its pending change; what a leader knows of a follower.
//! - [`alter_partition`]: asks the controller for ISR changes.
//! - [`assignments_manager`]: tells the controller in which log directories replicas are.
//! - [`replica_fetcher`]: fetches from one leader; [`fetch_session`], [`fetch_session_handler`]: incremental fetch, at the
//!   server and at who fetches.

pub mod alter_partition;
pub mod assignments_manager;
pub mod fetch_session;
pub mod fetch_session_handler;
pub mod partition;
pub mod partition_state;
pub mod replica_fetcher;
pub mod replica_manager;
pub mod replica_state;

use crate::protocol::ErrorCode;

/// A request of this broker to another got no response: the connection broke, or time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestFailed;

/// The error a response names; one this broker does not know counts as `UNKNOWN_SERVER_ERROR`.
fn error_of(code: i16) -> ErrorCode {
    ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError)
}
