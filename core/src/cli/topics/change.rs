//! [`TopicChange`]: what `kafka-topics.sh` does to topics. The tool makes one of its options; a host with a form instead makes
//! one itself, and shows the [`TopicChange::arguments`] by which the tool would make the same.

use crate::cli::cluster::metadata;
use crate::cli::failure::{Exception, Failure, thrown};
use crate::cli::properties_file::bootstrap;
use crate::cli::terminal::Terminal;
use crate::client::AdminConfig;
use crate::config::table::topic_key;
use crate::config::{validate_topic_config, validate_topic_configs_alone};
use crate::ids::NodeId;
use crate::protocol::ErrorCode;
use crate::protocol::messages::create_partitions_request::{CreatePartitionsAssignment, CreatePartitionsTopic};
use crate::protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use crate::protocol::messages::delete_topics_request::DeleteTopicState;
use crate::protocol::messages::metadata_response::MetadataResponseTopic;
use crate::protocol::messages::{CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, MetadataResponse};
use crate::text::Str;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

/// How long brokers may take to make what they were asked for, in milliseconds.
const TIMEOUT_MS: i32 = 60_000;

/// Says of a topic that is there whether it is meant.
pub(super) type Meant<'a> = dyn Fn(&MetadataResponseTopic) -> bool + 'a;

/// One change of one topic; the tool's `--topic` may mean several.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum TopicChange {
    /// `--create`.
    Create(NewTopic),
    /// `--alter`: more partitions.
    Alter {
        /// The topic.
        topic: String,
        /// How many partitions it shall have; fewer than it has is Kafka's to refuse.
        partitions: i32,
        /// The replicas of each partition, the old ones too; empty for the cluster to choose.
        assignment: Vec<Vec<NodeId>>,
        /// That there is no such topic is no error.
        if_exists: bool,
    },
    /// `--delete`.
    Delete {
        /// The topic.
        topic: String,
        /// That there is no such topic is no error.
        if_exists: bool,
    },
}

/// A topic that is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NewTopic {
    /// Its name.
    pub topic: String,
    /// Its partitions; `num.partitions` of the cluster where it is not said.
    pub partitions: Option<i32>,
    /// Replicas of each; `default.replication.factor` of the cluster where it is not said.
    pub replication_factor: Option<i32>,
    /// The replicas of each partition; empty for the cluster to choose.
    pub assignment: Vec<Vec<NodeId>>,
    /// What its configurations override: key, value.
    pub configs: Vec<(String, String)>,
    /// That it is there already is no error.
    pub if_not_exists: bool,
}

impl TopicChange {
    /// The arguments of `kafka-topics.sh` for this.
    pub fn arguments(&self, bootstrap_server: &str) -> Vec<String> {
        let mut arguments = vec!["--bootstrap-server".to_string(), bootstrap_server.to_string()];
        let mut add = |option: &str, value: Option<String>| {
            arguments.push(format!("--{option}"));
            arguments.extend(value);
        };
        match self {
            Self::Create(new) => {
                add("create", None);
                add("topic", Some(new.topic.clone()));
                if new.if_not_exists {
                    add("if-not-exists", None);
                }
                if let Some(count) = new.partitions {
                    add("partitions", Some(count.to_string()));
                }
                if let Some(factor) = new.replication_factor {
                    add("replication-factor", Some(factor.to_string()));
                }
                if !new.assignment.is_empty() {
                    add("replica-assignment", Some(assignment_text(&new.assignment)));
                }
                for (key, value) in &new.configs {
                    add("config", Some(format!("{key}={value}")));
                }
            }
            Self::Alter { topic, partitions, assignment, if_exists } => {
                add("alter", None);
                add("topic", Some(topic_pattern(topic)));
                if *if_exists {
                    add("if-exists", None);
                }
                add("partitions", Some(partitions.to_string()));
                if !assignment.is_empty() {
                    add("replica-assignment", Some(assignment_text(assignment)));
                }
            }
            Self::Delete { topic, if_exists } => {
                add("delete", None);
                add("topic", Some(topic_pattern(topic)));
                if *if_exists {
                    add("if-exists", None);
                }
            }
        }
        arguments
    }

    /// Does it, to all topics that are there and meant; a topic that is created is meant by its name.
    ///
    /// # Errors
    /// What Kafka's tool throws.
    pub(super) async fn carry_out(&self, terminal: &Terminal, is_meant: &Meant<'_>) -> Result<(), Failure> {
        match self {
            Self::Create(new) => create(terminal, new).await,
            Self::Alter { topic, partitions, assignment, if_exists } => {
                let there = existing(terminal, topic, is_meant, *if_exists).await?;
                alter(terminal, there.topics, *partitions, assignment).await
            }
            Self::Delete { topic, if_exists } => {
                delete(terminal, existing(terminal, topic, is_meant, *if_exists).await?.topics).await
            }
        }
    }

    /// As the tool does with the options of [`TopicChange::arguments`].
    pub(in crate::cli) async fn run(self, terminal: Terminal, bootstrap_server: String) -> Result<(), Failure> {
        let bootstrap = bootstrap(&terminal, &bootstrap_server)?;
        terminal.start_admin(AdminConfig { bootstrap, ..AdminConfig::default() });
        let topic = match &self {
            Self::Create(NewTopic { topic, .. }) | Self::Alter { topic, .. } | Self::Delete { topic, .. } => topic,
        };
        self.carry_out(&terminal, &|there| there.name.as_deref() == Some(topic)).await
    }
}

/// A topic's name as a regular expression that means it alone, as the tool's `--topic` reads it where topics are there.
pub fn topic_pattern(name: &str) -> String {
    name.replace('.', "\\.")
}

/// `1:2,2:3`: replicas by partition.
fn assignment_text(assignment: &[Vec<NodeId>]) -> String {
    let partition = |replicas: &Vec<NodeId>| replicas.iter().map(ToString::to_string).collect::<Vec<_>>().join(":");
    assignment.iter().map(partition).collect::<Vec<_>>().join(",")
}

/// What Kafka's tool says of a configuration that it cannot read.
pub(super) fn invalid_config() -> Exception {
    Exception::illegal_argument(
        "requirement failed: Invalid topic config: all configs to be added must be in the format \"key=val\".",
    )
}

/// The configurations of a new topic, as Kafka's tool checks them before it asks anybody: names first, then values.
fn check_configs(configs: &[(String, String)]) -> Result<(), Exception> {
    if configs.iter().any(|(_, value)| value.is_empty() || value.contains('=')) {
        return Err(invalid_config());
    }
    let is_unknown = |key: &str| topic_key(key).is_none();
    let unknown = configs.iter().find(|(key, _)| is_unknown(key));
    for (key, value) in unknown.into_iter().chain(configs) {
        validate_topic_config(key, value).map_err(|error| {
            let class = if is_unknown(key) {
                "org.apache.kafka.common.errors.InvalidConfigurationException"
            } else {
                "org.apache.kafka.common.config.ConfigException"
            };
            Exception::new(class, error.to_string())
        })?;
    }
    let overrides = configs.iter().map(|(key, value)| (Str::from(key.as_str()), Str::from(value.as_str()))).collect();
    validate_topic_configs_alone(&overrides).map_err(|error| {
        Exception::new("org.apache.kafka.common.errors.InvalidConfigurationException", error.to_string())
    })
}

async fn create(terminal: &Terminal, new: &NewTopic) -> Result<(), Failure> {
    check_configs(&new.configs)?;
    let name = &*new.topic;
    if name.contains(['.', '_']) {
        terminal.line(
            "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could collide. To \
             avoid issues it is best to use either, but not both.",
        );
    }
    if new.replication_factor.is_some_and(|factor| !(1..=i32::from(i16::MAX)).contains(&factor)) {
        return Err(Exception::illegal_argument("The replication factor must be between 1 and 32767 inclusive").into());
    }
    if new.partitions.is_some_and(|count| count < 1) {
        return Err(Exception::illegal_argument("The partitions must be greater than 0").into());
    }
    if name.is_empty() {
        let message = "The given topic name '' cannot be represented in a request.";
        return Err(Exception::of(ErrorCode::InvalidTopicException, Some(message)).into());
    }
    let assignments = (0..).zip(&new.assignment).map(|(partition_index, replicas)| CreatableReplicaAssignment {
        partition_index,
        broker_ids: replicas.clone(),
    });
    let configs = new.configs.iter().map(|(name, value)| CreatableTopicConfig {
        name: Str::from(name.as_str()),
        value: Some(Str::from(value.as_str())),
    });
    let topic = CreatableTopic {
        name: Str::from(name),
        num_partitions: new.partitions.unwrap_or(-1),
        replication_factor: new.replication_factor.map_or(-1, |factor| factor as i16),
        assignments: assignments.collect(),
        configs: configs.collect(),
    };
    let request = CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() };
    for topic in terminal.ask(request).await?.topics {
        if topic.error_code == ErrorCode::TopicAlreadyExists.code() && new.if_not_exists {
            return Ok(());
        }
        thrown(topic.error_code, topic.error_message.as_deref())?;
        terminal.line(&format!("Created topic {name}."));
    }
    Ok(())
}

/// The cluster with those topics alone that are meant; that there are none is an error where `text` says which, unless
/// `if_exists`.
pub(super) async fn existing(
    terminal: &Terminal,
    text: &str,
    is_meant: &Meant<'_>,
    if_exists: bool,
) -> Result<MetadataResponse, Failure> {
    let mut response = metadata(terminal).await?;
    response.topics.retain(|topic| is_meant(topic));
    if response.topics.is_empty() && !text.is_empty() && !if_exists {
        return Err(Exception::illegal_argument(format!("Topic '{text}' does not exist as expected")).into());
    }
    Ok(response)
}

async fn alter(
    terminal: &Terminal,
    topics: Vec<MetadataResponseTopic>,
    count: i32,
    assignment: &[Vec<NodeId>],
) -> Result<(), Failure> {
    if topics.is_empty() {
        return Ok(());
    }
    let topic = |topic: MetadataResponseTopic| {
        let new = assignment.iter().skip(topic.partitions.len());
        let new = new.map(|broker_ids| CreatePartitionsAssignment { broker_ids: broker_ids.clone() }).collect();
        let assignments = (!assignment.is_empty()).then_some(new);
        CreatePartitionsTopic { name: topic.name.unwrap_or_default(), count, assignments }
    };
    let topics = topics.into_iter().map(topic).collect();
    let request = CreatePartitionsRequest { topics, timeout_ms: TIMEOUT_MS, ..CreatePartitionsRequest::default() };
    for result in terminal.ask(request).await?.results {
        thrown(result.error_code, result.error_message.as_deref())?;
    }
    Ok(())
}

async fn delete(terminal: &Terminal, topics: Vec<MetadataResponseTopic>) -> Result<(), Failure> {
    if topics.is_empty() {
        return Ok(());
    }
    let state = |topic: MetadataResponseTopic| DeleteTopicState { name: topic.name, ..DeleteTopicState::default() };
    let topics: Vec<DeleteTopicState> = topics.into_iter().map(state).collect();
    let topic_names = topics.iter().filter_map(|topic| topic.name.clone()).collect();
    let request = DeleteTopicsRequest { topics, topic_names, timeout_ms: TIMEOUT_MS };
    for result in terminal.ask(request).await?.responses {
        thrown(result.error_code, result.error_message.as_deref())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::topics;
    use crate::rng::Rng;

    const NAMES: [&str; 5] = ["orders", "a.b", "axb", "a_b-c", "a.b.c"];

    fn any_change(rng: &mut Rng) -> TopicChange {
        let topic = NAMES[rng.below(5) as usize].to_string();
        let assignment: Vec<Vec<NodeId>> = (0..rng.below(3)).map(|first| vec![first as NodeId, 7]).collect();
        let is_set = rng.below(2) == 0;
        match rng.below(3) {
            0 => TopicChange::Create(NewTopic {
                topic,
                partitions: (is_set && assignment.is_empty()).then(|| 1 + rng.below(9) as i32),
                replication_factor: assignment.is_empty().then(|| 1 + rng.below(3) as i32),
                assignment,
                configs: vec![("retention.ms".to_string(), rng.below(1000).to_string())],
                if_not_exists: is_set,
            }),
            1 => TopicChange::Alter { topic, partitions: rng.below(9) as i32 - 1, assignment, if_exists: is_set },
            _ => TopicChange::Delete { topic, if_exists: is_set },
        }
    }

    /// Its topic as an option gives it.
    fn with_pattern(change: &TopicChange) -> TopicChange {
        let mut change = change.clone();
        if let TopicChange::Alter { topic, .. } | TopicChange::Delete { topic, .. } = &mut change {
            *topic = topic_pattern(topic);
        }
        change
    }

    #[test]
    fn the_tool_makes_the_same_change_of_the_arguments() {
        for seed in 0..500 {
            let change = any_change(&mut Rng::new(seed));
            let arguments = change.arguments("localhost:9092");
            assert_eq!(topics::read(&arguments), Some(with_pattern(&change)), "seed {seed}: {arguments:?}");
        }
    }

    #[test]
    fn a_topics_pattern_means_that_topic_alone() {
        for name in NAMES {
            let filter = crate::cli::topic_filter::TopicFilter::new(&topic_pattern(name)).expect("a pattern");
            let meant: Vec<&str> = NAMES.into_iter().filter(|other| filter.is_match(other)).collect();
            assert_eq!(meant, [name]);
        }
    }
}
