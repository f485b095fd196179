//! The log of a partition and everything it is made of: segments, indexes, leader epochs, producer state.
//!
//! [`LogManager`](log_manager::LogManager) holds all logs of all log directories; [`UnifiedLog`] is one. File names and
//! formats are Kafka's. Whatever changes a file is pushed on the [`storage::StoreQueue`] of its directory, and nothing counts as stored before
//! the ticket of that batch came back ([`UnifiedLog::stored`]).

pub mod cache;
pub mod checkpoint;
pub mod cleaner;
pub mod indexes;
pub mod leader_epoch_cache;
pub mod loader;
pub mod log_config;
pub mod log_manager;
pub mod memory_disk;
pub mod producer_state;
pub mod segment;
pub mod storage;
pub mod transaction_index;
pub mod unified_log;
pub mod verification;

pub use leader_epoch_cache::{EpochEndOffset, LeaderEpochCache};
pub use log_config::LogConfig;
pub use segment::{Cold, TimestampAndOffset};
pub use transaction_index::AbortedTransaction;
pub use unified_log::{AppendError, AppendInfo, AppendOrigin, Read, SeenRecord, TailMemory, UnifiedLog};
pub use verification::{TransactionContext, VerificationGuard};
