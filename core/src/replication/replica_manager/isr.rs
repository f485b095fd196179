//! The in-sync replicas of the partitions this broker leads: who joins, who leaves, what the controller says to it.

use super::{Output, ReplicaManager};
use crate::ids::{NodeId, TopicPartition};
use crate::protocol::messages::AlterPartitionResponse;
use crate::replication::RequestFailed;
use crate::replication::partition::{AlterOutcome, IsrContext};
use crate::time::Now;
use alloc::vec::Vec;

impl ReplicaManager {
    /// Takes the controller's answer to an ISR change.
    pub fn alter_partition_response(
        &mut self,
        now: Now,
        request_id: u64,
        response: Result<AlterPartitionResponse, RequestFailed>,
    ) {
        for answer in self.alter_partitions.response(now.monotonic, request_id, response) {
            let Some(hosted) = self.partitions.get_mut(&answer.partition) else { continue };
            match hosted.partition.proposal_answered(answer.proposal, answer.result) {
                AlterOutcome::Committed { .. } => {
                    self.advance_high_watermark(now, &answer.partition);
                    self.touch(&answer.partition);
                }
                AlterOutcome::Retry => {
                    if let Some(item) = hosted.partition.alter_partition_item() {
                        self.alter_partitions.submit(answer.partition, item);
                        self.alter_partitions.back_off(now.monotonic);
                    }
                }
                AlterOutcome::RolledBack | AlterOutcome::AwaitMetadata | AlterOutcome::Ignored => {}
            }
        }
        self.settle(now);
    }

    /// Proposes `follower` for the ISR where it has caught up.
    pub(super) fn maybe_expand_isr(&mut self, now: Now, partition: &TopicPartition, follower: NodeId) {
        let (Some(hosted), Some(log)) = (self.partitions.get(partition), self.logs.log(partition)) else { return };
        let context = IsrContext {
            now: now.monotonic,
            lag_time_max: self.config.lag_time_max,
            min_in_sync_replicas: hosted.settings.min_in_sync_replicas,
            brokers: &self.brokers,
        };
        if !hosted.partition.should_expand(&context, follower, log.high_watermark()) {
            return;
        }
        let proposal = self.next_proposal();
        if let Some(hosted) = self.partitions.get_mut(partition)
            && let Some(item) = hosted.partition.propose_expand(follower, proposal)
        {
            self.alter_partitions.submit(partition.clone(), item);
        }
    }

    /// Proposes to remove who lags too far, of every partition this broker leads.
    pub(super) fn shrink_in_sync_replicas(&mut self, now: Now) {
        let mut lagging: Vec<(TopicPartition, Vec<NodeId>)> = Vec::new();
        for (partition, hosted) in &self.partitions {
            if hosted.partition.in_sync_replicas().len() < 2 {
                continue;
            }
            let Some(log) = self.logs.log(partition) else { continue };
            let context = IsrContext {
                now: now.monotonic,
                lag_time_max: self.config.lag_time_max,
                min_in_sync_replicas: hosted.settings.min_in_sync_replicas,
                brokers: &self.brokers,
            };
            let out_of_sync = hosted.partition.out_of_sync_replicas(&context, log.log_end_offset());
            if !out_of_sync.is_empty() {
                lagging.push((partition.clone(), out_of_sync));
            }
        }
        for (partition, out_of_sync) in lagging {
            let proposal = self.next_proposal();
            if let Some(hosted) = self.partitions.get_mut(&partition)
                && let Some(item) = hosted.partition.propose_shrink(out_of_sync, proposal)
            {
                self.alter_partitions.submit(partition, item);
            }
        }
    }

    pub(super) fn send_alter_partition(&mut self, now: Now) {
        let request_id = self.next_id;
        let (broker, broker_epoch) = (self.config.broker, self.broker_epoch);
        if let Some(request) = self.alter_partitions.next_request(now.monotonic, broker, broker_epoch, request_id) {
            self.next_id += 1;
            self.outputs.push_back(Output::SendAlterPartition { request_id, request });
        }
    }
}
