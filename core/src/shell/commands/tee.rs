//! `tee`: standard input into files and on.

use super::options::Syntax;
use super::streams::{Input, Output};
use crate::cli::{Failure, Terminal};
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

const SYNTAX: Syntax = Syntax {
    name: "tee",
    wrong: 1,
    help: "tee [OPTION]... [FILE]...\n\
        Prints standard input, and writes it into each file.\n\
        \x20 -a, --append  at the end of the files\n",
};

pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let options = SYNTAX.read(&terminal)?;
    let mut output = Output::new(terminal, SYNTAX.name);
    let mut files: Vec<&String> = Vec::new();
    for file in &options.operands {
        match output.terminal.write_file(file, Bytes::new(), options.has("a")).await {
            Ok(()) => files.push(file),
            Err(error) => output.error(1, &[file, ": ", error.words()]),
        }
    }
    let mut input = Input::open(&output.terminal, "-").await.map_err(|_| Failure::Exit(1))?;
    while let Some(chunk) = input.chunk(&mut output).await {
        output.bytes(&chunk);
        output.flush();
        for file in &files {
            if let Err(error) = output.terminal.write_file(file, chunk.clone(), true).await {
                output.error(1, &[file, ": ", error.words()]);
            }
        }
    }
    output.end()
}
