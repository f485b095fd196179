//! What a terminal shows: real text in the document, so that it is selected, copied, found and read aloud as any other. Lines
//! lie in chunks that the browser lays out only where they are seen; the oldest go.
//!
//! More than anybody can read does not come into the document at once: its end does, and the rest when the flood is over.

use crate::mistakes::Mistake;
use crate::terminal_text::{CHUNKS, Run, Style, TerminalText};
use leptos::prelude::document;
use web_sys::Element;

/// Chunks that became full between two frames: with more it is a flood.
const FLOOD: usize = 3;
/// Chunks that go into the document with a frame.
const AT_ONCE: usize = 20;

/// See the module.
pub(super) struct Screen {
    output: Element,
    /// The line that has no end yet; what one types stands behind it.
    open_line: Element,
    /// The chunk that is being filled.
    chunk: Option<Element>,
    /// While chunks wait: a copy of the last lines.
    tail: Option<Element>,
    text: TerminalText,
    /// Chunks that waited after the last frame.
    waited: usize,
}

impl Screen {
    /// One that is empty.
    pub(super) fn new(output: Element, open_line: Element) -> Self {
        Self { output, open_line, chunk: None, tail: None, text: TerminalText::default(), waited: 0 }
    }

    /// Takes bytes; [`Screen::draw`] shows them.
    pub(super) fn print(&mut self, bytes: &[u8]) {
        self.text.print(bytes);
    }

    /// Brings what was printed into the document, where no more than so many lines can be seen; true where not all of it is there.
    pub(super) fn draw(&mut self, seen: usize) -> bool {
        self.heed_clearing();
        let is_flooded = self.text.full().len() > self.waited + FLOOD;
        // The first ends the chunk that was being filled.
        self.add_full(if is_flooded { 1 } else { AT_ONCE });
        self.waited = self.text.full().len();
        let waits = self.waited > 0;
        if waits {
            self.show_tail(seen);
        } else {
            self.add_fresh();
        }
        self.open_line.set_text_content(None);
        append_all(&self.open_line, &self.text.open_line());
        waits
    }

    /// The mistake that what was printed tells of, since a command was entered.
    pub(super) fn mistake(&self) -> Option<Mistake> {
        self.text.mistake()
    }

    /// A command is entered: what is printed from now on is its own.
    pub(super) fn begin_command(&mut self) {
        self.text.begin_command();
    }

    /// A line of ours, set apart from what programs print.
    pub(super) fn note(&mut self, words: &str) {
        self.heed_clearing();
        self.add_full(CHUNKS);
        self.add_fresh();
        self.roll(false);
        self.text.end_chunk();
        if let Some(note) = element("p", "note") {
            note.set_text_content(Some(words));
            let _ = self.output.append_child(&note);
        }
    }

    /// Takes away all lines but the open one.
    pub(super) fn clear(&mut self) {
        self.text.full().clear();
        self.text.take_fresh();
        self.text.end_chunk();
        self.remove_all();
    }

    /// Adds chunks that are full, at most so many.
    fn add_full(&mut self, most: usize) {
        for _ in 0..most {
            let Some(runs) = self.text.full().pop_front() else { return };
            self.append(&runs);
            self.roll(true);
        }
    }

    /// Adds to the chunk that is being filled.
    fn add_fresh(&mut self) {
        if let Some(tail) = self.tail.take() {
            tail.remove();
        }
        let fresh = self.text.take_fresh();
        if !fresh.is_empty() {
            self.append(&fresh);
        }
    }

    fn show_tail(&mut self, seen: usize) {
        if self.tail.is_none() {
            self.tail = element("div", "tail");
        }
        if let Some(tail) = &self.tail {
            tail.set_text_content(None);
            append_all(tail, &self.text.last_lines(seen));
            let _ = self.output.append_child(tail);
        }
    }

    fn append(&mut self, runs: &[Run]) {
        if self.chunk.is_none() {
            let Some(chunk) = element("div", "chunk") else { return };
            let _ = self.output.insert_before(&chunk, self.tail.as_deref());
            self.chunk = Some(chunk);
        }
        if let Some(chunk) = &self.chunk {
            append_all(chunk, runs);
        }
    }

    /// What follows is another chunk's. Only a full one has the height that the style sheet gives.
    fn roll(&mut self, is_full: bool) {
        if let Some(chunk) = self.chunk.take().filter(|_| is_full) {
            chunk.set_class_name("chunk full");
        }
        while self.output.child_element_count() as usize > CHUNKS {
            match self.output.first_element_child() {
                Some(oldest) => oldest.remove(),
                None => return,
            }
        }
    }

    fn heed_clearing(&mut self) {
        if self.text.take_cleared() {
            self.remove_all();
        }
    }

    fn remove_all(&mut self) {
        self.output.set_text_content(None);
        (self.chunk, self.tail) = (None, None);
    }
}

fn element(tag: &str, class: &str) -> Option<Element> {
    let element = document().create_element(tag).ok()?;
    element.set_class_name(class);
    Some(element)
}

fn append_all(to: &Element, runs: &[Run]) {
    for Run { style, text } in runs {
        append(to, *style, text);
    }
}

fn append(to: &Element, style: Style, text: &str) {
    if style == Style::default() {
        let _ = to.append_child(&document().create_text_node(text));
        return;
    }
    let Ok(span) = document().create_element("span") else { return };
    let mut class = match style.colour {
        0 => String::new(),
        colour => format!("ansi{}", colour - 1),
    };
    if style.bold {
        class.push_str(" bold");
    }
    span.set_class_name(&class);
    span.set_text_content(Some(text));
    let _ = to.append_child(&span);
}
