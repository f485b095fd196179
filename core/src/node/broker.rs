//! A node that runs: its parts, and who tells what to whom. No protocol logic here: a part's output is another's input.

use super::auto_topic_creation::AutoTopicCreation;
use super::broker_lifecycle::{BrokerLifecycle, LifecycleChange, LifecycleRequest};
use super::channels::{Channel, Channels, Sent};
use super::controller_channel::{Forward, Forwarding};
use super::handlers;
use super::inbound::{Answer, Asked, InboundConnections, Token};
use super::producer_ids::ProducerIds;
use super::{Input, Output};
use crate::config::BrokerConfig;
use crate::controller::QuorumController;
use crate::coordinator::group::GroupCoordinator;
use crate::event::Event;
use crate::ids::{ConnectionId, NodeId, Uuid};
use crate::log::storage::Ticket;
use crate::metadata::MetadataImage;
use crate::protocol::messages as m;
use crate::protocol::{ApiKey, DecodeError, ErrorCode, Request, decode_response, encode_response};
use crate::raft::{RaftClient, RaftRequest, RequestFailed};
use crate::replication::ReplicaManager;
use crate::rng::Rng;
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};

/// What a request to another node was for.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    /// The quorum's.
    Raft { to: NodeId, request_id: u64 },
    /// A replica fetcher's.
    Replica { leader: NodeId, request_id: u64 },
    /// ISR changes.
    AlterPartition { request_id: u64 },
    /// This broker registers.
    Register,
    /// This broker lives.
    Heartbeat,
    /// This controller registers.
    RegisterController,
    /// A client's request.
    Forward(Forward),
    /// A block of producer ids.
    AllocateProducerIds,
}

/// Which part asked for bytes of a file.
#[derive(Clone, Copy, Debug)]
pub(super) enum LoadedFor {
    /// The quorum, a snapshot.
    Raft { load_id: u64 },
    /// The logs, cold data.
    Log { load_id: u64 },
}

/// A node that finished its recovery.
#[derive(Clone, Debug)]
pub(super) struct Broker {
    pub(super) config: BrokerConfig,
    pub(super) cluster_id: Str,
    pub(super) channel_client_id: Str,
    pub(super) directory_ids: Vec<Uuid>,
    pub(super) now: Now,
    pub(super) rng: Rng,
    pub(super) outputs: VecDeque<Output>,
    pub(super) inbound: InboundConnections,
    pub(super) channels: Channels<Purpose>,
    pub(super) raft: RaftClient,
    pub(super) metadata_directory: usize,
    pub(super) controller: Option<QuorumController>,
    pub(super) image: MetadataImage,
    pub(super) replica_manager: ReplicaManager,
    pub(super) groups: GroupCoordinator,
    pub(super) lifecycle: Option<BrokerLifecycle>,
    pub(super) forwarding: Forwarding,
    pub(super) auto_topics: AutoTopicCreation,
    pub(super) producer_ids: ProducerIds,
    pub(super) loads: BTreeMap<Ticket, LoadedFor>,
    pub(super) next_load: u64,
}
