//! `find`: files and directories by name and kind.

use super::paths::{self, Step, Walk};
use super::streams::Output;
use super::wildcard;
use crate::cli::file::FileRequest;
use crate::cli::{Failure, Terminal};
use crate::text::Str;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

const HELP: &str = "Usage: find [PATH]... [EXPRESSION]\n\
    Prints what is below the paths and fits the expression.\n\
    \x20 -delete  remove it instead\n\
    \x20 -empty  a file without a byte, or a directory that holds nothing\n\
    \x20 -iname PATTERN  as -name, large and small letters the same\n\
    \x20 -maxdepth N  no deeper below the paths\n\
    \x20 -mindepth N  not above\n\
    \x20 -name PATTERN  the name is like it: * ? [...]\n\
    \x20 -path PATTERN  the whole path is like it\n\
    \x20 -print  print it, as without an action\n\
    \x20 -print0  print it with a zero byte behind\n\
    \x20 -size [+-]N[ckMG]  its length, rounded up to units (of 512 bytes)\n\
    \x20 -type f|d  a file, or a directory\n\
    \x20 ! TEST, -not TEST  TEST does not fit\n\
    \x20 TEST -o TEST  one of both fits\n";

enum Test {
    Name(String, bool),
    Path(String),
    Directory(bool),
    Empty,
    Size(Option<char>, u64, u64),
    Print(&'static str),
    Delete,
}

struct Search {
    /// Alternatives, each of tests that all have to fit, or not to.
    alternatives: Vec<Vec<(bool, Test)>>,
    least: usize,
    deepest: usize,
    has_action: bool,
    deletes: bool,
}

pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let mut arguments = terminal.arguments();
    if arguments.iter().any(|argument| matches!(argument.as_str(), "-help" | "--help")) {
        terminal.print(HELP);
        return Ok(());
    }
    let is_expression = |argument: &String| argument.starts_with('-') || argument == "!" || argument == "(";
    let begin = arguments.iter().position(is_expression).unwrap_or(arguments.len());
    let expression = arguments.split_off(begin);
    if arguments.is_empty() {
        arguments.push(".".to_string());
    }
    let mut output = Output::new(terminal, "find");
    let search = search(&mut output, &expression)?;
    for path in &arguments {
        let mut walk = match Walk::from(&output.terminal, path).await {
            Ok(walk) => walk,
            Err(error) => {
                output.error(1, &["'", path, "': ", error.words()]);
                continue;
            }
        };
        let mut steps = Vec::new();
        while let Some(step) = walk.next(&output.terminal, search.deepest).await {
            if search.deletes {
                steps.push(step);
            } else {
                search.step(&mut output, step).await;
            }
        }
        // What a directory holds goes before it.
        for step in steps.into_iter().rev() {
            search.step(&mut output, step).await;
        }
    }
    output.end()
}

fn search(output: &mut Output, expression: &[String]) -> Result<Search, Failure> {
    let mut search =
        Search { alternatives: Vec::new(), least: 0, deepest: usize::MAX, has_action: false, deletes: false };
    let mut tests = Vec::new();
    let mut is_negated = false;
    let mut arguments = expression.iter();
    while let Some(word) = arguments.next() {
        let mut argument = |output: &mut Output| match arguments.next() {
            Some(argument) => Ok(argument.as_str()),
            None => Err(output.fatal(1, &["missing argument to `", word, "'"])),
        };
        let test = match word.as_str() {
            "!" | "-not" => {
                is_negated = !is_negated;
                continue;
            }
            "-a" | "-and" => continue,
            "-o" | "-or" => {
                search.alternatives.push(core::mem::take(&mut tests));
                continue;
            }
            "-maxdepth" | "-mindepth" => {
                let text = argument(output)?;
                let Ok(depth) = text.parse::<u32>() else {
                    let parts = ["Expected a positive decimal integer argument to ", word, ", but got '", text, "'"];
                    return Err(output.fatal(1, &parts));
                };
                *(if word == "-maxdepth" { &mut search.deepest } else { &mut search.least }) = depth as usize;
                continue;
            }
            "-name" | "-iname" => Test::Name(argument(output)?.to_string(), word == "-iname"),
            "-path" => Test::Path(argument(output)?.to_string()),
            "-type" => match argument(output)? {
                "d" => Test::Directory(true),
                "f" => Test::Directory(false),
                other => return Err(output.fatal(1, &["Unknown argument to -type: ", other])),
            },
            "-empty" => Test::Empty,
            "-size" => {
                let text = argument(output)?;
                match size(text) {
                    Some(test) => test,
                    None => return Err(output.fatal(1, &["Invalid argument `", text, "' to -size"])),
                }
            }
            "-print" => Test::Print("\n"),
            "-print0" => Test::Print("\0"),
            "-delete" => Test::Delete,
            word if word.starts_with('-') || word == "(" => {
                return Err(output.fatal(1, &["unknown predicate `", word, "'"]));
            }
            word => return Err(output.fatal(1, &["paths must precede expression: `", word, "'"])),
        };
        search.has_action |= matches!(test, Test::Print(_) | Test::Delete);
        search.deletes |= matches!(test, Test::Delete);
        tests.push((core::mem::take(&mut is_negated), test));
    }
    search.alternatives.push(tests);
    Ok(search)
}

fn size(text: &str) -> Option<Test> {
    let sign = text.chars().next().filter(|c| matches!(c, '+' | '-'));
    let number = text.trim_start_matches(['+', '-']);
    let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    let (digits, unit) = number.split_at_checked(end)?;
    let unit = match unit {
        "" | "b" => 512,
        "c" => 1,
        "k" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return None,
    };
    Some(Test::Size(sign, digits.parse().ok()?, unit))
}

impl Search {
    async fn step(&self, output: &mut Output, step: Step) {
        if let Some(error) = &step.error {
            output.error(1, &["'", &step.path, "': ", error.words()]);
        }
        if step.depth < self.least {
            return;
        }
        for tests in &self.alternatives {
            let mut fits = true;
            for (is_negated, test) in tests {
                if test.fits(output, &step).await == *is_negated {
                    fits = false;
                    break;
                }
            }
            if fits {
                if !self.has_action {
                    output.line(&[&step.path]);
                }
                return;
            }
        }
    }
}

impl Test {
    async fn fits(&self, output: &mut Output, step: &Step) -> bool {
        let status = &step.status;
        match self {
            Self::Name(pattern, ignores_case) => wildcard::matches(pattern, paths::name(&step.path), *ignores_case),
            Self::Path(pattern) => wildcard::matches(pattern, &step.path, false),
            Self::Directory(is_directory) => status.is_directory == *is_directory,
            Self::Empty if status.is_directory => {
                output.terminal.list(&step.path).await.is_ok_and(|entries| entries.is_empty())
            }
            Self::Empty => status.length == 0,
            Self::Size(sign, number, unit) => {
                let size = status.length.div_ceil(*unit);
                match sign {
                    None => size == *number,
                    Some('+') => size > *number,
                    Some(_) => size < *number,
                }
            }
            Self::Print(end) => {
                output.text(&step.path);
                output.text(end);
                true
            }
            Self::Delete if step.path == "." => true,
            Self::Delete => match output.terminal.ask_files(FileRequest::Remove(Str::from(step.path.as_str()))).await {
                Ok(_) => true,
                Err(error) => {
                    output.error(1, &["cannot delete '", &step.path, "': ", error.words()]);
                    false
                }
            },
        }
    }
}
