//! Groups and their members: the form of a new consumer, and lists where there is no room for columns.

use crate::commands;
use crate::ui::room::{Extent, Room};
use crate::ui::stage::heads::{add_to, chips};
use crate::ui::store::{Selection, Store};
use leptos::prelude::*;

/// The topics a text names, with commas or blanks between.
fn topics_of(text: &str) -> Vec<String> {
    text.split([',', ' ']).filter(|name| !name.is_empty()).map(ToOwned::to_owned).collect()
}

/// The form.
#[component]
pub(crate) fn NewConsumer() -> impl IntoView {
    let store = Store::get();
    let drafts = store.drafts;
    if drafts.topics.with_untracked(String::is_empty) {
        let first = store.picture.with_untracked(|picture| picture.own_topics().next().map(|one| one.name.to_string()));
        drafts.topics.set(first.unwrap_or_else(|| "first-topic".to_owned()));
    }
    let add = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let group = Some(drafts.group.get_untracked().trim().to_owned()).filter(|group| !group.is_empty());
        let topics = topics_of(&drafts.topics.get_untracked());
        store.add_consumer(group, topics, drafts.from.get_untracked() == "beginning");
    };
    let command = move || {
        let group = Some(drafts.group.get().trim().to_owned()).filter(|group| !group.is_empty());
        let from_beginning = drafts.from.get() == "beginning";
        commands::consume(&store.bootstrap(), &topics_of(&drafts.topics.get()), group.as_deref(), from_beginning)
    };
    view! {
        <form class="form" on:submit=add>
            <header>
                <h2>{store.say(|words| words.add_consumer)}</h2>
                <button type="button" class="quiet" on:click=move |_| store.select(Selection::Nothing)>{store.say(|words| words.close)}</button>
            </header>
            <label class="field">
                <span>{store.say(|words| words.group)}</span>
                <input class="data" spellcheck="false" bind:value=drafts.group />
                <small>{store.say(|words| words.group_hint)}</small>
            </label>
            <label class="field">
                <span>{store.say(|words| words.topic)}</span>
                <input class="data" spellcheck="false" bind:value=drafts.topics />
            </label>
            <label class="field">
                <span>{store.say(|words| words.start_at)}</span>
                <select bind:value=drafts.from>
                    <option value="beginning">{store.say(|words| words.from_beginning)}</option>
                    <option value="latest">{store.say(|words| words.from_latest)}</option>
                </select>
            </label>
            <button class="filled" type="submit">{store.say(|words| words.add_consumer)}</button>
            {super::inspector::command(store, command)}
            {consumer_list(store)}
        </form>
    }
    .into_any()
}

/// All consumers of the page, by name.
pub(crate) fn consumer_list(store: Store) -> AnyView {
    let item = move |consumer: &crate::bridge::ConsumerView| {
        let number = consumer.consumer;
        let group = consumer.group.clone().unwrap_or_else(|| store.words().alone.to_owned());
        view! {
            <li data-consumer=number data-received=consumer.received>
                <button type="button" class="chip data" on:click=move |_| store.select(Selection::Consumer(number))>"c"{number}</button>
                <span>{group}</span>
                <span class="facts">{consumer.state.clone()}</span>
                <span class="data">{consumer.received}</span>
            </li>
        }
        .into_any()
    };
    view! {
        <ul class="consumers">
            {move || store.clients.with(|clients| clients.consumers.iter().map(item).collect::<Vec<_>>())}
        </ul>
    }
    .into_any()
}

/// All groups, a line each: where there is no room for columns.
pub(crate) fn group_list(store: Store) -> AnyView {
    let words = move || store.words();
    let ids = Memo::new(move |_| {
        store.picture.with(|picture| picture.groups.iter().map(|group| group.group_id.to_string()).collect::<Vec<_>>())
    });
    let line = move |id: String| {
        let (name, counted, chosen, added) = (id.clone(), id.clone(), id.clone(), id.clone());
        let lag = Memo::new(move |_| {
            store.picture.with(|picture| picture.group(&counted).map_or(0, |group| picture.lag_of(group)))
        });
        view! {
            <li>
                <button class="name" on:click=move |_| store.select(Selection::Group(chosen.clone()))>{name}</button>
                <span class="facts data">{move || (words().lag)(lag.get())}</span>
                {chips(store, id, false)}
                <button class="quiet" on:click=move |_| add_to(store, &added)>{store.say(|words| words.add_consumer)}</button>
            </li>
        }
        .into_any()
    };
    let room = Room::get();
    view! {
        <section class="group-list" aria-label=store.say(|words| words.groups)>
            <ul><For each=move || ids.get() key=Clone::clone let:id>{line(id)}</For></ul>
            <Show when=move || ids.with(Vec::is_empty) && room.get().extent == Extent::Narrow>
                <button class="quiet" on:click=move |_| store.select(Selection::NewConsumer)>{store.say(|words| words.add_consumer)}</button>
            </Show>
        </section>
    }
    .into_any()
}
