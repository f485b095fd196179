//! `wc`: counts lines, words and bytes.

use super::options::Syntax;
use super::streams::{Input, Output, decimal};
use crate::cli::file::FileError;
use crate::cli::{Failure, Terminal};
use alloc::string::String;
use alloc::vec::Vec;

const SYNTAX: Syntax = Syntax {
    name: "wc",
    wrong: 1,
    help: "wc [OPTION]... [FILE]...\n\
        Counts lines, words and bytes of each file, and of all.\n\
        \x20 -c, --bytes  bytes\n\
        \x20 -l, --lines  lines\n\
        \x20 -m, --chars  characters\n\
        \x20 -w, --words  words\n",
};

/// In the order they are printed.
const KEYS: [&str; 4] = ["l", "w", "m", "c"];

pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let mut options = SYNTAX.read(&terminal)?;
    let mut output = Output::new(terminal, SYNTAX.name);
    let is_default = !KEYS.iter().any(|key| options.has(key));
    let shown = KEYS.map(|key| if is_default { key != "m" } else { options.has(key) });
    let is_named = !options.operands.is_empty();
    let files = options.files();
    let is_single = files.len() == 1 && shown.iter().filter(|is_shown| **is_shown).count() == 1;
    let width = if is_single { 1 } else { width(&output.terminal, &files).await };
    let mut total = [0_u64; 4];
    for file in &files {
        let counts = match Input::open(&output.terminal, file).await {
            Ok(mut input) => count(&mut output, &mut input).await,
            Err(error) => {
                output.error(1, &[file, ": ", error.words()]);
                if error != FileError::IsDirectory {
                    continue;
                }
                [0; 4]
            }
        };
        total.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
        print(&mut output, &counts, shown, width, if is_named { file } else { "" });
    }
    if files.len() > 1 {
        print(&mut output, &total, shown, width, "total");
    }
    output.end()
}

/// How wide the columns are: as the sum of the files' lengths, seven where one has none.
async fn width(terminal: &Terminal, files: &[String]) -> usize {
    let mut least = 1;
    let mut sum = 0;
    for file in files {
        match terminal.status(file).await {
            _ if file == "-" => least = 7,
            Ok(status) if status.is_directory => least = 7,
            Ok(status) => sum += status.length,
            Err(_) => {}
        }
    }
    decimal(sum).len().max(least)
}

async fn count(output: &mut Output, input: &mut Input) -> [u64; 4] {
    let [mut lines, mut words, mut characters, mut bytes] = [0; 4];
    let mut is_word = false;
    while let Some(chunk) = input.chunk(output).await {
        bytes += chunk.len() as u64;
        for byte in &chunk {
            lines += u64::from(*byte == b'\n');
            characters += u64::from(byte & 0xc0 != 0x80);
            let is_space = matches!(byte, b' ' | b'\t'..=b'\r');
            words += u64::from(is_word && is_space);
            is_word = !is_space;
        }
    }
    [lines, words + u64::from(is_word), characters, bytes]
}

fn print(output: &mut Output, counts: &[u64; 4], shown: [bool; 4], width: usize, name: &str) {
    let parts: Vec<u64> = counts.iter().zip(shown).filter(|(_, is_shown)| *is_shown).map(|(count, _)| *count).collect();
    for (at, count) in parts.iter().enumerate() {
        output.text(if at > 0 { " " } else { "" });
        output.number(*count, width);
    }
    output.line(&[if name.is_empty() { "" } else { " " }, name]);
}
