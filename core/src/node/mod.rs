//! [`Input`] and [`Output`]: all a node and its host say to each other; [`NodeView`]: what a node shows of itself.

mod io;
mod view;

pub use io::{Input, Output};
pub use view::{
    BrokerView, GroupView, MemberView, NodeView, PartitionView, QuorumView, ReplicaView, TAIL_RECORDS, TailRecord,
    TopicView,
};
