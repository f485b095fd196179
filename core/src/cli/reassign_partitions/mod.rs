//! `kafka-reassign-partitions.sh`: moves partitions between brokers
//! (`org.apache.kafka.tools.reassign.ReassignPartitionsCommand`). Throttles are in `throttle`.

mod json;
mod throttle;

use super::arguments::jopt::{OptionSpec, Options, flag, value};
use super::cluster::{describe_cluster, metadata};
use super::failure::{Exception, Failure, TERSE, terse, thrown};
use super::properties_file::admin_config;
use super::terminal::Terminal;
use crate::client::AdminConfig;
use crate::controller::replica_placer::{UsableBroker, place_on};
use crate::ids::{NodeId, TopicPartition};
use crate::java::{hash_map_order, string_hash, topic_partition_hash};
use crate::protocol::ErrorCode;
use crate::protocol::messages::alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
use crate::protocol::messages::alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic};
use crate::protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use crate::protocol::messages::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use crate::protocol::messages::list_partition_reassignments_response::OngoingPartitionReassignment;
use crate::protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterReplicaLogDirsRequest, DescribeLogDirsRequest,
    ListPartitionReassignmentsRequest, MetadataResponse,
};
use crate::rng::Rng;
use crate::sorted::{SortedMap, sort};
use crate::text::Str;
use crate::time::Duration;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use json::{COMMAND_FAILED, Reassignment, Replica, format_reassignment, joined, read_reassignment, read_topics};
use throttle::{clear_throttles, throttle_brokers, throttle_log_dirs};

const OPTIONS: [OptionSpec; 18] = [
    flag("verify", "Tells whether the reassignment of the file is over; if it is, throttles are removed."),
    flag("generate", "Proposes a reassignment, and carries nothing out."),
    flag("execute", "Begins the reassignment of the file."),
    flag("cancel", "Ends the reassignment of the file where it is under way."),
    flag("list", "Tells which partitions are being reassigned."),
    value("bootstrap-server", "String: Server(s) to use for bootstrapping", "Brokers, as host:port, with commas.")
        .optional(),
    value("command-config", "String: Admin client property file", "A file of properties for the admin client."),
    value(
        "reassignment-json-file",
        "String: manual assignment json file path",
        "A file that says which replicas partitions are to have: \
         {\"partitions\":[{\"topic\":\"foo\",\"partition\":1,\"replicas\":[1,2,3],\"log_dirs\":[\"any\",\"any\",\"any\"]}],\
         \"version\":1}. log_dirs may be left out.",
    ),
    value(
        "topics-to-move-json-file",
        "String: topics to reassign json file path",
        "A file of topics for --generate: {\"topics\":[{\"topic\":\"foo\"},{\"topic\":\"foo1\"}],\"version\":1}",
    ),
    value("broker-list", "String: brokerlist", "Brokers that --generate may use, with commas."),
    value(
        "bootstrap-controller",
        "String: bootstrap controller to connect to",
        "Controllers, as host:port; --cancel and --list may ask them.",
    )
    .optional(),
    flag("disable-rack-aware", "Racks of brokers do not count."),
    value("throttle", "Long: throttle", "Bytes a second that move between brokers; at least 1024. With --execute.")
        .or("-1"),
    value(
        "replica-alter-log-dirs-throttle",
        "Long: replicaAlterLogDirsThrottle",
        "Bytes a second that move between log directories of a broker. With --execute.",
    )
    .or("-1"),
    value("timeout", "Long: timeout", "Milliseconds that a move between log directories may take to begin.")
        .or("10000"),
    flag("additional", "Executes it beside others that are under way."),
    flag("preserve-throttles", "Leaves throttles as they are."),
    flag("disallow-replication-factor-change", "Refuses to change how many replicas a partition has."),
];
/// What each action wants, and what it permits beside that.
const ACTIONS: [(&str, &[&str], &[&str]); 5] = [
    (
        "generate",
        &["topics-to-move-json-file", "broker-list"],
        &["bootstrap-server", "broker-list", "command-config", "disable-rack-aware"],
    ),
    (
        "execute",
        &["reassignment-json-file"],
        &[
            "additional",
            "bootstrap-server",
            "command-config",
            "throttle",
            "replica-alter-log-dirs-throttle",
            "timeout",
            "disallow-replication-factor-change",
        ],
    ),
    ("verify", &["reassignment-json-file"], &["bootstrap-server", "command-config", "preserve-throttles"]),
    (
        "cancel",
        &["reassignment-json-file"],
        &["bootstrap-server", "bootstrap-controller", "command-config", "preserve-throttles", "timeout"],
    ),
    ("list", &[], &["bootstrap-server", "bootstrap-controller", "command-config"]),
];
/// Kafka's directories are asked again so often.
const RETRY: Duration = Duration::from_millis(100);

/// The tool.
pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let options = Options::parse(&OPTIONS, &terminal.arguments())?;
    options.print_help_or_version(&terminal, "This tool helps to move topic partitions between replicas.")?;
    let action = check(&terminal, &options)?;
    match execute_action(&terminal, &options, action).await {
        // All on standard output: so does Kafka's.
        Err(Failure::Thrown(exception)) if exception.class == TERSE => {
            terminal.line(&exception.message);
            Err(Failure::Exit(1))
        }
        Err(Failure::Thrown(exception)) => {
            terminal.line(&format!("Error: {}\n{exception}\n", exception.message));
            Err(Failure::Exit(1))
        }
        ended => ended,
    }
}

/// Kafka's checks, in its order; answers the action.
fn check(terminal: &Terminal, options: &Options) -> Result<&'static str, Failure> {
    let wrong = |message: &str| Err(options.usage(terminal, message));
    let mut given = ACTIONS.iter().filter(|action| options.has(action.0));
    let (Some((action, required, permitted)), None) = (given.next(), given.next()) else {
        let actions = ACTIONS.map(|action| format!("--{}", action.0)).join(", ");
        return wrong(&format!("Command must include exactly one action: {actions}"));
    };
    match options.count(&["bootstrap-server", "bootstrap-controller"]) {
        0 => return wrong("Please specify either --bootstrap-server or --bootstrap-controller"),
        1 => {}
        _ => return wrong("Please don't specify both --bootstrap-server and --bootstrap-controller"),
    }
    options.require(terminal, required)?;
    for option in options.names() {
        if option != *action && !required.contains(&option) && !permitted.contains(&option) {
            return wrong(&format!("Option \"[{option}]\" can't be used with action \"[{action}]\""));
        }
    }
    Ok(action)
}

async fn execute_action(terminal: &Terminal, options: &Options, action: &str) -> Result<(), Failure> {
    let is_for_controllers = options.has("bootstrap-controller");
    let servers = if is_for_controllers { "bootstrap-controller" } else { "bootstrap-server" };
    let file = options.value("command-config")?;
    let mut config = admin_config(terminal, file, options.value(servers)?.unwrap_or_default()).await?;
    if config.client_id == AdminConfig::default().client_id {
        config.client_id = Str::from_static("reassign-partitions-tool");
    }
    terminal.start_admin(AdminConfig { is_for_controllers, ..config });
    let command = Command { terminal };
    let preserves = options.has("preserve-throttles");
    match action {
        "list" => command.list().await,
        "generate" => command.generate(options).await,
        "verify" => command.verify(&command.reassignment(options).await?, preserves).await,
        "cancel" => {
            let wanted = command.reassignment(options).await?;
            command.cancel(&wanted, preserves, options.number("timeout")?.unwrap_or(0)).await
        }
        _ => command.execute(options).await,
    }
}

/// Partitions that are being reassigned.
type Ongoing = SortedMap<TopicPartition, OngoingPartitionReassignment>;
/// Replicas of partitions.
type Assignment = SortedMap<TopicPartition, Vec<NodeId>>;

/// What an admin's future throws.
pub(super) fn execution(cause: &Exception) -> Exception {
    Exception::new("java.util.concurrent.ExecutionException", format!("{}: {}", cause.class, cause.message))
        .because(cause)
}

struct Command<'a> {
    terminal: &'a Terminal,
}

impl Command<'_> {
    async fn reassignment(&self, options: &Options) -> Result<Reassignment, Failure> {
        let path = options.value("reassignment-json-file")?.unwrap_or_default();
        Ok(read_reassignment(&self.terminal.text_file(path).await?)?)
    }

    async fn metadata(&self) -> Result<MetadataResponse, Exception> {
        metadata(self.terminal).await.map_err(|mut cause| {
            // Kafka's tool asks for the topics it needs.
            cause.message = cause.message.replace("listTopics", "describeTopics");
            execution(&cause)
        })
    }

    /// Partitions that are being reassigned: all, or of these.
    async fn ongoing(&self, of: Option<&[TopicPartition]>) -> Result<Ongoing, Exception> {
        let topics = of.map(|partitions| {
            let topics = by_topic(partitions).into_iter();
            topics
                .map(|(name, partition_indexes)| ListPartitionReassignmentsTopics { name, partition_indexes })
                .collect()
        });
        let request = ListPartitionReassignmentsRequest { topics, ..Default::default() };
        let mut ongoing = Ongoing::new();
        let response = self.terminal.ask(request).await.map_err(|cause| execution(&cause))?;
        thrown(response.error_code, response.error_message.as_deref()).map_err(|cause| execution(&cause))?;
        for topic in response.topics {
            for partition in topic.partitions {
                let at = TopicPartition { topic: topic.name.clone(), partition: partition.partition_index };
                ongoing.insert(at, partition);
            }
        }
        Ok(ongoing)
    }

    async fn list(&self) -> Result<(), Failure> {
        let ongoing = self.ongoing(None).await?;
        if ongoing.is_empty() {
            self.terminal.line("No partition reassignments found.");
            return Ok(());
        }
        self.terminal.line("Current partition reassignments:");
        for (at, partition) in &ongoing {
            let some = |name: &str, replicas: &[NodeId]| match replicas {
                [] => String::new(),
                replicas => format!(" {name}: {}.", joined(replicas, ",")),
            };
            self.terminal.line(&format!(
                "{at}: replicas: {}.{}{}",
                joined(&partition.replicas, ","),
                some("adding", &partition.adding_replicas),
                some("removing", &partition.removing_replicas)
            ));
        }
        Ok(())
    }

    async fn verify(&self, wanted: &Reassignment, preserves_throttles: bool) -> Result<(), Failure> {
        let ongoing = self.ongoing(None).await?;
        let topics = self.metadata().await?;
        let mut lines = SortedMap::new();
        for (at, target) in &wanted.partitions {
            let line = if ongoing.contains_key(at) {
                format!("Reassignment of partition {at} is still in progress.")
            } else {
                let current = replicas_of(&topics, at).unwrap_or_default();
                if current == *target {
                    format!("Reassignment of partition {at} is completed.")
                } else {
                    format!(
                        "There is no active reassignment of partition {at}, but replica set is {} rather than {}.",
                        joined(&current, ","),
                        joined(target, ",")
                    )
                }
            };
            lines.insert(at, line);
        }
        self.terminal.line("Status of partition reassignment:");
        lines.values().for_each(|line| self.terminal.line(line));
        let moves = self.log_dir_moves(&wanted.log_dirs).await?;
        let lines: Vec<String> = moves.iter().map(|((broker, at), state)| state.tell(at, *broker)).collect();
        self.terminal.line(&lines.join("\n"));
        let is_over = ongoing.is_empty() && moves.values().all(LogDirMove::is_done);
        if is_over && !preserves_throttles {
            clear_throttles(self.terminal, &wanted.partitions).await?;
        }
        Ok(())
    }

    async fn cancel(&self, wanted: &Reassignment, preserves_throttles: bool, timeout: i64) -> Result<(), Failure> {
        let partitions: Vec<TopicPartition> = wanted.partitions.iter().map(|(at, _)| at.clone()).collect();
        let mut moving = Assignment::new();
        for (at, partition) in self.ongoing(Some(&partitions)).await? {
            if !partition.adding_replicas.is_empty() || !partition.removing_replicas.is_empty() {
                moving.insert(at, Vec::new());
            }
        }
        if moving.is_empty() {
            self.terminal.line("None of the specified partition reassignments are active.");
        } else {
            let errors = self.alter(&moving, true, true).await?;
            if !errors.is_empty() {
                let plural = if errors.len() == 1 { "" } else { "s" };
                let message = format!("Error cancelling partition reassignment{plural} for:\n{}", errors.join("\n"));
                return Err(terse(message).into());
            }
            let plural = if moving.len() == 1 { "" } else { "s" };
            let all: Vec<&TopicPartition> = moving.keys().collect();
            self.terminal
                .line(&format!("Successfully cancelled partition reassignment{plural} for: {}", joined(&all, ",")));
        }
        let mut back = SortedMap::new();
        for (replica, state) in self.log_dir_moves(&wanted.log_dirs).await? {
            if let LogDirMove::Active { current, .. } = state {
                back.insert(replica, current);
            }
        }
        if back.is_empty() {
            self.terminal.print("None of the specified partition moves are active.");
        } else {
            self.move_log_dirs(back, timeout).await?;
        }
        if !preserves_throttles {
            clear_throttles(self.terminal, &wanted.partitions).await?;
        }
        Ok(())
    }

    async fn execute(&self, options: &Options) -> Result<(), Failure> {
        let path = options.value("reassignment-json-file")?.unwrap_or_default();
        let content = self.terminal.text_file(path).await?;
        let throttle = options.number::<i64>("throttle")?.unwrap_or(-1);
        let log_dir_throttle = options.number::<i64>("replica-alter-log-dirs-throttle")?.unwrap_or(-1);
        let timeout = options.number::<i64>("timeout")?.unwrap_or(0);
        let wanted = read_reassignment(&content)?;
        let proposed = check_proposed(&wanted)?;
        let ongoing = self.ongoing(None).await?;
        if !options.has("additional") && !ongoing.is_empty() {
            return Err(terse(
                "Cannot execute because there is an existing partition assignment.  Use --additional to override this and \
                 create a new partition assignment in addition to the existing one. The --additional flag can also be used \
                 to change the throttle by resubmitting the current reassignment.",
            )
            .into());
        }
        self.check_brokers(proposed.values().flatten()).await?;
        let topics = self.metadata().await?;
        let current = current_assignment(&topics, &proposed)?;
        let log_dirs = self.log_dirs(&topics, &current).await?;
        self.terminal.line(&format!(
            "Current partition replica assignment\n\n{}\n\nSave this to use as the --reassignment-json-file option during \
             rollback",
            format_reassignment(&current, &log_dirs)
        ));
        if throttle >= 0 || log_dir_throttle >= 0 {
            self.terminal.line(
                "Warning: You must run --verify periodically, until the reassignment completes, to ensure the throttle is \
                 removed.",
            );
        }
        if throttle >= 0 {
            throttle_brokers(self.terminal, &ongoing, &proposed, &current, throttle).await?;
        }
        if log_dir_throttle >= 0 {
            throttle_log_dirs(self.terminal, wanted.log_dirs.keys().map(|replica| replica.0), log_dir_throttle).await?;
        }
        let errors = self.alter(&proposed, false, !options.has("disallow-replication-factor-change")).await?;
        if !errors.is_empty() {
            return Err(terse(format!("Error reassigning partition(s):\n{}", errors.join("\n"))).into());
        }
        let plural = if proposed.len() == 1 { "" } else { "s" };
        let all: Vec<&TopicPartition> = proposed.keys().collect();
        self.terminal.line(&format!("Successfully started partition reassignment{plural} for {}", joined(&all, ",")));
        if wanted.log_dirs.is_empty() {
            return Ok(());
        }
        self.move_log_dirs(wanted.log_dirs, timeout).await
    }

    async fn check_brokers(&self, wanted: impl Iterator<Item = &NodeId>) -> Result<(), Exception> {
        let mut wanted: Vec<NodeId> = wanted.copied().collect();
        sort(&mut wanted);
        wanted.dedup();
        hash_map_order(&mut wanted, 16, |id| *id as u32);
        let cluster = describe_cluster(self.terminal, false).await?;
        let unknown = wanted.iter().find(|id| !cluster.brokers.iter().any(|broker| broker.broker_id == **id));
        match unknown {
            Some(id) => Err(Exception::new(COMMAND_FAILED, format!("Unknown broker id {id}"))),
            None => Ok(()),
        }
    }

    /// Asks for these replicas, or for the end of what is under way; answers what was refused.
    async fn alter(
        &self,
        wanted: &Assignment,
        cancels: bool,
        may_change_factor: bool,
    ) -> Result<Vec<String>, Exception> {
        let mut topics: SortedMap<Str, Vec<ReassignablePartition>> = SortedMap::new();
        for (at, replicas) in wanted {
            let replicas = (!cancels).then(|| replicas.clone());
            let partition = ReassignablePartition { partition_index: at.partition, replicas };
            topics.entry(at.topic.clone()).or_default().push(partition);
        }
        let request = AlterPartitionReassignmentsRequest {
            topics: topics.into_iter().map(|(name, partitions)| ReassignableTopic { name, partitions }).collect(),
            allow_replication_factor_change: may_change_factor,
            ..Default::default()
        };
        let all_failed = |cause: &Exception| wanted.keys().map(|at| format!("{at}: {}", cause.message)).collect();
        let response = match self.terminal.ask(request).await {
            Ok(response) => response,
            Err(cause) => return Ok(all_failed(&cause)),
        };
        if let Err(cause) = thrown(response.error_code, response.error_message.as_deref()) {
            return Ok(all_failed(&cause));
        }
        let mut errors = SortedMap::new();
        for topic in response.responses {
            for partition in topic.partitions {
                let at = TopicPartition { topic: topic.name.clone(), partition: partition.partition_index };
                if let Err(cause) = thrown(partition.error_code, partition.error_message.as_deref()) {
                    let line = format!("{at}: {}", cause.message);
                    errors.insert(at, line);
                }
            }
        }
        Ok(errors.into_values().collect())
    }

    async fn generate(&self, options: &Options) -> Result<(), Failure> {
        let path = options.value("topics-to-move-json-file")?.unwrap_or_default();
        let content = self.terminal.text_file(path).await?;
        let mut brokers: Vec<NodeId> = Vec::new();
        for one in options.value("broker-list")?.unwrap_or_default().split(',') {
            let none = |_| Exception::new("java.lang.NumberFormatException", format!("For input string: \"{one}\""));
            brokers.push(one.parse().map_err(none)?);
        }
        let duplicate = |what: &str, found: &[String]| {
            let found = found.join(", ");
            Err(Exception::new(COMMAND_FAILED, format!("{what} contains duplicate entries: [{found}]")).into())
        };
        let twice = duplicates(&brokers);
        if !twice.is_empty() {
            return duplicate("Broker list", &twice);
        }
        let topics = read_topics(&content)?;
        let twice = duplicates(&topics);
        if !twice.is_empty() {
            return duplicate("List of topics to reassign", &twice);
        }
        let there = self.metadata().await?;
        let mut current = Assignment::new();
        for topic in &topics {
            let found = there.topics.iter().find(|other| other.name.as_ref() == Some(topic));
            for partition in &found.ok_or_else(|| unknown_topic(topic))?.partitions {
                let at = TopicPartition { topic: topic.clone(), partition: partition.partition_index };
                current.insert(at, partition.replica_nodes.clone());
            }
        }
        let log_dirs = self.log_dirs(&there, &current).await?;
        let proposed = self.propose(&current, &brokers, !options.has("disable-rack-aware")).await?;
        self.terminal.line(&format!(
            "Current partition replica assignment\n{}\n\nProposed partition reassignment configuration\n{}",
            format_reassignment(&current, &log_dirs),
            format_reassignment(&proposed, &SortedMap::new())
        ));
        Ok(())
    }

    /// New replicas for each topic, as many as its first partition has.
    async fn propose(
        &self,
        current: &Assignment,
        brokers: &[NodeId],
        with_racks: bool,
    ) -> Result<Assignment, Exception> {
        let cluster = describe_cluster(self.terminal, false).await?;
        let usable: Vec<UsableBroker<'_>> = cluster
            .brokers
            .iter()
            .filter(|broker| brokers.contains(&broker.broker_id))
            .map(|broker| {
                let rack = broker.rack.as_ref().filter(|_| with_racks);
                UsableBroker { id: broker.broker_id, rack, fenced: false }
            })
            .collect();
        let rackless = usable.iter().filter(|broker| broker.rack.is_none()).count();
        if with_racks && rackless != 0 && rackless != usable.len() {
            return Err(Exception::new(
                "org.apache.kafka.server.common.AdminOperationException",
                "Not all brokers have rack information. Add --disable-rack-aware in command line to make replica \
                 assignment without rack information.",
            ));
        }
        let mut topics: SortedMap<Str, (usize, usize)> = SortedMap::new();
        for (at, replicas) in current {
            topics.entry(at.topic.clone()).or_insert((0, replicas.len())).0 += 1;
        }
        let mut rng = Rng::new(self.terminal.random_below(u64::MAX));
        let mut proposed = Assignment::new();
        for (topic, (partitions, factor)) in topics {
            let refused = |message: Str| Exception::of(ErrorCode::InvalidReplicationFactor, Some(&message));
            let placed = place_on(&usable, partitions, factor, &mut rng).map_err(refused)?;
            for (partition, replicas) in (0..).zip(placed) {
                proposed.insert(TopicPartition { topic: topic.clone(), partition }, replicas);
            }
        }
        Ok(proposed)
    }
}

/// Log directories.
impl Command<'_> {
    /// What brokers say of these replicas: by replica the directory it is in, and the one it moves to.
    async fn described(&self, replicas: &[Replica]) -> Result<SortedMap<Replica, Placed>, Exception> {
        let mut brokers: SortedMap<NodeId, Vec<TopicPartition>> = SortedMap::new();
        for (broker, at) in replicas {
            brokers.entry(*broker).or_default().push(at.clone());
        }
        let mut described: SortedMap<Replica, Placed> = SortedMap::new();
        for (broker, partitions) in brokers {
            let topics = by_topic(&partitions).into_iter();
            let topics = topics.map(|(topic, partitions)| DescribableLogDirTopic { topic, partitions }).collect();
            let request = DescribeLogDirsRequest { topics: Some(topics) };
            let response = self.terminal.ask_broker(broker, request).await.map_err(|mut cause| {
                cause.message = cause.message.replace("describeLogDirs", "describeReplicaLogDirs");
                execution(&cause)
            })?;
            for directory in response.results {
                for topic in directory.topics {
                    for partition in topic.partitions {
                        let at = TopicPartition { topic: topic.name.clone(), partition: partition.partition_index };
                        let placed = described.entry((broker, at)).or_default();
                        let place = if partition.is_future_key { &mut placed.future } else { &mut placed.current };
                        *place = Some(directory.log_dir.clone());
                    }
                }
            }
        }
        Ok(described)
    }

    /// The directories of all replicas on brokers that live.
    async fn log_dirs(
        &self,
        cluster: &MetadataResponse,
        assignment: &Assignment,
    ) -> Result<SortedMap<Replica, Str>, Exception> {
        let lives = |id: &NodeId| cluster.brokers.iter().any(|broker| broker.node_id == *id);
        let all = assignment.iter().flat_map(|(at, replicas)| replicas.iter().map(move |id| (*id, at.clone())));
        let replicas: Vec<Replica> = all.filter(|(id, _)| lives(id)).collect();
        let described = self.described(&replicas).await?.into_iter();
        Ok(described.filter_map(|(replica, placed)| Some((replica, placed.current?))).collect())
    }

    async fn log_dir_moves(
        &self,
        wanted: &SortedMap<Replica, Str>,
    ) -> Result<SortedMap<Replica, LogDirMove>, Exception> {
        let replicas: Vec<Replica> = wanted.keys().cloned().collect();
        let mut described = self.described(&replicas).await?;
        let state = |(replica, target): (&Replica, &Str)| {
            let target = target.clone();
            let state = match described.remove(replica).unwrap_or_default() {
                Placed { current: None, .. } => LogDirMove::Missing,
                Placed { current: Some(current), future: Some(future) } => {
                    LogDirMove::Active { current, target, future }
                }
                Placed { current: Some(current), future: None } if current == target => LogDirMove::Completed,
                Placed { current: Some(current), future: None } => LogDirMove::Cancelled { current, target },
            };
            (replica.clone(), state)
        };
        Ok(wanted.iter().map(state).collect())
    }

    /// Until all these moves have begun.
    async fn move_log_dirs(&self, mut pending: SortedMap<Replica, Str>, timeout_ms: i64) -> Result<(), Failure> {
        let started = self.terminal.now().monotonic;
        let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or_default());
        loop {
            let begun = self.alter_log_dirs(&pending).await?;
            for replica in begun {
                let (broker, at) = &replica;
                let log_dir = pending.remove(&replica).unwrap_or_default();
                self.terminal.line(&format!(
                    "Successfully started moving log directory to {log_dir} for replica {at} with broker {broker} "
                ));
            }
            if pending.is_empty() {
                return Ok(());
            }
            if self.terminal.now().monotonic >= started + timeout {
                let plural = if pending.len() == 1 { "" } else { "s" };
                let left: Vec<String> = pending.keys().map(|(broker, at)| format!("{at}-{broker}")).collect();
                let message =
                    format!("Timed out before log directory move{plural} could be started for: {}", left.join(","));
                return Err(terse(message).into());
            }
            self.terminal.sleep(RETRY).await;
        }
    }

    /// Answers those whose brokers agreed. A broker that has no such replica yet is asked again.
    async fn alter_log_dirs(&self, wanted: &SortedMap<Replica, Str>) -> Result<Vec<Replica>, Exception> {
        let failed = |(broker, at): &Replica, cause: &Exception| {
            Exception::new(COMMAND_FAILED, format!("Failed to alter dir for {at}-{broker}")).because(&execution(cause))
        };
        let mut brokers: SortedMap<NodeId, SortedMap<Str, Vec<TopicPartition>>> = SortedMap::new();
        for ((broker, at), log_dir) in wanted {
            brokers.entry(*broker).or_default().entry(log_dir.clone()).or_default().push(at.clone());
        }
        let mut answered: Vec<(Replica, i16)> = Vec::new();
        for (broker, directories) in brokers {
            let directory = |(path, partitions): (&Str, &Vec<TopicPartition>)| {
                let topics = by_topic(partitions).into_iter();
                let topics = topics.map(|(name, partitions)| AlterReplicaLogDirTopic { name, partitions }).collect();
                AlterReplicaLogDir { path: path.clone(), topics }
            };
            let dirs = directories.iter().map(directory).collect();
            let request = AlterReplicaLogDirsRequest { dirs };
            let first = directories.values().flatten().next().map(|at| (broker, at.clone()));
            let answer = self.terminal.ask_broker(broker, request).await;
            let response = answer.map_err(|cause| match &first {
                Some(first) => failed(first, &cause),
                None => cause,
            })?;
            for topic in response.results {
                for partition in topic.partitions {
                    let at = TopicPartition { topic: topic.topic_name.clone(), partition: partition.partition_index };
                    answered.push(((broker, at), partition.error_code));
                }
            }
        }
        let count = answered.len();
        // Kafka's admin copies its map.
        for expected in [count, count * 4 / 3 + 1] {
            hash_map_order(&mut answered, expected, |(replica, _)| replica_hash(replica));
        }
        let mut begun = Vec::new();
        for (replica, error_code) in answered {
            match thrown(error_code, None) {
                Ok(()) => begun.push(replica),
                Err(_) if error_code == ErrorCode::ReplicaNotAvailable.code() => {}
                Err(cause) => return Err(failed(&replica, &cause)),
            }
        }
        sort(&mut begun);
        Ok(begun)
    }
}

/// `TopicPartitionReplica.hashCode`.
fn replica_hash((broker, at): &Replica) -> u32 {
    let of_topic = 31_u32.wrapping_add(string_hash(&at.topic));
    let of_partition = of_topic.wrapping_mul(31).wrapping_add(at.partition as u32);
    of_partition.wrapping_mul(31).wrapping_add(*broker as u32)
}

/// The directory a replica is in, and the one it moves to.
#[derive(Default)]
struct Placed {
    current: Option<Str>,
    future: Option<Str>,
}

/// What became of a replica that was to be in another directory.
enum LogDirMove {
    /// In no directory that lives.
    Missing,
    Active {
        current: Str,
        target: Str,
        future: Str,
    },
    Cancelled {
        current: Str,
        target: Str,
    },
    Completed,
}

impl LogDirMove {
    const fn is_done(&self) -> bool {
        !matches!(self, Self::Active { .. })
    }

    fn tell(&self, at: &TopicPartition, broker: NodeId) -> String {
        match self {
            Self::Missing => format!(
                "Partition {at} is not found in any live log dir on broker {broker}. There is likely an offline log \
                 directory on the broker."
            ),
            Self::Active { target, future, .. } if target == future => {
                format!("Reassignment of replica {at}-{broker} is still in progress.")
            }
            Self::Active { target, future, .. } => {
                format!("Partition {at} on broker {broker} is being moved to log dir {future} instead of {target}.")
            }
            Self::Cancelled { current, target } => {
                format!("Partition {at} on broker {broker} is not being moved from log dir {current} to {target}.")
            }
            Self::Completed => format!("Reassignment of replica {at}-{broker} completed successfully."),
        }
    }
}

fn by_topic(partitions: &[TopicPartition]) -> SortedMap<Str, Vec<i32>> {
    let mut topics: SortedMap<Str, Vec<i32>> = SortedMap::new();
    for at in partitions {
        topics.entry(at.topic.clone()).or_default().push(at.partition);
    }
    topics
}

fn replicas_of(topics: &MetadataResponse, at: &TopicPartition) -> Option<Vec<NodeId>> {
    let topic = topics.topics.iter().find(|topic| topic.name.as_ref() == Some(&at.topic))?;
    let partition = topic.partitions.iter().find(|partition| partition.partition_index == at.partition)?;
    Some(partition.replica_nodes.clone())
}

fn unknown_topic(topic: &Str) -> Exception {
    let message = format!("Topic {topic} not found.");
    execution(&Exception::of(ErrorCode::UnknownTopicOrPartition, Some(&message)))
}

/// The replicas there are of what is to be reassigned.
fn current_assignment(topics: &MetadataResponse, proposed: &Assignment) -> Result<Assignment, Exception> {
    let (mut current, mut missing) = (Assignment::new(), Vec::new());
    for at in proposed.keys() {
        if !topics.topics.iter().any(|topic| topic.name.as_ref() == Some(&at.topic)) {
            return Err(unknown_topic(&at.topic));
        }
        match replicas_of(topics, at) {
            Some(replicas) => {
                current.insert(at.clone(), replicas);
            }
            None => missing.push(at.clone()),
        }
    }
    if missing.is_empty() {
        return Ok(current);
    }
    hash_map_order(&mut missing, 16, topic_partition_hash);
    let message = format!("Unable to find partition: {}", joined(&missing, ", "));
    Err(execution(&Exception::of(ErrorCode::UnknownTopicOrPartition, Some(&message))))
}

/// Kafka's checks of what is to be executed.
fn check_proposed(wanted: &Reassignment) -> Result<Assignment, Exception> {
    let failed = |message: String| Err(Exception::new(COMMAND_FAILED, message));
    if wanted.partitions.is_empty() {
        return failed("Partition reassignment list cannot be empty".to_string());
    }
    if wanted.partitions.iter().any(|(_, replicas)| replicas.is_empty()) {
        return failed("Partition replica list cannot be empty".to_string());
    }
    let all: Vec<&TopicPartition> = wanted.partitions.iter().map(|(at, _)| at).collect();
    let twice = duplicates(&all);
    if !twice.is_empty() {
        return failed(format!("Partition reassignment contains duplicate topic partitions: {}", twice.join(",")));
    }
    let mut lists = Vec::new();
    for (at, replicas) in &wanted.partitions {
        let twice = duplicates(replicas);
        if !twice.is_empty() {
            lists.push(format!("{at} contains multiple entries for {}", twice.join(",")));
        }
    }
    if !lists.is_empty() {
        return failed(format!("Partition replica lists may not contain duplicate entries: {}", lists.join(". ")));
    }
    Ok(wanted.partitions.iter().cloned().collect())
}

/// What is there more than once.
fn duplicates<T: Ord + ToString>(items: &[T]) -> Vec<String> {
    let mut found: Vec<&T> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        if items.iter().take(at).any(|other| other == item) && !found.contains(&item) {
            found.push(item);
        }
    }
    sort(&mut found);
    found.into_iter().map(ToString::to_string).collect()
}
