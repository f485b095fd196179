//! [`PartitionState`]: the in-sync replicas as the leader knows them, with at most one change under way.

use crate::ids::NodeId;
use alloc::vec::Vec;

/// Names one proposal of a leader, so that a late answer to an older one is told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProposalId(pub u64);

/// The ISR of a partition as its leader holds it.
///
/// # Architecture Invariant
/// A change of the ISR counts only when the controller said so. Until then the high watermark treats every replica that
/// might be in the ISR as in it ([`Self::maximal_isr`]), and what asks "are there enough" treats the smaller set as
/// true ([`Self::isr`] while expanding).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartitionState {
    /// What metadata or the controller's answer said last; nothing is under way.
    Committed {
        /// The ISR, in the controller's order.
        isr: Vec<NodeId>,
    },
    /// The leader asked to add a replica.
    PendingExpandIsr {
        /// The committed ISR.
        isr: Vec<NodeId>,
        /// The replica asked for.
        new_in_sync_replica: NodeId,
        /// Which proposal.
        proposal: ProposalId,
    },
    /// The leader asked to remove replicas.
    PendingShrinkIsr {
        /// The committed ISR.
        isr: Vec<NodeId>,
        /// The replicas to be removed.
        out_of_sync_replicas: Vec<NodeId>,
        /// Which proposal.
        proposal: ProposalId,
    },
}

impl PartitionState {
    /// The committed ISR, whatever is pending.
    pub fn isr(&self) -> &[NodeId] {
        match self {
            Self::Committed { isr } | Self::PendingExpandIsr { isr, .. } | Self::PendingShrinkIsr { isr, .. } => isr,
        }
    }

    /// True for a replica that is in the ISR or may be once the pending change is answered.
    pub fn in_maximal_isr(&self, replica: NodeId) -> bool {
        match self {
            Self::PendingExpandIsr { isr, new_in_sync_replica, .. } => {
                *new_in_sync_replica == replica || isr.contains(&replica)
            }
            Self::Committed { isr } | Self::PendingShrinkIsr { isr, .. } => isr.contains(&replica),
        }
    }

    /// The committed ISR and the replica of a pending expand.
    pub fn maximal_isr(&self) -> Vec<NodeId> {
        let mut isr = self.isr().to_vec();
        if let Self::PendingExpandIsr { new_in_sync_replica, .. } = self {
            isr.push(*new_in_sync_replica);
        }
        isr
    }

    /// Size of [`Self::maximal_isr`].
    pub fn maximal_isr_size(&self) -> usize {
        self.isr().len() + usize::from(matches!(self, Self::PendingExpandIsr { .. }))
    }

    /// The proposal under way; `None` where the state is committed.
    pub fn pending(&self) -> Option<ProposalId> {
        match self {
            Self::Committed { .. } => None,
            Self::PendingExpandIsr { proposal, .. } | Self::PendingShrinkIsr { proposal, .. } => Some(*proposal),
        }
    }

    /// The ISR asked for; the committed one where nothing is pending.
    pub fn proposed_isr(&self) -> Vec<NodeId> {
        match self {
            Self::Committed { isr } => isr.clone(),
            Self::PendingExpandIsr { .. } => self.maximal_isr(),
            Self::PendingShrinkIsr { isr, out_of_sync_replicas, .. } => {
                isr.iter().copied().filter(|replica| !out_of_sync_replicas.contains(replica)).collect()
            }
        }
    }

    /// Starts adding `replica`. The caller knows that nothing is pending.
    #[must_use]
    pub fn expand(&self, replica: NodeId, proposal: ProposalId) -> Self {
        Self::PendingExpandIsr { isr: self.isr().to_vec(), new_in_sync_replica: replica, proposal }
    }

    /// Starts removing `replicas`. The caller knows that nothing is pending.
    #[must_use]
    pub fn shrink(&self, replicas: Vec<NodeId>, proposal: ProposalId) -> Self {
        Self::PendingShrinkIsr { isr: self.isr().to_vec(), out_of_sync_replicas: replicas, proposal }
    }

    /// Gives up what is pending.
    #[must_use]
    pub fn rolled_back(&self) -> Self {
        Self::Committed { isr: self.isr().to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn pending_changes_keep_the_high_watermark_conservative() {
        let committed = PartitionState::Committed { isr: vec![1, 2] };
        let proposal = ProposalId(7);
        // state, committed ISR, maximal ISR, proposed ISR
        let cases = [
            (committed.clone(), vec![1, 2], vec![1, 2], vec![1, 2]),
            (committed.expand(3, proposal), vec![1, 2], vec![1, 2, 3], vec![1, 2, 3]),
            (committed.shrink(vec![2], proposal), vec![1, 2], vec![1, 2], vec![1]),
        ];
        for (state, isr, maximal, proposed) in cases {
            assert_eq!(state.isr(), isr, "{state:?}");
            assert_eq!(state.maximal_isr(), maximal, "{state:?}");
            assert_eq!(state.maximal_isr_size(), maximal.len(), "{state:?}");
            assert_eq!(state.proposed_isr(), proposed, "{state:?}");
            for replica in 1..=4 {
                assert_eq!(state.in_maximal_isr(replica), maximal.contains(&replica), "{state:?} {replica}");
            }
        }
    }

    #[test]
    fn rolling_back_forgets_the_proposal() {
        let committed = PartitionState::Committed { isr: vec![1, 2] };
        for pending in [committed.expand(3, ProposalId(1)), committed.shrink(vec![2], ProposalId(2))] {
            assert!(pending.pending().is_some());
            assert_eq!(pending.rolled_back(), committed);
        }
    }
}
