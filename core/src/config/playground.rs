//! The playground's own `server.properties`, and every place where it departs from Kafka's defaults.

use super::Properties;
use super::key::DefaultValue;
use super::table::broker_key;
use crate::ids::NodeId;
use crate::text::Str;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Client port of the first broker; the next ones follow.
pub const FIRST_BROKER_PORT: u16 = 9092;
/// Controller port of the first node; the next ones follow.
pub const FIRST_CONTROLLER_PORT: u16 = 19092;
/// Brokers the page begins with, all of them voters of its quorum.
pub const BROKERS: u16 = 3;

/// Where the `server.properties` of a broker of the page lies, below Kafka's folder.
pub fn playground_file(node_id: NodeId) -> String {
    format!("config/playground/server-{node_id}.properties")
}

/// A property whose value in the playground is not Kafka's default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// The key.
    pub key: &'static str,
    /// Kafka's default, as text.
    pub kafka: &'static str,
    /// The playground's value.
    pub playground: String,
    /// Why.
    pub why: &'static str,
}

/// The deviations of a playground of `brokers` brokers, in the order of its file.
pub fn deviations(brokers: u16) -> Vec<Deviation> {
    let replicas = brokers.clamp(1, 3);
    let in_sync = replicas.min(2);
    const FASTER: &str = "A failover should take a second, so that one sees it happen.";
    const SMALLER: &str = "Everything lives in a browser's storage.";
    const FEWER: &str = "There may be fewer than three brokers.";
    const REPLICATED: &str = "The playground is about replicas.";
    [
        ("controller.quorum.election.timeout.ms", "300".into(), FASTER),
        ("controller.quorum.fetch.timeout.ms", "1000".into(), FASTER),
        ("broker.heartbeat.interval.ms", "300".into(), FASTER),
        ("broker.session.timeout.ms", "3000".into(), FASTER),
        ("default.replication.factor", format!("{replicas}"), REPLICATED),
        ("min.insync.replicas", format!("{in_sync}"), REPLICATED),
        ("offsets.topic.replication.factor", format!("{replicas}"), FEWER),
        ("transaction.state.log.replication.factor", format!("{replicas}"), FEWER),
        ("transaction.state.log.min.isr", format!("{in_sync}"), FEWER),
        ("log.flush.interval.messages", "1".into(), "Reloading the page is a power cut of the whole cluster."),
        ("log.segment.bytes", "16777216".into(), SMALLER),
        ("log.retention.bytes", "268435456".into(), SMALLER),
        ("group.initial.rebalance.delay.ms", "0".into(), "A first consumer should not wait three seconds for others."),
    ]
    .into_iter()
    .filter_map(|(key, playground, why)| {
        let kafka = match broker_key(key).map(|known| known.default) {
            Some(DefaultValue::Text(text)) => text,
            _ => "",
        };
        // With fewer brokers a value may be Kafka's own default again.
        (kafka != playground).then_some(Deviation { key, kafka, playground, why })
    })
    .collect()
}

/// `server.properties` of node `node_id`. The nodes `0..brokers` are broker and controller at once, and further ones brokers only.
pub fn playground_properties(node_id: NodeId, brokers: u16) -> String {
    let port = |first: u16| i64::from(first) + i64::from(node_id);
    let (client, controller) = (port(FIRST_BROKER_PORT), port(FIRST_CONTROLLER_PORT));
    let voters: Vec<String> =
        (0..brokers).map(|id| format!("{id}@localhost:{}", u32::from(FIRST_CONTROLLER_PORT) + u32::from(id))).collect();
    let (roles, listeners) = if node_id < NodeId::from(brokers) {
        let roles = "# Broker and controller at once, as every node this playground begins with.\nprocess.roles=broker,controller";
        (roles, format!("PLAINTEXT://localhost:{client},CONTROLLER://localhost:{controller}"))
    } else {
        let roles = "# A broker only: the quorum has its voters.\nprocess.roles=broker";
        (roles, format!("PLAINTEXT://localhost:{client}"))
    };
    let mut text = format!(
        "{roles}\n\
         node.id={node_id}\n\
         controller.quorum.voters={}\n\
         \n\
         listeners={listeners}\n\
         advertised.listeners=PLAINTEXT://localhost:{client}\n\
         controller.listener.names=CONTROLLER\n\
         inter.broker.listener.name=PLAINTEXT\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
         \n\
         # One IndexedDB database for each entry.\n\
         log.dirs=/tmp/kafka-logs-{node_id}\n\
         \n\
         # What is not Kafka's default here, and why.\n",
        voters.join(","),
    );
    for Deviation { key, playground, why, .. } in deviations(brokers) {
        text.extend(["# ", why, "\n", key, "=", &playground, "\n"]);
    }
    text
}

/// The same, parsed: the start for a page's "add a broker".
pub fn parsed_playground_properties(node_id: NodeId, brokers: u16, changes: &[(Str, Str)]) -> Properties {
    // The text above is ours; a test parses it.
    let mut properties = Properties::parse(&playground_properties(node_id, brokers)).unwrap_or_default();
    for (key, value) in changes {
        properties.set(key.clone(), value.clone());
    }
    properties
}
