//! What a decision is made from, and what it gives.

use super::broker_heartbeat_manager::BrokerHeartbeatManager;
use crate::config::BrokerConfig;
use crate::ids::{BrokerEpoch, NodeId, Offset};
use crate::metadata::{BrokerRegistration, MetadataImage, MetadataRecord};
use crate::protocol::ErrorCode;
use crate::quota::QuotaClient;
use crate::text::Str;
use crate::time::Now;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// What a controller is told at its start.
#[derive(Clone, Debug)]
pub struct ControllerConfig {
    /// The cluster's id; brokers that name another are refused.
    pub cluster_id: Str,
    /// The node's configuration: defaults of topics, time-outs, intervals.
    pub node: Arc<BrokerConfig>,
    /// The features finalized by the very first records of the cluster, `metadata.version` among them.
    pub bootstrap_features: Vec<(Str, i16)>,
    /// What else those first records are: what formatting wrote for them besides levels of features.
    pub bootstrap_records: Vec<MetadataRecord>,
    /// The quorum's level of kraft.version.
    pub kraft_version: i16,
    /// The voters of the quorum.
    pub voters: Vec<NodeId>,
}

impl ControllerConfig {
    /// With the features of this release that are implemented: `metadata.version` 30 (4.3-IV0) and `transaction.version` 2.
    pub fn new(cluster_id: Str, node: Arc<BrokerConfig>) -> Self {
        let metadata_version = (Str::from_static(crate::metadata::METADATA_VERSION), 30);
        let transaction_version = (Str::from_static(crate::metadata::TRANSACTION_VERSION), 2);
        let voters = node.quorum_voters.iter().map(|voter| voter.id).collect();
        Self {
            cluster_id,
            node,
            bootstrap_features: vec![metadata_version, transaction_version],
            bootstrap_records: Vec::new(),
            kraft_version: 0,
            voters,
        }
    }
}

/// An error for a request or for a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The code.
    pub error: ErrorCode,
    /// Its own text; without one Kafka's standard text of the code is said.
    pub message: Option<Str>,
}

impl ApiError {
    /// `error` with a text of its own.
    pub fn new(error: ErrorCode, message: impl Into<Str>) -> Self {
        Self { error, message: Some(message.into()) }
    }

    /// Its number on the wire.
    pub fn code(&self) -> i16 {
        self.error.code()
    }

    /// Its text.
    pub fn text(&self) -> Str {
        self.message.clone().unwrap_or_else(|| Str::from_static(self.error.message()))
    }
}

impl From<ErrorCode> for ApiError {
    fn from(error: ErrorCode) -> Self {
        Self { error, message: None }
    }
}

/// What a controller knows of a request besides its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControllerRequestContext {
    /// Who asks; of nodes, which have no quotas, the default.
    pub client: QuotaClient,
    /// Version of the request.
    pub version: i16,
    /// It was asked itself: no broker has looked at the request before.
    pub is_direct: bool,
}

/// Records to append, as one atomic batch, and what to answer once they are committed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ControllerResult<T> {
    pub(super) records: Vec<MetadataRecord>,
    pub(super) response: T,
}

impl<T> ControllerResult<T> {
    pub(super) fn new(records: Vec<MetadataRecord>, response: T) -> Self {
        Self { records, response }
    }

    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> ControllerResult<U> {
        ControllerResult { records: self.records, response: change(self.response) }
    }
}

/// All that the active controller knows at one moment. The decisions are its methods, in the files of the control parts.
#[derive(Clone, Copy)]
pub(super) struct Decision<'a> {
    pub(super) config: &'a ControllerConfig,
    /// With all appended records replayed, committed or not.
    pub(super) image: &'a MetadataImage,
    pub(super) heartbeats: &'a BrokerHeartbeatManager,
    pub(super) now: Now,
    /// Offset the first record of this decision will get.
    pub(super) next_offset: Offset,
    /// Nobody has looked at the request before.
    pub(super) is_direct: bool,
}

impl<'a> Decision<'a> {
    /// The registration of `broker` if it is of this epoch: anything else is an incarnation of the past.
    pub(super) fn current_broker(self, broker: NodeId, epoch: BrokerEpoch) -> Result<&'a BrokerRegistration, ApiError> {
        let Some(registration) = self.image.cluster.broker(broker) else {
            let message = format!("No broker registration found for broker id {broker}");
            return Err(ApiError::new(ErrorCode::StaleBrokerEpoch, message));
        };
        if registration.epoch != epoch {
            let message = format!("Expected broker epoch {}, but got broker epoch {epoch}", registration.epoch);
            return Err(ApiError::new(ErrorCode::StaleBrokerEpoch, message));
        }
        Ok(registration)
    }
}
