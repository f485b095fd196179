//! `head`: the first lines or bytes.

use super::options::{Options, Syntax};
use super::streams::{Input, Output, lines};
use crate::cli::{Failure, Terminal};

const SYNTAX: Syntax = Syntax {
    name: "head",
    wrong: 1,
    help: "head [OPTION]... [FILE]...\n\
        Prints the first 10 lines of each file.\n\
        \x20 -c, --bytes=N  the first N bytes; with -N all but the last N\n\
        \x20 -n, --lines=N  the first N lines; with -N all but the last N\n\
        \x20 -q, --quiet, --silent  no names of files\n\
        \x20 -v, --verbose  always the names of files\n\
        \x20 -NUM  same as -n NUM\n",
};

/// How much of a file.
pub(super) struct Amount {
    pub(super) count: usize,
    pub(super) of_bytes: bool,
    /// The sign in front of the number.
    pub(super) sign: Option<char>,
}

impl Amount {
    /// As given with `-n`, `-c` or `-NUM`.
    pub(super) fn of(output: &mut Output, options: &Options) -> Result<Self, Failure> {
        let Some(key) = options.last_of(&["n", "c", "NUM"]) else {
            return Ok(Self { count: 10, of_bytes: false, sign: None });
        };
        let text = options.value(key).unwrap_or_default();
        let (sign, digits) = match text.strip_prefix(['-', '+']) {
            Some(digits) => (text.chars().next(), digits),
            None => (None, text),
        };
        let of_bytes = key == "c";
        let (digits, unit) = match digits.strip_suffix(['K', 'k']) {
            Some(digits) => (digits, 1024),
            None => digits.strip_suffix('M').map_or((digits, 1), |digits| (digits, 1024 * 1024)),
        };
        match digits.parse::<u32>() {
            Ok(count) if !digits.starts_with('+') => {
                Ok(Self { count: (count as usize).saturating_mul(unit), of_bytes, sign })
            }
            _ => {
                let what = if of_bytes { "bytes" } else { "lines" };
                Err(output.fatal(1, &["invalid number of ", what, ": '", text, "'"]))
            }
        }
    }
}

pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let mut options = SYNTAX.read(&terminal)?;
    let mut output = Output::new(terminal, SYNTAX.name);
    let amount = Amount::of(&mut output, &options)?;
    let files = options.files();
    let named = options.last_of(&["q", "v"]).map_or(files.len() > 1, |key| key == "v");
    let mut is_first = true;
    for file in files {
        match Input::open(&output.terminal, &file).await {
            Err(error) if error == crate::cli::file::FileError::IsDirectory => {
                title(&mut output, &file, named, &mut is_first);
                output.error(1, &["error reading '", &file, "': ", error.words()]);
            }
            Err(error) => output.error(1, &["cannot open '", &file, "' for reading: ", error.words()]),
            Ok(mut input) => {
                title(&mut output, &file, named, &mut is_first);
                first(&mut output, &mut input, &amount).await;
            }
        }
    }
    output.end()
}

/// The name of a file above what it holds.
pub(super) fn title(output: &mut Output, file: &str, named: bool, is_first: &mut bool) {
    if named {
        let before = if *is_first { "" } else { "\n" };
        output.line(&[before, "==> ", if file == "-" { "standard input" } else { file }, " <=="]);
    }
    *is_first = false;
}

async fn first(output: &mut Output, input: &mut Input, amount: &Amount) {
    let mut left = amount.count;
    if amount.sign == Some('-') {
        let all = input.rest(output).await;
        if amount.of_bytes {
            output.bytes(all.get(..all.len().saturating_sub(left)).unwrap_or_default());
            return;
        }
        let lines = lines(all);
        let count = lines.len().saturating_sub(left);
        lines.iter().take(count).for_each(|line| output.bytes(line));
        return;
    }
    while left > 0 {
        if amount.of_bytes {
            let Some(bytes) = input.chunk(output).await else { return };
            output.bytes(bytes.get(..left).unwrap_or(&bytes));
            left = left.saturating_sub(bytes.len());
        } else {
            let Some(line) = input.line(output).await else { return };
            output.bytes(&line);
            left -= 1;
        }
    }
}
