//! `ListOffsets` and `OffsetForLeaderEpoch`: where offsets are.

use super::storage::LoadPurpose;
use super::{Output, ReplicaManager, Response};
use crate::ids::{NO_EPOCH, Offset, TopicPartition};
use crate::log::{Cold, TimestampAndOffset};
use crate::protocol::ErrorCode;
use crate::protocol::messages::list_offsets_request::ListOffsetsPartition;
use crate::protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use crate::protocol::messages::offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult};
use crate::protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
};
use crate::replication::replica_fetcher::{EARLIEST_TIMESTAMP, LATEST_TIMESTAMP};
use crate::sorted::SortedSet;
use crate::time::Now;
use alloc::vec::Vec;

/// Asks for the record with the largest timestamp (KIP-734).
const MAX_TIMESTAMP: i64 = -3;
/// Asks for the first offset on the broker's own disk (KIP-405).
const EARLIEST_LOCAL_TIMESTAMP: i64 = -4;
/// Asks for the last offset in tiered storage (KIP-1005), of which there is none here.
const LATEST_TIERED_TIMESTAMP: i64 = -5;
/// Asks for the first offset that is still to go to tiered storage (KIP-1023).
const EARLIEST_PENDING_UPLOAD_TIMESTAMP: i64 = -6;
/// Replica id of a consumer.
const CONSUMER: i32 = -1;
/// Replica id of a consumer that reads any replica up to its end.
const DEBUGGING_CONSUMER: i32 = -2;
/// First version that knows `OFFSET_NOT_AVAILABLE`.
const OFFSET_NOT_AVAILABLE_FROM: i16 = 5;

/// What a `ListOffsets` request does not say itself.
#[derive(Clone, Copy, Debug)]
pub struct ListOffsetsContext {
    /// Version of the request.
    pub version: i16,
}

/// A `ListOffsets` that waits for a range to be loaded.
#[derive(Clone, Debug)]
pub(super) struct DelayedListOffsets {
    request: ListOffsetsRequest,
    context: ListOffsetsContext,
    token: u64,
}

/// Why a partition's offset is not known.
enum NotFound {
    Error(ErrorCode),
    Cold(Cold),
}

impl From<ErrorCode> for NotFound {
    fn from(error: ErrorCode) -> Self {
        Self::Error(error)
    }
}

impl From<Cold> for NotFound {
    fn from(cold: Cold) -> Self {
        Self::Cold(cold)
    }
}

/// Times below zero that stand for something, each from a version on.
const SPECIAL_TIMESTAMPS: [(i64, i16); 6] = [
    (LATEST_TIMESTAMP, 0),
    (EARLIEST_TIMESTAMP, 0),
    (MAX_TIMESTAMP, 7),
    (EARLIEST_LOCAL_TIMESTAMP, 8),
    (LATEST_TIERED_TIMESTAMP, 9),
    (EARLIEST_PENDING_UPLOAD_TIMESTAMP, 11),
];

fn is_served(timestamp: i64, version: i16) -> bool {
    timestamp >= 0 || SPECIAL_TIMESTAMPS.iter().any(|(special, from)| *special == timestamp && version >= *from)
}

impl ReplicaManager {
    /// Takes a `ListOffsets` request; the answer comes as an [`Output`] with `token`.
    pub fn list_offsets(&mut self, now: Now, request: ListOffsetsRequest, context: ListOffsetsContext, token: u64) {
        self.answer_list_offsets(DelayedListOffsets { request, context, token });
        self.settle(now);
    }

    /// Looks everything up, or loads what that needs and looks again then.
    pub(super) fn answer_list_offsets(&mut self, list: DelayedListOffsets) {
        match self.look_up_offsets(&list, false) {
            Ok(response) => {
                let response = Response::ListOffsets(response);
                self.outputs.push_back(Output::Respond { token: list.token, response });
            }
            Err((partition, Cold(range))) => self.load(partition, range, LoadPurpose::ListOffsets(list)),
        }
    }

    /// What it needs cannot be loaded: answers with the error.
    pub(super) fn fail_cold_list_offsets(&mut self, list: &DelayedListOffsets) {
        if let Ok(response) = self.look_up_offsets(list, true) {
            let response = Response::ListOffsets(response);
            self.outputs.push_back(Output::Respond { token: list.token, response });
        }
    }

    fn look_up_offsets(
        &self,
        list: &DelayedListOffsets,
        fail_cold: bool,
    ) -> Result<ListOffsetsResponse, (TopicPartition, Cold)> {
        let mut seen = SortedSet::new();
        let mut twice = SortedSet::new();
        for topic in &list.request.topics {
            for wanted in &topic.partitions {
                let partition = TopicPartition { topic: topic.name.clone(), partition: wanted.partition_index };
                if !seen.insert(partition.clone()) {
                    twice.insert(partition);
                }
            }
        }
        let mut topics = Vec::with_capacity(list.request.topics.len());
        for topic in &list.request.topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for wanted in &topic.partitions {
                let partition = TopicPartition { topic: topic.name.clone(), partition: wanted.partition_index };
                let found = if twice.contains(&partition) {
                    Err(ErrorCode::InvalidRequest)
                } else {
                    match self.look_up(list, &partition, wanted) {
                        Ok(found) => Ok(found),
                        Err(NotFound::Error(error)) => Err(error),
                        Err(NotFound::Cold(_)) if fail_cold => Err(ErrorCode::KafkaStorageError),
                        Err(NotFound::Cold(cold)) => return Err((partition, cold)),
                    }
                };
                partitions.push(offset_result(wanted.partition_index, found));
            }
            topics.push(ListOffsetsTopicResponse { name: topic.name.clone(), partitions });
        }
        Ok(ListOffsetsResponse { topics, ..ListOffsetsResponse::default() })
    }

    fn look_up(
        &self,
        list: &DelayedListOffsets,
        partition: &TopicPartition,
        wanted: &ListOffsetsPartition,
    ) -> Result<Option<TimestampAndOffset>, NotFound> {
        if !is_served(wanted.timestamp, list.context.version) {
            return Err(ErrorCode::UnsupportedVersion.into());
        }
        let replica_id = list.request.replica_id;
        let (hosted, log) =
            if replica_id == DEBUGGING_CONSUMER { self.hosted(partition)? } else { self.led(partition)? };
        hosted.partition.check_leader_epoch(wanted.current_leader_epoch)?;
        let last_fetchable = match (replica_id, list.request.isolation_level) {
            (CONSUMER, 1) => log.last_stable_offset(),
            (CONSUMER, _) => log.high_watermark(),
            _ => log.log_end_offset(),
        };
        // A new leader's high watermark may be behind what the old one's consumers saw.
        let epoch_start = hosted.partition.leadership().map(|leadership| leadership.epoch_start_offset);
        let behind = replica_id == CONSUMER && epoch_start.is_some_and(|start| start > log.high_watermark());
        let not_available = if list.context.version >= OFFSET_NOT_AVAILABLE_FROM {
            ErrorCode::OffsetNotAvailable
        } else {
            ErrorCode::LeaderNotAvailable
        };
        let at = |offset: Offset, leader_epoch: i32| Some(TimestampAndOffset { timestamp: -1, offset, leader_epoch });
        match wanted.timestamp {
            LATEST_TIMESTAMP if behind => Err(not_available.into()),
            LATEST_TIMESTAMP => Ok(at(last_fetchable, hosted.partition.assignment.leader_epoch)),
            EARLIEST_TIMESTAMP | EARLIEST_LOCAL_TIMESTAMP => {
                let start = log.log_start_offset();
                Ok(at(start, log.leader_epoch_cache().epoch_for_offset(start).unwrap_or(NO_EPOCH)))
            }
            LATEST_TIERED_TIMESTAMP | EARLIEST_PENDING_UPLOAD_TIMESTAMP => Ok(None),
            timestamp => {
                let found = if timestamp == MAX_TIMESTAMP {
                    log.offset_of_max_timestamp()?
                } else {
                    log.offset_for_timestamp(timestamp)?
                };
                let readable = found.filter(|found| found.offset < last_fetchable);
                if readable.is_none() && behind { Err(not_available.into()) } else { Ok(readable) }
            }
        }
    }

    /// Answers an `OffsetForLeaderEpoch` request: where leader epochs end in the logs this broker leads.
    pub fn offsets_for_leader_epoch(&self, request: &OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochResponse {
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|wanted| {
                let partition = TopicPartition { topic: topic.topic.clone(), partition: wanted.partition };
                let end = self.led(&partition).and_then(|(hosted, log)| {
                    hosted.partition.check_leader_epoch(wanted.current_leader_epoch)?;
                    Ok(log.end_offset_for_epoch(wanted.leader_epoch))
                });
                match end {
                    Ok(end) => EpochEndOffset {
                        partition: wanted.partition,
                        leader_epoch: end.leader_epoch,
                        end_offset: end.end_offset,
                        ..EpochEndOffset::default()
                    },
                    Err(error) => EpochEndOffset {
                        error_code: error.code(),
                        partition: wanted.partition,
                        ..EpochEndOffset::default()
                    },
                }
            });
            OffsetForLeaderTopicResult { topic: topic.topic.clone(), partitions: partitions.collect() }
        });
        OffsetForLeaderEpochResponse { topics: topics.collect(), ..OffsetForLeaderEpochResponse::default() }
    }
}

fn offset_result(
    partition_index: i32,
    found: Result<Option<TimestampAndOffset>, ErrorCode>,
) -> ListOffsetsPartitionResponse {
    let none = TimestampAndOffset { timestamp: -1, offset: -1, leader_epoch: NO_EPOCH };
    let (error_code, found) = match found {
        Ok(found) => (ErrorCode::None.code(), found.unwrap_or(none)),
        Err(error) => (error.code(), none),
    };
    ListOffsetsPartitionResponse {
        partition_index,
        error_code,
        timestamp: found.timestamp,
        offset: found.offset,
        leader_epoch: found.leader_epoch,
    }
}
