//! Produce.

use super::RequestContext;
use crate::node::broker::Broker;
use crate::protocol::messages::ProduceRequest;

pub(super) fn handle(broker: &mut Broker, context: &RequestContext, request: ProduceRequest) {
    broker.replica_manager.append_records(
        broker.now,
        context.token,
        context.version,
        context.client_id.as_ref(),
        request,
    );
}
