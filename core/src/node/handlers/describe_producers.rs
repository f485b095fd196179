//! `DescribeProducers`: who writes to a partition, as the replica here knows it (KIP-664).

use super::RequestContext;
use crate::controller::invalid_topic_name;
use crate::ids::TopicPartition;
use crate::node::broker::Broker;
use crate::protocol::ErrorCode;
use crate::protocol::messages::describe_producers_request::TopicRequest;
use crate::protocol::messages::describe_producers_response::{PartitionResponse, TopicResponse};
use crate::protocol::messages::{DescribeProducersRequest, DescribeProducersResponse};

pub(super) fn handle(broker: &mut Broker, context: &RequestContext, request: &DescribeProducersRequest) {
    let topics = request.topics.iter().map(|topic| describe(broker, topic)).collect();
    let response = DescribeProducersResponse { topics, ..Default::default() };
    broker.respond::<DescribeProducersRequest>(context.token, &response);
}

fn describe(broker: &Broker, topic: &TopicRequest) -> TopicResponse {
    let (error, message) = if let Some(message) = invalid_topic_name(&topic.name) {
        (ErrorCode::InvalidTopicException, Some(message.into()))
    } else if broker.image.topics.by_name(&topic.name).is_none() {
        (ErrorCode::UnknownTopicOrPartition, None)
    } else {
        (ErrorCode::None, None)
    };
    let partitions = topic.partition_indexes.iter().map(|&partition_index| match error {
        ErrorCode::None => {
            let partition = TopicPartition { topic: topic.name.clone(), partition: partition_index };
            broker.replica_manager.active_producers(&partition)
        }
        error => PartitionResponse {
            partition_index,
            error_code: error.code(),
            error_message: message.clone(),
            ..Default::default()
        },
    });
    TopicResponse { name: topic.name.clone(), partitions: partitions.collect() }
}
