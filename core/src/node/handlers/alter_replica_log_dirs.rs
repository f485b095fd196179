//! `AlterReplicaLogDirs`: moves replicas between the log directories of this broker.

use super::RequestContext;
use crate::node::broker::Broker;
use crate::protocol::messages::AlterReplicaLogDirsRequest;

pub(super) fn handle(broker: &mut Broker, context: &RequestContext, request: &AlterReplicaLogDirsRequest) {
    let response = broker.replica_manager.alter_replica_log_dirs(broker.now, &mut broker.stores, request);
    broker.respond::<AlterReplicaLogDirsRequest>(context.token, &response);
}
