//! `kafka-console-producer.sh`: a record for each line (`org.apache.kafka.tools.ConsoleProducer`, `LineMessageReader`).

use super::arguments::jopt::{OptionSpec, Options, flag, value};
use super::failure::{Exception, Failure};
use super::producer_log::{failure, log_retry, too_large};
use super::producer_properties::compression;
use super::properties_file::{bootstrap, check_address, key_values, read};
use super::terminal::{Came, Terminal};
use crate::client::{ProducerConfig, ProducerEvent, ProducerRecord, SendError};
use crate::config::Properties;
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::Duration;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;

const READER: &str = "org.apache.kafka.tools.LineMessageReader";
const CALLBACK: &str = "org.apache.kafka.clients.producer.internals.ErrorLoggingCallback";

const OPTIONS: [OptionSpec; 23] = [
    value("topic", "String: topic", "REQUIRED: the topic the lines go to."),
    value("bootstrap-server", "String: server to connect to", "REQUIRED: brokers, as host:port; several with commas."),
    flag("sync", "Waits after each line until it is acknowledged."),
    value("compression-codec", "String: compression-codec", "How batches are compressed; gzip where no name follows.")
        .optional(),
    value("batch-size", "Integer: size", "Bytes of a batch (batch.size).").or("16384"),
    value("message-send-max-retries", "Integer", "How often a batch that failed is sent again (retries).").or("3"),
    value("retry-backoff-ms", "Long", "How long to wait before that (retry.backoff.ms).").or("100"),
    value("timeout", "Long: timeout_ms", "How long a line waits for others to share its batch (linger.ms).").or("1000"),
    value("request-required-acks", "String: request required acks", "Whose acknowledgement is awaited (acks).")
        .or("-1"),
    value("request-timeout-ms", "Integer: request timeout ms", "How long an answer may take (request.timeout.ms).")
        .or("1500"),
    value("metadata-expiry-ms", "Long: metadata expiration interval", "How old metadata may be (metadata.max.age.ms).")
        .or("300000"),
    value("max-block-ms", "Long: max block on send", "How long a line waits for its topic (max.block.ms).").or("60000"),
    value("max-memory-bytes", "Long: total memory in bytes", "Bytes of all lines that wait (buffer.memory).")
        .or("33554432"),
    value("max-partition-memory-bytes", "Integer: memory in bytes per partition", "Deprecated: see batch-size.")
        .or("16384"),
    value("line-reader", "String: reader_class", "The class that reads lines.").or(READER),
    value("socket-buffer-size", "Integer: size", "Bytes of the socket's buffer; a browser has none.").or("102400"),
    value("property", "String: prop", "Deprecated: see reader-property."),
    value(
        "reader-property",
        "String: prop",
        "How a line is read, as key=value: parse.key, key.separator, parse.headers, headers.delimiter, headers.separator, \
         headers.key.separator, ignore.error, null.marker.",
    ),
    value("reader-config", "String: config file", "A file of reader properties."),
    value("producer-property", "String: producer_prop", "Deprecated: see command-property."),
    value("command-property", "String: producer_prop", "A setting of the producer, as key=value."),
    value("producer.config", "String: config file", "Deprecated: see command-config."),
    value("command-config", "String: config file", "A file of settings of the producer."),
];

/// The tool.
pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    match execute(&terminal).await {
        Err(Failure::Thrown(exception)) => {
            let is_of_options = exception.class.starts_with("joptsimple.");
            terminal.error_line(&if is_of_options { exception.message } else { exception.to_string() });
            Err(Failure::Exit(1))
        }
        ended => ended,
    }
}

async fn execute(terminal: &Terminal) -> Result<(), Failure> {
    let options = Options::parse_or_usage(&OPTIONS, terminal)?;
    options
        .print_help_or_version(terminal, "This tool helps to read data from standard input and publish it to Kafka.")?;
    options.require(terminal, &["topic"])?;
    check_address(terminal, &options)?;
    let settings = check(terminal, &options).await?;
    let server = options.value("bootstrap-server")?.unwrap_or_default();
    let config = producer_config(terminal, &options, &settings.producer, server)?;
    let class = options.value("line-reader")?.unwrap_or(READER);
    if class != READER {
        return Err(Exception::new("java.lang.ClassNotFoundException", class).into());
    }
    let reader = LineReader::new(&settings.reader)?;
    let topic = Str::from(options.value("topic")?.unwrap_or_default());
    let is_sync = options.has("sync");
    let delivery_ms = config.delivery_timeout.as_millis() as u64;
    terminal.start_producer(config);
    terminal.await_interrupts();
    let mut work = Work {
        terminal,
        topic,
        pending: SortedMap::new(),
        is_sync,
        thrown: None,
        max_block_ms: options.number("max-block-ms")?.unwrap_or(60_000),
        delivery_ms,
    };
    work.read(&reader).await
}

struct Settings {
    producer: Properties,
    reader: Properties,
}

/// Kafka's checks, in its order; deprecated names give way to the new ones.
async fn check(terminal: &Terminal, options: &Options) -> Result<Settings, Failure> {
    let pairs = [
        ("property", "reader-property"),
        ("producer-property", "command-property"),
        ("producer.config", "command-config"),
    ];
    for (old, new) in pairs {
        if options.count(&[old, new]) == 2 {
            let message = format!("Options --{new} and --{old} cannot be specified together.");
            return Err(options.usage(terminal, &message));
        }
    }
    for (old, new) in pairs {
        if options.has(old) {
            terminal.line(&format!(
                "Warning: --{old} is deprecated and will be removed in a future version. Use --{new} instead."
            ));
        }
    }
    if options.has("max-partition-memory-bytes") {
        terminal.line(
            "Warning: --max-partition-memory-bytes is deprecated and will be removed in Apache Kafka 5.0. Use --batch-size \
             instead.",
        );
    }
    let mut producer = file(terminal, options, ["command-config", "producer.config"]).await?;
    key_values(&mut producer, options.values("command-property").chain(options.values("producer-property")));
    let mut reader = file(terminal, options, ["reader-config", "reader-config"]).await?;
    key_values(&mut reader, options.values("reader-property").chain(options.values("property")));
    Ok(Settings { producer, reader })
}

async fn file(terminal: &Terminal, options: &Options, names: [&'static str; 2]) -> Result<Properties, Failure> {
    for name in names {
        if let Some(path) = options.value(name)? {
            return Ok(read(terminal, path).await?);
        }
    }
    Ok(Properties::default())
}

/// An option that is given counts before a property, a property before the option's default.
fn setting<'a>(
    options: &'a Options,
    properties: &'a Properties,
    option: &'static str,
    key: &str,
) -> Result<&'a str, Exception> {
    match properties.value(key) {
        Some(value) if !options.has(option) => Ok(value.as_str()),
        _ => Ok(options.value(option)?.unwrap_or_default()),
    }
}

fn number<T: core::str::FromStr>(
    options: &Options,
    properties: &Properties,
    option: &'static str,
    key: &str,
) -> Result<T, Exception> {
    let text = setting(options, properties, option, key)?;
    text.trim().parse().map_err(|_| {
        if options.has(option) {
            let message = format!("Cannot parse argument '{text}' of option {option}");
            return Exception::new("joptsimple.OptionArgumentConversionException", message);
        }
        let message = format!("Invalid value {text} for configuration {key}: Not a number of type INT");
        Exception::new("org.apache.kafka.common.config.ConfigException", message)
    })
}

/// A duration, which is not negative.
fn millis(options: &Options, properties: &Properties, option: &'static str, key: &str) -> Result<Duration, Exception> {
    let ms = number::<i64>(options, properties, option, key)?;
    u64::try_from(ms).map(Duration::from_millis).map_err(|_| {
        let message = format!("Invalid value {ms} for configuration {key}: Value must be at least 0");
        Exception::new("org.apache.kafka.common.config.ConfigException", message)
    })
}

fn producer_config(
    terminal: &Terminal,
    options: &Options,
    properties: &Properties,
    server: &str,
) -> Result<ProducerConfig, Failure> {
    let millis = |option, key| millis(options, properties, option, key);
    let acks = match setting(options, properties, "request-required-acks", "acks")? {
        "all" | "-1" => -1,
        "0" => 0,
        "1" => 1,
        other => {
            let message = format!("Invalid value {other} for configuration acks: String must be one of: all, -1, 0, 1");
            return Err(Exception::new("org.apache.kafka.common.config.ConfigException", message).into());
        }
    };
    let batch_option =
        if options.has("max-partition-memory-bytes") { "max-partition-memory-bytes" } else { "batch-size" };
    // Kafka's tool sets `compression.type` from its option alone: one among the properties is overwritten, also with `none`.
    let codec = if options.has("compression-codec") {
        options.value("compression-codec")?.filter(|name| !name.is_empty()).unwrap_or("gzip")
    } else {
        "none"
    };
    let idempotence = properties.value("enable.idempotence").is_none_or(|value| value.trim() != "false");
    Ok(ProducerConfig {
        client_id: properties.value("client.id").cloned().unwrap_or(Str::from_static("console-producer")),
        bootstrap: bootstrap(terminal, server)?,
        acks,
        linger: millis("timeout", "linger.ms")?,
        batch_size: number(options, properties, batch_option, "batch.size")?,
        compression: compression(properties, codec)?,
        request_timeout: millis("request-timeout-ms", "request.timeout.ms")?,
        max_block: millis("max-block-ms", "max.block.ms")?,
        enable_idempotence: idempotence,
        buffer_memory: number(options, properties, "max-memory-bytes", "buffer.memory")?,
        retries: number(options, properties, "message-send-max-retries", "retries")?,
        retry_backoff: millis("retry-backoff-ms", "retry.backoff.ms")?,
        metadata_max_age: millis("metadata-expiry-ms", "metadata.max.age.ms")?,
        ..ProducerConfig::default()
    })
}

/// How lines become records.
struct LineReader {
    parses_key: bool,
    key_separator: String,
    parses_headers: bool,
    headers_delimiter: String,
    headers_separator: String,
    headers_key_separator: String,
    ignores_errors: bool,
    null_marker: Option<String>,
}

impl LineReader {
    fn new(properties: &Properties) -> Result<Self, Exception> {
        let is_set = |key| properties.value(key).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"));
        let text = |key, default: &str| properties.value(key).map_or(default.to_string(), ToString::to_string);
        let reader = Self {
            parses_key: is_set("parse.key"),
            key_separator: text("key.separator", "\t"),
            parses_headers: is_set("parse.headers"),
            headers_delimiter: text("headers.delimiter", "\t"),
            headers_separator: text("headers.separator", ","),
            headers_key_separator: text("headers.key.separator", ":"),
            ignores_errors: is_set("ignore.error"),
            null_marker: properties.value("null.marker").map(ToString::to_string),
        };
        let separators = [
            ("headers.delimiter", &reader.headers_delimiter, "headers.separator", &reader.headers_separator),
            ("headers.delimiter", &reader.headers_delimiter, "headers.key.separator", &reader.headers_key_separator),
            ("headers.separator", &reader.headers_separator, "headers.key.separator", &reader.headers_key_separator),
        ];
        for (one, first, other, second) in separators {
            if first == second {
                return Err(kafka(format!("{one} and {other} may not be equal")));
            }
        }
        for (name, separator) in [
            ("key.separator", &reader.key_separator),
            ("headers.delimiter", &reader.headers_delimiter),
            ("headers.separator", &reader.headers_separator),
            ("headers.key.separator", &reader.headers_key_separator),
        ] {
            if reader.null_marker.as_ref() == Some(separator) {
                return Err(kafka(format!("null.marker and {name} may not be equal")));
            }
        }
        Ok(reader)
    }

    fn nullable(&self, text: &str) -> Option<Bytes> {
        (self.null_marker.as_deref() != Some(text)).then(|| Bytes::copy_from_slice(text.as_bytes()))
    }

    /// The record of a line; the number counts from 1.
    fn record(&self, topic: &Str, line: &str, number: u64) -> Result<ProducerRecord, Exception> {
        let mut rest = line;
        let mut headers = Vec::new();
        if self.parses_headers {
            let part = self.part(&mut rest, &self.headers_delimiter, "headers delimiter", line, number)?;
            // All of it may be the marker: no headers.
            let part = part.filter(|part| self.null_marker.as_deref() != Some(part));
            for pair in part.into_iter().flat_map(|part| part.split(&*self.headers_separator)) {
                match pair.split_once(&*self.headers_key_separator) {
                    Some((key, _)) if self.null_marker.as_deref() == Some(key) => {
                        return Err(kafka(format!(
                            "Header keys should not be equal to the null marker '{key}' as they can't be null"
                        )));
                    }
                    Some((key, value)) => headers.push((Str::from(key), self.nullable(value))),
                    None if self.ignores_errors => headers.push((Str::from(pair), None)),
                    None => {
                        let message = format!("No header key separator found in pair '{pair}' on line number {number}");
                        return Err(kafka(message));
                    }
                }
            }
        }
        let mut key = None;
        if self.parses_key {
            let part = self.part(&mut rest, &self.key_separator, "key separator", line, number)?;
            key = part.and_then(|part| self.nullable(part));
        }
        Ok(ProducerRecord {
            topic: topic.clone(),
            key,
            value: self.nullable(rest),
            headers,
            ..ProducerRecord::default()
        })
    }

    /// What stands before a separator; `None` where there is none and that is no error.
    fn part<'a>(
        &self,
        rest: &mut &'a str,
        separator: &str,
        name: &str,
        line: &str,
        number: u64,
    ) -> Result<Option<&'a str>, Exception> {
        match rest.split_once(separator) {
            Some((part, behind)) => {
                *rest = behind;
                Ok(Some(part))
            }
            None if self.ignores_errors => Ok(None),
            None => Err(kafka(format!("No {name} found on line number {number}: '{line}'"))),
        }
    }
}

fn kafka(message: String) -> Exception {
    Exception::new("org.apache.kafka.common.KafkaException", message)
}

/// A line on its way, as the log describes it when it fails.
struct Sent {
    key: Option<Bytes>,
    value: Option<Bytes>,
}

struct Work<'a> {
    terminal: &'a Terminal,
    topic: Str,
    pending: SortedMap<u64, Sent>,
    is_sync: bool,
    /// Why the line that is awaited failed.
    thrown: Option<Exception>,
    max_block_ms: u64,
    delivery_ms: u64,
}

impl Work<'_> {
    async fn read(&mut self, reader: &LineReader) -> Result<(), Failure> {
        let mut number = 0;
        loop {
            if self.terminal.is_interactive() {
                self.terminal.print(">");
            }
            let line = match self.next_line().await {
                Came::This(Some(line)) => line,
                Came::This(None) | Came::Late => break,
                Came::Interrupt => {
                    self.finish().await;
                    return Err(Failure::Exit(130));
                }
            };
            number += 1;
            match reader.record(&self.topic, &String::from_utf8_lossy(&line), number) {
                Ok(record) => self.send(record).await?,
                Err(exception) => {
                    self.finish().await;
                    return Err(exception.into());
                }
            }
        }
        self.finish().await;
        Ok(())
    }

    /// The next line; what happens to earlier ones meanwhile is told.
    async fn next_line(&mut self) -> Came<Option<Vec<u8>>> {
        loop {
            match self.terminal.line_or_producer_event().await {
                Ok(line) => return line,
                Err(event) => self.tell(event),
            }
        }
    }

    /// # Errors
    /// With `--sync`, why the record was not delivered.
    async fn send(&mut self, record: ProducerRecord) -> Result<(), Failure> {
        let sent = Sent { key: record.key.clone(), value: record.value.clone() };
        let taken = loop {
            let now = self.terminal.now();
            let taken = match self.terminal.producer() {
                Some(mut producer) => producer.send(now, record.clone()),
                None => return Ok(()),
            };
            if taken != Err(SendError::BufferExhausted) {
                break taken;
            }
            // `max.block.ms` bounds this in Kafka; here an earlier line that is done with makes room in that time or fails.
            self.wait().await;
        };
        match taken {
            Err(SendError::BufferExhausted) => {}
            Ok(id) => {
                self.pending.insert(id, sent);
                while self.is_sync && self.pending.contains_key(&id) {
                    self.wait().await;
                }
                if let Some(cause) = self.thrown.take() {
                    let class = "java.util.concurrent.ExecutionException";
                    return Err(Exception::new(class, cause.to_string()).because(&cause).into());
                }
            }
            Err(SendError::Transaction(error)) => return Err(Exception::from(&error).into()),
            Err(SendError::RecordTooLarge { size, max_request_size }) => {
                self.failed(&sent, &too_large(size, max_request_size));
            }
        }
        Ok(())
    }

    /// Until all is delivered or given up.
    async fn finish(&mut self) {
        let now = self.terminal.now();
        if let Some(mut producer) = self.terminal.producer() {
            producer.flush(now);
        }
        while !self.pending.is_empty() {
            self.wait().await;
        }
    }

    async fn wait(&mut self) {
        // Closing a producer is not to be hurried.
        let event = self.terminal.producer_event().await;
        self.tell(event);
    }

    fn tell(&mut self, event: ProducerEvent) {
        match event {
            ProducerEvent::Delivered { ids, .. } => {
                for id in ids {
                    self.pending.remove(&id);
                }
            }
            ProducerEvent::Retrying { .. } => log_retry(self.terminal, "console-producer", &event),
            ProducerEvent::Aborted { ids, error, .. } => {
                let exception = Exception::from(&error);
                for id in ids {
                    if let Some(sent) = self.pending.remove(&id) {
                        self.failed(&sent, &exception);
                    }
                }
            }
            ProducerEvent::Failed { ids, topic, partition, error, message } => {
                let message = message.as_deref();
                let exception =
                    failure(&topic, partition, error, message, ids.len(), self.max_block_ms, self.delivery_ms);
                for id in ids {
                    if let Some(sent) = self.pending.remove(&id) {
                        self.failed(&sent, &exception);
                    }
                }
            }
        }
    }

    fn failed(&mut self, sent: &Sent, exception: &Exception) {
        if self.is_sync {
            self.thrown = Some(exception.clone());
            return;
        }
        let size =
            |bytes: &Option<Bytes>| bytes.as_ref().map_or("null".to_string(), |bytes| format!("{} bytes", bytes.len()));
        let line = format!(
            "Error when sending message to topic {} with key: {}, value: {} with error:",
            self.topic,
            size(&sent.key),
            size(&sent.value)
        );
        self.terminal.log("ERROR", &line, CALLBACK);
        self.terminal.error_line(&exception.to_string());
    }
}
