//! `diff`: how two files differ.

mod changes;

use self::changes::{Change, changes};
use super::date::Date;
use super::options::Syntax;
use super::paths;
use super::streams::{Input, Output, decimal, lines};
use crate::cli::{Failure, Terminal};
use crate::sorted::SortedMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;

const SYNTAX: Syntax = Syntax {
    name: "diff",
    wrong: 2,
    help: "diff [OPTION]... FILE1 FILE2\n\
        Prints how two files differ.\n\
        \x20 -b, --ignore-space-change  as many blanks as there are count as one\n\
        \x20 -i, --ignore-case  large and small letters are equal\n\
        \x20 -q, --brief  only whether they differ\n\
        \x20 -s, --report-identical-files  also tell where they do not\n\
        \x20 -U, --unified=N  with N lines around each change\n\
        \x20 -u  with three lines around each change\n\
        \x20 -w, --ignore-all-space  blanks do not count\n\
        \x20 --color[=WHEN]  has no effect\n",
};

struct Side {
    path: String,
    modified_ms: i64,
    lines: Vec<Bytes>,
}

pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let options = SYNTAX.read(&terminal)?;
    if let Some(extra) = options.operands.get(2) {
        return Err(SYNTAX.misused(&terminal, &["extra operand '", extra, "'"]));
    }
    let [one, other] = &options.operands[..] else {
        let last = terminal.arguments().pop().unwrap_or_else(|| "diff".to_string());
        return Err(SYNTAX.misused(&terminal, &["missing operand after '", &last, "'"]));
    };
    let mut output = Output::new(terminal, SYNTAX.name);
    let mut is_directory = [false; 2];
    for (path, is_directory) in [one, other].into_iter().zip(&mut is_directory) {
        *is_directory = path != "-" && output.terminal.status(path).await.is_ok_and(|status| status.is_directory);
    }
    let (one, other) = match is_directory {
        [true, true] => return Err(output.fatal(2, &["directories are not compared here"])),
        [true, false] => (paths::join(one, paths::name(other)), other.clone()),
        [false, true] => (one.clone(), paths::join(other, paths::name(one))),
        [false, false] => (one.clone(), other.clone()),
    };
    let (old, new) = (side(&mut output, one).await, side(&mut output, other).await);
    let (Some(old), Some(new)) = (old, new) else { return output.end() };
    let context = match options.last_of(&["u", "U"]) {
        None => None,
        Some("u") => Some(3),
        Some(_) => {
            let text = options.value("U").unwrap_or_default();
            match text.parse::<u32>() {
                Ok(context) => Some(context as usize),
                Err(_) => return Err(SYNTAX.misused(&output.terminal, &["invalid context length '", text, "'"])),
            }
        }
    };
    let is_binary = |side: &Side| side.lines.iter().any(|line| line.contains(&0));
    let is_equal = old.lines == new.lines;
    if !is_equal && (is_binary(&old) || is_binary(&new)) {
        output.line(&["Binary files ", &old.path, " and ", &new.path, " differ"]);
        *output.code() = 1;
        return output.end();
    }
    let mut known = SortedMap::new();
    let key = |line: &Bytes| key(line, options.has("w"), options.has("b"), options.has("i"));
    let mut number = |line: &Bytes| {
        let next = known.len() as u32;
        *known.entry(key(line)).or_insert(next)
    };
    let old_keys: Vec<u32> = old.lines.iter().map(&mut number).collect();
    let new_keys: Vec<u32> = new.lines.iter().map(&mut number).collect();
    let changes = changes(&old_keys, &new_keys);
    if changes.is_empty() {
        if options.has("s") {
            output.line(&["Files ", &old.path, " and ", &new.path, " are identical"]);
        }
        return output.end();
    }
    *output.code() = 1;
    match context {
        _ if options.has("q") => output.line(&["Files ", &old.path, " and ", &new.path, " differ"]),
        None => changes.iter().for_each(|change| normal(&mut output, &old, &new, *change)),
        Some(context) => unified(&mut output, &old, &new, &changes, context),
    }
    output.end()
}

async fn side(output: &mut Output, path: String) -> Option<Side> {
    let mut modified_ms = output.terminal.now().wall_ms;
    if path != "-" {
        modified_ms = output.terminal.status(&path).await.map_or(modified_ms, |status| status.modified_ms);
    }
    match Input::open(&output.terminal, &path).await {
        Ok(mut input) => Some(Side { lines: lines(input.rest(output).await), path, modified_ms }),
        Err(error) => {
            output.error(2, &[&path, ": ", error.words()]);
            None
        }
    }
}

/// What of a line is compared.
fn key(line: &Bytes, no_blanks: bool, fewer_blanks: bool, ignores_case: bool) -> Bytes {
    if !(no_blanks || fewer_blanks || ignores_case) {
        return line.clone();
    }
    let mut key: Vec<u8> = Vec::new();
    for byte in line {
        let is_blank = matches!(byte, b' ' | b'\t'..=b'\r');
        if is_blank && no_blanks {
            continue;
        }
        if is_blank && fewer_blanks {
            if *byte == b'\n' && key.ends_with(b" ") {
                key.pop();
            }
            if !key.ends_with(b" ") {
                key.push(if *byte == b'\n' { b'\n' } else { b' ' });
            }
            continue;
        }
        key.push(if ignores_case { byte.to_ascii_lowercase() } else { *byte });
    }
    Bytes::from(key)
}

fn print(output: &mut Output, mark: &str, line: &[u8]) {
    output.text(mark);
    output.whole_line(line);
    if !line.ends_with(b"\n") {
        output.text("\\ No newline at end of file\n");
    }
}

fn each(side: &Side, (from, to): (usize, usize)) -> impl Iterator<Item = &Bytes> {
    side.lines.iter().take(to).skip(from)
}

fn normal(output: &mut Output, old: &Side, new: &Side, change: Change) {
    let range = |(from, to): (usize, usize)| match to - from {
        0 => decimal(from as u64),
        1 => decimal(to as u64),
        _ => [&decimal(from as u64 + 1), ",", &decimal(to as u64)].concat(),
    };
    let (takes, gives) = (change.old.0 < change.old.1, change.new.0 < change.new.1);
    let letter = match (takes, gives) {
        (true, true) => "c",
        (true, false) => "d",
        (false, _) => "a",
    };
    output.line(&[&range(change.old), letter, &range(change.new)]);
    each(old, change.old).for_each(|line| print(output, "< ", line));
    if takes && gives {
        output.text("---\n");
    }
    each(new, change.new).for_each(|line| print(output, "> ", line));
}

fn unified(output: &mut Output, old: &Side, new: &Side, changes: &[Change], context: usize) {
    let offset = output.terminal.utc_offset_minutes();
    for (mark, side) in [("--- ", old), ("+++ ", new)] {
        let date = Date::new(side.modified_ms, offset).format("%Y-%m-%d %H:%M:%S.%N %z");
        output.line(&[mark, &side.path, "\t", &date]);
    }
    let mut rest = changes;
    while let [first, ..] = rest {
        // Changes that are near enough share their context.
        let gap = |pair: &[Change]| matches!(pair, [one, next] if next.old.0 - one.old.1 > 2 * context);
        let count = rest.windows(2).position(gap).map_or(rest.len(), |at| at + 1);
        let (group, behind) = rest.split_at(count);
        rest = behind;
        let last = group.last().unwrap_or(first);
        let before = first.old.0.min(context);
        let after = (old.lines.len() - last.old.1).min(context);
        let range = |from: usize, to: usize| match to - from {
            0 => [&decimal(from as u64), ",0"].concat(),
            1 => decimal(to as u64),
            length => [&decimal(from as u64 + 1), ",", &decimal(length as u64)].concat(),
        };
        let old_range = range(first.old.0 - before, last.old.1 + after);
        let new_range = range(first.new.0 - before, last.new.1 + after);
        output.line(&["@@ -", &old_range, " +", &new_range, " @@"]);
        let mut at = first.old.0 - before;
        for change in group {
            each(old, (at, change.old.0)).for_each(|line| print(output, " ", line));
            each(old, change.old).for_each(|line| print(output, "-", line));
            each(new, change.new).for_each(|line| print(output, "+", line));
            at = change.old.1;
        }
        each(old, (at, at + after)).for_each(|line| print(output, " ", line));
    }
}
