//! `DescribeCluster`: the cluster's id, its brokers or its controllers.

use super::RequestContext;
use crate::node::broker::Broker;
use crate::protocol::ErrorCode;
use crate::protocol::messages::DescribeClusterRequest;
use crate::protocol::messages::describe_cluster_response::{DescribeClusterBroker, DescribeClusterResponse};
use alloc::format;

/// `EndpointType.BROKER` and `CONTROLLER` (KIP-919).
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

pub(super) fn handle(broker: &mut Broker, context: &RequestContext, request: &DescribeClusterRequest) {
    let served = if context.is_controller_listener { CONTROLLERS } else { BROKERS };
    let mut response = DescribeClusterResponse {
        cluster_id: broker.cluster_id.clone(),
        endpoint_type: request.endpoint_type,
        ..Default::default()
    };
    if request.endpoint_type != served {
        let (error, message) = match request.endpoint_type {
            BROKERS | CONTROLLERS => {
                let (there, wanted) = (name(served), name(request.endpoint_type));
                let message = format!(
                    "The request was sent to an endpoint of type {there}, but we wanted an endpoint of type {wanted}"
                );
                (ErrorCode::MismatchedEndpointType, message)
            }
            other => (ErrorCode::UnsupportedEndpointType, format!("Unsupported endpoint type {other}")),
        };
        response.error_code = error.code();
        response.error_message = Some(message.into());
    } else if served == CONTROLLERS {
        response.controller_id = broker.raft.leader_and_epoch().0.unwrap_or(-1);
        response.brokers = (broker.raft.quorum().voters().iter())
            .filter_map(|voter| Some((voter.key.id, voter.endpoints.first()?)))
            .map(|(broker_id, endpoint)| DescribeClusterBroker {
                broker_id,
                host: endpoint.host.clone(),
                port: i32::from(endpoint.port),
                ..Default::default()
            })
            .collect();
    } else {
        let image = broker.image.clone();
        let drawn = broker.rng.below(image.alive_brokers(&context.listener).count() as u64) as usize;
        let drawn = image.alive_brokers(&context.listener).nth(drawn);
        response.controller_id = drawn.map_or(-1, |(registration, _)| registration.id);
        let included =
            (image.cluster.brokers()).filter(|registration| !registration.fenced || request.include_fenced_brokers);
        response.brokers = included
            .filter_map(|registration| {
                let endpoint = registration.endpoint(&context.listener)?;
                Some(DescribeClusterBroker {
                    broker_id: registration.id,
                    host: endpoint.host.clone(),
                    port: i32::from(endpoint.port),
                    rack: registration.rack.clone(),
                    is_fenced: registration.fenced,
                })
            })
            .collect();
    }
    broker.respond::<DescribeClusterRequest>(context.token, &response);
}

fn name(endpoint_type: i8) -> &'static str {
    if endpoint_type == BROKERS { "BROKER" } else { "CONTROLLER" }
}
