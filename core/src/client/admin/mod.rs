//! [`Admin`]: asks the broker that can answer, gathers what several answer, tries again until `default.api.timeout.ms`.
//!
//! Requests and responses are the protocol's own; errors of single topics, groups or partitions are in the responses.
//! Whom a request goes to, and how several answers add up, is its [`Operation`].

mod operation;
mod operations;
#[cfg(test)]
mod tests;

pub use operation::{AdminRequest, Operation, Route};

use super::network_client::{Answer, AnswerError, NetworkClient, NetworkConfig, Notice, RequestFailed, Target};
use super::peer::jittered;
use super::{ClientInput, ClientOutput, ClusterMetadata};
use crate::ids::NodeId;
use crate::protocol::messages::FindCoordinatorRequest;
use crate::protocol::{ApiKey, ErrorCode};
use crate::rng::Rng;
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use operation::Plan;

/// `retry.backoff.ms`.
const RETRY_BACKOFF: Duration = Duration::from_millis(100);

/// An admin's settings, with the Java client's defaults.
#[derive(Clone, Debug)]
pub struct AdminConfig {
    /// `client.id`.
    pub client_id: Str,
    /// `bootstrap.servers`.
    pub bootstrap: Vec<(Str, u16)>,
    /// They are `bootstrap.controllers`: whatever needs no broker is asked of the active controller.
    pub is_for_controllers: bool,
    /// `request.timeout.ms`.
    pub request_timeout: Duration,
    /// `default.api.timeout.ms`: how long a request may take with all its retries.
    pub default_api_timeout: Duration,
    /// `metadata.max.age.ms`.
    pub metadata_max_age: Duration,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self {
            client_id: Str::from_static("adminclient-1"),
            bootstrap: Vec::new(),
            is_for_controllers: false,
            request_timeout: Duration::from_secs(30),
            default_api_timeout: Duration::from_mins(1),
            metadata_max_age: Duration::from_mins(5),
        }
    }
}

/// Why a request as a whole has no response.
#[derive(Clone, Debug, PartialEq)]
pub struct AdminError {
    /// What it was in the end.
    pub error: ErrorCode,
    /// The broker's words, or Kafka's for the code.
    pub message: Str,
}

/// What came back: the answers of all that were asked.
#[derive(Clone, Debug)]
pub struct AdminResponse(Vec<Answer<Purpose>>);

impl AdminResponse {
    /// The answers put together, to a request of this kind.
    ///
    /// # Errors
    /// It was a request of another kind.
    pub fn to<R: Operation>(&self) -> Result<R::Response, AdminError> {
        let mut all: Option<R::Response> = None;
        for answer in &self.0 {
            let more = answer.decode::<R>().map_err(|_| AdminError::of(ErrorCode::CorruptMessage, None))?;
            match &mut all {
                Some(all) => R::gather(all, more),
                None => all = Some(more),
            }
        }
        all.ok_or_else(|| AdminError::of(ErrorCode::UnknownServerError, None))
    }
}

impl AdminError {
    fn of(error: ErrorCode, message: Option<Str>) -> Self {
        Self { error, message: message.unwrap_or_else(|| Str::from_static(error.message())) }
    }
}

/// What a request to a broker was for.
#[derive(Clone, Copy, Debug)]
struct Purpose {
    task: u64,
    attempt: u32,
    /// It asks who the coordinator is; otherwise it is the request itself, or a part of it.
    finds_coordinator: bool,
}

/// A request of the application until it is answered.
#[derive(Clone, Debug)]
struct Task {
    request: AdminRequest,
    deadline: Instant,
    /// Counts from 1; answers to older attempts are of no interest.
    attempt: u32,
    /// To be sent (again) then; `None` while brokers are asked.
    not_before: Option<Instant>,
    /// Whom the application wants to ask.
    broker: Option<NodeId>,
    coordinator: Option<NodeId>,
    /// Parts not answered yet.
    outstanding: usize,
    gathered: Vec<Answer<Purpose>>,
    last_error: ErrorCode,
    /// A broker was asked: for this, or for whom to ask. Kafka words its time-out differently where none was.
    was_sent: bool,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Admin {
    network: NetworkClient<Purpose>,
    rng: Rng,
    tasks: SortedMap<u64, Task>,
    next_id: u64,
    api_timeout: Duration,
    events: VecDeque<(u64, Result<AdminResponse, AdminError>)>,
}

impl Admin {
    /// An admin whose connections get ids from `first_connection` on.
    pub fn new(config: AdminConfig, first_connection: u64, mut rng: Rng) -> Self {
        let api_timeout = config.default_api_timeout;
        let network = NetworkConfig {
            client_id: config.client_id,
            bootstrap: config.bootstrap,
            request_timeout: config.request_timeout,
            metadata_max_age: config.metadata_max_age,
            allow_auto_topic_creation: false,
            is_for_controllers: config.is_for_controllers,
        };
        let network = NetworkClient::new(network, first_connection, rng.fork());
        Self { network, rng, tasks: SortedMap::new(), next_id: 0, api_timeout, events: VecDeque::new() }
    }

    /// Asks; the event with this id tells what came of it.
    pub fn submit(&mut self, now: Now, request: impl Into<AdminRequest>) -> u64 {
        let id = self.submit_later(now, request.into());
        self.tick(now);
        id
    }

    fn submit_later(&mut self, now: Now, request: AdminRequest) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let task = Task {
            request,
            deadline: now.monotonic + self.api_timeout,
            attempt: 0,
            not_before: Some(now.monotonic),
            broker: None,
            coordinator: None,
            outstanding: 0,
            gathered: Vec::new(),
            last_error: ErrorCode::RequestTimedOut,
            was_sent: false,
        };
        self.tasks.insert(id, task);
        id
    }

    /// As [`Admin::submit`], to this broker and no other.
    pub fn submit_to(&mut self, now: Now, broker: NodeId, request: impl Into<AdminRequest>) -> u64 {
        let id = self.submit_later(now, request.into());
        if let Some(task) = self.tasks.get_mut(&id) {
            task.broker = Some(broker);
        }
        self.tick(now);
        id
    }

    /// The cluster as last heard of.
    pub fn metadata(&self) -> &ClusterMetadata {
        self.network.metadata()
    }

    /// What the host tells.
    pub fn handle(&mut self, now: Now, input: ClientInput) {
        self.network.handle(now, input);
        self.flow(now);
    }

    /// Gives up what is late, and sends what is due.
    pub fn tick(&mut self, now: Now) {
        self.network.tick(now);
        self.flow(now);
    }

    /// When [`Admin::tick`] is due next, and what for.
    pub fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        let tasks = self.tasks.values().flat_map(|task| {
            let retry = task.not_before.map(|at| (at.min(task.deadline), "retry"));
            retry.into_iter().chain([(task.deadline, "default.api.timeout")])
        });
        tasks.chain(self.network.next_deadline()).min_by_key(|deadline| deadline.0)
    }

    /// What came of a request.
    pub fn poll_event(&mut self) -> Option<(u64, Result<AdminResponse, AdminError>)> {
        self.events.pop_front()
    }

    /// What the host is to do next.
    pub fn poll_output(&mut self) -> Option<ClientOutput> {
        self.network.poll_output()
    }

    /// What Kafka's client would warn of in its log.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        // Kafka's admin keeps no metadata of topics: it asks for it, and keeps errors to itself.
        while let Some(notice) = self.network.poll_notice() {
            if !matches!(notice, Notice::MetadataErrors { .. }) {
                return Some(notice);
            }
        }
        None
    }

    /// Closes the connections.
    pub fn close(&mut self, now: Now) {
        self.network.close(now);
    }

    fn flow(&mut self, now: Now) {
        while let Some(answer) = self.network.poll_answer() {
            self.answered(now, &answer);
        }
        if let Some((error, message)) = self.network.fatal().cloned() {
            let ids: Vec<u64> = self.tasks.keys().copied().collect();
            for id in ids {
                self.failed(id, error, Some(message.clone()));
            }
        }
        let late: Vec<u64> =
            self.tasks.iter().filter(|(_, task)| task.deadline <= now.monotonic).map(|(id, _)| *id).collect();
        for id in late {
            if let Some(task) = self.tasks.remove(&id) {
                let lookup = task.request.lookup(self.network.metadata());
                let unassigned = || {
                    let call = format!("{}{lookup}", task.request.call());
                    Str::from(format!("Timed out waiting for a node assignment. Call: {call}"))
                };
                let error = if task.was_sent { task.last_error } else { ErrorCode::RequestTimedOut };
                self.failed(id, error, (!task.was_sent).then(unassigned));
            }
        }
        let is_due = |task: &Task| task.not_before.is_some_and(|at| at <= now.monotonic);
        let due: Vec<u64> = self.tasks.iter().filter(|(_, task)| is_due(task)).map(|(id, _)| *id).collect();
        for id in due {
            self.begin(now, id);
        }
    }

    fn begin(&mut self, now: Now, id: u64) {
        let is_for_controllers = self.network.is_for_controllers();
        let Some(task) = self.tasks.get_mut(&id) else { return };
        if is_for_controllers && task.request.is_for_brokers() {
            let message = "This Admin API is not yet supported when communicating directly with the controller quorum.";
            return self.failed(id, ErrorCode::UnsupportedEndpointType, Some(Str::from_static(message)));
        }
        task.attempt += 1;
        task.not_before = None;
        task.gathered.clear();
        let attempt = task.attempt;
        match task.plan(&mut self.network) {
            Plan::Send(parts) => {
                task.outstanding = parts.len();
                for (to, request) in parts {
                    let purpose = Purpose { task: id, attempt, finds_coordinator: false };
                    request.send(&mut self.network, now, to, purpose);
                }
            }
            Plan::FindCoordinator(group) => {
                let request =
                    FindCoordinatorRequest { key: group.clone(), coordinator_keys: vec![group], ..Default::default() };
                let purpose = Purpose { task: id, attempt, finds_coordinator: true };
                self.network.send(now, Target::Any, request, purpose);
            }
            Plan::Wait => {
                self.network.refresh_metadata();
                self.retry(now.monotonic, id, ErrorCode::LeaderNotAvailable);
            }
        }
    }

    fn retry(&mut self, now: Instant, id: u64, error: ErrorCode) {
        let backoff = jittered(RETRY_BACKOFF, &mut self.rng);
        if let Some(task) = self.tasks.get_mut(&id) {
            task.last_error = error;
            task.not_before = Some(now + backoff);
        }
    }

    fn failed(&mut self, id: u64, error: ErrorCode, message: Option<Str>) {
        self.tasks.remove(&id);
        self.events.push_back((id, Err(AdminError::of(error, message))));
    }

    fn answered(&mut self, now: Now, answer: &Answer<Purpose>) {
        let Purpose { task: id, attempt, finds_coordinator } = answer.purpose;
        let is_current = |task: &&mut Task| task.attempt == attempt && task.not_before.is_none();
        let Some(task) = self.tasks.get_mut(&id).filter(is_current) else { return };
        task.was_sent |= answer.version.is_some();
        if finds_coordinator {
            return self.coordinator_answered(now, id, answer);
        }
        match task.request.has_moved(answer) {
            // Who asks one broker wants to hear what this one says.
            Ok(true) if task.broker.is_none() => {
                task.coordinator = None;
                self.network.refresh_metadata();
                self.retry(now.monotonic, id, ErrorCode::NotCoordinator);
            }
            Ok(_) => {
                task.outstanding = task.outstanding.saturating_sub(1);
                task.gathered.push(answer.clone());
                if task.outstanding == 0
                    && let Some(task) = self.tasks.remove(&id)
                {
                    self.events.push_back((id, Ok(AdminResponse(task.gathered))));
                }
            }
            Err(error) => self.unanswered(now, id, &error),
        }
    }

    fn unanswered(&mut self, now: Now, id: u64, error: &AnswerError) {
        match error {
            AnswerError::Failed(RequestFailed::UnsupportedVersion) => {
                let api = self.tasks.get(&id).map(|task| task.request.api());
                self.failed(id, ErrorCode::UnsupportedVersion, api.map(unsupported));
            }
            AnswerError::Malformed(_) => self.failed(id, ErrorCode::CorruptMessage, None),
            AnswerError::Failed(failed) => {
                let is_late = *failed == RequestFailed::TimedOut;
                let code = if is_late { ErrorCode::RequestTimedOut } else { ErrorCode::NetworkException };
                if let Some(task) = self.tasks.get_mut(&id) {
                    task.coordinator = None;
                }
                self.retry(now.monotonic, id, code);
            }
        }
    }

    fn coordinator_answered(&mut self, now: Now, id: u64, answer: &Answer<Purpose>) {
        let response = match answer.decode::<FindCoordinatorRequest>() {
            Ok(response) => response,
            Err(error) => return self.unanswered(now, id, &error),
        };
        // From version 4 on the answers are in a list.
        let first = response.coordinators.into_iter().next();
        let (code, message, node, host, port) = first.map_or(
            (response.error_code, response.error_message, response.node_id, response.host, response.port),
            |found| (found.error_code, found.error_message, found.node_id, found.host, found.port),
        );
        let error = ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError);
        if error.is_retriable() {
            self.retry(now.monotonic, id, error);
        } else if error.is_error() {
            self.failed(id, error, message);
        } else if let Some(task) = self.tasks.get_mut(&id) {
            task.coordinator = Some(node);
            task.not_before = Some(now.monotonic);
            self.network.learn_broker(now, node, &host, u16::try_from(port).unwrap_or(0));
        }
    }
}

impl Task {
    fn plan(&self, network: &mut NetworkClient<Purpose>) -> Plan {
        match self.broker {
            Some(broker) => Plan::Send(vec![(Target::Node(broker), self.request.clone())]),
            None => self.request.plan(network, self.coordinator),
        }
    }
}

/// What Kafka's client says of an API that a node does not have.
fn unsupported(api: ApiKey) -> Str {
    let mut name = String::new();
    for letter in api.name().chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    Str::from(format!("The node does not support {name}"))
}
