//! When a log directory may be emptied so that Kafka still guarantees what the invariants say.
//!
//! A replica that comes back empty has forgotten what it acknowledged. What is committed is then still somewhere else only if
//! somebody else is in sync: without eligible leader replicas (KIP-966) Kafka lets the last member of an ISR lead whatever it
//! has. A voter has forgotten its votes too, and a static one counts on as the voter it was: then the majority of another
//! leader need not meet the majority that committed a record. Neither is a fault of the broker, so no directory is emptied
//! where that could follow:
//! - of each partition there, somebody else in the ISR runs and has not lost his own replica since he was taken into it;
//! - all other voters run, one of them leads and the others follow it, and each has stored everything the leader has: so they
//!   alone are a majority for all that is committed, and nobody can still be elected in an epoch in which the lost vote was given.
//!
//! What happens between the emptying and the registration of the new incarnation, which takes the broker out of every ISR but
//! those of which it is the last member, is looked at by [`History`](super::history::History::lose).

use super::cluster::Cluster;
use crate::ids::{BrokerEpoch, NodeId};
use crate::node::Parts;
use crate::raft::quorum_state::StateName;
use alloc::collections::BTreeMap;

/// Brokers that lost a directory: the epoch each had.
pub type Emptied = BTreeMap<NodeId, BrokerEpoch>;

/// Whether a log directory of a node that does not run may be emptied, by its place in `log.dirs`. `in_sync`: though it is
/// still in an ISR, which others may leave before it does.
pub fn may_format(cluster: &Cluster, emptied: &Emptied, id: NodeId, directory: usize, in_sync: bool) -> bool {
    // The active controller's, so that no newer metadata is committed anywhere.
    let leader =
        cluster.running().filter_map(|(_, node)| node.parts()).filter(|parts| parts.raft.quorum().leader().is_some());
    let Some(leader) = leader.max_by_key(|parts| parts.raft.quorum().epoch()) else { return false };
    // Of a node with several directories the first holds the metadata log; it is enough to know that it does not for others.
    let keeps_votes = directory > 0 || !leader.raft.quorum().voters().contains(id);
    (keeps_votes || others_have_everything(cluster, &leader, id))
        && others_are_in_sync(cluster, emptied, &leader, id, in_sync)
}

fn others_have_everything(cluster: &Cluster, leader: &Parts<'_>, id: NodeId) -> bool {
    let (leader_id, epoch) = leader.raft.leader_and_epoch();
    let end = leader.raft.log().log_end_offset();
    let mut others = leader.raft.quorum().voters().ids().filter(|other| *other != id);
    others.all(|other| {
        let parts = cluster.nodes().get(&other).and_then(|process| process.node()?.parts());
        parts.is_some_and(|parts| {
            let quorum = parts.raft.quorum();
            parts.raft.leader_and_epoch() == (leader_id, epoch)
                && matches!(quorum.name(), StateName::Leader | StateName::Follower)
                && parts.raft.log().durable_end_offset() >= end
        })
    })
}

fn others_are_in_sync(cluster: &Cluster, emptied: &Emptied, leader: &Parts<'_>, id: NodeId, in_sync: bool) -> bool {
    let has_kept = |member: NodeId| {
        let came_back = leader.image.cluster.broker(member).zip(emptied.get(&member));
        cluster.nodes().get(&member).is_some_and(|process| process.node().is_some())
            && came_back.is_none_or(|(broker, epoch)| broker.epoch > *epoch)
    };
    let mut hosted = leader.image.topics.hosted_by(id);
    hosted.all(|(.., partition)| {
        (in_sync || !partition.isr.contains(&id))
            && partition.isr.iter().any(|member| *member != id && has_kept(*member))
    })
}
