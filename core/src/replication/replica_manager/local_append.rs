//! Appends of this node's own: what a group coordinator writes.

use super::produce::Until;
use super::{Output, ReplicaManager};
use crate::ids::{Offset, TopicPartition};
use crate::log::storage::StoreQueue;
use crate::log::{AppendError, AppendOrigin};
use crate::protocol::ErrorCode;
use crate::purgatory::OperationId;
use crate::time::{Duration, Now};

/// Names an append in [`Output::LocalAppendReplicated`]; chosen by who appends.
pub type LocalAppendId = u64;

/// An append that is not committed yet.
#[derive(Clone, Debug)]
pub(super) struct DelayedLocalAppend {
    append_id: LocalAppendId,
    until: Until,
    partition: TopicPartition,
}

impl ReplicaManager {
    /// Appends whole batches to a partition this broker leads. Answers the base offset at once; with `acks` -1 an
    /// [`Output::LocalAppendReplicated`] follows when it is committed, failed or `timeout` is over.
    pub fn append_local(
        &mut self,
        now: Now,
        stores: &mut [StoreQueue],
        partition: &TopicPartition,
        records: &[u8],
        acks: i16,
        timeout: Duration,
        append_id: LocalAppendId,
    ) -> Result<Offset, AppendError> {
        let info = self.append(now, stores, partition, records, acks, AppendOrigin::Coordinator)?;
        match self.until(partition, info.last_offset + 1, acks) {
            None => {
                self.outputs.push_back(Output::LocalAppendReplicated { append_id, result: Ok(()) });
            }
            Some(until) => {
                let delayed = DelayedLocalAppend { append_id, until, partition: partition.clone() };
                let id = self.local_appends.watch(delayed, [partition.clone()], now.monotonic + timeout);
                self.try_complete_local_append(id);
            }
        }
        self.settle(now);
        Ok(info.first_offset)
    }

    /// Tells of a waiting append where it is committed or failed.
    pub(super) fn try_complete_local_append(&mut self, id: OperationId) {
        let Some(delayed) = self.local_appends.operation(id) else { return };
        let Some(result) = self.check_until(&delayed.partition, delayed.until) else { return };
        if let Some(delayed) = self.local_appends.complete(id) {
            self.outputs.push_back(Output::LocalAppendReplicated { append_id: delayed.append_id, result });
        }
    }

    /// Its time is over.
    pub(super) fn expire_local_append(&mut self, delayed: &DelayedLocalAppend) {
        let result = Err(ErrorCode::RequestTimedOut);
        self.outputs.push_back(Output::LocalAppendReplicated { append_id: delayed.append_id, result });
    }
}
