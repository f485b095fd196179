//! Producers: a form each, and what came of it.

use crate::bridge::{Draft, ProducerView};
use crate::ui::icons::{Glyph, Icon};
use crate::ui::store::{Outcome, Selection, Store};
use leptos::prelude::*;

/// What came of something asked for, in words: Kafka's name of an error, what it says, and what helps.
#[component]
pub(crate) fn Answer(
    /// What came of it.
    #[prop(into)]
    outcome: Signal<Outcome>,
) -> impl IntoView {
    let store = Store::get();
    move || {
        let words = store.words();
        match outcome.try_get().unwrap_or_default() {
            Outcome::None | Outcome::Records(_) => ().into_any(),
            Outcome::Waiting => view! { <p class="answer facts" role="status">{words.sending}</p> }.into_any(),
            Outcome::Done(crate::bridge::Acknowledged::Done) => {
                view! { <p class="answer ok"><Icon glyph=Glyph::Done />{words.done}</p> }.into_any()
            }
            Outcome::Done(crate::bridge::Acknowledged::Produced { partitions }) => {
                view! { <p class="answer ok"><Icon glyph=Glyph::Done />{(words.produced)(&partitions)}</p> }.into_any()
            }
            Outcome::Refused(refusal) => view! { <Refused refusal=refusal /> }.into_any(),
        }
    }
}

/// Kafka's error, and what helps.
#[component]
pub(crate) fn Refused(
    /// The error.
    refusal: crate::bridge::Refusal,
) -> impl IntoView {
    let store = Store::get();
    let name = refusal.name.clone();
    // A name breaks after its underscores.
    let shown = refusal.name.replace('_', "_\u{200b}");
    view! {
        <div class="answer err" role="alert">
            <b class="data">{shown}</b>
            <p>{refusal.message}</p>
            <p class="helps">{move || (store.words().helps)(&name)}</p>
        </div>
    }
}

/// The column of producers.
#[component]
pub(crate) fn Producers() -> impl IntoView {
    let store = Store::get();
    let last = RwSignal::new(1_u32);
    Effect::new(move |_| {
        let highest = store.producers.with(|drafts| drafts.iter().map(|draft| draft.producer).max());
        last.update(|last| *last = highest.unwrap_or(1).max(*last));
    });
    view! {
        <section class="producers" aria-label=store.say(|words| words.producers)>
            <header>
                <h2>{store.say(|words| words.producers)}</h2>
                <button class="quiet" on:click=move |_| last.update(|last| *last += 1)>{store.say(|words| words.add_producer)}</button>
            </header>
            <For each=move || 1..=last.get() key=|number| *number let:number>
                <Producer number=number />
            </For>
        </section>
    }
}

/// Records a second, as the browser writes numbers: formatting `f32` would be 10 KB of every visitor's wasm.
pub(crate) fn rate_text(rate: f32) -> String {
    // What an `f32` adds to a decimal fraction is not what was typed.
    js_sys::Number::from((f64::from(rate) * 1000.0).round() / 1000.0)
        .to_string_with_radix(10)
        .map(String::from)
        .unwrap_or_default()
}

/// A field that keeps its text in a signal.
fn field(label: impl Fn() -> &'static str + Copy + Send + Sync + 'static, text: RwSignal<String>) -> impl IntoView {
    view! {
        <label class="field">
            <span>{label}</span>
            <input class="data" spellcheck="false" autocomplete="off" bind:value=text />
        </label>
    }
}

fn headers(text: &str) -> Vec<(String, String)> {
    let line = |line: &str| {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        (!name.trim().is_empty()).then(|| (name.trim().to_owned(), value.trim().to_owned()))
    };
    text.lines().filter_map(line).collect()
}

/// A producer.
#[component]
fn Producer(
    /// Its number.
    number: u32,
) -> impl IntoView {
    let store = Store::get();
    let words = move || store.words();
    let text = |text: &str| RwSignal::new(text.to_owned());
    let (topic, key, value) = (text("first-topic"), text("user-1"), text("hello"));
    let (acks, partition, count, rate, lines) = (text("-1"), text(""), text("1"), text("0"), text(""));
    let outcome = RwSignal::new(RwSignal::new(Outcome::None));
    let view = Memo::new(move |_| {
        store.clients.with(|clients| clients.producers.iter().find(|one| one.producer == number).cloned())
    });
    Effect::new(move |_| {
        let known = store.producers.with(|drafts| drafts.iter().find(|draft| draft.producer == number).cloned());
        let Some(draft) = known else { return };
        topic.set(draft.topic);
        key.set(draft.key.unwrap_or_default());
        value.set(draft.value);
        acks.set(draft.acks.to_string());
        partition.set(draft.partition.map(|partition| partition.to_string()).unwrap_or_default());
        count.set(draft.count.to_string());
        rate.set(rate_text(draft.rate));
        lines.set(draft.headers.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("\n"));
    });
    let busy = move || outcome.get().get() == Outcome::Waiting;
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        outcome.set(store.produce(Draft {
            producer: number,
            acks: acks.get_untracked().parse().unwrap_or(-1),
            topic: topic.get_untracked(),
            partition: partition.get_untracked().trim().parse().ok(),
            key: Some(key.get_untracked()).filter(|key| !key.is_empty()),
            value: value.get_untracked(),
            headers: headers(&lines.get_untracked()),
            count: count.get_untracked().trim().parse().unwrap_or(1),
            // Not a number is no rate.
            rate: (js_sys::Number::parse_float(&rate.get_untracked()) as f32).max(0.0),
        }));
    };
    let runs = move || view.with(|view| view.as_ref().is_some_and(|view| view.rate > 0.0 || view.outstanding > 0));
    let counted = move || {
        view.with(|view| {
            view.as_ref().map(|view| {
                let text = (words().acknowledged)(view.acknowledged, view.failed, view.outstanding);
                let waits = store.quota_note(view.throttled_until_us);
                waits.map_or_else(|| text.clone(), |waits| format!("{text}, {waits}"))
            })
        })
    };
    let error = move || view.with(|view| view.as_ref().and_then(|view| view.error.clone()));
    let known = move |count: fn(&ProducerView) -> u64| move || view.with(|view| view.as_ref().map(count));
    view! {
        <form class="card producer" on:submit=send data-producer=number data-acknowledged=known(|one| one.acknowledged)
            data-failed=known(|one| one.failed) data-outstanding=known(|one| one.outstanding)>
            <div class="title">
                <button type="button" class="name data" aria-label=move || (words().producer)(number)
                    on:click=move |_| store.select(Selection::Producer(number))>"p"{number}</button>
                <select class="data" aria-label="acks" bind:value=acks>
                    <option value="-1">"acks=all"</option>
                    <option value="1">"acks=1"</option>
                    <option value="0">"acks=0"</option>
                </select>
            </div>
            {field(store.say(|words| words.topic), topic)}
            {field(store.say(|words| words.key), key)}
            {field(store.say(|words| words.value), value)}
            <details>
                <summary>{store.say(|words| words.more)}</summary>
                <label class="field">
                    <span>{store.say(|words| words.partition)}</span>
                    <input class="data" inputmode="numeric" placeholder=store.say(|words| words.automatic) bind:value=partition />
                </label>
                {field(store.say(|words| words.count), count)}
                {field(store.say(|words| words.rate), rate)}
                <label class="field">
                    <span>{store.say(|words| words.headers)}</span>
                    <textarea class="data" rows="2" placeholder=store.say(|words| words.headers_hint) bind:value=lines></textarea>
                </label>
            </details>
            <button class="filled" type="submit">{move || if busy() { words().sending } else { words().send }}</button>
            <Show when=runs>
                <button type="button" on:click=move |_| store.remove_producer(number)>{store.say(|words| words.end_producer)}</button>
            </Show>
            <Show when=move || !busy()>{move || view! { <Answer outcome=outcome.get() /> }}</Show>
            <p class="facts counted">{counted}</p>
            {move || error().filter(|_| busy()).map(|refusal| view! { <Refused refusal=refusal /> })}
        </form>
    }
}
