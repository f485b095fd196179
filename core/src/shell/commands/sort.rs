//! `sort`.

use super::options::Syntax;
use super::streams::{Input, Output, lines, without_end};
use crate::cli::{Failure, Terminal};
use crate::sorted::sort_by;
use alloc::vec::Vec;
use bytes::Bytes;
use core::cmp::Ordering;

const SYNTAX: Syntax = Syntax {
    name: "sort",
    wrong: 2,
    help: "sort [OPTION]... [FILE]...\n\
        Prints the lines of all files in order of their bytes.\n\
        \x20 -b, --ignore-leading-blanks  keys begin behind blanks\n\
        \x20 -f, --ignore-case  small letters count as large ones\n\
        \x20 -k, --key=F[.C][OPTIONS][,F[.C][OPTIONS]]  compare from field F, character C, to another; OPTIONS of bfnr\n\
        \x20 -n, --numeric-sort  compare numbers\n\
        \x20 -o, --output=FILE  into this file\n\
        \x20 -r, --reverse  the other way round\n\
        \x20 -s, --stable  equal keys stay in their order\n\
        \x20 -t, --field-separator=C  between fields, instead of the change from blank to not blank\n\
        \x20 -u, --unique  one line of those that are equal\n",
};

#[derive(Clone, Copy, Default)]
struct Order {
    is_numeric: bool,
    is_reverse: bool,
    ignores_case: bool,
    skips_blanks: bool,
}

impl Order {
    fn is_default(self) -> bool {
        !(self.is_numeric || self.is_reverse || self.ignores_case || self.skips_blanks)
    }

    fn add(&mut self, letter: char) -> bool {
        match letter {
            'n' => self.is_numeric = true,
            'r' => self.is_reverse = true,
            'f' => self.ignores_case = true,
            'b' => self.skips_blanks = true,
            _ => return false,
        }
        true
    }
}

/// A place in a line: field and character, both from 1; a character of 0 is the field's end.
type Place = (usize, usize);

struct Key {
    from: Place,
    to: Option<Place>,
    order: Order,
    skips_blanks_at_end: bool,
}

struct Comparison {
    keys: Vec<Key>,
    order: Order,
    separator: Option<u8>,
    is_stable: bool,
}

pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let mut options = SYNTAX.read(&terminal)?;
    let mut output = Output::new(terminal, SYNTAX.name);
    let mut comparison = Comparison {
        keys: Vec::new(),
        order: Order::default(),
        separator: None,
        is_stable: options.has("s") || options.has("u"),
    };
    for (key, value) in options.given() {
        match key {
            "t" => match value.as_bytes() {
                [one] => comparison.separator = Some(*one),
                [] => return Err(output.fatal(2, &["empty tab"])),
                b"\\t" => return Err(output.fatal(2, &["multi-character tab '\\\\t'"])),
                _ => return Err(output.fatal(2, &["multi-character tab '", value, "'"])),
            },
            "k" => {
                let Some(key) = key_of(value) else {
                    let is_zero = value.split(',').any(|place| place.split('.').next() == Some("0"));
                    let zero = if is_zero { "field number is zero: " } else { "" };
                    return Err(output.fatal(2, &[zero, "invalid field specification '", value, "'"]));
                };
                comparison.keys.push(key);
            }
            letter => {
                comparison.order.add(letter.chars().next().unwrap_or_default());
            }
        }
    }
    let general = comparison.order;
    for key in comparison.keys.iter_mut().filter(|key| key.order.is_default() && !key.skips_blanks_at_end) {
        key.order = general;
        key.skips_blanks_at_end = general.skips_blanks;
    }
    let mut all: Vec<Bytes> = Vec::new();
    for file in options.files() {
        match Input::open(&output.terminal, &file).await {
            Ok(mut input) => all.extend(lines(input.rest(&mut output).await)),
            Err(error @ crate::cli::file::FileError::IsDirectory) => {
                return Err(output.fatal(2, &["read failed: ", &file, ": ", error.words()]));
            }
            Err(error) => return Err(output.fatal(2, &["cannot read: ", &file, ": ", error.words()])),
        }
    }
    sort_by(&mut all, |one, other| comparison.compare(without_end(one), without_end(other)));
    if options.has("u") {
        all.dedup_by(|one, other| comparison.compare(without_end(one), without_end(other)) == Ordering::Equal);
    }
    if let Some(file) = options.value("o") {
        let mut content = Vec::new();
        for line in &all {
            content.extend_from_slice(without_end(line));
            content.push(b'\n');
        }
        if let Err(error) = output.terminal.write_file(file, Bytes::from(content), false).await {
            return Err(output.fatal(2, &["open failed: ", file, ": ", error.words()]));
        }
        return output.end();
    }
    for line in &all {
        output.whole_line(line);
    }
    output.end()
}

fn key_of(text: &str) -> Option<Key> {
    let (from, to) = text.split_once(',').map_or((text, None), |(from, to)| (from, Some(to)));
    let mut order = Order::default();
    let (from, skips_at_begin) = place(from, 1, &mut order)?;
    let (to, skips_blanks_at_end) = match to {
        None => (None, false),
        Some(to) => place(to, 0, &mut order).map(|(to, skips)| (Some(to), skips))?,
    };
    order.skips_blanks = skips_at_begin;
    (from.0 > 0 && from.1 > 0).then_some(Key { from, to, order, skips_blanks_at_end })
}

/// A place, and whether blanks are skipped there.
fn place(text: &str, character: usize, order: &mut Order) -> Option<(Place, bool)> {
    let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (numbers, letters) = text.split_at_checked(end)?;
    let place = match numbers.split_once('.') {
        None => (numbers.parse().ok()?, character),
        Some((field, character)) => (field.parse().ok()?, character.parse().ok()?),
    };
    letters.chars().all(|letter| order.add(letter)).then(|| (place, letters.contains('b')))
}

impl Comparison {
    fn compare(&self, one: &[u8], other: &[u8]) -> Ordering {
        let by_keys = self.keys.iter().map(|key| by(key.order, self.part(key, one), self.part(key, other)));
        let by_keys = by_keys.fold(Ordering::Equal, Ordering::then);
        let by_keys = if self.keys.is_empty() { by(self.order, one, other) } else { by_keys };
        if by_keys != Ordering::Equal || self.is_stable {
            return by_keys;
        }
        if self.order.is_reverse { other.cmp(one) } else { one.cmp(other) }
    }

    fn part<'a>(&self, key: &Key, line: &'a [u8]) -> &'a [u8] {
        let begin = self.at(line, key.from.0 - 1, key.from.1 - 1, key.order.skips_blanks);
        let end = match key.to {
            None => line.len(),
            Some((field, 0)) => self.end_of_fields(line, field),
            Some((field, character)) => self.at(line, field.saturating_sub(1), character, key.skips_blanks_at_end),
        };
        line.get(begin..end.max(begin)).unwrap_or_default()
    }

    /// Where a character behind so many fields is.
    fn at(&self, line: &[u8], fields: usize, characters: usize, skips_blanks: bool) -> usize {
        let mut at = 0;
        for _ in 0..fields {
            at = self.field_end(line, at);
            if self.separator.is_some() && at < line.len() {
                at += 1;
            }
        }
        if skips_blanks {
            at += blanks(line.get(at..).unwrap_or_default());
        }
        (at + characters).min(line.len())
    }

    fn end_of_fields(&self, line: &[u8], fields: usize) -> usize {
        let begin = self.at(line, fields.saturating_sub(1), 0, false);
        self.field_end(line, begin)
    }

    fn field_end(&self, line: &[u8], begin: usize) -> usize {
        let rest = line.get(begin..).unwrap_or_default();
        let Some(separator) = self.separator else {
            let blank = blanks(rest);
            return begin + blank + rest.iter().skip(blank).take_while(|byte| !is_blank(**byte)).count();
        };
        begin + rest.iter().position(|byte| *byte == separator).unwrap_or(rest.len())
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| is_blank(**byte)).count()
}

fn by(order: Order, one: &[u8], other: &[u8]) -> Ordering {
    let skip = |bytes| if order.skips_blanks { blanks(bytes) } else { 0 };
    let (one, other) = (one.get(skip(one)..).unwrap_or_default(), other.get(skip(other)..).unwrap_or_default());
    let compared = if order.is_numeric {
        numbers(one, other)
    } else if order.ignores_case {
        one.iter().map(u8::to_ascii_uppercase).cmp(other.iter().map(u8::to_ascii_uppercase))
    } else {
        one.cmp(other)
    };
    if order.is_reverse { compared.reverse() } else { compared }
}

/// A number as text: below zero or not, the digits before the point, and those behind it without zeros at the end.
fn number(text: &[u8]) -> (bool, &[u8], &[u8]) {
    let text = text.get(blanks(text)..).unwrap_or_default();
    let (is_negative, text) = text.strip_prefix(b"-").map_or((false, text), |text| (true, text));
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (whole, rest) = text.split_at(digits(text));
    let zeros = whole.iter().take_while(|byte| **byte == b'0').count();
    let fraction = rest.strip_prefix(b".").unwrap_or_default();
    let fraction = fraction.get(..digits(fraction)).unwrap_or_default();
    let end = fraction.iter().rposition(|byte| *byte != b'0').map_or(0, |at| at + 1);
    let (whole, fraction) = (whole.get(zeros..).unwrap_or_default(), fraction.get(..end).unwrap_or_default());
    (is_negative && !(whole.is_empty() && fraction.is_empty()), whole, fraction)
}

fn numbers(one: &[u8], other: &[u8]) -> Ordering {
    let (one, other) = (number(one), number(other));
    let sizes = one.1.len().cmp(&other.1.len()).then_with(|| one.1.cmp(other.1)).then_with(|| one.2.cmp(other.2));
    match (one.0, other.0) {
        (false, false) => sizes,
        (true, true) => sizes.reverse(),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}
