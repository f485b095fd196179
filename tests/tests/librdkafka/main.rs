//! librdkafka against a cluster of ours on loopback sockets: what real clients see.

mod faults;
mod groups;
mod produce;
mod support;
mod wire;
