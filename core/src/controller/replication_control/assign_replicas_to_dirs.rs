//! `AssignReplicasToDirs`: a broker with several log directories tells in which it put its replicas (KIP-858).

use super::super::decision::{ApiError, ControllerResult, Decision};
use super::BrokerChange;
use crate::ids::Uuid;
use crate::metadata::{BrokerRegistration, DIRECTORY_UNASSIGNED, MetadataRecord};
use crate::protocol::ErrorCode;
use crate::protocol::messages::assign_replicas_to_dirs_response::{DirectoryData, PartitionData, TopicData};
use crate::protocol::messages::{AssignReplicasToDirsRequest, AssignReplicasToDirsResponse, PartitionChangeRecord};
use alloc::vec::Vec;

impl Decision<'_> {
    /// Notes the directories of replicas. A replica in a directory that is not online leaves the ISR.
    pub(in crate::controller) fn assign_replicas_to_dirs(
        self,
        request: &AssignReplicasToDirsRequest,
    ) -> Result<ControllerResult<AssignReplicasToDirsResponse>, ApiError> {
        let registration = self.current_broker(request.broker_id, request.broker_epoch)?;
        let mut records = Vec::new();
        let mut directories = Vec::new();
        for directory in &request.directories {
            let mut topics = Vec::new();
            for topic in &directory.topics {
                let partitions = topic.partitions.iter().map(|partition| {
                    let place = (topic.topic_id, partition.partition_index);
                    let outcome = self.assign_replica(registration, place, directory.id);
                    let error = outcome.map(|new| records.extend(new)).err();
                    PartitionData {
                        partition_index: partition.partition_index,
                        error_code: error.unwrap_or(ErrorCode::None).code(),
                    }
                });
                topics.push(TopicData { topic_id: topic.topic_id, partitions: partitions.collect() });
            }
            directories.push(DirectoryData { id: directory.id, topics });
        }
        let response = AssignReplicasToDirsResponse { directories, ..Default::default() };
        Ok(ControllerResult::new(records, response))
    }

    fn assign_replica(
        self,
        broker: &BrokerRegistration,
        (topic_id, index): (Uuid, i32),
        directory: Uuid,
    ) -> Result<Vec<MetadataRecord>, ErrorCode> {
        let topic = self.image.topics.by_id(topic_id).ok_or(ErrorCode::UnknownTopicId)?;
        let partition = topic.partition(index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        if !partition.replicas.contains(&broker.id) {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        let mut records = Vec::new();
        if directory != DIRECTORY_UNASSIGNED && partition.directory(broker.id) != directory {
            let replicas = partition.replicas.iter().zip(&partition.directories);
            let assigned = replicas.map(|(&replica, &known)| if replica == broker.id { directory } else { known });
            records.push(MetadataRecord::PartitionChange(PartitionChangeRecord {
                topic_id,
                partition_id: index,
                directories: Some(assigned.collect()),
                ..Default::default()
            }));
        }
        if !broker.has_online_directory(directory) && partition.isr.contains(&broker.id) {
            let change = BrokerChange { remove: broker.id, ..BrokerChange::NONE };
            let lost = core::iter::once((topic, index, partition));
            self.update_leaders_and_isrs(change, lost, &mut records);
        }
        Ok(records)
    }
}
