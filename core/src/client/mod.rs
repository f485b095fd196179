//! Clients as sans-I/O state machines, speaking to brokers only in Kafka's protocol.

pub mod assignor;
pub mod partitioner;
