//! `$((…))`: whole numbers as in C.

use super::interpreter::{Flow, Shell};
use super::syntax::Word;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Expressions in expressions, at most.
const DEPTH: usize = 100;

/// Operators between two, with what binds tighter standing higher; longer ones first.
const BINARY: [(&str, u8); 19] = [
    ("||", 1),
    ("&&", 2),
    ("==", 6),
    ("!=", 6),
    ("<<", 8),
    (">>", 8),
    ("<=", 7),
    (">=", 7),
    ("**", 11),
    ("|", 3),
    ("^", 4),
    ("&", 5),
    ("<", 7),
    (">", 7),
    ("+", 9),
    ("-", 9),
    ("*", 10),
    ("/", 10),
    ("%", 10),
];

/// Assignments with an operator.
const ASSIGNMENTS: [&str; 11] = ["=", "+=", "-=", "*=", "/=", "%=", "<<=", ">>=", "&=", "|=", "^="];

impl Shell {
    /// What an expression comes to.
    pub(super) async fn number_of(&mut self, expression: &Word) -> Result<i64, Flow> {
        let text = self.text_of(expression).await?.replace('"', "");
        match Expression::of(self, &text, 0).value() {
            Ok(value) => Ok(value),
            Err(message) => self.abort(&message).await,
        }
    }
}

struct Expression<'s> {
    shell: &'s mut Shell,
    text: String,
    letters: Vec<char>,
    at: usize,
    depth: usize,
    /// Nothing is assigned where it is not evaluated.
    skips: bool,
}

type Value = Result<i64, String>;

impl<'s> Expression<'s> {
    fn of(shell: &'s mut Shell, text: &str, depth: usize) -> Self {
        Self { shell, text: text.trim_start().to_string(), letters: text.chars().collect(), at: 0, depth, skips: false }
    }

    fn value(mut self) -> Value {
        self.blanks();
        if self.letters.get(self.at).is_none() {
            return Ok(0);
        }
        let value = self.list()?;
        if self.letters.get(self.at).is_some() {
            return Err(self.wrong("syntax error in expression"));
        }
        Ok(value)
    }

    fn wrong(&self, what: &str) -> String {
        let rest: String = self.letters.iter().skip(self.at).collect();
        let rest = if rest.is_empty() { self.letters.last().map(char::to_string).unwrap_or_default() } else { rest };
        format!("{}: {what} (error token is \"{rest}\")", self.text)
    }

    fn blanks(&mut self) {
        while self.letters.get(self.at).is_some_and(|letter| letter.is_whitespace()) {
            self.at += 1;
        }
    }

    fn follows(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(ahead, letter)| self.letters.get(self.at + ahead) == Some(&letter))
    }

    fn eats(&mut self, text: &str) -> bool {
        let follows = self.follows(text);
        if follows {
            self.at += text.len();
            self.blanks();
        }
        follows
    }

    fn list(&mut self) -> Value {
        let mut value = self.conditional()?;
        while self.eats(",") {
            value = self.conditional()?;
        }
        Ok(value)
    }

    fn conditional(&mut self) -> Value {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.wrong("expression recursion level exceeded"));
        }
        let condition = self.binary(1)?;
        let mut value = condition;
        if self.eats("?") {
            let skips = self.skips;
            self.skips = skips || condition == 0;
            let yes = self.conditional()?;
            if !self.eats(":") {
                return Err(self.wrong("`:' expected for conditional expression"));
            }
            self.skips = skips || condition != 0;
            let no = self.conditional()?;
            self.skips = skips;
            value = if condition == 0 { no } else { yes };
        }
        self.depth -= 1;
        Ok(value)
    }

    fn operator(&self, least: u8) -> Option<(&'static str, u8)> {
        let found = BINARY.into_iter().find(|(operator, _)| self.follows(operator))?;
        let is_assignment = ASSIGNMENTS.iter().any(|assignment| assignment.len() > 1 && self.follows(assignment));
        (found.1 >= least && !is_assignment).then_some(found)
    }

    fn binary(&mut self, least: u8) -> Value {
        let mut left = self.unary()?;
        while let Some((operator, binding)) = self.operator(least) {
            self.eats(operator);
            let skips = self.skips;
            self.skips |= (operator == "&&" && left == 0) || (operator == "||" && left != 0);
            let start = self.at;
            let right = if operator == "**" { self.binary(binding)? } else { self.binary(binding + 1)? };
            if right == 0 && matches!(operator, "/" | "%") && !self.skips {
                self.at = start;
                return Err(self.wrong("division by 0"));
            }
            self.skips = skips;
            left = apply(operator, left, right);
        }
        Ok(left)
    }

    fn unary(&mut self) -> Value {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.wrong("expression recursion level exceeded"));
        }
        let value = self.one();
        self.depth -= 1;
        value
    }

    fn one(&mut self) -> Value {
        for step in ["++", "--"] {
            if self.follows(step) && self.letters.get(self.at + 2).is_some_and(|letter| is_name_start(*letter)) {
                self.eats(step);
                let name = self.name();
                let value = self.variable(&name)?.wrapping_add(if step == "++" { 1 } else { -1 });
                self.assign(&name, value);
                return Ok(value);
            }
        }
        if self.eats("+") {
            return self.unary();
        }
        if self.eats("-") {
            return Ok(self.unary()?.wrapping_neg());
        }
        if self.eats("!") {
            return Ok(i64::from(self.unary()? == 0));
        }
        if self.eats("~") {
            return Ok(!self.unary()?);
        }
        if self.eats("(") {
            let value = self.list()?;
            return if self.eats(")") { Ok(value) } else { Err(self.wrong("missing `)'")) };
        }
        match self.letters.get(self.at) {
            Some(first) if is_name_start(*first) => {
                let name = self.name();
                self.named(&name)
            }
            Some(first) if first.is_ascii_digit() => self.number(),
            _ => Err(self.wrong("syntax error: operand expected")),
        }
    }

    fn name(&mut self) -> String {
        let name = self.letters.iter().skip(self.at);
        let name: String = name.take_while(|letter| **letter == '_' || letter.is_ascii_alphanumeric()).collect();
        self.at += name.len();
        if self.follows("[") {
            let index = self.letters.iter().skip(self.at).position(|letter| *letter == ']');
            let index: String = self.letters.iter().skip(self.at).take(index.map_or(0, |end| end + 1)).collect();
            self.at += index.chars().count();
            self.blanks();
            return name + &index;
        }
        self.blanks();
        name
    }

    fn named(&mut self, name: &str) -> Value {
        for step in ["++", "--"] {
            if self.eats(step) {
                let value = self.variable(name)?;
                self.assign(name, value.wrapping_add(if step == "++" { 1 } else { -1 }));
                return Ok(value);
            }
        }
        for assignment in ASSIGNMENTS {
            if self.follows(assignment) && !(assignment == "=" && self.follows("==")) {
                self.eats(assignment);
                let start = self.at;
                let right = self.conditional()?;
                let operator = assignment.trim_end_matches('=');
                let value = if operator.is_empty() {
                    right
                } else {
                    if right == 0 && matches!(operator, "/" | "%") && !self.skips {
                        self.at = start;
                        return Err(self.wrong("division by 0"));
                    }
                    apply(operator, self.variable(name)?, right)
                };
                self.assign(name, value);
                return Ok(value);
            }
        }
        self.variable(name)
    }

    fn variable(&mut self, name: &str) -> Value {
        let text = match name.split_once('[') {
            None => self.shell.value(name),
            Some((name, index)) => {
                let index = Expression::of(self.shell, index.trim_end_matches(']'), self.depth + 1).value()?;
                let values = self.shell.variables.get(name).map(|variable| variable.values.as_slice());
                values.unwrap_or_default().get(usize::try_from(index).unwrap_or(usize::MAX)).cloned()
            }
        };
        match text {
            None => Ok(0),
            Some(text) => match text.parse() {
                Ok(value) if !text.starts_with('0') && !text.starts_with('+') => Ok(value),
                _ if self.depth >= DEPTH => Err(self.wrong("expression recursion level exceeded")),
                // What a variable holds is an expression too.
                _ => Expression::of(self.shell, &text, self.depth + 1).value(),
            },
        }
    }

    fn assign(&mut self, name: &str, value: i64) {
        if self.skips {
            return;
        }
        match name.split_once('[') {
            None => drop(self.shell.assign(name, value.to_string())),
            Some((name, index)) => {
                let index = Expression::of(self.shell, index.trim_end_matches(']'), self.depth + 1).value();
                if let Some(index) = index.ok().and_then(|index| usize::try_from(index).ok()) {
                    self.shell.assign_element(name, index, value.to_string());
                }
            }
        }
    }

    fn number(&mut self) -> Value {
        let letters = self.letters.iter().skip(self.at);
        let text: String = letters.take_while(|letter| letter.is_ascii_alphanumeric() || **letter == '#').collect();
        let (digits, radix) = match text.as_str() {
            hexadecimal if hexadecimal.starts_with("0x") || hexadecimal.starts_with("0X") => (&hexadecimal[2..], 16),
            octal if octal.starts_with('0') && octal.len() > 1 => (&octal[1..], 8),
            other => match other.split_once('#') {
                Some((radix, digits)) => {
                    (digits, radix.parse().ok().filter(|radix| (2..=36).contains(radix)).unwrap_or(10))
                }
                None => (other, 10),
            },
        };
        let mut value = 0_i64;
        for letter in digits.chars() {
            let Some(digit) = letter.to_digit(36).filter(|digit| *digit < radix) else {
                return Err(self.wrong("value too great for base"));
            };
            value = value.wrapping_mul(i64::from(radix)).wrapping_add(i64::from(digit));
        }
        self.at += text.len();
        self.blanks();
        Ok(value)
    }
}

fn is_name_start(letter: char) -> bool {
    letter == '_' || letter.is_ascii_alphabetic()
}

fn apply(operator: &str, left: i64, right: i64) -> i64 {
    match operator {
        "||" => i64::from(left != 0 || right != 0),
        "&&" => i64::from(left != 0 && right != 0),
        "==" => i64::from(left == right),
        "!=" => i64::from(left != right),
        "<" => i64::from(left < right),
        ">" => i64::from(left > right),
        "<=" => i64::from(left <= right),
        ">=" => i64::from(left >= right),
        "<<" => left.wrapping_shl(right as u32),
        ">>" => left.wrapping_shr(right as u32),
        "|" => left | right,
        "^" => left ^ right,
        "&" => left & right,
        "+" => left.wrapping_add(right),
        "-" => left.wrapping_sub(right),
        "*" => left.wrapping_mul(right),
        "/" => left.checked_div(right).unwrap_or(0),
        "%" => left.checked_rem(right).unwrap_or(0),
        _ => left.wrapping_pow(u32::try_from(right).unwrap_or(0)),
    }
}
