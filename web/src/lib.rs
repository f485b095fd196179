//! Broker Playground in the browser: the host of the cluster, and the page.
//!
//! # Code map
//! - [`bridge`]: what the page and its workers say to each other.
//! - `cluster`: the workers of this page; `ownership`: which tab has them.
//! - [`worker`]: brokers, the switch, the clients; each a sans-I/O program and an event loop around it.
//! - [`clock`]: playground time.
//! - [`chunk_index`]: how files lie in a database; `indexed_db` carries it out.
//! - [`journal_frames`]: how a journal lies in two files; `journal_file` carries it out.
//! - [`commands`]: what people do on the page as lines of Kafka's tools.
//! - [`shell_words`]: a line as a shell reads it; [`terminal_text`]: what programs print, in lines; [`mistakes`]: what went wrong,
//!   known by what is printed.
//! - [`row_parts`]: where a long table is cut, so that what is far from sight is not drawn.
//! - `post_message`, `indexed_db`, `journal_file`, `locks`: the only places that use these parts of the browser.
//! - `ui`: the page itself.
//! - `entry`: where JavaScript starts the page and its workers; `javascript`: what scripts of the page may call.
//!
//! A native build holds what is plain data, for its tests; everything that needs a browser is left out of it.

pub mod bridge;
#[cfg(target_arch = "wasm32")]
pub mod buffers;
pub mod chunk_index;
pub mod clock;
#[cfg(target_arch = "wasm32")]
pub mod cluster;
pub mod commands;
#[cfg(target_arch = "wasm32")]
mod entry;
#[cfg(target_arch = "wasm32")]
pub mod indexed_db;
#[cfg(target_arch = "wasm32")]
mod javascript;
#[cfg(target_arch = "wasm32")]
pub mod journal_file;
pub mod journal_frames;
#[cfg(target_arch = "wasm32")]
pub mod locks;
pub mod mistakes;
#[cfg(target_arch = "wasm32")]
pub mod ownership;
#[cfg(target_arch = "wasm32")]
pub mod post_message;
pub mod row_parts;
pub mod shell_words;
pub mod terminal_text;
// A component's props are its own values: by reference they would not outlive the view that shows them.
#[cfg(target_arch = "wasm32")]
// The macro makes every component `pub`.
#[allow(clippy::needless_pass_by_value, unreachable_pub)]
mod ui;
pub mod worker;

#[cfg(target_arch = "wasm32")]
pub use entry::{page, worker};

#[cfg(all(test, target_arch = "wasm32"))]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
