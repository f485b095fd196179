//! `abort` and `forceTerminateTransaction`.

use super::ask::{Client, error_of};
use super::{failed, partition, wrong};
use crate::cli::arguments::argparse::Arguments;
use crate::cli::failure::{Exception, Failure};
use crate::ids::{ProducerId, TopicPartition};
use crate::protocol::ErrorCode;
use crate::protocol::messages::InitProducerIdRequest;
use crate::protocol::messages::write_txn_markers_request::{
    WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest,
};
use crate::text::Str;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use core::fmt;

/// Kafka's `AbortTransactionSpec`: whose transaction is to end, and where.
struct Spec {
    partition: TopicPartition,
    producer_id: ProducerId,
    producer_epoch: i16,
    coordinator_epoch: i32,
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "AbortTransactionSpec(topicPartition={}, producerId={}, producerEpoch={}, coordinatorEpoch={})",
            self.partition, self.producer_id, self.producer_epoch, self.coordinator_epoch
        )
    }
}

pub(super) async fn abort(client: &Client, arguments: &Arguments) -> Result<(), Failure> {
    let start_offset = arguments.number::<i64>("start-offset");
    let spec = match (start_offset, arguments.number("producer-id")) {
        (Some(start_offset), _) => spec_of(client, partition(arguments), start_offset).await?,
        (None, Some(producer_id)) => {
            let missing = |name: &str| wrong(&client.terminal, &format!("Missing required argument --{name}"));
            let producer_epoch = arguments.number("producer-epoch").ok_or_else(|| missing("producer-epoch"))?;
            let coordinator_epoch =
                arguments.number::<i32>("coordinator-epoch").ok_or_else(|| missing("coordinator-epoch"))?;
            // -1 is what is told of a producer that never ended a transaction; no coordinator's epoch is below 0.
            let coordinator_epoch = coordinator_epoch.max(0);
            Spec { partition: partition(arguments), producer_id, producer_epoch, coordinator_epoch }
        }
        (None, None) => {
            return Err(wrong(
                &client.terminal,
                "The transaction to abort must be identified either with --start-offset (for brokers on 3.0 or above) or \
                 with --producer-id, --producer-epoch, and --coordinator-epoch (for older brokers)",
            ));
        }
    };
    let ended = write_marker(client, &spec).await;
    ended.map_err(|cause| failed(&client.terminal, &format!("Failed to abort transaction {spec}"), &cause))
}

/// The transaction that begins with this offset.
async fn spec_of(client: &Client, partition: TopicPartition, start_offset: i64) -> Result<Spec, Failure> {
    let producers = client.describe_producers(core::slice::from_ref(&partition), None).await.map_err(|cause| {
        failed(&client.terminal, &format!("Failed to validate producer state for partition {partition}"), &cause)
    })?;
    let mut producers = producers.into_iter().flat_map(|(_, producers)| producers);
    let found = producers
        .find(|producer| producer.current_txn_start_offset >= 0 && producer.current_txn_start_offset == start_offset);
    let Some(found) = found else {
        let message =
            format!("Could not find any open transactions starting at offset {start_offset} on partition {partition}");
        return Err(wrong(&client.terminal, &message));
    };
    Ok(Spec {
        partition,
        producer_id: found.producer_id,
        // Java's cast.
        producer_epoch: found.producer_epoch as i16,
        coordinator_epoch: found.coordinator_epoch.max(0),
    })
}

async fn write_marker(client: &Client, spec: &Spec) -> Result<(), Exception> {
    const CALL: &str = "abortTransaction(api=METADATA)";
    let deadline = client.deadline();
    loop {
        client.await_leaders(core::slice::from_ref(&spec.partition), deadline, CALL).await?;
        let topic = WritableTxnMarkerTopic {
            name: spec.partition.topic.clone(),
            partition_indexes: vec![spec.partition.partition],
        };
        let marker = WritableTxnMarker {
            producer_id: spec.producer_id,
            producer_epoch: spec.producer_epoch,
            transaction_result: false,
            topics: vec![topic],
            coordinator_epoch: spec.coordinator_epoch,
            ..WritableTxnMarker::default()
        };
        let response = client.ask(None, WriteTxnMarkersRequest { markers: vec![marker] }, CALL).await?;
        let markers = response.markers.iter().filter(|marker| marker.producer_id == spec.producer_id);
        let topics = markers.flat_map(|marker| &marker.topics).filter(|topic| topic.name == spec.partition.topic);
        let mut partitions = topics.flat_map(|topic| &topic.partitions);
        let answer = partitions.find(|answer| answer.partition_index == spec.partition.partition);
        let error = answer.map_or(ErrorCode::UnknownServerError, |answer| error_of(answer.error_code));
        let why = match error {
            ErrorCode::None => return Ok(()),
            ErrorCode::NotLeaderOrFollower
            | ErrorCode::ReplicaNotAvailable
            | ErrorCode::BrokerNotAvailable
            | ErrorCode::UnknownTopicOrPartition => {
                client.back_off(deadline, CALL).await?;
                continue;
            }
            ErrorCode::ClusterAuthorizationFailed => {
                ("failed cluster authorization".into(), "failed due to cluster authorization error".into())
            }
            ErrorCode::InvalidProducerEpoch => {
                ("failed due to an invalid producer epoch".into(), "failed due an invalid producer epoch".into())
            }
            ErrorCode::TransactionCoordinatorFenced => (
                "failed because the coordinator epoch is fenced".into(),
                format!(
                    "failed since the provided coordinator epoch {} has been fenced by the active coordinator",
                    spec.coordinator_epoch
                ),
            ),
            error => (
                format!("failed due to an unexpected error {}", error.name()),
                format!("failed due to unexpected error: {}", error.message()),
            ),
        };
        let (logged, why): (String, String) = why;
        client.log(&format!("WriteTxnMarkers request for abort spec {spec} {logged}"), "AbortTransactionHandler", None);
        return Err(Exception::of(error, Some(&format!("WriteTxnMarkers request with {spec} {why}"))));
    }
}

/// Ends the open transaction of a transactional id, as a new producer with it would.
pub(super) async fn force_terminate(client: &Client, arguments: &Arguments) -> Result<(), Failure> {
    let id = arguments.value("transactionalId").unwrap_or_default();
    let fenced = fence(client, id).await;
    fenced
        .map_err(|cause| failed(&client.terminal, &format!("Failed to force terminate transactionalId `{id}`"), &cause))
}

async fn fence(client: &Client, id: &str) -> Result<(), Exception> {
    const CALL: &str = "fenceProducer";
    let deadline = client.deadline();
    loop {
        let coordinator = client.coordinator(id, deadline, CALL).await?;
        let request = InitProducerIdRequest {
            transactional_id: Some(Str::from(id)),
            transaction_timeout_ms: i32::try_from(client.request_timeout.as_millis()).unwrap_or(i32::MAX),
            producer_id: -1,
            producer_epoch: -1,
            ..InitProducerIdRequest::default()
        };
        let call = format!("{CALL}(api=INIT_PRODUCER_ID)");
        let response = client.ask(Some(coordinator), request, &call).await?;
        let error = error_of(response.error_code);
        let why = match error {
            ErrorCode::None => return Ok(()),
            ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::ConcurrentTransactions
            | ErrorCode::NotCoordinator
            | ErrorCode::CoordinatorNotAvailable => {
                client.back_off(deadline, &call).await?;
                continue;
            }
            ErrorCode::ClusterAuthorizationFailed => "cluster authorization failure",
            ErrorCode::TransactionalIdAuthorizationFailed => "transactional ID authorization failure",
            _ => "unexpected error",
        };
        let message = format!("InitProducerId request for transactionalId `{id}` failed due to {why}");
        return Err(Exception::of(error, Some(&message)));
    }
}
