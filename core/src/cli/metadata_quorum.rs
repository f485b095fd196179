//! `kafka-metadata-quorum.sh`: the quorum of controllers (`org.apache.kafka.tools.MetadataQuorumCommand`).

use super::arguments::argparse::{Argument, Arguments, Command, Group, Parser, WIDTH, store, store_true};
use super::cluster::describe_cluster;
use super::controller_file;
use super::failure::{Exception, Failure, terse, thrown, wrapped};
use super::properties_file;
use super::table::print_table;
use super::terminal::Terminal;
use crate::config::Properties;
use crate::ids::Uuid;
use crate::protocol::messages::describe_quorum_request::{PartitionData as WantedPartition, TopicData as WantedTopic};
use crate::protocol::messages::describe_quorum_response::{Node, PartitionData, ReplicaState};
use crate::protocol::messages::{
    AddRaftVoterRequest, DescribeQuorumRequest, RemoveRaftVoterRequest, add_raft_voter_request,
};
use crate::text::Str;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

const REMOVE: &[Argument] = &[
    store(&["--controller-id", "-i"], "The id of the controller.").integer().required(),
    store(&["--controller-directory-id", "-d"], "The id of its metadata directory.").required(),
    store_true(&["--dry-run"], "Tells what would be done, and does not do it."),
];

const PARSER: Parser = Parser {
    name: "kafka-metadata-quorum",
    description: "Tells of the quorum of controllers, and changes it.",
    arguments: &[
        store(&["--bootstrap-server"], "Brokers to begin with, as host:port, with commas.").in_group(0),
        store(&["--bootstrap-controller"], "Controllers to begin with, as host:port, with commas.").in_group(0),
        store(
            &["--command-config"],
            "A file of properties for the admin client; for add-controller the properties of the controller.",
        ),
    ],
    groups: &[Group::Exclusive { is_required: true }],
    commands: &[
        Command {
            name: "describe",
            help: "Tells of the quorum.",
            description: "",
            arguments: &[
                store_true(&["--status"], "In short: who leads, and how far the others are.").in_group(0),
                store_true(&["--replication"], "Replica by replica.").in_group(1),
                store_true(&["--human-readable"], "Times as time ago.").in_group(1),
            ],
            groups: &[Group::Titled("Status"), Group::Titled("Replication")],
        },
        Command {
            name: "add-controller",
            help: "Adds a controller to the quorum.",
            description: "",
            arguments: &[store_true(&["--dry-run"], "Tells what would be done, and does not do it.")],
            groups: &[],
        },
        Command {
            name: "remove-controller",
            help: "Removes a controller from the quorum.",
            description: "",
            arguments: REMOVE,
            groups: &[],
        },
    ],
    command_name: "",
    width: WIDTH,
};

/// The tool.
pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let arguments = PARSER.on(&terminal).parse(&terminal.arguments()).map_err(|stopped| stopped.end(&terminal, 0))?;
    terminal.catch_terse(execute(&terminal, &arguments).await)
}

async fn execute(terminal: &Terminal, arguments: &Arguments) -> Result<(), Failure> {
    let file = arguments.value("command-config");
    let properties = match file {
        Some(path) => {
            terminal.status(path).await.map_err(|_| terse(format!("Properties file {path} does not exists!")))?;
            properties_file::read(terminal, path).await?
        }
        None => Properties::default(),
    };
    terminal.start_admin(properties_file::admin_config_of_either(terminal, &properties, arguments)?);
    let is_dry_run = arguments.has("dry-run");
    match arguments.command {
        "describe" => describe(terminal, arguments).await,
        "add-controller" if file.is_none() => Err(terse(
            "You must supply the configuration file of the controller you are adding when using add-controller.",
        )
        .into()),
        "add-controller" => add_controller(terminal, &properties, is_dry_run).await,
        _ => remove_controller(terminal, arguments, is_dry_run).await,
    }
}

async fn describe(terminal: &Terminal, arguments: &Arguments) -> Result<(), Failure> {
    let is_readable = arguments.has("human-readable");
    match (arguments.has("status"), arguments.has("replication")) {
        (true, true) => {
            Err(terse("Only one of --status or --replication should be specified with describe sub-command").into())
        }
        (false, true) => describe_replication(terminal, is_readable).await,
        (true, false) if is_readable => {
            Err(terse("The option --human-readable is only supported along with --replication").into())
        }
        (true, false) => describe_status(terminal).await,
        (false, false) => {
            Err(terse("One of --status or --replication must be specified with describe sub-command").into())
        }
    }
}

/// What the quorum's leader tells of its only partition, and the endpoints of its nodes.
async fn quorum(terminal: &Terminal) -> Result<(PartitionData, Vec<Node>), Failure> {
    let execution = |cause: &Exception| wrapped("java.util.concurrent.ExecutionException", cause);
    let partitions = vec![WantedPartition { partition_index: 0 }];
    let topics = vec![WantedTopic { topic_name: Str::from_static("__cluster_metadata"), partitions }];
    let request = DescribeQuorumRequest { topics };
    let mut response = terminal.ask(request).await.map_err(|cause| execution(&cause))?;
    thrown(response.error_code, response.error_message.as_deref()).map_err(|cause| execution(&cause))?;
    let partition = response.topics.pop().and_then(|mut topic| topic.partitions.pop()).unwrap_or_default();
    thrown(partition.error_code, partition.error_message.as_deref()).map_err(|cause| execution(&cause))?;
    Ok((partition, response.nodes))
}

/// The leader among the voters; Java's `Optional.get` throws where there is none.
fn leader(partition: &PartitionData) -> Result<&ReplicaState, Exception> {
    let leader = partition.current_voters.iter().find(|voter| voter.replica_id == partition.leader_id);
    leader.ok_or_else(|| Exception::new("java.util.NoSuchElementException", "No value present"))
}

async fn describe_status(terminal: &Terminal) -> Result<(), Failure> {
    let cluster = describe_cluster(terminal, false).await?;
    let (partition, nodes) = quorum(terminal).await?;
    let leader = leader(&partition)?;
    let last = partition.current_voters.iter().min_by_key(|voter| voter.log_end_offset).unwrap_or(leader);
    let lag = leader.log_end_offset - last.log_end_offset;
    let lag_ms = if last.replica_id == leader.replica_id {
        0
    } else if leader.last_caught_up_timestamp >= 0 && last.last_caught_up_timestamp >= 0 {
        leader.last_caught_up_timestamp - last.last_caught_up_timestamp
    } else {
        -1
    };
    let row = |name: &str, value: &str| terminal.line(&format!("{name:<24}{value}"));
    row("ClusterId:", &cluster.cluster_id);
    row("LeaderId:", &partition.leader_id.to_string());
    row("LeaderEpoch:", &partition.leader_epoch.to_string());
    row("HighWatermark:", &partition.high_watermark.to_string());
    row("MaxFollowerLag:", &lag.to_string());
    row("MaxFollowerLagTimeMs:", &lag_ms.to_string());
    row("CurrentVoters:", &replicas(&partition.current_voters, &nodes));
    row("CurrentObservers:", &replicas(&partition.observers, &nodes));
    Ok(())
}

fn replicas(replicas: &[ReplicaState], nodes: &[Node]) -> String {
    let replica = |replica: &ReplicaState| {
        let mut text = format!("{{\"id\": {}", replica.replica_id);
        if replica.replica_directory_id != Uuid::ZERO {
            text.extend([", \"directoryId\": \"", &replica.replica_directory_id.to_string(), "\""]);
        }
        let listeners = nodes.iter().filter(|node| node.node_id == replica.replica_id).flat_map(|node| &node.listeners);
        let endpoints = listeners.map(|at| format!("\"{}\"", controller_file::url(&at.name, &at.host, at.port)));
        let endpoints = endpoints.collect::<Vec<_>>().join(", ");
        if !endpoints.is_empty() {
            text.extend([", \"endpoints\": [", &endpoints, "]"]);
        }
        text + "}"
    };
    format!("[{}]", replicas.iter().map(replica).collect::<Vec<_>>().join(", "))
}

async fn describe_replication(terminal: &Terminal, is_readable: bool) -> Result<(), Failure> {
    let (partition, _) = quorum(terminal).await?;
    let leader = leader(&partition)?;
    let now = terminal.now().wall_ms;
    let ago = |timestamp: i64, what: &str| match timestamp {
        ..0 => Ok("-1".to_string()),
        _ if !is_readable => Ok(timestamp.to_string()),
        timestamp if timestamp > 0 && timestamp <= now => Ok(format!("{} ms ago", now - timestamp)),
        timestamp => {
            let message = format!(
                "Error while computing relative time, possible drift in system clock.\nCurrent timestamp is {now}, {what} \
                 timestamp is {timestamp}"
            );
            Err(Exception::new("org.apache.kafka.common.KafkaException", message))
        }
    };
    let row = |replica: &ReplicaState, status: &str| -> Result<Vec<String>, Exception> {
        Ok(vec![
            replica.replica_id.to_string(),
            replica.replica_directory_id.to_string(),
            replica.log_end_offset.to_string(),
            (leader.log_end_offset - replica.log_end_offset).to_string(),
            ago(replica.last_fetch_timestamp, "last fetch")?,
            ago(replica.last_caught_up_timestamp, "last caught up")?,
            status.to_string(),
        ])
    };
    let mut rows = vec![row(leader, "Leader")?];
    for voter in partition.current_voters.iter().filter(|voter| voter.replica_id != partition.leader_id) {
        rows.push(row(voter, "Follower")?);
    }
    for observer in &partition.observers {
        rows.push(row(observer, "Observer")?);
    }
    let head =
        ["NodeId", "DirectoryId", "LogEndOffset", "Lag", "LastFetchTimestamp", "LastCaughtUpTimestamp", "Status"];
    print_table(terminal, &head, &rows);
    Ok(())
}

async fn add_controller(terminal: &Terminal, properties: &Properties, is_dry_run: bool) -> Result<(), Failure> {
    let id = controller_file::node_id(properties)?;
    let directory = controller_file::metadata_directory(properties)?;
    let directory_id = controller_file::directory_id(terminal, &directory).await?;
    let endpoints = controller_file::endpoints(properties)?;
    if !is_dry_run {
        let listener = |(name, host, port): &(Str, Str, u16)| add_raft_voter_request::Listener {
            name: name.clone(),
            host: host.clone(),
            port: *port,
        };
        let request = AddRaftVoterRequest {
            cluster_id: None,
            timeout_ms: 60_000,
            voter_id: id,
            voter_directory_id: directory_id,
            listeners: endpoints.iter().map(listener).collect(),
            ack_when_committed: true,
        };
        let added = terminal.ask(request).await;
        changed(added.and_then(|response| thrown(response.error_code, response.error_message.as_deref())))?;
    }
    let done = if is_dry_run { "DRY RUN of adding" } else { "Added" };
    let endpoints = endpoints.iter().map(|(name, host, port)| controller_file::url(name, host, *port));
    let endpoints = endpoints.collect::<Vec<_>>().join(", ");
    terminal.line(&format!("{done} controller {id} with directory id {directory_id} and endpoints: {endpoints}"));
    Ok(())
}

async fn remove_controller(terminal: &Terminal, arguments: &Arguments, is_dry_run: bool) -> Result<(), Failure> {
    let id = arguments.integer("controller-id").unwrap_or_default();
    if id < 0 {
        return Err(terse(format!("Invalid negative --controller-id: {id}")).into());
    }
    let text = arguments.value("controller-directory-id").unwrap_or_default();
    let directory_id = controller_file::parse_uuid(text)
        .map_err(|why| terse(format!("Failed to parse --controller-directory-id: {why}")))?;
    if !is_dry_run {
        let request = RemoveRaftVoterRequest { cluster_id: None, voter_id: id, voter_directory_id: directory_id };
        let removed = terminal.ask(request).await;
        changed(removed.and_then(|response| thrown(response.error_code, response.error_message.as_deref())))?;
    }
    let done = if is_dry_run { "DRY RUN of removing " } else { "Removed " };
    terminal.line(&format!("{done} KRaft controller {id} with directory id {directory_id}"));
    Ok(())
}

/// What came of a change of the voters, as the tool gets it of a future.
fn changed(changed: Result<(), Exception>) -> Result<(), Failure> {
    changed.map_err(|cause| wrapped("java.util.concurrent.ExecutionException", &cause).into())
}
