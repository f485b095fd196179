//! Reassignments: from which replicas to which, and when that is complete.

use crate::ids::NodeId;
use crate::metadata::PartitionRegistration;
use crate::sorted::sort;
use alloc::vec::Vec;

/// The replicas of a partition on the way to a target. Until it is complete the partition has all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PartitionReassignment {
    /// Target first, then those that leave.
    pub(super) replicas: Vec<NodeId>,
    pub(super) adding: Vec<NodeId>,
    pub(super) removing: Vec<NodeId>,
}

/// What a partition has after its reassignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CompletedReassignment {
    pub(super) replicas: Vec<NodeId>,
    pub(super) isr: Vec<NodeId>,
}

impl PartitionReassignment {
    /// The way from what `partition` has to `target`. A reassignment under way is replaced: what it was adding and the
    /// new target does not name leaves again.
    pub(super) fn new(partition: &PartitionRegistration, target: &[NodeId]) -> Self {
        let current = &partition.replicas;
        // Replicas that an earlier reassignment adds were not members before it, so they must still catch up.
        let settled: Vec<NodeId> = without(current, &partition.adding_replicas);
        let mut removing = without(current, target);
        let mut adding = without(target, &settled);
        sort(&mut removing);
        sort(&mut adding);
        let mut replicas = target.to_vec();
        replicas.extend_from_slice(&removing);
        Self { replicas, adding, removing }
    }

    /// What the partition has once its ISR is `isr`, if that completes the reassignment: somebody who stays is in sync,
    /// all who join are, and where the replication factor shrinks, all who stay are.
    pub(super) fn complete(&self, isr: &[NodeId]) -> Option<CompletedReassignment> {
        if self.adding.is_empty() && self.removing.is_empty() {
            return None;
        }
        let replicas = without(&self.replicas, &self.removing);
        let isr = without(isr, &self.removing);
        let contains_all = |members: &[NodeId]| members.iter().all(|member| isr.contains(member));
        let shrinks = self.adding.len() < self.removing.len();
        if replicas.is_empty() || isr.is_empty() || !contains_all(&self.adding) || (shrinks && !contains_all(&replicas))
        {
            return None;
        }
        Some(CompletedReassignment { replicas, isr })
    }
}

/// `list` without the members of `others`, in order.
pub(super) fn without(list: &[NodeId], others: &[NodeId]) -> Vec<NodeId> {
    list.iter().copied().filter(|member| !others.contains(member)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_target_says_who_joins_and_who_leaves() {
        for (replicas, adding, target, expected) in [
            (vec![1, 2, 3], vec![], vec![1, 2, 4], (vec![1, 2, 4, 3], vec![4], vec![3])),
            (vec![1, 2, 3], vec![], vec![3, 1, 2], (vec![3, 1, 2], vec![], vec![])),
            (vec![1, 2], vec![], vec![3, 4], (vec![3, 4, 1, 2], vec![3, 4], vec![1, 2])),
            (vec![1, 2, 3], vec![3], vec![1, 4], (vec![1, 4, 2, 3], vec![4], vec![2, 3])),
        ] {
            let partition =
                PartitionRegistration { replicas, adding_replicas: adding, ..PartitionRegistration::default() };
            let way = PartitionReassignment::new(&partition, &target);
            assert_eq!((way.replicas, way.adding, way.removing), expected);
        }
    }

    #[test]
    fn it_is_complete_when_the_new_replicas_are_in_sync() {
        for (replicas, adding, removing, isr, expected) in [
            (vec![1, 2, 3], vec![], vec![], vec![1, 2, 3], None),
            (vec![1, 4, 3], vec![4], vec![3], vec![1, 3], None),
            (vec![1, 4, 3], vec![4], vec![3], vec![1, 3, 4], Some((vec![1, 4], vec![1, 4]))),
            (vec![4, 1], vec![4], vec![1], vec![4], Some((vec![4], vec![4]))),
            (vec![1, 2, 3], vec![], vec![3], vec![3], None),
            (vec![1, 2, 3], vec![], vec![3], vec![1, 3], None),
            (vec![1, 2, 3], vec![], vec![3], vec![2, 1], Some((vec![1, 2], vec![2, 1]))),
        ] {
            let way = PartitionReassignment { replicas, adding, removing };
            let completed = way.complete(&isr).map(|done| (done.replicas, done.isr));
            assert_eq!(completed, expected, "{way:?} {isr:?}");
        }
    }
}
