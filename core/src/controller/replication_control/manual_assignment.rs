//! Replica lists that somebody wrote by hand.

use super::super::decision::{ApiError, Decision};
use crate::ids::NodeId;
use crate::protocol::ErrorCode;
use crate::sorted::sort;
use alloc::format;

impl Decision<'_> {
    /// Checks one list; `replication_factor` is that of the partitions before it.
    pub(super) fn check_manual_assignment(
        self,
        replicas: &[NodeId],
        replication_factor: Option<usize>,
    ) -> Result<(), ApiError> {
        let refused = |message| Err(ApiError::new(ErrorCode::InvalidReplicaAssignment, message));
        if replicas.is_empty() {
            return refused("The manual partition assignment includes an empty replica list.".into());
        }
        let mut sorted = replicas.to_vec();
        sort(&mut sorted);
        let mut previous = None;
        for broker in sorted {
            if self.image.cluster.broker(broker).is_none() {
                return refused(format!(
                    "The manual partition assignment includes broker {broker}, but no such broker is registered."
                ));
            }
            if previous == Some(broker) {
                return refused(format!(
                    "The manual partition assignment includes the broker {broker} more than once."
                ));
            }
            previous = Some(broker);
        }
        match replication_factor {
            Some(factor) if factor != replicas.len() => refused(format!(
                "The manual partition assignment includes a partition with {} replica(s), but this is not consistent \
                 with previous partitions, which have {factor} replica(s).",
                replicas.len()
            )),
            _ => Ok(()),
        }
    }
}
