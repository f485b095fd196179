//! A Kafka cluster as pure state machines.
//!
//! # Code map
//! - [`time`], [`rng`], [`ids`], [`text`], [`sorted`], [`event`]: the few types everything speaks; `java`: the order of its maps, its numbers.
//! - [`apart`]: code that stays out of its caller.
//! - [`client`]: producers, consumers, admin.
//! - [`cli`]: Kafka's command-line tools.
//! - [`config`]: `server.properties`, broker and topic configs: one table, typed values, Kafka's error texts.
//! - [`record`]: record batches: checked view, builder, CRC-32C, compression, validation.
//! - [`controller`]: the active controller: decides, writes records, replays them.
//! - [`coordinator`]: consumer groups, committed offsets, transactions.
//! - [`log`]: the log of a partition; what it wants stored, as data.
//! - [`protocol`]: frames, headers, typed requests and responses, errors.
//! - [`metadata`]: the cluster as an immutable image plus deltas, and the records that change it.
//! - [`quota`]: what clients and replication may have in a second.
//! - [`raft`]: the quorum of controllers: elections, the replicated metadata log, snapshots.
//! - [`replication`]: partitions led and followed, ISR, high watermark; [`purgatory`]: requests that wait.
//! - [`node`]: a broker, a controller or both as one state machine: composes the parts, holds no protocol logic.
//! - [`scram`]: what is kept of a user's password, and how that comes from it.
//! - [`shell`]: a machine with files and processes, where tutorials are typed.
//! - [`sim`]: a whole cluster in one thread on virtual time, from one seed.
#![no_std]

extern crate alloc;

pub mod apart;
pub mod cli;
pub mod client;
pub mod config;
pub mod controller;
pub mod coordinator;
pub mod event;
pub mod ids;
mod java;
pub mod log;
pub mod metadata;
pub mod node;
pub mod protocol;
pub mod purgatory;
pub mod quota;
pub mod raft;
pub mod record;
pub mod replication;
pub mod rng;
pub mod scram;
pub mod shell;
pub mod sim;
pub mod sorted;
pub mod text;
pub mod time;
