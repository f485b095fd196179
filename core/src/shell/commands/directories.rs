//! `mkdir`, `rmdir` and `touch`: make directories and files, and remove directories.

use super::options::Syntax;
use super::paths;
use super::streams::Output;
use crate::cli::file::{FileError, FileRequest};
use crate::cli::{Failure, Terminal};
use crate::text::Str;
use alloc::vec::Vec;
use bytes::Bytes;

const MKDIR: Syntax = Syntax {
    name: "mkdir",
    wrong: 1,
    help: "mkdir [OPTION]... DIRECTORY...\n\
        Makes directories.\n\
        \x20 -m, --mode=MODE  has no effect: there are no modes here\n\
        \x20 -p, --parents  also those above; a directory that is there is no error\n\
        \x20 -v, --verbose  tell of each\n",
};

const RMDIR: Syntax = Syntax {
    name: "rmdir",
    wrong: 1,
    help: "rmdir [OPTION]... DIRECTORY...\n\
        Removes empty directories.\n\
        \x20 -p, --parents  also those above, as far as they are named\n\
        \x20 -v, --verbose  tell of each\n",
};

const TOUCH: Syntax = Syntax {
    name: "touch",
    wrong: 1,
    help: "touch [OPTION]... FILE...\n\
        Makes files that are not there, and gives the others the time now.\n\
        \x20 -a  as without it\n\
        \x20 -c, --no-create  make no file\n\
        \x20 -m  as without it\n\
        \x20 -r, --reference=FILE  the time of this file instead\n",
};

pub(super) async fn mkdir(terminal: Terminal) -> Result<(), Failure> {
    let options = MKDIR.read(&terminal)?;
    if options.operands.is_empty() {
        return Err(MKDIR.missing(&terminal, "operand", &[]));
    }
    let mut output = Output::new(terminal, MKDIR.name);
    let makes_parents = options.has("p");
    for path in &options.operands {
        let mut steps: Vec<&str> = Vec::from([path.as_str()]);
        while makes_parents && let Some(last) = steps.last() {
            let parent = paths::parent(last);
            if parent == "." || parent == "/" || parent == *last {
                break;
            }
            steps.push(parent);
        }
        for step in steps.iter().rev() {
            let made = output.terminal.ask_files(FileRequest::MakeDirectory(Str::from(*step))).await;
            let Err(error) = made else {
                if options.has("v") {
                    output.line(&["mkdir: created directory '", step, "'"]);
                }
                continue;
            };
            if makes_parents && error == FileError::Exists {
                let is_directory = output.terminal.status(step).await.is_ok_and(|status| status.is_directory);
                if is_directory {
                    continue;
                }
                let is_above = *step != path;
                let error = if is_above { FileError::NotDirectory } else { error };
                output.error(1, &["cannot create directory '", step, "': ", error.words()]);
            } else {
                output.error(1, &["cannot create directory '", step, "': ", error.words()]);
            }
            break;
        }
    }
    output.end()
}

pub(super) async fn rmdir(terminal: Terminal) -> Result<(), Failure> {
    let options = RMDIR.read(&terminal)?;
    if options.operands.is_empty() {
        return Err(RMDIR.missing(&terminal, "operand", &[]));
    }
    let mut output = Output::new(terminal, RMDIR.name);
    for path in &options.operands {
        let mut path = path.as_str();
        loop {
            if options.has("v") {
                output.line(&["rmdir: removing directory, '", path, "'"]);
            }
            let removed = match output.terminal.status(path).await {
                Ok(status) if !status.is_directory => Err(FileError::NotDirectory),
                Ok(_) => output.terminal.ask_files(FileRequest::Remove(Str::from(path))).await.map(drop),
                Err(error) => Err(error),
            };
            if let Err(error) = removed {
                output.error(1, &["failed to remove '", path, "': ", error.words()]);
                break;
            }
            let parent = paths::parent(path);
            if !options.has("p") || parent == "." || parent == "/" || parent == path {
                break;
            }
            path = parent;
        }
    }
    output.end()
}

pub(super) async fn touch(terminal: Terminal) -> Result<(), Failure> {
    let options = TOUCH.read(&terminal)?;
    if options.operands.is_empty() {
        return Err(TOUCH.missing(&terminal, "file operand", &[]));
    }
    let mut output = Output::new(terminal, TOUCH.name);
    let mut modified_ms = output.terminal.now().wall_ms;
    if let Some(reference) = options.value("r") {
        match output.terminal.status(reference).await {
            Ok(status) => modified_ms = status.modified_ms,
            Err(error) => {
                let parts = ["failed to get attributes of '", reference, "': ", error.words()];
                return Err(output.fatal(1, &parts));
            }
        }
    }
    for path in &options.operands {
        let touched = match output.terminal.status(path).await {
            Err(FileError::NotFound) if options.has("c") => Ok(()),
            Err(FileError::NotFound) if path.ends_with('/') => Err(FileError::NotFound),
            Err(FileError::NotFound) => match output.terminal.write_file(path, Bytes::new(), true).await {
                Ok(()) if options.has("r") => set(&output, path, modified_ms).await,
                written => written,
            },
            Err(error) => Err(error),
            Ok(_) => set(&output, path, modified_ms).await,
        };
        if let Err(error) = touched {
            output.error(1, &["cannot touch '", path, "': ", error.words()]);
        }
    }
    output.end()
}

async fn set(output: &Output, path: &str, modified_ms: i64) -> Result<(), FileError> {
    let path = Str::from(path);
    output.terminal.ask_files(FileRequest::SetModified { path, modified_ms }).await.map(drop)
}
