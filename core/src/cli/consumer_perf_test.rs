//! `kafka-consumer-perf-test.sh`: how fast records come (`org.apache.kafka.tools.ConsumerPerformance`).

use super::arguments::jopt::{OptionSpec, Options, flag, value};
use super::console_consumer::{close, matching, subscribe};
use super::date_time::DateFormat;
use super::failure::{Exception, Failure};
use super::properties_file::{bootstrap, key_values, millis, read};
use super::terminal::{Came, Terminal};
use super::topic_filter::TopicFilter;
use crate::client::consumer::{AutoOffsetReset, IsolationLevel};
use crate::client::{AdminConfig, ConsumerConfig, ConsumerEvent};
use crate::config::Properties;
use crate::ids::TopicPartition;
use crate::java::fixed;
use crate::text::Str;
use crate::time::{Duration, Instant};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

const OPTIONS: [OptionSpec; 18] = [
    value("bootstrap-server", "String: server to connect to", "REQUIRED: brokers, as host:port; several with commas."),
    value("topic", "String: topic", "The topic to read."),
    value("include", "String: Java regex (String)", "Topics to read: a regular expression of their names."),
    value("group", "String: gid", "The group to read in; perf-consumer- and a number where it is missing."),
    value("fetch-size", "Integer: size", "Bytes that one partition may give at once (max.partition.fetch.bytes).")
        .or("1048576"),
    value("command-property", "String: prop1=val1", "A setting of the consumer, as key=value."),
    flag("from-latest", "Begins with the next record, where the group has committed nothing."),
    value("socket-buffer-size", "Integer: size", "Bytes of the socket's buffer; a browser has none.").or("2097152"),
    value("consumer.config", "String: config file", "Deprecated: see command-config."),
    value("command-config", "String: config file", "A file of settings of the consumer."),
    flag("print-metrics", "Prints the consumer's metrics at the end."),
    flag("show-detailed-stats", "Tells at every reporting interval, instead of at the end."),
    value("timeout", "Long: milliseconds", "Ends when no record came for so long.").optional().or("10000"),
    value("messages", "Long: count", "Deprecated: see num-records."),
    value("num-records", "Long: count", "REQUIRED: ends after so many records."),
    value("reporting-interval", "Long: interval_ms", "Milliseconds between reports.").or("5000"),
    value("date-format", "String: date format", "How times are written, as java.text.SimpleDateFormat reads it.")
        .or("yyyy-MM-dd HH:mm:ss:SSS"),
    flag("hide-header", "Leaves out the line that names the columns."),
];

/// The tool.
pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let options = Options::parse_or_usage(&OPTIONS, &terminal)?;
    options.print_help_or_version(&terminal, "This tool is used to verify the consumer performance.")?;
    check(&terminal, &options)?;
    terminal.catch(measure(&terminal, &options).await)
}

/// Kafka's checks, in its order.
fn check(terminal: &Terminal, options: &Options) -> Result<(), Failure> {
    options.require(terminal, &["bootstrap-server"])?;
    for [one, other] in [["topic", "include"], ["messages", "num-records"]] {
        if options.count(&[one, other]) != 1 {
            let message = format!("Exactly one of the following arguments is required: [{one}], [{other}]");
            return Err(options.usage(terminal, &message));
        }
    }
    options.exclude(terminal, "consumer.config", &["command-config"])?;
    for (old, new) in [("messages", "num-records"), ("consumer.config", "command-config")] {
        if options.has(old) {
            terminal.line(&format!("Warning: --{old} is deprecated. Use --{new} instead."));
        }
    }
    Ok(())
}

async fn measure(terminal: &Terminal, options: &Options) -> Result<(), Failure> {
    let is_detailed = options.has("show-detailed-stats");
    if !options.has("hide-header") {
        let first = if is_detailed { "time, threadId" } else { "start.time, end.time" };
        terminal.line(&format!(
            "{first}, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, \
             fetch.MB.sec, fetch.nMsg.sec"
        ));
    }
    let config = consumer_config(terminal, options).await?;
    let plan = Plan::new(options)?;
    let metadata_max_age = config.metadata_max_age;
    if plan.include.is_some() {
        terminal.start_admin(AdminConfig { bootstrap: config.bootstrap.clone(), ..AdminConfig::default() });
    }
    terminal.start_consumer(config);
    let now = terminal.now().monotonic;
    let mut test = Test {
        terminal,
        plan,
        is_detailed,
        started: Time::now(terminal),
        records: 0,
        bytes: 0,
        reported: Report { at: Time::now(terminal), records: 0, bytes: 0 },
        joining_since: now,
        joining_ms: 0,
        joining_ms_of_report: 0,
        assigned: Vec::new(),
    };
    test.consume(metadata_max_age).await?;
    if !is_detailed {
        let line = test.total(Time::now(terminal));
        terminal.line(&line);
    }
    if options.has("print-metrics") {
        // Kafka's table of metrics; these clients keep none.
        terminal.line("\nMetric Name  Value");
    }
    close(terminal).await;
    Ok(())
}

async fn consumer_config(terminal: &Terminal, options: &Options) -> Result<ConsumerConfig, Failure> {
    let file = if options.has("consumer.config") { "consumer.config" } else { "command-config" };
    let mut properties = match options.value(file)? {
        Some(path) => read(terminal, path).await?,
        None => Properties::default(),
    };
    key_values(&mut properties, options.values("command-property"));
    let group = match options.value("group")? {
        Some(group) => Str::from(group),
        None => format!("perf-consumer-{}", terminal.random_below(100_000)).into(),
    };
    let isolation_level = match properties.value("isolation.level").map(|level| level.to_ascii_lowercase()).as_deref() {
        None | Some("read_uncommitted") => IsolationLevel::ReadUncommitted,
        Some("read_committed") => IsolationLevel::ReadCommitted,
        Some(other) => {
            let message = format!(
                "Invalid value {other} for configuration isolation.level: String must be one of: read_committed, \
                 read_uncommitted"
            );
            return Err(Exception::new("org.apache.kafka.common.config.ConfigException", message).into());
        }
    };
    let defaults = ConsumerConfig::default();
    let duration = |key: &str, default: Duration| Ok::<_, Exception>(millis(&properties, key)?.unwrap_or(default));
    let number = |key: &str, default: i64| {
        let Some(text) = properties.value(key) else { return Ok(default) };
        text.trim().parse::<i32>().map(i64::from).map_err(|_| {
            let message = format!("Invalid value {text} for configuration {key}: Not a number of type INT");
            Exception::new("org.apache.kafka.common.config.ConfigException", message)
        })
    };
    Ok(ConsumerConfig {
        client_id: properties.value("client.id").cloned().unwrap_or(Str::from_static("perf-consumer-client")),
        bootstrap: bootstrap(terminal, options.value("bootstrap-server")?.unwrap_or_default()).map_err(|cause| {
            let message = "Failed to construct kafka consumer";
            Exception::new("org.apache.kafka.common.KafkaException", message).because(&cause)
        })?,
        group_id: Some(group),
        group_instance_id: properties.value("group.instance.id").cloned(),
        auto_offset_reset: if options.has("from-latest") { AutoOffsetReset::Latest } else { AutoOffsetReset::Earliest },
        isolation_level,
        enable_auto_commit: properties.value("enable.auto.commit").is_none_or(|value| value.trim() != "false"),
        auto_commit_interval: duration("auto.commit.interval.ms", defaults.auto_commit_interval)?,
        session_timeout: duration("session.timeout.ms", defaults.session_timeout)?,
        heartbeat_interval: duration("heartbeat.interval.ms", defaults.heartbeat_interval)?,
        max_poll_interval: duration("max.poll.interval.ms", defaults.max_poll_interval)?,
        max_poll_records: number("max.poll.records", 500)?.max(1) as usize,
        fetch_min_bytes: number("fetch.min.bytes", defaults.fetch_min_bytes.into())? as i32,
        fetch_max_wait: duration("fetch.max.wait.ms", defaults.fetch_max_wait)?,
        fetch_max_bytes: number("fetch.max.bytes", defaults.fetch_max_bytes.into())? as i32,
        max_partition_fetch_bytes: options.number("fetch-size")?.unwrap_or(defaults.max_partition_fetch_bytes),
        request_timeout: duration("request.timeout.ms", defaults.request_timeout)?,
        metadata_max_age: duration("metadata.max.age.ms", defaults.metadata_max_age)?,
        ..defaults
    })
}

struct Plan {
    num_records: u64,
    timeout_ms: i64,
    reporting_ms: u64,
    format: DateFormat,
    topic: Str,
    include: Option<TopicFilter>,
}

impl Plan {
    fn new(options: &Options) -> Result<Self, Exception> {
        let count = if options.has("messages") { "messages" } else { "num-records" };
        let num_records = options.number::<i64>(count)?.unwrap_or_default();
        let timeout_ms = options.number::<i64>("timeout")?.unwrap_or_default();
        let reporting_ms = options.number::<i64>("reporting-interval")?.unwrap_or_default();
        if reporting_ms <= 0 {
            return Err(Exception::illegal_argument("Reporting interval must be greater than 0."));
        }
        Ok(Self {
            num_records: u64::try_from(num_records).unwrap_or_default(),
            timeout_ms,
            reporting_ms: reporting_ms as u64,
            format: DateFormat::new(options.value("date-format")?.unwrap_or_default())?,
            topic: Str::from(options.value("topic")?.unwrap_or_default()),
            include: options.value("include")?.map(TopicFilter::of_pattern).transpose()?,
        })
    }
}

/// A moment: for durations, and as it is shown.
#[derive(Clone, Copy)]
struct Time {
    at: Instant,
    local_ms: i64,
}

impl Time {
    fn now(terminal: &Terminal) -> Self {
        Self { at: terminal.now().monotonic, local_ms: terminal.local_ms() }
    }
}

/// What was read when a report was made.
struct Report {
    at: Time,
    records: u64,
    bytes: u64,
}

struct Test<'a> {
    terminal: &'a Terminal,
    plan: Plan,
    is_detailed: bool,
    started: Time,
    records: u64,
    bytes: u64,
    reported: Report,
    joining_since: Instant,
    joining_ms: u64,
    joining_ms_of_report: u64,
    assigned: Vec<TopicPartition>,
}

impl Test<'_> {
    async fn consume(&mut self, metadata_max_age: Duration) -> Result<(), Failure> {
        let terminal = self.terminal;
        if self.plan.include.is_none() {
            subscribe(terminal, vec![self.plan.topic.clone()]);
        }
        let timeout = Duration::from_millis(u64::try_from(self.plan.timeout_ms).unwrap_or_default());
        let mut refresh_at = terminal.now().monotonic;
        let mut idle_at = terminal.now().monotonic + timeout;
        while self.records < self.plan.num_records {
            let now = terminal.now().monotonic;
            if let Some(filter) = self.plan.include.as_ref().filter(|_| refresh_at <= now) {
                let topics = matching(terminal, filter).await?;
                // Kafka's consumer waits for topics that match; ours would be told that none is none.
                if !topics.is_empty() {
                    subscribe(terminal, topics);
                }
                refresh_at = terminal.now().monotonic + metadata_max_age;
            }
            let deadline = if self.plan.include.is_some() { idle_at.min(refresh_at) } else { idle_at };
            match terminal.consumer_event(Some(deadline)).await {
                Came::This(ConsumerEvent::Records { records, .. }) => {
                    let now = Time::now(terminal);
                    idle_at = now.at + timeout;
                    for record in &records {
                        let length = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, bytes::Bytes::len) as u64;
                        self.records += 1;
                        self.bytes += length(&record.key) + length(&record.value);
                        self.maybe_report(now);
                    }
                }
                Came::This(ConsumerEvent::Error { code, message }) if !code.is_retriable() => {
                    return Err(Exception::of(code, Some(&message)).into());
                }
                Came::This(event) => self.rebalanced(&event),
                Came::Late if idle_at <= terminal.now().monotonic => break,
                Came::Late | Came::Interrupt => {}
            }
        }
        if self.records < self.plan.num_records {
            terminal.line(&format!(
                "WARNING: Exiting before consuming the expected number of records: timeout ({} ms) exceeded. You can use \
                 the --timeout option to increase the timeout.",
                self.plan.timeout_ms
            ));
        }
        Ok(())
    }

    /// How long it had no partitions.
    fn rebalanced(&mut self, event: &ConsumerEvent) {
        let now = self.terminal.now().monotonic;
        match event {
            ConsumerEvent::Assigned(partitions) => {
                if self.assigned.is_empty() {
                    let elapsed = now.since(self.joining_since).as_millis() as u64;
                    self.joining_ms += elapsed;
                    self.joining_ms_of_report += elapsed;
                }
                self.assigned.extend(partitions.iter().cloned());
            }
            ConsumerEvent::Revoked(partitions) => {
                self.assigned.retain(|partition| !partitions.contains(partition));
                if self.assigned.is_empty() {
                    self.joining_since = now;
                }
            }
            ConsumerEvent::Lost => {
                self.assigned.clear();
                self.joining_since = now;
            }
            _ => {}
        }
    }

    fn maybe_report(&mut self, now: Time) {
        let elapsed = now.at.since(self.reported.at.at).as_millis() as u64;
        if elapsed < self.plan.reporting_ms {
            return;
        }
        if self.is_detailed {
            let (records, bytes) = (self.records - self.reported.records, self.bytes - self.reported.bytes);
            let fetching = elapsed as i64 - self.joining_ms_of_report as i64;
            let of_fetching = |amount: f64| if fetching <= 0 { 0.0 } else { 1000.0 * amount / fetching as f64 };
            let line = format!(
                "{}, 0, {}, {}, {}, {}, {}, {fetching}, {}, {}",
                self.plan.format.format(now.local_ms),
                fixed(megabytes(self.bytes), 4),
                fixed(1000.0 * megabytes(bytes) / elapsed as f64, 4),
                self.records,
                fixed(1000.0 * records as f64 / elapsed as f64, 4),
                self.joining_ms_of_report,
                fixed(of_fetching(megabytes(bytes)), 4),
                fixed(of_fetching(records as f64), 4)
            );
            self.terminal.line(&line);
        }
        self.joining_ms_of_report = 0;
        self.reported = Report { at: now, records: self.records, bytes: self.bytes };
    }

    fn total(&self, now: Time) -> String {
        let elapsed_ms = now.at.since(self.started.at).as_millis() as i64;
        let fetching_ms = elapsed_ms - self.joining_ms as i64;
        let (elapsed, fetching) = (elapsed_ms as f64 / 1000.0, fetching_ms as f64 / 1000.0);
        let (megabytes, records) = (megabytes(self.bytes), self.records as f64);
        format!(
            "{}, {}, {}, {}, {}, {}, {}, {fetching_ms}, {}, {}",
            self.plan.format.format(self.started.local_ms),
            self.plan.format.format(now.local_ms),
            fixed(megabytes, 4),
            fixed(megabytes / elapsed, 4),
            self.records,
            fixed(records / elapsed, 4),
            self.joining_ms,
            fixed(megabytes / fetching, 4),
            fixed(records / fetching, 4)
        )
    }
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
