//! A load: records as fast as they go, or at a rate, and how long they took. What `cargo xtask bench` measures with; a
//! producer and, where asked, a consumer like any other.

use super::{Client, Parameters};
use crate::bridge::{ClientsReport, Load, Measured, Percentiles};
use broker_core::client::consumer::{AutoOffsetReset, Consumer, ConsumerConfig, ConsumerEvent};
use broker_core::client::producer::{Producer, ProducerConfig, ProducerEvent, ProducerRecord};
use broker_core::client::{ClientInput, ClientOutput};
use broker_core::ids::{ConnectionId, TopicPartition};
use broker_core::rng::Rng;
use broker_core::text::Str;
use broker_core::time::{Duration, Instant, Now};
use bytes::Bytes;

/// Records handed to the producer in one go: more would keep the worker from its connections for long.
const AT_ONCE: u32 = 1000;
/// Each record begins with its number and the load's own tag.
const MARK: usize = 12;
/// The consumer's connections come after as many of the producer's.
const CONSUMER_CONNECTIONS: u64 = 1 << 20;

/// See the module.
pub(super) struct LoadClient {
    ticket: u32,
    load: Load,
    topic: Str,
    tag: u32,
    producer: Producer,
    consumer: Option<Consumer>,
    first_consumer_connection: u64,
    /// The consumer stands at the end of every partition, or there is none.
    is_in_place: bool,
    began: Option<Instant>,
    /// By record: when it was sent.
    sent: Vec<Instant>,
    /// When the next is sent.
    due: Instant,
    /// Microseconds from sending to acknowledgement.
    acknowledged: Vec<u64>,
    /// Microseconds from sending to a consumer's hands.
    consumed: Vec<u64>,
    failed: u32,
    last_acknowledged: Instant,
    longest_gap: Duration,
    is_full: bool,
    is_over: bool,
    report: Option<ClientsReport>,
}

impl LoadClient {
    pub(super) fn new(ticket: u32, load: Load, parameters: Parameters) -> Self {
        let Parameters { network, first_connection, mut rng } = parameters;
        let config = ProducerConfig {
            client_id: network.client_id.clone(),
            bootstrap: network.bootstrap.clone(),
            acks: load.acks,
            linger: Duration::from_millis(u64::from(load.linger_ms)),
            batch_size: load.batch_size as usize,
            ..Default::default()
        };
        let first_consumer_connection = first_connection + CONSUMER_CONNECTIONS;
        let consumer = load.consume.then(|| {
            let config = ConsumerConfig {
                client_id: network.client_id,
                bootstrap: network.bootstrap,
                auto_offset_reset: AutoOffsetReset::Latest,
                ..Default::default()
            };
            Consumer::new(config, first_consumer_connection, rng.fork())
        });
        Self {
            ticket,
            topic: Str::from(load.topic.as_str()),
            tag: Rng::next_u64(&mut rng) as u32,
            producer: Producer::new(config, first_connection, rng),
            consumer,
            first_consumer_connection,
            is_in_place: !load.consume,
            began: None,
            sent: Vec::with_capacity(load.records as usize),
            due: Instant::ZERO,
            acknowledged: Vec::with_capacity(load.records as usize),
            consumed: Vec::new(),
            failed: 0,
            last_acknowledged: Instant::ZERO,
            longest_gap: Duration::ZERO,
            is_full: false,
            is_over: false,
            report: None,
            load,
        }
    }

    /// Sends what is due, and hears what became of the rest.
    fn flow(&mut self, now: Now) {
        self.hear(now);
        if !self.is_in_place {
            self.take_place(now);
        }
        if self.is_in_place {
            self.send(now);
        }
        self.hear(now);
        self.conclude(now);
    }

    fn send(&mut self, now: Now) {
        self.is_full = false;
        let began = *self.began.get_or_insert(now.monotonic);
        self.due = self.due.max(began);
        for _ in 0..AT_ONCE {
            let number = self.sent.len() as u32;
            if number >= self.load.records || self.due > now.monotonic {
                return;
            }
            let record =
                ProducerRecord { topic: self.topic.clone(), value: Some(self.value(number)), ..Default::default() };
            if self.producer.send(now, record).is_err() {
                // What makes room is an answer.
                self.is_full = true;
                return;
            }
            self.sent.push(now.monotonic);
            if self.load.rate > 0.0 {
                self.due = began + Duration::from_secs_f64(f64::from(number + 1) / f64::from(self.load.rate));
            }
        }
    }

    fn value(&self, number: u32) -> Bytes {
        let mut value = vec![b'x'; (self.load.size as usize).max(MARK)];
        let mark = u64::from(number).to_be_bytes().into_iter().chain(self.tag.to_be_bytes());
        value.iter_mut().zip(mark).for_each(|(byte, mark)| *byte = mark);
        value.into()
    }

    /// The number of a record of this load.
    fn number(&self, value: &[u8]) -> Option<usize> {
        let (number, tag) = value.get(..MARK)?.split_at(8);
        (tag == self.tag.to_be_bytes()).then(|| u64::from_be_bytes(number.try_into().unwrap_or_default()) as usize)
    }

    /// The consumer goes to the end of every partition: of one, until it knows how many there are. Nothing is sent before it is
    /// there, or records would wait for a reader and not for the cluster.
    fn take_place(&mut self, now: Now) {
        let Some(consumer) = &mut self.consumer else { return };
        let known = consumer.metadata().partition_count(&self.topic);
        let assigned = consumer.view().partitions;
        let all = known.unwrap_or(1);
        if assigned.len() < all as usize {
            let partition = |partition| TopicPartition { topic: self.topic.clone(), partition };
            consumer.assign((0..all).map(partition).collect());
            consumer.tick(now);
        }
        self.is_in_place = known.is_some_and(|known| assigned.len() == known as usize)
            && assigned.iter().all(|partition| partition.position.is_some());
    }

    fn hear(&mut self, now: Now) {
        while let Some(event) = self.producer.poll_event() {
            match event {
                ProducerEvent::Delivered { ids, .. } => {
                    if self.last_acknowledged > Instant::ZERO {
                        self.longest_gap = self.longest_gap.max(now.monotonic.since(self.last_acknowledged));
                    }
                    self.last_acknowledged = now.monotonic;
                    let sent = ids.iter().filter_map(|id| self.sent.get(*id as usize));
                    self.acknowledged.extend(sent.map(|sent| now.monotonic.since(*sent).as_micros() as u64));
                }
                ProducerEvent::Failed { ids, .. } => self.failed += ids.len() as u32,
                // Aborted are only those of transactions, which there are none of here.
                ProducerEvent::Retrying { .. } | ProducerEvent::Aborted { .. } => {}
            }
        }
        while let Some(event) = self.consumer.as_mut().and_then(Consumer::poll_event) {
            let ConsumerEvent::Records { records, .. } = event else { continue };
            for record in records {
                let number = record.value.as_deref().and_then(|value| self.number(value));
                if let Some(sent) = number.and_then(|number| self.sent.get(number)) {
                    self.consumed.push(now.monotonic.since(*sent).as_micros() as u64);
                }
            }
        }
    }

    fn conclude(&mut self, now: Now) {
        let done = self.acknowledged.len() + self.failed as usize >= self.load.records as usize;
        let seen = self.consumer.is_none() || self.consumed.len() >= self.acknowledged.len();
        if self.is_over || !done || !seen {
            return;
        }
        self.is_over = true;
        self.producer.close(now);
        if let Some(consumer) = &mut self.consumer {
            consumer.close(now);
        }
        let measured = Measured {
            acknowledged: self.acknowledged.len() as u32,
            failed: self.failed,
            micros: self.last_acknowledged.since(self.began.unwrap_or_default()).as_micros() as u64,
            acknowledged_us: percentiles(&mut self.acknowledged),
            consumed: self.consumed.len() as u32,
            consumed_us: percentiles(&mut self.consumed),
            longest_gap_us: self.longest_gap.as_micros() as u64,
        };
        self.report = Some(ClientsReport::Measured { ticket: self.ticket, measured });
    }
}

fn percentiles(micros: &mut [u64]) -> Percentiles {
    micros.sort_unstable();
    let at = |share: f64| micros.get(((micros.len() as f64 * share) as usize).min(micros.len().saturating_sub(1)));
    let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| at(share).copied().unwrap_or_default());
    Percentiles { p50, p99, max }
}

impl Client for LoadClient {
    fn handle(&mut self, now: Now, input: ClientInput) {
        let connection = match &input {
            ClientInput::Connected { connection }
            | ClientInput::ConnectFailed { connection }
            | ClientInput::Frame { connection, .. }
            | ClientInput::Closed { connection } => Some(*connection),
            ClientInput::Timeout => None,
        };
        let is_consumers = connection >= Some(ConnectionId(self.first_consumer_connection));
        match &mut self.consumer {
            Some(consumer) if is_consumers => consumer.handle(now, input),
            _ => self.producer.handle(now, input),
        }
        self.flow(now);
    }

    fn tick(&mut self, now: Now) {
        self.producer.tick(now);
        if let Some(consumer) = &mut self.consumer {
            consumer.tick(now);
        }
        self.flow(now);
    }

    fn next_deadline(&self) -> Option<Instant> {
        let next =
            (self.sent.len() < self.load.records as usize && self.is_in_place && !self.is_full).then_some(self.due);
        let producer = self.producer.next_deadline().map(|(due, _)| due);
        let consumer = self.consumer.as_ref().and_then(Consumer::next_deadline).map(|(due, _)| due);
        [next, producer, consumer].into_iter().flatten().min()
    }

    fn poll_output(&mut self) -> Option<ClientOutput> {
        self.producer.poll_output().or_else(|| self.consumer.as_mut().and_then(Consumer::poll_output))
    }

    fn poll_report(&mut self) -> Option<ClientsReport> {
        self.report.take()
    }

    fn is_over(&self) -> bool {
        self.is_over
    }
}
