//! Records looked at, in no group: where the log begins and ends, then as many fetches as it takes.

use super::desk::{Outcome, decoded, judge, leader};
use super::{record_view, refusal};
use crate::bridge::{RecordView, Refusal};
use broker_core::client::{Answer, NetworkClient, RequestOptions, Target};
use broker_core::ids::{NO_NODE, NodeId};
use broker_core::protocol::ErrorCode;
use broker_core::protocol::Records;
use broker_core::protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use broker_core::protocol::messages::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use broker_core::record::{Batches, RecordError};
use broker_core::text::Str;
use broker_core::time::Now;

/// What `ListOffsets` calls the beginning and the end of a log.
const EARLIEST: i64 = -2;
const LATEST: i64 = -1;
/// The last version of Fetch that names topics; later ones need their ids.
const FETCH_BY_NAME: i16 = 12;
/// As a consumer asks.
const PARTITION_MAX_BYTES: i32 = 1 << 20;
/// Records somebody can look at.
const MOST_RECORDS: u32 = 1000;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Browse {
    topic: Str,
    partition: i32,
    from: Option<i64>,
    limit: u32,
    log_start_offset: Option<i64>,
    high_watermark: Option<i64>,
    /// The next offset to fetch, once it is known.
    position: Option<i64>,
    records: Vec<RecordView>,
}

/// What a browse did.
pub(super) enum Step {
    /// Its next request is under way.
    Sent,
    /// Not yet.
    Retry(Refusal),
    /// It cannot.
    Failed(Refusal),
    /// All is read.
    Done,
}

impl Browse {
    pub(super) fn new(topic: Str, partition: i32, from: Option<i64>, limit: u32) -> Self {
        let limit = limit.min(MOST_RECORDS);
        Self {
            topic,
            partition,
            from,
            limit,
            log_start_offset: None,
            high_watermark: None,
            position: None,
            records: Vec::new(),
        }
    }

    pub(super) fn topic(&self) -> &Str {
        &self.topic
    }

    /// What was read.
    pub(super) fn into_records(self) -> Vec<RecordView> {
        self.records
    }

    /// Sends what it needs next.
    pub(super) fn step(&mut self, network: &mut NetworkClient<u32>, now: Now, ticket: u32) -> Step {
        network.want_topic(&self.topic);
        let leader = match leader(network, &self.topic, self.partition) {
            Ok(leader) => leader,
            Err(step) => return step,
        };
        let (Some(start), Some(end)) = (self.log_start_offset, self.high_watermark) else {
            let timestamp = if self.log_start_offset.is_none() { EARLIEST } else { LATEST };
            self.list_offset(network, now, leader, timestamp, ticket);
            return Step::Sent;
        };
        let newest = end - i64::from(self.limit);
        let position = *self.position.get_or_insert(self.from.unwrap_or(newest).max(start));
        if position >= end || self.records.len() >= self.limit as usize {
            return Step::Done;
        }
        self.fetch(network, now, leader, position, ticket);
        Step::Sent
    }

    /// Takes what its last request brought.
    pub(super) fn answered(&mut self, answer: &Answer<u32>) -> Outcome {
        let taken = if self.high_watermark.is_none() { self.offset_came(answer) } else { self.records_came(answer) };
        taken.unwrap_or_else(|outcome| outcome)
    }

    fn list_offset(&self, network: &mut NetworkClient<u32>, now: Now, leader: NodeId, timestamp: i64, ticket: u32) {
        let partition = ListOffsetsPartition { partition_index: self.partition, timestamp, ..Default::default() };
        let topic = ListOffsetsTopic { name: self.topic.clone(), partitions: vec![partition] };
        let request = ListOffsetsRequest { replica_id: NO_NODE, topics: vec![topic], ..Default::default() };
        network.send(now, Target::Node(leader), request, ticket);
    }

    fn offset_came(&mut self, answer: &Answer<u32>) -> Result<Outcome, Outcome> {
        let response = decoded::<ListOffsetsRequest>(answer)?;
        let partition = response.topics.into_iter().flat_map(|topic| topic.partitions).next();
        let partition = partition.ok_or_else(nothing_said)?;
        let outcome = judge(partition.error_code, None);
        if matches!(outcome, Outcome::GoOn) {
            let slot = match self.log_start_offset {
                None => &mut self.log_start_offset,
                Some(_) => &mut self.high_watermark,
            };
            *slot = Some(partition.offset);
        }
        Ok(outcome)
    }

    fn fetch(&self, network: &mut NetworkClient<u32>, now: Now, leader: NodeId, offset: i64, ticket: u32) {
        let partition = FetchPartition {
            partition: self.partition,
            fetch_offset: offset,
            partition_max_bytes: PARTITION_MAX_BYTES,
            ..Default::default()
        };
        let topic = FetchTopic { topic: self.topic.clone(), partitions: vec![partition], ..Default::default() };
        let request = FetchRequest {
            replica_id: NO_NODE,
            max_wait_ms: 0,
            max_bytes: PARTITION_MAX_BYTES,
            // No session: a full fetch that shall not become one.
            session_id: 0,
            session_epoch: -1,
            topics: vec![topic],
            ..Default::default()
        };
        let options = RequestOptions { max_version: Some(FETCH_BY_NAME), ..Default::default() };
        network.send_with(now, Target::Node(leader), request, ticket, options);
    }

    fn records_came(&mut self, answer: &Answer<u32>) -> Result<Outcome, Outcome> {
        let response = decoded::<FetchRequest>(answer)?;
        if let outcome @ (Outcome::Retry(_) | Outcome::Failed(_)) = judge(response.error_code, None) {
            return Ok(outcome);
        }
        let partition = response.responses.into_iter().flat_map(|topic| topic.partitions).next();
        let partition = partition.ok_or_else(nothing_said)?;
        let outcome = judge(partition.error_code, None);
        if matches!(outcome, Outcome::GoOn) {
            let before = self.position;
            self.take(&partition.records.unwrap_or_default()).map_err(|error| {
                Outcome::Failed(refusal(ErrorCode::CorruptMessage, Some(&Str::from(error.to_string()))))
            })?;
            if self.position == before {
                // The high watermark said there is more, and the leader gives nothing: it fell behind a new one.
                return Ok(Outcome::Retry(refusal(ErrorCode::OffsetNotAvailable, None)));
            }
        }
        Ok(outcome)
    }

    fn take(&mut self, records: &Records) -> Result<(), RecordError> {
        for batch in Batches::new(records.to_bytes()) {
            let batch = batch?;
            if !batch.header().is_control() {
                for record in batch.iter()? {
                    let record = record?;
                    let is_wanted = Some(record.offset) >= self.position && Some(record.offset) < self.high_watermark;
                    if is_wanted && self.records.len() < self.limit as usize {
                        self.records.push(record_view(&self.topic, self.partition, &record));
                    }
                }
            }
            self.position = self.position.max(Some(batch.header().next_offset()));
        }
        Ok(())
    }
}

fn nothing_said() -> Outcome {
    Outcome::Failed(refusal(ErrorCode::UnknownServerError, None))
}
