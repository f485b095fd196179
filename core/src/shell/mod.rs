//! A machine for the tutorials: files, processes, a shell. Sans-I/O like everything here; its host brings connections, keeps the
//! files and shows what is printed.
//!
//! # Code map
//! - [`Machine`]: what a host has of it.
//! - `kernel`: processes, terminals, files, and who runs next; `process`, `screen`, `stream`: their parts.
//! - `file_system`: the files; `distribution`: those a new machine has.
//! - `syntax`: what is typed, understood. `interpreter`: what runs it, with `expansion` and `arithmetic` of words, `redirection`,
//!   `variables`, `launch` of processes and `builtins`.
//! - `interactive`: the shell of a terminal, with its `history` and `completion`.
//! - `server`: brokers that run for a process, and daemons.
//! - [`commands`]: the programs of a Unix system. Kafka's own are in [`crate::cli`].
//!
//! # Architecture Invariant
//! A process is a [`Program`](crate::cli::Program), or a script: an `async fn` that only awaits the kernel. Both are polled by it
//! after each input; the same inputs give the same outputs.

mod arithmetic;
mod builtins;
pub mod commands;
mod completion;
mod distribution;
mod escapes;
mod expansion;
mod file_system;
mod history;
mod interactive;
mod interpreter;
mod kernel;
mod launch;
mod machine;
mod process;
mod redirection;
mod screen;
mod server;
#[cfg(test)]
mod server_tests;
mod stream;
mod syntax;
#[cfg(test)]
mod tests;
mod variables;

pub use distribution::KAFKA;
pub use file_system::{FileChange, FileNode};
pub use machine::{Awaits, Candidates, Machine, MachineInput, MachineOutput, Report};
pub use process::ProcessId;
pub use stream::{TERMINAL_SHIFT, TerminalId};
