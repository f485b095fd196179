//! A topic, a partition, and the form of a new topic.

use super::{bytes, command, confirmed, facts, head};
use crate::ui::producers::Answer;
use crate::ui::store::{Outcome, Selection, Store, counted};
use crate::{commands, shell_words};
use broker_core::cli::{NewTopic, TopicChange};
use leptos::prelude::*;

/// The form of a new topic.
pub(super) fn new_topic(store: Store) -> AnyView {
    let words = move || store.words();
    let drafts = store.drafts;
    let (name, partitions, replication) = (drafts.topic, drafts.partitions, drafts.replication);
    let configs = drafts.configs;
    let outcome = RwSignal::new(RwSignal::new(Outcome::None));
    let change = move || {
        // An empty field leaves it to the cluster; what is no number is refused.
        let number = |text: RwSignal<String>| {
            text.with(|text| (!text.trim().is_empty()).then(|| text.trim().parse().unwrap_or(-1_i32)))
        };
        // What is no key=value is for Kafka to refuse.
        let config = |one: &str| {
            let (key, value) = one.split_once('=').unwrap_or((one, ""));
            (key.to_owned(), value.to_owned())
        };
        let configs = configs.with(|text| shell_words::words(text).iter().map(|one| config(one)).collect());
        TopicChange::Create(NewTopic {
            topic: name.get(),
            partitions: number(partitions),
            replication_factor: number(replication),
            configs,
            ..NewTopic::default()
        })
    };
    let create = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        outcome.set(store.change_topic(untrack(change)));
    };
    let line = move || commands::change_topic(&store.bootstrap(), &change());
    view! {
        {head(store, move || words().create.to_owned())}
        <form class="form" on:submit=create>
            <label class="field"><span>{store.say(|words| words.name)}</span><input class="data" spellcheck="false" bind:value=name /></label>
            <label class="field">
                <span>{store.say(|words| words.partitions)}</span><input class="data" inputmode="numeric" bind:value=partitions />
            </label>
            <label class="field">
                <span>"replication.factor"</span><input class="data" inputmode="numeric" bind:value=replication />
            </label>
            <label class="field">
                <span>{store.say(|words| words.configs)}</span>
                <input class="data" spellcheck="false" placeholder="min.insync.replicas=1 retention.ms=600000" bind:value=configs />
            </label>
            <button class="filled" type="submit">
                {move || if outcome.get().get() == Outcome::Waiting { words().creating } else { words().create }}
            </button>
            {move || view! { <Answer outcome=outcome.get() /> }}
        </form>
        {command(store, line)}
    }
    .into_any()
}

fn topic_rows(store: Store, name: &str) -> Option<Vec<(String, String)>> {
    let words = store.words();
    store.picture.with(|picture| {
        let topic = picture.topic(name)?;
        let first = topic.partitions.first();
        let under = topic.partitions.iter().filter(|one| one.in_sync_replicas.len() < one.replicas.len()).count();
        let leading = picture.leading_all(name);
        let size: u64 = leading.iter().map(|replica| replica.size).sum();
        let (records, are_records) = counted(&leading);
        let counts = if are_records { words.records } else { words.offsets };
        let mut rows = vec![
            (words.partitions.to_owned(), topic.partitions.len().to_string()),
            ("replication.factor".to_owned(), first.map_or(0, |one| one.replicas.len()).to_string()),
            (counts.to_owned(), records.to_string()),
            (words.stored.to_owned(), bytes(size)),
            ("under-replicated".to_owned(), under.to_string()),
            ("topic id".to_owned(), topic.id.to_string()),
        ];
        rows.extend(topic.configs.iter().map(|(key, value)| (key.to_string(), value.to_string())));
        Some(rows)
    })
}

/// The form that asks for another number of partitions; what Kafka says of fewer is its answer.
fn raise(store: Store, topic: String) -> AnyView {
    let now = store.picture.with_untracked(|picture| picture.topic(&topic).map_or(0, |topic| topic.partitions.len()));
    let count = RwSignal::new(now.to_string());
    let outcome = RwSignal::new(RwSignal::new(Outcome::None));
    let topic = StoredValue::new(topic);
    let change = move || TopicChange::Alter {
        topic: topic.get_value(),
        partitions: count.get().trim().parse().unwrap_or(-1),
        assignment: Vec::new(),
        if_exists: false,
    };
    let raise = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        outcome.set(store.change_topic(untrack(change)));
    };
    let line = move || commands::change_topic(&store.bootstrap(), &change());
    view! {
        <form class="line" on:submit=raise>
            <label class="field">
                <span>{store.say(|words| words.raise)}</span><input class="data" inputmode="numeric" bind:value=count />
            </label>
            <button type="submit">{store.say(|words| words.raise_does)}</button>
        </form>
        {move || view! { <Answer outcome=outcome.get() /> }}
        {command(store, line)}
    }
    .into_any()
}

/// A topic's facts and actions.
pub(super) fn topic(store: Store, name: String) -> AnyView {
    let words = move || store.words();
    let kept = StoredValue::new(name.clone());
    let rows = Memo::new(move |_| kept.with_value(|name| topic_rows(store, name)));
    let deleted = RwSignal::new(RwSignal::new(Outcome::None));
    let loss = move || {
        let records = store.picture.with(|picture| kept.with_value(|name| picture.records_of(name)));
        (words().delete_asks)(&(words().counted)(records))
    };
    let deletion = move || TopicChange::Delete { topic: kept.get_value(), if_exists: false };
    let delete = move || deleted.set(store.change_topic(deletion()));
    let shown = name.clone();
    let body = move || match rows.get() {
        Some(rows) => facts(rows),
        None => view! { <p class="facts">{words().gone}</p> }.into_any(),
    };
    view! {
        {head(store, move || shown.clone())}
        <button class="quiet" on:click=move |_| store.tab.set("records")>{store.say(|words| words.see_records)}</button>
        {body}
        {raise(store, name)}
        <section class="dangerous">
            <h3>{store.say(|words| words.danger)}</h3>
            {confirmed(store, |words| words.delete_topic, loss, delete)}
            {move || view! { <Answer outcome=deleted.get() /> }}
            {command(store, move || commands::change_topic(&store.bootstrap(), &deletion()))}
        </section>
    }
    .into_any()
}

/// A heading, what is special about it, and facts below it.
type Part = (String, Option<&'static str>, Vec<(String, String)>);

fn parts(store: Store, name: &str, index: i32) -> Option<Vec<Part>> {
    let words = store.words();
    let ids = |ids: &[i32]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    store.picture.with(|picture| {
        let known = picture.partition(name, index)?;
        let leader = if known.leader < 0 { words.no_leader.to_owned() } else { (words.broker)(known.leader) };
        let own = vec![
            (words.leader.to_owned(), leader),
            ("leader epoch".to_owned(), known.leader_epoch.to_string()),
            ("replicas".to_owned(), ids(&known.replicas)),
            ("ISR".to_owned(), ids(&known.in_sync_replicas)),
        ];
        let mut all = vec![(String::new(), None, own)];
        for id in &known.replicas {
            let replica = picture.replicas.get(&(name.to_owned(), index)).and_then(|all| all.get(id));
            let Some(replica) = replica else { continue };
            let rows = vec![
                ("log start offset".to_owned(), replica.log_start_offset.to_string()),
                ("high watermark".to_owned(), replica.high_watermark.to_string()),
                ("log end offset".to_owned(), replica.log_end_offset.to_string()),
                ("recovery point".to_owned(), replica.recovery_point.to_string()),
                ("leader epoch".to_owned(), replica.leader_epoch.to_string()),
                (words.stored.to_owned(), bytes(replica.size)),
            ];
            all.push(((words.broker)(*id), (!picture.lives(*id)).then_some(words.as_last_seen), rows));
        }
        Some(all)
    })
}

/// A partition: its replicas, one below the other.
pub(super) fn partition(store: Store, name: String, index: i32) -> AnyView {
    let words = move || store.words();
    let (title, topic, line) = (format!("{name}-{index}"), name.clone(), name.clone());
    let parts = Memo::new(move |_| parts(store, &name, index));
    let part = |(title, seen, rows): Part| {
        let heading = (!title.is_empty()).then(|| view! { <h3>{title}" "<span class="facts">{seen}</span></h3> });
        view! { {heading} {facts(rows)} }.into_any()
    };
    let body = move || match parts.get() {
        Some(parts) => parts.into_iter().map(part).collect::<Vec<_>>().into_any(),
        None => view! { <p class="facts">{words().gone}</p> }.into_any(),
    };
    let shown = topic.clone();
    view! {
        {head(store, move || title.clone())}
        <div class="buttons">
            <button class="quiet" on:click=move |_| store.select(Selection::Topic(topic.clone()))>{shown}</button>
            <button class="quiet" on:click=move |_| store.tab.set("records")>{store.say(|words| words.see_records)}</button>
        </div>
        {body}
        {command(store, move || commands::describe_topic(&store.bootstrap(), &line))}
    }
    .into_any()
}
