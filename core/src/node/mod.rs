//! [`Input`] and [`Output`]: all a node and its host say to each other.

mod io;

pub use io::{Input, Output};
