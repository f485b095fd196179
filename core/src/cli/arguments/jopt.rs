//! Options as jopt-simple reads them, and its table of help: most of Kafka's tools stand on that library.

use super::line_break;
use crate::cli::VERSION;
use crate::cli::failure::{Exception, Failure};
use crate::cli::terminal::Terminal;
use crate::sorted::sort_by_key;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Columns of the table of help.
const WIDTH: usize = 80;
/// Columns between its two.
const GAP: usize = 2;
/// Further lines of a cell stand in by so much.
const INDENT: usize = 2;

/// What follows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Argument {
    None,
    Required,
    Optional,
}

/// An option of a tool.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct OptionSpec {
    name: &'static str,
    argument: Argument,
    /// `Type: what it is`, between the brackets of the table.
    describes: &'static str,
    help: &'static str,
    default: Option<&'static str>,
    /// The parser itself refuses to go on without it.
    is_required: bool,
}

/// An option without an argument.
pub(in crate::cli) const fn flag(name: &'static str, help: &'static str) -> OptionSpec {
    OptionSpec { name, argument: Argument::None, describes: "", help, default: None, is_required: false }
}

/// An option with an argument; `describes` is `Type: what it is`.
pub(in crate::cli) const fn value(name: &'static str, describes: &'static str, help: &'static str) -> OptionSpec {
    OptionSpec { name, argument: Argument::Required, describes, help, default: None, is_required: false }
}

impl OptionSpec {
    /// The argument may be left out.
    pub(in crate::cli) const fn optional(mut self) -> Self {
        self.argument = Argument::Optional;
        self
    }

    /// What counts where the option is not given.
    pub(in crate::cli) const fn or(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// The parser refuses to go on without it.
    pub(in crate::cli) const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    fn is_number(&self) -> bool {
        self.describes.starts_with("Integer") || self.describes.starts_with("Long")
    }
}

/// A tool's options, as they were given.
#[derive(Debug)]
pub(in crate::cli) struct Options {
    specs: Vec<OptionSpec>,
    given: Vec<(&'static str, Option<String>)>,
}

/// Every tool has these two.
const COMMON: [OptionSpec; 2] =
    [flag("help", "Print this list of options."), flag("version", "Print the version of Kafka these tools are of.")];

impl Options {
    /// Reads the arguments.
    ///
    /// # Errors
    /// What jopt-simple throws: an unknown option, a missing argument.
    pub(in crate::cli) fn parse(specs: &[OptionSpec], arguments: &[String]) -> Result<Self, Exception> {
        let mut specs: Vec<OptionSpec> = COMMON.iter().chain(specs).copied().collect();
        sort_by_key(&mut specs, |spec| spec.name);
        let mut options = Self { specs, given: Vec::new() };
        let mut arguments = arguments.iter().map(String::as_str).peekable();
        while let Some(argument) = arguments.next() {
            // A single dash does as well, before a whole name.
            let Some(text) = argument.strip_prefix('-').filter(|text| !text.is_empty()) else { continue };
            let (is_long, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
            if text.is_empty() {
                break;
            }
            let (name, attached) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
            let Some(spec) = options.specs.iter().find(|spec| spec.name == name).copied() else {
                let unknown = if is_long { name } else { &text[..text.chars().next().map_or(0, char::len_utf8)] };
                let message = format!("{unknown} is not a recognized option");
                return Err(Exception::new("joptsimple.UnrecognizedOptionException", message));
            };
            let given = match (spec.argument, attached) {
                (Argument::None, _) => None,
                (_, Some(value)) if !value.is_empty() || spec.argument == Argument::Optional => Some(value.to_owned()),
                (Argument::Required, _) => {
                    let missing = || {
                        let message = format!("Option {name} requires an argument");
                        Exception::new("joptsimple.OptionMissingRequiredArgumentException", message)
                    };
                    Some(arguments.next().ok_or_else(missing)?.to_owned())
                }
                (Argument::Optional, _) => {
                    let fits = |next: &&str| !next.starts_with('-') || spec.is_number() && next.parse::<i64>().is_ok();
                    arguments.next_if(fits).map(ToOwned::to_owned)
                }
            };
            options.given.push((spec.name, given));
        }
        let missing = options.specs.iter().filter(|spec| spec.is_required && !options.has(spec.name));
        let missing: Vec<&str> = missing.map(|spec| spec.name).collect();
        // Whoever asks for help, or for nothing at all, gets it.
        if missing.is_empty() || options.has("help") || options.has("version") || options.given.is_empty() {
            return Ok(options);
        }
        let message = format!("Missing required option(s) [{}]", missing.join(", "));
        Err(Exception::new("joptsimple.MissingRequiredOptionsException", message))
    }

    /// As [`Options::parse`]; what cannot be read ends the tool with the list of options.
    pub(in crate::cli) fn parse_or_usage(specs: &[OptionSpec], terminal: &Terminal) -> Result<Self, Failure> {
        Self::parse(specs, &terminal.arguments()).map_err(|exception| match Self::parse(specs, &[]) {
            Ok(none) => none.usage(terminal, &exception.message),
            Err(_) => exception.into(),
        })
    }

    /// The option was given.
    pub(in crate::cli) fn has(&self, name: &str) -> bool {
        self.given.iter().any(|given| given.0 == name)
    }

    /// What was given, in the order of the words.
    pub(in crate::cli) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.given.iter().map(|given| given.0)
    }

    /// How many of these were given.
    pub(in crate::cli) fn count(&self, names: &[&str]) -> usize {
        names.iter().filter(|name| self.has(name)).count()
    }

    /// All arguments of an option.
    pub(in crate::cli) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.given.iter().filter(move |given| given.0 == name).filter_map(|given| given.1.as_deref())
    }

    /// The argument of an option, or its default.
    ///
    /// # Errors
    /// It was given more than once.
    pub(in crate::cli) fn value(&self, name: &'static str) -> Result<Option<&str>, Exception> {
        let mut values = self.values(name);
        match (values.next(), values.next()) {
            (None, _) => Ok(self.specs.iter().find(|spec| spec.name == name).and_then(|spec| spec.default)),
            (value, None) => Ok(value),
            _ => {
                let message = format!("Found multiple arguments for option {name}, but you asked for only one");
                Err(Exception::new("joptsimple.MultipleArgumentsForOptionException", message))
            }
        }
    }

    /// The argument of an option that takes a number.
    ///
    /// # Errors
    /// It is none, or was given more than once.
    pub(in crate::cli) fn number<T: core::str::FromStr>(&self, name: &'static str) -> Result<Option<T>, Exception> {
        let Some(text) = self.value(name)? else { return Ok(None) };
        let none = || {
            let message = format!("Cannot parse argument '{text}' of option {name}");
            let format = Exception::new("java.lang.NumberFormatException", format!("For input string: \"{text}\""));
            let reflection = Exception::new("joptsimple.internal.ReflectionException", format.to_string());
            Exception::new("joptsimple.OptionArgumentConversionException", message)
                .because(&reflection.because(&format))
        };
        text.parse().map(Some).map_err(|_| none())
    }

    /// Prints the help or the version and ends the tool, where that is asked for; `nothing` is said where nothing is.
    pub(in crate::cli) fn print_help_or_version(&self, terminal: &Terminal, help: &str) -> Result<(), Failure> {
        if self.has("help") || terminal.arguments().is_empty() {
            return Err(self.usage(terminal, help));
        }
        if self.has("version") {
            terminal.line(VERSION);
            return Err(Failure::Exit(0));
        }
        Ok(())
    }

    /// Prints why, and the options there are; the end of the tool.
    pub(in crate::cli) fn usage(&self, terminal: &Terminal, message: &str) -> Failure {
        terminal.error_line(message);
        for line in self.table() {
            terminal.error_line(&line);
        }
        Failure::Exit(1)
    }

    /// Wants these options.
    pub(in crate::cli) fn require(&self, terminal: &Terminal, names: &[&str]) -> Result<(), Failure> {
        match names.iter().find(|name| !self.has(name)) {
            Some(name) => Err(self.usage(terminal, &format!("Missing required argument \"[{name}]\""))),
            None => Ok(()),
        }
    }

    /// Wants none of `others` beside `used`.
    pub(in crate::cli) fn exclude(&self, terminal: &Terminal, used: &str, others: &[&str]) -> Result<(), Failure> {
        match others.iter().find(|other| self.has(used) && self.has(other)) {
            Some(other) => {
                Err(self.usage(terminal, &format!("Option \"[{used}]\" can't be used with option \"[{other}]\"")))
            }
            None => Ok(()),
        }
    }

    /// The table of help, line by line.
    fn table(&self) -> Vec<String> {
        let has_required = self.specs.iter().any(|spec| spec.is_required);
        let head = if has_required { "Option (* = required)" } else { "Option" };
        let mut rows = Vec::from([(head.to_string(), "Description".to_string())]);
        rows.push(("-".repeat(head.len()), "-----------".to_string()));
        for spec in &self.specs {
            let left = match spec.argument {
                Argument::None => format!("--{}", spec.name),
                Argument::Required => format!("--{} <{}>", spec.name, spec.describes),
                Argument::Optional => format!("--{} [{}]", spec.name, spec.describes),
            };
            let left = if spec.is_required { format!("* {left}") } else { left };
            let default = spec.default.map(|default| format!(" (default: {default})")).unwrap_or_default();
            rows.push((left, format!("{}{default}", spec.help)));
        }
        let widest = |column: fn(&(String, String)) -> &String| {
            rows.iter().map(|row| column(row).chars().count()).max().unwrap_or(0)
        };
        let left = widest(|row| &row.0).min((WIDTH - GAP) / 2);
        let right = widest(|row| &row.1).min(WIDTH - GAP - left);
        let mut lines = Vec::new();
        for (option, help) in &rows {
            let (option, help) = (pieces(option, left), pieces(help, right));
            for at in 0..option.len().max(help.len()) {
                let cell = |pieces: &[String]| pieces.get(at).cloned().unwrap_or_default();
                lines.push(format!("{:<left$}{:GAP$}{:<right$}", cell(&option), "", cell(&help)));
            }
        }
        lines
    }
}

/// Cuts a cell into lines.
fn pieces(text: &str, width: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    for line in text.trim().lines() {
        let mut piece = String::new();
        for word in line_break::pieces(line) {
            if piece.chars().count() + word.chars().count() > width {
                pieces.push(piece.trim_end().to_owned());
                piece = format!("{:INDENT$}{word}", "");
            } else {
                piece.push_str(word);
            }
        }
        if !piece.is_empty() {
            pieces.push(piece);
        }
    }
    pieces
}
