//! [`PartitionRegistration`]: what the controller decided about one partition.

use crate::ids::{LeaderEpoch, NO_NODE, NodeId, PartitionIndex, Uuid};
use crate::protocol::messages::{PartitionChangeRecord, PartitionRecord};
use alloc::vec;
use alloc::vec::Vec;

/// Directory id of a replica whose directory nobody recorded (`MIGRATING`).
pub const DIRECTORY_MIGRATING: Uuid = Uuid::from_u128(0);
/// Directory id of a replica whose broker has yet to choose one (`UNASSIGNED`).
pub const DIRECTORY_UNASSIGNED: Uuid = Uuid::from_u128(1);
/// Directory id of a replica whose directory failed without anybody knowing which it was (`LOST`).
pub const DIRECTORY_LOST: Uuid = Uuid::from_u128(2);

/// `leader` of a [`PartitionChangeRecord`] that leaves leader and leader epoch as they are.
pub const LEADER_UNCHANGED: NodeId = -2;

/// Whether a leader may have missed records its predecessors acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i8)]
pub enum LeaderRecoveryState {
    /// It has them all, or said that it recovered.
    #[default]
    Recovered = 0,
    /// It was elected unclean and has not said yet that it recovered; the ISR may not grow before.
    Recovering = 1,
}

impl LeaderRecoveryState {
    /// The state with this wire number.
    pub fn from_code(code: i8) -> Option<Self> {
        match code {
            0 => Some(Self::Recovered),
            1 => Some(Self::Recovering),
            _ => None,
        }
    }

    /// Its wire number.
    pub fn code(self) -> i8 {
        self as i8
    }
}

/// The state of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionRegistration {
    /// All replicas; the first is the preferred leader.
    pub replicas: Vec<NodeId>,
    /// Directory of each replica, in the order of `replicas`.
    pub directories: Vec<Uuid>,
    /// In-sync replicas.
    pub isr: Vec<NodeId>,
    /// Replicas that leave when the reassignment completes.
    pub removing_replicas: Vec<NodeId>,
    /// Replicas that must join the ISR before the reassignment completes.
    pub adding_replicas: Vec<NodeId>,
    /// Replicas outside the ISR that still have every committed record (KIP-966).
    pub eligible_leader_replicas: Vec<NodeId>,
    /// Who was in the ISR or ELR last, kept for the day nobody is (KIP-966).
    pub last_known_elr: Vec<NodeId>,
    /// The leader; -1 for none.
    pub leader: NodeId,
    /// Whether that leader still recovers from an unclean election.
    pub leader_recovery_state: LeaderRecoveryState,
    /// Counts leaders.
    pub leader_epoch: LeaderEpoch,
    /// Counts changes of this registration.
    pub partition_epoch: i32,
}

impl PartitionRegistration {
    /// `replicas[0]`; -1 where there are none.
    pub fn preferred_leader(&self) -> NodeId {
        self.replicas.first().copied().unwrap_or(NO_NODE)
    }

    /// Whether any broker leads it.
    pub fn has_leader(&self) -> bool {
        self.leader != NO_NODE
    }

    /// Whether its preferred leader leads it.
    pub fn has_preferred_leader(&self) -> bool {
        self.leader == self.preferred_leader()
    }

    /// Whether a reassignment is under way.
    pub fn is_reassigning(&self) -> bool {
        !self.removing_replicas.is_empty() || !self.adding_replicas.is_empty()
    }

    /// Directory of the replica on `broker`; `MIGRATING` where it has none or is unknown.
    pub fn directory(&self, broker: NodeId) -> Uuid {
        let position = self.replicas.iter().position(|&replica| replica == broker);
        position.and_then(|index| self.directories.get(index)).copied().unwrap_or(DIRECTORY_MIGRATING)
    }

    /// The registration after `change`, whose numbers are taken as they are.
    ///
    /// Answers `None` where the recovery state has no meaning.
    #[must_use]
    pub fn merge(&self, change: &PartitionChangeRecord) -> Option<Self> {
        let mut next = self.clone();
        let replace = |field: &mut Vec<NodeId>, new: &Option<Vec<NodeId>>| {
            if let Some(new) = new {
                field.clone_from(new);
            }
        };
        replace(&mut next.replicas, &change.replicas);
        replace(&mut next.isr, &change.isr);
        replace(&mut next.removing_replicas, &change.removing_replicas);
        replace(&mut next.adding_replicas, &change.adding_replicas);
        replace(&mut next.eligible_leader_replicas, &change.eligible_leader_replicas);
        replace(&mut next.last_known_elr, &change.last_known_elr);
        if let Some(directories) = change.directories.as_ref().filter(|directories| !directories.is_empty()) {
            next.directories.clone_from(directories);
        }
        next.complete_directories();
        if change.leader != LEADER_UNCHANGED {
            next.leader = change.leader;
            next.leader_epoch = self.leader_epoch.wrapping_add(1);
        }
        if change.leader_recovery_state != -1 {
            next.leader_recovery_state = LeaderRecoveryState::from_code(change.leader_recovery_state)?;
        }
        next.partition_epoch = self.partition_epoch.wrapping_add(1);
        Some(next)
    }

    pub(super) fn from_record(record: &PartitionRecord) -> Option<Self> {
        let mut registration = Self {
            replicas: record.replicas.clone(),
            directories: record.directories.clone(),
            isr: record.isr.clone(),
            removing_replicas: record.removing_replicas.clone(),
            adding_replicas: record.adding_replicas.clone(),
            eligible_leader_replicas: record.eligible_leader_replicas.clone().unwrap_or_default(),
            last_known_elr: record.last_known_elr.clone().unwrap_or_default(),
            leader: record.leader,
            leader_recovery_state: LeaderRecoveryState::from_code(record.leader_recovery_state)?,
            leader_epoch: record.leader_epoch,
            partition_epoch: record.partition_epoch,
        };
        registration.complete_directories();
        Some(registration)
    }

    /// The record that makes this partition `partition_id` of a topic.
    pub fn to_record(&self, topic_id: Uuid, partition_id: PartitionIndex) -> PartitionRecord {
        let unless_empty = |list: &Vec<NodeId>| (!list.is_empty()).then(|| list.clone());
        PartitionRecord {
            partition_id,
            topic_id,
            replicas: self.replicas.clone(),
            isr: self.isr.clone(),
            removing_replicas: self.removing_replicas.clone(),
            adding_replicas: self.adding_replicas.clone(),
            leader: self.leader,
            leader_recovery_state: self.leader_recovery_state.code(),
            leader_epoch: self.leader_epoch,
            partition_epoch: self.partition_epoch,
            directories: self.directories.clone(),
            eligible_leader_replicas: unless_empty(&self.eligible_leader_replicas),
            last_known_elr: unless_empty(&self.last_known_elr),
        }
    }

    /// Records older than log directories name none: each replica has exactly one entry afterwards.
    fn complete_directories(&mut self) {
        if self.directories.len() != self.replicas.len() {
            self.directories = vec![DIRECTORY_MIGRATING; self.replicas.len()];
        }
    }
}
