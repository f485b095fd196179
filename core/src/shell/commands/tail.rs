//! `tail`: the last lines or bytes, and what comes after them.

use super::head::{Amount, title};
use super::options::Syntax;
use super::streams::{Input, Output, lines};
use crate::cli::file::FileError;
use crate::cli::{Failure, Terminal};
use crate::time::Duration;
use alloc::string::String;
use alloc::vec::Vec;

const SYNTAX: Syntax = Syntax {
    name: "tail",
    wrong: 1,
    help: "tail [OPTION]... [FILE]...\n\
        Prints the last 10 lines of each file.\n\
        \x20 -c, --bytes=N  the last N bytes; with +N from byte N on\n\
        \x20 -f, --follow  then wait for what is added\n\
        \x20 -F  as -f, and wait for files that are not there\n\
        \x20 -n, --lines=N  the last N lines; with +N from line N on\n\
        \x20 -q, --quiet, --silent  no names of files\n\
        \x20 -v, --verbose  always the names of files\n\
        \x20 -NUM  same as -n NUM\n",
};

/// Between two looks at a followed file.
const INTERVAL: Duration = Duration::from_millis(250);

/// A file that is followed.
struct Followed {
    path: String,
    /// What was shown of it; nothing while it is not there.
    length: Option<u64>,
}

pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let mut options = SYNTAX.read(&terminal)?;
    let mut output = Output::new(terminal, SYNTAX.name);
    let amount = Amount::of(&mut output, &options)?;
    let files = options.files();
    let named = options.last_of(&["q", "v"]).map_or(files.len() > 1, |key| key == "v");
    let retries = options.has("F");
    let follows = retries || options.has("f");
    let mut followed: Vec<Followed> = Vec::new();
    let mut is_first = true;
    for path in files {
        match Input::open(&output.terminal, &path).await {
            Err(error) if error == FileError::IsDirectory => {
                title(&mut output, &path, named, &mut is_first);
                output.error(1, &["error reading '", &path, "': ", error.words()]);
                if follows {
                    output.error(1, &[&path, ": cannot follow end of this type of file; giving up on this name"]);
                }
            }
            Err(error) => {
                output.error(1, &["cannot open '", &path, "' for reading: ", error.words()]);
                if retries {
                    followed.push(Followed { path, length: None });
                }
            }
            Ok(mut input) => {
                title(&mut output, &path, named, &mut is_first);
                let length = last(&mut output, &mut input, &amount).await;
                if path != "-" {
                    followed.push(Followed { path, length: Some(length) });
                }
            }
        }
    }
    if follows {
        if followed.is_empty() && *output.code() != 0 {
            return Err(output.fatal(1, &["no files remaining"]));
        }
        follow(&mut output, followed, named, retries).await;
    }
    output.end()
}

/// Prints the end of what there is; how long it is.
async fn last(output: &mut Output, input: &mut Input, amount: &Amount) -> u64 {
    if amount.sign == Some('+') {
        return from(output, input, amount).await;
    }
    let all = input.rest(output).await;
    let length = all.len();
    if amount.of_bytes {
        output.bytes(all.get(length.saturating_sub(amount.count)..).unwrap_or_default());
    } else {
        let lines = lines(all);
        lines.iter().skip(lines.len().saturating_sub(amount.count)).for_each(|line| output.bytes(line));
    }
    length as u64
}

/// Prints from a line or byte on, as it comes.
async fn from(output: &mut Output, input: &mut Input, amount: &Amount) -> u64 {
    let mut left = amount.count.saturating_sub(1);
    let mut length = 0;
    while !amount.of_bytes && left > 0 {
        let Some(line) = input.line(output).await else { break };
        length += line.len() as u64;
        left -= 1;
    }
    while let Some(bytes) = input.chunk(output).await {
        length += bytes.len() as u64;
        output.bytes(bytes.get(left..).unwrap_or_default());
        left = left.saturating_sub(bytes.len());
    }
    length
}

/// Prints what is added to files, until Ctrl-C ends the program.
async fn follow(output: &mut Output, mut files: Vec<Followed>, named: bool, retries: bool) {
    let mut shown = files.len().saturating_sub(1);
    while !files.is_empty() {
        for (at, file) in files.iter_mut().enumerate() {
            let seen = match output.terminal.status(&file.path).await {
                Ok(status) => status.length,
                Err(error) => {
                    if retries && file.length.take().is_some() {
                        output.error(1, &["'", &file.path, "' has become inaccessible: ", error.words()]);
                    }
                    continue;
                }
            };
            let known = match file.length {
                Some(known) if known <= seen => known,
                Some(_) => {
                    output.error(0, &[&file.path, ": file truncated"]);
                    0
                }
                None => {
                    output.error(0, &["'", &file.path, "' has appeared;  following new file"]);
                    0
                }
            };
            file.length = Some(known);
            if known == seen {
                continue;
            }
            let Ok(content) = output.terminal.file(&file.path).await else { continue };
            file.length = Some(content.len() as u64);
            let added = content.get(known as usize..).unwrap_or_default();
            if !added.is_empty() {
                if core::mem::replace(&mut shown, at) != at {
                    title(output, &file.path, named, &mut false);
                }
                output.bytes(added);
            }
        }
        output.flush();
        output.terminal.sleep(INTERVAL).await;
    }
}
