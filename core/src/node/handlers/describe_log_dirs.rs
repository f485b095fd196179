//! `DescribeLogDirs`: what lies in each log directory of this broker.

use super::RequestContext;
use crate::ids::TopicPartition;
use crate::node::broker::Broker;
use crate::protocol::ErrorCode;
use crate::protocol::messages::DescribeLogDirsRequest;
use crate::protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResponse, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::vec::Vec;

pub(super) fn handle(broker: &mut Broker, context: &RequestContext, request: &DescribeLogDirsRequest) {
    let wanted = |partition: &TopicPartition| {
        request.topics.as_ref().is_none_or(|topics| {
            let named = topics.iter().filter(|topic| topic.topic == partition.topic);
            named.flat_map(|topic| &topic.partitions).any(|index| *index == partition.partition)
        })
    };
    let results = (broker.replica_manager.log_directories().into_iter())
        .map(|directory| {
            let mut topics: SortedMap<Str, Vec<DescribeLogDirsPartition>> = SortedMap::new();
            for replica in directory.replicas.into_iter().filter(|replica| wanted(&replica.partition)) {
                topics.entry(replica.partition.topic).or_default().push(DescribeLogDirsPartition {
                    partition_index: replica.partition.partition,
                    partition_size: replica.size as i64,
                    offset_lag: replica.offset_lag,
                    is_future_key: replica.is_future,
                });
            }
            let error = if directory.online { ErrorCode::None } else { ErrorCode::KafkaStorageError };
            DescribeLogDirsResult {
                error_code: error.code(),
                log_dir: directory.path,
                is_cordoned: directory.cordoned,
                topics: (topics.into_iter())
                    .map(|(name, partitions)| DescribeLogDirsTopic { name, partitions })
                    .collect(),
                ..Default::default()
            }
        })
        .collect();
    let response = DescribeLogDirsResponse { results, ..Default::default() };
    broker.respond::<DescribeLogDirsRequest>(context.token, &response);
}
