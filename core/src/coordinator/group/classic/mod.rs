//! Groups of the classic protocol: members join at a barrier, one of them assigns, and rejoin whenever that has to change.

pub(super) mod group;
pub(super) mod member;
pub(super) mod rebalance;

pub use group::ClassicGroupState;
pub(super) use group::{CONSUMER_PROTOCOL_TYPE, ClassicGroup};
pub(super) use member::{Member, Waiter};
