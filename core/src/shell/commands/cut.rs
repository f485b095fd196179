//! `cut`: parts of lines.

use super::options::Syntax;
use super::streams::{Input, Output, without_end};
use crate::cli::{Failure, Terminal};
use alloc::vec::Vec;

const SYNTAX: Syntax = Syntax {
    name: "cut",
    wrong: 1,
    help: "cut OPTION... [FILE]...\n\
        Prints parts of each line. A LIST is numbers and ranges with commas between: 1,3-5,7-\n\
        \x20 -b, --bytes=LIST  these bytes\n\
        \x20 -c, --characters=LIST  same as -b\n\
        \x20 -d, --delimiter=C  between fields, instead of a tab\n\
        \x20 -f, --fields=LIST  these fields, and lines without a delimiter\n\
        \x20 -s, --only-delimited  no lines without a delimiter\n\
        \x20 --complement  what is not in the list\n\
        \x20 --output-delimiter=TEXT  between the fields printed\n",
};

/// Numbers and ranges, both ends counted in.
struct List {
    ranges: Vec<(usize, usize)>,
    is_complement: bool,
}

impl List {
    fn has(&self, number: usize) -> bool {
        self.ranges.iter().any(|(from, to)| (*from..=*to).contains(&number)) != self.is_complement
    }
}

pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let mut options = SYNTAX.read(&terminal)?;
    let kinds = options.given().filter(|(key, _)| ["b", "c", "f"].contains(key)).count();
    let Some(kind) = options.last_of(&["b", "c", "f"]) else {
        return Err(SYNTAX.misused(&terminal, &["you must specify a list of bytes, characters, or fields"]));
    };
    if kinds > 1 {
        return Err(SYNTAX.misused(&terminal, &["only one list may be specified"]));
    }
    let by_fields = kind == "f";
    let delimiter = options.value("d");
    if delimiter.is_some() && !by_fields {
        let message = "an input delimiter may be specified only when operating on fields";
        return Err(SYNTAX.misused(&terminal, &[message]));
    }
    let delimiter = match delimiter.map(str::as_bytes) {
        None => b'\t',
        Some([]) => 0,
        Some([one]) => *one,
        Some(_) => return Err(SYNTAX.misused(&terminal, &["the delimiter must be a single character"])),
    };
    let ranges = ranges(&terminal, options.value(kind).unwrap_or_default(), by_fields)?;
    let list = List { ranges, is_complement: options.has("complement") };
    let between = options.value("output-delimiter").map(|text| text.as_bytes().to_vec());
    let only_delimited = options.has("s");
    let mut output = Output::new(terminal, SYNTAX.name);
    for file in options.files() {
        let mut input = match Input::open(&output.terminal, &file).await {
            Ok(input) => input,
            Err(error) => {
                output.error(1, &[&file, ": ", error.words()]);
                continue;
            }
        };
        while let Some(line) = input.line(&mut output).await {
            let line = without_end(&line);
            if by_fields {
                fields(&mut output, line, &list, delimiter, between.as_deref(), only_delimited);
            } else {
                characters(&mut output, line, &list, between.as_deref());
            }
        }
    }
    output.end()
}

fn fields(output: &mut Output, line: &[u8], list: &List, delimiter: u8, between: Option<&[u8]>, only_delimited: bool) {
    if !line.contains(&delimiter) {
        if !only_delimited {
            output.whole_line(line);
        }
        return;
    }
    let mut is_first = true;
    for (at, field) in line.split(|byte| *byte == delimiter).enumerate() {
        if list.has(at + 1) {
            if !core::mem::replace(&mut is_first, false) {
                output.bytes(between.unwrap_or(&[delimiter]));
            }
            output.bytes(field);
        }
    }
    output.text("\n");
}

fn characters(output: &mut Output, line: &[u8], list: &List, between: Option<&[u8]>) {
    let mut last = None;
    for (at, byte) in line.iter().enumerate().filter(|(at, _)| list.has(at + 1)) {
        if let (Some(between), Some(last)) = (between, last)
            && last + 1 < at
        {
            output.bytes(between);
        }
        output.bytes(&[*byte]);
        last = Some(at);
    }
    output.text("\n");
}

fn ranges(terminal: &Terminal, text: &str, by_fields: bool) -> Result<Vec<(usize, usize)>, Failure> {
    let wrong = |parts: &[&str]| SYNTAX.misused(terminal, parts);
    let number = |digits: &str| match digits.parse::<usize>() {
        Ok(0) if by_fields => Err(wrong(&["fields are numbered from 1"])),
        Ok(0) => Err(wrong(&["byte/character positions are numbered from 1"])),
        Ok(number) => Ok(number),
        Err(_) if by_fields => Err(wrong(&["invalid field value '", digits, "'"])),
        Err(_) => Err(wrong(&["invalid byte/character position '", digits, "'"])),
    };
    let mut ranges = Vec::new();
    for part in text.split([',', ' ']) {
        let range = match part.split_once('-') {
            None if part.is_empty() => return Err(number("0").err().unwrap_or(Failure::Exit(1))),
            None => (number(part)?, number(part)?),
            Some(("", "")) => return Err(wrong(&["invalid range with no endpoint: -"])),
            Some(("", to)) => (1, number(to)?),
            Some((from, "")) => (number(from)?, usize::MAX),
            Some((from, to)) => (number(from)?, number(to)?),
        };
        if range.0 > range.1 {
            return Err(wrong(&["invalid decreasing range"]));
        }
        ranges.push(range);
    }
    Ok(ranges)
}
