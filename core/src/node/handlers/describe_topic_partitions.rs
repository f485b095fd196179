//! `DescribeTopicPartitions`: topics page by page (KIP-966).

use super::RequestContext;
use crate::metadata::TopicImage;
use crate::node::broker::Broker;
use crate::protocol::ErrorCode;
use crate::protocol::messages::DescribeTopicPartitionsRequest;
use crate::protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponse, DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
};
use crate::sorted::SortedSet;
use crate::text::Str;

pub(super) fn handle(broker: &mut Broker, context: &RequestContext, request: &DescribeTopicPartitionsRequest) {
    let image = broker.image.clone();
    let limit = broker.config.network.max_request_partition_size_limit.min(request.response_partition_limit).max(1);
    let mut room = limit as usize;
    let from = request.cursor.as_ref();
    // No topics named means all of them, in the order of their names, which is also the order of the pages.
    let names: SortedSet<Str> = if request.topics.is_empty() {
        image.topics.iter().map(|topic| topic.name.clone()).collect()
    } else {
        request.topics.iter().map(|topic| topic.name.clone()).collect()
    };
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in names.into_iter().filter(|name| from.is_none_or(|cursor| *name >= cursor.topic_name)) {
        let first = from.filter(|cursor| cursor.topic_name == name).map_or(0, |cursor| cursor.partition_index);
        if room == 0 {
            response.next_cursor = Some(Cursor { topic_name: name, partition_index: first });
            break;
        }
        let Some(topic) = image.topics.by_name(&name) else {
            response.topics.push(DescribeTopicPartitionsResponseTopic {
                error_code: ErrorCode::UnknownTopicOrPartition.code(),
                name: Some(name),
                ..Default::default()
            });
            continue;
        };
        let described = describe(broker, context, topic, first, room);
        room -= described.partitions.len();
        let next = first + described.partitions.len() as i32;
        response.topics.push(described);
        if (next as usize) < topic.partitions.len() {
            response.next_cursor = Some(Cursor { topic_name: topic.name.clone(), partition_index: next });
            break;
        }
    }
    broker.respond::<DescribeTopicPartitionsRequest>(context.token, &response);
}

fn describe(
    broker: &Broker,
    context: &RequestContext,
    topic: &TopicImage,
    first: i32,
    room: usize,
) -> DescribeTopicPartitionsResponseTopic {
    let partitions = (topic.partitions())
        .filter(|(index, _)| *index >= first)
        .take(room)
        .map(|(index, partition)| {
            let seen = broker.image.describe_partition(index, partition, &context.listener);
            DescribeTopicPartitionsResponsePartition {
                error_code: seen.error.code(),
                partition_index: seen.partition,
                leader_id: seen.leader,
                leader_epoch: seen.leader_epoch,
                replica_nodes: seen.replicas,
                isr_nodes: seen.isr,
                eligible_leader_replicas: Some(seen.eligible_leader_replicas),
                last_known_elr: Some(seen.last_known_elr),
                offline_replicas: seen.offline_replicas,
            }
        })
        .collect();
    DescribeTopicPartitionsResponseTopic {
        name: Some(topic.name.clone()),
        topic_id: topic.id,
        is_internal: crate::node::is_internal(&topic.name),
        partitions,
        ..Default::default()
    }
}
