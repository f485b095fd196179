//! What Kafka's admin can ask for, by the names of its calls (`org.apache.kafka.clients.admin.KafkaAdminClient`).

use super::operation::{Operation, Route};
use crate::client::ClusterMetadata;
use crate::client::network_client::SOFTWARE_NAME;
use crate::ids::NodeId;
use crate::protocol::messages::delete_records_request::DeleteRecordsTopic;
use crate::protocol::messages::delete_topics_request::DeleteTopicState;
use crate::protocol::messages::describe_producers_request::TopicRequest;
use crate::protocol::messages::list_offsets_request::ListOffsetsTopic;
use crate::protocol::messages::{
    AddRaftVoterRequest, AddRaftVoterResponse, AlterClientQuotasRequest, AlterPartitionReassignmentsRequest,
    AlterReplicaLogDirsRequest, AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse,
    ApiVersionsRequest, CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteGroupsRequest, DeleteGroupsResponse, DeleteRecordsRequest, DeleteRecordsResponse, DeleteTopicsRequest,
    DeleteTopicsResponse, DescribeClientQuotasRequest, DescribeClusterRequest, DescribeConfigsRequest,
    DescribeGroupsRequest, DescribeGroupsResponse, DescribeLogDirsRequest, DescribeProducersRequest,
    DescribeProducersResponse, DescribeQuorumRequest, DescribeQuorumResponse, DescribeTopicPartitionsRequest,
    DescribeTransactionsRequest, DescribeUserScramCredentialsRequest, ElectLeadersRequest, FindCoordinatorRequest,
    IncrementalAlterConfigsRequest, InitProducerIdRequest, ListConfigResourcesRequest, ListGroupsRequest,
    ListGroupsResponse, ListOffsetsRequest, ListOffsetsResponse, ListPartitionReassignmentsRequest,
    ListTransactionsRequest, MetadataRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetDeleteResponse,
    OffsetFetchRequest, OffsetFetchResponse, RemoveRaftVoterRequest, RemoveRaftVoterResponse, UnregisterBrokerRequest,
    UnregisterBrokerResponse, UpdateFeaturesRequest, UpdateFeaturesResponse, WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
};
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::vec;
use alloc::vec::Vec;

/// The resource type of a broker's configs.
const BROKER_RESOURCE: i8 = 4;
/// `ConfigResource.Type.BROKER_LOGGER`.
const BROKER_LOGGER_RESOURCE: i8 = 8;
/// The last version of `OffsetFetch` and of `OffsetCommit` that names topics.
const LAST_WITH_NAMES: i16 = 9;

// Topics.

impl Operation for CreateTopicsRequest {
    const CALL: &'static str = "createTopics";

    fn errors(response: &CreateTopicsResponse) -> Vec<i16> {
        response.topics.iter().map(|topic| topic.error_code).collect()
    }
}

impl Operation for DeleteTopicsRequest {
    const CALL: &'static str = "deleteTopics";

    fn complete(&mut self) {
        if self.topics.is_empty() {
            let state = |name: &Str| DeleteTopicState { name: Some(name.clone()), ..DeleteTopicState::default() };
            self.topics = self.topic_names.iter().map(state).collect();
        }
    }

    fn errors(response: &DeleteTopicsResponse) -> Vec<i16> {
        response.responses.iter().map(|topic| topic.error_code).collect()
    }
}

impl Operation for CreatePartitionsRequest {
    const CALL: &'static str = "createPartitions";

    fn errors(response: &CreatePartitionsResponse) -> Vec<i16> {
        response.results.iter().map(|topic| topic.error_code).collect()
    }
}

impl Operation for MetadataRequest {
    const CALL: &'static str = "describeTopics";
    const IS_FOR_BROKERS: bool = true;

    fn call(&self) -> &'static str {
        if self.topics.is_none() { "listTopics" } else { Self::CALL }
    }
}

impl Operation for DescribeTopicPartitionsRequest {
    const CALL: &'static str = "describeTopicPartitions";
}

// Configurations.

impl Operation for DescribeConfigsRequest {
    const CALL: &'static str = "describeConfigs";

    fn route(&self, _: &ClusterMetadata) -> Route {
        of_resource(self.resources.first().map(|resource| (resource.resource_type, &resource.resource_name)))
    }
}

impl Operation for IncrementalAlterConfigsRequest {
    const CALL: &'static str = "incrementalAlterConfigs";

    fn route(&self, _: &ClusterMetadata) -> Route {
        match of_resource(self.resources.first().map(|resource| (resource.resource_type, &resource.resource_name))) {
            Route::Node(broker) => Route::NodeOrController(broker),
            _ => Route::Controller,
        }
    }
}

impl Operation for ListConfigResourcesRequest {
    const CALL: &'static str = "listConfigResources";
    const IS_FOR_BROKERS: bool = true;
}

impl Operation for AlterClientQuotasRequest {
    const CALL: &'static str = "alterClientQuotas";
    const IS_FOR_BROKERS: bool = true;
}

impl Operation for DescribeClientQuotasRequest {
    const CALL: &'static str = "describeClientQuotas";
    const IS_FOR_BROKERS: bool = true;
}

impl Operation for DescribeUserScramCredentialsRequest {
    const CALL: &'static str = "describeUserScramCredentials";
    const IS_FOR_BROKERS: bool = true;
}

impl Operation for AlterUserScramCredentialsRequest {
    const CALL: &'static str = "alterUserScramCredentials";
    const IS_FOR_BROKERS: bool = true;

    fn errors(response: &AlterUserScramCredentialsResponse) -> Vec<i16> {
        response.results.iter().map(|result| result.error_code).collect()
    }
}

// Groups.

impl Operation for ListGroupsRequest {
    const CALL: &'static str = "findAllBrokers";

    fn route(&self, _: &ClusterMetadata) -> Route {
        Route::EachBroker
    }

    fn errors(response: &ListGroupsResponse) -> Vec<i16> {
        vec![response.error_code]
    }

    fn gather(all: &mut ListGroupsResponse, more: ListGroupsResponse) {
        all.groups.extend(more.groups);
    }
}

impl Operation for DescribeGroupsRequest {
    const CALL: &'static str = "describeConsumerGroups";
    const IS_FOR_COORDINATOR: bool = true;

    fn route(&self, _: &ClusterMetadata) -> Route {
        of_group(self.groups.first())
    }

    fn errors(response: &DescribeGroupsResponse) -> Vec<i16> {
        response.groups.iter().map(|group| group.error_code).collect()
    }
}

impl Operation for DeleteGroupsRequest {
    const CALL: &'static str = "deleteConsumerGroups";
    const IS_FOR_COORDINATOR: bool = true;

    fn route(&self, _: &ClusterMetadata) -> Route {
        of_group(self.groups_names.first())
    }

    fn errors(response: &DeleteGroupsResponse) -> Vec<i16> {
        response.results.iter().map(|group| group.error_code).collect()
    }
}

impl Operation for FindCoordinatorRequest {
    const CALL: &'static str = "findCoordinator";
}

impl Operation for OffsetFetchRequest {
    const CALL: &'static str = "listConsumerGroupOffsets";
    const MAX_VERSION: Option<i16> = Some(LAST_WITH_NAMES);
    const IS_FOR_COORDINATOR: bool = true;

    fn route(&self, _: &ClusterMetadata) -> Route {
        of_group(self.groups.first().map(|group| &group.group_id).or(Some(&self.group_id)))
    }

    fn errors(response: &OffsetFetchResponse) -> Vec<i16> {
        response.groups.iter().map(|group| group.error_code).chain([response.error_code]).collect()
    }
}

impl Operation for OffsetCommitRequest {
    const CALL: &'static str = "alterConsumerGroupOffsets";
    const MAX_VERSION: Option<i16> = Some(LAST_WITH_NAMES);
    const IS_FOR_COORDINATOR: bool = true;

    fn route(&self, _: &ClusterMetadata) -> Route {
        of_group(Some(&self.group_id))
    }
}

impl Operation for OffsetDeleteRequest {
    const CALL: &'static str = "deleteConsumerGroupOffsets";
    const IS_FOR_COORDINATOR: bool = true;

    fn route(&self, _: &ClusterMetadata) -> Route {
        of_group(Some(&self.group_id))
    }

    fn errors(response: &OffsetDeleteResponse) -> Vec<i16> {
        vec![response.error_code]
    }
}

// Partitions.

impl Operation for ListOffsetsRequest {
    const CALL: &'static str = "listOffsets";

    fn complete(&mut self) {
        self.replica_id = -1;
    }

    fn route(&self, metadata: &ClusterMetadata) -> Route {
        let partitions = self.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|partition| (&topic.name, partition.partition_index, partition.clone()))
        });
        by_leader(metadata, partitions, |partitions| {
            let topic = |(name, partition)| ListOffsetsTopic { name, partitions: vec![partition] };
            Self { topics: partitions.into_iter().map(topic).collect(), ..self.clone() }
        })
    }

    fn errors(response: &ListOffsetsResponse) -> Vec<i16> {
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| partition.error_code).collect()
    }

    fn gather(all: &mut ListOffsetsResponse, more: ListOffsetsResponse) {
        all.topics.extend(more.topics);
    }
}

impl Operation for DeleteRecordsRequest {
    const CALL: &'static str = "deleteRecords";

    fn route(&self, metadata: &ClusterMetadata) -> Route {
        let partitions = self.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|partition| (&topic.name, partition.partition_index, partition.clone()))
        });
        by_leader(metadata, partitions, |partitions| {
            let topic = |(name, partition)| DeleteRecordsTopic { name, partitions: vec![partition] };
            Self { topics: partitions.into_iter().map(topic).collect(), ..self.clone() }
        })
    }

    fn errors(response: &DeleteRecordsResponse) -> Vec<i16> {
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| partition.error_code).collect()
    }

    fn gather(all: &mut DeleteRecordsResponse, more: DeleteRecordsResponse) {
        all.topics.extend(more.topics);
    }
}

impl Operation for ElectLeadersRequest {
    const CALL: &'static str = "electLeaders";
}

impl Operation for DescribeLogDirsRequest {
    const CALL: &'static str = "describeLogDirs";
}

impl Operation for AlterReplicaLogDirsRequest {
    const CALL: &'static str = "alterReplicaLogDirs";
}

impl Operation for AlterPartitionReassignmentsRequest {
    const CALL: &'static str = "alterPartitionReassignments";

    fn route(&self, _: &ClusterMetadata) -> Route {
        Route::Controller
    }
}

impl Operation for ListPartitionReassignmentsRequest {
    const CALL: &'static str = "listPartitionReassignments";

    fn route(&self, _: &ClusterMetadata) -> Route {
        Route::Controller
    }
}

// Transactions.

impl Operation for ListTransactionsRequest {
    const CALL: &'static str = "listTransactions";
}

impl Operation for DescribeTransactionsRequest {
    const CALL: &'static str = "describeTransactions";
}

impl Operation for InitProducerIdRequest {
    const CALL: &'static str = "fenceProducer";
}

impl Operation for DescribeProducersRequest {
    const CALL: &'static str = "describeProducers";

    fn route(&self, metadata: &ClusterMetadata) -> Route {
        let partitions = self
            .topics
            .iter()
            .flat_map(|topic| topic.partition_indexes.iter().map(|partition| (&topic.name, *partition, *partition)));
        by_leader(metadata, partitions, |partitions| {
            let topic = |(name, partition)| TopicRequest { name, partition_indexes: vec![partition] };
            Self { topics: partitions.into_iter().map(topic).collect() }
        })
    }

    fn errors(response: &DescribeProducersResponse) -> Vec<i16> {
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| partition.error_code).collect()
    }

    fn gather(all: &mut DescribeProducersResponse, more: DescribeProducersResponse) {
        all.topics.extend(more.topics);
    }
}

impl Operation for WriteTxnMarkersRequest {
    const CALL: &'static str = "abortTransaction";

    fn route(&self, metadata: &ClusterMetadata) -> Route {
        let topics = self.markers.iter().flat_map(|marker| &marker.topics);
        let partitions =
            topics.flat_map(|topic| topic.partition_indexes.iter().map(|partition| (&topic.name, *partition, ())));
        // Whoever aborts a transaction this way does so on one partition.
        by_leader(metadata, partitions, |_| self.clone())
    }

    fn errors(response: &WriteTxnMarkersResponse) -> Vec<i16> {
        let topics = response.markers.iter().flat_map(|marker| &marker.topics);
        topics.flat_map(|topic| &topic.partitions).map(|partition| partition.error_code).collect()
    }
}

// The cluster.

impl Operation for DescribeClusterRequest {
    const CALL: &'static str = "listNodes";
}

impl Operation for DescribeQuorumRequest {
    const CALL: &'static str = "describeMetadataQuorum";

    fn route(&self, _: &ClusterMetadata) -> Route {
        Route::Controller
    }

    fn errors(response: &DescribeQuorumResponse) -> Vec<i16> {
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| partition.error_code).chain([response.error_code]).collect()
    }
}

impl Operation for ApiVersionsRequest {
    const CALL: &'static str = "describeFeatures";

    fn complete(&mut self) {
        self.client_software_name = Str::from_static(SOFTWARE_NAME);
        self.client_software_version = Str::from_static(env!("CARGO_PKG_VERSION"));
    }
}

impl Operation for UpdateFeaturesRequest {
    const CALL: &'static str = "updateFeatures";

    fn route(&self, _: &ClusterMetadata) -> Route {
        Route::Controller
    }

    fn errors(response: &UpdateFeaturesResponse) -> Vec<i16> {
        vec![response.error_code]
    }
}

impl Operation for UnregisterBrokerRequest {
    const CALL: &'static str = "unregisterBroker";

    fn route(&self, _: &ClusterMetadata) -> Route {
        Route::Controller
    }

    fn errors(response: &UnregisterBrokerResponse) -> Vec<i16> {
        vec![response.error_code]
    }
}

impl Operation for AddRaftVoterRequest {
    const CALL: &'static str = "addRaftVoter";

    fn route(&self, _: &ClusterMetadata) -> Route {
        Route::Controller
    }

    fn errors(response: &AddRaftVoterResponse) -> Vec<i16> {
        vec![response.error_code]
    }
}

impl Operation for RemoveRaftVoterRequest {
    const CALL: &'static str = "removeRaftVoter";

    fn route(&self, _: &ClusterMetadata) -> Route {
        Route::Controller
    }

    fn errors(response: &RemoveRaftVoterResponse) -> Vec<i16> {
        vec![response.error_code]
    }
}

/// The broker a config resource is of, or any.
fn of_resource(first: Option<(i8, &Str)>) -> Route {
    match first {
        Some((BROKER_RESOURCE | BROKER_LOGGER_RESOURCE, name)) => name.parse().map_or(Route::Any, Route::Node),
        _ => Route::Any,
    }
}

/// The coordinator of a group; any broker without one.
fn of_group(group: Option<&Str>) -> Route {
    group.map_or(Route::Any, |group| Route::Coordinator(group.clone()))
}

/// Partitions by leader: `request` makes a part of those of one.
fn by_leader<'a, P, R: Operation>(
    metadata: &ClusterMetadata,
    partitions: impl Iterator<Item = (&'a Str, i32, P)>,
    request: impl Fn(Vec<(Str, P)>) -> R,
) -> Route {
    let (mut by_leader, mut unknown) = (SortedMap::<NodeId, Vec<(Str, P)>>::new(), Vec::new());
    for (topic, index, partition) in partitions {
        match metadata.leader(topic, index) {
            Some((leader, _)) => by_leader.entry(leader).or_default().push((topic.clone(), partition)),
            None => unknown.push(topic.clone()),
        }
    }
    if !unknown.is_empty() || by_leader.is_empty() {
        return Route::Unknown(unknown);
    }
    Route::Leaders(by_leader.into_iter().map(|(leader, partitions)| (leader, request(partitions).into())).collect())
}
