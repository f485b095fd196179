//! A topic, a partition, and the form of a new topic.

use super::{bytes, facts, head};
use crate::ui::producers::Answer;
use crate::ui::store::{Outcome, Selection, Store};
use crate::ui::top_bar::focused;
use leptos::prelude::*;

/// The form of a new topic.
#[component]
pub(super) fn NewTopic() -> impl IntoView {
    let store = Store::get();
    let words = move || store.words();
    let text = |text: &str| RwSignal::new(text.to_owned());
    let (name, partitions, replication) = (text("first-topic"), text("3"), text("3"));
    let outcome = RwSignal::new(RwSignal::new(Outcome::None));
    let create = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let number = |text: RwSignal<String>| text.get_untracked().trim().parse().unwrap_or(-1_i32);
        outcome.set(store.create_topic(name.get_untracked(), number(partitions), number(replication) as i16));
    };
    let command = move || {
        format!(
            "kafka-topics --bootstrap-server localhost:9092 --create --topic {} --partitions {} --replication-factor {}",
            name.get(),
            partitions.get(),
            replication.get()
        )
    };
    view! {
        {head(store, move || words().create.to_owned())}
        <form on:submit=create>
            <label class="field"><span>{move || words().name}</span><input class="data" spellcheck="false" bind:value=name /></label>
            <label class="field">
                <span>{move || words().partitions}</span><input class="data" inputmode="numeric" bind:value=partitions />
            </label>
            <label class="field">
                <span>"replication.factor"</span><input class="data" inputmode="numeric" bind:value=replication />
            </label>
            <button class="filled" type="submit">
                {move || if outcome.get().get() == Outcome::Waiting { words().creating } else { words().create }}
            </button>
            {move || view! { <Answer outcome=outcome.get() /> }}
            <details>
                <summary>{move || words().command}</summary>
                <code class="data">{command}</code>
            </details>
        </form>
    }
}

/// A topic's facts and actions.
pub(super) fn topic(store: Store, name: String) -> AnyView {
    let words = move || store.words();
    let known = {
        let name = name.clone();
        Memo::new(move |_| store.picture.with(|picture| picture.topic(&name).cloned()))
    };
    let records = {
        let name = name.clone();
        Memo::new(move |_| {
            store.picture.with(|picture| {
                let partitions = picture.topic(&name).into_iter().flat_map(|topic| &topic.partitions);
                let leading = partitions.filter_map(|one| picture.leading(&name, one.index, one.leader));
                leading.map(|replica| replica.log_end_offset - replica.log_start_offset).sum::<i64>()
            })
        })
    };
    let rows = move || {
        let Some(topic) = known.get() else { return view! { <p class="facts">{words().gone}</p> }.into_any() };
        let first = topic.partitions.first();
        let under = topic.partitions.iter().filter(|one| one.in_sync_replicas.len() < one.replicas.len()).count();
        facts(vec![
            (words().partitions.to_owned(), topic.partitions.len().to_string()),
            ("replication.factor".to_owned(), first.map_or(0, |one| one.replicas.len()).to_string()),
            (words().records.to_owned(), records.get().to_string()),
            ((words().under_replicated)(under), String::new()),
            ("topic id".to_owned(), topic.id.to_string()),
        ])
    };
    let count = RwSignal::new(known.get_untracked().map_or(0, |topic| topic.partitions.len()).to_string());
    let (raised, deleted) = (RwSignal::new(RwSignal::new(Outcome::None)), RwSignal::new(RwSignal::new(Outcome::None)));
    let asks = RwSignal::new(false);
    let (shown, raise, delete) = (name.clone(), name.clone(), name);
    let change = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        raised.set(store.create_partitions(raise.clone(), count.get_untracked().trim().parse().unwrap_or(-1)));
    };
    let delete = StoredValue::new(delete);
    let remove = move |_| {
        asks.set(false);
        deleted.set(store.delete_topic(delete.get_value()));
    };
    view! {
        {head(store, move || shown.clone())}
        {rows}
        <form class="line" on:submit=change>
            <label class="field">
                <span>{move || words().raise}</span><input class="data" inputmode="numeric" bind:value=count />
            </label>
            <button type="submit">{move || words().raise_does}</button>
        </form>
        {move || view! { <Answer outcome=raised.get() /> }}
        <section class="dangerous">
            <h3>{move || words().danger}</h3>
            <Show
                when=move || asks.get()
                fallback=move || view! { <button class="kill" on:click=move |_| asks.set(true)>{move || words().delete_topic}</button> }
            >
                <p>{move || (words().delete_asks)(records.get())}</p>
                <div class="buttons">
                    <button node_ref=focused() on:click=move |_| asks.set(false)>{move || words().cancel}</button>
                    <button class="danger" on:click=remove>{move || words().delete_topic}</button>
                </div>
            </Show>
            {move || view! { <Answer outcome=deleted.get() /> }}
        </section>
    }
    .into_any()
}

/// A partition: its replicas, one below the other.
pub(super) fn partition(store: Store, name: String, index: i32) -> AnyView {
    let (title, topic) = (format!("{name}-{index}"), name.clone());
    let body = move || {
        store.picture.with(|picture| {
            let words = store.words();
            let Some(known) = picture.topic(&name).and_then(|topic| topic.partitions.get(index as usize)) else {
                return view! { <p class="facts">{words.gone}</p> }.into_any();
            };
            let leader = if known.leader < 0 { words.no_leader.to_owned() } else { (words.broker)(known.leader) };
            let own = facts(vec![
                (words.leader.to_owned(), leader),
                ("leader epoch".to_owned(), known.leader_epoch.to_string()),
                ("replicas".to_owned(), format!("{:?}", known.replicas)),
                ("ISR".to_owned(), format!("{:?}", known.in_sync_replicas)),
            ]);
            let replicas = known.replicas.iter().map(|id| {
                let replica = picture.replicas.get(&(name.clone(), index)).and_then(|all| all.get(id));
                let rows = replica.map(|replica| {
                    facts(vec![
                        ("log start offset".to_owned(), replica.log_start_offset.to_string()),
                        ("high watermark".to_owned(), replica.high_watermark.to_string()),
                        ("log end offset".to_owned(), replica.log_end_offset.to_string()),
                        ("recovery point".to_owned(), replica.recovery_point.to_string()),
                        ("leader epoch".to_owned(), replica.leader_epoch.to_string()),
                        (words.stored.to_owned(), bytes(replica.size)),
                    ])
                });
                let seen = (!picture.lives(*id)).then_some(words.as_last_seen);
                view! { <h3>{(words.broker)(*id)} " " <span class="facts">{seen}</span></h3> {rows} }
            });
            view! { {own} {replicas.collect_view()} }.into_any()
        })
    };
    view! {
        {head(store, move || title.clone())}
        <button class="quiet" on:click=move |_| store.select(Selection::Topic(topic.clone()))>{topic.clone()}</button>
        {body}
    }
    .into_any()
}
