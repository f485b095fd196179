//! `test`, `[` and `[[`.

use super::super::file_system::absolute;
use super::super::interpreter::{Descriptor, Done, Flow, Shell};
use super::super::stream::{Sink, Source};
use super::super::syntax::{Condition, Part, Word, condition_of, pattern};
use super::super::variables::Variable;
use crate::cli::file::{FileAnswer, FileRequest, FileStatus};
use crate::text::Str;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;

/// Whether it holds; nothing where that was complained of.
type Judged<'a> = Pin<Box<dyn Future<Output = Result<Option<bool>, Flow>> + 'a>>;

impl Shell {
    pub(super) async fn test(&mut self, name: &str, arguments: &[String]) -> Done {
        self.status = match condition_of(arguments) {
            Ok(condition) => self.condition(&condition, false).await?.map_or(2, |holds| i32::from(!holds)),
            Err(message) => {
                self.complain(&format!("{name}: {message}")).await;
                2
            }
        };
        Ok(())
    }

    /// Judges a condition; `is_extended` is for `[[`.
    pub(in crate::shell) fn condition<'a>(&'a mut self, condition: &'a Condition, is_extended: bool) -> Judged<'a> {
        Box::pin(async move {
            Ok(Some(match condition {
                Condition::Not(other) => match self.condition(other, is_extended).await? {
                    Some(holds) => !holds,
                    None => return Ok(None),
                },
                Condition::And(one, other) => match self.condition(one, is_extended).await? {
                    Some(true) => return self.condition(other, is_extended).await,
                    other => return Ok(other),
                },
                Condition::Or(one, other) => match self.condition(one, is_extended).await? {
                    Some(false) => return self.condition(other, is_extended).await,
                    other => return Ok(other),
                },
                Condition::Text(word) => !self.text_of(word).await?.is_empty(),
                Condition::Unary(operator, word) => {
                    let text = self.text_of(word).await?;
                    self.unary(operator, &text).await
                }
                Condition::Binary(one, operator, other) => {
                    return self.binary(one, operator, other, is_extended).await;
                }
            }))
        })
    }

    async fn status_of(&self, path: &str) -> Option<FileStatus> {
        let request = FileRequest::Status(Str::from(path));
        match self.kernel.ask_files(self.id, &self.directory, request).await {
            Ok(FileAnswer::Status(status)) => Some(status),
            _ => None,
        }
    }

    async fn unary(&self, operator: &str, text: &str) -> bool {
        let is_terminal = || match text.parse::<u32>().ok().and_then(|number| self.descriptors.get(&number)) {
            Some(Descriptor::Reads(source)) => matches!(source, Source::Keyboard(_)),
            Some(Descriptor::Writes(sink)) => matches!(sink, Sink::Screen(_)),
            None => false,
        };
        match operator {
            "-z" => return text.is_empty(),
            "-n" => return !text.is_empty(),
            "-v" => return self.value(text).is_some(),
            "-t" => return is_terminal(),
            _ => {}
        }
        let Some(status) = self.status_of(text).await else { return false };
        match operator {
            "-f" => !status.is_directory,
            "-d" => status.is_directory,
            "-s" => status.length > 0,
            "-x" => status.is_executable || status.is_directory,
            "-e" | "-a" | "-r" | "-w" | "-O" | "-G" | "-N" => true,
            _ => false,
        }
    }

    async fn binary(
        &mut self,
        one: &Word,
        operator: &str,
        other: &Word,
        is_extended: bool,
    ) -> Result<Option<bool>, Flow> {
        let left = self.text_of(one).await?;
        Ok(Some(match operator {
            "=" | "==" => pattern::matches(&self.pattern_of(other).await?, &left),
            "!=" => !pattern::matches(&self.pattern_of(other).await?, &left),
            "<" => left < self.text_of(other).await?,
            ">" => left > self.text_of(other).await?,
            "=~" => return self.matches_regex(&left, other).await,
            "-nt" | "-ot" | "-ef" => {
                let right = self.text_of(other).await?;
                let (one, other) = (self.status_of(&left).await, self.status_of(&right).await);
                let modified =
                    |status: &Option<FileStatus>| status.as_ref().map_or(i64::MIN, |status| status.modified_ms);
                match operator {
                    "-nt" => modified(&one) > modified(&other),
                    "-ot" => modified(&one) < modified(&other),
                    _ => one.is_some() && absolute(&self.directory, &left) == absolute(&self.directory, &right),
                }
            }
            _ => {
                let (left, right) = if is_extended {
                    (self.number_of(one).await?, self.number_of(other).await?)
                } else {
                    let right = self.text_of(other).await?;
                    match (left.trim().parse::<i64>(), right.trim().parse::<i64>()) {
                        (Ok(left), Ok(right)) => (left, right),
                        (left_number, _) => {
                            let wrong = if left_number.is_err() { left } else { right };
                            self.complain(&format!("[: {wrong}: integer expression expected")).await;
                            return Ok(None);
                        }
                    }
                };
                match operator {
                    "-eq" => left == right,
                    "-ne" => left != right,
                    "-lt" => left < right,
                    "-le" => left <= right,
                    "-gt" => left > right,
                    _ => left >= right,
                }
            }
        }))
    }

    async fn matches_regex(&mut self, text: &str, word: &Word) -> Result<Option<bool>, Flow> {
        let mut regex = String::new();
        for part in &word.0 {
            // What is in quotes is meant as it is.
            match part {
                Part::Quoted(text) => regex.push_str(&regex_lite::escape(text)),
                other => regex.push_str(&self.text_of(&Word(Vec::from([other.clone()]))).await?),
            }
        }
        let Ok(regex) = regex_lite::Regex::new(&regex) else { return Ok(None) };
        let found = regex.captures(text);
        let values = match &found {
            Some(found) => found.iter().map(|group| group.map_or("", |group| group.as_str()).to_string()).collect(),
            None => Vec::new(),
        };
        let variable = Variable { values, is_array: true, ..Variable::default() };
        self.variables.insert("BASH_REMATCH".to_string(), variable);
        Ok(Some(found.is_some()))
    }
}
