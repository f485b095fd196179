//! A consumer, and what it received.

use super::{command, facts, head};
use crate::bridge::ConsumerView as Consumes;
use crate::commands;
use crate::ui::dock::records_table;
use crate::ui::producers::Refused;
use crate::ui::store::{Selection, Store};
use leptos::prelude::*;

/// A consumer's facts and actions.
pub(super) fn consumer(store: Store, number: u32) -> AnyView {
    let words = move || store.words();
    let view = Memo::new(move |_| {
        store.clients.with(|clients| clients.consumers.iter().find(|one| one.consumer == number).cloned())
    });
    let body = move || {
        let words = words();
        let Some(consumer) = view.get() else { return view! { <p class="facts">{words.gone}</p> }.into_any() };
        let idle = consumer.assignment.is_empty() && consumer.state == "stable";
        let mut rows = vec![
            (words.state.to_owned(), if idle { words.idle_why.to_owned() } else { consumer.state.clone() }),
            ("group.id".to_owned(), consumer.group.clone().unwrap_or_else(|| words.alone.to_owned())),
            (words.topic.to_owned(), consumer.topics.join(", ")),
            (words.received.to_owned(), consumer.received.to_string()),
        ];
        if let Some(note) = store.quota_note(consumer.throttled_until_us) {
            rows[0].1 = note;
        }
        if !consumer.member_id.is_empty() {
            rows.push(("member id".to_owned(), consumer.member_id.clone()));
        }
        for (topic, partition, position, lag) in &consumer.assignment {
            rows.push((format!("{topic}-{partition}"), format!("{position} · {}", (words.lag)(*lag))));
        }
        let newest = consumer.newest.clone();
        view! {
            {facts(rows)}
            {consumer.error.map(|refusal| view! { <Refused refusal=refusal /> })}
            <h3>{words.received}</h3>
            {if newest.is_empty() {
                view! { <p class="facts">{words.nothing_received}</p> }.into_any()
            } else {
                records_table(store, newest, true)
            }}
        }
        .into_any()
    };
    let line = move || {
        view.with(|view| {
            let Some(consumer) = view else { return String::new() };
            let Consumes { topics, group, from_beginning, .. } = consumer;
            commands::consume(&store.bootstrap(), topics, group.as_deref(), *from_beginning)
        })
    };
    let of_group = move || {
        let group = view.with(|view| view.as_ref().and_then(|view| view.group.clone()))?;
        let selection = Selection::Group(group.clone());
        Some(view! { <button class="quiet" on:click=move |_| store.select(selection.clone())>{group}</button> })
    };
    view! {
        {head(store, move || (words().consumer)(number))}
        {of_group}
        <button on:click=move |_| store.remove_consumer(number)>{store.say(|words| words.remove_consumer)}</button>
        {body}
        {command(store, line)}
    }
    .into_any()
}
