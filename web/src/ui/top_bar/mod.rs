//! The bar at the top: health in words, what is saved, the clock, language, theme, starting over.

use crate::ui::icons::{Glyph, Icon};
use crate::ui::store::{Phase, Picture, Store};
use leptos::prelude::*;

/// Worst first.
fn health(store: Store) -> (&'static str, Glyph, String) {
    let words = store.words();
    if store.phase.get() != Phase::Here {
        return ("plain", Glyph::Starting, words.starting.to_owned());
    }
    let health = store.picture.with(Picture::health);
    let starting = ("plain", Glyph::Starting, words.starting.to_owned());
    let is_lost = !health.has_majority && !health.starting;
    let mut texts = Vec::new();
    let mut say = |number: usize, text: fn(usize) -> String| {
        if number > 0 {
            texts.push(text(number));
        }
    };
    say(health.leaderless, words.leaderless);
    say(health.unled, words.unled);
    let is_bad = health.leaderless + health.unled > 0 || is_lost;
    if is_lost {
        texts.push(words.no_majority.to_owned());
    }
    if !health.down.is_empty() {
        texts.push((words.brokers_down)(health.down.len(), health.brokers));
    }
    if !health.has_controller && health.has_majority {
        if health.starting && texts.is_empty() {
            return starting;
        }
        texts.push(words.no_controller.to_owned());
    }
    if health.under_replicated > 0 {
        texts.push((words.under_replicated)(health.under_replicated));
    }
    match (texts.is_empty(), is_bad) {
        (true, _) if health.starting => starting,
        (true, _) => ("ok", Glyph::Up, (words.healthy)(health.brokers)),
        (false, true) => ("err", Glyph::Warning, texts.join(" · ")),
        (false, false) => ("warn", Glyph::Warning, texts.join(" · ")),
    }
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
            <span class=move || format!("state health {}", health.get().0) title=move || health.get().2>
                <Icon glyph=Signal::derive(move || health.get().1) />
                <span>{move || health.get().2}</span>
            </span>
            <span class="space"></span>
            <span class="state saved" class:warn=move || !saved() title=move || store.not_saved.get()>
                {move || if saved() { words().saved } else { words().not_saved }}
            </span>
            <span class="data clock">{move || clock(store.wall_ms.get(), false)}</span>
            <button class="quiet" lang=move || store.language.get().other().tag() title=store.say(|words| words.language)
                on:click=move |_| store.speak(store.language.get_untracked().other())>
                {store.say(|words| words.other_language)}
            </button>
            <button class="quiet theme" title=store.say(|words| words.theme) on:click=next_theme>{theme}</button>
            <button class="quiet over" on:click=move |_| asks.set(true)>{store.say(|words| words.start_over)}</button>
            <button class="quiet" title=store.say(|words| words.help) aria-label=store.say(|words| words.help)
                on:click=move |_| store.show_steps(true)>"?"</button>
        </header>
        <Show when=move || asks.get()>
            <div class="notice asks" role="alertdialog">
                <p>{move || (words().start_over_asks)(topics())}</p>
                <button autofocus node_ref=focused() on:click=move |_| asks.set(false)>{store.say(|words| words.cancel)}</button>
                <button class="danger" on:click=move |_| store.start_over()>{store.say(|words| words.start_over_does)}</button>
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
