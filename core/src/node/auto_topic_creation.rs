//! Topics that come into being because somebody asked for them (Kafka's `AutoTopicCreationManager`).

use super::broker::Broker;
use super::inbound::{Answer, Token};
use crate::ids::{CONSUMER_OFFSETS_TOPIC, TRANSACTION_STATE_TOPIC};
use crate::protocol::messages::CreateTopicsRequest;
use crate::protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use crate::protocol::{Message, encode_request};
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::BytesMut;

/// Creations under way: a topic is asked for once at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct AutoTopicCreation {
    under_way: SortedMap<Token, Str>,
}

impl AutoTopicCreation {
    /// The controller answered, with whatever; who wants the topic asks for metadata again.
    pub(super) fn answered(&mut self, token: Token) {
        self.under_way.remove(&token);
    }
}

impl Broker {
    /// Asks the active controller to create a topic, unless that is under way.
    pub(super) fn auto_create_topic(&mut self, name: &Str) {
        if self.auto_topics.under_way.values().any(|topic| topic == name) {
            return;
        }
        let request = CreateTopicsRequest {
            topics: alloc::vec![self.creatable(name)],
            timeout_ms: self.config.network.request_timeout.as_millis() as i32,
            ..Default::default()
        };
        let token = self.inbound.owe(Answer::Itself);
        let client_id = self.channel_client_id.clone();
        let parts =
            encode_request::<CreateTopicsRequest>(*CreateTopicsRequest::VERSIONS.end(), 0, Some(&client_id), &request);
        let mut frame = BytesMut::new();
        for part in &parts {
            frame.extend_from_slice(part);
        }
        self.auto_topics.under_way.insert(token, name.detached());
        self.forward_frame(token, frame.freeze(), None);
    }

    fn creatable(&self, name: &Str) -> CreatableTopic {
        let topics = &self.config.topics;
        let (groups, transactions) = (&self.config.groups, &self.config.transactions);
        let (num_partitions, replication_factor, configs) = match &**name {
            CONSUMER_OFFSETS_TOPIC => (
                groups.offsets_topic_num_partitions,
                groups.offsets_topic_replication_factor,
                alloc::vec![
                    ("compression.type", "producer".to_string()),
                    ("cleanup.policy", "compact".to_string()),
                    ("segment.bytes", groups.offsets_topic_segment_bytes.to_string()),
                ],
            ),
            TRANSACTION_STATE_TOPIC => (
                transactions.state_log_num_partitions,
                transactions.state_log_replication_factor,
                alloc::vec![
                    ("unclean.leader.election.enable", "false".to_string()),
                    ("compression.type", "uncompressed".to_string()),
                    ("cleanup.policy", "compact".to_string()),
                    ("min.insync.replicas", transactions.state_log_min_isr.to_string()),
                    ("segment.bytes", transactions.state_log_segment_bytes.to_string()),
                ],
            ),
            _ => (topics.num_partitions, topics.default_replication_factor as i16, Vec::new()),
        };
        let config =
            |(name, value): (&str, String)| CreatableTopicConfig { name: name.into(), value: Some(value.into()) };
        let configs = configs.into_iter().map(config).collect();
        CreatableTopic { name: name.clone(), num_partitions, replication_factor, configs, ..Default::default() }
    }
}
