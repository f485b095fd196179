//! The syntax of Java's `.properties` files, as `server.properties` is written.

use super::ConfigError;
use crate::text::Str;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// One `key=value` of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// Its first line, from 1; 0 where it came from no file.
    pub line: u32,
    /// The key.
    pub key: Str,
    /// The value; blanks at its end are part of it, as in Java.
    pub value: Str,
}

/// The properties of a file, in its order. A key given twice keeps both; the last one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    entries: Vec<Property>,
}

impl Properties {
    /// Reads the text of a file; the only syntax error there is, as in Java, is a broken `\uXXXX`.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut entries = Vec::new();
        let mut lines = (1..).zip(natural_lines(text));
        while let Some((line, first)) = lines.next() {
            let first = first.trim_start_matches(is_blank);
            if first.is_empty() || first.starts_with(['#', '!']) {
                continue;
            }
            let mut logical = String::from(first);
            while ends_with_odd_backslashes(&logical) {
                logical.pop();
                let Some((_, next)) = lines.next() else { break };
                logical.push_str(next.trim_start_matches(is_blank));
            }
            let (key, value) = split(&logical);
            entries.push(Property { line, key: unescape(key, line)?, value: unescape(value, line)? });
        }
        Ok(Self { entries })
    }

    /// The properties in order, repeated keys included.
    pub fn iter(&self) -> impl Iterator<Item = &Property> {
        self.entries.iter()
    }

    /// The property that counts for `key`.
    pub fn property(&self, key: &str) -> Option<&Property> {
        self.entries.iter().rfind(|property| property.key == *key)
    }

    /// The value that counts for `key`.
    pub fn value(&self, key: &str) -> Option<&Str> {
        self.property(key).map(|property| &property.value)
    }

    /// Sets `key`, in its place if it is there, else at the end.
    pub fn set(&mut self, key: impl Into<Str>, value: impl Into<Str>) {
        let (key, value) = (key.into(), value.into());
        match self.entries.iter_mut().rfind(|property| property.key == key) {
            Some(property) => property.value = value,
            None => self.entries.push(Property { line: 0, key, value }),
        }
    }
}

/// Lines as Java reads them: `\n`, `\r` and `\r\n` all end one.
fn natural_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\x0c')
}

fn ends_with_odd_backslashes(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// Splits at the first separator that is not escaped: blanks with at most one `=` or `:` among them.
fn split(logical: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = logical.char_indices().find(|&(_, character)| {
        let separates = !escaped && (is_blank(character) || matches!(character, '=' | ':'));
        escaped = character == '\\' && !escaped;
        separates
    });
    let Some((end, _)) = end else { return (logical, "") };
    let (key, rest) = logical.split_at(end);
    let rest = rest.trim_start_matches(is_blank);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, rest.trim_start_matches(is_blank))
}

fn unescape(text: &str, line: u32) -> Result<Str, ConfigError> {
    if !text.contains('\\') {
        return Ok(Str::from(text));
    }
    // `\u` escapes are UTF-16 units, so that a character beyond them takes two.
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut buffer = [0; 2];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let plain = match (character, characters.as_str().chars().next()) {
            ('\\', Some(escaped)) => {
                characters.next();
                match escaped {
                    't' => '\t',
                    'n' => '\n',
                    'r' => '\r',
                    'f' => '\x0c',
                    'u' => {
                        units.push(unit(characters.as_str(), line)?);
                        characters = characters.as_str().get(4..).unwrap_or_default().chars();
                        continue;
                    }
                    other => other,
                }
            }
            ('\\', None) => break,
            _ => character,
        };
        units.extend_from_slice(plain.encode_utf16(&mut buffer));
    }
    Ok(Str::from(String::from_utf16_lossy(&units)))
}

fn unit(rest: &str, line: u32) -> Result<u16, ConfigError> {
    rest.get(..4)
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .and_then(|digits| u16::from_str_radix(digits, 16).ok())
        .ok_or_else(|| ConfigError {
            key: None,
            line: Some(line),
            message: format!("Malformed \\uxxxx encoding. (line {line})").into(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(u32, String, String)> {
        Properties::parse(text)
            .unwrap()
            .iter()
            .map(|property| (property.line, property.key.as_str().into(), property.value.as_str().into()))
            .collect()
    }

    #[test]
    fn separators_blanks_and_comments_are_javas() {
        for (text, key, value) in [
            ("a=b", "a", "b"),
            ("a:b", "a", "b"),
            ("a b", "a", "b"),
            ("  a \t=  b ", "a", "b "),
            ("a = = b", "a", "= b"),
            ("a", "a", ""),
            ("=b", "", "b"),
            ("a\\=b=c", "a=b", "c"),
            ("a\\ b c", "a b", "c"),
            ("a=b\\\\", "a", "b\\"),
            ("a=b\\\n   c", "a", "bc"),
            ("a=b\\", "a", "b"),
            ("a=\\u00e9\\t\\q", "a", "é\tq"),
            ("a=\\ud83d\\ude00", "a", "😀"),
            ("# x\n! y\n\n  # z\na=b # no comment", "a", "b # no comment"),
            ("a=b\r\n", "a", "b"),
            ("한글=토픽", "한글", "토픽"),
        ] {
            let found = pairs(text);
            assert_eq!(found.len(), 1, "{text:?}");
            assert_eq!((found[0].1.as_str(), found[0].2.as_str()), (key, value), "{text:?}");
        }
    }

    #[test]
    fn lines_are_counted_where_a_property_begins() {
        let found = pairs("# c\na=1\n\nb=\\\n 2\nc=3\n");
        assert_eq!(found.iter().map(|(line, ..)| *line).collect::<Vec<_>>(), [2, 4, 6]);
    }

    #[test]
    fn the_last_of_two_counts() {
        let properties = Properties::parse("a=1\na=2").unwrap();
        assert_eq!(properties.value("a").unwrap(), &"2");
        assert_eq!(properties.iter().count(), 2);
    }

    #[test]
    fn a_broken_escape_names_its_line() {
        for text in ["\n\na=\\u12", "\n\na=\\u12g4", "\n\na=\\uéé"] {
            let error = Properties::parse(text).unwrap_err();
            assert_eq!(error.line, Some(3));
            assert!(error.message.starts_with("Malformed \\uxxxx encoding."));
        }
    }
}
