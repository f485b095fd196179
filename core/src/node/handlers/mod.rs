//! One file per API, named as the API: decoded request in, typed answer or a part of the node that owes one out. Handlers
//! keep no state. What a listener serves is a row of [`crate::protocol::api_versions`]; the match below is its other half.

mod alter_configs;
mod alter_replica_log_dirs;
mod api_versions;
mod controller;
mod describe_client_quotas;
mod describe_cluster;
mod describe_configs;
mod describe_log_dirs;
mod describe_producers;
mod describe_topic_partitions;
mod describe_user_scram_credentials;
mod envelope;
mod fetch;
mod find_coordinator;
mod group;
mod init_producer_id;
mod list_config_resources;
mod log;
mod metadata;
mod produce;
mod quorum;
mod raft_voter;
mod transaction;
mod write_txn_markers;

pub(super) use alter_configs::{Altering, answered as altered_configs};
pub(super) use init_producer_id::granted as granted_producer_id;

use super::broker::Broker;
use super::inbound::{Answer, Asked, Token};
use crate::ids::ConnectionId;
use crate::protocol::api_versions::{Listener, Lookup, ReleaseLine, look_up};
use crate::protocol::messages as m;
use crate::protocol::{ApiKey, DecodeError, Reader, Request, RequestHeader, decode_request_header};
use crate::text::Str;
use bytes::Bytes;

/// What a handler knows of a request besides its body.
#[derive(Clone, Debug)]
pub(super) struct RequestContext {
    /// Names the answer it owes.
    pub(super) token: Token,
    /// Its API.
    pub(super) api_key: ApiKey,
    /// Its version.
    pub(super) version: i16,
    /// The client's name for itself.
    pub(super) client_id: Option<Str>,
    /// The client's address, as Kafka prints it: `/127.0.0.1`.
    pub(super) client_host: Str,
    /// Name of the listener it came to; for an enveloped request, the one the client used is not known to Kafka either.
    pub(super) listener: Str,
    /// It came to a controller's listener.
    pub(super) is_controller_listener: bool,
}

/// Takes one frame from a client: looks its API up, decodes it, and hands it on. A frame that is no request of this
/// listener closes the connection without an answer, as Kafka does.
pub(super) fn take(broker: &mut Broker, connection: ConnectionId, frame: &Bytes) {
    if let Err(error) = try_take(broker, connection, frame) {
        broker.refuse(connection, &error);
    }
}

fn try_take(broker: &mut Broker, connection: ConnectionId, frame: &Bytes) -> Result<(), DecodeError> {
    let Some(inbound) = broker.inbound.connection(connection) else { return Ok(()) };
    let listener = inbound.listener.clone();
    let client_host = Str::from(alloc::format!("/{}", inbound.peer));
    let is_controller_listener = broker.config.is_controller_listener(&listener);
    let (header, mut reader) = decode_request_header(frame)?;
    let kind = if is_controller_listener { Listener::Controller } else { Listener::Broker };
    let served = match look_up(ReleaseLine::V4_3, kind, header.api_key, header.api_version) {
        Lookup::Served(served) => served,
        Lookup::UnsupportedApiVersions => {
            api_versions::unsupported(broker, connection, header.correlation_id);
            return Ok(());
        }
        Lookup::Refused => return Err(unserved(&header)),
    };
    let asked = Asked {
        connection,
        correlation_id: header.correlation_id,
        api_key: served.key,
        version: header.api_version,
        client_id: header.client_id.clone(),
        request_bytes: frame.len(),
    };
    let token = broker.inbound.owe(Answer::Client(asked));
    let context = RequestContext {
        token,
        api_key: served.key,
        version: header.api_version,
        client_id: header.client_id,
        client_host,
        listener,
        is_controller_listener,
    };
    if served.is_forwarded && !is_controller_listener {
        if matches!(served.key, ApiKey::IncrementalAlterConfigs | ApiKey::AlterConfigs) {
            return alter_configs::handle(broker, &context, &mut reader, frame);
        }
        broker.forward_frame(context.token, frame.clone(), None);
        return Ok(());
    }
    dispatch(broker, &context, reader)
}

fn unserved(header: &RequestHeader) -> DecodeError {
    match ApiKey::from_code(header.api_key) {
        Some(key) => DecodeError::UnsupportedVersion { message: key.name(), version: header.api_version },
        None => DecodeError::UnexpectedApiKey { api_key: header.api_key },
    }
}

fn body<R: Request>(reader: &mut Reader, context: &RequestContext) -> Result<R, DecodeError> {
    // Bytes behind the body are left alone, as Kafka does: librdkafka's Metadata of all topics has three of them.
    R::decode(reader, context.version)
}

/// Hands a request whose header is read to its handler.
pub(super) fn dispatch(broker: &mut Broker, context: &RequestContext, mut reader: Reader) -> Result<(), DecodeError> {
    let reader = &mut reader;
    match context.api_key {
        ApiKey::Produce => serve(broker, context, reader, produce::handle),
        ApiKey::Fetch => serve(broker, context, reader, fetch::handle),
        ApiKey::ListOffsets => serve(broker, context, reader, log::list_offsets),
        ApiKey::OffsetForLeaderEpoch => serve_by_ref(broker, context, reader, log::offset_for_leader_epoch),
        ApiKey::DeleteRecords => serve_by_ref(broker, context, reader, log::delete_records),
        ApiKey::AlterReplicaLogDirs => serve_by_ref(broker, context, reader, alter_replica_log_dirs::handle),
        ApiKey::DescribeLogDirs => serve_by_ref(broker, context, reader, describe_log_dirs::handle),
        ApiKey::Metadata => serve_by_ref(broker, context, reader, metadata::handle),
        ApiKey::DescribeCluster => serve_by_ref(broker, context, reader, describe_cluster::handle),
        ApiKey::DescribeConfigs => serve_by_ref(broker, context, reader, describe_configs::handle),
        ApiKey::DescribeClientQuotas => serve_by_ref(broker, context, reader, describe_client_quotas::handle),
        ApiKey::DescribeUserScramCredentials => {
            serve_by_ref(broker, context, reader, describe_user_scram_credentials::handle)
        }
        ApiKey::ListConfigResources => serve_by_ref(broker, context, reader, list_config_resources::handle),
        ApiKey::DescribeTopicPartitions => serve_by_ref(broker, context, reader, describe_topic_partitions::handle),
        ApiKey::ApiVersions => serve_by_ref(broker, context, reader, api_versions::handle),
        ApiKey::FindCoordinator => serve_by_ref(broker, context, reader, find_coordinator::handle),
        ApiKey::InitProducerId => serve(broker, context, reader, init_producer_id::handle),
        ApiKey::WriteTxnMarkers => serve_by_ref(broker, context, reader, write_txn_markers::handle),
        ApiKey::DescribeProducers => serve_by_ref(broker, context, reader, describe_producers::handle),
        ApiKey::JoinGroup
        | ApiKey::SyncGroup
        | ApiKey::Heartbeat
        | ApiKey::LeaveGroup
        | ApiKey::OffsetCommit
        | ApiKey::OffsetFetch
        | ApiKey::DescribeGroups
        | ApiKey::ListGroups
        | ApiKey::DeleteGroups
        | ApiKey::OffsetDelete
        | ApiKey::TxnOffsetCommit => group::handle(broker, context, reader),
        ApiKey::AddPartitionsToTxn
        | ApiKey::AddOffsetsToTxn
        | ApiKey::EndTxn
        | ApiKey::DescribeTransactions
        | ApiKey::ListTransactions => transaction::handle(broker, context, reader),
        ApiKey::Vote
        | ApiKey::BeginQuorumEpoch
        | ApiKey::EndQuorumEpoch
        | ApiKey::FetchSnapshot
        | ApiKey::DescribeQuorum => quorum::handle(broker, context, reader),
        ApiKey::AddRaftVoter => serve_by_ref(broker, context, reader, raft_voter::add),
        ApiKey::RemoveRaftVoter => serve_by_ref(broker, context, reader, raft_voter::remove),
        ApiKey::Envelope => serve_by_ref::<m::EnvelopeRequest>(broker, context, reader, envelope::handle),
        _ => controller::handle(broker, context, reader),
    }
}

/// Decodes the body and hands it over. Out of line, so that a page loads of an API what it needs when it is first asked.
#[inline(never)]
fn serve<R: Request>(
    broker: &mut Broker,
    context: &RequestContext,
    reader: &mut Reader,
    handle: impl FnOnce(&mut Broker, &RequestContext, R),
) -> Result<(), DecodeError> {
    handle(broker, context, body(reader, context)?);
    Ok(())
}

/// The same for handlers that only look at the body.
fn serve_by_ref<R: Request>(
    broker: &mut Broker,
    context: &RequestContext,
    reader: &mut Reader,
    handle: impl FnOnce(&mut Broker, &RequestContext, &R),
) -> Result<(), DecodeError> {
    serve(broker, context, reader, |broker, context, request: R| handle(broker, context, &request))
}
