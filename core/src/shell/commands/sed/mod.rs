//! `sed`: edits lines as they pass. Without a hold space, jumps and joined lines.

mod script;

use self::script::{Action, Address, Command, Part, Substitute};
use super::options::Syntax;
use super::pattern::{decode, encode};
use super::streams::{Input, Output, decimal};
use crate::cli::file::FileError;
use crate::cli::{Failure, Terminal};
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;
use regex_lite::Regex;

const SYNTAX: Syntax = Syntax {
    name: "sed",
    wrong: 1,
    help: "sed [OPTION]... {SCRIPT, if no -e} [FILE]...\n\
        Edits lines. Commands: s/PATTERN/TEXT/[gipN] p d q Q n = a i c y { }, behind an address or two:\n\
        NUMBER, FIRST~STEP, $, /PATTERN/, +N, and ! for all other lines.\n\
        \x20 -E, -r, --regexp-extended  extended regular expressions\n\
        \x20 -e, --expression=SCRIPT  a part of the script\n\
        \x20 -i, --in-place[=SUFFIX]  change the files; with a suffix the old ones are kept under that name\n\
        \x20 -n, --quiet, --silent  print only what p prints\n\
        \x20 -s, --separate  each file has its own line numbers\n",
};

struct Editor {
    output: Output,
    commands: Vec<Command>,
    is_quiet: bool,
    in_place: bool,
    /// What `-i` writes.
    written: Vec<u8>,
    number: u64,
    /// The regular expression used last.
    last: Option<Rc<Regex>>,
    /// Printed behind the line.
    appended: String,
    /// The last line printed had no end.
    lacks_end: bool,
    quit: Option<i32>,
    is_aborted: bool,
}

pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let mut options = SYNTAX.read(&terminal)?;
    let expressions: Vec<&str> = options.given().filter(|(key, _)| *key == "e").map(|(_, script)| script).collect();
    let script = match expressions.is_empty() {
        false => expressions.join("\n"),
        true if options.operands.is_empty() => return Err(SYNTAX.misused(&terminal, &[])),
        true => options.operands.remove(0),
    };
    let mut output = Output::new(terminal, SYNTAX.name);
    let commands = script::read(&script, options.has("E"))
        .map_err(|(at, why)| output.fatal(1, &["-e expression #1, char ", &decimal(at as u64), ": ", &why]))?;
    let in_place = options.has("i");
    let mut editor = Editor {
        output,
        commands,
        is_quiet: options.has("n"),
        in_place,
        written: Vec::new(),
        number: 0,
        last: None,
        appended: String::new(),
        lacks_end: false,
        quit: None,
        is_aborted: false,
    };
    let suffix = options.value("i").unwrap_or_default().to_string();
    let files = options.files();
    if in_place || options.has("s") {
        for file in files {
            editor.number = 0;
            if in_place {
                editor.edit(&file, &suffix).await?;
            } else {
                editor.stream(&[file]).await;
            }
            if editor.quit.is_some() {
                break;
            }
        }
    } else {
        editor.stream(&files).await;
    }
    if let Some(code) = editor.quit.filter(|code| *code != 0) {
        return Err(Failure::Exit(code));
    }
    editor.output.end()
}

/// Lines of several files, as one.
struct Source<'a> {
    files: &'a [String],
    open: Option<Input>,
    ahead: Option<Bytes>,
}

impl Source<'_> {
    async fn line(&mut self, output: &mut Output) -> Option<Bytes> {
        if let Some(line) = self.ahead.take() {
            return Some(line);
        }
        loop {
            if let Some(input) = &mut self.open
                && let Some(line) = input.line(output).await
            {
                return Some(line);
            }
            let (file, rest) = self.files.split_first()?;
            self.files = rest;
            self.open = match Input::open(&output.terminal, file).await {
                Ok(input) => Some(input),
                Err(error @ FileError::IsDirectory) => {
                    output.error(2, &["couldn't read ", file, ": ", error.words()]);
                    None
                }
                Err(error) => {
                    output.error(2, &["can't read ", file, ": ", error.words()]);
                    None
                }
            };
        }
    }

    async fn is_at_end(&mut self, output: &mut Output) -> bool {
        if self.ahead.is_none() {
            self.ahead = self.line(output).await;
        }
        self.ahead.is_none()
    }
}

impl Editor {
    /// Edits a file where it is.
    async fn edit(&mut self, file: &str, suffix: &str) -> Result<(), Failure> {
        let content = match self.output.terminal.file(file).await {
            Ok(content) => content,
            Err(FileError::IsDirectory) => {
                self.output.error(4, &["couldn't edit ", file, ": not a regular file"]);
                return Ok(());
            }
            Err(error) => {
                self.output.error(1, &["can't read ", file, ": ", error.words()]);
                return Ok(());
            }
        };
        let file = [file.to_string()];
        self.stream(&file).await;
        let [file] = file;
        let written = core::mem::take(&mut self.written);
        let backup = if suffix.contains('*') {
            suffix.replace('*', super::paths::name(&file))
        } else {
            [&file, suffix].concat()
        };
        let mut done = Ok(());
        if !suffix.is_empty() {
            done = self.output.terminal.write_file(&backup, content, false).await;
        }
        if done.is_ok() {
            done = self.output.terminal.write_file(&file, Bytes::from(written), false).await;
        }
        done.map_err(|error| self.output.fatal(4, &["couldn't open file ", &file, ": ", error.words()]))
    }

    async fn stream(&mut self, files: &[String]) {
        let commands = core::mem::take(&mut self.commands);
        let looks_ahead = commands.iter().any(|command| {
            matches!(command.from, Some(Address::Last))
                || matches!(command.to, Some(Address::Last))
                || matches!(command.action, Action::Next)
        });
        let mut source = Source { files, open: None, ahead: None };
        while self.quit.is_none()
            && let Some(line) = source.line(&mut self.output).await
        {
            self.cycle(&commands, line, &mut source, looks_ahead).await;
        }
        self.commands = commands;
    }

    /// All commands for a line.
    async fn cycle(&mut self, commands: &[Command], line: Bytes, source: &mut Source<'_>, looks_ahead: bool) {
        self.number += 1;
        let mut space = Space::of(&line);
        let mut is_last = looks_ahead && source.is_at_end(&mut self.output).await;
        let mut at = 0;
        let mut prints = true;
        while !self.is_aborted
            && let Some(command) = commands.get(at)
        {
            at += 1;
            if !self.is_for(command, &space.text, is_last) {
                if let Action::Block(end) = command.action {
                    at = end;
                }
                continue;
            }
            match &command.action {
                Action::Nothing | Action::Block(_) => {}
                Action::Print => self.print(&space),
                Action::Number => self.put(&[&decimal(self.number), "\n"].concat()),
                Action::Delete => {
                    prints = false;
                    break;
                }
                Action::Quit { code, prints: shows } => {
                    self.quit = Some(*code);
                    prints = *shows;
                    break;
                }
                Action::Next => {
                    if is_last {
                        break;
                    }
                    self.end_of_cycle(&space, !self.is_quiet);
                    let Some(line) = source.line(&mut self.output).await else { return };
                    self.number += 1;
                    space = Space::of(&line);
                    is_last = source.is_at_end(&mut self.output).await;
                }
                Action::Append(text) => self.appended.push_str(text),
                Action::Insert(text) => self.put(text),
                Action::Change(text) => {
                    if command.to.is_none() || command.is_negated || command.active.get().is_none() {
                        self.put(text);
                    }
                    prints = false;
                    break;
                }
                Action::Translate(pairs) => {
                    let new = |c: char| pairs.iter().find(|(from, _)| *from == c).map_or(c, |(_, to)| *to);
                    space.text = space.text.chars().map(new).collect();
                }
                Action::Substitute(substitute) => {
                    if self.substitute(substitute, &mut space.text) && substitute.prints {
                        self.print(&space);
                    }
                }
            }
        }
        if !self.is_aborted {
            self.end_of_cycle(&space, prints && !self.is_quiet);
        }
    }

    fn end_of_cycle(&mut self, space: &Space, prints: bool) {
        if prints {
            self.print(space);
        }
        if !self.appended.is_empty() {
            let appended = core::mem::take(&mut self.appended);
            self.put(&appended);
        }
    }

    fn put(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn print(&mut self, space: &Space) {
        self.bytes(&encode(&space.text, space.is_latin));
        if space.has_end {
            self.bytes(b"\n");
        }
        self.lacks_end = !space.has_end;
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let end: &[u8] = if core::mem::take(&mut self.lacks_end) { b"\n" } else { b"" };
        if self.in_place {
            self.written.extend_from_slice(end);
            self.written.extend_from_slice(bytes);
        } else {
            self.output.bytes(end);
            self.output.bytes(bytes);
        }
    }

    fn is_for(&mut self, command: &Command, text: &str, is_last: bool) -> bool {
        let is_for = match (&command.from, &command.to) {
            (None, _) => true,
            (Some(address), None) => self.is_at(address, text, is_last),
            (Some(from), Some(to)) => self.is_between(command, from, to, text, is_last),
        };
        is_for != command.is_negated
    }

    fn is_at(&mut self, address: &Address, text: &str, is_last: bool) -> bool {
        match address {
            Address::Line(line) => self.number == *line,
            Address::Step(first, 0) => self.number == *first,
            Address::Step(first, step) => self.number >= *first && (self.number - first).is_multiple_of(*step),
            Address::Last => is_last,
            Address::Next(_) => false,
            Address::Pattern(regex) => {
                if let Some(regex) = regex {
                    self.last = Some(regex.clone());
                }
                self.last().is_some_and(|regex| regex.is_match(text))
            }
        }
    }

    fn is_between(&mut self, command: &Command, from: &Address, to: &Address, text: &str, is_last: bool) -> bool {
        let starts_at_0 = matches!(from, Address::Line(0));
        if starts_at_0 && self.number == 1 {
            command.active.set(Some(u64::MAX));
        }
        if let Some(end) = command.active.get() {
            if end != u64::MAX && self.number > end {
                // The end was passed before, as where another command took lines away.
                command.active.set(None);
                return self.begins(command, from, to, text, is_last);
            }
            let ends = match to {
                Address::Pattern(_) | Address::Last => self.is_at(to, text, is_last),
                _ => self.number >= end,
            };
            if ends {
                command.active.set(None);
            }
            return true;
        }
        self.begins(command, from, to, text, is_last)
    }

    fn begins(&mut self, command: &Command, from: &Address, to: &Address, text: &str, is_last: bool) -> bool {
        if !self.is_at(from, text, is_last) {
            return false;
        }
        let end = match to {
            Address::Line(line) => *line,
            Address::Next(count) => self.number + count,
            Address::Step(_, step) => self.number.next_multiple_of((*step).max(1)),
            Address::Last | Address::Pattern(_) => u64::MAX,
        };
        if end > self.number && !(is_last && matches!(to, Address::Last)) {
            command.active.set(Some(end));
        }
        true
    }

    /// The regular expression used last; without one that is the end.
    fn last(&mut self) -> Option<Rc<Regex>> {
        if self.last.is_none() {
            self.output.error(1, &["-e expression #1, char 0: no previous regular expression"]);
            self.quit = Some(1);
            self.is_aborted = true;
        }
        self.last.clone()
    }

    /// Whether something was replaced.
    fn substitute(&mut self, substitute: &Substitute, text: &mut String) -> bool {
        if let Some(regex) = &substitute.regex {
            self.last = Some(regex.clone());
        }
        let Some(regex) = self.last() else { return false };
        let mut new = String::new();
        let mut end = 0;
        let mut is_replaced = false;
        for (count, found) in regex.captures_iter(text).enumerate() {
            if count + 1 < substitute.first {
                continue;
            }
            let Some(whole) = found.get(0) else { continue };
            new.push_str(text.get(end..whole.start()).unwrap_or_default());
            for part in &substitute.parts {
                match part {
                    Part::Text(text) => new.push_str(text),
                    Part::Group(group) => new.push_str(found.get(*group).map_or("", |found| found.as_str())),
                }
            }
            end = whole.end();
            is_replaced = true;
            if !substitute.is_global {
                break;
            }
        }
        if is_replaced {
            new.push_str(text.get(end..).unwrap_or_default());
            *text = new;
        }
        is_replaced
    }
}

/// The line that is edited.
struct Space {
    text: String,
    is_latin: bool,
    has_end: bool,
}

impl Space {
    fn of(line: &[u8]) -> Self {
        let (text, is_latin) = decode(super::streams::without_end(line));
        Self { text: text.into_owned(), is_latin, has_end: line.ends_with(b"\n") }
    }
}
