//! A frame: what the switch read of it when it passed. Its bytes went on, none are kept.

use super::{facts, head};
use crate::ui::store::{FrameName, Place, SeenFrame, Selection, Store, place};
use crate::ui::top_bar::clock;
use broker_core::protocol::{ApiKey, ErrorCode};
use leptos::prelude::*;

/// `Produce request`.
pub(crate) fn title(store: Store, frame: &SeenFrame) -> String {
    let words = store.words();
    let api = ApiKey::from_code(frame.api_key).map_or("?", ApiKey::name);
    format!("{api} {}", if frame.request { words.request } else { words.response })
}

/// Who is at an end of it.
fn who(store: Store, endpoint: i32, frame: &SeenFrame) -> String {
    let words = store.words();
    match place(endpoint, frame) {
        Place::Broker(id) => (words.broker)(id),
        Place::Terminal { number, .. } => format!("{} {number}", words.terminal),
        Place::Producers if frame.client > 0 => (words.producer)(frame.client.unsigned_abs()),
        Place::Consumer(number) if number > 0 => (words.consumer)(number.unsigned_abs()),
        _ => words.this_page.to_owned(),
    }
}

fn rows(store: Store, frame: &SeenFrame, other: Option<&SeenFrame>) -> Vec<(String, String)> {
    let words = store.words();
    let mut rows = vec![
        (words.from.to_owned(), who(store, frame.from, frame)),
        (words.to.to_owned(), who(store, frame.to, frame)),
        ("request_api_key".to_owned(), frame.api_key.to_string()),
        ("request_api_version".to_owned(), frame.api_version.to_string()),
        ("correlation_id".to_owned(), frame.correlation_id.to_string()),
    ];
    let mut add = |name: &str, value: String| rows.push((name.to_owned(), value));
    if !frame.client_id.is_empty() {
        add("client_id", frame.client_id.clone());
    }
    add(words.frame_size, frame.size.to_string());
    if let Some(glance) = &frame.glance {
        let more = if glance.more { "+" } else { "" };
        if glance.records > 0 {
            add(words.records, format!("{}{more}", glance.records));
        }
        if glance.markers > 0 {
            add(words.transaction_marker, glance.markers.to_string());
        }
        if let Some(key) = &glance.key {
            add(words.key, key.clone());
        }
        if glance.error != 0 {
            let name = ErrorCode::from_code(glance.error).map_or("UNKNOWN", ErrorCode::name);
            add("error_code", format!("{} {name}", glance.error));
        }
    }
    add(words.time, store.wall_at(frame.time_us).map_or_else(String::new, |wall_ms| clock(wall_ms, true)));
    if let Some(other) = other {
        let micros = other.time_us.abs_diff(frame.time_us);
        add(words.answered_after, format!("{}.{:03} ms", micros / 1000, micros % 1000));
    }
    rows
}

/// A frame's facts, and the way to its answer, or to what it answers.
pub(super) fn frame(store: Store, name: FrameName) -> AnyView {
    // What was found once stays, also where the lane has forgotten it.
    let known = Memo::new(move |before: Option<&Option<(SeenFrame, Option<SeenFrame>)>>| {
        let before = || before.cloned().flatten();
        match store.traffic.with(|traffic| traffic.frame(name)) {
            Some((frame, None)) => Some((frame, before().and_then(|(_, other)| other))),
            found => found.or_else(before),
        }
    });
    let shown = move || known.with(|known| known.as_ref().map(|(frame, _)| title(store, frame)));
    let body = move || {
        let words = store.words();
        let Some((frame, other)) = known.get() else { return view! { <p class="facts">{words.gone}</p> }.into_any() };
        let link = other.as_ref().map(|other| {
            let (label, name) = (title(store, other), other.name());
            view! { <button on:click=move |_| store.select(Selection::Frame(name))>{label}</button> }
        });
        let helps = frame.glance.as_ref().and_then(|glance| (words.helps)(ErrorCode::from_code(glance.error)?.name()));
        view! {
            {facts(rows(store, &frame, other.as_ref()))}
            {helps.map(|helps| view! { <p class="answer">{helps}</p> })}
            {link}
            <p class="facts">{words.frame_hint}</p>
        }
        .into_any()
    };
    view! {
        {head(store, move || shown().unwrap_or_else(|| store.words().frame.to_owned()))}
        {body}
    }
    .into_any()
}
