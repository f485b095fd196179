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
//! command runs when its group is stable. `~ reassigned` waits until no partition is on its way to other brokers. Whatever else a line holds is an error that names file and line.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// A golden file: what happens in order on one fresh cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Path below the folder of golden files, with `/`: `one_node/topics.txt`.
    pub name: String,
    /// Nodes of its cluster, by its folder.
    pub nodes: u16,
    /// Its parts in order.
    pub entries: Vec<Entry>,
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
    /// A wait until no partition is on its way to other brokers.
    Reassigned,
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

/// The line of [`Entry::Reassigned`].
const REASSIGNED: &str = "~ reassigned";
/// Folders of golden files and how many nodes their clusters have.
const FOLDERS: [(&str, u16); 2] = [("one_node", 1), ("three_nodes", 3)];

/// The folder of golden files of this repository.
pub fn golden_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join("cli")
}

/// Reads every golden file, in the order of their names.
pub fn scenarios() -> io::Result<Vec<Scenario>> {
    let mut found = Vec::new();
    for (folder, nodes) in FOLDERS {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(golden_folder().join(folder)).into_iter().flatten() {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        for name in names {
            let name = format!("{folder}/{name}");
            let text = std::fs::read_to_string(golden_folder().join(&name))?;
            found.push(Scenario::parse(&name, nodes, &text)?);
        }
    }
    Ok(found)
}

impl Scenario {
    /// Reads a golden file.
    pub fn parse(name: &str, nodes: u16, text: &str) -> io::Result<Self> {
        let mut entries: Vec<Entry> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            match entry_of(line) {
                Some(entry) => entries.push(entry),
                None if entries.last_mut().is_some_and(|last| last.take(line)) => {}
                None => return Err(io::Error::other(format!("{name}:{}: what is `{line}`?", index + 1))),
            }
        }
        Ok(Self { name: name.to_owned(), nodes, entries })
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
    if line == REASSIGNED {
        return Some(Entry::Reassigned);
    }
    let line = line.strip_prefix("$ ")?.to_owned();
    Some(Entry::Command(Command { line, input: Vec::new(), expected: Printed::default() }))
}

impl Entry {
    /// Takes a line that belongs to it; false if it does not.
    fn take(&mut self, line: &str) -> bool {
        match self {
            Self::Blank | Self::Comment(_) | Self::Background(_) | Self::Reassigned => false,
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
            Self::Reassigned => line(text, REASSIGNED, ""),
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
    use super::{Scenario, split};

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
$ kafka-topics.sh
";

    #[test]
    fn what_is_read_is_written_again() {
        let scenario = Scenario::parse("one_node/x.txt", 1, TEXT).expect("it is well-formed");
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
        ] {
            let error = Scenario::parse("one_node/x.txt", 1, text).expect_err(text).to_string();
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
