//! What a word that is being typed may become.

use super::builtins;
use super::escapes::escaped;
use super::file_system::name_of;
use super::interpreter::Shell;
use super::machine::{Candidates, Report};
use super::syntax::RESERVED;
use crate::cli::{Environment, Program, ProgramOutput};
use crate::sorted::sort;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A question: what may the word before the cursor become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) ticket: u64,
    pub(super) line: String,
    /// Letters before the cursor.
    pub(super) cursor: usize,
}

/// The command that is being typed, up to the cursor.
struct Typing {
    /// Words before, of this command.
    words: Vec<String>,
    /// The word without its quotes.
    word: String,
    /// Letters before it.
    from: usize,
    quote: Option<char>,
    /// A file is wanted: `<` or `>` precedes.
    is_redirected: bool,
}

impl Typing {
    fn of(line: &str, cursor: usize) -> Self {
        let mut typing = Self { words: Vec::new(), word: String::new(), from: 0, quote: None, is_redirected: false };
        let mut is_begun = false;
        let mut letters = line.chars().take(cursor).enumerate();
        while let Some((at, letter)) = letters.next() {
            let is_blank = letter.is_whitespace();
            if typing.quote.is_none() && (is_blank || ";|&()<>`".contains(letter)) {
                if core::mem::take(&mut is_begun) {
                    let word = core::mem::take(&mut typing.word);
                    if !core::mem::take(&mut typing.is_redirected) {
                        typing.words.push(word);
                    }
                }
                match letter {
                    '<' | '>' => typing.is_redirected = true,
                    _ if is_blank => {}
                    _ => {
                        typing.words.clear();
                        typing.is_redirected = false;
                    }
                }
                typing.from = at + 1;
                continue;
            }
            is_begun = true;
            match (letter, typing.quote) {
                (letter, Some(quote)) if letter == quote => typing.quote = None,
                ('\'' | '"', None) => typing.quote = Some(letter),
                ('\\', None) => typing.word.extend(letters.next().map(|(_, escaped)| escaped)),
                _ => typing.word.push(letter),
            }
        }
        // What precedes the command itself.
        while let Some(first) = typing.words.first()
            && (is_before_command(first) || first.contains('='))
        {
            typing.words.remove(0);
        }
        typing
    }

    /// A word as it is put into the line.
    fn quoted(&self, text: &str) -> String {
        match self.quote {
            Some(quote) => format!("{quote}{text}"),
            None => escaped(text),
        }
    }

    fn end(&self) -> String {
        let quote = self.quote.map(String::from).unwrap_or_default();
        quote + " "
    }
}

fn is_before_command(word: &str) -> bool {
    ["if", "then", "elif", "else", "while", "until", "do", "{", "!", "time", "nohup", "exec", "command"].contains(&word)
}

impl Shell {
    /// Answers a question.
    pub(super) async fn complete(&self, question: Question) {
        let Question { ticket, line, cursor } = question;
        let typing = Typing::of(&line, cursor);
        let (from, candidates) = self.candidates(&typing).await;
        let to = cursor.min(line.chars().count());
        self.kernel.report(Report::Completions { ticket, from, to, candidates });
    }

    async fn candidates(&self, typing: &Typing) -> (usize, Candidates) {
        let from = typing.from;
        if let Some((before, name)) = typing.word.rsplit_once('$').filter(|_| typing.quote != Some('\'')) {
            let (brace, end, name) = match name.strip_prefix('{') {
                Some(name) => ("{", "}", name),
                None => ("", "", name),
            };
            if name.chars().all(|letter| letter == '_' || letter.is_ascii_alphanumeric()) {
                let names = self.variables.keys().filter(|known| known.starts_with(name));
                let quote = typing.quote.map(String::from).unwrap_or_default();
                let words = names.map(|known| format!("{quote}{before}${brace}{known}{end}")).collect();
                return (from, Candidates::Words(words));
            }
        }
        let Some(command) = typing.words.first().filter(|_| !typing.is_redirected) else {
            if typing.is_redirected {
                return (from, Candidates::Words(self.files(typing, |_| true).await));
            }
            return (from, Candidates::Words(self.programs(typing).await));
        };
        if command == "cd" || command == "rmdir" {
            return (from, Candidates::Words(self.files(typing, |entry| entry.is_directory).await));
        }
        if let Some(tool) = crate::cli::find(name_of(command)) {
            let action = typing.words.get(1).filter(|action| !action.starts_with('-'));
            let help = self.help(tool, action);
            let options = options_of(&help);
            if typing.word.starts_with('-') {
                let found = options.iter().filter(|(name, _)| name.starts_with(&typing.word));
                return (from, Candidates::Words(found.map(|(name, _)| format!("{name} ")).collect()));
            }
            let actions = help.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(actions, _)| actions);
            if let Some(actions) = actions.filter(|_| typing.words.len() == 1) {
                let found = actions.split(',').filter(|action| action.starts_with(&typing.word));
                return (from, Candidates::Words(found.map(|action| format!("{action} ")).collect()));
            }
            let before = typing.words.last().map_or("", String::as_str);
            if options.iter().any(|(name, has_value)| name == before && *has_value) {
                let files = self.files(typing, |_| true).await;
                let (tool, option) = (tool.name, before.to_string());
                return (from, Candidates::ValueOf { tool, option, files });
            }
        }
        (from, Candidates::Words(self.files(typing, |_| true).await))
    }

    /// What a tool prints for `--help`, of one of its actions.
    fn help(&self, tool: &crate::cli::Tool, action: Option<&String>) -> String {
        let arguments = action.cloned().into_iter().chain(["--help".to_string()]).collect();
        let mut program = Program::of(self.kernel.now(), tool, arguments, &Environment::default());
        let mut help = String::new();
        loop {
            match program.poll_output() {
                ProgramOutput::StandardOutput(bytes) | ProgramOutput::StandardError(bytes) => {
                    help.push_str(&super::escapes::lossy(&bytes));
                }
                ProgramOutput::Exit(_) | ProgramOutput::Wait { .. } => return help,
                _ => {}
            }
        }
    }

    async fn programs(&self, typing: &Typing) -> Vec<String> {
        if typing.word.contains('/') {
            return self.files(typing, |entry| entry.is_directory || entry.is_executable).await;
        }
        let mut names: Vec<String> = builtins::names().chain(RESERVED).map(String::from).collect();
        names.extend(self.aliases.keys().chain(self.functions.keys()).cloned());
        for directory in self.value("PATH").unwrap_or_default().split(':') {
            let entries = self.entries(directory).await.into_iter();
            names.extend(entries.filter(|entry| entry.is_executable).map(|entry| entry.name.to_string()));
        }
        names.retain(|name| name.starts_with(&typing.word));
        sort(&mut names);
        names.dedup();
        let end = typing.end();
        let quote = typing.quote.map(String::from).unwrap_or_default();
        let words = names.into_iter().map(|name| format!("{quote}{name}{end}"));
        let mut words: Vec<String> = words.collect();
        if words.is_empty() {
            words = self.files(typing, |entry| entry.is_directory).await;
        }
        words
    }

    async fn files(&self, typing: &Typing, is_wanted: fn(&crate::cli::file::FileStatus) -> bool) -> Vec<String> {
        let (directory, start) = match typing.word.rsplit_once('/') {
            Some((directory, start)) => (format!("{directory}/"), start),
            None => (String::new(), typing.word.as_str()),
        };
        let searched = match directory.strip_prefix("~/") {
            Some(rest) if typing.quote.is_none() => format!("{}/{rest}", self.value("HOME").unwrap_or_default()),
            _ if directory.is_empty() => ".".to_string(),
            _ => directory.clone(),
        };
        let shown = match directory.strip_prefix("~/") {
            Some("") if typing.quote.is_none() => "~/".to_string(),
            Some(rest) if typing.quote.is_none() => format!("~/{}", escaped(rest)),
            _ if directory.is_empty() => String::new(),
            _ => typing.quoted(&directory),
        };
        let entries = self.entries(&searched).await.into_iter();
        let entries = entries.filter(|entry| {
            entry.name.starts_with(start)
                && is_wanted(entry)
                && (!entry.name.starts_with('.') || start.starts_with('.'))
        });
        let word = |entry: crate::cli::file::FileStatus| {
            let name = if directory.is_empty() {
                typing.quoted(&entry.name)
            } else {
                match typing.quote {
                    Some(_) => entry.name.to_string(),
                    None => escaped(&entry.name),
                }
            };
            let end = if entry.is_directory { "/".to_string() } else { typing.end() };
            format!("{shown}{name}{end}")
        };
        entries.map(word).collect()
    }
}

/// The options in a table of help, and whether a value follows.
fn options_of(help: &str) -> Vec<(String, bool)> {
    let mut options: Vec<(String, bool)> = Vec::new();
    for line in help.lines() {
        let line = line.trim_start_matches([' ', '*']);
        if !line.starts_with('-') {
            continue;
        }
        // The column of options ends with two blanks.
        let column = line.split("  ").next().unwrap_or_default();
        let mut words = column.split([' ', ',']).filter(|word| !word.is_empty()).peekable();
        while let Some(word) = words.next() {
            let is_option =
                word.strip_prefix("--").is_some_and(|name| name.starts_with(|first: char| first.is_ascii_alphabetic()));
            if is_option {
                let has_value = words.peek().is_some_and(|next| !next.starts_with('-'));
                options.push((word.to_string(), has_value));
            }
        }
    }
    sort(&mut options);
    options.dedup();
    options
}
