//! [`Purgatory`]: requests that cannot be answered yet, as data.
//!
//! An operation is tried once by its owner; where that fails it is put here under the keys that may change its fate
//! (usually its partitions) and with a deadline. When something happens to a key the owner takes [`Purgatory::check`],
//! tries each named operation again and removes with [`Purgatory::complete`] what is done. What is still here at its
//! deadline leaves by [`Purgatory::expire`].
//!
//! # Architecture Invariant
//! An operation is a plain value, never a closure: a node is `Clone`, and a fork answers what its original would have.
//! Order is that of arrival everywhere, so the same inputs complete the same operations in the same order.

use crate::sorted::{SortedMap, SortedSet};
use crate::time::Instant;
use alloc::vec::Vec;

/// Names an operation in its purgatory; ordered by arrival, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OperationId(u64);

/// Delayed operations of one kind, watched under keys.
#[derive(Clone, Debug)]
pub struct Purgatory<Key, Op> {
    operations: SortedMap<OperationId, Delayed<Key, Op>>,
    watchers: SortedMap<Key, SortedSet<OperationId>>,
    deadlines: SortedSet<(Instant, OperationId)>,
    next_id: u64,
}

#[derive(Clone, Debug)]
struct Delayed<Key, Op> {
    operation: Op,
    keys: Vec<Key>,
    deadline: Instant,
}

impl<Key: Ord + Clone, Op> Purgatory<Key, Op> {
    /// An empty purgatory.
    pub fn new() -> Self {
        Self { operations: SortedMap::new(), watchers: SortedMap::new(), deadlines: SortedSet::new(), next_id: 0 }
    }

    /// Keeps `operation` until it is completed or `deadline` has come; it is named by [`Self::check`] of any of `keys`.
    pub fn watch(&mut self, operation: Op, keys: impl IntoIterator<Item = Key>, deadline: Instant) -> OperationId {
        let id = OperationId(self.next_id);
        self.next_id += 1;
        let keys: Vec<Key> = keys.into_iter().collect();
        for key in &keys {
            // Few keys are new: look before cloning one.
            if let Some(watchers) = self.watchers.get_mut(key) {
                watchers.insert(id);
            } else {
                self.watchers.insert(key.clone(), SortedSet::from([id]));
            }
        }
        self.deadlines.insert((deadline, id));
        self.operations.insert(id, Delayed { operation, keys, deadline });
        id
    }

    /// The operations to try again because something happened to `key`, oldest first.
    pub fn check(&self, key: &Key) -> Vec<OperationId> {
        self.watchers.get(key).map(|watchers| watchers.iter().copied().collect()).unwrap_or_default()
    }

    /// A waiting operation; `None` once it completed or expired.
    pub fn operation(&self, id: OperationId) -> Option<&Op> {
        self.operations.get(&id).map(|delayed| &delayed.operation)
    }

    /// A waiting operation, to note its progress.
    pub fn operation_mut(&mut self, id: OperationId) -> Option<&mut Op> {
        self.operations.get_mut(&id).map(|delayed| &mut delayed.operation)
    }

    /// Takes an operation out of every list; `None` where it already left.
    pub fn complete(&mut self, id: OperationId) -> Option<Op> {
        let delayed = self.operations.remove(&id)?;
        self.deadlines.remove(&(delayed.deadline, id));
        for key in &delayed.keys {
            if let Some(watchers) = self.watchers.get_mut(key) {
                watchers.remove(&id);
                if watchers.is_empty() {
                    self.watchers.remove(key);
                }
            }
        }
        Some(delayed.operation)
    }

    /// Takes every operation whose deadline is at or before `now`, earliest deadline first.
    pub fn expire(&mut self, now: Instant) -> Vec<Op> {
        let mut expired = Vec::new();
        while let Some(&(deadline, id)) = self.deadlines.first() {
            if deadline > now {
                break;
            }
            expired.extend(self.complete(id));
        }
        expired
    }

    /// When the next operation expires.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(deadline, _)| deadline)
    }

    /// Number of waiting operations.
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// True where nothing waits.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// The waiting operations, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (OperationId, &Op)> {
        self.operations.iter().map(|(&id, delayed)| (id, &delayed.operation))
    }
}

impl<Key: Ord + Clone, Op> Default for Purgatory<Key, Op> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn an_operation_is_named_by_each_of_its_keys_in_order_of_arrival() {
        let mut purgatory = Purgatory::new();
        let first = purgatory.watch("first", ["a", "b"], at(10));
        let second = purgatory.watch("second", ["b"], at(5));
        assert_eq!(purgatory.check(&"a"), vec![first]);
        assert_eq!(purgatory.check(&"b"), vec![first, second]);
        assert_eq!(purgatory.check(&"c"), vec![]);
    }

    #[test]
    fn a_completed_operation_leaves_every_list() {
        let mut purgatory = Purgatory::new();
        let id = purgatory.watch("fetch", ["a", "b", "a"], at(10));
        assert_eq!(purgatory.complete(id), Some("fetch"));
        assert_eq!(purgatory.complete(id), None);
        assert_eq!(purgatory.next_deadline(), None);
        assert!(purgatory.is_empty() && purgatory.watchers.is_empty() && purgatory.deadlines.is_empty());
    }

    #[test]
    fn what_expires_leaves_by_deadline_then_arrival() {
        let mut purgatory = Purgatory::new();
        for (name, deadline) in [("c", 30), ("a", 10), ("b", 10), ("d", 31)] {
            purgatory.watch(name, ["key"], at(deadline));
        }
        assert_eq!(purgatory.next_deadline(), Some(at(10)));
        assert_eq!(purgatory.expire(at(9)), Vec::<&str>::new());
        assert_eq!(purgatory.expire(at(30)), vec!["a", "b", "c"]);
        assert_eq!(purgatory.next_deadline(), Some(at(31)));
        assert_eq!(purgatory.len(), 1);
    }

    #[test]
    fn progress_can_be_noted_while_waiting() {
        let mut purgatory = Purgatory::new();
        let id = purgatory.watch(1, ["key"], at(1));
        *purgatory.operation_mut(id).unwrap() += 1;
        assert_eq!(purgatory.operation(id), Some(&2));
        assert_eq!(purgatory.iter().collect::<Vec<_>>(), vec![(id, &2)]);
    }
}
