//! `rm`: removes files, and directories with all they hold.

use super::options::Syntax;
use super::paths::{self, Walk};
use super::streams::Output;
use crate::cli::file::{FileError, FileRequest};
use crate::cli::{Failure, Terminal};
use crate::text::Str;
use alloc::vec::Vec;

const SYNTAX: Syntax = Syntax {
    name: "rm",
    wrong: 1,
    help: "rm [OPTION]... FILE...\n\
        Removes files.\n\
        \x20 -d, --dir  also empty directories\n\
        \x20 -f, --force  what is not there is no error\n\
        \x20 -r, -R, --recursive  also directories and all they hold\n\
        \x20 -v, --verbose  tell of each\n",
};

pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let options = SYNTAX.read(&terminal)?;
    let (forces, recurses) = (options.has("f"), options.has("r"));
    if options.operands.is_empty() {
        return if forces { Ok(()) } else { Err(SYNTAX.missing(&terminal, "operand", &[])) };
    }
    let mut output = Output::new(terminal, SYNTAX.name);
    for path in &options.operands {
        if recurses && path.bytes().all(|byte| byte == b'/') {
            let same = if path == "/" { "" } else { " (same as '/')" };
            output.error(1, &["it is dangerous to operate recursively on '", path, "'", same]);
            output.error(1, &["use --no-preserve-root to override this failsafe"]);
            continue;
        }
        if recurses && matches!(paths::name(path), "." | "..") {
            output.error(1, &["refusing to remove '.' or '..' directory: skipping '", path, "'"]);
            continue;
        }
        let mut walk = match Walk::from(&output.terminal, path).await {
            Ok(walk) => walk,
            Err(FileError::NotFound | FileError::NotDirectory) if forces => continue,
            Err(error) => {
                output.error(1, &["cannot remove '", path, "': ", error.words()]);
                continue;
            }
        };
        let deepest = if recurses { usize::MAX } else { 0 };
        let mut found = Vec::new();
        while let Some(step) = walk.next(&output.terminal, deepest).await {
            if step.status.is_directory && !recurses && !options.has("d") {
                output.error(1, &["cannot remove '", path, "': ", FileError::IsDirectory.words()]);
            } else {
                found.push((step.path, step.status.is_directory));
            }
        }
        for (path, is_directory) in found.iter().rev() {
            match output.terminal.ask_files(FileRequest::Remove(Str::from(path.as_str()))).await {
                Err(error) => output.error(1, &["cannot remove '", path, "': ", error.words()]),
                Ok(_) if options.has("v") => {
                    output.line(&[if *is_directory { "removed directory '" } else { "removed '" }, path, "'"]);
                }
                Ok(_) => {}
            }
        }
    }
    output.end()
}
