//! Patterns: `*`, `?`, `[…]`. In a pattern `\` precedes what is meant as it is.

use alloc::string::String;
use alloc::vec::Vec;

/// What is special in a pattern.
const SPECIAL: &str = "*?[]\\-!^";

/// Adds a text that is meant as it is.
pub(in crate::shell) fn push_escaped(pattern: &mut String, text: &str) {
    for letter in text.chars() {
        if SPECIAL.contains(letter) {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
}

/// The text of a pattern that is taken as no pattern.
pub(in crate::shell) fn unescaped(pattern: &str) -> String {
    let mut letters = pattern.chars();
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        text.push(if letter == '\\' { letters.next().unwrap_or('\\') } else { letter });
    }
    text
}

/// Something in it stands for others.
pub(in crate::shell) fn is_pattern(pattern: &str) -> bool {
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '*' | '?' => return true,
            '[' if letters.as_str().contains(']') => return true,
            _ => {}
        }
    }
    false
}

/// The pattern matches all of the text.
pub(in crate::shell) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    matches_letters(&pattern, &text)
}

/// As [`matches`].
pub(in crate::shell) fn matches_letters(pattern: &[char], text: &[char]) -> bool {
    let (mut at, mut seen) = (0, 0);
    // Where the last `*` was, and from where it was tried: only that one needs to be tried again.
    let mut star: Option<(usize, usize)> = None;
    loop {
        if pattern.get(at) == Some(&'*') {
            at += 1;
            star = Some((at, seen));
            continue;
        }
        let next = match text.get(seen) {
            Some(letter) => one(pattern, at, *letter),
            None if at >= pattern.len() => return true,
            None => return false,
        };
        match (next, star) {
            (Some(next), _) => (at, seen) = (next, seen + 1),
            (None, Some((from, tried))) => {
                star = Some((from, tried + 1));
                (at, seen) = (from, tried + 1);
            }
            (None, None) => return false,
        }
    }
}

/// Where the pattern goes on behind what matches this letter.
fn one(pattern: &[char], at: usize, letter: char) -> Option<usize> {
    match *pattern.get(at)? {
        '?' => Some(at + 1),
        '[' => match set(pattern, at + 1, letter) {
            Some((is_in, next)) => is_in.then_some(next),
            None => (letter == '[').then_some(at + 1),
        },
        '\\' => match pattern.get(at + 1) {
            Some(escaped) => (*escaped == letter).then_some(at + 2),
            None => (letter == '\\').then_some(at + 1),
        },
        other => (other == letter).then_some(at + 1),
    }
}

/// Whether the letter is in the set that begins at `at`, and where the pattern goes on; `None` where the set does not end.
fn set(pattern: &[char], mut at: usize, letter: char) -> Option<(bool, usize)> {
    let is_negated = matches!(pattern.get(at), Some('!' | '^'));
    at += usize::from(is_negated);
    let (mut is_in, start) = (false, at);
    loop {
        let mut first = *pattern.get(at)?;
        if first == ']' && at > start {
            return Some((is_in != is_negated, at + 1));
        }
        if first == '[' && pattern.get(at + 1) == Some(&':') {
            let rest = pattern.get(at + 2..)?;
            if let Some(length) = rest.windows(2).position(|pair| pair == [':', ']']) {
                let name: String = rest.iter().take(length).collect();
                is_in |= is_of_class(letter, &name);
                at += length + 4;
                continue;
            }
        }
        if first == '\\' {
            at += 1;
            first = *pattern.get(at)?;
        }
        at += 1;
        let mut last = first;
        if pattern.get(at) == Some(&'-') && pattern.get(at + 1).is_some_and(|end| *end != ']') {
            at += 1;
            last = *pattern.get(at)?;
            if last == '\\' {
                at += 1;
                last = *pattern.get(at)?;
            }
            at += 1;
        }
        is_in |= (first..=last).contains(&letter);
    }
}

fn is_of_class(letter: char, class: &str) -> bool {
    match class {
        "alpha" => letter.is_alphabetic(),
        "digit" => letter.is_ascii_digit(),
        "alnum" => letter.is_alphanumeric(),
        "upper" => letter.is_uppercase(),
        "lower" => letter.is_lowercase(),
        "space" => letter.is_whitespace(),
        "blank" => matches!(letter, ' ' | '\t'),
        "punct" => letter.is_ascii_punctuation(),
        "xdigit" => letter.is_ascii_hexdigit(),
        _ => false,
    }
}
