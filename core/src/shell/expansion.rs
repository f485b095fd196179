//! What words stand for: parameters, `$(…)`, splitting, file names.

use super::interpreter::{Descriptor, Done, Flow, Running, Shell};
use super::stream::{Sink, Source, pipe};
use super::syntax::pattern::{self, is_pattern, push_escaped, unescaped};
use super::syntax::{Action, List, Parameter, Part, Word, braces};
use super::variables::is_name;
use crate::cli::file::{FileAnswer, FileRequest};
use crate::text::Str;
use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Words that come into being; texts are patterns.
struct Fields {
    done: Vec<String>,
    current: String,
    is_begun: bool,
    /// `IFS`, where what is expanded outside of quotes is split.
    separators: Option<String>,
}

impl Fields {
    fn new(separators: Option<String>) -> Self {
        Self { done: Vec::new(), current: String::new(), is_begun: false, separators }
    }

    fn end(&mut self) {
        if core::mem::take(&mut self.is_begun) {
            self.done.push(core::mem::take(&mut self.current));
        }
    }

    fn quoted(&mut self, text: &str) {
        self.is_begun = true;
        push_escaped(&mut self.current, text);
    }

    fn plain(&mut self, text: &str) {
        self.is_begun = true;
        self.current.push_str(text);
    }

    /// What was expanded outside of quotes: its blanks separate, its `*` counts, its backslashes do not.
    fn expanded(&mut self, text: &str) {
        let separators = self.separators.clone();
        let mut after_blank = false;
        for letter in text.chars() {
            let is_separator = separators.as_ref().is_some_and(|separators| separators.contains(letter));
            if !is_separator {
                if letter == '\\' {
                    self.current.push('\\');
                }
                self.current.push(letter);
                (self.is_begun, after_blank) = (true, false);
            } else if letter.is_ascii_whitespace() {
                after_blank |= self.is_begun;
                self.end();
            } else if !core::mem::take(&mut after_blank) {
                // Between two such there is an empty word.
                self.is_begun = true;
                self.end();
            }
        }
    }
}

/// What a parameter has.
enum Found {
    None,
    One(String),
    /// `$@`, and `$*`.
    All(Vec<String>, bool),
}

impl Shell {
    /// The words of a command, all expanded.
    pub(super) async fn fields(&mut self, words: &[Word]) -> Result<Vec<String>, Flow> {
        let mut all = Vec::new();
        for word in words {
            for word in braces::expand(word) {
                let mut fields = Fields::new(Some(self.separators()));
                self.expand(&word, &mut fields).await?;
                fields.end();
                for field in fields.done {
                    self.files_of(&field, &mut all).await;
                }
            }
        }
        Ok(all)
    }

    /// The one text a word stands for, where nothing is split.
    pub(super) async fn text_of(&mut self, word: &Word) -> Result<String, Flow> {
        Ok(unescaped(&self.pattern_of(word).await?))
    }

    /// The pattern a word stands for.
    pub(super) async fn pattern_of(&mut self, word: &Word) -> Result<String, Flow> {
        let mut fields = Fields::new(None);
        self.expand(word, &mut fields).await?;
        fields.end();
        let blank = if fields.done.len() > 1 { " " } else { "" };
        Ok(fields.done.join(blank))
    }

    fn expand<'a>(&'a mut self, word: &'a Word, fields: &'a mut Fields) -> Running<'a> {
        Box::pin(async move {
            for (index, part) in word.0.iter().enumerate() {
                match part {
                    Part::Plain(text) => {
                        let is_first = match index.checked_sub(1).and_then(|before| word.0.get(before)) {
                            None => true,
                            Some(Part::Quoted(before)) => index == 1 && before.ends_with('='),
                            Some(_) => false,
                        };
                        let rest = match text.strip_prefix('~').filter(|_| is_first) {
                            Some(rest) => self.tilde(rest, fields),
                            None => text,
                        };
                        if !rest.is_empty() {
                            fields.plain(rest);
                        }
                    }
                    Part::Quoted(text) => fields.quoted(text),
                    Part::Parameter { parameter, is_quoted } => self.parameter(parameter, *is_quoted, fields).await?,
                    Part::Commands { list, is_quoted } => {
                        let output = self.output_of(list).await?;
                        put(fields, &output, *is_quoted);
                    }
                    Part::Arithmetic { expression, is_quoted } => {
                        let value = self.number_of(expression).await?;
                        put(fields, &value.to_string(), *is_quoted);
                    }
                }
            }
            Ok(())
        })
    }

    /// `~`, `~+` and `~-`; what is left of the text.
    fn tilde<'t>(&self, rest: &'t str, fields: &mut Fields) -> &'t str {
        let (name, after) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let directory = match name {
            "" => self.value("HOME"),
            "+" => self.value("PWD"),
            "-" => self.value("OLDPWD"),
            "kafka" => Some(super::distribution::HOME.to_string()),
            _ => None,
        };
        if let Some(directory) = directory {
            fields.quoted(&directory);
            after
        } else {
            fields.plain("~");
            rest
        }
    }

    async fn find(&mut self, parameter: &Parameter) -> Result<Found, Flow> {
        let name = parameter.name.as_str();
        let Some(index) = &parameter.index else {
            return Ok(match name {
                "@" | "*" => Found::All(self.arguments.clone(), name == "*"),
                _ => self.value(name).map_or(Found::None, Found::One),
            });
        };
        let values = self.variables.get(name).map(|variable| variable.values.clone()).unwrap_or_default();
        if let Some(sign @ ("@" | "*")) = index.plain() {
            return Ok(Found::All(values, sign == "*"));
        }
        let index = self.number_of(index).await?;
        let index = if index < 0 { index + values.len() as i64 } else { index };
        Ok(usize::try_from(index).ok().and_then(|index| values.get(index).cloned()).map_or(Found::None, Found::One))
    }

    async fn parameter(&mut self, parameter: &Rc<Parameter>, is_quoted: bool, fields: &mut Fields) -> Done {
        if parameter.name.starts_with("${") {
            return self.abort(&format!("{}: bad substitution", parameter.name)).await;
        }
        let mut found = self.find(parameter).await?;
        if let Action::Otherwise { kind, or_empty, word } = &parameter.action {
            return self.otherwise((&parameter.name, found, is_quoted), (*kind, *or_empty, word), fields).await;
        }
        if let (Action::Length, Found::All(all, _)) = (&parameter.action, &found) {
            put(fields, &all.len().to_string(), is_quoted);
            return Ok(());
        }
        if let (Action::Slice { from, length }, Found::All(all, is_star)) = (&parameter.action, &found) {
            let from = self.number_of(from).await?;
            let mut all = all.clone();
            if parameter.index.is_none() {
                all.insert(0, self.name.clone());
            }
            let length = match length {
                Some(length) => self.number_of(length).await?,
                None => i64::MAX,
            };
            let is_star = *is_star;
            let all = all.into_iter().skip(usize::try_from(from).unwrap_or(0));
            found = Found::All(all.take(usize::try_from(length).unwrap_or(0)).collect(), is_star);
            self.put_found(found, is_quoted, fields);
            return Ok(());
        }
        if matches!(found, Found::None) && self.options.refuses_unset {
            self.complain(&format!("{}: unbound variable", parameter.name)).await;
            self.status = if self.is_argument { 127 } else { 1 };
            return Err(Flow::Abort);
        }
        if matches!((&parameter.action, &found), (Action::Indirect, Found::None)) {
            return self.abort(&format!("{}: invalid indirect expansion", parameter.name)).await;
        }
        let found = match found {
            Found::All(all, is_star) => {
                let mut changed = Vec::new();
                for value in all {
                    changed.push(self.act(&parameter.action, value).await?);
                }
                Found::All(changed, is_star)
            }
            Found::One(value) => Found::One(self.act(&parameter.action, value).await?),
            Found::None if matches!(parameter.action, Action::Length) => Found::One("0".to_string()),
            Found::None => Found::None,
        };
        self.put_found(found, is_quoted, fields);
        Ok(())
    }

    fn put_found(&self, found: Found, is_quoted: bool, fields: &mut Fields) {
        match found {
            Found::None => put(fields, "", is_quoted),
            Found::One(value) => put(fields, &value, is_quoted),
            Found::All(all, true) if is_quoted => {
                let first = self.separators().chars().next().map(String::from).unwrap_or_default();
                put(fields, &all.join(&first), true);
            }
            Found::All(all, _) => {
                let count = all.len();
                for (index, value) in all.into_iter().enumerate() {
                    put(fields, &value, is_quoted);
                    if index + 1 < count {
                        fields.end();
                    }
                }
            }
        }
    }

    /// `-`, `=`, `+` and `?`.
    async fn otherwise(
        &mut self,
        (name, found, is_quoted): (&str, Found, bool),
        (kind, or_empty, word): (char, bool, &Word),
        fields: &mut Fields,
    ) -> Done {
        let is_there = match &found {
            Found::None => false,
            Found::One(value) => !or_empty || !value.is_empty(),
            Found::All(all, _) => all.iter().any(|value| !or_empty || !value.is_empty()),
        };
        match (kind, is_there) {
            ('+', false) => {
                put(fields, "", is_quoted);
                Ok(())
            }
            ('+', true) | ('-', false) => self.expand(word, fields).await,
            ('=', false) => {
                let value = self.text_of(word).await?;
                put(fields, &value, is_quoted);
                self.assign(name, value);
                Ok(())
            }
            ('?', false) => {
                let mut message = self.text_of(word).await?;
                if message.is_empty() {
                    message = String::from(if or_empty { "parameter null or not set" } else { "parameter not set" });
                }
                self.complain(&format!("{name}: {message}")).await;
                self.status = if self.is_interactive { 1 } else { 127 };
                Err(Flow::Abort)
            }
            _ => {
                self.put_found(found, is_quoted, fields);
                Ok(())
            }
        }
    }

    async fn act(&mut self, action: &Action, value: String) -> Result<String, Flow> {
        let letters = |text: &str| text.chars().collect::<Vec<char>>();
        Ok(match action {
            Action::Value | Action::Otherwise { .. } => value,
            Action::Length => value.chars().count().to_string(),
            Action::Indirect if is_name(&value) || value.parse::<u32>().is_ok() => {
                self.value(&value).unwrap_or_default()
            }
            Action::Indirect => return self.abort(&format!("{value}: invalid variable name")).await,
            Action::Trim { from_end, is_longest, pattern } => {
                let pattern = letters(&self.pattern_of(pattern).await?);
                trimmed(&letters(&value), &pattern, *from_end, *is_longest)
            }
            Action::Replace { at, pattern, with } => {
                let pattern = letters(&self.pattern_of(pattern).await?);
                let with = self.text_of(with).await?;
                replaced(&letters(&value), &pattern, &with, *at)
            }
            Action::Slice { from, length } => {
                let value = letters(&value);
                let count = value.len() as i64;
                let from = self.number_of(from).await?;
                let from = (if from < 0 { from.saturating_add(count) } else { from }).clamp(0, count);
                let to = match length {
                    None => count,
                    Some(length) => match self.number_of(length).await? {
                        length if length < 0 => count.saturating_add(length).max(from),
                        length => from.saturating_add(length).min(count),
                    },
                };
                value.get(from as usize..to as usize).unwrap_or_default().iter().collect()
            }
            Action::Case { upper, all } => {
                let mut changed = String::new();
                for (index, letter) in value.chars().enumerate() {
                    match (index == 0 || *all, upper) {
                        (false, _) => changed.push(letter),
                        (true, true) => changed.extend(letter.to_uppercase()),
                        (true, false) => changed.extend(letter.to_lowercase()),
                    }
                }
                changed
            }
        })
    }

    /// What commands print, without the line ends behind it.
    async fn output_of(&mut self, list: &Rc<List>) -> Result<String, Flow> {
        let (reader, writer) = pipe();
        let mut descriptors = self.descriptors.clone();
        descriptors.insert(1, Descriptor::Writes(Sink::Pipe(writer)));
        let list = Rc::clone(list);
        let group = self.group_of_children();
        let id = self.fork(descriptors, group, move |mut shell| {
            Box::pin(async move {
                let done = shell.list(&list).await;
                shell.end(done)
            })
        });
        self.give_terminal(group.unwrap_or(id));
        let kernel = self.kernel.clone();
        let output = kernel.read_all(self.id, &Source::Pipe(reader)).await;
        self.substituted = kernel.wait(id).await;
        self.status = self.substituted;
        self.take_terminal();
        self.interruptible(async {}).await?;
        let mut output = super::escapes::lossy(&output);
        output.truncate(output.trim_end_matches('\n').len());
        Ok(output)
    }

    // File names.

    /// Adds the files a pattern matches, or its text where there is none.
    async fn files_of(&mut self, field: &str, all: &mut Vec<String>) {
        if !is_pattern(field) {
            all.push(unescaped(field));
            return;
        }
        let mut found = Vec::from([String::from(if field.starts_with('/') { "/" } else { "" })]);
        let mut parts = field.split('/').filter(|part| !part.is_empty()).peekable();
        while let Some(part) = parts.next() {
            let is_last = parts.peek().is_none() && !field.ends_with('/');
            let mut next = Vec::new();
            for before in found {
                if !is_pattern(part) {
                    let path = format!("{before}{}", unescaped(part));
                    if self.is_there(&path).await {
                        next.push(if is_last { path } else { format!("{path}/") });
                    }
                    continue;
                }
                for entry in self.entries(if before.is_empty() { "." } else { &before }).await {
                    let is_hidden = entry.name.starts_with('.') && !part.starts_with('.');
                    if !is_hidden && (is_last || entry.is_directory) && pattern::matches(part, &entry.name) {
                        next.push(format!("{before}{}{}", entry.name, if is_last { "" } else { "/" }));
                    }
                }
            }
            found = next;
        }
        if found.is_empty() {
            found.push(unescaped(field));
        }
        all.extend(found);
    }

    /// What a directory holds; nothing where it is none.
    pub(super) async fn entries(&self, path: &str) -> Vec<crate::cli::file::FileStatus> {
        let request = FileRequest::List(Str::from(path));
        match self.kernel.ask_files(self.id, &self.directory, request).await {
            Ok(FileAnswer::Entries(entries)) => entries,
            _ => Vec::new(),
        }
    }

    async fn is_there(&self, path: &str) -> bool {
        self.kernel.ask_files(self.id, &self.directory, FileRequest::Status(Str::from(path))).await.is_ok()
    }
}

fn put(fields: &mut Fields, text: &str, is_quoted: bool) {
    if is_quoted { fields.quoted(text) } else { fields.expanded(text) }
}

fn trimmed(value: &[char], pattern: &[char], from_end: bool, is_longest: bool) -> String {
    let count = value.len();
    // How much is left, shortest match first.
    let mut cuts: Vec<usize> = (0..=count).collect();
    if is_longest {
        cuts.reverse();
    }
    for cut in cuts {
        let (matched, rest) = if from_end {
            let (rest, matched) = value.split_at(count - cut);
            (matched, rest)
        } else {
            value.split_at(cut)
        };
        if pattern::matches_letters(pattern, matched) {
            return rest.iter().collect();
        }
    }
    value.iter().collect()
}

fn replaced(value: &[char], pattern: &[char], with: &str, at: Option<char>) -> String {
    let mut text = String::new();
    let mut from = 0;
    let count = value.len();
    let longest = |from: usize| {
        let ends = (from..=count).rev();
        let mut ends = ends.filter(|end| at != Some('%') || *end == count);
        ends.find(|end| pattern::matches_letters(pattern, value.get(from..*end).unwrap_or_default()))
    };
    while from < count {
        match longest(from).filter(|end| *end > from && !pattern.is_empty()) {
            Some(end) => {
                text.push_str(with);
                from = end;
                if at != Some('/') {
                    break;
                }
            }
            None if at == Some('#') => break,
            None => {
                text.extend(value.get(from));
                from += 1;
            }
        }
    }
    text.extend(value.get(from..).unwrap_or_default());
    text
}
