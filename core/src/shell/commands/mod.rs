//! What a shell runs besides Kafka's tools: the small programs of a Unix system, as tutorials use them. One file per program, or
//! per few that are alike; each a tool over [`Terminal`](crate::cli::Terminal) like those of [`crate::cli`].

use crate::cli::Tool;

const COMMANDS: [Tool; 0] = [];

/// The program of this name.
pub(crate) fn find(name: &str) -> Option<&'static Tool> {
    COMMANDS.iter().find(|tool| tool.name == name)
}

/// The names of all, in order.
pub fn commands() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().map(|tool| tool.name)
}
