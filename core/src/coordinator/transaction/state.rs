//! [`TransactionState`]: how far the transaction of a transactional id is.

/// The states of a transactional id; the numbers are those in the records of `__transaction_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransactionState {
    /// It has a producer id and never had a transaction since.
    Empty = 0,
    /// A transaction is open.
    Ongoing = 1,
    /// It is decided to commit; markers are being written.
    PrepareCommit = 2,
    /// It is decided to abort; markers are being written.
    PrepareAbort = 3,
    /// All markers of a commit are written.
    CompleteCommit = 4,
    /// All markers of an abort are written.
    CompleteAbort = 5,
    /// The id expired and is being forgotten; never in a record.
    Dead = 6,
    /// The epoch is being bumped so that the producer before cannot go on; never in a record.
    PrepareEpochFence = 7,
}

use TransactionState::{
    CompleteAbort, CompleteCommit, Dead, Empty, Ongoing, PrepareAbort, PrepareCommit, PrepareEpochFence,
};

/// All of them.
const ALL: [TransactionState; 8] =
    [Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort, Dead, PrepareEpochFence];

impl TransactionState {
    /// The state of a record.
    pub fn from_id(id: i8) -> Option<Self> {
        ALL.into_iter().find(|state| *state as i8 == id)
    }

    /// The state `DescribeTransactions` and `ListTransactions` name so.
    pub fn from_name(name: &str) -> Option<Self> {
        ALL.into_iter().find(|state| state.name() == name)
    }

    /// Its name in `DescribeTransactions`.
    pub const fn name(self) -> &'static str {
        match self {
            Empty => "Empty",
            Ongoing => "Ongoing",
            PrepareCommit => "PrepareCommit",
            PrepareAbort => "PrepareAbort",
            CompleteCommit => "CompleteCommit",
            CompleteAbort => "CompleteAbort",
            Dead => "Dead",
            PrepareEpochFence => "PrepareEpochFence",
        }
    }

    /// The states it may come after. An abort without a transaction is one of version 2 of the protocol (KIP-890).
    pub const fn valid_previous_states(self) -> &'static [Self] {
        match self {
            Empty => &[Empty, CompleteCommit, CompleteAbort],
            Ongoing => &[Ongoing, Empty, CompleteCommit, CompleteAbort],
            PrepareCommit | PrepareEpochFence => &[Ongoing],
            PrepareAbort => &[Ongoing, PrepareEpochFence, Empty, CompleteCommit, CompleteAbort],
            CompleteCommit => &[PrepareCommit],
            CompleteAbort => &[PrepareAbort],
            Dead => &[Empty, CompleteCommit, CompleteAbort],
        }
    }

    /// A transactional id may be forgotten in this state.
    pub const fn is_expiration_allowed(self) -> bool {
        matches!(self, Empty | CompleteCommit | CompleteAbort)
    }

    /// Its outcome is decided and not yet in all partitions.
    pub const fn is_prepared(self) -> bool {
        matches!(self, PrepareCommit | PrepareAbort)
    }
}
