//! `kafka-transactions.sh`: the transactions of producers, and the end of those that hang
//! (`org.apache.kafka.tools.TransactionsCommand`).
//!
//! # Code map
//! - here: the arguments, and what is listed and described.
//! - `ask`: what brokers are asked, with Kafka's words for what they refuse.
//! - `abort`: transactions ended by the one who calls; `hanging`: those that nobody will end.

mod abort;
mod ask;
mod hanging;

use super::arguments::argparse::{Argument, Arguments, Command, Group, Number, Parser, VERSION, WIDTH, store};
use super::failure::{Exception, Failure};
use super::properties_file;
use super::table::print_table;
use super::terminal::Terminal;
use crate::config::Properties;
use crate::ids::TopicPartition;
use crate::java::{hash_map_order, topic_partition_hash};
use crate::protocol::messages::ListTransactionsRequest;
use crate::text::Str;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use ask::Client;

const TOPIC: Argument = store(&["--topic"], "The topic.");
const PARTITION: Argument = store(&["--partition"], "The partition's number.").integer();
const BROKER: Argument = store(&["--broker-id"], "The replica of this broker is asked, not the leader.").integer();

const PARSER: Parser = Parser {
    name: "kafka-transactions.sh",
    description: "Tells of the transactions that producers have in the cluster, finds those that hang, and ends them.",
    arguments: &[
        VERSION,
        store(&["--command-config"], "A file of properties for the admin client.").called("FILE"),
        store(&["--bootstrap-server"], "Brokers to begin with, as host:port, with commas.")
            .called("host:port")
            .required(),
    ],
    groups: &[],
    commands: &[
        Command {
            name: "list",
            help: "Lists transactions.",
            description: "",
            arguments: &[
                store(&["--duration-filter"], "Only those that run for longer, in milliseconds; below 0 for all.")
                    .number(Number::Long),
                store(&["--transactional-id-pattern"], "Only those of transactional ids that match."),
            ],
            groups: &[],
        },
        Command {
            name: "describe",
            help: "Describes the transaction of a transactional id.",
            description: "Describes the transaction that the producer of a transactional id has.",
            arguments: &[store(&["--transactional-id"], "The transactional id.").required()],
            groups: &[],
        },
        Command {
            name: "describe-producers",
            help: "Describes who writes to a partition, exactly once.",
            description: "",
            arguments: &[BROKER, TOPIC.required(), PARTITION.required()],
            groups: &[],
        },
        Command {
            name: "abort",
            help: "Aborts a transaction that hangs.",
            description: "",
            arguments: &[
                TOPIC.required(),
                PARTITION.required(),
                store(&["--start-offset"], "The offset with which the transaction begins.")
                    .number(Number::Long)
                    .in_group(0),
                store(&["--producer-id"], "The producer's id.").number(Number::Long).in_group(1),
                store(&["--producer-epoch"], "Its epoch.").number(Number::Short).in_group(1),
                store(&["--coordinator-epoch"], "The epoch of its coordinator.").integer().in_group(1),
            ],
            groups: &[
                Group::Explained("Brokers on versions 3.0 and above", "These know whose transaction begins there."),
                Group::Explained("Brokers on versions older than 3.0", "These must be told all of it."),
            ],
        },
        Command {
            name: "find-hanging",
            help: "Finds transactions that hang.",
            description: "",
            arguments: &[
                BROKER,
                store(&["--max-transaction-timeout"], "Only those older than so many minutes, 15 where not told.")
                    .integer(),
                TOPIC,
                PARTITION,
            ],
            groups: &[],
        },
        Command {
            name: "forceTerminateTransaction",
            help: "Aborts the open transaction of a transactional id.",
            description: "Aborts the open transaction of a transactional id, and fences its producer.",
            arguments: &[store(&["--transactionalId"], "The transactional id.").required()],
            groups: &[],
        },
    ],
    command_name: "COMMAND",
    width: WIDTH,
};

/// The tool.
pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    // Kafka's tool ends with 1 after its help as well.
    let arguments = PARSER.on(&terminal).parse(&terminal.arguments()).map_err(|stopped| stopped.end(&terminal, 1))?;
    let properties = match arguments.value("command-config") {
        Some(path) => properties_file::read(&terminal, path)
            .await
            .map_err(|cause| failed(&terminal, "Failed to load admin client properties", &cause))?,
        None => Properties::default(),
    };
    let servers = arguments.value("bootstrap-server").unwrap_or_default();
    let config = properties_file::admin_config_of(&terminal, &properties, servers)?;
    let client = Client { api_timeout: config.default_api_timeout, request_timeout: config.request_timeout, terminal };
    client.terminal.start_admin(config);
    match arguments.command {
        "list" => list(&client, &arguments).await,
        "describe" => describe(&client, &arguments).await,
        "describe-producers" => describe_producers(&client, &arguments).await,
        "abort" => abort::abort(&client, &arguments).await,
        "find-hanging" => hanging::find(&client, &arguments).await,
        _ => abort::force_terminate(&client, &arguments).await,
    }
}

/// Kafka's `printErrorAndExit`.
fn wrong(terminal: &Terminal, message: &str) -> Failure {
    terminal.error_line(message);
    Failure::Exit(1)
}

/// Kafka's `printErrorAndExit`, with a cause.
fn failed(terminal: &Terminal, message: &str, cause: &Exception) -> Failure {
    let cause = &cause.message;
    wrong(terminal, &format!("{message}: {cause}. Enable debug logging for additional detail."))
}

/// The partition that arguments name.
fn partition(arguments: &Arguments) -> TopicPartition {
    TopicPartition::new(
        Str::from(arguments.value("topic").unwrap_or_default()),
        arguments.integer("partition").unwrap_or_default(),
    )
}

async fn list(client: &Client, arguments: &Arguments) -> Result<(), Failure> {
    let request = ListTransactionsRequest {
        duration_filter: arguments.number("duration-filter").unwrap_or(-1),
        transactional_id_pattern: arguments.value("transactional-id-pattern").map(Str::from),
        ..ListTransactionsRequest::default()
    };
    let listed = client.list_transactions(&request).await;
    let listed = listed.map_err(|cause| failed(&client.terminal, "Failed to list transactions", &cause))?;
    let rows: Vec<Vec<String>> = listed
        .into_iter()
        .map(|(broker, listing)| {
            vec![
                listing.transactional_id.to_string(),
                broker.to_string(),
                listing.producer_id.to_string(),
                state_name(&listing.transaction_state).to_string(),
            ]
        })
        .collect();
    print_table(&client.terminal, &["TransactionalId", "Coordinator", "ProducerId", "TransactionState"], &rows);
    Ok(())
}

async fn describe(client: &Client, arguments: &Arguments) -> Result<(), Failure> {
    let id = arguments.value("transactional-id").unwrap_or_default();
    let (coordinator, described) = client.describe_transaction(id).await.map_err(|cause| {
        let message = format!("Failed to describe transaction state of transactional-id `{id}`");
        failed(&client.terminal, &message, &cause)
    })?;
    let start = described.transaction_start_time_ms;
    let none = || "None".to_string();
    let (started, duration) = if start >= 0 {
        (start.to_string(), client.terminal.now().wall_ms.saturating_sub(start).to_string())
    } else {
        (none(), none())
    };
    let partitions: Vec<String> = ask::partitions_of(&described).iter().map(ToString::to_string).collect();
    let row = vec![
        coordinator.to_string(),
        id.to_string(),
        described.producer_id.to_string(),
        described.producer_epoch.to_string(),
        state_name(&described.transaction_state).to_string(),
        described.transaction_timeout_ms.to_string(),
        started,
        duration,
        partitions.join(","),
    ];
    let head = [
        "CoordinatorId",
        "TransactionalId",
        "ProducerId",
        "ProducerEpoch",
        "TransactionState",
        "TransactionTimeoutMs",
        "CurrentTransactionStartTimeMs",
        "TransactionDurationMs",
        "TopicPartitions",
    ];
    print_table(&client.terminal, &head, &[row]);
    Ok(())
}

async fn describe_producers(client: &Client, arguments: &Arguments) -> Result<(), Failure> {
    let (partition, broker) = (partition(arguments), arguments.integer("broker-id"));
    let described = client.describe_producers(core::slice::from_ref(&partition), broker).await.map_err(|cause| {
        let whom = broker.map_or_else(|| "leader".to_string(), |broker| format!("broker {broker}"));
        failed(&client.terminal, &format!("Failed to describe producers for partition {partition} on {whom}"), &cause)
    })?;
    let rows: Vec<Vec<String>> = described
        .into_iter()
        .flat_map(|(_, producers)| producers)
        .map(|producer| {
            let start = producer.current_txn_start_offset;
            vec![
                producer.producer_id.to_string(),
                producer.producer_epoch.to_string(),
                producer.coordinator_epoch.max(-1).to_string(),
                producer.last_sequence.to_string(),
                producer.last_timestamp.to_string(),
                if start >= 0 { start.to_string() } else { "None".to_string() },
            ]
        })
        .collect();
    let head = [
        "ProducerId",
        "ProducerEpoch",
        "LatestCoordinatorEpoch",
        "LastSequence",
        "LastTimestamp",
        "CurrentTransactionStartOffset",
    ];
    print_table(&client.terminal, &head, &rows);
    Ok(())
}

/// A state as Kafka's admin knows it.
fn state_name(state: &str) -> &str {
    const STATES: [&str; 7] =
        ["Ongoing", "PrepareAbort", "PrepareCommit", "CompleteAbort", "CompleteCommit", "Empty", "PrepareEpochFence"];
    if STATES.contains(&state) { state } else { "Unknown" }
}

/// Partitions in the order of a `HashSet`, or of the keys of a `HashMap`.
fn in_javas_order(partitions: &mut Vec<TopicPartition>) {
    hash_map_order(partitions, 16, topic_partition_hash);
}
