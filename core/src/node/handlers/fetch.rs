//! Fetch: of the metadata log on a controller's listener, of everything else on a broker's.

use super::RequestContext;
use crate::node::broker::Broker;
use crate::protocol::messages::FetchRequest;
use crate::quota::QuotaClient;
use crate::raft::RaftRequest;
use crate::replication::replica_manager::FetchRequestContext;

pub(super) fn handle(broker: &mut Broker, context: &RequestContext, request: FetchRequest) {
    if context.is_controller_listener {
        broker.ask_raft(context.token, RaftRequest::Fetch(request));
    } else {
        let asked =
            FetchRequestContext { version: context.version, client: QuotaClient::anonymous(context.client_id.clone()) };
        broker.replica_manager.fetch(broker.now, &request, asked, context.token);
    }
}
