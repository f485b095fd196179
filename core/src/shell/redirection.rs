//! `<`, `>` and the like.

use super::interpreter::{Descriptor, Flow, Shell};
use super::stream::{Sink, Source, content};
use super::syntax::{Redirection, Target, Word};
use crate::cli::file::{FileAnswer, FileError, FileRequest};
use crate::text::Str;
use alloc::format;
use bytes::Bytes;

impl Shell {
    /// Sets streams; false where a file cannot be had, which is said.
    pub(super) async fn redirect(&mut self, redirections: &[Redirection]) -> Result<bool, Flow> {
        for redirection in redirections {
            if !self.redirect_one(redirection).await? {
                self.status = 1;
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn redirect_one(&mut self, Redirection { descriptor, target }: &Redirection) -> Result<bool, Flow> {
        match target {
            Target::Read(file) => {
                let Some(path) = self.file_name(file).await? else { return Ok(false) };
                match self.reading(&path).await {
                    Ok(source) => self.descriptors.insert(descriptor.unwrap_or(0), Descriptor::Reads(source)),
                    Err(error) => return self.refuse(&path, &error).await,
                };
            }
            Target::Write { file, appends } | Target::WriteBoth { file, appends } => {
                let Some(path) = self.file_name(file).await? else { return Ok(false) };
                let sink = match self.writing(&path, *appends).await {
                    Ok(sink) => Descriptor::Writes(sink),
                    Err(error) => return self.refuse(&path, &error).await,
                };
                if matches!(target, Target::WriteBoth { .. }) {
                    self.descriptors.insert(2, sink.clone());
                }
                self.descriptors.insert(descriptor.unwrap_or(1), sink);
            }
            Target::Duplicate { from, reads } => {
                let text = self.text_of(from).await?;
                let descriptor = descriptor.unwrap_or(u32::from(!reads));
                if text == "-" {
                    self.descriptors.remove(&descriptor);
                    return Ok(true);
                }
                let Some(other) = text.parse().ok().and_then(|from: u32| self.descriptors.get(&from).cloned()) else {
                    self.complain(&format!("{text}: Bad file descriptor")).await;
                    return Ok(false);
                };
                self.descriptors.insert(descriptor, other);
            }
            Target::Document(word) => {
                let text = match word.get() {
                    Some(word) => self.text_of(word).await?,
                    None => alloc::string::String::new(),
                };
                let reader = Descriptor::Reads(Source::Pipe(content(text.as_bytes())));
                self.descriptors.insert(descriptor.unwrap_or(0), reader);
            }
            Target::Text(word) => {
                let text = format!("{}\n", self.text_of(word).await?);
                let reader = Descriptor::Reads(Source::Pipe(content(text.as_bytes())));
                self.descriptors.insert(descriptor.unwrap_or(0), reader);
            }
        }
        Ok(true)
    }

    /// The one file a word names.
    async fn file_name(&mut self, word: &Word) -> Result<Option<Str>, Flow> {
        let mut fields = self.fields(core::slice::from_ref(word)).await?;
        if let Some(path) = fields.pop().filter(|_| fields.is_empty()) {
            Ok(Some(Str::from(path)))
        } else {
            self.complain("ambiguous redirect").await;
            Ok(None)
        }
    }

    async fn refuse(&mut self, path: &str, error: &FileError) -> Result<bool, Flow> {
        self.complain(&format!("{path}: {error}")).await;
        Ok(false)
    }

    /// A file, to be read.
    pub(super) async fn reading(&self, path: &str) -> Result<Source, FileError> {
        match path {
            "/dev/null" => return Ok(Source::Nothing),
            "/dev/tty" => return Ok(Source::Keyboard(self.terminal)),
            "/dev/stdin" => return Ok(self.input()),
            _ => {}
        }
        match self.kernel.ask_files(self.id, &self.directory, FileRequest::Read(Str::from(path))).await? {
            FileAnswer::Content(bytes) => Ok(Source::Pipe(content(&bytes))),
            _ => Err(FileError::Unsupported),
        }
    }

    /// A file, to be written.
    pub(super) async fn writing(&self, path: &str, appends: bool) -> Result<Sink, FileError> {
        let number = match path {
            "/dev/null" => return Ok(Sink::Nothing),
            "/dev/tty" => return Ok(Sink::Screen(self.terminal)),
            "/dev/stdout" => Some(1),
            "/dev/stderr" => Some(2),
            _ => None,
        };
        if let Some(number) = number {
            return Ok(self.sink(number));
        }
        let path = super::file_system::absolute(&self.directory, path);
        let request = FileRequest::Write { path: path.clone(), content: Bytes::new(), append: appends };
        self.kernel.ask_files(self.id, &self.directory, request).await?;
        Ok(Sink::File(path))
    }

    /// Standard input.
    pub(super) fn input(&self) -> Source {
        match self.descriptors.get(&0) {
            Some(Descriptor::Reads(source)) => source.clone(),
            _ => Source::Nothing,
        }
    }

    /// Standard output, or error.
    pub(super) fn sink(&self, number: u32) -> Sink {
        match self.descriptors.get(&number) {
            Some(Descriptor::Writes(sink)) => sink.clone(),
            _ => Sink::Nothing,
        }
    }
}
