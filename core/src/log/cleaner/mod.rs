//! The log cleaner: of each key of a compacted log it leaves the last record (`cleanup.policy=compact`).
//!
//! A `Pass` cleans one log, in turns: first it reads the dirty section, from where the last pass ended, and remembers the last
//! offset of each key (`OffsetMap`); then it copies group after group of closed segments, without what is superseded, to a
//! file of its own. Each group takes the place of its segments in one batch of store commands, so that a crash leaves the
//! segments or what was cleaned of them, and of a file that was not finished only its `.cleaned` name, which the next start
//! deletes. Kafka's `.swap` is never seen for that. Offsets stay what they were. `transactions` decides about aborted records
//! and markers.
//!
//! # Architecture Invariant
//! A pass keeps no reference to the log. Before each turn it is compared with the log (`Pass::is_of`): one that was cut,
//! moved, made anew, or is not to be compacted any more ends it, and nothing of it remains but groups already cleaned.

mod offset_map;
mod pass;
#[cfg(test)]
mod tests;
mod transactions;

use crate::config::LogConfigDefaults;
use crate::time::Duration;

pub(super) use pass::{Pass, Stop};

/// What is read, unpacked or written in a turn, bytes; Kafka has a thread for it. One batch is never divided, but for its
/// decompression.
pub(super) const TURN_BYTES: usize = 128 << 10;
/// The pause between two turns, in which others have theirs.
pub(super) const TURN_PAUSE: Duration = Duration::from_millis(5);
/// Keys remembered in a pass, bytes, however large the buffer is configured: it is memory of a tab. Kafka keeps a hash of each.
const MOST_KEY_BYTES: u64 = 16 << 20;

/// What a broker's configs say of its cleaner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanerConfig {
    /// `log.cleaner.enable`.
    pub enable: bool,
    /// `log.cleaner.backoff.ms`.
    pub backoff: Duration,
    /// Keys remembered in a pass, bytes.
    pub buffer_bytes: u64,
    /// `log.cleaner.io.max.bytes.per.second`.
    pub bytes_per_second: u64,
}

impl CleanerConfig {
    /// What `config` says.
    pub fn new(config: &LogConfigDefaults) -> Self {
        Self {
            enable: config.cleaner_enable,
            // Zero would look for work all the time.
            backoff: config.cleaner_backoff.max(TURN_PAUSE),
            buffer_bytes: config.cleaner_buffer_bytes.min(MOST_KEY_BYTES),
            bytes_per_second: config.cleaner_bytes_per_second.max(1),
        }
    }

    /// How long after a turn that read and wrote `bytes` the next one begins.
    pub(super) fn pause(&self, bytes: usize) -> Duration {
        Duration::from_micros((bytes as u64).saturating_mul(1_000_000) / self.bytes_per_second).max(TURN_PAUSE)
    }
}

impl Default for CleanerConfig {
    /// Kafka's defaults, but for the size of the buffer.
    fn default() -> Self {
        Self {
            enable: true,
            backoff: Duration::from_secs(15),
            buffer_bytes: MOST_KEY_BYTES,
            bytes_per_second: u64::MAX,
        }
    }
}
