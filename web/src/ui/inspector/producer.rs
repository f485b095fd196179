//! A producer.

use super::{command, facts, head};
use crate::bridge::Draft;
use crate::commands;
use crate::ui::producers::{Refused, rate_text};
use crate::ui::store::Store;
use leptos::prelude::*;

/// A producer's facts and what can be done to it.
pub(super) fn producer(store: Store, number: u32) -> AnyView {
    let words = move || store.words();
    let view = Memo::new(move |_| {
        store.clients.with(|clients| clients.producers.iter().find(|one| one.producer == number).cloned())
    });
    let body = move || {
        let words = words();
        let Some(producer) = view.get() else {
            return view! { <p class="facts">{words.not_produced_yet}</p> }.into_any();
        };
        let acks = if producer.acks < 0 { "all".to_owned() } else { producer.acks.to_string() };
        let rows = vec![
            ("client.id".to_owned(), format!("p{number}")),
            ("acks".to_owned(), acks),
            (words.acknowledged_name.to_owned(), producer.acknowledged.to_string()),
            (words.under_way.to_owned(), producer.outstanding.to_string()),
            (words.failed.to_owned(), producer.failed.to_string()),
            (words.rate.to_owned(), rate_text(producer.rate)),
        ];
        view! {
            {facts(rows)}
            {producer.error.map(|refusal| view! { <Refused refusal=refusal /> })}
            <button on:click=move |_| store.remove_producer(number)>{words.end_producer}</button>
        }
        .into_any()
    };
    let line = Memo::new(move |_| {
        let bootstrap = store.bootstrap();
        let of_this = |drafts: &Vec<Draft>| drafts.iter().find(|draft| draft.producer == number).cloned();
        commands::produce(&bootstrap, &store.producers.with(of_this)?)
    });
    let as_command = move || line.with(Option::is_some).then(|| command(store, move || line.get().unwrap_or_default()));
    view! {
        {head(store, move || (words().producer)(number))}
        {body}
        {as_command}
    }
    .into_any()
}
