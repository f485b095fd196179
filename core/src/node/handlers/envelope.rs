//! Envelope: a client's request that its broker sends on to the active controller (KIP-590).

use super::{RequestContext, dispatch};
use crate::node::broker::Broker;
use crate::node::inbound::{Answer, Asked};
use crate::protocol::api_versions::{Listener, Lookup, ReleaseLine, look_up};
use crate::protocol::messages::EnvelopeRequest;
use crate::protocol::messages::EnvelopeResponse;
use crate::protocol::{DecodeError, ErrorCode, decode_request_header};

pub(super) fn handle(broker: &mut Broker, context: &RequestContext, request: &EnvelopeRequest) {
    if !broker.is_active_controller() {
        fail(broker, context, ErrorCode::NotController);
    } else if open(broker, context, request).is_err() {
        fail(broker, context, ErrorCode::InvalidRequest);
    }
}

fn open(broker: &mut Broker, context: &RequestContext, request: &EnvelopeRequest) -> Result<(), DecodeError> {
    let (header, reader) = decode_request_header(&request.request_data)?;
    let served = match look_up(ReleaseLine::V4_3, Listener::Controller, header.api_key, header.api_version) {
        Lookup::Served(served) if served.is_forwarded => served,
        _ => return Err(super::unserved(&header)),
    };
    let Some(Answer::Client(outer)) = broker.inbound.owed(context.token) else { return Ok(()) };
    let asked = Asked {
        connection: outer.connection,
        correlation_id: header.correlation_id,
        api_key: served.key,
        version: header.api_version,
        client_id: header.client_id.clone(),
        request_bytes: request.request_data.len(),
    };
    let inner = RequestContext {
        token: broker.inbound.owe(Answer::Envelope { envelope: context.token, asked }),
        api_key: served.key,
        version: header.api_version,
        client_id: header.client_id,
        ..context.clone()
    };
    dispatch(broker, &inner, reader).inspect_err(|_| {
        broker.inbound.settle(inner.token);
    })
}

fn fail(broker: &mut Broker, context: &RequestContext, error: ErrorCode) {
    let response = EnvelopeResponse { response_data: None, error_code: error.code() };
    broker.respond::<EnvelopeRequest>(context.token, &response);
}
