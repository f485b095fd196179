//! `ElectLeaders`.

use super::super::decision::{ApiError, ControllerResult, Decision};
use super::super::partition_change_builder::Election;
use crate::ids::PartitionIndex;
use crate::metadata::MetadataRecord;
use crate::protocol::ErrorCode;
use crate::protocol::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use crate::protocol::messages::{ElectLeadersRequest, ElectLeadersResponse};
use crate::text::Str;
use alloc::format;
use alloc::vec::Vec;

impl Decision<'_> {
    /// Elects leaders of the partitions named, or of all.
    pub(in crate::controller) fn elect_leaders(
        self,
        request: &ElectLeadersRequest,
    ) -> Result<ControllerResult<ElectLeadersResponse>, ApiError> {
        let election = match request.election_type {
            0 => Election::Preferred,
            1 => Election::Unclean,
            other => {
                let message = format!("Unknown election type {other}");
                return Err(ApiError::new(ErrorCode::InvalidRequest, message));
            }
        };
        let mut records = Vec::new();
        let mut results: Vec<ReplicaElectionResult> = Vec::new();
        if let Some(wanted) = &request.topic_partitions {
            for topic in wanted {
                let indexes = topic.partitions.iter();
                let elected = indexes.map(|&index| self.elect_leader(&topic.topic, index, election, &mut records));
                let partition_result = elected.collect();
                results.push(ReplicaElectionResult { topic: topic.topic.clone(), partition_result });
            }
        } else {
            for topic in self.image.topics.iter() {
                let indexes = topic.partitions.keys();
                let elected = indexes.map(|&index| self.elect_leader(&topic.name, index, election, &mut records));
                // Of all partitions, only those that needed an election are worth a line.
                let needed = elected.filter(|result| result.error_code != ErrorCode::ElectionNotNeeded.code());
                let partition_result: Vec<PartitionResult> = needed.collect();
                if !partition_result.is_empty() {
                    results.push(ReplicaElectionResult { topic: topic.name.clone(), partition_result });
                }
            }
        }
        let response = ElectLeadersResponse { replica_election_results: results, ..Default::default() };
        Ok(ControllerResult::new(records, response))
    }

    fn elect_leader(
        self,
        name: &Str,
        index: PartitionIndex,
        election: Election,
        records: &mut Vec<MetadataRecord>,
    ) -> PartitionResult {
        let error = match self.election_record(name, index, election) {
            Ok(record) => {
                records.push(record);
                None
            }
            Err(error) => Some(error),
        };
        PartitionResult {
            partition_id: index,
            error_code: error.as_ref().map_or(0, ApiError::code),
            error_message: error.map(|error| error.text()),
        }
    }

    fn election_record(
        self,
        name: &Str,
        index: PartitionIndex,
        election: Election,
    ) -> Result<MetadataRecord, ApiError> {
        let unknown = |message| ApiError::new(ErrorCode::UnknownTopicOrPartition, message);
        let topic = self.image.topics.by_name(name).ok_or_else(|| unknown(format!("No such topic as {name}")))?;
        let partition =
            topic.partition(index).ok_or_else(|| unknown(format!("No such partition as {name}-{index}")))?;
        let needed = match election {
            Election::Preferred => !partition.has_preferred_leader(),
            Election::Online | Election::Unclean => !partition.has_leader(),
        };
        if !needed {
            return Err(ErrorCode::ElectionNotNeeded.into());
        }
        self.elect((topic, index, partition), election).ok_or_else(|| {
            ApiError::from(match election {
                Election::Preferred => ErrorCode::PreferredLeaderNotAvailable,
                Election::Online | Election::Unclean => ErrorCode::EligibleLeadersNotAvailable,
            })
        })
    }
}
