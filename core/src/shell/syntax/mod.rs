//! What is typed at a shell, understood: words with their parts, commands, lists of commands, as bash reads them.
//!
//! [`Parser`] takes a text apart command by command, so that what comes first runs before what follows is read. `word` reads
//! words and what is in them, `parser` commands; `braces` and `pattern` are what happens to words later.

pub(super) mod braces;
mod compound;
mod condition;
mod parser;
pub(super) mod pattern;
#[cfg(test)]
mod tests;
mod word;

pub(super) use condition::condition_of;
pub(super) use parser::{Parser, RESERVED, SyntaxError};

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::OnceCell;

/// Commands one after the other.
pub(super) type List = Vec<Item>;

/// One of a list.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) chain: Rc<Chain>,
    /// `&` follows.
    pub(super) is_background: bool,
}

/// Pipelines between `&&` and `||`.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) first: Pipeline,
    pub(super) rest: Vec<(Link, Pipeline)>,
    /// As it was written.
    pub(super) text: String,
}

/// What is between two pipelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    And,
    Or,
}

/// Commands between `|`.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) is_negated: bool,
    pub(super) is_timed: bool,
    /// None, for a `!` or `time` alone.
    pub(super) commands: Vec<Rc<Command>>,
    /// As it was written.
    pub(super) text: String,
}

/// A command.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) kind: Kind,
    pub(super) redirections: Vec<Redirection>,
    /// The line it begins in, from 1.
    pub(super) line: usize,
}

/// What a command is.
#[derive(Debug)]
pub(super) enum Kind {
    Simple {
        assignments: Vec<Assignment>,
        words: Vec<Word>,
    },
    Group(List),
    Subshell(List),
    /// Conditions and what they lead to; an `else` is an arm without a condition.
    If(Vec<(List, List)>),
    Loop {
        is_until: bool,
        condition: List,
        body: List,
    },
    /// Without words it goes over the arguments.
    For {
        name: String,
        words: Option<Vec<Word>>,
        body: List,
    },
    /// `for ((…; …; …))`.
    Count {
        expressions: [Word; 3],
        body: List,
    },
    Case {
        word: Word,
        arms: Vec<Arm>,
    },
    Function {
        name: String,
        body: Rc<Command>,
    },
    /// `[[ … ]]`.
    Test(Condition),
    /// `((…))`.
    Arithmetic(Word),
}

/// One of a `case`.
#[derive(Debug)]
pub(super) struct Arm {
    pub(super) patterns: Vec<Word>,
    pub(super) body: List,
    /// `;&`: the next one's body runs too.
    pub(super) falls_through: bool,
    /// `;;&`: the next ones are looked at too.
    pub(super) goes_on: bool,
}

/// What `test` and `[[` ask.
#[derive(Debug)]
pub(super) enum Condition {
    Not(Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    /// `-f file` and the like.
    Unary(String, Word),
    /// `one = other` and the like.
    Binary(Word, String, Word),
    /// A word that is something.
    Text(Word),
}

/// `NAME=value`.
#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) name: String,
    /// The element of an array.
    pub(super) index: Option<Word>,
    /// `+=`.
    pub(super) appends: bool,
    pub(super) value: Value,
}

/// What is assigned.
#[derive(Debug)]
pub(super) enum Value {
    Text(Word),
    /// `(one two)`.
    Words(Vec<Word>),
}

/// `2> file` and the like.
#[derive(Debug)]
pub(super) struct Redirection {
    /// The number before it.
    pub(super) descriptor: Option<u32>,
    pub(super) target: Target,
}

/// Where to, or where from.
#[derive(Debug)]
pub(super) enum Target {
    Read(Word),
    Write {
        file: Word,
        appends: bool,
    },
    /// `&> file`: standard output and error.
    WriteBoth {
        file: Word,
        appends: bool,
    },
    /// `<&` and `>&`: another descriptor.
    Duplicate {
        from: Word,
        reads: bool,
    },
    /// A here-document; its text is known once its lines are read.
    Document(Rc<OnceCell<Word>>),
    /// `<<<`.
    Text(Word),
}

/// A word, of parts.
#[derive(Clone, Debug, Default)]
pub(super) struct Word(pub(super) Vec<Part>);

/// Part of a word.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// Text outside of quotes: `*` and `{` count.
    Plain(String),
    /// Text within.
    Quoted(String),
    /// `$NAME` and `${NAME…}`.
    Parameter { parameter: Rc<Parameter>, is_quoted: bool },
    /// `$(…)`.
    Commands { list: Rc<List>, is_quoted: bool },
    /// `$((…))`.
    Arithmetic { expression: Word, is_quoted: bool },
}

/// What `${…}` asks for.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    /// What is in brackets behind it: `@`, `*` or an expression.
    pub(super) index: Option<Word>,
    pub(super) action: Action,
}

/// What is done with a parameter's value.
#[derive(Debug)]
pub(super) enum Action {
    Value,
    /// `${#…}`.
    Length,
    /// `${!…}`.
    Indirect,
    /// `-`, `=`, `+` or `?`, and whether a colon precedes it: then what is empty is as what is not set.
    Otherwise {
        kind: char,
        or_empty: bool,
        word: Word,
    },
    /// `#` and `%`.
    Trim {
        from_end: bool,
        is_longest: bool,
        pattern: Word,
    },
    /// `/`; `at` is `/` for all, `#` for the beginning, `%` for the end.
    Replace {
        at: Option<char>,
        pattern: Word,
        with: Word,
    },
    /// `:from:length`.
    Slice {
        from: Word,
        length: Option<Word>,
    },
    /// `^` and `,`.
    Case {
        upper: bool,
        all: bool,
    },
}

impl Word {
    /// Of a text, as it is.
    pub(super) fn quoted(text: &str) -> Self {
        Self(Vec::from([Part::Quoted(String::from(text))]))
    }

    /// The text, where it is nothing but text outside of quotes.
    pub(super) fn plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Part::Plain(text)] => Some(text),
            _ => None,
        }
    }
}
