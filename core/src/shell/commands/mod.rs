//! What a shell runs besides Kafka's tools: the small programs of a Unix system, as tutorials use them. One file per program, or
//! per few that are alike; each a tool over [`Terminal`](crate::cli::Terminal) like those of [`crate::cli`].
//!
//! # Code map
//! - `options`: how a program is called, and what `--help` prints.
//! - `streams`: what it prints, and the lines it reads; `pattern`: POSIX's regular expressions; `wildcard`: patterns for names;
//!   `paths`: paths, and walks through directories.
//!
//! # Architecture Invariants
//! Output, messages and exit codes are those of GNU's programs in the C locale, where the system allows it; `tests/transcripts.txt`
//! was recorded from these. Files have no owner, mode or link here: all are the user's.

mod cat;
mod cp;
mod cut;
mod date;
mod diff;
mod directories;
mod find;
mod grep;
mod head;
mod ls;
mod network;
mod options;
mod paths;
mod pattern;
mod rm;
mod sed;
mod sort;
mod streams;
mod system;
mod tail;
mod tee;
#[cfg(test)]
mod tests;
mod time;
mod tr;
mod uniq;
mod wc;
mod wildcard;

use crate::cli::Tool;
use alloc::boxed::Box;
use core::future::ready;

const COMMANDS: [Tool; 36] = [
    Tool { name: "basename", run: |terminal| Box::pin(ready(system::basename(&terminal))) },
    Tool { name: "cat", run: |terminal| Box::pin(cat::cat(terminal)) },
    Tool { name: "cp", run: |terminal| Box::pin(cp::cp(terminal)) },
    Tool { name: "curl", run: |terminal| Box::pin(network::curl(terminal)) },
    Tool { name: "cut", run: |terminal| Box::pin(cut::run(terminal)) },
    Tool { name: "date", run: |terminal| Box::pin(ready(date::run(&terminal))) },
    Tool { name: "diff", run: |terminal| Box::pin(diff::run(terminal)) },
    Tool { name: "dirname", run: |terminal| Box::pin(ready(system::dirname(&terminal))) },
    Tool { name: "find", run: |terminal| Box::pin(find::run(terminal)) },
    Tool { name: "grep", run: |terminal| Box::pin(grep::run(terminal)) },
    Tool { name: "head", run: |terminal| Box::pin(head::run(terminal)) },
    Tool { name: "hostname", run: |terminal| Box::pin(ready(system::hostname(&terminal))) },
    Tool { name: "less", run: |terminal| Box::pin(cat::less(terminal)) },
    Tool { name: "ls", run: |terminal| Box::pin(ls::run(terminal)) },
    Tool { name: "mkdir", run: |terminal| Box::pin(directories::mkdir(terminal)) },
    Tool { name: "more", run: |terminal| Box::pin(cat::more(terminal)) },
    Tool { name: "mv", run: |terminal| Box::pin(cp::mv(terminal)) },
    Tool { name: "nc", run: |terminal| Box::pin(network::nc(terminal)) },
    Tool { name: "rm", run: |terminal| Box::pin(rm::run(terminal)) },
    Tool { name: "rmdir", run: |terminal| Box::pin(directories::rmdir(terminal)) },
    Tool { name: "sed", run: |terminal| Box::pin(sed::run(terminal)) },
    Tool { name: "seq", run: |terminal| Box::pin(time::seq(terminal)) },
    Tool { name: "sleep", run: |terminal| Box::pin(time::sleep(terminal)) },
    Tool { name: "sort", run: |terminal| Box::pin(sort::run(terminal)) },
    Tool { name: "ssh", run: |terminal| Box::pin(network::ssh(terminal)) },
    Tool { name: "tail", run: |terminal| Box::pin(tail::run(terminal)) },
    Tool { name: "tee", run: |terminal| Box::pin(tee::run(terminal)) },
    Tool { name: "telnet", run: |terminal| Box::pin(network::telnet(terminal)) },
    Tool { name: "touch", run: |terminal| Box::pin(directories::touch(terminal)) },
    Tool { name: "tr", run: |terminal| Box::pin(tr::run(terminal)) },
    Tool { name: "uname", run: |terminal| Box::pin(ready(system::uname(&terminal))) },
    Tool { name: "uniq", run: |terminal| Box::pin(uniq::run(terminal)) },
    Tool { name: "wc", run: |terminal| Box::pin(wc::run(terminal)) },
    Tool { name: "wget", run: |terminal| Box::pin(network::wget(terminal)) },
    Tool { name: "whoami", run: |terminal| Box::pin(ready(system::whoami(&terminal))) },
    Tool { name: "yes", run: |terminal| Box::pin(time::yes(terminal)) },
];

/// The program of this name.
pub(crate) fn find(name: &str) -> Option<&'static Tool> {
    COMMANDS.iter().find(|tool| tool.name == name)
}

/// The names of all, in order.
pub fn commands() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().map(|tool| tool.name)
}
