//! Backslashes of `$'…'`, `echo -e` and `printf`; and how the shell quotes what it shows.

use alloc::format;
use alloc::string::String;
use core::fmt::Write;

/// The text with its escapes made what they stand for, and whether `\c` ended it. `is_quote` is for `$'…'`, where `\'` and
/// `\1` count too; elsewhere an octal number begins with a zero.
pub(super) fn unescape(text: &str, is_quote: bool) -> (String, bool) {
    let mut bytes = alloc::vec::Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let mut push = |letter: char| bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        if letter != '\\' {
            push(letter);
            continue;
        }
        let Some(escaped) = letters.next() else {
            push('\\');
            break;
        };
        let mut number = |most: usize, radix: u32| {
            let (mut value, mut count) = (0_u32, 0);
            while let Some(digit) = letters.peek().and_then(|digit| digit.to_digit(radix)).filter(|_| count < most) {
                value = value.wrapping_mul(radix).wrapping_add(digit);
                count += 1;
                letters.next();
            }
            (count > 0).then_some(value)
        };
        match escaped {
            'a' => push('\x07'),
            'b' => push('\x08'),
            'e' | 'E' => push('\x1b'),
            'f' => push('\x0c'),
            'n' => push('\n'),
            'r' => push('\r'),
            't' => push('\t'),
            'v' => push('\x0b'),
            '\\' => push('\\'),
            '\'' | '"' | '?' if is_quote => push(escaped),
            'c' if !is_quote => return (lossy(&bytes), true),
            'x' => match number(2, 16) {
                Some(value) => bytes.push(value as u8),
                None => bytes.extend_from_slice(b"\\x"),
            },
            'u' | 'U' => match number(if escaped == 'u' { 4 } else { 8 }, 16).and_then(char::from_u32) {
                Some(letter) => bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
                None => bytes.extend_from_slice(&[b'\\', escaped as u8]),
            },
            '0' if !is_quote => bytes.push(number(3, 8).unwrap_or(0) as u8),
            '0'..='7' if is_quote => {
                let first = escaped.to_digit(8).unwrap_or(0);
                let rest = letters.clone().take(2).take_while(char::is_ascii_digit).count();
                let mut value = first;
                for _ in 0..rest {
                    let Some(digit) = letters.peek().and_then(|digit| digit.to_digit(8)) else { break };
                    value = value * 8 + digit;
                    letters.next();
                }
                bytes.push(value as u8);
            }
            other => {
                push('\\');
                push(other);
            }
        }
    }
    (lossy(&bytes), false)
}

/// Bytes as text.
pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// As the shell would read it again: `set -x`, `alias`, `export -p`.
pub(super) fn quoted(text: &str) -> String {
    let is_safe = |letter: char| letter.is_alphanumeric() || "_-./:=@%+,~^".contains(letter);
    if !text.is_empty() && text.chars().all(is_safe) && !text.starts_with('~') {
        return String::from(text);
    }
    always_quoted(text)
}

/// With a backslash before what is special: `printf %q`.
pub(super) fn escaped(text: &str) -> String {
    if text.is_empty() || text.chars().any(char::is_control) {
        return always_quoted(text);
    }
    let mut escaped = String::new();
    for letter in text.chars() {
        if letter.is_ascii() && !letter.is_ascii_alphanumeric() && !"_-./:=@%+".contains(letter) {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

/// In single quotes.
pub(super) fn always_quoted(text: &str) -> String {
    if text.chars().any(char::is_control) {
        let mut quoted = String::from("$'");
        for letter in text.chars() {
            match letter {
                '\n' => quoted.push_str("\\n"),
                '\t' => quoted.push_str("\\t"),
                '\r' => quoted.push_str("\\r"),
                '\x1b' => quoted.push_str("\\E"),
                '\'' | '\\' => {
                    quoted.push('\\');
                    quoted.push(letter);
                }
                other if other.is_control() => {
                    // A string takes whatever is written to it.
                    let _ = write!(quoted, "\\{:03o}", u32::from(other));
                }
                other => quoted.push(other),
            }
        }
        quoted.push('\'');
        return quoted;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}
