//! Options as GNU's `getopt_long` reads them. What there is, is read from the text of `--help`, so that it is written once.

use crate::cli::{Failure, Terminal};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// How a program is called.
pub(super) struct Syntax {
    /// Its name.
    pub(super) name: &'static str,
    /// The exit code where it was called wrongly.
    pub(super) wrong: i32,
    /// What `--help` prints behind `Usage: `. A line that begins with two spaces and `-` is an option:
    /// `-n, --lines=N  what it does`, `-e PATTERN  …`, `-i, --in-place[=SUFFIX]  …`; `-NUM` stands for digits.
    pub(super) help: &'static str,
}

/// What a program was called with.
pub(super) struct Options {
    /// By the first name of the option, in the order given.
    given: Vec<(&'static str, String)>,
    /// What is no option.
    pub(super) operands: Vec<String>,
}

/// Whether an argument belongs to an option.
#[derive(Clone, Copy, PartialEq)]
enum Argument {
    None,
    Needed,
    Optional,
}

#[derive(Clone, Copy)]
struct Row {
    names: &'static str,
    argument: Argument,
}

impl Row {
    fn names(self) -> impl Iterator<Item = &'static str> {
        self.names.split(", ").map(|name| name.find(['=', '[', ' ']).and_then(|end| name.get(..end)).unwrap_or(name))
    }

    fn key(self) -> &'static str {
        self.names().next().unwrap_or_default().trim_start_matches('-')
    }
}

impl Syntax {
    fn rows(&self) -> impl Iterator<Item = Row> {
        let own = self.help.lines().filter_map(|line| line.strip_prefix("  ").filter(|row| row.starts_with('-')));
        own.chain(["--help  "]).map(|row| {
            let names = row.split_once("  ").map_or(row, |(names, _)| names);
            let argument = match names {
                names if names.contains("[=") => Argument::Optional,
                names if names.contains('=') || names.split(", ").any(|name| name.contains(' ')) => Argument::Needed,
                _ => Argument::None,
            };
            Row { names, argument }
        })
    }

    /// The option of this name with its dashes; a long one may be cut where it stays the only one.
    fn row(&self, name: &str) -> Option<Row> {
        if let Some(row) = self.rows().find(|row| row.names().any(|each| each == name)) {
            return Some(row);
        }
        let mut like = self.rows().filter(|row| name.len() > 2 && row.names().any(|each| each.starts_with(name)));
        like.next().filter(|_| like.next().is_none())
    }

    /// It was called wrongly: says so, and where to read more.
    pub(super) fn misused(&self, terminal: &Terminal, parts: &[&str]) -> Failure {
        let mut text = String::new();
        if !parts.is_empty() {
            text.push_str(self.name);
            text.push_str(": ");
            text.push_str(&parts.concat());
            text.push('\n');
        }
        match self.name {
            "sed" => {
                text.push_str("Usage: ");
                text.push_str(self.help);
            }
            "grep" => {
                text.push_str("Usage: ");
                text.push_str(self.help.lines().next().unwrap_or_default());
                text.push('\n');
            }
            "diff" => text.push_str("diff: "),
            _ => {}
        }
        if self.name != "sed" {
            text.push_str("Try '");
            text.push_str(self.name);
            text.push_str(" --help' for more information.\n");
        }
        terminal.print_error(&text);
        Failure::Exit(self.wrong)
    }

    /// Something is missing that follows these operands.
    pub(super) fn missing(&self, terminal: &Terminal, what: &str, operands: &[String]) -> Failure {
        match operands.last() {
            Some(last) => self.misused(terminal, &["missing ", what, " after '", last, "'"]),
            None => self.misused(terminal, &["missing ", what]),
        }
    }

    /// Reads the arguments; options may stand behind operands.
    pub(super) fn read(&self, terminal: &Terminal) -> Result<Options, Failure> {
        self.read_all(terminal, false)
    }

    /// As [`Syntax::read`], where numbers below zero are operands.
    pub(super) fn read_with_numbers(&self, terminal: &Terminal) -> Result<Options, Failure> {
        self.read_all(terminal, true)
    }

    fn read_all(&self, terminal: &Terminal, with_numbers: bool) -> Result<Options, Failure> {
        let mut options = Options { given: Vec::new(), operands: Vec::new() };
        let mut arguments = terminal.arguments().into_iter();
        while let Some(argument) = arguments.next() {
            if argument == "--" {
                options.operands.extend(arguments);
                break;
            }
            let is_number = |text: &str| text.starts_with(|first: char| first.is_ascii_digit() || first == '.');
            if with_numbers && argument.strip_prefix('-').is_some_and(is_number) {
                options.operands.push(argument);
            } else if let Some(long) = argument.strip_prefix("--") {
                let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
                self.long(terminal, name, value, &mut arguments, &mut options)?;
            } else if argument.len() > 1 && argument.starts_with('-') {
                self.cluster(terminal, argument.get(1..).unwrap_or_default(), &mut arguments, &mut options)?;
            } else {
                options.operands.push(argument);
            }
        }
        Ok(options)
    }

    fn long(
        &self,
        terminal: &Terminal,
        name: &str,
        value: Option<&str>,
        rest: &mut dyn Iterator<Item = String>,
        options: &mut Options,
    ) -> Result<(), Failure> {
        let dashed = ["--", name].concat();
        let Some(row) = self.row(&dashed) else {
            return Err(self.misused(terminal, &["unrecognized option '", &dashed, "'"]));
        };
        if row.key() == "help" {
            return Err(self.help(terminal));
        }
        let full = row.names().find(|each| each.starts_with(&dashed)).unwrap_or(row.names);
        let value = match (row.argument, value) {
            (Argument::None, Some(_)) => {
                return Err(self.misused(terminal, &["option '", full, "' doesn't allow an argument"]));
            }
            (Argument::Needed, None) => match rest.next() {
                Some(value) => value,
                None => return Err(self.misused(terminal, &["option '", full, "' requires an argument"])),
            },
            (_, value) => value.unwrap_or_default().to_string(),
        };
        options.given.push((row.key(), value));
        Ok(())
    }

    /// Short options behind one dash.
    fn cluster(
        &self,
        terminal: &Terminal,
        letters: &str,
        rest: &mut dyn Iterator<Item = String>,
        options: &mut Options,
    ) -> Result<(), Failure> {
        let mut digits = String::new();
        let mut left = letters.chars();
        while let Some(letter) = left.next() {
            let mut name = String::from("-");
            name.push(letter);
            let row = match self.row(&name) {
                None if letter.is_ascii_digit() => {
                    digits.push(letter);
                    self.row("-NUM")
                }
                row => row,
            };
            let Some(row) = row else {
                return Err(self.misused(terminal, &["invalid option -- '", name.get(1..).unwrap_or_default(), "'"]));
            };
            if row.key() == "NUM" {
                if left.as_str().starts_with(|next: char| next.is_ascii_digit()) {
                    continue;
                }
                options.given.push((row.key(), core::mem::take(&mut digits)));
                continue;
            }
            if row.argument == Argument::None {
                options.given.push((row.key(), String::new()));
                continue;
            }
            let value = match left.as_str() {
                "" if row.argument == Argument::Needed => rest.next(),
                value => Some(value.to_string()),
            };
            let Some(value) = value else {
                let letter = name.get(1..).unwrap_or_default();
                return Err(self.misused(terminal, &["option requires an argument -- '", letter, "'"]));
            };
            options.given.push((row.key(), value));
            break;
        }
        Ok(())
    }

    fn help(&self, terminal: &Terminal) -> Failure {
        terminal.print(&["Usage: ", self.help, "      --help  show this and exit\n"].concat());
        Failure::Exit(0)
    }
}

impl Options {
    /// Operands alone.
    pub(super) fn of(operands: Vec<String>) -> Self {
        Self { given: Vec::new(), operands }
    }

    /// The option was given.
    pub(super) fn has(&self, key: &str) -> bool {
        self.given.iter().any(|(given, _)| *given == key)
    }

    /// The argument given last for the option.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.given.iter().rev().find(|(given, _)| *given == key).map(|(_, value)| value.as_str())
    }

    /// Options and their arguments, in the order given.
    pub(super) fn given(&self) -> impl DoubleEndedIterator<Item = (&'static str, &str)> {
        self.given.iter().map(|(key, value)| (*key, value.as_str()))
    }

    /// Which of these options was given last.
    pub(super) fn last_of(&self, keys: &[&str]) -> Option<&'static str> {
        self.given.iter().rev().map(|(key, _)| *key).find(|key| keys.contains(key))
    }

    /// The files named, or standard input as `-`.
    pub(super) fn files(&mut self) -> Vec<String> {
        let mut files = core::mem::take(&mut self.operands);
        if files.is_empty() {
            files.push("-".to_string());
        }
        files
    }
}
