//! `InitProducerId`: an id for an idempotent producer, or, by the transaction coordinator, for a transactional one.

use super::RequestContext;
use crate::coordinator::transaction::TransactionRequest;
use crate::ids::ProducerId;
use crate::node::broker::Broker;
use crate::node::inbound::Token;
use crate::protocol::ErrorCode;
use crate::protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};
use crate::record::{NO_PRODUCER_EPOCH, NO_PRODUCER_ID};

pub(super) fn handle(broker: &mut Broker, context: &RequestContext, request: InitProducerIdRequest) {
    if request.transactional_id.is_some() {
        broker.ask_transactions(context.token, context.version, TransactionRequest::InitProducerId(request));
    } else if (request.producer_id == NO_PRODUCER_ID) != (request.producer_epoch == NO_PRODUCER_EPOCH) {
        let error_code = ErrorCode::InvalidRequest.code();
        let (producer_id, producer_epoch) = (NO_PRODUCER_ID, NO_PRODUCER_EPOCH);
        let response = InitProducerIdResponse { error_code, producer_id, producer_epoch, ..Default::default() };
        broker.respond::<InitProducerIdRequest>(context.token, &response);
    } else if let Some(producer_id) = broker.producer_ids.take(context.token) {
        granted(broker, context.token, producer_id);
    }
}

/// Answers with an id; its first epoch is 0.
pub(in crate::node) fn granted(broker: &mut Broker, token: Token, producer_id: ProducerId) {
    let response = InitProducerIdResponse { producer_id, producer_epoch: 0, ..Default::default() };
    broker.respond::<InitProducerIdRequest>(token, &response);
}
