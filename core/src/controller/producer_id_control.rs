//! Blocks of producer ids.

use super::decision::{ApiError, ControllerResult, Decision};
use crate::metadata::MetadataRecord;
use crate::protocol::ErrorCode;
use crate::protocol::messages::{AllocateProducerIdsRequest, AllocateProducerIdsResponse, ProducerIdsRecord};
use alloc::vec;

/// Ids in a block.
const BLOCK_SIZE: i32 = 1000;

impl Decision<'_> {
    /// Gives a broker the next block of producer ids; what it does not use is never used.
    pub(super) fn allocate_producer_ids(
        self,
        request: &AllocateProducerIdsRequest,
    ) -> Result<ControllerResult<AllocateProducerIdsResponse>, ApiError> {
        self.current_broker(request.broker_id, request.broker_epoch)?;
        let producer_id_start = self.image.producer_ids.next_producer_id;
        let Some(next_producer_id) = producer_id_start.checked_add(i64::from(BLOCK_SIZE)) else {
            let message =
                "Exhausted all producerIds as the next block's end producerId has exceeded the int64 type limit";
            return Err(ApiError::new(ErrorCode::UnknownServerError, message));
        };
        let record =
            ProducerIdsRecord { broker_id: request.broker_id, broker_epoch: request.broker_epoch, next_producer_id };
        let response =
            AllocateProducerIdsResponse { producer_id_start, producer_id_len: BLOCK_SIZE, ..Default::default() };
        Ok(ControllerResult::new(vec![MetadataRecord::ProducerIds(record)], response))
    }
}
