//! The APIs of the transaction coordinator.

use super::{RequestContext, body};
use crate::coordinator::transaction::TransactionRequest;
use crate::node::broker::Broker;
use crate::protocol::{ApiKey, DecodeError, Reader};

// Out of line as `super::serve` is.
#[inline(never)]
pub(super) fn handle(broker: &mut Broker, context: &RequestContext, reader: &mut Reader) -> Result<(), DecodeError> {
    let request = match context.api_key {
        ApiKey::AddPartitionsToTxn => TransactionRequest::AddPartitionsToTxn(body(reader, context)?),
        ApiKey::AddOffsetsToTxn => TransactionRequest::AddOffsetsToTxn(body(reader, context)?),
        ApiKey::EndTxn => TransactionRequest::EndTxn(body(reader, context)?),
        ApiKey::DescribeTransactions => TransactionRequest::DescribeTransactions(body(reader, context)?),
        _ => TransactionRequest::ListTransactions(body(reader, context)?),
    };
    broker.ask_transactions(context.token, context.version, request);
    Ok(())
}
