//! `echo` and `printf`.

use super::super::escapes::{escaped, unescape};
use super::super::interpreter::Shell;
use super::Said;
use alloc::format;
use alloc::string::{String, ToString};

pub(super) fn echo(_: &mut Shell, mut arguments: &[String]) -> Said {
    let (mut has_end, mut has_escapes) = (true, false);
    while let [first, rest @ ..] = arguments {
        let is_option = |letters: &str| !letters.is_empty() && letters.chars().all(|letter| "neE".contains(letter));
        let Some(letters) = first.strip_prefix('-').filter(|letters| is_option(letters)) else { break };
        for letter in letters.chars() {
            match letter {
                'n' => has_end = false,
                letter => has_escapes = letter == 'e',
            }
        }
        arguments = rest;
    }
    let mut text = arguments.join(" ");
    if has_escapes {
        let (unescaped, is_ended) = unescape(&text, false);
        text = unescaped;
        has_end &= !is_ended;
    }
    if has_end {
        text.push('\n');
    }
    Said::output(text)
}

pub(super) fn printf(shell: &mut Shell, arguments: &[String]) -> Said {
    let (variable, arguments) = match arguments {
        [option, name, rest @ ..] if option == "-v" => (Some(name), rest),
        [option, rest @ ..] if option == "--" => (None, rest),
        other => (None, other),
    };
    let Some((format, mut values)) = arguments.split_first() else {
        return Said {
            errors: alloc::vec!["usage: printf [-v var] format [arguments]".to_string()],
            status: 2,
            ..Said::default()
        };
    };
    let mut printed = Printed { said: Said::default(), is_ended: false };
    loop {
        let before = values.len();
        values = printed.once(format, values);
        if values.is_empty() || values.len() == before || printed.is_ended {
            break;
        }
    }
    if let Some(name) = variable {
        let text = core::mem::take(&mut printed.said.output);
        shell.assign(name, text);
    }
    printed.said
}

struct Printed {
    said: Said,
    is_ended: bool,
}

/// What stands between `%` and its letter.
#[derive(Default)]
struct Conversion {
    is_left: bool,
    is_zeroed: bool,
    sign: Option<char>,
    is_alternate: bool,
    width: usize,
    precision: Option<usize>,
}

impl Printed {
    /// Prints the format once; the values that are left.
    fn once<'v>(&mut self, format: &str, mut values: &'v [String]) -> &'v [String] {
        let mut letters = format.chars().peekable();
        let take = |values: &mut &'v [String]| -> &'v str {
            match *values {
                [first, rest @ ..] => {
                    *values = rest;
                    first
                }
                [] => "",
            }
        };
        while let Some(letter) = letters.next() {
            if letter == '\\' {
                let mut escape = String::from('\\');
                // What follows, as far as it may belong to the escape.
                let most = if letters.peek().is_some_and(|next| "xuU01234567".contains(*next)) { 9 } else { 1 };
                while let Some(next) = letters
                    .peek()
                    .copied()
                    .filter(|next| escape.len() <= most && (escape.len() == 1 || next.is_ascii_hexdigit()))
                {
                    escape.push(next);
                    letters.next();
                }
                let is_octal = escape.chars().nth(1).is_some_and(|digit| digit.is_digit(8));
                let (text, is_ended) = unescape(&escape, is_octal);
                self.said.output.push_str(&text);
                if is_ended {
                    self.is_ended = true;
                    return &[];
                }
                continue;
            }
            if letter != '%' {
                self.said.output.push(letter);
                continue;
            }
            let mut conversion = Conversion::default();
            while let Some(flag) = letters.peek().copied().filter(|flag| "-0+ #".contains(*flag)) {
                match flag {
                    '-' => conversion.is_left = true,
                    '0' => conversion.is_zeroed = true,
                    '#' => conversion.is_alternate = true,
                    sign => conversion.sign = Some(sign),
                }
                letters.next();
            }
            let mut number = |values: &mut &'v [String]| {
                if letters.peek() == Some(&'*') {
                    letters.next();
                    return take(values).parse::<i64>().unwrap_or(0);
                }
                let mut number = 0_i64;
                while let Some(digit) = letters.peek().and_then(|digit| digit.to_digit(10)) {
                    number = (number * 10 + i64::from(digit)).min(10_000);
                    letters.next();
                }
                number
            };
            let width = number(&mut values);
            conversion.is_left |= width < 0;
            conversion.width = width.unsigned_abs().min(10_000) as usize;
            if letters.next_if_eq(&'.').is_some() {
                let mut number = 0_usize;
                if letters.next_if_eq(&'*').is_some() {
                    number = take(&mut values).parse().unwrap_or(0);
                }
                while let Some(digit) = letters.peek().and_then(|digit| digit.to_digit(10)) {
                    number = (number * 10 + digit as usize).min(10_000);
                    letters.next();
                }
                conversion.precision = Some(number);
            }
            while letters.next_if(|letter| "hlqLjzt".contains(*letter) && *letter != 'q').is_some() {}
            match letters.next() {
                Some('%') => self.said.output.push('%'),
                Some(letter) if "sbqcdiuxXoeEfFgG".contains(letter) => {
                    let is_missing = values.is_empty();
                    let value = take(&mut values);
                    self.convert(&conversion, letter, value, is_missing);
                    if self.is_ended {
                        return &[];
                    }
                }
                Some(other) => {
                    self.said.complain(format!("`{other}': invalid format character"));
                    self.is_ended = true;
                    return &[];
                }
                None => {
                    self.said.complain("`%': missing format character".to_string());
                    return &[];
                }
            }
        }
        values
    }

    fn convert(&mut self, conversion: &Conversion, letter: char, value: &str, is_missing: bool) {
        let cut = |text: &str| match conversion.precision {
            Some(precision) => text.chars().take(precision).collect(),
            None => text.to_string(),
        };
        let text = match letter {
            's' => cut(value),
            'b' => {
                let (text, is_ended) = unescape(value, false);
                self.is_ended = is_ended;
                cut(&text)
            }
            'q' => escaped(value),
            'c' => value.chars().next().map(String::from).unwrap_or_default(),
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
                let number = if is_missing { 0.0 } else { self.decimal(value) };
                return self.put_number(
                    conversion,
                    number.is_sign_negative(),
                    &digits_of(conversion, letter, number.abs()),
                );
            }
            _ => {
                let number = if is_missing { 0 } else { self.whole(value) };
                let (is_negative, digits) = match letter {
                    'd' | 'i' => (number < 0, number.unsigned_abs().to_string()),
                    'u' => (false, (number as u64).to_string()),
                    'o' => (false, format!("{number:o}")),
                    'x' if conversion.is_alternate => (false, format!("0x{number:x}")),
                    'x' => (false, format!("{number:x}")),
                    _ if conversion.is_alternate => (false, format!("0X{number:X}")),
                    _ => (false, format!("{number:X}")),
                };
                let width = conversion.precision.unwrap_or(0);
                return self.put_number(conversion, is_negative, &format!("{digits:0>width$}"));
            }
        };
        self.pad(conversion, &text);
    }

    fn put_number(&mut self, conversion: &Conversion, is_negative: bool, digits: &str) {
        let sign = if is_negative { Some('-') } else { conversion.sign };
        let sign = sign.map(String::from).unwrap_or_default();
        let zeros = conversion.width.saturating_sub(digits.len() + sign.len());
        let fills = conversion.is_zeroed && !conversion.is_left;
        let zeros = "0".repeat(if fills { zeros } else { 0 });
        self.pad(conversion, &format!("{sign}{zeros}{digits}"));
    }

    fn pad(&mut self, conversion: &Conversion, text: &str) {
        let width = conversion.width;
        let text = if conversion.is_left { format!("{text:<width$}") } else { format!("{text:>width$}") };
        self.said.output.push_str(&text);
    }

    fn whole(&mut self, value: &str) -> i64 {
        let text = value.trim_start();
        if let Some(letter) = text.strip_prefix(['\'', '"']) {
            return letter.chars().next().map_or(0, |letter| i64::from(u32::from(letter)));
        }
        let (is_negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
        let digits = digits.strip_prefix('+').unwrap_or(digits);
        let (digits, radix) = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
            Some(digits) => (digits, 16),
            None if digits.starts_with('0') => (digits, 8),
            None => (digits, 10),
        };
        let end = digits.find(|digit: char| !digit.is_digit(radix)).unwrap_or(digits.len());
        let (good, rest) = digits.split_at(end);
        let number = i64::from_str_radix(good, radix);
        if !rest.is_empty() || (number.is_err() && !good.is_empty()) || text.is_empty() {
            self.said.complain(format!("{value}: invalid number"));
        }
        let number = number.unwrap_or(0);
        if is_negative { number.wrapping_neg() } else { number }
    }

    fn decimal(&mut self, value: &str) -> f64 {
        value.trim().parse().unwrap_or_else(|_| {
            self.said.complain(format!("{value}: invalid number"));
            0.0
        })
    }
}

fn digits_of(conversion: &Conversion, letter: char, number: f64) -> String {
    let precision = conversion.precision.unwrap_or(6);
    match letter {
        'f' | 'F' => format!("{number:.precision$}"),
        'e' | 'E' => {
            let text = format!("{number:.precision$e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
            let text = format!("{digits}e{sign}{exponent:0>2}");
            if letter == 'E' { text.to_uppercase() } else { text }
        }
        _ => {
            let text = format!("{number:.precision$}");
            let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
            text.to_string()
        }
    }
}
