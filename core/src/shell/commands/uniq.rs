//! `uniq`: one line of equal ones that follow each other.

use super::options::Syntax;
use super::streams::{Input, Output, without_end};
use crate::cli::{Failure, Terminal};
use alloc::string::ToString;
use bytes::Bytes;

const SYNTAX: Syntax = Syntax {
    name: "uniq",
    wrong: 1,
    help: "uniq [OPTION]... [INPUT]\n\
        Prints one line of those that follow each other and are equal.\n\
        \x20 -c, --count  with their number in front\n\
        \x20 -d, --repeated  only where there are several\n\
        \x20 -i, --ignore-case  large and small letters are equal\n\
        \x20 -u, --unique  only where there is one\n",
};

pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let options = SYNTAX.read(&terminal)?;
    if let Some(extra) = options.operands.get(1) {
        return Err(SYNTAX.misused(&terminal, &["extra operand '", extra, "'"]));
    }
    let mut output = Output::new(terminal, SYNTAX.name);
    let file = options.operands.first().map_or("-".to_string(), ToString::to_string);
    let mut input = match Input::open(&output.terminal, &file).await {
        Ok(input) => input,
        Err(error @ crate::cli::file::FileError::IsDirectory) => {
            return Err(output.fatal(1, &["error reading '", &file, "'", ": ", error.words()]));
        }
        Err(error) => return Err(output.fatal(1, &[&file, ": ", error.words()])),
    };
    let ignores_case = options.has("i");
    let equal = |one: &[u8], other: &[u8]| {
        let (one, other) = (without_end(one), without_end(other));
        if ignores_case { one.eq_ignore_ascii_case(other) } else { one == other }
    };
    let mut group: Option<(Bytes, u64)> = None;
    loop {
        let line = input.line(&mut output).await;
        if let (Some((first, count)), Some(line)) = (&mut group, &line)
            && equal(first, line)
        {
            *count += 1;
            continue;
        }
        if let Some((first, count)) = group.take() {
            let is_shown = if count > 1 { !options.has("u") } else { !options.has("d") };
            if is_shown {
                if options.has("c") {
                    output.number(count, 7);
                    output.text(" ");
                }
                output.whole_line(&first);
            }
        }
        match line {
            Some(line) => group = Some((line, 1)),
            None => return output.end(),
        }
    }
}
