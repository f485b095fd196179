//! `kafka-topics.sh`: creates, lists, describes, alters and deletes topics (`org.apache.kafka.tools.TopicCommand`).

mod change;

pub use change::{NewTopic, TopicChange, topic_pattern};

use super::arguments::jopt::{OptionSpec, Options, flag, value};
use super::cluster::metadata;
use super::failure::{Exception, Failure, class_of, thrown};
use super::properties_file::admin_config;
use super::terminal::Terminal;
use super::topic_filter::TopicFilter;
use crate::ids::{NO_NODE, NodeId, Uuid};
use crate::java::{hash_map_order, string_hash};
use crate::protocol::ErrorCode;
use crate::protocol::messages::describe_configs_request::DescribeConfigsResource;
use crate::protocol::messages::describe_configs_response::DescribeConfigsResult;
use crate::protocol::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use crate::protocol::messages::describe_topic_partitions_response::{
    DescribeTopicPartitionsResponsePartition as DescribedPartition,
    DescribeTopicPartitionsResponseTopic as DescribedTopic,
};
use crate::protocol::messages::metadata_response::{MetadataResponsePartition, MetadataResponseTopic};
use crate::protocol::messages::{DescribeConfigsRequest, DescribeTopicPartitionsRequest, MetadataResponse};
use crate::sorted::SortedMap;
use crate::sorted::{sort, sort_by_key};
use crate::text::Str;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use change::{existing, invalid_config};

const CLASS: &str = "org.apache.kafka.tools.TopicCommand";
const BY_CONFIGS: &str = " (To alter topic configurations, the kafka-configs tool can be used.)";
const ACTIONS: [&str; 5] = ["create", "list", "alter", "describe", "delete"];
/// As many partitions are asked for at once, unless told.
const PARTITIONS_AT_ONCE: i32 = 2000;
/// The resource type of a topic's configs.
const TOPIC_RESOURCE: i8 = 2;
/// The source of a config that is nobody's override.
const DEFAULT_CONFIG: i8 = 5;

const OPTIONS: [OptionSpec; 22] = [
    value("bootstrap-server", "String: server to connect to", "REQUIRED: a broker, as host:port; several with commas."),
    value("command-config", "String: command config property file", "A file of properties for the admin client."),
    flag("list", "Names all topics."),
    flag("create", "Creates a topic."),
    flag("delete", "Deletes a topic."),
    flag("alter", "Raises the number of partitions, or says where the new ones lie."),
    flag("describe", "Tells of topics: partitions, leaders, replicas, configurations."),
    value("topic", "String: topic", "The topic; but with --create a regular expression will do."),
    value("topic-id", "String: topic-id", "The id of the topic to describe."),
    value("config", "String: name=value", "With --create: a configuration of the new topic. May be repeated."),
    value("delete-config", "String: name", "Does nothing any more, since 4.0."),
    value(
        "partitions",
        "Integer: # of partitions",
        "How many partitions the topic shall have; more of them move keys elsewhere.",
    ),
    value(
        "replication-factor",
        "Integer: replication factor",
        "How many replicas each partition of the new topic shall have.",
    ),
    value(
        "replica-assignment",
        "String: broker_id_for_part1_replica1 : broker_id_for_part1_replica2 , broker_id_for_part2_replica1 : \
         broker_id_for_part2_replica2 , ...",
        "Which brokers hold the replicas of each partition.",
    ),
    flag("under-replicated-partitions", "With --describe: only partitions with replicas that are not in sync."),
    flag("unavailable-partitions", "With --describe: only partitions without a living leader."),
    flag(
        "under-min-isr-partitions",
        "With --describe: only partitions with fewer replicas in sync than min.insync.replicas.",
    ),
    flag("at-min-isr-partitions", "With --describe: only partitions with exactly min.insync.replicas in sync."),
    flag("topics-with-overrides", "With --describe: only topics with configurations of their own."),
    flag("if-exists", "Nothing happens, and that is no error, where there is no such topic."),
    flag("if-not-exists", "With --create: it is no error where the topic is there."),
    flag("exclude-internal", "Leaves out Kafka's own topics."),
];
const LIMIT: OptionSpec = value(
    "partition-size-limit-per-response",
    "Integer: maximum number of partitions per response",
    "At most so many partitions are asked for at once.",
);

fn specs() -> Vec<OptionSpec> {
    OPTIONS.into_iter().chain([LIMIT]).collect()
}

/// The tool.
pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let options = terminal.catch(begin(&terminal).await)?;
    match execute(&terminal, &options).await {
        Err(Failure::Thrown(exception)) => {
            terminal.line(&format!("Error while executing topic command : {}", exception.message));
            terminal.log_thrown(&exception, CLASS);
            Err(Failure::Exit(1))
        }
        ended => ended,
    }
}

/// What comes before the topic service has its admin.
async fn begin(terminal: &Terminal) -> Result<Options, Failure> {
    let options = Options::parse(&specs(), &terminal.arguments())?;
    check(terminal, &options)?;
    let server = options.value("bootstrap-server")?.unwrap_or_default();
    terminal.start_admin(admin_config(terminal, options.value("command-config")?, server).await?);
    Ok(options)
}

async fn execute(terminal: &Terminal, options: &Options) -> Result<(), Failure> {
    if let Some(change) = change(options)? {
        // A new topic's name is a name.
        let text = options.value("topic")?.filter(|_| !options.has("create"));
        let filter = text.map(TopicFilter::new).transpose()?;
        let is_meant = |there: &MetadataResponseTopic| {
            filter.as_ref().is_none_or(|filter| filter.is_match(there.name.as_deref().unwrap_or_default()))
        };
        change.carry_out(terminal, &is_meant).await
    } else if options.has("list") {
        list(terminal, options).await
    } else {
        describe(terminal, options).await
    }
}

/// Kafka's checks of the options, in its order.
fn check(terminal: &Terminal, options: &Options) -> Result<(), Failure> {
    if terminal.arguments().is_empty() {
        return Err(options.usage(terminal, "Create, delete, describe, or change a topic."));
    }
    options.print_help_or_version(terminal, "This tool helps to create, delete, describe, or change a topic.")?;
    if options.count(&ACTIONS) != 1 {
        let message = "Command must include exactly one action: --list, --describe, --create, --alter or --delete";
        return Err(options.usage(terminal, message));
    }
    if options.has("delete-config") {
        terminal.error_line(
            "delete-config option is no longer supported and deprecated since version 4.0. The config will be fully \
             removed in future releases.",
        );
    }
    if !options.has("bootstrap-server") {
        return Err(Exception::illegal_argument("--bootstrap-server must be specified").into());
    }
    if options.has("describe") && options.has("if-exists") {
        match (options.has("topic"), options.has("topic-id")) {
            (false, false) => {
                return Err(options.usage(terminal, "--topic or --topic-id is required to describe a topic"));
            }
            (true, true) => terminal.line(
                "Only topic id will be used when both --topic and --topic-id are specified and topicId is not Uuid.ZERO_UUID",
            ),
            _ => {}
        }
    }
    if options.count(&["list", "describe"]) == 0 {
        options.require(terminal, &["topic"])?;
    }
    if options.has("alter") {
        if options.has("config") {
            let message = format!(
                "Option combination \"[[config], [bootstrap-server]]\" can't be used with option \"[alter]\"{BY_CONFIGS}"
            );
            return Err(options.usage(terminal, &message));
        }
        options.require(terminal, &["partitions"])?;
    }
    check_pairs(terminal, options)
}

fn check_pairs(terminal: &Terminal, options: &Options) -> Result<(), Failure> {
    let only_with = |used: &str, actions: &[&str]| {
        let others: Vec<&str> = ACTIONS.into_iter().filter(|action| !actions.contains(action)).collect();
        options.exclude(terminal, used, &others)
    };
    const REPORTS: [&str; 4] =
        ["under-replicated-partitions", "under-min-isr-partitions", "at-min-isr-partitions", "unavailable-partitions"];
    only_with("config", &["alter", "create"])?;
    only_with("partitions", &["alter", "create"])?;
    only_with("replication-factor", &["create"])?;
    only_with("replica-assignment", &["alter", "create"])?;
    if options.has("create") {
        options.exclude(terminal, "replica-assignment", &["partitions", "replication-factor"])?;
    }
    for report in REPORTS {
        only_with(report, &["describe"])?;
        options.exclude(terminal, report, &["topics-with-overrides"])?;
    }
    only_with("topics-with-overrides", &["describe"])?;
    options.exclude(terminal, "topics-with-overrides", &REPORTS)?;
    only_with("if-exists", &["alter", "delete", "describe"])?;
    only_with("if-not-exists", &["create"])?;
    only_with("exclude-internal", &["list", "describe"])
}

/// `1:2,2:3`: replicas by partition.
fn assignment(options: &Options) -> Result<Vec<Vec<NodeId>>, Exception> {
    let text = options.value("replica-assignment")?.unwrap_or_default();
    let mut partitions: Vec<Vec<NodeId>> = Vec::new();
    for (index, list) in text.split(',').filter(|_| !text.is_empty()).enumerate() {
        let mut replicas = Vec::new();
        for id in list.split(':').map(str::trim) {
            let none = |_| Exception::new("java.lang.NumberFormatException", format!("For input string: \"{id}\""));
            replicas.push(id.parse::<NodeId>().map_err(none)?);
        }
        let is_first = |at: usize| replicas.iter().position(|id| *id == replicas[at]) == Some(at);
        let mut twice: Vec<NodeId> = (0..replicas.len()).filter(|at| !is_first(*at)).map(|at| replicas[at]).collect();
        sort(&mut twice);
        twice.dedup();
        if !twice.is_empty() {
            let message = format!("Partition replica lists may not contain duplicate entries: {}", joined(&twice));
            return Err(Exception::new("org.apache.kafka.tools.AdminCommandFailedException", message));
        }
        if partitions.first().is_some_and(|first| first.len() != replicas.len()) {
            let list = replicas.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let message = format!("Partition {index} has different replication factor: [{list}]");
            return Err(Exception::new("org.apache.kafka.tools.AdminOperationException", message));
        }
        partitions.push(replicas);
    }
    Ok(partitions)
}

fn joined(ids: &[NodeId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// The configurations of a new topic; what is no `key=value` is refused.
fn configs(options: &Options) -> Result<Vec<(String, String)>, Exception> {
    let mut configs = SortedMap::new();
    for text in options.values("config") {
        let (key, value) = text.split_once('=').ok_or_else(invalid_config)?;
        configs.insert(key.trim().to_string(), value.trim().to_string());
    }
    Ok(configs.into_iter().collect())
}

/// The change that the options ask for; nothing where they only ask.
fn change(options: &Options) -> Result<Option<TopicChange>, Failure> {
    let topic = options.value("topic")?.unwrap_or_default().to_string();
    let if_exists = options.has("if-exists");
    Ok(if options.has("create") {
        let partitions = options.number::<i32>("partitions")?;
        let replication_factor = options.number::<i32>("replication-factor")?;
        let assignment = assignment(options)?;
        let configs = configs(options)?;
        let if_not_exists = options.has("if-not-exists");
        Some(TopicChange::Create(NewTopic {
            topic,
            partitions,
            replication_factor,
            assignment,
            configs,
            if_not_exists,
        }))
    } else if options.has("alter") {
        let partitions = options.number::<i32>("partitions")?.unwrap_or(-1);
        Some(TopicChange::Alter { topic, partitions, assignment: assignment(options)?, if_exists })
    } else {
        options.has("delete").then_some(TopicChange::Delete { topic, if_exists })
    })
}

/// The change that arguments ask for.
#[cfg(test)]
pub(super) fn read(arguments: &[String]) -> Option<TopicChange> {
    change(&Options::parse(&specs(), arguments).ok()?).ok()?
}

/// The cluster with those topics alone that are meant.
async fn chosen(terminal: &Terminal, options: &Options, if_exists: bool) -> Result<MetadataResponse, Failure> {
    let excludes = options.has("exclude-internal");
    let topic = options.value("topic")?;
    let filter = topic.map(TopicFilter::new).transpose()?;
    let is_meant = |there: &MetadataResponseTopic| {
        let name = there.name.as_deref().unwrap_or_default();
        !(excludes && there.is_internal) && filter.as_ref().is_none_or(|filter| filter.is_match(name))
    };
    existing(terminal, topic.unwrap_or_default(), &is_meant, if_exists).await
}

async fn list(terminal: &Terminal, options: &Options) -> Result<(), Failure> {
    let topics = chosen(terminal, options, true).await?.topics;
    let names: Vec<String> = topics.into_iter().filter_map(|topic| Some(topic.name?.to_string())).collect();
    terminal.line(&names.join("\n"));
    Ok(())
}

async fn describe(terminal: &Terminal, options: &Options) -> Result<(), Failure> {
    let id = match options.value("topic-id")? {
        Some(text) => Some(topic_id(text)?).filter(|id| *id != Uuid::ZERO),
        None => None,
    };
    let response = match id {
        Some(id) => {
            let mut response = metadata(terminal).await?;
            response.topics.retain(|topic| topic.topic_id == id);
            if response.topics.is_empty() && !options.has("if-exists") {
                return Err(Exception::illegal_argument(format!("TopicId '{id}' does not exist as expected")).into());
            }
            response
        }
        None => chosen(terminal, options, options.has("if-exists")).await?,
    };
    let live: Vec<NodeId> = response.brokers.iter().map(|broker| broker.node_id).collect();
    let topics = response.topics;
    if topics.is_empty() {
        return Ok(());
    }
    let limit = options.number::<i32>("partition-size-limit-per-response")?.unwrap_or(PARTITIONS_AT_ONCE);
    let configs = topic_configs(terminal, &topics).await?;
    let mut described = described(terminal, &topics, limit).await?;
    // Kafka's admin has a map of futures, makes a copy of it, and another map of their values.
    let count = described.len();
    for expected in [count, count * 4 / 3 + 1, count] {
        hash_map_order(&mut described, expected, |topic| string_hash(topic.name.as_deref().unwrap_or_default()));
    }
    for topic in &described {
        thrown(topic.error_code, None)?;
        let empty = DescribeConfigsResult::default();
        let configs = topic.name.as_ref().and_then(|name| configs.get(name)).unwrap_or(&empty);
        print_topic(terminal, options, topic, configs, &live);
    }
    Ok(())
}

/// Partitions by topic, page by page; from a broker that has no pages, at once.
async fn described(
    terminal: &Terminal,
    topics: &[MetadataResponseTopic],
    limit: i32,
) -> Result<Vec<DescribedTopic>, Failure> {
    let names = topics.iter().filter_map(|topic| topic.name.clone());
    let mut request = DescribeTopicPartitionsRequest {
        topics: names.map(|name| TopicRequest { name }).collect(),
        response_partition_limit: limit,
        cursor: None,
    };
    let mut described: Vec<DescribedTopic> = Vec::new();
    loop {
        let page = match terminal.ask(request.clone()).await {
            Ok(page) => page,
            Err(exception) if exception.class == class_of(ErrorCode::UnsupportedVersion) => {
                return Ok(topics.iter().map(without_pages).collect());
            }
            Err(exception) => return Err(exception.into()),
        };
        for topic in page.topics {
            match described.last_mut().filter(|last| last.name == topic.name) {
                Some(last) => last.partitions.extend(topic.partitions),
                None => described.push(topic),
            }
        }
        let Some(next) = page.next_cursor else { return Ok(described) };
        request.topics.retain(|topic| topic.name >= next.topic_name);
        request.cursor = Some(Cursor { topic_name: next.topic_name, partition_index: next.partition_index });
    }
}

/// As brokers before Kafka 3.8 describe a topic: nothing of eligible leader replicas.
fn without_pages(topic: &MetadataResponseTopic) -> DescribedTopic {
    let partition = |partition: &MetadataResponsePartition| DescribedPartition {
        error_code: partition.error_code,
        partition_index: partition.partition_index,
        leader_id: partition.leader_id,
        leader_epoch: partition.leader_epoch,
        replica_nodes: partition.replica_nodes.clone(),
        isr_nodes: partition.isr_nodes.clone(),
        offline_replicas: partition.offline_replicas.clone(),
        ..DescribedPartition::default()
    };
    DescribedTopic {
        error_code: topic.error_code,
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        is_internal: topic.is_internal,
        partitions: topic.partitions.iter().map(partition).collect(),
        ..DescribedTopic::default()
    }
}

/// A topic's id as an option has it, with the words of Java's decoder where it is none.
fn topic_id(text: &str) -> Result<Uuid, Exception> {
    Uuid::parse(text).ok_or_else(|| {
        let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        let message = match text.chars().find(|letter| !is_letter(*letter)) {
            _ if text.len() > 24 => {
                let start = text.chars().take(24).collect::<String>();
                format!("Input string with prefix `{start}` is too long to be decoded as a base64 UUID")
            }
            Some(letter) => format!("Illegal base64 character {:x}", u32::from(letter)),
            None if text.len() % 4 == 1 => "Last unit does not have enough valid bits".to_string(),
            None => {
                let bytes = text.len() * 3 / 4;
                format!(
                    "Input string `{text}` decoded as {bytes} bytes, which is not equal to the expected 16 bytes of a \
                     base64-encoded UUID"
                )
            }
        };
        Exception::illegal_argument(message)
    })
}

async fn topic_configs(
    terminal: &Terminal,
    topics: &[MetadataResponseTopic],
) -> Result<SortedMap<Str, DescribeConfigsResult>, Failure> {
    let resource = |topic: &MetadataResponseTopic| DescribeConfigsResource {
        resource_type: TOPIC_RESOURCE,
        resource_name: topic.name.clone().unwrap_or_default(),
        configuration_keys: None,
    };
    let resources = topics.iter().map(resource).collect();
    let request = DescribeConfigsRequest { resources, ..DescribeConfigsRequest::default() };
    let mut configs = SortedMap::new();
    for result in terminal.ask(request).await?.results {
        thrown(result.error_code, result.error_message.as_deref())?;
        configs.insert(result.resource_name.clone(), result);
    }
    Ok(configs)
}

fn print_topic(
    terminal: &Terminal,
    options: &Options,
    topic: &DescribedTopic,
    configs: &DescribeConfigsResult,
    live: &[NodeId],
) {
    let name = topic.name.as_deref().unwrap_or_default();
    let mut partitions: Vec<&DescribedPartition> = topic.partitions.iter().collect();
    sort_by_key(&mut partitions, |partition| partition.partition_index);
    let reports = options.count(&[
        "under-replicated-partitions",
        "unavailable-partitions",
        "under-min-isr-partitions",
        "at-min-isr-partitions",
    ]);
    let overrides = (configs.configs.iter().filter(|config| config.config_source != DEFAULT_CONFIG))
        .map(|config| format!("{}={}", config.name, config.value.as_deref().unwrap_or("null")))
        .collect::<Vec<_>>();
    if reports == 0 && (!options.has("topics-with-overrides") || !overrides.is_empty()) {
        let id = if topic.topic_id == Uuid::ZERO { String::new() } else { format!("\tTopicId: {}", topic.topic_id) };
        let (count, factor) = (partitions.len(), partitions.first().map_or(0, |first| first.replica_nodes.len()));
        let overrides = overrides.join(",");
        terminal.line(&format!(
            "Topic: {name}{id}\tPartitionCount: {count}\tReplicationFactor: {factor}\tConfigs: {overrides}"
        ));
    }
    if options.has("topics-with-overrides") {
        return;
    }
    let least = configs.configs.iter().find(|config| config.name == *"min.insync.replicas");
    let least: usize = least.and_then(|config| config.value.as_deref()?.parse().ok()).unwrap_or(1);
    for partition in partitions {
        let in_sync = partition.isr_nodes.len();
        let has_leader = partition.leader_id != NO_NODE;
        let is_shown = reports == 0
            || options.has("under-replicated-partitions") && in_sync < partition.replica_nodes.len()
            || options.has("unavailable-partitions") && !(has_leader && live.contains(&partition.leader_id))
            || options.has("under-min-isr-partitions") && (!has_leader || in_sync < least)
            || options.has("at-min-isr-partitions") && in_sync == least;
        if is_shown {
            let leader = if has_leader { partition.leader_id.to_string() } else { "none".to_string() };
            let known = |ids: Option<&Vec<NodeId>>| ids.map_or("N/A".to_string(), |ids| joined(ids));
            terminal.line(&format!(
                "\tTopic: {name}\tPartition: {}\tLeader: {leader}\tReplicas: {}\tIsr: {}\tElr: {}\tLastKnownElr: {}",
                partition.partition_index,
                joined(&partition.replica_nodes),
                joined(&partition.isr_nodes),
                known(partition.eligible_leader_replicas.as_ref()),
                known(partition.last_known_elr.as_ref()),
            ));
        }
    }
}
