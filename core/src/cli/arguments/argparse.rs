//! Arguments and sub-commands as argparse4j reads them: some of Kafka's tools stand on that library. Its usage lines, its
//! help, its errors, all filled to the width of a line are in `argparse_help`.

use super::argparse_help;
use crate::cli::failure::Failure;
use crate::cli::terminal::Terminal;
use crate::sorted::sort;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// What an argument does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Action {
    /// Takes a value; the last counts.
    Store,
    /// Takes a value, as often as it is given.
    Append,
    /// Takes all values that follow; only those of the last time count.
    Several,
    /// Is there or not.
    StoreTrue,
    /// Prints the help.
    Help,
    /// Prints the version of Kafka.
    Version,
}

/// An argument of a tool or of a sub-command.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Argument {
    pub(in crate::cli) flags: &'static [&'static str],
    pub(in crate::cli) action: Action,
    pub(in crate::cli) help: &'static str,
    pub(in crate::cli) is_required: bool,
    pub(in crate::cli) number: Number,
    /// What the help calls its value; empty where that is made of its own name.
    pub(in crate::cli) value_name: &'static str,
    /// Which of the groups beside it.
    pub(in crate::cli) group: Option<usize>,
}

/// What kind of number a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Number {
    /// Any text.
    None,
    /// Java's `Short`.
    Short,
    /// Java's `Integer`.
    Integer,
    /// Java's `Long`.
    Long,
    /// Java's `Double`.
    Double,
}

impl Number {
    /// Its class, where a text is none of it.
    fn missed_by(self, text: &str) -> Option<&'static str> {
        let (is_one, class) = match self {
            Self::None => return None,
            Self::Short => (text.parse::<i16>().is_ok(), "Short"),
            Self::Integer => (text.parse::<i32>().is_ok(), "Integer"),
            Self::Long => (text.parse::<i64>().is_ok(), "Long"),
            Self::Double => (text.trim().parse::<f64>().is_ok(), "Double"),
        };
        (!is_one).then_some(class)
    }
}

/// An argument that takes a value.
pub(in crate::cli) const fn store(flags: &'static [&'static str], help: &'static str) -> Argument {
    Argument {
        flags,
        action: Action::Store,
        help,
        is_required: false,
        number: Number::None,
        value_name: "",
        group: None,
    }
}

/// An argument that takes a value each time it is given.
pub(in crate::cli) const fn append(flags: &'static [&'static str], help: &'static str) -> Argument {
    Argument { action: Action::Append, ..store(flags, help) }
}

/// An argument that takes all values that follow it.
pub(in crate::cli) const fn several(flags: &'static [&'static str], help: &'static str) -> Argument {
    Argument { action: Action::Several, ..store(flags, help) }
}

/// An argument without a value.
pub(in crate::cli) const fn store_true(flags: &'static [&'static str], help: &'static str) -> Argument {
    Argument { action: Action::StoreTrue, ..store(flags, help) }
}

/// Every parser has it.
pub(in crate::cli) const HELP: Argument =
    Argument { action: Action::Help, ..store(&["-h", "--help"], "Print this help and exit.") };

/// Some parsers have it.
pub(in crate::cli) const VERSION: Argument =
    Argument { action: Action::Version, ..store(&["-v", "--version"], "Print the version of Kafka and exit.") };

impl Argument {
    /// Must be given.
    pub(in crate::cli) const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// Its value is an integer.
    pub(in crate::cli) const fn integer(self) -> Self {
        self.number(Number::Integer)
    }

    /// Its value is a number of this kind.
    pub(in crate::cli) const fn number(mut self, number: Number) -> Self {
        self.number = number;
        self
    }

    /// What the help calls its value.
    pub(in crate::cli) const fn called(mut self, value_name: &'static str) -> Self {
        self.value_name = value_name;
        self
    }

    /// It is in this of the groups.
    pub(in crate::cli) const fn in_group(mut self, group: usize) -> Self {
        self.group = Some(group);
        self
    }

    pub(in crate::cli) const fn takes_value(&self) -> bool {
        matches!(self.action, Action::Store | Action::Append | Action::Several)
    }

    /// How messages name it.
    pub(in crate::cli) fn textual_name(&self) -> String {
        self.flags.join("/")
    }

    /// The first long flag, else the first, without its dashes.
    pub(in crate::cli) fn name(&self) -> &'static str {
        let long = self.flags.iter().find(|flag| flag.starts_with("--"));
        long.or(self.flags.first()).map_or("", |flag| flag.trim_start_matches('-'))
    }
}

/// Arguments that belong together.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) enum Group {
    /// The help has a part of this title for them.
    Titled(&'static str),
    /// As before, and the part begins with this.
    Explained(&'static str, &'static str),
    /// One of them at most may be given.
    Exclusive {
        /// And one must.
        is_required: bool,
    },
    /// One of them must be given, and no other; the help has a part for them that begins with this.
    Described(&'static str),
}

impl Group {
    /// Where one argument at most may be given: whether one must.
    pub(in crate::cli) const fn exclusive(self) -> Option<bool> {
        match self {
            Self::Titled(_) | Self::Explained(..) => None,
            Self::Exclusive { is_required } => Some(is_required),
            Self::Described(_) => Some(true),
        }
    }
}

/// A sub-command.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Command {
    /// Its name.
    pub(in crate::cli) name: &'static str,
    /// What it does.
    pub(in crate::cli) help: &'static str,
    /// What it does, as its own help has it; most have nothing.
    pub(in crate::cli) description: &'static str,
    /// Its arguments.
    pub(in crate::cli) arguments: &'static [Argument],
    /// Groups of them.
    pub(in crate::cli) groups: &'static [Group],
}

/// A tool with sub-commands.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Parser {
    /// What it calls itself.
    pub(in crate::cli) name: &'static str,
    /// What it is for.
    pub(in crate::cli) description: &'static str,
    /// Arguments before the sub-command.
    pub(in crate::cli) arguments: &'static [Argument],
    /// Groups of them.
    pub(in crate::cli) groups: &'static [Group],
    /// Its sub-commands; none where it does one thing.
    pub(in crate::cli) commands: &'static [Command],
    /// What the usage calls a sub-command; empty where it names them all.
    pub(in crate::cli) command_name: &'static str,
    /// Columns of a line of what is printed.
    pub(in crate::cli) width: usize,
}

/// What was given.
#[derive(Debug, Default)]
pub(in crate::cli) struct Arguments {
    /// The sub-command.
    pub(in crate::cli) command: &'static str,
    given: Vec<(&'static str, String)>,
}

impl Arguments {
    /// It was given.
    pub(in crate::cli) fn has(&self, name: &str) -> bool {
        self.given.iter().any(|given| given.0 == name)
    }

    /// The last value that was given.
    pub(in crate::cli) fn value(&self, name: &str) -> Option<&str> {
        self.given.iter().rev().find(|given| given.0 == name).map(|given| given.1.as_str())
    }

    /// All values, in their order.
    pub(in crate::cli) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.given.iter().filter(move |given| given.0 == name).map(|given| given.1.as_str())
    }

    /// The value of an argument that is an integer.
    pub(in crate::cli) fn integer(&self, name: &str) -> Option<i32> {
        self.number(name)
    }

    /// The value of an argument that is a number.
    pub(in crate::cli) fn number<T: core::str::FromStr>(&self, name: &str) -> Option<T> {
        self.value(name).and_then(|text| text.trim().parse().ok())
    }
}

/// Why there are no [`Arguments`].
#[derive(Debug)]
pub(in crate::cli) enum Stopped {
    /// The help was asked for: this is it.
    Help(String),
    /// The version was asked for.
    Version,
    /// A mistake.
    Wrong {
        /// In one sentence.
        message: String,
        /// With the usage, as argparse4j prints it.
        shown: String,
    },
}

/// What Kafka's release is made of, which these tools tell beside the version.
const COMMIT: &str = "a9ce3221537b8653";

impl Stopped {
    /// Prints it as argparse4j does; the end of the tool, with this code after the help.
    pub(in crate::cli) fn end(&self, terminal: &Terminal, code_of_help: i32) -> Failure {
        match self {
            Self::Help(text) => {
                terminal.print(text);
                Failure::Exit(code_of_help)
            }
            Self::Version => {
                terminal.line(&format!("{} (Commit:{COMMIT})", crate::cli::VERSION));
                Failure::Exit(0)
            }
            Self::Wrong { shown, .. } => {
                terminal.print_error(shown);
                Failure::Exit(1)
            }
        }
    }
}

/// Columns of a line where nobody says how wide the screen is.
pub(in crate::cli) const WIDTH: usize = 75;

impl Parser {
    /// The same for this terminal: argparse4j leaves five columns of `COLUMNS` free. Without that variable it asks a real
    /// terminal, of which there is none here.
    pub(in crate::cli) fn on(self, terminal: &Terminal) -> Self {
        // Java's integers take a sign and nothing else besides digits.
        let columns = terminal.columns_variable().and_then(|columns| columns.parse::<i32>().ok()).unwrap_or_default();
        let width = columns.checked_sub(5).and_then(|width| usize::try_from(width).ok()).filter(|width| *width > 0);
        Self { width: width.unwrap_or(WIDTH), ..self }
    }

    /// Reads arguments.
    ///
    /// # Errors
    /// The help, or what is wrong with them.
    pub(in crate::cli) fn parse(&self, words: &[String]) -> Result<Arguments, Stopped> {
        let mut state = State { parser: self, words, at: 0, is_separated: false, deferred: None, given: Vec::new() };
        let command = state.read(&Level::top(self))?;
        match state.deferred {
            Some(stopped) => Err(stopped),
            None => Ok(Arguments { command, given: state.given }),
        }
    }

    /// A mistake that the tool itself found.
    pub(in crate::cli) fn wrong(&self, command: Option<&str>, message: String) -> Stopped {
        let command = command.and_then(|name| self.commands.iter().find(|command| command.name == name));
        command.map_or_else(|| Level::top(self), Level::of).wrong(self, message, "")
    }
}

/// The tool's own arguments, or those of a sub-command.
pub(in crate::cli) struct Level<'a> {
    pub(in crate::cli) command: Option<&'a Command>,
    pub(in crate::cli) arguments: Vec<&'a Argument>,
    pub(in crate::cli) groups: &'a [Group],
}

impl<'a> Level<'a> {
    pub(in crate::cli) fn top(parser: &'a Parser) -> Self {
        let arguments = [&HELP].into_iter().chain(parser.arguments).collect();
        Self { command: None, arguments, groups: parser.groups }
    }

    pub(in crate::cli) fn of(command: &'a Command) -> Self {
        let arguments = [&HELP].into_iter().chain(command.arguments).collect();
        Self { command: Some(command), arguments, groups: command.groups }
    }

    /// The arguments of a group.
    pub(in crate::cli) fn members(&self, group: usize) -> impl Iterator<Item = &'a Argument> {
        self.arguments.iter().copied().filter(move |argument| argument.group == Some(group))
    }

    pub(in crate::cli) fn is_exclusive(&self, argument: &Argument) -> bool {
        let group = argument.group.and_then(|group| self.groups.get(group));
        group.is_some_and(|group| group.exclusive().is_some())
    }

    /// A mistake in this level's arguments; `similar` follows what argparse4j shows.
    fn wrong(&self, parser: &Parser, message: String, similar: &str) -> Stopped {
        let shown = format!("{}{similar}", argparse_help::error(parser, self, &message));
        Stopped::Wrong { message, shown }
    }

    fn flags(&self) -> impl Iterator<Item = (&'static str, &'a Argument)> {
        self.arguments.iter().flat_map(|argument| argument.flags.iter().map(|flag| (*flag, *argument)))
    }

    fn find(&self, flag: &str) -> Option<&'a Argument> {
        self.flags().find(|(name, _)| *name == flag).map(|found| found.1)
    }

    /// The argument of a flag, which may be cut short where it is the only one.
    fn resolve(&self, parser: &Parser, flag: &str) -> Result<Option<&'a Argument>, Stopped> {
        if let Some(argument) = self.find(flag) {
            return Ok(Some(argument));
        }
        let mut candidates: Vec<&str> =
            self.flags().map(|found| found.0).filter(|name| name.starts_with(flag)).collect();
        if candidates.is_empty() {
            return Ok(None);
        }
        if self.are_short(flag) {
            candidates.extend(flag.get(..2));
        } else if let [only] = candidates[..] {
            return Ok(self.find(only));
        }
        sort(&mut candidates);
        let message = format!("ambiguous option: {flag} could match {}", candidates.join(", "));
        Err(self.wrong(parser, message, ""))
    }

    /// The text is a dash and short flags.
    fn are_short(&self, text: &str) -> bool {
        let Some(letters) = text.strip_prefix('-').filter(|rest| !rest.is_empty() && !rest.starts_with('-')) else {
            return false;
        };
        for letter in letters.chars() {
            match self.find(&format!("-{letter}")) {
                None => return false,
                Some(argument) if argument.takes_value() => return true,
                Some(_) => {}
            }
        }
        true
    }
}

struct State<'a> {
    parser: &'a Parser,
    words: &'a [String],
    at: usize,
    /// Behind `--`.
    is_separated: bool,
    /// A mistake of the tool's own arguments; those of the sub-command come first.
    deferred: Option<Stopped>,
    given: Vec<(&'static str, String)>,
}

/// What was given of one level.
struct Used<'a> {
    arguments: Vec<&'static str>,
    /// By group: who was given of it.
    groups: Vec<Option<&'a Argument>>,
}

impl<'a> State<'a> {
    /// Reads the words of a level; answers the sub-command.
    fn read(&mut self, level: &Level<'a>) -> Result<&'static str, Stopped> {
        let mut used = Used { arguments: Vec::new(), groups: vec![None; level.groups.len()] };
        while let Some(word) = self.words.get(self.at) {
            if word == "--" && !self.is_separated {
                self.is_separated = true;
                self.at += 1;
            } else if self.is_flag(word) {
                self.read_flag(level, &mut used, word)?;
            } else if level.command.is_none() && !self.is_separated && !self.parser.commands.is_empty() {
                self.check_required(level, &used);
                return self.read_command(level, word);
            } else {
                let rest = self.words.get(self.at..).unwrap_or_default().join(" ");
                return Err(level.wrong(self.parser, format!("unrecognized arguments: '{rest}'"), ""));
            }
        }
        if level.command.is_none() && !self.parser.commands.is_empty() {
            return Err(level.wrong(self.parser, "too few arguments".to_owned(), ""));
        }
        self.check_required(level, &used);
        Ok(level.command.map_or("", |command| command.name))
    }

    fn read_command(&mut self, level: &Level<'a>, word: &str) -> Result<&'static str, Stopped> {
        let commands = self.parser.commands;
        let names: Vec<&str> = commands.iter().map(|command| command.name).collect();
        let mut candidates: Vec<&str> =
            names.iter().copied().filter(|name| *name == word || !word.is_empty() && name.starts_with(word)).collect();
        sort(&mut candidates);
        let exact = commands.iter().find(|command| command.name == word);
        let only =
            if let [only] = candidates[..] { commands.iter().find(|command| command.name == only) } else { None };
        if let Some(command) = exact.or(only) {
            self.at += 1;
            return self.read(&Level::of(command));
        }
        if candidates.is_empty() {
            let choices = names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
            let similar = argparse_help::similar(word, names.iter().map(|name| (*name, *name)));
            let message = format!("invalid choice: '{word}' (choose from {choices})");
            return Err(level.wrong(self.parser, message, &similar));
        }
        let message = format!("ambiguous command: {word} could match {}", candidates.join(", "));
        Err(level.wrong(self.parser, message, ""))
    }

    /// Numbers are no flags.
    fn is_flag(&self, word: &str) -> bool {
        let is_number =
            || word.strip_prefix('-').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
        !self.is_separated
            && (word == "--" || !word.trim_start_matches('-').is_empty() && word.starts_with('-') && !is_number())
    }

    fn read_flag(&mut self, level: &Level<'a>, used: &mut Used<'a>, word: &str) -> Result<(), Stopped> {
        let (flag, embedded) = word.split_once('=').map_or((word, None), |(flag, value)| (flag, Some(value)));
        if let Some(argument) = level.resolve(self.parser, flag)? {
            self.at += 1;
            return self.run(level, used, argument, embedded);
        }
        let letters = word.strip_prefix('-').filter(|rest| !rest.starts_with('-')).unwrap_or_default();
        let mut rest = letters.chars();
        while let Some(letter) = rest.next() {
            let Some(argument) = level.find(&format!("-{letter}")) else { break };
            if argument.takes_value() {
                self.at += 1;
                let embedded = Some(rest.as_str()).filter(|rest| !rest.is_empty());
                return self.run(level, used, argument, embedded);
            }
            self.run(level, used, argument, None)?;
            if rest.as_str().is_empty() {
                self.at += 1;
                return Ok(());
            }
        }
        let body = word.trim_start_matches('-');
        let flags = level.flags().map(|(flag, _)| (flag, flag.trim_start_matches('-'))).filter(|flag| flag.1.len() > 1);
        let similar = if body.chars().count() > 1 { argparse_help::similar(body, flags) } else { String::new() };
        Err(level.wrong(self.parser, format!("unrecognized arguments: '{word}'"), &similar))
    }

    fn run(
        &mut self,
        level: &Level<'a>,
        used: &mut Used<'a>,
        argument: &'a Argument,
        embedded: Option<&str>,
    ) -> Result<(), Stopped> {
        let wrong =
            |message: String| level.wrong(self.parser, format!("argument {}: {message}", argument.textual_name()), "");
        if level.is_exclusive(argument)
            && let Some(of_group) = argument.group.and_then(|group| used.groups.get_mut(group))
        {
            let first = *of_group.get_or_insert(argument);
            if first.name() != argument.name() {
                return Err(wrong(format!("not allowed with argument {}", first.textual_name())));
            }
        }
        let mut values = Vec::new();
        match (argument.takes_value(), embedded) {
            (false, Some(value)) => return Err(wrong(format!("ignore implicit argument '{value}'"))),
            (false, None) => values.push(String::new()),
            (true, Some(value)) => values.push(value.to_owned()),
            (true, None) => {
                while let Some(next) = self.words.get(self.at).filter(|word| !self.is_flag(word)) {
                    values.push(next.clone());
                    self.at += 1;
                    if argument.action != Action::Several {
                        break;
                    }
                }
            }
        }
        if values.is_empty() {
            let several = argument.action == Action::Several;
            return Err(wrong((if several { "expected 1 argument(s)" } else { "expected one argument" }).to_owned()));
        }
        for value in &values {
            if let Some(class) = argument.number.missed_by(value) {
                // Java reads a short as an integer, and then looks whether it is short.
                let why = if argument.number == Number::Short && value.parse::<i32>().is_ok() {
                    format!("Value out of range. Value:\"{value}\" Radix:10")
                } else {
                    format!("For input string: \"{value}\"")
                };
                let message = format!("could not convert '{value}' to {class} ({why})");
                return Err(wrong(message));
            }
        }
        if argument.action == Action::Help {
            return Err(Stopped::Help(argparse_help::help(self.parser, level)));
        }
        if argument.action == Action::Version {
            return Err(Stopped::Version);
        }
        used.arguments.push(argument.name());
        if argument.action == Action::Several {
            self.given.retain(|given| given.0 != argument.name());
        }
        self.given.extend(values.into_iter().map(|value| (argument.name(), value)));
        Ok(())
    }

    /// Of several that are missing the last is named.
    fn check_required(&mut self, level: &Level<'a>, used: &Used<'a>) {
        if self.deferred.is_some() {
            return;
        }
        let is_missing = |one: &&&Argument| one.is_required && !used.arguments.contains(&one.name());
        if let Some(argument) = level.arguments.iter().rfind(is_missing) {
            let message = format!("argument {} is required", argument.textual_name());
            self.deferred = Some(level.wrong(self.parser, message, ""));
            return;
        }
        for (index, group) in level.groups.iter().enumerate() {
            let is_missing = used.groups.get(index).is_some_and(Option::is_none);
            if group.exclusive() == Some(true) && is_missing {
                let names = level.members(index).map(|one| one.textual_name() + " ").collect::<String>();
                let message = format!("one of the arguments {names}is required");
                self.deferred = Some(level.wrong(self.parser, message, ""));
            }
        }
    }
}

impl core::fmt::Display for Stopped {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Help(text) => text,
            Self::Version => crate::cli::VERSION,
            Self::Wrong { message, .. } => message,
        })
    }
}

#[cfg(test)]
#[path = "argparse_tests.rs"]
mod tests;
