//! What happened, a line each; newest last, and in sight unless one scrolled up.

use crate::ui::icons::{Glyph, Icon};
use crate::ui::store::{Line, Store};
use crate::ui::top_bar::clock;
use leptos::prelude::*;

/// Lines drawn; the page keeps more.
const SHOWN: usize = 200;

fn line_view(store: Store, line: &Line) -> AnyView {
    let gravity = line.gravity();
    let glyph = match gravity {
        "plain" => Glyph::Plain,
        "good" => Glyph::Done,
        "err" => Glyph::Down,
        _ => Glyph::Warning,
    };
    let changed = line.in_sync.filter(|(before, now)| before != now);
    let chip = changed.map(|(before, now)| format!("ISR {before} → {now}"));
    // What is folded by its topic counts its partitions in its words.
    let times = (line.times > 1 && line.internal_topic().is_none()).then(|| format!("×{}", line.times));
    view! {
        <li class=gravity>
            <time class="data">{clock(line.wall_ms, true)}</time>
            <Icon glyph=glyph />
            <span>
                {line.words(store.language.get())}
                {chip.map(|chip| view! { <em class="mark data">{chip}</em> })}
                {times.map(|times| view! { <em class="mark data">{times}</em> })}
            </span>
        </li>
    }
    .into_any()
}

/// The events.
#[component]
pub(super) fn Events() -> impl IntoView {
    let store = Store::get();
    let words = move || store.words();
    let list = NodeRef::<leptos::html::Ol>::new();
    let at_end = RwSignal::new(true);
    let newest = Memo::new(move |_| store.events.with(|lines| lines.iter().map(|line| line.id).max().unwrap_or(0)));
    let seen = RwSignal::new(0_u64);
    let to_end = move || {
        if let Some(list) = list.get_untracked() {
            list.set_scroll_top(list.scroll_height());
        }
        let _ = seen.try_set(newest.get_untracked());
        at_end.set(true);
    };
    Effect::new(move |_| {
        newest.track();
        // What is not shown cannot scroll.
        let is_shown = store.tab.get() == "events";
        if is_shown && at_end.get_untracked() {
            request_animation_frame(to_end);
        }
    });
    // Only who scrolls up leaves the end: lines that come move it away as well.
    let was_at = StoredValue::new(0);
    let scrolled = move |_| {
        if let Some(list) = list.get_untracked() {
            let top = list.scroll_top();
            let is_there = top + list.client_height() + 8 >= list.scroll_height();
            let goes_up = top < was_at.get_value();
            was_at.set_value(top);
            if is_there {
                at_end.set(true);
                seen.set(newest.get_untracked());
            } else if goes_up {
                at_end.set(false);
            }
        }
    };
    let shown = move || {
        let language = store.language.get();
        store.events.with(|lines| {
            let from = lines.len().saturating_sub(SHOWN);
            let key = |line: &Line| (line.id, line.times, line.wall_ms, language as u8);
            lines.iter().skip(from).map(|line| (key(line), line.clone())).collect::<Vec<_>>()
        })
    };
    let unseen = Memo::new(move |_| {
        if at_end.get() {
            0
        } else {
            store.events.with(|lines| lines.iter().filter(|line| line.id > seen.get()).count())
        }
    });
    view! {
        <Show when=move || store.events.with(std::collections::VecDeque::is_empty)>
            <p class="hint">{store.say(|words| words.no_events)}</p>
        </Show>
        <ol class="events" node_ref=list on:scroll=scrolled tabindex="0" aria-label=store.say(|words| words.events)>
            <For each=shown key=|(key, _)| *key let((_, line))>{line_view(store, &line)}</For>
        </ol>
        <Show when=move || unseen.get() != 0>
            <button class="unseen" on:click=move |_| to_end()>{move || (words().new_lines)(unseen.get() as u32)}</button>
        </Show>
    }
    .into_any()
}
