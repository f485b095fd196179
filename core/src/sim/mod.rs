//! A whole cluster and its clients in one thread on virtual time, from one seed: how faults are found, and kept.

pub mod cluster;
pub mod disk;
pub mod network;

#[cfg(test)]
mod tests;
