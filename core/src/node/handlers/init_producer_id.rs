//! `InitProducerId`: an id for an idempotent producer.

use super::RequestContext;
use crate::ids::ProducerId;
use crate::node::broker::Broker;
use crate::node::inbound::Token;
use crate::protocol::ErrorCode;
use crate::protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};

pub(super) fn handle(broker: &mut Broker, context: &RequestContext, request: &InitProducerIdRequest) {
    match request.transactional_id.as_deref() {
        // No transaction coordinator here yet: the partition of `__transaction_state` has no leader.
        Some(id) => {
            let error = if id.is_empty() { ErrorCode::InvalidRequest } else { ErrorCode::CoordinatorNotAvailable };
            let response = InitProducerIdResponse { error_code: error.code(), ..Default::default() };
            broker.respond::<InitProducerIdRequest>(context.token, &response);
        }
        None => {
            if let Some(producer_id) = broker.producer_ids.take(context.token) {
                granted(broker, context.token, producer_id);
            }
        }
    }
}

/// Answers with an id; its first epoch is 0.
pub(in crate::node) fn granted(broker: &mut Broker, token: Token, producer_id: ProducerId) {
    let response = InitProducerIdResponse { producer_id, producer_epoch: 0, ..Default::default() };
    broker.respond::<InitProducerIdRequest>(token, &response);
}
