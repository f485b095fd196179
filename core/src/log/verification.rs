//! [`Verifications`]: which producers' transactions are being verified with their coordinator (KIP-890).
//!
//! Before the first batch of a transaction is appended, the coordinator is asked whether the partition belongs to it. The answer
//! may come late, when the transaction has ended and the next one does not know of this partition: the guard drawn for
//! the question is then no longer the one that is known here, and the batch is refused.

use crate::ids::ProducerId;
use crate::sorted::SortedMap;

/// Names one verification; never drawn twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerificationGuard(u64);

impl VerificationGuard {
    /// That of an append that was not verified.
    pub const SENTINEL: Self = Self(0);

    /// One of its own for each `number` above 0.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }
}

/// What an append says of its transaction besides its batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionContext {
    /// That of the verification that preceded it.
    pub guard: VerificationGuard,
    /// `transaction.partition.verification.enable`: transactions begin only where that was verified.
    pub verified: bool,
    /// `TransactionVersion` of a marker; 2 and above are held to a new epoch.
    pub transaction_version: i8,
}

/// A verification under way, or one whose batch was not appended yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verification {
    started_ms: i64,
    /// Its guard.
    pub guard: VerificationGuard,
    /// The lowest sequence that was to be verified: a later one must not get in before it.
    pub lowest_sequence: i32,
    epoch: i16,
    /// The producer's epoch changes with every transaction, so that each begins with sequence 0.
    pub supports_epoch_bump: bool,
}

/// All of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verifications {
    producers: SortedMap<ProducerId, Verification>,
}

impl Verifications {
    /// The verification of a producer's transaction, begun with `fresh` where there is none.
    pub fn start(
        &mut self,
        producer_id: ProducerId,
        (epoch, sequence): (i16, i32),
        supports_epoch_bump: bool,
        now_ms: i64,
        fresh: VerificationGuard,
    ) -> VerificationGuard {
        let new =
            Verification { started_ms: now_ms, guard: fresh, lowest_sequence: sequence, epoch, supports_epoch_bump };
        let entry = self.producers.entry(producer_id).or_insert(new);
        if epoch > entry.epoch {
            entry.epoch = epoch;
            entry.lowest_sequence = sequence;
        } else if epoch == entry.epoch {
            entry.lowest_sequence = entry.lowest_sequence.min(sequence);
        }
        entry.guard
    }

    /// A producer's.
    pub fn of(&self, producer_id: ProducerId) -> Option<&Verification> {
        self.producers.get(&producer_id)
    }

    /// True where `guard` is that of the producer's verification.
    pub fn is_verified(&self, producer_id: ProducerId, guard: VerificationGuard) -> bool {
        guard != VerificationGuard::SENTINEL && self.of(producer_id).is_some_and(|known| known.guard == guard)
    }

    /// The transaction began, or ended: what is verified of it counts no more.
    pub fn clear(&mut self, producer_id: ProducerId) {
        self.producers.remove(&producer_id);
    }

    /// Forgets those begun before `expiration_ms`.
    pub fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        self.producers.retain(|_, verification| now_ms.saturating_sub(verification.started_ms) < expiration_ms);
    }
}
