//! What Kafka's producer says of records that fail, which several tools repeat.

use super::failure::{Exception, KAFKA_EXCEPTION};
use super::terminal::Terminal;
use crate::client::ProducerEvent;
use crate::client::producer::{self, PART_OF_REFUSED_BATCH};
use crate::ids::PartitionIndex;
use crate::protocol::ErrorCode;
use alloc::format;

const SENDER: &str = "org.apache.kafka.clients.producer.internals.Sender";

/// Logs that a batch failed and will be sent again.
pub(super) fn log_retry(terminal: &Terminal, client_id: &str, event: &ProducerEvent) {
    let ProducerEvent::Retrying { topic, partition, error, attempts_left, correlation_id } = event else { return };
    let line = format!(
        "[Producer clientId={client_id}] Got error produce response with correlation id {correlation_id} on \
         topic-partition {topic}-{partition}, retrying ({attempts_left} attempts left). Error: {}",
        error.name()
    );
    terminal.log("WARN", &line, SENDER);
}

/// The exception of a record that no request can hold.
pub(super) fn too_large(size: usize, max_request_size: usize) -> Exception {
    let message = producer::too_large(size, max_request_size);
    Exception::of(ErrorCode::MessageTooLarge, Some(&message))
}

/// The exception of records that were given up; `partition` is negative where none was chosen.
pub(super) fn failure(
    topic: &str,
    partition: PartitionIndex,
    error: ErrorCode,
    message: Option<&str>,
    records: usize,
    max_block_ms: u64,
    delivery_ms: u64,
) -> Exception {
    let timed_out = |message: &str| Exception::of(ErrorCode::RequestTimedOut, Some(message));
    match error {
        ErrorCode::InvalidTopicException => Exception::of(error, Some(&format!("Invalid topics: [{topic}]"))),
        _ if partition < 0 && (error == ErrorCode::RequestTimedOut || error.is_retriable()) => {
            timed_out(&format!("Topic {topic} not present in metadata after {max_block_ms} ms."))
        }
        ErrorCode::RequestTimedOut => timed_out(&format!(
            "Expiring {records} record(s) for {topic}-{partition}:{delivery_ms} ms has passed since batch creation. The \
             request has not been sent, or no server response has been received yet."
        )),
        _ if message == Some(PART_OF_REFUSED_BATCH) => Exception::new(KAFKA_EXCEPTION, PART_OF_REFUSED_BATCH),
        _ => Exception::of(error, message),
    }
}
