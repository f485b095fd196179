//! Tab: what the word at the cursor could become. The shell knows programs, options and files; the page knows the cluster.

use super::Parts;
use super::line::{around, put_at};
use crate::bridge::TerminalsCommand;
use crate::ui::store::{Completions, Store};
use broker_core::config::table::topic_keys;
use leptos::prelude::*;
use web_sys::HtmlInputElement;

/// Asks what could stand here.
pub(super) fn complete(parts: Parts, input: &HtmlInputElement) {
    let (before, after) = around(input);
    let cursor = before.chars().count() as u32;
    let line = format!("{before}{after}");
    let asked = line.clone();
    let ticket = parts.store.complete(move |completions| {
        if let Some(input) = parts.input.get_untracked().filter(|input| input.value() == asked) {
            take(parts, &input, completions);
        }
    });
    let terminal = parts.terminal.number;
    parts.store.tell_terminals(&TerminalsCommand::Complete { terminal, ticket, line, cursor });
}

fn take(parts: Parts, input: &HtmlInputElement, completions: Completions) {
    let Completions { from, to, mut candidates, option } = completions;
    let letters: Vec<char> = input.value().chars().collect();
    let text = |letters: &[char]| letters.iter().collect::<String>();
    let (from, to) = (from.min(letters.len()), to.min(letters.len()).max(from.min(letters.len())));
    let word = text(&letters[from..to]);
    if let Some(option) = option {
        candidates.extend(values(parts.store, &option, &word));
    }
    let Some((first, others)) = candidates.split_first() else { return parts.candidates.set(Vec::new()) };
    let common = others.iter().fold(first.as_str(), |common, other| {
        let same = common.char_indices().zip(other.chars()).find(|((_, one), other)| one != other);
        let end = same.map_or(common.len().min(other.len()), |((at, _), _)| at);
        &common[..end]
    });
    // What is shorter than what stands there would take away from it.
    if common.len() >= word.len() {
        let before = format!("{}{common}", text(&letters[..from]));
        put_at(input, &before, &text(&letters[to..]));
    }
    parts.candidates.set(if others.is_empty() { Vec::new() } else { candidates });
    parts.follow();
}

/// What the cluster has for an option: topics, groups, addresses, keys of configurations.
fn values(store: Store, option: &str, word: &str) -> Vec<String> {
    let all: Vec<String> = match option.trim_start_matches('-') {
        "topic" | "topics-to-move" | "include" | "whitelist" => {
            store.picture.with_untracked(|picture| picture.topics.iter().map(|topic| topic.name.to_string()).collect())
        }
        "group" => store
            .picture
            .with_untracked(|picture| picture.groups.iter().map(|group| group.group_id.to_string()).collect()),
        "bootstrap-server" | "broker-list" => store.addresses(),
        "config" | "add-config" => topic_keys().map(|key| format!("{}=", key.name)).collect(),
        "delete-config" => topic_keys().map(|key| key.name.to_owned()).collect(),
        _ => Vec::new(),
    };
    let whole = |value: String| if value.ends_with('=') { value } else { format!("{value} ") };
    all.into_iter().filter(|value| value.starts_with(word)).map(whole).collect()
}
