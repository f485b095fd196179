//! `kafka-get-offsets.sh`: offsets of partitions at a point in time (`org.apache.kafka.tools.GetOffsetShell`).

use super::arguments::jopt::{OptionSpec, Options, flag, value};
use super::cluster::{Missing, metadata, offsets_or_errors};
use super::failure::{Exception, Failure, TERSE, wrapped};
use super::properties_file::{admin_config, check_address};
use super::terminal::Terminal;
use super::topic_filter::TopicFilter;
use crate::ids::TopicPartition;
use crate::sorted::sort_by_key;
use crate::text::Str;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

const OPTIONS: [OptionSpec; 7] = [
    value("bootstrap-server", "String: HOST1:PORT1,...,HOST3:PORT3", "REQUIRED: brokers, as host:port."),
    value(
        "topic-partitions",
        "String: topic1:1,topic2:0-3,topic3,topic4:5-,topic5:-3",
        "Partitions: of each topic one, a range without its end, or all.",
    ),
    value("topic", "String: topic", "A regular expression of topics; all where it is missing."),
    value("partitions", "String: partition ids", "Partitions of these topics, with commas; all where it is missing."),
    value(
        "time",
        "String: <timestamp> / -1 or latest / -2 or earliest / -3 or max-timestamp / -4 or earliest-local / -5 or \
         latest-tiered / -6 or earliest-pending-upload",
        "The point in time, in milliseconds since the epoch, or one of these words.",
    )
    .or("latest"),
    value("command-config", "String: config file", "A file of properties for the admin client."),
    flag("exclude-internal-topics", "Leaves out Kafka's own topics."),
];

/// The tool.
pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    match execute(&terminal).await {
        Err(Failure::Thrown(exception)) => {
            terminal.error_line(&format!("Error occurred: {}", exception.message));
            if exception.class != TERSE {
                terminal.error_line(&format!("{exception}\n"));
            }
            Err(Failure::Exit(1))
        }
        ended => ended,
    }
}

async fn execute(terminal: &Terminal) -> Result<(), Failure> {
    let terse = |message: &str| Exception::new(TERSE, message);
    let options = Options::parse(&OPTIONS, &terminal.arguments()).map_err(|exception| terse(&exception.message))?;
    options.print_help_or_version(terminal, "An interactive shell for getting topic-partition offsets.")?;
    options.require(terminal, &["bootstrap-server"])?;
    check_address(terminal, &options)?;
    if options.has("topic-partitions") && options.count(&["topic", "partitions"]) > 0 {
        return Err(terse("--topic-partitions cannot be used with --topic or --partitions").into());
    }
    let rules = rules(&options)?;
    let timestamp = timestamp(options.value("time")?.unwrap_or("latest"))?;
    let server = options.value("bootstrap-server")?.unwrap_or_default();
    let mut config = admin_config(terminal, options.value("command-config")?, server).await?;
    config.client_id = Str::from_static("GetOffsetShell");
    terminal.start_admin(config);
    let topics =
        metadata(terminal).await.map_err(|cause| wrapped("java.util.concurrent.ExecutionException", &cause))?;
    let (mut chosen, mut leaderless) = (Vec::new(), Vec::new());
    for topic in topics.topics.iter().filter(|topic| !(topic.is_internal && options.has("exclude-internal-topics"))) {
        let Some(name) = &topic.name else { continue };
        for partition in &topic.partitions {
            if rules.iter().any(|rule| rule.is_match(name, partition.partition_index)) {
                let at = TopicPartition { topic: name.clone(), partition: partition.partition_index };
                if partition.leader_id < 0 { leaderless.push(at) } else { chosen.push(at) }
            }
        }
    }
    if chosen.is_empty() && leaderless.is_empty() {
        return Err(terse("Could not match any topic-partitions with the specified filters").into());
    }
    let mut found: Vec<_> = offsets_or_errors(terminal, &chosen, &leaderless, timestamp).await.into_iter().collect();
    sort_by_key(&mut found, |(at, _)| at.to_string());
    for (at, offset) in found {
        match offset {
            Ok(offset) if offset < 0 => {}
            Ok(offset) => terminal.line(&format!("{}:{}:{offset}", at.topic, at.partition)),
            Err(missing) => {
                if let Missing::Refused(error) = &missing {
                    let line = format!(
                        "[AdminClient clientId=GetOffsetShell] ListOffsets request for topic partition {at} failed due to an \
                         unexpected error {}",
                        error.name()
                    );
                    terminal.log("ERROR", &line, "org.apache.kafka.clients.admin.internals.ListOffsetsHandler");
                }
                let exception = Exception::from(missing);
                terminal
                    .error_line(&format!("Skip getting offsets for topic-partition {at} due to error: {exception}"));
            }
        }
    }
    Ok(())
}

fn timestamp(text: &str) -> Result<i64, Exception> {
    let named = ["latest", "earliest", "max-timestamp", "earliest-local", "latest-tiered", "earliest-pending-upload"];
    if let Some(at) = named.iter().position(|name| *name == text) {
        return Ok(-1 - at as i64);
    }
    text.parse().map_err(|_| {
        let message = format!(
            "Malformed time argument {text}. Please use -1 or latest / -2 or earliest / -3 or max-timestamp / -4 or \
             earliest-local / -5 or latest-tiered / -6 or earliest-pending-upload, or a specified long format timestamp"
        );
        Exception::new(TERSE, message)
    })
}

/// Which partitions are meant: topics, and partitions from and up to.
struct Rule {
    topics: Option<TopicFilter>,
    ranges: Vec<(i32, i32)>,
}

impl Rule {
    fn is_match(&self, topic: &str, partition: i32) -> bool {
        self.topics.as_ref().is_none_or(|topics| topics.is_match(topic))
            && self.ranges.iter().any(|(from, to)| (*from..*to).contains(&partition))
    }
}

const ALL: (i32, i32) = (0, i32::MAX);

fn rules(options: &Options) -> Result<Vec<Rule>, Exception> {
    if let Some(text) = options.value("topic-partitions")? {
        return text.split(',').map(rule).collect();
    }
    let topics = options.value("topic")?.map(TopicFilter::new).transpose()?;
    let mut ranges = Vec::new();
    let list = options.value("partitions")?;
    for one in list.into_iter().flat_map(|list| list.split(',')).filter(|one| !one.is_empty()) {
        let partition: i32 = one.parse().map_err(|_| {
            let list = list.unwrap_or_default();
            let message =
                format!("--partitions expects a comma separated list of numeric partition ids, but received: {list}");
            Exception::new(TERSE, message)
        })?;
        ranges.push((partition, partition.saturating_add(1)));
    }
    if ranges.is_empty() {
        ranges.push(ALL);
    }
    Ok(Vec::from([Rule { topics, ranges }]))
}

/// `topic:1`, `topic:0-3`, `topic:5-`, `topic:-3`, `topic`, `:0`.
fn rule(text: &str) -> Result<Rule, Exception> {
    let wrong = || {
        let terse = Exception::new(TERSE, format!("Invalid rule specification: {text}"));
        wrapped("java.lang.RuntimeException", &terse)
    };
    let mut parts = text.split(':');
    let (topic, partitions) = (parts.next().unwrap_or_default(), parts.next());
    if parts.next().is_some() {
        return Err(wrong());
    }
    let number =
        |text: &str, missing: i32| if text.is_empty() { Ok(missing) } else { text.parse().map_err(|_| wrong()) };
    let range = match partitions.map(|range| (range, range.split_once('-'))) {
        None | Some(("", _)) => ALL,
        Some((_, Some((from, to)))) => (number(from, 0)?, number(to, i32::MAX)?),
        Some((one, None)) => {
            let one = number(one, 0)?;
            (one, one.saturating_add(1))
        }
    };
    let topics = (!topic.is_empty()).then(|| TopicFilter::new(topic)).transpose()?;
    Ok(Rule { topics, ranges: Vec::from([range]) })
}
