//! What a coordinator of this node appends for a client's transaction.

use super::*;
use crate::ids::ProducerId;
use crate::log::VerificationGuard;

const PRODUCER: ProducerId = 7;

fn offsets() -> Bytes {
    let mut builder = BatchBuilder::new(0).with_producer(PRODUCER, 2, 0).transactional();
    builder.append(1_700_000_000_000, Some(b"k"), Some(b"v"), &[]);
    builder.build()
}

fn end(transaction_version: i8, producer_epoch: i16) -> (Bytes, i8) {
    let batch = crate::record::control::end_transaction_marker(0, PRODUCER, producer_epoch, 1, true);
    (batch, transaction_version)
}

impl Cluster {
    fn verify(&mut self, partition: TopicPartition, token: u64) {
        let verification = TransactionVerification {
            transactional_id: Str::from_static("one"),
            producer_id: PRODUCER,
            producer_epoch: 2,
            partitions: vec![partition],
            operation: TransactionSupportedOperation::GenericErrorSupported,
        };
        self.act(0, |manager, _, now| manager.verify_local(now, verification, token));
    }

    /// The id of the question to the coordinator, if it was asked; it is told once.
    fn question(&mut self) -> Option<u64> {
        let index = self.told.iter().position(|(_, output)| matches!(output, Output::VerifyTransaction { .. }))?;
        match self.told.remove(index).1 {
            Output::VerifyTransaction { verification_id, .. } => Some(verification_id),
            _ => None,
        }
    }

    fn verified(&self, of: u64) -> Option<Result<VerificationGuard, ErrorCode>> {
        self.told.iter().find_map(|(_, output)| match output {
            Output::LocalVerified { token, result } if *token == of => Some(*result),
            _ => None,
        })
    }

    fn append_for_client(&mut self, batch: &Bytes, guard: VerificationGuard, version: i8) -> Result<Offset, ErrorCode> {
        let mut result = Err(ErrorCode::UnknownServerError);
        self.act(0, |manager, stores, now| {
            result = manager
                .append_local_transactional(now, stores, &tp(), batch, guard, version)
                .map_err(|refused| refused.code);
        });
        result
    }
}

#[test]
fn a_coordinator_appends_to_a_transaction_with_the_guard_of_its_verification() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    let unverified = VerificationGuard::SENTINEL;
    assert_eq!(cluster.append_for_client(&offsets(), unverified, 0), Err(ErrorCode::InvalidTxnState));
    cluster.verify(tp(), 1);
    let id = cluster.question().expect("a question");
    assert_eq!(cluster.verified(1), None);
    cluster.act(0, |manager, stores, now| manager.transaction_verified(now, stores, id, &[]));
    let Some(Ok(guard)) = cluster.verified(1) else { panic!() };
    assert_eq!(cluster.append_for_client(&offsets(), guard, 0), Ok(0));
    // The transaction is open: it needs no verification.
    cluster.verify(tp(), 2);
    assert_eq!((cluster.question(), cluster.verified(2)), (None, Some(Ok(unverified))));
    assert_eq!(cluster.append_for_client(&offsets(), unverified, 0), Ok(1));
    // Markers are held to what their version says of epochs.
    for ((batch, version), result) in
        [(end(2, 2), Err(ErrorCode::InvalidProducerEpoch)), (end(2, 3), Ok(2)), (end(0, 3), Ok(3))]
    {
        assert_eq!(cluster.append_for_client(&batch, unverified, version), result, "TV{version}");
    }
}

#[test]
fn what_is_no_part_of_a_transaction_is_told_to_the_coordinator_that_asked() {
    let mut cluster = Cluster::new(1, FLUSHED);
    cluster.run_millis(600);
    cluster.verify(tp(), 1);
    let id = cluster.question().expect("a question");
    let errors = [(tp(), ErrorCode::InvalidTxnState)];
    cluster.act(0, |manager, stores, now| manager.transaction_verified(now, stores, id, &errors));
    assert_eq!(cluster.verified(1), Some(Err(ErrorCode::InvalidTxnState)));
    cluster.verify(TopicPartition::new("elsewhere", 0), 2);
    assert!(cluster.question().is_none() && matches!(cluster.verified(2), Some(Err(_))));
}
