//! `kafka-configs.sh`: shows and changes dynamic configurations (`kafka.admin.ConfigCommand`). Those of clients, users and
//! addresses are quotas, in `quotas`; users have credentials too, in `scram`.

mod quotas;
mod scram;

use super::arguments::jopt::{OptionSpec, Options, flag, value};
use super::cluster::{describe_cluster, groups, metadata};
use super::failure::{Exception, Failure, thrown, wrapped};
use super::properties_file::{admin_config, read};
use super::terminal::Terminal;
use crate::controller::invalid_topic_name;
use crate::ids::NodeId;
use crate::protocol::messages::describe_configs_request::DescribeConfigsResource;
use crate::protocol::messages::describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsSynonym};
use crate::protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use crate::protocol::messages::{
    DescribeConfigsRequest, IncrementalAlterConfigsRequest, ListConfigResourcesRequest, MetadataResponse,
};
use crate::sorted::{sort, sort_by};
use crate::text::Str;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

const OPTIONS: [OptionSpec; 24] = [
    value("bootstrap-server", "String: server to connect to", "Brokers, as host:port; this or --bootstrap-controller."),
    value("bootstrap-controller", "String: controller to connect to", "Controllers, as host:port."),
    value("command-config", "String: command config property file", "A file of properties for the admin client."),
    flag("alter", "Changes configurations."),
    flag("describe", "Shows configurations."),
    flag("all", "With --describe: defaults and what the broker's file sets, too."),
    value(
        "entity-type",
        "String",
        "Whose: topics, clients, users, brokers, ips, client-metrics, groups, broker-loggers.",
    ),
    value("entity-name", "String", "Its name: of a topic, client, user, group; the id of a broker."),
    flag("entity-default", "What counts for all clients, users, brokers or ips."),
    value("add-config", "String", "Settings as k1=v1,k2=[v1,v2]."),
    value("add-config-file", "String", "A file of such settings, as properties."),
    value("delete-config", "String", "Settings that shall have their defaults again: k1,k2."),
    value("topic", "String", "A topic."),
    value("client", "String", "A client."),
    flag("client-defaults", "All clients."),
    value("user", "String", "A user."),
    flag("user-defaults", "All users."),
    value("broker", "String", "A broker's id."),
    flag("broker-defaults", "All brokers."),
    value("broker-logger", "String", "A broker's id, for its loggers."),
    value("ip", "String", "An address."),
    flag("ip-defaults", "All addresses."),
    value("client-metrics", "String", "A subscription of client metrics."),
    value("group", "String", "A group."),
];

/// Types of entities, each with the option that names one.
const TYPES: [(&str, &str); 8] = [
    ("topics", "topic"),
    ("clients", "client"),
    ("users", "user"),
    ("brokers", "broker"),
    ("ips", "ip"),
    ("client-metrics", "client-metrics"),
    ("groups", "group"),
    ("broker-loggers", "broker-logger"),
];
const DEFAULTS: [(&str, &str); 4] = [
    ("clients", "client-defaults"),
    ("users", "user-defaults"),
    ("brokers", "broker-defaults"),
    ("ips", "ip-defaults"),
];
/// `ConfigResource.Type`.
const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;
/// `AlterConfigOp.OpType`.
const SET: i8 = 0;
const DELETE: i8 = 1;

/// The tool.
pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let ended = async {
        let options = Options::parse(&OPTIONS, &terminal.arguments())?;
        let help = "This tool helps to manipulate and describe entity config for a topic, client, user, broker, ip, \
                    client-metrics or group";
        options.print_help_or_version(&terminal, help)?;
        let entity = check(&terminal, &options)?;
        execute(&terminal, &options, &entity).await
    };
    match ended.await {
        Err(Failure::Thrown(exception)) => {
            let is_plain = exception.class == "java.lang.IllegalArgumentException"
                || exception.class.starts_with("joptsimple.")
                || exception.class.ends_with(".InvalidConfigurationException");
            if is_plain {
                terminal.error_line(&exception.message);
            } else {
                let arguments = terminal.arguments().join(" ");
                terminal.error_line(&format!("Error while executing config command with args '{arguments}'"));
                terminal.error_line(&exception.to_string());
            }
            Err(Failure::Exit(1))
        }
        ended => ended,
    }
}

/// Whose configurations: one thing, or a client id of a user.
struct Entity {
    /// `topics`, `brokers` …
    kinds: Vec<String>,
    /// Their names, as far as there are some; an empty one is the default of all.
    names: Vec<String>,
}

impl Entity {
    /// The type that counts where only one can.
    fn kind(&self) -> &str {
        self.kinds.first().map_or("", String::as_str)
    }

    /// Its name; `None` where all are meant.
    fn name(&self) -> Option<&str> {
        self.names.first().map(String::as_str)
    }

    /// `topics` to `topic`.
    fn singular(&self) -> &str {
        self.kind().strip_suffix('s').unwrap_or(self.kind())
    }

    /// `ConfigResource.Type` and the source of its dynamic configs.
    fn resource(&self) -> Option<(i8, i8)> {
        match self.kind() {
            "topics" => Some((2, 1)),
            "brokers" if self.name() == Some("") => Some((4, 3)),
            "brokers" => Some((4, 2)),
            "broker-loggers" => Some((BROKER_LOGGER, 6)),
            "client-metrics" => Some((CLIENT_METRICS, 7)),
            "groups" => Some((GROUP, 8)),
            _ => None,
        }
    }

    /// Tells that its configurations are changed.
    fn print_completed(&self, terminal: &Terminal) {
        terminal.line(&match self.name().unwrap_or_default() {
            "" => format!("Completed updating default config for {} in the cluster.", self.kind()),
            name => format!("Completed updating config for {} {name}.", self.singular()),
        });
    }
}

/// Kafka's checks of the options, in its order.
fn check(terminal: &Terminal, options: &Options) -> Result<Entity, Failure> {
    let wrong = |message: &str| Err(Exception::illegal_argument(message).into());
    if options.count(&["describe", "alter"]) != 1 {
        return Err(options.usage(terminal, "Command must include exactly one action: --describe, --alter"));
    }
    options.exclude(terminal, "alter", &["describe", "all"])?;
    options.exclude(terminal, "describe", &["alter", "add-config", "delete-config"])?;
    let mut kinds: Vec<&str> = options.values("entity-type").collect();
    kinds.extend(TYPES.iter().filter(|(_, option)| options.has(option)).map(|(kind, _)| *kind));
    kinds.extend(DEFAULTS.iter().filter(|(_, option)| options.has(option)).map(|(kind, _)| *kind));
    let twice: Vec<&str> = (kinds.iter().enumerate())
        .filter(|(at, kind)| kinds.iter().take(*at).any(|before| before == *kind))
        .map(|(_, kind)| *kind)
        .collect();
    if !twice.is_empty() {
        return wrong(&format!("Duplicate entity type(s) specified: {}", twice.join(",")));
    }
    match options.count(&["bootstrap-server", "bootstrap-controller"]) {
        0 => return wrong("Either --bootstrap-server or --bootstrap-controller must be specified."),
        2 => return wrong("Only one of --bootstrap-server or --bootstrap-controller can be specified"),
        _ => {}
    }
    for kind in &kinds {
        if TYPES.iter().all(|(known, _)| known != kind) {
            let known = TYPES.map(|(kind, _)| kind).join(", ");
            return wrong(&format!(
                "Invalid entity type {kind}, the entity type must be one of {known} with a --bootstrap-server or \
                 --bootstrap-controller argument"
            ));
        }
    }
    match kinds.as_slice() {
        [] => return wrong("At least one entity type must be specified"),
        [_] | ["users", "clients"] | ["clients", "users"] => {}
        _ => return wrong("Only 'users' and 'clients' entity types may be specified together"),
    }
    let flags = TYPES.iter().map(|(_, option)| option).chain(DEFAULTS.iter().map(|(_, option)| option));
    let has_flags = flags.into_iter().any(|option| options.has(option));
    if has_flags && options.count(&["entity-name", "entity-type", "entity-default"]) > 0 {
        return wrong("--entity-{type,name,default} should not be used in conjunction with specific entity flags");
    }
    let kinds = kinds.into_iter().map(ToString::to_string).collect();
    let entity = Entity { kinds, names: names(options)? };
    let kind = entity.kind();
    for name in entity.names.iter().filter(|name| !name.is_empty()) {
        if kind.starts_with("broker") && name.parse::<i32>().is_err() {
            return wrong(&format!("The entity name for {kind} must be a valid integer broker id, but it is: {name}"));
        }
        if kind == "ips" && !is_address(name) {
            return wrong(&format!(
                "The entity name for {kind} must be a valid IP or resolvable host, but it is: {name}"
            ));
        }
    }
    if options.has("alter") {
        check_alter(options, kind, !entity.names.is_empty())?;
    } else {
        check_describe(options, &entity)?;
    }
    Ok(entity)
}

/// Names of other hosts cannot be resolved here.
fn is_address(name: &str) -> bool {
    name == "localhost" || name.parse::<IpAddr>().is_ok()
}

fn check_describe(options: &Options, entity: &Entity) -> Result<(), Failure> {
    let kinds = entity.kinds.join(",");
    let wrong = |message: String| Err(Exception::illegal_argument(message).into());
    if options.has("entity-default") && !matches!(entity.kind(), "users" | "clients" | "brokers" | "ips") {
        return wrong(format!("--entity-default must not be specified with --describe of {kinds}"));
    }
    if entity.kind() == "broker-loggers" && !entity.names.iter().any(|name| !name.is_empty()) {
        return wrong(format!("An entity name must be specified with --describe of {kinds}"));
    }
    Ok(())
}

fn check_alter(options: &Options, kind: &str, has_name: bool) -> Result<(), Failure> {
    let wrong = |message: &str| Err(Exception::illegal_argument(message).into());
    if !has_name {
        return match kind {
            "users" | "clients" | "brokers" | "ips" => wrong(
                "An entity-name or default entity must be specified with --alter of users, clients, brokers or ips",
            ),
            _ => wrong(&format!("An entity name must be specified with --alter of {kind}")),
        };
    }
    match (options.count(&["add-config", "add-config-file"]), options.has("delete-config")) {
        (2, _) => wrong("Only one of --add-config or --add-config-file must be specified"),
        (0, false) => {
            wrong("At least one of --add-config, --add-config-file, or --delete-config must be specified with --alter")
        }
        _ => Ok(()),
    }
}

/// The entities' names as any of the options gives them, in Kafka's order; empty for a default.
fn names(options: &Options) -> Result<Vec<String>, Exception> {
    let mut names: Vec<String> = Vec::new();
    let mut given = options.values("entity-name");
    for option in options.names().filter(|option| matches!(*option, "entity-name" | "entity-default")) {
        names.push(if option == "entity-name" { given.next().unwrap_or_default().to_string() } else { String::new() });
    }
    for (_, option) in TYPES.iter().filter(|(_, option)| options.has(option)) {
        names.push(options.value(option)?.unwrap_or_default().to_string());
    }
    names.extend(DEFAULTS.iter().filter(|(_, option)| options.has(option)).map(|_| String::new()));
    Ok(names)
}

async fn execute(terminal: &Terminal, options: &Options, entity: &Entity) -> Result<(), Failure> {
    let server = match options.value("bootstrap-server")? {
        Some(server) => server,
        None => options.value("bootstrap-controller")?.unwrap_or_default(),
    };
    let changes = if options.has("alter") { changes(terminal, options).await? } else { Vec::new() };
    let mut config = admin_config(terminal, options.value("command-config")?, server).await?;
    config.is_for_controllers = options.has("bootstrap-controller");
    terminal.start_admin(config);
    if options.has("alter") && entity.kinds.len() != entity.names.len() {
        return Err(Exception::illegal_argument("An entity name must be specified for every entity type").into());
    }
    let Some((resource_type, dynamic)) = entity.resource() else {
        return if options.has("alter") {
            quotas::alter(terminal, entity, &changes).await
        } else {
            quotas::describe(terminal, entity).await
        };
    };
    if options.has("alter") {
        if entity.kind() == "broker-loggers" {
            check_loggers(terminal, entity, &changes).await?;
        }
        return alter(terminal, entity, resource_type, changes).await;
    }
    if let Some(message) = entity.name().filter(|_| entity.kind() == "topics").and_then(invalid_topic_name) {
        return Err(Exception::new("org.apache.kafka.common.errors.InvalidConfigurationException", message).into());
    }
    let names = match entity.name() {
        Some(name) if !exists(terminal, entity, name).await? => {
            let kind = entity.singular();
            terminal.line(&format!("The {kind} '{name}' doesn't exist and doesn't have dynamic config."));
            return Ok(());
        }
        Some(name) => vec![(name.to_string(), dynamic)],
        None => all(terminal, entity, dynamic).await?,
    };
    for (name, dynamic) in names {
        describe(terminal, options, entity, resource_type, &name, dynamic).await?;
    }
    Ok(())
}

fn execution(cause: &Exception) -> Exception {
    wrapped("java.util.concurrent.ExecutionException", cause)
}

/// Every entity of a type, and where its dynamic configs come from.
async fn all(terminal: &Terminal, entity: &Entity, dynamic: i8) -> Result<Vec<(String, i8)>, Failure> {
    let mut names: Vec<String> = match entity.kind() {
        "groups" => known_groups(terminal).await?,
        "client-metrics" => with_configs(terminal, CLIENT_METRICS).await?,
        "topics" => {
            let topics = cluster(terminal).await?.topics.into_iter();
            topics.filter_map(|topic| topic.name).map(|name| name.to_string()).collect()
        }
        _ => nodes(terminal).await?.iter().map(ToString::to_string).collect(),
    };
    if matches!(entity.kind(), "groups" | "client-metrics") {
        sort(&mut names);
    }
    let mut names: Vec<(String, i8)> = names.into_iter().map(|name| (name, dynamic)).collect();
    if entity.kind() == "brokers" {
        names.push((String::new(), 3));
    }
    Ok(names)
}

async fn exists(terminal: &Terminal, entity: &Entity, name: &str) -> Result<bool, Failure> {
    Ok(match entity.kind() {
        "topics" => cluster(terminal).await?.topics.iter().any(|topic| topic.name.as_deref() == Some(name)),
        "groups" => known_groups(terminal).await?.iter().any(|group| group == name),
        "client-metrics" => with_configs(terminal, CLIENT_METRICS).await?.iter().any(|known| known == name),
        _ => name.is_empty() || nodes(terminal).await?.iter().any(|id| id.to_string() == name),
    })
}

/// The nodes there are: brokers, or controllers where these are asked.
async fn nodes(terminal: &Terminal) -> Result<Vec<NodeId>, Failure> {
    if terminal.is_for_controllers() {
        let described = describe_cluster(terminal, false).await?;
        return Ok(described.brokers.iter().map(|node| node.broker_id).collect());
    }
    Ok(cluster(terminal).await?.brokers.iter().map(|broker| broker.node_id).collect())
}

/// Levels can be set of loggers that a broker has.
async fn check_loggers(terminal: &Terminal, entity: &Entity, changes: &[AlterableConfig]) -> Result<(), Failure> {
    let known = described(terminal, BROKER_LOGGER, entity.name().unwrap_or_default()).await?;
    let unknown = changes.iter().filter(|change| !known.iter().any(|logger| logger.name == change.name));
    let unknown: Vec<&str> = unknown.map(|change| change.name.as_str()).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let message = format!("Invalid broker logger(s): {}", unknown.join(","));
    Err(Exception::new("org.apache.kafka.common.errors.InvalidConfigurationException", message).into())
}

async fn cluster(terminal: &Terminal) -> Result<MetadataResponse, Failure> {
    metadata(terminal).await.map_err(|cause| execution(&cause).into())
}

/// Groups that exist, and groups that have configurations.
async fn known_groups(terminal: &Terminal) -> Result<Vec<String>, Failure> {
    let mut known: Vec<String> = groups(terminal).await?.into_iter().map(|group| group.group_id.to_string()).collect();
    // Brokers of earlier releases list client metrics alone; Kafka's tool makes do with the groups there are.
    let with_configs = with_configs(terminal, GROUP).await.unwrap_or_default();
    for group in with_configs {
        if !known.contains(&group) {
            known.push(group);
        }
    }
    Ok(known)
}

/// What of a type has configurations.
async fn with_configs(terminal: &Terminal, resource_type: i8) -> Result<Vec<String>, Failure> {
    let request = ListConfigResourcesRequest { resource_types: vec![resource_type] };
    let response = terminal.ask(request).await.map_err(|cause| execution(&cause))?;
    thrown(response.error_code, None).map_err(|cause| execution(&cause))?;
    Ok(response.config_resources.into_iter().map(|resource| resource.resource_name.to_string()).collect())
}

async fn describe(
    terminal: &Terminal,
    options: &Options,
    entity: &Entity,
    resource_type: i8,
    name: &str,
    dynamic: i8,
) -> Result<(), Failure> {
    let word = if options.has("all") { "All" } else { "Dynamic" };
    terminal.line(&match name {
        "" => format!("Default configs for {} in the cluster are:", entity.kind()),
        name => format!("{word} configs for {} {name} are:", entity.singular()),
    });
    let mut configs = described(terminal, resource_type, name).await?;
    sort_by(&mut configs, |one, other| one.name.cmp(&other.name));
    for config in configs.iter().filter(|config| options.has("all") || config.config_source == dynamic) {
        terminal.line(&line(config));
    }
    Ok(())
}

async fn described(
    terminal: &Terminal,
    resource_type: i8,
    name: &str,
) -> Result<Vec<DescribeConfigsResourceResult>, Failure> {
    let resource = DescribeConfigsResource { resource_type, resource_name: name.into(), configuration_keys: None };
    let request = DescribeConfigsRequest {
        resources: vec![resource],
        include_synonyms: true,
        ..DescribeConfigsRequest::default()
    };
    let response = terminal.ask(request).await.map_err(|cause| execution(&cause))?;
    let mut configs = Vec::new();
    for result in response.results {
        thrown(result.error_code, result.error_message.as_deref()).map_err(|cause| execution(&cause))?;
        configs.extend(result.configs);
    }
    Ok(configs)
}

fn line(config: &DescribeConfigsResourceResult) -> String {
    let value = |value: &Option<Str>| value.as_ref().map_or("null".to_string(), ToString::to_string);
    let synonym = |one: &DescribeConfigsSynonym| {
        let source = match one.source {
            1 => "DYNAMIC_TOPIC_CONFIG",
            2 => "DYNAMIC_BROKER_CONFIG",
            3 => "DYNAMIC_DEFAULT_BROKER_CONFIG",
            4 => "STATIC_BROKER_CONFIG",
            5 => "DEFAULT_CONFIG",
            6 => "DYNAMIC_BROKER_LOGGER_CONFIG",
            7 => "DYNAMIC_CLIENT_METRICS_CONFIG",
            8 => "DYNAMIC_GROUP_CONFIG",
            _ => "UNKNOWN",
        };
        format!("{source}:{}={}", one.name, value(&one.value))
    };
    let synonyms = config.synonyms.iter().map(synonym).collect::<Vec<_>>().join(", ");
    let shown = if config.is_sensitive { "null".to_string() } else { value(&config.value) };
    format!("  {}={shown} sensitive={} synonyms={{{synonyms}}}", config.name, config.is_sensitive)
}

/// What `--add-config`, `--add-config-file` and `--delete-config` come to.
async fn changes(terminal: &Terminal, options: &Options) -> Result<Vec<AlterableConfig>, Failure> {
    let mut added: Vec<(String, String)> = Vec::new();
    if let Some(path) = options.value("add-config-file")? {
        let properties = read(terminal, path).await?;
        added.extend(properties.iter().map(|property| (property.key.to_string(), property.value.to_string())));
    }
    if let Some(text) = options.value("add-config")? {
        added = added_configs(text)?;
    }
    if let Some((key, _)) = added.iter().find(|(key, _)| !key.chars().all(is_of_key)) {
        return Err(Exception::illegal_argument(format!("Invalid character found for config key: {key}")).into());
    }
    let change = |name: &str, config_operation, value: Option<&str>| {
        let value = value.map(Str::from);
        AlterableConfig { name: name.into(), config_operation, value }
    };
    let mut changes: Vec<AlterableConfig> = Vec::new();
    for (key, value) in &added {
        let change = change(key, SET, Some(value));
        // The last of those with one name counts.
        match changes.iter_mut().find(|known| known.name == change.name) {
            Some(known) => *known = change,
            None => changes.push(change),
        }
    }
    if let Some(text) = options.value("delete-config")? {
        changes.extend(text.split(',').map(|key| change(key.trim(), DELETE, None)));
    }
    Ok(changes)
}

fn is_of_key(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '$' | '.' | '_' | '-')
}

/// Reads `k1=v1,k2=[v1,v2]`. Brackets are no part of values.
fn added_configs(text: &str) -> Result<Vec<(String, String)>, Exception> {
    let mut configs = outside_brackets(text, ',');
    while configs.len() > 1 && configs.last().is_some_and(|last| last.is_empty()) {
        configs.pop();
    }
    let config = |config: &str| match outside_brackets(config, '=').as_slice() {
        [key, value] => Ok((key.trim().to_string(), value.replace(['[', ']'], "").trim().to_string())),
        _ => Err(Exception::illegal_argument(
            "requirement failed: Invalid entity config: all configs to be added must be in the format \"key=val\" or  \
             \"key=[val1,val2]\" to group values which contain commas.",
        )),
    };
    configs.into_iter().map(config).collect()
}

/// Cuts where no closing bracket follows before an opening one.
fn outside_brackets(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    let mut from = 0;
    while let Some(at) = rest.get(from..).and_then(|tail| tail.find(separator)).map(|at| at + from) {
        let (part, after) = (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).unwrap_or_default());
        let next = after.find(['[', ']']).and_then(|at| after.get(at..));
        if next.is_some_and(|next| next.starts_with(']')) {
            from = at + 1;
        } else {
            parts.push(part);
            (rest, from) = (after, 0);
        }
    }
    parts.push(rest);
    parts
}

async fn alter(
    terminal: &Terminal,
    entity: &Entity,
    resource_type: i8,
    configs: Vec<AlterableConfig>,
) -> Result<(), Failure> {
    let name = entity.name().unwrap_or_default();
    let resource = AlterConfigsResource { resource_type, resource_name: name.into(), configs };
    let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    let response = terminal.ask(request).await.map_err(|cause| execution(&cause))?;
    for result in response.responses {
        thrown(result.error_code, result.error_message.as_deref()).map_err(|cause| execution(&cause))?;
    }
    entity.print_completed(terminal);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configs_are_cut_as_kafka_cuts_them() {
        for (text, expect) in [
            ("a=1", Some(vec![("a", "1")])),
            (" a = 1 ,b=,", Some(vec![("a", "1"), ("b", "")])),
            ("a=[1,2],b=3", Some(vec![("a", "1,2"), ("b", "3")])),
            ("a=[x=1,y=[2]]", None),
            ("a=[[x=1]]", Some(vec![("a", "x=1")])),
            ("a=1]", None),
            ("a=b=c", None),
            ("a", None),
            ("", None),
        ] {
            let read = added_configs(text).ok();
            let read = read.as_ref().map(|all| all.iter().map(|(key, value)| (&**key, &**value)).collect::<Vec<_>>());
            assert_eq!(read, expect, "{text}");
        }
    }
}
