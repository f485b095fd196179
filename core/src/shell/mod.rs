//! A machine for the tutorials: files, processes, a shell. Sans-I/O like everything here; its host brings connections, keeps the
//! files and shows what is printed.
//!
//! # Code map
//! - [`Machine`]: what a host has of it.
//! - `kernel`: processes, terminals, files, and who runs next; `process`, `screen`, `stream`: their parts.
//! - `file_system`: the files; `distribution`: those a new machine has.
//! - `interactive`: the shell of a terminal; `server`: brokers that run for a process, and daemons.
//! - [`commands`]: the programs of a Unix system. Kafka's own are in [`crate::cli`].
//!
//! # Architecture Invariant
//! A process is a [`Program`](crate::cli::Program), or a script: an `async fn` that only awaits the kernel. Both are polled by it
//! after each input; the same inputs give the same outputs.

pub mod commands;
mod distribution;
mod file_system;
mod interactive;
mod kernel;
mod machine;
mod process;
mod screen;
mod server;
#[cfg(test)]
mod server_tests;
mod stream;

pub use file_system::{FileChange, FileNode};
pub use machine::{Awaits, Machine, MachineInput, MachineOutput, Report};
pub use process::ProcessId;
pub use stream::TerminalId;
