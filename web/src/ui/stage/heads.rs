//! The heads of the grid's columns: brokers with what can be done to them, groups with their members.

use crate::ui::icons::{Glyph, Icon};
use crate::ui::store::{Process, SESSION_MS, Selection, Store};
use leptos::prelude::*;

/// A broker's state: class, glyph, words.
pub(crate) fn broker_state(store: Store, id: i32) -> (&'static str, Glyph, String) {
    let words = store.words();
    let (process, fenced, leads, another) = store.picture.with(|picture| {
        let another = picture.brokers.iter().any(|(known, _)| *known != id && picture.lives(*known));
        (picture.process(id), picture.fenced.contains(&id), picture.roles(id).0, another)
    });
    let gone = |word: &str, at: f64| {
        let left = (SESSION_MS - (store.tick.get() - at)) / 1000.0;
        let noticed = left <= 0.0 || fenced || !another;
        let text = if noticed { word.to_owned() } else { format!("{word} · {}", (words.notice_in)(left)) };
        ("state err", Glyph::Down, text)
    };
    match process {
        None | Some(Process::Starting) => ("state plain", Glyph::Starting, words.starting.to_owned()),
        Some(Process::Running) if fenced => ("state warn", Glyph::Warning, words.fenced.to_owned()),
        Some(Process::Running) => ("state ok", Glyph::Up, words.up.to_owned()),
        Some(Process::Stopping) => ("state warn", Glyph::Starting, (words.stopping)(leads)),
        Some(Process::Stopped) => ("state plain", Glyph::Down, words.stopped.to_owned()),
        Some(Process::Killed(at)) => gone(words.killed, at),
        Some(Process::PoweredOff(at)) => gone(words.powered_off, at),
        Some(Process::Failed) => ("state err", Glyph::Warning, words.failed.to_owned()),
    }
}

/// Kill and Stop, or Start in their place; deaf for a moment so that a second click does not undo the first.
pub(crate) fn broker_buttons(store: Store, id: i32) -> impl IntoView {
    let words = move || store.words();
    let process = Memo::new(move |_| store.picture.with(|picture| picture.process(id)));
    let lives = Memo::new(move |_| process.get().is_none_or(Process::lives));
    let deaf = RwSignal::new(false);
    Effect::new(move |before: Option<bool>| {
        let now = lives.get();
        if before.is_some_and(|before| before != now) {
            deaf.set(true);
            set_timeout(
                move || {
                    let _ = deaf.try_set(false);
                },
                std::time::Duration::from_millis(500),
            );
        }
        now
    });
    let act = move |act: fn(&Store, i32)| {
        move |_| {
            if !deaf.get_untracked() {
                act(&store, id);
            }
        }
    };
    view! {
        <div class="buttons">
            <Show
                when=move || lives.get()
                fallback=move || view! {
                    <button class="filled" aria-disabled=move || deaf.get().to_string() on:click=act(Store::start_broker)>
                        {move || words().start}
                    </button>
                }
            >
                <button class="kill" on:click=act(Store::kill)>{move || words().kill}</button>
                <button aria-disabled=move || (process.get() == Some(Process::Stopping)).to_string() on:click=act(Store::stop)>
                    {move || words().stop}
                </button>
            </Show>
        </div>
    }
}

/// The head of a broker's column.
pub(super) fn broker_head(store: Store, id: i32) -> impl IntoView {
    let words = move || store.words();
    let state = Memo::new(move |_| broker_state(store, id));
    let controls = move || store.picture.with(|picture| picture.controller == Some(id));
    let dead = move || store.picture.with(|picture| !picture.lives(id));
    view! {
        <th scope="col" class="broker" class:hatched=dead class:selected=move || store.selection.get() == Selection::Broker(id)>
            <div class="title">
                <button class="name" on:click=move |_| store.select(Selection::Broker(id))>{move || (words().broker)(id)}</button>
                <Show when=controls><span class="facts">{move || words().active_controller}</span></Show>
            </div>
            <span class=move || state.get().0>
                <Icon glyph=Signal::derive(move || state.get().1) />
                <span>{move || state.get().2}</span>
            </span>
            {broker_buttons(store, id)}
        </th>
    }
}

/// The head of a group's column.
pub(super) fn group_head(store: Store, group: String) -> impl IntoView {
    let words = move || store.words();
    let name = group.clone();
    let members = Memo::new(move |_| {
        store.picture.with(|picture| {
            let found = picture.groups.iter().find(|known| *known.group_id == *group);
            let members = found.into_iter().flat_map(|group| &group.members);
            members.map(|member| (member.client_id.to_string(), member.assignment.is_empty())).collect::<Vec<_>>()
        })
    });
    view! {
        <th scope="col" class="group">
            <span class="name" title=name.clone()>{name.clone()}</span>
            <div class="chips">
                {move || members.get().into_iter().map(|(member, idle)| {
                    let number = member.strip_prefix('c').and_then(|number| number.parse::<u32>().ok());
                    let text = if idle { format!("{member} {}", words().idle) } else { member };
                    view! {
                        <button class="chip data" class:idle=idle title=idle.then_some(words().idle_why)
                            on:click=move |_| if let Some(number) = number { store.select(Selection::Consumer(number)) }>{text}</button>
                    }
                }).collect_view()}
            </div>
            <button class="quiet" on:click=move |_| store.select(Selection::NewConsumer)>{move || words().add_consumer}</button>
        </th>
    }
}
