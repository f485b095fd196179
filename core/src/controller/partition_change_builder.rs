//! [`PartitionChangeBuilder`]: from a wish about one partition to the record that changes it. Elections happen here.

use super::partition_reassignment::{PartitionReassignment, without};
use crate::ids::{NO_NODE, NodeId, PartitionIndex, Uuid};
use crate::metadata::{LEADER_UNCHANGED, LeaderRecoveryState, PartitionRegistration};
use crate::protocol::messages::PartitionChangeRecord;
use crate::sorted::sort;
use alloc::vec;
use alloc::vec::Vec;

/// How a leader is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Election {
    /// The preferred leader where that is possible, else as `Online`.
    Preferred,
    /// The current leader where that is possible, else the first valid replica.
    Online,
    /// As `Online`; where nobody is valid, the first replica that lives, though it may lack records.
    Unclean,
}

/// Who was elected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ElectionResult {
    leader: NodeId,
    unclean: bool,
}

/// Collects what shall change about a partition and finds all that follows from it.
pub(super) struct PartitionChangeBuilder<'a> {
    partition: &'a PartitionRegistration,
    topic_id: Uuid,
    partition_id: PartitionIndex,
    min_in_sync_replicas: usize,
    /// Eligible leader replicas are kept (KIP-966).
    elr_enabled: bool,
    pub(super) election: Election,
    pub(super) target_isr: Vec<NodeId>,
    pub(super) target_replicas: Vec<NodeId>,
    pub(super) target_removing: Vec<NodeId>,
    pub(super) target_adding: Vec<NodeId>,
    target_elr: Vec<NodeId>,
    target_last_known_elr: Vec<NodeId>,
    /// Replicas that may have lost records they had acknowledged.
    pub(super) unclean_shutdown_replicas: Vec<NodeId>,
    pub(super) target_leader_recovery_state: LeaderRecoveryState,
}

impl<'a> PartitionChangeBuilder<'a> {
    /// A builder that changes nothing yet but elects a leader where that is needed.
    pub(super) fn new(
        partition: &'a PartitionRegistration,
        topic_id: Uuid,
        partition_id: PartitionIndex,
        min_in_sync_replicas: usize,
        elr_enabled: bool,
    ) -> Self {
        Self {
            partition,
            topic_id,
            partition_id,
            min_in_sync_replicas,
            elr_enabled,
            election: Election::Online,
            target_isr: partition.isr.clone(),
            target_replicas: partition.replicas.clone(),
            target_removing: partition.removing_replicas.clone(),
            target_adding: partition.adding_replicas.clone(),
            target_elr: partition.eligible_leader_replicas.clone(),
            target_last_known_elr: partition.last_known_elr.clone(),
            unclean_shutdown_replicas: Vec::new(),
            target_leader_recovery_state: partition.leader_recovery_state,
        }
    }

    /// The record, or `None` where nothing changes. `acceptable` says who may lead at all: registered, unfenced, not
    /// shutting down, directory online; `directory` where a new replica of a broker goes.
    pub(super) fn build(
        mut self,
        acceptable: &dyn Fn(NodeId) -> bool,
        directory: &dyn Fn(NodeId) -> Uuid,
    ) -> Option<PartitionChangeRecord> {
        let mut record = PartitionChangeRecord {
            partition_id: self.partition_id,
            topic_id: self.topic_id,
            ..PartitionChangeRecord::default()
        };
        self.complete_reassignment();
        self.populate_target_elr();
        self.try_election(&mut record, acceptable);
        // Without ELR the last member stays in the ISR when it goes: it is the only one known to have everything.
        let may_write_isr = !self.target_isr.is_empty() || self.elr_enabled;
        if record.isr.is_none() && may_write_isr && self.target_isr != self.partition.isr {
            record.isr = Some(self.target_isr.clone());
        }
        self.bump_leader_epoch_if_replicas_were_removed(&mut record);
        self.write_elr(&mut record);
        self.write_assignment(&mut record, directory);
        if self.target_leader_recovery_state != self.partition.leader_recovery_state {
            record.leader_recovery_state = self.target_leader_recovery_state.code();
        }
        (!is_no_op(&record)).then_some(record)
    }

    fn complete_reassignment(&mut self) {
        let reassignment = PartitionReassignment {
            replicas: self.target_replicas.clone(),
            adding: self.target_adding.clone(),
            removing: self.target_removing.clone(),
        };
        if let Some(completed) = reassignment.complete(&self.target_isr) {
            self.target_isr = completed.isr;
            self.target_replicas = completed.replicas;
            self.target_adding = Vec::new();
            self.target_removing = Vec::new();
        }
    }

    /// A full ISR needs no stand-ins. A smaller one keeps those who just left it: they still have all that is committed,
    /// because nothing is committed below the minimum.
    fn populate_target_elr(&mut self) {
        if !self.elr_enabled {
            return;
        }
        if self.target_isr.len() >= self.min_in_sync_replicas.min(self.target_replicas.len()) {
            self.target_elr = Vec::new();
            self.target_last_known_elr = Vec::new();
            return;
        }
        let union = |lists: &[&Vec<NodeId>]| -> Vec<NodeId> {
            let mut members: Vec<NodeId> = lists.iter().flat_map(|list| list.iter().copied()).collect();
            sort(&mut members);
            members.dedup();
            members
        };
        let candidates = union(&[&self.partition.eligible_leader_replicas, &self.partition.isr]);
        let outside_isr = without(&candidates, &self.target_isr);
        self.target_elr = without(&outside_isr, &self.unclean_shutdown_replicas);
        let ever_known = union(&[&candidates, &self.partition.last_known_elr]);
        self.target_last_known_elr = without(&without(&ever_known, &self.target_isr), &self.target_elr);
    }

    fn try_election(&mut self, record: &mut PartitionChangeRecord, acceptable: &dyn Fn(NodeId) -> bool) {
        let ElectionResult { leader, unclean } = self.elect(acceptable);
        if leader == self.partition.leader {
            return;
        }
        record.leader = leader;
        if unclean {
            // What the new leader lacks is lost; nobody else is known to agree with it.
            record.isr = Some(vec![leader]);
            self.target_leader_recovery_state = LeaderRecoveryState::Recovering;
        } else if self.target_elr.contains(&leader) {
            self.target_isr = vec![leader];
            self.target_elr.retain(|&member| member != leader);
            if self.target_isr.len() >= self.min_in_sync_replicas.min(self.target_replicas.len()) {
                self.target_elr = Vec::new();
                self.target_last_known_elr = Vec::new();
            }
        }
    }

    fn elect(&self, acceptable: &dyn Fn(NodeId) -> bool) -> ElectionResult {
        let clean = |leader| ElectionResult { leader, unclean: false };
        let unclean = |leader| ElectionResult { leader, unclean: true };
        let is_valid = |replica: NodeId| {
            let in_sync = self.target_isr.contains(&replica);
            (in_sync || (self.target_isr.is_empty() && self.target_elr.contains(&replica))) && acceptable(replica)
        };
        let preferred = self.target_replicas.first().copied().unwrap_or(NO_NODE);
        if self.election == Election::Preferred && is_valid(preferred) {
            return clean(preferred);
        }
        if is_valid(self.partition.leader) {
            return clean(self.partition.leader);
        }
        if let Some(&leader) = self.target_replicas.iter().find(|&&replica| is_valid(replica)) {
            return clean(leader);
        }
        if let Some(leader) = self.last_known_leader().filter(|&leader| acceptable(leader)) {
            return unclean(leader);
        }
        if self.election == Election::Unclean
            && let Some(&leader) = self.target_replicas.iter().find(|&&replica| acceptable(replica))
        {
            return unclean(leader);
        }
        clean(NO_NODE)
    }

    /// Where nobody is left in ISR and ELR, the last leader is the best guess (balanced recovery of KIP-966).
    fn last_known_leader(&self) -> Option<NodeId> {
        match self.partition.last_known_elr.as_slice() {
            &[only] if self.elr_enabled && self.target_isr.is_empty() && self.target_elr.is_empty() => Some(only),
            _ => None,
        }
    }

    /// A replica that was removed must not be taken for a follower of the present epoch any more.
    fn bump_leader_epoch_if_replicas_were_removed(&self, record: &mut PartitionChangeRecord) {
        let lost_one = self.partition.replicas.iter().any(|replica| !self.target_replicas.contains(replica));
        if record.leader == LEADER_UNCHANGED && lost_one {
            record.leader = self.partition.leader;
        }
    }

    fn write_elr(&mut self, record: &mut PartitionChangeRecord) {
        let elected_unclean =
            record.leader >= 0 && self.target_leader_recovery_state == LeaderRecoveryState::Recovering;
        if elected_unclean || !self.elr_enabled {
            self.target_elr = Vec::new();
            self.target_last_known_elr = Vec::new();
        }
        if self.elr_enabled && !elected_unclean {
            let becomes_leaderless = record.leader == NO_NODE && self.target_isr.is_empty();
            let has_leader = record.leader >= 0 || (self.partition.has_leader() && record.leader == LEADER_UNCHANGED);
            if becomes_leaderless && self.partition.has_leader() {
                self.target_last_known_elr = vec![self.partition.leader];
            } else if has_leader {
                self.target_last_known_elr = Vec::new();
            }
        }
        if self.target_elr != self.partition.eligible_leader_replicas {
            record.eligible_leader_replicas = Some(self.target_elr.clone());
        }
        if self.target_last_known_elr != self.partition.last_known_elr {
            record.last_known_elr = Some(self.target_last_known_elr.clone());
        }
    }

    fn write_assignment(&self, record: &mut PartitionChangeRecord, directory: &dyn Fn(NodeId) -> Uuid) {
        let changed = |target: &Vec<NodeId>, known: &Vec<NodeId>| (target != known).then(|| target.clone());
        if !self.target_replicas.is_empty() && self.target_replicas != self.partition.replicas {
            let directory_of = |&replica: &NodeId| {
                let stays = self.partition.replicas.contains(&replica);
                if stays { self.partition.directory(replica) } else { directory(replica) }
            };
            record.directories = Some(self.target_replicas.iter().map(directory_of).collect());
            record.replicas = Some(self.target_replicas.clone());
        }
        record.removing_replicas = changed(&self.target_removing, &self.partition.removing_replicas);
        record.adding_replicas = changed(&self.target_adding, &self.partition.adding_replicas);
    }
}

/// Whether replaying `record` would only count up the partition epoch.
pub(super) fn is_no_op(record: &PartitionChangeRecord) -> bool {
    let names_only =
        PartitionChangeRecord { partition_id: record.partition_id, topic_id: record.topic_id, ..Default::default() };
    *record == names_only
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::DIRECTORY_UNASSIGNED;

    fn partition(leader: NodeId, isr: &[NodeId], elr: &[NodeId], last_known_elr: &[NodeId]) -> PartitionRegistration {
        PartitionRegistration {
            replicas: vec![1, 2, 3],
            directories: vec![DIRECTORY_UNASSIGNED; 3],
            isr: isr.to_vec(),
            eligible_leader_replicas: elr.to_vec(),
            last_known_elr: last_known_elr.to_vec(),
            leader,
            leader_epoch: 5,
            partition_epoch: 7,
            ..PartitionRegistration::default()
        }
    }

    fn after(
        partition: &PartitionRegistration,
        alive: &[NodeId],
        (election, elr_enabled): (Election, bool),
        target_isr: &[NodeId],
    ) -> PartitionRegistration {
        let mut builder = PartitionChangeBuilder::new(partition, Uuid::from_u128(9), 0, 2, elr_enabled);
        builder.election = election;
        builder.target_isr = target_isr.to_vec();
        let record = builder.build(&|replica| alive.contains(&replica), &|_| DIRECTORY_UNASSIGNED);
        record.map_or_else(|| partition.clone(), |record| partition.merge(&record).expect("a known recovery state"))
    }

    #[test]
    fn elections_try_replicas_in_kafkas_order() {
        use Election::{Online, Preferred, Unclean};
        for (election, leader, isr, alive, elected, new_isr) in [
            (Online, 2, &[1, 2, 3][..], &[1, 2, 3][..], 2, &[1, 2, 3][..]),
            (Online, 2, &[1, 3], &[1, 3], 1, &[1, 3]),
            (Online, 2, &[2, 3], &[1, 3], 3, &[2, 3]),
            (Online, 2, &[2], &[1, 3], NO_NODE, &[2]),
            (Preferred, 2, &[1, 2], &[1, 2, 3], 1, &[1, 2]),
            (Preferred, 2, &[2, 3], &[1, 2, 3], 2, &[2, 3]),
            (Preferred, 2, &[1, 3], &[3], 3, &[1, 3]),
            (Preferred, 2, &[2], &[1, 3], NO_NODE, &[2]),
            (Unclean, 2, &[2, 3], &[1, 3], 3, &[2, 3]),
            (Unclean, 2, &[2], &[3, 1], 1, &[1]),
            (Unclean, 2, &[2], &[], NO_NODE, &[2]),
        ] {
            let found = after(&partition(leader, isr, &[], &[]), alive, (election, false), isr);
            assert_eq!(
                (found.leader, found.isr.as_slice()),
                (elected, new_isr),
                "{election:?} {leader} {isr:?} {alive:?}"
            );
            let unclean = !isr.contains(&elected) && elected != NO_NODE;
            assert_eq!(found.leader_recovery_state == LeaderRecoveryState::Recovering, unclean);
            assert_eq!(found.leader_epoch, 5 + i32::from(elected != leader));
        }
    }

    #[test]
    fn what_changes_nothing_is_no_record() {
        let steady = partition(1, &[1, 2, 3], &[], &[]);
        let builder = PartitionChangeBuilder::new(&steady, Uuid::ZERO, 0, 2, false);
        assert_eq!(builder.build(&|_| true, &|_| DIRECTORY_UNASSIGNED), None);
    }

    #[test]
    fn the_isr_shrinks_without_a_new_leader_epoch() {
        let found = after(&partition(1, &[1, 2, 3], &[], &[]), &[1, 2], (Election::Online, false), &[1, 2]);
        assert_eq!((found.isr.as_slice(), found.leader_epoch, found.partition_epoch), (&[1, 2][..], 5, 8));
    }

    #[test]
    fn eligible_leader_replicas_stand_in_below_the_minimum() {
        for (leader, isr, elr, known, alive, target, expected) in [
            // ISR at the minimum: nobody stands in.
            (1, &[1, 2, 3][..], &[][..], &[][..], &[1, 2][..], &[1, 2][..], (1, &[1, 2][..], &[][..], &[][..])),
            // Below it, who leaves the ISR stays eligible.
            (1, &[1, 2], &[], &[], &[1], &[1], (1, &[1], &[2], &[])),
            // The last member leaves: everybody is eligible, the last leader is known.
            (1, &[1], &[2], &[], &[], &[], (NO_NODE, &[], &[1, 2], &[1])),
            // One of them comes back and leads cleanly.
            (NO_NODE, &[], &[1, 2], &[1], &[2], &[], (2, &[2], &[1], &[])),
            // The ISR is large enough again.
            (2, &[2], &[1], &[], &[1, 2], &[1, 2], (2, &[1, 2], &[], &[])),
        ] {
            let before = partition(leader, isr, elr, known);
            let found = after(&before, alive, (Election::Online, true), target);
            let lists = (
                found.leader,
                found.isr.as_slice(),
                found.eligible_leader_replicas.as_slice(),
                found.last_known_elr.as_slice(),
            );
            assert_eq!(lists, expected, "{before:?}");
            assert_eq!(found.leader_recovery_state, LeaderRecoveryState::Recovered);
        }
    }

    #[test]
    fn the_last_known_leader_is_the_last_resort() {
        let before = partition(NO_NODE, &[], &[], &[3]);
        let found = after(&before, &[1, 3], (Election::Online, true), &[]);
        assert_eq!((found.leader, found.isr.as_slice(), found.last_known_elr.is_empty()), (3, &[3][..], true));
        assert_eq!(found.leader_recovery_state, LeaderRecoveryState::Recovering);
        assert_eq!(after(&before, &[1], (Election::Online, true), &[]).leader, NO_NODE);
    }
}
