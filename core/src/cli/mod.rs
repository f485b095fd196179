//! Kafka's command-line tools as sans-I/O programs: arguments, standard input, output and error, signals, an exit code; over
//! the clients of [`crate::client`], so that a tool speaks to any cluster, Apache Kafka's included.
//!
//! # Code map
//! - [`Program`]: a tool that runs. What it is told and what it wants is [`ProgramInput`] and [`ProgramOutput`].
//! - `terminal`: what a tool's code asks for and awaits: standard streams, files, time, the admin, producer and consumer.
//! - `arguments`: options as the libraries of Kafka's tools read them, and their help.
//! - [`file`]: what programs ask of the file system; [`process`]: what they ask about others.
//! - [`server`]: what a broker's process asks of its host, and what it hears.
//! - `failure`: how a tool ends early, and how Java shows an exception.
//! - `cluster`, `properties_file`, `topic_filter`, `date_time`: what several tools ask the cluster, read or understand.
//! - `feature_versions`: features and their levels, for features and storage; `meta_file` and `controller_file`: what
//!   storage writes, and others read; `table`: what `prettyPrintTable` prints; `producer_log` and `producer_properties`: of
//!   those that produce.
//! - one file or folder per tool, named as the tool.
//! - [`TopicChange`]: what topics changes; a form of the page makes the same one as the tool's options.
//!
//! # Architecture Invariants
//! A tool is an `async fn` that only awaits its `terminal`: the program polls it after each input, no waker and no executor
//! takes part, and the same inputs give the same outputs.
//!
//! What Kafka prints is printed to the letter; only the descriptions in `--help` are in our own words. A Java stack trace
//! is shown without its `at` lines.

mod arguments;
mod base64;
mod broker_api_versions;
mod cluster;
mod cluster_tool;
mod configs;
mod console_consumer;
mod console_producer;
mod consumer_groups;
mod consumer_perf_test;
mod controller_file;
mod date_time;
mod delete_records;
mod dump_log;
mod failure;
mod feature_versions;
mod features;
pub mod file;
mod get_offsets;
mod groups;
mod leader_election;
mod log_dirs;
mod meta_file;
mod metadata_quorum;
pub mod process;
mod producer_log;
mod producer_perf_test;
mod producer_properties;
mod program;
mod properties_file;
mod reassign_partitions;
mod scram;
pub mod server;
mod server_start;
mod server_stop;
#[cfg(test)]
mod server_tests;
mod storage;
mod table;
mod terminal;
#[cfg(test)]
mod tests;
mod topic_filter;
mod topics;
mod transactions;

pub use program::{Environment, Program, ProgramInput, ProgramOutput, Uncaught};
pub use topics::{NewTopic, TopicChange, topic_pattern};

use alloc::boxed::Box;
use core::future::Future;
use core::pin::Pin;
pub(crate) use date_time::{civil, days};
pub(crate) use failure::Failure;
pub(crate) use terminal::Terminal;

/// What the tools call the version they are of; `--version` prints it.
pub const VERSION: &str = "4.3.0";

/// A tool's code while it runs.
pub(crate) type Run = Pin<Box<dyn Future<Output = Result<(), Failure>>>>;

/// A tool: the name of its script, and its code.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) run: fn(Terminal) -> Run,
}

static TOOLS: [Tool; 22] = [
    Tool { name: "kafka-broker-api-versions.sh", run: |terminal| Box::pin(broker_api_versions::run(terminal)) },
    Tool { name: "kafka-cluster.sh", run: |terminal| Box::pin(cluster_tool::run(terminal)) },
    Tool { name: "kafka-configs.sh", run: |terminal| Box::pin(configs::run(terminal)) },
    Tool { name: "kafka-console-consumer.sh", run: |terminal| Box::pin(console_consumer::run(terminal)) },
    Tool { name: "kafka-console-producer.sh", run: |terminal| Box::pin(console_producer::run(terminal)) },
    Tool { name: "kafka-consumer-groups.sh", run: |terminal| Box::pin(consumer_groups::run(terminal)) },
    Tool { name: "kafka-consumer-perf-test.sh", run: |terminal| Box::pin(consumer_perf_test::run(terminal)) },
    Tool { name: "kafka-delete-records.sh", run: |terminal| Box::pin(delete_records::run(terminal)) },
    Tool { name: "kafka-dump-log.sh", run: |terminal| Box::pin(dump_log::run(terminal)) },
    Tool { name: "kafka-features.sh", run: |terminal| Box::pin(features::run(terminal)) },
    Tool { name: "kafka-get-offsets.sh", run: |terminal| Box::pin(get_offsets::run(terminal)) },
    Tool { name: "kafka-groups.sh", run: |terminal| Box::pin(groups::run(terminal)) },
    Tool { name: "kafka-leader-election.sh", run: |terminal| Box::pin(leader_election::run(terminal)) },
    Tool { name: "kafka-log-dirs.sh", run: |terminal| Box::pin(log_dirs::run(terminal)) },
    Tool { name: "kafka-metadata-quorum.sh", run: |terminal| Box::pin(metadata_quorum::run(terminal)) },
    Tool { name: "kafka-producer-perf-test.sh", run: |terminal| Box::pin(producer_perf_test::run(terminal)) },
    Tool { name: "kafka-reassign-partitions.sh", run: |terminal| Box::pin(reassign_partitions::run(terminal)) },
    Tool { name: "kafka-server-start.sh", run: |terminal| Box::pin(server_start::run(terminal)) },
    Tool { name: "kafka-server-stop.sh", run: |terminal| Box::pin(server_stop::run(terminal)) },
    Tool { name: "kafka-storage.sh", run: |terminal| Box::pin(storage::run(terminal)) },
    Tool { name: "kafka-topics.sh", run: |terminal| Box::pin(topics::run(terminal)) },
    Tool { name: "kafka-transactions.sh", run: |terminal| Box::pin(transactions::run(terminal)) },
];

/// The tool of this name.
pub(crate) fn find(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == name)
}

/// The scripts there are, by name.
pub fn tools() -> impl Iterator<Item = &'static str> {
    TOOLS.iter().map(|tool| tool.name)
}
