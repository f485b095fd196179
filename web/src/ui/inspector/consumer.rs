//! A consumer, and what it received.

use super::{facts, head};
use crate::ui::dock::records_table;
use crate::ui::producers::Refused;
use crate::ui::store::Store;
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
            (words.group.to_owned(), consumer.group.clone().unwrap_or_else(|| words.alone.to_owned())),
            (words.topic.to_owned(), consumer.topics.join(", ")),
            (words.received.to_owned(), consumer.received.to_string()),
        ];
        if !consumer.member_id.is_empty() {
            rows.push(("member id".to_owned(), consumer.member_id.clone()));
        }
        for (topic, partition, position, lag) in &consumer.assignment {
            rows.push((format!("{topic}-{partition}"), format!("@{position} · {}", (words.lag)(*lag))));
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
    view! {
        {head(store, move || format!("c{number}"))}
        {body}
        <button on:click=move |_| store.remove_consumer(number)>{move || words().remove_consumer}</button>
    }
    .into_any()
}
