//! What `kafka-transactions.sh` asks of brokers, as Kafka's admin does: again while they cannot answer.

use super::in_javas_order;
use crate::cli::failure::Exception;
use crate::cli::terminal::Terminal;
use crate::client::Operation;
use crate::ids::{NodeId, TopicPartition};
use crate::protocol::ErrorCode;
use crate::protocol::messages::describe_producers_request::TopicRequest;
use crate::protocol::messages::describe_producers_response::ProducerState;
use crate::protocol::messages::describe_transactions_response::TransactionState as Described;
use crate::protocol::messages::list_transactions_response::TransactionState as Listed;
use crate::protocol::messages::metadata_request::MetadataRequestTopic;
use crate::protocol::messages::{
    DescribeProducersRequest, DescribeTransactionsRequest, FindCoordinatorRequest, ListTransactionsRequest,
    MetadataRequest,
};
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Duration, Instant};
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

/// `retry.backoff.ms`.
const BACKOFF: Duration = Duration::from_millis(100);
/// How the message begins of a call that nobody could be asked for in time.
const UNASSIGNED: &str = "Timed out waiting for a node assignment. Call: ";
/// `FindCoordinator`: for a transactional id.
const FOR_TRANSACTIONS: i8 = 1;

/// The admin, and how patient it is.
pub(super) struct Client {
    pub(super) terminal: Terminal,
    /// `default.api.timeout.ms`.
    pub(super) api_timeout: Duration,
    /// `request.timeout.ms`.
    pub(super) request_timeout: Duration,
}

/// The partitions of a transaction, in the order in which Kafka's admin has them.
pub(super) fn partitions_of(described: &Described) -> Vec<TopicPartition> {
    let topics = described.topics.iter();
    let mut partitions: Vec<TopicPartition> = topics
        .flat_map(|topic| topic.partitions.iter().map(|index| TopicPartition::new(topic.topic.clone(), *index)))
        .collect();
    in_javas_order(&mut partitions);
    partitions
}

pub(super) fn error_of(code: i16) -> ErrorCode {
    ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError)
}

impl Client {
    /// When a call is given up.
    pub(super) fn deadline(&self) -> Instant {
        self.terminal.now().monotonic + self.api_timeout
    }

    /// Asks a broker, or whoever is the one to ask; `call` is what Kafka's admin calls that.
    pub(super) async fn ask<R: Operation>(
        &self,
        broker: Option<NodeId>,
        request: R,
        call: &str,
    ) -> Result<R::Response, Exception> {
        let answer = match broker {
            Some(broker) => self.terminal.ask_broker(broker, request).await,
            None => self.terminal.ask(request).await,
        };
        answer.map_err(|mut exception| {
            if exception.message.starts_with(UNASSIGNED) {
                exception.message = format!("{UNASSIGNED}{call}");
            }
            exception
        })
    }

    /// What Kafka's admin logs as an error.
    pub(super) fn log(&self, text: &str, class: &str, thrown: Option<&Exception>) {
        let id = self.terminal.admin_client_id();
        let class = format!("org.apache.kafka.clients.admin.internals.{class}");
        self.terminal.log("ERROR", &format!("[AdminClient clientId={id}] {text}"), &class);
        if let Some(exception) = thrown {
            self.terminal.error_line(&exception.to_string());
        }
    }

    /// Waits before asking again.
    ///
    /// # Errors
    /// The time of the call is over.
    pub(super) async fn back_off(&self, deadline: Instant, call: &str) -> Result<(), Exception> {
        let _came = self.terminal.sleep(BACKOFF).await;
        if self.terminal.now().monotonic < deadline {
            return Ok(());
        }
        let message = format!("{UNASSIGNED}{call}");
        Err(Exception::of(ErrorCode::RequestTimedOut, Some(&message)))
    }

    /// The coordinator of a transactional id.
    pub(super) async fn coordinator(&self, id: &str, deadline: Instant, call: &str) -> Result<NodeId, Exception> {
        loop {
            let key = Str::from(id);
            let request =
                FindCoordinatorRequest { key: key.clone(), key_type: FOR_TRANSACTIONS, coordinator_keys: vec![key] };
            let response = self.ask(None, request, &format!("{call}(api=FIND_COORDINATOR)")).await?;
            let found = response.coordinators.first();
            let (code, node) =
                found.map_or((response.error_code, response.node_id), |found| (found.error_code, found.node_id));
            match error_of(code) {
                ErrorCode::None => return Ok(node),
                ErrorCode::CoordinatorNotAvailable | ErrorCode::CoordinatorLoadInProgress => {
                    self.back_off(deadline, &format!("{call}(api=FIND_COORDINATOR)")).await?;
                }
                error @ ErrorCode::TransactionalIdAuthorizationFailed => {
                    let message = format!(
                        "FindCoordinator request for transactionalId `{id}` failed due to authorization failure"
                    );
                    return Err(Exception::of(error, Some(&message)));
                }
                error => {
                    let message = format!(
                        "FindCoordinator request for key `CoordinatorKey(idValue='{id}', type=TRANSACTION)` failed due to an \
                         unexpected error"
                    );
                    return Err(Exception::of(error, Some(&message)));
                }
            }
        }
    }

    /// The state of a transactional id, and who coordinates it.
    pub(super) async fn describe_transaction(&self, id: &str) -> Result<(NodeId, Described), Exception> {
        const CALL: &str = "describeTransactions";
        let deadline = self.deadline();
        loop {
            let coordinator = self.coordinator(id, deadline, CALL).await?;
            let request = DescribeTransactionsRequest { transactional_ids: vec![Str::from(id)] };
            let call = format!("{CALL}(api=DESCRIBE_TRANSACTIONS)");
            let response = self.ask(Some(coordinator), request, &call).await?;
            let Some(described) = response.transaction_states.into_iter().next() else {
                self.back_off(deadline, &call).await?;
                continue;
            };
            let why = match error_of(described.error_code) {
                ErrorCode::None => return Ok((coordinator, described)),
                ErrorCode::CoordinatorLoadInProgress
                | ErrorCode::NotCoordinator
                | ErrorCode::CoordinatorNotAvailable => {
                    self.back_off(deadline, &call).await?;
                    continue;
                }
                ErrorCode::TransactionalIdAuthorizationFailed => "failed due to authorization failure",
                ErrorCode::TransactionalIdNotFound => "failed because the ID could not be found",
                _ => "failed due to unexpected error",
            };
            let message = format!("DescribeTransactions request for transactionalId `{id}` {why}");
            return Err(Exception::of(error_of(described.error_code), Some(&message)));
        }
    }

    /// What each coordinator lists, with its id.
    pub(super) async fn list_transactions(
        &self,
        request: &ListTransactionsRequest,
    ) -> Result<Vec<(NodeId, Listed)>, Exception> {
        const CALL: &str = "listTransactions(api=LIST_TRANSACTIONS)";
        let deadline = self.deadline();
        let nobody = MetadataRequest { topics: Some(Vec::new()), ..MetadataRequest::default() };
        let brokers = self.ask(None, nobody, "listTransactions(api=METADATA)").await?.brokers;
        let mut nodes: Vec<NodeId> = brokers.into_iter().map(|broker| broker.node_id).collect();
        crate::sorted::sort(&mut nodes);
        let mut listed = Vec::new();
        for node in nodes {
            let response = loop {
                let response = self.ask(Some(node), request.clone(), CALL).await?;
                if error_of(response.error_code) != ErrorCode::CoordinatorLoadInProgress {
                    break response;
                }
                self.back_off(deadline, CALL).await?;
            };
            let error = error_of(response.error_code);
            let why = match error {
                ErrorCode::None => {
                    listed.extend(response.transaction_states.into_iter().map(|state| (node, state)));
                    continue;
                }
                ErrorCode::CoordinatorNotAvailable => "because the coordinator is shutting down",
                _ => "with an unexpected exception",
            };
            let logged = match error {
                ErrorCode::CoordinatorNotAvailable => why.to_string(),
                _ => format!("because of an unexpected error {}", error.name()),
            };
            let logged = format!("The `ListTransactions` request sent to broker {node} failed {logged}");
            self.log(&logged, "ListTransactionsHandler", None);
            let message = format!("ListTransactions request sent to broker {node} failed {why}");
            return Err(Exception::of(error, Some(&message)));
        }
        Ok(listed)
    }

    /// Waits until partitions have leaders: topics that are not there may be soon.
    pub(super) async fn await_leaders(
        &self,
        partitions: &[TopicPartition],
        deadline: Instant,
        call: &str,
    ) -> Result<(), Exception> {
        let mut names: Vec<&Str> = partitions.iter().map(|at| &at.topic).collect();
        names.dedup();
        loop {
            let topic = |name: &&Str| MetadataRequestTopic { name: Some((*name).clone()), ..Default::default() };
            let request = MetadataRequest {
                topics: Some(names.iter().map(topic).collect()),
                allow_auto_topic_creation: false,
                ..MetadataRequest::default()
            };
            let response = self.ask(None, request, call).await?;
            for topic in &response.topics {
                let error = error_of(topic.error_code);
                if error.is_error() && !error.is_retriable() {
                    let at = partitions.iter().find(|at| topic.name.as_ref() == Some(&at.topic));
                    return Err(at.map_or_else(|| Exception::of(error, None), |at| refused(at, None, error, None)));
                }
            }
            let has_leader = |at: &TopicPartition| {
                let topics = response.topics.iter().filter(|topic| topic.name.as_ref() == Some(&at.topic));
                let mut partitions = topics.flat_map(|topic| &topic.partitions);
                partitions.any(|partition| partition.partition_index == at.partition && partition.leader_id >= 0)
            };
            if partitions.iter().all(has_leader) {
                return Ok(());
            }
            self.back_off(deadline, call).await?;
        }
    }

    /// Who writes to partitions, as the leaders or one broker know it; in the order of the keys of a `HashMap`.
    pub(super) async fn describe_producers(
        &self,
        partitions: &[TopicPartition],
        broker: Option<NodeId>,
    ) -> Result<Vec<(TopicPartition, Vec<ProducerState>)>, Exception> {
        let deadline = self.deadline();
        let mut waiting = partitions.to_vec();
        let mut found: SortedMap<TopicPartition, Vec<ProducerState>> = SortedMap::new();
        while !waiting.is_empty() {
            let mut topics: SortedMap<Str, Vec<i32>> = SortedMap::new();
            for at in &waiting {
                topics.entry(at.topic.clone()).or_default().push(at.partition);
            }
            let topics = topics.into_iter().map(|(name, partition_indexes)| TopicRequest { name, partition_indexes });
            let request = DescribeProducersRequest { topics: topics.collect() };
            let api = if broker.is_some() { "DESCRIBE_PRODUCERS" } else { "METADATA" };
            let call = format!("describeProducers(api={api})");
            if broker.is_none() {
                self.await_leaders(&waiting, deadline, &call).await?;
            }
            let response = self.ask(broker, request, &call).await?;
            for topic in response.topics {
                for answer in topic.partitions {
                    let at = TopicPartition::new(topic.name.clone(), answer.partition_index);
                    match error_of(answer.error_code) {
                        ErrorCode::None => {
                            found.insert(at, answer.active_producers);
                        }
                        // It may be there soon.
                        ErrorCode::UnknownTopicOrPartition => {}
                        error => {
                            let message = answer.error_message.as_deref();
                            self.log_refused(&at, broker, error, message);
                            return Err(refused(&at, broker, error, message));
                        }
                    }
                }
            }
            waiting.retain(|at| !found.contains_key(at));
            if !waiting.is_empty() {
                self.back_off(deadline, &call).await?;
            }
        }
        let mut order: Vec<TopicPartition> = found.keys().cloned().collect();
        in_javas_order(&mut order);
        Ok(order.into_iter().filter_map(|at| found.remove_entry(&at)).collect())
    }

    fn log_refused(&self, at: &TopicPartition, broker: Option<NodeId>, error: ErrorCode, message: Option<&str>) {
        let thrown = Exception::of(error, message);
        let of = |what: &str| format!("{what} in `DescribeProducers` response for partition {at}");
        let text = match (error, broker) {
            (ErrorCode::NotLeaderOrFollower, Some(broker)) => {
                format!("{} for brokerId {broker} set in options", of("Not leader error"))
            }
            (ErrorCode::InvalidTopicException, _) => of("Invalid topic"),
            (ErrorCode::TopicAuthorizationFailed, _) => of("Authorization failed"),
            _ => of("Unexpected error"),
        };
        self.log(&text, "DescribeProducersHandler", Some(&thrown));
    }
}

fn refused(at: &TopicPartition, broker: Option<NodeId>, error: ErrorCode, message: Option<&str>) -> Exception {
    let text = match (error, broker) {
        (ErrorCode::NotLeaderOrFollower, Some(broker)) => {
            format!("Failed to describe active producers for partition {at} on brokerId {broker}")
        }
        (ErrorCode::InvalidTopicException, _) => {
            let why = message.unwrap_or(error.message());
            format!("Failed to fetch metadata for partition {at} due to invalid topic error: {why}")
        }
        (ErrorCode::TopicAuthorizationFailed, _) => format!(
            "Failed to describe active producers for partition {at} due to authorization failure on topic `{}`",
            at.topic
        ),
        _ => format!("Failed to describe active producers for partition {at} due to unexpected error"),
    };
    Exception::of(error, Some(&text))
}
