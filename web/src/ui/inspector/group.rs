//! A group: its members, what each owns, where it stands in every partition.

use super::{command, facts, head};
use crate::commands;
use crate::ui::stage::heads::{add_to, chips};
use crate::ui::store::{Picture, Store};
use broker_core::sorted::sort_by_key;
use leptos::prelude::*;

/// Partition, owner, committed offset, lag.
type Line = (String, Option<String>, Option<i64>, Option<i64>);

#[derive(Clone, Debug, PartialEq)]
struct Shown {
    rows: Vec<(String, String)>,
    lines: Vec<Line>,
}

fn shown(store: Store, id: &str) -> Option<Shown> {
    let words = store.words();
    store.picture.with(|picture| {
        let group = picture.group(id)?;
        let rows = vec![
            (words.state.to_owned(), group.state.to_string()),
            ("generation".to_owned(), group.generation_id.to_string()),
            ("assignor".to_owned(), group.protocol.to_string()),
            (words.members.to_owned(), group.members.len().to_string()),
            ("lag".to_owned(), picture.lag_of(group).to_string()),
        ];
        let owned = group.members.iter().flat_map(|member| &member.assignment);
        let committed = group.offsets.iter().map(|(topic, index, _)| (topic, *index));
        let mut all: Vec<_> = owned.map(|(topic, index)| (topic, *index)).chain(committed).collect();
        sort_by_key(&mut all, |partition| *partition);
        all.dedup();
        let line = |(topic, index): (&broker_core::text::Str, i32)| {
            let (owner, committed) = Picture::owner(group, topic, index);
            let owner = owner.map(|member| {
                let gone = if store.is_gone(member) { format!(" {}", words.member_gone) } else { String::new() };
                format!("{}{gone}", member.client_id)
            });
            (format!("{topic}-{index}"), owner, committed, picture.lag(group, topic, index))
        };
        Some(Shown { rows, lines: all.into_iter().map(line).collect() })
    })
}

fn table(store: Store, lines: &[Line]) -> AnyView {
    let words = store.words();
    let row = |(partition, owner, committed, lag): &Line| {
        let number = |number: &Option<i64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        view! {
            <tr>
                <td class="data">{partition.clone()}</td>
                <td class="data">{owner.clone().unwrap_or_else(|| words.nobody.to_owned())}</td>
                <td class="data">{number(committed)}</td>
                <td class="data">{number(lag)}</td>
            </tr>
        }
        .into_any()
    };
    view! {
        <table class="records">
            <thead><tr><th>{words.partition}</th><th>{words.member}</th><th>{words.committed}</th><th>"lag"</th></tr></thead>
            <tbody>{lines.iter().map(row).collect::<Vec<_>>()}</tbody>
        </table>
    }
    .into_any()
}

/// A group's facts.
pub(super) fn group(store: Store, id: String) -> AnyView {
    let words = move || store.words();
    let (name, asked, added, line) = (id.clone(), id.clone(), id.clone(), id.clone());
    let known = Memo::new(move |_| shown(store, &asked));
    let body = move || match known.get() {
        Some(known) => view! { {facts(known.rows)} {table(store, &known.lines)} }.into_any(),
        None => view! { <p class="facts">{words().gone}</p> }.into_any(),
    };
    view! {
        {head(store, move || name.clone())}
        {chips(store, id, false)}
        <button on:click=move |_| add_to(store, &added)>{store.say(|words| words.add_consumer)}</button>
        {body}
        {command(store, move || commands::describe_group(&store.bootstrap(), &line))}
    }
    .into_any()
}
