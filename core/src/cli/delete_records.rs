//! `kafka-delete-records.sh`: deletes the oldest records of partitions (`org.apache.kafka.tools.DeleteRecordsCommand`).

use super::arguments::jopt::{OptionSpec, Options, value};
use super::failure::{Exception, Failure, thrown};
use super::properties_file::admin_config;
use super::terminal::Terminal;
use crate::ids::{Offset, TopicPartition};
use crate::protocol::ErrorCode;
use crate::protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use crate::protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse};
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use serde_json::Value;

const OPTIONS: [OptionSpec; 3] = [
    value("bootstrap-server", "String: server(s) to use for bootstrapping", "REQUIRED: brokers, as host:port."),
    value(
        "offset-json-file",
        "String: Offset json file path",
        "REQUIRED: a file with the first offset each partition shall keep, as \
         {\"partitions\":[{\"topic\":\"foo\",\"partition\":1,\"offset\":1}],\"version\":1}; -1 deletes all there is.",
    ),
    value("command-config", "String: command config property file path", "A file of properties for the admin client."),
];

/// The tool.
pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    terminal.catch(execute(&terminal).await)
}

async fn execute(terminal: &Terminal) -> Result<(), Failure> {
    let options = Options::parse(&OPTIONS, &terminal.arguments())?;
    options.print_help_or_version(
        terminal,
        "This tool helps to delete records of the given partitions down to the specified offset.",
    )?;
    options.require(terminal, &["bootstrap-server", "offset-json-file"])?;
    let server = options.value("bootstrap-server")?.unwrap_or_default();
    let config = admin_config(terminal, options.value("command-config")?, server).await?;
    let path = options.value("offset-json-file")?.unwrap_or_default();
    let wanted = read(&terminal.text_file(path).await?)?;
    terminal.start_admin(config);
    terminal.line("Executing records delete operation");
    // As Kafka's admin, this one waits for leaders of partitions that are not there, too. Kafka's tells what came of them in
    // the order of a map that no two processes share.
    let requests = wanted.iter().map(|(at, offset)| request(at, *offset)).collect();
    let deleted = terminal.ask_all(requests).await;
    let mut lines = Vec::new();
    for ((at, _), response) in wanted.iter().zip(deleted) {
        lines.push(match response.and_then(|response| low_watermark(terminal, at, &response)) {
            Ok(low_watermark) => format!("partition: {at}\tlow_watermark: {low_watermark}"),
            Err(exception) => format!("partition: {at}\terror: {exception}"),
        });
    }
    terminal.line("Records delete operation completed:");
    for line in lines {
        terminal.line(&line);
    }
    Ok(())
}

fn request(at: &TopicPartition, offset: Offset) -> DeleteRecordsRequest {
    let partitions = vec![DeleteRecordsPartition { partition_index: at.partition, offset }];
    let topics = vec![DeleteRecordsTopic { name: at.topic.clone(), partitions }];
    DeleteRecordsRequest { topics, timeout_ms: 60_000 }
}

fn low_watermark(
    terminal: &Terminal,
    at: &TopicPartition,
    response: &DeleteRecordsResponse,
) -> Result<Offset, Exception> {
    let found = response.topics.iter().flat_map(|topic| &topic.partitions).next();
    let (code, low_watermark) = found.map_or((-1, -1), |partition| (partition.error_code, partition.low_watermark));
    thrown(code, None).inspect_err(|_| {
        let name = ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError).name();
        let line = format!(
            "[AdminClient clientId=adminclient-1] DeleteRecords request for topic partition {at} failed due to an unexpected \
             error {name}"
        );
        terminal.log("ERROR", &line, "org.apache.kafka.clients.admin.internals.DeleteRecordsHandler");
    })?;
    Ok(low_watermark)
}

/// The offsets of a file, in its order.
fn read(content: &[u8]) -> Result<Vec<(TopicPartition, Offset)>, Exception> {
    let operation = |message: &str| Exception::new("org.apache.kafka.tools.AdminOperationException", message);
    let json: Value = serde_json::from_slice(content).map_err(|_| operation("The input string is not a valid JSON"))?;
    if let Some(version) = json.get("version").filter(|version| version.as_i64() != Some(1)) {
        return Err(operation(&format!("Not supported version field value {version}")));
    }
    let partitions = json.get("partitions").and_then(Value::as_array);
    let partitions = partitions.ok_or_else(|| operation("Missing partitions field"))?;
    let mut wanted: Vec<(TopicPartition, Offset)> = Vec::new();
    let mut twice = Vec::new();
    for entry in partitions {
        let number = |name| entry.get(name).and_then(Value::as_i64);
        let topic = entry.get("topic").and_then(Value::as_str);
        let (Some(topic), Some(partition), Some(offset)) = (topic, number("partition"), number("offset")) else {
            return Err(operation(&format!("No such field exists in {entry}")));
        };
        let at = TopicPartition::new(topic, partition as i32);
        if wanted.iter().any(|(other, _)| *other == at) {
            twice.push(at.to_string());
        }
        wanted.push((at, offset));
    }
    if !twice.is_empty() {
        let message = format!("Offset json file contains duplicate topic partitions: {}", twice.join(","));
        return Err(Exception::new("org.apache.kafka.tools.AdminCommandFailedException", message));
    }
    Ok(wanted)
}
