//! The transaction coordinator at work: its records are appended to its partitions, its markers sent to other brokers, its
//! answers to who asked.

use super::broker::{Broker, Purpose};
use super::channels::{Channel, Endpoint};
use super::inbound::Token;
use crate::coordinator::transaction::{TransactionOutput, TransactionRequest, TransactionResponse};
use crate::ids::{NodeId, TRANSACTION_STATE_TOPIC, TopicPartition};
use crate::protocol::messages as m;

/// The version in which markers are sent: the brokers of this release know the one with the transaction version.
const WRITE_TXN_MARKERS: i16 = 2;

impl Broker {
    /// Gives a request to the transaction coordinator.
    pub(super) fn ask_transactions(&mut self, token: Token, api_version: i16, request: TransactionRequest) {
        let (cluster, producer_ids) = (&self.image, &mut self.producer_ids);
        self.transactions.handle(self.now, token, api_version, request, cluster, producer_ids);
    }

    /// Carries out what the coordinator wants.
    pub(super) fn transaction_output(&mut self, output: TransactionOutput) {
        match output {
            TransactionOutput::Append { partition, append_id, batch } => {
                let partition = TopicPartition::new(TRANSACTION_STATE_TOPIC, partition);
                let result = self.append_for_coordinator(&partition, &batch);
                self.transactions.append_result(self.now, append_id, result);
            }
            TransactionOutput::Respond { token, response } => self.respond_transaction(token, &response),
            TransactionOutput::SendMarkers { to, request_id, request } => {
                self.send_transaction_markers(to, request_id, &request);
            }
            TransactionOutput::Event(event) => self.event(event),
        }
    }

    fn respond_transaction(&mut self, token: Token, response: &TransactionResponse) {
        use TransactionResponse as R;
        match response {
            R::InitProducerId(response) => self.respond::<m::InitProducerIdRequest>(token, response),
            R::AddPartitionsToTxn(response) => self.respond::<m::AddPartitionsToTxnRequest>(token, response),
            R::AddOffsetsToTxn(response) => self.respond::<m::AddOffsetsToTxnRequest>(token, response),
            R::EndTxn(response) => self.respond::<m::EndTxnRequest>(token, response),
            R::DescribeTransactions(response) => self.respond::<m::DescribeTransactionsRequest>(token, response),
            R::ListTransactions(response) => self.respond::<m::ListTransactionsRequest>(token, response),
        }
    }

    fn send_transaction_markers(&mut self, to: NodeId, request_id: u64, request: &m::WriteTxnMarkersRequest) {
        let purpose = Purpose::WriteTxnMarkers { request_id };
        let listener = &self.config.inter_broker_listener_name;
        let Some(endpoint) = self.image.alive_endpoint(to, listener) else { return self.request_failed(purpose) };
        let endpoint = Endpoint { host: endpoint.host.clone(), port: endpoint.port };
        let channel = Channel::TransactionMarkers(to);
        if self.channels.endpoint(channel).is_some_and(|known| *known != endpoint) {
            let failed = self.channels.close(self.now.monotonic, &mut self.rng, channel, &mut self.outputs);
            self.requests_failed(failed);
        }
        let deadline = self.now.monotonic + self.config.network.request_timeout;
        self.channels.send(channel, &endpoint, WRITE_TXN_MARKERS, request, purpose, deadline);
    }
}
