//! Appends of this node's own: what a group coordinator writes.

use super::ReplicaManager;
use crate::ids::{Offset, TopicPartition};
use crate::log::storage::StoreQueue;
use crate::log::{AppendError, AppendOrigin, TransactionContext};
use crate::time::Now;

impl ReplicaManager {
    /// Appends whole batches to a partition this broker leads and answers the base offset. Who appends with `acks` -1
    /// learns from [`super::Output::HighWatermarkAdvanced`] how far the partition is replicated, and from
    /// [`super::Output::StoppedLeading`] that nobody will say so any more; how long to wait is its own affair.
    pub fn append_local(
        &mut self,
        now: Now,
        stores: &mut [StoreQueue],
        partition: &TopicPartition,
        records: &[u8],
        acks: i16,
    ) -> Result<Offset, AppendError> {
        let info = self.append(
            now,
            stores,
            partition,
            records,
            acks,
            AppendOrigin::Coordinator,
            &TransactionContext::default(),
        )?;
        self.settle(now);
        Ok(info.first_offset)
    }
}
