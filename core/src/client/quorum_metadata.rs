//! The metadata of clients that begin with controllers (`bootstrap.controllers`, KIP-919): the quorum instead of brokers.

use crate::protocol::messages::describe_cluster_response::DescribeClusterBroker;
use crate::protocol::messages::metadata_response::{MetadataResponse, MetadataResponseBroker};
use crate::protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};
use crate::protocol::{ErrorCode, decode_response};
use crate::text::Str;
use bytes::Bytes;

/// `EndpointType.CONTROLLER`.
const CONTROLLERS: i8 = 2;

/// The question for it.
pub(super) fn question() -> DescribeClusterRequest {
    DescribeClusterRequest { endpoint_type: CONTROLLERS, ..Default::default() }
}

/// The answer with its correlation id, as brokers would tell of a cluster; nothing where it cannot be read.
pub(super) fn answer(version: i16, frame: &Bytes) -> Option<(i32, MetadataResponse)> {
    let (correlation_id, response) = read(version, frame)?;
    let controller = |controller: DescribeClusterBroker| MetadataResponseBroker {
        node_id: controller.broker_id,
        host: controller.host,
        port: controller.port,
        rack: controller.rack,
    };
    let quorum = MetadataResponse {
        error_code: response.error_code,
        cluster_id: Some(response.cluster_id),
        controller_id: response.controller_id,
        brokers: response.brokers.into_iter().map(controller).collect(),
        ..Default::default()
    };
    Some((correlation_id, quorum))
}

/// What brokers say who are asked for a quorum: there is no point in asking again.
pub(super) fn refusal(version: i16, frame: &Bytes) -> Option<(ErrorCode, Str)> {
    let (_, response) = read(version, frame)?;
    let error = ErrorCode::from_code(response.error_code)?;
    let is_final = error == ErrorCode::MismatchedEndpointType;
    is_final.then(|| (error, response.error_message.unwrap_or(Str::from_static(error.message()))))
}

fn read(version: i16, frame: &Bytes) -> Option<(i32, DescribeClusterResponse)> {
    decode_response::<DescribeClusterRequest>(version, frame).ok()
}
