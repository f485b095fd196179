//! The line one types at: what its keys do beside writing.

use super::Parts;
use crate::bridge::TerminalsCommand;
use leptos::prelude::*;
use web_sys::{HtmlInputElement, KeyboardEvent};

/// A search through the history, as Ctrl-R begins it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Search {
    /// How many matches it went past.
    skipped: usize,
}

/// A key was pressed.
pub(super) fn key(parts: Parts, input: &HtmlInputElement, event: &KeyboardEvent) {
    if event.is_composing() {
        return;
    }
    let handled = if event.ctrl_key() && !event.alt_key() && !event.meta_key() {
        control(parts, input, event)
    } else if event.alt_key() {
        event.key() == "Backspace" && erase(input, word_start)
    } else {
        plain(parts, input, event)
    };
    if handled {
        event.prevent_default();
        event.stop_propagation();
    }
}

fn plain(parts: Parts, input: &HtmlInputElement, event: &KeyboardEvent) -> bool {
    match event.key().as_str() {
        "Enter" => {
            let text = match parts.search.get_untracked() {
                Some(search) => found(parts, &input.value(), &search).unwrap_or_default(),
                None => input.value(),
            };
            enter(parts, input, &text);
        }
        "ArrowUp" => older(parts, input),
        "ArrowDown" => newer(parts, input),
        "Escape" => {
            if parts.search.get_untracked().is_some() {
                leave_search(parts, input, None);
            } else {
                // The next Tab leaves the terminal.
                parts.tab_leaves.set(true);
            }
        }
        "Tab" if event.shift_key() || parts.tab_leaves.get_untracked() => {
            parts.tab_leaves.set(false);
            return false;
        }
        "Tab" => {
            if let Some(search) = parts.search.get_untracked() {
                let found = found(parts, &input.value(), &search);
                leave_search(parts, input, found);
            } else {
                super::completion::complete(parts, input);
            }
        }
        _ => {
            parts.tab_leaves.set(false);
            return false;
        }
    }
    true
}

fn control(parts: Parts, input: &HtmlInputElement, event: &KeyboardEvent) -> bool {
    match event.key().to_ascii_lowercase().as_str() {
        "enter" => {
            let hint = parts.hint.get_untracked();
            let Some(command) = hint.and_then(|hint| hint.command) else { return false };
            input.set_value("");
            parts.run(&command);
        }
        "c" => {
            if is_something_selected() {
                return false;
            }
            interrupt(parts, input);
        }
        "d" => {
            if !input.value().is_empty() {
                return erase_after(input);
            }
            parts.store.tell_terminals(&TerminalsCommand::EndOfInput(parts.terminal.number));
        }
        "l" => parts.clear(),
        "a" => select(input, 0),
        "e" => select(input, input.value().encode_utf16().count()),
        "u" => return erase(input, |_| 0),
        "k" => return erase_rest(input),
        "r" => {
            let next = parts.search.get_untracked().map(|search| Search { skipped: search.skipped + 1 });
            if next.is_none() {
                parts.draft.set_value(input.value());
                input.set_value("");
                parts.typed.set(String::new());
            }
            parts.search.set(Some(next.unwrap_or_default()));
        }
        "g" if parts.search.get_untracked().is_some() => leave_search(parts, input, None),
        _ => return false,
    }
    true
}

/// Ctrl-C.
pub(super) fn interrupt(parts: Parts, input: &HtmlInputElement) {
    input.set_value("");
    parts.search.set(None);
    parts.store.tell_terminals(&TerminalsCommand::Interrupt(parts.terminal.number));
    parts.follow();
}

/// Gives a line to whoever takes it.
pub(super) fn enter(parts: Parts, input: &HtmlInputElement, text: &str) {
    input.set_value("");
    parts.search.set(None);
    parts.at.set_value(None);
    parts.say(text);
}

/// A block was pasted: all lines that are whole are entered.
pub(super) fn paste(parts: Parts, input: &HtmlInputElement, text: &str) -> bool {
    let text = text.replace("\r\n", "\n");
    if !text.contains('\n') {
        return false;
    }
    let (before, after) = around(input);
    let whole = format!("{before}{text}{after}");
    let mut lines: Vec<&str> = whole.split('\n').collect();
    let rest = lines.pop().unwrap_or_default();
    for line in lines {
        enter(parts, input, line);
    }
    input.set_value(rest);
    true
}

/// The command before the one that is shown.
pub(super) fn older(parts: Parts, input: &HtmlInputElement) {
    parts.store.command_history.with_value(|history| {
        let at = parts.at.get_value();
        if at.is_none() {
            parts.draft.set_value(input.value());
        }
        let at = at.unwrap_or(history.len());
        if let Some(command) = at.checked_sub(1).and_then(|at| history.get(at)) {
            put(input, command);
            parts.at.set_value(Some(at - 1));
        }
    });
}

/// The command after it; what was typed behind the last.
pub(super) fn newer(parts: Parts, input: &HtmlInputElement) {
    let Some(at) = parts.at.get_value() else { return };
    let next = parts.store.command_history.with_value(|history| history.get(at + 1).cloned());
    parts.at.set_value(next.is_some().then_some(at + 1));
    put(input, &next.unwrap_or_else(|| parts.draft.get_value()));
}

/// What a search finds.
pub(super) fn found(parts: Parts, words: &str, search: &Search) -> Option<String> {
    if words.is_empty() {
        return None;
    }
    parts.store.command_history.with_value(|history| {
        history.iter().rev().filter(|command| command.contains(words)).nth(search.skipped).cloned()
    })
}

fn leave_search(parts: Parts, input: &HtmlInputElement, found: Option<String>) {
    parts.search.set(None);
    put(input, &found.unwrap_or_else(|| parts.draft.get_value()));
}

/// Puts a text into the line, the cursor behind it.
pub(super) fn put(input: &HtmlInputElement, text: &str) {
    input.set_value(text);
    select(input, text.encode_utf16().count());
}

/// Puts a text into the line, the cursor within it.
pub(super) fn put_at(input: &HtmlInputElement, before: &str, after: &str) {
    input.set_value(&format!("{before}{after}"));
    select(input, before.encode_utf16().count());
}

fn select(input: &HtmlInputElement, at: usize) {
    let _ = input.set_selection_range(at as u32, at as u32);
}

fn is_something_selected() -> bool {
    let selection = window().get_selection().ok().flatten();
    selection.is_some_and(|selection| !selection.is_collapsed() && selection.to_string().length() > 0)
}

/// What stands before and behind the cursor.
pub(super) fn around(input: &HtmlInputElement) -> (String, String) {
    let value: Vec<u16> = input.value().encode_utf16().collect();
    let at = |at: Result<Option<u32>, _>| at.ok().flatten().map_or(value.len(), |at| (at as usize).min(value.len()));
    let (start, end) = (at(input.selection_start()), at(input.selection_end()));
    let text = |units: &[u16]| String::from_utf16_lossy(units);
    (text(&value[..start]), text(&value[end..]))
}

/// Erases from where `start` says up to the cursor.
fn erase(input: &HtmlInputElement, start: impl Fn(&str) -> usize) -> bool {
    let (before, after) = around(input);
    let kept = &before[..start(&before)];
    input.set_value(&format!("{kept}{after}"));
    select(input, kept.encode_utf16().count());
    true
}

fn erase_rest(input: &HtmlInputElement) -> bool {
    let (before, _) = around(input);
    put(input, &before);
    true
}

fn erase_after(input: &HtmlInputElement) -> bool {
    let (before, after) = around(input);
    let mut rest = after.chars();
    rest.next();
    input.set_value(&format!("{before}{}", rest.as_str()));
    select(input, before.encode_utf16().count());
    true
}

/// Where the last word begins.
fn word_start(before: &str) -> usize {
    let word = before.trim_end();
    word.rfind(char::is_whitespace).map_or(0, |at| at + word[at..].chars().next().map_or(1, char::len_utf8))
}
