//! `AddRaftVoter` and `RemoveRaftVoter`: a static quorum (kraft.version 0) refuses both in Kafka's words. One whose voters are
//! in the log (kraft.version 1) keeps those it was formatted with, and says so.

use super::RequestContext;
use crate::ids::{NodeId, Uuid};
use crate::node::broker::Broker;
use crate::protocol::ErrorCode;
use crate::protocol::messages::add_raft_voter_request::Listener;
use crate::protocol::messages::{
    AddRaftVoterRequest, AddRaftVoterResponse, RemoveRaftVoterRequest, RemoveRaftVoterResponse,
};
use crate::text::Str;
use alloc::format;
use alloc::vec::Vec;

pub(super) fn add(broker: &mut Broker, context: &RequestContext, request: &AddRaftVoterRequest) {
    let refusal = refusal(broker, request.cluster_id.as_ref(), request.voter_id, request.voter_directory_id, "Add");
    let (error, message) =
        refusal.or_else(|| without_endpoint(broker, request)).unwrap_or_else(|| unsupported(broker, "adding"));
    let response =
        AddRaftVoterResponse { error_code: error.code(), error_message: message, ..AddRaftVoterResponse::default() };
    broker.respond::<AddRaftVoterRequest>(context.token, &response);
}

pub(super) fn remove(broker: &mut Broker, context: &RequestContext, request: &RemoveRaftVoterRequest) {
    let refusal = refusal(broker, request.cluster_id.as_ref(), request.voter_id, request.voter_directory_id, "Remove");
    let (error, message) = refusal.unwrap_or_else(|| unsupported(broker, "removing"));
    let response = RemoveRaftVoterResponse {
        error_code: error.code(),
        error_message: message,
        ..RemoveRaftVoterResponse::default()
    };
    broker.respond::<RemoveRaftVoterRequest>(context.token, &response);
}

type Refusal = (ErrorCode, Option<Str>);

/// What is wrong with the request whatever the quorum can do.
fn refusal(
    broker: &Broker,
    cluster_id: Option<&Str>,
    voter: NodeId,
    directory_id: Uuid,
    what: &str,
) -> Option<Refusal> {
    if let Some(other) = cluster_id.filter(|id| **id != broker.cluster_id) {
        let message = format!("The given id \"{other}\" doesn't match the cluster id \"{}\"", broker.cluster_id);
        return Some((ErrorCode::InconsistentClusterId, Some(message.into())));
    }
    if broker.raft.leader_and_epoch().0 != Some(broker.config.node_id) {
        return Some((ErrorCode::NotLeaderOrFollower, None));
    }
    (voter < 0 || directory_id == Uuid::ZERO).then(|| {
        let message = format!("{what} voter request didn't include a valid voter");
        (ErrorCode::InvalidRequest, Some(message.into()))
    })
}

/// The new voter must listen where the quorum speaks.
fn without_endpoint(broker: &Broker, request: &AddRaftVoterRequest) -> Option<Refusal> {
    let wanted = broker.config.controller_listener_names.first()?;
    if request.listeners.iter().any(|listener| listener.name == *wanted) {
        return None;
    }
    let endpoints = request
        .listeners
        .iter()
        .map(|Listener { name, host, port }| format!("ListenerName({name})={host}/<unresolved>:{port}"));
    let endpoints = endpoints.collect::<Vec<_>>().join(", ");
    let message = format!(
        "Add voter request didn't include the endpoint (Endpoints(endpoints={{{endpoints}}})) for the default listener \
         ListenerName({wanted})"
    );
    Some((ErrorCode::InvalidRequest, Some(message.into())))
}

fn unsupported(broker: &Broker, what: &str) -> Refusal {
    let why = match broker.raft.kraft_version() {
        0 => "the kraft.version feature is 0",
        _ => "its controllers do not change the voters it was formatted with",
    };
    let message = format!("Cluster doesn't support {what} voter because {why}");
    (ErrorCode::UnsupportedVersion, Some(message.into()))
}
