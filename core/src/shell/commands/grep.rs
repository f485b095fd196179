//! `grep`: lines that match.

use super::options::{Options, Syntax};
use super::paths::Walk;
use super::pattern::{Dialect, decode, encode, literal, translate};
use super::streams::{Input, Output, decimal, without_end};
use super::wildcard;
use crate::cli::{Failure, Terminal};
use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;
use regex_lite::{Regex, RegexBuilder};

const SYNTAX: Syntax = Syntax {
    name: "grep",
    wrong: 2,
    help: "grep [OPTION]... PATTERNS [FILE]...\n\
        Prints the lines that match a pattern.\n\
        \x20 -A, --after-context=N  and N lines behind each\n\
        \x20 -a, --text  print lines of binary files too\n\
        \x20 -B, --before-context=N  and N lines before each\n\
        \x20 -C, --context=N  and N lines before and behind each\n\
        \x20 -c, --count  only how many there are\n\
        \x20 -E, --extended-regexp  patterns are extended regular expressions\n\
        \x20 -e, --regexp=PATTERNS  a pattern; may be given several times\n\
        \x20 -F, --fixed-strings  patterns are plain text\n\
        \x20 -G, --basic-regexp  patterns are basic regular expressions, as without any of the three\n\
        \x20 -H, --with-filename  always the name of the file\n\
        \x20 -h, --no-filename  never the name of the file\n\
        \x20 -i, --ignore-case  large and small letters are the same\n\
        \x20 -L, --files-without-match  only names of files where none matches\n\
        \x20 -l, --files-with-matches  only names of files where one matches\n\
        \x20 -m, --max-count=N  at most N lines of each file\n\
        \x20 -n, --line-number  with the number of the line\n\
        \x20 -o, --only-matching  only what matches\n\
        \x20 -q, --quiet, --silent  print nothing\n\
        \x20 -R, -r, --recursive  all files below directories\n\
        \x20 -s, --no-messages  nothing of files that cannot be read\n\
        \x20 -v, --invert-match  the lines that do not match\n\
        \x20 -w, --word-regexp  only whole words match\n\
        \x20 -x, --line-regexp  only whole lines match\n\
        \x20 -NUM  same as -C NUM\n\
        \x20 --include=GLOB  of directories only files of such names\n\
        \x20 --color[=WHEN], --colour[=WHEN]  has no effect\n\
        \x20 --line-buffered  as always here\n",
};

struct Search {
    regex: Regex,
    inverts: bool,
    counts: bool,
    lists: bool,
    lists_others: bool,
    is_quiet: bool,
    only_matching: bool,
    numbers: bool,
    names: bool,
    is_text: bool,
    is_silent: bool,
    most: u64,
    before: usize,
    after: usize,
    include: Vec<String>,
    has_matched: bool,
    /// Lines were printed, so that a gap shows.
    has_printed: bool,
}

pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let mut options = SYNTAX.read(&terminal)?;
    let mut output = Output::new(terminal, SYNTAX.name);
    let recurses = options.has("R");
    let mut search = search(&mut output, &mut options)?;
    let is_implied = recurses && options.operands.is_empty();
    let files = if is_implied { Vec::from([".".to_string()]) } else { options.files() };
    search.names = options.last_of(&["H", "h"]).map_or(files.len() > 1 || recurses, |key| key == "H");
    for file in &files {
        if file == "-" || !recurses {
            search.file(&mut output, file).await;
        } else {
            search.below(&mut output, file, is_implied).await;
        }
        if search.is_quiet && search.has_matched {
            return Ok(());
        }
    }
    let matched = search.has_matched;
    let code = output.code();
    *code = if *code == 0 { i32::from(!matched) } else { *code };
    output.end()
}

fn search(output: &mut Output, options: &mut Options) -> Result<Search, Failure> {
    let mut patterns: Vec<String> =
        options.given().filter(|(key, _)| *key == "e").map(|(_, pattern)| pattern.to_string()).collect();
    if patterns.is_empty() {
        if options.operands.is_empty() {
            return Err(SYNTAX.misused(&output.terminal, &[]));
        }
        patterns.push(options.operands.remove(0));
    }
    let regex = regex(output, options, &patterns)?;
    let number = |output: &mut Output, keys: &[&str], what: &str| {
        let Some(text) = options.last_of(keys).and_then(|key| options.value(key)) else { return Ok(None) };
        match text.parse::<u32>() {
            Ok(number) => Ok(Some(number)),
            Err(_) if what.starts_with("invalid") => Err(output.fatal(2, &[what])),
            Err(_) => Err(output.fatal(2, &[text, what])),
        }
    };
    let context = ": invalid context length argument";
    let before = number(output, &["B", "C", "NUM"], context)?.unwrap_or(0) as usize;
    let after = number(output, &["A", "C", "NUM"], context)?.unwrap_or(0) as usize;
    let most = number(output, &["m"], "invalid max count")?.map_or(u64::MAX, u64::from);
    let include = options.given().filter(|(key, _)| *key == "include").map(|(_, glob)| glob.to_string()).collect();
    Ok(Search {
        regex,
        inverts: options.has("v"),
        counts: options.has("c"),
        lists: options.has("l"),
        lists_others: options.has("L"),
        is_quiet: options.has("q"),
        only_matching: options.has("o"),
        numbers: options.has("n"),
        names: false,
        is_text: options.has("a"),
        is_silent: options.has("s"),
        most,
        before,
        after,
        include,
        has_matched: false,
        has_printed: false,
    })
}

fn regex(output: &mut Output, options: &Options, patterns: &[String]) -> Result<Regex, Failure> {
    let dialect = options.last_of(&["E", "F", "G"]).unwrap_or("G");
    let mut all = String::new();
    for pattern in patterns.iter().flat_map(|pattern| pattern.split('\n')) {
        all.push_str(if all.is_empty() { "(?:" } else { "|(?:" });
        let translated = match dialect {
            "F" => {
                pattern.chars().for_each(|c| literal(&mut all, c));
                Ok(String::new())
            }
            "E" => translate(pattern, Dialect::Extended, false),
            _ => translate(pattern, Dialect::Basic, false),
        };
        all.push_str(&translated.map_err(|why| output.fatal(2, &[why]))?);
        all.push(')');
    }
    let whole = match options.last_of(&["w", "x"]) {
        _ if options.has("x") => ["^(?:", &all, ")$"].concat(),
        Some(_) => ["\\b{start-half}(?:", &all, ")\\b{end-half}"].concat(),
        None => all,
    };
    let regex = RegexBuilder::new(&whole).case_insensitive(options.has("i")).build();
    regex.map_err(|error| output.fatal(2, &[&error.to_string()]))
}

impl Search {
    async fn below(&mut self, output: &mut Output, path: &str, is_implied: bool) {
        let mut walk = match Walk::from(&output.terminal, path).await {
            Ok(walk) => walk,
            Err(error) => return self.failed(output, path, error.words()),
        };
        while let Some(step) = walk.next(&output.terminal, usize::MAX).await {
            let shown = if is_implied { step.path.strip_prefix("./").unwrap_or(&step.path) } else { &step.path };
            if let Some(error) = step.error {
                self.failed(output, shown, error.words());
            }
            let is_included = self.include.is_empty()
                || step.depth == 0
                || self.include.iter().any(|glob| wildcard::matches(glob, &step.status.name, false));
            if !step.status.is_directory && is_included {
                self.file(output, shown).await;
            }
            if self.is_quiet && self.has_matched {
                return;
            }
        }
    }

    fn failed(&self, output: &mut Output, path: &str, why: &str) {
        if self.is_silent {
            *output.code() = 2;
        } else {
            output.error(2, &[path, ": ", why]);
        }
    }

    async fn file(&mut self, output: &mut Output, path: &str) {
        match Input::open(&output.terminal, path).await {
            Ok(mut input) => {
                let shown = if path == "-" { "(standard input)" } else { path };
                self.lines(output, &mut input, shown).await;
            }
            Err(error) => self.failed(output, path, error.words()),
        }
    }

    async fn lines(&mut self, output: &mut Output, input: &mut Input, name: &str) {
        let is_printed = !(self.counts || self.lists || self.lists_others || self.is_quiet);
        let is_binary = !self.is_text && input.is_binary();
        let (mut number, mut count) = (0_u64, 0_u64);
        let mut earlier: VecDeque<(u64, Bytes)> = VecDeque::new();
        let mut after = 0;
        let mut last_printed = 0;
        while count < self.most || after > 0 {
            let Some(line) = input.line(output).await else { break };
            number += 1;
            let (text, is_latin) = decode(without_end(&line));
            if count >= self.most || self.regex.is_match(&text) == self.inverts {
                if after > 0 {
                    after -= 1;
                    last_printed = number;
                    self.print(output, name, number, '-', &line);
                } else if self.before > 0 && is_printed {
                    earlier.push_back((number, line.clone()));
                    if earlier.len() > self.before {
                        earlier.pop_front();
                    }
                }
                continue;
            }
            count += 1;
            self.has_matched |= !self.lists_others;
            if !is_printed {
                if self.counts && !(self.is_quiet || self.lists || self.lists_others) {
                    continue;
                }
                break;
            }
            if is_binary || (!self.is_text && line.contains(&0)) {
                output.error(0, &[name, ": binary file matches"]);
                break;
            }
            let first = earlier.front().map_or(number, |(number, _)| *number);
            if (self.before > 0 || self.after > 0)
                && self.has_printed
                && (last_printed == 0 || first > last_printed + 1)
            {
                output.text("--\n");
            }
            for (number, line) in earlier.drain(..) {
                self.print(output, name, number, '-', &line);
            }
            if self.only_matching {
                if !self.inverts {
                    for found in self.regex.find_iter(&text).filter(|found| !found.is_empty()) {
                        self.print(output, name, number, ':', &encode(found.as_str(), is_latin));
                    }
                }
            } else {
                self.print(output, name, number, ':', &line);
            }
            self.has_printed = true;
            last_printed = number;
            after = self.after;
        }
        if self.is_quiet {
            return;
        }
        if self.lists_others {
            self.has_matched |= count == 0;
        }
        if (self.lists && count > 0) || (self.lists_others && count == 0) {
            output.line(&[name]);
        } else if self.counts && !self.lists && !self.lists_others {
            let (name, colon) = if self.names { (name, ":") } else { ("", "") };
            output.line(&[name, colon, &decimal(count)]);
        }
    }

    fn print(&self, output: &mut Output, name: &str, number: u64, mark: char, line: &[u8]) {
        if mark == '-' && self.only_matching {
            return;
        }
        let mark: &str = if mark == '-' { "-" } else { ":" };
        if self.names {
            output.text(name);
            output.text(mark);
        }
        if self.numbers {
            output.number(number, 1);
            output.text(mark);
        }
        output.whole_line(line);
    }
}
