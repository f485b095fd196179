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
    /// When the last transaction begins: what is asked for before joins it.
    group_begins: Instant,
    latency: DiskLatency,
    slow: bool,
    /// It stores nothing and reads nothing any more.
    failed: bool,
}

impl Disk {
    /// A disk after `commands`.
    pub fn formatted(latency: DiskLatency, commands: &[StoreCommand]) -> Self {
        let mut stored = MemoryDisk::default();
        stored.apply(commands);
        let (busy_until, group_begins) = (Instant::ZERO, Instant::ZERO);
        Self { stored, pending: VecDeque::new(), busy_until, group_begins, latency, slow: false, failed: false }
    }

    /// What is on it, without what is under way.
    pub fn stored(&self) -> &MemoryDisk {
        &self.stored
    }

    /// Makes it slow, or quick again.
    pub fn set_slow(&mut self, slow: bool) {
        self.slow = slow;
    }

    /// From now on every batch fails, those under way too, and every read. What was stored before is still there once it is
    /// repaired.
    pub fn fail(&mut self) {
        self.failed = true;
    }

    /// Puts a disk that failed right. Nobody may be using it.
    pub fn repair(&mut self) {
        self.failed = false;
    }

    /// Whether it failed and was not repaired.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// Begins to store a batch; answers when it will be done. The caller then calls [`finish`](Self::finish). All batches that
    /// wait for the same transaction are done with the next one, as a host groups them.
    pub fn begin(&mut self, now: Instant, rng: &mut Rng, ticket: Ticket, commands: Vec<StoreCommand>) -> Instant {
        self.pending.push_back((ticket, commands));
        if self.group_begins > now {
            return self.busy_until;
        }
        let begins = now.max(self.busy_until);
        let done = self.occupy(now, rng);
        self.group_begins = begins;
        done
    }

    /// When a read that is asked for now is done: behind everything asked for before it.
    pub fn occupy(&mut self, now: Instant, rng: &mut Rng) -> Instant {
        let span = self.latency.max_micros.saturating_sub(self.latency.min_micros) + 1;
        let factor = if self.slow { self.latency.slow_factor } else { 1 };
        let micros = (self.latency.min_micros + rng.below(span)) * factor;
        self.busy_until = now.max(self.busy_until) + Duration::from_micros(micros);
        // What is stored later comes after a read.
        self.group_begins = now;
        self.busy_until
    }

    /// Another disk in its place, with nothing on it but what `commands` store. Nobody may be using it.
    pub fn replace(&mut self, commands: &[StoreCommand]) {
        *self = Self { slow: self.slow, ..Self::formatted(self.latency, commands) };
    }

    /// The oldest batch under way is on the disk now, or the disk has failed: then the error is the batch's ticket.
    pub fn finish(&mut self) -> Option<Result<Ticket, Ticket>> {
        let (ticket, commands) = self.pending.pop_front()?;
        if self.failed {
            return Some(Err(ticket));
        }
        self.stored.apply(&commands);
        Some(Ok(ticket))
    }

    /// Reads a range of what is stored; `None` where there is none, or the disk failed.
    pub fn read(&self, range: &FileRange) -> Option<bytes::Bytes> {
        if self.failed { None } else { self.stored.read(range) }
    }

    /// The process was killed: what it had handed over still reaches the disk.
    pub fn process_killed(&mut self) {
        while self.finish().is_some() {}
        self.rest();
    }

    /// The power went: what was under way is lost.
    pub fn power_lost(&mut self) {
        self.pending.clear();
        self.rest();
    }

    /// Nothing is asked for any more.
    fn rest(&mut self) {
        self.busy_until = Instant::ZERO;
        self.group_begins = Instant::ZERO;
    }
}
