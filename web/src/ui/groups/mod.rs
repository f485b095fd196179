//! The form of a new consumer.

use crate::ui::store::{Selection, Store};
use leptos::prelude::*;

/// The form.
#[component]
pub(crate) fn NewConsumer() -> impl IntoView {
    let store = Store::get();
    let words = move || store.words();
    let group = RwSignal::new("group1".to_owned());
    let first = store.picture.with_untracked(|picture| picture.own_topics().next().map(|topic| topic.name.to_string()));
    let topics = RwSignal::new(first.unwrap_or_else(|| "first-topic".to_owned()));
    let from = RwSignal::new("beginning".to_owned());
    let add = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let group = Some(group.get_untracked().trim().to_owned()).filter(|group| !group.is_empty());
        let names = topics.get_untracked();
        let topics = names.split([',', ' ']).filter(|name| !name.is_empty()).map(ToOwned::to_owned).collect();
        store.add_consumer(group, topics, from.get_untracked() == "beginning");
    };
    view! {
        <form class="sheet" on:submit=add>
            <header>
                <h2>{move || words().add_consumer}</h2>
                <button type="button" class="quiet" on:click=move |_| store.select(Selection::Nothing)>{move || words().close}</button>
            </header>
            <label class="field">
                <span>{move || words().group}</span>
                <input class="data" spellcheck="false" bind:value=group />
                <small>{move || words().group_hint}</small>
            </label>
            <label class="field">
                <span>{move || words().topic}</span>
                <input class="data" spellcheck="false" bind:value=topics />
            </label>
            <label class="field">
                <span>{move || words().start_at}</span>
                <select bind:value=from>
                    <option value="beginning">{move || words().from_beginning}</option>
                    <option value="latest">{move || words().from_latest}</option>
                </select>
            </label>
            <button class="filled" type="submit">{move || words().add_consumer}</button>
            <ConsumerList />
        </form>
    }
}

/// All consumers of the page, by name.
#[component]
pub(crate) fn ConsumerList() -> impl IntoView {
    let store = Store::get();
    view! {
        <ul class="consumers">
            {move || store.clients.with(|clients| clients.consumers.iter().map(|consumer| {
                let number = consumer.consumer;
                let group = consumer.group.clone().unwrap_or_else(|| store.words().alone.to_owned());
                view! {
                    <li>
                        <button type="button" class="chip data" on:click=move |_| store.select(Selection::Consumer(number))>"c"{number}</button>
                        <span>{group}</span>
                        <span class="facts">{consumer.state.clone()}</span>
                        <span class="data">{consumer.received}</span>
                    </li>
                }
            }).collect_view())}
        </ul>
    }
}
