//! [`Screen`]: a terminal, as processes have it: what was typed, and what is to be shown.

use super::completion::Question;
use super::machine::Awaits;
use super::process::ProcessId;
use super::stream::{CAPACITY, Chunk};
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

/// What a person gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// A line, without its end.
    Line(String),
    /// Ctrl-D.
    End,
    /// It is not over: the page asks.
    Asked(Question),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Screen {
    /// The process of its shell.
    pub(super) shell: ProcessId,
    /// Whose keyboard it is.
    pub(super) foreground: ProcessId,
    /// The shell shows its prompt and waits for a command.
    pub(super) is_prompted: bool,
    /// Ctrl-C was typed, and the shell has not taken note of it.
    pub(super) is_interrupted: bool,
    /// What the page wants to know of the word that is being typed.
    pub(super) question: Option<Question>,
    /// Who awaits what is typed, as the page was last told.
    pub(super) told: Option<Awaits>,
    typed: VecDeque<Typed>,
    shown: Vec<u8>,
    /// Bytes the page still takes.
    credit: usize,
    is_line_begun: bool,
}

impl Screen {
    pub(super) fn new(shell: ProcessId, credit: usize) -> Self {
        Self {
            shell,
            foreground: shell,
            is_prompted: false,
            is_interrupted: false,
            question: None,
            told: None,
            typed: VecDeque::new(),
            shown: Vec::new(),
            credit,
            is_line_begun: false,
        }
    }

    /// Somebody typed.
    pub(super) fn type_in(&mut self, typed: Typed) {
        self.typed.push_back(typed);
    }

    /// Ctrl-C: what was typed ahead is gone.
    pub(super) fn interrupt(&mut self) {
        self.typed.clear();
        self.is_interrupted = true;
        self.print(b"^C");
    }

    /// The next that was typed; a line is shown then, where it is read.
    pub(super) fn take_typed(&mut self) -> Option<Typed> {
        let typed = self.typed.pop_front()?;
        if let Typed::Line(line) = &typed {
            self.print(line.as_bytes());
            self.print(b"\n");
        }
        Some(typed)
    }

    /// As [`Screen::take_typed`], for who reads bytes.
    pub(super) fn read(&mut self) -> Chunk {
        match self.take_typed() {
            None => Chunk::Later,
            Some(Typed::End | Typed::Asked(_)) => Chunk::End,
            Some(Typed::Line(mut line)) => {
                line.push('\n');
                Chunk::Bytes(Bytes::from(line))
            }
        }
    }

    /// Shows bytes.
    pub(super) fn print(&mut self, bytes: &[u8]) {
        self.shown.extend_from_slice(bytes);
        if let Some(last) = bytes.last() {
            // One that was emptied has its cursor at its beginning.
            let is_emptied = [b"\x1b[2J", b"\x1b[3J"].iter().any(|erased| bytes.ends_with(*erased));
            self.is_line_begun = *last != b'\n' && !is_emptied;
        }
    }

    /// What follows begins on a line of its own.
    pub(super) fn begin_line(&mut self) {
        if self.is_line_begun {
            self.print(b"\n");
        }
    }

    /// The page is behind.
    pub(super) fn is_full(&self) -> bool {
        self.shown.len() >= CAPACITY
    }

    /// The page takes so many bytes more.
    pub(super) fn grant(&mut self, bytes: usize) {
        self.credit = self.credit.saturating_add(bytes);
    }

    /// What the page shall show next.
    pub(super) fn poll(&mut self) -> Option<Vec<u8>> {
        let count = self.shown.len().min(self.credit);
        if count == 0 {
            return None;
        }
        self.credit -= count;
        if count == self.shown.len() {
            return Some(core::mem::take(&mut self.shown));
        }
        let rest = self.shown.split_off(count);
        Some(core::mem::replace(&mut self.shown, rest))
    }
}
