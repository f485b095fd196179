//! Keys of quotas, and what their rates are taken over (`org.apache.kafka.server.config.QuotaConfig`).

/// Bytes a second that a client may produce.
pub const PRODUCER_BYTE_RATE: &str = "producer_byte_rate";
/// Bytes a second that a client may fetch.
pub const CONSUMER_BYTE_RATE: &str = "consumer_byte_rate";
/// Share of a broker's threads that a client may use, in percent.
pub const REQUEST_PERCENTAGE: &str = "request_percentage";
/// Partitions a second that a client may create or delete (KIP-599).
pub const CONTROLLER_MUTATION_RATE: &str = "controller_mutation_rate";
/// Connections a second that an address may open (KIP-612).
pub const CONNECTION_CREATION_RATE: &str = "connection_creation_rate";

/// What the value of a quota may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaType {
    /// A whole number below 2^31.
    Int,
    /// A whole number below 2^63.
    Long,
    /// Any number.
    Double,
}

/// Quotas of users and client ids.
pub const USER_AND_CLIENT_QUOTAS: [(&str, QuotaType); 4] = [
    (PRODUCER_BYTE_RATE, QuotaType::Long),
    (CONSUMER_BYTE_RATE, QuotaType::Long),
    (REQUEST_PERCENTAGE, QuotaType::Double),
    (CONTROLLER_MUTATION_RATE, QuotaType::Double),
];

/// Quotas of addresses.
pub const IP_QUOTAS: [(&str, QuotaType); 1] = [(CONNECTION_CREATION_RATE, QuotaType::Int)];

/// How long is looked back: so many samples of so many milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaWindow {
    /// `quota.window.num` and its like; at least 1.
    pub samples: u32,
    /// `quota.window.size.seconds` and its like, in milliseconds; at least 1000.
    pub sample_ms: u64,
}

/// The `*quota.window.*` configs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaWindows {
    /// `quota.window.num`, `quota.window.size.seconds`: of clients.
    pub client: QuotaWindow,
    /// `controller.quota.window.num`, `controller.quota.window.size.seconds`.
    pub controller: QuotaWindow,
    /// `replication.quota.window.num`, `replication.quota.window.size.seconds`.
    pub replication: QuotaWindow,
}
