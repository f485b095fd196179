//! Metadata: brokers, topics, partitions, as this broker's image has them.

use super::RequestContext;
use crate::ids::Uuid;
use crate::metadata::{MetadataImage, PartitionDescription, TopicImage};
use crate::node::broker::Broker;
use crate::protocol::ErrorCode;
use crate::protocol::messages::MetadataRequest;
use crate::protocol::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use crate::text::Str;
use alloc::vec::Vec;

/// From this version on a leader without the client's listener is told as such.
const LISTENER_NOT_FOUND_SINCE: i16 = 6;

pub(super) fn handle(broker: &mut Broker, context: &RequestContext, request: &MetadataRequest) {
    let wanted = request.topics.as_deref();
    let all = wanted.is_none_or(|topics| topics.is_empty() && context.version == 0);
    let image = broker.image.clone();
    let topics = if all {
        image.topics.iter().map(|topic| describe(&image, topic, context)).collect()
    } else {
        let mut found = Vec::new();
        for topic in wanted.unwrap_or_default() {
            found.push(match &topic.name {
                Some(name) => by_name(broker, &image, name, request.allow_auto_topic_creation, context),
                None => by_id(&image, topic.topic_id, context),
            });
        }
        found
    };
    let response = MetadataResponse {
        brokers: (image.alive_brokers(&context.listener))
            .map(|(registration, endpoint)| MetadataResponseBroker {
                node_id: registration.id,
                host: endpoint.host.clone(),
                port: i32::from(endpoint.port),
                rack: registration.rack.clone(),
            })
            .collect(),
        cluster_id: Some(broker.cluster_id.clone()),
        controller_id: any_alive_broker(broker, &image, &context.listener),
        topics,
        ..Default::default()
    };
    broker.respond::<MetadataRequest>(context.token, &response);
}

/// In KRaft any broker stands for the controller, since every one forwards; Kafka draws one at random too.
fn any_alive_broker(broker: &mut Broker, image: &MetadataImage, listener: &str) -> i32 {
    let alive: Vec<i32> = image.alive_brokers(listener).map(|(registration, _)| registration.id).collect();
    let drawn = broker.rng.below(alive.len() as u64) as usize;
    alive.get(drawn).copied().unwrap_or(-1)
}

fn by_name(
    broker: &mut Broker,
    image: &MetadataImage,
    name: &Str,
    allow_creation: bool,
    context: &RequestContext,
) -> MetadataResponseTopic {
    if let Some(topic) = image.topics.by_name(name) {
        return describe(image, topic, context);
    }
    let error = if crate::controller::invalid_topic_name(name).is_some() {
        ErrorCode::InvalidTopicException
    } else {
        if allow_creation && broker.config.topics.auto_create_topics_enable {
            broker.auto_create_topic(name);
        }
        // In KRaft also while the creation is under way: the client asks again.
        ErrorCode::UnknownTopicOrPartition
    };
    MetadataResponseTopic { error_code: error.code(), name: Some(name.clone()), ..Default::default() }
}

fn by_id(image: &MetadataImage, topic_id: Uuid, context: &RequestContext) -> MetadataResponseTopic {
    match image.topics.by_id(topic_id) {
        Some(topic) => describe(image, topic, context),
        None => MetadataResponseTopic { error_code: ErrorCode::UnknownTopicId.code(), topic_id, ..Default::default() },
    }
}

fn describe(image: &MetadataImage, topic: &TopicImage, context: &RequestContext) -> MetadataResponseTopic {
    let partitions = (topic.partitions())
        .map(|(index, partition)| image.describe_partition(index, partition, &context.listener))
        .map(|description| partition(description, context.version))
        .collect();
    MetadataResponseTopic {
        name: Some(topic.name.clone()),
        topic_id: topic.id,
        is_internal: crate::node::is_internal(&topic.name),
        partitions,
        ..Default::default()
    }
}

fn partition(description: PartitionDescription, version: i16) -> MetadataResponsePartition {
    let error = match description.error {
        ErrorCode::ListenerNotFound if version < LISTENER_NOT_FOUND_SINCE => ErrorCode::LeaderNotAvailable,
        error => error,
    };
    MetadataResponsePartition {
        error_code: error.code(),
        partition_index: description.partition,
        leader_id: description.leader,
        leader_epoch: description.leader_epoch,
        replica_nodes: description.replicas,
        isr_nodes: description.isr,
        offline_replicas: description.offline_replicas,
    }
}
