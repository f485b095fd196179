//! The APIs of the group coordinator.

use super::{RequestContext, body};
use crate::coordinator::group::{GroupRequest, RequestContext as GroupContext};
use crate::node::broker::Broker;
use crate::protocol::{ApiKey, DecodeError, Reader};

// Out of line as `super::serve` is.
#[inline(never)]
pub(super) fn handle(broker: &mut Broker, context: &RequestContext, reader: &mut Reader) -> Result<(), DecodeError> {
    let who = GroupContext {
        client_id: context.client_id.clone().unwrap_or_default(),
        client_host: context.client_host.clone(),
        api_version: context.version,
    };
    let request = match context.api_key {
        ApiKey::TxnOffsetCommit => {
            let request = body(reader, context)?;
            broker.commit_transactional_offsets(context.token, who, request);
            return Ok(());
        }
        ApiKey::JoinGroup => GroupRequest::JoinGroup(body(reader, context)?),
        ApiKey::SyncGroup => GroupRequest::SyncGroup(body(reader, context)?),
        ApiKey::Heartbeat => GroupRequest::Heartbeat(body(reader, context)?),
        ApiKey::LeaveGroup => GroupRequest::LeaveGroup(body(reader, context)?),
        ApiKey::OffsetCommit => GroupRequest::OffsetCommit(body(reader, context)?),
        ApiKey::OffsetFetch => GroupRequest::OffsetFetch(body(reader, context)?),
        ApiKey::DescribeGroups => GroupRequest::DescribeGroups(body(reader, context)?),
        ApiKey::ListGroups => GroupRequest::ListGroups(body(reader, context)?),
        ApiKey::DeleteGroups => GroupRequest::DeleteGroups(body(reader, context)?),
        _ => GroupRequest::OffsetDelete(body(reader, context)?),
    };
    broker.ask_groups(context.token, who, request);
    Ok(())
}
