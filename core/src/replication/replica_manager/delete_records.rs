//! `DeleteRecords`: raises log start offsets, and answers when every live replica has followed.

use super::{Output, ReplicaManager, Response, store_of};
use crate::ids::{CONSUMER_OFFSETS_TOPIC, Offset, TopicPartition};
use crate::log::storage::StoreQueue;
use crate::protocol::ErrorCode;
use crate::protocol::messages::delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult};
use crate::protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse};
use crate::purgatory::OperationId;
use crate::time::{Duration, Now};
use alloc::vec::Vec;

/// Offset that means the high watermark.
const HIGH_WATERMARK: Offset = -1;

/// A `DeleteRecords` that waits for followers.
#[derive(Clone, Debug)]
pub(super) struct DelayedDeleteRecords {
    token: u64,
    response: DeleteRecordsResponse,
    pending: Vec<PendingDeletion>,
}

#[derive(Clone, Debug)]
struct PendingDeletion {
    partition: TopicPartition,
    place: (usize, usize),
    /// Every live replica's log has to begin here or later.
    offset: Offset,
}

impl ReplicaManager {
    /// Takes a `DeleteRecords` request; the answer comes as an [`Output`] with `token`.
    pub fn delete_records(&mut self, now: Now, stores: &mut [StoreQueue], request: &DeleteRecordsRequest, token: u64) {
        let mut pending = Vec::new();
        let mut topics = Vec::with_capacity(request.topics.len());
        for (topic_place, topic) in request.topics.iter().enumerate() {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for (place, wanted) in topic.partitions.iter().enumerate() {
                let partition = TopicPartition { topic: topic.name.clone(), partition: wanted.partition_index };
                let deleted = self.delete_before(stores, &partition, wanted.offset);
                if let Ok(offset) = deleted {
                    pending.push(PendingDeletion { partition, place: (topic_place, place), offset });
                }
                partitions.push(DeleteRecordsPartitionResult {
                    partition_index: wanted.partition_index,
                    low_watermark: -1,
                    error_code: deleted.map_or_else(ErrorCode::code, |_| ErrorCode::None.code()),
                });
            }
            topics.push(DeleteRecordsTopicResult { name: topic.name.clone(), partitions });
        }
        let response = DeleteRecordsResponse { topics, ..DeleteRecordsResponse::default() };
        let keys: Vec<_> = pending.iter().map(|deletion: &PendingDeletion| deletion.partition.clone()).collect();
        let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or_default());
        let delete = DelayedDeleteRecords { token, response, pending };
        let id = self.delete_records.watch(delete, keys, now.monotonic + timeout);
        self.try_complete_delete_records(id);
        self.settle(now);
    }

    /// Raises the log start offset of a partition this broker leads; answers the new one.
    fn delete_before(
        &mut self,
        stores: &mut [StoreQueue],
        partition: &TopicPartition,
        offset: Offset,
    ) -> Result<Offset, ErrorCode> {
        if partition.topic == CONSUMER_OFFSETS_TOPIC {
            return Err(ErrorCode::InvalidTopicException);
        }
        let (hosted, _) = self.led(partition)?;
        if hosted.settings.log.compact && !hosted.settings.log.delete {
            return Err(ErrorCode::PolicyViolation);
        }
        let log = self.logs.log_mut(partition).ok_or(ErrorCode::KafkaStorageError)?;
        let offset = if offset == HIGH_WATERMARK { log.high_watermark() } else { offset };
        if offset < 0 {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        let store = store_of(stores, log.directory())?;
        log.increment_log_start_offset(offset, store)?;
        Ok(offset)
    }

    /// Answers where every live replica has followed.
    pub(super) fn try_complete_delete_records(&mut self, id: OperationId) {
        let Some(delete) = self.delete_records.operation(id) else { return };
        let outcomes: Vec<_> = delete
            .pending
            .iter()
            .filter_map(|deletion| match self.low_watermark(&deletion.partition) {
                Ok(low_watermark) if low_watermark < deletion.offset => None,
                result => Some((deletion.place, result)),
            })
            .collect();
        let Some(delete) = self.delete_records.operation_mut(id) else { return };
        for (place, outcome) in outcomes {
            delete.pending.retain(|deletion| deletion.place != place);
            match outcome {
                Ok(low_watermark) => delete.set(place, low_watermark, ErrorCode::None),
                Err(error) => delete.set(place, -1, error),
            }
        }
        if delete.pending.is_empty()
            && let Some(delete) = self.delete_records.complete(id)
        {
            self.respond_delete_records(delete);
        }
    }

    /// Its time is over: what is still pending timed out.
    pub(super) fn expire_delete_records(&mut self, mut delete: DelayedDeleteRecords) {
        for deletion in core::mem::take(&mut delete.pending) {
            let low_watermark = self.low_watermark(&deletion.partition).unwrap_or(-1);
            delete.set(deletion.place, low_watermark, ErrorCode::RequestTimedOut);
        }
        self.respond_delete_records(delete);
    }

    fn low_watermark(&self, partition: &TopicPartition) -> Result<Offset, ErrorCode> {
        let (hosted, log) = self.led(partition)?;
        Ok(hosted.partition.low_watermark(log.log_start_offset(), &self.brokers))
    }

    fn respond_delete_records(&mut self, delete: DelayedDeleteRecords) {
        let response = Response::DeleteRecords(delete.response);
        self.outputs.push_back(Output::Respond { token: delete.token, response });
    }
}

impl DelayedDeleteRecords {
    fn set(&mut self, (topic, partition): (usize, usize), low_watermark: Offset, error: ErrorCode) {
        let result = self.response.topics.get_mut(topic).and_then(|topic| topic.partitions.get_mut(partition));
        if let Some(result) = result {
            result.low_watermark = low_watermark;
            result.error_code = error.code();
        }
    }
}
