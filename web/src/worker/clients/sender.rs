//! A producer and what it was asked to send: once, several times, or again and again at a rate.

use super::{Client, Parameters, refusal};
use crate::bridge::{Acknowledged, ClientsReport, Draft, ProducerView, Refusal};
use crate::commands::NUMBER;
use broker_core::client::producer::{Producer, ProducerConfig, ProducerEvent, ProducerRecord, SendError};
use broker_core::client::{ClientInput, ClientOutput};
use broker_core::protocol::ErrorCode;
use broker_core::sorted::SortedMap;
use broker_core::text::Str;
use broker_core::time::{Duration, Instant, Now};
use bytes::Bytes;
use std::collections::VecDeque;

/// Records a producer has on their way at most; what is asked beyond that waits here.
const MOST_UNFINISHED: usize = 1000;
/// See the module.
pub(super) struct Sender {
    number: u32,
    acks: i16,
    producer: Producer,
    /// By ticket.
    jobs: SortedMap<u32, Job>,
    /// The job of each record on its way.
    tickets: SortedMap<u64, u32>,
    acknowledged: u64,
    failed: u64,
    error: Option<Refusal>,
    is_closing: bool,
    is_closed: bool,
    reports: VecDeque<ClientsReport>,
}

struct Job {
    draft: Draft,
    topic: Str,
    sent: u32,
    acknowledged: u32,
    /// When the next record is sent.
    due: Instant,
    /// By partition: records acknowledged, offset of the last.
    partitions: SortedMap<i32, (u32, i64)>,
}

impl Sender {
    pub(super) fn new(number: u32, acks: i16, parameters: Parameters) -> Self {
        let Parameters { network, first_connection, rng } = parameters;
        let config = ProducerConfig {
            client_id: network.client_id,
            bootstrap: network.bootstrap,
            acks,
            metadata_max_age: network.metadata_max_age,
            ..Default::default()
        };
        Self {
            number,
            acks,
            producer: Producer::new(config, first_connection, rng),
            jobs: SortedMap::new(),
            tickets: SortedMap::new(),
            acknowledged: 0,
            failed: 0,
            error: None,
            is_closing: false,
            is_closed: false,
            reports: VecDeque::new(),
        }
    }

    /// True for the producer of this number and these `acks`, unless it closes.
    pub(super) fn is(&self, number: u32, acks: Option<i16>) -> bool {
        self.number == number && acks.is_none_or(|acks| self.acks == acks) && !self.is_closing
    }

    /// Takes an order; the answer names the ticket.
    pub(super) fn produce(&mut self, now: Now, ticket: u32, draft: Draft) {
        let topic = Str::from(draft.topic.as_str());
        let due = now.monotonic;
        let job = Job { draft, topic, sent: 0, acknowledged: 0, due, partitions: SortedMap::new() };
        self.jobs.insert(ticket, job);
        self.flow(now);
    }

    /// Sends nothing new, and closes once all that is on its way has arrived.
    pub(super) fn close(&mut self, now: Now) {
        self.is_closing = true;
        for ticket in self.jobs.keys().copied().collect::<Vec<_>>() {
            let Some(job) = self.jobs.get_mut(&ticket) else { continue };
            // Its answer counts what was still on its way, so it comes with the last of that.
            job.draft.count = job.sent;
            if job.acknowledged >= job.sent {
                self.conclude(ticket, None);
            }
        }
        self.producer.flush(now);
        self.flow(now);
    }

    pub(super) fn view(&self) -> ProducerView {
        ProducerView {
            producer: self.number,
            acks: self.acks,
            acknowledged: self.acknowledged,
            failed: self.failed,
            outstanding: self.producer.unfinished() as u64,
            rate: self.jobs.values().map(|job| job.draft.rate.max(0.0)).sum(),
            throttled_until_us: self.producer.throttled_until().map(Instant::as_micros),
            error: self.error.clone(),
        }
    }

    fn flow(&mut self, now: Now) {
        self.hear();
        for ticket in self.jobs.keys().copied().collect::<Vec<_>>() {
            self.send_due(now, ticket);
        }
        self.hear();
        if self.is_closing && self.producer.unfinished() == 0 && !self.is_closed {
            self.producer.close(now);
            self.is_closed = true;
        }
    }

    /// Sends what a job has to send by now, as far as there is room.
    fn send_due(&mut self, now: Now, ticket: u32) {
        while let Some(job) = self.jobs.get_mut(&ticket) {
            if !job.is_due(now) {
                return;
            }
            let is_full = self.producer.unfinished() >= MOST_UNFINISHED;
            match (!is_full).then(|| self.producer.send(now, job.record())) {
                Some(Ok(id)) => {
                    self.tickets.insert(id, ticket);
                    job.sent = job.sent.saturating_add(1);
                    job.due = job.due + job.interval();
                }
                Some(Err(SendError::RecordTooLarge { size, max_request_size })) => {
                    let message = format!(
                        "The message is {size} bytes when serialized which is larger than {max_request_size}, which is the value of the max.request.size configuration."
                    );
                    self.conclude(ticket, Some(refusal(ErrorCode::MessageTooLarge, Some(&message.into()))));
                }
                // This producer has no transactions.
                Some(Err(SendError::BufferExhausted | SendError::Transaction(_))) | None => {
                    // A rate is kept from now on, not made up for.
                    job.due = now.monotonic + job.interval();
                    return;
                }
            }
        }
    }

    fn hear(&mut self) {
        while let Some(event) = self.producer.poll_event() {
            match event {
                ProducerEvent::Delivered { ids, partition, base_offset, .. } => {
                    self.error = None;
                    self.acknowledged += ids.len() as u64;
                    for (index, id) in ids.into_iter().enumerate() {
                        let offset = if base_offset < 0 { -1 } else { base_offset + index as i64 };
                        self.delivered(id, partition, offset);
                    }
                }
                ProducerEvent::Failed { ids, error, message, .. } => {
                    self.failed += ids.len() as u64;
                    let error = refusal(error, message.as_ref());
                    self.error = Some(error.clone());
                    for id in ids {
                        if let Some(ticket) = self.tickets.remove(&id) {
                            self.conclude(ticket, Some(error.clone()));
                        }
                    }
                }
                // This producer has no transactions.
                ProducerEvent::Aborted { .. } => {}
                ProducerEvent::Retrying { error, .. } => self.error = Some(refusal(error, None)),
            }
        }
    }

    fn delivered(&mut self, id: u64, partition: i32, offset: i64) {
        let Some(ticket) = self.tickets.remove(&id) else { return };
        let Some(job) = self.jobs.get_mut(&ticket) else { return };
        job.acknowledged = job.acknowledged.saturating_add(1);
        let (count, last) = job.partitions.entry(partition).or_default();
        *count += 1;
        *last = offset;
        if job.acknowledged >= job.draft.count {
            self.conclude(ticket, None);
        }
    }

    fn conclude(&mut self, ticket: u32, error: Option<Refusal>) {
        let Some(job) = self.jobs.remove(&ticket) else { return };
        let partitions = job.partitions.into_iter().map(|(partition, (count, last))| (partition, count, last));
        let produced = Acknowledged::Produced { partitions: partitions.collect() };
        self.reports.push_back(ClientsReport::Answer { ticket, result: error.map_or(Ok(produced), Err) });
    }
}

impl Client for Sender {
    fn handle(&mut self, now: Now, input: ClientInput) {
        self.producer.handle(now, input);
        self.flow(now);
    }

    fn tick(&mut self, now: Now) {
        self.producer.tick(now);
        self.flow(now);
    }

    fn next_deadline(&self) -> Option<Instant> {
        let producer = self.producer.next_deadline().map(|(due, _)| due);
        let is_full = self.producer.unfinished() >= MOST_UNFINISHED;
        // Where there is no room, what makes room is an answer.
        let jobs = self.jobs.values().filter(|job| job.sent < job.draft.count && !is_full).map(|job| job.due);
        jobs.chain(producer).min()
    }

    fn poll_output(&mut self) -> Option<ClientOutput> {
        self.producer.poll_output()
    }

    fn poll_report(&mut self) -> Option<ClientsReport> {
        self.reports.pop_front()
    }

    fn is_over(&self) -> bool {
        self.is_closed
    }
}

impl Job {
    fn is_due(&self, now: Now) -> bool {
        self.sent < self.draft.count && self.due <= now.monotonic
    }

    /// The next record.
    fn record(&self) -> ProducerRecord {
        let numbered = |text: &str| Bytes::from(text.replace(NUMBER, &self.sent.to_string()));
        let header = |(key, value): &(String, String)| (Str::from(key.as_str()), Some(Bytes::from(value.clone())));
        ProducerRecord {
            topic: self.topic.clone(),
            partition: self.draft.partition,
            key: self.draft.key.as_deref().map(numbered),
            value: Some(numbered(&self.draft.value)),
            headers: self.draft.headers.iter().map(header).collect(),
            timestamp: None,
        }
    }

    fn interval(&self) -> Duration {
        if self.draft.rate > 0.0 {
            Duration::try_from_secs_f32(1.0 / self.draft.rate).unwrap_or(Duration::MAX)
        } else {
            Duration::ZERO
        }
    }
}
