//! What happened, a line each; newest last, and in sight unless one scrolled up.

use crate::ui::icons::{Glyph, Icon};
use crate::ui::store::Store;
use crate::ui::top_bar::clock;
use leptos::prelude::*;

/// Lines drawn; the page keeps more.
const SHOWN: usize = 200;

/// The events.
#[component]
pub(super) fn Events() -> impl IntoView {
    let store = Store::get();
    let words = move || store.words();
    let list = NodeRef::<leptos::html::Ol>::new();
    let at_end = RwSignal::new(true);
    let unseen = RwSignal::new(0_u32);
    let to_end = move || {
        if let Some(list) = list.get_untracked() {
            list.set_scroll_top(list.scroll_height());
        }
        unseen.set(0);
    };
    Effect::new(move |_| {
        store.events.track();
        if at_end.get_untracked() {
            request_animation_frame(to_end);
        } else {
            unseen.update(|unseen| *unseen += 1);
        }
    });
    let scrolled = move |_| {
        if let Some(list) = list.get_untracked() {
            at_end.set(list.scroll_top() + list.client_height() + 8 >= list.scroll_height());
            if at_end.get_untracked() {
                unseen.set(0);
            }
        }
    };
    let lines = move || {
        let language = store.language.get();
        store.events.with(|lines| {
            let from = lines.len().saturating_sub(SHOWN);
            lines
                .iter()
                .skip(from)
                .map(|line| {
                    let gravity = line.gravity();
                    let glyph = if gravity == "plain" { Glyph::Plain } else { Glyph::Warning };
                    let times = (line.times > 1).then(|| format!("×{}", line.times));
                    view! {
                        <li class=gravity>
                            <time class="data">{clock(line.wall_ms, true)}</time>
                            <Icon glyph=glyph />
                            <span>{line.words(language)} " " <b class="data">{times}</b></span>
                        </li>
                    }
                })
                .collect_view()
        })
    };
    view! {
        <Show when=move || store.events.with(std::collections::VecDeque::is_empty)>
            <p class="hint">{move || words().no_events}</p>
        </Show>
        <ol class="events" node_ref=list on:scroll=scrolled tabindex="0">{lines}</ol>
        <Show when=move || unseen.get() != 0>
            <button class="unseen" on:click=move |_| to_end()>{move || (words().new_lines)(unseen.get())}</button>
        </Show>
    }
}
