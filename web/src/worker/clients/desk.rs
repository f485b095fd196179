//! What people ask of the cluster now and then: topics created and deleted, records looked at. One client carries out all of it.

use super::browse::{Browse, Step};
use super::{Client, Parameters, refusal};
use crate::bridge::{Acknowledged, ClientsReport, Refusal};
use broker_core::client::network_client::AnswerError;
use broker_core::client::{Answer, ClientInput, ClientOutput, NetworkClient, RequestFailed, Target};
use broker_core::ids::NodeId;
use broker_core::protocol::messages::create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic};
use broker_core::protocol::messages::create_topics_request::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use broker_core::protocol::messages::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use broker_core::protocol::{ErrorCode, Request};
use broker_core::sorted::SortedMap;
use broker_core::text::Str;
use broker_core::time::{Duration, Instant, Now};
use std::collections::VecDeque;

/// `default.api.timeout.ms` of what changes the cluster is longer; nobody looks at a form that long.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// A reader of records is told sooner why there are none.
const BROWSE_WITHIN: Duration = Duration::from_secs(10);
/// `retry.backoff.ms`
const RETRY_BACKOFF: Duration = Duration::from_millis(100);

/// Something to be done to a topic.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Create { name: Str, partitions: i32, replication_factor: i16, configs: Vec<(Str, Str)> },
    Delete { name: Str },
    CreatePartitions { name: Str, count: i32 },
}

/// See the module.
pub(super) struct Desk {
    /// A request's purpose is the ticket it is for.
    network: NetworkClient<u32>,
    tasks: SortedMap<u32, Task>,
    reports: VecDeque<ClientsReport>,
}

struct Task {
    what: What,
    deadline: Instant,
    /// Set while it waits to be tried again.
    retry_at: Option<Instant>,
    /// Why it has to be; what is told in the end.
    error: Refusal,
}

enum What {
    Change(Change),
    Browse(Browse),
}

/// What came of a request.
pub(super) enum Outcome {
    /// The next one, or the end.
    GoOn,
    /// Once more, after a while.
    Retry(Refusal),
    /// It failed for good.
    Failed(Refusal),
}

impl Desk {
    pub(super) fn new(parameters: Parameters) -> Self {
        let Parameters { network, first_connection, rng } = parameters;
        Self {
            network: NetworkClient::new(network, first_connection, rng),
            tasks: SortedMap::new(),
            reports: VecDeque::new(),
        }
    }

    /// Changes a topic; the answer names the ticket.
    pub(super) fn change(&mut self, now: Now, ticket: u32, change: Change) {
        self.begin(now, ticket, What::Change(change), ANSWER_WITHIN);
    }

    /// Reads records; the answer names the ticket.
    pub(super) fn browse(&mut self, now: Now, ticket: u32, browse: Browse) {
        self.begin(now, ticket, What::Browse(browse), BROWSE_WITHIN);
        self.keep_metadata();
    }

    fn begin(&mut self, now: Now, ticket: u32, what: What, within: Duration) {
        let error = refusal(ErrorCode::RequestTimedOut, None);
        self.tasks.insert(ticket, Task { what, deadline: now.monotonic + within, retry_at: None, error });
        self.step(now, ticket);
    }

    /// Sends what a task needs next.
    fn step(&mut self, now: Now, ticket: u32) {
        let Some(task) = self.tasks.get_mut(&ticket) else { return };
        task.retry_at = None;
        match &mut task.what {
            What::Change(change) => change.send(&mut self.network, now, ticket),
            What::Browse(browse) => match browse.step(&mut self.network, now, ticket) {
                Step::Sent => {}
                Step::Retry(error) => task.retry(now, error),
                Step::Failed(error) => self.conclude(ticket, Some(error)),
                Step::Done => self.conclude(ticket, None),
            },
        }
    }

    fn answered(&mut self, now: Now, answer: &Answer<u32>) {
        let ticket = answer.purpose;
        let Some(task) = self.tasks.get_mut(&ticket) else { return };
        let outcome = match &mut task.what {
            What::Change(change) => change.answered(answer),
            What::Browse(browse) => browse.answered(answer),
        };
        match (outcome, &task.what) {
            (Outcome::GoOn, What::Browse(_)) => self.step(now, ticket),
            (Outcome::GoOn, What::Change(_)) => self.conclude(ticket, None),
            (Outcome::Retry(error), _) => {
                self.network.refresh_metadata();
                task.retry(now, error);
            }
            (Outcome::Failed(error), _) => self.conclude(ticket, Some(error)),
        }
    }

    fn conclude(&mut self, ticket: u32, error: Option<Refusal>) {
        let Some(task) = self.tasks.remove(&ticket) else { return };
        self.reports.push_back(match task.what {
            What::Change(_) => ClientsReport::Answer { ticket, result: error.map_or(Ok(Acknowledged::Done), Err) },
            What::Browse(browse) => {
                ClientsReport::Records { ticket, result: error.map_or_else(|| Ok(browse.into_records()), Err) }
            }
        });
        self.keep_metadata();
    }

    /// Metadata of what is being looked at, and of nothing that may be deleted meanwhile.
    fn keep_metadata(&mut self) {
        let topics = self.tasks.values().filter_map(|task| match &task.what {
            What::Browse(browse) => Some(browse.topic().clone()),
            What::Change(_) => None,
        });
        self.network.want_only_topics(&topics.collect());
    }

    fn due(&mut self, now: Now) {
        let at = now.monotonic;
        let late = self.tasks.iter().filter(|(_, task)| task.deadline <= at).map(|(ticket, _)| *ticket);
        for ticket in late.collect::<Vec<_>>() {
            let error = self.tasks.get(&ticket).map(|task| task.error.clone());
            self.conclude(ticket, error);
        }
        let again = self.tasks.iter().filter(|(_, task)| task.retry_at.is_some_and(|retry_at| retry_at <= at));
        for ticket in again.map(|(ticket, _)| *ticket).collect::<Vec<_>>() {
            self.step(now, ticket);
        }
        while let Some(answer) = self.network.poll_answer() {
            self.answered(now, &answer);
        }
    }
}

impl Client for Desk {
    fn handle(&mut self, now: Now, input: ClientInput) {
        self.network.handle(now, input);
        self.due(now);
    }

    fn tick(&mut self, now: Now) {
        self.network.tick(now);
        self.due(now);
    }

    fn next_deadline(&self) -> Option<Instant> {
        let network = self.network.next_deadline().map(|(due, _)| due);
        let tasks = self.tasks.values().map(|task| task.retry_at.map_or(task.deadline, |at| at.min(task.deadline)));
        tasks.chain(network).min()
    }

    fn poll_output(&mut self) -> Option<ClientOutput> {
        self.network.poll_output()
    }

    fn poll_report(&mut self) -> Option<ClientsReport> {
        self.reports.pop_front()
    }
}

impl Task {
    fn retry(&mut self, now: Now, error: Refusal) {
        self.error = error;
        self.retry_at = Some(now.monotonic + RETRY_BACKOFF);
    }
}

impl Change {
    fn send(&self, network: &mut NetworkClient<u32>, now: Now, ticket: u32) {
        let timeout_ms = ANSWER_WITHIN.as_millis() as i32;
        match self.clone() {
            Self::Create { name, partitions, replication_factor, configs } => {
                let config = |(name, value)| CreatableTopicConfig { name, value: Some(value) };
                let configs = configs.into_iter().map(config).collect();
                let num_partitions = partitions;
                let topic = CreatableTopic { name, num_partitions, replication_factor, configs, ..Default::default() };
                let request = CreateTopicsRequest { topics: vec![topic], timeout_ms, ..Default::default() };
                network.send(now, Target::Any, request, ticket);
            }
            Self::Delete { name } => {
                // Versions up to 5 name topics in the one field, later ones in the other.
                let topics = vec![DeleteTopicState { name: Some(name.clone()), ..Default::default() }];
                let request = DeleteTopicsRequest { topics, topic_names: vec![name], timeout_ms };
                network.send(now, Target::Any, request, ticket);
            }
            Self::CreatePartitions { name, count } => {
                let topic = CreatePartitionsTopic { name, count, assignments: None };
                let request = CreatePartitionsRequest { topics: vec![topic], timeout_ms, ..Default::default() };
                network.send(now, Target::Any, request, ticket);
            }
        }
    }

    fn answered(&self, answer: &Answer<u32>) -> Outcome {
        let said = match self {
            Self::Create { .. } => decoded::<CreateTopicsRequest>(answer).map(|response| {
                response.topics.into_iter().next().map(|topic| (topic.error_code, topic.error_message))
            }),
            Self::Delete { .. } => decoded::<DeleteTopicsRequest>(answer).map(|response| {
                response.responses.into_iter().next().map(|topic| (topic.error_code, topic.error_message))
            }),
            Self::CreatePartitions { .. } => decoded::<CreatePartitionsRequest>(answer).map(|response| {
                response.results.into_iter().next().map(|topic| (topic.error_code, topic.error_message))
            }),
        };
        match said {
            Ok(Some((code, message))) => judge(code, message.as_ref()),
            Ok(None) => Outcome::Failed(refusal(ErrorCode::UnknownServerError, None)),
            Err(outcome) => outcome,
        }
    }
}

/// A response, or what its absence means.
pub(super) fn decoded<R: Request>(answer: &Answer<u32>) -> Result<R::Response, Outcome> {
    answer.decode::<R>().map_err(|error| match error {
        AnswerError::Failed(RequestFailed::Disconnected) => Outcome::Retry(refusal(ErrorCode::NetworkException, None)),
        AnswerError::Failed(RequestFailed::TimedOut) => Outcome::Retry(refusal(ErrorCode::RequestTimedOut, None)),
        AnswerError::Failed(RequestFailed::UnsupportedVersion) => {
            Outcome::Failed(refusal(ErrorCode::UnsupportedVersion, None))
        }
        AnswerError::Malformed(error) => {
            Outcome::Failed(refusal(ErrorCode::CorruptMessage, Some(&Str::from(error.to_string()))))
        }
    })
}

/// What an error code in a response means.
pub(super) fn judge(code: i16, message: Option<&Str>) -> Outcome {
    let code = ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError);
    match code {
        ErrorCode::None => Outcome::GoOn,
        // Retriable by its name, but a client that tries again only hears it again.
        ErrorCode::UnknownTopicOrPartition => Outcome::Failed(refusal(code, message)),
        code if code.is_retriable() => Outcome::Retry(refusal(code, message)),
        code => Outcome::Failed(refusal(code, message)),
    }
}

/// Where a partition's leader is; `NodeId` and what to do without one.
pub(super) fn leader(network: &mut NetworkClient<u32>, topic: &Str, partition: i32) -> Result<NodeId, Step> {
    let metadata = network.metadata();
    if let Some((leader, _)) = metadata.leader(topic, partition) {
        return Ok(leader);
    }
    let info = metadata.topics.get(topic);
    let code = match info.map(|info| info.error) {
        Some(ErrorCode::None) if metadata.partition(topic, partition).is_none() => ErrorCode::UnknownTopicOrPartition,
        Some(ErrorCode::None) | None => ErrorCode::LeaderNotAvailable,
        Some(code) => code,
    };
    let error = refusal(code, None);
    if info.is_some() && matches!(judge(code.code(), None), Outcome::Failed(_)) {
        return Err(Step::Failed(error));
    }
    network.refresh_metadata();
    Err(Step::Retry(error))
}
