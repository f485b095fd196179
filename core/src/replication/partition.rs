//! [`Partition`]: one replica's role, its in-sync replicas and the rule of its high watermark.
//!
//! A partition holds no log: who calls passes the few offsets a rule needs. So every rule here is a function of plain
//! values, and the log stays with its owner.

use super::alter_partition::{AlterPartitionItem, AlteredPartition};
use super::partition_state::{PartitionState, ProposalId};
use super::replica_state::{FollowerFetch, ReplicaState};
use crate::ids::{BrokerEpoch, LeaderEpoch, NO_EPOCH, NO_NODE, NodeId, Offset, TopicPartition, Uuid};
use crate::protocol::ErrorCode;
use crate::sorted::SortedMap;
use crate::time::{Duration, Instant};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What metadata says of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// The leader; -1 for none.
    pub leader: NodeId,
    /// Counts its leaders.
    pub leader_epoch: LeaderEpoch,
    /// Counts changes of its metadata.
    pub partition_epoch: i32,
    /// All replicas, the preferred leader first.
    pub replicas: Vec<NodeId>,
    /// The committed ISR.
    pub isr: Vec<NodeId>,
}

/// What metadata says of a broker, as far as the ISR depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerStanding {
    /// Its current broker epoch.
    pub broker_epoch: BrokerEpoch,
    /// It may not lead nor join an ISR.
    pub fenced: bool,
    /// It is leaving.
    pub in_controlled_shutdown: bool,
}

/// All registered brokers.
pub type BrokerStandings = SortedMap<NodeId, BrokerStanding>;

/// What an ISR decision needs besides the partition itself.
#[derive(Clone, Copy, Debug)]
pub struct IsrContext<'a> {
    /// The time.
    pub now: Instant,
    /// `replica.lag.time.max.ms`.
    pub lag_time_max: Duration,
    /// `min.insync.replicas` of the topic.
    pub min_in_sync_replicas: usize,
    /// All registered brokers.
    pub brokers: &'a BrokerStandings,
}

/// A replica on this broker.
#[derive(Clone, Debug)]
pub struct Partition {
    /// Its name.
    pub topic_partition: TopicPartition,
    /// Id of its topic.
    pub topic_id: Uuid,
    /// What this broker has made of the metadata so far; its ISR is that of the last record, see [`PartitionState`].
    pub assignment: Assignment,
    /// Leader or follower.
    pub role: Role,
    local: NodeId,
}

/// What this broker is to a partition.
#[derive(Clone, Debug)]
pub enum Role {
    /// It fetches from the leader, where there is one.
    Follower,
    /// It leads.
    Leader(Leadership),
}

/// What only a leader has.
#[derive(Clone, Debug)]
pub struct Leadership {
    /// Log end offset when this leader epoch began. A follower below it cannot join the ISR.
    pub epoch_start_offset: Offset,
    /// The ISR and its pending change.
    pub state: PartitionState,
    /// The other replicas.
    pub remote_replicas: SortedMap<NodeId, ReplicaState>,
}

/// What [`Partition::make_leader`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BecameLeader {
    /// It did not lead before.
    pub new_leader: bool,
    /// The leader epoch is a new one: the log notes where it begins.
    pub new_epoch: bool,
}

/// What [`Partition::make_follower`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BecameFollower {
    /// It led before: what waits for it fails.
    pub was_leader: bool,
    /// Leader or epoch are new: fetching starts anew.
    pub new_epoch: bool,
}

/// What came of the controller's answer to a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlterOutcome {
    /// The new ISR is committed; the high watermark may advance.
    Committed {
        /// The ISR now.
        isr: Vec<NodeId>,
    },
    /// The proposal was refused; the ISR is as before.
    RolledBack,
    /// Metadata will tell how it is; the proposal stays pending until then.
    AwaitMetadata,
    /// Ask again with the same proposal.
    Retry,
    /// The answer is for something that is no longer so.
    Ignored,
}

impl Partition {
    /// A replica on broker `local` that knows nothing of its leader yet.
    pub fn new(topic_partition: TopicPartition, topic_id: Uuid, local: NodeId) -> Self {
        let assignment =
            Assignment { leader: NO_NODE, leader_epoch: NO_EPOCH, partition_epoch: -1, ..Assignment::default() };
        Self { topic_partition, topic_id, assignment, role: Role::Follower, local }
    }

    /// What it has as a leader; `None` where it does not lead.
    pub fn leadership(&self) -> Option<&Leadership> {
        match &self.role {
            Role::Leader(leadership) => Some(leadership),
            Role::Follower => None,
        }
    }

    fn leadership_mut(&mut self) -> Option<&mut Leadership> {
        match &mut self.role {
            Role::Leader(leadership) => Some(leadership),
            Role::Follower => None,
        }
    }

    /// True where this broker leads it.
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// The ISR as this broker knows it: a leader's own, else that of the metadata.
    pub fn in_sync_replicas(&self) -> &[NodeId] {
        self.leadership().map_or(&self.assignment.isr, |leadership| leadership.state.isr())
    }

    /// Takes over as leader, or notes that a leader's metadata changed. `None` where `assignment` is older than known.
    pub fn make_leader(
        &mut self,
        now: Instant,
        assignment: Assignment,
        log_end_offset: Offset,
    ) -> Option<BecameLeader> {
        if assignment.partition_epoch < self.assignment.partition_epoch {
            return None;
        }
        let new_epoch = assignment.leader_epoch > self.assignment.leader_epoch;
        let before = match core::mem::replace(&mut self.role, Role::Follower) {
            Role::Leader(leadership) => Some(leadership),
            Role::Follower => None,
        };
        let new_leader = before.is_none();
        let mut leadership = before.unwrap_or_else(|| Leadership {
            epoch_start_offset: log_end_offset,
            state: PartitionState::Committed { isr: Vec::new() },
            remote_replicas: SortedMap::new(),
        });
        let changed = assignment.partition_epoch > self.assignment.partition_epoch;
        // What metadata says ends every proposal that is older; a repetition of what is known ends none.
        if changed || new_leader {
            leadership.state = PartitionState::Committed { isr: assignment.isr.clone() };
        }
        leadership.remote_replicas.retain(|replica, _| assignment.replicas.contains(replica));
        for &replica in assignment.replicas.iter().filter(|&&replica| replica != self.local) {
            leadership.remote_replicas.entry(replica).or_default();
        }
        if new_epoch || new_leader {
            leadership.epoch_start_offset = log_end_offset;
            for (replica, state) in &mut leadership.remote_replicas {
                state.reset(now, log_end_offset, new_leader, assignment.isr.contains(replica));
            }
        }
        self.role = Role::Leader(leadership);
        self.assignment = assignment;
        Some(BecameLeader { new_leader, new_epoch })
    }

    /// Follows `assignment.leader`, which may be nobody. `None` where `assignment` is older than known.
    pub fn make_follower(&mut self, assignment: Assignment) -> Option<BecameFollower> {
        if assignment.partition_epoch < self.assignment.partition_epoch {
            return None;
        }
        let was_leader = self.is_leader();
        let new_epoch = assignment.leader_epoch > self.assignment.leader_epoch
            || assignment.leader != self.assignment.leader
            || was_leader;
        self.role = Role::Follower;
        self.assignment = assignment;
        Some(BecameFollower { was_leader, new_epoch })
    }

    /// Checks the leader epoch a request was made for; -1 is not checked.
    pub fn check_leader_epoch(&self, requested: LeaderEpoch) -> Result<(), ErrorCode> {
        match requested {
            NO_EPOCH => Ok(()),
            requested if requested < self.assignment.leader_epoch => Err(ErrorCode::FencedLeaderEpoch),
            requested if requested > self.assignment.leader_epoch => Err(ErrorCode::UnknownLeaderEpoch),
            _ => Ok(()),
        }
    }

    /// Notes a follower's fetch that was read while the log ended at `leader_log_end_offset`; true where the follower's
    /// log end offset changed.
    pub fn follower_fetched(
        &mut self,
        now: Instant,
        follower: NodeId,
        fetch: &FollowerFetch,
        leader_log_end_offset: Offset,
    ) -> Result<bool, ErrorCode> {
        let replica = self
            .leadership_mut()
            .and_then(|leadership| leadership.remote_replicas.get_mut(&follower))
            .ok_or(ErrorCode::NotLeaderOrFollower)?;
        // A fetch of the broker's life before this one came late.
        if fetch.broker_epoch != -1 && fetch.broker_epoch < replica.broker_epoch {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        let before = replica.log_end_offset;
        replica.fetched(now, fetch, leader_log_end_offset);
        Ok(before != replica.log_end_offset)
    }

    /// How many replicas acks=all needs: `min.insync.replicas`, or all replicas where there are fewer.
    pub fn effective_min_isr(&self, min_in_sync_replicas: usize) -> usize {
        min_in_sync_replicas.min(self.assignment.replicas.len())
    }

    /// The error of an acks=all append while the ISR is too small; `None` where it is large enough.
    pub fn not_enough_replicas(&self, min_in_sync_replicas: usize) -> Option<String> {
        let isr = self.in_sync_replicas();
        let required = self.effective_min_isr(min_in_sync_replicas);
        (isr.len() < required).then(|| {
            format!(
                "The size of the current ISR : {} is insufficient to satisfy the min.isr requirement of {required} for \
                 partition {}, live replica(s) broker.id are : {isr:?}",
                isr.len(),
                self.topic_partition,
            )
        })
    }

    /// The offset up to which enough replicas have the log; the high watermark is the highest ever seen of these.
    ///
    /// `counted` is how far the leader counts itself: its log end offset, or its recovery point where every append is
    /// flushed. `None` where the ISR is below the minimum, or this broker does not lead.
    pub fn high_watermark_candidate(
        &self,
        context: &IsrContext<'_>,
        log_end_offset: Offset,
        counted: Offset,
    ) -> Option<Offset> {
        let leadership = self.leadership()?;
        if leadership.state.isr().len() < self.effective_min_isr(context.min_in_sync_replicas) {
            return None;
        }
        let mut candidate = counted;
        for (&replica, state) in &leadership.remote_replicas {
            if state.log_end_offset < candidate
                && (leadership.state.in_maximal_isr(replica)
                    || (state.is_caught_up(context.now, log_end_offset, context.lag_time_max)
                        && self.is_isr_eligible(replica, state, context.brokers)))
            {
                candidate = state.log_end_offset;
            }
        }
        (candidate >= 0).then_some(candidate)
    }

    /// True where `follower` should be proposed for the ISR now.
    pub fn should_expand(&self, context: &IsrContext<'_>, follower: NodeId, high_watermark: Offset) -> bool {
        let Some(leadership) = self.leadership() else { return false };
        let Some(state) = leadership.remote_replicas.get(&follower) else { return false };
        leadership.state.pending().is_none()
            && !leadership.state.isr().contains(&follower)
            && state.log_end_offset >= high_watermark
            && state.log_end_offset >= leadership.epoch_start_offset
            && self.is_isr_eligible(follower, state, context.brokers)
    }

    /// The members of the ISR that lag too far to stay; none while a change is under way.
    pub fn out_of_sync_replicas(&self, context: &IsrContext<'_>, log_end_offset: Offset) -> Vec<NodeId> {
        let Some(leadership) = self.leadership() else { return Vec::new() };
        if leadership.state.pending().is_some() {
            return Vec::new();
        }
        let caught_up = |replica: &NodeId| {
            leadership
                .remote_replicas
                .get(replica)
                .is_some_and(|state| state.is_caught_up(context.now, log_end_offset, context.lag_time_max))
        };
        leadership.state.isr().iter().copied().filter(|replica| *replica != self.local && !caught_up(replica)).collect()
    }

    /// Proposes `replica` for the ISR.
    pub fn propose_expand(&mut self, replica: NodeId, proposal: ProposalId) -> Option<AlterPartitionItem> {
        let leadership = self.leadership_mut()?;
        leadership.state = leadership.state.expand(replica, proposal);
        self.alter_partition_item()
    }

    /// Proposes an ISR without `replicas`.
    pub fn propose_shrink(&mut self, replicas: Vec<NodeId>, proposal: ProposalId) -> Option<AlterPartitionItem> {
        let leadership = self.leadership_mut()?;
        leadership.state = leadership.state.shrink(replicas, proposal);
        self.alter_partition_item()
    }

    /// What to ask the controller for; `None` where nothing is pending.
    pub fn alter_partition_item(&self) -> Option<AlterPartitionItem> {
        let leadership = self.leadership()?;
        let proposal = leadership.state.pending()?;
        let broker_epoch = |replica: &NodeId| leadership.remote_replicas.get(replica).map_or(-1, |s| s.broker_epoch);
        let new_isr = leadership.state.proposed_isr().iter().map(|replica| (*replica, broker_epoch(replica))).collect();
        Some(AlterPartitionItem {
            topic_id: self.topic_id,
            proposal,
            leader_epoch: self.assignment.leader_epoch,
            partition_epoch: self.assignment.partition_epoch,
            new_isr,
        })
    }

    /// Takes the controller's answer to `proposal`.
    pub fn proposal_answered(
        &mut self,
        proposal: ProposalId,
        answer: Result<AlteredPartition, ErrorCode>,
    ) -> AlterOutcome {
        let (leader_epoch, partition_epoch) = (self.assignment.leader_epoch, self.assignment.partition_epoch);
        let Some(leadership) = self.leadership_mut().filter(|leadership| leadership.state.pending() == Some(proposal))
        else {
            return AlterOutcome::Ignored;
        };
        match answer {
            Ok(altered) if altered.leader_epoch != leader_epoch || altered.partition_epoch < partition_epoch => {
                AlterOutcome::Ignored
            }
            Ok(altered) => {
                leadership.state = PartitionState::Committed { isr: altered.isr.clone() };
                self.assignment.partition_epoch = altered.partition_epoch;
                self.assignment.isr.clone_from(&altered.isr);
                AlterOutcome::Committed { isr: altered.isr }
            }
            Err(ErrorCode::OperationNotAttempted | ErrorCode::IneligibleReplica) => {
                leadership.state = leadership.state.rolled_back();
                AlterOutcome::RolledBack
            }
            Err(
                ErrorCode::UnknownTopicOrPartition
                | ErrorCode::UnknownTopicId
                | ErrorCode::FencedLeaderEpoch
                | ErrorCode::InvalidUpdateVersion
                | ErrorCode::InvalidRequest
                | ErrorCode::NewLeaderElected,
            ) => AlterOutcome::AwaitMetadata,
            Err(_) => AlterOutcome::Retry,
        }
    }

    /// The lowest log start offset of all replicas whose brokers are alive; what `DeleteRecords` waits for.
    pub fn low_watermark(&self, log_start_offset: Offset, brokers: &BrokerStandings) -> Offset {
        let alive = |replica: &NodeId| brokers.get(replica).is_some_and(|standing| !standing.fenced);
        self.leadership().map_or(log_start_offset, |leadership| {
            leadership
                .remote_replicas
                .iter()
                .filter(|(replica, _)| alive(replica))
                .map(|(_, state)| state.log_start_offset)
                .fold(log_start_offset, Offset::min)
        })
    }

    fn is_isr_eligible(&self, replica: NodeId, state: &ReplicaState, brokers: &BrokerStandings) -> bool {
        replica != self.local
            && brokers.get(&replica).is_some_and(|standing| {
                !standing.fenced
                    && !standing.in_controlled_shutdown
                    && (state.broker_epoch == -1 || state.broker_epoch == standing.broker_epoch)
            })
    }
}

#[cfg(test)]
#[path = "partition_tests.rs"]
mod tests;
