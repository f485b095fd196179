//! The selection, its facts and what can be done to it; with nothing selected, the first steps.

mod broker;
mod consumer;
mod steps;
mod topic;

use crate::ui::store::{Selection, Store};
use broker::broker;
use consumer::consumer;
use leptos::prelude::*;
use steps::Steps;
use topic::{NewTopic, partition, topic};

/// The inspector.
#[component]
pub(crate) fn Inspector() -> impl IntoView {
    let store = Store::get();
    let close = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Escape" {
            store.select(Selection::Nothing);
        }
    };
    view! {
        <div class="sheet" on:keydown=close>
            {move || match store.selection.get() {
                Selection::Nothing | Selection::NewConsumer => view! { <Steps /> }.into_any(),
                Selection::NewTopic => view! { <NewTopic /> }.into_any(),
                Selection::Broker(id) => broker(store, id),
                Selection::Topic(name) => topic(store, name),
                Selection::Partition(name, index) => partition(store, name, index),
                Selection::Consumer(number) => consumer(store, number),
            }}
        </div>
    }
}

/// Name, and the way back to the steps.
fn head(store: Store, name: impl Fn() -> String + Send + 'static) -> impl IntoView {
    view! {
        <header>
            <h2>{name}</h2>
            <button class="quiet" on:click=move |_| store.select(Selection::Nothing)>{move || store.words().close}</button>
        </header>
    }
}

/// Facts in two columns: a name, an exact value.
fn facts(rows: Vec<(String, String)>) -> AnyView {
    let rows = rows.into_iter().map(|(name, value)| view! { <div><dt>{name}</dt><dd class="data">{value}</dd></div> });
    view! { <dl>{rows.collect_view()}</dl> }.into_any()
}

/// Bytes, as people read them.
fn bytes(number: u64) -> String {
    match number {
        small if small < 1024 => format!("{small} B"),
        middle if middle < 1024 * 1024 => format!("{:.1} KiB", middle as f64 / 1024.0),
        large => format!("{:.1} MiB", large as f64 / 1_048_576.0),
    }
}
