//! `cat`, `less` and `more`: a pager of this shell shows all at once, as its screen scrolls.

use super::options::{Options, Syntax};
use super::streams::{Input, Output};
use crate::cli::{Failure, Terminal};

const CAT: Syntax = Syntax {
    name: "cat",
    wrong: 1,
    help: "cat [OPTION]... [FILE]...\n\
        Prints files one behind the other; - is standard input, as is no file.\n\
        \x20 -A, --show-all  same as -vET\n\
        \x20 -b, --number-nonblank  number the lines that are not empty\n\
        \x20 -E, --show-ends  a $ at the end of each line\n\
        \x20 -n, --number  number the lines\n\
        \x20 -s, --squeeze-blank  one empty line where there are several\n\
        \x20 -T, --show-tabs  show a tab as ^I\n\
        \x20 -v, --show-nonprinting  show control characters as ^X and bytes above 127 as M-X\n",
};

const LESS: Syntax = Syntax {
    name: "less",
    wrong: 1,
    help: "less [OPTION]... [FILE]...\n\
        Prints files at once; the terminal scrolls.\n\
        \x20 -F, --quit-if-one-screen  as always here\n\
        \x20 -n, --line-numbers  no line numbers, as always here\n\
        \x20 -R, --RAW-CONTROL-CHARS  as always here\n\
        \x20 -S, --chop-long-lines  has no effect\n\
        \x20 -X, --no-init  as always here\n",
};

const MORE: Syntax =
    Syntax { name: "more", wrong: 1, help: "more [FILE]...\nPrints files at once; the terminal scrolls.\n" };

pub(super) async fn cat(terminal: Terminal) -> Result<(), Failure> {
    let options = CAT.read(&terminal)?;
    run(Output::new(terminal, CAT.name), options).await
}

pub(super) async fn less(terminal: Terminal) -> Result<(), Failure> {
    page(terminal, &LESS).await
}

pub(super) async fn more(terminal: Terminal) -> Result<(), Failure> {
    page(terminal, &MORE).await
}

async fn page(terminal: Terminal, syntax: &Syntax) -> Result<(), Failure> {
    let files = syntax.read(&terminal)?.operands;
    if files.is_empty() && terminal.is_interactive() {
        terminal.error_line(r#"Missing filename ("less --help" for help)"#);
        return Err(Failure::Exit(1));
    }
    run(Output::new(terminal, syntax.name), Options::of(files)).await
}

/// What is done to lines.
struct Style {
    numbers: bool,
    numbers_of_empty: bool,
    squeeze: bool,
    ends: bool,
    tabs: bool,
    controls: bool,
    number: u64,
    is_line_begun: bool,
    is_empty_before: bool,
}

async fn run(mut output: Output, mut options: Options) -> Result<(), Failure> {
    let all = options.has("A");
    let mut style = Style {
        numbers: options.has("n") || options.has("b"),
        numbers_of_empty: !options.has("b"),
        squeeze: options.has("s"),
        ends: all || options.has("E"),
        tabs: all || options.has("T"),
        controls: all || options.has("v"),
        number: 0,
        is_line_begun: false,
        is_empty_before: false,
    };
    let is_plain = !(style.numbers || style.squeeze || style.ends || style.tabs || style.controls);
    for file in options.files() {
        match Input::open(&output.terminal, &file).await {
            Err(error) => output.error(1, &[&file, ": ", error.words()]),
            Ok(mut input) if is_plain => {
                while let Some(bytes) = input.chunk(&mut output).await {
                    output.bytes(&bytes);
                }
            }
            Ok(mut input) => {
                while let Some(line) = input.line(&mut output).await {
                    style.print(&mut output, &line);
                }
            }
        }
    }
    output.end()
}

impl Style {
    fn print(&mut self, output: &mut Output, line: &[u8]) {
        let is_empty = line == b"\n" && !self.is_line_begun;
        if self.squeeze && is_empty && self.is_empty_before {
            return;
        }
        self.is_empty_before = is_empty;
        if self.numbers && !self.is_line_begun && (self.numbers_of_empty || !is_empty) {
            self.number += 1;
            output.number(self.number, 6);
            output.text("\t");
        }
        self.is_line_begun = !line.ends_with(b"\n");
        for byte in line {
            match *byte {
                b'\n' => output.text(if self.ends { "$\n" } else { "\n" }),
                b'\t' => output.text(if self.tabs { "^I" } else { "\t" }),
                byte if self.controls => {
                    let low = byte & 0x7f;
                    if byte > low {
                        output.text("M-");
                    }
                    match low {
                        0x7f => output.text("^?"),
                        0..0x20 => output.bytes(&[b'^', low + 0x40]),
                        low => output.bytes(&[low]),
                    }
                }
                byte => output.bytes(&[byte]),
            }
        }
    }
}
