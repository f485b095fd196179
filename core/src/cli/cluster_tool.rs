//! `kafka-cluster.sh`: a cluster's id, its endpoints, and brokers to be forgotten (`org.apache.kafka.tools.ClusterTool`).

use super::arguments::argparse::{Argument, Arguments, Command, Group, Parser, WIDTH, store, store_true};
use super::cluster::describe_cluster;
use super::failure::{Exception, Failure, thrown, wrapped};
use super::properties_file;
use super::terminal::Terminal;
use crate::config::Properties;
use crate::protocol::ErrorCode;
use crate::protocol::messages::UnregisterBrokerRequest;
use crate::sorted::sort_by_key;
use alloc::format;
use alloc::string::{String, ToString};

const SERVER: Argument =
    store(&["--bootstrap-server", "-b"], "Brokers to begin with, as host:port, with commas.").in_group(0);
const CONTROLLER: Argument =
    store(&["--bootstrap-controller", "-C"], "Controllers to begin with, as host:port, with commas.").in_group(0);
const CONFIG: Argument =
    store(&["--config"], "(DEPRECATED) The same as --command-config, which stays when this one goes.");
const COMMAND_CONFIG: Argument = store(&["--command-config", "-c"], "A file of properties for the admin client.");
const GROUPS: &[Group] = &[Group::Exclusive { is_required: true }];

const PARSER: Parser = Parser {
    name: "kafka-cluster",
    description: "Tells of a cluster, and forgets brokers.",
    arguments: &[],
    groups: &[],
    commands: &[
        Command {
            name: "cluster-id",
            help: "Tells the cluster's id.",
            description: "",
            arguments: &[SERVER, CONTROLLER, CONFIG, COMMAND_CONFIG],
            groups: GROUPS,
        },
        Command {
            name: "unregister",
            help: "Forgets a broker for good.",
            description: "",
            arguments: &[
                SERVER,
                CONTROLLER,
                CONFIG,
                COMMAND_CONFIG,
                store(&["--id", "-i"], "Which broker.").integer().required(),
            ],
            groups: GROUPS,
        },
        Command {
            name: "list-endpoints",
            help: "Tells where brokers or controllers listen.",
            description: "",
            arguments: &[
                SERVER,
                CONTROLLER,
                CONFIG,
                COMMAND_CONFIG,
                store_true(&["--include-fenced-brokers"], "Fenced brokers as well."),
            ],
            groups: GROUPS,
        },
    ],
    command_name: "",
    width: WIDTH,
};

/// The tool.
pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    // Kafka's tool ends with 1 after its help as well.
    let arguments = PARSER.on(&terminal).parse(&terminal.arguments()).map_err(|stopped| stopped.end(&terminal, 1))?;
    terminal.catch(execute(&terminal, &arguments).await)
}

async fn execute(terminal: &Terminal, arguments: &Arguments) -> Result<(), Failure> {
    let mut file = arguments.value("command-config");
    if let Some(deprecated) = arguments.value("config") {
        if file.is_some() {
            let message = "--config and --command-config cannot be specified together.";
            return Err(Exception::new("net.sourceforge.argparse4j.inf.ArgumentParserException", message).into());
        }
        terminal.line(
            "Option --config has been deprecated and will be removed in a future version. Use --command-config instead.",
        );
        file = Some(deprecated);
    }
    let properties = match file {
        Some(path) => properties_file::read(terminal, path).await?,
        None => Properties::default(),
    };
    terminal.start_admin(properties_file::admin_config_of_either(terminal, &properties, arguments)?);
    match arguments.command {
        "cluster-id" => {
            let cluster = describe_cluster(terminal, false).await?;
            terminal.line(&format!("Cluster ID: {}", cluster.cluster_id));
            Ok(())
        }
        "unregister" => unregister(terminal, arguments.integer("id").unwrap_or_default()).await,
        _ => list_endpoints(terminal, arguments).await,
    }
}

async fn unregister(terminal: &Terminal, broker_id: i32) -> Result<(), Failure> {
    let unregistered = match terminal.ask(UnregisterBrokerRequest { broker_id }).await {
        Ok(response) => {
            let unregistered = thrown(response.error_code, response.error_message.as_deref());
            if unregistered.is_err() && response.error_code != ErrorCode::RequestTimedOut.code() {
                let message = response.error_message.as_deref().unwrap_or("null");
                let line = format!(
                    "[AdminClient clientId={}] Unregister broker request for broker ID {broker_id} failed: {message}",
                    terminal.admin_client_id()
                );
                terminal.log("ERROR", &line, "org.apache.kafka.clients.admin.KafkaAdminClient");
            }
            unregistered
        }
        Err(exception) => Err(exception),
    };
    match unregistered {
        Ok(()) => terminal.line(&format!("Broker {broker_id} is no longer registered.")),
        Err(exception) if exception.class.ends_with(".UnsupportedVersionException") => {
            terminal.line("The target cluster does not support the broker unregistration API.");
        }
        Err(exception) => return Err(wrapped("java.util.concurrent.ExecutionException", &exception).into()),
    }
    Ok(())
}

async fn list_endpoints(terminal: &Terminal, arguments: &Arguments) -> Result<(), Failure> {
    let are_controllers = arguments.has("bootstrap-controller");
    let with_fenced = arguments.has("include-fenced-brokers");
    if are_controllers && with_fenced {
        let message = "The option --include-fenced-brokers is only supported with --bootstrap-server option";
        return Err(Exception::illegal_argument(message).into());
    }
    let mut nodes = describe_cluster(terminal, with_fenced).await?.brokers;
    sort_by_key(&mut nodes, |node| node.broker_id);
    let host_width = nodes.iter().map(|node| node.host.len()).max().unwrap_or(100);
    let racks = nodes.iter().filter_map(|node| node.rack.as_ref());
    let rack_width = racks.map(|rack| rack.len()).max().unwrap_or(10);
    let row = |id: &str, host: &str, port: &str, rack: &str, state: &str, kind: &str| {
        let state = if are_controllers { String::new() } else { format!("{state:<10} ") };
        terminal.line(&format!("{id:<10} {host:<host_width$} {port:<10} {rack:<rack_width$} {state}{kind:<15}"));
    };
    row("ID", "HOST", "PORT", "RACK", "STATE", "ENDPOINT_TYPE");
    for node in nodes {
        let rack = node.rack.as_deref().unwrap_or("null");
        let state = if node.is_fenced { "fenced" } else { "unfenced" };
        let kind = if are_controllers { "controller" } else { "broker" };
        row(&node.broker_id.to_string(), &node.host, &node.port.to_string(), rack, state, kind);
    }
    Ok(())
}
