//! Clients as sans-I/O state machines, speaking to brokers only in Kafka's protocol.
//!
//! # Code map
//! - [`network_client`]: what every client stands on; inside, `network` has connections, API versions, correlation ids, timeouts
//!   and backoff, `peer` one broker.
//! - [`metadata`]: brokers, topics and leaders as a client last heard of them; `quorum_metadata`: of controllers.
//! - [`consumer`]: reads topics, alone or in a classic group.
//! - [`producer`]: batches, sequences, retries; [`transactions`]: those of a producer.
//! - [`admin`]: topics, configs, groups, offsets.
//! - [`partitioner`]: murmur2 and the sticky partitioner.
//! - [`assignor`]: which member of a classic group gets which partitions.

mod accumulator;
pub mod admin;
pub mod assignor;
pub mod consumer;
pub mod metadata;
mod network;
pub mod network_client;
pub mod partitioner;
mod peer;
pub mod producer;
mod quorum_metadata;
#[cfg(test)]
mod scripted_broker;
pub mod transactions;

pub use admin::{Admin, AdminConfig, AdminError, AdminRequest, AdminResponse, Operation};
pub use consumer::{Consumer, ConsumerConfig, ConsumerEvent, ConsumerView};
pub use metadata::ClusterMetadata;
pub use network_client::{Answer, AnswerError, NetworkClient, NetworkConfig, RequestFailed, RequestOptions, Target};
pub use producer::{Producer, ProducerConfig, ProducerEvent, ProducerRecord, SendError};
pub use transactions::{TransactionError, TransactionErrorKind, TransactionOperation, TransactionOutcome};

use crate::ids::ConnectionId;
use crate::text::Str;
use alloc::vec::Vec;
use bytes::Bytes;

/// What a host tells a client.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientInput {
    /// A connection asked for with [`ClientOutput::Connect`] is open.
    Connected {
        /// Which.
        connection: ConnectionId,
    },
    /// It could not be opened.
    ConnectFailed {
        /// Which.
        connection: ConnectionId,
    },
    /// A whole frame arrived, without its length prefix.
    Frame {
        /// Where.
        connection: ConnectionId,
        /// Header and body.
        bytes: Bytes,
    },
    /// The broker closed, or the connection broke. Not told where the client closed it.
    Closed {
        /// Which.
        connection: ConnectionId,
    },
    /// A deadline came; same as a tick.
    Timeout,
}

/// What a client wants of its host.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientOutput {
    /// Open a connection.
    Connect {
        /// Its id from now on.
        connection: ConnectionId,
        /// Host of the broker's listener.
        host: Str,
        /// Port of the broker's listener.
        port: u16,
    },
    /// Send a frame; the host adds the length prefix where its transport needs one.
    Send {
        /// Where.
        connection: ConnectionId,
        /// Slices, in order.
        bytes: Vec<Bytes>,
    },
    /// Close it; nothing more is told of this connection.
    Close {
        /// Which.
        connection: ConnectionId,
    },
}
