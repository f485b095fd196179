//! Records of a partition, to look at.

use crate::bridge::RecordView;
use crate::ui::producers::Answer;
use crate::ui::store::{Outcome, Selection, Store};
use crate::ui::top_bar::clock;
use leptos::prelude::*;

/// Records read at once.
const LIMIT: u32 = 50;

/// JSON laid out; anything else as it is.
fn laid_out(value: &str) -> String {
    if !value.trim_start().starts_with(['{', '[']) {
        return value.to_owned();
    }
    let parsed = js_sys::JSON::parse(value).ok();
    let text = parsed.and_then(|json| {
        js_sys::JSON::stringify_with_replacer_and_space(
            &json,
            &wasm_bindgen::JsValue::NULL,
            &wasm_bindgen::JsValue::from_f64(2.0),
        )
        .ok()
    });
    text.map_or_else(|| value.to_owned(), String::from)
}

/// Records in a table; `short` leaves out what a narrow place has no room for.
pub(crate) fn records_table(store: Store, records: Vec<RecordView>, short: bool) -> AnyView {
    let words = store.words();
    let rows = records.into_iter().map(|record| {
        let colour = store.key_colour(record.key.as_deref());
        let value = record.value.as_deref().map_or_else(|| "null".to_owned(), |value| if short { value.to_owned() } else { laid_out(value) });
        let headers = record.headers.iter().map(|(name, value)| format!("{name}={}", value.as_deref().unwrap_or("null")));
        let headers = headers.collect::<Vec<_>>().join("\n");
        view! {
            <tr>
                <td class="data">{record.partition}":"{record.offset}</td>
                <td class="data"><i class=format!("cell swatch k{colour}") aria-hidden="true"></i>{record.key.unwrap_or_else(|| "null".to_owned())}</td>
                <td class="data value">{value}</td>
                {(!short).then(|| view! { <td class="data value">{headers}</td><td class="data">{clock(record.timestamp, true)}</td> })}
            </tr>
        }
    });
    view! {
        <table class="records">
            <thead><tr>
                <th>{words.offset}</th><th>{words.key}</th><th>{words.value}</th>
                {(!short).then(|| view! { <th>{words.headers}</th><th>{words.time}</th> })}
            </tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
    .into_any()
}

/// The browser of records; it follows the selection unless it is pinned.
#[component]
pub(super) fn Records() -> impl IntoView {
    let store = Store::get();
    let words = move || store.words();
    let (topic, partition) = (RwSignal::new(String::new()), RwSignal::new("0".to_owned()));
    let from = RwSignal::new(String::new());
    let outcome = RwSignal::new(RwSignal::new(Outcome::None));
    let topics = Memo::new(move |_| {
        store.picture.with(|picture| picture.own_topics().map(|topic| topic.name.to_string()).collect::<Vec<_>>())
    });
    let pinned = RwSignal::new(false);
    Effect::new(move |_| match store.selection.get() {
        _ if pinned.get() => {}
        Selection::Topic(name) => topic.set(name),
        Selection::Partition(name, index) => {
            topic.set(name);
            partition.set(index.to_string());
        }
        _ => {
            let first = topics.get().into_iter().next();
            if topic.with_untracked(String::is_empty) {
                topic.set(first.unwrap_or_default());
            }
        }
    });
    let read = move |from: Option<i64>| {
        let partition = partition.get_untracked().trim().parse().unwrap_or(0);
        outcome.set(store.browse(topic.get_untracked(), partition, from, LIMIT));
    };
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        read(from.get_untracked().trim().parse().ok());
    };
    let shown = move || match outcome.get().get() {
        Outcome::Records(records) if records.is_empty() => {
            view! { <p class="hint">{words().no_records}</p> }.into_any()
        }
        Outcome::Records(records) => records_table(store, records, false),
        other => view! { <Answer outcome=Signal::stored(other) /> }.into_any(),
    };
    view! {
        <Show when=move || !topics.with(Vec::is_empty) fallback=move || view! { <p class="hint">{store.say(|words| words.choose_topic)}</p> }>
            <form class="browse" on:submit=submit>
                <label class="field"><span>{store.say(|words| words.topic)}</span><input class="data" bind:value=topic /></label>
                <label class="field"><span>{store.say(|words| words.partition)}</span><input class="data" inputmode="numeric" bind:value=partition /></label>
                <label class="field">
                    <span>{store.say(|words| words.offset)}</span>
                    <input class="data" inputmode="numeric" placeholder=store.say(|words| words.newest) bind:value=from />
                </label>
                <button type="submit" class="filled">{store.say(|words| words.read)}</button>
                <button type="button" on:click=move |_| read(None)>{store.say(|words| words.newest)}</button>
                <button type="button" on:click=move |_| read(Some(0))>{store.say(|words| words.beginning)}</button>
                <button type="button" class="quiet" aria-pressed=move || pinned.get().to_string()
                    on:click=move |_| pinned.update(|pinned| *pinned = !*pinned)>{store.say(|words| words.pin)}</button>
            </form>
            <div class="found">{shown}</div>
        </Show>
    }
}
