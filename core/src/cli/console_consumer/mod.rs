//! `kafka-console-consumer.sh`: records as lines (`org.apache.kafka.tools.consumer.ConsoleConsumer`).

mod message_formatter;

use super::arguments::jopt::{OptionSpec, Options, flag, value};
use super::cluster::metadata;
use super::failure::{Exception, Failure};
use super::properties_file::{bootstrap, key_values, millis, read};
use super::terminal::{Came, Terminal};
use super::topic_filter::TopicFilter;
use crate::client::consumer::{AutoOffsetReset, IsolationLevel};
use crate::client::{AdminConfig, ConsumerConfig, ConsumerEvent};
use crate::config::Properties;
use crate::ids::TopicPartition;
use crate::record::Record;
use crate::sorted::sort;
use crate::text::Str;
use crate::time::{Duration, Instant};
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use message_formatter::MessageFormatter;

const CLASS: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";
const FORMATTER: &str = "org.apache.kafka.tools.consumer.DefaultMessageFormatter";
const PROPERTIES: &str = "What a line shows, as key=value: print.timestamp, print.key, print.offset, print.epoch, \
                          print.partition, print.headers, print.value, key.separator, line.separator, headers.separator, \
                          null.literal, key.deserializer, value.deserializer, header.deserializer.";

const OPTIONS: [OptionSpec; 22] = [
    value("topic", "String: topic", "The topic to read."),
    value("include", "String: Java regex (String)", "Topics to read: a regular expression of their names."),
    value("partition", "Integer: partition", "One partition to read; from its end, unless --offset says where."),
    value("offset", "String: consume offset", "Where to begin in it: a number, earliest or latest.").or("latest"),
    value("consumer-property", "String: consumer_prop", "Deprecated: see command-property."),
    value("command-property", "String: consumer_prop", "A setting of the consumer, as key=value."),
    value("consumer.config", "String: config file", "Deprecated: see command-config."),
    value("command-config", "String: config file", "A file of settings of the consumer."),
    value("formatter", "String: class", "The class that makes lines of records.").or(FORMATTER),
    value("property", "String: prop", "Deprecated: see formatter-property."),
    value("formatter-property", "String: prop", PROPERTIES),
    value("formatter-config", "String: config file", "A file of formatter properties."),
    flag("from-beginning", "Begins with the oldest record, where the group has committed nothing."),
    value("max-messages", "Integer: num_messages", "Ends after so many records."),
    value("timeout-ms", "Long: timeout_ms", "Ends when no record came for so long."),
    flag("skip-message-on-error", "A record that cannot be shown is left out, and is not the end."),
    value("bootstrap-server", "String: server to connect to", "REQUIRED: brokers, as host:port; several with commas."),
    value("key-deserializer", "String: deserializer for keys", "The class that reads keys."),
    value("value-deserializer", "String: deserializer for values", "The class that reads values."),
    flag("enable-systest-events", "Also tells of the consumer's end."),
    value("isolation-level", "String", "read_committed leaves out what no transaction committed.")
        .or("read_uncommitted"),
    value("group", "String: consumer group id", "The group to read in."),
];

/// The tool.
pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let options = Options::parse_or_usage(&OPTIONS, &terminal)?;
    let help = "This tool helps to read data from Kafka topics and outputs it to standard output.";
    options.print_help_or_version(&terminal, help)?;
    let plan = check(&terminal, &options).await?;
    match read_records(&terminal, &options, plan).await {
        Err(Failure::Thrown(exception)) => {
            terminal.log("ERROR", &"Unknown error when running consumer: ", CLASS);
            terminal.error_line(&exception.to_string());
            Err(Failure::Exit(1))
        }
        ended => ended,
    }
}

/// What the options come to.
struct Plan {
    properties: Properties,
    group: Option<Str>,
    formatter: MessageFormatter,
    start: Option<(i32, Start)>,
}

#[derive(Clone, Copy)]
enum Start {
    Earliest,
    Latest,
    At(i64),
}

/// Kafka's checks, in its order.
async fn check(terminal: &Terminal, options: &Options) -> Result<Plan, Failure> {
    if options.count(&["topic", "include"]) != 1 {
        let message = "Exactly one of the following arguments is required: [topic], [include]";
        return Err(options.usage(terminal, message));
    }
    let partition = options.number::<i32>("partition")?;
    if partition.is_some() {
        if !options.has("topic") {
            return Err(options.usage(terminal, "The topic is required when partition is specified."));
        }
        if options.count(&["from-beginning", "offset"]) == 2 {
            let message = "Options from-beginning and offset cannot be specified together.";
            return Err(options.usage(terminal, message));
        }
    } else if options.has("offset") {
        return Err(options.usage(terminal, "The partition is required when offset is specified."));
    }
    options.require(terminal, &["bootstrap-server"])?;
    for (old, new) in [("consumer-property", "command-property"), ("consumer.config", "command-config")] {
        if options.count(&[old, new]) == 2 {
            let message = format!("Options --{old} and --{new} cannot be specified together.");
            return Err(options.usage(terminal, &message));
        }
    }
    for (old, new) in [("consumer-property", "command-property"), ("consumer.config", "command-config")] {
        if options.has(old) {
            deprecated(terminal, old, new);
        }
    }
    let config_file = options.value("command-config")?.or(options.value("consumer.config")?);
    let from_file = match config_file {
        Some(path) => read(terminal, path).await?,
        None => Properties::default(),
    };
    let mut extra = Properties::default();
    key_values(&mut extra, options.values("command-property").chain(options.values("consumer-property")));
    let group = group(terminal, options, &from_file, &extra)?;
    let mut properties = from_file;
    for property in extra.iter() {
        properties.set(property.key.clone(), property.value.clone());
    }
    let start = match partition {
        Some(partition) => Some((partition, start(terminal, options)?)),
        None => None,
    };
    let reset = properties.value("auto.offset.reset").map(|value| value.trim().to_ascii_lowercase());
    if let Some(reset) = reset.filter(|reset| options.has("from-beginning") && reset != "earliest") {
        terminal.error_line(&format!(
            "Can't simultaneously specify --from-beginning and 'auto.offset.reset={reset}', please remove one option"
        ));
        return Err(Failure::Exit(1));
    }
    Ok(Plan { properties, group, formatter: formatter(terminal, options).await?, start })
}

fn deprecated(terminal: &Terminal, old: &str, new: &str) {
    terminal
        .line(&format!("Option --{old} is deprecated and will be removed in a future version. Use --{new} instead."));
}

/// The group's id, which may be given in three places, but only once.
fn group(
    terminal: &Terminal,
    options: &Options,
    from_file: &Properties,
    extra: &Properties,
) -> Result<Option<Str>, Failure> {
    let given = options.value("group")?.map(Str::from);
    let mut ids: Vec<Str> =
        [given.as_ref(), from_file.value("group.id"), extra.value("group.id")].into_iter().flatten().cloned().collect();
    sort(&mut ids);
    ids.dedup();
    if ids.len() > 1 {
        let ids = ids.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ");
        let message = format!(
            "The group ids provided in different places (directly using '--group', via '--consumer-property', or via \
             '--consumer.config') do not match. Detected group ids: {ids}"
        );
        return Err(options.usage(terminal, &message));
    }
    if !ids.is_empty() && options.has("partition") {
        return Err(options.usage(terminal, "Options group and partition cannot be specified together."));
    }
    Ok(ids.into_iter().next())
}

fn start(terminal: &Terminal, options: &Options) -> Result<Start, Failure> {
    if !options.has("offset") {
        return Ok(if options.has("from-beginning") { Start::Earliest } else { Start::Latest });
    }
    let text = options.value("offset")?.unwrap_or_default();
    match text.to_ascii_lowercase().as_str() {
        "earliest" => Ok(Start::Earliest),
        "latest" => Ok(Start::Latest),
        other => other.parse().ok().filter(|offset| *offset >= 0).map(Start::At).ok_or_else(|| {
            let message = format!(
                "The provided offset value '{text}' is incorrect. Valid values are 'earliest', 'latest', or a non-negative \
                 long."
            );
            options.usage(terminal, &message)
        }),
    }
}

fn consumer_config(terminal: &Terminal, options: &Options, plan: &Plan) -> Result<ConsumerConfig, Failure> {
    let Plan { properties, group, start, .. } = plan;
    let wrong = |key: &str, value: &str, why: &str| {
        let message = format!("Invalid value {value} for configuration {key}: {why}");
        Exception::new("org.apache.kafka.common.config.ConfigException", message)
    };
    let reset = properties.value("auto.offset.reset").map(|value| value.trim().to_ascii_lowercase());
    let auto_offset_reset = match (reset.as_deref(), *start) {
        (_, Some((_, Start::Earliest))) | (Some("earliest"), None) => AutoOffsetReset::Earliest,
        (Some("none"), None) => AutoOffsetReset::None,
        (None, None) if options.has("from-beginning") => AutoOffsetReset::Earliest,
        (Some("latest") | None, _) | (_, Some(_)) => AutoOffsetReset::Latest,
        (Some(other), None) => {
            let why = format!(
                "Invalid value `{other}` for configuration auto.offset.reset. The value must be either 'earliest', 'latest', \
                 'none' or of the format 'by_duration:<PnDTnHnMn.nS.>'."
            );
            return Err(wrong("auto.offset.reset", other, &why).into());
        }
    };
    let level = match properties.value("isolation.level").map(Str::as_str) {
        Some(level) if !options.has("isolation-level") => level,
        _ => options.value("isolation-level")?.unwrap_or_default(),
    };
    let isolation_level = match level.to_ascii_lowercase().as_str() {
        "read_committed" => IsolationLevel::ReadCommitted,
        "read_uncommitted" => IsolationLevel::ReadUncommitted,
        _ => {
            let why = "String must be one of: read_committed, read_uncommitted";
            return Err(wrong("isolation.level", level, why).into());
        }
    };
    let defaults = ConsumerConfig::default();
    let duration = |key: &str, default: Duration| Ok::<_, Exception>(millis(properties, key)?.unwrap_or(default));
    let auto_commit = properties.value("enable.auto.commit").map(|value| value.trim() != "false");
    let is_own = group.is_some();
    let group = group.clone().unwrap_or_else(|| format!("console-consumer-{}", terminal.random_below(100_000)).into());
    Ok(ConsumerConfig {
        client_id: properties.value("client.id").cloned().unwrap_or(Str::from_static("console-consumer")),
        bootstrap: bootstrap(terminal, options.value("bootstrap-server")?.unwrap_or_default()).map_err(|cause| {
            let message = "Failed to construct kafka consumer";
            Exception::new("org.apache.kafka.common.KafkaException", message).because(&cause)
        })?,
        // A group nobody named is nobody's to remember.
        group_id: (start.is_none()).then_some(group),
        group_instance_id: properties.value("group.instance.id").cloned(),
        auto_offset_reset,
        isolation_level,
        enable_auto_commit: auto_commit.unwrap_or(is_own),
        auto_commit_interval: duration("auto.commit.interval.ms", defaults.auto_commit_interval)?,
        session_timeout: duration("session.timeout.ms", defaults.session_timeout)?,
        heartbeat_interval: duration("heartbeat.interval.ms", defaults.heartbeat_interval)?,
        max_poll_interval: duration("max.poll.interval.ms", defaults.max_poll_interval)?,
        request_timeout: duration("request.timeout.ms", defaults.request_timeout)?,
        metadata_max_age: duration("metadata.max.age.ms", defaults.metadata_max_age)?,
        ..defaults
    })
}

async fn formatter(terminal: &Terminal, options: &Options) -> Result<MessageFormatter, Failure> {
    let mut properties = match options.value("formatter-config")? {
        Some(path) => read(terminal, path).await?,
        None => Properties::default(),
    };
    if options.count(&["property", "formatter-property"]) == 2 {
        let message = "Options --property and --formatter-property cannot be specified together.";
        return Err(options.usage(terminal, message));
    }
    if options.has("property") {
        deprecated(terminal, "property", "formatter-property");
    }
    key_values(&mut properties, options.values("formatter-property").chain(options.values("property")));
    for name in ["key-deserializer", "value-deserializer"] {
        if let Some(class) = options.value(name)?.filter(|class| !class.is_empty()) {
            properties.set(name.replace('-', "."), class);
        }
    }
    let class = options.value("formatter")?.unwrap_or(FORMATTER);
    MessageFormatter::new(class, &properties).map_err(|exception| options.usage(terminal, &exception.message))
}

async fn read_records(terminal: &Terminal, options: &Options, plan: Plan) -> Result<(), Failure> {
    let config = consumer_config(terminal, options, &plan)?;
    if plan.start.is_none() {
        // Kafka's consumer says so of the classic protocol, whatever the level of the log.
        terminal.error_line(
            "The consumer rebalance protocol (KIP-848) is production-ready! Set group.protocol=consumer to try it out. See \
             https://kafka.apache.org/documentation/#consumer_rebalance_protocol",
        );
    }
    let include = options.value("include")?.map(TopicFilter::of_pattern).transpose()?;
    let most = options.number::<i32>("max-messages").inspect_err(|_| summary(terminal, 0))?.filter(|most| *most >= 0);
    // A negative one is none.
    let timeout = options.number::<i64>("timeout-ms")?.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
    let metadata_max_age = config.metadata_max_age;
    if include.is_some() {
        terminal.start_admin(AdminConfig { bootstrap: config.bootstrap.clone(), ..AdminConfig::default() });
    }
    terminal.start_consumer(config);
    terminal.await_interrupts();
    let topic = Str::from(options.value("topic")?.unwrap_or_default());
    match plan.start {
        Some((partition, start)) => assign(terminal, &TopicPartition { topic, partition }, start),
        None if include.is_none() => subscribe(terminal, vec![topic]),
        None => {}
    }
    let mut reading = Reading { terminal, formatter: plan.formatter, most, count: 0 };
    let skips = options.has("skip-message-on-error");
    let mut refresh_at = Instant::ZERO;
    let mut idle_at = timeout.map(|timeout| terminal.now().monotonic + timeout);
    let ended = loop {
        if reading.is_enough() {
            break Ok(());
        }
        if let Some(filter) = include.as_ref().filter(|_| refresh_at <= terminal.now().monotonic) {
            subscribe(terminal, matching(terminal, filter).await?);
            refresh_at = terminal.now().monotonic + metadata_max_age;
        }
        let refresh = include.is_some().then_some(refresh_at);
        let deadline = [idle_at, refresh].into_iter().flatten().min();
        match terminal.consumer_event(deadline).await {
            Came::Interrupt => break Err(130),
            Came::Late if idle_at.is_some_and(|at| at <= terminal.now().monotonic) => {
                terminal.log("ERROR", &"Error processing message, terminating consumer process: ", CLASS);
                terminal.error_line("org.apache.kafka.common.errors.TimeoutException");
                break Ok(());
            }
            Came::This(ConsumerEvent::Records { partition, records, .. }) => {
                reading.print(&partition, &records, skips)?;
                idle_at = timeout.map(|timeout| terminal.now().monotonic + timeout);
            }
            Came::This(ConsumerEvent::Error { code, message }) if !code.is_retriable() => {
                terminal.log("ERROR", &"Error processing message, terminating consumer process: ", CLASS);
                terminal.error_line(&Exception::of(code, Some(&message)).to_string());
                break Ok(());
            }
            Came::Late | Came::This(_) => {}
        }
    };
    close(terminal).await;
    summary(terminal, reading.count);
    if options.has("enable-systest-events") {
        terminal.line("shutdown_complete");
    }
    ended.map_err(Failure::Exit)
}

fn summary(terminal: &Terminal, count: i32) {
    terminal.error_line(&format!("Processed a total of {count} messages"));
}

pub(super) fn subscribe(terminal: &Terminal, topics: Vec<Str>) {
    if let Some(mut consumer) = terminal.consumer() {
        consumer.subscribe(topics);
    }
}

fn assign(terminal: &Terminal, partition: &TopicPartition, start: Start) {
    if let Some(mut consumer) = terminal.consumer() {
        consumer.assign(vec![partition.clone()]);
        if let Start::At(offset) = start {
            consumer.seek(partition, offset);
        }
    }
}

/// The topics that are meant and there.
pub(super) async fn matching(terminal: &Terminal, filter: &TopicFilter) -> Result<Vec<Str>, Failure> {
    let response = metadata(terminal).await?;
    let topics = response.topics.into_iter().filter(|topic| !topic.is_internal).filter_map(|topic| topic.name);
    Ok(topics.filter(|name| filter.is_match(name)).collect())
}

/// Commits where that is its affair, and leaves the group.
pub(super) async fn close(terminal: &Terminal) {
    let now = terminal.now();
    if let Some(mut consumer) = terminal.consumer() {
        consumer.close(now);
    }
    while terminal.consumer_event_to_the_end().await != ConsumerEvent::Closed {}
}

struct Reading<'a> {
    terminal: &'a Terminal,
    formatter: MessageFormatter,
    most: Option<i32>,
    count: i32,
}

impl Reading<'_> {
    fn is_enough(&self) -> bool {
        self.most.is_some_and(|most| self.count >= most)
    }

    fn print(&mut self, partition: &TopicPartition, records: &[Record], skips: bool) -> Result<(), Failure> {
        let mut lines = Vec::new();
        for record in records {
            if self.is_enough() {
                // What was not shown is not to be committed.
                if let Some(mut consumer) = self.terminal.consumer() {
                    consumer.seek(partition, record.offset);
                }
                break;
            }
            self.count += 1;
            if let Err(exception) = self.formatter.write(partition, record, &mut lines) {
                if !skips {
                    self.terminal.print_bytes(lines);
                    return Err(exception.into());
                }
                self.terminal.log("ERROR", &"Error processing message, skipping this message: ", CLASS);
                self.terminal.error_line(&exception.to_string());
            }
        }
        self.terminal.print_bytes(lines);
        Ok(())
    }
}
