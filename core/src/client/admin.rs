//! [`Admin`]: asks the broker that can answer, gathers what several answer, tries again until `default.api.timeout.ms`.
//!
//! Requests and responses are the protocol's own; errors of single topics, groups or partitions are in the responses.

use super::network_client::{
    Answer, AnswerError, NetworkClient, NetworkConfig, Notice, RequestFailed, RequestOptions, SOFTWARE_NAME, Target,
};
use super::peer::jittered;
use super::{ClientInput, ClientOutput, ClusterMetadata};
use crate::ids::NodeId;
use crate::protocol::messages::delete_records_request::DeleteRecordsTopic;
use crate::protocol::messages::delete_topics_request::DeleteTopicState;
use crate::protocol::messages::list_offsets_request::ListOffsetsTopic;
use crate::protocol::messages::{
    AddRaftVoterRequest, AddRaftVoterResponse, AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
    AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse, ApiVersionsRequest, ApiVersionsResponse,
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse, DeleteGroupsRequest,
    DeleteGroupsResponse, DeleteRecordsRequest, DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    DescribeClusterRequest, DescribeClusterResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    DescribeGroupsRequest, DescribeGroupsResponse, DescribeLogDirsRequest, DescribeLogDirsResponse,
    DescribeQuorumRequest, DescribeQuorumResponse, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    ElectLeadersRequest, ElectLeadersResponse, FindCoordinatorRequest, FindCoordinatorResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, ListGroupsRequest, ListGroupsResponse,
    ListOffsetsRequest, ListOffsetsResponse, ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
    MetadataRequest, MetadataResponse, OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest,
    OffsetDeleteResponse, OffsetFetchRequest, OffsetFetchResponse, RemoveRaftVoterRequest, RemoveRaftVoterResponse,
    UnregisterBrokerRequest, UnregisterBrokerResponse, UpdateFeaturesRequest, UpdateFeaturesResponse,
};
use crate::protocol::{ApiKey, ErrorCode, Request};
use crate::rng::Rng;
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// `retry.backoff.ms`.
const RETRY_BACKOFF: Duration = Duration::from_millis(100);
/// The resource type of a broker's configs.
const BROKER_RESOURCE: i8 = 4;
/// The last version of `OffsetFetch` and of `OffsetCommit` that names topics.
const LAST_WITH_NAMES: i16 = 9;

/// One row for each operation: the request, the response, and how a request is sent.
macro_rules! operations {
    ($($name:ident, $request:ident, $response:ident, $call:literal;)*) => {
        /// What an admin can ask for.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs)]
        pub enum AdminRequest { $($name($request),)* }

        /// What came back.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs)]
        pub enum AdminResponse { $($name($response),)* }

        impl AdminRequest {
            fn send(self, network: &mut NetworkClient<Purpose>, now: Now, to: Target, purpose: Purpose) {
                let max_version =
                    matches!(self, Self::OffsetFetch(_) | Self::OffsetCommit(_)).then_some(LAST_WITH_NAMES);
                let options = RequestOptions { max_version, ..Default::default() };
                match self { $(Self::$name(request) => network.send_with(now, to, request, purpose, options),)* }
            }

            fn api(&self) -> ApiKey {
                match self { $(Self::$name(_) => <$request as Request>::KEY,)* }
            }

            /// What Kafka's admin calls it in its messages.
            fn call(&self) -> &'static str {
                match self {
                    Self::DescribeTopics(request) if request.topics.is_none() => "listTopics",
                    $(Self::$name(_) => $call,)*
                }
            }

            /// Reads the answer to a request like this one.
            fn decode(&self, answer: &Answer<Purpose>) -> Result<AdminResponse, AnswerError> {
                match self { $(Self::$name(_) => answer.decode::<$request>().map(AdminResponse::$name),)* }
            }
        }
    };
}

operations! {
    CreateTopics, CreateTopicsRequest, CreateTopicsResponse, "createTopics";
    DeleteTopics, DeleteTopicsRequest, DeleteTopicsResponse, "deleteTopics";
    CreatePartitions, CreatePartitionsRequest, CreatePartitionsResponse, "createPartitions";
    DescribeTopics, MetadataRequest, MetadataResponse, "describeTopics";
    DescribeTopicPartitions, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, "describeTopicPartitions";
    DescribeConfigs, DescribeConfigsRequest, DescribeConfigsResponse, "describeConfigs";
    IncrementalAlterConfigs, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, "incrementalAlterConfigs";
    DescribeCluster, DescribeClusterRequest, DescribeClusterResponse, "listNodes";
    ListGroups, ListGroupsRequest, ListGroupsResponse, "findAllBrokers";
    DescribeGroups, DescribeGroupsRequest, DescribeGroupsResponse, "describeConsumerGroups";
    DeleteGroups, DeleteGroupsRequest, DeleteGroupsResponse, "deleteConsumerGroups";
    FindCoordinator, FindCoordinatorRequest, FindCoordinatorResponse, "findCoordinator";
    OffsetFetch, OffsetFetchRequest, OffsetFetchResponse, "listConsumerGroupOffsets";
    OffsetCommit, OffsetCommitRequest, OffsetCommitResponse, "alterConsumerGroupOffsets";
    OffsetDelete, OffsetDeleteRequest, OffsetDeleteResponse, "deleteConsumerGroupOffsets";
    ListOffsets, ListOffsetsRequest, ListOffsetsResponse, "listOffsets";
    DeleteRecords, DeleteRecordsRequest, DeleteRecordsResponse, "deleteRecords";
    ElectLeaders, ElectLeadersRequest, ElectLeadersResponse, "electLeaders";
    DescribeQuorum, DescribeQuorumRequest, DescribeQuorumResponse, "describeMetadataQuorum";
    DescribeFeatures, ApiVersionsRequest, ApiVersionsResponse, "describeFeatures";
    UpdateFeatures, UpdateFeaturesRequest, UpdateFeaturesResponse, "updateFeatures";
    UnregisterBroker, UnregisterBrokerRequest, UnregisterBrokerResponse, "unregisterBroker";
    AddRaftVoter, AddRaftVoterRequest, AddRaftVoterResponse, "addRaftVoter";
    RemoveRaftVoter, RemoveRaftVoterRequest, RemoveRaftVoterResponse, "removeRaftVoter";
    DescribeLogDirs, DescribeLogDirsRequest, DescribeLogDirsResponse, "describeLogDirs";
    AlterReplicaLogDirs, AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse, "alterReplicaLogDirs";
    AlterPartitionReassignments, AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
        "alterPartitionReassignments";
    ListPartitionReassignments, ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
        "listPartitionReassignments";
}

impl AdminRequest {
    /// A group's coordinator is the one to ask.
    fn is_for_coordinator(&self) -> bool {
        matches!(
            self,
            Self::DescribeGroups(_)
                | Self::DeleteGroups(_)
                | Self::OffsetFetch(_)
                | Self::OffsetCommit(_)
                | Self::OffsetDelete(_)
        )
    }
}

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

/// What a request to a broker was for.
#[derive(Clone, Debug)]
enum Purpose {
    Part { task: u64, attempt: u32, request: AdminRequest },
    FindCoordinator { task: u64, attempt: u32 },
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
    gathered: Option<AdminResponse>,
    last_error: ErrorCode,
    /// A broker was asked: for this, or for whom to ask. Kafka words its time-out differently where none was.
    was_sent: bool,
}

/// Whom to ask.
enum Plan {
    Send(Vec<(Target, AdminRequest)>),
    FindCoordinator(Str),
    /// Leaders are not known yet.
    Wait,
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
    pub fn submit(&mut self, now: Now, request: AdminRequest) -> u64 {
        let id = self.submit_later(now, request);
        self.tick(now);
        id
    }

    fn submit_later(&mut self, now: Now, mut request: AdminRequest) -> u64 {
        complete(&mut request);
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
            gathered: None,
            last_error: ErrorCode::RequestTimedOut,
            was_sent: false,
        };
        self.tasks.insert(id, task);
        id
    }

    /// As [`Admin::submit`], to this broker and no other.
    pub fn submit_to(&mut self, now: Now, broker: NodeId, request: AdminRequest) -> u64 {
        let id = self.submit_later(now, request);
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
        self.network.poll_notice()
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
                let unassigned = || {
                    let coordinator = if task.request.is_for_coordinator() { "(api=FIND_COORDINATOR)" } else { "" };
                    let call = format!("{}{coordinator}", task.request.call());
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
        let Some(task) = self.tasks.get_mut(&id) else { return };
        task.attempt += 1;
        task.not_before = None;
        task.gathered = None;
        let attempt = task.attempt;
        match plan(task, &mut self.network) {
            Plan::Send(parts) => {
                task.outstanding = parts.len();
                for (to, request) in parts {
                    let purpose = Purpose::Part { task: id, attempt, request: request.clone() };
                    request.send(&mut self.network, now, to, purpose);
                }
            }
            Plan::FindCoordinator(group) => {
                let request =
                    FindCoordinatorRequest { key: group.clone(), coordinator_keys: vec![group], ..Default::default() };
                let purpose = Purpose::FindCoordinator { task: id, attempt };
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
        let message = message.unwrap_or_else(|| Str::from_static(error.message()));
        self.events.push_back((id, Err(AdminError { error, message })));
    }

    fn answered(&mut self, now: Now, answer: &Answer<Purpose>) {
        let (id, attempt) = match &answer.purpose {
            Purpose::Part { task, attempt, .. } | Purpose::FindCoordinator { task, attempt } => (*task, *attempt),
        };
        let is_current = |task: &&mut Task| task.attempt == attempt && task.not_before.is_none();
        let Some(task) = self.tasks.get_mut(&id).filter(is_current) else { return };
        task.was_sent |= answer.version.is_some();
        let Purpose::Part { request, .. } = &answer.purpose else {
            return self.coordinator_answered(now, id, answer);
        };
        match request.decode(answer) {
            Ok(response) if has_moved(&response) => {
                task.coordinator = None;
                self.network.refresh_metadata();
                self.retry(now.monotonic, id, ErrorCode::NotCoordinator);
            }
            Ok(response) => {
                task.outstanding = task.outstanding.saturating_sub(1);
                gather(&mut task.gathered, response);
                if task.outstanding == 0
                    && let Some(task) = self.tasks.remove(&id)
                    && let Some(response) = task.gathered
                {
                    self.events.push_back((id, Ok(response)));
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

/// Fills in what the versions of a request name differently.
fn complete(request: &mut AdminRequest) {
    match request {
        AdminRequest::DeleteTopics(request) if request.topics.is_empty() => {
            let state = |name: &Str| DeleteTopicState { name: Some(name.clone()), ..Default::default() };
            request.topics = request.topic_names.iter().map(state).collect();
        }
        AdminRequest::ListOffsets(request) => request.replica_id = -1,
        AdminRequest::DescribeFeatures(request) => {
            request.client_software_name = Str::from_static(SOFTWARE_NAME);
            request.client_software_version = Str::from_static(env!("CARGO_PKG_VERSION"));
        }
        _ => {}
    }
}

fn plan(task: &Task, network: &mut NetworkClient<Purpose>) -> Plan {
    let to = |target| Plan::Send(vec![(target, task.request.clone())]);
    if let Some(broker) = task.broker {
        return to(Target::Node(broker));
    }
    let broker = |resource: Option<(i8, &Str)>| match resource {
        Some((BROKER_RESOURCE, name)) => name.parse().map_or(Target::Any, Target::Node),
        _ => Target::Any,
    };
    let coordinator = |group: Option<&Str>| match (task.coordinator, group) {
        (Some(node), _) => to(Target::Node(node)),
        (None, Some(group)) => Plan::FindCoordinator(group.clone()),
        (None, None) => to(Target::Any),
    };
    match &task.request {
        AdminRequest::DescribeConfigs(request) => {
            to(broker(request.resources.first().map(|resource| (resource.resource_type, &resource.resource_name))))
        }
        AdminRequest::IncrementalAlterConfigs(request) => {
            to(broker(request.resources.first().map(|resource| (resource.resource_type, &resource.resource_name))))
        }
        AdminRequest::DescribeGroups(request) => coordinator(request.groups.first()),
        AdminRequest::DeleteGroups(request) => coordinator(request.groups_names.first()),
        AdminRequest::OffsetCommit(request) => coordinator(Some(&request.group_id)),
        AdminRequest::OffsetDelete(request) => coordinator(Some(&request.group_id)),
        AdminRequest::OffsetFetch(request) => {
            coordinator(request.groups.first().map(|group| &group.group_id).or(Some(&request.group_id)))
        }
        AdminRequest::ListGroups(_) => {
            let nodes: Vec<NodeId> = network.metadata().brokers.keys().copied().collect();
            if nodes.is_empty() {
                return Plan::Wait;
            }
            Plan::Send(nodes.into_iter().map(|node| (Target::Node(node), task.request.clone())).collect())
        }
        AdminRequest::ListOffsets(request) => list_offsets_by_leader(request, network),
        AdminRequest::DeleteRecords(request) => delete_records_by_leader(request, network),
        AdminRequest::DescribeQuorum(_)
        | AdminRequest::UnregisterBroker(_)
        | AdminRequest::UpdateFeatures(_)
        | AdminRequest::AddRaftVoter(_)
        | AdminRequest::RemoveRaftVoter(_)
        | AdminRequest::AlterPartitionReassignments(_)
        | AdminRequest::ListPartitionReassignments(_)
            if network.is_for_controllers() =>
        {
            let leader = network.metadata().controller_id;
            if network.metadata().brokers.contains_key(&leader) { to(Target::Node(leader)) } else { Plan::Wait }
        }
        _ => to(Target::Any),
    }
}

fn list_offsets_by_leader(request: &ListOffsetsRequest, network: &mut NetworkClient<Purpose>) -> Plan {
    let mut parts: SortedMap<NodeId, ListOffsetsRequest> = SortedMap::new();
    let mut is_whole = true;
    for topic in &request.topics {
        network.want_topic(&topic.name);
        for partition in &topic.partitions {
            let Some((node, _)) = network.metadata().leader(&topic.name, partition.partition_index) else {
                is_whole = false;
                continue;
            };
            let empty = || ListOffsetsRequest { topics: Vec::new(), ..request.clone() };
            let partitions = vec![partition.clone()];
            let topic = ListOffsetsTopic { name: topic.name.clone(), partitions };
            parts.entry(node).or_insert_with(empty).topics.push(topic);
        }
    }
    if !is_whole || parts.is_empty() {
        return Plan::Wait;
    }
    let part = |(node, request)| (Target::Node(node), AdminRequest::ListOffsets(request));
    Plan::Send(parts.into_iter().map(part).collect())
}

fn delete_records_by_leader(request: &DeleteRecordsRequest, network: &mut NetworkClient<Purpose>) -> Plan {
    let mut parts: SortedMap<NodeId, DeleteRecordsRequest> = SortedMap::new();
    let mut is_whole = true;
    for topic in &request.topics {
        network.want_topic(&topic.name);
        for partition in &topic.partitions {
            let Some((node, _)) = network.metadata().leader(&topic.name, partition.partition_index) else {
                is_whole = false;
                continue;
            };
            let empty = || DeleteRecordsRequest { topics: Vec::new(), ..request.clone() };
            let partitions = vec![partition.clone()];
            let topic = DeleteRecordsTopic { name: topic.name.clone(), partitions };
            parts.entry(node).or_insert_with(empty).topics.push(topic);
        }
    }
    if !is_whole || parts.is_empty() {
        return Plan::Wait;
    }
    let part = |(node, request)| (Target::Node(node), AdminRequest::DeleteRecords(request));
    Plan::Send(parts.into_iter().map(part).collect())
}

/// True where another broker is the one to ask by now.
fn has_moved(response: &AdminResponse) -> bool {
    const ELSEWHERE: [ErrorCode; 5] = [
        ErrorCode::NotCoordinator,
        ErrorCode::CoordinatorNotAvailable,
        ErrorCode::CoordinatorLoadInProgress,
        ErrorCode::NotLeaderOrFollower,
        ErrorCode::NotController,
    ];
    let is_elsewhere = |code: i16| ErrorCode::from_code(code).is_some_and(|error| ELSEWHERE.contains(&error));
    match response {
        AdminResponse::CreateTopics(response) => response.topics.iter().any(|topic| is_elsewhere(topic.error_code)),
        AdminResponse::DeleteTopics(response) => response.responses.iter().any(|topic| is_elsewhere(topic.error_code)),
        AdminResponse::CreatePartitions(response) => {
            response.results.iter().any(|topic| is_elsewhere(topic.error_code))
        }
        AdminResponse::ListGroups(response) => is_elsewhere(response.error_code),
        AdminResponse::DescribeQuorum(response) => {
            let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
            is_elsewhere(response.error_code)
                || partitions.into_iter().any(|partition| is_elsewhere(partition.error_code))
        }
        AdminResponse::UpdateFeatures(response) => is_elsewhere(response.error_code),
        AdminResponse::UnregisterBroker(response) => is_elsewhere(response.error_code),
        AdminResponse::AddRaftVoter(response) => is_elsewhere(response.error_code),
        AdminResponse::RemoveRaftVoter(response) => is_elsewhere(response.error_code),
        AdminResponse::DescribeGroups(response) => response.groups.iter().any(|group| is_elsewhere(group.error_code)),
        AdminResponse::DeleteGroups(response) => response.results.iter().any(|group| is_elsewhere(group.error_code)),
        AdminResponse::OffsetDelete(response) => is_elsewhere(response.error_code),
        AdminResponse::OffsetFetch(response) => {
            is_elsewhere(response.error_code) || response.groups.iter().any(|group| is_elsewhere(group.error_code))
        }
        AdminResponse::ListOffsets(response) => {
            response.topics.iter().flat_map(|topic| &topic.partitions).any(|part| is_elsewhere(part.error_code))
        }
        AdminResponse::DeleteRecords(response) => {
            response.topics.iter().flat_map(|topic| &topic.partitions).any(|part| is_elsewhere(part.error_code))
        }
        _ => false,
    }
}

/// Adds a broker's answer to those of others.
fn gather(gathered: &mut Option<AdminResponse>, response: AdminResponse) {
    match (gathered.as_mut(), response) {
        (Some(AdminResponse::ListGroups(all)), AdminResponse::ListGroups(more)) => all.groups.extend(more.groups),
        (Some(AdminResponse::ListOffsets(all)), AdminResponse::ListOffsets(more)) => all.topics.extend(more.topics),
        (Some(AdminResponse::DeleteRecords(all)), AdminResponse::DeleteRecords(more)) => all.topics.extend(more.topics),
        (_, response) => *gathered = Some(response),
    }
}

#[cfg(test)]
#[path = "admin_tests.rs"]
mod tests;
