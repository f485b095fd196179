//! What a terminal shows: real text in the document, so that it is selected, copied, found and read aloud as any other. Lines
//! lie in chunks that the browser lays out only where they are seen; the oldest go.

use crate::mistakes::{Lookout, Mistake};
use leptos::prelude::document;
use vte::{Params, Parser, Perform};
use web_sys::Element;

/// Lines of a chunk. The style sheet knows the same number: a chunk out of sight keeps its height.
const CHUNK: usize = 100;
/// Chunks that are kept: twenty thousand lines.
const CHUNKS: u32 = 200;
/// Lines of a command that are looked at for mistakes; of what comes later only those that look like a log's.
const LOOKED_AT: usize = 200;
/// Columns between two tabs.
const TAB: usize = 8;

/// Colour and weight, as ANSI's sequences set them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Style {
    /// 0 for none, else 1 to 8: black, red, green, yellow, blue, magenta, cyan, white.
    colour: u8,
    bold: bool,
}

/// See the module.
pub(super) struct Screen {
    output: Element,
    /// The line that has no end yet; what one types stands behind it.
    open_line: Element,
    chunk: Option<Element>,
    parser: Parser,
    text: Text,
}

/// What is understood and not yet in the document.
#[derive(Default)]
struct Text {
    style: Style,
    line: Vec<(char, Style)>,
    column: usize,
    lines: usize,
    ready: Vec<Piece>,
    /// Lines since a command was entered, and the mistake that the first of them tells of that knows one.
    since_command: usize,
    lookout: Lookout,
    mistake: Option<Mistake>,
}

enum Piece {
    Run(Style, String),
    /// The chunk is full.
    Full,
    /// All before is gone.
    Clear,
}

impl Screen {
    /// One that is empty.
    pub(super) fn new(output: Element, open_line: Element) -> Self {
        let (parser, text) = (Parser::new(), Text::default());
        Self { output, open_line, chunk: None, parser, text }
    }

    /// Shows bytes.
    pub(super) fn print(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.text, bytes);
        for piece in std::mem::take(&mut self.text.ready) {
            match piece {
                Piece::Run(style, text) => self.append(style, &text),
                Piece::Full => self.roll(true),
                Piece::Clear => self.remove_all(),
            }
        }
        self.open_line.set_text_content(None);
        for (style, text) in runs(&self.text.line) {
            append(&self.open_line, style, &text);
        }
    }

    /// The mistake that what was printed tells of, since a command was entered.
    pub(super) fn mistake(&self) -> Option<Mistake> {
        self.text.mistake
    }

    /// A command is entered: what is printed from now on is its own.
    pub(super) fn begin_command(&mut self) {
        (self.text.since_command, self.text.lookout, self.text.mistake) = (0, Lookout::default(), None);
    }

    /// A line of ours, set apart from what programs print.
    pub(super) fn note(&mut self, words: &str) {
        self.roll(false);
        self.text.lines = 0;
        if let Some(note) = element("p", "note") {
            note.set_text_content(Some(words));
            let _ = self.output.append_child(&note);
        }
    }

    /// Takes away all lines but the open one.
    pub(super) fn clear(&mut self) {
        self.text.lines = 0;
        self.remove_all();
    }

    fn append(&mut self, style: Style, text: &str) {
        if self.chunk.is_none() {
            let Some(chunk) = element("div", "chunk") else { return };
            let _ = self.output.append_child(&chunk);
            self.chunk = Some(chunk);
        }
        if let Some(chunk) = &self.chunk {
            append(chunk, style, text);
        }
    }

    /// What follows is another chunk's. Only a full one has the height that the style sheet gives.
    fn roll(&mut self, is_full: bool) {
        if let Some(chunk) = self.chunk.take().filter(|_| is_full) {
            chunk.set_class_name("chunk full");
        }
        while self.output.child_element_count() > CHUNKS {
            match self.output.first_element_child() {
                Some(oldest) => oldest.remove(),
                None => return,
            }
        }
    }

    fn remove_all(&mut self) {
        self.output.set_text_content(None);
        self.chunk = None;
    }
}

fn element(tag: &str, class: &str) -> Option<Element> {
    let element = document().create_element(tag).ok()?;
    element.set_class_name(class);
    Some(element)
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

/// Cells put together where they look the same.
fn runs(line: &[(char, Style)]) -> Vec<(Style, String)> {
    let mut runs: Vec<(Style, String)> = Vec::new();
    for (character, style) in line {
        match runs.last_mut() {
            Some((last, text)) if last == style => text.push(*character),
            _ => runs.push((*style, String::from(*character))),
        }
    }
    runs
}

impl Text {
    fn push(&mut self, style: Style, text: &str) {
        match self.ready.last_mut() {
            Some(Piece::Run(last, known)) if *last == style => known.push_str(text),
            _ => self.ready.push(Piece::Run(style, text.to_owned())),
        }
    }

    fn end_line(&mut self) {
        self.since_command += 1;
        let is_log = self.line.first().is_some_and(|(first, _)| *first == '[');
        if self.mistake.is_none() && (is_log || self.since_command < LOOKED_AT) {
            let line: String = self.line.iter().map(|(character, _)| *character).collect();
            self.mistake = self.lookout.see(&line);
        }
        for (style, text) in runs(&std::mem::take(&mut self.line)) {
            self.push(style, &text);
        }
        self.push(Style::default(), "\n");
        self.column = 0;
        self.lines += 1;
        if self.lines == CHUNK {
            self.lines = 0;
            self.ready.push(Piece::Full);
        }
    }
}

impl Perform for Text {
    fn print(&mut self, character: char) {
        let cell = (character, self.style);
        match self.line.get_mut(self.column) {
            Some(at) => *at = cell,
            None => self.line.push(cell),
        }
        self.column += 1;
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => self.end_line(),
            b'\r' => self.column = 0,
            8 => self.column = self.column.saturating_sub(1),
            b'\t' => {
                for _ in 0..TAB - self.column % TAB {
                    self.print(' ');
                }
            }
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, parameters: &Params, _: &[u8], _: bool, action: char) {
        let first = parameters.iter().next().and_then(|parameter| parameter.first()).copied().unwrap_or(0);
        match action {
            'm' if parameters.is_empty() => self.style = Style::default(),
            'm' => {
                for parameter in parameters {
                    match parameter {
                        [0] => self.style = Style::default(),
                        [1] => self.style.bold = true,
                        [22] => self.style.bold = false,
                        [39] => self.style.colour = 0,
                        [colour @ 30..=37] => self.style.colour = (colour - 29) as u8,
                        [colour @ 90..=97] => self.style.colour = (colour - 89) as u8,
                        _ => {}
                    }
                }
            }
            'K' => self.line.truncate(self.column),
            'J' if first >= 2 => {
                self.ready.clear();
                self.ready.push(Piece::Clear);
                self.line.clear();
                (self.column, self.lines) = (0, 0);
            }
            _ => {}
        }
    }
}
