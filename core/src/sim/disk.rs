//! The disks of one node: batches take time, a power cut loses those that did not finish.

use crate::log::memory_disk::MemoryDisk;
use crate::log::storage::{FileRange, StoreCommand, Ticket};
use crate::rng::Rng;
use crate::time::{Duration, Instant};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// How long a disk takes, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct DiskLatency {
    /// Shortest.
    pub min_micros: u64,
    /// Usual longest.
    pub max_micros: u64,
    /// Multiplies both while the disk is slow.
    pub slow_factor: u64,
}

/// One entry of `log.dirs`.
#[derive(Clone, Debug)]
pub struct Disk {
    stored: MemoryDisk,
    pending: VecDeque<(Ticket, Vec<StoreCommand>)>,
    busy_until: Instant,
    latency: DiskLatency,
    slow: bool,
}

impl Disk {
    /// A disk after `commands`.
    pub fn formatted(latency: DiskLatency, commands: &[StoreCommand]) -> Self {
        let mut stored = MemoryDisk::default();
        stored.apply(commands);
        Self { stored, pending: VecDeque::new(), busy_until: Instant::ZERO, latency, slow: false }
    }

    /// What is on it, without what is under way.
    pub fn stored(&self) -> &MemoryDisk {
        &self.stored
    }

    /// Makes it slow, or quick again.
    pub fn set_slow(&mut self, slow: bool) {
        self.slow = slow;
    }

    /// Begins to store a batch; answers when it will be done. The caller then calls [`finish`](Self::finish).
    pub fn begin(&mut self, now: Instant, rng: &mut Rng, ticket: Ticket, commands: Vec<StoreCommand>) -> Instant {
        self.pending.push_back((ticket, commands));
        self.occupy(now, rng)
    }

    /// When a read that is asked for now is done: behind everything asked for before it.
    pub fn occupy(&mut self, now: Instant, rng: &mut Rng) -> Instant {
        let span = self.latency.max_micros.saturating_sub(self.latency.min_micros) + 1;
        let factor = if self.slow { self.latency.slow_factor } else { 1 };
        let micros = (self.latency.min_micros + rng.below(span)) * factor;
        self.busy_until = now.max(self.busy_until) + Duration::from_micros(micros);
        self.busy_until
    }

    /// The oldest batch under way is on the disk now.
    pub fn finish(&mut self) -> Option<Ticket> {
        let (ticket, commands) = self.pending.pop_front()?;
        self.stored.apply(&commands);
        Some(ticket)
    }

    /// Reads a range of what is stored.
    pub fn read(&self, range: &FileRange) -> Option<bytes::Bytes> {
        self.stored.read(range)
    }

    /// The process was killed: what it had handed over still reaches the disk.
    pub fn process_killed(&mut self) {
        while self.finish().is_some() {}
    }

    /// The power went: what was under way is lost.
    pub fn power_lost(&mut self) {
        self.pending.clear();
    }
}
