//! `tr`: other characters for some, byte by byte.

use super::options::Syntax;
use super::streams::{Input, Output};
use crate::cli::{Failure, Terminal};
use alloc::boxed::Box;
use alloc::vec::Vec;

const SYNTAX: Syntax = Syntax {
    name: "tr",
    wrong: 1,
    help: "tr [OPTION]... SET1 [SET2]\n\
        Prints standard input with the characters of SET2 for those of SET1. A set is characters, ranges as a-z,\n\
        classes as [:upper:], and \\n, \\t, \\\\, \\NNN (octal).\n\
        \x20 -c, -C, --complement  all that is not in SET1\n\
        \x20 -d, --delete  delete those of SET1\n\
        \x20 -s, --squeeze-repeats  one of the last set where several follow each other\n\
        \x20 -t, --truncate-set1  SET1 ends where SET2 ends\n",
};

pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let options = SYNTAX.read(&terminal)?;
    let (deletes, squeezes) = (options.has("d"), options.has("s"));
    let operands = &options.operands;
    let wanted = if deletes == squeezes { 2 } else { 1 };
    let missing = operands.len() < wanted && !(squeezes && operands.len() == 1 && !deletes);
    if operands.is_empty() {
        return Err(SYNTAX.missing(&terminal, "operand", operands));
    }
    if missing {
        let last = operands.last().map_or("", |last| last.as_str());
        let why = if deletes {
            "\nTwo strings must be given when both deleting and squeezing repeats."
        } else {
            "\nTwo strings must be given when translating."
        };
        return Err(SYNTAX.misused(&terminal, &["missing operand after '", last, "'", why]));
    }
    let most = if deletes && !squeezes { 1 } else { 2 };
    if let Some(extra) = operands.get(most) {
        let is_one = deletes && operands.len() == 2;
        let why = "\nOnly one string may be given when deleting without squeezing repeats.";
        let why = if is_one { why } else { "" };
        return Err(SYNTAX.misused(&terminal, &["extra operand '", extra, "'", why]));
    }
    let mut output = Output::new(terminal, SYNTAX.name);
    let mut from = set(&mut output, operands.first().map_or("", |set| set))?;
    if options.has("c") {
        from = (0..=255).filter(|byte| !from.contains(byte)).collect();
    }
    let to = operands.get(1).map(|text| set(&mut output, text)).transpose()?;
    let translates = to.is_some() && !deletes;
    let mut table: Box<[u8; 256]> = Box::new(core::array::from_fn(|at| at as u8));
    if let Some(to) = to.as_ref().filter(|_| translates) {
        let Some(last) = to.last() else {
            return Err(output.fatal(1, &["when not truncating set1, string2 must be non-empty"]));
        };
        for (at, byte) in from.iter().enumerate() {
            let new = match to.get(at) {
                Some(new) => new,
                None if options.has("t") => break,
                None => last,
            };
            if let Some(entry) = table.get_mut(usize::from(*byte)) {
                *entry = *new;
            }
        }
    }
    let squeezed = if squeezes { to.as_ref().unwrap_or(&from).clone() } else { Vec::new() };
    let mut input = Input::open(&output.terminal, "-").await.map_err(|_| Failure::Exit(1))?;
    let mut last = None;
    while let Some(chunk) = input.chunk(&mut output).await {
        for byte in chunk.iter().filter(|byte| !(deletes && from.contains(byte))) {
            let new = table.get(usize::from(*byte)).copied().unwrap_or(*byte);
            if last != Some(new) || !squeezed.contains(&new) {
                output.bytes(&[new]);
            }
            last = Some(new);
        }
    }
    output.end()
}

/// The bytes of a set, in their order.
fn set(output: &mut Output, text: &str) -> Result<Vec<u8>, Failure> {
    let mut set = Vec::new();
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        if let Some((name, behind)) = class(rest) {
            let Some(is_member) = member(name) else {
                let name = core::str::from_utf8(name).unwrap_or_default();
                return Err(output.fatal(1, &["invalid character class '", name, "'"]));
            };
            set.extend((0..=255_u8).filter(is_member));
            rest = behind;
            continue;
        }
        let (from, behind) = character(rest);
        rest = behind;
        if let [b'-', after @ ..] = rest
            && !after.is_empty()
        {
            let (to, behind) = character(after);
            if to < from {
                let bytes = [from, b'-', to];
                let range = core::str::from_utf8(&bytes).unwrap_or_default();
                return Err(
                    output.fatal(1, &["range-endpoints of '", range, "' are in reverse collating sequence order"])
                );
            }
            set.extend(from..=to);
            rest = behind;
        } else {
            set.push(from);
        }
    }
    Ok(set)
}

/// `[:name:]` at the beginning, and what is behind.
fn class(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"[:")?;
    let end = inner.windows(2).position(|pair| pair == b":]")?;
    Some((inner.get(..end)?, inner.get(end + 2..)?))
}

fn member(name: &[u8]) -> Option<fn(&u8) -> bool> {
    Some(match name {
        b"alpha" => u8::is_ascii_alphabetic,
        b"digit" => u8::is_ascii_digit,
        b"alnum" => u8::is_ascii_alphanumeric,
        b"upper" => u8::is_ascii_uppercase,
        b"lower" => u8::is_ascii_lowercase,
        b"space" => |byte| matches!(byte, b' ' | b'\t'..=b'\r'),
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"punct" => u8::is_ascii_punctuation,
        b"cntrl" => u8::is_ascii_control,
        b"print" => |byte| matches!(byte, b' '..=b'~'),
        b"graph" => u8::is_ascii_graphic,
        b"xdigit" => u8::is_ascii_hexdigit,
        _ => return None,
    })
}

/// A character that may be escaped, and what is behind.
fn character(text: &[u8]) -> (u8, &[u8]) {
    let (first, rest) = text.split_first().unwrap_or((&0, &[]));
    let (b'\\', Some((escaped, behind))) = (*first, rest.split_first()) else { return (*first, rest) };
    let byte = match escaped {
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'0'..=b'7' => {
            let count = rest.iter().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
            let value = rest.iter().take(count).fold(0_u16, |value, digit| value * 8 + u16::from(digit - b'0'));
            return (value as u8, rest.get(count..).unwrap_or_default());
        }
        other => *other,
    };
    (byte, behind)
}
