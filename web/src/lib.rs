//! Broker Playground in the browser.
//!
//! # Code map
//! - [`chunk_index`]: how files lie in a database; plain data.
//! - `indexed_db`: all of IndexedDB.

pub mod chunk_index;
#[cfg(target_arch = "wasm32")]
pub mod indexed_db;

#[cfg(target_arch = "wasm32")]
mod entry;
#[cfg(target_arch = "wasm32")]
pub use entry::{page, worker};
