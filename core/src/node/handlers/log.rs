//! The APIs that ask about a partition's log: ListOffsets, OffsetForLeaderEpoch, DeleteRecords. Its replica manager knows.

use super::RequestContext;
use crate::node::broker::Broker;
use crate::protocol::messages::{DeleteRecordsRequest, ListOffsetsRequest, OffsetForLeaderEpochRequest};

pub(super) fn list_offsets(broker: &mut Broker, context: &RequestContext, request: ListOffsetsRequest) {
    broker.replica_manager.list_offsets(broker.now, context.token, context.version, request);
}

pub(super) fn offset_for_leader_epoch(
    broker: &mut Broker,
    context: &RequestContext,
    request: OffsetForLeaderEpochRequest,
) {
    broker.replica_manager.offset_for_leader_epoch(broker.now, context.token, request);
}

pub(super) fn delete_records(broker: &mut Broker, context: &RequestContext, request: DeleteRecordsRequest) {
    broker.replica_manager.delete_records(broker.now, context.token, request);
}
