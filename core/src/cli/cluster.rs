//! What several tools ask of a cluster.

use super::failure::{Exception, Failure, thrown, wrapped};
use super::terminal::Terminal;
use crate::ids::{Offset, TopicPartition};
use crate::java::{hash_map_order, string_hash};
use crate::protocol::ErrorCode;
use crate::protocol::messages::list_groups_response::ListedGroup;
use crate::protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use crate::protocol::messages::{
    DescribeClusterRequest, DescribeClusterResponse, ListGroupsRequest, ListOffsetsRequest, MetadataRequest,
    MetadataResponse,
};
use crate::sorted::SortedMap;
use crate::sorted::sort_by;
use crate::text::Str;
use alloc::vec::Vec;

/// The time that stands for the end of a partition.
pub(super) const LATEST: i64 = -1;
/// The time that stands for its beginning.
pub(super) const EARLIEST: i64 = -2;

/// All topics as brokers know them, by name.
pub(super) async fn metadata(terminal: &Terminal) -> Result<MetadataResponse, Exception> {
    let request = MetadataRequest { topics: None, allow_auto_topic_creation: false, ..MetadataRequest::default() };
    let mut response = terminal.ask(request).await?;
    sort_by(&mut response.topics, |one, other| one.name.cmp(&other.name));
    Ok(response)
}

/// How many partitions each topic has.
pub(super) async fn partition_counts(terminal: &Terminal) -> Result<SortedMap<Str, i32>, Exception> {
    let topics = metadata(terminal).await?.topics.into_iter();
    Ok(topics.filter_map(|topic| Some((topic.name?, topic.partitions.len() as i32))).collect())
}

/// Why a partition has no offset to tell.
pub(super) enum Missing {
    /// Its leader says so.
    Refused(ErrorCode),
    /// No leader could be asked.
    Unasked(Exception),
}

impl From<Missing> for Exception {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Refused(error) => Self::of(error, None),
            Missing::Unasked(exception) => exception,
        }
    }
}

/// The offset of the first record that is not older than `timestamp`, or what [`LATEST`] and [`EARLIEST`] stand for; -1
/// where there is none. The partitions must be there.
pub(super) async fn offsets(
    terminal: &Terminal,
    partitions: &[TopicPartition],
    timestamp: i64,
) -> Result<SortedMap<TopicPartition, Offset>, Failure> {
    let mut offsets = SortedMap::new();
    for (at, found) in offsets_or_errors(terminal, partitions, &[], timestamp).await {
        offsets.insert(at, found.map_err(Exception::from)?);
    }
    Ok(offsets)
}

/// As [`offsets`], with what is wrong with each partition. `leaderless` are some more: each of them is waited for without
/// keeping the others waiting.
pub(super) async fn offsets_or_errors(
    terminal: &Terminal,
    partitions: &[TopicPartition],
    leaderless: &[TopicPartition],
    timestamp: i64,
) -> SortedMap<TopicPartition, Result<Offset, Missing>> {
    let mut asked: Vec<&[TopicPartition]> = leaderless.chunks(1).collect();
    if !partitions.is_empty() {
        asked.push(partitions);
    }
    let requests = asked.iter().map(|partitions| offsets_request(partitions, timestamp)).collect();
    let mut offsets = SortedMap::new();
    for (partitions, response) in asked.into_iter().zip(terminal.ask_all(requests).await) {
        let topics = match response {
            Ok(response) => response.topics,
            Err(exception) => {
                let unasked = partitions.iter().map(|at| (at.clone(), Err(Missing::Unasked(exception.clone()))));
                offsets.extend(unasked);
                continue;
            }
        };
        for topic in topics {
            for partition in topic.partitions {
                let at = TopicPartition { topic: topic.name.clone(), partition: partition.partition_index };
                let error = ErrorCode::from_code(partition.error_code).unwrap_or(ErrorCode::UnknownServerError);
                offsets.insert(at, if error.is_error() { Err(Missing::Refused(error)) } else { Ok(partition.offset) });
            }
        }
    }
    offsets
}

fn offsets_request(partitions: &[TopicPartition], timestamp: i64) -> ListOffsetsRequest {
    let mut topics: SortedMap<Str, Vec<ListOffsetsPartition>> = SortedMap::new();
    for partition in partitions {
        let wanted =
            ListOffsetsPartition { partition_index: partition.partition, timestamp, ..ListOffsetsPartition::default() };
        topics.entry(partition.topic.clone()).or_default().push(wanted);
    }
    let topics = topics.into_iter().map(|(name, partitions)| ListOffsetsTopic { name, partitions }).collect();
    ListOffsetsRequest { topics, ..ListOffsetsRequest::default() }
}

/// What Kafka throws for a topic or partition that is not there.
pub(super) fn unknown_partition(message: Option<&str>) -> Exception {
    Exception::of(ErrorCode::UnknownTopicOrPartition, message)
}

/// The cluster's id and its brokers, or its controllers where the admin is for these.
///
/// # Errors
/// What Kafka's admin throws, as the cause of an `ExecutionException`.
pub(super) async fn describe_cluster(
    terminal: &Terminal,
    include_fenced_brokers: bool,
) -> Result<DescribeClusterResponse, Exception> {
    let execution = |cause: &Exception| wrapped("java.util.concurrent.ExecutionException", cause);
    let endpoint_type = if terminal.is_for_controllers() { 2 } else { 1 };
    let request = DescribeClusterRequest { endpoint_type, include_fenced_brokers, ..Default::default() };
    let response = terminal.ask(request).await.map_err(|cause| execution(&cause))?;
    thrown(response.error_code, response.error_message.as_deref()).map_err(|cause| execution(&cause))?;
    Ok(response)
}

/// All groups of consumers, in the order in which Kafka's admin has them.
pub(super) async fn groups(terminal: &Terminal) -> Result<Vec<ListedGroup>, Exception> {
    let mut groups = listed(terminal).await.map_err(|cause| {
        let execution = wrapped("java.util.concurrent.ExecutionException", &cause);
        wrapped("java.lang.RuntimeException", &execution)
    })?;
    // Groups that only store offsets have no protocol; those of Connect and others are not of consumers.
    groups.retain(|group| matches!(&*group.protocol_type, "" | "consumer"));
    Ok(groups)
}

/// All groups of every kind.
pub(super) async fn listed(terminal: &Terminal) -> Result<Vec<ListedGroup>, Exception> {
    let mut groups = match terminal.ask(ListGroupsRequest::default()).await {
        Ok(response) => response.groups,
        Err(cause) if cause.class.ends_with(".TimeoutException") => {
            let failed = "Failed to find brokers to send ListGroups";
            return Err(Exception::new("org.apache.kafka.common.KafkaException", failed).because(&cause));
        }
        Err(cause) => return Err(cause),
    };
    hash_map_order(&mut groups, 16, |group| string_hash(&group.group_id));
    Ok(groups)
}

/// A group's type, as Kafka's tools write it. Brokers before Kafka 3.8 tell no type: theirs are all classic.
pub(super) fn kind(group: &ListedGroup) -> &str {
    match &*group.group_type {
        "consumer" => "Consumer",
        "" | "classic" => "Classic",
        other => other,
    }
}
