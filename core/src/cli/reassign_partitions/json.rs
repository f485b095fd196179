//! The JSON that `kafka-reassign-partitions.sh` reads and writes, with the mistakes that Kafka's reader (Jackson) finds.

use crate::cli::failure::Exception;
use crate::ids::{NodeId, TopicPartition};
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;
use serde_json::Value;

/// A replica that may be wherever its broker likes.
const ANY: &str = "any";
const OPERATION: &str = "org.apache.kafka.tools.AdminOperationException";
/// What Kafka throws where the command itself cannot be meant.
pub(super) const COMMAND_FAILED: &str = "org.apache.kafka.tools.AdminCommandFailedException";

/// A replica of a partition, by broker.
pub(super) type Replica = (NodeId, TopicPartition);

/// What is to be where.
#[derive(Default)]
pub(super) struct Reassignment {
    /// In the order of the file; a partition may stand there twice.
    pub(super) partitions: Vec<(TopicPartition, Vec<NodeId>)>,
    /// Replicas whose log directory is said, by broker.
    pub(super) log_dirs: SortedMap<Replica, Str>,
}

fn mapping(message: String) -> Exception {
    Exception::new("com.fasterxml.jackson.databind.JsonMappingException", message)
}

fn object(value: &Value) -> Result<&serde_json::Map<String, Value>, Exception> {
    value.as_object().ok_or_else(|| mapping(format!("Expected JSON object, received {value}")))
}

fn array(value: &Value) -> Result<&Vec<Value>, Exception> {
    value.as_array().ok_or_else(|| mapping(format!("Expected JSON array, received {value}")))
}

fn field<'a>(value: &'a Value, name: &str) -> Result<&'a Value, Exception> {
    object(value)?.get(name).ok_or_else(|| mapping(format!("No such field exists: `{name}`")))
}

fn integer(value: &Value) -> Result<i32, Exception> {
    let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
    number.ok_or_else(|| mapping(format!("Expected `Integer` value, received {value}")))
}

fn string(value: &Value) -> Result<&str, Exception> {
    value.as_str().ok_or_else(|| mapping(format!("Expected `String` value, received {value}")))
}

fn list<'a, T>(value: &'a Value, item: impl Fn(&'a Value) -> Result<T, Exception>) -> Result<Vec<T>, Exception> {
    let items = value.as_array().ok_or_else(|| mapping(format!("Expected `JSON array` value, received {value}")))?;
    items.iter().map(item).collect()
}

fn check_version(json: &Value) -> Result<(), Exception> {
    match object(json)?.get("version").map(integer).transpose()? {
        None | Some(1) => Ok(()),
        Some(other) => Err(Exception::new(OPERATION, format!("Not supported version field value {other}"))),
    }
}

/// Reads `--reassignment-json-file`.
pub(super) fn read_reassignment(content: &Bytes) -> Result<Reassignment, Exception> {
    let json: Value = serde_json::from_slice(content).map_err(|error| unparsed(&error))?;
    check_version(&json)?;
    let mut read = Reassignment::default();
    let Some(partitions) = object(&json)?.get("partitions") else { return Ok(read) };
    for entry in array(partitions)? {
        let topic = string(field(entry, "topic")?)?;
        let at = TopicPartition::new(topic, integer(field(entry, "partition")?)?);
        let replicas = list(field(entry, "replicas")?, integer)?;
        let log_dirs = match object(entry)?.get("log_dirs") {
            Some(log_dirs) => list(log_dirs, string)?,
            None => replicas.iter().map(|_| ANY).collect(),
        };
        if replicas.len() != log_dirs.len() {
            let message = format!(
                "Size of replicas list [{}] is different from size of log dirs list [{}] for partition {at}",
                joined(&replicas, ", "),
                log_dirs.join(", ")
            );
            return Err(Exception::new(COMMAND_FAILED, message));
        }
        for (replica, log_dir) in replicas.iter().zip(log_dirs).filter(|(_, log_dir)| *log_dir != ANY) {
            read.log_dirs.insert((*replica, at.clone()), Str::from(log_dir));
        }
        read.partitions.push((at, replicas));
    }
    Ok(read)
}

/// Reads `--topics-to-move-json-file`.
pub(super) fn read_topics(content: &Bytes) -> Result<Vec<Str>, Exception> {
    let json: Value = serde_json::from_slice(content)
        .map_err(|_| Exception::new(OPERATION, "The input string is not a valid JSON"))?;
    check_version(&json)?;
    match object(&json)?.get("topics") {
        Some(topics) => array(topics)?.iter().map(|entry| Ok(Str::from(string(field(entry, "topic")?)?))).collect(),
        None => Ok(Vec::new()),
    }
}

/// What Jackson says of a text that ends too early; of other mistakes it has many words, and these are ours.
fn unparsed(error: &serde_json::Error) -> Exception {
    let text = error.to_string();
    let reason = match (error.is_eof(), text.split(" at line").next()) {
        (true, _) => "Unexpected end-of-input within/between Object entries",
        (false, reason) => reason.unwrap_or_default(),
    };
    let message = format!(
        "{reason}\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {}, column: {}]",
        error.line(),
        error.column() + 1
    );
    let cause = Exception::new("com.fasterxml.jackson.core.JsonParseException", message.clone());
    Exception::new(OPERATION, message).because(&cause)
}

/// An assignment as JSON, by topic and partition.
pub(super) fn format_reassignment(
    partitions: &SortedMap<TopicPartition, Vec<NodeId>>,
    log_dirs: &SortedMap<Replica, Str>,
) -> String {
    let text = |text: &str| Value::from(text).to_string();
    let partition = |(at, replicas): (&TopicPartition, &Vec<NodeId>)| {
        let log_dir =
            |replica: &NodeId| text(log_dirs.get(&(*replica, at.clone())).map_or(ANY, |log_dir| log_dir.as_str()));
        let log_dirs: Vec<String> = replicas.iter().map(log_dir).collect();
        format!(
            "{{\"topic\":{},\"partition\":{},\"replicas\":[{}],\"log_dirs\":[{}]}}",
            text(&at.topic),
            at.partition,
            joined(replicas, ","),
            log_dirs.join(",")
        )
    };
    let partitions: Vec<String> = partitions.iter().map(partition).collect();
    format!("{{\"version\":1,\"partitions\":[{}]}}", partitions.join(","))
}

/// Items with something between them.
pub(super) fn joined(items: &[impl ToString], between: &str) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}
