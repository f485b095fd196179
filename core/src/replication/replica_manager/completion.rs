//! Trying again what waits in purgatory.

use super::ReplicaManager;
use crate::ids::TopicPartition;
use crate::time::Now;

impl ReplicaManager {
    /// Tries everything that waits for `partition`.
    pub(super) fn complete_for(&mut self, now: Now, partition: &TopicPartition) {
        for id in self.produces.check(partition) {
            self.try_complete_produce(id, partition);
        }
        for id in self.fetches.check(partition) {
            self.try_complete_fetch(now, id, partition);
        }
        for id in self.delete_records.check(partition) {
            self.try_complete_delete_records(id);
        }
        for id in self.markers.check(partition) {
            self.try_complete_marker(id);
        }
    }

    /// Answers what has waited as long as it may.
    pub(super) fn expire(&mut self, now: Now) {
        for produce in self.produces.expire(now.monotonic) {
            self.expire_produce(produce);
        }
        for fetch in self.fetches.expire(now.monotonic) {
            self.answer_fetch(now, fetch);
        }
        for delete in self.delete_records.expire(now.monotonic) {
            self.expire_delete_records(delete);
        }
        for marker in self.markers.expire(now.monotonic) {
            self.expire_marker(&marker);
        }
    }
}
