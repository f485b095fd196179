//! Produce.

use super::RequestContext;
use crate::node::broker::Broker;
use crate::protocol::messages::ProduceRequest;
use crate::replication::replica_manager::ProduceContext;

pub(super) fn handle(broker: &mut Broker, context: &RequestContext, request: ProduceRequest) {
    let asked = ProduceContext { client_id: context.client_id.clone(), version: context.version };
    broker.replica_manager.append_records(broker.now, &mut broker.stores, request, &asked, context.token);
}
