//! Coordinators: state kept in the records of an internal topic, by the leader of each of its partitions.

pub mod group;
