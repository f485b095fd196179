//! Appends of this node's own: what its coordinators write.

use super::produce::AppendTerms;
use super::transactions::VerifyingLocal;
use super::{Output, ReplicaManager, TransactionVerification};
use crate::ids::{Offset, TopicPartition};
use crate::log::storage::StoreQueue;
use crate::log::{AppendError, AppendOrigin, TransactionContext, VerificationGuard};
use crate::protocol::ErrorCode;
use crate::record::NO_SEQUENCE;
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
        self.append_local_in(now, stores, partition, records, acks, &TransactionContext::default())
    }

    /// The same, with `acks` -1, for a batch of a client's transaction, verified with `guard` ([`Self::verify_local`]), or
    /// for the marker of one, of which `transaction_version` is the `TransactionVersion`.
    pub fn append_local_transactional(
        &mut self,
        now: Now,
        stores: &mut [StoreQueue],
        partition: &TopicPartition,
        records: &[u8],
        guard: VerificationGuard,
        transaction_version: i8,
    ) -> Result<Offset, AppendError> {
        let verified = self.partitions.get(partition).is_some_and(|hosted| hosted.settings.verify_transactions);
        let context = TransactionContext { guard, verified, transaction_version };
        self.append_local_in(now, stores, partition, records, -1, &context)
    }

    fn append_local_in(
        &mut self,
        now: Now,
        stores: &mut [StoreQueue],
        partition: &TopicPartition,
        records: &[u8],
        acks: i16,
        context: &TransactionContext,
    ) -> Result<Offset, AppendError> {
        let terms = AppendTerms { acks, origin: AppendOrigin::Coordinator, context, validated: None };
        let info = self.append(now, stores, partition, records, terms)?;
        self.settle(now);
        Ok(info.first_offset)
    }

    /// Asks the coordinator of a client's transaction whether the one partition of `verification`, which a coordinator of
    /// this node is to append to, belongs to it; [`Output::LocalVerified`] with `token` follows.
    pub fn verify_local(&mut self, now: Now, verification: TransactionVerification, token: u64) {
        let Some(partition) = verification.partitions.first().cloned() else { return };
        let at = (verification.producer_epoch, NO_SEQUENCE);
        let started = self.start_verification(now, &partition, verification.producer_id, at, verification.operation);
        match started {
            Ok(Some(guard)) => {
                let verification_id = self.next_id();
                self.verifying_local.insert(verification_id, VerifyingLocal { token, partition, guard });
                self.outputs.push_back(Output::VerifyTransaction { verification_id, verification });
            }
            Ok(None) => self.local_verified(token, Ok(VerificationGuard::SENTINEL)),
            Err(error) => self.local_verified(token, Err(error)),
        }
    }

    /// The coordinator answered what [`Self::verify_local`] asked.
    pub(super) fn take_local_verification(&mut self, waiting: &VerifyingLocal, errors: &[(TopicPartition, ErrorCode)]) {
        let error = errors.iter().find(|(partition, _)| *partition == waiting.partition);
        self.local_verified(waiting.token, error.map_or(Ok(waiting.guard), |(_, error)| Err(*error)));
    }

    fn local_verified(&mut self, token: u64, result: Result<VerificationGuard, ErrorCode>) {
        self.outputs.push_back(Output::LocalVerified { token, result });
    }

    /// True where this broker has a replica of the partition, on a directory that works.
    pub fn is_online(&self, partition: &TopicPartition) -> bool {
        self.partitions.get(partition).is_some_and(|hosted| !hosted.offline)
    }
}
