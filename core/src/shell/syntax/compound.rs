//! Commands that hold others.

use super::condition::condition;
use super::parser::{Parser, RESERVED, SyntaxError};
use super::word::{COUNT, WORD};
use super::{Arm, Kind, List, Word};
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

impl Parser<'_> {
    /// A command that begins with a reserved word or a bracket.
    pub(super) fn compound(&mut self) -> Result<Option<Kind>, SyntaxError> {
        if self.operator() == Some("(") {
            if self.peek(1) == Some('(') {
                let start = self.at;
                self.at += 2;
                match self.arithmetic_end() {
                    Ok(expression) => return Ok(Some(Kind::Arithmetic(expression))),
                    Err(SyntaxError::Token(_)) => self.retry(start)?,
                    Err(other) => return Err(other),
                }
            }
            self.at += 1;
            let list = self.some_list(&[])?;
            self.close(")")?;
            return Ok(Some(Kind::Subshell(list)));
        }
        let Some(first) = self.raw() else { return Ok(None) };
        if !RESERVED.contains(&first.as_str()) {
            return Ok(None);
        }
        let start = self.at;
        self.at += first.chars().count();
        Ok(Some(match first.as_str() {
            "{" => {
                let list = self.some_list(&["}"])?;
                self.expect("}")?;
                Kind::Group(list)
            }
            "if" => self.conditional()?,
            "while" | "until" => {
                let condition = self.some_list(&["do"])?;
                let body = self.body()?;
                Kind::Loop { is_until: first == "until", condition, body }
            }
            "for" => self.iteration()?,
            "case" => self.case()?,
            "[[" => {
                let condition = condition(self)?;
                self.expect("]]")?;
                Kind::Test(condition)
            }
            "function" => {
                self.skip_blanks();
                let Some(name) = self.raw() else { return Err(self.unexpected()) };
                self.at += name.chars().count();
                self.skip_blanks();
                if self.eats("(") {
                    self.expect_operator(")")?;
                }
                self.function(name)?
            }
            _ => {
                self.at = start;
                return Err(self.unexpected());
            }
        }))
    }

    pub(super) fn close(&mut self, end: &'static str) -> Result<(), SyntaxError> {
        self.skip_lines()?;
        if self.eats(end) {
            return Ok(());
        }
        Err(if self.peek(0).is_none() { SyntaxError::Incomplete(None) } else { self.unexpected() })
    }

    fn conditional(&mut self) -> Result<Kind, SyntaxError> {
        let mut arms = Vec::new();
        loop {
            let condition = self.some_list(&["then"])?;
            self.expect("then")?;
            arms.push((condition, self.some_list(&["elif", "else", "fi"])?));
            self.skip_lines()?;
            if self.takes("elif") {
                continue;
            }
            if self.takes("else") {
                arms.push((List::new(), self.some_list(&["fi"])?));
            }
            self.expect("fi")?;
            return Ok(Kind::If(arms));
        }
    }

    /// `do …; done`.
    fn body(&mut self) -> Result<List, SyntaxError> {
        self.expect("do")?;
        let body = self.some_list(&["done"])?;
        self.expect("done")?;
        Ok(body)
    }

    fn iteration(&mut self) -> Result<Kind, SyntaxError> {
        self.skip_blanks();
        if self.eats("((") {
            let mut expressions = [Word::default(), Word::default(), Word::default()];
            for (index, expression) in expressions.iter_mut().enumerate() {
                *expression = self.word(COUNT)?;
                if !self.eats(if index < 2 { ";" } else { "))" }) {
                    return Err(self.unexpected());
                }
            }
            self.skip_blanks();
            self.eats(";");
            return Ok(Kind::Count { expressions, body: self.body()? });
        }
        let Some(name) = self.raw() else { return Err(self.unexpected()) };
        self.at += name.chars().count();
        self.skip_lines()?;
        let words = if self.takes("in") {
            let mut words = Vec::new();
            loop {
                self.skip_blanks();
                if self.operator().is_some() || self.peek(0).is_none() {
                    break;
                }
                words.push(self.word(WORD)?);
            }
            Some(words)
        } else {
            None
        };
        self.skip_blanks();
        match self.operator() {
            Some(";") => self.at += 1,
            Some("\n") | None => {}
            Some(_) => return Err(self.unexpected()),
        }
        Ok(Kind::For { name, words, body: self.body()? })
    }

    fn case(&mut self) -> Result<Kind, SyntaxError> {
        self.skip_blanks();
        let word = self.some_word(WORD)?;
        self.expect("in")?;
        let mut arms = Vec::new();
        loop {
            self.skip_lines()?;
            if self.takes("esac") {
                return Ok(Kind::Case { word, arms });
            }
            self.eats("(");
            let mut patterns = Vec::new();
            loop {
                self.skip_blanks();
                patterns.push(self.some_word(WORD)?);
                self.skip_blanks();
                if !self.eats("|") {
                    break;
                }
            }
            self.expect_operator(")")?;
            let body = self.list(&["esac"])?;
            self.skip_lines()?;
            let end = self.operator().filter(|end| end.starts_with(";;") || *end == ";&");
            self.at += end.map_or(0, str::len);
            arms.push(Arm { patterns, body, falls_through: end == Some(";&"), goes_on: end == Some(";;&") });
            if end.is_none() {
                self.expect("esac")?;
                return Ok(Kind::Case { word, arms });
            }
        }
    }

    pub(super) fn function(&mut self, name: String) -> Result<Kind, SyntaxError> {
        self.skip_lines()?;
        if self.peek(0).is_none() {
            return Err(SyntaxError::Incomplete(None));
        }
        let is_compound = self.operator() == Some("(")
            || self.raw().is_some_and(|first| RESERVED.contains(&first.as_str()) && first != "function");
        if !is_compound {
            return Err(self.unexpected());
        }
        let body = self.command()?;
        Ok(Kind::Function { name, body: Rc::new(body) })
    }
}
