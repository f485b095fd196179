//! Producer ids, from blocks that the controller hands out (Kafka's `ProducerIdManager`).

use crate::coordinator::transaction::ProducerIdSource;
use crate::ids::ProducerId;
use crate::time::{Duration, Instant};
use alloc::collections::VecDeque;

/// The block in use and who waits for the next.
#[derive(Clone, Debug, Default)]
pub(super) struct ProducerIds {
    next: ProducerId,
    end: ProducerId,
    asked: bool,
    not_before: Instant,
    waiting: VecDeque<u64>,
    /// Somebody who does not wait found the block used up.
    wanted: bool,
}

/// A block is asked for again after this long when no controller answered.
const RETRY_BACKOFF: Duration = Duration::from_millis(100);

impl ProducerIds {
    /// An id for `token`, or its place in the queue.
    pub(super) fn take(&mut self, token: u64) -> Option<ProducerId> {
        if self.next < self.end {
            self.next += 1;
            return Some(self.next - 1);
        }
        self.waiting.push_back(token);
        None
    }

    /// True once, when a block should be asked for.
    pub(super) fn wants_block(&mut self, now: Instant) -> bool {
        let wants = self.needs_block() && now >= self.not_before;
        self.asked |= wants;
        wants
    }

    /// A block came; answers who gets which id.
    pub(super) fn block(&mut self, start: ProducerId, length: i32) -> VecDeque<(u64, ProducerId)> {
        (self.asked, self.wanted) = (false, false);
        self.next = start;
        self.end = start + i64::from(length.max(0));
        let mut served = VecDeque::new();
        while self.next < self.end {
            let Some(token) = self.waiting.pop_front() else { break };
            served.push_back((token, self.next));
            self.next += 1;
        }
        served
    }

    /// The request for a block was lost.
    pub(super) fn failed(&mut self, now: Instant) {
        self.asked = false;
        self.not_before = now + RETRY_BACKOFF;
    }

    /// When a block should be asked for again.
    pub(super) fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        self.needs_block().then_some((self.not_before, "ask for producer ids"))
    }

    fn needs_block(&self) -> bool {
        !self.asked && (self.wanted || !self.waiting.is_empty())
    }
}

impl ProducerIdSource for ProducerIds {
    fn generate_producer_id(&mut self) -> Option<ProducerId> {
        if self.next >= self.end {
            self.wanted = true;
            return None;
        }
        self.next += 1;
        Some(self.next - 1)
    }
}
