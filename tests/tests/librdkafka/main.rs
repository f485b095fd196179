//! librdkafka against a cluster of ours on loopback sockets: what real clients see.

mod compression;
mod faults;
mod groups;
mod kcat;
mod produce;
mod restart;
mod support;
mod transactions;
mod wire;
