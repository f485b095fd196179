//! Apache Kafka as the oracle: what its tools print, what ours print, on its cluster and on ours.
//!
//! # Code map
//! - [`table`]: golden files, commands with what Kafka's tools print for them.
//! - [`normalize`]: what chance, time and place decide is taken out of both sides.
//! - [`differences`]: differences that are known, with their reasons.
//! - [`kafka`]: Apache Kafka from Maven: its nodes, and its tools in one JVM.
//! - [`ours`]: our cluster and our tools.
//! - [`ready`]: waits until a cluster has all its brokers, and they its metadata.
//! - [`judge`]: what of a scenario differs, and which of it is known.
//!
//! # Like for like
//! Nodes of Apache Kafka get the playground's properties, key by key; only ports and log directories are its own. Much
//! of what tools print comes from properties (`min.insync.replicas` in every description of a topic), and so no golden
//! file holds a value that a visitor of the playground never sees. Of the features only `metadata.version` is
//! finalized, as ours: the others are formatted at 0.

pub mod differences;
pub mod judge;
pub mod kafka;
pub mod normalize;
pub mod ours;
pub mod ready;
pub mod table;

use normalize::{Places, Usage, normalize};
use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use table::{Entry, Event, Printed, Scenario, Shape, split};

/// Longest a command may take before it is ended.
pub const LIMIT: Duration = Duration::from_mins(3);

/// Whose tools run on whose cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// Our tools, or else Kafka's.
    pub our_tools: bool,
    /// Our cluster, or else Kafka's.
    pub our_cluster: bool,
}

impl Way {
    /// Kafka's tools on Kafka: what is recorded.
    pub const KAFKA: Self = Self { our_tools: false, our_cluster: false };
    /// Our tools on our cluster: what a visitor of the playground sees.
    pub const OURS: Self = Self { our_tools: true, our_cluster: true };
    /// All four.
    pub const ALL: [Self; 4] = [
        Self::KAFKA,
        Self { our_tools: true, our_cluster: false },
        Self { our_tools: false, our_cluster: true },
        Self::OURS,
    ];

    /// The way of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.to_string() == name)
    }
}

impl Display for Way {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let tools = if self.our_tools { "ours" } else { "Kafka's" };
        let cluster = if self.our_cluster { "ours" } else { "Kafka" };
        write!(formatter, "{tools} on {cluster}")
    }
}

/// What a tool left behind.
#[derive(Clone, Debug, Default)]
pub struct Raw {
    /// Standard output.
    pub output: Vec<u8>,
    /// Standard error.
    pub error: Vec<u8>,
    /// Exit code; none if it was ended after [`LIMIT`].
    pub code: Option<i32>,
}

/// Command-line tools, Kafka's or ours.
pub trait Tools {
    /// Runs one to its end: `words[0]` is the name of its script.
    fn run(&mut self, words: &[String], input: &[u8], folder: &Path) -> io::Result<Raw>;

    /// The program that runs one in a process of its own.
    fn program(&self, words: &[String], folder: &Path) -> io::Result<Command>;
}

/// Nodes that serve, Kafka's or ours.
pub trait Cluster {
    /// Where things are in it.
    fn places(&self) -> &Places;

    /// Ends a node as `kill -9` does.
    fn kill(&mut self, id: u16) -> io::Result<()>;

    /// Starts a node that was ended, with what its log directories hold.
    fn start_again(&mut self, id: u16) -> io::Result<()>;
}

/// What each command of a scenario printed on a fresh cluster, in order.
pub fn play(
    scenario: &Scenario,
    cluster: &mut dyn Cluster,
    folder: &Path,
    tools: &mut dyn Tools,
) -> io::Result<Vec<Printed>> {
    let usage = if scenario.is_help() { Usage::Names } else { Usage::Mention };
    let mut places = cluster.places().clone();
    let all_brokers = places.brokers.clone();
    let folder_name = folder.to_string_lossy().into_owned();
    places.placeholders.push(("{dir}", folder_name.clone()));
    places.printed.push((folder_name, "{dir}"));
    let mut printed = Vec::new();
    let mut background = Background::default();
    for entry in &scenario.entries {
        match entry {
            Entry::Blank | Entry::Comment(_) => {}
            Entry::File { name, lines } => {
                let text = lines.iter().fold(String::new(), |text, line| text + &places.fill(line) + "\n");
                std::fs::write(folder.join(name), text)?;
            }
            Entry::Background(line) => background.start(&words(line, &places)?, &places, folder, tools)?,
            Entry::Event(event) => {
                let address = |id: u16| {
                    let address = all_brokers.get(usize::from(id)).cloned();
                    address.ok_or_else(|| io::Error::other(format!("there is no node {id}")))
                };
                match *event {
                    Event::Reassigned => ready::wait_for_reassignments(&places.brokers)?,
                    Event::Moved => ready::wait_for_moves(&places.brokers)?,
                    Event::Killed(id) => {
                        let address = address(id)?;
                        cluster.kill(id)?;
                        places.brokers.retain(|broker| *broker != address);
                        ready::wait_for_fencing(&places.brokers)?;
                    }
                    Event::Started(id) => {
                        let address = address(id)?;
                        cluster.start_again(id)?;
                        places.brokers.push(address);
                        ready::wait_for_replicas(&places.brokers)?;
                    }
                }
                ready::wait_for_metadata(&places.brokers)?;
            }
            Entry::Command(command) => {
                let words = words(&command.line, &places)?;
                let named =
                    |error: io::Error| io::Error::other(format!("{}: {}: {error}", scenario.name, command.line));
                let raw = tools.run(&words, &command.input_bytes(), folder).map_err(named)?;
                ready::wait_for_metadata(&places.brokers)?;
                let lines = |bytes: &[u8]| normalize(&String::from_utf8_lossy(bytes), &places, usage);
                printed.push(Printed { output: lines(&raw.output), error: lines(&raw.error), code: raw.code });
            }
        }
    }
    Ok(printed)
}

fn words(line: &str, places: &Places) -> io::Result<Vec<String>> {
    let words = split(line).map_err(io::Error::other)?;
    Ok(words.iter().map(|word| places.fill(word)).collect())
}

/// Consumers that go on while commands run; gone when dropped.
#[derive(Default)]
struct Background {
    consumers: Vec<(String, Child)>,
}

impl Background {
    /// Starts one and waits until its group is stable with it.
    fn start(&mut self, words: &[String], places: &Places, folder: &Path, tools: &dyn Tools) -> io::Result<()> {
        let group = words.iter().skip_while(|word| *word != "--group").nth(1);
        let group = group.ok_or_else(|| io::Error::other("a consumer in the background wants a --group"))?;
        let mut program = tools.program(words, folder)?;
        let child = program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        self.consumers.push((group.clone(), child));
        let members = self.consumers.iter().filter(|(other, _)| other == group).count();
        ready::wait_for_group(&places.brokers, group, members)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        for (_, child) in &mut self.consumers {
            if let Err(error) = child.kill().and_then(|()| child.wait()) {
                eprintln!("{error}");
            }
        }
    }
}

/// Controllers listen so far above their brokers.
const CONTROLLER_PORTS: u16 = 100;

/// Log directories of each node: `name` makes one of a node's id and what follows it.
fn log_dirs(shape: Shape, name: impl Fn(&str) -> String) -> Vec<Vec<String>> {
    let of_node = |id: u16| {
        let suffixes = (0..shape.log_dirs).map(|number| if number == 0 { String::new() } else { format!("-{number}") });
        suffixes.map(|suffix| name(&format!("{id}{suffix}"))).collect()
    };
    (0..shape.nodes).map(of_node).collect()
}

/// The places of a cluster whose first broker listens on `port`; `files` is where the files of its log directory are on
/// this machine.
fn places(port: u16, log_dirs: &[Vec<String>], files: String) -> Places {
    const LOG_DIRS: [&str; 2] = ["{log.dirs}", "{other.dir}"];
    let nobody = format!("localhost:{}", port + CONTROLLER_PORTS / 2);
    let address = |port: u16| format!("localhost:{port}");
    let nodes = log_dirs.len() as u16;
    let named = || log_dirs.iter().flat_map(|paths| paths.iter().zip(LOG_DIRS));
    let mut printed: Vec<_> = named().map(|(path, name)| (path.clone(), name)).collect();
    printed.push((files.clone(), LOG_DIRS[0]));
    // One path may be a part of another.
    printed.sort_by_key(|(path, _)| core::cmp::Reverse(path.len()));
    printed.push((nobody.clone(), "{nobody}"));
    for id in 0..nodes {
        printed.push((address(port + id), "{bootstrap}"));
        printed.push((address(port + CONTROLLER_PORTS + id), "{controller}"));
    }
    let mut placeholders = vec![
        ("{bootstrap}", address(port)),
        ("{controller}", address(port + CONTROLLER_PORTS)),
        ("{nobody}", nobody),
        ("{files}", files),
    ];
    let first_node = log_dirs.iter().take(1).flatten();
    placeholders.extend(first_node.zip(LOG_DIRS).map(|(path, name)| (name, path.clone())));
    let brokers = (0..nodes).map(|id| address(port + id)).collect();
    Places { placeholders, printed, brokers, has_several_nodes: nodes > 1 }
}
