//! [`Parser`]: commands out of a text.

use super::word::{INDEX, METACHARACTERS, Mode, WORD, is_name_letter};
use super::{Assignment, Chain, Command, Item, Kind, Link, List, Part, Pipeline, Redirection, Target, Value, Word};
use crate::sorted::SortedMap;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::OnceCell;

/// Lists in lists, words in words: no more than this.
pub(super) const DEPTH: usize = 60;
/// Texts of aliases that are put in, at most.
const ALIASES: usize = 100;

/// Words that are part of the language where a command begins.
pub(in crate::shell) const RESERVED: [&str; 18] = [
    "if", "then", "elif", "else", "fi", "while", "until", "do", "done", "for", "case", "esac", "function", "in", "{",
    "}", "[[", "!",
];

/// Operators, longer ones first.
const OPERATORS: [&str; 24] = [
    "&>>", "<<<", "<<-", ";;&", "&&", "||", ";;", ";&", "|&", "&>", ">>", ">&", ">|", "<<", "<&", "<>", "&", ";", "|",
    "(", ")", "<", ">", "\n",
];

/// Why a text is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::shell) enum SyntaxError {
    /// It may go on: more lines are wanted. With the quote that is open.
    Incomplete(Option<char>),
    /// This was not expected.
    Token(String),
    /// There is too much in one another.
    TooDeep,
}

/// A here-document whose lines are still to be read.
struct Document {
    end: String,
    /// `<<-`.
    strips_tabs: bool,
    /// Its end was in quotes: nothing in it is expanded.
    is_literal: bool,
    text: Rc<OnceCell<Word>>,
}

/// See the module.
pub(in crate::shell) struct Parser<'a> {
    letters: Vec<char>,
    pub(super) at: usize,
    pub(super) depth: usize,
    /// More lines may follow.
    may_go_on: bool,
    documents: Vec<Document>,
    aliases: Option<&'a SortedMap<String, String>>,
    /// Aliases whose text is being read, and where it ends, counted from the end.
    used: Vec<(String, usize)>,
    /// Where a line was counted last.
    counted: (usize, usize),
    first_line: usize,
    /// How often something may still be read in another way.
    retries: usize,
    /// The end of the text ended a here-document.
    warned: Option<(usize, String)>,
}

impl<'a> Parser<'a> {
    /// Of a whole text, or of one that may go on.
    pub(in crate::shell) fn new(text: &str, may_go_on: bool, aliases: Option<&'a SortedMap<String, String>>) -> Self {
        Self {
            letters: text.chars().filter(|letter| *letter != '\0').collect(),
            at: 0,
            depth: 0,
            may_go_on,
            documents: Vec::new(),
            aliases,
            used: Vec::new(),
            counted: (0, 1),
            first_line: 1,
            retries: 30,
            warned: None,
        }
    }

    pub(super) fn may_go_on(&self) -> bool {
        self.may_go_on
    }

    /// The next command, or list of them, to the end of its line; nothing at the end.
    ///
    /// # Errors
    /// It is none.
    pub(in crate::shell) fn next(&mut self) -> Result<Option<List>, SyntaxError> {
        self.depth = 0;
        self.skip_lines()?;
        if self.peek(0).is_none() {
            return Ok(None);
        }
        let mut list = List::new();
        loop {
            let (item, is_ended) = self.item()?;
            list.push(item);
            self.skip_blanks();
            match self.operator() {
                operator if operator == Some("\n") || (operator.is_none() && self.peek(0).is_none()) => {
                    self.line_end()?;
                    return Ok(Some(list));
                }
                None | Some("(") if is_ended => {}
                _ => return Err(self.unexpected()),
            }
        }
    }

    /// The here-document that the end of the text ended: its line, and what was to end it.
    pub(in crate::shell) fn take_warning(&mut self) -> Option<(usize, String)> {
        self.warned.take()
    }

    /// The line that is being read, from 1.
    pub(in crate::shell) fn line(&mut self) -> usize {
        let (at, line) = if self.counted.0 <= self.at { self.counted } else { (0, self.first_line) };
        let new = self.letters.get(at..self.at).unwrap_or_default().iter().filter(|letter| **letter == '\n').count();
        self.counted = (self.at, line + new);
        line + new
    }

    /// The text of the line that is being read.
    pub(in crate::shell) fn line_text(&self) -> String {
        let before = self.letters.get(..self.at).unwrap_or_default();
        let start = before.iter().rposition(|letter| *letter == '\n').map_or(0, |at| at + 1);
        self.letters.iter().skip(start).take_while(|letter| **letter != '\n').collect()
    }

    /// Reads another text, as part of this one.
    pub(super) fn inner<T>(
        &mut self,
        text: &str,
        read: impl FnOnce(&mut Parser<'a>) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        let mut inner = Parser::new(text, false, self.aliases);
        inner.depth = self.depth + 1;
        inner.first_line = self.line();
        inner.counted.1 = inner.first_line;
        inner.retries = self.retries;
        if inner.depth > DEPTH {
            return Err(SyntaxError::TooDeep);
        }
        let read = read(&mut inner);
        self.retries = inner.retries;
        match read {
            // No further line of this one would complete it.
            Err(SyntaxError::Incomplete(_)) => Err(SyntaxError::Token(String::from("EOF"))),
            other => other,
        }
    }

    pub(super) fn peek(&self, ahead: usize) -> Option<char> {
        self.letters.get(self.at + ahead).copied()
    }

    /// Passes this text where it is what follows.
    pub(super) fn eats(&mut self, text: &str) -> bool {
        let follows = text.chars().enumerate().all(|(ahead, letter)| self.peek(ahead) == Some(letter));
        if follows {
            self.at += text.chars().count();
        }
        follows
    }

    pub(super) fn skip_blanks(&mut self) {
        loop {
            match self.peek(0) {
                Some(' ' | '\t') => self.at += 1,
                Some('\\') if self.peek(1) == Some('\n') => self.at += 2,
                Some('#') => {
                    while self.peek(0).is_some_and(|letter| letter != '\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    /// Passes blanks, comments and line ends.
    pub(super) fn skip_lines(&mut self) -> Result<(), SyntaxError> {
        loop {
            self.skip_blanks();
            if self.operator() != Some("\n") {
                return Ok(());
            }
            self.line_end()?;
        }
    }

    /// The end of a line, or of the text: here-documents follow.
    fn line_end(&mut self) -> Result<(), SyntaxError> {
        let line = self.line();
        let has_end = self.eats("\n");
        for document in core::mem::take(&mut self.documents) {
            if !has_end && self.may_go_on {
                return Err(SyntaxError::Incomplete(None));
            }
            let mut text = String::new();
            loop {
                if self.peek(0).is_none() {
                    if self.may_go_on {
                        return Err(SyntaxError::Incomplete(None));
                    }
                    self.warned = Some((line, document.end.clone()));
                    break;
                }
                let mut read: String =
                    self.letters.iter().skip(self.at).take_while(|letter| **letter != '\n').collect();
                self.at += read.chars().count();
                if !self.eats("\n") && self.may_go_on && read.trim_start_matches('\t') != document.end {
                    return Err(SyntaxError::Incomplete(None));
                }
                if document.strips_tabs {
                    read = String::from(read.trim_start_matches('\t'));
                }
                if read == document.end {
                    break;
                }
                text.push_str(&read);
                text.push('\n');
            }
            let word = if document.is_literal {
                Word::quoted(&text)
            } else {
                self.inner(&text, |inner| inner.word(super::word::DOCUMENT))?
            };
            let _is_new = document.text.set(word);
        }
        Ok(())
    }

    /// The operator that follows.
    pub(super) fn operator(&self) -> Option<&'static str> {
        let first = self.peek(0)?;
        if !METACHARACTERS.contains(first) {
            return None;
        }
        OPERATORS
            .into_iter()
            .find(|operator| operator.chars().enumerate().all(|(ahead, letter)| self.peek(ahead) == Some(letter)))
    }

    /// What follows was not expected.
    pub(super) fn unexpected(&mut self) -> SyntaxError {
        self.skip_blanks();
        let token = match self.operator() {
            Some("\n") => String::from("newline"),
            Some(operator) => operator.to_string(),
            None if self.peek(0).is_none() && self.may_go_on => return SyntaxError::Incomplete(None),
            None if self.peek(0).is_none() => return SyntaxError::Token(String::from("newline")),
            None => {
                let rest = self.letters.iter().skip(self.at);
                rest.take_while(|letter| !METACHARACTERS.contains(**letter)).collect()
            }
        };
        SyntaxError::Token(token)
    }

    /// The word that follows, where nothing in it is special.
    pub(super) fn raw(&self) -> Option<String> {
        let word = self.letters.iter().skip(self.at).take_while(|letter| !METACHARACTERS.contains(**letter));
        let word: String = word.collect();
        (!word.is_empty() && !word.contains(['\'', '"', '\\', '$', '`'])).then_some(word)
    }

    pub(super) fn is_next(&self, reserved: &str) -> bool {
        self.letters.get(self.at).copied() == reserved.chars().next() && self.raw().as_deref() == Some(reserved)
    }

    /// Passes this reserved word.
    pub(super) fn takes(&mut self, reserved: &str) -> bool {
        let is_next = self.is_next(reserved);
        if is_next {
            self.at += reserved.chars().count();
        }
        is_next
    }

    pub(super) fn expect(&mut self, reserved: &'static str) -> Result<(), SyntaxError> {
        self.skip_lines()?;
        if self.takes(reserved) {
            return Ok(());
        }
        Err(if self.peek(0).is_none() { SyntaxError::Incomplete(None) } else { self.unexpected() })
    }

    pub(super) fn expect_operator(&mut self, operator: &'static str) -> Result<(), SyntaxError> {
        self.skip_blanks();
        if self.eats(operator) {
            return Ok(());
        }
        Err(self.unexpected())
    }

    /// Commands up to one of these words, or to `)` or `;;`: what ends them is left.
    pub(super) fn list(&mut self, ends: &[&str]) -> Result<List, SyntaxError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(SyntaxError::TooDeep);
        }
        let mut list = List::new();
        loop {
            self.skip_lines()?;
            let is_end = match self.operator() {
                Some(operator) => matches!(operator, ")" | ";;" | ";&" | ";;&"),
                None => self.peek(0).is_none() || ends.iter().any(|end| self.is_next(end)),
            };
            if is_end {
                break;
            }
            let (item, is_ended) = self.item()?;
            list.push(item);
            self.skip_blanks();
            if !is_ended && self.operator() != Some("\n") {
                break;
            }
        }
        self.depth -= 1;
        Ok(list)
    }

    /// A list that has something in it.
    pub(super) fn some_list(&mut self, ends: &[&'static str]) -> Result<List, SyntaxError> {
        let list = self.list(ends)?;
        if list.is_empty() {
            return Err(if self.peek(0).is_none() { SyntaxError::Incomplete(None) } else { self.unexpected() });
        }
        Ok(list)
    }

    /// A chain, and whether `;` or `&` follows.
    fn item(&mut self) -> Result<(Item, bool), SyntaxError> {
        let start = self.at;
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            self.skip_blanks();
            let link = match self.operator() {
                Some("&&") => Link::And,
                Some("||") => Link::Or,
                _ => break,
            };
            self.at += 2;
            self.skip_lines()?;
            rest.push((link, self.pipeline()?));
        }
        let chain = Rc::new(Chain { first, rest, text: self.text_from(start) });
        self.skip_blanks();
        let (is_background, is_ended) = match self.operator() {
            Some("&") => (true, true),
            Some(";") => (false, true),
            _ => (false, false),
        };
        self.at += usize::from(is_ended);
        Ok((Item { chain, is_background }, is_ended))
    }

    fn text_from(&self, start: usize) -> String {
        let text: String = self.letters.get(start..self.at).unwrap_or_default().iter().collect();
        text.trim().to_string()
    }

    fn pipeline(&mut self) -> Result<Pipeline, SyntaxError> {
        let start = self.at;
        let (mut is_negated, mut is_timed) = (false, false);
        loop {
            self.skip_blanks();
            if self.takes("!") {
                is_negated = !is_negated;
            } else if self.takes("time") {
                is_timed = true;
                self.skip_blanks();
                self.takes("-p");
            } else {
                break;
            }
        }
        let mut commands = Vec::new();
        let is_end = self.peek(0).is_none() || matches!(self.operator(), Some("\n" | ";" | ")"));
        if !(is_end && (is_negated || is_timed)) {
            loop {
                let mut command = self.command()?;
                self.skip_blanks();
                let with_errors = match self.operator() {
                    Some("|") => false,
                    Some("|&") => true,
                    _ => {
                        commands.push(Rc::new(command));
                        break;
                    }
                };
                if with_errors {
                    let target = Target::Duplicate { from: Word::quoted("1"), reads: false };
                    command.redirections.push(Redirection { descriptor: Some(2), target });
                }
                commands.push(Rc::new(command));
                self.at += 1 + usize::from(with_errors);
                self.skip_lines()?;
            }
        }
        Ok(Pipeline { is_negated, is_timed, commands, text: self.text_from(start) })
    }

    pub(super) fn command(&mut self) -> Result<Command, SyntaxError> {
        self.skip_blanks();
        self.alias();
        let line = self.line();
        if self.peek(0).is_none() {
            return Err(SyntaxError::Incomplete(None));
        }
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(SyntaxError::TooDeep);
        }
        let kind = self.compound()?;
        self.depth -= 1;
        let Some(kind) = kind else { return self.simple(line) };
        let mut redirections = Vec::new();
        loop {
            self.skip_blanks();
            match self.redirection()? {
                Some(redirection) => redirections.push(redirection),
                None => return Ok(Command { kind, redirections, line }),
            }
        }
    }

    /// Puts in the text of an alias where one's name follows.
    fn alias(&mut self) {
        let Some(aliases) = self.aliases.filter(|aliases| !aliases.is_empty()) else { return };
        for _ in 0..ALIASES {
            let left = self.letters.len() - self.at.min(self.letters.len());
            self.used.retain(|(_, end)| *end < left);
            let Some(name) = self.raw() else { return };
            let Some(text) = aliases.get(&name).filter(|_| self.used.iter().all(|(used, _)| *used != name)) else {
                return;
            };
            let end = self.at + name.chars().count();
            self.letters.splice(self.at..end, text.chars());
            self.used.push((name, left - (end - self.at)));
            self.skip_blanks();
        }
    }

    pub(super) fn some_word(&mut self, mode: Mode) -> Result<Word, SyntaxError> {
        let start = self.at;
        let word = self.word(mode)?;
        if self.at == start { Err(self.unexpected()) } else { Ok(word) }
    }

    fn simple(&mut self, line: usize) -> Result<Command, SyntaxError> {
        let (mut assignments, mut words, mut redirections) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            self.skip_blanks();
            if let Some(redirection) = self.redirection()? {
                redirections.push(redirection);
                continue;
            }
            match self.operator() {
                Some("(") if words.len() == 1 && assignments.is_empty() && redirections.is_empty() => {
                    self.at += 1;
                    self.expect_operator(")")?;
                    let name = words.first().and_then(Word::plain).map(String::from);
                    let Some(name) = name else { return Err(SyntaxError::Token(String::from("("))) };
                    let kind = self.function(name)?;
                    return Ok(Command { kind, redirections, line });
                }
                Some("(") => return Err(self.unexpected()),
                Some(_) => break,
                None if self.peek(0).is_none() => break,
                None => {}
            }
            let is_declaration = words.first().and_then(Word::plain).is_some_and(|first| DECLARATIONS.contains(&first));
            if (words.is_empty() || is_declaration)
                && let Some(assignment) = self.assignment(is_declaration)?
            {
                if !is_declaration {
                    assignments.push(assignment);
                    continue;
                }
                // `export NAME=value`: the value is one word, as if it were in quotes.
                words.extend(declared(assignment));
                continue;
            }
            words.push(self.some_word(WORD)?);
        }
        if assignments.is_empty() && words.is_empty() && redirections.is_empty() {
            return Err(self.unexpected());
        }
        Ok(Command { kind: Kind::Simple { assignments, words }, redirections, line })
    }

    fn assignment(&mut self, is_declaration: bool) -> Result<Option<Assignment>, SyntaxError> {
        let rest = self.letters.get(self.at..).unwrap_or_default();
        let length = rest.iter().take_while(|letter| is_name_letter(**letter)).count();
        if length == 0 || rest.first().is_some_and(char::is_ascii_digit) {
            return Ok(None);
        }
        let name: String = rest.iter().take(length).collect();
        let start = self.at;
        self.at += length;
        let mut index = None;
        if !is_declaration && self.eats("[") {
            index = Some(self.word(INDEX)?);
            if !self.eats("]") {
                self.at = start;
                return Ok(None);
            }
        }
        let appends = self.eats("+=");
        if !appends && !self.eats("=") {
            self.at = start;
            return Ok(None);
        }
        if !self.eats("(") {
            return Ok(Some(Assignment { name, index, appends, value: Value::Text(self.word(WORD)?) }));
        }
        let mut words = Vec::new();
        loop {
            self.skip_lines()?;
            if self.eats(")") {
                return Ok(Some(Assignment { name, index, appends, value: Value::Words(words) }));
            }
            if self.peek(0).is_none() {
                return Err(SyntaxError::Incomplete(Some(')')));
            }
            words.push(self.some_word(WORD)?);
        }
    }

    fn redirection(&mut self) -> Result<Option<Redirection>, SyntaxError> {
        let digits = (0..3).take_while(|ahead| self.peek(*ahead).is_some_and(|digit| digit.is_ascii_digit())).count();
        let descriptor: Option<u32> = self.letters.iter().skip(self.at).take(digits).collect::<String>().parse().ok();
        let start = self.at;
        self.at += digits;
        let operator = self.operator().filter(|operator| operator.contains(['<', '>']));
        let Some(operator) = operator.filter(|operator| digits == 0 || !operator.starts_with('&')) else {
            self.at = start;
            return Ok(None);
        };
        self.at += operator.len();
        self.skip_blanks();
        if operator.starts_with("<<") && operator != "<<<" {
            return self.document(descriptor, operator == "<<-").map(Some);
        }
        let word = self.some_word(WORD)?;
        let target = match operator {
            "<" | "<>" => Target::Read(word),
            ">" | ">|" => Target::Write { file: word, appends: false },
            ">>" => Target::Write { file: word, appends: true },
            "&>" => Target::WriteBoth { file: word, appends: false },
            "&>>" => Target::WriteBoth { file: word, appends: true },
            "<<<" => Target::Text(word),
            _ => {
                let is_number = word.plain().is_some_and(|text| text == "-" || text.parse::<u32>().is_ok());
                if operator == ">&" && descriptor.is_none() && !is_number {
                    Target::WriteBoth { file: word, appends: false }
                } else {
                    Target::Duplicate { from: word, reads: operator == "<&" }
                }
            }
        };
        Ok(Some(Redirection { descriptor, target }))
    }

    /// Goes back to read in another way what was none of the first.
    pub(super) fn retry(&mut self, at: usize) -> Result<(), SyntaxError> {
        self.at = at;
        self.retries = self.retries.checked_sub(1).ok_or(SyntaxError::TooDeep)?;
        Ok(())
    }

    fn document(&mut self, descriptor: Option<u32>, strips_tabs: bool) -> Result<Redirection, SyntaxError> {
        let start = self.at;
        self.some_word(WORD)?;
        let raw: String = self.letters.get(start..self.at).unwrap_or_default().iter().collect();
        let is_literal = raw.contains(['\'', '"', '\\']);
        let end = raw.replace(['\'', '"', '\\'], "");
        let text = Rc::new(OnceCell::new());
        self.documents.push(Document { end, strips_tabs, is_literal, text: Rc::clone(&text) });
        Ok(Redirection { descriptor, target: Target::Document(text) })
    }
}

/// Builtins whose arguments are assignments.
const DECLARATIONS: [&str; 5] = ["export", "local", "declare", "readonly", "typeset"];

/// An assignment as the word of a builtin: nothing in it is split.
fn declared(assignment: Assignment) -> Option<Word> {
    let sign = if assignment.appends { "+=" } else { "=" };
    let mut parts = Vec::from([Part::Quoted(alloc::format!("{}{sign}", assignment.name))]);
    let Value::Text(Word(value)) = assignment.value else { return None };
    for part in value {
        parts.push(match part {
            Part::Plain(text) if text.starts_with('~') => Part::Plain(text),
            Part::Plain(text) => Part::Quoted(text),
            Part::Parameter { parameter, .. } => Part::Parameter { parameter, is_quoted: true },
            Part::Commands { list, .. } => Part::Commands { list, is_quoted: true },
            Part::Arithmetic { expression, .. } => Part::Arithmetic { expression, is_quoted: true },
            quoted @ Part::Quoted(_) => quoted,
        });
    }
    Some(Word(parts))
}
