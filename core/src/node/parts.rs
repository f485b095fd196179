//! The parts of a node, to read: what the simulator's invariants are about.

use super::{Node, Phase};
use crate::metadata::MetadataImage;
use crate::raft::RaftClient;
use crate::replication::replica_manager::ReplicaManager;

/// The parts of a node that finished its recovery.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a> {
    /// The quorum.
    pub(crate) raft: &'a RaftClient,
    /// The cluster as the metadata log has it.
    pub(crate) image: &'a MetadataImage,
    /// The replicas.
    pub(crate) replica_manager: &'a ReplicaManager,
    /// Its broker is registered and unfenced, as it knows itself.
    pub(crate) unfenced: bool,
}

impl Node {
    /// Its parts; `None` until its recovery is done.
    pub(crate) fn parts(&self) -> Option<Parts<'_>> {
        match &self.phase {
            Phase::Starting(_) => None,
            Phase::Running(broker) => Some(Parts {
                raft: &broker.raft,
                image: &broker.image,
                replica_manager: &broker.replica_manager,
                unfenced: broker.lifecycle.as_ref().is_some_and(|lifecycle| !lifecycle.is_fenced()),
            }),
        }
    }
}
