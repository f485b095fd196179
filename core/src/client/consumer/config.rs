//! What a consumer is told at its start, with the Java client's defaults.

use crate::client::assignor::{Assignor, RebalanceProtocol};
use crate::text::Str;
use crate::time::Duration;
use alloc::vec::Vec;

/// `auto.offset.reset`: where to begin in a partition without a committed offset, or when the position is out of range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutoOffsetReset {
    /// At the log start offset.
    Earliest,
    /// At the high watermark (the last stable offset under [`IsolationLevel::ReadCommitted`]).
    #[default]
    Latest,
    /// Nowhere: an error event.
    None,
}

/// `isolation.level`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IsolationLevel {
    /// Everything below the high watermark.
    #[default]
    ReadUncommitted = 0,
    /// Everything below the last stable offset, without aborted transactions.
    ReadCommitted = 1,
}

/// The settings of a [`super::Consumer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerConfig {
    /// `client.id`
    pub client_id: Str,
    /// `bootstrap.servers`: hosts and ports.
    pub bootstrap: Vec<(Str, u16)>,
    /// `group.id`; without one there are no commits and no subscriptions.
    pub group_id: Option<Str>,
    /// `group.instance.id`: makes it a static member (KIP-345).
    pub group_instance_id: Option<Str>,
    /// `partition.assignment.strategy`, preferred first.
    pub assignors: Vec<Assignor>,
    /// `auto.offset.reset`
    pub auto_offset_reset: AutoOffsetReset,
    /// `isolation.level`
    pub isolation_level: IsolationLevel,
    /// `enable.auto.commit`
    pub enable_auto_commit: bool,
    /// `auto.commit.interval.ms`
    pub auto_commit_interval: Duration,
    /// `session.timeout.ms`
    pub session_timeout: Duration,
    /// `heartbeat.interval.ms`
    pub heartbeat_interval: Duration,
    /// `max.poll.interval.ms`: records waiting longer than this for [`super::Consumer::poll_event`] make it leave its
    /// group; also the rebalance time-out it asks for.
    pub max_poll_interval: Duration,
    /// `max.poll.records`: most records of one event.
    pub max_poll_records: usize,
    /// `fetch.min.bytes`
    pub fetch_min_bytes: i32,
    /// `fetch.max.wait.ms`
    pub fetch_max_wait: Duration,
    /// `fetch.max.bytes`
    pub fetch_max_bytes: i32,
    /// `max.partition.fetch.bytes`
    pub max_partition_fetch_bytes: i32,
    /// `request.timeout.ms`
    pub request_timeout: Duration,
    /// `retry.backoff.ms`
    pub retry_backoff: Duration,
    /// `metadata.max.age.ms`
    pub metadata_max_age: Duration,
    /// `allow.auto.create.topics`
    pub allow_auto_create_topics: bool,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            client_id: Str::from("consumer"),
            bootstrap: Vec::new(),
            group_id: None,
            group_instance_id: None,
            assignors: alloc::vec![Assignor::Range, Assignor::CooperativeSticky],
            auto_offset_reset: AutoOffsetReset::Latest,
            isolation_level: IsolationLevel::ReadUncommitted,
            enable_auto_commit: true,
            auto_commit_interval: Duration::from_secs(5),
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(3),
            max_poll_interval: Duration::from_mins(5),
            max_poll_records: 500,
            fetch_min_bytes: 1,
            fetch_max_wait: Duration::from_millis(500),
            fetch_max_bytes: 50 << 20,
            max_partition_fetch_bytes: 1 << 20,
            request_timeout: Duration::from_secs(30),
            retry_backoff: Duration::from_millis(100),
            metadata_max_age: Duration::from_mins(5),
            allow_auto_create_topics: true,
        }
    }
}

impl ConsumerConfig {
    /// How it rejoins: cooperatively only where every assignor can.
    pub fn rebalance_protocol(&self) -> RebalanceProtocol {
        let cooperative = !self.assignors.is_empty()
            && self.assignors.iter().all(|assignor| assignor.rebalance_protocol() == RebalanceProtocol::Cooperative);
        if cooperative { RebalanceProtocol::Cooperative } else { RebalanceProtocol::Eager }
    }
}

/// Whole milliseconds for a request's int32 field.
pub(super) fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
