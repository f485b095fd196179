//! Regular expressions as POSIX writes them, basic and extended, for a library that reads Perl's; and lines that are not
//! UTF-8.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::iter::Peekable;
use core::str::Chars;

/// How a pattern is written.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Dialect {
    Basic,
    Extended,
}

/// A line as text: one that is not UTF-8 is read byte by byte, as Latin-1, so that nothing of it is lost.
pub(super) fn decode(line: &[u8]) -> (Cow<'_, str>, bool) {
    match core::str::from_utf8(line) {
        Ok(text) => (Cow::Borrowed(text), false),
        Err(_) => (Cow::Owned(line.iter().map(|byte| char::from(*byte)).collect()), true),
    }
}

/// The other way of [`decode`].
pub(super) fn encode(text: &str, is_latin: bool) -> Cow<'_, [u8]> {
    if is_latin {
        Cow::Owned(
            text.chars().flat_map(|c| u8::try_from(c).map_or_else(|_| utf8(c), |byte| Vec::from([byte]))).collect(),
        )
    } else {
        Cow::Borrowed(text.as_bytes())
    }
}

fn utf8(c: char) -> Vec<u8> {
    let mut bytes = [0; 4];
    c.encode_utf8(&mut bytes).as_bytes().to_vec()
}

/// The pattern in the library's own way.
///
/// # Errors
/// What GNU's tools say of it.
pub(super) fn translate(pattern: &str, dialect: Dialect, has_escapes: bool) -> Result<String, &'static str> {
    let mut translation = Translation {
        rest: pattern.chars().peekable(),
        out: String::new(),
        groups: Vec::new(),
        atom: None,
        is_repeated: false,
        is_start: true,
        is_extended: dialect == Dialect::Extended,
        has_escapes,
    };
    translation.all()?;
    if translation.groups.is_empty() { Ok(translation.out) } else { Err("Unmatched ( or \\(") }
}

struct Translation<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
    /// Where groups begin that are open.
    groups: Vec<usize>,
    /// Where begins what a repetition would repeat.
    atom: Option<usize>,
    is_repeated: bool,
    /// At the beginning of an alternative.
    is_start: bool,
    is_extended: bool,
    /// `\n` and `\t` are characters, as in sed.
    has_escapes: bool,
}

/// One character, whatever it means.
pub(super) fn literal(out: &mut String, c: char) {
    if c.is_ascii_punctuation() {
        out.push('\\');
    }
    out.push(c);
}

impl Translation<'_> {
    fn all(&mut self) -> Result<(), &'static str> {
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => self.escape()?,
                '[' => {
                    self.begin_atom();
                    self.bracket()?;
                }
                '.' => {
                    self.begin_atom();
                    self.out.push('.');
                }
                '^' if self.is_extended || self.is_start => self.out.push('^'),
                '$' if self.is_extended || self.is_at_end() => {
                    self.out.push('$');
                    self.atom = None;
                }
                '*' => self.repeat("*"),
                '+' if self.is_extended => self.repeat("+"),
                '?' if self.is_extended => self.repeat("?"),
                '{' if self.is_extended => self.bounds()?,
                '(' if self.is_extended => self.open(),
                ')' if self.is_extended => self.close()?,
                '|' if self.is_extended => self.alternative(),
                c => self.one(c),
            }
        }
        Ok(())
    }

    fn begin_atom(&mut self) {
        self.atom = Some(self.out.len());
        self.is_repeated = false;
        self.is_start = false;
    }

    fn one(&mut self, c: char) {
        self.begin_atom();
        literal(&mut self.out, c);
    }

    /// Nothing that counts follows a `$` of a basic pattern.
    fn is_at_end(&self) -> bool {
        let mut rest = self.rest.clone();
        match rest.next() {
            None => true,
            Some('\\') => matches!(rest.next(), Some(')' | '|')),
            Some(_) => false,
        }
    }

    fn repeat(&mut self, how: &str) {
        let Some(atom) = self.atom else {
            // Nothing is there to repeat: the character itself.
            return how.chars().for_each(|c| self.one(c));
        };
        if self.is_repeated {
            self.out.insert_str(atom, "(?:");
            self.out.push(')');
        }
        self.out.push_str(how);
        self.is_repeated = true;
    }

    fn bounds(&mut self) -> Result<(), &'static str> {
        let mut rest = self.rest.clone();
        let mut text = String::new();
        let is_closed = loop {
            match rest.next() {
                Some(c) if c.is_ascii_digit() || c == ',' => text.push(c),
                Some('}') if self.is_extended => break true,
                Some('\\') if !self.is_extended => break rest.next() == Some('}'),
                _ => break false,
            }
        };
        let (least, most) = text.split_once(',').unwrap_or((&text, &text));
        let number = |digits: &str, other: u32| if digits.is_empty() { Some(other) } else { digits.parse().ok() };
        let (least, most) = (number(least, 0), number(most, u32::from(u16::MAX)));
        if !is_closed || text.is_empty() || most.is_none() {
            if self.is_extended {
                self.one('{');
                return Ok(());
            }
            return Err(if is_closed { "Invalid content of \\{\\}" } else { "Unmatched \\{" });
        }
        if least > most {
            return Err("Invalid content of \\{\\}");
        }
        if self.atom.is_none() {
            if self.is_extended {
                self.one('{');
                return Ok(());
            }
            return Err("Invalid preceding regular expression");
        }
        self.rest = rest;
        let text = if text.starts_with(',') { ["{0", &text, "}"].concat() } else { ["{", &text, "}"].concat() };
        self.repeat(&text);
        Ok(())
    }

    fn open(&mut self) {
        self.groups.push(self.out.len());
        self.out.push('(');
        self.atom = None;
        self.is_start = true;
    }

    fn close(&mut self) -> Result<(), &'static str> {
        let begin = self.groups.pop().ok_or("Unmatched ) or \\)")?;
        self.out.push(')');
        self.begin_atom();
        self.atom = Some(begin);
        Ok(())
    }

    fn alternative(&mut self) {
        self.out.push('|');
        self.atom = None;
        self.is_start = true;
    }

    fn escape(&mut self) -> Result<(), &'static str> {
        let c = self.rest.next().ok_or("Trailing backslash")?;
        match c {
            '(' if !self.is_extended => self.open(),
            ')' if !self.is_extended => self.close()?,
            '|' if !self.is_extended => self.alternative(),
            '{' if !self.is_extended => self.bounds()?,
            '+' if !self.is_extended => self.repeat("+"),
            '?' if !self.is_extended => self.repeat("?"),
            'w' | 'W' | 's' | 'S' | 'b' | 'B' => {
                self.begin_atom();
                self.out.push('\\');
                self.out.push(c);
            }
            '<' => self.out.push_str("\\b{start}"),
            '>' => self.out.push_str("\\b{end}"),
            '`' => self.out.push_str("\\A"),
            '\'' => self.out.push_str("\\z"),
            '1'..='9' => return Err("back-references in a pattern are not understood here"),
            'n' if self.has_escapes => self.one('\n'),
            't' if self.has_escapes => self.one('\t'),
            c => self.one(c),
        }
        Ok(())
    }

    /// Behind `[`.
    fn bracket(&mut self) -> Result<(), &'static str> {
        const UNMATCHED: &str = "Unmatched [, [^, [:, [., or [=";
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut is_first = true;
        loop {
            let c = self.rest.next().ok_or(UNMATCHED)?;
            if c == ']' && !is_first {
                self.out.push(']');
                return Ok(());
            }
            is_first = false;
            if c == '[' && matches!(self.rest.peek(), Some(':' | '.' | '=')) {
                let kind = self.rest.next().ok_or(UNMATCHED)?;
                let mut name = String::new();
                loop {
                    let c = self.rest.next().ok_or(UNMATCHED)?;
                    if c == kind && self.rest.next_if_eq(&']').is_some() {
                        break;
                    }
                    name.push(c);
                }
                if kind == ':' {
                    self.out.push_str(&["[:", &name, ":]"].concat());
                } else {
                    name.chars().for_each(|c| literal(&mut self.out, c));
                }
                continue;
            }
            self.member(c);
            let mut ahead = self.rest.clone();
            if ahead.next() == Some('-') && ahead.next().is_some_and(|to| to != ']') {
                self.rest.next();
                self.out.push('-');
                let to = self.rest.next().ok_or(UNMATCHED)?;
                self.member(to);
            }
        }
    }

    fn member(&mut self, c: char) {
        let escaped = match (c, self.rest.peek()) {
            ('\\', Some('n')) if self.has_escapes => Some('\n'),
            ('\\', Some('t')) if self.has_escapes => Some('\t'),
            _ => None,
        };
        if escaped.is_some() {
            self.rest.next();
        }
        literal(&mut self.out, escaped.unwrap_or(c));
    }
}
