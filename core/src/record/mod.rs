//! Record batches of magic 2: a checked view, a builder, CRC-32C, compression, control records and the leader's validation.
//!
//! Everything that reads bytes here reads bytes of clients, other nodes or files, so every length is checked and every
//! failure is a [`RecordError`]. A leader looks into every batch that it appends, compressed or not ([`validate`], which unpacks
//! in turns: [`walk`]); followers take them as they are.

pub mod batch;
pub mod batches;
pub mod builder;
pub mod compression;
pub mod control;
pub mod crc32c;
mod error;
mod fields;
mod recompression;
mod retain;
#[cfg(test)]
mod tests;
pub mod validate;
pub mod walk;

pub use batch::{BatchHeader, HEADER_LENGTH, RecordBatch, TimestampType};
pub use batches::Batches;
pub use builder::BatchBuilder;
pub use compression::{Compression, Compressor};
pub use control::ControlRecordType;
pub use crc32c::crc32c;
pub use error::RecordError;
pub use fields::{Record, RecordView, Records};

/// No timestamp (`RecordBatch.NO_TIMESTAMP`).
pub const NO_TIMESTAMP: i64 = -1;
/// No producer id.
pub const NO_PRODUCER_ID: i64 = -1;
/// No producer epoch.
pub const NO_PRODUCER_EPOCH: i16 = -1;
/// No sequence.
pub const NO_SEQUENCE: i32 = -1;
