//! The selection, its facts and what can be done to it; with nothing selected, the first steps.

mod broker;
mod consumer;
mod frame;
mod group;
mod producer;
mod steps;
mod topic;

use crate::ui::groups::NewConsumer;
use crate::ui::store::{Selection, Store};
use broker::broker;
use broker_core::apart::apart;
use consumer::consumer;
use frame::frame;
pub(crate) use frame::title as frame_title;
use group::group;
use leptos::prelude::*;
use producer::producer;
use steps::steps;
use topic::{new_topic, partition, topic};
use wasm_bindgen::JsCast;

/// The inspector.
#[component]
pub(crate) fn Inspector() -> impl IntoView {
    let store = Store::get();
    let close = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Escape" && store.selection.get_untracked() != Selection::Nothing {
            store.select(Selection::Nothing);
            crate::ui::stage::go_back();
        }
    };
    view! {
        <div class="sheet" on:keydown=close>
            {move || match store.selection.get() {
                Selection::Nothing => steps(store),
                Selection::NewTopic => apart(|| new_topic(store)),
                Selection::NewConsumer => apart(|| view! { <NewConsumer /> }.into_any()),
                Selection::Broker(id) => apart(|| broker(store, id)),
                Selection::Topic(name) => apart(|| topic(store, name)),
                Selection::Partition(name, index) => apart(|| partition(store, name, index)),
                Selection::Consumer(number) => apart(|| consumer(store, number)),
                Selection::Producer(number) => apart(|| producer(store, number)),
                Selection::Group(name) => apart(|| group(store, name)),
                Selection::Frame(name) => apart(|| frame(store, name)),
            }}
        </div>
    }
    .into_any()
}

/// The focus goes into the inspector: to its first field, else its first button.
pub(crate) fn enter() {
    let found = document().query_selector(".sheet input").ok().flatten();
    let found = found.or_else(|| document().query_selector(".sheet button").ok().flatten());
    if let Some(element) = found {
        let _ = element.unchecked_into::<web_sys::HtmlElement>().focus();
    }
}

/// Name, and the way back to the steps.
fn head(store: Store, name: impl Fn() -> String + Send + 'static) -> AnyView {
    view! {
        <header>
            <h2>{name}</h2>
            <button type="button" class="quiet" on:click=move |_| store.select(Selection::Nothing)>{store.say(|words| words.close)}</button>
        </header>
    }
    .into_any()
}

/// Facts in two columns: a name, an exact value.
fn facts(rows: Vec<(String, String)>) -> AnyView {
    let row = |(name, value): (String, String)| {
        // A long value breaks after its separators.
        let value = value.replace('_', "_\u{200b}").replace('.', ".\u{200b}").replace('-', "-\u{200b}");
        view! { <div><dt>{name}</dt><dd class="data">{value}</dd></div> }.into_any()
    };
    view! { <dl>{rows.into_iter().map(row).collect::<Vec<_>>()}</dl> }.into_any()
}

/// The same thing as a line of Kafka's tools, to copy.
pub(crate) fn command(store: Store, line: impl Fn() -> String + Send + Sync + 'static) -> AnyView {
    let line = Signal::derive(line);
    // A line breaks between its words, not within an option.
    let words = move || {
        let word =
            |(at, word): (usize, &str)| view! { {(at > 0).then_some(" ")} <span>{word.to_owned()}</span> }.into_any();
        line.with(|line| line.split(' ').enumerate().map(word).collect::<Vec<_>>())
    };
    view! {
        <details class="command">
            <summary>{store.say(|words| words.command)}</summary>
            <code class="data" lang="en" tabindex="0">{words}</code>
            <div class="buttons">
                <button type="button" class="quiet" on:click=move |_| Store::copy(&line.get_untracked())>{store.say(|words| words.copy)}</button>
                <button type="button" class="quiet" on:click=move |_| store.run_in_terminal(&line.get_untracked())>
                    {store.say(|words| words.run_in_terminal)}
                </button>
            </div>
        </details>
    }
    .into_any()
}

/// A dangerous action: asks in place, says the loss, and has the focus on the way out.
fn confirmed(
    store: Store,
    verb: fn(&crate::ui::messages::Messages) -> &'static str,
    loss: impl Fn() -> String + Copy + Send + Sync + 'static,
    act: impl Fn() + Copy + Send + Sync + 'static,
) -> AnyView {
    let asks = RwSignal::new(false);
    let words = move || store.words();
    let does = move |_| {
        asks.set(false);
        act();
    };
    let question = move || {
        view! {
            <div role="alertdialog" aria-label=move || verb(words())>
                <p>{loss}</p>
                <div class="buttons">
                    <button type="button" node_ref=crate::ui::top_bar::focused() on:click=move |_| asks.set(false)>{store.say(|words| words.cancel)}</button>
                    <button type="button" class="danger" on:click=does>{move || verb(words())}</button>
                </div>
            </div>
        }
        .into_any()
    };
    let ask = move || {
        view! { <button type="button" class="kill" on:click=move |_| asks.set(true)>{move || verb(words())}</button> }
            .into_any()
    };
    (move || if asks.get() { question() } else { ask() }).into_any()
}

/// Bytes, as people read them.
fn bytes(number: u64) -> String {
    match number {
        small if small < 1024 => format!("{small} B"),
        middle if middle < 1024 * 1024 => format!("{} KiB", with_tenths(middle, 1024)),
        large => format!("{} MiB", with_tenths(large, 1024 * 1024)),
    }
}

/// A number in units of another, with one digit behind the point. Formatting `f64` would be 10 KB of every visitor's wasm.
fn with_tenths(number: u64, unit: u64) -> String {
    let tenths = (number * 10 + unit / 2) / unit;
    format!("{}.{}", tenths / 10, tenths % 10)
}
