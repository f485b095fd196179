//! `kafka-log-dirs.sh`: what lies in the log directories of brokers, as JSON (`org.apache.kafka.tools.LogDirsCommand`).

use super::arguments::jopt::{OptionSpec, Options, flag, value};
use super::cluster::metadata;
use super::failure::{Exception, Failure, TERSE, class_of, terse, wrapped};
use super::properties_file::admin_config;
use super::terminal::Terminal;
use crate::ids::{NodeId, TopicPartition};
use crate::java::{hash_map_order, topic_partition_hash};
use crate::protocol::ErrorCode;
use crate::protocol::messages::DescribeLogDirsRequest;
use crate::protocol::messages::describe_log_dirs_response::{DescribeLogDirsPartition, DescribeLogDirsResult};
use crate::sorted::sort;
use crate::text::Str;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde_json::Value;

const OPTIONS: [OptionSpec; 5] = [
    value("bootstrap-server", "String: The server(s) to use for bootstrapping", "REQUIRED: brokers, as host:port."),
    value("command-config", "String: Admin client property file", "A file of properties for the admin client."),
    flag("describe", "REQUIRED: tells what lies in the log directories."),
    value("topic-list", "String: Topic list", "Only these topics, with commas."),
    value("broker-list", "String: Broker list", "Only these brokers, with commas."),
];

/// The tool.
pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    match execute(&terminal).await {
        Err(Failure::Thrown(exception)) => {
            terminal.error_line(&exception.message);
            // Kafka's own way to say it needs no trace.
            if exception.class != TERSE {
                terminal.error_line(&format!("{exception}\n"));
            }
            Err(Failure::Exit(1))
        }
        ended => ended,
    }
}

async fn execute(terminal: &Terminal) -> Result<(), Failure> {
    let options = Options::parse(&OPTIONS, &terminal.arguments())?;
    options
        .print_help_or_version(terminal, "This tool helps to query log directory usage on the specified brokers.")?;
    options.require(terminal, &["bootstrap-server", "describe"])?;
    let mut config = admin_config(
        terminal,
        options.value("command-config")?,
        options.value("bootstrap-server")?.unwrap_or_default(),
    )
    .await?;
    config.client_id = Str::from_static("log-dirs-tool");
    terminal.start_admin(config);
    let execution = |cause: &Exception| wrapped("java.util.concurrent.ExecutionException", cause);
    let cluster = metadata(terminal).await.map_err(|mut cause| {
        // Kafka's tool asks for the nodes alone.
        cause.message = cause.message.replace("listTopics", "listNodes");
        execution(&cause)
    })?;
    let mut there: Vec<NodeId> = cluster.brokers.iter().map(|broker| broker.node_id).collect();
    sort(&mut there);
    let brokers = brokers(&options, &there)?;
    let joined = |ids: &[NodeId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    terminal.line("Querying brokers for log directories information");
    let mut described = Vec::new();
    for broker in &brokers {
        let request = DescribeLogDirsRequest { topics: None };
        let response = terminal.ask_broker(*broker, request).await.map_err(|cause| execution(&cause))?;
        let directories = directories(&options, response.results)?;
        described.push(format!("{{\"broker\":{broker},\"logDirs\":[{directories}]}}"));
    }
    terminal.line(&format!("Received log directory information from brokers {}", joined(&brokers)));
    terminal.line(&format!("{{\"brokers\":[{}],\"version\":1}}", described.join(",")));
    Ok(())
}

/// The brokers that are meant.
fn brokers(options: &Options, there: &[NodeId]) -> Result<Vec<NodeId>, Exception> {
    let Some(list) = options.value("broker-list")? else { return Ok(there.to_vec()) };
    let mut brokers = Vec::new();
    for one in list.split(',').map(str::trim).filter(|one| !one.is_empty()) {
        let none = |_| Exception::new("java.lang.NumberFormatException", format!("For input string: \"{one}\""));
        brokers.push(one.parse::<NodeId>().map_err(none)?);
    }
    let missing: Vec<String> = brokers.iter().filter(|id| !there.contains(id)).map(ToString::to_string).collect();
    if missing.is_empty() {
        return Ok(brokers);
    }
    let there = there.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let message = format!(
        "ERROR: The given brokers do not exist from --broker-list: {}. Current existent brokers: {there}",
        missing.join(",")
    );
    Err(terse(message))
}

fn directories(options: &Options, results: Vec<DescribeLogDirsResult>) -> Result<String, Exception> {
    let topics: Option<Vec<&str>> = options.value("topic-list")?.map(|list| list.split(',').collect());
    let text = |text: &str| Value::from(text).to_string();
    let mut directories = Vec::new();
    for result in results {
        let error = match ErrorCode::from_code(result.error_code).unwrap_or(ErrorCode::UnknownServerError) {
            ErrorCode::None => "null".to_string(),
            error => text(&class_of(error)),
        };
        let mut partitions: Vec<(TopicPartition, DescribeLogDirsPartition)> = Vec::new();
        for topic in result.topics {
            for partition in topic.partitions {
                let at = TopicPartition { topic: topic.name.clone(), partition: partition.partition_index };
                partitions.push((at, partition));
            }
        }
        // Kafka's tool puts those that are asked for from a map of all into another.
        hash_map_order(&mut partitions, 16, |(at, _)| topic_partition_hash(at));
        partitions.retain(|(at, _)| topics.as_ref().is_none_or(|topics| topics.contains(&&*at.topic)));
        hash_map_order(&mut partitions, 16, |(at, _)| topic_partition_hash(at));
        let partition = |(at, partition): &(TopicPartition, DescribeLogDirsPartition)| {
            let DescribeLogDirsPartition { partition_size, offset_lag, is_future_key, .. } = partition;
            let name = text(&at.to_string());
            format!(
                "{{\"partition\":{name},\"size\":{partition_size},\"offsetLag\":{offset_lag},\"isFuture\":{is_future_key}}}"
            )
        };
        let partitions = partitions.iter().map(partition).collect::<Vec<_>>().join(",");
        let directory = text(&result.log_dir);
        directories.push(format!("{{\"partitions\":[{partitions}],\"error\":{error},\"logDir\":{directory}}}"));
    }
    Ok(directories.join(","))
}
