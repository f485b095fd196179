//! A sans-I/O program, as a host sees it: a broker's node, the clients.

use broker_core::log::TailMemory;
use broker_core::node::{Input, NodeView, Output};
use broker_core::time::Now;

/// Takes inputs; after each its outputs are drained until [`Output::Wait`].
pub trait Program {
    /// Something happened.
    fn handle(&mut self, now: Now, input: Input);
    /// What it wants of its host.
    fn poll_output(&mut self) -> Output;
    /// What it shows of itself, where it is a node; with what its host remembers of earlier looks.
    fn view(&self, _memory: &mut TailMemory) -> Option<NodeView> {
        None
    }
}
