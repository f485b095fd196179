//! A script of `sed`, read into commands.

use super::super::pattern::{Dialect, translate};
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::Cell;
use regex_lite::{Regex, RegexBuilder};

/// A command and the lines it is for.
pub(super) struct Command {
    pub(super) from: Option<Address>,
    pub(super) to: Option<Address>,
    pub(super) is_negated: bool,
    /// While lines are between `from` and `to`: where that ends, if it is known.
    pub(super) active: Cell<Option<u64>>,
    pub(super) action: Action,
}

pub(super) enum Address {
    Line(u64),
    /// `FIRST~STEP`.
    Step(u64, u64),
    Last,
    /// `+N`, behind a comma.
    Next(u64),
    /// Without a regular expression it is the one used last.
    Pattern(Option<Rc<Regex>>),
}

pub(super) enum Action {
    /// `{`: goes on behind this command where the line is another one.
    Block(usize),
    Substitute(Substitute),
    Print,
    Delete,
    Next,
    Number,
    Quit {
        code: i32,
        prints: bool,
    },
    Append(String),
    Insert(String),
    Change(String),
    Translate(Vec<(char, char)>),
    /// `}`, or a comment.
    Nothing,
}

pub(super) struct Substitute {
    pub(super) regex: Option<Rc<Regex>>,
    pub(super) parts: Vec<Part>,
    /// The first match that is replaced, from 1.
    pub(super) first: usize,
    pub(super) is_global: bool,
    pub(super) prints: bool,
}

/// What stands for a match.
pub(super) enum Part {
    Text(String),
    /// A group; the whole match is 0.
    Group(usize),
}

/// Reads a script.
///
/// # Errors
/// The character it is about, counted from 1, and what is wrong.
pub(super) fn read(script: &str, is_extended: bool) -> Result<Vec<Command>, (usize, String)> {
    let dialect = if is_extended { Dialect::Extended } else { Dialect::Basic };
    let mut reader = Reader { script: script.chars().collect(), at: 0, dialect };
    let mut commands = Vec::new();
    let mut blocks = Vec::new();
    while let Some(command) =
        reader.command(&mut commands, &mut blocks).map_err(|why| (reader.at.min(reader.script.len()), why))?
    {
        commands.push(command);
    }
    if blocks.is_empty() { Ok(commands) } else { Err((0, "unmatched `{'".to_string())) }
}

struct Reader {
    script: Vec<char>,
    at: usize,
    dialect: Dialect,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.script.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += 1;
        next
    }

    fn eat(&mut self, wanted: char) -> bool {
        let is_there = self.peek() == Some(wanted);
        self.at += usize::from(is_there);
        is_there
    }

    fn skip(&mut self, among: &[char]) {
        while self.peek().is_some_and(|c| among.contains(&c)) {
            self.at += 1;
        }
    }

    fn number(&mut self) -> Option<u64> {
        let begin = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        self.script.get(begin..self.at)?.iter().collect::<String>().parse().ok()
    }

    fn command(&mut self, before: &mut [Command], blocks: &mut Vec<usize>) -> Result<Option<Command>, String> {
        self.skip(&[' ', '\t', '\n', ';']);
        if self.peek().is_none() {
            return Ok(None);
        }
        let from = self.address(false)?;
        let mut to = None;
        self.skip(&[' ', '\t']);
        if self.eat(',') {
            if from.is_none() {
                return Err("unexpected `,'".to_string());
            }
            self.skip(&[' ', '\t']);
            to = self.address(true)?;
            if to.is_none() {
                self.at += 1;
                return Err("unexpected `,'".to_string());
            }
        }
        if matches!((&from, &to), (Some(Address::Line(0)), None | Some(Address::Line(_)))) {
            return Err("invalid usage of line address 0".to_string());
        }
        self.skip(&[' ', '\t']);
        let is_negated = self.eat('!');
        self.skip(&[' ', '\t', '!']);
        let Some(letter) = self.next() else { return Err("missing command".to_string()) };
        let has_address = from.is_some();
        let action = match letter {
            '{' => {
                blocks.push(before.len());
                Action::Block(0)
            }
            '}' if has_address => return Err("} doesn't want any addresses".to_string()),
            '}' => {
                let begin = blocks.pop().ok_or("unexpected `}'")?;
                let end = before.len();
                if let Some(Command { action: Action::Block(to), .. }) = before.get_mut(begin) {
                    *to = end;
                }
                Action::Nothing
            }
            '#' if has_address => return Err("comments don't accept any addresses".to_string()),
            '#' => {
                while self.peek().is_some_and(|c| c != '\n') {
                    self.at += 1;
                }
                Action::Nothing
            }
            'p' => Action::Print,
            'd' => Action::Delete,
            'n' => Action::Next,
            '=' => Action::Number,
            'q' | 'Q' if to.is_some() => return Err("command only uses one address".to_string()),
            'q' | 'Q' => {
                self.skip(&[' ', '\t']);
                Action::Quit { code: self.number().unwrap_or(0) as i32, prints: letter == 'q' }
            }
            's' => Action::Substitute(self.substitute()?),
            'y' => Action::Translate(self.translation()?),
            'a' => Action::Append(self.text()?),
            'i' => Action::Insert(self.text()?),
            'c' => Action::Change(self.text()?),
            other => return Err(["unknown command: `", &other.to_string(), "'"].concat()),
        };
        if !matches!(letter, '{' | '}' | '#' | 'a' | 'i' | 'c') {
            self.skip(&[' ', '\t']);
            match self.peek() {
                None | Some('\n' | ';' | '}' | '#') => {}
                Some(_) => {
                    self.at += 1;
                    return Err("extra characters after command".to_string());
                }
            }
        }
        Ok(Some(Command { from, to, is_negated, active: Cell::new(None), action }))
    }

    fn address(&mut self, is_second: bool) -> Result<Option<Address>, String> {
        Ok(Some(match self.peek() {
            Some('$') => {
                self.at += 1;
                Address::Last
            }
            Some(c) if c.is_ascii_digit() => {
                let first = self.number().unwrap_or(u64::MAX);
                if self.eat('~') { Address::Step(first, self.number().unwrap_or(0)) } else { Address::Line(first) }
            }
            Some('+') if is_second => {
                self.at += 1;
                Address::Next(self.number().ok_or("expected number")?)
            }
            Some('/' | '\\') => {
                let delimiter = match self.next() {
                    Some('\\') => self.next().unwrap_or('/'),
                    _ => '/',
                };
                let pattern = self.until(delimiter, true).ok_or("unterminated address regex")?;
                let ignores_case = self.eat('I');
                Address::Pattern(self.regex(&pattern, ignores_case)?)
            }
            _ => return Ok(None),
        }))
    }

    fn regex(&self, pattern: &str, ignores_case: bool) -> Result<Option<Rc<Regex>>, String> {
        if pattern.is_empty() {
            return Ok(None);
        }
        let translated = ["(?s)", &translate(pattern, self.dialect, true)?].concat();
        let regex = RegexBuilder::new(&translated).case_insensitive(ignores_case).build();
        regex.map(|regex| Some(Rc::new(regex))).map_err(|error| error.to_string())
    }

    /// Up to the delimiter, which loses its backslash inside.
    fn until(&mut self, delimiter: char, is_pattern: bool) -> Option<String> {
        let mut text = String::new();
        loop {
            match self.next()? {
                c if c == delimiter => return Some(text),
                '\n' if is_pattern => return None,
                '[' if is_pattern => self.bracket(&mut text)?,
                '\\' => {
                    let escaped = self.next()?;
                    if escaped != delimiter {
                        text.push('\\');
                    }
                    text.push(escaped);
                }
                c => text.push(c),
            }
        }
    }

    /// A set of characters: the delimiter is one of them there.
    fn bracket(&mut self, text: &mut String) -> Option<()> {
        text.push('[');
        if self.eat('^') {
            text.push('^');
        }
        let mut is_first = true;
        loop {
            let c = self.next()?;
            text.push(c);
            if c == ']' && !is_first {
                return Some(());
            }
            is_first = false;
            if let Some(kind @ (':' | '.' | '=')) = self.peek().filter(|_| c == '[') {
                text.push(self.next()?);
                while !text.ends_with([kind, ']'].iter().collect::<String>().as_str()) {
                    text.push(self.next()?);
                }
            }
        }
    }

    fn substitute(&mut self) -> Result<Substitute, String> {
        const UNTERMINATED: &str = "unterminated `s' command";
        let delimiter = self.next().filter(|c| !matches!(c, '\n' | '\\')).ok_or(UNTERMINATED)?;
        let pattern = self.until(delimiter, true).ok_or(UNTERMINATED)?;
        let replacement = self.until(delimiter, false).ok_or(UNTERMINATED)?;
        let mut substitute = Substitute { regex: None, parts: Vec::new(), first: 1, is_global: false, prints: false };
        let mut ignores_case = false;
        loop {
            match self.peek() {
                Some('g') => substitute.is_global = true,
                Some('p') => substitute.prints = true,
                Some('i' | 'I') => ignores_case = true,
                Some('0') => {
                    self.at += 1;
                    return Err("number option to `s' command may not be zero".to_string());
                }
                Some(c) if c.is_ascii_digit() => {
                    substitute.first = self.number().unwrap_or(u64::MAX) as usize;
                    continue;
                }
                None | Some('\n' | ';' | '}' | '#' | ' ' | '\t') => break,
                Some(_) => {
                    self.at += 1;
                    return Err("unknown option to `s'".to_string());
                }
            }
            self.at += 1;
        }
        substitute.regex = self.regex(&pattern, ignores_case)?;
        substitute.parts = parts(&replacement);
        let groups = substitute.regex.as_ref().map_or(9, |regex| regex.captures_len() - 1);
        for part in &substitute.parts {
            if let Part::Group(group) = part
                && *group > groups
            {
                return Err(["invalid reference \\", &group.to_string(), " on `s' command's RHS"].concat());
            }
        }
        Ok(substitute)
    }

    fn translation(&mut self) -> Result<Vec<(char, char)>, String> {
        const UNTERMINATED: &str = "unterminated `y' command";
        let delimiter = self.next().ok_or(UNTERMINATED)?;
        let from = plain(&self.until(delimiter, false).ok_or(UNTERMINATED)?);
        let to = plain(&self.until(delimiter, false).ok_or(UNTERMINATED)?);
        if from.len() != to.len() {
            return Err("strings for `y' command are different lengths".to_string());
        }
        Ok(from.into_iter().zip(to).collect())
    }

    /// The text of `a`, `i` and `c`: to the end of its last line.
    fn text(&mut self) -> Result<String, String> {
        self.skip(&[' ', '\t']);
        if self.peek().is_none() {
            return Err("expected \\ after `a', `c' or `i'".to_string());
        }
        if self.eat('\\') {
            self.skip(&[' ', '\t']);
            self.eat('\n');
        }
        let mut text = String::new();
        while let Some(c) = self.next() {
            match c {
                '\n' => break,
                '\\' => match self.next() {
                    Some('t') => text.push('\t'),
                    Some(escaped) => text.push(escaped),
                    None => {}
                },
                c => text.push(c),
            }
        }
        text.push('\n');
        Ok(text)
    }
}

fn parts(replacement: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = replacement.chars();
    while let Some(c) = rest.next() {
        let group = match c {
            '&' => 0,
            '\\' => match rest.next() {
                Some(digit @ '0'..='9') => digit as usize - '0' as usize,
                Some('n') => {
                    text.push('\n');
                    continue;
                }
                Some('t') => {
                    text.push('\t');
                    continue;
                }
                Some(escaped) => {
                    text.push(escaped);
                    continue;
                }
                None => continue,
            },
            c => {
                text.push(c);
                continue;
            }
        };
        parts.push(Part::Text(core::mem::take(&mut text)));
        parts.push(Part::Group(group));
    }
    parts.push(Part::Text(text));
    parts
}

fn plain(text: &str) -> Vec<char> {
    let mut plain = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        plain.push(match c {
            '\\' => match rest.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                other => other.unwrap_or('\\'),
            },
            c => c,
        });
    }
    plain
}
