//! [`Node`]: a broker, a controller or both, as one state machine.
//!
//! A host calls [`Node::handle`], then drains [`Node::poll_output`] until it answers [`Output::Wait`]; [`Node::view`] is what
//! a page may show. Inside, `startup` recovers, then `broker` holds the parts and passes what one says to the others;
//! `handlers` has one function per API; `inbound` knows the connections of clients, `channels` those to other nodes.
//!
//! # Architecture Invariant
//! Only `broker` knows all parts. A part never learns of a connection: it is given a token and answers with it.

mod add_partitions_to_txn;
mod answers;
mod auto_topic_creation;
mod broker;
mod broker_lifecycle;
mod channels;
mod controller_channel;
mod controller_registration;
mod coordinator_loading;
mod current_leader;
mod group_coordinator;
mod handlers;
mod inbound;
mod io;
mod meta_properties;
mod metadata_publisher;
mod parts;
mod producer_ids;
mod startup;
mod transaction_coordinator;
mod txn_markers;
mod view;

pub use broker_lifecycle::BrokerState;
pub use io::{Input, Output};
pub use meta_properties::{META_PROPERTIES, MetaProperties};
pub(crate) use parts::Parts;
pub use view::{
    BrokerView, GroupView, MemberView, NodeView, PartitionView, QuorumView, ReplicaView, TAIL_RECORDS, TailRecord,
    TopicView,
};

use crate::config::BrokerConfig;
use crate::ids::{CONSUMER_OFFSETS_TOPIC, TRANSACTION_STATE_TOPIC};
use crate::log::TailMemory;
use crate::time::Now;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use broker::Broker;
use startup::Startup;

/// One node of a cluster.
#[derive(Clone, Debug)]
pub struct Node {
    phase: Phase,
}

#[derive(Clone, Debug)]
enum Phase {
    Starting(Box<Startup>),
    Running(Box<Broker>),
}

impl Node {
    /// A node that waits for [`Input::Start`]. `seed` decides all its chance.
    pub fn new(config: BrokerConfig, seed: u64) -> Self {
        Self { phase: Phase::Starting(Box::new(Startup::new(config, seed))) }
    }

    /// Something happened. Drain [`Node::poll_output`] afterwards.
    pub fn handle(&mut self, now: Now, input: Input) {
        match &mut self.phase {
            Phase::Starting(startup) => {
                if let Some(mut broker) = startup.handle(now, input) {
                    broker.handle(now, Input::Timeout);
                    self.phase = Phase::Running(Box::new(broker));
                }
            }
            Phase::Running(broker) => broker.handle(now, input),
        }
    }

    /// The next thing for the host to do; [`Output::Wait`] once there is nothing left for now.
    pub fn poll_output(&mut self) -> Output {
        let next = self.outputs().pop_front();
        next.unwrap_or_else(|| {
            let deadline = match &self.phase {
                Phase::Starting(_) => None,
                Phase::Running(broker) => broker.next_deadline(),
            };
            Output::Wait { until: deadline.map(|(at, _)| at), reason: deadline.map_or("nothing", |(_, reason)| reason) }
        })
    }

    /// What the node shows of itself at one look; `None` until its recovery is done.
    pub fn view(&self) -> Option<NodeView> {
        self.view_again(&mut TailMemory::default())
    }

    /// The same for who looks again and again, with what it remembers of its last looks: no record is unpacked twice for it.
    pub fn view_again(&self, memory: &mut TailMemory) -> Option<NodeView> {
        match &self.phase {
            Phase::Starting(_) => None,
            Phase::Running(broker) => Some(broker.view(memory)),
        }
    }

    fn outputs(&mut self) -> &mut VecDeque<Output> {
        match &mut self.phase {
            Phase::Starting(startup) => &mut startup.outputs,
            Phase::Running(broker) => &mut broker.outputs,
        }
    }
}

/// True for a topic of Kafka's own.
fn is_internal(topic: &str) -> bool {
    topic == CONSUMER_OFFSETS_TOPIC || topic == TRANSACTION_STATE_TOPIC
}
