//! A consumer that takes records as they come, and remembers the newest.

use super::{Client, Parameters, record_view, refusal};
use crate::bridge::{ClientsReport, ConsumerView, RecordView, Refusal};
use broker_core::client::consumer::{AutoOffsetReset, Consumer, ConsumerConfig, ConsumerEvent, MemberState};
use broker_core::client::{ClientInput, ClientOutput};
use broker_core::ids::TopicPartition;
use broker_core::sorted::SortedMap;
use broker_core::text::Str;
use broker_core::time::{Instant, Now};
use std::collections::VecDeque;

/// How many records are remembered.
const NEWEST: usize = 20;

/// See the module.
pub(super) struct Reader {
    number: u32,
    group: Option<String>,
    topics: Vec<Str>,
    from_beginning: bool,
    consumer: Consumer,
    /// Alone: how many partitions of each topic it reads.
    assigned: SortedMap<Str, i32>,
    received: u64,
    newest: VecDeque<RecordView>,
    error: Option<Refusal>,
    is_closing: bool,
    is_closed: bool,
}

impl Reader {
    pub(super) fn new(
        number: u32,
        group: Option<String>,
        topics: Vec<Str>,
        from_beginning: bool,
        parameters: Parameters,
    ) -> Self {
        let Parameters { network, first_connection, rng } = parameters;
        let config = ConsumerConfig {
            client_id: network.client_id,
            bootstrap: network.bootstrap,
            group_id: group.as_deref().map(Str::from),
            auto_offset_reset: if from_beginning { AutoOffsetReset::Earliest } else { AutoOffsetReset::Latest },
            metadata_max_age: network.metadata_max_age,
            ..Default::default()
        };
        let consumer = Consumer::new(config, first_connection, rng);
        Self {
            number,
            group,
            topics,
            from_beginning,
            consumer,
            assigned: SortedMap::new(),
            received: 0,
            newest: VecDeque::new(),
            error: None,
            is_closing: false,
            is_closed: false,
        }
    }

    /// True for the consumer of this number, unless it closes.
    pub(super) fn is(&self, number: u32) -> bool {
        self.number == number && !self.is_closing
    }

    /// Begins to read.
    pub(super) fn start(&mut self, now: Now) {
        if self.group.is_some() {
            self.consumer.subscribe(self.topics.clone());
        } else {
            // Whoever is assigned nothing of a topic never hears how many partitions it has.
            self.assigned = self.topics.iter().map(|topic| (topic.clone(), 1)).collect();
            self.assign();
        }
        self.tick(now);
    }

    /// Commits, leaves and closes.
    pub(super) fn close(&mut self, now: Now) {
        self.is_closing = true;
        self.consumer.close(now);
        self.hear();
    }

    pub(super) fn view(&self) -> ConsumerView {
        let view = self.consumer.view();
        let state = match view.state {
            _ if self.is_closing => "closing",
            _ if self.group.is_none() => "alone",
            MemberState::Stable => "stable",
            MemberState::Failed => "failed",
            MemberState::PollExpired => "expired",
            _ => "joining",
        };
        let assignment = view.partitions.iter().map(|state| {
            let TopicPartition { topic, partition } = &state.partition;
            (topic.as_str().to_owned(), *partition, state.position.unwrap_or(-1), state.lag.unwrap_or(0))
        });
        ConsumerView {
            consumer: self.number,
            group: self.group.clone(),
            topics: self.topics.iter().map(|topic| topic.as_str().to_owned()).collect(),
            from_beginning: self.from_beginning,
            state: state.to_owned(),
            member_id: view.member_id.as_str().to_owned(),
            assignment: assignment.collect(),
            received: self.received,
            newest: self.newest.iter().cloned().collect(),
            throttled_until_us: view.throttled_until.map(Instant::as_micros),
            error: self.error.clone(),
        }
    }

    fn hear(&mut self) {
        while let Some(event) = self.consumer.poll_event() {
            match event {
                ConsumerEvent::Records { partition, records, .. } => {
                    self.error = None;
                    self.received += records.len() as u64;
                    let newest = &records[records.len().saturating_sub(NEWEST)..];
                    let TopicPartition { topic, partition } = &partition;
                    self.newest.extend(newest.iter().map(|record| record_view(topic, *partition, record)));
                    let surplus = self.newest.len().saturating_sub(NEWEST);
                    self.newest.drain(..surplus);
                }
                ConsumerEvent::Error { code, message } => {
                    self.error = Some(refusal(code, Some(&Str::from(message))));
                }
                ConsumerEvent::Rejoined { .. } => self.error = None,
                ConsumerEvent::Closed => self.is_closed = true,
                _ => {}
            }
        }
        if self.group.is_none() && !self.is_closing {
            self.follow_partitions();
        }
    }

    /// Alone it reads every partition, also of topics that get more.
    fn follow_partitions(&mut self) {
        let metadata = self.consumer.metadata();
        let counts: Vec<i32> = self
            .assigned
            .iter()
            .map(|(topic, assigned)| metadata.partition_count(topic).unwrap_or(*assigned).max(*assigned))
            .collect();
        if counts.iter().ne(self.assigned.values()) {
            self.assigned.values_mut().zip(counts).for_each(|(assigned, count)| *assigned = count);
            self.assign();
        }
    }

    fn assign(&mut self) {
        let all = self
            .assigned
            .iter()
            .flat_map(|(topic, count)| (0..*count).map(|partition| TopicPartition { topic: topic.clone(), partition }));
        self.consumer.assign(all.collect());
    }
}

impl Client for Reader {
    fn handle(&mut self, now: Now, input: ClientInput) {
        self.consumer.handle(now, input);
        self.hear();
    }

    fn tick(&mut self, now: Now) {
        self.consumer.tick(now);
        self.hear();
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.consumer.next_deadline().map(|(due, _)| due)
    }

    fn poll_output(&mut self) -> Option<ClientOutput> {
        self.consumer.poll_output()
    }

    fn poll_report(&mut self) -> Option<ClientsReport> {
        None
    }

    fn is_over(&self) -> bool {
        self.is_closed
    }
}
