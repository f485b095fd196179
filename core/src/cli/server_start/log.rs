//! What a broker logs, in the words and under the loggers of Apache Kafka: a line for each thing that happened on it.
//!
//! # Architecture Invariant
//! A line tells what happened here and nothing else. Where an event knows less than Kafka's line has room for, the line is
//! shorter.

use crate::config::{BrokerConfig, Endpoint};
use crate::event::{Event, TransactionEnder};
use crate::ids::{NodeId, TopicPartition};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;

/// Where `log4j2.yaml` sends a logger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Appender {
    /// The console, and `server.log`.
    Server,
    /// `controller.log` alone.
    Controller,
}

/// A line to be logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) appender: Appender,
    pub(super) level: &'static str,
    pub(super) text: String,
    pub(super) logger: &'static str,
}

const BROKER_SERVER: &str = "kafka.server.BrokerServer";
const CONTROLLER_SERVER: &str = "kafka.server.ControllerServer";
const LIFECYCLE: &str = "org.apache.kafka.server.BrokerLifecycleManager";
const ACCEPTOR: &str = "kafka.network.DataPlaneAcceptor";
const CONTROLLER: &str = "org.apache.kafka.controller.QuorumController";
const HEARTBEATS: &str = "org.apache.kafka.controller.BrokerHeartbeatManager";
const REPLICATION: &str = "org.apache.kafka.controller.ReplicationControlManager";
const GROUPS: &str = "org.apache.kafka.coordinator.group.GroupMetadataManager";

/// The log of one broker.
pub(super) struct ServerLog {
    id: NodeId,
    is_broker: bool,
    is_controller: bool,
    brokers_listen: Vec<String>,
    controllers_listen: Vec<String>,
    log_dirs: Vec<String>,
    is_registered: bool,
    is_running: bool,
    is_stopping: bool,
    lines: Vec<Line>,
}

impl ServerLog {
    pub(super) fn new(config: &BrokerConfig) -> Self {
        let listening = |is_controller: bool| {
            let listeners = config.listeners.iter();
            let listeners = listeners.filter(|one| config.is_controller_listener(&one.listener) == is_controller);
            listeners.map(address).collect()
        };
        Self {
            id: config.node_id,
            is_broker: config.is_broker,
            is_controller: config.is_controller,
            brokers_listen: listening(false),
            controllers_listen: listening(true),
            log_dirs: config.log_dirs.iter().map(ToString::to_string).collect(),
            is_registered: false,
            is_running: false,
            is_stopping: false,
            lines: Vec::new(),
        }
    }

    /// What is to be logged now.
    pub(super) fn take(&mut self) -> Vec<Line> {
        core::mem::take(&mut self.lines)
    }

    /// The process starts.
    pub(super) fn starting(&mut self) {
        if self.is_controller {
            self.controller_server("Starting controller");
        }
        if self.is_broker {
            self.broker_server("Transition from SHUTDOWN to STARTING");
            self.broker_server("Starting broker");
        }
    }

    /// A signal ends it.
    pub(super) fn terminating(&mut self, signal: &str) {
        let text = format!("Terminating process due to signal {signal}");
        self.info(text, "org.apache.kafka.common.utils.LoggingSignalHandler");
        self.stopping();
    }

    /// Something happened on it.
    pub(super) fn happened(&mut self, event: &Event) {
        let id = self.id;
        match event {
            Event::Registered { broker_epoch } => {
                self.is_registered = true;
                let text = format!("Successfully registered broker {id} with broker epoch {broker_epoch}");
                self.lifecycle(&text);
            }
            Event::Started => {
                self.listening(true);
                self.lifecycle("The broker has caught up. Transitioning from STARTING to RECOVERY.");
            }
            Event::Unfenced => self.unfenced(),
            Event::Stopped => self.stopped(),
            Event::Fatal { reason } => self.fatal(reason),
            Event::Truncated { partition, to, .. } => {
                let prefix = self.of_log("UnifiedLog", partition);
                let text = format!("{prefix}Truncating to offset {to}");
                self.info(text, "org.apache.kafka.storage.internals.log.UnifiedLog");
            }
            Event::LogRecovered { partition, log_end_offset, discarded_bytes } => {
                self.recovered(partition, *log_end_offset, *discarded_bytes);
            }
            Event::LogDirectoryOffline { path } => {
                self.line(
                    Appender::Server,
                    "WARN",
                    format!("Stopping serving logs in dir {path}"),
                    "kafka.log.LogManager",
                );
            }
            Event::GroupRebalancing { group, reason } => {
                self.group(&format!("Preparing to rebalance group {group} (reason: {reason})."));
            }
            Event::GroupStable { group, generation_id, members } => {
                self.group(&format!("Stabilized group {group} generation {generation_id} with {members} members."));
            }
            Event::GroupEmpty { group, generation_id } => {
                self.group(&format!("Group {group} with generation {generation_id} is now empty."));
            }
            Event::MemberExpired { group, member } => {
                self.group(&format!("Member {member} in group {group} has failed, removing it from the group."));
            }
            Event::TransactionEnded { transactional_id, by: TransactionEnder::Timeout, .. } => {
                let text = "Completed rollback of ongoing transaction for transactionalId";
                let text = format!("[TransactionCoordinator id={id}] {text} {transactional_id} due to timeout");
                self.info(text, "kafka.coordinator.transaction.TransactionCoordinator");
            }
            other => self.controller(other),
        }
    }

    /// Something happened on the active controller.
    fn controller(&mut self, event: &Event) {
        let (text, logger) = match event {
            Event::ControllerElected { quorum_epoch } => {
                let text = format!("[RaftManager id={}] Completed transition to Leader(epoch={quorum_epoch})", self.id);
                self.info(text, "org.apache.kafka.raft.QuorumState");
                (format!("Becoming the active controller at epoch {quorum_epoch}."), CONTROLLER)
            }
            Event::ControllerResigned { quorum_epoch } => (
                format!(
                    "Renouncing the leadership due to a metadata log event. We were the leader at epoch {quorum_epoch}."
                ),
                CONTROLLER,
            ),
            Event::BrokerUnfenced { broker } => (
                format!(
                    "The request from broker {broker} to unfence has been granted because it has caught up with the offset \
                     of its register broker record."
                ),
                HEARTBEATS,
            ),
            Event::BrokerFenced { broker, session_expired: true } => {
                (format!("Fencing broker {broker} because its session has timed out."), REPLICATION)
            }
            Event::ControlledShutdown { broker } => {
                (format!("Unfenced broker {broker} has requested and been granted a controlled shutdown."), HEARTBEATS)
            }
            Event::LeaderChanged { partition, from, to, leader_epoch, in_sync_replicas, .. } => (
                format!(
                    "partition change for {partition}: isr: {in_sync_replicas:?}, leader: {from} -> {to}, leaderEpoch: \
                     {leader_epoch}"
                ),
                REPLICATION,
            ),
            Event::InSyncReplicasChanged { partition, from, to } => {
                (format!("partition change for {partition}: isr: {from:?} -> {to:?}"), REPLICATION)
            }
            Event::TopicCreated { topic, partitions, replication_factor } => (
                format!(
                    "CreateTopics result(s): CreatableTopic(name='{topic}', numPartitions={partitions}, \
                     replicationFactor={replication_factor}): SUCCESS"
                ),
                REPLICATION,
            ),
            Event::TopicDeleted { topic } => (format!("Replayed RemoveTopicRecord for topic {topic}."), REPLICATION),
            _ => return,
        };
        self.line(Appender::Controller, "INFO", format!("[QuorumController id={}] {text}", self.id), logger);
    }

    fn unfenced(&mut self) {
        self.lifecycle("The broker has been unfenced. Transitioning from RECOVERY to RUNNING.");
        if self.is_running {
            return;
        }
        self.is_running = true;
        self.listening(false);
        self.broker_server("Transition from STARTING to STARTED");
        self.info(format!("[KafkaRaftServer nodeId={}] Kafka Server started", self.id), "kafka.server.KafkaRaftServer");
    }

    fn stopping(&mut self) {
        if core::mem::replace(&mut self.is_stopping, true) {
            return;
        }
        if self.is_broker {
            let state = if self.is_running { "STARTED" } else { "STARTING" };
            self.broker_server(&format!("Transition from {state} to SHUTTING_DOWN"));
            self.broker_server("shutting down");
            if self.is_registered {
                self.lifecycle("Beginning controlled shutdown.");
            }
        }
    }

    fn stopped(&mut self) {
        self.stopping();
        if self.is_broker {
            self.broker_server("shut down completed");
            self.broker_server("Transition from SHUTTING_DOWN to SHUTDOWN");
        }
        if self.is_controller {
            self.controller_server("shutting down");
        }
    }

    /// It cannot go on, or never ran.
    fn fatal(&mut self, reason: &str) {
        if self.is_running {
            let text = format!("Encountered fatal fault: {reason}");
            let logger = "org.apache.kafka.server.fault.ProcessTerminatingFaultHandler";
            self.line(Appender::Server, "ERROR", text, logger);
        } else {
            self.lines.push(exiting(&thrown(reason)));
        }
    }

    fn recovered(&mut self, partition: &TopicPartition, log_end_offset: i64, discarded_bytes: u64) {
        let prefix = self.of_log("LogLoader", partition);
        if discarded_bytes > 0 {
            let logger = "org.apache.kafka.storage.internals.log.LogSegment";
            let text =
                format!("{prefix}Truncated {discarded_bytes} invalid bytes at the end of segment during recovery");
            self.line(Appender::Server, "WARN", text, logger);
        }
        let text = format!("Completed load of {partition} with log-end-offset {log_end_offset}");
        self.info(text, "kafka.log.LogManager");
    }

    /// How a log calls itself; in which of several directories it is, nobody told.
    fn of_log(&self, class: &str, partition: &TopicPartition) -> String {
        match self.log_dirs.as_slice() {
            [only] => format!("[{class} partition={partition}, dir={only}] "),
            _ => format!("[{class} partition={partition}] "),
        }
    }

    fn listening(&mut self, is_controller: bool) {
        let listeners = if is_controller { &self.controllers_listen } else { &self.brokers_listen };
        for address in listeners.clone() {
            self.info(format!("Awaiting socket connections on {address}."), ACCEPTOR);
        }
    }

    fn broker_server(&mut self, text: &str) {
        self.info(format!("[BrokerServer id={}] {text}", self.id), BROKER_SERVER);
    }

    fn controller_server(&mut self, text: &str) {
        self.info(format!("[ControllerServer id={}] {text}", self.id), CONTROLLER_SERVER);
    }

    fn lifecycle(&mut self, text: &str) {
        self.info(format!("[BrokerLifecycleManager id={}] {text}", self.id), LIFECYCLE);
    }

    fn group(&mut self, text: &str) {
        self.info(format!("[GroupCoordinator id={}] {text}", self.id), GROUPS);
    }

    fn info(&mut self, text: String, logger: &'static str) {
        self.line(Appender::Server, "INFO", text, logger);
    }

    fn line(&mut self, appender: Appender, level: &'static str, text: String, logger: &'static str) {
        self.lines.push(Line { appender, level, text, logger });
    }
}

impl Line {
    /// As the layout of `log4j2.yaml` prints it, `[%d] %p %m (%c)%n`; what was thrown stands on lines of its own.
    pub(super) fn layout(&self, time_stamp: &str) -> String {
        let Self { level, text, logger, .. } = self;
        match text.split_once('\n') {
            Some((text, thrown)) => format!("[{time_stamp}] {level} {text} ({logger})\n{thrown}\n"),
            None => format!("[{time_stamp}] {level} {text} ({logger})\n"),
        }
    }
}

/// An exception ends the process at its start.
pub(super) fn exiting(exception: &dyn Display) -> Line {
    let text = format!("Exiting Kafka due to fatal exception\n{exception}");
    Line { appender: Appender::Server, level: "ERROR", text, logger: "kafka.Kafka$" }
}

/// A `meta.properties` that cannot be read.
pub(super) fn unreadable(path: &str, exception: &dyn Display) -> Line {
    let text = format!("Error while reading meta.properties file {path}\n{exception}");
    let logger = "org.apache.kafka.metadata.properties.MetaPropertiesEnsemble";
    Line { appender: Appender::Server, level: "ERROR", text, logger }
}

/// A reason as Java shows an exception: with its class, where it says none.
pub(super) fn thrown(reason: &str) -> String {
    let has_class = ["java.", "org.", "kafka."].iter().any(|package| reason.starts_with(package));
    if has_class { reason.to_string() } else { format!("java.lang.RuntimeException: {reason}") }
}

fn address(endpoint: &Endpoint) -> String {
    let host = if endpoint.host.is_empty() { "0.0.0.0" } else { &*endpoint.host };
    format!("{host}:{}", endpoint.port)
}
