//! Golden files: commands and what Apache Kafka's tools print for them.
//!
//! ```text
//! # a comment
//! & kafka-console-consumer.sh --bootstrap-server {bootstrap} --topic first-topic --group readers
//! @ client.properties
//! @< request.timeout.ms=2000
//! $ kafka-topics.sh --bootstrap-server {bootstrap} --create --topic first-topic
//! 0< a line for standard input
//! 1> a line of standard output
//! 2> a line of standard error
//! = 0
//! ~ reassigned
//! ```
//!
//! A line with `&` starts a consumer that goes on until the scenario ends; what it prints is not compared. The next
//! command runs when its group is stable. Lines with `~` are [`Event`]s. Whatever else a line holds is an error that
//! names file and line.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// A golden file: what happens in order on one fresh cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Path below the folder of golden files, with `/`: `one_node/topics.txt`.
    pub name: String,
    /// Its cluster, by its folder.
    pub shape: Shape,
    /// Its parts in order.
    pub entries: Vec<Entry>,
}

/// What a cluster is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Nodes, each of them broker and controller.
    pub nodes: u16,
    /// Log directories of each node.
    pub log_dirs: u16,
}

/// What happens to a cluster between commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// `~ reassigned`: no partition is on its way to other brokers any more.
    Reassigned,
    /// `~ moved`: no replica is on its way to another log directory any more.
    Moved,
    /// `~ killed 2`: node 2 dies as by `kill -9`, and the others know.
    Killed(u16),
    /// `~ started 2`: node 2 is started again, and in sync again.
    Started(u16),
}

/// A part of a golden file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An empty line.
    Blank,
    /// A comment, without `#`.
    Comment(String),
    /// A file to be written into `{dir}`.
    File {
        /// Its name.
        name: String,
        /// Its lines.
        lines: Vec<String>,
    },
    /// A consumer of a group that goes on until the end: its command line.
    Background(String),
    /// What happens to the cluster; the next command runs when it is over.
    Event(Event),
    /// A command and what is expected of it.
    Command(Command),
}

/// A command line and what is expected of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The line as written, with placeholders.
    pub line: String,
    /// Lines of standard input; its end follows.
    pub input: Vec<String>,
    /// What it prints, normalized.
    pub expected: Printed,
}

/// What a command printed, line by line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    /// Standard output.
    pub output: Vec<String>,
    /// Standard error.
    pub error: Vec<String>,
    /// Exit code; none where none was recorded yet.
    pub code: Option<i32>,
}

/// Folders of golden files and their clusters.
const FOLDERS: [(&str, Shape); 3] = [
    ("one_node", Shape { nodes: 1, log_dirs: 1 }),
    ("two_log_dirs", Shape { nodes: 1, log_dirs: 2 }),
    ("three_nodes", Shape { nodes: 3, log_dirs: 1 }),
];

/// The folder of golden files of this repository.
pub fn golden_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join("cli")
}

/// Reads every golden file, in the order of their names.
pub fn scenarios() -> io::Result<Vec<Scenario>> {
    let mut found = Vec::new();
    for (folder, shape) in FOLDERS {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(golden_folder().join(folder)).into_iter().flatten() {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        for name in names {
            let name = format!("{folder}/{name}");
            let text = std::fs::read_to_string(golden_folder().join(&name))?;
            found.push(Scenario::parse(&name, shape, &text)?);
        }
    }
    Ok(found)
}

impl Scenario {
    /// Reads a golden file.
    pub fn parse(name: &str, shape: Shape, text: &str) -> io::Result<Self> {
        let mut entries: Vec<Entry> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            match entry_of(line) {
                Some(entry) => entries.push(entry),
                None if entries.last_mut().is_some_and(|last| last.take(line)) => {}
                None => return Err(io::Error::other(format!("{name}:{}: what is `{line}`?", index + 1))),
            }
        }
        Ok(Self { name: name.to_owned(), shape, entries })
    }

    /// Writes a golden file.
    pub fn format(&self) -> String {
        let mut text = String::new();
        for entry in &self.entries {
            entry.write(&mut text);
        }
        text
    }

    /// Writes it to where it was read from.
    pub fn store(&self) -> io::Result<()> {
        std::fs::write(golden_folder().join(&self.name), self.format())
    }

    /// True where tools are asked what they can do: only names of options are compared there.
    pub fn is_help(&self) -> bool {
        self.name.ends_with("/help.txt")
    }

    /// Its commands.
    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Command(command) => Some(command),
            _ => None,
        })
    }
}

/// The part that a line begins, if it begins one.
fn entry_of(line: &str) -> Option<Entry> {
    if line.is_empty() {
        return Some(Entry::Blank);
    }
    if let Some(comment) = line.strip_prefix('#') {
        return Some(Entry::Comment(comment.to_owned()));
    }
    if let Some(name) = line.strip_prefix("@ ") {
        return Some(Entry::File { name: name.to_owned(), lines: Vec::new() });
    }
    if let Some(line) = line.strip_prefix("& ") {
        return Some(Entry::Background(line.to_owned()));
    }
    if let Some(event) = line.strip_prefix("~ ") {
        return Event::parse(event).map(Entry::Event);
    }
    let line = line.strip_prefix("$ ")?.to_owned();
    Some(Entry::Command(Command { line, input: Vec::new(), expected: Printed::default() }))
}

impl Event {
    fn parse(text: &str) -> Option<Self> {
        let (word, node) = text.split_once(' ').map_or((text, None), |(word, node)| (word, node.parse().ok()));
        match (word, node) {
            ("reassigned", None) => Some(Self::Reassigned),
            ("moved", None) => Some(Self::Moved),
            ("killed", Some(node)) => Some(Self::Killed(node)),
            ("started", Some(node)) => Some(Self::Started(node)),
            _ => None,
        }
    }

    fn format(self) -> String {
        match self {
            Self::Reassigned => "reassigned".into(),
            Self::Moved => "moved".into(),
            Self::Killed(node) => format!("killed {node}"),
            Self::Started(node) => format!("started {node}"),
        }
    }
}

impl Entry {
    /// Takes a line that belongs to it; false if it does not.
    fn take(&mut self, line: &str) -> bool {
        match self {
            Self::Blank | Self::Comment(_) | Self::Background(_) | Self::Event(_) => false,
            Self::File { lines, .. } => content(line, "@<").is_some_and(|content| {
                lines.push(content);
                true
            }),
            Self::Command(command) => command.take(line),
        }
    }

    fn write(&self, text: &mut String) {
        match self {
            Self::Blank => text.push('\n'),
            Self::Comment(comment) => line(text, "#", comment),
            Self::Background(command) => line(text, "& ", command),
            Self::Event(event) => line(text, "~ ", &event.format()),
            Self::File { name, lines } => {
                line(text, "@ ", name);
                for content in lines {
                    marked(text, "@<", content);
                }
            }
            Self::Command(command) => {
                line(text, "$ ", &command.line);
                for content in &command.input {
                    marked(text, "0<", content);
                }
                command.expected.write(text);
            }
        }
    }
}

impl Command {
    fn take(&mut self, line: &str) -> bool {
        let printed = &mut self.expected;
        if printed.code.is_some() {
            return false;
        }
        if let Some(code) = line.strip_prefix("= ") {
            printed.code = code.parse().ok();
            return printed.code.is_some();
        }
        let (lines, marker) = if line.starts_with("0<") && printed.output.is_empty() && printed.error.is_empty() {
            (&mut self.input, "0<")
        } else if line.starts_with("1>") && printed.error.is_empty() {
            (&mut printed.output, "1>")
        } else {
            (&mut printed.error, "2>")
        };
        content(line, marker).is_some_and(|content| {
            lines.push(content);
            true
        })
    }

    /// Bytes of its standard input.
    pub fn input_bytes(&self) -> Vec<u8> {
        self.input.iter().fold(String::new(), |input, line| input + line + "\n").into_bytes()
    }
}

impl Printed {
    /// As the lines of a golden file.
    pub fn format(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) {
        for content in &self.output {
            marked(text, "1>", content);
        }
        for content in &self.error {
            marked(text, "2>", content);
        }
        if let Some(code) = self.code {
            line(text, "= ", &code.to_string());
        }
    }
}

/// What follows a marker and a space; an empty line is the marker alone.
fn content(line: &str, marker: &str) -> Option<String> {
    let rest = line.strip_prefix(marker)?;
    if rest.is_empty() { Some(String::new()) } else { rest.strip_prefix(' ').map(str::to_owned) }
}

fn marked(text: &mut String, marker: &str, content: &str) {
    let space = if content.is_empty() { "" } else { " " };
    line(text, marker, &format!("{space}{content}"));
}

fn line(text: &mut String, marker: &str, content: &str) {
    let _infallible = writeln!(text, "{marker}{content}");
}

/// Splits a command line as a shell would that knows only spaces and quotes. In double quotes a backslash keeps the
/// quote or backslash after it.
pub fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some('"'), '\\') => match characters.next() {
                Some(kept @ ('"' | '\\')) => word.get_or_insert_default().push(kept),
                Some(other) => word.get_or_insert_default().extend(['\\', other]),
                None => return Err(format!("`{line}` ends in a backslash")),
            },
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    if let Some(quote) = quote {
        return Err(format!("`{line}` has an open {quote}"));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::{Scenario, Shape, split};

    const ONE_NODE: Shape = Shape { nodes: 1, log_dirs: 1 };

    const TEXT: &str = "\
# first
@ c.properties
@< a=b
& kafka-console-consumer.sh

$ kafka-topics.sh --list
0< in
1> a
1>
2>  two
= 1
~ reassigned
~ moved
~ killed 2
~ started 2
$ kafka-topics.sh
";

    #[test]
    fn what_is_read_is_written_again() {
        let scenario = Scenario::parse("one_node/x.txt", ONE_NODE, TEXT).expect("it is well-formed");
        assert_eq!(scenario.format(), TEXT);
        let expected: Vec<_> = scenario.commands().map(|command| command.expected.clone()).collect();
        assert_eq!(expected[0].output, ["a", ""]);
        assert_eq!(expected[0].error, [" two"]);
        assert_eq!((expected[0].code, expected[1].code), (Some(1), None));
    }

    #[test]
    fn a_line_that_means_nothing_is_named() {
        for (text, line) in [
            ("1> too early", 1),
            ("$ a\n2> e\n1> out after error", 3),
            ("$ a\n1> x\n0< in after out", 3),
            ("$ a\n= 0\n1> after the code", 3),
            ("$ a\n= zero", 2),
            ("$ a\n1>x", 2),
            ("@ f\n1> x", 2),
            ("words", 1),
            ("~ killed", 1),
            ("~ moved 1", 1),
        ] {
            let error = Scenario::parse("one_node/x.txt", ONE_NODE, text).expect_err(text).to_string();
            assert!(error.starts_with(&format!("one_node/x.txt:{line}: ")), "{error}");
        }
    }

    #[test]
    fn words_are_split_as_a_shell_would() {
        let check = |line: &str, words: &[&str]| assert_eq!(split(line).expect(line), words);
        check("a  b c", &["a", "b", "c"]);
        check("'a b' \"c d\"", &["a b", "c d"]);
        check("--x='a,\"b\"'", &["--x=a,\"b\""]);
        check("\"a\\\"b\\c\" ''", &["a\"b\\c", ""]);
        assert!(split("a 'b").is_err());
    }
}
