//! What was typed: kept in a file, and brought back by `!!` and the like.

use super::distribution::HOME;
use super::interpreter::Shell;
use crate::cli::file::FileRequest;
use crate::text::Str;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

/// Commands that are remembered.
const MOST: usize = 500;

fn path() -> String {
    format!("{HOME}/.bash_history")
}

impl Shell {
    /// Remembers what an earlier shell wrote.
    pub(super) async fn load_history(&mut self) {
        if let Ok(text) = self.read_file(&path()).await {
            let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
            let skipped = lines.len().saturating_sub(MOST);
            self.history.borrow_mut().extend(lines.into_iter().skip(skipped).map(String::from));
        }
    }

    /// Remembers a command.
    pub(super) async fn remember(&mut self, command: &str) {
        let command = command.trim_end();
        if command.is_empty() || command.starts_with(' ') {
            return;
        }
        if self.history.borrow().last().is_some_and(|last| last == command) {
            return;
        }
        self.history.borrow_mut().push(String::from(command));
        // A line of the file is a command: what has several lines is one line there.
        let content = Bytes::from(format!("{}\n", command.replace('\n', "; ")));
        let request = FileRequest::Write { path: Str::from(path()), content, append: true };
        let _is_kept = self.kernel.ask_files(self.id, &self.directory, request).await;
    }

    /// Puts in what `!!`, `!n`, `!-n`, `!prefix` and `!$` stand for; nothing where there is none of them.
    ///
    /// # Errors
    /// There is no such command.
    pub(super) fn recalled(&self, line: &str) -> Result<Option<String>, String> {
        let history = self.history.borrow();
        let (mut text, mut rest) = (String::new(), line);
        let (mut is_single, mut is_double, mut is_changed) = (false, false, false);
        while let Some(letter) = rest.chars().next() {
            let after = rest.get(letter.len_utf8()..).unwrap_or_default();
            match letter {
                '\'' if !is_double => is_single = !is_single,
                '"' if !is_single => is_double = !is_double,
                '\\' if !is_single => {
                    let escaped = after.chars().next().map_or(0, char::len_utf8);
                    text.push_str(rest.get(..1 + escaped).unwrap_or_default());
                    rest = after.get(escaped..).unwrap_or_default();
                    continue;
                }
                '!' if !is_single && !text.ends_with("${") && !text.ends_with('[') => {
                    let end = word_end(after);
                    let name = after.get(..end).unwrap_or_default();
                    if !name.is_empty() && (!is_double || !name.starts_with('"')) {
                        let found = find(&history, name).ok_or_else(|| format!("!{name}: event not found"))?;
                        text.push_str(&found);
                        is_changed = true;
                        rest = after.get(end..).unwrap_or_default();
                        continue;
                    }
                }
                _ => {}
            }
            text.push(letter);
            rest = after;
        }
        Ok(is_changed.then_some(text))
    }
}

/// How much behind a `!` names a command.
fn word_end(after: &str) -> usize {
    match after.chars().next() {
        Some('!' | '$' | '*') => 1,
        Some(first) if first == '-' || first.is_ascii_alphanumeric() || first == '.' || first == '/' => {
            let is_number = first.is_ascii_digit() || first == '-';
            let ends =
                |letter: char| if is_number { !letter.is_ascii_digit() } else { " \t;&|<>()'\"".contains(letter) };
            after.char_indices().skip(1).find(|(_, letter)| ends(*letter)).map_or(after.len(), |(at, _)| at)
        }
        _ => 0,
    }
}

fn find(history: &[String], name: &str) -> Option<String> {
    match name {
        "!" => history.last().cloned(),
        "$" => Some(String::from(history.last()?.split_whitespace().next_back()?)),
        "*" => history.last()?.split_once(' ').map(|(_, rest)| String::from(rest)),
        _ => match name.parse::<i64>() {
            Ok(number) if number > 0 => history.get(usize::try_from(number).ok()?.checked_sub(1)?).cloned(),
            Ok(number) => {
                history.get(history.len().checked_sub(usize::try_from(number.checked_neg()?).ok()?)?).cloned()
            }
            Err(_) => history.iter().rev().find(|line| line.starts_with(name)).cloned(),
        },
    }
}
