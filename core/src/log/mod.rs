//! The log of a partition and everything it is made of.

pub mod storage;
