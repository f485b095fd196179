//! What runs in workers: brokers, the switch, the clients, the terminals.

#[cfg(target_arch = "wasm32")]
pub mod broker;
mod capture;
pub mod clients;
#[cfg(target_arch = "wasm32")]
pub mod clients_host;
pub mod directory;
#[cfg(target_arch = "wasm32")]
pub mod disk;
mod glance;
#[cfg(target_arch = "wasm32")]
pub mod host;
pub mod link;
#[cfg(target_arch = "wasm32")]
pub mod node_process;
pub mod program;
#[cfg(target_arch = "wasm32")]
pub mod report;
pub mod switch;
#[cfg(target_arch = "wasm32")]
pub mod switch_host;
pub mod terminals;
#[cfg(target_arch = "wasm32")]
pub mod terminals_host;
pub mod windows;

pub use capture::{Capture, Seen, SeenFrame};
pub use glance::Glance;
