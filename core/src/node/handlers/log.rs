//! The APIs that ask about a partition's log: `ListOffsets`, `OffsetForLeaderEpoch`, `DeleteRecords`. Its replica manager knows.

use super::RequestContext;
use crate::node::broker::Broker;
use crate::protocol::messages::{DeleteRecordsRequest, ListOffsetsRequest, OffsetForLeaderEpochRequest};
use crate::replication::replica_manager::ListOffsetsContext;

pub(super) fn list_offsets(broker: &mut Broker, context: &RequestContext, request: ListOffsetsRequest) {
    let asked = ListOffsetsContext { version: context.version };
    broker.replica_manager.list_offsets(broker.now, request, asked, context.token);
}

pub(super) fn offset_for_leader_epoch(
    broker: &mut Broker,
    context: &RequestContext,
    request: &OffsetForLeaderEpochRequest,
) {
    let response = broker.replica_manager.offsets_for_leader_epoch(request);
    broker.respond::<OffsetForLeaderEpochRequest>(context.token, &response);
}

pub(super) fn delete_records(broker: &mut Broker, context: &RequestContext, request: &DeleteRecordsRequest) {
    broker.replica_manager.delete_records(broker.now, &mut broker.stores, request, context.token);
}
