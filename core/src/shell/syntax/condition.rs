//! What `[[ … ]]` and `test` ask, read.

use super::parser::{DEPTH, Parser, SyntaxError};
use super::word::{Mode, REGEX, WORD};
use super::{Condition, Word};
use alloc::boxed::Box;
use alloc::string::String;

/// The condition up to `]]`, which is left.
pub(super) fn condition(parser: &mut Parser<'_>) -> Result<Condition, SyntaxError> {
    Conditions { parser, depth: 0 }.any()
}

/// Reads what is in `[[ … ]]`.
struct Conditions<'p, 'a> {
    parser: &'p mut Parser<'a>,
    depth: usize,
}

impl Conditions<'_, '_> {
    fn any(&mut self) -> Result<Condition, SyntaxError> {
        let mut condition = self.all()?;
        while self.passes("||")? {
            condition = Condition::Or(Box::new(condition), Box::new(self.all()?));
        }
        Ok(condition)
    }

    fn all(&mut self) -> Result<Condition, SyntaxError> {
        let mut condition = self.one()?;
        while self.passes("&&")? {
            condition = Condition::And(Box::new(condition), Box::new(self.one()?));
        }
        Ok(condition)
    }

    fn passes(&mut self, operator: &'static str) -> Result<bool, SyntaxError> {
        self.parser.skip_lines()?;
        Ok(self.parser.eats(operator))
    }

    fn one(&mut self) -> Result<Condition, SyntaxError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(SyntaxError::TooDeep);
        }
        let condition = self.any_one();
        self.depth -= 1;
        condition
    }

    fn any_one(&mut self) -> Result<Condition, SyntaxError> {
        self.parser.skip_lines()?;
        if self.parser.takes("!") {
            return Ok(Condition::Not(Box::new(self.one()?)));
        }
        if self.parser.eats("(") {
            let condition = self.any()?;
            self.parser.close(")")?;
            return Ok(condition);
        }
        if self.parser.is_next("]]") {
            return Err(self.parser.unexpected());
        }
        let first = self.word(WORD)?;
        if let Some(operator) = first.plain().filter(|operator| is_unary(operator)).map(String::from) {
            self.parser.skip_blanks();
            if !self.parser.is_next("]]") && self.parser.operator().is_none() {
                return Ok(Condition::Unary(operator, self.word(WORD)?));
            }
        }
        self.parser.skip_blanks();
        let operator = match self.parser.operator() {
            Some(operator @ ("<" | ">")) => String::from(operator),
            Some(_) => return Ok(Condition::Text(first)),
            None => match self.parser.raw() {
                Some(operator) if is_binary(&operator) => operator,
                _ => return Ok(Condition::Text(first)),
            },
        };
        self.parser.at += operator.len();
        self.parser.skip_blanks();
        let second = self.word(if operator == "=~" { REGEX } else { WORD })?;
        Ok(Condition::Binary(first, operator, second))
    }

    fn word(&mut self, mode: Mode) -> Result<Word, SyntaxError> {
        self.parser.skip_blanks();
        if self.parser.peek(0).is_none() {
            return Err(SyntaxError::Incomplete(None));
        }
        self.parser.some_word(mode)
    }
}

fn is_unary(operator: &str) -> bool {
    operator.strip_prefix('-').is_some_and(|letter| letter.len() == 1 && "abcdefghknoprstuvwxzLNOSG".contains(letter))
}

fn is_binary(operator: &str) -> bool {
    let named = ["=", "==", "!=", "=~", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef"];
    named.contains(&operator)
}

/// What the arguments of `test` ask.
///
/// # Errors
/// What `test` says of them.
pub(in crate::shell) fn condition_of(arguments: &[String]) -> Result<Condition, String> {
    let mut arguments = Arguments { rest: arguments, depth: 0 };
    if arguments.rest.is_empty() {
        return Ok(Condition::Text(Word::quoted("")));
    }
    let condition = arguments.any()?;
    match arguments.rest {
        [] => Ok(condition),
        [_, ..] => Err(String::from("too many arguments")),
    }
}

struct Arguments<'a> {
    rest: &'a [String],
    depth: usize,
}

impl Arguments<'_> {
    fn any(&mut self) -> Result<Condition, String> {
        let mut condition = self.all()?;
        while let [operator, _, ..] = self.rest
            && operator == "-o"
        {
            self.rest = self.rest.get(1..).unwrap_or_default();
            condition = Condition::Or(Box::new(condition), Box::new(self.all()?));
        }
        Ok(condition)
    }

    fn all(&mut self) -> Result<Condition, String> {
        let mut condition = self.one()?;
        while let [operator, _, ..] = self.rest
            && operator == "-a"
        {
            self.rest = self.rest.get(1..).unwrap_or_default();
            condition = Condition::And(Box::new(condition), Box::new(self.one()?));
        }
        Ok(condition)
    }

    fn one(&mut self) -> Result<Condition, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(String::from("too many arguments"));
        }
        match self.rest {
            [first, operator, second, rest @ ..] if is_binary(operator) => {
                self.rest = rest;
                Ok(Condition::Binary(Word::quoted(first), operator.clone(), Word::quoted(second)))
            }
            [not, rest @ ..] if not == "!" && !rest.is_empty() => {
                self.rest = rest;
                Ok(Condition::Not(Box::new(self.one()?)))
            }
            [open, rest @ ..] if open == "(" && !rest.is_empty() => {
                self.rest = rest;
                let condition = self.any()?;
                match self.rest {
                    [close, rest @ ..] if close == ")" => {
                        self.rest = rest;
                        Ok(condition)
                    }
                    _ => Err(String::from("`)' expected")),
                }
            }
            [operator, second, rest @ ..] if is_unary(operator) => {
                self.rest = rest;
                Ok(Condition::Unary(operator.clone(), Word::quoted(second)))
            }
            [first, second] if !first.is_empty() && second != "-a" => {
                Err(alloc::format!("{first}: unary operator expected"))
            }
            [_, operator, _] if operator != "-a" && operator != "-o" => {
                Err(alloc::format!("{operator}: binary operator expected"))
            }
            [first, rest @ ..] => {
                self.rest = rest;
                Ok(Condition::Text(Word::quoted(first)))
            }
            [] => Err(String::from("argument expected")),
        }
    }
}
