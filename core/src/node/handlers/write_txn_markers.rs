//! `WriteTxnMarkers`: a transaction coordinator, or an admin, ends transactions in partitions this broker leads.

use super::RequestContext;
use crate::node::broker::Broker;
use crate::protocol::messages::WriteTxnMarkersRequest;

pub(super) fn handle(broker: &mut Broker, context: &RequestContext, request: &WriteTxnMarkersRequest) {
    broker.write_txn_markers(context.token, request);
}
