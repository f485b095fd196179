//! The quorum's APIs: Vote, `BeginQuorumEpoch`, `EndQuorumEpoch`, `FetchSnapshot`, `DescribeQuorum`. All of them are KRaft's to answer.

use super::{RequestContext, body};
use crate::node::broker::Broker;
use crate::protocol::{ApiKey, DecodeError, Reader};
use crate::raft::RaftRequest;

pub(super) fn handle(broker: &mut Broker, context: &RequestContext, reader: &mut Reader) -> Result<(), DecodeError> {
    let request = match context.api_key {
        ApiKey::Vote => RaftRequest::Vote(body(reader, context)?),
        ApiKey::BeginQuorumEpoch => RaftRequest::BeginQuorumEpoch(body(reader, context)?),
        ApiKey::EndQuorumEpoch => RaftRequest::EndQuorumEpoch(body(reader, context)?),
        ApiKey::FetchSnapshot => RaftRequest::FetchSnapshot(body(reader, context)?),
        _ => RaftRequest::DescribeQuorum(body(reader, context)?),
    };
    broker.ask_raft(context.token, request);
    Ok(())
}
