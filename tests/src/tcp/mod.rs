//! Nodes on loopback sockets: what other people's clients are pointed at.

mod broker;
mod connection;
mod disk;
mod files;
mod program;

pub use broker::{BrokerSetup, End, RunningBroker};
pub use disk::Disk;
pub use program::run_tool;

use broker_core::config::playground::playground_properties;
use broker_core::config::{BrokerConfig, Properties};
use broker_core::ids::NodeId;
use broker_core::node::MetaProperties;
use broker_core::rng::Rng;
use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::path::PathBuf;

/// A cluster of combined nodes 0, 1, 2 … on this machine.
#[derive(Debug)]
pub struct TcpCluster {
    configs: BTreeMap<NodeId, BrokerConfig>,
    running: BTreeMap<NodeId, RunningBroker>,
    data: PathBuf,
    rng: Rng,
    verbose: bool,
}

/// Controllers listen so far above their brokers.
const CONTROLLER_PORTS: u16 = 100;
/// So far above its first broker a cluster claims its ports.
const CLAIMING_PORT: u16 = 99;

/// How a cluster is made.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// Number of nodes.
    pub brokers: u16,
    /// Port of the first broker's listener; controllers listen 100 above.
    pub port: u16,
    /// Folder of all log directories; it may hold those of an earlier run.
    pub data: PathBuf,
    /// Properties over the playground's, for every node.
    pub properties: String,
    /// Seed of the nodes' chance.
    pub seed: u64,
    /// Say what happens on standard error.
    pub verbose: bool,
}

impl TcpCluster {
    /// Formats what is not formatted and starts every node.
    pub fn start(options: &ClusterOptions) -> io::Result<Self> {
        let mut rng = Rng::new(options.seed);
        let cluster_id = rng.uuid().to_string();
        let mut configs = BTreeMap::new();
        for id in 0..i32::from(options.brokers) {
            let config = node_config(id, options)?;
            for path in &config.log_dirs {
                let disk = Disk::open(&options.data, path)?;
                if disk.list()?.files.is_empty() {
                    let meta = MetaProperties {
                        cluster_id: cluster_id.as_str().into(),
                        node_id: id,
                        directory_id: rng.uuid(),
                    };
                    disk.store(&[meta.format()])?;
                }
            }
            configs.insert(id, config);
        }
        let data = options.data.clone();
        let mut cluster = Self { configs, running: BTreeMap::new(), data, rng, verbose: options.verbose };
        for id in 0..i32::from(options.brokers) {
            cluster.restart(id)?;
        }
        Ok(cluster)
    }

    /// `bootstrap.servers` of all nodes.
    pub fn bootstrap_servers(&self) -> String {
        let advertised = self.configs.values().filter_map(|config| config.advertised_listeners.first());
        advertised.map(|endpoint| format!("{}:{}", endpoint.host, endpoint.port)).collect::<Vec<_>>().join(",")
    }

    /// Starts a node that does not run.
    pub fn restart(&mut self, id: NodeId) -> io::Result<()> {
        if self.running.get(&id).is_some_and(|broker| !broker.is_finished()) {
            return Ok(());
        }
        let config = self.configs.get(&id).ok_or_else(|| io::Error::other(format!("there is no node {id}")))?.clone();
        let setup = BrokerSetup { config, data: self.data.clone(), seed: self.rng.next_u64(), verbose: self.verbose };
        self.running.insert(id, RunningBroker::start(setup)?);
        Ok(())
    }

    /// Ends a node and waits until it is gone.
    pub fn end(&mut self, id: NodeId, end: End) -> io::Result<()> {
        match self.running.remove(&id) {
            Some(broker) => broker.end(end),
            None => Err(io::Error::other(format!("node {id} does not run"))),
        }
    }
}

/// Ports of a cluster that whoever looks for some with [`free_ports`] leaves alone, in this process and in others, until this is
/// dropped: also while nodes are down.
#[derive(Debug)]
pub struct Ports {
    /// Of the first broker.
    pub first: u16,
    /// A port that no cluster uses, which only one process can have.
    _claim: TcpListener,
}

/// Finds the first ports from `from`, a multiple of ten, on at which all of a cluster of so many brokers are free. Tests begin below
/// 32768: from there on Linux hands ports to whoever connects somewhere, which may happen while a node is down.
pub fn free_ports(from: u16, brokers: u16) -> io::Result<Ports> {
    let bind = |port: u16| TcpListener::bind(("127.0.0.1", port));
    let claim = |first: u16| {
        let claim = bind(first + CLAIMING_PORT).ok()?;
        let mut ports = (0..brokers).flat_map(|id| [first + id, first + CONTROLLER_PORTS + id]);
        ports.all(|port| bind(port).is_ok()).then_some(Ports { first, _claim: claim })
    };
    let found = (0..10).find_map(|attempt| claim(from + attempt * 10));
    found.ok_or_else(|| io::Error::other(format!("no free ports from {from} on")))
}

fn node_config(id: NodeId, options: &ClusterOptions) -> io::Result<BrokerConfig> {
    let mut properties = parse(&playground_properties(id, options.brokers))?;
    let port = |id: i32| i32::from(options.port) + id;
    let controller = |id: i32| port(id) + i32::from(CONTROLLER_PORTS);
    let voters: Vec<String> =
        (0..i32::from(options.brokers)).map(|id| format!("{id}@localhost:{}", controller(id))).collect();
    let client = format!("PLAINTEXT://localhost:{}", port(id));
    properties.set("controller.quorum.voters", voters.join(","));
    properties.set("listeners", format!("{client},CONTROLLER://localhost:{}", controller(id)));
    properties.set("advertised.listeners", client);
    for property in parse(&options.properties)?.iter() {
        properties.set(property.key.clone(), property.value.clone());
    }
    BrokerConfig::from_properties(&properties).map_err(|error| io::Error::other(error.to_string()))
}

fn parse(text: &str) -> io::Result<Properties> {
    Properties::parse(text).map_err(|error| io::Error::other(error.to_string()))
}
