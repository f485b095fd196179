//! `FindCoordinator`: which broker leads the partition that holds a group or a transactional id.

use super::RequestContext;
use crate::coordinator::partition_for;
use crate::ids::{CONSUMER_OFFSETS_TOPIC, TRANSACTION_STATE_TOPIC};
use crate::node::broker::Broker;
use crate::protocol::ErrorCode;
use crate::protocol::messages::FindCoordinatorRequest;
use crate::protocol::messages::find_coordinator_response::{Coordinator, FindCoordinatorResponse};
use crate::text::Str;
use alloc::vec::Vec;

/// `CoordinatorType`; share groups (2) have no coordinator here yet.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
/// From this version on a request asks for several keys.
const BATCHED_SINCE: i16 = 4;

pub(super) fn handle(broker: &mut Broker, context: &RequestContext, request: &FindCoordinatorRequest) {
    let batched = context.version >= BATCHED_SINCE;
    let keys: &[Str] = if batched { &request.coordinator_keys } else { core::slice::from_ref(&request.key) };
    let mut coordinators: Vec<Coordinator> =
        keys.iter().map(|key| find(broker, context, request.key_type, key)).collect();
    let response = if batched {
        FindCoordinatorResponse { coordinators, ..Default::default() }
    } else {
        let found = coordinators.pop().unwrap_or_default();
        FindCoordinatorResponse {
            error_code: found.error_code,
            error_message: found.error_message,
            node_id: found.node_id,
            host: found.host,
            port: found.port,
            ..Default::default()
        }
    };
    broker.respond::<FindCoordinatorRequest>(context.token, &response);
}

fn find(broker: &mut Broker, context: &RequestContext, key_type: i8, key: &Str) -> Coordinator {
    let topic = match key_type {
        GROUP => CONSUMER_OFFSETS_TOPIC,
        TRANSACTION => TRANSACTION_STATE_TOPIC,
        _ => return failed(key, ErrorCode::InvalidRequest),
    };
    let image = broker.image.clone();
    let Some(topic) = image.topics.by_name(topic) else {
        broker.auto_create_topic(&Str::from_static(topic));
        return failed(key, ErrorCode::CoordinatorNotAvailable);
    };
    let partition = partition_for(key, topic.partitions.len() as i32);
    let leader = topic.partition(partition).map(|registration| registration.leader);
    let endpoint = leader.and_then(|leader| Some((leader, image.alive_endpoint(leader, &context.listener)?)));
    match endpoint {
        Some((leader, endpoint)) => Coordinator {
            key: key.clone(),
            node_id: leader,
            host: endpoint.host.clone(),
            port: i32::from(endpoint.port),
            ..Default::default()
        },
        None => failed(key, ErrorCode::CoordinatorNotAvailable),
    }
}

fn failed(key: &Str, error: ErrorCode) -> Coordinator {
    Coordinator {
        key: key.clone(),
        node_id: -1,
        port: -1,
        error_code: error.code(),
        error_message: Some(error.message().into()),
        ..Default::default()
    }
}
