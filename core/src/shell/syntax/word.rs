//! Reads words: quotes, `$…`, what ends them.

use super::parser::{DEPTH, Parser, SyntaxError};
use super::{Action, Parameter, Part, Word};
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Where a word ends, and what counts in it.
#[derive(Clone, Copy)]
pub(super) struct Mode {
    /// Letters that end it.
    stops: &'static str,
    /// It is within double quotes, or in a here-document.
    is_quoted: bool,
    /// `'` and `"` are quotes.
    has_quotes: bool,
    /// Brackets that were opened in it are closed first.
    brackets: Option<(char, char)>,
}

/// What ends a word of a command.
pub(super) const METACHARACTERS: &str = " \t\n;&|<>()";
/// A word of a command.
pub(super) const WORD: Mode = Mode { stops: METACHARACTERS, is_quoted: false, has_quotes: true, brackets: None };
/// A regular expression behind `=~`.
pub(super) const REGEX: Mode = Mode { stops: " \t\n", is_quoted: false, has_quotes: true, brackets: Some(('(', ')')) };
/// The text of a here-document.
pub(super) const DOCUMENT: Mode = Mode { stops: "", is_quoted: true, has_quotes: false, brackets: None };
/// An expression between `((` and `))`.
pub(super) const ARITHMETIC: Mode = Mode { stops: ")", is_quoted: true, has_quotes: false, brackets: Some(('(', ')')) };
/// One of the three in `for ((…))`.
pub(super) const COUNT: Mode = Mode { stops: ";)", ..ARITHMETIC };
/// What is between `[` and `]`.
pub(super) const INDEX: Mode = Mode { stops: "]", is_quoted: false, has_quotes: true, brackets: Some(('[', ']')) };
const DOUBLE_QUOTES: Mode = Mode { stops: "\"", is_quoted: true, has_quotes: false, brackets: None };

/// May stand in a name, but not first where it is a digit.
pub(super) fn is_name_letter(letter: char) -> bool {
    letter == '_' || letter.is_ascii_alphanumeric()
}

struct Parts(Vec<Part>);

impl Parts {
    fn plain(&mut self, letter: char) {
        match self.0.last_mut() {
            Some(Part::Plain(text)) => text.push(letter),
            _ => self.0.push(Part::Plain(letter.to_string())),
        }
    }

    fn quoted(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(Part::Quoted(before)) => before.push_str(text),
            _ => self.0.push(Part::Quoted(String::from(text))),
        }
    }
}

impl Parser<'_> {
    /// Reads up to what ends it, which is left.
    pub(super) fn word(&mut self, mode: Mode) -> Result<Word, SyntaxError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(SyntaxError::TooDeep);
        }
        let mut parts = Parts(Vec::new());
        let mut open = 0_usize;
        while let Some(letter) = self.peek(0) {
            if mode.stops.contains(letter) && open == 0 {
                break;
            }
            if let Some((opens, closes)) = mode.brackets {
                open += usize::from(letter == opens);
                open = open.saturating_sub(usize::from(letter == closes));
            }
            self.letter(letter, mode, &mut parts)?;
        }
        self.depth -= 1;
        Ok(Word(parts.0))
    }

    fn letter(&mut self, letter: char, mode: Mode, parts: &mut Parts) -> Result<(), SyntaxError> {
        match letter {
            '\\' => {
                self.at += 1;
                let next = self.peek(0);
                let escapes = |next: char| {
                    let is_quote = next == '"' && mode.has_quotes;
                    !mode.is_quoted || is_quote || "$`\\".contains(next) || mode.stops.contains(next)
                };
                match next {
                    Some('\n') => self.at += 1,
                    Some(next) if escapes(next) => {
                        self.at += 1;
                        parts.quoted(next.encode_utf8(&mut [0; 4]));
                    }
                    // A line that ends so goes on.
                    None if self.may_go_on() => return Err(SyntaxError::Incomplete(None)),
                    _ => parts.quoted("\\"),
                }
            }
            '\'' if mode.has_quotes && !mode.is_quoted => {
                self.at += 1;
                let text = self.until('\'')?;
                parts.quoted(&text);
            }
            '"' if mode.has_quotes => {
                self.at += 1;
                self.double_quotes(parts)?;
            }
            '$' => self.dollar(mode, parts)?,
            '`' => {
                self.at += 1;
                let part = self.backquotes(mode.is_quoted)?;
                parts.0.push(part);
            }
            letter => {
                self.at += 1;
                if mode.is_quoted {
                    parts.quoted(letter.encode_utf8(&mut [0; 4]));
                } else {
                    parts.plain(letter);
                }
            }
        }
        Ok(())
    }

    /// Text up to this letter, which is passed.
    fn until(&mut self, end: char) -> Result<String, SyntaxError> {
        let (start, mut text) = (self.at, String::new());
        while let Some(letter) = self.peek(0) {
            self.at += 1;
            if letter == end {
                return Ok(text);
            }
            text.push(letter);
        }
        Err(self.open(start, end))
    }

    /// What begins at `start` has no end.
    fn open(&mut self, start: usize, end: char) -> SyntaxError {
        self.at = start;
        SyntaxError::Incomplete(Some(end))
    }

    fn double_quotes(&mut self, parts: &mut Parts) -> Result<(), SyntaxError> {
        let start = self.at;
        let Word(inner) = self.word(DOUBLE_QUOTES)?;
        if !self.eats("\"") {
            return Err(self.open(start, '"'));
        }
        if inner.is_empty() {
            // Empty quotes are a word too.
            parts.quoted("");
        }
        for part in inner {
            match part {
                Part::Quoted(text) => parts.quoted(&text),
                other => parts.0.push(other),
            }
        }
        Ok(())
    }

    fn dollar(&mut self, mode: Mode, parts: &mut Parts) -> Result<(), SyntaxError> {
        let is_quoted = mode.is_quoted;
        self.at += 1;
        let Some(next) = self.peek(0) else {
            return {
                literal_dollar(is_quoted, parts);
                Ok(())
            };
        };
        match next {
            '(' if self.peek(1) == Some('(') => {
                let start = self.at;
                self.at += 2;
                match self.arithmetic_end() {
                    Ok(expression) => parts.0.push(Part::Arithmetic { expression, is_quoted }),
                    Err(SyntaxError::Token(_)) => {
                        // `$((` of two lists of commands.
                        self.retry(start + 1)?;
                        parts.0.push(self.commands(is_quoted)?);
                    }
                    Err(other) => return Err(other),
                }
            }
            '(' => {
                self.at += 1;
                parts.0.push(self.commands(is_quoted)?);
            }
            '{' => {
                self.at += 1;
                parts.0.push(self.parameter(mode)?);
            }
            '\'' if mode.has_quotes => {
                self.at += 1;
                let text = self.ansi_quotes()?;
                parts.quoted(&text);
            }
            '"' if mode.has_quotes => {}
            _ => {
                let Some(name) = self.parameter_name(false) else {
                    return {
                        literal_dollar(is_quoted, parts);
                        Ok(())
                    };
                };
                let parameter = Rc::new(Parameter { name, index: None, action: Action::Value });
                parts.0.push(Part::Parameter { parameter, is_quoted });
            }
        }
        Ok(())
    }

    /// The expression up to `))`, which is passed.
    pub(super) fn arithmetic_end(&mut self) -> Result<Word, SyntaxError> {
        let expression = self.word(ARITHMETIC)?;
        if self.eats("))") {
            return Ok(expression);
        }
        Err(if self.peek(1).is_none() { SyntaxError::Incomplete(Some(')')) } else { self.unexpected() })
    }

    fn commands(&mut self, is_quoted: bool) -> Result<Part, SyntaxError> {
        let list = self.list(&[])?;
        if self.eats(")") {
            return Ok(Part::Commands { list: Rc::new(list), is_quoted });
        }
        Err(if self.peek(0).is_none() { SyntaxError::Incomplete(Some(')')) } else { self.unexpected() })
    }

    fn backquotes(&mut self, is_quoted: bool) -> Result<Part, SyntaxError> {
        let (start, mut text) = (self.at, String::new());
        loop {
            let Some(letter) = self.peek(0) else { return Err(self.open(start, '`')) };
            self.at += 1;
            match letter {
                '`' => break,
                '\\' => match self.peek(0) {
                    Some(escaped) if "$`\\".contains(escaped) || (is_quoted && escaped == '"') => {
                        self.at += 1;
                        text.push(escaped);
                    }
                    _ => text.push('\\'),
                },
                other => text.push(other),
            }
        }
        let list = self.inner(&text, |inner| {
            let list = inner.list(&[])?;
            if inner.peek(0).is_some() { Err(inner.unexpected()) } else { Ok(list) }
        })?;
        Ok(Part::Commands { list: Rc::new(list), is_quoted })
    }

    /// `\n` and the like in `$'…'`.
    fn ansi_quotes(&mut self) -> Result<String, SyntaxError> {
        let mut raw = String::new();
        loop {
            let letter = self.peek(0).ok_or(SyntaxError::Incomplete(Some('\'')))?;
            self.at += 1;
            match letter {
                '\'' => return Ok(super::super::escapes::unescape(&raw, true).0),
                '\\' => {
                    raw.push('\\');
                    if let Some(escaped) = self.peek(0) {
                        raw.push(escaped);
                        self.at += 1;
                    }
                }
                other => raw.push(other),
            }
        }
    }

    /// The name of a parameter: `NAME`, a digit or a sign; several digits only between braces.
    fn parameter_name(&mut self, is_braced: bool) -> Option<String> {
        let first = self.peek(0)?;
        let mut name = String::new();
        let digits = first.is_ascii_digit();
        if is_name_letter(first) {
            while let Some(letter) = self.peek(0).filter(|letter| is_name_letter(*letter)) {
                if digits && (!letter.is_ascii_digit() || (!is_braced && !name.is_empty())) {
                    break;
                }
                name.push(letter);
                self.at += 1;
            }
        } else if "?$!#@*-".contains(first) {
            name.push(first);
            self.at += 1;
        }
        (!name.is_empty()).then_some(name)
    }

    fn parameter(&mut self, mode: Mode) -> Result<Part, SyntaxError> {
        let start = self.at;
        let is_quoted = mode.is_quoted;
        let mut prefix = None;
        if let Some(sign @ ('#' | '!')) = self.peek(0)
            && self.peek(1).is_some_and(|next| is_name_letter(next) || (sign == '#' && "@*?".contains(next)))
        {
            prefix = Some(sign);
            self.at += 1;
        }
        let Some(name) = self.parameter_name(true) else { return self.bad_substitution(start) };
        let index = if self.eats("[") {
            let index = self.word(INDEX)?;
            self.closes("]")?;
            Some(index)
        } else {
            None
        };
        let action = match (prefix, self.peek(0)) {
            (Some('#'), _) => Action::Length,
            (Some(_), _) => Action::Indirect,
            (None, Some('}')) => Action::Value,
            (None, _) => match self.action(is_quoted)? {
                Some(action) => action,
                None => return self.bad_substitution(start),
            },
        };
        if !self.eats("}") {
            return if self.peek(0).is_none() {
                Err(SyntaxError::Incomplete(Some('}')))
            } else {
                self.bad_substitution(start)
            };
        }
        Ok(Part::Parameter { parameter: Rc::new(Parameter { name, index, action }), is_quoted })
    }

    /// It is said where it is expanded: its text is its name.
    fn bad_substitution(&mut self, start: usize) -> Result<Part, SyntaxError> {
        self.at = start;
        let mut text = String::from("${");
        text.push_str(&self.until('}')?);
        text.push('}');
        let parameter = Rc::new(Parameter { name: text, index: None, action: Action::Value });
        Ok(Part::Parameter { parameter, is_quoted: true })
    }

    fn closes(&mut self, end: &'static str) -> Result<(), SyntaxError> {
        if self.eats(end) { Ok(()) } else { Err(SyntaxError::Incomplete(Some('}'))) }
    }

    fn action(&mut self, is_quoted: bool) -> Result<Option<Action>, SyntaxError> {
        let braced = |stops| Mode { stops, is_quoted, has_quotes: true, brackets: Some(('{', '}')) };
        let unquoted = |stops| Mode { is_quoted: false, ..braced(stops) };
        let Some(sign) = self.peek(0) else { return Err(SyntaxError::Incomplete(Some('}'))) };
        self.at += 1;
        let or_empty = sign == ':' && self.peek(0).is_some_and(|next| "-=+?".contains(next));
        Ok(Some(match sign {
            '-' | '=' | '+' | '?' => Action::Otherwise { kind: sign, or_empty: false, word: self.word(braced("}"))? },
            ':' if or_empty => {
                let kind = self.peek(0).unwrap_or('-');
                self.at += 1;
                Action::Otherwise { kind, or_empty: true, word: self.word(braced("}"))? }
            }
            ':' => {
                let from = self.word(unquoted(":}"))?;
                let length = if self.eats(":") { Some(self.word(unquoted("}"))?) } else { None };
                Action::Slice { from, length }
            }
            '#' | '%' => {
                let is_longest = self.eats(if sign == '#' { "#" } else { "%" });
                Action::Trim { from_end: sign == '%', is_longest, pattern: self.word(unquoted("}"))? }
            }
            '/' => {
                let at = self.peek(0).filter(|at| "/#%".contains(*at));
                self.at += usize::from(at.is_some());
                let pattern = self.word(unquoted("/}"))?;
                let with = if self.eats("/") { self.word(unquoted("}"))? } else { Word::default() };
                Action::Replace { at, pattern, with }
            }
            '^' | ',' => {
                let all = self.eats(if sign == '^' { "^" } else { "," });
                Action::Case { upper: sign == '^', all }
            }
            _ => return Ok(None),
        }))
    }
}

fn literal_dollar(is_quoted: bool, parts: &mut Parts) {
    if is_quoted { parts.quoted("$") } else { parts.plain('$') }
}
