//! What a producer is given once.

use crate::record::Compressor;
use crate::text::Str;
use crate::time::Duration;
use alloc::vec::Vec;

/// A producer's settings, with the Java client's defaults.
#[derive(Clone, Debug)]
pub struct ProducerConfig {
    /// `client.id`.
    pub client_id: Str,
    /// `bootstrap.servers`.
    pub bootstrap: Vec<(Str, u16)>,
    /// `acks`: -1 for all in-sync replicas, 1 for the leader, 0 for none.
    pub acks: i16,
    /// `linger.ms`.
    pub linger: Duration,
    /// `batch.size`, in bytes; of compressed batches as far as their size can be told before.
    pub batch_size: usize,
    /// `compression.type` with its level; `None` for `none`.
    pub compression: Option<Compressor>,
    /// `max.in.flight.requests.per.connection`.
    pub max_in_flight: usize,
    /// `max.request.size`, in bytes.
    pub max_request_size: usize,
    /// `delivery.timeout.ms`.
    pub delivery_timeout: Duration,
    /// `request.timeout.ms`.
    pub request_timeout: Duration,
    /// `max.block.ms`: how long a record waits for its topic's metadata.
    pub max_block: Duration,
    /// `enable.idempotence`; off by itself with other `acks` than all or more than 5 in flight.
    pub enable_idempotence: bool,
    /// `buffer.memory`, in bytes.
    pub buffer_memory: usize,
    /// `retries`: as often a batch is sent again.
    pub retries: u32,
    /// `retry.backoff.ms`.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`.
    pub retry_backoff_max: Duration,
    /// `metadata.max.age.ms`.
    pub metadata_max_age: Duration,
    /// `transactional.id`; without it there are no transactions.
    pub transactional_id: Option<Str>,
    /// `transaction.timeout.ms`: the coordinator aborts those that are open for longer.
    pub transaction_timeout: Duration,
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self {
            client_id: Str::from_static("producer-1"),
            bootstrap: Vec::new(),
            acks: -1,
            linger: Duration::from_millis(5),
            batch_size: 16_384,
            compression: None,
            max_in_flight: 5,
            max_request_size: 1_048_576,
            delivery_timeout: Duration::from_mins(2),
            request_timeout: Duration::from_secs(30),
            max_block: Duration::from_mins(1),
            enable_idempotence: true,
            buffer_memory: 33_554_432,
            retries: i32::MAX as u32,
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            metadata_max_age: Duration::from_mins(5),
            transactional_id: None,
            transaction_timeout: Duration::from_mins(1),
        }
    }
}
