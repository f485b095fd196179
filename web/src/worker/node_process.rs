//! A broker's process: the node that `server.properties` describes.

use super::broker::Process;
use super::link::ToSwitch;
use super::program::Program;
use crate::bridge::BrokerStart;
use broker_core::config::{BrokerConfig, Properties};
use broker_core::log::TailMemory;
use broker_core::log::storage::StoreCommand;
use broker_core::node::{Input, MetaProperties, Node, NodeView, Output};
use broker_core::rng::Rng;
use broker_core::text::Str;
use broker_core::time::Now;
use bytes::Bytes;

impl Program for Node {
    fn handle(&mut self, now: Now, input: Input) {
        Self::handle(self, now, input);
    }

    fn poll_output(&mut self) -> Output {
        Self::poll_output(self)
    }

    fn view(&self, memory: &mut TailMemory) -> Option<NodeView> {
        self.view_again(memory)
    }
}

/// Reads the properties and makes the node; or says what is wrong with them, in Kafka's words.
pub fn launch(start: &BrokerStart) -> Result<Process<Node>, String> {
    let properties = Properties::parse(&start.properties).map_err(|error| error.to_string())?;
    let config = BrokerConfig::from_properties(&properties).map_err(|error| error.to_string())?;
    let text = |text: &str| text.to_owned();
    let listen = config.listeners.iter().map(|endpoint| ToSwitch::Listen {
        host: text(&endpoint.host),
        port: endpoint.port,
        listener: text(&endpoint.listener),
    });
    let mut rng = Rng::new(start.seed);
    let formatting = config.log_dirs.iter().map(|directory| {
        if !start.is_formatted {
            let cluster_id = start.cluster_id.as_str().into();
            return vec![MetaProperties { cluster_id, node_id: config.node_id, directory_id: rng.uuid() }.format()];
        }
        let below = |path: &str| path.strip_prefix(&**directory)?.strip_prefix('/').map(Str::from);
        let files = start.files.iter().filter_map(|(path, content)| Some((below(path)?, Bytes::from(content.clone()))));
        files.map(|(file, bytes)| StoreCommand::Replace { file, bytes }).collect()
    });
    Ok(Process {
        listeners: listen.collect(),
        log_directories: config.log_dirs.iter().map(|path| text(path)).collect(),
        formatting: formatting.collect(),
        program: Node::new(config, rng.next_u64()),
    })
}
