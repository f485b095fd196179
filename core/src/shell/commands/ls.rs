//! `ls`: what directories hold.

use super::date::Date;
use super::options::{Options, Syntax};
use super::paths::join;
use super::streams::{Output, decimal};
use super::system::USER;
use crate::cli::file::FileStatus;
use crate::cli::{Failure, Terminal};
use crate::sorted::sort_by;
use crate::text::Str;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

const SYNTAX: Syntax = Syntax {
    name: "ls",
    wrong: 2,
    help: "ls [OPTION]... [FILE]...\n\
        Lists files and what directories hold, ordered by name.\n\
        \x20 -1  one name a line\n\
        \x20 -A, --almost-all  also names that begin with a point, but not . and ..\n\
        \x20 -a, --all  also names that begin with a point\n\
        \x20 -C  in columns\n\
        \x20 -d, --directory  directories themselves, not what they hold\n\
        \x20 -F, --classify  a / behind directories, a * behind what can be run\n\
        \x20 -h, --human-readable  lengths as 1K, 234M, 2G\n\
        \x20 -l  with mode, owner, length and time of change\n\
        \x20 -R, --recursive  also what directories below hold\n\
        \x20 -r, --reverse  the other way round\n\
        \x20 -S  ordered by length, the longest first\n\
        \x20 -t  ordered by time of change, the latest first\n\
        \x20 -p  a / behind directories\n\
        \x20 --color[=WHEN]  has no effect\n",
};

/// Bytes a file system gives out at once, as most have it.
const BLOCK: u64 = 4096;

/// A change longer ago, or ahead, is shown with its year: half a year of the Gregorian calendar.
const RECENT_MS: i64 = 31_556_952_000 / 2;
/// A file that changes while it is looked at is not ahead, nor one whose broker has a clock of its own.
const CLOCK_SKEW_MS: i64 = 60_000;

struct Listing {
    output: Output,
    options: Options,
    is_long: bool,
    columns: Option<usize>,
}

pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let mut options = SYNTAX.read(&terminal)?;
    let mut paths = core::mem::take(&mut options.operands);
    if paths.is_empty() {
        paths.push(".".to_string());
    }
    let wide = terminal.columns().map(usize::from);
    let columns = match options.last_of(&["1", "C", "l"]) {
        None => wide,
        Some("C") => Some(wide.unwrap_or(80)),
        Some(_) => None,
    };
    let is_long = options.has("l");
    let mut listing = Listing { output: Output::new(terminal, SYNTAX.name), options, is_long, columns };
    let is_titled = paths.len() > 1 || listing.options.has("R");
    let (mut files, mut directories) = (Vec::new(), Vec::new());
    for path in &paths {
        match listing.output.terminal.status(path).await {
            Err(error) => listing.output.error(2, &["cannot access '", path, "': ", error.words()]),
            Ok(status) => {
                let is_opened = status.is_directory && !listing.options.has("d");
                let named = FileStatus { name: Str::from(path.as_str()), ..status };
                if is_opened { &mut directories } else { &mut files }.push(named);
            }
        }
    }
    let lengths = files.iter().chain(&directories).map(|entry| listing.length(entry).len());
    let width = lengths.max().unwrap_or(0);
    listing.sort(&mut files);
    listing.sort(&mut directories);
    listing.print(&files, width);
    let mut is_first = files.is_empty();
    let mut stack: Vec<String> = directories.iter().rev().map(|status| status.name.to_string()).collect();
    while let Some(path) = stack.pop() {
        listing.directory(&path, is_titled, &mut is_first, &mut stack).await;
    }
    listing.output.end()
}

impl Listing {
    async fn directory(&mut self, path: &str, is_titled: bool, is_first: &mut bool, stack: &mut Vec<String>) {
        let mut entries = match self.output.terminal.list(path).await {
            Ok(entries) => entries,
            Err(error) => return self.output.error(2, &["cannot open directory '", path, "': ", error.words()]),
        };
        let (all, almost) = (self.options.has("a"), self.options.has("A"));
        entries.retain(|entry| all || almost || !entry.name.starts_with('.'));
        if all && self.options.last_of(&["a", "A"]) == Some("a") {
            for name in [".", ".."] {
                if let Ok(status) = self.output.terminal.status(&join(path, name)).await {
                    entries.push(FileStatus { name: Str::from(name), ..status });
                }
            }
        }
        self.sort(&mut entries);
        if is_titled {
            self.output.line(&[if *is_first { "" } else { "\n" }, path, ":"]);
        }
        *is_first = false;
        if self.is_long {
            let blocks = entries.iter().map(|entry| entry.length.div_ceil(BLOCK) * BLOCK).sum();
            self.output.line(&["total ", &if self.options.has("h") { human(blocks) } else { decimal(blocks / 1024) }]);
        }
        let width = entries.iter().map(|entry| self.length(entry).len()).max().unwrap_or(0);
        self.print(&entries, width);
        if self.options.has("R") {
            let below =
                entries.iter().rev().filter(|entry| entry.is_directory && &*entry.name != "." && &*entry.name != "..");
            stack.extend(below.map(|entry| join(path, &entry.name)));
        }
    }

    fn sort(&self, entries: &mut Vec<FileStatus>) {
        sort_by(entries, |one, other| {
            let order = match self.options.last_of(&["t", "S"]) {
                Some("t") => other.modified_ms.cmp(&one.modified_ms),
                Some(_) => other.length.cmp(&one.length),
                None => core::cmp::Ordering::Equal,
            };
            let order = order.then_with(|| one.name.cmp(&other.name));
            if self.options.has("r") { order.reverse() } else { order }
        });
    }

    fn length(&self, entry: &FileStatus) -> String {
        if self.options.has("h") { human(entry.length) } else { decimal(entry.length) }
    }

    fn print(&mut self, entries: &[FileStatus], width: usize) {
        if self.is_long {
            return self.long(entries, width);
        }
        let names: Vec<String> = entries.iter().map(|entry| self.name(entry)).collect();
        match self.columns {
            Some(width) => columns(&mut self.output, &names, width),
            None => names.iter().for_each(|name| self.output.line(&[name])),
        }
    }

    fn name(&self, entry: &FileStatus) -> String {
        let mark = match self.options.last_of(&["F", "p"]) {
            Some(_) if entry.is_directory => "/",
            Some("F") if entry.is_executable => "*",
            _ => "",
        };
        [&entry.name, mark].concat()
    }

    fn long(&mut self, entries: &[FileStatus], width: usize) {
        let now_ms = self.output.terminal.now().wall_ms;
        let offset = self.output.terminal.utc_offset_minutes();
        for entry in entries {
            let mode = match (entry.is_directory, entry.is_executable) {
                (true, _) => "drwxr-xr-x 2",
                (false, true) => "-rwxr-xr-x 1",
                (false, false) => "-rw-r--r-- 1",
            };
            let is_recent = (now_ms - RECENT_MS..=now_ms + CLOCK_SKEW_MS).contains(&entry.modified_ms);
            let format = if is_recent { "%b %e %H:%M" } else { "%b %e  %Y" };
            let date = Date::new(entry.modified_ms, offset).format(format);
            let length = super::streams::right(&self.length(entry), width);
            self.output.line(&[mode, " ", USER, " ", USER, " ", &length, " ", &date, " ", &self.name(entry)]);
        }
    }
}

/// A length in the largest unit that leaves at least one; rounded up, and with a digit behind the point below ten.
pub(super) fn human(bytes: u64) -> String {
    let mut unit = 1_u64;
    for letter in ["", "K", "M", "G", "T", "P"] {
        let tenths = (bytes as u128 * 10).div_ceil(unit as u128) as u64;
        if letter.is_empty() && bytes < 1024 {
            return decimal(bytes);
        }
        if !letter.is_empty() && tenths < 100 {
            return [&decimal(tenths / 10), ".", &decimal(tenths % 10), letter].concat();
        }
        let whole = bytes.div_ceil(unit);
        if !letter.is_empty() && whole < 1024 {
            return [&decimal(whole), letter].concat();
        }
        unit <<= 10;
    }
    decimal(bytes)
}

/// Names in columns, downwards; as few lines as the width allows.
fn columns(output: &mut Output, names: &[String], width: usize) {
    let lengths: Vec<usize> = names.iter().map(|name| name.chars().count()).collect();
    let arrangement = |count: usize| {
        let lines = names.len().div_ceil(count);
        let widths: Vec<usize> =
            lengths.chunks(lines.max(1)).map(|column| column.iter().max().copied().unwrap_or(0) + 2).collect();
        (lines, widths)
    };
    let fits = |widths: &[usize]| widths.iter().sum::<usize>() < width + 3 && !widths.is_empty();
    let best = (1..=names.len().min(width / 3 + 1)).rev().map(arrangement).find(|(_, widths)| fits(widths));
    let (lines, widths) = best.unwrap_or_else(|| arrangement(1));
    for line in 0..lines {
        let mut pending = 0;
        for (column, width) in widths.iter().enumerate() {
            let at = column * lines + line;
            let Some(name) = names.get(at) else { break };
            (0..pending).for_each(|_| output.text(" "));
            output.text(name);
            pending = width.saturating_sub(lengths.get(at).copied().unwrap_or(0));
        }
        output.text("\n");
    }
}
