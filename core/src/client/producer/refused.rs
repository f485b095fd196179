//! Records that a broker refused for good, each with what it said of it (KIP-467).

use super::{Producer, ProducerEvent};
use crate::client::accumulator::SentBatch;
use crate::ids::TopicPartition;
use crate::protocol::ErrorCode;
use crate::protocol::messages::produce_response::PartitionProduceResponse;
use crate::text::Str;
use alloc::vec;

/// What is said of a record with which nothing is wrong, but with another of its batch.
pub const PART_OF_REFUSED_BATCH: &str =
    "Failed to append record because it was part of a batch which had one more more invalid records";

impl Producer {
    /// Gives up a batch, `answer` being that of its partition.
    pub(super) fn refused(&mut self, sent: &SentBatch, error: ErrorCode, answer: Option<&PartitionProduceResponse>) {
        let queue = self.accumulator.queues.get_mut(&sent.partition);
        let ids = queue.and_then(|queue| queue.refuse(sent.batch_id)).map(|batch| batch.record_ids).unwrap_or_default();
        let TopicPartition { topic, partition } = sent.partition.clone();
        let said = answer.and_then(|answer| answer.error_message.clone());
        let Some(answer) = answer.filter(|answer| !answer.record_errors.is_empty()) else {
            return self.fail(topic, partition, ids, error, said);
        };
        self.note_failure(error);
        // Kafka's producer knows the error of one record only, so several wrong ones are invalid, whatever is wrong.
        let error = if answer.record_errors.len() == 1 { error } else { ErrorCode::InvalidRecord };
        for (index, id) in ids.into_iter().enumerate() {
            let found = answer.record_errors.iter().rfind(|record| usize::try_from(record.batch_index) == Ok(index));
            let message = match found {
                Some(record) => record.batch_index_error_message.clone().or_else(|| said.clone()),
                None => Some(Str::from_static(PART_OF_REFUSED_BATCH)),
            };
            let topic = topic.clone();
            self.events.push_back(ProducerEvent::Failed { ids: vec![id], topic, partition, error, message });
        }
    }
}
