//! `kafka-producer-perf-test.sh`: how many records a producer gets rid of (`org.apache.kafka.tools.ProducerPerformance`).
//!
//! Records go out in slices, each followed by a pause in which the host moves bytes; none is printed for itself.

mod performance;

use super::arguments::argparse::{Argument, Arguments, Group, Number, Parser, WIDTH, several, store, store_true};
use super::failure::{Exception, Failure};
use super::producer_log::{failure, log_retry, too_large};
use super::producer_properties::producer_config;
use super::properties_file::read;
use super::terminal::{Came, Terminal};
use crate::client::{ProducerEvent, ProducerRecord, SendError, TransactionError};
use crate::config::Properties;
use crate::java::SplittableRandom;
use crate::text::Str;
use crate::time::{Duration, Instant};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;
use performance::Stats;
use regex_lite::Regex;

const PROPERTY: &str = "PROP-NAME=PROP-VALUE";
const PARSER: Parser = Parser {
    name: "kafka-producer-perf-test",
    description: "Sends records as fast as they go, or at a given rate, and tells how fast that was.",
    arguments: &[
        store(&["--bootstrap-server"], "Brokers, as host:port, with commas; this counts before bootstrap.servers.")
            .called("BOOTSTRAP-SERVER"),
        store(&["--topic"], "Where the records go.").called("TOPIC").required(),
        store(&["--num-records"], "How many records.").called("NUM-RECORDS").number(Number::Long).required(),
        store(
            &["--payload-delimiter"],
            "What stands between the payloads of a file; a regular expression. (default: \\n)",
        )
        .called("PAYLOAD-DELIMITER"),
        store(&["--throughput"], "Records a second; -1 for as many as go.")
            .called("THROUGHPUT")
            .number(Number::Double)
            .required(),
        several(&["--producer-props"], "Deprecated: see --command-property.").called(PROPERTY),
        several(&["--command-property"], "Settings of the producer, as name=value.").called(PROPERTY),
        store(&["--producer.config"], "Deprecated: see --command-config.").called("CONFIG-FILE"),
        store(&["--command-config"], "A file of settings of the producer.").called("CONFIG-FILE"),
        store_true(&["--print-metrics"], "Prints the producer's metrics at the end. (default: false)"),
        store(&["--transactional-id"], "The producer's transactional.id.").called("TRANSACTIONAL-ID"),
        store(&["--transaction-duration-ms"], "How long each transaction lasts; 3000 where there are some.")
            .called("TRANSACTION-DURATION")
            .number(Number::Long),
        store(&["--warmup-records"], "So many records at first do not count as steady. (default: 0)")
            .called("WARMUP-RECORDS")
            .number(Number::Long),
        store(&["--reporting-interval"], "Milliseconds between reports. (default: 5000)")
            .called("INTERVAL-MS")
            .number(Number::Long),
        store(&["--record-size"], "Bytes of a record; this or one of the next two.")
            .called("RECORD-SIZE")
            .number(Number::Integer)
            .in_group(0),
        PAYLOAD_FILE,
        store_true(&["--payload-monotonic"], "Payloads are numbers that count up. (default: false)").in_group(0),
    ],
    groups: &[Group::Described(
        "Note that you must provide exactly one of --record-size, --payload-file or --payload-monotonic.",
    )],
    commands: &[],
    command_name: "",
    width: WIDTH,
};
const PAYLOAD_FILE: Argument =
    store(&["--payload-file"], "A file of payloads, of which each record gets one at random.")
        .called("PAYLOAD-FILE")
        .in_group(0);

/// How long a transaction lasts where nothing is said of it.
const TRANSACTION_MS: u64 = 3000;

/// What is sent before the host gets its turn: neither more records nor more bytes than this.
const SLICE_RECORDS: usize = 1000;
const SLICE_BYTES: usize = 1 << 18;

/// The tool.
pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let words = terminal.arguments();
    // Without arguments it shows its help, and all is well; asked for the help it ends as after a mistake.
    let (words, code) = if words.is_empty() { (alloc::vec!["--help".to_string()], 0) } else { (words, 1) };
    let arguments = PARSER.on(&terminal).parse(&words).map_err(|stopped| stopped.end(&terminal, code))?;
    let plan = Plan::new(&terminal, &arguments).await?;
    let config = producer_config(&terminal, &plan.properties)?;
    let (client_id, delivery_ms) = (config.client_id.clone(), config.delivery_timeout.as_millis() as u64);
    let max_block_ms = config.max_block.as_millis() as u64;
    terminal.start_producer(config);
    if plan.transaction_duration.is_some() {
        init_transactions(&terminal).await?;
    }
    if plan.warmup_records > 0 {
        terminal.line(&format!(
            "Warmup first {} records. Steady state results will print after the complete test summary.",
            plan.warmup_records
        ));
    }
    let now = terminal.now().monotonic;
    let mut test = Test {
        terminal: &terminal,
        stats: Stats::new(plan.num_records, plan.reporting_ms, false, now),
        steady: None,
        plan,
        random: SplittableRandom::new(0),
        pending: VecDeque::new(),
        first_pending: 0,
        started: now,
        client_id,
        delivery_ms,
        max_block_ms,
        transaction_began: None,
    };
    test.run().await?;
    test.finish().await;
    let now = terminal.now().monotonic;
    terminal.line(&test.stats.total(now));
    if let Some(steady) = &mut test.steady {
        terminal.line(&steady.total(now));
    }
    if arguments.has("print-metrics") {
        // Kafka's table of metrics; these clients keep none.
        terminal.line("\nMetric Name  Value");
    }
    Ok(())
}

/// What records hold.
enum Payload {
    Random { size: usize },
    OneOf(Vec<Bytes>),
    Counting,
}

struct Plan {
    topic: Str,
    num_records: u64,
    warmup_records: u64,
    /// Records a second; negative for as many as go.
    throughput: f64,
    reporting_ms: u64,
    payload: Payload,
    properties: Properties,
    /// How long a transaction lasts; nothing where there are none.
    transaction_duration: Option<Duration>,
}

impl Plan {
    /// Kafka's checks, in its order.
    async fn new(terminal: &Terminal, arguments: &Arguments) -> Result<Self, Failure> {
        let long = |name: &str| arguments.number::<i64>(name);
        let num_records = long("num-records").unwrap_or(0);
        let warmup_records = long("warmup-records").unwrap_or(0).max(0);
        let size = arguments.integer("record-size");
        let reporting_ms = long("reporting-interval").unwrap_or(5000);
        let wrong = |message: &str| Err(PARSER.on(terminal).wrong(None, message.to_string()).end(terminal, 0));
        let is_too_small = |number: Option<i64>| number.is_some_and(|number| number <= 0);
        let sources = ["bootstrap-server", "command-property", "producer-props", "producer.config", "command-config"];
        if num_records <= 0 {
            return wrong("--num-records should be greater than zero.");
        }
        if warmup_records >= num_records {
            return wrong(
                "The value for --warmup-records must be strictly fewer than the number of records in the test, \
                 --num-records.",
            );
        }
        if is_too_small(size.map(i64::from)) {
            return wrong("--record-size should be greater than zero.");
        }
        if !sources.iter().any(|name| arguments.has(name)) {
            return wrong(
                "At least one of --bootstrap-server, --command-property, --producer-props, --producer.config or \
                 --command-config must be specified.",
            );
        }
        if arguments.has("command-property") && arguments.has("producer-props") {
            return wrong("--command-property and --producer-props cannot be specified together.");
        }
        if arguments.has("command-config") && arguments.has("producer.config") {
            return wrong("--command-config and --producer.config cannot be specified together.");
        }
        if is_too_small(long("transaction-duration-ms")) {
            return wrong("--transaction-duration-ms should be greater than zero.");
        }
        if reporting_ms <= 0 {
            return wrong("--reporting-interval should be greater than zero.");
        }
        let payload = match (arguments.value("payload-file"), size) {
            (Some(path), _) => {
                Payload::OneOf(payloads(terminal, path, arguments.value("payload-delimiter").unwrap_or("\\n")).await?)
            }
            (None, Some(size)) => Payload::Random { size: usize::try_from(size).unwrap_or_default() },
            (None, None) => Payload::Counting,
        };
        let mut properties = properties(terminal, arguments).await?;
        let transaction_duration = transaction_duration(terminal, arguments, &mut properties);
        if matches!(&payload, Payload::OneOf(payloads) if payloads.is_empty()) {
            let message = "No payload file, record size or payload-monotonic option provided.";
            return Err(Exception::illegal_argument(message).into());
        }
        Ok(Self {
            topic: Str::from(arguments.value("topic").unwrap_or_default()),
            num_records: num_records as u64,
            warmup_records: warmup_records as u64,
            throughput: arguments.number("throughput").unwrap_or(-1.0),
            reporting_ms: reporting_ms as u64,
            payload,
            properties,
            transaction_duration,
        })
    }
}

/// Settings of the producer: of the file, before them those of the arguments, before all the servers.
async fn properties(terminal: &Terminal, arguments: &Arguments) -> Result<Properties, Failure> {
    for (old, new) in [("producer-props", "command-property"), ("producer.config", "command-config")] {
        if arguments.has(old) {
            terminal.line(&format!(
                "Option --{old} has been deprecated and will be removed in a future version. Use --{new} instead."
            ));
        }
    }
    let mut properties = match arguments.value("command-config").or(arguments.value("producer.config")) {
        Some(path) => read(terminal, path).await?,
        None => Properties::default(),
    };
    for property in arguments.values("command-property").chain(arguments.values("producer-props")) {
        // Java's `split` drops what is empty at the end.
        let pieces: Vec<&str> = property.trim_end_matches('=').split('=').collect();
        let [name, value] = pieces[..] else {
            return Err(Exception::illegal_argument(format!("Invalid property: {property}")).into());
        };
        properties.set(name, value);
    }
    if let Some(server) = arguments.value("bootstrap-server") {
        properties.set("bootstrap.servers", server);
    }
    if properties.value("client.id").is_none() {
        properties.set("client.id", "perf-producer-client");
    }
    Ok(properties)
}

/// How long transactions last, where there are some: any of the three ways to say so is enough. Gives them their id.
fn transaction_duration(terminal: &Terminal, arguments: &Arguments, properties: &mut Properties) -> Option<Duration> {
    const ID: &str = "transactional.id";
    let duration = arguments.number::<i64>("transaction-duration-ms");
    let id = arguments.value("transactional-id");
    if duration.is_none() && id.is_none() && properties.value(ID).is_none() {
        return None;
    }
    if let Some(id) = id {
        properties.set(ID, id);
    } else if properties.value(ID).is_none() {
        properties.set(ID, format!("performance-producer-{}", terminal.random_uuid()));
    }
    Some(Duration::from_millis(duration.map_or(TRANSACTION_MS, i64::unsigned_abs)))
}

/// Before the first record.
async fn init_transactions(terminal: &Terminal) -> Result<(), Exception> {
    let now = terminal.now();
    let asked = terminal.producer().map_or(Ok(()), |mut producer| producer.init_transactions(now));
    asked.map_err(|error| Exception::from(&error))?;
    loop {
        if let Ok((_, outcome)) = terminal.transaction_or_producer_event().await {
            return outcome.map_err(|error| Exception::from(&error));
        }
    }
}

/// The payloads of a file, as `java.util.Scanner` cuts it.
async fn payloads(terminal: &Terminal, path: &str, delimiter: &str) -> Result<Vec<Bytes>, Failure> {
    terminal.line(&format!("Reading payloads from: {path}"));
    let content = terminal.file(path).await.unwrap_or_default();
    if content.is_empty() {
        return Err(Exception::illegal_argument("File does not exist or empty file provided.").into());
    }
    let delimiter = Regex::new(if delimiter == "\\n" { "\n" } else { delimiter })
        .map_err(|error| Exception::new("java.util.regex.PatternSyntaxException", error.to_string()))?;
    let text = String::from_utf8_lossy(&content);
    let found = tokens(&text, &delimiter);
    terminal.line(&format!("Number of records read: {}", found.len()));
    Ok(found.into_iter().map(|token| Bytes::copy_from_slice(token.as_bytes())).collect())
}

/// One delimiter is skipped before each token, so that two in a row have an empty one between them.
fn tokens<'a>(text: &'a str, delimiter: &Regex) -> Vec<&'a str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let first = |text: &str| delimiter.find(text).map(|found| (found.start(), found.end()));
    loop {
        if let Some((0, end)) = first(rest) {
            rest = rest.get(end..).unwrap_or_default();
        }
        if rest.is_empty() {
            return tokens;
        }
        let mut end = first(rest).map_or(rest.len(), |found| found.0);
        // What matches nothing cuts between letters.
        if end == 0 && first(rest).is_some_and(|found| found.1 == 0) {
            end = rest.chars().next().map_or(rest.len(), char::len_utf8);
        }
        let (token, behind) = rest.split_at(end);
        tokens.push(token);
        rest = behind;
    }
}

/// A record on its way.
struct Sent {
    at: Instant,
    bytes: usize,
    is_steady: bool,
}

struct Test<'a> {
    terminal: &'a Terminal,
    plan: Plan,
    stats: Stats,
    steady: Option<Stats>,
    random: SplittableRandom,
    /// Records by their ids, which count up, from `first_pending` on; nothing where one is done with.
    pending: VecDeque<Option<Sent>>,
    first_pending: u64,
    started: Instant,
    client_id: Str,
    delivery_ms: u64,
    max_block_ms: u64,
    /// When the transaction began that is open.
    transaction_began: Option<Instant>,
}

impl Test<'_> {
    async fn run(&mut self) -> Result<(), Failure> {
        let mut number = 0;
        while number < self.plan.num_records {
            self.take_events();
            let now = self.terminal.now().monotonic;
            match self.may_send(number, now) {
                Turn::At(at) => {
                    if let Came::This(event) = self.terminal.of_producer(at, crate::client::Producer::poll_event).await
                    {
                        self.tell(event);
                    }
                    continue;
                }
                Turn::UpTo(most) => {
                    let is_due = self.begin_transaction(now)?;
                    let before = number;
                    let is_full;
                    (number, is_full) = self.send(number, if is_due { number + 1 } else { most })?;
                    if is_due && number > before {
                        self.commit_transaction().await?;
                        continue;
                    }
                    if is_full {
                        // As Kafka's producer blocks until a batch is done with.
                        let event = self.terminal.producer_event().await;
                        self.tell(event);
                        continue;
                    }
                }
            }
            if self.is_topic_known() {
                self.terminal.pause().await;
            } else {
                self.await_topic().await;
            }
        }
        if self.transaction_began.is_some() {
            self.commit_transaction().await?;
        }
        Ok(())
    }

    /// Begins a transaction where none is open; true where it ends with the next record.
    fn begin_transaction(&mut self, now: Instant) -> Result<bool, Failure> {
        let Some(duration) = self.plan.transaction_duration else { return Ok(false) };
        let began = if let Some(began) = self.transaction_began {
            began
        } else {
            let begun = self.terminal.producer().map_or(Ok(()), |mut producer| producer.begin_transaction());
            begun.map_err(|error| Exception::from(&error))?;
            self.transaction_began = Some(now);
            now
        };
        Ok(now.since(began) >= duration)
    }

    async fn commit_transaction(&mut self) -> Result<(), Failure> {
        let thrown = |error: TransactionError| Exception::from(&error);
        let now = self.terminal.now();
        let asked = self.terminal.producer().map_or(Ok(()), |mut producer| producer.commit_transaction(now));
        asked.map_err(thrown)?;
        loop {
            match self.terminal.transaction_or_producer_event().await {
                Ok((_, outcome)) => {
                    self.transaction_began = None;
                    return Ok(outcome.map_err(thrown)?);
                }
                Err(event) => self.tell(event),
            }
        }
    }

    /// As Kafka's `ThroughputThrottler` has it: the record before has had its time.
    fn may_send(&self, number: u64, now: Instant) -> Turn {
        let rate = self.plan.throughput;
        if rate < 0.0 {
            return Turn::UpTo(u64::MAX);
        }
        let elapsed = now.since(self.started).as_micros() as f64 / 1e6;
        let due = (elapsed * rate) as u64 + 2;
        if number < due {
            return Turn::UpTo(due);
        }
        // Without a rate there is no next record.
        let at = (rate > 0.0).then(|| ((number - 1) as f64 / rate * 1e6) as u64 + 1);
        Turn::At(at.map(|micros| self.started + Duration::from_micros(micros)))
    }

    /// Sends a slice, not beyond `most`; answers the next record's number, and whether the producer's memory is full.
    fn send(&mut self, mut number: u64, most: u64) -> Result<(u64, bool), Failure> {
        let now = self.terminal.now();
        let Some(mut producer) = self.terminal.producer() else { return Ok((self.plan.num_records, false)) };
        let most = most.min(self.plan.num_records);
        let (mut records, mut bytes) = (0, 0);
        while number < most && records < SLICE_RECORDS && bytes < SLICE_BYTES {
            let before = self.random.clone();
            let value = self.plan.payload.next(&mut self.random, number);
            let size = value.len();
            let record =
                ProducerRecord { topic: self.plan.topic.clone(), value: Some(value), ..ProducerRecord::default() };
            match producer.send(now, record) {
                Ok(_) => {
                    let is_steady = self.plan.warmup_records > 0 && number >= self.plan.warmup_records;
                    if is_steady && self.steady.is_none() {
                        let count = self.plan.num_records - self.plan.warmup_records;
                        self.steady = Some(Stats::new(count, self.plan.reporting_ms, true, now.monotonic));
                        self.stats.suppress_printing();
                    }
                    self.pending.push_back(Some(Sent { at: now.monotonic, bytes: size, is_steady }));
                }
                // The same record again, once there is room.
                Err(SendError::BufferExhausted) => {
                    self.random = before;
                    return Ok((number, true));
                }
                Err(SendError::Transaction(error)) => return Err(Exception::from(&error).into()),
                Err(SendError::RecordTooLarge { size, max_request_size }) => {
                    drop(producer);
                    self.terminal.error_line(&too_large(size, max_request_size).to_string());
                    return Ok((number + 1, false));
                }
            }
            number += 1;
            records += 1;
            bytes += size;
            if producer.metadata().partition_count(&self.plan.topic).is_none() {
                break;
            }
        }
        Ok((number, false))
    }

    fn is_topic_known(&self) -> bool {
        let producer = self.terminal.producer();
        producer.is_none_or(|producer| {
            producer.unfinished() == 0 || producer.metadata().partition_count(&self.plan.topic).is_some()
        })
    }

    /// Kafka's producer does not return from `send` before it knows the topic, or gave up.
    async fn await_topic(&mut self) {
        let topic = self.plan.topic.clone();
        let came = self.terminal.of_producer(None, |producer| match producer.poll_event() {
            Some(event) => Some(Some(event)),
            None => producer.metadata().partition_count(&topic).map(|_| None),
        });
        if let Came::This(Some(event)) = came.await {
            self.tell(event);
        }
    }

    /// Until all is delivered or given up.
    async fn finish(&mut self) {
        let now = self.terminal.now();
        if let Some(mut producer) = self.terminal.producer() {
            producer.flush(now);
        }
        while self.pending.iter().any(Option::is_some) {
            let event = self.terminal.producer_event().await;
            self.tell(event);
        }
    }

    fn take_events(&mut self) {
        loop {
            let event = self.terminal.producer().and_then(|mut producer| producer.poll_event());
            let Some(event) = event else { return };
            self.tell(event);
        }
    }

    fn tell(&mut self, event: ProducerEvent) {
        let now = self.terminal.now().monotonic;
        match event {
            ProducerEvent::Delivered { ids, .. } => {
                for sent in ids.iter().filter_map(|id| self.done(*id)).collect::<Vec<_>>() {
                    self.count(&sent, now);
                }
            }
            ProducerEvent::Retrying { .. } => log_retry(self.terminal, &self.client_id, &event),
            ProducerEvent::Aborted { ids, error, .. } => {
                let exception = Exception::from(&error).to_string();
                for _ in ids.iter().filter_map(|id| self.done(*id)).collect::<Vec<_>>() {
                    self.terminal.error_line(&exception);
                }
            }
            ProducerEvent::Failed { ids, topic, partition, error, message } => {
                let message = message.as_deref();
                let exception =
                    failure(&topic, partition, error, message, ids.len(), self.max_block_ms, self.delivery_ms)
                        .to_string();
                for _ in ids.iter().filter_map(|id| self.done(*id)).collect::<Vec<_>>() {
                    self.terminal.error_line(&exception);
                }
            }
        }
    }

    /// Takes a record out of those on their way.
    fn done(&mut self, id: u64) -> Option<Sent> {
        let at = usize::try_from(id.checked_sub(self.first_pending)?).ok()?;
        let sent = self.pending.get_mut(at)?.take();
        while matches!(self.pending.front(), Some(None)) {
            self.pending.pop_front();
            self.first_pending += 1;
        }
        sent
    }

    fn count(&mut self, sent: &Sent, now: Instant) {
        let latency = now.since(sent.at).as_millis() as u64;
        let mut lines = self.stats.record(latency, sent.bytes, now);
        if let Some(steady) = self.steady.as_mut().filter(|_| sent.is_steady) {
            lines += &steady.record(latency, sent.bytes, now);
        }
        if !lines.is_empty() {
            self.terminal.print(&lines);
        }
    }
}

/// When the next record goes.
enum Turn {
    /// Now, and those after it up to this.
    UpTo(u64),
    /// Not before this; never, where there is none.
    At(Option<Instant>),
}

impl Payload {
    fn next(&self, random: &mut SplittableRandom, number: u64) -> Bytes {
        match self {
            Self::Random { size } => Bytes::from(random.letters(*size)),
            Self::OneOf(payloads) => {
                let drawn = random.below(payloads.len().max(1) as u32) as usize;
                payloads.get(drawn).cloned().unwrap_or_default()
            }
            Self::Counting => Bytes::from(number.to_string().into_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_cut_as_javas_scanner_cuts_it() {
        let check = |text: &str, delimiter: &str, expect: &[&str]| {
            assert_eq!(tokens(text, &Regex::new(delimiter).unwrap()), expect, "{text:?} {delimiter:?}");
        };
        check("one\ntwo\n", "\n", &["one", "two"]);
        check("one\n\ntwo", "\n", &["one", "", "two"]);
        check("\none", "\n", &["one"]);
        check("\n", "\n", &[]);
        check("a,b;c", "[,;]", &["a", "b", "c"]);
        check("ab", "", &["a", "b"]);
    }
}
