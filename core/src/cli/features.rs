//! `kafka-features.sh`: the features of a cluster and their levels (`org.apache.kafka.tools.FeatureCommand`).

use super::arguments::argparse::{
    Argument, Arguments, Command, Group, Parser, Stopped, WIDTH, append, store, store_true,
};
use super::failure::{Exception, Failure, terse, thrown, wrapped};
use super::feature_versions::{
    FEATURES, METADATA_VERSION, level_of, name_and_level, print_dependencies, print_version_mapping, version_of,
};
use super::properties_file;
use super::terminal::Terminal;
use crate::config::Properties;
use crate::java::{hash_map_order, string_hash};
use crate::protocol::messages::update_features_request::FeatureUpdateKey;
use crate::protocol::messages::{ApiVersionsRequest, UpdateFeaturesRequest};
use crate::sorted::SortedMap;
use crate::sorted::sort_by;
use crate::text::Str;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

const METADATA: Argument = store(&["--metadata"], "DEPRECATED: the same as --feature metadata.version=, by name.");
const RELEASE: Argument =
    store(&["--release-version"], "A release: all features get the levels that it comes with; see version-mapping.");
const FEATURE: Argument = append(&["--feature"], "A feature and its new level, as metadata.version=5.");
const UNSAFE: Argument = store_true(&["--unsafe"], "Even where metadata may be lost.");
const DRY_RUN: Argument = store_true(&["--dry-run"], "Only tells whether it could be done.");

const PARSER: Parser = Parser {
    name: "kafka-features",
    description: "Tells of the features of a cluster, and changes their levels.",
    arguments: &[
        store(&["--bootstrap-server"], "Brokers to begin with, as host:port, with commas.").in_group(0),
        store(&["--bootstrap-controller"], "Controllers to begin with, as host:port, with commas.").in_group(0),
        store(&["--command-config"], "A file of properties for the admin client."),
    ],
    groups: &[Group::Exclusive { is_required: false }],
    commands: &[
        Command {
            name: "describe",
            help: "Tells which features there are, and their levels.",
            description: "",
            arguments: &[store(&["--node-id"], "Asks this node, not any.").integer()],
            groups: &[],
        },
        Command {
            name: "upgrade",
            help: "Raises levels of features.",
            description: "",
            arguments: &[METADATA, RELEASE, FEATURE, DRY_RUN],
            groups: &[],
        },
        Command {
            name: "downgrade",
            help: "Lowers levels of features.",
            description: "",
            arguments: &[METADATA, RELEASE, FEATURE, UNSAFE, DRY_RUN],
            groups: &[],
        },
        Command {
            name: "disable",
            help: "Lowers levels of features to 0.",
            description: "",
            arguments: &[append(&["--feature"], "A feature."), UNSAFE, DRY_RUN],
            groups: &[],
        },
        Command {
            name: "version-mapping",
            help: "Tells which levels come with a release, else with the latest.",
            description: "",
            arguments: &[store(&["--release-version"], "The release, from 3.3-IV3 on; 4.3-IV0 unless told.")],
            groups: &[],
        },
        Command {
            name: "feature-dependencies",
            help: "Tells what levels of features want of others.",
            description: "",
            arguments: &[append(&["--feature"], "A feature and its level, as group.version=1.").required()],
            groups: &[],
        },
    ],
    command_name: "",
    width: WIDTH,
};

/// `FeatureUpdate.UpgradeType`.
const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;
const UNSAFE_DOWNGRADE: i8 = 3;

/// The tool.
pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let command_line = |message: &str| {
        terminal.print_error(&format!("Command line error: {message}. Type --help for help."));
        Failure::Exit(1)
    };
    let arguments = match PARSER.on(&terminal).parse(&terminal.arguments()) {
        Ok(arguments) => arguments,
        Err(Stopped::Wrong { message, .. }) => return Err(command_line(&message)),
        Err(help) => return Err(help.end(&terminal, 0)),
    };
    match execute(&terminal, &arguments).await {
        Err(Failure::Thrown(exception)) if exception.class == "joptsimple.OptionException" => {
            Err(command_line(&exception.message))
        }
        Err(Failure::Thrown(exception)) => {
            terminal.error_line(&exception.message);
            Err(Failure::Exit(1))
        }
        ended => ended,
    }
}

async fn execute(terminal: &Terminal, arguments: &Arguments) -> Result<(), Failure> {
    match arguments.command {
        "version-mapping" => return print_version_mapping(terminal, arguments.value("release-version")),
        "feature-dependencies" => {
            for text in arguments.values("feature") {
                let (name, level) = name_and_level(text)?;
                print_dependencies(terminal, &name, level, |exception| exception)?;
            }
            return Ok(());
        }
        _ => {}
    }
    let properties = match arguments.value("command-config") {
        Some(path) => properties_file::read(terminal, path).await?,
        None => Properties::default(),
    };
    terminal.start_admin(properties_file::admin_config_of_either(terminal, &properties, arguments)?);
    match arguments.command {
        "describe" => describe(terminal, arguments).await,
        command => {
            let updates = updates(terminal, arguments, command)?;
            update(terminal, command, updates, arguments.has("dry-run")).await
        }
    }
}

async fn describe(terminal: &Terminal, arguments: &Arguments) -> Result<(), Failure> {
    let request = ApiVersionsRequest::default();
    let answer = match arguments.integer("node-id") {
        Some(node) if node < 0 => {
            let message = format!("Invalid node id {node}: must be non-negative.");
            return Err(Exception::illegal_argument(message).into());
        }
        Some(node) => terminal.ask_broker(node, request).await,
        None => terminal.ask(request).await,
    };
    // The tool tells the message of an `ExecutionException`: the cause with its class.
    let execution = |cause: &Exception| wrapped("java.util.concurrent.ExecutionException", cause);
    let response = answer.map_err(|cause| execution(&cause))?;
    thrown(response.error_code, None).map_err(|cause| execution(&cause))?;
    let mut features = response.supported_features;
    sort_by(&mut features, |one, other| one.name.cmp(&other.name));
    let epoch = response.finalized_features_epoch;
    let epoch = if epoch < 0 { "-".to_string() } else { epoch.to_string() };
    for feature in features {
        let finalized = response.finalized_features.iter().find(|finalized| finalized.name == feature.name);
        let level = |level: i16| match version_of(level) {
            _ if *feature.name != *METADATA_VERSION => level.to_string(),
            Ok(version) => version.to_string(),
            Err(_) => format!("UNKNOWN {level}"),
        };
        terminal.line(&format!(
            "Feature: {:<40}  SupportedMinVersion: {:<15}  SupportedMaxVersion: {:<15}  FinalizedVersionLevel: {:<15}  Epoch: \
             {epoch}",
            &*feature.name,
            level(feature.min_version),
            level(feature.max_version),
            level(finalized.map_or(0, |finalized| finalized.max_version_level)),
        ));
    }
    Ok(())
}

type Updates = SortedMap<String, FeatureUpdateKey>;

/// What the arguments want.
fn updates(terminal: &Terminal, arguments: &Arguments, command: &str) -> Result<Updates, Exception> {
    let upgrade_type = match command {
        "upgrade" => UPGRADE,
        _ if arguments.has("unsafe") => UNSAFE_DOWNGRADE,
        _ => SAFE_DOWNGRADE,
    };
    let mut updates = Updates::new();
    let mut add = |name: String, max_version_level: i16| {
        if max_version_level == 0 && upgrade_type == UPGRADE {
            return Err(Exception::illegal_argument(
                "The upgradeType flag should be set to SAFE_DOWNGRADE or UNSAFE_DOWNGRADE when the provided \
                 maxVersionLevel:0 is < 1.",
            ));
        }
        if max_version_level < 0 {
            return Err(Exception::illegal_argument("Cannot specify a negative version level."));
        }
        let feature = Str::from(name.as_str());
        let key =
            FeatureUpdateKey { feature, max_version_level, allow_downgrade: upgrade_type != UPGRADE, upgrade_type };
        Ok(updates.insert(name, key).is_some())
    };
    let twice = |name: &str| {
        Exception::new("java.lang.RuntimeException", format!("Feature {name} was specified more than once."))
    };
    if command == "disable" {
        for name in arguments.values("feature") {
            if add(name.to_string(), 0)? {
                return Err(twice(name));
            }
        }
        return Ok(updates);
    }
    if let Some(release) = arguments.value("release-version") {
        if arguments.has("metadata") || arguments.has("feature") {
            return Err(terse("Can not specify `release-version` with other feature flags."));
        }
        let level = level_of(release, true).map_err(|cause| terse(cause.message))?;
        add(METADATA_VERSION.to_string(), level)?;
        for feature in &FEATURES {
            let level = feature.default_level(level);
            // No feature is raised to 0.
            if upgrade_type != UPGRADE || level > 0 {
                add(feature.name.to_string(), level)?;
            }
        }
        return Ok(updates);
    }
    if let Some(version) = arguments.value("metadata") {
        terminal.line(" `metadata` flag is deprecated and may be removed in a future release.");
        add(METADATA_VERSION.to_string(), level_of(version, true).map_err(|cause| terse(cause.message))?)?;
    }
    for text in arguments.values("feature") {
        let (name, level) = name_and_level(text)?;
        if add(name.clone(), level)? {
            return Err(twice(&name));
        }
    }
    Ok(updates)
}

async fn update(terminal: &Terminal, command: &str, updates: Updates, is_dry_run: bool) -> Result<(), Failure> {
    if updates.is_empty() {
        return Err(terse(format!("You must specify at least one feature to {command}")).into());
    }
    if updates.keys().any(|name| name.trim().is_empty()) {
        return Err(Exception::illegal_argument("Provided feature can not be empty.").into());
    }
    let mut feature_updates: Vec<FeatureUpdateKey> = updates.values().cloned().collect();
    hash_map_order(&mut feature_updates, 16, |update| string_hash(&update.feature));
    let request = UpdateFeaturesRequest { feature_updates, validate_only: is_dry_run, timeout_ms: 60_000 };
    let answer = terminal.ask(request).await;
    let error_of = |name: &str| match &answer {
        Ok(response) => thrown(response.error_code, response.error_message.as_deref()).and_then(|()| {
            let result = response.results.iter().find(|result| *result.feature == *name);
            result.map_or(Ok(()), |result| thrown(result.error_code, result.error_message.as_deref()))
        }),
        Err(exception) => Err(exception.clone()),
    };
    let mut failures = 0;
    for (name, update) in &updates {
        let level = update.max_version_level;
        let is_disabled = command == "disable";
        if let Err(exception) = error_of(name) {
            let could = if is_dry_run { "Can not" } else { "Could not" };
            let to = if is_disabled { String::new() } else { format!(" to {level}") };
            terminal.line(&format!("{could} {command} {name}{to}. {}", exception.message));
            failures += 1;
        } else {
            let was = if is_dry_run { "can be" } else { "was" };
            let done = if is_disabled { "disabled.".to_string() } else { format!("{command}d to {level}.") };
            terminal.line(&format!("{name} {was} {done}"));
        }
    }
    if failures > 0 {
        return Err(terse(format!("{failures} out of {} operation(s) failed.", updates.len())).into());
    }
    Ok(())
}
