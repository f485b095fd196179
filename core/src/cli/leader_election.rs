//! `kafka-leader-election.sh`: makes preferred replicas leaders again, or replicas out of sync where no other lives
//! (`org.apache.kafka.tools.LeaderElectionCommand`).

use super::arguments::jopt::{OptionSpec, Options, flag, value};
use super::failure::{Exception, Failure, thrown, wrapped};
use super::properties_file::admin_config;
use super::terminal::Terminal;
use crate::ids::TopicPartition;
use crate::protocol::ErrorCode;
use crate::protocol::messages::ElectLeadersRequest;
use crate::protocol::messages::elect_leaders_request::TopicPartitions;
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde_json::Value;

const OPTIONS: [OptionSpec; 8] = [
    value("bootstrap-server", "String: host:port", "REQUIRED: brokers; several with commas."),
    value("command-config", "String: Config file", "A file of properties for the admin client."),
    value("admin.config", "String: config file", "Deprecated: see command-config."),
    value(
        "path-to-json-file",
        "String: Path to JSON file",
        "A file of partitions: {\"partitions\":[{\"topic\":\"foo\",\"partition\":1}]}.",
    ),
    value("topic", "String: topic name", "The topic of the partition."),
    value("partition", "Integer: partition id", "The partition."),
    flag("all-topic-partitions", "Every partition that would have another leader."),
    value(
        "election-type",
        "[PREFERRED,UNCLEAN]: election type",
        "REQUIRED: preferred, or unclean, which may lose records.",
    ),
];
const FAILED: &str = "org.apache.kafka.tools.AdminCommandFailedException";

/// The tool.
pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    terminal.catch(execute(&terminal).await)
}

async fn execute(terminal: &Terminal) -> Result<(), Failure> {
    let options = Options::parse(&OPTIONS, &terminal.arguments())?;
    let help = "This tool attempts to elect a new leader for a set of topic partitions. The type of elections supported are \
                preferred replicas and unclean replicas.";
    options.print_help_or_version(terminal, help)?;
    check(&options)?;
    let (kind, election_type) = election_type(&options)?;
    let partitions = partitions(terminal, &options).await?;
    let file = options.value("command-config")?.or(options.value("admin.config")?);
    if options.has("admin.config") {
        terminal.line(
            "Option --admin.config has been deprecated and will be removed in a future version. Use --command-config instead.",
        );
    }
    let server = options.value("bootstrap-server")?.unwrap_or_default();
    terminal.start_admin(admin_config(terminal, file, server).await?);
    let topic_partitions = partitions.as_ref().map(|partitions| {
        let mut topics: SortedMap<Str, Vec<i32>> = SortedMap::new();
        for at in partitions {
            topics.entry(at.topic.clone()).or_default().push(at.partition);
        }
        topics.into_iter().map(|(topic, partitions)| TopicPartitions { topic, partitions }).collect()
    });
    let request = ElectLeadersRequest { election_type, topic_partitions, timeout_ms: 30_000 };
    let response = terminal.ask(request).await?;
    thrown(response.error_code, None)?;
    let (mut elected, mut needless, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for topic in response.replica_election_results {
        for result in topic.partition_result {
            let at = TopicPartition { topic: topic.topic.clone(), partition: result.partition_id }.to_string();
            match ErrorCode::from_code(result.error_code).unwrap_or(ErrorCode::UnknownServerError) {
                ErrorCode::None => elected.push(at),
                ErrorCode::ElectionNotNeeded => needless.push(at),
                error => failed.push((at, Exception::of(error, result.error_message.as_deref()))),
            }
        }
    }
    if !elected.is_empty() {
        let all = elected.join(", ");
        terminal.line(&format!("Successfully completed leader election ({kind}) for partitions {all}"));
    }
    if !needless.is_empty() {
        terminal.line(&format!("Valid replica already elected for partitions {}", needless.join(", ")));
    }
    for (at, exception) in &failed {
        terminal.line(&format!("Error completing leader election ({kind}) for partition: {at}: {exception}"));
    }
    if failed.is_empty() {
        return Ok(());
    }
    let mut exception = Exception::new(FAILED, format!("{} replica(s) could not be elected", failed.len()));
    exception.suppressed = failed.iter().map(|(_, exception)| exception.to_string()).collect();
    Err(exception.into())
}

fn check(options: &Options) -> Result<(), Exception> {
    let failed = |message: String| Err(Exception::new(FAILED, message));
    let required = ["bootstrap-server", "election-type"];
    let missing: Vec<&str> = required.into_iter().filter(|name| !options.has(name)).collect();
    if !missing.is_empty() {
        return failed(format!("Missing required option(s): {}", missing.join(", ")));
    }
    let scopes = ["topic", "all-topic-partitions", "path-to-json-file"];
    if options.count(&scopes) != 1 {
        return failed(format!("One and only one of the following options is required: {}", scopes.join(", ")));
    }
    if options.has("topic") && !options.has("partition") {
        return failed("Missing required option(s): partition".to_string());
    }
    if !options.has("topic") && options.has("partition") {
        return failed("Option partition is only allowed if topic is used".to_string());
    }
    if options.count(&["command-config", "admin.config"]) == 2 {
        return failed("--admin.config and --command-config cannot be specified together.".to_string());
    }
    Ok(())
}

/// Its name and its number on the wire.
fn election_type(options: &Options) -> Result<(&'static str, i8), Exception> {
    let text = options.value("election-type")?.unwrap_or_default();
    match text.to_ascii_uppercase().as_str() {
        "PREFERRED" => Ok(("PREFERRED", 0)),
        "UNCLEAN" => Ok(("UNCLEAN", 1)),
        _ => {
            let message = format!("Value [{text}] is not one of [[PREFERRED,UNCLEAN]]");
            let cause = Exception::new("joptsimple.ValueConversionException", message);
            let message = format!("Cannot parse argument '{text}' of option election-type");
            Err(Exception::new("joptsimple.OptionArgumentConversionException", message).because(&cause))
        }
    }
}

/// The partitions that are meant; `None` for all.
async fn partitions(terminal: &Terminal, options: &Options) -> Result<Option<Vec<TopicPartition>>, Failure> {
    if let (Some(topic), Some(partition)) = (options.value("topic")?, options.number::<i32>("partition")?) {
        return Ok(Some(Vec::from([TopicPartition::new(topic, partition)])));
    }
    let Some(path) = options.value("path-to-json-file")? else { return Ok(None) };
    let content = terminal.text_file(path).await.map_err(|unread| wrapped("java.lang.RuntimeException", &unread))?;
    let operation = |message: &str| Exception::new("org.apache.kafka.tools.AdminOperationException", message);
    let json: Value = serde_json::from_slice(&content).map_err(|_| operation("Replica election data is empty"))?;
    let listed = json.get("partitions").and_then(Value::as_array);
    let listed = listed.ok_or_else(|| operation("Replica election data is missing \"partitions\" field"))?;
    let mut partitions: Vec<TopicPartition> = Vec::new();
    for entry in listed {
        let topic = entry.get("topic").and_then(Value::as_str);
        let partition = entry.get("partition").and_then(Value::as_i64);
        let (Some(topic), Some(partition)) = (topic, partition) else {
            return Err(operation(&format!("No such field exists in {entry}")).into());
        };
        let at = TopicPartition::new(topic, partition as i32);
        if partitions.contains(&at) {
            return Err(operation(&format!("Replica election data contains duplicate partitions: {at}")).into());
        }
        partitions.push(at);
    }
    Ok(Some(partitions))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_election_is_of_one_of_two_types() {
        for (text, expected) in [("preferred", Some(0)), ("UNCLEAN", Some(1)), ("fair", None)] {
            let arguments = [String::from("--election-type"), String::from(text)];
            let options = Options::parse(&OPTIONS, &arguments).expect("options");
            assert_eq!(election_type(&options).ok().map(|found| found.1), expected, "{text}");
        }
    }
}
