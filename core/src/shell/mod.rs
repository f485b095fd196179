//! A machine for the tutorials: files, processes, a shell. Sans-I/O like everything here; its host brings connections, keeps the
//! files and shows what is printed.
//!
//! # Code map
//! - [`commands`]: the programs of a Unix system.

pub mod commands;
