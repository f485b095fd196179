//! The bar at the top: health in words, what is saved, the clock, language, theme, starting over.

use crate::ui::icons::{Glyph, Icon};
use crate::ui::store::{Phase, Process, Store};
use leptos::prelude::*;

/// Worst first.
fn health(store: Store) -> (&'static str, Glyph, String) {
    let words = store.words();
    if store.phase.get() != Phase::Here {
        return ("plain", Glyph::Starting, words.starting.to_owned());
    }
    store.picture.with(|picture| {
        let all = picture.brokers.len();
        let down = picture.brokers.iter().filter(|(_, process)| !process.is_some_and(Process::lives)).count();
        let (under, leaderless) = picture.unhealthy();
        let mut texts = Vec::new();
        if leaderless > 0 {
            texts.push((words.leaderless)(leaderless));
        }
        if down > 0 {
            texts.push((words.brokers_down)(down, all));
        }
        let starting = picture.brokers.iter().any(|(_, process)| *process == Some(Process::Starting));
        if picture.controller.is_none() {
            if starting && down == 0 {
                return ("plain", Glyph::Starting, words.starting.to_owned());
            }
            texts.push(words.no_controller.to_owned());
        }
        if under > 0 {
            texts.push((words.under_replicated)(under));
        }
        match texts.is_empty() {
            true if starting => ("plain", Glyph::Starting, words.starting.to_owned()),
            true => ("ok", Glyph::Up, (words.healthy)(all)),
            false if leaderless > 0 || picture.controller.is_none() => ("err", Glyph::Warning, texts.join(" · ")),
            false => ("warn", Glyph::Warning, texts.join(" · ")),
        }
    })
}

/// `14:03:41`, in the reader's time zone.
pub(crate) fn clock(wall_ms: i64, millis: bool) -> String {
    if wall_ms <= 0 {
        return "--:--:--".to_owned();
    }
    let date = js_sys::Date::new(&wasm_bindgen::JsValue::from_f64(wall_ms as f64));
    let text = format!("{:02}:{:02}:{:02}", date.get_hours(), date.get_minutes(), date.get_seconds());
    if millis { format!("{text}.{:03}", date.get_milliseconds()) } else { text }
}

/// The bar.
#[component]
pub(crate) fn TopBar() -> impl IntoView {
    let store = Store::get();
    let words = move || store.words();
    let health = Memo::new(move |_| health(store));
    let asks = RwSignal::new(false);
    let saved = move || store.not_saved.with(Option::is_none);
    let theme = move || match store.theme.get() {
        None => words().themes[0],
        Some("light") => words().themes[1],
        Some(_) => words().themes[2],
    };
    let next_theme = move |_| {
        store.set_theme(match store.theme.get() {
            None => Some("light"),
            Some("light") => Some("dark"),
            Some(_) => None,
        });
    };
    let topics = move || store.picture.with(|picture| picture.own_topics().count());
    view! {
        <header class="top-bar">
            <h1>"Broker Playground"</h1>
            <span class=move || format!("state health {}", health.get().0)>
                <Icon glyph=Signal::derive(move || health.get().1) />
                <span>{move || health.get().2}</span>
            </span>
            <span class="space"></span>
            <span class="state saved" class:warn=move || !saved() title=move || store.not_saved.get()>
                {move || if saved() { words().saved } else { words().not_saved }}
            </span>
            <span class="data clock">{move || clock(store.wall_ms.get(), false)}</span>
            <button class="quiet" lang=move || store.language.get().other().tag() title=move || words().language
                on:click=move |_| store.speak(store.language.get_untracked().other())>
                {move || words().other_language}
            </button>
            <button class="quiet theme" title=move || words().theme on:click=next_theme>{theme}</button>
            <button class="quiet over" on:click=move |_| asks.set(true)>{move || words().start_over}</button>
            <button class="quiet" title=move || words().help aria-label=move || words().help
                on:click=move |_| store.show_steps(true)>"?"</button>
        </header>
        <Show when=move || asks.get()>
            <div class="notice asks" role="alertdialog">
                <p>{move || (words().start_over_asks)(topics())}</p>
                <button autofocus node_ref=focused() on:click=move |_| asks.set(false)>{move || words().cancel}</button>
                <button class="danger" on:click=move |_| store.start_over()>{move || words().start_over_does}</button>
            </div>
        </Show>
    }
}

/// A reference to a button that takes the focus once it is there.
pub(crate) fn focused() -> NodeRef<leptos::html::Button> {
    let button = NodeRef::<leptos::html::Button>::new();
    Effect::new(move |_| {
        if let Some(button) = button.get() {
            let _ = button.focus();
        }
    });
    button
}
