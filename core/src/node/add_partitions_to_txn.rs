//! What this broker asks the coordinators of transactions for the partitions it leads (KIP-890; Kafka's
//! `AddPartitionsToTxnManager`): whether they belong to a transaction, or that they be added to it. One request at a time goes to
//! each broker, with all that was to be asked of it meanwhile.

use super::broker::{Broker, Purpose};
use super::channels::{Channel, Endpoint};
use crate::coordinator::partition_for;
use crate::ids::{NodeId, TRANSACTION_STATE_TOPIC, TopicPartition};
use crate::protocol::ErrorCode;
use crate::protocol::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use crate::protocol::messages::add_partitions_to_txn_response::AddPartitionsToTxnResult;
use crate::protocol::messages::{AddPartitionsToTxnRequest, AddPartitionsToTxnResponse};
use crate::replication::replica_manager::{TransactionSupportedOperation, TransactionVerification};
use crate::sorted::{SortedMap, SortedSet};
use alloc::vec::Vec;

/// Version in which brokers ask each other.
const VERSION: i16 = 5;

/// A question of the replica manager's.
#[derive(Clone, Debug)]
pub(super) struct Question {
    id: u64,
    verification: TransactionVerification,
}

impl Question {
    fn all_failed(&self, error: ErrorCode) -> Vec<(TopicPartition, ErrorCode)> {
        self.verification.partitions.iter().map(|partition| (partition.clone(), error)).collect()
    }

    fn transaction(&self) -> AddPartitionsToTxnTransaction {
        let mut topics: Vec<AddPartitionsToTxnTopic> = Vec::new();
        for partition in &self.verification.partitions {
            match topics.iter_mut().find(|topic| topic.name == partition.topic) {
                Some(topic) => topic.partitions.push(partition.partition),
                None => topics.push(AddPartitionsToTxnTopic {
                    name: partition.topic.clone(),
                    partitions: alloc::vec![partition.partition],
                }),
            }
        }
        AddPartitionsToTxnTransaction {
            transactional_id: self.verification.transactional_id.clone(),
            producer_id: self.verification.producer_id,
            producer_epoch: self.verification.producer_epoch,
            verify_only: !self.verification.operation.supports_epoch_bump(),
            topics,
        }
    }
}

/// What is asked, and what waits for an answer to be asked.
#[derive(Clone, Debug, Default)]
pub(super) struct AddPartitionsToTxn {
    waiting: SortedMap<NodeId, Vec<Question>>,
    in_flight: SortedSet<NodeId>,
}

impl AddPartitionsToTxn {
    /// Adds a question for a broker; answers what fails by it. Of one transaction there is one question at a time: a client that
    /// asks again has given up the first, and an older epoch is fenced.
    fn add(&mut self, to: NodeId, question: Question) -> Option<(Question, ErrorCode)> {
        let waiting = self.waiting.entry(to).or_default();
        let id = &question.verification.transactional_id;
        let same = waiting.iter().position(|known| known.verification.transactional_id == *id);
        let mut failed = None;
        if let Some(known) = same.and_then(|index| waiting.get(index).map(|known| known.verification.producer_epoch)) {
            let epoch = question.verification.producer_epoch;
            if known > epoch {
                return Some((question, ErrorCode::InvalidProducerEpoch));
            }
            let error = if known < epoch { ErrorCode::InvalidProducerEpoch } else { ErrorCode::NetworkException };
            failed = same.map(|index| (waiting.remove(index), error));
        }
        waiting.push(question);
        failed
    }
}

impl Broker {
    /// Asks the coordinator of a transaction.
    pub(super) fn verify_transaction(&mut self, id: u64, verification: TransactionVerification) {
        let question = Question { id, verification };
        let Some(coordinator) = self.transaction_coordinator(&question.verification.transactional_id) else {
            return self.question_failed(&question, ErrorCode::CoordinatorNotAvailable);
        };
        if let Some((failed, error)) = self.add_partitions_to_txn.add(coordinator, question) {
            self.question_failed(&failed, error);
        }
        self.ask_transaction_coordinator(coordinator);
    }

    /// The broker that coordinates a transaction, where it is known and alive.
    fn transaction_coordinator(&self, transactional_id: &str) -> Option<NodeId> {
        let topic = self.image.topics.by_name(TRANSACTION_STATE_TOPIC)?;
        let partition = topic.partition(partition_for(transactional_id, topic.partitions.len() as i32))?;
        let listener = &self.config.inter_broker_listener_name;
        self.image.alive_endpoint(partition.leader, listener).map(|_| partition.leader)
    }

    /// Sends what waits for a broker, unless it owes an answer.
    fn ask_transaction_coordinator(&mut self, to: NodeId) {
        if self.add_partitions_to_txn.in_flight.contains(&to) {
            return;
        }
        let Some(questions) = self.add_partitions_to_txn.waiting.remove(&to) else { return };
        let request = AddPartitionsToTxnRequest {
            transactions: questions.iter().map(Question::transaction).collect(),
            ..Default::default()
        };
        self.add_partitions_to_txn.in_flight.insert(to);
        let purpose = Purpose::AddPartitionsToTxn { to, questions };
        let listener = self.config.inter_broker_listener_name.clone();
        let Some(endpoint) = self.image.alive_endpoint(to, &listener) else { return self.request_failed(purpose) };
        let endpoint = Endpoint { host: endpoint.host.clone(), port: endpoint.port };
        let channel = Channel::AddPartitionsToTxn(to);
        if self.channels.endpoint(channel).is_some_and(|known| *known != endpoint) {
            let failed = self.channels.close(self.now.monotonic, &mut self.rng, channel, &mut self.outputs);
            self.requests_failed(failed);
        }
        let deadline = self.now.monotonic + self.config.network.request_timeout;
        self.channels.send(channel, &endpoint, VERSION, &request, purpose, deadline);
    }

    /// A coordinator answered, or its connection broke.
    pub(super) fn transactions_answered(
        &mut self,
        to: NodeId,
        questions: Vec<Question>,
        response: Option<AddPartitionsToTxnResponse>,
    ) {
        self.add_partitions_to_txn.in_flight.remove(&to);
        let error = match &response {
            None => ErrorCode::NetworkException,
            Some(response) => match ErrorCode::from_code(response.error_code) {
                // A client has no use for an error between brokers.
                Some(ErrorCode::ClusterAuthorizationFailed) => ErrorCode::InvalidTxnState,
                error => error.unwrap_or(ErrorCode::UnknownServerError),
            },
        };
        let results = response.map(|response| response.results_by_transaction).unwrap_or_default();
        for question in questions {
            let id = &question.verification.transactional_id;
            let result = results.iter().find(|result| result.transactional_id == *id);
            match (error, result) {
                (ErrorCode::None, Some(result)) => {
                    let errors = errors_of(result, question.verification.operation);
                    self.question_answered(question.id, &errors);
                }
                // A coordinator answers for every transaction that it is asked about.
                (ErrorCode::None, None) => self.question_failed(&question, ErrorCode::UnknownServerError),
                (error, _) => self.question_failed(&question, error),
            }
        }
        self.ask_transaction_coordinator(to);
    }

    fn question_failed(&mut self, question: &Question, error: ErrorCode) {
        self.question_answered(question.id, &question.all_failed(error));
    }

    fn question_answered(&mut self, id: u64, errors: &[(TopicPartition, ErrorCode)]) {
        self.replica_manager.transaction_verified(self.now, &mut self.stores, id, errors);
    }
}

/// The partitions that are no part of the transaction, with what a client is told.
fn errors_of(
    result: &AddPartitionsToTxnResult,
    operation: TransactionSupportedOperation,
) -> Vec<(TopicPartition, ErrorCode)> {
    let mut errors = Vec::new();
    for topic in &result.topic_results {
        for partition in &topic.results_by_partition {
            let error = match ErrorCode::from_code(partition.partition_error_code) {
                Some(ErrorCode::None) => continue,
                // Producers expect this one of a partition.
                Some(ErrorCode::ProducerFenced) => ErrorCode::InvalidProducerEpoch,
                Some(ErrorCode::TransactionAbortable) if operation == TransactionSupportedOperation::DefaultError => {
                    ErrorCode::InvalidTxnState
                }
                error => error.unwrap_or(ErrorCode::UnknownServerError),
            };
            let name = topic.name.clone();
            errors.push((TopicPartition { topic: name, partition: partition.partition_index }, error));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::messages::add_partitions_to_txn_response::{
        AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
    };
    use alloc::vec;

    fn question(id: u64, transactional_id: &'static str, producer_epoch: i16) -> Question {
        let partitions = [("a", 1), ("b", 0), ("a", 0)];
        Question {
            id,
            verification: TransactionVerification {
                transactional_id: transactional_id.into(),
                producer_id: 7,
                producer_epoch,
                partitions: partitions.map(|(topic, partition)| TopicPartition::new(topic, partition)).into(),
                operation: TransactionSupportedOperation::GenericErrorSupported,
            },
        }
    }

    #[test]
    fn a_later_question_of_a_transaction_takes_the_place_of_one_not_sent_yet() {
        let mut asked = AddPartitionsToTxn::default();
        let mut add = |id, name, epoch| asked.add(1, question(id, name, epoch)).map(|(it, error)| (it.id, error));
        assert_eq!(add(1, "one", 3), None);
        assert_eq!(add(2, "two", 0), None);
        assert_eq!(add(3, "one", 3), Some((1, ErrorCode::NetworkException)));
        assert_eq!(add(4, "one", 2), Some((4, ErrorCode::InvalidProducerEpoch)));
        assert_eq!(add(5, "one", 4), Some((3, ErrorCode::InvalidProducerEpoch)));
        let waiting: Vec<u64> = asked.waiting[&1].iter().map(|question| question.id).collect();
        assert_eq!(waiting, [2, 5]);
    }

    #[test]
    fn a_question_names_each_topic_once() {
        let transaction = question(1, "one", 3).transaction();
        let topic = |name: &'static str, partitions| AddPartitionsToTxnTopic { name: name.into(), partitions };
        assert_eq!(transaction.topics, [topic("a", vec![1, 0]), topic("b", vec![0])]);
        assert!(transaction.verify_only);
    }

    #[test]
    fn a_client_is_told_what_it_understands() {
        use TransactionSupportedOperation::{AddPartition, DefaultError, GenericErrorSupported};
        for (operation, code, told) in [
            (AddPartition, ErrorCode::None, None),
            (DefaultError, ErrorCode::ProducerFenced, Some(ErrorCode::InvalidProducerEpoch)),
            (DefaultError, ErrorCode::TransactionAbortable, Some(ErrorCode::InvalidTxnState)),
            (GenericErrorSupported, ErrorCode::TransactionAbortable, Some(ErrorCode::TransactionAbortable)),
            (AddPartition, ErrorCode::ConcurrentTransactions, Some(ErrorCode::ConcurrentTransactions)),
        ] {
            let partition = AddPartitionsToTxnPartitionResult { partition_index: 2, partition_error_code: code.code() };
            let topic = AddPartitionsToTxnTopicResult { name: "a".into(), results_by_partition: vec![partition] };
            let result = AddPartitionsToTxnResult { transactional_id: "one".into(), topic_results: vec![topic] };
            let expected: Vec<_> = told.into_iter().map(|error| (TopicPartition::new("a", 2), error)).collect();
            assert_eq!(errors_of(&result, operation), expected);
        }
    }
}
