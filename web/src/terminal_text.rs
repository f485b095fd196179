//! What programs print, as a terminal shows it: lines with colours, in chunks of a hundred. Plain data; the page puts it into the
//! document.

use crate::mistakes::{Lookout, Mistake};
use std::collections::VecDeque;
use vte::{Params, Parser, Perform};

/// Lines of a chunk. The style sheet knows the same number: a chunk out of sight keeps its height.
pub const CHUNK: usize = 100;
/// Chunks that are kept: twenty thousand lines.
pub const CHUNKS: usize = 200;
/// Lines of a command that are looked at for mistakes; of what comes later only those that look like a log's.
const LOOKED_AT: usize = 200;
/// Columns between two tabs.
const TAB: usize = 8;

/// Colour and weight, as ANSI's sequences set them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// 0 for none, else 1 to 8: black, red, green, yellow, blue, magenta, cyan, white.
    pub colour: u8,
    /// Heavier.
    pub bold: bool,
}

/// Text that looks the same from end to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// How.
    pub style: Style,
    /// The text, with the ends of its lines.
    pub text: String,
}

/// See the module.
#[derive(Default)]
pub struct TerminalText {
    parser: Parser,
    lines: Lines,
}

#[derive(Default)]
struct Lines {
    style: Style,
    /// The line that has no end yet, by cells.
    line: Vec<(char, Style)>,
    column: usize,
    /// A sequence has begun that nobody saw the end of.
    is_within_sequence: bool,
    /// Lines of the chunk that is being filled, and what of it was not taken.
    count: usize,
    fresh: Vec<Run>,
    full: VecDeque<Vec<Run>>,
    is_cleared: bool,
    /// Lines since a command was entered, and the mistake that the first of them tells of that knows one.
    since_command: usize,
    lookout: Lookout,
    mistake: Option<Mistake>,
}

impl TerminalText {
    /// Takes what was printed.
    pub fn print(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let plain = if self.lines.is_between_lines() { plain_lines(bytes) } else { "" };
            if plain.is_empty() {
                let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
                self.parse(&bytes[..end]);
                bytes = &bytes[end..];
            } else {
                self.lines.add(plain);
                bytes = &bytes[plain.len()..];
            }
        }
    }

    /// True once after everything before was wiped out.
    pub fn take_cleared(&mut self) -> bool {
        std::mem::take(&mut self.lines.is_cleared)
    }

    /// Chunks that became full and were not taken. More than are kept are never held: the oldest go.
    pub fn full(&mut self) -> &mut VecDeque<Vec<Run>> {
        &mut self.lines.full
    }

    /// What was added to the chunk that is being filled since this was taken the last time.
    pub fn take_fresh(&mut self) -> Vec<Run> {
        std::mem::take(&mut self.lines.fresh)
    }

    /// The last whole lines that were not taken, at most so many.
    pub fn last_lines(&self, count: usize) -> Vec<Run> {
        let (mut last, mut lines) = (Vec::new(), 0);
        let runs = self.lines.full.iter().flatten().chain(&self.lines.fresh);
        for run in runs.rev() {
            // The end of the line before the first one that is wanted.
            let before = run.text.rmatch_indices('\n').nth(count - lines).map(|(at, _)| at);
            last.push(Run { style: run.style, text: run.text[before.map_or(0, |at| at + 1)..].to_owned() });
            if before.is_some() {
                break;
            }
            lines += run.text.matches('\n').count();
        }
        last.reverse();
        last
    }

    /// The line that has no end yet.
    pub fn open_line(&self) -> Vec<Run> {
        runs(&self.lines.line)
    }

    /// The chunk that is being filled ends here.
    pub fn end_chunk(&mut self) {
        self.lines.count = 0;
    }

    /// The mistake that what was printed tells of, since a command was entered.
    pub fn mistake(&self) -> Option<Mistake> {
        self.lines.mistake
    }

    /// A command is entered: what is printed from now on is its own.
    pub fn begin_command(&mut self) {
        (self.lines.since_command, self.lines.lookout, self.lines.mistake) = (0, Lookout::default(), None);
    }

    fn parse(&mut self, bytes: &[u8]) {
        const ESCAPE: u8 = 0x1b;
        let sequence = bytes.iter().rposition(|byte| *byte == ESCAPE).unwrap_or(bytes.len());
        self.parser.advance(&mut self.lines, &bytes[..sequence]);
        if sequence < bytes.len() {
            self.lines.is_within_sequence = true;
            self.parser.advance(&mut self.lines, &bytes[sequence..]);
        }
    }
}

/// The whole lines that bytes begin with and that are nothing but text: most of what floods a terminal is, and needs no parser.
fn plain_lines(bytes: &[u8]) -> &str {
    let is_control = |byte: &u8| (*byte < b' ' && *byte != b'\n') || *byte == 0x7f;
    let text = &bytes[..bytes.iter().position(is_control).unwrap_or(bytes.len())];
    let lines = &text[..text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)];
    let valid = match std::str::from_utf8(lines) {
        Ok(lines) => return lines,
        Err(error) => &lines[..error.valid_up_to()],
    };
    let end = valid.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    std::str::from_utf8(&valid[..end]).unwrap_or_default()
}

/// Cells put together where they look the same.
fn runs(line: &[(char, Style)]) -> Vec<Run> {
    let mut runs = Vec::new();
    for (character, style) in line {
        push(&mut runs, *style, character.encode_utf8(&mut [0; 4]));
    }
    runs
}

fn push(runs: &mut Vec<Run>, style: Style, text: &str) {
    match runs.last_mut() {
        Some(run) if run.style == style => run.text.push_str(text),
        _ => runs.push(Run { style, text: text.to_owned() }),
    }
}

impl Lines {
    /// What comes next begins a line.
    fn is_between_lines(&self) -> bool {
        self.line.is_empty() && self.column == 0 && !self.is_within_sequence
    }

    /// Adds whole lines.
    fn add(&mut self, text: &str) {
        for line in text.split_inclusive('\n') {
            self.look_at(line);
            let text = line.trim_end_matches('\n');
            if !text.is_empty() {
                push(&mut self.fresh, self.style, text);
            }
            self.line_ended();
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let text: String = line.iter().map(|(character, _)| *character).collect();
        self.look_at(&text);
        for run in runs(&line) {
            push(&mut self.fresh, run.style, &run.text);
        }
        self.column = 0;
        self.line_ended();
    }

    fn look_at(&mut self, line: &str) {
        self.since_command += 1;
        if self.mistake.is_none() && (self.since_command < LOOKED_AT || line.starts_with('[')) {
            self.mistake = self.lookout.see(line.trim_end_matches('\n'));
        }
    }

    fn line_ended(&mut self) {
        push(&mut self.fresh, Style::default(), "\n");
        self.count += 1;
        if self.count == CHUNK {
            self.count = 0;
            self.full.push_back(std::mem::take(&mut self.fresh));
            if self.full.len() > CHUNKS {
                self.full.pop_front();
            }
        }
    }
}

impl Perform for Lines {
    fn print(&mut self, character: char) {
        self.is_within_sequence = false;
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

    fn esc_dispatch(&mut self, _: &[u8], _: bool, _: u8) {
        self.is_within_sequence = false;
    }

    fn osc_dispatch(&mut self, _: &[&[u8]], _: bool) {
        self.is_within_sequence = false;
    }

    fn csi_dispatch(&mut self, parameters: &Params, _: &[u8], _: bool, action: char) {
        self.is_within_sequence = false;
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
                self.full.clear();
                self.fresh.clear();
                self.line.clear();
                (self.column, self.count, self.is_cleared) = (0, 0, true);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, CHUNKS, Run, Style, TerminalText, push};

    /// All that a terminal shows, colours as `{4}` where they change.
    fn shown(text: &mut TerminalText) -> String {
        let mut all = Vec::new();
        for run in std::mem::take(text.full()).into_iter().flatten().chain(text.take_fresh()).chain(text.open_line()) {
            push(&mut all, run.style, &run.text);
        }
        let marked = all.iter().map(|Run { style, text }| match *style {
            style if style == Style::default() => text.clone(),
            Style { colour, bold } => format!("{{{colour}{}}}{text}{{}}", if bold { "b" } else { "" }),
        });
        marked.collect()
    }

    #[test]
    fn bytes_become_lines_with_colours_however_they_are_cut() {
        for (printed, expected) in [
            ("one\ntwo\n$ ", "one\ntwo\n$ "),
            ("a\tb\nbell\x07\n", "a       b\nbell\n"),
            ("10 %\r100 %\nab\x08c\n", "100 %\nac\n"),
            ("\x1b[31mred\nred\x1b[0m plain\n", "{2}red{}\n{2}red{} plain\n"),
            ("\x1b[01;32muser\x1b[00m:\x1b[01;34m~\x1b[00m$ ", "{3b}user{}:{5b}~{}$ "),
            ("old\nold\n\x1b[H\x1b[2J\x1b[3Jnew\n", "new\n"),
            ("long\r\x1b[Knew\n", "new\n"),
            ("토픽 만들기\n\u{1b}]0;title\x07x\n", "토픽 만들기\nx\n"),
            ("\x1b(Bplain\nmore\n", "plain\nmore\n"),
            ("\n\n", "\n\n"),
        ] {
            for size in 1..=printed.len() {
                let mut text = TerminalText::default();
                printed.as_bytes().chunks(size).for_each(|bytes| text.print(bytes));
                assert_eq!(shown(&mut text), expected, "{printed:?} in pieces of {size}");
            }
        }
        let mut text = TerminalText::default();
        text.print(b"good\nb\xffd\ngood\n");
        assert_eq!(shown(&mut text), "good\nb\u{fffd}d\ngood\n");
    }

    #[test]
    fn lines_lie_in_chunks_and_the_oldest_go() {
        let mut text = TerminalText::default();
        let lines: Vec<String> = (0..CHUNK * (CHUNKS + 5) + 7).map(|line| format!("{line}\n")).collect();
        text.print(lines.concat().as_bytes());
        assert_eq!(text.full().len(), CHUNKS);
        let last =
            |text: &TerminalText, count| text.last_lines(count).into_iter().map(|run| run.text).collect::<String>();
        for count in [1, 7, 8, 107, 108, 250] {
            assert_eq!(last(&text, count), lines[lines.len() - count..].concat(), "the last {count}");
        }
        for chunk in 0..CHUNKS {
            let first = (chunk + 5) * CHUNK;
            let expected = Run { style: Style::default(), text: lines[first..first + CHUNK].concat() };
            assert_eq!(text.full().pop_front(), Some(vec![expected]));
        }
        assert_eq!(last(&text, 250), lines[lines.len() - 7..].concat(), "there are no more");
        assert_eq!(shown(&mut text), lines[lines.len() - 7..].concat());
        assert_eq!(last(&text, 3), "");
    }
}
