//! Usage, help and errors as argparse4j prints them: lines of 75 columns, or of as many as the screen has, filled with blanks from both ends.

use super::argparse::{Action, Argument, Group, Level, Parser};
use super::line_break::pieces;
use crate::sorted::sort;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// Where the right column of the help begins.
const INDENT: usize = 25;
/// A wider name has a line of its own.
const WIDEST_NAME: usize = 21;
/// Names of tools that are wider let the arguments begin on a line of their own.
const WIDEST_TOOL: usize = 30;
/// Those further away than that are not similar.
const SIMILAR_BELOW: usize = 7;

/// The help of a tool or of a sub-command.
pub(in crate::cli) fn help(parser: &Parser, level: &Level<'_>) -> String {
    let mut text = usage(parser, level);
    let description = level.command.map_or(parser.description, |command| command.description);
    if !description.is_empty() {
        text.extend(["\n", &wrap(parser.width, description, 0, ""), "\n"]);
    }
    if level.command.is_none() && !parser.commands.is_empty() && parser.command_name.is_empty() {
        text += "\npositional arguments:\n";
        list_commands(&mut text, parser);
    }
    text += "\noptional arguments:\n";
    let is_apart = |argument: &Argument| {
        let group = argument.group.and_then(|group| level.groups.get(group));
        group.is_some_and(|group| !matches!(group, Group::Exclusive { .. }))
    };
    level
        .arguments
        .iter()
        .filter(|argument| !is_apart(argument))
        .for_each(|argument| argument_row(&mut text, parser.width, argument));
    for (index, group) in level.groups.iter().enumerate() {
        match group {
            Group::Titled(title) => text.extend(["\n", title, ":\n"]),
            Group::Explained(title, description) => {
                text.extend(["\n", title, ":\n  ", &wrap(parser.width, description, 2, "  "), "\n\n"]);
            }
            Group::Described(description) => text.extend(["\n  ", &wrap(parser.width, description, 2, "  "), "\n\n"]),
            Group::Exclusive { .. } => continue,
        }
        level.members(index).for_each(|argument| argument_row(&mut text, parser.width, argument));
    }
    if level.command.is_none() && !parser.command_name.is_empty() {
        text += "\ncommands:\n";
        list_commands(&mut text, parser);
    }
    text
}

fn list_commands(text: &mut String, parser: &Parser) {
    row(text, parser.width, &commands(parser), "");
    for command in parser.commands {
        row(text, parser.width, &format!("  {}", command.name), command.help);
    }
}

/// A mistake, with the usage before it.
pub(in crate::cli) fn error(parser: &Parser, level: &Level<'_>, message: &str) -> String {
    usage(parser, level) + &wrap(parser.width, &format!("{}: error: {message}\n", parser.name), 0, "")
}

/// Names that look like what was typed, each with what of it is compared.
pub(in crate::cli) fn similar<'a>(typed: &str, names: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let rated = names.map(|(name, body)| (if body.starts_with(typed) { 0 } else { distance(typed, body) }, name));
    let mut rated: Vec<(usize, &str)> = rated.collect();
    sort(&mut rated);
    let Some(nearest) = rated.first().map(|first| first.0).filter(|nearest| *nearest < SIMILAR_BELOW) else {
        return String::new();
    };
    let names = rated.iter().take_while(|rated| rated.0 == nearest).map(|rated| format!("\t{}\n", rated.1));
    format!("\nDid you mean:\n{}", names.collect::<String>())
}

/// How much must be typed otherwise (Damerau and Levenshtein): a swap costs nothing, another letter 2, one more 1, one less
/// 4.
fn distance(typed: &str, name: &str) -> usize {
    let (typed, name) = (typed.as_bytes(), name.as_bytes());
    let mut before = Vec::new();
    let mut last: Vec<usize> = (0..=name.len()).collect();
    for (row, letter) in typed.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, other) in name.iter().enumerate() {
            let cost = |costs: &[usize], column: usize| costs.get(column).copied().unwrap_or(usize::MAX / 2);
            let mut least = cost(&last, column) + if letter == other { 0 } else { 2 };
            let swapped = row > 0
                && column > 0
                && letter != other
                && typed.get(row - 1) == Some(other)
                && name.get(column - 1) == Some(letter);
            if swapped {
                least = least.min(cost(&before, column - 1));
            }
            next.push(least.min(cost(&last, column + 1) + 4).min(cost(&next, column) + 1));
        }
        before = core::mem::replace(&mut last, next);
    }
    last.last().copied().unwrap_or_default()
}

fn usage(parser: &Parser, level: &Level<'_>) -> String {
    let mut words = Vec::new();
    if let Some(command) = level.command {
        let top = Level::top(parser);
        words.extend(
            top.arguments.iter().filter(|one| one.is_required && !top.is_exclusive(one)).map(|one| syntax(one)),
        );
        exclusive(&mut words, &top, false);
        words.push(command.name.into());
    }
    words.extend(level.arguments.iter().filter(|one| !level.is_exclusive(one)).map(|one| syntax(one)));
    exclusive(&mut words, level, true);
    if level.command.is_none() && !parser.commands.is_empty() {
        words.extend([commands(parser), "...".into()]);
    }
    let mut text = format!("usage: {}", parser.name);
    let mut indent = text.len();
    let mut width = indent;
    if indent > WIDEST_TOOL {
        indent = 6;
        text.extend(["\n", &blanks(indent)]);
        width = 2 * indent;
    }
    for (index, word) in words.iter().enumerate() {
        if index > 0 && width + word.len() + 1 > parser.width {
            text.extend(["\n", &blanks(indent)]);
            width = indent;
        }
        text.extend([" ", word]);
        width += 1 + word.len();
    }
    text + "\n"
}

/// Groups of which one argument at most may be given.
fn exclusive(words: &mut Vec<String>, level: &Level<'_>, with_optional: bool) {
    for (index, group) in level.groups.iter().enumerate() {
        let Some(is_required) = group.exclusive() else { continue };
        if !is_required && !with_optional {
            continue;
        }
        let members: Vec<String> = level.members(index).map(bare_syntax).collect();
        let (open, close) = match (is_required, members.len()) {
            (true, 1) => ("", ""),
            (true, _) => ("(", ")"),
            (false, _) => ("[", "]"),
        };
        let last = members.len().saturating_sub(1);
        for (at, member) in members.iter().enumerate() {
            let (open, close) = (if at == 0 { open } else { "" }, if at == last { close } else { "" });
            if at > 0 {
                words.push("|".into());
            }
            words.push(format!("{open}{member}{close}"));
        }
    }
}

fn commands(parser: &Parser) -> String {
    if !parser.command_name.is_empty() {
        return parser.command_name.into();
    }
    let names: Vec<&str> = parser.commands.iter().map(|command| command.name).collect();
    format!("{{{}}}", names.join(","))
}

fn syntax(argument: &Argument) -> String {
    let bare = bare_syntax(argument);
    if argument.is_required { bare } else { format!("[{bare}]") }
}

fn bare_syntax(argument: &Argument) -> String {
    format!("{}{}", argument.flags.first().copied().unwrap_or_default(), value_name(argument))
}

fn value_name(argument: &Argument) -> String {
    let name = match argument.value_name {
        "" => argument.name().replace('-', "_").to_ascii_uppercase(),
        name => name.into(),
    };
    match argument.action {
        Action::Several => format!(" {name} [{name} ...]"),
        _ if argument.takes_value() => format!(" {name}"),
        _ => String::new(),
    }
}

fn argument_row(text: &mut String, width: usize, argument: &Argument) {
    let flags = argument.flags.iter().map(|flag| format!("{flag}{}", value_name(argument)));
    row(text, width, &flags.collect::<Vec<_>>().join(", "), argument.help);
}

fn row(text: &mut String, width: usize, name: &str, help: &str) {
    text.extend(["  ", name]);
    if !help.is_empty() {
        let gap = if name.len() <= WIDEST_NAME {
            INDENT - name.len() - 2
        } else {
            *text += "\n";
            INDENT
        };
        text.extend([&*blanks(gap), &wrap(width, help, INDENT, &blanks(INDENT))]);
    }
    *text += "\n";
}

/// Cuts a text into lines of `width`, of which the first begins at column `offset`.
fn wrap(width: usize, text: &str, offset: usize, indent: &str) -> String {
    let (mut lines, mut line) = (String::new(), String::new());
    let mut at = offset;
    for piece in pieces(text) {
        let length = piece.chars().count();
        at += length;
        if at > width {
            lines.extend([&*filled(&line, at - length, width), "\n", indent]);
            line.clear();
            at = indent.len() + length;
        }
        line += piece;
        if piece.ends_with('\n') {
            lines.extend([&line, indent]);
            line.clear();
            at = indent.len();
        }
    }
    lines + &line
}

/// A line that ends at column `end` with more blanks between its words, so that it ends at `width`. A blank that is left over
/// goes to the middle.
fn filled(line: &str, end: usize, width: usize) -> String {
    let trimmed = line.trim_matches(' ');
    let end = end - (line.len() - trimmed.len());
    let gaps = trimmed.as_bytes().windows(2).filter(|pair| pair[0] != b' ' && pair[1] == b' ').count();
    if gaps == 0 {
        return trimmed.into();
    }
    let missing = width.saturating_sub(end);
    let (each, rest) = (missing / gaps, missing % gaps);
    let first = (gaps - rest).div_ceil(2);
    let (mut text, mut gap, mut before) = (String::new(), 0, ' ');
    for letter in trimmed.chars() {
        if letter == ' ' && before != ' ' {
            let more = each + usize::from((first..first + rest).contains(&gap));
            text += &blanks(more);
            gap += 1;
        }
        text.push(letter);
        before = letter;
    }
    text
}

fn blanks(count: usize) -> String {
    " ".repeat(count)
}
