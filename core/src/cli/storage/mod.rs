//! `kafka-storage.sh`: formats the log directories of a node, and tells what is in them (`kafka.tools.StorageTool`).

mod formatter;
mod scram_parser;

use super::arguments::argparse::{Arguments, Command, Group, Parser, Stopped, WIDTH, append, store, store_true};
use super::controller_file;
use super::failure::{Exception, Failure, terse};
use super::feature_versions::{level_of, name_and_level, print_dependencies, print_version_mapping};
use super::file::FileError;
use super::meta_file::MetaFile;
use super::properties_file;
use super::terminal::Terminal;
use crate::config::{BrokerConfig, Properties, Value};
use crate::sorted::sort;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use formatter::{Formatter, parse_voters};

const CONFIG: super::arguments::argparse::Argument =
    store(&["--config", "-c"], "The node's server.properties.").required();

const PARSER: Parser = Parser {
    name: "kafka-storage",
    description: "Formats log directories, and tells what is in them.",
    arguments: &[],
    groups: &[],
    commands: &[
        Command {
            name: "info",
            help: "Tells what is in the log directories of this node.",
            description: "",
            arguments: &[CONFIG],
            groups: &[],
        },
        Command {
            name: "format",
            help: "Formats the log directories of this node.",
            description: "",
            arguments: &[
                CONFIG,
                store(&["--cluster-id", "-t"], "The id of the cluster; random-uuid makes one.").required(),
                append(&["--add-scram", "-S"], "A SCRAM credential for the first metadata."),
                store_true(&["--ignore-formatted", "-g"], "Leaves directories alone that are formatted already."),
                store(
                    &["--release-version", "-r"],
                    "The release whose features count, from 3.3-IV3 on; 4.3-IV0 unless told.",
                ),
                append(&["--feature", "-f"], "The level of a feature, as kraft.version=1."),
                store_true(
                    &["--standalone", "-s"],
                    "This controller is the only one of a quorum that may change. Not with controller.quorum.voters.",
                )
                .in_group(0),
                store_true(
                    &["--no-initial-controllers", "-N"],
                    "A quorum that may change has others to begin with. Not with controller.quorum.voters.",
                )
                .in_group(0),
                store(
                    &["--initial-controllers", "-I"],
                    "The controllers that a quorum that may change begins with, as id@host:port:directory, with commas; the \
                     same on every node. Not with controller.quorum.voters.",
                )
                .in_group(0),
            ],
            groups: &[Group::Exclusive { is_required: false }],
        },
        Command {
            name: "version-mapping",
            help: "Tells which levels of features come with a release, else with the latest.",
            description: "",
            arguments: &[store(
                &["--release-version", "-r"],
                "The release, from 3.3-IV3 on; 4.3-IV0 unless told.",
            )],
            groups: &[],
        },
        Command {
            name: "feature-dependencies",
            help: "Tells what levels of features want of others.",
            description: "",
            arguments: &[append(&["--feature", "-f"], "A feature and its level, as group.version=1.").required()],
            groups: &[],
        },
        Command { name: "random-uuid", help: "Makes an id.", description: "", arguments: &[], groups: &[] },
    ],
    command_name: "",
    width: WIDTH,
};

/// The tool. What it does not catch Java prints.
pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let words = words(&terminal).await.map_err(|stopped| stopped.end(&terminal, 0))?;
    let arguments = PARSER.on(&terminal).parse(&words).map_err(|stopped| stopped.end(&terminal, 0))?;
    match execute(&terminal, &arguments).await {
        Err(Failure::Thrown(exception)) if exception.class == super::failure::TERSE => {
            terminal.error_line(&exception.message);
            Err(Failure::Exit(1))
        }
        ended => ended,
    }
}

/// The arguments; `@file` stands for the lines of a file.
async fn words(terminal: &Terminal) -> Result<Vec<String>, Stopped> {
    let mut left: Vec<String> = terminal.arguments();
    left.reverse();
    let mut words: Vec<String> = Vec::new();
    while let Some(word) = left.pop() {
        let Some(path) =
            word.strip_prefix('@').map(|rest| rest.trim_start_matches('@')).filter(|path| !path.is_empty())
        else {
            words.push(word);
            continue;
        };
        let Ok(content) = terminal.file(path).await else {
            let command = words.first().map(String::as_str);
            return Err(PARSER.on(terminal).wrong(command, format!("Could not read arguments from file '{path}'")));
        };
        left.extend(String::from_utf8_lossy(&content).lines().rev().map(ToString::to_string));
    }
    Ok(words)
}

async fn execute(terminal: &Terminal, arguments: &Arguments) -> Result<(), Failure> {
    match arguments.command {
        "random-uuid" => {
            terminal.line(&terminal.random_uuid().to_string());
            Ok(())
        }
        "version-mapping" => print_version_mapping(terminal, arguments.value("release-version")),
        "feature-dependencies" => feature_dependencies(terminal, arguments),
        command => {
            let properties = properties_file::read(terminal, arguments.value("config").unwrap_or_default()).await?;
            let config = BrokerConfig::from_properties(&properties)
                .map_err(|error| properties_file::config_exception(&error.message))?;
            if command == "info" {
                info(terminal, &directories(&config)).await
            } else {
                format(terminal, arguments, &properties, &config).await
            }
        }
    }
}

/// Its log directories, ordered.
fn directories(config: &BrokerConfig) -> Vec<String> {
    let all = config.log_dirs.iter().chain([&config.metadata_log_dir]);
    let mut directories: Vec<String> = all.map(ToString::to_string).filter(|path| !path.is_empty()).collect();
    sort(&mut directories);
    directories.dedup();
    directories
}

fn feature_dependencies(terminal: &Terminal, arguments: &Arguments) -> Result<(), Failure> {
    for text in arguments.values("feature") {
        let Some((name, version)) = text.split_once('=') else {
            return Err(terse(format!(
                "Invalid feature format: {text}. Expected format: 'feature=version' (e.g. 'group.version=1')"
            ))
            .into());
        };
        let (name, version) = (name.trim(), version.trim());
        let wrong = |_| terse(format!("Invalid version format: {version} for feature {name}"));
        let level: i16 = version.parse().map_err(wrong)?;
        print_dependencies(terminal, name, level, |_| {
            terse(format!("Feature level {level} is not supported for feature {name}"))
        })?;
    }
    Ok(())
}

async fn format(
    terminal: &Terminal,
    arguments: &Arguments,
    properties: &Properties,
    config: &BrokerConfig,
) -> Result<(), Failure> {
    let with_unstable = *config.value("unstable.feature.versions.enable") == Value::Boolean(true);
    let release = arguments.value("release-version").map(|release| level_of(release, with_unstable));
    let release_version = release.transpose().map_err(|cause| terse(cause.message))?;
    let mut feature_levels = Vec::new();
    for text in arguments.values("feature") {
        feature_levels.push(name_and_level(text)?);
    }
    let is_static = !config.quorum_voters.is_empty();
    let is_standalone = arguments.has("standalone");
    let initial = arguments.value("initial-controllers");
    if is_static && (initial.is_some() || is_standalone) {
        return Err(terse(
            "You cannot specify controller.quorum.voters and format the node with --initial-controllers or --standalone. If \
             you want to use dynamic quorum, please remove controller.quorum.voters and specify \
             controller.quorum.bootstrap.servers instead.",
        )
        .into());
    }
    let mut initial_controllers = initial.map(parse_voters).transpose()?;
    if is_standalone {
        if !config.is_controller {
            return Err(terse("You can only use --standalone on a controller.").into());
        }
        let endpoints = controller_file::endpoints(properties)?;
        let (_, host, port) = endpoints
            .first()
            .ok_or_else(|| Exception::new("java.lang.RuntimeException", "No controller listeners found."))?;
        let voter = format!("{}@{host}:{port}:{}", config.node_id, terminal.random_uuid());
        initial_controllers = Some(parse_voters(&voter)?);
    }
    let is_controller_without = config.is_controller && !is_static && initial_controllers.is_none();
    if is_controller_without && !arguments.has("no-initial-controllers") {
        return Err(terse(
            "Because controller.quorum.voters is not set on this controller, you must specify one of the following: \
             --standalone, --initial-controllers, or --no-initial-controllers.",
        )
        .into());
    }
    let formatter = Formatter {
        node_id: config.node_id,
        cluster_id: arguments.value("cluster-id").unwrap_or_default().to_string(),
        directories: directories(config),
        metadata_log_dir: config.metadata_log_dir.to_string(),
        release_version,
        feature_levels: feature_levels.into_iter().collect(),
        with_unstable,
        ignore_formatted: arguments.has("ignore-formatted"),
        scram_arguments: arguments.values("add-scram").map(ToString::to_string).collect(),
        controller_listener: config.controller_listener_names.first().cloned().unwrap_or_default(),
        initial_controllers,
        has_dynamic_quorum: !is_static,
    };
    formatter.run(terminal).await
}

async fn info(terminal: &Terminal, directories: &[String]) -> Result<(), Failure> {
    let (mut problems, mut found, mut first): (Vec<String>, Vec<&str>, Option<MetaFile>) = Default::default();
    for directory in directories {
        let shown = if directory.len() > 1 { directory.trim_end_matches('/') } else { directory };
        match terminal.status(directory).await {
            Ok(status) if status.is_directory => {}
            Ok(_) => {
                problems.push(format!("{shown} is not a directory"));
                continue;
            }
            Err(_) => {
                problems.push(format!("{shown} does not exist"));
                continue;
            }
        }
        found.push(shown);
        match MetaFile::read(terminal, directory).await {
            Ok(read) => match &first {
                None => first = Some(read),
                Some(first) if first.cluster_id != read.cluster_id => {
                    problems.push("Mismatched cluster IDs between storage directories.".to_string());
                }
                Some(first) if first.node_id != read.node_id => {
                    problems.push("Mismatched node IDs between storage directories.".to_string());
                }
                Some(_) => {}
            },
            Err(Ok(FileError::NotFound)) => problems.push(format!("{shown} is not formatted.")),
            Err(Ok(error)) => return Err(Exception::new("java.io.IOException", error.to_string()).into()),
            Err(Err(exception)) => {
                terminal.line(&exception.to_string());
                problems.push(format!("Error loading {shown}/meta.properties: {}", exception.message));
            }
        }
    }
    if first.as_ref().is_some_and(|first| first.version == 0) {
        problems.push(
            "The kafka configuration file appears to be for a cluster in KRaft mode, but the directories are formatted for \
             legacy mode."
                .to_string(),
        );
    }
    let list = |title: &str, plural: &str, items: &[&str]| {
        if !items.is_empty() {
            terminal.line(&format!("Found {}:", if items.len() == 1 { title } else { plural }));
            for item in items {
                terminal.line(&format!("  {item}"));
            }
            terminal.line("");
        }
    };
    list("log directory", "log directories", &found);
    if let Some(first) = first {
        terminal.line(&format!("Found metadata: {{{}}}\n", first.properties().join(", ")));
    }
    let problems: Vec<&str> = problems.iter().map(String::as_str).collect();
    list("problem", "problems", &problems);
    if problems.is_empty() { Ok(()) } else { Err(Failure::Exit(1)) }
}
