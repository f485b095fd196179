//! Where records are looked at: one client for all who look.

use super::browse::{Browse, Step};
use super::{Client, Parameters, refusal};
use crate::bridge::{ClientsReport, Refusal};
use broker_core::client::network_client::AnswerError;
use broker_core::client::{Answer, ClientInput, ClientOutput, NetworkClient, RequestFailed};
use broker_core::ids::NodeId;
use broker_core::protocol::{ErrorCode, Request};
use broker_core::sorted::SortedMap;
use broker_core::text::Str;
use broker_core::time::{Duration, Instant, Now};
use std::collections::VecDeque;

/// Who looks at records is told sooner than `default.api.timeout.ms` why there are none.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// `retry.backoff.ms`
const RETRY_BACKOFF: Duration = Duration::from_millis(100);

/// See the module.
pub(super) struct Desk {
    /// A request's purpose is the ticket it is for.
    network: NetworkClient<u32>,
    tasks: SortedMap<u32, Task>,
    reports: VecDeque<ClientsReport>,
}

struct Task {
    browse: Browse,
    deadline: Instant,
    /// Set while it waits to be tried again.
    retry_at: Option<Instant>,
    /// Why it has to be; what is told in the end.
    error: Refusal,
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

    /// Reads records; the answer names the ticket.
    pub(super) fn browse(&mut self, now: Now, ticket: u32, browse: Browse) {
        let error = refusal(ErrorCode::RequestTimedOut, None);
        self.tasks.insert(ticket, Task { browse, deadline: now.monotonic + ANSWER_WITHIN, retry_at: None, error });
        self.step(now, ticket);
        self.keep_metadata();
    }

    /// Sends what a task needs next.
    fn step(&mut self, now: Now, ticket: u32) {
        let Some(task) = self.tasks.get_mut(&ticket) else { return };
        task.retry_at = None;
        match task.browse.step(&mut self.network, now, ticket) {
            Step::Sent => {}
            Step::Retry(error) => task.retry(now, error),
            Step::Failed(error) => self.conclude(ticket, Some(error)),
            Step::Done => self.conclude(ticket, None),
        }
    }

    fn answered(&mut self, now: Now, answer: &Answer<u32>) {
        let ticket = answer.purpose;
        let Some(task) = self.tasks.get_mut(&ticket) else { return };
        match task.browse.answered(answer) {
            Outcome::GoOn => self.step(now, ticket),
            Outcome::Retry(error) => {
                self.network.refresh_metadata();
                task.retry(now, error);
            }
            Outcome::Failed(error) => self.conclude(ticket, Some(error)),
        }
    }

    fn conclude(&mut self, ticket: u32, error: Option<Refusal>) {
        let Some(task) = self.tasks.remove(&ticket) else { return };
        let result = error.map_or_else(|| Ok(task.browse.into_records()), Err);
        self.reports.push_back(ClientsReport::Records { ticket, result });
        self.keep_metadata();
    }

    /// Metadata of what is being looked at, and of nothing that may be deleted meanwhile.
    fn keep_metadata(&mut self) {
        let topics = self.tasks.values().map(|task| task.browse.topic().clone());
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
